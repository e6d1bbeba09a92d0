"""Effects from group to group as arrows on the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._canvas import counted, percent
from nqp_spatial.plots._context import sized
from nqp_spatial.plots._fonts import check_fonts
from nqp_spatial.plots._theme import INK, PALE, PALETTE, RED, layer, themed
from nqp_spatial.plots.maps._basemap import Basemap, MapOptions, MapStyle, basemap_of
from nqp_spatial.plots.maps._map import draw_map
from nqp_spatial.spillovers import EffectsMatrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["effects_arrows"]

_APART = 1.6  # inches between marks: arrows need room to be told apart


@checked
def effects_arrows(
    result: EffectsMatrix,
    panel: SpatialPanel,
    group: str | pd.Series,
    *,
    label: str | None = None,
    **options: Unpack[MapOptions],
) -> Axes:
    """Draw indirect effects from group to group as arrows from sender to receiver, on the map.

    Parameters
    ----------
    result : EffectsMatrix
        From `PartitionedResult.effects_matrix`.
    panel : SpatialPanel
        With the geometry of its units.
    group : str or Series
        As in `partitioned`: a column of the panel, or groups by unit.
    label : str, optional
        Name of the regressor.
    **options
        As in `nqp_spatial.plots.choropleth`.

    Returns
    -------
    Axes
        Units are coloured by group. An arrow's width is the size of the effect, its number the
        estimate; it is dashed where the interval contains zero, red where the effect is negative.
        The effect between units of one group stands at the group's mark. Marks stand near the mean
        place of their groups, moved apart where groups overlap.

    Raises
    ------
    OptionError
        If groups are not those of the result, or more than six.
    GeometryError, UnmatchedIdsError
        If the panel has no geometry, or groups are of other units.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> south = panel.units.to_series().isin(["TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"])
    >>> south = south.map({True: "South", False: "Rest"})
    >>> w = nq.weights.contiguity(panel)
    >>> res = nq.spillovers.partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit")
    >>> ax = nq.plots.effects_arrows(res.effects_matrix("lpc"), panel, south)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['Rest (39)', 'South (9)', '95% confidence interval contains zero']
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    table = result.matrix("indirect")
    names = [name for name in table.index if name != "all"]
    style = MapStyle(**options)
    basemap = basemap_of(panel, style)
    by_name = Groups.by_unit(panel, group).by_name
    member = by_name.reindex(basemap.shapes.index).to_numpy()
    if sorted(set(member)) != sorted(names) or len(names) > len(PALE):
        raise OptionError(
            f"group must give the groups of the result, {', '.join(names)}, and at most "
            f"{len(PALE)}; got {', '.join(sorted(set(member)))}"
        )
    shapes = basemap.shapes.geometry

    def paint(target: Axes, scale: float) -> None:
        for name, fill in zip(names, PALE, strict=False):
            areas = layer(
                style.shapes_kw, color=fill, edgecolor="white", linewidth=0.25, aspect=None
            )
            shapes[member == name].plot(ax=target, **areas)

    handles: list[Any] = [Patch(color=PALE[i]) for i in range(len(names))]
    handles.append(Line2D([], [], color=INK, lw=1.2, ls=(0, (3, 2))))
    with themed(style.lang):
        entries = [counted(name, int((member == name).sum())) for name in names]
        words = t("{level} confidence interval contains zero", level=percent(result.level))
        entries.append(translate(words))
        title = style.title
        if title is None:
            name = label if label is not None else result.variable
            title = translate(
                t("Indirect effects of {name} (arrows: from sender to receiver)", name=name)
            )
        ax = draw_map(basemap, paint, handles, entries, style, legend="", title=title)
        centroids = np.column_stack([shapes.centroid.x, shapes.centroid.y])
        _arrows(ax, result, names, _marks(centroids, member, names, basemap, style.width))
    check_fonts(ax)
    return ax


def _marks(
    centroids: np.ndarray, member: np.ndarray, names: list[str], basemap: Basemap, width: float
) -> np.ndarray:
    """Return the mean place of each group, pushed apart until arrows fit between."""
    places = np.array([centroids[member == name].mean(axis=0) for name in names])
    x_low, y_low, x_high, y_high = basemap.bounds
    wide, tall = x_high - x_low, y_high - y_low
    least = min(_APART / width * wide, 0.6 * min(wide, tall))
    for _ in range(200):
        gap = places[:, None] - places[None, :]
        distance = np.linalg.norm(gap, axis=2)
        np.fill_diagonal(distance, np.inf)
        if distance.min() >= 0.999 * least:
            break
        # Coincident marks part sideways.
        direction = np.where(distance[..., None] > 1e-9, gap / distance[..., None], [1.0, 0.0])
        push = np.clip(least - distance, 0, None)[..., None] * direction / 2
        places = places + push.sum(axis=1)
    return places


def _arrows(ax: Axes, result: EffectsMatrix, names: list[str], places: np.ndarray) -> None:
    from matplotlib.patches import FancyArrowPatch

    value = result.matrix("indirect")
    low = result.matrix("indirect", "conf_low")
    high = result.matrix("indirect", "conf_high")
    largest = float(np.abs(value.loc[names, names].to_numpy()).max()) or 1.0
    box = {"facecolor": "white", "alpha": 0.85, "lw": 0, "pad": 1.0}
    for i, receiver in enumerate(names):
        for j, sender in enumerate(names):
            size = float(value.loc[receiver, sender])
            contains_zero = bool(low.loc[receiver, sender] <= 0 <= high.loc[receiver, sender])
            colour = RED if size < 0 else INK
            if i == j:
                x, y = places[i]
                words = t("{group}\nwithin: {size:.3f}", group=receiver, size=size)
                ax.annotate(
                    translate(words), (x, y), ha="center", va="center",
                    fontsize=sized(6.5), linespacing=1.25, zorder=9, color=colour,
                    bbox={
                        "boxstyle": "round,pad=0.35", "facecolor": "white", "lw": 1.1,
                        "edgecolor": PALETTE[i],
                        "linestyle": "--" if contains_zero else "-",
                    },
                )  # fmt: skip
                continue
            arrow = FancyArrowPatch(
                tuple(places[j]), tuple(places[i]), connectionstyle="arc3,rad=0.32",
                arrowstyle="-|>", mutation_scale=7 + 6 * abs(size) / largest, shrinkA=20,
                shrinkB=20, lw=0.6 + 2.4 * abs(size) / largest, color=colour, zorder=8,
                ls=(0, (3, 2)) if contains_zero else "-",
            )  # fmt: skip
            ax.add_patch(arrow)
            # The arc bows to the right of its way by 0.32 of half the length at its middle.
            start, end = places[j], places[i]
            middle = (start + end) / 2 + 0.32 / 2 * np.array([end[1] - start[1], start[0] - end[0]])
            ax.text(
                float(middle[0]), float(middle[1]), f"{size:.3f}", ha="center", va="center",
                fontsize=sized(6.5), color=colour, zorder=9, bbox=box,
            )  # fmt: skip
