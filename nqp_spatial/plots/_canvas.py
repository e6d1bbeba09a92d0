"""What figures are drawn on, and how they are saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from nqp_spatial.core.options import Range, checked
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._cells import (
    keep_in_cell,
    margin_in_cell,
    room,
    room_rows,
    room_up,
    themed_axes,
)
from nqp_spatial.plots._context import current_theme, sized, text_factor
from nqp_spatial.plots._fonts import check_fonts, font_type
from nqp_spatial.plots._legends import colour_bar, legend_below
from nqp_spatial.plots._theme import Layer, themed
from nqp_spatial.plots._words import (
    category_axis,
    height_of_rows,
    horizontal_label,
    row_axis,
    width_of_names,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = [
    "capital",
    "category_axis",
    "colour_bar",
    "counted",
    "drawing",
    "figure_of",
    "figure_room",
    "height_of_rows",
    "horizontal_label",
    "legend_below",
    "new_figure",
    "number_room",
    "panels",
    "percent",
    "room",
    "room_rows",
    "room_up",
    "row_axis",
    "save",
    "sized",
    "undrawn",
    "wrapped",
]


@contextmanager
def drawing(
    ax: Axes | None,
    size: tuple[float, float],
    *,
    lang: Lang,
    title: str | None = None,
    projection: str | None = None,
    title_kw: Layer = None,
) -> Iterator[Axes]:
    """Yield axes under the theme, those of a new figure if none are given; title and fonts follow.

    Axes of the caller get the look of the theme, and what is drawn stays within their cell.

    Parameters
    ----------
    ax : Axes or None
        Given by the caller.
    size : (width, height)
        Of a new figure, inches; a title is broken to the width.
    lang : {"en", "zh"}
    title : str, optional
    projection : "3d", optional
    title_kw : mapping, optional
        Keyword arguments of ``Axes.set_title``.

    Raises
    ------
    OptionError
        If the axes given have another projection.
    """
    with themed(lang):
        given = ax is not None
        width = room(ax, size[0])
        if ax is None:
            ax = new_figure(*size, subplot_kw={"projection": projection})[1][0, 0]
        if projection == "3d" and not hasattr(ax, "get_zlim"):
            raise OptionError("ax must be axes with projection='3d'; those given are flat")
        if given:
            themed_axes(ax)
            keep_in_cell(ax)
        before = set(ax.get_children())
        yield ax
        if title:
            _set_title(ax, title, width, dict(title_kw or {}))
        _enlarge(ax, before)
    check_fonts(ax)


def _set_title(ax: Axes, title: str, width: float, style: dict[str, Any]) -> None:
    """Set a title that fits beside the labels of the vertical axis, or above them too."""
    left = width_of_names(ax)
    if left > 0.25 * width:
        style.setdefault("x", -left / max(width - left - 0.1, 0.3))
        left = 0.0
    margin = margin_in_cell(ax) / figure_of(ax).dpi / current_theme().scale
    title_room = (width - max(left, margin) - 0.1) * _title_share(style)
    ax.set_title(wrapped(title, title_room), **style)


def _title_share(style: dict[str, Any]) -> float:
    """Return how much of a line a title fills with letters of its size, at most 1."""
    import matplotlib as mpl
    from matplotlib.font_manager import FontProperties

    wanted = style.get("fontsize", style.get("size", mpl.rcParams["axes.titlesize"]))
    points = FontProperties(size=wanted).get_size_in_points() / current_theme().scale
    return min(1.0, sized(9) / current_theme().scale / points) if points else 1.0


def _enlarge(ax: Axes, before: set[Any]) -> None:
    """Make lines and marks as many times larger as the style of the theme has the figure."""
    from matplotlib.collections import Collection, PathCollection
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    scale = current_theme().scale
    if scale == 1:
        return
    legend = ax.get_legend()
    handles = [] if legend is None or legend in before else legend.legend_handles
    for artist in [*(set(ax.get_children()) - before), *handles]:
        if isinstance(artist, Line2D):
            artist.set(linewidth=artist.get_linewidth() * scale)
            artist.set(
                markersize=artist.get_markersize() * scale,
                markeredgewidth=artist.get_markeredgewidth() * scale,
            )
        elif isinstance(artist, Collection):
            artist.set_linewidth(list(np.atleast_1d(artist.get_linewidth()) * scale))
            if isinstance(artist, PathCollection):
                artist.set_sizes([area * scale**2 for area in artist.get_sizes()])
        elif isinstance(artist, Patch):
            artist.set_linewidth(artist.get_linewidth() * scale)


@contextmanager
def panels(
    fig: Figure | SubFigure | None,
    size: tuple[float, float],
    shape: tuple[int, int],
    *,
    lang: Lang,
    title: str | None = None,
) -> Iterator[tuple[Any, np.ndarray]]:
    """Yield a figure and its axes, rows by columns, under the theme; title and fonts follow.

    Parameters
    ----------
    fig : Figure, SubFigure or None
        Given by the caller.
    size : (width, height)
        Of a new figure, inches; a title is broken to the width.
    shape : (rows, columns)
    lang : {"en", "zh"}
    title : str, optional
    """
    with themed(lang):
        if fig is None:
            fig, axes = new_figure(*size, *shape)
        else:
            _lay_out(figure_of(fig))
            axes = fig.subplots(*shape, squeeze=False)
        before = [set(ax.get_children()) for ax in axes.flat]
        yield fig, axes
        if title:
            words = wrapped(title, figure_room(fig, size[0]))
            fig.suptitle(words, x=0.01, ha="left", fontsize=sized(9))
        for ax, children in zip(axes.flat, before, strict=True):
            _enlarge(ax, children)
    check_fonts(fig)


def figure_room(fig: Figure | SubFigure | None, width: float) -> float:
    """Return the width of a figure in inches on paper: the caller's if there is one."""
    if fig is None:
        return width
    return float(fig.bbox.width) / figure_of(fig).dpi / current_theme().scale


def _lay_out(figure: Figure) -> None:
    """Give a figure of the caller a layout that keeps its panels apart, if it has none."""
    if figure.get_layout_engine() is None:
        with suppress(RuntimeError):  # it has colour bars of another layout
            figure.set_layout_engine("constrained")


def capital(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def counted(name: str, count: float) -> str:
    """Return an entry of a legend: a name and how many there are of it."""
    return translate(t("{name} ({count:,.0f})", name=name, count=count))


def number_room(width: float) -> float:
    """Return how long an axis of shares is beside its longest bar, for the number at its end."""
    return 1 + 0.42 * text_factor() / (0.62 * width)


def percent(level: float) -> str:
    """Return a level as text.

    Examples
    --------
    >>> percent(0.95), percent(0.995)
    ('95%', '99.5%')
    """
    return f"{100 * level:g}%"


@contextmanager
def undrawn(ax: Axes) -> Iterator[None]:
    """Draw nothing until the end.

    geopandas asks for the whole figure after each layer that it adds, which takes most of the time
    of a map; a canvas that draws nothing answers meanwhile.
    """
    from matplotlib.backend_bases import FigureCanvasBase

    figure = ax.figure.figure  # of a subfigure: the figure it is part of
    canvas = figure.canvas
    FigureCanvasBase(figure)  # becomes the figure's
    try:
        yield
    finally:
        figure.set_canvas(canvas)


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """Return a new figure of a size in inches on paper and its axes; call it under `themed`.

    Larger text makes a figure taller, and a style that enlarges makes both larger.
    """
    import matplotlib.pyplot as plt

    from nqp_spatial.plots._settled import SettledLayout

    scale = current_theme().scale
    size = width * scale, height * scale * max(text_factor(), 1.0) ** 0.75
    # The caller may set a title afterwards, or change labels, and save the figure as it is.
    layout = SettledLayout() if plt.rcParams["figure.constrained_layout.use"] else None
    return plt.subplots(rows, columns, figsize=size, squeeze=False, layout=layout, **options)


def figure_of(artist: Figure | SubFigure | Axes) -> Figure:
    """Return the figure that axes or a part of a figure belong to, or the figure itself."""
    from matplotlib.figure import Figure

    # An axes may be part of a subfigure; the figure of either is the whole.
    figure = getattr(getattr(artist, "figure", None), "figure", None)
    if isinstance(figure, Figure):
        return figure
    raise OptionError(
        f"wanted a matplotlib figure or axes, as plots return them; got {type(artist).__name__}"
    )


@checked
def save(
    figure: Figure | Axes,
    path: str | Path,
    *,
    formats: Sequence[str] = ("png", "pdf"),
    dpi: Annotated[int, Range(20, 2400)] = 300,
    close: bool = False,
) -> list[Path]:
    """Save a figure in several formats, at the size it was drawn for.

    Parameters
    ----------
    figure : Figure or Axes
        What a function of `nqp_spatial.plots` returned.
    path : path
        Without ending; folders are made if need be. With an ending of its own (``map.svg``), that
        format alone is written.
    formats : sequence of str
        Such as ``"png"``, ``"pdf"``, ``"svg"``, ``"eps"``, ``"tiff"``.
    dpi : int
        Dots per inch of raster formats.
    close : bool
        Whether to close the figure afterwards, which frees its memory.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    OptionError
        If a format is unknown, or `figure` is no figure.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> ax = nq.plots.choropleth(panel, "income", period=2009)
    >>> [path.name for path in nq.plots.save(ax, tempfile.mkdtemp() + "/income")]
    ['income.png', 'income.pdf']
    """
    figure = figure_of(figure)
    known = figure.canvas.get_supported_filetypes()
    base = Path(path)
    if not base.name:
        raise OptionError(f"path must name a file, got {str(path)!r}")
    ending = base.suffix.lstrip(".").lower()
    if ending in known:
        base, formats = base.with_suffix(""), (ending,)
    unknown = [name for name in formats if name not in known]
    if unknown:
        raise OptionError(
            f"figures cannot be saved as {', '.join(unknown)}; known formats are "
            f"{', '.join(sorted(known))}"
        )
    base.parent.mkdir(parents=True, exist_ok=True)
    written = [base.with_name(f"{base.name}.{name}") for name in formats]
    _write(figure, written, dpi)
    if close:
        import matplotlib.pyplot as plt

        plt.close(figure)
    return written


def _write(figure: Figure, targets: Sequence[Path], dpi: int) -> None:
    """Write a figure to files, in the layout of the first: all have the same places."""
    import matplotlib as mpl

    from nqp_spatial.plots._settled import SettledLayout

    engine = figure.get_layout_engine()
    # A layout makes room for the ticks that there are; room changes them, and other ticks may be
    # wider. Once more, and it is settled; ours repeats itself.
    if engine is not None and not isinstance(engine, SettledLayout):
        engine.execute(figure)
    # Text stays text in vector files; a SVG file has no fonts, so that Chinese becomes outlines.
    kind = font_type(figure)
    settings: dict[Any, Any] = {
        "pdf.fonttype": kind,
        "ps.fonttype": kind,
        "svg.fonttype": "none" if kind == 42 else "path",
        "figure.autolayout": False,  # no layout means none
        "figure.constrained_layout.use": False,
    }
    with mpl.rc_context(settings):
        try:
            for target in targets:
                figure.savefig(target, dpi=dpi)
                figure.set_layout_engine(None)
        finally:
            if engine is not None:
                figure.set_layout_engine(engine)
