"""What figures are drawn on, and how they are saved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from unicodedata import east_asian_width

import numpy as np

from nqp_spatial.core.options import Range, checked
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._fonts import check_fonts, font_type
from nqp_spatial.plots._theme import Layer, themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = [
    "capital",
    "colour_bar",
    "counted",
    "drawing",
    "figure_of",
    "new_figure",
    "panels",
    "percent",
    "save",
    "undrawn",
    "wrapped",
]

# A Chinese character is a word; no line begins with a stop or ends with an opening bracket.
_WORD = re.compile(r"[（【《]*[\u2e80-\uffef][，。、；：）】》？！]*|[^\s\u2e80-\uffef]+|\s+")


def wrapped(text: str, width: float) -> str:
    """Return text broken into lines that fit a width in inches; wide characters count twice."""
    return "\n".join(_wrapped_line(line, width) for line in text.split("\n"))


def _wrapped_line(text: str, width: float) -> str:
    room, lines, used = max(int(width * 14.5), 8), [""], 0
    for word in _WORD.findall(text):
        size = sum(2 if east_asian_width(letter) in "WF" else 1 for letter in word)
        if used + size > room and lines[-1]:
            lines.append("")
            used = 0
        if lines[-1] or not word.isspace():
            lines[-1] += word
            used += size
    return "\n".join(line.rstrip() for line in lines)


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
        if ax is None:
            ax = new_figure(*size, subplot_kw={"projection": projection})[1][0, 0]
        if projection == "3d" and not hasattr(ax, "get_zlim"):
            raise OptionError("ax must be axes with projection='3d'; those given are flat")
        yield ax
        if title:
            ax.set_title(wrapped(title, size[0]), **(title_kw or {}))
    check_fonts(ax)


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
            axes = fig.subplots(*shape, squeeze=False)
        yield fig, axes
        if title:
            fig.suptitle(wrapped(title, size[0]), x=0.01, ha="left", fontsize=9)
    check_fonts(fig)


def capital(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def counted(name: str, count: float) -> str:
    """Return an entry of a legend: a name and how many there are of it."""
    return translate(t("{name} ({count:,.0f})", name=name, count=count))


def percent(level: float) -> str:
    """Return a level as text.

    Examples
    --------
    >>> percent(0.95), percent(0.995)
    ('95%', '99.5%')
    """
    return f"{100 * level:g}%"


def colour_bar(image: Any, axes: Any, words: str, **look: Any) -> None:
    """Add a colour bar without a frame beside one or several axes."""
    figure = np.ravel(axes)[0].figure
    bar = figure.colorbar(image, ax=axes, **look)
    bar.outline.set_visible(False)
    bar.set_label(words)


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
    """Return a new figure of a size in inches and an array of its axes; call it under `themed`."""
    import matplotlib.pyplot as plt

    return plt.subplots(rows, columns, figsize=(width, height), squeeze=False, **options)


def figure_of(drawn: Figure | SubFigure | Axes) -> Figure:
    """Return the figure that axes or a part of a figure belong to, or the figure itself."""
    from matplotlib.figure import Figure

    # An axes may be part of a subfigure; the figure of either is the whole.
    figure = getattr(getattr(drawn, "figure", None), "figure", None)
    if isinstance(figure, Figure):
        return figure
    raise OptionError(
        f"wanted a matplotlib figure or axes, as plots return them; got {type(drawn).__name__}"
    )


@checked
def save(
    drawn: Figure | Axes,
    path: str | Path,
    *,
    formats: Sequence[str] = ("png", "pdf"),
    dpi: Annotated[int, Range(20, 2400)] = 300,
    close: bool = False,
) -> list[Path]:
    """Save a figure in several formats, at the size it was drawn for.

    Parameters
    ----------
    drawn : Figure or Axes
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
        If a format is unknown, or `drawn` is no figure.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> drawn = nq.plots.choropleth(panel, "income", period=2009)
    >>> [path.name for path in nq.plots.save(drawn, tempfile.mkdtemp() + "/income")]
    ['income.png', 'income.pdf']
    """
    import matplotlib as mpl

    figure = figure_of(drawn)
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
    # The layout makes room for the ticks that there are; room changes them, and other ticks may be
    # wider. Once more, and it is settled.
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    written = []
    # Text stays text in vector files; a SVG file has no fonts, so that Chinese becomes outlines.
    kind = font_type(figure)
    svg = "none" if kind == 42 else "path"
    with mpl.rc_context({"pdf.fonttype": kind, "ps.fonttype": kind, "svg.fonttype": svg}):
        for name in formats:
            target = base.with_name(f"{base.name}.{name}")
            figure.savefig(target, dpi=dpi)
            written.append(target)
    if close:
        import matplotlib.pyplot as plt

        plt.close(figure)
    return written
