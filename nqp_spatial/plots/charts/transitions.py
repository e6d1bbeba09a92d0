"""Heat maps of transition probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, language, t, translate
from nqp_spatial.dynamics import ChainsResult, MarkovResult, SpatialMarkovResult
from nqp_spatial.plots._canvas import (
    colour_bar,
    counted,
    figure_of,
    figure_room,
    panels,
    sized,
    wrapped,
)
from nqp_spatial.plots._theme import COLUMN, EDGE, INK, PAGE, PROBABILITY, Columns, Layer, layer
from nqp_spatial.plots.charts.steady_states import condition_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.image import AxesImage

__all__ = ["transitions"]


@checked
def transitions(
    result: MarkovResult | SpatialMarkovResult | ChainsResult,
    *,
    title: str | None = None,
    cells_kw: Layer = None,
    text_kw: Layer = None,
    lang: Lang = "en",
    width: Width | None = None,
    columns: Columns = 3,
    fig: Figure | SubFigure | None = None,
) -> Figure:
    """Draw the transition probabilities of a chain, or of several side by side.

    Parameters
    ----------
    result : MarkovResult, SpatialMarkovResult or ChainsResult
        From `nqp_spatial.dynamics`.
    title : str, optional
        Of the whole figure.
    cells_kw, text_kw : mapping, optional
        Keyword arguments of matplotlib for the image and for the numbers in it.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float, optional
        Inches; a column for one chain, a page for several.
    columns : int
        Matrices side by side, for a spatial chain.
    fig : Figure or SubFigure, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Figure
        That of `fig` if it is given. Rows are current states, with the number of transitions from
        there; columns are the next states.
        Rows never visited are hatched. All matrices share one scale from 0 to 1.

    Raises
    ------
    OptionError
        If the result is not of a chain.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> chain = nq.dynamics.markov(nq.datasets.us_income(), "relative_income", states=5)
    >>> len(nq.plots.transitions(chain).axes)
    2
    """
    with language(lang):
        chains = _chains(result)
    several = len(chains) > 1
    step = result.spec.step
    wide = figure_room(fig, width or (PAGE if several else COLUMN))
    across = min(columns, len(chains))
    down = -(-len(chains) // across)
    size = wide, down * ((wide - 0.5) / across * 0.86 + 0.3) + 0.25
    with panels(fig, size, (down, across), lang=lang, title=title) as (figure, axes):
        for ax in axes.flat[len(chains) :]:
            ax.set_axis_off()
        for place, (name, probabilities, counts) in enumerate(chains):
            ax = axes.flat[place]
            image = _matrix(ax, probabilities, counts, cells_kw, text_kw, small=several)
            ax.set_title(name if several else "", fontweight="normal", fontsize=sized(8))
            if place % across == 0:
                ax.set_ylabel(translate(t("Current state (transitions)")))
            if place + across >= len(chains):
                ax.set_xlabel(_later(step))
        words = translate(t("Transition probability"))
        colour_bar(image, axes, words, shrink=0.6 if down > 1 else 0.95, aspect=25, pad=0.015)
        if several:  # the matrices have room for the numbers of states only
            names = "; ".join(str(name) for name in chains[0][1].index)
            words = wrapped(translate(t("States {names}", names=names)), wide * 1.15)
            figure.supxlabel(words, x=0.01, ha="left", fontsize=sized(7))
    return figure_of(figure)


def _chains(
    result: MarkovResult | SpatialMarkovResult | ChainsResult,
) -> list[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Return name, probabilities and counts of each chain."""
    if isinstance(result, MarkovResult):
        return [("", result.probabilities, result.counts)]
    chains = [(translate(t("All")), result.pooled.probabilities, result.pooled.counts)]
    if isinstance(result, ChainsResult):
        return chains + [
            (str(name), c.probabilities, c.counts) for name, c in result.chains.items()
        ]
    levels = tuple(result.ergodic.index.names)
    for value in result.ergodic.index:
        name = wrapped(translate(condition_name(levels, value)), 1.9)
        chains.append((name, result.probabilities.loc[value], result.counts.loc[value]))
    return chains


def _later(step: int) -> str:
    if step == 1:
        return translate(t("State in the next period"))
    return translate(t("State {step} periods later", step=step))


def _matrix(
    ax: Axes,
    probabilities: pd.DataFrame,
    counts: pd.DataFrame,
    cells_kw: Layer,
    text_kw: Layer,
    *,
    small: bool,
) -> AxesImage:
    """Draw one matrix; return the image, for the colour bar."""
    values = probabilities.to_numpy(dtype=float)
    size = len(values)
    image = ax.imshow(
        np.ma.masked_invalid(values),
        **layer(cells_kw, cmap=PROBABILITY, vmin=0, vmax=1, aspect="auto"),
    )
    for i, row in enumerate(values):
        if np.isnan(row).all():
            ax.axhspan(i - 0.5, i + 0.5, facecolor="white", edgecolor=EDGE, hatch="////", lw=0)
            continue
        for j, value in enumerate(row):
            style = layer(
                text_kw, ha="center", va="center", fontsize=sized(6 if small and size > 4 else 7),
                color="white" if value > 0.55 else INK,
            )  # fmt: skip
            ax.text(j, i, f"{value:.2f}", **style)
    moves = counts.sum(axis=1).to_numpy()
    short = [str(name).split(":")[0] for name in probabilities.index]
    full = [str(name) for name in probabilities.index]
    ax.set_xticks(range(size), short if small else full, rotation=0 if small else 30)
    if not small:
        for text in ax.get_xticklabels():
            text.set_horizontalalignment("right")
            text.set_rotation_mode("anchor")
    names = short if small else full
    ax.set_yticks(range(size), list(map(counted, names, moves)))
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    return image
