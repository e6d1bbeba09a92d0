"""Tests between models: simplifications of the Durbin model, fixed effects."""

from __future__ import annotations

from functools import cache
from typing import cast

import numpy as np

from nqp_spatial.core.inference import (
    HypothesisTest,
    NotApplicable,
    TestSet,
    chi2_test,
    wald_test,
)
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression.diagnostics._fitted_models import attempted
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import Effects, Model
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["fixed_effects_tests", "simplification_tests"]


_NOT_NESTED = t(
    "where row sums of W differ, the error model is a special case of the Durbin model only "
    "without an intercept and period effects, whose lags the Durbin model does not have; "
    "standardise W by rows, or take effects='unit'"
)


def simplification_tests(models: dict[Model, RegressionResult]) -> TestSet:
    """Return likelihood ratio and Wald tests of the Durbin model against its special cases.

    Parameters
    ----------
    models : dict of RegressionResult
        The fitted models, by name; those that could not be fitted are absent.

    Returns
    -------
    TestSet

    Notes
    -----
    The error model is ``(I - lam W)(y - X beta - a 1) = e``. It is a Durbin model if W 1 is a
    multiple of 1; else it has the regressor W 1 (in each period, with period effects), which the
    Durbin model lacks, and the likelihood of the "larger" model can be the lower one.
    """
    tests: list[HypothesisTest | NotApplicable] = []
    pairs: tuple[tuple[Model, Model, str], ...] = (
        ("sdm", "sar", t("theta = 0")),
        ("sdm", "sem", t("theta + rho beta = 0")),
        ("sdm", "slx", t("rho = 0")),
        ("sdem", "sem", t("theta = 0")),
    )
    for larger, smaller, null in pairs:
        name = t("LR: {larger} against {smaller}", larger=larger.upper(), smaller=smaller.upper())
        if absent := [model.upper() for model in (larger, smaller) if model not in models]:
            tests.append(NotApplicable(name, null, _not_fitted(absent)))
            continue
        if (larger, smaller) == ("sdm", "sem") and not _has_common_factors(models[larger]):
            tests.append(NotApplicable(name, null, _NOT_NESTED))
            continue
        statistic = 2 * (models[larger].loglik - models[smaller].loglik)
        df = 1 if smaller == "slx" else len(models[larger].spec.lagged)
        tests.append(chi2_test(name, null, statistic, df))
    return TestSet([*tests, *_wald_tests(models.get("sdm"))])


def _has_common_factors(durbin: RegressionResult) -> bool:
    """Whether the Durbin model contains the error model, as it has the lag of every column."""
    if not durbin.spec.sweeps_periods and set(durbin.spec.regressors) == set(durbin.spec.lagged):
        return True
    matrix = durbin.terms.matrices_y[0]
    sums = np.asarray(matrix.sum(axis=1)).ravel()
    return bool(np.ptp(sums) <= 1e-9 * np.abs(sums).max())


def _not_fitted(models: list[str]) -> str:
    if len(models) == 1:
        return t("{model} could not be fitted", model=models[0])
    return t("{first} and {second} could not be fitted", first=models[0], second=models[1])


def _wald_tests(durbin: RegressionResult | None) -> list[HypothesisTest | NotApplicable]:
    """Return Wald tests of the restrictions that the likelihood ratio tests examine."""
    nulls = {"SAR": t("theta = 0"), "SEM": t("theta + rho beta = 0"), "SLX": t("rho = 0")}
    names = {
        model: t("Wald: {larger} against {smaller}", larger="SDM", smaller=model) for model in nulls
    }
    if durbin is None:
        reason = _not_fitted(["SDM"])
        return [NotApplicable(names[model], null, reason) for model, null in nulls.items()]
    lagged, size = list(durbin.spec.lagged), len(durbin.params)
    of_theta = [durbin.params.index.get_loc(("wx", name)) for name in lagged]
    of_beta = [durbin.params.index.get_loc(("x", name)) for name in lagged]
    of_rho = durbin.params.index.get_loc(("spatial", "rho"))
    values = durbin.params.to_numpy()
    theta, beta, rho = values[of_theta], values[of_beta], float(values[of_rho])
    plain = np.zeros((len(lagged), size))
    plain[np.arange(len(lagged)), of_theta] = 1.0
    common = plain.copy()
    common[np.arange(len(lagged)), of_beta] = rho
    common[:, of_rho] = beta
    only_rho = np.zeros((1, size))
    only_rho[0, of_rho] = 1.0
    gaps = {
        "SAR": (theta, plain),
        "SEM": (theta + rho * beta, common),
        "SLX": (np.array([rho]), only_rho),
    }
    tests: list[HypothesisTest | NotApplicable] = [
        wald_test(names[model], nulls[model], gap, gradient, durbin.cov.to_numpy())
        for model, (gap, gradient) in gaps.items()
    ]
    if not _has_common_factors(durbin):
        tests[1] = NotApplicable(names["SEM"], nulls["SEM"], _NOT_NESTED)
    return tests


def fixed_effects_tests(
    formula: str,
    panel: SpatialPanel,
    w: SpatialWeights,
    effects: str,
    functions: Functions | None = None,
) -> TestSet:
    """Return joint likelihood ratio tests of unit and of period effects, in the Durbin model."""

    @cache
    def loglik(kind: Effects) -> float:
        model = fit(
            formula, panel, w, effects=kind, correction="none", estimator="ml", functions=functions
        )
        return model.loglik

    tests: list[HypothesisTest | NotApplicable] = []
    candidates: tuple[tuple[str, Effects, int, str, str], ...] = (
        ("unit", "period", panel.n_units - 1, t("LR: unit effects"), t("no unit effects")),
        ("period", "unit", panel.n_periods - 1, t("LR: period effects"), t("no period effects")),
    )
    for kind, other, df, name, null in candidates:
        if effects not in (kind, "two-way"):
            continue
        remaining: Effects = other if effects == "two-way" else "none"
        pair = (cast(Effects, effects), remaining)

        def ratio(
            name: str = name, null: str = null, df: int = df, pair: tuple[Effects, Effects] = pair
        ) -> HypothesisTest | NotApplicable:
            larger, smaller = map(loglik, pair)
            return chi2_test(name, null, 2 * (larger - smaller), df)

        tests.append(attempted(name, null, ratio))
    return TestSet(tests)
