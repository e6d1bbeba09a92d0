"""The variance of the adjusted scores, and the covariance of the estimate.

The scores are linear and quadratic in errors that are independent over units. Written as sums over
units, ``g_i = e_i' f_i - E``, with e_i the errors of a unit demeaned over time and f_i the series
of the unit that multiplies them, the g_i have mean zero. Those of two units are correlated only
through pairs of their own errors, ``e_i' Q_ij e_j`` and ``e_j' Q_ji e_i``, so that

``Var(sum_i g_i) = E sum_i g_i g_i' + sum_{i != j} sigma2^2 tr Q_ij Q_ji``.

This is the sum of squares of the martingale differences of Yang (2018), in expectation, but does
not depend on the order of the units, and it needs no lower triangles of n x n matrices.
"""

from __future__ import annotations

import numpy as np

from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression.covariance.information import Estimate
from nqp_spatial.regression.estimators._lag_traces import LagFunctions
from nqp_spatial.regression.estimators._short_panel_score import AdjustedScore
from nqp_spatial.regression.estimators._unit_traces import UnitShares

__all__ = ["contributions", "pair_traces", "score_covariance", "score_slopes"]


def score_covariance(
    estimate: Estimate,
    data: ModelData,
    score: AdjustedScore,
    point: np.ndarray,
    shares: tuple[UnitShares, UnitShares | None],
) -> np.ndarray:
    """Return the covariance ``J^-1 V J^-1'`` of (coefs, rho, lam, sigma2).

    Parameters
    ----------
    estimate : Estimate
    data : ModelData
    score : AdjustedScore
    point : ndarray
        The root, in the parameters among (tau, eta, rho, lam) that the model has.
    shares : tuple of UnitShares
        Of the W of y, and of the W of the errors.
    """
    slopes = score_slopes(estimate, data, score, point)
    own = contributions(estimate, data, score, point, shares)
    variance = own.T @ own
    places = _places(data, score)
    variance[np.ix_(places, places)] += pair_traces(score, point, shares)
    inverse = np.linalg.inv(slopes)
    return np.asarray(inverse @ variance @ inverse.T)


def _places(data: ModelData, score: AdjustedScore) -> list[int]:
    """Return the rows of tau, eta, rho, lam in (coefs, rho, lam, sigma2)."""
    first = data.design.z.shape[2] - len(data.spec.dynamics)
    return list(range(first, first + len(score.positions)))


def score_slopes(
    estimate: Estimate, data: ModelData, score: AdjustedScore, point: np.ndarray
) -> np.ndarray:
    """Return the derivatives of all adjusted scores, in (coefs, rho, lam, sigma2).

    Parameters
    ----------
    estimate, data, score, point
        As in `score_covariance`.
    """
    s2, e = estimate.sigma2, estimate.residuals
    columns, lagged = _columns(estimate, data)
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
    places = _places(data, score)
    kept = np.ix_(score.positions, score.positions)
    slopes[np.ix_(places, places)] += score.adjustment(point)[1][kept]
    return slopes


def _columns(estimate: Estimate, data: ModelData) -> tuple[np.ndarray, np.ndarray]:
    """Return the filtered regressors and W y, and their lags by W_u."""
    z, lag_y = estimate.filtered
    p, has_rho = estimate.projection, data.spec.has_rho
    columns = np.concatenate([z, lag_y], axis=1) if has_rho else z
    if p.by_u is None:
        return columns, np.zeros_like(columns)
    lagged = np.concatenate([p.by_u[0], p.by_u[2]], axis=1) if has_rho else p.by_u[0]
    return columns, lagged


def contributions(
    estimate: Estimate,
    data: ModelData,
    score: AdjustedScore,
    point: np.ndarray,
    shares: tuple[UnitShares, UnitShares | None],
) -> np.ndarray:
    """Return the g_i, shape (n, parameters); they add up to the scores.

    Parameters
    ----------
    estimate, data, score, point, shares
        As in `score_covariance`.
    """
    n, t = data.shape
    s2 = estimate.sigma2
    e = estimate.residuals.reshape(n, t)
    columns, _ = _columns(estimate, data)
    parts = [np.einsum("itk,it->ik", columns.reshape(n, t, -1), e) / s2]
    if data.spec.has_lam:
        q = estimate.lagged_disturbances.reshape(n, t)
        parts.append((q * e).sum(axis=1, keepdims=True) / s2)
    squares = (e**2).sum(axis=1, keepdims=True)
    parts.append((squares / s2 - score.observations / n) / (2 * s2))
    g = np.concatenate(parts, axis=1)
    g[:, _places(data, score)] += _unit_means(score, point, shares)[:, score.positions]
    return g


def _unit_means(
    score: AdjustedScore, point: np.ndarray, shares: tuple[UnitShares, UnitShares | None]
) -> np.ndarray:
    """Return minus the means of the scores by unit, shape (n, 4)."""
    outcome, errors = shares
    tau, eta, rho, lam = score.full(point)
    functions = LagFunctions(outcome.points, score.n_periods, tau, eta, rho)
    means = np.zeros((len(outcome.shares), 4))
    means[:, :3] = outcome.diagonal(functions.means()).T
    if errors is not None:
        h = errors.points / (1 - lam * errors.points)
        means[:, 3] = -(score.n_periods - 1) * errors.diagonal(h)
    return means


def pair_traces(
    score: AdjustedScore, point: np.ndarray, shares: tuple[UnitShares, UnitShares | None]
) -> np.ndarray:
    """Return ``sum_{i != j} tr Q_ij Q_ji`` for tau, eta, rho, lam that the model has.

    Parameters
    ----------
    score, point, shares
        As in `score_covariance`.
    """
    outcome, errors = shares
    tau, eta, rho, lam = score.full(point)
    t = score.n_periods
    at_roots = LagFunctions(score.spectrum.points, t, tau, eta, rho)
    at_units = LagFunctions(outcome.points, t, tau, eta, rho)
    pairs = np.zeros((4, 4))
    pairs[:3, :3] = score.spectrum.trace(_products(at_roots.responses()))
    by_unit = outcome.diagonal(at_units.responses())
    pairs[:3, :3] -= _products(by_unit).sum(axis=-1)
    if errors is not None and score.errors is not None:
        h = score.errors.points / (1 - lam * score.errors.points)
        own = errors.diagonal(errors.points / (1 - lam * errors.points))
        pairs[3, 3] = (t - 1) * (float(score.errors.trace(h**2)) - float(own @ own))
        # tr (J L)(J H) = tr of the summed responses times H
        summed = -at_units.means()
        cross = score.spectrum.trace(-at_roots.means() * _same_points(score, lam))
        pairs[:3, 3] = pairs[3, :3] = cross - outcome.diagonal(summed) @ own
    return pairs[np.ix_(score.positions, score.positions)]


def _same_points(score: AdjustedScore, lam: float) -> np.ndarray:
    w = score.spectrum.points
    return np.asarray(w / (1 - lam * w))


def _products(responses: np.ndarray) -> np.ndarray:
    """Return ``tr J L_a J L_b`` for Toeplitz matrices L of the responses by lag.

    Parameters
    ----------
    responses : ndarray
        Shape (3, T, points).

    Returns
    -------
    ndarray
        Shape (3, 3, points).
    """
    t = responses.shape[1]
    left = np.arange(t, 0, -1.0)  # T - m
    sums = np.einsum("m,amp->ap", left, responses)
    # 1'L_a L_b 1 = sum_m (sum of the columns of L_a)_m (sum of the rows of L_b)_m
    rows = np.cumsum(responses, axis=1)  # row t of L_b adds lags 0..t-1
    columns = rows[:, ::-1]  # column t of L_a adds lags 0..T-t
    chained = np.einsum("amp,bmp->abp", columns, rows)
    result = t * responses[:, None, 0] * responses[None, :, 0]
    result = result - (chained + chained.transpose(1, 0, 2)) / t
    return np.asarray(result + sums[:, None] * sums[None, :] / t**2)
