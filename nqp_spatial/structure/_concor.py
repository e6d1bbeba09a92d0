"""CONCOR: blocks of units with similar links, and what their links say of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.errors import ConvergenceError

__all__ = ["block_densities", "block_table", "concor"]

_CLOSE, _ITERATIONS = 1e-7, 500
# Correlations that stay where they are, as those of a complete graph, tell no unit from another.
_FIXED = 1e-13


def concor(links: sparse.csr_array, splits: int) -> np.ndarray:
    """Return the block of each unit: positions are split by repeated correlation.

    The links that a unit sends and receives are its profile; of two units those with each other
    are left out. Profiles are correlated, then the columns of the matrix of correlations, until
    all entries are 1 or -1, which are two blocks (Breiger, Boorman and Arabie 1975); each block is
    split again with its profiles in full.

    Parameters
    ----------
    links : csr_array
        Row to column, shape (n, n), n at least 3, without a diagonal.
    splits : int
        How often; at most ``2 ** splits`` blocks.

    Returns
    -------
    ndarray of int
        Blocks from 1, in the order of the splits, the part of the first unit first; 0 of a unit
        without links.

    Raises
    ------
    ConvergenceError
        If correlations do not become 1 or -1.
    """
    matrix = links.toarray()
    has_links = matrix.any(axis=0) | matrix.any(axis=1)
    groups = [np.flatnonzero(has_links)]
    for _ in range(splits):
        groups = [part for group in groups for part in _split(matrix, group)]
    block = np.zeros(links.shape[0], dtype=int)
    for number, group in enumerate(groups, start=1):
        block[group] = number
    return block


def _split(matrix: np.ndarray, group: np.ndarray) -> list[np.ndarray]:
    if len(group) < 2:
        return [group] if len(group) else []
    correlation = _profile_correlations(matrix, group)
    for _ in range(_ITERATIONS):
        if np.abs(np.abs(correlation) - 1).max() < _CLOSE:
            break
        previous, correlation = correlation, _correlated(correlation)
        if np.abs(correlation - previous).max() < _FIXED:
            return [group]
    else:
        raise ConvergenceError(
            f"the correlations of CONCOR did not become 1 or -1 in {_ITERATIONS} rounds for a "
            f"block of {len(group)} units; ask for fewer splits, or another threshold"
        )
    is_first = correlation[0] > 0
    if is_first.all():
        return [group]
    return [group[is_first], group[~is_first]]


def _profile_correlations(matrix: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return correlations of links sent and received, with all units but the two themselves."""
    n = len(matrix)
    count = 2 * (n - 2)
    sent, received = matrix[group], matrix[:, group].T
    cross = sent @ sent.T + received @ received.T
    between = matrix[np.ix_(group, group)]
    sums = (sent + received).sum(axis=1)[:, None] - (between + between.T)
    squares = (sent**2 + received**2).sum(axis=1)[:, None] - (between**2 + between.T**2)
    covariance = cross - sums * sums.T / count
    variance = squares - sums**2 / count
    scale = np.sqrt(np.clip(variance * variance.T, 0, None))
    is_constant = variance <= 1e-12 * count
    has_both = ~(is_constant | is_constant.T)
    correlation = np.divide(covariance, scale, out=np.zeros_like(scale), where=has_both)
    # Profiles without variance are equal or opposite, and say nothing beside one that varies.
    equal = np.where(np.abs(sums - sums.T) < 1e-9, 1.0, -1.0)
    correlation = np.where(is_constant & is_constant.T, equal, correlation)
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(np.clip(correlation, -1, 1))


def _correlated(columns: np.ndarray) -> np.ndarray:
    """Return the correlations of columns; a column without variance is equal to all others."""
    centred = columns - columns.mean(axis=0)
    norm = np.sqrt(np.einsum("ij,ij->j", centred, centred))
    is_constant = norm <= 1e-12 * np.sqrt(len(columns))
    centred /= np.where(is_constant, 1.0, norm)
    correlation = np.clip(centred.T @ centred, -1, 1)
    correlation[is_constant] = correlation[:, is_constant] = 1.0
    return np.asarray(correlation)


def block_densities(links: sparse.csr_array, block: np.ndarray) -> pd.DataFrame:
    """Return links and density from block to block, and the image.

    Returns
    -------
    DataFrame
        By (sender, receiver): ``links``; ``density``, of possible links (NaN where there are
        none); ``image``, whether the density is above that of the network.
    """
    numbers = np.arange(1, block.max(initial=0) + 1)
    member = (block[:, None] == numbers).astype(float)
    counts = member.T @ (links @ member)
    sizes = member.sum(axis=0)
    possible = np.outer(sizes, sizes) - np.diag(sizes)
    density = np.divide(counts, possible, out=np.full(counts.shape, np.nan), where=possible > 0)
    n = links.shape[0]
    overall = links.nnz / (n * (n - 1))
    index = pd.MultiIndex.from_product([numbers, numbers], names=["sender", "receiver"])
    columns = {
        "links": counts.ravel().astype(int),
        "density": density.ravel(),
        "image": (density > overall).ravel(),
    }
    return pd.DataFrame(columns, index=index)


def block_table(densities: pd.DataFrame, block: np.ndarray) -> pd.DataFrame:
    """Return the links within, sent and received of each block, and its role.

    Returns
    -------
    DataFrame
        By block: ``units, internal, sent, received, internal_share, expected_share, role``.
    """
    counts = densities["links"].unstack("receiver").to_numpy()
    internal = np.diag(counts)
    sent, received = counts.sum(axis=1) - internal, counts.sum(axis=0) - internal
    sizes = np.bincount(block, minlength=len(counts) + 1)[1:]
    total = internal + sent
    share = np.divide(internal, total, out=np.zeros(len(total)), where=total > 0)
    expected = (sizes - 1) / (len(block) - 1)
    inward = (share >= expected) & (total > 0)
    names = {
        (True, True): "net receiver", (True, False): "two-way",
        (False, True): "broker", (False, False): "net sender",
    }  # fmt: skip
    roles = [names[bool(a), bool(b)] for a, b in zip(inward, received > sent, strict=True)]
    columns = {
        "units": sizes, "internal": internal, "sent": sent, "received": received,
        "internal_share": share, "expected_share": expected,
    }  # fmt: skip
    frame = pd.DataFrame(columns, index=pd.Index(np.arange(1, len(counts) + 1), name="block"))
    return frame.assign(role=roles)
