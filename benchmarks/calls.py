"""One call of this package in a process of its own: ``python benchmarks/calls.py NAME``.

The file is read by two versions of the package, whichever is on the path; `OLD` says that it is
0.1.0, some of whose arguments had other names. It prints seconds, processor seconds and a number of
the result as JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

import nqp_spatial as nq

OLD = nq.__version__ == "0.1.0"
LONG = 5.0  # seconds after which a call is not repeated
Call = Callable[[], float]


def points(n: int) -> gpd.GeoDataFrame:
    """Random places in the degrees of a country of the middle latitudes."""
    lon, lat = np.random.default_rng(1).random((2, n)) * [[40], [20]] + [[80], [25]]
    places = gpd.points_from_xy(lon, lat, crs="EPSG:4326")
    return gpd.GeoDataFrame({"id": np.arange(n)}, geometry=places)


def panel_of(n: int, periods: int, rho: float = 0.4) -> tuple[nq.SpatialPanel, object]:
    """Panel of the spatial Durbin model with nearest neighbours, and these."""
    ids = np.arange(n)
    bare = nq.SpatialPanel(pd.DataFrame({"id": ids, "x": 0.0}), unit="id", geometry=points(n))
    w = nq.weights.knn(bare, k=6)
    rng = np.random.default_rng(0)
    x, z, errors = rng.normal(size=(3, n, periods))
    mean = x + 0.3 * (w.sparse @ x) + 0.5 * z + rng.normal(size=(n, 1)) + errors
    y = mean
    for _ in range(40):
        y = mean + rho * (w.sparse @ y)
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel(), "z": z.ravel()})
    frame["income"] = np.exp(0.2 * frame["y"])
    frame["id"], frame["t"] = np.repeat(ids, periods), np.tile(np.arange(periods), n)
    frame["zone"] = np.repeat(np.array(list("abcd"))[ids % 4], periods)
    frame["core"] = np.repeat(np.where(ids % 5 < 2, "core", "rest"), periods)
    frame["people"] = np.repeat(rng.uniform(1, 9, n), periods)
    return nq.SpatialPanel(frame, unit="id", period="t", geometry=points(n)), w


def fit(n: int, periods: int, **options) -> Call:
    """Estimate and effects, nothing kept from an earlier call."""
    panel, w = panel_of(n, periods)

    def call() -> float:
        w.cache.clear()
        res = nq.fit("y ~ x + z", panel, w, **options)
        if options.get("model") != "sem":
            res.effects(draws=1000, seed=0)
        return float(res.params.iloc[0])

    return call


def described(
    n: int, periods: int, function: str, *, given=(), with_weights=False, **options
) -> Call:
    """Call a function of a panel, a variable and, where it has them, weights."""
    panel, w = panel_of(n, periods)
    folder, name = function.split(".")

    def call() -> float:
        positional = (panel, *given, w) if with_weights else (panel, *given)
        getattr(getattr(nq, folder), name)(*positional, **options)
        return 0.0

    return call


def spilled(n: int, periods: int, name: str, **options) -> Call:
    """Call a model of spillovers."""
    panel, w = panel_of(n, periods)
    if name == "threshold":
        options["score"] = pd.Series(np.random.default_rng(3).random(n), panel.units, name="score")

    def call() -> float:
        w.cache.clear()
        getattr(nq.spillovers, name)("y ~ x + z", panel, w, **options)
        return 0.0

    return call


def path(n: int, periods: int) -> Call:
    """Return the specification path."""
    panel, w = panel_of(n, periods)
    arguments = (panel, "y ~ x + z", w) if OLD else ("y ~ x + z", panel, w)

    def call() -> float:
        w.cache.clear()
        nq.diagnostics(*arguments)
        return 0.0

    return call


def built(n: int, name: str, *positional, **options) -> Call:
    """Weights of points."""
    panel = nq.SpatialPanel(
        pd.DataFrame({"id": np.arange(n), "x": np.random.default_rng(0).random(n)}),
        unit="id",
        geometry=points(n),
    )

    def call() -> float:
        return float(getattr(nq.weights, name)(panel, *positional, **options).sparse.nnz)

    return call


def drawn() -> Call:
    """Save a map of local clusters over the states as PNG and PDF."""
    panel = nq.datasets.us_public_capital()
    lisa = nq.esda.lisa(panel, "lgsp", nq.weights.contiguity(panel), period=1986, seed=0)
    folder = Path(tempfile.mkdtemp())

    def call() -> float:
        nq.plots.save(nq.plots.lisa_map(lisa, panel), folder / "lisa")
        return 0.0

    return call


def studied() -> Call:
    """Run the study of example 08: incomes of American states, its page, figures and tables."""
    income = nq.datasets.us_income().select(periods=list(range(1969, 2010)))
    folder = Path(tempfile.mkdtemp())
    frame = income.frame.reset_index()
    frame["south"] = np.where(frame["unit"].isin(["TX", "FL", "GA", "AL"]), "South", "rest")
    frame.to_csv(folder / "incomes.csv", index=False)
    income.geometry.reset_index()[["unit", "geometry"]].to_file(folder / "states.shp")
    settings = {
        "study": {"title": "Incomes of American states", "replications": 199},
        "data": {
            "panel": str(folder / "incomes.csv"),
            "geometry": str(folder / "states.shp"),
            "unit": "unit",
            "period": "period",
        },
        "outcome": {"variable": "income", "logs": True},
        "groups": {"region": "south", "centre": "south"},
        "dynamics": {"states": 3, "lag_states": 3},
    }

    def call() -> float:
        nq.report.study(settings, folder / "report", progress=False, fresh=True)
        return 0.0

    return call


def clubs(n: int) -> Call:
    """Convergence clubs of incomes that wander."""
    rng = np.random.default_rng(n)
    steps = np.cumsum(0.03 * rng.normal(size=(n, 20)) + 0.02, axis=1)
    values = 9 + 0.6 * rng.normal(size=(n, 1)) + steps
    frame = pd.DataFrame({"y": values.ravel(), "id": np.repeat(np.arange(n), 20)})
    frame["t"] = np.tile(np.arange(20), n)
    panel = nq.SpatialPanel(frame, unit="id", period="t")

    def call() -> float:
        result = nq.convergence.clubs(panel, "y", merge=None)
        return float(len(result.table if OLD else result.frame))

    return call


GROUP = "groups" if OLD else "group"
ZONE = "zone" if OLD else "group"
PEOPLE = "weights" if OLD else "population"
UNIT = {"effects": "unit"}
DYNAMIC = {"time_lag": True, "space_time_lag": True, "estimator": "ml"}

CALLS: dict[str, Callable[[], Call]] = {
    "SDM, unit effects, with effects, n = 332, T = 9": partial(fit, 332, 9, model="sdm", **UNIT),
    "SDM, unit effects, with effects, n = 3000, T = 10": partial(
        fit, 3000, 10, model="sdm", **UNIT
    ),
    "SDM, unit effects, with effects, n = 100 000, T = 10": partial(
        fit, 100000, 10, model="sdm", **UNIT
    ),
    "SDM, two-way effects, n = 3000, T = 10": partial(
        fit, 3000, 10, model="sdm", effects="two-way"
    ),
    "SEM, unit effects, n = 3000, T = 10": partial(fit, 3000, 10, model="sem", **UNIT),
    "SAC, unit effects, n = 332, T = 9": partial(fit, 332, 9, model="sac", **UNIT),
    "SAR, random effects, n = 3000, T = 10": partial(fit, 3000, 10, model="sar", effects="random"),
    "SAR, GS2SLS, n = 3000, T = 10": partial(
        fit, 3000, 10, model="sar", estimator="gs2sls", effects="unit"
    ),
    "SDM, dynamic, bias-corrected, n = 3000, T = 10": partial(
        fit, 3000, 10, model="sdm", effects="two-way", **DYNAMIC
    ),
    "diagnostics, n = 332, T = 9": partial(path, 332, 9),
    "diagnostics, n = 3000, T = 10": partial(path, 3000, 10),
    "partitioned, two groups, n = 332, T = 9": partial(
        spilled, 332, 9, "partitioned", effects="unit", **{GROUP: "core"}
    ),
    "partitioned, two groups, n = 3000, T = 10": partial(
        spilled, 3000, 10, "partitioned", effects="unit", **{GROUP: "core"}
    ),
    "barrier, n = 332, T = 9": partial(spilled, 332, 9, "barrier", **{ZONE: "zone"}),
    "threshold, 9 replications, n = 332, T = 9": partial(
        spilled, 332, 9, "threshold", effects="unit", replications=9, grid=30
    ),
    "local Moran, 999 permutations, n = 332": partial(
        described, 332, 1, "esda.lisa", given=("y",), with_weights=True, seed=0
    ),
    "local Moran, 999 permutations, n = 100 000": partial(
        described, 100000, 1, "esda.lisa", given=("y",), with_weights=True, seed=0
    ),
    "Moran's I, 999 permutations, n = 3000, T = 10": partial(
        described, 3000, 10, "esda.moran", given=("y",), with_weights=True, seed=0
    ),
    "Markov chain, n = 3000, T = 20": partial(
        described, 3000, 20, "dynamics.markov", given=("income",)
    ),
    "spatial Markov chain, n = 3000, T = 20": partial(
        described, 3000, 20, "dynamics.spatial_markov", given=("income",), with_weights=True
    ),
    "stochastic kernel, n = 332, T = 20": partial(
        described, 332, 20, "dynamics.stochastic_kernel", given=("income",)
    ),
    "clubs, n = 332, T = 20": partial(clubs, 332),
    "clubs, n = 3000, T = 20": partial(clubs, 3000),
    "beta convergence, n = 3000, T = 20": partial(
        described, 3000, 20, "convergence.beta", given=("income",)
    ),
    "Dagum, four groups, n = 3000, T = 20": partial(
        described, 3000, 20, "inequality.dagum", given=("income",), group="zone"
    ),
    "Theil, n = 3000, T = 20": partial(
        described,
        3000,
        20,
        "inequality.theil",
        given=("income",),
        levels="zone",
        **{PEOPLE: "people"},
    ),
    "nearest neighbours, n = 30 000": partial(built, 30000, "knn", k=6),
    "inverse distance of all pairs, n = 3000": partial(built, 3000, "inverse_distance"),
    "Delaunay triangulation, n = 30 000": partial(built, 30000, "triangulation"),
    "relative neighbours, n = 3000": partial(built, 3000, "triangulation", kind="relative"),
    "economic distance, n = 3000": partial(built, 3000, "economic", "x"),
    "map of local clusters, PNG and PDF": drawn,
    "study of 48 states, 41 years": studied,
}


def main(name: str) -> dict[str, float]:
    """Make the data and time calls: the first, which compiles, counts only where it is long."""
    warnings.simplefilter("ignore")
    call = CALLS[name]()
    seconds: list[float] = []
    processor: list[float] = []
    value = float("nan")
    while len(seconds) < 4 and not (sum(processor) > LONG and len(seconds) > 1):
        wall, used = time.perf_counter(), time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            value = call()
        seconds.append(time.perf_counter() - wall)
        processor.append(time.process_time() - used)
        if processor[-1] > 6 * LONG:
            break
    later = slice(1, None) if len(seconds) > 1 else slice(None)
    return {
        "seconds": float(np.median(seconds[later])),
        "processor": float(np.median(processor[later])),
        "value": value,
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
