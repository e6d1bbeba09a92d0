"""Regional disparity: gaps between regions, Dagum's decomposition, Theil's index."""

from __future__ import annotations

import pandas as pd

from nqp_spatial.core.text import Message, t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.numerals import number
from nqp_spatial.report.study.step import Names, Step, StepOutput, left_out, make_step, name_of

__all__ = ["gradient"]


def gradient(config: StudyConfig) -> Step:
    """Measure gaps and inequality between regions."""
    title = t("Regional disparity")
    if not config.groups.region:
        return left_out("gradient", title, t("[groups] region is not given"))
    outcome, region = (name_of(config, c) for c in (config.outcome_name, config.groups.region))
    caption = t("Gini coefficient of {outcome} and its components by {region}, with intervals.",
                outcome=outcome, region=region)  # fmt: skip
    figures = [("dagum", caption)]
    if config.groups.province:
        caption = t("Theil index of {outcome} by {region} and {province}.",
                    outcome=outcome, region=region,
                    province=name_of(config, config.groups.province))  # fmt: skip
        figures.append(("theil", caption))
    return make_step("gradient", title, config, _read, figures=figures)


def _read(names: Names) -> StepOutput:
    output, summary, levels = StepOutput(), names["gini"].frame, names["gaps"].levels
    _gini(output, summary["gini"], names["gini"].intervals["gini"])
    output.say(_trend(summary, names["gini"].intervals["gini"]), _largest_part(summary.iloc[-1]))
    if (levels > 0).all(axis=None):
        output.say(_ratio(levels))
    output.show(t("Dagum's decomposition of the Gini coefficient"), summary, files=["dagum"])
    output.show(t("Means of regions by period"), levels, columns=None, files=["region_means"])
    return output


def _gini(output: StepOutput, gini: pd.Series, interval: pd.DataFrame) -> None:
    """Add the last Gini coefficient to the opening of the page, beside the first one."""
    low, high = (number(interval[bound].iloc[-1]) for bound in ("low", "high"))
    detail = t("[{low}, {high}]", low=low, high=high)
    if len(gini) > 1:
        detail = t(
            "[{low}, {high}]; {first} in {period}, {comparison}",
            low=low, high=high, first=number(gini.iloc[0]), period=gini.index[0],
            comparison=t("the two intervals do not overlap") if _differ(interval)
            else t("the two intervals overlap"),
        )  # fmt: skip
    output.headline(t("Gini coefficient ({period})", period=gini.index[-1]),
                    number(gini.iloc[-1]), detail)  # fmt: skip


def _differ(interval: pd.DataFrame) -> bool:
    """Whether the intervals of the first and the last period do not overlap."""
    first, last = interval.iloc[0], interval.iloc[-1]
    return bool(last["high"] < first["low"] or last["low"] > first["high"])


def _trend(summary: pd.DataFrame, interval: pd.DataFrame) -> Message:
    ends = {"first": summary["gini"].iloc[0], "last": summary["gini"].iloc[-1]}
    if _differ(interval):
        return t("The Gini coefficient went from {first:.3f} to {last:.3f}.", **ends)
    return t(
        "The Gini coefficient went from {first:.3f} to {last:.3f}; the two intervals overlap, so "
        "the data do not establish a change.",
        **ends,
    )


def _largest_part(last: pd.Series) -> Message:
    parts = {
        "within": t("inequality within regions"),
        "net_between": t("net inequality between regions"),
        "transvariation": t("overlap of regions"),
    }
    largest = max(parts, key=lambda name: last[f"{name}_share"])
    return t(
        "In the last period the largest component is {part}, {share:.0%} of the total.",
        part=parts[largest], share=last[f"{largest}_share"],
    )  # fmt: skip


def _ratio(levels: pd.DataFrame) -> Message:
    high, low = levels.iloc[-1].idxmax(), levels.iloc[-1].idxmin()
    ratio = levels[high] / levels[low]
    return t(
        "{high} has the highest mean and {low} the lowest; their ratio went from {first:.2f} to "
        "{last:.2f}.",
        high=high, low=low, first=ratio.iloc[0], last=ratio.iloc[-1],
    )  # fmt: skip
