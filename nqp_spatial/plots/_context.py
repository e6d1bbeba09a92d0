"""The theme that a caller has entered: its font, its size and its style."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "PAPER_SIZE",
    "ThemeChoice",
    "current_theme",
    "enter",
    "is_look",
    "leave",
    "nearest_names",
    "sized",
    "text_factor",
]

#: Points of the text of a figure in a journal.
PAPER_SIZE = 8.0
# Settings of matplotlib that are about the look of a figure, not about files or screens.
_LOOKS = (
    "axes.", "axes3d.", "contour.", "errorbar.", "font.", "grid.", "hatch.", "image.", "legend.",
    "lines.", "markers.", "mathtext.", "patch.", "scatter.", "text.color", "xaxis.", "xtick.",
    "yaxis.", "ytick.", "figure.facecolor", "figure.edgecolor", "figure.title", "figure.label",
    "figure.constrained_layout.", "figure.autolayout",
)  # fmt: skip
# The decimal comma of a country is the reader's, as are the fonts of a family.
_OF_THE_USER = (
    "axes.formatter.", "font.serif", "font.sans-serif", "font.monospace", "font.cursive",
    "font.fantasy",
)  # fmt: skip


@dataclass(frozen=True)
class ThemeChoice:
    """What figures are drawn with.

    Attributes
    ----------
    fonts : tuple of str
        Families in order of preference, before the package's own; empty for its own.
    size : float
        Of the text, points.
    scale : float
        How many times larger a figure is than on paper.
    settings : dict
        Of matplotlib, over the theme's.
    """

    fonts: tuple[str, ...] = ()
    size: float = PAPER_SIZE
    scale: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)


_PAPER = ThemeChoice()
_CURRENT: ContextVar[ThemeChoice] = ContextVar("theme", default=_PAPER)


def current_theme() -> ThemeChoice:
    """Return the theme in force."""
    return _CURRENT.get()


def sized(points: float) -> float:
    """Return a length in points, or a size of letters, that is so on paper.

    Examples
    --------
    >>> sized(6.5)
    6.5
    """
    return points * _CURRENT.get().size / PAPER_SIZE


def text_factor() -> float:
    """Return how large text is beside a figure, compared with a figure on paper."""
    choice = _CURRENT.get()
    return choice.size / PAPER_SIZE / choice.scale


def enter(choice: ThemeChoice) -> Token[ThemeChoice]:
    """Put a theme in force; return what `leave` takes."""
    return _CURRENT.set(choice)


def leave(token: Token[ThemeChoice]) -> None:
    """Put the theme before in force again."""
    _CURRENT.reset(token)


def is_look(name: str) -> bool:
    """Whether a setting of matplotlib is about the look of a figure, and not the user's."""
    return name.startswith(_LOOKS) and not name.startswith(_OF_THE_USER)


def nearest_names(name: object, known: Any) -> str:
    """Return a question for the nearest known names, or nothing.

    Examples
    --------
    >>> nearest_names("YlGnBlu", ["YlGnBu", "viridis"])
    "did you mean 'YlGnBu'?"
    """
    lower = {text.lower(): text for text in known}
    matches = difflib.get_close_matches(str(name).lower(), lower, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(repr(lower[text]) for text in matches)}?" if matches else ""
