"""Regional disparity: gaps between regions, Dagum's decomposition, Theil's index."""

from __future__ import annotations

import pandas as pd

from nqp_spatial.core.text import Message, t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import Names, Step, StepOutput, left_out, make_step

__all__ = ["gradient"]


def gradient(config: StudyConfig) -> Step:
    """Measure gaps and inequality between regions."""
    title = t("Regional disparity")
    if not config.groups.region:
        return left_out("gradient", title, t("[groups] region is not given"))
    figures = [("dagum", t("The Gini coefficient and its components."))]
    if config.groups.province:
        figures.append(("theil", t("Theil's index by nested levels.")))
    return make_step("gradient", title, config, _read, figures=figures)


def _read(names: Names) -> StepOutput:
    output, summary, levels = StepOutput(), names["gini"].frame, names["gaps"].levels
    output.say(_trend(summary, names["gini"].intervals["gini"]), _largest_part(summary.iloc[-1]))
    if (levels > 0).all(axis=None):
        output.say(_ratio(levels))
    output.show(t("Dagum's decomposition"), summary)
    output.show(t("Means of regions"), levels, columns=None)
    return output


def _trend(summary: pd.DataFrame, interval: pd.DataFrame) -> Message:
    ends = {"first": summary["gini"].iloc[0], "last": summary["gini"].iloc[-1]}
    if (
        interval["high"].iloc[-1] < interval["low"].iloc[0]
        or interval["low"].iloc[-1] > interval["high"].iloc[0]
    ):
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
