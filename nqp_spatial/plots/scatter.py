"""Moran's scatter plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nqp_spatial.esda import LisaResult
from nqp_spatial.plots.maps import CLUSTER_COLOURS
from nqp_spatial.plots.theme import COLUMN, INK, MUTED, check_fonts, new_figure, themed, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["moran_scatter"]


def moran_scatter(
    lisa: LisaResult,
    *,
    annotate: int = 0,
    title: str | None = None,
    width: float = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw each unit's value against its neighbours', both in standard deviations.

    Parameters
    ----------
    lisa : LisaResult
        From `nqp_spatial.esda.lisa`.
    annotate : int
        Number of units, those with the largest local statistics, to name beside their points.
    title : str, optional
        By default the variable's label and the period.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Points are coloured by cluster; the line is the regression of the lag on the value, whose
        slope is Moran's I where rows of W add to one.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> lisa = nq.esda.lisa(panel, "income", nq.weights.contiguity(panel), period=2009, seed=0)
    >>> nq.plots.moran_scatter(lisa).get_title(loc="left")
    'Income per head, dollars, 2009'
    """
    at = lisa.standardized.loc[lisa.frame["cluster"] != "No neighbours"]
    cluster = lisa.frame["cluster"].reindex(at.index)
    with themed():
        if ax is None:
            ax = new_figure(width, width * 0.95)[1][0, 0]
        ax.axhline(0, color=MUTED, lw=0.5, ls=(0, (4, 3)), zorder=1)
        ax.axvline(0, color=MUTED, lw=0.5, ls=(0, (4, 3)), zorder=1)
        for name in ("High-High", "Low-Low", "High-Low", "Low-High", "Not significant"):
            those = at[cluster == name]
            if len(those):
                ax.scatter(
                    those["z"],
                    those["lag_z"],
                    s=14,
                    color=CLUSTER_COLOURS[name],
                    edgecolor=MUTED if name == "Not significant" else INK,
                    linewidth=0.3,
                    label=f"{name} ({len(those)})",
                    zorder=2 if name == "Not significant" else 3,
                )
        slope = float((at["z"] * at["lag_z"]).sum() / (at["z"] ** 2).sum())
        ends = np.array([at["z"].min(), at["z"].max()])
        level = float(at["lag_z"].mean() - slope * at["z"].mean())
        ax.plot(ends, level + slope * ends, color=INK, lw=1, zorder=2.5)
        order = lisa.frame.loc[at.index, "local_i"].abs().sort_values(ascending=False)
        for unit in order.index[:annotate]:
            ax.annotate(
                str(unit), at.loc[unit, ["z", "lag_z"]].to_numpy(), (3, 3),
                textcoords="offset points", fontsize=6,
            )  # fmt: skip
        ax.set_xlabel("Value, standard deviations from the mean")
        ax.set_ylabel("Its spatial lag")
        named = f"{lisa.label}, {lisa.period}"
        ax.set_title(wrapped(title if title is not None else named, width))
        ax.text(0.02, 0.98, f"Moran's I = {lisa.moran_i:.3f}", transform=ax.transAxes, va="top")
        ax.legend(
            title=f"Local Moran, {lisa.criterion()}",
            alignment="left",
            loc="upper center",
            bbox_to_anchor=(0.45, -0.17),
            ncols=2,
            handletextpad=0.2,
            columnspacing=1.0,
            labelspacing=0.3,
        )
    check_fonts(ax)
    return ax
