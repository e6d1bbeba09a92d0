"""Figures of inequality: what it is made of, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.errors import OptionError
from nqp_spatial.inequality import DagumResult, TheilResult
from nqp_spatial.plots.theme import COLUMN, INK, check_fonts, new_figure, themed, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["dagum", "theil"]

# From dark to light: the order holds in grey too.
_FILLS = ("#08519c", "#6baed6", "#d9d9d9", "#fdae6b", "#a63603")
_PARTS = {
    "within": "within groups",
    "net_between": "net between groups",
    "transvariation": "overlap (transvariation)",
}


def dagum(
    result: DagumResult,
    *,
    title: str | None = None,
    label: str | None = None,
    width: float = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the parts of the Gini coefficient over time, stacked, with the interval of the whole.

    Parameters
    ----------
    result : DagumResult
    title : str, optional
    label : str, optional
        Name of the variable on the axis.
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
    parts = result.summary[list(_PARTS)].rename(columns=_PARTS)
    named = label if label is not None else result.label
    limits = None if result.intervals is None else result.intervals["gini"]
    words = f"Gini coefficient of {named}"
    return _stacked(parts, limits, f"{result.level:.0%} interval", words, title, width, ax)


def theil(
    result: TheilResult,
    *,
    title: str | None = None,
    label: str | None = None,
    width: float = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the parts of Theil's index over time, stacked.

    Parameters
    ----------
    result : TheilResult
    title, label, width, ax
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
    columns = [
        name
        for name in result.summary
        if name.startswith(("between ", "within ")) and not name.endswith(" share")
    ]
    named = label if label is not None else result.label
    limits = None if result.intervals is None else result.intervals["theil"]
    words = f"Theil {result.index} of {named}"
    return _stacked(result.summary[columns], limits, "interval", words, title, width, ax)


def _stacked(
    parts: pd.DataFrame,
    limits: pd.DataFrame | None,
    interval: str,
    words: str,
    title: str | None,
    width: float,
    ax: Axes | None,
) -> Axes:
    if len(parts) < 2:
        raise OptionError("a figure over time needs at least two periods")
    if len(parts.columns) > len(_FILLS):
        raise OptionError(
            f"at most {len(_FILLS)} parts can be told apart, got {len(parts.columns)}"
        )
    at, whole = np.arange(len(parts)), parts.sum(axis=1).to_numpy()
    share = parts.div(parts.sum(axis=1), axis=0)
    with themed():
        if ax is None:
            ax = new_figure(width, 0.62 * width + 0.17 * (len(parts.columns) + 1))[1][0, 0]
        below = np.zeros(len(parts))
        for fill, name in zip(_FILLS, parts, strict=False):
            first, last = share[name].iloc[[0, -1]]
            entry = f"{name}: {first:.0%} to {last:.0%}"
            ax.bar(at, parts[name], 0.8, below, color=fill, lw=0, label=entry)
            below = below + parts[name].to_numpy()
        if limits is not None:
            reach = np.abs(limits.to_numpy().T - whole)
            ax.errorbar(
                at, whole, yerr=reach, fmt="none", ecolor=INK, elinewidth=0.8, capsize=2,
                label=interval,
            )  # fmt: skip
        step = -(-len(parts) // max(int(width * 2.2), 2))
        ax.set_xticks(at[::step], [str(period) for period in parts.index[::step]])
        ax.set_ylabel(wrapped(words, 0.5 * width))
        ax.set_ylim(bottom=0)
        ax.margins(x=0.02)
        ax.legend(
            loc="upper left", bbox_to_anchor=(0, -0.12), borderaxespad=0.2, handlelength=1.1,
            labelspacing=0.3,
        )  # fmt: skip
        if title:
            ax.set_title(title)
    check_fonts(ax)
    return ax
