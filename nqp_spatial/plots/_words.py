"""Long words of a figure: broken into lines, and labels of categories that do not collide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

import numpy as np

from nqp_spatial.plots._context import current_theme, sized, text_factor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "category_axis",
    "horizontal_label",
    "row_axis",
    "sizes_of_words",
    "width_of_names",
    "wrapped",
]

# A Chinese character is a word; no line begins with a stop or ends with an opening bracket.
_WORD = re.compile(r"[（【《]*[\u2e80-\uffef][，。、；：）】》？！]*|[^\s\u2e80-\uffef]+|\s+")
# Short words stay with what is before them, signs with what follows.
_CLINGS_BACK = re.compile(r"^[(\[]?[\w²%]{1,2}[\])]?[,;:.]?$")
_CLINGS_ON = re.compile(r"^[=+×/−–-]$")
_PER_INCH = 14.5  # letters of the base size on paper


def wrapped(text: str, width: float) -> str:
    """Return text broken into lines that fit a width in inches; wide characters count twice.

    Lines are about equally long, and as few as possible. A word of one or two letters stays
    with the one before it, and a sign with the one after it: "= 1)" is never parted.
    """
    letters = max(int(width * _PER_INCH / text_factor()), 8)
    return "\n".join(_wrapped_line(line, letters) for line in text.split("\n"))


def _length(text: str) -> int:
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _pieces(text: str, letters: int) -> list[tuple[str, str]]:
    """Return the pieces between which a line may end, each with the space before it."""
    pieces: list[tuple[str, str]] = []
    space, clings = "", False
    for word in _WORD.findall(text.strip()):
        if word.isspace():
            space = word
            continue
        wide = "\u2e80" <= word[-1] <= "\uffef"
        joins = bool(pieces) and (clings or (not wide and _CLINGS_BACK.match(word) is not None))
        longer = _length(pieces[-1][1] + space + word) if pieces else 0
        if joins and longer <= letters:
            pieces[-1] = pieces[-1][0], pieces[-1][1] + space + word
        else:
            pieces.append((space, word))
        space, clings = "", _CLINGS_ON.match(word) is not None
    return pieces


def _wrapped_line(text: str, letters: int) -> str:
    pieces = _pieces(text, letters)
    lines = _filled(pieces, letters)
    if len(lines) < 2:
        return "\n".join(lines)
    # The narrowest width at which the lines are as few: then they are about equally long.
    low, high = max(_length(line) for line in lines) // 2, letters
    while low < high:
        middle = (low + high) // 2
        if len(_filled(pieces, middle)) <= len(lines):
            high = middle
        else:
            low = middle + 1
    return "\n".join(_filled(pieces, low))


def _filled(pieces: list[tuple[str, str]], letters: int) -> list[str]:
    """Return lines filled one after the other."""
    lines = [""]
    for space, word in pieces:
        longer = lines[-1] + (space if lines[-1] else "") + word
        if lines[-1] and _length(longer) > letters:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def sizes_of_words(ax: Axes, words: Sequence[str], points: float) -> np.ndarray:
    """Return the widths and heights of words in inches, as the axes' figure would draw them."""
    from matplotlib.text import Text

    figure = ax.figure.figure
    sizes = []
    for text in words:
        artist = Text(text=text, fontsize=points)
        artist.set_figure(figure)
        box = artist.get_window_extent()
        sizes.append((box.width / figure.dpi, box.height / figure.dpi))
    return np.array(sizes).reshape(-1, 2)


def category_axis(
    ax: Axes, places: Sequence[float] | np.ndarray, names: Sequence[str], width: float,
    *, points: float = 7.0,
) -> None:  # fmt: skip
    """Name the places of a horizontal axis so that no two names touch.

    They stand straight in one line if there is room, else in several lines, else slanted.

    Parameters
    ----------
    ax : Axes
    places : array-like
        Where the names stand, at even steps.
    names : sequence of str
    width : float
        Of the axes, inches, about.
    points : float
        Size of the letters on paper.
    """
    size = sized(points)
    step = width * current_scale() / max(len(names), 1)
    lines = [wrapped(name, step / current_scale() * 0.92) for name in names]
    gap = 0.35 * size / 72
    for words in (list(names), lines):
        if (sizes_of_words(ax, words, size)[:, 0] + gap <= step).all():
            ax.set_xticks(places, words, fontsize=size)
            return
    tall = sizes_of_words(ax, names, size)[:, 1].max(initial=0.0)
    # Slanted lines are apart by the step times the sine of their angle.
    angle = 30 if step * 0.5 > tall else 50 if step * 0.76 > tall else 90
    shown = [wrapped(name, 1.4) if angle == 30 and step > 3 * tall else name for name in names]
    ax.set_xticks(
        places, shown, fontsize=size, rotation=angle, rotation_mode="anchor", ha="right",
        va="center" if angle == 90 else "top",
    )  # fmt: skip


def row_axis(
    ax: Axes, places: Sequence[float] | np.ndarray, names: Sequence[str], width: float,
    height: float,
) -> None:  # fmt: skip
    """Name the rows of a figure on its vertical axis, within the room that they have.

    Long names are broken into lines; where rows are narrow, letters are smaller.

    Parameters
    ----------
    ax : Axes
    places : array-like
        Where the names stand, at even steps.
    names : sequence of str
    width, height : float
        Of the names, and of the axes, inches on paper, about.
    """
    size = sized(7)
    step = height * current_scale() / max(len(names), 1)
    words = [wrapped(name, width) for name in names]
    tall = sizes_of_words(ax, words, size)[:, 1].max(initial=0.0)
    ax.set_yticks(places, words, fontsize=size * float(np.clip(0.92 * step / tall, 0.55, 1)))
    ax.tick_params(axis="y", length=0)


def horizontal_label(ax: Axes, words: str, width: float) -> None:
    """Label the horizontal axis in lines as long as the axes; call it when the rows have names.

    Parameters
    ----------
    ax : Axes
    words : str
    width : float
        Of the figure, inches on paper.
    """
    ax.set_xlabel(wrapped(words, max(width - width_of_names(ax) - 0.15, 0.45 * width)))


def width_of_names(ax: Axes) -> float:
    """Return the width of what stands beside the vertical axis, inches on paper."""
    if not ax.axison or ax.name != "rectilinear":
        return 0.0
    figure: Any = ax.figure.figure
    box = ax.yaxis.get_tightbbox(figure._get_renderer())
    pixels = 0.0 if box is None else max(ax.bbox.x0 - box.x0, 0.0)
    return float(pixels / figure.dpi / current_scale())


def current_scale() -> float:
    """Return how many times larger a figure is than on paper."""
    return current_theme().scale
