"""The page that links several studies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nqp_spatial.core.number_format import interval_texts
from nqp_spatial.core.text import Message, language, t, translate
from nqp_spatial.report.study.cache import write_text
from nqp_spatial.report.study.runs import StudiesResult, StudyRun

__all__ = ["write_index"]


def write_index(result: StudiesResult) -> None:
    """Write ``index.html`` and ``effects.csv``, in the language of the first study."""
    from jinja2 import Environment, FileSystemLoader

    folder = result.page.parent
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "effects.csv", "\ufeff" + result.effects.to_csv(index=False))
    languages = [run.config.study.lang for run in result.runs if run.config is not None]
    lang = languages[0] if languages else "en"
    with language(lang):
        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent), autoescape=True, finalize=_in_language
        )
        done = sum(run.status == "done" for run in result.runs)
        page = environment.get_template("_index.html.j2").render(
            lang=lang, t=t, title=translate(t("Studies of regional development")),
            summary=t("{done} of {total} studies are complete.", done=done, total=len(result.runs)),
            rows=[_row(run, folder) for run in result.runs], faults=result.notes,
        )  # fmt: skip
    write_text(result.page, page)


def _row(run: StudyRun, folder: Path) -> dict[str, Any]:
    """Return the parts of a row of the table."""
    page = os.path.relpath(run.result.page, folder) if run.result else ""
    variable, effects = "", [("", "")] * 3
    if len(run.effects):
        name = str(run.effects["variable"].iloc[0])
        variable = run.config.data.labels.get(name, name) if run.config else name
        rows = run.effects[run.effects["variable"] == name].set_index("effect")
        effects = [_estimate(rows.loc[effect]) for effect in ("direct", "indirect", "total")]
    return {
        "name": run.name, "page": Path(page).as_posix() if page else "", "outcome": run.label,
        "variable": variable, "effects": effects, "steps": _steps(run), "bad": run.status != "done",
    }  # fmt: skip


def _estimate(row: Any) -> tuple[str, str]:
    estimate, low, high = interval_texts(*row[["estimate", "conf_low", "conf_high"]])
    return estimate, translate(t("[{low}, {high}]", low=low, high=high))


def _steps(run: StudyRun) -> Message:
    if run.result is None:
        return t("could not run")
    steps = run.result.sections
    done = sum(not (step.error or step.skip_reason) for step in steps)
    failed = run.result.failed
    if failed:
        return t("{done} done, {failed} failed", done=done, failed=len(failed))
    return t("{done} done, {omitted} left out", done=done, omitted=len(steps) - done)


def _in_language(value: object) -> object:
    return translate(value) if isinstance(value, Message) else value
