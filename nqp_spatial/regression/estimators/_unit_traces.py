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

__all__ = ["UnitShares", "unit_shares_of"]

_PROBES = 64
_EXACT, _LARGEST = 1e-11, 1e4


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


def unit_shares_of(
    weights: SpatialWeights | None, n_units: int, *, drops_mean: bool, seed: int | None = 0
) -> UnitShares:
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
        result = _by_eigenvectors(matrix, drops_mean) if exact else None
        if result is None:
            result = _by_powers(matrix, drops_mean, None if exact else (seed or 0))
        weights.cache[key] = result
    known: UnitShares = weights.cache[key]
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


def _by_powers(matrix: sparse.csr_array, drops_mean: bool, seed: int | None) -> UnitShares:
    n = matrix.shape[0]
    probes = np.eye(n) if seed is None else probe_signs(n, _PROBES, seed)
    count = 1 if seed is None else _PROBES
    radius = spectral_radius(matrix)
    scaled = matrix / radius
    transposed = sparse.csr_array(scaled.T)
    moments = np.empty((n, POWERS))
    reached, sums = probes, np.full(n, 1 / n)
    for power in range(POWERS):
        moments[:, power] = np.einsum("ij,ij->i", probes, reached) / count
        if power == 0:
            moments[:, 0] = 1.0
        elif power == 1:
            moments[:, 1] = scaled.diagonal()
        elif power == 2:
            moments[:, 2] = np.asarray(scaled.multiply(transposed).sum(axis=1)).ravel()
        if drops_mean:
            moments[:, power] -= sums
            sums = transposed @ sums
        reached = scaled @ reached
    points, rule = circle_rule(radius)
    return UnitShares(points, moments @ rule)
