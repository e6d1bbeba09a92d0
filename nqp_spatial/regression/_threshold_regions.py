"""Confidence regions of thresholds: likelihood ratios of candidates (Hansen 1999, 2000)."""

from __future__ import annotations

import numpy as np

__all__ = ["critical_lr", "region_ends"]


def critical_lr(level: float) -> float:
    """Return the critical value of the likelihood ratio of a threshold, ``-2 ln(1 - sqrt(level))``.

    Examples
    --------
    >>> round(critical_lr(0.95), 2)
    7.35
    """
    return float(-2 * np.log(1 - np.sqrt(level)))


def region_ends(candidates: np.ndarray, lr: np.ndarray, level: float) -> tuple[float, float]:
    """Return the rejected candidates next to those not rejected, or the ends of the search.

    Parameters
    ----------
    candidates : ndarray
        Ascending.
    lr : ndarray
        Likelihood ratio of each, zero at the estimate.
    level : float
    """
    accepted = np.flatnonzero(lr <= critical_lr(level))
    low, high = max(accepted[0] - 1, 0), min(accepted[-1] + 1, len(candidates) - 1)
    return float(candidates[low]), float(candidates[high])
