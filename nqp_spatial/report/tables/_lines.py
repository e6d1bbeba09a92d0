"""A table as lines: what every format draws."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Literal
from unicodedata import east_asian_width

import pandas as pd

from nqp_spatial.core.number_format import typeset

__all__ = ["Content", "Line", "folded", "is_number_cell", "text_width"]

_NUMBER_CELL = re.compile(r"[\[(<]?-?(?:\d[\d,]*)(?:\.\d+)?(?:e[+-]?\d+)?[\])]?\*{0,4}", re.ASCII)


@dataclass(frozen=True)
class Line:
    """One row of a table.

    Attributes
    ----------
    kind : {"title", "row"}
        Whether it is the title of a panel, which has no cells.
    label : str
    cells : tuple of str
        A cell may have two lines.
    spans : bool
        Whether the first cell is for all columns.
    starts, ends : bool
        Whether it is the first or the last line of a panel.
    """

    kind: Literal["title", "row"]
    label: str
    cells: tuple[str, ...] = ()
    spans: bool = False
    starts: bool = False
    ends: bool = False


@dataclass(frozen=True)
class Content:
    """What a table contains, in the language of the table.

    Attributes
    ----------
    cells : DataFrame
        Plain text, the same for every format; rows may have panels, as the first of two levels,
        and columns may have groups, likewise.
    caption : str or None
    notes : str
    lang : str
    words : collection of str
        Columns whose cells are text even if they look like numbers.
    untitled : collection of str
        Panels whose title is not printed.
    spanned : collection of (panel, row)
        Rows whose first cell is for all columns.
    is_numbered : bool
        Whether columns have numbers below their headings, because the notes name them by these.
    """

    cells: pd.DataFrame
    caption: str | None = None
    notes: str = ""
    lang: str = "en"
    words: Collection[str] = ()
    untitled: Collection[str] = ()
    spanned: Collection[tuple[str, str]] = field(default_factory=frozenset)
    is_numbered: bool = False

    @property
    def heads(self) -> list[list[str]]:
        """The headings by level, each with one text per column."""
        columns = self.cells.columns
        names = [list(map(str, columns.get_level_values(k))) for k in range(columns.nlevels)]
        if self.is_numbered:
            names[-1] = [f"{name}\n({k})" for k, name in enumerate(names[-1], start=1)]
        return names

    @property
    def word_columns(self) -> list[bool]:
        """Whether each column is of words."""
        names = self.cells.columns.get_level_values(self.cells.columns.nlevels - 1)
        return [str(name) in self.words for name in names]

    def lines(self) -> Iterator[Line]:
        """Yield the rows, each panel after its title."""
        panels: list[list[Line]] = []
        current: object = None
        for row, values in zip(self.cells.index, self.cells.to_numpy(dtype=object), strict=True):
            panel, label = row if isinstance(row, tuple) else ("", row)
            if not panels or panel != current:
                has_title = bool(str(panel)) and panel not in self.untitled
                panels.append([Line("title", str(panel))] if has_title else [])
                current = panel
            spans = (panel, label) in self.spanned
            texts = tuple(str(value) for value in values)
            panels[-1].append(Line("row", str(label), texts, spans))
        for lines in panels:
            last = len(lines) - 1
            for k, line in enumerate(lines):
                yield Line(line.kind, line.label, line.cells, line.spans, k == 0, k == last)

    def shown(self, text: str, column: int) -> str:
        """Return a cell with true minus signs, unless the column is of words."""
        if self.word_columns[column]:
            return text
        return "\n".join(
            typeset(line) if is_number_cell(line) or line.startswith("[") else line
            for line in text.split("\n")
        )


def is_number_cell(text: str) -> bool:
    """Return whether a line of a cell is a number, perhaps in brackets or with stars.

    Examples
    --------
    >>> [is_number_cell(x) for x in ("-1,234.5***", "(0.10)", "<0.001", "yes", "–", "1-2")]
    [True, True, True, False, False, False]
    """
    return _NUMBER_CELL.fullmatch(text) is not None


def text_width(text: str) -> int:
    """Return the width of a text in letters; Chinese characters count twice.

    Examples
    --------
    >>> text_width("GDP 人均")
    8
    """
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def folded(text: str, width: int, indent: str = "", hang: str = "") -> list[str]:
    """Return text on lines of a width, in which Chinese characters count twice.

    Parameters
    ----------
    text : str
    width : int
    indent, hang : str
        Before all lines; before all but the first.

    Examples
    --------
    >>> folded("one two three", 8), folded("人口密度", 4)
    (['one two', 'three'], ['人口', '密度'])
    """
    if "\n" in text:
        return [part for line in text.split("\n") for part in folded(line, width, indent, hang)]
    lines, line = [], indent
    # A Chinese character and the punctuation after it, or a word.
    pieces = re.findall(r"[\u2e80-\uffef][，。；：、）》”]*|[^\s\u2e80-\uffef]+|\s+", text)
    for piece in pieces:
        shown = " " if piece.isspace() else piece
        if line.strip() and text_width(line + shown.rstrip()) > width:
            lines.append(line.rstrip())
            line = indent + hang
        if shown != " " or line.strip():
            line += shown
    return [*lines, line.rstrip()] if line.strip() or not lines else lines
