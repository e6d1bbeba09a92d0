"""What local statistics share: their results, conditional permutations, significance."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import batches, permutation_p
from nqp_spatial.core.sizes import require_memory
from nqp_spatial.core.text import Message, label, t
from nqp_spatial.esda._association import Alternative, chosen_period, island_notes
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = [
    "NOT_SIGNIFICANT",
    "NO_NEIGHBOURS",
    "QUADRANTS",
    "LocalResult",
    "Permuted",
    "add_clusters",
    "common_fields",
    "quadrants_of",
    "section_of",
]

QUADRANTS = ("High-High", "Low-Low", "High-Low", "Low-High")
NOT_SIGNIFICANT, NO_NEIGHBOURS = "Not significant", "No neighbours"


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class LocalResult(Displayed):
    """Local statistics of one period, with a cluster for each significant unit."""

    _figure: ClassVar[str] = "lisa_map"
    #: Classes of significant units, in the order of a legend.
    kinds: ClassVar[tuple[str, ...]] = QUADRANTS

    frame: pd.DataFrame
    variable: str
    label: str
    period: Hashable
    alpha: float
    fdr: bool
    permutations: int
    alternative: str
    spec: Spec
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)

    @property
    def name(self) -> Message:
        """Name of the statistic."""
        raise NotImplementedError

    @property
    def counts(self) -> pd.Series:
        """Number of units in each class of `cluster`."""
        return self.frame["cluster"].value_counts(sort=False).rename("units")

    def criterion(self) -> Message:
        """Return the criterion of significance in words.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_income()
        >>> w = nq.weights.contiguity(panel)
        >>> nq.esda.lisa(panel, "income", w, period=2009, seed=1, fdr=True).criterion()
        'false discovery rate < 0.05, 999 permutations'
        """
        measure = t("false discovery rate") if self.fdr else "p"
        if not self.permutations:
            return t(
                "{measure} < {alpha:g}, normal approximation", measure=measure, alpha=self.alpha
            )
        values = {"measure": measure, "alpha": self.alpha, "permutations": self.permutations}
        if self.alternative == "directed":
            return t("{measure} < {alpha:g}, {permutations} permutations", **values)
        return t(
            "{measure} < {alpha:g} ({alternative}), {permutations} permutations",
            alternative=label("alternative", self.alternative), **values,
        )  # fmt: skip

    def _title(self) -> Message:
        return t(
            "{statistic} of {variable}, period {period}; {weights}",
            statistic=self.name, variable=self.variable, period=str(self.period),
            weights=self.spec.weights,
        )  # fmt: skip

    def _rule(self) -> Message:
        return t("{criterion}, seed {seed}", criterion=self.criterion(), seed=self.spec.seed)

    def _blocks(self) -> list[Block]:
        return [self._title(), self._rule(), self.counts, *notes_of(self.notes)]


def section_of(panel: SpatialPanel, period: Hashable | None) -> tuple[SpatialPanel, Hashable]:
    """Return the panel of one period, and that period."""
    period = chosen_period(panel, period)
    return (panel if panel.n_periods == 1 else panel.select(periods=[period])), period


def quadrants_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return positions in `QUADRANTS` by the signs of a unit's deviation and its neighbours'."""
    quadrants: np.ndarray = np.array([[1, 3], [2, 0]])[
        (first > 0).astype(int), (second > 0).astype(int)
    ]
    return quadrants


def add_clusters(
    frame: pd.DataFrame,
    p_values: np.ndarray,
    classes: np.ndarray,
    islands: np.ndarray,
    kinds: tuple[str, ...],
    *,
    alpha: float,
    fdr: bool,
) -> None:
    """Add the class of each significant unit to a frame that is being made.

    Classes are positions in `kinds`. With `fdr` the q-values of Benjamini and Hochberg decide and
    are added too; they are missing for islands.
    """
    criterion = np.full(len(p_values), np.nan)
    criterion[~islands] = p_values[~islands]
    if fdr:
        from scipy import stats  # half a second, for this one call

        criterion[~islands] = stats.false_discovery_control(p_values[~islands])
    clusters = np.where(criterion < alpha, classes, len(kinds))
    clusters[islands] = len(kinds) + 1
    categories = [*kinds, NOT_SIGNIFICANT, *([NO_NEIGHBOURS] if islands.any() else [])]
    frame["cluster"] = pd.Categorical.from_codes(clusters, categories)
    if fdr:
        frame["q_value"] = criterion


def _resolution_notes(
    w: SpatialWeights, *, alpha: float, fdr: bool, permutations: int
) -> tuple[str, ...]:
    """Return a note if p-values cannot be small enough for one cluster."""
    smallest, needed = 1 / (permutations + 1), alpha / w.n_units
    if not fdr or not permutations or smallest <= needed:
        return ()
    return (
        t(
            "with {permutations} permutations no p-value is below {smallest:.2g}, so fewer than "
            "{clusters} clusters cannot be detected: use {enough} permutations or more",
            permutations=permutations, smallest=smallest,
            clusters=int(np.ceil(smallest / needed)), enough=int(np.ceil(1 / needed)),
        ),
    )  # fmt: skip


def common_fields(
    panel: SpatialPanel,
    variable: str,
    w: SpatialWeights,
    permuted: Permuted,
    *,
    alpha: float,
    fdr: bool,
    other: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Return the fields that all results have, with the options as part of the spec."""
    permutations, alternative = permuted.permutations, permuted.alternative
    names = {"variable": variable} | ({} if other is None else {"other": other})
    return {
        "variable": variable,
        "label": panel.label(variable),
        "alpha": alpha,
        "fdr": fdr,
        "permutations": permutations,
        "alternative": alternative,
        "spec": Spec(
            **names, weights=w, **options, permutations=permutations, seed=permuted.seed,
            alpha=alpha, fdr=fdr, alternative=alternative,
        ),
        "notes": (
            *island_notes(w),
            *_resolution_notes(w, alpha=alpha, fdr=fdr, permutations=permutations),
        ),
    }  # fmt: skip


@dataclass(frozen=True)
class Permuted:
    """Conditional permutations: a unit's value stays, its neighbours draw those of others."""

    permutations: int
    seed: int | None
    alternative: Alternative
    n_jobs: int = 1
    progress: bool = False

    def lag_p(
        self,
        matrix: sparse.csr_array,
        factor: np.ndarray,
        values: np.ndarray,
        lags: np.ndarray,
    ) -> np.ndarray:
        """Return p-values of ``factor_i sum_j w_ij values_j``; the lags are the observed ones."""
        return self._p_values(matrix, factor, values, factor * lags, squared=False)

    def geary_p(self, matrix: sparse.csr_array, z: np.ndarray, observed: np.ndarray) -> np.ndarray:
        """Return p-values of ``sum_j w_ij (z_i - z_j)^2``; its small values are of clustering."""
        constant = np.asarray(matrix.sum(axis=1)) * z**2  # the same in all draws
        return self._p_values(matrix, -2 * z, z, observed - constant, squared=True)

    def _p_values(
        self,
        matrix: sparse.csr_array,
        slope: np.ndarray,
        values: np.ndarray,
        observed: np.ndarray,
        *,
        squared: bool,
    ) -> np.ndarray:
        """Return p-values of ``sum_j w_ij (slope_i v_j + v_j^2)``, the squares if `squared`."""
        from joblib import Parallel, delayed
        from tqdm import tqdm

        from nqp_spatial.esda._numba import conditional_draws, sorted_draws, tail_counts

        n, permutations = matrix.shape[0], self.permutations
        largest = int(np.diff(matrix.indptr).max())
        require_memory(
            20.0 * permutations * largest,
            f"{permutations} permutations of up to {largest} neighbours",
            "take fewer permutations, or weights with fewer neighbours",
        )
        seed = self.seed
        if seed is None:
            seed = int(np.random.default_rng().integers(2**31))
        draws = conditional_draws(largest, n, permutations, seed)
        order = sorted_draws(draws, n)
        links = matrix.indptr.astype(np.int64), matrix.data
        # The draws are common to all units, so the split between workers does not matter.
        parts = list(batches(n, max(500, n // 100)))
        jobs = (
            delayed(tail_counts)(
                *links, slope, values, observed, squared, draws, *order, part.start, part.stop
            )
            for part in parts
        )
        results = Parallel(n_jobs=self.n_jobs, prefer="threads", return_as="generator")(jobs)
        bar = tqdm(results, total=len(parts), desc="units", disable=not self.progress)
        above, below = np.concatenate(list(bar)).T
        if squared:
            above, below = below, above
        return np.asarray(permutation_p(above, permutations, self.alternative, below))
