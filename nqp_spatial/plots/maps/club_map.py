"""Convergence clubs on the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from nqp_spatial.convergence import ClubsResult
from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import language, t, translate
from nqp_spatial.plots._theme import LIGHT, ordered_colours
from nqp_spatial.plots.maps._basemap import MapOptions, MapStyle, basemap_of
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
        With the geometry of the same units.
    legend : str, optional
        Title of the legend.
    **options
        As in `choropleth`.

    Returns
    -------
    Axes
        Clubs from dark (the highest) to light, with the number of members; divergent units hatched.

    Raises
    ------
    GeometryError, UnmatchedIdsError
        If the panel has no geometry, or not of the same units.

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
    check_same_ids(
        basemap.shapes.index, result.membership.index, our_name="panel", their_name="result",
        advice="pass the panel in which the clubs were found",
    )  # fmt: skip
    membership = result.membership.reindex(basemap.shapes.index)
    numbers = result.frame.index
    with language(style.lang):
        groups = [
            MapGroup(
                translate(t("Club {number}", number=number)),
                (membership == number).fillna(False).to_numpy(dtype=bool), colour,
            )
            for number, colour in zip(numbers, ordered_colours(len(numbers)), strict=True)
        ]  # fmt: skip
        divergent = membership.isna().to_numpy()
        if divergent.any():
            groups.append(MapGroup(translate(t("Divergent")), divergent, LIGHT, hatched=True))
        words = translate(t("Convergence clubs")) if legend is None else legend
        return draw_groups(basemap, groups, style, legend=words, title=style.title)
