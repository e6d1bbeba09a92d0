"""Effects from group to group as a matrix: rows receive, columns send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.number_format import fixed, places_for, typeset
from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.plots._canvas import (
    category_axis,
    drawing,
    horizontal_label,
    percent,
    room,
    room_rows,
    row_axis,
    sized,
)
from nqp_spatial.plots._cells import widest_axes
from nqp_spatial.plots._context import current_theme
from nqp_spatial.plots._theme import COLUMN, DIVERGING, EDGE, INK, Layer, layer
from nqp_spatial.plots._words import sizes_of_words, width_of_names
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
        contains zero is hatched.

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
    >>> nq.plots.effects_matrix(res.effects_matrix("lpc")).get_ylabel()
    'Receiver'
    """
    table = result.matrix(effect)
    low, high = result.matrix(effect, "conf_low"), result.matrix(effect, "conf_high")
    groups = [name for name in table.index if name != "all"]
    rows = [*groups, "all"]
    values = table.loc[rows, rows].to_numpy()
    reach = float(np.abs(values).max()) or 1.0
    size = len(rows)
    name, level = (
        label if label is not None else result.label or result.variable,
        percent(result.level),
    )
    words = {
        "total": t("Total effects of {name}, {level} confidence intervals", name=name, level=level),
        "indirect": t(
            "Indirect effects of {name}, {level} confidence intervals", name=name, level=level
        ),
    }[effect]
    height = min(width, 0.62 * size + 0.8)
    width = room(ax, width)
    title = translate(words, lang) if title is None else title
    with drawing(ax, (width, height), lang=lang, title=title) as axes:
        image = axes.imshow(
            values, **layer(cells_kw, cmap=DIVERGING, vmin=-reach, vmax=reach, aspect="auto")
        )
        names = [str(name) for name in groups]
        category_axis(axes, range(size), [*names, translate(t("all groups"))], 0.75 * width)
        names += [translate(t("average unit"))]
        row_axis(axes, range(size), names, 0.3 * width, room_rows(ax, height - 0.8))
        names_wide = width_of_names(axes)
        cell = min(width - names_wide - 0.35, widest_axes(axes, names_wide)) / size
        places = places_for([np.abs(values).max()], digits=3)
        shape, letters = _fitting(axes, [low, high], cell, places)
        for i, receiver in enumerate(rows):
            for j, sender in enumerate(rows):
                ends = float(low.loc[receiver, sender]), float(high.loc[receiver, sender])
                if ends[0] <= 0 <= ends[1]:
                    axes.add_patch(_hatched(i, j))
                style = layer(
                    text_kw, ha="center", va="center", fontsize=letters, linespacing=1.3,
                    color="white" if abs(values[i, j]) > 0.6 * reach else INK,
                    bbox={"facecolor": image.cmap(image.norm(values[i, j])), "lw": 0, "pad": 1},
                )  # fmt: skip
                numbers = (fixed(value, places) for value in (values[i, j], *ends))
                axes.text(j, i, typeset(shape.format(*numbers)), **style)
        # The margins are sums and averages of the cells: a line keeps them apart.
        axes.axhline(size - 1.5, color="white", lw=3)
        axes.axvline(size - 1.5, color="white", lw=3)
        horizontal_label(axes, translate(t("Sender (hatched: interval contains zero)")), width)
        axes.set_ylabel(translate(t("Receiver")))
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
    return axes


def _fitting(
    ax: Axes, limits: list[pd.DataFrame], cell: float, places: int | None
) -> tuple[str, float]:
    """Return how cells are written, and how large the letters are, for cells of a width."""
    low, high = (float(table.to_numpy().min()) for table in limits)
    shapes = "{}\n[{}, {}]", "{}\n[{},\n{}]"
    for shape in shapes:
        text = typeset(shape.format(*(fixed(value, places) for value in (low, low, high))))
        wide = sizes_of_words(ax, [text], sized(6.5))[0, 0] / current_theme().scale
        letters = 6.5 * min(0.92 * cell / wide, 1)
        if letters >= 5.2:
            break
    return shape, sized(max(letters, 4))


def _hatched(row: int, column: int) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="////", ec=EDGE, lw=0)
