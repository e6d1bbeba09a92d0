"""Chains of groups of units, of spans of time, and of pasts, with tests that they are equal."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, tests_frame
from nqp_spatial.core.options import (
    Level,
    Permutations,
    Replications,
    Seed,
    Size,
    StateCount,
    checked,
)
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.dynamics import _transitions as chains
from nqp_spatial.dynamics._bootstrap import counts_by_unit
from nqp_spatial.dynamics._homogeneity import homogeneity_tests, stratified_statistics
from nqp_spatial.dynamics._states import Discretization, values_of
from nqp_spatial.dynamics._states import discretize as cut
from nqp_spatial.dynamics.markov import MarkovResult, chain_of, check_step, with_intervals
from nqp_spatial.errors import OptionError, PanelError

__all__ = ["ChainsResult", "dealt_tests", "first_order", "markov_by_group", "time_homogeneity"]


@dataclass(frozen=True, repr=False, eq=False)
class ChainsResult(Displayed):
    """Markov chains with common states, side by side.

    Attributes
    ----------
    chains : dict
        Name to `MarkovResult`.
    pooled : MarkovResult
        Of all together.
    tests : dict
        That transition probabilities are the same: ``lr``, ``chi2`` (degrees of freedom over cells
        that occur), ``lr_all_cells``, ``chi2_all_cells``, and permutation tests if asked for.
    by : str
        What tells the chains apart.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> found = nq.dynamics.markov_by_group(cities, "nqp", group="core")
    >>> list(found.chains)
    ['centre', 'periphery']
    """

    chains: dict[str, MarkovResult]
    pooled: MarkovResult
    tests: dict[str, HypothesisTest | NotApplicable]
    by: str

    @property
    def tests_table(self) -> pd.DataFrame:
        """The tests as a frame, one row each."""
        return tests_frame(self.tests.values())

    @property
    def mobility(self) -> pd.DataFrame:
        """Mobility indices of each chain, as (index, estimate | std_error) columns by chain."""
        return pd.concat(
            {name: chain.mobility for name, chain in self.chains.items()}, names=["by"]
        )

    @property
    def ergodic(self) -> pd.DataFrame:
        """Ergodic distributions, one row a chain."""
        return pd.DataFrame({name: chain.ergodic for name, chain in self.chains.items()}).T

    def _blocks(self) -> list[Block]:
        chains = [part for name, one in self.chains.items() for part in [name, *one._blocks()]]
        return [f"Markov chains by {self.by}", *chains, *map(repr, self.tests.values())]


@checked
def markov_by_group(
    panel: SpatialPanel,
    variable: str,
    *,
    group: str | pd.Series,
    states: StateCount = 4,
    discretize: Discretization = "pooled-quantiles",
    step: Size = 1,
    relative: bool = False,
    permutations: Permutations = 0,
    replications: Replications = 0,
    level: Level = 0.95,
    seed: Seed = None,
) -> ChainsResult:
    """Estimate a Markov chain for each group of units, and test that they are equal.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variable.
    variable : str
        A numeric column.
    group : str or Series
        A column that does not change over periods, or groups by unit.
    states, discretize, step, relative
        As in `markov`; states are cut over all groups together.
    permutations : int
        Random dealings of the groups to units, each with its whole history; 0 for none.
    replications : int
        Bootstrap samples of units, inside each group.
    level : float
        Of the bootstrap's intervals.
    seed : int, optional

    Returns
    -------
    ChainsResult

    Raises
    ------
    PanelError, UnmatchedIdsError, OptionError
        If a unit has no group or changes it, or there is one group. What `markov` raises.

    Notes
    -----
    Source: Anderson and Goodman (1957); Bickenbach and Bode (2003). The chi-square distribution
    takes moves for independent; the permutation test does not.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> found = nq.dynamics.markov_by_group(cities, "nqp", group="core", permutations=99, seed=0)
    >>> found.tests["lr_permutation"].p_value <= 1
    True
    """
    check_step(panel, step)
    groups = Groups.by_unit(panel, group)
    codes, names = groups.codes, groups.names
    called = group if isinstance(group, str) else str(group.name or "group")
    found = cut(values_of(panel, variable, relative=relative), states, discretize, what=variable)
    by_unit = counts_by_unit(found.codes, found.count, step)
    member = (codes == np.arange(len(names))[:, None]).astype(float)
    shape = (len(names), found.count, found.count)
    counts = (member @ by_unit).reshape(shape).astype(int)
    null = f"transition probabilities are the same in all groups of {called}"
    tests = homogeneity_tests(counts, null)
    if permutations:
        tests |= dealt_tests(by_unit, codes, counts[:, None], null, permutations, seed)
    of_groups = {}
    for g, name in enumerate(names):
        chain = chain_of(counts[g], found, variable, step, panel.label(variable))
        if replications:
            chain = with_intervals(chain, by_unit[codes == g], replications, seed, level)
        of_groups[name] = chain
    pooled = chain_of(counts.sum(axis=0), found, variable, step, panel.label(variable))
    return ChainsResult(of_groups, pooled, tests, called)


def dealt_tests(
    by_unit: np.ndarray,
    codes: np.ndarray,
    counts: np.ndarray,
    null: str,
    permutations: int,
    seed: int | None,
) -> dict[str, HypothesisTest | NotApplicable]:
    """Return tests by dealing the groups to units at random.

    Parameters
    ----------
    by_unit : ndarray
        Moves of each unit, shape (units, strata x states x states).
    codes : ndarray of int
        Group of each unit.
    counts : ndarray
        Shape (groups, strata, states, states).
    null : str
    permutations : int
    seed : int, optional
    """
    rng = np.random.default_rng(seed)
    drawn = np.empty((2, permutations))
    batch = max(1, 4_000_000 // (len(codes) * len(counts)))
    for start in range(0, permutations, batch):
        size = min(batch, permutations - start)
        dealt = rng.permuted(np.tile(codes, (size, 1)), axis=1)
        member = (dealt[:, None, :] == np.arange(len(counts))[:, None]).astype(float)
        moves = (member.reshape(-1, len(codes)) @ by_unit).reshape(size, *counts.shape)
        drawn[:, start : start + size] = stratified_statistics(np.swapaxes(moves, 1, 2))
    rule = f"{permutations} random dealings of groups to units"
    found: dict[str, HypothesisTest | NotApplicable] = {}
    observed = stratified_statistics(np.swapaxes(counts, 0, 1))
    for (key, name), value, draws in zip(
        [("lr", "LR"), ("chi2", "chi-square")], observed, drawn, strict=True
    ):
        reached = 1 + int((draws >= float(value) * (1 - 1e-12)).sum())
        found[f"{key}_permutation"] = HypothesisTest(
            name, null, float(value), "permutation", None, reached / (permutations + 1), rule
        )
    return found


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
        A number of spans of nearly equal length; or the periods at which a new span begins, the
        first left out. A move belongs to the span in which it starts.
    states, discretize, step, relative
        As in `markov`; states are cut over all periods together.

    Returns
    -------
    ChainsResult

    Raises
    ------
    OptionError, PanelError
        If there are not two spans with moves. What `markov` raises.

    Notes
    -----
    Source: Anderson and Goodman (1957), section 3.2; Bickenbach and Bode (2003), equation 13.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> found = nq.dynamics.time_homogeneity(
    ...     nq.datasets.us_income(), "relative_income", spans=[1970], states=5
    ... )
    >>> list(found.chains)
    ['1929-1969', '1970-2008']
    """
    check_step(panel, step)
    starts = panel.periods[:-step]
    if isinstance(spans, int | np.integer):
        if not 2 <= spans <= len(starts):
            raise OptionError(
                f"spans must be from 2 to {len(starts)}, the periods in which moves start; "
                f"got {spans!r}"
            )
        begins = np.array([part[0] for part in np.array_split(np.arange(len(starts)), spans)])[1:]
    else:
        begins = np.unique([panel.periods.get_loc(one) for one in panel.require_periods(spans)])
        if not len(begins) or begins[0] == 0 or begins[-1] >= len(starts):
            raise OptionError(
                f"spans must name periods after the first, {starts[0]!r}, up to {starts[-1]!r}, "
                f"in which moves still start; got {list(spans)!r}"
            )
    span = np.searchsorted(begins, np.arange(panel.n_periods), side="right")
    edges = [0, *begins, len(starts)]
    names = [
        f"{starts[low]}-{starts[high - 1]}" if high - low > 1 else str(starts[low])
        for low, high in pairwise(edges)
    ]
    found = cut(values_of(panel, variable, relative=relative), states, discretize, what=variable)
    given = np.broadcast_to(span, found.codes.shape)
    counts = chains.count_transitions(found.codes, found.count, step, given, len(names))
    null = "transition probabilities are the same in all spans of time"
    return ChainsResult(
        {
            name: chain_of(one, found, variable, step, panel.label(variable))
            for name, one in zip(names, counts, strict=True)
        },
        chain_of(counts.sum(axis=0), found, variable, step, panel.label(variable)),
        homogeneity_tests(counts, null),
        "span of time",
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
    """Test that where a unit goes depends on where it is, not on where it was before.

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
        Chains by the state before.

    Raises
    ------
    PanelError
        If there are no two moves in a row. What `markov` raises.

    Notes
    -----
    Rejection warns against powers of P and the ergodic distribution. Source: Anderson and Goodman
    (1957), section 3.4.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> found = nq.dynamics.first_order(nq.datasets.us_income(), "relative_income", states=5)
    >>> found.tests["lr"].df
    45
    """
    check_step(panel, step)
    if panel.n_periods <= 2 * step:
        raise PanelError(
            f"two moves over {step} periods in a row need {2 * step + 1} periods, the panel has "
            f"{panel.n_periods}"
        )
    found = cut(values_of(panel, variable, relative=relative), states, discretize, what=variable)
    before, own = found.codes[:, :-step], found.codes[:, step:]
    counts = chains.count_transitions(own, found.count, step, before, found.count)
    null = "moves depend on the state now, not on the one before"
    return ChainsResult(
        {
            f"from {name}": chain_of(one, found, variable, step, panel.label(variable))
            for name, one in zip(found.names, counts, strict=True)
        },
        chain_of(counts.sum(axis=0), found, variable, step, panel.label(variable)),
        homogeneity_tests(counts, null),
        "state before",
    )
