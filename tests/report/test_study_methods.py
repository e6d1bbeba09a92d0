"""Methods that a study has only if its settings ask for them."""

from __future__ import annotations

import base64
import re
import runpy
import tomllib

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from nqp_spatial.report.study.check import check, starter
from nqp_spatial.report.study.config import METHODS, STEPS, TABLES, read_config
from nqp_spatial.report.study.steps import every_step

DATA = {"panel": "p.csv", "unit": "state", "period": "year", "geometry": "m.gpkg"}
OUTCOME = {"variable": "unemp"}
ASKED = {
    "lisa": {"periods": [1986], "bivariate": "lpc", "change": [1980, 1986], "paths": True},
    "hotspots": {"periods": [1986]},
    "drivers": {"factors": ["lpcap", "south"], "cuts": "quantiles", "strata": 3},
    "network": {"mass": ["gsp"], "differences": ["lpc"]},
    "forecast": {"horizon": 2, "holdout": 1, "chain": "plain"},
    "mediation": {"mediator": "lemp ~ lpcap", "outcome": "lgsp ~ lemp + lpcap", "draws": 99},
    "robustness": {"changes": {"winsorised": 0.02, "SAR": {"model": "sar"}}, "weights": ["knn"]},
    "heterogeneity": {"threshold": "unemp", "by": "south"},
    "policy": {"treatment": "pilot", "leads": 1},
    "model": {"formula": "lgsp ~ lpc", "draws": 19},
    "dynamics": {"states": 2},
}
SOUTH = ["TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN", "SC", "NC", "VA"]


def settings(**tables):
    return {"data": DATA, "outcome": OUTCOME, **tables}


# -- settings --------------------------------------------------------------------------------------


def test_a_method_is_off_unless_its_table_is_there():
    names = [step.name for step in every_step(read_config(settings()))]
    assert names == list(STEPS)
    config = read_config(settings(hotspots={}, drivers={"factors": ["x"]}))
    assert list(config.methods) == ["hotspots", "drivers"]
    names = [step.name for step in every_step(config)]
    assert names[names.index("association") :][:3] == ["association", "hotspots", "drivers"]
    skipping = read_config(settings(hotspots={}, study={"skip": ["hotspots"]}))
    step = next(step for step in every_step(skipping) if step.name == "hotspots")
    assert step.skip_reason and not step.code


@pytest.mark.parametrize(
    ("tables", "fault"),
    [
        ({"drivers": {}}, "[drivers] needs factors: columns of the geodetector"),
        ({"drivers": {"factors": []}}, "[drivers] factors is empty: name columns"),
        ({"drivers": {"factors": ["unemp"]}}, "[drivers] factors has the outcome, 'unemp'"),
        ({"drivers": {"factors": ["x"], "cuts": "quantile"}}, "did you mean 'quantiles'?"),
        ({"drivers": {"factors": ["x"], "strata": 1}}, "strata must be at least 2 and at most 20"),
        ({"hotspots": {"stars": True}}, "[hotspots] has no key 'stars'; did you mean 'star'?"),
        ({"hotspots": True}, "[hotspots] must be a table, got True"),
        ({"hotspot": {}}, "unknown table [hotspot]; did you mean 'hotspots'?"),
        ({"mediation": {}}, "[mediation] needs mediator: formula of the mediator"),
        ({"mediation": {"mediator": "m ~ x"}}, "[mediation] needs outcome, or [model] formula"),
        ({"network": {"mass": []}}, "[network] mass is empty: name columns"),
        ({"network": {"mass": ["x"], "period": True}}, "[network] period must be"),
        ({"forecast": {"chain": "space"}}, "[forecast] chain must be one of plain, spatial"),
        ({"policy": {}}, "[policy] needs treatment: column that is 1 from the adoption on"),
        ({"policy": {"treatment": "x", "rings_km": [50, 100]}}, "rings_km must rise from 0"),
        ({"robustness": {}}, "[robustness] needs [model] formula"),
        ({"robustness": {"changes": {"winsorized": 0.1}}}, "changes: the change 'winsorized' has"),
        ({"heterogeneity": {}, "model": {"formula": "y ~ x"}}, "needs by, threshold, or both"),
        ({"lisa": {"change": [2000]}}, "[lisa] change must name two periods, the first and the"),
        ({"lisa": {"bivariate": "unemp"}}, "[lisa] bivariate is the outcome, 'unemp'"),
    ],
)  # fmt: skip
def test_faults_are_in_the_words_of_the_file(tables, fault):
    with pytest.raises(OptionError) as caught:
        read_config(settings(**tables))
    assert fault in str(caught.value)
    assert "1 faults" in str(caught.value)


# -- data ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of a study of seven years."""
    folder = tmp_path_factory.mktemp("files")
    panel = nq.datasets.us_public_capital().select(periods=list(range(1980, 1987)))
    table = panel.frame.reset_index().rename(columns={"unit": "state", "period": "year"})
    table["gsp"] = np.exp(table["lgsp"])
    table["pilot"] = (table["state"].isin(["CA", "ME"]) & (table["year"] >= 1984)).astype(int)
    table["south"] = np.where(table["state"].isin(SOUTH), "South", "rest")
    table.to_csv(folder / "p.csv", index=False)
    shapes = panel.geometry.reset_index()[["unit", "geometry"]]
    shapes.rename(columns={"unit": "state"}).to_file(folder / "m.gpkg")
    return folder


def asked(files, **tables):
    others = [name for name in STEPS if name != "association"]
    study = {"permutations": 19, "replications": 9, "skip": others, **tables.pop("study", {})}
    data = {**DATA, **{key: str(files / DATA[key]) for key in ("panel", "geometry")}}
    return settings(**{**ASKED, "data": data, **tables, "study": study})


def test_check_names_columns_periods_and_formulas_of_methods(files):
    wrong = asked(
        files, drivers={"factors": ["lpcap", "sout"]}, hotspots={"periods": [1999]},
        lisa={"bivariate": "none"}, mediation={"mediator": "lemp ~ exec(lpcap)"},
        policy={"treatment": "pilots"}, network={"mass": ["gsp"], "period": 1901},
        robustness={"changes": {"more": {"added controls": ["lpcaps"]}}},
    )  # fmt: skip
    failures = "\n".join(str(finding) for finding in check(wrong).failures)
    for words in (
        "[drivers] factors names what is no column of p.csv: sout",
        "did you mean 'south'?",
        "[lisa] bivariate names what is no column",
        "[hotspots] periods: 1999 are not in the panel",
        "mediation: [mediation] mediator: ",
        "[policy] treatment names what is no column of p.csv: pilots",
        "[network] period: 1901 are not in the panel",
        "[robustness] changes names what is no column of p.csv: lpcaps",
    ):
        assert words in re.sub(r"\s+", " ", failures), words
    assert not check(asked(files)).failures


# -- the run ---------------------------------------------------------------------------------------


PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


@pytest.fixture(scope="module")
def quick():
    """Figures are drawn, and one pixel of each is saved: saving is what takes the time."""

    def save(figure, path, close):
        plt.close("all")
        path.with_name(f"{path.name}.png").write_bytes(PIXEL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nq.plots, "save", save)
        yield


@pytest.fixture(scope="module")
def done(files, quick):
    return nq.report.study(asked(files), files / "report", progress=False)


def test_every_method_is_on_the_page(done):
    assert done.failed == []
    sections = {section.name: section for section in done.sections}
    page = done.page.read_text(encoding="utf-8")
    for name in ("association", *METHODS):
        section = sections[name]
        assert section.words and section.tables and section.figures and section.headlines, name
        assert f'<section id="{name}">' in page
        assert f'<a href="#{name}">' in page
    figures = {file.split("/")[1] for _, file in sections["association"].figures}
    assert {"bivariate_lisa_maps.png", "clusters_of_change.png", "lisa_paths.png"} <= figures


def test_numbers_are_those_of_the_functions(files, done):
    table = pd.read_csv(files / "p.csv")
    shapes = nq.datasets.us_public_capital().geometry
    panel = nq.SpatialPanel(table, unit="state", period="year", geometry=shapes)
    w = nq.weights.contiguity(panel, islands="nearest")
    tables = done.page.parent / "tables"
    options = {"permutations": 19, "seed": 2024}
    hot = nq.esda.getis_ord(panel, "unemp", w, period=1986, **options)
    written = pd.read_csv(tables / "hotspots_1.csv", index_col=0)
    pd.testing.assert_series_equal(written["z"], hot.frame["z"], check_names=False)
    q = nq.structure.geodetector(
        panel.select(periods=[1986]), "unemp", ["lpcap", "south"], cuts="quantiles", number=3,
        weights=w, replications=9, **options,
    )  # fmt: skip
    written = pd.read_csv(tables / "drivers.csv")
    np.testing.assert_allclose(written[["q", "p_value"]], q.frame[["q", "p_value"]])
    paths = nq.spillovers.mediation(
        "lgsp ~ lemp + lpcap", "lemp ~ lpcap", panel, w, draws=99, seed=2024
    )
    changes = {
        "winsorised": 0.02, "SAR": {"model": "sar"}, "knn": {"weights": nq.weights.knn(panel, k=6)}
    }  # fmt: skip
    rows = nq.robustness("lgsp ~ lpc", panel, w, changes=changes, draws=19, seed=2024).frame
    written = pd.read_csv(tables / "robustness.csv")
    np.testing.assert_allclose(written["estimate"], rows["estimate"], rtol=1e-9)
    effects = nq.spillovers.policy(
        panel, "unemp", treatment="pilot", exposure=w, leads=1, placebo=19, seed=2024
    )
    written = pd.read_csv(tables / "policy.csv")
    np.testing.assert_allclose(written["estimate"], effects.frame["estimate"], rtol=1e-9)
    written = pd.read_csv(tables / "mediation.csv")
    np.testing.assert_allclose(written["estimate"], paths.frame["estimate"], rtol=1e-9)


def test_only_the_changed_method_runs_again(files, done):
    other = asked(files, drivers={"factors": ["lpcap", "south"], "cuts": "equal-intervals"})
    again = nq.report.study(other, done.page.parent, progress=False)
    assert {section.name for section in again.sections} - set(again.skipped) == {"drivers"}


def test_the_script_repeats_the_numbers(done):
    tables = sorted((done.page.parent / "tables").glob("*.csv"))
    before = {path.name: path.read_bytes() for path in tables}
    for path in tables:
        path.unlink()
    runpy.run_path(str(done.script))
    assert {path.name: path.read_bytes() for path in tables} == before
    assert {"hotspots_1.csv", "drivers.csv", "mediation.csv", "changes.csv"} <= set(before)


def test_readings_are_in_chinese(files, tmp_path, quick):
    chinese = nq.report.study(asked(files, study={"lang": "zh"}), tmp_path, progress=False)
    assert chinese.failed == []
    for section in chinese.sections:
        for words in section.words:
            rest = re.sub(r"\[[^]]*\]|[A-Z]{2}|nqp_spatial[\w.]*", "", words)
            assert re.search("[\u4e00-\u9fff]", words)
            assert not re.search(r"[a-z]+ [a-z]+ [a-z]+", rest), words


# -- an initial file -------------------------------------------------------------------------------


def test_an_initial_file_shows_the_methods_behind_marks(files):
    text = starter(files / "p.csv", files / "m.gpkg", folder=files)
    parsed = tomllib.loads(text)
    assert not set(METHODS) & set(parsed)
    for name in METHODS:
        assert f"\n# [{name}]\n" in text
        for key in TABLES[name].model_fields:
            assert re.search(rf"^# {key} = ", text, re.M), key
    start = text.index(f"# [{METHODS[0]}]")
    formula = re.sub("^# (formula = )", r"\1", text[:start], flags=re.M)
    uncommented = formula + re.sub("^# ", "", text[start:], flags=re.M)
    path = files / "initial.toml"
    path.write_text(uncommented, encoding="utf-8")
    config = read_config(path)
    assert list(config.methods) == list(METHODS)
