"""Statistics of spatial chains when units are relocated at random, in parallel batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from nqp_spatial.core.resampling import batches
from nqp_spatial.dynamics._homogeneity import homogeneity_statistics
from nqp_spatial.dynamics._states import StateData, States

__all__ = ["relocated_statistics"]

_BATCH = 25  # permutations per worker task


def relocated_statistics(
    matrix: sparse.csr_array,
    data: StateData,
    lag_states: States,
    permutations: int,
    seed: int | None,
    n_jobs: int,
    progress: bool,
) -> np.ndarray:
    """Return LR and chi-square of each relocation, shape (permutations, 2)."""
    from joblib import Parallel, delayed
    from tqdm import tqdm

    own_states, values = data.states, data.values
    step, count = data.options["step"], lag_states.count
    by_quantiles = lag_states.method != "cuts"
    shares = np.arange(1, count) / count if by_quantiles else np.empty(0)
    cuts = np.empty(0) if by_quantiles else lag_states.cuts
    moves = own_states.codes[:, :-step] * own_states.count + own_states.codes[:, step:]
    rng = np.random.default_rng(seed)

    # Batches and their order do not depend on n_jobs, so neither do the results.
    def arguments(batch: slice) -> tuple[Any, ...]:
        size = batch.stop - batch.start
        order = np.broadcast_to(np.arange(len(values)), (size, len(values)))
        return (
            matrix.indptr, matrix.indices, matrix.data, values, moves,
            rng.permuted(order, axis=1), shares, cuts,
            lag_states.method == "period-quantiles", own_states.count**2,
        )  # fmt: skip

    parts = list(batches(permutations, _BATCH))
    jobs = (delayed(_statistics)(arguments(batch), own_states.count) for batch in parts)
    results = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(jobs)
    bar = tqdm(results, total=len(parts), desc="permutations", disable=not progress)
    return np.concatenate(list(bar))


def _statistics(arguments: tuple[Any, ...], states: int) -> np.ndarray:
    from nqp_spatial.dynamics._numba import relocated_counts

    counts = relocated_counts(*arguments)
    shape = (*counts.shape[:2], states, states)
    return np.stack(homogeneity_statistics(counts.reshape(shape)), axis=-1)
