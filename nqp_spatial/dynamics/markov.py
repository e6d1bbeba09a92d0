"""Markov chains: how units move between states of the distribution."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Level, Replications, Seed, Size, StateCount, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, t
from nqp_spatial.dynamics import _long_run as long_run
from nqp_spatial.dynamics import _transitions as transitions
from nqp_spatial.dynamics._bootstrap import bootstrap_probabilities, interval_frame
from nqp_spatial.dynamics._states import Discretization, StateData, state_data
from nqp_spatial.dynamics._tables import TransitionTables, mobility_frame, rounded_probabilities

__all__ = ["MarkovResult", "chain_of", "markov", "with_bootstrap"]


@dataclass(frozen=True, repr=False, eq=False)
class MarkovResult(TransitionTables):
    """An estimated Markov chain.

    Attributes
    ----------
    variable, label : str
        The variable that was cut into states, and its label in figures.
    frame : DataFrame
        By (own_state, next_state): ``moves, probability, std_error``, and ``conf_low, conf_high``
        of the bootstrap if requested.
    counts : DataFrame
        Moves, from (rows) to (columns), shape (states, states).
    probabilities, std_errors : DataFrame
        ``p_ij = n_ij / n_i.`` and ``sqrt(p (1 - p) / n_i.)``; rows never visited are missing.
    ergodic : Series
        Long-run distribution; missing if it is not unique.
    closed_classes : int
        Number of closed classes.
    cuts : Series or DataFrame
        The cuts of the states; by period where each period has its own.
    rule : str
        How states were cut, in words.
    spec : Spec
        Options, among them ``step``, the periods between start and end of a move.
    notes : tuple of str
    tests : TestSet
        Empty: see `markov_by_group`, `time_homogeneity` and `first_order`.
    intervals : DataFrame or None
        By (own_state, next_state): bootstrap ``estimate, std_error, conf_low, conf_high`` of each
        probability, if requested.
    ergodic_intervals : DataFrame or None
        The same for the ergodic distribution.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> chain = nq.dynamics.markov(nq.datasets.us_income(), "relative_income", states=5)
    >>> int(chain.counts.to_numpy().sum())
    3840
    """

    variable: str
    label: str
    counts: pd.DataFrame
    probabilities: pd.DataFrame
    std_errors: pd.DataFrame
    ergodic: pd.Series
    closed_classes: int
    cuts: pd.Series | pd.DataFrame
    rule: str
    spec: Spec
    notes: tuple[str, ...]
    tests: TestSet = field(default_factory=TestSet)
    intervals: pd.DataFrame | None = None
    ergodic_intervals: pd.DataFrame | None = None

    @property
    def mobility(self) -> pd.DataFrame:
        """Mobility indices with standard errors by the delta method.

        With k states and the ergodic distribution pi: ``prais = (k - trace P) / (k - 1)``,
        also Shorrocks's first; ``determinant = 1 - |det P|``; ``eigenvalue = 1 - |lambda_2|``;
        ``leaving = k / (k - 1) sum pi_i (1 - p_ii)``; ``bartholomew = sum pi_i p_ij |i - j| /
        (k - 1)``. All are 0 if no unit moves. Source: Formby, Smith and Zheng (2004),
        Journal of Econometrics 120, 181-205.
        """
        indices = long_run.mobility(
            self.probabilities.to_numpy(),
            self.counts.sum(axis=1).to_numpy(dtype=float),
            self.ergodic.to_numpy(),
        )
        return mobility_frame(indices, ["measure"])

    @property
    def first_passage(self) -> pd.DataFrame:
        """Mean first passage times in periods, from (rows) to (columns); returns on the diagonal.

        Infinite if a state may never be reached. Source: Kemeny and Snell (1976), chapter 4.
        """
        times = long_run.first_passage(self.probabilities.to_numpy()) * self.spec.step
        return pd.DataFrame(times, self.counts.index, self.counts.columns)

    @property
    def half_life(self) -> float:
        """Periods in which the slowest deviation from the long run is halved."""
        return float(long_run.half_life(self.probabilities.to_numpy()) * self.spec.step)

    @checked
    def ahead(self, steps: Size) -> pd.DataFrame:
        """Return transition probabilities over several steps, ``P^steps``.

        Parameters
        ----------
        steps : int
            At least 1; each covers ``spec.step`` periods.

        Raises
        ------
        OptionError
            If `steps` is not a positive integer.
        """
        power = np.linalg.matrix_power(self.probabilities.to_numpy(), int(steps))
        return pd.DataFrame(power, self.counts.index, self.counts.columns)

    def _blocks(self) -> list[Block]:
        return [
            f"Markov chain of {self.variable}: {len(self.counts)} states by {self.rule}, "
            f"steps of {self.spec.step}",
            rounded_probabilities(self),
            "Ergodic: " + ", ".join(f"{x:.3f}" for x in self.ergodic),
            *notes_of(self.notes),
        ]


@checked
def markov(
    panel: SpatialPanel,
    variable: str,
    *,
    states: StateCount = 4,
    discretize: Discretization = "pooled-quantiles",
    step: Size = 1,
    relative: bool = False,
    replications: Replications = 0,
    level: Level = 0.95,
    seed: Seed = 0,
) -> MarkovResult:
    """Estimate a first-order Markov chain of the states of a variable.

    ``p_ij = n_ij / n_i.``, the share of moves from i that end in j after `step` periods, pooled
    over units and periods.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variable.
    variable : str
        A numeric column.
    states : int
        Number of states.
    discretize : {"pooled-quantiles", "period-quantiles"} or sequence of float
        Cuts by quantiles of all values, of each period's values, or your own (one fewer than
        `states`). Intervals are closed on the right.
    step : int
        Periods between start and end of a move.
    relative : bool
        Whether to divide by the period's mean over units first.
    replications : int
        Bootstrap samples of units, with their entire histories; cuts are fixed.
    level : float
        Confidence level of the bootstrap intervals.
    seed : int, optional
        Seed of the bootstrap.

    Returns
    -------
    MarkovResult

    Raises
    ------
    PanelError
        If values are missing, constant or tied across cuts, or periods are too few.
    OptionError
        If an option is out of range.

    Notes
    -----
    Source: Anderson and Goodman (1957); Quah (1993) for income distributions.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> chain = nq.dynamics.markov(nq.datasets.us_income(), "relative_income", states=5)
    >>> float(chain.probabilities.iloc[0, 0].round(3))
    0.915
    """
    data = state_data(
        panel, variable, states=states, discretize=discretize, step=step, relative=relative
    )
    cut = data.states
    counts = transitions.count_transitions(cut.codes, cut.count, step)[0]
    spec = Spec(**data.options, replications=replications, level=level, seed=seed)
    result = chain_of(counts, data, spec)
    if not replications:
        return result
    return with_bootstrap(result, transitions.counts_by_unit(cut.codes, cut.count, step))


def with_bootstrap(result: MarkovResult, by_unit: np.ndarray) -> MarkovResult:
    """Return the chain with bootstrap intervals from the moves of each unit."""
    p, spec = result.probabilities, result.spec
    draws = bootstrap_probabilities(by_unit, p.shape, spec.replications, spec.seed)
    cells = pd.MultiIndex.from_product([p.index, p.columns])
    estimates, flat = p.to_numpy().ravel(), draws.reshape(len(draws), -1)
    pi, long_runs = result.ergodic, long_run.ergodic_batch(draws)
    return replace(
        result,
        intervals=interval_frame(estimates, flat, cells, spec.level),
        ergodic_intervals=interval_frame(pi.to_numpy(), long_runs, pi.index, spec.level),
    )


def chain_of(counts: np.ndarray, data: StateData, spec: Spec) -> MarkovResult:
    """Build the labelled result from counts of shape (states, states)."""
    names = data.states.names
    rows, columns = pd.Index(names, name="own_state"), pd.Index(names, name="next_state")
    p = transitions.probabilities(counts)
    distribution, closed, reason = transitions.ergodic(p)
    notes: list[Message] = []
    if reason:
        notes.append(t("ergodic distribution missing: {reason}", reason=reason))
    unvisited = [names[i] for i in np.flatnonzero(counts.sum(axis=1) == 0)]
    if unvisited:
        states = "; ".join(unvisited)
        notes.append(t("no move starts from state {states}: its row is missing", states=states))
    return MarkovResult(
        variable=data.variable,
        label=data.label,
        counts=pd.DataFrame(counts, rows, columns),
        probabilities=pd.DataFrame(p, rows, columns),
        std_errors=pd.DataFrame(transitions.standard_errors(counts), rows, columns),
        ergodic=pd.Series(distribution, rows, name="ergodic"),
        closed_classes=closed,
        cuts=data.states.labelled_cuts(data.periods),
        rule=data.states.rule,
        spec=spec,
        notes=tuple(notes),
    )
