"""Covariances that are valid when the likelihood's assumptions about errors do not hold."""

from __future__ import annotations

import numpy as np

from nqp_spatial.regression.covariance.information import Estimate, TraceMoments, scaled_inverse
from nqp_spatial.regression.spec import RegressionSpec

__all__ = ["clustered", "driscoll_kraay", "over_periods", "quasi_likelihood"]


def quasi_likelihood(
    bread: np.ndarray,
    information: np.ndarray,
    estimate: Estimate,
    moments: TraceMoments,
    spec: RegressionSpec,
    shape: tuple[int, int],
) -> np.ndarray:
    """Return the QML sandwich covariance, valid when errors are not normal (Lee 2004).

    The score is linear and quadratic in the errors: ``z'e / s2``, ``(b'e + e'Fe - tr F)/s2`` with
    ``b = M B G eta``, ``(e'He - tr H)/s2``, and ``(e'Me - N s2) / (2 s2^2)``. Its variance is the
    expected information plus terms in the third and fourth moment of the errors and the diagonals
    of M F, M H and M. The moments are those of the residuals, corrected for demeaning.

    Parameters
    ----------
    bread : ndarray
        The information matrix that is inverted.
    information : ndarray
        The expected information.
    estimate, moments, spec
        As above; ``moments.diagonals`` are needed.
    shape : tuple
        (n_units, n_periods).

    Returns
    -------
    ndarray
        Covariance.
    """
    n, t = shape
    s2, k, r = estimate.sigma2, len(estimate.coefs), len(estimate.rho)
    z = estimate.filtered[0]
    dummies = estimate.projection.filtered_periods
    p = None if dummies is None else dummies.direction(estimate.lam)
    third, fourth = _error_moments(estimate.residuals, spec, n, t, p)
    shrink = (1 - 1 / t) if spec.sweeps_units else 1.0
    assert moments.diagonals is not None
    linear = np.zeros((n * t, k + r + 3))
    linear[:, :k] = z / s2
    linear[:, k : k + r] = moments.mean_part / s2
    square = np.zeros((n * t, k + r + 3))
    square[:, k : k + r + 1] = np.repeat(shrink * moments.diagonals, t, axis=0) / s2
    remaining = np.full(n, 1 - 1 / n if spec.sweeps_periods else 1.0)
    if p is not None:
        remaining = 1 - p**2 / float(p @ p)
    square[:, -1] = np.repeat(shrink * remaining, t) / (2 * s2**2)
    linear, square = linear[:, estimate.kept], square[:, estimate.kept]
    skew = third * (linear.T @ square)
    extra = skew + skew.T + (fourth - 3 * s2**2) * (square.T @ square)
    inverse = scaled_inverse(bread)
    return np.asarray(inverse @ (information + extra) @ inverse)


def _error_moments(
    residuals: np.ndarray, spec: RegressionSpec, n: int, t: int, p: np.ndarray | None = None
) -> tuple[float, float]:
    """Return third and fourth moments of the errors from those of the demeaned residuals.

    A demeaned residual is a weighted sum of errors with weights from a row of M; sums of powers of
    the weights have a closed form because M is a Kronecker product of the centring matrix of T
    periods and of ``I - p p' / p'p``, p mostly one.
    """

    def power_sum(size: int, power: int) -> float:
        return float((1 - 1 / size) ** power + (size - 1) * (-1 / size) ** power)

    def power_sum_over_units(power: int) -> float:
        if p is None:
            return power_sum(n, power)
        root = p / np.sqrt(p @ p)
        others = ((-root) ** power).sum() - (-root) ** power
        return float(((1 - root**2) ** power + root**power * others).mean())

    powers = {
        power: (power_sum(t, power) if spec.sweeps_units else 1.0)
        * (power_sum_over_units(power) if spec.sweeps_periods else 1.0)
        for power in (2, 3, 4)
    }
    second = float((residuals**2).mean()) / powers[2]
    third = float((residuals**3).mean()) / powers[3] if powers[3] > 1e-8 else 0.0
    fourth = float((residuals**4).mean())
    fourth = (fourth - 3 * second**2 * (powers[2] ** 2 - powers[4])) / powers[4]
    return third, fourth


def clustered(bread: np.ndarray, estimate: Estimate, shape: tuple[int, int]) -> np.ndarray:
    """Return the sandwich for errors that are correlated over time within a unit.

    Scores of a model without rho and lam are linear in the errors, and are summed over time in each
    unit before they are squared. A factor n / (n - 1) corrects for the number of units.

    Parameters
    ----------
    bread : ndarray
        Information that is inverted.
    estimate : Estimate
    shape : tuple
        (n_units, n_periods).

    Returns
    -------
    ndarray
    """
    n, t = shape
    k, s2 = len(estimate.coefs), estimate.sigma2
    e = estimate.residuals.reshape(n, t)
    score = np.zeros((n, t, k + len(estimate.rho) + 3))
    score[:, :, :k] = estimate.filtered[0].reshape(n, t, k) * e[:, :, None] / s2
    score[:, :, -1] = (e**2 - (e**2).mean()) / (2 * s2**2)
    by_unit = score.sum(axis=1)[:, estimate.kept]
    inverse = scaled_inverse(bread)
    return np.asarray(inverse @ (by_unit.T @ by_unit) @ inverse * n / (n - 1))


def driscoll_kraay(
    bread: np.ndarray,
    estimate: Estimate,
    shape: tuple[int, int],
    lags: int | None = None,
) -> np.ndarray:
    """Return the sandwich for errors that are correlated across units and over time.

    Scores are summed over units in each period, and a Bartlett kernel over ``lags`` periods
    accounts for serial correlation (Driscoll and Kraay 1998). It needs many periods, not many
    units.

    Parameters
    ----------
    bread, estimate, shape
        As in `clustered`.
    lags : int, optional
        By default ``floor(4 (T / 100)^(2/9))`` (Newey and West 1994).

    Returns
    -------
    ndarray
    """
    n, t = shape
    k, r, s2 = len(estimate.coefs), len(estimate.rho), estimate.sigma2
    e = estimate.residuals.reshape(n, t)
    z, lag_y = estimate.filtered
    q = estimate.lagged_disturbances.reshape(n, t)
    score = np.zeros((t, k + r + 3))
    score[:, :k] = np.einsum("itk,it->tk", z.reshape(n, t, k), e) / s2
    score[:, k : k + r] = np.einsum("itr,it->tr", lag_y.reshape(n, t, r), e) / s2
    score[:, k + r] = (q * e).sum(axis=0) / s2
    score[:, -1] = (e**2).sum(axis=0) / (2 * s2**2)
    # At the maximum the scores add up to the derivative of the log-determinant, which is
    # subtracted.
    score[:, k:] -= score[:, k:].mean(axis=0)
    inverse = scaled_inverse(bread)
    return np.asarray(inverse @ over_periods(score[:, estimate.kept], lags) @ inverse)


def over_periods(score: np.ndarray, lags: int | None = None) -> np.ndarray:
    """Return the variance of the sum of scores by period, shape (T, K), by a Bartlett kernel.

    Parameters
    ----------
    score : ndarray
        Shape (T, K).
    lags : int, optional
        As in `driscoll_kraay`.

    Returns
    -------
    ndarray
        Shape (K, K).
    """
    t = len(score)
    width = int(4 * (t / 100) ** (2 / 9)) if lags is None else lags
    meat = score.T @ score
    for lag in range(1, min(width, t - 1) + 1):
        cross = score[lag:].T @ score[:-lag]
        meat += (1 - lag / (width + 1)) * (cross + cross.T)
    return np.asarray(meat)
