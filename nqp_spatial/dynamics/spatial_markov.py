"""Spatial Markov chains: how units move between states, given the state of their neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.dynamics import chains
from nqp_spatial.dynamics.homogeneity import homogeneity_statistics, homogeneity_tests
from nqp_spatial.dynamics.markov import MarkovResult, chain_of, check_step
from nqp_spatial.dynamics.states import Discretization, States, values_of
from nqp_spatial.dynamics.states import discretize as cut
from nqp_spatial.errors import IslandError, OptionError, sample
from nqp_spatial.hypotheses import HypothesisTest, NotApplicable, tests_frame
from nqp_spatial.panel import SpatialPanel
from nqp_spatial.weights.spatial_weights import SpatialWeights, as_weights

if TYPE_CHECKING:
    from libpysal.graph import Graph
    from libpysal.weights import W

__all__ = ["SpatialMarkovResult", "spatial_markov"]

NULL = "transition probabilities do not depend on the neighbours' state"
_BATCH = 25  # permutations that one worker does at a time


@dataclass(frozen=True, repr=False, eq=False)
class SpatialMarkovResult:
    """Markov chains conditional on the state of the neighbours.

    Attributes
    ----------
    variable : str
        What was cut into states.
    counts : DataFrame
        Moves; rows (neighbour_state, own_state), columns next_state.
    probabilities, std_errors : DataFrame
        Of the same shape; rows never visited are missing.
    ergodic : DataFrame
        Long-run distribution for each neighbour state (rows); missing where it is not unique.
    closed_classes : Series
        Number of closed classes, by neighbour state.
    tests : dict
        ``lr`` and ``chi2`` with degrees of freedom over cells that occur, ``lr_all_cells`` and
        ``chi2_all_cells`` over all cells; ``lr_permutation`` and ``chi2_permutation`` if asked for.
    pooled : MarkovResult
        The chain that ignores neighbours.
    own_cuts, neighbour_cuts : ndarray
        Where states were cut.
    weights_spec : str
    step, permutations : int
    seed : int or None
    notes : tuple of str

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
    counts: pd.DataFrame
    probabilities: pd.DataFrame
    std_errors: pd.DataFrame
    ergodic: pd.DataFrame
    closed_classes: pd.Series
    tests: dict[str, HypothesisTest | NotApplicable]
    pooled: MarkovResult
    own_cuts: np.ndarray
    neighbour_cuts: np.ndarray
    weights_spec: str
    step: int
    permutations: int
    seed: int | None
    notes: tuple[str, ...]

    @property
    def tests_table(self) -> pd.DataFrame:
        """The tests as a frame, one row each."""
        return tests_frame(self.tests.values())

    def __repr__(self) -> str:
        table = self.probabilities.assign(moves=self.counts.sum(axis=1))
        return "\n".join(
            [
                f"Spatial Markov chain of {self.variable}, steps of {self.step}; "
                f"{self.weights_spec}",
                table.to_string(float_format=lambda x: f"{x:.3f}"),
                *(repr(test) for test in self.tests.values()),
                *(f"Note: {note}" for note in self.notes),
            ]
        )

    def _repr_html_(self) -> str:
        table = self.probabilities.assign(moves=self.counts.sum(axis=1))
        tests = self.tests_table.to_html(float_format=lambda x: f"{x:.4g}")
        return str(table.to_html(float_format=lambda x: f"{x:.3f}")) + str(tests)


def spatial_markov(
    panel: SpatialPanel,
    variable: str,
    weights: SpatialWeights | Graph | W,
    *,
    states: int = 4,
    lag_states: int = 4,
    discretize: Discretization = "pooled-quantiles",
    lag_discretize: Discretization = "pooled-quantiles",
    step: int = 1,
    relative: bool = False,
    permutations: int = 0,
    seed: int | None = None,
    n_jobs: int = 1,
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
        Cuts of the values, and of the spatial lags.
    step : int
        Periods between start and end of a move.
    relative : bool
        Whether to divide by the period's mean over units first.
    permutations : int
        Random relocations of units for the permutation test; 0 for none.
    seed : int, optional
        Seed of the permutations; the same for any `n_jobs`.
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
        If units have no neighbours: their lag of zero would be taken for the lowest state.
    PanelError, OptionError, UnmatchedIdsError
        As in `markov`, and if ids of panel and weights differ.

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
    if not (isinstance(permutations, int) and permutations >= 0):
        raise OptionError(f"permutations must be a whole number from 0, got {permutations!r}")
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
    counts = chains.count_transitions(own.codes, own.count, step, near.codes, near.count)
    tests = homogeneity_tests(counts, NULL)
    if permutations:
        drawn = _permuted_statistics(
            matrix, values, own, near, step, permutations, seed, n_jobs, progress
        )
        tests |= _permutation_tests(counts, drawn)
    return _result(counts, own, near, tests, variable, w, step, permutations, seed)


def _result(
    counts: np.ndarray,
    own: States,
    near: States,
    tests: dict[str, HypothesisTest | NotApplicable],
    variable: str,
    w: SpatialWeights,
    step: int,
    permutations: int,
    seed: int | None,
) -> SpatialMarkovResult:
    neighbour_names = pd.Index(near.names, name="neighbour_state")
    rows = pd.MultiIndex.from_product(
        [near.names, own.names], names=["neighbour_state", "own_state"]
    )
    columns = pd.Index(own.names, name="next_state")

    def framed(values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(values.reshape(-1, own.count), rows, columns)

    p = chains.probabilities(counts)
    runs = [chains.ergodic(one) for one in p]
    notes = [
        f"neighbour state {name}: ergodic distribution missing, {note}"
        for name, (_, _, note) in zip(near.names, runs, strict=True)
        if note
    ]
    empty = int((counts.sum(axis=2) == 0).sum())
    if empty:
        notes.append(f"{empty} of {counts[..., 0].size} rows were never visited and are missing")
    if not w.rows_add_to_one:
        notes.append("rows of W do not add to one: the lag is a weighted sum, not a mean")
    return SpatialMarkovResult(
        variable=variable,
        counts=framed(counts),
        probabilities=framed(p),
        std_errors=framed(chains.standard_errors(counts)),
        ergodic=pd.DataFrame(
            np.array([run[0] for run in runs]),
            neighbour_names,
            pd.Index(own.names, name="own_state"),
        ),
        closed_classes=pd.Series([run[1] for run in runs], neighbour_names, name="closed_classes"),
        tests=tests,
        pooled=chain_of(counts.sum(axis=0), own, variable, step),
        own_cuts=own.cuts,
        neighbour_cuts=near.cuts,
        weights_spec=w.spec.describe(),
        step=step,
        permutations=permutations,
        seed=seed,
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
            name, NULL, statistic, "permutation", None, p_value, rule
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
    from nqp_spatial.dynamics._kernels import relocated_counts

    counts = relocated_counts(*arguments)
    shape = (*counts.shape[:2], states, states)
    return np.stack(homogeneity_statistics(counts.reshape(shape)), axis=-1)
