"""Spatial Markov chains: moves between states, given the state of neighbours or of a centre."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.display import Block, Displayed, notes_of
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, tests_frame
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
from nqp_spatial.dynamics import _long_run as long_run
from nqp_spatial.dynamics import _transitions as chains
from nqp_spatial.dynamics._bootstrap import (
    bootstrap_probabilities,
    counts_by_unit,
    interval_frame,
)
from nqp_spatial.dynamics._group_state import near_members
from nqp_spatial.dynamics._homogeneity import (
    homogeneity_statistics,
    homogeneity_tests,
    stratified_tests,
)
from nqp_spatial.dynamics._states import Discretization, States, values_of
from nqp_spatial.dynamics._states import discretize as cut
from nqp_spatial.dynamics.markov import MarkovResult, chain_of, check_step
from nqp_spatial.errors import IslandError, OptionError, sample
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = [
    "Given",
    "SpatialMarkovResult",
    "spatial_chain_of",
    "spatial_markov",
    "with_spatial_intervals",
]

Given = Literal["neighbours", "group", "both"]

NULL = "transition probabilities do not depend on the {} state"
_OF = {"neighbour_state": "neighbours'", "group_state": "group's"}
_BATCH = 25  # permutations that one worker does at a time


@dataclass(frozen=True, repr=False, eq=False)
class SpatialMarkovResult(Displayed):
    """Markov chains conditional on the state of the neighbours, of a named group, or of both.

    Attributes
    ----------
    variable : str
        What was cut into states.
    given : {"neighbours", "group", "both"}
        What the chains are conditional on. Rows of the tables below are (neighbour_state,
        own_state), (group_state, own_state) or (neighbour_state, group_state, own_state).
    counts : DataFrame
        Moves; columns next_state.
    probabilities, std_errors : DataFrame
        Of the same shape; rows never visited are missing.
    ergodic : DataFrame
        Long-run distribution for each condition (rows); missing where it is not unique.
    closed_classes : Series
        Number of closed classes, by condition.
    tests : dict
        ``lr`` and ``chi2`` with degrees of freedom over cells that occur, ``lr_all_cells`` and
        ``chi2_all_cells`` over all cells; ``lr_permutation`` and ``chi2_permutation`` if asked for.
        Given both also ``lr_neighbours`` and ``chi2_neighbours``, that the neighbours' state tells
        nothing beyond the group's, and ``lr_group``, ``chi2_group``, the reverse.
    pooled : MarkovResult
        The chain that ignores neighbours.
    own_cuts, neighbour_cuts, group_cuts : ndarray
        Where states were cut; empty where not used.
    weights_spec : str
    step, permutations : int
    seed : int or None
    notes : tuple of str
    intervals : DataFrame or None
        Bootstrap ``std_error, conf_low, conf_high`` of each probability, if asked for.

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
    given: Given
    counts: pd.DataFrame
    probabilities: pd.DataFrame
    std_errors: pd.DataFrame
    ergodic: pd.DataFrame
    closed_classes: pd.Series
    tests: dict[str, HypothesisTest | NotApplicable]
    pooled: MarkovResult
    own_cuts: np.ndarray
    neighbour_cuts: np.ndarray
    group_cuts: np.ndarray
    weights_spec: str
    step: int
    permutations: int
    seed: int | None
    notes: tuple[str, ...]
    intervals: pd.DataFrame | None = None

    @property
    def tests_table(self) -> pd.DataFrame:
        """The tests as a frame, one row each."""
        return tests_frame(self.tests.values())

    @property
    def mobility(self) -> pd.DataFrame:
        """Mobility indices of each condition's chain, as `MarkovResult.mobility` has them."""
        rows: dict[tuple[object, str], tuple[float, float]] = {}
        for name, of in self._conditions():
            found = long_run.mobility(*of)
            rows |= {(name, index): value for index, value in found.items()}
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "std_error"])
        table.index = pd.MultiIndex.from_tuples(list(rows), names=["condition", "index"])
        return table

    def _conditions(self) -> list[tuple[object, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
        """Return each condition with its probabilities, visits and ergodic distribution."""
        size = self.counts.shape[1]
        p = self.probabilities.to_numpy().reshape(-1, size, size)
        visits = self.counts.to_numpy(dtype=float).reshape(-1, size, size).sum(axis=2)
        return [
            (name, (p[i], visits[i], self.ergodic.iloc[i].to_numpy()))
            for i, name in enumerate(self.ergodic.index)
        ]

    def _blocks(self) -> list[Block]:
        return [
            f"Spatial Markov chain of {self.variable}, steps of {self.step}; {self.weights_spec}",
            self.probabilities.round(3).assign(moves=self.counts.sum(axis=1)),
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
    given: Given = "neighbours",
    group: str | pd.Series | None = None,
    member: Hashable = True,
    group_weights: WeightsLike | None = None,
    group_states: StateCount | None = None,
    permutations: Permutations = 0,
    replications: Replications = 0,
    level: Level = 0.95,
    seed: Seed = None,
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
        Numbers of own states and of neighbour states; they may differ.
    discretize, lag_discretize : {"pooled-quantiles", "period-quantiles"} or sequence of float
        Cuts of the values, and of the spatial lags (and of the group's values).
    step : int
        Periods between start and end of a move.
    relative : bool
        Whether to divide by the period's mean over units first.
    given : {"neighbours", "group", "both"}
        Whether to condition on the neighbours' state, on the state of a named group such as the
        centre, or on both.
    group : str or Series, optional
        The column, or Series by unit, that tells members.
    member : hashable
        The value that members have, such as ``"centre"``.
    group_weights : SpatialWeights, Graph or W, optional
        With these the group's state is that of the members near a unit, weighted and made to add
        to one; without, of the mean of all members but the unit itself, which changes over time
        and hardly between units.
    group_states : int, optional
        Number of the group's states; `lag_states` if not given.
    permutations : int
        Random relocations of units for the permutation test, given neighbours; 0 for none.
    replications : int
        Bootstrap samples of units, with their whole histories and their neighbours' states.
    level : float
        Of the bootstrap's intervals.
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
        If units have no neighbours (their lag of zero would be taken for the lowest state), or no
        member of the group near them.
    PanelError, OptionError, UnmatchedIdsError
        As in `markov`, and if ids of panel and weights differ, or the group has no members.

    Notes
    -----
    The permutation test moves units, each with its whole history, to random places. Lags and the
    cuts of lags (where they are quantiles) are made anew each time, so that the statistic is one
    function of the arrangement and the test is exact under exchangeability of places. Keeping the
    cuts of the observed map would not be: permuted lags crowd in the middle of them.

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
    check_step(panel, step)
    if (group is None) != (given == "neighbours"):
        raise OptionError(
            f"given={given!r} goes {'without' if group is not None else 'with'} group="
        )
    if permutations and given != "neighbours":
        raise OptionError(
            "permutations relocate units, which tests neighbours only: pass given='neighbours'"
        )
    values = values_of(panel, variable, relative=relative)
    own = cut(values, states, discretize, what=variable)
    w = as_weights(weights)
    matrix = w.aligned(panel.units)
    conditions: dict[str, States] = {}
    if given != "group":
        if len(w.islands):
            raise IslandError(
                f"{len(w.islands)} units have no neighbours and so no neighbour state: "
                f"{sample(w.islands)}; attach them (islands='nearest') or leave them out of the "
                "panel"
            )
        conditions["neighbour_state"] = cut(
            matrix @ values, lag_states, lag_discretize, what=f"the spatial lag of {variable}"
        )
    if group is not None:
        around = near_members(panel, values, group, member, group_weights)
        count = group_states or lag_states
        conditions["group_state"] = cut(
            around, count, lag_discretize, what=f"{variable} of the group"
        )
    code, cells = _condition_codes(conditions)
    counts = chains.count_transitions(own.codes, own.count, step, code, cells)
    tests = _tests(counts, conditions)
    if permutations:
        drawn = _permuted_statistics(
            matrix, values, own, conditions["neighbour_state"], step, permutations, seed, n_jobs,
            progress,
        )  # fmt: skip
        tests |= _permutation_tests(counts, drawn)
    result = spatial_chain_of(
        counts, own, conditions, tests, variable, w, step, panel.label(variable)
    )
    result = replace(result, permutations=permutations, seed=seed)
    if not replications:
        return result
    by_unit = counts_by_unit(own.codes, own.count, step, code, cells)
    return with_spatial_intervals(result, by_unit, replications, seed, level)


def _condition_codes(conditions: dict[str, States]) -> tuple[np.ndarray, int]:
    """Return one number for each combination of conditions, and how many there are."""
    one, *others = conditions.values()
    code, cells = one.codes, one.count
    for other in others:
        code, cells = code * other.count + other.codes, cells * other.count
    return code, cells


def _tests(
    counts: np.ndarray, conditions: dict[str, States]
) -> dict[str, HypothesisTest | NotApplicable]:
    """Return tests that chains do not depend on the conditions, and on each given the other."""
    found = homogeneity_tests(counts, NULL.format(" or ".join(_OF[name] for name in conditions)))
    if len(conditions) < 2:
        return found
    sizes = [one.count for one in conditions.values()]
    split = counts.reshape(*sizes, *counts.shape[1:])
    for at, (name, other) in enumerate(zip(conditions, reversed(conditions), strict=True)):
        short = {"neighbour_state": "neighbours", "group_state": "group"}[name]
        null = NULL.format(_OF[name]) + f" where the {_OF[other]} state is known"
        inside = stratified_tests(split if at else np.swapaxes(split, 0, 1), null)
        found |= {f"{key}_{short}": inside[key] for key in ("lr", "chi2")}
    return found


def with_spatial_intervals(
    result: SpatialMarkovResult,
    by_unit: np.ndarray,
    replications: int,
    seed: int | None,
    level: float,
) -> SpatialMarkovResult:
    """Return the chains with bootstrap intervals from the moves of each unit."""
    p = result.probabilities
    shape = (len(result.ergodic), p.shape[1], p.shape[1])
    draws = bootstrap_probabilities(by_unit, shape, replications, seed)
    rows = [(*np.atleast_1d(np.array(row, dtype=object)), to) for row in p.index for to in p]
    index = pd.MultiIndex.from_tuples(rows, names=[*p.index.names, "next_state"])
    flat = draws.reshape(replications, -1)
    return replace(result, intervals=interval_frame(p.to_numpy().ravel(), flat, index, level))


def spatial_chain_of(
    counts: np.ndarray,
    own: States,
    conditions: dict[str, States],
    tests: dict[str, HypothesisTest | NotApplicable],
    variable: str,
    w: SpatialWeights,
    step: int,
    label: str,
) -> SpatialMarkovResult:
    """Build the labelled result from counts of shape (conditions, states, states)."""
    names = list(conditions)
    labels = [one.names for one in conditions.values()]
    rows = pd.MultiIndex.from_product([*labels, own.names], names=[*names, "own_state"])
    columns = pd.Index(own.names, name="next_state")
    each = (
        pd.Index(labels[0], name=names[0])
        if len(names) == 1
        else pd.MultiIndex.from_product(labels, names=names)
    )

    def framed(values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(values.reshape(-1, own.count), rows, columns)

    p = chains.probabilities(counts)
    runs = [chains.ergodic(one) for one in p]
    said = " and ".join(name.replace("_", " ") for name in names)
    notes = [
        f"{said} {name}: ergodic distribution missing, {note}"
        for name, (_, _, note) in zip(each, runs, strict=True)
        if note
    ]
    empty = int((counts.sum(axis=2) == 0).sum())
    if empty:
        notes.append(f"{empty} of {counts[..., 0].size} rows were never visited and are missing")
    if "neighbour_state" in names and not w.rows_add_to_one:
        notes.append("rows of W do not add to one: the lag is a weighted sum, not a mean")
    none = np.empty(0)
    given: Given = "both" if len(names) == 2 else "group"
    return SpatialMarkovResult(
        variable=variable,
        given="neighbours" if names == ["neighbour_state"] else given,
        counts=framed(counts),
        probabilities=framed(p),
        std_errors=framed(chains.standard_errors(counts)),
        ergodic=pd.DataFrame(
            np.array([run[0] for run in runs]), each, pd.Index(own.names, name="own_state")
        ),
        closed_classes=pd.Series([run[1] for run in runs], each, name="closed_classes"),
        tests=tests,
        pooled=chain_of(counts.sum(axis=0), own, variable, step, label),
        own_cuts=own.cuts,
        neighbour_cuts=conditions["neighbour_state"].cuts if "neighbour_state" in names else none,
        group_cuts=conditions["group_state"].cuts if "group_state" in names else none,
        weights_spec=w.spec.describe(),
        step=step,
        permutations=0,
        seed=None,
        notes=tuple(notes),
    )


def _permutation_tests(
    counts: np.ndarray, drawn: np.ndarray
) -> dict[str, HypothesisTest | NotApplicable]:
    found: dict[str, HypothesisTest | NotApplicable] = {}
    rule = f"{len(drawn)} random relocations of units with their histories"
    for at, (key, name) in enumerate([("lr", "LR"), ("chi2", "chi-square")]):
        statistic = float(homogeneity_statistics(counts)[at])
        # The observed arrangement is one of the possible ones.
        reached = 1 + int((drawn[:, at] >= statistic * (1 - 1e-12)).sum())
        p_value = reached / (len(drawn) + 1)
        found[f"{key}_permutation"] = HypothesisTest(
            name, NULL.format(_OF["neighbour_state"]), statistic, "permutation", None, p_value, rule
        )
    return found


def _permuted_statistics(
    matrix: sparse.csr_array,
    values: np.ndarray,
    own: States,
    near: States,
    step: int,
    permutations: int,
    seed: int | None,
    n_jobs: int,
    progress: bool,
) -> np.ndarray:
    """Return LR and chi-square of each relocation, shape (permutations, 2), in batches."""
    from joblib import Parallel, delayed
    from tqdm import tqdm

    given = near.rule == "given cuts"
    shares = np.empty(0) if given else np.arange(1, near.count) / near.count
    moves = own.codes[:, :-step] * own.count + own.codes[:, step:]
    rng = np.random.default_rng(seed)
    # Batches and their order do not depend on n_jobs, so neither do the results.
    starts = range(0, permutations, _BATCH)

    def batch(start: int) -> tuple[object, ...]:
        size = min(_BATCH, permutations - start)
        order = np.broadcast_to(np.arange(len(values)), (size, len(values)))
        return (
            matrix.indptr, matrix.indices, matrix.data, values, moves,
            rng.permuted(order, axis=1), shares, near.cuts if given else np.empty(0),
            near.rule == "period quantiles", own.count**2,
        )  # fmt: skip

    jobs = (delayed(_statistics)(batch(start), own.count) for start in starts)
    results = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(jobs)
    bar = tqdm(results, total=len(starts), desc="permutations", disable=not progress)
    return np.concatenate(list(bar))


def _statistics(arguments: tuple[object, ...], states: int) -> np.ndarray:
    from nqp_spatial.dynamics._numba import relocated_counts

    counts = relocated_counts(*arguments)
    shape = (*counts.shape[:2], states, states)
    return np.stack(homogeneity_statistics(counts.reshape(shape)), axis=-1)
