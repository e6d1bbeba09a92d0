"""Figures of inequality: what it is made of, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, Message, t, translate
from nqp_spatial.core.text import label as word
from nqp_spatial.errors import OptionError
from nqp_spatial.inequality import DagumResult, TheilResult
from nqp_spatial.plots._canvas import drawing, legend_below, percent, room, room_up, wrapped
from nqp_spatial.plots._context import text_factor
from nqp_spatial.plots._theme import COLUMN, INK, PARTS, Layer, layer
from nqp_spatial.plots.charts._periods import chosen_periods

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["dagum", "theil"]

_PARTS = ["within", "net_between", "transvariation"]


@checked
def dagum(
    result: DagumResult,
    *,
    title: str | None = None,
    label: str | None = None,
    bars_kw: Layer = None,
    legend_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the parts of the Gini coefficient over time, stacked, with the interval of the total.

    Parameters
    ----------
    result : DagumResult
    title : str, optional
    label : str, optional
        Name of the variable on the axis.
    bars_kw, legend_kw : mapping, optional
        Keyword arguments of matplotlib for the bars and the legend.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Parts add up to the coefficient, which is the line; its interval is drawn if the result
        has one. Shares of the total, from first to last period, stand in the legend.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> gini = nq.inequality.dagum(cities, "nqp", group="region4", replications=50)
    >>> ax = nq.plots.dagum(gini, label="NQP")
    >>> ax.get_ylabel()
    'Gini coefficient of NQP'
    """
    name = label if label is not None else result.label
    limits = None if result.intervals is None else result.intervals["gini"]
    parts = result.frame[_PARTS]
    names = [word("column", part) for part in _PARTS]
    words = t("Gini coefficient of {name}", name=name)
    width, up = room(ax, width), room_up(ax, 0.5 * width)
    with drawing(ax, _size(width, parts), lang=lang, title=title) as axes:
        _stacked(axes, parts, names, limits, result.level, words, width, up, bars_kw, legend_kw)
    return axes


@checked
def theil(
    result: TheilResult,
    *,
    title: str | None = None,
    label: str | None = None,
    bars_kw: Layer = None,
    legend_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the parts of Theil's index over time, stacked.

    Parameters
    ----------
    result : TheilResult
    title, label, bars_kw, legend_kw, lang, width, ax
        As in `dagum`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> theil = nq.inequality.theil(cities, "nqp", levels=["region4", "province"])
    >>> ax = nq.plots.theil(theil, label="NQP")
    >>> ax.get_ylabel()
    'Theil T of NQP'
    """
    between = [t("between {name}", name=name) for name in result.levels]
    names = [*between, t("within {name}", name=result.levels[-1])]
    columns = [*(f"between_{name}" for name in result.levels), f"within_{result.levels[-1]}"]
    name = label if label is not None else result.label
    limits = None if result.intervals is None else result.intervals["theil"]
    parts = result.frame[columns]
    words = t("Theil {index} of {name}", index=result.index, name=name)
    width, up = room(ax, width), room_up(ax, 0.5 * width)
    with drawing(ax, _size(width, parts), lang=lang, title=title) as axes:
        _stacked(axes, parts, names, limits, result.level, words, width, up, bars_kw, legend_kw)
    return axes


def _size(width: float, parts: pd.DataFrame) -> tuple[float, float]:
    return width, 0.62 * width + 0.17 * (len(parts.columns) + 1)


def _stacked(
    ax: Axes,
    parts: pd.DataFrame,
    names: list[Message],
    limits: pd.DataFrame | None,
    level: float,
    words: Message,
    width: float,
    up: float,
    bars_kw: Layer,
    legend_kw: Layer,
) -> None:
    """Draw parts as stacked bars, one per period, with the interval of their sum."""
    if len(parts) < 2:
        raise OptionError("a figure over time needs at least two periods")
    if len(parts.columns) > len(PARTS):
        raise OptionError(f"at most {len(PARTS)} parts can be told apart, got {len(parts.columns)}")
    places, total = np.arange(len(parts)), parts.sum(axis=1).to_numpy()
    bottom = np.zeros(len(parts))
    for fill, name, column in zip(PARTS, names, parts, strict=False):
        heights = parts[column].to_numpy()
        share = heights / total
        entry = t("{name}: {first:.0%} to {last:.0%}", name=name, first=share[0], last=share[-1])
        style = layer(bars_kw, width=0.8, bottom=bottom, color=fill, lw=0, label=translate(entry))
        ax.bar(places, heights, **style)
        bottom = bottom + heights
    if limits is not None:
        reach = np.abs(limits.to_numpy().T - total)
        interval = translate(t("{level} confidence interval", level=percent(level)))
        ax.errorbar(
            places, total, yerr=reach, fmt="none", ecolor=INK, elinewidth=0.8, capsize=2,
            label=interval,
        )  # fmt: skip
    shown = chosen_periods(parts.index, max(int(width * 2.2 / text_factor()), 2))
    ax.set_xticks(places[shown], [str(parts.index[place]) for place in shown])
    ax.set_ylabel(wrapped(translate(words), up))
    ax.set_ylim(bottom=0)
    ax.margins(x=0.02)
    legend_below(ax, legend_kw, width, columns=1, handlelength=1.1)
