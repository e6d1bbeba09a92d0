"""Diagonals of functions of W, by unit: the share of each unit in a trace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from nqp_spatial.regression.estimators._lag_traces import (
    EXACT_SPECTRUM_UP_TO,
    POWERS,
    circle_rule,
)
from nqp_spatial.regression.likelihood.sizes import probe_signs
from nqp_spatial.weights._spectrum import spectral_radius, symmetrizer
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["PowerShares", "UnitShares", "unit_shares_of"]

_PROBES = 64
_EXACT, _LARGEST = 1e-11, 1e4
_ROUNDING, _AT_ONCE = 1e-15, 20  # of coefficients of a power; powers that are computed together


@dataclass(frozen=True, eq=False)
class UnitShares:
    """Points w_j and shares with ``(J f(W))_ii = sum_j s_ij f(w_j)``.

    Attributes
    ----------
    points : ndarray
        Shape (points,).
    shares : ndarray
        Shape (n, points).
    """

    points: np.ndarray
    shares: np.ndarray

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.shares)

    def diagonal(self, values: np.ndarray) -> np.ndarray:
        """Return the diagonals of functions given by their values at the points.

        Parameters
        ----------
        values : ndarray
            Shape (..., points).

        Returns
        -------
        ndarray
            Shape (..., n).
        """
        if np.isrealobj(self.shares) and np.isrealobj(values):
            return np.asarray(values @ self.shares.T)
        real = values.real @ self.shares.real.T
        return np.asarray(real - values.imag @ self.shares.imag.T)


class PowerShares:
    """The same by diagonals of powers of W, as many as the coefficients of a function require.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    drops_mean : bool
        Whether J takes out the mean over units.
    seed : int or None
        Of the probes; None for exact diagonals, of few units.
    """

    def __init__(self, matrix: sparse.csr_array, drops_mean: bool, seed: int | None) -> None:
        self._matrix, self._drops_mean, self._seed = matrix, drops_mean, seed
        self._radius = spectral_radius(matrix)
        self.points, self._rule = circle_rule(self._radius)
        self._moments = np.empty((matrix.shape[0], 0))

    @property
    def n_units(self) -> int:
        """Number of units."""
        return int(self._matrix.shape[0])

    def diagonal(self, values: np.ndarray) -> np.ndarray:
        """Return the diagonals of functions given by their values at the points.

        Parameters
        ----------
        values : ndarray
            Shape (..., points).

        Returns
        -------
        ndarray
            Shape (..., n).
        """
        functions = values.reshape(-1, values.shape[-1])
        coefs = (functions @ self._rule.T).real
        largest = np.abs(functions).max(axis=1, keepdims=True)
        needed = np.flatnonzero((np.abs(coefs) > _ROUNDING * largest).any(axis=0))
        count = min(-(-(int(needed.max(initial=2)) + 1) // _AT_ONCE) * _AT_ONCE, POWERS)
        if self._moments.shape[1] < count:
            self._moments = self._computed(count)
        result = coefs[:, :count] @ self._moments[:, :count].T
        return np.asarray(result).reshape(*values.shape[:-1], -1)

    def _computed(self, count: int) -> np.ndarray:
        """Return the diagonals of the first powers of ``W / radius``, shape (n, count)."""
        n, seed = self.n_units, self._seed
        probes = np.eye(n) if seed is None else probe_signs(n, _PROBES, seed)
        scaled = self._matrix / self._radius
        transposed = sparse.csr_array(scaled.T)
        moments = np.empty((n, count))
        reached, sums = probes, np.full(n, 1 / n)
        for power in range(count):
            if power == 0:
                moments[:, 0] = 1.0
            elif power == 1:
                moments[:, 1] = scaled.diagonal()
            elif power == 2:
                moments[:, 2] = np.asarray(scaled.multiply(transposed).sum(axis=1)).ravel()
            else:
                moments[:, power] = np.einsum("ij,ij->i", probes, reached)
                moments[:, power] /= 1 if seed is None else _PROBES
            if self._drops_mean:
                moments[:, power] -= sums
                sums = transposed @ sums
            if power + 1 < count:
                reached = scaled @ reached
        return moments


def unit_shares_of(
    weights: SpatialWeights | None, n_units: int, *, drops_mean: bool, seed: int | None = 0
) -> UnitShares | PowerShares:
    """Return the shares of units in traces, computed once for each W.

    By eigenvectors where these are accurate; otherwise by powers of W, whose diagonals are exact up
    to a thousand units and estimated from random probes beyond.

    Parameters
    ----------
    weights : SpatialWeights or None
    n_units : int
    drops_mean : bool
        Whether J takes out the mean over units; the identity otherwise.
    seed : int, optional
    """
    if weights is None:
        shares = np.full((n_units, 1), 1 - drops_mean / n_units)
        return UnitShares(np.zeros(1), shares)
    key = ("unit shares", drops_mean, seed)
    if key not in weights.cache:
        matrix, exact = weights.sparse, n_units <= EXACT_SPECTRUM_UP_TO
        result: UnitShares | PowerShares | None = None
        if exact:
            result = _by_eigenvectors(matrix, drops_mean)
        if result is None:
            result = PowerShares(matrix, drops_mean, None if exact else (seed or 0))
        weights.cache[key] = result
    known: UnitShares | PowerShares = weights.cache[key]
    return known


def _by_eigenvectors(matrix: sparse.csr_array, drops_mean: bool) -> UnitShares | None:
    dense, scale = matrix.toarray(), symmetrizer(matrix)
    if scale is not None:
        symmetric = dense * scale[:, None] / scale[None, :]
        points, vectors = np.linalg.eigh((symmetric + symmetric.T) / 2)
        right, left = vectors / scale[:, None], vectors * scale[:, None]
    else:
        points, right = np.linalg.eig(dense)
        try:
            left = np.linalg.inv(right).T
        except np.linalg.LinAlgError:
            return None
    shares = right * left
    if not np.abs(left).max() < _LARGEST:
        return None  # eigenvectors are (nearly) dependent: W has no basis of them
    square = float(np.abs((shares @ points**2).real - (dense * dense.T).sum(axis=1)).max())
    if not square < _EXACT or np.abs(shares.sum(axis=1) - 1).max() > _EXACT:
        return None
    if drops_mean:
        shares = shares - left * right.mean(axis=0)
    return UnitShares(points, shares)
