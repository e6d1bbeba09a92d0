"""`study`: a complete study from one settings file."""

from __future__ import annotations

import os
import platform
import tempfile
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.options import checked
from nqp_spatial.core.text import language, t, translate
from nqp_spatial.errors import FontWarning, NqpError, OptionError, PanelError
from nqp_spatial.plots._fonts import renew_font_warning
from nqp_spatial.report.study.cache import (
    base_key,
    hash_of,
    keep,
    kept,
    move_into,
    requirements,
    write_text,
)
from nqp_spatial.report.study.config import StudyConfig, read_config
from nqp_spatial.report.study.page import Section, page_of
from nqp_spatial.report.study.step import Step, StepOutput, literal, setup_code, without_code
from nqp_spatial.report.study.steps import every_step

__all__ = ["StudyResult", "run_setup", "run_study", "study"]

SCRIPT = "study.py"


@dataclass(frozen=True, repr=False, eq=False)
class StudyResult(Displayed):
    """The output of a study.

    Attributes
    ----------
    page : Path
        The HTML page.
    script : Path
        The script that replicates it.
    sections : list of Section
        The content of each step.
    skipped : list of str
        Steps that were reused from an earlier run.

    Examples
    --------
    >>> StudyResult(Path("report/index.html"), Path("report/study/runner.py"), [], []).failed
    []
    """

    page: Path
    script: Path
    sections: list[Section]
    skipped: list[str]

    @property
    def failed(self) -> list[str]:
        """Names of the steps that failed."""
        return [section.name for section in self.sections if section.error]

    @property
    def frame(self) -> pd.DataFrame:
        """One row per step: ``status, reason, figures, tables``, the last two as numbers."""
        rows = {
            section.name: {
                "status": _status(section),
                "reason": section.error or section.skip_reason,
                "figures": len(section.figures),
                "tables": len(section.tables),
            }
            for section in self.sections
        }
        columns = ["status", "reason", "figures", "tables"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("step")

    def _blocks(self) -> list[Block]:
        done = [s for s in self.sections if not (s.error or s.skip_reason)]
        return [
            f"Study: {len(done)} of {len(self.sections)} steps done; page {self.page}",
            *(f"left out {s.name}: {s.skip_reason}" for s in self.sections if s.skip_reason),
            *(f"FAILED {s.name}: {s.error}" for s in self.sections if s.error),
        ]


def _status(section: Section) -> str:
    return "failed" if section.error else "left out" if section.skip_reason else "done"


@checked
def study(
    config: str | Path | Mapping[str, Any],
    output: str | Path = "report",
    *,
    progress: bool = True,
    fresh: bool = False,
) -> StudyResult:
    """Run a complete study and write its page, figures, tables and script.

    Steps: the data; an index; regional disparity; the distribution; chains; convergence and clubs;
    association; specification tests; the model and its effects; centre and periphery; a page with
    linked views. A step that does not apply is omitted with the reason; one that fails is reported
    in the page and the others continue. A step is reused from an earlier run in the same folder if
    none of its inputs has changed: files, settings, code, versions, fonts.

    Parameters
    ----------
    config : path or mapping
        Settings, see ``nqp-spatial init``. Paths in a file are relative to it.
    output : path
        Folder: ``index.html`` (with its figures), ``explore.html``, ``figures/`` (PNG, PDF),
        ``tables/`` (csv, docx, tex), ``study.py``.
    progress : bool
        Whether to show a progress bar.
    fresh : bool
        Whether to run every step again.

    Returns
    -------
    StudyResult

    Raises
    ------
    OptionError
        If settings are invalid; all errors are named.
    NqpError, OSError
        If the data cannot be read or the weights cannot be built, so that no step can run.

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
    return run_study(settings, Path(output), progress=progress, fresh=fresh)


def run_study(settings: StudyConfig, out: Path, *, progress: bool, fresh: bool) -> StudyResult:
    """Run a study in the language of its settings."""
    with language(settings.study.lang):
        return _study(settings, out, progress=progress, fresh=fresh)


def _study(settings: StudyConfig, out: Path, *, progress: bool, fresh: bool) -> StudyResult:
    from tqdm import tqdm

    _make_folders(out)
    renew_font_warning()
    setup = setup_code(settings)
    base = base_key(settings, setup)  # before the data are read, so that later changes are detected
    names = run_setup(settings, setup, out)
    panel = names["panel"]
    notes = [translate(note) for note in panel.notes]
    sections, skipped = [], []
    steps = [_long_enough(step, panel.n_periods) for step in every_step(_labelled(settings, panel))]
    bar = tqdm(steps, disable=not progress)
    needed_before = ""
    for step in bar:
        bar.set_description(step.name)
        key = hash_of(base, step.name, step.code, step.skip_reason, needed_before)
        needed_before += step.needed
        section = None if fresh else kept(out, step, key)
        if section is not None:
            exec(compile(step.needed, f"step {step.name}", "exec"), names)
            skipped.append(step.name)
        else:
            section = _run(step, names, key, out)
        sections.append(section)
    script = out / SCRIPT
    write_text(script, _script_text(settings, setup, steps, out))
    page = out / "index.html"
    title = settings.study.title or translate(t("A study of regional development"))
    write_text(page, page_of(
        sections, out, title=title, facts=_facts(names), setup=setup,
        versions=_versions(), lang=settings.study.lang, script=SCRIPT, notes=notes,
    ))  # fmt: skip
    return StudyResult(page, script, sections, skipped)


def _labelled(settings: StudyConfig, panel: Any) -> StudyConfig:
    """Return the settings with all labels of the panel, for captions."""
    labels = {**panel.labels, **settings.data.labels}
    data = settings.data.model_copy(update={"labels": labels})
    return settings.model_copy(update={"data": data})


def _make_folders(out: Path) -> None:
    for name in ("figures", "tables", "parts"):
        folder = out / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptionError(
                f"cannot make the folder {str(folder)!r}: {error.strerror}; name another output"
            ) from None
        if not folder.resolve().is_relative_to(out.resolve()):
            raise OptionError(f"{str(folder)!r} is a link to a folder outside the report")


def run_setup(settings: StudyConfig, setup: str, out: Path) -> dict[str, Any]:
    """Run the code that reads data and builds weights; return the names that steps use."""
    import numpy as np

    import nqp_spatial as nq

    names: dict[str, Any] = {
        "nq": nq, "np": np, "Path": Path, "out": out, "data": settings.folder,
    }  # fmt: skip
    try:
        exec(compile(setup, "set-up", "exec"), names)
    except (NqpError, OSError):
        raise
    except Exception as error:  # errors from damaged files have no common type
        raise PanelError(
            f"data or weights cannot be made: {type(error).__name__}: {error}; nqp-spatial check "
            "says which file or setting is at fault"
        ) from error
    return names


def _long_enough(step: Step, periods: int) -> Step:
    """Return the step, omitted if the panel is too short for it."""
    if step.skip_reason or periods >= step.periods:
        return step
    return without_code(step, t("needs at least {count} periods", count=step.periods))


def _run(step: Step, names: dict[str, Any], key: str, out: Path) -> Section:
    """Run one step in its own folder and move its output into the report."""
    with tempfile.TemporaryDirectory(prefix="nqp-step-") as folder:
        made = Path(folder)
        for name in ("figures", "tables"):
            (made / name).mkdir()
        section = _result_of(step, {**names, "out": made}, names, key)
        files = {} if section.error else move_into(out, made)
        for name, _ in step.figures:  # from an earlier run with other settings
            for file in (f"figures/{name}.png", f"figures/{name}.pdf"):
                if file not in files:
                    (out / file).unlink(missing_ok=True)
        if not section.error:
            keep(out, section, files)
    return section


def _result_of(step: Step, scope: dict[str, Any], names: dict[str, Any], key: str) -> Section:
    """Run a step's code in `scope`; any exception becomes its error."""
    figures = [(caption, f"figures/{name}.png") for name, caption in step.figures]
    section = Section(
        step.name, step.title, step.code, [], [], figures, [], "", step.skip_reason, key
    )
    if step.skip_reason:
        return section
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(compile(step.code, f"step {step.name}", "exec"), scope)
            output = step.read(scope)
        except NqpError as error:
            section.error = f"{type(error).__name__}: {error}"
            output = StepOutput()
        except Exception as error:
            # An error in one step must not affect the others; the page shows where it occurred.
            place = traceback.extract_tb(error.__traceback__)[-1]
            section.error = (
                f"{type(error).__name__}: {error} ({Path(place.filename).name}, line "
                f"{place.lineno})"
            )
            output = StepOutput()
    names |= {name: value for name, value in scope.items() if name != "out"}
    section.words = output.words
    section.tables = output.tables
    section.headlines = output.headlines
    section.attached = output.attached
    noted = "\n".join(section.words)  # a note and a warning are often the same
    section.warnings = [text for text in _heard(caught, fonts=False) if text not in noted]
    section.fonts = _heard(caught, fonts=True)
    # A step may draw fewer figures than possible: one period has one scatter plot.
    section.figures = [figure for figure in figures if (scope["out"] / figure[1]).exists()]
    if section.error:
        section.figures = []
    return section


def _heard(caught: list[warnings.WarningMessage], *, fonts: bool) -> list[str]:
    """Return this package's warnings in the page's language, those of fonts or the others."""
    texts = [
        _words_of(warning.message)
        for warning in caught
        if warning.category.__module__.startswith("nqp_spatial")
        and issubclass(warning.category, FontWarning) == fonts
    ]
    return list(dict.fromkeys(texts))


def _words_of(warning: Warning | str) -> str:
    """Return the text of a warning, translated if it is a message."""
    first = warning.args[0] if isinstance(warning, Warning) and warning.args else str(warning)
    return translate(first) if isinstance(first, str) else str(warning)


# -- words about the run ---------------------------------------------------------------------------


def _facts(names: dict[str, Any]) -> str:
    panel = names["panel"]
    facts = t(
        "{units} units, {first} to {last}. Weights: {spec}.",
        units=panel.n_units, first=panel.periods[0], last=panel.periods[-1],
        spec=names["w"].spec.describe(),
    )  # fmt: skip
    return translate(facts)


def _versions() -> str:
    packages = ["nqp-spatial", *requirements()]
    return ", ".join([f"Python {platform.python_version()}", *map(_version, packages)])


def _version(name: str) -> str:
    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return name


def _script_text(settings: StudyConfig, setup: str, steps: list[Step], out: Path) -> str:
    """Return the script that replicates the study, with paths relative to it."""
    data = os.path.relpath(settings.folder.resolve(), out.resolve())
    parts = [
        '"""Repeat the study; written by nqp-spatial."""\n\nfrom pathlib import Path\n\n'
        "import numpy as np\n\nimport nqp_spatial as nq\n\n"
        "out = Path(__file__).resolve().parent\n"
        f"data = out / {literal(data)}\n"
        'for name in ("figures", "tables"):\n    (out / name).mkdir(exist_ok=True)\n',
        f"# Data and weights\n{setup}\n",
    ]
    parts += [f"# {step.title}\n{step.code}\n" for step in steps if not step.skip_reason]
    return "\n".join(parts)
