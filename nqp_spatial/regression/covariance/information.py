"""Information matrices of (coefficients, rho, lam, phi, sigma2), and bias correction.

Notation: ``A = I - rho W_y``, ``B = I - lam W_u``, ``G = W_y A^-1``, ``F = B G B^-1``,
``H = W_u B^-1``, z the swept regressors, ``eta`` the structural part (regressors and effects), M
the sweeping projection, e the swept and filtered residuals. With random unit effects, series have
their unit means weighted by phi instead (`Estimate.weighted`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import linalg as sla

from nqp_spatial.core.text import t
from nqp_spatial.errors import ConvergenceError
from nqp_spatial.regression._demeaning import Counts, Projection, swept, unit_means
from nqp_spatial.regression.likelihood.concentrated import ConcentratedLikelihood
from nqp_spatial.regression.likelihood.factorization import DenseFactor, factorize
from nqp_spatial.regression.likelihood.log_determinant import LogDet
from nqp_spatial.regression.spec import RegressionSpec

__all__ = ["Estimate", "bias_corrected", "expected", "observed", "scaled_inverse"]

# Up to this size F and H are formed once, block by block (their traces are then exact); beyond,
# traces of products are estimated from random probes through sparse factorisations.
DENSE_UP_TO = 4000
PROBES = 200
_BLOCK = 500


@dataclass(frozen=True, eq=False)
class Estimate:
    """A point in the parameter space, and the data it belongs to.

    Attributes
    ----------
    coefs : ndarray
        Of the columns of z, shape (K,).
    rho, lam, phi, sigma2 : float
    projection : Projection
    counts : Counts
    active : tuple of int
        Which of (rho, lam, phi) the model has.
    """

    coefs: np.ndarray
    rho: float
    lam: float
    sigma2: float
    projection: Projection
    counts: Counts
    active: tuple[int, ...] = ()
    phi: float = 1.0

    def weighted(self, array: np.ndarray) -> np.ndarray:
        """Return a series with its unit means weighted by phi, shape (N, ...)."""
        if not self.counts.units:
            return array
        return array - (1 - self.phi) * unit_means(array, self.projection.periods)

    @property
    def disturbances(self) -> np.ndarray:
        """Swept u, shape (N,)."""
        p = self.projection
        return np.asarray(p.y - self.rho * p.lag_y - p.z @ self.coefs)

    @property
    def lagged_disturbances(self) -> np.ndarray:
        """Swept and weighted W_u u, shape (N,); zeros where errors are not spatial."""
        if self.projection.by_u is None:
            return np.zeros_like(self.projection.y)
        z, y, lag_y = self.projection.by_u
        return self.weighted(y - self.rho * lag_y - z @ self.coefs)

    @property
    def innovations(self) -> np.ndarray:
        """Swept and filtered residuals, random effects in them, shape (N,)."""
        found = self.disturbances
        if self.projection.by_u is not None:
            z, y, lag_y = self.projection.by_u
            found = found - self.lam * (y - self.rho * lag_y - z @ self.coefs)
        return np.asarray(found)

    @property
    def residuals(self) -> np.ndarray:
        """Swept, filtered and weighted residuals e, shape (N,)."""
        return self.weighted(self.innovations)

    @property
    def filtered(self) -> tuple[np.ndarray, np.ndarray]:
        """Swept, filtered and weighted z and W y, shapes (N, K) and (N,)."""
        p = self.projection
        if p.by_u is None:
            return self.weighted(p.z), self.weighted(p.lag_y)
        return (
            self.weighted(p.z - self.lam * p.by_u[0]),
            self.weighted(p.lag_y - self.lam * p.by_u[2]),
        )

    @property
    def kept(self) -> list[int]:
        """Rows of the matrices of (coefs, rho, lam, phi, sigma2) that the model has."""
        k = len(self.coefs)
        return [*range(k), *(k + which for which in self.active), k + 3]


def estimate_at(
    at: np.ndarray, projection: Projection, likelihood: ConcentratedLikelihood
) -> Estimate:
    """Return the parameters that maximise the likelihood given (rho, lam, phi)."""
    rho, lam, phi = (float(x) for x in at)
    coefs = projection.coef_y - rho * projection.coef_lag
    squares, counts = likelihood.squares, likelihood.counts
    if squares.filtered and len(coefs):
        turned = squares.parts(lam, phi)[3]
        coefs = coefs + projection.unscale @ (turned @ np.array([1.0, -rho]))
    sigma2 = squares.derivatives(at)[0] / counts.observations
    return Estimate(coefs, rho, lam, sigma2, projection, counts, tuple(likelihood.active), phi)


def observed(estimate: Estimate, logdets: tuple[LogDet | None, LogDet | None]) -> np.ndarray:
    """Return minus the Hessian of the log-likelihood in the parameters that the model has.

    The only traces in it are tr G^2 = -L_y''(rho) and tr H^2 = -L_u''(lam).
    """
    s2, counts = estimate.sigma2, estimate.counts
    z, lag_y = estimate.filtered
    e, q = estimate.residuals, estimate.lagged_disturbances
    traces = [
        0.0
        if logdet is None
        else -float(logdet.second_derivative(x)) - counts.less_one / (1 - x) ** 2
        for logdet, x in zip(logdets, (estimate.rho, estimate.lam), strict=True)
    ]
    k, m = len(estimate.coefs), counts.copies
    h = np.zeros((k + 4, k + 4))
    h[:k, :k] = z.T @ z / s2
    h[:k, k] = z.T @ lag_y / s2
    h[:k, k + 3] = z.T @ e / s2**2
    h[k, k] = m * traces[0] + lag_y @ lag_y / s2
    h[k, k + 3] = lag_y @ e / s2**2
    if estimate.projection.by_u is not None:
        z_u, _, lag_y_u = (estimate.weighted(part) for part in estimate.projection.by_u)
        h[:k, k + 1] = (z_u.T @ e + z.T @ q) / s2
        h[k, k + 1] = (lag_y_u @ e + lag_y @ q) / s2
        h[k + 1, k + 1] = m * traces[1] + q @ q / s2
        h[k + 1, k + 3] = q @ e / s2**2
    if counts.units:
        # The part of e in the unit means is phi times theirs: its derivative by phi is theirs.
        phi = estimate.phi
        means = unit_means(e, estimate.projection.periods)
        h[:k, k + 2] = -2 * z.T @ means / (phi * s2)
        h[k, k + 2] = -2 * lag_y @ means / (phi * s2)
        h[k + 1, k + 2] = -2 * q @ means / (phi * s2)
        h[k + 2, k + 2] = counts.units / phi**2 + means @ means / (phi**2 * s2)
        h[k + 2, k + 3] = -means @ means / (phi * s2**2)
    h[k + 3, k + 3] = e @ e / s2**3 - counts.observations / (2 * s2**2)
    return _mirrored(h)[np.ix_(estimate.kept, estimate.kept)]


@dataclass(frozen=True, eq=False)
class Spill:
    """Moments of F and H that the expected information needs, at one estimate.

    Attributes
    ----------
    traces : ndarray
        tr F and tr H, each less the share of the periods swept out, shape (2,).
    products : ndarray
        ``tr(P Q) + tr(P'Q)`` for P, Q each of (F, H), less that share, shape (2, 2).
    mean_part : ndarray
        Swept ``B G eta``, shape (N,).
    diagonals : ndarray or None
        Diagonals of ``J F`` and ``J H`` (J sweeps period means, if any), shape (n, 2); None if not
        asked for.
    note : str
        How the products were had, if not exactly.
    """

    traces: np.ndarray
    products: np.ndarray
    mean_part: np.ndarray
    diagonals: np.ndarray | None
    note: str


def spill(
    estimate: Estimate,
    structural: np.ndarray,
    matrices: tuple[sparse.csr_array | None, sparse.csr_array | None],
    logdets: tuple[LogDet | None, LogDet | None],
    spec: RegressionSpec,
    *,
    diagonal: bool = False,
    seed: int | None = 0,
) -> Spill:
    """Compute the moments of F and H.

    Parameters
    ----------
    estimate : Estimate
    structural : ndarray
        Regressors and effects, shape (n_units, n_periods).
    matrices : tuple of csr_array or None
        W_y and W_u.
    logdets : tuple of LogDet or None
        Theirs.
    spec : RegressionSpec
    diagonal : bool
        Whether diagonals are needed (by the sandwich), which costs n solves.
    seed : int, optional
        For the probes at large n.
    """
    at, less_one = (estimate.rho, estimate.lam), estimate.counts.less_one
    pair = Pair(matrices, at, spec)
    n = structural.shape[0]
    traces, products = np.zeros(2), np.zeros((2, 2))
    for which, logdet in enumerate(logdets):
        if logdet is not None:
            x = at[which]
            traces[which] = -float(logdet.derivative(x)) - less_one / (1 - x)
            # tr(PP) is known; what is added to it below is tr(P'P).
            products[which, which] = -float(logdet.second_derivative(x)) - less_one / (1 - x) ** 2
    note, diagonals = "", np.zeros((n, 2))
    ones = np.column_stack([pair.times(which, np.ones(n), transposed=True) for which in (0, 1)])
    if n <= DENSE_UP_TO or diagonal:
        blocks = (_unit_columns(n, start) for start in range(0, n, _BLOCK))
        for start, unit in zip(range(0, n, _BLOCK), blocks, strict=True):
            f, h = pair.times(0, unit), pair.times(1, unit)
            products += [[(f * f).sum(), (f * h).sum()], [0.0, (h * h).sum()]]
            if all(logdet is not None for logdet in logdets):
                products[0, 1] += (f * pair.times(1, unit, transposed=True)).sum()
            own = np.arange(unit.shape[1])
            diagonals[start + own] = np.column_stack([f[start + own, own], h[start + own, own]])
    else:
        rng = np.random.default_rng(seed)
        probes = rng.choice(np.array([-1.0, 1.0]), size=(n, PROBES))
        f, h = pair.times(0, probes), pair.times(1, probes)
        back = pair.times(0, probes, transposed=True)
        each = np.array([(f * f).sum(axis=0), (h * h).sum(axis=0), (f * h + back * h).sum(axis=0)])
        means = each.mean(axis=1)
        products += [[means[0], means[2]], [0.0, means[1]]]
        worst = max(
            float(row.std(ddof=1) / np.sqrt(PROBES) / max(abs(row.mean()), 1e-300))
            for row in each[:2]
            if row.any()
        )
        note = t(
            "traces of squares estimated from {probes} probes, relative error {error:.1e}",
            probes=PROBES,
            error=worst,
        )
    if less_one:
        products[0, 0] -= ones[:, 0] @ ones[:, 0] / n
        products[1, 1] -= ones[:, 1] @ ones[:, 1] / n
        if all(logdet is not None for logdet in logdets):
            products[0, 1] -= ones[:, 0] @ ones[:, 1] / n + 1 / ((1 - at[0]) * (1 - at[1]))
    if spec.sweeps_periods:
        diagonals -= ones / n  # 1'P, the column sums
    products[1, 0] = products[0, 1]
    mean_part = estimate.weighted(swept(pair.filtered_spill(structural), spec).ravel())
    return Spill(traces, products, mean_part, diagonals if diagonal else None, note)


class Pair:
    """Products with F and H, from two sparse factorisations."""

    def __init__(
        self,
        matrices: tuple[sparse.csr_array | None, sparse.csr_array | None],
        at: tuple[float, float],
        spec: RegressionSpec,
    ) -> None:
        self.outcome = matrices[0] if spec.has_rho else None
        self.error = matrices[1] if spec.has_lam else None
        self.lam = at[1]
        self.a = None if self.outcome is None else _factor(self.outcome, at[0])
        self.b = None if self.error is None else _factor(self.error, at[1])

    def times(self, which: int, x: np.ndarray, *, transposed: bool = False) -> np.ndarray:
        """Return F x or H x (``which`` 0 or 1), or F'x or H'x."""
        x = np.asarray(x, order="F")
        if which == 1:
            if self.error is None or self.b is None:
                return np.zeros_like(x)
            if transposed:
                return np.asarray(self.b.solve(np.asarray(self.error.T @ x, order="F"), trans="T"))
            return np.asarray(self.error @ self.b.solve(x))
        if self.outcome is None or self.a is None:
            return np.zeros_like(x)
        if transposed:
            x = x if self.error is None else x - self.lam * (self.error.T @ x)
            x = self.a.solve(np.asarray(self.outcome.T @ x, order="F"), trans="T")
            return np.asarray(x if self.b is None else self.b.solve(x, trans="T"))
        x = x if self.b is None else self.b.solve(x)
        x = self.outcome @ self.a.solve(np.asarray(x, order="F"))
        return np.asarray(x if self.error is None else x - self.lam * (self.error @ x))

    def filtered_spill(self, structural: np.ndarray) -> np.ndarray:
        """Return B G eta."""
        if self.outcome is None or self.a is None:
            return np.zeros_like(structural)
        found = self.outcome @ self.a.solve(np.asarray(structural, order="F"))
        return np.asarray(found if self.error is None else found - self.lam * (self.error @ found))


def _factor(matrix: sparse.csr_array, at: float) -> DenseFactor | sla.SuperLU:
    """Return what solves with I - at W: F of so few units is one dense block anyway."""
    return DenseFactor(matrix, at) if matrix.shape[0] <= _BLOCK else factorize(matrix, at)


def _unit_columns(n: int, start: int) -> np.ndarray:
    stop = min(start + _BLOCK, n)
    unit = np.zeros((n, stop - start))
    unit[np.arange(start, stop), np.arange(stop - start)] = 1.0
    return unit


def expected(estimate: Estimate, moments: Spill) -> np.ndarray:
    """Return the expected information (Lee and Yu 2010, section 2.2, with spatial errors)."""
    s2, counts = estimate.sigma2, estimate.counts
    z = estimate.filtered[0]
    k, m, phi = len(estimate.coefs), counts.copies, estimate.phi
    h = np.zeros((k + 4, k + 4))
    h[:k, :k] = z.T @ z / s2
    h[:k, k] = z.T @ moments.mean_part / s2
    h[k : k + 2, k : k + 2] = m * moments.products
    h[k, k] += moments.mean_part @ moments.mean_part / s2
    h[k : k + 2, k + 3] = m * moments.traces / s2
    if counts.units:
        h[k : k + 2, k + 2] = -2 * moments.traces / phi
        h[k + 2, k + 2] = 2 * counts.units / phi**2
        h[k + 2, k + 3] = -counts.units / (phi * s2)
    h[k + 3, k + 3] = counts.observations / (2 * s2**2)
    return _mirrored(h)[np.ix_(estimate.kept, estimate.kept)]


def bias_corrected(estimate: Estimate, information: np.ndarray, score: np.ndarray) -> Estimate:
    """Return the estimate less its bias, the inverse information times the mean of the score.

    Parameters
    ----------
    estimate : Estimate
    information : ndarray
        In the parameters that the model has.
    score : ndarray
        Minus the mean of the score at the truth, in (coefs, rho, lam, phi, sigma2).
    """
    k = len(estimate.coefs)
    step = np.zeros(k + 4)
    step[estimate.kept] = scaled_inverse(information) @ score[estimate.kept]
    return Estimate(
        estimate.coefs + step[:k],
        estimate.rho + step[k],
        estimate.lam + step[k + 1],
        estimate.sigma2 + step[k + 3],
        estimate.projection,
        estimate.counts,
        estimate.active,
    )


def score_bias_of_periods(estimate: Estimate) -> np.ndarray:
    """Return minus the mean of the score where period effects are dummies.

    With m copies of the log-determinant it is ``m (0, 1 / (1 - rho), 1 / (1 - lam),
    1 / (2 sigma2))``, because ``tr(J G) = tr G - 1/(1 - rho)`` where the rows of W add to one (Lee
    and Yu 2010, section 4).
    """
    score = np.zeros(len(estimate.coefs) + 4)
    score[-4:] = (
        1 / (1 - estimate.rho),
        1 / (1 - estimate.lam),
        0.0,
        1 / (2 * estimate.sigma2),
    )
    return estimate.counts.copies * score


def scaled_inverse(matrix: np.ndarray) -> np.ndarray:
    """Invert after scaling to a unit diagonal: units of measurement must not decide precision."""
    sizes = np.diag(matrix)
    if not (sizes > 0).all():
        raise ConvergenceError(
            "the likelihood is not curved downwards at the estimate, so that there are no standard "
            "errors: the data do not identify the parameters; take a simpler model"
        )
    scale = 1 / np.sqrt(sizes)
    scaled = inverted(matrix * np.outer(scale, scale), "the information of the estimates")
    if not (np.diag(scaled) > 0).all():
        raise ConvergenceError(
            "the information of the estimates is not positive definite, so that there are no "
            "standard errors: the data hardly identify the parameters; take a simpler model"
        )
    return np.asarray(scaled * np.outer(scale, scale))


def inverted(matrix: np.ndarray, what: str) -> np.ndarray:
    """Return the inverse, or raise `ConvergenceError` that says what is singular."""
    try:
        return np.asarray(np.linalg.inv(matrix))
    except np.linalg.LinAlgError:
        raise ConvergenceError(
            f"{what} cannot be inverted: the data do not identify the parameters; take fewer "
            "regressors, or more units and periods"
        ) from None


def _mirrored(upper: np.ndarray) -> np.ndarray:
    return np.asarray(np.triu(upper) + np.triu(upper, 1).T)
