"""Information matrices of (beta, theta, rho, sigma2), the bias correction, and the QML sandwich.

Notation: ``G = W (I - rho W)^-1``, ``z`` the swept regressors, ``eta = E(y)`` the structural part
``(I - rho W)^-1 (X beta + W X theta + effects)``, M the sweeping projection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from nqp_spatial.regression.factors import factorize
from nqp_spatial.regression.likelihood import ConcentratedLikelihood
from nqp_spatial.regression.logdet import LogDet
from nqp_spatial.regression.spec import RegressionSpec
from nqp_spatial.regression.transform import Counts, Projection, swept

__all__ = ["Estimate", "bias_corrected", "expected", "observed", "robust"]

# Up to this size G is formed once as a dense matrix (its trace of squares is then exact); beyond,
# tr G'G is estimated from random probes through sparse factorisations.
DENSE_UP_TO = 4000
PROBES = 200


@dataclass(frozen=True)
class Estimate:
    """A point in the parameter space, and the data it belongs to.

    Attributes
    ----------
    coefs : ndarray
        beta and theta, shape (K,).
    rho, sigma2 : float
    projection : Projection
    counts : Counts
    """

    coefs: np.ndarray
    rho: float
    sigma2: float
    projection: Projection
    counts: Counts

    @property
    def residuals(self) -> np.ndarray:
        """Swept residuals, shape (N,)."""
        p = self.projection
        return np.asarray(p.y - self.rho * p.lag_y - p.z @ self.coefs)


def estimate_at(
    rho: float, projection: Projection, counts: Counts, likelihood: ConcentratedLikelihood
) -> Estimate:
    """Return the parameters that maximise the likelihood given rho."""
    coefs = projection.coef_y - rho * projection.coef_lag
    sigma2 = likelihood.sum_of_squares(rho) / counts.observations
    return Estimate(coefs, rho, sigma2, projection, counts)


def observed(estimate: Estimate, logdet: LogDet) -> np.ndarray:
    """Return minus the Hessian of the log-likelihood, shape (K + 2, K + 2).

    The only trace in it is tr G^2 = -L''(rho).
    """
    p, s2, rho = estimate.projection, estimate.sigma2, estimate.rho
    m, less_one = estimate.counts.copies, estimate.counts.less_one
    e = estimate.residuals
    trace = -float(logdet.second_derivative(rho)) - less_one / (1 - rho) ** 2
    k = len(estimate.coefs)
    h = np.zeros((k + 2, k + 2))
    h[:k, :k] = p.z.T @ p.z / s2
    h[:k, k] = p.z.T @ p.lag_y / s2
    h[:k, k + 1] = p.z.T @ e / s2**2
    h[k, k] = m * trace + p.lag_y @ p.lag_y / s2
    h[k, k + 1] = p.lag_y @ e / s2**2
    h[k + 1, k + 1] = e @ e / s2**3 - estimate.counts.observations / (2 * s2**2)
    return _mirrored(h)


@dataclass(frozen=True)
class Spill:
    """Moments of G that the expected information needs, at one rho.

    Attributes
    ----------
    trace, trace_square, trace_cross : float
        tr G, tr G^2, tr G'G, each less the share of the periods swept out.
    mean_part : ndarray
        Swept ``G (X beta + W X theta + effects)``, shape (N,).
    diagonal : ndarray or None
        Diagonal of ``J G`` (J sweeps period means, if any), shape (n,); None if not asked for.
    note : str
        How tr G'G was had, if not exactly.
    """

    trace: float
    trace_square: float
    trace_cross: float
    mean_part: np.ndarray
    diagonal: np.ndarray | None
    note: str


def spill(
    estimate: Estimate,
    structural: np.ndarray,
    matrix: sparse.csr_array,
    logdet: LogDet,
    spec: RegressionSpec,
    *,
    diagonal: bool = False,
    seed: int | None = 0,
) -> Spill:
    """Compute the moments of G.

    Parameters
    ----------
    estimate : Estimate
    structural : ndarray
        ``X beta + W X theta + effects``, shape (n_units, n_periods).
    matrix : csr_array
        W.
    logdet : LogDet
    spec : RegressionSpec
    diagonal : bool
        Whether the diagonal is needed (by the sandwich), which costs n solves.
    seed : int, optional
        For the probes at large n.
    """
    rho, n = estimate.rho, matrix.shape[0]
    less_one = estimate.counts.less_one
    factor = factorize(matrix, rho)
    mean_part = swept(matrix @ factor.solve(np.asarray(structural, order="F")), spec).ravel()
    ones = factor.solve(matrix.T @ np.ones(n), trans="T")  # G'1
    note, diag = "", None
    if n <= DENSE_UP_TO or diagonal:
        cross, diag = _exact_cross(factor, matrix, ones, centred=spec.sweeps_periods)
    else:
        rng = np.random.default_rng(seed)
        probes = rng.choice(np.array([-1.0, 1.0]), size=(n, PROBES))
        each = ((matrix @ factor.solve(probes)) ** 2).sum(axis=0)
        cross = float(each.mean())
        error = each.std(ddof=1) / np.sqrt(PROBES) / cross
        note = f"tr G'G estimated from {PROBES} probes, relative error {error:.1e}"
    trace = -float(logdet.derivative(rho)) - less_one / (1 - rho)
    square = -float(logdet.second_derivative(rho)) - less_one / (1 - rho) ** 2
    cross -= less_one * float(ones @ ones) / n
    return Spill(trace, square, cross, mean_part, diag if diagonal else None, note)


def _exact_cross(
    factor: object, matrix: sparse.csr_array, ones: np.ndarray, *, centred: bool
) -> tuple[float, np.ndarray]:
    """Return tr G'G and the diagonal of J G from n solves, in blocks of columns."""
    n = matrix.shape[0]
    cross, diagonal = 0.0, np.empty(n)
    for start in range(0, n, 500):
        stop = min(start + 500, n)
        unit = np.zeros((n, stop - start))
        unit[np.arange(start, stop), np.arange(stop - start)] = 1.0
        columns = matrix @ factor.solve(unit)  # type: ignore[attr-defined]
        cross += float((columns**2).sum())
        diagonal[start:stop] = columns[np.arange(start, stop), np.arange(stop - start)]
    if centred:
        diagonal -= ones / n  # ones'G = column sums
    return cross, diagonal


def expected(estimate: Estimate, moments: Spill) -> np.ndarray:
    """Return the expected information, shape (K + 2, K + 2) (Lee and Yu 2010, section 2.2)."""
    p, s2, counts = estimate.projection, estimate.sigma2, estimate.counts
    k = len(estimate.coefs)
    h = np.zeros((k + 2, k + 2))
    h[:k, :k] = p.z.T @ p.z / s2
    h[:k, k] = p.z.T @ moments.mean_part / s2
    h[k, k] = (
        counts.copies * (moments.trace_square + moments.trace_cross)
        + moments.mean_part @ moments.mean_part / s2
    )
    h[k, k + 1] = counts.copies * moments.trace / s2
    h[k + 1, k + 1] = counts.observations / (2 * s2**2)
    return _mirrored(h)


def robust(
    bread: np.ndarray,
    information: np.ndarray,
    estimate: Estimate,
    moments: Spill,
    spec: RegressionSpec,
    shape: tuple[int, int],
) -> np.ndarray:
    """Return the QML sandwich covariance, right when errors are not normal (Lee 2004).

    The score is linear and quadratic in the errors: ``z'e / s2``, ``(b'e + e'Ae - tr)/s2`` with
    ``b = M G eta``, ``A = M (I kron G)``, and ``(e'Me - N s2) / (2 s2^2)``. Its variance is the
    expected information plus terms in the third and fourth moment of the errors and the diagonals
    of A and M. The moments are those of the residuals, put right for the sweeping.

    Parameters
    ----------
    bread : ndarray
        Information that is inverted, shape (K + 2, K + 2).
    information : ndarray
        The expected information.
    estimate, moments, spec
        As above; ``moments.diagonal`` is needed.
    shape : tuple
        (n_units, n_periods).

    Returns
    -------
    ndarray
        Covariance, shape (K + 2, K + 2).
    """
    n, t = shape
    s2, p, k = estimate.sigma2, estimate.projection, len(estimate.coefs)
    third, fourth = _error_moments(estimate.residuals, spec, n, t)
    shrink = (1 - 1 / t) if spec.sweeps_units else 1.0
    assert moments.diagonal is not None
    diag_a = np.repeat(shrink * moments.diagonal, t)
    diag_m = np.full(n * t, shrink * ((1 - 1 / n) if spec.sweeps_periods else 1.0))
    linear = np.column_stack([p.z / s2, moments.mean_part / s2, np.zeros(n * t)])
    square = np.zeros((n * t, k + 2))
    square[:, k] = diag_a / s2
    square[:, k + 1] = diag_m / (2 * s2**2)
    skew = third * (linear.T @ square)
    extra = skew + skew.T + (fourth - 3 * s2**2) * (square.T @ square)
    inverse = _scaled_inverse(bread)
    return np.asarray(inverse @ (information + extra) @ inverse)


def _error_moments(
    residuals: np.ndarray, spec: RegressionSpec, n: int, t: int
) -> tuple[float, float]:
    """Return third and fourth moments of the errors from those of the swept residuals.

    A swept residual is a weighted sum of errors with the weights of a row of M; sums of the
    weights' powers come in closed form because M is a Kronecker product of centring matrices.
    """

    def power_sum(size: int, power: int) -> float:
        return float((1 - 1 / size) ** power + (size - 1) * (-1 / size) ** power)

    powers = {
        power: (power_sum(t, power) if spec.sweeps_units else 1.0)
        * (power_sum(n, power) if spec.sweeps_periods else 1.0)
        for power in (2, 3, 4)
    }
    second = float((residuals**2).mean()) / powers[2]
    third = float((residuals**3).mean()) / powers[3] if powers[3] > 1e-8 else 0.0
    fourth = float((residuals**4).mean())
    fourth = (fourth - 3 * second**2 * (powers[2] ** 2 - powers[4])) / powers[4]
    return third, fourth


def bias_corrected(estimate: Estimate, information: np.ndarray) -> Estimate:
    """Return the estimate less its bias from period dummies (Lee and Yu 2010, section 4).

    With m copies of the log-determinant and period effects left in as dummies, the score at the
    truth has mean ``-(0, m / (1 - rho), m / (2 sigma2))``, because ``tr(J G) = tr G - 1/(1 - rho)``
    where the rows of W add to one. The bias is the inverse information times that mean.
    """
    k, m = len(estimate.coefs), estimate.counts.copies
    score = np.zeros(k + 2)
    score[k] = m / (1 - estimate.rho)
    score[k + 1] = m / (2 * estimate.sigma2)
    step = _scaled_inverse(information) @ score
    return Estimate(
        estimate.coefs + step[:k],
        estimate.rho + step[k],
        estimate.sigma2 + step[k + 1],
        estimate.projection,
        estimate.counts,
    )


def covariance_of(information: np.ndarray) -> np.ndarray:
    """Return the inverse information."""
    return _scaled_inverse(information)


def _scaled_inverse(matrix: np.ndarray) -> np.ndarray:
    """Invert after scaling to a unit diagonal: units of measurement must not decide precision."""
    scale = 1 / np.sqrt(np.diag(matrix))
    return np.asarray(np.linalg.inv(matrix * np.outer(scale, scale)) * np.outer(scale, scale))


def _mirrored(upper: np.ndarray) -> np.ndarray:
    return np.asarray(np.triu(upper) + np.triu(upper, 1).T)
