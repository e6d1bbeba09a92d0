"""Draws of a variable that keep its spatial autocorrelation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nqp_spatial.core.resampling import batches
from nqp_spatial.core.sizes import require_memory
from nqp_spatial.errors import OptionError
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["autocorrelated_draws", "relocated_draws"]

# Eigenvectors of a dense matrix: half a minute and 0.6 GiB.
_MOST_UNITS = 5000
_BATCH_CELLS = 4_000_000


def autocorrelated_draws(
    w: SpatialWeights, values: np.ndarray, permutations: int, seed: int | None
) -> Iterator[np.ndarray]:
    """Yield batches of draws with the Moran coefficients of the values in all periods.

    Each series is ``V S V'y``, with V the eigenvectors of ``H (W + W')/2 H``, H the matrix that
    centres and S random signs, the same for all periods: Moran's I and the variance of each period
    and correlations between periods stay as they are.

    Parameters
    ----------
    w : SpatialWeights
        In the order of the values.
    values : ndarray
        Shape (n, periods).
    permutations : int
    seed : int, optional

    Yields
    ------
    ndarray
        Shape (n, periods, draws).

    References
    ----------
    Wagner and Dray (2015), Methods in Ecology and Evolution 6(10), 1169-1178.
    """
    n = len(values)
    if n > _MOST_UNITS:
        raise OptionError(
            f"draws that keep spatial autocorrelation need eigenvectors of {n} units, more than "
            f"{_MOST_UNITS}: leave weights= out, or select units"
        )
    require_memory(3 * 8.0 * n**2, f"eigenvectors of {n} units", "leave weights= out")
    dense = w.sparse.toarray()
    dense = (dense + dense.T) / 2
    dense -= dense.mean(axis=0)
    dense -= dense.mean(axis=1)[:, None]
    vectors = np.linalg.eigh(dense)[1]
    means = values.mean(axis=0)
    scores = vectors.T @ (values - means)
    rng = np.random.default_rng(seed)
    for batch in batches(permutations, max(1, _BATCH_CELLS // values.size)):
        signs = rng.choice([-1.0, 1.0], size=(n, 1, batch.stop - batch.start))
        flipped = scores[:, :, None] * signs
        drawn = (vectors @ flipped.reshape(n, -1)).reshape(flipped.shape)
        yield drawn + means[None, :, None]


def relocated_draws(
    values: np.ndarray, permutations: int, seed: int | None
) -> Iterator[np.ndarray]:
    """Yield batches of random relocations of units with their histories, (n, periods, draws)."""
    n = len(values)
    rng = np.random.default_rng(seed)
    for batch in batches(permutations, max(1, _BATCH_CELLS // values.size)):
        count = batch.stop - batch.start
        order = rng.permuted(np.broadcast_to(np.arange(n), (count, n)), axis=1).T
        yield np.moveaxis(values[order], 1, 2)
