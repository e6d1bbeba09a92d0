"""Bars of long-run distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, Message, join, language, t, translate
from nqp_spatial.dynamics import (
    ChainsResult,
    MarkovResult,
    SpatialChainsResult,
    SpatialMarkovResult,
)
from nqp_spatial.plots._canvas import (
    category_axis,
    drawing,
    legend_below,
    room,
    room_up,
    sized,
    wrapped,
)
from nqp_spatial.plots._theme import COLUMN, EDGE, INK, SEQUENTIAL, Layer, layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["condition_name", "steady_states"]


def condition_name(names: tuple[str, ...], value: object) -> Message:
    """Return what to call a condition, or both conditions."""
    values = value if isinstance(value, tuple) else (value,)
    return join("; ", map(_condition, names, values))


def _condition(name: str, state: object) -> Message:
    if name == "neighbour_state":
        return t("Neighbours {state}", state=state)
    return t("Group {state}", state=state)


def _short(names: tuple[str, ...], value: object) -> str:
    """Return the condition for a narrow place: its interval, or numbers if there are two."""
    if isinstance(value, tuple):
        states = [str(state).split(":")[0] for state in value]
        return "\n".join(map(translate, map(_condition, names, states)))
    return translate(condition_name(names, value)).replace(": ", "\n", 1)


def _long_run(
    result: MarkovResult | SpatialMarkovResult | ChainsResult | SpatialChainsResult,
) -> tuple[list[str], list[pd.Series], MarkovResult]:
    """Return names and shares of each group of bars, and a chain that has the states' names."""
    if isinstance(result, MarkovResult):
        starts = result.counts.sum(axis=1) / result.counts.to_numpy().sum()
        return _words([t("Sample"), t("Long run")]), [starts, result.ergodic], result
    if isinstance(result, SpatialMarkovResult):
        levels = tuple(result.ergodic.index.names)
        names = [_short(levels, value) for value in result.ergodic.index]
        rows = [row for _, row in result.ergodic.iterrows()]
        return [*_words([t("All")]), *names], [result.pooled.ergodic, *rows], result.pooled
    names = [str(name) for name in result.chains]
    if isinstance(result, ChainsResult):
        rows = [result.pooled.ergodic, *(chain.ergodic for chain in result.chains.values())]
        return [*_words([t("All")]), *names], rows, result.pooled
    chains = [chain.pooled for chain in result.chains.values()]
    return names, [chain.ergodic for chain in chains], chains[0]


def _words(messages: list[Message]) -> list[str]:
    return [translate(message) for message in messages]


@checked
def steady_states(
    result: MarkovResult | SpatialMarkovResult | ChainsResult | SpatialChainsResult,
    *,
    title: str | None = None,
    bars_kw: Layer = None,
    legend_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the long-run distribution over states, by condition or group.

    Parameters
    ----------
    result : MarkovResult, SpatialMarkovResult, ChainsResult or SpatialChainsResult
        From `nqp_spatial.dynamics`.
    title : str, optional
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
        One group of bars per condition, one bar per state, from low (light) to high (dark). A
        chain is shown beside the shares in the sample, with bootstrap intervals if it has them.
        Where there is no unique distribution, "none" stands in its place.

    Raises
    ------
    OptionError
        If the result is not of chains.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> chain = nq.dynamics.markov(nq.datasets.us_income(), "relative_income", states=5)
    >>> len(nq.plots.steady_states(chain).patches)
    10
    """
    import matplotlib as mpl

    with language(lang):
        names, rows, chain = _long_run(result)
    table = np.array([row.to_numpy(dtype=float) for row in rows])
    groups, states = table.shape
    shades = mpl.colormaps[SEQUENTIAL](np.linspace(0.18, 0.95, states))
    wide = 0.82 / states
    alone = isinstance(result, MarkovResult)
    width = room(ax, width)
    size = width, 0.5 * width + 0.85 + 0.17 * (states // 3)
    with drawing(ax, size, lang=lang, title=title) as axes:
        for j, state in enumerate(chain.ergodic.index):
            places = np.arange(groups) + (j - (states - 1) / 2) * wide
            style = layer(
                bars_kw, width=wide * 0.94, color=shades[j], label=str(state), edgecolor=EDGE,
                lw=0.25,
            )  # fmt: skip
            axes.bar(places, np.nan_to_num(table[:, j]), **style)
            if isinstance(result, MarkovResult) and result.ergodic_intervals is not None:
                ends = result.ergodic_intervals.iloc[j]
                share = table[1, j]
                away = [[share - ends["conf_low"]], [ends["conf_high"] - share]]
                axes.errorbar(
                    places[1], share, np.maximum(away, 0), ecolor=INK, elinewidth=0.8, capsize=1.5
                )
        for place in np.flatnonzero(np.isnan(table).all(axis=1)):
            axes.text(float(place), 0.01, translate(t("none")), ha="center", fontsize=sized(6.5))
        category_axis(axes, range(groups), names, 0.85 * width, points=7 if groups < 4 else 6)
        axes.tick_params(axis="x", length=0)
        share_of = t("Share of units") if alone else t("Share of units in the long run")
        axes.set_ylabel(wrapped(translate(share_of), room_up(ax, 0.5 * width)))
        axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
        words = translate(t("State of {name}", name=chain.label))
        legend_below(axes, legend_kw, width, title=words, handlelength=1.0, columnspacing=1.0)
    return axes
