"""Adjusted scores that have mean zero under any variances of the errors.

The mean of a score comes from squares of errors only, ``sum_ik sigma2_ik q_ik``, where q_ik is the
coefficient of the squared error of unit i in period k. Under equal variances it is a trace. Here
each sigma2_ik is replaced by an estimate that is unbiased whatever the others are, a linear
function of squared residuals, which takes the diagonal out of the quadratic form. Li and Yang
(2020, Regional Science and Urban Economics 81) do so for variances that differ across units only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nqp_spatial.regression.estimators._lag_traces import LagFunctions, own_weights
from nqp_spatial.regression.estimators._short_panel_score import AdjustedScore
from nqp_spatial.regression.estimators._unit_traces import PowerShares, UnitShares

__all__ = ["RobustScore", "unbiased_variances"]


def unbiased_variances(squares: np.ndarray, *, drops_mean: bool) -> np.ndarray:
    """Return unbiased estimates of the variances of errors from squared demeaned errors.

    Demeaning over T periods gives ``E e_k^2 = (1 - 2/T) s_k + s / T`` with s the mean of the s_k;
    the inverse is applied (and likewise over units). With two periods the two squares of a unit
    are equal, and its variance is taken as constant. The map is symmetric.

    Parameters
    ----------
    squares : ndarray
        Shape (..., T, n).
    drops_mean : bool
        Whether errors are demeaned over units too.
    """
    t, n = squares.shape[-2:]
    if drops_mean:
        over_units = squares.mean(axis=-1, keepdims=True)
        squares = (squares - over_units / (n - 1)) / (1 - 2 / n)
    over_time = squares.mean(axis=-2, keepdims=True)
    if t == 2:
        return np.repeat(2 * over_time, 2, axis=-2)
    return np.asarray((squares - over_time / (t - 1)) / (1 - 2 / t))


@dataclass(frozen=True, eq=False)
class RobustScore(AdjustedScore):
    """Adjusted scores, times sigma2, without the diagonals of their quadratic forms.

    Attributes
    ----------
    shares : UnitShares
        Of the W of y.
    error_shares : UnitShares or None
        Of the W of the errors.
    drops_mean : bool
        Whether errors are demeaned over units too.
    """

    shares: UnitShares | PowerShares
    error_shares: UnitShares | PowerShares | None
    drops_mean: bool

    def unit(self, point: np.ndarray) -> float:
        """Return what the scores of `at` are multiplied by, relative to those of a likelihood."""
        return self.raw(point)[3]

    def variances(self, errors: np.ndarray) -> np.ndarray:
        """Return the estimates of the variances, shape (T, n), from residuals of shape (N,)."""
        by_period = errors.reshape(-1, self.n_periods).T
        return unbiased_variances(by_period**2, drops_mean=self.drops_mean)

    def own(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the coefficients of squared errors and their derivatives.

        Parameters
        ----------
        point : ndarray

        Returns
        -------
        ndarray, ndarray
            Shapes (p, T, n) and (p, p, T, n), in the p parameters that the model has.
        """
        tau, eta, rho, lam = self.full(point)
        t, n, p = self.n_periods, self.shares.n_units, len(point)
        functions = LagFunctions(self.shares.points, t, tau, eta, rho)
        lags = [position for position in self.positions if position < 3]
        own, slopes = np.zeros((p, t, n)), np.zeros((p, p, t, n))
        own[: len(lags)] = self.shares.diagonal(own_weights(functions.responses()[lags]))
        by = own_weights(functions.response_slopes()[np.ix_(lags, lags)])
        slopes[: len(lags), : len(lags)] = self.shares.diagonal(by)
        if self.error_shares is not None:
            h = self.error_shares.points / (1 - lam * self.error_shares.points)
            own[-1] = (1 - 1 / t) * self.error_shares.diagonal(h)
            slopes[-1, -1] = (1 - 1 / t) * self.error_shares.diagonal(h**2)
        return own, slopes

    def at(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores and their derivatives in the parameters that the model has.

        Parameters
        ----------
        point : ndarray
        """
        products, slopes, q, _ = self.raw(point)
        errors, by = self.products.errors(self.full(point)[3], q)
        own, own_slopes = self.own(point)
        return (
            products - self.own_sums(errors, own),
            slopes - self.own_sums(errors, own_slopes) - self.own_changes(errors, by, own),
        )

    def own_sums(self, errors: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Return ``sum_ik sigma2_ik q_ik``, for q of shape (..., T, n)."""
        return np.asarray(np.tensordot(own, self.variances(errors), axes=2))

    def own_changes(self, errors: np.ndarray, by: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Return the derivatives of the sums through the residuals, given those of residuals.

        Parameters
        ----------
        errors, by : ndarray
            Shapes (N,) and (N, parameters).
        own : ndarray
            Shape (p, T, n).
        """
        weights = unbiased_variances(own, drops_mean=self.drops_mean)
        changes = (2 * errors[:, None] * by).reshape(-1, self.n_periods, by.shape[1])
        return np.asarray(np.einsum("pti,itb->pb", weights, changes, optimize=True))
