"""Posterior probabilities of candidate weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.plots._canvas import (
    drawing,
    horizontal_label,
    legend_below,
    number_room,
    room,
    room_rows,
    row_axis,
    sized,
)
from nqp_spatial.plots._theme import COLUMN, PALETTE, Layer, layer
from nqp_spatial.plots.charts._tables import Tabled, table_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["inclusion"]


@checked
def inclusion(
    result: Tabled,
    *,
    title: str | None = None,
    bars_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw how probable each candidate W is, in any subset and alone.

    Parameters
    ----------
    result : object
        A result whose `frame` has ``weights, inclusion, alone``, or such a DataFrame, as from
        `nqp_spatial.average_weights`.
    title : str, optional
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
        Inclusion probabilities do not add up to one; those of single matrices do.

    Raises
    ------
    OptionError
        If the table lacks a column.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"weights": ["queen"], "inclusion": [0.9], "alone": [1.0]})
    >>> [text.get_text() for text in inclusion(table).get_yticklabels()]
    ['queen']
    """
    columns = {"inclusion": t("in any subset"), "alone": t("alone")}
    table = table_of(result, ["weights", *columns], "probabilities of weights")
    places = np.arange(len(table))
    width = room(ax, width)
    with drawing(ax, (width, 0.34 * len(table) + 1.0), lang=lang, title=title) as axes:
        for row, (name, words) in enumerate(columns.items()):
            heights = places + 0.36 * (row - 0.5)
            style = layer(bars_kw, height=0.34, color=PALETTE[row])
            axes.barh(heights, table[name], label=translate(words), **style)
            for place, share in zip(heights, table[name], strict=True):
                axes.text(share, float(place), f" {share:.3f}", va="center", fontsize=sized(6.5))
        names = list(map(str, table["weights"]))
        row_axis(axes, places, names, 0.45 * width, room_rows(ax, 0.34 * len(table)))
        axes.invert_yaxis()
        axes.set_xlim(0, number_room(width))
        axes.set_xticks(np.linspace(0, 1, 6 if width > 2.5 else 3))
        horizontal_label(axes, translate(t("Posterior probability")), width)
        legend_below(axes, None, width, columns=2)
    return axes
