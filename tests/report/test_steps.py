"""Steps of a study: templates that are Python once settings stand in them, and nothing else."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import jinja2
import numpy as np
import pytest

import nqp_spatial as nq
from nqp_spatial.core.text import language, t
from nqp_spatial.errors import OptionError
from nqp_spatial.report.study import step as study_step
from nqp_spatial.report.study.config import METHODS, STEPS, read_config
from nqp_spatial.report.study.runner import run_setup
from nqp_spatial.report.study.step import StepOutput, setup_code
from nqp_spatial.report.study.steps import every_step

FOLDER = Path(study_step.__file__).parent
TEMPLATES = sorted(FOLDER.rglob("*.py.j2"))
SOUTH = {"TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"}
DATA = {"panel": "states.csv", "unit": "state", "period": "year", "geometry": "states.gpkg"}
FULL = {
    "study": {"permutations": 19, "replications": 9},
    "data": {**DATA, "logs": ["pcap"], "labels": {"lgsp": "Output"}},
    "index": {"indicators": {"lpcap": "+", "unemp": "-"}},
    "outcome": {"variable": "lgsp"},
    "groups": {"region": "region", "province": "part", "centre": "south"},
    "clubs": {"detrend": "none", "merge": "none"},
    "model": {"formula": "lgsp ~ lpc + unemp", "draws": 50},
}
SETTINGS = {
    "all": FULL,
    "least": {
        "data": {k: DATA[k] for k in ("panel", "unit", "period")},
        "outcome": {"variable": "lgsp"},
        "weights": {"kind": "file", "path": "w.gal"},
    },
    "other": {
        **FULL,
        "study": {"lang": "zh"},
        "data": {**DATA, "periods": [1970, 1971, 1986], "balance": "drop-units",
                 "extra_shapes": "drop", "geometry_unit": "state"},
        "weights": {"kind": "distance-band", "cutoff_km": 500.5},
        "groups": {"region": "region"},
        "lisa": {"periods": [1970]},
        "maps": {"basemap": "china", "inset": "south-china-sea"},
        "model": {"formula": "lgsp ~ lpc", "model": "ols"},
    },
    "near": {**FULL, "weights": {"kind": "knn", "k": 4}},
    "distances": {**FULL, "weights": {"kind": "inverse-distance", "power": 2}},
}  # fmt: skip


def script(config, steps):
    """Return the code of a whole study with what it needs around it."""
    codes = [setup_code(config), *(step.code for step in steps)]
    head = "from pathlib import Path\n\nimport numpy as np\n\nimport nqp_spatial as nq\n\n"
    return head + "data, out = Path(), Path()\n" + "\n".join(codes) + "\nprint(np, panel, w)\n"


def test_every_step_has_its_template():
    assert {path.name.removesuffix(".py.j2") for path in TEMPLATES} == {*STEPS, *METHODS, "setup"}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_step_is_python_that_a_linter_accepts(tmp_path, name):
    config = read_config(SETTINGS[name])
    steps = every_step(config)
    assert [step.name for step in steps] == list(STEPS)
    for step in steps:
        assert bool(step.code) != bool(step.skip_reason), step.name
        assert "{{" not in step.code and "{%" not in step.code
        assert step.code.startswith(step.needed)
        ast.parse(step.code)
    path = tmp_path / "script.py"
    path.write_text(script(config, steps), encoding="utf-8")
    rules = ["--isolated", "--select", "F,E7,E9,B", "--no-cache", "--target-version", "py311"]
    run = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *rules, str(path)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_values_of_templates_are_literals(path):
    """What is printed goes through `literal`; no filter makes text safe, nothing is included."""
    environment = study_step._environment()
    assert environment.finalize is study_step.literal
    tree = environment.parse(path.read_text(encoding="utf-8"))
    filters = {node.name for node in tree.find_all(jinja2.nodes.Filter)}
    assert filters <= {"round"}
    assert not list(tree.find_all((jinja2.nodes.Include, jinja2.nodes.Import, jinja2.nodes.Macro)))


@pytest.mark.parametrize(
    "text", ["'); raise SystemExit('", "{{ 1 }}", "{% if x %}", "a\nb", "地区"]
)
def test_a_setting_never_becomes_code(text):
    config = read_config({**FULL, "outcome": {"variable": text}})
    for step in every_step(config):
        constants = [
            node.value
            for node in ast.walk(ast.parse(step.code))
            if isinstance(node, ast.Constant) and node.value == text
        ]
        assert constants or "panel" not in step.code or step.name in {"index", "diagnostics",
                                                                     "model", "centre"}  # fmt: skip
    with pytest.raises(OptionError, match="settings hold finite numbers"):
        study_step._environment().from_string("{{ value }}").render(value=object())


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """The panel and weights of a study, and a folder for its files."""
    folder = tmp_path_factory.mktemp("steps")
    panel = nq.datasets.us_public_capital()
    table = panel.frame.reset_index().rename(columns={"unit": "state", "period": "year"})
    table["south"] = np.where(table["state"].isin(SOUTH), "centre", "periphery")
    west = panel.geometry.representative_point().x < -100
    table["region"] = np.where(table["state"].map(west), "West", table["south"])
    table["part"] = table["region"] + table["state"].str[:1]
    table["pcap"] = np.exp(table["lpcap"])
    table.to_csv(folder / "states.csv", index=False)
    shapes = panel.geometry.reset_index()[["unit", "geometry"]]
    shapes.rename(columns={"unit": "state"}).to_file(folder / "states.gpkg")
    for name in ("figures", "tables"):
        (folder / name).mkdir()
    config = read_config(FULL)
    config._folder = folder
    return config, {**run_setup(config, setup_code(config), folder), "out": folder}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_runs_and_shows_what_it_made(names, name, sketches):
    """Each by itself, after what it needs of others."""
    config, common = names
    steps = {step.name: step for step in every_step(config)}
    scope = dict(common)
    exec(compile(steps["index"].needed, "index", "exec"), scope)
    exec(compile(steps[name].code, name, "exec"), scope)
    output = steps[name].read(scope)
    assert isinstance(output, StepOutput)
    assert output.words and all(type(text) is str for text in output.words)
    assert output.tables or output.attached
    for table in output.tables:
        assert table.files, table.caption
        for stem in table.files:
            assert (scope["out"] / "tables" / f"{stem}.csv").exists(), stem
    assert all((scope["out"] / page).exists() for page in output.attached)
    for figure, caption in steps[name].figures:
        assert (scope["out"] / "figures" / f"{figure}.png").exists(), figure
        assert caption.endswith(".")


def test_missing_ergodic_distributions_are_shown(names, sketches):
    """Notes of the conditional chains stand on the page, not those of the pooled chain only."""
    config, common = names
    chains = next(step for step in every_step(config) if step.name == "chains")
    scope = dict(common)
    exec(compile(chains.code, "chains", "exec"), scope)
    assert scope["spatial"].notes
    words = "\n".join(chains.read(scope).words)
    for note in scope["spatial"].notes:
        assert re.escape(note.rstrip(".")) in re.escape(words)


def test_a_name_of_the_user_is_never_looked_up():
    """Columns called as words of the package are shown as they are; messages are translated."""
    import pandas as pd

    table = pd.DataFrame({"units": [1.0], "total": [2.0]}, index=["estimate"])
    with language("zh"):
        output = StepOutput()
        output.show(t("Weights"), table, columns=None)
        output.show(t("Weights"), table, rows="column")
        output.say("units", t("yes"))
    shown, words = output.tables
    assert (shown.head, shown.side) == ([["units"], ["total"]], [["estimate"]])
    assert words.head[0] == ["地区数"] and words.side == [["估计值"]]
    assert output.words == ["units", "是"]


def test_a_model_without_regressors_has_a_table_and_no_effects(names, sketches):
    config, common = names
    alone = read_config({**FULL, "model": {"formula": "lgsp ~ 1", "model": "sar"}})
    alone._folder = config._folder
    step = {step.name: step for step in every_step(alone)}["model"]
    scope = dict(common)
    exec(compile(step.code, "model", "exec"), scope)
    output = step.read(scope)
    assert step.figures == () and "effects" not in scope
    assert any("rho" in words for words in output.words)
    assert len(output.tables) == 1
