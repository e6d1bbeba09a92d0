"""A composite index of several indicators, which later steps use as a column."""

from __future__ import annotations

import numpy as np

from nqp_spatial.core.text import label, t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import Names, Step, StepOutput, index_label, left_out, make_step

__all__ = ["index"]


def index(config: StudyConfig) -> Step:
    """Combine indicators into an index."""
    title = t("The index")
    if not config.index.indicators:
        return left_out("index", title, t("[index.indicators] is not given"))
    name = index_label(config)
    figures = [("weights_of_the_index", t("Weights of the indicators in {index}.", index=name))]
    if config.data.geometry:
        caption = t("{index} in the first, middle and last period, in the same classes.",
                    index=name)  # fmt: skip
        figures.append(("map_of_the_index", caption))
    return make_step("index", title, config, _read, figures=figures)


def _read(names: Names) -> StepOutput:
    output, result, panel = StepOutput(), names["index"], names["panel"]
    weights = result.weights.sort_values(ascending=False)
    output.say(
        t(
            "The index combines {count} indicators with {weighting} weights, scaled over all units "
            "and periods together, so that scores are comparable over time. The largest weight is "
            "that of {first}, {share:.1%}.",
            count=len(weights), weighting=label("weighting", result.spec["weighting"]),
            first=panel.label(str(np.atleast_1d(weights.index[0])[-1])), share=weights.iloc[0],
        ),
        t(
            "The weights reflect how much the indicators differ between units; they do not measure "
            "importance. nqp_spatial.composite.rank_intervals shows how ranks depend on them."
        ),
    )  # fmt: skip
    table = result.indicators.rename(panel.label).replace({"direction": {"-": "−"}})
    output.show(t("Indicators and their weights"), table, files=["index_weights"])
    return output
