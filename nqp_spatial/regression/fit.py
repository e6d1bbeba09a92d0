"""`fit`: estimate a spatial regression, from formula to result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.core.text import t
from nqp_spatial.errors import ConvergenceError, OptionError
from nqp_spatial.regression._correction import BIAS_CORRECTED, NOTHING_TO_LAG, resolve_correction
from nqp_spatial.regression._demeaning import unit_means
from nqp_spatial.regression._error_components import check_error_components
from nqp_spatial.regression._estimated import FixedEffects
from nqp_spatial.regression._estimator import check_estimator, dummies_filtered, resolve_estimator
from nqp_spatial.regression._formulas import Functions, term_labels
from nqp_spatial.regression._model_data import ModelData, build_model_data, build_parts_data
from nqp_spatial.regression._term_weights import TermWeights, match_term_weights
from nqp_spatial.regression._unused_options import require_used
from nqp_spatial.regression.covariance.information import Estimate
from nqp_spatial.regression.estimators import (
    Estimated,
    fit_adjusted_score,
    fit_error_components,
    fit_gs2sls,
    fit_ml,
    fit_ols,
    fit_short_panel,
)
from nqp_spatial.regression.estimators.ml import LogDeterminants, log_determinants
from nqp_spatial.regression.estimators.ols import residual_df
from nqp_spatial.regression.estimators.short_panel import NO_ROOT
from nqp_spatial.regression.likelihood.log_determinant import LogDetMethod
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import (
    Correction,
    Covariance,
    Effects,
    Estimator,
    Kernel,
    Model,
    RandomErrors,
    RegressionSpec,
    check_covariance,
    check_options,
)
from nqp_spatial.weights.spatial_weights import WeightsLike

__all__ = ["fit"]

#: Periods below which a covariance that averages over periods is noted.
_FEW_PERIODS = 20


@checked
def fit(
    formula: str,
    panel: SpatialPanel,
    weights: WeightsLike | Mapping[str, WeightsLike] | None = None,
    *,
    model: Model = "sdm",
    effects: Effects = "two-way",
    durbin: str | Iterable[str] | None = None,
    time_lag: bool = False,
    space_time_lag: bool = False,
    correction: Correction = "auto",
    covariance: Covariance = "observed",
    logdet: LogDetMethod = "auto",
    estimator: Estimator = "auto",
    cluster: str | Iterable[str] | None = None,
    cutoff_km: float | None = None,
    kernel: Kernel = "bartlett",
    lags: int | None = None,
    endogenous: str | Iterable[str] = (),
    instruments: str | Iterable[str] | None = None,
    functions: Functions | None = None,
    random_errors: RandomErrors = "kkp",
    serial: bool = False,
    seed: Seed = 0,
) -> RegressionResult:
    """Estimate a spatial regression, by maximum likelihood or two-stage least squares.

    ``y_t = rho W y_t + tau y_(t-1) + eta W y_(t-1) + X_t beta + W X_t theta + mu + nu_t + u_t``,
    ``u_t = lam W u_t + e_t``, e iid (0, sigma2).

    Parameters
    ----------
    formula : str
        ``"y ~ x1 + log(x2)"`` in the syntax of formulaic: columns, operators and the functions log,
        log1p, log2, log10, exp, expm1, sqrt, abs, sign, arcsinh, minimum, maximum, clip (these also
        as ``np.log`` and so on), I, C, center, scale, poly, bs, cs, cc, cr. Anything else is
        refused before it is evaluated. ``"y ~ 1"`` has no regressors: with fixed effects rho (lam)
        alone is estimated. Units and periods have the names of their original columns;
        names with brackets, spaces or other special characters are written in backticks. With fixed
        effects the intercept is omitted.
    panel : SpatialPanel
        Balanced, complete in the columns used. A cross-section is a panel of one period.
    weights : SpatialWeights, Graph or W, or mapping of these
        W, used as it is (never re-standardised), matched by ids. Not needed for ``ols``. A mapping
        with the keys "y", "x", "u" (those that the model has) gives W y, W X and W u their own
        matrices.
    model : {"ols", "slx", "sar", "sem", "sdm", "sdem", "sac", "gns"}
        Which spatial terms enter: none, W X, W y, W u, W y and W X, W X and W u, W y and W u, all
        three.
    effects : {"none", "unit", "period", "two-way", "random", "correlated-random"}
        Fixed effects; or random unit effects, and these with the unit means of the regressors
        (Mundlak 1978), which makes the coefficients those of fixed effects where the means capture
        all of the correlation. Period effects besides random unit effects go into the formula,
        ``C(year)``; their unit means, which are equal for all units, are left out. With spatial
        errors see `random_errors`. The parameter ("random", "phi") is the weight of the unit means:
        ``phi^2 = sigma2 / (sigma2 + T sigma2_mu)``. A cross-section takes "none".
    durbin : str or list of str, optional
        The regressors to lag, if not all: a column, a list, or the right side of a formula. For
        models with W X only: slx, sdm, sdem, gns.
    time_lag, space_time_lag : bool
        Whether y_(t-1) and W y_(t-1) enter. The first period then serves only as the lagged value
        of the second.
    correction : {"auto", "none", "transformation", "bias"}
        How to correct for the incidental parameters (Lee and Yu 2010). ``none`` is the
        dummy-variable likelihood: sigma2 is too small by (T-1)/T with unit effects, and with
        period effects rho and lam are biased by order 1/n. ``transformation`` removes the effects
        by orthonormal transformations; with period effects it requires that rows of W add to one.
        ``bias`` subtracts the bias due to period dummies, after unit effects are transformed away.
        Where rows of W do not add to one, it corrects the score instead, exactly for every n. There
        ``none`` is misleading if W is dense (inverse distances without a cutoff): with 50 units and
        6 periods 95 % intervals of rho (lam) contained the true value in 83 % (56 %) of 150
        samples, with the correction in 96 % (93 %). ``auto``:

        ==================  =======================  ===========================
        effects             rows of W add to one     rows of W do not add to one
        ==================  =======================  ===========================
        none                none                     none
        unit                transformation           transformation
        period              transformation           bias
        two-way             transformation           bias
        ==================  =======================  ===========================

        In a dynamic model unit effects bias tau, eta and rho by order 1/T. With adjusted scores
        (see `estimator`) nothing is left to correct. With "ml", ``bias``, which is also what
        ``auto`` does, corrects this bias (Yu, de Jong and Lee 2008; Lee and Yu 2010b), after
        period effects are transformed away. The correction is of first order and the standard
        errors do not account for it: in simulations 95 % intervals of tau contain the true value in
        93 % of samples with ten periods and tau = 0.3, 91 % with tau = 0.7, and 86 % with five
        periods and tau = 0.7; with thirty periods in 93 to 95 %
        (benchmarks/calibration_estimates.csv).
    covariance : {"observed", "expected", "qml", "robust", "cluster", "driscoll-kraay", "conley"}
        Inverse of the observed (default) or expected information. ``qml`` is the sandwich of the
        likelihood, valid when the errors are not normal (Lee 2004), but not under
        heteroskedasticity, which biases rho itself (Lin and Lee 2010). ``robust`` is valid under
        heteroskedasticity, with "m" (which "auto" then takes for rho and lam) and "gs2sls"; for
        ``ols`` and ``slx`` it is HC1, after removal of unit effects that of Stock and Watson
        (2008). ``cluster`` is valid when errors are correlated within clusters, by default the
        units: over time, or in any way. ``conley`` (1999) is valid when the correlation ends at a
        distance, or after some periods. ``driscoll-kraay`` (1998) is valid when errors are
        correlated across all units; it needs many periods, about thirty. Where errors of different
        units are correlated, rho and lam by maximum likelihood are not consistent, and a note says
        so. ``ols`` and ``slx`` have the least-squares covariance (with degrees of freedom) and no
        "qml": that would be the same matrix. With adjusted scores ("m") of a dynamic model
        ``observed`` is the covariance of their martingale differences, valid when errors are not
        normal, and ``robust`` estimates by scores that have mean zero whatever the variances of the
        errors (Li and Yang 2020); there are no others. In static models "m" has "robust" and
        "cluster" (by unit) only, and "gs2sls" has lam not with "driscoll-kraay".
    logdet : {"auto", "exact", "factor", "lanczos"}
        How ln|I - rho W| and ln|I - lam W| are calculated; see `regression.log_determinant`.
    estimator : {"auto", "ml", "gs2sls", "m"}
        Maximum likelihood; generalised spatial two-stage least squares: W y is instrumented by
        W X and W^2 X (W^2 X and W^3 X where W X is in the model), and lam is estimated from moment
        conditions that hold under heteroskedasticity (Kelejian and Prucha 2010); or adjusted
        scores: the scores minus their means. In static models these are the diagonals of the
        quadratic forms (Lin and Lee 2010; Liu and Yang 2015, 2020). Both are consistent under
        heteroskedasticity, where maximum likelihood is not; use them with ``covariance="robust"``.
        "m" is usually the more precise of the two; its errors may differ in variance between units
        and over time, and be correlated over time within a unit. "gs2sls" allows for endogenous
        regressors. Neither is for random effects, and "gs2sls" not for dynamic models, nor lam with
        "driscoll-kraay"; static "m" has "robust" and "cluster" (by unit) only.
        In dynamic models with unit effects, "m" is right for any number of periods (Yang 2018).
        ``auto`` takes "m" where "robust" is asked for in a model with rho or lam; for dynamic
        models with unit effects and fewer than 15 periods after the first (any number with
        "robust"), unless `correction` or another covariance is asked for; else "ml". If adjusted
        scores have no root and come near none, ``auto`` takes "ml" and says so in a note, and "m"
        raises ConvergenceError. Adjusted scores have no log-likelihood.
    cluster : str or list of str, optional
        With ``covariance="cluster"``: a column whose values form the clusters, such as a province;
        the units by default. Two columns (also the units and the periods by name) allow for
        correlation within either (Cameron, Gelbach and Miller 2011). Variances have the factor
        ``G / (G - 1) (N - 1) / (N - K)`` and t tests G - 1 degrees of freedom, with G the smaller
        number of clusters; K counts the fixed effects, as one where they are nested in clusters.
    cutoff_km : float, optional
        With ``covariance="conley"``: the distance in kilometres from which errors of one period
        are uncorrelated; between points, or centroids of polygons, as for weights. Variances have
        the factor ``(N - 1) / (N - K)``.
    kernel : {"bartlett", "uniform"}
        How the weight of a pair falls from one to zero until there: linearly, or not at all. With
        `cutoff_km` only.
    lags : int, optional
        With "conley": periods over which errors of one unit are correlated, with weights ``1 - h /
        (lags + 1)`` (none by default). With "driscoll-kraay": as there (by default ``4 (T /
        100)^(2/9)``).
    endogenous : str or list of str
        With "gs2sls": regressors of the formula that are correlated with the errors.
    instruments : str or list of str, optional
        With "gs2sls": excluded variables that are correlated with them, as the right side of a
        formula or a list of columns.
    functions : mapping, optional
        Functions of your own that the formula may call, by name: ``{"f": f}`` for
        ``"y ~ f(x)"``. They take columns and return columns.
    random_errors : {"kkp", "bsk"}
        With random effects and spatial errors: ``kkp`` has unit effects that follow the spatial
        process of the errors, ``u_t = B^-1 (mu + e_t)``, ``B = I - lam W`` (Kapoor, Kelejian and
        Prucha 2007); ``bsk`` has effects that do not, ``u_t = mu + B^-1 e_t`` (Baltagi, Song and
        Koh 2003).
    serial : bool
        Whether the errors follow their past, ``e_t = psi e_(t-1) + v_t`` (Baltagi, Song, Jung and
        Koh 2007), with random effects or none. The parameter is ("random", "psi"), and sigma2 the
        variance of v.
    seed : int, optional
        Seed of the random probes, if any.

    Returns
    -------
    RegressionResult

    Raises
    ------
    OptionError
        If options are unknown or incompatible, or the model has no use for one of them.
    PanelError
        If data are missing, undefined or unbalanced; the cells are named.
    UnmatchedIdsError
        If ids of panel and weights differ.
    CollinearityError, AbsorbedRegressorError
        If coefficients are not identified; the columns are named.
    BoundaryError
        If rho or lam reaches the boundary of its interval.
    ConvergenceError
        If the maximum cannot be found, or a dynamic model to be corrected is not stable.

    Notes
    -----
    Wy is formed first and then demeaned. With period or two-way effects the other order, which
    some programs use, is not the dummy-variable likelihood unless W is doubly stochastic. With
    spatial errors the dummy of a period becomes ``p = (I - lam W) 1``, and series are projected on
    it in each period; where rows of W add to one this is demeaning.
    ``sigma2`` is the sum of squares divided by N T, or by the observations after the
    transformation: N (T-1), (N-1) T, (N-1)(T-1).

    The log-likelihood has all constants, and AIC and BIC do not count fixed effects; see
    `RegressionResult` for conversion into what R and Stata print.

    In samples of about 500 observations maximum likelihood estimates rho and lam a tenth to a
    quarter of a standard error too low; the bias of effects is below a tenth, and intervals have
    the right coverage.

    Scores of rho and lam are quadratic in the errors: for ``cluster`` and ``conley`` their variance
    is taken over unordered pairs of observations, so that it does not depend on the order of units.
    Above 1 000 units some traces of it are means over random probes; a note states their error. A
    covariance that is not positive semi-definite, as two ways of clustering and kernels of distance
    may give, is changed to the nearest that is, and a note says so.

    Sources: Elhorst (2014), chapter 3; Lee and Yu (2010), Journal of Econometrics 154, 165-185;
    Lee (2004), Econometrica 72, 1899-1925; Yu, de Jong and Lee (2008), Journal of Econometrics
    146, 118-134; Yang (2018), Journal of Econometrics 205; Lee and Yu (2010b), Econometric Theory
    26, 564-597; Li and Yang (2020), Regional Science and Urban Economics 81; Elhorst (2014),
    section 3.3.2, for random effects.

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
        estimator=estimator,
    )  # fmt: skip
    if durbin is not None and not isinstance(durbin, str):
        durbin = list(durbin)
    require_used(
        model, effects,
        {
            "durbin": durbin, "correction": correction, "logdet": logdet, "estimator": estimator,
            "random_errors": random_errors, "endogenous": endogenous, "instruments": instruments,
        },
    )  # fmt: skip
    _check_shape(panel, effects, dynamic=time_lag or space_time_lag)
    if covariance == "driscoll-kraay":
        require_even_steps(panel.periods, "covariance='driscoll-kraay'")
    draft = RegressionSpec(
        formula, "", (), (), model, effects, "none", covariance, time_lag, space_time_lag,
        cluster=_columns_of(cluster),
        cutoff_km=cutoff_km, kernel=kernel, lags=lags, random_errors=random_errors, serial=serial,
    )  # fmt: skip
    check_error_components(draft, estimator, panel)
    chosen_estimator = resolve_estimator(estimator, draft, panel.n_periods, correction)
    draft = replace(draft, estimator=chosen_estimator)
    check_covariance(draft, panel.n_units, panel.n_periods)
    needed = {"y": draft.has_rho or space_time_lag, "x": draft.has_lags, "u": draft.has_lam}
    terms = match_term_weights(weights, panel, needed, model)
    draft = dummies_filtered(estimator, draft, terms.weights_u)
    check_estimator(draft, correction, endogenous, instruments)
    chosen, notes = resolve_correction(correction, draft, terms)
    data = build_model_data(panel, replace(draft, correction=chosen), terms, durbin, functions)
    if data.spec.is_linear:
        return _result(panel, data, fit_ols(data), LogDeterminants(None), notes)
    determinants = log_determinants(terms, logdet, seed)
    if data.spec.estimator == "gs2sls":
        estimated = fit_gs2sls(data, panel, endogenous, instruments, functions)
    elif data.spec.estimator == "m" and data.spec.is_dynamic:
        try:
            estimated = fit_short_panel(data, determinants, seed)
        except ConvergenceError:
            if estimator == "m":
                raise
            # ``auto``: the bias-corrected likelihood, and a note that says so.
            likely = replace(data.spec, estimator="ml")
            chosen, notes = resolve_correction(correction, likely, terms)
            data = replace(data, spec=replace(likely, correction=chosen))
            estimated, notes = fit_ml(data, determinants, seed), (NO_ROOT, *notes)
    elif data.spec.estimator == "m":
        estimated = fit_adjusted_score(data, determinants, seed)
    elif data.spec.has_error_components:
        estimated = fit_error_components(data, determinants)
    else:
        estimated = fit_ml(data, determinants, seed)
    return _result(panel, data, estimated, determinants, notes)


def parts_data(
    formula: str,
    panel: SpatialPanel,
    terms: TermWeights,
    *,
    regimes: Mapping[str, np.ndarray] | None = None,
    effects: Effects = "two-way",
    durbin: str | Iterable[str] | None = None,
    correction: Literal["auto", "none"] = "auto",
    covariance: Covariance = "observed",
    estimator: Literal["ml", "gs2sls"] | None = None,
    cluster: str | Iterable[str] | None = None,
    cutoff_km: float | None = None,
    kernel: Kernel = "bartlett",
    lags: int | None = None,
    functions: Functions | None = None,
) -> ModelData:
    """Return the data of a model with several named matrices W in a term.

    ``y_t = sum_k rho_k W_k y_t + X_t beta_a + sum_l W_l X_t theta_l + mu + nu_t + e_t``, with
    coefficients of X by regime a.

    Parameters
    ----------
    formula, panel, effects, durbin, covariance, functions
        As in `fit`.
    estimator : {"ml", "gs2sls"}, optional
        None where a function has no other than likelihood.
    cluster, cutoff_km, kernel, lags
        As in `fit`.
    terms : TermWeights
        Made by `TermWeights.in_parts`.
    regimes : mapping of ndarray, optional
        By name, the units that have their own coefficients on X.
    correction : {"auto", "none"}
        Unit effects are transformed away. ``auto`` subtracts the bias due to period dummies.
    """
    _check_shape(panel, effects, dynamic=False)
    if durbin is not None and not terms.x:
        raise OptionError(
            "durbin= names the regressors whose lag W X enters, and lag_regressors=False takes "
            "none; leave one of them out"
        )
    if covariance == "robust" and estimator != "gs2sls":
        instead = "estimator='gs2sls', or " if estimator else ""
        raise OptionError(
            "covariance='robust' is not offered by likelihood, which is biased where variances "
            f"differ; use {instead}covariance='qml' for errors that are not normal"
        )
    estimator = estimator or "ml"
    if covariance == "driscoll-kraay":
        require_even_steps(panel.periods, "covariance='driscoll-kraay'")
    chosen: Correction = "transformation" if effects == "unit" or estimator == "gs2sls" else "none"
    if effects in ("period", "two-way") and correction == "auto" and estimator == "ml":
        chosen = "bias"
    draft = RegressionSpec(
        formula, "", (), (), "sdm" if terms.x else "sar", effects, chosen, covariance,
        estimator=estimator, cluster=_columns_of(cluster), cutoff_km=cutoff_km, kernel=kernel,
        lags=lags,
    )  # fmt: skip
    check_covariance(draft, panel.n_units, panel.n_periods)
    return build_parts_data(panel, draft, terms, regimes, durbin, functions)


def fit_parts(panel: SpatialPanel, data: ModelData) -> RegressionResult:
    """Estimate a model with several matrices W; parameters have a further level, ``part``."""
    determinants = log_determinants(data.terms)
    if data.spec.estimator == "gs2sls":
        return _result(panel, data, fit_gs2sls(data, panel), determinants, ())
    return _result(panel, data, fit_ml(data, determinants), determinants, ())


def _columns_of(cluster: str | Iterable[str] | None) -> tuple[str, ...]:
    return (cluster,) if isinstance(cluster, str) else tuple(cluster or ())


def _check_shape(panel: SpatialPanel, effects: str, *, dynamic: bool) -> None:
    panel.require_balanced()
    if panel.n_periods == 1 and effects != "none":
        raise OptionError(
            f"effects={effects!r} needs more than one period and this panel has one; "
            "use effects='none' for a cross-section"
        )
    if not dynamic:
        return
    if effects in ("random", "correlated-random"):
        raise OptionError(
            "a dynamic model with random effects needs a model of where each unit started, which "
            "is not offered; use effects='unit' or 'two-way'"
        )
    least = 3 if effects in ("unit", "two-way") else 2
    if panel.n_periods < least:
        raise OptionError(
            f"a dynamic model with effects={effects!r} needs {least} periods or more, this panel "
            f"has {panel.n_periods}"
        )
    # A lag refers to the previous period only if no period is missing.
    require_even_steps(panel.periods, "a dynamic model")


def _result(
    panel: SpatialPanel,
    data: ModelData,
    estimated: Estimated,
    determinants: LogDeterminants,
    notes: tuple[str, ...],
) -> RegressionResult:
    design, spec, terms, estimate = data.design, data.spec, data.terms, estimated.estimate
    index, values = _parameters(data, estimate)
    count = len(values)
    residuals = estimate.innovations
    if estimated.residuals is not None:
        residuals = estimated.residuals
    elif spec.has_phi:
        # Minus the best linear unbiased prediction of the unit effects.
        residuals = residuals - (1 - estimate.phi**2) * unit_means(residuals, design.y.shape[1])
    shape = (panel.n_units, panel.n_periods)
    rows = panel.frame.index[
        np.arange(len(panel.frame)).reshape(shape)[:, shape[1] - design.y.shape[1] :].ravel()
    ]
    total = float((estimate.projection.y**2).sum())
    if spec.keeps_intercept:
        total -= len(residuals) * float(estimate.projection.y.mean()) ** 2
    free = float(residual_df(data, count)) if spec.is_linear else np.inf
    if data.dependence.clusters and spec.estimator != "m":
        free = float(data.dependence.fewest - 1)
    notes = (*notes, *design.notes, *estimated.notes)
    if spec.has_lags and not design.lagged and not terms.has_parts:
        notes = (*notes, NOTHING_TO_LAG)
    if spec.correction == "bias" and terms.has_parts:
        notes = (*notes, BIAS_CORRECTED)
    if spec.covariance == "driscoll-kraay" and design.y.shape[1] < _FEW_PERIODS:
        note = t(
            "{count} periods are few for standard errors of Driscoll and Kraay, which are then too "
            "small: they average over periods only; compare with 'cluster' or 'conley'",
            count=design.y.shape[1],
        )
        notes = (*notes, note)
    for w in terms.given:
        if len(w.islands):
            note = t(
                "{count} units have no neighbours: their spatial lags are zero",
                count=len(w.islands),
            )
            notes = (*notes, note)
    cov = estimated.cov
    return RegressionResult(
        spec=replace(spec, weights=terms.describe()),
        params=pd.Series(values, index=index, name="estimate", dtype=float),
        cov=pd.DataFrame(cov[:count, :count], index=index, columns=index),
        sigma2=estimate.sigma2,
        sigma2_std_error=float(np.sqrt(cov[-1, -1])),
        loglik=estimated.loglik,
        nobs=design.y.size,
        n_units=panel.n_units,
        n_periods=design.y.shape[1],
        df_resid=free,
        resid=pd.Series(residuals, index=rows, name="resid"),
        fitted=pd.Series(design.y.ravel() - residuals, index=rows, name="fitted"),
        fixed_effects=_fixed_effects(panel, data, estimated),
        rsquared_within=1 - float(residuals @ residuals) / total,
        convergence=estimated.convergence,
        notes=notes,
        labels=term_labels(panel.labels, (spec.outcome, *spec.regressors)),
        terms=terms,
        logdet=determinants.one,
        tests=TestSet(estimated.tests),
        model_specs=design.model_specs,
        regimes=dict(data.regimes),
    )


def _parameters(data: ModelData, estimate: Estimate) -> tuple[pd.MultiIndex, np.ndarray]:
    """Return the index of the parameters and their values."""
    terms = data.terms
    keys: list[tuple[str, ...]] = list(data.keys)
    names = ["block", "variable", "part"] if terms.has_parts else ["block", "variable"]
    names_of_others: list[tuple[str, ...]] = [("spatial", "rho")]
    if terms.has_parts:
        names_of_others = [("spatial", "rho", part) for part in terms.names_y]
    names_of_others += [("spatial", "lam"), ("random", "phi"), ("random", "psi")]
    keys += [names_of_others[which] for which in estimate.active]
    others = np.array([*estimate.rho, estimate.lam, estimate.phi, estimate.psi])
    values = np.concatenate([estimate.coefs, others[list(estimate.active)]])
    return _index_of(tuple(keys), tuple(names)).view(), values


@lru_cache(maxsize=256)
def _index_of(keys: tuple[tuple[str, ...], ...], names: tuple[str, ...]) -> pd.MultiIndex:
    """Return the index of parameters; results get views of it, whose names can be changed."""
    if not keys:
        return pd.MultiIndex.from_arrays([[]] * len(names), names=names)
    return pd.MultiIndex.from_tuples(keys, names=names)


def _fixed_effects(panel: SpatialPanel, data: ModelData, estimated: Estimated) -> FixedEffects:
    design, spec, terms, estimate = data.design, data.spec, data.terms, estimated.estimate
    if estimated.unit_effects is not None:
        predicted = estimated.unit_effects
        unit = pd.Series(predicted.values, panel.units, name="unit")
        return FixedEffects(unit=unit, variance=predicted.variance)
    if spec.has_phi:
        shape = design.y.shape
        means = estimate.innovations.reshape(shape).mean(axis=1)
        shrunk = (1 - estimate.phi**2) * means
        variance = estimate.sigma2 * (1 / estimate.phi**2 - 1) / shape[1]
        return FixedEffects(unit=pd.Series(shrunk, panel.units, name="unit"), variance=variance)
    if spec.effects == "none":
        return FixedEffects()
    gap = design.y - design.lag_y @ estimate.rho - design.z @ estimate.coefs
    unit = period = None
    by_unit = gap.mean(axis=1) if spec.sweeps_units else np.zeros(len(gap))
    if spec.sweeps_units:
        unit = pd.Series(by_unit - gap.mean(), index=panel.units, name="unit")
    constant = float(gap.mean())
    if spec.sweeps_periods:
        # Where errors are spatial, the filtered dummies p are orthogonal to their innovations.
        weights = np.ones(len(gap))
        if terms.matrix_u is not None:
            weights = weights - estimate.lam * (terms.matrix_u @ weights)
            weights = weights - estimate.lam * (terms.matrix_u.T @ weights)
        weights /= weights.sum()
        by_period = weights @ (gap - by_unit[:, None])
        if not spec.sweeps_units:
            constant = float(by_period.mean())
        periods = panel.periods[panel.n_periods - gap.shape[1] :]
        period = pd.Series(by_period - by_period.mean(), index=periods, name="period")
    return FixedEffects(constant, unit, period)
