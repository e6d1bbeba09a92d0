"""A page with linked views: map, scatter and lines over time."""

from __future__ import annotations

from nqp_spatial.core.text import t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import Names, Step, StepOutput, left_out, make_step

__all__ = ["explore"]

PAGE = "explore.html"


def explore(config: StudyConfig) -> Step:
    """Write a page on which units that are selected in one view are marked in the others."""
    title = t("Interactive views")
    if not config.page.explore:
        return left_out("explore", title, t("[page] explore is false"))
    if not config.data.geometry:
        return left_out("explore", title, t("[data] geometry is not given"))
    return make_step("explore", title, config, _read)


def _read(names: Names) -> StepOutput:
    output = StepOutput(attached=[PAGE])
    output.say(
        t(
            "Map, scatter plot and lines over time of {count} variables: units that are selected "
            "in one view are marked in the others, and a slider sets the period.",
            count=len(names["explored"]),
        )
    )
    return output
