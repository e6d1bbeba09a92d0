"""A page with linked views of a table, whose columns are identified as by ``nqp-spatial init``."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.shipped_maps import SHIPPED_MAPS
from nqp_spatial.core.text import Lang
from nqp_spatial.datasets.shipped import match_units
from nqp_spatial.errors import OptionError, UnmatchedIdsError, WeightsError, sample
from nqp_spatial.io import read_panel
from nqp_spatial.plots import explore
from nqp_spatial.report.study.files import reader_options
from nqp_spatial.report.study.starter import starter
from nqp_spatial.weights import contiguity, knn
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["explore_table"]

_READING = (
    "sheet_name", "encoding", "header_row", "footer_rows", "geometry_unit", "geometry_encoding",
)  # fmt: skip


def explore_table(
    table: Path,
    output: Path,
    *,
    map_name: str | None = None,
    unit: str | None = None,
    period: str | None = None,
    columns: Sequence[str] = (),
    lang: Lang | None = None,
) -> tuple[Path, list[str]]:
    """Write a page of the table and return its path, and notes on what was identified.

    Parameters
    ----------
    table, output : Path
    map_name : str, optional
        A file, or the name of a map of the package; if not given, the latter are tried.
    unit, period : str, optional
        Columns; identified if not given.
    columns : sequence of str
        What is shown, the first at first; all that can be drawn if empty.
    lang : {"en", "zh"}, optional
        That of the names of units if not given.

    Raises
    ------
    NqpError, OSError
        If a file cannot be read, or columns cannot be identified.
    """
    settings = _settings(table, map_name, unit, period)
    data = settings["data"]
    unit, period = unit or data["unit"], period or data.get("period")
    options = reader_options({name: data[name] for name in _READING if name in data})
    geometry = map_name or (data.get("geometry") if unit == data["unit"] else None)
    panel, notes = _panel(table, geometry, {"unit": unit, "period": period, **options})
    weights = _neighbours(panel)
    chosen = list(columns) or None
    words = lang or settings.get("study", {}).get("lang", "en")
    basemap: Any = "china" if geometry in SHIPPED_MAPS else None
    page = explore(
        panel, output, weights=weights, variables=chosen, lang=words, basemap=basemap,
        title=table.stem,
    )  # fmt: skip
    identified = f"regions: {unit}; periods: {period}; map: {geometry or 'none'}"
    return Path(str(page)), [identified, *map(str, panel.notes), *notes]


def _settings(
    table: Path, map_name: str | None, unit: str | None, period: str | None
) -> dict[str, Any]:
    """Return what `init` would write, or only the columns if both are named."""
    try:
        return tomllib.loads(starter(table, map_name, folder=table.parent))
    except OptionError:
        if unit is None or period is None:
            raise
        return {"data": {"unit": unit, "period": period}}


def _panel(
    table: Path, geometry: str | None, options: dict[str, Any]
) -> tuple[SpatialPanel, list[str]]:
    """Return the panel on its map, without the units that a map of the package does not have."""
    if geometry is None:
        return read_panel(table, balanced=False, **_of_table(options)), []
    if geometry not in SHIPPED_MAPS:
        path = geometry if Path(geometry).exists() else table.parent / geometry
        return (
            read_panel(table, geometry=path, balanced=False, extra_shapes="drop", **options), []
        )  # fmt: skip
    plain = read_panel(table, balanced=False, **_of_table(options))
    match = match_units(geometry, plain.units, {})
    absent = match.unmatched.index.union(match.repeated.index, sort=False)
    if len(absent) == plain.n_units:
        raise UnmatchedIdsError(
            f"no region of {geometry!r} has a name or code in {options['unit']!r}"
        )
    notes = []
    if len(absent):
        plain = plain.select(units=plain.units.difference(absent))
        notes.append(f"left out, not on the map: {sample(absent, 20)}")
    frame = pd.DataFrame(plain.frame.reset_index())
    return (
        SpatialPanel(
            frame, unit="unit", period="period", geometry=geometry, labels=plain.labels,
            balanced=False, extra_shapes="drop",
        ),
        notes,
    )  # fmt: skip


def _of_table(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if not name.startswith("geometry")}


def _neighbours(panel: SpatialPanel) -> SpatialWeights | None:
    """Return queen contiguity, four nearest neighbours of points, or None without a map."""
    if panel.geometry is None or panel.n_units < 6:
        return None
    is_point = panel.geometry.geom_type.isin(["Point", "MultiPoint"]).all()
    try:
        return knn(panel, k=4) if is_point else contiguity(panel, islands="nearest")
    except WeightsError:  # no two units touch
        return None
