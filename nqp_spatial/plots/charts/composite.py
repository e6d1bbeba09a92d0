"""Figures of a composite index: the weights of its indicators, and how certain ranks are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.composite import CompositeIndex
from nqp_spatial.core.options import Size, Width, checked
from nqp_spatial.core.text import Lang, Message, join, label, t, translate
from nqp_spatial.errors import OptionError, sample
from nqp_spatial.plots._canvas import (
    drawing,
    horizontal_label,
    legend_below,
    number_room,
    room,
    room_rows,
    row_axis,
    sized,
)
from nqp_spatial.plots._theme import COLUMN, INK, MUTED, PALETTE, Layer, layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["index_weights", "rank_intervals"]


def weighting_words(weighting: str) -> Message:
    """Return what weights are called; several joined by a plus are called one by one.

    Examples
    --------
    >>> weighting_words("entropy+pca")
    'entropy method + principal components'
    """
    return join(" + ", [label("weighting", name) for name in weighting.split("+")])


@checked
def index_weights(
    result: CompositeIndex,
    *,
    labels: Mapping[str, str] | None = None,
    title: str | None = None,
    bars_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the weights of indicators as bars, by dimension.

    Parameters
    ----------
    result : CompositeIndex
    labels : mapping, optional
        Display names, such as ``panel.labels``.
    title : str, optional
        By default the weighting.
    bars_kw : mapping, optional
        Keyword arguments of matplotlib for the bars.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Largest first in each dimension; an indicator of which less is better has a minus.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> index = nq.composite.index(cities, {"patents": "+", "energy": "-"})
    >>> len(nq.plots.index_weights(index, labels=cities.labels).patches)
    2
    """
    table = result.indicators
    dimension = table["dimension"] if "dimension" in table else pd.Series("", table.index)
    order = [
        name
        for group in dict.fromkeys(dimension)
        for name in table["weight"][dimension == group].sort_values(ascending=False).index
    ]
    known = {} if labels is None else dict(labels)
    dimensions = list(dict.fromkeys(dimension))
    if title is None:
        words = t("Weights: {name}", name=weighting_words(result.spec["weighting"]))
        title = translate(words, lang)
    width = room(ax, width)
    legend_rows = -(-len(dimensions) // 2) if len(dimensions) > 1 else 0
    height = 0.19 * len(order) + 0.75 + 0.15 * legend_rows
    with drawing(ax, (width, height), lang=lang, title=title) as axes:
        places = np.arange(len(order))
        colours = [PALETTE[dimensions.index(dimension[name]) % len(PALETTE)] for name in order]
        weights = table["weight"].loc[order]
        axes.barh(places, weights, **layer(bars_kw, height=0.72, color=colours))
        for y, value in zip(places, weights, strict=True):
            axes.text(value, float(y), f" {value:.3f}", va="center", fontsize=sized(6.5))
        signs = table["direction"].loc[order].map({"+": "", "-": " (–)"})
        names = [f"{known.get(name, name)}{signs[name]}" for name in order]
        row_axis(axes, places, names, 0.42 * width, room_rows(ax, height - 0.6))
        axes.invert_yaxis()
        axes.set_xlim(0, number_room(width) * float(weights.max()))
        horizontal_label(axes, translate(t("Weight")), width)
        if len(dimensions) > 1:
            from matplotlib.patches import Patch

            total = table.groupby("dimension")["weight"].sum()
            handles = [Patch(color=PALETTE[i % len(PALETTE)]) for i in range(len(dimensions))]
            entries = [
                translate(t("{name} ({total:.2f})", name=name, total=total[name]))
                for name in dimensions
            ]
            legend_below(axes, None, width, handles, entries, columns=2, handlelength=1)
    return axes


@checked
def rank_intervals(
    result: pd.DataFrame,
    *,
    top: Size = 25,
    labels: Mapping[object, str] | pd.Series | None = None,
    title: str | None = None,
    points_kw: Layer = None,
    line_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the ranks of the first units, with their intervals under other weights.

    Parameters
    ----------
    result : DataFrame
        From `nqp_spatial.composite.rank_intervals`.
    top : int
        How many units.
    labels : mapping or Series, optional
        Display names of units.
    title : str, optional
    points_kw, line_kw : mapping, optional
        Keyword arguments of matplotlib for the ranks and their intervals.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        A dot is the rank, a thick line the interval under random weights, a thin one the range as
        one indicator is left out.

    Raises
    ------
    OptionError
        If there are no units to draw.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> index = nq.composite.index(cities, {"patents": "+", "robots": "+", "energy": "-"})
    >>> ax = nq.plots.rank_intervals(nq.composite.rank_intervals(index, period=2021), top=5)
    >>> len(ax.get_yticklabels())
    5
    """
    rows = result.head(top)
    wanted = ["rank", "rank_low", "rank_high", "without_best", "without_worst"]
    if rows.empty or any(list(rows.columns).count(name) != 1 for name in wanted):
        raise OptionError(
            "result must have rows, and once each the columns that "
            f"nqp_spatial.composite.rank_intervals returns, {', '.join(wanted)}; it has "
            f"{len(rows)} rows and columns {sample(rows.columns, 8)}"
        )
    places = np.arange(len(rows))
    known = {} if labels is None else dict(labels)
    height = 0.155 * len(rows) + 0.8
    width = room(ax, width)
    with drawing(ax, (width, height), lang=lang, title=title) as axes:
        words = translate(t("without one indicator"))
        ends = rows["without_best"], rows["without_worst"]
        axes.hlines(places, *ends, color=MUTED, lw=0.8, label=words)
        words = translate(t("other weights"))
        style = layer(line_kw, color=PALETTE[0], lw=3, alpha=0.55, label=words)
        axes.hlines(places, rows["rank_low"], rows["rank_high"], **style)
        words = translate(t("rank"))
        style = layer(points_kw, marker="o", ls="", color=INK, ms=3, label=words)
        axes.plot(rows["rank"], places, **style)
        names = [str(known.get(unit, unit)) for unit in rows.index]
        row_axis(axes, places, names, 0.4 * width, room_rows(ax, height - 0.6))
        axes.invert_yaxis()
        axes.set_xlim(left=0)
        horizontal_label(axes, translate(t("Rank (1 is best)")), width)
        legend_below(axes, None, width)
    return axes
