"""The model by group, and with coefficients that change at thresholds of a variable."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nqp_spatial.core.inference import NotApplicable
from nqp_spatial.core.number_format import interval_texts, p_words
from nqp_spatial.core.text import Message, join, t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.page import tests_of
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step, name_of

__all__ = ["heterogeneity"]


def heterogeneity(config: StudyConfig) -> Step:
    """Ask whether coefficients differ between groups, or change at thresholds."""
    table, figures = config.heterogeneity, []
    if table and table.by:
        caption = t("Coefficients by {group}, with 95% intervals.",
                    group=name_of(config, table.by))  # fmt: skip
        figures.append(("groups", caption))
    if table and table.threshold:
        caption = t("Likelihood ratio of the values of {variable} as thresholds, with the critical "
                    "value at 95%.", variable=name_of(config, table.threshold))  # fmt: skip
        figures.append(("threshold", caption))
    return make_step("heterogeneity", t("Heterogeneity"), config, _read, figures=figures)


def _read(names: Names) -> StepOutput:
    output = StepOutput()
    if "by_group" in names:
        _groups(output, names["by_group"])
    if "threshold" in names:
        _threshold(output, names["threshold"], names["panel"])
    return output


def _groups(output: StepOutput, result: Any) -> None:
    group, tests = result.spec["group"], result.tests
    pooled = result.frame[(result.frame["form"] == "pooled") & (result.frame["group"] != "all")]
    for variable, rows in pooled[pooled["term"] == "x"].groupby("variable", sort=False):
        test = tests.get(f"Wald, {variable}")
        if test is not None and not isinstance(test, NotApplicable):
            output.say(_slopes(result, str(variable), rows, test.p_value))
    test = tests["Wald"]
    if not isinstance(test, NotApplicable):
        output.say(_equality(test.p_value, group))
        output.headline(
            t("Coefficients equal in all groups of {group}", group=group),
            p_words(test.p_value), t("Wald test"),
        )  # fmt: skip
    output.say(
        t(
            "Groups can differ for many reasons. A difference of coefficients does not show that "
            "membership in a group is what causes it."
        )
    )
    output.note(result.notes)
    table = pooled.pivot_table(index=["variable", "term"], columns="group", values="estimate",
                               sort=False, observed=True)  # fmt: skip
    table = table.rename(result.labels, level=0)
    output.show(t("Coefficients by group, in one model"), table, columns=None,
                rows=(None, "block"), files=["groups", "group_differences"])  # fmt: skip
    output.show(t("Tests of equal coefficients"), tests_of(tests.values()),
                files=["group_tests"])  # fmt: skip


def _slopes(result: Any, variable: str, rows: pd.DataFrame, p_value: float) -> Message:
    estimates = interval_texts(*rows["estimate"])
    values = {
        "variable": result.labels.get(variable, variable), "p": p_words(p_value),
        "estimates": join(", ", [
            t("{estimate} ({group})", estimate=estimate, group=str(name))
            for estimate, name in zip(estimates, rows["group"], strict=True)
        ]),
    }  # fmt: skip
    if p_value < 0.05:
        return t("{variable}, own coefficient: {estimates}. The difference between the groups is "
                 "significant ({p}).", **values)  # fmt: skip
    return t("{variable}, own coefficient: {estimates}. The difference between the groups is not "
             "significant ({p}).", **values)  # fmt: skip


def _equality(p_value: float, group: str) -> Message:
    if p_value < 0.05:
        return t("That all coefficients are equal in the groups of {group} is rejected ({p}).",
                 group=group, p=p_words(p_value))  # fmt: skip
    return t("That all coefficients are equal in the groups of {group} is not rejected ({p}).",
             group=group, p=p_words(p_value))  # fmt: skip


def _threshold(output: StepOutput, result: Any, panel: Any) -> None:
    variable = panel.label(result.spec["threshold"])
    for count, row in result.search.iterrows():
        output.say(_step(int(count), row, result.tests[f"threshold {count}"], variable))
    for number, row in result.thresholds.iterrows():
        gamma, low, high = interval_texts(*row[["gamma", "conf_low", "conf_high"]])
        output.say(
            t("Threshold {number} of {variable}: {gamma} [{low}, {high}]; {share:.0%} of the "
              "observations are at or below it.",
              number=number, variable=variable, gamma=gamma, low=low, high=high,
              share=row["share_below"])
        )  # fmt: skip
        if number == 1:
            test = result.tests["threshold 1"]
            detail = t("[{low}, {high}]", low=low, high=high)
            if not isinstance(test, NotApplicable):
                detail = t("{interval}; test of a threshold: {p}", interval=detail,
                           p=p_words(test.p_value))  # fmt: skip
            output.headline(t("Threshold of {variable}", variable=variable), gamma, detail)
    output.say(
        t(
            "The model with thresholds has no spatial terms. Regressors and the threshold variable "
            "must not react to the outcome."
        )
    )
    output.note(result.notes)
    frame = result.frame.rename(result.model.label, level="variable")
    output.show(
        t("Coefficients by regime of {variable}", variable=variable), frame,
        rows=tuple(_DOMAINS.get(str(level)) for level in frame.index.names), files=["threshold"],
    )  # fmt: skip
    output.show(t("Tests of the number of thresholds, and of equal coefficients"),
                tests_of(result.tests.values()),
                files=["threshold_tests", "thresholds"])  # fmt: skip


_DOMAINS = {"block": "block", "part": "part"}


def _step(count: int, row: pd.Series, test: Any, variable: str) -> Message:
    if isinstance(test, NotApplicable):
        return t("No test of threshold {count}: {reason}.", count=count, reason=test.reason)
    values = {"count": count, "variable": variable, "statistic": row["statistic"],
              "p": p_words(test.p_value)}  # fmt: skip
    if test.p_value < 0.05:
        return t("The data support threshold {count} of {variable} (F = {statistic:.1f}, {p}).",
                 **values)  # fmt: skip
    return t("The data do not support threshold {count} of {variable} (F = {statistic:.1f}, {p}).",
             **values)  # fmt: skip
