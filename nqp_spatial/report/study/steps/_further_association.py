"""Association of two variables, of changes, and over time: options of the step `association`."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nqp_spatial.core.number_format import p_words
from nqp_spatial.core.text import Message, join, label, t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.numerals import number
from nqp_spatial.report.study.step import Names, StepOutput, name_of

__all__ = ["further_figures", "further_tables", "further_words"]


def further_figures(config: StudyConfig) -> list[tuple[str, Message]]:
    """Return names and captions of the figures that [lisa] asks for."""
    lisa, name, figures = config.lisa, name_of(config, config.outcome_name), []
    if lisa.bivariate and config.data.geometry:
        caption = t(
            "Local clusters of {outcome} and the neighbours' {other} (bivariate LISA), and their "
            "significance.",
            outcome=name, other=name_of(config, lisa.bivariate),
        )  # fmt: skip
        figures.append(("bivariate_lisa_maps", caption))
    if lisa.change and config.data.geometry:
        caption = t(
            "Local clusters of the change of {outcome}, {first} to {last} (differential LISA).",
            outcome=name, first=lisa.change[0], last=lisa.change[1],
        )  # fmt: skip
        figures.append(("clusters_of_change", caption))
    if lisa.paths:
        caption = t(
            "Moves of units through the Moran scatter plot of {outcome}, from the first to the "
            "last period.",
            outcome=name,
        )
        figures.append(("lisa_paths", caption))
    return figures


def further_words(output: StepOutput, names: Names) -> None:
    """Add the readings of the statistics that were computed."""
    if "bivariate_moran" in names:
        _say_bivariate(output, names)
    if "changes" in names:
        output.say(_changes(names["changes"]))
    if "lisa_paths" in names:
        output.say(_paths(names["lisa_paths"]))


def _say_bivariate(output: StepOutput, names: Names) -> None:
    result, frame = names["bivariate_moran"], names["bivariate_moran"].frame
    local = next(iter(names["bivariate_lisa"].values()))
    last = frame.iloc[-1]
    values = {
        "outcome": local.label, "other": local.lag_label, "period": frame.index[-1],
        "value": number(last["moran_i"]), "p": p_words(last["p_value"]),
    }  # fmt: skip
    if last["p_value"] >= 0.05:
        words = t(
            "Moran's I of {outcome} and the neighbours' {other} is {value} in {period} ({p}): no "
            "significant association.",
            **values,
        )
    elif last["moran_i"] > 0:
        words = t(
            "Moran's I of {outcome} and the neighbours' {other} is {value} in {period} ({p}): "
            "{outcome} is high where the neighbours' {other} is high.",
            **values,
        )
    else:
        words = t(
            "Moran's I of {outcome} and the neighbours' {other} is {value} in {period} ({p}): "
            "{outcome} is high where the neighbours' {other} is low.",
            **values,
        )
    output.say(
        words,
        t(
            "It includes the correlation of the two variables within units, and does not show that "
            "one of them spreads to the other."
        ),
    )
    output.note(result.notes)


def _counts(result: Any) -> Message:
    return join(", ", [
        t("{count} {cluster}", cluster=label("cluster", kind), count=count)
        for kind, count in result.counts.items() if count
    ])  # fmt: skip


def _changes(result: Any) -> Message:
    return t(
        "Changes of {outcome}, {period}: Moran's I {value}; {counts}. In High-High clusters units "
        "and their neighbours have risen more than the average.",
        outcome=result.label, period=result.period, value=number(result.moran_i),
        counts=_counts(result),
    )  # fmt: skip


def _paths(result: Any) -> Message:
    directions = result.frame["direction"].value_counts(sort=False)
    return t(
        "From one period to the next, in {cohesion:.0%} of the cases neither a unit nor its "
        "neighbours change between high and low. From the first to the last period: {directions}.",
        cohesion=result.cohesion,
        directions=join(", ", [
            t("{direction} {count}", direction=label("direction", str(name)), count=count)
            for name, count in directions.items()
        ]),
    )  # fmt: skip


def further_tables(output: StepOutput, names: Names) -> None:
    """Add the tables of the statistics that were computed."""
    if "bivariate_moran" in names:
        frame = names["bivariate_moran"].frame
        output.show(
            t("Bivariate Moran's I by period"), frame[["moran_i", "expected", "p_value"]],
            files=["bivariate_moran"],
        )  # fmt: skip
    if "lisa_paths" in names:
        moves: pd.DataFrame = names["lisa_paths"].transitions
        output.show(
            t("Moves between the quadrants of the Moran scatter plot, from rows to columns"), moves,
            columns="cluster", rows="cluster", files=["lisa_paths"],
        )  # fmt: skip
