"""Spatial association: Moran's I in all periods, local clusters."""

from __future__ import annotations

from nqp_spatial.core.text import join, label, t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step

__all__ = ["association"]


def association(config: StudyConfig) -> Step:
    """Measure Moran's I in all periods and map local association."""
    figures = []
    if config.data.geometry:
        caption = t("Clusters of high and low values, and their significance.")
        figures.append(("lisa_maps", caption))
    for number in range(len(config.lisa.periods or (0, 1))):
        figures.append((f"moran_scatter_{number + 1}", t("Each unit and its neighbours.")))
    return make_step("association", t("Spatial clusters"), config, _read, figures=figures)


def _read(names: Names) -> StepOutput:
    output, frame = StepOutput(), names["moran"].frame
    output.say(
        t(
            "Moran's I is {first:.3f} in the first period and {last:.3f} in the last; it is "
            "significant (5 %) in {count} of {total} periods.",
            first=frame["moran_i"].iloc[0], last=frame["moran_i"].iloc[-1],
            count=(frame["p_value"] < 0.05).sum(), total=len(frame),
        )
    )  # fmt: skip
    for period, result in names["lisa"].items():
        counts = [
            t("{cluster} {count}", cluster=label("cluster", cluster), count=count)
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
    output.show(t("Moran's I"), frame[["moran_i", "expected", "p_value"]])
    return output
