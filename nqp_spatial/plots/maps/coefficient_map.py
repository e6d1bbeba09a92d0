"""Coefficients of a geographically weighted regression on the map."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Literal, Unpack

import numpy as np

from nqp_spatial.core.options import Digits, Level, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import period_like
from nqp_spatial.core.text import language, t, translate
from nqp_spatial.errors import OptionError, sample
from nqp_spatial.plots._theme import LIGHT, SEQUENTIAL, Classes, ColourMap
from nqp_spatial.plots.maps._basemap import MapOptions, MapStyle, basemap_of, require_units_on_map
from nqp_spatial.plots.maps._classes import class_groups, inner_bounds, no_data
from nqp_spatial.plots.maps._map import NO_DATA, MapGroup, draw_groups
from nqp_spatial.regression import GwrResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["coefficient_map"]


@checked
def coefficient_map(
    result: GwrResult,
    panel: SpatialPanel,
    variable: str | None = None,
    *,
    period: Hashable | None = None,
    alpha: Level | None = 0.05,
    scheme: Literal["quantiles", "natural-breaks", "equal-intervals"] = "quantiles",
    classes: Classes = 5,
    cmap: ColourMap | None = None,
    digits: Digits | None = None,
    label: str | None = None,
    **options: Unpack[MapOptions],
) -> Axes:
    """Draw the coefficient of one regressor at each unit.

    Parameters
    ----------
    result : GwrResult
        From `gwr`.
    panel : SpatialPanel
        With the geometry of the units of the result.
    variable : str, optional
        By default the first regressor.
    period : hashable, optional
        Which of several periods of the regression; by default the last.
    alpha : float, optional
        Units with a corrected p-value from this on are grey; None draws all coefficients.
    scheme, classes, cmap, digits
        As in `choropleth`; colours diverge at 0 where coefficients have both signs.
    label : str, optional
        Title of the legend.
    **options
        As in `choropleth`, such as ``basemap``, ``inset``, ``title``.

    Returns
    -------
    Axes

    Raises
    ------
    OptionError
        If there is no such regressor or period.
    GeometryError, UnmatchedIdsError
        If the panel has no geometry, or not of all units of the result.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.gwr("lgsp ~ lpc + lemp", panel, period=1986, bandwidth=40)
    >>> ax = nq.plots.coefficient_map(res, panel, "lpc")
    >>> ax.get_legend().get_title().get_text()
    'Coefficient of Private capital (log), 1986'
    """
    names = list(result.variables)
    chosen = variable if variable is not None else ([*names[1:], names[0]])[0]
    if chosen not in names:
        raise OptionError(f"variable must be one of {sample(names, 20)}, got {variable!r}")
    style = MapStyle(**options)
    basemap = basemap_of(panel, style)
    advice = "pass the panel that the regression was estimated from"
    require_units_on_map(basemap, result.frame.index.unique("unit"), advice)
    with language(style.lang):
        rows = result.frame.xs(chosen, level="variable")
        shown_period = result.period
        if "period" in rows.index.names:
            periods = rows.index.unique("period").sort_values()
            shown_period = period_like(period, periods) if period is not None else periods[-1]
            if shown_period not in periods:
                raise OptionError(f"period must be one of {sample(periods, 20)}, got {period!r}")
            rows = rows.xs(shown_period, level="period")
        rows = rows.reindex(basemap.shapes.index)
        values = rows["estimate"]
        absent = values.isna().to_numpy()
        grey = np.zeros(len(rows), dtype=bool)
        if alpha is not None:
            grey = ~absent & ~(rows["p_corrected"] < alpha).to_numpy()
        shown = values.where(~grey)
        groups: list[MapGroup] = []
        if shown.notna().any():
            centre = 0.0 if shown.min() < 0 < shown.max() else None
            if cmap is None and shown.max() < 0:
                cmap = f"{SEQUENTIAL}_r"  # the coefficients farthest from zero are dark
            cuts = inner_bounds(shown, scheme, classes, None, centre)
            drawn = class_groups(shown, cuts, centre, cmap, digits)
            groups = [group for group in drawn if group.hatch != NO_DATA]
        if grey.any():
            words = t("not significant (corrected p ≥ {alpha:g})", alpha=alpha)
            groups.append(MapGroup(translate(words), grey, LIGHT))
        name = result.labels.get(chosen, chosen)
        words = t("Coefficient of {name}", name=name)
        if shown_period is not None:
            words = t("{name}, {period}", name=words, period=shown_period)
        legend = label if label is not None else translate(words)
        return draw_groups(
            basemap, [*groups, *no_data(absent)], style, legend=legend, title=style.title
        )
