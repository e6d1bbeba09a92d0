"""Fixtures that several tests share: reference data, lattices, simulated panels."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from scipy import sparse

import nqp_spatial as nq
from nqp_spatial.weights.spatial_weights import WeightsSpec, build
from tests import parity

# The same examples each time, so that a gate does not fail by chance; with
# HYPOTHESIS_PROFILE=explore new ones are looked for. No test depends on how fast the machine is.
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("steady", derandomize=True, **PATIENT)
settings.register_profile("explore", derandomize=False, **PATIENT)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

# Processes of a Dask cluster inherit it.
os.environ.setdefault("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "3600s")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let comparisons with other programs know which test makes them."""
    parity.begin(item)


ROOT = Path(__file__).parent.parent
REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(scope="session", autouse=True)
def metadata_read_once() -> Iterator[None]:
    """Read what is installed once, not for each study: nothing is installed meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("version", "requires"):
            read = functools.cache(getattr(importlib.metadata, name))
            patch.setattr(importlib.metadata, name, read)
        yield


@pytest.fixture
def sketches(monkeypatch) -> None:
    """Save figures as small PNG files only, where a test is not about them."""
    sketch = functools.partial(nq.plots.save, formats=("png",), dpi=60)
    monkeypatch.setattr(nq.plots, "save", sketch)


@pytest.fixture(scope="session")
def nqp_data() -> Path:
    """Folder with data that may not be passed on; tests that need it skip without it."""
    folder = Path(os.environ.get("NQP_DATA", ROOT.parent / "shared"))
    if not (folder / "reference").is_dir():
        pytest.skip(f"no data at NQP_DATA ({folder}): it may not be passed on with the project")
    return folder


@pytest.fixture(scope="session")
def reference():
    """Reader of the numbers in tests/reference."""

    def read(name: str) -> dict:
        return json.loads((REFERENCE / f"{name}.json").read_text())

    return read


@pytest.fixture(scope="session")
def states():
    """48 states, 1970-1986, and their queen contiguity."""
    panel = nq.datasets.us_public_capital()
    return panel, nq.weights.contiguity(panel)


@pytest.fixture(scope="session")
def columbus():
    """49 neighbourhoods of Columbus, a cross-section, and their queen contiguity."""
    import geopandas as gpd
    import libpysal

    folder = Path(libpysal.__file__).parent / "examples" / "columbus"
    shapes = gpd.read_file(folder / "columbus.shp")
    shapes["POLYID"] = shapes["POLYID"].astype(int)
    panel = nq.SpatialPanel(
        shapes[["POLYID", "CRIME", "INC", "HOVAL"]],
        unit="POLYID",
        geometry=shapes[["POLYID", "geometry"]],
    )
    return panel, nq.weights.contiguity(panel)


@pytest.fixture(scope="session")
def lattice():
    """Maker of queen contiguity on a rows x columns lattice."""

    def make(rows: int, columns: int, standardize: str = "row") -> nq.weights.SpatialWeights:
        def path(size: int) -> sparse.dia_array:
            beside = np.ones(size - 1)
            return sparse.diags_array([beside, np.ones(size), beside], offsets=[-1, 0, 1])

        n = rows * columns
        links = sparse.csr_array(sparse.kron(path(rows), path(columns)))
        spec = WeightsSpec("lattice")
        return build(
            links, pd.RangeIndex(n, name="unit"), spec, standardize=standardize, islands="error"
        )

    return make


@pytest.fixture(scope="session")
def neighbours():
    """Maker of k-nearest-neighbour weights of random points."""

    def make(n: int, k: int = 6, seed: int = 0, standardize: str = "row"):
        from scipy.spatial import cKDTree

        points = np.random.default_rng(seed).random((n, 2))
        _, found = cKDTree(points).query(points, k + 1)
        rows = np.repeat(np.arange(n), k)
        links = sparse.csr_array((np.ones(n * k), (rows, found[:, 1:].ravel())), shape=(n, n))
        spec = WeightsSpec("nearest")
        return build(
            links, pd.RangeIndex(n, name="unit"), spec, standardize=standardize, islands="error"
        )

    return make


@pytest.fixture(scope="session")
def simulate():
    """Maker of a panel from a spatial Durbin model with unit and period effects."""

    def make(
        w,
        periods: int = 6,
        *,
        rho: float = 0.4,
        beta=(1.0, -0.5),
        theta=(0.3, 0.2),
        sigma: float = 1.0,
        seed: int = 0,
        errors=None,
    ) -> nq.SpatialPanel:
        rng = np.random.default_rng(seed)
        n, k = w.n_units, len(beta)
        mu, lam = rng.normal(size=(n, 1)), rng.normal(size=(1, periods))
        x = rng.normal(size=(n, periods, k)) + 0.5 * mu[:, :, None]
        wx = (w.sparse @ x.reshape(n, -1)).reshape(x.shape)
        e = rng.normal(size=(n, periods)) if errors is None else errors(rng, (n, periods))
        right = x @ np.array(beta) + wx @ np.array(theta) + mu + lam + sigma * e
        y = np.linalg.solve(np.eye(n) - rho * w.sparse.toarray(), right)
        frame = pd.DataFrame(
            {
                "id": np.repeat(np.asarray(w.units), periods),
                "t": np.tile(np.arange(periods), n),
                "y": y.ravel(),
                **{f"x{j + 1}": x[:, :, j].ravel() for j in range(k)},
            }
        )
        return nq.SpatialPanel(frame, unit="id", period="t")

    return make
