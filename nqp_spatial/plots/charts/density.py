"""Figures of distributions that move: waterfalls and ridges."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Range, Width, checked
from nqp_spatial.core.periods import period_like
from nqp_spatial.core.quantities import ratio_label
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.dynamics import DensityResult
from nqp_spatial.errors import OptionError, PanelError, sample
from nqp_spatial.plots._canvas import (
    drawing,
    horizontal_label,
    legend_below,
    room,
    room_rows,
    sized,
)
from nqp_spatial.plots._theme import COLUMN, INK, MUTED, SEQUENTIAL, Layer, layer
from nqp_spatial.plots.charts._axes3d import TITLE_3D, style_axes3d
from nqp_spatial.plots.charts._periods import chosen_periods

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["density_ridges", "density_waterfall"]

_MAX_CURVES = 17  # that can be told apart


def _shown_periods(result: DensityResult, periods: Sequence[Hashable] | None) -> list[Any]:
    known = list(result.frame.columns)
    if periods is None:
        if len(known) < 2:
            return known
        return known[:: -_step(len(known))][::-1]  # the last period is always shown
    wanted = [period_like(period, result.frame.columns) for period in periods]
    unknown = [period for period in wanted if period not in known]
    if unknown:
        raise PanelError(
            f"there is no density of the periods {sample(unknown)}; there are {sample(known)}"
        )
    if not wanted:
        raise OptionError("periods must name at least one period, or be None for an even choice")
    return [period for period in known if period in wanted]


def _step(count: int) -> int:
    """Return the distance of the periods that are shown: the same between any two of them.

    The first and the last are both shown if there are such eight periods or more.
    """
    least = -(-(count - 1) // (_MAX_CURVES - 1))
    steps = [step for step in range(least, (count - 1) // 7 + 1) if (count - 1) % step == 0]
    return steps[0] if steps else least


def _visible(result: DensityResult, periods: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of the axis on which some density shows, and which points those are."""
    table = result.frame[periods].to_numpy()
    positive = np.flatnonzero(table.max(axis=1) > 0.004 * table.max())
    part = np.arange(positive[0], positive[-1] + 1)
    return result.frame.index.to_numpy()[part], part


def _shades(count: int) -> list[Any]:
    """Return colours from early (light) to late (dark): the order holds in grey too."""
    import matplotlib as mpl

    return list(mpl.colormaps[SEQUENTIAL](np.linspace(0.3, 0.95, max(count, 2))))[-count:]


def _axis_name(result: DensityResult, label: str | None) -> str:
    if label is not None:
        return label
    if result.spec.relative:
        return translate(ratio_label(result.label))
    return result.label


@checked
def density_waterfall(
    result: DensityResult,
    *,
    periods: Sequence[Hashable] | None = None,
    title: str | None = None,
    label: str | None = None,
    elev: float = 28.0,
    azim: float = -62.0,
    areas_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw densities one behind the other, in three dimensions.

    Parameters
    ----------
    result : DensityResult
        From `nqp_spatial.dynamics.density`.
    periods : sequence, optional
        By default all, or up to seventeen of them at even distances, the last among them.
    title, label : str, optional
        Of the figure, and of the variable.
    elev, azim : float
        Where the reader stands, degrees.
    areas_kw : mapping, optional
        Keyword arguments of matplotlib for the densities.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        With ``projection="3d"``; a new figure if not given.

    Returns
    -------
    Axes

    Raises
    ------
    PanelError, OptionError
        If a period has no density, or `ax` is flat.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> densities = nq.dynamics.density(nq.datasets.us_income(), "relative_income")
    >>> ax = nq.plots.density_waterfall(densities, label="Relative income")
    >>> len(ax.collections)
    17
    """
    shown = _shown_periods(result, periods)
    x, part = _visible(result, shown)
    from matplotlib.ticker import MaxNLocator
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection  # type: ignore[import-untyped]

    with drawing(
        ax, (width, 0.92 * width), lang=lang, title=title, projection="3d", title_kw=TITLE_3D
    ) as axes:
        space: Any = axes
        highest = float(result.frame[shown].to_numpy().max())
        for place, (period, shade) in enumerate(zip(shown, _shades(len(shown)), strict=True)):
            curve = result.frame[period].to_numpy()[part]
            positive = np.flatnonzero(curve > 0.002 * highest)  # no base lines where nothing is
            across = slice(positive[0], positive[-1] + 1)
            values, heights = x[across], curve[across]
            corners = np.column_stack(
                [
                    np.r_[values[0], values, values[-1]],
                    np.full(len(values) + 2, place),
                    np.r_[0, heights, 0],
                ]
            )
            style = layer(areas_kw, facecolor=(*shade[:3], 0.75), edgecolor=INK, lw=0.5)
            space.add_collection3d(Poly3DCollection([corners], **style))
        space.set_xlim(x[0], x[-1])
        space.set_ylim(-0.5, len(shown) - 0.5)
        space.set_zlim(0, 1.02 * highest)
        space.xaxis.set_major_locator(MaxNLocator(5))
        space.zaxis.set_major_locator(MaxNLocator(4))
        named = chosen_periods(pd.Index(range(len(shown))), 5)
        space.set_yticks(named, [str(shown[place]) for place in named])
        names = (_axis_name(result, label), "", translate(t("Density")))
        style_axes3d(space, names, (elev, azim), (1.15, 1.15, 0.8), 0.88)
    return axes


def _most_names(ax: Axes | None, height: float) -> int:
    """Return how many periods can be named, one below the other."""
    line = 1.35 * sized(7) / 72
    return max(int(room_rows(ax, height) / line), 2)


@checked
def density_ridges(
    result: DensityResult,
    *,
    periods: Sequence[Hashable] | None = None,
    title: str | None = None,
    label: str | None = None,
    overlap: Annotated[float, Range(0, 100, "low")] = 1.8,
    rug: bool = False,
    areas_kw: Layer = None,
    line_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw densities above each other on one axis, the earliest on top, with their medians.

    Parameters
    ----------
    result : DensityResult
        From `nqp_spatial.dynamics.density`.
    periods : sequence, optional
        By default all, or up to seventeen of them at even distances, the last among them.
    title, label : str, optional
        Of the figure, and of the variable.
    overlap : float
        Height of the highest curve in distances between two base lines.
    rug : bool
        Whether to mark each unit on the base line.
    areas_kw, line_kw : mapping, optional
        Keyword arguments of matplotlib for the densities and their outlines.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        All curves have one scale.

    Raises
    ------
    PanelError, OptionError
        If a period has no density, or the overlap is not positive.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> densities = nq.dynamics.density(nq.datasets.us_income(), "relative_income")
    >>> ax = nq.plots.density_ridges(densities, periods=[1929, 1969, 2009])
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['1929', '1969', '2009']
    """
    shown = _shown_periods(result, periods)
    x, part = _visible(result, shown)
    scale = overlap / float(result.frame[shown].to_numpy().max())
    bases = np.arange(len(shown))[::-1]
    width = room(ax, width)
    with drawing(ax, (width, 0.21 * len(shown) + 1.15), lang=lang, title=title) as axes:
        for position, (base, period, shade) in enumerate(
            zip(bases, shown, _shades(len(shown)), strict=True)
        ):
            order = 2 * position + 2
            curve = base + scale * result.frame[period].to_numpy()[part]
            style = layer(areas_kw, color=shade, lw=0, alpha=0.85, zorder=order)
            axes.fill_between(x, base, curve, **style)
            axes.plot(x, curve, **layer(line_kw, color=INK, lw=0.6, zorder=order + 1))
            middle = float(result.values[period].median())
            top = float(np.interp(middle, x, curve))
            axes.plot([middle] * 2, [base, top], color="white", lw=1.6, zorder=order + 1)
            axes.plot(
                [middle] * 2, [base, top], color=INK, lw=0.8, zorder=order + 1,
                label=translate(t("median")) if position == 0 else None,
            )  # fmt: skip
            if rug:
                axes.plot(
                    result.values[period], np.full(len(result.values), base), "|", ms=2.5,
                    color=MUTED, mew=0.4, zorder=order + 1,
                )  # fmt: skip
        named = chosen_periods(pd.Index(shown), _most_names(ax, 0.21 * len(shown)))
        axes.set_yticks(bases[named], [str(shown[place]) for place in named])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(-0.15, bases[0] + overlap * 1.05)
        horizontal_label(axes, _axis_name(result, label), width)
        legend_below(axes, None, width, handlelength=1.0)
    return axes
