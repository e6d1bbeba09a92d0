"""A table as LaTeX: booktabs, dcolumn and threeparttable, on one page."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import groupby

from nqp_spatial.core.number_format import typeset
from nqp_spatial.report._texts import tex
from nqp_spatial.report.tables._lines import Content, Line, folded, is_number_cell, text_width

__all__ = ["latex_table"]

_TEXT_WIDTH, _TEXT_HEIGHT = 345.0, 530.0  # points, of LaTeX's article
_COLUMN_WIDTH = 235.0  # of a page with two columns: wider tables shrink to the room there is
# Command, size of letters, width of a digit, half the space between columns, all in points.
_SIZES = (
    ("\\normalsize", 10, 5.0, 6),
    ("\\small", 9, 4.63, 5),
    ("\\footnotesize", 8, 4.25, 4),
    ("\\scriptsize", 7, 3.99, 2),
)
_LEADING = 1.05  # lines of Chinese text, which ctex sets further apart
_HEADINGS = (16, 8)  # letters of a heading on one line: at first, and where this is too wide
_LABEL = 34  # letters of a label on one line
_WORDS = 40  # letters of a column of words on one line
_POWER = re.compile(r"(-?[\d.]+)e([+-]?\d+)")


@dataclass(frozen=True)
class _Column:
    """A column: lines of its heading, digits before and after the point, width of its text.

    Where there are standard errors, estimates are aligned at their points; facts of the model below
    them are centred, because a column aligned for both would be too wide.
    """

    heading: tuple[str, ...]
    before: int = 0
    after: int = 0
    text: int = 0
    is_words: bool = False
    has_errors: bool = False

    @property
    def width(self) -> float:
        """Width in digits."""
        if self.is_words:
            return float(min(self.text, _WORDS))
        return float(max(self.before + self.after + 0.5, self.text))

    @property
    def specification(self) -> str:
        if self.is_words:
            if self.text <= _WORDS:
                return "l"
            return f">{{\\raggedright\\arraybackslash}}p{{{_WORDS / 2:g}em}}"
        return f"D{{.}}{{.}}{{{max(self.before, 1)}.{self.after}}}"


def latex_table(content: Content, notes: str, word: str, label: str = "") -> str:
    r"""Return a float with the table; its first lines say which packages the preamble needs.

    Parameters
    ----------
    content : Content
    notes : str
        Translated, without the word for notes.
    word : str
        "Notes:" in the language of the table.
    label : str
        For ``\ref``, if there is a caption.
    """
    longest = max((text_width(line.label) for line in content.lines() if line.cells), default=0)
    for heading in _HEADINGS:
        columns = [_column(content, k, heading) for k in range(content.cells.shape[1])]
        size, gap, room = _size(content, columns, min(longest, _LABEL))
        if size == _SIZES[0][0]:
            break
    rows = _head(content, columns)
    for place, line in enumerate(content.lines()):
        if place and line.starts:
            rows.append("\\addlinespace" if line.kind == "title" else "\\midrule")
        rows += _rows(line, columns)
    body = "\n".join(rows)
    table = (
        f"\\setlength{{\\tabcolsep}}{{{gap}pt}}\n"
        f"\\begin{{tabular*}}{{\\linewidth}}{{@{{\\extracolsep{{\\fill}}}}l"
        f"{''.join(column.specification for column in columns)}@{{}}}}\n"
        f"\\toprule\n{body}\n\\bottomrule\n\\end{{tabular*}}\n"
    )
    if not room.is_narrow:
        table = table.replace("tabular*}{\\linewidth}", "tabular}").replace("tabular*", "tabular")
        table = table.replace("@{\\extracolsep{\\fill}}", "@{}")
    return _float(content, table, size, notes, word, label, room)


def _float(
    content: Content, table: str, size: str, notes: str, word: str, label: str, room: _Room
) -> str:
    title = " ".join((content.caption or "").split())  # a caption has no paragraphs
    caption = f"\\caption{{{tex(title)}}}\n" if content.caption else ""
    name = re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-")
    caption += f"\\label{{tab:{name}}}\n" if caption and name else ""
    is_chinese = content.lang == "zh"
    if is_chinese:
        size = f"\\linespread{{{_LEADING}}}{size}"
        word = tex(word)  # Chinese has no italics
    else:
        word = f"\\textit{{{tex(word)}}} "
    note_size = "\\scriptsize" if size.endswith("\\scriptsize") else "\\footnotesize"
    below = (
        f"\\begin{{tablenotes}}[flushleft]{note_size}\n\\item {word}"
        f"{tex(' '.join(notes.split()))}\n\\end{{tablenotes}}\n"
        if notes
        else ""
    )
    inner = f"\\begin{{threeparttable}}\n{caption}{size}\n{table}{below}\\end{{threeparttable}}\n"
    packages = ["booktabs", "dcolumn", "threeparttable"]
    if limits := room.limits:
        packages.insert(0, "adjustbox")
        inner = f"\\begin{{adjustbox}}{{{limits}}}\n{inner}\\end{{adjustbox}}\n"
    text = f"\\begin{{table}}[!htbp]\n\\centering\n{inner}\\end{{table}}\n"
    head = f"% Packages needed: {', '.join(packages)}.\n"
    if _is_chinese(text):
        head += "% For the Chinese text also ctex (or xeCJK); compile with xelatex or lualatex.\n"
    return head + text


def _is_chinese(text: str) -> bool:
    return re.search("[\u2e80-\uffef]", text) is not None


@dataclass(frozen=True)
class _Room:
    """Whether a table fits in the column of any page, and on a page of text."""

    is_narrow: bool
    is_short: bool

    @property
    def limits(self) -> str:
        """Options of adjustbox, none if the table need not shrink."""
        limits = [] if self.is_narrow else ["max width=\\linewidth"]
        return ", ".join(limits if self.is_short else [*limits, "max totalheight=0.95\\textheight"])


def _size(content: Content, columns: list[_Column], side: int) -> tuple[str, int, _Room]:
    """Return the largest letters with which the table fits on a page, and the room it needs."""
    digits = side + sum(column.width for column in columns)
    lines = sum(
        max([1, *(cell.count("\n") + 1 for cell in line.cells)]) for line in content.lines()
    )
    lines += 3 + text_width(content.notes) // 85
    leading = 1.2 * (_LEADING if content.lang == "zh" else 1.0)
    size, gap, room = "", 0, _Room(False, False)
    for size, points, digit, gap in _SIZES:
        width = digits * digit + 2 * gap * (len(columns) + 1)
        room = _Room(width <= _COLUMN_WIDTH, lines * leading * points <= _TEXT_HEIGHT)
        if width <= _TEXT_WIDTH and room.is_short:
            return size, gap, room
    return size, gap, room


def _column(content: Content, k: int, letters: int) -> _Column:
    """Return the space that the cells and the heading of a column need."""
    lines = [line for line in content.lines() if line.cells and not line.spans]
    heading = content.heads[-1][k]
    if content.word_columns[k]:
        text = max((text_width(line.cells[k]) for line in lines), default=0)
        return _Column((heading,), text=max(text, text_width(heading)), is_words=True)
    digits, decimals, text = 0, 0, 0
    has_errors = any("\n" in line.cells[k] for line in lines)
    for parts in (line.cells[k].split("\n") for line in lines):
        for part in parts:
            if not _is_aligned(part, has_errors, len(parts)):
                text = max(text, text_width(part))
                continue
            bare = part.rstrip("*")
            before, _, after = bare.partition(".")
            # A minus is wider than a digit, a comma narrower, a raised star nearly as wide.
            width = len(before) + 0.6 * before.count("-") - 0.45 * before.count(",")
            digits = max(digits, round(width))
            decimals = max(decimals, len(after) + math.ceil(0.8 * (len(part) - len(bare))))
    parts = folded(heading, max(letters, text, digits + decimals))
    text = max([text, *(text_width(part) for part in parts)])
    return _Column(tuple(parts), digits, decimals, text, has_errors=has_errors)


def _is_aligned(text: str, has_errors: bool, lines: int) -> bool:
    """Return whether a line of a cell is aligned at its point."""
    return is_number_cell(text) and "e" not in text and (lines > 1 or not has_errors)


def _head(content: Content, columns: list[_Column]) -> list[str]:
    rows = []
    for names in content.heads[:-1]:
        cells, rules, start = [""], [], 2
        for name, group in groupby(names):
            count = len(list(group))
            cells.append(f"\\multicolumn{{{count}}}{{c}}{{{tex(name)}}}")
            if name:
                rules.append(f"\\cmidrule(lr){{{start}-{start + count - 1}}}")
            start += count
        rows.append(" & ".join(cells) + " \\\\\n" + "".join(rules))
    cells = [""]
    for column in columns:
        parts = [tex(part) for part in column.heading]
        inner = "\\\\".join(parts)
        if len(parts) > 1:
            inner = f"\\begin{{tabular}}[b]{{@{{}}c@{{}}}}{inner}\\end{{tabular}}"
        cells.append(f"\\multicolumn{{1}}{{{'l' if column.is_words else 'c'}}}{{{inner}}}")
    return [*rows, " & ".join(cells) + " \\\\", "\\midrule"]


def _rows(line: Line, columns: list[_Column]) -> list[str]:
    count = len(columns)
    if line.kind == "title":
        title = tex(line.label) if _is_chinese(line.label) else f"\\emph{{{tex(line.label)}}}"
        return [f"\\multicolumn{{{count + 1}}}{{@{{}}l}}{{{title}}} \\\\*"]
    if line.spans:
        cell = f"\\multicolumn{{{count}}}{{c}}{{{_text(line.cells[0])}}}"
        return [f"{tex(line.label)} & {cell} \\\\"]
    rows = []
    parts = [
        [cell] if column.is_words else cell.split("\n")
        for cell, column in zip(line.cells, columns, strict=True)
    ]
    label = [tex(text) for text in folded(line.label, _LABEL, hang="  ")]
    label = [label[0], *(f"\\quad {text.strip()}" for text in label[1:])]
    count = max(len(label), *map(len, parts))
    for k in range(count):
        cells = [
            _cell(part[k] if k < len(part) else "", column, len(part))
            for part, column in zip(parts, columns, strict=True)
        ]
        # Nothing may come between an estimate and its standard error at the end of a page.
        end = " \\\\" if k == count - 1 else " \\\\*"
        rows.append(f"{label[k] if k < len(label) else ''} & {' & '.join(cells)}{end}")
    return rows


def _cell(text: str, column: _Column, lines: int) -> str:
    if not text:
        return ""
    if column.is_words:
        return tex(text)
    if _is_aligned(text, column.has_errors, lines):
        return _mathematics(text)
    return f"\\multicolumn{{1}}{{c}}{{{_text(text)}}}"


def _mathematics(text: str) -> str:
    bare = text.rstrip("*")
    stars = "*" * (len(text) - len(bare))
    number = _POWER.sub(lambda m: f"{m[1]}\\times10^{{{int(m[2])}}}", bare.replace(",", "{,}"))
    number = number.replace("<", "{<}")
    number = number.replace("[", "{[}").replace("]", "{]}")
    return f"{number}{{}}^{{{stars}}}" if stars else number


def _text(text: str) -> str:
    """Return words, or a number among words, as LaTeX."""
    tokens = text.split(" ")
    return " ".join(
        f"${_mathematics(token)}$" if is_number_cell(token) else tex(typeset(token))
        for token in tokens
    )
