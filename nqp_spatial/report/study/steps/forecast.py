"""Forecasts of the chains: shares of states, and states of units."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nqp_spatial.core.inference import NotApplicable
from nqp_spatial.core.number_format import p_words
from nqp_spatial.core.text import Message, listed, t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.page import tests_of
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step, name_of

__all__ = ["forecast"]

_NAMED = 8  # units in a sentence


def forecast(config: StudyConfig) -> Step:
    """Forecast the states of units and their shares."""
    name = name_of(config, config.outcome_name)
    figures = [
        ("forecast", t("Observed and future shares of the states of {outcome}, with 95% intervals.",
                       outcome=name)),
    ]  # fmt: skip
    if config.data.geometry:
        caption = t("Most likely states of {outcome} in the last forecast period.", outcome=name)
        figures.append(("forecast_map", caption))
    return make_step("forecast", t("Forecast of the states"), config, _read, figures=figures,
                     periods=config.dynamics.step + 1)  # fmt: skip


def _read(names: Names) -> StepOutput:
    output, result = StepOutput(), names["forecast"]
    last = result.frame["period"].iloc[-1]
    rows = result.frame[result.frame["period"] == last].set_index("state")
    for name, state in ((t("Lowest state"), result.states[0]),
                        (t("Highest state"), result.states[-1])):  # fmt: skip
        output.say(_share(result, name, state, last))
    top = rows.loc[result.states[-1]]
    output.headline(
        t("Share of units in the highest state, {period}", period=last),
        f"{top['share']:.0%}", t("[{low}, {high}]", low=f"{top['low']:.0%}",
                                 high=f"{top['high']:.0%}"),
    )  # fmt: skip
    output.say(*_moves(result, last), _test(result))
    output.say(
        t(
            "The forecast continues the past: it assumes that the probabilities of moves stay as "
            "they were. Shocks common to all units are not in the intervals."
        )
    )
    output.note(result.notes)
    output.show(
        t("Shares of states in {period}, with 95% intervals", period=last),
        rows[["share", "low", "high"]], files=["forecast", "forecast_units"],
    )  # fmt: skip
    if len(result.scores):
        means = result.scores.groupby("forecast", sort=False).mean(numeric_only=True)
        output.show(
            t("Losses of the forecasts of the last periods, means (smaller is better)"),
            means[["log_score", "brier", "rps"]], rows="forecast", files=["forecast_scores"],
        )  # fmt: skip
        output.show(t("Tests against two simple forecasts"), tests_of(result.tests.values()))
    return output


def _share(result: Any, name: Message, state: str, last: object) -> Message:
    history, frame = result.history, result.frame
    row = frame[(frame["period"] == last) & (frame["state"] == state)].iloc[0]
    return t(
        "{name} ({state}): {now:.0%} of the units in {first}, {share:.0%} [{low:.0%}, {high:.0%}] "
        "expected in {last}.",
        name=name, state=state, now=float(history[state].iloc[-1]), first=history.index[-1],
        last=last, share=row["share"], low=row["low"], high=row["high"],
    )  # fmt: skip


def _moves(result: Any, last: object) -> list[Message]:
    """Return the units that are most likely to move up, and down."""
    units = result.units[result.units["period"] == last].set_index("unit")
    templates = {
        "up": t("Most likely to be in a higher state than now, in {last}: {units}.",
                last=last, units=_likely(units["up"])),
        "down": t("Most likely to be in a lower state than now, in {last}: {units}.",
                  last=last, units=_likely(units["down"])),
    }  # fmt: skip
    return [words for side, words in templates.items() if units[side].max() > 0]


def _likely(probabilities: pd.Series) -> Message | str:
    largest = probabilities[probabilities > 0].nlargest(_NAMED)
    return listed([f"{unit} ({value:.2f})" for unit, value in largest.items()], _NAMED)


def _test(result: Any) -> Message | str:
    test = result.tests.get("log_score_persistence")
    if test is None:
        return ""
    if isinstance(test, NotApplicable):
        return t("No test of the forecast: {reason}.", reason=test.reason)
    values = {"count": result.spec["holdout"], "p": p_words(test.p_value)}
    if test.p_value >= 0.05:
        return t("In the last {count} steps, which were held out, the chain did not forecast "
                 "significantly better or worse than persistence ({p}).", **values)  # fmt: skip
    if test.statistic > 0:
        return t("In the last {count} steps, which were held out, the chain forecast better than "
                 "persistence ({p}).", **values)  # fmt: skip
    return t("In the last {count} steps, which were held out, the chain forecast worse than "
             "persistence ({p}).", **values)  # fmt: skip
