"""Maps of local association: clusters, their significance, and several periods at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Unpack

import numpy as np

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import PassedTo, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, join, label, language, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.esda import LisaResult
from nqp_spatial.plots._canvas import figure_of, panels, wrapped
from nqp_spatial.plots._context import sized
from nqp_spatial.plots._theme import (
    CLUSTER_COLOURS,
    COLUMN,
    PAGE,
    SIGNIFICANCE,
    TIER_COLOURS,
    Columns,
    layer,
)
from nqp_spatial.plots.maps._basemap import Basemap, MapOptions, MapStyle, basemap_of
from nqp_spatial.plots.maps._map import MapGroup, draw_groups, legend_handles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["lisa_legend", "lisa_map", "lisa_maps", "lisa_title", "significance_map"]

_TIERS = (0.05, 0.01, 0.001)
_CLUSTERS = tuple(TIER_COLOURS)
_NOT_SIGNIFICANT, _NO_NEIGHBOURS = "Not significant", "No neighbours"


def lisa_legend(result: LisaResult) -> str:
    """Return the title of a legend of clusters: what makes a unit significant."""
    values = {
        "measure": t("false discovery rate") if result.fdr else "p",
        "alpha": result.alpha,
        "permutations": result.permutations,
    }
    if result.alternative == "directed":
        rule = t("{measure} < {alpha:g}, {permutations} permutations", **values)
    else:
        rule = t(
            "{measure} < {alpha:g} ({alternative}), {permutations} permutations",
            alternative=label("alternative", result.alternative), **values,
        )  # fmt: skip
    return translate(t("Local Moran, {rule}", rule=rule))


def lisa_title(result: LisaResult) -> str:
    """Return what a figure of local association shows: the variable and its period."""
    return translate(t("{name}, {period}", name=result.label, period=result.period))


@checked
def lisa_map(
    result: LisaResult, panel: SpatialPanel, *, tiers: bool = False, **options: Unpack[MapOptions]
) -> Axes:
    """Draw the clusters of local association on the map.

    Parameters
    ----------
    result : LisaResult
        From `nqp_spatial.esda.lisa`.
    panel : SpatialPanel
        With the geometry of the same units.
    tiers : bool
        Whether each kind of cluster is shaded by significance: 0.05, 0.01, 0.001.
    **options
        As in `choropleth`; the title is by default the variable's label and the period.

    Returns
    -------
    Axes
        The legend has the number of units in each class, the threshold and the permutations.

    Raises
    ------
    GeometryError, UnmatchedIdsError
        If the panel has no geometry, or not of the same units.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> lisa = nq.esda.lisa(panel, "income", nq.weights.contiguity(panel), period=2009, seed=0)
    >>> nq.plots.lisa_map(lisa, panel).get_legend().get_title().get_text()
    'Local Moran, p < 0.05, 999 permutations'
    """
    style = MapStyle(**options)
    basemap = _basemap(result, panel, style)
    with language(style.lang):
        groups = _tier_groups(result, basemap) if tiers else _cluster_groups(result, basemap)
        title = _title(result, panel, style)
        return draw_groups(basemap, groups, style, legend=lisa_legend(result), title=title)


@checked
def significance_map(
    result: LisaResult, panel: SpatialPanel, **options: Unpack[MapOptions]
) -> Axes:
    """Draw how significant local association is, whatever its kind.

    Parameters
    ----------
    result : LisaResult
        From `nqp_spatial.esda.lisa`.
    panel : SpatialPanel
        With the geometry of the same units.
    **options
        As in `choropleth`; the title is by default the variable's label and the period.

    Returns
    -------
    Axes
        Tiers of the pseudo p-value: below alpha, and at most 0.01 and 0.001. The smallest that
        permutations can give is ``1 / (permutations + 1)``.

    Raises
    ------
    GeometryError, UnmatchedIdsError
        If the panel has no geometry, or not of the same units.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> lisa = nq.esda.lisa(panel, "income", nq.weights.contiguity(panel), period=2009, seed=0)
    >>> ax = nq.plots.significance_map(lisa, panel)
    >>> [text.get_text().split(" (")[0] for text in ax.get_legend().get_texts()]
    ['p < 0.05', 'p ≤ 0.01', 'p ≤ 0.001', 'Not significant']
    """
    style = MapStyle(**options)
    basemap = _basemap(result, panel, style)
    with language(style.lang):
        groups = _significance_groups(result, basemap)
        legend = t("Pseudo p-value, {permutations} permutations", permutations=result.permutations)
        title = _title(result, panel, style)
        return draw_groups(basemap, groups, style, legend=translate(legend), title=title)


@checked
def lisa_maps(
    results: Sequence[LisaResult] | Mapping[Any, LisaResult],
    panel: SpatialPanel,
    *,
    significance: bool = False,
    tiers: bool = False,
    columns: Columns = 3,
    fig: Figure | SubFigure | None = None,
    **options: Annotated[Any, PassedTo("lisa_map", without=("ax", "tiers"))],
) -> Figure:
    """Draw several maps of clusters with one legend, and their significance below if asked.

    Parameters
    ----------
    results : sequence or mapping of LisaResult
        Of one variable in several periods, or of several variables. Keys of a mapping are titles;
        else the periods are, or labels where they differ.
    panel : SpatialPanel
        With the geometry of the same units.
    significance : bool
        Whether each map of clusters has its map of significance below it; for one result beside it.
    tiers : bool
        As in `lisa_map`.
    columns : int
        Maps in a row.
    fig : Figure or SubFigure, optional
        Where to draw; a new figure if not given.
    **options
        As in `choropleth`; without `ax`; `title` is of the whole figure, `width` by default a page.

    Returns
    -------
    Figure
        That of `fig` if it is given. One legend for all maps; it has no counts, which stand in each
        map's title.

    Raises
    ------
    OptionError
        If there are no results. What `lisa_map` raises is passed on.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> results = [nq.esda.lisa(panel, "income", w, period=t, seed=0) for t in (1929, 1969, 2009)]
    >>> figure = nq.plots.lisa_maps(results, panel)
    >>> [ax.get_title(loc="left").split(":")[0] for ax in figure.axes], len(figure.legends)
    (['1929', '1969', '2009'], 1)
    """
    maps = list(results.values() if isinstance(results, Mapping) else results)
    if not maps:
        raise OptionError("results must hold at least one result, got none")
    style = MapStyle(**{"width": PAGE, **options})
    names = [str(name) for name in (results if isinstance(results, Mapping) else _names(maps))]
    basemap = _basemap(maps[0], panel, style)
    for result in maps[1:]:
        _basemap(result, panel, style)
    cells: list[tuple[str, LisaResult, bool]] = []
    for start in range(0, len(maps), columns):
        row = list(zip(names, maps, strict=True))[start : start + columns]
        cells += [(name, result, False) for name, result in row]
        if significance:
            cells += [(name, result, True) for name, result in row]
    across = 2 if significance and len(maps) == 1 else min(columns, len(maps))
    rows = -(-len(cells) // across)
    size = style.width, rows * (style.width / across * basemap.ratio + 0.28) + 0.75
    legend: dict[str, MapGroup] = {}
    with panels(fig, size, (rows, across), lang=style.lang, title=style.title) as (figure, axes):
        for ax, (name, result, is_significance) in zip(axes.flat, cells, strict=False):
            if is_significance:
                groups = _significance_groups(result, basemap)
            else:
                groups = (_tier_groups if tiers else _cluster_groups)(result, basemap)
            legend |= {group.name: group for group in groups}
            draw_groups(basemap, groups, replace(style, ax=ax), legend=None, title=None)
            counts = _counts(name, result, is_significance)
            ax.set_title(wrapped(counts, 1.1 * style.width / across), fontsize=sized(7.5))
            ax.set_anchor("N")  # so that the layout knows where the title is
        for ax in axes.flat[len(cells) :]:
            ax.remove()
        groups = [legend[name] for name in _legend_order(maps[0], basemap) if name in legend]
        below = layer(
            style.legend_kw, title=lisa_legend(maps[0]), loc="outside lower left",
            alignment="left", ncols=3 if style.width < 1.5 * COLUMN else 5, handlelength=1.2,
            handleheight=0.9,
        )  # fmt: skip
        handles = legend_handles(groups, points=basemap.has_points)
        figure.legend(handles, [group.name for group in groups], **below)
    return figure_of(figure)


def _names(results: Sequence[LisaResult]) -> list[Any]:
    """Return what tells results apart: periods, else labels, else both."""
    periods = [result.period for result in results]
    if len(set(periods)) == len(periods):
        return periods
    labels = [result.label for result in results]
    if len(set(labels)) == len(labels):
        return labels
    return [lisa_title(result) for result in results]


def _basemap(result: LisaResult, panel: SpatialPanel, style: MapStyle) -> Basemap:
    basemap = basemap_of(panel, style)
    check_same_ids(
        basemap.shapes.index,
        result.frame.index,
        our_name="panel",
        their_name="result",
        advice="pass the panel that the LISA was computed from",
    )
    return basemap


def _title(result: LisaResult, panel: SpatialPanel, style: MapStyle) -> str:
    if style.title is not None:
        return style.title
    return lisa_title(result) if panel.n_periods > 1 else result.label


# -- groups of the legend --------------------------------------------------------------------------


def _levels(result: LisaResult) -> list[float]:
    """Return alpha and the tiers below it."""
    return [result.alpha, *(level for level in _TIERS if level < result.alpha)]


def _steps(result: LisaResult) -> list[str]:
    """Return the words of each tier."""
    first, *further = _levels(result)
    return [f"p < {first:g}", *(f"p ≤ {level:g}" for level in further)]


def _clusters_and_tiers(result: LisaResult, basemap: Basemap) -> tuple[np.ndarray, np.ndarray]:
    """Return cluster and tier of each shape; the tier counts the levels passed beyond alpha."""
    frame = result.frame.reindex(basemap.shapes.index)
    passed = [(frame["p_value"] <= level).to_numpy(int) for level in _levels(result)[1:]]
    tiers = np.zeros(len(frame), dtype=int) + sum(passed)
    return frame["cluster"].astype(str).to_numpy(), tiers


def _shade(shades: tuple[str, ...], tier: int, n_tiers: int) -> str:
    """Return the colour of a tier; where there are few, the dark ones."""
    return shades[max(tier + len(shades) - n_tiers, 0)]


def _cluster_group(name: str, clusters: np.ndarray) -> MapGroup:
    return MapGroup(
        translate(label("cluster", name)), clusters == name, CLUSTER_COLOURS[name],
        hatched=name == _NO_NEIGHBOURS,
    )  # fmt: skip


def _cluster_groups(result: LisaResult, basemap: Basemap) -> list[MapGroup]:
    clusters, _ = _clusters_and_tiers(result, basemap)
    return [_cluster_group(name, clusters) for name in result.counts.index]


def _tier_groups(result: LisaResult, basemap: Basemap) -> list[MapGroup]:
    """Return a group for each kind of cluster and tier that occurs."""
    clusters, _ = _clusters_and_tiers(result, basemap)
    groups = _shaded_clusters(result, basemap)
    groups += [_cluster_group(name, clusters) for name in CLUSTER_COLOURS if name not in _CLUSTERS]
    return [group for group in groups if group.members.any()]


def _shaded_clusters(result: LisaResult, basemap: Basemap) -> list[MapGroup]:
    clusters, tiers = _clusters_and_tiers(result, basemap)
    steps = _steps(result)
    return [
        MapGroup(
            translate(join(", ", [label("cluster", name), step])),
            (clusters == name) & (tiers == tier),
            _shade(TIER_COLOURS[name], tier, len(steps)),
        )
        for name in _CLUSTERS
        for tier, step in enumerate(steps)
    ]


def _significance_groups(result: LisaResult, basemap: Basemap) -> list[MapGroup]:
    clusters, tiers = _clusters_and_tiers(result, basemap)
    steps = _steps(result)
    groups = [
        MapGroup(
            step,
            np.isin(clusters, _CLUSTERS) & (tiers == tier),
            _shade(SIGNIFICANCE, tier, len(steps)),
        )
        for tier, step in enumerate(steps)
    ]
    groups.append(_cluster_group(_NOT_SIGNIFICANT, clusters))
    if (clusters == _NO_NEIGHBOURS).any():
        groups.append(_cluster_group(_NO_NEIGHBOURS, clusters))
    return groups


def _legend_order(result: LisaResult, basemap: Basemap) -> list[str]:
    """Return names of groups: tiers of clusters, plain clusters, tiers of significance."""
    return [
        *(group.name for group in _shaded_clusters(result, basemap)),
        *(translate(label("cluster", name)) for name in CLUSTER_COLOURS),
        *_steps(result),
    ]


def _counts(name: str, result: LisaResult, is_significance: bool) -> str:
    """Return a map's title: its name, and the counts that the common legend cannot have."""
    if is_significance:
        count = int(result.frame["cluster"].isin(_CLUSTERS).sum())
        total = len(result.frame)
        words: Message = t("{count} of {total} significant", count=count, total=total)
    else:
        words = join(", ", [
            t("{cluster} {count}", cluster=label("cluster code", kind), count=result.counts[kind])
            for kind in _CLUSTERS
            if result.counts.get(kind, 0)
        ])  # fmt: skip
    return translate(t("{name}: {text}", name=name, text=words)) if words else name
