"""Generalised spatial two-stage least squares: W y and other endogenous regressors instrumented.

With demeaned ``Z = [X, W X, W y]``, instruments H and ``Zhat = H (H'H)^-1 H'Z``, the coefficients
are ``(Zhat'Z)^-1 Zhat'y``. Where errors are spatial, lam is estimated from the moment conditions
``E e'A_r e = 0, A_1 = W'W - diag(W'W), A_2 = W``, which hold under heteroskedasticity, because A_r
has a zero diagonal; then y and Z are filtered by ``I - lam W`` and instrumented again. Demeaning
preserves the moment conditions: with unit effects exactly, with period effects up to order 1/n.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from scipy import sparse

from nqp_spatial.core.inference import HypothesisTest, NotApplicable, chi2_test
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import ConvergenceError, OptionError, UnknownColumnError, sample
from nqp_spatial.regression._demeaning import demean
from nqp_spatial.regression._design import INTERCEPT
from nqp_spatial.regression._error_dependence import ErrorDependence
from nqp_spatial.regression._evaluation import evaluate_side
from nqp_spatial.regression._formulas import Functions, names_in, quoted
from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression._term_weights import TermWeights, lag
from nqp_spatial.regression.covariance import sandwich
from nqp_spatial.regression.covariance.dependent import (
    positive,
    small_sample_factor,
    variance_of_sum,
    variance_with_forms,
)
from nqp_spatial.regression.covariance.heteroskedastic import heteroskedastic
from nqp_spatial.regression.covariance.information import Estimate, inverted
from nqp_spatial.regression.covariance.quadratic_forms import QuadraticForms, SparseForms
from nqp_spatial.regression.estimators.estimated import Estimated
from nqp_spatial.regression.likelihood.several_lags import spectral_radius_of, weighted_sum
from nqp_spatial.regression.spec import RegressionSpec
from nqp_spatial.weights._spectrum import spectral_radius

__all__ = [
    "bordered",
    "first_stage_strength",
    "fit_gs2sls",
    "orthonormal_basis",
    "score_variance",
]


def fit_gs2sls(
    data: ModelData,
    panel: SpatialPanel,
    endogenous: str | Iterable[str] = (),
    instruments: str | Iterable[str] | None = None,
    functions: Functions | None = None,
) -> Estimated:
    """Estimate by (generalised) spatial two-stage least squares.

    Parameters
    ----------
    data : ModelData
    panel : SpatialPanel
    endogenous : str or iterable of str
        Regressors of the formula that are correlated with the errors.
    instruments : str, iterable of str or None
        Right side of a formula, or columns: variables that are correlated with them and excluded
        from the model.
    functions : mapping, optional
        The caller's own functions that instruments may call.

    Returns
    -------
    Estimated

    Raises
    ------
    UnknownColumnError
        If an endogenous regressor is not in the model.
    OptionError
        If there are fewer instruments than regressors.

    Notes
    -----
    Instruments are the exogenous regressors, the given instruments, and W and W^2 times both,
    without linearly dependent columns. Sources: Kelejian and Prucha (1998), Journal of Real Estate
    Finance and Economics 17, 99-121; (2010), Journal of Econometrics 157, 53-67; Drukker, Egger and
    Prucha (2013), Econometric Reviews 32, 686-733, for endogenous regressors and the covariance;
    Mutl and Pfaffermayr (2011), Econometrics Journal 14, 48-76, and Badinger and Egger (2015) for
    fixed effects.
    """
    spec, design, terms, projection = data.spec, data.design, data.terms, data.projection
    is_endogenous = _endogenous(endogenous, data)
    h, exogenous = _instruments(data, panel, is_endogenous, instruments, functions)
    z, titles = projection.z, list(design.columns)
    if spec.has_rho:
        z = np.column_stack([z, projection.lag_y])
        titles += [f"W y, {part}" if part else "W y" for part in terms.names_y]
        is_endogenous = np.append(is_endogenous, np.ones(len(terms.y), dtype=bool))
    if h.shape[1] < z.shape[1]:
        advice = "name more with instruments='z1 + z2'"
        raise OptionError(
            f"{z.shape[1]} coefficients need as many instruments, there are {h.shape[1]} that are "
            "linearly independent: "
            f"{'add regressors, or tie coefficients' if terms.has_parts else advice}"
        )
    n, n_periods = data.shape
    left = (n - spec.sweeps_periods) * (n_periods - spec.sweeps_units)
    notes = [
        first_stage_strength(z[:, column], titles[column], h, exogenous, left)
        for column in np.flatnonzero(is_endogenous)
    ]
    moments = _Moments(terms.matrix_u, spec, data.shape, data.dependence, bool(is_endogenous.any()))
    first = _second_stage(data, h, 0.0)
    notes += _stability(first.estimate, terms)
    if not spec.has_lam:
        cov, more = first.covariance()
        tests = {"J": first.overidentification(h)}
        return Estimated(first.estimate, cov, notes=(*notes, *more), tests=tests)
    # Residuals, lam with equal weights, filtered regression, lam with the weights that it implies.
    lam = moments.minimum(first.estimate)
    second = _second_stage(data, h, lam)
    precision = inverted(moments.variance(second), "the variance of the moments of lam")
    lam = moments.minimum(second.estimate, precision)
    # The coefficients stay those of the second step; their covariance uses the last filter.
    last = _second_stage(data, h, lam)
    last = replace(last, estimate=_with_variance(replace(second.estimate, lam=lam)))
    cov = moments.joined(last)
    if spec.covariance in ("cluster", "conley"):
        usual = np.sqrt(last.estimate.sigma2 * np.diag(last.bread))
        scale = np.append(usual, np.sqrt(cov[-2, -2]))
        cov[:-1, :-1], more = positive(cov[:-1, :-1], scale)
        notes += [*data.dependence.notes(spec), *more]
    tests = {"J": second.overidentification(h)}
    return Estimated(last.estimate, cov, notes=tuple(notes), tests=tests)


def _stability(estimate: Estimate, terms: TermWeights) -> list[str]:
    """Return a note if rho, or several of them, lie outside the region in which effects exist."""
    sums = [float(abs(matrix).sum(axis=1).max()) for matrix in terms.matrices_y]
    if not sums or np.abs(estimate.rho) @ np.array(sums) < 1:  # a bound of the spectral radius
        return []
    radius = spectral_radius_of(terms.matrices_y, estimate.rho)
    if radius < 1:
        return []
    return [
        t(
            "not stable: the spectral radius of sum rho W is {radius:.3f}; no effects exist",
            radius=radius,
        )
    ]


def _endogenous(endogenous: str | Iterable[str], data: ModelData) -> np.ndarray:
    """Return which columns of z are endogenous: named regressors and their spatial lags."""
    design = data.design
    wanted = names_in(endogenous, "endogenous")
    unknown = [name for name in wanted if name not in design.names]
    if unknown:
        raise UnknownColumnError(
            f"endogenous names {sample(unknown)}, not among the regressors "
            f"{sample(list(design.names), 20)}"
        )
    return np.array([key[1] in wanted for key in data.keys], dtype=bool)


def _instruments(
    data: ModelData,
    panel: SpatialPanel,
    is_endogenous: np.ndarray,
    outside: str | Iterable[str] | None,
    functions: Functions | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return orthonormal bases of all instruments and of the exogenous regressors.

    W_k y are instrumented by W_k X, W_k W X and, where W X is in the model, W_k W W X, with W the
    sum of the W_k.
    """
    spec, design, terms = data.spec, data.design, data.terms
    exogenous_z = design.z[:, :, ~is_endogenous]
    names = np.array([key[1] for key in data.keys])[~is_endogenous]
    blocks, base = [exogenous_z], [exogenous_z[:, :, names != INTERCEPT]]
    if terms.has_parts:
        base = [data.plain.z[:, :, [name != INTERCEPT for name in data.plain.names]]]
    if outside is not None:
        text = outside
        if not isinstance(text, str):
            listed = names_in(text, "instruments")
            panel.require_columns(listed)
            text = " + ".join(map(quoted, listed)) or "0"
        columns = evaluate_side(text, panel, "instruments", functions)
        extra = columns.to_numpy(dtype=float).reshape(*design.y.shape, columns.shape[1])
        blocks.append(extra)
        base.append(extra)
    # Where W X has one W it is already in the base, so that W W X gives the third power.
    lags = [(terms.matrices_y, 3 if terms.has_parts else 2)]
    if not spec.has_rho:
        lags = [([part.matrix for part in terms.x], 1)]
    if spec.has_lam and terms.u and not any(terms.matrix_u is matrix for matrix in lags[0][0]):
        lags.append(([part.matrix for part in terms.u], 1))
    for matrices, order in lags:
        if not matrices:
            continue
        passed, summed = (
            np.concatenate(base, axis=2),
            weighted_sum(matrices, np.ones(len(matrices))),
        )
        for _ in range(order):
            blocks += [lag(matrix, passed) for matrix in matrices]
            passed = lag(summed, passed)
    stacked = demean(np.concatenate(blocks, axis=2), spec)
    stacked = stacked.reshape(design.y.size, stacked.shape[2])
    return orthonormal_basis(stacked), orthonormal_basis(stacked[:, : exogenous_z.shape[2]])


def orthonormal_basis(columns: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of the column space; dependent columns add nothing."""
    norms = np.sqrt((columns**2).sum(axis=0))
    columns = columns[:, norms > 0] / norms[norms > 0]
    if not columns.shape[1]:
        return columns
    q, r, _ = scipy.linalg.qr(columns, mode="economic", pivoting=True)
    return np.asarray(q[:, np.abs(np.diag(r)) > 1e-9])


def first_stage_strength(
    column: np.ndarray,
    title: str,
    h: np.ndarray,
    exogenous: np.ndarray,
    observations: int | None = None,
) -> str:
    """Return the F of the instruments beyond the exogenous regressors, in words.

    Parameters
    ----------
    column : ndarray
        Demeaned endogenous regressor, shape (N,).
    title : str
    h, exogenous : ndarray
        Orthonormal bases of all instruments and of the exogenous regressors.
    observations : int, optional
        N less the number of fixed effects; N if not given.
    """
    free = (len(column) if observations is None else observations) - h.shape[1]
    if free <= 0:
        return t(
            "first stage of {name}: there are as many instruments as observations, so that "
            "two-stage least squares is least squares, which is not consistent",
            name=str(title),
        )
    explained, before = h.T @ column, exogenous.T @ column
    more = h.shape[1] - exogenous.shape[1]
    gain = float(explained @ explained - before @ before) / more
    residual = float(column @ column - explained @ explained) / free
    if gain < 10 * residual:
        return t(
            "first stage of {name}: F = {f:.1f} of {count} instruments; they are weak, and the "
            "intervals are too short",
            name=str(title),
            f=gain / residual,
            count=more,
        )
    return t(
        "first stage of {name}: F = {f:.1f} of {count} instruments",
        name=str(title),
        f=gain / residual,
        count=more,
    )


def score_variance(
    columns: np.ndarray,
    e: np.ndarray,
    sigma2: float,
    spec: RegressionSpec,
    shape: tuple[int, int],
    dependence: ErrorDependence,
) -> np.ndarray:
    """Return the variance of columns'e under ``spec.covariance``.

    Parameters
    ----------
    columns : ndarray
        Demeaned, shape (N, K).
    e : ndarray
        Demeaned residuals, shape (N,).
    sigma2 : float
    spec : RegressionSpec
    shape : tuple
        (n_units, n_periods).
    dependence : ErrorDependence
        Of clusters or near units, where the covariance allows for them.

    Returns
    -------
    ndarray
        Shape (K, K); without the factor of clusters.
    """
    n, t = shape
    if spec.covariance in ("observed", "expected"):
        return np.asarray(sigma2 * (columns.T @ columns))
    score = (columns * e[:, None]).reshape(n, t, -1)
    if spec.covariance == "driscoll-kraay":
        return sandwich.over_periods(score.sum(axis=0), spec.lags)
    if spec.covariance in ("cluster", "conley"):
        return variance_of_sum(score, dependence)
    plain = heteroskedastic(columns, e, spec, shape)
    return plain * n / (n - 1) if spec.sweeps_units and t == 2 else plain


@dataclass(frozen=True, eq=False)
class _Stage:
    """Filtered least squares with fitted regressors.

    Attributes
    ----------
    estimate : Estimate
    fitted : ndarray
        Zhat, the filtered Z projected on the instruments, shape (N, K).
    filtered : ndarray
        Filtered Z, shape (N, K).
    bread : ndarray
        (Zhat'Zhat)^-1.
    spec : RegressionSpec
    shape : tuple
        (n_units, n_periods).
    dependence : ErrorDependence
    """

    estimate: Estimate
    fitted: np.ndarray
    filtered: np.ndarray
    bread: np.ndarray
    spec: RegressionSpec
    shape: tuple[int, int]
    dependence: ErrorDependence

    def meat(self, columns: np.ndarray) -> np.ndarray:
        """Return the variance of columns'e under the requested covariance."""
        e = self.estimate.innovations
        variance = score_variance(
            columns, e, self.estimate.sigma2, self.spec, self.shape, self.dependence
        )
        if self.spec.covariance not in ("cluster", "conley"):
            return variance
        k = self.fitted.shape[1]
        return variance * small_sample_factor(self.dependence, self.spec, self.shape, k)

    def covariance(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return the covariance of (coefs, rho, sigma2), and notes."""
        cov = self.bread @ self.meat(self.fitted) @ self.bread
        notes: tuple[str, ...] = ()
        if self.spec.covariance in ("cluster", "conley"):
            cov, notes = positive(cov, np.sqrt(self.estimate.sigma2 * np.diag(self.bread)))
        return bordered(cov, self.estimate), (*self.dependence.notes(self.spec), *notes)

    def overidentification(self, h: np.ndarray) -> HypothesisTest | NotApplicable:
        """Test the overidentifying restrictions, valid under the requested covariance."""
        spare = h @ scipy.linalg.null_space(self.fitted.T @ h)
        null = t("instruments are uncorrelated with the errors")
        if not spare.shape[1]:
            return NotApplicable(t("J"), null, t("there are as many instruments as coefficients"))
        score = spare.T @ self.estimate.innovations
        meat = self.meat(spare)
        sizes = np.sqrt(np.diag(meat))
        if not (sizes > 0).all() or np.linalg.cond(meat / np.outer(sizes, sizes)) > 1e12:
            reason = t("the variance of the instruments' moments is singular: there are too many")
            return NotApplicable(t("J"), null, reason)
        statistic = float(score @ np.linalg.solve(meat, score))
        return chi2_test(
            t("J"), null, statistic, spare.shape[1], t("instruments less coefficients")
        )


def _second_stage(data: ModelData, h: np.ndarray, lam: float) -> _Stage:
    """Return two-stage least squares of the model filtered by I - lam W_u."""
    p, spec = data.projection, data.spec
    k, r = p.z.shape[1], p.lag_y.shape[1]
    active = tuple(range(r)) * spec.has_rho + (r,) * spec.has_lam
    empty = Estimate(np.zeros(k), np.zeros(r), lam, 0.0, p, data.counts, active)
    z, lag_y = empty.filtered
    z = np.column_stack([z, lag_y]) if spec.has_rho else z
    y = empty.innovations
    fitted = h @ (h.T @ z)
    bread = inverted(fitted.T @ fitted, "the cross-product of instrumented regressors")
    delta = bread @ (fitted.T @ y)
    estimate = replace(empty, coefs=delta[:k], rho=delta[k:] if spec.has_rho else empty.rho)
    return _Stage(_with_variance(estimate), fitted, z, bread, spec, data.shape, data.dependence)


def _with_variance(estimate: Estimate) -> Estimate:
    e = estimate.innovations
    return replace(estimate, sigma2=float(e @ e) / estimate.counts.observations)


def bordered(cov: np.ndarray, estimate: Estimate) -> np.ndarray:
    """Return the covariance with sigma2, a mean of squares, as last row and column."""
    squares = estimate.innovations**2
    full = np.zeros((len(cov) + 1, len(cov) + 1))
    full[:-1, :-1] = cov
    full[-1, -1] = float(((squares - squares.mean()) ** 2).sum()) / estimate.counts.observations**2
    return full


@dataclass(frozen=True, eq=False)
class _Moments:
    """``q_r(lam) = e(lam)'A_r e(lam) / N`` for r = 1, 2.

    Attributes
    ----------
    matrix : csr_array or None
        W_u.
    spec : RegressionSpec
    shape : tuple
        (n_units, n_periods).
    dependence : ErrorDependence
    has_endogenous : bool
        Whether any regressor is endogenous, so that estimation errors of the coefficients enter the
        moments.
    """

    matrix: sparse.csr_array | None
    spec: RegressionSpec
    shape: tuple[int, int]
    dependence: ErrorDependence
    has_endogenous: bool

    def doubled(self) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Return ``A_r + A_r'`` for both moments."""
        w = self.matrix
        assert w is not None
        squared = sparse.csr_array(w.T @ w)
        squared = squared - sparse.diags_array(squared.diagonal(), format="csr")
        return sparse.csr_array(2 * squared), sparse.csr_array(w + w.T)

    def coefficients(self, estimate: Estimate) -> np.ndarray:
        """Return q as a polynomial in lam, shape (2, 3), lowest power first."""
        u, lagged = estimate.disturbances, estimate.lagged_disturbances
        values = np.empty((2, 3))
        for which, matrix in enumerate(self.doubled()):
            on_u = (matrix @ u.reshape(self.shape)).ravel()
            on_lagged = (matrix @ lagged.reshape(self.shape)).ravel()
            values[which] = u @ on_u / 2, -(lagged @ on_u), lagged @ on_lagged / 2
        return values / len(u)

    def minimum(self, estimate: Estimate, weights: np.ndarray | None = None) -> float:
        """Return the lam that minimises ``q'weights q``, a quartic polynomial.

        The weights are equal by default, of the moments of W divided by its spectral radius: then
        lam does not depend on the size of W.
        """
        radius = self._radius()
        sizes = np.array([radius**2, radius])
        q = self.coefficients(estimate) / sizes[:, None] / radius ** np.arange(3)
        weights = np.eye(2) if weights is None else weights * np.outer(sizes, sizes)
        quartic = sum(
            weights[i, j] * np.polynomial.Polynomial(q[i]) * np.polynomial.Polynomial(q[j])
            for i in (0, 1)
            for j in (0, 1)
        )
        assert isinstance(quartic, np.polynomial.Polynomial)
        roots = quartic.deriv().roots()
        real = roots[np.abs(roots.imag) < 1e-9 * (1 + np.abs(roots))].real
        admissible = real[np.abs(real) < 1]
        if not len(admissible):
            raise ConvergenceError(
                f"the moments of the errors have no lam between {-1 / radius:.4g} and "
                f"{1 / radius:.4g}; the model of the errors does not fit: try model='sar' or 'sdm'"
            )
        return float(admissible[np.argmin(quartic(admissible))]) / radius

    def _radius(self) -> float:
        """Return the spectral radius of W, one for standardised weights."""
        assert self.matrix is not None
        sums = np.asarray(self.matrix.sum(axis=1)).ravel()
        if np.ptp(sums) <= 1e-9 * sums.max():
            radius = float(sums.max())
        else:
            radius = spectral_radius(self.matrix)
        return 1.0 if abs(radius - 1) < 1e-9 else radius

    def _spread(self, stage: _Stage) -> tuple[np.ndarray, float]:
        """Return error variances, shape (n, 1) or (n, T), and how many periods share one."""
        e = stage.estimate.innovations.reshape(self.shape)
        periods = self.shape[1] - 1 if self.spec.sweeps_units else self.shape[1]
        if self.spec.covariance != "robust":
            return np.full((len(e), 1), stage.estimate.sigma2), float(periods)
        if self.spec.sweeps_units:
            # Demeaned errors mix periods: variances may differ between units, not over time.
            return (e**2).sum(axis=1, keepdims=True) / periods, float(periods)
        return e**2, 1.0

    def _linear(self, stage: _Stage) -> np.ndarray:
        """Return ``a_r``: how errors of the coefficients enter the moments, shape (N, 2)."""
        if not self.has_endogenous:
            return np.zeros((len(stage.fitted), 2))
        e = stage.estimate.innovations.reshape(self.shape)
        slopes = [-(stage.filtered.T @ (matrix @ e).ravel()) for matrix in self.doubled()]
        return np.asarray(stage.fitted @ (stage.bread @ np.column_stack(slopes)))

    def variance(self, stage: _Stage) -> np.ndarray:
        """Return the variance of sqrt(N) q, shape (2, 2)."""
        if self.spec.covariance in ("cluster", "conley"):
            variance = self._dependent(stage)[-2:, -2:] / len(stage.fitted)
            if not np.linalg.det(variance) > 0 or not variance[0, 0] > 0:
                raise ConvergenceError(
                    "with this covariance the moments of lam have no positive variance; take one "
                    "way of clustering, or a shorter cutoff_km= with kernel='bartlett'"
                )
            return variance
        diagonals, times = self._spread(stage)
        matrices, linear = self.doubled(), self._linear(stage)
        weight = np.broadcast_to(diagonals, self.shape).ravel()
        values = linear.T @ (weight[:, None] * linear)
        for i in (0, 1):
            for j in (0, 1):
                product = matrices[i].multiply(matrices[j])
                values[i, j] += times / 2 * float((diagonals * (product @ diagonals)).sum())
        return np.asarray(values / len(weight))

    def _dependent(self, stage: _Stage) -> np.ndarray:
        """Return the joint variance of Zhat'e and N q for dependent errors."""
        k, e = stage.fitted.shape[1], stage.estimate.innovations
        columns = np.column_stack([stage.fitted, self._linear(stage)]) * e[:, None]
        halves = [sparse.csr_array(matrix / 2) for matrix in self.doubled()]
        forms = QuadraticForms(SparseForms(halves), [0, 1], e.reshape(self.shape))
        score = columns.reshape(*self.shape, k + 2)
        return variance_with_forms(score, forms, [k, k + 1], 1.0, self.dependence)

    def joined(self, stage: _Stage) -> np.ndarray:
        """Return the covariance of (coefs, rho, lam, sigma2)."""
        count = stage.fitted.shape[0]
        inverse = inverted(self.variance(stage), "the variance of the moments of lam")
        slope = self.coefficients(stage.estimate) @ np.array([0.0, 1.0, 2 * stage.estimate.lam])
        pull = -(inverse @ slope) / float(slope @ inverse @ slope)  # error of lam: pull'q
        weight = np.broadcast_to(self._spread(stage)[0], self.shape).ravel()
        cross = stage.bread @ (stage.fitted.T @ (weight[:, None] * self._linear(stage))) / count
        size = stage.fitted.shape[1]
        cov = np.empty((size + 1, size + 1))
        cov[:size, :size] = stage.bread @ stage.meat(stage.fitted) @ stage.bread
        cov[:size, size] = cov[size, :size] = cross @ pull
        cov[size, size] = 1 / float(slope @ inverse @ slope) / count
        if self.spec.covariance in ("cluster", "conley"):
            factor = small_sample_factor(self.dependence, self.spec, self.shape, size + 1)
            across = stage.bread @ self._dependent(stage)[:size, -2:] / count
            cov[:size, size] = cov[size, :size] = factor * across @ pull
            cov[size, size] *= factor
        return bordered(cov, stage.estimate)
