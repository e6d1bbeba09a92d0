"""The variance of the adjusted scores, and the covariance of the estimate.

The scores are linear and quadratic in errors that are independent over units. Written as sums over
units, ``g_i = e_i' f_i - E``, with e_i the errors of a unit demeaned over time and f_i the series
of the unit that multiplies them, the g_i have mean zero. Those of two units are correlated only
through pairs of their own errors, ``e_i' Q_ij e_j`` and ``e_j' Q_ji e_i``, so that

``Var(sum_i g_i) = E sum_i g_i g_i' + sum_{i != j} sigma2_i sigma2_j tr Q_ij Q_ji``.

This is the sum of squares of the martingale differences of Yang (2018), in expectation, but does
not depend on the order of the units, and it needs no lower triangles of n x n matrices. Li, Miao
and Yang (2026, Econometric Reviews 45, 112-147) adjust outer products for covariances likewise.
"""

from __future__ import annotations

import numpy as np

from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression.covariance.information import Estimate
from nqp_spatial.regression.estimators._short_panel_parts import ScoreParts, columns_of
from nqp_spatial.regression.estimators._short_panel_score import AdjustedScore

__all__ = ["contributions", "score_covariance", "score_slopes"]


def score_covariance(
    estimate: Estimate, data: ModelData, score: AdjustedScore, parts: ScoreParts
) -> np.ndarray:
    """Return the covariance ``J^-1 V J^-1'`` of (coefs, rho, lam, sigma2).

    With the factor ``n / (n - 1) N / (N - K)`` for N observations after the effects and K
    coefficients.

    Parameters
    ----------
    estimate : Estimate
        At the root.
    data : ModelData
    score : AdjustedScore
    parts : ScoreParts
    """
    own = contributions(estimate, data, score, parts)
    variance = own.T @ own
    places = _places(data, parts)
    variance[np.ix_(places, places)] += parts.pairs
    n, k = len(own), own.shape[1] - 1
    # As for clustered errors: for the number of units, and for the coefficients in the residuals.
    factor = n / (n - 1) * score.observations / max(score.observations - k, 1)
    inverse = np.linalg.inv(score_slopes(estimate, data, score, parts))
    return np.asarray(factor * inverse @ variance @ inverse.T)


def _places(data: ModelData, parts: ScoreParts) -> list[int]:
    """Return the rows of tau, eta, rho, lam in (coefs, rho, lam, sigma2)."""
    first = data.design.z.shape[2] - len(data.spec.dynamics)
    return list(range(first, first + len(parts.pairs)))


def score_slopes(
    estimate: Estimate, data: ModelData, score: AdjustedScore, parts: ScoreParts
) -> np.ndarray:
    """Return the derivatives of all adjusted scores, in (coefs, rho, lam, sigma2).

    Parameters
    ----------
    estimate, data, score, parts
        As in `score_covariance`.
    """
    s2, e = estimate.sigma2, estimate.residuals
    columns, lagged = columns_of(estimate, data)
    k = columns.shape[1]
    size = k + data.spec.has_lam + 1
    slopes = np.zeros((size, size))
    slopes[:k, :k] = -columns.T @ columns / s2
    slopes[:k, -1] = slopes[-1, :k] = -columns.T @ e / s2**2
    slopes[-1, -1] = -e @ e / s2**3 + score.observations / (2 * s2**2)
    if data.spec.has_lam:
        q = estimate.lagged_disturbances
        slopes[:k, k] = slopes[k, :k] = -(columns.T @ q + lagged.T @ e) / s2
        slopes[k, k] = -q @ q / s2
        slopes[k, -1] = slopes[-1, k] = -q @ e / s2**2
    slopes[_places(data, parts)] += parts.slopes
    return slopes


def contributions(
    estimate: Estimate, data: ModelData, score: AdjustedScore, parts: ScoreParts
) -> np.ndarray:
    """Return the g_i, shape (n, parameters); they add up to the scores.

    Parameters
    ----------
    estimate, data, score, parts
        As in `score_covariance`.
    """
    n, t = data.shape
    s2 = estimate.sigma2
    e = estimate.residuals.reshape(n, t)
    columns, _ = columns_of(estimate, data)
    sums = [np.einsum("itk,it->ik", columns.reshape(n, t, -1), e) / s2]
    if data.spec.has_lam:
        q = estimate.lagged_disturbances.reshape(n, t)
        sums.append((q * e).sum(axis=1, keepdims=True) / s2)
    squares = (e**2).sum(axis=1, keepdims=True)
    sums.append((squares / s2 - score.observations / n) / (2 * s2))
    g = np.concatenate(sums, axis=1)
    g[:, _places(data, parts)] += parts.means
    return g
