"""`study`: a whole study from one file of settings."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nqp_spatial.errors import NqpError
from nqp_spatial.plots.said import said
from nqp_spatial.plots.words import speaking
from nqp_spatial.printed import Part, Printed
from nqp_spatial.report.page import Section, page_of
from nqp_spatial.report.study_code import Found, Step, setup_code, unfit_step
from nqp_spatial.report.study_config import StudyConfig, read_config
from nqp_spatial.report.study_steps import every_step
from nqp_spatial.report.study_words import say

__all__ = ["StudyResult", "run_setup", "study"]

SCRIPT = "study.py"
_PACKAGES = ("nqp-spatial", "numpy", "scipy", "pandas", "geopandas", "libpysal", "matplotlib")


@dataclass(frozen=True, repr=False, eq=False)
class StudyResult(Printed):
    """What a study wrote.

    Attributes
    ----------
    page : Path
        The HTML page.
    script : Path
        The script that repeats it.
    sections : list of Section
        What each step left.
    skipped : list of str
        Steps that were taken over from an earlier run.

    Examples
    --------
    >>> StudyResult(Path("report/index.html"), Path("report/study.py"), [], []).failed
    []
    """

    page: Path
    script: Path
    sections: list[Section]
    skipped: list[str]

    @property
    def failed(self) -> list[str]:
        """Names of the steps that failed."""
        return [one.name for one in self.sections if one.error]

    def _parts(self) -> list[Part]:
        done = [one for one in self.sections if not (one.error or one.unfit)]
        return [
            f"Study: {len(done)} of {len(self.sections)} steps done; page {self.page}",
            *(f"left out {s.name}: {s.unfit}" for s in self.sections if s.unfit),
            *(f"FAILED {s.name}: {s.error}" for s in self.sections if s.error),
        ]


def study(
    config: str | Path | Mapping[str, Any],
    output: str | Path = "report",
    *,
    progress: bool = True,
    fresh: bool = False,
) -> StudyResult:
    """Run a whole study and write its page, figures, tables and script.

    Steps: the data; an index; regional disparity; the distribution; chains; convergence and clubs;
    association; specification tests; the model and its effects; centre and periphery. A step that
    does not apply is left out with the reason; one that fails is reported in the page and the
    others go on. A step is taken over from an earlier run in the same folder if nothing that it
    depends on has changed: files, settings, code, version.

    Parameters
    ----------
    config : path or mapping
        Settings, see ``nqp-spatial init``. Paths in a file are relative to it.
    output : path
        Folder: ``index.html`` (self-contained), ``figures/`` (PNG, PDF), ``tables/`` (docx, tex,
        csv), ``study.py``.
    progress : bool
        Whether to show a progress bar.
    fresh : bool
        Whether to run every step anew.

    Returns
    -------
    StudyResult

    Raises
    ------
    OptionError
        If settings are at fault; all faults are named.
    NqpError, OSError
        If the data or the weights cannot be made: no step can then run.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> folder = Path(tempfile.mkdtemp())
    >>> panel = nq.datasets.us_income().select(periods=list(range(1990, 2010)))
    >>> panel.frame.reset_index().to_csv(folder / "income.csv", index=False)
    >>> panel.geometry.reset_index()[["unit", "geometry"]].to_file(folder / "states.gpkg")
    >>> settings = {
    ...     "data": {
    ...         "panel": str(folder / "income.csv"), "geometry": str(folder / "states.gpkg"),
    ...         "unit": "unit", "period": "period",
    ...     },
    ...     "outcome": {"variable": "income", "logs": True},
    ...     "study": {"skip": ["distribution", "chains", "convergence"]},
    ... }
    >>> study(settings, folder / "report", progress=False).failed
    []
    """
    settings = config if isinstance(config, StudyConfig) else read_config(config)
    with speaking(settings["study"]["lang"]):
        return _study(settings, Path(output), progress=progress, fresh=fresh)


def _study(settings: StudyConfig, out: Path, *, progress: bool, fresh: bool) -> StudyResult:
    from tqdm import tqdm

    for name in ("figures", "tables", "parts"):
        (out / name).mkdir(parents=True, exist_ok=True)
    setup = setup_code(settings)
    names = run_setup(settings, setup, out)
    base = _base_key(settings, setup)
    sections, skipped = [], []
    steps = [_fitting(step, names["panel"].n_periods) for step in every_step(settings)]
    bar = tqdm(steps, disable=not progress)
    made_before = ""
    for step in bar:
        bar.set_description(step.name)
        key = _hash(base, step.name, step.code, step.unfit, made_before)
        made_before += step.needed
        kept = None if fresh else _kept(out, step, key)
        if kept is not None:
            exec(compile(step.needed, f"step {step.name}", "exec"), names)
            skipped.append(step.name)
            sections.append(kept)
            continue
        section = _run(step, names, key)
        sections.append(section)
        if not section.error:
            _keep(out, section)
    script = out / SCRIPT
    _write(script, _script_text(settings, setup, steps, out))
    page = out / "index.html"
    _write(page, page_of(
        sections, out, title=settings["study"]["title"], facts=_facts(names), setup=setup,
        versions=_versions(), lang=settings["study"]["lang"], script=SCRIPT,
    ))  # fmt: skip
    return StudyResult(page, script, sections, skipped)


def run_setup(settings: StudyConfig, setup: str, out: Path) -> dict[str, Any]:
    """Run the code that reads data and makes weights; return the names that steps build on."""
    import numpy as np

    import nqp_spatial as nq

    names: dict[str, Any] = {
        "nq": nq, "np": np, "Path": Path, "out": out, "data": settings.folder,
    }  # fmt: skip
    exec(compile(setup, "set-up", "exec"), names)
    return names


def _fitting(step: Step, periods: int) -> Step:
    """Return the step, left out if the panel is too short for it."""
    if step.unfit or periods >= step.periods:
        return step
    return unfit_step(step, say("needs at least {count} periods", count=step.periods))


def _run(step: Step, names: dict[str, Any], key: str) -> Section:
    """Run one step; whatever it raises becomes its error."""
    figures = [(caption, f"figures/{name}.png") for name, caption in step.figures]
    section = Section(step.name, step.title, step.code, [], [], figures, [], "", step.unfit, key)
    if step.unfit:
        return section
    for _, file in figures:  # of an earlier run with other settings
        (names["out"] / file).unlink(missing_ok=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(compile(step.code, f"step {step.name}", "exec"), names)
            found = step.read(names)
        except NqpError as error:
            section.error = f"{type(error).__name__}: {error}"
            found = Found()
        except Exception as error:
            # Any fault of one step must leave the others their results; the page names the place.
            place = traceback.extract_tb(error.__traceback__)[-1]
            section.error = (
                f"{type(error).__name__}: {error} ({Path(place.filename).name}, line "
                f"{place.lineno})"
            )
            found = Found()
    section.words = found.words
    section.tables = found.tables
    heard = [
        str(one.message) for one in caught if one.category.__module__.startswith("nqp_spatial")
    ]
    noted = "\n".join(section.words)  # a note and a warning often say the same
    section.warnings = [one for one in dict.fromkeys(map(said, heard)) if one not in noted]
    # A step may draw fewer than it could: one period has one scatter plot.
    section.figures = [one for one in figures if (names["out"] / one[1]).exists()]
    if section.error:
        section.figures = []
    return section


# -- keeping and taking over -----------------------------------------------------------------------


def _hash(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()


def _base_key(settings: StudyConfig, setup: str) -> str:
    """Hash all that every step depends on: files, set-up, versions, and this package's code."""
    digest = hashlib.sha256(setup.encode())
    digest.update(settings["study"]["lang"].encode())
    for path in _files(settings):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    digest.update(_versions().encode())
    for path in sorted(Path(__file__).parent.parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _files(settings: StudyConfig) -> list[Path]:
    named = [settings["data"]["panel"], settings["data"]["geometry"], settings["weights"]["path"]]
    found: list[Path] = []
    for name in named:
        if name:
            path = settings.file(name)
            # A shapefile is several files of one name.
            found += sorted(path.parent.glob(f"{path.stem}.*")) if path.suffix == ".shp" else [path]
    return found


def _part(out: Path, name: str) -> Path:
    return out / "parts" / f"{name}.json"


def _kept(out: Path, step: Step, key: str) -> Section | None:
    path = _part(out, step.name)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return None
    if stored.get("key") != key:
        return None
    stored["figures"] = [tuple(one) for one in stored["figures"]]
    if not all((out / file).exists() for _, file in stored["figures"]):
        return None
    return Section(**stored)


def _keep(out: Path, section: Section) -> None:
    _write(_part(out, section.name), json.dumps(asdict(section), ensure_ascii=False))


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all: a study may be stopped at any moment."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


# -- words about the run ---------------------------------------------------------------------------


def _facts(names: dict[str, Any]) -> str:
    panel = names["panel"]
    return say(
        "{units} units, {first} to {last}. Weights: {spec}.",
        units=panel.n_units, first=panel.periods[0], last=panel.periods[-1],
        spec=said(names["w"].spec.describe()),
    )  # fmt: skip


def _versions() -> str:
    found = [f"{name} {version(name)}" for name in _PACKAGES]
    return ", ".join([f"Python {platform.python_version()}", *found])


def _script_text(settings: StudyConfig, setup: str, steps: list[Step], out: Path) -> str:
    """Return the script that repeats the study, with paths relative to it."""
    data = os.path.relpath(settings.folder.resolve(), out.resolve())
    parts = [
        '"""Repeat the study; written by nqp-spatial."""\n\nfrom pathlib import Path\n\n'
        "import numpy as np\n\nimport nqp_spatial as nq\n\n"
        "out = Path(__file__).resolve().parent\n"
        f"data = out / {data!r}\n"
        'for name in ("figures", "tables"):\n    (out / name).mkdir(exist_ok=True)\n',
        f"# Data and weights\n{setup}\n",
    ]
    parts += [f"# {step.title}\n{step.code}\n" for step in steps if not step.unfit]
    return "\n".join(parts)
