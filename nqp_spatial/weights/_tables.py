"""Weights in tables: lists of links and square matrices, with ids or without, as programs write."""

from __future__ import annotations

import re
from dataclasses import replace
from math import isfinite
from typing import Any, Literal

import numpy as np
import pandas as pd

from nqp_spatial.errors import UnmatchedIdsError, WeightsError, sample
from nqp_spatial.weights.from_data import from_dense, from_edges, id_text
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["EDGES", "Cells", "Layout", "table_weights"]

Layout = Literal["edges", "dense", "matrix"]
Cells = list[list[Any]]

EDGES = ["focal", "neighbor", "weight"]
_NUMBERED = re.compile(r"([A-Za-z_]*)(\d+)")


def table_weights(
    cells: Cells, name: str, layout: Layout | None, units: pd.Index | None
) -> SpatialWeights:
    """Return the weights that a table holds, by its layout.

    Parameters
    ----------
    cells : list of list
        Rows of the table, its header among them; text, numbers, or empty text.
    name : str
        Of the file, for messages.
    layout : {"edges", "dense", "matrix"} or None
        Needed if it cannot be determined from the cells.
    units : Index or None
        Ids of the caller.

    Raises
    ------
    WeightsError
        If the table is neither a list of links nor a square matrix.
    UnmatchedIdsError
        If a matrix has no ids and `units` is not passed.
    """
    cells = _tidy(cells)
    if not cells:
        raise WeightsError(f"{name} is empty; wanted links or a square matrix")
    header = [_text(cell).strip() for cell in cells[0]]
    if layout == "edges" or (layout is None and {"focal", "neighbor"} <= set(header)):
        return _links(cells, header, name)
    return _matrix(_square(cells, name), name, layout, units)


# -- links -----------------------------------------------------------------------------------------


def _links(cells: Cells, header: list[str], name: str) -> SpatialWeights:
    if len(set(header)) < len(header):
        raise WeightsError(f"{name} has columns of the same name: {sample(header, 20)}")
    _require_width(cells[1:], len(header), name)
    frame = pd.DataFrame(cells[1:], columns=header, dtype=object)
    column, unused = _weight_column(frame, name)
    for key in ("focal", "neighbor"):
        if key in frame:
            frame[key] = pd.Index(_typed(frame[key].to_list()))
    ids = list(dict.fromkeys([*frame.get("focal", []), *frame.get("neighbor", [])]))
    weights = from_edges(frame, weight=column, units=ids or None, islands="keep")
    parameters = {
        "weight_column": column if column != "weight" else None,
        "unused_columns": ", ".join(unused) or None,
    }
    return replace(weights, spec=replace(weights.spec, parameters=parameters), cache={})


def _weight_column(frame: pd.DataFrame, name: str) -> tuple[str | None, list[str]]:
    """Return the column with the weights, if there is one, and those that are not used."""
    others = [column for column in frame.columns if column not in ("focal", "neighbor")]
    if "weight" in others:
        return "weight", [column for column in others if column != "weight"]
    if not others:
        return None, []
    if len(others) > 1 or not all(_is_number(cell) for cell in frame[others[0]]):
        raise WeightsError(
            f"{name} has columns {sample(others)} beside focal and neighbor, and none is named "
            "weight: name the column of weights so, or read the table and use "
            "weights.from_edges(frame, weight=...)"
        )
    return others[0], []


# -- matrices --------------------------------------------------------------------------------------


def _square(cells: Cells, name: str) -> Cells:
    """Return rows of equal length: without the head of `spmat export`, with a complete header."""
    if len(cells) > 2 and len(cells[0]) == 1 and _text(cells[0][0]) == str(len(cells) - 1):
        cells = cells[1:]  # the number of units alone in the first line
    if len(cells) > 1 and all(len(row) == len(cells[0]) + 1 for row in cells[1:]):
        cells = [["", *cells[0]], *cells[1:]]  # R names columns, not that of row names
    _require_width(cells, len(cells[0]), name)
    return cells


def _require_width(cells: Cells, width: int, name: str) -> None:
    wrong = [number for number, row in enumerate(cells, 1) if len(row) != width]
    if wrong:
        raise WeightsError(
            f"{name}: rows {sample(wrong)} have another number of cells than the {width} of the "
            "first row; correct the file"
        )


def _matrix(
    cells: Cells, name: str, layout: Layout | None, units: pd.Index | None
) -> SpatialWeights:
    rows, columns = len(cells), len(cells[0])
    numeric = [all(_is_number(cell) for cell in row) for row in cells]
    top: list[Any] | None = None
    side: list[Any] | None = None
    if rows == columns and layout != "dense" and (layout == "matrix" or _is_bare(cells, numeric)):
        pass
    elif rows == columns > 1:
        top, side = cells[0][1:], [row[0] for row in cells[1:]]
        cells = [row[1:] for row in cells[1:]]
    elif rows == columns + 1 and all(numeric[1:]):
        top, cells = cells[0], cells[1:]
    elif columns == rows + 1 and all(_is_number(cell) for row in cells for cell in row[1:]):
        side, cells = [row[0] for row in cells], [row[1:] for row in cells]
    else:
        raise WeightsError(
            f"{name} has {rows} rows and {columns} columns: no square matrix, and no list "
            f"of links with columns {', '.join(EDGES)}; rename its columns, or read it with pandas "
            "and name them: weights.from_edges(frame, focal=..., neighbor=..., weight=...)"
        )
    values = _numbers(cells, name)
    if top is not None and side is not None and not _are_numbers_of_columns(top, side):
        table = pd.DataFrame(values, _typed(side), _typed(top))
        return _named(table, None, name)
    labels = side if side is not None else top
    if labels is None or (side is None and _are_numbers_of_columns(labels, units)):
        if units is None:
            raise UnmatchedIdsError(
                f"{name} holds numbers without ids, which cannot be matched with data: "
                "pass units= in the order of its rows"
            )
        return _named(values, units, name)
    return _named(values, pd.Index(_typed(labels)), name)


def _named(values: np.ndarray | pd.DataFrame, units: pd.Index | None, name: str) -> SpatialWeights:
    try:
        return from_dense(values, units, islands="keep")
    except (WeightsError, UnmatchedIdsError) as error:
        raise type(error)(f"{name}: {error}") from None


def _is_bare(cells: Cells, numeric: list[bool]) -> bool:
    """Whether a square of cells is numbers throughout, and so has no ids.

    Numbers in the first row and column that are the same may be ids; where they are, the diagonal
    of the inner table is zero and that of the full one is not.
    """
    if not all(numeric):
        return False
    inner_zero = all(float(cells[i][i]) == 0 for i in range(1, len(cells)))
    ids = [_text(cell) for cell in cells[0][1:]] == [_text(row[0]) for row in cells[1:]]
    return not (ids and inner_zero and float(cells[0][0]) != 0)


def _are_numbers_of_columns(labels: list[Any], ids: list[Any] | pd.Index | None) -> bool:
    """Whether labels count columns (v1, v2, ...; 1, 2, ...) and are not ids of the units."""
    texts = [_text(label).strip() for label in labels]
    if ids is not None and set(texts) == {_text(unit).strip() for unit in ids}:
        return False
    parts = [_NUMBERED.fullmatch(text) for text in texts]
    if not all(parts) or len({part[1] for part in parts if part}) != 1:
        return False
    numbers = [int(part[2]) for part in parts if part]
    return numbers in (list(range(len(texts))), list(range(1, len(texts) + 1)))


# -- cells -----------------------------------------------------------------------------------------


def _tidy(cells: Cells) -> Cells:
    """Return cells without empty rows and without columns at the right that are empty."""
    rows = [row for row in cells if any(_text(cell).strip() for cell in row)]
    while rows and all(len(row) > 1 and not _text(row[-1]).strip() for row in rows):
        rows = [row[:-1] for row in rows]
    return rows


def _text(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return ""
    return id_text(cell)


def _is_number(cell: object) -> bool:
    try:
        return isfinite(float(cell))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _numbers(cells: Cells, name: str) -> np.ndarray:
    """Return cells as floats, read exactly, or raise `WeightsError` that names those that fail."""
    try:
        return np.array([[float(cell) for cell in row] for row in cells])
    except (TypeError, ValueError):
        wrong = [
            (i, j, cell)
            for i, row in enumerate(cells, 1)
            for j, cell in enumerate(row, 1)
            if not _is_number(cell)
        ]
        raise WeightsError(
            f"{name}: cells of the matrix are no numbers, at (row, column, cell) {sample(wrong)}"
        ) from None


def _typed(labels: list[Any]) -> list[Any]:
    """Return ids of a text file as numbers where all are written as numbers are, 010 is not."""
    if not all(isinstance(label, str) for label in labels):
        return labels
    for kind in (int, float):
        try:
            numbers = [kind(label) for label in labels]
        except ValueError:
            continue
        if [str(number) for number in numbers] == labels:
            return numbers
    return labels
