"""Names and codes of Chinese places, and the unit of a shipped map to which each refers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cache
from typing import Literal

import pandas as pd

from nqp_spatial.core.aliases import alike
from nqp_spatial.datasets.china import china_prefectures, china_provinces

__all__ = ["Gazetteer", "PlaceMatch", "clean_name", "gazetteer"]

Level = Literal["prefectures", "provinces"]

# Codes in yearbooks of 2000-2020, and the unit of 2021 that has the same territory.
_FORMER_CODES = {
    **{110100: 110000, 120100: 120000, 310100: 310000, 500100: 500000},
    **{522200: 520600, 522400: 520500, 632100: 630200, 652100: 650400, 652200: 650500},
    **{542100: 540300, 542200: 540500, 542300: 540200, 542400: 540600, 542600: 540400},
    469003: 460400,
}
_FORMER_NAMES = {
    "襄樊": "襄阳", "思茅": "普洱", "淮阴": "淮安", "达川": "达州", "荆沙": "荆州",
    "通什": "五指山",
}  # fmt: skip
# Units that became parts of others: codes and names, and what became of them.
_MERGED = {
    ("371200", "莱芜", "laiwu"): ("part of 济南市 since 2019", (370100,)),
    ("341400", "巢湖", "chaohu"): (
        "divided among 合肥市, 芜湖市 and 马鞍山市 in 2011",
        (340100, 340200, 340500),
    ),
}
_PEOPLES = ("壮族", "回族", "维吾尔")
_SUFFIXES = ("特别行政区", "自治州", "地区", "林区", "自治县", "省", "市", "盟", "县")
_OTHER_ENGLISH = {
    "neimenggu": 150000, "neimongol": 150000, "xizang": 540000, "macao": 820000, "aomen": 820000,
    "xianggang": 810000,
}  # fmt: skip
_ENGLISH_SUFFIX = re.compile(
    r"[\s,]+(city|shi|prefecture|province|sheng|municipality|sar|"
    r"(zhuang |hui |uygur |uyghur )?autonomous (region|prefecture))\s*$",
    re.IGNORECASE,
)
_TAKEN = 0.25  # less likeness: one of three characters counts 1/3 and more
_SAME_PROVINCE = 0.5
_CODE = re.compile(r"(\d+)(?:\.0+)?")

Table = dict[str, list[int]]


@dataclass(frozen=True)
class PlaceMatch:
    """The unit to which a place refers.

    Attributes
    ----------
    code : int or None
    how : str
        As in `match_prefectures`.
    near : tuple of int
        Codes of the most similar units, the best first, if none was identified.
    remark : str
        What became of a unit that no longer exists.
    """

    code: int | None
    how: str
    near: tuple[int, ...] = ()
    remark: str = ""


@dataclass(frozen=True)
class Gazetteer:
    """The names of the units of one shipped map.

    Attributes
    ----------
    units : DataFrame
        Indexed by code: ``name_zh, name_en, province_zh, province_en``.
    tries : list of (how, table, key)
        Tables of codes by name in the order in which they are tried, and the form of a name in
        each.
    former_codes : mapping
    provincial : bool
        Whether the units are the provinces.
    """

    units: pd.DataFrame
    tries: list[tuple[str, Table, Callable[[str], str]]]
    former_codes: Mapping[int, int]
    provincial: bool

    def match(
        self,
        places: Iterable[Hashable],
        provinces: Iterable[object],
        *,
        similar: int = 50,
        probable: Iterable[object] | None = None,
    ) -> list[PlaceMatch]:
        """Return the match of each place; similar units only for the first that have none.

        Parameters
        ----------
        places, provinces : iterable
            A province of None is not known.
        similar : int
            For how many places without a match similar units are sought.
        probable : iterable, optional
            Provinces that only order the similar units.
        """
        named = list(places)
        homonyms = set() if self.provincial else _province_names(self.units, named)
        texts = [clean_name(place) for place in named]
        matches = [
            self._match(text, province, homonyms)
            for text, province in zip(texts, provinces, strict=True)
        ]
        taken = {match.code for match in matches if match.code is not None}
        likely = [None] * len(named) if probable is None else list(probable)
        for place, (text, match) in enumerate(zip(texts, matches, strict=True)):
            if match.code is None and not match.near and similar > 0:
                fate = self._fate(text, taken, likely[place])
                matches[place] = PlaceMatch(None, match.how, *fate)
                similar -= 1
        return matches

    def _match(self, text: str, province: object, homonyms: set[str]) -> PlaceMatch:
        code = _CODE.fullmatch(text)
        return self._by_code(code[1]) if code else self._by_name(text, province, homonyms)

    def _fate(self, text: str, taken: Set[int], province: object) -> tuple[tuple[int, ...], str]:
        """Return the units most similar to a place, or those that it was merged into, and how."""
        remark, parts = _merged(text)
        known = tuple(code for code in parts if code in self.units.index)
        if not known and not self.provincial and text in set(self.units["province_zh"]):
            return (), "a province"
        return (known, remark) if known else (self._nearest(text, taken, province), "")

    def _by_code(self, digits: str) -> PlaceMatch:
        # Codes of statistics have six digits and zeros behind them; those of provinces, two.
        long = digits[6:] if len(digits) in (9, 12) else ""
        number = int(digits[:6] if long and not long.strip("0") else digits)
        if self.provincial and len(digits) == 2:
            number *= 10_000
        if number in self.units.index:
            return PlaceMatch(number, "code")
        former = self.former_codes.get(number)
        return PlaceMatch(former, "former code") if former else PlaceMatch(None, "none")

    def _by_name(self, text: str, province: object, homonyms: set[str]) -> PlaceMatch:
        names = self.tries[0][1]
        if not self.provincial and text.endswith(("省", "自治区")) and text not in names:
            return PlaceMatch(None, "none")
        known = isinstance(province, str)
        for how, table, key in self.tries:
            codes = table.get(key(text), []) if key(text) else []
            if known:
                codes = [code for code in codes if self._is_in(code, str(province))]
            if len(codes) == 1 and (known or text.lower() not in homonyms):
                return PlaceMatch(codes[0], how)
            if codes:
                return PlaceMatch(None, "ambiguous", tuple(codes))
        if not known and not self.provincial:
            return self._behind_province(text)
        return PlaceMatch(None, "none")

    def _behind_province(self, text: str) -> PlaceMatch:
        """Match a name that begins with its province, such as 江苏省苏州市."""
        for name in self.units["province_zh"].unique():
            for beginning in (name, _bare_province(name)):
                rest = text.removeprefix(beginning)
                if rest != text and len(rest) > 1:
                    result = self._by_name(rest, name, set())
                    how = "name with province" if result.code else "none"
                    return PlaceMatch(result.code, how, result.near)
        return PlaceMatch(None, "none")

    def _is_in(self, code: int, province: str) -> bool:
        row = self.units.loc[code]
        chinese, english = str(row["province_zh"]), str(row["province_en"])
        name = province.strip()
        bare = name.removesuffix("省").removesuffix("市")
        return name.lower() == english.lower() or (len(bare) >= 2 and chinese.startswith(bare))

    def _nearest(self, text: str, taken: Set[int], province: object) -> tuple[int, ...]:
        """Return up to three units with similar names or codes, those of other places later."""
        short = _short(text)
        likeness: dict[int, float] = {}
        for _, table, key in self.tries:
            word = key(text) or short
            for name, value in alike(word, table).items():
                for code in table[name]:
                    likeness[code] = max(value, likeness.get(code, 0))
        # Names such as 亳州市 differ from many in one character: a region that another place of
        # the table is already is probably not meant.
        for code in likeness.keys() & taken:
            likeness[code] -= _TAKEN
        if isinstance(province, str):
            for code in likeness:
                likeness[code] += _SAME_PROVINCE * self._is_in(code, province)
        return tuple(sorted(likeness, key=lambda code: (-likeness[code], code))[:3])


def clean_name(place: Hashable) -> str:
    r"""Return a place as text: without blanks at its ends, wide signs and signs that do not show.

    Examples
    --------
    >>> clean_name("\u3000杭 州 市 "), clean_name("Hong  Kong"), clean_name(330100.0)
    ('杭州市', 'Hong Kong', '330100.0')
    """
    text = unicodedata.normalize("NFKC", str(place))
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    chinese = any("\u4e00" <= sign <= "\u9fff" for sign in text)
    return ("" if chinese else " ").join(text.split())


@cache
def gazetteer(level: Level) -> Gazetteer:
    """Return the names of the units of a shipped map."""
    columns = ["name_zh", "name_en", "province_zh", "province_en"]
    if level == "provinces":
        units = pd.DataFrame(china_provinces()[columns])
        return Gazetteer(units, _tries_of_provinces(units), {}, provincial=True)
    units = pd.DataFrame(china_prefectures()[columns])
    return Gazetteer(units, _tries_of_prefectures(units), _FORMER_CODES, provincial=False)


def _tries_of_prefectures(
    units: pd.DataFrame,
) -> list[tuple[str, Table, Callable[[str], str]]]:
    shorts = _table(units["name_zh"].map(_short))
    # 延边朝鲜族自治州 is called 延边: the first two characters, where these are unambiguous.
    beginnings: Table = {}
    for code, name in units["name_zh"].items():
        if name.endswith("自治州"):
            for length in range(2, len(name)):
                beginnings.setdefault(name[:length], []).append(int(code))
    bare = units["name_en"].str.replace(r" \(.*\)", "", regex=True)
    return [
        ("name", _table(units["name_zh"]), str),
        ("short name", shorts, _short),
        ("former name", shorts, lambda name: _FORMER_NAMES.get(_short(name), "")),
        ("short name", beginnings, lambda name: _short(name).removesuffix("州")),
        ("English name", _english(units["name_en"]), _latin),
        ("English name", _english(bare), _latin),
    ]


def _tries_of_provinces(units: pd.DataFrame) -> list[tuple[str, Table, Callable[[str], str]]]:
    shorts: Table = {}
    for code, name in units["name_zh"].items():
        bare = _short(_bare_province(name))
        forms = [bare, *([f"{bare}自治区", f"{bare}省"] if name.endswith("自治区") else [])]
        for form in [*forms, *(["内蒙"] if bare == "内蒙古" else [])]:
            shorts[form] = [int(code)]
    english = _english(units["name_en"])
    english |= {name: [code] for name, code in _OTHER_ENGLISH.items()}
    return [
        ("name", _table(units["name_zh"]), str),
        ("short name", shorts, str),
        ("English name", english, _latin),
    ]


def _table(names: pd.Series) -> Table:
    """Return codes by name."""
    table: Table = {}
    for code, name in names.items():
        table.setdefault(name, []).append(int(code))
    return table


def _english(names: pd.Series) -> Table:
    # ü is written u or v.
    return _table(names.map(_latin)) | _table(names.str.replace("ü", "v").map(_latin))


def _latin(name: str) -> str:
    """Return a name in Latin letters without accents, blanks and signs; "" of other letters."""
    bare = _ENGLISH_SUFFIX.sub("", name)
    letters = unicodedata.normalize("NFKD", bare).lower()
    letters = "".join(sign for sign in letters if not unicodedata.combining(sign))
    kept_letters = re.sub(r"[\s'’`(),.-]", "", letters)
    return kept_letters if re.fullmatch("[a-z]+", kept_letters) else ""


def _short(name: str) -> str:
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and len(name) - len(suffix) >= 2:
            return name.removesuffix(suffix)
    return name


def _bare_province(name: str) -> str:
    bare = name.removesuffix("自治区").removesuffix("省")
    return next((bare.removesuffix(p) for p in _PEOPLES if bare.endswith(p)), bare)


def _merged(text: str) -> tuple[str, tuple[int, ...]]:
    forms = {text.removesuffix(".0"), _short(text), _latin(text)}
    return next((fate for names, fate in _MERGED.items() if forms & set(names)), ("", ()))


def _province_names(units: pd.DataFrame, places: list[Hashable]) -> set[str]:
    """Return short names of provinces that are not units, which a prefecture may also have.

    English names are those of `china_prefectures` itself, so they count as provinces only in a
    table that contains provinces whose names no prefecture has.
    """
    others = units[~units["name_zh"].isin(units["province_zh"])]
    chinese = {_bare_province(name) for name in others["province_zh"]}
    english = {name.lower() for name in others["province_en"]}
    asked = {clean_name(place).lower() for place in places}
    only_provinces = english - set(units["name_en"].str.lower())
    return chinese | (english if asked & only_provinces else set())
