"""How weights connect units: links on the map, and how many neighbours units have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import numpy as np
from scipy import sparse

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import Size, Width, checked
from nqp_spatial.core.panel import SpatialPanel
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
    Layer,
    check_fonts,
    layer,
    new_figure,
    themed,
    wrapped,
)
from nqp_spatial.plots.maps._basemap import MapLook, MapOptions, ground_of
from nqp_spatial.plots.maps.choropleth import drawn_map
from nqp_spatial.plots.said import said
from nqp_spatial.plots.words import Lang, say, speaking
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["neighbour_histogram", "weights_map"]

_COMPONENTS = (PALETTE[0], PALETTE[2], PALETTE[3], PALETTE[4])  # the largest, in order of size


@checked
def weights_map(
    w: WeightsLike,
    panel: SpatialPanel,
    *,
    strongest: Size | None = None,
    **look: Unpack[MapOptions],
) -> Axes:
    """Draw the links of a weights matrix on the map, its components and its islands.

    Parameters
    ----------
    w : SpatialWeights, Graph or W
    panel : SpatialPanel
        With the geometry of the same units, polygons or points.
    strongest : int, optional
        Draw only so many links of each unit, those of the largest weight.
    **look
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
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    weights = as_weights(w)
    options = MapLook(**look)
    ground = ground_of(panel, options)
    check_same_ids(
        ground.shapes.index,
        weights.units,
        our_name="panel",
        their_name="weights",
        advice="make the weights from the panel that is drawn",
    )
    weights = weights.reordered(ground.shapes.index, "the panel")
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
    dot = float(np.clip(500 * (options.width / COLUMN) ** 2 / len(at), 1, 12))
    n_components = int((sizes > 0).sum())

    def paint(target: Axes, scale: float) -> None:
        if areas:
            drawn = layer(
                options.shapes_kw, color=GROUND, edgecolor=EDGE_LIGHT, linewidth=0.3, aspect=None
            )
            shapes.plot(ax=target, **drawn)
        for pairs, colour in ((both, BOTH_WAYS), (one, ONE_WAY)):
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
            edgecolor=RED,
            lw=1.0 * scale,
            zorder=6,
        )

    def marker(colour: str, ring: bool = False) -> Line2D:
        face = "white" if ring else colour
        return Line2D([], [], ls="", marker="o", ms=4 if ring else 3.2, mfc=face, mec=colour)

    keys: dict[str, Line2D] = {}
    with speaking(options.lang):
        for name, pairs, colour in (("both ways", both, BOTH_WAYS), ("one way", one, ONE_WAY)):
            if len(pairs):
                key = say(f"Link {name} ({{count}})", count=f"{len(pairs):,}")
                keys[key] = Line2D([], [], color=colour, lw=1.2)
        for level in range(min(n_components, len(_COMPONENTS) + 1)):
            if n_components == 1:
                keys[say("Unit ({count})", count=f"{int((~alone).sum()):,}")] = marker(INK)
            elif level < len(_COMPONENTS):
                count = f"{int((~alone & (rank == level)).sum()):,}"
                key = say("Component {number} ({count})", number=level + 1, count=count)
                keys[key] = marker(_COMPONENTS[level])
            else:
                count = f"{int((~alone & (rank >= level)).sum()):,}"
                keys[say("Smaller components ({count})", count=count)] = marker(MUTED)
        if alone.any():
            count = f"{int(alone.sum()):,}"
            keys[say("No neighbours ({count})", count=count)] = marker(RED, ring=True)
        few = "Links: the {count} of largest weight of each unit"
        legend = "" if strongest is None else say(few, count=strongest)
        named = options.title if options.title is not None else said(weights.spec.describe())
        handles, entries = list(keys.values()), list(keys)
        return drawn_map(ground, paint, handles, entries, legend, options, _capital(named))


@checked
def neighbour_histogram(
    w: WeightsLike,
    *,
    title: str | None = None,
    bars_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw how many units have how many neighbours.

    Parameters
    ----------
    w : SpatialWeights, Graph or W
    title : str, optional
        By default the specification of the weights.
    bars_kw : mapping, optional
        Keyword arguments of the bars.
    lang, width, ax
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
    with themed(lang):
        if ax is None:
            ax = new_figure(width, 0.62 * width)[1][0, 0]
        look = layer(bars_kw, width=0.86 * step, color=PALETTE[0])
        bars = ax.bar(edges[:-1] + step / 2, heights, **look)
        if low == 0:
            # The first range may hold others too: the count of islands is said, not only shown.
            bars[0].set_color(RED)
            ax.text(
                0.02,
                0.98,
                say("{count} without neighbours", count=f"{int((counts == 0).sum()):,}"),
                transform=ax.transAxes,
                va="top",
                color=RED,
                fontsize=7,
            )
        ax.axvline(counts.mean(), color=INK, lw=0.8, ls=(0, (4, 2)))
        mean = f"{counts.mean():,.1f}"
        ax.set_xlabel(say("Neighbours of a unit (dashed: mean, {mean})", mean=mean))
        ax.set_ylabel(say("Units"))
        ax.locator_params(integer=True)
        named = title if title is not None else said(weights.spec.describe())
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
