"""How many neighbours units have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.plots._canvas import drawing, horizontal_label, room, room_up, sized, wrapped
from nqp_spatial.plots._theme import COLUMN, INK, PALETTE, RED, Layer, layer
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["neighbour_histogram"]


@checked
def neighbour_histogram(
    weights: WeightsLike,
    *,
    title: str | None = None,
    bars_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw how many units have how many neighbours.

    Parameters
    ----------
    weights : SpatialWeights, Graph or W
    title : str, optional
        None is drawn if not given; `SpatialWeights.spec` says how the weights were made.
    bars_kw : mapping, optional
        Keyword arguments of the bars.
    lang, width, ax
        As in `nqp_spatial.plots.choropleth`.

    Returns
    -------
    Axes
        One bar for each number of neighbours, or for ranges of it where they are many; units
        without neighbours in a colour of their own; the mean as a line.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> w = nq.weights.contiguity(nq.datasets.us_income())
    >>> ax = nq.plots.neighbour_histogram(w)
    >>> [int(bar.get_height()) for bar in ax.patches]
    [1, 4, 9, 11, 10, 9, 2, 2]
    """
    matrix = as_weights(weights)
    counts = np.diff(matrix.sparse.indptr)
    low, high = int(counts.min()), int(counts.max())
    step = max(1, -(-(high - low + 1) // 25))
    edges = np.arange(low, high + step + 1, step) - 0.5
    heights, _ = np.histogram(counts, edges)
    width = room(ax, width)
    with drawing(ax, (width, 0.62 * width), lang=lang, title=title) as axes:
        style = layer(bars_kw, width=0.86 * step, color=PALETTE[0])
        bars = axes.bar(edges[:-1] + step / 2, heights, **style)
        if low == 0:
            # The first range may hold others too: the count of islands is said, not only shown.
            bars[0].set_color(RED)
            count = f"{int((counts == 0).sum()):,}"
            axes.text(
                0.02, 0.98, translate(t("{count} without neighbours", count=count)),
                transform=axes.transAxes, va="top", color=RED, fontsize=sized(7),
            )  # fmt: skip
        mean = float(counts.mean())
        axes.axvline(mean, color=INK, lw=0.8, ls=(0, (4, 2)))
        words = t("Number of neighbours (dashed: mean, {mean:,.1f})", mean=mean)
        horizontal_label(axes, translate(words), width)
        axes.set_ylabel(wrapped(translate(t("Number of units")), room_up(ax, width)))
        middle, half = (low + high) / 2, max((high - low) / 2 + 0.8, 2.6)
        if half == 2.6:  # one bar, or two, that would fill the figure
            axes.set_xlim(middle - half, middle + half)
        axes.locator_params(integer=True, min_n_ticks=1)
    return axes
