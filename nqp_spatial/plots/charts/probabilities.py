"""Posterior probabilities of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.plots._canvas import (
    drawing,
    horizontal_label,
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

__all__ = ["probabilities"]


@checked
def probabilities(
    result: Tabled,
    *,
    title: str | None = None,
    bars_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw posterior probabilities of models as bars, by weights matrix where there are several.

    Parameters
    ----------
    result : object
        A result whose `frame` has ``model, probability`` and possibly ``weights``, or such a
        DataFrame, as from `nqp_spatial.regression.posterior_probabilities`.
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
        The bars add up to one.

    Raises
    ------
    OptionError
        If the table lacks a column.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"model": ["slx", "sdm"], "probability": [0.2, 0.8]})
    >>> [text.get_text() for text in probabilities(table).get_yticklabels()]
    ['SLX', 'SDM']
    """
    table = table_of(result, ["model", "probability"], "probabilities of models")
    names = table["model"].astype(str).str.upper()
    if "weights" in table.columns:
        names = names + ", " + table["weights"].astype(str)
    places = np.arange(len(table))
    width = room(ax, width)
    with drawing(ax, (width, 0.22 * len(table) + 0.75), lang=lang, title=title) as axes:
        axes.barh(places, table["probability"], **layer(bars_kw, height=0.7, color=PALETTE[0]))
        for place, share in zip(places, table["probability"], strict=True):
            axes.text(share, float(place), f" {share:.3f}", va="center", fontsize=sized(6.5))
        row_axis(axes, places, list(names), 0.45 * width, room_rows(ax, 0.22 * len(table)))
        axes.invert_yaxis()
        axes.set_xlim(0, number_room(width))
        axes.set_xticks(np.linspace(0, 1, 6 if width > 2.5 else 3))
        horizontal_label(axes, translate(t("Posterior probability")), width)
    return axes
