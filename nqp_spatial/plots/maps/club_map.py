"""Convergence clubs on the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from nqp_spatial.convergence import ClubsResult
from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import language, t, translate
from nqp_spatial.plots._club_styles import club_styles
from nqp_spatial.plots._theme import DIVERGENT, EDGE
from nqp_spatial.plots.maps._basemap import (
    Basemap,
    MapOptions,
    MapStyle,
    basemap_of,
    require_units_on_map,
)
from nqp_spatial.plots.maps._classes import no_data
from nqp_spatial.plots.maps._map import MapGroup, draw_groups

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["club_map"]


@checked
def club_map(
    result: ClubsResult,
    panel: SpatialPanel,
    *,
    legend: str | None = None,
    **options: Unpack[MapOptions],
) -> Axes:
    """Draw the members of convergence clubs on the map.

    Parameters
    ----------
    result : ClubsResult
        From `nqp_spatial.convergence.clubs`.
    panel : SpatialPanel
        With the geometry of the units of the result; other units are shown as without data.
    legend : str, optional
        Title of the legend.
    **options
        As in `choropleth`.

    Returns
    -------
    Axes
        Clubs from the highest to the lowest, with the number of members. Up to six have a colour
        each; more have five shades from dark to light with and without hatches. Divergent units are
        grey, units without data hatched. `transition_paths` has the same colours.

    Raises
    ------
    GeometryError, UnmatchedIdsError
        If the panel has no geometry, or not of all units of the result.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    >>> clubs = nq.convergence.clubs(cities, "gdp_pc", logs=True)
    >>> ax = nq.plots.club_map(clubs, cities)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['Club 1 (92)', 'Club 2 (130)', 'Club 3 (114)']
    """
    style = MapStyle(**options)
    basemap = basemap_of(panel, style)
    require_units_on_map(
        basemap, result.membership.index, "pass the panel in which the clubs were found"
    )
    with language(style.lang):
        groups = _club_groups(result, basemap)
        words = translate(t("Convergence clubs")) if legend is None else legend
        return draw_groups(basemap, groups, style, legend=words, title=style.title)


def _club_groups(result: ClubsResult, basemap: Basemap) -> list[MapGroup]:
    """Return the clubs, the divergent units and the units that the result does not have."""
    units = basemap.shapes.index
    membership = result.membership.reindex(units)
    is_known = units.isin(result.membership.index)
    numbers = result.frame.index
    groups = [
        MapGroup(
            translate(t("Club {number}", number=number)),
            (membership == number).fillna(False).to_numpy(dtype=bool),
            style.colour, style.hatch, style.ink if style.hatch else EDGE,
        )
        for number, style in zip(numbers, club_styles(len(numbers)), strict=True)
    ]  # fmt: skip
    divergent = membership.isna().to_numpy() & is_known
    if divergent.any():
        groups.append(MapGroup(translate(t("Divergent")), divergent, DIVERGENT))
    return [*groups, *no_data(~is_known)]
