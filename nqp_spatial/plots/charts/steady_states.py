"""Bars of long-run distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Width, checked
from nqp_spatial.dynamics import (
    ChainsResult,
    MarkovResult,
    SpatialChainsResult,
    SpatialMarkovResult,
)
from nqp_spatial.plots._theme import (
    COLUMN,
    EDGE,
    INK,
    SEQUENTIAL,
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

__all__ = ["condition_name", "steady_states"]


def condition_name(names: tuple[str, ...], value: object) -> str:
    """Return what to call a condition, in the language that is spoken, or both conditions."""
    words = {"neighbour_state": "Neighbours {state}", "group_state": "Group {state}"}
    values = value if isinstance(value, tuple) else (value,)
    return "; ".join(say(words[n], state=v) for n, v in zip(names, values, strict=True))


def _short(names: tuple[str, ...], value: object) -> str:
    """Return the condition for a narrow place: its interval, or numbers if there are two."""
    if isinstance(value, tuple):
        return "\n".join(part.split(":")[0] for part in condition_name(names, value).split("; "))
    return condition_name(names, value).replace(": ", "\n", 1)


def _tables(
    result: MarkovResult | SpatialMarkovResult | ChainsResult | SpatialChainsResult,
) -> tuple[pd.DataFrame, MarkovResult]:
    """Return shares, one row a bar group, and a chain that has the states' names."""
    if isinstance(result, MarkovResult):
        starts = result.counts.sum(axis=1) / result.counts.to_numpy().sum()
        return pd.DataFrame({say("Sample"): starts, say("Long run"): result.ergodic}).T, result
    if isinstance(result, SpatialMarkovResult):
        names = tuple(result.ergodic.index.names)
        rows = {say("All"): result.pooled.ergodic}
        for value, row in result.ergodic.iterrows():
            rows[_short(names, value)] = row
        return pd.DataFrame(rows).T, result.pooled
    if isinstance(result, ChainsResult):
        rows = {say("All"): result.pooled.ergodic}
        rows |= {name: chain.ergodic for name, chain in result.chains.items()}
        return pd.DataFrame(rows).T, result.pooled
    first = next(iter(result.chains.values()))
    rows = {name: chain.pooled.ergodic for name, chain in result.chains.items()}
    return pd.DataFrame(rows).T, first.pooled


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
        One group of bars a condition, one bar a state, from low (light) to high (dark). A chain is
        shown beside the shares in the sample, with bootstrap intervals if it has them. Where there
        is no unique distribution, "none" stands in its place.

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

    with speaking(lang):
        table, chain = _tables(result)
    groups, states = table.shape
    shades = mpl.colormaps[SEQUENTIAL](np.linspace(0.18, 0.95, states))
    wide = 0.82 / states
    with themed(lang):
        if ax is None:
            ax = new_figure(width, 0.5 * width + 0.85 + 0.17 * (states // 3))[1][0, 0]
        high = 0.5 * width  # of the axes, roughly: what is below them is in inches
        two = any("\n" in str(name) for name in table.index)
        for j, state in enumerate(table.columns):
            at = np.arange(groups) + (j - (states - 1) / 2) * wide
            heights = table[state].to_numpy(dtype=float)
            look = layer(
                bars_kw, width=wide * 0.94, color=shades[j], label=str(state), edgecolor=EDGE,
                lw=0.25,
            )  # fmt: skip
            ax.bar(at, np.nan_to_num(heights), **look)
            if isinstance(result, MarkovResult) and result.ergodic_intervals is not None:
                ends = result.ergodic_intervals.iloc[j]
                away = np.maximum(
                    [[heights[1] - ends["conf_low"]], [ends["conf_high"] - heights[1]]], 0
                )
                ax.errorbar(at[1], heights[1], away, ecolor=INK, elinewidth=0.8, capsize=1.5)
        for place in np.flatnonzero(table.isna().all(axis=1)):
            ax.text(float(place), 0.01, say("none"), ha="center", fontsize=6.5)
        size = 7 if groups < 4 else 6
        ax.set_xticks(range(groups), [str(name) for name in table.index], fontsize=size)
        ax.tick_params(axis="x", length=0)
        alone = isinstance(result, MarkovResult)
        ax.set_ylabel(say("Share of units" if alone else "Share of units in the long run"))
        ax.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
        below = layer(
            legend_kw, title=say("State of {name}", name=chain.label), alignment="left",
            loc="upper center", bbox_to_anchor=(0.45, -(0.36 if two else 0.22) / high), ncols=3,
            handlelength=1.0, columnspacing=1.0, labelspacing=0.3,
        )  # fmt: skip
        ax.legend(**below)
        if title:
            ax.set_title(wrapped(title, width))
    check_fonts(ax)
    return ax
