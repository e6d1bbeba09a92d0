"""Contiguity by geometry: gaps, overlaps and corners of squares whose distances are known."""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import affinity
from shapely.geometry import box

import nqp_spatial as nq
from nqp_spatial.errors import CrsError, NqpError, OptionError, WeightsError
from nqp_spatial.weights._borders import Borders, Scale
from nqp_spatial.weights._coordinates import require_links
from nqp_spatial.weights._tables import table_weights


def frame_of(shapes, crs="EPSG:32650"):
    return gpd.GeoDataFrame({"id": range(len(shapes))}, geometry=list(shapes), crs=crs)


def linked(shapes, kind="queen", tolerance=None, crs="EPSG:32650"):
    """Pairs of neighbours."""
    result = Borders.of(frame_of(shapes, crs), kind, tolerance)
    pairs = {tuple(sorted(map(int, pair))) for pair in result.links}
    dense = result.matrix.toarray()
    np.testing.assert_array_equal(dense, dense.T)
    assert {(i, j) for i, j in zip(*np.nonzero(np.triu(dense)), strict=True)} == pairs
    return pairs, result


X, Y = 5e5, 3e6


def square(x, y, size=1000.0):
    return box(X + x, Y + y, X + x + size, Y + y + size)


@pytest.mark.parametrize("kind", ["queen", "rook"])
@pytest.mark.parametrize(
    ("gap", "tolerance", "expected"),
    [
        (0.0, None, True), (0.9, None, True), (1.1, None, False), (0.0, 0.0, True),
        (0.5, 0.0, False), (20.0, 19.0, False), (20.0, 21.0, True), (20.0, 200.0, True),
    ],
)  # fmt: skip
def test_a_gap_along_a_border(kind, gap, tolerance, expected):
    """Also with other vertices along the border, as two sources have them."""
    right = square(1000 + gap, 0)
    pairs, result = linked([square(0, 0), right], kind, tolerance)
    assert (pairs == {(0, 1)}) == expected
    assert result.closed == int(expected and gap > 0)
    many = right.segmentize(170.0)
    assert linked([square(0, 0), many], kind, tolerance)[0] == pairs
    turned = [affinity.rotate(s, 31, origin=(X, Y)) for s in (square(0, 0), many)]
    assert linked(turned, kind, tolerance)[0] == pairs


@pytest.mark.parametrize("gap", [0.0, 5.0])
def test_corners_are_of_the_queen_alone(gap):
    shapes = [square(0, 0), square(1000 + gap, 1000 + gap)]
    tolerance = None if gap == 0 else 10.0
    assert linked(shapes, "queen", tolerance)[0] == {(0, 1)}
    assert linked(shapes, "rook", tolerance)[0] == set()
    if gap:
        # the corners are farther apart than either coordinate
        assert linked(shapes, "queen", 6.9)[0] == set()
        assert linked(shapes, "queen", 7.2)[0] == {(0, 1)}


def test_a_grid_with_gaps_is_the_grid_without():
    cells = [(i, j) for i in range(4) for j in range(3)]
    exact = [square(1000 * i, 1000 * j) for i, j in cells]
    apart = [square(1003 * i, 1003 * j) for i, j in cells]
    for kind in ("queen", "rook"):
        truth = set()
        for a, (i, j) in enumerate(cells):
            for b, (k, m) in enumerate(cells[:a]):
                steps = (abs(i - k), abs(j - m))
                if max(steps) == 1 and (kind == "queen" or sum(steps) == 1):
                    truth.add((b, a))
        assert linked(exact, kind)[0] == truth
        assert linked(apart, kind)[0] == set()
        pairs, result = linked(apart, kind, 5.0)
        assert pairs == truth
        assert result.closed == len(truth)


@pytest.mark.parametrize("depth", [0.5, 30.0])
def test_overlaps_are_measured(depth):
    shapes = [square(0, 0), square(1000 - depth, 0)]
    pairs, result = linked(shapes, "rook", 5.0)
    assert len(result.overlaps) == int(depth > 5)
    assert (pairs == {(0, 1)}) or depth > 5
    assert result.closed == int(depth < 5)


@pytest.mark.parametrize("latitude", [0, 45, 60])
def test_metres_in_degrees(latitude):
    """East and north count alike, though degrees of longitude narrow."""
    metre = 180 / np.pi / 6371008.8
    across = metre / np.cos(np.radians(latitude))
    size = 2000

    def cell(x, y):
        return box(
            100 + x * across, latitude + y * metre, 100 + (x + size) * across,
            latitude + (y + size) * metre,
        )  # fmt: skip

    for gap, expected in ((40, True), (60, False)):
        for other in (cell(size + gap, 0), cell(0, size + gap)):
            pairs, result = linked([cell(0, 0), other], "rook", 50.0, "EPSG:4326")
            assert (pairs == {(0, 1)}) == expected
        assert result.scale.width == pytest.approx(size, rel=0.01)


def test_scale_of_a_map():
    metres = Scale.of(frame_of([square(0, 0), square(0, 0, 3000.0), square(0, 0, 2000.0)]))
    assert (metres.metres, metres.geographic, metres.known) == (1.0, False, True)
    assert metres.width == pytest.approx(2000)
    assert metres.tolerance(None) == 1.0
    assert metres.tolerance(500) == 500
    assert metres.tolerance(0) == metres.rounding == pytest.approx(1e-3)
    assert metres.near == pytest.approx(40)
    with pytest.raises(OptionError, match="501 m would close units themselves"):
        metres.tolerance(501)
    small = Scale.of(frame_of([square(0, 0, 100.0)]))
    assert small.tolerance(None) == pytest.approx(0.1)
    assert small.rounding == pytest.approx(1e-4)
    feet = Scale.of(frame_of([square(0, 0)], "EPSG:2263"))
    assert feet.metres == pytest.approx(0.3048006096)
    assert feet.width == pytest.approx(304.8006096)
    bare = Scale.of(frame_of([square(0, 0)], None))
    assert (bare.metres, bare.known) == (1.0, False)
    assert bare.tolerance(None) == bare.tolerance(0) == bare.rounding == pytest.approx(1e-3)
    with pytest.raises(CrsError):
        bare.tolerance(1.0)


def test_borders_that_nearly_meet_are_reported():
    """Within 100 m, or a fiftieth of the width of small units."""
    for size, gap, expected in (
        (10_000, 15, True), (10_000, 90, True), (10_000, 110, False), (1000, 15, True),
        (1000, 25, False),
    ):  # fmt: skip
        shapes = [square(0, 0, size), square(size + gap, 0, size)]
        pairs, metres = linked(shapes)[1].near_misses()
        assert (len(pairs) == 1) == expected, (size, gap)
        if expected:
            assert gap <= metres
            closed, _ = linked(shapes, tolerance=metres)
            assert closed == {(0, 1)}


def test_clean_maps_give_no_warning():
    panel = nq.datasets.us_income()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nq.weights.contiguity(panel).n_links == 214
        rook = nq.weights.contiguity(panel, kind="rook")
    # Four corners: Arizona with Colorado, New Mexico with Utah meet in a point alone.
    assert rook.n_links == 210


def test_links_that_memory_cannot_hold_are_refused():
    require_links(10**6, "weights", "take fewer")
    with pytest.raises(OptionError, match="take fewer"):
        require_links(10**14, "weights", "take fewer")


# -- tables ---------------------------------------------------------------------------------------


def test_empty_columns_at_the_right_go_and_others_stay():
    """A column is empty if no row has anything in it; an empty cell in the middle is an error."""
    clean = [["", "a", "b"], ["a", "0", "1"], ["b", "2", "0"]]
    expected = [[0, 1], [2, 0]]
    for cells in (clean, [[*row, "", " "] for row in clean], [*clean, ["", "", ""]]):
        w = table_weights([list(row) for row in cells], "t.csv", None, None)
        np.testing.assert_array_equal(w.sparse.toarray(), expected)
        assert w.units.tolist() == ["a", "b"]
    holes = [["", "", "b"], ["a", "", "1"], ["b", "", "0"]]
    with pytest.raises(NqpError):
        table_weights(holes, "t.csv", None, None)


def test_shapes_of_tables():
    """Ids on both sides, on top, at the side, none; the number of units in a line of its own."""
    numbers = [["0", "1", "2"], ["3", "0", "4"], ["5", "6", "0"]]
    dense = np.array(numbers, dtype=float)
    units = pd.Index(list("xyz"))
    labelled = [["", *units], *([u, *row] for u, row in zip(units, numbers, strict=True))]
    top = [list(units), *numbers]
    side = [[u, *row] for u, row in zip(units, numbers, strict=True)]
    in_r = [list(units), *side]
    stata = [["v1", "v2", "v3"], *numbers]
    alone = [["3"], *numbers]
    for cells, passed in (
        (labelled, None), (top, None), (side, None), (in_r, None), (numbers, units), (stata, units),
        (alone, units),
    ):  # fmt: skip
        w = table_weights([list(row) for row in cells], "t", None, passed)
        np.testing.assert_array_equal(w.sparse.toarray(), dense)
        assert w.units.tolist() == list(units)
    for wrong in ([["0", "1"], ["2", "0"], ["1", "1"], ["1", "1"]], [["0", "1", "2"], ["3", "0"]]):
        with pytest.raises(WeightsError):
            table_weights(wrong, "t", None, None)


@pytest.mark.parametrize(
    "lines",
    [
        ["3", "a 1", "b", "b 1", "a", "c 0"],
        ["3", "c 0", "a 1", "b", "b 1", "a"],
        ["3", "c 0", "", "a 1", "b", "b 1", "a"],
        ["3", "a 1", "b", "c 0", "", "b 1", "a", ""],
        ["0 3 map id", "a 1", "b", "", "b 1", "a", "c 0", ""],
    ],
)
def test_units_without_neighbours_in_gal_files(tmp_path, lines):
    """With or without the empty line that some programs write for no neighbours."""
    file = tmp_path / "w.gal"
    file.write_text("\n".join(lines), encoding="utf-8")
    w = nq.weights.read(file)
    assert set(w.units) == {"a", "b", "c"}
    assert w.islands.tolist() == ["c"]
    links = pd.DataFrame(w.sparse.toarray(), w.units, w.units)
    assert links.loc["a", "b"] == links.loc["b", "a"] == 1
    assert links.to_numpy().sum() == 2


def test_numbers_as_ids_of_a_square_table():
    """A first row and column that repeat each other beside zeros within are ids, or weights."""
    ids = [["9", "1", "2"], ["1", "0", "7"], ["2", "8", "0"]]
    w = table_weights(ids, "t", None, None)
    assert w.units.tolist() == [1, 2]
    np.testing.assert_array_equal(w.sparse.toarray(), [[0, 7], [8, 0]])
    # With a zero in the corner it is a matrix of three units that is symmetric there.
    bare = [["0", "1", "2"], ["1", "0", "7"], ["2", "8", "0"]]
    w = table_weights(bare, "t", None, pd.Index(list("xyz")))
    np.testing.assert_array_equal(w.sparse.toarray(), [[0, 1, 2], [1, 0, 7], [2, 8, 0]])


def test_memory_of_tables_is_that_of_three_copies(tmp_path, monkeypatch):
    from importlib import import_module

    files = import_module("nqp_spatial.weights.files")
    asked = []
    monkeypatch.setattr(files, "require_memory", lambda size, *_: asked.append(size))
    w = nq.weights.from_dense(np.roll(np.eye(20), 1, axis=1), range(20))
    w.write(tmp_path / "w.csv", layout="dense")
    assert asked == [3 * 8 * 20 * 20]


@pytest.mark.parametrize("sheet", [(20, 100), (100, 2)])
def test_a_workbook_holds_so_many_rows_and_columns(tmp_path, monkeypatch, sheet):
    from importlib import import_module

    files = import_module("nqp_spatial.weights.files")
    w = nq.weights.from_dense(np.roll(np.eye(20), 1, axis=1), range(20))
    monkeypatch.setattr(files, "_SHEET", (21, 3))  # 20 links and a line of names
    assert nq.weights.read(w.write(tmp_path / "w.xlsx")).n_links == 20
    monkeypatch.setattr(files, "_SHEET", sheet)
    with pytest.raises(OptionError, match="21 and 3"):
        w.write(tmp_path / "v.xlsx")
