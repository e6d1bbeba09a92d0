"""Kernel smoothing on grids: bandwidths, binning, Gaussian densities by Fourier transform.

Data are binned once on a fine grid, each value shared between its two neighbouring points, so that
a density requires one transform for any number of units.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import fft, optimize

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import DomainError, plain

__all__ = [
    "BANDWIDTHS",
    "binned",
    "densities",
    "gaussian_rows",
    "modes",
    "outlier_message",
    "robust_scale",
    "sheather_jones",
    "silverman",
]

_BINS = 4096


def robust_scale(x: np.ndarray) -> float:
    """Return the smaller of the standard deviation and the interquartile range over 1.349."""
    low, high = np.quantile(x, [0.25, 0.75])
    sd = float(x.std(ddof=1))
    between = float(high - low) / 1.349
    return min(sd, between) if between > 0 else sd


def silverman(x: np.ndarray) -> float:
    """Return ``0.9 min(s, IQR / 1.34) n^(-1/5)`` (Silverman 1986, equation 3.31).

    Examples
    --------
    >>> round(silverman(np.arange(10.0)), 4)
    1.7193
    """
    low, high = np.quantile(x, [0.25, 0.75])
    sd = float(x.std(ddof=1))
    scale = min(sd, float(high - low) / 1.34) if high > low else sd
    return float(0.9 * scale * len(x) ** -0.2)


def sheather_jones(x: np.ndarray) -> float:
    """Return the bandwidth of Sheather and Jones (1991), the solution of their equation.

    ``h = [1 / (2 sqrt(pi) n S(g(h)))]^(1/5)`` with S an estimate of the integrated square of the
    second derivative, and ``g(h) = 1.357 [S(a) / T(b)]^(1/7) h^(5/7)``. Sums over pairs use
    distances of binned values.

    Raises
    ------
    DomainError
        If there is no solution because too many values are equal.
    """
    n, scale = len(x), robust_scale(x)
    low, span = float(x.min()), float(np.ptp(x))
    step = span * 1.01 / (_BINS - 1)
    counts = binned(x[None], low, step, _BINS)[0]
    # Pairs at each distance: the autocorrelation of the counts.
    spectrum = fft.rfft(counts, 2 * _BINS)
    pairs = fft.irfft(np.abs(spectrum) ** 2, 2 * _BINS)[:_BINS]
    pairs[1:] *= 2
    pairs[0] -= n  # exclude pairs of a unit with itself
    distance = np.arange(_BINS) * step

    def s(width: float) -> float:
        z = (distance / width) ** 2
        sums = (np.exp(-z / 2) * (z**2 - 6 * z + 3)) @ pairs + 3 * n
        return float(sums / (n * (n - 1) * width**5 * np.sqrt(2 * np.pi)))

    def sixth(width: float) -> float:
        z = (distance / width) ** 2
        sums = (np.exp(-z / 2) * (z**3 - 15 * z**2 + 45 * z - 15)) @ pairs - 15 * n
        return float(sums / (n * (n - 1) * width**7 * np.sqrt(2 * np.pi)))

    slope = -sixth(1.23 * scale * n ** (-1 / 9))
    curved = s(1.24 * scale * n ** (-1 / 7))
    if not (slope > 0 and curved > 0):
        raise DomainError(
            "the data are too sparse, or too many values are equal, for the Sheather-Jones "
            "bandwidth; use bandwidth='silverman'"
        )
    factor = 1.357 * (curved / slope) ** (1 / 7)
    constant = 1 / (2 * np.sqrt(np.pi) * n)

    def gap(h: float) -> float:
        return float((constant / s(factor * h ** (5 / 7))) ** 0.2 - h)

    high = 1.144 * scale * n**-0.2
    ends = high / 10, high
    for _ in range(20):
        if gap(ends[0]) * gap(ends[1]) <= 0:
            return float(optimize.brentq(gap, *ends, rtol=1e-8))
        ends = ends[0] * 0.9, ends[1] * 1.2
    raise DomainError(
        "the Sheather-Jones equation has no solution here, mostly because many values are equal; "
        "use bandwidth='silverman'"
    )


def outlier_message(
    panel: SpatialPanel,
    variable: str,
    values: np.ndarray,
    bandwidth: float,
    periods: pd.Index | None = None,
) -> str:
    """Return a message on the outlying cell that makes the grid too wide to smooth.

    Parameters
    ----------
    panel : SpatialPanel
    variable : str
    values : ndarray
        Shape (units, periods).
    bandwidth : float
    periods : Index, optional
        Periods of the columns of `values`; by default all periods of the panel.
    """
    middle = float(np.median(values))
    unit, period = np.unravel_index(np.argmax(np.abs(values - middle)), values.shape)
    periods = panel.periods if periods is None else periods
    width = np.ptp(values) / bandwidth
    return (
        f"{variable!r} extends over {width:.3g} bandwidths of {bandwidth:.3g}, too many for a "
        f"grid: unit {plain(panel.units[unit])!r}, period {plain(periods[period])!r} has "
        f"{values[unit, period]:.6g}, far from the median {middle:.6g}; correct this cell, take "
        "logarithms, pass a larger bandwidth="
    )


BANDWIDTHS = {"silverman": silverman, "sheather-jones": sheather_jones}


def binned(x: np.ndarray, low: float, step: float, points: int) -> np.ndarray:
    """Share each value between its two neighbouring grid points, by its distance from them.

    Parameters
    ----------
    x : ndarray
        Shape (rows, values), inside the grid.
    low, step : float
        The first grid point and the distance between grid points.
    points : int

    Returns
    -------
    ndarray
        Shape (rows, points); rows add up to the number of values.

    Examples
    --------
    >>> binned(np.array([[0.25, 1.0]]), 0.0, 1.0, 3).tolist()
    [[0.75, 1.25, 0.0]]
    """
    position = (x - low) / step
    lower = np.clip(np.floor(position).astype(np.int64), 0, points - 2)
    upper_share = position - lower
    offset = np.arange(len(x))[:, None] * points
    size = len(x) * points
    counts = np.bincount((lower + offset).ravel(), (1 - upper_share).ravel(), size)
    counts += np.bincount((lower + 1 + offset).ravel(), upper_share.ravel(), size)
    return counts.reshape(len(x), points)


def densities(counts: np.ndarray, step: float, bandwidths: np.ndarray) -> np.ndarray:
    """Return Gaussian kernel densities on the grid, one per row.

    Parameters
    ----------
    counts : ndarray
        The result of `binned`, shape (rows, points).
    step : float
    bandwidths : ndarray
        Shape (rows,).

    Returns
    -------
    ndarray
        Shape (rows, points).
    """
    points = counts.shape[1]
    size = fft.next_fast_len(2 * points, real=True)
    frequency = 2 * np.pi * fft.rfftfreq(size, step)
    # The transform of a Gaussian is known analytically: no kernel is sampled.
    kernel = np.exp(-((bandwidths[:, None] * frequency) ** 2) / 2)
    smooth = fft.irfft(fft.rfft(counts, size) * kernel, size)[:, :points]
    total = counts.sum(axis=1, keepdims=True) * step
    return np.asarray(np.maximum(smooth, 0.0) / total)


def modes(density: np.ndarray) -> np.ndarray:
    """Count the local maxima of each row; a plateau counts once, and rounding noise does not count.

    Examples
    --------
    >>> modes(np.array([[0.0, 1.0, 0.5, 0.7, 0.7, 0.2], [0, 0.2, 0.4, 0.3, 0.2, 0.1]])).tolist()
    [2, 1]
    """
    floor = 1e-9 * density.max(axis=1, keepdims=True)
    slope = np.diff(density, axis=1)
    sign = np.where(slope > floor, 1, np.where(slope < -floor, -1, 0))
    # Carry the last direction across flat segments.
    position = np.where(sign != 0, np.arange(sign.shape[1]), 0)
    carried = np.take_along_axis(sign, np.maximum.accumulate(position, axis=1), axis=1)
    return np.asarray(((carried[:, :-1] > 0) & (carried[:, 1:] < 0)).sum(axis=1))


def gaussian_rows(centres: np.ndarray, points: np.ndarray, bandwidth: float) -> np.ndarray:
    """Return normal densities of `points` around each centre, shape (centres, points)."""
    z = (centres[:, None] - points) / bandwidth
    return np.asarray(np.exp(-(z**2) / 2) / (bandwidth * np.sqrt(2 * np.pi)))
