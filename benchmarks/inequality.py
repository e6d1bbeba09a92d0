"""Dagum's decomposition by four groups over twenty periods, beside all pairs as an array."""

from __future__ import annotations

import numpy as np
import pandas as pd

import nqp_spatial as nq
from benchmarks.measure import measure, row

GROUPS, PERIODS, BLOCK = 4, 20, 1000


def data(n: int, periods: int) -> tuple[np.ndarray, np.ndarray]:
    """Log-normal values, shape (n, periods), and groups."""
    rng = np.random.default_rng(0)
    return rng.lognormal(size=(n, periods)), rng.integers(0, GROUPS, n)


def ours(n: int, periods: int):
    """Ours, from the panel on."""
    values, groups = data(n, periods)
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), periods),
            "t": np.tile(np.arange(periods), n),
            "x": values.ravel(),
            "g": np.repeat(groups, periods),
        }
    )
    panel = nq.SpatialPanel(frame, unit="id", period="t")

    def call() -> dict:
        found = nq.inequality.dagum(panel, "x", group="g").frame
        return {"gini": found["gini"].iloc[-1], "within": found["within"].iloc[-1]}

    return call


def pairs(n: int, periods: int):
    """All pairs as arrays, in blocks of rows that fit the memory."""
    values, groups = data(n, periods)
    member = groups[:, None] == np.arange(GROUPS)
    size = member.sum(axis=0)

    def call() -> dict:
        for t in range(periods):
            y, sums = values[:, t], np.zeros((GROUPS, GROUPS))
            for at in range(0, n, BLOCK):
                inside = np.abs(y[at : at + BLOCK, None] - y) @ member
                sums += member[at : at + BLOCK].T @ inside
            mean, p = (y @ member) / size, size / n
            gini = sums / np.outer(size, size) / (mean[:, None] + mean)
            s = p * mean / (p @ mean)
            cross = gini * np.outer(p, s)
            facts = {"gini": cross.sum(), "within": np.trace(cross)}
        return facts

    return call


def rows() -> list[dict]:
    """Run both sizes; at the larger one two periods, as pairs take minutes."""
    table = []
    for n, periods in ((3_000, PERIODS), (30_000, 2)):
        a = measure("benchmarks.inequality:ours", n, periods)
        b = measure("benchmarks.inequality:pairs", n, periods, repeats=1, warm=False)
        for name, value in a.facts.items():
            assert abs(value / b.facts[name] - 1) < 1e-10, "the two decompose differently"
        table.append(row(f"Dagum, n = {n}, T = {periods}, 4 groups", a, "all pairs, vectorised", b))
    many = measure("benchmarks.inequality:ours", 30_000, PERIODS)
    table.append(row(f"Dagum, n = 30000, T = {PERIODS}: memory", many, "itself", many))
    return table
