"""Maps of local association: clusters, their significance, and several periods at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import pandas as pd

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import OptionError
from nqp_spatial.esda import LisaResult
from nqp_spatial.plots._theme import (
    CLUSTER_COLOURS,
    COLUMN,
    PAGE,
    SIGNIFICANCE,
    TIER_COLOURS,
    Columns,
    check_fonts,
    new_figure,
    themed,
)
from nqp_spatial.plots.maps._basemap import Ground, MapLook, MapOptions, ground_of
from nqp_spatial.plots.maps.choropleth import drawn_groups, legend_handles
from nqp_spatial.plots.words import say, speaking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["lisa_map", "lisa_maps", "rule_of", "significance_map"]

_TIERS = (0.05, 0.01, 0.001)
_CLUSTERS = tuple(TIER_COLOURS)


def rule_of(lisa: LisaResult) -> str:
    """Return in words what makes a unit significant, in the language that is spoken."""
    text = "false discovery rate" if lisa.fdr else "p"
    return say(
        text + " < {alpha}{tail}, {times} permutations",
        alpha=f"{lisa.alpha:g}",
        tail="" if lisa.alternative == "directed" else f" ({lisa.alternative})",
        times=lisa.permutations,
    )


@checked
def lisa_map(
    lisa: LisaResult, panel: SpatialPanel, *, tiers: bool = False, **look: Unpack[MapOptions]
) -> Axes:
    """Draw the clusters of local association on the map.

    Parameters
    ----------
    lisa : LisaResult
        From `nqp_spatial.esda.lisa`.
    panel : SpatialPanel
        With the geometry of the same units.
    tiers : bool
        Whether each kind of cluster is shaded by significance: 0.05, 0.01, 0.001.
    **look
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
    options = MapLook(**look)
    ground = _ground(lisa, panel, options)
    with speaking(options.lang):
        groups, colours = _tiered(lisa) if tiers else _clusters(lisa)
        legend = say("Local Moran, {rule}", rule=rule_of(lisa))
        entries = [f"{_named(name)} ({int((groups == name).sum())})" for name in colours]
        return drawn_groups(
            ground, groups, colours, entries, legend, options, _title(lisa, panel, options)
        )


@checked
def significance_map(lisa: LisaResult, panel: SpatialPanel, **look: Unpack[MapOptions]) -> Axes:
    """Draw how significant local association is, whatever its kind.

    Parameters
    ----------
    lisa : LisaResult
        From `nqp_spatial.esda.lisa`.
    panel : SpatialPanel
        With the geometry of the same units.
    **look
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
    options = MapLook(**look)
    ground = _ground(lisa, panel, options)
    with speaking(options.lang):
        groups, colours = _significance(lisa)
        legend = say("Pseudo p-value, {times} permutations", times=lisa.permutations)
        entries = [f"{_named(name)} ({int((groups == name).sum())})" for name in colours]
        return drawn_groups(
            ground, groups, colours, entries, legend, options, _title(lisa, panel, options)
        )


@checked
def lisa_maps(
    results: Sequence[LisaResult] | Mapping[Any, LisaResult],
    panel: SpatialPanel,
    *,
    significance: bool = False,
    tiers: bool = False,
    columns: Columns = 3,
    **look: Unpack[MapOptions],
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
    **look
        As in `choropleth`; `title` is of the whole figure, `width` by default a page.

    Returns
    -------
    Figure
        One legend for all maps; it has no counts, which stand in each map's title line.

    Raises
    ------
    OptionError
        If there are no results, or `ax` is given. What `lisa_map` raises is passed on.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> found = [nq.esda.lisa(panel, "income", w, period=t, seed=0) for t in (1929, 1969, 2009)]
    >>> figure = nq.plots.lisa_maps(found, panel)
    >>> [ax.get_title(loc="left").split(":")[0] for ax in figure.axes], len(figure.legends)
    (['1929', '1969', '2009'], 1)
    """
    many = list(results.values() if isinstance(results, Mapping) else results)
    if not many or look.get("ax") is not None:
        raise OptionError("results must hold at least one, and ax be left out: it makes a figure")
    options = MapLook(**{"width": PAGE, **look})  # type: ignore[arg-type]
    names = list(results) if isinstance(results, Mapping) else _names(many)
    ground = _ground(many[0], panel, options)
    for one in many[1:]:
        _ground(one, panel, options)
    cells: list[tuple[str, LisaResult, bool]] = []
    for start in range(0, len(many), columns):
        some = list(zip(names, many, strict=True))[start : start + columns]
        cells += [(str(name), one, False) for name, one in some]
        if significance:
            cells += [(str(name), one, True) for name, one in some]
    across = 2 if significance and len(many) == 1 else min(columns, len(many))
    rows = -(-len(cells) // across)
    left, bottom, right, top = ground.bounds
    tall = options.width / across * min((top - bottom) / max(right - left, 1e-12), 1.6)
    seen: dict[Any, Any] = {}
    levels: dict[Any, Any] = {}
    with themed(options.lang):
        figure, axes = new_figure(options.width, rows * (tall + 0.28) + 0.75, rows, across)
        for ax, (name, one, is_significance) in zip(axes.flat, cells, strict=False):
            groups, colours = _drawn(one, is_significance, tiers)
            (levels if is_significance else seen).update(colours)
            small = MapLook(**{**_fields(options), "title": None, "ax": ax})
            drawn_groups(ground, groups, colours, [], "", small, None)
            ax.set_title(_counted(name, one, is_significance), fontsize=7.5)
            ax.set_anchor("N")  # so that the layout knows where the title is
        for ax in axes.flat[len(cells) :]:
            ax.remove()
        order = [*(_tier_name(many[0], key) for key in _all_tiers(many[0])), *CLUSTER_COLOURS]
        clusters = {name: seen[name] for name in order if name in seen}
        steps = {name: levels[name] for name in levels if name not in clusters}
        every = {**clusters, **steps}
        figure.legend(
            legend_handles(every, points=ground.has_points),
            [_named(name) for name in every],
            title=say("Local Moran, {rule}", rule=rule_of(many[0])),
            loc="outside lower left",
            alignment="left",
            ncols=3 if options.width < 1.5 * COLUMN else 5,
            handlelength=1.2,
            handleheight=0.9,
            **(options.legend_kw or {}),
        )
        if options.title:
            figure.suptitle(options.title, x=0.01, ha="left", fontsize=9)
    check_fonts(figure)
    return figure


def _fields(look: MapLook) -> dict[str, Any]:
    return {name: getattr(look, name) for name in MapOptions.__annotations__}


def _names(results: Sequence[LisaResult]) -> list[Any]:
    periods = [one.period for one in results]
    if len(set(periods)) == len(periods):
        return periods
    labels = [one.label for one in results]
    if len(set(labels)) == len(labels):
        return labels
    return [f"{one.label}, {one.period}" for one in results]


def _ground(lisa: LisaResult, panel: SpatialPanel, look: MapLook) -> Ground:
    ground = ground_of(panel, look)
    check_same_ids(
        ground.shapes.index,
        lisa.frame.index,
        our_name="panel",
        their_name="lisa",
        advice="pass the panel that the LISA was computed from",
    )
    return ground


def _title(lisa: LisaResult, panel: SpatialPanel, look: MapLook) -> str:
    if look.title is not None:
        return look.title
    if panel.n_periods > 1:
        return say("{name}, {period}", name=lisa.label, period=lisa.period)
    return lisa.label


def _drawn(
    lisa: LisaResult, is_significance: bool, tiers: bool
) -> tuple[pd.Series, dict[Any, Any]]:
    if is_significance:
        return _significance(lisa)
    return _tiered(lisa) if tiers else _clusters(lisa)


def _clusters(lisa: LisaResult) -> tuple[pd.Series, dict[Any, Any]]:
    return lisa.frame["cluster"], {name: CLUSTER_COLOURS[name] for name in lisa.counts.index}


def _levels(lisa: LisaResult) -> list[float]:
    """Return alpha and the tiers below it."""
    return [lisa.alpha, *(level for level in _TIERS if level < lisa.alpha)]


def _tier(lisa: LisaResult) -> pd.Series:
    """Return which tier each significant unit is in: the number of tiers that it passes, less 1."""
    p = lisa.frame["p_value"]
    passed = sum((p <= level).astype(int) for level in _levels(lisa)[1:])
    return pd.Series(passed, index=lisa.frame.index)


def _tiered(lisa: LisaResult) -> tuple[pd.Series, dict[Any, Any]]:
    """Return (cluster, tier) of each unit, and a colour for each that occurs."""
    cluster, tier = lisa.frame["cluster"], _tier(lisa)
    groups = pd.Series(
        [
            (name, level) if name in _CLUSTERS else name
            for name, level in zip(cluster.astype(str), tier, strict=True)
        ],
        cluster.index,
        dtype=object,
    )
    found = set(groups)
    colours: dict[Any, Any] = {
        key: shade for key, shade in _all_tiers(lisa).items() if key in found
    }
    rest = {name: CLUSTER_COLOURS[name] for name in CLUSTER_COLOURS if name in found}
    labelled = groups.map(lambda key: _tier_name(lisa, key))
    return labelled, {_tier_name(lisa, key): shade for key, shade in {**colours, **rest}.items()}


def _all_tiers(lisa: LisaResult) -> dict[Any, Any]:
    shades = len(_levels(lisa))
    return {
        (name, level): TIER_COLOURS[name][max(level + 3 - shades, 0)]
        for name in _CLUSTERS
        for level in range(shades)
    }


def _tier_name(lisa: LisaResult, key: Any) -> Any:
    """Return a tier as (cluster, sign, level), which `_named` puts in words."""
    if not isinstance(key, tuple):
        return key
    return (key[0], *_step(lisa, key[1]))


def _step(lisa: LisaResult, tier: int) -> tuple[str, float]:
    level = _levels(lisa)[tier]
    return ("<" if tier == 0 else "≤", level)


def _significance(lisa: LisaResult) -> tuple[pd.Series, dict[Any, Any]]:
    tier = _tier(lisa)
    cluster = lisa.frame["cluster"].astype(str)
    groups = pd.Series(
        [
            ("p", *_step(lisa, level)) if name in _CLUSTERS else name
            for name, level in zip(cluster, tier, strict=True)
        ],
        cluster.index,
        dtype=object,
    )
    count = len(_levels(lisa))
    colours: dict[Any, Any] = {
        ("p", *_step(lisa, level)): SIGNIFICANCE[max(level + 3 - count, 0)]
        for level in range(count)
    }
    colours["Not significant"] = CLUSTER_COLOURS["Not significant"]
    if (cluster == "No neighbours").any():
        colours["No neighbours"] = CLUSTER_COLOURS["No neighbours"]
    return groups, colours


def _named(name: Any) -> str:
    """Return the name of a group in the language that is spoken."""
    if not isinstance(name, tuple):
        return say(name)
    kind, sign, level = name
    rule = f"p {sign} {level:g}"
    return rule if kind == "p" else f"{say(kind)}, {rule}"


def _counted(name: str, lisa: LisaResult, is_significance: bool) -> str:
    """Return a map's title: its name, and the counts that the common legend cannot have."""
    if is_significance:
        significant = int(lisa.frame["cluster"].isin(_CLUSTERS).sum())
        return f"{name}: {significant} / {len(lisa.frame)}"
    short = {kind: "".join(part[0] for part in kind.split("-")) for kind in _CLUSTERS}
    counts = [
        f"{short[kind]} {lisa.counts[kind]}" for kind in _CLUSTERS if lisa.counts.get(kind, 0)
    ]
    return f"{name}: {', '.join(counts)}" if counts else name
