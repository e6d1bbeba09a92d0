"""Silverman's test of the number of modes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.dynamics import ModalityResult
from nqp_spatial.plots._canvas import drawing, horizontal_label, room, room_up, wrapped
from nqp_spatial.plots._theme import COLUMN, MARKERS, MUTED, PALETTE, Layer, layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["modality"]

_LEVEL = 0.05


@checked
def modality(
    result: ModalityResult,
    *,
    title: str | None = None,
    line_kw: Layer = None,
    legend_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the p-values of at most one, two, ... modes, one line per period.

    Parameters
    ----------
    result : ModalityResult
        From `nqp_spatial.dynamics.modality`.
    title : str, optional
        None is drawn if not given.
    line_kw, legend_kw : mapping, optional
        Keyword arguments of matplotlib for the lines and the legend.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        The dashed line is at 0.05; the first number of modes above it is not rejected.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income().select(periods=[1929, 2009])
    >>> res = nq.dynamics.modality(panel, "relative_income", replications=49)
    >>> [text.get_text() for text in nq.plots.modality(res).get_legend().get_texts()]
    ['1929', '2009']
    """
    wide = result.frame["p_value"].unstack("modes")
    width = room(ax, width)
    with drawing(ax, (width, 0.7 * width), lang=lang, title=title) as axes:
        for place, (period, values) in enumerate(wide.iterrows()):
            style = layer(
                line_kw, color=PALETTE[place % len(PALETTE)], marker=MARKERS[place % len(MARKERS)],
                ms=4, lw=1, label=str(period),
            )  # fmt: skip
            axes.plot(values.index, values, **style)
        axes.axhline(_LEVEL, color=MUTED, lw=0.8, ls=(0, (4, 3)), zorder=1)
        axes.set_ylim(-0.03, 1.03)
        axes.set_xticks(wide.columns)
        horizontal_label(axes, translate(t("At most so many modes")), width)
        axes.set_ylabel(wrapped(translate(t("p-value (dashed: 0.05)")), room_up(ax, width)))
        axes.legend(**layer(legend_kw, loc="best", ncols=1 + len(wide) // 8, handlelength=1.6))
    return axes
