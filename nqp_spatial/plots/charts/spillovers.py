"""How far a spillover reaches, where a threshold lies, what a border takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nqp_spatial.core.options import Width, checked
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._theme import (
    BLUE,
    COLUMN,
    INK,
    MUTED,
    RED,
    Layer,
    check_fonts,
    layer,
    new_figure,
    themed,
    wrapped,
)
from nqp_spatial.plots.words import Lang, say
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
        Thick lines are intervals of each band, thin ones those that hold for all bands at once.

    Raises
    ------
    OptionError
        If there is no such regressor, or several and none is named.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> found = nq.spillovers.reach("lgsp ~ lpc", panel, edges_km=[0, 600, 1200], effects="unit")
    >>> nq.plots.reach(found).get_xlabel()
    'Distance, km'
    """
    frame = result.frame
    names = list(frame["variable"].unique())
    if variable is None and len(names) == 1:
        variable = names[0]
    if variable not in names:
        raise OptionError(f"name one of the regressors, {', '.join(names)}; got {variable!r}")
    rows = frame[frame["variable"] == variable].reset_index(drop=True)
    if "simultaneous_low" in rows:
        texts = [
            f"{a:g}–{b:g}" if np.isfinite(b) else f"> {a:g}"
            for a, b in zip(rows["low_km"], rows["high_km"], strict=True)
        ]
    elif (rows["low_km"] == rows["low_km"].iloc[0]).all():
        texts = [f"≤ {b:g}" for b in rows["high_km"]]
    else:
        texts = [f"> {a:g}" for a in rows["low_km"]]
    at = np.arange(len(rows))
    with themed(lang):
        if ax is None:
            ax = new_figure(width, 0.68 * width)[1][0, 0]
        ax.axhline(0, color=MUTED, lw=0.6, zorder=1)
        if "simultaneous_low" in rows:
            low, high = rows["simultaneous_low"], rows["simultaneous_high"]
            ax.vlines(at, low, high, color=BLUE, lw=0.8, zorder=2, label=say("all bands at once"))
        words = say("{level} interval", level=f"{result.level:.0%}")
        look = layer(line_kw, color=BLUE, lw=2.4, zorder=3, label=words)
        ax.vlines(at, rows["conf_low"], rows["conf_high"], **look)
        look = layer(points_kw, marker="o", ls="", color=BLUE, ms=4.5, mec="white", mew=0.6)
        ax.plot(at, rows["estimate"], **{"zorder": 4, **look})
        ax.set_xticks(at, texts)
        ax.set_xlim(-0.6, len(rows) - 0.4)
        ax.set_xlabel(say("Distance, km"))
        named = label if label is not None else variable
        ax.set_ylabel(wrapped(say("Indirect effect of {name}", name=named), 0.5 * width))
        # Above the axes: inside, any corner may hold a band.
        ax.legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=2, handlelength=1, borderaxespad=0.2
        )
        if title:
            ax.set_title(title, pad=16)
    check_fonts(ax)
    return ax


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
        Candidates below the line are in the interval.

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
    'Likelihood ratio of gamma'
    """
    profile = result.profile[np.isfinite(result.profile["lr"])]
    if len(profile) < 2:
        raise OptionError("the threshold was given, not searched: there is no profile to draw")
    critical = -2 * np.log(1 - np.sqrt(result.level))
    with themed(lang):
        if ax is None:
            ax = new_figure(width, 0.68 * width)[1][0, 0]
        ax.axvspan(result.conf_low, result.conf_high, color=BLUE, alpha=0.12, lw=0)
        ax.plot(
            profile.index,
            profile["lr"],
            **layer(line_kw, marker="o", color=BLUE, ms=2.5, lw=1.0),
        )
        ax.axhline(critical, color=RED, lw=0.9, ls="--")
        # At the end that is farther from the threshold, where the profile is high above it.
        ends = profile.index[0], profile.index[-1]
        right = ends[1] - result.gamma > result.gamma - ends[0]
        ax.text(
            ends[int(right)], critical,
            say("{level} critical value", level=f"{result.level:.0%}"), color=RED,
            ha="right" if right else "left", va="bottom", fontsize=6.5,
        )  # fmt: skip
        ax.axvline(result.gamma, color=INK, lw=0.8)
        ax.set_ylim(0, None)
        words = {"sender": "{name} of the sender", "receiver": "{name} of the receiver"}
        side = words.get(result.on, "{name} of the sender less the receiver's")
        named = say(side, name=label if label is not None else result.score)
        ax.set_xlabel(wrapped(named, 0.95 * width))
        ax.set_ylabel(say("Likelihood ratio of gamma"))
        if title:
            ax.set_title(title)
    check_fonts(ax)
    return ax


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
    """Draw the share of the spillover that each border takes, with Fieller's interval.

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
    >>> nq.plots.border_loss(res).get_xlabel()
    'Share of the spillover lost'
    """
    share, limits = result.share, result.share_interval()
    inside = [
        value
        for part in share.index
        for value in (limits.loc[part, "conf_low"], limits.loc[part, "conf_high"], share[part])
        if abs(value) < 3
    ]
    low, high = min([0.0, *inside]) - 0.15, max([1.0, *inside]) + 0.15
    with themed(lang):
        if ax is None:
            ax = new_figure(width, 0.4 * len(share) + 0.75)[1][0, 0]
        for at, part in enumerate(share.index):
            kind = limits.loc[part, "kind"]
            ends = float(limits.loc[part, "conf_low"]), float(limits.loc[part, "conf_high"])
            spans = [ends] if kind == "bounded" else [(-np.inf, np.inf)]
            if kind == "outside":
                spans = [(-np.inf, ends[0]), (ends[1], np.inf)]
            for start, stop in spans:
                a, b = max(start, low), min(stop, high)
                look = layer(line_kw, color=BLUE, lw=1.6, solid_capstyle="butt", zorder=2)
                ax.plot([a, b], [at, at], **look)
                for edge, marker, cut in ((a, "<", start < low), (b, ">", stop > high)):
                    if cut:
                        ax.plot(edge, at, marker, color=BLUE, ms=4, clip_on=False)
            if low < share[part] < high:
                look = layer(points_kw, marker="o", color=BLUE, ms=4.5, mec="white", mew=0.6)
                ax.plot(share[part], at, **{"zorder": 3, **look})
        for value, style in ((0, "-"), (1, ":")):
            ax.axvline(value, color=MUTED, lw=0.7, ls=style, zorder=1)
        ax.set_xlim(low, high)
        ax.set_ylim(len(share) - 0.5, -0.5)
        ax.set_yticks(range(len(share)), [_border(part) for part in share.index])
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(say("Share of the spillover lost"))
        if title:
            ax.set_title(title)
    check_fonts(ax)
    return ax


def _border(part: str) -> str:
    """Return "across a, within b" in the language that is spoken."""
    border, _, other = part.removeprefix("across ").partition(", within ")
    if other:
        return say("across {border}, within {other}", border=border, other=other)
    return say("across {border}", border=border)
