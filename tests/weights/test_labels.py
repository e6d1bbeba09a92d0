"""Labels decide which unit is meant; weights cannot be changed; sizes, sums and spectra."""

from __future__ import annotations

import copy
import pickle

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import nqp_spatial as nq
from nqp_spatial.core import sizes
from nqp_spatial.errors import (
    DomainError,
    GeometryError,
    IslandError,
    MissingValuesError,
    NqpWarning,
    OptionError,
    PanelError,
    UnmatchedIdsError,
    WeightsError,
)

DENSE = np.array([[0, 1, 0], [0, 0, 2], [3, 0, 0]], dtype=float)
TABLE = pd.DataFrame(DENSE, list("abc"), list("abc"))


# -- labels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", ["abc", "cba", "bca"])
@pytest.mark.parametrize("columns", ["abc", "cab"])
@pytest.mark.parametrize("units", ["abc", "bac"])
def test_rows_of_a_frame_are_matched_by_label(rows, columns, units):
    w = nq.weights.from_dense(TABLE.loc[list(rows), list(columns)], list(units))
    assert w.units.tolist() == list(units)
    wanted = TABLE.loc[list(units), list(units)].to_numpy()
    np.testing.assert_array_equal(w.sparse.toarray(), wanted)
    alone = nq.weights.from_dense(TABLE.loc[list(rows), list(columns)])
    assert alone.units.tolist() == list(rows)


def test_numbers_and_text_are_one_label():
    table = TABLE.set_axis([1, 2, 3]).set_axis(["1", "2", "3"], axis=1)
    for units in (["3", "1", "2"], [3, 1, 2], [3.0, 1.0, 2.0]):
        w = nq.weights.from_dense(table, units)
        assert w.units.tolist() == units
        np.testing.assert_array_equal(w.sparse.toarray(), DENSE[[2, 0, 1]][:, [2, 0, 1]])
    edges = pd.DataFrame({"focal": ["1", "2"], "neighbor": [2, 1]})
    w = nq.weights.from_edges(edges, units=[2, 1])
    assert w.sparse.toarray().tolist() == [[0, 1], [1, 0]]


def test_only_an_array_is_taken_in_the_order_of_units():
    array = nq.weights.from_dense(DENSE, ["x", "y", "z"])
    np.testing.assert_array_equal(array.sparse.toarray(), DENSE)
    thin = nq.weights.from_dense(sparse.coo_array(DENSE), ["x", "y", "z"])
    np.testing.assert_array_equal(thin.sparse.toarray(), DENSE)
    numbered = TABLE.reset_index(drop=True).set_axis(range(3), axis=1)
    for table in (TABLE, numbered):
        with pytest.raises(
            UnmatchedIdsError, match=r"table's rows and units= differ: 3 of 3 .*'x'"
        ):
            nq.weights.from_dense(table, ["x", "y", "z"])
    with pytest.raises(UnmatchedIdsError, match="name different units"):
        nq.weights.from_dense(TABLE.reset_index(), list("abc"))


@pytest.mark.parametrize(
    ("units", "words"),
    [
        (["a", "b", None], "missing ids at positions 2"),
        (["a", "b", "a"], "more than once: 'a'"),
        (["a", 1, "c"], r"several types \(int, str\)"),
        (pd.MultiIndex.from_product([["a"], [1, 2, 3]]), "pass panel.units"),
    ],
)
def test_ids_that_are_none(units, words):
    edges = pd.DataFrame({"focal": ["a"], "neighbor": ["b"]})
    with pytest.raises(WeightsError, match=words):
        nq.weights.from_dense(DENSE, units)
    with pytest.raises(WeightsError, match=words):
        nq.weights.from_edges(edges, units=units)


def test_edges_that_cannot_be_read():
    edges = pd.DataFrame({"focal": [1, 2], "neighbor": [2, 1], "w": [1.0, 2.0]})
    with pytest.raises(WeightsError, match="'w' occurs or is named more than once"):
        nq.weights.from_edges(pd.concat([edges, edges[["w"]]], axis=1), weight="w")
    with pytest.raises(WeightsError, match="several types"):
        nq.weights.from_edges(edges.assign(focal=[1, "a"]))
    with pytest.raises(WeightsError, match="no rows"):
        nq.weights.from_edges(edges.iloc[:0])
    with pytest.raises(WeightsError, match=r"no numbers at \(row, cell\) \(1, '-'\)"):
        nq.weights.from_edges(edges.assign(w=[1, "-"]), weight="w")
    with pytest.raises(WeightsError, match="real numbers, got complex128"):
        nq.weights.from_edges(edges.assign(w=[1j, 2]), weight="w")
    with pytest.raises(OptionError, match="must be a pandas DataFrame"):
        nq.weights.from_edges([(1, 2)])
    empty = nq.weights.from_edges(edges.iloc[:0], units=[1, 2], islands="keep")
    assert empty.islands.tolist() == [1, 2]
    for cells in (TABLE.astype(complex), TABLE.replace(1.0, "x").astype(object)):
        with pytest.raises(WeightsError, match=r"real numbers|no numbers"):
            nq.weights.from_dense(cells)


def test_lags_and_subsets_go_by_label():
    w = nq.weights.from_dense(TABLE)
    values = pd.Series([1.0, 2.0, 3.0], ["c", "a", "b"])
    assert w.lag(values).to_dict() == {"c": 6.0, "a": 3.0, "b": 2.0}
    long = pd.concat({2000: values, 2001: 10 * values}).swaplevel()
    assert w.lag(long)["a", 2001] == 30.0
    with pytest.raises(OptionError, match="must be a pandas Series or a pandas DataFrame"):
        w.lag(np.ones(3))
    with pytest.raises(WeightsError, match="ids more than once: 'a'"):
        w.lag(pd.Series(1.0, ["a", "a", "b"]))
    with pytest.raises(MissingValuesError, match="missing for units 'a'"):
        w.lag(values.where(values != 2))
    with pytest.raises(MissingValuesError, match="missing for units 'b'"):
        w.lag(long.drop(("b", 2001)))
    with pytest.raises(WeightsError, match="must be numbers"):
        w.lag(values.astype(object).replace(1.0, "x"))
    with pytest.raises(UnmatchedIdsError):
        w.lag(values.drop("a"))
    for units, words in ((["a", "a"], "more than once: 'a'"), ([], "names no unit")):
        with pytest.raises(WeightsError, match=words):
            w.subset(units)


def test_groups_go_by_label():
    w = nq.weights.from_dense(TABLE)
    groups = pd.Series(["x", "y", "y"], ["c", "a", "b"])
    assert nq.weights.within(w, groups).sparse.toarray()[0].tolist() == [0, 1, 0]
    assert nq.weights.across(w, groups.to_dict()).n_links == 2
    with pytest.raises(PanelError, match="several rows of groups: 'c'"):
        nq.weights.within(w, pd.concat([groups, groups.iloc[:1]]))
    years = pd.MultiIndex.from_product([list("abc"), [1, 2]])
    moving = pd.Series(["x", None, "x", "x", "x", "y"], years)
    with pytest.raises(PanelError, match="change their group over periods: 'c'"):
        nq.weights.partition(w, moving)
    for wrong in (groups.to_numpy(), list(groups)):
        with pytest.raises(OptionError, match="group must be a pandas Series"):
            nq.weights.partition(w, wrong)
        with pytest.raises(OptionError, match="group must be a pandas Series"):
            nq.weights.compare_groups(w, wrong)
    for count in (0, -1, 1.5, 10**9):
        with pytest.raises(OptionError, match=r"permutations must be a whole number from [01]"):
            nq.weights.compare_groups(w, groups, permutations=count)
    with pytest.raises(WeightsError, match="profiles have no column"):
        nq.weights.similarity(pd.DataFrame(index=list("abc")))
    with pytest.raises(OptionError, match="profiles must be a pandas DataFrame"):
        nq.weights.similarity(DENSE)


# -- read-only -------------------------------------------------------------------------------------


def test_weights_cannot_be_changed():
    w = nq.weights.from_dense(TABLE, standardize="row")
    others = [pickle.loads(pickle.dumps(w)), copy.deepcopy(w), copy.copy(w), w.standardize("none")]
    for weights in [w, *others]:
        before = weights.sparse.toarray(), weights.raw.toarray()
        for matrix in (weights.sparse, weights.raw):
            for array in (matrix.data, matrix.indices, matrix.indptr):
                with pytest.raises(ValueError, match="read-only"):
                    array[0] = 5
            with pytest.raises(ValueError, match="read-only"):
                matrix[0, 1] = 5
            matrix.data = np.zeros(3)
            matrix.setdiag(9) if matrix.data.flags.writeable else None
        weights.graph.sparse.data[:] = 7
        weights.to_W().transform = "b"
        weights.sparse.copy().data[:] = 0
        np.testing.assert_array_equal(weights.sparse.toarray(), before[0])
        np.testing.assert_array_equal(weights.raw.toarray(), before[1])


def test_the_callers_matrix_stays_writable():
    matrix = sparse.csr_array(DENSE)
    w = nq.weights.from_dense(matrix, list("abc"))
    matrix.data[0] = 8
    assert w.sparse.toarray()[0, 1] == 1


# -- row sums --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_panel(simulate, lattice):
    w = lattice(5, 5)
    return simulate(w, periods=8, rho=0.0), w


@pytest.mark.parametrize("digits", [16, 8, 7, "single"])
def test_rounded_rows_keep_the_estimator(small_panel, digits):
    panel, w = small_panel
    dense = w.sparse.toarray()
    rounded = dense.astype("float32") if digits == "single" else np.round(dense, digits)
    near = nq.weights.from_dense(rounded, panel.units)
    assert near.rows_add_to_one
    np.testing.assert_array_equal(near.sparse.toarray(), rounded)  # as they are
    assert ("rows add to one within" in near.spec.describe()) == (digits != 16)
    assert near.standardize("row").spec.describe() == "user-supplied matrix, row-standardised"
    ours, exact = nq.fit("y ~ x1 + x2", panel, near), nq.fit("y ~ x1 + x2", panel, w)
    np.testing.assert_allclose(ours.params, exact.params, atol=1e-5)
    assert ours.sigma2 == pytest.approx(exact.sigma2, rel=1e-5)
    assert nq.weights.from_pysal(near.graph).spec.standardization == "row"


def test_rows_of_few_digits_are_offered_a_standardisation(small_panel):
    panel, w = small_panel
    with pytest.warns(
        NqpWarning, match=r"rows add to one within 0\.0001 only.*standardize\('row'\)"
    ):
        rough = nq.weights.from_dense(np.round(w.sparse.toarray(), 4) * 1.0001, panel.units)
    assert not rough.rows_add_to_one
    assert rough.standardize("row").rows_add_to_one
    assert not nq.weights.from_dense(w.sparse.toarray() * 1.1, panel.units).rows_add_to_one


# -- sizes -----------------------------------------------------------------------------------------


def test_sizes_are_checked_before_work(monkeypatch, tmp_path):
    """With memory for 4000 links, 100 units have too many pairs."""
    rng = np.random.default_rng(0)
    ids = range(100)
    points = gpd.points_from_xy(rng.uniform(100, 110, 100), rng.uniform(20, 30, 100))
    panel = nq.SpatialPanel(
        pd.DataFrame({"id": ids, "m": rng.uniform(1, 2, 100)}), unit="id",
        geometry=gpd.GeoDataFrame({"id": ids}, geometry=points, crs="EPSG:4326"),
    )  # fmt: skip
    near = nq.weights.knn(panel, k=3)
    profiles = pd.DataFrame(rng.uniform(1, 2, (100, 4)))
    for module in ("nqp_spatial.core.sizes", "nqp_spatial.weights._coordinates"):
        monkeypatch.setattr(f"{module}.memory_budget", lambda: 4000 * 80.0)
    builders = (
        lambda: nq.weights.inverse_distance(panel),
        lambda: nq.weights.exponential(panel, scale_km=100),
        lambda: nq.weights.distance_band(panel, cutoff_km=5000),
        lambda: nq.weights.gravity(panel, "m"),
        lambda: nq.weights.economic(panel, "m"),
        lambda: nq.weights.similarity(profiles),
    )
    for build in builders:
        with pytest.raises(
            OptionError, match=r"of (all pairs of )?100 units .*links\) needs about"
        ):
            build()
    monkeypatch.setattr("nqp_spatial.core.sizes.memory_budget", lambda: 200_000.0)
    with pytest.raises(OptionError, match="100 x 100 weights needs"):
        near.write(tmp_path / "w.csv", layout="dense")
    monkeypatch.setattr("nqp_spatial.core.sizes.memory_budget", lambda: 4000 * 80.0)
    assert nq.weights.distance_band(panel, cutoff_km=150, islands="keep").n_links < 4000
    assert nq.weights.economic(panel, "m", mask=near).n_links == near.n_links
    rare = pd.DataFrame(np.kron(np.eye(25), np.ones((4, 1))))
    assert nq.weights.similarity(rare).n_links == 300
    assert sizes.memory_budget() == 4000 * 80


def test_a_hundred_thousand_units_are_refused_at_once():
    with pytest.raises(OptionError, match=r"similarities of 1000000 units \(1e\+12 links\)"):
        nq.weights.similarity(pd.DataFrame({"a": np.ones(1_000_000)}))


# -- spectrum, facts, places -----------------------------------------------------------------------


@pytest.mark.parametrize("n", [300, 600])
def test_spectral_radius_of_an_asymmetric_matrix(n):
    """Also of more than 500 units, where it is found by iteration."""
    rng = np.random.default_rng(n)
    dense = rng.uniform(0, 1, (n, n)) * (rng.random((n, n)) < 0.02)
    dense[np.arange(n), (np.arange(n) + 1) % n] = 3.0  # strongly asymmetric
    np.fill_diagonal(dense, 0)
    w = nq.weights.from_dense(dense, range(n), standardize="spectral")
    radius = np.abs(np.linalg.eigvals(dense)).max()
    np.testing.assert_allclose(w.sparse.toarray(), dense / radius, rtol=1e-9)
    symmetric = (dense + dense.T) / 2
    w = nq.weights.from_dense(symmetric, range(n), standardize="spectral")
    radius = np.abs(np.linalg.eigvalsh(symmetric)).max()
    np.testing.assert_allclose(w.sparse.toarray(), symmetric / radius, rtol=1e-9)


def test_describe_counts():
    w = nq.weights.from_dense(DENSE + np.array([[0, 0, 1], [0, 0, 0], [0, 0, 0]]), list("abc"))
    facts = w.describe()
    assert facts["links"] == 4
    assert facts["links_percent"] == pytest.approx(100 * 4 / 9)
    assert (facts["min_neighbours"], facts["max_neighbours"]) == (1, 2)
    assert facts["mean_neighbours"] == pytest.approx(4 / 3)
    assert (facts["islands"], facts["components"]) == (0, 1)
    assert not facts["symmetric_links"]
    assert not facts["rows_add_to_one"]


@pytest.mark.parametrize("how", ["spectral", "minmax"])
def test_nothing_is_divided_by_zero(how):
    nobody = nq.weights.from_dense(np.zeros((2, 2)), ["a", "b"], islands="keep")
    with pytest.raises(WeightsError, match=r"is zero .* cannot be divided"):
        nobody.standardize(how)
    assert nobody.standardize("row").n_links == 0
    if how == "spectral":  # a chain leads nowhere back
        chain = nq.weights.from_dense(np.eye(3, k=1), list("abc"), islands="keep")
        with pytest.raises(WeightsError, match="the spectral radius is zero"):
            chain.standardize(how)


def points_panel(coordinates):
    ids = range(len(coordinates))
    shapes = gpd.GeoDataFrame(
        {"id": ids}, geometry=gpd.points_from_xy(*np.transpose(coordinates)), crs="EPSG:4326"
    )
    return nq.SpatialPanel(pd.DataFrame({"id": ids, "x": 1.0}), unit="id", geometry=shapes)


def test_too_few_points_for_triangles():
    for count in (1, 2):
        with pytest.raises(GeometryError, match=rf"three units or more .* has {count}"):
            nq.weights.triangulation(points_panel([(100 + i, 30 + i % 2) for i in range(count)]))
    triangle = points_panel([(100, 30), (101, 31), (102, 30)])
    assert nq.weights.triangulation(triangle).n_links == 6
    line = points_panel([(100, 30 + i) for i in range(6)])
    with pytest.raises(GeometryError, match="on one line"):
        nq.weights.triangulation(line)
    for k in (6, 7, 10**9, 0, -1):
        with pytest.raises(OptionError, match="k must be a whole number from 1 to 5 for 6 units"):
            nq.weights.knn(line, k=k)


def test_coincident_points():
    same = points_panel([(100, 30)] * 3 + [(101, 30)])
    assert nq.weights.knn(same, k=3).n_links == 12
    assert nq.weights.distance_band(same, cutoff_km=1, islands="keep").n_links == 6
    for build in (
        lambda: nq.weights.inverse_distance(same),
        lambda: nq.weights.distance_band(same, cutoff_km=1, power=1, islands="keep"),
    ):
        with pytest.raises(GeometryError, match=r"same point.*\(0, 1\)"):
            build()
    with pytest.raises(GeometryError, match="share their point with others: 0"):
        nq.weights.triangulation(same)


def test_one_unit_has_no_neighbours():
    first = points_panel([(100, 30)])
    with pytest.raises(OptionError, match="k must be"):
        nq.weights.knn(first, k=1)
    with pytest.raises(IslandError):
        nq.weights.inverse_distance(first)
    polygon = nq.SpatialPanel(
        pd.DataFrame({"id": [0], "x": 1.0}), unit="id",
        geometry=gpd.GeoDataFrame(
            {"id": [0]}, geometry=first.geometry.buffer(1).to_list(), crs=4326
        ),
    )  # fmt: skip
    for islands in ("error", "nearest"):
        with pytest.raises(IslandError, match="1 of 1 units have no neighbours: 0"):
            nq.weights.contiguity(polygon, islands=islands)


def test_infinite_values_have_no_lag():
    w = nq.weights.from_dense(TABLE)
    with pytest.raises(DomainError, match="infinite for units 'b'"):
        w.lag(pd.Series([1.0, np.inf, 2.0], list("abc")))
