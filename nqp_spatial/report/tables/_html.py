"""A table as HTML that carries its own style."""

from __future__ import annotations

from html import escape
from itertools import groupby

from nqp_spatial.report._texts import visible
from nqp_spatial.report.tables._lines import Content, Line, is_number_cell

__all__ = ["html_page", "html_table"]

_LANGUAGES = {"en": "en", "zh": "zh-CN"}
_STYLE = """
.nqp-table{overflow-x:auto;max-width:100%}
.nqp-table table{border-collapse:collapse;border:0;font-size:.92em;line-height:1.35;
 font-variant-numeric:tabular-nums;margin:.6em 0;background:none}
.nqp-table caption{caption-side:top;text-align:left;font-weight:600;padding:.3em 0}
.nqp-table th,.nqp-table td{border:0;padding:.16em .7em;text-align:center;vertical-align:top;
 background:none;white-space:nowrap}
.nqp-table thead th{font-weight:600;white-space:normal;vertical-align:bottom}
.nqp-table tbody th{text-align:left;font-weight:400;white-space:normal;min-width:9em;
 padding-left:0}
.nqp-table tbody th.panel{font-style:italic;padding-top:.5em}
.nqp-table:lang(zh) tbody th.panel{font-style:normal;font-weight:600}
.nqp-table td.words{text-align:left;white-space:normal}
.nqp-table thead tr:first-child th{border-top:2px solid}
.nqp-table thead tr:last-child th{border-bottom:1px solid}
.nqp-table th.group{border-bottom:1px solid}
.nqp-table tbody+tbody tr:first-child>*{border-top:1px solid}
.nqp-table tfoot td{border-top:2px solid;text-align:left;white-space:normal;padding:.3em 0}
.nqp-table .notes{width:0;min-width:100%;font-size:.9em}
"""
_PAGE = """<!DOCTYPE html>
<html lang="{lang}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title>
<style>body{{font-family:Georgia,"Times New Roman","Songti SC",SimSun,"Noto Serif CJK SC",serif;
margin:1.5em}}</style></head>
<body>{body}</body></html>
"""


def html_page(content: Content, notes: str, title: str) -> str:
    """Return a page with the table; the parameters are those of `html_table`."""
    lang = _LANGUAGES[content.lang]
    body = html_table(content, notes)
    return _PAGE.format(lang=lang, title=escape(visible(title)), body=body)


def html_table(content: Content, notes: str) -> str:
    """Return the table with its style, all text escaped.

    Parameters
    ----------
    content : Content
    notes : str
        Translated, with the word for notes.
    """
    count = content.cells.shape[1]
    caption = f"<caption>{_clean(content.caption)}</caption>" if content.caption else ""
    groups: list[list[str]] = [[]]
    for line in content.lines():
        # A rule only before panels without title; the others have their titles.
        if line.starts and line.kind == "row" and groups[-1]:
            groups.append([])
        groups[-1].append(_row(content, line, count))
    body = "".join(f"<tbody>{''.join(rows)}</tbody>" for rows in groups)
    foot = f'<td colspan="{count + 1}"><div class="notes">{_clean(notes)}</div></td>'
    return (
        f'<div class="nqp-table" lang="{_LANGUAGES[content.lang]}"><style>{_STYLE}</style>'
        f"<table>{caption}{_head(content)}"
        f"{body}<tfoot><tr>{foot}</tr></tfoot></table></div>"
    )


def _clean(text: str) -> str:
    return escape(visible(text)).replace("\n", "<br>")


def _head(content: Content) -> str:
    rows = []
    for level, names in enumerate(content.heads):
        cells = ["<th></th>"]
        if level < len(content.heads) - 1:
            for name, group in groupby(names):
                css = ' class="group"' if name else ""
                cells.append(f'<th colspan="{len(list(group))}"{css}>{_clean(name)}</th>')
        else:
            cells += [f"<th>{_clean(name)}</th>" for name in names]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<thead>{''.join(rows)}</thead>"


def _row(content: Content, line: Line, count: int) -> str:
    if line.kind == "title":
        return f'<tr><th class="panel" colspan="{count + 1}">{_clean(line.label)}</th></tr>'
    if line.spans:
        cell = _clean(content.shown(line.cells[0], 0))
        return f'<tr><th>{_clean(line.label)}</th><td colspan="{count}">{cell}</td></tr>'
    cells = [_cell(content, text, k) for k, text in enumerate(line.cells)]
    return f"<tr><th>{_clean(line.label)}</th>{''.join(cells)}</tr>"


def _cell(content: Content, text: str, column: int) -> str:
    if content.word_columns[column]:
        return f'<td class="words">{_clean(text)}</td>'
    lines = [_even(text, content.shown(text, column)) for text in text.split("\n")]
    return f"<td>{'<br>'.join(lines)}</td>"


def _even(text: str, shown: str) -> str:
    """Return a centred number whose stars are balanced on its left, so that points align."""
    stars = len(text) - len(text.rstrip("*"))
    if not stars or not is_number_cell(text):
        return _clean(shown)
    return f'<span style="padding-left:{stars / 2:g}em">{_clean(shown)}</span>'
