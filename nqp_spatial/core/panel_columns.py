"""New columns of a panel, and values that cannot be used in computations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.numbers import is_number_column
from nqp_spatial.errors import PanelError, UnknownColumnError, sample

__all__ = ["assigned", "is_extreme", "is_undefined"]


def assigned(frame: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return the frame with more columns, each with a value for every row."""
    table = frame.copy(deep=False)
    for name, value in columns.items():
        try:
            column = value(table.copy(deep=False)) if callable(value) else value
        except KeyError as error:
            raise UnknownColumnError(
                f"column {name!r} is made from {error.args[0]!r}, which the panel does not have; "
                f"its columns are {sample(table.columns, 20)}"
            ) from error
        _require_fit(name, column, table.index)
        table[name] = column
    return table


def _require_fit(name: str, column: Any, rows: pd.Index) -> None:
    """Raise `PanelError` unless a column has a value for each row, or is one value for all."""
    if isinstance(column, pd.DataFrame) or (isinstance(column, np.ndarray) and column.ndim > 1):
        raise PanelError(
            f"column {name!r} must be one column, got a {type(column).__name__} of shape "
            f"{column.shape}; a table of units by periods goes in with .stack(), an array with "
            ".ravel()"
        )
    if isinstance(column, pd.Series):
        if column.index.nlevels != 2:
            raise PanelError(
                f"column {name!r} must be indexed by (unit, period), it has one level of index; a "
                "Series by unit goes in as panel.frame.index.get_level_values('unit').map(series)"
            )
        if not column.index.is_unique or not column.index.isin(rows).any():
            raise PanelError(
                f"column {name!r} must be indexed by the (unit, period) pairs of the panel, each "
                f"once, such as {sample(rows, 1)}; its index is like {sample(column.index, 2)}"
            )
        return
    if pd.api.types.is_scalar(column) or (isinstance(column, np.ndarray) and not column.ndim):
        return
    several = list | tuple | np.ndarray | pd.Index | pd.api.extensions.ExtensionArray
    if not isinstance(column, several):
        raise PanelError(
            f"column {name!r} must be values for the rows of panel.frame, as an array, list or "
            f"Series, or one value for all, got {type(column).__name__}"
        )
    if len(column) != len(rows):
        raise PanelError(
            f"column {name!r} has {len(column)} values for {len(rows)} rows of the panel; "
            "pass one value for each row of panel.frame, or a Series by (unit, period)"
        )


def is_extreme(values: np.ndarray) -> np.ndarray:
    """Return which values are so large, or so small all of them, that their powers overflow."""
    size = np.abs(values)
    if not (0 < size.max() < 1e-40):
        return np.asarray(size > 1e40)
    return np.asarray(size > 0)


def is_undefined(column: pd.Series, *, count_missing: bool) -> np.ndarray:
    """Return which cells of a column of numbers are infinite, or missing where that counts."""
    if not is_number_column(column):
        return np.zeros(len(column), dtype=bool)
    values = column.to_numpy(dtype=float, na_value=np.nan)
    return np.asarray(np.isinf(values) | (np.isnan(values) & count_missing))
