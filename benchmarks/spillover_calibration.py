"""Monte Carlo of spillovers: coverage of 95 % intervals, size and power of the direction test.

Three hundred units on a lattice with ten periods, two-way effects, one regressor that goes along
with the unit effects. Written by ``python -m benchmarks.calibrate --part spillovers``.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

import nqp_spatial as nq
from benchmarks.cases import lattice

SIDES, PERIODS, BETA = (15, 20), 10, {"a": 1.0, "b": 0.6}
FORMULA = "y ~ x"
RHO = {("a", "a"): 0.35, ("a", "b"): 0.1, ("b", "a"): 0.55, ("b", "b"): 0.25}
THETA = {("a", "a"): 0.3, ("a", "b"): 0.0, ("b", "a"): 0.5, ("b", "b"): 0.1}
INSIDE, KAPPA, INSIDE_THETA = 0.5, 0.7, 0.4
GAMMA, BELOW, ABOVE = 0.55, (0.2, 0.1), (0.5, 0.5)
GAPS = (0.0, 0.05, 0.1, 0.2)  # of rho from higher to lower, less the reverse

Found = dict[str, tuple[float, float, float, float]]  # estimate, truth, low, high


@lru_cache
def weights() -> nq.weights.SpatialWeights:
    """Queen contiguity."""
    return lattice(*SIDES)


@lru_cache
def places() -> tuple[pd.Series, pd.Series, np.ndarray]:
    """Return groups a and b woven into each other, zones of 25 units, and scores."""
    units, rng = weights().units, np.random.default_rng(7)
    at = np.arange(len(units))
    row, column = at // SIDES[1], at % SIDES[1]
    zone = pd.Series((row // 5 * 10 + column // 5).astype(str), units, name="zone")
    group = pd.Series(np.where(rng.random(len(units)) < 0.5, "a", "b"), units, name="group")
    return group, zone, rng.random(len(units))


def drawn(
    passed: np.ndarray, lagged: np.ndarray, beta: np.ndarray, rng: np.random.Generator
) -> nq.SpatialPanel:
    """Draw y = passed y + beta x + lagged x + effects + e; the matrices hold rho W and theta W."""
    n, t = len(passed), PERIODS
    mu = rng.normal(size=(n, 1))
    x = rng.normal(size=(n, t)) + 0.5 * mu
    right = beta[:, None] * x + lagged @ x + mu + rng.normal(size=(1, t)) + rng.normal(size=(n, t))
    y = np.linalg.solve(np.eye(n) - passed, right)
    ids = {"id": np.repeat(weights().units, t), "t": np.tile(np.arange(t), n)}
    return nq.SpatialPanel(
        pd.DataFrame({**ids, "y": y.ravel(), "x": x.ravel()}), unit="id", period="t"
    )


def by_pair(values: dict[tuple[str, str], float]) -> np.ndarray:
    """Return the value of each receiver and sender."""
    group = places()[0].to_numpy()
    return np.array([[values[a, b] for b in "ab"] for a in "ab"])[
        np.ix_((group == "b").astype(int), (group == "b").astype(int))
    ]


@lru_cache
def true_effects() -> dict[tuple[str, str], float]:
    """Return the total effects from group to group, by their definition."""
    group, dense = places()[0].to_numpy(), weights().sparse.toarray()
    beta = np.where(group == "a", BETA["a"], BETA["b"])
    inverse = np.linalg.inv(np.eye(len(dense)) - by_pair(RHO) * dense)
    s = inverse @ (np.diag(beta) + by_pair(THETA) * dense)
    return {
        (a, b): float(s[np.ix_(group == a, group == b)].sum(axis=1).mean())
        for a in "ab"
        for b in "ab"
    }


def partitioned(rng: np.random.Generator) -> Found:
    """Return coefficients by block and effects from group to group."""
    group, dense = places()[0], weights().sparse.toarray()
    beta = np.where(group == "a", BETA["a"], BETA["b"])
    panel = drawn(by_pair(RHO) * dense, by_pair(THETA) * dense, beta, rng)
    res = nq.spillovers.partitioned(FORMULA, panel, weights(), group=group)
    limits, found = res.conf_int(), {}
    true = {("x", "x", g): value for g, value in BETA.items()}
    for (a, b), value in RHO.items():
        true["spatial", "rho", f"{a} <- {b}"] = value
        true["wx", "x", f"{a} <- {b}"] = THETA[a, b]
    for key, value in true.items():
        name = {"x": "beta", "wx": "theta", "spatial": "rho"}[key[0]]
        found[f"{name} {key[2]}"] = (res.params[key], value, *limits.loc[key])
    table = res.effects_matrix("x").frame
    table = table[table["effect"] == "total"].set_index(["receiver", "sender"])
    for (a, b), value in true_effects().items():
        columns = ["conf_low", "conf_high"]
        found[f"effect {a} <- {b}"] = (
            table.loc[(a, b), "estimate"], value, *table.loc[(a, b), columns]
        )  # fmt: skip
    return found


def border(rng: np.random.Generator) -> Found:
    """Return the share lost at a border, by Fieller's interval, and kappa, by profile."""
    zone, dense = places()[1].to_numpy(), weights().sparse.toarray()
    left = float(np.exp(-KAPPA))
    weak = np.where(zone[:, None] == zone[None, :], 1.0, left) * dense
    panel = drawn(INSIDE * weak, INSIDE_THETA * weak, np.full(len(weak), 1.0), rng)
    res = nq.spillovers.barrier(FORMULA, panel, weights(), group=places()[1])
    low, high, _ = res.share_interval().iloc[0]
    decay = res.decay()
    reach = 1.96 * res.std_errors
    found = {
        "share lost": (float(res.share.iloc[0]), 1 - left, low, high),
        "kappa": (decay.kappa, KAPPA, decay.conf_low, decay.conf_high),
    }
    for part, value in (("within zone", INSIDE), ("across zone", INSIDE * left)):
        key = ("spatial", "rho", part)
        estimate = float(res.params[key])
        found[f"rho {part}"] = (estimate, value, estimate - reach[key], estimate + reach[key])
    return found


def passing(
    score: np.ndarray, above: tuple[float, float], below: tuple[float, float], on: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return rho W and theta W with links above a threshold of their own."""
    dense = weights().sparse.toarray()
    high = score[None, :] > score[:, None] if on == "difference" else score[None, :] > GAMMA
    high = np.broadcast_to(high, dense.shape)
    return np.where(high, above[0], below[0]) * dense, np.where(high, above[1], below[1]) * dense


def threshold(rng: np.random.Generator) -> Found:
    """Return gamma, a threshold of the score of senders, and rho on both sides."""
    score = places()[2]
    panel = drawn(*passing(score, ABOVE, BELOW, "sender"), np.full(len(score), 1.0), rng)
    named = pd.Series(score, weights().units, name="score")
    res = nq.spillovers.threshold(FORMULA, panel, weights(), score=named, replications=0)
    # All gammas between two scores are one model: the truth is the whole step that holds it.
    step = np.sort(score)
    inside = step[np.searchsorted(step, GAMMA, side="right") - 1]
    found = {"gamma": (res.gamma, float(inside), res.conf_low, res.conf_high)}
    reach = 1.96 * res.std_errors
    for part, value in (("below", BELOW[0]), ("above", ABOVE[0])):
        key = ("spatial", "rho", part)
        estimate = float(res.params[key])
        found[f"rho {part}"] = (estimate, value, estimate - reach[key], estimate + reach[key])
    return found


def direction(gap: float) -> Callable[[np.random.Generator], dict[str, float]]:
    """From higher to lower score against the reverse: p-values of the tests that both are equal."""

    def task(rng: np.random.Generator) -> dict[str, float]:
        score = places()[2]
        sides = (0.35 + gap / 2, 0.3), (0.35 - gap / 2, 0.3)
        panel = drawn(*passing(score, *sides, "difference"), np.full(len(score), 1.0), rng)
        named = pd.Series(score, weights().units, name="score")
        res = nq.spillovers.threshold(
            FORMULA, panel, weights(), score=named, on="difference", gamma=0.0
        )
        return {
            "Wald, rho": res.tests["equal below and above: rho"].p_value,
            "Wald, rho and theta": res.tests["equal below and above: rho and theta"].p_value,
            "LR, rho and theta": next(iter(res.tests.values())).p_value,
        }

    return task


def _batch(task: Callable, name: str, replications: range) -> list:
    warnings.simplefilter("ignore", nq.errors.NqpWarning)
    found = []
    for replication in replications:
        try:
            found.append(task(np.random.default_rng([crc32(name.encode()), replication])))
        except nq.errors.NqpError as error:
            found.append(type(error).__name__)
    return found


def _run(task: Callable, name: str, replications: int, n_jobs: int) -> tuple[list, int]:
    batches = Parallel(n_jobs=n_jobs)(
        delayed(_batch)(task, name, range(at, min(at + 10, replications)))
        for at in range(0, replications, 10)
    )
    every = [one for batch in batches for one in batch]
    good = [one for one in every if not isinstance(one, str)]
    return good, len(every) - len(good)


def run(folder: Path, *, replications: int, n_jobs: int) -> None:
    """Write calibration_spillovers.csv and calibration_direction.csv."""
    start, tables = time.perf_counter(), []
    for task in (partitioned, border, threshold):
        good, failed = _run(task, task.__name__, replications, n_jobs)
        stacked = np.array([list(one.values()) for one in good])
        estimates, true = stacked[:, :, 0], stacked[0, :, 1]
        low, high = stacked[:, :, 2], stacked[:, :, 3]
        tables.append(
            pd.DataFrame(
                {
                    "estimator": task.__name__,
                    "parameter": list(good[0]),
                    "truth": true.round(4),
                    "bias_in_sd": (estimates.mean(axis=0) - true) / estimates.std(axis=0, ddof=1),
                    "coverage": ((low <= true) & (true <= high)).mean(axis=0),
                    "replications": len(good),
                    "failed": failed,
                }
            ).round(4)
        )
        pd.concat(tables).to_csv(folder / "calibration_spillovers.csv", index=False)
        print(task.__name__, f"{time.perf_counter() - start:.0f} s", flush=True)
    rows = []
    for gap in GAPS:
        good, failed = _run(direction(gap), f"direction {gap}", replications, n_jobs)
        for name in good[0]:
            p = np.array([one[name] for one in good])
            rows.append(
                {
                    "gap": gap, "test": name, "rejects": float((p < 0.05).mean().round(4)),
                    "replications": len(good), "failed": failed,
                }
            )  # fmt: skip
        pd.DataFrame(rows).to_csv(folder / "calibration_direction.csv", index=False)
        print(f"direction {gap}", f"{time.perf_counter() - start:.0f} s", flush=True)
