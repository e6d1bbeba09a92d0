"""Information matrices of (coefficients, rho, lam, phi, sigma2), and bias correction.

Notation: ``A = I - sum_k rho_k W_k`` over the R matrices of W y (mostly one), ``B = I - lam W_u``,
``G_k = W_k A^-1``, ``F_k = B G_k B^-1``, ``H = W_u B^-1``, z the demeaned regressors, ``eta`` the
structural part (regressors and effects), M the demeaning projection, e the demeaned and filtered
residuals. With random unit effects, the unit means of series are weighted by phi instead
(`Estimate.weighted`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from scipy import sparse

from nqp_spatial.core.text import t
from nqp_spatial.errors import ConvergenceError
from nqp_spatial.regression._demeaning import LikelihoodCounts, Projection, demean, unit_means
from nqp_spatial.regression.covariance.square_traces import (
    Spill,
    SquareTrace,
    squares_of_one,
    squares_of_two,
)
from nqp_spatial.regression.likelihood.concentrated import ConcentratedLikelihood
from nqp_spatial.regression.likelihood.factorization import (
    DenseFactor,
    Factor,
    factorize,
    factorize_system,
)
from nqp_spatial.regression.likelihood.lag_solver import LagSolver
from nqp_spatial.regression.likelihood.log_determinant import FactorLogDet, LogDet
from nqp_spatial.regression.likelihood.selected_inverse import spill_diagonals
from nqp_spatial.regression.likelihood.several_lags import (
    LagMatrices,
    derivatives_of,
    system_of,
    weighted_sum,
)
from nqp_spatial.regression.likelihood.sizes import (
    BLOCK,
    DENSE_UP_TO,
    PROBES,
    SQUARE_PROBES,
    probe_signs,
)
from nqp_spatial.regression.spec import RegressionSpec

__all__ = ["Estimate", "bias_corrected", "expected", "observed", "scaled_inverse"]

# Of one W the traces of products are sums of entries of a sparse inverse. Of several, F and H are
# formed once, block by block, up to a certain size. Beyond it, random probes estimate the traces.


@dataclass(frozen=True, eq=False)
class Estimate:
    """A point in the parameter space, and the data it belongs to.

    Attributes
    ----------
    coefs : ndarray
        Coefficients of the columns of z, shape (K,).
    rho : ndarray
        Shape (R,); one zero where the model has no rho.
    lam, phi, psi, sigma2 : float
    projection : Projection
    counts : LikelihoodCounts
    active : tuple of int
        Which of the R + 3 parameters (rho, lam, phi, psi) the model has.
    """

    coefs: np.ndarray
    rho: np.ndarray
    lam: float
    sigma2: float
    projection: Projection
    counts: LikelihoodCounts
    active: tuple[int, ...] = ()
    phi: float = 1.0
    psi: float = 0.0

    def weighted(self, array: np.ndarray) -> np.ndarray:
        """Return a series with its unit means weighted by phi, shape (N, ...)."""
        if not self.counts.units:
            return array
        return array - (1 - self.phi) * unit_means(array, self.projection.periods)

    @cached_property
    def series(self) -> Projection:
        """The series of the projection, without what filtered period dummies explain of them."""
        return self.projection.net_of_periods(self.lam)

    @property
    def disturbances(self) -> np.ndarray:
        """Demeaned u, shape (N,)."""
        p = self.series
        return np.asarray(p.y - p.lag_y @ self.rho - p.z @ self.coefs)

    @property
    def lagged_disturbances(self) -> np.ndarray:
        """Demeaned and weighted W_u u, shape (N,); zeros where errors are not spatial."""
        if self.series.by_u is None:
            return np.zeros_like(self.series.y)
        z, y, lag_y = self.series.by_u
        return self.weighted(y - lag_y @ self.rho - z @ self.coefs)

    @property
    def innovations(self) -> np.ndarray:
        """Demeaned and filtered residuals, including random effects, shape (N,)."""
        filtered_u = self.disturbances
        if self.series.by_u is not None:
            z, y, lag_y = self.series.by_u
            filtered_u = filtered_u - self.lam * (y - lag_y @ self.rho - z @ self.coefs)
        return np.asarray(filtered_u)

    @property
    def residuals(self) -> np.ndarray:
        """Demeaned, filtered and weighted residuals e, shape (N,)."""
        return self.weighted(self.innovations)

    @property
    def filtered(self) -> tuple[np.ndarray, np.ndarray]:
        """Demeaned, filtered and weighted z and W_k y, shapes (N, K) and (N, R)."""
        p = self.series
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
        return [*range(k), *(k + which for which in self.active), k + len(self.rho) + 2]


def estimate_at(
    at: np.ndarray, projection: Projection, likelihood: ConcentratedLikelihood
) -> Estimate:
    """Return the parameters that maximise the likelihood given (rho, lam, phi)."""
    rho, lam, phi = at[:-2], float(at[-2]), float(at[-1])
    coefs = projection.coef_y - projection.coef_lag @ rho
    products, counts = likelihood.products, likelihood.counts
    if products.filtered and len(coefs):
        turned = products.parts(lam, phi)[3]
        coefs = coefs + projection.unscale @ (turned @ np.concatenate([[1.0], -rho]))
    sigma2 = products.value(at) / counts.observations
    return Estimate(coefs, rho, lam, sigma2, projection, counts, tuple(likelihood.active), phi)


def observed(
    estimate: Estimate, logdets: tuple[LogDet | LagMatrices | None, LogDet | None]
) -> np.ndarray:
    """Return minus the Hessian of the log-likelihood in the parameters that the model has.

    The only traces that it needs are tr G_k G_l, from L_y''(rho), and tr H^2 = -L_u''(lam).
    """
    s2, counts = estimate.sigma2, estimate.counts
    z, lag_y = estimate.filtered
    e, q = estimate.residuals, estimate.lagged_disturbances
    k, r, m = len(estimate.coefs), len(estimate.rho), counts.n_logdets
    rho, lam, phi, last = slice(k, k + r), k + r, k + r + 1, k + r + 2
    points = (estimate.rho, np.array([estimate.lam]))
    traces = [
        -derivatives_of(logdet, x, counts.drops_unit_root)[1]
        for logdet, x in zip(logdets, points, strict=True)
    ]
    h = np.zeros((k + r + 3, k + r + 3))
    h[:k, :k] = z.T @ z / s2
    h[:k, rho] = z.T @ lag_y / s2
    h[:k, last] = z.T @ e / s2**2
    h[rho, rho] = m * traces[0] + lag_y.T @ lag_y / s2
    h[rho, last] = lag_y.T @ e / s2**2
    if estimate.series.by_u is not None:
        z_u, _, lag_y_u = (estimate.weighted(part) for part in estimate.series.by_u)
        h[:k, lam] = (z_u.T @ e + z.T @ q) / s2
        h[rho, lam] = (lag_y_u.T @ e + lag_y.T @ q) / s2
        h[lam, lam] = m * traces[1][0, 0] + q @ q / s2
        dummies = estimate.series.filtered_periods
        if dummies is not None:
            # The effects of the periods move with lam.
            moved = dummies.on_dummies(q, estimate.lam) * dummies.square(estimate.lam)[0]
            moved = moved + dummies.sums @ e.reshape(-1, dummies.periods)
            h[lam, lam] -= moved @ moved / (dummies.square(estimate.lam)[0] * s2)
        h[lam, last] = q @ e / s2**2
    if counts.units:
        # The unit means enter e multiplied by phi: the derivative with respect to phi is these
        # means.
        scale = estimate.phi
        means = unit_means(e, estimate.projection.periods)
        h[:k, phi] = -2 * z.T @ means / (scale * s2)
        h[rho, phi] = -2 * lag_y.T @ means / (scale * s2)
        h[lam, phi] = -2 * q @ means / (scale * s2)
        h[phi, phi] = counts.units / scale**2 + means @ means / (scale**2 * s2)
        h[phi, last] = -means @ means / (scale * s2**2)
    h[last, last] = e @ e / s2**3 - counts.observations / (2 * s2**2)
    return _mirrored(h)[np.ix_(estimate.kept, estimate.kept)]


@dataclass(frozen=True, eq=False)
class TraceMoments:
    """Moments of the F_k and H that the expected information needs, at one estimate.

    Attributes
    ----------
    traces : ndarray
        tr F_k and tr H, each minus the contribution of the removed period effects, shape (R + 1,).
    products : ndarray
        ``tr(P Q) + tr(P'Q)`` for P, Q each of (F_1 ... F_R, H), minus that contribution.
    mean_part : ndarray
        Demeaned ``B G_k eta``, shape (N, R).
    diagonals : ndarray or None
        Diagonals of ``J F_k`` and ``J H`` (J removes period means, if any), shape (n, R + 1); None
        if not requested.
    note : str
        How the products were calculated, if not exactly.
    """

    traces: np.ndarray
    products: np.ndarray
    mean_part: np.ndarray
    diagonals: np.ndarray | None
    note: str


def trace_moments(
    estimate: Estimate,
    structural: np.ndarray,
    matrices: tuple[sparse.csr_array | Sequence[sparse.csr_array] | None, sparse.csr_array | None],
    logdets: tuple[LogDet | LagMatrices | None, LogDet | None],
    spec: RegressionSpec,
    *,
    diagonal: bool = False,
    seed: int | None = 0,
) -> TraceMoments:
    """Compute the moments of F and H.

    Parameters
    ----------
    estimate : Estimate
    structural : ndarray
        Regressors and effects, shape (n_units, n_periods).
    matrices : tuple
        W_y, or the W_k, or None; and W_u or None.
    logdets : tuple
        Their log-determinants.
    spec : RegressionSpec
    diagonal : bool
        Whether the sandwich needs diagonals, which requires n solves if there are several W.
    seed : int, optional
        Seed of the probes at large n.
    """
    n, r, drops = structural.shape[0], len(estimate.rho), estimate.counts.drops_unit_root
    # Of many units few columns are solved for: the analysis of the log-determinant serves them.
    shared = logdets if n > DENSE_UP_TO else (None, None)
    pair = FilterPair(matrices, (estimate.rho, estimate.lam), spec, shared)
    traces, products = np.zeros(r + 1), np.zeros((r + 1, r + 1))
    points = (estimate.rho, np.array([estimate.lam]))
    for term, logdet, x in zip((slice(0, r), slice(r, r + 1)), logdets, points, strict=True):
        first, second = derivatives_of(logdet, x, drops)
        # tr(PQ) is known; tr(P'Q) is added to it below.
        traces[term], products[term, term] = -first, -second
    crossed = all(logdet is not None for logdet in logdets)
    note, diagonals = "", np.zeros((n, r + 1))
    dummies = estimate.projection.filtered_periods
    direction = np.ones(n) if dummies is None else dummies.direction(estimate.lam)
    ones = np.column_stack(
        [pair.times(which, direction, transposed=True) for which in range(r + 1)]
    )
    known = _squares_of_one(pair, logdets, products.diagonal(), drops, seed, diagonal=diagonal)
    common = pair.common if crossed else None
    both = None if common is None else squares_of_two(common, float(pair.rho[0]), pair.lam)
    if known is not None:
        which, squares_of_it = known
        products[which, which] += squares_of_it.value
        if squares_of_it.diagonal is not None:
            diagonals[:, which] = squares_of_it.diagonal
        note = _probes_note(SQUARE_PROBES, squares_of_it.error) if squares_of_it.error else ""
    elif both is not None:
        products += both[0]
        diagonals = both[1]
    elif n <= DENSE_UP_TO or diagonal:
        for start in range(0, n, BLOCK):
            unit = _unit_columns(n, start)
            rows = np.arange(unit.shape[1])
            images = [pair.times(which, unit) for which in range(r + 1)]
            products += _cross_sums(images)
            if crossed:
                back = pair.times(r, unit, transposed=True)
                products[:r, r] += [(image * back).sum() for image in images[:r]]
            diagonals[start + rows] = np.column_stack([im[start + rows, rows] for im in images])
    else:
        probes = probe_signs(n, PROBES, seed)
        images = [pair.times(which, probes) for which in range(r + 1)]
        products += _cross_sums(images) / PROBES
        if crossed:
            for which in range(r):
                back = pair.times(which, probes, transposed=True)
                products[which, r] += (back * images[r]).sum() / PROBES
        squares = [(image**2).sum(axis=0) for image in images]
        worst = max(
            float(row.std(ddof=1) / np.sqrt(PROBES) / max(abs(row.mean()), 1e-300))
            for row in squares
            if row.any()
        )
        note = _probes_note(PROBES, worst)
    if drops:
        gaps = ones.T @ ones / n
        if crossed:
            gaps[:r, r] += 1 / ((1 - estimate.rho) * (1 - estimate.lam))
        products -= np.triu(gaps)
    if estimate.counts.corrects_score:
        on_p = np.column_stack([pair.times(which, direction) for which in range(r + 1)])
        lost, lost_products = _lost_to_dummies(direction, ones, on_p)
        traces -= lost
        products -= np.triu(lost_products)
    if spec.sweeps_periods:
        # p p'P / p'p, where p is mostly one, so that p'P are the column sums.
        diagonals -= direction[:, None] * ones / float(direction @ direction)
        if dummies is not None:
            diagonals[:, r] -= dummies.slope_of_diagonal(estimate.lam) / 2
    spilled = [mean_of_score(estimate, part, spec) for part in pair.filtered_spill(structural)]
    return TraceMoments(
        traces, np.triu(products) + np.triu(products, 1).T, np.column_stack(spilled),
        diagonals if diagonal else None, note,
    )  # fmt: skip


def _squares_of_one(
    pair: FilterPair,
    logdets: tuple[LogDet | LagMatrices | None, LogDet | None],
    known: np.ndarray,
    drops: int,
    seed: int | None,
    *,
    diagonal: bool,
) -> tuple[int, SquareTrace] | None:
    """Return which form a model has, if it has only one, and the trace of its square.

    ``known`` has tr F F and tr H H, minus the contribution of the removed period effects.
    """
    matrices = [*pair.outcome, *([] if pair.error is None else [pair.error])]
    which = 0 if pair.outcome else pair.n_rho
    logdet = logdets[0] if pair.outcome else logdets[1]
    if len(matrices) != 1 or logdet is None or isinstance(logdet, LagMatrices):
        return None
    rho = float(pair.rho[0]) if pair.outcome else pair.lam
    is_exact = logdet.error(rho)[1] == 0
    whole = float(known[which]) + drops / (1 - rho) ** 2 if is_exact else None
    spill = Spill(matrices[0], rho, partial(pair.times, which), whole)
    squares = squares_of_one(spill, seed, diagonal=diagonal)
    return None if squares is None else (which, squares)


def _probes_note(probes: int, error: float) -> str:
    return t(
        "traces of squares estimated from {probes} probes, relative error {error:.1e}",
        probes=probes, error=error,
    )  # fmt: skip


def _lost_to_dummies(
    p: np.ndarray, transposed: np.ndarray, images: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what ``J = I - p p' / p'p`` takes from the traces of F_k and H, and of their products.

    The forms in the scores are ``J F_k`` and ``J H - J'/2``, J' the derivative by lam,
    ``J' = (q p' + p q') / p'p`` with ``q = J W_u 1``.

    Parameters
    ----------
    p : ndarray
        Filtered dummy of a period, shape (n,).
    transposed, images : ndarray
        P'p and P p for P each of (F_1 ... F_R, H), shape (n, R + 1).
    """
    square = float(p @ p)
    means = p @ images / square
    q = images[:, -1] - p * means[-1]
    crossed = transposed.T @ images
    lost = (crossed + crossed.T + transposed.T @ transposed) / square - np.outer(means, means)
    on_q = q @ images / square
    lost[:, -1] += on_q
    lost[-1, :-1] += on_q[:-1]
    return means, lost


def mean_of_score(estimate: Estimate, part: np.ndarray, spec: RegressionSpec) -> np.ndarray:
    """Return ``B G_k eta`` without the effects, shape (N,)."""
    demeaned = demean(part, spec).ravel()
    dummies = estimate.projection.filtered_periods
    if dummies is None:
        return estimate.weighted(demeaned)
    only_units = part - part.mean(axis=1, keepdims=True) * spec.sweeps_units
    return dummies.swept(only_units.ravel(), estimate.lam)


def _cross_sums(images: Sequence[np.ndarray]) -> np.ndarray:
    """Return ``tr(P'Q)`` from the images of unit columns, above the diagonal."""
    sums = np.zeros((len(images), len(images)))
    present = [i for i, image in enumerate(images) if image.any()]  # not of absent terms
    for place, i in enumerate(present):
        for j in present[place:]:
            sums[i, j] = (images[i] * images[j]).sum()
    return sums


class FilterPair:
    """Products with F_k and H, from two sparse factorisations."""

    def __init__(
        self,
        matrices: tuple[
            sparse.csr_array | Sequence[sparse.csr_array] | None, sparse.csr_array | None
        ],
        at: tuple[np.ndarray, float],
        spec: RegressionSpec,
        logdets: tuple[object, object] = (None, None),
    ) -> None:
        lags = matrices[0] if spec.has_rho else None
        lags = [lags] if isinstance(lags, sparse.csr_array) else lags
        self.outcome = list(lags or ())
        self.error = matrices[1] if spec.has_lam else None
        self.rho, self.lam = np.atleast_1d(at[0]), at[1]
        self.n_rho = len(self.rho)
        self.a = _factor(self.outcome, self.rho, logdets[0]) if self.outcome else None
        # One analysis of a common W holds one factor at a time.
        other = None if self.outcome and logdets[1] is logdets[0] else logdets[1]
        self.b = None if self.error is None else _factor([self.error], np.array([at[1]]), other)

    @property
    def common(self) -> sparse.csr_array | None:
        """The W of which F and H are functions; None if they have several."""
        matrices = [*self.outcome, *([] if self.error is None else [self.error])]
        is_one = matrices and all(matrix is matrices[0] for matrix in matrices)
        return matrices[0] if is_one and len(self.outcome) < 2 else None

    def diagonals(self, active: Sequence[int]) -> np.ndarray | None:
        """Return the diagonals of F and H, shape (n, forms); None where they need n solves."""
        matrix = self.common
        if matrix is None:
            return None
        points = [self.lam if which == self.n_rho else float(self.rho[which]) for which in active]
        columns = [spill_diagonals(matrix, point) for point in points]
        if any(column is None for column in columns):
            return None
        return np.column_stack([column for column in columns if column is not None])

    def times(self, which: int, x: np.ndarray, *, transposed: bool = False) -> np.ndarray:
        """Return F_k x (``which`` < R) or H x (``which`` = R), or of the transposes."""
        if not x.any():
            return np.zeros_like(x)
        if which == self.n_rho:
            if self.error is None or self.b is None:
                return np.broadcast_to(0.0, x.shape)  # without memory
            if transposed:
                return np.asarray(self.b.solve(self.error.T @ x, trans="T"))
            return np.asarray(self.error @ self.b.solve(x))
        if self.a is None:
            return np.broadcast_to(0.0, x.shape)  # without memory
        lag = self.outcome[which]
        if self.b is None or self.error is None or self.common is not None:
            if transposed:  # functions of one W commute, so that B G B^-1 = G
                return np.asarray(self.a.solve(lag.T @ x, trans="T"))
            return np.asarray(lag @ self.a.solve(x))
        if transposed:
            x = x - self.lam * (self.error.T @ x)
            return np.asarray(self.b.solve(self.a.solve(lag.T @ x, trans="T"), trans="T"))
        x = lag @ self.a.solve(self.b.solve(x))
        return np.asarray(x - self.lam * (self.error @ x))

    def filtered_spill(self, structural: np.ndarray) -> list[np.ndarray]:
        """Return B G_k eta for each k."""
        if self.a is None:
            return [np.zeros_like(structural)] * self.n_rho
        reached = self.a.solve(structural)
        images = [lag @ reached for lag in self.outcome]
        if self.error is not None:
            images = [image - self.lam * (self.error @ image) for image in images]
        return [np.asarray(image) for image in images]


def _factor(matrices: Sequence[sparse.csr_array], at: np.ndarray, logdet: object) -> Factor:
    """Return a solver for I - sum at_k W_k; dense for few units, where F is one dense block."""
    if matrices[0].shape[0] <= BLOCK:
        return DenseFactor(weighted_sum(matrices, at), 1.0)
    if len(matrices) > 1:
        return factorize(weighted_sum(matrices, at), 1.0)
    if isinstance(logdet, FactorLogDet):
        return logdet.factor(float(at[0]))
    return LagSolver(matrices[0], float(at[0]))


def _unit_columns(n: int, start: int) -> np.ndarray:
    stop = min(start + BLOCK, n)
    unit = np.zeros((n, stop - start), order="F")
    unit[np.arange(start, stop), np.arange(stop - start)] = 1.0
    return unit


def expected(estimate: Estimate, moments: TraceMoments) -> np.ndarray:
    """Return the expected information (Lee and Yu 2010, section 2.2, with spatial errors)."""
    s2, counts = estimate.sigma2, estimate.counts
    z, mean_part = estimate.filtered[0], moments.mean_part
    k, r, m = len(estimate.coefs), len(estimate.rho), counts.n_logdets
    rho, spatial, last = slice(k, k + r), slice(k, k + r + 1), k + r + 2
    h = np.zeros((k + r + 3, k + r + 3))
    h[:k, :k] = z.T @ z / s2
    h[:k, rho] = z.T @ mean_part / s2
    h[spatial, spatial] = m * moments.products
    h[rho, rho] += mean_part.T @ mean_part / s2
    h[spatial, last] = m * moments.traces / s2
    if counts.units:
        h[spatial, k + r + 1] = -2 * moments.traces / estimate.phi
        h[k + r + 1, k + r + 1] = 2 * counts.units / estimate.phi**2
        h[k + r + 1, last] = -counts.units / (estimate.phi * s2)
    h[last, last] = counts.observations / (2 * s2**2)
    return _mirrored(h)[np.ix_(estimate.kept, estimate.kept)]


def bias_corrected(estimate: Estimate, information: np.ndarray, score: np.ndarray) -> Estimate:
    """Return the estimate minus its bias (the inverse information times the mean of the score).

    Parameters
    ----------
    estimate : Estimate
    information : ndarray
        In the parameters that the model has.
    score : ndarray
        Minus the mean of the score at the true parameters, in (coefs, rho, lam, phi, sigma2).
    """
    k, r = len(estimate.coefs), len(estimate.rho)
    step = np.zeros(k + r + 3)
    step[estimate.kept] = scaled_inverse(information) @ score[estimate.kept]
    return replace(
        estimate,
        coefs=estimate.coefs + step[:k],
        rho=estimate.rho + step[k : k + r],
        lam=estimate.lam + float(step[k + r]),
        sigma2=estimate.sigma2 + float(step[-1]),
    )


def score_bias_of_periods(
    estimate: Estimate,
    matrices: Sequence[sparse.csr_array] = (),
    error: sparse.csr_array | None = None,
) -> np.ndarray:
    """Return minus the mean of the score where period effects are dummies.

    With m log-determinants it is ``m (0, 1'G_k 1 / n, 1 / (1 - lam), 1 / (2 sigma2))``, because
    ``tr(J G) = tr G - 1'G 1 / n``, which is ``1 / (1 - rho)`` where rows of one W add to one (Lee
    and Yu 2010, section 4). In general it is ``m (0, p'B G_k 1 / p'p, p'W_u 1 / p'p, 1 / (2
    sigma2))`` with ``p = B 1``, because ``J = I - p p' / p'p`` removes the filtered dummies.

    Parameters
    ----------
    estimate : Estimate
    matrices : sequence of csr_array, optional
        The W_k, where there are several, where they have a block for each period, or where rows do
        not add to one.
    error : csr_array, optional
        W_u, where rows of W_u or of W_k do not add to one.
    """
    score = np.zeros(len(estimate.coefs) + len(estimate.rho) + 3)
    by_rho, by_lam = 1 / (1 - estimate.rho), 1 / (1 - estimate.lam)
    if matrices:
        size = matrices[0].shape[0]
        reached = factorize_system(system_of(matrices, estimate.rho)).solve(np.ones(size))
        n = len(estimate.projection.y) // estimate.projection.periods
        by_rho = np.array([float((matrix @ reached).sum()) / n for matrix in matrices])
    if error is not None:
        sums = np.asarray(error.sum(axis=1)).ravel()
        direction = 1 - estimate.lam * sums
        square = float(direction @ direction)
        by_lam = float(direction @ sums) / square
        if matrices:
            weights = direction - estimate.lam * (error.T @ direction)
            by_rho = np.array([float(weights @ (matrix @ reached)) for matrix in matrices]) / square
    score[len(estimate.coefs) :] = (
        *by_rho,
        by_lam,
        0.0,
        1 / (2 * estimate.sigma2),
    )
    return estimate.counts.n_logdets * score


def scaled_inverse(matrix: np.ndarray) -> np.ndarray:
    """Invert after scaling to a unit diagonal, so that precision does not depend on units."""
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
    """Return the inverse, or raise `ConvergenceError` with the reason for singularity."""
    try:
        return np.asarray(np.linalg.inv(matrix))
    except np.linalg.LinAlgError:
        raise ConvergenceError(
            f"{what} cannot be inverted: the data do not identify the parameters; take fewer "
            "regressors, or more units and periods"
        ) from None


def _mirrored(upper: np.ndarray) -> np.ndarray:
    return np.asarray(np.triu(upper) + np.triu(upper, 1).T)
