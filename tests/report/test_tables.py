"""Tables: every format holds the numbers of the result."""

from __future__ import annotations

import re
import zipfile

import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from tests.report.printed import prints

FORMULA = "lgsp ~ lpcap + lpc + unemp"


@pytest.fixture(scope="module")
def models(states):
    panel, w = states
    return {
        "SAR": nq.fit(FORMULA, panel, w, model="sar", effects="unit"),
        "SDM & co": nq.fit(FORMULA, panel, w, effects="two-way", correction="transformation"),
    }


def text_of(path):
    if path.suffix == ".docx":
        with zipfile.ZipFile(path) as archive:
            xml = archive.read("word/document.xml").decode()
        return re.sub(r"<[^>]+>", " ", xml)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("ending", ["docx", "tex", "html"])
def test_regression_tables_hold_the_numbers(models, tmp_path, ending):
    path = nq.report.regression_table(models, tmp_path / f"deep/models.{ending}", caption="Output")
    text = text_of(path)
    for res in models.values():
        for block in ("x", "wx"):
            for key in res.params.index[res.params.index.get_level_values(0) == block]:
                assert prints(text, res.params[key], 3)
                assert prints(text, res.std_errors[key], 3)
        assert prints(text, res.params["spatial", "rho"], 3)
    assert "Public capital (log)" in text
    assert "816" in text
    assert "queen contiguity, row-standardised" in text
    assert "transformation" in text
    assert "Output" in text


@pytest.mark.parametrize("ending", ["docx", "tex", "html"])
def test_effects_tables_hold_the_numbers(models, tmp_path, ending):
    effects = {name: res.effects(draws=500, seed=0) for name, res in models.items()}
    path = nq.report.effects_table(effects, tmp_path / f"effects.{ending}", digits=4)
    text = text_of(path)
    for item in effects.values():
        for row in item.frame.itertuples():
            assert prints(text, row.estimate, 4)
            assert prints(text, row.std_error, 4)
    for heading in ("Direct effects", "Indirect effects", "Total effects"):
        assert heading in text
    assert "500 draws from the asymptotic distribution" in text


def test_stars_and_signs(models, tmp_path):
    res = models["SDM & co"]
    text = text_of(nq.report.regression_table(res, tmp_path / "one.html"))
    for key in (("x", "lpc"), ("x", "lpcap")):
        stars = "*" * sum(res.pvalues[key] < level for level in (0.01, 0.05, 0.1))
        match = re.search(rf"{abs(res.params[key]):.3f}(\*+|(?!\*))", text)
        assert match is not None
        assert match.group(1) == stars


def test_latex_is_escaped(models, tmp_path):
    text = text_of(nq.report.regression_table(models, tmp_path / "m.tex", caption="50 % & more"))
    assert r"SDM \& co" in text
    assert r"50 \% \& more" in text
    assert r"$\rho$" in text
    assert not re.search(r"(?<!\\)%", text.split(r"\begin{tab", 1)[1])


def test_errors(models, tmp_path):
    with pytest.raises(OptionError, match=r"file ending in .* \.xlsx; got 'm\.ods'"):
        nq.report.regression_table(models, tmp_path / "m.ods")
    with pytest.raises(OptionError, match=r"results must be a RegressionResult.* element 0 is 1.0"):
        nq.report.regression_table([1.0], tmp_path / "m.tex")
    with pytest.raises(OptionError, match="got nothing"):
        nq.report.effects_table([], tmp_path / "m.tex")


@pytest.mark.parametrize("ending", ["docx", "tex", "html"])
def test_effects_stand_below_the_coefficients(models, tmp_path, ending):
    text = text_of(nq.report.regression_table(models, tmp_path / f"m.{ending}", effects=True))
    places = [text.index(words) for words in ("Coefficients", "Direct effects", "Total effects")]
    assert places == sorted(places)
    for res in models.values():
        for row in res.effects(1000, seed=0).frame.itertuples():
            assert prints(text, row.estimate, 3)
            assert prints(text, row.std_error, 3)
    effects = {name: res.effects(method="delta") for name, res in models.items()}
    text = text_of(nq.report.regression_table(models, tmp_path / f"d.{ending}", effects=effects))
    assert "Inference on effects by the delta method" in text


def test_t_statistics_in_place_of_standard_errors(models, tmp_path):
    res = models["SAR"]
    text = text_of(nq.report.regression_table(res, tmp_path / "t.html", statistic="t"))
    for key in res.params.index:
        assert prints(text, res.statistics[key], 2, 1)
    assert "t statistics in parentheses" in text


def test_chinese_words(models, tmp_path):
    text = text_of(
        nq.report.regression_table(models, tmp_path / "zh.docx", effects=True, lang="zh")
    )
    for words in ("系数", "直接效应", "间接效应", "总效应", "个体效应", "观测值", "对数似然"):
        assert words in text
    assert "Direct effects" not in text


def test_dynamic_models_have_panels_for_both_runs(states, tmp_path):
    panel, w = states
    res = nq.fit("unemp ~ lpc + lemp", panel, w, effects="unit", time_lag=True)
    text = text_of(
        nq.report.regression_table(
            {"dynamic": res}, tmp_path / "m.html", effects={"dynamic": res.effects(method="delta")}
        )
    )
    assert "Direct effects, short run" in text
    assert "Indirect effects, long run" in text
    assert "(t-1)" in text
    assert prints(text, res.params["dynamic", "tau"], 3)


def test_errors_of_options(models, tmp_path):
    with pytest.raises(OptionError, match="lang must be one of 'en', 'zh', got 'fr'"):
        nq.report.regression_table(models, tmp_path / "m.tex", lang="fr")
    with pytest.raises(OptionError, match="statistic must be one of 'se', 't'"):
        nq.report.regression_table(models, tmp_path / "m.tex", statistic="p")
    with pytest.raises(OptionError, match="effects must have the headings of the models"):
        nq.report.regression_table(
            models, tmp_path / "m.tex", effects={"other": models["SAR"].effects()}
        )


def test_models_without_likelihood_leave_its_cells_empty(states, tmp_path):
    panel, w = states
    models = {
        "ML": nq.fit(FORMULA, panel, w, model="sar"),
        "2SLS": nq.fit(FORMULA, panel, w, model="sar", estimator="gs2sls"),
    }
    text = text_of(nq.report.regression_table(models, tmp_path / "m.html"))
    assert "nan" not in text
    assert "Estimated by (1) likelihood; (2) GS2SLS." in text


def test_regressors_with_one_label_have_rows_of_their_own(states, tmp_path):
    """The second of two regressors with one label used to take the place of the first."""
    panel, w = states
    shared = nq.SpatialPanel(
        panel.frame.reset_index(), unit="unit", period="period",
        labels={"lpcap": "Capital", "lpc": "Capital"},
    )  # fmt: skip
    res = nq.fit("lgsp ~ lpcap + lpc + lemp", shared, w)
    path = nq.report.regression_table(res, tmp_path / "m.html", effects=True, digits=6)
    text = path.read_text(encoding="utf-8")
    for name in ("lpcap", "lpc"):
        assert f"Capital ({name})" in text
        for block in ("x", "wx"):
            assert prints(text, res.params[block, name], 6)
        for estimate in res.effects(seed=0).frame.set_index("variable").loc[name, "estimate"]:
            assert prints(text, estimate, 6)


def test_effects_at_stated_values_have_rows_of_their_own(states, tmp_path):
    panel, w = states
    res = nq.fit("lgsp ~ lpc * unemp", panel, w)
    effects = res.effects(method="delta", at={"unemp": [4, 10]})
    text = text_of(nq.report.effects_table(effects, tmp_path / "e.html", digits=4))
    for row in effects.frame.itertuples():
        assert prints(text, row.estimate, 4)
    for value in (4, 10):
        assert f"{res.label('lpc')} ({res.label('unemp')} = {value})" in text
    ratios = nq.report.regression_table(
        {"a": res}, tmp_path / "m.html", effects={"a": res.effects(method="fieller")}, statistic="t"
    )
    assert "Inference on effects by inverted tests (Fieller)" in text_of(ratios)
    # The reader of the table learns that a row is of several terms.
    assert "the effect of lpc is that of lpc, lpc:unemp together, averaged" in text_of(ratios)
    assert "the effect of lpc is that of lpc, lpc:unemp together, at the stated values" in text
    chinese = nq.report.effects_table(effects, tmp_path / "zh.html", lang="zh")
    assert "关于效应：lpc 的效应为" in text_of(chinese)
    long = res.effects(method="delta", at={"unemp": 4.123456789})
    assert "= 4.12346)" in text_of(nq.report.effects_table(long, tmp_path / "l.html"))


def test_how_columns_were_estimated_and_corrected(states, tmp_path):
    """Least squares is not called likelihood, and adjusted scores are not called uncorrected."""
    panel, w = states
    ols = nq.fit("lgsp ~ lpc", panel, model="ols")
    short = panel.select(periods=panel.periods[:8])
    dynamic = nq.fit("lgsp ~ lpc", short, w, model="sar", time_lag=True)
    nq.report.regression_table({"OLS": ols, "M": dynamic}, tmp_path / "table.tex")
    words = (tmp_path / "table.tex").read_text()
    assert "Estimated by (1) least squares; (2) adjusted scores." in words
    assert "Correction: (1) Lee-Yu transformation; (2) in the scores." in words
