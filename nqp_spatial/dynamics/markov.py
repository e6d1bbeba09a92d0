"""Markov chains: how units move between states of the distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from nqp_spatial.dynamics import chains
from nqp_spatial.dynamics.states import Discretization, States, values_of
from nqp_spatial.dynamics.states import discretize as cut
from nqp_spatial.errors import OptionError, PanelError
from nqp_spatial.panel import SpatialPanel

__all__ = ["MarkovResult", "check_step", "markov"]


@dataclass(frozen=True, repr=False, eq=False)
class MarkovResult:
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

    def __repr__(self) -> str:
        table = self.probabilities.assign(moves=self.counts.sum(axis=1))
        lines = [
            f"Markov chain of {self.variable}: {len(self.counts)} states by {self.rule}, "
            f"steps of {self.step}",
            table.to_string(float_format=lambda x: f"{x:.3f}"),
            "Ergodic: " + ", ".join(f"{x:.3f}" for x in self.ergodic),
        ]
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        table = self.probabilities.assign(moves=self.counts.sum(axis=1), ergodic=self.ergodic)
        return str(table.to_html(float_format=lambda x: f"{x:.3f}"))


def markov(
    panel: SpatialPanel,
    variable: str,
    *,
    states: int = 4,
    discretize: Discretization = "pooled-quantiles",
    step: int = 1,
    relative: bool = False,
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
    return chain_of(counts, found, variable, step)


def check_step(panel: SpatialPanel, step: int) -> None:
    """Raise unless the panel has moves over `step` periods."""
    if not (isinstance(step, int | np.integer) and step >= 1):
        raise OptionError(f"step must be a whole number from 1, got {step!r}")
    panel.require_balanced()
    if panel.n_periods <= step:
        raise PanelError(
            f"a move over {step} periods needs at least {step + 1} periods, "
            f"the panel has {panel.n_periods}"
        )


def chain_of(counts: np.ndarray, found: States, variable: str, step: int) -> MarkovResult:
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
    )
