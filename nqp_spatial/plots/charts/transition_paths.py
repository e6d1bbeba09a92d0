"""Relative transition paths of convergence clubs and their members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nqp_spatial.convergence import ClubsResult
from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.plots._canvas import counted, drawing, legend_below, room, room_up, wrapped
from nqp_spatial.plots._theme import COLUMN, MARKERS, MUTED, Layer, layer, ordered_colours
from nqp_spatial.plots.charts._periods import period_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["transition_paths"]


@checked
def transition_paths(
    result: ClubsResult,
    *,
    units: bool = True,
    title: str | None = None,
    label: str | None = None,
    line_kw: Layer = None,
    units_kw: Layer = None,
    legend_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the relative transition paths of clubs, and of their members behind.

    Parameters
    ----------
    result : ClubsResult
        From `nqp_spatial.convergence.clubs`.
    units : bool
        Whether to draw each unit's path.
    title, label : str, optional
        Of the figure and of the vertical axis.
    line_kw, units_kw, legend_kw : mapping, optional
        Keyword arguments of the clubs' lines, of the units' ``LineCollection`` and of the legend.
    lang : {"en", "zh"}
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Paths are over the mean of all units, which is the dashed line.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    >>> clubs = nq.convergence.clubs(cities, "gdp_pc", logs=True)
    >>> len(nq.plots.transition_paths(clubs, units=False).lines)
    7
    """
    membership = result.membership
    numbers = result.frame.index
    colours = dict(zip(numbers, ordered_colours(len(numbers)), strict=True))
    divergent = result.paths[membership.isna().reindex(result.paths.index)]
    width = room(ax, width)
    with drawing(ax, (width, 0.78 * width), lang=lang, title=title) as axes:
        x = period_axis(axes, result.paths.columns, width)
        if units:
            for number, colour in colours.items():
                members = result.paths[(membership == number).reindex(result.paths.index)]
                _draw_units(axes, x, members, units_kw, colour, "-")
            if len(divergent):
                _draw_units(axes, x, divergent, units_kw, MUTED, (0, (2, 2)))
        axes.axhline(1, color=MUTED, lw=0.6, ls=(0, (4, 3)), zorder=1)
        for position, (number, colour) in enumerate(colours.items()):
            path = result.club_paths.loc[number]
            name = translate(t("Club {number}", number=number))
            entry = counted(name, int((membership == number).sum()))
            axes.plot(x, path, color="white", lw=3.0, zorder=3)
            style = layer(
                line_kw, color=colour, lw=1.6, zorder=4, label=entry,
                marker=MARKERS[position % len(MARKERS)], ms=3.5, mec="white", mew=0.4,
                markevery=max(len(x) // 6, 1),
            )  # fmt: skip
            axes.plot(x, path, **style)
        if len(divergent) and units:
            entry = counted(translate(t("Divergent")), len(divergent))
            axes.plot([], [], color=MUTED, lw=0.8, ls=(0, (2, 2)), label=entry)
        axes.autoscale_view(scalex=False)
        words = (
            label
            if label is not None
            else translate(t("Relative transition path (mean of all = 1)"))
        )
        axes.set_ylabel(wrapped(words, room_up(ax, 0.6 * width)))
        legend_below(axes, legend_kw, width, handlelength=1.8)
    return axes


def _draw_units(
    ax: Axes, x: np.ndarray, paths: pd.DataFrame, units_kw: Layer, colour: Any, line_style: Any
) -> None:
    """Draw the path of each unit as a thin line."""
    from matplotlib.collections import LineCollection

    heights = paths.to_numpy()
    lines = np.stack([np.broadcast_to(x, heights.shape), heights], axis=-1)
    alpha = float(np.clip(25 / max(len(heights), 1), 0.12, 0.6))
    style = layer(units_kw, colors=[colour], lw=0.35, alpha=alpha, linestyles=line_style)
    ax.add_collection(LineCollection(list(lines), **style))
