"""Figures of the geodetector: factors, interactions and strata."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nqp_spatial.core.inference import critical_value
from nqp_spatial.core.options import Level, Width, checked
from nqp_spatial.core.periods import period_like
from nqp_spatial.core.text import Lang, label, t, translate
from nqp_spatial.errors import OptionError, sample
from nqp_spatial.plots._canvas import drawing, legend_below, wrapped
from nqp_spatial.plots._theme import BLUE, COLUMN, INK, MUTED, Layer, layer
from nqp_spatial.structure import GeodetectorResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["geodetector", "interactions", "strata_means"]


@checked
def geodetector(
    result: GeodetectorResult,
    *,
    period: Hashable | None = None,
    alpha: Level = 0.05,
    title: str | None = None,
    bars_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw q of each factor as bars, the largest first.

    Parameters
    ----------
    result : GeodetectorResult
        From `nqp_spatial.structure.geodetector`.
    period : hashable, optional
        Which of several periods; by default the last.
    alpha : float
        Bars of factors with a smaller p-value are filled, the others hollow.
    title : str, optional
    bars_kw : mapping, optional
        Keyword arguments of matplotlib for the bars.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes

    Raises
    ------
    OptionError
        If the result has no such period.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> result = nq.structure.geodetector(
    ...     cities, "nqp", ["region4", "core"], period=2021, permutations=99, replications=0
    ... )
    >>> [text.get_text() for text in nq.plots.geodetector(result).get_yticklabels()]
    ['Region', 'Core city']
    """
    rows = _section(result, result.frame, period).sort_values("q", ascending=False, kind="stable")
    places = np.arange(len(rows))
    with drawing(ax, (width, 0.26 * len(rows) + 0.85), lang=lang, title=title) as axes:
        style = layer(bars_kw, height=0.66, edgecolor=BLUE, linewidth=0.9)
        significant = (rows["p_value"] < alpha).to_numpy()
        colours = [BLUE if filled else "white" for filled in significant]
        axes.barh(places, rows["q"], **{"color": colours, **style})
        for place, q in zip(places, rows["q"], strict=True):
            axes.text(q, float(place), f" {q:.3f}", va="center", fontsize=6.5)
        axes.set_yticks(places, _names(result, list(rows.index), width))
        axes.invert_yaxis()
        axes.set_xlim(0, 1.18 * float(rows["q"].max()))
        words = t("q of {name} (filled: p < {alpha:g})", name=result.label, alpha=alpha)
        axes.set_xlabel(wrapped(translate(words), 0.9 * width))
        axes.tick_params(axis="y", length=0)
    return axes


@checked
def interactions(
    result: GeodetectorResult,
    *,
    period: Hashable | None = None,
    title: str | None = None,
    cells_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw q of single factors on the diagonal and of their pairs below it.

    Parameters
    ----------
    result : GeodetectorResult
        From `nqp_spatial.structure.geodetector`, with two factors or more.
    period, title, lang, width, ax
        As in `geodetector`.
    cells_kw : mapping, optional
        Keyword arguments of matplotlib for the cells (`imshow`).

    Returns
    -------
    Axes
        A frame marks pairs that explain more than the sum of both (nonlinear enhancement).

    Raises
    ------
    OptionError
        If the result has no such period, or one factor only.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> result = nq.structure.geodetector(
    ...     cities, "nqp", ["region4", "core"], period=2021, permutations=0, replications=0
    ... )
    >>> len(nq.plots.interactions(result).texts)
    3
    """
    if not len(result.interactions):
        raise OptionError("interactions need two factors or more, the result has one")
    single = _section(result, result.frame, period)["q"]
    pairs = _section(result, result.interactions, period)
    factors = list(single.index)
    values = np.full((len(factors), len(factors)), np.nan)
    np.fill_diagonal(values, single)
    enhanced = []
    for (first, second), row in pairs.iterrows():
        place = factors.index(second), factors.index(first)
        values[place] = row["q"]
        if row["kind"] == "nonlinear enhancement":
            enhanced.append(place)
    with drawing(ax, (width, 0.86 * width), lang=lang, title=title) as axes:
        axes.imshow(values, **layer(cells_kw, cmap="YlGnBu", vmin=0, vmax=1))
        names = _names(result, factors, width)
        axes.set_xticks(range(len(factors)), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(factors)), names)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        for row, column in zip(*np.nonzero(~np.isnan(values)), strict=True):
            q = values[row, column]
            axes.text(
                column, row, f"{q:.2f}", ha="center", va="center", fontsize=7,
                color="white" if q > 0.6 else INK,
            )  # fmt: skip
        _mark(axes, enhanced, width)
    return axes


def _mark(axes: Axes, places: list[tuple[int, int]], width: float) -> None:
    """Draw a frame around cells, and say what it means."""
    from matplotlib.patches import Rectangle

    frame: dict[str, Any] = {"fill": False, "edgecolor": INK, "linewidth": 1.1}
    for row, column in places:
        axes.add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, **frame))
    if places:
        axes.patches[0].set_label(translate(label("interaction", "nonlinear enhancement")))
        legend_below(axes, None, width)


@checked
def strata_means(
    result: GeodetectorResult,
    factor: str,
    *,
    period: Hashable | None = None,
    level: Level = 0.95,
    title: str | None = None,
    points_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean of the variable in each stratum of a factor, with intervals.

    Parameters
    ----------
    result : GeodetectorResult
        From `nqp_spatial.structure.geodetector`.
    factor : str
        One of its factors.
    period, title, lang, width, ax
        As in `geodetector`.
    level : float
        Of the intervals, which treat observations as independent.
    points_kw : mapping, optional
        Keyword arguments of matplotlib for the points.

    Returns
    -------
    Axes

    Raises
    ------
    OptionError
        If the result has no such factor or period.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> result = nq.structure.geodetector(
    ...     cities, "nqp", ["region4"], period=2021, permutations=0, replications=0
    ... )
    >>> ax = nq.plots.strata_means(result, "region4")
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['Central', 'East', 'Northeast', 'West']
    """
    known = list(result.labels)
    if factor not in known:
        raise OptionError(f"the result has no factor {factor!r}; its factors are {sample(known)}")
    rows = _section(result, result.strata, period).loc[factor]
    places = np.arange(len(rows))
    errors = rows["std_dev"] / np.sqrt(rows["count"])
    reach = errors * np.array([critical_value(level, max(n - 1, 1)) for n in rows["count"]])
    with drawing(ax, (width, 0.26 * len(rows) + 0.85), lang=lang, title=title) as axes:
        axes.hlines(places, rows["mean"] - reach, rows["mean"] + reach, color=MUTED, lw=1.2)
        style = layer(points_kw, marker="o", ls="", color=BLUE, ms=4.5, mec="white", mew=0.6)
        axes.plot(rows["mean"], places, **style)
        axes.set_yticks(places, [wrapped(str(name), 0.4 * width) for name in rows.index])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(wrapped(result.label, 0.9 * width))
        axes.set_ylabel(wrapped(result.labels[factor], 0.26 * len(rows) + 0.4))
    return axes


def _section(
    result: GeodetectorResult, table: pd.DataFrame, period: Hashable | None
) -> pd.DataFrame:
    """Return the rows of one period of a table."""
    known = list(result.section_names)
    chosen = known[-1] if period is None else period_like(period, pd.Index(known))
    if pd.Index(known).get_indexer(pd.Index([chosen]))[0] < 0:
        raise OptionError(f"the result has no period {period!r}; it has {sample(known)}")
    rows: pd.DataFrame = table.xs(chosen, level="period")
    return rows


def _names(result: GeodetectorResult, factors: list[Any], width: float) -> list[str]:
    return [wrapped(result.labels[factor], 0.4 * width) for factor in factors]
