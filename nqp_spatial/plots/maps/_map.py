"""One map: its groups of units, its legend and its title."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nqp_spatial.plots._canvas import counted, drawing, legend_below, room, undrawn, wrapped
from nqp_spatial.plots._context import text_factor
from nqp_spatial.plots._theme import COLUMN, EDGE, INK, layer
from nqp_spatial.plots.maps._basemap import Basemap, MapStyle

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["MapGroup", "draw_groups", "draw_map", "legend_handles"]

_LEGEND_ROW = 0.165  # inches; in matplotlib's own font, taller than Arial
_HATCH = "////"


@dataclass(frozen=True, eq=False)
class MapGroup:
    """Units that are drawn in one colour.

    Attributes
    ----------
    name : str
        For the legend, in the reader's language.
    members : ndarray of bool
        Which units, in the order of the map's shapes.
    colour : colour of matplotlib
    hatched : bool
        Whether areas are hatched, as those without data are.
    """

    name: str
    members: np.ndarray
    colour: Any
    hatched: bool = False

    @property
    def entry(self) -> str:
        """Return the entry of a legend: name and number of units."""
        return counted(self.name, int(self.members.sum()))


def draw_groups(
    basemap: Basemap,
    groups: Sequence[MapGroup],
    style: MapStyle,
    *,
    legend: str | None,
    title: str | None,
) -> Axes:
    """Draw groups of units, with a legend of that title below the map unless it is None."""
    shapes, points = basemap.shapes, basemap.has_points
    size = float(np.clip(2400 * (room(style.ax, style.width) / COLUMN) ** 2 / len(shapes), 2, 40))
    # Many small units would be all border.
    thin = 0.3 * min(1.0, (100 / len(shapes)) ** 0.5)

    def lines(group: MapGroup, scale: float) -> dict[str, Any]:
        if points:
            return {"markersize": size * scale**2, "edgecolor": INK, "linewidth": 0.25 * scale}
        if group.hatched:
            return {"edgecolor": EDGE, "linewidth": 0.3 * scale, "hatch": _HATCH}
        return {"edgecolor": "white", "linewidth": thin * scale}

    def paint(target: Axes, scale: float) -> None:
        for group in groups:
            if group.members.any():
                areas = layer(
                    style.shapes_kw, color=group.colour, aspect=None, **lines(group, scale)
                )
                shapes[group.members].plot(ax=target, **areas)

    handles = [] if legend is None else legend_handles(groups, points=points)
    entries = [] if legend is None else [group.entry for group in groups]
    return draw_map(basemap, paint, handles, entries, style, legend=legend or "", title=title)


def legend_handles(groups: Sequence[MapGroup], *, points: bool) -> list[Artist]:
    """Return what stands before the entries of a legend of groups."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if points:
        return [
            Line2D([], [], ls="", marker="o", ms=4.5, mfc=group.colour, mec=INK, mew=0.3)
            for group in groups
        ]
    return [
        Patch(facecolor=group.colour, edgecolor=EDGE, lw=0.3,
              hatch=_HATCH if group.hatched else None)
        for group in groups
    ]  # fmt: skip


def draw_map(
    basemap: Basemap,
    paint: Callable[[Axes, float], None],
    handles: Sequence[Artist],
    entries: Sequence[str],
    style: MapStyle,
    *,
    legend: str,
    title: str | None,
) -> Axes:
    """Draw a map with a legend below it, in a new figure unless the style has axes."""
    width = room(style.ax, style.width)
    legend = wrapped(legend, 1.1 * width)
    columns = 2 if width < 1.5 * COLUMN else 3
    legend_rows = -(-len(entries) // columns) + 1 + legend.count("\n")
    row = _LEGEND_ROW if style.lang == "en" else 1.05 * _LEGEND_ROW  # Chinese stands taller
    height = 0.97 * width * basemap.ratio + (legend_rows + 1.4) * row
    height /= max(text_factor(), 1.0) ** 0.5  # the map does not grow with the text
    height += _LEGEND_ROW * (1 + wrapped(title, width).count("\n")) if title else 0
    with drawing(style.ax, (width, height), lang=style.lang, title=title) as ax:
        if style.ax is None:
            ax.set_anchor("N")  # what room is left is the legend's
        with undrawn(ax):
            basemap.draw(ax, paint)
        if style.scale_bar:
            basemap.draw_scale(ax)
        if style.north_arrow:
            basemap.draw_north(ax)
        ax.set_axis_off()
        ax.set(xlabel="", ylabel="")  # what geopandas writes, seen or not
        if entries:
            legend_below(
                ax, style.legend_kw, width, handles, entries, columns=columns, title=legend,
                centred=True, handlelength=1.2, handleheight=0.9,
            )  # fmt: skip
    return ax
