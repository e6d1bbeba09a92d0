"""Standard errors, p-values and intervals of effects: from draws, by the delta method, by Fieller.

p-values and intervals come from the same test, so that p < alpha exactly where the interval of
level 1 - alpha excludes zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nqp_spatial.core.inference import critical_value, two_sided_p

__all__ = ["Inference", "by_delta", "by_draws", "by_fieller"]


@dataclass(frozen=True, eq=False)
class Inference:
    """Inference on effects, each array of shape (R, 3).

    Attributes
    ----------
    std_errors, p_values, low, high : ndarray
    """

    std_errors: np.ndarray
    p_values: np.ndarray
    low: np.ndarray
    high: np.ndarray


def by_draws(draws: np.ndarray, level: float) -> Inference:
    """Return inference from draws, shape (draws, R, 3).

    The interval is that of quantiles, with linear interpolation, and the p-value is twice the
    smaller share of the draws on either side of zero, interpolated in the same way: the smallest
    alpha at which the interval excludes zero. m draws determine no p-value below 2 / (m + 1);
    intervals of a higher level than that are unbounded.

    Parameters
    ----------
    draws : ndarray
    level : float
    """
    count = len(draws)
    tail, least = (1 - level) / 2, 2 / (count + 1)
    errors = draws.std(axis=0, ddof=1)
    p_values = np.clip(2 * _smaller_tail(np.sort(draws, axis=0)), least, 1.0)
    if 1 - level <= least:
        unbounded = np.full(errors.shape, np.inf)
        return Inference(errors, p_values, -unbounded, unbounded)
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    return Inference(errors, p_values, low, high)


def _smaller_tail(ordered: np.ndarray) -> np.ndarray:
    """Return the smaller of the shares of draws up to zero and from zero, interpolated."""
    below, up_to = (ordered < 0).sum(axis=0), (ordered <= 0).sum(axis=0)
    return np.asarray(np.minimum(_share(ordered, up_to), 1 - _share(ordered, below)))


def _share(ordered: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Return the probability whose quantile is zero, between the draws before and at a rank."""
    last = len(ordered) - 1
    before = np.take_along_axis(ordered, np.clip(rank - 1, 0, last)[None], axis=0)[0]
    after = np.take_along_axis(ordered, np.clip(rank, 0, last)[None], axis=0)[0]
    gap = after - before
    part = np.divide(-before, gap, out=np.zeros_like(gap), where=gap > 0)
    share = (rank - 1 + part) / last
    return np.where(rank == 0, 0.0, np.where(rank > last, 1.0, share))


def by_delta(
    point: np.ndarray, gradient: np.ndarray, cov: np.ndarray, level: float, df: float
) -> Inference:
    """Return inference by the delta method.

    Parameters
    ----------
    point : ndarray
        Shape (R, 3).
    gradient : ndarray
        Derivatives with respect to the parameters, shape (R, 3, parameters).
    cov : ndarray
        Of the parameters.
    level, df : float
        Level, and degrees of freedom of the t distribution.
    """
    errors = np.sqrt(_variance(gradient, gradient, cov))
    reach = critical_value(level, df) * errors
    p_values = two_sided_p(_ratio(point, errors), df)
    return Inference(errors, p_values, point - reach, point + reach)


def by_fieller(
    point: np.ndarray,
    gradient: np.ndarray,
    denominator: float,
    slopes: np.ndarray,
    cov: np.ndarray,
    level: float,
) -> Inference:
    """Return intervals of all c that the test of ``numerator - c denominator = 0`` does not reject.

    The numerator is the effect times the denominator. With z the critical value, the interval has
    the ends ``c`` of ``(N - c d)^2 = z^2 (v_NN - 2 c v_Nd + c^2 v_dd)``. It is unbounded where d is
    not significantly different from zero. The p-value is that of N = 0, or that of d = 0 where
    this is larger.

    Parameters
    ----------
    point, gradient, cov, level
        As in `by_delta`.
    denominator : float
        d, by which an effect is divided.
    slopes : ndarray
        Its derivatives with respect to the parameters, shape (parameters,).

    Notes
    -----
    Source: Fieller (1954), Journal of the Royal Statistical Society B 16, 175-185.
    """
    d, z = denominator, critical_value(level)
    numerator = point * d
    by_parameter = gradient * d + point[:, :, None] * slopes
    var_n = _variance(by_parameter, by_parameter, cov)
    var_d = float(slopes @ cov @ slopes)
    covariance = np.einsum("kep,pq,q->ke", by_parameter, cov, slopes)
    square = d**2 - z**2 * var_d
    errors = np.sqrt(_variance(gradient, gradient, cov))
    of_denominator = float(two_sided_p(d / np.sqrt(var_d))) if var_d > 0 else 0.0
    p_values = np.maximum(two_sided_p(_ratio(numerator, np.sqrt(var_n))), of_denominator)
    if square <= 0:
        unbounded = np.full(point.shape, np.inf)
        return Inference(errors, p_values, -unbounded, unbounded)
    middle = (numerator * d - z**2 * covariance) / square
    square_reach = middle**2 - (numerator**2 - z**2 * var_n) / square
    reach = np.sqrt(np.maximum(square_reach, 0.0))
    return Inference(errors, p_values, middle - reach, middle + reach)


def _variance(first: np.ndarray, second: np.ndarray, cov: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("kep,pq,keq->ke", first, cov, second))


def _ratio(point: np.ndarray, errors: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(point, errors, out=np.full_like(point, np.nan), where=errors > 0))
