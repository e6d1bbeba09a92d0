"""What global statistics share: a result by period, relocation of units, sums of links."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import HypothesisTest, TestSet, two_sided_p
from nqp_spatial.core.resampling import batches, permutation_p
from nqp_spatial.core.text import Message, t
from nqp_spatial.esda._association import BATCH_CELLS, Alternative, permutations_rule, z_values

__all__ = ["Form", "GlobalResult", "Pairs", "Relocated", "add_moments", "link_sums"]

# Up to so many units relocated values stay in the cache in any order of the units.
_CACHED = 5_000


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class GlobalResult(Displayed):
    """A statistic of association by period."""

    _figure: ClassVar[str] = "over_periods"
    #: The column of `frame` with the statistic.
    column: ClassVar[str] = ""

    frame: pd.DataFrame
    variable: str
    label: str
    spec: Spec
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> Message:
        """Name of the statistic."""
        raise NotImplementedError

    @property
    def tests(self) -> TestSet:
        """The test of each period, by the period as text."""
        permuted = bool(self.spec.permutations)
        column = self.column if permuted else "z_rand"
        distribution = "permutation" if permuted else "normal"
        null = t("no spatial autocorrelation")
        return TestSet(
            {
                str(period): HypothesisTest(
                    t("{statistic}, {period}", statistic=self.name, period=str(period)), null,
                    float(row[column]), distribution, None, float(row["p_value"]), self._rule(),
                )
                for period, row in self.frame.iterrows()
            }
        )  # fmt: skip

    def _rule(self) -> Message:
        if self.spec.permutations:
            return permutations_rule(self.spec)
        return t("normal approximation under randomisation, two-sided")

    def _title(self) -> Message:
        return t(
            "{statistic} of {variable}; {weights}",
            statistic=self.name, variable=self.variable, weights=self.spec.weights,
        )  # fmt: skip

    def _blocks(self) -> list[Block]:
        columns = [self.column, "expected", "p_value"]
        rule = t("p_value: {rule}", rule=self._rule())
        return [self._title(), self.frame[columns], rule, *notes_of(self.notes)]


def link_sums(matrix: sparse.csr_array) -> tuple[float, float, float]:
    """Return S0, S1 and S2 of Cliff and Ord (1981), which moments of statistics are made of."""
    s1 = ((matrix + matrix.T).power(2)).sum() / 2
    s2 = ((matrix.sum(axis=0) + matrix.sum(axis=1)) ** 2).sum()
    return float(matrix.sum()), float(s1), float(s2)


def add_moments(
    frame: pd.DataFrame, difference: pd.Series, variances: dict[str, np.ndarray]
) -> None:
    """Add variances, z-values and p-values to a frame that is being made, by name of the null."""
    frame["p_value"] = np.nan  # before the moments
    for name, variance in variances.items():
        frame[f"variance_{name}"] = variance
        frame[f"z_{name}"] = z_values(difference, np.sqrt(variance))
        frame[f"p_{name}"] = two_sided_p(frame[f"z_{name}"])
    frame["p_value"] = frame["p_rand"]


@dataclass(frozen=True)
class Form:
    """The statistic ``scale_t sum_i z_it (squares_i z_it + products_it + sum_j w_ij z_jt)``."""

    #: Shape (periods,).
    scale: np.ndarray
    #: Shape (n, n), no diagonal; none if no pairs of units are part of the statistic.
    matrix: sparse.csr_array | None = None
    #: Shape (n,).
    squares: np.ndarray | None = None
    #: Shape (n, periods).
    products: np.ndarray | None = None


@dataclass(frozen=True)
class Pairs:
    """``w_ij + w_ji`` of each pair of units once, in rows.

    Many units are ordered such that neighbours are close to each other in memory, which does not
    matter for values that are relocated.
    """

    #: The unit of each row.
    order: np.ndarray
    matrix: sparse.csr_array

    @classmethod
    def of(cls, matrix: sparse.csr_array) -> Pairs:
        """Return the pairs of the links of a matrix."""
        sums = sparse.csr_array(matrix + matrix.T)
        order = np.arange(sums.shape[0])
        if sums.nnz and len(order) > _CACHED:
            order = csgraph.reverse_cuthill_mckee(sums, symmetric_mode=True)
            sums = sums[order][:, order]
        return cls(order, sparse.csr_array(sparse.triu(sums, k=1)))

    @property
    def links(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, columns and weights, of the types for which loops are compiled."""
        rows, columns = self.matrix.indptr, self.matrix.indices
        return rows.astype(np.int64), columns.astype(np.int32), self.matrix.data


def random_key(seed: int | None) -> np.uint64:
    """Return the key of a stream of random numbers in compiled code."""
    key: np.uint64 = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
    return key


@dataclass(frozen=True)
class Relocated:
    """Random relocations of units, the same for all periods."""

    permutations: int
    seed: int | None
    alternative: Alternative
    n_jobs: int = 1
    progress: bool = False

    def p_values(
        self, form: Form, z: np.ndarray, observed: np.ndarray, *, opposite: bool = False
    ) -> np.ndarray:
        """Return the p-value of each period.

        Parameters
        ----------
        form : Form
            The statistic.
        z, observed : ndarray
            What is relocated and the observed statistics, shapes (n, periods) and (periods,).
        opposite : bool
            Whether small values of the statistic are those of clustering, as for Geary's c.
        """
        draws = self.draws(form, z)
        tie = 1e-12 * np.maximum(np.abs(observed), 1e-3)
        above = (draws >= observed - tie).sum(axis=0)
        below = (draws <= observed + tie).sum(axis=0)
        if opposite:
            above, below = below, above
        return np.asarray(permutation_p(above, self.permutations, self.alternative, below))

    def draws(self, form: Form, z: np.ndarray) -> np.ndarray:
        """Return the statistics of relocated z, shape (permutations, periods)."""
        from nqp_spatial.esda._numba import relocated_forms, relocated_products

        n, periods = z.shape
        if form.matrix is None and form.squares is None and form.products is not None:
            fixed = np.ascontiguousarray(form.products.T), np.ascontiguousarray(z.T)
            sums = self.in_batches(lambda *part: relocated_products(*fixed, *part), z.size)
            return np.asarray(form.scale * sums)
        matrix = form.matrix if form.matrix is not None else sparse.csr_array((n, n))
        pairs = Pairs.of(matrix)
        links, order = pairs.links, pairs.order
        squares = np.zeros(n) if form.squares is None else form.squares[order]
        products = np.zeros((n, periods)) if form.products is None else form.products[order]
        rows = np.ascontiguousarray(products.T), np.ascontiguousarray(z.T)
        forms = self.in_batches(
            lambda *part: relocated_forms(*links, squares, *rows, *part), z.size
        )
        draws: np.ndarray = form.scale * forms
        return draws

    def in_batches(self, statistics: Callable[..., np.ndarray], cells: int) -> np.ndarray:
        """Return statistics of all relocations from a function of key, start and stop."""
        from joblib import Parallel, delayed
        from tqdm import tqdm

        from nqp_spatial.esda._numba import LANES

        # A relocation depends on the key and on its number only, not on n_jobs and batches.
        key = random_key(self.seed)
        size = LANES * max(1, BATCH_CELLS // (LANES * cells))
        parts = list(batches(self.permutations, size))
        jobs = (delayed(statistics)(key, part.start, part.stop) for part in parts)
        results = Parallel(n_jobs=self.n_jobs, prefer="threads", return_as="generator")(jobs)
        bar = tqdm(results, total=len(parts), desc="permutations", disable=not self.progress)
        return np.concatenate(list(bar))
