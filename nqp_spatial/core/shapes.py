"""Geometries of a panel: one for each unit, complete, with coordinates that are numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from nqp_spatial.core.aliases import Aliases, IdLookup, nearest_ids, targets_of
from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.text import listed, t
from nqp_spatial.errors import (
    DuplicateKeysError,
    GeometryError,
    UnmatchedIdsError,
    plain,
    sample,
)

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["matched_shapes", "without_shapes"]


def without_shapes(frame: pd.DataFrame, unit: str) -> tuple[pd.DataFrame, gpd.GeoDataFrame | None]:
    """Return the data of a GeoDataFrame, and its active geometry with one row per unit.

    A plain DataFrame is returned unchanged, with None. `unit` is one of its columns.

    Raises
    ------
    GeometryError
        If a unit has several different geometries; it is named.
    """
    import geopandas as gpd

    if not isinstance(frame, gpd.GeoDataFrame):
        return frame, None
    name = frame.active_geometry_name
    plain_frame = pd.DataFrame(frame)
    if name is None:
        return plain_frame, None
    data = plain_frame.drop(columns=name)
    ids = plain_frame[unit].reset_index(drop=True)
    shapes = frame.geometry.reset_index(drop=True)
    known = (shapes.notna() & ids.notna()).to_numpy()
    ids_known, shapes_known = ids[known], shapes[known]
    table = pd.DataFrame({"unit": ids_known, "shape": shapes_known.to_wkb()})
    distinct = ~table.duplicated()
    several = table["unit"][distinct][table["unit"][distinct].duplicated()].unique()
    if len(several):
        raise GeometryError(
            f"{len(several)} units have different geometries in different rows: {sample(several)}; "
            "give each unit one geometry, or pass geometry= with one row for each unit"
        )
    first = ~ids_known.duplicated()
    by_unit = gpd.GeoDataFrame(
        {unit: ids_known[first]}, geometry=shapes_known[first].array, crs=frame.crs
    )
    # A unit without any geometry keeps a row, so that it is named as such.
    bare = ids[~ids.isin(by_unit[unit]) & ids.notna()].drop_duplicates()
    if len(bare):
        empty = gpd.GeoDataFrame({unit: bare}, geometry=[None] * len(bare), crs=frame.crs)
        by_unit = cast("gpd.GeoDataFrame", pd.concat([by_unit, empty]))
    return data, by_unit


def matched_shapes(
    geometry: gpd.GeoDataFrame | gpd.GeoSeries,
    unit: str,
    units: pd.Index,
    extra_shapes: str,
    notes: list[str],
    aliases: Aliases,
) -> gpd.GeoDataFrame:
    """Return the geometries indexed by unit, in the order of the panel's units.

    `aliases` has the id on the map by id of the unit, where these differ.

    Raises
    ------
    GeometryError, DuplicateKeysError, UnmatchedIdsError
        See `SpatialPanel`.
    """
    shapes = _by_unit(geometry, unit)
    repeated = shapes.index.duplicated()
    if repeated.any():
        raise DuplicateKeysError(
            f"{int(repeated.sum())} units have more than one geometry: "
            f"{sample(shapes.index[repeated].unique())}; dissolve them into one row per unit"
        )
    targets = _on_map(units, shapes.index, aliases, notes)
    extra = shapes.index.difference(targets, sort=False)
    if len(extra) and extra_shapes == "drop" and len(extra) < len(shapes):
        notes.append(
            t(
                "left out {count} geometries without data: {ids}",
                count=len(extra),
                ids=listed(extra, 10),
            )
        )
        shapes = shapes.drop(index=extra)
    droppable = extra_shapes == "error" and targets.isin(shapes.index).all()
    check_same_ids(
        targets,
        shapes.index,
        our_name="frame",
        their_name="geometry",
        advice=("correct the ids" if droppable else "correct the ids, or name them in aliases=")
        + (", or pass extra_shapes='drop' for geometries without data" if droppable else ""),
    )
    shapes = shapes.loc[targets].set_index(units.rename("unit"))
    _require_coordinates(shapes)
    return shapes


def _on_map(units: pd.Index, theirs: pd.Index, aliases: Aliases, notes: list[str]) -> pd.Index:
    """Return the id that each unit has on a map, its own or its alias.

    Raises
    ------
    UnmatchedIdsError
        If an alias is of no unit or no shape, or two units are one shape.
    """
    if not aliases:
        return units
    targets = targets_of(units, aliases)
    lookup = IdLookup(theirs)
    renamed = [unit for unit, name in targets.items() if name != unit]
    for unit in renamed:
        name = targets[unit]
        target = lookup.like(name)
        if target is None:
            near = nearest_ids(name, theirs)
            raise UnmatchedIdsError(
                f"aliases= says that {plain(unit)!r} is {plain(name)!r} on the map, which has no "
                f"such id{f'; nearest: {sample(near)}' if near else ''}"
            )
        targets.loc[unit] = target
    repeated = targets[targets.duplicated(keep=False)]
    if len(repeated):
        pairs = [f"{plain(unit)!r} = {plain(name)!r}" for unit, name in repeated.items()]
        raise UnmatchedIdsError(
            f"several units are one shape of the map: {', '.join(pairs[:10])}; correct aliases="
        )
    pairs = [f"{plain(unit)} = {plain(targets[unit])}" for unit in renamed]
    notes.append(t("aliases: {pairs}", pairs=listed(pairs, 12)))
    return pd.Index(targets.infer_objects())


def _by_unit(geometry: gpd.GeoDataFrame | gpd.GeoSeries, unit: str) -> gpd.GeoDataFrame:
    import geopandas as gpd

    if isinstance(geometry, gpd.GeoSeries):
        geometry = geometry.to_frame("geometry")
    if not isinstance(geometry, gpd.GeoDataFrame):
        advice = "read it with geopandas.read_file, or pass the path to read_panel"
        if isinstance(geometry, pd.DataFrame):
            advice = "make one with geopandas.GeoDataFrame(frame, geometry=..., crs=...)"
        raise GeometryError(
            f"geometry must be a GeoDataFrame, got {type(geometry).__name__}; {advice}"
        )
    if geometry.active_geometry_name is None:
        raise GeometryError(
            "geometry must have an active column of geometries; name it with "
            "geometry.set_geometry(...)"
        )
    repeated = geometry.columns[geometry.columns.duplicated()].unique()
    if len(repeated):
        raise GeometryError(
            f"geometry has several columns called {sample(repeated)}; rename them, or keep one"
        )
    if unit in geometry.columns:
        shapes = geometry.set_index(unit)
    elif unit in geometry.index.names and geometry.index.nlevels > 1:
        shapes = geometry.set_index(geometry.index.get_level_values(unit))
    else:
        shapes = geometry.copy()
    shapes.index.name = "unit"
    return shapes


def _require_coordinates(shapes: gpd.GeoDataFrame) -> None:
    """Raise `GeometryError` naming units without a geometry or coordinates."""
    import shapely

    empty = shapes.geometry.isna() | shapes.geometry.is_empty
    if empty.any():
        raise GeometryError(
            f"{int(empty.sum())} units have no geometry: {sample(shapes.index[empty])}; "
            "give each unit a polygon or point"
        )
    points, rows = shapely.get_coordinates(shapes.geometry.array, return_index=True)
    odd = np.unique(rows[~np.isfinite(points).all(axis=1)])
    if len(odd):
        where = [(plain(shapes.index[k]), str(shapes.geometry.iloc[k])[:40]) for k in odd]
        raise GeometryError(
            f"{len(odd)} units have coordinates that are missing or infinite: {sample(where, 3)}; "
            "fill in the longitude and latitude of these units, or leave the units out"
        )
