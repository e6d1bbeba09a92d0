"""The log-t regression for many groups of units at once: pure functions on arrays.

Each group is one row of H, the dispersion of its relative transition paths. All groups share the
regressor, so that a thousand regressions need only a few array products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy import fft

from nqp_spatial.errors import PanelError

__all__ = [
    "Hac",
    "LogTRule",
    "dispersion",
    "dispersion_adjacent",
    "dispersion_nested",
    "dispersion_with_each",
]

Hac = Literal["fixed", "andrews"]


@dataclass(frozen=True)
class LogTRule:
    """How a log-t regression is run.

    Attributes
    ----------
    discard : float
        Share of the periods discarded at the start.
    hac : {"fixed", "andrews"}
        Long-run variance, see `statistics`.
    """

    discard: float
    hac: Hac

    def first(self, periods: int) -> int:
        """Return the number, from 1, of the first period that is used.

        Raises
        ------
        PanelError
            If the regression would start at t = 1, where ``log log t`` is undefined, or have less
            than four observations.
        """
        start = round(periods * self.discard) + 1
        if start < 2:
            raise PanelError(
                f"discard={self.discard:g} of {periods} periods leaves out none, and log(log(t)) "
                "is undefined at t = 1; discard more"
            )
        if periods - start + 1 < 4:
            raise PanelError(
                f"the log-t regression has {periods - start + 1} observations after discarding "
                f"{start - 1} of {periods} periods; it needs at least 4 and should have some 15 "
                "periods in all"
            )
        return start

    def statistics(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the slope and its standard error for each row.

        ``log(H_1 / H_t) - 2 log log t = a + b log t + u``, t from `first` to T.

        Parameters
        ----------
        h : ndarray
            H, shape (groups, periods).

        Returns
        -------
        b, std_error : ndarray
            Shape (groups,); missing where H is zero in a period that is used, or the long-run
            variance is not positive.

        Notes
        -----
        ``fixed``: one long-run variance of u, quadratic spectral kernel with Andrews's bandwidth
        from an AR(1) of u, as in the program of Phillips and Sul. That program omits the last
        residual from the products at lags, and so does this function, because the critical values
        in use are based on it. ``andrews``: the sandwich of the scores, the same kernel, bandwidth
        from an AR(1) with intercept of the slope's score, scaled by m / (m - 2).
        """
        h = np.atleast_2d(h)
        periods = h.shape[1]
        start = self.first(periods)
        x, twice, from_mean, slope = _regressor(start, periods)
        used = np.concatenate([h[:, :1], h[:, start - 1 :]], axis=1)
        known = np.asarray((used > 0).all(axis=1))
        logs = np.log(used, out=np.zeros_like(used), where=known[:, None])
        y = logs[:, :1] - logs[:, 1:] - twice
        b = y @ slope
        u = y - y.mean(axis=1, keepdims=True) - b[:, None] * from_mean
        if self.hac == "fixed":
            variance = _long_run(u, _memory(u), len(x), len(x) - 1) * (slope @ slope)
        else:
            scores = u * slope
            # Bandwidth from an AR(1) of the score x u, not of (x - mean) u.
            products = u * x
            memory = _memory(products[:, 1:], products[:, :-1])
            variance = _weighted_sum(scores, memory, len(x)) * len(x) / (len(x) - 2)
        known = known & (variance > 0)
        error = np.full(len(h), np.nan)
        error[known] = np.sqrt(variance[known])
        return np.asarray(np.where(known, b, np.nan)), error


@lru_cache(maxsize=32)
def _regressor(start: int, periods: int) -> tuple[np.ndarray, ...]:
    """Return log t, 2 log log t, log t minus its mean, and the weights of y in the slope."""
    x = np.log(np.arange(start, periods + 1))
    from_mean = x - x.mean()
    arrays = (x, 2 * np.log(x), from_mean, from_mean / (from_mean @ from_mean))
    for array in arrays:
        array.setflags(write=False)  # shared by all calls
    return arrays


def _memory(now: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
    """Return the AR(1) coefficient of each row, with an intercept if two arrays are passed."""
    if before is None:
        now, before = now[:, 1:], now[:, :-1]
    else:
        now = now - now.mean(axis=1, keepdims=True)
        before = before - before.mean(axis=1, keepdims=True)
    below = (before**2).sum(axis=1)
    none = np.zeros(len(now))
    return np.asarray(np.divide((now * before).sum(axis=1), below, out=none, where=below > 0))


def _kernel(memory: np.ndarray, size: int, lags: int) -> np.ndarray:
    """Return quadratic spectral weights at lags 1, 2, ..., shape (rows, lags).

    Bandwidth ``1.3221 (alpha m)^(1/5)``, ``alpha = 4 r^2 / (1 - r)^4`` (Andrews 1991, eq. 6.4).
    """
    with np.errstate(divide="ignore"):
        alpha = 4 * memory**2 / (1 - memory) ** 4
        z = 1.2 * np.pi * np.arange(1, lags + 1) / (1.3221 * (alpha * size) ** 0.2)[:, None]
    far = ~np.isfinite(z)  # no autocorrelation, hence bandwidth zero: no weight on any lag
    if is_far := far.any():
        z[far] = 1.0
    near = z < 1e-3
    safe = np.where(near, 1.0, z) if near.any() else z
    weights = 3 / safe**2 * (np.sin(safe) / safe - np.cos(safe))
    if safe is not z:  # first terms of its series, to avoid cancellation
        weights[near] = 1 - z[near] ** 2 / 10
    if is_far:
        weights[far] = 0.0
    return np.asarray(weights)


def _lagged(v: np.ndarray) -> np.ndarray:
    """Return sums of products at lags 1 to size - 1, shape (rows, size - 1)."""
    size = v.shape[1]
    long = fft.next_fast_len(2 * size, real=True)
    return np.asarray(fft.irfft(np.abs(fft.rfft(v, long)) ** 2, long)[:, 1:size])


def _long_run(u: np.ndarray, memory: np.ndarray, size: int, used: int) -> np.ndarray:
    products = _lagged(u[:, :used])
    weights = _kernel(memory, size, products.shape[1])
    return np.asarray(((u**2).sum(axis=1) + 2 * (weights * products).sum(axis=1)) / used)


def _weighted_sum(v: np.ndarray, memory: np.ndarray, size: int) -> np.ndarray:
    products = _lagged(v)
    weights = _kernel(memory, size, products.shape[1])
    return np.asarray((v**2).sum(axis=1) + 2 * (weights * products).sum(axis=1))


def dispersion(x: np.ndarray) -> np.ndarray:
    """Return ``H_t = mean over units of (x_it / mean_t - 1)^2``.

    Parameters
    ----------
    x : ndarray
        Positive, shape (units, periods).

    Returns
    -------
    ndarray
        Shape (periods,).

    Examples
    --------
    >>> dispersion(np.array([[1.0, 2.0], [3.0, 2.0]])).tolist()
    [0.25, 0.0]
    """
    return np.asarray(((x / x.mean(axis=0) - 1) ** 2).mean(axis=0))


def dispersion_with_each(core: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return H of a group with one more unit, for each of several units.

    Sums of squares are updated from the group's mean, so that units far from the overall mean lose
    no precision.

    Parameters
    ----------
    core : ndarray
        Shape (members, periods).
    others : ndarray
        Shape (units, periods).

    Returns
    -------
    ndarray
        Shape (units, periods).
    """
    size, mean = len(core), core.mean(axis=0)
    away = others - mean
    squares = ((core - mean) ** 2).sum(axis=0) + away**2 * size / (size + 1)
    return np.asarray(squares / (size + 1) / (mean + away / (size + 1)) ** 2)


def dispersion_nested(x: np.ndarray) -> np.ndarray:
    """Return H of the first two units, of the first three, and so on.

    Parameters
    ----------
    x : ndarray
        Shape (units, periods).

    Returns
    -------
    ndarray
        Shape (units - 1, periods).

    Examples
    --------
    >>> x = np.array([[1.0], [3.0], [5.0]])
    >>> bool(np.isclose(dispersion_nested(x)[-1], dispersion(x)).all())
    True
    """
    sizes = np.arange(1, len(x) + 1)[:, None]
    from_first = x - x[0]
    means = np.cumsum(from_first, axis=0) / sizes
    # Each unit adds its squared deviation from the mean of the units before it.
    added = (from_first[1:] - means[:-1]) ** 2 * sizes[:-1] / sizes[1:]
    return np.asarray(np.cumsum(added, axis=0) / sizes[1:] / (x[0] + means[1:]) ** 2)


def dispersion_adjacent(x: np.ndarray) -> np.ndarray:
    """Return H of each unit with the next, shape (units - 1, periods)."""
    return np.asarray(((x[1:] - x[:-1]) / (x[1:] + x[:-1])) ** 2)
