"""Implications of transition probabilities: passage times, half-lives, mobility, standard errors.

Pure functions on arrays. Standard errors use the delta method: rows of P are independent
multinomial shares, so that ``Var f = sum_i (1/n_i) [sum_j p_ij g_ij^2 - (sum_j p_ij g_ij)^2]`` with
``g = df/dP``.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csgraph

__all__ = ["MOBILITY", "delta_error", "ergodic_batch", "first_passage", "half_life", "mobility"]

#: Names of the mobility indices, and their descriptions.
MOBILITY = {
    "prais": "(k - trace P) / (k - 1)",
    "determinant": "1 - |det P|",
    "eigenvalue": "1 - |second eigenvalue|",
    "leaving": "k / (k - 1) sum_i pi_i (1 - p_ii)",
    "bartholomew": "sum_i sum_j pi_i p_ij |i - j| / (k - 1)",
}


def first_passage(p: np.ndarray) -> np.ndarray:
    """Return mean first passage times in steps, ``m_ij = 1 + sum_(k != j) p_ik m_kj``.

    Parameters
    ----------
    p : ndarray
        Transition probabilities, shape (states, states).

    Returns
    -------
    ndarray
        From i (rows) to j; on the diagonal the mean return time, 1 / pi. Infinite if j may never be
        reached; all missing if a row of p is missing.

    Examples
    --------
    >>> first_passage(np.array([[0.5, 0.5], [0.25, 0.75]])).tolist()
    [[3.0, 2.0], [4.0, 1.5]]
    """
    size = len(p)
    if np.isnan(p).any():
        return np.full((size, size), np.nan)
    times = np.full((size, size), np.inf)
    for j in range(size):
        others = np.flatnonzero(np.arange(size) != j)
        ending = np.where(np.arange(size)[:, None] == j, 0.0, p)  # paths stop at j
        linked = np.isfinite(csgraph.shortest_path(np.ascontiguousarray(ending), unweighted=True))
        # j is reached with probability one from states that lead to no state from which j is
        # unreachable.
        escapes = (linked & ~linked[:, j]).any(axis=1)
        sure = others[~escapes[others]]
        if len(sure):
            system = np.eye(len(sure)) - p[np.ix_(sure, sure)]
            times[sure, j] = np.linalg.solve(system, np.ones(len(sure)))
        onward = p[j, others] > 0
        if np.isfinite(times[others[onward], j]).all():
            times[j, j] = 1 + p[j, others[onward]] @ times[others[onward], j]
    return times


def half_life(p: np.ndarray) -> float:
    """Return the steps in which the slowest deviation from the long run is halved.

    ``ln 2 / -ln |lambda_2|``, with the second largest modulus of an eigenvalue of P; infinite where
    that is one, missing where a row of p is missing.

    Examples
    --------
    >>> half_life(np.array([[0.75, 0.25], [0.25, 0.75]]))
    1.0
    """
    if np.isnan(p).any():
        return float("nan")
    second = np.sort(np.abs(np.linalg.eigvals(p)))[-2]
    if second >= 1 - 1e-12:
        return float("inf")
    return float(np.log(0.5) / np.log(second)) if second > 0 else 0.0


def delta_error(p: np.ndarray, visits: np.ndarray, gradient: np.ndarray) -> float:
    """Return the standard error of a function of P; `visits` counts moves from each state."""
    mean = (p * gradient).sum(axis=1)
    variance = ((p * gradient**2).sum(axis=1) - mean**2) / visits
    return float(np.sqrt(max(variance.sum(), 0.0)))


def mobility(p: np.ndarray, visits: np.ndarray, pi: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return each index of `MOBILITY` and its standard error.

    Parameters
    ----------
    p : ndarray
        Transition probabilities, shape (states, states).
    visits : ndarray
        Number of moves from each state.
    pi : ndarray
        Ergodic distribution; if missing, the last two indices are missing too.

    Returns
    -------
    dict
        Missing where a row of p is missing.
    """
    size = len(p)
    indices = dict.fromkeys(MOBILITY, (float("nan"), float("nan")))
    if np.isnan(p).any():
        return indices
    unit = np.eye(size)
    indices["prais"] = (
        float((size - np.trace(p)) / (size - 1)),
        delta_error(p, visits, -unit / (size - 1)),
    )
    indices["determinant"] = (
        float(1 - abs(np.linalg.det(p))),
        delta_error(p, visits, -np.sign(np.linalg.det(p)) * _cofactors(p)),
    )
    value, gradient = _second_eigenvalue(p)
    indices["eigenvalue"] = (1 - value, delta_error(p, visits, -gradient))
    if np.isnan(pi).any():
        return indices
    steps = np.abs(np.subtract.outer(np.arange(size), np.arange(size))) / (size - 1)
    for name, cost in (("leaving", (1 - unit) * size / (size - 1)), ("bartholomew", steps)):
        each = (p * cost).sum(axis=1)
        # pi depends on P: d pi = pi dP Z, Z the inverse of I - P + 1 pi'.
        z = np.linalg.solve(unit - p + pi, each)
        indices[name] = (float(pi @ each), delta_error(p, visits, pi[:, None] * (cost + z)))
    return indices


def _cofactors(p: np.ndarray) -> np.ndarray:
    """Return the derivative of det P, also where P is singular."""
    u, s, vt = np.linalg.svd(p)
    sign = np.linalg.det(u) * np.linalg.det(vt)
    others = np.array([np.prod(np.delete(s, i)) for i in range(len(s))])
    return np.asarray(sign * (u * others) @ vt)


def _second_eigenvalue(p: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the modulus of the second eigenvalue and its derivative."""
    values, right = np.linalg.eig(p)
    second = np.argsort(np.abs(values))[-2]
    value, v = values[second], right[:, second]
    left_values, left_vectors = np.linalg.eig(p.T)
    u = left_vectors[:, np.argmin(np.abs(left_values - value))]
    slope = np.outer(u, v) / (u @ v)
    if abs(value) == 0:
        return 0.0, np.zeros_like(p)
    return float(abs(value)), np.real(np.conj(value) / abs(value) * slope)


def ergodic_batch(p: np.ndarray) -> np.ndarray:
    """Return ergodic distributions of many chains, shape (draws, states).

    Missing where a row is missing, or the distribution is not unique.
    """
    draws, size, _ = p.shape
    result = np.full((draws, size), np.nan)
    complete = ~np.isnan(p).any(axis=(1, 2))
    if not complete.any():
        return result
    # pi (I - P + 11') = 1' has a single solution if and only if the ergodic distribution is unique.
    system = np.eye(size) - p[complete] + 1.0
    unique = np.linalg.matrix_rank(system, tol=1e-9) == size
    rows = np.flatnonzero(complete)[unique]
    solved = np.linalg.solve(np.swapaxes(system[unique], 1, 2), np.ones((len(rows), size, 1)))
    result[rows] = solved[..., 0]
    return result
