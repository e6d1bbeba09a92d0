"""Digits that two programs agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, language, t, translate
from nqp_spatial.plots._canvas import (
    drawing,
    height_of_rows,
    horizontal_label,
    legend_below,
    room,
    room_rows,
    row_axis,
)
from nqp_spatial.plots._theme import COLUMN, PALETTE, Layer, layer
from nqp_spatial.plots.charts._tables import Tabled, entry_words, table_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["digits"]


@checked
def digits(
    result: Tabled,
    *,
    title: str | None = None,
    bars_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw how many digits of each quantity agree with another program.

    Parameters
    ----------
    result : object
        A result whose `frame` has ``digits, wanted`` by quantity, or such a DataFrame, as from
        `nqp_spatial.crosscheck`.
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
        A mark stands at the digits that show agreement.

    Raises
    ------
    OptionError
        If the table lacks a column, or has no rows.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"digits": [12.5], "wanted": [9.0]}, index=["moran_i"])
    >>> [text.get_text() for text in digits(table).get_yticklabels()]
    ["Moran's I"]
    """
    table = table_of(result, ["digits", "wanted"], "digits that agree")
    places = np.arange(len(table))
    with language(lang):
        names = [entry_words("quantity", name) for name in table.iloc[:, 0]]
    width = room(ax, width)
    tall = height_of_rows(names, 0.45 * width, 0.24)
    with drawing(ax, (width, tall + 1.0), lang=lang, title=title) as axes:
        lengths = np.maximum(table["digits"].to_numpy(dtype=float), 0.0)
        style = layer(bars_kw, height=0.5, color=PALETTE[0])
        axes.barh(places, lengths, label=translate(t("digits that agree")), **style)
        axes.plot(
            np.maximum(table["wanted"].to_numpy(dtype=float), 0.0), places, linestyle="none",
            marker="|", markersize=9, markeredgewidth=1.4, color=PALETTE[1],
            label=translate(t("digits that show agreement")),
        )  # fmt: skip
        row_axis(axes, places, names, 0.45 * width, room_rows(ax, tall))
        axes.invert_yaxis()
        axes.set_xlim(0, 16)
        axes.set_xticks([0, 4, 8, 12, 16])
        horizontal_label(axes, translate(t("Significant digits")), width)
        legend_below(axes, None, width, columns=2)
    return axes
