"""Drivers of the spatial pattern: the geodetector."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nqp_spatial.core.number_format import p_words
from nqp_spatial.core.text import label, t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.numerals import number
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step, name_of

__all__ = ["drivers"]

_OF_FACTORS = ["q", "q_adjusted", "strata", "p_value"]
_OF_PAIRS = ["q", "kind", "excess", "conf_low", "conf_high", "p_value"]


def drivers(config: StudyConfig) -> Step:
    """Measure how much of the variance of the outcome lies between strata of factors."""
    outcome = name_of(config, config.outcome_name)
    figures = [
        ("drivers", t("Share of the variance of {outcome} between the strata of each factor (q).",
                      outcome=outcome)),
        ("drivers_strata", t("Means of {outcome} in the strata of the factor with the largest q, "
                             "with 95% intervals.", outcome=outcome)),
        ("drivers_pairs", t("q of single factors (diagonal) and of two factors together, for "
                            "{outcome}.", outcome=outcome)),
    ]  # fmt: skip
    return make_step("drivers", t("Factors of the spatial pattern"), config, _read,
                     figures=figures)  # fmt: skip


def _read(names: Names) -> StepOutput:
    output, result = StepOutput(), names["geodetector"]
    frame = result.frame.sort_values("q", ascending=False, kind="stable")
    for period in result.section_names:
        rows = frame.xs(period, level="period")
        words = label("column", "all") if period == "pooled" else str(period)
        output.say(_ranking(result, words, rows))
    factor, top = rows.index[0], rows.iloc[0]
    output.headline(
        t("Geodetector: largest q, {factor}", factor=result.labels[factor]), number(top["q"]),
        p_words(top["p_value"]),
    )  # fmt: skip
    if len(result.interactions):
        output.say(_pairs(result))
    output.say(
        t(
            "q is the share of the variance of {outcome} that lies between the strata of a factor. "
            "It measures how closely the two maps agree. It does not show that the factor is a "
            "cause.",
            outcome=result.label,
        ),
        t("p-values: {rule}.", rule=result._rule()),
    )  # fmt: skip
    output.note(result.notes)
    _tables(output, result, frame)
    return output


def _ranking(result: Any, period: str, rows: pd.DataFrame) -> str:
    """Return the factor with the largest q, and how many are significant."""
    top, count = rows.iloc[0], int((rows["p_value"] < 0.05).sum())
    values = {
        "period": period, "factor": result.labels[rows.index[0]], "share": top["q"],
        "q": number(top["q"]), "p": p_words(top["p_value"]), "outcome": result.label,
    }  # fmt: skip
    if len(rows) == 1:
        return t(
            "{period}: the strata of {factor} account for {share:.0%} of the variance of {outcome} "
            "(q = {q}, {p}).",
            **values,
        )
    return t(
        "{period}: of the {total} factors, {factor} has the largest q: its strata account for "
        "{share:.0%} of the variance of {outcome} (q = {q}, {p}). Significant (5 %): {count} of "
        "{total} factors.",
        total=len(rows), count=count, **values,
    )  # fmt: skip


def _pairs(result: Any) -> str:
    """Return the pair of factors that explains most, and how often pairs exceed the sum."""
    pairs = result.interactions
    (_, first, second), top = pairs["q"].idxmax(), pairs.loc[pairs["q"].idxmax()]
    exceeds = int(((pairs["excess"] > 0) & (pairs["p_value"] < 0.05)).sum())
    return t(
        "Two factors together explain most with {first} and {second} (q = {q}, {kind}). In {count} "
        "of {total} cases q of the two together is significantly above the sum of both (5 %).",
        first=result.labels[first], second=result.labels[second], q=number(top["q"]),
        kind=label("interaction", top["kind"]), count=exceeds, total=len(pairs),
    )  # fmt: skip


def _tables(output: StepOutput, result: Any, frame: pd.DataFrame) -> None:
    ranked = frame.loc[list(result.section_names)] if len(result.section_names) > 1 else frame
    table = ranked[_OF_FACTORS].rename(result.labels, level="factor")
    output.show(t("Factor detector"), table, files=["drivers", "drivers_strata", "drivers_risk"])
    if not len(result.interactions):
        return
    kinds = [label("interaction", kind) for kind in result.interactions["kind"]]
    pairs = result.interactions[_OF_PAIRS].rename(result.labels)
    pairs["kind"] = pd.Series(kinds, pairs.index, dtype=object)  # keeps messages
    output.show(t("Interaction detector: two factors together"), pairs,
                files=["drivers_pairs", "drivers_ecological"])  # fmt: skip
