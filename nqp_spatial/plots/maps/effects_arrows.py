"""Effects from group to group as arrows on the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import OptionError, PanelError, sample
from nqp_spatial.plots._theme import (
    INK,
    PALE,
    PALETTE,
    RED,
    check_fonts,
    layer,
    themed,
)
from nqp_spatial.plots.maps._basemap import Ground, MapLook, MapOptions, ground_of
from nqp_spatial.plots.maps.choropleth import drawn_map
from nqp_spatial.plots.words import say
from nqp_spatial.spillovers import EffectsMatrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["effects_arrows"]

_APART = 1.6  # inches between marks: arrows need room to be told apart


@checked
def effects_arrows(
    result: EffectsMatrix,
    panel: SpatialPanel,
    groups: str | pd.Series,
    *,
    label: str | None = None,
    **look: Unpack[MapOptions],
) -> Axes:
    """Draw indirect effects from group to group as arrows from sender to receiver, on the map.

    Parameters
    ----------
    result : EffectsMatrix
        From `PartitionedResult.effects_matrix`.
    panel : SpatialPanel
        With the geometry of its units.
    groups : str or Series
        As in `partitioned`: a column of the panel, or groups by unit.
    label : str, optional
        Name of the regressor.
    **look
        As in `nqp_spatial.plots.choropleth`.

    Returns
    -------
    Axes
        Units are coloured by group. An arrow's width is the size of the effect, its number the
        estimate; it is dashed where the interval holds zero, red where the effect is negative. What
        passes between units of one group stands at the group's mark. Marks stand near the mean
        place of their groups, moved apart where groups are woven into each other.

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
    ['Rest (39)', 'South (9)', '95% interval holds zero']
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    table = result.matrix("indirect")
    names = [name for name in table.index if name != "all"]
    options = MapLook(**look)
    ground = ground_of(panel, options)
    member = _by_unit(panel, groups, ground)
    if sorted(set(member)) != sorted(names) or len(names) > len(PALE):
        raise OptionError(
            f"groups must be those of the result, {', '.join(names)}, and at most {len(PALE)}; "
            f"got {', '.join(sorted(set(member)))}"
        )
    shapes = ground.shapes.geometry

    def paint(target: Axes, scale: float) -> None:
        for name, fill in zip(names, PALE, strict=False):
            drawn = layer(
                options.shapes_kw, color=fill, edgecolor="white", linewidth=0.25, aspect=None
            )
            shapes[member == name].plot(ax=target, **drawn)

    handles: list[Any] = [Patch(color=PALE[i]) for i in range(len(names))]
    entries = [f"{name} ({int((member == name).sum())})" for name in names]
    handles.append(Line2D([], [], color=INK, lw=1.2, ls=(0, (3, 2))))
    with themed(options.lang):
        entries.append(say("{level} interval holds zero", level=f"{result.level:.0%}"))
        named = label if label is not None else result.variable
        words = say("Indirect effects of {name} (arrows: from sender to receiver)", name=named)
        title = words if options.title is None else options.title
        ax = drawn_map(ground, paint, handles, entries, "", options, title)
        at = np.column_stack([shapes.centroid.x, shapes.centroid.y])
        places = _marks(at, member, names, ground, options.width)
        _arrows(ax, result, names, places)
    check_fonts(ax)
    return ax


def _by_unit(panel: SpatialPanel, groups: str | pd.Series, ground: Ground) -> np.ndarray:
    """Return the group of each shape, as text."""
    if isinstance(groups, str):
        panel.require_columns([groups])
        given = panel.frame[groups].groupby(level=0).first()
    else:
        given = groups
    check_same_ids(
        ground.shapes.index, given.index, our_name="panel", their_name="groups",
        advice="give one group for each unit of the panel",
    )  # fmt: skip
    given = given.reindex(ground.shapes.index)
    if given.isna().any():
        raise PanelError(f"units without a group: {sample(given.index[given.isna()])}")
    return np.asarray(given.astype(str))


def _marks(
    at: np.ndarray, member: np.ndarray, names: list[str], ground: Ground, width: float
) -> np.ndarray:
    """Return the mean place of each group, pushed apart until arrows fit between."""
    places = np.array([at[member == name].mean(axis=0) for name in names])
    left, bottom, right, top = ground.bounds
    need = min(_APART / width * (right - left), 0.6 * min(right - left, top - bottom))
    for _ in range(200):
        gap = places[:, None] - places[None, :]
        distance = np.linalg.norm(gap, axis=2)
        np.fill_diagonal(distance, np.inf)
        if distance.min() >= 0.999 * need:
            break
        # Coincident marks part sideways.
        toward = np.where(distance[..., None] > 1e-9, gap / distance[..., None], [1.0, 0.0])
        push = np.clip(need - distance, 0, None)[..., None] * toward / 2
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
            unsure = bool(low.loc[receiver, sender] <= 0 <= high.loc[receiver, sender])
            colour = RED if size < 0 else INK
            if i == j:
                x, y = places[i]
                own = say("{group}\nwithin: {size}", group=receiver, size=f"{size:.3f}")
                ax.annotate(
                    own, (x, y), ha="center", va="center",
                    fontsize=6.5, linespacing=1.25, zorder=9, color=colour,
                    bbox={
                        "boxstyle": "round,pad=0.35", "facecolor": "white", "lw": 1.1,
                        "edgecolor": PALETTE[i],
                        "linestyle": "--" if unsure else "-",
                    },
                )  # fmt: skip
                continue
            arrow = FancyArrowPatch(
                tuple(places[j]), tuple(places[i]), connectionstyle="arc3,rad=0.32",
                arrowstyle="-|>", mutation_scale=7 + 6 * abs(size) / largest, shrinkA=20,
                shrinkB=20, lw=0.6 + 2.4 * abs(size) / largest, color=colour, zorder=8,
                ls=(0, (3, 2)) if unsure else "-",
            )  # fmt: skip
            ax.add_patch(arrow)
            # The arc bows to the right of its way by 0.32 of half the length at its middle.
            start, end = places[j], places[i]
            middle = (start + end) / 2 + 0.32 / 2 * np.array([end[1] - start[1], start[0] - end[0]])
            ax.text(
                float(middle[0]), float(middle[1]), f"{size:.3f}", ha="center", va="center",
                fontsize=6.5, color=colour, zorder=9, bbox=box,
            )  # fmt: skip
