"""Texts stay text: what a user calls things is no command in LaTeX, a spreadsheet, Word or HTML."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from openpyxl import load_workbook

import nqp_spatial as nq
from nqp_spatial.errors import NqpError, OptionError
from nqp_spatial.report._texts import tex, visible
from nqp_spatial.report.tables._writers import write_cells
from nqp_spatial.report.tables.journal_table import target_of

HOSTILE = [
    "US$ 5 & $a", r"C:\data", "{x}", r"\input{FILE}\immediate\write18{touch x} a_b {", "50 % #1",
    "a^2 ~ b_c", "<b>|\"q\"|</b>", "%", "\\", "$", "$$", "}", "{", "a\\\\b", "GDP (US$) & R&D ($m)",
    "人均GDP（元，％）", "^^M", "--", "*star", "[1]", "`tick'", "~", "&amp;", "\\end{document}",
    "ρ and σ² and R²", "a\tb", "=1+1", "+1", "-x", "@a",
]  # fmt: skip
SHEET = ["=cmd|' /C calc'!A0", "=HYPERLINK(\"http://x\")", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1",
         "=", "{=1}", "#N/A", "TRUE", "1e5", " =1"]  # fmt: skip


def printed(text):
    """Return what TeX prints for text as `tex` writes it; fail on anything that is a command."""
    known = {r"\textbackslash{}": "\\", r"\textasciicircum{}": "^", r"\textasciitilde{}": "~",
             r"{\char34}": '"', r"{\char96}": "`", "{[}": "[", "{]}": "]", "{*}": "*", "-{}": "-",
             "$<$": "<", "$>$": ">", "$|$": "|", "$^2$": "²", "$R^2$": "R²",
             r"$\sigma^2$": "σ²", r"$\rho$": "ρ"}  # fmt: skip
    known |= {f"\\{letter}": letter for letter in "&%$#_{}"}
    out, position = "", 0
    keys = sorted(known, key=len, reverse=True)
    while position < len(text):
        key = next((key for key in keys if text.startswith(key, position)), None)
        if key is None:
            assert text[position] not in '\\{}^~&$%#_<>|"`[]', (text, position)
        out += text[position] if key is None else known[key]
        position += 1 if key is None else len(key)
    return out


@pytest.mark.parametrize("text", HOSTILE)
def test_latex_prints_the_text_and_nothing_else(text):
    assert printed(tex(text)) == text.replace("\t", " ")


def test_latex_has_no_line_or_letter_that_it_cannot_have():
    assert tex("a\n\n\nb\r\nc\n") == "a\nb\nc"
    assert tex("a\x00b\x1b[1m") == r"a\textbackslash{}x00b\textbackslash{}x1b{[}1m"
    assert visible("\ud800\ufffe a\tb\n") == "\\ud800\\ufffe a\tb\n"


@pytest.fixture
def cells():
    names = [f"{text} {k}" if text in ("", "-") else text for k, text in enumerate(HOSTILE)]
    index = pd.MultiIndex.from_tuples([(f"P {name}", name) for name in names])
    return pd.DataFrame({r"\input{x} & $h$": names, "cases": "1.5***\n(0.1)", "self": "x"}, index)


def test_tables_in_latex(cells, tmp_path):
    for text in HOSTILE:
        path = write_cells(cells, target_of(tmp_path / "t.tex"), caption=text, notes=text)
        written = path.read_text(encoding="utf-8")
        caption = re.search(r"\\caption\{(.*)\}\n", written)[1]
        assert printed(caption) == " ".join(text.split())
    body = written.split(r"\midrule", 1)[1].split(r"\bottomrule")[0]
    rows = [re.split(r" (?<!\\)& ", line) for line in body.split("\n")]
    first: list[str] = []
    for row in rows:
        if len(row) == 4 and row[0].startswith(r"\quad "):  # a label's second line
            first[-1] += " " + row[0].removeprefix(r"\quad ")
        elif len(row) == 4 and row[0]:  # no title of a panel, no line of standard errors
            first.append(row[0])
    assert [printed(name) for name in first] == [text.replace("\t", " ") for text in HOSTILE]
    commands = set(re.findall(r"\\[a-z]+", written))
    assert not {r"\input", r"\immediate", r"\write"} & commands
    assert commands <= {
        r"\textbackslash", r"\textasciicircum", r"\textasciitilde", r"\char", r"\rho", r"\sigma",
        r"\begin", r"\end", r"\caption", r"\label", r"\centering", r"\toprule", r"\setlength",
        r"\tabcolsep", r"\linewidth", r"\textheight", r"\multicolumn", r"\emph", r"\textit",
        r"\midrule", r"\quad", r"\addlinespace", r"\bottomrule", r"\scriptsize", r"\item",
    }  # fmt: skip


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_tables_in_latex_compile(cells, tmp_path):
    latin = [not re.search("[\u2e80-\uffef]", str(row)) for row in cells.index]
    caption = "".join(text for text in HOSTILE if not re.search("[\u2e80-\uffef]", text))
    write_cells(cells[latin], target_of(tmp_path / "t.tex"), caption=caption, notes=caption)
    head = (tmp_path / "t.tex").read_text(encoding="utf-8").splitlines()[0]
    packages = head.removeprefix("% Packages needed: ").rstrip(".")
    (tmp_path / "main.tex").write_text(
        "\\documentclass{article}\n"
        f"\\usepackage{{{packages}}}\n"
        "\\begin{document}\n\\input{t.tex}\n\\end{document}\n"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"],
        cwd=tmp_path, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert not (tmp_path / "x").exists()


def test_tables_in_html(cells, tmp_path):
    caption = "<script>alert(1)</script> & x"
    path = write_cells(cells, target_of(tmp_path / "<img>.html"), caption=caption, notes=caption)
    html = path.read_text(encoding="utf-8")
    assert "<script>" not in html
    assert "<b>|" not in html
    assert "<img>" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt; &amp; x") == 2
    assert ">1.5***</span><br>(0.1)<" in html
    quoted = cells.set_axis(['" onclick="alert(1)'] * len(cells))
    html = write_cells(quoted, target_of(tmp_path / "q.html")).read_text(encoding="utf-8")
    assert 'onclick="alert' not in html


def test_tables_in_word(cells, tmp_path):
    caption = "a\x00b\x1b[1m\x0c <w:p/> & x"
    odd = pd.DataFrame({"c\x01": ["d\x02", "g\x04"]}, index=["e\x03", "f\uffff"])
    for frame in (cells, odd):
        path = write_cells(frame, target_of(tmp_path / "t.docx"), caption=caption, notes=caption)
        with zipfile.ZipFile(path) as archive:
            root = ElementTree.fromstring(archive.read("word/document.xml"))
        text = "".join(node.text or "" for node in root.iter() if node.tag.endswith("}t"))
        assert "a\\x00b\\x1b[1m\\x0c <w:p/> & x" in text
    for word in ("c\\x01", "d\\x02", "g\\x04", "e\\x03", "f\\uffff"):
        assert word in text


@pytest.mark.parametrize("text", [*SHEET, *HOSTILE])
def test_spreadsheets_open_with_the_same_text(tmp_path, text):
    cells = pd.DataFrame({text: [text, "1,234.50", "-0.5", "007"]}, [text, "n", "m", "k"])
    path = write_cells(
        cells, target_of(tmp_path / "t.xlsx"), caption=text, notes=text, words=[text]
    )
    sheet = load_workbook(path).active
    places = [sheet.cell(row, column) for row, column in ((1, 1), (2, 2), (3, 1), (3, 2))]
    assert [(cell.value, cell.data_type) for cell in places] == [(text, "s")] * 4
    panels = cells.set_index(pd.MultiIndex.from_product([[text], ["a", "b", "c", "d"]]))
    panels.columns = ["x"]
    sheet = load_workbook(write_cells(panels, path)).active
    assert (sheet.cell(2, 1).value, sheet.cell(2, 1).data_type) == (text, "s")
    assert [sheet.cell(row, 2).value for row in (4, 5, 6)] == [1234.5, -0.5, "007"]
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type in "fe"]


def test_labels_captions_and_members_of_results(states, tmp_path):
    panel, w = states
    bad = "=cmd|' /C calc'!A0 & $x$ \\input{a}"
    named = nq.SpatialPanel(
        panel.frame.reset_index(),
        unit="unit",
        period="period",
        labels={"lgsp": bad, "lpc": bad[1:]},
    )
    result = nq.fit("lgsp ~ lpc", named, w, model="sar")
    for ending in ("xlsx", "tex", "docx", "html"):
        nq.report.descriptive_table(named, ["lgsp"], tmp_path / f"d.{ending}", caption=bad)
        nq.report.regression_table({bad: result}, tmp_path / f"r.{ending}", caption=bad)
    sheet = load_workbook(tmp_path / "d.xlsx").active
    assert (sheet["A1"].value, sheet["A3"].value) == (bad, bad)
    assert sheet["A3"].data_type == "s"
    text = (tmp_path / "r.tex").read_text(encoding="utf-8")
    assert r"\input" not in text
    assert r"$\rho$ (Wy)" in text and r"$\sigma^2$" in text and r"$R^2$ within" in text
    assert "\\$x\\$" in text
    clubs = nq.convergence.clubs(panel, "lgsp")
    names = pd.Series({unit: f"={unit}" for unit in panel.units})
    nq.report.club_table(clubs, tmp_path / "c.xlsx", members=True, names=names)
    cells = [cell for row in load_workbook(tmp_path / "c.xlsx").active.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert any(str(cell.value).startswith("=") for cell in cells)


def test_a_text_too_long_for_a_cell_is_refused(tmp_path):
    cells = pd.DataFrame({"a": ["x" * 40_000]}, ["r"])
    with pytest.raises(OptionError, match="a cell of a spreadsheet holds 32,767 characters"):
        write_cells(cells, target_of(tmp_path / "t.xlsx"))


# -- wrong arguments -------------------------------------------------------------------------------


def test_wrong_arguments_of_tables_are_refused_in_words(states, tmp_path):
    panel, w = states
    result = nq.fit("lgsp ~ lpc", panel, w, model="sar")
    good = tmp_path / "t.xlsx"
    report = nq.report
    (tmp_path / "folder.tex").mkdir()
    (tmp_path / "file").write_text("")
    for path in (3, b"t.tex", "", "t", "t.odt", tmp_path, tmp_path / "folder.tex",
                 tmp_path / "file" / "t.tex", "a\0.tex", ["t.tex"]):  # fmt: skip
        with pytest.raises(OptionError):
            report.regression_table(result, path)
    wrong = (None, 3, "a", [], {}, [None], panel, w, pd.DataFrame(), {"a": 1}, np.nan)
    tables = (report.regression_table, report.effects_table, report.transition_table,
              report.dagum_table, report.club_table, report.tests_table)  # fmt: skip
    for table in tables:
        for value in wrong:
            with pytest.raises(OptionError):
                table(value, good)
    for value in (-1, 99, True, 2.5, "3", None):
        with pytest.raises(OptionError):
            report.regression_table(result, good, digits=value)
    for value in ("fr", None, 3, ["en"], {}):
        with pytest.raises(OptionError):
            report.regression_table(result, good, lang=value)
        with pytest.raises(OptionError):
            report.descriptive_table(panel, ["lgsp"], good, lang=value)
    for value in (3, ["a"], b"x"):
        with pytest.raises(OptionError):
            report.regression_table(result, good, caption=value)
        with pytest.raises(OptionError):
            report.regression_table(result, good, notes=value)
    for value in (None, 3, [], [["lgsp"]], "nothing", [None]):
        with pytest.raises(NqpError):
            report.descriptive_table(panel, value, good)
    with pytest.raises(OptionError, match="headings must differ"):
        report.regression_table({1: result, "1": result}, good)
    with pytest.raises(OptionError):
        report.regression_table(result, good, effects={"(1)": 3})


def test_a_disk_that_is_full_is_named(tmp_path, monkeypatch):
    from openpyxl import Workbook

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Workbook, "save", full)
    with pytest.raises(OptionError, match=r"cannot write .*No space left"):
        write_cells(pd.DataFrame({"a": ["1"]}, ["r"]), target_of(tmp_path / "t.xlsx"))
