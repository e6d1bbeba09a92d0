"""Geographically weighted regression: coefficients of each unit."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nqp_spatial.core.inference import NotApplicable
from nqp_spatial.core.number_format import interval_texts, p_words
from nqp_spatial.core.text import Message, t
from nqp_spatial.regression._formulas import terms_of
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.numerals import number
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step, name_of

__all__ = ["gwr"]


def gwr(config: StudyConfig) -> Step:
    """Estimate a regression around each unit."""
    formula = (config.gwr.formula if config.gwr else None) or config.model.formula
    figures = [
        (
            f"gwr_{place}",
            t("Local coefficients of {variable}; grey where the corrected p-value is 0.05 or more.",
              variable=name_of(config, term)),
        )
        for place, term in enumerate(terms_of(str(formula)) if formula else (), start=1)
    ]  # fmt: skip
    return make_step("gwr", t("Local regression"), config, _read, figures=figures)


def _read(names: Names) -> StepOutput:
    output, result = StepOutput(), names["local"]
    output.say(_fit(result.criteria))
    for name in result.variables[1:]:
        output.say(_reading(result, name))
    variable = result.variables[-1] if len(result.variables) < 2 else result.variables[1]
    low, middle, high = _range(result, variable)
    name = result.labels.get(variable, variable)
    output.headline(t("Local coefficient of {variable}, median", variable=name), middle,
                    t("{low} to {high}", low=low, high=high))  # fmt: skip
    output.say(
        t(
            "Local coefficients show where an association is stronger or weaker. They have no unit "
            "effects and no spillovers, and those of correlated regressors are unreliable."
        )
    )
    output.note(result.notes)
    table = result.wide().describe().T[["mean", "std", "min", "50%", "max"]]
    table = table.rename(columns={"std": "sd", "50%": "median"}).rename(result.labels)
    output.show(t("Local coefficients"), table, alike="rows", files=["gwr", "gwr_units"])
    heads = pd.Index([t("local regression"), t("global regression")], dtype=object)
    output.show(
        t("Local and global regression"), result.criteria.set_axis(heads, axis=1), rows="column",
        alike="rows", files=["gwr_criteria"],
    )  # fmt: skip
    return output


def _fit(criteria: pd.DataFrame) -> Message:
    values = {name: number(criteria.loc["aicc", name], 1) for name in ("local", "global")}
    if criteria.loc["aicc", "local"] < criteria.loc["aicc", "global"]:
        return t("Coefficients that differ between units fit better than the same ones everywhere: "
                 "AICc {local} against {everywhere}.",
                 local=values["local"], everywhere=values["global"])  # fmt: skip
    return t("Coefficients that differ between units do not fit better than the same ones "
             "everywhere: AICc {local} against {everywhere}.",
             local=values["local"], everywhere=values["global"])  # fmt: skip


def _range(result: Any, variable: str) -> list[str]:
    estimates = result.wide()[variable]
    return interval_texts(estimates.min(), estimates.median(), estimates.max())


def _reading(result: Any, variable: str) -> Message:
    low, middle, high = _range(result, variable)
    values = {
        "variable": result.labels.get(variable, variable), "low": low, "middle": middle,
        "high": high, "total": len(result.units),
        "count": int((result.wide("p_corrected")[variable] < 0.05).sum()),
    }  # fmt: skip
    test = result.tests.get(f"varies: {variable}")
    if test is None or isinstance(test, NotApplicable):
        return t("{variable}: {low} to {high}, median {middle}; significant (5 %, corrected) in "
                 "{count} of {total} units.", **values)  # fmt: skip
    return t("{variable}: {low} to {high}, median {middle}; significant (5 %, corrected) in "
             "{count} of {total} units. Test that it does not vary over space: {p}.",
             p=p_words(test.p_value), **values)  # fmt: skip
