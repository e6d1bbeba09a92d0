"""Figures of distributions that move: waterfalls and ridges."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from nqp_spatial.core.options import Range, Width, checked
from nqp_spatial.core.periods import period_like
from nqp_spatial.dynamics import DensityResult
from nqp_spatial.errors import OptionError, PanelError, sample
from nqp_spatial.plots._theme import (
    COLUMN,
    INK,
    MUTED,
    SEQUENTIAL,
    Layer,
    check_fonts,
    layer,
    new_figure,
    themed,
    wrapped,
)
from nqp_spatial.plots.charts._axes3d import dress
from nqp_spatial.plots.words import Lang, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["density_ridges", "density_waterfall"]

_RELATIVE = "{name}, relative to the mean"
_MOST = 16  # curves that can be told apart


def _chosen(result: DensityResult, periods: Sequence[Hashable] | None) -> list[Any]:
    every = list(result.frame.columns)
    if periods is None:
        at = np.unique(np.linspace(0, len(every) - 1, min(len(every), _MOST)).round().astype(int))
        return [every[i] for i in at]
    wanted = [period_like(period, result.frame.columns) for period in periods]
    unknown = [period for period in wanted if period not in every]
    if unknown:
        raise PanelError(
            f"there is no density of the periods {sample(unknown)}; there are {sample(every)}"
        )
    if not wanted:
        raise OptionError("periods must name at least one period, or be None for an even choice")
    return [period for period in every if period in wanted]


def _seen(result: DensityResult, some: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of the axis on which some density shows, and which points those are."""
    table = result.frame[some].to_numpy()
    at = np.flatnonzero(table.max(axis=1) > 0.004 * table.max())
    part = np.arange(at[0], at[-1] + 1)
    return result.frame.index.to_numpy()[part], part


def _shades(count: int) -> list[Any]:
    """Return colours from early (light) to late (dark): the order holds in grey too."""
    import matplotlib as mpl

    return list(mpl.colormaps[SEQUENTIAL](np.linspace(0.3, 0.95, max(count, 2))))[-count:]


def _named(result: DensityResult, label: str | None) -> str:
    if label is not None:
        return label
    return say(_RELATIVE, name=result.label) if result.spec.relative else result.label


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
        By default all, or sixteen of them evenly chosen.
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
    >>> found = nq.dynamics.density(nq.datasets.us_income(), "relative_income")
    >>> ax = nq.plots.density_waterfall(found, label="Relative income")
    >>> len(ax.collections)
    16
    """
    some = _chosen(result, periods)
    x, part = _seen(result, some)
    from matplotlib.ticker import MaxNLocator
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection  # type: ignore[import-untyped]

    with themed(lang):
        if ax is None:
            ax = new_figure(width, 0.92 * width, subplot_kw={"projection": "3d"})[1][0, 0]
        if not hasattr(ax, "get_zlim"):
            raise OptionError("a waterfall needs axes with projection='3d'")
        space: Any = ax
        highest = float(result.frame[some].to_numpy().max())
        for place, (period, shade) in enumerate(zip(some, _shades(len(some)), strict=True)):
            curve = result.frame[period].to_numpy()[part]
            own = np.flatnonzero(curve > 0.002 * highest)  # no base lines where nothing is
            here, up = x[own[0] : own[-1] + 1], curve[own[0] : own[-1] + 1]
            corners = np.column_stack(
                [np.r_[here[0], here, here[-1]], np.full(len(here) + 2, place), np.r_[0, up, 0]]
            )
            look = layer(areas_kw, facecolor=(*shade[:3], 0.75), edgecolor=INK, lw=0.5)
            space.add_collection3d(Poly3DCollection([corners], **look))
        space.set_xlim(x[0], x[-1])
        space.set_ylim(-0.5, len(some) - 0.5)
        space.set_zlim(0, 1.02 * highest)
        space.xaxis.set_major_locator(MaxNLocator(5))
        space.zaxis.set_major_locator(MaxNLocator(4))
        step = -(-len(some) // 5)
        space.set_yticks(range(0, len(some), step), [str(one) for one in some[::step]])
        names = (_named(result, label), "", say("Density"))
        dress(space, names, (elev, azim), (1.15, 1.15, 0.8), 0.88)
        if title:
            space.set_title(wrapped(title, width), y=0.97)
    check_fonts(ax)
    return ax


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
        By default all, or sixteen of them evenly chosen.
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
    >>> found = nq.dynamics.density(nq.datasets.us_income(), "relative_income")
    >>> ax = nq.plots.density_ridges(found, periods=[1929, 1969, 2009])
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['1929', '1969', '2009']
    """
    some = _chosen(result, periods)
    x, part = _seen(result, some)
    scale = overlap / float(result.frame[some].to_numpy().max())
    bases = np.arange(len(some))[::-1]
    with themed(lang):
        if ax is None:
            ax = new_figure(width, 0.21 * len(some) + 1.15)[1][0, 0]
        for at, (base, period, shade) in enumerate(
            zip(bases, some, _shades(len(some)), strict=True)
        ):
            curve = base + scale * result.frame[period].to_numpy()[part]
            look = layer(areas_kw, color=shade, lw=0, alpha=0.85, zorder=2 * at + 2)
            ax.fill_between(x, base, curve, **look)
            ax.plot(x, curve, **layer(line_kw, color=INK, lw=0.6, zorder=2 * at + 3))
            middle = float(result.values[period].median())
            top = float(np.interp(middle, x, curve))
            ax.plot([middle] * 2, [base, top], color="white", lw=1.6, zorder=2 * at + 3)
            ax.plot(
                [middle] * 2, [base, top], color=INK, lw=0.8, zorder=2 * at + 3,
                label=say("median") if at == 0 else None,
            )  # fmt: skip
            if rug:
                ax.plot(
                    result.values[period], np.full(len(result.values), base), "|", ms=2.5,
                    color=MUTED, mew=0.4, zorder=2 * at + 3,
                )  # fmt: skip
        ax.set_yticks(bases, [str(period) for period in some])
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set_xlim(x[0], x[-1])
        ax.set_ylim(-0.15, bases[0] + overlap * 1.05)
        ax.set_xlabel(wrapped(_named(result, label), 0.95 * width))
        ax.legend(loc="upper right", handlelength=1.0)
        if title:
            ax.set_title(wrapped(title, width))
    check_fonts(ax)
    return ax
