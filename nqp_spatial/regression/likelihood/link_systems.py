"""``I - A`` for many A with the same links: log-determinants, solves, and the inverse at the links.

The gradient of ``ln|I - sum_k rho_k W_k|`` is ``-tr W_k S^-1``: it needs the inverse only at the
links, which a factorisation gives at about twice its own cost (Erisman and Tinney 1975), for any
number of W_k. The pattern is analysed once. No rows are exchanged.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse import linalg as sla

__all__ = ["LinkFactor", "LinkSums", "LinkSystem", "analysed", "is_analysed", "one_lag"]

# Pivots below this size would need exchanges of rows, which the pattern does not allow.
_LEAST_PIVOT = 1e-7


class LinkFactor:
    """The factors of one ``I - A``.

    Attributes
    ----------
    logdet : float
        ``ln|I - A|``, or its real part; NaN if a pivot is so small that the factors are not
        accurate.
    least_pivot : float
        The smallest pivot, or its real part.
    """

    def __init__(self, system: LinkSystem, fronts: np.ndarray) -> None:
        from nqp_spatial.regression.likelihood._numba import factorize_fronts

        self._system = system
        self._fronts, self._inverted = fronts, False
        value, self.least_pivot = factorize_fronts(fronts, *system.arrays)
        self.logdet = float(value) if self.least_pivot > _LEAST_PIVOT else float("nan")

    def inverse_at_links(self) -> np.ndarray:
        """Return ``(I - A)^-1_ji`` of each link from j to i, shape (links,)."""
        if not self._inverted:
            from nqp_spatial.regression.likelihood._numba import invert_fronts

            invert_fronts(self._fronts, *self._system.arrays)  # in place of the factors
            self._inverted = True
        return np.asarray(self._fronts[self._system.turned])

    def solve(self, x: np.ndarray, trans: str = "N") -> np.ndarray:
        """Return ``(I - A)^-1 x``, or of the transpose where `trans` is "T"; x (n,) or (n, m)."""
        from nqp_spatial.regression.likelihood._numba import solve_down, solve_up

        system, turned = self._system, trans == "T"
        ordered = np.empty((system.n, x.size // max(system.n, 1)))
        ordered[system.place] = x.reshape(len(ordered), -1)
        parts = (self._fronts, system.arrays[:3], system.rows, turned)
        solve_down(ordered, *parts)
        solve_up(ordered, *parts)
        return np.asarray(ordered[system.place].reshape(x.shape))


class LinkSystem:
    """``I - A`` where A has weights at known links.

    Parameters
    ----------
    rows, columns : ndarray of int
        Receiver and sender of each link, shape (links,); every pair at most once.
    n : int
        Number of units.

    Attributes
    ----------
    own : ndarray of int
        Place of the diagonal in the fronts, shape (n,).
    turned : ndarray of int
        Place of the cell (j, i) of each link from j to i.
    operations : float
        Multiplications of one factorisation without the zeros in fronts.

    Examples
    --------
    >>> system = LinkSystem(np.array([0, 1]), np.array([1, 0]), 2)
    >>> factor = system.factor(np.array([0.5, 0.5]))
    >>> round(float(np.exp(factor.logdet)), 12), factor.inverse_at_links().round(12).tolist()
    (0.75, [0.666666666667, 0.666666666667])
    """

    def __init__(self, rows: np.ndarray, columns: np.ndarray, n: int) -> None:
        self.n = n
        self.place = place = _ordered_places(rows, columns, n)
        starts, neighbours = _symmetric_pattern(place[rows], place[columns], n)
        from nqp_spatial.regression.likelihood._numba import (
            elimination_tree,
            pattern_of_factor,
            supernodes,
        )

        parent = elimination_tree(starts, neighbours)
        factor_starts, factor_rows = pattern_of_factor(starts, neighbours, parent)
        first = supernodes(parent, np.diff(factor_starts))
        widths = np.diff(np.append(first, n))
        node = np.repeat(np.arange(len(first)), widths)
        last = np.append(first[1:], n) - 1
        tails = factor_starts[last + 1] - factor_starts[last]
        sizes = widths + tails
        offsets = np.concatenate(([0], np.cumsum(sizes**2)))
        self.length = int(offsets[-1])
        self.operations = float((np.diff(factor_starts).astype(float) ** 2).sum())
        others = np.concatenate(
            [factor_rows[factor_starts[j] : factor_starts[j + 1]] for j in last]
            or [np.empty(0, dtype=np.int64)]
        ).astype(np.int64)
        tail_starts = np.concatenate(([0], np.cumsum(tails)))
        self._first, self._widths, self._sizes = first, widths, sizes
        self._tail_keys = np.repeat(np.arange(len(first)), tails) * n + others
        self._tail_starts = tail_starts
        parents = np.full(len(first), -1, dtype=np.int64)
        linked = tails > 0
        parents[linked] = node[others[tail_starts[:-1][linked]]]
        relative = self._within(np.repeat(parents, tails), others)
        self.arrays = (offsets[:-1], widths, sizes, parents, tail_starts, relative)
        self.rows = (first, tail_starts, others)

        def cells(i: np.ndarray, j: np.ndarray) -> np.ndarray:
            front = node[np.minimum(i, j)]
            return np.asarray(
                offsets[front] + self._within(front, i) * sizes[front] + self._within(front, j)
            )

        self._cells = cells(place[rows], place[columns])
        self.turned = cells(place[columns], place[rows])
        self.own = cells(place, place)

    def _within(self, front: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Return the places of rows in fronts."""
        inside = index < self._first[front] + self._widths[front]
        key = np.searchsorted(self._tail_keys, front * self.n + index)
        return np.asarray(
            np.where(
                inside,
                index - self._first[front],
                self._widths[front] + key - self._tail_starts[front],
            )
        )

    def factor(self, weights: np.ndarray) -> LinkFactor:
        """Factorise ``I - A`` with these weights of the links, shape (links,), real or complex."""
        fronts = np.zeros(self.length, dtype=weights.dtype)
        fronts[self.own] = 1.0
        fronts[self._cells] -= weights
        return LinkFactor(self, fronts)


class LinkSums:
    """Weighted sums ``sum_k c_k W_k`` of a few matrices, as weights of the links of any of them.

    Parameters
    ----------
    matrices : sequence of csr_array
        W_k, each shape (n, n).

    Attributes
    ----------
    system : LinkSystem
    """

    def __init__(self, matrices: Sequence[sparse.csr_array]) -> None:
        n = matrices[0].shape[0]
        links = [sparse.coo_array(matrix) for matrix in matrices]
        keys = [link.row.astype(np.int64) * n + link.col for link in links]
        every = np.sort(np.concatenate(keys))
        every = every[np.diff(every, prepend=-1) > 0]
        self._places = [np.searchsorted(every, key) for key in keys]
        self._data = [link.data.astype(float) for link in links]
        self._rows, self._columns = every // n, every % n
        self.n, self.n_links = n, len(every)

    @cached_property
    def system(self) -> LinkSystem:
        """The pattern of I minus a sum, analysed at the first use."""
        return LinkSystem(self._rows, self._columns, self.n)

    def weights(self, coefs: np.ndarray) -> np.ndarray:
        """Return the weights of the links in the sum, shape (links,)."""
        total = np.zeros(self.n_links, dtype=np.result_type(coefs, float))
        for place, data, coefficient in zip(self._places, self._data, coefs, strict=True):
            total[place] += coefficient * data
        return total

    def traces(self, inverse: np.ndarray) -> np.ndarray:
        """Return ``tr W_k Z`` of each matrix, from Z at the turned links."""
        pairs = zip(self._places, self._data, strict=True)
        return np.array([data @ inverse[place] for place, data in pairs])

    def diagonal(self, inverse: np.ndarray, k: int) -> np.ndarray:
        """Return the diagonal of ``Z W_k``, from Z at the turned links."""
        place = self._places[k]
        cells = self._data[k] * inverse[place]
        return np.bincount(self._columns[place], cells, minlength=self.n)

    def of_senders(self, weights: np.ndarray, senders: np.ndarray) -> np.ndarray:
        """Return weights of links times a number of each sender, shape (links,)."""
        return np.asarray(weights * senders[self._columns])

    def largest_row_sum(self, coefs: np.ndarray) -> float:
        """Return the largest sum of absolute weights in a row."""
        weights = np.abs(self.weights(coefs))
        return float(np.bincount(self._rows, weights, minlength=self.n).max(initial=0.0))


_Make = Callable[[sparse.csr_array], "LinkSums"]
# By the addresses of read-only arrays, which the views of one W share.
_analyses: dict[tuple[object, ...], LinkSums] = {}


def analysed(matrix: sparse.csr_array, make: _Make) -> LinkSums:
    """Return ``make(matrix)``, computed once for as long as the arrays of the matrix exist."""
    if matrix.data.flags.writeable:
        return make(matrix)
    key = _key(matrix, make)
    if key not in _analyses:
        base = matrix.data.base
        _analyses[key] = make(matrix)
        # Not every owner of memory, such as bytes, can be watched; then this view is.
        owner = base if isinstance(base, np.ndarray) else matrix.data
        weakref.finalize(owner, _analyses.pop, key, None)
    return _analyses[key]


def is_analysed(matrix: sparse.csr_array, make: _Make) -> bool:
    """Whether `analysed` has the result already."""
    return _key(matrix, make) in _analyses


def _key(matrix: sparse.csr_array, make: _Make) -> tuple[object, ...]:
    arrays = (matrix.data, matrix.indices, matrix.indptr)
    return (*(array.ctypes.data for array in arrays), matrix.nnz, matrix.shape, make)


def one_lag(matrix: sparse.csr_array) -> LinkSums:
    """Return the links of one W."""
    return LinkSums([matrix])


def _ordered_places(rows: np.ndarray, columns: np.ndarray, n: int) -> np.ndarray:
    """Return the place of each unit in a fill-reducing order, children before parents."""
    pattern = sparse.csc_matrix(
        (np.full(len(rows), -0.5 / max(len(rows), 1)), (rows, columns)), shape=(n, n)
    )
    system = sparse.csc_matrix(sparse.eye_array(n, format="csc") + pattern + pattern.T)
    factor = sla.splu(
        system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )  # fmt: skip
    place = np.asarray(factor.perm_c, dtype=np.int64)
    starts, neighbours = _symmetric_pattern(place[rows], place[columns], n)
    from nqp_spatial.regression.likelihood._numba import elimination_tree, postorder

    return np.asarray(postorder(elimination_tree(starts, neighbours))[place])


def _symmetric_pattern(rows: np.ndarray, columns: np.ndarray, n: int) -> tuple[np.ndarray, ...]:
    ones = np.ones(2 * len(rows), dtype=np.int8)
    both = (np.concatenate([rows, columns]), np.concatenate([columns, rows]))
    pattern = sparse.csr_array(sparse.coo_array((ones, both), shape=(n, n)))
    pattern.sort_indices()
    return pattern.indptr.astype(np.int64), pattern.indices.astype(np.int64)
