"""Products of permuted matrices: what tests by quadratic assignment are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nqp_spatial.core.resampling import batches, permutation_p, spawned_seeds
from nqp_spatial.structure._numba import permuted_products

__all__ = ["Permuted", "Tails", "tails"]

# Permutations of one task: fixed, so that results do not depend on workers.
_BATCH = 50
_TIE = 1e-10


@dataclass(frozen=True)
class Permuted:
    """Random orders of units, the same for all matrices."""

    permutations: int
    seed: int | None
    n_jobs: int = 1
    progress: bool = False

    def products(self, tasks: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
        """Return the products of permuted matrices with fixed ones.

        Parameters
        ----------
        tasks : sequence of (ndarray, ndarray)
            The matrix whose rows and columns are permuted, shape (n, n), and fixed ones, shape
            (m, n, n).

        Returns
        -------
        list of ndarray
            For each task, shape (permutations, m).
        """
        from joblib import Parallel, delayed
        from tqdm import tqdm

        n = len(tasks[0][0])

        def batch(count: int, seed: np.random.SeedSequence) -> list[np.ndarray]:
            rng = np.random.default_rng(seed)
            orders = rng.permuted(np.broadcast_to(np.arange(n), (count, n)), axis=1)
            return [permuted_products(moved, fixed, orders) for moved, fixed in tasks]

        sizes = [part.stop - part.start for part in batches(self.permutations, _BATCH)]
        seeds = spawned_seeds(self.seed, len(sizes))
        jobs = (delayed(batch)(*job) for job in zip(sizes, seeds, strict=True))
        results = Parallel(n_jobs=self.n_jobs, prefer="threads", return_as="generator")(jobs)
        bar = tqdm(results, total=len(sizes), desc="permutations", disable=not self.progress)
        parts = list(bar)
        if not parts:
            return [np.empty((0, len(fixed))) for _, fixed in tasks]
        return [np.concatenate(column) for column in zip(*parts, strict=True)]


@dataclass(frozen=True, eq=False)
class Tails:
    """p-values of statistics by permutation; NaN without permutations."""

    two_sided: np.ndarray
    greater: np.ndarray
    less: np.ndarray


def tails(observed: np.ndarray, draws: np.ndarray) -> Tails:
    """Return p-values; two-sided by absolute values.

    Parameters
    ----------
    observed : ndarray
        Correlations, shape (m,), between -1 and 1.
    draws : ndarray
        Shape (permutations, m). A draw without a statistic counts as extreme.
    """
    count = len(draws)
    if not count:
        none = np.full(len(observed), np.nan)
        return Tails(none, none, none)
    unknown = np.isnan(draws)
    above = ((draws >= observed - _TIE) | unknown).sum(axis=0)
    below = ((draws <= observed + _TIE) | unknown).sum(axis=0)
    extreme = ((np.abs(draws) >= np.abs(observed) - _TIE) | unknown).sum(axis=0)
    return Tails(
        permutation_p(extreme, count), permutation_p(above, count), permutation_p(below, count)
    )
