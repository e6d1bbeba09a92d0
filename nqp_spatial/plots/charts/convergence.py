"""Figures of convergence in growth and dispersion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.convergence import BetaResult, SigmaResult
from nqp_spatial.core.number_format import typeset
from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, Message, t, translate
from nqp_spatial.core.text import label as word
from nqp_spatial.plots._canvas import (
    capital,
    drawing,
    horizontal_label,
    legend_below,
    percent,
    room,
    room_up,
    wrapped,
)
from nqp_spatial.plots._theme import (
    COLUMN,
    INK,
    LINE_STYLES,
    MARKERS,
    MUTED,
    PALETTE,
    Layer,
    layer,
)
from nqp_spatial.plots.charts._periods import period_axis

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
    >>> beta = nq.convergence.beta(nq.datasets.us_income(), "income")
    >>> ax = nq.plots.beta_scatter(beta, label="income")
    >>> ax.get_legend().get_texts()[0].get_text()
    'half-life 42.1 periods [33.0, 51.2]'
    """
    name = label if label is not None else result.label
    groups = list(dict.fromkeys(result.frame.index.get_level_values("group")))
    width = room(ax, width)
    height = 0.72 * width + 0.35 + 0.17 * len(groups)
    with drawing(ax, (width, height), lang=lang, title=title) as axes:
        size = float(np.clip(600 / len(result.data), 2, 16))
        for i, group in enumerate(groups):
            members = result.data[result.data["group"] == group]
            colour = PALETTE[i % len(PALETTE)]
            row = result.frame.loc[(group, "coefficient")]
            style = layer(
                points_kw, s=size, color=colour, alpha=0.7, lw=0, marker=MARKERS[i % len(MARKERS)]
            )
            axes.scatter(members["start"], members["growth"], **style)
            ends = np.array([members["start"].min(), members["start"].max()])
            heights = members["growth"].mean() + row["estimate"] * (ends - members["start"].mean())
            entry = _half_life(row)
            if group != "all":
                entry = t("{name}: {text}", name=group, text=entry)
            style = layer(
                line_kw, color=colour if len(groups) > 1 else INK, lw=1.3, label=translate(entry)
            )
            axes.plot(ends, heights, **style)
        start = (
            t("Log of initial {name}", name=name)
            if result.spec.logs
            else t("Initial {name}", name=name)
        )
        horizontal_label(axes, translate(start), width)
        axes.set_ylabel(wrapped(translate(_growth(result)), room_up(ax, 0.75 * width)))
        legend_below(axes, legend_kw, width, columns=1, handlelength=1.4)
    return axes


def _half_life(row: pd.Series) -> Message:
    """Return the half-life and its interval in words."""
    if not np.isfinite(row["half_life"]):
        return t("no convergence")
    value = row["half_life"]
    if row["speed_low"] <= 0:
        return t("half-life {value:.1f} periods, no upper bound", value=value)
    return t(
        "half-life {value:.1f} periods [{low:.1f}, {high:.1f}]",
        value=value, low=row["half_life_low"], high=row["half_life_high"],
    )  # fmt: skip


def _growth(result: BetaResult) -> Message:
    """Return what growth is: of logarithms, or the plain change."""
    if result.spec.kind == "cross-section":
        return t("Growth per period, log points") if result.spec.logs else t("Change per period")
    if result.spec.logs:
        return t("Growth over {span:g} period(s), log points", span=result.span)
    return t("Change over {span:g} period(s)", span=result.span)


def _trend_words(result: SigmaResult, marked: bool) -> str:
    """Return the title of the legend of trends, which explains the star if there is one."""
    level = percent(result.spec.level)
    if marked:
        return translate(t("Trend per period (* {level} interval excludes zero)", level=level))
    return translate(t("Trend per period"))


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
    """Draw measures of dispersion over time, relative to the first period, with their trends.

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
        The legend gives the trend in percent per period, and says that a star stands where its
        interval excludes zero.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> sigma = nq.convergence.sigma(nq.datasets.us_income(), "income")
    >>> nq.plots.sigma_lines(sigma).get_legend().get_texts()[0].get_text()
    'Standard deviation of logs: −1.4%*'
    """
    frame = result.frame
    width = room(ax, width)
    height = 0.6 * width + 0.7 + 0.17 * len(frame.columns)
    with drawing(ax, (width, height), lang=lang, title=title) as axes:
        x = period_axis(axes, frame.index, width)
        for i, name in enumerate(frame):
            row = result.trends.loc[name]
            star = "*" if row["conf_low"] > 0 or row["conf_high"] < 0 else ""
            trend = typeset(f"{100 * row['trend']:.1f}%{star}")
            measure = capital(translate(word("column", name)))
            entry = translate(t("{name}: {text}", name=measure, text=trend))
            style = layer(
                line_kw, color=PALETTE[i], ls=LINE_STYLES[i % len(LINE_STYLES)], lw=1.2, label=entry
            )
            axes.plot(x, frame[name] / frame[name].iloc[0], **style)
        axes.axhline(1, color=MUTED, lw=0.6, ls=(0, (4, 3)), zorder=1)
        axes.set_ylabel(translate(t("{period} = 1", period=frame.index[0])))
        trends = result.trends
        marked = bool(((trends["conf_low"] > 0) | (trends["conf_high"] < 0)).any())
        words = _trend_words(result, marked)
        legend_below(axes, legend_kw, width, columns=1, title=words, handlelength=2.4)
    return axes
