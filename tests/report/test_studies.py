"""Several studies at once: outcomes, faults, the page of links, workers here and on a cluster."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from joblib import parallel_config

import nqp_spatial as nq
from nqp_spatial.cli import main
from nqp_spatial.core.cluster import on_cluster
from nqp_spatial.errors import OptionError
from nqp_spatial.report.study._outcomes import with_outcome
from nqp_spatial.report.study.config import STEPS, read_config

SKIP = [name for name in STEPS if name != "model"]
FORMULA = "lgsp ~ lpc + unemp"


def settings(folder, **tables):
    base = {
        "study": {"skip": SKIP},
        "data": {
            "panel": str(folder / "states.csv"), "geometry": str(folder / "states.shp"),
            "unit": "unit", "period": "period",
            "labels": {"lgsp": "Output <log>", "lpc": "Capital"},
        },
        "outcome": {"variable": "lgsp"},
        "model": {"formula": FORMULA, "draws": 50},
    }  # fmt: skip
    return {name: {**base.get(name, {}), **tables.get(name, {})} for name in {**base, **tables}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    panel = nq.datasets.us_public_capital().select(periods=list(range(1982, 1987)))
    panel.frame.reset_index().to_csv(folder / "states.csv", index=False)
    panel.geometry.reset_index()[["unit", "geometry"]].to_file(folder / "states.shp")
    return folder


@pytest.fixture(scope="module")
def done(folder):
    """Two studies that run, one whose settings are wrong, one whose step fails; in two threads."""
    with parallel_config(backend="threading"):
        return nq.report.studies(
            settings(folder), folder / "reports", outcomes=["lgsp", "lemp", "lpc", "absent"],
            n_jobs=2, progress=False,
        )  # fmt: skip


# -- what comes back -------------------------------------------------------------------------------


def test_each_study_is_the_study_of_its_outcome(folder, done):
    alone = nq.report.study(
        settings(folder, outcome={"variable": "lemp"}, model={"formula": "lemp ~ lpc + unemp"}),
        folder / "alone", progress=False,
    )  # fmt: skip
    ours = done.runs[1].folder / "tables"
    for name in ("effects.csv", "model.csv"):
        assert (ours / name).read_bytes() == (alone.page.parent / "tables" / name).read_bytes()
    panel = nq.read_panel(folder / "states.csv", unit="unit", period="period",
                          geometry=folder / "states.shp")  # fmt: skip
    w = nq.weights.contiguity(panel)
    fitted = nq.fit("lemp ~ lpc + unemp", panel, w, model="sdm", effects="two-way")
    effects = fitted.effects(draws=50, seed=2024).frame.set_index(["variable", "effect"])
    for effect in ("direct", "indirect", "total"):
        row = done.frame.set_index("study").loc["lemp"]
        assert row[effect] == pytest.approx(effects.loc[("lpc", effect), "estimate"], rel=1e-12)


def test_a_fault_of_one_study_is_named_and_the_others_run(done):
    frame = done.frame.set_index("study")
    assert frame["status"].to_dict() == {
        "lgsp": "done", "lemp": "done", "lpc": "failed", "absent": "incomplete",
    }  # fmt: skip
    assert done.failed == ["lpc", "absent"] and list(done.studies) == ["lgsp", "lemp", "absent"]
    assert "'lpc' is a regressor" in frame.loc["lpc", "reason"]
    assert "no column 'absent'" in frame.loc["absent", "reason"]
    assert len(done.notes) == 2 and "lpc: OptionError" in repr(done)
    assert frame.loc["lpc", "path"] == "" and np.isnan(frame.loc["lpc", "direct"])
    assert set(done.effects["study"]) == {"lgsp", "lemp"} and len(done.effects) == 12
    assert frame["direct"].dtype == float


def test_the_page_links_the_studies(done):
    page = done.page.read_text(encoding="utf-8")
    links = re.findall(r'<a href="([^"]+)">', page)
    assert links == ["lgsp/index.html", "lemp/index.html", "absent/index.html"]
    assert all((done.page.parent / link).exists() for link in links)
    assert "Output &lt;log&gt;" in page and "Output <log>" not in page
    assert "2 of 4 studies are complete." in page and "Capital" in page
    stored = pd.read_csv(done.page.parent / "effects.csv", encoding="utf-8-sig")
    pd.testing.assert_frame_equal(stored, done.effects, check_dtype=False, rtol=1e-15)
    title = (done.page.parent / "lemp" / "index.html").read_text(encoding="utf-8")
    assert "<title>A study of regional development: lemp</title>" in title


def test_a_second_run_reuses_the_steps_and_writes_in_chinese(folder, done):
    again = nq.report.studies(settings(folder), done.page.parent, outcomes=["lemp"], progress=False)
    assert set(again.studies["lemp"].skipped) == set(STEPS)
    chinese = settings(folder, study={"lang": "zh"}, model={"formula": None})
    page = nq.report.studies(chinese, folder / "zh", outcomes=["lemp"], progress=False).page
    text = page.read_text(encoding="utf-8")
    assert "各项研究" in text and "直接效应" in text and "Direct" not in text


# -- settings --------------------------------------------------------------------------------------


def test_an_outcome_takes_its_place_in_every_formula():
    tables = settings(Path(), data={"logs": ["lgsp"]}, model={"formula": "log_lgsp ~ lpc"})
    tables["mediation"] = {"mediator": "unemp ~ lpc", "outcome": "lgsp ~ unemp + lpc"}
    other = with_outcome(read_config(tables), "GDP (yuan)")
    assert other.outcome_name == "GDP (yuan)"
    assert other.model.formula == "`log_GDP (yuan)` ~ lpc"
    assert other.data.logs == ["lgsp", "GDP (yuan)"]
    assert other.mediation.mediator == "unemp ~ lpc"
    assert other.mediation.outcome == "`GDP (yuan)` ~ unemp + lpc"
    config = read_config(settings(Path(), model={"formula": "np.log(lgsp) ~ lpc"}))
    assert with_outcome(config, "lemp").model.formula == "np.log(lemp) ~ lpc"
    assert config.model.formula == "np.log(lgsp) ~ lpc", "the caller's settings are unchanged"
    with pytest.raises(OptionError, match=r"explains 'lemp', not the outcome 'lgsp'"):
        with_outcome(read_config(settings(Path(), model={"formula": "lemp ~ lpc"})), "unemp")


def test_names_of_folders(folder, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "study.toml").write_text("[data]\nunit = 'u'\n")
    paths = [tmp_path / "a" / "study.toml", tmp_path / "b" / "study.toml", tmp_path / "no.toml"]
    result = nq.report.studies([*paths, {"data": {}}], tmp_path / "out", progress=False)
    assert result.frame["study"].tolist() == ["study", "study_2", "no", "study_4"]
    assert set(result.frame["status"]) == {"failed"}
    assert "there is no file" in result.frame["reason"].iloc[2]
    odd = nq.report.studies({"data": {}}, tmp_path / "odd", outcomes=["../x", "..", "x"],
                            progress=False)  # fmt: skip
    assert odd.frame["study"].tolist() == ["x", "study", "x_2"]


@pytest.mark.parametrize("outcomes", [[], ["y", "y"]])
def test_outcomes_are_different_columns(outcomes):
    with pytest.raises(OptionError, match="different columns"):
        nq.report.studies({"data": {}}, outcomes=outcomes)
    with pytest.raises(OptionError, match="one study or more"):
        nq.report.studies([])


def test_the_command(folder, tmp_path):
    toml = tmp_path / "lgsp.toml"
    toml.write_text(
        f"[study]\nskip = {SKIP}\n[data]\npanel = '{folder / 'states.csv'}'\nunit = 'unit'\n"
        f"period = 'period'\ngeometry = '{folder / 'states.shp'}'\n[outcome]\nvariable = 'lgsp'\n"
    )
    command = ["studies", str(toml), "-o", str(tmp_path / "out"), "-q"]
    ran = CliRunner().invoke(main, command)
    assert ran.exit_code == 0 and "Studies: 1 of 1 done" in ran.output
    assert (tmp_path / "out" / "lgsp" / "study.py").exists()


def test_no_scheduler():
    words = "no Dask scheduler answers at 'nowhere'"
    with pytest.raises(OptionError, match=words), on_cluster("nowhere"):
        pass


# -- workers ---------------------------------------------------------------------------------------


def numbers(n_jobs):
    """Return what a grid of models and a bootstrap give."""
    panel = nq.datasets.us_public_capital().select(periods=[1984, 1985, 1986])
    w = nq.weights.contiguity(panel)
    changes = {"nearest": {"weights": nq.weights.knn(panel, k=5)}, "SEM": {"model": "sem"}}
    grid = nq.robustness(
        FORMULA, panel, w, changes=changes, model="sar", effects="unit", draws=20, n_jobs=n_jobs
    )
    bootstrap = nq.panel_threshold(
        FORMULA, panel, threshold="unemp", regime="lpc", grid=20, replications=5, seed=3,
        n_jobs=n_jobs,
    )  # fmt: skip
    return grid.frame, bootstrap.tests.frame


def same_bits(first, second):
    for ours, theirs in zip(first, second, strict=True):
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_threads_give_the_same_bits():
    with parallel_config(backend="threading"):
        same_bits(numbers(1), numbers(2))


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_bits(folder, done, tmp_path):
    """Two workers, also for the Monte Carlo of ``make calibrate``, whose code is sent to them."""
    distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")
    from benchmarks.calibrate import workers
    from benchmarks.calibration import Design, p_values, run, sizes

    cells = [Design("ols", "unit", 48, 30)]
    run(p_values, sizes, cells, tmp_path / "here.csv", replications=4, n_jobs=1)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:
        with on_cluster(cluster.scheduler_address):
            same_bits(numbers(1), numbers(-1))
            result = nq.report.studies(
                settings(folder), tmp_path, outcomes=["lgsp", "lemp"], n_jobs=-1, progress=False
            )
        with workers(cluster.scheduler_address):
            run(p_values, sizes, cells, tmp_path / "there.csv", replications=4, n_jobs=-1)
    assert (tmp_path / "here.csv").read_bytes() == (tmp_path / "there.csv").read_bytes()
    pd.testing.assert_frame_equal(result.effects, done.effects, check_exact=True)
    for path in tmp_path.rglob("tables/*.csv"):
        assert path.read_bytes() == (done.page.parent / path.relative_to(tmp_path)).read_bytes()
