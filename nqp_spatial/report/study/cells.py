"""The cells of the page's tables, with the decimals of `core.number_format`."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.number_format import column_texts, frame_texts, typeset
from nqp_spatial.core.text import t, translate

__all__ = ["Alike", "cells_of"]

#: Which numbers have equal decimals: those of a column, or, if rows differ in unit, of a row.
Alike = Literal["columns", "rows"]


def cells_of(table: pd.DataFrame, alike: Alike = "columns") -> list[list[str]]:
    """Return the cells of a table as text, row by row.

    Parameters
    ----------
    table : DataFrame
        Messages in it are translated; other texts are the caller's own and stay unchanged.
    alike : {"columns", "rows"}

    Examples
    --------
    >>> cells_of(pd.DataFrame({"gini": [0.0774, 0.07741], "p_value": [0.04, 1e-9]}))
    [['0.07740', '0.040'], ['0.07741', '<0.001']]
    """
    columns = [list(table.iloc[:, place]) for place in range(table.shape[1])]
    rows = [list(values) for values in zip(*columns, strict=True)]
    if alike == "rows":
        texts = [column_texts("", row) for row in rows]
    else:
        formatted = frame_texts(table)
        listed = [list(formatted.iloc[:, place]) for place in range(table.shape[1])]
        texts = [list(row) for row in zip(*listed, strict=True)]
    return [
        [_cell(value, text) for value, text in zip(row, printed, strict=True)]
        for row, printed in zip(rows, texts, strict=True)
    ]


def _cell(value: Any, text: str) -> str:
    if isinstance(value, str):
        return translate(value)
    if pd.isna(value):
        return "–"
    if isinstance(value, bool | np.bool_):
        return translate(t("yes") if value else t("no"))
    if isinstance(value, int | np.integer):
        return typeset(f"{value:,}")
    return typeset(text) if isinstance(value, float | np.floating) else text
