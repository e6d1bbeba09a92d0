"""A whole study: settings, what would fail, the page, and taking up where it stopped."""

from __future__ import annotations

import base64
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import nqp_spatial as nq
from nqp_spatial.cli import main
from nqp_spatial.errors import OptionError
from nqp_spatial.report.study.check import check, starter
from nqp_spatial.report.study.config import STEPS, TABLES, read_config

SETTINGS = """
[study]
title = "States & <capital>"
permutations = 99
replications = 49
[data]
panel = "states.csv"
unit = "state"
period = "year"
geometry = "states.shp"
labels = { lgsp = "Output", lpc = "Private capital" }
[index]
indicators = { lpcap = "+", unemp = "-" }
[outcome]
variable = "lgsp"
[groups]
region = "region"
centre = "south"
[clubs]
detrend = "none"
[model]
formula = "lgsp ~ lpc + unemp"
draws = 200
"""
SOUTH = {"TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A user's folder: a table, a shapefile under another name of the key, settings."""
    folder = tmp_path_factory.mktemp("files")
    panel = nq.datasets.us_public_capital()
    table = panel.frame.reset_index().rename(columns={"unit": "state", "period": "year"})
    table["south"] = np.where(table["state"].isin(SOUTH), "centre", "periphery")
    west = panel.geometry.representative_point().x < -100
    table["region"] = np.where(table["state"].map(west), "West", table["south"])
    table["letter"] = table["state"].str[0]
    table.to_csv(folder / "states.csv", index=False)
    shapes = panel.geometry.reset_index()[["unit", "geometry"]]
    shapes.rename(columns={"unit": "state"}).to_file(folder / "states.shp")
    (folder / "study.toml").write_text(SETTINGS)
    return folder


@pytest.fixture(scope="module")
def done(files):
    return nq.report.study(files / "study.toml", files / "report", progress=False)


# -- settings --------------------------------------------------------------------------------------


def test_all_faults_of_settings_are_named_at_once():
    with pytest.raises(OptionError) as caught:
        read_config(
            {
                "data": {"panel": "p.csv", "unit": "id", "perod": "t"},
                "wieghts": {},
                "study": {"seed": "one", "skip": ["clubs"]},
                "clubs": {"merge": "some"},
                "outcome": {"logs": 1},
            }
        )
    message = str(caught.value)
    for fault in (
        "unknown table [wieghts]; did you mean 'weights'?",
        "[data] has no key 'perod'; did you mean 'period'?",
        "[data] needs period",
        "[study] seed must be of kind int, got 'one'",
        "[clubs] merge must be one of phillips-sul",
        "[outcome] logs must be of kind bool, got 1",
    ):
        assert fault in message, fault
    assert "7 faults" in message


def test_keys_that_are_wrong_together():
    data = {"panel": "p.csv", "unit": "id", "period": "t"}
    with pytest.raises(OptionError) as caught:
        read_config({"data": data})
    message = str(caught.value)
    assert "name the column studied" in message
    assert '"queen" needs [data] geometry' in message
    with pytest.raises(OptionError, match="skip has the unknown value 'clubs'; known are describe"):
        read_config({"data": data, "study": {"skip": ["clubs"]}})
    with pytest.raises(OptionError, match='kind = "file" needs path'):
        read_config({"data": data, "outcome": {"variable": "y"}, "weights": {"kind": "file"}})
    with pytest.raises(OptionError, match="needs cutoff_km"):
        read_config(
            {"data": data, "outcome": {"variable": "y"}, "weights": {"kind": "distance-band"}}
        )


def test_settings_are_not_changed_and_broken_toml_is_named(tmp_path):
    settings = {
        "data": {"panel": "p.csv", "unit": "id", "period": "t", "geometry": "m.shp"},
        "outcome": {"variable": "y"},
    }
    config = read_config(settings)
    config.data.logs.append("y")
    assert settings["data"].keys() == {"panel", "unit", "period", "geometry"}
    assert read_config(settings).data.logs == []
    (tmp_path / "bad.toml").write_text("[data\n")
    with pytest.raises(OptionError, match=r"bad\.toml is not valid TOML"):
        read_config(tmp_path / "bad.toml")


# -- the run ---------------------------------------------------------------------------------------


def test_every_step_is_in_the_page(done):
    assert done.failed == []
    assert [section.name for section in done.sections] == list(STEPS)
    assert not [section.name for section in done.sections if section.skip_reason]
    page = done.page.read_text(encoding="utf-8")
    for section in done.sections:
        assert f'<section id="{section.name}">' in page
        assert section.words, section.name
    assert "<title>States &amp; &lt;capital&gt;</title>" in page
    # Figures are inside the file, and nothing else is asked for.
    sources = re.findall(r'<img src="([^"]{30})', page)
    figures = [file for section in done.sections for _, file in section.figures]
    assert len(sources) == len(figures) > 15
    assert (done.page.parent / "explore.html").stat().st_size > 500_000
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    links = re.findall(r'(?:src|href)="(?!data:|#)([^"]*)"', page)
    assert links and all((done.page.parent / link).is_file() for link in links)
    assert {link.partition("/")[0] for link in links} <= {"tables", "explore.html"}


def test_numbers_of_the_page_are_those_of_the_api(done, files):
    panel = nq.read_panel(
        files / "states.csv", geometry=files / "states.shp", unit="state", period="year"
    )
    w = nq.weights.contiguity(panel, islands="nearest")
    page = done.page.read_text(encoding="utf-8")
    result = nq.fit("lgsp ~ lpc + unemp", panel, w)
    rho = result.params["spatial", "rho"]
    assert f"{rho:.3f} (s.e." in page
    gini = nq.inequality.dagum(panel, "lgsp", group="region").frame["gini"]
    assert f"went from {gini.iloc[0]:.3f} to {gini.iloc[-1]:.3f}" in page
    moran = nq.esda.moran(panel, "lgsp", w, seed=2024).frame["moran_i"]
    assert f"{moran.iloc[0]:.3f} in the first period" in page
    effects = result.effects(draws=200, seed=2024).frame.set_index(["variable", "effect"])
    assert f"Private capital: direct {effects.loc[('lpc', 'direct'), 'estimate']:.3f}" in page
    # Those with which the page opens, in its own order, and those of a file.
    lines = {line.term: line for section in done.sections for line in section.headlines}
    assert lines["Moran's I (1986)"].value == f"{moran.iloc[-1]:.3f}"
    assert lines["Gini coefficient (1986)"].value == f"{gini.iloc[-1]:.3f}"
    assert lines["Spatial autoregressive coefficient ρ"].value == f"{rho:.3f}"
    for effect, term in (("direct", "direct effect"), ("indirect", "indirect effect (spillover)")):
        line, row = lines[f"Private capital: {term}"], effects.loc["lpc", effect]
        shown = [line.value, *re.findall(r"[−\d.]+", line.detail)[:2]]
        values = [float(text.replace("−", "-")) for text in shown]
        expected = row[["estimate", "conf_low", "conf_high"]].astype(float)
        np.testing.assert_allclose(values, expected, atol=6e-4)
    beta = nq.convergence.beta(panel, "lgsp", logs=False).frame.loc[("all", "coefficient")]
    speed = lines["Speed of β convergence"].value.removesuffix(" %").replace("−", "-")
    assert float(speed) == pytest.approx(100 * beta["speed"], abs=0.0051)
    stay = nq.dynamics.markov(panel, "lgsp", states=4, relative=True).probabilities
    staying = lines["Probability of staying in the same state"].value
    assert float(staying) == pytest.approx(np.diag(stay).mean(), abs=0.0051)
    stored = pd.read_csv(files / "report" / "tables" / "dagum.csv", index_col=0)
    np.testing.assert_allclose(stored["gini"], gini, rtol=1e-12)


def test_figures_tables_and_words_are_on_disk(done, files):
    out = files / "report"
    for section in done.sections:
        for _, file in section.figures:
            assert (out / file).stat().st_size > 5000
            assert (out / file).with_suffix(".pdf").exists()
    tables = {path.stem for path in (out / "tables").glob("*.docx")}
    assert tables == {path.stem for path in (out / "tables").glob("*.tex")}
    assert tables >= {
        "descriptive", "dagum", "transitions", "clubs", "specification", "model", "effects",
    }  # fmt: skip
    assert "Private capital" in (out / "tables" / "model.tex").read_text()
    assert not list(out.rglob("*.partial"))


def test_a_second_run_takes_over_and_a_change_undoes_it(done, files):
    before = done.page.read_bytes()
    again = nq.report.study(files / "study.toml", files / "report", progress=False)
    assert again.skipped == list(STEPS)
    assert again.page.read_bytes() == before
    text = SETTINGS.replace('formula = "lgsp ~ lpc + unemp"', 'formula = "lgsp ~ lpc + lemp"')
    (files / "other.toml").write_text(text)
    other = nq.report.study(files / "other.toml", files / "report", progress=False)
    # The data section and the views show the regressors, so they are made anew too.
    anew = {"describe", "diagnostics", "model", "centre", "explore"}
    assert set(STEPS) - set(other.skipped) == anew
    back = nq.report.study(files / "study.toml", files / "report", progress=False)
    assert back.page.read_bytes() == before


def test_a_change_of_the_data_undoes_every_step(files, tmp_path, sketches):
    for path in files.glob("states.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    skip = [name for name in STEPS if name not in ("gradient", "association")]
    text = SETTINGS.replace("[study]", f"[study]\nskip = {skip}")
    (tmp_path / "study.toml").write_text(text)
    first = nq.report.study(tmp_path / "study.toml", tmp_path / "out", progress=False)
    assert not first.skipped
    table = pd.read_csv(tmp_path / "states.csv")
    table.loc[0, "lgsp"] += 1
    table.to_csv(tmp_path / "states.csv", index=False)
    second = nq.report.study(tmp_path / "study.toml", tmp_path / "out", progress=False)
    assert not second.skipped
    assert first.sections[2].words != second.sections[2].words


# Kills the process when the fourth step is to be kept: three are.
KILLED = """
import functools, os, signal, sys
import nqp_spatial as nq

nq.plots.save = functools.partial(nq.plots.save, formats=("png",), dpi=60)

moves = []

def heard(event, values):
    if event == "os.rename" and os.path.basename(os.path.dirname(values[1])) == "parts":
        moves.append(values[1])
        if len(moves) == 4:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(heard)
nq.report.study(sys.argv[1], sys.argv[2], progress=False)
"""


def test_killed_halfway_it_ends_with_the_same_page(files, tmp_path, sketches):
    run = {"describe", "gradient", "diagnostics", "model", "centre", "explore"}
    skip = [name for name in STEPS if name not in run]
    (files / "killed.toml").write_text(SETTINGS.replace("[study]", f"[study]\nskip = {skip}"))
    done = nq.report.study(files / "killed.toml", tmp_path / "at_once", progress=False)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(files / "killed.toml"), str(tmp_path / "out")]
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "out" / "parts").glob("*.json"))) == 3
    assert not (tmp_path / "out" / "index.html").exists()
    resumed = nq.report.study(files / "killed.toml", tmp_path / "out", progress=False)
    assert len(resumed.skipped) == 3
    # The script's path to the data differs, the page does not.
    assert resumed.page.read_bytes() == done.page.read_bytes()


def test_a_failed_step_is_reported_and_the_others_stand(files, tmp_path, monkeypatch, sketches):
    def fault(*_, **__):
        raise ZeroDivisionError("planted")

    sigma = nq.convergence.sigma
    monkeypatch.setattr(nq.convergence, "sigma", fault)
    skip = [name for name in STEPS if name not in ("gradient", "convergence")]
    text = SETTINGS.replace("[study]", f"[study]\nskip = {skip}")
    (files / "failing.toml").write_text(text)
    result = nq.report.study(files / "failing.toml", tmp_path / "out", progress=False)
    assert result.failed == ["convergence"]
    page = result.page.read_text(encoding="utf-8")
    assert "ZeroDivisionError: planted" in page
    assert "This step failed" in page
    assert "The Gini coefficient went from" in page
    assert page.count(": named in [study] skip.") == len(skip)
    assert "FAILED convergence" in repr(result)
    # Once the fault is corrected, that step runs and the others are taken over.
    monkeypatch.setattr(nq.convergence, "sigma", sigma)
    corrected = nq.report.study(files / "failing.toml", tmp_path / "out", progress=False)
    assert corrected.failed == []
    assert "convergence" not in corrected.skipped
    assert "gradient" in corrected.skipped


# Draws all figures and writes the one that is compared.
REPEATED = """
import runpy, sys
import nqp_spatial as nq

save = nq.plots.save

def save_effects(figure, path, **options):
    if path.name == "effects":
        save(figure, path, **options)

nq.plots.save = save_effects
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def test_the_script_repeats_the_tables(done, files):
    out = files / "again"  # beside the first folder, so that its path to the data holds
    out.mkdir()
    script = out / "study.py"
    script.write_bytes(done.script.read_bytes())
    command = [sys.executable, "-c", REPEATED, str(script)]
    subprocess.run(command, check=True, capture_output=True, cwd=out)
    first = files / "report"
    for name in sorted(path.name for path in (first / "tables").glob("*.tex")):
        assert (out / "tables" / name).read_bytes() == (first / "tables" / name).read_bytes(), name
    figure = "figures/effects.png"
    assert (out / figure).read_bytes() == (first / figure).read_bytes()
    encoded = base64.b64encode((first / figure).read_bytes()).decode()
    assert encoded in done.page.read_text(encoding="utf-8")


def test_names_that_are_not_python_names(files, tmp_path, sketches):
    table = pd.read_csv(files / "states.csv")[["state", "year", "lgsp", "lpc"]]
    table = table.assign(**{"产出 (total)": np.exp(table["lgsp"])})
    table.to_excel(tmp_path / "数据.xlsx", index=False)
    settings = {
        "study": {"skip": [name for name in STEPS if name not in ("describe", "association")]},
        "data": {
            "panel": str(tmp_path / "数据.xlsx"), "unit": "state", "period": "year",
            "geometry": str(files / "states.shp"), "logs": ["产出 (total)"],
        },
        "outcome": {"variable": "log_产出 (total)"},
    }  # fmt: skip
    result = nq.report.study(settings, tmp_path / "out", progress=False)
    assert result.failed == []
    assert "Log of 产出 (total)" in result.page.read_text(encoding="utf-8")


def test_one_period_leaves_out_what_moves(files, tmp_path, sketches):
    table = pd.read_csv(files / "states.csv").query("year == 1986")
    table.to_csv(files / "one.csv", index=False)
    text = SETTINGS.replace('"states.csv"', '"one.csv"').replace("draws", 'effects = "none"\ndraws')
    text = re.sub(r"\[index\]\nindicators.*\n", "", text).replace('centre = "south"\n', "")
    (files / "one.toml").write_text(text)
    findings = check(files / "one.toml")
    assert levels(findings, "fails") == []
    warnings = " ".join(levels(findings, "warning"))
    assert "convergence: left out: needs at least 4 periods" in warnings
    study = nq.report.study(files / "one.toml", tmp_path / "out", progress=False)
    assert study.failed == []
    out = {section.name for section in study.sections if "needs at least" in section.skip_reason}
    assert out == {"distribution", "chains", "convergence"}
    association = next(section for section in study.sections if section.name == "association")
    assert [file for _, file in association.figures] == [
        "figures/lisa_maps.png",
        "figures/moran_scatter_1.png",
    ]
    again = nq.report.study(files / "one.toml", tmp_path / "out", progress=False)
    assert again.skipped == list(STEPS)


def test_a_stata_table_and_weights_without_a_map(files, tmp_path, sketches):
    panel = nq.datasets.us_public_capital()
    panel.frame.reset_index().to_stata(tmp_path / "states.dta", write_index=False)
    nq.weights.contiguity(panel).write(tmp_path / "w.gal")
    text = starter(tmp_path / "states.dta", folder=tmp_path).replace("weights.csv", "w.gal")
    skip = ["distribution", "chains", "convergence"]
    text = text.replace('# formula = "', 'formula = "').replace("# skip = []", f"skip = {skip}")
    (tmp_path / "study.toml").write_text(text)
    assert levels(check(tmp_path / "study.toml"), "fails") == []
    result = nq.report.study(tmp_path / "study.toml", tmp_path / "out", progress=False)
    assert result.failed == []
    figures = {file for section in result.sections for _, file in section.figures}
    assert figures == {
        "figures/effects.png",
        "figures/moran_scatter_1.png",
        "figures/moran_scatter_2.png",
    }


# -- what would fail -------------------------------------------------------------------------------


def levels(findings, level):
    return [str(finding) for finding in findings if finding.level == level]


def test_check_says_that_all_is_well(files):
    findings = check(files / "study.toml")
    assert levels(findings, "fails") == []
    assert any("816 observations" in finding for finding in levels(findings, "ok"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (('"states.csv"', '"none.csv"'), "none.csv"),
        (('unit = "state"', 'unit = "city"'), "city"),
        (("unemp = ", "unemployed = "), "unemployed; the columns are"),
        (('centre = "south"', 'centre = "unemp"'), "unemp changes over periods"),
        (("lgsp ~ lpc + unemp", "lgsp ~ lpc + lpc2"), "lpc2"),
        (('variable = "lgsp"', 'variable = "lgsp"\nlogs = 2'), "logs must be of kind bool"),
    ],
)  # fmt: skip
def test_check_names_what_would_fail(files, change, expected):
    (files / "changed.toml").write_text(SETTINGS.replace(*change))
    assert expected in "\n".join(levels(check(files / "changed.toml"), "fails"))


def test_check_finds_gaps_and_what_cannot_be_logged(files):
    table = pd.read_csv(files / "states.csv")
    table.loc[[3, 20], "lpc"] = np.nan
    table.loc[5, "lgsp"] = -1
    table.to_csv(files / "gaps.csv", index=False)
    text = SETTINGS.replace('"states.csv"', '"gaps.csv"')
    (files / "gaps.toml").write_text(text.replace('= "lgsp"', '= "lgsp"\nlogs = true'))
    failures = "\n".join(levels(check(files / "gaps.toml"), "fails"))
    assert "lpc is missing in 2 cells of 2 units" in failures
    assert 'balance = "drop-units" (leaves 46 of 48 units)' in failures
    assert "lgsp is not positive in" in failures
    (files / "logs.toml").write_text(text.replace('"gaps.csv"', '"gaps.csv"\nlogs = ["lgsp"]'))
    assert "lgsp is not positive in" in "\n".join(levels(check(files / "logs.toml"), "fails"))


def test_starter_reads_back_and_names_every_key(files):
    text = starter(files / "states.csv", files / "states.shp", folder=files)
    (files / "guessed.toml").write_text(text)
    config = read_config(files / "guessed.toml")
    assert config.data.unit == "state"
    assert config.data.period == "year"
    assert config.groups.centre == "south"
    assert config.groups.region == "region"
    for table, model in TABLES.items():
        for key in model.model_fields.keys() - {"aliases"}:
            assert re.search(rf"^(# )?{key} = ", text, re.MULTILINE), (table, key)
    assert "\n[data.aliases]\n" in text
    # What stands behind # are the defaults: taking the # away changes nothing but the hints.
    # The tables of further methods, which are behind # too, have a test of their own.
    bare = "\n".join(
        line.removeprefix("# ")
        for line in text.partition("# Further methods")[0].splitlines()
        if not line.startswith("# ") or re.match(r'# \w+ = (?!"")', line)
    )
    (files / "bare.toml").write_text(bare)
    assert read_config(files / "bare.toml").clubs.discard == pytest.approx(1 / 3, abs=1e-5)
    assert levels(check(files / "guessed.toml"), "fails") == []


def test_a_chinese_table_and_a_map_of_more_units(files, tmp_path, sketches):
    """Headings in Chinese, in the encoding of Chinese Excel; a map with another name of the key."""
    import geopandas as gpd

    table = pd.read_csv(files / "states.csv")[["state", "year", "lgsp", "lpc", "region"]]
    table = table[table["state"] != "WY"]
    table.columns = ["地区", "年份", "产出", "资本", "区域"]
    table.to_csv(tmp_path / "面板.csv", index=False, encoding="gb18030")
    shapes = gpd.read_file(files / "states.shp").rename(columns={"state": "CODE"})
    shapes.to_file(tmp_path / "map.gpkg")
    with pytest.raises(OptionError, match="often in encoding='gb18030'"):
        nq.read_panel(tmp_path / "面板.csv", unit="地区", period="年份")
    text = starter(tmp_path / "面板.csv", tmp_path / "map.gpkg", folder=tmp_path)
    text = text.replace('# formula = "', 'formula = "').replace('# lang = "en"', 'lang = "zh"')
    skip = [name for name in STEPS if name not in ("describe", "gradient", "association", "model")]
    (tmp_path / "study.toml").write_text(text.replace("# skip = []", f"skip = {skip}"), "utf-8")
    config = read_config(tmp_path / "study.toml")
    assert config.data.encoding == "gb18030"
    assert config.data.geometry_unit == "CODE"
    assert config.data.extra_shapes == "drop"
    assert levels(check(tmp_path / "study.toml"), "fails") == []
    result = nq.report.study(tmp_path / "study.toml", tmp_path / "out", progress=False)
    assert result.failed == [], result
    page = result.page.read_text(encoding="utf-8")
    assert "产出" in page
    assert "资本" in (tmp_path / "out" / "tables" / "model.tex").read_text("utf-8")


def test_starter_says_what_it_cannot_make_out(tmp_path):
    path = tmp_path / "p.csv"
    pd.DataFrame({"city": ["a", "b"], "y": [1.0, 2.0]}).to_csv(path, index=False)
    with pytest.raises(OptionError, match="no column of periods"):
        starter(path, folder=tmp_path)
    twice = pd.DataFrame({"city": ["a", "a", "b", "b"], "year": [2000, 2000, 2001, 2001]})
    twice.to_csv(path, index=False)
    with pytest.raises(OptionError, match="no column of unit ids"):
        starter(path, folder=tmp_path)
    with pytest.raises(OptionError, match="endings known are"):
        starter(tmp_path / "p.doc", folder=tmp_path)


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        ('covariance = "robust"', {"covariance": "robust"}),
        ('estimator = "gs2sls"\ncovariance = "cluster"\ncluster = "letter"',
         {"estimator": "gs2sls", "covariance": "cluster", "cluster": "letter"}),
        ('covariance = "conley"\ncutoff_km = 800\nlags = 1',
         {"covariance": "conley", "cutoff_km": 800, "lags": 1}),
    ],
)  # fmt: skip
def test_estimator_and_covariance_of_the_model(files, tmp_path, sketches, keys, options):
    skip = [name for name in STEPS if name not in ("describe", "model")]
    text = SETTINGS.replace("[study]", f"[study]\nskip = {skip}")
    text = text.replace("[model]", f"[model]\n{keys}")
    settings = files / f"{tmp_path.name}.toml"
    settings.write_text(text)
    assert levels(check(settings), "fails") == []
    result = nq.report.study(settings, tmp_path / "out", progress=False)
    assert result.failed == [], result
    panel = nq.read_panel(
        files / "states.csv", geometry=files / "states.shp", unit="state", period="year"
    )
    w = nq.weights.contiguity(panel, islands="nearest")
    res = nq.fit("lgsp ~ lpc + unemp", panel, w, **options)
    rho, error = res.params["spatial", "rho"], res.std_errors["spatial", "rho"]
    assert f"{rho:.3f} (s.e. {error:.3f})" in result.page.read_text(encoding="utf-8")


def test_options_of_the_model_that_do_not_fit(files):
    settings = files / "wrong.toml"
    settings.write_text(SETTINGS.replace("[model]", '[model]\ncovariance = "conley"'))
    (words,) = levels(check(settings), "fails")
    assert "as in [model] cutoff_km = 300" in words
    settings.write_text(SETTINGS.replace("[model]", '[model]\ncluster = "province"'))
    words = levels(check(settings), "fails")
    assert any("[model] cluster names what is no column" in word for word in words)


# -- the command line ------------------------------------------------------------------------------


def test_the_command_line_from_a_table_to_a_report(files, tmp_path, sketches):
    run = CliRunner().invoke
    panel, shapes = str(files / "states.csv"), str(files / "states.shp")
    settings, report = str(tmp_path / "study.toml"), str(tmp_path / "report")
    made = run(main, ["init", panel, "-g", shapes, "-o", settings])
    assert made.exit_code == 0, made.output
    assert run(main, ["init", panel, "-o", settings]).exit_code == 1
    assert "pass --force" in run(main, ["init", panel, "-o", settings]).output
    checked = run(main, ["check", settings])
    assert checked.exit_code == 0, checked.output
    assert "No problems found" in checked.output
    text = Path(settings).read_text()
    skip = [name for name in STEPS if name not in ("describe", "gradient")]
    Path(settings).write_text(text.replace("# skip = []", f"skip = {skip}"))
    ran = run(main, ["study", settings, "-o", report, "-q"])
    assert ran.exit_code == 0, ran.output
    assert "2 of 11 steps done" in ran.output
    assert "reused" in run(main, ["study", settings, "-o", report, "-q"]).output


def test_the_command_line_ends_with_an_error_where_it_fails(files, tmp_path):
    run = CliRunner().invoke
    bad = tmp_path / "bad.toml"
    bad.write_text("[data]\npanel = 'none.csv'\n")
    checked = run(main, ["check", str(bad)])
    assert checked.exit_code == 1
    assert "FAILS" in checked.output
    ran = run(main, ["study", str(bad), "-o", str(tmp_path / "out")])
    assert ran.exit_code == 1
    assert "faults" in ran.output
    assert "Traceback" not in ran.output


# -- in Chinese ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chinese(files, tmp_path_factory):
    """The same study in Chinese: its result, and its page as it was written."""
    text = SETTINGS.replace("[study]", '[study]\nlang = "zh"')
    (files / "zh.toml").write_text(text, encoding="utf-8")
    out = tmp_path_factory.mktemp("chinese")
    result = nq.report.study(files / "zh.toml", out, progress=False)
    return result, result.page.read_text(encoding="utf-8"), out


def test_in_one_folder_nothing_of_another_language_is_taken_over(files, tmp_path, sketches):
    left_out = [step for step in STEPS if step not in ("describe", "model")]
    text = SETTINGS.replace("[study]", f"[study]\nskip = {left_out}")
    (files / "short.toml").write_text(text, encoding="utf-8")
    chinese = text.replace("[study]", '[study]\nlang = "zh"', 1)
    (files / "short_zh.toml").write_text(chinese, encoding="utf-8")
    nq.report.study(files / "short_zh.toml", tmp_path / "one", progress=False)
    again = nq.report.study(files / "short.toml", tmp_path / "one", progress=False)
    alone = nq.report.study(files / "short.toml", tmp_path / "two", progress=False)
    assert again.skipped == alone.skipped
    assert again.page.read_bytes() == alone.page.read_bytes()


def test_a_chinese_study(done, chinese):
    result, page, _ = chinese
    assert result.failed == []
    assert '<html lang="zh">' in page
    for words in (
        "目录",
        "区域差距",
        "空间集聚",
        "基尼系数由",
        "本步代码",
        "直接效应、间接效应与总效应",
    ):
        assert words in page, words
    # Headings and captions of our own are Chinese; numbers are those of the English page.
    titles = re.findall(r"<h2>(.*?)</h2>|<figcaption>(.*?)</figcaption>", page)
    assert all(re.search("[一-鿿]", "".join(title)) for title in titles)
    english = done.page.read_text(encoding="utf-8")
    for words in ("The data", "went from", "This step", "Code of this step", "Replication"):
        assert words in english or words == "This step"
        assert words not in page
    gini = r"(0\.\d{3})\D+(0\.\d{3})"
    assert (
        re.search("基尼系数由 " + gini, page).groups()
        == re.search("coefficient went from " + gini, english).groups()
    )


def test_what_results_say_is_chinese_too(chinese):
    """What is left in Latin letters are names of the user, of models, people and functions."""
    _, page, _ = chinese
    plain = re.sub(
        r"<style>.*?</style>|<script.*?</script>|<pre>.*?</pre>"
        r"|<p[^>]*>[^<]*(?:study.py|nqp-spatial ).*?</p>",
        "",
        page,
        flags=re.S,
    )
    plain = re.sub(r"<[^>]+>", " ", plain)
    user_words = {"Output", "Private", "capital", "Public", "States", "West", "South", "centre",
           "periphery", "North", "lpcap", "unemp", "index", "Unemployment", "rate",
           "region", "south"}  # fmt: skip
    known = {"sdem", "SDEM", "Wald", "Elhorst", "theta", "Hausman", "Mundlak", "Pesaran", "Jarque",
             "Bera", "Koenker", "Bassett", "study", "skip", "esda", "lisa", "composite",
             "nqp_spatial", "rank_intervals", "CRITIC", "Dagum", "Silverman",
             "Queen", "Prais", "Bartholomew", "error", "BSJK", "Wooldridge", "log_t",
             "LISA", "Word", "LaTeX", "club_members", "beta_spatial",
             "explore", "html"}  # fmt: skip
    assert set(re.findall(r"[A-Za-z_]{4,}", plain)) - user_words - known == set()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("sem", "the model has no indirect effect"),
        ("sar", "indirect"),
        ("ols", "causal only where"),
    ],
)
def test_effects_are_read_as_the_model_has_them(files, tmp_path, sketches, model, expected):
    others = [name for name in STEPS if name not in ("describe", "model")]
    text = SETTINGS.replace("[model]", f'[model]\nmodel = "{model}"')
    text = text.replace("[study]", f"[study]\nskip = {others}").replace("'", '"')
    (files / f"{model}.toml").write_text(text)
    result = nq.report.study(files / f"{model}.toml", tmp_path / "out", progress=False)
    assert result.failed == []
    section = next(section for section in result.sections if section.name == "model")
    words = " ".join(section.words)
    assert (expected in words) == (model != "ols")
    assert ("the model has no indirect effect" in words) == (model == "sem")
    assert len(section.tables) == (1 if model == "ols" else 2)
