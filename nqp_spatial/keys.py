"""Keys of data and geometries: unique, complete, of one type, the same on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from nqp_spatial.errors import (
    DuplicateKeysError,
    GeometryError,
    MissingValuesError,
    OptionError,
    PanelError,
    UnbalancedPanelError,
    UnknownColumnError,
    UnmatchedIdsError,
    plain,
    sample,
)

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = [
    "balancing_choices",
    "check_same_ids",
    "keyed",
    "matched_shapes",
    "require_balanced",
    "type_hint",
]


def check_same_ids(
    ours: pd.Index, theirs: pd.Index, *, our_name: str, their_name: str, advice: str
) -> None:
    """Raise unless two sets of ids are the same, showing samples from both sides.

    Parameters
    ----------
    ours, theirs : Index
        Unique ids, in any order.
    our_name, their_name : str
        How to call the two sides in the message.
    advice : str
        What the caller can do about it.

    Raises
    ------
    UnmatchedIdsError
        If the sets differ.

    Examples
    --------
    >>> import pandas as pd
    >>> check_same_ids(pd.Index([1, 2]), pd.Index([2, 3]), our_name="panel",
    ...                their_name="weights", advice="build both from one list")
    Traceback (most recent call last):
    ...
    nqp_spatial.errors.UnmatchedIdsError: ids of panel and weights differ: ...
    """
    only_ours = ours.difference(theirs, sort=False)
    only_theirs = theirs.difference(ours, sort=False)
    if not len(only_ours) and not len(only_theirs):
        return
    parts = [f"ids of {our_name} and {their_name} differ:"]
    if len(only_ours):
        parts.append(f"{len(only_ours)} of {len(ours)} only in {our_name} ({sample(only_ours)});")
    if len(only_theirs):
        parts.append(
            f"{len(only_theirs)} of {len(theirs)} only in {their_name} ({sample(only_theirs)});"
        )
    raise UnmatchedIdsError(f"{' '.join(parts)} {advice}{type_hint(ours, theirs)}")


def type_hint(ours: pd.Index, theirs: pd.Index) -> str:
    """Say so where ids would match if both were written as text."""
    if not (len(ours) and len(theirs)):
        return ""
    one, other = type(plain(ours[0])).__name__, type(plain(theirs[0])).__name__
    if one == other or not set(map(str, ours)) & set(map(str, theirs)):
        return ""
    return f" (the ids are {one} on one side and {other} on the other: convert one side)"


def keyed(frame: pd.DataFrame, unit: str, period: str | None) -> pd.DataFrame:
    """Return a copy of the frame indexed by (unit, period), unique and sorted."""
    keys = [unit] if period is None else [unit, period]
    index_names = [name for name in frame.index.names if name in keys]
    data = frame.reset_index(level=index_names) if index_names else frame
    for key in keys:
        if key not in data.columns:
            raise UnknownColumnError(
                f"the frame has no column {key!r}; its columns are {sample(data.columns, 20)}"
            )
    if data.empty:
        raise PanelError("the frame has no rows; pass one row for each unit and period")
    absent = data[keys].isna().any(axis=1)
    if absent.any():
        raise MissingValuesError(
            f"{int(absent.sum())} rows have no {' or '.join(keys)}, at row labels "
            f"{sample(data.index[absent])}; every row needs both"
        )
    columns = [data[unit], pd.Series(0, index=data.index) if period is None else data[period]]
    index = pd.MultiIndex.from_arrays(columns, names=["unit", "period"])
    repeated = index.duplicated()
    if repeated.any():
        raise DuplicateKeysError(
            f"{int(repeated.sum())} (unit, period) pairs occur more than once: "
            f"{sample(index[repeated].unique())}; keep one row for each pair, or name a period"
        )
    data = data.drop(columns=keys).set_axis(index, axis=0)
    for key, column in zip(keys, columns, strict=False):
        kinds = sorted({type(plain(value)).__name__ for value in column.unique()})
        if len(kinds) > 1 and set(kinds) != {"int", "float"}:
            # Such ids have no order, and the rows' order would stand in for it.
            raise PanelError(
                f"{key!r} has values of several types ({', '.join(kinds)}): convert them to one"
            )
    data = data.sort_index()
    data.index = data.index.remove_unused_levels()
    return data


def require_balanced(data: pd.DataFrame) -> None:
    """Raise `UnbalancedPanelError`, naming absent pairs, unless every unit is in every period."""
    units, periods = data.index.levels
    absent_count = len(units) * len(periods) - len(data)
    if absent_count:
        grid = pd.MultiIndex.from_product([units, periods])
        absent = grid.difference(data.index, sort=False)
        raise UnbalancedPanelError(
            f"the panel is unbalanced: {absent_count} of {len(grid)} (unit, period) pairs are "
            f"absent: {sample(absent)}; add them, or pass balanced=False and then choose "
            f"{balancing_choices(units, periods, absent)}"
        )


def balancing_choices(units: pd.Index, periods: pd.Index, gaps: pd.MultiIndex) -> str:
    """Return the ways to balance a panel with gaps, and what each would leave."""
    left = {
        how: f"{len(whole) - gaps.get_level_values(level).nunique()} of {len(whole)} {how[5:]}"
        for level, (how, whole) in enumerate([("drop-units", units), ("drop-periods", periods)])
    }
    return (
        f"panel.balance(how='drop-units'), which leaves {left['drop-units']}; 'drop-periods', "
        f"which leaves {left['drop-periods']}; or 'interpolate', which fills gaps inside a unit's "
        "series from its neighbours in time"
    )


def matched_shapes(
    geometry: gpd.GeoDataFrame,
    unit: str,
    units: pd.Index,
    extra_shapes: str,
    notes: list[str],
) -> gpd.GeoDataFrame:
    """Return the geometries indexed by unit, in the order of the panel's units."""
    if extra_shapes not in ("error", "drop"):
        raise OptionError(f"extra_shapes must be 'error' or 'drop', got {extra_shapes!r}")
    if not hasattr(geometry, "geometry"):
        raise GeometryError(
            f"geometry must be a GeoDataFrame, got {type(geometry).__name__}; "
            "read it with geopandas.read_file, or pass the path to read_panel"
        )
    shapes = geometry.set_index(unit) if unit in geometry.columns else geometry.copy()
    shapes.index.name = "unit"
    repeated = shapes.index.duplicated()
    if repeated.any():
        raise DuplicateKeysError(
            f"{int(repeated.sum())} units have more than one geometry: "
            f"{sample(shapes.index[repeated].unique())}; dissolve them into one row a unit"
        )
    extra = shapes.index.difference(units, sort=False)
    if len(extra) and extra_shapes == "drop" and len(extra) < len(shapes):
        notes.append(f"left out {len(extra)} geometries without data: {sample(extra, 10)}")
        shapes = shapes.drop(index=extra)
    check_same_ids(
        units,
        shapes.index,
        our_name="frame",
        their_name="geometry",
        advice="mend the ids, or pass extra_shapes='drop' for geometries without data",
    )
    shapes = shapes.loc[units]
    empty = shapes.geometry.isna() | shapes.geometry.is_empty
    if empty.any():
        raise GeometryError(
            f"{int(empty.sum())} units have no geometry: {sample(shapes.index[empty])}; "
            "give each unit a polygon or point"
        )
    return shapes
