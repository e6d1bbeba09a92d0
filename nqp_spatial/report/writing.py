"""How cells become a file: Word, LaTeX, HTML through maketables, spreadsheets through openpyxl."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from nqp_spatial.errors import OptionError

__all__ = [
    "ENDINGS",
    "STARS",
    "STARS_NOTE",
    "number",
    "p_value",
    "stars",
    "target_of",
    "write_cells",
]

ENDINGS = (".docx", ".tex", ".html", ".xlsx")
STARS = (0.01, 0.05, 0.1)
STARS_NOTE = "* p < 0.1, ** p < 0.05, *** p < 0.01."
_PACKAGES = "array, booktabs, makecell, tabularx, threeparttable"
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body>{body}</body></html>
"""


def target_of(path: str | Path) -> Path:
    """Return the path, its folder made; raise unless its ending is known."""
    target = Path(path)
    if target.suffix not in ENDINGS:
        raise OptionError(
            f"a table is written to a file ending in {', '.join(ENDINGS)}; got {target.name!r}"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def number(value: float, digits: int) -> str:
    """Return a number for a cell; missing ones are a dash.

    Examples
    --------
    >>> number(1234.5678, 2), number(float("nan"), 2), number(7, 3)
    ('1,234.57', '–', '7')
    """
    if pd.isna(value):
        return "–"
    if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 1):
        return f"{value:,.0f}"
    return f"{value:,.{digits}f}"


def p_value(value: float, digits: int = 3) -> str:
    """Return a p-value for a cell: never zero.

    Examples
    --------
    >>> p_value(0.0312), p_value(1e-9)
    ('0.031', '<0.001')
    """
    least = 10.0**-digits
    return f"<{least:.{digits}f}" if value < least else f"{value:.{digits}f}"


def stars(p_value: float) -> str:
    """Return one to three stars.

    Examples
    --------
    >>> stars(0.03), stars(0.5)
    ('**', '')
    """
    return "*" * sum(p_value < level for level in STARS)


def write_cells(
    cells: pd.DataFrame, target: Path, *, caption: str | None = None, notes: str = ""
) -> Path:
    """Write text cells to a file.

    Parameters
    ----------
    cells : DataFrame
        Text; rows may have panels, as the first of two levels.
    target : Path
        From `target_of`.
    caption : str, optional
    notes : str

    Returns
    -------
    Path
    """
    if target.suffix == ".xlsx":
        return _sheet(cells, target, caption, notes)
    import maketables

    clean = _tex if target.suffix == ".tex" else str
    shown = cells.map(clean) if target.suffix == ".tex" else cells
    shown = shown.set_axis(_cleaned(cells.columns, clean), axis=1)
    shown = shown.set_axis(_cleaned(cells.index, clean), axis=0)
    table = maketables.MTable(
        shown,
        notes=clean(notes),
        caption=None if caption is None else clean(caption),
        rgroup_display=True,
    )
    if target.suffix == ".docx":
        table.save(type="docx", file_name=str(target.resolve()), show=False, replace=True)
        _fit_columns(target)
    elif target.suffix == ".tex":
        head = f"% Packages needed: {_PACKAGES}; for Chinese text ctex with xelatex or lualatex.\n"
        target.write_text(head + str(table.make(type="tex")), encoding="utf-8")
    else:
        body = table.make(type="gt").as_raw_html()
        target.write_text(_PAGE.format(title=target.stem, body=body), encoding="utf-8")
    return target


def _fit_columns(target: Path) -> None:
    """Give columns of a Word table the room that their text needs, and panel titles a whole row."""
    import docx
    from docx.shared import Emu

    document = docx.Document(str(target))
    page = document.sections[0]
    lengths = (page.page_width, page.left_margin, page.right_margin)
    wide, left, right = (int(one or 0) for one in lengths)
    room = wide - left - right
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
            for at, text in enumerate(texts):
                longest = max((_wide(line) for line in text.splitlines()), default=0.0)
                needs[at] = max(needs[at], min(longest, 34.0) + 2.0)  # and the cell's margins
        share = room / sum(needs)
        table.autofit = False
        for at, column in enumerate(table.columns):
            column.width = Emu(int(needs[at] * share) // 635 * 635)  # whole twips
        for cells in rows:
            for at, cell in enumerate(cells):
                if len({id(one._tc) for one in cells}) == len(cells):
                    cell.width = Emu(int(needs[at] * share))
    document.save(str(target))


def _wide(line: str) -> float:
    """Return the width of a line in letters; Chinese ones count twice."""
    from unicodedata import east_asian_width

    return float(sum(2 if east_asian_width(letter) in "WF" else 1 for letter in line))


def _cleaned(labels: pd.Index, clean: Any) -> pd.Index:
    if isinstance(labels, pd.MultiIndex):
        return pd.MultiIndex.from_tuples([tuple(clean(str(x)) for x in row) for row in labels])
    return pd.Index([clean(str(x)) for x in labels])


def _tex(text: str) -> str:
    """Escape what LaTeX would take for a command; math between dollars stays."""
    parts = re.split(r"(\$[^$]*\$)", text)
    return "".join(
        part
        if part.startswith("$")
        else re.sub(r"([<>])", r"$\1$", re.sub(r"([%&#_])", r"\\\1", part))
        for part in parts
    )


def _sheet(cells: pd.DataFrame, target: Path, caption: str | None, notes: str) -> Path:
    """Write a spreadsheet: title, table with numbers as numbers, notes."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Border, Font, Side

    book = Workbook()
    sheet = book.active
    sheet.title = "Table"
    if caption:
        sheet.append([caption])
        sheet["A1"].font = Font(bold=True)
    levels = cells.columns.nlevels
    for level in range(levels):
        heads = [str(name) for name in cells.columns.get_level_values(level)]
        sheet.append(["", *heads])
    first = sheet.max_row - levels + 1
    panel = None
    for row, values in zip(cells.index, cells.to_numpy(), strict=True):
        name = row
        if isinstance(row, tuple):
            if row[0] != panel:
                panel = row[0]
                sheet.append([str(panel)])
                sheet.cell(sheet.max_row, 1).font = Font(bold=True)
            name = row[-1]
        sheet.append([str(name), *(_value(one) for one in values)])
    rule = Side(style="thin")
    width = len(cells.columns) + 1
    for column in range(1, width + 1):
        sheet.cell(first, column).border = Border(top=Side(style="medium"))
        head = sheet.cell(first + levels - 1, column)
        head.border = Border(top=head.border.top, bottom=rule)
        sheet.cell(sheet.max_row, column).border = Border(bottom=Side(style="medium"))
    for line in sheet.iter_rows(min_row=first, min_col=2):
        for cell in line:
            cell.alignment = Alignment(horizontal="right", wrap_text=True, vertical="top")
    sheet.column_dimensions["A"].width = 34
    for column in range(2, width + 1):
        sheet.column_dimensions[sheet.cell(first, column).column_letter].width = 16
    if notes:
        sheet.append([f"Notes: {notes}"])
        last = sheet.max_row
        sheet.merge_cells(start_row=last, end_row=last, start_column=1, end_column=width)
        sheet.cell(last, 1).alignment = Alignment(wrap_text=True, vertical="top")
        sheet.row_dimensions[last].height = 15 * (1 + len(notes) // (34 + 16 * width))
    book.save(target)
    return target


def _value(text: object) -> object:
    """Return the number that a cell's text is, or the text."""
    try:
        return float(str(text).replace(",", ""))
    except ValueError:
        return text
