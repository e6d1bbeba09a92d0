"""Monte Carlo of chains and clubs: coverage, size of homogeneity tests, recovery of clubs."""

from __future__ import annotations

import numpy as np
import pandas as pd

import nqp_spatial as nq

LEVELS = np.array([1.45, 1.2, 1.0])


def frame_of(values: np.ndarray) -> nq.SpatialPanel:
    """Return a panel of values (units, periods) as column y."""
    n, t = values.shape
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), t),
            "t": np.tile(np.arange(t), n),
            "y": values.ravel(),
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


def club_recovery(
    n: int, periods: int, noise: float, seed: int, alpha: float = 0.2
) -> dict[str, float]:
    """Return how well three planted clubs are found.

    ``x_it = delta_it m_t``, ``delta_it = level + c_i / (log(t + 1) t^alpha) + e_it / sqrt(t)``, c
    with standard deviation 0.04 and e with `noise`. At alpha = 0 the null just holds.
    """
    rng = np.random.default_rng(seed)
    t = np.arange(1, periods + 1)
    club = rng.integers(0, 3, n)
    away = 0.04 * rng.normal(size=(n, 1)) / (np.log(t + 1) * t**alpha)
    delta = LEVELS[club][:, None] + away + noise * rng.normal(size=(n, periods)) / np.sqrt(t)
    x = delta * (10 + 0.05 * t)
    found = nq.convergence.clubs(frame_of(x), "y", critical="increasing")
    code = found.membership.fillna(-1).to_numpy(dtype=int)
    code = np.where(code < 0, -1 - np.arange(n), code)  # a divergent unit is with nobody
    pairs = np.triu_indices(n, 1)
    right = (club[:, None] == club)[pairs] == (code[:, None] == code)[pairs]
    one = nq.convergence.log_t(frame_of(x[club == 0]), "y", detrend=None)
    return {
        "clubs": len(found.table),
        "divergent": len(found.divergent) / n,
        "pairs_right": right.mean(),
        "one_club_rejected": float(one.statistic < -1.65),
        "b": one.b,
    }


def walk(n: int, periods: int, p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return states 0, 1, ... of independent chains, shape (n, periods)."""
    state = rng.integers(0, len(p), n)
    found = [state]
    edges = np.cumsum(p, axis=1)
    for _ in range(periods - 1):
        state = (rng.random(n)[:, None] > edges[state]).sum(axis=1)
        found.append(state)
    return np.stack(found, axis=1)


P = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.02, 0.18, 0.8]])


def homogeneity_p_values(seed: int, n: int = 300, periods: int = 10) -> dict[str, float]:
    """Return p-values of homogeneity tests where chains are all the same and units independent."""
    rng = np.random.default_rng(seed)
    panel = frame_of(walk(n, periods, P, rng))
    options = {"states": 3, "discretize": [0.5, 1.5]}
    group = pd.Series(np.arange(n) % 2, panel.units)
    found = {
        "groups": nq.dynamics.markov_by_group(panel, "y", group=group, **options).tests,
        "time": nq.dynamics.time_homogeneity(panel, "y", spans=3, **options).tests,
        "memory": nq.dynamics.first_order(panel, "y", **options).tests,
    }
    return {
        f"{name}, {key}": tests[key].p_value
        for name, tests in found.items()
        for key in ("lr", "chi2")
    }
