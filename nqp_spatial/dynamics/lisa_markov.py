"""LISA Markov: how units move between the quadrants of the Moran scatter plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, chi2_test
from nqp_spatial.core.options import Size, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.dynamics import _transitions as chains
from nqp_spatial.dynamics._states import States
from nqp_spatial.dynamics.markov import MarkovResult, chain_of, check_step
from nqp_spatial.errors import DomainError, IslandError, sample
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["LisaMarkovResult", "lisa_markov"]

QUADRANTS = ("HH", "LH", "LL", "HL")  # the unit first, then its neighbours


@dataclass(frozen=True, repr=False, eq=False)
class LisaMarkovResult(Displayed):
    """Moves between quadrants.

    Attributes
    ----------
    chain : MarkovResult
        Of the quadrants HH, LH, LL, HL: the unit above (H) or below the mean of the period, then
        its neighbours.
    expected : DataFrame
        Moves that would be if units and their neighbours moved independently of each other.
    test : HypothesisTest or NotApplicable
        LR test of that.
    kinds : DataFrame
        By period in which the move starts, the shares of units that ``stay``, move alone
        (``own``), stay while the neighbours move (``neighbours``), move ``together`` to the same
        side, or ``cross``. Rey (2001) calls the types 0, I, II, III.
    quadrants : DataFrame
        Units by periods.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> found = nq.dynamics.lisa_markov(panel, "income", nq.weights.contiguity(panel))
    >>> float(found.kinds["stay"].mean().round(2))
    0.92
    """

    chain: MarkovResult
    expected: pd.DataFrame
    test: HypothesisTest | NotApplicable
    kinds: pd.DataFrame
    quadrants: pd.DataFrame

    def _blocks(self) -> list[Block]:
        shares = ", ".join(f"{name} {x:.1%}" for name, x in self.kinds.mean().items())
        title, *chain = self.chain._blocks()
        return [f"LISA {title}", *chain, f"Moves: {shares}", repr(self.test)]


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
    leaves 12 - 4 = 8 degrees of freedom (fewer where states were never left). The peer package
    compares each unit with its own mean over time in that test, and not with the period's mean that
    makes the quadrants, so that its expected moves are those of other classes; a test shows it.

    Units are not independent of each other here: neighbours share moves, so that the p-value is too
    small where association is strong. Source: Rey (2001), Geographical Analysis 33(3), 195-214.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> found = nq.dynamics.lisa_markov(panel, "income", nq.weights.contiguity(panel))
    >>> found.chain.probabilities.round(2).to_numpy().tolist()[0]
    [0.93, 0.04, 0.0, 0.03]
    """
    check_step(panel, step)
    w = as_weights(weights)
    matrix = w.aligned(panel.units)
    if len(w.islands):
        raise IslandError(
            f"{len(w.islands)} units have no neighbours and so no quadrant: {sample(w.islands)}; "
            "attach them (islands='nearest') or leave them out of the panel"
        )
    values = panel.values(variable)
    flat = np.ptp(values, axis=0) == 0
    if flat.any():
        raise DomainError(f"{variable!r} is constant in {sample(panel.periods[flat])}")
    z = values - values.mean(axis=0)
    high, near = z > 0, matrix @ z > 0
    codes = np.select([high & near, ~high & near, ~high & ~near], [0, 1, 2], 3)
    found = States(codes, np.empty(0), 4, "quadrants of the Moran scatter plot", QUADRANTS)
    counts = chains.count_transitions(codes, 4, step)[0]
    chain = chain_of(counts, found, variable, step, panel.label(variable))
    expected, test = _independence(counts, high, near, step)
    return LisaMarkovResult(
        chain,
        pd.DataFrame(expected, chain.counts.index, chain.counts.columns),
        test,
        _kinds(high, near, step, panel.periods[:-step]),
        pd.DataFrame(np.array(QUADRANTS)[codes], panel.units, panel.periods),
    )


def _independence(
    counts: np.ndarray, high: np.ndarray, near: np.ndarray, step: int
) -> tuple[np.ndarray, HypothesisTest | NotApplicable]:
    """Return the moves expected if units and neighbours move independently, and its test."""
    own, lag = (
        chains.probabilities(chains.count_transitions(of.astype(int), 2, step)[0])
        for of in (high, near)
    )
    side = np.array([1, 0, 0, 1]), np.array([1, 1, 0, 0])  # of the unit and of the neighbours
    p = own[np.ix_(side[0], side[0])] * lag[np.ix_(side[1], side[1])]
    expected = counts.sum(axis=1, keepdims=True) * np.nan_to_num(p)
    seen = counts > 0
    statistic = 2 * (counts[seen] * np.log(counts[seen] / expected[seen])).sum()
    rows = int((counts.sum(axis=1) > 0).sum())
    left = sum(int((~np.isnan(one[:, 0])).sum()) for one in (own, lag))
    null = "units and their neighbours move independently of each other"
    rule = "3 for each quadrant that is left, less 1 for each side of unit and neighbours"
    return expected, chi2_test("LR", null, float(statistic), 3 * rows - left, rule)


def _kinds(high: np.ndarray, near: np.ndarray, step: int, starts: pd.Index) -> pd.DataFrame:
    moved = high[:, step:] != high[:, :-step]
    around = near[:, step:] != near[:, :-step]
    same = high[:, step:] == near[:, step:]
    kinds = {
        "stay": ~moved & ~around,
        "own": moved & ~around,
        "neighbours": ~moved & around,
        "together": moved & around & same,
        "cross": moved & around & ~same,
    }
    return pd.DataFrame({name: of.mean(axis=0) for name, of in kinds.items()}, starts)
