"""The page of a study: what it opens with, its contents, folded tables, what was left out."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from nqp_spatial.core.text import language, t, translate
from nqp_spatial.report.study.cells import cells_of
from nqp_spatial.report.study.numerals import equal_decimals, number, p_words
from nqp_spatial.report.study.page import Headline, Section, html_of, page_of, table_of
from tests.browser import CHROMIUM, browser

HOSTILE = '<img src=x onerror="alert(1)">&</table>'
OPTIONS = {"title": HOSTILE, "facts": "", "setup": "", "versions": "", "lang": "en", "script": "s"}
LONG = pd.DataFrame(
    {"estimate": [0.1 + k / 1000 for k in range(41)], "rule": [f"row {k}" for k in range(41)]},
    pd.MultiIndex.from_tuples([(2000 + k // 12, k) for k in range(41)]),
)


class Reader(HTMLParser):
    """Ids, links inside the page, and the open tags that a browser would see."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.links, self.tags = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.ids += [attrs["id"]] if "id" in attrs else []
        if tag == "a" and attrs["href"].startswith("#"):
            self.links.append(attrs["href"][1:])


def section(name, **parts):
    empty = {"words": [], "tables": [], "figures": [], "warnings": []}
    fields = {"title": name.title(), "code": "x = 1", "error": "", "skip_reason": "", "key": ""}
    return Section(name, **{**fields, **empty, **parts})


@pytest.fixture
def sections():
    table = table_of("Many rows", LONG, files=["many", "more"])
    headlines = [Headline("Moran's I (2020)", "0.412", "p < 0.001"), Headline(HOSTILE, "1", "2")]
    return [
        section("first", words=["One."], tables=[table], headlines=headlines),
        section("second", error="ValueError: planted", code="y = 2"),
        section("third", code="", skip_reason="[model] formula is not given"),
    ]


@pytest.fixture
def page(sections, tmp_path):
    (tmp_path / "tables").mkdir()
    for name in ("many.csv", "many.docx", "many.tex", "more.csv", "many.partial"):
        (tmp_path / "tables" / name).write_text("1")
    path = tmp_path / "index.html"
    notes = ["3 units were dropped: a, b, c", HOSTILE]
    path.write_text(page_of(sections, tmp_path, **OPTIONS, notes=notes), encoding="utf-8")
    return path


# -- structure -------------------------------------------------------------------------------------


def test_contents_lead_to_sections_and_headlines_to_theirs(page):
    seen = Reader(page.read_text(encoding="utf-8"))
    assert len(seen.ids) == len(set(seen.ids))
    assert set(seen.links) <= set(seen.ids)
    # Twice: the column beside a wide page, the bar above a narrow one.
    for name in ("findings", "treatment", "first", "second", "omitted", "repeat"):
        assert seen.links.count(name) >= 2, name
    assert "third" not in seen.ids
    assert seen.links.count("first") == 4  # two headlines


def test_it_opens_with_results_and_with_what_was_dropped(page):
    html = page.read_text(encoding="utf-8")
    places = [html.index(f'<section id="{name}">') for name in
              ("findings", "treatment", "first", "second", "omitted", "repeat")]  # fmt: skip
    assert places == sorted(places)
    opening = html[places[0] : places[2]]
    assert re.search(r"Moran&#39;s I \(2020\)</a></dt>\s*<dd><strong>0.412</strong>", opening)
    assert "3 units were dropped: a, b, c" in opening


def test_steps_left_out_are_gathered_at_the_end(page):
    html = page.read_text(encoding="utf-8")
    assert "<li>Third: [model] formula is not given.</li>" in html
    assert "ValueError: planted" in html.split('<section id="second">')[1].split("</section>")[0]


def test_without_headlines_notes_and_steps_left_out(tmp_path):
    html = page_of([section("only")], tmp_path, **OPTIONS)
    seen = Reader(html)
    assert set(seen.links) == {"only", "repeat"} <= set(seen.ids)


def test_a_long_table_is_folded_and_contains_all_rows(page, sections):
    html = page.read_text(encoding="utf-8")
    assert "Show all 41 rows" in html
    shown, rest = re.search(r"<tbody>(.*?)</tbody>(.*)</tbody>", html, re.S).groups()
    assert (shown.count("<tr>"), rest.count("<tr>")) == (8, 33)
    rows = re.findall(r"row (\d+)</td>", shown + rest)
    assert rows == [str(k) for k in range(41)]
    # No heading of rows spans the fold.
    spans = [int(n) for n in re.findall(r'rowspan="(\d+)"', shown)]
    assert sum(spans) <= 8
    short = table_of("Short", LONG.iloc[:10])
    assert "rest" not in html_of(short)
    assert html_of(short).count("<tr>") == 10


def test_links_are_those_of_files_that_exist(page):
    html = page.read_text(encoding="utf-8")
    links = re.findall(r'<a href="(tables/[^"]*)">([^<]*)</a>', html)
    assert links == [
        ("tables/many.csv", "csv"), ("tables/many.docx", "Word"), ("tables/many.tex", "LaTeX"),
        ("tables/more.csv", "more.csv"),
    ]  # fmt: skip


def test_hostile_names_are_text(page):
    html = page.read_text(encoding="utf-8")
    seen = Reader(html)
    assert "<img src=x" not in html
    assert "img" not in seen.tags
    assert seen.tags.count("table") == 1
    # Title twice, headline, note.
    assert html.count("&lt;img src=x") == 4
    words = pd.DataFrame({HOSTILE: [HOSTILE, "1"]}, index=[HOSTILE, "<td>"])
    table = html_of(table_of(HOSTILE, words, columns=None))
    assert Reader(table).tags.count("td") == 2
    assert table.count("&lt;img") == 4


# -- numbers ---------------------------------------------------------------------------------------


def test_numbers_of_a_column_have_equal_decimals():
    frame = pd.DataFrame(
        {
            "estimate": [0.0774, 0.07741, -0.1], "AIC": [-11035.31, -11207.0, 7.0],
            "df": [1, 12_000, 3], "p_value": [0.0004, 0.04999, 1.0], "gap": [0.1, float("nan"), 2],
        }
    )  # fmt: skip
    estimates, criteria, df, p_values, gaps = zip(*cells_of(frame), strict=True)
    assert estimates == ("0.0774", "0.0774", "−0.1000")
    assert criteria == ("−11,035.3", "−11,207.0", "7.0")
    assert df == ("1", "12,000", "3")
    assert p_values == ("< 0.001", "0.050", "1.000")
    assert gaps == ("0.100", "–", "2.000")


def test_rows_of_different_units():
    frame = pd.DataFrame({"mean": [188.88, 0.4486], "max": [420.0, 0.97]})
    assert cells_of(frame, "rows") == [["188.9", "420.0"], ["0.4486", "0.9700"]]


def test_numbers_in_sentences():
    assert equal_decimals(-0.00012, -0.0004, 0.0002) == ("−0.000120", "−0.000400", "0.000200")
    assert equal_decimals(0.2764, 0.2655, 0.2865) == ("0.276", "0.266", "0.286")
    assert equal_decimals(39205.2, 30000.0, 48000.0) == ("39,205.2", "30,000.0", "48,000.0")
    assert equal_decimals(0.0, 0.0) == ("0.000", "0.000")
    assert number(-0.0004) == "0.000"
    assert [str(p_words(p)) for p in (0.0, 0.00099, 0.001, 0.5)] == [
        "p < 0.001", "p < 0.001", "p = 0.001", "p = 0.500",
    ]  # fmt: skip


def test_captions_are_numbered_in_the_language_of_the_page():
    table = table_of("发展指数", LONG.iloc[:2])
    with language("zh"):
        assert "<caption>表 3　发展指数</caption>" in html_of(table, 3)
        assert translate(t("Show all {count} rows", count=41)) == "显示全部 41 行"


# -- in a browser ----------------------------------------------------------------------------------


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_contents_and_fold_in_a_browser(page):
    rows = "[...document.querySelectorAll('tbody tr')].filter(r => r.offsetParent).length"
    seen = "[...document.querySelectorAll('nav')].filter(n => n.offsetParent).map(n => n.className)"
    with browser() as tab:
        for width, contents in ((400, "top"), (1000, "top"), (1400, "side")):
            tab.open(page, width)
            assert tab.complaints() == [], width
            assert tab.overflow() <= 0, width
            assert tab.evaluate(seen) == [contents], width
            assert tab.evaluate(rows) == 8
            tab.evaluate("document.querySelector('.fold summary').click()")
            assert tab.evaluate(rows) == 41
        # The contents stay in view and mark the section that is read.
        tab.evaluate("document.getElementById('repeat').scrollIntoView()")
        tab.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        assert tab.evaluate("document.querySelector('nav.side').getBoundingClientRect().top") == 0
        assert tab.evaluate("document.querySelectorAll('nav.side [aria-current]').length") == 1
        # In print all rows are there, and the contents are not.
        tab.open(page, 1400)
        tab.do("Emulation.setEmulatedMedia", media="print")
        assert tab.evaluate(rows) == 41
        assert tab.evaluate(seen) == []
