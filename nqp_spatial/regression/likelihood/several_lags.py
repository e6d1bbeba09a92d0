"""Log-determinant and likelihood of ``S(rho) = I - sum_k rho_k W_k``; see docs/spillovers.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse
from scipy.sparse import linalg as sla

from nqp_spatial.errors import BoundaryError, ConvergenceError
from nqp_spatial.weights._spectrum import spectral_radius

__all__ = ["DenseLags", "LagLikelihood", "Lags", "SparseLags", "Summit", "lags_of", "radius_of"]

DENSE_UP_TO = 700
_COMPLEX_STEP = 1e-30
_DIFFERENCE = 1e-6  # of gradients that are exact to rounding
_SAME_HILL = 0.02


class Lags(Protocol):
    """The matrices W_k, and what the likelihood needs of them."""

    @property
    def matrices(self) -> Sequence[sparse.csr_array]:
        """Return the W_k."""
        ...

    def value(self, rho: np.ndarray) -> float:
        """Return ``ln|S(rho)|``."""
        ...

    def derivatives(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient ``-tr G_k`` and Hessian ``-tr G_k G_l``."""
        ...


def lags_of(matrices: Sequence[sparse.csr_array]) -> Lags:
    """Return the form that serves the size."""
    if matrices and matrices[0].shape[0] <= DENSE_UP_TO:
        return DenseLags(matrices)
    return SparseLags(matrices)


def combined(matrices: Sequence[sparse.csr_array], rho: np.ndarray) -> sparse.csr_array:
    """Return ``sum_k rho_k W_k``."""
    total = matrices[0] * rho[0]
    for matrix, at in zip(matrices[1:], rho[1:], strict=True):
        total = total + matrix * at
    return sparse.csr_array(total)


def radius_of(matrices: Sequence[sparse.csr_array], rho: np.ndarray) -> float:
    """Return the spectral radius of ``sum_k rho_k W_k``, or an upper bound below one."""
    total = combined(matrices, rho)
    bound = float(np.asarray(abs(total).sum(axis=1)).max())
    return bound if bound < 1 else spectral_radius(total)


@dataclass(frozen=True, eq=False)
class DenseLags:
    """Some hundred units: one dense inverse gives all traces."""

    matrices: Sequence[sparse.csr_array]

    def value(self, rho: np.ndarray) -> float:
        """Return ``ln|S(rho)|``."""
        n = self.matrices[0].shape[0]
        sign, value = np.linalg.slogdet(np.eye(n) - combined(self.matrices, rho).toarray())
        return float(value) if sign > 0 else -np.inf

    def derivatives(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and Hessian from ``G_k = W_k S^-1``."""
        n = self.matrices[0].shape[0]
        inverse = np.linalg.inv(np.eye(n) - combined(self.matrices, rho).toarray())
        g = [matrix @ inverse for matrix in self.matrices]
        gradient = np.array([-np.trace(one) for one in g])
        hessian = np.array([[-np.einsum("ij,ji->", a, b) for b in g] for a in g])
        return gradient, hessian


@dataclass(frozen=True, eq=False)
class SparseLags:
    """Many units: sparse factorisations, of complex matrices for the gradient."""

    matrices: Sequence[sparse.csr_array]

    def _logdet(self, rho: np.ndarray) -> complex:
        n = self.matrices[0].shape[0]
        system = sparse.csc_matrix(sparse.eye_array(n) - combined(self.matrices, rho))
        factor = sla.splu(
            system,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=1e-3,
            options={"SymmetricMode": True},
        )
        # Inside the region the determinant is positive: its sign and the permutations' drop out,
        # and with them multiples of pi in the imaginary part.
        diagonal = factor.U.diagonal()
        imaginary = 0.0
        if np.iscomplexobj(diagonal):
            imaginary = float((diagonal.imag / diagonal.real).sum())
        return complex(np.log(np.abs(diagonal)).sum(), imaginary)

    def value(self, rho: np.ndarray) -> float:
        """Return ``ln|S(rho)|``."""
        return float(self._logdet(np.asarray(rho, dtype=float)).real)

    def _gradient(self, rho: np.ndarray) -> np.ndarray:
        steps = _COMPLEX_STEP * 1j * np.eye(len(rho))
        return np.array([self._logdet(rho + step).imag for step in steps]) / _COMPLEX_STEP

    def derivatives(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient by complex steps and the Hessian by differences of it."""
        here = self._gradient(rho)
        steps = _DIFFERENCE * np.eye(len(rho))
        hessian = np.array([(self._gradient(rho + step) - here) / _DIFFERENCE for step in steps])
        return here, (hessian + hessian.T) / 2


@dataclass(frozen=True)
class Summit:
    """Where the likelihood is largest.

    Attributes
    ----------
    rho : ndarray
    loglik : float
    iterations : int
        Newton steps of the climb that ended highest.
    slope : float
        Largest derivative left, times the standard error.
    hills : int
        How many different maxima the starts led to.
    """

    rho: np.ndarray
    loglik: float
    iterations: int
    slope: float
    hills: int


@dataclass(frozen=True, eq=False)
class LagLikelihood:
    """The log-likelihood as a function of rho alone.

    Attributes
    ----------
    lags : Lags
    cross : ndarray
        Cross products C of the residuals of y and of each W_k y, shape (K + 1, K + 1).
    copies : float
        m.
    observations : int
        N.
    """

    lags: Lags
    cross: np.ndarray
    copies: float
    observations: int

    def squares(self, rho: np.ndarray) -> float:
        """Return SSR."""
        v = np.concatenate([[1.0], -rho])
        return float(v @ self.cross @ v)

    def value(self, rho: np.ndarray) -> float:
        """Return the maximised log-likelihood at rho."""
        sigma2 = self.squares(rho) / self.observations
        constant = -self.observations / 2 * (np.log(2 * np.pi * sigma2) + 1)
        return float(self.copies * self.lags.value(rho) + constant)

    def derivatives(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and Hessian of `value`."""
        n, ssr = self.observations, self.squares(rho)
        first, second = self.lags.derivatives(rho)
        slope = -2 * (self.cross[1:, 0] - self.cross[1:, 1:] @ rho)
        bend = 2 * self.cross[1:, 1:]
        gradient = self.copies * first - n / 2 * slope / ssr
        hessian = self.copies * second - n / 2 * (bend / ssr - np.outer(slope, slope) / ssr**2)
        return gradient, hessian

    def maximize(self, starts: Sequence[np.ndarray]) -> Summit:
        """Climb from every start by Newton steps that stay in the admissible region.

        Raises
        ------
        BoundaryError
            If the likelihood rises up to the edge of the region from every start.
        """
        found: list[Summit] = []
        failed: Exception | None = None
        for start in starts:
            try:
                found.append(self._climb(start, found))
            except (BoundaryError, ConvergenceError) as error:
                failed = error
        if not found:
            assert failed is not None
            raise failed
        best = max(found, key=lambda summit: summit.loglik)
        different: list[Summit] = []
        for one in found:
            if all(np.abs(one.rho - other.rho).max() > 1e-4 for other in different):
                different.append(one)
        hills = len(different)
        return Summit(best.rho, best.loglik, best.iterations, best.slope, hills)

    def _climb(self, start: np.ndarray, known: Sequence[Summit]) -> Summit:
        rho = np.array(start, dtype=float)
        height = self.value(rho)
        for iteration in range(60):
            for summit in known:
                if np.abs(rho - summit.rho).max() < _SAME_HILL:
                    return summit  # the rest of the way is known
            gradient, hessian = self.derivatives(rho)
            # Where the surface is no hill yet, go up along its own axes by their curvatures' size.
            values, axes = np.linalg.eigh(hessian)
            size = np.maximum(np.abs(values), 1e-8 * np.abs(values).max())
            step = axes @ ((axes.T @ gradient) / size)
            width = np.sqrt(np.abs(np.diag(axes @ np.diag(1 / size) @ axes.T)))
            slope = float(np.abs(gradient * width).max())
            if slope < 1e-9 and values.max() < 0:
                return Summit(rho, height, iteration, slope, 1)
            rho, height, moved = self._line(rho, height, step, float(gradient @ step))
            if not moved:
                if slope < 1e-4 and values.max() < 0:
                    return Summit(rho, height, iteration, slope, 1)
                break
        raise BoundaryError(
            f"the likelihood rises up to the edge of what rho may be, near "
            f"{np.array2string(rho, precision=3)} (spectral radius "
            f"{radius_of(self.lags.matrices, rho):.4f}): tie coefficients, or look for blocks with "
            "few links"
        )

    def _line(
        self, rho: np.ndarray, height: float, step: np.ndarray, rise: float
    ) -> tuple[np.ndarray, float, bool]:
        """Return the next point along a step: inside the region, and higher."""
        share = 1.0
        for _ in range(40):
            trial = rho + share * step
            if radius_of(self.lags.matrices, trial) < 1 - 1e-6:
                value = self.value(trial)
                if value >= height + 1e-4 * share * rise - 1e-10 * abs(height):
                    return trial, max(value, height) if share < 1e-6 else value, True
            share /= 2
        return rho, height, False
