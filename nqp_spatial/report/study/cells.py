"""The cells of the page's tables: the numbers of a column have the same decimals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.text import t, translate
from nqp_spatial.report.study.numerals import number

__all__ = ["Alike", "cells_of"]

#: Which numbers have equal decimals: those of a column, or, if rows differ in unit, of a row.
Alike = Literal["columns", "rows"]

_MOST_DECIMALS = 6
_CRITERIA = ("AIC", "BIC", "log-likelihood")


def cells_of(table: pd.DataFrame, alike: Alike = "columns") -> list[list[str]]:
    """Return the cells of a table as text, row by row.

    Parameters
    ----------
    table : DataFrame
        Messages in it are translated; other texts are the caller's own and stay unchanged.
    alike : {"columns", "rows"}

    Examples
    --------
    >>> cells_of(pd.DataFrame({"estimate": [0.0774, 0.07741], "p_value": [0.04, 1e-9]}))
    [['0.07740', '0.040'], ['0.07741', '< 0.001']]
    """
    columns = [list(table.iloc[:, place]) for place in range(table.shape[1])]
    rows = [list(values) for values in zip(*columns, strict=True)]
    if alike == "rows":
        return [[_cell(value, _decimals(row)) for value in row] for row in rows]
    decimals = [
        1 if name in _CRITERIA else _decimals(values)
        for name, values in zip(table.columns, columns, strict=True)
    ]
    return [
        [
            _p_value(value) if name == "p_value" and _is_number(value) else _cell(value, places)
            for name, value, places in zip(table.columns, row, decimals, strict=True)
        ]
        for row in rows
    ]


def _decimals(values: Sequence[Any]) -> int:
    """Return decimals for about four digits of the largest and two of the smallest number."""
    sizes = [abs(value) for value in values if _is_number(value) and value]
    if not sizes or all(float(size).is_integer() for size in sizes):
        return 0
    largest, smallest = (math.floor(math.log10(size)) for size in (max(sizes), min(sizes)))
    return max(0, min(max(3 - largest, min(1 - smallest, 4)), _MOST_DECIMALS))


def _is_number(value: Any) -> bool:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return False
    return math.isfinite(value)


def _cell(value: Any, decimals: int) -> str:
    if isinstance(value, str):
        return translate(value)
    if pd.isna(value):
        return "–"
    if isinstance(value, bool | np.bool_):
        return translate(t("yes") if value else t("no"))
    if isinstance(value, int | np.integer):
        return number(int(value), 0)
    if isinstance(value, float | np.floating):
        small = 0 < abs(value) < 0.5 * 10.0**-decimals
        return f"{value:.1e}".replace("-", "−") if small else number(float(value), decimals)
    return str(value)


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
