"""How weights connect units: links on the map, and how many neighbours units have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from nqp_spatial.errors import OptionError
from nqp_spatial.keys import check_same_ids
from nqp_spatial.panel import SpatialPanel
from nqp_spatial.plots.ground import ground_of
from nqp_spatial.plots.maps import drawn_map
from nqp_spatial.plots.theme import (
    COLUMN,
    INK,
    MUTED,
    PALETTE,
    check_fonts,
    new_figure,
    themed,
    wrapped,
)
from nqp_spatial.weights.spatial_weights import SpatialWeights, as_weights

if TYPE_CHECKING:
    import geopandas as gpd
    from libpysal.graph import Graph
    from libpysal.weights import W
    from matplotlib.axes import Axes

__all__ = ["neighbour_histogram", "weights_map"]

_BOTH, _ONE = "#5b7fa6", "#d9822b"
_ISLAND = "#b2182b"
_COMPONENTS = (PALETTE[0], PALETTE[2], PALETTE[3], PALETTE[4])  # the largest, in order of size


def weights_map(
    w: SpatialWeights | Graph | W,
    panel: SpatialPanel,
    *,
    strongest: int | None = None,
    title: str | None = None,
    crs: Any = "auto",
    basemap: gpd.GeoDataFrame | Sequence[gpd.GeoDataFrame] | str | None = None,
    inset: str | None = None,
    width: float = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the links of a weights matrix on the map, its components and its islands.

    Parameters
    ----------
    w : SpatialWeights, Graph or W
    panel : SpatialPanel
        With the geometry of the same units, polygons or points.
    strongest : int, optional
        Draw only so many links of each unit, those of the largest weight.
    title : str, optional
        By default the specification of the weights.
    crs, basemap, inset, width, ax
        As in `nqp_spatial.plots.choropleth`.

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
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    weights = as_weights(w)
    ground = ground_of(panel, crs, basemap, inset)
    check_same_ids(
        ground.shapes.index,
        weights.units,
        our_name="panel",
        their_name="weights",
        advice="make the weights from the panel that is drawn",
    )
    weights = weights.reordered(ground.shapes.index, "the panel")
    if strongest is not None and strongest < 1:
        raise OptionError(f"strongest must be at least 1, got {strongest}")
    both, one = _links(weights.sparse if strongest is None else _largest(weights, strongest))
    shapes = ground.shapes.geometry
    places = shapes.centroid
    at = np.column_stack([places.x, places.y])
    areas = shapes.geom_type.isin(["Polygon", "MultiPolygon"]).all() and not ground.layers
    alone = np.diff(weights.sparse.indptr) == 0
    component = weights.components.to_numpy()
    sizes = np.bincount(component[~alone], minlength=component.max() + 1)
    rank = np.argsort(np.argsort(-sizes, kind="stable"))[component]
    # Where each unit has many links, single lines do not matter but their density does.
    crowd = (len(both) + len(one)) / max(len(at), 1)
    thin, alpha = (0.6, 0.9) if crowd < 8 else (0.3, float(np.clip(4 / crowd, 0.03, 0.6)))
    dot = float(np.clip(500 * (width / COLUMN) ** 2 / len(at), 1, 12))
    n_components = int((sizes > 0).sum())

    def paint(target: Axes, scale: float) -> None:
        if areas:
            shapes.plot(ax=target, color="#f5f5f3", edgecolor="#c9c9c9", linewidth=0.3, aspect=None)
        for pairs, colour in ((both, _BOTH), (one, _ONE)):
            lines = LineCollection(
                list(at[pairs]),
                colors=colour,
                linewidths=thin * scale,
                alpha=alpha,
                zorder=4,
                rasterized=len(pairs) > 5000,
            )
            target.add_collection(lines, autolim=False)
        for level in range(min(n_components, len(_COMPONENTS) + 1)):
            last = level == len(_COMPONENTS)
            some = ~alone & ((rank >= level) if last else (rank == level))
            colour = MUTED if last else _colour(level, n_components)
            target.scatter(at[some, 0], at[some, 1], s=dot * scale**2, color=colour, lw=0, zorder=5)
        target.scatter(
            at[alone, 0],
            at[alone, 1],
            s=16 * scale**2,
            facecolor="white",
            edgecolor=_ISLAND,
            lw=1.0 * scale,
            zorder=6,
        )

    def marker(colour: str, ring: bool = False) -> Line2D:
        face = "white" if ring else colour
        return Line2D([], [], ls="", marker="o", ms=4 if ring else 3.2, mfc=face, mec=colour)

    keys: dict[str, Line2D] = {}
    for name, pairs, colour in (("both ways", both, _BOTH), ("one way", one, _ONE)):
        if len(pairs):
            keys[f"Link {name} ({len(pairs):,})"] = Line2D([], [], color=colour, lw=1.2)
    for level in range(min(n_components, len(_COMPONENTS) + 1)):
        if n_components == 1:
            keys[f"Unit ({int((~alone).sum()):,})"] = marker(INK)
        elif level < len(_COMPONENTS):
            count = int((~alone & (rank == level)).sum())
            keys[f"Component {level + 1} ({count:,})"] = marker(_COMPONENTS[level])
        else:
            count = int((~alone & (rank >= level)).sum())
            keys[f"Smaller components ({count:,})"] = marker(MUTED)
    if alone.any():
        keys[f"No neighbours ({int(alone.sum()):,})"] = marker(_ISLAND, ring=True)
    legend = "" if strongest is None else f"Links: the {strongest} of largest weight of each unit"
    named = title if title is not None else weights.spec.describe()
    return drawn_map(
        ground, paint, list(keys.values()), list(keys), legend, _capital(named), width, ax
    )


def neighbour_histogram(
    w: SpatialWeights | Graph | W,
    *,
    title: str | None = None,
    width: float = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw how many units have how many neighbours.

    Parameters
    ----------
    w : SpatialWeights, Graph or W
    title : str, optional
        By default the specification of the weights.
    width, ax
        As in `nqp_spatial.plots.choropleth`.

    Returns
    -------
    Axes
        One bar for each number of neighbours, or for ranges of it where they are many; units
        without neighbours in a colour of their own; the mean as a line.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> w = nq.weights.contiguity(nq.datasets.us_income())
    >>> ax = nq.plots.neighbour_histogram(w)
    >>> [int(bar.get_height()) for bar in ax.patches]
    [1, 4, 9, 11, 10, 9, 2, 2]
    """
    weights = as_weights(w)
    counts = np.diff(weights.sparse.indptr)
    low, high = int(counts.min()), int(counts.max())
    step = max(1, -(-(high - low + 1) // 25))
    edges = np.arange(low, high + step + 1, step) - 0.5
    heights, _ = np.histogram(counts, edges)
    with themed():
        if ax is None:
            ax = new_figure(width, 0.62 * width)[1][0, 0]
        bars = ax.bar(edges[:-1] + step / 2, heights, width=0.86 * step, color=PALETTE[0])
        if low == 0:
            # The first range may hold others too: the count of islands is said, not only shown.
            bars[0].set_color(_ISLAND)
            ax.text(
                0.02,
                0.98,
                f"{int((counts == 0).sum()):,} without neighbours",
                transform=ax.transAxes,
                va="top",
                color=_ISLAND,
                fontsize=7,
            )
        ax.axvline(counts.mean(), color=INK, lw=0.8, ls=(0, (4, 2)))
        ax.set_xlabel(f"Neighbours of a unit (dashed: mean, {counts.mean():,.1f})")
        ax.set_ylabel("Units")
        ax.locator_params(integer=True)
        named = title if title is not None else weights.spec.describe()
        ax.set_title(wrapped(_capital(named), width))
    check_fonts(ax)
    return ax


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
    kept = order[place < count]
    return sparse.csr_array(
        (matrix.data[kept], (rows[kept], matrix.indices[kept])), shape=matrix.shape
    )


def _colour(level: int, components: int) -> str:
    return INK if components == 1 else _COMPONENTS[level]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
