"""Figures of convergence in growth and dispersion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.convergence import BetaResult, SigmaResult
from nqp_spatial.convergence.sigma import MEASURES
from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.periods import places_on_axis
from nqp_spatial.plots._theme import (
    COLUMN,
    INK,
    PALETTE,
    Layer,
    check_fonts,
    layer,
    new_figure,
    themed,
    wrapped,
)
from nqp_spatial.plots.words import Lang, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["beta_scatter", "sigma_lines"]


@checked
def beta_scatter(
    result: BetaResult,
    *,
    title: str | None = None,
    label: str | None = None,
    points_kw: Layer = None,
    line_kw: Layer = None,
    legend_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw growth against the starting level, with the estimated line of each group.

    Parameters
    ----------
    result : BetaResult
        From `nqp_spatial.convergence.beta`.
    title, label : str, optional
        Of the figure, and of the variable.
    points_kw, line_kw, legend_kw : mapping, optional
        Keyword arguments of matplotlib for the points, the lines and the legend.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        The line has the estimated slope and goes through the group's mean, so that with controls,
        effects or neighbours it need not fit the cloud. The legend gives half-lives.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> found = nq.convergence.beta(nq.datasets.us_income(), "income")
    >>> ax = nq.plots.beta_scatter(found, label="income")
    >>> ax.get_legend().get_texts()[0].get_text()
    'half-life 42.1 periods [33.0, 51.2]'
    """
    marks = "osD^vPX*"
    named = label if label is not None else result.label
    with themed(lang):
        if ax is None:
            lines = result.frame.index.get_level_values("group").nunique()
            ax = new_figure(width, 0.72 * width + 0.35 + 0.17 * lines)[1][0, 0]
        groups = list(dict.fromkeys(result.frame.index.get_level_values("group")))
        size = float(np.clip(600 / len(result.data), 2, 16))
        for i, name in enumerate(groups):
            those = result.data[result.data["group"] == name]
            colour = PALETTE[i % len(PALETTE)]
            row = result.frame.loc[(name, "coefficient")]
            look = layer(
                points_kw, s=size, color=colour, alpha=0.7, lw=0, marker=marks[i % len(marks)]
            )
            ax.scatter(those["start"], those["growth"], **look)
            ends = np.array([those["start"].min(), those["start"].max()])
            height = those["growth"].mean() + row["estimate"] * (ends - those["start"].mean())
            text = say("no convergence")
            if np.isfinite(row["half_life"]):
                value, low, high = (
                    f"{row[key]:.1f}" for key in ("half_life", "half_life_low", "half_life_high")
                )
                open_end = row["speed_low"] <= 0
                text = (
                    say("half-life {value} periods, no upper bound", value=value)
                    if open_end
                    else say(
                        "half-life {value} periods [{low}, {high}]", value=value, low=low, high=high
                    )
                )
            look = layer(
                line_kw, color=colour if len(groups) > 1 else INK, lw=1.3,
                label=text if name == "all" else say("{group}: {text}", group=name, text=text),
            )  # fmt: skip
            ax.plot(ends, height, **look)
        start = "Log of {name} at the start" if result.spec.logs else "{name} at the start"
        words = wrapped(say(start, name=named), 0.95 * width)
        ax.set_xlabel(words)
        ax.set_ylabel(_growth_words(result))
        depth = -0.15 - 0.06 * words.count("\n")  # below the label
        below = {"loc": "upper center", "bbox_to_anchor": (0.45, depth), "handlelength": 1.4}
        ax.legend(**layer(legend_kw, **below))
        if title:
            ax.set_title(wrapped(title, width))
    check_fonts(ax)
    return ax


def _growth_words(result: BetaResult) -> str:
    """Return what growth is: of logarithms, or the plain change."""
    span = f"{result.span:g}"
    if result.spec.logs:
        if result.spec.kind == "cross-section":
            return say("Growth a period, log points")
        return say("Growth over {span} period(s), log points", span=span)
    if result.spec.kind == "cross-section":
        return say("Change a period")
    return say("Change over {span} period(s)", span=span)


@checked
def sigma_lines(
    result: SigmaResult,
    *,
    title: str | None = None,
    line_kw: Layer = None,
    legend_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw measures of dispersion over time, each over its first value, with their trends.

    Parameters
    ----------
    result : SigmaResult
        From `nqp_spatial.convergence.sigma`.
    title : str, optional
    line_kw, legend_kw : mapping, optional
        Keyword arguments of matplotlib for the lines and the legend.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        The legend gives the trend in percent a period, with a star where its interval leaves out
        zero.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> found = nq.convergence.sigma(nq.datasets.us_income(), "income")
    >>> nq.plots.sigma_lines(found).get_legend().get_texts()[0].get_text()
    'Standard deviation of logs: -1.4 %*'
    """
    styles = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)), "-", "-")
    periods = result.frame.index
    numeric = pd.api.types.is_any_real_numeric_dtype(periods)
    x = places_on_axis(periods)
    with themed(lang):
        if ax is None:
            ax = new_figure(width, 0.6 * width + 0.7 + 0.17 * len(result.frame.columns))[1][0, 0]
        for i, name in enumerate(result.frame):
            of = result.trends.loc[name]
            star = "*" if of["conf_low"] > 0 or of["conf_high"] < 0 else ""
            said = say(MEASURES[name][0].upper() + MEASURES[name][1:])
            text = say("{group}: {text}", group=said, text=f"{100 * of['trend']:.1f} %{star}")
            look = layer(line_kw, color=PALETTE[i], ls=styles[i], lw=1.2, label=text)
            ax.plot(x, result.frame[name] / result.frame[name].iloc[0], **look)
        if numeric:
            ax.locator_params(axis="x", integer=True, nbins=7)
        else:
            step = -(-len(periods) // 6)
            ax.set_xticks(x[::step], [str(one) for one in periods[::step]])
        ax.set_ylim(bottom=0)
        ax.set_xlim(x[0], x[-1])
        ax.set_ylabel(say("Over the value of {period}", period=periods[0]))
        below = layer(
            legend_kw, title=say("Trend a period"), alignment="left", loc="upper center",
            bbox_to_anchor=(0.45, -0.12), handlelength=2.4,
        )  # fmt: skip
        ax.legend(**below)
        if title:
            ax.set_title(wrapped(title, width))
    check_fonts(ax)
    return ax
