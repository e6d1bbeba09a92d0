"""``ln|I - rho W|`` for thousands of weighted sums W of a few candidate matrices.

A weighted sum ``W = sum_k g_k W_k`` has the traces ``tr W^p = sum g_a g_b ... tr(W_a W_b ...)``, so
that tables of products of the candidates give ``tr W, ..., tr W^4`` of every sum exactly. With x =
r rho, r the spectral radius,

    ln|I - rho W| = ln(1 - x) - sum_(p <= 4) x^p m_p / p + x^5 h(x),   m_p = tr (W / r)^p - 1,

where h is smooth and is interpolated between factorisations in ``tanh(u / 2)``, u = artanh x: there
the singularities 1 / eigenvalue lie on the unit circle where eigenvalues are real, and polynomials
do not run away at the ends of the interval. The first two terms alone are the approximation of
order four of Pace and LeSage; it is biased at large rho. Few sums of few units have all
eigenvalues.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse

from nqp_spatial.regression.likelihood.factorization import factorize, logdet_of

__all__ = ["Determinants", "EigenDeterminants", "MixedDeterminants", "moment_tables"]

_ORDER = 4
# Dense factorisations are faster than sparse ones below this size, and where links are many.
_DENSE_UP_TO, _SPARSE_BELOW = 1000, 0.05
_AT_ONCE = 4_000_000  # numbers in a batch of dense matrices (32 MB)
_PRODUCTS_DENSE_FROM = 0.15
_BEYOND = 0.25  # of the distance between the outermost nodes
_EIGENVALUES = 120_000  # of all sums together


@dataclass(frozen=True, eq=False)
class MomentTables:
    """Traces of products of candidates; pairs (a, b) with a <= b hold both orders.

    Attributes
    ----------
    first : ndarray
        ``tr W_a``, shape (m,).
    second : ndarray
        ``tr W_a W_b``, shape (m, m).
    third, fourth : ndarray
        Traces of a pair times a matrix and times a pair, shapes (pairs, m) and (pairs, pairs).
    """

    first: np.ndarray
    second: np.ndarray
    third: np.ndarray
    fourth: np.ndarray

    def moments(self, shares: np.ndarray) -> np.ndarray:
        """Return tr W, ..., tr W^4 of sums with the shares (sums, m), shape (sums, 4)."""
        first, second = np.triu_indices(shares.shape[1])
        pairs = shares[:, first] * shares[:, second]
        return np.column_stack(
            [
                shares @ self.first,
                np.einsum("sa,ab,sb->s", shares, self.second, shares, optimize=True),
                ((pairs @ self.third) * shares).sum(axis=1),
                ((pairs @ self.fourth) * pairs).sum(axis=1),
            ]
        )


def moment_tables(matrices: Sequence[sparse.csr_array]) -> MomentTables:
    """Return the tables of traces; products are formed by blocks of rows, so that memory is small.

    Parameters
    ----------
    matrices : sequence of csr_array
        Candidates, each shape (n, n).

    Examples
    --------
    >>> swap = sparse.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> moment_tables([swap, swap]).moments(np.array([[0.5, 0.5]])).tolist()
    [[0.0, 2.0, 0.0, 2.0]]
    """
    m, n = len(matrices), matrices[0].shape[0]
    dense = max(w.nnz for w in matrices) > _PRODUCTS_DENSE_FROM * n**2
    left = [w.toarray() if dense else w for w in matrices]
    right = [np.ascontiguousarray(w.T) if dense else sparse.csr_array(w.T) for w in left]
    pairs = [(a, b) for a in range(m) for b in range(a, m)]
    second, third = np.zeros((m, m)), np.zeros((len(pairs), m))
    fourth = np.zeros((len(pairs), len(pairs)))
    step = max(1, int(_AT_ONCE / (n * len(pairs))))
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        own, turned = _rows(left, rows), _rows(right, rows)
        second += own @ turned.T
        products = _pair_products(left, pairs, rows)
        third += products @ turned.T
        fourth += products @ _pair_products(right, pairs, rows).T
    return MomentTables(np.array([w.diagonal().sum() for w in matrices]), second, third, fourth)


def _rows(matrices: Sequence[np.ndarray | sparse.csr_array], rows: slice) -> np.ndarray:
    """Return the rows of each matrix as one line, shape (m, rows n)."""
    return np.stack([_dense(w[rows]).ravel() for w in matrices])


def _pair_products(
    matrices: Sequence[np.ndarray | sparse.csr_array], pairs: Sequence[tuple[int, int]], rows: slice
) -> np.ndarray:
    """Return the rows of ``W_a W_b + W_b W_a`` (of ``W_a W_a``), one line per pair."""
    lines = []
    for a, b in pairs:
        product = _dense(matrices[a][rows] @ matrices[b])
        if a != b:
            product = product + _dense(matrices[b][rows] @ matrices[a])
        lines.append(product.ravel())
    return np.stack(lines)


def _dense(block: np.ndarray | sparse.csr_array) -> np.ndarray:
    return block if isinstance(block, np.ndarray) else np.asarray(block.toarray())


class EigenDeterminants:
    """``ln|I - rho W_S|`` from all eigenvalues of each sum: exact, for few sums of few units.

    Parameters
    ----------
    matrices, shares, radii
        As in `MixedDeterminants`.
    """

    #: Nothing is interpolated.
    exact = True

    def __init__(
        self, matrices: Sequence[sparse.csr_array], shares: np.ndarray, radii: np.ndarray
    ) -> None:
        n = matrices[0].shape[0]
        self.shares, self.radii = shares, radii
        stack = np.stack([w.toarray().ravel() for w in matrices])
        step = max(1, _AT_ONCE // n**2)
        self.eigenvalues = np.concatenate(
            [
                np.linalg.eigvals((shares[start : start + step] @ stack).reshape(-1, n, n))
                for start in range(0, len(shares), step)
            ]
        )

    @staticmethod
    def suits(sums: int, n: int) -> bool:
        """Whether all eigenvalues cost less than a dozen seconds."""
        return sums * n <= _EIGENVALUES and sums * n**3 <= _EIGENVALUES * 300**2

    def value(self, sums: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return ``ln|I - rho W|`` of each of the sums at points u, both shape (sums, points)."""
        rho = np.tanh(u) / self.radii[sums][:, None]
        total = np.empty_like(u)
        step = max(1, _AT_ONCE // (u.shape[1] * self.eigenvalues.shape[1]))
        for start in range(0, len(sums), step):
            part = slice(start, start + step)
            values = self.eigenvalues[sums[part]][:, None, :]
            total[part] = np.log(np.abs(1 - rho[part, :, None] * values)).sum(axis=2)
        return total

    def derivative(self, sums: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return the derivatives by rho."""
        rho = np.tanh(u) / self.radii[sums][:, None]
        values = self.eigenvalues[sums][:, None, :]
        return -np.asarray((values / (1 - rho[:, :, None] * values)).sum(axis=2).real)


class MixedDeterminants:
    """``ln|I - rho W_S|`` of many sums W_S, each interpolated between its own factorisations.

    Parameters
    ----------
    matrices : sequence of csr_array
        Candidates.
    shares : ndarray
        Weights of the candidates in each sum, shape (sums, m).
    radii : ndarray
        Spectral radius of each sum.
    nonnegative : bool
        Whether no weight is negative, so that the radius is itself an eigenvalue.
    n_jobs : int
        Threads.
    """

    exact = False

    def __init__(
        self,
        matrices: Sequence[sparse.csr_array],
        shares: np.ndarray,
        radii: np.ndarray,
        *,
        nonnegative: bool,
        n_jobs: int = 1,
    ) -> None:
        self.matrices, self.shares, self.radii, self.n_jobs = matrices, shares, radii, n_jobs
        self.root = float(nonnegative)
        powers = np.arange(1, _ORDER + 1)
        moments = moment_tables(matrices).moments(shares) / radii[:, None] ** powers
        self.terms = (moments - self.root) / powers  # m_p / p
        self.nodes = np.zeros((len(shares), 0))
        self.differences = np.zeros((len(shares), 0))  # Newton's divided differences of h
        n = matrices[0].shape[0]
        links = sum(abs(w) for w in matrices).nnz
        self._stack: np.ndarray | None = None
        if n <= _DENSE_UP_TO or links > _SPARSE_BELOW * n**2:
            self._stack = np.stack([w.toarray().ravel() for w in matrices])

    def add_nodes(self, sums: np.ndarray, u: np.ndarray) -> None:
        """Factorise each of the sums at one more point u = artanh(r rho)."""
        x = np.tanh(u)
        exact = self.factorised(sums, x / self.radii[sums])
        height = (exact - self._known(sums, x[:, None])[0][:, 0]) / x ** (_ORDER + 1)
        count = int((~np.isnan(self.nodes[sums[0]])).sum()) if self.nodes.shape[1] else 0
        if count == self.nodes.shape[1]:
            empty = np.full((len(self.shares), 1), np.nan)
            self.nodes = np.hstack([self.nodes, empty])
            self.differences = np.hstack([self.differences, empty])
        v = np.tanh(u / 2)
        for place in range(count):
            gap = v - self.nodes[sums, place]
            height = (height - self.differences[sums, place]) / gap
        self.nodes[sums, count], self.differences[sums, count] = v, height

    def factorised(self, sums: np.ndarray, rho: np.ndarray) -> np.ndarray:
        """Return ``ln|I - rho W|`` by one factorisation for each of the sums."""
        n = self.matrices[0].shape[0]
        step = max(1, min(64, _AT_ONCE // n**2))
        batches = [slice(start, start + step) for start in range(0, len(sums), step)]
        values = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(self._batch)(self.shares[sums[part]], rho[part]) for part in batches
        )
        return np.concatenate(values)

    def _batch(self, shares: np.ndarray, rho: np.ndarray) -> np.ndarray:
        n = self.matrices[0].shape[0]
        if self._stack is None:
            return np.array([self._sparse(g, float(x)) for g, x in zip(shares, rho, strict=True)])
        systems = -(shares * rho[:, None]) @ self._stack
        systems[:, :: n + 1] += 1
        return np.asarray(np.linalg.slogdet(systems.reshape(-1, n, n))[1])

    def _sparse(self, shares: np.ndarray, rho: float) -> float:
        return logdet_of(factorize(self.mixed(shares), rho))

    def mixed(self, shares: np.ndarray) -> sparse.csr_array:
        """Return the weighted sum of the candidates."""
        parts = [g * w for g, w in zip(shares, self.matrices, strict=True) if g]
        return sparse.csr_array(sum(parts[1:], parts[0]))

    def value(self, sums: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return ``ln|I - rho W|`` of each of the sums at points u, both shape (sums, points)."""
        x = np.tanh(u)
        return np.asarray(self._known(sums, x)[0] + x ** (_ORDER + 1) * self._newton(sums, u)[0])

    def derivative(self, sums: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return the derivatives by rho."""
        x, v = np.tanh(u), np.tanh(u / 2)
        height, slope = self._newton(sums, u)
        slope = slope * (1 - v**2) / 2 / (1 - x**2)
        rest = (_ORDER + 1) * x**_ORDER * height + x ** (_ORDER + 1) * slope
        return np.asarray(self.radii[sums][:, None] * (self._known(sums, x)[1] + rest))

    def _known(self, sums: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the terms from exact moments and their derivatives by x."""
        value, slope = self.root * np.log1p(-x), -self.root / (1 - x)
        for place in range(_ORDER):
            term = self.terms[sums, place][:, None]
            value = value - term * x ** (place + 1)
            slope = slope - (place + 1) * term * x**place
        return value, slope

    def _newton(self, sums: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return h and its derivative by v = tanh(u / 2); sums with fewer nodes have fewer terms.

        Far beyond the outermost nodes h is constant: a polynomial would run away there.
        """
        if not self.nodes.shape[1]:
            return np.zeros_like(u), np.zeros_like(u)
        low = np.nanmin(self.nodes[sums], axis=1)[:, None]
        high = np.nanmax(self.nodes[sums], axis=1)[:, None]
        low, high = low - _BEYOND * (high - low), high + _BEYOND * (high - low)
        free = np.tanh(u / 2)
        v = np.clip(free, low, high)
        height, slope = np.zeros_like(u), np.zeros_like(u)
        differences = np.nan_to_num(self.differences[sums])
        nodes = np.nan_to_num(self.nodes[sums])
        for place in reversed(range(nodes.shape[1])):
            gap = v - nodes[:, place][:, None]
            slope = height + gap * slope
            height = differences[:, place][:, None] + gap * height
        return height, np.where(v == free, slope, 0.0)


Determinants = EigenDeterminants | MixedDeterminants
