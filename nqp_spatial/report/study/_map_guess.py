"""The columns of a table that name regions on a map of the package."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from nqp_spatial.core.shipped_maps import SHIPPED_MAPS
from nqp_spatial.datasets.shipped import MapMatch, match_units

__all__ = ["Proposal", "are_codes", "best_match"]

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
            if 2 * match.n_matched > len(ids) and not len(match.repeated):
                proposals.append((match.n_matched, _are_texts(frame[column]), column, name))
    if not proposals:
        return None
    # Names before codes: they are the words in figures and tables.
    _, _, column, name = max(proposals, key=lambda proposal: proposal[:2])
    ids = pd.Index(frame[column].dropna().drop_duplicates())
    return Proposal(str(column), match_units(name, ids, {}))


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
