"""One look for all figures: sizes, colours and settings.

The theme is applied to a figure while it is drawn; matplotlib's global settings stay as they are.
What a caller may change of it is in `_context`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Any

import numpy as np

from nqp_spatial.core.options import Range, Rule
from nqp_spatial.core.text import Lang, current_language, language
from nqp_spatial.errors import NqpError, OptionError
from nqp_spatial.plots._context import current_theme, is_look, nearest_names, sized
from nqp_spatial.plots._fonts import fonts

__all__ = [
    "COLUMN",
    "PAGE",
    "Classes",
    "ColourMap",
    "Columns",
    "Layer",
    "applied",
    "layer",
    "themed",
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
# Units of no group, such as divergent ones.
NO_GROUP = "#bdbdbd"
EDGE, EDGE_LIGHT, PANE, GRID = "#8a8a8a", "#c9c9c9", "#d0d0d0", "#e3e3e3"
# Land without units is white: light grey already says that a unit is not significant.
LAND, GROUND = "#ffffff", "#f3f3f1"
# Colour maps for one direction, for two from a middle, for probabilities, for an order, for height.
SEQUENTIAL, DIVERGING, PROBABILITY, ORDERED = "YlGnBu", "RdBu_r", "Blues", "viridis"
# Units that belong to none of the groups.
DIVERGENT = "#b0b0b0"
# Parts of a whole, from dark to light: the order holds in grey too.
PARTS = ("#08519c", "#6baed6", "#d9d9d9", "#fdae6b", "#a63603")
# Areas below arrows and borders, light versions of the palette.
PALE = ("#9cc7e4", "#f2b58c", "#93d1bd", "#e3bdd3", "#f1d491", "#bfe2f5")
# Links of weights: both ways, one way.
BOTH_WAYS, ONE_WAY = "#5b7fa6", "#d9822b"
# Points and lines of groups, in this order: told apart in grey too.
MARKERS = "osD^vPX*<>"
LINE_STYLES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
CLUSTER_COLOURS = {
    "High-High": RED,
    "Low-Low": BLUE,
    "High-Low": "#f4a582",
    "Low-High": "#92c5de",
    "Hot spot": RED,
    "Cold spot": BLUE,
    "Other similar": "#5fb57c",
    "Dissimilar": "#f0a030",
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
    "Other similar": ("#bfe3c8", "#5fb57c", "#1b7a41"),
    "Dissimilar": ("#fcd59b", "#f0a030", "#a86500"),
}
TIER_COLOURS |= {"Hot spot": TIER_COLOURS["High-High"], "Cold spot": TIER_COLOURS["Low-Low"]}
SIGNIFICANCE = ("#cfcde5", "#8f86c0", "#44207a")

# Keywords of layers that the caller of the figure being drawn has passed.
_CALLERS: ContextVar[list[Mapping[str, Any]]] = ContextVar("layers of the caller")

# Maps and matrices side by side.
Columns = Annotated[int, Range(1, 20)]
# More classes than shades can be told apart.
Classes = Annotated[int, Range(2, 20)]


def _is_colour_map(value: object) -> bool:
    import matplotlib as mpl

    return isinstance(value, str) and value in mpl.colormaps


def _near_colour_maps(value: object) -> str:
    """Return colour maps with names like a value."""
    import matplotlib as mpl

    return nearest_names(value, mpl.colormaps) or "such as 'YlGnBu'"


ColourMap = Annotated[str, Rule("a colour map of matplotlib", _is_colour_map, _near_colour_maps)]


def ordered_colours(count: int) -> list[Any]:
    """Return colours of groups that have an order, from dark to light."""
    import matplotlib as mpl

    return list(mpl.colormaps[ORDERED](np.linspace(0.05, 0.82, max(count, 2))))[:count]


def layer(options: Layer, **defaults: Any) -> dict[str, Any]:
    """Return the keyword arguments of a layer: ours, and over them the caller's."""
    if options:
        _CALLERS.get().append(options)
    return {**defaults, **(options or {})}


def _theme_settings(lang: Lang) -> dict[Any, Any]:
    """Return the settings of the package in the sizes of the theme in force."""
    size, scale = current_theme().size, current_theme().scale
    # The Chinese font has no bold letters; bold Latin ones beside them would stand out.
    weight = "normal" if lang == "zh" else "bold"
    families = fonts()
    return {
        "font.family": families,
        "font.size": size,
        "mathtext.fontset": "dejavuserif" if "Serif" in families[0] else "dejavusans",
        "axes.titlesize": sized(8.5),
        "axes.titleweight": weight,
        "axes.titlepad": 6.0 * scale,
        "figure.titlesize": sized(9),
        "figure.titleweight": weight,
        "axes.titlelocation": "left",
        "axes.labelsize": size,
        "axes.labelpad": 4.0 * scale,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.linewidth": 0.6 * scale,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,  # from the next font, if one has no minus sign
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": sized(7),
        "ytick.labelsize": sized(7),
        "xtick.major.width": 0.6 * scale,
        "ytick.major.width": 0.6 * scale,
        "xtick.major.size": 3.5 * scale,
        "ytick.major.size": 3.5 * scale,
        "legend.fontsize": sized(7),
        "legend.title_fontsize": sized(7),
        "legend.frameon": False,
        "hatch.linewidth": 0.4 * scale,
        "figure.constrained_layout.use": True,
        "figure.constrained_layout.h_pad": 0.06 * scale,
    }


@contextmanager
def applied(lang: Lang | None = None) -> Iterator[None]:
    """Set matplotlib's settings to those of the theme in force; its own come back afterwards.

    What a style of the user changes in the look of figures is set back too: half of a style under
    half of a theme is neither.
    """
    import matplotlib as mpl

    default = {name: value for name, value in mpl.rcParamsDefault.items() if is_look(name)}
    style = current_theme().settings
    lang = lang or ("zh" if current_language() == "zh" else "en")
    settings = {**default, **_theme_settings(lang), **style}
    # Only what is set here is set back: a notebook's backend is loaded with the first figure and
    # turns interactive mode on; rc_context would turn it off again.
    before = {name: mpl.rcParams[name] for name in settings}
    mpl.rcParams.update({k: v for k, v in settings.items() if before[k] != v})
    try:
        yield
    finally:
        mpl.rcParams.update({k: v for k, v in before.items() if mpl.rcParams[k] != v})


@contextmanager
def themed(lang: Lang = "en") -> Iterator[None]:
    """Draw with the package's settings and words; matplotlib's own come back afterwards."""
    callers = _CALLERS.set([])
    try:
        with applied(lang), language(lang):
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
