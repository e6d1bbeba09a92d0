"""Moran's scatter plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Count, Width, checked
from nqp_spatial.core.text import Lang, label, language, t, translate
from nqp_spatial.esda import LisaResult
from nqp_spatial.plots._canvas import (
    counted,
    drawing,
    horizontal_label,
    legend_below,
    room,
    room_up,
    sized,
    wrapped,
)
from nqp_spatial.plots._theme import CLUSTER_COLOURS, COLUMN, INK, MUTED, Layer, layer
from nqp_spatial.plots.maps.lisa_maps import lisa_legend, lisa_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["moran_scatter"]


@checked
def moran_scatter(
    result: LisaResult,
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
    result : LisaResult
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
    is_linked = result.frame["cluster"] != "No neighbours"
    points = result.standardized.loc[is_linked]
    cluster = result.frame["cluster"].reindex(points.index)
    with language(lang):
        title = lisa_title(result) if title is None else title
    width = room(ax, width)
    with drawing(ax, (width, 0.95 * width), lang=lang, title=title) as axes:
        axes.axhline(0, color=MUTED, lw=0.5, ls=(0, (4, 3)), zorder=1)
        axes.axvline(0, color=MUTED, lw=0.5, ls=(0, (4, 3)), zorder=1)
        for name in ("High-High", "Low-Low", "High-Low", "Low-High", "Not significant"):
            members = points[cluster == name]
            if len(members):
                plain = name == "Not significant"
                entry = counted(translate(label("cluster", name)), len(members))
                style = layer(
                    points_kw, s=14, color=CLUSTER_COLOURS[name], edgecolor=MUTED if plain else INK,
                    linewidth=0.3, label=entry, zorder=2 if plain else 3,
                )  # fmt: skip
                axes.scatter(members["z"], members["lag_z"], **style)
        slope = float((points["z"] * points["lag_z"]).sum() / (points["z"] ** 2).sum())
        ends = np.array([points["z"].min(), points["z"].max()])
        level = float(points["lag_z"].mean() - slope * points["z"].mean())
        axes.plot(ends, level + slope * ends, **layer(line_kw, color=INK, lw=1, zorder=2.5))
        order = result.frame.loc[points.index, "local_i"].abs().sort_values(ascending=False)
        _name_points(axes, points, list(order.index[:annotate]), width)
        horizontal_label(axes, translate(t("Standardised value")), width)
        axes.set_ylabel(wrapped(translate(t("Spatial lag")), room_up(ax, width)))
        words = translate(t("Moran's I = {value:.3f}", value=result.moran_i))
        # On white: the line of the mean may pass below it.
        ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axes.text(0.02, 0.98, words, transform=axes.transAxes, va="top", bbox=ground)
        legend_below(
            axes, legend_kw, width, columns=2, title=lisa_legend(result), handletextpad=0.2,
            handlelength=1.2,
        )  # fmt: skip
    return axes


def _name_points(ax: Axes, points: pd.DataFrame, units: list[object], width: float) -> None:
    """Write names beside points, each on the side where it covers least."""
    # Points (1/72 inch) on a drawing area of about this size: near enough to keep names apart.
    spans = points.max() - points.min()
    scale = 72 * 0.8 * width / spans.to_numpy()
    places = points.to_numpy() * scale
    boxes = [(*(place - 2.5), *(place + 2.5)) for place in places]
    for unit in units:
        point = points.loc[unit].to_numpy()
        x, y = point * scale
        long, tall = 3.8 * len(str(unit)), 6.0
        options = []
        for right, up in ((True, True), (False, True), (True, False), (False, False)):
            x_low, y_low = (x + 3 if right else x - 3 - long), (y + 2 if up else y - 2 - tall)
            box = (x_low, y_low, x_low + long, y_low + tall)
            options.append((sum(_overlap(box, other) for other in boxes), right, up, box))
        _, right, up, box = min(options, key=lambda option: option[0])
        boxes.append(box)
        ax.annotate(
            str(unit), point, (3 if right else -3, 2 if up else -2), textcoords="offset points",
            ha="left" if right else "right", va="bottom" if up else "top", fontsize=sized(6),
        )  # fmt: skip


def _overlap(box: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Return the area that two boxes (x_low, y_low, x_high, y_high) share."""
    wide = min(box[2], other[2]) - max(box[0], other[0])
    tall = min(box[3], other[3]) - max(box[1], other[1])
    return max(wide, 0.0) * max(tall, 0.0)
