"""What measures of inequality ask of a panel: values, weights, groups; samples of units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import bootstrap_counts
from nqp_spatial.errors import DomainError, sample

__all__ = ["Measured", "bootstrapped", "measured"]

Sign = Literal["positive", "non-negative"]


@dataclass(frozen=True, eq=False)
class Measured:
    """Values and weights of a variable.

    Attributes
    ----------
    values, weights : ndarray
        Shape (periods, units); weights of a period add up to one.
    periods, units : Index
    """

    values: np.ndarray
    weights: np.ndarray
    periods: pd.Index
    units: pd.Index


def measured(
    panel: SpatialPanel, variable: str, weights: str | None, sign: Sign, needs: str
) -> Measured:
    """Return a variable and the units' weights, checked.

    Raises
    ------
    DomainError
        If values are negative, or zero where logarithms are taken, or all zero; or weights are not
        positive.
    UnknownColumnError, MissingValuesError, UnbalancedPanelError
        As `SpatialPanel.values`.
    """
    x = np.ascontiguousarray(panel.values(variable).T)
    bad = x < 0 if sign == "non-negative" else x <= 0
    if bad.any():
        t, i = np.nonzero(bad)
        cells = [(panel.units[b], panel.periods[a]) for a, b in zip(t, i, strict=True)]
        raise DomainError(
            f"{needs} needs {sign} values; {variable!r} is "
            f"{'negative' if sign == 'non-negative' else 'zero or negative'} for {sample(cells)}"
        )
    if (zero := x.sum(axis=1) == 0).any():
        raise DomainError(f"{variable!r} is zero everywhere in {sample(panel.periods[zero])}")
    w = np.ones_like(x) if weights is None else np.ascontiguousarray(panel.values(weights).T)
    if (w <= 0).any():
        t, i = np.nonzero(w <= 0)
        cells = [(panel.units[b], panel.periods[a]) for a, b in zip(t, i, strict=True)]
        raise DomainError(f"weights must be positive; {weights!r} is not for {sample(cells)}")
    return Measured(x, w / w.sum(axis=1, keepdims=True), panel.periods, panel.units)


def bootstrapped(
    data: Measured,
    measure: Callable[[np.ndarray, np.ndarray], np.ndarray],
    replications: int,
    seed: int | None,
) -> np.ndarray:
    """Return a measure of bootstrap samples of units, shape (replications, measures, periods).

    `measure` takes values and weights of shape (rows, units) and returns (measures, rows); samples
    and periods are its rows, as many at once as a few million weights hold.
    """
    periods, n = data.values.shape
    counts = bootstrap_counts(np.random.default_rng(seed), n, replications)
    found = []
    for some in np.array_split(counts, -(-counts.size * periods // 4_000_000)):
        weights = (some[:, None, :] * data.weights).reshape(-1, n)
        measured_ = measure(np.tile(data.values, (len(some), 1)), weights)
        found.append(measured_.reshape(-1, len(some), periods).swapaxes(0, 1))
    return np.concatenate(found)
