"""Phillips and Sul's clustering as it is usually written: one regression for each candidate.

A stand-in for packages that refit in a loop, written from the papers; it also checks the package's
vectorised clustering, to which it owes nothing.
"""

from __future__ import annotations

import math

import numpy as np

THRESHOLD = -1.65


def log_t(x: np.ndarray, discard: float, hac: str) -> tuple[float, float, float]:
    """Return b, standard error and t of the rows of x."""
    T = x.shape[1]
    h = ((x / x.mean(axis=0) - 1) ** 2).mean(axis=0)
    t = np.arange(round(T * discard) + 1, T + 1)
    if h[0] <= 0 or (h[t - 1] <= 0).any():
        return math.nan, math.nan, -math.inf
    y = np.log(h[0] / h[t - 1]) - 2 * np.log(np.log(t))
    X = np.column_stack([np.ones(len(t)), np.log(t)])
    inverse = np.linalg.inv(X.T @ X)
    coefficients = inverse @ X.T @ y
    u = y - X @ coefficients
    m = len(t)

    def weight(lag: int, memory: float) -> float:
        alpha = 4 * memory**2 / (1 - memory) ** 4
        z = 6 * math.pi / 5 * lag / (1.3221 * (alpha * m) ** 0.2)
        return 3 / z**2 * (math.sin(z) / z - math.cos(z))

    if hac == "fixed":
        memory = (u[1:] @ u[:-1]) / (u[:-1] @ u[:-1])
        kept = u[:-1]
        total = u @ u
        for lag in range(1, m - 1):
            total += 2 * weight(lag, memory) * (kept[lag:] @ kept[:-lag])
        variance = total / (m - 1) * inverse[1, 1]
    else:
        scores = X * u[:, None]
        lagged = np.column_stack([np.ones(m - 1), scores[:-1, 1]])
        memory = np.linalg.lstsq(lagged, scores[1:, 1], rcond=None)[0][1]
        meat = scores.T @ scores
        for lag in range(1, m):
            product = scores[lag:].T @ scores[:-lag]
            meat += weight(lag, memory) * (product + product.T)
        variance = (inverse @ meat @ inverse)[1, 1] * m / (m - 2)
    if variance <= 0:
        return math.nan, math.nan, -math.inf
    error = math.sqrt(variance)
    return coefficients[1], error, coefficients[1] / error


def clubs(
    x: np.ndarray, discard: float, hac: str, increasing: bool
) -> tuple[list[set[int]], set[int]]:
    """Return clubs as sets of rows, and the rows in none."""

    def t_of(rows: list[int]) -> float:
        return log_t(x[sorted(rows)], discard, hac)[2]

    left = sorted(range(len(x)), key=lambda i: -x[i, -1])
    found: list[set[int]] = []
    while len(left) > 1:
        if t_of(left) > THRESHOLD:
            return [*found, set(left)], set()
        for first in range(len(left) - 1):
            if t_of(left[first : first + 2]) > THRESHOLD:
                break
        else:
            break
        best, best_t = 2, t_of(left[first : first + 2])
        for size in range(3, len(left) - first + 1):
            t = t_of(left[first : first + size])
            if t <= THRESHOLD:
                break
            if t > best_t:
                best, best_t = size, t
        core = left[first : first + best]
        others = [i for i in left if i not in core]
        with_core = {i: t_of([*core, i]) for i in others}
        club = core
        for step in range(31 if increasing else 1):
            club = core + [i for i in others if with_core[i] > step / 10]
            if not increasing or t_of(club) > THRESHOLD:
                break
        else:
            club = core
        found.append(set(club))
        left = [i for i in left if i not in club]
    return found, set(left)
