"""LISA Markov: how units move between the quadrants of the Moran scatter plot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Spec
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, TestSet, chi2_test
from nqp_spatial.core.options import Size, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.dynamics import _transitions as transitions
from nqp_spatial.dynamics._homogeneity import LR
from nqp_spatial.dynamics._states import (
    StateData,
    States,
    check_step,
    matrix_without_islands,
)
from nqp_spatial.dynamics._tables import DrawnByChain
from nqp_spatial.dynamics.markov import MarkovResult, chain_of
from nqp_spatial.errors import DomainError, sample
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["LisaMarkovResult", "lisa_markov"]

QUADRANTS = ("HH", "LH", "LL", "HL")  # the unit first, then its neighbours


@dataclass(frozen=True, repr=False, eq=False)
class LisaMarkovResult(DrawnByChain):
    """Moves between quadrants.

    Attributes
    ----------
    chain : MarkovResult
        The chain of the quadrants HH, LH, LL, HL: the unit above (H) or below (L) the mean of the
        period, then its neighbours.
    frame : DataFrame
        By (own_state, next_state): ``moves, probability, std_error`` of the chain and ``expected``.
    expected : DataFrame
        Expected moves if units and their neighbours moved independently of each other.
    tests : TestSet
        ``independence``: LR test of this independence.
    kinds : DataFrame
        By starting period of the move, the shares of units that ``stay``, move alone
        (``own``), stay while the neighbours move (``neighbours``), move ``together`` to the same
        side, or ``cross``. Rey (2001) calls the types 0, I, II, III.
    quadrants : DataFrame
        Units by periods.
    spec : Spec
    notes : tuple of str
        Notes of the chain.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> result = nq.dynamics.lisa_markov(panel, "income", nq.weights.contiguity(panel))
    >>> float(result.kinds["stay"].mean().round(2))
    0.92
    """

    chain: MarkovResult
    expected: pd.DataFrame
    tests: TestSet
    kinds: pd.DataFrame
    quadrants: pd.DataFrame
    spec: Spec

    @property
    def frame(self) -> pd.DataFrame:
        """Moves, probabilities and expected moves, one row per cell."""
        return self.chain.frame.assign(expected=self.expected.stack(future_stack=True))

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of the chain."""
        return self.chain.notes

    def _blocks(self) -> list[Block]:
        shares = ", ".join(f"{name} {x:.1%}" for name, x in self.kinds.mean().items())
        title, *blocks = self.chain._blocks()
        return [f"LISA {title}", *blocks, f"Moves: {shares}", *map(repr, self.tests.values())]


@checked
def lisa_markov(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike,
    *,
    step: Size = 1,
) -> LisaMarkovResult:
    """Estimate the chain of quadrants of the Moran scatter plot.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variable.
    variable : str
        A numeric column.
    weights : SpatialWeights, Graph or W
        Rows should add to one.
    step : int
        Periods between start and end of a move.

    Returns
    -------
    LisaMarkovResult

    Raises
    ------
    IslandError
        If units have no neighbours.
    DomainError
        If the variable is constant in a period.
    PanelError, OptionError, UnmatchedIdsError
        As in `spatial_markov`.

    Notes
    -----
    Under the null the chain of quadrants is the product of two chains with two states each, which
    leaves 12 - 4 = 8 degrees of freedom (fewer where no move starts from a state). In this test
    giddy compares each unit with its own mean over time, not with the period's mean that defines
    the quadrants, so that its expected moves refer to other classes; a test of this package shows
    this.

    Units are not independent here: neighbours move together, so that the p-value is too small where
    spatial association is strong. Source: Rey (2001), Geographical Analysis 33(3), 195-214.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> result = nq.dynamics.lisa_markov(panel, "income", nq.weights.contiguity(panel))
    >>> result.chain.probabilities.round(2).to_numpy().tolist()[0]
    [0.93, 0.04, 0.0, 0.03]
    """
    check_step(panel, step)
    w = as_weights(weights)
    matrix = matrix_without_islands(w, panel.units, "quadrant")
    values = panel.values(variable)
    constant = np.ptp(values, axis=0) == 0
    if constant.any():
        raise DomainError(f"{variable!r} is constant in {sample(panel.periods[constant])}")
    z = values - values.mean(axis=0)
    high, lag_high = z > 0, matrix @ z > 0
    codes = np.select([high & lag_high, ~high & lag_high, ~high & ~lag_high], [0, 1, 2], 3)
    states = States(codes, np.empty(0), 4, "quadrants", QUADRANTS)
    counts = transitions.count_transitions(codes, 4, step)[0]
    spec = Spec(weights=w, step=step)
    data = StateData(variable, panel.label(variable), panel.periods, values, states, {"step": step})
    chain = chain_of(counts, data, spec)
    expected, test = _independence(counts, high, lag_high, step)
    return LisaMarkovResult(
        chain=chain,
        expected=pd.DataFrame(expected, chain.counts.index, chain.counts.columns),
        tests=TestSet({"independence": test}),
        kinds=_kinds(high, lag_high, step, panel.periods[:-step]),
        quadrants=pd.DataFrame(np.array(QUADRANTS)[codes], panel.units, panel.periods),
        spec=spec,
    )


def _independence(
    counts: np.ndarray, high: np.ndarray, lag_high: np.ndarray, step: int
) -> tuple[np.ndarray, HypothesisTest | NotApplicable]:
    """Return the moves expected if units and neighbours move independently, and its test."""
    unit_p, lag_p = (
        transitions.probabilities(transitions.count_transitions(side.astype(int), 2, step)[0])
        for side in (high, lag_high)
    )
    unit_side, lag_side = np.array([1, 0, 0, 1]), np.array([1, 1, 0, 0])
    p = unit_p[np.ix_(unit_side, unit_side)] * lag_p[np.ix_(lag_side, lag_side)]
    expected = counts.sum(axis=1, keepdims=True) * np.nan_to_num(p)
    occurs = counts > 0
    statistic = 2 * (counts[occurs] * np.log(counts[occurs] / expected[occurs])).sum()
    rows = int((counts.sum(axis=1) > 0).sum())
    estimated = sum(int((~np.isnan(side_p[:, 0])).sum()) for side_p in (unit_p, lag_p))
    null = t("units and their neighbours move independently of each other")
    rule = t(
        "3 for each quadrant from which moves start, less 1 for each side of unit and neighbours"
    )
    return expected, chi2_test(LR, null, float(statistic), 3 * rows - estimated, rule)


def _kinds(high: np.ndarray, lag_high: np.ndarray, step: int, starts: pd.Index) -> pd.DataFrame:
    unit_moves = high[:, step:] != high[:, :-step]
    lag_moves = lag_high[:, step:] != lag_high[:, :-step]
    same_side = high[:, step:] == lag_high[:, step:]
    kinds = {
        "stay": ~unit_moves & ~lag_moves,
        "own": unit_moves & ~lag_moves,
        "neighbours": ~unit_moves & lag_moves,
        "together": unit_moves & lag_moves & same_side,
        "cross": unit_moves & lag_moves & ~same_side,
    }
    return pd.DataFrame({name: units.mean(axis=0) for name, units in kinds.items()}, starts)
