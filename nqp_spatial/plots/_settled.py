"""The layout of new figures: matplotlib's, repeated until it no longer moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.layout_engine import ConstrainedLayoutEngine

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SettledLayout"]

_ROUNDS = 4
_STILL = 1e-4  # shares of the figure


class SettledLayout(ConstrainedLayoutEngine):
    """Constrained layout that is repeated until the axes stay where they are.

    One pass makes room for the labels that there are. It shrinks axes, and then a legend that is
    placed below a map, or ticks that have changed, need other room.
    """

    def execute(self, fig: Figure) -> None:
        """Place the axes of a figure."""
        places = _places(fig)
        for _ in range(_ROUNDS):
            super().execute(fig)
            before, places = places, _places(fig)
            if before.shape == places.shape and np.allclose(before, places, rtol=0, atol=_STILL):
                break


def _places(fig: Figure) -> np.ndarray:
    return np.array([ax.get_position(original=True).bounds for ax in fig.get_axes()])
