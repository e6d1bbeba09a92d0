"""A table in a spreadsheet, its numbers as numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from nqp_spatial.errors import OptionError
from nqp_spatial.report._texts import starts_formula, visible
from nqp_spatial.report.tables._lines import Content

__all__ = ["sheet_file"]

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*|[1-9]\d{0,2}(?:,\d{3})+)(?:\.\d+)?(?:e[+-]\d+)?")
_FORMAT = ("#,##0", "#,##0.")
_LONGEST = 32_767  # characters in a cell of a spreadsheet


def sheet_file(content: Content, notes: str, target: Path) -> None:
    """Write a spreadsheet: title, table, notes.

    Parameters
    ----------
    content : Content
    notes : str
        Translated, with the word for notes.
    target : Path
    """
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font

    book = Workbook()
    sheet = book.active
    sheet.title = "Table"
    width = content.cells.shape[1] + 1
    rows: list[tuple[list[object], tuple[str, ...], bool]] = []
    if content.caption:
        rows.append(([content.caption], (), True))
    first = len(rows) + 1
    rows += [(["", *head], (), False) for head in content.heads]
    for line in content.lines():
        pairs = zip(line.cells, content.word_columns, strict=False)
        cells = [text if is_words else _value(text) for text, is_words in pairs]
        rows.append(([line.label, *cells], line.cells, line.kind == "title"))
    for number, (values, shown, is_bold) in enumerate(rows, start=1):
        for column, value in enumerate(values, start=1):
            _put(sheet.cell(number, column), value)
        for column, text in enumerate(shown, start=2):
            if isinstance(sheet.cell(number, column).value, float) and "e" not in text:
                places = len(text.partition(".")[2])
                sheet.cell(number, column).number_format = _FORMAT[places > 0] + "0" * places
        if is_bold:
            sheet.cell(number, 1).font = Font(bold=True)
    _look(sheet, first, len(content.heads), len(rows), width)
    if notes:
        number = len(rows) + 1
        _put(sheet.cell(number, 1), notes)
        sheet.merge_cells(start_row=number, end_row=number, start_column=1, end_column=width)
        sheet.cell(number, 1).alignment = Alignment(wrap_text=True, vertical="top")
        sheet.row_dimensions[number].height = 15 * (1 + len(notes) // (34 + 16 * width))
    book.save(target)


def _look(sheet: Any, first: int, levels: int, last: int, width: int) -> None:
    """Draw the rules, align the numbers and set the widths."""
    from openpyxl.styles import Alignment, Border, Side

    for column in range(1, width + 1):
        sheet.cell(first, column).border = Border(top=Side(style="medium"))
        head = sheet.cell(first + levels - 1, column)
        head.border = Border(top=head.border.top, bottom=Side(style="thin"))
        sheet.cell(last, column).border = Border(bottom=Side(style="medium"))
    for cells in sheet.iter_rows(min_row=first, max_row=last, min_col=2):
        for cell in cells:
            cell.alignment = Alignment(horizontal="right", wrap_text=True, vertical="top")
    sheet.column_dimensions["A"].width = 34
    for column in range(2, width + 1):
        sheet.column_dimensions[sheet.cell(first, column).column_letter].width = 16


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


def _value(text: str) -> object:
    """Return the number in a cell's text, in this package's format, or the text itself."""
    return float(text.replace(",", "")) if _NUMBER.fullmatch(text) else text
