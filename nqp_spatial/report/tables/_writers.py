"""From cells to a table that shows itself or is written to a file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nqp_spatial.core.text import Lang, current_language, language, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.report.tables._headings import names_columns
from nqp_spatial.report.tables._lines import Content
from nqp_spatial.report.tables.journal_table import JournalTable, target_of

__all__ = ["TableFile", "require_result", "table_file", "write_cells"]


def require_result(result: object, kind: type, table: str, source: str) -> None:
    """Raise unless the result is of the class that a table requires."""
    if not isinstance(result, kind):
        raise OptionError(
            f"{table} writes what {source} returned, a {kind.__name__}; got {type(result).__name__}"
        )


@dataclass(frozen=True)
class TableFile:
    """Where a table goes, in the language of the table.

    Attributes
    ----------
    target : Path or None
        None for a table that is returned.
    caption : str or None
    notes : str
        The caller's notes, after those of the table.
    """

    target: Path | None
    caption: str | None
    notes: str

    def write(
        self,
        cells: pd.DataFrame,
        about: Iterable[str],
        *,
        words: Collection[str] = (),
        untitled: Collection[str] = (),
        spanned: Collection[tuple[str, str]] = (),
    ) -> Path | JournalTable:
        """Write text cells, with notes below them; return the file or, without one, the table.

        Parameters
        ----------
        cells : DataFrame
        about : iterable of str
            Sentences, translated; empty ones are omitted.
        words, untitled, spanned
            As in `Content`.
        """
        sentences = [translate(sentence) for sentence in about if sentence]
        text = ("" if current_language() == "zh" else " ").join(sentences)
        notes = " ".join(part for part in (text, self.notes) if part).strip()
        headings = list(map(str, cells.columns.get_level_values(cells.columns.nlevels - 1)))
        numbered = names_columns(sentences) and headings[0] != "(1)" and not spanned
        table = JournalTable(
            Content(
                cells, self.caption, notes, current_language(), tuple(words), tuple(untitled),
                frozenset(spanned),
                numbered,
            )
        )  # fmt: skip
        return table if self.target is None else table.save(self.target)


@contextmanager
def table_file(
    path: str | Path | None, digits: int, caption: str | None, notes: str, lang: Lang
) -> Iterator[TableFile]:
    """Set the language of a table and check its path, before anything is computed."""
    with language(lang):
        target = None if path is None else target_of(path)
        _require_options(digits, caption, notes)
        yield TableFile(target, caption, notes)


def _require_options(digits: int, caption: str | None, notes: str) -> None:
    if not (caption is None or isinstance(caption, str)) or not isinstance(notes, str):
        raise OptionError(f"caption and notes must be text, got {caption!r} and {notes!r}")
    if isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= 15:
        raise OptionError(f"digits must be a whole number from 0 to 15, got {digits!r}")


def write_cells(
    cells: pd.DataFrame,
    target: Path,
    *,
    caption: str | None = None,
    notes: str = "",
    words: Collection[str] = (),
) -> Path:
    """Write text cells to a file; the parameters are those of `Content`.

    Raises
    ------
    OptionError
        If the file cannot be written.
    """
    return JournalTable(Content(cells, caption, notes, current_language(), tuple(words))).save(
        target
    )
