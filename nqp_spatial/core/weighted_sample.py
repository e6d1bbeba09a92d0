"""What measures of inequality need from a panel: values, shares of the population, bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import batches, bootstrap_counts
from nqp_spatial.errors import DomainError, sample

__all__ = ["WeightedSample", "bootstrapped", "percentile_intervals", "weighted_sample"]

BATCH_CELLS = 4_000_000  # of one batch of bootstrap samples

Sign = Literal["positive", "non-negative"]


@dataclass(frozen=True, eq=False)
class WeightedSample:
    """Values of a variable and each unit's share of the population.

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


def weighted_sample(
    panel: SpatialPanel, variable: str, population: str | None, sign: Sign, measure: str
) -> WeightedSample:
    """Return a variable and the units' shares of the population, checked.

    Parameters
    ----------
    panel : SpatialPanel
    variable : str
    population : str or None
        A column; each unit has the same weight without it.
    sign : {"positive", "non-negative"}
        Which values the measure is defined for.
    measure : str
        Its name, for the error message.

    Raises
    ------
    DomainError
        If values are negative, or zero where logarithms are taken, or all zero; or the population
        is not positive.
    UnknownColumnError, MissingValuesError, UnbalancedPanelError
        As `SpatialPanel.values`.
    """
    x = np.ascontiguousarray(panel.values(variable).T)
    outside = x < 0 if sign == "non-negative" else x <= 0
    if outside.any():
        raise DomainError(
            f"{measure} needs {sign} values; {variable!r} is "
            f"{'negative' if sign == 'non-negative' else 'zero or negative'} for "
            f"{_cells(panel, outside)}"
        )
    if (zero := x.sum(axis=1) == 0).any():
        raise DomainError(f"{variable!r} is zero everywhere in {sample(panel.periods[zero])}")
    if population is None:
        weights = np.ones_like(x)
    else:
        weights = np.ascontiguousarray(panel.values(population).T)
        if (weights <= 0).any():
            raise DomainError(
                f"the population must be positive; {population!r} is not for "
                f"{_cells(panel, weights <= 0)}"
            )
    shares = weights / weights.sum(axis=1, keepdims=True)
    return WeightedSample(x, shares, panel.periods, panel.units)


def _cells(panel: SpatialPanel, mask: np.ndarray) -> str:
    """Return the cells of a mask, periods by units, as text."""
    rows, columns = np.nonzero(mask)
    return sample((panel.units[i], panel.periods[t]) for t, i in zip(rows, columns, strict=True))


def bootstrapped(
    data: WeightedSample,
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
    results = []
    for batch in batches(replications, max(1, BATCH_CELLS // (n * periods))):
        weights = (counts[batch, None, :] * data.weights).reshape(-1, n)
        values = np.tile(data.values, (len(weights) // periods, 1))
        result = measure(values, weights)
        results.append(result.reshape(len(result), -1, periods).swapaxes(0, 1))
    return np.concatenate(results)


def percentile_intervals(
    draws: np.ndarray, level: float, periods: pd.Index, columns: Sequence[str]
) -> pd.DataFrame:
    """Return percentile intervals of bootstrap results.

    Parameters
    ----------
    draws : ndarray
        Shape (replications, columns, periods).
    level : float
    periods : Index
    columns : sequence of str

    Returns
    -------
    DataFrame
        Periods by (column, "low" | "high").
    """
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    names = pd.MultiIndex.from_product([columns, ["low", "high"]])
    return pd.DataFrame(np.stack([low, high], axis=1).reshape(-1, len(periods)).T, periods, names)
