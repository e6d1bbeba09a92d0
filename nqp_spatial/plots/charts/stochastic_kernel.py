"""Figures of stochastic kernels: surface and contour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from nqp_spatial.core.options import Range, Width, checked
from nqp_spatial.dynamics import KernelResult
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._theme import (
    COLUMN,
    INK,
    ORANGE,
    ORDERED,
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

__all__ = ["kernel_contour", "kernel_surface"]


def _axis_names(kernel: KernelResult, label: str | None) -> tuple[str, str]:
    named = label if label is not None else kernel.label
    if kernel.spec.relative and label is None:
        named = say("{name}, relative to the mean", name=named)
    own = kernel.spec.condition == "own"
    before = say("{name}, t" if own else "Neighbours' {name}, t", name=named)
    if not kernel.spec.step:
        return before, say("{name}, t", name=named)
    return before, say("{name}, t + {step}", name=named, step=kernel.spec.step)


def _inside(kernel: KernelResult) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x with data, y, and f(y | x) over them."""
    x, y = kernel.conditional.index.to_numpy(), kernel.conditional.columns.to_numpy()
    shown = kernel.conditional.to_numpy()[kernel.supported]
    # Where y hardly ever is, there is nothing to see.
    seen = np.flatnonzero(shown.max(axis=0) > 0.005 * shown.max())
    across = slice(seen[0], seen[-1] + 1)
    return x[kernel.supported], y[across], shown[:, across]


@checked
def kernel_surface(
    kernel: KernelResult,
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
    kernel : KernelResult
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
    x, y, density = _inside(kernel)
    with themed(lang):
        if ax is None:
            ax = new_figure(width, 0.95 * width, subplot_kw={"projection": "3d"})[1][0, 0]
        if not hasattr(ax, "get_zlim"):
            raise OptionError("a surface needs axes with projection='3d'")
        space: Any = ax
        grid_x, grid_y = np.meshgrid(x, y, indexing="ij")
        look = layer(
            surface_kw, cmap=ORDERED, lw=0, antialiased=False,
            # Every point: leaving some out makes teeth of a ridge that runs across.
            rcount=len(x), ccount=len(y),
        )  # fmt: skip
        space.plot_surface(grid_x, grid_y, density, **look)
        before, after = _axis_names(kernel, label)
        space.set_zlim(0, None)
        for axis in (space.xaxis, space.yaxis, space.zaxis):
            axis.set_major_locator(_round_levels(5))
        dress(space, (before, after, say("Density")), (elev, azim), (1.1, 1.1, 0.75), 0.85)
        if title:
            space.set_title(wrapped(title, width), y=0.97)
    check_fonts(ax)
    return ax


def _round_levels(count: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(count)


@checked
def kernel_contour(
    kernel: KernelResult,
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
    kernel : KernelResult
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
    x, y, density = _inside(kernel)
    with themed(lang):
        if ax is None:
            ax = new_figure(width, 0.92 * width)[1][0, 0]
        cuts = _round_levels(levels).tick_values(0, density.max())
        # The lowest band is mostly no data: left white.
        look = layer(bands_kw, levels=cuts[1:], cmap=SEQUENTIAL, extend="neither")
        filled = ax.contourf(x, y, density.T, **look)
        ax.contour(x, y, density.T, levels=cuts[1:], colors=INK, linewidths=0.3)
        low, high = min(x[0], y[0]), max(x[-1], y[-1])
        equal = say("45-degree line")
        ax.plot([low, high], [low, high], color=INK, lw=0.8, ls=(0, (4, 3)), label=equal)
        look = layer(line_kw, color=ORANGE, lw=1.3, label=say("E(y | x)"))
        ax.plot(kernel.expected.index, kernel.expected, **look)
        ax.set_xlim(x[0], x[-1])
        ax.set_ylim(y[0], y[-1])
        if kernel.spec.condition == "own":  # means of neighbours spread less than units
            ax.set_aspect("equal")
        before, after = _axis_names(kernel, label)
        ax.set_xlabel(wrapped(before, 0.95 * width))
        ax.set_ylabel(wrapped(after, 0.6 * width))
        bar = ax.figure.colorbar(filled, ax=ax, shrink=0.75, aspect=22, pad=0.02)
        bar.set_label(say("Density of y given x"))
        bar.outline.set_visible(False)
        look = layer(legend_kw, loc="upper left", handlelength=1.6, frameon=True, framealpha=0.85)
        ax.legend(**{"edgecolor": "none", **look})
        if title:
            ax.set_title(wrapped(title, width))
    check_fonts(ax)
    return ax
