"""The files named in a study, read unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nqp_spatial.errors import GeometryError, OptionError, PanelError, sample
from nqp_spatial.io import map_file, sheets_of, table_file

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["ids_of_map", "map_of", "reader_options", "rows_around", "table_of"]


def table_of(
    path: Path,
    *,
    unit: str = "",
    sheet_name: str | None = None,
    encoding: str | None = None,
    header_row: int | None = None,
    footer_rows: int | None = None,
) -> pd.DataFrame:
    """Return a table unchanged, with column names as text.

    Parameters
    ----------
    path : Path
        csv, xlsx, xls, dta or parquet.
    unit : str
        Column of ids, if known.
    sheet_name, encoding : str, optional
        For a workbook; for a csv.
    header_row, footer_rows : int, optional
        Row of the column names, from 1; rows below the table.

    Raises
    ------
    NqpError, OSError
        If it cannot be read: unknown extension, wrong encoding or sheet, empty or damaged file.
    """
    sheets = [] if sheet_name is None else sheets_of(path)
    if sheets and sheet_name not in sheets:
        raise OptionError(
            f"{path.name!r} has no sheet {sheet_name!r} for sheet_name=; its sheets are "
            f"{sample(sheets, 20)}"
        )
    frame, _ = table_file(
        path,
        unit,
        reader_options(
            {"sheet_name": sheet_name, "encoding": encoding, "header_row": header_row,
             "footer_rows": footer_rows}
        ),
    )  # fmt: skip
    names = [str(name) for name in frame.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PanelError(f"{path.name!r} has columns of the same name: {sample(twice)}")
    return frame.set_axis(names, axis=1)


def reader_options(reading: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of a table as options of the pandas reader.

    Examples
    --------
    >>> reader_options({"header_row": 2, "encoding": None})
    {'header': 1}
    """
    options = {key: value for key, value in reading.items() if value is not None}
    if "header_row" in options:
        options["header"] = options.pop("header_row") - 1
    if "footer_rows" in options:
        options["skipfooter"] = options.pop("footer_rows")
    return options


def rows_around(path: Path, sheet_name: str | None = None) -> dict[str, Any]:
    """Return the row of a sheet's column names, and the rows below its table, if there are any.

    A title or a source is a row with one filled cell, before or after the rows of the table.

    Parameters
    ----------
    path : Path
        A workbook.
    sheet_name : str, optional
        The first if not given.

    Returns
    -------
    dict
        ``header_row``, ``footer_rows``; without those that are as usual.
    """
    options: dict[str, Any] = {"header": None, "dtype": object}
    options |= {} if sheet_name is None else {"sheet_name": sheet_name}
    cells = table_file(path, "", options)[0]
    counts = cells.notna().sum(axis=1).to_numpy()
    rows = np.flatnonzero(counts > 1)
    if len(rows) < 2:
        return {}
    around = {"header_row": int(rows[0]) + 1, "footer_rows": len(counts) - 1 - int(rows[-1])}
    return {key: count for key, count in around.items() if count != (key == "header_row")}


def map_of(path: Path, encoding: str | None = None) -> gpd.GeoDataFrame:
    """Return a map unchanged, with at least one shape.

    Raises
    ------
    NqpError, OSError
        If it cannot be read, or is empty.
    """
    shapes = map_file(path, encoding)
    if shapes.empty:
        raise GeometryError(f"the map {path.name!r} has no shapes")
    return shapes


def ids_of_map(shapes: gpd.GeoDataFrame, unit: str, ids: pd.Series) -> tuple[str, list[str]]:
    """Return the map's column that contains most of the units' ids, and the missing ids.

    Parameters
    ----------
    shapes : GeoDataFrame
    unit : str
        Column of the table: in a tie, the column with this name is preferred.
    ids : Series
        Ids of the table, compared as text.

    Returns
    -------
    (str, list of str)
        An empty name if no column contains half of them.
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
