"""Weights builders against brute force and libpysal; the type and its promises."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.graph import Graph
from shapely.geometry import Point, box

import nqp_spatial as nq
from nqp_spatial.errors import (
    CrsError,
    GeometryError,
    IslandError,
    OptionError,
    UnknownColumnError,
    UnmatchedIdsError,
    WeightsError,
)
from nqp_spatial.weights._coordinates import EARTH_RADIUS_KM


def panel_of(geometry, crs=None, ids=None):
    ids = list(range(len(geometry))) if ids is None else ids
    shapes = gpd.GeoDataFrame({"id": ids}, geometry=list(geometry), crs=crs)
    return nq.SpatialPanel(pd.DataFrame({"id": ids, "x": 1.0}), unit="id", geometry=shapes)


def squares(rows, columns, **options):
    return panel_of(
        [box(c, r, c + 1, r + 1) for r in range(rows) for c in range(columns)], **options
    )


@pytest.fixture
def globe():
    """40 random points on the globe, in degrees, on both sides of the date line."""
    rng = np.random.default_rng(0)
    return panel_of(
        [
            Point(a, b)
            for a, b in zip(rng.uniform(-180, 180, 40), rng.uniform(-80, 80, 40), strict=True)
        ],
        crs="EPSG:4326",
    )


def haversine(panel):
    lon, lat = (np.radians(getattr(panel.geometry.geometry, a).to_numpy()) for a in "xy")
    a = (
        np.sin((lat[:, None] - lat) / 2) ** 2
        + np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(a))


# -- contiguity ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["queen", "rook"])
def test_contiguity_of_squares(kind):
    w = nq.weights.contiguity(squares(4, 5), kind=kind, standardize="none")
    row, column = np.divmod(np.arange(20), 5)
    down, right = abs(row[:, None] - row), abs(column[:, None] - column)
    near = np.maximum(down, right) == 1 if kind == "queen" else down + right == 1
    np.testing.assert_array_equal(w.sparse.toarray(), near)
    assert w.spec.describe() == f"{kind} contiguity, not standardised"


def test_the_map_of_the_us_has_214_links(states):
    _, w = states
    assert w.n_links == 214
    np.testing.assert_allclose(w.sparse.sum(axis=1), 1)


def test_contiguity_equals_the_chinese_gal(nqp_data):
    folder = nqp_data / "data" / "china_cities"
    cities = pd.read_csv(folder / "cities.csv")
    shapes = gpd.read_file(folder / "city_polygons.shp")
    code = next(name for name in shapes.columns if shapes[name].astype(str).str.len().eq(6).all())
    shapes["city_id"] = shapes[code].astype(int)
    panel = nq.SpatialPanel(cities[["city_id", "lon"]], unit="city_id", geometry=shapes)
    w = nq.weights.contiguity(panel)
    edges = nq.weights.from_edges(pd.read_csv(folder / "queen_edges.csv"), standardize="row")
    assert (w.n_links, len(w.islands), w.components.max()) == (1920, 0, 0)
    assert abs(w.sparse - edges.aligned(panel.units)).max() < 1e-15


@pytest.mark.parametrize("order", [2, 3])
def test_higher_orders_are_shortest_paths(order):
    panel = squares(4, 6)
    w = nq.weights.contiguity(panel, order=order, kind="rook", standardize="none")
    row, column = np.divmod(np.arange(24), 6)
    steps = abs(row[:, None] - row) + abs(column[:, None] - column)
    np.testing.assert_array_equal(w.sparse.toarray(), steps == order)
    assert f"order = {order}" in w.spec.describe()


def test_islands():
    corners = [0, 1, 2, 3.5, 90]
    shapes = [box(1000 * x, 0, 1000 * x + 1000, 1000) for x in corners]
    panel = panel_of(shapes, crs="EPSG:3857")
    with pytest.raises(IslandError, match=r"2 of 5 units have no neighbours: 3, 4; attach them"):
        nq.weights.contiguity(panel)
    near = nq.weights.contiguity(panel, islands="nearest", standardize="none")
    dense = near.sparse.toarray()
    assert dense[3].tolist() == [0, 0, 1, 0, 1]  # 4's nearest is 3, and links go both ways
    assert dense[4].tolist() == [0, 0, 0, 1, 0]
    assert "2 linked both ways with the nearest unit" in near.spec.describe()
    retained = nq.weights.contiguity(panel, islands="keep")
    assert retained.islands.tolist() == [3, 4]
    assert not retained.rows_add_to_one
    np.testing.assert_array_equal(retained.sparse.sum(axis=1), [1, 1, 1, 0, 0])
    assert "islands: kept, 2 without neighbours" in retained.spec.describe()
    assert "3 components" in repr(retained)


# -- distance --------------------------------------------------------------------------------------


def test_nearest_on_the_globe_is_by_great_circles(globe):
    w = nq.weights.knn(globe, k=4, standardize="none")
    d = haversine(globe)
    np.fill_diagonal(d, np.inf)
    truth = np.zeros((40, 40))
    np.put_along_axis(truth, np.argsort(d, axis=1)[:, :4], 1.0, axis=1)
    np.testing.assert_array_equal(w.sparse.toarray(), truth)


@pytest.mark.parametrize("cutoff", [None, 6000])
def test_inverse_distance_in_kilometres(globe, cutoff):
    w = nq.weights.inverse_distance(globe, power=1.5, cutoff_km=cutoff, standardize="none")
    d = haversine(globe)
    np.fill_diagonal(d, np.inf)
    truth = np.where(d <= (cutoff or np.inf), d**-1.5, 0)
    np.testing.assert_allclose(w.sparse.toarray(), truth, rtol=1e-10)


def km_between(a, b):
    """Great circle by the cosine law, on the sphere of the package."""
    (x, y), (u, v) = np.radians(a), np.radians(b)
    return 6371.0088 * np.arccos(np.sin(y) * np.sin(v) + np.cos(y) * np.cos(v) * np.cos(x - u))


CITIES = [(126.6, 45.8), (110.3, 20.0), (116.4, 39.9)]  # Harbin, Haikou, Beijing
PROJECTIONS = ["EPSG:4326", "EPSG:3857", "EPSG:32650", "+proj=aea +lat_1=25 +lat_2=47 +lon_0=105"]


@pytest.mark.parametrize("crs", PROJECTIONS)
def test_kilometres_are_those_of_the_globe_in_every_projection(crs):
    shapes = gpd.GeoDataFrame(
        {"id": range(3)}, geometry=[Point(c) for c in CITIES], crs="EPSG:4326"
    ).to_crs(crs)
    panel = nq.SpatialPanel(pd.DataFrame({"id": range(3), "m": 1.0}), unit="id", geometry=shapes)
    raw = nq.weights.inverse_distance(panel).raw.toarray()
    assert (round(1 / raw[2, 0]), round(1 / raw[2, 1])) == (1058, 2288)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert 1 / raw[i, j] == pytest.approx(km_between(CITIES[i], CITIES[j]), rel=1e-8)
    band = nq.weights.distance_band(panel, cutoff_km=1200, islands="keep")
    assert band.sparse.toarray().tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]
    rings = nq.weights.bands(panel, edges_km=[0, 1200, 2300, 4000])
    assert [ring.n_links for ring in rings.values()] == [2, 2, 2]
    assert nq.weights.knn(panel, k=1).sparse.toarray().argmax(axis=1).tolist() == [2, 2, 0]
    assert ("on the globe from" in band.spec.describe()) == (crs != "EPSG:4326")
    geodesic = nq.weights.inverse_distance(panel, metric="geodesic").raw.toarray()
    assert 1 / geodesic[2, 0] == pytest.approx(1059.3, abs=1)
    assert "metric = geodesic" in nq.weights.knn(panel, k=1, metric="geodesic").spec.describe()


def test_kilometres_of_polygons_do_not_depend_on_the_projection():
    states = nq.datasets.us_income().select(periods=[2009])
    kilometres = []
    for crs in ("EPSG:4326", "EPSG:3857"):
        panel = nq.SpatialPanel(
            states.frame.reset_index(), unit="unit", period="period",
            geometry=states.geometry.to_crs(crs).reset_index(),
        )  # fmt: skip
        kilometres.append(nq.weights.inverse_distance(panel).raw.toarray())
    np.testing.assert_allclose(kilometres[0], kilometres[1], rtol=1e-7)


def test_metres_of_utm_against_pythagoras():
    """In the middle of a zone a metre of the map is 1/0.9996 on the ellipsoid."""
    places = [(500_000, 3_000_000), (503_000, 3_004_000), (560_000, 3_000_000)]
    panel = panel_of([Point(p) for p in places], crs="EPSG:32650")
    raw = nq.weights.inverse_distance(panel, metric="geodesic", standardize="none").raw.toarray()
    assert 1 / raw[0, 1] == pytest.approx(5 / 0.9996, rel=1e-6)
    assert 1 / raw[0, 2] == pytest.approx(60 / 0.9996, rel=1e-4)
    for cutoff, links in ((4.9, 0), (5.1, 2), (56, 2), (61, 6)):
        band = nq.weights.distance_band(panel, cutoff_km=cutoff, islands="keep")
        assert band.n_links == links, cutoff
    feet = panel_of(
        [Point(984_250 + x, 200_000 + y) for x, y in ((0, 0), (3000, 4000))], "EPSG:2263"
    )
    value = nq.weights.inverse_distance(feet, metric="geodesic", standardize="none").raw[0, 1]
    assert value == pytest.approx(1 / (5 * 0.3048006), rel=1e-4)


def test_local_systems_stay_planar():
    local = 'LOCAL_CS["site",UNIT["kilometre",1000]]'
    panel = panel_of([Point(1000, 0), Point(1003, 4), Point(1000, 100)], crs=local)
    w = nq.weights.inverse_distance(panel, standardize="none")
    assert w.raw.toarray()[0].tolist() == pytest.approx([0, 1 / 5, 1 / 100])
    assert "distances = planar in site" in w.spec.describe()


def test_coordinates_outside_the_projection_are_refused():
    panel = panel_of([Point(5e9, 1e9), Point(0, 1000)], crs="EPSG:32650")
    with pytest.raises(CrsError, match=r"units 0 lie outside"):
        nq.weights.knn(panel, k=1)


def test_no_crs_is_refused_for_distances():
    panel = panel_of([Point(0, 0), Point(1, 1), Point(2, 2)])
    for call in (lambda: nq.weights.knn(panel, k=1), lambda: nq.weights.inverse_distance(panel)):
        with pytest.raises(CrsError, match="CRS"):
            call()


def test_distance_errors(globe):
    with pytest.raises(OptionError, match="k must be a whole number from 1 to 39 for 40 units"):
        nq.weights.knn(globe, k=40)
    with pytest.raises(OptionError, match="power"):
        nq.weights.inverse_distance(globe, power=-1)
    with pytest.raises(OptionError, match="cutoff_km"):
        nq.weights.inverse_distance(globe, cutoff_km=0)
    with pytest.raises(IslandError, match="have no neighbours"):
        nq.weights.inverse_distance(globe, cutoff_km=500)
    same = panel_of([Point(1, 1), Point(1, 1), Point(2, 2)], crs="EPSG:4326")
    with pytest.raises(GeometryError, match=r"lie on the same point, .* \(0, 1\)"):
        nq.weights.inverse_distance(same)
    bare = nq.SpatialPanel(pd.DataFrame({"id": [1, 2], "x": [1, 2]}), unit="id")
    with pytest.raises(GeometryError, match="pass geometry="):
        nq.weights.knn(bare, k=1)
    with pytest.raises(GeometryError, match="contiguity needs polygons"):
        nq.weights.contiguity(globe)
    with pytest.raises(OptionError, match="kind must be"):
        nq.weights.contiguity(squares(2, 2), kind="bishop")
    with pytest.raises(OptionError, match="order must be"):
        nq.weights.contiguity(squares(2, 2), order=0)
    with pytest.raises(OptionError, match="islands must be"):
        nq.weights.contiguity(squares(2, 2), islands="drop")


# -- given -----------------------------------------------------------------------------------------


def test_edges_and_dense_and_pysal_are_the_same_matrix():
    edges = pd.DataFrame(
        {"focal": ["b", "a", "b"], "neighbor": ["a", "b", "c"], "w": [2.0, 1.0, 3.0]}
    )
    w = nq.weights.from_edges(edges, weight="w", units=["c", "b", "a"], islands="keep")
    assert w.units.tolist() == ["c", "b", "a"]
    np.testing.assert_array_equal(w.sparse.toarray(), [[0, 0, 0], [3, 0, 2], [0, 1, 0]])
    dense = pd.DataFrame(w.sparse.toarray(), index=w.units, columns=w.units)
    again = nq.weights.from_dense(dense[["a", "b", "c"]], islands="keep")
    np.testing.assert_array_equal(again.sparse.toarray(), w.sparse.toarray())
    for other in (w.graph, w.to_W()):
        back = nq.weights.from_pysal(other)
        assert back.aligned(w.units).toarray().tolist() == w.sparse.toarray().tolist()
        assert back.islands.tolist() == ["c"]


def test_libpysal_weights_keep_their_transformation():
    graph = Graph.from_arrays([0, 0, 1, 2], [1, 2, 0, 0], [1.0, 1.0, 1.0, 1.0])
    row = nq.weights.from_pysal(graph.transform("r"))
    assert row.sparse.toarray()[0].tolist() == [0, 0.5, 0.5]
    assert row.rows_add_to_one
    assert "transform = R" in row.spec.describe()
    plain = nq.weights.from_pysal(graph)
    assert plain.sparse.toarray()[0].tolist() == [0, 1, 1]
    assert nq.weights.from_pysal(graph, standardize="row").rows_add_to_one
    w = graph.to_W()
    w.transform = "r"
    nq.weights.from_pysal(w, standardize="minmax")
    assert w.transform == "R"


def test_a_zero_row_in_standardised_weights_is_refused():
    graph = Graph.from_arrays([0, 1, 2], [1, 0, 2], [1.0, 1.0, 0.0]).transform("r")
    with pytest.raises(IslandError, match="1 of 3 units have no neighbours: 2"):
        nq.weights.from_pysal(graph)


def test_given_errors():
    edges = pd.DataFrame({"focal": [1, 2], "neighbor": [2, 1], "w": [1.0, 2.0]})
    with pytest.raises(UnknownColumnError, match="no column 'dest'"):
        nq.weights.from_edges(edges, neighbor="dest")
    with pytest.raises(WeightsError, match="missing cells at row labels 1"):
        nq.weights.from_edges(edges.assign(w=[1, None]), weight="w")
    with pytest.raises(WeightsError, match=r"more than once: \(1, 2\)"):
        nq.weights.from_edges(pd.concat([edges, edges.iloc[[0]]]))
    with pytest.raises(WeightsError, match=r"negative for \(receiver, sender\) \(2, 1\)"):
        nq.weights.from_edges(edges.assign(w=[1, -1]), weight="w")
    with pytest.raises(WeightsError, match="linked with themselves: 2"):
        nq.weights.from_edges(edges.assign(neighbor=[2, 2]))
    with pytest.raises(UnmatchedIdsError, match="names 1 units that units= does not: 2"):
        nq.weights.from_edges(edges, units=[1, 3])
    square = np.array([[0, 1.0], [1, 0]])
    with pytest.raises(UnmatchedIdsError, match="pass units="):
        nq.weights.from_dense(square)
    with pytest.raises(UnmatchedIdsError, match="2 rows but 3 ids"):
        nq.weights.from_dense(square, [1, 2, 3])
    with pytest.raises(WeightsError, match="must be square"):
        nq.weights.from_dense(square[:1], [1])
    with pytest.raises(WeightsError, match="themselves"):
        nq.weights.from_dense(np.ones((2, 2)), [1, 2])
    with pytest.raises(WeightsError, match="missing or infinite"):
        nq.weights.from_dense(np.array([[0, np.nan], [1, 0]]), [1, 2])
    with pytest.raises(WeightsError, match="ids occur more than once: 1"):
        nq.weights.from_dense(square, [1, 1])
    with pytest.raises(UnmatchedIdsError, match="name different units"):
        nq.weights.from_dense(pd.DataFrame(square, index=[1, 2], columns=[1, 3]))
    with pytest.raises(IslandError, match="1 of 2 units"):
        nq.weights.from_dense(np.array([[0, 1.0], [0, 0]]), [1, 2])
    with pytest.raises(OptionError, match="graph_or_w must be a libpysal Graph"):
        nq.weights.from_pysal([[0, 1]])


# -- the type --------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_standardisations_by_definition(seed):
    rng = np.random.default_rng(seed)
    dense = rng.random((7, 7)) * (rng.random((7, 7)) < 0.6)
    np.fill_diagonal(dense, 0)
    w = nq.weights.from_dense(dense, range(7), islands="keep")
    sums = dense.sum(axis=1, keepdims=True)
    row = w.standardize("row").sparse.toarray()
    np.testing.assert_allclose(row, dense / np.where(sums > 0, sums, 1))
    radius = abs(np.linalg.eigvals(dense)).max()
    if radius > 1e-3:
        np.testing.assert_allclose(w.standardize("spectral").sparse.toarray(), dense / radius)
    if dense.any():
        divisor = min(dense.sum(axis=0).max(), dense.sum(axis=1).max())
        np.testing.assert_allclose(w.standardize("minmax").sparse.toarray(), dense / divisor)
    # From one standardisation to the next: always from the raw weights.
    np.testing.assert_array_equal(w.standardize("row").standardize("none").sparse.toarray(), dense)
    np.testing.assert_array_equal(w.sparse.toarray(), dense)


def test_standardising_what_cannot_be(lattice):
    w = nq.weights.from_dense(np.array([[0, 1.0, 1], [1, 0, 0], [1, 0, 0]]), range(3))
    with pytest.raises(OptionError, match="how must be one of 'row'"):
        w.standardize("rows")


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_lags_follow_ids_not_places(seed):
    rng = np.random.default_rng(seed)
    dense = rng.random((6, 6))
    np.fill_diagonal(dense, 0)
    ids = pd.Index(list("abcdef"))
    w = nq.weights.from_dense(dense, ids)
    x = pd.Series(rng.normal(size=6), index=ids, name="x")
    order = rng.permutation(6)
    lagged = w.lag(x.iloc[order])
    assert lagged.index.tolist() == list(ids[order])
    np.testing.assert_allclose(lagged.loc[ids], dense @ x)
    table = pd.DataFrame({1: x, 2: 2 * x}).iloc[order]
    np.testing.assert_allclose(w.lag(table).loc[ids, 2], 2 * dense @ x)
    long = table.stack()
    np.testing.assert_allclose(w.lag(long).unstack().loc[ids], w.lag(table).loc[ids])
    other = w.reordered(ids[order])
    np.testing.assert_array_equal(other.sparse.toarray(), dense[np.ix_(order, order)])
    np.testing.assert_array_equal(other.aligned(ids).toarray(), dense)


def test_ids_that_differ_are_refused(lattice):
    w = lattice(2, 3)
    with pytest.raises(UnmatchedIdsError, match="1 of 6 only in weights"):
        w.lag(pd.Series(1.0, index=range(5)))
    with pytest.raises(UnmatchedIdsError, match="build the weights from the same panel"):
        w.aligned(pd.Index(range(7)))
    with pytest.raises(UnmatchedIdsError, match="no unit 99"):
        w.subset([0, 99])


def test_subset_starts_from_the_raw_weights(lattice):
    w = lattice(3, 3)
    corner = w.subset([0, 1, 3])
    assert corner.rows_add_to_one
    assert corner.sparse.toarray()[0].tolist() == [0, 0.5, 0.5]
    assert "subset of = 9 units" in corner.spec.describe()
    assert w.subset([0, 1, 8]).islands.tolist() == [8]


def test_describe_and_repr(states):
    _, w = states
    facts = w.describe()
    assert (facts["units"], facts["links"], facts["islands"], facts["components"]) == (
        48,
        214,
        0,
        1,
    )
    assert facts["mean_neighbours"] == pytest.approx(214 / 48)
    assert facts["symmetric_links"]
    assert facts["rows_add_to_one"]
    assert " ".join(repr(w).split()).endswith("48 units, 214 links, 0 islands, 1 component")


def test_components():
    w = nq.weights.from_edges(
        pd.DataFrame({"focal": [1, 2, 3, 4], "neighbor": [2, 1, 4, 3]})
    )  # fmt: skip
    assert w.components.loc[1] == w.components.loc[2] != w.components.loc[3]


def test_nothing_is_changed_by_use():
    dense = np.array([[0, 2.0, 1], [1, 0, 0], [1, 0, 0]])
    retained = dense.copy()
    w = nq.weights.from_dense(dense, range(3))
    w.standardize("row")
    w.to_W().transform = "r"
    w.graph.transform("r")
    np.testing.assert_array_equal(dense, retained)
    np.testing.assert_array_equal(w.sparse.toarray(), retained)
    dense[0, 1] = 99
    np.testing.assert_array_equal(w.sparse.toarray(), retained)


def test_large_maps_stay_sparse():
    """Weights of 20 000 points: memory of the links only."""
    rng = np.random.default_rng(0)
    points = gpd.points_from_xy(rng.uniform(70, 140, 20_000), rng.uniform(15, 55, 20_000))
    w = nq.weights.knn(panel_of(points, crs="EPSG:4326"), k=8)
    assert w.n_links == 160_000
    assert w.rows_add_to_one
