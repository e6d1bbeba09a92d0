"""Bootstrap of chains by unit: each sample weights all moves of a unit.

Cuts of states and states of neighbours are fixed: a sample changes only how often a unit's history
is counted. Moves of a unit are correlated beyond one period, which multinomial standard errors
ignore.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.resampling import batches, bootstrap_counts
from nqp_spatial.dynamics import _transitions as transitions

__all__ = ["bootstrap_probabilities", "interval_frame"]

_BATCH = 256  # samples at once


def bootstrap_probabilities(
    by_unit: np.ndarray, shape: tuple[int, ...], replications: int, seed: int | None
) -> np.ndarray:
    """Return transition probabilities of bootstrap samples, shape (replications, *shape)."""
    moves = sparse.csr_array(by_unit.astype(float))
    rng = np.random.default_rng(seed)
    draws = []
    for batch in batches(replications, _BATCH):
        size = batch.stop - batch.start
        times = bootstrap_counts(rng, len(by_unit), size)
        counts = np.asarray((moves.T @ times.T).T).reshape(size, *shape)
        draws.append(transitions.probabilities(counts))
    return np.concatenate(draws)


def interval_frame(
    estimate: np.ndarray, draws: np.ndarray, index: pd.Index, level: float
) -> pd.DataFrame:
    """Return estimate, bootstrap standard error and percentile interval of each cell.

    Parameters
    ----------
    estimate : ndarray
        One-dimensional.
    draws : ndarray
        Shape (samples, cells). Samples in which a cell is missing are excluded from its interval.
    index : Index
        Names of the cells.
    level : float
    """
    known = ~np.isnan(draws)
    enough = known.sum(axis=0) >= 2
    table = np.full((len(estimate), 3), np.nan)
    tail = (1 - level) / 2
    if enough.any():
        samples = draws[:, enough]
        table[enough, 0] = np.nanstd(samples, axis=0, ddof=1)
        table[enough, 1:] = np.nanquantile(samples, [tail, 1 - tail], axis=0).T
    table[np.isnan(estimate)] = np.nan
    frame = pd.DataFrame(table, index, ["std_error", "conf_low", "conf_high"])
    frame.insert(0, "estimate", estimate)
    return frame
