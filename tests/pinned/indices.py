"""Cases of exploratory analysis, composite indices and inequality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

import nqp_spatial as nq
from tests.pinned.cases import Numbers, case
from tests.pinned.data import cities, city_links, nearest, queen, states
from tests.pinned.reading import by_period, cells, digest, frame_of, named


@case("moran")
def _() -> Numbers:
    numbers = {}
    for alternative in ("directed", "two-sided", "greater"):
        table = frame_of(
            nq.esda.moran(
                states(), "lgsp", queen(), permutations=199, seed=1, alternative=alternative
            )
        )
        numbers[f"{alternative}: p"] = float(table.loc[1980, "p_value"])
    columns = ["moran_i", "expected", "variance_norm", "z_norm", "variance_rand", "z_rand"]
    return numbers | cells(table, columns, 1980) | digest("all years", table["moran_i"])


@case("lisa")
def _() -> Numbers:
    numbers = {}
    for fdr in (False, True):
        result = nq.esda.lisa(
            states(), "lgsp", nearest(), period=1980, permutations=199, seed=1, fdr=fdr
        )
        counts = result.frame["cluster"].value_counts()
        numbers[f"fdr {fdr}: not significant"] = float(counts.get("Not significant", 0))
    return numbers | {
        "texas": float(result.frame.loc["TX", "local_i"]),
        **digest("local", result.frame["local_i"]),
        **digest("lag", result.frame["lag"]),
        **digest("p", result.frame["p_value"]),
    }


@case("join counts")
def _() -> Numbers:
    panel = states().assign(kind=lambda frame: pd.qcut(frame["lgsp"], 3, labels=["l", "m", "h"]))
    panel = panel.assign(kind=lambda frame: frame["kind"].astype(str))
    table = frame_of(
        nq.esda.join_counts(panel, "kind", queen(), period=1980, permutations=199, seed=2)
    )
    columns = ["joins", "expected", "std_dev", "z", "p_normal", "p_value"]
    return (
        named("h h", cells(table, columns, ("h", "h")))
        | named("same", cells(table, columns, ("same", "")))
        | digest("all", table["joins"])
    )


INDICATORS = {
    "new": {"patents": "+", "research": "+", "digital": "+"},
    "quality": {"productivity": "+", "energy": "-"},
}
FLAT = {name: sign for dimension in INDICATORS.values() for name, sign in dimension.items()}


def index_numbers(indicators: Mapping, **options: Any) -> Numbers:
    result = nq.composite.index(cities(), indicators, **options)
    return digest("weights", result.weights) | digest("scores", result.scores)


@case("index: weightings")
def _() -> Numbers:
    numbers = {}
    for scheme in ("entropy", "critic", "cv", "pca", "scatter", "equal"):
        numbers |= named(scheme, index_numbers(FLAT, weighting=scheme))
    by_hand = {name: place + 1.0 for place, name in enumerate(FLAT)}
    numbers |= named("given", index_numbers(FLAT, weighting="given", indicator_weights=by_hand))
    mixed = ["entropy", "critic", "equal"]
    numbers |= named("mean of three", index_numbers(FLAT, weighting=mixed))
    return numbers | named("game", index_numbers(FLAT, weighting=mixed, combine="game"))


@case("index: aggregation and scale", 1e-11, "scores in standard deviations add up to nearly zero")
def _() -> Numbers:
    targets = {name: (0.0, 500.0) if sign == "+" else (500.0, 0.0) for name, sign in FLAT.items()}
    variants = {
        "geometric": {"aggregation": "geometric", "shift": 0.01},
        "topsis": {"aggregation": "topsis"},
        "dimensions equal": {"across": "equal"},
        "dimensions given": {"across": {"new": 0.7, "quality": 0.3}},
        "z": {"normalisation": "z-score", "weighting": "equal"},
        "by period": {"normalisation": "min-max-by-period"},
        "targets": {"normalisation": "target", "targets": targets, "weighting": "equal"},
        "base year": {"normalisation": "base-year", "base_period": 2012, "weighting": "equal"},
    }
    numbers = {}
    for name, options in variants.items():
        flat = "targets" in options or "base_period" in options
        numbers |= named(name, index_numbers(FLAT if flat else INDICATORS, **options))
    result = nq.composite.index(cities(), INDICATORS)
    return (
        numbers
        | digest("contributions", result.contributions)
        | digest("obstacles", result.obstacles)
        | digest("dimensions", result.dimensions)
    )


@case("index: ranks")
def _() -> Numbers:
    result = nq.composite.index(cities(), FLAT)
    intervals = nq.composite.rank_intervals(result, period=2015, draws=50, seed=3)
    schemes = nq.composite.rank_schemes(cities(), FLAT, period=2015)
    columns = ["rank_low", "rank_high", "without_best", "without_worst"]
    return digest("intervals", intervals[columns]) | digest("schemes", schemes)


@case("coupling")
def _() -> Numbers:
    numbers = {}
    for corrected in (True, False):
        result = nq.composite.coupling(
            cities(), ["nqp", "relations", "synergy"], corrected=corrected, system_weights=[2, 1, 1]
        )
        for column in ("coupling", "development", "coordination"):
            numbers |= digest(f"corrected {corrected}: {column}", result.frame[column])
    return numbers


@case("dagum")
def _() -> Numbers:
    plain = nq.inequality.dagum(cities(), "gdp_pc", group="region4", replications=29, seed=1)
    result = nq.inequality.dagum(cities(), "gdp_pc", group="region4", population="population")
    columns = ["gini", "within", "net_between", "transvariation", "net_between_share"]
    return (
        cells(by_period(plain), columns, 2015)
        | digest("intervals", plain.intervals)
        | named("population", cells(by_period(result), columns, 2015))
        | digest("groups", result.within)
        | digest("pairs", result.between)
        | digest("distances", result.distances)
        | digest("contributions", frame_of(result, "contributions")["value"])
    )


@case("theil")
def _() -> Numbers:
    numbers = {}
    for kind in ("T", "L"):
        result = nq.inequality.theil(
            cities(), "gdp_pc", levels=["region4", "province"], index=kind, population="population"
        )
        numbers |= digest(kind, by_period(result)) | digest(f"{kind}: groups", result.groups)
    simple = nq.inequality.theil(cities(), "gdp_pc", levels="region4", replications=29, seed=2)
    return numbers | digest("intervals", simple.intervals)


@case("inequality indices")
def _() -> Numbers:
    table = nq.inequality.indices(cities(), "gdp_pc", population="population")
    drawn_again = nq.inequality.indices(
        cities(), "gdp_pc", which=["gini", "theil_l"], replications=29, seed=4
    )
    return {name: float(table.loc[2015, name]) for name in table.columns} | digest(
        "intervals", drawn_again
    )


@case("polarisation, spatial gini, gaps", 1e-11, "catching up is a small difference of logarithms")
def _() -> Numbers:
    polar = nq.inequality.esteban_ray(
        cities(), "gdp_pc", group="region4", alpha=1.0, population="population"
    )
    spatial = nq.inequality.spatial_gini(cities(), "gdp_pc", city_links(), permutations=99, seed=5)
    mean = nq.inequality.gaps(cities(), "gdp_pc", group="region4", population="population")
    total = nq.inequality.gaps(cities(), "population", group="region4", how="sum")
    columns = ["gini", "neighbours", "others", "expected_others", "p_value"]
    return (
        digest("esteban ray", polar)
        | named("spatial gini", cells(spatial, columns, 2015))
        | digest("differences", mean.frame["difference"])
        | digest("catching up", mean.frame["catch_up"])
        | digest("ratios of sums", total.frame["ratio"])
    )


@case("allocation, density, diversity")
def _() -> Numbers:
    panel = cities()
    misallocated = nq.structure.misallocation(
        panel, output="gdp_pc", capital="research", labour="population", alpha=0.4, sigma=4
    )
    goods = ["patents", "research", "digital"]
    chain = nq.structure.segmentation(panel, goods, city_links())
    level = nq.structure.segmentation(panel, goods, city_links(), prices="level")
    potential = nq.structure.market_potential(panel, "gdp_pc", power=1.5, cutoff_km=800)
    without = nq.structure.market_potential(panel, "gdp_pc", own_market=False)
    exposure = nq.structure.border_exposure(
        panel, city_links(), group="province", rho=0.3, beta=1.0
    )
    return (
        digest("gain", misallocated.frame["gain_percent"])
        | digest("wedges", misallocated.distortions[["tau_capital", "tau_labour"]])
        | digest("segmentation, chain", chain)
        | digest("segmentation, level", level)
        | digest("potential", potential)
        | digest("potential of others", without)
        | digest("division", exposure)
        | digest("density", nq.structure.areal_density(panel, "population"))
        | digest("diversity", nq.structure.diversity(panel, goods))
    )


@case("centre path")
def _() -> Numbers:
    table = frame_of(nq.structure.centre_path(cities(), "gdp_pc"))
    columns = ["x_km", "y_km", "longitude", "latitude", "major_km", "minor_km", "rotation"]
    return cells(table, columns, 2015) | digest("area", table["area_km2"])
