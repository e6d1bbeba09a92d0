"""Writing cells to a file: Word, LaTeX, HTML with maketables, spreadsheets with openpyxl."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from nqp_spatial.core.text import Lang, current_language, language, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.report._texts import starts_formula, tex, visible

__all__ = ["ENDINGS", "TableFile", "require_result", "table_file", "target_of", "write_cells"]

ENDINGS = (".docx", ".tex", ".html", ".xlsx")
_TEX_HEAD = (
    "% Packages needed: array, booktabs, makecell, tabularx, threeparttable; for Chinese text ctex "
    "with xelatex or lualatex.\n"
)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*|[1-9]\d{0,2}(?:,\d{3})+)(?:\.\d+)?(?:e[+-]\d+)?")
_LONGEST = 32_767  # characters in a cell of a spreadsheet
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body>{body}</body></html>
"""


def require_result(result: object, kind: type, table: str, source: str) -> None:
    """Raise unless the result is of the class that a table requires."""
    if not isinstance(result, kind):
        raise OptionError(
            f"{table} writes what {source} returned, a {kind.__name__}; got {type(result).__name__}"
        )


@dataclass(frozen=True)
class TableFile:
    """The file to which a table is written, in the language of the table.

    Attributes
    ----------
    target : Path
    digits : int
        Decimal places of its numbers.
    caption : str or None
    notes : str
        The caller's notes, after those of the table.
    """

    target: Path
    digits: int
    caption: str | None
    notes: str

    def write(self, cells: pd.DataFrame, about: Iterable[str], words: Collection[str] = ()) -> Path:
        """Write text cells, with notes below them.

        Parameters
        ----------
        cells : DataFrame
        about : iterable of str
            Sentences, translated; empty ones are omitted.
        words : collection of str
            Columns whose cells are text even if they look like numbers.
        """
        sentences = [translate(sentence) for sentence in about if sentence]
        text = ("" if current_language() == "zh" else " ").join(sentences)
        notes = " ".join(part for part in (text, self.notes) if part).strip()
        return write_cells(cells, self.target, caption=self.caption, notes=notes, words=words)


@contextmanager
def table_file(
    path: str | Path, digits: int, caption: str | None, notes: str, lang: Lang
) -> Iterator[TableFile]:
    """Set the language of a table and check its path, before anything is computed."""
    with language(lang):
        yield TableFile(target_of(path, digits, caption, notes), digits, caption, notes)


def target_of(
    path: str | Path, digits: int = 3, caption: str | None = None, notes: str = ""
) -> Path:
    """Return the path, creating its folder; raise if these options allow no table."""
    if not (caption is None or isinstance(caption, str)) or not isinstance(notes, str):
        raise OptionError(f"caption and notes must be text, got {caption!r} and {notes!r}")
    if not isinstance(path, str | Path) or "\0" in str(path):
        raise OptionError(f"path must be the path of a file, got {path!r}")
    if isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= 15:
        raise OptionError(f"digits must be a whole number from 0 to 15, got {digits!r}")
    target = Path(path)
    if target.suffix.lower() not in ENDINGS:
        raise OptionError(
            f"a table is written to a file ending in {', '.join(ENDINGS)}; got {target.name!r}"
        )
    if target.is_dir():
        raise OptionError(f"{str(target)!r} is a folder: name a file in it")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(target, error) from None
    return target


def _unwritable(target: Path, error: OSError) -> OptionError:
    return OptionError(f"cannot write {str(target)!r}: {error.strerror or error}")


def write_cells(
    cells: pd.DataFrame,
    target: Path,
    *,
    caption: str | None = None,
    notes: str = "",
    words: Collection[str] = (),
) -> Path:
    """Write text cells to a file.

    Parameters
    ----------
    cells : DataFrame
        Plain text, the same for every format; rows may have panels, as the first of two levels.
    target : Path
        The path from `target_of`.
    caption : str, optional
    notes : str
    words : collection of str
        Columns whose cells are text even if they look like numbers.

    Returns
    -------
    Path

    Raises
    ------
    OptionError
        If the file cannot be written.
    """
    ending = target.suffix.lower()
    try:
        if ending == ".xlsx":
            _sheet(cells, target, caption, notes, words)
        elif ending == ".tex":
            # A caption has no paragraphs and no line breaks.
            title = None if caption is None else " ".join(caption.split())
            text = _filled(cells, title, notes, tex).make(type="tex")
            target.write_text(_TEX_HEAD + text, encoding="utf-8")
        elif ending == ".docx":
            table = _filled(cells, caption, notes, visible)
            table.save(type="docx", file_name=str(target.resolve()), show=False, replace=True)
            _fit_columns(target)
        else:
            # Two levels of columns: maketables treats names of one level as names of Python.
            shown = cells.set_axis(
                pd.MultiIndex.from_tuples([("", c) for c in cells.columns]), axis=1
            )
            body = _filled(shown, caption, notes, visible).make(type="gt").as_raw_html()
            text = _PAGE.format(title=escape(visible(target.stem)), body=body)
            target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _unwritable(target, error) from None
    return target


def _filled(
    cells: pd.DataFrame, caption: str | None, notes: str, clean: Callable[[str], str]
) -> Any:
    """Return a table of maketables, with all text escaped for the format."""
    import maketables

    def cleaned(labels: pd.Index) -> pd.Index:
        if isinstance(labels, pd.MultiIndex):
            rows = [tuple(clean(str(name)) for name in row) for row in labels]
            return pd.MultiIndex.from_tuples(rows)
        return pd.Index([clean(str(name)) for name in labels])

    shown = cells.map(lambda value: clean(str(value)))
    shown = shown.set_axis(cleaned(cells.columns), axis=1).set_axis(cleaned(cells.index), axis=0)
    return maketables.MTable(
        shown,
        notes=clean(notes),
        caption=None if caption is None else clean(caption),
        rgroup_display=True,
    )


def _fit_columns(target: Path) -> None:
    """Set columns of a Word table to the width of their text, and give panel titles a full row."""
    import docx
    from docx.shared import Emu

    document = docx.Document(str(target))
    page = document.sections[0]
    lengths = (page.page_width, page.left_margin, page.right_margin)
    page_width, left_margin, right_margin = (int(length or 0) for length in lengths)
    room = page_width - left_margin - right_margin
    for table in document.tables:
        rows = [row.cells for row in table.rows]
        needs = [4.0] * len(table.columns)
        for cells in rows:
            texts = [cell.text for cell in cells]
            if len(cells) > 1 and texts[0] and not any(texts[1:]):
                title = cells[0].merge(cells[-1])
                for empty in title.paragraphs[1:]:
                    empty._element.getparent().remove(empty._element)
                continue
            if len({id(cell._tc) for cell in cells}) < len(cells):
                continue  # merged already: headings over several columns, notes
            for k, text in enumerate(texts):
                longest = max((_wide(line) for line in text.splitlines()), default=0.0)
                needs[k] = max(needs[k], min(longest, 34.0) + 2.0)  # plus the cell's margins
        share = room / sum(needs)
        table.autofit = False
        for k, column in enumerate(table.columns):
            column.width = Emu(int(needs[k] * share) // 635 * 635)  # whole twips
        for cells in rows:
            for k, cell in enumerate(cells):
                if len({id(other._tc) for other in cells}) == len(cells):
                    cell.width = Emu(int(needs[k] * share))
    document.save(str(target))


def _wide(line: str) -> float:
    """Return the width of a line in characters; Chinese characters count twice."""
    from unicodedata import east_asian_width

    return float(sum(2 if east_asian_width(letter) in "WF" else 1 for letter in line))


def _sheet(
    cells: pd.DataFrame, target: Path, caption: str | None, notes: str, words: Collection[str]
) -> None:
    """Write a spreadsheet: title, table with numbers as numbers, notes."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Border, Font, Side

    book = Workbook()
    sheet = book.active
    sheet.title = "Table"
    row_number = 0

    def line(*values: object, bold: bool = False) -> None:
        nonlocal row_number
        row_number += 1
        for column, value in enumerate(values, start=1):
            _put(sheet.cell(row_number, column), value)
        if bold:
            sheet.cell(row_number, 1).font = Font(bold=True)

    if caption:
        line(caption, bold=True)
    levels = cells.columns.nlevels
    for level in range(levels):
        line("", *(str(name) for name in cells.columns.get_level_values(level)))
    first = row_number - levels + 1
    plain = [name in words for name in cells.columns]
    panel = None
    for row, values in zip(cells.index, cells.to_numpy(), strict=True):
        name = row
        if isinstance(row, tuple):
            if row[0] != panel:
                panel = row[0]
                line(str(panel), bold=True)
            name = row[-1]
        pairs = zip(values, plain, strict=True)
        line(str(name), *(str(cell) if is_text else _value(cell) for cell, is_text in pairs))
    rule = Side(style="thin")
    width = len(cells.columns) + 1
    for column in range(1, width + 1):
        sheet.cell(first, column).border = Border(top=Side(style="medium"))
        head = sheet.cell(first + levels - 1, column)
        head.border = Border(top=head.border.top, bottom=rule)
        sheet.cell(row_number, column).border = Border(bottom=Side(style="medium"))
    for cells_of_row in sheet.iter_rows(min_row=first, min_col=2):
        for cell in cells_of_row:
            cell.alignment = Alignment(horizontal="right", wrap_text=True, vertical="top")
    sheet.column_dimensions["A"].width = 34
    for column in range(2, width + 1):
        sheet.column_dimensions[sheet.cell(first, column).column_letter].width = 16
    if notes:
        line(translate(t("Notes: {notes}", notes=notes)))
        sheet.merge_cells(
            start_row=row_number, end_row=row_number, start_column=1, end_column=width
        )
        sheet.cell(row_number, 1).alignment = Alignment(wrap_text=True, vertical="top")
        sheet.row_dimensions[row_number].height = 15 * (1 + len(notes) // (34 + 16 * width))
    book.save(target)


def _put(cell: Any, value: object) -> None:
    """Fill a cell; text is never a formula, an error or a number, for any first character."""
    if not isinstance(value, str):
        cell.value = value
        return
    text = visible(value)
    if len(text) > _LONGEST:
        raise OptionError(
            f"a cell of a spreadsheet holds {_LONGEST:,} characters, the text that begins "
            f"{text[:30]!r} has {len(text):,}: write the table to .docx, .tex or .html"
        )
    cell.value = text or None
    if text:
        cell.data_type = "s"
        cell.quotePrefix = starts_formula(text)  # so that it remains text when edited


def _value(text: object) -> object:
    """Return the number in a cell's text, in this package's format, or the text itself."""
    words = str(text)
    return float(words.replace(",", "")) if _NUMBER.fullmatch(words) else words
