"""Joins between categories beside those of a random assignment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nqp_spatial.core.inference import critical_value
from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, Message, label, t, translate
from nqp_spatial.esda import JoinCountsResult
from nqp_spatial.plots._canvas import (
    drawing,
    horizontal_label,
    legend_below,
    percent,
    room,
    room_rows,
    row_axis,
)
from nqp_spatial.plots._theme import BLUE, COLUMN, MUTED, ORANGE, Layer, layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["join_counts"]

_LEVEL = 0.95


@checked
def join_counts(
    result: JoinCountsResult,
    *,
    title: str | None = None,
    points_kw: Layer = None,
    line_kw: Layer = None,
    legend_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the joins of each pair of categories beside what random assignment would give.

    Parameters
    ----------
    result : JoinCountsResult
        From `nqp_spatial.esda.join_counts`.
    title : str, optional
        None is drawn if not given.
    points_kw, line_kw, legend_kw : mapping, optional
        Keyword arguments of matplotlib for the joins, the range under random assignment, and the
        legend.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Lines are the expected joins and 1.96 standard deviations about them.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income().select(periods=[2009])
    >>> panel = panel.assign(rich=lambda d: d["relative_income"] > 1)
    >>> joins = nq.esda.join_counts(panel, "rich", nq.weights.contiguity(panel))
    >>> [text.get_text() for text in nq.plots.join_counts(joins).get_yticklabels()][-2:]
    ['same category', 'different categories']
    """
    frame = result.frame
    places = np.arange(len(frame))
    reach = critical_value(_LEVEL) * frame["std_dev"]
    width = room(ax, width)
    with drawing(ax, (width, 0.85 + 0.27 * len(frame)), lang=lang, title=title) as axes:
        range_words = translate(t("Random range ({level})", level=percent(_LEVEL)))
        line = layer(line_kw, color=MUTED, lw=4, alpha=0.6, zorder=1)
        axes.hlines(places, frame["expected"] - reach, frame["expected"] + reach,
                    label=range_words, **line)  # fmt: skip
        outside = (frame["joins"] - frame["expected"]).abs() > reach
        kinds = [(~outside, BLUE, t("within")), (outside, ORANGE, t("outside"))]
        for members, colour, words in kinds:
            if members.any():
                style = layer(points_kw, s=22, color=colour, zorder=2, label=translate(words))
                axes.scatter(frame["joins"][members], places[members], **style)
        names = [translate(_pair(*pair)) for pair in frame.index]
        row_axis(axes, places, names, 0.4 * width, room_rows(ax, 0.27 * len(frame)))
        axes.set_ylim(len(frame) - 0.5, -0.5)
        horizontal_label(axes, translate(t("Joins of neighbours")), width)
        legend_below(axes, legend_kw, width, handlelength=1.2)
    return axes


def _pair(first: object, second: object) -> Message:
    """Return the words of a row: a pair of categories, or all of a kind."""
    if second == "" and first in ("same", "different"):
        return t("same category") if first == "same" else t("different categories")
    return t("{first} – {second}", first=label("group", first), second=label("group", second))
