"""Small panels and weights, as they are or disturbed in their last digits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

import nqp_spatial as nq


@dataclass
class Disturbance:
    """What ``--noise`` does to the data: rows in another order, columns times 1 + k 2^-52."""

    generator: np.random.Generator | None = None


DISTURBANCE = Disturbance()


def disturb(seed: int) -> None:
    """Make the data anew, disturbed in another way for each seed."""
    DISTURBANCE.generator = np.random.default_rng(seed)
    for item in list(globals().values()):
        if hasattr(item, "cache_clear"):
            item.cache_clear()


def disturbed(panel: nq.SpatialPanel) -> nq.SpatialPanel:
    """Return the panel, with last digits and the order of rows changed if `--noise` is on.

    A factor for a whole column keeps the order of its values and their ties, so that ranks, states
    and permutation p-values stay what they are.
    """
    generator = DISTURBANCE.generator
    if generator is None:
        return panel
    frame = panel.frame.copy()
    for name in frame.select_dtypes("float").columns:
        frame[name] *= 1 + int(generator.integers(1, 9)) * 2.0**-52
    frame = frame.reset_index().sample(frac=1, random_state=generator)
    shapes = panel.geometry
    if shapes is not None:
        unit = panel.frame.index.names[0]
        shapes = shapes.rename_axis(unit).reset_index().sample(frac=1, random_state=generator)
    return nq.SpatialPanel(
        frame, unit=panel.frame.index.names[0], period=panel.frame.index.names[1], geometry=shapes
    )


@lru_cache
def states() -> nq.SpatialPanel:
    """48 states, 17 years: output, private capital, employment, unemployment."""
    return disturbed(nq.datasets.us_public_capital())


@lru_cache
def queen() -> nq.weights.SpatialWeights:
    return nq.weights.contiguity(states())


@lru_cache
def nearest() -> nq.weights.SpatialWeights:
    return nq.weights.knn(states(), k=5)


@lru_cache
def incomes() -> nq.SpatialPanel:
    """48 states, 81 years: income per head."""
    return disturbed(nq.datasets.us_income())


@lru_cache
def cities() -> nq.SpatialPanel:
    """68 simulated cities of four provinces of the East and the Centre and of the Northeast."""
    panel = nq.datasets.simulate_cities(seed=0)
    return disturbed(panel.select(units=[unit for unit in panel.units if 200000 < unit < 350000]))


@lru_cache
def city_links() -> nq.weights.SpatialWeights:
    return nq.weights.knn(cities(), k=6)


def half(panel: nq.SpatialPanel) -> pd.Series:
    """Two groups of states, by alphabet."""
    return pd.Series(np.where(panel.units < "MO", "a", "b"), panel.units, name="half")


def quarter(panel: nq.SpatialPanel) -> pd.Series:
    """Four groups of states inside the two halves."""
    number = np.arange(panel.n_units) // 6 % 2
    return pd.Series(half(panel) + number.astype(str), panel.units, name="quarter")


@lru_cache
def drawn() -> nq.SpatialPanel:
    """40 places on a ring and 4 periods, with a regressor that is correlated with the error."""
    generator = np.random.default_rng(7)
    n, t = 40, 4
    z, x, error = (generator.normal(size=(n, t)) for _ in range(3))
    endogenous = 0.8 * z + 0.5 * error + 0.6 * generator.normal(size=(n, t))
    matrix = ring().sparse.toarray()
    right = x + 0.3 * matrix @ x - 0.7 * endogenous + generator.normal(size=(n, 1)) + error
    y = np.linalg.solve(np.eye(n) - 0.4 * matrix, right)
    columns = {"y": y, "x": x, "p": endogenous, "z": z}
    frame = pd.DataFrame(
        {"id": np.repeat(np.arange(n), t), "t": np.tile(np.arange(2000, 2000 + t), n)}
        | {name: values.ravel() for name, values in columns.items()}
    )
    return disturbed(nq.SpatialPanel(frame, unit="id", period="t"))


@lru_cache
def ring() -> nq.weights.SpatialWeights:
    place = np.arange(40)
    edges = pd.DataFrame(
        {
            "focal": np.tile(place, 3),
            "neighbor": np.concatenate([(place + step) % 40 for step in (1, -1, 2)]),
        }
    )
    return nq.weights.from_edges(edges, standardize="row")


@lru_cache
def provinces() -> nq.SpatialPanel:
    shapes = nq.datasets.china_provinces().reset_index()
    frame = shapes[["adcode", "point_lon", "point_lat"]]
    return nq.SpatialPanel(frame, unit="adcode", geometry=shapes[["adcode", "geometry"]])


@lru_cache
def income_links() -> nq.weights.SpatialWeights:
    return nq.weights.contiguity(incomes())


@lru_cache
def all_cities() -> nq.SpatialPanel:
    """All 336 simulated cities, which make three clubs."""
    return disturbed(nq.datasets.simulate_cities(seed=0, first=2006, last=2021))


@lru_cache
def drawn_long() -> nq.SpatialPanel:
    """A stable dynamic panel on the ring, 12 periods."""
    generator = np.random.default_rng(11)
    n, t = 40, 12
    matrix = ring().sparse.toarray()
    system = np.linalg.inv(np.eye(n) - 0.3 * matrix)
    unit = generator.normal(size=n)
    x, p = generator.normal(size=(2, t, n))
    y, now = [], np.zeros(n)
    for step in range(t):
        now = system @ (
            0.4 * now + 0.1 * matrix @ now + x[step] - 0.5 * p[step] + 0.2 * matrix @ x[step]
            + unit + generator.normal(size=n)
        )  # fmt: skip
        y.append(now)
    frame = pd.DataFrame(
        {
            "id": np.tile(np.arange(n), t),
            "t": np.repeat(np.arange(t), n),
            "y": np.concatenate(y),
            "x": x.ravel(),
            "p": p.ravel(),
        }
    )
    return disturbed(nq.SpatialPanel(frame, unit="id", period="t"))


@lru_cache
def all_city_links() -> nq.weights.SpatialWeights:
    return nq.weights.knn(all_cities(), k=6)
