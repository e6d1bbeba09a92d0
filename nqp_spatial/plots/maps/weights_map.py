"""How weights connect units: their links on the map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from scipy import sparse

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import Size, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, language, t, translate
from nqp_spatial.plots._canvas import capital, counted
from nqp_spatial.plots._cells import room
from nqp_spatial.plots._theme import (
    BOTH_WAYS,
    COLUMN,
    EDGE_LIGHT,
    GROUND,
    INK,
    MUTED,
    ONE_WAY,
    PALETTE,
    RED,
    layer,
)
from nqp_spatial.plots.maps._basemap import MapOptions, MapStyle, basemap_of
from nqp_spatial.plots.maps._map import draw_map
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["weights_map"]

_COMPONENTS = (PALETTE[0], PALETTE[2], PALETTE[3], PALETTE[4])  # the largest, in order of size


@checked
def weights_map(
    weights: WeightsLike,
    panel: SpatialPanel,
    *,
    strongest: Size | None = None,
    **options: Unpack[MapOptions],
) -> Axes:
    """Draw the links of a weights matrix on the map, its components and its islands.

    Parameters
    ----------
    weights : SpatialWeights, Graph or W
    panel : SpatialPanel
        With the geometry of the same units, polygons or points.
    strongest : int, optional
        Draw only so many links of each unit, those of the largest weight.
    **options
        As in `nqp_spatial.plots.choropleth`; the title is by default the specification of the
        weights.

    Returns
    -------
    Axes
        A line joins centroids where either unit is a neighbour of the other; links that hold one
        way only have a colour of their own. Units are coloured by component if there are several;
        a unit without neighbours is a ring.

    Raises
    ------
    GeometryError, UnmatchedIdsError, OptionError
        If the panel has no geometry, or not of the same units, or an option is unknown.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> ax = nq.plots.weights_map(nq.weights.knn(panel, k=4), panel)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['Link both ways (76)', 'Link one way (40)', 'Unit (48)']
    """
    matrix = as_weights(weights)
    style = MapStyle(**options)
    basemap = basemap_of(panel, style)
    check_same_ids(
        basemap.shapes.index,
        matrix.units,
        our_name="panel",
        their_name="weights",
        advice="make the weights from the panel that is drawn",
    )
    matrix = matrix.reordered(basemap.shapes.index, "the panel")
    links = _links(matrix.sparse if strongest is None else _largest(matrix, strongest))
    shapes = basemap.shapes.geometry
    centroids = np.column_stack([shapes.centroid.x, shapes.centroid.y])
    has_areas = shapes.geom_type.isin(["Polygon", "MultiPolygon"]).all() and not basemap.layers
    # Where each unit has many links, single lines do not matter but their density does.
    crowd = sum(map(len, links)) / max(len(centroids), 1)
    thin, alpha = (0.6, 0.9) if crowd < 8 else (0.3, float(np.clip(4 / crowd, 0.03, 0.6)))
    dot = float(np.clip(500 * (room(style.ax, style.width) / COLUMN) ** 2 / len(centroids), 1, 12))

    def paint(target: Axes, scale: float) -> None:
        if has_areas:
            areas = layer(
                style.shapes_kw, color=GROUND, edgecolor=EDGE_LIGHT, linewidth=0.3, aspect=None
            )
            shapes.plot(ax=target, **areas)
        for pairs, colour in zip(links, (BOTH_WAYS, ONE_WAY), strict=True):
            _draw_links(target, centroids[pairs], colour, thin * scale, alpha)
        for group in groups:
            x, y = centroids[group.members].T
            if group.is_ring:
                ring: dict[str, Any] = {
                    "facecolor": "white",
                    "edgecolor": RED,
                    "lw": 1.0 * scale,
                    "zorder": 6,
                }
                target.scatter(x, y, s=16 * scale**2, **ring)
            else:
                target.scatter(x, y, s=dot * scale**2, color=group.colour, lw=0, zorder=5)

    with language(style.lang):
        groups = list(_point_groups(matrix))
        entries = dict(_link_entries(*links)) | {group.name: group.handle for group in groups}
        legend = t("Links: the {count} of largest weight of each unit", count=strongest)
        title = style.title
        if title is None:
            title = capital(translate(matrix.spec.describe()))
        return draw_map(
            basemap, paint, list(entries.values()), list(entries), style,
            legend="" if strongest is None else translate(legend), title=title,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _PointGroup:
    """Units that are drawn as points of one colour."""

    name: str
    members: np.ndarray
    colour: str
    is_ring: bool = False

    @property
    def handle(self) -> Any:
        from matplotlib.lines import Line2D

        face, size = ("white", 4.0) if self.is_ring else (self.colour, 3.2)
        return Line2D([], [], ls="", marker="o", ms=size, mfc=face, mec=self.colour)


def _point_groups(weights: SpatialWeights) -> Iterator[_PointGroup]:
    """Return units by component, the largest first, and those without neighbours."""
    alone = np.diff(weights.sparse.indptr) == 0
    component = weights.components.to_numpy()
    sizes = np.bincount(component[~alone], minlength=component.max() + 1)
    rank = np.argsort(np.argsort(-sizes, kind="stable"))[component]
    n_components = int((sizes > 0).sum())
    if n_components == 1:
        yield _point_group(t("Unit"), ~alone, INK)
    else:
        for number, colour in enumerate(_COMPONENTS[:n_components]):
            words = t("Component {number}", number=number + 1)
            yield _point_group(words, ~alone & (rank == number), colour)
    if n_components > len(_COMPONENTS):
        members = ~alone & (rank >= len(_COMPONENTS))
        yield _point_group(t("Smaller components"), members, MUTED)
    if alone.any():
        yield _point_group(t("No neighbours"), alone, RED, is_ring=True)


def _point_group(
    words: Message, members: np.ndarray, colour: str, *, is_ring: bool = False
) -> _PointGroup:
    name = counted(translate(words), int(members.sum()))
    return _PointGroup(name, members, colour, is_ring)


def _link_entries(two_way: np.ndarray, one_way: np.ndarray) -> Iterator[tuple[str, Any]]:
    """Return what the legend says of links, with their handles."""
    from matplotlib.lines import Line2D

    if len(two_way):
        words = counted(translate(t("Link both ways")), len(two_way))
        yield words, Line2D([], [], color=BOTH_WAYS, lw=1.2)
    if len(one_way):
        words = counted(translate(t("Link one way")), len(one_way))
        yield words, Line2D([], [], color=ONE_WAY, lw=1.2)


def _draw_links(ax: Axes, ends: np.ndarray, colour: str, width: float, alpha: float) -> None:
    from matplotlib.collections import LineCollection

    lines = LineCollection(
        list(ends), colors=colour, linewidths=width, alpha=alpha, zorder=4,
        rasterized=len(ends) > 5000,
    )  # fmt: skip
    ax.add_collection(lines, autolim=False)


def _links(matrix: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs i < j that are linked both ways, and pairs linked one way, shape (pairs, 2)."""
    pattern = sparse.csr_array(
        (np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape
    )
    upper = sparse.coo_array(sparse.triu(pattern + pattern.T, k=1))
    pairs = np.column_stack(upper.coords)
    return pairs[upper.data == 2], pairs[upper.data == 1]


def _largest(weights: SpatialWeights, count: int) -> sparse.csr_array:
    """Return the matrix with only so many links of each row, the largest."""
    matrix = weights.sparse
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -np.abs(matrix.data), rows))
    place = np.arange(matrix.nnz) - matrix.indptr[rows]
    largest = order[place < count]
    return sparse.csr_array(
        (matrix.data[largest], (rows[largest], matrix.indices[largest])), shape=matrix.shape
    )
