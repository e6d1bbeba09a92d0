"""Maps of several periods side by side, with the classes of one legend."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from nqp_spatial.core.options import PassedTo, Width, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import OptionError, PanelError
from nqp_spatial.plots._theme import PAGE, Classes, Columns, check_fonts, new_figure, themed
from nqp_spatial.plots.maps._basemap import MapLook, ground_of
from nqp_spatial.plots.maps.choropleth import choropleth, is_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    **options
        Passed on to `choropleth`, such as ``basemap``, ``inset``, ``breaks``, ``cmap``.

    Returns
    -------
    Figure
        The counts in each map's legend are those of its period.

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
    some = list(panel.periods[[0, panel.n_periods // 2, -1]]) if periods is None else list(periods)
    if not some:
        raise OptionError("periods must name at least one period, got an empty list")
    some = list(dict.fromkeys(panel.require_periods(some)))
    panel.require_columns([variable])
    if "breaks" not in options and not is_text(column := panel.frame[variable]):
        # One ground for all: classes of all the values that are drawn.
        drawn = column.index.get_level_values("period").isin(some)
        values = column[drawn].to_numpy(dtype=float, na_value=np.nan)
        known = values[np.isfinite(values)]
        if not len(known):
            raise PanelError(f"there is no finite value of {variable!r} to draw")
        cuts = np.quantile(known, np.arange(1, classes) / classes)
        options["breaks"] = np.unique(cuts).tolist()
    wide = min(columns, len(some))
    rows = -(-len(some) // wide)
    look = {name: options[name] for name in ("crs", "basemap", "inset") if name in options}
    ground = ground_of(panel, MapLook(**look))
    left, bottom, right, top = ground.bounds
    ratio = min((top - bottom) / max(right - left, 1e-12), 1.6)
    with themed():
        figure, axes = new_figure(
            width, rows * (width / wide * ratio + 0.165 * (-(-classes // 2) + 1) + 0.3), rows, wide
        )
    for ax, period in zip(axes.flat, some, strict=False):
        choropleth(
            panel, variable, period=period, ax=ax, title=str(period),
            **{"label": panel.label(variable), **options},
        )  # fmt: skip
        ax.set_anchor("N")
    for ax in axes.flat[len(some) :]:
        ax.remove()
    if title:
        with themed(options.get("lang", "en")):
            figure.suptitle(title, x=0.01, ha="left", fontsize=9)
            check_fonts(figure)
    return figure
