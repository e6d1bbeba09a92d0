"""Match Chinese places in a table with the boundaries of the package."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import pandas as pd

from nqp_spatial.core.options import checked
from nqp_spatial.datasets._gazetteer import Gazetteer, PlaceMatch, gazetteer
from nqp_spatial.errors import UnmatchedIdsError, sample

__all__ = ["match_prefectures", "match_provinces", "nearest_units"]


@checked
def match_prefectures(
    places: Iterable[Hashable], provinces: Iterable[str] | None = None
) -> pd.DataFrame:
    """Find the prefecture-level units to which codes or names in a table refer.

    Parameters
    ----------
    places : iterable of int or str
        Codes (six digits, as numbers or text), Chinese names with or without their suffix and
        province, or the English names of `china_prefectures`; they may be mixed. The order is kept.
        Blanks, wide digits, capitals and accents do not matter.
    provinces : iterable of str, optional
        Chinese or English name of the province of each place, to distinguish homonyms.

    Returns
    -------
    DataFrame
        One row per place, in their order: ``place``, ``adcode`` (Int64, missing where
        nothing matches), ``name_zh``, ``how``: "code", "former code", "name", "short name",
        "former name", "name with province", "English name", "ambiguous", or "none";
        ``label("match", how)`` of `nqp_spatial.core.text` gives their words in both languages;
        ``nearest``: where nothing matches, the most similar units, or what became of a unit that no
        longer exists.

    Raises
    ------
    UnmatchedIdsError
        If two places refer to the same unit.

    See Also
    --------
    match_provinces : The same for provinces.
    nqp_spatial.read_panel : With ``geometry="china-prefectures"`` a panel is matched in this way.

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
    >>> matches["nearest"].iloc[4]
    'divided among 合肥市, 芜湖市 and 马鞍山市 in 2011'
    """
    asked = list(places)
    where: list[object] = [None] * len(asked) if provinces is None else list(provinces)
    if len(where) != len(asked):
        raise UnmatchedIdsError(f"{len(asked)} places but {len(where)} provinces were given")
    return _matches(asked, where, gazetteer("prefectures"))


@checked
def match_provinces(places: Iterable[Hashable]) -> pd.DataFrame:
    """Find the provinces of China to which codes or names in a table refer.

    Parameters
    ----------
    places : iterable of int or str
        Codes (six or two digits, as numbers or text), Chinese names in full or short (广西), or
        English names; they may be mixed. The order is kept.

    Returns
    -------
    DataFrame
        One row per place, as in `match_prefectures`.

    Raises
    ------
    UnmatchedIdsError
        If two places refer to the same province.

    See Also
    --------
    china_provinces : The 34 units.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> matches = nq.datasets.match_provinces(["广东省", "内蒙古", 65, "Xizang", "吉林市"])
    >>> matches[["adcode", "name_zh", "how"]]
       adcode   name_zh           how
    0  440000       广东省          name
    1  150000    内蒙古自治区    short name
    2  650000  新疆维吾尔自治区          code
    3  540000     西藏自治区  English name
    4    <NA>                    none
    """
    asked = list(places)
    return _matches(asked, [None] * len(asked), gazetteer("provinces"))


def nearest_units(match: PlaceMatch, names: Gazetteer) -> str:
    """Return the names of similar units, or what became of a unit; "" if there are none."""
    near = ", ".join(str(names.units.loc[code, "name_zh"]) for code in match.near)
    return match.remark or near


def _matches(places: list[Hashable], provinces: list[object], names: Gazetteer) -> pd.DataFrame:
    results = names.match(places, provinces)
    codes = pd.Series([match.code for match in results], dtype="Int64")
    matches = pd.DataFrame(
        {
            "place": pd.Series(places, dtype=object),
            "adcode": codes,
            "name_zh": codes.map(names.units["name_zh"]).fillna("").astype(object),
            "how": pd.Series([match.how for match in results], dtype=object),
            "nearest": pd.Series([nearest_units(match, names) for match in results], dtype=object),
        }
    )
    repeated = codes.notna() & codes.duplicated(keep=False)
    if repeated.any():
        raise UnmatchedIdsError(
            f"several places mean one unit: {sample(pd.Index(matches.loc[repeated, 'place']))}; "
            "keep one row for each unit"
        )
    return matches
