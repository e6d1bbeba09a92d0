"""`simulate_cities`: simulated cities on the real map of China, with known parameters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.display import Block, Displayed, Spec
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Range, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.datasets._planting import (
    Links,
    club_paths,
    indicators,
    links_on_sphere,
    persistent,
    solved,
)
from nqp_spatial.datasets.china import china_prefectures
from nqp_spatial.errors import OptionError

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["CityTruth", "Planted", "SimulatedCities", "simulate_cities"]

FORMULA = "{} ~ relations + human_capital"
KNN, DECAY = "knn(cities, k=8)", "inverse_distance(cities, power={power:g}, cutoff_km={cutoff:g})"
NEAREST, CUTOFF_KM = 8, 600.0
CENTRE, PERIPHERY = "centre", "periphery"

# The indicators of the index, by dimension: direction, weight, smallest and largest value, label.
_INDEX = {
    "new": {
        "patents": ("+", 0.18, 0.1, 95.0, "Invention patents per 10 000 people"),
        "research": ("+", 0.14, 0.05, 6.5, "Research and development, % of GDP"),
        "digital": ("+", 0.12, 0.2, 18.0, "Employed in digital industries, %"),
        "robots": ("+", 0.10, 0.5, 420.0, "Robots per 10 000 workers"),
    },
    "quality": {
        "productivity": ("+", 0.16, 2.1, 48.0, "GDP per worker, 10 000 yuan"),
        "green_patents": ("+", 0.10, 0.01, 9.0, "Green patents per 10 000 people"),
        "energy": ("-", 0.11, 0.15, 3.2, "Energy per GDP, t of coal per 10 000 yuan"),
        "so2": ("-", 0.09, 0.02, 14.0, "SO2 per GDP, kg per 10 000 yuan"),
    },
}
_RELATIONS = {
    "relations": {
        "marketisation": ("+", 0.40, 1.0, 12.0, "Marketisation, points"),
        "private_jobs": ("+", 0.35, 12.0, 88.0, "Employed in private firms, %"),
        "permit_days": ("-", 0.25, 2.0, 60.0, "Days to open a firm"),
    },
}
# Coefficients in units of the standard deviation of a shock to the regressors.
_BETA = {
    "relations": {CENTRE: 0.9, PERIPHERY: 0.5},
    "human_capital": {CENTRE: 0.4, PERIPHERY: 0.4},
}
_RHO = {
    (CENTRE, CENTRE): 0.35,
    (CENTRE, PERIPHERY): 0.10,
    (PERIPHERY, CENTRE): 0.60,
    (PERIPHERY, PERIPHERY): 0.25,
}
_THETA = {
    "relations": {
        (CENTRE, CENTRE): 0.30,
        (CENTRE, PERIPHERY): 0.00,
        (PERIPHERY, CENTRE): 0.60,
        (PERIPHERY, PERIPHERY): 0.15,
    },
    "human_capital": {
        (CENTRE, CENTRE): 0.10,
        (CENTRE, PERIPHERY): 0.10,
        (PERIPHERY, CENTRE): 0.10,
        (PERIPHERY, PERIPHERY): 0.10,
    },
}
_PLAIN_RHO, _PLAIN_BETA = 0.55, {"relations": 0.7, "human_capital": 0.4}
_PLAIN_THETA = {"relations": 0.4, "human_capital": 0.1}
_KAPPA, _POWER, _GAMMA, _BELOW = 0.8, 1.5, 0.55, 0.25
_CLUB_LEVEL = {1: 1.05, 2: 1.0, 3: 0.95}


@dataclass(frozen=True, eq=False, repr=False)
class Planted(Displayed):
    """One outcome, the model that generated it, and its parameters.

    Attributes
    ----------
    outcome, formula : str
    weights : str
        The call of `nqp_spatial.weights` that creates the links, with ``cities`` the panel.
    params : Series
        By (block, variable, part), with the names of the estimates.
    sigma2 : float
        Variance of the errors.
    mechanism : dict
        Parameters of the mechanism: shares, exponents, thresholds.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> border = nq.datasets.simulate_cities(seed=0).truth.border
    >>> border.mechanism["kappa"], border.spec.formula
    (0.8, 'nqp_border ~ relations + human_capital')
    """

    outcome: str
    formula: str
    weights: str
    params: pd.Series
    sigma2: float
    mechanism: dict[str, Any]

    @property
    def frame(self) -> pd.DataFrame:
        """The parameters, column ``truth``."""
        return self.params.to_frame()

    @property
    def spec(self) -> Spec:
        """Formula, weights and mechanism."""
        return Spec(formula=self.formula, weights=self.weights, **self.mechanism)

    @property
    def notes(self) -> tuple[str, ...]:
        """No notes."""
        return ()

    @property
    def tests(self) -> TestSet:
        """No tests."""
        return TestSet()

    def _blocks(self) -> list[Block]:
        return [f"Parameters of {self.outcome}: {self.spec!r}", self.frame]


@dataclass(frozen=True, eq=False, repr=False)
class CityTruth(Displayed):
    """All parameters of the simulated cities.

    Attributes
    ----------
    index_weights, relations_weights : DataFrame
        By indicator: ``dimension, direction, weight``. After min-max scaling over all cities and
        years the weighted sums are the columns ``nqp`` and ``relations`` exactly.
    clubs : Series
        By city, 1 (richest) to 3: the club whose path ``gdp_pc`` approaches.
    club_levels : Series
        By club, the limit of its log GDP per head over that of the mean path.
    blocks : Planted
        Parameters of ``nqp``: rho and theta by receiver and sender, beta by receiver; groups
        ``cluster``.
    border : Planted
        Parameters of ``nqp_border``: links across provinces are weighted by ``exp(-kappa)``;
        ``mechanism`` contains kappa and the lost share.
    distance : Planted
        Parameters of ``nqp_distance``: links decline as a power of distance; ``mechanism`` contains
        power and cutoff_km.
    threshold : Planted
        Parameters of ``nqp_threshold``: spillovers of senders whose ``synergy`` of the year exceeds
        gamma.
    gradient : Series
        Effect of each of the three definitions of the centre on the mean of ``nqp``, before
        spillovers.
    spec : Spec
        Seed and years.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> truth = nq.datasets.simulate_cities(seed=0).truth
    >>> truth.index_weights.groupby("dimension")["weight"].sum().sum().round(12)
    np.float64(1.0)
    """

    index_weights: pd.DataFrame
    relations_weights: pd.DataFrame
    clubs: pd.Series
    club_levels: pd.Series
    blocks: Planted
    border: Planted
    distance: Planted
    threshold: Planted
    gradient: pd.Series
    spec: Spec

    @property
    def frame(self) -> pd.DataFrame:
        """Parameters of the four outcomes, by (outcome, block, variable, part)."""
        worlds = (self.blocks, self.border, self.distance, self.threshold)
        return pd.concat({world.outcome: world.frame for world in worlds}, names=["outcome"])

    @property
    def notes(self) -> tuple[str, ...]:
        """No notes."""
        return ()

    @property
    def tests(self) -> TestSet:
        """No tests."""
        return TestSet()

    def _blocks(self) -> list[Block]:
        return [f"Parameters of simulated cities: {self.spec!r}", self.frame]


@dataclass(frozen=True, init=False, repr=False, eq=False)
class SimulatedCities(SpatialPanel):
    """A `SpatialPanel` with its true parameters; panels derived from it are ordinary panels.

    Attributes
    ----------
    truth : CityTruth
    """

    truth: CityTruth


@checked
def simulate_cities(
    seed: Seed = 0,
    *,
    first: Annotated[int, Range(1, 9999)] = 2012,
    last: Annotated[int, Range(1, 9999)] = 2021,
) -> SimulatedCities:
    """Simulate Chinese cities with known index weights, clubs, spillovers, borders and threshold.

    On the real map of 336 prefecture-level cities, with W row-standardised, unit effects mu and
    common years nu::

        nqp_t           = sum_ab rho_ab W_ab y_t + X_t beta_a + sum_ab W_ab X_t theta_ab
        nqp_border_t    = rho V y_t + X_t beta + V X_t theta,  V = W_within + exp(-kappa) W_across
        nqp_distance_t  = rho D y_t + X_t beta + D X_t theta,  d_ij ** -power before rows add to 1
        nqp_threshold_t = rho_1 W_t(s <= gamma) y_t + rho_2 W_t(s > gamma) y_t + X_t beta + ...

    each plus ``mu + nu_t + e_t``, X the columns ``relations`` and ``human_capital``. They are four
    separate models with the same cities and regressors, one mechanism each, because an estimator of
    one mechanism is inconsistent if another is present too.

    Parameters
    ----------
    seed : int, optional
        Seed of `numpy.random.default_rng`; the same seed gives the same data.
    first, last : int
        First and last year.

    Returns
    -------
    SimulatedCities
        A panel of 336 cities (``adcode``) and the years, with geometry and ``truth``. Columns:
        the four outcomes (nqp is an index in [0, 1]; the others have the same scale); ``relations``
        (an index in [0, 1]) and ``human_capital``; eight indicators of nqp and three of relations;
        ``synergy`` in (0, 1), a score that does not depend on the outcomes; ``gdp_pc``, yuan;
        ``population``, 10 000; ``name_en``, ``province``, ``region4``; and three definitions of
        centre and periphery, ``east`` (the East against all others), ``cluster`` (inside an
        agglomeration) and ``core`` (36 cities).

    Raises
    ------
    OptionError
        If there are fewer than two years.
    MissingDependencyError
        If the boundary files are missing.

    Notes
    -----
    The definitions are of three scales; none is a subset of another (12 core cities belong to no
    agglomeration). Clubs follow Phillips and Sul (2007): log GDP per head is ``delta_it m_t`` with
    ``delta_it - delta_club`` of order ``1 / (log(t + 1) sqrt(t))``. Sansha and the counties that
    provinces administer directly are excluded. Names of indicators and their ranges only look
    realistic; no number is a measurement.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> cities.n_units, cities.n_periods
    (336, 10)
    >>> cities.truth.blocks.params["spatial", "rho", "periphery <- centre"]
    np.float64(0.6)
    """
    if last - first < 1:
        raise OptionError(f"last must be later than first, got {first} and {last}")
    rng = np.random.default_rng(seed)
    years = np.arange(first, last + 1)
    n, t = len(_cities()), len(years)
    cities = _cities()
    near, far = _links()
    centre = {
        "east": cities["region3"].eq("East").to_numpy(),
        "cluster": cities["agglomeration"].notna().to_numpy(),
        "core": cities["core"].to_numpy(dtype=bool),
    }
    gradient = {"east": 0.9, "cluster": 0.9, "core": 2.2}
    height = sum(gradient[name] * centre[name] for name in centre)
    # Cities resemble their neighbours: a spatially smooth field in addition to each city's own
    # component.
    field = near.matrix @ (near.matrix @ rng.normal(size=n)) * 2.0
    base = height + 1.5 * np.expm1(0.55 * (field + rng.normal(size=n)))

    relations = 0.5 * base[:, None] + 0.25 * np.arange(t) + persistent(rng, near, n, t)
    relations_frame, relations_weights, (offset, unit) = indicators(rng, relations, _RELATIONS)
    relations_index = (relations - offset) / unit
    capital = 9.0 + 0.3 * base[:, None] + 0.12 * np.arange(t) + persistent(rng, near, n, t)
    x = {"relations": relations, "human_capital": capital}

    logit = 0.35 * (base - base.mean())[:, None] + 0.05 * (np.arange(t) - t / 2)
    synergy = 1 / (1 + np.exp(-logit - 0.8 * persistent(rng, near, n, t)))
    worlds = _worlds(near, far, centre["cluster"], synergy)
    common = 2.0 + base[:, None] + 0.08 * np.arange(t)
    outcomes = {}
    for name, world in worlds.items():
        direct = sum(np.where(centre["cluster"], *world.beta[k])[:, None] * x[k] for k in x)
        lagged = [
            (m, sum(world.theta[k][part] * x[k] for k in x)) for part, m in world.parts.items()
        ]
        right = common + direct + rng.normal(scale=0.5, size=(n, t))
        outcomes[name] = solved(world.parts, world.rho, lagged, right)
    nqp_frame, index_weights, (nqp_offset, nqp_unit) = indicators(rng, outcomes["nqp"], _INDEX)

    club = np.digitize(base + 0.6 * rng.normal(size=n), np.quantile(base, [0.35, 0.75]))
    clubs = 3 - club
    levels = np.array([_CLUB_LEVEL[int(c)] for c in clubs])
    income = club_paths(rng, levels, t)

    truths = {name: _planted(name, world, unit, nqp_unit, 0.25) for name, world in worlds.items()}
    frame = pd.DataFrame(
        {
            "adcode": np.repeat(cities.index.to_numpy(), t),
            "year": np.tile(years, n),
            **{c: np.repeat(cities[s].to_numpy(), t) for c, s in _CARRIED.items()},
            **{c: np.repeat(np.where(v, CENTRE, PERIPHERY), t) for c, v in centre.items()},
            **{name: ((y - nqp_offset) / nqp_unit).ravel() for name, y in outcomes.items()},
            "relations": relations_index.ravel(),
            "human_capital": capital.ravel(),
            "synergy": synergy.ravel(),
            "gdp_pc": np.exp(income).ravel(),
            "population": np.exp(
                (5.6 + 0.25 * height + 0.6 * rng.normal(size=n))[:, None] + 0.004 * np.arange(t)
            ).ravel(),
            **nqp_frame,
            **relations_frame,
        }
    )
    panel = object.__new__(SimulatedCities)
    shapes = cities[["geometry"]].rename_axis("adcode").reset_index()
    SpatialPanel.__init__(
        panel, frame, unit="adcode", period="year", geometry=shapes, labels=_labels()
    )
    truth = CityTruth(
        index_weights=index_weights,
        relations_weights=relations_weights,
        clubs=pd.Series(clubs, panel.units, name="club"),
        club_levels=pd.Series(_CLUB_LEVEL, name="level").rename_axis("club"),
        blocks=truths["nqp"],
        border=truths["nqp_border"],
        distance=truths["nqp_distance"],
        threshold=truths["nqp_threshold"],
        gradient=pd.Series(gradient, name="added") / nqp_unit,
        spec=Spec(seed=seed, first=first, last=last),
    )
    object.__setattr__(panel, "truth", truth)
    return panel


_CARRIED = {"name_en": "name_en", "province": "province_en", "region4": "region4"}


@dataclass(frozen=True, eq=False)
class _World:
    """Links by common coefficient, the coefficients, and their names in estimates."""

    parts: dict[str, sparse.csr_array]
    rho: dict[str, float]
    theta: dict[str, dict[str, float]]
    beta: dict[str, tuple[float, float]]  # of the centre, of the periphery
    beta_by_group: bool
    weights: str
    mechanism: dict[str, Any]


def _worlds(
    near: Links, far: Links, in_cluster: np.ndarray, synergy: np.ndarray
) -> dict[str, _World]:
    """Return the four mechanisms."""
    knn = f"nq.weights.{KNN}"
    groups = np.where(in_cluster, CENTRE, PERIPHERY)
    pairs = [(a, b) for a in (CENTRE, PERIPHERY) for b in (CENTRE, PERIPHERY)]
    blocks = {
        f"{a} <- {b}": near.where((groups[near.rows] == a) & (groups[near.columns] == b))
        for a, b in pairs
    }
    plain_beta = {k: (b, b) for k, b in _PLAIN_BETA.items()}
    same = near.zone[near.rows] == near.zone[near.columns]
    passed_share = float(np.exp(-_KAPPA))
    border = {"within province": near.where(same), "across province": near.where(~same)}
    above = synergy[near.columns] > _GAMMA
    threshold = {"below": near.by_period(~above), "above": near.by_period(above)}
    distance = {"all": far.matrix}

    def scaled(factors: dict[str, float], base: dict[str, float]) -> dict[str, dict[str, float]]:
        return {k: {part: b * f for part, f in factors.items()} for k, b in base.items()}

    lost = {"within province": 1.0, "across province": passed_share}
    passed = {"below": _BELOW, "above": 1.0}
    return {
        "nqp": _World(
            blocks,
            {f"{a} <- {b}": _RHO[a, b] for a, b in pairs},
            {k: {f"{a} <- {b}": v[a, b] for a, b in pairs} for k, v in _THETA.items()},
            {k: (v[CENTRE], v[PERIPHERY]) for k, v in _BETA.items()},
            True, knn, {"group": "cluster"},
        ),
        "nqp_border": _World(
            border, {p: _PLAIN_RHO * f for p, f in lost.items()}, scaled(lost, _PLAIN_THETA),
            plain_beta, False, knn,
            {"group": "province", "kappa": _KAPPA, "share_lost": 1 - passed_share},
        ),
        "nqp_distance": _World(
            distance, {"all": _PLAIN_RHO}, scaled({"all": 1.0}, _PLAIN_THETA), plain_beta, False,
            f"nq.weights.{DECAY.format(power=_POWER, cutoff=CUTOFF_KM)}",
            {"power": _POWER, "cutoff_km": CUTOFF_KM},
        ),
        "nqp_threshold": _World(
            threshold, {p: _PLAIN_RHO * f for p, f in passed.items()},
            scaled(passed, _PLAIN_THETA), plain_beta, False, knn,
            {"score": "synergy", "on": "sender", "gamma": _GAMMA},
        ),
    }  # fmt: skip


def _planted(name: str, world: _World, unit: float, nqp_unit: float, sigma2: float) -> Planted:
    """Return the parameters in the units of the columns.

    An index (y - a) / b is linear in y: rho is unchanged, coefficients of X are divided by b and,
    for the regressor that is itself an index, multiplied by the unit of this index.
    """
    scale = {"relations": unit / nqp_unit, "human_capital": 1 / nqp_unit}
    values: dict[tuple[str, str, str], float] = {}
    for k, (centre, periphery) in world.beta.items():
        named = {CENTRE: centre, PERIPHERY: periphery} if world.beta_by_group else {"all": centre}
        values |= {("x", k, part): b * scale[k] for part, b in named.items()}
    for k, by_part in world.theta.items():
        values |= {("wx", k, part): b * scale[k] for part, b in by_part.items()}
    values |= {("spatial", "rho", part): r for part, r in world.rho.items()}
    index = pd.MultiIndex.from_tuples(values, names=["block", "variable", "part"])
    return Planted(
        outcome=name,
        formula=FORMULA.format(name),
        weights=world.weights,
        params=pd.Series(list(values.values()), index, name="truth"),
        sigma2=sigma2 / nqp_unit**2,
        mechanism=world.mechanism,
    )


def _labels() -> dict[str, str]:
    dimensions = {**_INDEX, **_RELATIONS}
    return {
        "nqp": "New quality productive forces (index)",
        "nqp_border": "The index, where borders weaken links",
        "nqp_distance": "The index, where distance weakens links",
        "nqp_threshold": "The index, where links need synergy",
        "relations": "Production relations (index)",
        "human_capital": "Years of schooling",
        "synergy": "Synergy (score)",
        "gdp_pc": "GDP per head, yuan",
        "population": "Population, 10 000",
        "province": "Province",
        "region4": "Region",
        "east": "East",
        "cluster": "Agglomeration",
        "core": "Core city",
        **{name: v[-1] for dimension in dimensions.values() for name, v in dimension.items()},
    }


@lru_cache(maxsize=1)
def _cities() -> gpd.GeoDataFrame:
    prefectures = china_prefectures()
    sansha = 460300  # surrounded by hundreds of kilometres of sea
    chosen = prefectures["region4"].notna() & (prefectures.index % 100 == 0)
    return prefectures[chosen & (prefectures.index != sansha)].sort_index()


@lru_cache(maxsize=1)
def _links() -> tuple[Links, Links]:
    cities = _cities()
    zone = cities["province_adcode"].to_numpy()
    return (
        links_on_sphere(cities.geometry, zone, nearest=NEAREST),
        links_on_sphere(cities.geometry, zone, power=_POWER, cutoff_km=CUTOFF_KM),
    )
