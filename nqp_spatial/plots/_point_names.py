"""Names beside the points of a scatter plot, so that they cover neither points nor each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nqp_spatial.plots._context import sized
from nqp_spatial.plots._theme import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["name_points"]

_SIZE = 6  # points
_POINT = 2.6  # half the size of a marker, points
_NEAR = 4.0  # distance of a name that needs no line to its point
_RINGS = (_NEAR, 7.0, 11.0, 16.0, 22.0, 30.0, 40.0)
_ANGLES = np.radians([30, 150, -30, -150, 0, 180, 90, -90, 60, 120, -60, -120])


def name_points(
    ax: Axes, points: np.ndarray, places: Sequence[int], names: Sequence[str]
) -> list[Any]:
    """Write names beside some of the points; a name away from its point has a line to it.

    For each name the places around its point are tried, the nearest first, and the one is taken
    where the name covers least of points, other names, texts and lines of the figure. The limits of
    the axes must be set before; the result does not depend on chance.

    Parameters
    ----------
    ax : Axes
        With its texts and lines.
    points : ndarray
        All points that are drawn, shape (n, 2), in units of the data.
    places : sequence of int
        Which of them have names, the most important first.
    names : sequence of str

    Returns
    -------
    list of Annotation
    """
    if not len(places):
        return []
    _lay_out(ax)
    unit = ax.figure.dpi / 72
    pixels = ax.transData.transform(points) / unit
    taken = [np.column_stack([pixels - _POINT, pixels + _POINT]), *_boxes_of(ax, unit)]
    boxes = np.concatenate(taken)
    weights = np.r_[np.full(len(pixels), 1.0), np.full(len(boxes) - len(pixels), 3.0)]
    segments = _segments_of(ax, unit)
    frame = np.asarray(ax.get_window_extent().extents) / unit
    written = []
    for place, name in zip(places, names, strict=True):
        size = _size_of(ax, name, unit)
        centres, distances = _candidates(pixels[place], size)
        rectangles = np.column_stack([centres - size / 2, centres + size / 2])
        cost = _overlaps(rectangles, boxes) @ weights
        cost += 8.0 * _crossings(rectangles, segments) + 1e4 * _beyond(rectangles, frame)
        lines = np.column_stack([np.broadcast_to(pixels[place], centres.shape), centres])
        cost += (
            8.0
            * (distances > _NEAR)
            * _crossings(np.delete(boxes, place, axis=0), lines, by="line")
        )
        # Of two places that cover the same, the nearer; a line to the name is a cost too.
        cost += 0.6 * (distances - _NEAR)
        best = int(np.argmin(cost))
        written.append(
            _write(ax, points[place], pixels[place], centres[best], distances[best], name)
        )
        boxes = np.vstack([boxes, rectangles[best] + [-2, -0.5, 2, 0.5]])
        weights = np.append(weights, 3.0)
        if distances[best] > _NEAR:
            segments = np.vstack([segments, np.r_[pixels[place], centres[best]]])
    return written


def _lay_out(ax: Axes) -> None:
    """Place the axes as they will be when the figure is drawn."""
    figure: Any = ax.figure
    while getattr(figure, "parent", None) is not None and hasattr(figure, "figure"):
        if figure.figure is figure:
            break
        figure = figure.figure
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    locator = ax.get_axes_locator()
    ax.apply_aspect(None if locator is None else locator(ax, None))  # type: ignore[arg-type]


def _size_of(ax: Axes, name: str, unit: float) -> np.ndarray:
    """Return width and height of a name, points."""
    text = ax.text(0, 0, name, fontsize=sized(_SIZE))
    extent = text.get_window_extent()
    text.remove()
    return np.array([extent.width, extent.height]) / unit


def _candidates(point: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return centres of a name around its point, and their distances from it."""
    direction = np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])
    # From the point to the nearest side or corner of the name it is the ring's distance.
    across = np.sign(np.round(direction, 6)) * size / 2
    rings = np.array(_RINGS)
    centres = point + rings[:, None, None] * direction + across
    return centres.reshape(-1, 2), np.repeat(rings, len(direction))


def _overlaps(rectangles: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the areas that rectangles share with boxes, shape (rectangles, boxes)."""
    low = np.maximum(rectangles[:, None, :2], boxes[None, :, :2])
    high = np.minimum(rectangles[:, None, 2:], boxes[None, :, 2:])
    return np.asarray(np.prod(np.maximum(high - low, 0.0), axis=2))


def _beyond(rectangles: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Return how far rectangles stand beyond the axes."""
    outside = np.column_stack([frame[:2] - rectangles[:, :2], rectangles[:, 2:] - frame[2:]])
    return np.asarray(np.maximum(outside, 0.0).sum(axis=1))


def _crossings(
    rectangles: np.ndarray, segments: np.ndarray, by: Literal["box", "line"] = "box"
) -> np.ndarray:
    """Return how many segments (x0, y0, x1, y1) pass through each rectangle, or the reverse."""
    start, step = segments[:, :2], segments[:, 2:] - segments[:, :2]
    with np.errstate(divide="ignore", invalid="ignore"):
        enter = (rectangles[:, None, :2] - start) / step
        leave = (rectangles[:, None, 2:] - start) / step
    first, last = np.fmin(enter, leave), np.fmax(enter, leave)
    # A segment along one axis is inside the whole time, or never.
    is_flat = step == 0
    inside = (rectangles[:, None, :2] <= start) & (start <= rectangles[:, None, 2:])
    first = np.where(is_flat, np.where(inside, -np.inf, np.inf), first)
    last = np.where(is_flat, np.where(inside, np.inf, -np.inf), last)
    low, high = np.maximum(first.max(axis=2), 0.0), np.minimum(last.min(axis=2), 1.0)
    return np.asarray((low <= high).sum(axis=1 if by == "box" else 0))


def _boxes_of(ax: Axes, unit: float) -> list[np.ndarray]:
    """Return the boxes of texts that are in the axes."""
    texts = [text.get_window_extent().extents for text in ax.texts if text.get_text()]
    return [np.array(texts) / unit] if texts else []


def _segments_of(ax: Axes, unit: float) -> np.ndarray:
    """Return the straight pieces of the lines in the axes."""
    pieces = [np.empty((0, 4))]
    for line in ax.lines:
        path = line.get_transform().transform(np.asarray(line.get_xydata(), dtype=float)) / unit
        pieces.append(np.column_stack([path[:-1], path[1:]]))
    return np.concatenate(pieces)


def _write(
    ax: Axes, point: np.ndarray, pixel: np.ndarray, centre: np.ndarray, distance: float, name: str
) -> Any:
    arrow = None
    if distance > _NEAR:
        arrow = {
            "arrowstyle": "-", "color": MUTED, "lw": 0.4, "shrinkA": 0.5, "shrinkB": _POINT,
        }  # fmt: skip
    text = ax.annotate(
        name, tuple(point), tuple(centre - pixel), textcoords="offset points", ha="center",
        va="center", fontsize=sized(_SIZE), color=INK, arrowprops=arrow, zorder=6,
    )  # fmt: skip
    text.set_in_layout(False)  # it lies in the axes, which do not make room for it
    return text
