"""What comes of several studies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.text import Message, t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.runner import StudyResult

__all__ = ["StudiesResult", "StudyRun"]

_EFFECTS = ["variable", "effect", "estimate", "std_error", "p_value", "conf_low", "conf_high"]
_MAIN = ["direct", "indirect", "total", "p_direct", "p_indirect", "p_total"]


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
