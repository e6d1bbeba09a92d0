"""Colours, hatches and lines of convergence clubs, the same on the map and for their paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nqp_spatial.plots._theme import INK, LINE_STYLES, MARKERS, ORDERED, PALETTE

__all__ = ["ClubStyle", "club_styles"]

# Colours of the palette that show as a line on white and as an area.
_FEW = 6
# Shades of one ramp that readers tell apart at a glance, and hatches over them.
_SHADES = 5
_HATCHES = ("", "////", "....", "xxxx")


@dataclass(frozen=True)
class ClubStyle:
    """How one club is drawn.

    Attributes
    ----------
    colour : colour of matplotlib
    hatch : str
        Over areas; empty for none.
    line : line style of matplotlib
    marker : str
    """

    colour: Any
    hatch: str
    line: Any
    marker: str

    @property
    def ink(self) -> str:
        """Colour of the hatch: light on dark areas, dark on light ones."""
        red, green, blue = self.colour[:3]
        return "white" if 0.3 * red + 0.59 * green + 0.11 * blue < 0.55 else INK


def club_styles(count: int) -> list[ClubStyle]:
    """Return the styles of clubs, from the highest to the lowest.

    Few clubs have a colour of the palette each. Many have five shades in order, from dark to light;
    neighbouring clubs of one shade differ by their hatch.

    Examples
    --------
    >>> [style.hatch for style in club_styles(10)][:3], len({s.colour for s in club_styles(6)})
    (['', '////', ''], 6)
    """
    import matplotlib as mpl
    from matplotlib.colors import to_rgb

    if count <= _FEW:
        return [
            ClubStyle(to_rgb(PALETTE[place]), "", "-", MARKERS[place]) for place in range(count)
        ]
    across = min(-(-count // _SHADES), len(_HATCHES))
    shades = mpl.colormaps[ORDERED](np.linspace(0.0, 0.93, -(-count // across)))
    return [
        ClubStyle(
            tuple(map(float, shades[place // across][:3])), _HATCHES[place % across],
            LINE_STYLES[place % across], MARKERS[place % len(MARKERS)],
        )
        for place in range(count)
    ]  # fmt: skip
