"""Tables as journals print them: layouts, choice of rows, and what each format draws."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.core.inference import HypothesisTest
from nqp_spatial.errors import OptionError
from nqp_spatial.report import effects_table, regression_table
from nqp_spatial.report.tables._headings import same_or_each
from nqp_spatial.report.tables._lines import is_number_cell, text_width
from tests.report.printed import prints

CHINESE = {"lgsp": "地区生产总值", "lpc": "私人资本", "lemp": "就业人数", "unemp": "失业率（%）"}


@pytest.fixture(scope="module")
def models(states):
    panel, w = states
    formula = "lgsp ~ lpc + lemp + unemp"
    return {name: nq.fit(formula, panel, w, model=name.lower()) for name in ("SAR", "SDM")}


@pytest.fixture(scope="module")
def runs(states):
    panel, w = states
    formula = "unemp ~ lpc + lemp"
    return {
        "Dynamic": nq.fit(formula, panel, w, effects="unit", time_lag=True),
        "Static": nq.fit(formula, panel, w, effects="unit"),
    }


@pytest.fixture(scope="module")
def impacts(runs):
    return {name: model.effects(method="delta") for name, model in runs.items()}


@pytest.fixture(scope="module")
def chinese(states):
    panel, w = states
    named = nq.SpatialPanel(panel.frame.reset_index(), unit="unit", period="period", labels=CHINESE)
    return nq.fit("lgsp ~ lpc + lemp + unemp", named, w)


def rows_of(table):
    return [label for _, label in table.frame.index]


# -- layouts ---------------------------------------------------------------------------------------


def test_effects_stand_in_columns_by_run(runs, impacts):
    """As SR_Direct to LR_Total in xsmle: one row per variable."""
    one = {"Dynamic": impacts["Dynamic"]}
    table = regression_table({"Dynamic": runs["Dynamic"]}, layout="effects", effects=one)
    kinds = ["Direct", "Indirect", "Total"]
    expected = [(run, kind) for run in ("Short run", "Long run") for kind in kinds]
    assert table.frame.columns.tolist() == expected
    frame = impacts["Dynamic"].frame
    for variable, label in (("lpc", "Private capital (log)"), ("lemp", "Employment (log)")):
        cells = table.frame.xs(label, level=1).iloc[0]
        for run, horizon in (("Short run", "short-run"), ("Long run", "long-run")):
            for kind in kinds:
                mask = (frame["variable"] == variable) & (frame["horizon"] == horizon)
                row = frame[mask & (frame["effect"] == kind.lower())].iloc[0]
                text = cells[run, kind]
                assert prints(text.split("\n")[0], row["estimate"], 1)
                assert prints(text.split("\n")[1], row["std_error"], 1)
                assert text.split("\n")[0].startswith("-") == (row["estimate"] < 0)
                marks = sum(row["p_value"] < level for level in (0.1, 0.05, 0.01))
                assert text.count("*") == marks
    # Facts of the model are for all columns.
    observations = table.frame.xs("Observations", level=1).iloc[0]
    assert observations.tolist() == ["768", *[""] * 5]
    rho = table.frame.xs("ρ (Wy)", level=1).iloc[0, 0]
    assert prints(rho, runs["Dynamic"].params["spatial", "rho"])


def test_static_effects_stand_beside_the_short_run(runs, impacts):
    """Half of the cells used to be empty: static effects had panels of their own."""
    side = regression_table(runs, effects=impacts)
    panels = list(dict.fromkeys(panel for panel, _ in side.frame.index))
    assert panels[1:4] == [f"{x} effects, short run" for x in ("Direct", "Indirect", "Total")]
    assert "Direct effects" not in panels
    short = side.frame.loc["Direct effects, short run"]
    assert (short != "").all(axis=None)
    assert (side.frame.loc["Direct effects, long run", "Static"] == "").all()
    assert "Effects of Static are complete within the period" in side.notes
    stacked = regression_table(runs, layout="effects", effects=impacts)
    panels = dict.fromkeys(stacked.frame.index.get_level_values(0))
    assert list(panels) == ["(1) Dynamic", "(2) Static"]  # the note names corrections by number
    static = stacked.frame.loc["(2) Static"].loc["Employment (log)"]
    assert (static["Short run"] != "").all() and (static["Long run"] == "").all()
    only = regression_table({"Static": runs["Static"]}, effects={"Static": impacts["Static"]})
    assert "Direct effects" in only.frame.index.get_level_values(0)
    assert "complete within" not in only.notes


def test_effects_table_has_the_same_layouts(impacts):
    wide = effects_table(impacts["Static"], layout="effects", keep="lemp")
    assert wide.frame.columns.tolist() == ["Direct", "Indirect", "Total"]
    assert rows_of(wide) == ["Employment (log)"]
    assert set(rows_of(effects_table(impacts, drop="lemp"))) == {"Private capital (log)"}
    t_values = effects_table(impacts["Static"], layout="effects", statistic="t", stars=False)
    row = impacts["Static"].frame.iloc[0]
    cell = t_values.frame.xs("Private capital (log)", level=1)["Direct"].iloc[0]
    assert cell.endswith(f"({row['estimate'] / row['std_error']:.2f})")
    assert "t statistics" in t_values.notes


# -- choice of rows --------------------------------------------------------------------------------


def test_rows_are_kept_dropped_renamed_and_ordered(models):
    base = rows_of(regression_table(models))
    assert base[:3] == ["Private capital (log)", "Employment (log)", "Unemployment rate, %"]
    assert base[3:7] == [*(f"W × {name}" for name in base[:3]), "ρ (Wy)"]
    kept = rows_of(regression_table(models, keep=["lpc", "Employment (log)"]))
    assert kept[:5] == [*base[:2], *base[3:5], "ρ (Wy)"]
    assert rows_of(regression_table(models, keep="l*"))[:4] == kept[:4]
    assert "ρ (Wy)" not in rows_of(regression_table(models, drop=["rho", "unemp"]))
    ordered = rows_of(regression_table(models, order=["unemp", "lemp"]))
    assert ordered[:3] == [base[2], base[1], base[0]]
    assert ordered[3:6] == [base[5], base[4], base[3]]
    renamed = regression_table(models, rename={"lpc": "K", "Employment (log)": "L", "rho": "rho"})
    assert rows_of(renamed)[:7] == ["K", "L", base[2], "W × K", "W × L", base[5], "rho"]
    effects = regression_table(models, effects=True, keep="lpc", rename={"lpc": "K"})
    assert effects.frame.loc["Total effects"].index.tolist() == ["K"]


def test_rows_of_the_caller(models):
    table = regression_table(
        models, digits=2,
        rows={"Controls": True, "Sample": ["all", "east"], "Share": {"SDM": 0.125}, "N": 1234},
    )  # fmt: skip
    frame = table.frame.droplevel(0)
    assert frame.loc["Controls"].tolist() == ["yes", "yes"]
    assert frame.loc["Sample"].tolist() == ["all", "east"]
    assert frame.loc["Share"].tolist() == ["", "0.12"]
    assert frame.loc["N"].tolist() == ["1,234", "1,234"]
    assert frame.index.tolist().index("Controls") < frame.index.tolist().index("Observations")
    with pytest.raises(OptionError, match="one value for each of the 2 columns, got 3"):
        regression_table(models, rows={"Sample": ["a", "b", "c"]})
    with pytest.raises(OptionError, match="values for SEM; the columns are SAR, SDM"):
        regression_table(models, rows={"Sample": {"SEM": "a"}})


@pytest.mark.parametrize("option", ["keep", "drop", "order"])
def test_a_name_that_no_row_has_is_named(models, option):
    with pytest.raises(OptionError, match=rf"{option} names 'lpx', which no row has; .*lpc"):
        regression_table(models, **{option: ["lpx"]})
    with pytest.raises(OptionError, match="rename names 'capital'"):
        regression_table(models, rename={"capital": "K"})


def test_stars_only_where_they_are_wanted(models):
    res = models["SDM"]
    plain = regression_table(res, stars=False)
    assert "*" not in plain.frame.to_csv() and "p <" not in plain.notes
    strict = regression_table(res, stars=(0.05, 0.001))
    assert "* p < 0.05, ** p < 0.001." in strict.notes
    cells = strict.frame.droplevel(0)["(1)"]
    for name, label in (("lemp", "Employment (log)"), ("unemp", "Unemployment rate, %")):
        marks = sum(res.pvalues["x", name] < level for level in (0.05, 0.001))
        assert cells[label].count("*") == marks
    test = HypothesisTest("LR", "theta = 0", 5.2, "chi2", 1, 0.02)
    assert nq.report.tests_table([test]).frame.iloc[0, 1] == "5.200**"
    tests = nq.report.tests_table([test], stars=False)
    assert "*" not in tests.frame.to_csv()
    for wrong in ((0.1, 0.1), (0, 0.05), (1.5,), (0.1, 0.05, 0.02, 0.01, 0.001)):
        with pytest.raises(OptionError, match="stars must be"):
            regression_table(res, stars=wrong)


# -- numbers ---------------------------------------------------------------------------------------


def test_small_coefficients_are_not_printed_as_zero(states):
    """Density per square kilometre had -0.000*** (0.000)."""
    panel, w = states
    scaled = panel.assign(
        people=lambda d: np.exp(d["lemp"]) * 1e4, share=lambda d: d["unemp"] / 1e6
    )
    res = nq.fit("lgsp ~ people + lpc + share", scaled, w, model="sar")
    frame = regression_table(res).frame.droplevel(0)["(1)"]
    for name in ("people", "lpc", "share"):
        estimate, error = frame[res.label(name)].replace("*", "").split("\n")
        assert not re.fullmatch(r"-?0\.0*", estimate)
        assert float(estimate.replace(",", "")) == pytest.approx(res.params["x", name], rel=0.06)
        assert float(error.strip("()").replace(",", "")) == pytest.approx(
            res.std_errors["x", name], rel=0.06
        )
    described = nq.report.descriptive_table(scaled, ["people", "lgsp"]).frame
    assert described.loc["people", "Mean"] == f"{scaled.values('people').mean():,.0f}"
    assert described.loc[panel.label("lgsp"), "Mean"] == f"{panel.values('lgsp').mean():.3f}"


def test_criteria_have_one_decimal_and_variances_significant_digits(models):
    frame = regression_table(models).frame.droplevel(0)
    for name, model in models.items():
        assert frame.loc["AIC", name] == f"{model.aic:,.1f}"
        assert frame.loc["Log-likelihood", name] == f"{model.loglik:,.1f}"
        assert float(frame.loc["σ²", name]) == pytest.approx(model.sigma2, rel=0.005)


def test_facts_are_stated_once_for_runs_of_columns():
    assert same_or_each(["", "queen", "queen", ""]) == "(1), (4) none; (2)–(3) queen"


def test_columns_have_numbers_where_the_notes_name_them(models, states):
    panel = states[0]
    both = {"OLS": nq.fit("unemp ~ lpc", panel, model="ols"), "SDM": models["SDM"]}
    table = regression_table(both)
    assert table.frame.columns.tolist() == ["OLS", "SDM"]
    assert (
        "Dependent variable: (1) Unemployment rate, %; (2) Gross state product (log)."
        in table.notes
    )
    assert re.search(r"OLS +SDM *\n +\(1\) +\(2\)", repr(table))
    assert "<th>OLS<br>(1)</th>" in table.to_html()
    assert r"OLS\\(1)" in table.to_latex()
    assert "<th>SAR</th>" in regression_table(models).to_html()  # all facts are shared
    assert "Model:" not in regression_table(models).notes  # the headings say it


# -- formats ---------------------------------------------------------------------------------------


def test_without_a_path_the_table_shows_itself(models):
    table = regression_table(models, caption="A <title>", notes="My note.")
    assert "A <title>" in repr(table) and "My note." in " ".join(repr(table).split())
    html = table._repr_html_()
    assert html == table.to_html()
    assert "A &lt;title&gt;" in html and "−" in html
    assert not re.search(r">-\d", html)  # no hyphen before a number
    assert isinstance(table.frame, pd.DataFrame) and table.caption == "A <title>"
    table.frame.iloc[0, 0] = "changed"
    assert "changed" not in repr(table)


def test_text_has_80_columns_and_labels_on_every_part(models, chinese):
    many = {f"Model {k}": models["SDM"] for k in range(9)}
    for text in (repr(regression_table(many, effects=True)),
                 repr(regression_table(chinese, lang="zh", effects=True))):  # fmt: skip
        assert max(map(text_width, text.splitlines())) <= 80
    parts = repr(regression_table(many)).split("\n\n")
    assert len(parts) > 1
    assert all("Private capital (log)" in part for part in parts)


def test_a_part_has_only_the_titles_of_its_rows(runs):
    """A panel that is empty in a part must not lend its title to the facts of the models."""
    many = {f"Static model {k}": runs["Static"] for k in range(4)} | {"Dynamic": runs["Dynamic"]}
    effects = {name: model.effects(method="delta") for name, model in many.items()}
    parts = repr(regression_table(many, effects=effects)).split("\n\n")
    assert "Total effects, long run" in parts[-1] and "Dynamic" not in parts[0]
    for part in parts:
        assert ("effects, long run" in part) == ("Dynamic" in part)
        lines = part.splitlines()
        place = next(k for k, line in enumerate(lines) if "Unit effects" in line)
        assert set(lines[place - 1]) == {"-"}


def test_points_stand_below_each_other(models):
    lines = repr(regression_table(models["SDM"])).splitlines()
    places = {line.index(".", 30) for line in lines if re.search(r" [-(]?\d*\.\d{3,}", line[28:])}
    assert len(places) == 1


def preamble(text, extra=""):
    packages = re.match(r"% Packages needed: ([\w, ]+)\.", text)[1]
    return f"\\documentclass{{article}}\\usepackage{{{packages}}}{extra}\\begin{{document}}"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_is_within_the_page(models, runs, impacts, tmp_path):
    many = {f"Model {k} & co": models[k] for k in models} | {
        f"{k}": models["SDM"] for k in range(4)
    }
    tables = {
        "six": regression_table(many, caption="Six", rename={"lpc": "A very long label " * 5}),
        "effects": regression_table(models, effects=True, caption="Effects"),
        "runs": regression_table(runs, layout="effects", effects=impacts, caption="Runs"),
        "twelve": regression_table({str(k): models["SDM"] for k in range(12)}, caption="Twelve"),
    }
    body = "\n".join(table.to_latex(name) + "\\clearpage" for name, table in tables.items())
    head = preamble(tables["twelve"].to_latex())
    assert "adjustbox" in head  # twelve columns fit in no size of letters
    (tmp_path / "all.tex").write_text(head + body + "\\end{document}", encoding="utf-8")
    run = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-2000:]
    assert "too large for page" not in run.stdout
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", run.stdout)]
    assert max(wide, default=0) < 6
    assert f"({len(tables)} pages" in run.stdout
    for table in tables.values():
        assert "\\addlinespace\n\\addlinespace" not in table.to_latex()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_is_within_a_narrow_column_and_a_page(models, runs, impacts, tmp_path):
    """Tables stay within the columns of a journal with two; tall ones shrink to the page."""
    tables = {
        "two": regression_table(models, rename={"lpc": "Private capital, $ per head"}),
        "runs": regression_table(runs, layout="effects", effects=impacts),
        "tall": regression_table(
            dict.fromkeys("abcdefghi", runs["Dynamic"]), layout="effects",
            effects=dict.fromkeys("abcdefghi", impacts["Dynamic"]),
        ),
    }  # fmt: skip
    texts = {name: table.to_latex(name) for name, table in tables.items()}
    assert "totalheight" in texts["tall"] and "totalheight" not in texts["two"]
    small = regression_table({"SAR": models["SAR"]}, keep="lpc", rename={"lpc": "Capital"})
    assert "adjustbox" not in small.to_latex()
    head = preamble(texts["tall"]).replace("{article}", "[twocolumn]{article}")
    body = head + "\\clearpage ".join(texts.values()) + "\\end{document}"
    (tmp_path / "columns.tex").write_text(body, encoding="utf-8")
    run = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "columns.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-2000:]
    assert "too large for page" not in run.stdout
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", run.stdout)]
    assert max(wide, default=0) < 2


@pytest.mark.skipif(shutil.which("xelatex") is None, reason="no XeLaTeX here")
def test_chinese_latex_compiles(chinese, tmp_path):
    text = regression_table(chinese, lang="zh", effects=True, caption="估计结果").to_latex("zh")
    assert "compile with xelatex" in text.splitlines()[1]
    assert "\\textit" not in text and "\\emph" not in text
    fonts = subprocess.run(["fc-list", ":lang=zh", "family"], capture_output=True, text=True)
    families = {line.split(",")[0] for line in fonts.stdout.splitlines()}
    names = sorted(name for name in families if re.search(r"\b(SC|CN)\b|Song|SimSun|WenQuan", name))
    if not names:
        pytest.skip("no Chinese font here")
    extra = f"\\usepackage[fontset=none]{{ctex}}\\setCJKmainfont{{{names[0]}}}"
    (tmp_path / "zh.tex").write_text(
        preamble(text, extra) + text + "\\end{document}", encoding="utf-8"
    )
    run = subprocess.run(
        ["xelatex", "-interaction=nonstopmode", "-halt-on-error", "zh.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    if "ctex.sty' not found" in run.stdout:
        pytest.skip("no ctex here")
    assert run.returncode == 0, run.stdout[-2000:]
    assert "too large for page" not in run.stdout
    assert "Missing character" not in run.stdout


def test_word_tables_have_repeated_headers_and_panels_kept_together(chinese, tmp_path):
    import docx
    from docx.oxml.ns import qn

    path = regression_table(chinese, tmp_path / "t.docx", lang="zh", effects=True, caption="表")
    document = docx.Document(str(path))
    table = document.tables[0]
    headers = [row._tr.find(f".//{qn('w:tblHeader')}") is not None for row in table.rows]
    assert headers == [True, *[False] * (len(headers) - 1)]
    assert table.rows[0].cells[1].text == "(1)"
    stays = [row.cells[0].paragraphs[0].paragraph_format.keep_with_next for row in table.rows]
    titles = [k for k, row in enumerate(table.rows) if len({id(c._tc) for c in row.cells}) == 1]
    assert [table.rows[k].cells[0].text for k in titles] == [
        "系数", "直接效应", "间接效应", "总效应",
    ]  # fmt: skip
    for title, following in pairwise(titles):
        assert all(stays[title : following - 1]) and not stays[following - 1]
    assert all(row._tr.find(f".//{qn('w:cantSplit')}") is not None for row in table.rows)
    styles = document.styles["Normal"].element
    assert styles.find(f".//{qn('w:rFonts')}").get(qn("w:eastAsia")) == "SimSun"
    assert styles.find(f".//{qn('w:lang')}").get(qn("w:eastAsia")) == "zh-CN"
    texts = [cell.text for row in table.rows for cell in row.cells]
    assert any("−0." in text for text in texts) and not any("-0." in text for text in texts)
    note = document.paragraphs[-1].text
    assert note.startswith("注：") and "分别表示在 1%、5%、10% 的水平上显著" in note


def test_notes_of_chinese_tables_are_chinese(chinese, tmp_path):
    """The model's description was English below a Chinese table of effects."""
    effects = chinese.effects(seed=0)
    table = effects_table(effects, lang="zh")
    assert not re.search(r"[A-Za-z]{4,}", re.sub("Queen", "", table.notes)), table.notes
    assert [text for text in rows_of(table) if text_width(text) == len(text)] == []


def test_spreadsheets_show_the_decimals_of_the_table(models, tmp_path):
    from openpyxl import load_workbook

    sheet = load_workbook(regression_table(models, tmp_path / "t.xlsx")).active
    cells = {row[0].value: row[1] for row in sheet.iter_rows()}
    assert cells["AIC"].value == pytest.approx(models["SAR"].aic, abs=0.05)
    assert cells["AIC"].number_format == "#,##0.0"
    assert cells["Observations"].number_format == "#,##0"


def test_cells_that_are_numbers():
    yes = ["0.5", "-1,234.5***", "(0.10)", "[0.1]", "<0.001", "1.2e-08*", "816"]
    no = ["yes", "–", "", "0.5 (0.1)", "1-2", "R2", "**", "1.2.3"]
    assert [text for text in (*yes, *no) if is_number_cell(text)] == yes


def test_pooled_models_have_no_r_squared_within(states):
    panel, _ = states
    fits = {e: nq.fit("lgsp ~ lpc", panel, model="ols", effects=e) for e in ("none", "unit")}
    cells = regression_table(fits).frame.droplevel(0).loc["R² within"]
    assert cells["none"] == "" and float(cells["unit"]) > 0
    assert "R² within" not in rows_of(regression_table(fits["none"]))


def test_facts_that_no_model_has_are_no_rows(states, runs):
    """Instruments have no likelihood; the order of rows is that of a table with all facts."""
    panel, w = states
    moments = nq.fit("lgsp ~ lpc + lemp", panel, w, model="sar", estimator="gs2sls")
    alone = rows_of(regression_table(moments))
    assert "Log-likelihood" not in alone and "AIC" not in alone
    both = rows_of(regression_table({"GS2SLS": moments, "Static": runs["Static"]}))
    assert both.index("Observations") < both.index("Log-likelihood") < both.index("σ²")
