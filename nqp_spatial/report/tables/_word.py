"""A table in a Word file: three rules, header rows that repeat, panels that stay together."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from nqp_spatial.report._texts import visible
from nqp_spatial.report.tables._lines import Content, Line, is_number_cell, text_width

__all__ = ["word_file"]

_LATIN, _CHINESE = "Times New Roman", "SimSun"
_THICK, _THIN = 12, 6  # eighths of a point
# Sizes of letters in points, and how many fit beside each other.
_SIZES = ((10.5, 78), (9.0, 92), (8.0, 105), (7.5, 112))
_PANEL = 30  # rows of a panel that are kept on one page
_WIDEST = 34.0  # letters of a column, beyond which its text continues on a further line


def word_file(content: Content, notes: str, target: Path) -> None:
    """Write the table to a file.

    Parameters
    ----------
    content : Content
    notes : str
        Translated, with the word for notes.
    target : Path
    """
    import docx
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    document = docx.Document()
    needs = _needs(content)
    size = _page(document, sum(needs), _height(content), content.lang)
    _style(document, content.lang)
    if content.caption:
        paragraph = document.add_paragraph()
        if content.lang == "zh":
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        _write(paragraph, content.caption, 10.5, bold=True)
        paragraph.paragraph_format.keep_with_next = True
        paragraph.paragraph_format.space_after = Pt(4)
    lines = list(content.lines())
    heads = content.heads
    count = content.cells.shape[1]
    table = document.add_table(rows=len(heads) + len(lines), cols=count + 1)
    grid = [list(row.cells) for row in table.rows]
    _headings(grid, content, size)
    for place, line in enumerate(lines):
        _line(grid[len(heads) + place], content, line, size)
    _rules(grid, lines, len(heads))
    _breaks(table, lines, len(heads), bool(notes))
    _widths(document, table, needs)
    if notes:
        paragraph = document.add_paragraph()
        paragraph.paragraph_format.space_before = Pt(3)
        _write(paragraph, notes, max(size - 1, 7.5))
    document.save(str(target))


def _height(content: Content) -> int:
    """Return the lines of the table, without those that a label or words may add."""
    lines = content.lines()
    return len(content.heads) + sum(
        max((cell.count("\n") + 1 for cell in line.cells), default=1) for line in lines
    )


def _style(document: Any, lang: str) -> None:
    """Set fonts for Latin and Chinese letters, and the languages that decide on punctuation."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    style = document.styles["Normal"]
    style.font.name = _LATIN
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for script, name in (("ascii", _LATIN), ("hAnsi", _LATIN), ("cs", _LATIN),
                         ("eastAsia", _CHINESE)):  # fmt: skip
        fonts.set(qn(f"w:{script}"), name)
    latin = "zh-CN" if lang == "zh" else "en-US"
    for owner in (style.element, document.styles.element.find(qn("w:docDefaults"))):
        properties = owner.find(f".//{qn('w:rPr')}")
        language = properties.find(qn("w:lang"))
        if language is None:
            language = OxmlElement("w:lang")
            properties.append(language)
        language.set(qn("w:val"), latin)
        language.set(qn("w:eastAsia"), "zh-CN")
    style.paragraph_format.space_after = style.paragraph_format.space_before = 0
    style.paragraph_format.line_spacing = 1.0


def _page(document: Any, letters: float, lines: int, lang: str) -> float:
    """Return the size of the letters; a page is turned where a table needs its length.

    Letters are smaller where the table then fits on a page; a longer one continues on the next.
    """
    from docx.enum.section import WD_ORIENT
    from docx.shared import Cm

    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.2)
    height = 600.0
    if letters > 105:
        section.orientation = WD_ORIENT.LANDSCAPE
        section.page_width, section.page_height = Cm(29.7), Cm(21)
        letters, height = letters * 16.6 / 25.3, 370.0
    leading = 1.55 if lang == "zh" else 1.25  # Chinese letters are set further apart
    widest = next((size for size, most in _SIZES if letters <= most), _SIZES[-1][0])
    fitting = [size for size, _ in _SIZES if size <= widest and lines * size * leading <= height]
    return fitting[0] if fitting else widest


def _write(
    paragraph: Any, text: str, size: float, *, bold: bool = False, italic: bool = False
) -> None:
    """Add text with its line breaks."""
    from docx.oxml.ns import qn
    from docx.shared import Pt

    run = paragraph.add_run(visible(text))
    run.font.size, run.bold, run.italic = Pt(size), bold, italic
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:hint"), "eastAsia")


def _fill(cell: Any, text: str, size: float, where: str = "CENTER", **look: bool) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    paragraph = cell.paragraphs[0]
    paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, where)
    _write(paragraph, text, size, **look)


def _headings(grid: list[list[Any]], content: Content, size: float) -> None:
    heads = content.heads
    for level, names in enumerate(heads):
        if level == len(heads) - 1:
            for k, name in enumerate(names):
                where = "LEFT" if content.word_columns[k] else "CENTER"
                _fill(grid[level][k + 1], name, size, where)
            continue
        start = 1
        for name, group in groupby(names):
            count = len(list(group))
            cell = grid[level][start]
            if count > 1:
                cell = cell.merge(grid[level][start + count - 1])
            _fill(cell, name, size)
            if name:
                for k in range(start, start + count):
                    _border(grid[level][k], "bottom", _THIN)
            start += count


def _line(cells: list[Any], content: Content, line: Line, size: float) -> None:
    if line.kind == "title":
        is_italic = content.lang != "zh"  # Chinese has no italics
        _fill(cells[0].merge(cells[-1]), line.label, size, "LEFT", italic=is_italic)
        return
    _fill(cells[0], line.label, size, "LEFT")
    if line.spans:
        _fill(cells[1].merge(cells[-1]), content.shown(line.cells[0], 0), size)
        return
    for k, text in enumerate(line.cells):
        where = "LEFT" if content.word_columns[k] else "CENTER"
        _fill(cells[k + 1], content.shown(text, k), size, where)
        if all(is_number_cell(part) for part in text.split("\n")):
            _keep_line(cells[k + 1])


def _keep_line(cell: Any) -> None:
    """Keep a number on one line in every width."""
    from docx.oxml import OxmlElement

    cell._tc.get_or_add_tcPr().append(OxmlElement("w:noWrap"))


def _border(cell: Any, edge: str, width: int) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    properties = cell._tc.get_or_add_tcPr()
    borders = properties.find(qn("w:tcBorders"))
    if borders is None:
        borders = OxmlElement("w:tcBorders")
        later = properties.find(qn("w:noWrap"))  # the schema has borders before it
        properties.append(borders) if later is None else later.addprevious(borders)
    line = OxmlElement(f"w:{edge}")
    for name, value in (("val", "single"), ("sz", str(width)), ("space", "0"), ("color", "000000")):
        line.set(qn(f"w:{name}"), value)
    # The schema orders the edges: top before bottom.
    borders.insert(0, line) if edge == "top" else borders.append(line)


def _rules(grid: list[list[Any]], lines: list[Line], heads: int) -> None:
    for cell in grid[0]:
        _border(cell, "top", _THICK)
    for cell in grid[heads - 1]:
        _border(cell, "bottom", _THIN)
    for place, following in enumerate(lines[1:]):
        if following.starts and following.kind == "row":
            for cell in grid[heads + place]:
                _border(cell, "bottom", _THIN)
    for cell in grid[-1]:
        _border(cell, "bottom", _THICK)


def _breaks(table: Any, lines: list[Line], heads: int, has_notes: bool) -> None:
    """Let header rows repeat, and pages break between panels only."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    ends = [place for place, line in enumerate(lines) if line.ends]
    for place, row in enumerate(table.rows):
        properties = row._tr.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        if place < heads:
            header = OxmlElement("w:tblHeader")
            header.set(qn("w:val"), "true")
            properties.append(header)
        stays = place < heads
        if place >= heads:
            line = place - heads
            end = next(e for e in ends if e >= line)
            start = max((e + 1 for e in ends if e < line), default=0)
            is_long = end - start >= _PANEL  # too long to be kept on a page: only its ends are
            stays = line < end and (not is_long or line - start < 2 or end - line < 3)
            stays = stays or (line == len(lines) - 1 and has_notes)
        if stays:
            for cell in {id(cell._tc): cell for cell in row.cells}.values():
                for paragraph in cell.paragraphs:
                    paragraph.paragraph_format.keep_with_next = True


def _needs(content: Content) -> list[float]:
    """Return the width of each column in letters, that of the labels first."""
    lines = [line for line in content.lines() if line.cells]
    needs = [max([8.0, *(text_width(line.label) for line in lines)])]
    for k, heading in enumerate(content.heads[-1]):
        texts = [
            heading,
            *(p for line in lines if not line.spans for p in line.cells[k].split("\n")),
        ]
        needs.append(max([5.0, *(float(text_width(text)) for text in texts)]))
    words = [False, *content.word_columns]
    limits = [_WIDEST if k == 0 or is_words else 22.0 for k, is_words in enumerate(words)]
    return [min(need, limit) + 3.0 for need, limit in zip(needs, limits, strict=True)]


def _widths(document: Any, table: Any, needs: list[float]) -> None:
    """Set columns to the width of their text, over the width of the page."""
    from docx.shared import Emu

    section = document.sections[0]
    room = section.page_width - section.left_margin - section.right_margin
    share = room / sum(needs)
    table.autofit = False
    for need, column in zip(needs, table.columns, strict=True):
        column.width = Emu(int(need * share) // 635 * 635)  # whole twips
    for row in table.rows:
        cells = row.cells
        for k, cell in enumerate(cells):
            if sum(other._tc is cell._tc for other in cells) == 1:
                cell.width = Emu(int(needs[k] * share) // 635 * 635)
