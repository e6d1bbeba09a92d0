"""Moran's scatter plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Count, Width, checked
from nqp_spatial.esda import LisaResult
from nqp_spatial.plots._theme import (
    CLUSTER_COLOURS,
    COLUMN,
    INK,
    MUTED,
    Layer,
    check_fonts,
    layer,
    new_figure,
    themed,
    wrapped,
)
from nqp_spatial.plots.maps.lisa_maps import rule_of
from nqp_spatial.plots.words import Lang, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["moran_scatter"]


@checked
def moran_scatter(
    lisa: LisaResult,
    *,
    annotate: Count = 0,
    title: str | None = None,
    points_kw: Layer = None,
    line_kw: Layer = None,
    legend_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw each unit's value against its neighbours', both in standard deviations.

    Parameters
    ----------
    lisa : LisaResult
        From `nqp_spatial.esda.lisa`.
    annotate : int
        Number of units, those with the largest local statistics, to name beside their points.
    title : str, optional
        By default the variable's label and the period.
    points_kw, line_kw, legend_kw : mapping, optional
        Keyword arguments of matplotlib for the points, the line and the legend.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Points are coloured by cluster; the line is the regression of the lag on the value, whose
        slope is Moran's I where rows of W add to one.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> lisa = nq.esda.lisa(panel, "income", nq.weights.contiguity(panel), period=2009, seed=0)
    >>> nq.plots.moran_scatter(lisa).get_title(loc="left")
    'Income per head, dollars, 2009'
    """
    at = lisa.standardized.loc[lisa.frame["cluster"] != "No neighbours"]
    cluster = lisa.frame["cluster"].reindex(at.index)
    with themed(lang):
        if ax is None:
            ax = new_figure(width, width * 0.95)[1][0, 0]
        ax.axhline(0, color=MUTED, lw=0.5, ls=(0, (4, 3)), zorder=1)
        ax.axvline(0, color=MUTED, lw=0.5, ls=(0, (4, 3)), zorder=1)
        for name in ("High-High", "Low-Low", "High-Low", "Low-High", "Not significant"):
            those = at[cluster == name]
            if len(those):
                plain = name == "Not significant"
                look = layer(
                    points_kw, s=14, color=CLUSTER_COLOURS[name], edgecolor=MUTED if plain else INK,
                    linewidth=0.3, label=f"{say(name)} ({len(those)})", zorder=2 if plain else 3,
                )  # fmt: skip
                ax.scatter(those["z"], those["lag_z"], **look)
        slope = float((at["z"] * at["lag_z"]).sum() / (at["z"] ** 2).sum())
        ends = np.array([at["z"].min(), at["z"].max()])
        level = float(at["lag_z"].mean() - slope * at["z"].mean())
        ax.plot(ends, level + slope * ends, **layer(line_kw, color=INK, lw=1, zorder=2.5))
        order = lisa.frame.loc[at.index, "local_i"].abs().sort_values(ascending=False)
        _name_points(ax, at, list(order.index[:annotate]), width)
        ax.set_xlabel(say("Value, standard deviations from the mean"))
        ax.set_ylabel(say("Its spatial lag"))
        named = say("{name}, {period}", name=lisa.label, period=lisa.period)
        ax.set_title(wrapped(title if title is not None else named, width))
        value = say("Moran's I = {value}", value=f"{lisa.moran_i:.3f}")
        # On white: the line of the mean may pass below it.
        ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        ax.text(0.02, 0.98, value, transform=ax.transAxes, va="top", bbox=ground)
        below = layer(
            legend_kw, title=say("Local Moran, {rule}", rule=rule_of(lisa)), alignment="left",
            loc="upper center", bbox_to_anchor=(0.45, -0.17), ncols=2, handletextpad=0.2,
            columnspacing=1.0, labelspacing=0.3,
        )  # fmt: skip
        ax.legend(**below)
    check_fonts(ax)
    return ax


def _name_points(ax: Axes, at: pd.DataFrame, units: list[object], width: float) -> None:
    """Write names beside points, each on the side where it covers least."""
    # Points (1/72 inch) on a drawing area of about this size: near enough to keep names apart.
    spans = at.max() - at.min()
    scale = 72 * 0.8 * width / spans.to_numpy()
    places = at.to_numpy() * scale
    taken = [(*(place - 2.5), *(place + 2.5)) for place in places]
    for unit in units:
        here = at.loc[unit].to_numpy()
        x, y = here * scale
        long, tall = 3.8 * len(str(unit)), 6.0
        options = []
        for right, up in ((True, True), (False, True), (True, False), (False, False)):
            left, low = (x + 3 if right else x - 3 - long), (y + 2 if up else y - 2 - tall)
            box = (left, low, left + long, low + tall)
            options.append((sum(_overlap(box, other) for other in taken), right, up, box))
        _, right, up, box = min(options, key=lambda option: option[0])
        taken.append(box)
        ax.annotate(
            str(unit), here, (3 if right else -3, 2 if up else -2), textcoords="offset points",
            ha="left" if right else "right", va="bottom" if up else "top", fontsize=6,
        )  # fmt: skip


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Return the area that two boxes (left, low, right, high) share."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(tall, 0.0)
