"""An axis of periods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.periods import places_on_axis
from nqp_spatial.plots._canvas import sized
from nqp_spatial.plots._words import sizes_of_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["chosen_periods", "period_axis"]

_ROUND = (1, 2, 5, 10, 20, 25, 50, 100)


def period_axis(ax: Axes, periods: pd.Index, width: float) -> np.ndarray:
    """Make the horizontal axis one of periods; return their places on it.

    Years are numbers on the axis, with a few round ones named; of other periods every few are.

    Parameters
    ----------
    ax : Axes
    periods : Index
    width : float
        Of the figure, inches on paper.
    """
    from matplotlib.ticker import MaxNLocator

    places = places_on_axis(periods)
    names = [str(period) for period in periods]
    most = _names_that_fit(ax, names, width)
    if pd.api.types.is_any_real_numeric_dtype(periods):
        ax.xaxis.set_major_locator(
            MaxNLocator(integer=True, nbins=min(most, 7), steps=[1, 2, 5, 10])
        )
    else:
        shown = chosen_periods(periods, min(most, 7))
        ax.set_xticks(places[shown], [names[place] for place in shown])
    ax.set_xlim(places[0], places[-1])
    return places


def _names_that_fit(ax: Axes, names: list[str], width: float) -> int:
    from nqp_spatial.plots._context import current_theme

    longest = sizes_of_words(ax, [max(names, key=len)], sized(7))[0, 0] / current_theme().scale
    return max(int(0.75 * width / (1.4 * longest)), 2)


def chosen_periods(periods: pd.Index, most: int) -> np.ndarray:
    """Return the positions of at most so many periods, at even steps.

    First and last are among them if a step leads from one to the other; else round years are
    chosen, or of other periods the last and those before it.

    Parameters
    ----------
    periods : Index
    most : int
        2 or more.

    Examples
    --------
    >>> years = pd.Index(range(1929, 2010))
    >>> years[chosen_periods(years, 17)].tolist()[:4]
    [1929, 1934, 1939, 1944]
    >>> years[chosen_periods(years, 6)].tolist()
    [1929, 1949, 1969, 1989, 2009]
    >>> years[:53][chosen_periods(years[:53], 6)].tolist()
    [1930, 1940, 1950, 1960, 1970, 1980]
    """
    count = len(periods)
    if count <= most:
        return np.arange(count)
    least = -(-(count - 1) // (most - 1))
    for step in range(least, 2 * least):
        if (count - 1) % step == 0:
            return np.arange(0, count, step)
    if pd.api.types.is_any_real_numeric_dtype(periods):
        years = np.asarray(periods, dtype=float)
        for step in _ROUND:
            (shown,) = np.nonzero(years % step == 0)
            if 2 <= len(shown) <= most and len(set(np.diff(years[shown]))) == 1:
                return shown
    step = -(-count // most)
    return np.arange((count - 1) % step, count, step)
