"""Convergence: dispersion, growth, clubs and their locations."""

from __future__ import annotations

import pandas as pd

from nqp_spatial.core.text import Message, label, t, translate
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step

__all__ = ["convergence"]


def convergence(config: StudyConfig) -> Step:
    """Test convergence, find clubs and their locations."""
    figures = [
        ("sigma", t("Dispersion, first period = 1.")),
        ("beta", t("Growth and the initial level.")),
        ("paths", t("Relative transition paths of the clubs.")),
    ]
    if config.data.geometry:
        figures.append(("club_map", t("Members of the clubs.")))
    return make_step(
        "convergence", t("Convergence and clubs"), config, _read, figures=figures, periods=4
    )


def _read(names: Names) -> StepOutput:
    output, sigma, beta, clubs = StepOutput(), names["sigma"], names["beta"], names["clubs"]
    output.say(*(_trend(str(measure), row) for measure, row in sigma.trends.iterrows()))
    output.say(_growth(beta.frame.loc[("all", "coefficient")]))
    output.note(beta.notes)
    output.say(
        t(
            "log-t test of all units: t = {t:.2f}, {reading}.",
            t=names["all_units"].statistic, reading=names["all_units"].reading,
        ),
        t(
            "Clubs: {clubs}; divergent units: {divergent}.",
            clubs=len(clubs.frame), divergent=len(clubs.divergent),
        ),
    )  # fmt: skip
    output.note(clubs.notes)
    if names["joins"] is not None:
        output.say(_joins(names["joins"].frame.loc[("same", "")]))
    output.show(t("Sigma convergence"), sigma.trends, rows="measure")
    tables = {
        translate(t("least squares")): beta.frame,
        translate(t("spatial errors")): names["spatial_beta"].frame,
    }
    output.show(t("Beta convergence"), pd.concat(tables), rows=(None, "column", "column"))
    output.show(t("Clubs"), clubs.frame)
    return output


def _trend(measure: str, row: pd.Series) -> Message:
    words = translate(label("measure", measure))
    return t(
        "{measure}: {reading} (trend {trend:.2f} % per period).",
        measure=words[:1].upper() + words[1:], reading=row["reading"], trend=100 * row["trend"],
    )  # fmt: skip


def _growth(row: pd.Series) -> Message:
    values = {
        "speed": 100 * row["speed"], "low": 100 * row["speed_low"],
        "high": 100 * row["speed_high"], "half": row["half_life"],
    }  # fmt: skip
    if values["low"] > 0:
        return t(
            "Units with a low initial level grow faster: speed {speed:.2f} % [{low:.2f}, "
            "{high:.2f}] per period, half-life {half:.1f} periods.",
            **values,
        )
    if values["high"] < 0:
        return t(
            "Units with a low initial level grow more slowly: speed {speed:.2f} % [{low:.2f}, "
            "{high:.2f}] per period, so there is no half-life.",
            **values,
        )
    return t(
        "Growth does not depend significantly on the initial level: speed {speed:.2f} % "
        "[{low:.2f}, {high:.2f}] per period.",
        **values,
    )


def _joins(same: pd.Series) -> Message:
    values = {"joins": same["joins"], "expected": same["expected"], "p": same["p_value"]}
    if same["joins"] > same["expected"]:
        return t(
            "Neighbours belong to the same club more often than by chance: {joins:.0f} joins, "
            "{expected:.0f} expected (p = {p:.3f}).",
            **values,
        )
    return t(
        "Neighbours belong to the same club less often than by chance: {joins:.0f} joins, "
        "{expected:.0f} expected (p = {p:.3f}).",
        **values,
    )
