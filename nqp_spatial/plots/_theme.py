"""One look for all figures: sizes, colours, fonts, and how they are saved.

The theme is applied to a figure while it is drawn; matplotlib's global settings stay as they are.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from unicodedata import east_asian_width

from nqp_spatial.core.options import Range, Rule, checked
from nqp_spatial.errors import FontWarning, NqpError, OptionError
from nqp_spatial.plots.words import Lang, say, speaking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

__all__ = [
    "COLUMN",
    "PAGE",
    "Layer",
    "check_fonts",
    "figure_of",
    "font_state",
    "layer",
    "new_figure",
    "renew_font_warning",
    "save",
    "themed",
    "undrawn",
    "wrapped",
]

#: What a caller adds to one layer of a figure: matplotlib's keyword arguments for it.
Layer = Mapping[str, Any] | None

#: Width of a journal's column and of its page, in inches.
COLUMN, PAGE = 3.5, 7.2

# Okabe and Ito (2008): told apart by readers with any of the common colour deficiencies.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
INK, MUTED, LIGHT = "#222222", "#6e6e6e", "#ececec"
# The two ends of a contrast: high and low, positive and negative, a critical value.
RED, BLUE, ORANGE = "#b2182b", "#2166ac", "#D55E00"
# Lines that part areas, hatches, borders of the base map; the thinner, the lighter.
EDGE, EDGE_LIGHT, PANE, GRID = "#8a8a8a", "#c9c9c9", "#d0d0d0", "#e3e3e3"
# Land without units is white: light grey already says that a unit is not significant.
LAND, GROUND = "#ffffff", "#f3f3f1"
# Colour maps for one direction, for two from a middle, for probabilities, for an order, for height.
SEQUENTIAL, DIVERGING, PROBABILITY, ORDERED = "YlGnBu", "RdBu_r", "Blues", "viridis"
# Parts of a whole, from dark to light: the order holds in grey too.
PARTS = ("#08519c", "#6baed6", "#d9d9d9", "#fdae6b", "#a63603")
# Areas below arrows and borders, light versions of the palette.
PALE = ("#9cc7e4", "#f2b58c", "#93d1bd", "#e3bdd3", "#f1d491", "#bfe2f5")
# Links of weights: both ways, one way.
BOTH_WAYS, ONE_WAY = "#5b7fa6", "#d9822b"
CLUSTER_COLOURS = {
    "High-High": RED,
    "Low-Low": BLUE,
    "High-Low": "#f4a582",
    "Low-High": "#92c5de",
    "Not significant": LIGHT,
    "No neighbours": LAND,
}
# From the least to the most significant, a step darker each. Two unlike neighbours have hues of
# their own: shades of one red would be read as tiers.
TIER_COLOURS = {
    "High-High": ("#f4a59b", "#d6403f", "#8b0a1f"),
    "Low-Low": ("#a3c6e8", "#4a8cc7", "#12407a"),
    "High-Low": ("#fcd59b", "#f0a030", "#a86500"),
    "Low-High": ("#bfe3c8", "#5fb57c", "#1b7a41"),
}
SIGNIFICANCE = ("#cfcde5", "#8f86c0", "#44207a")

_LATIN_FONTS = ("Arial", "Helvetica", "Liberation Sans", "DejaVu Sans")
# Comes with the package, so that Chinese is drawn alike on every machine.
_SHIPPED_FONT = "Noto Sans SC"
# For characters that it lacks (Korean, rare ones), and if it is not there, from the system.
_CJK_FONTS = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "SimHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Arial Unicode MS",
    "Noto Sans CJK JP",
    "Noto Sans CJK TC",
    "Noto Sans CJK KR",
    "Droid Sans Fallback",
    "SimSun",
    "Noto Serif CJK SC",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "NanumGothic",
)
_GENERIC_FAMILIES = ("serif", "sans-serif", "cursive", "fantasy", "monospace")
_MATH = re.compile(r"(?<!\\)\$[^$]*(?<!\\)\$")

_FONT_WARNING = (
    "No font here has these characters: {letters}. Boxes are drawn in their place, here and in "
    "other figures. Install a font that has them (on Debian the package fonts-noto-cjk) or name "
    "yours in matplotlib.rcParams['font.sans-serif']"
)
# Whether the next figure with characters that no font has is warned of.
_font_warning_due = True

# A Chinese character is a word; no line begins with a stop or ends with an opening bracket.
_WORD = re.compile(r"[（【《]*[\u2e80-\uffef][，。、；：）】》？！]*|[^\s\u2e80-\uffef]+|\s+")


# Keywords of layers that the caller of the figure being drawn has passed.
_CALLERS: ContextVar[list[Mapping[str, Any]]] = ContextVar("layers of the caller")

# Maps and matrices side by side.
Columns = Annotated[int, Range(1, 20)]
# More classes than shades can be told apart.
Classes = Annotated[int, Range(2, 20)]


def _is_colour_map(value: object) -> bool:
    import matplotlib as mpl

    return isinstance(value, str) and value in mpl.colormaps


ColourMap = Annotated[
    str, Rule("a colour map of matplotlib", _is_colour_map, lambda value: "such as 'YlGnBu'")
]


def _fonts() -> list[str]:
    """Return the fonts to use, in order of preference.

    Those that the user has chosen in matplotlib's settings; Latin ones; the Chinese font that comes
    with the package, before any that is installed, so that a figure is the same on all machines;
    installed ones for characters that it lacks.
    """
    return list(_ordered_fonts(_chosen_fonts(), _LATIN_FONTS))


def _chosen_fonts() -> tuple[str, ...]:
    """Return the fonts in matplotlib's settings; none where these are as matplotlib has them."""
    import matplotlib as mpl

    def names(settings: Any) -> tuple[str, ...]:
        families = settings["font.family"]
        return tuple(
            name
            for family in families
            for name in (settings[f"font.{family}"] if family in _GENERIC_FAMILIES else [family])
        )

    chosen = names(mpl.rcParams)
    return () if chosen == names(mpl.rcParamsDefault) else chosen


@cache
def _ordered_fonts(chosen: tuple[str, ...], latin: tuple[str, ...]) -> tuple[str, ...]:
    from matplotlib import font_manager

    def known() -> set[str]:
        return {font.name for font in font_manager.fontManager.ttflist}

    if known().isdisjoint(_CJK_FONTS):
        _register_new_fonts()
    _register_shipped_font()
    names = dict.fromkeys([*chosen, *latin, _SHIPPED_FONT, *_CJK_FONTS])
    there = known()
    return tuple(name for name in names if name in there)


def _register_shipped_font() -> None:
    """Tell matplotlib of the Chinese font that is installed with the package."""
    from matplotlib.font_manager import fontManager

    try:
        from pylopdf_fonts_zh_cn import sans_path
    except ImportError:  # left out by whoever packed the package anew: installed fonts serve
        return
    fontManager.addfont(str(sans_path()))
    font = fontManager.ttflist.pop()
    # It has no bold letters: the same ones serve. Among equal fonts matplotlib takes the first.
    fontManager.ttflist[:0] = [font, replace(font, weight=700)]


def _register_new_fonts() -> None:
    """Tell matplotlib of fonts installed after it wrote its list, which it never renews."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    listed = {font.fname for font in manager.ttflist}
    for path in font_manager.findSystemFonts():
        if path not in listed:
            # matplotlib leaves out files that it cannot read when it makes its list; so do we.
            with suppress(Exception):
                manager.addfont(path)


def font_state() -> str:
    """Return the fonts that figures are drawn with, and a digest of each of their files.

    Two runs with the same text draw the same letters; a study makes its figures anew when it
    changes.

    Examples
    --------
    >>> "Noto Sans SC: NotoSansSC-Regular.otf" in font_state()
    True
    """
    from matplotlib.font_manager import FontProperties, findfont

    states = dict.fromkeys(
        f"{name}: {path.name} {_digest(path)}"
        for name in _fonts()
        for weight in ("normal", "bold")
        for path in [Path(findfont(FontProperties(family=name, weight=weight)))]
    )
    return "; ".join(states)


@cache
def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


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


def layer(given: Layer, **defaults: Any) -> dict[str, Any]:
    """Return the keyword arguments of a layer: ours, and over them the caller's."""
    if given:
        _CALLERS.get().append(given)
    return {**defaults, **(given or {})}


@contextmanager
def themed(lang: Lang = "en") -> Iterator[None]:
    """Draw with the package's settings and words; matplotlib's own come back afterwards."""
    import matplotlib as mpl

    # The Chinese font has no bold letters; bold Latin ones beside them would stand out.
    weight = "normal" if lang == "zh" else "bold"
    settings: dict[Any, Any] = {
        "font.family": _fonts(),
        "font.size": 8,
        "axes.titlesize": 8.5,
        "axes.titleweight": weight,
        "figure.titleweight": weight,
        "axes.titlelocation": "left",
        "axes.labelsize": 8,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": False,  # some CJK fonts have no minus sign
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "legend.fontsize": 7,
        "legend.title_fontsize": 7,
        "legend.frameon": False,
        "hatch.linewidth": 0.4,
        "figure.constrained_layout.use": True,
        "figure.constrained_layout.h_pad": 0.06,
    }
    # Only what is set here is set back: a notebook's backend is loaded with the first figure and
    # turns interactive mode on; rc_context would turn it off again.
    before = {name: mpl.rcParams[name] for name in settings}
    mpl.rcParams.update(settings)
    callers = _CALLERS.set([])
    try:
        with speaking(lang):
            yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        layers = _CALLERS.get()
        if isinstance(error, NqpError) or not layers:
            raise
        raise OptionError(
            f"matplotlib does not take the keywords of a layer, {' or '.join(map(repr, layers))}: "
            f"{error}"
        ) from error
    finally:
        _CALLERS.reset(callers)
        mpl.rcParams.update(before)


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


def figure_of(drawn: Figure | Axes) -> Figure:
    """Return the figure that an axes belongs to, or the figure itself."""
    from matplotlib.figure import Figure

    # An axes may be part of a subfigure; the figure of either is the whole.
    figure = getattr(getattr(drawn, "figure", None), "figure", None)
    if isinstance(figure, Figure):
        return figure
    raise OptionError(
        f"wanted a matplotlib figure or axes, as plots return them; got {type(drawn).__name__}"
    )


def check_fonts(drawn: Figure | Axes) -> None:
    """Let every text of a drawing fall back on our fonts; warn of letters that none has.

    Axes that the caller made have texts in the caller's fonts, also for ticks that are still to
    come. The warning comes once in a process, or on a page.
    """
    from matplotlib.text import Text

    global _font_warning_due
    for text in drawn.findobj(Text):
        if isinstance(text, Text) and not set(text.get_fontfamily()).issuperset(_fonts()):
            text.set_fontfamily(list(dict.fromkeys([*text.get_fontfamily(), *_fonts()])))
    if not _font_warning_due:
        return
    texts = [text for text in figure_of(drawn).findobj(Text) if isinstance(text, Text)]
    letters = sorted({letter for text in texts for letter in _letters_by_font(text)[""]})
    if letters:
        _font_warning_due = False
        shown = " ".join(letters[:10]) + (" …" if len(letters) > 10 else "")
        warnings.warn(say(_FONT_WARNING, letters=shown), FontWarning, stacklevel=4)


def renew_font_warning() -> None:
    """Let `check_fonts` warn again: a new page has a warning of its own."""
    global _font_warning_due
    _font_warning_due = True


def _letters_by_font(text: Text) -> dict[str, set[str]]:
    """Return the letters of a text by the file that each is drawn from; "" holds the others."""
    from matplotlib.font_manager import findfont

    letters = {letter for letter in _MATH.sub("", text.get_text()) if letter.isprintable()}
    files: dict[str, set[str]] = {}
    for family in text.get_fontfamily():
        properties = text.get_fontproperties().copy()
        properties.set_family(family)
        with suppress(ValueError):  # no font of that name
            file = findfont(properties, fallback_to_default=False)
            files[file] = letters & _letters_of(file)
            letters -= files[file]
    return {**files, "": letters}


@cache
def _letters_of(file: str) -> frozenset[str]:
    from matplotlib.font_manager import get_font

    return frozenset(map(chr, get_font(file).get_charmap()))


@cache
def _has_cubic_outlines(file: str) -> bool:
    """Whether a font is of the kind "CFF", as most Chinese ones are."""
    from matplotlib.font_manager import get_font

    table = get_font(file).get_sfnt_table("maxp")
    return table is not None and tuple(table["version"]) == (0, 0x5000)


def _font_type(figure: Figure) -> int:
    """Return how a figure's fonts are put into PDF and PostScript files.

    As type 42, which journals ask for. What matplotlib writes of a CFF font under that name breaks
    the standard: Ghostscript refuses the file. Type 3 is right for it.
    """
    from matplotlib.text import Text

    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    files = {
        file for text in texts for file, used in _letters_by_font(text).items() if file and used
    }
    return 3 if any(map(_has_cubic_outlines, files)) else 42


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
    kind = _font_type(figure)
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
