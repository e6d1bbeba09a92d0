"""The forecast state of each unit, on the map."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Literal, Unpack

import numpy as np
import pandas as pd

from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import period_like
from nqp_spatial.core.text import language, t, translate
from nqp_spatial.dynamics import ForecastResult
from nqp_spatial.errors import OptionError, sample
from nqp_spatial.plots._theme import SEQUENTIAL
from nqp_spatial.plots.maps._basemap import (
    MapOptions,
    MapStyle,
    basemap_of,
    require_units_on_map,
)
from nqp_spatial.plots.maps._classes import class_groups, no_data
from nqp_spatial.plots.maps._map import MapGroup, draw_groups

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["forecast_map"]

_BREAKS = np.array([0.05, 0.1, 0.25, 0.5])


@checked
def forecast_map(
    result: ForecastResult,
    panel: SpatialPanel,
    show: Literal["state", "up", "down"] = "state",
    *,
    period: Hashable | None = None,
    legend: str | None = None,
    **options: Unpack[MapOptions],
) -> Axes:
    """Draw the most likely future state of each unit, or its probability to move up or down.

    Parameters
    ----------
    result : ForecastResult
        From `nqp_spatial.dynamics.forecast`.
    panel : SpatialPanel
        With the geometry of the units of the result; other units are shown as without data.
    show : {"state", "up", "down"}
        The most likely state, or the probability of a higher or a lower state than the last
        observed one.
    period : hashable, optional
        A future period; by default the last.
    legend : str, optional
        Title of the legend.
    **options
        As in `choropleth`.

    Returns
    -------
    Axes

    Raises
    ------
    OptionError
        If the forecast has no such period.
    GeometryError, UnmatchedIdsError
        If the panel has no geometry, or not of all units of the result.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> chain = nq.dynamics.markov(panel, "relative_income", states=4)
    >>> result = nq.dynamics.forecast(chain, panel, horizon=5, replications=99)
    >>> ax = nq.plots.forecast_map(result, panel, "up", legend="Probability to move up")
    >>> ax.get_legend().get_texts()[0].get_text()
    '0.00–0.05 (8)'
    """
    periods = pd.Index(result.units["period"].unique())
    chosen = periods[-1] if period is None else period_like(period, periods)
    if chosen not in periods:
        raise OptionError(f"the forecast is of the periods {sample(periods, 20)}; got {period!r}")
    style = MapStyle(**options)
    basemap = basemap_of(panel, style)
    rows = result.units[result.units["period"] == chosen].set_index("unit")
    require_units_on_map(basemap, rows.index, "pass the panel from which the chain was estimated")
    rows = rows.reindex(basemap.shapes.index)
    with language(style.lang):
        words = {
            "state": t("Most likely state in {period}: {name}", period=chosen, name=result.label),
            "up": t(
                "Probability of a higher state in {period}: {name}",
                period=chosen, name=result.label,
            ),
            "down": t(
                "Probability of a lower state in {period}: {name}",
                period=chosen, name=result.label,
            ),
        }[show]  # fmt: skip
        if show == "state":
            groups = _state_groups(result.states, rows["most_likely_state"])
        else:
            groups = class_groups(rows[show], _BREAKS, None, None, 2, pd.Series([0.0, 1.0]))
        title = translate(words) if legend is None else legend
        return draw_groups(basemap, groups, style, legend=title, title=style.title)


def _state_groups(states: tuple[str, ...], values: pd.Series) -> list[MapGroup]:
    """Return the states from low (light) to high (dark), as other figures of chains have them."""
    import matplotlib as mpl

    shades = mpl.colormaps[SEQUENTIAL](np.linspace(0.18, 0.95, len(states)))
    groups = [
        MapGroup(state, (values == state).to_numpy(), shade)
        for state, shade in zip(states, shades, strict=True)
    ]
    return [*groups, *no_data(values.isna().to_numpy())]
