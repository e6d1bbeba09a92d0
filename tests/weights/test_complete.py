"""Weights of all pairs equal those of a list of pairs, and matrices of all pairs their formulas."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import nqp_spatial as nq
from nqp_spatial.core import sizes
from nqp_spatial.errors import GeometryError, OptionError
from nqp_spatial.weights import _complete
from nqp_spatial.weights._coordinates import coordinates_of
from nqp_spatial.weights._spectrum import is_dense, symmetrizer


def points(n=130, seed=0, repeated=None):
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(80, 120, n), rng.uniform(20, 45, n)
    if repeated:
        first, other = repeated
        lon[other], lat[other] = lon[first], lat[first]
    units = [f"u{i:03d}" for i in range(n)]
    shapes = gpd.GeoSeries(gpd.points_from_xy(lon, lat), index=units, crs="EPSG:4326")
    frame = pd.DataFrame({"unit": units, "year": 0, "mass": rng.uniform(1, 3, n)})
    return nq.SpatialPanel(frame, unit="unit", period="year", geometry=shapes)


@pytest.mark.parametrize("metric", ["haversine", "geodesic"])
@pytest.mark.parametrize("cells", [1, 700, 1_000_000])
def test_blocks_equal_the_list_of_pairs(metric, cells, monkeypatch):
    monkeypatch.setattr(_complete, "_BLOCK_CELLS", cells)
    panel = points(40)
    pairs, km = coordinates_of(panel, metric).pairs(None)
    mass = panel.values("mass").mean(axis=1)
    truth = {
        "inverse": km**-1.5,
        "exponential": np.exp(-km / 300),
        "gravity": mass[pairs[:, 0]] * mass[pairs[:, 1]] / km**2,
    }
    built = {
        "inverse": nq.weights.inverse_distance(panel, power=1.5, metric=metric),
        "exponential": nq.weights.exponential(panel, scale_km=300, metric=metric),
        "gravity": nq.weights.gravity(panel, "mass", metric=metric),
    }
    for name, values in truth.items():
        dense = np.zeros((40, 40))
        dense[pairs[:, 0], pairs[:, 1]] = dense[pairs[:, 1], pairs[:, 0]] = values
        np.testing.assert_array_equal(built[name].raw.toarray(), dense)
        assert built[name].n_links == 40 * 39
        assert built[name].raw.has_canonical_format
        rows = dense / dense.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(built[name].sparse.toarray(), rows, rtol=1e-14)


def test_a_wide_cutoff_gives_the_same():
    panel = points(30)
    everything = nq.weights.inverse_distance(panel)
    wide = nq.weights.inverse_distance(panel, cutoff_km=20_000)
    np.testing.assert_array_equal(everything.sparse.toarray(), wide.sparse.toarray())


def test_units_on_one_point_are_named():
    same = points(20, repeated=(3, 7))
    for call in (nq.weights.inverse_distance, lambda p: nq.weights.gravity(p, "mass")):
        with pytest.raises(GeometryError, match=r"u003.*u007"):
            call(same)
    assert nq.weights.exponential(same, scale_km=100).sparse.toarray()[3, 7] > 0


def test_what_does_not_fit_is_refused_before_work(monkeypatch):
    monkeypatch.setattr(sizes, "memory_budget", lambda: 1000.0)
    with pytest.raises(OptionError, match=r"weights of 20 units without a cutoff .*GiB"):
        nq.weights.inverse_distance(points(20))


def test_progress_names_the_size(capsys):
    quiet = nq.weights.inverse_distance(points(50))
    assert capsys.readouterr().err == ""
    shown = nq.weights.inverse_distance(points(50), progress=True)
    assert "50 units, 2.4e+03 links" in capsys.readouterr().err
    np.testing.assert_array_equal(quiet.sparse.toarray(), shown.sparse.toarray())


def test_one_unit_has_no_links():
    assert _complete._without_diagonal(np.zeros((1, 1))).nnz == 0
    assert nq.weights.exponential(points(1), scale_km=5, islands="keep").n_links == 0


def test_scaling_of_a_complete_matrix():
    """As for a sparse one: read off the first unit, checked for every pair."""
    panel = points(300)
    w = nq.weights.inverse_distance(panel)
    assert is_dense(w.sparse)
    scale = symmetrizer(w.sparse)
    sums = np.asarray(w.raw.sum(axis=1))
    np.testing.assert_allclose(scale, np.sqrt(sums / sums[0]), rtol=1e-12)
    similar = w.sparse.toarray() * scale[:, None] / scale
    np.testing.assert_allclose(similar, similar.T, rtol=1e-12)
    np.testing.assert_array_equal(symmetrizer(w.raw), np.ones(300))


@pytest.mark.parametrize("where", [(0, 5), (5, 0), (290, 299), (299, 290)])
@pytest.mark.parametrize("value", [2.0, -1.0, 0.0])
def test_a_complete_matrix_that_is_not_similar_to_a_symmetric_one(where, value):
    dense = nq.weights.inverse_distance(points(300)).sparse.toarray()
    matrix = sparse.csr_array(dense)
    rows = np.repeat(np.arange(300), 299)
    matrix.data[(rows == where[0]) & (matrix.indices == where[1])] *= value
    assert matrix.nnz == 300 * 299
    assert symmetrizer(matrix) is None


def test_few_links_are_not_dense():
    assert not is_dense(sparse.csr_array((200, 200)))
    assert not is_dense(sparse.csr_array(np.ones((50, 50))))  # too few units to matter
    assert not is_dense(nq.weights.knn(points(130), k=20).sparse)
