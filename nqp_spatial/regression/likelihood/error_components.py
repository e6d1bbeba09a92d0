"""The likelihood of random unit effects with serial correlation, spatial or not.

With ``B = I - lam W_u``, ``e_t = psi e_(t-1) + v_t``, v iid (0, sigma2), and unit effects mu of
variance ``omega sigma2``, the errors of period t are ``u_t = B^-1 (mu + e_t)`` (Kapoor, Kelejian
and Prucha, "kkp") or ``u_t = mu + B^-1 e_t`` (Baltagi, Song and Koh, "bsk"). Let ``A = A(psi)`` be
the T x T inverse correlation matrix of e times ``1 - psi^2``, tridiagonal and quadratic in psi,
``g = 1'A 1``, ``k = omega g`` and U the n x T residuals. Then

    ln L = -(N/2) ln(2 pi sigma2) + T L_y(rho) + T L_u(lam) - ln|M| / 2 + (n/2) ln(1 - psi^2)
           - S / (2 sigma2),
    S = tr(B U A U'B') - (w'w - w'M^-1 w) / g,   w = B U A 1,

with ``M = (1 + k) I`` for "kkp" and ``M = I + k B B'`` for "bsk" (Baltagi, Song, Jung and Koh 2007,
after the transformation of Prais and Winsten). S is a quadratic form in the coefficients; its
matrix K is formed from cross products and one factorisation of M.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import scipy.linalg
from scipy import sparse
from scipy.sparse import linalg as sla

from nqp_spatial.regression.likelihood.factorization import factorize_system

__all__ = ["ErrorComponents", "Form", "fourth_order_slopes"]

# Units up to which M is dense, and the derivatives of its determinant are traces of its inverse.
_DENSE_UP_TO = 500
_STEP = 2e-3


@dataclass(frozen=True, eq=False)
class Form:
    """K and the terms of the determinants at one (lam, omega, psi).

    Attributes
    ----------
    matrix : ndarray
        K, shape (C, C).
    constant : float
        ``(n/2) ln(1 - psi^2) - ln|M| / 2``.
    slopes : tuple of ndarray
        Derivatives of K by lam, omega and psi; empty if not requested.
    constant_slopes : ndarray
        Derivatives of the constant, shape (3,).
    """

    matrix: np.ndarray
    constant: float
    slopes: tuple[np.ndarray, ...] = ()
    constant_slopes: np.ndarray | None = None


class ErrorComponents:
    """K(lam, omega, psi) of C columns.

    Parameters
    ----------
    columns : ndarray
        Shape (n, T, C).
    errors : csr_array or None
        W_u.
    is_spatial : bool
        Whether the unit effects are spatial as the errors are ("kkp").
    lagged : ndarray or None
        ``W_u`` times the columns.
    """

    def __init__(
        self,
        columns: np.ndarray,
        lagged: np.ndarray | None,
        errors: sparse.csr_array | None,
        *,
        is_spatial: bool,
    ) -> None:
        self.n, self.periods, _ = columns.shape
        self.errors = errors
        self.is_spatial = is_spatial or errors is None
        by_lam = [columns, np.zeros_like(columns) if lagged is None else -lagged]
        self._sums = [(part[:, 0] + part[:, -1], part[:, 1:-1].sum(axis=1)) for part in by_lam]
        # By powers of lam and of psi.
        self._grams = np.zeros((3, 3, columns.shape[2], columns.shape[2]))
        for i, left in enumerate(by_lam):
            for j, right in enumerate(by_lam):
                for power, gram in enumerate(_over_time(left, right)):
                    self._grams[i + j, power] += gram
        self._solver = lru_cache(maxsize=4)(self._build_solver)

    def average_weights(self, psi: float) -> tuple[np.ndarray, float]:
        """Return ``A 1``, shape (T,), and ``g = 1'A 1``."""
        weights = np.full(self.periods, (1 - psi) ** 2)
        weights[[0, -1]] = 1 - psi
        return weights, float(weights.sum())

    def at(self, lam: float, omega: float, psi: float, *, slopes: bool = False) -> Form:
        """Return K and the constant, with their derivatives if requested."""
        lam_powers, psi_powers = np.array([1.0, lam, lam**2]), np.array([1.0, psi, psi**2])
        _, g = self.average_weights(psi)
        w = self._averages(lam, (1 - psi, (1 - psi) ** 2))
        m = self._solver(lam, omega * g)
        a = m.solve(w)
        gap = w.T @ w - w.T @ a
        matrix = np.einsum("i,j,ijkl->kl", lam_powers, psi_powers, self._grams) - gap / g
        constant = self.n / 2 * np.log1p(-(psi**2)) - m.logdet / 2
        form = Form((matrix + matrix.T) / 2, float(constant))
        if not slopes:
            return form
        g1 = -2 - 2 * (self.periods - 2) * (1 - psi)
        w_u = None if self.is_spatial else self.errors
        filtered = a if w_u is None else a - lam * (w_u.T @ a)  # a, or B'a
        inner = filtered.T @ filtered
        by_lam = np.einsum("i,j,ijkl->kl", [0.0, 1.0, 2 * lam], psi_powers, self._grams)
        by_psi = np.einsum("i,j,ijkl->kl", lam_powers, [0.0, 1.0, 2 * psi], self._grams)
        w_lam = self._averages(1.0, (1 - psi, (1 - psi) ** 2)) - self._averages(
            0.0, (1 - psi, (1 - psi) ** 2)
        )
        w_psi = self._averages(lam, (-1.0, -2 * (1 - psi)))
        moved = _twice(w_lam.T @ (w - a))
        if w_u is not None:
            moved -= omega * g * _twice((w_u.T @ a).T @ filtered)
        by_psi = by_psi + g1 / g**2 * gap
        by_psi = by_psi - (_twice(w_psi.T @ (w - a)) + omega * g1 * inner) / g
        slope_lam, slope_k = m.slopes
        constants = np.array(
            [
                -slope_lam / 2,
                -slope_k * g / 2,
                -slope_k * omega * g1 / 2 - self.n * psi / (1 - psi**2),
            ]
        )
        return replace(form, slopes=(by_lam - moved / g, -inner, by_psi), constant_slopes=constants)

    def effects(self, residuals: np.ndarray, lam: float, omega: float, psi: float) -> np.ndarray:
        """Return predictions of the unit effects from residuals U, shape (n, T).

        Of ``B mu`` where the effects are not spatial, of mu otherwise.
        """
        weights, g = self.average_weights(psi)
        average = residuals @ weights
        if self.errors is not None:
            average = average - lam * (self.errors @ average)
        a = omega * self._solver(lam, omega * g).solve(average)
        if self.is_spatial or self.errors is None:
            return np.asarray(a)
        return np.asarray(a - lam * (self.errors.T @ a))

    def _averages(self, lam: float, weights: tuple[float, float]) -> np.ndarray:
        """Return ``B U a`` for the columns, a with one weight at the ends and one inside."""
        plain, by_lam = (weights[0] * ends + weights[1] * middle for ends, middle in self._sums)
        return np.asarray(plain + lam * by_lam)

    def _build_solver(self, lam: float, k: float) -> _Scaled | _Dense | _Sparse:
        if self.is_spatial or self.errors is None:
            return _Scaled(self.n, k)
        if self.n <= _DENSE_UP_TO:
            return _Dense(self.errors.toarray(), lam, k)
        return _Sparse(self.errors, lam, k)


def _over_time(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return ``tr(X A Y')`` of each pair of columns by powers of psi."""
    size = left.shape[2]

    def gram(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(x.reshape(-1, size).T @ y.reshape(-1, size))

    beside = gram(left[:, 1:], right[:, :-1]) + gram(left[:, :-1], right[:, 1:])
    return gram(left, right), -beside, gram(left[:, 1:-1], right[:, 1:-1])


def _twice(matrix: np.ndarray) -> np.ndarray:
    return np.asarray(matrix + matrix.T)


@dataclass(frozen=True)
class _Scaled:
    """``M = (1 + k) I``."""

    n: int
    k: float

    @property
    def logdet(self) -> float:
        return float(self.n * np.log1p(self.k))

    @property
    def slopes(self) -> tuple[float, float]:
        return 0.0, self.n / (1 + self.k)

    def solve(self, x: np.ndarray) -> np.ndarray:
        return x / (1 + self.k)


@dataclass(frozen=True, eq=False)
class _Dense:
    """``M = I + k B B'`` by a dense factorisation."""

    errors: np.ndarray
    lam: float
    k: float

    @cached_property
    def factor(self) -> tuple[np.ndarray, bool]:
        b = np.eye(len(self.errors)) - self.lam * self.errors
        factor = scipy.linalg.cho_factor(np.eye(len(b)) + self.k * b @ b.T, check_finite=False)
        return factor[0], bool(factor[1])

    @property
    def logdet(self) -> float:
        return float(2 * np.log(np.diag(self.factor[0])).sum())

    @cached_property
    def slopes(self) -> tuple[float, float]:
        """Return the derivatives of the log-determinant by lam and k."""
        n = len(self.errors)
        b = np.eye(n) - self.lam * self.errors
        solved = scipy.linalg.cho_solve(self.factor, b, check_finite=False)  # M^-1 B
        by_lam = -2 * self.k * float((solved * self.errors).sum())
        return by_lam, float((solved * b).sum())

    def solve(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.linalg.cho_solve(self.factor, x, check_finite=False))


@dataclass(frozen=True, eq=False)
class _Sparse:
    """``M = I + k B B'`` by a sparse factorisation; derivatives by differences of fourth order."""

    errors: sparse.csr_array
    lam: float
    k: float

    def _factor(self, lam: float, k: float) -> sla.SuperLU:
        eye = sparse.eye_array(self.errors.shape[0], format="csr")
        b = eye - lam * self.errors
        return factorize_system(sparse.csc_array(eye + k * (b @ b.T)))

    @cached_property
    def factor(self) -> sla.SuperLU:
        return self._factor(self.lam, self.k)

    @property
    def logdet(self) -> float:
        return float(np.log(np.abs(self.factor.U.diagonal())).sum())

    @cached_property
    def slopes(self) -> tuple[float, float]:
        def value(at: np.ndarray) -> np.ndarray:
            diagonal = np.abs(self._factor(at[0], at[1]).U.diagonal())
            return np.asarray(np.log(diagonal).sum(keepdims=True))

        steps = np.array([_STEP, _STEP * max(self.k, 1e-2)])
        by_lam, by_k = fourth_order_slopes(value, np.array([self.lam, self.k]), steps)
        return float(by_lam[0]), float(by_k[0])

    def solve(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.factor.solve(np.asarray(x, order="F")))


def fourth_order_slopes(
    function: Callable[[np.ndarray], np.ndarray], at: np.ndarray, steps: np.ndarray
) -> list[np.ndarray]:
    """Return the derivatives of an array by each coordinate, by differences of fourth order."""
    result = []
    for position, size in enumerate(steps):
        step = np.zeros(len(at))
        step[position] = size
        near = function(at + step) - function(at - step)
        far = function(at + 2 * step) - function(at - 2 * step)
        result.append(np.asarray((8 * near - far) / (12 * size)))
    return result
