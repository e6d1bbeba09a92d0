"""A Durbin model with several spatial lags: from data to estimate and covariance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import linalg as sla

from nqp_spatial.core.inference import HypothesisTest, NotApplicable, wald_test
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import OptionError
from nqp_spatial.regression._demeaning import (
    Projection,
    project,
    require_lag,
    require_unexplained,
    swept,
)
from nqp_spatial.regression._design import (
    INTERCEPT,
    Design,
    build_design,
    is_common,
    lagged_names,
)
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression.covariance.information import inverted, scaled_inverse
from nqp_spatial.regression.estimators.gs2sls import basis, score_variance, strength
from nqp_spatial.regression.likelihood.several_lags import LagLikelihood, Summit, lags_of, radius_of
from nqp_spatial.regression.spec import Covariance, Effects, RegressionSpec

__all__ = ["Posed", "Prepared", "SeveralLags", "estimate", "estimate_two_stage", "prepare"]


@dataclass(frozen=True, eq=False)
class SeveralLags:
    """An estimated model ``y = sum_k rho_k W_k y + Z b + effects + e``.

    Attributes
    ----------
    params : Series
        By (block, variable, part): blocks "x", "wx", "spatial".
    cov : DataFrame
    sigma2, loglik : float
        The log-likelihood is that of the maximum, before correction.
    y_parts, x_parts : dict of csr_array
        W_k of the outcome and W_l of the regressors, by part.
    regressors, lagged : tuple of str
    nobs, n_units, n_periods : int
    summit : Summit
    corrected : bool
        Whether the bias from period dummies was taken off.
    resid : Series
    notes : tuple of str
        On variables that enter in several terms.
    """

    params: pd.Series
    cov: pd.DataFrame
    sigma2: float
    loglik: float
    y_parts: dict[str, sparse.csr_array]
    x_parts: dict[str, sparse.csr_array]
    regressors: tuple[str, ...]
    lagged: tuple[str, ...]
    nobs: int
    n_units: int
    n_periods: int
    summit: Summit
    corrected: bool
    resid: pd.Series
    notes: tuple[str, ...] = ()

    @property
    def rho(self) -> np.ndarray:
        """Return the estimates of rho, in the order of ``y_parts``."""
        return np.asarray(self.params)[len(self.params) - len(self.y_parts) :]

    def wald(self, name: str, null: str, contrasts: np.ndarray) -> HypothesisTest | NotApplicable:
        """Test that linear combinations of the parameters, shape (q, parameters), are zero."""
        gap = contrasts @ self.params.to_numpy()
        return wald_test(name, null, gap, contrasts, self.cov.to_numpy())


@dataclass(frozen=True, eq=False)
class Posed:
    """A model with given matrices, ready to be maximised.

    Attributes
    ----------
    projection : Projection
    lag_y : ndarray
        Swept W_k y, shape (N, K).
    along : ndarray
        Their coordinates on the orthonormal regressors.
    likelihood : LagLikelihood
    keys : tuple
        Of the columns of the regressors.
    """

    projection: Projection
    lag_y: np.ndarray
    along: np.ndarray
    likelihood: LagLikelihood
    keys: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, eq=False)
class Prepared:
    """Formula and panel as arrays: what stays the same while matrices change.

    Attributes
    ----------
    plain : Design
        Outcome and regressors, without lags.
    spec : RegressionSpec
    lagged : tuple of str
        Regressors to lag.
    members : mapping of ndarray
        By name, which units have coefficients of their own on X.
    """

    plain: Design
    spec: RegressionSpec
    lagged: tuple[str, ...]
    members: Mapping[str, np.ndarray]

    def pose(
        self, y_parts: Mapping[str, sparse.csr_array], x_parts: Mapping[str, sparse.csr_array]
    ) -> Posed:
        """Lag, sweep and project.

        Matrices are n x n; or, where links change over time, (n T) x (n T) with a block for each
        period, rows ordered by unit and period. With unit effects the log-determinants of the T
        blocks then count (T - 1) / T each, which centres the score exactly and is the
        transformation where the blocks are one.
        """
        plain, spec = self.plain, self.spec
        design, keys = _stacked(plain, x_parts, self.members, self.lagged if x_parts else ())
        projection = project(design, spec)
        n, t = plain.y.shape
        lag_y = np.stack(
            [swept(_lag(matrix, plain.y), spec).ravel() for matrix in y_parts.values()], axis=1
        )
        q = projection.z @ projection.unscale
        along = q.T @ lag_y
        left = np.column_stack([projection.left_y, lag_y - q @ along])
        for lag in lag_y.T:
            require_lag(plain, spec, lag)
        require_unexplained(plain.outcome, projection.y, left[:, 0], left[:, 1:])
        matrices = list(y_parts.values())
        blocks = matrices[0].shape[0] // n
        periods = t - 1 if spec.sweeps_units else t
        likelihood = LagLikelihood(lags_of(matrices), left.T @ left, periods / blocks, n * periods)
        return Posed(projection, lag_y, along, likelihood, tuple(keys))


def prepare(
    formula: str,
    panel: SpatialPanel,
    *,
    members: Mapping[str, np.ndarray],
    effects: Effects,
    durbin: str | Iterable[str] | None,
    functions: Functions | None = None,
) -> Prepared:
    """Evaluate the formula; arguments as in `estimate`."""
    keep = effects == "none"
    plain = build_design(
        formula, panel, None, None, keep_intercept=keep, durbin=None, functions=functions
    )
    lagged = tuple(
        name
        for name in lagged_names(durbin, list(plain.names), panel, functions)
        # W of what is equal across units is the thing itself, or next to it: see `build_design`.
        if durbin is not None or not is_common(plain.z[:, :, plain.names.index(name)])
    )
    spec = RegressionSpec(
        formula, plain.outcome, plain.names, lagged, "sdm", effects,
        "transformation" if effects == "unit" else "none",
    )  # fmt: skip
    return Prepared(plain, spec, lagged, members)


def _lag(matrix: sparse.csr_array, array: np.ndarray) -> np.ndarray:
    """Return W times an array of units by periods, W one matrix or one block for each period."""
    if matrix.shape[0] == array.shape[0]:
        return np.asarray(matrix @ array)
    return np.asarray(matrix @ array.ravel()).reshape(array.shape)


def estimate(
    formula: str,
    panel: SpatialPanel,
    y_parts: Mapping[str, sparse.csr_array],
    x_parts: Mapping[str, sparse.csr_array],
    *,
    members: Mapping[str, np.ndarray],
    effects: Effects,
    durbin: str | Iterable[str] | None,
    correct: bool,
    functions: Functions | None = None,
) -> SeveralLags:
    """Estimate by maximum likelihood.

    Parameters
    ----------
    formula : str
    panel : SpatialPanel
    y_parts, x_parts : mapping of csr_array
        W_k and W_l by name, in the order of the panel's units.
    members : mapping of ndarray
        By name, which units have coefficients of their own on X, each shape (n,).
    effects : {"none", "unit", "period", "two-way"}
    durbin : str or iterable of str, optional
        Which regressors to lag.
    correct : bool
        Whether to take off the bias from period dummies.
    functions : mapping, optional
        Functions of the caller that the formula may call.
    """
    prepared = prepare(
        formula, panel, members=members, effects=effects, durbin=durbin if x_parts else (),
        functions=functions,
    )  # fmt: skip
    posed = prepared.pose(y_parts, x_parts)
    plain, projection, lag_y, likelihood = (
        prepared.plain, posed.projection, posed.lag_y, posed.likelihood,
    )  # fmt: skip
    n, t = plain.y.shape
    copies, along, keys = likelihood.copies, posed.along, list(posed.keys)
    summit = likelihood.maximize(_starts(likelihood, list(y_parts)))
    rho, sigma2 = summit.rho, likelihood.squares(summit.rho) / likelihood.observations
    coefs = projection.coef_y - projection.unscale @ along @ rho
    corrected = correct and prepared.spec.sweeps_periods

    def information_at(coefs: np.ndarray, rho: np.ndarray, sigma2: float) -> np.ndarray:
        return _information(projection.z, lag_y, projection.y, coefs, rho, sigma2, likelihood)

    if corrected:
        information = information_at(coefs, rho, sigma2)
        score = np.zeros(len(information))
        total = sum(at * matrix for at, matrix in zip(rho, y_parts.values(), strict=True))
        system = sparse.csc_array(sparse.eye_array(total.shape[0]) - total)
        spread = sla.spsolve(system, np.ones(total.shape[0]))
        score[len(coefs) : -1] = [
            copies * float((matrix @ spread).sum()) / n for matrix in y_parts.values()
        ]
        score[-1] = copies / (2 * sigma2)
        step = scaled_inverse(information) @ score
        coefs, rho = coefs + step[: len(coefs)], rho + step[len(coefs) : -1]
        sigma2 = sigma2 + float(step[-1])
    cov = scaled_inverse(information_at(coefs, rho, sigma2))[:-1, :-1]
    keys += [("spatial", "rho", part) for part in y_parts]
    index = pd.MultiIndex.from_tuples(keys, names=["block", "variable", "part"])
    e = projection.y - lag_y @ rho - projection.z @ coefs
    return SeveralLags(
        params=pd.Series(np.concatenate([coefs, rho]), index, name="estimate"),
        cov=pd.DataFrame(cov, index, index),
        sigma2=sigma2,
        loglik=summit.loglik,
        y_parts=dict(y_parts),
        x_parts=dict(x_parts),
        regressors=plain.names,
        lagged=prepared.lagged if x_parts else (),
        nobs=n * t,
        n_units=n,
        n_periods=t,
        summit=summit,
        corrected=corrected,
        resid=pd.Series(e, panel.frame.index, name="resid"),
        notes=plain.notes_on_terms,
    )


def estimate_two_stage(
    formula: str,
    panel: SpatialPanel,
    y_parts: Mapping[str, sparse.csr_array],
    x_parts: Mapping[str, sparse.csr_array],
    *,
    members: Mapping[str, np.ndarray],
    effects: Effects,
    durbin: str | Iterable[str] | None,
    covariance: Covariance,
    functions: Functions | None = None,
) -> tuple[SeveralLags, tuple[str, ...]]:
    """Estimate by two-stage least squares; also return how strong the instruments are.

    W_k y are instrumented by the regressors and by W_k X, W_k W X and W_k W W X, W the sum of the
    W_k, less what is linearly dependent.

    Parameters
    ----------
    formula, panel, y_parts, x_parts, members, effects, durbin, functions
        As in `estimate`.
    covariance : {"observed", "expected", "robust", "cluster", "driscoll-kraay"}

    Raises
    ------
    OptionError
        If there are too few instruments.
    """
    prepared = prepare(
        formula, panel, members=members, effects=effects, durbin=durbin if x_parts else (),
        functions=functions,
    )  # fmt: skip
    spec, plain = replace(prepared.spec, covariance=covariance), prepared.plain
    posed = prepared.pose(y_parts, x_parts)
    projection, n, t = posed.projection, *plain.y.shape
    whole = sparse.csr_array(sum(y_parts.values()))
    x = plain.z[:, :, [name != INTERCEPT for name in plain.names]]
    columns, passed = [projection.z], x.reshape(n, -1)
    for _ in range(3):
        for matrix in y_parts.values():
            lagged = np.asarray(matrix @ passed).reshape(x.shape)
            columns.append(swept(lagged, spec).reshape(n * t, -1))
        passed = np.asarray(whole @ passed)
    h, exogenous = basis(np.column_stack(columns)), basis(projection.z)
    z = np.column_stack([projection.z, posed.lag_y])
    if h.shape[1] < z.shape[1]:
        raise OptionError(
            f"{z.shape[1]} coefficients have {h.shape[1]} independent instruments: add regressors, "
            "or tie coefficients"
        )
    fitted = h @ (h.T @ z)
    bread = inverted(fitted.T @ fitted, "the cross-product of instrumented regressors")
    delta = bread @ (fitted.T @ projection.y)
    e = projection.y - z @ delta
    sigma2 = float(e @ e) / posed.likelihood.observations
    cov = bread @ score_variance(fitted, e, sigma2, spec, (n, t)) @ bread
    keys = [*posed.keys, *(("spatial", "rho", part) for part in y_parts)]
    index = pd.MultiIndex.from_tuples(keys, names=["block", "variable", "part"])
    rho = delta[projection.z.shape[1] :]
    fit = SeveralLags(
        params=pd.Series(delta, index, name="estimate"),
        cov=pd.DataFrame(cov, index, index),
        sigma2=sigma2,
        loglik=float("nan"),
        y_parts=dict(y_parts),
        x_parts=dict(x_parts),
        regressors=plain.names,
        lagged=prepared.lagged if x_parts else (),
        nobs=n * t,
        n_units=n,
        n_periods=t,
        summit=Summit(rho, float("nan"), 0, 0.0, 1),
        corrected=False,
        resid=pd.Series(e, panel.frame.index, name="resid"),
        notes=plain.notes_on_terms,
    )
    notes = tuple(
        strength(posed.lag_y[:, at], f"W y, {part}", h, exogenous)
        for at, part in enumerate(y_parts)
    )
    radius = radius_of(list(y_parts.values()), rho)
    if radius >= 1:
        notes += (
            f"not stable: the spectral radius of sum rho W is {radius:.3f}; no effects exist",
        )
    return fit, notes


def _stacked(
    plain: Design,
    x_parts: Mapping[str, sparse.csr_array],
    members: Mapping[str, np.ndarray],
    lagged: tuple[str, ...],
) -> tuple[Design, list[tuple[str, str, str]]]:
    """Return the design with regressors by group and by block of W, and the keys of its columns."""
    n, t, _ = plain.z.shape
    columns, keys = [], []
    for at, name in enumerate(plain.names):
        if name == INTERCEPT:
            columns.append(plain.z[:, :, at])
            keys.append(("x", name, next(iter(members)) if len(members) == 1 else "all"))
            continue
        for group, inside in members.items():
            columns.append(plain.z[:, :, at] * inside[:, None])
            keys.append(("x", name, group))
    for part, matrix in x_parts.items():
        for name in lagged:
            columns.append(_lag(matrix, plain.z[:, :, plain.names.index(name)]))
            keys.append(("wx", name, part))
    z = np.stack(columns, axis=2) if columns else np.zeros((n, t, 0))
    titles = [f"{'W ' if block == 'wx' else ''}{name}, {part}" for block, name, part in keys]
    return replace(plain, z=z, lagged=lagged, columns=tuple(titles)), keys


def _starts(likelihood: LagLikelihood, parts: list[str]) -> list[np.ndarray]:
    """Return the best common rho on all blocks, zero, and that rho within groups only."""
    ones = np.ones(len(parts))
    grid = [-0.4, 0.0, 0.3, 0.6, 0.85]
    heights = [likelihood.value(at * ones) for at in grid]
    common = grid[int(np.argmax(heights))] * ones
    inside = [
        part == "within" or (" <- " in part and len(set(part.split(" <- "))) == 1) for part in parts
    ]
    starts = [common]
    if len(parts) > 1:
        starts.append(0 * ones)
        if any(inside) and not all(inside):
            starts.append(common * np.array(inside))
    unique: list[np.ndarray] = []
    for start in starts:
        if not any(np.array_equal(start, other) for other in unique):
            unique.append(start)
    return unique


def _information(
    z: np.ndarray,
    lag_y: np.ndarray,
    y: np.ndarray,
    coefs: np.ndarray,
    rho: np.ndarray,
    sigma2: float,
    likelihood: LagLikelihood,
) -> np.ndarray:
    """Return minus the Hessian in (coefs, rho, sigma2)."""
    e = y - lag_y @ rho - z @ coefs
    right = np.column_stack([z, lag_y])
    k, size = z.shape[1], right.shape[1]
    h = np.empty((size + 1, size + 1))
    h[:-1, :-1] = right.T @ right / sigma2
    h[k:-1, k:-1] -= likelihood.copies * likelihood.lags.derivatives(rho)[1]
    h[:-1, -1] = h[-1, :-1] = right.T @ e / sigma2**2
    h[-1, -1] = e @ e / sigma2**3 - likelihood.observations / (2 * sigma2**2)
    return h
