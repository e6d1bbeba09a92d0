"""The page of a study: a single self-contained file."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from nqp_spatial.core.inference import HypothesisTest, NotApplicable
from nqp_spatial.core.text import Message, label, t, translate
from nqp_spatial.plots import COLUMN

__all__ = [
    "Domains",
    "Section",
    "Table",
    "html_of",
    "page_of",
    "table_html",
    "table_of",
    "tests_of",
]

#: Type of the names of rows or columns: from one domain of the vocabulary, from one for each level,
#: or the caller's own (None), which stay unchanged.
Domains: TypeAlias = str | tuple[str | None, ...] | None


@dataclass(frozen=True)
class Table:
    """A table of the page, as plain text.

    Attributes
    ----------
    caption : str
    head : list of list of str
        The name of each column, or its names by level.
    side : list of list of str
        The same for each row.
    cells : list of list of str
        Row by row.
    """

    caption: str
    head: list[list[str]]
    side: list[list[str]]
    cells: list[list[str]]


@dataclass
class Section:
    """The output of one step, as displayed.

    Attributes
    ----------
    name, title, code : str
    words : list of str
    tables : list of Table
    figures : list of (caption, file name)
    warnings : list of str
    error : str
        The error message, or "".
    skip_reason : str
        Why the step does not apply, or "".
    key : str
        Hash of all inputs of the step.
    fonts : list of str
        Text that cannot be drawn because a font is missing.
    """

    name: str
    title: str
    code: str
    words: list[str]
    tables: list[Table]
    figures: list[tuple[str, str]]
    warnings: list[str]
    error: str
    skip_reason: str
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
    """Return the page's HTML, with embedded pictures.

    Parameters
    ----------
    sections : sequence of Section
    folder : Path
        Folder of the figures.
    title, facts, setup, versions, lang, script : str
    """
    from jinja2 import Environment, FileSystemLoader

    common = _common_warnings(sections)
    shown: list[dict[str, Any]] = []
    for section in sections:
        pictures = [
            (caption, *_inline(folder / file))
            for caption, file in section.figures
            if (folder / file).exists()
        ]
        single = [words for words in section.warnings if words not in common]
        shown.append({**section.__dict__, "pictures": pictures, "warnings": single})
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, finalize=_in_language
    )
    return environment.get_template("page.html.j2").render(
        sections=shown, title=title, facts=facts, setup=setup, versions=versions, lang=lang,
        script=script, warnings=common, t=t, html_of=html_of,
    )  # fmt: skip


def _in_language(value: object) -> object:
    return translate(value) if isinstance(value, Message) else value


def _common_warnings(sections: Sequence[Section]) -> list[str]:
    """Return warnings shown only once: the first on fonts, and those of several steps."""
    counts = Counter(words for section in sections for words in dict.fromkeys(section.warnings))
    fonts = [words for section in sections for words in section.fonts]
    return [*fonts[:1], *(words for words, count in counts.items() if count > 1)]


def table_of(
    caption: str, table: pd.DataFrame, *, columns: Domains = "column", rows: Domains = None
) -> Table:
    """Return a table of a result with words for its names and readable numbers.

    Parameters
    ----------
    caption : str
    table : DataFrame
        Messages in it are translated; other texts are the caller's own and stay unchanged.
    columns, rows : str, tuple or None
        Domain of the names in the vocabulary, for each level if there are several; None for the
        caller's own names.

    Examples
    --------
    >>> table_of("A test", pd.DataFrame({"p_value": [1e-9]}, index=["lr"])).cells
    [['<0.001']]
    """
    cells = [
        [_cell(column, value) for column, value in zip(table.columns, values, strict=True)]
        for values in zip(*(table.iloc[:, k] for k in range(table.shape[1])), strict=True)
    ]
    return Table(caption, _names(table.columns, columns), _names(table.index, rows), cells)


def tests_of(
    tests: Iterable[HypothesisTest | NotApplicable], groups: Iterable[str] = ()
) -> pd.DataFrame:
    """Return tests as a table of the page; their words stay messages.

    Parameters
    ----------
    tests : iterable of tests
    groups : iterable of str
        Groups of the tests, if there are several kinds.

    Examples
    --------
    >>> test = HypothesisTest("LR", "rows equal", 3.84, "chi2", 1, 0.05)
    >>> tests_of([test]).loc["LR", "df"]
    1
    """
    listed, kinds = list(tests), list(groups)
    columns = ["statistic", "df", "p_value", "rule"]
    rows = [[test.statistic, test.df, test.p_value, _rule(test)] for test in listed]
    names = pd.Index([test.name for test in listed], dtype=object)
    index = pd.MultiIndex.from_arrays([pd.Index(kinds, dtype=object), names]) if kinds else names
    return pd.DataFrame(rows, index, columns, dtype=object)


def _rule(test: HypothesisTest | NotApplicable) -> str:
    if isinstance(test, NotApplicable):
        return t("not applicable: {reason}", reason=test.reason)
    return test.rule


def _names(labels: pd.Index, domains: Domains) -> list[list[str]]:
    listed = labels if isinstance(labels, pd.MultiIndex) else [(name,) for name in labels]
    each = domains if isinstance(domains, tuple) else (domains,) * labels.nlevels
    return [[_name(*pair) for pair in zip(names, each, strict=True)] for names in listed]


def _name(name: object, domain: str | None) -> str:
    if not isinstance(name, str):
        return str(name)
    return translate(name if isinstance(name, Message) or domain is None else label(domain, name))


def _cell(column: object, value: Any) -> str:
    if isinstance(value, str):
        return translate(value)
    if pd.isna(value):
        return "–"
    if isinstance(value, bool | np.bool_):
        return translate(t("yes") if value else t("no"))
    if isinstance(value, float | np.floating):
        return _p_value(float(value)) if column == "p_value" else _number(float(value))
    return str(value)


def table_html(
    caption: str, table: pd.DataFrame, *, columns: Domains = "column", rows: Domains = None
) -> str:
    """Return a table of a result as HTML; the parameters are those of `table_of`.

    Examples
    --------
    >>> "<td>&lt;0.001</td>" in table_html("A test", pd.DataFrame({"p_value": [1e-9]}))
    True
    """
    return html_of(table_of(caption, table, columns=columns, rows=rows))


def html_of(table: Table) -> str:
    """Return a table's HTML, all of its text escaped."""

    def labels(names: list[list[str]]) -> pd.Index:
        if any(len(row) > 1 for row in names):
            return pd.MultiIndex.from_tuples([tuple(row) for row in names])
        return pd.Index([row[0] for row in names], dtype=object)

    frame = pd.DataFrame(table.cells, labels(table.side), labels(table.head), dtype=object)
    with pd.option_context("display.max_colwidth", None):
        html = frame.to_html(border=0, index_names=False, escape=True)
    start, body = html.split(">", 1)
    return f"{start}><caption>{escape(table.caption)}</caption>{body}"


def _number(value: float) -> str:
    """Return four significant digits; whole numbers and large ones without decimals."""
    is_integer = float(value).is_integer() and abs(value) < 1e9
    return f"{value:,.0f}" if is_integer or 1e3 <= abs(value) < 1e9 else f"{value:.4g}"


def _p_value(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _inline(path: Path) -> tuple[str, bool]:
    """Return a picture as text, and whether it is wider than a column."""
    data = path.read_bytes()
    width = int.from_bytes(data[16:20], "big")  # in the header of every PNG
    return "data:image/png;base64," + base64.b64encode(data).decode(), width > 1.3 * COLUMN * 300
