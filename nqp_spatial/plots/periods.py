"""Maps of several periods side by side, with the classes of one legend."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nqp_spatial.errors import OptionError
from nqp_spatial.panel import SpatialPanel, require_panel
from nqp_spatial.plots.ground import MapLook, ground_of
from nqp_spatial.plots.maps import choropleth
from nqp_spatial.plots.theme import PAGE, check_fonts, new_figure, themed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["choropleth_periods"]


def choropleth_periods(
    panel: SpatialPanel,
    variable: str,
    *,
    periods: Sequence[Hashable] | None = None,
    classes: int = 5,
    columns: int = 3,
    width: float = PAGE,
    title: str | None = None,
    **options: Any,
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
    require_panel(panel)
    some = list(panel.periods[[0, panel.n_periods // 2, -1]]) if periods is None else list(periods)
    if not some or columns < 1 or classes < 2:
        raise OptionError("wanted at least one period, one column and two classes")
    some = list(dict.fromkeys(panel.require_periods(some)))
    if "breaks" not in options:
        # One ground for all: classes of all the values that are drawn.
        values = panel.wide(variable)[some].to_numpy()
        cuts = np.quantile(values, np.arange(1, classes) / classes)
        options["breaks"] = list(np.unique(cuts))
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
