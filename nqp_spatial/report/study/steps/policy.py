"""Evaluation of a policy, at home and at places that are exposed to it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nqp_spatial.core.inference import NotApplicable
from nqp_spatial.core.number_format import interval_texts, p_words
from nqp_spatial.core.text import Message, t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.page import tests_of
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step, name_of

__all__ = ["policy"]

_NUMBERS = ["estimate", "std_error", "p_value", "conf_low", "conf_high"]


def policy(config: StudyConfig) -> Step:
    """Estimate what a policy does where it is adopted and nearby."""
    outcome = name_of(config, config.outcome_name)
    treatment = name_of(config, config.policy.treatment if config.policy else "")
    figures = [
        ("policy", t("Effects of {treatment} on {outcome} by event time, own and spilled, with 95% "
                     "intervals.", treatment=treatment, outcome=outcome)),
    ]  # fmt: skip
    if config.data.geometry:
        figures.append(
            ("policy_exposure", t("Treated, exposed and other units in the last period."))
        )
    return make_step("policy", t("Evaluation of the policy"), config, _read, figures=figures,
                     periods=3)  # fmt: skip


def _read(names: Names) -> StepOutput:
    output, result = StepOutput(), names["policy"]
    output.say(_design(result))
    for _, row in result.overall.iterrows():
        output.say(_effect(row, result))
        output.headline(_term(row), *_interval(row))
    output.say(*_pre_trends(result), *_placebos(result))
    output.say(
        t(
            "The effects are causal if all places would have moved in parallel without the policy, "
            "no place reacts before the adoption, and the exposure ends where it is assumed to "
            "end."
        )
    )
    output.note(result.notes)
    _tables(output, result)
    return output


def _design(result: Any) -> Message:
    last = result.clean.iloc[-1]
    return t(
        "Treated units: {treated} of {total}. In the last period {clean} units are neither treated "
        "nor exposed; outcomes without the policy are estimated from such cells. Exposure: "
        "{exposure}.",
        treated=int(result.units["adoption"].notna().sum()), total=len(result.units),
        clean=int(last["clean"]), exposure=result.spec["exposure"],
    )  # fmt: skip


def _term(row: pd.Series) -> Message:
    """Return the name of an effect: whose, on whom, by which exposure."""
    if row["kind"] == "own":
        return t("Own effect on treated units")
    if row["kind"] == "total":
        return t("Own and spilled effects on treated units together")
    exposure = str(row["exposure"])
    words = t("per unit of exposure") if exposure == "exposure" else exposure
    if row["on"] == "treated":
        return t("Spilled effect on treated units, {exposure}", exposure=words)
    return t("Spilled effect on untreated units, {exposure}", exposure=words)


def _interval(row: pd.Series) -> tuple[str, Message]:
    estimate, low, high = interval_texts(*row[["estimate", "conf_low", "conf_high"]])
    interval = t("[{low}, {high}]", low=low, high=high)
    if row["conf_low"] <= 0 <= row["conf_high"]:
        return estimate, t("{interval}, not significantly different from zero", interval=interval)
    return estimate, interval


def _effect(row: pd.Series, result: Any) -> Message:
    estimate, interval = _interval(row)
    return t("{effect}, mean over event times: {estimate} {interval}.",
             effect=_term(row), estimate=estimate, interval=interval)  # fmt: skip


def _pre_trends(result: Any) -> list[Message]:
    test = result.tests.get("pre-trends")
    if test is None:
        return []
    if isinstance(test, NotApplicable):
        return [t("No test of the trends before: {reason}.", reason=test.reason)]
    if test.p_value < 0.05:
        return [
            t(
                "Before adoption and exposure, trends differ significantly from those of the "
                "clean cells ({p}): the effects may be biased.",
                p=p_words(test.p_value),
            )
        ]
    return [t("Before adoption and exposure, trends do not differ significantly from those of the "
              "clean cells ({p}).", p=p_words(test.p_value))]  # fmt: skip


def _placebos(result: Any) -> list[Message]:
    words = []
    for key, test in result.tests.items():
        if key.startswith("placebo in space") and not isinstance(test, NotApplicable):
            words.append(t("{test}: {p}.", test=test.name, p=p_words(test.p_value)))
    return words


def _tables(output: StepOutput, result: Any) -> None:
    names = [_term(row) for _, row in result.overall.iterrows()]
    table = result.overall[_NUMBERS].set_axis(pd.Index(names, dtype=object))
    output.show(t("Effects, mean over event times"), table, files=["policy_overall", "policy"])
    output.show(t("Trends before, and placebo tests"), tests_of(result.tests.values()),
                files=["policy_tests"])  # fmt: skip
    output.show(t("Number of units by period: treated, exposed and clean"), result.clean,
                files=["policy_cells", "policy_units"])  # fmt: skip
