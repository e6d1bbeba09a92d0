"""Effects from group to group as a matrix: rows receive, columns send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from nqp_spatial.core.options import Width, checked
from nqp_spatial.plots._theme import (
    COLUMN,
    DIVERGING,
    EDGE,
    INK,
    Layer,
    check_fonts,
    layer,
    new_figure,
    themed,
    wrapped,
)
from nqp_spatial.plots.words import Lang, say
from nqp_spatial.spillovers import EffectsMatrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Rectangle

__all__ = ["effects_matrix"]


@checked
def effects_matrix(
    result: EffectsMatrix,
    *,
    effect: Literal["indirect", "total"] = "total",
    title: str | None = None,
    label: str | None = None,
    cells_kw: Layer = None,
    text_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw effects of one regressor from group to group, with their intervals.

    Parameters
    ----------
    result : EffectsMatrix
        From `PartitionedResult.effects_matrix`.
    effect : {"indirect", "total"}
    title : str, optional
        By default what is drawn, of which regressor.
    label : str, optional
        Name of the regressor in the title.
    cells_kw, text_kw : mapping, optional
        Keyword arguments of matplotlib for the image and the numbers in it.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Cells hold the estimate and its interval. Colours diverge from zero; a cell whose interval
        holds zero is hatched.

    Raises
    ------
    OptionError
        If the effect is unknown.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> south = panel.units.to_series().isin(["TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"])
    >>> south = south.map({True: "South", False: "Rest"})
    >>> w = nq.weights.contiguity(panel)
    >>> res = nq.spillovers.partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit")
    >>> nq.plots.effects_matrix(res.effects_matrix("lpc")).get_xlabel()
    'Sender (hatched: the interval holds zero)'
    """
    table = result.matrix(effect)
    low, high = result.matrix(effect, "conf_low"), result.matrix(effect, "conf_high")
    groups = [name for name in table.index if name != "all"]
    rows, columns = [*groups, "all"], [*groups, "all"]
    values = table.loc[rows, columns].to_numpy()
    reach = float(np.abs(values).max()) or 1.0
    size = len(rows)
    with themed(lang):
        if ax is None:
            ax = new_figure(width, min(width, 0.62 * size + 0.8))[1][0, 0]
        image = ax.imshow(
            values, **layer(cells_kw, cmap=DIVERGING, vmin=-reach, vmax=reach, aspect="auto")
        )
        for i, a in enumerate(rows):
            for j, b in enumerate(columns):
                bounds = float(low.loc[a, b]), float(high.loc[a, b])
                if bounds[0] <= 0 <= bounds[1]:
                    ax.add_patch(_hatched(i, j))
                text = f"{values[i, j]:.3f}\n[{bounds[0]:.3f}, {bounds[1]:.3f}]"
                look = layer(
                    text_kw, ha="center", va="center", fontsize=6.5, linespacing=1.3,
                    color="white" if abs(values[i, j]) > 0.6 * reach else INK,
                    bbox={"facecolor": image.cmap(image.norm(values[i, j])), "lw": 0, "pad": 1},
                )  # fmt: skip
                ax.text(j, i, text, **look)
        ax.set_xticks(range(size), [*groups, say("all groups")])
        ax.set_yticks(range(size), [*groups, say("average unit")])
        # The margins are sums and averages of the cells: a line keeps them apart.
        ax.axhline(size - 1.5, color="white", lw=3)
        ax.axvline(size - 1.5, color="white", lw=3)
        ax.set_xlabel(say("Sender (hatched: the interval holds zero)"))
        ax.set_ylabel(say("Receiver"))
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        named = label if label is not None else result.variable
        text = f"{effect.capitalize()} effects of {{name}}, {{level}} intervals"
        words = say(text, name=named, level=f"{result.level:.0%}")
        ax.set_title(wrapped(words if title is None else title, 0.75 * width))
    check_fonts(ax)
    return ax


def _hatched(row: int, column: int) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="////", ec=EDGE, lw=0)
