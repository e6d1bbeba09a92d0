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

    ``x_it = delta_it m_t``, ``delta_it = level + c_i / (log(t + 1) t^alpha) + e_it / sqrt(t)``, c with
    standard deviation 0.04 and e with `noise`. At alpha = 0 the null of convergence just holds.
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
