"""Effects over the values of a moderator: simple slopes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, label, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._canvas import (
    capital,
    category_axis,
    figure_of,
    figure_room,
    horizontal_label,
    panels,
    percent,
    wrapped,
)
from nqp_spatial.plots._theme import COLUMN, MUTED, PAGE, PALETTE, Layer, layer
from nqp_spatial.plots.charts.effects import at_one_horizon
from nqp_spatial.plots.charts.estimates import finite_ends
from nqp_spatial.regression import EffectsResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["effects_at"]

_BAND, _MOST_PANELS, _FAR = 0.16, 24, 1000
_COLOURS = {"direct": PALETTE[0], "indirect": PALETTE[1], "total": PALETTE[7]}


@checked
def effects_at(
    result: EffectsResult,
    *,
    moderator: str | None = None,
    variables: list[str] | None = None,
    effects: list[str] | None = None,
    title: str | None = None,
    line_kw: Layer = None,
    band_kw: Layer = None,
    lang: Lang = "en",
    width: Width | None = None,
    fig: Figure | SubFigure | None = None,
) -> Figure:
    """Draw effects over the values of a moderator, with confidence bands.

    Parameters
    ----------
    result : EffectsResult
        From ``fit(...).effects(at={"unemp": [4, 6, 8, 10]})``.
    moderator : str, optional
        The variable on the horizontal axis; the first one of `at` by default. Each combination of
        values of the others has a row of panels.
    variables : list of str, optional
        Whose effects are drawn, in rows; by default those whose effects depend on the moderator.
    effects : list of {"direct", "indirect", "total"}, optional
        Which, in columns; all if not given.
    title : str, optional
    line_kw, band_kw : mapping, optional
        Keyword arguments of matplotlib for the lines and the bands.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float, optional
        Inches; by default a page, and a column of a journal for a single effect.
    fig : Figure or SubFigure, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Figure
        That of `fig` if it is given. The values of a category are points with intervals.

    Raises
    ------
    OptionError
        If the effects are not at stated values or at several horizons, or have no such moderator,
        variable or effect.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.fit("lgsp ~ lpc * unemp", panel, nq.weights.contiguity(panel))
    >>> figure = nq.plots.effects_at(res.effects(at={"unemp": [4, 7, 10]}), variables=["lpc"])
    """
    frame = at_one_horizon(result)
    if not result.moderators:
        raise OptionError(
            "the effects are not at stated values of a moderator; compute them with at=, as in "
            "effects(at={'x': [1, 2, 3]})"
        )
    axis = _chosen(moderator, list(result.moderators), "moderator")[0]
    kinds = _chosen(effects, list(_COLOURS), "effects")
    names = _chosen(
        _moderated(frame, axis) if variables is None else variables,
        list(dict.fromkeys(frame["variable"])),
        "variables",
    )
    rows = [
        (name, stated)
        for name in names
        for stated in _combinations(frame[frame["variable"] == name], result.moderators, axis)
    ]
    if len(rows) * len(kinds) > _MOST_PANELS:
        raise OptionError(
            f"there would be {len(rows) * len(kinds)} panels, more than {_MOST_PANELS}: choose "
            "variables or effects, or state fewer values in at="
        )
    width = (COLUMN if len(kinds) == 1 else PAGE) if width is None else width
    width = figure_room(fig, width)
    size = width, 0.6 + 1.7 * len(rows)
    with panels(fig, size, (len(rows), len(kinds)), lang=lang, title=title) as (figure, axes):
        for row, (name, stated) in enumerate(rows):
            chosen = frame["variable"] == name
            words = [translate(t("Effect of {name}", name=result.labels.get(name, name)))]
            for other, value in stated.items():
                chosen &= frame[other] == value
                shown = f"{value:g}" if isinstance(value, float) else value
                words.append(f"{result.labels.get(other, other)} = {shown}")
            for ax, kind in zip(axes[row], kinds, strict=True):
                part = frame[chosen & (frame["effect"] == kind)]
                _draw_panel(ax, part, axis, _COLOURS[kind], line_kw, band_kw, width / len(kinds))
            axes[row, 0].set_ylabel(wrapped("\n".join(words), 1.7))
        for name in names:
            _share_heights(axes[[place for place, row in enumerate(rows) if row[0] == name]])
        for ax, kind in zip(axes[0], kinds, strict=True):
            ax.set_title(capital(translate(label("effect", kind))))
        for ax in axes[-1]:
            horizontal_label(ax, result.labels.get(axis, axis), width / len(kinds))
        level = translate(t("{level} confidence interval", level=percent(result.level)))
        _explain_intervals(figure, level, bands=_is_line(frame, axis))
    return figure_of(figure)


def _combinations(rows: pd.DataFrame, moderators: Sequence[str], axis: str) -> list[dict[str, Any]]:
    """Return combinations of values of the other moderators that the effects depend on."""
    others = [name for name in moderators if name != axis and _differ(rows, name)]
    return rows[others].drop_duplicates().to_dict("records") if others else [{}]


def _differ(rows: pd.DataFrame, moderator: str) -> bool:
    """Whether estimates differ between the values of a moderator."""
    before = list(rows.columns[: rows.columns.get_loc("estimate")])
    keys = [name for name in before if name != moderator]
    ends = rows.groupby(keys, sort=False, observed=True)["estimate"].agg(["min", "max"])
    return bool((ends["max"] - ends["min"] > 1e-10 * ends.abs().max(axis=1)).any())


def _chosen(wanted: str | list[str] | None, known: list[str], option: str) -> list[str]:
    """Return what was asked for, or all that there is."""
    names = known if wanted is None else [wanted] if isinstance(wanted, str) else list(wanted)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise OptionError(
            f"{option} must be among {', '.join(known)}; got "
            f"{', '.join(map(str, unknown)) or 'none'}"
        )
    return names


def _moderated(frame: pd.DataFrame, axis: str) -> list[str]:
    """Return the variables whose effects differ between values of the moderator, or all."""
    names = list(dict.fromkeys(frame["variable"]))
    return [name for name in names if _differ(frame[frame["variable"] == name], axis)] or names


def _draw_panel(
    ax: Axes,
    rows: pd.DataFrame,
    axis: str,
    colour: str,
    line_kw: Layer,
    band_kw: Layer,
    width: float,
) -> None:
    """Draw one effect of one variable in a panel of a width in inches."""
    is_number = _is_number(rows[axis])
    if is_number:
        rows = rows.sort_values(axis)
    x = rows[axis].to_numpy(dtype=float) if is_number else np.arange(len(rows), dtype=float)
    columns = ("estimate", "conf_low", "conf_high")
    estimate, low, high = (rows[name].to_numpy(dtype=float) for name in columns)
    if np.isinf([low, high]).any():  # a band without end reaches beyond the panel
        bottom, top = finite_ends(rows)
        ax.set_ylim(bottom, top)
        far = _FAR * (top - bottom)
        low, high = np.maximum(low, bottom - far), np.minimum(high, top + far)
    is_line = _is_line(rows, axis)
    if is_line:
        ax.fill_between(x, low, high, **layer(band_kw, color=colour, alpha=_BAND, lw=0))
        style = layer(line_kw, color=colour, lw=1.3)
    else:
        ax.vlines(x, low, high, **layer(band_kw, color=colour, lw=1.2))
        style = layer(line_kw, color=colour, ls="", marker="o", ms=4, mec="white", mew=0.4)
    ax.plot(x, estimate, **style)
    if not is_number:
        names = [str(value) for value in dict.fromkeys(rows[axis])]
        category_axis(ax, range(len(names)), names, 0.8 * width)
        ax.set_xlim(-0.5, len(names) - 0.5)
    elif not is_line:
        category_axis(ax, x, [f"{value:g}" for value in x], 0.8 * width)
    else:
        ax.locator_params(axis="x", nbins=6)
    ax.axhline(0, color=MUTED, lw=0.6, zorder=1)
    ax.locator_params(axis="y", nbins=6)


def _is_line(rows: pd.DataFrame, axis: str) -> bool:
    """Whether the effects form a line with a band, not points with intervals."""
    return _is_number(rows[axis]) and len(set(rows[axis])) > 1


def _is_number(values: pd.Series) -> bool:
    """Whether values are numbers, not categories or yes and no."""
    kinds = pd.api.types
    return bool(kinds.is_numeric_dtype(values) and not kinds.is_bool_dtype(values))


def _share_heights(axes: np.ndarray) -> None:
    """Give the panels of a variable one vertical axis, with numbers on the left."""
    limits = np.array([ax.get_ylim() for ax in axes.ravel()])
    for ax in axes.ravel():
        ax.set_ylim(limits[:, 0].min(), limits[:, 1].max())
    for ax in axes[:, 1:].ravel():
        ax.tick_params(labelleft=False)


def _explain_intervals(figure: Figure, words: str, *, bands: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    band, line = Patch(facecolor=MUTED, alpha=2 * _BAND, lw=0), Line2D([], [], color=MUTED, lw=1.2)
    figure.legend([band if bands else line], [words], loc="outside lower right", handlelength=1.6)
