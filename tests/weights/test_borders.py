"""Contiguity by geometry: against brute force on maps that are not clean, and clean ones."""

from __future__ import annotations

import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from libpysal.graph import Graph
from shapely.affinity import translate as shifted
from shapely.geometry import Polygon, box

import nqp_spatial as nq
from nqp_spatial.core.text import translate
from nqp_spatial.errors import CrsError, IslandError, NqpWarning, OptionError
from nqp_spatial.weights._borders import Borders

KINDS = ("queen", "rook")
CRSS = ("EPSG:32650", "EPSG:4326", "EPSG:3857")


def panel_of(shapes, crs="EPSG:32650"):
    ids = list(range(len(shapes)))
    frame = gpd.GeoDataFrame({"id": ids}, geometry=list(shapes), crs="EPSG:32650")
    frame = frame.set_crs(None, allow_override=True) if crs is None else frame.to_crs(crs)
    return nq.SpatialPanel(pd.DataFrame({"id": ids, "x": 1.0}), unit="id", geometry=frame)


def grid(n=6, side=50_000):
    corners = [(500_000 + j * side, 3_000_000 + i * side) for i in range(n) for j in range(n)]
    return [box(x, y, x + side, y + side) for x, y in corners]


def two_halves(move, n=6):
    """A grid whose eastern half was digitised apart: a gap (+) or an overlap (-) in metres."""
    return [shifted(cell, move, 0) if k % n >= n // 2 else cell for k, cell in enumerate(grid(n))]


def links(panel, kind, **options):
    return nq.weights.contiguity(panel, kind=kind, islands="keep", **options).n_links


@pytest.mark.parametrize("crs", CRSS)
@pytest.mark.parametrize("move", [0, 20, -20])
def test_tolerance_closes_gaps_and_overlaps(move, crs):
    panel = panel_of(two_halves(move), crs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert links(panel, "queen", tolerance=50) == 220
        assert links(panel, "rook", tolerance=50) == 120
    words = nq.weights.contiguity(panel, kind="rook", tolerance=50).spec.describe()
    assert "tolerance_m = 50" in words
    assert ("borders closed = 6 within 50 m" in words) == (move != 0)


def test_without_tolerance_gaps_and_overlaps_are_reported():
    apart = panel_of(two_halves(20))
    for kind, count in (("queen", 188), ("rook", 108)):
        with pytest.warns(
            NqpWarning, match=r"6 pairs of units run side by side within 20 m .*\(2, 3\)"
        ):
            assert links(apart, kind) == count
    over = panel_of(two_halves(-20))
    for kind in KINDS:
        with pytest.warns(
            NqpWarning, match=r"6 pairs of units overlap by more than .* 1 m: \(2, 3\)"
        ):
            links(over, kind)


@pytest.mark.parametrize("gap", [20, 200, 2000])
def test_islands_that_are_gaps_are_told_so(gap):
    panel = panel_of([cell.buffer(-gap / 2, join_style="mitre") for cell in grid(4)])
    with pytest.raises(IslandError, match=rf"16 of 16 islands are a gap .*tolerance={gap} "):
        nq.weights.contiguity(panel)
    assert links(panel, "rook", tolerance=1.01 * gap) == 48
    far = panel_of([box(500_000 + x, 3e6, 510_000 + x, 3.01e6) for x in (0, 10_000, 400_000)])
    with pytest.raises(IslandError, match="1 of 3 units have no neighbours: 2; attach them"):
        nq.weights.contiguity(far)


@pytest.mark.parametrize("crs", CRSS)
def test_borders_with_different_vertices(crs):
    """Coarse units west of fine ones: no edge of theirs has the same ends."""
    metres = 1000
    west = [box(0, 100 * i, 100, 100 * (i + 1)) for i in range(4)]
    east = [box(100, 10 + 45 * i, 150, 10 + 45 * (i + 1)) for i in range(8)]
    cells = [
        Polygon([(400_000 + metres * x, 3e6 + metres * y) for x, y in cell.exterior.coords])
        for cell in west + east
    ]
    touch = np.array([[a.touches(b) for b in cells] for a in cells])
    length = np.array([[a.intersection(b).length for b in cells] for a in cells])
    np.fill_diagonal(length, 0)
    panel = panel_of(cells)
    if crs == "EPSG:32650":
        for kind, truth in (("queen", touch), ("rook", length > 0)):
            w = nq.weights.contiguity(panel, kind=kind, standardize="none")
            np.testing.assert_array_equal(w.sparse.toarray(), truth)
    # Straight in one projection is bent in another: some metres where vertices are 45 km apart.
    other = panel_of(cells, crs)
    assert links(other, "rook", tolerance=60) == 40


def test_random_coverage_without_common_vertices_against_shapely():
    """Cells of Voronoi, each border with vertices of its own: as many links as shapely finds."""
    rng = np.random.default_rng(1)
    points = shapely.multipoints(rng.uniform(0, 1e5, (60, 2)) + np.array([5e5, 3e6]))
    cells = shapely.get_parts(shapely.voronoi_polygons(points))
    dense = []
    for cell in cells:
        ring = cell.exterior
        places = np.sort(np.append(rng.uniform(0, ring.length, 25), [ring.project(p) for p in
                         shapely.points(np.array(ring.coords))[:-1]]))  # fmt: skip
        dense.append(Polygon([ring.interpolate(place) for place in places]))
    truth = np.array([[a.intersection(b).length > 1 for b in cells] for a in cells])
    np.fill_diagonal(truth, False)
    w = nq.weights.contiguity(panel_of(dense), kind="rook", standardize="none")
    np.testing.assert_array_equal(w.sparse.toarray(), truth)


@pytest.mark.parametrize("tolerance", [None, 0, 1, 50, 500])
@pytest.mark.parametrize("bend", [0.0, 0.8])
def test_where_four_cells_meet_rook_links_no_diagonals(tolerance, bend):
    """Also where they meet at sharp angles."""
    shear = np.array([[1, bend], [0, 1]])
    cells = [Polygon(np.array(c.exterior.coords) @ shear.T) for c in grid(5)]
    panel = panel_of(cells)
    assert links(panel, "rook", tolerance=tolerance) == 80
    assert links(panel, "queen", tolerance=tolerance) == 144


def test_a_wedge_between_two_units_does_not_join_them():
    """Two units meet at a point, at an angle of six degrees; a third lies in the wedge."""
    tip, far = (500_000, 3_000_000), 550_000
    wedge = Polygon([tip, (far, 3_002_600), (far, 2_997_400)])
    above = Polygon([tip, (far, 3_002_600), (far, 3_040_000), (500_000, 3_040_000)])
    below = Polygon([tip, (far, 2_997_400), (far, 2_960_000), (500_000, 2_960_000)])
    panel = panel_of([wedge, above, below])
    for tolerance in (None, 20):
        w = nq.weights.contiguity(panel, kind="rook", tolerance=tolerance, standardize="none")
        assert w.sparse.toarray().tolist() == [[0, 1, 1], [1, 0, 0], [1, 0, 0]]
    assert links(panel, "queen") == 6


def test_a_unit_inside_another_is_its_neighbour():
    outer, inner = box(500_000, 3e6, 600_000, 3.1e6), box(540_000, 3.04e6, 550_000, 3.05e6)
    for kind in KINDS:
        with pytest.warns(NqpWarning, match="1 pairs of units overlap"):
            assert links(panel_of([outer, inner]), kind) == 2
        assert links(panel_of([outer.difference(inner), inner]), kind) == 2


def test_invalid_polygons_are_compared_as_repaired():
    twisted = Polygon([(5e5, 3e6), (5.5e5, 3.05e6), (5.5e5, 3e6), (5e5, 3.05e6)])
    panel = panel_of([twisted, box(5.5e5, 3e6, 6e5, 3.1e6)])
    w = nq.weights.contiguity(panel, kind="rook")
    assert w.n_links == 2
    assert "invalid polygons repaired = 1" in w.spec.describe()
    assert not panel.geometry.geometry.iloc[0].is_valid  # the caller's stay as they are


def test_tolerance_that_does_not_fit_is_refused():
    panel = panel_of(grid(2))
    for wrong in (-1, np.nan, np.inf, "a", True):
        with pytest.raises(OptionError, match="tolerance must be a"):
            nq.weights.contiguity(panel, tolerance=wrong)
    with pytest.raises(OptionError, match=r"13000 m would close units .* 50000 m"):
        nq.weights.contiguity(panel, tolerance=13_000)
    bare = panel_of(grid(2), crs=None)
    assert links(bare, "queen") == 12
    with pytest.raises(CrsError, match="tolerance is in metres, but the geometries have no CRS"):
        nq.weights.contiguity(bare, tolerance=10)
    assert links(bare, "queen", tolerance=0) == 12


def test_default_tolerance_is_a_metre_or_less_where_units_are_small():
    for gap, count in ((0.9, 2), (1.1, 0)):
        pair = [box(5e5, 3e6, 5.5e5, 3.05e6), box(5.5e5 + gap, 3e6, 6e5, 3.05e6)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert links(panel_of(pair), "queen") == count
    small = [box(5e5 + j, 3e6 + i, 5e5 + j + 1, 3e6 + i + 1) for i in range(4) for j in range(4)]
    assert links(panel_of(small), "queen") == 84
    assert links(panel_of(small), "rook") == 48


def clean_maps():
    import libpysal

    yield "china prefectures", nq.datasets.china_prefectures()
    yield "china provinces", nq.datasets.china_provinces()
    yield "states", nq.datasets.us_income().geometry
    folder = Path(libpysal.__file__).parent / "examples"
    for name in ("columbus", "virginia", "us48", "mexicojoin", "sids2", "stl_hom"):
        path = next(folder.rglob(f"{name}.shp"), None)
        if path is not None:
            yield name, gpd.read_file(path)


@pytest.mark.parametrize("kind", KINDS)
def test_clean_maps_have_the_links_of_their_vertices(kind):
    """As libpysal finds them by comparing vertices; nothing is closed, nothing reported."""
    for name, shapes in clean_maps():
        shapes = shapes.reset_index(drop=True)
        graph = Graph.build_contiguity(shapes.geometry, rook=kind == "rook", strict=False)
        borders = Borders.of(shapes, kind, None)
        assert abs(borders.matrix - (graph.sparse > 0)).sum() == 0, name
        assert (borders.closed, len(borders.overlaps)) == (0, 0), name
        assert not len(borders.near_misses()[0]), name


def test_order_stops_where_no_unit_is_farther():
    panel = panel_of(grid(3))
    assert nq.weights.contiguity(panel, order=10**9, islands="keep").n_links == 0


def test_gaps_are_reported_in_chinese_too():
    w = nq.weights.contiguity(panel_of(two_halves(20), "EPSG:3857"), tolerance=50)
    words = translate(w.spec.words, "zh")
    assert "容差（米） = 50" in words
    assert "按容差闭合的边界 = 16 条，50 米以内" in words
    globe = translate(nq.weights.knn(panel_of(grid(2)), k=1).spec.words, "zh")
    assert "距离 = 球面距离，由 WGS 84 / UTM zone 50N 换算" in globe
    for move, word in ((20, "并行而不相接"), (-20, "相互重叠")):
        with pytest.warns(NqpWarning) as heard:
            links(panel_of(two_halves(move)), "queen")
        chinese = translate(heard[0].message.args[0], "zh")
        assert word in chinese
        assert "另有" in chinese or "more" not in chinese
