"""Axes in three dimensions: panes, labels and view are set in one place."""

from __future__ import annotations

from typing import Any

from nqp_spatial.plots._canvas import wrapped
from nqp_spatial.plots._context import current_theme, sized
from nqp_spatial.plots._theme import GRID, PANE

__all__ = ["TITLE_3D", "style_axes3d"]

#: A title stands near the box, not above the room around it.
TITLE_3D = {"y": 0.97}
_LABEL = 1.6  # inches along a side
_LINE = 5.5  # points that a further line of a label takes


def style_axes3d(
    space: Any,
    labels: tuple[str, str, str],
    view: tuple[float, float],
    aspect: tuple[float, float, float],
    zoom: float,
) -> None:
    """Label the three axes, lighten the panes, and set from where the box is seen.

    Labels are broken into lines. matplotlib puts their middle at a fixed distance from the ticks,
    so that each line more has to push it outwards, and the box has to give it room.

    Parameters
    ----------
    space : Axes3D
    labels : (x, y, z)
        Empty for none.
    view : (elevation, azimuth)
        Degrees.
    aspect : tuple of float
        Lengths of the sides of the box.
    zoom : float
        Of a box whose labels have one or two lines.
    """
    most_lines, scale = 0, current_theme().scale
    for axis, label in zip((space.xaxis, space.yaxis), labels, strict=False):
        text = wrapped(label, _LABEL)
        lines = text.count("\n")
        axis.set_label_text(text)
        axis.labelpad = scale * (-2 + sized(_LINE) / scale * max(lines - 1, 0))
        most_lines = max(most_lines, lines)
    space.set_zlabel(labels[2], labelpad=-4 * scale)
    for axis in (space.xaxis, space.yaxis, space.zaxis):
        axis.set_tick_params(pad=-2 * scale, labelsize=sized(6.5))
        axis.pane.set_facecolor("white")
        axis.pane.set_edgecolor(PANE)
        axis._axinfo["grid"].update(color=GRID, linewidth=0.4)
    space.view_init(elev=view[0], azim=view[1])
    space.set_box_aspect(aspect, zoom=zoom - 0.07 * max(most_lines - 1, 0))
