"""`studies`: several studies at once, as of many outcomes, and a page that links them."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from nqp_spatial.core.options import Jobs, checked
from nqp_spatial.errors import OptionError
from nqp_spatial.report.study._index_page import write_index
from nqp_spatial.report.study._outcomes import with_outcome
from nqp_spatial.report.study.config import read_config
from nqp_spatial.report.study.runner import run_study
from nqp_spatial.report.study.runs import StudiesResult, StudyRun

__all__ = ["studies"]

#: The settings of one study.
Settings: TypeAlias = str | Path | Mapping[str, Any]

# Figures and warnings are common to all threads of a process.
_one_at_a_time = threading.Lock()


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
    ...     "study": {
    ...         "skip": [
    ...             "describe", "distribution", "chains", "convergence", "association", "explore",
    ...         ]
    ...     },
    ... }
    >>> result = studies(settings, folder / "reports", outcomes=["lgsp", "lemp"], progress=False)
    >>> result.frame[["study", "status"]].to_numpy().tolist()
    [['lgsp', 'done'], ['lemp', 'done']]
    """
    from joblib import Parallel, delayed
    from tqdm import tqdm

    sources: Sequence[Any] = [configs] if isinstance(configs, str | Path | Mapping) else configs
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
