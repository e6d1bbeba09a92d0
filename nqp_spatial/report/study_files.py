"""Reading the files that a study names as they are, and saying what cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nqp_spatial.errors import OptionError, sample

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["ids_of_map", "map_of", "sheets_of", "table_of"]

_READERS = {".csv": pd.read_csv, ".xlsx": pd.read_excel, ".xls": pd.read_excel,
            ".dta": pd.read_stata, ".parquet": pd.read_parquet}  # fmt: skip
_BOOKS = (".xlsx", ".xls")
# How a file of a format begins: GDAL looks at what is inside, and a list of other sources, on the
# network even, would be followed whatever its name.
_BEGINNINGS = {".shp": b"\x00\x00\x27\x0a", ".gpkg": b"SQLite format 3\x00", ".geojson": b"{",
               ".json": b"{"}  # fmt: skip


def table_of(
    path: Path, *, sheet_name: str | None = None, encoding: str | None = None
) -> pd.DataFrame:
    """Return a table as it is.

    Parameters
    ----------
    path : Path
        csv, xlsx, xls, dta or parquet.
    sheet_name, encoding : str, optional
        Of a workbook; of a csv.

    Raises
    ------
    OptionError
        If it cannot be read: another ending, encoding, sheet, an empty or a damaged file.
    """
    ending = path.suffix.lower()
    if ending not in _READERS:
        raise OptionError(f"cannot read {path.name!r}; endings known are {', '.join(_READERS)}")
    options: dict[str, Any] = {"encoding": encoding, "index_col": False} if ending == ".csv" else {}
    if ending in _BOOKS and sheet_name is not None:
        options["sheet_name"] = sheet_name
    try:
        frame = _READERS[ending](path, **options)
    except UnicodeError:
        raise OptionError(
            f"{path.name!r} is not in {encoding or 'utf-8'}: name its encoding; tables from "
            "Chinese Excel are often in encoding='gb18030'"
        ) from None
    except pd.errors.EmptyDataError:
        raise OptionError(f"{path.name!r} is empty: it has no row of column names") from None
    except Exception as error:  # each format's reader has its own
        raise OptionError(_unreadable(path, error, sheet_name)) from None
    if not isinstance(frame, pd.DataFrame):
        raise OptionError(f"{path.name!r} holds no single table")
    names = [str(name) for name in frame.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise OptionError(f"{path.name!r} has columns of the same name: {sample(twice)}")
    return frame.set_axis(names, axis=1)


def _unreadable(path: Path, error: Exception, sheet_name: str | None) -> str:
    """Return why a table cannot be read."""
    sheets = sheets_of(path)
    if sheets and sheet_name is not None and sheet_name not in sheets:
        return (
            f"{path.name!r} has no sheet {sheet_name!r} for sheet_name=; its sheets are "
            f"{sample(sheets, 20)}"
        )
    reason = " ".join(str(error).split()) or "no reason is named"
    return f"{path.name!r} cannot be read ({type(error).__name__}: {reason}): save it anew"


def sheets_of(path: Path) -> list[str]:
    """Return the names of a workbook's sheets; none if it is no workbook or cannot be read."""
    if path.suffix.lower() not in _BOOKS:
        return []
    try:
        with pd.ExcelFile(path) as book:
            return [str(name) for name in book.sheet_names]
    except Exception:  # what is wrong with it is said where it is read
        return []


def map_of(path: Path) -> gpd.GeoDataFrame:
    """Return a map as it is.

    Raises
    ------
    OptionError
        If it cannot be read, or has no geometries.
    """
    import geopandas as gpd

    _require_format(path)
    try:
        shapes = gpd.read_file(path)
    except UnicodeDecodeError:
        try:
            shapes = gpd.read_file(path, encoding="gb18030")
        except Exception as error:
            raise OptionError(f"the map {path.name!r} cannot be read ({error})") from None
    except Exception as error:
        reason = " ".join(str(error).split())
        raise OptionError(
            f"the map {path.name!r} cannot be read ({type(error).__name__}: {reason}): a map is a "
            "shp (with its shx and dbf), gpkg or geojson"
        ) from None
    if not isinstance(shapes, gpd.GeoDataFrame):
        raise OptionError(f"the map {path.name!r} has no geometries")
    if shapes.empty:
        raise OptionError(f"the map {path.name!r} has no shapes")
    return shapes


def _require_format(path: Path) -> None:
    """Raise unless a map's file begins as its ending says."""
    beginning = _BEGINNINGS.get(path.suffix.lower())
    if beginning is None:
        raise OptionError(
            f"cannot read a map from {path.name!r}; endings known are {', '.join(_BEGINNINGS)}"
        )
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise OptionError(f"the map {path.name!r} cannot be read: {error.strerror}") from None
    bare = head.removeprefix(b"\xef\xbb\xbf").lstrip() if beginning == b"{" else head
    if not bare.startswith(beginning):
        raise OptionError(
            f"the map {path.name!r} cannot be read: its contents are not those of a "
            f"{path.suffix.lower()} file"
        )


def ids_of_map(shapes: gpd.GeoDataFrame, unit: str, ids: pd.Series) -> tuple[str, list[str]]:
    """Return the map's column that has most of the units' ids, and those that it lacks.

    Parameters
    ----------
    shapes : GeoDataFrame
    unit : str
        Column of the table: of equals the one of this name is preferred.
    ids : Series
        Ids of the table, compared as text.

    Returns
    -------
    (str, list of str)
        An empty name if no column has half of them.
    """
    wanted = dict.fromkeys(ids.dropna().map(str))
    best, lacking = "", list(wanted)
    columns = [name for name in shapes.columns if name != shapes.geometry.name]
    for name in sorted(columns, key=lambda name: name != unit):
        theirs = set(shapes[name].map(str))
        absent = [text for text in wanted if text not in theirs]
        if len(absent) < len(lacking):
            best, lacking = str(name), absent
    return (best, lacking) if 2 * len(lacking) <= len(wanted) else ("", list(wanted))
