"""The package as a stranger has it: its wheel in a clean environment, without extras.

A download of all dependencies takes 1.3 GB. Instead the environment sees, by links, those installed
here that the wheel's metadata ask for, and what these ask for: an import of anything else fails, as
it would there. It has no PYTHONPATH, HOME is new, and the folder is outside of the project.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from nqp_spatial.report.study.config import STEPS

ROOT = Path(__file__).parent.parent


def required(source: Distribution, extras=("",)):
    """Requirements of a distribution that hold here, for these of its extras."""
    lines = map(Requirement, source.requires or [])
    return [
        line
        for line in lines
        if not line.marker or any(line.marker.evaluate({"extra": extra}) for extra in extras)
    ]


def closure(source: Distribution):
    """Distributions that are installed with one: what it asks for, what they ask for, ..."""
    waiting, known = required(source), {}
    while waiting:
        line = waiting.pop()
        if (key := (line.name.lower(), *sorted(line.extras))) not in known:
            known[key] = distribution(line.name)
            waiting += required(known[key], ("", *line.extras))
    return known.values()


def link(source: Distribution, folder: Path):
    """Link what a distribution puts into site-packages."""
    for name in {file.parts[0] for file in source.files} - {"..", "__pycache__"}:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(source.locate_file(name))


class Stranger:
    """An environment with the wheel, and how to run something in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "env" / "bin" / "python"
        hidden = ("PYTHON", "NQP_", "MPL", "XDG_", "VIRTUAL_ENV")
        self.environ = {
            **{name: text for name, text in os.environ.items() if not name.startswith(hidden)},
            "HOME": str(folder),
            "PATH": f"{self.python.parent}:/usr/bin:/bin",
            "PYTHONNOUSERSITE": "1",
            "MPLBACKEND": "agg",
        }

    def run(self, *command: object) -> str:
        """Run a command in the stranger's folder and return what it printed."""
        done = subprocess.run(
            [*map(str, command)],
            cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stranger")
    run = {"check": True, "capture_output": True}
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist"],
        cwd=ROOT, **run,
    )  # fmt: skip
    [wheel] = (folder / "dist").glob("*.whl")
    venv.create(folder / "env", symlinks=True)
    there = Stranger(folder)
    install = ["install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run([sys.executable, "-m", "pip", "--python", there.python, *install], **run)
    [site] = (folder / "env" / "lib").glob("python*/site-packages")
    [metadata] = site.glob("nqp_spatial-*.dist-info")
    links = folder / "links"
    links.mkdir()
    for source in closure(PathDistribution(metadata)):
        link(source, links)
    (site / "links.pth").write_text(f"{links}\n")
    return there


def test_the_package_is_that_of_the_wheel_and_extras_are_not_there(stranger):
    code = "import nqp_spatial, numpy; print(nqp_spatial.__file__); print(numpy.__file__)"
    package, numpy = stranger.run(stranger.python, "-c", code).split()
    assert Path(package).is_relative_to(stranger.folder / "env")
    assert Path(numpy).is_relative_to(stranger.folder / "links")
    for name in ("pytest", "linearmodels", "mgwr", "dask", "sphinx"):
        code = f"import importlib.util as u; print(u.find_spec({name!r}))"
        assert stranger.run(stranger.python, "-c", code).strip() == "None"


def test_every_file_of_the_package_is_in_the_wheel(stranger):
    [site] = (stranger.folder / "env" / "lib").glob("python*/site-packages")

    def files_of(package):
        paths = (path.relative_to(package) for path in package.rglob("*") if path.is_file())
        return {path for path in paths if "__pycache__" not in path.parts}

    missing = files_of(ROOT / "nqp_spatial") - files_of(site / "nqp_spatial")
    assert {path for path in missing if path.suffix != ".po"} == set()


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_code_of_the_readme_runs(stranger, name):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)
    assert blocks
    for number, block in enumerate(blocks):
        script = stranger.folder / f"readme_{number}.py"
        script.write_text(block, encoding="utf-8")
        stranger.run(stranger.python, "-W", "error::nqp_spatial.errors.NqpWarning", script)
    assert (stranger.folder / "effects.docx").stat().st_size > 5000
    assert (stranger.folder / "lisa.pdf").stat().st_size > 5000


def test_every_data_set_is_there(stranger):
    code = """
import inspect
import pandas as pd
import nqp_spatial as nq

arguments = {
    "match_prefectures": [["北京市", "海南藏族自治州"]],
    "match_provinces": [["北京", "广东省"]],
    "hu_side": [pd.Series([116.4, 87.6]), pd.Series([39.9, 43.8])],
}
for name in nq.datasets.__all__:
    function = getattr(nq.datasets, name)
    if name in ("castle", "nc_crime"):
        try:
            function()
        except nq.errors.MissingDependencyError as error:
            assert 'pip install "nqp-spatial[datasets]"' in str(error)
            print(name)
    elif inspect.isfunction(function):
        assert function(*arguments.get(name, [])) is not None
        print(name)
"""
    names = stranger.run(stranger.python, "-c", code).split()
    assert len(names) > 12
    assert {"castle", "nc_crime"} <= set(names)


def test_a_page_with_linked_views_from_the_command_line(stranger):
    code = """
import nqp_spatial as nq
panel = nq.datasets.us_income().select(periods=[1999, 2009])
panel.frame[["income"]].reset_index().to_csv("income.csv", index=False)
panel.geometry.reset_index()[["unit", "geometry"]].to_file("income.gpkg")
"""
    stranger.run(stranger.python, "-c", code)
    command = stranger.python.with_name("nqp-spatial")
    done = stranger.run(command, "explore", "income.csv", "--map", "income.gpkg")
    assert "Wrote explore.html" in done
    text = (stranger.folder / "explore.html").read_text(encoding="utf-8")
    assert "vegaEmbed" in text
    assert len(text) > 900_000


def test_a_study_from_the_command_line(stranger):
    code = """
import nqp_spatial as nq
panel = nq.datasets.us_public_capital()
panel.frame.reset_index().to_csv("states.csv", index=False)
panel.geometry.reset_index()[["unit", "geometry"]].to_file("states.gpkg")
"""
    stranger.run(stranger.python, "-c", code)
    command = stranger.python.with_name("nqp-spatial")
    stranger.run(command, "init", "states.csv", "--geometry", "states.gpkg")
    settings = stranger.folder / "study.toml"
    # Templates and data of all steps are in the wheel; these use maps, compiled code and tables.
    skip = [step for step in STEPS if step not in ("describe", "association", "model")]
    text = settings.read_text(encoding="utf-8")
    for old, new in {
        "# skip = []": f"skip = {skip}",
        '# formula = "': 'formula = "',
        '# lang = "en"': 'lang = "zh"',
    }.items():
        assert old in text
        text = text.replace(old, new)
    settings.write_text(text, encoding="utf-8")
    stranger.run(command, "check", "study.toml")
    report = stranger.run(command, "study", "study.toml", "--output", "report", "--quiet")
    assert "FAILED" not in report
    page = (stranger.folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "<html" in page
    assert "FontWarning" not in page
    assert "没有字体" not in page
    assert list((stranger.folder / "report" / "tables").glob("*.docx"))
    assert list((stranger.folder / "report" / "figures").glob("*.pdf"))
