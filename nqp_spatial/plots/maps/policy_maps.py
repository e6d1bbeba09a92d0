"""A policy on the map: where it is adopted, how far it reaches, and its effects."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Literal, Unpack

import numpy as np
import pandas as pd

from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import language, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._theme import LIGHT, ORANGE, Classes
from nqp_spatial.plots.maps._basemap import (
    MapOptions,
    MapStyle,
    basemap_of,
    require_units_on_map,
)
from nqp_spatial.plots.maps._classes import class_groups, inner_bounds, no_data
from nqp_spatial.plots.maps._map import MapGroup, draw_groups
from nqp_spatial.spillovers import PolicyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["exposure_map", "policy_effects_map"]

_SHADES, _CLASSES = "Blues_r", 3
_ADVICE = "pass the panel in which the policy was evaluated"


@checked
def exposure_map(
    result: PolicyResult,
    panel: SpatialPanel,
    *,
    period: Hashable | None = None,
    **options: Unpack[MapOptions],
) -> Axes:
    """Draw treated, exposed and clean places of one period.

    Parameters
    ----------
    result : PolicyResult
        From `nqp_spatial.spillovers.policy`.
    panel : SpatialPanel
        With the geometry of the units of the result.
    period : hashable, optional
        By default the last.
    **options
        As in `choropleth`; the title is by default the period.

    Returns
    -------
    Axes
        Exposed places by ring, or in up to three classes of their exposure.

    Raises
    ------
    PanelError
        If there is no such period.
    GeometryError, UnmatchedIdsError
        If the panel has no geometry, or not of all units of the result.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> panel = panel.assign(
    ...     pilot=lambda d: (d.index.get_level_values(0).isin(["CA", "ME", "NY"])
    ...     & (d.index.get_level_values(1) >= 1980)).astype(int))
    >>> res = nq.spillovers.policy(panel, "lgsp", treatment="pilot",
    ...     rings_km=[0, 500, 800], on_treated="included", placebo=0)
    >>> ax = nq.plots.exposure_map(res, panel)
    >>> [text.get_text() for text in ax.get_legend().get_texts()][:2]
    ['Treated (3)', '0–500 km (10)']
    """
    style = MapStyle(**options)
    basemap = basemap_of(panel, style)
    require_units_on_map(basemap, result.units.index, _ADVICE)
    day = result.panel.periods[-1] if period is None else result.panel.period(period)
    rows = result.cells.xs(day, level=1).reindex(basemap.shapes.index)
    with language(style.lang):
        state = rows["state"]
        treated = state.isin(["treated", "treated and exposed"]).to_numpy()
        groups = [MapGroup(translate(t("Treated")), treated, ORANGE)]
        exposed = (state == "exposed").to_numpy()
        groups += _exposed_groups(result, rows, exposed)
        groups.append(MapGroup(translate(t("Clean")), (state == "clean").to_numpy(), LIGHT))
        groups += no_data(state.isna().to_numpy())
        title = style.title or translate(
            t("{name}, {period}", name=result.panel.label(result.spec["treatment"]), period=day)
        )
        legend = translate(t("Treatment and exposure"))
        return draw_groups(basemap, groups, style, legend=legend, title=title)


def _exposed_groups(
    result: PolicyResult, rows: pd.DataFrame, exposed: np.ndarray
) -> list[MapGroup]:
    """Return exposed and untreated places by ring, or by class of exposure."""
    import matplotlib as mpl

    if not exposed.any():
        return []
    if result.exposure.rings:
        names = result.exposure.names
        shades = mpl.colormaps[_SHADES](np.linspace(0.15, 0.7, len(names)))
        return [
            MapGroup(name.replace("-", "–"), exposed & (rows[name] > 0).to_numpy(), tuple(shade))
            for name, shade in zip(names, shades, strict=True)
        ]
    values = rows[result.exposure.names[0]].where(exposed)
    cuts = inner_bounds(values, "quantiles", _CLASSES, None, None)
    classes = class_groups(values, cuts, None, "Blues", None)[: len(cuts) + 1]
    return [
        MapGroup(translate(t("Exposure {range}", range=group.name)), group.members, group.colour)
        for group in reversed(classes)
    ]


@checked
def policy_effects_map(
    result: PolicyResult,
    panel: SpatialPanel,
    kind: Literal["own", "spilled"] = "own",
    *,
    classes: Classes = 5,
    breaks: Sequence[float] | None = None,
    **options: Unpack[MapOptions],
) -> Axes:
    """Draw the mean effect in each place while it was treated, or exposed and untreated.

    Parameters
    ----------
    result : PolicyResult
        From `nqp_spatial.spillovers.policy`.
    panel : SpatialPanel
        With the geometry of its units.
    kind : {"own", "spilled"}
        Effects in treated places, with what they receive from others, or in exposed ones.
    classes : int
        Number of classes, as many values in each, with a bound at zero.
    breaks : sequence of float, optional
        Upper bounds of all classes but the last, instead.
    **options
        As in `choropleth`.

    Returns
    -------
    Axes
        Single places have errors of their own: read the pattern, not the place.

    Raises
    ------
    OptionError
        If the policy was evaluated without exposure and spilled effects are wanted.
    GeometryError, UnmatchedIdsError
        As in `choropleth`.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> panel = panel.assign(
    ...     pilot=lambda d: (d.index.get_level_values(0).isin(["CA", "ME", "NY"])
    ...     & (d.index.get_level_values(1) >= 1980)).astype(int))
    >>> res = nq.spillovers.policy(panel, "lgsp", treatment="pilot",
    ...     exposure=nq.weights.contiguity(panel), placebo=0)
    >>> ax = nq.plots.policy_effects_map(res, panel, "spilled")
    >>> ax.get_legend().get_title().get_text()
    'Spilled effect by unit'
    """
    values = result.units[kind]
    if values.isna().all():
        raise OptionError(
            "no untreated unit is exposed in this evaluation: there are no spilled effects to draw"
        )
    style = MapStyle(**options)
    basemap = basemap_of(panel, style)
    require_units_on_map(basemap, result.units.index, _ADVICE)
    values = values.reindex(basemap.shapes.index)
    known = values.notna().to_numpy()
    with language(style.lang):
        of_treated = kind == "own"
        legend = translate(t("Own effect by unit") if of_treated else t("Spilled effect by unit"))
        cuts = inner_bounds(values, "quantiles", classes, breaks, 0.0)
        groups = class_groups(values, cuts, 0.0, None, None)[: len(cuts) + 1]
        evaluated = basemap.shapes.index.isin(result.units.index)
        words = translate(t("Never treated") if of_treated else t("Never exposed while untreated"))
        groups.append(MapGroup(words, ~known & evaluated, LIGHT))
        groups += no_data(~known & ~evaluated)
        return draw_groups(basemap, groups, style, legend=legend, title=style.title)
