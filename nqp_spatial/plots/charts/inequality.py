"""Figures of inequality: what it is made of, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Width, checked
from nqp_spatial.errors import OptionError
from nqp_spatial.inequality import DagumResult, TheilResult
from nqp_spatial.plots._theme import (
    COLUMN,
    INK,
    PARTS,
    Layer,
    check_fonts,
    layer,
    new_figure,
    themed,
    wrapped,
)
from nqp_spatial.plots.words import Lang, say, speaking

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["dagum", "theil"]

_PARTS = {
    "within": "within groups",
    "net_between": "net between groups",
    "transvariation": "overlap (transvariation)",
}


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
    """Draw the parts of the Gini coefficient over time, stacked, with the interval of the whole.

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
        has one. Shares of the whole, from first to last period, stand in the legend.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> found = nq.inequality.dagum(cities, "nqp", group="region4", replications=50)
    >>> ax = nq.plots.dagum(found, label="NQP")
    >>> ax.get_ylabel()
    'Gini coefficient of NQP'
    """
    named = label if label is not None else result.label
    limits = None if result.intervals is None else result.intervals["gini"]
    with speaking(lang):
        parts = result.frame[list(_PARTS)].rename(
            columns={part: say(text) for part, text in _PARTS.items()}
        )
        words = say("Gini coefficient of {name}", name=named)
    return _stacked(
        parts, limits, result.level, words, title, bars_kw, legend_kw, lang, width, ax
    )  # fmt: skip


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
    >>> found = nq.inequality.theil(cities, "nqp", levels=["region4", "province"])
    >>> ax = nq.plots.theil(found, label="NQP")
    >>> ax.get_ylabel()
    'Theil T of NQP'
    """
    columns = [*(f"between_{name}" for name in result.levels), f"within_{result.levels[-1]}"]
    named = label if label is not None else result.label
    limits = None if result.intervals is None else result.intervals["theil"]
    with speaking(lang):
        parts = result.frame[columns].rename(columns=_level_name)
        words = say("Theil {index} of {name}", index=result.index, name=named)
    return _stacked(
        parts, limits, result.level, words, title, bars_kw, legend_kw, lang, width, ax
    )  # fmt: skip


def _level_name(column: str) -> str:
    """Return "between regions" or "within provinces" in the language that is spoken."""
    side, name = column.split("_", 1)
    return say(f"{side} {{name}}", name=name)


def _stacked(
    parts: pd.DataFrame,
    limits: pd.DataFrame | None,
    level: float,
    words: str,
    title: str | None,
    bars_kw: Layer,
    legend_kw: Layer,
    lang: Lang,
    width: float,
    ax: Axes | None,
) -> Axes:
    if len(parts) < 2:
        raise OptionError("a figure over time needs at least two periods")
    if len(parts.columns) > len(PARTS):
        raise OptionError(f"at most {len(PARTS)} parts can be told apart, got {len(parts.columns)}")
    at, whole = np.arange(len(parts)), parts.sum(axis=1).to_numpy()
    share = parts.div(parts.sum(axis=1), axis=0)
    with themed(lang):
        if ax is None:
            ax = new_figure(width, 0.62 * width + 0.17 * (len(parts.columns) + 1))[1][0, 0]
        below = np.zeros(len(parts))
        for fill, name in zip(PARTS, parts, strict=False):
            first, last = share[name].iloc[[0, -1]]
            entry = say(
                "{name}: {first} to {last}", name=name, first=f"{first:.0%}", last=f"{last:.0%}"
            )
            look = layer(bars_kw, width=0.8, bottom=below, color=fill, lw=0, label=entry)
            ax.bar(at, parts[name], **look)
            below = below + parts[name].to_numpy()
        if limits is not None:
            reach = np.abs(limits.to_numpy().T - whole)
            ax.errorbar(
                at, whole, yerr=reach, fmt="none", ecolor=INK, elinewidth=0.8, capsize=2,
                label=say("{level} interval", level=f"{level:.0%}"),
            )  # fmt: skip
        step = -(-len(parts) // max(int(width * 2.2), 2))
        ax.set_xticks(at[::step], [str(period) for period in parts.index[::step]])
        ax.set_ylabel(wrapped(words, 0.5 * width))
        ax.set_ylim(bottom=0)
        ax.margins(x=0.02)
        under = layer(
            legend_kw, loc="upper left", bbox_to_anchor=(0, -0.12), borderaxespad=0.2,
            handlelength=1.1, labelspacing=0.3,
        )  # fmt: skip
        ax.legend(**under)
        if title:
            ax.set_title(title)
    check_fonts(ax)
    return ax
