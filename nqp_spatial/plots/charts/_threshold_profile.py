"""The likelihood ratio of each candidate of a threshold, its critical value and its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.text import t, translate
from nqp_spatial.plots._canvas import percent, sized
from nqp_spatial.plots._theme import BLUE, INK, RED, Layer, layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_profile", "is_cut"]

# A profile that rises above so many critical values is cut off at so many.
_MOST, _ZOOM = 8, 4
# Candidates up to which each has a mark; marks at the edge of the axis, at most.
_MARKS, _EDGE_MARKS = 150, 50


def is_cut(lr: pd.Series, critical: float) -> bool:
    """Return whether the axis ends below the largest value."""
    return bool(lr.max() > _MOST * critical)


def draw_profile(
    axes: Axes,
    lr: pd.Series,
    estimate: tuple[float, float, float],
    critical: float,
    level: float,
    line_kw: Layer,
) -> None:
    """Draw likelihood ratios by candidate.

    Parameters
    ----------
    axes : Axes
    lr : Series
        By candidate, ascending.
    estimate : tuple of float
        The threshold and the ends of its interval.
    critical : float
        Critical value at the level.
    level : float
    line_kw : mapping, optional
        Keyword arguments of matplotlib for the profile.
    """
    gamma, low, high = estimate
    words = t(
        "{level} confidence interval: {low:.4g} to {high:.4g}",
        level=percent(level), low=low, high=high,
    )  # fmt: skip
    # The edge shows an interval of one candidate, which has no width.
    axes.axvspan(low, high, fc=BLUE, ec=BLUE, alpha=0.2, lw=1.5, label=translate(words))
    marker = "o" if len(lr) <= _MARKS else ""
    style = layer(line_kw, marker=marker, color=BLUE, ms=2.5, lw=1.0)
    axes.plot(lr.index, lr, **style)
    axes.axhline(critical, color=RED, lw=0.9, ls="--")
    # At the end that is farther from the threshold, where the profile is high above it.
    ends = lr.index[0], lr.index[-1]
    right = ends[1] - gamma > gamma - ends[0]
    words = t("{level} critical value: {value:.2f}", level=percent(level), value=critical)
    axes.annotate(
        translate(words), (ends[int(right)], critical), (0, 2), textcoords="offset points",
        color=RED, ha="right" if right else "left", va="bottom", fontsize=sized(6.5), zorder=6,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.85},
    )  # fmt: skip
    words = t("estimate: {value:.4g}", value=gamma)
    axes.axvline(gamma, color=INK, lw=0.8, label=translate(words))
    axes.set_ylim(0, None)
    if is_cut(lr, critical):
        _end_axis(axes, lr, _ZOOM * critical)


def _end_axis(ax: Axes, profile: pd.Series, top: float) -> None:
    """End the axis where the critical value can be seen; marks at the edge show what is beyond."""
    ax.set_ylim(0, top)
    beyond = profile[profile > top]
    if len(profile) > _MARKS:
        beyond = beyond.iloc[:: 1 + len(beyond) // _EDGE_MARKS]
    words = t("beyond the axis, up to {value:,.0f}", value=float(profile.max()))
    ax.plot(
        beyond.index, np.full(len(beyond), top), ls="", marker="^", ms=3.5, mfc="white", mec=BLUE,
        mew=0.7, clip_on=False, zorder=5, label=translate(words),
    )  # fmt: skip
