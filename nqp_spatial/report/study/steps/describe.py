"""The data: periods, weights, descriptive statistics."""

from __future__ import annotations

import pandas as pd

from nqp_spatial.core.text import t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step, name_of

__all__ = ["describe"]


def describe(config: StudyConfig) -> Step:
    """Describe the variables and map the outcome in three periods."""
    mapped = config.data.geometry and config.outcome.variable
    caption = t(
        "{outcome} in the first, middle and last period, in the same classes.",
        outcome=name_of(config, config.outcome_name),
    )
    figures = [("map", caption)] if mapped else []
    return make_step("describe", t("The data"), config, _read, figures=figures)


def _read(names: Names) -> StepOutput:
    output, panel, w = StepOutput(), names["panel"], names["w"]
    output.say(
        t(
            "The panel has {units} units and {periods} periods, {first} to {last}.",
            units=panel.n_units, periods=panel.n_periods,
            first=panel.periods[0], last=panel.periods[-1],
        ),
        t(
            "Weights: {spec}; {links} links, {mean:.1f} per unit; components: {components}.",
            spec=w.spec.describe(), links=w.sparse.nnz, mean=w.sparse.nnz / w.n_units,
            components=w.components.nunique(),
        ),
    )  # fmt: skip
    rows = {panel.label(name): panel.frame[name].describe() for name in names["variables"]}
    table = pd.DataFrame(rows).T[["mean", "std", "min", "50%", "max"]]
    table = table.rename(columns={"std": "sd", "50%": "median"})
    output.show(
        t("Descriptive statistics, {count} observations of each variable", count=len(panel.frame)),
        table, alike="rows", files=["descriptive"],
    )  # fmt: skip
    return output
