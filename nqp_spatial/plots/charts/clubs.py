"""Figures of convergence clubs: the map, and the paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd

from nqp_spatial.convergence import ClubsResult
from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import places_on_axis
from nqp_spatial.plots._theme import (
    COLUMN,
    LIGHT,
    MUTED,
    ORDERED,
    Layer,
    check_fonts,
    layer,
    new_figure,
    themed,
    wrapped,
)
from nqp_spatial.plots.maps._basemap import MapLook, MapOptions, ground_of
from nqp_spatial.plots.maps.choropleth import drawn_groups
from nqp_spatial.plots.words import Lang, say, speaking

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["club_map", "transition_paths"]

DIVERGENT = "Divergent"


def _colours(clubs: ClubsResult) -> dict[str, Any]:
    """Return a colour for each club, from dark (the highest) to light: they have an order."""
    import matplotlib as mpl

    shades = mpl.colormaps[ORDERED](np.linspace(0.05, 0.82, max(len(clubs.frame), 2)))
    return {f"Club {number}": shades[i] for i, number in enumerate(clubs.frame.index)}


def _said(name: str) -> str:
    """Return a club's name in the language that is spoken."""
    number = name.removeprefix("Club ")
    return say("Club {number}", number=number) if number != name else say(name)


@checked
def club_map(
    clubs: ClubsResult,
    panel: SpatialPanel,
    *,
    legend: str | None = None,
    **look: Unpack[MapOptions],
) -> Axes:
    """Draw the members of convergence clubs on the map.

    Parameters
    ----------
    clubs : ClubsResult
        From `nqp_spatial.convergence.clubs`.
    panel : SpatialPanel
        With the geometry of the same units.
    legend : str, optional
        Title of the legend.
    **look
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
    >>> found = nq.convergence.clubs(cities, "gdp_pc", logs=True)
    >>> ax = nq.plots.club_map(found, cities)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['Club 1 (92)', 'Club 2 (130)', 'Club 3 (114)']
    """
    options = MapLook(**look)
    ground = ground_of(panel, options)
    check_same_ids(
        ground.shapes.index, clubs.membership.index, our_name="panel", their_name="clubs",
        advice="pass the panel in which the clubs were found",
    )  # fmt: skip
    groups, colours = clubs.groups(), _colours(clubs)
    if len(clubs.divergent):
        colours[DIVERGENT] = LIGHT
    with speaking(options.lang):
        entries = [f"{_said(name)} ({int((groups == name).sum())})" for name in colours]
        named = say("Convergence clubs") if legend is None else legend
        return drawn_groups(ground, groups, colours, entries, named, options, options.title)


@checked
def transition_paths(
    clubs: ClubsResult,
    *,
    units: bool = True,
    title: str | None = None,
    label: str | None = None,
    line_kw: Layer = None,
    units_kw: Layer = None,
    legend_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the relative transition paths of clubs, and of their members behind.

    Parameters
    ----------
    clubs : ClubsResult
        From `nqp_spatial.convergence.clubs`.
    units : bool
        Whether to draw each unit's path.
    title, label : str, optional
        Of the figure and of the vertical axis.
    line_kw, units_kw, legend_kw : mapping, optional
        Keyword arguments of the clubs' lines, of the units' ``LineCollection`` and of the legend.
    lang : {"en", "zh"}
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Paths are over the mean of all units, which is the dashed line.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    >>> found = nq.convergence.clubs(cities, "gdp_pc", logs=True)
    >>> len(nq.plots.transition_paths(found, units=False).lines)
    7
    """
    from matplotlib.collections import LineCollection

    colours, groups = _colours(clubs), clubs.groups()
    periods = clubs.paths.columns
    numeric = pd.api.types.is_any_real_numeric_dtype(periods)
    x = places_on_axis(periods)
    with themed(lang):
        if ax is None:
            ax = new_figure(width, 0.78 * width)[1][0, 0]
        if units:
            names = [*colours, *([DIVERGENT] if len(clubs.divergent) else [])]
            for name in names:
                members = clubs.paths[groups == name].to_numpy()
                lines = np.stack([np.broadcast_to(x, members.shape), members], axis=-1)
                colour = colours.get(name, MUTED)
                ax.add_collection(
                    LineCollection(
                        list(lines),
                        **layer(
                            units_kw,
                            colors=[colour],
                            lw=0.35,
                            alpha=float(np.clip(25 / len(members), 0.12, 0.6)),
                            linestyles="-" if name in colours else (0, (2, 2)),
                        ),
                    )
                )
        ax.axhline(1, color=MUTED, lw=0.6, ls=(0, (4, 3)), zorder=1)
        marks = "osD^vPX*<>"
        for number, (name, colour) in enumerate(colours.items()):
            path = clubs.club_paths.loc[number + 1]
            count = int((groups == name).sum())
            ax.plot(x, path, color="white", lw=3.0, zorder=3)
            drawn = layer(
                line_kw, color=colour, lw=1.6, zorder=4, label=f"{_said(name)} ({count})",
                marker=marks[number % len(marks)], ms=3.5, mec="white", mew=0.4,
                markevery=max(len(x) // 6, 1),
            )  # fmt: skip
            ax.plot(x, path, **drawn)
        if len(clubs.divergent) and units:
            ax.plot([], [], color=MUTED, lw=0.8, ls=(0, (2, 2)),
                    label=f"{say(DIVERGENT)} ({len(clubs.divergent)})")  # fmt: skip
        if numeric:
            ax.locator_params(axis="x", integer=True, nbins=7)
        else:
            step = -(-len(periods) // 6)
            ax.set_xticks(x[::step], [str(one) for one in periods[::step]])
        ax.set_xlim(x[0], x[-1])
        ax.autoscale_view(scalex=False)
        named = label if label is not None else say("Relative path (mean of all = 1)")
        ax.set_ylabel(wrapped(named, 0.6 * width))
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.12), "ncols": 3}
        ax.legend(**layer(legend_kw, handlelength=1.8, **below))
        if title:
            ax.set_title(wrapped(title, width))
    check_fonts(ax)
    return ax
