"""Weights of all pairs of units: filled block by block, without a list of pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse
from tqdm import tqdm

from nqp_spatial.core.sizes import require_memory
from nqp_spatial.weights._coordinates import Coordinates

__all__ = ["complete_weights"]

# Cells of a block: some 100 MB with the coordinates of both ends.
_BLOCK_CELLS = 1_000_000
# Peak while weights are made, checked and standardised: 41 to 44 bytes a link were measured.
_BYTES_PER_LINK = 45

Weigh = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def complete_weights(
    coordinates: Coordinates,
    weigh: Weigh,
    *,
    require_apart: Callable[[np.ndarray, np.ndarray], None] | None,
    advice: str,
    progress: bool = False,
) -> sparse.csr_array:
    """Return the symmetric weights of all pairs by distance.

    Parameters
    ----------
    coordinates : Coordinates
    weigh : callable
        Takes the kilometres of pairs and their positions, returns their weights.
    require_apart : callable, optional
        Takes pairs and their kilometres; raises an error where units lie on the same point.
    advice : str
        What makes the matrix smaller.
    progress : bool
        Whether to show a progress bar, with the size of the matrix.

    Raises
    ------
    OptionError
        If a matrix of so many links would not fit into memory.
    """
    n = len(coordinates.points)
    links = n * (n - 1)
    need = _BYTES_PER_LINK * links
    require_memory(need, f"weights of {n} units without a cutoff ({links:.2g} links)", advice)
    dense = np.zeros((n, n))
    size = max(1, _BLOCK_CELLS // max(n, 1))
    words = f"{n} units, {links:.2g} links, {need / 2**30:.2f} GiB"
    with tqdm(total=n, desc=words, disable=not progress) as bar:
        for start in range(0, n, size):
            stop = min(start + size, n)
            rows, columns = np.arange(start, stop), np.arange(start, n)
            rows, columns = np.repeat(rows, n - start), np.tile(columns, stop - start)
            km = coordinates.distance(rows, columns)
            km[rows == columns] = 1.0
            if require_apart is not None and km.min() <= 1e-9:
                near = (km <= 1e-9) & (rows < columns)
                require_apart(np.column_stack([rows[near], columns[near]]), km[near])
            block = weigh(km, rows, columns).reshape(stop - start, n - start)
            above = np.triu(block[:, : stop - start], 1)
            block[:, : stop - start] = above + above.T
            dense[start:stop, start:] = block
            dense[start:, start:stop] = block.T
            bar.update(stop - start)
    return _without_diagonal(dense)


def _without_diagonal(dense: np.ndarray) -> sparse.csr_array:
    """Return all other cells as stored weights."""
    n = len(dense)
    # After the first cell, each n + 1 cells end with one of the diagonal.
    data = dense.ravel()[1:].reshape(n - 1, n + 1)[:, :-1].ravel()
    columns = np.tile(np.arange(n - 1, dtype=np.int32), n).reshape(n, n - 1)
    columns += columns >= np.arange(n)[:, None]
    starts = np.arange(n + 1) * (n - 1)
    if starts[-1] <= np.iinfo(np.int32).max:
        starts = starts.astype(np.int32)
    return sparse.csr_array((data, columns.ravel(), starts), shape=(n, n))
