"""Cases of spillovers between groups, across borders and over distances."""

from __future__ import annotations

from typing import Any

import pandas as pd

import nqp_spatial as nq
from tests.pinned.cases import Numbers, case
from tests.pinned.data import half, nearest, quarter, queen, states
from tests.pinned.reading import (
    digest,
    first_attribute,
    frame_of,
    model_of,
    named,
    scale_of,
    spatial_parameters,
    statistics,
    tests_of,
)

SHORT = "lgsp ~ lpc + lemp"
SUMMIT = "several rho are found by a search; standard errors follow from where it stops"


def partitioned(effects: str, **options: Any) -> Any:
    return nq.spillovers.partitioned(
        SHORT, states(), queen(), group=half(states()), effects=effects, **options
    )


def barrier(w: nq.weights.SpatialWeights, effects: str, *zones: pd.Series) -> Any:
    return nq.spillovers.barrier(
        SHORT, states(), w, group=zones[0] if len(zones) == 1 else list(zones), effects=effects
    )


def parameters(result: Any) -> Numbers:
    """Return the numbers of a model with several spatial lags."""
    return {
        **spatial_parameters(result.params),
        **digest("coefficients", result.params),
        **digest("standard errors", result.std_errors),
        **scale_of(model_of(result)),
    }


@case("partitioned", 1e-9, SUMMIT)
def _() -> Numbers:
    variants: dict[str, dict[str, Any]] = {
        "both": {"effects": "unit"},
        "two-way": {"effects": "two-way"},
        "receiver": {"effects": "unit", "rho": "receiver", "theta": "receiver"},
        "sender": {"effects": "period", "rho": "sender", "theta": "sender", "correction": "none"},
        "borders": {
            "effects": "none", "rho": "within-across", "theta": "none", "beta": "none",
            "durbin": "lpc",
        },
    }  # fmt: skip
    numbers: Numbers = {}
    for name, options in variants.items():
        result = partitioned(**options)
        numbers |= named(name, parameters(result))
    return numbers


@case("partitioned: effects and tests", 1e-10, SUMMIT)
def _() -> Numbers:
    result = partitioned("unit")
    effects = result.effects_matrix("lemp")
    wald = tests_of(result)
    ratios = result.lr_tests()
    return (
        digest("total", effects.matrix("total"))
        | digest("indirect", effects.matrix("indirect"))
        | digest("standard errors", frame_of(effects)["std_error"])
        | digest("intervals", result.conf_int(0.9))
        | digest("wald", [wald[name].statistic for name in sorted(wald)])
        | digest("wald p", [wald[name].p_value for name in sorted(wald)])
        | digest("lr", [ratios[name].statistic for name in sorted(ratios)])
    )


@case("partitioned: two-stage", 1e-9, "instruments by block are nearly collinear")
def _() -> Numbers:
    numbers: Numbers = {}
    for covariance in ("observed", "robust", "cluster", "driscoll-kraay"):
        result = partitioned("unit", estimator="gs2sls", covariance=covariance)
        numbers |= named(covariance, parameters(result))
    return numbers | digest("total", result.effects_matrix("lpc").matrix("total"))


@case("barrier", 1e-10, SUMMIT)
def _() -> Numbers:
    one = barrier(queen(), "unit", half(states()))
    two = barrier(nearest(), "two-way", quarter(states()), half(states()))
    numbers: Numbers = {}
    for name, result in (("one", one), ("two", two)):
        shares = share_intervals(result)
        numbers |= named(name, parameters(result))
        numbers |= digest(f"{name}: share lost", result.share)
        numbers |= digest(f"{name}: intervals", shares)
        table = result.effects_by_border("lemp")
        numbers |= digest(f"{name}: effects", table["estimate"])
        numbers |= digest(f"{name}: errors of effects", table["std_error"])
        numbers |= digest(f"{name}: p of effects", table["p_value"])
    return numbers


def share_intervals(result: Any) -> pd.DataFrame:
    """Return the intervals of the shares that borders take."""
    method = first_attribute(result, "share_interval", "conf_int")
    return method()[["conf_low", "conf_high"]].astype(float)


@case("barrier: decay", 1e-6, "ends of an interval are where a profile crosses a line, by search")
def _() -> Numbers:
    result = barrier(queen(), "unit", half(states()))
    decay = result.decay()
    return {
        "kappa": float(decay.kappa),
        "low": float(decay.conf_low),
        "high": float(decay.conf_high),
        "retained": float(decay.retained),
        "loglik": float(decay.loglik),
        **statistics({"no decay": next(iter(decay.tests.values()))}),
    }


EDGES = [0, 500, 900, 1500]


@case("reach", 1e-10, SUMMIT)
def _() -> Numbers:
    variants: dict[str, dict[str, Any]] = {
        "one lag": {"effects": "unit"},
        "lags by band": {"effects": "unit", "outcome_lags": "bands"},
        "power": {"effects": "two-way", "power": 1.0, "durbin": "lemp"},
    }
    numbers: Numbers = {}
    for name, options in variants.items():
        result = nq.spillovers.reach(SHORT, states(), edges_km=EDGES, seed=0, **options)
        table = frame_of(result)
        for column in ("estimate", "std_error", "p_value", "conf_low"):
            numbers |= digest(f"{name}: {column}", table[column])
        if name == "one lag":  # elsewhere two directions of the draws are nearly exchangeable
            numbers |= digest("simultaneous intervals", table["simultaneous_low"])
        numbers |= digest(f"{name}: reach", result.reach_km)
        numbers |= {f"{name}: loglik": float(model_of(result).loglik)}
    return numbers


@case("reach: estimated again", 1e-10, SUMMIT)
def _() -> Numbers:
    options: dict[str, Any] = {"effects": "unit", "model": "sdm"}
    within = nq.spillovers.reach_links_within(SHORT, states(), cutoffs_km=[700, 1100], **options)
    beyond = nq.spillovers.reach_links_beyond(
        SHORT, states(), cutoffs_km=[400, 800], outer_km=2500, **options
    )
    numbers: Numbers = {}
    for name, result in (("within", within), ("beyond", beyond)):
        for column in ("estimate", "std_error", "conf_high"):
            numbers |= digest(f"{name}: {column}", frame_of(result)[column])
    return numbers


@case("distance decay", 1e-8, "the power is found by a search over a flat profile")
def _() -> Numbers:
    decay = nq.spillovers.distance_decay("lgsp ~ lpc", states(), cutoff_km=1500, effects="unit")
    return {
        "power": float(decay.power),
        "low": float(decay.conf_low),
        "high": float(decay.conf_high),
        "loglik": float(decay.loglik),
        **statistics({"no decay": next(iter(decay.tests.values()))}),
    }


@case("threshold", 1e-9, SUMMIT)
def _() -> Numbers:
    score = states().wide("lpcap").mean(axis=1).rename("score")
    numbers: Numbers = {}
    for on in ("sender", "receiver", "difference"):
        gamma = 0.0 if on == "difference" else 9.4
        result = nq.spillovers.threshold(
            "lgsp ~ lpc", states(), queen(), score=score, on=on, gamma=gamma, effects="unit"
        )
        numbers |= named(
            on, parameters(result) | statistics({"threshold": next(iter(result.tests.values()))})
        )
        numbers |= named(
            on, digest("wald", [test.statistic for test in list(result.tests.values())[1:]])
        )
    moving = nq.spillovers.threshold(
        "lgsp ~ lpc", states().select(periods=range(1980, 1985)), queen(), score="unemp",
        gamma=8.05, effects="two-way",
    )  # fmt: skip
    return numbers | named("score by year", parameters(moving))


@case("threshold: search and bootstrap", 1e-10, SUMMIT)
def _() -> Numbers:
    panel = states().select(periods=range(1980, 1985))
    score = panel.wide("lpcap").mean(axis=1).rename("score")
    result = nq.spillovers.threshold(
        "lgsp ~ lpc", panel, queen(), score=score, effects="unit", grid=10, replications=5, seed=1,
        second=True, lag_regressors=False,
    )  # fmt: skip
    return {
        "gamma": float(result.gamma),
        "low": float(result.conf_low),
        "high": float(result.conf_high),
        **parameters(result),
        **statistics({"one": result.tests["sup LR"], "two": result.second.tests["sup LR"]}),
        **digest("profile", result.profile["loglik"]),
        **digest("two", result.second.gammas),
    }
