"""Spatial Markov chains: moves between states, given the state of neighbours or of a centre."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import (
    Jobs,
    Level,
    Permutations,
    Replications,
    Seed,
    Size,
    StateCount,
    checked,
)
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, join, label, t
from nqp_spatial.dynamics import _long_run as long_run
from nqp_spatial.dynamics import _transitions as transitions
from nqp_spatial.dynamics._bootstrap import bootstrap_probabilities, interval_frame
from nqp_spatial.dynamics._group_state import mean_of_members
from nqp_spatial.dynamics._homogeneity import (
    Tests,
    homogeneity_statistics,
    homogeneity_tests,
    permutation_tests,
    stratified_tests,
)
from nqp_spatial.dynamics._relocations import relocated_statistics
from nqp_spatial.dynamics._states import (
    Discretization,
    StateData,
    States,
    discretize_values,
    lag_states_of,
    state_data,
)
from nqp_spatial.dynamics._tables import TransitionTables, mobility_frame, rounded_probabilities
from nqp_spatial.dynamics.markov import MarkovResult, chain_of
from nqp_spatial.errors import OptionError
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = [
    "NO_NEIGHBOURS",
    "Condition",
    "SpatialMarkovResult",
    "spatial_chain_of",
    "spatial_markov",
    "with_spatial_bootstrap",
]

Condition = Literal["neighbours", "group", "both"]

#: The null of spatial chains.
NO_NEIGHBOURS = t("transition probabilities do not depend on the neighbours' state")
_NO_GROUP = t("transition probabilities do not depend on the group's state")
_NO_CONDITION = t(
    "transition probabilities do not depend on the neighbours' state or the group's state"
)
_NULLS = {"neighbour_state": NO_NEIGHBOURS, "group_state": _NO_GROUP}
_CONDITIONAL_NULLS = {
    "neighbours": t(
        "transition probabilities do not depend on the neighbours' state, given the group's state"
    ),
    "group": t(
        "transition probabilities do not depend on the group's state, given the neighbours' state"
    ),
}


@dataclass(frozen=True, repr=False, eq=False)
class SpatialMarkovResult(TransitionTables):
    """Markov chains conditional on the state of the neighbours, of a named group, or of both.

    Rows of its tables are (neighbour_state, own_state), (group_state, own_state) or
    (neighbour_state, group_state, own_state).

    Attributes
    ----------
    variable, label : str
        The variable that was cut into states, and its label in figures.
    frame : DataFrame
        By condition, own_state and next_state: ``moves, probability, std_error``, and
        ``conf_low, conf_high`` of the bootstrap if requested.
    counts : DataFrame
        Moves; columns next_state.
    probabilities, std_errors : DataFrame
        The same shape; rows never visited are missing.
    ergodic : DataFrame
        Long-run distribution for each condition (rows); missing where it is not unique.
    closed_classes : Series
        Number of closed classes, by condition.
    tests : TestSet
        ``lr`` and ``chi2`` with degrees of freedom over cells that occur, ``lr_all_cells`` and
        ``chi2_all_cells`` over all cells; ``lr_permutation`` and ``chi2_permutation`` if requested.
        With both conditions also ``lr_neighbours`` and ``chi2_neighbours``, that chains do not
        depend on the neighbours' state, given the group's, and ``lr_group``, ``chi2_group``, the
        reverse.
    pooled : MarkovResult
        The chain that ignores neighbours.
    own_cuts, neighbour_cuts, group_cuts : Series or DataFrame
        The cuts of the states; empty if not used.
    spec : Spec
        Options, weights in words, seed, permutations.
    notes : tuple of str
    intervals : DataFrame or None
        Bootstrap ``estimate, std_error, conf_low, conf_high`` of each probability, if requested.
    weights : SpatialWeights or None
        The weights of the neighbours' mean, which `forecast` needs.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> chain = nq.dynamics.spatial_markov(panel, "relative_income", w, states=5, lag_states=3)
    >>> chain.counts.shape
    (15, 5)
    """

    variable: str
    label: str
    counts: pd.DataFrame
    probabilities: pd.DataFrame
    std_errors: pd.DataFrame
    ergodic: pd.DataFrame
    closed_classes: pd.Series
    tests: TestSet
    pooled: MarkovResult
    own_cuts: pd.Series | pd.DataFrame
    neighbour_cuts: pd.Series | pd.DataFrame
    group_cuts: pd.Series | pd.DataFrame
    spec: Spec
    notes: tuple[str, ...]
    intervals: pd.DataFrame | None = None
    weights: SpatialWeights | None = None

    @property
    def mobility(self) -> pd.DataFrame:
        """Mobility indices of the chain of each condition, as in `MarkovResult.mobility`."""
        size = self.counts.shape[1]
        p = self.probabilities.to_numpy().reshape(-1, size, size)
        visits = self.counts.to_numpy(dtype=float).reshape(-1, size, size).sum(axis=2)
        rows: dict[tuple[object, str], tuple[float, float]] = {}
        for i, condition in enumerate(self.ergodic.index):
            indices = long_run.mobility(p[i], visits[i], self.ergodic.iloc[i].to_numpy())
            rows |= {(condition, name): value for name, value in indices.items()}
        return mobility_frame(rows, ["condition", "measure"])

    def _blocks(self) -> list[Block]:
        return [
            f"Spatial Markov chain of {self.variable}, steps of {self.spec.step}; "
            f"{self.spec.weights}",
            rounded_probabilities(self),
            *map(repr, self.tests.values()),
            *notes_of(self.notes),
        ]


@checked
def spatial_markov(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike,
    *,
    states: StateCount = 4,
    lag_states: StateCount = 4,
    discretize: Discretization = "pooled-quantiles",
    lag_discretize: Discretization = "pooled-quantiles",
    step: Size = 1,
    relative: bool = False,
    condition: Condition = "neighbours",
    group: str | pd.Series | None = None,
    member: Hashable = True,
    group_weights: WeightsLike | None = None,
    group_states: StateCount | None = None,
    permutations: Permutations = 0,
    replications: Replications = 0,
    level: Level = 0.95,
    seed: Seed = 0,
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> SpatialMarkovResult:
    """Estimate Markov chains conditional on the state of the spatial lag at the start of a move.

    ``p_ij|l = n_lij / n_li.``: of the moves from i whose neighbours (the weighted sum ``W y``) were
    in state l, the share that end in j.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variable.
    variable : str
        A numeric column.
    weights : SpatialWeights, Graph or W
        Used as they are; rows should add to one, so that the lag is a mean of neighbours.
    states, lag_states : int
        Numbers of own states and of neighbour states, which may differ.
    discretize, lag_discretize : {"pooled-quantiles", "period-quantiles"} or sequence of float
        Cuts of the values, and of the spatial lags (and of the group's values).
    step : int
        Periods between start and end of a move.
    relative : bool
        Whether to divide by the period's mean over units first.
    condition : {"neighbours", "group", "both"}
        Whether to condition on the neighbours' state, on the state of a named group such as the
        centre, or on both.
    group : str or Series, optional
        The column, or Series by unit, that identifies the members.
    member : hashable
        The value that marks members, such as ``"centre"``.
    group_weights : SpatialWeights, Graph or W, optional
        Links from units to members of the group: the group's state is then that of the members
        linked to a unit, with weights standardised to add to one. By default it is that of the mean
        of all members except the unit itself, which varies over time but hardly between units.
    group_states : int, optional
        Number of the group's states; `lag_states` if not given.
    permutations : int
        Random relocations of units for the permutation test of neighbours; 0 for none.
    replications : int
        Bootstrap samples of units, with their entire histories and their neighbours' states.
    level : float
        Confidence level of the bootstrap intervals.
    seed : int, optional
        Seed of permutations and bootstrap; the same result for any `n_jobs`.
    n_jobs : int
        Parallel workers for the permutations, through joblib.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    SpatialMarkovResult

    Raises
    ------
    IslandError
        If units have no neighbours (their lag of zero would count as the lowest state), or no
        linked member of the group.
    PanelError, OptionError, UnmatchedIdsError
        As in `markov`, and if ids of panel and weights differ, or the group has no members.

    Notes
    -----
    The permutation test relocates units at random, each with its entire history. Lags and the cuts
    of lags (where they are quantiles) are recomputed each time, so that the statistic is the same
    function of each arrangement and the test is exact under exchangeability of locations. With the
    cuts of the observed map it would not be exact: permuted lags concentrate between them.

    Source: Rey (2001), Geographical Analysis 33(3), 195-214; Bickenbach and Bode (2003) for tests.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> chain = nq.dynamics.spatial_markov(panel, "relative_income", w, states=5, lag_states=5)
    >>> chain.tests["lr"].p_value < 0.001
    True
    """
    if (group is None) != (condition == "neighbours"):
        raise OptionError(
            f"condition={condition!r} goes {'without' if group is not None else 'with'} group="
        )
    unused = {
        "group_weights": group_weights is not None,
        "group_states": group_states is not None,
        "member": member is not True,
    }
    if group is None and any(unused.values()):
        names = ", ".join(f"{name}=" for name, passed in unused.items() if passed)
        raise OptionError(f"{names} describe the members of group=, which was not passed")
    if permutations and condition != "neighbours":
        raise OptionError(
            "permutations relocate units, which tests neighbours only: pass condition='neighbours'"
        )
    data = state_data(
        panel, variable, states=states, discretize=discretize, step=step, relative=relative
    )
    w = as_weights(weights)
    conditions: dict[str, States] = {}
    if condition != "group":
        conditions["neighbour_state"] = lag_states_of(
            data, w, panel.units, lag_states, lag_discretize
        )
    else:
        w.aligned(panel.units)
    if group is not None:
        means = mean_of_members(panel, data.values, group, member, group_weights)
        conditions["group_state"] = discretize_values(
            means, group_states or lag_states, lag_discretize, what=f"{variable} of the group"
        )
    codes, n_conditions = _condition_codes(conditions)
    cut = data.states
    counts = transitions.count_transitions(cut.codes, cut.count, step, codes, n_conditions)
    tests = _tests(counts, conditions)
    if permutations:
        draws = relocated_statistics(
            w.aligned(panel.units), data, conditions["neighbour_state"], permutations, seed,
            n_jobs, progress,
        )  # fmt: skip
        tests |= permutation_tests(
            homogeneity_statistics(counts), draws.T, NO_NEIGHBOURS,
            t(
                "{permutations} random relocations of units with their histories",
                permutations=permutations,
            ),
        )  # fmt: skip
    group_name = group if group is None or isinstance(group, str) else group.name
    spec = Spec(
        **data.options, weights=w, lag_states=lag_states, lag_discretize=lag_discretize,
        condition=condition, group=group_name, member=None if group is None else member,
        group_weights=None if group_weights is None else as_weights(group_weights),
        group_states=group_states, permutations=permutations, replications=replications,
        level=level, seed=seed,
    )  # fmt: skip
    result = spatial_chain_of(counts, data, conditions, tests, w, spec)
    if not replications:
        return result
    by_unit = transitions.counts_by_unit(cut.codes, cut.count, step, codes, n_conditions)
    return with_spatial_bootstrap(result, by_unit)


def _condition_codes(conditions: dict[str, States]) -> tuple[np.ndarray, int]:
    """Return a code for each combination of conditions, and the number of combinations."""
    first, *others = conditions.values()
    codes, size = first.codes, first.count
    for other in others:
        codes, size = codes * other.count + other.codes, size * other.count
    return codes, size


def _tests(counts: np.ndarray, conditions: dict[str, States]) -> Tests:
    """Return tests that chains do not depend on the conditions, or on each given the other."""
    if len(conditions) < 2:
        (name,) = conditions
        return homogeneity_tests(counts, _NULLS[name])
    tests = homogeneity_tests(counts, _NO_CONDITION)
    sizes = [states.count for states in conditions.values()]
    cells = counts.reshape(*sizes, *counts.shape[1:])
    by_condition = {"neighbours": np.swapaxes(cells, 0, 1), "group": cells}
    for name, strata in by_condition.items():
        conditional = stratified_tests(strata, _CONDITIONAL_NULLS[name])
        tests |= {f"{key}_{name}": conditional[key] for key in ("lr", "chi2")}
    return tests


def with_spatial_bootstrap(result: SpatialMarkovResult, by_unit: np.ndarray) -> SpatialMarkovResult:
    """Return the chains with bootstrap intervals from the moves of each unit."""
    p, spec = result.probabilities, result.spec
    shape = (len(result.ergodic), p.shape[1], p.shape[1])
    draws = bootstrap_probabilities(by_unit, shape, spec.replications, spec.seed)
    cells = p.stack(future_stack=True)
    flat = draws.reshape(len(draws), -1)
    intervals = interval_frame(cells.to_numpy(), flat, cells.index, spec.level)
    return replace(result, intervals=intervals)


def spatial_chain_of(
    counts: np.ndarray,
    data: StateData,
    conditions: dict[str, States],
    tests: Tests,
    weights: SpatialWeights,
    spec: Spec,
) -> SpatialMarkovResult:
    """Build the labelled result from counts of shape (conditions, states, states)."""
    names, labels = list(conditions), [states.names for states in conditions.values()]
    size, own_names = data.states.count, data.states.names
    rows = pd.MultiIndex.from_product([*labels, own_names], names=[*names, "own_state"])
    columns = pd.Index(own_names, name="next_state")
    index = (
        pd.Index(labels[0], name=names[0])
        if len(names) == 1
        else pd.MultiIndex.from_product(labels, names=names)
    )

    def table(values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(values.reshape(-1, size), rows, columns)

    def cuts(name: str) -> pd.Series | pd.DataFrame:
        states = conditions.get(name, States(data.states.codes, np.empty(0), 0, "cuts"))
        return states.labelled_cuts(data.periods)

    p = transitions.probabilities(counts)
    long_runs = [transitions.ergodic(matrix) for matrix in p]
    distributions, closed, reasons = zip(*long_runs, strict=True)
    return SpatialMarkovResult(
        variable=data.variable,
        label=data.label,
        counts=table(counts),
        probabilities=table(p),
        std_errors=table(transitions.standard_errors(counts)),
        ergodic=pd.DataFrame(np.array(distributions), index, pd.Index(own_names, name="own_state")),
        closed_classes=pd.Series(closed, index, name="closed_classes"),
        tests=TestSet(tests),
        pooled=chain_of(counts.sum(axis=0), data, spec),
        own_cuts=data.states.labelled_cuts(data.periods),
        neighbour_cuts=cuts("neighbour_state"),
        group_cuts=cuts("group_state"),
        spec=spec,
        notes=tuple(_notes(counts, index, reasons, weights)),
        weights=weights,
    )


def _notes(
    counts: np.ndarray,
    index: pd.Index,
    reasons: tuple[Message | None, ...],
    weights: SpatialWeights,
) -> list[Message]:
    """Return notes about long-run distributions, empty rows and weights."""
    notes = []
    for key, reason in zip(index, reasons, strict=True):
        if reason:
            states = key if isinstance(key, tuple) else (key,)
            named = [
                t("{condition} {state}", condition=label("column", name), state=state)
                for name, state in zip(index.names, states, strict=True)
            ]
            notes.append(
                t(
                    "{states}: ergodic distribution missing, {reason}",
                    states=join(", ", named), reason=reason,
                )
            )  # fmt: skip
    visited = counts.sum(axis=2) > 0
    if not visited.all():
        notes.append(
            t(
                "{count} of {total} rows were never visited and are missing",
                count=int((~visited).sum()), total=visited.size,
            )
        )  # fmt: skip
    if "neighbour_state" in index.names and not weights.rows_add_to_one:
        notes.append(t("rows of W do not add to one: the lag is a weighted sum, not a mean"))
    return notes
