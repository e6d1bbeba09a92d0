"""Compiled loops of a multifrontal LU factorisation, of solves, and of the inverse at its entries.

The columns of a factor are grouped into supernodes of (nearly) the same pattern. A supernode has
one dense front: its own rows and columns first, then those that its elimination changes. Fronts lie
one after another in one array, each by rows, real or complex.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = [
    "elimination_tree",
    "factorize_fronts",
    "invert_fronts",
    "pattern_of_factor",
    "postorder",
    "solve_down",
    "solve_up",
    "supernodes",
]

_PRODUCTS_BY_BLAS = 30_000  # multiplications from which a call of BLAS costs less than loops
_PANEL = 32  # columns of a wide front that are eliminated before the others are changed
# Share of zeros up to which a column joins a supernode, and columns that join with a few more.
_ZEROS, _NARROW, _FEW = 0.25, 4, 16


@njit(cache=True, nogil=True)
def elimination_tree(starts: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the parent of each column in the elimination tree of a symmetric pattern; -1 at roots.

    Parameters
    ----------
    starts, columns : ndarray of int
        The pattern as compressed rows.
    """
    n = len(starts) - 1
    parent = np.full(n, -1, dtype=np.int64)
    ancestor = np.full(n, -1, dtype=np.int64)
    for i in range(n):
        for link in range(starts[i], starts[i + 1]):
            j = columns[link]
            while j < i:
                following = ancestor[j]
                ancestor[j] = i
                if following == -1:
                    parent[j] = i
                    break
                if following == i:
                    break
                j = following
    return parent


@njit(cache=True, nogil=True)
def pattern_of_factor(
    starts: np.ndarray, columns: np.ndarray, parent: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows below the diagonal of each column of L, as compressed columns."""
    n = len(starts) - 1
    counts = np.zeros(n + 1, dtype=np.int64)
    position = np.zeros(n, dtype=np.int64)
    rows = np.empty(0, dtype=np.int64)
    for turn in range(2):  # the first counts, the second stores
        seen = np.full(n, -1, dtype=np.int64)
        for i in range(n):
            seen[i] = i
            for link in range(starts[i], starts[i + 1]):
                j = columns[link]
                while j < i and seen[j] != i:
                    seen[j] = i
                    if turn == 0:
                        counts[j + 1] += 1
                    else:
                        rows[position[j]] = i
                        position[j] += 1
                    j = parent[j]
        if turn == 0:
            counts = np.cumsum(counts)
            position = counts[:-1].copy()
            rows = np.empty(counts[n], dtype=np.int64)
    return counts, rows


@njit(cache=True, nogil=True)
def postorder(parent: np.ndarray) -> np.ndarray:
    """Return the place of each column in a postorder of the elimination tree."""
    n = len(parent)
    sizes = np.ones(n, dtype=np.int64)
    for j in range(n):  # parents come after children
        if parent[j] >= 0:
            sizes[parent[j]] += sizes[j]
    place = np.empty(n, dtype=np.int64)
    following = np.zeros(n, dtype=np.int64)  # where the next subtree below a column starts
    root = 0
    for j in range(n - 1, -1, -1):
        above = parent[j]
        if above < 0:
            start = root
            root += sizes[j]
        else:
            start = following[above]
            following[above] += sizes[j]
        following[j] = start
        place[j] = start + sizes[j] - 1
    return place


@njit(cache=True, nogil=True)
def supernodes(parent: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the first column of each supernode: a chain of columns with nearly the same pattern.

    Parameters
    ----------
    parent, counts : ndarray of int
        The elimination tree in postorder; rows below the diagonal in each column of L.
    """
    n = len(parent)
    starts = np.empty(n, dtype=np.int64)
    number, zeros = 0, 0.0
    for j in range(n):
        if j > 0 and parent[j - 1] == j:
            width = j - starts[number - 1]
            # The columns before receive the rows of column j that they lack.
            more = zeros + width * (counts[j] + 1 - counts[j - 1])
            cells = (width + 1) * (counts[j] + 1 + width / 2)
            if more <= _ZEROS * cells or (width < _NARROW and more <= _FEW):
                zeros = more
                continue
        starts[number] = j
        number += 1
        zeros = 0.0
    return starts[:number].copy()


@njit(cache=True, nogil=True, fastmath={"contract"})
def _subtract_product(target: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    """Subtract ``left @ right`` from the target."""
    m, w, k = target.shape[0], left.shape[1], target.shape[1]
    if m * w * k > _PRODUCTS_BY_BLAS:
        target -= np.dot(np.ascontiguousarray(left), np.ascontiguousarray(right))
        return
    for i in range(m):
        for q in range(w):
            share = left[i, q]
            if share != 0.0:
                for j in range(k):
                    target[i, j] -= share * right[q, j]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _subtract_narrow(target: np.ndarray, left: np.ndarray, turned: np.ndarray) -> None:
    """Subtract ``left @ turned.T`` from a target of few columns."""
    m, w, k = target.shape[0], left.shape[1], target.shape[1]
    if m * w * k > _PRODUCTS_BY_BLAS:
        target -= np.dot(np.ascontiguousarray(left), turned.T)
        return
    for i in range(m):
        for j in range(k):
            total = left[i, 0] * turned[j, 0]
            for q in range(1, w):
                total += left[i, q] * turned[j, q]
            target[i, j] -= total


@njit(cache=True, nogil=True, fastmath={"contract"})
def _eliminate(front: np.ndarray, w: int) -> tuple[float, float]:
    """Factorise the first columns of a front; return ``ln|det|`` of them and the least pivot."""
    total, smallest, f = 0.0, np.inf, front.shape[0]
    for first in range(0, w, _PANEL):
        last = min(first + _PANEL, w)
        for k in range(first, last):
            pivot = front[k, k]
            smallest = min(smallest, pivot.real)
            if not pivot.real > 0:
                return np.nan, smallest
            total += np.log(pivot.real)
            for i in range(k + 1, f):
                share = front[i, k] / pivot
                front[i, k] = share
                if share != 0.0:
                    for j in range(k + 1, f if i < last else last):
                        front[i, j] -= share * front[k, j]
        if last < f:
            _subtract_product(
                front[last:, last:], front[last:, first:last], front[first:last, last:]
            )
    return total, smallest


@njit(cache=True, nogil=True, fastmath={"contract"})
def factorize_fronts(
    fronts: np.ndarray,
    offsets: np.ndarray,
    widths: np.ndarray,
    sizes: np.ndarray,
    parents: np.ndarray,
    relative_starts: np.ndarray,
    relative: np.ndarray,
) -> tuple[float, float]:
    """Factorise in place; return ``ln|A|`` and the smallest pivot, or their real parts.

    Parameters
    ----------
    fronts : ndarray
        The entries of A in their fronts, zeros elsewhere.
    offsets, widths, sizes, parents : ndarray of int
        By supernode: the start of its front, its own columns, rows of the front, its parent or -1.
    relative_starts, relative : ndarray of int
        By supernode, the places of its other rows in the front of the parent.
    """
    total, smallest = 0.0, np.inf
    for s in range(len(widths)):
        w, f = widths[s], sizes[s]
        front = fronts[offsets[s] : offsets[s] + f * f].reshape(f, f)
        value, least = _eliminate(front, w)
        total += value
        smallest = min(smallest, least)
        if not least > 0:
            return np.nan, smallest
        if f == w:
            continue
        changed = front[w:, w:]
        places = relative[relative_starts[s] : relative_starts[s + 1]]
        start, wide = offsets[parents[s]], sizes[parents[s]]
        for a in range(f - w):
            row = start + places[a] * wide
            for b in range(f - w):
                fronts[row + places[b]] += changed[a, b]
    return total, smallest


@njit(cache=True, nogil=True, fastmath={"contract"})
def invert_fronts(
    fronts: np.ndarray,
    offsets: np.ndarray,
    widths: np.ndarray,
    sizes: np.ndarray,
    parents: np.ndarray,
    relative_starts: np.ndarray,
    relative: np.ndarray,
) -> None:
    """Replace the factors in the fronts by the cells of the inverse, from the roots down.

    With ``A = [L11 0; L21 I] [U11 U12; 0 S]`` the inverse of S is known from the parent, and

        Z_21 = -S^-1 L21 L11^-1,  Z_12 = -U11^-1 U12 S^-1,  Z_11 = U11^-1 L11^-1 - U11^-1 U12 Z_21

    (Erisman and Tinney 1975, by blocks). Arguments as in `factorize_fronts`.
    """
    for s in range(len(widths) - 1, -1, -1):
        w, f = widths[s], sizes[s]
        front = fronts[offsets[s] : offsets[s] + f * f].reshape(f, f)
        if f > w:
            places = relative[relative_starts[s] : relative_starts[s + 1]]
            start, wide = offsets[parents[s]], sizes[parents[s]]
            for a in range(f - w):
                row = start + places[a] * wide
                for b in range(f - w):
                    front[w + a, w + b] = fronts[row + places[b]]
        # Y = U11^-1 [L11^-1, U12], by rows, with L11^-1 by rows before.
        own = np.zeros((w, f), dtype=front.dtype)
        for k in range(w):
            own[k, k] = 1.0
            for q in range(k):
                share = front[k, q]
                if share != 0.0:
                    for j in range(q + 1):
                        own[k, j] -= share * own[q, j]
        below = np.zeros((f - w, w), dtype=front.dtype)  # L21 L11^-1
        for i in range(f - w):
            for k in range(w):
                share = front[w + i, k]
                for j in range(k + 1):
                    below[i, j] += share * own[k, j]
        own[:, w:] = front[:w, w:]
        for k in range(w - 1, -1, -1):
            for q in range(k + 1, w):
                share = front[k, q]
                if share != 0.0:
                    for j in range(f):
                        own[k, j] -= share * own[q, j]
            for j in range(f):
                own[k, j] /= front[k, k]
        known = front[w:, w:]
        front[w:, :w] = 0.0
        _subtract_narrow(front[w:, :w], known, np.ascontiguousarray(below.T))
        front[:w, w:] = 0.0
        _subtract_product(front[:w, w:], own[:, w:], known)
        front[:w, :w] = own[:, :w]
        _subtract_product(front[:w, :w], own[:, w:], front[w:, :w])


@njit(cache=True, nogil=True, fastmath={"contract"})
def solve_down(
    x: np.ndarray,
    fronts: np.ndarray,
    system: tuple[np.ndarray, ...],
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
    turned: bool,
) -> None:
    """Replace x by ``L^-1 x``, or by ``U'^-1 x``.

    Parameters
    ----------
    x : ndarray
        In the order of elimination, shape (n, m).
    fronts : ndarray
        After `factorize_fronts`.
    system : tuple of ndarray
        Its ``offsets``, ``widths`` and ``sizes``.
    rows : tuple of ndarray
        By supernode, its first column and the start of its other rows; and these rows.
    turned : bool
        Whether the transposed factor U is meant.
    """
    offsets, widths, sizes = system
    first, tail_starts, tails = rows
    m = x.shape[1]
    for s in range(len(widths)):
        w, f, own = widths[s], sizes[s], first[s]
        front = fronts[offsets[s] : offsets[s] + f * f]
        down, across = (1, f) if turned else (f, 1)
        for k in range(w):
            for q in range(k):
                share = front[k * down + q * across]
                for c in range(m):
                    x[own + k, c] -= share * x[own + q, c]
            if turned:
                for c in range(m):
                    x[own + k, c] /= front[k * (f + 1)]
        for a in range(f - w):
            row = tails[tail_starts[s] + a]
            for k in range(w):
                share = front[(w + a) * down + k * across]
                for c in range(m):
                    x[row, c] -= share * x[own + k, c]


@njit(cache=True, nogil=True, fastmath={"contract"})
def solve_up(
    x: np.ndarray,
    fronts: np.ndarray,
    system: tuple[np.ndarray, ...],
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
    turned: bool,
) -> None:
    """Replace x by ``U^-1 x``, or by ``L'^-1 x``; arguments as in `solve_down`."""
    offsets, widths, sizes = system
    first, tail_starts, tails = rows
    m = x.shape[1]
    for s in range(len(widths) - 1, -1, -1):
        w, f, own = widths[s], sizes[s], first[s]
        front = fronts[offsets[s] : offsets[s] + f * f]
        down, across = (1, f) if turned else (f, 1)
        for k in range(w - 1, -1, -1):
            for a in range(f - w):
                row = tails[tail_starts[s] + a]
                share = front[k * down + (w + a) * across]
                for c in range(m):
                    x[own + k, c] -= share * x[row, c]
            for q in range(k + 1, w):
                share = front[k * down + q * across]
                for c in range(m):
                    x[own + k, c] -= share * x[own + q, c]
            if not turned:
                for c in range(m):
                    x[own + k, c] /= front[k * (f + 1)]
