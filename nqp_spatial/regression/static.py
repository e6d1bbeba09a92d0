"""`fit`: estimate a spatial regression, from formula to result."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.errors import OptionError, PanelError
from nqp_spatial.panel import SpatialPanel
from nqp_spatial.regression import information as info
from nqp_spatial.regression.design import Design, build_design
from nqp_spatial.regression.likelihood import ConcentratedLikelihood, maximize
from nqp_spatial.regression.logdet import (
    LogDet,
    LogDetMethod,
    log_determinant,
    rough_log_determinant,
)
from nqp_spatial.regression.results import Convergence, RegressionResult
from nqp_spatial.regression.spec import (
    Correction,
    Covariance,
    Effects,
    Model,
    RegressionSpec,
    check_options,
)
from nqp_spatial.regression.transform import Counts, Projection, counts_of, project
from nqp_spatial.weights.spatial_weights import SpatialWeights, as_weights

if TYPE_CHECKING:
    from libpysal.graph import Graph
    from libpysal.weights import W

__all__ = ["fit"]


def fit(
    formula: str,
    panel: SpatialPanel,
    weights: SpatialWeights | Graph | W | None = None,
    *,
    model: Model = "sdm",
    effects: Effects = "two-way",
    durbin: str | Iterable[str] | None = None,
    time_lag: bool = False,
    space_time_lag: bool = False,
    correction: Correction = "auto",
    covariance: Covariance = "observed",
    logdet: LogDetMethod = "auto",
    seed: int | None = 0,
) -> RegressionResult:
    """Estimate a spatial regression by maximum likelihood.

    ``y_t = rho W y_t + X_t beta + W X_t theta + mu + lambda_t + e_t``, e iid (0, sigma2).

    Parameters
    ----------
    formula : str
        ``"y ~ x1 + np.log(x2)"`` in the syntax of formulaic. With fixed effects the intercept is
        left out.
    panel : SpatialPanel
        Balanced, complete in the columns used. A cross-section is a panel of one period.
    weights : SpatialWeights, Graph or W
        W, used as it is (never re-standardised), matched by ids. Not needed for ``ols``.
    model : {"ols", "slx", "sar", "sdm"}
        Which spatial terms enter: none, W X, W y, both.
    effects : {"none", "unit", "period", "two-way"}
        Fixed effects. A cross-section takes "none".
    durbin : str or list of str, optional
        The regressors to lag, if not all: a column, a list, or the right side of a formula.
    time_lag, space_time_lag : bool
        Not offered by this version.
    correction : {"auto", "none", "transformation", "bias"}
        What to do about the incidental parameters (Lee and Yu 2010). ``none`` is the
        dummy-variable likelihood: sigma2 is too small by (T-1)/T with unit effects, and with
        period effects rho is biased by order 1/n. ``transformation`` takes the effects out by
        orthonormal transformations; with period effects it needs rows of W that add to one.
        ``bias`` subtracts the bias from period dummies, after unit effects are transformed away.
        ``auto``:

        ==================  =======================  ===========================
        effects             rows of W add to one     rows of W do not add to one
        ==================  =======================  ===========================
        none                none                     none
        unit                transformation           transformation
        period              transformation           none
        two-way             transformation           none
        ==================  =======================  ===========================
    covariance : {"observed", "expected", "robust"}
        Inverse of the observed (default) or expected information, or the QML sandwich that stays
        right when the errors are not normal (Lee 2004). None of these is robust to
        heteroskedasticity. Models without rho have the least-squares covariance (with degrees of
        freedom), for "robust" with the same moments as the others.
    logdet : {"auto", "exact", "factor", "lanczos"}
        How ln|I - rho W| is had; see `regression.log_determinant`.
    seed : int, optional
        For random probes, where there are any.

    Returns
    -------
    RegressionResult

    Raises
    ------
    OptionError
        If options are unknown or exclude each other.
    PanelError
        If data are missing, undefined or unbalanced; cells are named.
    UnmatchedIdsError
        If ids of panel and weights differ.
    CollinearityError, AbsorbedRegressorError
        If coefficients are not identified; the columns are named.
    BoundaryError
        If rho runs to the edge of its interval.

    Notes
    -----
    Wy is formed first and then demeaned. With period or two-way effects the other order, which
    some programs use, is not the dummy-variable likelihood unless W is doubly stochastic.
    ``sigma2`` divides the sum of squares by N T, or by what the transformation leaves:
    N (T-1), (N-1) T, (N-1)(T-1).

    Sources: Elhorst (2014), chapter 3; Lee and Yu (2010), Journal of Econometrics 154, 165-185;
    Lee (2004), Econometrica 72, 1899-1925.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> res = nq.fit("lgsp ~ lpcap + lpc + lemp + unemp", panel, w, effects="two-way")
    >>> round(float(res.params["spatial", "rho"]), 4)
    0.4124
    """
    check_options(
        model=model, effects=effects, correction=correction, covariance=covariance,
        time_lag=time_lag, space_time_lag=space_time_lag,
    )  # fmt: skip
    _check_shape(panel, effects)
    w = _matched(weights, panel, model)
    chosen, notes = _resolve(correction, effects, w, model)
    draft = RegressionSpec(formula, "", (), (), model, effects, chosen, covariance)
    design = build_design(
        formula, panel, None if w is None else w.sparse,
        keep_intercept=effects == "none", has_lags=draft.has_lags, durbin=durbin,
    )  # fmt: skip
    spec = RegressionSpec(
        formula, design.outcome, design.names, design.lagged, model, effects, chosen, covariance
    )
    projection = project(design, spec)
    counts = counts_of(spec, panel.n_units, panel.n_periods)
    if spec.has_rho and w is not None:
        determinant = log_determinant(w, logdet, seed=seed)
        estimate, cov, loglik, convergence, more = _spatial(
            design, spec, projection, counts, w, determinant, seed
        )
        return _result(
            panel, design, spec, estimate, cov, loglik, convergence, (*notes, *more), w, determinant
        )
    estimate, cov, loglik = _linear(spec, projection, counts, panel)
    return _result(panel, design, spec, estimate, cov, loglik, None, notes, w, None)


def _check_shape(panel: SpatialPanel, effects: str) -> None:
    if not isinstance(panel, SpatialPanel):
        raise PanelError(
            f"panel must be a SpatialPanel, got {type(panel).__name__}; "
            "make one with SpatialPanel(frame, unit=..., period=...) or read_panel"
        )
    panel.require_balanced()
    if panel.n_periods == 1 and effects in ("unit", "period", "two-way"):
        raise OptionError(
            f"effects={effects!r} needs more than one period and this panel has one; "
            "use effects='none' for a cross-section"
        )


def _matched(
    weights: SpatialWeights | Graph | W | None, panel: SpatialPanel, model: str
) -> SpatialWeights | None:
    if model == "ols":
        return None
    if weights is None:
        raise OptionError(
            f"model {model!r} needs weights; make them with nqp_spatial.weights, or use model='ols'"
        )
    return as_weights(weights).reordered(panel.units)


def _resolve(
    correction: str, effects: str, w: SpatialWeights | None, model: str
) -> tuple[Correction, tuple[str, ...]]:
    """Return the correction to use, and what should be said about it."""
    stochastic = w is None or w.rows_add_to_one
    if effects == "none":
        return "none", ()
    if correction == "auto":
        if effects == "unit" or stochastic:
            return "transformation", ()
        return "none", (
            "rows of W do not add to one, so period effects cannot be transformed away: "
            "dummy-variable likelihood, rho biased by order 1/n",
        )
    if correction in ("transformation", "bias") and effects != "unit":
        if not stochastic:
            raise OptionError(
                f"correction={correction!r} with {effects} effects needs weights whose rows add "
                "to one; standardise them with weights.standardize('row'), or use "
                "correction='none'"
            )
        if correction == "bias" and model in ("sar", "sdm"):
            return "bias", (
                "bias-corrected: the log-likelihood is the maximum of the uncorrected one",
            )
    if correction == "bias":
        # Unit effects alone bias sigma2 only, and models without rho have nothing else to correct:
        # the transformation is the exact form of that correction.
        return "transformation", ("with these effects the bias correction is the transformation",)
    return ("none" if correction == "none" else "transformation"), ()


def _spatial(
    design: Design,
    spec: RegressionSpec,
    projection: Projection,
    counts: Counts,
    w: SpatialWeights,
    determinant: LogDet,
    seed: int | None,
) -> tuple[info.Estimate, np.ndarray, float, Convergence, tuple[str, ...]]:
    likelihood = ConcentratedLikelihood.of(projection, counts, determinant)
    best = maximize(likelihood, rough_log_determinant(w, determinant))
    estimate = info.estimate_at(best.rho, projection, counts, likelihood)
    loglik = likelihood.value(best.rho)
    notes: list[str] = []

    def moments(at: info.Estimate, *, diagonal: bool = False) -> info.Spill:
        structural = design.y - at.rho * design.lag_y - at.residuals.reshape(design.y.shape)
        found = info.spill(
            at, structural, w.sparse, determinant, spec, diagonal=diagonal, seed=seed
        )
        if found.note and found.note not in notes:
            notes.append(found.note)
        return found

    if spec.correction == "bias":
        estimate = info.bias_corrected(estimate, info.expected(estimate, moments(estimate)))
    if spec.covariance == "observed":
        cov = info.covariance_of(info.observed(estimate, determinant))
    elif spec.covariance == "expected":
        cov = info.covariance_of(info.expected(estimate, moments(estimate)))
    else:
        found = moments(estimate, diagonal=True)
        cov = info.robust(
            info.observed(estimate, determinant), info.expected(estimate, found),
            estimate, found, spec, (design.y.shape[0], design.y.shape[1]),
        )  # fmt: skip
    # An error dL' in the derivative moves the root of the score by m dL' times its variance.
    noise = counts.copies * determinant.error(best.rho)[1] * best.std_error
    convergence = Convergence(
        best.iterations, best.slope, determinant.method, noise, determinant.interval
    )
    if noise > 0.1:
        notes.append(
            f"the stochastic log-determinant adds an error of {noise:.2f} standard errors to rho"
        )
    return estimate, cov, loglik, convergence, tuple(notes)


def _linear(
    spec: RegressionSpec, projection: Projection, counts: Counts, panel: SpatialPanel
) -> tuple[info.Estimate, np.ndarray, float]:
    """Least squares: no rho, sigma2 of the likelihood, covariance with degrees of freedom."""
    squares = float(projection.left_y @ projection.left_y)
    sigma2 = squares / counts.observations
    estimate = info.Estimate(projection.coef_y, 0.0, sigma2, projection, counts)
    k = len(estimate.coefs)
    free = _df_resid(spec, panel, k)
    if free <= 0:
        raise PanelError(
            f"{panel.n_units * panel.n_periods} observations leave no degrees of freedom for "
            f"{k} regressors and {spec.effects} effects"
        )
    cov = np.zeros((k + 1, k + 1))
    cov[:k, :k] = squares / free * projection.gram_inverse
    cov[k, k] = 2 * sigma2**2 / counts.observations
    loglik = -counts.observations / 2 * (np.log(2 * np.pi * sigma2) + 1)
    return estimate, cov, float(loglik)


def _df_resid(spec: RegressionSpec, panel: SpatialPanel, k: int) -> int:
    n, t = panel.n_units, panel.n_periods
    left = (n - 1 if spec.sweeps_periods else n) * (t - 1 if spec.sweeps_units else t)
    return left - k


def _result(
    panel: SpatialPanel,
    design: Design,
    spec: RegressionSpec,
    estimate: info.Estimate,
    cov: np.ndarray,
    loglik: float,
    convergence: Convergence | None,
    notes: tuple[str, ...],
    w: SpatialWeights | None,
    determinant: LogDet | None,
) -> RegressionResult:
    keys = [("x", name) for name in design.names] + [("wx", name) for name in design.lagged]
    values = list(estimate.coefs)
    if spec.has_rho:
        keys.append(("spatial", "rho"))
        values.append(estimate.rho)
    index = pd.MultiIndex.from_tuples(keys, names=["block", "variable"])
    if not keys:
        index = pd.MultiIndex.from_arrays([[], []], names=["block", "variable"])
    count = len(keys)
    left = estimate.residuals
    rows = panel.frame.index
    total = float((estimate.projection.y**2).sum())
    if spec.effects == "none":
        total -= len(left) * float(estimate.projection.y.mean()) ** 2
    free = np.inf if spec.has_rho else float(_df_resid(spec, panel, count))
    if w is not None and len(w.islands):
        notes = (*notes, f"{len(w.islands)} units have no neighbours: their spatial lags are zero")
    return RegressionResult(
        spec=spec,
        weights_spec="" if w is None else w.spec.describe(),
        params=pd.Series(values, index=index, name="estimate", dtype=float),
        cov=pd.DataFrame(cov[:count, :count], index=index, columns=index),
        sigma2=estimate.sigma2,
        sigma2_std_error=float(np.sqrt(cov[-1, -1])),
        loglik=loglik,
        nobs=design.y.size,
        n_units=panel.n_units,
        n_periods=panel.n_periods,
        df_resid=free,
        resid=pd.Series(left, index=rows, name="resid"),
        fitted=pd.Series(design.y.ravel() - left, index=rows, name="fitted"),
        fixed_effects=_fixed_effects(panel, design, spec, estimate),
        rsquared_within=1 - float(left @ left) / total,
        convergence=convergence,
        notes=notes,
        labels=dict(panel.labels),
        weights=w,
        logdet=determinant,
    )


def _fixed_effects(
    panel: SpatialPanel, design: Design, spec: RegressionSpec, estimate: info.Estimate
) -> dict[str, object]:
    if spec.effects == "none":
        return {}
    gap = design.y - estimate.rho * design.lag_y - design.z @ estimate.coefs
    constant = float(gap.mean())
    found: dict[str, object] = {"constant": constant}
    if spec.sweeps_units:
        found["unit"] = pd.Series(gap.mean(axis=1) - constant, index=panel.units, name="unit")
    if spec.sweeps_periods:
        found["period"] = pd.Series(gap.mean(axis=0) - constant, index=panel.periods, name="period")
    return found
