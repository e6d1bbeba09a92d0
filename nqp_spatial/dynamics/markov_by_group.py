"""Markov chains of groups of units, with and without neighbours, and tests that they are equal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Spec
from nqp_spatial.core.inference import TestSet
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
from nqp_spatial.core.text import t
from nqp_spatial.dynamics._grouped_chains import GroupedChains, group_moves, reassignment_tests
from nqp_spatial.dynamics._homogeneity import homogeneity_tests, stratified_tests
from nqp_spatial.dynamics._states import Discretization, lag_states_of, state_data
from nqp_spatial.dynamics.markov import MarkovResult, chain_of, with_bootstrap
from nqp_spatial.dynamics.spatial_markov import (
    NO_NEIGHBOURS,
    SpatialMarkovResult,
    spatial_chain_of,
    with_spatial_bootstrap,
)
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["ChainsResult", "SpatialChainsResult", "markov_by_group", "spatial_markov_by_group"]


@dataclass(frozen=True, repr=False, eq=False)
class ChainsResult(GroupedChains):
    """Markov chains with common states, side by side.

    Attributes
    ----------
    chains : dict
        Name to `MarkovResult`.
    pooled : MarkovResult
        The chain of all units together.
    tests : TestSet
        That transition probabilities are the same: ``lr``, ``chi2`` (degrees of freedom over cells
        that occur), ``lr_all_cells``, ``chi2_all_cells``, and permutation tests if requested.
    grouping : str
        What defines the groups: a column, spans of time, previous states.
    spec : Spec
    frame : DataFrame
        By (group, own_state, next_state): ``moves, probability, std_error``.
    notes : tuple of str
        Notes of all chains, with their names.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> result = nq.dynamics.markov_by_group(cities, "nqp", group="core")
    >>> list(result.chains)
    ['centre', 'periphery']
    """

    chains: dict[str, MarkovResult]
    pooled: MarkovResult
    tests: TestSet
    grouping: str
    spec: Spec

    @property
    def ergodic(self) -> pd.DataFrame:
        """Ergodic distributions, one row per chain."""
        return pd.DataFrame({name: chain.ergodic for name, chain in self.chains.items()}).T


@dataclass(frozen=True, repr=False, eq=False)
class SpatialChainsResult(GroupedChains):
    """Spatial Markov chains of groups, with common states.

    Attributes
    ----------
    chains : dict
        Group to `SpatialMarkovResult`; the tests in each concern the neighbours' state within the
        group.
    tests : TestSet
        That groups are equal given their neighbours' state: ``lr``, ``chi2``,
        ``lr_all_cells``, ``chi2_all_cells``, and permutation tests if requested.
    grouping : str
        What defines the groups.
    spec : Spec
    frame : DataFrame
        By (group, neighbour_state, own_state, next_state): ``moves, probability, std_error``.
    notes : tuple of str
        Notes of all chains, with their names.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> w = nq.weights.knn(cities, k=6)
    >>> result = nq.dynamics.spatial_markov_by_group(cities, "nqp", w, group="cluster")
    >>> list(result.chains)
    ['centre', 'periphery']
    """

    chains: dict[str, SpatialMarkovResult]
    tests: TestSet
    grouping: str
    spec: Spec

    _title = "Spatial Markov chains"


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
    seed: Seed = 0,
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
        As in `markov`; states use common cuts for all groups.
    permutations : int
        Random reassignments of groups to units, each with its entire history; 0 for none.
    replications : int
        Bootstrap samples of units, within each group.
    level : float
        Confidence level of the bootstrap intervals.
    seed : int, optional

    Returns
    -------
    ChainsResult

    Raises
    ------
    PanelError, UnmatchedIdsError, OptionError
        If a unit has no group or changes it, or there is only one group. Errors of `markov` are
        passed on.

    Notes
    -----
    Source: Anderson and Goodman (1957); Bickenbach and Bode (2003). The chi-square distribution
    treats moves as independent; the permutation test does not.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> result = nq.dynamics.markov_by_group(cities, "nqp", group="core", permutations=99, seed=0)
    >>> result.tests["lr_permutation"].p_value <= 1
    True
    """
    data = state_data(
        panel, variable, states=states, discretize=discretize, step=step, relative=relative
    )
    moves = group_moves(panel, group, data.states, step)
    counts = moves.counts[:, 0]
    null = t(
        "transition probabilities are the same in all groups of {grouping}",
        grouping=moves.grouping,
    )
    tests = homogeneity_tests(counts, null)
    if permutations:
        tests |= reassignment_tests(moves, null, permutations, seed)
    spec = Spec(
        **data.options, group=moves.grouping, permutations=permutations,
        replications=replications, level=level, seed=seed,
    )  # fmt: skip
    chains = {}
    for number, name in enumerate(moves.names):
        chain = chain_of(counts[number], data, spec)
        if replications:
            chain = with_bootstrap(chain, moves.by_unit[moves.codes == number])
        chains[name] = chain
    pooled = chain_of(counts.sum(axis=0), data, spec)
    return ChainsResult(chains, pooled, TestSet(tests), moves.grouping, spec)


@checked
def spatial_markov_by_group(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike,
    *,
    group: str | pd.Series,
    states: StateCount = 4,
    lag_states: StateCount = 4,
    discretize: Discretization = "pooled-quantiles",
    lag_discretize: Discretization = "pooled-quantiles",
    step: Size = 1,
    relative: bool = False,
    permutations: Permutations = 0,
    replications: Replications = 0,
    level: Level = 0.95,
    seed: Seed = 0,
) -> SpatialChainsResult:
    """Estimate a spatial Markov chain for each group of units, and test that they are equal.

    Neighbours count regardless of their group. With clubs (``clubs.groups()``) as the groups this
    is the chain of each club.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variable.
    variable : str
        A numeric column.
    weights : SpatialWeights, Graph or W
    group : str or Series
        A column that does not change over periods, or groups by unit.
    states, lag_states, discretize, lag_discretize, step, relative
        As in `spatial_markov`; states use common cuts for all groups.
    permutations : int
        Random reassignments of groups to units, each with its history and its neighbours' states.
    replications : int
        Bootstrap samples of units, within each group.
    level : float
        Confidence level of the bootstrap intervals.
    seed : int, optional

    Returns
    -------
    SpatialChainsResult

    Raises
    ------
    PanelError, UnmatchedIdsError, OptionError, IslandError
        As in `spatial_markov`; or if a unit has no group or changes it, or there is only one group.

    Notes
    -----
    The null is ``p_ij|l,g = p_ij|l``: statistics and degrees of freedom are summed over the
    neighbour states l.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> w = nq.weights.knn(cities, k=6)
    >>> result = nq.dynamics.spatial_markov_by_group(
    ...     cities, "nqp", w, group="cluster", permutations=99, seed=0
    ... )
    >>> 0 < result.tests["lr_permutation"].p_value <= 1
    True
    """
    data = state_data(
        panel, variable, states=states, discretize=discretize, step=step, relative=relative
    )
    w = as_weights(weights)
    neighbours = lag_states_of(data, w, panel.units, lag_states, lag_discretize)
    moves = group_moves(panel, group, data.states, step, neighbours)
    null = t(
        "transition probabilities are the same in all groups of {grouping}, given the neighbours' "
        "state",
        grouping=moves.grouping,
    )
    tests = stratified_tests(np.swapaxes(moves.counts, 0, 1), null)
    if permutations:
        tests |= reassignment_tests(moves, null, permutations, seed)
    spec = Spec(
        **data.options, weights=w, lag_states=lag_states, lag_discretize=lag_discretize,
        group=moves.grouping, permutations=permutations, replications=replications, level=level,
        seed=seed,
    )  # fmt: skip
    chains = {}
    for number, name in enumerate(moves.names):
        counts = moves.counts[number]
        own_tests = homogeneity_tests(counts, NO_NEIGHBOURS)
        conditions = {"neighbour_state": neighbours}
        chain = spatial_chain_of(counts, data, conditions, own_tests, w, spec)
        if replications:
            chain = with_spatial_bootstrap(chain, moves.by_unit[moves.codes == number])
        chains[name] = chain
    return SpatialChainsResult(chains, TestSet(tests), moves.grouping, spec)
