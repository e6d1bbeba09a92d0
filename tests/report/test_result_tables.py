"""Tables of chains, inequality, clubs, tests and data: what is written, in four formats."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile

import numpy as np
import pytest
from openpyxl import load_workbook

import nqp_spatial as nq
from nqp_spatial.errors import OptionError

ENDINGS = ("docx", "tex", "html", "xlsx")
FORMULA = "lgsp ~ lpcap + lpc + unemp"


@pytest.fixture(scope="module")
def results(states):
    panel, w = states
    incomes = nq.datasets.us_income()
    near = nq.weights.contiguity(incomes)
    cities = nq.datasets.simulate_cities(seed=0)
    long = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    return {
        "chain": nq.dynamics.markov(incomes, "relative_income", states=4),
        "spatial": nq.dynamics.spatial_markov(
            incomes, "relative_income", near, states=4, lag_states=3, permutations=99, seed=0
        ),
        "spans": nq.dynamics.time_homogeneity(incomes, "relative_income", states=4),
        "dagum": nq.inequality.dagum(cities, "nqp", group="region4"),
        "clubs": nq.convergence.clubs(long, "gdp_pc", logs=True),
        "few": nq.convergence.clubs(panel, "lgsp"),
        "tests": nq.diagnostics(FORMULA, panel, w),
        "panel": panel,
        "cities": cities,
    }


def text_of(path):
    """Return the words of a file, formats and line breaks taken out."""
    if path.suffix == ".docx":
        with zipfile.ZipFile(path) as archive:
            text = re.sub(r"<[^>]+>", " ", archive.read("word/document.xml").decode())
    elif path.suffix == ".xlsx":
        rows = load_workbook(path).active.iter_rows(values_only=True)
        text = " ".join(str(cell) for row in rows for cell in row if cell is not None)
    elif path.suffix == ".html":
        text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", path.read_text("utf-8"), flags=re.DOTALL)
    else:
        text = path.read_text(encoding="utf-8").replace("\\", "").replace("$", "")
        text = text.replace("{<}", "<")
    return " ".join(text.replace("&lt;", "<").replace("&gt;", ">").split())


@pytest.mark.parametrize("ending", ENDINGS)
def test_chains(results, tmp_path, ending):
    spatial = results["spatial"]
    text = text_of(nq.report.transition_table(spatial, tmp_path / f"t.{ending}", caption="Moves"))
    for p in (spatial.pooled.probabilities, spatial.probabilities):
        for value in p.to_numpy().ravel():
            assert f"{value:.3f}".rstrip("0").rstrip(".") in text
    assert f"{int(spatial.pooled.counts.iloc[0].sum()):,}" in text or ending == "xlsx"
    assert "Neighbours 1" in text
    assert "Income per head relative to the mean" in text
    test = spatial.tests["lr"]
    assert f"{test.statistic:.2f}" in text
    assert f"p = {spatial.tests['lr_permutation'].p_value:.3f}" in text
    assert "p = 0.000" not in text


@pytest.mark.parametrize("ending", ENDINGS)
def test_dagum(results, tmp_path, ending):
    result = results["dagum"]
    text = text_of(nq.report.dagum_table(result, tmp_path / f"d.{ending}"))
    for period in (2012, 2021):
        assert f"{result.frame.loc[period, 'gini']:.3f}".rstrip("0") in text
        assert f"{100 * result.frame.loc[period, 'within_share']:.1f}".rstrip("0") in text
    value = result.between["Central", "East"].iloc[0]
    assert f"{value:.3f}".rstrip("0") in text
    assert "New quality productive forces" in text


@pytest.mark.parametrize("ending", ENDINGS)
def test_clubs_list_members_where_there_is_room(results, tmp_path, ending):
    many, few = results["clubs"], results["few"]
    assert many.frame["units"].max() > 30 >= few.frame["units"].max()
    text = text_of(nq.report.club_table(many, tmp_path / f"many.{ending}"))
    assert "Members" not in text
    assert "Club 3" in text
    assert f"{many.frame['b'].iloc[0]:.3f}" in text
    text = text_of(nq.report.club_table(few, tmp_path / f"few.{ending}"))
    assert ", ".join(few.members(1)) in text
    if len(few.divergent):
        assert "Divergent" in text
    text = text_of(nq.report.club_table(many, tmp_path / f"all.{ending}", members=True))
    assert "Members" in text


@pytest.mark.parametrize("ending", ENDINGS)
def test_tests_and_descriptions(results, tmp_path, ending):
    tests, panel = results["tests"], results["panel"]
    text = text_of(nq.report.tests_table(tests, tmp_path / f"tests.{ending}"))
    for row in tests.frame.dropna(subset="p_value").itertuples():
        assert f"{row.statistic:.3f}".rstrip("0") in text.replace("{,}", "").replace(",", "")
    assert "<0.001" in text
    assert tests.recommendation.split(".")[0][:30] in text
    variables = ["lgsp", "unemp"]
    text = text_of(nq.report.descriptive_table(panel, variables, tmp_path / f"desc.{ending}"))
    values = panel.values("unemp")
    within = (values - values.mean(axis=1, keepdims=True)).std(ddof=1)
    for number in (values.mean(), values.std(ddof=1), within, np.median(values)):
        assert f"{number:.3f}".rstrip("0").rstrip(".") in text
    assert "Unemployment rate, %" in text
    assert "48 units, 1970 to 1986" in text


def chinese_tables(results, folder, ending):
    return [
        nq.report.transition_table(results["spatial"], folder / f"t.{ending}", lang="zh"),
        nq.report.dagum_table(results["dagum"], folder / f"d.{ending}", lang="zh"),
        nq.report.club_table(results["clubs"], folder / f"c.{ending}", lang="zh"),
        nq.report.tests_table(results["tests"], folder / f"s.{ending}", lang="zh"),
        nq.report.descriptive_table(results["panel"], ["lgsp"], folder / f"p.{ending}", lang="zh"),
    ]


@pytest.mark.parametrize("ending", ENDINGS)
def test_chinese_tables_have_chinese_words(results, tmp_path, ending):
    words = (
        ("转移次数", "相邻地区", "括号内为标准误"),
        ("基尼系数", "超变密度", "组间净差距"),
        ("俱乐部", "收敛速度", "拒绝收敛"),
        ("原假设", "自由度", "统计量"),
        ("均值", "标准差", "48 个地区，1970 至 1986"),
    )
    for path, expected in zip(chinese_tables(results, tmp_path, ending), words, strict=True):
        text = text_of(path)
        for word in expected:
            assert word in text, (path.name, word)
        for english in ("Standard errors", "Moves", "Mean", "Null hypothesis", "parentheses"):
            assert english not in text, (path.name, english)


def test_chinese_tables_have_chinese_notes_of_results(results, tmp_path):
    for path in chinese_tables(results, tmp_path, "html"):
        text = text_of(path)
        for english in ("quantiles", "transition probabilities", "Recommended", "linear model",
                        "unit effects"):  # fmt: skip
            assert english not in text, (path.name, english)


def test_tests_of_any_result_are_a_table(results, tmp_path):
    """A result with `tests`, its set of tests, and a list of them give the same table."""
    chain = results["spatial"]
    tables = [
        nq.report.tests_table(tests, tmp_path / f"{number}.tex").read_text("utf-8")
        for number, tests in enumerate((chain, chain.tests, list(chain.tests.values())))
    ]
    assert tables[0] == tables[1] == tables[2]


def test_groups_and_spans_are_panels(results, tmp_path):
    text = text_of(nq.report.transition_table(results["spans"], tmp_path / "g.html"))
    for name in results["spans"].chains:
        assert name in text


def test_spreadsheets_hold_numbers(results, tmp_path):
    path = nq.report.dagum_table(results["dagum"], tmp_path / "d.xlsx", caption="Gini")
    sheet = load_workbook(path).active
    numbers = [cell.value for row in sheet.iter_rows() for cell in row
               if isinstance(cell.value, float)]  # fmt: skip
    assert len(numbers) > 100
    assert sheet["A1"].value == "Gini"


def test_word_tables_give_the_first_column_room_and_titles_a_row(results, tmp_path):
    import docx

    path = nq.report.tests_table(results["tests"], tmp_path / "t.docx")
    document = docx.Document(str(path))
    table = document.tables[0]
    widths = [column.width for column in table.columns]
    page = document.sections[0]
    assert sum(widths) <= page.page_width - page.left_margin - page.right_margin
    assert widths[0] > 1.5 * widths[-2]
    titles = [row.cells for row in table.rows if len({id(c._tc) for c in row.cells}) == 1]
    assert {cells[0].text for cells in titles} >= {"LM tests of the linear model"}
    assert all(len(cells[0].paragraphs) == 1 for cells in titles)


def test_errors(results, tmp_path):
    with pytest.raises(OptionError, match=r"ending in \.docx"):
        nq.report.dagum_table(results["dagum"], tmp_path / "d.pdf")
    with pytest.raises(OptionError, match="lang must be one of 'en', 'zh'"):
        nq.report.club_table(results["clubs"], tmp_path / "c.tex", lang="fr")
    with pytest.raises(OptionError, match="chain must be a MarkovResult"):
        nq.report.transition_table(results["dagum"], tmp_path / "t.tex")
    with pytest.raises(OptionError, match="no tests"):
        nq.report.tests_table([], tmp_path / "t.tex")
    with pytest.raises(OptionError, match="at least one variable"):
        nq.report.descriptive_table(results["panel"], [], tmp_path / "t.tex")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_tables_compile(results, tmp_path):
    panel = results["panel"]
    w = nq.weights.contiguity(panel)
    model = nq.fit(FORMULA, panel, w)
    nq.report.regression_table({"A & B_1": model}, tmp_path / "m.tex", effects=True, caption="50 %")
    nq.report.effects_table(model.effects(seed=0), tmp_path / "e.tex")
    nq.report.transition_table(results["spatial"], tmp_path / "t.tex")
    nq.report.dagum_table(results["dagum"], tmp_path / "d.tex")
    nq.report.club_table(results["few"], tmp_path / "c.tex")
    nq.report.tests_table(results["tests"], tmp_path / "s.tex")
    nq.report.descriptive_table(panel, ["lgsp", "unemp"], tmp_path / "p.tex")
    head = (tmp_path / "d.tex").read_text().splitlines()[0]
    packages = re.search(r"Packages needed: ([\w, ]+)\.", head).group(1)
    body = "\n".join(rf"\input{{{name}}}\clearpage" for name in "metdcsp")
    (tmp_path / "all.tex").write_text(
        rf"\documentclass{{article}}\usepackage{{{packages}}}\begin{{document}}{body}\end{{document}}"
    )
    run = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-2000:]


@pytest.mark.skipif(shutil.which("soffice") is None, reason="no LibreOffice here")
def test_word_tables_open_in_libreoffice(results, tmp_path):
    nq.report.tests_table(results["tests"], tmp_path / "tests.docx")
    nq.report.dagum_table(results["dagum"], tmp_path / "dagum.docx", lang="zh")
    subprocess.run(
        ["soffice", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--headless",
         "--convert-to", "pdf", "tests.docx", "dagum.docx"],
        cwd=tmp_path, capture_output=True, check=True,
    )  # fmt: skip
    for name in ("tests", "dagum"):
        assert (tmp_path / f"{name}.pdf").stat().st_size > 5000
