"""Links of a network on the map, as arrows by class of strength."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Unpack

import numpy as np
import pandas as pd

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import Range, Size, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import period_like
from nqp_spatial.core.text import label, language, t, translate
from nqp_spatial.errors import OptionError, sample
from nqp_spatial.plots._canvas import counted
from nqp_spatial.plots._cells import room
from nqp_spatial.plots._theme import COLUMN, EDGE_LIGHT, GROUND, INK, MUTED, PALETTE, layer
from nqp_spatial.plots.maps._basemap import MapOptions, MapStyle, basemap_of
from nqp_spatial.plots.maps._classes import class_groups, inner_bounds
from nqp_spatial.plots.maps._map import MapGroup, draw_map
from nqp_spatial.structure import NetworkResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["network_map"]

_SHOWN = 200
_GREYS = 0.35, 0.95


@checked
def network_map(
    result: NetworkResult,
    panel: SpatialPanel,
    *,
    period: Hashable | None = None,
    strongest: Size | None = None,
    scheme: Literal["natural-breaks", "quantiles", "equal-intervals"] = "natural-breaks",
    classes: Annotated[int, Range(1, 6)] = 4,
    **options: Unpack[MapOptions],
) -> Axes:
    """Draw the links of a network as arrows from sender to receiver, by class of strength.

    Parameters
    ----------
    result : NetworkResult
        From `nqp_spatial.structure.network`.
    panel : SpatialPanel
        With the geometry of the same units, polygons or points.
    period : hashable, optional
        Which of several periods; by default the last.
    strongest : int
        Draw so many links of each sender, the strongest; by default as many as make about 200
        arrows. The legend says how many of how many.
    scheme, classes
        How the strengths of the links drawn are cut, as in `choropleth`.
    **options
        As in `nqp_spatial.plots.choropleth`.

    Returns
    -------
    Axes
        Points are units, by block; their size grows with the number of links. Strengths are
        per cent of the strongest.

    Raises
    ------
    GeometryError, UnmatchedIdsError, OptionError
        If the panel has no geometry, or not of the same units, or there are no such links.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> states = nq.datasets.us_income()
    >>> result = nq.structure.network(states, "income", period=2009)
    >>> ax = nq.plots.network_map(result, states, strongest=1)
    >>> " ".join(ax.get_legend().get_title().get_text().split())
    'Strength of links, strongest = 100; 1 of each sender (48 of 508)'
    """
    import shapely

    style = MapStyle(**options)
    basemap = basemap_of(panel, style)
    shapes = basemap.shapes.geometry
    check_same_ids(
        shapes.index, result.units, our_name="panel", their_name="network",
        advice="draw the network of the same panel",
    )  # fmt: skip
    chosen = _period(result, period)
    links = result.links.loc[chosen]["strength"]
    if links.empty:
        raise OptionError("the network has no links to draw; pass another threshold=")
    each = strongest or max(1, round(_SHOWN / len(result.units)))
    rank = links.groupby(level="sender").rank(ascending=False, method="first")
    shown = links[rank <= each].sort_values()
    percent = 100 * shown / links.max()
    inner = inner_bounds(percent, scheme, classes, None, None)
    centres = shapely.get_coordinates(shapely.centroid(shapes.to_numpy()))
    places = pd.DataFrame(centres, index=shapes.index)
    senders, receivers = (shown.index.get_level_values(side) for side in ("sender", "receiver"))
    start, end = places.loc[senders].to_numpy(), places.loc[receivers].to_numpy()
    nodes = result.nodes.loc[chosen].reindex(shapes.index)
    points = _Points(nodes, places.to_numpy(), room(style.ax, style.width))
    unit = (basemap.bounds[2] - basemap.bounds[0]) / room(style.ax, style.width)
    has_areas = shapes.geom_type.isin(["Polygon", "MultiPolygon"]).all()

    def paint(target: Axes, scale: float) -> None:
        if has_areas:
            # A base map has borders of its own.
            edge = GROUND if basemap.layers else EDGE_LIGHT
            areas = layer(style.shapes_kw, color=GROUND, edgecolor=edge, linewidth=0.3, aspect=None)
            shapes.plot(ax=target, **areas)
        for place, group in enumerate(arrows):
            wide = scale * _width(place, len(arrows))
            _draw(target, start[group.members], end[group.members], group.colour, wide, unit)
        points.draw(target, scale)

    with language(style.lang):
        arrows = _shaded(class_groups(percent, inner, None, None, None))
        words = t(
            "Strength of links, strongest = 100; {each} of each sender ({count} of {total})",
            each=each, count=f"{len(shown):,}", total=f"{len(links):,}",
        )  # fmt: skip
        handles = [_line(group, place, len(arrows)) for place, group in enumerate(arrows)]
        names = [counted(group.name, int(group.members.sum())) for group in arrows]
        return draw_map(
            basemap, paint, [*handles, *points.handles()], [*names, *points.names()], style,
            legend=translate(words), title=style.title,
        )  # fmt: skip


class _Points:
    """Units as points by block; sizes grow with the number of links."""

    def __init__(self, nodes: pd.DataFrame, places: np.ndarray, width: float) -> None:
        self.places = places
        degree = (nodes["in_degree"] + nodes["out_degree"]).to_numpy(dtype=float)
        largest = float(np.clip(1300 * (width / COLUMN) ** 2 / len(nodes), 4, 30))
        self.sizes = largest * (0.2 + 0.8 * degree / max(degree.max(), 1))
        if "block" in nodes:
            self.blocks = nodes["block"].to_numpy()
            self.roles = nodes.groupby("block")["role"].first()
        else:
            self.blocks, self.roles = np.zeros(len(nodes), int), pd.Series({0: ""})

    def colour(self, block: int) -> str:
        if not self.roles[block]:
            return INK
        return MUTED if block == 0 else PALETTE[(block - 1) % len(PALETTE)]

    def draw(self, target: Axes, scale: float) -> None:
        for block in self.roles.index:
            x, y = self.places[self.blocks == block].T
            target.scatter(
                x, y, s=self.sizes[self.blocks == block] * scale**2, color=self.colour(block),
                edgecolor="white", lw=0.3 * scale, zorder=5,
            )  # fmt: skip

    def names(self) -> list[str]:
        """Return the entries of the legend."""
        words = []
        for block, role in self.roles.items():
            if not role:
                name: str = t("Unit")
            elif block == 0:
                name = label("role", role)
            else:
                name = t("Block {number}: {role}", number=block, role=label("role", role))
            words.append(counted(translate(name), int((self.blocks == block).sum())))
        return words

    def handles(self) -> list[Any]:
        """Return the marks of the legend."""
        from matplotlib.lines import Line2D

        return [
            Line2D([], [], ls="", marker="o", ms=4, mfc=self.colour(block), mec="white", mew=0.3)
            for block in self.roles.index
        ]


def _draw(
    target: Axes, start: np.ndarray, end: np.ndarray, colour: Any, wide: float, unit: float
) -> None:
    """Draw arrows that keep to their right, so that both ways of a link can be seen."""
    way = end - start
    length = np.linalg.norm(way, axis=1, keepdims=True)
    way = np.divide(way, length, out=np.zeros_like(way), where=length > 0)
    aside = 0.014 * unit * np.column_stack([way[:, 1], -way[:, 0]])
    gap = np.minimum(0.03 * unit, 0.15 * length) * way
    start, end = start + aside + gap, end + aside - gap
    target.quiver(
        *start.T, *(end - start).T, angles="xy", scale_units="xy", scale=1, units="inches",
        width=wide / 72, headwidth=5, headlength=6, headaxislength=5.2, minlength=0,
        color=colour, zorder=4,
    )  # fmt: skip


def _shaded(groups: list[MapGroup]) -> list[MapGroup]:
    """Return classes of links in greys, so that they do not vie with the colours of blocks."""
    import matplotlib as mpl

    shades = mpl.colormaps["Greys"](np.linspace(*_GREYS, max(len(groups), 2)))[-len(groups) :]
    return [
        replace(group, colour=tuple(shade)) for group, shade in zip(groups, shades, strict=True)
    ]


def _width(place: int, count: int) -> float:
    """Return the width of the arrows of a class in points."""
    return 0.4 + 0.6 * place / max(count - 1, 1)


def _line(group: MapGroup, place: int, count: int) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=group.colour, lw=1.3 * _width(place, count))


def _period(result: NetworkResult, period: Hashable | None) -> Hashable:
    known = result.periods
    chosen: Hashable = known.tolist()[-1] if period is None else period_like(period, known)
    if known.get_indexer(pd.Index([chosen]))[0] < 0:
        raise OptionError(f"the network has no period {period!r}; it has {sample(known, 8)}")
    return chosen
