"""A table as plain text, for the terminal."""

from __future__ import annotations

import re
from itertools import groupby

from nqp_spatial.report.tables._lines import Content, Line, folded, is_number_cell, text_width

__all__ = ["plain_text"]

_WIDTH = 80
_LABELS = 34  # letters of a row's label before it continues on a further line
_WORDS = 38  # letters of a column of words
_RULE = "-"


def plain_text(content: Content, notes: str) -> str:
    """Return the table in at most 80 columns; wider ones in parts that repeat the labels.

    Parameters
    ----------
    content : Content
    notes : str
        Translated, with the word for notes.
    """
    lines = list(content.lines())
    columns = [_column(content, lines, k) for k in range(content.cells.shape[1])]
    widths = [2 + max(text_width(text) for texts in column for text in texts) for column in columns]
    indent = "  " if any(line.kind == "title" for line in lines) else ""
    labels = [
        [line.label] if line.kind == "title" else folded(line.label, _LABELS, indent, hang="  ")
        for line in lines
    ]
    side = max(text_width(text) for texts in labels for text in texts)
    blocks: list[str] = []
    for part in _parts(content, widths, side):
        chosen = [columns[k] for k in part]
        room = [widths[k] for k in part]
        rows = _rows(lines, labels, chosen, room, side, is_first=not blocks)
        blocks.append("\n".join([*_head(content, part, widths, side), *rows]))
    title = folded(content.caption, _WIDTH) if content.caption else []
    return "\n".join([*title, "\n\n".join(blocks), *(folded(notes, _WIDTH) if notes else [])])


def _column(content: Content, lines: list[Line], k: int) -> list[list[str]]:
    """Return the heading and the cells of a column, each as lines that are aligned."""
    is_words = content.word_columns[k]
    cells = [
        _cell(line.cells[k], is_words) if line.cells and not line.spans else [""] for line in lines
    ]
    if not is_words:
        # Numbers stand with their points below each other, stars and brackets beyond the digits.
        ends = max((len(_end(text)) for texts in cells for text in texts), default=0)
        cells = [
            [
                text + " " * (ends - len(_end(text))) if is_number_cell(text) else text
                for text in texts
            ]
            for texts in cells
        ]
        numbers = [text for texts in cells for text in texts if is_number_cell(text.rstrip())]
        block = max((len(text) for text in numbers), default=0)
        cells = [
            [text.rjust(block) if is_number_cell(text.rstrip()) else text for text in texts]
            for texts in cells
        ]
    width = max((text_width(text) for texts in cells for text in texts), default=0)
    heading = folded(content.heads[-1][k], max(width, 14))
    width = max(width, *(text_width(text) for text in heading))
    return [heading, *([_placed(text, width, is_words) for text in texts] for texts in cells)]


def _placed(text: str, width: int, is_words: bool) -> str:
    """Return a text in the middle of a width, or at its left."""
    space = width - text_width(text)
    before = 0 if is_words else (space + 1) // 2
    return " " * before + text + " " * (space - before)


def _cell(text: str, is_words: bool) -> list[str]:
    return folded(text, _WORDS) if is_words else text.split("\n")


def _end(text: str) -> str:
    """Return what stands right of the digits before the point of a number."""
    if not is_number_cell(text):
        return ""
    match = re.search(r"(\.\d+)?(e[+-]?\d+)?[\])]?\**$", text)
    return match[0] if match else ""


def _parts(content: Content, widths: list[int], side: int) -> list[list[int]]:
    """Return columns that fit beside each other; those of one group stay together if they can."""
    names = content.heads[0] if len(content.heads) > 1 else list(map(str, range(len(widths))))
    groups = [list(group) for _, group in groupby(range(len(widths)), key=names.__getitem__)]
    room = _WIDTH - side
    if any(sum(widths[k] for k in group) > room for group in groups):
        groups = [[k] for k in range(len(widths))]
    parts: list[list[int]] = [[]]
    for group in groups:
        if parts[-1] and sum(widths[k] for k in [*parts[-1], *group]) > room:
            parts.append([])
        parts[-1] += group
    return parts


def _head(content: Content, part: list[int], widths: list[int], side: int) -> list[str]:
    width = side + sum(widths[k] for k in part)
    lines = [_RULE * width]
    for names in content.heads[:-1]:
        text = " " * side
        for name, group in groupby(part, key=names.__getitem__):
            room = sum(widths[k] for k in group) - 2
            before = (room - text_width(name)) // 2
            text += " " * (2 + before) + name + " " * (room - before - text_width(name))
        lines.append(text.rstrip())
    heads = [folded(content.heads[-1][k], max(widths[k] - 2, 4)) for k in part]
    for row in range(max(map(len, heads))):
        text = " " * side
        for head, k in zip(heads, part, strict=True):
            name = head[row] if row < len(head) else ""
            text += "  " + _placed(name, widths[k] - 2, content.word_columns[k])
        lines.append(text.rstrip())
    return [*lines, _RULE * width]


def _rows(
    lines: list[Line],
    labels: list[list[str]],
    columns: list[list[list[str]]],
    widths: list[int],
    side: int,
    *,
    is_first: bool,
) -> list[str]:
    width = side + sum(widths)
    rows: list[str] = []
    title: list[str] = []  # printed with the first row of its panel that has cells here
    for place, (line, label) in enumerate(zip(lines, labels, strict=True)):
        if line.kind == "title":
            title = [line.label]
            continue
        if line.starts:
            title = []  # of the panel before, all of whose cells are in other parts
            rows += [_RULE * width] if rows else []
        cells = [column[place + 1] for column in columns]
        if line.spans:
            cells = [[line.cells[0]], *([""] for _ in cells[1:])] if is_first else []
        if not any(text.strip() for texts in cells for text in texts):
            continue
        rows, title = [*rows, *title], []
        for k in range(max(len(label), *(len(texts) for texts in cells))):
            words = label[k] if k < len(label) else ""
            text = words + " " * (side - text_width(words))
            for texts, room in zip(cells, widths, strict=True):
                cell = texts[k] if k < len(texts) else ""
                text += "  " + cell + " " * (room - 2 - text_width(cell))
            if text.strip():
                rows.append(text.rstrip())
    return [*rows, _RULE * width]
