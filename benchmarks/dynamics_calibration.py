"""Monte Carlo of chains, clubs and growth: coverage, size of tests, recovery of planted clubs.

Written by ``python -m benchmarks.calibrate --part dynamics``.
"""

from __future__ import annotations

import itertools
import time
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

import nqp_spatial as nq
from benchmarks.cases import lattice
from nqp_spatial.dynamics import _long_run as long_run
from nqp_spatial.dynamics import _transitions as chains
from nqp_spatial.errors import ShortPanelWarning

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
        "clubs": len(found.frame),
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


CUTS = [0.5, 1.5]
P = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.02, 0.18, 0.8]])


def homogeneity_p_values(seed: int, n: int = 300, periods: int = 10) -> dict[str, float]:
    """Return p-values of homogeneity tests where chains are all the same and units independent."""
    rng = np.random.default_rng(seed)
    panel = frame_of(walk(n, periods, P, rng))
    options = {"states": 3, "discretize": CUTS}
    group = pd.Series(np.arange(n) % 2, panel.units)
    found = {
        "groups": nq.dynamics.markov_by_group(panel, "y", group=group, **options).tests,
        "time": nq.dynamics.time_homogeneity(panel, "y", spans=3, **options).tests,
        "memory": nq.dynamics.first_order(panel, "y", **options).tests,
        "neighbours": nq.dynamics.spatial_markov(
            panel, "y", neighbours(), lag_states=3, **options
        ).tests,
        "groups given neighbours": nq.dynamics.spatial_markov_by_group(
            panel, "y", neighbours(), group=group, lag_states=3, **options
        ).tests,
    }
    return {
        f"{name}, {key}": tests[key].p_value
        for name, tests in found.items()
        for key in ("lr", "chi2")
    }


@lru_cache
def neighbours() -> nq.weights.SpatialWeights:
    """Return queen contiguity of 15 x 20 cells."""
    return lattice(15, 20)


def covered(seed: int, n: int = 300, periods: int = 10) -> dict[str, bool]:
    """Return whether 95 % intervals of a chain hold the truth."""
    rng = np.random.default_rng(seed)
    panel = frame_of(walk(n, periods, P, rng))
    pi = chains.ergodic(P)[0]
    found = nq.dynamics.markov(panel, "y", states=3, discretize=CUTS, replications=499, seed=seed)
    table, truth = found.mobility, long_run.mobility(P, np.ones(3), pi)
    held = {}
    for name in table.index:
        estimate, error = table.loc[name]
        held[f"mobility, {name}"] = abs(estimate - truth[name][0]) <= 1.96 * error
    near = np.abs(found.probabilities.to_numpy() - P) <= 1.96 * found.std_errors.to_numpy()
    of = found.intervals
    boot = (of["conf_low"] <= P.ravel()) & (P.ravel() <= of["conf_high"])
    for at, (i, j) in enumerate(itertools.product(range(3), range(3))):
        held[f"probability {i + 1} to {j + 1}, multinomial"] = near[i, j]
        held[f"probability {i + 1} to {j + 1}, bootstrap"] = boot.iloc[at]
    of = found.ergodic_intervals
    for i in range(3):
        held[f"ergodic {i + 1}, bootstrap"] = (
            of["conf_low"].iloc[i] <= pi[i] <= of["conf_high"].iloc[i]
        )
    return held | grown(rng)


def grown(rng: np.random.Generator, speed: float = 0.03) -> dict[str, bool]:
    """Return whether intervals of the speed of convergence hold the truth, n = 100, T = 11."""
    y = [0.5 * rng.normal(size=100)]
    for _ in range(10):
        y.append(np.exp(-speed) * y[-1] + 0.03 * rng.normal(size=100))
    panel = frame_of(np.exp(9 + np.stack(y, axis=1)))
    held = {}
    for kind, options in (("cross-section", {}), ("panel", {"effects": "period"})):
        row = nq.convergence.beta(panel, "y", kind=kind, **options).frame.iloc[0]
        held[f"speed, {kind}"] = row["speed_low"] <= speed <= row["speed_high"]
    return held


def _quiet_recovery(*arguments) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ShortPanelWarning)
        return club_recovery(*arguments)


def run(folder: Path, *, replications: int, n_jobs: int) -> None:
    """Write calibration_dynamics.csv and calibration_clubs.csv."""
    start = time.perf_counter()
    parallel = Parallel(n_jobs=n_jobs)
    seeds = range(replications)
    size = (pd.DataFrame(parallel(delayed(homogeneity_p_values)(s) for s in seeds)) < 0.05).mean()
    held = pd.DataFrame(parallel(delayed(covered)(s) for s in seeds)).mean()
    table = pd.concat({"rejects at 5 %": size, "covers at 95 %": held}, names=["what", "of"])
    table = table.rename("share").round(4).reset_index().assign(replications=replications)
    table.to_csv(folder / "calibration_dynamics.csv", index=False)
    print("chains", f"{time.perf_counter() - start:.0f} s", flush=True)
    rows = []
    for n, periods, noise, alpha in itertools.product(
        (50, 150), (15, 20, 30), (0.02, 0.05), (0.0, 0.2)
    ):
        found = pd.DataFrame(
            parallel(delayed(_quiet_recovery)(n, periods, noise, s, alpha) for s in seeds)
        )
        rows.append(
            {
                "n": n, "T": periods, "noise": noise, "alpha": alpha,
                "three_clubs": (found["clubs"] == 3).mean(), "clubs": found["clubs"].mean(),
                "pairs_right": found["pairs_right"].mean(),
                "divergent": found["divergent"].mean(),
                "one_club_rejected": found["one_club_rejected"].mean(),
                "replications": replications,
            }
        )  # fmt: skip
        pd.DataFrame(rows).round(4).to_csv(folder / "calibration_clubs.csv", index=False)
    print("clubs", f"{time.perf_counter() - start:.0f} s", flush=True)
