"""Future shares of states, with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Count, Width, checked
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.dynamics import ForecastResult
from nqp_spatial.plots._canvas import figure_of, figure_room, panels, percent, sized, wrapped
from nqp_spatial.plots._theme import BLUE, COLUMN, INK, MUTED, PAGE, Columns, Layer, layer
from nqp_spatial.plots.charts._periods import period_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["forecast"]


@checked
def forecast(
    result: ForecastResult,
    *,
    past: Count | None = None,
    title: str | None = None,
    line_kw: Layer = None,
    band_kw: Layer = None,
    lang: Lang = "en",
    width: Width | None = None,
    columns: Columns | None = None,
    fig: Figure | SubFigure | None = None,
) -> Figure:
    """Draw observed and future shares of units, one panel per state.

    Parameters
    ----------
    result : ForecastResult
        From `nqp_spatial.dynamics.forecast`.
    past : int, optional
        How many observed periods are drawn; by default twice as many as future ones.
    title : str, optional
        Of the whole figure.
    line_kw, band_kw : mapping, optional
        Keyword arguments of matplotlib for the lines and for the intervals.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float, optional
        Inches; a column for up to four states, a page for more.
    columns : int, optional
        Panels side by side; by default two, or three on a page.
    fig : Figure or SubFigure, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Figure
        The solid line is observed, the dashed line the expected share; the band is the interval of
        the future share. A vertical line marks the last observed period.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> chain = nq.dynamics.markov(panel, "relative_income", states=4)
    >>> result = nq.dynamics.forecast(chain, panel, replications=99)
    >>> len(nq.plots.forecast(result).axes)
    4
    """
    states = list(result.states)
    many = len(states) > 4
    wide = figure_room(fig, width or (PAGE if many else COLUMN))
    across = min(columns or (3 if many else 2), len(states))
    down = -(-len(states) // across)
    ahead = result.frame["period"].nunique()
    observed = result.history.tail(max(2 * ahead if past is None else past, 1))
    size = wide, down * (0.66 * wide / across + 0.2) + 0.45
    with panels(fig, size, (down, across), lang=lang, title=title) as (figure, axes):
        highest = max(float(observed.to_numpy().max()), float(result.frame["high"].max()))
        for ax in axes.flat[len(states) :]:
            ax.set_axis_off()
        for place, (ax, state) in enumerate(zip(axes.flat, states, strict=False)):
            rows = result.frame[result.frame["state"] == state].set_index("period")
            _fan(ax, observed[state], rows, line_kw, band_kw, wide / across)
            ax.set_title(state, fontweight="normal", fontsize=sized(8))
            ax.set_ylim(0, min(1.0, 1.08 * highest))
            _percent_axis(ax)
            ax.tick_params(labelleft=place % across == 0, labelbottom=place + across >= len(states))
        figure.supylabel(translate(t("Share of units")), fontsize=sized(8))
        _explain(figure, result, wide)
    return figure_of(figure)


def _percent_axis(ax: Axes) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _fan(
    ax: Axes,
    observed: pd.Series,
    rows: pd.DataFrame,
    line_kw: Layer,
    band_kw: Layer,
    width: float,
) -> None:
    """Draw one state; the band opens at the last observed share."""
    periods = _joined(observed.index, rows.index)
    x = period_axis(ax, periods, width)
    past, last = len(observed), len(observed) - 1
    share, low, high = (
        np.concatenate([[observed.iloc[-1]], rows[name]]) for name in ("share", "low", "high")
    )
    ax.fill_between(x[last:], low, high, **layer(band_kw, color=BLUE, alpha=0.22, lw=0))
    style: dict[str, Any] = layer(line_kw, color=INK, lw=1.2)
    ax.plot(x[:past], observed, **style)
    ax.plot(x[last:], share, **layer(line_kw, color=BLUE, lw=1.2, ls=(0, (4, 1.5))))
    ax.axvline(x[last], color=MUTED, lw=0.6, ls=(0, (1, 2)), zorder=1)


def _joined(observed: pd.Index, future: pd.Index) -> pd.Index:
    """Return all periods; as text where future ones have no places in time."""
    if observed.dtype == future.dtype:
        return observed.append(future)
    return pd.Index([*map(str, observed), *map(str, future)])


def _explain(figure: Figure | SubFigure, result: ForecastResult, width: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Line2D([], [], color=INK, lw=1.2),
        Line2D([], [], color=BLUE, lw=1.2, ls=(0, (4, 1.5))),
        Patch(facecolor=BLUE, alpha=0.22, lw=0),
    ]
    words = [
        t("Observed"),
        t("Expected"),
        t("{level} prediction interval", level=percent(result.level)),
    ]
    title = wrapped(translate(t("State of {name}", name=result.label)), 0.95 * width)
    figure.legend(
        handles, [wrapped(translate(word), 0.5 * width) for word in words],
        loc="outside lower center", ncols=3, fontsize=sized(7), frameon=False, columnspacing=1.2,
        handlelength=2.0, title=title, title_fontsize=sized(7), alignment="left",
    )  # fmt: skip
