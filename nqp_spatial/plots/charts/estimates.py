"""Estimates and their intervals, such as coefficients of a regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, join, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._canvas import (
    drawing,
    horizontal_label,
    legend_below,
    percent,
    room,
    room_rows,
    row_axis,
)
from nqp_spatial.plots._theme import COLUMN, MARKERS, MUTED, PALETTE, Layer, layer
from nqp_spatial.plots.charts._tables import (
    Tabled,
    entry_words,
    id_words,
    level_of,
    table_of,
    variable_words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["estimates"]

_NEEDED = ["estimate", "conf_low", "conf_high"]


@checked
def estimates(
    result: Tabled,
    *,
    variables: Sequence[str] | None = None,
    label: str | None = None,
    title: str | None = None,
    points_kw: Layer = None,
    line_kw: Layer = None,
    legend_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw estimates as dots and their confidence intervals as lines, one row per variable.

    Parameters
    ----------
    result : object
        A result whose `frame` has ``estimate, conf_low, conf_high``, such as coefficients or
        effects, or such a DataFrame.
    variables : sequence of str, optional
        Which rows, by the names in the table, and in which order; all if not given.
    label, title : str, optional
        Of the horizontal axis and of the figure.
    points_kw, line_kw, legend_kw : mapping, optional
        Keyword arguments of matplotlib for the estimates, their intervals and the legend.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Where a variable has several estimates, as in several models or blocks of a model, each kind
        has a colour and a mark of its own, in the order of the table. Intervals without an end run
        to the edge, with an arrow.

    Raises
    ------
    OptionError
        If the table lacks a column, has no rows, or a variable is not in it.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
    >>> ax = nq.plots.estimates(res.effects(seed=0))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['Direct effect', 'Indirect effect', 'Total effect']
    """
    table = table_of(result, _NEEDED, "estimates")
    kind, ids = _id_columns(table)
    table = table.assign(_row=list(table[ids].itertuples(index=False, name=None)))
    table = _chosen(table, ids, variables)
    words_of = variable_words(result)
    rows = list(dict.fromkeys(table["_row"]))
    kinds = [None] if kind is None else list(dict.fromkeys(table[kind]))
    ends = finite_ends(table)
    legend_rows = -(-len(kinds) // 3) if kind is not None else 0
    in_row = table.groupby("_row").cumcount()
    n_in_row = table["_row"].map(table["_row"].value_counts())
    offset = 0.7 * (in_row - (n_in_row - 1) / 2) / max(int(n_in_row.max()), 2)
    table = table.assign(_place=table["_row"].map(rows.index) + offset)
    width = room(ax, width)
    size = width, 0.75 + 0.16 * legend_rows + len(rows) * max(0.2, 0.13 * n_in_row.max())
    with drawing(ax, size, lang=lang, title=title) as axes:
        for position, value in enumerate(kinds):
            members = table if kind is None else table[table[kind] == value]
            name = "" if kind is None else id_words(kind, value, words_of)
            places = members["_place"].to_numpy()
            _draw_estimates(axes, members, places, position, name, points_kw, line_kw, ends)
        names = [
            translate(
                join(", ", (id_words(*pair, words_of) for pair in zip(ids, row, strict=True)))
            )
            for row in rows
        ]
        row_axis(axes, range(len(rows)), names, 0.4 * width, room_rows(ax, size[1] - 0.75))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(*ends)
        axes.axvline(0, color=MUTED, lw=0.6, zorder=1)
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=6 if width > 2.5 else 4)
        horizontal_label(axes, _axis_words(result, label), width)
        if kind is not None:
            legend_below(axes, legend_kw, width, handlelength=1)
    return axes


def _id_columns(table: pd.DataFrame) -> tuple[str | None, list[str]]:
    """Return the column that colours tell apart, if any, and those that name rows.

    Columns before the estimate identify rows; those that do not differ are left out, but not the
    variable. Of the others, the model or
    the one with the fewest values is shown by colour.
    """
    before = list(table.columns[: table.columns.get_loc("estimate")])
    counts = {name: len(table[name].unique()) for name in before}
    ids = [name for name in before if counts[name] > 1 or name == "variable"] or before[-1:]
    if not ids:
        raise OptionError("the table of the result has nothing that names its rows")
    kinds = [name for name in ids if name != "variable" and counts[name] <= len(PALETTE)]
    if len(ids) == 1 or not kinds:
        return None, ids
    kind = "model" if "model" in kinds else min(kinds, key=counts.__getitem__)
    return kind, [name for name in ids if name != kind]


def _chosen(table: pd.DataFrame, ids: list[str], variables: Sequence[str] | None) -> pd.DataFrame:
    """Return the rows of the variables that were asked for, in that order."""
    if table.empty:
        raise OptionError("the table of the result has no rows")
    if variables is None:
        return table
    name = "variable" if "variable" in ids else ids[-1]
    known = list(dict.fromkeys(table[name]))
    unknown = [variable for variable in variables if variable not in known]
    if unknown or not len(variables):
        raise OptionError(
            f"variables must name rows of the table, {', '.join(map(str, known))}; got "
            f"{', '.join(map(str, unknown)) or 'none'}"
        )
    return pd.concat([table[table[name] == variable] for variable in variables])


def _draw_estimates(
    ax: Axes,
    rows: pd.DataFrame,
    places: np.ndarray,
    position: int,
    name: str,
    points_kw: Layer,
    line_kw: Layer,
    ends: tuple[float, float],
) -> None:
    """Draw dots and intervals; what runs beyond the ends of the axis gets an arrow there."""
    colour = PALETTE[position % len(PALETTE)]
    low, high = (rows[end].to_numpy(dtype=float) for end in ("conf_low", "conf_high"))
    style = layer(line_kw, color=colour, lw=1.2, zorder=2)
    ax.hlines(places, np.maximum(low, ends[0]), np.minimum(high, ends[1]), **style)
    for is_open, end, marker in ((low < ends[0], ends[0], "<"), (high > ends[1], ends[1], ">")):
        for place in places[is_open]:
            ax.plot(end, place, marker, color=colour, ms=4)
    style = layer(
        points_kw, marker=MARKERS[position % len(MARKERS)], color=colour, ms=4, mec="white",
        mew=0.4, zorder=3, ls="", label=name or None,
    )  # fmt: skip
    ax.plot(rows["estimate"].where(np.isfinite(rows["estimate"])), places, **style)


def finite_ends(table: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the axis: all finite numbers, and zero, are between them."""
    numbers = table[_NEEDED].to_numpy(dtype=float)
    finite = np.append(numbers[np.isfinite(numbers)], 0.0)
    margin = 0.06 * (np.ptp(finite) or 1.0)
    return float(finite.min() - margin), float(finite.max() + margin)


def _axis_words(result: object, label: str | None) -> str:
    if label is not None:
        return label
    level = level_of(result)
    if level is not None:
        return translate(t("Estimate, with {level} confidence interval", level=percent(level)))
    return entry_words("column", "estimate")
