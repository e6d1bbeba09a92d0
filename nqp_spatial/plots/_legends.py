"""Legends and colour bars beside the data, in figures of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nqp_spatial.plots._context import current_theme, sized
from nqp_spatial.plots._theme import Layer, layer
from nqp_spatial.plots._words import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

__all__ = ["colour_bar", "legend_below"]

_PLACED = ("loc", "bbox_to_anchor", "bbox_transform")


def legend_below(
    ax: Axes,
    options: Layer,
    width: float,
    handles: Sequence[Any] | None = None,
    entries: Sequence[str] | None = None,
    *,
    columns: int = 3,
    title: str | None = None,
    centred: bool = False,
    **defaults: Any,
) -> Legend:
    """Add a legend below the labels of the horizontal axis, as wide as the figure has room.

    Call it when the labels are set: their height is measured.

    Parameters
    ----------
    ax : Axes
    options : mapping or None
        Keyword arguments of the caller for ``Axes.legend``, over ours; with a place of the
        caller's, ours is not used.
    width : float
        Of the figure, inches on paper.
    handles, entries : sequence, optional
        Those of labelled artists if not given.
    columns : int
        At most; as many as fit.
    title : str, optional
        Broken into lines.
    centred : bool
        Whether its middle is that of the axes, not its left end.
    **defaults
        Of ``Axes.legend``.
    """
    if handles is None or entries is None:
        handles, entries = ax.get_legend_handles_labels()
    options = dict(options or {})
    inside = any(name in options for name in _PLACED)
    style: dict[str, Any] = {
        "alignment": "left", "columnspacing": 1.2, "labelspacing": 0.35, "borderaxespad": 0.0,
        "handlelength": 1.6, "borderpad": 0.0, **defaults,
    }  # fmt: skip
    if title:
        style["title"] = wrapped(title, 1.1 * width)
    below = _below(ax)
    if not inside:
        x, corner = (0.5, "upper center") if centred else (0.0, "upper left")
        style |= {"loc": corner, "bbox_to_anchor": (x, 0), "bbox_transform": below}
    style = layer(options, **{"ncols": columns, **style})
    figure: Any = ax.figure.figure
    space = 0.94 * width * current_theme().scale * figure.dpi
    for count in range(int(style["ncols"]), 0, -1) if "ncols" not in options else [style["ncols"]]:
        words = entries if count > 1 else [wrapped(entry, 0.95 * width) for entry in entries]
        legend = ax.legend(list(handles), list(words), **{**style, "ncols": count})
        long = legend.get_window_extent().width
        if long <= space:
            break
    if not inside and not centred:
        legend.set_bbox_to_anchor((0, 0), below + _to_the_left(ax, long, space))
    return legend


def _below(ax: Axes) -> Any:
    """Return the transform of axes, from below what the horizontal axis has of labels."""
    from matplotlib.transforms import ScaledTranslation

    figure: Any = ax.figure.figure
    depth = 0.0
    if ax.axison and ax.xaxis.get_visible():
        box = ax.xaxis.get_tightbbox(figure._get_renderer())
        depth = 0.0 if box is None else max(ax.bbox.y0 - box.y0, 0.0) / figure.dpi
    gap = sized(5) / 72
    return ax.transAxes + ScaledTranslation(0, -depth - gap, figure.dpi_scale_trans)


def _to_the_left(ax: Axes, long: float, space: float) -> Any:
    """Move a legend to the left below the labels of the vertical axis if it is longer than axes."""
    from matplotlib.transforms import ScaledTranslation

    figure: Any = ax.figure.figure
    left = 0.0
    if ax.axison and ax.yaxis.get_visible():
        box = ax.yaxis.get_tightbbox(figure._get_renderer())
        left = 0.0 if box is None else max(ax.bbox.x0 - box.x0, 0.0)
    back = float(np.clip(1.04 * long - (space - left), 0.0, left)) / figure.dpi
    return ScaledTranslation(-back, 0, figure.dpi_scale_trans)


def colour_bar(image: Any, axes: Any, words: str, **style: Any) -> None:
    """Add a colour bar without a frame beside one or several axes.

    Beside one it is a part of the axes, so that it moves with them and takes no room of others.
    """
    figure = np.ravel(axes)[0].figure
    if not isinstance(axes, np.ndarray):
        share = style.pop("shrink", 0.75)
        style.pop("pad", None)
        aspect = style.pop("aspect", 20)
        wide = share / aspect
        box = axes.inset_axes((1.03, (1 - share) / 2, wide, share), label="colour bar")
        bar = figure.colorbar(image, cax=box, **style)
    else:
        bar = figure.colorbar(image, ax=axes, **style)
    bar.outline.set_visible(False)
    bar.set_label(words)
