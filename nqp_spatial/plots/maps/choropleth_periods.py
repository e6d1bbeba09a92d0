"""Maps of several periods side by side, with the classes of one legend."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd

from nqp_spatial.core.options import PassedTo, Width, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._canvas import figure_of, panels
from nqp_spatial.plots._theme import PAGE, Classes, Columns
from nqp_spatial.plots.maps._basemap import MapStyle, basemap_of
from nqp_spatial.plots.maps._classes import (
    category_groups,
    class_groups,
    inner_bounds,
    is_text,
    numbers_of,
)
from nqp_spatial.plots.maps._map import MapGroup, common_legend, draw_groups
from nqp_spatial.plots.maps.choropleth import choropleth  # noqa: F401 (what options are passed to)

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

__all__ = ["choropleth_periods"]


@checked
def choropleth_periods(
    panel: SpatialPanel,
    variable: str,
    *,
    periods: Sequence[Hashable] | None = None,
    classes: Classes = 5,
    columns: Columns = 3,
    width: Width = PAGE,
    title: str | None = None,
    fig: Figure | SubFigure | None = None,
    **options: Annotated[Any, PassedTo("choropleth", without=("ax", "period"))],
) -> Figure:
    """Draw one variable in several periods, in classes that are the same in all of them.

    Parameters
    ----------
    panel : SpatialPanel
        With geometry.
    variable : str
        A column of numbers or categories.
    periods : list, optional
        By default the first, the middle and the last.
    classes : int
        Number of classes of the values of all periods that are drawn together, by default
        quantiles.
    columns : int
        Maps in a row.
    width : float
        Inches.
    title : str, optional
        Of the whole figure.
    fig : Figure or SubFigure, optional
        Where to draw; a new figure if not given.
    **options
        As in `choropleth`, such as ``basemap``, ``extent``, ``scheme``, ``breaks``, ``cmap``.

    Returns
    -------
    Figure
        That of `fig` if it is given. One legend for all maps, without counts, which differ; its
        first and last class end at the smallest and largest value of all periods that are drawn.

    Raises
    ------
    OptionError
        If there are no periods or columns. What `choropleth` raises is passed on.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> figure = nq.plots.choropleth_periods(cities, "nqp", periods=[2012, 2021], columns=2)
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['2012', '2021']
    """
    if periods is None:
        periods = list(panel.periods[[0, panel.n_periods // 2, -1]])
    if not len(periods):
        raise OptionError("periods must name at least one period, got an empty list")
    shown = list(dict.fromkeys(panel.require_periods(list(periods))))
    panel.require_columns([variable])
    column = panel.frame[variable]
    values = column[column.index.get_level_values("period").isin(shown)]
    across = min(columns, len(shown))
    rows = -(-len(shown) // across)
    style = MapStyle(**{"width": width, **_of_maps(options)})
    basemap = basemap_of(panel, style)
    size = width, rows * (width / across * basemap.ratio + 0.28) + 0.165 * (classes // 5 + 2) + 0.1
    legend: dict[str, MapGroup] = {}
    with panels(fig, size, (rows, across), lang=style.lang, title=title) as (figure, axes):
        grouped = _grouping(values, classes, options)
        for ax, period in zip(axes.flat, shown, strict=False):
            by_unit = values.xs(period, level="period").reindex(basemap.shapes.index)
            groups = grouped(by_unit)
            legend |= {group.name: group for group in groups}
            draw_groups(basemap, groups, replace(style, ax=ax), legend=None, title=str(period))
            ax.set_anchor("N")
        for ax in axes.flat[len(shown) :]:
            ax.remove()
        words = options.get("label")
        words = panel.label(variable) if words is None else words
        missing = [legend.pop(name) for name in [translate(t("No data"))] if name in legend]
        common_legend(figure, [*legend.values(), *missing], basemap, style, words)
    return figure_of(figure)


def _of_maps(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that all maps have."""
    names = {field.name for field in fields(MapStyle)}
    return {name: value for name, value in options.items() if name in names}


def _grouping(
    values: pd.Series, classes: int, options: dict[str, Any]
) -> Callable[[pd.Series], list[MapGroup]]:
    """Return what makes the groups of one map, in the classes of the values of all maps."""
    if is_text(values):
        return lambda by_unit: category_groups(by_unit, values)
    numbers = numbers_of(values)
    scheme, breaks = options.get("scheme", "quantiles"), options.get("breaks")
    if breaks is None and scheme == "quantiles":
        finite = numbers[np.isfinite(numbers)]
        breaks = np.unique(np.quantile(finite, np.arange(1, classes) / classes)).tolist()
    centre = options.get("centre")
    inner = inner_bounds(values, scheme, classes, breaks, centre)
    look = inner, centre, options.get("cmap"), options.get("digits")
    return lambda by_unit: class_groups(by_unit, *look, among=values)
