"""Spatial Markov chains of groups of units, such as centre and periphery, or clubs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
from nqp_spatial.dynamics._bootstrap import counts_by_unit
from nqp_spatial.dynamics._homogeneity import homogeneity_tests, stratified_tests
from nqp_spatial.dynamics._states import Discretization, values_of
from nqp_spatial.dynamics._states import discretize as cut
from nqp_spatial.dynamics.markov import check_step
from nqp_spatial.dynamics.markov_by_group import dealt_tests
from nqp_spatial.dynamics.spatial_markov import (
    NULL,
    SpatialMarkovResult,
    spatial_chain_of,
    with_spatial_intervals,
)
from nqp_spatial.errors import IslandError, sample
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["SpatialChainsResult", "spatial_markov_by_group"]


@dataclass(frozen=True, repr=False, eq=False)
class SpatialChainsResult(Displayed):
    """Spatial Markov chains of groups, with common states.

    Attributes
    ----------
    chains : dict
        Group to `SpatialMarkovResult`; the tests in each are of neighbours within the group.
    tests : dict
        That groups are equal where their neighbours' state is: ``lr``, ``chi2``,
        ``lr_all_cells``, ``chi2_all_cells``, and permutation tests if asked for.
    by : str
        What tells the groups apart.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> w = nq.weights.knn(cities, k=6)
    >>> found = nq.dynamics.spatial_markov_by_group(cities, "nqp", w, group="cluster")
    >>> list(found.chains)
    ['centre', 'periphery']
    """

    chains: dict[str, SpatialMarkovResult]
    tests: dict[str, HypothesisTest | NotApplicable]
    by: str

    @property
    def tests_table(self) -> pd.DataFrame:
        """The tests as a frame, one row each."""
        return tests_frame(self.tests.values())

    def _blocks(self) -> list[Block]:
        chains = [part for name, one in self.chains.items() for part in [name, *one._blocks()]]
        return [f"Spatial Markov chains by {self.by}", *chains, *map(repr, self.tests.values())]


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
    seed: Seed = None,
) -> SpatialChainsResult:
    """Estimate a spatial Markov chain for each group of units, and test that they are equal.

    Neighbours count whatever their group. With clubs (``clubs.groups()``) as the groups this is
    the club-by-club chain.

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
        As in `spatial_markov`; states are cut over all groups together.
    permutations : int
        Random dealings of the groups to units, each with its history and its neighbours' states.
    replications : int
        Bootstrap samples of units, inside each group.
    level : float
        Of the bootstrap's intervals.
    seed : int, optional

    Returns
    -------
    SpatialChainsResult

    Raises
    ------
    PanelError, UnmatchedIdsError, OptionError, IslandError
        As `spatial_markov`; or if a unit has no group or changes it, or there is one group.

    Notes
    -----
    The null is ``p_ij|l,g = p_ij|l``: statistics of the neighbour states l add up, and so do their
    degrees of freedom.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> w = nq.weights.knn(cities, k=6)
    >>> found = nq.dynamics.spatial_markov_by_group(
    ...     cities, "nqp", w, group="cluster", permutations=99, seed=0
    ... )
    >>> 0 < found.tests["lr_permutation"].p_value <= 1
    True
    """
    check_step(panel, step)
    groups = Groups.by_unit(panel, group)
    codes, names = groups.codes, groups.names
    called = group if isinstance(group, str) else str(group.name or "group")
    w = as_weights(weights)
    matrix = w.aligned(panel.units)
    if len(w.islands):
        raise IslandError(
            f"{len(w.islands)} units have no neighbours and so no neighbour state: "
            f"{sample(w.islands)}; attach them (islands='nearest') or leave them out of the panel"
        )
    values = values_of(panel, variable, relative=relative)
    own = cut(values, states, discretize, what=variable)
    near = cut(matrix @ values, lag_states, lag_discretize, what=f"the spatial lag of {variable}")
    by_unit = counts_by_unit(own.codes, own.count, step, near.codes, near.count)
    shape = (len(names), near.count, own.count, own.count)
    member = (codes == np.arange(len(names))[:, None]).astype(float)
    counts = (member @ by_unit).reshape(shape).astype(int)
    null = f"groups of {called} have the same probabilities where their neighbours' state is equal"
    tests = stratified_tests(np.swapaxes(counts, 0, 1), null)
    if permutations:
        tests |= dealt_tests(by_unit, codes, counts, null, permutations, seed)
    found = {}
    for g, name in enumerate(names):
        inside = homogeneity_tests(counts[g], NULL.format("neighbours'"))
        chain = spatial_chain_of(
            counts[g],
            own,
            {"neighbour_state": near},
            inside,
            variable,
            w,
            step,
            panel.label(variable),
        )
        if replications:
            chain = with_spatial_intervals(chain, by_unit[codes == g], replications, seed, level)
        found[name] = chain
    return SpatialChainsResult(found, tests, called)
