"""Intervals and p-values of effects from draws, such that both always agree; shares of a total."""

from __future__ import annotations

import numpy as np

from nqp_spatial.errors import OptionError

__all__ = ["draw_intervals", "draw_p_values", "share_intervals", "tail_count"]


def tail_count(draws: int, level: float) -> int:
    """Return how many draws lie beyond each end of an interval, plus one.

    The end is the draw of this rank. A two-sided p-value ``2 (count + 1) / (draws + 1)``, with the
    draws on the other side of a value counted, is then at most ``1 - level`` if and only if the
    interval excludes the value.

    Examples
    --------
    >>> tail_count(999, 0.95)
    25
    """
    count = int((1 - level) / 2 * (draws + 1) + 1e-9)
    if count < 1:
        raise OptionError(
            f"{draws} draws (those of stable models) are too few for an interval of level {level}; "
            f"{int(np.ceil(2 / (1 - level))) - 1} or more are needed"
        )
    return count


def draw_intervals(draws: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of percentile intervals.

    Parameters
    ----------
    draws : ndarray
        Shape (draws, rows).
    level : float

    Returns
    -------
    tuple of ndarray
        Lower and upper ends, each shape (rows,).
    """
    count = tail_count(len(draws), level)
    ordered = np.sort(draws, axis=0)
    return ordered[count - 1], ordered[-count]


def draw_p_values(draws: np.ndarray) -> np.ndarray:
    """Return two-sided p-values of zero: twice the smaller tail beyond it, shape (rows,).

    Examples
    --------
    >>> draw_p_values(np.array([[1.0], [2.0], [-1.0]])).tolist()
    [1.0]
    """
    below = (draws <= 0).sum(axis=0)
    above = (draws >= 0).sum(axis=0)
    p_values = np.minimum(1.0, 2 * (np.minimum(below, above) + 1) / (len(draws) + 1))
    # An effect that is zero by assumption is not tested.
    return np.where(np.ptp(draws, axis=0) > 0, p_values, np.nan)


def share_intervals(part: np.ndarray, total: np.ndarray, level: float) -> tuple[float, float]:
    """Return the shares s at which ``part - s total`` is not significantly different from zero.

    This is Fieller's interval with draws in place of normal distributions: where all draws of the
    total have one sign, it is the percentile interval of the ratio; where the total is not
    significantly different from zero, it has no end on one or both sides.

    Parameters
    ----------
    part, total : ndarray
        Joint draws, shape (draws,).
    level : float

    Returns
    -------
    tuple of float
        The smallest interval that contains all these shares.

    Examples
    --------
    >>> share_intervals(np.linspace(1, 2, 99), np.full(99, 4.0), 0.9)[0] > 0.25
    True
    """
    size = len(part)
    count = tail_count(size, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = part / total
    known = np.isfinite(ratios)
    order = np.argsort(ratios[known])
    ratios, signs = ratios[known][order], np.sign(total[known])[order]
    # How many draws have part - s total <= 0: below all ratios, and after each of them.
    start = int((total < 0).sum() + ((total == 0) & (part <= 0)).sum())
    below = start + np.concatenate([[0.0], np.cumsum(signs)])
    accepted = np.flatnonzero((below >= count) & (below <= size - count))
    if not len(accepted):
        return np.nan, np.nan
    ends = np.concatenate([[-np.inf], ratios, [np.inf]])
    return float(ends[accepted[0]]), float(ends[accepted[-1] + 1])
