"""Parts of the variance of adjusted scores: means by unit, pairs of units, derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression.covariance.information import Estimate
from nqp_spatial.regression.estimators._lag_operators import LagOperators
from nqp_spatial.regression.estimators._lag_traces import LagFunctions
from nqp_spatial.regression.estimators._short_panel_robust import RobustScore
from nqp_spatial.regression.estimators._short_panel_score import AdjustedScore
from nqp_spatial.regression.estimators._unit_traces import PowerShares, UnitShares

__all__ = [
    "ScoreParts",
    "columns_of",
    "filtered_parts",
    "lag_products",
    "parts_of_one",
    "robust_parts",
]


@dataclass(frozen=True, eq=False)
class ScoreParts:
    """What the variance needs besides products of errors and series.

    Attributes
    ----------
    means : ndarray
        Minus the means of the scores of tau, eta, rho, lam by unit, shape (n, p).
    pairs : ndarray
        ``sum_{i != j} tr Q_ij S_j Q_ji S_i``, S the variances over sigma2, shape (p, p).
    slopes : ndarray
        Derivatives of the adjustment of these scores in all parameters, shape (p, parameters).
    """

    means: np.ndarray
    pairs: np.ndarray
    slopes: np.ndarray


def columns_of(estimate: Estimate, data: ModelData) -> tuple[np.ndarray, np.ndarray]:
    """Return the filtered regressors and W y, and their lags by W_u.

    Parameters
    ----------
    estimate : Estimate
    data : ModelData
    """
    z, lag_y = estimate.filtered
    p, has_rho = estimate.projection, data.spec.has_rho
    columns = np.concatenate([z, lag_y], axis=1) if has_rho else z
    if p.by_u is None:
        return columns, np.zeros_like(columns)
    lagged = np.concatenate([p.by_u[0], p.by_u[2]], axis=1) if has_rho else p.by_u[0]
    return columns, lagged


def parts_of_one(
    data: ModelData,
    score: AdjustedScore,
    point: np.ndarray,
    shares: tuple[UnitShares | PowerShares, UnitShares | PowerShares | None],
) -> ScoreParts:
    """Return the parts under equal variances, where outcomes and errors have the same W.

    Parameters
    ----------
    data : ModelData
    score : AdjustedScore
    point : ndarray
        The parameters among (tau, eta, rho, lam) that the model has.
    shares : tuple of UnitShares
        Of the W of y, and of that of the errors, where these are spatial.
    """
    outcome, errors = shares
    t = score.n_periods
    at_units = _functions(score, point, outcome.points)
    at_roots = _functions(score, point, score.spectrum.points)
    means, pairs = np.zeros((outcome.n_units, 4)), np.zeros((4, 4))
    means[:, :3] = outcome.diagonal(at_units.means()).T
    pairs[:3, :3] = score.spectrum.trace(lag_products(at_roots.responses()))
    pairs[:3, :3] -= lag_products(outcome.diagonal(at_units.responses())).sum(axis=-1)
    if errors is not None:
        lam = score.full(point)[3]
        own = errors.diagonal(errors.points / (1 - lam * errors.points))
        means[:, 3] = -(t - 1) * own
        pairs[3, 3] = (t - 1) * (score.error_traces(lam)[1] - float(own @ own))
        # tr (J L)(J H) is the trace of the summed responses times H.
        w = score.spectrum.points
        cross = score.spectrum.trace(at_roots.means() * w / (1 - lam * w))
        pairs[:3, 3] = pairs[3, :3] = means[:, :3].T @ own - cross
    kept = score.positions
    return ScoreParts(means[:, kept], pairs[np.ix_(kept, kept)], _trace_slopes(data, score, point))


def filtered_parts(
    data: ModelData, score: AdjustedScore, point: np.ndarray, operators: LagOperators
) -> ScoreParts:
    """Return the parts under equal variances, where outcomes and errors have their own W.

    Parameters
    ----------
    data, score, point
        As in `parts_of_one`.
    operators : LagOperators
        Of both matrices.
    """
    t, lam = score.n_periods, score.full(point)[3]
    at_roots = _functions(score, point, score.spectrum.points)
    own, own_h, cross = operators.diagonals()
    means, pairs = np.zeros((own.shape[2], 4)), np.zeros((4, 4))
    left = np.arange(t, 0, -1.0) / t
    means[:, :3] = (np.einsum("m,amn->an", left, own) - t * own[:, 0]).T
    means[:, 3] = -(t - 1) * own_h
    pairs[:3, :3] = score.spectrum.trace(lag_products(at_roots.responses()))
    pairs[:3, :3] -= lag_products(own).sum(axis=-1)
    pairs[3, 3] = (t - 1) * (score.error_traces(lam)[1] - float(own_h @ own_h))
    summed = t * cross[:, 0] - cross @ left
    pairs[:3, 3] = pairs[3, :3] = summed + means[:, :3].T @ own_h
    kept = score.positions
    return ScoreParts(means[:, kept], pairs[np.ix_(kept, kept)], _trace_slopes(data, score, point))


def robust_parts(
    estimate: Estimate,
    data: ModelData,
    score: RobustScore,
    point: np.ndarray,
    operators: LagOperators,
) -> ScoreParts:
    """Return the parts under variances that differ.

    Parameters
    ----------
    estimate : Estimate
    data, score, point
        As in `parts_of_one`.
    operators : LagOperators
        To weight pairs of units by their variances.
    """
    s2, e = estimate.sigma2, estimate.residuals
    columns, _ = columns_of(estimate, data)
    by = -columns
    if data.spec.has_lam:
        by = np.column_stack([by, -estimate.lagged_disturbances])
    own, own_slopes = score.own(point)
    variances = score.variances(e)
    slopes = np.zeros((len(point), by.shape[1] + 1))
    slopes[:, :-1] = -score.own_changes(e, by, own) / s2
    first = by.shape[1] - len(point)
    slopes[:, first:-1] -= score.own_sums(e, own_slopes) / s2
    slopes[:, -1] = score.own_sums(e, own) / s2**2
    means = -np.einsum("pti,ti->ip", own, variances) / s2
    pairs = operators.weighted_pairs(variances.mean(axis=0) / s2)
    return ScoreParts(means, pairs[np.ix_(score.positions, score.positions)], slopes)


def _functions(score: AdjustedScore, point: np.ndarray, points: np.ndarray) -> LagFunctions:
    tau, eta, rho, _ = score.full(point)
    return LagFunctions(points, score.n_periods, tau, eta, rho)


def _trace_slopes(data: ModelData, score: AdjustedScore, point: np.ndarray) -> np.ndarray:
    kept = score.positions
    first = data.design.z.shape[2] - len(data.spec.dynamics)
    slopes = np.zeros((len(kept), first + len(kept) + 1))
    slopes[:, first:-1] = score.adjustment(point)[1][np.ix_(kept, kept)]
    return slopes


def lag_products(responses: np.ndarray) -> np.ndarray:
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
    # 1'L_a L_b 1 = sum_m (sum of column m of L_a)(sum of row m of L_b)
    rows = np.cumsum(responses, axis=1)
    chained = np.einsum("amp,bmp->abp", rows[:, ::-1], rows)
    result = t * responses[:, None, 0] * responses[None, :, 0]
    result = result - (chained + chained.transpose(1, 0, 2)) / t
    return np.asarray(result + sums[:, None] * sums[None, :] / t**2)
