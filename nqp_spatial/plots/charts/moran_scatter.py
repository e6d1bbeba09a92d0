"""Moran's scatter plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

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
    wrapped,
)
from nqp_spatial.plots._point_names import name_points
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
        Number of units, those with the largest local statistics, to name beside their points. Names
        stand where they cover neither points nor each other; a name away from its point has a line.
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
        if annotate:
            axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())  # names do not move the points
            sizes = result.frame.loc[points.index, "local_i"].abs().to_numpy()
            largest = np.argsort(-sizes, kind="stable")[:annotate].tolist()
            name_points(axes, points.to_numpy(), largest, [str(points.index[i]) for i in largest])
    return axes
