"""`studies`: several studies at once, as of many outcomes, and a page that links them."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.options import Jobs, checked
from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import OptionError
from nqp_spatial.report.study._index_page import write_index
from nqp_spatial.report.study._outcomes import with_outcome
from nqp_spatial.report.study.config import StudyConfig, read_config
from nqp_spatial.report.study.runner import StudyResult, run_study

__all__ = ["StudiesResult", "StudyRun", "studies"]

#: The settings of one study.
Settings: TypeAlias = str | Path | Mapping[str, Any]

_EFFECTS = ["variable", "effect", "estimate", "std_error", "p_value", "conf_low", "conf_high"]
_MAIN = ["direct", "indirect", "total", "p_direct", "p_indirect", "p_total"]
# Figures and warnings are common to all threads of a process.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, eq=False)
class StudyRun:
    """One of several studies: what was wanted, and what became of it.

    Attributes
    ----------
    name : str
        Name of the study and of its folder.
    outcome : str
        The column studied, or "" if the settings could not be read.
    label : str
        Its name in tables.
    folder : Path
    config : StudyConfig or None
    result : StudyResult or None
    error : str
        Why there is no result, or "".
    """

    name: str
    outcome: str
    label: str
    folder: Path
    config: StudyConfig | None
    result: StudyResult | None = None
    error: str = ""

    @property
    def status(self) -> str:
        """``"done"``, ``"incomplete"`` (a step failed) or ``"failed"`` (none could run)."""
        if self.result is None:
            return "failed"
        return "incomplete" if self.result.failed else "done"

    @property
    def reason(self) -> str:
        """The error, or those of the steps that failed."""
        if self.result is None:
            return self.error
        return "; ".join(f"{s.name}: {s.error}" for s in self.result.sections if s.error)

    @cached_property
    def effects(self) -> pd.DataFrame:
        """Effects of all regressors of the model; without rows if there is no such model."""
        path = self.folder / "tables" / "effects.csv"
        steps = self.result.sections if self.result else []
        estimated = any(s.name == "model" and not (s.error or s.skip_reason) for s in steps)
        if not estimated or not path.exists():
            return pd.DataFrame(columns=_EFFECTS)
        return pd.read_csv(path, encoding="utf-8-sig")[_EFFECTS]


@dataclass(frozen=True, repr=False, eq=False)
class StudiesResult(Displayed):
    """The output of several studies.

    Attributes
    ----------
    page : Path
        The page that links the studies.
    runs : tuple of StudyRun
        What became of each study, in the order of the settings.

    Examples
    --------
    >>> StudiesResult(Path("reports/index.html"), ()).frame.empty
    True
    """

    page: Path
    runs: tuple[StudyRun, ...]

    @property
    def studies(self) -> dict[str, StudyResult]:
        """The studies that ran, by name."""
        return {run.name: run.result for run in self.runs if run.result is not None}

    @property
    def failed(self) -> list[str]:
        """Names of the studies that could not run, or in which a step failed."""
        return [run.name for run in self.runs if run.status != "done"]

    @property
    def frame(self) -> pd.DataFrame:
        """One row per study.

        Columns ``study, outcome``; ``variable``, the first regressor of its model, with its
        ``direct, indirect, total`` effects and ``p_direct, p_indirect, p_total``; ``status``
        (done, incomplete, failed), ``reason``, and ``path`` of its page.
        """
        columns = ["study", "outcome", "variable", *_MAIN, "status", "reason", "path"]
        return pd.DataFrame([_row(run) for run in self.runs], columns=columns)

    @property
    def effects(self) -> pd.DataFrame:
        """Effects of all regressors of all studies.

        Columns ``study, outcome, variable, effect, estimate, std_error, p_value, conf_low,
        conf_high``.
        """
        parts = [
            run.effects.assign(study=run.name, outcome=run.outcome)
            for run in self.runs
            if len(run.effects)
        ]
        columns = ["study", "outcome", *_EFFECTS]
        return (
            pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
        )

    @property
    def notes(self) -> tuple[Message, ...]:
        """The faults of studies that could not run or are incomplete."""
        return tuple(
            t("{study}: {reason}", study=run.name, reason=run.reason)
            for run in self.runs
            if run.status != "done"
        )

    def _blocks(self) -> list[Block]:
        done = sum(run.status == "done" for run in self.runs)
        heading = f"Studies: {done} of {len(self.runs)} done; page {self.page}"
        shown = self.frame[
            ["study", "outcome", "variable", "direct", "indirect", "total", "status"]
        ]
        return [heading, *([shown.set_index("study")] if len(shown) else []), *self.notes]


def _row(run: StudyRun) -> dict[str, Any]:
    row: dict[str, Any] = {
        **dict.fromkeys(_MAIN, np.nan),
        "study": run.name, "outcome": run.outcome, "variable": "", "status": run.status,
        "reason": run.reason, "path": str(run.result.page) if run.result else "",
    }  # fmt: skip
    if len(run.effects):
        first = run.effects["variable"].iloc[0]
        rows = run.effects[run.effects["variable"] == first].drop_duplicates("effect")
        by_effect = rows.set_index("effect")
        row["variable"] = first
        for effect in ("direct", "indirect", "total"):
            row[effect] = by_effect.loc[effect, "estimate"]
            row[f"p_{effect}"] = by_effect.loc[effect, "p_value"]
    return row


@checked
def studies(
    configs: Settings | Sequence[Settings],
    output: str | Path = "reports",
    *,
    outcomes: Sequence[str] | None = None,
    n_jobs: Jobs = 1,
    progress: bool = True,
    fresh: bool = False,
) -> StudiesResult:
    """Run several studies, also in parallel, and write a page that links them.

    Each study is that of `study`, in a folder of its own. One that cannot run does not end the
    others; it is named in the result and on the page. The numbers do not depend on `n_jobs`.

    Parameters
    ----------
    configs : path, mapping, or sequence of them
        Settings, as for `study`. Names of studies are those of the files.
    output : path
        Folder: ``index.html`` (links and main effects), ``effects.csv`` (effects of all regressors
        of all studies), and one folder per study. Workers of a cluster write to it, so that it
        must be at the same place on all machines, as the data.
    outcomes : sequence of str, optional
        Columns to be studied one after the other with each of the settings. A column takes the
        place of the outcome under ``[outcome]`` and on the left of the formulas.
    n_jobs : int
        Studies that run at the same time, through joblib: processes of this machine, or workers of
        a Dask cluster with ``joblib.parallel_config(backend="dask")``. Studies in threads of one
        process run one after the other.
    progress : bool
        Whether to show a progress bar.
    fresh : bool
        Whether to run every step again.

    Returns
    -------
    StudiesResult

    Raises
    ------
    OptionError
        If there are no settings, or `outcomes` has a column twice or none.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> folder = Path(tempfile.mkdtemp())
    >>> panel = nq.datasets.us_public_capital().select(periods=[1984, 1985, 1986])
    >>> panel.frame.reset_index().to_csv(folder / "states.csv", index=False)
    >>> panel.geometry.reset_index()[["unit", "geometry"]].to_file(folder / "states.gpkg")
    >>> settings = {
    ...     "data": {
    ...         "panel": str(folder / "states.csv"), "geometry": str(folder / "states.gpkg"),
    ...         "unit": "unit", "period": "period",
    ...     },
    ...     "outcome": {"variable": "lgsp"},
    ...     "study": {"skip": ["describe", "distribution", "chains", "convergence", "explore"]},
    ... }
    >>> result = studies(settings, folder / "reports", outcomes=["lgsp", "lemp"], progress=False)
    >>> result.frame[["study", "status"]].to_numpy().tolist()
    [['lgsp', 'done'], ['lemp', 'done']]
    """
    from joblib import Parallel, delayed
    from tqdm import tqdm

    one = isinstance(configs, str | Path | Mapping)
    sources: Sequence[Any] = [configs] if one else configs  # type: ignore[assignment]
    if not sources:
        raise OptionError("configs must name one study or more; it is empty")
    if outcomes is not None and (not outcomes or len(set(outcomes)) < len(outcomes)):
        raise OptionError(
            f"outcomes must be different columns, one or more; got {list(outcomes)!r}"
        )
    out = Path(output).resolve()
    wanted = _planned(sources, out, outcomes)
    tasks = (delayed(_run)(run, fresh) for run in wanted)
    running = Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    bar = tqdm(running, total=len(wanted), desc="studies", disable=not progress)
    result = StudiesResult(out / "index.html", tuple(bar))
    write_index(result)
    return result


def _planned(
    sources: Sequence[Settings], out: Path, outcomes: Sequence[str] | None
) -> list[StudyRun]:
    """Return the studies to run; one with faulty settings has its error already."""
    taken: set[str] = set()
    runs = []
    for number, source in enumerate(sources, start=1):
        base = Path(source).stem if isinstance(source, str | Path) else f"study_{number}"
        for outcome in outcomes or (None,):
            parts = [base] if len(sources) > 1 or outcome is None else []
            name = _unused("_".join([*parts, *([outcome] if outcome else [])]), taken)
            runs.append(_plan(source, outcome, name, out / name))
    return runs


def _plan(source: Settings, outcome: str | None, name: str, folder: Path) -> StudyRun:
    try:
        config = read_config(source)
        # A worker may have another current folder.
        config._folder = config.folder.resolve()
        if outcome is not None:
            config = with_outcome(config, outcome)
    except (OptionError, OSError) as error:
        return StudyRun(name, outcome or "", outcome or "", folder, None, None, _words(error))
    column = config.outcome_name
    return StudyRun(name, column, config.data.labels.get(column, column), folder, config)


def _unused(wanted: str, taken: set[str]) -> str:
    """Return the name of a folder, by which no other study is called on any system."""
    plain = re.sub(r"[^\w.-]+", "_", wanted).strip("._ ")[:80] or "study"
    name, number = plain, 1
    while name.casefold() in taken:
        number += 1
        name = f"{plain}_{number}"
    taken.add(name.casefold())
    return name


def _run(run: StudyRun, fresh: bool) -> StudyRun:
    """Run one study; any exception becomes its error."""
    if run.config is None:
        return run
    with _one_at_a_time:
        try:
            result = run_study(run.config, run.folder, progress=False, fresh=fresh)
        except Exception as error:
            # An error in one study must not affect the others; the page shows it.
            return StudyRun(run.name, run.outcome, run.label, run.folder, None, None, _words(error))
    return StudyRun(run.name, run.outcome, run.label, run.folder, run.config, result)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
