"""Convergence clubs over 20 periods, beside geometrics and a loop of one regression a candidate.

geometrics raises c* until a club converges, as `critical="increasing"` does; the loop keeps it at
zero.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

import nqp_spatial as nq
from benchmarks import plain_clubs
from benchmarks.dynamics_calibration import frame_of
from benchmarks.measure import measure, row

PERIODS = 20


def data(n: int) -> np.ndarray:
    """Return logs of incomes that wander: many clubs, and many candidates for each."""
    rng = np.random.default_rng(n)
    steps = 0.03 * rng.normal(size=(n, PERIODS))
    return 9 + 0.6 * rng.normal(size=(n, 1)) + np.cumsum(steps + 0.02, axis=1)


def ours(n: int, critical: str = "fixed"):
    """Ours, from the panel on."""
    panel = frame_of(data(n))

    def call() -> dict:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = nq.convergence.clubs(panel, "y", merge=None, critical=critical)
        return {"clubs": [frozenset(found.members(k)) for k in found.frame.index]}

    return call


def loops(n: int):
    """One regression at a time, on the array."""
    values = data(n)
    calls = 0
    once = plain_clubs.log_t

    def counted(*arguments):
        nonlocal calls
        calls += 1
        return once(*arguments)

    def call() -> dict:
        nonlocal calls
        calls = 0
        plain_clubs.log_t = counted
        found, _ = plain_clubs.clubs(values, 1 / 3, "fixed", False)
        return {"clubs": [frozenset(club) for club in found], "calls": calls}

    return call


def geometrics(n: int):
    """Return a call of geometrics, which draws its figures and its table as well."""
    from geometrics import clubs as program

    values = data(n)
    units, periods = np.repeat(np.arange(n), PERIODS), np.tile(np.arange(PERIODS), n)
    frame = pd.DataFrame({"unit": units, "period": periods, "y": values.ravel()})

    def call() -> dict:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = program.analyze_convergence_clubs(
                frame, "y", entity="unit", time="period", hp_filter=False, trim=1 / 3, merge="none"
            )
        members = result.membership.query("club > 0").groupby("club")["entity"]
        return {"clubs": [frozenset(map(int, club)) for _, club in members]}

    return call


def rows() -> list[dict]:
    """Run all sizes."""
    table = []
    for n in (50, 150, 332, 3000):
        a = measure("benchmarks.clubs:ours", n)
        b = measure("benchmarks.clubs:loops", n, repeats=3 if n < 1000 else 1, warm=n < 1000)
        assert a.facts["clubs"] == b.facts["clubs"], "the two find different clubs"
        case = f"clubs, n = {n}, T = {PERIODS}: {len(a.facts['clubs'])} clubs"
        table.append(row(case, a, f"{b.facts['calls']} regressions in a loop", b))
    for n in (50, 150, 332):
        a = measure("benchmarks.clubs:ours", n, "increasing")
        b = measure("benchmarks.clubs:geometrics", n, repeats=3)
        assert a.facts["clubs"] == b.facts["clubs"], "geometrics finds different clubs"
        case = f"clubs, c* increasing, n = {n}, T = {PERIODS}: {len(a.facts['clubs'])} clubs"
        table.append(row(case, a, "geometrics, with its figures and table", b))
    return table
