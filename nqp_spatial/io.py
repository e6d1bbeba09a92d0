"""Reading panels from the files that researchers have: sheets, Stata files, shapefiles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from nqp_spatial.errors import OptionError, UnknownColumnError, sample
from nqp_spatial.panel import SpatialPanel

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["read_panel"]

_READERS = {
    ".csv": pd.read_csv,
    ".xlsx": pd.read_excel,
    ".xls": pd.read_excel,
    ".dta": pd.read_stata,
    ".parquet": pd.read_parquet,
}
_MAPS = (".shp", ".gpkg", ".geojson", ".json")


def read_panel(
    path: str | Path,
    *,
    unit: str,
    period: str | None = None,
    geometry: str | Path | gpd.GeoDataFrame | None = None,
    labels: Mapping[str, str] | None = None,
    balanced: bool = True,
    extra_shapes: Literal["error", "drop"] = "error",
    geometry_unit: str | None = None,
    **options: Any,
) -> SpatialPanel:
    r"""Read a panel from a table and, optionally, a map.

    Parameters
    ----------
    path : path
        Table as csv, xlsx, xls, dta or parquet, in long form. Variable labels of a Stata file
        become the panel's labels.
    unit, period : str
        Columns of ids and periods.
    geometry : path or GeoDataFrame, optional
        Map as shp, gpkg or geojson.
    labels, balanced, extra_shapes
        As in `SpatialPanel`.
    geometry_unit : str, optional
        Column of the map with the ids, if it is not named `unit` (shapefiles cut names to ten
        characters).
    **options
        Passed to the pandas reader, such as ``sheet_name=`` or ``encoding=``.

    Returns
    -------
    SpatialPanel

    Raises
    ------
    OptionError
        If the file's ending is not one of those above, or its text is in another encoding.
    FileNotFoundError
        If there is no such file.
    UnknownColumnError
        If the map has no column of ids.
    PanelError, UnmatchedIdsError
        As in `SpatialPanel`.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "p.csv").write_text("city,year,x\na,2019,1\na,2020,2\n")
    >>> read_panel(folder / "p.csv", unit="city", period="year")
    SpatialPanel: 1 units x 2 periods (2019 to 2020), 1 column, no geometry
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise OptionError(
            f"cannot read a table from {path.name!r}; endings known are {', '.join(_READERS)}"
        )
    found = dict(_stata_labels(path)) if suffix == ".dta" else {}
    try:
        frame = _READERS[suffix](path, **options)
    except UnicodeDecodeError as error:
        raise OptionError(
            f"{path.name!r} is not in {error.encoding}: name its encoding; tables from Chinese "
            "Excel are often in encoding='gb18030'"
        ) from None
    shapes = (
        _read_map(Path(geometry), geometry_unit or unit)
        if isinstance(geometry, str | Path)
        else geometry
    )
    if geometry_unit is not None and shapes is not None:
        shapes = shapes.rename(columns={geometry_unit: unit})
    return SpatialPanel(
        frame,
        unit=unit,
        period=period,
        geometry=shapes,
        labels={**found, **(labels or {})},
        balanced=balanced,
        extra_shapes=extra_shapes,
    )


def _read_map(path: Path, unit: str) -> gpd.GeoDataFrame:
    import geopandas as gpd

    if path.suffix.lower() not in _MAPS:
        raise OptionError(
            f"cannot read a map from {path.name!r}; endings known are {', '.join(_MAPS)}"
        )
    if not path.exists():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    shapes = gpd.read_file(path)
    if unit not in shapes.columns:
        raise UnknownColumnError(
            f"the map {path.name!r} has no column {unit!r} to match units by; its columns are "
            f"{sample(shapes.columns, 20)}; name the right one in geometry_unit="
        )
    return shapes


def _stata_labels(path: Path) -> dict[str, str]:
    with pd.read_stata(path, iterator=True) as reader:
        return {name: label for name, label in reader.variable_labels().items() if label}
