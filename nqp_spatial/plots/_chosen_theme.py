"""`theme`: what a caller may change of the look of figures, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ContextDecorator
from contextvars import Token
from typing import Annotated, Any

from nqp_spatial.core.options import Range, checked
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._context import (
    PAPER_SIZE,
    ThemeChoice,
    enter,
    is_look,
    leave,
    nearest_names,
)
from nqp_spatial.plots._fonts import generic_fonts, known_fonts
from nqp_spatial.plots._theme import applied

__all__ = ["theme"]

# How many times larger a whole figure is, its lines and marks too.
_SCALES = {"paper": 1.0, "notebook": 1.25, "talk": 1.75}
_GENERIC = ("serif", "sans-serif", "monospace")
# Fonts of the families that a caller's settings may name.
_FAMILIES = tuple(f"font.{family}" for family in _GENERIC)


class _Theme(ContextDecorator):
    """Enters a theme, and matplotlib's settings of it; may be entered again."""

    def __init__(self, choice: ThemeChoice) -> None:
        self.choice = choice
        self._entered: list[tuple[Token[ThemeChoice], Any]] = []

    def __enter__(self) -> None:
        token = enter(self.choice)
        settings = applied()
        settings.__enter__()
        self._entered.append((token, settings))

    def __exit__(self, *error: object) -> None:
        token, settings = self._entered.pop()
        settings.__exit__(None, None, None)
        leave(token)


@checked
def theme(
    *,
    font: str | Sequence[str] | None = None,
    size: Annotated[float, Range(3, 72, advice="sizes of text are in points")] | None = None,
    style: str | Mapping[str, Any] = "paper",
) -> ContextDecorator:
    """Return a context in which figures have another font, size or style.

    Parameters
    ----------
    font : str or sequence of str, optional
        A family that is installed, several in order of preference, or ``"serif"``,
        ``"sans-serif"`` or ``"monospace"``. Characters that it lacks, such as Chinese ones, are
        taken from the font that comes with the package. Without it: ``font.family`` in
        `matplotlib.rcParams` if that was changed, else a sans-serif font.
    size : float, optional
        Of the text in points; titles and the labels of ticks keep their proportion to it. The
        figure keeps its width. By default that of the style, which is 8 on paper.
    style : str or mapping
        ``"paper"``; ``"notebook"`` and ``"talk"``, in which the whole figure is 1.25 and 1.75
        times larger with its lines and marks; the name of a style of matplotlib, or a mapping of
        its settings, such as ``{"axes.spines.top": True}``, over those of the package.

    Returns
    -------
    context
        For ``with``, or to decorate a function. Axes that are made inside it have the theme too,
        and a layout that keeps them apart. Outside it the defaults hold. Colours of data are always
        the package's.

    Raises
    ------
    OptionError
        If a font is not installed, a style or a setting is unknown, or a style is dark.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> income = nq.datasets.us_income()
    >>> with nq.plots.theme(font="serif", size=10):
    ...     ax = nq.plots.choropleth(income, "income", period=2009, title="Income")
    >>> ax.get_legend().get_texts()[0].get_fontsize()
    8.75
    """
    settings = _settings(style)
    scale = _SCALES[style] if isinstance(style, str) and style in _SCALES else 1.0
    if size is None:
        size = float(settings.get("font.size", PAPER_SIZE * scale))
    families = () if font is None else _families((font,) if isinstance(font, str) else tuple(font))
    if not families and "font.family" in settings:
        families = _families(_listed(settings["font.family"]), settings)
    settings = {
        name: value
        for name, value in settings.items()
        if name not in ("font.size", "font.family", *_FAMILIES)
    }
    return _Theme(ThemeChoice(families, float(size), scale, settings))


def _listed(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _settings(style: str | Mapping[str, Any]) -> dict[str, Any]:
    """Return what a style changes in matplotlib's settings."""
    from matplotlib import style as styles

    if isinstance(style, str):
        if style in _SCALES:
            return {}
        known = [*_SCALES, *styles.available]
        if style not in known:
            raise OptionError(
                f"there is no style {style!r}; {_hint(style, known)}styles are "
                f"{', '.join(_SCALES)} and those of matplotlib.style.available"
            )
        library: Any = styles.library[style]
        settings = {
            name: value
            for name, value in library.items()
            if is_look(name) or name.startswith("font.")
        }
    else:
        settings = {name: _valid(name, value) for name, value in style.items()}
    if _is_dark(settings.get("axes.facecolor", "white")):
        raise OptionError(
            f"the style {style!r} is dark, and our lines and letters would not be seen on it; "
            "choose a light one, such as 'ggplot' or 'seaborn-v0_8-whitegrid'"
        )
    return settings


def _valid(name: Any, value: Any) -> Any:
    """Return a setting as matplotlib takes it."""
    import matplotlib as mpl

    if name not in mpl.rcParamsDefault:
        raise OptionError(
            f"matplotlib has no setting {name!r}; {_hint(name, mpl.rcParamsDefault)}they are "
            "the keys of matplotlib.rcParams"
        )
    try:
        return mpl.RcParams({name: value})[name]
    except ValueError as error:
        raise OptionError(f"style has a wrong value of a setting: {error}") from error


def _is_dark(colour: Any) -> bool:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue < 0.5


def _families(names: tuple[str, ...], settings: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Return families that are installed, a generic one by its members."""
    known = known_fonts()
    families: list[str] = []
    for name in names:
        if name in _GENERIC:
            of_style = (settings or {}).get(f"font.{name}", ())
            families += [member for member in (*of_style, *generic_fonts(name)) if member in known]
        elif name in known:
            families.append(name)
        else:
            raise OptionError(
                f"there is no font {name!r} here; {_hint(name, known)}name one that is "
                "installed, or 'serif', 'sans-serif' or 'monospace'"
            )
    if not names:
        raise OptionError("font must name at least one font, or be None for the package's")
    return tuple(dict.fromkeys(families))


def _hint(name: object, known: Iterable[str]) -> str:
    near = nearest_names(name, known)
    return f"{near} " if near else ""
