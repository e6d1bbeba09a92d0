"""The columns of a table that name regions on a map of the package."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import pandas as pd

from nqp_spatial.core.aliases import nearest_ids
from nqp_spatial.core.shipped_maps import SHIPPED_MAPS
from nqp_spatial.datasets._gazetteer import gazetteer
from nqp_spatial.datasets.shipped import MapMatch, match_units
from nqp_spatial.errors import plain

__all__ = ["Proposal", "alias_proposals", "are_codes", "best_match", "one_name", "provinces_of"]

_PROVINCES = 34
_MOST = 3000  # ids; China has 2 800 counties


@dataclass(frozen=True)
class Proposal:
    """A column of ids, and how its units are found on a map of the package."""

    column: str
    match: MapMatch


def best_match(
    frame: pd.DataFrame, columns: Iterable[str], maps: Iterable[str] = SHIPPED_MAPS
) -> Proposal | None:
    """Return the column with most units on a map of the package; None if all fit by half or less.

    Parameters
    ----------
    frame : DataFrame
    columns : iterable of str
        Columns that may be ids, in the order of preference.
    maps : iterable of str
        Names of maps.

    Examples
    --------
    >>> frame = pd.DataFrame({"n": [1, 2], "省": ["广东", "内蒙古"]})
    >>> best_match(frame, ["n", "省"]).match.name
    'china-provinces'
    """
    proposals = []
    for column in columns:
        ids = pd.Index(frame[column].dropna().drop_duplicates())
        if not 1 < len(ids) <= _MOST or not (_are_texts(frame[column]) or are_codes(ids)):
            continue
        for name in maps:
            match = match_units(name, ids, {}, similar=0)
            if 2 * match.n_matched > len(ids):
                proposals.append((match.n_matched, _are_texts(frame[column]), column, name))
    if not proposals:
        return None
    # Names before codes: they are the words in figures and tables.
    _, _, column, name = max(proposals, key=lambda proposal: proposal[:2])
    ids = pd.Index(frame[column].dropna().drop_duplicates())
    return Proposal(str(column), match_units(name, ids, {}, provinces=provinces_of(frame, column)))


def provinces_of(frame: pd.DataFrame, unit: str) -> pd.Series | None:
    """Return the province of each unit, named like its column, if a column has provinces.

    Examples
    --------
    >>> frame = pd.DataFrame({"市": ["广州", "太原", "深圳"], "所属": ["广东", "山西", "广东省"]})
    >>> provinces_of(frame, "市").name
    '所属'
    """
    by_unit = frame.dropna(subset=unit).groupby(unit)
    for column in frame.columns.drop(unit):
        values = frame[column].dropna().drop_duplicates()
        if not 1 < len(values) <= 2 * _PROVINCES or not _are_texts(values):
            continue
        match = match_units("china-provinces", pd.Index(values), {}, similar=0)
        if match.n_matched == len(values) and by_unit[column].nunique().max() == 1:
            return by_unit[column].first()
    return None


def one_name(match: MapMatch, last: pd.Series) -> dict[str, str]:
    """Return aliases that join the names of one region, under the name of its last period.

    Parameters
    ----------
    match : MapMatch
    last : Series
        The last period of each unit.
    """
    lines: dict[str, str] = {}
    for _, rows in match.repeated.groupby("code"):
        names = sorted(rows.index, key=lambda unit: last[unit])
        lines |= {str(plain(unit)): str(plain(names[-1])) for unit in names[:-1]}
    return lines


def alias_proposals(places: Iterable[Hashable], theirs: pd.Index) -> dict[str, str]:
    """Return for each place the id of a map that is probably meant, or "".

    Parameters
    ----------
    places : iterable
        Ids that are not on the map.
    theirs : Index
        Ids of the map: the one that is the same Chinese prefecture, or else is written most alike.

    Examples
    --------
    >>> alias_proposals(["延边州", "Berlim"], pd.Index(["延边朝鲜族自治州", "Berlin", "Bern"]))
    {'延边州': '延边朝鲜族自治州', 'Berlim': 'Berlin'}
    """
    asked, names = list(places), gazetteer("prefectures")

    def codes(ids: list[Hashable]) -> list[int | None]:
        return [match.code for match in names.match(ids, [None] * len(ids), similar=0)]

    known = list(theirs) if len(theirs) <= _MOST else []
    by_code = dict(zip(codes(known), known, strict=True))
    proposals = {}
    for place, code in zip(asked, codes(asked), strict=True):
        near = [by_code[code]] if code and code in by_code else nearest_ids(place, theirs, 1)
        proposals[str(plain(place))] = str(plain(near[0])) if near else ""
    return proposals


def _are_texts(values: pd.Series) -> bool:
    return not (
        pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values)
    )


def are_codes(ids: pd.Index | pd.Series) -> bool:
    """Whether numbers can be codes of regions of China: whole, of two or six digits."""
    if not pd.api.types.is_numeric_dtype(ids) or pd.api.types.is_bool_dtype(ids) or not len(ids):
        return False
    six = (ids >= 110_000) & (ids < 830_000)
    two = (ids >= 11) & (ids < 83)
    return bool((six.all() or two.all()) and (ids % 1 == 0).all())
