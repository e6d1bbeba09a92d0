"""`diagnostics`: the specification path of papers, from least squares to a Durbin model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, notes_of
from nqp_spatial.core.inference import (
    HypothesisTest,
    NotApplicable,
    chi2_test,
    tests_frame,
    wald_test,
)
from nqp_spatial.core.options import Level, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import CollinearityError, DomainError, NqpError, OptionError
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression._model_data import build_model_data
from nqp_spatial.regression._term_weights import TermWeights, row_sum_advice
from nqp_spatial.regression.diagnostics import residual_tests as checks
from nqp_spatial.regression.diagnostics.lm_tests import score_tests
from nqp_spatial.regression.diagnostics.posterior import posterior_probabilities
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import Correction, Effects, Model, RegressionSpec, require_level
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["DiagnosticsResult", "diagnostics"]

_FITTED: tuple[Model, ...] = ("ols", "slx", "sar", "sem", "sdm", "sdem")


@dataclass(frozen=True, repr=False, eq=False)
class DiagnosticsResult(Displayed):
    """Tests of the specification, and what they recommend.

    Attributes
    ----------
    table : DataFrame
        One row for each test: ``group, name, null, statistic, distribution, df, p_value, rule``.
    tests : dict
        The tests themselves, by name.
    recommendation : str
        A model in words, and the rule that led to it.
    model : str
        The model's short name.
    models : dict of RegressionResult
        The fits that were compared.
    criteria : DataFrame
        Log-likelihood, parameters, AIC and BIC of each model.
    posterior : DataFrame
        Posterior probabilities of SLX, SDM and SDEM.
    moran : DataFrame
        Moran's I of the least-squares residuals by period.
    exponent : float
        Exponent of cross-sectional dependence of the least-squares residuals before period effects
        are taken out; missing for one or two periods.
    level : float
        At which the recommendation reads p-values.
    notes : tuple of str
        Which models and probabilities these data do not allow, and why.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> found = nq.diagnostics(panel, "lgsp ~ lpcap + lpc + lemp + unemp", w)
    >>> found.model
    'sdm'
    """

    table: pd.DataFrame
    tests: dict[str, HypothesisTest | NotApplicable]
    recommendation: str
    model: str
    models: dict[Model, RegressionResult]
    criteria: pd.DataFrame
    posterior: pd.DataFrame
    moran: pd.DataFrame
    exponent: float
    level: float
    notes: tuple[str, ...] = ()

    def _blocks(self) -> list[Block]:
        tests = self.table[["group", "name", "statistic", "df", "p_value"]]
        return [
            "Specification tests",
            tests.reset_index(drop=True),
            self.criteria,
            self.recommendation,
            *notes_of(self.notes),
        ]


@checked
def diagnostics(
    panel: SpatialPanel,
    formula: str,
    weights: WeightsLike,
    *,
    effects: Effects = "two-way",
    correction: Correction = "auto",
    level: Level = 0.05,
    functions: Functions | None = None,
) -> DiagnosticsResult:
    """Test a specification, from least squares to a spatial Durbin model, and recommend one.

    Score tests for a spatial lag and a spatial error in the model without either; likelihood ratio
    and Wald tests of the Durbin model against the models that it contains; joint tests of unit and
    period effects; random against fixed unit effects (Hausman; Mundlak; both without period
    effects); dependence, normality and heteroskedasticity of residuals; information criteria;
    posterior probabilities.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the columns used.
    formula : str
        As in `fit`.
    weights : SpatialWeights, Graph or W
    effects : {"none", "unit", "period", "two-way"}
    correction : {"auto", "none", "transformation"}
        As in `fit`, for all models.
    level : float
        Of the tests in the recommendation.
    functions : mapping, optional
        Functions of your own that the formula may call, as in `fit`.

    Returns
    -------
    DiagnosticsResult

    Raises
    ------
    OptionError
        If an option is unknown.
    PanelError, UnmatchedIdsError, CollinearityError
        As in `fit`.

    Notes
    -----
    The rule (Elhorst 2010): if a score test finds dependence, the Durbin model is estimated and
    tested against the lag model (theta = 0) and the error model (theta + rho beta = 0). A
    simplification is accepted if it is not rejected and the robust score tests point to the same
    model; otherwise the Durbin model stays. If no score test finds dependence, the model with W X
    is tested against least squares.

    The tests are taken one after another at the same level, so that the level of the whole is not
    `level`. Pesaran's CD and the exponent are of the residuals before period effects are taken out,
    because afterwards they add to zero in every period and the test always rejects (Juodis and
    Reese 2022). The joint tests of effects compare dummy-variable likelihoods: with few periods,
    that of unit effects rejects too often. With a hundred units or fewer the Hausman test does so
    too (7 to 8 % at 5 %, benchmarks/calibration_tests.csv); Mundlak's, which is scaled by what the
    coefficients leave of the units, keeps its level.

    Sources: Elhorst (2010), Spatial Economic Analysis 5, 9-28; Elhorst (2014), section 3.4;
    Burridge (1981) for the common factor.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> found = nq.diagnostics(panel, "lgsp ~ lpcap + lpc + lemp + unemp", w)
    >>> found.tests["LR: SDM against SAR"].p_value < 0.05
    True
    """
    if correction == "bias":
        raise OptionError("tests need likelihoods: correction must be auto, none or transformation")
    level = require_level(level)
    w = as_weights(weights).reordered(panel.units)
    if not w.rows_add_to_one and effects in ("period", "two-way"):
        raise OptionError(
            f"diagnostics with {effects} effects need weights whose rows add to one, because they "
            f"fit error models; {row_sum_advice(w)}"
        )
    models, notes = _fitted(formula, panel, w, effects, correction, functions)
    draft = RegressionSpec(formula, "", (), (), "ols", effects, models["ols"].spec.correction)
    problem = build_model_data(panel, draft, TermWeights(), functions=functions)
    shape = (panel.n_units, panel.n_periods)
    residuals = models["ols"].resid.to_numpy().reshape(shape)
    # Period effects are themselves dependence across units, and residuals without them add to zero
    # in every period, which draws CD to minus infinity and leaves the exponent nothing to measure.
    before: dict[Effects, Effects] = {"period": "none", "two-way": "unit"}
    loose = residuals
    if effects in before:
        plain = fit(formula, panel, model="ols", effects=before[effects], functions=functions)
        loose = plain.resid.to_numpy().reshape(shape)
    asked = (formula, panel, w, effects, functions)
    groups: dict[str, dict[str, HypothesisTest | NotApplicable]] = {
        "Score tests of the linear model": score_tests(problem, w),
        "Simplifications of the Durbin model": simplification_tests(models),
        "Effects (SDM, dummies)": fixed_effects_tests(*asked),
        "Random or fixed unit effects (SDM)": random_effects_tests(*asked),
        "Residuals of the linear model": residual_tests(residuals, loose, problem.projection.z),
    }
    tests = {name: test for group in groups.values() for name, test in group.items()}
    table = pd.concat(
        [tests_frame(group.values()).assign(group=name) for name, group in groups.items() if group],
        ignore_index=True,
    )
    table.insert(0, "group", table.pop("group"))
    model, words = _recommend(tests, level)
    criteria = pd.DataFrame(
        {
            "log-likelihood": {name: one.loglik for name, one in models.items()},
            "parameters": {name: one.n_params for name, one in models.items()},
            "AIC": {name: one.aic for name, one in models.items()},
            "BIC": {name: one.bic for name, one in models.items()},
        }
    )
    try:
        posterior = posterior_probabilities(formula, panel, w, effects=effects, functions=functions)
    except NqpError as error:
        posterior = pd.DataFrame(columns=["model", "log_marginal", "probability"])
        notes = (*notes, f"no posterior probabilities: {error}")
    measured = panel.n_periods > 2 and panel.n_units > 1
    return DiagnosticsResult(
        table=table,
        tests=tests,
        recommendation=words,
        model=model,
        models=dict(models),
        criteria=criteria,
        posterior=posterior,
        moran=checks.moran_by_period(residuals, w.sparse, panel.periods),
        exponent=checks.cross_section_exponent(loose) if measured else float("nan"),
        level=level,
        notes=notes,
    )


def _fitted(
    formula: str,
    panel: SpatialPanel,
    w: SpatialWeights,
    effects: Effects,
    correction: Correction,
    functions: Functions | None,
) -> tuple[dict[Model, RegressionResult], tuple[str, ...]]:
    """Fit the models, and say which of them these data do not allow; the linear one must be."""
    models: dict[Model, RegressionResult] = {}
    notes = []
    for name in _FITTED:
        try:
            models[name] = fit(
                formula, panel, w, model=name, effects=effects, correction=correction,
                functions=functions,
            )  # fmt: skip
        except (ArithmeticError, CollinearityError, DomainError) as error:
            if name == "ols" or not isinstance(error, NqpError):
                raise
            notes.append(f"{name.upper()} could not be fitted: {error}")
    return models, tuple(notes)


def simplification_tests(
    models: dict[Model, RegressionResult],
) -> dict[str, HypothesisTest | NotApplicable]:
    """Likelihood ratio and Wald tests of the Durbin model against what it contains."""
    found: dict[str, HypothesisTest | NotApplicable] = {}
    smaller: tuple[tuple[Model, Model, str], ...] = (
        ("sdm", "sar", "theta = 0"),
        ("sdm", "sem", "theta + rho beta = 0"),
        ("sdm", "slx", "rho = 0"),
        ("sdem", "sem", "theta = 0"),
    )
    for larger, name, null in smaller:
        title = f"LR: {larger.upper()} against {name.upper()}"
        if absent := [one for one in (larger, name) if one not in models]:
            reason = f"{' and '.join(one.upper() for one in absent)} could not be fitted"
            found[title] = NotApplicable(title, null, reason)
            continue
        statistic = 2 * (models[larger].loglik - models[name].loglik)
        df = 1 if name == "slx" else len(models[larger].spec.lagged)
        found[title] = chi2_test(title, null, statistic, df)
    return {**found, **_wald_tests(models.get("sdm"))}


def _wald_tests(
    durbin: RegressionResult | None,
) -> dict[str, HypothesisTest | NotApplicable]:
    """Wald tests of the same restrictions as the likelihood ratio tests of the Durbin model."""
    nulls = {"SAR": "theta = 0", "SEM": "theta + rho beta = 0", "SLX": "rho = 0"}
    titles = {short: f"Wald: SDM against {short}" for short in nulls}
    if durbin is None:
        return {
            titles[short]: NotApplicable(titles[short], null, "SDM could not be fitted")
            for short, null in nulls.items()
        }
    names, size = list(durbin.spec.lagged), len(durbin.params)
    at = [durbin.params.index.get_loc(("wx", name)) for name in names]
    own = [durbin.params.index.get_loc(("x", name)) for name in names]
    last = durbin.params.index.get_loc(("spatial", "rho"))
    values = durbin.params.to_numpy()
    theta, beta, rho = values[at], values[own], float(values[last])
    plain = np.zeros((len(names), size))
    plain[np.arange(len(names)), at] = 1.0
    common = plain.copy()
    common[np.arange(len(names)), own] = rho
    common[:, last] = beta
    only_rho = np.zeros((1, size))
    only_rho[0, last] = 1.0
    gaps = {
        "SAR": (theta, plain),
        "SEM": (theta + rho * beta, common),
        "SLX": (np.array([rho]), only_rho),
    }
    return {
        titles[short]: wald_test(titles[short], nulls[short], gap, gradient, durbin.cov.to_numpy())
        for short, (gap, gradient) in gaps.items()
    }


def fixed_effects_tests(
    formula: str,
    panel: SpatialPanel,
    w: SpatialWeights,
    effects: str,
    functions: Functions | None = None,
) -> dict[str, HypothesisTest | NotApplicable]:
    """Joint likelihood ratio tests of unit and of period effects, in the Durbin model."""
    found: dict[str, HypothesisTest | NotApplicable] = {}
    asked: tuple[tuple[str, Effects, int, str, str], ...] = (
        ("unit", "period", panel.n_units - 1, "LR: unit effects", "no unit effects"),
        ("period", "unit", panel.n_periods - 1, "LR: period effects", "no period effects"),
    )
    for kind, other, df, title, null in asked:
        if effects not in (kind, "two-way"):
            continue
        rest: Effects = other if effects == "two-way" else "none"
        try:
            larger, least = (
                fit(formula, panel, w, effects=one, correction="none", functions=functions)  # type: ignore[arg-type]
                for one in (effects, rest)
            )
        except NqpError as error:
            found[title] = NotApplicable(title, null, str(error))
            continue
        found[title] = chi2_test(title, null, 2 * (larger.loglik - least.loglik), df)
    return found


def random_effects_tests(
    formula: str,
    panel: SpatialPanel,
    w: SpatialWeights,
    effects: str,
    functions: Functions | None = None,
) -> dict[str, HypothesisTest | NotApplicable]:
    """Test whether random unit effects are uncorrelated with the regressors, in two ways."""
    if effects not in ("unit", "two-way"):
        return {}
    null = "unit effects are uncorrelated with the regressors"
    options: dict[str, Any] = {"covariance": "expected", "functions": functions}

    def fitted(kind: Effects) -> RegressionResult:
        return fit(formula, panel, w, effects=kind, **options)

    found: dict[str, HypothesisTest | NotApplicable] = {}
    try:
        found["Hausman"] = _hausman(fitted("unit"), fitted("random"), null)
    except NqpError as error:
        found["Hausman"] = NotApplicable("Hausman", null, str(error))
    try:
        found["Mundlak"] = _mundlak(fitted("correlated-random"), null)
    except NqpError as error:
        found["Mundlak"] = NotApplicable("Mundlak", null, str(error))
    return found


def _hausman(
    fixed: RegressionResult, random: RegressionResult, null: str
) -> HypothesisTest | NotApplicable:
    """Compare slopes alone: rho is estimated from within and between, much the same in both."""
    shared = [key for key in fixed.params.index if key[0] in ("x", "wx")]
    if not shared:
        return NotApplicable("Hausman", null, "the model has no regressors")
    gap = (fixed.params.loc[shared] - random.params.loc[shared]).to_numpy()
    # Both with the error variance of the random model, or the difference may not be positive
    # definite; under the null the two variances agree.
    spread = fixed.cov.loc[shared, shared] * (random.sigma2 / fixed.sigma2)
    spread = (spread - random.cov.loc[shared, shared]).to_numpy()
    scale = 1 / np.sqrt(np.abs(np.diag(spread)))
    if not np.linalg.eigvalsh(spread * np.outer(scale, scale)).min() > 1e-8:
        return NotApplicable(
            "Hausman",
            null,
            "the difference of the covariances is not positive definite: see Mundlak",
        )
    statistic = float(gap @ np.linalg.solve(spread, gap))
    return chi2_test("Hausman", null, statistic, len(gap), "unit against random effects")


def _mundlak(means: RegressionResult, null: str) -> HypothesisTest | NotApplicable:
    """Test that unit means of the regressors have no coefficients."""
    blocks = means.params.index.get_level_values(0)
    keys = [key for key in means.params.index if key[0] in ("mean", "wmean")]
    if not keys:
        return NotApplicable("Mundlak", null, "no unit means of regressors differ between units")
    # The means are told by n averages, whose variance likelihood divides by n and not by what
    # the coefficients leave of it.
    free = 1 - int((~blocks.isin(["spatial", "random"])).sum()) / means.n_units
    if free <= 0:
        return NotApplicable("Mundlak", null, "there are as many coefficients as units")
    at = means.params.loc[keys].to_numpy()
    middle = means.cov.loc[keys, keys].to_numpy()
    statistic = float(at @ np.linalg.solve(middle, at)) * free
    return chi2_test("Mundlak", null, statistic, len(at), "unit means of regressors")


def residual_tests(
    residuals: np.ndarray, loose: np.ndarray, regressors: np.ndarray
) -> dict[str, HypothesisTest | NotApplicable]:
    """Test residuals; `loose` are those before period effects were taken out."""
    return {
        "Pesaran CD": checks.pesaran_cd(loose),
        "Jarque-Bera": checks.normality_test(residuals),
        "Koenker-Bassett": checks.heteroskedasticity_test(residuals.ravel(), regressors),
    }


def _recommend(tests: dict[str, HypothesisTest | NotApplicable], level: float) -> tuple[str, str]:
    """Return a model and the sentence that gives the reason."""

    def rejects(name: str) -> bool:
        return bool(tests[name].p_value < level)

    def p(name: str) -> str:
        value = tests[name].p_value
        if not tests[name].applicable:
            return "not applicable"
        return "p < 0.0001" if value < 1e-4 else f"p = {value:.4f}"

    rule = f"Rule: Elhorst (2010), tests at {level:g}."
    lag, error = rejects("LM lag"), rejects("LM error")
    if not (lag or error):
        start = (
            f"Neither a spatial lag (LM, {p('LM lag')}) nor a spatial error ({p('LM error')}) is "
            "found in the linear model."
        )
        if not rejects("Wald: SDM against SLX") and not rejects("LR: SDM against SAR"):
            return "ols", f"{start} Recommended: the linear model. {rule}"
        if rejects("LR: SDM against SLX"):
            return "sdm", (
                f"{start} With W X in it, rho is not zero (LR, {p('LR: SDM against SLX')}). "
                f"Recommended: the spatial Durbin model (SDM). {rule}"
            )
        return "slx", f"{start} W X matters. Recommended: SLX. {rule}"
    start = (
        f"The linear model has spatial dependence (LM lag, {p('LM lag')}; LM error, "
        f"{p('LM error')})."
    )
    to_lag, to_error = rejects("robust LM lag"), rejects("robust LM error")
    not_lag, not_error = rejects("LR: SDM against SAR"), rejects("LR: SDM against SEM")
    tried = (
        f"The Durbin model against the lag model: {p('LR: SDM against SAR')}; against the error "
        f"model: {p('LR: SDM against SEM')} (LR)."
    )
    if not (tests["LR: SDM against SAR"].applicable or tests["LR: SDM against SEM"].applicable):
        return "sdm", (
            f"{start} {tried} The Durbin model cannot be tested against them, and stays. {rule}"
        )
    may_lag = tests["LR: SDM against SAR"].applicable and not not_lag
    may_error = tests["LR: SDM against SEM"].applicable and not not_error
    if may_lag and to_lag and not to_error:
        return "sar", (
            f"{start} {tried} theta = 0 is not rejected, and the robust LM tests point to the lag. "
            f"Recommended: SAR. {rule}"
        )
    if may_error and to_error and not to_lag:
        return "sem", (
            f"{start} {tried} The common factor is not rejected, and the robust LM tests point to "
            f"the error. Recommended: SEM. {rule}"
        )
    reason = (
        "Both simplifications are rejected."
        if not_lag and not_error
        else "A simplification is not rejected, but the robust LM tests do not point to it alone."
        if may_lag or may_error
        else "A simplification cannot be tested."
    )
    return "sdm", f"{start} {tried} {reason} Recommended: the spatial Durbin model (SDM). {rule}"
