"""Figures, by what they draw: colours, counts, texts, sizes; and that nothing global changes."""

from __future__ import annotations

import dataclasses
import re

import geopandas as gpd
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.text import Text
from pyproj import Transformer
from shapely.geometry import LineString, Point, box

import nqp_spatial as nq
from nqp_spatial.errors import (
    CrsError,
    GeometryError,
    OptionError,
    PanelError,
    UnknownColumnError,
    UnmatchedIdsError,
)
from nqp_spatial.plots import _theme as theme
from nqp_spatial.plots._canvas import figure_of, wrapped
from nqp_spatial.plots._point_names import _crossings, name_points
from nqp_spatial.plots._theme import CLUSTER_COLOURS
from nqp_spatial.plots.maps._basemap import MapStyle, basemap_of


@pytest.fixture(scope="module")
def grid():
    """25 squares in a projected system, values 0 to 24."""
    squares = [box(i % 5, i // 5, i % 5 + 1, i // 5 + 1) for i in range(25)]
    shapes = gpd.GeoDataFrame({"id": range(25)}, geometry=squares, crs="EPSG:3857")
    frame = pd.DataFrame({"id": range(25), "x": np.arange(25.0), "kind": list("abcde") * 5})
    return nq.SpatialPanel(frame, unit="id", geometry=shapes, labels={"x": "Income, yuan"})


@pytest.fixture(scope="module")
def chains():
    panel = nq.datasets.us_income()
    w = nq.weights.contiguity(panel)
    one = nq.dynamics.markov(panel, "relative_income", states=5)
    many = nq.dynamics.spatial_markov(panel, "relative_income", w, states=5, lag_states=3)
    return panel, w, one, many


def legend_of(ax):
    legend = ax.get_legend()
    return legend.get_title().get_text(), [text.get_text() for text in legend.get_texts()]


def drawn_colours(ax):
    return [to_hex(c.get_facecolor()[0]) for c in ax.collections for _ in c.get_paths()]


@pytest.fixture(scope="module")
def china():
    """Prefectures of three provinces on the coast of the South China Sea."""
    units = nq.datasets.china_prefectures()
    units = units[units["province_adcode"].isin([440000, 450000, 460000])].reset_index()
    shapes = units[["adcode", "geometry"]]
    return nq.SpatialPanel(units.drop(columns="geometry"), unit="adcode", geometry=shapes)


def test_settings_that_a_backend_makes_while_it_draws_stay():
    """A notebook's backend is loaded with the first figure and turns interactive mode on."""
    before = mpl.rcParams["interactive"], mpl.rcParams["font.size"]
    try:
        with theme.themed():
            assert mpl.rcParams["font.size"] == 8
            mpl.rcParams["interactive"] = True
        assert mpl.rcParams["interactive"]
        assert mpl.rcParams["font.size"] == before[1]
    finally:
        mpl.rcParams["interactive"] = before[0]


def test_ties_leave_fewer_classes_without_a_warning(grid):
    import warnings

    values = pd.Series([1.0] * 20 + [2.0, 3.0, 4.0, 5.0, 6.0], index=grid.units, name="ties")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = nq.plots.choropleth(grid, values)
    counts = [int(text.split("(")[1][:-1]) for text in legend_of(ax)[1]]
    assert sum(counts) == 25
    assert len(counts) < 5


def test_a_map_is_not_drawn_while_it_is_made(grid, monkeypatch):
    """geopandas asks for a drawing after each layer: most of the time of a map with a base map."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    drawings = []
    monkeypatch.setattr(FigureCanvasAgg, "draw", lambda self: drawings.append(self))
    figure = plt.figure()
    left, right = figure.subfigures(1, 2)
    canvas = figure.canvas
    nq.plots.choropleth(grid, "x", ax=left.subplots())
    assert drawings == []
    assert figure.canvas is right.canvas is canvas
    with pytest.raises(OptionError, match="scheme must be"):
        nq.plots.choropleth(grid, "x", scheme="none", ax=right.subplots())
    assert figure.canvas is canvas
    assert figure_of(left) is figure_of(left.axes[0]) is figure_of(figure)
    assert figure_of(figure) is figure


# -- maps ------------------------------------------------------------------------------------------


def test_choropleth_draws_every_unit_in_its_class(grid):
    ax = nq.plots.choropleth(grid, "x", breaks=[4, 19])
    title, entries = legend_of(ax)
    assert title == "Income, yuan"
    assert entries == ["0–4 (5)", "4–19 (15)", "19–24 (5)"]
    colours = drawn_colours(ax)
    assert [colours.count(c) for c in dict.fromkeys(colours)] == [5, 15, 5]
    assert ax.get_figure().get_size_inches()[0] == theme.COLUMN


@pytest.mark.parametrize("scheme", ["quantiles", "natural-breaks", "equal-intervals"])
def test_schemes_count_every_unit_once(grid, scheme):
    _, entries = legend_of(nq.plots.choropleth(grid, "x", scheme=scheme))
    assert len(entries) == 5
    assert sum(int(entry.split("(")[1][:-1]) for entry in entries) == 25


def test_a_centre_parts_two_colours(grid):
    ax = nq.plots.choropleth(grid, grid.frame["x"].droplevel("period") - 12, centre=0.0)
    _, entries = legend_of(ax)
    assert sum(" to 0" in entry for entry in entries) == 1
    assert sum(entry.startswith("0 to") for entry in entries) == 1
    patches = ax.get_legend().get_patches()
    blue = [p.get_facecolor()[2] > p.get_facecolor()[0] for p in patches]
    assert blue == [entry.startswith("−") for entry in entries]


def test_missing_values_are_shown_as_missing(grid):
    values = pd.Series(np.arange(20.0), index=range(20), name="index")
    ax = nq.plots.choropleth(grid, values)
    title, entries = legend_of(ax)
    assert title == "index"
    assert entries[-1] == "No data (5)"
    assert ax.get_legend().get_patches()[-1].get_hatch()
    assert len(drawn_colours(ax)) == 25


def test_breaks_beyond_the_data_do_not_lie(grid):
    _, entries = legend_of(nq.plots.choropleth(grid, "x", breaks=[-5, 10, 30]))
    assert entries == ["≤ -5 (0)", "-5–10 (11)", "10–30 (14)", "> 30 (0)"]


def test_classes_of_counts_name_the_numbers_in_them(grid):
    counts = pd.Series([0] * 12 + [1] * 5 + [2, 2, 3, 4, 5, 5, 6, 6], index=range(25))
    _, entries = legend_of(nq.plots.choropleth(grid, counts, breaks=[0, 1, 4]))
    assert entries == ["0 (12)", "1 (5)", "2–4 (4)", "5–6 (4)"]
    _, entries = legend_of(nq.plots.choropleth(grid, counts, breaks=[0, 4, 9]))
    assert entries == ["0 (12)", "1–4 (9)", "5–9 (4)", "> 9 (0)"]
    _, entries = legend_of(nq.plots.choropleth(grid, counts.astype(float), breaks=[0, 1, 4]))
    assert entries[2] == "1–4 (4)"


def test_categories_and_constants(grid):
    _, entries = legend_of(nq.plots.choropleth(grid, "kind"))
    assert entries == [f"{letter} (5)" for letter in "abcde"]
    _, entries = legend_of(nq.plots.choropleth(grid, pd.Series(2.0, index=range(25))))
    assert entries == ["2 (25)"]
    with pytest.raises(OptionError, match="25 categories are more than"):
        nq.plots.choropleth(grid, pd.Series([str(i) for i in range(25)], index=range(25)))


def test_points_are_drawn_as_points():
    points = gpd.GeoDataFrame(
        {"id": range(6)}, geometry=[Point(100 + i, 30 + i) for i in range(6)], crs="EPSG:4326"
    )
    panel = nq.SpatialPanel(
        pd.DataFrame({"id": range(6), "x": range(6)}), unit="id", geometry=points
    )
    ax = nq.plots.choropleth(panel, "x", classes=2)
    assert sum(len(c.get_offsets()) for c in ax.collections) == 6


def test_degrees_are_projected_so_that_areas_compare(states):
    panel, _ = states
    ratio = []
    for crs in ("auto", None):
        shapes = basemap_of(panel, MapStyle(crs=crs)).shapes
        true = panel.geometry.to_crs("EPSG:5070").area
        drawn = shapes.geometry.set_crs(None, allow_override=True).area / true
        ratio.append(drawn.std() / drawn.mean())
    assert ratio[0] < 1e-3 < 0.05 < ratio[1]
    assert basemap_of(panel, MapStyle(crs="EPSG:5070")).shapes.crs == "EPSG:5070"


def test_a_map_of_china_is_drawn_whole(china):
    """All provinces and the ten dashes, in the main map and again in the inset."""
    ax = nq.plots.choropleth(china, "province_en", basemap="china", inset="south-china-sea")
    (inset,) = ax.child_axes
    for axes in (ax, inset):
        lines = [c for c in axes.collections if isinstance(c, LineCollection)]
        assert sorted(len(c.get_segments()) for c in lines)[0] == 10
        assert sum(len(c.get_paths()) for c in axes.collections if c.get_zorder() == 0) >= 34
        assert axes.get_aspect() == 1
        assert not (axes.axison and axes.get_xlabel())
    # The main map ends south of Hainan and north of the reefs, which the inset holds.
    to = Transformer.from_crs("EPSG:4326", basemap_of(china, MapStyle(basemap="china")).shapes.crs)
    hainan, reef = to.transform(18.3, 109.5), to.transform(9.0, 114.0)
    assert ax.get_ylim()[0] < hainan[1] < ax.get_ylim()[1]
    assert ax.get_ylim()[0] > reef[1]
    for place in (hainan, reef):
        assert inset.get_xlim()[0] < place[0] < inset.get_xlim()[1]
        assert inset.get_ylim()[0] < place[1] < inset.get_ylim()[1]
    # The box covers nothing that is drawn: Taiwan and the dashes east of it lie to its left.
    ax.get_figure().canvas.draw()
    box_ = inset.get_window_extent()
    taiwan = ax.transData.transform(to.transform(23.5, 122.1))
    assert taiwan[0] < box_.x0
    whole = nq.plots.choropleth(china, "province_en", basemap="china")
    assert whole.get_ylim()[0] < reef[1]
    assert not whole.child_axes


def test_a_base_map_of_ones_own(grid):
    around = gpd.GeoDataFrame(geometry=[box(-5, -5, 10, 10)], crs="EPSG:3857")
    river = gpd.GeoDataFrame(geometry=[LineString([(0, 0), (5, 5)])], crs="EPSG:3857").to_crs(4326)
    ax = nq.plots.choropleth(grid, "x", basemap=[around, river])
    assert ax.get_xlim() == pytest.approx((-5.15, 10.15))
    bare = gpd.GeoDataFrame(geometry=[box(-5, -5, 10, 10)])
    with pytest.raises(GeometryError, match="a layer of the base map have no CRS"):
        nq.plots.choropleth(grid, "x", basemap=bare)
    with pytest.raises(OptionError, match=r"basemap must be 'china'.*got 'france'"):
        nq.plots.choropleth(grid, "x", basemap="france")
    with pytest.raises(OptionError, match=r"element 0 is 'roads.shp' .str."):
        nq.plots.choropleth(grid, "x", basemap=["roads.shp"])
    with pytest.raises(OptionError, match="inset must be 'south-china-sea' or None"):
        nq.plots.choropleth(grid, "x", inset="hawaii")


def test_weights_map_draws_each_link_once(grid):
    """Links a-b, b-a, b-c in the first row, so c has no row; two units apart; others alone."""
    edges = pd.DataFrame({"focal": [0, 1, 1, 10, 11], "neighbor": [1, 0, 2, 11, 10]})
    w = nq.weights.from_edges(edges, units=range(25), islands="keep", standardize="none")
    before = w.sparse.copy()
    ax = nq.plots.weights_map(w, grid)
    _, entries = legend_of(ax)
    assert entries == [
        "Link both ways (2)",
        "Link one way (1)",
        "Component 1 (2)",
        "Component 2 (2)",
        "No neighbours (21)",
    ]
    both, one = (c.get_segments() for c in ax.collections if isinstance(c, LineCollection))
    ends = [sorted(map(tuple, segment)) for segment in both]
    assert ends == [[(0.5, 0.5), (1.5, 0.5)], [(0.5, 2.5), (1.5, 2.5)]]
    assert sorted(map(tuple, one[0])) == [(1.5, 0.5), (2.5, 0.5)]
    assert (w.sparse != before).nnz == 0
    # Whatever the order of units in the weights.
    again = nq.plots.weights_map(w.reordered(pd.Index(range(24, -1, -1))), grid)
    assert legend_of(again)[1] == entries


def test_weights_map_of_the_strongest_links(grid, states):
    panel, _ = states
    w = nq.weights.inverse_distance(panel)
    ax = nq.plots.weights_map(w, panel, strongest=2)
    title, entries = legend_of(ax)
    assert title == "Links: the 2 of largest weight of each unit"
    both, one = (int(entry.split("(")[1][:-1]) for entry in entries[:2])
    assert 2 * both + one == 2 * 48
    assert ax.get_title(loc="left").startswith("Inverse distance")
    with pytest.raises(OptionError, match="strongest must be a whole number from 1"):
        nq.plots.weights_map(w, panel, strongest=0)
    with pytest.raises(UnmatchedIdsError, match="ids of panel and weights differ"):
        nq.plots.weights_map(w, grid)


def test_neighbour_histogram(grid):
    ax = nq.plots.neighbour_histogram(nq.weights.contiguity(grid, kind="rook"))
    assert [int(bar.get_height()) for bar in ax.patches] == [4, 12, 9]  # corners, sides, inside
    assert ax.get_xlabel() == "Number of neighbours (dashed: mean, 3.2)"
    edges = pd.DataFrame({"focal": [0, 1], "neighbor": [1, 0]})
    w = nq.weights.from_edges(edges, units=range(25), islands="keep")
    ax = nq.plots.neighbour_histogram(w)
    assert [text.get_text() for text in ax.texts] == ["23 without neighbours"]


def test_weights_matrix_shows_every_weight_by_group():
    values = np.array([[0, 0.5, 0.1], [0.5, 0, 0.2], [0.1, 0.2, 0]])
    w = nq.weights.from_dense(values, ["a", "b", "c"], standardize="none")
    groups = pd.Series({"c": "south", "b": "north", "a": "south"})
    ax = nq.plots.weights_matrix(w, group=groups, label="Similarity")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "c", "b"]
    assert [t.get_text() for t in ax.texts] == ["0.10", "0.50", "0.10", "0.20", "0.50", "0.20"]
    assert [line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1] == [1.5]
    assert ax.child_axes[0].get_ylabel() == "Similarity"
    many = nq.weights.from_dense(np.ones((61, 61)) - np.eye(61), range(61))
    with pytest.raises(OptionError, match="heat map of 61 units cannot be read: 60 at most"):
        nq.plots.weights_matrix(many)
    with pytest.raises(UnmatchedIdsError, match="ids of group and weights differ"):
        nq.plots.weights_matrix(w, group=groups.iloc[:2])


def test_lisa_map(chains):
    panel, w, *_ = chains
    lisa = nq.esda.lisa(panel, "income", w, period=2009, permutations=199, seed=0)
    ax = nq.plots.lisa_map(lisa, panel)
    title, entries = legend_of(ax)
    assert title == "Local Moran, p < 0.05, 199 permutations"
    assert entries == [f"{name} ({count})" for name, count in lisa.counts.items()]
    names = ["High-High", "Low-Low", "High-Low", "Low-High", "Not significant"]
    assert [entry.split(" (")[0] for entry in entries] == names
    colours = drawn_colours(ax)
    assert len(colours) == 48
    for name, count in lisa.counts.items():
        assert colours.count(CLUSTER_COLOURS[name]) == count
    assert ax.get_title(loc="left") == "Income per head, dollars, 2009"
    with pytest.raises(UnmatchedIdsError, match="ids of panel and result differ"):
        nq.plots.lisa_map(lisa, panel.select(units=panel.units[:40]))


def test_lisa_map_shows_units_without_neighbours(grid):
    w = nq.weights.contiguity(grid).subset(list(range(24))).standardize("none")
    edges = pd.DataFrame(w.graph.adjacency.reset_index())
    w = nq.weights.from_edges(edges, units=range(25), islands="keep", standardize="row")
    ax = nq.plots.lisa_map(nq.esda.lisa(grid, "x", w, permutations=99, seed=0), grid)
    assert legend_of(ax)[1][-1] == "No neighbours (1)"


def test_map_errors(grid, chains):
    panel, *_ = chains
    with pytest.raises(UnknownColumnError, match="no column 'z'"):
        nq.plots.choropleth(grid, "z")
    with pytest.raises(PanelError, match="81 periods: name one, as in period=2009"):
        nq.plots.choropleth(panel, "income")
    with pytest.raises(PanelError, match="no period 1800"):
        nq.plots.choropleth(panel, "income", period=1800)
    with pytest.raises(OptionError, match="scheme must be one of"):
        nq.plots.choropleth(grid, "x", scheme="jenks")
    with pytest.raises(UnmatchedIdsError, match="99"):
        nq.plots.choropleth(grid, pd.Series([1.0], index=[99]))
    with pytest.raises(PanelError, match="all are missing"):
        nq.plots.choropleth(grid, pd.Series(np.nan, index=range(25)))
    bare = nq.SpatialPanel(pd.DataFrame({"id": [1, 2], "x": [1, 2]}), unit="id")
    with pytest.raises(GeometryError, match="needs the units' geometries"):
        nq.plots.choropleth(bare, "x")


# -- other figures ---------------------------------------------------------------------------------


def test_moran_scatter_has_slope_i(chains):
    panel, w, *_ = chains
    lisa = nq.esda.lisa(panel, "relative_income", w, period=1929, permutations=199, seed=0)
    ax = nq.plots.moran_scatter(lisa, annotate=4)
    line = ax.lines[-1]
    slope = np.diff(line.get_ydata()) / np.diff(line.get_xdata())
    assert slope[0] == pytest.approx(lisa.moran_i)
    assert slope[0] == pytest.approx(
        np.polyfit(lisa.standardized["z"], lisa.standardized["lag_z"], 1)[0]
    )
    assert sum(len(c.get_offsets()) for c in ax.collections) == 48
    texts = {text.get_text() for text in ax.texts}
    largest = lisa.frame["local_i"].abs().nlargest(4).index
    assert texts == {*largest, f"Moran's I = {lisa.moran_i:.3f}"}


def test_transitions_show_every_probability(chains):
    *_, one, many = chains
    figure = nq.plots.transitions(one)
    shown = [float(text.get_text()) for text in figure.axes[0].texts]
    np.testing.assert_allclose(shown, one.probabilities.to_numpy().ravel(), atol=0.005)
    assert "(773)" in figure.axes[0].get_yticklabels()[0].get_text()
    figure = nq.plots.transitions(many)
    filled = [ax for ax in figure.axes if ax.images]
    assert len(filled) == 1 + 3
    shown = [float(t.get_text()) for ax in filled[1:] for t in ax.texts]
    expected = many.probabilities.dropna().to_numpy().ravel()
    np.testing.assert_allclose(shown, expected, atol=0.005)
    assert figure.get_size_inches()[0] == theme.PAGE
    assert len({tuple(ax.images[0].get_clim()) for ax in filled}) == 1
    with pytest.raises(OptionError, match="result must be a MarkovResult"):
        nq.plots.transitions(one.probabilities)


def test_unvisited_rows_are_hatched():
    frame = pd.DataFrame({"id": [0, 0, 1, 1], "t": [0, 1] * 2, "x": [1.0, 2, 2, 3]})
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    chain = nq.dynamics.markov(panel, "x", states=2, discretize=[2.0])
    ax = nq.plots.transitions(chain).axes[0]
    assert len(ax.texts) == 2
    assert [p.get_hatch() for p in ax.patches] == ["////"]


def test_effects_draw_estimates_and_intervals(states):
    panel, w = states
    result = nq.fit("lgsp ~ lpc + lemp + unemp", panel, w, effects="two-way").effects(seed=0)
    figure = nq.plots.effects(result)
    assert len(figure.axes) == 3  # unemployment is of another size: an axis each
    for ax, (_, rows) in zip(
        figure.axes, result.frame.groupby("variable", sort=False), strict=True
    ):
        intervals = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2][:3]
        np.testing.assert_allclose(intervals, rows[["conf_low", "conf_high"]])
        points = [line.get_xdata()[0] for line in ax.lines if line.get_marker() in "osD"]
        np.testing.assert_allclose(points, rows["estimate"])
    shared = nq.plots.effects(result, variables=["lemp", "lpc"])
    assert len(shared.axes) == 1
    labels = [text.get_text() for text in shared.axes[0].get_yticklabels()]
    assert labels == ["Employment (log)", "Private capital (log)"]
    assert "95% confidence interval" in shared.axes[0].get_xlabel().replace("\n", " ")
    with pytest.raises(OptionError, match="no effects of gdp; there are effects of lpc, lemp"):
        nq.plots.effects(result, variables=["gdp"])


# -- theme and files -------------------------------------------------------------------------------


def test_settings_of_matplotlib_stay_as_they_are(grid, tmp_path):
    before = dict(mpl.rcParams)
    nq.plots.save(nq.plots.choropleth(grid, "x"), tmp_path / "map")
    assert dict(mpl.rcParams) == before


def test_draws_into_a_given_axes(grid):
    figure, (left, right) = plt.subplots(1, 2)
    assert nq.plots.choropleth(grid, "x", ax=right) is right
    assert not left.collections
    assert plt.get_fignums() == [figure.number]


def test_labels_are_inside_at_the_first_drawing(tmp_path):
    """Ticks that change with the layout once pushed the label over the edge of the figure."""
    cities = nq.datasets.simulate_cities(seed=0)
    gini = nq.inequality.dagum(cities, "nqp", group="region4", replications=99, seed=2024)
    ax = nq.plots.dagum(gini)
    nq.plots.save(ax, tmp_path / "gini.png", dpi=100)
    room = ax.figure.get_tightbbox()
    assert room.x0 >= 0
    assert room.y0 >= 0
    assert room.x1 <= ax.figure.get_figwidth()
    assert room.y1 <= ax.figure.get_figheight()


def test_save(grid, tmp_path):
    ax = nq.plots.choropleth(grid, "x")
    written = nq.plots.save(ax, tmp_path / "deep" / "map.v1")
    assert [path.name for path in written] == ["map.v1.png", "map.v1.pdf"]
    image = plt.imread(written[0])
    width, height = ax.get_figure().get_size_inches()
    assert image.shape[:2] == (int(height * 300), int(width * 300))
    assert written[1].read_bytes().startswith(b"%PDF")
    assert [p.name for p in nq.plots.save(ax, tmp_path / "map.svg")] == ["map.svg"]
    with pytest.raises(OptionError, match="cannot be saved as doc"):
        nq.plots.save(ax, tmp_path / "map", formats=("doc",))
    with pytest.raises(OptionError, match="figure must be a matplotlib Figure"):
        nq.plots.save([ax], tmp_path / "map")


def test_nothing_leaves_the_page(grid, chains, china):
    """Titles, legends and labels lie inside the figure, also a long and a Chinese title."""
    panel, w, one, many = chains
    lisa = nq.esda.lisa(panel, "income", w, period=2009, permutations=99, seed=0)
    figures = [
        nq.plots.lisa_map(lisa, panel, title="A title that is far too long for one line " * 2),
        nq.plots.choropleth(grid, "x", title="新质生产力水平" * 5),
        nq.plots.moran_scatter(lisa),
        nq.plots.transitions(one),
        nq.plots.transitions(many, title="Moves"),
        nq.plots.weights_map(w, panel),
        nq.plots.neighbour_histogram(w),
        nq.plots.choropleth(china, "point_lat", basemap="china", inset="south-china-sea"),
    ]
    for drawn in figures:
        figure = figure_of(drawn)
        figure.canvas.draw()
        box_ = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        assert box_.x0 > -0.02
        assert box_.y0 > -0.02
        assert box_.x1 < width + 0.02
        assert box_.y1 < height + 0.02


def test_wrapped():
    assert wrapped("short", 3.5) == "short"
    lines = wrapped("one two three four five six seven eight nine ten eleven twelve", 2).split("\n")
    assert all(len(line) <= 29 for line in lines)
    assert " ".join(lines).split()[-1] == "twelve"
    assert [len(line) for line in wrapped("城" * 60, 3.5).split("\n")] == [20, 20, 20]


def test_residual_map_draws_residuals_over_sigma(states):
    panel, w = states
    res = nq.fit("lgsp ~ lpc + lemp", panel, w)
    ax = nq.plots.residual_map(res, panel, period=1986)
    scaled = res.resid.xs(1986, level="period") / np.sqrt(res.sigma2)
    counts = pd.cut(scaled, [-np.inf, -2, -1, 1, 2, np.inf]).value_counts(sort=False)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [int(re.search(r"\((\d+)\)", text).group(1)) for text in texts] == counts.tolist()
    assert ax.get_legend().get_title().get_text() == "Standardised residual, 1986"
    with pytest.raises(nq.errors.PanelError, match=r"name one, as in period=1986$"):
        nq.plots.residual_map(res, panel)


def test_unit_effects_map_draws_each_side(states):
    panel, w = states
    res = nq.fit("lgsp ~ lpc + lemp", panel, w)
    for side, words in (("received", "received from all others"), ("sent", "sent to all others")):
        ax = nq.plots.unit_effects_map(res, panel, "lpc", side)
        legend = ax.get_legend()
        assert legend.get_title().get_text() == f"Private capital (log): {words}"
        assert len(legend.get_texts()) == 5
    with pytest.raises(OptionError, match="side must be one of 'own', 'received', 'sent'"):
        nq.plots.unit_effects_map(res, panel, "lpc", "both")


def test_few_digits_do_not_give_two_classes_one_name():
    panel = nq.datasets.us_income().select(periods=[2009])
    values = pd.Series(np.linspace(0.025, 0.028, panel.n_units), index=panel.units)
    texts = nq.plots.choropleth(panel, values, digits=2).get_legend().get_texts()
    assert len({text.get_text() for text in texts}) == 5


# -- what is refused ------------------------------------------------------------------------------


def test_keywords_that_matplotlib_does_not_take_are_an_error_that_shows_them(grid):
    with pytest.raises(OptionError, match=r"keywords of a layer, \{'colour': 'red'\}: .*colour"):
        nq.plots.choropleth(grid, "x", shapes_kw={"colour": "red"})
    with pytest.raises(OptionError, match="no option 'tilte'; did you mean 'title'"):
        nq.plots.choropleth(grid, "x", tilte="X")
    with pytest.raises(OptionError, match=r"width must be a number above 0 to 50, got 0 \(int\)"):
        nq.plots.choropleth_periods(grid, "x", width=0)
    with pytest.raises(OptionError, match="cmap must be a colour map of matplotlib or None"):
        nq.plots.choropleth(grid, "x", cmap="rainbows")
    with pytest.raises(CrsError, match="crs must be 'auto', None or a coordinate reference"):
        nq.plots.choropleth(grid, "x", crs="EPSG:none")


def test_periods_with_gaps_and_categories(grid):
    frame = grid.frame.reset_index()
    later = frame.assign(period=1, x=frame["x"] * 2)
    both = pd.concat([frame.assign(period=0), later]).reset_index(drop=True)
    both.loc[3, "x"] = np.nan
    both["kind"] = np.where(both["x"] > 24, "high", "low")
    panel = nq.SpatialPanel(both, unit="unit", period="period", geometry=grid.geometry)
    figure = nq.plots.choropleth_periods(panel, "x", classes=3)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][-1] == "No data"
    figure = nq.plots.choropleth_periods(panel, "kind")
    assert len(figure.axes) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["high", "low"]
    assert len(set(drawn_colours(figure.axes[0]))) == 1  # all are low, in the colour of low
    assert set(drawn_colours(figure.axes[0])) < set(drawn_colours(figure.axes[1]))
    empty = panel.assign(x=np.nan)
    with pytest.raises(PanelError, match="no finite value of 'x'"):
        nq.plots.choropleth_periods(empty, "x")


def test_intervals_without_end_reach_the_edges(states):
    panel, w = states
    res = nq.fit("lgsp ~ lpc * unemp + lemp", panel, w, effects="unit")

    def unbounded(effects, name):
        frame = effects.frame.copy()
        open_ = frame["variable"] == name
        frame.loc[open_, ["conf_low", "conf_high"]] = [-np.inf, np.inf]
        return dataclasses.replace(effects, frame=frame)

    figure = nq.plots.effects(unbounded(res.effects(method="delta"), "lpc"), share_scale=True)
    ax = figure.axes[0]
    assert ax.lines[0].get_xdata() == pytest.approx(ax.get_xlim())
    assert {line.get_marker() for line in ax.lines[:3]} >= {"<", ">"}
    at = res.effects(method="delta", at={"unemp": [4, 7]})
    for ax in nq.plots.effects_at(unbounded(at, "lpc"), variables=["lpc"]).axes:
        heights = ax.collections[0].get_paths()[0].vertices[:, 1]
        assert heights.min() < ax.get_ylim()[0] and heights.max() > ax.get_ylim()[1]


def test_labels_of_paths_in_chinese_have_full_width_commas(states):
    panel, w = states
    res = nq.spillovers.mediation("lgsp ~ lemp + lpc", "lemp ~ lpc", panel, w, method="delta")
    labels = [text.get_text() for text in nq.plots.estimates(res, lang="zh").get_yticklabels()]
    assert all("，" in words and ", " not in words for words in labels)


def test_effects_over_a_moderator(states):
    panel, w = states
    panel = panel.assign(late=np.where(np.arange(len(panel.frame)) % 17 % 3 == 0, "a", "b"))
    res = nq.fit("lgsp ~ lpc * unemp * C(late) + lemp", panel, w, effects="unit")
    effects = res.effects(draws=50, at={"unemp": [10, 4, 7], "late": ["a", "b"]})
    figure = effects.plot(variables=["lpc"])
    axes = np.array(figure.axes).reshape(2, 3)
    for row, value in zip(axes, ["a", "b"], strict=True):
        for ax, kind in zip(row, ["direct", "indirect", "total"], strict=True):
            keys = effects.frame[["variable", "effect", "late"]]
            rows = effects.frame[(keys == ["lpc", kind, value]).all(axis=1)].sort_values("unemp")
            assert ax.lines[0].get_xdata().tolist() == [4, 7, 10]
            np.testing.assert_array_equal(ax.lines[0].get_ydata(), rows["estimate"])
            heights = ax.collections[0].get_paths()[0].vertices[:, 1]
            assert heights.min() == rows["conf_low"].min()
            assert heights.max() == rows["conf_high"].max()
        assert f"late = {value}" in row[0].get_ylabel()
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    # The effect of lemp depends on no value; the contrast of late does not depend on late.
    rows_of = [ax.get_ylabel() for ax in effects.plot().axes if ax.get_ylabel()]
    assert len(rows_of) == 3
    points = effects.plot(moderator="late", variables=["lpc"], effects=["total"])
    assert [text.get_text() for text in points.axes[0].get_xticklabels()] == ["a", "b"]
    assert type(points.legends[0].legend_handles[0]).__name__ == "Line2D"
    one = res.effects(draws=50, at={"unemp": [5], "late": ["a"]}).plot(variables=["lpc"])
    assert [text.get_text() for text in one.axes[0].get_xticklabels()] == ["5"]
    assert type(one.legends[0].legend_handles[0]).__name__ == "Line2D"
    for wrong in ({"moderator": "lpc"}, {"variables": ["z"]}, {"effects": []}):
        with pytest.raises(OptionError, match="must be among"):
            effects.plot(**wrong)
    with pytest.raises(OptionError, match=r"plots\.effects_at"):
        nq.plots.effects(effects)
    with pytest.raises(OptionError, match="at stated values"):
        nq.plots.effects_at(res.effects(draws=50))
    many = res.effects(draws=50, at={"late": ["a"], "unemp": range(3, 12)})
    with pytest.raises(OptionError, match="panels"):
        many.plot(moderator="late", variables=["lpc"])


def test_effects_of_several_horizons_stand_side_by_side():
    cities = nq.datasets.simulate_cities(seed=0)
    w = nq.weights.contiguity(cities, islands="nearest")
    model = nq.fit("nqp ~ human_capital + marketisation", cities, w, time_lag=True)
    result = model.effects(draws=50, seed=0, horizons=[0, 1, 2])
    figure = nq.plots.effects(result)  # the named ones: all would be five
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["Short run", "Long run"]
    assert figure.get_figwidth() == nq.plots.PAGE
    for ax, horizon in zip(figure.axes, ["short-run", "long-run"], strict=True):
        rows = result.frame[result.frame["horizon"] == horizon]
        points = [line.get_xdata()[0] for line in ax.lines if line.get_marker() in "osD"]
        np.testing.assert_allclose(points, rows["estimate"])
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] != []
    assert figure.axes[1].get_yticks().size == 0
    chosen = nq.plots.effects(result, horizon=[0, 2, "long-run"], variables=["marketisation"])
    titles = [ax.get_title(loc="left") for ax in chosen.axes]
    assert titles == ["Period 0", "Period 2", "Long run"]
    assert len(nq.plots.effects(result, horizon="long-run").axes) == 1
    with pytest.raises(OptionError, match="horizon must be among 'short-run', 'long-run', 0, 1, 2"):
        nq.plots.effects(result, horizon="longrun")
    with pytest.raises(OptionError, match="at 5 horizons, 4 at most"):
        nq.plots.effects(result, horizon=["short-run", "long-run", 0, 1, 2])


@pytest.mark.parametrize("names", ["english", "chinese"])
def test_names_cover_neither_points_nor_each_other(names):
    """In pixels of the drawn figure, measured anew: names once lay over points and each other."""
    rng = np.random.default_rng(3)
    points = rng.normal(size=(60, 2)) @ [[1.0, 0.6], [0.0, 0.8]]
    # Five points in a small heap, whose names have no room beside all of them.
    points[:5] = [2.0, 2.2] + 0.03 * rng.normal(size=(5, 2))
    words = {"english": "Rhode Island {}", "chinese": "西双版纳傣族自治州{}"}[names]
    order = [*range(5), *np.argsort(-np.abs(points[5:].prod(axis=1)))[:7] + 5]
    with theme.themed():
        figure, ax = plt.subplots(figsize=(3.5, 3.3))
        ax.plot(*points.T, "o", ms=4)
        ax.axhline(0)
        ax.set(xlim=(-4, 4), ylim=(-4, 4))
        written = name_points(ax, points, order, [words.format(i) for i in order])
    figure.canvas.draw()
    boxes = [Text.get_window_extent(text) for text in written]  # without the lines
    dots = ax.transData.transform(points)
    for i, box_ in enumerate(boxes):
        covered = (dots > [box_.x0, box_.y0]).all(axis=1) & (dots < [box_.x1, box_.y1]).all(axis=1)
        assert not covered.any()
        assert not any(box_.overlaps(other) for other in boxes[:i])
        assert ax.get_window_extent().contains(box_.x0 + 1, box_.y0 + 1)
        assert ax.get_window_extent().contains(box_.x1 - 1, box_.y1 - 1)
    # The names of the heap stand away from it, with a line to their points.
    assert sum(text.arrow_patch is not None for text in written) >= 2
    again = name_points(ax, points, [], [])
    assert again == []


def test_segments_are_seen_to_cross_a_name():
    """Of a box from (0, 0) to (2, 1): through it, along its side, inside, past it."""
    segments = np.array([
        [-1, -1, 3, 2], [-1, 0.5, 3, 0.5], [1, -5, 1, 5], [0.5, 0.2, 0.6, 0.3],
        [-1, 2, 3, 2], [3, 0, 3, 1], [-2, -1, -1, 3], [-1.0, 1.5, 1.0, 3.0],
    ])  # fmt: skip
    counts = [_crossings(np.array([[0.0, 0, 2, 1]]), segment[None])[0] for segment in segments]
    assert counts == [1, 1, 1, 1, 0, 0, 0, 0]
