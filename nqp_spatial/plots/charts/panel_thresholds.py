"""Likelihood ratios of the thresholds of a panel model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.plots._canvas import (
    figure_of,
    figure_room,
    horizontal_label,
    legend_below,
    panels,
    wrapped,
)
from nqp_spatial.plots._theme import COLUMN, Layer
from nqp_spatial.plots.charts._threshold_profile import draw_profile
from nqp_spatial.regression import PanelThresholdResult
from nqp_spatial.regression._threshold_regions import critical_lr

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

__all__ = ["panel_threshold"]

_HEIGHT = 2.15


@checked
def panel_threshold(
    result: PanelThresholdResult,
    *,
    label: str | None = None,
    title: str | None = None,
    line_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    fig: Figure | SubFigure | None = None,
) -> Figure:
    """Draw the likelihood ratio of each value that was tried for each threshold.

    Parameters
    ----------
    result : PanelThresholdResult
        From `panel_threshold`.
    label : str, optional
        Name of the threshold variable.
    title : str, optional
    line_kw : mapping, optional
        Keyword arguments of matplotlib for the profiles.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    fig : Figure or SubFigure, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Figure
        One panel per threshold, the others as estimated. Values below the dashed line are in the
        interval, which is shaded. Values that leave too few observations between two thresholds
        are absent.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.panel_threshold("lgsp ~ lpcap + lpc + lemp", panel, threshold="unemp",
    ...                          regime="lpcap", thresholds=2, replications=0)
    >>> len(nq.plots.panel_threshold(res).axes)
    2
    """
    count = len(result.thresholds)
    width = figure_room(fig, width)
    critical = critical_lr(result.level)
    name = result.spec["threshold"]
    name = label if label is not None else result.model.labels.get(name, name)
    with panels(fig, (width, 0.3 + _HEIGHT * count), (count, 1), lang=lang, title=title) as (
        figure,
        grid,
    ):
        for (number, row), ax in zip(result.thresholds.iterrows(), grid[:, 0], strict=True):
            lr = result.profile.loc[number, "lr"]
            # A gap where values are not allowed.
            every = result.profile.index.get_level_values("gamma").unique().sort_values()
            estimate = (row["gamma"], row["conf_low"], row["conf_high"])
            draw_profile(ax, lr.reindex(every), estimate, critical, result.level, line_kw)
            ax.set_xlim(every[0], every[-1])
            ax.margins(x=0.02)
            if count > 1:
                ax.set_title(translate(t("Threshold {number}", number=number)))
            ax.set_ylabel(wrapped(translate(t("Likelihood ratio statistic")), 0.8 * _HEIGHT))
            horizontal_label(ax, name, width)
            legend_below(ax, None, width, columns=1, handlelength=1)
    return figure_of(figure)
