"""What a map shows: a part of the units, places without data, one legend, colours of clubs."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from shapely.geometry import MultiPolygon, Polygon, box

import nqp_spatial as nq
from nqp_spatial.errors import GeometryError, OptionError
from nqp_spatial.plots._club_styles import club_styles


def cells(west, south, columns, rows, size=2.0):
    return [
        box(west + size * i, south + size * j, west + size * (i + 1), south + size * (j + 1))
        for j in range(rows)
        for i in range(columns)
    ]


@pytest.fixture(scope="module", name="europe")
def _europe():
    return continent()


def continent():
    """A continent of 20 x 15 squares, an island nearby and four regions overseas."""
    shapes = cells(-10, 36, 20, 15)
    island = box(-14, 60, -12, 62)  # 2 degrees off the coast
    overseas = [box(-62, 15, -60, 17), box(-54, 2, -51, 6), box(55, -22, 56, -20)]
    # A country whose last part lies in the Atlantic, as that of Portugal.
    shapes[0] = MultiPolygon([shapes[0], box(-31, 37, -30, 38)])
    names = [f"R{i:03d}" for i in range(len(shapes))] + ["IS", "FRY1", "FRY3", "FRY4"]
    frame = gpd.GeoDataFrame(
        {"region": names, "x": np.arange(len(names), dtype=float)},
        geometry=[*shapes, island, *overseas], crs="EPSG:4326",
    )  # fmt: skip
    return nq.SpatialPanel(frame, unit="region")


def entries_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def scale_of(ax):
    """Square metres of the map that the figure shows."""
    return np.ptp(ax.get_xlim()) * np.ptp(ax.get_ylim())


def test_overseas_regions_do_not_shrink_a_continent(europe):
    whole = nq.plots.choropleth(europe, "x")
    main = nq.plots.choropleth(europe, "x", extent="main")
    assert scale_of(main) < scale_of(whole) / 5
    assert entries_of(main)[-1] == "Outside this map (3)"
    assert not any("Outside" in entry for entry in entries_of(whole))
    # Counts are of all regions, whether they are shown or not.
    counts = [int(entry.split("(")[1][:-1]) for entry in entries_of(main)[:-1]]
    assert sum(counts) == europe.n_units
    # Squares of the continent and the island are drawn, none of the others.
    drawn = sum(len(c.get_paths()) for c in main.collections)
    assert drawn == 301
    # The part of a unit in the Atlantic lies outside, though the unit is shown.
    lon = europe.geometry.to_crs(main_crs(europe)).geometry.loc["R000"].bounds[0]
    assert lon < main.get_xlim()[0]


def main_crs(panel):
    from nqp_spatial.plots.maps._basemap import MapStyle, basemap_of

    return basemap_of(panel, MapStyle(extent="main")).shapes.crs


def test_the_projection_fits_what_is_shown(europe):
    """Areas are true, and the middle meridian is that of the continent."""
    crs = main_crs(europe)
    assert crs.to_dict()["lon_0"] == 8  # from 14 degrees west to 30 degrees east
    areas = europe.geometry.to_crs(crs).area / europe.geometry.to_crs("EPSG:6933").area
    assert areas.std() / areas.mean() < 2e-3


@pytest.mark.parametrize("crs", ["auto", None, "EPSG:3035"])
def test_a_box_of_degrees_is_shown_in_any_projection(europe, crs):
    ax = nq.plots.choropleth(europe, "x", extent=(-12, 34, 34, 70), crs=crs)
    assert entries_of(ax)[-1] == "Outside this map (3)"
    shown = europe.geometry if crs is None else europe.geometry.to_crs(main_crs_of(europe, crs))
    corner = shown.geometry.loc["R150"].centroid
    assert ax.get_xlim()[0] < corner.x < ax.get_xlim()[1]
    assert ax.get_ylim()[0] < corner.y < ax.get_ylim()[1]
    far = shown.geometry.loc["FRY4"].centroid
    assert not (ax.get_xlim()[0] < far.x < ax.get_xlim()[1] and far.y > ax.get_ylim()[0])
    if crs is None:
        assert ax.get_xlim() == pytest.approx((-12 - 0.46, 34 + 0.46))
        assert ax.get_ylim() == pytest.approx((34 - 0.46, 70 + 0.46))


def main_crs_of(panel, crs):
    from nqp_spatial.plots.maps._basemap import MapStyle, basemap_of

    return basemap_of(panel, MapStyle(extent=(-12, 34, 34, 70), crs=crs)).shapes.crs


def test_a_box_in_units_of_the_map(europe):
    options = {"crs": "EPSG:3035", "extent_units": "map"}
    ax = nq.plots.choropleth(europe, "x", extent=(3e6, 2e6, 5e6, 4e6), **options)
    assert ax.get_xlim() == pytest.approx((3e6 - 2e4, 5e6 + 2e4))
    bare = europe.geometry.set_crs(None, allow_override=True)
    frame = europe.frame.reset_index()
    panel = nq.SpatialPanel(frame, unit="unit", period="period", geometry=bare)
    ax = nq.plots.choropleth(panel, "x", extent=(0, 40, 10, 50))  # no CRS: units of its own
    assert ax.get_xlim() == pytest.approx((-0.1, 10.1))


def test_all_maps_take_an_extent(figures):
    box_ = (-100, 30, -80, 45)
    for name in ["choropleth", "club_map", "forecast_map", "lisa_map", "significance_map",
                 "residual_map", "unit_effects_map", "weights_map", "effects_arrows",
                 "centre_path"]:  # fmt: skip
        function, arguments, options = figures[name]
        ax = function(*arguments, **{**options, "extent": box_})
        assert "Outside this map (" in " ".join(entries_of(ax)), name
        assert np.ptp(ax.get_xlim()) < 2.2e6, name
    for name in ["choropleth_periods", "lisa_maps"]:
        function, arguments, options = figures[name]
        figure = function(*arguments, **options, extent=box_)
        assert "Outside this map (" in figure.legends[0].get_texts()[-1].get_text()
        assert all(np.ptp(ax.get_xlim()) < 2.2e6 for ax in figure.axes)
        plt.close("all")


def test_bad_extents_say_what_is_wanted(europe):
    with pytest.raises(OptionError, match="west, south, east, north, in rising order"):
        nq.plots.choropleth(europe, "x", extent=(30, 34, -12, 70))
    with pytest.raises(OptionError, match="extent_units='map'"):
        nq.plots.choropleth(europe, "x", extent=(3e6, 2e6, 5e6, 4e6))
    with pytest.raises(GeometryError, match=r"no unit lies in extent=\(100.*-62, -22, 56, 66"):
        nq.plots.choropleth(europe, "x", extent=(100, 10, 120, 20))
    with pytest.raises(OptionError, match="extent must be"):
        nq.plots.choropleth(europe, "x", extent="mainland")
    with pytest.raises(OptionError, match="has no option 'figsize'; did you mean 'width'"):
        nq.plots.choropleth(europe, "x", figsize=(6, 4))
    with pytest.raises(OptionError, match=r"cmap must be .* did you mean 'YlGnBu'"):
        nq.plots.choropleth(europe, "x", cmap="ylgnb")


def test_the_period_of_a_series_of_maps_is_not_an_option():
    with pytest.raises(OptionError, match="no option 'period'; did you mean 'periods'"):
        nq.plots.choropleth_periods(nq.datasets.us_income(), "income", period=2009)


def test_the_north_arrow_does_not_lean(europe):
    """Overseas regions to the west once put the arrow where meridians lean by 45 degrees."""
    for options in ({}, {"extent": "main"}, {"crs": "EPSG:3035"}):
        ax = nq.plots.choropleth(europe, "x", north_arrow=True, **options)
        arrow = next(text for text in ax.texts if getattr(text, "arrow_patch", None) is not None)
        across, up = np.array(arrow.xy) - np.array(arrow.xyann)
        assert abs(across) < np.tan(np.radians(15)) * up


def test_units_without_results_are_in_the_legend(figures):
    capital = nq.datasets.us_public_capital()
    units = capital.units[:40]
    part = capital.select(units=units)
    w = nq.weights.contiguity(part, islands="nearest")
    lisa = nq.esda.lisa(part, "lgsp", w, period=1986, permutations=99, seed=0)
    clubs = nq.convergence.clubs(part, "lgsp")
    for ax in (
        nq.plots.lisa_map(lisa, capital),
        nq.plots.lisa_map(lisa, capital, tiers=True),
        nq.plots.significance_map(lisa, capital),
        nq.plots.club_map(clubs, capital),
        nq.plots.choropleth(capital, part.frame["lgsp"].xs(1986, level="period")),
    ):
        missing = f"No data ({capital.n_units - 40})"
        assert entries_of(ax)[-1] == missing
        assert ax.get_legend().get_patches()[-1].get_hatch() == "////"
        assert sum(len(c.get_paths()) for c in ax.collections if c.get_hatch()) >= 8
    figure = nq.plots.lisa_maps([lisa], capital)
    assert figure.legends[0].get_texts()[-1].get_text() == "No data"


def test_land_without_units_is_hatched_and_in_the_legend():
    capital = nq.datasets.us_public_capital()
    part = capital.select(units=capital.units[:40])
    states = capital.geometry
    ax = nq.plots.choropleth(part, "lgsp", period=1986, basemap=states)
    assert entries_of(ax)[-1] == "Not in the data"
    land = [c for c in ax.collections if c.get_zorder() == 0]
    assert all(c.get_hatch() for c in land)
    full = nq.plots.choropleth(capital, "lgsp", period=1986, basemap=states)
    assert "Not in the data" not in entries_of(full)
    assert not any(c.get_hatch() for c in full.collections)
    # Points cover no land: nothing can be said of what lies between.
    points = states.to_crs("EPSG:5070")
    points = points.set_geometry(points.centroid)
    dots = nq.SpatialPanel(
        capital.frame[["lgsp"]].reset_index(), unit="unit", period="period", geometry=points
    )
    ax = nq.plots.choropleth(dots, "lgsp", period=1986, basemap=states)
    assert "Not in the data" not in entries_of(ax)


def test_clubs_can_be_told_apart(figures):
    """Any two of twelve clubs differ by hatch, or by colour as plainly as two of the palette."""

    def lightness(colour):
        linear = np.array(to_rgb(colour)) ** 2.2
        return 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16

    for count in (2, 6, 7, 10, 12, 20):
        looks = club_styles(count)
        assert len(looks) == count
        assert len({(style.colour, style.hatch) for style in looks}) == count
        assert len({(style.colour, style.line) for style in looks}) == count
        if count > 6:
            shades = list(dict.fromkeys(style.colour for style in looks))
            steps = np.diff([lightness(shade) for shade in shades])
            assert (steps > 12).all(), count  # from dark to light, in grey print too
    function, arguments, _ = figures["club_map"]
    clubs = arguments[0]
    numbers = np.arange(len(clubs.membership)) % 10 + 1
    frame = pd.DataFrame({"units": np.bincount(numbers)[1:]}, index=pd.RangeIndex(1, 11))
    paths = pd.DataFrame(1.0, index=frame.index, columns=clubs.paths.columns)
    membership = pd.Series(numbers, clubs.membership.index, dtype="Int64")
    many = replace(clubs, membership=membership, frame=frame, club_paths=paths)
    ax = function(many, arguments[1])
    on_map = [to_hex(patch.get_facecolor()) for patch in ax.get_legend().get_patches()]
    ax = nq.plots.transition_paths(many, units=False)
    lines = [line for line in ax.lines if line.get_label().startswith("Club")]
    assert [to_hex(line.get_color()) for line in lines] == on_map


def test_vector_files_hold_no_outline_beyond_the_inset(tmp_path):
    """Clipping hides outlines, but leaves them in a PDF; fine outlines lose unseen detail."""
    china = nq.datasets.china_prefectures()
    frame = pd.DataFrame({"id": china.index, "x": range(len(china))})
    panel = nq.SpatialPanel(frame, unit="id", geometry=china.rename_axis("id"))
    ax = nq.plots.choropleth(panel, "x", basemap="china", inset="south-china-sea")
    inset = ax.child_axes[0]
    low, high = inset.get_xlim()
    paths = [path for layer in inset.collections for path in layer.get_paths()]
    filled = [path.vertices[:, 0] for path in paths if len(path.vertices)]
    assert filled
    assert len(filled) < len(paths)
    assert all(x.max() >= low and x.min() <= high for x in filled)
    assert sum(len(path.vertices) > 0 for layer in ax.collections for path in layer.get_paths())


def test_outlines_finer_than_print_are_simplified_and_stay_adjacent():
    """Two areas with a common border of 40 000 vertices, of which print shows few."""
    steps = np.linspace(0, 1, 40_001)
    border = np.column_stack([0.5 + 1e-5 * np.sin(1e4 * steps), steps])
    west = Polygon([*border, (0, 1), (0, 0)])
    east = Polygon([*border, (1, 1), (1, 0)])
    shapes = gpd.GeoDataFrame(geometry=[west, east], index=pd.Index(["w", "e"], name="id"))
    panel = nq.SpatialPanel(
        pd.DataFrame({"id": ["w", "e"], "x": [1.0, 2.0]}), unit="id", geometry=shapes
    )
    ax = nq.plots.choropleth(panel, "x", classes=2)
    drawn = [path.vertices for layer in ax.collections for path in layer.get_paths()]
    assert sum(map(len, drawn)) < 1000
    assert panel.geometry.geometry.loc["w"].equals(west)  # the panel keeps its own
