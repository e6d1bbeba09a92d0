"""Cases of weights, panels and data sets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

import nqp_spatial as nq
from tests.pinned.cases import Numbers, case
from tests.pinned.data import half, incomes, nearest, provinces, queen, ring, states
from tests.pinned.reading import digest


def spectral_radius(w: nq.weights.SpatialWeights) -> float:
    return float(np.abs(np.linalg.eigvals(w.sparse.toarray())).max())


def matrix_numbers(w: nq.weights.SpatialWeights, radius: bool = False) -> Numbers:
    """Return what tells one matrix from another."""
    facts = w.describe()
    names = ["links", "min_neighbours", "max_neighbours", "islands", "components"]
    numbers = {
        **digest("facts", facts[names]),
        **digest("weights", w.sparse.toarray()),
        **digest("column sums", w.sparse.sum(axis=0)),
    }
    return numbers | ({"radius": spectral_radius(w)} if radius else {})


WEIGHTS: dict[str, Callable[[], nq.weights.SpatialWeights]] = {
    "queen": lambda: nq.weights.contiguity(states()),
    "rook": lambda: nq.weights.contiguity(states(), kind="rook", standardize="none"),
    "second order": lambda: nq.weights.contiguity(states(), order=2),
    "nearest": nearest,
    "nearest, symmetric": lambda: nq.weights.knn(states(), k=4, symmetrize="either"),
    "nearest, mutual, ellipsoid": lambda: nq.weights.knn(
        states(), k=6, symmetrize="both", metric="geodesic"
    ),
    "band": lambda: nq.weights.distance_band(states(), cutoff_km=700),
    "band, power": lambda: nq.weights.distance_band(
        states(), cutoff_km=700, power=1.5, standardize="none"
    ),
    "inverse distance": lambda: nq.weights.inverse_distance(states(), power=2),
    "inverse distance, cut": lambda: nq.weights.inverse_distance(
        states(), cutoff_km=900, metric="geodesic", standardize="spectral"
    ),
    "exponential": lambda: nq.weights.exponential(
        states(), scale_km=300, cutoff_km=1200, standardize="minmax"
    ),
    "economic": lambda: nq.weights.economic(states(), "lgsp"),
    "economic, base": lambda: nq.weights.economic(
        states(), "lgsp", periods=[1970, 1971], mask=queen()
    ),
    "directed": lambda: nq.weights.directed_economic(states(), "lgsp", base=queen()),
    "directed, mean": lambda: nq.weights.directed_economic(
        states(), "lgsp", base=queen(), relative_to="mean"
    ),
    "gravity": lambda: nq.weights.gravity(states(), "lgsp", power=1.5, cutoff_km=1500),
    "nested sum": lambda: nq.weights.nested(queen(), nearest(), share=0.3),
    "nested product": lambda: nq.weights.nested(queen(), nearest(), how="product"),
    "delaunay": lambda: nq.weights.triangulation(states()),
    "gabriel": lambda: nq.weights.triangulation(states(), kind="gabriel"),
    "relative neighbours": lambda: nq.weights.triangulation(states(), kind="relative"),
    "within": lambda: nq.weights.within(queen(), half(states())),
    "across": lambda: nq.weights.across(queen(), half(states())),
    "similarity, cosine": lambda: nq.weights.similarity(states().wide("unemp")),
    "similarity, jaccard": lambda: nq.weights.similarity(
        nq.datasets.industry_plans().T, measure="jaccard", standardize="none"
    ),
    "flows": lambda: nq.weights.flows(
        pd.DataFrame({"from": [1, 2, 3, 3, 2], "to": [2, 3, 1, 2, 1], "size": [4, 1, 2.5, 3, 2]}),
        origin="from", destination="to", flow="size",
    ),
    "dense": lambda: nq.weights.from_dense(
        np.array([[0, 1, 2.0], [0.5, 0, 0.25], [3, 1, 0]]), ["a", "b", "c"], standardize="spectral"
    ),
    "edges": ring,
    "pysal": lambda: nq.weights.from_pysal(queen().to_W()),
    "provinces": lambda: nq.weights.contiguity(provinces(), islands="nearest"),
}  # fmt: skip
RADII = ("queen", "rook", "inverse distance", "exponential", "directed", "gravity", "nested sum")


def _enter_weights() -> None:
    for name, make in WEIGHTS.items():
        radius = name in RADII
        case(f"weights: {name}")(
            lambda make=make, radius=radius: matrix_numbers(make(), radius=radius)
        )


_enter_weights()


@case("weights: blocks and bands")
def _() -> Numbers:
    blocks = nq.weights.partition(queen(), half(states()))
    bands = nq.weights.bands(states(), edges_km=[0, 500, 900, 1500], islands="keep")
    parts = [*blocks.values(), *bands.values()]
    return digest("links", [part.n_links for part in parts]) | digest(
        "blocks", [part.sparse.sum() for part in parts]
    )


@case("weights: lag, comparison, groups")
def _() -> Numbers:
    alike = nq.weights.compare(queen(), nearest(), states().wide("lgsp"))
    plans = nq.weights.similarity(
        nq.datasets.industry_plans().T, measure="jaccard", standardize="none"
    )
    schemes = nq.datasets.region_schemes().set_index("province_en")
    clusters = schemes.loc[schemes["scheme"] == "city_cluster", "region"]
    groups = nq.weights.compare_groups(plans, clusters, permutations=199, seed=0)
    return {
        "lag in Texas": float(queen().lag(states().wide("lgsp")).loc["TX", 1980]),
        "shared": float(alike["shared"]),
        "jaccard": float(alike["jaccard"]),
        "similar lags": float(alike["lag_similarity"]),
        "correlation of lags": float(alike["lag_correlation"]),
        "difference": float(groups["difference"]),
        "p": float(groups["p_two_sided"]),
    }


@case("panel: interpolation")
def _() -> Numbers:
    frame = states().frame[["lgsp"]].reset_index()
    frame = frame[~((frame["unit"] == "TX") & frame["period"].isin([1975, 1976]))]
    panel = nq.SpatialPanel(frame, unit="unit", period="period", balanced=False)
    wide = panel.balance(how="interpolate").wide("lgsp")
    return {"Texas 1975": float(wide.loc["TX", 1975]), **digest("panel", wide)}


@case("data sets")
def _() -> Numbers:
    cities_of_all = nq.datasets.simulate_cities(seed=3, first=2015, last=2017)
    prefectures, gaps = nq.datasets.china_prefectures(), nq.datasets.gdp_gaps()
    outcomes = ["nqp", "nqp_border", "nqp_distance", "nqp_threshold", "relations", "gdp_pc"]
    return {
        "states": float(states().frame["lgsp"].sum()),
        "incomes": float(incomes().frame["income"].sum()),
        "prefectures": float(len(prefectures)),
        "points": float(prefectures["point_lon"].sum()),
        "provinces": float(nq.datasets.china_provinces()["point_lat"].sum()),
        "gaps": float(gaps["gap_2022"].sum()),
        "plans": float(nq.datasets.industry_plans().to_numpy().sum()),
        "stations": float(nq.datasets.base_stations_5g()["stations_10k"].sum()),
        "shares": float(nq.datasets.hu_line_shares()["southeast"].sum()),
        "clusters": float(len(nq.datasets.industry_clusters())),
        **{name: float(cities_of_all.frame[name].sum()) for name in outcomes},
    }
