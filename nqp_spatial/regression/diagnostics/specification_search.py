"""`diagnostics`: the usual specification search, from least squares to a Durbin model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Level, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import label, t
from nqp_spatial.errors import NqpError, OptionError
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression._model_data import ModelData, build_model_data
from nqp_spatial.regression._shared_evaluations import shared_evaluations
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.diagnostics import _residual_tests as checks
from nqp_spatial.regression.diagnostics._component_tests import component_tests
from nqp_spatial.regression.diagnostics._criteria import criteria_of
from nqp_spatial.regression.diagnostics._fitted_models import fit_models
from nqp_spatial.regression.diagnostics._lm_tests import lm_tests
from nqp_spatial.regression.diagnostics._model_tests import (
    fixed_effects_tests,
    simplification_tests,
)
from nqp_spatial.regression.diagnostics._moran_tests import moran_by_period, moran_test
from nqp_spatial.regression.diagnostics._random_effects_tests import random_effects_tests
from nqp_spatial.regression.diagnostics._recommendation import recommend
from nqp_spatial.regression.diagnostics.posterior import (
    PosteriorResult,
    posterior_probabilities,
)
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import Correction, Effects, Model, RegressionSpec
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = ["DiagnosticsResult", "diagnostics"]


@dataclass(frozen=True, repr=False, eq=False)
class DiagnosticsResult(Displayed):
    """Tests of the specification, and the model that they recommend.

    Attributes
    ----------
    frame : DataFrame
        One row per test: ``group, name, null, statistic, distribution, df, p_value, rule``. Groups
        are "score", "simplification", "effects", "random-effects", "components" and "residuals".
    tests : TestSet
        The tests themselves, by name.
    spec : Spec
        ``formula``, ``weights``, ``effects``, ``correction``, and the significance ``level`` of the
        recommendation.
    recommendation : str
        A model in words, and the rule that led to it.
    model : str
        The model's short name.
    models : dict of RegressionResult
        The fitted models that were compared.
    criteria : DataFrame
        Log-likelihood, parameters, AIC and BIC of each model.
    posterior : DataFrame
        Posterior probabilities of SLX, SDM and SDEM.
    moran : DataFrame
        Moran's I of the least-squares residuals by period: ``moran_i, expected, z, p_value``, with
        the moments of residuals. Exact under normality for a cross-section, approximate by period
        in a panel; the test "Moran's I" of all periods together is exact. Neither is valid for
        residuals of a model with rho or lam, whose estimation changes the moments.
    exponent : float
        Exponent of cross-sectional dependence of the least-squares residuals before removal of
        period effects; missing for one or two periods.
    notes : tuple of str
        Models and probabilities that these data do not allow, and the reasons.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> tests = nq.diagnostics("lgsp ~ lpcap + lpc + lemp + unemp", panel, w)
    >>> tests.model
    'sdm'
    """

    _figure = "probabilities"

    frame: pd.DataFrame
    tests: TestSet
    spec: Spec
    recommendation: str
    model: str
    models: dict[Model, RegressionResult]
    criteria: pd.DataFrame
    posterior: pd.DataFrame
    moran: pd.DataFrame
    exponent: float
    notes: tuple[str, ...] = ()

    def plot(self, **options: Any) -> Any:
        """Plot the posterior probabilities of the models; options as in that function.

        Returns
        -------
        Axes
        """
        return PosteriorResult(self.posterior, self.spec).plot(**options)

    def _blocks(self) -> list[Block]:
        table = self.frame[["group", "name", "statistic", "df", "p_value"]]
        words = [str(label("test group", group)) for group in table["group"]]
        return [
            "Specification tests",
            table.assign(group=words).reset_index(drop=True),
            self.criteria,
            self.recommendation,
            *notes_of(self.notes),
        ]


@checked
def diagnostics(
    formula: str,
    panel: SpatialPanel,
    weights: WeightsLike,
    *,
    effects: Effects = "two-way",
    correction: Correction = "auto",
    level: Level = 0.05,
    functions: Functions | None = None,
) -> DiagnosticsResult:
    """Test a specification, from least squares to a spatial Durbin model, and recommend one.

    Score tests for a spatial lag and a spatial error in the model without either; likelihood ratio
    and Wald tests of the Durbin model against its special cases; joint tests of unit and
    period effects; random against fixed unit effects (Hausman and Mundlak, in SAR, SEM and SDM);
    score tests of random effects, spatial errors and serial correlation in the pooled model;
    dependence, normality and heteroskedasticity of residuals; information criteria; posterior
    probabilities. A test or model that these data do not allow has a reason in its place, and the
    others are computed.

    Parameters
    ----------
    formula : str
        As in `fit`.
    panel : SpatialPanel
        Balanced and complete in the columns used.
    weights : SpatialWeights, Graph or W
    effects : {"none", "unit", "period", "two-way", "random", "correlated-random"}
        As in `fit`. With random effects, score tests and tests of residuals are those of the pooled
        model.
    correction : {"auto", "none", "transformation"}
        As in `fit`, for all models.
    level : float
        Significance level of the tests in the recommendation.
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
    model; otherwise the Durbin model is retained. If no score test finds dependence, the model with
    W X is tested against least squares.

    The tests are applied in sequence at the same level, so that the overall level is not
    `level`. Pesaran's CD and the exponent use the residuals before removal of period effects,
    because afterwards residuals add to zero in every period and the test always rejects (Juodis and
    Reese 2022). The joint tests of effects compare dummy-variable likelihoods: with few periods,
    the test of unit effects rejects too often. With a hundred units or fewer so does the Hausman
    test (7 to 8 % at the 5 % level, benchmarks/calibration_tests.csv); Mundlak's test, which
    accounts for the number of coefficients relative to units, has the correct size.

    Where row sums of W differ, a model with spatial errors is a special case of the Durbin model
    only with unit effects alone: the lag of an intercept, or of a period effect, is not in the
    Durbin model. The tests of its common factor are then not applicable.

    Hausman tests compare the slopes of W X and X only, and their number is the degrees of freedom
    (Mutl and Pfaffermayr 2011; Elhorst counts rho too). With two-way effects both models have
    period dummies. "Moran's I" and the score tests are of least-squares residuals.

    Sources: Elhorst (2010), Spatial Economic Analysis 5, 9-28; Elhorst (2014), section 3.4;
    Burridge (1981) for the common factor.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> result = nq.diagnostics("lgsp ~ lpcap + lpc + lemp + unemp", panel, w)
    >>> result.tests["LR: SDM against SAR"].p_value < 0.05
    True
    """
    if correction == "bias":
        raise OptionError("tests need likelihoods: correction must be auto, none or transformation")
    w = as_weights(weights).reordered(panel.units)
    with shared_evaluations():
        return _path(formula, panel, w, effects, correction, level, functions)


def _path(
    formula: str,
    panel: SpatialPanel,
    w: SpatialWeights,
    effects: Effects,
    correction: Correction,
    level: float,
    functions: Functions | None,
) -> DiagnosticsResult:
    """Fit the models and test them."""
    models, notes = fit_models(formula, panel, w, effects, correction, functions)
    swept: Correction = "none" if "none" in (effects, correction) else "transformation"
    draft = RegressionSpec(formula, "", (), (), "ols", effects, swept)
    problem = build_model_data(panel, draft, TermWeights(), functions=functions)
    with_period_effects = _residuals_with_period_effects(panel, problem, functions)
    arguments = (formula, panel, w, effects, functions)
    groups = {
        "score": lm_tests(problem, w),
        "simplification": simplification_tests(models),
        "effects": fixed_effects_tests(*arguments),
        "random-effects": random_effects_tests(*arguments),
        "components": component_tests(*arguments),
        "residuals": _tests_of_residuals(problem, with_period_effects, panel, w),
    }
    tests = TestSet([test for group in groups.values() for test in group.values()])
    frame = tests.frame
    frame.insert(0, "group", [name for name, group in groups.items() for _ in group])
    durbin = models.get("sdm")
    lags = durbin is None or bool(durbin.spec.lagged)
    model, recommendation = recommend(tests, level, lags=lags)
    posterior, reasons = _posterior(formula, panel, w, effects, functions)
    fitted = durbin or next(iter(models.values()), None)
    used: Correction = "none" if fitted is None else fitted.spec.correction
    measurable = panel.n_periods > 2 and panel.n_units > 1
    return DiagnosticsResult(
        frame=frame,
        tests=tests,
        spec=Spec(
            formula=formula,
            weights=w,
            effects=effects,
            correction=used,
            level=level,
        ),
        recommendation=recommendation,
        model=model,
        models=dict(models),
        criteria=criteria_of(models),
        posterior=posterior,
        moran=moran_by_period(problem, w.sparse, panel.periods),
        exponent=(
            checks.cross_section_exponent(with_period_effects) if measurable else float("nan")
        ),
        notes=(*notes, *reasons),
    )


def _residuals_with_period_effects(
    panel: SpatialPanel, problem: ModelData, functions: Functions | None
) -> np.ndarray:
    """Return least-squares residuals from which period effects are not removed, shape (n, T).

    Period effects are themselves dependence across units, and residuals without them add to zero in
    every period, which drives CD to minus infinity and makes the exponent meaningless.
    """
    before: dict[Effects, Effects] = {"period": "none", "two-way": "unit"}
    if problem.spec.effects in before:
        draft = replace(problem.spec, effects=before[problem.spec.effects])
        problem = build_model_data(panel, draft, TermWeights(), functions=functions)
    return problem.projection.left_y.reshape(problem.shape)


def _tests_of_residuals(
    problem: ModelData, with_period_effects: np.ndarray, panel: SpatialPanel, w: SpatialWeights
) -> TestSet:
    residuals = problem.projection.left_y.reshape(problem.shape)
    tests = [moran_test(problem, w.sparse)]
    if problem.spec.sweeps_units:
        tests.append(checks.serial_correlation_test(residuals, panel.periods))
    others = checks.residual_tests(residuals, with_period_effects, problem.projection.z)
    return TestSet([*tests, *others.values()])


def _posterior(
    formula: str,
    panel: SpatialPanel,
    w: SpatialWeights,
    effects: Effects,
    functions: Functions | None,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return posterior probabilities, or an empty frame and the reason why there are none."""
    try:
        result = posterior_probabilities(formula, panel, w, effects=effects, functions=functions)
    except (NqpError, np.linalg.LinAlgError) as error:
        reason = t("no posterior probabilities: {reason}", reason=str(error))
        return pd.DataFrame(columns=["model", "log_marginal", "probability"]), (reason,)
    return result.frame, ()
