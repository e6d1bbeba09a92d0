"""Lines over periods: what a result's table has in each period."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, join, language, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._canvas import drawing, legend_below, percent, room, room_up, wrapped
from nqp_spatial.plots._theme import (
    COLUMN,
    LINE_STYLES,
    MARKERS,
    MUTED,
    PALETTE,
    Layer,
    layer,
)
from nqp_spatial.plots.charts._periods import period_axis
from nqp_spatial.plots.charts._tables import (
    Tabled,
    entry_words,
    id_words,
    level_of,
    table_of,
    variable_of,
    variable_words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["over_periods"]

_MAX_LINES = 10
_ALPHA = 0.05
_BAND = 0.16  # how dense bands are
# What belongs to an estimate but is not drawn by itself.
_BESIDE = {"conf_high", "conf_low", "df", "p_value", "rule", "statistic", "std_error", "z"}
_PREFIXES = ("n_", "p_", "variance_", "z_")
_SUFFIXES = ("_high", "_low", "_p_value", "_std_error")


@dataclass(frozen=True, eq=False)
class _Line:
    """One line: its name, and by period its values, interval and p-values where there are any."""

    name: str
    values: pd.Series
    band: tuple[pd.Series, pd.Series] | None = None
    p_values: pd.Series | None = None


@checked
def over_periods(
    result: Tabled,
    columns: Sequence[str] | None = None,
    *,
    label: str | None = None,
    title: str | None = None,
    line_kw: Layer = None,
    legend_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the numeric columns of a result's table over periods, with intervals if there are any.

    Parameters
    ----------
    result : object
        A result whose `frame` has periods, or such a DataFrame: ``period`` in the index or among
        the columns.
    columns : sequence of str, optional
        Which columns. By default ``estimate`` if there is one, else all numeric columns that are no
        standard errors, p-values and the like and of the size of the first of them; the first alone
        where the table has several groups or units.
    label, title : str, optional
        Of the vertical axis and of the figure.
    line_kw, legend_kw : mapping, optional
        Keyword arguments of matplotlib for the lines and the legend.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        One line per column, or per group. Bands are ``<column>_low`` to ``<column>_high``, or for
        one column ``conf_low`` to ``conf_high``. Where the table is of units, the line is their
        median and the band holds the middle half. One column with ``p_value`` beside it has filled
        marks where p < 0.05 and hollow ones elsewhere.

    Raises
    ------
    OptionError
        If the table has no periods or only one, lacks a column, or needs more than ten lines.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> moran = nq.esda.moran(panel, "income", nq.weights.contiguity(panel), permutations=99)
    >>> ax = nq.plots.over_periods(moran)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ["Moran's I", 'Expected value']
    """
    table = table_of(result, ["period"], "lines over periods")
    shown = _columns(table, columns)
    with language(lang):
        lines = list(_lines(result, table, shown))
    if len(lines) > _MAX_LINES:
        raise OptionError(
            f"{len(lines)} lines cannot be told apart, {_MAX_LINES} at most: choose columns, or "
            "pass rows of the table"
        )
    width = room(ax, width)
    columns_of_legend = 2 if width < 1.5 * COLUMN else 3
    height = 0.62 * width + 0.16 * -(-len(lines) // columns_of_legend)
    with drawing(ax, (width, height), lang=lang, title=title) as axes:
        periods = pd.Index(dict.fromkeys(table["period"]))
        if len(periods) < 2:
            raise OptionError("a figure over time needs at least two periods")
        periods = periods.sort_values() if _is_sortable(periods) else periods
        x = period_axis(axes, periods, width)
        for position, line in enumerate(lines):
            _draw_line(axes, x, periods, line, position, line_kw)
        values = np.concatenate([line.values.to_numpy(dtype=float) for line in lines])
        if np.nanmin(values) < 0 < np.nanmax(values):
            axes.axhline(0, color=MUTED, lw=0.6, zorder=1)
        axes.set_ylabel(wrapped(_axis_words(result, shown, label), room_up(ax, 0.55 * width)))
        title = variable_of(result) if len(shown) > 1 else None
        handles, entries = _entries(axes, lines, _band_words(result, table))
        if entries:
            legend_below(
                axes, legend_kw, width, handles, entries, columns=columns_of_legend, title=title,
                handlelength=2.4,
            )  # fmt: skip
    return axes


def _columns(table: pd.DataFrame, columns: Sequence[str] | None) -> list[str]:
    """Return the columns to draw."""
    numeric = [
        name
        for name in table.columns
        if pd.api.types.is_numeric_dtype(table[name])
        and not pd.api.types.is_bool_dtype(table[name])
        and name not in ("period", "unit")
    ]
    if columns is not None:
        unknown = [name for name in columns if name not in numeric]
        if unknown or not len(columns):
            raise OptionError(
                f"columns must name numeric columns of the table, {', '.join(map(str, numeric))}; "
                f"got {', '.join(map(str, unknown)) or 'none'}"
            )
        return list(columns)
    if "estimate" in numeric:
        return ["estimate"]
    values = [
        name
        for name in numeric
        if name not in _BESIDE
        and not str(name).startswith(_PREFIXES)
        and not str(name).endswith(_SUFFIXES)
    ]
    if not values:
        raise OptionError("the table of the result has no numeric column to draw")
    if _group_columns(table) or "unit" in table:
        return values[:1]
    # On one axis, what is much larger or smaller would only be a line at the edge.
    size = table[values].abs().max()
    return [
        name
        for name in values
        if 0.1 <= size[name] / size[values[0]] <= 10 or str(name).startswith("expected")
    ]


def _group_columns(table: pd.DataFrame) -> list[str]:
    """Return the columns that name groups of rows: text or categories that differ."""
    return [
        name
        for name in table.columns
        if name not in ("period", "unit")
        and not pd.api.types.is_numeric_dtype(table[name])
        and 1 < table[name].nunique() < len(table)
        and not table.duplicated(["period", name]).all()
        and table["period"].duplicated().any()
    ]


def _lines(result: object, table: pd.DataFrame, columns: list[str]) -> Iterator[_Line]:
    """Return a line for each column, and for each group of rows if there are groups."""
    if "unit" in table.columns:
        for name in columns:
            by_period = table.groupby("period", sort=False, observed=True)[name]
            low, high = by_period.quantile(0.25), by_period.quantile(0.75)
            yield _Line(entry_words("column", name), by_period.median(), (low, high))
        return
    groups = _group_columns(table)
    if not groups:
        if table["period"].duplicated().any():
            raise OptionError("the table of the result has several rows per period: choose some")
        for name in columns:
            words = entry_words("column", name)
            yield _line(words, table.set_index("period"), name, alone=len(columns) == 1)
        return
    words_of = variable_words(result)
    for values, rows in table.groupby(groups, sort=False, observed=True):
        parts = [id_words(*pair, words_of) for pair in zip(groups, values, strict=True)]
        for name in columns:
            column = [entry_words("column", name)] if len(columns) > 1 else []
            words = translate(join(", ", [*parts, *column]))
            yield _line(words, rows.set_index("period"), name, alone=len(columns) == 1)


def _line(name: str, rows: pd.DataFrame, column: str, *, alone: bool) -> _Line:
    """Return the line of a column, with the interval and p-values that belong to it."""
    ends = (f"{column}_low", f"{column}_high")
    if alone and ends[0] not in rows:
        ends = ("conf_low", "conf_high")
    p_values = rows.get("p_value") if alone else None
    band = (rows[ends[0]], rows[ends[1]]) if set(ends) <= set(rows) else None
    return _Line(name, rows[column], band, p_values)


def _draw_line(
    ax: Axes, x: np.ndarray, periods: pd.Index, line: _Line, position: int, line_kw: Layer
) -> None:
    colour = PALETTE[position % len(PALETTE)]
    values = line.values.reindex(periods).to_numpy(dtype=float)
    if line.band is not None:
        low, high = (end.reindex(periods).astype(float) for end in line.band)
        ax.fill_between(x, low, high, color=colour, alpha=_BAND, lw=0)
    style = layer(
        line_kw, color=colour, lw=1.3, ls=LINE_STYLES[position % len(LINE_STYLES)], label=line.name
    )
    ax.plot(x, values, **style)
    if line.p_values is None:
        return
    is_significant = (line.p_values.reindex(periods) < _ALPHA).to_numpy()
    marks: dict[str, Any] = {
        "marker": MARKERS[position % len(MARKERS)],
        "s": 11,
        "edgecolor": colour,
        "lw": 0.7,
    }
    for members, face in ((is_significant, colour), (~is_significant, "white")):
        ax.scatter(x[members], values[members], facecolor=face, zorder=3, clip_on=False, **marks)


def _entries(ax: Axes, lines: list[_Line], band: str) -> tuple[list[Any], list[str]]:
    """Return what explains lines if there are several, bands, and hollow marks."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles, entries = ax.get_legend_handles_labels() if len(lines) > 1 else ([], [])
    if any(line.band is not None for line in lines):
        handles = [*handles, Patch(facecolor=MUTED, alpha=2 * _BAND, lw=0)]
        entries = [*entries, band]
    if any(line.p_values is not None and (line.p_values >= _ALPHA).any() for line in lines):
        handles = [*handles, Line2D([], [], ls="", marker="o", ms=3.3, mfc="white", mec=MUTED)]
        entries = [*entries, translate(t("p ≥ {alpha:g}", alpha=_ALPHA))]
    return handles, entries


def _band_words(result: object, table: pd.DataFrame) -> str:
    """Return what bands are."""
    if "unit" in table.columns:
        return translate(t("middle half of units"))
    level = level_of(result)
    if level is not None:
        return translate(t("{level} confidence interval", level=percent(level)))
    return translate(t("confidence interval"))


def _axis_words(result: object, columns: list[str], label: str | None) -> str:
    """Return the caller's label; else the column, and of which variable, where the result knows."""
    if label is not None:
        return label
    if len(columns) > 1:
        return ""
    column, variable = entry_words("column", columns[0]), variable_of(result)
    if variable is None:
        return column
    return translate(t("{measure} of {name}", measure=column, name=variable))


def _is_sortable(periods: pd.Index) -> bool:
    return not pd.api.types.is_object_dtype(periods) and not pd.api.types.is_string_dtype(periods)
