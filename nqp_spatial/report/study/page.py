"""The page of a study: a single self-contained file."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from nqp_spatial.core.inference import HypothesisTest, NotApplicable
from nqp_spatial.core.text import Message, label, t, translate
from nqp_spatial.plots import COLUMN
from nqp_spatial.report.study.cells import Alike, cells_of

__all__ = [
    "Domains",
    "Headline",
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

#: Rows of a table that are shown before it is unfolded, and the longest table shown in full.
SHOWN_ROWS = 8
LONGEST_SHOWN = 10
_NUMBER = re.compile(r"[−+<>\d.,%\s–e∞]*")
_LONG_WORDS = 14  # characters of a cell, from which it may be wrapped
_FORMATS = {"csv": "csv", "docx": "Word", "tex": "LaTeX", "xlsx": "Excel"}


@dataclass(frozen=True)
class Headline:
    """One of the numbers with which the page opens.

    Attributes
    ----------
    term, value, detail : str
        What was measured; the number; its interval or test, or "".
    """

    term: str
    value: str
    detail: str


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
    files : list of str
        Names, without extension, of the files in ``tables/`` that contain it.
    """

    caption: str
    head: list[list[str]]
    side: list[list[str]]
    cells: list[list[str]]
    files: list[str] = field(default_factory=list)


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
    headlines : list of Headline
        Numbers for the opening of the page.
    attached : list of str
        Names of other pages that the step has written.
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
    headlines: list[Headline] = field(default_factory=list)
    attached: list[str] = field(default_factory=list)


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
    notes: Sequence[str] = (),
) -> str:
    """Return the page's HTML, with embedded pictures.

    Parameters
    ----------
    sections : sequence of Section
    folder : Path
        Folder of the report, with its figures and tables.
    title, facts, setup, versions, lang, script : str
    notes : sequence of str
        What was dropped, filled or matched when the data were read.
    """
    from jinja2 import Environment, FileSystemLoader

    common = _common_warnings(sections)
    shown = [_shown(section, folder, common) for section in sections if not section.skip_reason]
    _number_captions(shown)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, finalize=_in_language
    )
    return environment.get_template("page.html.j2").render(
        sections=shown, title=title, facts=facts, setup=setup, versions=versions, lang=lang,
        script=script, warnings=common, t=t, html_of=html_of, notes=notes,
        shown_rows=SHOWN_ROWS, longest_shown=LONGEST_SHOWN,
        headlines=[(section.name, line) for section in sections for line in section.headlines],
        omitted=[section for section in sections if section.skip_reason],
    )  # fmt: skip


def _shown(section: Section, folder: Path, common: Sequence[str]) -> dict[str, Any]:
    """Return the parts of a section for the template, with pictures and links to files."""
    pictures = [
        {"caption": caption, "source": source, "wide": wide}
        for caption, file in section.figures
        if (folder / file).exists()
        for source, wide in [_inline(folder / file)]
    ]
    tables = [{"table": table, "links": _links(table, folder)} for table in section.tables]
    single = [words for words in section.warnings if words not in common]
    attached = [name for name in section.attached if (folder / name).exists()]
    return {
        **section.__dict__, "pictures": pictures, "tables": tables, "warnings": single,
        "attached": attached,
    }  # fmt: skip


def _number_captions(shown: Sequence[Mapping[str, Any]]) -> None:
    """Give figures and tables numbers over the whole page, so that they can be cited."""
    for key in ("pictures", "tables"):
        for place, part in enumerate((part for section in shown for part in section[key]), 1):
            part["number"] = place


def _links(table: Table, folder: Path) -> list[tuple[str, str]]:
    """Return name and path of the files of a table that exist."""
    return [
        (ending if place == 0 else f"{stem}.{suffix}", f"tables/{stem}.{suffix}")
        for place, stem in enumerate(table.files)
        for suffix, ending in _FORMATS.items()
        if (folder / "tables" / f"{stem}.{suffix}").exists()
    ]


def _in_language(value: object) -> object:
    return translate(value) if isinstance(value, Message) else value


def _common_warnings(sections: Sequence[Section]) -> list[str]:
    """Return warnings shown only once: the first on fonts, and those of several steps."""
    counts = Counter(words for section in sections for words in dict.fromkeys(section.warnings))
    fonts = [words for section in sections for words in section.fonts]
    return [*fonts[:1], *(words for words, count in counts.items() if count > 1)]


def table_of(
    caption: str,
    table: pd.DataFrame,
    *,
    columns: Domains = "column",
    rows: Domains = None,
    alike: Alike = "columns",
    files: Sequence[str] = (),
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
    alike : {"columns", "rows"}
        Which numbers have equal decimals.
    files : sequence of str
        Names, without extension, of the files that contain it.

    Examples
    --------
    >>> table_of("A test", pd.DataFrame({"p_value": [1e-9]}, index=["lr"])).cells
    [['< 0.001']]
    """
    return Table(
        caption, _names(table.columns, columns), _names(table.index, rows),
        cells_of(table, alike), list(files),
    )  # fmt: skip


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


def table_html(
    caption: str, table: pd.DataFrame, *, columns: Domains = "column", rows: Domains = None
) -> str:
    """Return a table of a result as HTML; the parameters are those of `table_of`.

    Examples
    --------
    >>> "&lt; 0.001</td>" in table_html("A test", pd.DataFrame({"p_value": [1e-9]}))
    True
    """
    return html_of(table_of(caption, table, columns=columns, rows=rows))


def html_of(table: Table, number: int | None = None) -> str:
    """Return a table's HTML, all of its text escaped; a second body is folded."""

    def labels(names: list[list[str]]) -> pd.Index:
        if any(len(row) > 1 for row in names):
            return pd.MultiIndex.from_tuples([tuple(row) for row in names])
        return pd.Index([row[0] for row in names], dtype=object)

    frame = pd.DataFrame(table.cells, labels(table.side), labels(table.head), dtype=object)
    if len(frame) <= LONGEST_SHOWN:
        html = _with_words(frame, frame)
    else:
        html = _with_words(frame.iloc[:SHOWN_ROWS], frame)
        body = _with_words(frame.iloc[SHOWN_ROWS:], frame).split("<tbody>", 1)[1]
        html = html.replace("</table>", "") + '<tbody class="rest">' + body
    start, body = html.split(">", 1)
    caption = table.caption if number is None else _numbered(table.caption, number)
    return f"{start}><caption>{escape(caption)}</caption>{body}"


def _numbered(caption: str, number: int) -> str:
    return translate(t("Table {number}. {caption}", number=number, caption=caption))


def _with_words(rows: pd.DataFrame, table: pd.DataFrame) -> str:
    """Return rows as HTML; columns of text have a class of their own."""
    kinds = [_kind(table.iloc[:, place]) for place in range(table.shape[1])]
    with pd.option_context("display.max_colwidth", None):
        html = rows.to_html(border=0, index_names=False, escape=True)
    head, body = html.split("<tbody>", 1)
    if table.columns.nlevels == 1:
        head = _with_classes(head, "th", [""] * table.index.nlevels + kinds)
    return f"{head}<tbody>{_with_classes(body, 'td', kinds)}"


def _kind(cells: pd.Series) -> str:
    """Return the class of a column: none for numbers, "words", "long words"."""
    if all(_NUMBER.fullmatch(cell) for cell in cells):
        return ""
    return "long words" if max(map(len, cells)) > _LONG_WORDS else "words"


def _with_classes(html: str, tag: str, kinds: Sequence[str]) -> str:
    """Return rows whose cells have the classes of their columns."""
    first, *cells = html.split(f"<{tag}>")
    starts = [f'<{tag} class="{kind}">' if kind else f"<{tag}>" for kind in kinds]
    return first + "".join(starts[k % len(kinds)] + cell for k, cell in enumerate(cells))


def _inline(path: Path) -> tuple[str, bool]:
    """Return a picture as text, and whether it is wider than a column."""
    data = path.read_bytes()
    width = int.from_bytes(data[16:20], "big")  # in the header of every PNG
    return "data:image/png;base64," + base64.b64encode(data).decode(), width > 1.3 * COLUMN * 300
