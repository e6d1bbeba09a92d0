"""What a page of linked views contains, without a browser."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import (
    OptionError,
    PanelError,
    UnknownColumnError,
    UnmatchedIdsError,
)
from nqp_spatial.plots.explorer._geometry import shapes_of
from nqp_spatial.plots.maps._basemap import MapStyle, basemap_of

LIMIT = 5_000_000


@pytest.fixture(scope="module")
def income():
    return nq.datasets.us_income().select(periods=range(2000, 2010))


@pytest.fixture(scope="module")
def w(income):
    return nq.weights.contiguity(income)


def data_of(page):
    """The numbers that a page holds."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.html, re.S)
    return json.loads(found[1])


def layers(chart):
    return {layer.get("name"): layer for layer in chart["layer"]}


def test_a_page_is_one_file_that_asks_for_nothing(income, w, tmp_path):
    page = nq.plots.explore(income, weights=w, names="name")
    path = nq.plots.explore(income, tmp_path / "deep" / "page.html", weights=w, names="name")
    text = path.read_text("utf-8")
    assert text == page.html == page.save(tmp_path / "other.html").read_text("utf-8")
    assert len(text.encode()) < 1_400_000
    # Links to other places, in attributes; names of schemas inside the library are not loaded.
    head, *scripts = re.split(r"<script", text)
    assert not re.findall(r"""(?:src|href)\s*=|@import|url\(""", head)
    assert not any(re.match(r"[^>]*\bsrc\b", script) for script in scripts)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "unsafe-inline" not in policy.split(";")[1]
    assert "Explorer: 48 units x 10 periods, 2 variables, a map" in repr(page)
    inside = page._repr_html_()
    assert inside.startswith('<iframe srcdoc="&lt;!doctype html')
    assert "<script" not in inside


def test_numbers_of_the_page_are_those_of_the_panel(income, w):
    data = data_of(nq.plots.explore(income, weights=w, names="name", variables="income"))
    assert data["units"] == income.frame["name"].xs(2009, level="period").tolist()
    assert data["periods"] == [str(year) for year in range(2000, 2010)]
    (variable,) = data["variables"]
    values = income.wide("income").to_numpy()
    np.testing.assert_allclose(variable["values"], values, rtol=1e-4)
    # Moran's scatter, written out.
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    dense = w.sparse.toarray()
    np.testing.assert_allclose(variable["x"], z, rtol=1e-4)
    np.testing.assert_allclose(variable["y"], dense @ z, rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(
        variable["slopes"], [zt @ dense @ zt / (zt @ zt) for zt in z.T], rtol=1e-4
    )
    moran = nq.esda.moran(income, "income", w).frame["moran_i"]
    assert variable["remarks"] == [f"Moran's I = {value:.3f}" for value in moran]
    # Classes are quantiles of all periods, closed on the right, as on static maps.
    cuts = np.quantile(values, [0.2, 0.4, 0.6, 0.8])
    np.testing.assert_array_equal(variable["codes"], np.searchsorted(cuts, values, side="left"))
    own = np.quantile(values[:, 3], [0.2, 0.4, 0.6, 0.8])
    np.testing.assert_array_equal(
        variable["each"][3]["codes"], np.searchsorted(own, values[:, 3], side="left")
    )
    ax = nq.plots.choropleth(income, "income", period=2003)
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    counts = np.bincount(variable["each"][3]["codes"])
    names = [entry["name"] for entry in variable["each"][3]["classes"]]
    assert entries == [f"{name} ({count})" for name, count in zip(names, counts, strict=True)]


def test_charts_know_fixed_fields_only(income, w):
    """No name of the caller's is a field, where dots and brackets would be read as paths."""
    column = "a.b['c']"
    panel = income.assign(**{column: income.frame["income"]})
    data = data_of(nq.plots.explore(panel, weights=w, variables=[column]))
    (variable,) = data["variables"]
    text = json.dumps([data["map"], variable["chart"], variable["lines"]])
    fields = set(re.findall(r'"field": "(.*?)"', text))
    assert fields == {"h", "v", "x", "y", "i", "fill", "tint"}
    assert layers(variable["lines"])["marked"]["encoding"]["y"]["title"] == column
    assert variable["label"] == column


def test_missing_values_have_no_class_and_no_point(income, w):
    frame = income.frame
    gap = frame["income"].astype(float)
    gap.loc[("TX", 2005)] = np.nan
    panel = income.assign(gap=gap)
    data = data_of(nq.plots.explore(panel, weights=w, variables=["gap"]))
    (variable,) = data["variables"]
    unit, year = panel.units.get_loc("TX"), 5
    assert variable["codes"][unit][year] == -1
    assert variable["values"][unit][year] is None
    assert variable["each"][year]["codes"][unit] == -1
    near = set(np.flatnonzero(w.sparse.toarray()[:, unit])) | {unit}
    absent = {i for i in range(panel.n_units) if variable["x"][i][year] is None}
    assert absent == near
    assert "Moran's I is not computed" in variable["remarks"][year]
    assert f"{len(near)} regions are not shown" in variable["remarks"][year]
    assert "not" not in variable["remarks"][4]
    # Other values are z-scores of those that are known.
    known = panel.wide("gap")[2005].drop("TX")
    z = (known - known.mean()) / known.std(ddof=0)
    ca = panel.units.get_loc("CA")
    assert variable["x"][ca][year] == pytest.approx(z["CA"], rel=1e-4)


def test_a_period_of_equal_values_has_no_scatter(income, w):
    values = income.frame["income"].astype(float)
    values.loc[(slice(None), 2003)] = 5.0
    data = data_of(nq.plots.explore(income.assign(v=values), weights=w, variables=["v"]))
    (variable,) = data["variables"]
    assert {row[3] for row in variable["y"]} == {None}
    assert variable["remarks"][3] == "Moran's I is not computed because values do not differ"
    assert variable["slopes"][3] is None


def test_one_period_has_no_slider_and_one_variable_no_lines(income):
    page = nq.plots.explore(income.select(periods=[2003]), variables=["income"])
    assert 'id="period"' not in page.html
    assert 'id="lines"' not in page.html
    (variable,) = data_of(page)["variables"]
    assert variable["lines"] is None
    assert variable["heading"] == "Ranking"
    ranks = income.wide("income")[2003].rank(ascending=False, method="min")
    np.testing.assert_array_equal(np.ravel(variable["y"]), ranks)


def test_without_geometry_there_is_no_map(income):
    plain = nq.SpatialPanel(income.frame[["income"]].reset_index(), unit="unit", period="period")
    page = nq.plots.explore(plain)
    assert "no map" in repr(page)
    assert 'id="map"' not in page.html
    assert 'id="legend"' in page.html
    assert data_of(page)["map"] is None


def test_points_are_a_map_too(income):
    import geopandas as gpd

    shapes = income.geometry
    centres = gpd.GeoDataFrame(geometry=shapes.representative_point(), index=shapes.index)
    panel = nq.SpatialPanel(
        income.frame[["income"]].reset_index(), unit="unit", period="period", geometry=centres
    )
    data = data_of(nq.plots.explore(panel))
    assert {shape["type"] for shape in data["shapes"]} == {"Point"}


def test_categories_are_counted_and_lines_are_of_a_number(income):
    east = np.where(income.frame.index.get_level_values("unit") < "MO", "a", "b")
    data = data_of(nq.plots.explore(income.assign(side=east), variables=["side", "income"]))
    side, number = data["variables"]
    assert side["kind"] == "bars"
    assert {len(row) for row in side["codes"]} == {1}
    assert side["series"] == 1
    assert number["series"] == 1
    assert side["lines_heading"] == "Over time: Income per head, dollars"


def test_columns_that_cannot_be_drawn_are_named(income):
    page = nq.plots.explore(income)
    assert list(page.notes) == ["State is not shown: it has 48 categories"]
    with pytest.raises(OptionError, match="48 categories are more than"):
        nq.plots.explore(income, variables=["name"])
    with pytest.raises(UnknownColumnError, match="'none'"):
        nq.plots.explore(income, variables="none")
    with pytest.raises(PanelError, match="no column that can be drawn"):
        nq.plots.explore(nq.SpatialPanel(income.frame[["name"]].reset_index(), unit="unit",
                                         period="period"))  # fmt: skip
    with pytest.raises(OptionError, match="must be constant by unit"):
        nq.plots.explore(income, names="income")
    with pytest.raises(OptionError, match=r"\.html"):
        nq.plots.explore(income, "page.pdf")
    with pytest.raises(UnmatchedIdsError):
        nq.plots.explore(income, weights=nq.weights.contiguity(income.select(units=["TX", "OK"])))


# -- outlines --------------------------------------------------------------------------------------


def test_the_shipped_prefectures_and_twenty_periods_stay_small():
    shapes = nq.datasets.china_prefectures()
    rng, size = np.random.default_rng(0), 20
    index = pd.MultiIndex.from_product([shapes.index, range(2001, 2001 + size)])
    frame = pd.DataFrame(rng.lognormal(size=(len(index), 3)), index, ["a", "b", "c"])
    frame.index.names = ["adcode", "year"]
    panel = nq.SpatialPanel(
        frame.reset_index(), unit="adcode", period="year", geometry=shapes[["geometry"]]
    )
    w = nq.weights.contiguity(panel, islands="nearest")
    page = nq.plots.explore(panel, weights=w, basemap="china", lang="zh")
    assert len(page.content.units) == len(shapes) == 370
    assert len(page.html.encode()) < LIMIT
    # Neighbours stay adjacent: they share a vertex on the grid.
    vertices = [
        {tuple(xy) for xy in np.reshape(list(_flat(shape["coordinates"])), (-1, 2)).tolist()}
        for shape in page.shapes.units
    ]
    links = nq.weights.contiguity(panel, islands="keep").sparse.tocoo()
    apart = [(i, j) for i, j in zip(*links.coords, strict=True) if not vertices[i] & vertices[j]]
    assert len(apart) <= 0.01 * links.nnz


def _flat(nested):
    for part in nested:
        if isinstance(part, list):
            yield from _flat(part)
        else:
            yield part


def test_outlines_keep_area_and_place(income):
    import shapely

    basemap = basemap_of(income, MapStyle())
    shapes = shapes_of(basemap)
    made = shapely.from_geojson([json.dumps(shape) for shape in shapes.units])
    low = np.array(basemap.shapes.total_bounds[:2])
    step = (basemap.shapes.total_bounds[2] - low[0]) / 4000
    area = shapely.area(made) * step**2
    np.testing.assert_allclose(area, basemap.shapes.area, rtol=0.05)
    assert shapely.intersects(shapely.buffer(made, 2), shapely.points(shapes.points)).all()


# -- results ---------------------------------------------------------------------------------------


def test_clusters(income, w):
    lisa = nq.esda.lisa(income, "income", w, period=2005, permutations=99, seed=0)
    data = data_of(nq.plots.explore(lisa, panel=income, names="name"))
    cluster, value = data["variables"]
    names = [entry["name"] for entry in cluster["classes"]]
    assert [names[k] for (k,) in cluster["codes"]] == lisa.frame["cluster"].astype(str).tolist()
    assert names == [*nq.esda.lisa(income, "income", w, period=2005).counts.index]
    assert cluster["classes"][0]["colour"] == "#b2182b"
    np.testing.assert_allclose(np.ravel(cluster["x"]), lisa.standardized["z"], rtol=1e-4)
    assert f"{lisa.moran_i:.3f}" in cluster["remarks"][0]
    assert data["periods"][data["start"]] == "2005"
    assert (cluster["series"], value["series"]) == (1, 1)
    # Several periods, without a panel: the slider goes through them.
    later = nq.esda.lisa(income, "income", w, period=2009, permutations=99, seed=0)
    data = data_of(nq.plots.explore([lisa, later], lang="zh"))
    assert data["periods"] == ["2005", "2009"]
    assert data["variables"][0]["classes"][0]["name"] == "高-高"
    with pytest.raises(OptionError, match="in different periods"):
        nq.plots.explore([lisa, lisa])
    with pytest.raises(UnmatchedIdsError, match="panel and result"):
        nq.plots.explore(lisa, panel=income.select(units=["TX", "OK", "KS"]))


def test_effects_of_a_model():
    panel = nq.datasets.us_public_capital()
    result = nq.fit("lgsp ~ lpc + unemp", panel, nq.weights.contiguity(panel), effects="unit")
    page = nq.plots.explore(result, panel=panel, variables=["lpc"])
    data = data_of(page)
    assert data["names"][0] == "lpc sent None"
    sent = result.unit_effects("lpc")["sent"]
    np.testing.assert_allclose(np.ravel(data["variables"][0]["values"]), sent, rtol=1e-4)
    residual = data["variables"][data["names"].index("residual")]
    scaled = (result.resid / np.sqrt(result.sigma2)).unstack()
    np.testing.assert_allclose(residual["values"], scaled, rtol=1e-4)
    assert residual["kind"] == "points"
    assert data["variables"][0]["series"] == data["names"].index("outcome")


def test_clubs():
    panel = nq.datasets.us_income()
    clubs = nq.convergence.clubs(panel, "income", logs=True)
    data = data_of(nq.plots.explore(clubs, panel=panel))
    club, path = data["variables"]
    assert [row[0] + 1 for row in club["codes"]] == clubs.membership.tolist()
    np.testing.assert_allclose(path["values"], clubs.paths, rtol=1e-4)
    assert club["series"] == 1


def test_chains(income, w):
    panel = nq.datasets.us_income()
    chain = nq.dynamics.markov(panel, "income", states=3, relative=True)
    data = data_of(nq.plots.explore(chain, panel=panel))
    state = data["variables"][0]
    codes = np.array(state["codes"])
    moves = np.zeros((3, 3), int)
    np.add.at(moves, (codes[:, :-1].ravel(), codes[:, 1:].ravel()), 1)
    np.testing.assert_array_equal(moves, chain.counts)
    cells = state["chart"]["data"]["values"]
    p = {(cell["row"], cell["column"]): cell["p"] for cell in cells}
    assert p[0, 1] == pytest.approx(chain.probabilities.iloc[0, 1], abs=1e-4)
    wide = nq.weights.contiguity(panel)
    near = nq.dynamics.spatial_markov(panel, "income", wide, states=3, lag_states=3, relative=True)
    data = data_of(nq.plots.explore(near, panel=panel, weights=wide))
    rows, ahead = np.array(data["variables"][0]["rows"]), np.array(data["variables"][0]["codes"])
    moves = np.zeros((9, 3), int)
    np.add.at(moves, (rows[:, :-1].ravel(), ahead[:, 1:].ravel()), 1)
    np.testing.assert_array_equal(moves, near.counts)
    assert (
        np.array(data_of(nq.plots.explore(near, panel=panel))["variables"][0]["rows"]) < 0
    ).all()
    with pytest.raises(OptionError, match="pass panel="):
        nq.plots.explore(chain)
    with pytest.raises(OptionError, match="are not those of the chain"):
        nq.plots.explore(chain, panel=panel.select(periods=range(1929, 2000)))


def test_nothing_heavy_is_loaded_before_a_page_is_made():
    code = "import sys, nqp_spatial.plots; print(*{'altair', 'vl_convert'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
