"""Weights, their facts and comparisons beside loops, at the edges of the builders' options."""

from __future__ import annotations

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from shapely.geometry import Point, box

import nqp_spatial as nq
from nqp_spatial.errors import (
    DomainError,
    GeometryError,
    OptionError,
    WeightsError,
)
from nqp_spatial.weights import compare, compare_groups
from nqp_spatial.weights._coordinates import coordinates_of
from nqp_spatial.weights._spectrum import spectral_radius, symmetrizer


def panel_of(shapes, crs="EPSG:4326", **columns):
    """Columns have a value for each unit, or for each unit and period."""
    n = len(shapes)
    columns = {k: np.reshape(v, (n, -1)) for k, v in (columns or {"x": np.arange(n)}).items()}
    t = next(iter(columns.values())).shape[1]
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), t),
            "t": np.tile(np.arange(t), n),
            **{k: v.ravel() for k, v in columns.items()},
        }
    )
    geometry = gpd.GeoDataFrame({"id": range(n)}, geometry=list(shapes), crs=crs)
    return nq.SpatialPanel(frame, unit="id", period="t", geometry=geometry)


def kilometres(panel):
    """Great-circle distances of points in degrees, by the haversine."""
    lon = np.radians(panel.geometry.geometry.x.to_numpy())
    lat = np.radians(panel.geometry.geometry.y.to_numpy())
    half = np.sin((lat[:, None] - lat) / 2) ** 2
    half += np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    return 2 * 6371.0088 * np.arcsin(np.sqrt(half))


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(100, 104, 12), rng.uniform(28, 31, 12)
    return panel_of([Point(a, b) for a, b in zip(lon, lat, strict=True)],
                    m=rng.lognormal(size=(12, 3)))  # fmt: skip


# -- distance -------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 4, 11])
@pytest.mark.parametrize("metric", ["haversine", "geodesic"])
def test_nearest_by_sorting(points, k, metric):
    places = coordinates_of(points, metric)
    rows, columns = np.divmod(np.arange(144), 12)
    km = places.distance(rows, columns).reshape(12, 12)
    np.fill_diagonal(km, np.inf)
    expected = np.zeros((12, 12))
    np.put_along_axis(expected, np.argsort(km, axis=1)[:, :k], 1.0, axis=1)
    result = nq.weights.knn(points, k=k, metric=metric, standardize="none")
    np.testing.assert_array_equal(result.sparse.toarray(), expected)
    for bad in (0, 12):
        with pytest.raises(OptionError):
            nq.weights.knn(points, k=bad, metric=metric)


def test_nearest_of_units_on_one_point():
    """No unit is its own neighbour, though others lie where it lies."""
    panel = panel_of([Point(1, 1)] * 4 + [Point(2, 2), Point(2.1, 2)])
    for metric in ("haversine", "geodesic"):
        result = nq.weights.knn(panel, k=3, metric=metric, standardize="none").sparse.toarray()
        assert np.diag(result).sum() == 0
        assert (result.sum(axis=1) == 3).all()
        np.testing.assert_array_equal(result[:4, :4], 1 - np.eye(4))


def test_distances_of_antipodes_and_poles():
    panel = panel_of([Point(0, 0), Point(180, 0), Point(0, 90), Point(90, 0)])
    result = coordinates_of(panel).distance(np.array([0, 0, 0]), np.array([1, 2, 3]))
    np.testing.assert_allclose(result, 6371.0088 * np.pi * np.array([1, 0.5, 0.5]))
    every, km = coordinates_of(panel).pairs(None)
    assert len(every) == 6
    assert len(coordinates_of(panel).pairs(float(km.min()) * (1 + 1e-9))[0]) == 5
    assert len(coordinates_of(panel).pairs(30_000)[0]) == 6


def test_a_cutoff_takes_in_what_lies_on_it(points):
    km = kilometres(points)
    edge = float(km[0, 1])
    for cutoff, linked in ((edge * (1 + 1e-9), True), (edge * (1 - 1e-9), False)):
        w = nq.weights.distance_band(points, cutoff_km=cutoff, islands="keep", standardize="none")
        assert (w.sparse.toarray()[0, 1] == 1) == linked
        inner = (km <= cutoff) & (km > 0)
        np.testing.assert_array_equal(w.sparse.toarray(), inner)


@pytest.mark.parametrize("power", [0.0, 1.0])
def test_bands_by_loops(points, power):
    km = kilometres(points)
    edges = [0, 120, 250, 600]
    result = nq.weights.bands(points, edges_km=edges, power=power, standardize="none")
    for low, high in pairwise(edges):
        mask = (km > low) & (km <= high)
        expected = np.where(mask, np.where(km > 0, km, 1.0) ** -power, 0)
        np.testing.assert_allclose(result[low, high].sparse.toarray(), expected, rtol=1e-9)
    for bad in ([0], [-1, 5], [0, 5, 5], [5, 4]):
        with pytest.raises(OptionError):
            nq.weights.bands(points, edges_km=bad)
    with pytest.raises(OptionError):
        nq.weights.bands(points, edges_km=edges, power=-1)


def test_units_on_one_point_are_in_the_first_band():
    panel = panel_of([Point(1, 1), Point(1, 1), Point(1.5, 1)])
    result = nq.weights.bands(panel, edges_km=[0, 10, 100], standardize="none")
    assert result[0, 10].sparse.toarray()[0].tolist() == [0, 1, 0]
    assert result[10, 100].sparse.toarray()[0].tolist() == [0, 0, 1]
    for build in (nq.weights.inverse_distance, nq.weights.distance_band):
        with pytest.raises(GeometryError):
            build(panel, power=1, **({"cutoff_km": 90} if "band" in build.__name__ else {}))
    band = nq.weights.distance_band(panel, cutoff_km=10, islands="keep", standardize="none")
    assert band.sparse.toarray()[0].tolist() == [0, 1, 0]


@pytest.mark.parametrize("name", ["power", "cutoff_km"])
def test_zero_is_not_positive(points, name):
    with pytest.raises(OptionError):
        nq.weights.inverse_distance(points, **{name: 0})
    with pytest.raises(OptionError):
        nq.weights.gravity(points, "m", **{name: 0})
    with pytest.raises(OptionError):
        nq.weights.exponential(points, scale_km=0)


# -- masses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("periods", [None, [1], [0, 2]])
def test_masses_by_loops(points, periods):
    km, m = kilometres(points), points.values("m")
    mass = m.mean(axis=1) if periods is None else m[:, periods].mean(axis=1)
    pull = nq.weights.gravity(points, "m", power=1.5, periods=periods, standardize="none")
    gap = nq.weights.economic(points, "m", periods=periods, standardize="none")
    floored = nq.weights.economic(points, "m", periods=periods, floor=0.4, standardize="none")
    base = nq.weights.knn(points, k=4)
    near = base.sparse.toarray() > 0
    directed = {
        relative: nq.weights.directed_economic(
            points, "m", base=base, relative_to=relative, periods=periods, standardize="none"
        ).sparse.toarray()
        for relative in ("receiver", "mean")
    }
    for i in range(12):
        for j in range(12):
            if i == j:
                continue
            far = km[i, j] ** 1.5
            assert pull.sparse[i, j] == pytest.approx(mass[i] * mass[j] / far)
            away = abs(mass[i] - mass[j])
            assert gap.sparse[i, j] == pytest.approx(1 / away)
            assert floored.sparse[i, j] == pytest.approx(1 / max(away, 0.4))
            expected = mass[j] * near[i, j]
            assert directed["receiver"][i, j] == pytest.approx(expected / mass[i])
            assert directed["mean"][i, j] == pytest.approx(expected / mass.mean())


def test_masses_that_tie_and_masses_of_zero(points):
    tied = points.assign(m=lambda d: d["m"].where(d.index.get_level_values(0) > 1, 0.1))
    with pytest.raises(WeightsError, match=r"\(0, 1\)"):
        nq.weights.economic(tied, "m")
    nq.weights.economic(tied, "m", floor=1e-6)
    apart = nq.weights.from_edges(
        pd.DataFrame({"focal": range(12), "neighbor": [(i + 2) % 12 for i in range(12)]})
    )
    nq.weights.economic(tied, "m", mask=apart)  # the two are no neighbours
    none = points.assign(m=lambda d: d["m"].where(d.index.get_level_values(0) != 3, 0.0))
    for build in (
        lambda: nq.weights.gravity(none, "m"),
        lambda: nq.weights.directed_economic(none, "m", base=apart),
    ):
        with pytest.raises(DomainError):
            build()
    nq.weights.economic(none, "m")


# -- contiguity -----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 3])
def test_steps_from_unit_to_unit(order):
    """By powers of the matrix: reached in `order` steps, and not in fewer."""
    cells = [(x, y) for x in range(4) for y in range(3) if (x, y) != (1, 1)]
    shapes = [box(1000 * x, 1000 * y, 1000 * x + 1000, 1000 * y + 1000) for x, y in cells]
    panel = panel_of(shapes, "EPSG:32650")
    first = nq.weights.contiguity(panel, kind="rook", standardize="none").sparse.toarray()
    result = nq.weights.contiguity(
        panel, kind="rook", order=order, standardize="none", islands="keep"
    ).sparse.toarray()
    within = np.eye(11)
    for _ in range(order - 1):
        within = ((within + within @ first) > 0).astype(float)
    reached = (((within + within @ first) > 0) & (within == 0)).astype(float)
    np.testing.assert_array_equal(result, reached)


def test_two_islands_that_choose_each_other_are_linked_once():
    shapes = [box(x, 0, x + 1000, 1000) for x in (0, 1000, 9000, 11000)]
    result = nq.weights.contiguity(
        panel_of(shapes, "EPSG:32650"), islands="nearest", standardize="none"
    ).sparse.toarray()
    expected = np.zeros((4, 4))
    expected[0, 1] = expected[1, 0] = expected[2, 3] = expected[3, 2] = 1
    np.testing.assert_array_equal(result, expected)


# -- the matrix -----------------------------------------------------------------------------------


def test_facts_of_weights():
    dense = np.array([[0, 1.0, 2, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 5, 0]])
    w = nq.weights.from_dense(dense, range(4), islands="keep")
    facts = w.describe()
    assert facts["links_percent"] == pytest.approx(100 * 4 / 16)
    assert (facts["min_neighbours"], facts["max_neighbours"]) == (0, 2)
    assert facts["mean_neighbours"] == 1
    assert (facts["islands"], facts["components"], facts["links"]) == (1, 1, 4)
    assert not facts["symmetric_links"]
    assert not facts["rows_add_to_one"]
    combined_result = nq.weights.from_dense(dense + dense.T, range(4))
    assert combined_result.describe()["symmetric_links"]
    row = combined_result.standardize("row")
    assert row.describe()["symmetric_links"]
    assert row.describe()["rows_add_to_one"]
    assert w.n_links == 4
    parts = nq.weights.from_dense(np.kron(np.eye(2), [[0, 1], [1, 0]]), range(4))
    assert parts.describe()["components"] == 2
    assert "2 components" in " ".join(repr(parts).split())


def test_subsets_take_rows_and_columns():
    rng = np.random.default_rng(1)
    dense = rng.random((6, 6))
    np.fill_diagonal(dense, 0)
    w = nq.weights.from_dense(dense, list("abcdef"), standardize="row")
    subset = w.subset(["e", "b", "c"])
    raw = dense[np.ix_([4, 1, 2], [4, 1, 2])]
    np.testing.assert_allclose(subset.sparse.toarray(), raw / raw.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(subset.standardize("none").sparse.toarray(), raw)
    turned = w.reordered(pd.Index(list("fedcba")))
    np.testing.assert_allclose(turned.sparse.toarray(), w.sparse.toarray()[::-1, ::-1])


@pytest.mark.parametrize("n", [8, 520])
@pytest.mark.parametrize("kind", ["symmetric", "row", "one way"])
def test_spectral_radius_by_all_eigenvalues(n, kind):
    rng = np.random.default_rng(n)
    matrix = rng.random((n, n)) * (rng.random((n, n)) < 6 / n)
    np.fill_diagonal(matrix, 0)
    matrix[np.arange(n), (np.arange(n) + 1) % n] += 0.2
    if kind == "symmetric":
        matrix = matrix + matrix.T
    elif kind == "row":
        matrix = 3 * matrix / matrix.sum(axis=1, keepdims=True)
    if kind == "row":
        exact = 3.0  # Perron and Frobenius
    else:
        values = np.linalg.eigvalsh if kind == "symmetric" else np.linalg.eigvals
        exact = np.abs(values(matrix)).max()
    assert spectral_radius(sparse.csr_array(matrix)) == pytest.approx(exact, rel=1e-8)
    assert spectral_radius(sparse.csr_array((n, n))) == 0.0
    signed = matrix * rng.choice([-1.0, 1.0], (n, n))
    if n == 8:
        exact = np.abs(np.linalg.eigvals(signed)).max()
        assert spectral_radius(sparse.csr_array(signed)) == pytest.approx(exact)


def test_scales_that_make_a_matrix_symmetric():
    """Of a row-standardised symmetric matrix, in several components; none for others."""
    rng = np.random.default_rng(2)
    dense = np.zeros((9, 9))
    for block in (range(4), range(4, 9)):
        upper = np.triu(rng.random((len(block), len(block))), 1)
        dense[np.ix_(block, block)] = upper + upper.T
    scaled = dense / dense.sum(axis=1, keepdims=True)
    d = symmetrizer(sparse.csr_array(scaled))
    made = d[:, None] * scaled / d
    np.testing.assert_allclose(made, made.T)
    np.testing.assert_array_equal(symmetrizer(sparse.csr_array(dense)), np.ones(9))
    odd = scaled.copy()
    odd[0, 1] *= 1.001
    assert symmetrizer(sparse.csr_array(odd)) is None
    negative = scaled.copy()
    negative[0, 1] *= -1
    assert symmetrizer(sparse.csr_array(negative)) is None
    one_way = scaled.copy()
    one_way[0, 1] = 0
    assert symmetrizer(sparse.csr_array(one_way)) is None


def test_similarities_at_the_least_that_counts():
    profiles = pd.DataFrame([[1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 1, 1]], index=list("abc"))
    half = nq.weights.similarity(
        profiles, measure="jaccard", least=0.5, islands="keep", standardize="none"
    )
    # a and b share one of two features, a and c one of four
    np.testing.assert_allclose(half.sparse.toarray(), [[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]])
    more = nq.weights.similarity(
        profiles, measure="jaccard", least=0.51, islands="keep", standardize="none"
    )
    assert more.n_links == 0
    amounts = nq.weights.similarity(
        pd.DataFrame([[3.0, 4], [4, 3], [1, 0]], index=list("abc")), standardize="none"
    )
    np.testing.assert_allclose(
        amounts.sparse.toarray(), [[0, 24 / 25, 3 / 5], [24 / 25, 0, 4 / 5], [3 / 5, 4 / 5, 0]]
    )


def test_triangulation_keeps_to_half_of_the_globe():
    """A cap up to 60 degrees from its middle is shown; a wider one is refused."""
    from nqp_spatial.errors import CrsError

    for away, ok in ((55, True), (65, False)):
        places = [Point(100, 0), *(Point(100 + away * np.cos(a), away * np.sin(a))
                                   for a in np.arange(0, 6.2, 0.5))]  # fmt: skip
        panel = panel_of(places)
        if ok:
            assert nq.weights.triangulation(panel).components.max() == 0
        else:
            with pytest.raises(CrsError):
                nq.weights.triangulation(panel)


# -- combinations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_nested_weights_at_any_share(points, share):
    a = nq.weights.knn(points, k=3)
    b = nq.weights.inverse_distance(points, standardize="none")
    row = b.standardize("row").sparse.toarray()
    result = nq.weights.nested(a, b, share=share, standardize="none")
    np.testing.assert_allclose(
        result.sparse.toarray(), share * a.sparse.toarray() + (1 - share) * row, atol=1e-15
    )
    for bad in (-0.01, 1.01):
        with pytest.raises(OptionError):
            nq.weights.nested(a, b, share=bad)


def test_comparison_of_two_matrices_by_loops(points):
    a = nq.weights.knn(points, k=4)
    b = nq.weights.inverse_distance(points, cutoff_km=200, islands="keep", standardize="none")
    A, B = a.sparse.toarray(), b.sparse.toarray()
    rng = np.random.default_rng(3)
    values = pd.DataFrame(rng.normal(size=(12, 2)), points.units)
    result = compare(a, b, values)
    union = (A != 0) | (B != 0)
    combined_result = (A != 0) & (B != 0)
    assert result["links_a"] == 48
    assert result["links_b"] == (B != 0).sum()
    assert result["shared"] == combined_result.sum()
    assert result["only_a"] == ((A != 0) & ~combined_result).sum()
    assert result["only_b"] == ((B != 0) & ~combined_result).sum()
    assert result["jaccard"] == pytest.approx(combined_result.sum() / union.sum())
    x, y = A[union], B[union]
    assert result["weight_correlation"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert result["lag_similarity"] == pytest.approx((x @ y) / np.sqrt((x @ x) * (y @ y)))
    lags = [(M @ values.to_numpy()).ravel() for M in (A, B)]
    assert result["lag_correlation"] == pytest.approx(np.corrcoef(*lags)[0, 1])
    same = compare(a, a)
    assert (same["jaccard"], same["lag_similarity"]) == (1, pytest.approx(1))
    assert np.isnan(same["weight_correlation"])  # weights that are all the same do not vary
    assert "lag_correlation" not in same


def test_groups_against_chance_by_the_same_draws(points):
    w = nq.weights.inverse_distance(points, cutoff_km=300, islands="keep", standardize="none")
    groups = pd.Series(list("aaaabbbbbccc"), points.units)
    result = compare_groups(w, groups, permutations=40, seed=5)
    W = w.sparse.toarray()
    off = ~np.eye(12, dtype=bool)
    codes = pd.factorize(groups)[0]

    def difference(of):
        same = of[:, None] == of
        return W[same & off].mean() - W[~same].mean()

    observed = difference(codes)
    sample = np.random.default_rng(5).permuted(np.tile(codes, (40, 1)), axis=1)
    values = np.array([difference(of) for of in sample])
    same = codes[:, None] == codes
    assert result["pairs_within"] == (same & off).sum()
    assert result["pairs_between"] == (~same).sum()
    assert result["mean_within"] == pytest.approx(W[same & off].mean())
    assert result["mean_between"] == pytest.approx(W[~same].mean())
    assert result["difference"] == pytest.approx(observed)
    assert result["p_greater"] == (1 + (values >= observed - 1e-15).sum()) / 41
    assert result["p_two_sided"] == (1 + (np.abs(values) >= abs(observed) - 1e-15).sum()) / 41
    for bad in (list("abcdefghijkl"), ["a"] * 12):
        with pytest.raises(OptionError):
            compare_groups(w, pd.Series(bad, points.units), permutations=9)


# -- coordinates ----------------------------------------------------------------------------------


def test_a_local_system_stays_planar():
    """No place on the globe: distances in the plane, in the unit that the system names."""
    for unit, size in (("metre", 1), ("kilometre", 1000)):
        crs = f'LOCAL_CS["site",UNIT["{unit}",{size}],AXIS["x",EAST],AXIS["y",NORTH]]'
        panel = panel_of([Point(1000, 0), Point(4000, 4000), Point(0, 0)], crs)
        km = coordinates_of(panel).distance(np.array([0, 0]), np.array([1, 2]))
        np.testing.assert_allclose(km, np.array([5000, 1000]) * size / 1000)
        pairs, _ = coordinates_of(panel).pairs(4999 * size / 1000)
        assert len(pairs) == 1


@pytest.mark.parametrize(
    ("low", "high", "ok"), [(-90, 90, True), (10, 91, False), (-91, 10, False), (80, 90, True)]
)
def test_latitudes_up_to_the_poles(low, high, ok):
    from nqp_spatial.errors import CrsError

    panel = panel_of([Point(0, low), Point(5, high), Point(9, 0)])
    if ok:
        assert coordinates_of(panel).points.shape == (3, 3)
    else:
        with pytest.raises(CrsError):
            coordinates_of(panel)


@pytest.mark.parametrize(("x", "y", "ok"), [(180, 90, False), (180.5, 90, True), (180, 90.5, True)])
def test_metres_that_look_like_degrees(x, y, ok):
    from nqp_spatial.errors import CrsError

    panel = panel_of([Point(0, 0), Point(x, y), Point(1, 1)], "EPSG:3857")
    if ok:
        coordinates_of(panel)
    else:
        with pytest.raises(CrsError):
            coordinates_of(panel)


@pytest.mark.parametrize(
    ("units", "ok"), [([1, 2], True), ([1, 2.5], True), (["a", "b"], True), ([1, "b"], False)]
)
def test_ids_are_of_one_kind(units, ok):
    from nqp_spatial.errors import NqpError

    dense = np.array([[0, 1.0], [1, 0]])
    if ok:
        assert nq.weights.from_dense(dense, units).units.tolist() == units
    else:
        with pytest.raises(NqpError):
            nq.weights.from_dense(dense, units)


def test_half_a_coordinate_is_none():
    from nqp_spatial.errors import NqpError

    for point in (Point(np.inf, 1), Point(1, np.inf)):
        with pytest.raises(NqpError):
            coordinates_of(panel_of([Point(0, 0), point, Point(2, 2)]))


def test_polygons_beyond_the_pole():
    """The northern edge counts, not the southern one alone."""
    from nqp_spatial.errors import CrsError

    with pytest.raises(CrsError):
        coordinates_of(panel_of([box(0, 80, 1, 91), box(2, 80, 3, 85)]))
    assert coordinates_of(panel_of([box(0, 80, 1, 90), box(2, 80, 3, 85)])).points.shape == (2, 3)
