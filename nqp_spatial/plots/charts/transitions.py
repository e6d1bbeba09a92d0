"""Heat maps of transition probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Width, checked
from nqp_spatial.dynamics import ChainsResult, MarkovResult, SpatialMarkovResult
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._theme import (
    COLUMN,
    EDGE,
    INK,
    PAGE,
    PROBABILITY,
    Columns,
    Layer,
    check_fonts,
    figure_of,
    layer,
    new_figure,
    themed,
    wrapped,
)
from nqp_spatial.plots.charts.steady_states import condition_name
from nqp_spatial.plots.words import Lang, say, speaking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
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
    ax: Axes | None = None,
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
    ax : Axes, optional
        Where to draw a single matrix; a new figure if not given.

    Returns
    -------
    Figure
        That of `ax` if it is given.
        Rows are states now, with the number of moves that start there; columns states next.
        Rows never visited are hatched. All matrices share one scale from 0 to 1.

    Raises
    ------
    OptionError
        If the result is not of a chain, or of several and `ax` is given.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> chain = nq.dynamics.markov(nq.datasets.us_income(), "relative_income", states=5)
    >>> len(nq.plots.transitions(chain).axes)
    2
    """
    with speaking(lang):
        chains = _chains(result)
    many = len(chains) > 1
    if many and ax is not None:
        raise OptionError(f"{len(chains)} matrices need a figure of their own: leave out ax")
    step = result.spec.step
    wide = width or (PAGE if many else COLUMN)
    across = min(columns, len(chains))
    down = -(-len(chains) // across)
    cell = (wide - 0.5) / across
    with themed(lang):
        if ax is None:
            figure, axes = new_figure(wide, down * (cell * 0.86 + 0.3) + 0.25, down, across)
        else:
            figure, axes = figure_of(ax), np.array([[ax]])
        image = None
        for place, one in enumerate(axes.ravel()):
            if place >= len(chains):
                one.set_axis_off()
                continue
            name, p, counts = chains[place]
            image = _matrix(one, p, counts, cells_kw, text_kw, small=many)
            one.set_title(name if many else "", fontweight="normal", fontsize=8)
            if place % across == 0:
                one.set_ylabel(say("State now (moves)"))
            if place + across >= len(chains):
                one.set_xlabel(_later(step))
        assert image is not None
        bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=25, pad=0.015)
        bar.set_label(say("Transition probability"))
        bar.outline.set_visible(False)
        if many:  # the matrices have room for the numbers of states only
            names = "; ".join(str(name) for name in chains[0][1].index)
            said = wrapped(say("States {names}", names=names), wide * 1.15)
            figure.supxlabel(said, x=0.01, ha="left", fontsize=7)
        if title and ax is not None:
            ax.set_title(title)
        elif title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=8.5)
    check_fonts(figure)
    return figure


def _chains(
    result: MarkovResult | SpatialMarkovResult | ChainsResult,
) -> list[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Return name, probabilities and counts of each chain."""
    if isinstance(result, MarkovResult):
        return [("", result.probabilities, result.counts)]
    if isinstance(result, SpatialMarkovResult):
        chains = [(say("All"), result.pooled.probabilities, result.pooled.counts)]
        levels = tuple(result.ergodic.index.names)
        for value in result.ergodic.index:
            said = wrapped(condition_name(levels, value), 1.9)
            chains.append((said, result.probabilities.loc[value], result.counts.loc[value]))
        return chains
    chains = [(say("All"), result.pooled.probabilities, result.pooled.counts)]
    return chains + [(name, c.probabilities, c.counts) for name, c in result.chains.items()]


def _later(step: int) -> str:
    if step == 1:
        return say("State in the next period")
    return say("State {step} periods later", step=step)


def _matrix(
    ax: Axes,
    p: pd.DataFrame,
    counts: pd.DataFrame,
    cells_kw: Layer,
    text_kw: Layer,
    *,
    small: bool,
) -> AxesImage:
    """Draw one matrix; return the image, for the colour bar."""
    values = p.to_numpy(dtype=float)
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
            look = layer(
                text_kw, ha="center", va="center", fontsize=6 if small and size > 4 else 7,
                color="white" if value > 0.55 else INK,
            )  # fmt: skip
            ax.text(j, i, f"{value:.2f}", **look)
    moves = counts.sum(axis=1).to_numpy()
    short = [str(name).split(":")[0] for name in p.index]
    full = [str(name) for name in p.index]
    ax.set_xticks(range(size), short if small else full, rotation=0 if small else 30)
    if not small:
        for text in ax.get_xticklabels():
            text.set_horizontalalignment("right")
            text.set_rotation_mode("anchor")
    names = short if small else full
    ax.set_yticks(range(size), [f"{n} ({m:,.0f})" for n, m in zip(names, moves, strict=True)])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return image
