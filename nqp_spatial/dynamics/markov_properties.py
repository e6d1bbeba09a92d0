"""Assumptions of Markov chains: chains by span of time and by previous state, and their tests."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Spec
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Size, StateCount, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, t
from nqp_spatial.dynamics._homogeneity import homogeneity_tests
from nqp_spatial.dynamics._states import Discretization, StateData, check_step, state_data
from nqp_spatial.dynamics._transitions import count_transitions
from nqp_spatial.dynamics.markov import chain_of
from nqp_spatial.dynamics.markov_by_group import ChainsResult
from nqp_spatial.errors import OptionError, PanelError

__all__ = ["first_order", "time_homogeneity"]


@checked
def time_homogeneity(
    panel: SpatialPanel,
    variable: str,
    *,
    spans: int | Sequence[Hashable] = 2,
    states: StateCount = 4,
    discretize: Discretization = "pooled-quantiles",
    step: Size = 1,
    relative: bool = False,
) -> ChainsResult:
    """Estimate a Markov chain for each span of time, and test that they are equal.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variable.
    variable : str
        A numeric column.
    spans : int or sequence of periods
        A number of spans of nearly equal length; or the periods at which a new span begins, without
        the first. A move belongs to the span in which it starts.
    states, discretize, step, relative
        As in `markov`; states use common cuts for all periods.

    Returns
    -------
    ChainsResult

    Raises
    ------
    OptionError, PanelError
        If there are fewer than two spans with moves. Errors of `markov` are passed on.

    Notes
    -----
    Source: Anderson and Goodman (1957), section 3.2; Bickenbach and Bode (2003), equation 13.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> result = nq.dynamics.time_homogeneity(
    ...     nq.datasets.us_income(), "relative_income", spans=[1970], states=5
    ... )
    >>> list(result.chains)
    ['1929-1969', '1970-2008']
    """
    check_step(panel, step)
    starts = panel.periods[:-step]
    breaks = _breaks(panel, spans, starts)
    data = state_data(
        panel, variable, states=states, discretize=discretize, step=step, relative=relative
    )
    edges = [0, *breaks, len(starts)]
    names = [
        f"{starts[low]}-{starts[high - 1]}" if high - low > 1 else str(starts[low])
        for low, high in pairwise(edges)
    ]
    span = np.searchsorted(breaks, np.arange(panel.n_periods), side="right")
    counts = count_transitions(
        data.states.codes, data.states.count, step,
        np.broadcast_to(span, data.states.codes.shape), len(names),
    )  # fmt: skip
    null = t("transition probabilities are the same in all spans of time")
    spec = Spec(**data.options, spans=spans)
    return _chains(dict(zip(names, counts, strict=True)), data, null, t("span of time"), spec)


def _breaks(panel: SpatialPanel, spans: int | Sequence[Hashable], starts: pd.Index) -> np.ndarray:
    """Return the positions of the periods at which spans begin, without the first."""
    if isinstance(spans, int | np.integer):
        if not 2 <= spans <= len(starts):
            raise OptionError(
                f"spans must be from 2 to {len(starts)}, the periods in which moves start; "
                f"got {spans!r}"
            )
        return np.array([part[0] for part in np.array_split(np.arange(len(starts)), spans)])[1:]
    breaks = np.unique([panel.periods.get_loc(p) for p in panel.require_periods(spans)])
    if not len(breaks) or breaks[0] == 0 or breaks[-1] >= len(starts):
        raise OptionError(
            f"spans must name periods after the first, {starts[0]!r}, up to {starts[-1]!r}, "
            f"in which moves still start; got {list(spans)!r}"
        )
    return breaks


def _chains(
    counts: dict[str, np.ndarray], data: StateData, null: Message, grouping: Message, spec: Spec
) -> ChainsResult:
    """Build chains from counts by name, with tests that they are equal."""
    every = np.stack(list(counts.values()))
    return ChainsResult(
        {name: chain_of(matrix, data, spec) for name, matrix in counts.items()},
        chain_of(every.sum(axis=0), data, spec),
        TestSet(homogeneity_tests(every, null)),
        grouping,
        spec,
    )


@checked
def first_order(
    panel: SpatialPanel,
    variable: str,
    *,
    states: StateCount = 4,
    discretize: Discretization = "pooled-quantiles",
    step: Size = 1,
    relative: bool = False,
) -> ChainsResult:
    """Test that a move depends on the current state only, not on the previous one.

    Chains by the state one step before the start of a move are compared.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variable.
    variable : str
        A numeric column.
    states, discretize, step, relative
        As in `markov`.

    Returns
    -------
    ChainsResult
        Chains by the previous state.

    Raises
    ------
    PanelError
        If there are no two consecutive moves. Errors of `markov` are passed on.

    Notes
    -----
    After a rejection, powers of P and the ergodic distribution should not be used. Source: Anderson
    and Goodman (1957), section 3.4.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> result = nq.dynamics.first_order(nq.datasets.us_income(), "relative_income", states=5)
    >>> result.tests["lr"].df
    45
    """
    if panel.n_periods <= 2 * step:
        raise PanelError(
            f"two moves over {step} periods in a row need {2 * step + 1} periods, the panel has "
            f"{panel.n_periods}"
        )
    data = state_data(
        panel, variable, states=states, discretize=discretize, step=step, relative=relative
    )
    previous, codes = data.states.codes[:, :-step], data.states.codes[:, step:]
    size = data.states.count
    counts = count_transitions(codes, size, step, previous, size)
    names = [t("from {state}", state=name) for name in data.states.names]
    null = t("moves depend on the current state, not on the previous one")
    spec = Spec(**data.options)
    return _chains(dict(zip(names, counts, strict=True)), data, null, t("previous state"), spec)
