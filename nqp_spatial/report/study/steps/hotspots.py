"""Hot and cold spots, or units that are like their neighbours."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nqp_spatial.core.text import join, label, listed, t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step, name_of

__all__ = ["hotspots"]

_NAMED = 12  # units of a cluster in a sentence


def hotspots(config: StudyConfig) -> Step:
    """Find where high or low values are concentrated."""
    figures, table = [], config.hotspots
    is_geary = table is not None and table.statistic == "local-geary"
    title = t("Likeness of neighbours") if is_geary else t("Hot spots and cold spots")
    if config.data.geometry:
        outcome = name_of(config, config.outcome_name)
        caption = (
            t("Units whose {outcome} is like, or unlike, that of their neighbours, and the "
              "significance.", outcome=outcome)
            if is_geary
            else t("Hot spots and cold spots of {outcome}, and their significance.",
                   outcome=outcome)
        )  # fmt: skip
        figures.append(("hotspots", caption))
    return make_step("hotspots", title, config, _read, figures=figures)


def _read(names: Names) -> StepOutput:
    output, results = StepOutput(), names["hotspots"]
    first, *_, last = [*results.values()] * 2
    output.say(_meaning(first))
    for period, result in results.items():
        for kind in result.kinds:
            output.say(_members(str(period), kind, result.frame["cluster"]))
        if not result.counts[list(result.kinds)].sum():
            output.say(t("{period}: no unit is significant.", period=period))
    output.say(
        t("Criterion: {rule}.", rule=first.criterion()),
        "" if first.fdr else t(
            "Without any spatial association one unit in twenty would pass a test at 5 %. With "
            "[hotspots] fdr = true, alpha bounds the expected share of false clusters instead."
        ),
    )  # fmt: skip
    output.note(dict.fromkeys(note for result in results.values() for note in result.notes))
    output.headline(
        t("{statistic}, significant units ({period})", statistic=first.name, period=last.period),
        str(int(last.counts[list(last.kinds)].sum())),
        join(", ", [
            t("{cluster}: {count}", cluster=label("cluster", kind), count=last.counts[kind])
            for kind in last.kinds if last.counts[kind]
        ]),
    )  # fmt: skip
    counts = pd.DataFrame({period: result.counts for period, result in results.items()}).T
    output.show(
        t("Number of units by class"), counts, columns="cluster",
        files=[f"hotspots_{number}" for number in range(1, len(results) + 1)],
    )  # fmt: skip
    return output


def _meaning(result: Any) -> str:
    if "Hot spot" not in result.kinds:
        return t(
            "The local Geary statistic compares a unit with each of its neighbours. It is small "
            "where they are alike, whether they are high or low."
        )
    return t(
        "A hot spot is a neighbourhood whose values are higher than those of randomly chosen units "
        "would be, a cold spot one whose values are lower. A single high value among low ones is "
        "no hot spot."
    )


def _members(period: str, kind: str, clusters: pd.Series) -> str:
    """Return the names of the units of a class, of many the first ones."""
    units = [str(unit) for unit in clusters.index[clusters == kind]]
    if not units:
        return ""
    values = {
        "period": period, "cluster": label("cluster", kind), "count": len(units),
        "units": listed(units, _NAMED),
    }  # fmt: skip
    return t("{period}, {cluster} ({count}): {units}.", **values)
