"""Bounds between classes of a variable: quantiles, equal intervals, natural breaks."""

from __future__ import annotations

import warnings

import numpy as np

__all__ = ["class_bounds"]


def class_bounds(values: np.ndarray, method: str, count: int) -> np.ndarray:
    """Return the upper bounds of all classes but the last, those of mapclassify.

    mapclassify compiles its natural breaks when it is imported, which takes two seconds. It is
    imported for them only.

    Parameters
    ----------
    values : ndarray
        Finite numbers of at least `count` different values.
    method : {"quantiles", "equal-intervals", "natural-breaks"}
    count : int
        Number of classes, at least two. Ties can leave fewer quantiles.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> class_bounds(np.arange(9.0), "quantiles", 3).round(2)
    array([2.67, 5.33])
    """
    if method == "quantiles":
        return _quantiles(values, count)[:-1]
    if method == "equal-intervals":
        low, high = values.min(), values.max()
        width = (high - low) / count
        return np.arange(low + width, high + width, width)[: count - 1]
    import mapclassify

    with warnings.catch_warnings():
        # Ties can leave fewer classes than were asked for.
        warnings.simplefilter("ignore", UserWarning)
        return np.asarray(mapclassify.FisherJenks(values, k=count).bins[:-1])


def _quantiles(values: np.ndarray, count: int) -> np.ndarray:
    """Return the distinct quantiles, the mean of two order statistics weighted by nearness."""
    percent = 100.0 / count
    percents = np.minimum(np.arange(percent, 100 + percent, percent), 100.0)
    ordered = np.sort(values)
    place = percents / 100.0 * (len(ordered) - 1)
    below = place.astype(int)
    above = np.minimum(below + 1, len(ordered) - 1)
    far, near = below + 1 - place, place - below
    mean = (ordered[below] * far + ordered[above] * near) / (far + near)
    return np.unique(mean)
