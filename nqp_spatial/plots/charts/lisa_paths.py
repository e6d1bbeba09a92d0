"""Movements of units through Moran's scatter plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Count, Width, checked
from nqp_spatial.core.text import Lang, label, language, t, translate
from nqp_spatial.esda import LisaPathsResult
from nqp_spatial.plots._canvas import counted, drawing
from nqp_spatial.plots._theme import CLUSTER_COLOURS, COLUMN, INK, MUTED, Layer, layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["lisa_paths"]

# Directions have the colours of the quadrants that they lead to.
_COLOURS = {
    "Both rise": CLUSTER_COLOURS["High-High"],
    "Both fall": CLUSTER_COLOURS["Low-Low"],
    "Unit rises alone": CLUSTER_COLOURS["High-Low"],
    "Neighbours rise alone": CLUSTER_COLOURS["Low-High"],
}


@checked
def lisa_paths(
    result: LisaPathsResult,
    *,
    annotate: Count = 0,
    title: str | None = None,
    arrows_kw: Layer = None,
    legend_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw an arrow from the first to the last place of each unit in Moran's scatter plot.

    Parameters
    ----------
    result : LisaPathsResult
        From `nqp_spatial.esda.lisa_paths`.
    annotate : int
        Number of units, those that moved farthest, to name at the heads of their arrows.
    title : str, optional
        By default the variable's label and the periods.
    arrows_kw, legend_kw : mapping, optional
        Keyword arguments of matplotlib for the arrows (`quiver`) and the legend.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Arrows are coloured by direction: who rises relative to the others, the unit, its
        neighbours, both or neither. The legend has the number of units.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> paths = nq.esda.lisa_paths(panel, "income", nq.weights.contiguity(panel))
    >>> nq.plots.lisa_paths(paths).get_title(loc="left")
    'Income per head, dollars, 1929 to 2009'
    """
    frame = result.frame.dropna(subset=["angle"])
    first, last = result.z.columns[[0, -1]]
    start = pd.DataFrame({"z": result.z[first], "lag": result.lag_z[first]}).loc[frame.index]
    end = pd.DataFrame({"z": result.z[last], "lag": result.lag_z[last]}).loc[frame.index]
    if title is None:
        with language(lang):
            title = translate(
                t("{name}, {first} to {last}", name=result.label, first=first, last=last)
            )
    with drawing(ax, (width, 0.95 * width), lang=lang, title=title) as axes:
        axes.axhline(0, color=MUTED, lw=0.5, ls=(0, (4, 3)), zorder=1)
        axes.axvline(0, color=MUTED, lw=0.5, ls=(0, (4, 3)), zorder=1)
        for name, colour in _COLOURS.items():
            members = frame.index[frame["direction"] == name]
            if not len(members):
                continue
            entry = counted(translate(label("direction", name)), len(members))
            style = layer(
                arrows_kw, angles="xy", scale_units="xy", scale=1, width=0.004, headwidth=4,
                color=colour, label=entry, zorder=2,
            )  # fmt: skip
            axes.quiver(
                *start.loc[members].T.to_numpy(), *(end - start).loc[members].T.to_numpy(), **style
            )
        axes.update_datalim(np.vstack([start, end]))
        axes.autoscale_view()
        moved = np.hypot(*(end - start).T.to_numpy())
        for position in np.argsort(-moved, kind="stable")[:annotate]:
            axes.annotate(
                str(frame.index[position]), end.iloc[position], (2, 2), textcoords="offset points",
                fontsize=6, color=INK,
            )  # fmt: skip
        axes.set_xlabel(translate(t("Standardised value")))
        axes.set_ylabel(translate(t("Spatial lag")))
        below = layer(
            legend_kw, title=translate(t("From the first to the last period")), alignment="left",
            loc="upper center", bbox_to_anchor=(0.45, -0.17), ncols=2, labelspacing=0.3,
        )  # fmt: skip
        axes.legend(**below)
    return axes
