"""A table as LaTeX: booktabs, dcolumn and threeparttable, on one page."""

from __future__ import annotations

import math
import re
import textwrap
from dataclasses import dataclass
from itertools import groupby

from nqp_spatial.core.number_format import typeset
from nqp_spatial.report._texts import tex
from nqp_spatial.report.tables._lines import Content, Line, folded, is_number_cell, text_width

__all__ = ["latex_table"]

_TEXT_WIDTH, _TEXT_HEIGHT = 345.0, 530.0  # points, of LaTeX's article
# Command, size of letters in points, half the space between columns in points.
_SIZES = (
    ("\\normalsize", 10, 6),
    ("\\small", 9, 5),
    ("\\footnotesize", 8, 4),
    ("\\scriptsize", 7, 2),
)
_LEADING = 1.1  # lines of Chinese text, which ctex sets further apart
_HEADING = 14  # letters of a heading on one line
_LABEL = 34  # letters of a label on one line
_WORDS = 40  # letters of a column of words on one line
_POWER = re.compile(r"(-?[\d.]+)e([+-]?\d+)")


@dataclass(frozen=True)
class _Column:
    """A column: digits before and after the decimal point, or the width of its text."""

    left: int = 0
    right: int = 0
    text: int = 0
    is_words: bool = False

    @property
    def width(self) -> float:
        """Width in digits."""
        if self.is_words:
            return float(min(self.text, _WORDS))
        return float(max(self.left + self.right + 0.5, self.text))

    @property
    def specification(self) -> str:
        if self.is_words:
            if self.text <= _WORDS:
                return "l"
            return f">{{\\raggedright\\arraybackslash}}p{{{_WORDS / 2:g}em}}"
        return f"D{{.}}{{.}}{{{max(self.left, 1)}.{self.right}}}"


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
    columns = [_column(content, k) for k in range(content.cells.shape[1])]
    longest = max((text_width(line.label) for line in content.lines() if line.cells), default=0)
    size, gap, fits = _size(content, columns, min(longest, _LABEL))
    rows = _head(content)
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
    if not fits:  # more columns than any size of letters has room for
        table = table.replace("tabular*}{\\linewidth}", "tabular}").replace("tabular*", "tabular")
        table = table.replace("@{\\extracolsep{\\fill}}", "@{}")
    return _float(content, table, size, notes, word, label, fits)


def _float(
    content: Content, table: str, size: str, notes: str, word: str, label: str, fits: bool
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
    if not fits:
        packages.insert(0, "adjustbox")
        inner = f"\\begin{{adjustbox}}{{max width=\\linewidth}}\n{inner}\\end{{adjustbox}}\n"
    text = f"\\begin{{table}}[!htbp]\n\\centering\n{inner}\\end{{table}}\n"
    head = f"% Packages needed: {', '.join(packages)}.\n"
    if _is_chinese(text):
        head += "% For the Chinese text also ctex (or xeCJK); compile with xelatex or lualatex.\n"
    return head + text


def _is_chinese(text: str) -> bool:
    return re.search("[\u2e80-\uffef]", text) is not None


def _size(content: Content, columns: list[_Column], side: int) -> tuple[str, int, bool]:
    """Return the largest letters with which the table fits on a page, and whether any does."""
    digits = side + sum(column.width for column in columns)
    lines = sum(
        max([1, *(cell.count("\n") + 1 for cell in line.cells)]) for line in content.lines()
    )
    lines += 3 + text_width(content.notes) // 85
    leading = 1.2 * (_LEADING if content.lang == "zh" else 1.0)
    size, gap, is_narrow = "", 0, False
    for size, points, gap in _SIZES:
        width = 1.06 * digits * points / 2 + 2 * gap * (len(columns) + 1)
        is_narrow = width <= _TEXT_WIDTH
        if is_narrow and lines * leading * points <= _TEXT_HEIGHT:
            return size, gap, True
    return size, gap, is_narrow


def _column(content: Content, k: int) -> _Column:
    """Return the space that the cells and the heading of a column need."""
    lines = [line for line in content.lines() if line.cells and not line.spans]
    heading = max((text_width(part) for part in _broken(content.heads[-1][k])), default=0)
    if content.word_columns[k]:
        text = max((text_width(line.cells[k]) for line in lines), default=0)
        return _Column(text=max(text, heading), is_words=True)
    left, right, text = 0, 0, heading
    for cell in (part for line in lines for part in line.cells[k].split("\n")):
        if not is_number_cell(cell) or "e" in cell:
            text = max(text, text_width(cell))
            continue
        bare = cell.rstrip("*")
        stars = len(cell) - len(bare)
        before, _, after = bare.partition(".")
        left = max(left, len(before) + before.count("-"))  # a minus is as wide as two digits
        right = max(right, len(after) + math.ceil(0.8 * stars))
    return _Column(left, right, text)


def _broken(heading: str) -> list[str]:
    """Return a heading on lines that are not much wider than numbers."""
    if text_width(heading) <= _HEADING:
        return [heading]
    wide = text_width(heading) / len(heading)
    return textwrap.wrap(heading, max(int(_HEADING / wide), 4), break_long_words=wide > 1.5) or [""]


def _head(content: Content) -> list[str]:
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
    for name, is_words in zip(content.heads[-1], content.word_columns, strict=True):
        parts = [tex(part) for part in _broken(name)]
        inner = "\\\\".join(parts)
        if len(parts) > 1:
            inner = f"\\begin{{tabular}}[b]{{@{{}}c@{{}}}}{inner}\\end{{tabular}}"
        cells.append(f"\\multicolumn{{1}}{{{'l' if is_words else 'c'}}}{{{inner}}}")
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
            _cell(part[k] if k < len(part) else "", column)
            for part, column in zip(parts, columns, strict=True)
        ]
        # Nothing may come between an estimate and its standard error at the end of a page.
        end = " \\\\" if k == count - 1 else " \\\\*"
        rows.append(f"{label[k] if k < len(label) else ''} & {' & '.join(cells)}{end}")
    return rows


def _cell(text: str, column: _Column) -> str:
    if not text:
        return ""
    if column.is_words:
        return tex(text)
    if not is_number_cell(text):
        return f"\\multicolumn{{1}}{{c}}{{{_text(text)}}}"
    if "e" in text:
        return f"\\multicolumn{{1}}{{c}}{{${_mathematics(text)}$}}"
    return _mathematics(text)


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
