"""How results show themselves: text of at most 80 columns, HTML in a notebook.

A result says once what there is to see, as paragraphs and tables; both forms are drawn from that.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from html import escape
from typing import TypeAlias

import pandas as pd

__all__ = ["Part", "Printed", "filled", "notes_of"]

WIDTH = 80
_ROWS = 60  # of a table that is shown whole

Part: TypeAlias = str | pd.DataFrame | pd.Series


class Printed:
    """A result that prints in 80 columns and shows as HTML in a notebook."""

    def _parts(self) -> Sequence[Part]:
        """Return paragraphs and tables, the first the title."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return "\n".join(_text(part) for part in self._parts())

    def _repr_html_(self) -> str:
        first, *rest = self._parts()
        title = f"<p><b>{escape(first)}</b></p>" if isinstance(first, str) else _html(first)
        return "".join([title, *(_html(part) for part in rest)])


def filled(text: str) -> str:
    """Return text broken into lines of at most 80 columns; its own line breaks stay.

    Examples
    --------
    >>> max(len(line) for line in filled("spillover " * 30).splitlines()) <= 80
    True
    """
    return "\n".join(
        textwrap.fill(
            line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
        for line in text.splitlines()
    )


def notes_of(notes: Sequence[str]) -> list[str]:
    """Return notes as paragraphs."""
    return [f"Note: {note}" for note in notes]


def _number(value: float) -> str:
    return f"{value:.4g}"


def _text(part: Part) -> str:
    if isinstance(part, str):
        return filled(part)
    if isinstance(part, pd.Series):
        return str(part.to_string(float_format=_number, max_rows=_ROWS))
    table = part.to_string(
        float_format=_number, na_rep="", line_width=WIDTH, max_rows=_ROWS,
        index=not _plain(part),
    )  # fmt: skip
    return "\n".join(line.rstrip() for line in str(table).splitlines())


def _html(part: Part) -> str:
    if isinstance(part, str):
        return f"<p>{escape(part)}</p>"
    table = part.to_frame() if isinstance(part, pd.Series) else part
    return str(
        table.to_html(
            float_format=_number, na_rep="", max_rows=_ROWS, border=0, index=not _plain(table)
        )
    )


def _plain(table: pd.DataFrame) -> bool:
    """Whether the index is row numbers, which say nothing."""
    return isinstance(table.index, pd.RangeIndex) and table.index.name is None
