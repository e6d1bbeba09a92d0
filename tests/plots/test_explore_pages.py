"""The explorer in a browser: what is touched in one view, the others show."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from tests.browser import CHROMIUM, browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")


@pytest.fixture(scope="module")
def tab():
    with browser() as tab:
        yield tab


def shown(tab, page, width=1400):
    """Open a page, wait until its charts are drawn, and see that it reads well."""
    tab.open(page, width)
    settled(tab)
    assert tab.complaints() == [], width
    assert tab.overflow() <= 0, width
    assert tab.smallest_text() >= 10, width


def settled(tab):
    """Wait for two frames and the runs of views that the page has begun; begin none."""
    tab.evaluate(
        "(async () => { await explorer.ready;"
        " for (let k = 0; k < 2; k += 1) { await new Promise(r => {"
        " requestAnimationFrame(() => r()); setTimeout(r, 200); });"
        " for (const v of Object.values(explorer.views)) await v._running; } })()"
    )


def place(tab, view, unit):
    """Return where on the screen a unit's item of a view is: shapes by their point inside."""
    code = f"""(() => {{
      const v = explorer.views[{view!r}], d = explorer.data, s = explorer.state;
      const box = v.container().querySelector('canvas').getBoundingClientRect();
      const o = v.origin().map((side) => side + v.padding().left);
      const at = (row) => row.length === 1 ? row[0] : row[s.period];
      const q = d.variables[s.variable];
      const [x, y] = {view!r} === 'map' ? d.points[{unit}] : [at(q.x[{unit}]), at(q.y[{unit}])];
      return [box.left + o[0] + v.scale('x')(x), box.top + o[1] + v.scale('y')(y)];
    }})()"""
    return tab.evaluate(code)


def mouse(tab, kind, x, y, **more):
    pressed = {"button": "left", "clickCount": 1} if kind != "mouseMoved" else {}
    tab.do("Input.dispatchMouseEvent", type=kind, x=x, y=y, **pressed, **more)


def click(tab, x, y, **more):
    mouse(tab, "mouseMoved", x, y)
    settled(tab)
    mouse(tab, "mousePressed", x, y, **more)
    mouse(tab, "mouseReleased", x, y, **more)
    settled(tab)


def drag(tab, start, end):
    mouse(tab, "mouseMoved", *start)
    mouse(tab, "mousePressed", *start, buttons=1)
    for share in (0.3, 0.7, 1.0):
        x, y = (a + share * (b - a) for a, b in zip(start, end, strict=True))
        tab.do("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, button="left", buttons=1)
        settled(tab)
    mouse(tab, "mouseReleased", *end)
    settled(tab)


def marked(tab, view):
    """Return the units that a view shows as marked, from what it draws."""
    name = {"map": "marked_marks", "second": "points_marks", "lines": "marked_pathgroup"}[view]
    code = f"""(() => {{
      const marks = [];
      const walk = (mark) => {{ if (mark.name === {name!r}) marks.push(mark);
        for (const item of mark.items || []) {{ if (item.items) item.items.forEach(walk); }} }};
      walk(explorer.views[{view!r}].scenegraph().root);
      const items = marks.flatMap(mark => mark.items);
      if ({view!r} === 'lines')
        return items.map(g => g.items[0].items[0]).filter(d => d).map(d => d.datum.i);
      if ({view!r} === 'second') return items.filter(d => d.opacity > 0.5).map(d => d.datum.i);
      return items.map(d => d.datum.i);
    }})()"""
    return sorted(tab.evaluate(code))


@pytest.fixture(scope="module")
def panel():
    return nq.datasets.us_income().select(periods=range(1990, 2010))


@pytest.fixture(scope="module")
def page(panel, tmp_path_factory):
    path = tmp_path_factory.mktemp("explorer") / "page.html"
    w = nq.weights.contiguity(panel)
    return nq.plots.explore(panel, path, weights=w, names="name")


@pytest.mark.parametrize("width", [400, 1400])
def test_the_page_reads_well_and_asks_for_nothing(tab, page, width):
    shown(tab, page, width)
    assert tab.evaluate("[...document.querySelectorAll('.view canvas')].length") == 3
    assert tab.evaluate("document.querySelector('main').getBoundingClientRect().width") > 0.85 * (
        width - 20
    )
    asked = [e for e in tab.events if e.get("method") == "Network.requestWillBeSent"]
    assert all(e["params"]["request"]["url"].startswith(("file:", "data:")) for e in asked)


def test_a_click_on_the_map_marks_the_unit_everywhere(tab, page, panel):
    shown(tab, page)
    unit = panel.units.get_loc("TX")
    click(tab, *place(tab, "map", unit))
    assert marked(tab, "map") == [unit]
    assert marked(tab, "second") == [unit]
    assert marked(tab, "lines") == [unit]
    text = tab.evaluate("document.getElementById('marked').textContent")
    assert "Texas" in text
    assert f"{panel.frame.loc[('TX', 2009), 'income']:,.0f}" in text
    # With Shift another joins it; a click on the same takes it away; Escape clears.
    other = panel.units.get_loc("KS")
    click(tab, *place(tab, "map", other), modifiers=8)
    assert marked(tab, "lines") == sorted([unit, other])
    click(tab, *place(tab, "map", unit), modifiers=8)
    assert marked(tab, "second") == [other]
    tab.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
    settled(tab)
    assert marked(tab, "map") == []
    assert len(marked(tab, "second")) == panel.n_units


def test_a_rectangle_in_the_scatter_marks_units_on_the_map(tab, page, panel):
    shown(tab, page)
    income = panel.frame["income"].xs(2009, level="period")
    z = (income - income.mean()) / income.std(ddof=0)
    lag = pd.Series(nq.weights.contiguity(panel).sparse @ z.to_numpy(), z.index)
    wanted = np.flatnonzero((z > 0.5).to_numpy())
    v = "explorer.views.second"
    left, top, right, bottom = tab.evaluate(
        f"(() => {{ const v = {v}, b = v.container().querySelector('canvas')"
        ".getBoundingClientRect(), o = v.origin().map(k => k + 5),"
        " x = v.scale('x'), y = v.scale('y');"
        f" return [b.left + o[0] + x(0.5), b.top + o[1] + y({lag.max() + 0.1}),"
        f" b.left + o[0] + x({z.max() + 0.1}), b.top + o[1] + y({lag.min() - 0.1})]; }})()"
    )
    drag(tab, (left, top), (right, bottom))
    assert marked(tab, "map") == wanted.tolist()
    assert marked(tab, "lines") == wanted.tolist()
    # A rectangle on the map takes its place.
    start = place(tab, "map", panel.units.get_loc("WA"))
    end = place(tab, "map", panel.units.get_loc("NV"))
    drag(tab, (min(start[0], end[0]) - 25, start[1] - 8), (end[0] + 15, end[1] + 15))
    west = {panel.units[i] for i in marked(tab, "second")}
    assert {"WA", "OR", "NV"} <= west
    assert not west & {"TX", "NY", "FL"}
    assert tab.evaluate(f"{v}.data('brush_store').length") == 0
    assert marked(tab, "map") == marked(tab, "lines") == marked(tab, "second")


def test_the_slider_drives_map_and_scatter(tab, page, panel):
    shown(tab, page)
    before = tab.evaluate("explorer.views.map.signal('fills')")
    tab.evaluate(
        "(() => { const p = document.getElementById('period'); p.value = 0;"
        " p.dispatchEvent(new Event('input')); })()"
    )
    settled(tab)
    after = tab.evaluate("explorer.views.map.signal('fills')")
    assert before != after
    assert "1990" in tab.evaluate("document.getElementById('map_heading').textContent")
    income = panel.frame["income"].xs(1990, level="period")
    z = (income - income.mean()) / income.std(ddof=0)
    np.testing.assert_allclose(tab.evaluate("explorer.views.second.signal('xs')"), z, rtol=1e-4)
    moran = nq.esda.moran(panel.select(periods=[1990]), "income", nq.weights.contiguity(panel))
    said = tab.evaluate("document.getElementById('remark').textContent")
    assert f"{moran.frame['moran_i'].iloc[0]:.3f}" in said
    # The colours of the map are those of the static map's classes.
    cuts = np.quantile(panel.frame["income"], [0.2, 0.4, 0.6, 0.8])
    classes = tab.evaluate("explorer.data.variables[0].classes.map(c => c.colour)")
    assert after == [classes[k] for k in np.searchsorted(cuts, income, side="left")]
    # Classes of the period alone: about as many units in each.
    tab.evaluate(
        "(() => { const c = document.getElementById('classes'); c.value = 'each';"
        " c.dispatchEvent(new Event('change')); })()"
    )
    settled(tab)
    counts = pd.Series(tab.evaluate("explorer.views.map.signal('fills')")).value_counts()
    assert counts.between(8, 12).all()


def test_the_drop_down_changes_the_variable(tab, page, panel):
    shown(tab, page)
    tab.evaluate("explorer.setVariable(1)")
    settled(tab)
    label = panel.label("relative_income")
    assert label in tab.evaluate("document.getElementById('map_heading').textContent")
    values = panel.wide("relative_income").mean().to_numpy()
    np.testing.assert_allclose(tab.evaluate("explorer.views.lines.signal('means')"), values, 1e-4)
    assert tab.complaints() == []


def test_a_place_is_found_by_its_name(tab, page, panel):
    shown(tab, page)
    tab.evaluate(
        "(() => { const f = document.getElementById('find'); f.value = 'Nevada';"
        " f.dispatchEvent(new Event('change')); })()"
    )
    settled(tab)
    assert marked(tab, "map") == [panel.units.get_loc("NV")]
    # An entry of the legend selects its class.
    tab.evaluate("document.querySelector('#legend button:not([disabled])').click()")
    settled(tab)
    code = tab.evaluate(
        "Number(document.querySelector('#legend button:not([disabled])').dataset.code)"
    )
    codes = tab.evaluate("explorer.data.variables[0].codes.map(r => r[r.length - 1])")
    assert marked(tab, "map") == [i for i, c in enumerate(codes) if c == code]


def test_a_tooltip_names_the_unit_and_its_value(tab, page, panel):
    shown(tab, page)
    unit = panel.units.get_loc("CO")
    for view in ("map", "second"):
        mouse(tab, "mouseMoved", 5, 5)
        mouse(tab, "mouseMoved", *place(tab, view, unit))
        settled(tab)
        assert not tab.evaluate("document.getElementById('tip').hidden"), view
        text = tab.evaluate("document.getElementById('tip').textContent")
        assert "Colorado" in text
        assert f"{panel.frame.loc[('CO', 2009), 'income']:,.0f}" in text
        assert "2009" in text


HOSTILE = [
    "</script><script>window.harmed = 1</script>", "<img src=x onerror='window.harmed=1'>",
    "a.b[0]", "datum['x']", 'quote " and \' and \\', "{{ 7 * 7 }}", "${1+1}", "&lt;b&gt;",
    "http://example.org/x.png",
]  # fmt: skip


def test_hostile_names_are_shown_and_never_run(tab, tmp_path):
    frame = pd.DataFrame(
        [{"id": name, "t": t} for t in (1, 2) for name in HOSTILE], columns=["id", "t"]
    )
    for column in HOSTILE:
        frame[column] = np.arange(len(frame), dtype=float)
    frame["kind"] = [HOSTILE[i % 3] for i in range(len(frame))]
    panel = nq.SpatialPanel(frame, unit="id", period="t", labels={"kind": "image"})
    page = nq.plots.explore(panel, tmp_path / "page.html", title=HOSTILE[0], variables=[
        *HOSTILE, "kind"])  # fmt: skip
    shown(tab, page, 400)
    for k in range(len(HOSTILE) + 1):
        tab.evaluate(f"explorer.setVariable({k})")
        settled(tab)
        tab.evaluate("explorer.choose([0, 1, 2])")
        settled(tab)
    mouse(tab, "mouseMoved", 5, 5)
    tab.evaluate("explorer.setVariable(0)")
    settled(tab)
    assert tab.complaints() == []
    assert tab.evaluate("window.harmed === undefined")
    assert tab.evaluate("document.querySelector('h1').textContent") == HOSTILE[0]
    assert tab.evaluate("document.images.length") == 0
    assert sorted(tab.evaluate("explorer.data.units")) == sorted(HOSTILE)
    text = tab.evaluate("document.getElementById('marked').textContent")
    assert all(name in text for name in panel.units[:3])
    options = tab.evaluate("[...document.querySelectorAll('#variable option')].map(o => o.text)")
    assert json.loads(json.dumps(options))[1] == HOSTILE[1]


# -- results ---------------------------------------------------------------------------------------


def test_a_cell_selects_the_regions_that_made_the_transition(tab, panel, tmp_path):
    chain = nq.dynamics.markov(panel, "income", states=3, relative=True)
    page = nq.plots.explore(chain, tmp_path / "chain.html", panel=panel, names="name")
    shown(tab, page)
    tab.evaluate("explorer.setPeriod(4)")
    settled(tab)
    x, y = tab.evaluate(
        "(() => { const v = explorer.views.second, o = v.origin(), p = v.padding().left,"
        " b = v.container().querySelector('canvas').getBoundingClientRect(), c = v.scale('x');"
        " return [b.left + o[0] + p + c('2') + c.bandwidth() / 2,"
        " b.top + o[1] + p + v.scale('y')('2') + v.scale('y').bandwidth() / 2]; })()"
    )
    click(tab, x, y)
    values = panel.wide("income") / panel.wide("income").mean()
    low, high = chain.cuts
    middle = (values > low) & (values <= high)
    wanted = np.flatnonzero((middle[1994] & middle[1995]).to_numpy())
    assert len(wanted)
    assert marked(tab, "map") == wanted.tolist()
    assert marked(tab, "lines") == wanted.tolist()
    assert "1994 → 1995" in tab.evaluate("document.getElementById('marked').textContent")
    assert tab.complaints() == []


def test_clusters_clubs_and_effects_read_well(tab, panel, tmp_path):
    w = nq.weights.contiguity(panel)
    lisa = nq.esda.lisa(panel, "income", w, period=2009, seed=0)
    model = nq.fit("income ~ relative_income", panel, w, effects="unit", model="sar")
    clubs = nq.convergence.clubs(nq.datasets.us_income(), "income", logs=True)
    for name, result in {"lisa": lisa, "model": model, "clubs": clubs}.items():
        page = nq.plots.explore(result, tmp_path / f"{name}.html", panel=panel, lang="zh")
        for width in (400, 1400):
            shown(tab, page, width)
    # A cluster's units, by its entry of the legend, in Moran's scatter plot.
    shown(tab, tmp_path / "lisa.html")
    tab.evaluate("document.querySelector('#legend button').click()")
    settled(tab)
    high = np.flatnonzero(lisa.frame["cluster"] == "High-High").tolist()
    assert marked(tab, "second") == high
    assert "高-高" in tab.evaluate("document.querySelector('#legend button').textContent")
