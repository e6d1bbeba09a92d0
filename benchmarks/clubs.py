"""Convergence clubs over 20 periods, beside the same clustering with one regression a candidate."""

from __future__ import annotations

import warnings

import numpy as np

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


def ours(n: int):
    """Ours, from the panel on."""
    panel = frame_of(data(n))

    def call() -> dict:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = nq.convergence.clubs(panel, "y", merge=None)
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


def many(n: int, calls: int):
    """Return a loop of as many regressions as a package makes that repeats them."""
    values = data(n)
    sizes = np.random.default_rng(0).integers(2, n // 4, calls)

    def call() -> dict:
        for size in sizes:
            plain_clubs.log_t(values[:size], 1 / 3, "fixed")
        return {}

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
    again = measure("benchmarks.clubs:ours", 332)
    peer = measure("benchmarks.clubs:many", 332, 16_000, repeats=3, warm=False)
    table.append(row("clubs, n = 332, T = 20", again, "16 000 regressions in a loop", peer))
    return table
