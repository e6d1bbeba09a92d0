"""Spatial association: Moran's I in all periods, local clusters."""

from __future__ import annotations

from nqp_spatial.core.number_format import p_words
from nqp_spatial.core.text import join, label, t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.numerals import number
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step, name_of
from nqp_spatial.report.study.steps._further_association import (
    further_figures,
    further_tables,
    further_words,
)

__all__ = ["association"]


def association(config: StudyConfig) -> Step:
    """Measure Moran's I in all periods and map local association."""
    figures, name = [], name_of(config, config.outcome_name)
    if config.data.geometry:
        caption = t("Local clusters of high and low values of {outcome} (LISA), and their "
                    "significance.", outcome=name)  # fmt: skip
        figures.append(("lisa_maps", caption))
    figures += further_figures(config)
    periods = config.lisa.periods or (t("first period"), t("last period"))
    for place, period in enumerate(periods, start=1):
        caption = t("Moran scatter plot of {outcome}, {period}.", outcome=name, period=period)
        figures.append((f"moran_scatter_{place}", caption))
    return make_step("association", t("Spatial clusters"), config, _read, figures=figures)


def _read(names: Names) -> StepOutput:
    output, frame = StepOutput(), names["moran"].frame
    last, count = frame.iloc[-1], (frame["p_value"] < 0.05).sum()
    output.headline(
        t("Moran's I ({period})", period=frame.index[-1]), number(last["moran_i"]),
        t("{p}; significant (5 %) in {count} of {total} periods",
          p=p_words(last["p_value"]), count=count, total=len(frame)),
    )  # fmt: skip
    output.say(
        t(
            "Moran's I is {first} in the first period and {last} in the last; it is "
            "significant (5 %) in {count} of {total} periods.",
            first=number(frame["moran_i"].iloc[0]), last=number(last["moran_i"]),
            count=count, total=len(frame),
        )
    )  # fmt: skip
    for period, result in names["lisa"].items():
        counts = [
            t("{count} {cluster}", cluster=label("cluster", cluster), count=count)
            for cluster, count in result.counts.items()
            if count
        ]
        output.say(t("{period}: {counts}.", period=period, counts=join(", ", counts)))
    output.say(
        t(
            "Without any spatial association one unit in twenty would pass a test at 5 %: some "
            "clusters are due to chance (see the option fdr of nqp_spatial.esda.lisa)."
        )
    )
    further_words(output, names)
    output.show(
        t("Moran's I by period, with its expected value without association"),
        frame[["moran_i", "expected", "p_value"]], files=["moran"],
    )  # fmt: skip
    further_tables(output, names)
    return output
