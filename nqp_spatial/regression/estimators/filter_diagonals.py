"""Diagonals of ``F = B G B^-1``, ``H = W_u B^-1`` and their derivatives by rho and lam.

``A = I - rho W_y``, ``B = I - lam W_u``, ``G = W_y A^-1``. The derivatives of the matrices are
``dF/drho = F F``, ``dF/dlam = F H - H F`` and ``dH/dlam = H H``. With period effects the diagonals
are those of ``J F`` and ``J H``, where J subtracts the mean over units.

Up to `DENSE_DIAGONALS_UP_TO` units the matrices are formed. Beyond, where F and H are functions of
one W, their diagonals are sums of entries of a sparse inverse (`selected_inverse`). Where that is
too much work, the diagonal of a matrix K is estimated by the mean of ``z * (K z)`` over random
signs z (Bekas, Kokiopoulou and Saad 2007, Applied Numerical Mathematics 57); of one W, the
diagonals of the first powers are exact, and probes serve only for the last term of
``G = W + rho W^2 + rho^2 W^3 + rho^3 W^4 + rho^4 W^4 G``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.covariance.information import FilterPair
from nqp_spatial.regression.likelihood.selected_inverse import spill_diagonals_and_slopes
from nqp_spatial.regression.likelihood.sizes import (
    DENSE_DIAGONALS_UP_TO,
    PROBES,
    SQUARED_LINKS_UP_TO,
    probe_signs,
)
from nqp_spatial.regression.spec import RegressionSpec

__all__ = ["DiagonalSource", "Diagonals", "filter_pair"]

_POWERS = 4  # of W whose diagonals are exact
_NEAR = 1e-8  # distance at which a series at the point before has no error but rounding


@dataclass(frozen=True, eq=False)
class Diagonals:
    """Diagonals of F and H, or of J F and J H, at one rho and lam.

    Attributes
    ----------
    values, by_rho, by_lam : ndarray
        The diagonals and their derivatives, shape (n, 2); zeros where the model has no such term.
    probes : ndarray or None
        The estimates of ``values`` by probe, shape (probes, n, 2); None where they are exact.
    """

    values: np.ndarray
    by_rho: np.ndarray
    by_lam: np.ndarray
    probes: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class _Series:
    """The diagonal of G and its derivative, at one x and next to it."""

    x: float
    values: np.ndarray
    slopes: np.ndarray

    def at(self, x: float, other: _Series) -> tuple[np.ndarray, np.ndarray]:
        """Return both at a near x, with the change of the derivative since another point."""
        step = x - self.x
        if not step:
            return self.values, self.slopes
        bend = (self.slopes - other.slopes) / (self.x - other.x)
        return self.values + step * self.slopes, self.slopes + step * bend


def filter_pair(terms: TermWeights, at: np.ndarray, spec: RegressionSpec) -> FilterPair:
    """Return products with F and H at (rho, lam)."""
    matrices = (terms.matrices_y, terms.matrix_u)
    return FilterPair(matrices, (at[:1], float(at[1])), spec)


class DiagonalSource:
    """Diagonals at any rho and lam, exact for few units, with fixed probes for many.

    Parameters
    ----------
    terms : TermWeights
        One W for each term.
    spec : RegressionSpec
    n : int
        Number of units.
    seed : int, optional
        Seed of the probes.
    """

    def __init__(self, terms: TermWeights, spec: RegressionSpec, n: int, seed: int | None) -> None:
        self.terms, self.spec, self.n = terms, spec, n
        self.exact = n <= DENSE_DIAGONALS_UP_TO
        self._seed = seed
        weights = [w for w in (terms.weights_y, terms.weights_u) if w is not None]
        is_one = all(w is weights[0] for w in weights)
        self._matrix = weights[0].sparse if is_one else None
        self._has_selected = not self.exact and is_one
        self._before: dict[int, list[_Series]] = {0: [], 1: []}  # of rho and lam

    @cached_property
    def signs(self) -> np.ndarray:
        """The probes, shape (n, probes)."""
        return probe_signs(self.n, PROBES, self._seed)

    @cached_property
    def powers(self) -> np.ndarray | None:
        """Diagonals of the first powers of W; None where F and H have several."""
        return None if self._matrix is None else _diagonals_of_powers(self._matrix)

    @cached_property
    def image(self) -> np.ndarray:
        """W^4 z."""
        image = self.signs
        for _ in range(_POWERS):
            image = np.asarray(self._matrix @ image)
        return image

    def at(self, pair: FilterPair, point: np.ndarray) -> Diagonals:
        """Return the diagonals at (rho, lam)."""
        if self.exact:
            return self._dense(pair)
        diagonals = self._by_selected_entries(point) if self._has_selected else None
        if diagonals is None:
            self._has_selected = False
            by_powers = self.powers is not None
            diagonals = self._by_powers(pair, point) if by_powers else self._by_probes(pair)
        if not self.spec.sweeps_periods:
            return diagonals
        ones = np.ones((self.n, 1))
        f, h = (pair.times(which, ones, transposed=True) for which in (0, 1))
        ff, hh = pair.times(0, f, transposed=True), pair.times(1, h, transposed=True)
        fh, hf = pair.times(1, f, transposed=True), pair.times(0, h, transposed=True)
        return Diagonals(
            diagonals.values - np.hstack([f, h]) / self.n,
            diagonals.by_rho - np.hstack([ff, 0 * h]) / self.n,
            diagonals.by_lam - np.hstack([fh - hf, hh]) / self.n,
            diagonals.probes,
        )

    def _dense(self, pair: FilterPair) -> Diagonals:
        f, h = (pair.times(which, np.eye(self.n)) for which in (0, 1))
        f_left, h_left = f, h
        if self.spec.sweeps_periods:
            f_left, h_left = f - f.mean(axis=0), h - h.mean(axis=0)
        nothing = np.zeros(self.n)
        mixed = _product_diagonal(f_left, h) - _product_diagonal(h_left, f)
        return Diagonals(
            np.column_stack([np.diag(f_left), np.diag(h_left)]),
            np.column_stack([_product_diagonal(f_left, f), nothing]),
            np.column_stack([mixed, _product_diagonal(h_left, h)]),
        )

    def _by_selected_entries(self, point: np.ndarray) -> Diagonals | None:
        """F = G and H are the same function of one W: exact, if its factor is sparse enough."""
        assert self._matrix is not None
        values, slopes = np.zeros((self.n, 2)), np.zeros((self.n, 2))
        for which in self._active():
            x, before = float(point[which]), self._before[which]
            is_near = len(before) == 2 and abs(x - before[1].x) < _NEAR
            if not is_near and not (before and x == before[-1].x):
                pair = spill_diagonals_and_slopes(self._matrix, x)
                if pair is None:
                    return None
                self._before[which] = before = [*before[-1:], _Series(x, *pair)]
            values[:, which], slopes[:, which] = before[-1].at(x, before[0])
        return Diagonals(values, slopes * [1, 0], slopes * [0, 1])

    def _by_probes(self, pair: FilterPair) -> Diagonals:
        z = self.signs
        f, h = pair.times(0, z), pair.times(1, z)
        mixed = pair.times(0, h) - pair.times(1, f)
        probes = np.stack([(z * f).T, (z * h).T], axis=2)
        by_rho = np.column_stack([(z * pair.times(0, f)).mean(axis=1), np.zeros(self.n)])
        by_lam = np.column_stack([(z * mixed).mean(axis=1), (z * pair.times(1, h)).mean(axis=1)])
        return Diagonals(probes.mean(axis=0), by_rho, by_lam, probes)

    def _by_powers(self, pair: FilterPair, point: np.ndarray) -> Diagonals:
        """F = G and H are the same function of one W, at rho and at lam."""
        values: list[np.ndarray] = []
        slopes: list[np.ndarray] = []
        probes: list[np.ndarray] = []
        for which, x in enumerate(point):
            if which not in self._active():
                zero = np.zeros(self.n)
                values, slopes = [*values, zero], [*slopes, zero]
                probes.append(np.zeros((self.n, PROBES)))
                continue
            last = pair.times(which, self.image)
            slope = _POWERS * x ** (_POWERS - 1) * last + x**_POWERS * pair.times(which, last)
            orders = np.arange(_POWERS)
            exact = self.powers @ x ** orders.astype(float)
            steps = np.concatenate([[0.0], orders[1:] * x ** orders[:-1].astype(float)])
            probes.append(exact[:, None] + x**_POWERS * self.signs * last)
            values.append(probes[-1].mean(axis=1))
            slopes.append(self.powers @ steps + (self.signs * slope).mean(axis=1))
        zero = np.zeros(self.n)
        return Diagonals(
            np.column_stack(values),
            np.column_stack([slopes[0], zero]),
            np.column_stack([zero, slopes[1]]),
            np.stack([probes[0].T, probes[1].T], axis=2),
        )

    def _active(self) -> list[int]:
        return [0] * self.spec.has_rho + [1] * self.spec.has_lam


def _product_diagonal(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the diagonal of a product."""
    return np.asarray(np.einsum("ij,ji->i", left, right))


def _diagonals_of_powers(matrix: sparse.csr_array) -> np.ndarray | None:
    """Return the diagonals of W, W^2, W^3, W^4, shape (n, 4); None if W^2 has too many links."""
    n = matrix.shape[0]
    if matrix.nnz * matrix.nnz / n > SQUARED_LINKS_UP_TO:
        return None
    square = sparse.csr_array(matrix @ matrix)
    return np.column_stack(
        [
            matrix.diagonal(),
            square.diagonal(),
            square.multiply(matrix.T).sum(axis=1),
            square.multiply(square.T).sum(axis=1),
        ]
    )
