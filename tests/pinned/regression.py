"""Cases of spatial regressions, their effects, predictions and tests."""

from __future__ import annotations

from typing import Any

import numpy as np

import nqp_spatial as nq
from tests.pinned.cases import Numbers, case
from tests.pinned.data import drawn, drawn_long, nearest, queen, ring, states
from tests.pinned.reading import (
    digest,
    frame_of,
    named,
    scale_of,
    spatial_parameters,
    statistics,
    tests_of,
)

FORMULA = "lgsp ~ lpc + lemp + unemp"
MODELS = ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac")
FIXED = ("none", "unit", "period", "two-way")
SEARCH = "rho, lam and phi are found by a search; standard errors follow from where it stops"


def fitted(model: str = "sdm", **options: Any) -> Any:
    return nq.fit(FORMULA, states(), None if model == "ols" else queen(), model=model, **options)


def fit_numbers(result: Any) -> Numbers:
    """Return each spatial parameter, all coefficients together, and what they come with."""
    return {
        **spatial_parameters(result.params),
        **digest("coefficients", result.params),
        **digest("standard errors", result.std_errors),
        **scale_of(result),
    }


def _enter_models() -> None:
    for model in MODELS:
        linear = model in ("ols", "slx")

        def numbers(model: str = model) -> Numbers:
            values: Numbers = {}
            for effects in FIXED:
                values |= named(effects, fit_numbers(fitted(model, effects=effects)))
            return values

        tolerance = 1e-9 if model in ("sdm", "sdem") else 1e-10  # without effects W X is near X
        case(f"fit: {model}", *(() if linear else (tolerance, SEARCH)))(numbers)


_enter_models()


@case("fit: corrections", 1e-11, SEARCH)
def _() -> Numbers:
    numbers: Numbers = {}
    for model in ("sdm", "sem"):
        for effects, correction in (
            ("unit", "none"),
            ("period", "none"),
            ("two-way", "none"),
            ("two-way", "bias"),
        ):
            if model == "sem" and correction == "bias":
                continue
            result = fitted(model, effects=effects, correction=correction)
            numbers |= named(f"{model}, {effects}, {correction}", fit_numbers(result))
    return numbers


@case("fit: inference", 1e-10, SEARCH)
def _() -> Numbers:
    numbers: Numbers = {}
    for model, effects in (("ols", "unit"), ("slx", "none"), ("sdm", "unit"), ("sac", "random")):
        result = fitted(model, effects=effects)
        values = {
            **digest("statistics", result.statistics),
            **digest("p", result.pvalues),
            **digest("intervals", result.conf_int(0.9)),
            **digest("fitted", result.fitted),
            "sigma2": float(result.sigma2),
            "error of sigma2": float(result.sigma2_std_error),
            "aic": float(result.aic),
            "bic": float(result.bic),
            "r2": float(result.rsquared_within),
        }
        numbers |= named(model, values)
    return numbers


@case("fit: random effects", 1e-9, SEARCH)
def _() -> Numbers:
    numbers: Numbers = {}
    for model, effects in (
        ("ols", "random"),
        ("sar", "random"),
        ("sem", "random"),
        ("sdm", "random"),
        ("sdm", "correlated-random"),
        ("sdem", "correlated-random"),
    ):
        numbers |= named(f"{model}, {effects}", fit_numbers(fitted(model, effects=effects)))
    return numbers


@case("fit: random effects, three parameters", 1e-8, SEARCH + ", where the likelihood is flat")
def _() -> Numbers:
    return fit_numbers(fitted("sac", effects="random"))


@case("fit: covariances", 1e-10, SEARCH)
def _() -> Numbers:
    numbers: Numbers = {}
    for model, covariance in (
        ("sdm", "expected"),
        ("sdm", "qml"),
        ("sdm", "driscoll-kraay"),
        ("sem", "expected"),
        ("sem", "qml"),
        ("sac", "qml"),
        ("sac", "driscoll-kraay"),
    ):
        for effects in ("unit", "two-way"):
            result = fitted(model, effects=effects, covariance=covariance)
            was = "robust" if covariance == "qml" else covariance  # its name in 0.1.0
            label = f"{model}, {effects}, {was}"
            numbers |= digest(label, result.std_errors)
            numbers |= digest(f"{label}, off the diagonal too", np.tril(result.cov))
    result = fitted("sdm", effects="random", covariance="expected")
    return numbers | digest("random, expected", result.std_errors)


@case("fit: clusters", 1e-11, "sums of scores over units and periods nearly cancel")
def _() -> Numbers:
    numbers: Numbers = {}
    for model in ("ols", "slx"):
        for effects in ("unit", "two-way"):
            for covariance in ("cluster", "driscoll-kraay"):
                result = fitted(model, effects=effects, covariance=covariance)
                numbers |= digest(f"{model}, {effects}, {covariance}", result.std_errors)
    return numbers


@case("fit: dynamic", 1e-10, SEARCH)
def _() -> Numbers:
    variants: dict[str, dict[str, Any]] = {
        "tau": {"model": "sar", "effects": "unit", "time_lag": True},
        "tau, no correction": {
            "model": "sar", "effects": "two-way", "time_lag": True, "correction": "none",
        },
        "tau and eta": {"effects": "two-way", "time_lag": True, "space_time_lag": True},
        "eta": {"effects": "period", "space_time_lag": True},
        "errors": {"model": "sem", "effects": "unit", "time_lag": True},
        "no effects": {"model": "sdem", "effects": "none", "time_lag": True},
        "no lags in space": {"model": "ols", "effects": "unit", "time_lag": True},
    }  # fmt: skip
    return {
        label: value
        for name, options in variants.items()
        for label, value in named(name, fit_numbers(fitted(**options))).items()
    }


@case("fit: determinants, matrices, lags", 1e-10, SEARCH)
def _() -> Numbers:
    numbers: Numbers = {}
    for method in ("exact", "factor", "lanczos"):
        result = nq.fit(FORMULA, states(), queen(), logdet=method, effects="unit", seed=0)
        numbers |= named(method, {**spatial_parameters(result.params), "loglik": result.loglik})
    two = nq.fit(FORMULA, states(), {"y": queen(), "u": nearest()}, model="sac", effects="unit")
    lagged = fitted(durbin=["lpc"], effects="unit")
    spectral = nq.weights.inverse_distance(states(), power=2, standardize="spectral")
    other = nq.fit(FORMULA, states(), spectral, effects="two-way", correction="none")
    year = states().select(periods=[1980])
    section = nq.fit(FORMULA, year, queen(), model="sdem", effects="none")
    return (
        numbers
        | named("two matrices", fit_numbers(two))
        | named("one regressor lagged", fit_numbers(lagged))
        | named("rows do not add to one", fit_numbers(other))
        | named("one year", fit_numbers(section))
    )


@case("log-determinants", 1e-11, "a recurrence, or an interpolation, of many steps")
def _() -> Numbers:
    numbers: Numbers = {}
    for method in ("exact", "factor", "lanczos"):
        logdet = nq.regression.log_determinant(queen(), method, seed=0)
        points = np.array([-0.5, 0.2, 0.7, 0.9])
        numbers |= digest(f"{method}: value", logdet.value(points))
        numbers |= digest(f"{method}: slope", logdet.derivative(points))
    return numbers


@case("fit: two-stage least squares", 1e-10, "instruments are nearly collinear")
def _() -> Numbers:
    numbers: Numbers = {}
    for model, effects, covariance in (
        ("sar", "none", "observed"),
        ("sar", "unit", "robust"),
        ("sar", "unit", "cluster"),
        ("sar", "unit", "driscoll-kraay"),
        ("sdm", "two-way", "observed"),
        ("sdm", "unit", "robust"),
        ("sem", "none", "observed"),
        ("sem", "unit", "robust"),
        ("sdem", "unit", "robust"),
        ("sac", "none", "robust"),
    ):
        result = nq.fit(
            "y ~ x + p", drawn(), ring(), model=model, effects=effects, covariance=covariance,
            estimator="gs2sls",
        )  # fmt: skip
        numbers |= named(f"{model}, {effects}, {covariance}", fit_numbers(result))
    return numbers


@case("fit: endogenous regressors", 1e-11, "instruments are nearly collinear")
def _() -> Numbers:
    numbers: Numbers = {}
    for model, covariance in (
        ("ols", "observed"),
        ("slx", "robust"),
        ("sar", "cluster"),
        ("sac", "robust"),
    ):
        result = nq.fit(
            "y ~ x + p", drawn(), None if model == "ols" else ring(), model=model, effects="unit",
            covariance=covariance, estimator="gs2sls", endogenous="p", instruments="z",
        )  # fmt: skip
        numbers |= named(model, fit_numbers(result))
        if model != "ols":  # identified exactly, nothing to test
            numbers |= named(model, statistics(tests_of(result)))
    return numbers


EFFECTS = ["direct", "indirect", "total"]


def effect_numbers(result: Any, variable: str, horizon: str) -> Numbers:
    table = frame_of(result)
    rows = table[(table["variable"] == variable) & (table["horizon"].astype(str) == horizon)]
    numbers: Numbers = {}
    for effect in EFFECTS:
        row = rows[rows["effect"] == effect]
        numbers |= {f"{effect}: estimate": float(row["estimate"].iloc[0])}
        numbers |= {f"{effect}: standard error": float(row["std_error"].iloc[0])}
    return (
        numbers
        | digest("p", rows["p_value"])
        | digest("intervals", rows[["conf_low", "conf_high"]])
    )


@case("effects", 1e-10, SEARCH)
def _() -> Numbers:
    numbers: Numbers = {}
    for model in ("slx", "sar", "sdm", "sdem"):
        result = fitted(model, effects="unit")
        delta = result.effects(method="delta")
        draws = result.effects(200, seed=3, level=0.9)
        numbers |= named(f"{model}, delta", effect_numbers(delta, "lemp", "static"))
        numbers |= named(f"{model}, draws", effect_numbers(draws, "lemp", "static"))
    result = fitted("sdm", effects="unit")
    return numbers | digest("units", result.unit_effects("lemp"))


@case("effects: dynamic", 1e-11, SEARCH)
def _() -> Numbers:
    result = nq.fit(
        "y ~ x + p", drawn_long(), ring(), effects="unit", time_lag=True, space_time_lag=True,
        estimator="ml",
    )  # fmt: skip
    numbers = fit_numbers(result)
    for method in ("delta", "draws"):
        effects = result.effects(200, horizons=[1, 3], seed=3, method=method)
        for horizon in ("short-run", "long-run", "3"):
            numbers |= named(f"{method}, {horizon}", effect_numbers(effects, "x", horizon))
    units = result.unit_effects("x", horizon="long-run")
    return numbers | digest("units, long run", units)


@case("predictions", 1e-10, SEARCH)
def _() -> Numbers:
    early = states().select(periods=range(1970, 1985))
    late = states().select(periods=[1985, 1986])
    numbers: Numbers = {}
    for model, effects in (("sdm", "two-way"), ("sac", "unit"), ("sem", "random"), ("ols", "unit")):
        links = None if model == "ols" else queen()
        result = nq.fit(FORMULA, early, links, model=model, effects=effects)
        for kind in ("trend", "direct", "blup"):
            numbers |= digest(f"{model}, {kind}", result.predict(kind=kind))
        ahead = {1985: 0.01, 1986: 0.02} if effects == "two-way" else None
        numbers |= digest(f"{model}, ahead", result.predict(late, period_effects=ahead))
        numbers |= {f"{model}: residuals": float(np.linalg.norm(result.resid))}
        numbers |= {f"{model}: effects of units": float(np.linalg.norm(result.fixed_effects.unit))}
    past = nq.fit(FORMULA, early, queen(), effects="unit", time_lag=True, estimator="ml")
    return numbers | digest("dynamic", past.predict(kind="trend"))


# Tests of the specification path that are pinned one by one; new tests are not added to the digest.
PATH = (
    "LM lag", "LM error", "robust LM lag", "robust LM error", "LM both", "LR: SDM against SAR",
    "LR: SDM against SEM", "LR: SDM against SLX", "LR: SDEM against SEM", "Wald: SDM against SAR",
    "Wald: SDM against SEM", "Wald: SDM against SLX", "LR: unit effects", "LR: period effects",
    "Pesaran CD", "Jarque-Bera", "Koenker-Bassett",
)  # fmt: skip
UNIT_EFFECTS = ("Hausman: SAR", "Hausman: SEM", "Hausman: SDM", "Mundlak: SDM")


@case("diagnostics", 1e-9, SEARCH)
def _() -> Numbers:
    result = nq.diagnostics(FORMULA, states(), queen(), effects="two-way")
    section = nq.diagnostics(FORMULA, states().select(periods=[1980]), nearest(), effects="none")
    tests = {name: tests_of(result)[name] for name in PATH}
    random = {name: tests_of(result)[name] for name in UNIT_EFFECTS}
    return (
        {f"{name}: statistic": float(test.statistic) for name, test in (tests | random).items()}
        | digest("p", [test.p_value for test in tests.values()])
        | {"exponent": float(result.exponent)}
        | digest("moran", result.moran["moran_i"])
        | digest("criteria", result.criteria)
        | digest("posterior", result.posterior["probability"])
        | named(
            "one year",
            statistics(tests_of(section), ["LM lag", "LM error", "robust LM lag", "LM both"]),
        )
    )


@case("comparison", 1e-10, SEARCH)
def _() -> Numbers:
    candidates = {"queen": queen(), "nearest": nearest()}
    posterior = nq.regression.posterior_probabilities(
        FORMULA, states(), candidates, models=("slx", "sdm", "sdem"), effects="unit"
    )
    grid = nq.regression.model_grid(
        [FORMULA, "lgsp ~ lpc + lemp"], states(), candidates, models=("sar",), effects=("unit",)
    )
    comparison = nq.compare(grid, draws=100, seed=2)
    return (
        digest("log marginal", posterior.frame["log_marginal"])
        | digest("probability", posterior.frame["probability"])
        | digest("grid", comparison.params)
        | digest("criteria", comparison.criteria)
        | digest("effects", comparison.effect_estimates)
    )
