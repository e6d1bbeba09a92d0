"""Data of several tests of association."""

from __future__ import annotations

import json
from collections.abc import Iterator

import esda
import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from tests.esda.panels import cross_section


@pytest.fixture(autouse=True, scope="session")
def esda_in_python() -> Iterator[None]:
    """Run esda's kernels as they are written: to compile them takes 20 s, to run them less than 1.

    Permutations stay compiled, since the generator of numba draws others than that of numpy.
    """
    modules = esda.crand, esda.moran, esda.getisord, esda.geary_local, esda.significance
    with pytest.MonkeyPatch.context() as patch:
        for module in modules:
            for name, function in list(vars(module).items()):
                if hasattr(function, "py_func") and name != "vec_permutations":
                    patch.setattr(module, name, function.py_func)
        patch.setattr(esda.crand, "boolean", np.bool_)  # a type of numba
        yield


@pytest.fixture
def field(lattice):
    """A smooth field on a 9 x 8 lattice."""
    w = lattice(9, 8)
    noise = np.random.default_rng(2).normal(size=72)
    return cross_section(np.linalg.solve(np.eye(72) - 0.9 * w.sparse.toarray(), noise)), w


@pytest.fixture(scope="module")
def lights(nqp_data):
    """Log of mean night light of 332 Chinese cities in the years that the facts give."""
    folder = nqp_data / "data" / "china_cities"
    frame = pd.read_csv(folder / "panel.csv", usecols=["city_id", "year", "total_meanlight"])
    frame = frame[frame["year"].isin([2001, 2012, 2013, 2020])]
    panel = nq.SpatialPanel(frame, unit="city_id", period="year")
    panel = panel.assign(light=lambda d: np.log(d["total_meanlight"]))
    w = nq.weights.from_edges(pd.read_csv(folder / "queen_edges.csv"), standardize="row")
    return panel, w, json.loads((folder / "facts.json").read_text())
