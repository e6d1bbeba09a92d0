"""`fit`: estimate a spatial regression, from formula to result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.core.text import t
from nqp_spatial.errors import OptionError
from nqp_spatial.regression._demeaning import Counts, Projection, unit_means
from nqp_spatial.regression._design import Design
from nqp_spatial.regression._estimated import Convergence, FixedEffects
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression._model_data import matrix_of, pose
from nqp_spatial.regression._term_weights import Terms, row_sum_advice, terms_of
from nqp_spatial.regression.covariance import information as info
from nqp_spatial.regression.covariance import sandwich
from nqp_spatial.regression.covariance.dynamic_bias import lag_parameters, score_bias_of_units
from nqp_spatial.regression.estimators.gs2sls import two_stage
from nqp_spatial.regression.likelihood.concentrated import ConcentratedLikelihood, Squares, maximize
from nqp_spatial.regression.likelihood.log_determinant import (
    LogDet,
    LogDetMethod,
    log_determinant,
    rough_log_determinant,
)
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import (
    Correction,
    Covariance,
    Effects,
    Estimator,
    Model,
    RegressionSpec,
    check_covariance,
    check_options,
)
from nqp_spatial.weights.spatial_weights import WeightsLike

if TYPE_CHECKING:
    pass

__all__ = ["fit"]

_BIAS_CORRECTED = t("bias-corrected: the log-likelihood is the maximum of the uncorrected one")


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
    estimator: Estimator = "ml",
    endogenous: str | Iterable[str] = (),
    instruments: str | Iterable[str] | None = None,
    functions: Functions | None = None,
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
        refused before it is evaluated. Units and periods are known by the names that their columns
        had; names with brackets, spaces or other signs stand in backticks. With fixed effects the
        intercept is left out.
    panel : SpatialPanel
        Balanced, complete in the columns used. A cross-section is a panel of one period.
    weights : SpatialWeights, Graph or W, or mapping of these
        W, used as it is (never re-standardised), matched by ids. Not needed for ``ols``. A mapping
        with the keys "y", "x", "u" (those that the model has) gives W y, W X and W u matrices of
        their own.
    model : {"ols", "slx", "sar", "sem", "sdm", "sdem", "sac"}
        Which spatial terms enter: none, W X, W y, W u, W y and W X, W X and W u, W y and W u.
    effects : {"none", "unit", "period", "two-way", "random", "correlated-random"}
        Fixed effects; or random unit effects, and these with the unit means of the regressors
        (Mundlak 1978), which makes the coefficients those of fixed effects where the means take up
        all of the correlation. Period effects beside random ones go into the formula, ``C(year)``.
        With spatial errors the unit effects are lagged as the errors are (Kapoor, Kelejian and
        Prucha 2007). A cross-section takes "none".
    durbin : str or list of str, optional
        The regressors to lag, if not all: a column, a list, or the right side of a formula.
    time_lag, space_time_lag : bool
        Whether y_(t-1) and W y_(t-1) enter. The first period then only serves as the past of the
        second.
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

        In a dynamic model unit effects bias tau, eta and rho by order 1/T. ``bias``, which is also
        what ``auto`` does, takes this off (Yu, de Jong and Lee 2008; Lee and Yu 2010b), after
        period effects are transformed away. The formula is of first order and the standard errors
        do not allow for it: in simulations 95 % intervals of tau hold the truth in 93 % of samples
        with ten periods and tau = 0.3, 91 % with tau = 0.7, and 86 % with five periods and tau =
        0.7; with thirty periods in 93 to 95 % (benchmarks/calibration_estimates.csv).
    covariance : {"observed", "expected", "robust", "cluster", "driscoll-kraay"}
        Inverse of the observed (default) or expected information. ``robust`` is, by likelihood, the
        QML sandwich that stays right when the errors are not normal (Lee 2004), not under unequal
        variances, which bias rho itself (Lin and Lee 2010); with "gs2sls" it is right under unequal
        variances. ``cluster`` is right when errors of a unit depend on each other over time or
        differ in variance; it needs many units, and is offered for ``ols`` and ``slx``, where with
        one period it is the heteroskedasticity-robust matrix (times n / (n - 1)), and with
        "gs2sls". ``driscoll-kraay`` (1998) is right when errors depend on each other across units
        too; it needs many periods, some thirty. ``ols`` and ``slx`` have the least-squares
        covariance (with degrees of freedom) and no "robust": by likelihood that would be the same
        matrix.
    logdet : {"auto", "exact", "factor", "lanczos"}
        How ln|I - rho W| and ln|I - lam W| are had; see `regression.log_determinant`.
    estimator : {"ml", "gs2sls"}
        Maximum likelihood, or generalised spatial two-stage least squares: W y is instrumented by
        W X and W^2 X (W^2 X and W^3 X where W X is in the model), and lam is had from moments that
        hold under any variances of the errors (Kelejian and Prucha 2010). It is less precise than
        likelihood, and right under heteroskedasticity where likelihood is not; take it with
        ``covariance="robust"``. Fixed effects are swept out. Not for dynamic models and random
        effects; lam with "observed" or "robust" only.
    endogenous : str or list of str
        With "gs2sls": regressors of the formula that are correlated with the errors.
    instruments : str or list of str, optional
        With "gs2sls": variables outside the model that move them, as the right side of a formula or
        a list of columns.
    functions : mapping, optional
        Functions of your own that the formula may call, by name: ``{"f": f}`` for
        ``"y ~ f(x)"``. They get columns and return columns.
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
        If rho or lam runs to the edge of its interval.
    ConvergenceError
        If the maximum cannot be found, or a dynamic model to be corrected is not stable.

    Notes
    -----
    Wy is formed first and then demeaned. With period or two-way effects the other order, which
    some programs use, is not the dummy-variable likelihood unless W is doubly stochastic.
    ``sigma2`` divides the sum of squares by N T, or by what the transformation leaves:
    N (T-1), (N-1) T, (N-1)(T-1).

    In samples of some 500 observations likelihood puts rho and lam a tenth to a quarter of a
    standard error too low; effects are off by less than a tenth, and intervals cover.

    Sources: Elhorst (2014), chapter 3; Lee and Yu (2010), Journal of Econometrics 154, 165-185;
    Lee (2004), Econometrica 72, 1899-1925; Yu, de Jong and Lee (2008), Journal of Econometrics
    146, 118-134; Lee and Yu (2010b), Econometric Theory 26, 564-597; Elhorst (2014), section 3.3.2,
    for random effects.

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
    _check_shape(panel, effects, dynamic=time_lag or space_time_lag)
    if covariance == "driscoll-kraay":
        require_even_steps(panel.periods, "covariance='driscoll-kraay'")
    draft = RegressionSpec(
        formula, "", (), (), model, effects, "none", covariance, time_lag, space_time_lag,
        estimator,
    )  # fmt: skip
    check_covariance(draft, panel.n_units, panel.n_periods)
    needed = {"y": draft.has_rho or space_time_lag, "x": draft.has_lags, "u": draft.has_lam}
    terms = terms_of(weights, panel, needed, model)
    _check_estimator(draft, correction, endogenous, instruments)
    chosen, notes = _resolve(correction, draft, terms)
    problem = pose(panel, replace(draft, correction=chosen), terms, durbin, functions)
    spec, design = problem.spec, problem.design
    notes = (*notes, *design.notes)
    if estimator == "gs2sls":
        found = two_stage(problem, panel, endogenous, instruments, functions)
        determinant = None if terms.y is None else log_determinant(terms.y, logdet, seed=seed)
        result = _result(
            panel, design, spec, found.estimate, found.cov, np.nan, None,
            (*notes, *found.notes), terms, determinant,
        )  # fmt: skip
        return replace(result, tests=TestSet(found.tests))
    if spec.is_linear:
        estimate, cov, loglik = _linear(spec, problem.projection, problem.counts, design)
        return _result(panel, design, spec, estimate, cov, loglik, None, notes, terms, None)
    determinants = _Determinants(
        None if terms.y is None else log_determinant(terms.y, logdet, seed=seed),
        None if terms.u is None else log_determinant(terms.u, logdet, seed=seed),
    )
    estimate, cov, loglik, convergence, more = _likely(
        design, spec, problem.projection, problem.counts, terms, determinants, seed
    )
    return _result(
        panel, design, spec, estimate, cov, loglik, convergence, (*notes, *more), terms,
        determinants.outcome,
    )  # fmt: skip


@dataclass(frozen=True)
class _Determinants:
    """Log-determinants of W_y and W_u; the former also where only y_(t-1) is lagged by it."""

    outcome: LogDet | None
    error: LogDet | None

    def active(self, spec: RegressionSpec) -> tuple[LogDet | None, LogDet | None]:
        """Return those that the likelihood has."""
        return (
            self.outcome if spec.has_rho else None,
            self.error if spec.has_lam else None,
        )


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
    # A lag is of the period before only if no period is left out.
    require_even_steps(panel.periods, "a dynamic model")


def _check_estimator(
    spec: RegressionSpec,
    correction: str,
    endogenous: str | Iterable[str],
    instruments: str | Iterable[str] | None,
) -> None:
    """Refuse what two-stage least squares cannot do, and instruments without it."""
    if spec.estimator == "ml":
        if endogenous or instruments is not None:
            raise OptionError(
                "endogenous regressors and instruments are for estimator='gs2sls'; likelihood "
                "takes all regressors as exogenous"
            )
        return
    if spec.is_dynamic or spec.has_phi:
        kind = "dynamic models" if spec.is_dynamic else f"effects={spec.effects!r}"
        raise OptionError(f"estimator='gs2sls' is not offered for {kind}; use estimator='ml'")
    if correction not in ("auto", "none"):
        raise OptionError(
            "two-stage least squares has no incidental parameters to correct for; leave "
            f"correction='auto', not {correction!r}"
        )
    if spec.has_lam and spec.covariance not in ("observed", "expected", "robust"):
        raise OptionError(
            f"covariance={spec.covariance!r} is not offered for lam by estimator='gs2sls'; use "
            "'observed' or 'robust'"
        )
    if spec.model in ("ols", "slx") and not endogenous:
        raise OptionError(
            f"model {spec.model!r} has nothing to instrument; name endogenous regressors, or use "
            "estimator='ml', which is least squares here"
        )


def _resolve(
    correction: str, spec: RegressionSpec, terms: Terms
) -> tuple[Correction, tuple[str, ...]]:
    """Return the correction to use, and what should be said about it."""
    stochastic = terms.rows_add_to_one
    if terms.u is not None and spec.sweeps_periods and not terms.u.rows_add_to_one:
        raise OptionError(
            f"spatial errors with {spec.effects} effects need weights whose rows add to one, or "
            f"the filtered period dummies are dummies no more; {row_sum_advice(terms.u)}"
        )
    if spec.has_phi and spec.covariance not in ("observed", "expected"):
        raise OptionError(
            f"covariance={spec.covariance!r} is not offered with random effects; use 'observed' or "
            "'expected'"
        )
    if spec.keeps_intercept:
        return "none", ()
    if spec.estimator == "gs2sls":
        return "transformation", ()  # of sigma2 only: its divisor is what the sweeping leaves
    if spec.is_dynamic and spec.sweeps_units:
        return _resolve_dynamic(correction, spec, terms)
    if correction == "auto":
        if spec.effects == "unit" or stochastic:
            return "transformation", ()
        return "none", (
            t(
                "rows of W do not add to one, so period effects cannot be transformed away: "
                "dummy-variable likelihood, rho biased by order 1/n"
            ),
        )
    if correction in ("transformation", "bias") and spec.effects != "unit":
        _require_stochastic(correction, spec, terms)
        if correction == "bias" and (spec.has_rho or spec.has_lam):
            return "bias", (_BIAS_CORRECTED,)
    if correction == "bias":
        # Unit effects alone bias sigma2 only, and models without rho have nothing else to correct:
        # the transformation is the exact form of that correction.
        note = t("with these effects the bias correction is the transformation")
        return "transformation", (note,)
    return ("none" if correction == "none" else "transformation"), ()


def _resolve_dynamic(
    correction: str, spec: RegressionSpec, terms: Terms
) -> tuple[Correction, tuple[str, ...]]:
    if correction == "transformation":
        raise OptionError(
            "unit effects of a dynamic model cannot be transformed away, the past being among the "
            "regressors; use correction='bias' (the default) or 'none'"
        )
    if correction == "none":
        return "none", (t("not corrected: unit effects bias tau, eta and rho by order 1/T"),)
    if spec.effects == "two-way" and not terms.rows_add_to_one and correction == "auto":
        return "none", (
            t(
                "rows of W do not add to one, so period effects cannot be transformed away and the "
                "dynamic bias is not corrected: of order 1/T in tau, eta and rho"
            ),
        )
    if spec.effects == "two-way":
        _require_stochastic(correction, spec, terms)
    return "bias", (_BIAS_CORRECTED,)


def _require_stochastic(correction: str, spec: RegressionSpec, terms: Terms) -> None:
    for weights in (terms.y, terms.u):
        if weights is not None and not weights.rows_add_to_one:
            raise OptionError(
                f"correction={correction!r} with {spec.effects} effects needs weights whose rows "
                f"add to one; {row_sum_advice(weights)}, or use correction='none'"
            )


def _likely(
    design: Design,
    spec: RegressionSpec,
    projection: Projection,
    counts: Counts,
    terms: Terms,
    determinants: _Determinants,
    seed: int | None,
) -> tuple[info.Estimate, np.ndarray, float, Convergence, tuple[str, ...]]:
    """Maximum likelihood, its correction, and its covariance."""
    logdets = determinants.active(spec)
    squares = Squares(projection, random=spec.has_phi)
    likelihood = ConcentratedLikelihood(counts, squares, logdets)
    rough = tuple(
        None if fine is None or w is None else rough_log_determinant(w, fine)
        for w, fine in zip((terms.y, terms.u), logdets, strict=True)
    )
    notes: list[str] = []
    pooled = replace(likelihood, counts=replace(counts, units=0))
    best = maximize(pooled, (rough[0], rough[1]))
    if spec.has_phi:
        # phi = 1 is where there is no variance between units. If the likelihood still rises there,
        # units differ less than their errors alone make them, and the bound is the estimate.
        if likelihood.derivatives(best.at)[0][-1] < 0:
            best = maximize(likelihood, (rough[0], rough[1]))
        else:
            likelihood = pooled
            notes.append(t("the variance of the unit effects is estimated as zero: phi = 1"))
    estimate = info.estimate_at(best.at, projection, likelihood)
    loglik = likelihood.value(best.at)

    def moments(at: info.Estimate, *, diagonal: bool = False) -> info.Spill:
        structural = design.y - at.rho * design.lag_y - at.disturbances.reshape(design.y.shape)
        found = info.spill(
            at, structural, (matrix_of(terms.y), matrix_of(terms.u)), logdets, spec,
            diagonal=diagonal, seed=seed,
        )  # fmt: skip
        if found.note and found.note not in notes:
            notes.append(found.note)
        return found

    if spec.correction == "bias":
        information = info.expected(estimate, moments(estimate))
        if spec.is_dynamic and spec.sweeps_units:
            score = score_bias_of_units(
                estimate, spec, design.y.shape[0], determinants.outcome, logdets[1]
            )
        else:
            score = info.score_bias_of_periods(estimate)
        estimate = info.bias_corrected(estimate, information, score)
    if spec.covariance == "observed":
        cov = info.scaled_inverse(info.observed(estimate, logdets))
    elif spec.covariance == "expected":
        cov = info.scaled_inverse(info.expected(estimate, moments(estimate)))
    else:
        cov = _sandwich(estimate, moments, logdets, spec, design)
    # An error dL' in the derivative moves the root of the score by m dL' times its variance.
    noise = 0.0
    for which, error in zip(likelihood.active, best.std_errors, strict=True):
        logdet = logdets[which] if which < 2 else None
        if logdet is None:
            continue
        noise = max(noise, counts.copies * logdet.error(float(best.at[which]))[1] * float(error))
    first = next((logdet for logdet in logdets if logdet is not None), None)
    convergence = Convergence(
        best.iterations, best.slope, "" if first is None else first.method, noise,
        (-np.inf, np.inf) if first is None else first.interval,
    )  # fmt: skip
    if noise > 0.1:
        notes.append(
            t(
                "the stochastic log-determinant adds an error of {noise:.2f} standard errors "
                "to rho",
                noise=noise,
            )
        )
    notes += _stability(estimate, spec)
    return estimate, cov, loglik, convergence, tuple(notes)


def _sandwich(
    estimate: info.Estimate,
    moments: Callable[..., info.Spill],
    logdets: tuple[LogDet | None, LogDet | None],
    spec: RegressionSpec,
    design: Design,
) -> np.ndarray:
    bread = info.observed(estimate, logdets)
    shape = (design.y.shape[0], design.y.shape[1])
    if spec.covariance == "driscoll-kraay":
        return sandwich.driscoll_kraay(bread, estimate, shape)
    if spec.covariance == "cluster":
        return sandwich.clustered(bread, estimate, shape)
    found = moments(estimate, diagonal=True)
    return sandwich.robust(bread, info.expected(estimate, found), estimate, found, spec, shape)


def _stability(estimate: info.Estimate, spec: RegressionSpec) -> list[str]:
    if not spec.is_dynamic:
        return []
    tau, eta = lag_parameters(estimate.coefs, spec)
    total = tau + estimate.rho + eta
    if total < 1 and abs(tau) < 1:
        return [t("tau + rho + eta = {total:.4f}: stable", total=total)]
    return [
        t("tau + rho + eta = {total:.4f}: not stable, there are no long-run effects", total=total)
    ]


def _linear(
    spec: RegressionSpec, projection: Projection, counts: Counts, design: Design
) -> tuple[info.Estimate, np.ndarray, float]:
    """Least squares: no rho, sigma2 of the likelihood, covariance with degrees of freedom."""
    squares = float(projection.left_y @ projection.left_y)
    sigma2 = squares / counts.observations
    estimate = info.Estimate(projection.coef_y, 0.0, 0.0, sigma2, projection, counts)
    k = len(estimate.coefs)
    free = _df_resid(spec, design, k)
    if not k:
        raise OptionError(
            f"the model {spec.formula!r} with effects={spec.effects!r} has no coefficients to "
            "estimate; name regressors, or take a spatial model"
        )
    cov = np.zeros((k + 1, k + 1))
    cov[:k, :k] = squares / free * projection.gram_inverse
    cov[k, k] = 2 * sigma2**2 / counts.observations
    if spec.covariance in ("cluster", "driscoll-kraay"):
        shape = (design.y.shape[0], design.y.shape[1])
        bread = info.observed(estimate, (None, None))
        if spec.covariance == "cluster":
            cov = sandwich.clustered(bread, estimate, shape)
        else:
            cov = sandwich.driscoll_kraay(bread, estimate, shape)
    loglik = -counts.observations / 2 * (np.log(2 * np.pi * sigma2) + 1)
    return estimate, cov, float(loglik)


def _df_resid(spec: RegressionSpec, design: Design, k: int) -> int:
    n, t = int(design.y.shape[0]), int(design.y.shape[1])
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
    terms: Terms,
    determinant: LogDet | None,
) -> RegressionResult:
    keys = [("x", name) for name in design.names] + [("wx", name) for name in design.lagged]
    keys += [*design.means, *(("dynamic", name) for name in spec.dynamics)]
    values = list(estimate.coefs)
    own = (("spatial", "rho"), ("spatial", "lam"), ("random", "phi"))
    for which in estimate.active:
        keys.append(own[which])
        values.append((estimate.rho, estimate.lam, estimate.phi)[which])
    index = pd.MultiIndex.from_tuples(keys, names=["block", "variable"])
    if not keys:
        index = pd.MultiIndex.from_arrays([[], []], names=["block", "variable"])
    count = len(keys)
    left = estimate.innovations
    if spec.has_phi:
        # Less the best linear unbiased prediction of the unit effects.
        left = left - (1 - estimate.phi**2) * unit_means(left, design.y.shape[1])
    shape = (panel.n_units, panel.n_periods)
    rows = panel.frame.index[
        np.arange(len(panel.frame)).reshape(shape)[:, shape[1] - design.y.shape[1] :].ravel()
    ]
    total = float((estimate.projection.y**2).sum())
    if spec.keeps_intercept:
        total -= len(left) * float(estimate.projection.y.mean()) ** 2
    free = float(_df_resid(spec, design, count)) if spec.is_linear else np.inf
    for w in terms.given:
        if len(w.islands):
            note = t(
                "{count} units have no neighbours: their spatial lags are zero",
                count=len(w.islands),
            )
            notes = (*notes, note)
    return RegressionResult(
        spec=replace(spec, weights=terms.describe()),
        params=pd.Series(values, index=index, name="estimate", dtype=float),
        cov=pd.DataFrame(cov[:count, :count], index=index, columns=index),
        sigma2=estimate.sigma2,
        sigma2_std_error=float(np.sqrt(cov[-1, -1])),
        loglik=loglik,
        nobs=design.y.size,
        n_units=panel.n_units,
        n_periods=design.y.shape[1],
        df_resid=free,
        resid=pd.Series(left, index=rows, name="resid"),
        fitted=pd.Series(design.y.ravel() - left, index=rows, name="fitted"),
        fixed_effects=_fixed_effects(panel, design, spec, estimate, terms),
        rsquared_within=1 - float(left @ left) / total,
        convergence=convergence,
        notes=notes,
        labels=dict(panel.labels),
        terms=terms,
        logdet=determinant,
        model_specs=design.model_specs,
    )


def _fixed_effects(
    panel: SpatialPanel,
    design: Design,
    spec: RegressionSpec,
    estimate: info.Estimate,
    terms: Terms,
) -> FixedEffects:
    if spec.has_phi:
        shape = design.y.shape
        means = estimate.innovations.reshape(shape).mean(axis=1)
        shrunk = (1 - estimate.phi**2) * means
        variance = estimate.sigma2 * (1 / estimate.phi**2 - 1) / shape[1]
        return FixedEffects(unit=pd.Series(shrunk, panel.units, name="unit"), variance=variance)
    if spec.effects == "none":
        return FixedEffects()
    gap = design.y - estimate.rho * design.lag_y - design.z @ estimate.coefs
    unit = period = None
    by_unit = gap.mean(axis=1) if spec.sweeps_units else np.zeros(len(gap))
    if spec.sweeps_units:
        unit = pd.Series(by_unit - gap.mean(), index=panel.units, name="unit")
    constant = float(gap.mean())
    if spec.sweeps_periods:
        # Where errors are spatial it is their innovations that add to zero in each period.
        weights = np.full(len(gap), 1 / len(gap))
        if terms.u is not None:
            weights = weights - estimate.lam * (terms.u.sparse.T @ weights)
            weights /= weights.sum()
        by_period = weights @ (gap - by_unit[:, None])
        if not spec.sweeps_units:
            constant = float(by_period.mean())
        periods = panel.periods[panel.n_periods - gap.shape[1] :]
        period = pd.Series(by_period - by_period.mean(), index=periods, name="period")
    return FixedEffects(constant, unit, period)
