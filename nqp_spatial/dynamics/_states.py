"""From values to states: the class of the distribution in which a unit lies.

Intervals are closed on the right: a value's state is the number of cuts strictly below it, so that
a value on a cut is in the lower state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.core.quantities import ratio_label
from nqp_spatial.core.text import Message, label
from nqp_spatial.errors import DomainError, IslandError, OptionError, PanelError, sample
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = [
    "Discretization",
    "StateData",
    "States",
    "check_step",
    "classify",
    "discretize_values",
    "lag_states_of",
    "matrix_without_islands",
    "state_data",
    "values_of",
]

Discretization = Literal["pooled-quantiles", "period-quantiles"] | Sequence[float]


@dataclass(frozen=True, eq=False)
class States:
    """Codes of states and their cuts.

    Attributes
    ----------
    codes : ndarray of int
        0 for the lowest state, shape (n_units, n_periods).
    cuts : ndarray
        Ascending, shape (states - 1,), or (n_periods, states - 1) where each period has its own.
    count : int
        Number of states.
    method : {"pooled-quantiles", "period-quantiles", "cuts", "quadrants"}
        How the cuts were obtained.
    labels : tuple of str
        Names of states that are not intervals; empty for intervals.
    """

    codes: np.ndarray
    cuts: np.ndarray
    count: int
    method: str
    labels: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Names of the states: numbers from 1, with their interval if it is fixed over time."""
        if self.labels:
            return list(self.labels)
        if self.cuts.ndim == 2:
            return [str(number) for number in range(1, self.count + 1)]
        edges = [f"{cut:.3g}" for cut in self.cuts]
        inner = [f"({low}, {high}]" for low, high in pairwise(edges)]
        spans = [f"≤ {edges[0]}", *inner, f"> {edges[-1]}"]
        return [f"{number}: {span}" for number, span in enumerate(spans, start=1)]

    @property
    def rule(self) -> Message:
        """How the cuts were obtained, in words."""
        return label("discretization", self.method)

    def labelled_cuts(self, periods: pd.Index) -> pd.Series | pd.DataFrame:
        """Return the cuts by number, or by period and number where each period has its own."""
        numbers = pd.RangeIndex(1, self.cuts.shape[-1] + 1, name="cut")
        if self.cuts.ndim == 2:
            return pd.DataFrame(self.cuts, periods, numbers)
        return pd.Series(self.cuts, numbers, name="value")


@dataclass(frozen=True, eq=False)
class StateData:
    """A variable of a panel and its states.

    Attributes
    ----------
    variable, label : str
        Name of the column, and its label in figures; without a unit where values are over the mean.
    periods : Index
    values : ndarray
        Shape (n_units, n_periods).
    states : States
    options : dict
        Options of the states: ``states, discretize, step, relative``.
    """

    variable: str
    label: str
    periods: pd.Index
    values: np.ndarray
    states: States
    options: dict[str, Any]


def state_data(
    panel: SpatialPanel,
    variable: str,
    *,
    states: int,
    discretize: Discretization,
    step: int,
    relative: bool,
) -> StateData:
    """Return the states of a variable of a panel that has moves over `step` periods."""
    check_step(panel, step)
    values = values_of(panel, variable, relative=relative)
    cut = discretize_values(values, states, discretize, what=variable)
    options = {"states": states, "discretize": discretize, "step": step, "relative": relative}
    name = panel.label(variable)
    name = ratio_label(name) if relative else name
    return StateData(variable, name, panel.periods, values, cut, options)


def check_step(panel: SpatialPanel, step: int) -> None:
    """Raise unless the panel has moves over `step` periods."""
    panel.require_balanced()
    if panel.n_periods <= step:
        raise PanelError(
            f"a move over {step} periods needs at least {step + 1} periods, "
            f"the panel has {panel.n_periods}"
        )
    # A move spans `step` periods only if no period is missing.
    require_even_steps(panel.periods, "a move between states")


def matrix_without_islands(
    weights: SpatialWeights, units: pd.Index, missing: str = ""
) -> sparse.csr_array:
    """Return W in the order of the units, or raise where a unit has no neighbours.

    Parameters
    ----------
    weights : SpatialWeights
    units : Index
    missing : str
        What is missing for such a unit, for the message.
    """
    matrix = weights.aligned(units)
    if len(weights.islands):
        consequence = f" and so no {missing}" if missing else ""
        raise IslandError(
            f"{len(weights.islands)} units have no neighbours{consequence}: "
            f"{sample(weights.islands)}; attach them (islands='nearest') or leave them out of the "
            "panel"
        )
    return matrix


def lag_states_of(
    data: StateData, weights: SpatialWeights, units: pd.Index, states: int, how: Discretization
) -> States:
    """Return the states of the spatial lags of values."""
    matrix = matrix_without_islands(weights, units, "neighbour state")
    return discretize_values(
        matrix @ data.values, states, how, what=f"the spatial lag of {data.variable}"
    )


def values_of(panel: SpatialPanel, column: str, *, relative: bool) -> np.ndarray:
    """Return the values of a column, or their ratio to the mean of the period.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the column.
    column : str
        A numeric column.
    relative : bool
        Whether to divide by the unweighted mean over units in the same period.

    Returns
    -------
    ndarray
        Shape (n_units, n_periods).

    Raises
    ------
    DomainError
        If a period's mean is not positive, so that a ratio to it is meaningless.
    """
    values = panel.values(column)
    if not relative:
        return values
    means = values.mean(axis=0)
    if (means <= 0).any():
        raise DomainError(
            f"relative=True divides {column!r} by its mean over units, which is not positive in "
            f"periods {sample(panel.periods[means <= 0])}; pass relative=False"
        )
    return np.asarray(values / means)


def classify(values: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Return the number of cuts strictly below each value.

    Parameters
    ----------
    values : ndarray
        Shape (n_units, n_periods).
    cuts : ndarray
        Shape (states - 1,) or (n_periods, states - 1).

    Returns
    -------
    ndarray of int
        Shape of `values`.

    Examples
    --------
    >>> classify(np.array([[1.0, 2.0, 3.0]]), np.array([2.0])).tolist()
    [[0, 0, 1]]
    """
    codes = np.zeros(values.shape, dtype=np.int64)
    for cut in np.moveaxis(cuts, -1, 0):  # few cuts; each compares the entire array
        codes += values > cut
    return codes


def discretize_values(values: np.ndarray, states: int, how: Discretization, *, what: str) -> States:
    """Cut values into states.

    Parameters
    ----------
    values : ndarray
        Shape (n_units, n_periods).
    states : int
        Number of states; cuts that are passed must agree with it.
    how : {"pooled-quantiles", "period-quantiles"} or sequence of float
        Quantiles of all values together, of each period's, or the cuts themselves. Quantiles
        interpolate linearly between order statistics.
    what : str
        Name of the values in error messages.

    Returns
    -------
    States

    Raises
    ------
    OptionError
        If cuts are not ascending, or do not agree with the number of states.
    PanelError
        If values are constant, or tied so often that cuts coincide.
    """
    if not isinstance(how, str):
        return _cut_as_passed(values, states, how, what)
    if len(values) < states:
        raise PanelError(
            f"{len(values)} units cannot be spread over {states} states of {what}; ask for fewer"
        )
    shares = np.arange(1, states) / states
    cuts = (
        np.quantile(values, shares)
        if how == "pooled-quantiles"
        else np.quantile(values, shares, axis=0).T
    )
    codes = classify(values, cuts)
    _require_distinct_cuts(values, cuts, states, what)
    return States(codes, cuts, int(states), how)


def _cut_as_passed(values: np.ndarray, states: int, how: Sequence[float], what: str) -> States:
    cuts = np.asarray(how, dtype=float)
    if cuts.ndim != 1 or not len(cuts) or not (np.diff(cuts) > 0).all():
        raise OptionError(f"cuts of {what} must be one or more ascending numbers, got {how!r}")
    if len(cuts) + 1 != states:
        raise OptionError(
            f"{len(cuts)} cuts make {len(cuts) + 1} states of {what}, but {states} were asked for"
        )
    return States(classify(values, cuts), cuts, int(states), "cuts")


def _require_distinct_cuts(values: np.ndarray, cuts: np.ndarray, states: int, what: str) -> None:
    if values.min() == values.max():
        raise PanelError(f"{what} is constant ({values.flat[0]:g}): it has no states")
    together = (np.diff(np.atleast_2d(cuts), axis=1) <= 0).any()
    # With ties at the top no value may lie above the last cut.
    top = np.atleast_2d(cuts)[:, -1]
    if together or (top >= (values.max() if cuts.ndim == 1 else values.max(axis=0))).any():
        raise PanelError(
            f"ties in {what} make quantile cuts fall together, so that {states} states cannot be "
            "told apart; ask for fewer states or pass the cuts"
        )
