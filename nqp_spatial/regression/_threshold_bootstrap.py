"""The bootstrap of the test of a further threshold: residual series of units, drawn anew."""

from __future__ import annotations

import numpy as np

from nqp_spatial.core.resampling import batches, spawned_seeds
from nqp_spatial.regression._threshold_search import Moments, ThresholdSearch, stages

__all__ = ["bootstrap_statistics"]

# Samples in one array.
_BATCH = 50


def bootstrap_statistics(
    search: ThresholdSearch,
    moments: Moments,
    residuals: np.ndarray,
    known: np.ndarray,
    freedom: int,
    replications: int,
    seed: int | None,
    n_jobs: int,
    progress: bool,
) -> np.ndarray:
    """Return F of one more threshold in samples from the model with the known ones.

    Parameters
    ----------
    search : ThresholdSearch
    moments : Moments
        Of the data.
    residuals : ndarray
        Of the model with one more threshold, shape (n, T).
    known : ndarray of int
        Positions of the thresholds under the hypothesis, shape (m,).
    freedom : int
        Divisor of the sum of squares in F.
    replications : int
    seed : int or None
    n_jobs : int
    progress : bool
    """
    from joblib import Parallel, delayed
    from tqdm import tqdm

    sizes = [part.stop - part.start for part in batches(replications, _BATCH)]
    tasks = (
        delayed(_one_batch)(search, moments, residuals, known, freedom, size, child)
        for size, child in zip(sizes, spawned_seeds(seed, len(sizes)), strict=True)
    )
    results = Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    bar = tqdm(results, total=len(sizes), desc="bootstrap", disable=not progress)
    samples = np.concatenate(list(bar))
    return np.asarray(samples[np.isfinite(samples)])


def _one_batch(
    search: ThresholdSearch,
    moments: Moments,
    residuals: np.ndarray,
    known: np.ndarray,
    freedom: int,
    size: int,
    seed: np.random.SeedSequence,
) -> np.ndarray:
    n = len(residuals)
    draws = np.random.default_rng(seed).integers(0, n, (size, n))
    # Residuals are demeaned by unit already.
    errors = search.moments(np.ascontiguousarray(residuals[draws].reshape(size, -1).T))
    null = search.under_null(errors, moments, known)
    steps = stages(search, null, len(known) + 1, freedom)
    if len(steps) <= len(known):
        return np.full(size, np.nan)
    return steps[-1].statistic
