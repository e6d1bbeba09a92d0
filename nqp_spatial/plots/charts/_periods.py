"""An axis of periods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.periods import places_on_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["period_axis"]


def period_axis(ax: Axes, periods: pd.Index) -> np.ndarray:
    """Make the horizontal axis one of periods; return their places on it.

    Years are numbers on the axis, with a few round ones named; of other periods every few are.
    """
    places = places_on_axis(periods)
    if pd.api.types.is_any_real_numeric_dtype(periods):
        ax.locator_params(axis="x", integer=True, nbins=7)
    else:
        step = -(-len(periods) // 6)
        ax.set_xticks(places[::step], [str(period) for period in periods[::step]])
    ax.set_xlim(places[0], places[-1])
    return places
