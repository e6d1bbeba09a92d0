"""Log-determinant of ``S(rho) = I - sum_k rho_k W_k``; see docs/spillovers.md."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.linalg import lapack

from nqp_spatial.regression.likelihood.factorization import factorize_system
from nqp_spatial.regression.likelihood.link_systems import LinkFactor, LinkSums
from nqp_spatial.regression.likelihood.log_determinant import LogDet
from nqp_spatial.regression.likelihood.sizes import DENSE_LOGDET_UP_TO
from nqp_spatial.weights._spectrum import spectral_radius

__all__ = [
    "AscentLags",
    "DenseLags",
    "LagMatrices",
    "SparseLags",
    "derivatives_of",
    "lag_matrices",
    "spectral_radius_of",
    "system_of",
    "value_of",
    "weighted_sum",
]

_COMPLEX_STEP = 1e-30
# Steps of differences of gradients that are exact to rounding: central ones, and for ascents.
_DIFFERENCE, _COARSE = 2e-5, 1e-5
_KEPT_POINTS = 64  # whose derivatives are kept
_LONG_STEP = 1.0  # of an ascent, after which the Hessian is computed anew


@dataclass(frozen=True, eq=False)
class LagMatrices(ABC):
    """The matrices W_k, and the quantities that the likelihood needs from them."""

    matrices: Sequence[sparse.csr_array]

    #: How the determinants are calculated, in words.
    method = ""

    @abstractmethod
    def value(self, rho: np.ndarray) -> float:
        """Return ``ln|S(rho)|``."""

    @abstractmethod
    def derivatives(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient ``-tr G_k`` and Hessian ``-tr G_k G_l``."""

    def radius(self, rho: np.ndarray) -> float:
        """Return the spectral radius of ``sum_k rho_k W_k``, or an upper bound below one."""
        return spectral_radius_of(self.matrices, rho)

    def for_ascents(self) -> LagMatrices:
        """Return the form of these determinants that suits many steps towards a maximum."""
        return self


def lag_matrices(matrices: Sequence[sparse.csr_array]) -> LagMatrices:
    """Return the form suited to the number of units."""
    small = matrices and matrices[0].shape[0] <= DENSE_LOGDET_UP_TO
    return DenseLags(matrices) if small else SparseLags(matrices)


def weighted_sum(matrices: Sequence[sparse.csr_array], rho: np.ndarray) -> sparse.csr_array:
    """Return ``sum_k rho_k W_k``."""
    total = matrices[0] * rho[0]
    for matrix, coefficient in zip(matrices[1:], rho[1:], strict=True):
        total = total + matrix * coefficient
    return sparse.csr_array(total)


def system_of(matrices: Sequence[sparse.csr_array], rho: np.ndarray) -> sparse.csc_array:
    """Return ``I - sum_k rho_k W_k``."""
    n = matrices[0].shape[0]
    return sparse.csc_array(sparse.eye_array(n) - weighted_sum(matrices, rho))


def spectral_radius_of(matrices: Sequence[sparse.csr_array], rho: np.ndarray) -> float:
    """Return the spectral radius of ``sum_k rho_k W_k``, or an upper bound below one."""
    total = weighted_sum(matrices, rho)
    bound = float(np.asarray(abs(total).sum(axis=1)).max())
    return bound if bound < 1 else spectral_radius(total)


class DenseLags(LagMatrices):
    """For a few hundred units: one dense inverse gives all traces."""

    method = "dense"

    @cached_property
    def stacked(self) -> sparse.csr_array:
        """The matrices W_k above each other."""
        return sparse.csr_array(sparse.vstack(self.matrices, format="csr"))

    @cached_property
    def row_sums(self) -> np.ndarray:
        """Sums of the absolute entries of each W_k by row, shape (R, n)."""
        return np.asarray(abs(self.stacked).sum(axis=1)).reshape(len(self.matrices), -1)

    def value(self, rho: np.ndarray) -> float:
        """Return ``ln|S(rho)|``."""
        factors, pivots, _ = self.factors(rho)
        diagonal = factors.diagonal()
        exchanges = np.count_nonzero(pivots != np.arange(len(pivots)))
        negative = (np.count_nonzero(diagonal < 0) + exchanges) % 2
        return -np.inf if negative or not diagonal.all() else float(np.log(np.abs(diagonal)).sum())

    def derivatives(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and Hessian from ``G_k = W_k S^-1``.

        Those of the last points are kept: the information is wanted where an ascent ended.
        """
        memory: dict[bytes, tuple[np.ndarray, np.ndarray]] = self.__dict__.setdefault("_slopes", {})
        key = np.asarray(rho, dtype=float).tobytes()
        if key not in memory:
            if len(memory) >= _KEPT_POINTS:
                memory.clear()
            memory[key] = self._derivatives(rho)
        gradient, hessian = memory[key]
        return gradient.copy(), hessian.copy()

    def _derivatives(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        factors, pivots, _ = self.factors(rho)
        size, _ = lapack.dgetri_lwork(len(factors))
        inverse, failed = lapack.dgetri(factors, pivots, lwork=int(size))
        if failed:
            raise np.linalg.LinAlgError("Singular matrix")
        g = (self.stacked @ inverse.T).reshape(len(rho), *factors.shape)
        gradient = -np.trace(g, axis1=1, axis2=2)
        hessian = np.empty((len(rho), len(rho)))
        for k, first in enumerate(g):
            for other in range(k + 1):
                trace = np.einsum("ij,ji->", first, g[other])
                hessian[k, other] = hessian[other, k] = -trace
        return gradient, hessian

    def factors(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
        """Return the LU factors of S(rho)'; the last are kept, since a gradient follows a value."""
        last: tuple[np.ndarray, tuple[np.ndarray, np.ndarray, int]] | None
        last = self.__dict__.get("_last")
        if last is None or not np.array_equal(last[0], rho):
            system = weighted_sum(self.matrices, -np.asarray(rho)).toarray()
            system.ravel()[:: len(system) + 1] += 1
            # LAPACK reads the array by columns, as its transpose.
            last = (np.array(rho), lapack.dgetrf(system.T, overwrite_a=True))
            self.__dict__["_last"] = last
        return last[1]

    def radius(self, rho: np.ndarray) -> float:
        """Return the spectral radius, or an upper bound below one."""
        bound = float((np.abs(rho) @ self.row_sums).max())
        return bound if bound < 1 else spectral_radius_of(self.matrices, rho)


class SparseLags(LagMatrices):
    """For many units: sparse factorisations, and the inverse at the links for the gradient."""

    method = "sparse"

    @cached_property
    def sums(self) -> LinkSums:
        """The links of all matrices, with one analysis of their pattern."""
        return LinkSums(self.matrices)

    def value(self, rho: np.ndarray) -> float:
        """Return ``ln|S(rho)|``."""
        value = self.factor(np.asarray(rho, dtype=float)).logdet
        return value if np.isfinite(value) else _careful_logdet(self.matrices, rho)

    def gradient(self, rho: np.ndarray) -> np.ndarray:
        """Return ``-tr W_k S^-1``."""
        factor = self.factor(rho)
        if np.isfinite(factor.logdet):
            return -self.sums.traces(factor.inverse_at_links())
        return _careful_gradient(self.matrices, rho)

    def factor(self, rho: np.ndarray) -> LinkFactor:
        """Return the factors of S(rho); the last are kept, since a gradient follows a value."""
        last: tuple[np.ndarray, LinkFactor] | None = self.__dict__.get("_last")
        if last is None or not np.array_equal(last[0], rho):
            last = (np.array(rho), self.sums.system.factor(self.sums.weights(rho)))
            self.__dict__["_last"] = last
        return last[1]

    def derivatives(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient, and the Hessian by central differences of it."""
        here = self.gradient(rho)
        hessian = np.empty((len(rho), len(rho)))
        for k, step in enumerate(_DIFFERENCE * np.eye(len(rho))):
            change = self.gradient(rho + step) - self.gradient(rho - step)
            hessian[k] = change / (2 * _DIFFERENCE)
        return here, (hessian + hessian.T) / 2

    def radius(self, rho: np.ndarray) -> float:
        """Return the spectral radius, or an upper bound below one."""
        bound = self.sums.largest_row_sum(rho)
        return bound if bound < 1 else spectral_radius(weighted_sum(self.matrices, rho))

    def for_ascents(self) -> LagMatrices:
        """Return the same determinants with a Hessian that ascents update from step to step."""
        return AscentLags(self.matrices, self)


@dataclass(frozen=True, eq=False)
class AscentLags(LagMatrices):
    """Exact values and gradients, and a Hessian kept from step to step.

    It is computed by differences after a long step, and after a short one corrected by the change
    of the gradient (the symmetric update of rank one: Nocedal and Wright 2006, section 6.2).
    """

    exact: SparseLags
    #: The last point, the gradient there, and the Hessian; of similar matrices at the start.
    memory: dict[str, np.ndarray] = field(default_factory=dict)

    method = "sparse"

    def value(self, rho: np.ndarray) -> float:
        """Return ``ln|S(rho)|``."""
        return self.exact.value(rho)

    def radius(self, rho: np.ndarray) -> float:
        """Return the spectral radius, or an upper bound below one."""
        return self.exact.radius(rho)

    def derivatives(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient and an approximate Hessian."""
        gradient = self.exact.gradient(rho)
        memory = self.memory
        if "hessian" not in memory or np.abs(rho - memory["point"]).max() > _LONG_STEP:
            moves = _COARSE * np.eye(len(rho))
            slopes = np.array([self.exact.gradient(rho + move) - gradient for move in moves])
            hessian = (slopes + slopes.T) / (2 * _COARSE)
        elif "gradient" in memory:
            move, hessian = rho - memory["point"], memory["hessian"]
            surprise = gradient - memory["gradient"] - hessian @ move
            along = float(surprise @ move)
            if abs(along) > 1e-8 * np.linalg.norm(surprise) * np.linalg.norm(move):
                hessian = hessian + np.outer(surprise, surprise) / along
        else:
            hessian = memory["hessian"]
        memory |= {"point": np.array(rho), "gradient": gradient, "hessian": hessian}
        return gradient, hessian


def _careful_logdet(matrices: Sequence[sparse.csr_array], rho: np.ndarray) -> float:
    """Return ``ln|S(rho)|`` with exchanges of rows, where pivots are small."""
    diagonal = factorize_system(system_of(matrices, rho)).U.diagonal()
    return float(np.log(np.abs(diagonal)).sum())


def _careful_gradient(matrices: Sequence[sparse.csr_array], rho: np.ndarray) -> np.ndarray:
    """Return its gradient by complex steps."""
    slopes = []
    for step in _COMPLEX_STEP * 1j * np.eye(len(rho)):
        # Inside the region the determinant is positive: its sign and that of the permutations,
        # multiples of pi in the imaginary part, can be ignored.
        diagonal = factorize_system(system_of(matrices, rho + step)).U.diagonal()
        slopes.append(float((diagonal.imag / diagonal.real).sum()) / _COMPLEX_STEP)
    return np.array(slopes)


def value_of(logdet: LogDet | LagMatrices | None, x: np.ndarray, drops_unit_root: int) -> float:
    """Return the log-determinant of a term, minus the unit root's contribution where it is dropped.

    Parameters
    ----------
    logdet : LogDet, LagMatrices or None
        The log-determinant of one W or of several; None for a term that the model does not have.
    x : ndarray
        Coefficients, shape (R,) for R matrices W.
    drops_unit_root : int
    """
    if isinstance(logdet, LagMatrices):
        return logdet.value(x)
    if logdet is None or x[0] == 0:
        return 0.0
    share = np.log1p(-x[0]) if drops_unit_root else 0.0
    return float(logdet.value(float(x[0]))) - float(share)


def derivatives_of(
    logdet: LogDet | LagMatrices | None, x: np.ndarray, drops_unit_root: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return gradient and Hessian of `value_of`, shapes (R,) and (R, R) for R matrices W."""
    if isinstance(logdet, LagMatrices):
        return logdet.derivatives(x)
    if logdet is None:
        return np.zeros(len(x)), np.zeros((len(x), len(x)))
    point, share = float(x[0]), drops_unit_root
    first = float(logdet.derivative(point)) + share / (1 - point)
    second = float(logdet.second_derivative(point)) + share / (1 - point) ** 2
    return np.array([first]), np.array([[second]])
