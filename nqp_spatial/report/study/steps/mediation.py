"""Mediation: effects through another variable."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nqp_spatial.core.number_format import interval_texts
from nqp_spatial.core.text import Message, t
from nqp_spatial.regression._formulas import terms_of
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.page import tests_of
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step, name_of

__all__ = ["mediation"]

_COLUMNS = [
    "variable", "path", "effect", "estimate", "std_error", "p_value", "conf_low", "conf_high",
    "share",
]  # fmt: skip
_MOST_HEADLINES = 2  # variables


def mediation(config: StudyConfig) -> Step:
    """Divide effects into those through a mediator and those past it."""
    table = config.mediation
    variables = [] if table is None else table.variables or terms_of(table.mediator)
    figures = [
        (
            f"mediation_{number}",
            t("Effects of {variable} through the mediator and past it, with 95% intervals.",
              variable=name_of(config, variable)),
        )
        for number, variable in enumerate(variables, start=1)
    ]  # fmt: skip
    return make_step("mediation", t("Mediation"), config, _read, figures=figures)


def _read(names: Names) -> StepOutput:
    output, result = StepOutput(), names["mediation"]
    mediator = result.mediator.label(result.mediator.spec.outcome)
    paths = result.frame.set_index(["path", "effect"])
    for place, variable in enumerate(dict.fromkeys(result.frame["variable"])):
        rows = paths[paths["variable"] == variable]
        name = result.outcome.label(variable)
        name = result.mediator.label(variable) if name == variable else name
        output.say(_reading(name, mediator, rows))
        if place < _MOST_HEADLINES:
            row = rows.loc[("mediated", "total")]
            estimate, interval = _interval(row)
            term = t("{variable}: total effect through {mediator}",
                     variable=name, mediator=mediator)  # fmt: skip
            output.headline(term, estimate, interval)
    output.note(result.notes)
    parts = result.frame[result.frame["path"].isin(["mediated", "remainder", "all paths"])]
    table = parts[_COLUMNS].set_index(["variable", "path", "effect"])
    table = table.rename(result.mediator.label, level=0).rename(result.outcome.label, level=0)
    output.show(
        t("Effects through the mediator, past it, and along all paths"), table,
        rows=(None, "path", "effect"), files=["mediation"],
    )  # fmt: skip
    output.show(t("Tests of both parts of the path"), tests_of(result.tests.values()))
    return output


def _reading(variable: str, mediator: str, rows: pd.DataFrame) -> Message:
    mediated, rest = rows.loc[("mediated", "total")], rows.loc[("remainder", "total")]
    share = mediated["share"]
    values = {
        "variable": variable, "mediator": mediator, "mediated": _words(mediated),
        "rest": _words(rest), "share": share,
    }  # fmt: skip
    bounded = pd.notna(share) and 0 <= share <= 1 and abs(mediated["share_low"]) < float("inf")
    if bounded and abs(mediated["share_high"]) < float("inf"):
        return t(
            "{variable}: the total effect through {mediator} is {mediated}, {share:.0%} of the "
            "effect along all paths; the effect past it is {rest}.",
            **values,
        )
    return t(
        "{variable}: the total effect through {mediator} is {mediated}; the effect past it is "
        "{rest}.",
        **values,
    )


def _interval(row: Any) -> tuple[str, Message]:
    if pd.isna(row["p_value"]):  # zero by assumption
        estimate, low, high = interval_texts(0.0, 0.0, 0.0)
    else:
        estimate, low, high = interval_texts(*row[["estimate", "conf_low", "conf_high"]])
    interval = t("[{low}, {high}]", low=low, high=high)
    if row["conf_low"] <= 0 <= row["conf_high"]:
        interval = t("{interval}, not significantly different from zero", interval=interval)
    return estimate, interval


def _words(row: Any) -> Message:
    if pd.isna(row["p_value"]):
        return t("zero by assumption")
    estimate, interval = _interval(row)
    return t("{estimate} {interval}", estimate=estimate, interval=interval)
