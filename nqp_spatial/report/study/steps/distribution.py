"""Distribution dynamics: densities, modes, stochastic kernels."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from nqp_spatial.core.text import Message, t, translate
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.numerals import number, periods_words
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step, name_of

__all__ = ["distribution"]


def distribution(config: StudyConfig) -> Step:
    """Estimate and plot the distribution dynamics."""
    name = name_of(config, config.outcome_name)
    figures = [
        ("ridges", t("Kernel densities of {outcome} by period, with medians.", outcome=name)),
        ("waterfall", t("Kernel densities of {outcome} by period, in three dimensions.",
                        outcome=name)),
        ("kernel", t("Density of {outcome} {time} later, given its present value; on "
                     "the dashed line nothing changes.",
                     outcome=name, time=periods_words(config.dynamics.step))),
        ("kernel_of_neighbours", t("Density of {outcome}, given the mean of the neighbouring "
                                   "units.", outcome=name)),
    ]  # fmt: skip
    step, relative = config.dynamics.step, config.dynamics.relative
    return make_step(
        "distribution", t("The distribution"), config,
        partial(_read, step=step, relative=relative), figures=figures, periods=step + 1,
    )  # fmt: skip


def _read(names: Names, step: int, relative: bool) -> StepOutput:
    output, modes = StepOutput(), names["modes"]
    output.say(_dispersion(names["densities"].values.std(), relative))
    output.say(*(_modes(period, count) for period, count in modes.modes.items()))
    line = names["kernel"].expected
    share = float(np.polyfit(line.index, line, 1)[0])
    output.say(_persistence(share, step))
    output.headline(t("Share of a gap that remains after {time}", time=periods_words(step)),
                    f"{share:.0%}", t("mean over the stochastic kernel"))  # fmt: skip
    table = modes.frame.rename(index=_count_of_modes, level=1)
    output.show(t("Silverman's test of the number of modes"), table, files=["modes"])
    return output


def _dispersion(deviation: pd.Series, relative: bool) -> Message:
    measure = t("the standard deviation of relative values") if relative else t(
        "the standard deviation"
    )  # fmt: skip
    values = {"measure": measure, "first": number(deviation.iloc[0]),
              "last": number(deviation.iloc[-1])}  # fmt: skip
    if deviation.iloc[-1] < deviation.iloc[0]:
        return t("The distribution narrowed: {measure} went from {first} to {last}.", **values)
    return t("The distribution widened: {measure} went from {first} to {last}.", **values)


def _modes(period: object, count: float) -> Message:
    if pd.isna(count):
        return t("{period}: Silverman's test rejects three modes (5 %).", period=period)
    modes = t("one mode") if count == 1 else t("{count} modes", count=count)
    return t("{period}: Silverman's test does not reject {modes} (5 %).",
             period=period, modes=modes)  # fmt: skip


def _persistence(slope: float, step: int) -> Message:
    values = {"share": slope, "time": periods_words(step)}
    if slope >= 1:
        return t("After {time} {share:.0%} of a gap between two units remains on average: gaps do "
                 "not close.", **values)  # fmt: skip
    if slope <= 0:
        return t("After {time} no gap between two units remains on average.", time=values["time"])
    half = number(step * float(np.log(0.5) / np.log(slope)), 1)
    return t("After {time} {share:.0%} of a gap between two units remains on average; at this "
             "rate a gap halves in {half} periods.", half=half, **values)  # fmt: skip


def _count_of_modes(count: object) -> str:
    return translate(t("one mode") if count == 1 else t("{count} modes", count=count))
