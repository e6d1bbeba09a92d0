"""Maps: classes of a variable, and groups of units."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Literal, Unpack

import pandas as pd

from nqp_spatial.core.options import Digits, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import language, t, translate
from nqp_spatial.errors import PanelError, UnmatchedIdsError, sample
from nqp_spatial.plots._theme import Classes, ColourMap
from nqp_spatial.plots.maps._basemap import MapOptions, MapStyle, basemap_of
from nqp_spatial.plots.maps._classes import category_groups, class_groups, inner_bounds, is_text
from nqp_spatial.plots.maps._map import draw_groups

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["choropleth"]


@checked
def choropleth(
    panel: SpatialPanel,
    variable: str | pd.Series,
    *,
    period: Hashable | None = None,
    scheme: Literal["quantiles", "natural-breaks", "equal-intervals"] = "quantiles",
    classes: Classes = 5,
    breaks: Sequence[float] | None = None,
    centre: float | None = None,
    cmap: ColourMap | None = None,
    digits: Digits | None = None,
    label: str | None = None,
    **options: Unpack[MapOptions],
) -> Axes:
    """Draw a map of classes of a variable.

    Parameters
    ----------
    panel : SpatialPanel
        With geometry, polygons or points.
    variable : str or Series
        A column of the panel, or values by unit. Text and categories get a colour each.
    period : hashable, optional
        Which period of a column; may be left out for a cross-section.
    scheme : {"quantiles", "natural-breaks", "equal-intervals"}
        How classes are cut, by mapclassify; intervals are closed on the right.
    classes : int
        Number of classes.
    breaks : sequence of float, optional
        Upper bounds of all classes but the last, instead of a scheme: one legend for several maps.
    centre : float, optional
        A value, such as 0 or 1, that parts two sides: it takes the place of the nearest break,
        and colours diverge there.
    cmap : str, optional
        A matplotlib colour map; the defaults are colour-blind safe.
    digits : int, optional
        Decimal places of the legend.
    label : str, optional
        Title of the legend; by default the column's label and its period.
    title : str, optional
        Of the map.
    crs : "auto", None, or anything that geopandas takes
        Projection to draw in. ``auto`` draws data in degrees in an equal-area conic projection that
        fits them, and projected data as they are; None draws as they are.
    extent : (west, south, east, north) or "main", optional
        What the map shows, degrees of longitude and latitude; data without CRS have units of their
        own. ``main`` leaves far-away parts aside, such as overseas regions: those that would
        enlarge the map by more than a fifth. Counts are still those of all units, and the legend
        says how many lie outside. The projection of ``crs="auto"`` fits what is shown.
    extent_units : {"degrees", "map"}
        Units of `extent`: degrees, or those of the map's projection.
    basemap : GeoDataFrame, several of them, or "china", optional
        What to draw around the units: areas in light grey with borders over the units, and lines.
        ``china`` is `nqp_spatial.datasets.china_provinces` and `china_sea_line`. Land without units
        is hatched, with an entry in the legend.
    inset : {"south-china-sea"}, optional
        Draw that sea in a box at the lower right, and the main map down to Hainan.
    scale_bar, north_arrow : bool
        Whether to draw a bar of kilometres, and an arrow to the north along the meridian, where
        units leave room and the meridian is nearly upright.
    shapes_kw, legend_kw : mapping, optional
        Keyword arguments of ``GeoDataFrame.plot`` for the units, and of ``Axes.legend``: they come
        over ours.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches; see `COLUMN` and `PAGE`.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes

    Raises
    ------
    GeometryError, PanelError, UnknownColumnError, UnmatchedIdsError, OptionError
        If there is no geometry, no such column or period, ids do not match, or an option is
        unknown.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> ax = nq.plots.choropleth(nq.datasets.us_income(), "income", period=2009)
    >>> ax.get_legend().get_title().get_text()
    'Income per head, dollars, 2009'
    """
    style = MapStyle(**options)
    basemap = basemap_of(panel, style)
    with language(style.lang):
        values, name = _values(panel, variable, period)
        values = values.reindex(basemap.shapes.index)
        if values.isna().all():
            raise PanelError(f"there is no value of {name!r} to draw: all are missing")
        if is_text(values):
            groups = category_groups(values)
        else:
            cuts = inner_bounds(values, scheme, classes, breaks, centre)
            groups = class_groups(values, cuts, centre, cmap, digits)
        legend = label if label is not None else name
        return draw_groups(basemap, groups, style, legend=legend, title=style.title)


def _values(
    panel: SpatialPanel, variable: str | pd.Series, period: Hashable | None
) -> tuple[pd.Series, str]:
    """Return values by unit and what to call them."""
    if isinstance(variable, pd.Series):
        unknown = variable.index.difference(panel.units, sort=False)
        if len(unknown) or variable.index.has_duplicates:
            raise UnmatchedIdsError(
                f"values must have one row per unit of the panel; not in it or repeated: "
                f"{sample(unknown if len(unknown) else variable.index)}"
            )
        return variable.reindex(panel.units), str(variable.name or "")
    panel.require_columns([variable])
    if period is None:
        if panel.n_periods > 1:
            raise PanelError(
                f"the panel has {panel.n_periods} periods: name one, as in "
                f"period={panel.periods.tolist()[-1]!r}"
            )
        period = panel.periods[0]
    period = panel.period(period)
    values = panel.frame[variable].xs(period, level="period").reindex(panel.units)
    name = panel.label(variable)
    if panel.n_periods > 1:
        name = translate(t("{name}, {period}", name=name, period=period))
    return values, name
