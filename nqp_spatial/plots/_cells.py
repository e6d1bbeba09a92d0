"""Axes of the caller: how much room they have, and how a figure stays within it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nqp_spatial.plots._context import current_theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.gridspec import SubplotSpec
    from matplotlib.transforms import Bbox

__all__ = [
    "keep_in_cell",
    "margin_in_cell",
    "room",
    "room_rows",
    "room_up",
    "themed_axes",
    "widest_axes",
]

_ROUNDS = 3  # ticks change with the room that they are given
_LEAST = 0.15  # part of a cell that the data have at least
_GAP = 0.04  # inches between a figure and the next cell


def room(ax: Axes | None, width: float) -> float:
    """Return the width of a figure in inches on paper: that of the caller's axes if there are any.

    Parameters
    ----------
    ax : Axes or None
        Given by the caller.
    width : float
        Of a new figure.
    """
    return width if ax is None else _size(ax)[0]


def room_up(ax: Axes | None, height: float) -> float:
    """Return how long a label of the vertical axis may be, inches on paper.

    In the caller's axes about half of their height, which has to hold the other labels too.
    """
    return height if ax is None else 0.55 * _size(ax)[1]


def room_rows(ax: Axes | None, height: float) -> float:
    """Return how high the rows of a figure are together: in the caller's axes about half."""
    return height if ax is None else 0.52 * _size(ax)[1]


def _size(ax: Axes) -> tuple[float, float]:
    width, height = _parent_size(ax)
    cell = cell_of(ax)
    if cell is None:  # placed by hand: with the labels that commonly stand beside it
        cell = ax.get_position(original=True)
        width, height = 1.2 * width, 1.2 * height
    scale = current_theme().scale
    return max(cell.width * width / scale, 0.3), max(cell.height * height / scale, 0.3)


def _parent_size(ax: Axes) -> tuple[float, float]:
    """Return the size in inches of the figure or part of a figure that axes are in."""
    parent: Any = ax.figure
    return parent.bbox.width / parent.figure.dpi, parent.bbox.height / parent.figure.dpi


def cell_of(ax: Axes) -> Bbox | None:
    """Return the part of the figure that is the axes' own, as shares of the figure.

    Cells of a grid meet in the middle between two axes; the outer ones reach to the edge, and to
    the title of the whole figure. None for axes that are in no grid.
    """
    spec = ax.get_subplotspec()
    parent: Any = ax.figure
    return None if spec is None else _cell(spec, parent)


def _cell(spec: SubplotSpec, parent: Figure | SubFigure) -> Bbox:
    from matplotlib.transforms import Bbox

    grid = spec.get_gridspec()
    around = getattr(grid, "_subplot_spec", None)  # of a grid within a cell of another
    outer = _figure_cell(parent) if around is None else _cell(around, parent)
    bottoms, tops, lefts, rights = grid.get_grid_positions(parent)  # type: ignore[arg-type]
    rows, columns = spec.rowspan, spec.colspan

    def middle(ends: Any, starts: Any, place: int) -> float:
        return float(ends[place] + starts[place + 1]) / 2

    return Bbox.from_extents(
        outer.x0 if columns.start == 0 else middle(rights, lefts, columns.start - 1),
        outer.y0 if rows.stop == grid.nrows else middle(bottoms, tops, rows.stop - 1),
        outer.x1 if columns.stop == grid.ncols else middle(rights, lefts, columns.stop - 1),
        outer.y1 if rows.start == 0 else middle(bottoms, tops, rows.start - 1),
    )


def _figure_cell(parent: Figure | SubFigure) -> Bbox:
    """Return the figure without its title."""
    from matplotlib.transforms import Bbox

    title = getattr(parent, "_suptitle", None)
    top = 1.0
    if title is not None and title.get_text():
        box = title.get_window_extent().transformed(parent.transSubfigure.inverted())
        top = max(box.y0, 0.5)
    return Bbox.from_extents(0, 0, 1, top)


class _Kept:
    """Places axes so that what belongs to them, such as labels and a legend, stays in their cell.

    Only while the figure has the layout engine, or none, that it had when the figure was drawn.
    """

    def __init__(self, ax: Axes) -> None:
        self._ax = ax
        self._engine = _engine_of(ax)
        self._measuring = False

    def get_subplotspec(self) -> SubplotSpec | None:
        """Return the cell of the axes: `Figure.tight_layout` asks a locator for it."""
        return self._ax.get_subplotspec()

    def __call__(self, ax: Axes, renderer: Any) -> Bbox:
        base = ax.get_position(original=True)
        cell = cell_of(ax)
        if self._measuring or cell is None or _engine_of(ax) is not self._engine:
            return ax.get_position(original=False) if self._measuring else base
        if renderer is None:
            figure: Any = ax.figure.figure
            renderer = figure._get_renderer()
        self._measuring = True
        try:
            place = base
            for _ in range(_ROUNDS):
                ax.apply_aspect(place)
                place = _within(cell, base, ax, renderer)
            return place
        finally:
            self._measuring = False


def _within(cell: Bbox, base: Bbox, ax: Axes, renderer: Any) -> Bbox:
    """Return the place of axes for which what is around them just fits their cell."""
    from matplotlib.transforms import Bbox

    parent: Any = ax.figure
    around = ax.get_tightbbox(renderer)
    if around is None:
        return base
    around = around.transformed(parent.transSubfigure.inverted())
    inner = ax.get_position(original=False)
    width, height = _parent_size(ax)
    gap = _GAP / width, _GAP / height

    def ends(
        low: float, high: float, before: float, after: float, span: float
    ) -> tuple[float, float]:
        if high - low >= _LEAST * span:
            return low, high
        low = min(max(before, low), after - _LEAST * span)
        return low, low + _LEAST * span

    x = (
        max(base.x0, cell.x0 + gap[0] + inner.x0 - around.x0),
        min(base.x1, cell.x1 - gap[0] - (around.x1 - inner.x1)),
    )
    y = (
        max(base.y0, cell.y0 + gap[1] + inner.y0 - around.y0),
        min(base.y1, cell.y1 - gap[1] - (around.y1 - inner.y1)),
    )
    left, right = ends(*x, cell.x0, cell.x1, cell.width)
    bottom, top = ends(*y, cell.y0, cell.y1, cell.height)
    return Bbox.from_extents(left, bottom, right, top)


def _engine_of(ax: Axes) -> Any:
    return ax.figure.figure.get_layout_engine()


def margin_in_cell(ax: Axes) -> float:
    """Return what is free to the left of axes that stay where they are in their cell, pixels."""
    cell = cell_of(ax)
    if cell is None or not isinstance(ax.get_axes_locator(), _Kept):
        return 0.0
    parent: Any = ax.figure
    return float((ax.get_position(original=True).x0 - cell.x0) * parent.bbox.width)


def widest_axes(ax: Axes, names: float) -> float:
    """Return how wide axes of the caller can become beside names of a width, inches on paper.

    Infinite where a layout engine places them.
    """
    cell = cell_of(ax)
    if cell is None or not isinstance(ax.get_axes_locator(), _Kept):
        return float("inf")
    base, wide = ax.get_position(original=True), _parent_size(ax)[0] / current_theme().scale
    return float(base.width * wide - max(names - (base.x0 - cell.x0) * wide, 0.0))


def keep_in_cell(ax: Axes) -> None:
    """Keep a figure in the cell of the caller's axes, unless a layout engine does.

    A layout that the caller asks for later takes over.
    """
    engine = _engine_of(ax)
    adjusts = engine is not None and type(engine).__name__ != "PlaceHolderLayoutEngine"
    if not adjusts and ax.get_axes_locator() is None and ax.get_subplotspec() is not None:
        ax.set_axes_locator(_Kept(ax))  # type: ignore[arg-type]


def themed_axes(ax: Axes) -> None:
    """Give the caller's axes the look of the theme in force; call it under `themed`."""
    import matplotlib as mpl

    settings: Any = mpl.rcParams
    ax.set_facecolor(settings["axes.facecolor"])
    for side, spine in ax.spines.items():
        spine.set_edgecolor(settings["axes.edgecolor"])
        spine.set_linewidth(settings["axes.linewidth"])
        spine.set_visible(settings.get(f"axes.spines.{side}", True))
    for name, axis in ax._axis_map.items():
        keys = f"{'x' if name == 'x' else 'y'}tick"
        colour = settings[f"{keys}.labelcolor"]
        axis.set_tick_params(
            which="major", size=settings[f"{keys}.major.size"],
            width=settings[f"{keys}.major.width"], color=settings[f"{keys}.color"],
            labelsize=settings[f"{keys}.labelsize"], pad=settings[f"{keys}.major.pad"],
            labelcolor=settings[f"{keys}.color"] if colour == "inherit" else colour,
            direction=settings[f"{keys}.direction"],
        )  # fmt: skip
        if name != "z":
            axis.grid(
                settings["axes.grid"] and settings["axes.grid.axis"] in (name, "both"),
                which="major", **_grid_style(),
            ) if settings["axes.grid"] else axis.grid(False)  # fmt: skip
        for text in (axis.label, axis.get_offset_text(), *axis.get_ticklabels()):
            text.set_fontfamily(settings["font.family"])
        axis.label.set(
            size=settings["axes.labelsize"], color=settings["axes.labelcolor"],
            weight=settings["axes.labelweight"],
        )  # fmt: skip
        axis.labelpad = settings["axes.labelpad"]
        axis.get_offset_text().set(size=settings[f"{keys}.labelsize"])
    for place in ("left", "center", "right"):
        if title := ax.get_title(loc=place):
            ax.set_title(title, loc=place)


def _grid_style() -> dict[str, Any]:
    import matplotlib as mpl

    settings: Any = mpl.rcParams
    return {
        "color": settings["grid.color"], "linestyle": settings["grid.linestyle"],
        "linewidth": settings["grid.linewidth"], "alpha": settings["grid.alpha"],
    }  # fmt: skip
