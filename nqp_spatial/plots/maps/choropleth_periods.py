"""Maps of several periods side by side, with the classes of one legend."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from nqp_spatial.core.options import PassedTo, Width, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._canvas import figure_of, panels
from nqp_spatial.plots._theme import PAGE, Classes, Columns
from nqp_spatial.plots.maps._basemap import MapStyle, basemap_of
from nqp_spatial.plots.maps._classes import is_text, numbers_of
from nqp_spatial.plots.maps.choropleth import choropleth

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

__all__ = ["choropleth_periods"]

_OF_BASEMAP = ("crs", "basemap", "inset")


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
    **options: Annotated[Any, PassedTo("choropleth", without=("ax",))],
) -> Figure:
    """Draw one variable in several periods, in classes that are the same in all of them.

    Parameters
    ----------
    panel : SpatialPanel
        With geometry.
    variable : str
        A numeric column.
    periods : list, optional
        By default the first, the middle and the last.
    classes : int
        Quantiles of the values of all periods that are drawn.
    columns : int
        Maps in a row.
    width : float
        Inches.
    title : str, optional
        Of the whole figure.
    fig : Figure or SubFigure, optional
        Where to draw; a new figure if not given.
    **options
        Passed on to `choropleth`, such as ``basemap``, ``inset``, ``breaks``, ``cmap``.

    Returns
    -------
    Figure
        That of `fig` if it is given. The counts in each map's legend are those of its period.

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
    if "breaks" not in options and not is_text(column := panel.frame[variable]):
        # Classes of all the values that are drawn.
        values = numbers_of(column[column.index.get_level_values("period").isin(shown)])
        cuts = np.quantile(values[np.isfinite(values)], np.arange(1, classes) / classes)
        options["breaks"] = np.unique(cuts).tolist()
    across = min(columns, len(shown))
    rows = -(-len(shown) // across)
    style = MapStyle(**{name: options[name] for name in _OF_BASEMAP if name in options})
    left, bottom, right, top = basemap_of(panel, style).bounds
    ratio = min((top - bottom) / max(right - left, 1e-12), 1.6)
    height = rows * (width / across * ratio + 0.165 * (-(-classes // 2) + 1) + 0.3)
    lang = options.get("lang", "en")
    with panels(fig, (width, height), (rows, across), lang=lang, title=title) as (figure, axes):
        for ax, period in zip(axes.flat, shown, strict=False):
            choropleth(
                panel, variable, period=period, ax=ax, title=str(period),
                **{"label": panel.label(variable), **options},
            )  # fmt: skip
            ax.set_anchor("N")
        for ax in axes.flat[len(shown) :]:
            ax.remove()
    return figure_of(figure)
