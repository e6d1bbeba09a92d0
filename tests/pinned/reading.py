"""How results are read: the only place that knows the names of their attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tests.pinned.cases import Numbers


def first_attribute(result: Any, *names: str) -> Any:
    """Return the first of these attributes that the result has."""
    for name in names:
        if hasattr(result, name):
            return getattr(result, name)
    raise AttributeError(f"{type(result).__name__} has none of {', '.join(names)}")


def frame_of(result: Any, *names: str) -> pd.DataFrame:
    """Return the main table of a result (or the table of one of these names)."""
    if isinstance(result, pd.DataFrame):
        return result
    return first_attribute(result, *(names or ("frame", "table", "summary")))


def by_period(result: Any) -> pd.DataFrame:
    """Return the main table of a result that has one row per period."""
    table = frame_of(result, "summary", "frame")
    assert len(table) < 100
    return table


def tests_of(result: Any) -> dict[str, Any]:
    """Return the hypothesis tests of a result, by name."""
    return dict(result.tests)


def model_of(result: Any) -> Any:
    """Return the estimated model that a result of `convergence` or `spillovers` holds."""
    return first_attribute(result, "model", "fit")


def spatial_parameters(params: pd.Series) -> Numbers:
    """Return rho, lam, tau, eta and phi, one by one."""
    return {
        " ".join(map(str, key[1:])): float(value)
        for key, value in params.items()
        if key[0] in ("spatial", "dynamic", "random")
    }


def scale_of(model: Any) -> Numbers:
    """Return the log-likelihood of a model, or sigma2 where it has none."""
    if np.isnan(model.loglik):
        return {"sigma2": float(model.sigma2)}
    return {"loglik": float(model.loglik)}


def digest(label: str, values: Any) -> Numbers:
    """Return a number that changes when any value, its sign or its place does.

    The sum with weights that rise from 1 to 2 by place; missing values are left out.
    """
    array = np.asarray(values, dtype=float).ravel()
    finite = np.isfinite(array)
    return {label: float(np.linspace(1, 2, len(array))[finite] @ array[finite])}


def cells(table: pd.DataFrame, columns: Mapping[str, str] | Iterable[str], row: Any) -> Numbers:
    """Return cells of one row; a mapping gives columns other labels."""
    labels = columns if isinstance(columns, Mapping) else {name: name for name in columns}
    return {label: float(table.loc[row, column]) for label, column in labels.items()}


def statistics(tests: Mapping[str, Any], names: Iterable[str] | None = None) -> Numbers:
    """Return statistic and p-value of tests."""
    values = {}
    for name in tests if names is None else names:
        values[f"{name}: statistic"] = float(tests[name].statistic)
        values[f"{name}: p"] = float(tests[name].p_value)
    return values


def named(prefix: str, numbers: Numbers) -> Numbers:
    """Return the numbers with something in front of their labels."""
    return {f"{prefix}, {label}": value for label, value in numbers.items()}
