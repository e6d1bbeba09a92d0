"""Averaging over all subsets of twelve weights, beside the eigenvalues that enumeration needs."""

from __future__ import annotations

import numpy as np
import pandas as pd

import nqp_spatial as nq
from benchmarks.measure import measure, row

CANDIDATES, UNITS, PERIODS = 12, 300, 4
RHO = 0.5


def _candidates() -> dict[str, np.ndarray]:
    """Nearest neighbours, distance decay and economic distances, row-standardised."""
    rng = np.random.default_rng(0)
    places = rng.random((UNITS, 2))
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    ranks = distance.argsort(axis=1).argsort(axis=1)
    raw = {f"nearest {k}": (ranks < k).astype(float) for k in (4, 5, 6, 8, 10, 12)}
    raw |= {f"decay {scale}": np.exp(-distance / scale) for scale in (0.05, 0.1, 0.2)}
    for name in ("income", "industry", "trade"):
        z = rng.normal(size=UNITS)
        raw[name] = 1 / (np.abs(z[:, None] - z[None]) + 0.1) * np.isfinite(distance)
    return {name: w / w.sum(axis=1, keepdims=True) for name, w in raw.items()}


def ours(model: str):
    """Ours: the posterior of all subsets and averaged effects."""
    dense = _candidates()
    rng = np.random.default_rng(1)
    x, errors = rng.normal(size=(2, UNITS, PERIODS))
    mean = (dense["nearest 4"] + dense["income"]) / 2
    y = np.linalg.solve(np.eye(UNITS) - RHO * mean, x + errors)
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()})
    frame["id"] = np.repeat(np.arange(UNITS), PERIODS)
    frame["t"] = np.tile(np.arange(PERIODS), UNITS)
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    weights = {name: nq.weights.from_dense(w, np.arange(UNITS)) for name, w in dense.items()}

    def call() -> dict:
        result = nq.average_weights("y ~ x", panel, weights, model=model)
        return {"subsets": len(result.models), "best": result.models.loc[0, "weights"]}

    return call


def peer(model: str):
    """All eigenvalues of the mean of every subset."""
    stack = np.stack([w.ravel() for w in _candidates().values()])

    def call() -> dict:
        for number in range(1, 2**CANDIDATES):
            members = (number >> np.arange(CANDIDATES)) & 1
            np.linalg.eigvals((members @ stack / members.sum()).reshape(UNITS, UNITS))
        return {"subsets": number}

    return call


def rows() -> list[dict]:
    """Run the cases: once, since each takes a minute or more."""
    once = {"repeats": 1, "warm": False}
    b = measure("benchmarks.averaging:peer", "sdm", **once)
    table = []
    for model in ("sar", "sdm", "sem"):
        a = measure("benchmarks.averaging:ours", model, **once)
        assert a.facts["subsets"] == b.facts["subsets"], "the two have different subsets"
        name = f"averaging, {model.upper()}, {CANDIDATES} W, n = {UNITS}, T = {PERIODS}"
        table.append(row(name, a, "eigenvalues of 4 095 means", b))
    return table
