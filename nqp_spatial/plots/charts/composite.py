"""Figures of a composite index: the weights of its indicators, and how sure ranks are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.composite import CompositeIndex
from nqp_spatial.core.options import Size, Width, checked
from nqp_spatial.errors import OptionError, sample
from nqp_spatial.plots._theme import (
    COLUMN,
    INK,
    MUTED,
    PALETTE,
    Layer,
    check_fonts,
    layer,
    new_figure,
    themed,
)
from nqp_spatial.plots.words import Lang, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["index_weights", "rank_intervals"]


def weighting_words(weighting: str) -> str:
    """Return what weights are called; several joined by a plus are called one by one.

    Examples
    --------
    >>> weighting_words("entropy+pca")
    'entropy + pca'
    """
    return " + ".join(say(one) for one in weighting.split("+"))


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
    >>> found = nq.composite.index(cities, {"patents": "+", "energy": "-"})
    >>> len(nq.plots.index_weights(found, labels=cities.labels).patches)
    2
    """
    table = result.indicators
    dimension = table["dimension"] if "dimension" in table else pd.Series("", table.index)
    order = [
        name
        for d in dict.fromkeys(dimension)
        for name in table["weight"][dimension == d].sort_values(ascending=False).index
    ]
    known = {} if labels is None else dict(labels)
    names = {name: known.get(name, name) for name in order}
    dimensions = list(dict.fromkeys(dimension))
    with themed(lang):
        if ax is None:
            ax = new_figure(width, 0.19 * len(order) + 0.75)[1][0, 0]
        at = np.arange(len(order))
        colours = [PALETTE[dimensions.index(dimension[name]) % len(PALETTE)] for name in order]
        weights = table["weight"].loc[order]
        ax.barh(at, weights, **layer(bars_kw, height=0.72, color=colours))
        for y, value in zip(at, weights, strict=True):
            ax.text(value, float(y), f" {value:.3f}", va="center", fontsize=6.5)
        signs = table["direction"].loc[order].map({"+": "", "-": " (–)"})
        ax.set_yticks(at, [f"{names[name]}{signs[name]}" for name in order])
        ax.invert_yaxis()
        ax.set_xlim(0, 1.15 * float(weights.max()))
        ax.set_xlabel(say("Weight"))
        ax.tick_params(axis="y", length=0)
        if len(dimensions) > 1:
            from matplotlib.patches import Patch

            total = table.groupby("dimension")["weight"].sum()
            ax.legend(
                [Patch(color=PALETTE[i % len(PALETTE)]) for i in range(len(dimensions))],
                [f"{d} ({total[d]:.2f})" for d in dimensions],
                loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2,
                handlelength=1,
            )  # fmt: skip
        how = say("Weights by {name}", name=weighting_words(result.spec["weighting"]))
        words = how if title is None else title
        # Above the legend, which has two entries a row.
        ax.set_title(words, pad=6 + 11 * -(-len(dimensions) // 2) if len(dimensions) > 1 else None)
    check_fonts(ax)
    return ax


@checked
def rank_intervals(
    table: pd.DataFrame,
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
    table : DataFrame
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
        A dot is the rank, a thick line the interval under drawn weights, a thin one the range as
        one indicator is left out.

    Raises
    ------
    OptionError
        If there are no units to draw.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> found = nq.composite.index(cities, {"patents": "+", "robots": "+", "energy": "-"})
    >>> ax = nq.plots.rank_intervals(nq.composite.rank_intervals(found, period=2021), top=5)
    >>> len(ax.get_yticklabels())
    5
    """
    some = table.head(top)
    wanted = ["rank", "rank_low", "rank_high", "without_best", "without_worst"]
    if some.empty or any(list(some.columns).count(name) != 1 for name in wanted):
        raise OptionError(
            "table must have rows, and once each the columns that "
            f"nqp_spatial.composite.rank_intervals returns, {', '.join(wanted)}; it has "
            f"{len(some)} rows and columns {sample(some.columns, 8)}"
        )
    at = np.arange(len(some))
    known = {} if labels is None else dict(labels)
    with themed(lang):
        if ax is None:
            ax = new_figure(width, 0.155 * len(some) + 0.8)[1][0, 0]
        ax.hlines(
            at, some["without_best"], some["without_worst"], color=MUTED, lw=0.8,
            label=say("one indicator left out"),
        )  # fmt: skip
        look = layer(line_kw, color=PALETTE[0], lw=3, alpha=0.55, label=say("other weights"))
        ax.hlines(at, some["rank_low"], some["rank_high"], **look)
        look = layer(points_kw, marker="o", ls="", color=INK, ms=3, label=say("rank"))
        ax.plot(some["rank"], at, **look)
        ax.set_yticks(at, [str(known.get(unit, unit)) for unit in some.index])
        ax.invert_yaxis()
        ax.set_xlim(left=0)
        ax.set_xlabel(say("Rank (1 is best)"))
        ax.tick_params(axis="y", length=0)
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.2)
        if title:
            ax.set_title(title, pad=16)
    check_fonts(ax)
    return ax
