"""The regression of the log-t test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nqp_spatial.convergence import LogTResult
from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.plots._canvas import drawing, horizontal_label, room, room_up, wrapped
from nqp_spatial.plots._theme import BLUE, COLUMN, INK, MUTED, Layer, layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["log_t"]


@checked
def log_t(
    result: LogTResult,
    *,
    title: str | None = None,
    points_kw: Layer = None,
    line_kw: Layer = None,
    legend_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw ``log(H_1 / H_t) - 2 log log t`` against ``log t``, with the line of slope b.

    Parameters
    ----------
    result : LogTResult
        From `nqp_spatial.convergence.log_t`.
    title : str, optional
        None is drawn if not given.
    points_kw, line_kw, legend_kw : mapping, optional
        Keyword arguments of matplotlib for the points, the line and the legend.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Periods that the regression leaves out are hollow. A line that does not fall is one of
        convergence.

    References
    ----------
    Phillips and Sul (2007), Econometrica 75(6), equation 45.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> res = nq.convergence.log_t(panel, "income", logs=True, detrend=None)
    >>> nq.plots.log_t(res).get_legend().get_texts()[0].get_text()
    'b = 0.912, t = 7.62'
    """
    dispersion = result.dispersion.to_numpy(dtype=float)[1:]
    number = np.arange(2, len(dispersion) + 2)
    x = np.log(number)
    y = np.log(result.dispersion.iloc[0] / dispersion) - 2 * np.log(np.log(number))
    used = np.arange(1, len(number) + 1) >= result.dispersion.index.get_loc(result.first_period)
    level = (y[used] - result.b * x[used]).mean()
    width = room(ax, width)
    with drawing(ax, (width, 0.7 * width), lang=lang, title=title) as axes:
        style = layer(points_kw, s=14, color=BLUE, linewidth=0.8, zorder=3)
        axes.scatter(x[used], y[used], **style)
        axes.scatter(x[~used], y[~used], **{**style, "color": MUTED, "facecolor": "white"})
        words = t("b = {b:.3f}, t = {statistic:.2f}", b=result.b, statistic=result.statistic)
        line = layer(line_kw, color=INK, lw=1.2, label=translate(words), zorder=2)
        axes.plot(x[used], level + result.b * x[used], **line)
        horizontal_label(axes, translate(t("log t (hollow: periods left out)")), width)
        axes.set_ylabel(
            wrapped(translate(t("log(H₁/H_t) − 2 log log t")), room_up(ax, 0.7 * width))
        )
        axes.legend(**layer(legend_kw, loc="best", handlelength=1.6))
    return axes
