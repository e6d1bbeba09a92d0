"""The tutorials, run as a reader would: cell by cell, in an empty folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nqp_spatial.cli import main

DOCS = Path(__file__).parent.parent / "docs"
# How the names of the practice table are matched.
PAGES = {"tutorial.md": "336 by English name", "tutorial.zh.md": "335 by name, 1 by former name"}
CELL = r"^```\{code-cell\} ipython3\n(.*?)^```"


def command(line: str) -> str:
    """Run a command of the shell, and return what it prints."""
    program, *arguments = shlex.split(line)
    assert program == "nqp-spatial", line
    answer = CliRunner().invoke(main, arguments)
    assert answer.exit_code == 0, f"{line}\n{answer.output}"
    return answer.output


def walk(page: Path) -> tuple[dict[str, object], dict[str, str]]:
    """Run the cells of a page; return its variables, and the output of each command."""
    variables: dict[str, object] = {"__name__": "tutorial"}
    printed = {}
    for cell in re.findall(CELL, page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        if cell.startswith("!"):
            for line in cell.splitlines():
                printed[line.split()[1]] = command(line[1:])
        else:
            exec(compile(cell, page.name, "exec"), variables)
    return variables, printed


@pytest.fixture(params=PAGES)
def tutorial(request, tmp_path, monkeypatch):
    """A tutorial, walked through."""
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    page = DOCS / request.param
    yield page, *walk(page), tmp_path
    plt.close("all")


def test_the_tutorial_runs_and_its_numbers_hold(tutorial):
    page, variables, printed, folder = tutorial
    text = page.read_text("utf-8")
    assert "No problems found" in printed["check"]
    files = {path.suffix for path in folder.iterdir()}
    assert files >= {".xlsx", ".png", ".pdf", ".docx", ".tex", ".toml"}
    # What the text says of the names, of Moran's I and of the effects.
    assert PAGES[page.name] in variables["panel"].notes[0]
    assert PAGES[page.name][:3] in text
    moran = variables["moran"].frame["moran_i"].iloc[[0, -1]]
    assert moran.tolist() == pytest.approx([0.55, 0.55], abs=0.01)
    queen = variables["effects"].wide().iloc[0].round(2)
    other = list(variables["models"].values())[1].effects(seed=0).wide().iloc[0].round(2)
    quoted = [f"{value:.2f}" for value in (queen["direct"], queen["indirect"], other["indirect"])]
    assert quoted == ["0.26", "0.19", "0.63"]
    assert all(number in text for number in quoted)
    truth = variables["cities"].truth.distance.params.droplevel("part")
    rho, beta, theta = (
        truth["spatial", "rho"], truth["x", "relations"], truth["wx", "relations"],
    )  # fmt: skip
    w = variables["distance"].sparse.toarray()
    effects = np.linalg.solve(np.eye(336) - rho * w, beta * np.eye(336) + theta * w)
    true = f"{(effects.sum() - np.trace(effects)) / 336:.2f}"
    assert true == "0.62"
    assert true in text


@pytest.mark.slow
def test_the_report_of_the_tutorial(tutorial):
    page, _, _, folder = tutorial
    settings = folder / "study.toml"
    text = settings.read_text("utf-8")
    words = page.read_text("utf-8")
    [formula] = re.findall(r"^```toml\n(.*)\n```", words, re.MULTILINE)
    edited = re.sub(r"^# formula = .*$", lambda _: formula, text, flags=re.MULTILINE)
    assert edited != text
    settings.write_text(edited, "utf-8")
    for line in re.findall(r"^(nqp-spatial study .*)$", words, re.MULTILINE):
        command(f"{line} --quiet")
    report = (folder / "report" / "index.html").read_text("utf-8")
    assert "log(" in report
