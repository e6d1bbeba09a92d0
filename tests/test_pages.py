"""The site and a study's page in a browser: nothing fails to load, and they read on a phone."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

import nqp_spatial as nq
from tests.browser import CHROMIUM, browser

ROOT = Path(__file__).parent.parent
SITE = ROOT / "docs" / "_build" / "html"
WIDTHS = (400, 1400)
OF_A_STUDY = (400, 1000, 1400)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")


def assert_reads_well(tab, page, widths=WIDTHS):
    for width in widths:
        tab.open(page, width)
        where = f"{page.name} at {width}"
        assert tab.complaints() == [], where
        assert tab.broken_pictures() == [], where
        assert tab.overflow() <= 0, where
        assert tab.smallest_text() >= 10, where


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A study with all its steps but that of an index, its figures as PNG files only."""
    folder = tmp_path_factory.mktemp("report")
    panel = nq.datasets.us_public_capital()
    table = panel.frame.reset_index()
    table["centre"] = np.where(table["unit"] < "MO", "first", "second")
    table.to_csv(folder / "states.csv", index=False)
    panel.geometry.reset_index()[["unit", "geometry"]].to_file(folder / "states.gpkg")
    settings = {
        "data": {
            "panel": str(folder / "states.csv"), "geometry": str(folder / "states.gpkg"),
            "unit": "unit", "period": "period",
        },
        "outcome": {"variable": "lgsp"},
        "groups": {"region": "centre", "centre": "centre"},
        "model": {"formula": "lgsp ~ lpc + unemp", "draws": 100},
        "study": {"permutations": 99, "replications": 19},
        "dynamics": {"states": 2, "lag_states": 2},
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nq.plots, "save", functools.partial(nq.plots.save, formats=("png",)))
        return nq.report.study(settings, folder / "out", progress=False).page


def test_the_page_of_a_study(report, tmp_path):
    with browser() as tab:
        assert_reads_well(tab, report, OF_A_STUDY)
        # The code of a step opens at a click, and a picture has the width of its column.
        tab.evaluate("document.querySelector('details summary').click()")
        assert tab.evaluate("document.querySelector('details').open")
        assert tab.evaluate("document.images.length") > 12
        wide = tab.evaluate("document.querySelector('figure.wide img').clientWidth")
        assert wide > 800
        tab.open(report, 400)
        widest = "Math.max(...[...document.querySelectorAll('{}')].map(i => i.clientWidth))"
        assert 300 < tab.evaluate(widest.format("figure:not(.wide) img")) <= 400
        # Maps side by side stay as large as they must be to be read: their box scrolls.
        assert tab.evaluate(widest.format("figure.wide img")) > 600
        assert 300 < tab.evaluate(widest.format("figure.wide .picture")) <= 400
        tab.screenshot(tmp_path / "report.png", 900)
        assert (tmp_path / "report.png").stat().st_size > 10_000


def test_the_browser_sees_what_is_wrong(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        "<p style='font-size:6px'>small</p><img src='none.png'><div style='width:3000px'>x</div>"
        "<script>console.error('planted'); undefined_function()</script>"
    )
    with browser() as tab:
        tab.open(page, 400)
        said = " ".join(tab.complaints())
        assert "planted" in said
        assert "Uncaught" in said
        assert len(tab.broken_pictures()) == 1
        assert tab.overflow() > 0
        assert tab.smallest_text() == 6


@pytest.mark.skipif(not (SITE / "index.html").exists(), reason="the site is not built: make docs")
def test_the_site():
    pages = [SITE / "index.html", SITE / "gallery.html", SITE / "coming_from.html"]
    pages += [SITE / "parity.html"]
    pages += sorted((SITE / "guide").glob("*.html"))
    pages += [SITE / "methods.html", SITE / "spillovers.html"]
    pages += sorted((SITE / "reference").glob("*.html"))
    pages += sorted((SITE / "reference" / "generated").glob("*.html"))[::20]
    assert len(pages) > 35
    with browser() as tab:
        for page in pages:
            assert_reads_well(tab, page)


@pytest.mark.skipif(not (SITE / "index.html").exists(), reason="the site is not built: make docs")
def test_links_of_the_site_lead_somewhere():
    import re

    broken = []
    for page in SITE.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#]+?)(?:#[^"]*)?"', page.read_text("utf-8")):
            if link.startswith(("http", "data:", "mailto:", "javascript:")):
                continue
            if not (page.parent / link.split("?")[0]).exists():
                broken.append(f"{page.relative_to(SITE)}: {link}")
    assert broken == []


@pytest.mark.skipif(not (SITE / "index.html").exists(), reason="the site is not built: make docs")
def test_every_public_name_has_its_page():
    import importlib

    for folder in nq.__all__:
        if not folder.islower() or not hasattr(getattr(nq, folder), "__path__"):
            continue
        module = importlib.import_module(f"nqp_spatial.{folder}")
        for name in module.__all__:
            if callable(getattr(module, name)):
                page = SITE / "reference" / "generated" / f"nqp_spatial.{folder}.{name}.html"
                assert page.exists(), page.name
