"""Match Chinese places in a table with the boundaries of the package."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import pandas as pd

from nqp_spatial.core.options import checked
from nqp_spatial.datasets.china import china_prefectures
from nqp_spatial.errors import UnmatchedIdsError, sample

__all__ = ["match_prefectures"]

# Codes in yearbooks of 2000-2020, and the unit of 2021 that has the same territory.
_FORMER_CODES = {
    **{110100: 110000, 120100: 120000, 310100: 310000, 500100: 500000},
    **{522200: 520600, 522400: 520500, 632100: 630200, 652100: 650400, 652200: 650500},
    **{542100: 540300, 542200: 540500, 542300: 540200, 542400: 540600, 542600: 540400},
    469003: 460400,
}
_FORMER_NAMES = {"襄樊": "襄阳", "思茅": "普洱"}
_PEOPLES = ("壮族", "回族", "维吾尔")
_SUFFIXES = ("特别行政区", "自治州", "地区", "林区", "自治县", "省", "市", "盟", "县")


@checked
def match_prefectures(
    places: Iterable[Hashable], provinces: Iterable[str] | None = None
) -> pd.DataFrame:
    """Find the prefecture-level units to which codes or names in a table refer.

    Parameters
    ----------
    places : iterable of int or str
        Codes (six digits, as numbers or text), Chinese names with or without their suffix, or the
        English names of `china_prefectures`; they may be mixed. The order is kept.
    provinces : iterable of str, optional
        Chinese or English name of the province of each place, to distinguish homonyms.

    Returns
    -------
    DataFrame
        One row per place, in their order: ``place``, ``adcode`` (Int64, missing where
        nothing matches), ``name_zh``, ``how``: "code", "former code", "name", "short name",
        "former name", "English name", "ambiguous", or "none"; ``label("match", how)`` of
        `nqp_spatial.core.text` gives their words in both languages.

    Raises
    ------
    UnmatchedIdsError
        If two places refer to the same unit.

    Notes
    -----
    Units that were merged into others (Chaohu 2011, Laiwu 2019) have no match: the user decides
    what to do with their data. Nor do provinces, unless they are themselves units: 海南省 is not
    the prefecture 海南 in Qinghai. The names 吉林 and 海南 without suffix, of a province and of a
    prefecture inside or outside it, are ambiguous without `provinces`; so are Jilin and Hainan in
    a table that contains other provinces.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> matches = nq.datasets.match_prefectures([330100, "襄樊市", "延边", "Urumqi", "巢湖市"])
    >>> matches[["adcode", "name_zh", "how"]]
       adcode   name_zh           how
    0  330100       杭州市          code
    1  420600       襄阳市   former name
    2  222400  延边朝鲜族自治州    short name
    3  650100     乌鲁木齐市  English name
    4    <NA>                    none
    """
    units = china_prefectures()
    asked = pd.Series(list(places), dtype=object)
    where = pd.Series(list(provinces) if provinces is not None else [None] * len(asked))
    if len(where) != len(asked):
        raise UnmatchedIdsError(f"{len(asked)} places but {len(where)} provinces were given")
    tables = _tables(units)
    homonyms = _province_names(units, asked)
    rows = [
        _match(place, province, tables, units, homonyms)
        for place, province in zip(asked, where, strict=True)
    ]
    matches = pd.DataFrame(rows, columns=["adcode", "how"])
    matches["adcode"] = matches["adcode"].astype("Int64")
    matches.insert(0, "place", asked)
    matches.insert(2, "name_zh", matches["adcode"].map(units["name_zh"]).fillna(""))
    repeated = matches["adcode"].notna() & matches["adcode"].duplicated(keep=False)
    if repeated.any():
        raise UnmatchedIdsError(
            f"several places mean one unit: {sample(pd.Index(matches.loc[repeated, 'place']))}; "
            "keep one row for each unit"
        )
    return matches


def _tables(units: pd.DataFrame) -> dict[str, dict[str, list[int]]]:
    """Return codes by name, for each kind of name, in the order in which they are tried."""
    english = units["name_en"].str.replace(r" \(.*\)", "", regex=True)
    kinds = {
        "name": units["name_zh"],
        "short name": units["name_zh"].map(_short),
        "English name": units["name_en"].str.lower(),
        "short English name": english.str.lower(),
    }
    tables: dict[str, dict[str, list[int]]] = {}
    for kind, names in kinds.items():
        table = tables.setdefault(kind, {})
        for code, name in names.items():
            table.setdefault(name, []).append(int(code))
    # 延边朝鲜族自治州 is called 延边: the first two characters, where these are unambiguous.
    beginnings: dict[str, list[int]] = {}
    for code, name in units["name_zh"].items():
        if name.endswith("自治州"):
            for length in range(2, len(name)):
                beginnings.setdefault(name[:length], []).append(int(code))
    tables["beginning"] = beginnings
    return tables


def _province_names(units: pd.DataFrame, places: pd.Series) -> set[str]:
    """Return short names of provinces that are not units, which a prefecture may also have.

    English names are those of `china_prefectures` itself, so they count as provinces only in a
    table that contains provinces whose names no prefecture has.
    """
    others = units[~units["name_zh"].isin(units["province_zh"])]
    chinese = {_bare_province(name) for name in others["province_zh"]}
    english = {name.lower() for name in others["province_en"]}
    asked = {str(place).strip().lower() for place in places}
    only_provinces = english - set(units["name_en"].str.lower())
    return chinese | (english if asked & only_provinces else set())


def _bare_province(name: str) -> str:
    bare = name.removesuffix("自治区").removesuffix("省")
    return next((bare.removesuffix(p) for p in _PEOPLES if bare.endswith(p)), bare)


def _match(
    place: Hashable,
    province: object,
    tables: dict[str, dict[str, list[int]]],
    units: pd.DataFrame,
    homonyms: set[str],
) -> tuple[int | None, str]:
    text = str(place).strip()
    digits = text.removesuffix(".0")
    if digits.isdigit():
        code = int(digits)
        if code in units.index:
            return code, "code"
        former = _FORMER_CODES.get(code)
        return (former, "former code") if former else (None, "none")
    if text.endswith(("省", "自治区")) and text not in tables["name"]:
        return None, "none"
    short = _short(text)
    tries = (
        ("name", text, "name"),
        ("short name", short, "short name"),
        ("short name", _FORMER_NAMES.get(short, ""), "former name"),
        ("beginning", short, "short name"),
        ("English name", text.lower(), "English name"),
        ("short English name", text.lower(), "English name"),
    )
    for table, name, how in tries:
        codes = tables[table].get(name, []) if name else []
        if province is not None and isinstance(province, str):
            codes = [code for code in codes if _in_province(units, code, province)]
        if len(codes) == 1 and not isinstance(province, str) and text.lower() in homonyms:
            return None, "ambiguous"
        if len(codes) == 1:
            return codes[0], how
        if codes:
            return None, "ambiguous"
    return None, "none"


def _short(name: str) -> str:
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and len(name) - len(suffix) >= 2:
            return name.removesuffix(suffix)
    return name


def _in_province(units: pd.DataFrame, code: int, province: str) -> bool:
    row = units.loc[code]
    chinese, english = str(row["province_zh"]), str(row["province_en"])
    name = province.strip()
    bare = name.removesuffix("省").removesuffix("市")
    return name.lower() == english.lower() or (len(bare) >= 2 and chinese.startswith(bare))
