"""What global statistics share: a result by period, relocation of units, sums of links."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import HypothesisTest, TestSet
from nqp_spatial.core.resampling import batches, permutation_p, spawned_seeds
from nqp_spatial.core.text import Message, t
from nqp_spatial.esda._association import BATCH_CELLS, Alternative, permutations_rule

__all__ = ["GlobalResult", "Relocated", "link_sums", "quadratic_forms"]


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


def quadratic_forms(matrix: sparse.csr_array, moved: np.ndarray) -> np.ndarray:
    """Return z'Wz of relocated z, shape (n, draws, periods), as (draws, periods)."""
    lagged = (matrix @ moved.reshape(len(moved), -1)).reshape(moved.shape)
    forms: np.ndarray = np.einsum("nbt,nbt->bt", moved, lagged)
    return forms


@dataclass(frozen=True)
class Relocated:
    """Random relocations of units, the same for all periods."""

    permutations: int
    seed: int | None
    alternative: Alternative
    n_jobs: int = 1
    progress: bool = False

    def p_values(
        self,
        statistic: Callable[[np.ndarray], np.ndarray],
        z: np.ndarray,
        observed: np.ndarray,
        *,
        opposite: bool = False,
    ) -> np.ndarray:
        """Return the p-value of each period.

        Parameters
        ----------
        statistic : callable
            From relocated z, shape (n, draws, periods), to (draws, periods).
        z, observed : ndarray
            Shapes (n, periods) and (periods,).
        opposite : bool
            Whether small values of the statistic are those of clustering, as for Geary's c.
        """
        draws = self._draws(statistic, z)
        tie = 1e-12 * np.maximum(np.abs(observed), 1e-3)
        above = (draws >= observed - tie).sum(axis=0)
        below = (draws <= observed + tie).sum(axis=0)
        if opposite:
            above, below = below, above
        return np.asarray(permutation_p(above, self.permutations, self.alternative, below))

    def _draws(self, statistic: Callable[[np.ndarray], np.ndarray], z: np.ndarray) -> np.ndarray:
        from joblib import Parallel, delayed
        from tqdm import tqdm

        n, permutations = len(z), self.permutations
        # Batches and their seeds do not depend on n_jobs, so neither do the results.
        parts = list(batches(permutations, max(1, min(permutations, BATCH_CELLS // z.size))))

        def moments(batch: slice, batch_seed: np.random.SeedSequence) -> np.ndarray:
            count = batch.stop - batch.start
            rng = np.random.default_rng(batch_seed)
            order = rng.permuted(np.broadcast_to(np.arange(n), (count, n)), axis=1).T
            return statistic(z[order])

        seeds = spawned_seeds(self.seed, len(parts))
        jobs = (delayed(moments)(*job) for job in zip(parts, seeds, strict=True))
        results = Parallel(n_jobs=self.n_jobs, prefer="threads", return_as="generator")(jobs)
        bar = tqdm(results, total=len(parts), desc="permutations", disable=not self.progress)
        return np.concatenate(list(bar))
