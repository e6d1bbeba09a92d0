"""Figures of stochastic kernels: surface and contour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from nqp_spatial.core.options import Range, Width, checked
from nqp_spatial.core.text import Lang, Message, t, translate
from nqp_spatial.dynamics import KernelResult
from nqp_spatial.plots._canvas import (
    colour_bar,
    drawing,
    horizontal_label,
    legend_below,
    room,
    room_up,
    wrapped,
)
from nqp_spatial.plots._theme import COLUMN, INK, ORANGE, ORDERED, SEQUENTIAL, Layer, layer
from nqp_spatial.plots.charts._axes3d import TITLE_3D, style_axes3d

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["kernel_contour", "kernel_surface"]


def _axis_names(result: KernelResult, label: str | None) -> tuple[str, str]:
    name: str | Message = label if label is not None else result.label
    if result.spec.relative and label is None:
        name = t("{name}, relative to the mean", name=name)
    if result.spec.condition == "own":
        before = t("{name}, t", name=name)
    else:
        before = t("Neighbours' {name}, t", name=name)
    if not result.spec.step:
        return translate(before), translate(t("{name}, t", name=name))
    return translate(before), translate(t("{name}, t + {step}", name=name, step=result.spec.step))


def _with_data(result: KernelResult) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x with data, y, and f(y | x) over them."""
    x, y = result.conditional.index.to_numpy(), result.conditional.columns.to_numpy()
    density = result.conditional.to_numpy()[result.supported]
    # Where y hardly ever is, there is nothing to see.
    visible = np.flatnonzero(density.max(axis=0) > 0.005 * density.max())
    across = slice(visible[0], visible[-1] + 1)
    return x[result.supported], y[across], density[:, across]


@checked
def kernel_surface(
    result: KernelResult,
    *,
    title: str | None = None,
    label: str | None = None,
    elev: float = 38.0,
    azim: float = -58.0,
    surface_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw a stochastic kernel as a surface.

    Parameters
    ----------
    result : KernelResult
        From `nqp_spatial.dynamics.stochastic_kernel`.
    title, label : str, optional
        Of the figure, and of the variable.
    elev, azim : float
        Where the reader stands, degrees.
    surface_kw : mapping, optional
        Keyword arguments of matplotlib for the surface.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        With ``projection="3d"``; a new figure if not given.

    Returns
    -------
    Axes
        Cuts across x are densities; x with hardly any data is left out (`KernelResult.supported`).

    Raises
    ------
    OptionError
        If `ax` is flat.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> kernel = nq.dynamics.stochastic_kernel(nq.datasets.us_income(), "relative_income", step=5)
    >>> nq.plots.kernel_surface(kernel, label="income").get_ylabel()
    'income, t + 5'
    """
    x, y, density = _with_data(result)
    width = room(ax, width)
    with drawing(
        ax, (width, 0.95 * width), lang=lang, title=title, projection="3d", title_kw=TITLE_3D
    ) as axes:
        space: Any = axes
        grid_x, grid_y = np.meshgrid(x, y, indexing="ij")
        style = layer(
            surface_kw, cmap=ORDERED, lw=0, antialiased=False,
            # Every point: leaving some out makes teeth of a ridge that runs across.
            rcount=len(x), ccount=len(y),
        )  # fmt: skip
        space.plot_surface(grid_x, grid_y, density, **style)
        space.set_zlim(0, None)
        for axis in (space.xaxis, space.yaxis, space.zaxis):
            axis.set_major_locator(_round_levels(5))
        names = (*_axis_names(result, label), translate(t("Density")))
        style_axes3d(space, names, (elev, azim), (1.1, 1.1, 0.75), 0.85)
    return axes


def _round_levels(count: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(count)


@checked
def kernel_contour(
    result: KernelResult,
    *,
    levels: Annotated[int, Range(2, 100)] = 8,
    title: str | None = None,
    label: str | None = None,
    bands_kw: Layer = None,
    line_kw: Layer = None,
    legend_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw a stochastic kernel as contours, with the 45-degree line and the expected value.

    Parameters
    ----------
    result : KernelResult
        From `nqp_spatial.dynamics.stochastic_kernel`.
    levels : int
        Number of bands of density.
    title, label : str, optional
        Of the figure, and of the variable.
    bands_kw, line_kw, legend_kw : mapping, optional
        Keyword arguments of matplotlib for the bands, the line of E(y | x) and the legend.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Axes have one scale where x is the unit's own value. x with hardly any data is left out
        (`KernelResult.supported`).

    Raises
    ------
    OptionError
        If there are fewer than two levels.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> kernel = nq.dynamics.stochastic_kernel(nq.datasets.us_income(), "relative_income", step=5)
    >>> ax = nq.plots.kernel_contour(kernel)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['45-degree line', 'E(y | x)']
    """
    x, y, density = _with_data(result)
    width = room(ax, width)
    with drawing(ax, (width, 0.92 * width), lang=lang, title=title) as axes:
        cuts = _round_levels(levels).tick_values(0, density.max())
        # The lowest band is mostly no data: left white.
        style = layer(bands_kw, levels=cuts[1:], cmap=SEQUENTIAL, extend="neither")
        bands = axes.contourf(x, y, density.T, **style)
        axes.contour(x, y, density.T, levels=cuts[1:], colors=INK, linewidths=0.3)
        ends = [min(x[0], y[0]), max(x[-1], y[-1])]
        equal = translate(t("45-degree line"))
        axes.plot(ends, ends, color=INK, lw=0.8, ls=(0, (4, 3)), label=equal)
        style = layer(line_kw, color=ORANGE, lw=1.3, label=translate(t("E(y | x)")))
        axes.plot(result.expected.index, result.expected, **style)
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(y[0], y[-1])
        if result.spec.condition == "own":  # means of neighbours vary less than units
            axes.set_aspect("equal")
        before, after = _axis_names(result, label)
        horizontal_label(axes, before, width)
        axes.set_ylabel(wrapped(after, room_up(ax, 0.7 * width)))
        words = translate(t("Density of y given x"))
        colour_bar(bands, axes, words, shrink=0.75, aspect=22, pad=0.02)
        legend_below(axes, legend_kw, width, columns=2)
    return axes
