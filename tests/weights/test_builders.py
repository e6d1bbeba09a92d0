"""Each builder against a dense twin written out from its definition."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point

import nqp_spatial as nq
from nqp_spatial.errors import (
    CrsError,
    DomainError,
    GeometryError,
    IslandError,
    MissingValuesError,
    OptionError,
    PanelError,
    UnmatchedIdsError,
    WeightsError,
)
from nqp_spatial.weights._coordinates import coordinates_of

N = 25


def cities(seed=0, order=None):
    """25 places in and around China over three years, with a positive mass."""
    rng = np.random.default_rng(seed)
    ids = np.array([f"c{i:02d}" for i in range(N)])
    points = gpd.points_from_xy(rng.uniform(90, 125, N), rng.uniform(20, 45, N))
    shapes = gpd.GeoDataFrame({"id": ids}, geometry=points, crs="EPSG:4326")
    frame = pd.DataFrame(
        {
            "id": np.repeat(ids, 3),
            "t": np.tile([2018, 2019, 2020], N),
            "gdp": rng.lognormal(size=3 * N),
            "province": np.repeat(rng.choice(list("ABC"), N), 3),
        }
    )
    if order is not None:
        shapes, frame = shapes.iloc[order[0]], frame.iloc[order[1]]
    return nq.SpatialPanel(frame, unit="id", period="t", geometry=shapes)


@pytest.fixture(scope="module")
def panel():
    return cities()


@pytest.fixture(scope="module")
def km(panel):
    return distances(panel)


def distances(panel):
    places = coordinates_of(panel)
    rows, columns = np.divmod(np.arange(N * N), N)
    return places.distance(rows, columns).reshape(N, N)


def by_row(dense):
    sums = dense.sum(axis=1, keepdims=True)
    return dense / np.where(sums != 0, sums, 1)


def off_diagonal(dense):
    dense = np.array(dense, dtype=float)
    np.fill_diagonal(dense, 0)
    return dense


def same(w, dense):
    np.testing.assert_allclose(w.sparse.toarray(), by_row(dense), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(w.standardize("none").sparse.toarray(), dense, rtol=1e-13)


# -- distance --------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0, 1.5])
def test_distance_band(panel, km, power):
    with np.errstate(divide="ignore"):
        dense = off_diagonal(np.where(km <= 1500, km**-power if power else 1.0, 0))
    w = nq.weights.distance_band(panel, cutoff_km=1500, power=power)
    same(w, dense)
    assert "cutoff_km = 1500.0" in w.spec.describe()


def test_exponential(panel, km):
    same(nq.weights.exponential(panel, scale_km=400), off_diagonal(np.exp(-km / 400)))
    cut = off_diagonal(np.where(km <= 2000, np.exp(-km / 400), 0))
    same(nq.weights.exponential(panel, scale_km=400, cutoff_km=2000), cut)


@pytest.mark.parametrize("symmetrize", ["either", "both"])
def test_nearest_symmetrised(panel, km, symmetrize):
    far = km.copy()
    np.fill_diagonal(far, np.inf)
    near = np.zeros((N, N))
    np.put_along_axis(near, np.argsort(far, axis=1)[:, :5], 1.0, axis=1)
    join = np.maximum if symmetrize == "either" else np.multiply
    same(nq.weights.knn(panel, k=5, symmetrize=symmetrize), join(near, near.T))


def test_bands_add_up_to_the_disc(panel):
    full = nq.weights.distance_band(panel, cutoff_km=2500, power=1)
    rings = nq.weights.bands(panel, edges_km=[0, 800, 1600, 2500], power=1)
    assert list(rings) == [(0, 800), (800, 1600), (1600, 2500)]
    total = sum(ring.sparse for ring in rings.values())
    assert (total != full.sparse).nnz == 0  # to the last bit
    assert sum(ring.n_links for ring in rings.values()) == full.n_links
    for (low, high), ring in rings.items():
        d = distances(panel)[ring.sparse.toarray() > 0]
        assert ((d > low) & (d <= high)).all()
        assert ring.spec.describe().startswith(f"({low:g}, {high:g}] km of distance bands")


def test_bands_that_leave_out_the_middle(panel, km):
    rings = nq.weights.bands(panel, edges_km=[500, 1500, 3000])
    dense = off_diagonal(np.where((km > 500) & (km <= 3000), 1.0, 0))
    total = sum(ring.sparse.toarray() for ring in rings.values())
    np.testing.assert_allclose(total, by_row(dense), rtol=1e-13)


def test_geodesic_is_pyprojs_and_within_0_6_percent(panel, km):
    from pyproj import Geod

    points = np.column_stack([panel.geometry.geometry.x, panel.geometry.geometry.y])
    i, j = np.triu_indices(N, 1)
    truth = Geod(ellps="WGS84").inv(*points[i].T, *points[j].T)[2] / 1000
    w = nq.weights.inverse_distance(panel, metric="geodesic", standardize="none")
    np.testing.assert_allclose(1 / w.sparse.toarray()[i, j], truth, rtol=1e-12)
    assert abs(km[i, j] / truth - 1).max() < 0.006
    band = nq.weights.distance_band(panel, cutoff_km=1500, metric="geodesic", standardize="none")
    assert band.n_links == 2 * (truth <= 1500).sum()
    full = np.full((N, N), np.inf)
    full[i, j] = full[j, i] = truth
    nearest = nq.weights.knn(panel, k=4, metric="geodesic", standardize="none").sparse.toarray()
    for row in range(N):
        assert set(np.flatnonzero(nearest[row])) == set(np.argsort(full[row])[:4])


def test_chinese_cities_by_geodesic(nqp_data):
    frame = pd.read_csv(nqp_data / "data" / "china_cities" / "cities.csv")
    points = gpd.GeoDataFrame(
        frame[["city_id"]], geometry=gpd.points_from_xy(frame["lon"], frame["lat"]), crs="EPSG:4326"
    )
    panel = nq.SpatialPanel(frame[["city_id", "is_core"]], unit="city_id", geometry=points)
    sphere, ellipsoid = (
        nq.weights.inverse_distance(panel, metric=m, standardize="none").sparse.toarray()
        for m in ("haversine", "geodesic")
    )
    apart = ~np.eye(len(frame), dtype=bool)
    ratio = sphere[apart] / ellipsoid[apart]
    assert abs(ratio - 1).max() < 0.006


@pytest.mark.parametrize("kind", ["delaunay", "gabriel", "relative"])
def test_triangulations(panel, kind):
    """By definition, in the plane: empty circles and lunes."""
    rng = np.random.default_rng(3)
    xy = rng.uniform(0, 100_000, (30, 2))
    shapes = gpd.GeoDataFrame(
        {"id": range(30)}, geometry=gpd.points_from_xy(*xy.T), crs="EPSG:3857"
    )
    flat = nq.SpatialPanel(pd.DataFrame({"id": range(30), "x": 1.0}), unit="id", geometry=shapes)
    ours = nq.weights.triangulation(flat, kind=kind, standardize="none").sparse.toarray()
    d = np.linalg.norm(xy[:, None] - xy, axis=2)
    if kind == "delaunay":
        from scipy.spatial import Delaunay

        truth = np.zeros((30, 30))
        for corners in Delaunay(xy).simplices:
            truth[np.ix_(corners, corners)] = 1
    else:
        truth = np.zeros((30, 30))
        for i in range(30):
            for j in range(30):
                middle, others = (xy[i] + xy[j]) / 2, np.delete(np.arange(30), [i, j])
                if kind == "gabriel":
                    empty = np.linalg.norm(xy[others] - middle, axis=1) > d[i, j] / 2
                else:
                    empty = np.maximum(d[i, others], d[j, others]) > d[i, j]
                truth[i, j] = empty.all()
    np.testing.assert_array_equal(ours, off_diagonal(truth))
    assert nq.weights.triangulation(panel, kind=kind).components.max() == 0


def test_delaunay_on_the_globe_is_the_hull_of_the_sphere(panel):
    """Stereographic projection keeps circles: inner triangles are facets of the convex hull."""
    from scipy.spatial import ConvexHull

    w = nq.weights.triangulation(panel, standardize="none").sparse.toarray()
    points = coordinates_of(panel).points
    hull = ConvexHull(points)
    # Facets that face away from the middle of the earth cover the cap; the rest close the hull.
    outward = hull.equations[:, 3] < -1e-9
    towards = hull.equations[:, :3] @ points.mean(axis=0) > 0
    truth = np.zeros((N, N))
    for corners in hull.simplices[outward & towards]:
        truth[np.ix_(corners, corners)] = 1
    np.testing.assert_array_equal(w, off_diagonal(truth))


# -- masses ----------------------------------------------------------------------------------------


def test_economic(panel):
    m = panel.values("gdp").mean(axis=1)
    with np.errstate(divide="ignore"):
        dense = off_diagonal(1 / abs(m[:, None] - m))
    same(nq.weights.economic(panel, "gdp"), dense)
    before = panel.values("gdp")[:, :1].mean(axis=1)
    w = nq.weights.economic(panel, "gdp", periods=[2018])
    with np.errstate(divide="ignore"):
        same(w, off_diagonal(1 / abs(before[:, None] - before)))
    assert "periods = 2018" in w.spec.describe()
    base = nq.weights.knn(panel, k=3)
    near = base.sparse.toarray() > 0
    same(nq.weights.economic(panel, "gdp", mask=base), np.where(near, dense, 0))
    floored = nq.weights.economic(panel, "gdp", floor=0.5)
    same(floored, off_diagonal(1 / np.maximum(abs(m[:, None] - m), 0.5)))


@pytest.mark.parametrize("relative_to", ["receiver", "mean"])
def test_directed_economic(panel, km, relative_to):
    base = nq.weights.inverse_distance(panel)
    with np.errstate(divide="ignore"):
        near = off_diagonal(1 / km)
    m = panel.values("gdp").mean(axis=1)
    dense = near * m / (m[:, None] if relative_to == "receiver" else m.mean())
    w = nq.weights.directed_economic(panel, "gdp", base=base, relative_to=relative_to)
    same(w, dense)
    rich, poor = m.argmax(), m.argmin()
    raw = w.standardize("none").sparse.toarray()
    assert raw[poor, rich] > raw[rich, poor]


def test_gravity(panel, km):
    m = panel.values("gdp").mean(axis=1)
    with np.errstate(divide="ignore"):
        dense = off_diagonal(m[:, None] * m / km**2)
    same(nq.weights.gravity(panel, "gdp"), dense)
    cut = np.where(km <= 2000, dense, 0)
    same(nq.weights.gravity(panel, "gdp", cutoff_km=2000), cut)


def test_masses_that_do_not_serve(panel):
    tied = panel.assign(gdp=lambda d: d["gdp"].where(d.index.get_level_values(0) > "c02", 1.0))
    with pytest.raises(WeightsError, match=r"same mean of 'gdp', .*\('c00', 'c01'\), .* floor="):
        nq.weights.economic(tied, "gdp")
    missing = panel.assign(gdp=lambda d: d["gdp"].where(d.index != ("c05", 2019)))
    negative = panel.assign(gdp=lambda d: d["gdp"].where(d.index.get_level_values(0) != "c03", -1))
    for build in (
        lambda p: nq.weights.gravity(p, "gdp"),
        lambda p: nq.weights.directed_economic(p, "gdp", base=nq.weights.knn(p)),
    ):
        with pytest.raises(MissingValuesError, match="unit 'c05', period 2019"):
            build(missing)
        with pytest.raises(DomainError, match="must be positive; it is not for units 'c03'"):
            build(negative)
    with pytest.raises(OptionError, match="floor"):
        nq.weights.economic(panel, "gdp", floor=0)
    with pytest.raises(OptionError, match="relative_to"):
        nq.weights.directed_economic(panel, "gdp", base=nq.weights.knn(panel), relative_to="sum")
    with pytest.raises(PanelError, match="no period 1999"):
        nq.weights.gravity(panel, "gdp", periods=[1999])


# -- combinations ----------------------------------------------------------------------------------


def test_nested(panel, km):
    a, b = nq.weights.knn(panel, k=4), nq.weights.inverse_distance(panel)
    dense_a, dense_b = a.sparse.toarray(), b.sparse.toarray()
    summed = nq.weights.nested(a, b, share=0.3)
    same(summed, 0.3 * dense_a + 0.7 * dense_b)
    assert "share = 0.3" in summed.spec.describe()
    assert "k nearest" in summed.spec.describe()
    same(nq.weights.nested(a, b, how="product"), dense_a * dense_b)
    raw = nq.weights.nested(a.standardize("none"), b.reordered(b.units[::-1]), share=0.3)
    np.testing.assert_allclose(raw.sparse.toarray(), summed.sparse.toarray(), rtol=1e-13)


def test_zones_and_groups_add_up_exactly(panel):
    w = nq.weights.inverse_distance(panel, cutoff_km=2500, islands="keep")
    zone = panel.at(2020)["province"]
    equal = zone.to_numpy()[:, None] == zone.to_numpy()
    inner, outside = nq.weights.within(w, zone), nq.weights.across(w, zone)
    dense = w.sparse.toarray()
    np.testing.assert_array_equal(inner.sparse.toarray(), np.where(equal, dense, 0))
    np.testing.assert_array_equal(outside.sparse.toarray(), np.where(equal, 0, dense))
    assert (inner.sparse + outside.sparse != w.sparse).nnz == 0
    parts = nq.weights.partition(w, panel.frame["province"])  # a column of the panel serves
    assert len(parts) == 9
    assert (sum(part.sparse for part in parts.values()) != w.sparse).nnz == 0
    block = np.outer(zone == "A", zone == "B")
    np.testing.assert_array_equal(
        parts["A", "B"].sparse.toarray(), np.where(block, dense, 0)
    )  # receiver A, sender B
    assert "links from B to A" in parts["A", "B"].spec.describe()
    separate = nq.weights.within(w, zone, standardize="row")
    np.testing.assert_allclose(
        separate.sparse.toarray(), by_row(np.where(equal, dense, 0)), rtol=1e-13
    )


def test_zones_that_do_not_serve(panel):
    w = nq.weights.knn(panel)
    zone = panel.at(2020)["province"]
    with pytest.raises(UnmatchedIdsError, match="ids of weights and groups differ"):
        nq.weights.within(w, zone.iloc[1:])
    with pytest.raises(PanelError, match="units have no group: 'c04'"):
        nq.weights.across(w, zone.where(zone.index != "c04"))
    moving = panel.frame["province"].where(panel.frame.index != ("c07", 2020), "Z")
    with pytest.raises(PanelError, match="change their group over periods: 'c07'"):
        nq.weights.partition(w, moving)
    with pytest.raises(OptionError, match="group must be a pandas Series"):
        nq.weights.within(w, list(zone))
    with pytest.raises(OptionError, match="share must be a number from 0 to 1"):
        nq.weights.nested(w, w, share=2)
    with pytest.raises(OptionError, match="how must be"):
        nq.weights.nested(w, w, how="mean")


# -- profiles and flows ----------------------------------------------------------------------------


def test_similarity():
    rng = np.random.default_rng(0)
    ids = list("abcdefgh")
    amounts = pd.DataFrame(rng.random((8, 5)) * (rng.random((8, 5)) < 0.7) + 0.01, index=ids)
    x = amounts.to_numpy()
    size = np.linalg.norm(x, axis=1)
    same(nq.weights.similarity(amounts), off_diagonal(x @ x.T / np.outer(size, size)))
    ticks = pd.DataFrame(rng.random((8, 9)) < 0.5, index=ids)
    dense = np.zeros((8, 8))
    for i in range(8):
        for j in range(8):
            a, b = set(np.flatnonzero(ticks.iloc[i])), set(np.flatnonzero(ticks.iloc[j]))
            dense[i, j] = len(a & b) / len(a | b)
    same(nq.weights.similarity(ticks, measure="jaccard"), off_diagonal(dense))
    few = nq.weights.similarity(ticks, measure="jaccard", least=0.3, islands="keep")
    np.testing.assert_allclose(
        few.standardize("none").sparse.toarray(), off_diagonal(np.where(dense >= 0.3, dense, 0))
    )


def test_profiles_that_do_not_serve():
    ticks = pd.DataFrame({"x": [1, 0, 1], "y": [0, 0, 1]}, index=list("abc"))
    with pytest.raises(WeightsError, match="have no feature, so they resemble no other unit: 'b'"):
        nq.weights.similarity(ticks)
    with pytest.raises(MissingValuesError, match="missing for units 'a'"):
        nq.weights.similarity(ticks.assign(x=[None, 1, 1]))
    with pytest.raises(WeightsError, match="0 or 1, or false or true; they are not for units 'c'"):
        nq.weights.similarity(ticks.assign(x=[1, 1, 2]), measure="jaccard")
    with pytest.raises(WeightsError, match="not negative; they are not for units 'a'"):
        nq.weights.similarity(ticks.assign(x=[-1, 1, 1]))
    with pytest.raises(OptionError, match="measure must be"):
        nq.weights.similarity(ticks, measure="dice")
    apart = pd.DataFrame({"x": [1, 1, 0], "y": [0, 0, 1]}, index=list("abc"))
    with pytest.raises(IslandError, match="'c'"):
        nq.weights.similarity(apart)


def test_flows_run_from_origin_to_destination():
    trips = pd.DataFrame(
        {"origin": ["a", "a", "b", "c"], "destination": ["b", "c", "a", "a"], "n": [6.0, 1, 2, 3]}
    )
    w = nq.weights.flows(trips, flow="n", standardize="none")
    np.testing.assert_array_equal(w.sparse.toarray(), [[0, 2, 3], [6, 0, 0], [1, 0, 0]])
    shares = nq.weights.flows(trips, flow="n").sparse.toarray()
    np.testing.assert_allclose(shares[0], [0, 0.4, 0.6])


def test_a_short_list_of_directed_pairs():
    """The enclave agreements of Kong (2024): Pingshan to Lufeng, Shenzhen to Shanwei."""
    pairs = pd.DataFrame({"origin": ["Pingshan", "Shenzhen"], "destination": ["Lufeng", "Shanwei"]})
    everyone = ["Lufeng", "Pingshan", "Shanwei", "Shenzhen", "Guangzhou"]
    with pytest.raises(IslandError, match="3 of 5 units have no neighbours"):
        nq.weights.flows(pairs, units=everyone)
    w = nq.weights.flows(pairs, units=everyone, islands="keep")
    assert w.units.tolist() == everyone
    x = pd.Series({"Pingshan": 5.0, "Shenzhen": 7.0}).reindex(everyone).fillna(0.0)
    assert w.lag(x).to_dict() == {
        "Lufeng": 5, "Pingshan": 0, "Shanwei": 7, "Shenzhen": 0, "Guangzhou": 0,
    }  # fmt: skip


# -- every builder ---------------------------------------------------------------------------------

BUILDERS = {
    "knn": lambda p: nq.weights.knn(p, k=4),
    "band": lambda p: nq.weights.distance_band(p, cutoff_km=2500),
    "inverse": lambda p: nq.weights.inverse_distance(p, power=2),
    "exponential": lambda p: nq.weights.exponential(p, scale_km=300),
    "economic": lambda p: nq.weights.economic(p, "gdp"),
    "directed": lambda p: nq.weights.directed_economic(p, "gdp", base=nq.weights.knn(p)),
    "gravity": lambda p: nq.weights.gravity(p, "gdp"),
    "nested": lambda p: nq.weights.nested(nq.weights.knn(p), nq.weights.inverse_distance(p)),
    "within": lambda p: nq.weights.within(nq.weights.knn(p), p.at(2020)["province"]),
    "gabriel": lambda p: nq.weights.triangulation(p, kind="gabriel"),
    "ring": lambda p: nq.weights.bands(p, edges_km=[0, 1500, 3000])[0, 1500],
}


@settings(max_examples=5)
@pytest.mark.parametrize("name", BUILDERS)
@given(seed=st.integers(0, 10_000))
def test_any_order_of_rows_gives_the_same_matrix(name, seed):
    rng = np.random.default_rng(seed)
    ordered = BUILDERS[name](cities(seed))
    mixed = BUILDERS[name](cities(seed, (rng.permutation(N), rng.permutation(3 * N))))
    assert mixed.units.equals(ordered.units)
    assert mixed.spec == ordered.spec
    assert (mixed.sparse != ordered.sparse).nnz == 0


@pytest.mark.parametrize("name", BUILDERS)
def test_the_specification_is_fit_for_a_table_note(panel, name):
    words = BUILDERS[name](panel).spec.describe()
    assert 10 < len(words) < 250
    assert "None" not in words
    assert "object" not in words


def test_degrees_taken_for_metres_are_refused(panel):
    wrong = gpd.GeoDataFrame(
        {"id": panel.units}, geometry=panel.geometry.geometry.to_numpy(), crs="EPSG:3857"
    )
    flat = nq.SpatialPanel(pd.DataFrame({"id": panel.units, "x": 1.0}), unit="id", geometry=wrong)
    with pytest.raises(CrsError, match="they look like degrees; correct it with"):
        nq.weights.knn(flat)


def test_places_that_do_not_serve(panel):
    twice = gpd.GeoDataFrame(
        {"id": range(5)}, geometry=[Point(100 + i // 2, 30) for i in range(5)], crs="EPSG:4326"
    )
    same_place = nq.SpatialPanel(
        pd.DataFrame({"id": range(5), "m": 1.0}), unit="id", geometry=twice
    )
    for build in (
        lambda p: nq.weights.inverse_distance(p),
        lambda p: nq.weights.distance_band(p, cutoff_km=100, power=1),
        lambda p: nq.weights.gravity(p, "m"),
    ):
        with pytest.raises(
            GeometryError, match=r"2 pairs of units lie on the same point.*\(0, 1\)"
        ):
            build(same_place)
    with pytest.raises(GeometryError, match="share their point with others: 0, 2"):
        nq.weights.triangulation(same_place)
    with pytest.raises(OptionError, match="metric must be"):
        nq.weights.knn(panel, metric="manhattan")
    with pytest.raises(OptionError, match="symmetrize must be"):
        nq.weights.knn(panel, symmetrize="yes")
    with pytest.raises(OptionError, match="cutoff_km must be a number above 0"):
        nq.weights.distance_band(panel, cutoff_km=-1)
    with pytest.raises(OptionError, match="scale_km must be a number above 0"):
        nq.weights.exponential(panel, scale_km=0)
    with pytest.raises(OptionError, match="ascending numbers from 0"):
        nq.weights.bands(panel, edges_km=[0, 200, 100])
    with pytest.raises(OptionError, match="kind must be"):
        nq.weights.triangulation(panel, kind="voronoi")
    with pytest.raises(IslandError, match="have no neighbours"):
        nq.weights.distance_band(panel, cutoff_km=50)


# -- comparison ------------------------------------------------------------------------------------


def test_compare(panel):
    a, b = nq.weights.knn(panel, k=3), nq.weights.knn(panel, k=5)
    result = nq.weights.compare(a, b.reordered(b.units[::-1]), values=panel.wide("gdp"))
    assert result[["links_a", "links_b", "shared", "only_a", "only_b"]].tolist() == [
        75,
        125,
        75,
        0,
        50,
    ]
    assert result["jaccard"] == 75 / 125
    dense_a, dense_b = a.sparse.toarray(), b.sparse.toarray()
    either = (dense_a + dense_b) > 0
    inverse = nq.weights.inverse_distance(panel)
    truth = np.corrcoef(dense_a.ravel(), inverse.sparse.toarray().ravel())[0, 1]
    assert either.sum() == 125
    union = off_diagonal(np.ones((N, N))) > 0
    truth = np.corrcoef(dense_a[union], inverse.sparse.toarray()[union])[0, 1]
    assert nq.weights.compare(a, inverse)["weight_correlation"] == pytest.approx(truth)
    lags = [d @ panel.values("gdp") for d in (dense_a, dense_b)]
    assert result["lag_correlation"] == pytest.approx(np.corrcoef(*map(np.ravel, lags))[0, 1])
    noise = np.random.default_rng(0).normal(size=(N, 20_000))
    lags = [(d @ noise).ravel() for d in (dense_a, dense_b)]
    cosine = lags[0] @ lags[1] / np.sqrt((lags[0] @ lags[0]) * (lags[1] @ lags[1]))
    assert result["lag_similarity"] == pytest.approx(cosine, abs=0.01)
    assert nq.weights.compare(a, a)[["jaccard", "lag_similarity"]].tolist() == pytest.approx([1, 1])


def test_groups_are_compared_by_pairs_and_by_relabelling():
    """Against the definition over all pairs, and the exact distribution over all relabellings."""
    from itertools import permutations

    rng = np.random.default_rng(5)
    values = rng.random((6, 6)) * (rng.random((6, 6)) < 0.8)
    np.fill_diagonal(values, 0)
    units = list("abcdef")
    groups = pd.Series([1, 1, 2, 2, 2, 3], index=units)
    w = nq.weights.from_dense(values, units, standardize="none", islands="keep")

    def difference(labels):
        same = np.equal.outer(labels, labels) & ~np.eye(6, dtype=bool)
        other = ~np.equal.outer(labels, labels)
        return values[same].mean() - values[other].mean()

    result = nq.weights.compare_groups(w, groups.iloc[::-1], permutations=4999, seed=0)
    assert result["pairs_within"] == 8
    assert result["pairs_between"] == 22
    assert result["difference"] == pytest.approx(difference(groups.to_numpy()))
    assert result["mean_within"] - result["mean_between"] == pytest.approx(result["difference"])
    every = np.array([difference(np.array(first)) for first in permutations(groups)])
    exact = (every >= result["difference"] - 1e-12).mean()
    assert result["p_greater"] == pytest.approx(exact, abs=0.03)
    exact = (abs(every) >= abs(result["difference"]) - 1e-12).mean()
    assert result["p_two_sided"] == pytest.approx(exact, abs=0.03)
    pd.testing.assert_series_equal(
        nq.weights.compare_groups(w, groups.to_dict(), permutations=99),
        nq.weights.compare_groups(w, groups, permutations=99),
    )
    with pytest.raises(OptionError, match="all units are in 1"):
        nq.weights.compare_groups(w, pd.Series(1, index=units))
    with pytest.raises(OptionError, match="wanted pairs within and between groups, got 6 groups"):
        nq.weights.compare_groups(w, pd.Series(units, index=units))
    with pytest.raises(PanelError, match="units have no group: 'b'"):
        nq.weights.compare_groups(w, groups.astype(object).where(groups.index != "b"))
    with pytest.raises(UnmatchedIdsError, match="ids of weights and groups differ"):
        nq.weights.compare_groups(w, groups.iloc[1:])
