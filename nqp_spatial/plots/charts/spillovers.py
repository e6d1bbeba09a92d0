"""How far a spillover reaches, where a threshold lies, how much is lost at a border."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, Message, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._canvas import (
    category_axis,
    drawing,
    horizontal_label,
    legend_below,
    percent,
    room,
    room_rows,
    room_up,
    row_axis,
    wrapped,
)
from nqp_spatial.plots._theme import BLUE, COLUMN, MUTED, Layer, layer
from nqp_spatial.plots.charts._threshold_profile import draw_profile, is_cut
from nqp_spatial.regression._threshold_regions import critical_lr
from nqp_spatial.spillovers import BarrierResult, ReachResult, ThresholdResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["border_loss", "reach", "threshold"]


@checked
def reach(
    result: ReachResult,
    variable: str | None = None,
    *,
    label: str | None = None,
    title: str | None = None,
    points_kw: Layer = None,
    line_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw indirect effects of one regressor by distance.

    Parameters
    ----------
    result : ReachResult
        From `spillovers.reach`, `reach_links_within` or `reach_links_beyond`.
    variable : str, optional
        May be left out if there is only one.
    label : str, optional
        Name of the regressor.
    title : str, optional
    points_kw, line_kw : mapping, optional
        Keyword arguments of matplotlib for the estimates and their intervals.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Thick lines are intervals of each band, thin ones simultaneous intervals for all bands.

    Raises
    ------
    OptionError
        If there is no such regressor, or several and none is named.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> bands = nq.spillovers.reach("lgsp ~ lpc", panel, edges_km=[0, 600, 1200], effects="unit")
    >>> nq.plots.reach(bands).get_xlabel()
    'Distance, km'
    """
    frame = result.frame
    names = list(frame["variable"].unique())
    if variable is None and len(names) == 1:
        variable = names[0]
    if variable not in names:
        raise OptionError(f"name one of the regressors, {', '.join(names)}; got {variable!r}")
    rows = frame[frame["variable"] == variable].reset_index(drop=True)
    places = np.arange(len(rows))
    width = room(ax, width)
    with drawing(ax, (width, 0.72 * width), lang=lang, title=title) as axes:
        axes.axhline(0, color=MUTED, lw=0.6, zorder=1)
        if "simultaneous_low" in rows:
            words = translate(t("simultaneous for all bands"))
            ends = rows["simultaneous_low"], rows["simultaneous_high"]
            axes.vlines(places, *ends, color=BLUE, lw=0.8, zorder=2, label=words)
        words = translate(t("{level} confidence interval", level=percent(result.level)))
        style = layer(line_kw, color=BLUE, lw=2.4, zorder=3, label=words)
        axes.vlines(places, rows["conf_low"], rows["conf_high"], **style)
        style = layer(points_kw, marker="o", ls="", color=BLUE, ms=4.5, mec="white", mew=0.6)
        axes.plot(places, rows["estimate"], **{"zorder": 4, **style})
        category_axis(axes, places, _bands(rows), 0.8 * width)
        axes.set_xlim(-0.6, len(rows) - 0.4)
        horizontal_label(axes, translate(t("Distance, km")), width)
        name = label if label is not None else _label(result, str(variable))
        words = translate(t("Indirect effect of {name}", name=name))
        axes.set_ylabel(wrapped(words, room_up(ax, 0.5 * width)))
        legend_below(axes, None, width, columns=2, handlelength=1)
    return axes


def _label(result: ReachResult, variable: str) -> str:
    return variable if result.model is None else result.model.label(variable)


def _bands(rows: pd.DataFrame) -> list[str]:
    """Return the distances of each row: bands, or all up to or beyond a distance."""
    if "simultaneous_low" in rows:
        return [
            f"{low:g}–{high:g}" if np.isfinite(high) else f"> {low:g}"
            for low, high in zip(rows["low_km"], rows["high_km"], strict=True)
        ]
    if (rows["low_km"] == rows["low_km"].iloc[0]).all():
        return [f"≤ {high:g}" for high in rows["high_km"]]
    return [f"> {low:g}" for low in rows["low_km"]]


@checked
def threshold(
    result: ThresholdResult,
    *,
    label: str | None = None,
    title: str | None = None,
    line_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the likelihood ratio of each candidate threshold, and its interval.

    Parameters
    ----------
    result : ThresholdResult
        From `spillovers.threshold`, with a searched threshold.
    label : str, optional
        Name of the score.
    title : str, optional
    line_kw : mapping, optional
        Keyword arguments of matplotlib for the profile.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Candidates below the line are in the interval, which is shaded. Where the statistic rises
        far above the critical value, the axis ends earlier, and marks at its edge stand for the
        candidates beyond, with their maximum in the legend.

    Raises
    ------
    OptionError
        If the threshold was given, so that there is nothing to draw.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> level = panel.frame["lpc"].groupby(level="unit").mean()
    >>> res = nq.spillovers.threshold(
    ...     "lgsp ~ lpc", panel, w, score=level, effects="unit", replications=0, grid=8)
    >>> nq.plots.threshold(res).get_ylabel()
    'Likelihood ratio statistic'
    """
    profile = result.profile[np.isfinite(result.profile["lr"])]
    if len(profile) < 2:
        raise OptionError("the threshold was given, not searched: there is no profile to draw")
    critical = critical_lr(result.level)
    width = room(ax, width)
    size = width, 0.68 * width + (0.35 if is_cut(profile["lr"], critical) else 0.2)
    with drawing(ax, size, lang=lang, title=title) as axes:
        estimate = (result.gamma, result.conf_low, result.conf_high)
        draw_profile(axes, profile["lr"], estimate, critical, result.level, line_kw)
        name = label if label is not None else result.model.label(result.score)
        horizontal_label(axes, translate(_score(result.on, name)), width)
        axes.set_ylabel(wrapped(translate(t("Likelihood ratio statistic")), room_up(ax, width)))
        legend_below(axes, None, width, columns=1, handlelength=1)
    return axes


def _score(on: str, name: str) -> Message:
    """Return whose score decides about a link."""
    if on == "sender":
        return t("{name} of the sender", name=name)
    if on == "receiver":
        return t("{name} of the receiver", name=name)
    return t("{name} of the sender minus that of the receiver", name=name)


@checked
def border_loss(
    result: BarrierResult,
    *,
    title: str | None = None,
    points_kw: Layer = None,
    line_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw the share of the spillover that is lost at each border, with Fieller's interval.

    Parameters
    ----------
    result : BarrierResult
        From `spillovers.barrier`.
    title : str, optional
    points_kw, line_kw : mapping, optional
        Keyword arguments of matplotlib for the shares and their intervals.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Intervals that have no ends in the figure run to its edge with arrows.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> half = panel.units.to_series().lt("MO").map({True: "first", False: "second"})
    >>> res = nq.spillovers.barrier(
    ...     "lgsp ~ lpc", panel, nq.weights.knn(panel, k=6), group=half, effects="unit")
    >>> nq.plots.border_loss(res).get_xlabel().split("\n")
    ['Share of the spillover lost', '(0 none, 1 all)']
    """
    share, limits = result.share, result.share_interval()
    ends = limits[["conf_low", "conf_high"]].assign(share=share).to_numpy(dtype=float)
    shown = ends[np.abs(ends) < 3]
    low, high = min([0.0, *shown]) - 0.15, max([1.0, *shown]) + 0.15
    width = room(ax, width)
    with drawing(ax, (width, 0.42 * len(share) + 0.85), lang=lang, title=title) as axes:
        for place, part in enumerate(share.index):
            for start, stop in _spans(limits.loc[part]):
                begin, end = max(start, low), min(stop, high)
                style = layer(line_kw, color=BLUE, lw=1.6, solid_capstyle="butt", zorder=2)
                axes.plot([begin, end], [place, place], **style)
                if start < low:
                    axes.plot(begin, place, "<", color=BLUE, ms=4, clip_on=False)
                if stop > high:
                    axes.plot(end, place, ">", color=BLUE, ms=4, clip_on=False)
            if low < share[part] < high:
                style = layer(points_kw, marker="o", color=BLUE, ms=4.5, mec="white", mew=0.6)
                axes.plot(share[part], place, **{"zorder": 3, **style})
        for value, line in ((0, "-"), (1, ":")):
            axes.axvline(value, color=MUTED, lw=0.7, ls=line, zorder=1)
        axes.set_xlim(low, high)
        axes.set_ylim(len(share) - 0.5, -0.5)
        names = [translate(_border(result, part)) for part in share.index]
        row_axis(axes, range(len(share)), names, 0.36 * width, room_rows(ax, 0.42 * len(share)))
        horizontal_label(axes, translate(t("Share of the spillover lost\n(0 none, 1 all)")), width)
    return axes


def _spans(limits: pd.Series) -> list[tuple[float, float]]:
    """Return the pieces of Fieller's interval: one, two that leave out a middle, or the line."""
    low, high = float(limits["conf_low"]), float(limits["conf_high"])
    if limits["kind"] == "bounded":
        return [(low, high)]
    if limits["kind"] == "outside":
        return [(-np.inf, low), (high, np.inf)]
    return [(-np.inf, np.inf)]


def _border(result: BarrierResult, part: str) -> Message:
    """Return "across a, within b" as a message, with the labels of the groups."""
    labels = {
        name: groups.title if groups.name == name else name
        for name, groups in result.groups.items()
    }
    border, _, other = part.removeprefix("across ").partition(", within ")
    border, other = labels.get(border, border), labels.get(other, other)
    if other:
        return t("across {border}, within {other}", border=border, other=other)
    return t("across {border}", border=border)
