"""Cases of convergence and of clubs."""

from __future__ import annotations

from typing import Any

import nqp_spatial as nq
from tests.pinned.cases import Numbers, case
from tests.pinned.data import all_cities, all_city_links, cities, half, income_links, incomes
from tests.pinned.reading import cells, digest, frame_of, named, statistics


@case("sigma", 1e-10, "residuals of the trend nearly vanish, and its error is made of them")
def _() -> Numbers:
    result = nq.convergence.sigma(incomes(), "income")
    weighted = nq.convergence.sigma(
        cities(), "gdp_pc", which=["cv", "gini"], lags=2, population="population"
    )
    columns = ["trend", "std_error", "statistic", "p_value", "conf_low"]
    return (
        named("sd", cells(result.trends, columns, "sd_log"))
        | named("theil", cells(result.trends, columns, "theil_t"))
        | named("weighted cv", cells(weighted.trends, columns, "cv"))
        | digest("gini", result.frame["gini"])
    )


BETA: dict[str, dict[str, Any]] = {
    "cross-section": {"covariance": "observed"},
    "groups": {"covariance": "observed", "group": lambda: half(incomes())},
    "lag": {"weights": lambda: income_links(), "model": "sar"},
    "error": {"weights": lambda: income_links(), "model": "sem"},
    "panel": {"kind": "panel", "step": 10},
    "panel, durbin": {
        "kind": "panel",
        "step": 10,
        "weights": lambda: income_links(),
        "model": "sdm",
    },
}


@case("beta", 1e-10, "rho and lam are found by a search")
def _() -> Numbers:
    numbers = {}
    for name, options in BETA.items():
        options = {key: value() if callable(value) else value for key, value in options.items()}
        result = nq.convergence.beta(incomes(), "income", **options)
        table = frame_of(result).rename(columns={"estimate": "b"})
        for column in ("b", "std_error", "p_value", "speed", "speed_low", "half_life"):
            numbers |= digest(f"{name}: {column}", table[column])
        if "group" in options:
            numbers |= statistics({"equal": result.tests["equal"]})
    conditional = nq.convergence.beta(
        cities(), "gdp_pc", controls=["human_capital"], covariance="observed"
    )
    return numbers | digest("conditional", frame_of(conditional)["estimate"])


def log_t_numbers(**options: Any) -> Numbers:
    result = nq.convergence.log_t(incomes(), "income", logs=True, **options)
    return {
        "b": float(result.b),
        "standard error": float(result.std_error),
        "statistic": float(result.statistic),
        "speed": float(result.speed),
        **digest("dispersion", result.dispersion),
    }


@case("log t", 1e-11, "standard errors are of small residuals")
def _() -> Numbers:
    return (
        named("fixed", log_t_numbers(detrend=None))
        | named("andrews", log_t_numbers(detrend=None, hac="andrews"))
        | named("a fifth left out", log_t_numbers(detrend=None, discard=0.2))
    )


@case("log t: filtered", 1e-8, "of the filtered series nearly no residuals are left")
def _() -> Numbers:
    return named("400", log_t_numbers()) | named("100", log_t_numbers(smoothing=100.0))


@case("clubs", 1e-10, "paths of simulated clubs leave nearly no residuals")
def _() -> Numbers:
    variants: dict[str, dict[str, Any]] = {
        "fixed": {"merge": None},
        "merged": {},
        "andrews, increasing": {
            "hac": "andrews", "critical": "increasing", "merge": "von-lyncker-thoennessen",
            "discard": 0.25,
        },
    }  # fmt: skip
    numbers = {}
    for name, options in variants.items():
        result = nq.convergence.clubs(all_cities(), "gdp_pc", logs=True, **options)
        table = frame_of(result)
        numbers |= {f"{name}: clubs": float(len(table))}
        numbers |= digest(f"{name}: members", result.membership)
        numbers |= digest(f"{name}: b", table["b"])
        numbers |= digest(f"{name}: statistic", table["statistic"])
        numbers |= digest(f"{name}: paths", result.club_paths)
    return numbers


@case("clubs: joins")
def _() -> Numbers:
    clubs = nq.convergence.clubs(all_cities(), "gdp_pc", logs=True)
    table = frame_of(nq.convergence.club_joins(clubs, all_city_links(), permutations=49, seed=0))
    return {name: digest("", table[name])[""] for name in ("joins", "std_dev", "z", "p_value")}


def logit() -> Any:
    clubs = nq.convergence.clubs(all_cities(), "gdp_pc", logs=True)
    return nq.convergence.club_logit(
        clubs, all_cities(), ["human_capital", "synergy"], weights=all_city_links(), period=2010
    )


@case("club logit: likelihood")
def _() -> Numbers:
    return {"loglik": float(logit().loglik), "null": float(logit().null_loglik)}


@case("club logit: coefficients", 1e-6, "the search stops where the gradient is some 1e-5")
def _() -> Numbers:
    result = logit()
    return (
        digest("coefficients", frame_of(result)["estimate"])
        | digest("cuts", result.cuts)
        | digest("marginal effects", result.marginal)
    )


@case("club logit: standard errors", 1e-5, "they are of a Hessian by numerical differences")
def _() -> Numbers:
    table = frame_of(logit())
    return digest("standard errors", table["std_error"]) | digest("low ends", table["conf_low"])
