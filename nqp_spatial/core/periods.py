"""Periods: their positions in time, and the steps between them.

Periods are read once, when a panel is made (`core.period_readers`), so that "2010", "2010年", a
date in 2010 and a pandas `Period` of 2010 all are the year 2010. What needs neighbours in time
asks `require_even_steps`.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.period_readers import are_months, read_periods
from nqp_spatial.errors import PanelError, sample

__all__ = [
    "period_like",
    "places_in_time",
    "places_on_axis",
    "require_even_steps",
    "require_places_in_time",
]


def places_in_time(periods: pd.Index) -> np.ndarray | None:
    """Return the place of each period in time, in the unit of the periods; None if not known.

    Numbers are their own position (years in years), quarters, months and other pandas Periods count
    in themselves, dates in days; those of an ordered Categorical are 0, 1, 2, ...

    Examples
    --------
    >>> places_in_time(pd.PeriodIndex(["2010Q4", "2011Q1"], freq="Q")).tolist()
    [163.0, 164.0]
    >>> places_in_time(pd.Index(["before", "later"])) is None
    True
    """
    if isinstance(periods, pd.PeriodIndex):
        return np.asarray(periods.asi8, dtype=float)
    if isinstance(periods, pd.DatetimeIndex):
        return np.asarray((periods - pd.Timestamp(0)) / pd.Timedelta(days=1), dtype=float)
    if isinstance(periods, pd.CategoricalIndex) and periods.ordered:
        return np.arange(len(periods), dtype=float)
    if pd.api.types.is_numeric_dtype(periods):
        return np.asarray(periods, dtype=float)
    return None


def places_on_axis(periods: pd.Index) -> np.ndarray:
    """Return where periods stand on an axis of time: their places, or 0, 1, 2, ... if not known.

    Examples
    --------
    >>> places_on_axis(pd.Index(["before", "later"])).tolist()
    [0.0, 1.0]
    """
    places = places_in_time(periods)
    return np.arange(len(periods), dtype=float) if places is None else places


def require_places_in_time(periods: pd.Index, what: str) -> np.ndarray:
    """Return the places of periods in time, or raise `PanelError` if they are not known.

    Parameters
    ----------
    periods : Index
        In the order of the panel.
    what : str
        Who asks, as the subject of a sentence: "a dynamic model".

    Examples
    --------
    >>> require_places_in_time(pd.Index([2010, 2012]), "a trend").tolist()
    [2010.0, 2012.0]
    """
    places = places_in_time(periods)
    if places is not None:
        return places
    if len(periods) < 2:
        return np.zeros(len(periods))
    raise PanelError(
        f"{what} needs the order of periods in time, and the order of {sample(periods)} is not "
        "known; number the periods 1, 2, ... in their order, or make their column an ordered "
        "pandas.Categorical, whose steps count as equal"
    )


def require_even_steps(periods: pd.Index, what: str) -> float:
    """Return the step between periods, or raise `PanelError` unless all steps are equal.

    Without this check, what refers to the period before would skip a missing period silently.

    Parameters
    ----------
    periods : Index
        In the order of the panel.
    what : str
        Who asks, as the subject of a sentence: "a dynamic model".

    Returns
    -------
    float
        In the unit of `places_in_time`; 1 where there is one period.

    Raises
    ------
    PanelError
        If steps differ (the periods after which they do are named), or the order is not known.

    Examples
    --------
    >>> require_even_steps(pd.Index([2010, 2012, 2014]), "a trend")
    2.0
    >>> require_even_steps(pd.Index([2010, 2011, 2013]), "a trend")
    Traceback (most recent call last):
    ...
    nqp_spatial.errors.PanelError: a trend needs periods at equal steps, ...
    """
    places = require_places_in_time(periods, what)
    if len(places) < 2:
        return 1.0
    steps = np.diff(places)
    usual = float(np.median(steps))
    odd = np.flatnonzero(~np.isclose(steps, usual))
    if not len(odd):
        return usual
    advice = ""
    are_whole = pd.api.types.is_integer_dtype(periods)
    if are_whole and are_months([str(period) for period in periods]):
        advice = '; numbers such as 201003 are not read as months, text such as "2010-03" is'
    elif isinstance(periods, pd.DatetimeIndex):
        advice = "; steps of these dates are counted in days"
    raise PanelError(
        f"{what} needs periods at equal steps, that is, evenly spaced; after "
        f"{sample(periods[odd])} the step is not {usual:g}: select periods that follow each other "
        f"(panel.select), or add those that are missing{advice}"
    )


def period_like(value: Hashable, periods: pd.Index) -> Hashable:
    """Return a period as the panel has it: "2010年" is 2010 where periods are years.

    Parameters
    ----------
    value : hashable
        What a caller named; returned as it is if it cannot be read.
    periods : Index
        Of the panel.

    Examples
    --------
    >>> period_like("2010年", pd.Index([2010, 2011]))
    2010
    >>> period_like("2010年1季度", pd.PeriodIndex(["2010Q1"], freq="Q"))
    Period('2010Q1', 'Q-DEC')
    """
    in_time = isinstance(periods, pd.PeriodIndex | pd.DatetimeIndex)
    if value is None or (not in_time and value in periods):
        return value
    try:
        as_read: Any = read_periods(pd.Series([value]))[0].iloc[0]
    except PanelError:
        return value
    if in_time:
        # One date alone is read as its year, and here is the day, month or quarter that has it.
        as_read = _moment(value if isinstance(as_read, int | np.integer) else as_read, periods)
        # pandas has its own rules for text and dates in such an index.
        kind = pd.Period if isinstance(periods, pd.PeriodIndex) else pd.Timestamp
        return as_read if isinstance(as_read, kind) and as_read in periods else value
    if as_read not in periods:
        return value
    known: Hashable = as_read.item() if isinstance(as_read, np.generic) else as_read
    return known


def _moment(value: Any, periods: pd.Index) -> Any:
    """Return the period or the date of something that means a time; itself if it means none."""
    if isinstance(value, int | float | np.number):
        return value
    try:
        if isinstance(periods, pd.PeriodIndex):
            if isinstance(value, pd.Period):
                return value if value.freq == periods.freq else None
            return pd.Timestamp(value).to_period(periods.freq)
        return pd.Timestamp(value)
    except (TypeError, ValueError):
        return value
