"""The small world that every function is called in, and its hostile variants."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

import nqp_spatial as nq

SIDE, YEARS = 5, list(range(2010, 2018))


class World:
    """25 units on a grid, 8 periods, queen weights, and results of the main functions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def frame(self) -> pd.DataFrame:
        rng = np.random.default_rng(16)
        n, t = SIDE * SIDE, len(YEARS)
        ids = [f"u{i:02d}" for i in range(n)]
        trend = np.linspace(0, 0.3, t) + rng.normal(0, 0.4, (n, 1))
        x1, x2, pop = (np.exp(trend + rng.normal(0, 0.3, (n, t))) for _ in range(3))
        y = 5 + x1 + 0.5 * x2 + rng.normal(0, 0.5, (n, 1)) + rng.normal(0, 0.4, (n, t))
        columns = {
            "city": np.repeat(ids, t),
            "year": np.tile(YEARS, n),
            **{name: v.ravel() for name, v in [("y", y), ("x1", x1), ("x2", x2), ("pop", pop)]},
            **{name: np.exp(rng.normal(0, 0.2, n * t)) for name in ["bread", "rice", "salt"]},
            "s1": rng.uniform(0.2, 0.8, n * t),
            "s2": rng.uniform(0.2, 0.8, n * t),
            "region": np.repeat([("south", "north")[i // SIDE > 2] for i in range(n)], t),
            "province": np.repeat([f"p{i // SIDE}" for i in range(n)], t),
            "core": np.repeat([i % SIDE in (1, 2) for i in range(n)], t),
        }
        return pd.DataFrame(columns)

    @cached_property
    def shapes(self) -> gpd.GeoDataFrame:
        cells = [
            shapely.box(110 + i % SIDE, 30 + i // SIDE, 111 + i % SIDE, 31 + i // SIDE)
            for i in range(SIDE * SIDE)
        ]
        return gpd.GeoDataFrame({"city": self.ids}, geometry=cells, crs="EPSG:4326")

    @property
    def ids(self) -> list[str]:
        return sorted(self.frame["city"].unique())

    def made(self, frame: pd.DataFrame, shapes: Any = None, **options: Any) -> nq.SpatialPanel:
        """Return a panel of a changed frame."""
        shapes = self.shapes if shapes is None else shapes
        present = shapes[shapes["city"].isin(frame["city"])]
        return nq.SpatialPanel(frame, unit="city", period="year", geometry=present, **options)

    @cached_property
    def panel(self) -> nq.SpatialPanel:
        return self.made(self.frame)

    @cached_property
    def weights(self) -> nq.weights.SpatialWeights:
        return nq.weights.contiguity(self.panel)

    @cached_property
    def edges(self) -> pd.DataFrame:
        links = self.weights.sparse.tocoo()
        ids = np.array(self.ids)
        rows, columns = links.coords
        return pd.DataFrame({"focal": ids[rows], "neighbor": ids[columns], "weight": links.data})

    @cached_property
    def dense(self) -> pd.DataFrame:
        return pd.DataFrame(self.weights.sparse.toarray(), self.ids, self.ids)

    @cached_property
    def region(self) -> pd.Series:
        return self.frame.groupby("city")["region"].first().rename("region")

    @cached_property
    def table(self) -> Path:
        path = self.folder / "panel.csv"
        self.frame.to_csv(path, index=False)
        return path

    @cached_property
    def map(self) -> Path:
        path = self.folder / "cities.gpkg"
        self.shapes.to_file(path)
        return path

    @cached_property
    def weights_file(self) -> Path:
        return self.weights.write(self.folder / "weights.csv")

    @cached_property
    def settings(self) -> dict[str, Any]:
        steps = ["index", "gradient", "distribution", "chains", "convergence", "association"]
        return {
            "study": {"skip": [*steps, "diagnostics", "model", "centre"], "permutations": 19},
            "data": {
                "panel": str(self.table), "geometry": str(self.map), "unit": "city",
                "period": "year",
            },
            "outcome": {"variable": "x1"},
        }  # fmt: skip

    # -- results -----------------------------------------------------------------------------------

    @cached_property
    def result(self) -> Any:
        return nq.fit("y ~ x1 + x2", self.panel, self.weights)

    @cached_property
    def effects(self) -> Any:
        return self.result.effects(draws=50)

    @cached_property
    def effects_at(self) -> Any:
        product = nq.fit("y ~ x1 * x2", self.panel, self.weights)
        return product.effects(draws=50, at={"x2": [0, 1]})

    @cached_property
    def lisa(self) -> Any:
        return nq.esda.lisa(self.panel, "x1", self.weights, period=2017, permutations=19, seed=0)

    @cached_property
    def hot_spots(self) -> Any:
        return nq.esda.getis_ord(self.panel, "x1", self.weights, period=2017, permutations=19)

    @cached_property
    def local_geary(self) -> Any:
        return nq.esda.local_geary(self.panel, "x1", self.weights, period=2017, permutations=19)

    @cached_property
    def by_group(self) -> Any:
        return nq.compare_groups("y ~ x1", self.panel, self.weights, group="region", draws=20)

    @cached_property
    def robustness(self) -> Any:
        changes = {"winsorised": 0.02, "SAR": {"model": "sar"}}
        return nq.robustness("y ~ x1 + x2", self.panel, self.weights, changes=changes, draws=20)

    @cached_property
    def specification(self) -> Any:
        return self.robustness.specifications["baseline"]

    @cached_property
    def geodetector(self) -> Any:
        return nq.structure.geodetector(
            self.panel, "x1", ["region", "x2"], period=2017, permutations=19, replications=19
        )

    @cached_property
    def network(self) -> Any:
        return nq.structure.network(self.panel, "x1", period=2017)

    @cached_property
    def gap(self) -> pd.DataFrame:
        return nq.structure.difference_matrices(self.panel, ["x1"])["x1"]

    @cached_property
    def qap(self) -> Any:
        matrices = {"net": self.dense, "x1": self.gap}
        return nq.structure.qap("net ~ x1", matrices, permutations=19)

    @cached_property
    def lisa_paths(self) -> Any:
        return nq.esda.lisa_paths(self.panel, "x1", self.weights)

    @cached_property
    def joins(self) -> Any:
        return nq.esda.join_counts(self.panel, "core", self.weights, period=2017, permutations=19)

    @cached_property
    def log_t(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", nq.errors.NqpWarning)
            return nq.convergence.log_t(self.panel, "x1")

    @cached_property
    def modality(self) -> Any:
        return nq.dynamics.modality(
            self.panel, "x1", periods=[2016, 2017], max_modes=2, replications=19
        )

    @cached_property
    def partitioned(self) -> Any:
        return nq.spillovers.partitioned("y ~ x1", self.panel, self.weights, group="core")

    @cached_property
    def pilots(self) -> nq.SpatialPanel:
        """The panel with a policy in two corners, from 2013 and 2014 on."""
        starts = self.frame["city"].map({"u00": 2013, "u24": 2014}).fillna(9999)
        return self.panel.assign(pilot=(self.frame["year"] >= starts).to_numpy().astype(int))

    @cached_property
    def policy(self) -> Any:
        return nq.spillovers.policy(
            self.pilots, "y", treatment="pilot", exposure=self.weights, placebo=9
        )

    @cached_property
    def mediation(self) -> Any:
        return nq.spillovers.mediation("y ~ x1 + x2", "x1 ~ x2", self.panel, self.weights, draws=99)

    @cached_property
    def second_opinion(self) -> Any:
        return nq.crosscheck(nq.esda.moran(self.panel, "y", self.weights, permutations=0))

    @cached_property
    def averaged(self) -> Any:
        candidates = {"queen": self.weights, "near": self.weights}
        return nq.average_weights("y ~ x1", self.panel, candidates, model="sar", draws=50)

    @cached_property
    def barrier(self) -> Any:
        return nq.spillovers.barrier("y ~ x1", self.panel, self.weights, group="region")

    @cached_property
    def reach(self) -> Any:
        return nq.spillovers.reach("y ~ x1", self.panel, edges_km=[0, 130, 260])

    @cached_property
    def threshold(self) -> Any:
        return nq.spillovers.threshold(
            "y ~ x1", self.panel, self.weights, score="s1", grid=5, replications=0
        )

    @cached_property
    def gwr(self) -> Any:
        return nq.gwr("y ~ x1 + x2", self.panel, period=2017, bandwidth=20)

    @cached_property
    def panel_threshold(self) -> Any:
        return nq.panel_threshold(
            "y ~ x1 + x2", self.panel, threshold="pop", regime="x1", replications=0
        )

    @cached_property
    def index(self) -> Any:
        return nq.composite.index(self.panel, {"x1": "+", "x2": "-", "pop": "+"})

    @cached_property
    def clubs(self) -> Any:
        return nq.convergence.clubs(self.club_panel, "x1", logs=False)

    @property
    def club_panel(self) -> nq.SpatialPanel:
        return self.club_world.panel

    @cached_property
    def club_world(self) -> World:
        """The same units in two clubs that part, over 16 periods."""
        rng = np.random.default_rng(3)
        n, t = SIDE * SIDE, 16
        level = np.where(np.arange(n) % 2, 1.0, 3.0)[:, None]
        own = rng.normal(0, 0.3, (n, 1)) / np.arange(1, t + 1) ** 1.2
        x1 = 1 + level * np.linspace(0.5, 3, t) + own
        frame = pd.DataFrame(
            {
                "city": np.repeat(self.ids, t),
                "year": np.tile(np.arange(2000, 2000 + t), n),
                "x1": x1.ravel(),
                "x2": np.repeat(rng.normal(size=n) + 0.5 * (np.arange(n) % 2), t),
            }
        )
        other = World(self.folder)
        other.__dict__["frame"] = frame
        return other

    @cached_property
    def dagum(self) -> Any:
        return nq.inequality.dagum(self.panel, "x1", group="region")

    @cached_property
    def theil(self) -> Any:
        return nq.inequality.theil(self.panel, "x1", levels=["region", "province"])

    @cached_property
    def centre_path(self) -> Any:
        return nq.structure.centre_path(self.panel, "x1")

    @cached_property
    def markov(self) -> Any:
        return nq.dynamics.markov(self.panel, "x1", states=3)

    @cached_property
    def spatial_markov(self) -> Any:
        return nq.dynamics.spatial_markov(self.panel, "x1", self.weights, states=2, lag_states=2)

    @cached_property
    def forecast(self) -> Any:
        return nq.dynamics.forecast(self.markov, self.panel, horizon=2, replications=19, holdout=1)

    @cached_property
    def density(self) -> Any:
        return nq.dynamics.density(self.panel, "x1", points=64)

    @cached_property
    def kernel(self) -> Any:
        return nq.dynamics.stochastic_kernel(self.panel, "x1", points=21)

    @cached_property
    def sigma(self) -> Any:
        return nq.convergence.sigma(self.panel, "x1")

    @cached_property
    def beta(self) -> Any:
        return nq.convergence.beta(self.panel, "x1")

    @cached_property
    def logdet(self) -> Any:
        return nq.regression.log_determinant(self.weights)


# -- hostile variants: name -> (what is expected, maker) -------------------------------------------

Variant = tuple[str, Callable[[World], Any]]


def _column(values: Callable[[pd.Series], Any]) -> Callable[[World], Any]:
    """Return a maker of the panel whose column x1 is replaced."""

    def make(world: World) -> nq.SpatialPanel:
        frame = world.frame.copy()
        frame["x1"] = values(frame["x1"])
        return world.made(frame)

    return make


def _rows(change: Callable[[pd.DataFrame], pd.DataFrame], **options: Any) -> Callable[[World], Any]:
    return lambda world: world.made(change(world.frame.copy()), **options)


def _shapes(change: Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]) -> Callable[[World], Any]:
    return lambda world: world.made(world.frame, change(world.shapes))


def _cell(value: Any, dtype: Any = None) -> Callable[[World], Any]:
    def change(column: pd.Series) -> pd.Series:
        column = column.astype(dtype) if dtype else column.copy()
        column.iloc[11] = value
        return column

    return _column(change)


def _points(world: World) -> nq.SpatialPanel:
    places = [shapely.Point(110 + i, 30 + i % 5) for i in range(25)]
    places[3] = shapely.Point(np.nan, 30)
    return world.made(world.frame, world.shapes.set_geometry(places, crs="EPSG:4326"))


def _arrow(column: pd.Series) -> Any:
    import pyarrow as pa

    return column.astype(pd.ArrowDtype(pa.float64()))


PANELS: dict[str, Variant] = {
    "rows in another order": ("same", _rows(lambda f: f.sample(frac=1, random_state=0))),
    "labels of rows repeated": ("same", _rows(lambda f: f.set_axis([0] * len(f)))),
    "one more column": ("same", _rows(lambda f: f.assign(more=np.nan))),
    "Float64": ("same", _column(lambda x: x.astype("Float64"))),
    "Arrow": ("same", _column(_arrow)),
    "missing cell": ("any", _cell(np.nan)),
    "missing cell in Float64": ("any", _cell(pd.NA, "Float64")),
    "infinite cell": ("any", _cell(np.inf)),
    "all missing": ("any", _column(lambda x: x * np.nan)),
    "objects": ("any", _column(lambda x: x.astype(object))),
    "objects with None": ("any", _cell(None, object)),
    "objects with a list": ("any", _column(lambda x: pd.Series([[v] for v in x], x.index))),
    "strings": ("any", _column(lambda x: x.astype(str))),
    "string dtype": ("any", _column(lambda x: x.astype("string"))),
    "a dash among numbers": ("any", _column(lambda x: x.astype(str).replace(str(x[11]), "-"))),
    "text": ("any", _column(lambda x: pd.Series("a", x.index))),
    "category": ("any", _column(lambda x: x.round().astype("category"))),
    "complex": ("any", _column(lambda x: x + 1j)),
    "timedelta": ("any", _column(lambda x: pd.to_timedelta(x, unit="D"))),
    "datetime": ("any", _column(lambda x: pd.to_datetime(x, unit="D"))),
    "bool": ("any", _column(lambda x: x > x.median())),
    "nullable bool": ("any", _column(lambda x: (x > x.median()).astype("boolean"))),
    "whole numbers": ("any", _column(lambda x: (10 * x).round().astype("int64"))),
    "UInt8": ("any", _column(lambda x: (10 * x).round().astype("UInt8"))),
    "float32": ("any", _column(lambda x: x.astype("float32"))),
    "float16": ("any", _column(lambda x: x.astype("float16"))),
    "zero": ("any", _column(lambda x: 0 * x)),
    "constant": ("any", _column(lambda x: 0 * x + 3)),
    "constant over units": ("any", _rows(lambda f: f.assign(x1=f["year"] - 2000.0))),
    "constant over periods": (
        "any",
        _rows(lambda f: f.assign(x1=f.groupby("city")["x1"].transform("mean"))),
    ),
    "like another": ("any", _rows(lambda f: f.assign(x1=f["x2"]))),
    "negative": ("any", _column(lambda x: -x)),
    "centred": ("any", _column(lambda x: x - x.mean())),
    "one zero": ("any", _cell(0.0)),
    "tiny": ("any", _column(lambda x: x * 1e-12)),
    "huge": ("any", _column(lambda x: x * 1e12)),
    "near underflow": ("any", _column(lambda x: x * 1e-200)),
    "near overflow": ("any", _column(lambda x: x * 1e200)),
    "subnormal": ("any", _column(lambda x: x * 1e-310)),
    "one outlier": ("any", _column(lambda x: x.where(x.index != 11, x * 1e6))),
    "one enormous outlier": ("any", _column(lambda x: x.where(x.index != 11, x * 1e15))),
    "few values": ("any", _column(lambda x: (x > 1).astype(float) + 1)),
    "repeated column": ("any", _rows(lambda f: pd.concat([f, f[["x1"]]], axis=1))),
    "one unit": ("any", _rows(lambda f: f[f["city"] == "u00"])),
    "two units": ("any", _rows(lambda f: f[f["city"].isin(["u00", "u01"])])),
    "three units": ("any", _rows(lambda f: f[f["city"].isin(["u00", "u01", "u02"])])),
    "one period": ("any", _rows(lambda f: f[f["year"] == 2010])),
    "two periods": ("any", _rows(lambda f: f[f["year"] <= 2011])),
    "three periods": ("any", _rows(lambda f: f[f["year"] <= 2012])),
    "a gap in time": ("any", _rows(lambda f: f[f["year"] != 2013])),
    "no rows": ("refuse", _rows(lambda f: f.iloc[:0])),
    "repeated keys": ("refuse", _rows(lambda f: pd.concat([f, f.iloc[:3]]))),
    "unbalanced": ("any", _rows(lambda f: f.iloc[1:], balanced=False)),
    "periods as text": ("any", _rows(lambda f: f.assign(year=f["year"].astype(str) + "年"))),
    "periods as dates": (
        "any",
        _rows(lambda f: f.assign(year=pd.to_datetime(f["year"].astype(str)))),
    ),
    "periods as Period": (
        "any",
        _rows(lambda f: f.assign(year=pd.PeriodIndex(f["year"].astype(str), freq="Y"))),
    ),
    "periods as fractions": ("any", _rows(lambda f: f.assign(year=f["year"] + 0.5))),
    "units as numbers": (
        "any",
        lambda w: w.made(
            w.frame.assign(city=w.frame["city"].str[1:].astype(int)),
            w.shapes.assign(city=w.shapes["city"].str[1:].astype(int)),
        ),
    ),
    "no geometry": ("any", lambda w: nq.SpatialPanel(w.frame, unit="city", period="year")),
    "points without a longitude": ("any", _points),
    "no CRS": ("any", _shapes(lambda s: s.set_crs(None, allow_override=True))),
    "metres": ("any", _shapes(lambda s: s.to_crs("EPSG:32649"))),
    "Web Mercator": ("any", _shapes(lambda s: s.to_crs("EPSG:3857"))),
    "all in one place": (
        "any",
        _shapes(lambda s: s.set_geometry([shapely.Point(110, 30)] * 25, crs="EPSG:4326")),
    ),
    "groups missing": ("any", _rows(lambda f: f.assign(region=None, province=None, core=None))),
    "one group": ("any", _rows(lambda f: f.assign(region="a", province="a", core=True))),
    "groups of one": ("any", _rows(lambda f: f.assign(region=f["city"], core=f["city"]))),
    "groups change": ("any", _rows(lambda f: f.assign(region=f["year"].gt(2013).astype(str)))),
    "a frame": ("refuse", lambda w: w.frame),
    "a GeoDataFrame": ("refuse", lambda w: w.shapes),
    "weights for a panel": ("refuse", lambda w: w.weights),
    "a path": ("refuse", lambda w: "panel.csv"),
    "None": ("any", lambda w: None),
}  # fmt: skip


def _matrix(change: Callable[[np.ndarray], np.ndarray], **options: Any) -> Callable[[World], Any]:
    def make(world: World) -> Any:
        matrix = change(world.weights.sparse.toarray().copy())
        return nq.weights.from_dense(matrix, world.ids, **options)

    return make


def _island(matrix: np.ndarray) -> np.ndarray:
    matrix[3, :] = matrix[:, 3] = 0
    return matrix


def _halves(matrix: np.ndarray) -> np.ndarray:
    matrix[:10, 10:] = matrix[10:, :10] = 0
    return matrix


def _negative(matrix: np.ndarray) -> np.ndarray:
    matrix[1, 0] *= -1
    return matrix


def _missing(matrix: np.ndarray) -> np.ndarray:
    matrix[1, 0] = np.nan
    return matrix


WEIGHTS: dict[str, Variant] = {
    "W of libpysal": ("same", lambda w: w.weights.to_W()),
    "Graph of libpysal": ("same", lambda w: w.weights.graph),
    "units in another order": ("any", lambda w: w.weights.reordered(w.weights.units[::-1])),
    "binary": ("any", lambda w: w.weights.standardize("none")),
    "not standardised": ("any", _matrix(lambda m: (m > 0) * 1.0)),
    "eight digits": ("any", _matrix(lambda m: np.round(m, 8))),
    "of other units": (
        "refuse",
        lambda w: nq.weights.from_dense(w.dense.to_numpy(), list(range(25))),
    ),
    "of fewer units": ("refuse", lambda w: w.weights.subset(w.weights.units[:12])),
    "of more units": ("refuse", lambda w: _more(w)),
    "an island": ("any", _matrix(_island, islands="keep")),
    "two parts": ("any", _matrix(_halves)),
    "no links": ("any", _matrix(lambda m: 0 * m, islands="keep")),
    "negative": ("any", _matrix(_negative)),
    "missing": ("refuse", _matrix(_missing)),
    "one way": ("any", _matrix(lambda m: np.tril(m), islands="keep")),
    "self-links": ("any", _matrix(lambda m: m + np.eye(25))),
    "huge": ("any", _matrix(lambda m: m * 1e200)),
    "tiny": ("any", _matrix(lambda m: m * 1e-200)),
    "everybody": ("any", _matrix(lambda m: (1 - np.eye(25)) / 24)),
    "an array": ("refuse", lambda w: w.dense.to_numpy()),
    "a frame": ("refuse", lambda w: w.dense),
    "a sparse matrix": ("refuse", lambda w: w.weights.sparse),
    "a path": ("refuse", lambda w: "weights.gal"),
    "a panel for weights": ("refuse", lambda w: w.panel),
    "None": ("any", lambda w: None),
}


def _more(world: World) -> Any:
    matrix = np.ones((26, 26)) - np.eye(26)
    return nq.weights.from_dense(matrix, [*world.ids, "u99"])


FRAMES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "no rows": lambda f: f.iloc[:0],
    "no columns": lambda f: f.iloc[:, :0],
    "missing cell": lambda f: f.mask((np.arange(f.size) == 3).reshape(f.shape)),
    "infinite": lambda f: f.assign(**{f.columns[-1]: np.inf}) if _named(f) else f * np.inf,
    "text": lambda f: f.astype(str),
    "objects": lambda f: f.astype(object),
    "complex": lambda f: f.assign(**{str(f.columns[-1]): 1j}),
    "rows twice": lambda f: pd.concat([f, f]),
    "columns twice": lambda f: pd.concat([f, f], axis=1),
    "shuffled": lambda f: f.sample(frac=1, random_state=1),
    "one row": lambda f: f.iloc[:1],
    "transposed": lambda f: f.T,
    "mixed ids": lambda f: f.set_axis([0, *f.index[1:]]),
    "two levels of columns": lambda f: pd.concat({"a": f}, axis=1),
    "dates": lambda f: f.assign(**{str(f.columns[-1]): pd.Timestamp("2020")}),
}


def _named(frame: pd.DataFrame) -> bool:
    return all(isinstance(name, str) for name in frame.columns)


SERIES: dict[str, Callable[[pd.Series], Any]] = {
    "no rows": lambda s: s.iloc[:0],
    "missing": lambda s: s.mask(np.arange(len(s)) == 2),
    "all missing": lambda s: s.mask(np.ones(len(s), dtype=bool)),
    "fewer ids": lambda s: s.iloc[:10],
    "other ids": lambda s: s.set_axis(range(len(s))),
    "ids twice": lambda s: pd.concat([s, s]),
    "shuffled": lambda s: s.sample(frac=1, random_state=1),
    "text": lambda s: s.astype(str),
    "category": lambda s: s.astype("category"),
    "one value": lambda s: pd.Series(s.iloc[0], s.index),
    "all differ": lambda s: pd.Series([f"g{i}" for i in range(len(s))], s.index),
    "infinite": lambda s: pd.Series(np.inf, s.index),
    "complex": lambda s: pd.Series(1j, s.index),
    "lists": lambda s: pd.Series([[1]] * len(s), s.index),
    "dates": lambda s: pd.Series(pd.Timestamp("2020"), s.index),
}
