"""The within transformation, and the counts that the likelihood needs after it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from scipy import sparse

from nqp_spatial.errors import AbsorbedRegressorError, CollinearityError, DomainError, sample
from nqp_spatial.regression._design import Design
from nqp_spatial.regression._filtered_periods import FilteredPeriods
from nqp_spatial.regression._term_weights import lag
from nqp_spatial.regression.spec import RegressionSpec

__all__ = [
    "LikelihoodCounts",
    "Projection",
    "counts_in_parts",
    "counts_of",
    "demean",
    "project",
    "require_lag",
    "require_unexplained",
]

# Relative sizes: of a column that is zero up to rounding after demeaning; of rounding errors.
_NOTHING, _ROUNDING = 1e-10, 1e-8
_EFFECT_WORDS = {
    "none": "the intercept is",
    "unit": "unit fixed effects are",
    "period": "period fixed effects are",
    "two-way": "unit and period fixed effects are",
    "random": "the intercept is",
    "correlated-random": "the intercept is",
}


@dataclass(frozen=True)
class LikelihoodCounts:
    """How many observations and copies of ``ln|I - rho W|`` the likelihood has.

    Attributes
    ----------
    observations : int
        Divisor of the sum of squares in sigma2.
    n_logdets : float
        Number of periods that each contribute one log-determinant.
    units : int
        Number of units whose effects are random; 0 where none are.
    drops_unit_root : int
        1 where period effects are removed by the orthonormal transformation, so that each
        log-determinant excludes the contribution of W's eigenvalue one, ``ln(1 - rho)``;
        else 0.
    corrects_score : bool
        Whether period effects are dummies whose mean of the score is subtracted.
    """

    observations: int
    n_logdets: float
    drops_unit_root: int
    units: int = 0
    corrects_score: bool = False


def counts_of(
    spec: RegressionSpec, n_units: int, n_periods: int, *, rows_add_to_one: bool = True
) -> LikelihoodCounts:
    """Return the counts of the dummy-variable or the transformed likelihood.

    The orthonormal transformation (Lee and Yu 2010, sections 2 and 4) turns T periods into T - 1
    where unit effects are removed and n units into n - 1 where period effects are; quadratic
    forms are the same as with demeaned data. The bias correction starts from the likelihood with
    the unit effects transformed away and the period effects left as dummies.

    In a dynamic model the unit effects stay dummies, because the transformation would mix past and
    present values: only the period effects can be transformed away (Lee and Yu 2010b), and these
    only where rows of W add to one.
    """
    n, t, drops_unit_root = n_units, n_periods, 0
    transforms = spec.correction in ("transformation", "bias")
    if transforms and spec.sweeps_units and not spec.is_dynamic:
        t -= 1
    bias_of_units = spec.correction == "bias" and spec.is_dynamic and rows_add_to_one
    if spec.sweeps_periods and (spec.correction == "transformation" or bias_of_units):
        n -= 1
        drops_unit_root = 1
    return LikelihoodCounts(n * t, t, drops_unit_root, n_units if spec.has_phi else 0)


def counts_in_parts(
    spec: RegressionSpec, n_units: int, n_periods: int, blocks: int
) -> LikelihoodCounts:
    """Return the counts of a likelihood with several matrices W.

    Unit effects are always transformed away; period effects stay dummies, because the parts of W
    have no common eigenvector. Where links change over time, W has a block for each of T periods:
    with unit effects each of their log-determinants then counts (T - 1) / T, which centres the
    score exactly and equals the transformation where all blocks are the same.
    """
    periods = n_periods - 1 if spec.sweeps_units else n_periods
    return LikelihoodCounts(n_units * periods, periods / blocks, 0)


def demean(array: np.ndarray, spec: RegressionSpec) -> np.ndarray:
    """Return a new array with its means over periods, units or both subtracted.

    Parameters
    ----------
    array : ndarray
        Shape (n_units, n_periods) or (n_units, n_periods, columns).
    spec : RegressionSpec
        Which effects to remove.

    Returns
    -------
    ndarray
    """
    result = array
    if spec.sweeps_units:
        result = result - result.mean(axis=1, keepdims=True)
    if spec.sweeps_periods:
        result = result - result.mean(axis=0, keepdims=True)
    return result


def unit_means(array: np.ndarray, periods: int) -> np.ndarray:
    """Return the mean over periods in each unit, repeated; rows are units by periods."""
    shape = (-1, periods, *array.shape[1:])
    means = array.reshape(shape).mean(axis=1, keepdims=True)
    return np.broadcast_to(means, array.reshape(shape).shape).reshape(array.shape)


@dataclass(frozen=True, eq=False)
class Projection:
    """Everything that the concentrated likelihood needs from the data.

    Attributes
    ----------
    z : ndarray
        Demeaned regressors, shape (N, K).
    y, lag_y : ndarray
        Demeaned outcome, shape (N,), and its R spatial lags W_k y, shape (N, R).
    coef_y, coef_lag : ndarray
        Least-squares coefficients of y and W_k y on z, shapes (K,) and (K, R).
    left_y, left_lag : ndarray
        Their residuals, shapes (N,) and (N, R).
    unscale : ndarray
        ``r^-1`` of ``z = q r`` with orthonormal q: converts coefficients of q into those of z.
    by_u : tuple of ndarray or None
        ``W_u z, W_u y, W_u W_k y``, demeaned after the lag, where errors are spatial; where period
        effects are filtered, the lags of the demeaned series.
    periods : int
    filtered_periods : FilteredPeriods or None
        Period dummies that are still to be removed from filtered series, where rows of W_u do not
        add to one.
    """

    z: np.ndarray
    y: np.ndarray
    lag_y: np.ndarray
    coef_y: np.ndarray
    coef_lag: np.ndarray
    left_y: np.ndarray
    left_lag: np.ndarray
    unscale: np.ndarray
    by_u: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    periods: int = 1
    filtered_periods: FilteredPeriods | None = None

    def net_of_periods(self, lam: float) -> Projection:
        """Return the series less what filtered period dummies explain of them at lam."""
        dummies = self.filtered_periods
        if dummies is None or self.by_u is None:
            return self
        plain, lagged = [], []
        for series, by_u in zip((self.z, self.y, self.lag_y), self.by_u, strict=True):
            on_dummies = dummies.on_dummies(series - lam * by_u, lam)
            ones = np.ones(len(dummies.sums))
            plain.append(series - np.multiply.outer(ones, on_dummies).reshape(series.shape))
            removed = np.multiply.outer(dummies.sums, on_dummies).reshape(series.shape)
            lagged.append(by_u - removed)
        z, y, lag_y = plain
        return replace(self, z=z, y=y, lag_y=lag_y, by_u=(lagged[0], lagged[1], lagged[2]))

    @property
    def gram_inverse(self) -> np.ndarray:
        """Return ``(z'z)^-1``, shape (K, K)."""
        return np.asarray(self.unscale @ self.unscale.T)


def project(
    design: Design,
    spec: RegressionSpec,
    errors: sparse.csr_array | None = None,
    filtered_periods: FilteredPeriods | None = None,
) -> Projection:
    """Remove the effects and project y and W y on the regressors.

    Parameters
    ----------
    design : Design
    spec : RegressionSpec
    errors : csr_array, optional
        W of the errors.
    filtered_periods : FilteredPeriods, optional
        Where rows of this W do not add to one and there are period effects.

    Returns
    -------
    Projection

    Raises
    ------
    AbsorbedRegressorError
        If the effects absorb a regressor; it is named.
    CollinearityError
        If regressors are linearly dependent; the dependence is named.
    DomainError
        If the effects absorb the outcome, or the regressors explain it exactly, so that no
        variation is left for estimation.
    """
    names = list(design.columns)
    z = demean(design.z, spec).reshape(design.y.size, len(names))
    y = demean(design.y, spec).ravel()
    lag_y = demean(design.lag_y, spec).reshape(y.size, -1)
    _require_variation(design, spec, y)
    before = np.sqrt(np.einsum("ijk,ijk->k", design.z, design.z))
    norms = np.sqrt((z**2).sum(axis=0))
    gone = norms <= _NOTHING * before
    if gone.any():
        raise AbsorbedRegressorError(
            f"regressors {sample(np.array(names)[gone])} do not vary once "
            f"{_EFFECT_WORDS[spec.effects]} taken out; leave them out or change effects="
        )
    _require_freedom(design, spec)
    by_u = None
    if errors is not None and filtered_periods is None:
        by_u = _lagged_by(errors, design, spec)
    elif errors is not None:
        shape = design.y.shape
        z_u, y_u, lag_y_u = (
            lag(errors, series.reshape(*shape, *series.shape[1:])).reshape(series.shape)
            for series in (z, y, lag_y)
        )
        by_u = (z_u, y_u, lag_y_u)
    if not names:
        empty = np.empty(0)
        if spec.has_rho:
            require_unexplained(design.outcome, y, y, lag_y)
        return Projection(
            z,
            y,
            lag_y,
            empty,
            np.empty((0, lag_y.shape[1])),
            y,
            lag_y,
            np.empty((0, 0)),
            by_u,
            design.y.shape[1],
            filtered_periods,
        )
    q, r = scipy.linalg.qr(z / norms, mode="economic", check_finite=False)
    _require_independent(r, names)
    columns = np.column_stack([y, lag_y])
    along = q.T @ columns
    coefs = scipy.linalg.solve_triangular(r, along) / norms[:, None]
    residuals = columns - q @ along
    require_unexplained(
        design.outcome, y, residuals[:, 0], residuals[:, 1:] if spec.has_rho else None
    )
    inverse = scipy.linalg.solve_triangular(r, np.eye(len(names))) / norms[:, None]
    return Projection(
        z,
        y,
        lag_y,
        coefs[:, 0],
        coefs[:, 1:],
        residuals[:, 0],
        residuals[:, 1:],
        inverse,
        by_u,
        design.y.shape[1],
        filtered_periods,
    )


def _lagged_by(
    matrix: sparse.csr_array, design: Design, spec: RegressionSpec
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return z, y and W y, lagged once more and then demeaned (in this order)."""
    n, t, k = design.z.shape
    z = (matrix @ design.z.reshape(n, t * k)).reshape(n, t, k)
    return (
        demean(z, spec).reshape(n * t, k),
        demean(matrix @ design.y, spec).ravel(),
        demean(lag(matrix, design.lag_y), spec).reshape(n * t, -1),
    )


def _require_freedom(design: Design, spec: RegressionSpec) -> None:
    """Refuse models with at least as many coefficients and effects as observations."""
    n, t, k = design.z.shape
    n_free = (n - 1 if spec.sweeps_periods else n) * (t - 1 if spec.sweeps_units else t)
    needed = k + spec.has_rho * design.lag_y.shape[2] + spec.has_lam + spec.has_phi
    if n_free <= needed:
        raise DomainError(
            f"{design.y.size} observations leave no degrees of freedom for {needed} coefficients "
            f"once {_EFFECT_WORDS[spec.effects]} taken out ({n} units, {t} periods): take "
            "fewer regressors or effects, or more data"
        )


def require_lag(design: Design, spec: RegressionSpec, lag_y: np.ndarray) -> None:
    """Refuse a spatial lag of the outcome that the effects absorb."""
    if np.linalg.norm(lag_y) <= _NOTHING * np.linalg.norm(design.y):
        raise DomainError(
            f"the spatial lag of {design.outcome!r} does not vary once "
            f"{_EFFECT_WORDS[spec.effects]} taken out: rho cannot be estimated; take weights that "
            "give units different neighbours"
        )


def _require_variation(design: Design, spec: RegressionSpec, y: np.ndarray) -> None:
    """Refuse outcomes that the effects absorb."""
    effects = _EFFECT_WORDS[spec.effects]
    if np.linalg.norm(y) <= _NOTHING * np.linalg.norm(design.y):
        raise DomainError(
            f"the effects absorb the outcome: {design.outcome!r} does not vary once {effects} "
            "taken out; change effects=, or take an outcome that varies within them"
        )
    if spec.has_phi:
        _require_errors_within(design, spec)


def _require_errors_within(design: Design, spec: RegressionSpec) -> None:
    """Refuse outcomes that random unit effects and the regressors explain without error."""

    def within(array: np.ndarray) -> np.ndarray:
        return np.asarray(array - array.mean(axis=1, keepdims=True))

    y = within(design.y).ravel()
    if np.linalg.norm(y) <= _NOTHING * np.linalg.norm(design.y):
        raise DomainError(
            f"the random effects absorb the outcome: {design.outcome!r} does not vary over time; "
            "average over periods, and use effects='none'"
        )
    z = within(design.z).reshape(y.size, -1)
    norms = np.linalg.norm(z, axis=0)
    vary = norms > _NOTHING * np.linalg.norm(design.z, axis=(0, 1))
    z = z[:, vary] / norms[vary]
    columns = np.column_stack([y, within(design.lag_y).reshape(y.size, -1)])
    residuals = (
        columns - z @ scipy.linalg.lstsq(z, columns, check_finite=False)[0] if z.size else columns
    )
    require_unexplained(
        design.outcome, y, residuals[:, 0], residuals[:, 1:] if spec.has_rho else None
    )


def require_unexplained(
    outcome: str, y: np.ndarray, residuals: np.ndarray, lags: np.ndarray | None
) -> None:
    """Refuse an outcome that the regressors, with or without its spatial lags, explain exactly.

    Parameters
    ----------
    outcome : str
    y, residuals : ndarray
        Demeaned outcome, and its residuals on the regressors, shape (N,).
    lags : ndarray or None
        Residuals of the spatial lags of y, shape (N, lags), where the model has them.
    """
    scale = np.linalg.norm(y)
    words = "the regressors explain"
    exact = np.linalg.norm(residuals) <= _ROUNDING * scale
    if not exact and lags is not None:
        residuals = residuals - lags @ scipy.linalg.lstsq(lags, residuals, check_finite=False)[0]
        words = "the regressors and the outcomes of neighbours together explain"
        exact = np.linalg.norm(residuals) <= _NOTHING * scale
    if exact:
        raise DomainError(
            f"{words} the outcome {outcome!r} exactly (once effects are taken out): nothing is "
            "left to estimate spatial coefficients or errors by; is the outcome computed from "
            "them, or one of them another form of it?"
        )


def _require_independent(r: np.ndarray, names: list[str]) -> None:
    dependent = np.flatnonzero(np.abs(np.diag(r)) < 1e-9)
    if not len(dependent):
        return
    first = int(dependent[0])
    shares = scipy.linalg.lstsq(r[:first, :first], r[:first, first])[0]
    partners = [name for name, share in zip(names, shares, strict=False) if abs(share) > 1e-7]
    raise CollinearityError(
        f"regressor {names[first]!r} is a linear combination of {sample(partners)} (once effects "
        "are taken out); leave one of them out"
    )
