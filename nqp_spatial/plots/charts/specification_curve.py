"""The specification curve: estimates of all specifications in order, with their choices below."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.core.text import label as word
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._canvas import capital, figure_of, figure_room, panels, percent, wrapped
from nqp_spatial.plots._theme import BLUE, GRID, INK, LIGHT, MUTED, ORANGE, PAGE, Layer, layer
from nqp_spatial.plots.charts._tables import entry_words
from nqp_spatial.regression import RobustnessResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["specification_curve"]


@checked
def specification_curve(
    result: RobustnessResult,
    variable: str | None = None,
    term: str | None = None,
    *,
    label: str | None = None,
    title: str | None = None,
    points_kw: Layer = None,
    line_kw: Layer = None,
    lang: Lang = "en",
    width: Width = PAGE,
    fig: Figure | SubFigure | None = None,
) -> Figure:
    """Draw one quantity under all changes, the smallest estimate first, and what was changed below.

    Parameters
    ----------
    result : RobustnessResult
        From `nqp_spatial.robustness`.
    variable, term : str, optional
        Which quantity, as in `RobustnessResult.curve`.
    label, title : str, optional
        Of the vertical axis and of the figure.
    points_kw, line_kw : mapping, optional
        Keyword arguments of matplotlib for the estimates and their intervals.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    fig : Figure or SubFigure, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Figure
        Above, estimates with intervals: dark where significant, grey where not, the baseline in
        orange. Below, a dot where a change was made; the baseline has none.

    Raises
    ------
    UnknownColumnError, OptionError
        If there is no such quantity.

    Notes
    -----
    Source: Simonsohn, Simmons and Nelson (2020), Nature Human Behaviour 4, 1208-1214, figure 2.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> changes = {"winsorised": 0.01, "SAR": {"model": "sar"}, "unit": {"effects": "unit"}}
    >>> result = nq.robustness("lgsp ~ lpc", panel, w, changes=changes, combine=True)
    >>> len(nq.plots.specification_curve(result).axes)
    2
    """
    curve = result.curve(variable, term)
    if curve.empty:
        raise OptionError("no specification has this quantity")
    names = [name for name in curve.columns if name in result.parts and curve[name].any()]
    names = _ordered(result, names)
    lead = result.quantity(variable, term).iloc[0]
    heights = [1.9, 0.16 * len(names) + 0.3]
    with panels(fig, (width, sum(heights) + 0.45), (2, 1), lang=lang, title=title) as (_, ax):
        upper, lower = ax[0, 0], ax[1, 0]
        upper.get_gridspec().set_height_ratios(heights)
        upper.sharex(lower)
        _draw_estimates(upper, curve, 1 - result.level, points_kw, line_kw)
        words = label or _axis_words(result, lead)
        upper.set_ylabel(wrapped(capital(words), heights[0]))
        space = figure_room(fig, width)
        _legend(upper, result.level)
        _draw_choices(lower, result, curve, names, space)
        lower.set_xlabel(translate(t("Specifications, sorted by estimate")))
    return figure_of(upper)


def _ordered(result: RobustnessResult, names: list[str]) -> list[str]:
    """Return changes with those of one kind together."""
    kinds = list(dict.fromkeys(result.kinds[name] for name in names))
    return sorted(names, key=lambda name: kinds.index(result.kinds[name]))


def _axis_words(result: RobustnessResult, row: pd.Series) -> str:
    name = str(row["variable"])
    words = result.labels.get(name, name)
    if row["quantity"] == "effect":
        kind = translate(word("effect", str(row["term"])))
        return translate(t("{effect} of {variable}", effect=kind, variable=words))
    if row["term"] == "wx":
        return translate(t("coefficient of W {variable}", variable=words))
    return translate(t("coefficient of {variable}", variable=words))


def _draw_estimates(
    axes: Axes, curve: pd.DataFrame, alpha: float, points_kw: Layer, line_kw: Layer
) -> None:
    places = np.arange(1, len(curve) + 1)
    is_base = (curve.index == "baseline").astype(bool)
    significant = (curve["p_value"] < alpha).to_numpy()
    colours = np.where(is_base, ORANGE, np.where(significant, BLUE, MUTED)).tolist()
    size = 4.5 if len(curve) <= 40 else 3.0 if len(curve) <= 120 else 2.0
    axes.axhline(0, color=INK, lw=0.6, zorder=1)
    thin = 0.9 if len(curve) <= 60 else 0.5
    axes.vlines(
        places, curve["conf_low"], curve["conf_high"],
        **{"color": colours, **layer(line_kw, lw=thin, alpha=0.55, zorder=2)},
    )  # fmt: skip
    style = layer(points_kw, ls="", marker="o", ms=size, mew=0, zorder=3)
    groups = [(~is_base & ~significant, MUTED), (~is_base & significant, BLUE), (is_base, ORANGE)]
    for mask, colour in groups:
        look = {**style, "marker": "D", "zorder": 4} if colour == ORANGE else style
        axes.plot(places[mask], curve["estimate"][mask], **{"color": colour, **look})
    axes.tick_params(axis="x", labelbottom=False, length=0)
    axes.spines["bottom"].set_visible(False)


def _legend(axes: Axes, level: float) -> None:
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {"ls": "", "mew": 0, "ms": 4.5}
    share = percent(1 - level)
    entries = [
        Line2D([], [], marker="D", color=ORANGE, **look),
        Line2D([], [], marker="o", color=BLUE, **look),
        Line2D([], [], marker="o", color=MUTED, **look),
    ]
    words = [
        entry_words("change", "baseline"),
        translate(t("Significant at {share}", share=share)),
        entry_words("cluster", "Not significant"),
    ]
    axes.legend(entries, words, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, handletextpad=0.3)


def _draw_choices(
    axes: Axes, result: RobustnessResult, curve: pd.DataFrame, names: list[str], width: float
) -> None:
    places = np.arange(1, len(curve) + 1)
    size = 4.5 if len(curve) <= 40 else 3.0 if len(curve) <= 120 else 2.0
    kinds = [result.kinds[name] for name in names]
    bands = np.cumsum([0, *(a != b for a, b in pairwise(kinds))])
    for row, name in enumerate(names):
        if bands[row] % 2 == 0:
            axes.axhspan(row - 0.5, row + 0.5, color=LIGHT, lw=0, alpha=0.6, zorder=0)
        chosen = curve[name].to_numpy(dtype=bool)
        axes.plot(places[~chosen], np.full((~chosen).sum(), row), "o", color=GRID, ms=size * 0.5)
        axes.plot(places[chosen], np.full(chosen.sum(), row), "o", color=INK, ms=size, mew=0)
    if "baseline" in curve.index:
        axes.axvline(places[curve.index == "baseline"][0], color=ORANGE, lw=0.8, zorder=3)
    words = [wrapped(entry_words("change", name), 0.34 * width) for name in names]
    axes.set_yticks(range(len(names)), words)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0.3, len(curve) + 0.7)
    axes.tick_params(axis="both", length=0)
    axes.locator_params(axis="x", integer=True)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
