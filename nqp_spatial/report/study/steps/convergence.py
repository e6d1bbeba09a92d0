"""Convergence: dispersion, growth, clubs and their locations."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nqp_spatial.core.number_format import p_words
from nqp_spatial.core.text import Message, label, t, translate
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.numerals import number
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step, name_of

__all__ = ["convergence"]

_OF_BETA = [
    "estimate", "std_error", "p_value", "speed", "speed_low", "speed_high", "half_life",
    "half_life_low", "half_life_high",
]  # fmt: skip
_NOT_SHOWN = ["c_star"]  # of the algorithm; in the csv file


def convergence(config: StudyConfig) -> Step:
    """Test convergence, find clubs and their locations."""
    name = name_of(config, config.outcome_name)
    figures = [
        ("sigma", t("Dispersion of {outcome} across units, first period = 1.", outcome=name)),
        ("beta", t("Change of {outcome} per period and its initial level.", outcome=name)),
        ("paths", t("Relative transition paths of {outcome} by convergence club.", outcome=name)),
    ]
    if config.data.geometry:
        figures.append(("club_map", t("Convergence clubs of {outcome}.", outcome=name)))
    return make_step(
        "convergence", t("Convergence and clubs"), config, _read, figures=figures, periods=4
    )


def _read(names: Names) -> StepOutput:
    output, sigma, beta, clubs = StepOutput(), names["sigma"], names["beta"], names["clubs"]
    output.say(*(_trend(str(measure), row) for measure, row in sigma.trends.iterrows()))
    if {"sd", "cv"} <= set(sigma.trends.index) and _disagree(sigma.trends["trend"]):
        output.note([
            t("The standard deviation rises with the level itself: where all units grow at one "
              "rate, differences in levels widen. For such a variable [outcome] logs = true "
              "studies growth rates.")
        ])  # fmt: skip
    growth = beta.frame.loc[("all", "coefficient")]
    output.say(_growth(growth))
    # The sentence has said it.
    told = t("no convergence, so that there is no half-life") if growth["speed_high"] < 0 else ""
    output.note(note for note in beta.notes if note != told)
    statistic = number(names["all_units"].statistic, 2)
    _headlines(output, growth, statistic, clubs)
    output.say(
        t(
            "log-t test of all units: t = {t}, {reading}.",
            t=statistic, reading=names["all_units"].reading,
        ),
        t(
            "Clubs: {clubs}; divergent units: {divergent}.",
            clubs=len(clubs.frame), divergent=len(clubs.divergent),
        ),
    )  # fmt: skip
    output.note(clubs.notes)
    if names["joins"] is not None:
        output.say(_joins(names["joins"].frame.loc[("same", "")]))
    output.show(t("Sigma convergence: trend of dispersion per period"), sigma.trends,
                rows="measure", files=["sigma"])  # fmt: skip
    tables = {
        translate(t("least squares")): beta.frame,
        translate(t("spatial errors")): names["spatial_beta"].frame,
    }
    table = pd.concat(tables)
    if (table.index.get_level_values(1) == "all").all():  # else one row per subperiod
        table = table.droplevel([1, 2])
    rows = (None, "column", "column")[: table.index.nlevels]
    output.show(t("Beta convergence: coefficient of the initial level, speed and half-life"),
                table[_OF_BETA], rows=rows, files=["beta", "beta_spatial"])  # fmt: skip
    frame = clubs.frame.drop(columns=_NOT_SHOWN, errors="ignore")
    output.show(t("Convergence clubs"), frame, files=["clubs", "club_members"])
    return output


def _disagree(trends: pd.Series) -> bool:
    return bool(trends["sd"] > 0 > trends["cv"])


def _headlines(output: StepOutput, growth: pd.Series, statistic: str, clubs: Any) -> None:
    """Add the speed of convergence and the clubs to the opening of the page."""
    speed, low, high = (
        number(100 * growth[name], 2) for name in ("speed", "speed_low", "speed_high")
    )
    detail = t("per period, [{low} %, {high} %]", low=low, high=high)
    if growth["speed_low"] <= 0 <= growth["speed_high"]:
        detail = t("{interval}, not significantly different from zero", interval=detail)
    elif growth["speed"] < 0:
        detail = t("{interval}: divergence", interval=detail)
    output.headline(t("Speed of β convergence"), t("{speed} %", speed=speed), detail)
    output.headline(
        t("Convergence clubs"), str(len(clubs.frame)),
        t("divergent units: {divergent}; log-t test of all units: t = {t}",
          divergent=len(clubs.divergent), t=statistic),
    )  # fmt: skip


def _trend(measure: str, row: pd.Series) -> Message:
    words = translate(label("measure", measure))
    return t(
        "{measure}: {reading} (trend {trend} % per period).",
        measure=words[:1].upper() + words[1:], reading=row["reading"],
        trend=number(100 * row["trend"], 2),
    )  # fmt: skip


def _growth(row: pd.Series) -> Message:
    values = {
        "speed": number(100 * row["speed"], 2), "low": number(100 * row["speed_low"], 2),
        "high": number(100 * row["speed_high"], 2), "half": number(row["half_life"], 1),
    }  # fmt: skip
    if row["speed_low"] > 0:
        return t(
            "Units with a low initial level grow faster: speed {speed} % [{low}, {high}] per "
            "period, half-life {half} periods.",
            **values,
        )
    if row["speed_high"] < 0:
        return t(
            "Units with a low initial level grow more slowly: speed {speed} % [{low}, {high}] "
            "per period, so there is no half-life.",
            **values,
        )
    return t(
        "Growth does not depend significantly on the initial level: speed {speed} % [{low}, "
        "{high}] per period.",
        **values,
    )


def _joins(same: pd.Series) -> Message:
    values = {"joins": same["joins"], "expected": same["expected"], "p": p_words(same["p_value"])}
    if same["joins"] > same["expected"]:
        return t(
            "Neighbours belong to the same club more often than by chance: {joins:.0f} joins, "
            "{expected:.0f} expected ({p}).",
            **values,
        )
    return t(
        "Neighbours belong to the same club less often than by chance: {joins:.0f} joins, "
        "{expected:.0f} expected ({p}).",
        **values,
    )
