"""Markov chains: how units move between states of the distribution."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, notes_of
from nqp_spatial.core.options import Level, Replications, Seed, Size, StateCount, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.dynamics import _long_run as long_run
from nqp_spatial.dynamics import _transitions as chains
from nqp_spatial.dynamics._bootstrap import (
    bootstrap_probabilities,
    counts_by_unit,
    interval_frame,
)
from nqp_spatial.dynamics._states import Discretization, States, values_of
from nqp_spatial.dynamics._states import discretize as cut
from nqp_spatial.errors import PanelError

__all__ = ["MarkovResult", "chain_of", "check_step", "markov", "with_intervals"]


@dataclass(frozen=True, repr=False, eq=False)
class MarkovResult(Displayed):
    """An estimated Markov chain.

    Attributes
    ----------
    variable : str
        What was cut into states.
    counts : DataFrame
        Moves, from (rows) to (columns), shape (states, states).
    probabilities, std_errors : DataFrame
        ``p_ij = n_ij / n_i.`` and ``sqrt(p (1 - p) / n_i.)``; rows never visited are missing.
    ergodic : Series
        Long-run distribution; missing if it is not unique.
    closed_classes : int
        Number of closed classes.
    cuts : ndarray
        Where states were cut.
    rule : str
        How, in words.
    step : int
        Periods between start and end of a move.
    notes : tuple of str
    label : str
        What figures call the variable.
    intervals : DataFrame or None
        By (own_state, next_state): bootstrap ``std_error, conf_low, conf_high`` of each
        probability, if asked for.
    ergodic_intervals : DataFrame or None
        The same of the ergodic distribution.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> chain = nq.dynamics.markov(nq.datasets.us_income(), "relative_income", states=5)
    >>> int(chain.counts.to_numpy().sum())
    3840
    """

    variable: str
    counts: pd.DataFrame
    probabilities: pd.DataFrame
    std_errors: pd.DataFrame
    ergodic: pd.Series
    closed_classes: int
    cuts: np.ndarray
    rule: str
    step: int
    notes: tuple[str, ...]
    label: str
    intervals: pd.DataFrame | None = None
    ergodic_intervals: pd.DataFrame | None = None

    @property
    def mobility(self) -> pd.DataFrame:
        """Mobility indices with standard errors by the delta method.

        With k states and the ergodic distribution pi: ``prais = (k - trace P) / (k - 1)``,
        also Shorrocks's first; ``determinant = 1 - |det P|``; ``eigenvalue = 1 - |lambda_2|``;
        ``leaving = k / (k - 1) sum pi_i (1 - p_ii)``; ``bartholomew = sum pi_i p_ij |i - j| /
        (k - 1)``. All are 0 where nothing moves. Source: Formby, Smith and Zheng (2004),
        Journal of Econometrics 120, 181-205.
        """
        found = long_run.mobility(
            self.probabilities.to_numpy(),
            self.counts.sum(axis=1).to_numpy(dtype=float),
            self.ergodic.to_numpy(),
        )
        table = pd.DataFrame.from_dict(found, orient="index", columns=["estimate", "std_error"])
        return table.rename_axis("index")

    @property
    def first_passage(self) -> pd.DataFrame:
        """Mean first passage times in periods, from (rows) to (columns); returns on the diagonal.

        Infinite where a state may never be reached. Source: Kemeny and Snell (1976), chapter 4.
        """
        times = long_run.first_passage(self.probabilities.to_numpy()) * self.step
        return pd.DataFrame(times, self.counts.index, self.counts.columns)

    @property
    def half_life(self) -> float:
        """Periods after which the slowest deviation from the long run is halved."""
        return long_run.half_life(self.probabilities.to_numpy()) * self.step

    @checked
    def ahead(self, steps: Size) -> pd.DataFrame:
        """Return transition probabilities over several steps, ``P^steps``.

        Parameters
        ----------
        steps : int
            From 1; each is `step` periods.

        Raises
        ------
        OptionError
            If `steps` is not a whole number from 1.
        """
        power = np.linalg.matrix_power(self.probabilities.to_numpy(), int(steps))
        return pd.DataFrame(power, self.counts.index, self.counts.columns)

    def _blocks(self) -> list[Block]:
        return [
            f"Markov chain of {self.variable}: {len(self.counts)} states by {self.rule}, "
            f"steps of {self.step}",
            self.probabilities.round(3).assign(moves=self.counts.sum(axis=1)),
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
    seed: Seed = None,
    level: Level = 0.95,
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
        Cuts by quantiles of all values, of each period's values, or as given (one fewer than
        `states`). Intervals are closed on the right.
    step : int
        Periods between start and end of a move.
    relative : bool
        Whether to divide by the period's mean over units first.
    replications : int
        Bootstrap samples of units, with their whole histories; cuts stay as they are.
    seed : int, optional
        Of the bootstrap.
    level : float
        Of its intervals.

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
    check_step(panel, step)
    found = cut(values_of(panel, variable, relative=relative), states, discretize, what=variable)
    counts = chains.count_transitions(found.codes, found.count, step)[0]
    result = chain_of(counts, found, variable, step, panel.label(variable))
    if not replications:
        return result
    by_unit = counts_by_unit(found.codes, found.count, step)
    return with_intervals(result, by_unit, replications, seed, level)


def with_intervals(
    result: MarkovResult, by_unit: np.ndarray, replications: int, seed: int | None, level: float
) -> MarkovResult:
    """Return the chain with bootstrap intervals from the moves of each unit."""
    p = result.probabilities
    draws = bootstrap_probabilities(by_unit, p.shape, replications, seed)
    cells = pd.MultiIndex.from_product([p.index, p.columns])
    flat = draws.reshape(replications, -1)
    return replace(
        result,
        intervals=interval_frame(p.to_numpy().ravel(), flat, cells, level),
        ergodic_intervals=interval_frame(
            result.ergodic.to_numpy(), long_run.ergodic_batch(draws), result.ergodic.index, level
        ),
    )


def check_step(panel: SpatialPanel, step: int) -> None:
    """Raise unless the panel has moves over `step` periods."""
    panel.require_balanced()
    if panel.n_periods <= step:
        raise PanelError(
            f"a move over {step} periods needs at least {step + 1} periods, "
            f"the panel has {panel.n_periods}"
        )
    # A move starts and ends `step` periods apart only if no period is left out.
    require_even_steps(panel.periods, "a move between states")


def chain_of(
    counts: np.ndarray, found: States, variable: str, step: int, label: str
) -> MarkovResult:
    """Build the labelled result from counts of shape (states, states)."""
    names = found.names
    rows, columns = pd.Index(names, name="own_state"), pd.Index(names, name="next_state")
    p = chains.probabilities(counts)
    long_run, closed, note = chains.ergodic(p)
    notes = [f"ergodic distribution missing: {note}"] if note else []
    unvisited = [names[i] for i in np.flatnonzero(counts.sum(axis=1) == 0)]
    if unvisited:
        notes.append(f"no move starts from state {'; '.join(unvisited)}: its row is missing")
    return MarkovResult(
        variable=variable,
        counts=pd.DataFrame(counts, rows, columns),
        probabilities=pd.DataFrame(p, rows, columns),
        std_errors=pd.DataFrame(chains.standard_errors(counts), rows, columns),
        ergodic=pd.Series(long_run, rows, name="ergodic"),
        closed_classes=closed,
        cuts=found.cuts,
        rule=found.rule,
        step=step,
        notes=tuple(notes),
        label=label,
    )
