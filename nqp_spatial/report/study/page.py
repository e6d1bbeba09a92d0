"""The page of a study: one file with everything in it."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.text import label, translate
from nqp_spatial.plots import COLUMN
from nqp_spatial.report.study.words import say

__all__ = ["Section", "Table", "html_of", "page_of", "table_html", "table_of"]

_TEMPLATE = """<!DOCTYPE html>
<html lang="{{ lang }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<link rel="icon" href="data:,">
<style>
:root { --ink: #222; --soft: #666; --line: #ddd; --accent: #0072B2; --bad: #a63603; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; line-height: 1.55;
  font-family: system-ui, "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1rem 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem; padding-top: .6rem;
  border-top: 1px solid var(--line); }
p { margin: .5rem 0; max-width: 46rem; }
.facts { color: var(--soft); }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; }
a { color: var(--accent); }
.figures { display: grid; gap: 1.2rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); }
figure { margin: 0; min-width: 0; }
figure.wide { grid-column: 1 / -1; }
.picture { overflow-x: auto; }
figure img { width: 100%; height: auto; display: block; }
figcaption, caption { color: var(--soft); font-size: .88rem; text-align: left; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; }
caption { padding-bottom: .3rem; }
th, td { padding: .22rem .7rem .22rem 0; text-align: right; white-space: nowrap;
  vertical-align: top; }
th { font-weight: 600; }
tbody th, thead tr:last-child th:first-child { text-align: left; }
thead tr:last-child th { border-bottom: 1px solid var(--ink); }
pre { overflow-x: auto; background: #f6f6f6; padding: .8rem; font-size: .8rem; line-height: 1.4; }
details summary { cursor: pointer; color: var(--accent); margin: .8rem 0 .3rem; }
@media (max-width: 40rem) {
  figure.wide img { width: 44rem; }  /* several panels side by side: scrolled, not shrunk */
  tbody th[rowspan] { white-space: normal; }  /* a heading of several rows */
}
.failed { border-left: .25rem solid var(--bad); padding-left: .8rem; }
.left { color: var(--soft); }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p class="facts">{{ facts }}</p>
{%- for note in warnings %}
<p class="left">{{ say("Warning: {words}", words=note) }}</p>
{%- endfor %}
<nav aria-label="{{ say("Contents") }}"><ul>
{%- for one in sections %}
<li><a href="#{{ one.name }}">{{ one.title }}
{%- if one.error %} {{ say("(failed)") }}{% endif %}</a></li>
{%- endfor %}
<li><a href="#repeat">{{ say("Repeat it") }}</a></li>
</ul></nav>
{% for one in sections %}
<section id="{{ one.name }}">
<h2>{{ one.title }}</h2>
{%- if one.unfit %}
<p class="left">{{ say("Left out: {why}.", why=one.unfit) }}</p>
{%- endif %}
{%- if one.error %}
<div class="failed"><p><strong>{{ say("This step failed.") }}</strong> {{ one.error }}</p></div>
{%- endif %}
{%- for words in one.words %}
<p>{{ words }}</p>
{%- endfor %}
{%- if one.pictures %}
<div class="figures">
{%- for caption, source, wide in one.pictures %}
<figure{% if wide %} class="wide"{% endif %}>
<div class="picture"><img src="{{ source }}" alt="{{ caption }}"></div>
<figcaption>{{ caption }}</figcaption></figure>
{%- endfor %}
</div>
{%- endif %}
{%- for table in one.tables %}
<div class="scroll">{{ drawn(table) | safe }}</div>
{%- endfor %}
{%- for note in one.warnings %}
<p class="left">{{ say("Warning: {words}", words=note) }}</p>
{%- endfor %}
{%- if one.code %}
<details><summary>{{ say("Code of this step") }}</summary>
<pre><code>{{ one.code }}</code></pre></details>
{%- endif %}
</section>
{% endfor %}
<section id="repeat">
<h2>{{ say("Repeat it") }}</h2>
<p>{{ repeated }} {{ say("Versions: {versions}.", versions=versions) }}</p>
<details><summary>{{ say("Set-up") }}</summary><pre><code>{{ setup }}</code></pre></details>
</section>
</main>
</body>
</html>
"""

_REPEATED = "The script {script} beside this page runs the same steps through the Python interface."


@dataclass(frozen=True)
class Table:
    """A table of the page, as plain text.

    Attributes
    ----------
    caption : str
    head : list of list of str
        For each column its name, or its names by level.
    side : list of list of str
        For each row likewise.
    cells : list of list of str
        Row by row.
    """

    caption: str
    head: list[list[str]]
    side: list[list[str]]
    cells: list[list[str]]


@dataclass
class Section:
    """What one step left, as it is shown.

    Attributes
    ----------
    name, title, code : str
    words : list of str
    tables : list of Table
    figures : list of (caption, file name)
    warnings : list of str
    error : str
        What went wrong, or "".
    unfit : str
        Why the step does not apply, or "".
    key : str
        Hash of all that the step depends on.
    fonts : list of str
        What cannot be drawn for want of a font.
    """

    name: str
    title: str
    code: str
    words: list[str]
    tables: list[Table]
    figures: list[tuple[str, str]]
    warnings: list[str]
    error: str
    unfit: str
    key: str
    fonts: list[str] = field(default_factory=list)


def page_of(
    sections: Sequence[Section],
    folder: Path,
    *,
    title: str,
    facts: str,
    setup: str,
    versions: str,
    lang: str,
    script: str,
) -> str:
    """Return the page's HTML, pictures inside.

    Parameters
    ----------
    sections : sequence of Section
    folder : Path
        Where the figures are.
    title, facts, setup, versions, lang, script : str
    """
    from jinja2 import Environment

    common = _common_warnings(sections)
    shown: list[dict[str, Any]] = []
    for one in sections:
        pictures = [
            (caption, *_inline(folder / file))
            for caption, file in one.figures
            if (folder / file).exists()
        ]
        alone = [words for words in one.warnings if words not in common]
        shown.append({**one.__dict__, "pictures": pictures, "warnings": alone})
    template = Environment(autoescape=True).from_string(_TEMPLATE)
    return template.render(
        sections=shown, title=title, facts=facts, setup=setup, versions=versions, lang=lang,
        say=say, repeated=say(_REPEATED, script=script), drawn=html_of, warnings=common,
    )  # fmt: skip


def _common_warnings(sections: Sequence[Section]) -> list[str]:
    """Return what the page says once: the first word on fonts, and what several steps warn of."""
    counts = Counter(words for one in sections for words in dict.fromkeys(one.warnings))
    fonts = [words for one in sections for words in one.fonts]
    return [*fonts[:1], *(words for words, count in counts.items() if count > 1)]


def table_of(caption: str, table: pd.DataFrame, given: Container[object] = ()) -> Table:
    """Return a table of a result with words for its names and readable numbers.

    Parameters
    ----------
    caption : str
    table : DataFrame
    given : container
        Names of the caller's own in it: they stay as they are.

    Examples
    --------
    >>> table_of("A test", pd.DataFrame({"p_value": [1e-9]}, index=["lr"])).cells
    [['<0.001']]
    """

    def named(name: object) -> str:
        own = not isinstance(name, str) or name in given
        return str(name) if own else _heading(str(name))

    def names(labels: pd.Index) -> list[list[str]]:
        rows = labels if isinstance(labels, pd.MultiIndex) else ((name,) for name in labels)
        return [[named(name) for name in row] for row in rows]

    def cell(column: object, value: Any) -> str:
        if pd.isna(value):
            return "–"
        if isinstance(value, bool | np.bool_):
            return say("yes" if value else "no")
        if isinstance(value, str):
            return value if value in given else translate(value)
        if isinstance(value, float | np.floating):
            return _p_value(float(value)) if column == "p_value" else _number(float(value))
        return str(value)

    rows = zip(*(table.iloc[:, at] for at in range(table.shape[1])), strict=True)
    cells = [[cell(*pair) for pair in zip(table.columns, row, strict=True)] for row in rows]
    return Table(caption, names(table.columns), names(table.index), cells)


def table_html(caption: str, table: pd.DataFrame, given: Container[object] = ()) -> str:
    """Return a table of a result as HTML; the parameters are those of `table_of`.

    Examples
    --------
    >>> "<td>&lt;0.001</td>" in table_html("A test", pd.DataFrame({"p_value": [1e-9]}))
    True
    """
    return html_of(table_of(caption, table, given))


def html_of(table: Table) -> str:
    """Return a table's HTML, all of its text escaped."""

    def labels(names: list[list[str]]) -> pd.Index:
        if any(len(row) > 1 for row in names):
            return pd.MultiIndex.from_tuples([tuple(row) for row in names])
        return pd.Index([row[0] for row in names], dtype=object)

    frame = pd.DataFrame(table.cells, labels(table.side), labels(table.head), dtype=object)
    with pd.option_context("display.max_colwidth", None):
        html = frame.to_html(border=0, index_names=False, escape=True)
    start, rest = html.split(">", 1)
    return f"{start}><caption>{escape(table.caption)}</caption>{rest}"


def _number(value: float) -> str:
    """Return four significant digits; whole numbers and large ones without decimals."""
    whole = float(value).is_integer() and abs(value) < 1e9
    return f"{value:,.0f}" if whole or 1e3 <= abs(value) < 1e9 else f"{value:.4g}"


def _p_value(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _inline(path: Path) -> tuple[str, bool]:
    """Return a picture as text, and whether it is made for more than a column's width."""
    data = path.read_bytes()
    width = int.from_bytes(data[16:20], "big")  # in the header of every PNG
    return "data:image/png;base64," + base64.b64encode(data).decode(), width > 1.3 * COLUMN * 300


def _heading(name: str) -> str:
    """Return the heading of a column or row of a result's table."""
    word = label("column", name)
    return translate(word) if word.context else name.replace("_", " ")
