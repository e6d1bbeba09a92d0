"""The path of a centre of gravity on the map, with ellipses."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Unpack

import numpy as np
import pandas as pd

from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t, translate
from nqp_spatial.plots._context import sized
from nqp_spatial.plots._fonts import check_fonts
from nqp_spatial.plots._theme import EDGE_LIGHT, GROUND, INK, PALETTE, layer, themed
from nqp_spatial.plots.maps._basemap import MapOptions, MapStyle, basemap_of, round_length
from nqp_spatial.plots.maps._map import draw_map
from nqp_spatial.structure import CentrePath

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["centre_path"]


@checked
def centre_path(result: CentrePath, panel: SpatialPanel, **options: Unpack[MapOptions]) -> Axes:
    """Draw the path of the centre of gravity and the ellipses of the first and last period.

    Parameters
    ----------
    result : CentrePath
    panel : SpatialPanel
        With the geometry of its units.
    **options
        As in `nqp_spatial.plots.choropleth`; the projection is that of the result, whatever `crs`.

    Returns
    -------
    Axes
        The path is short compared with a country, so it is drawn once more, enlarged, in a box with
        a bar of kilometres.

    Raises
    ------
    GeometryError
        If the panel has no geometry.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> ax = nq.plots.centre_path(nq.structure.centre_path(panel, "income"), panel)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['1929', '2009']
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Ellipse

    style = MapStyle(**{**options, "crs": result.crs})
    basemap = basemap_of(panel, style)
    frame = result.frame
    metres = 1000 / float(result.crs.axis_info[0].unit_conversion_factor)
    path = frame[["x_km", "y_km"]] * metres
    ends = {frame.index[0]: PALETTE[0], frame.index[-1]: PALETTE[1]}

    def paint(target: Axes, scale: float) -> None:
        areas = layer(
            style.shapes_kw, color=GROUND, edgecolor=EDGE_LIGHT, linewidth=0.25, aspect=None
        )
        basemap.shapes.plot(ax=target, **areas)

    handles = [Line2D([], [], color=colour, lw=1.4, marker="o", ms=4) for colour in ends.values()]
    entries = [str(period) for period in ends]
    with themed(style.lang):
        legend = translate(t("Centre and one standard deviation"))
        ax = draw_map(basemap, paint, handles, entries, style, legend=legend, title=style.title)
        for period, colour in ends.items():
            row = frame.loc[period]
            place = tuple(path.loc[period])
            ellipse = Ellipse(
                place, 2 * row["minor_km"] * metres, 2 * row["major_km"] * metres,
                angle=-row["rotation"], fill=False, ec=colour, lw=1.2, zorder=6,
            )  # fmt: skip
            ax.add_patch(ellipse)
            ax.plot(*place, "o", color=colour, ms=3, zorder=7)
        _draw_enlarged(ax, path, ends, metres)
    check_fonts(ax)
    return ax


def _draw_enlarged(ax: Axes, path: pd.DataFrame, ends: dict[Hashable, str], metres: float) -> None:
    """Draw the path once more in a box at the lower left, with a bar of kilometres."""
    places = path.to_numpy()
    box = ax.inset_axes((0.0, 0.0, 0.24, 0.24), zorder=8)
    box.plot(places[:, 0], places[:, 1], color=INK, lw=0.8, marker=".", ms=3)
    for period, colour in ends.items():
        box.plot(*path.loc[period], "o", color=colour, ms=4.5, zorder=3)
    reach = 0.65 * max(float(np.ptp(places, axis=0).max()), 1.0)
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    box.set(
        xlim=(middle[0] - reach, middle[0] + reach),
        ylim=(middle[1] - 1.25 * reach, middle[1] + reach),
        xticks=[], yticks=[],
    )  # fmt: skip
    box.set_aspect("equal")
    bar = round_length(reach / metres)
    x, y = middle[0] - 0.9 * reach, middle[1] - 1.1 * reach
    box.plot([x, x + bar * metres], [y, y], color=INK, lw=1.4)
    words = translate(t("{size} km", size=f"{bar:g}"))
    box.text(x, y + 0.07 * reach, words, fontsize=sized(6), va="bottom")
    for spine in box.spines.values():
        spine.set(visible=True, linewidth=0.5)
