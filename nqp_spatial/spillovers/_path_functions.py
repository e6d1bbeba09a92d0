"""Means of products of the effect matrices of two models, as smooth functions of both arguments.

With ``F_0 = (I - a W)^-1``, ``F_1 = F_0 V`` of the outcome's model and ``G_0 = (I - c W)^-1``,
``G_1 = G_0 V`` of the mediator's model, each product of effect matrices is a sum of F_f G_g. Five
means describe it: of the diagonal and of the row sums of the product, and three that tell by whose
mediator the effect runs, from the diagonals of F and G. They are computed at a few values of a and
of c and interpolated between them, so that no draw requires a matrix inverse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev
from scipy import sparse

from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.likelihood.factorization import DenseFactor, factorize
from nqp_spatial.regression.likelihood.log_determinant import LogDet
from nqp_spatial.regression.likelihood.sizes import (
    BLOCK,
    CROSS_PROBES,
    DENSE_LOGDET_UP_TO,
    probe_signs,
)

__all__ = ["MEANS", "PathFunctions"]

#: Mean diagonal of F G, mean row sum of F G, and means of ``F_ii G_ii``, ``F_ii (G 1)_i`` and
#: ``(F'1)_i G_ii``.
MEANS = ("diagonal", "row sum", "own own", "own row", "column own")

_ACCURACY = 3e-13  # relative accuracy that the interpolants aim at
_LEAST_HALF_WIDTH = 0.05  # of a window in u = artanh(r x): narrower ones amplify rounding
_STRIP = np.pi / 4  # distance of the nearest singularity from the real axis of u
_GROUPS = 10  # of probes, whose differences give the Monte Carlo error


class PathFunctions:
    """The five means of each product of F and G, on a window of both arguments.

    Parameters
    ----------
    outcome, mediator : TermWeights
        Weights of both models.
    windows : tuple of ndarray
        Values of a and of c that the windows contain.
    logdets : tuple of LogDet or None
        Log-determinants of the weights of both lags of y, whose intervals bound a and c.

    Notes
    -----
    Exact up to a certain number of units. Beyond it, diagonals and the mean diagonal of the product
    come from random probes, the same for all a and c, and `groups` are estimates from independent
    parts of them.
    """

    def __init__(
        self,
        outcome: TermWeights,
        mediator: TermWeights,
        windows: tuple[np.ndarray, np.ndarray],
        logdets: tuple[LogDet | None, LogDet | None],
    ) -> None:
        size = _size_of(outcome, mediator)
        self.is_exact = size <= DENSE_LOGDET_UP_TO
        self._axes = (
            _Axis.around(logdets[0], windows[0]),
            _Axis.around(logdets[1], windows[1]),
        )
        sides = (
            _Side(outcome, self._axes[0].points, size, self.is_exact),
            _Side(mediator, self._axes[1].points, size, self.is_exact),
        )
        tables = _exact_table(*sides)[None] if self.is_exact else _probe_tables(*sides)
        transforms = [axis.transform for axis in self._axes]
        self.groups = np.einsum("rfgqij,mi,nj->rfgqmn", tables, *transforms)
        self._coefs = self.groups.mean(axis=0)

    def values(self, a: np.ndarray, c: np.ndarray) -> np.ndarray:
        """Return the means at pairs of arguments, shape (pairs, 2, 2, 5)."""
        return self._summed(self._coefs, self._axes[0].basis(a), self._axes[1].basis(c))

    def derivatives(self, a: float, c: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivatives of the means with respect to a and to c, each shape (2, 2, 5)."""
        first, second = self._axes
        x, z = np.array([a]), np.array([c])
        return (
            self._summed(self._coefs, first.slopes(x), second.basis(z))[0],
            self._summed(self._coefs, first.basis(x), second.slopes(z))[0],
        )

    def group_values(self, a: float, c: float) -> np.ndarray:
        """Return the means by group of probes, shape (groups, 2, 2, 5)."""
        basis = [axis.basis(np.array([x])) for axis, x in zip(self._axes, (a, c), strict=True)]
        return np.concatenate([self._summed(coefs, *basis) for coefs in self.groups])

    @staticmethod
    def _summed(coefs: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.asarray(np.einsum("fgqmn,dm,dn->dfgq", coefs, left, right, optimize=True))


@dataclass(frozen=True, eq=False)
class _Axis:
    """A window of one argument and its Chebyshev polynomials in ``u = artanh(r x)``."""

    radius: float
    middle: float
    half: float
    count: int

    @classmethod
    def around(cls, logdet: LogDet | None, values: np.ndarray) -> _Axis:
        """Return the axis of a window; a single point where the model has no spatial lag of y."""
        if logdet is None:
            return cls(0.0, 0.0, 1.0, 1)
        radius = 1 / logdet.interval[1]
        ends = np.arctanh(radius * np.array([values.min(), values.max()]))
        half = max(float(np.ptp(ends)) / 2, _LEAST_HALF_WIDTH)
        ratio = _STRIP / half
        # Bernstein: the error falls like base^-degree.
        degree = -np.log(_ACCURACY) / np.log(ratio + np.sqrt(1 + ratio**2))
        return cls(radius, float(ends.mean()), half, int(np.ceil(degree)) + 2)

    @property
    def _nodes(self) -> np.ndarray:
        return np.asarray(chebyshev.chebpts1(self.count))

    @property
    def points(self) -> np.ndarray:
        """Values of the argument at which the functions are computed."""
        if self.count == 1:
            return np.zeros(1)
        return np.asarray(np.tanh(self.middle + self.half * self._nodes) / self.radius)

    @property
    def transform(self) -> np.ndarray:
        """Matrix that turns values at the points into coefficients of the polynomials."""
        matrix = 2 / self.count * chebyshev.chebvander(self._nodes, self.count - 1).T
        matrix[0] /= 2
        return np.asarray(matrix)

    def basis(self, x: np.ndarray) -> np.ndarray:
        """Return the polynomials, shape (len(x), count)."""
        if self.count == 1:
            return np.ones((len(x), 1))
        u = (np.arctanh(self.radius * x) - self.middle) / self.half
        return np.asarray(chebyshev.chebvander(u, self.count - 1))

    def slopes(self, x: np.ndarray) -> np.ndarray:
        """Return their derivatives with respect to x, shape (len(x), count)."""
        if self.count == 1:
            return np.zeros((len(x), 1))
        u = (np.arctanh(self.radius * x) - self.middle) / self.half
        by_u = chebyshev.chebvander(u, self.count - 2) @ chebyshev.chebder(np.eye(self.count))
        return np.asarray(by_u * (self.radius / (1 - (self.radius * x) ** 2) / self.half)[:, None])


class _Side:
    """``P_x = (I - x W)^-1`` and ``P_x V`` of one model at several x, applied to blocks."""

    def __init__(self, terms: TermWeights, points: np.ndarray, size: int, dense: bool) -> None:
        self.size, self.count, self.points = size, len(points), points
        self._lag = None if terms.weights_x is None else terms.weights_x.sparse
        factor = DenseFactor if dense else factorize
        w = None if terms.weights_y is None else terms.weights_y.sparse
        self._factors = [] if w is None else [factor(w, float(x)) for x in points]
        v, ahead = self._lag, [] if w is None else [w]
        #: Of P and of P V, the terms of at most second order in W and V: factors of each matrix;
        #: the power of x is the number of factors that are W.
        self.low_terms: tuple[list[list[sparse.csr_array]], list[list[sparse.csr_array]]] = (
            [[], *([ahead, ahead * 2] if ahead else [])],
            [] if v is None else [[v], *([[*ahead, v]] if ahead else [])],
        )

    def times(self, block: np.ndarray) -> np.ndarray:
        """Return P Z and P V Z, shape (2, points, n, columns)."""
        lagged = np.zeros_like(block) if self._lag is None else self._lag @ block
        if not self._factors:
            return np.stack([block, lagged])[:, None]
        columns = np.column_stack([block, lagged])
        images = np.stack([factor.solve(columns) for factor in self._factors])
        return np.stack(np.split(images, 2, axis=2))

    def transposed_times(self, block: np.ndarray) -> np.ndarray:
        """Return P' Z and V' P' Z, shape (2, points, n, columns)."""
        images = block[None]
        if self._factors:
            images = np.stack([factor.solve(block, trans="T") for factor in self._factors])
        if self._lag is None:
            return np.stack([images, np.zeros_like(images)])
        return np.stack([images, np.stack([self._lag.T @ image for image in images])])


def _trace(factors: list[sparse.csr_array], size: int) -> float:
    """Return the trace of a product of at most two matrices."""
    return float(_diagonal(factors, size).sum())


def _diagonal(factors: list[sparse.csr_array], size: int) -> np.ndarray:
    """Return the diagonal of a product of at most two matrices."""
    if not factors:
        return np.ones(size)
    if len(factors) == 1:
        return np.asarray(factors[0].diagonal())
    return np.asarray(factors[0].multiply(factors[1].T).sum(axis=1)).ravel()


def _power(factors: list[sparse.csr_array], lagged: int) -> int:
    return len(factors) - lagged


def _times(factors: list[sparse.csr_array], block: np.ndarray, *, transposed: bool) -> np.ndarray:
    """Return a product of matrices, or its transpose, times a block."""
    for factor in factors if transposed else factors[::-1]:
        block = np.asarray((factor.T if transposed else factor) @ block)
    return block


def _exact_table(outcome: _Side, mediator: _Side) -> np.ndarray:
    """Return the means at all pairs of points, shape (2, 2, 5, points of a, points of c)."""
    n = outcome.size
    shapes = (2, outcome.count, n), (2, mediator.count, n)
    diagonals = np.empty(shapes[0]), np.empty(shapes[1])
    products = np.zeros((2, 2, outcome.count, mediator.count))
    for start in range(0, n, BLOCK):
        columns = np.arange(start, min(start + BLOCK, n))
        block = np.zeros((n, len(columns)))
        block[columns, columns - start] = 1.0
        rows_f, columns_g = outcome.transposed_times(block), mediator.times(block)
        for diagonal, images in zip(diagonals, (rows_f, columns_g), strict=True):
            diagonal[:, :, columns] = images[:, :, columns, columns - start]
        products += _products(rows_f, columns_g)
    return _means(outcome, mediator, products / n, *diagonals)


def _probe_tables(outcome: _Side, mediator: _Side) -> np.ndarray:
    """Return the same from random probes, by group of them.

    Terms of low order in W are known exactly; the probes estimate what they leave.
    """
    n, per_group = outcome.size, CROSS_PROBES // _GROUPS
    tables = []
    for group in range(_GROUPS):
        signs = probe_signs(n, 2 * per_group, seed=group)
        first, second = signs[:, :per_group], signs[:, per_group:]
        rows_f, columns_g = outcome.transposed_times(first), mediator.times(first)
        # Diagonals of F and of G come from different probes, so that their products are unbiased.
        diagonal_f = (rows_f * first).mean(axis=3) + _known_diagonals(outcome, first)
        diagonal_g = (mediator.times(second) * second).mean(axis=3)
        diagonal_g = diagonal_g + _known_diagonals(mediator, second)
        products = _products(rows_f, columns_g) / (n * per_group)
        products = products + _known_products(outcome, mediator, first)
        tables.append(_means(outcome, mediator, products, diagonal_f, diagonal_g))
    return np.stack(tables)


def _known_diagonals(side: _Side, probes: np.ndarray) -> np.ndarray:
    """Return the errors of the diagonals of low-order terms by probes, shape (2, points, n)."""
    gaps = np.zeros((2, side.count, side.size))
    for lagged, terms in enumerate(side.low_terms):
        for factors in terms:
            estimate = (_times(factors, probes, transposed=False) * probes).mean(axis=1)
            gap = _diagonal(factors, side.size) - estimate
            gaps[lagged] += side.points[:, None] ** _power(factors, lagged) * gap
    return gaps


def _known_products(outcome: _Side, mediator: _Side, probes: np.ndarray) -> np.ndarray:
    """Return the errors of the traces of low-order products, over n, by points of a and c."""
    gaps = np.zeros((2, 2, outcome.count, mediator.count))
    pairs = [
        (f, left, g, right)
        for f in range(2)
        for left in outcome.low_terms[f]
        for g in range(2)
        for right in mediator.low_terms[g]
        if len(left) + len(right) <= 2
    ]
    for f, left, g, right in pairs:
        rows = _times(left, probes, transposed=True)
        columns = _times(right, probes, transposed=False)
        gap = (
            _trace([*left, *right], outcome.size) - float((rows * columns).sum()) / probes.shape[1]
        )
        powers = outcome.points ** _power(left, f), mediator.points ** _power(right, g)
        gaps[f, g] += np.outer(*powers) * gap / outcome.size
    return gaps


def _products(rows_f: np.ndarray, columns_g: np.ndarray) -> np.ndarray:
    """Return sums of the products of two blocks, shape (2, 2, points of a, points of c)."""
    left = rows_f.reshape(-1, rows_f.shape[2] * rows_f.shape[3])
    right = columns_g.reshape(-1, left.shape[1])
    table = (left @ right.T).reshape(2, rows_f.shape[1], 2, columns_g.shape[1])
    return np.asarray(table.transpose(0, 2, 1, 3))


def _means(
    outcome: _Side,
    mediator: _Side,
    products: np.ndarray,
    diagonal_f: np.ndarray,
    diagonal_g: np.ndarray,
) -> np.ndarray:
    ones = np.ones((outcome.size, 1))
    columns_f = outcome.transposed_times(ones)[..., 0]
    rows_g = mediator.times(ones)[..., 0]

    def mean(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.asarray(np.einsum("fin,gjn->fgij", left, right, optimize=True)) / outcome.size

    return np.stack(
        [
            products,
            mean(columns_f, rows_g),
            mean(diagonal_f, diagonal_g),
            mean(diagonal_f, rows_g),
            mean(columns_f, diagonal_g),
        ],
        axis=2,
    )


def _size_of(outcome: TermWeights, mediator: TermWeights) -> int:
    """Return the number of units; one where no model has weights."""
    weights = [*outcome.given, *mediator.given]
    return weights[0].n_units if weights else 1
