"""Bootstrap of chains by unit: each sample weights the moves of whole units.

States keep their cuts, and neighbours their states: a sample changes how often a unit's history is
counted. Moves of a unit depend on each other for more than a period, which multinomial standard
errors leave out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from nqp_spatial.dynamics import _transitions as chains

__all__ = ["bootstrap_probabilities", "counts_by_unit", "interval_frame"]

_BATCH = 256  # samples at once


def counts_by_unit(
    own: np.ndarray, states: int, step: int, given: np.ndarray | None = None, groups: int = 1
) -> np.ndarray:
    """Return the moves of each unit, shape (units, groups x states x states)."""
    start, end = own[:, :-step], own[:, step:]
    cells = groups * states**2
    key = start * states + end
    if given is not None:
        key = key + given[:, :-step] * states**2
    key = key + np.arange(len(own))[:, None] * cells
    return np.bincount(key.ravel(), minlength=len(own) * cells).reshape(len(own), cells)


def _resampled_counts(
    by_unit: np.ndarray, shape: tuple[int, ...], replications: int, seed: int | None
) -> Iterator[np.ndarray]:
    """Yield counts of bootstrap samples in batches, shape (samples, *shape)."""
    from scipy import sparse

    n = len(by_unit)
    moves = sparse.csr_array(by_unit.astype(float))
    rng = np.random.default_rng(seed)
    for start in range(0, replications, _BATCH):
        size = min(_BATCH, replications - start)
        often = rng.multinomial(n, np.full(n, 1 / n), size=size).astype(float)
        yield np.asarray((moves.T @ often.T).T).reshape(size, *shape)


def interval_frame(
    estimate: np.ndarray, draws: np.ndarray, index: pd.Index, level: float
) -> pd.DataFrame:
    """Return estimate, bootstrap standard error and percentile interval of each cell.

    Parameters
    ----------
    estimate : ndarray
        Flat.
    draws : ndarray
        Shape (samples, cells). Samples in which a cell is missing are left out of its interval.
    index : Index
        Names of the cells.
    level : float
    """
    known = ~np.isnan(draws)
    enough = known.sum(axis=0) >= 2
    table = np.full((len(estimate), 3), np.nan)
    tail = (1 - level) / 2
    if enough.any():
        some = draws[:, enough]
        table[enough, 0] = np.nanstd(some, axis=0, ddof=1)
        table[enough, 1:] = np.nanquantile(some, [tail, 1 - tail], axis=0).T
    table[np.isnan(estimate)] = np.nan
    frame = pd.DataFrame(table, index, ["std_error", "conf_low", "conf_high"])
    frame.insert(0, "estimate", estimate)
    return frame


def bootstrap_probabilities(
    by_unit: np.ndarray, shape: tuple[int, ...], replications: int, seed: int | None
) -> np.ndarray:
    """Return transition probabilities of bootstrap samples, shape (replications, *shape)."""
    batches = _resampled_counts(by_unit, shape, replications, seed)
    return np.concatenate([chains.probabilities(counts) for counts in batches])
