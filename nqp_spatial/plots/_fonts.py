"""The fonts that figures are drawn with, and the letters that no font has."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nqp_spatial.core.text import t, translate
from nqp_spatial.errors import FontWarning
from nqp_spatial.plots._context import current_theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.text import Text

__all__ = [
    "check_fonts",
    "font_state",
    "font_type",
    "fonts",
    "generic_fonts",
    "known_fonts",
    "renew_font_warning",
]

_LATIN_FONTS = ("Arial", "Helvetica", "Liberation Sans", "DejaVu Sans")
_SERIF_FONTS = ("Times New Roman", "Times", "Nimbus Roman", "Liberation Serif", "DejaVu Serif")
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

# Whether the next figure with characters that no font has is warned of.
_font_warning_due = True


def fonts() -> list[str]:
    """Return the fonts to use, in order of preference.

    Those of the theme in force or else of the user in matplotlib's settings; Latin ones; the
    Chinese font that comes with the package, before any that is installed, so that a figure is the
    same on all machines; installed ones for characters that it lacks.
    """
    return list(_ordered_fonts(current_theme().fonts or _chosen_fonts(), _LATIN_FONTS))


def known_fonts() -> set[str]:
    """Return the names of the fonts that matplotlib finds here."""
    from matplotlib import font_manager

    fonts()  # those that are new since matplotlib made its list
    return {font.name for font in font_manager.fontManager.ttflist}


def generic_fonts(family: str) -> list[str]:
    """Return fonts of a generic family such as "serif": the package's choice, then matplotlib's."""
    import matplotlib as mpl

    ours = {"serif": _SERIF_FONTS, "sans-serif": _LATIN_FONTS}.get(family, ())
    settings: Any = mpl.rcParams
    default: Any = mpl.rcParamsDefault
    theirs = settings[f"font.{family}"]
    changed = theirs != default[f"font.{family}"]
    return [*theirs, *ours] if changed else [*ours, *theirs]


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
    available = known()
    names = dict.fromkeys([*chosen, *latin, _SHIPPED_FONT])
    return _with_fallbacks([name for name in names if name in available], available)


def _with_fallbacks(names: Sequence[str], available: set[str]) -> tuple[str, ...]:
    """Add the fonts for other characters, each only if it has some that those before it lack.

    matplotlib looks up every font of the list for every text, however few its letters.
    """
    from matplotlib.font_manager import FontProperties, findfont

    def letters_of(name: str) -> frozenset[str]:
        return _letters_of(findfont(FontProperties(family=name)))

    needed = list(names)
    letters: set[str] = set().union(*map(letters_of, names))
    for name in _CJK_FONTS:
        if name in available and name not in needed and not letters_of(name) <= letters:
            needed.append(name)
            letters |= letters_of(name)
    return tuple(needed)


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
        for name in fonts()
        for weight in ("normal", "bold")
        for path in [Path(findfont(FontProperties(family=name, weight=weight)))]
    )
    return "; ".join(states)


@cache
def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def check_fonts(artist: Figure | SubFigure | Axes) -> None:
    """Let every text of a drawing fall back on our fonts; warn of letters that none has.

    Axes that the caller made have texts in the caller's fonts, also for ticks that are still to
    come. The warning comes once in a process, or on a page.
    """
    from matplotlib.text import Text

    global _font_warning_due
    ours = fonts()
    for text in artist.findobj(Text):
        if isinstance(text, Text) and not set(text.get_fontfamily()).issuperset(ours):
            text.set_fontfamily(list(dict.fromkeys([*text.get_fontfamily(), *ours])))
    if not _font_warning_due:
        return
    texts = [text for text in artist.figure.figure.findobj(Text) if isinstance(text, Text)]
    letters = sorted({letter for text in texts for letter in _letters_by_font(text)[""]})
    if letters:
        _font_warning_due = False
        shown = " ".join(letters[:10]) + (" …" if len(letters) > 10 else "")
        warning = t(
            "No font here has these characters: {letters}. Boxes are drawn in their place, here "
            "and in other figures. Install a font that has them (on Debian the package "
            "fonts-noto-cjk) or name yours in matplotlib.rcParams['font.sans-serif']",
            letters=shown,
        )
        warnings.warn(translate(warning), FontWarning, stacklevel=6)


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
        if not letters:  # as of most texts, the labels of ticks that are not drawn
            break
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


def font_type(figure: Figure) -> int:
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
