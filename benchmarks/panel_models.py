"""The family of panel models beside spreg, one cross-section of a million units, growth of cost.

Peers give coefficients and standard errors; ours give effects with 1 000 draws too. spreg's panel
models have unit effects and no inference on effects. Peers of the two-way and of the dynamic model
are that same ML_LagFE, which does less.
"""

from __future__ import annotations

import contextlib
import io
from functools import lru_cache

import numpy as np
import pandas as pd

import nqp_spatial as nq
from benchmarks.cases import weights
from benchmarks.measure import measure, row

BETA, THETA, RHO = np.array([1.0, 0.5]), np.array([0.3, -0.2]), 0.4
SIZES = {"n = 332": (332, 9), "n = 3000": (3000, 9)}


def simulated(
    w: nq.weights.SpatialWeights, periods: int, *, tau: float = 0.0, lam: float = 0.0
) -> nq.SpatialPanel:
    """Draw a panel with unit and period effects; inverses by their series."""
    rng, n = np.random.default_rng(0), w.n_units
    long = periods + 20 if tau else periods

    def spread(at: float, values: np.ndarray) -> np.ndarray:
        found = values
        for _ in range(60 if at else 0):
            found = values + at * (w.sparse @ found)
        return found

    x = rng.normal(size=(2, n, long))
    rho = 0.0 if lam else RHO
    right = np.tensordot(BETA, x, axes=1) + w.sparse @ np.tensordot(THETA, x, axes=1)
    right = right + spread(lam, rng.normal(size=(n, long)))
    if periods > 1:
        right = right + rng.normal(size=(n, 1)) + rng.normal(size=(1, long))
    if tau:
        y = np.zeros((n, long))
        for now in range(1, long):
            y[:, now] = spread(rho, right[:, now] + tau * y[:, now - 1])
        y, x = y[:, -periods:], x[:, :, -periods:]
    else:
        y = spread(rho, right)
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), periods),
            "t": np.tile(np.arange(periods), n),
            "y": y.ravel(),
            "x1": x[0].ravel(),
            "x2": x[1].ravel(),
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


@lru_cache
def _weights(kind: str, n: int) -> nq.weights.SpatialWeights:
    return weights(kind, n)


def ours(kind: str, n: int, periods: int, options: dict, errors: bool = False):
    """Fit and effects, from the formula on; nothing kept from an earlier call."""
    w = _weights(kind, n)
    tau = 0.4 if options.get("time_lag") else 0.0
    panel = simulated(w, periods, tau=tau, lam=RHO if errors else 0.0)

    def call() -> dict:
        w.cache.clear()
        res = nq.fit("y ~ x1 + x2", panel, w, **options)
        res.effects(draws=1000, seed=0)
        spatial = res.params["spatial"].iloc[0]
        error = res.std_errors["spatial"].iloc[0]
        noise = res.convergence.logdet_error
        return {"spatial": float(spatial), "error": float(error), "noise": float(noise)}

    return call


def peer(name: str, kind: str, n: int, periods: int, errors: bool, lags: int):
    """Spreg's panel models with unit effects; its weights and arrays are made beforehand."""
    import spreg

    w = _weights(kind, n)
    panel = simulated(w, periods, lam=RHO if errors else 0.0)
    old = w.to_W()
    old.transform = "r"
    y = panel.wide("y").to_numpy()
    x = np.hstack([panel.wide("x1").to_numpy(), panel.wide("x2").to_numpy()])
    if lags and name == "ML_ErrorFE":  # it makes no W X of its own
        wide = [panel.wide(v).to_numpy() for v in ("x1", "x2")]
        x = np.hstack([*wide, *(w.sparse @ v for v in wide)])
        lags = 0
    more = {"slx_lags": lags} if lags else {}

    def call() -> dict:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its name
            res = getattr(spreg, name)(y, x, old, **more)
        return {"spatial": float(res.lam if errors else res.rho)}

    return call


def products(kind: str, n: int):
    """Sparse products of 50 probes, 60 each, one after another, in the order that data come in."""
    w = _weights(kind, n).sparse
    v = np.random.default_rng(0).normal(size=(n, 50))

    def call() -> dict:
        now = v
        for _ in range(60):
            now = w @ now
        return {}

    return call


def rows() -> list[dict]:
    """Run all comparisons."""
    here, table = "benchmarks.panel_models", []
    for kind in ("contiguity", "nearest"):
        n, t = SIZES["n = 332"]
        lag = measure(f"{here}:peer", "ML_LagFE", kind, n, t, False, 1, repeats=5)
        for words, options in {
            "SDM, two-way effects": {"effects": "two-way"},
            "SDM, two-way, dynamic, bias-corrected": {
                "effects": "two-way",
                "time_lag": True,
                "space_time_lag": True,
            },
        }.items():
            a = measure(f"{here}:ours", kind, n, t, options, repeats=9)
            table.append(row(f"{words}, {kind}, n = {n}, T = {t}", a, "spreg ML_LagFE", lag))
    for words, (n, t) in SIZES.items():
        once = {"repeats": 5 if n < 1000 else 1, "warm": n < 1000}
        for model, lags in (("sem", 0), ("sdem", 1)):
            b = measure(f"{here}:peer", "ML_ErrorFE", "contiguity", n, t, True, lags, **once)
            options = {"model": model, "effects": "unit"}
            a = measure(f"{here}:ours", "contiguity", n, t, options, True, repeats=9)
            assert abs(a.facts["spatial"] - b.facts["spatial"]) < 1e-3 or model == "sdem"
            title = f"{model.upper()}, unit effects, contiguity, {words}, T = {t}"
            table.append(row(title, a, "spreg ML_ErrorFE", b))
    for kind in ("contiguity", "nearest"):
        once = {"repeats": 1, "warm": False}
        options = {"effects": "none"}
        a = measure(f"{here}:ours", kind, 1_000_000, 1, options, **once)
        b = measure(f"{here}:products", kind, 1_000_000, **once)
        error = a.facts["noise"]
        title = f"SDM, one cross-section, {kind}, n = 1 000 000 (log-det error {error:.1g} s.e.)"
        table.append(row(title, a, "50 x 60 products", b))
    return table


def growth() -> pd.DataFrame:
    """Return seconds and memory of an SDM by number of units, for panels and cross-sections."""
    here, found = "benchmarks.panel_models", []
    cases = [(10, 10**k, "two-way") for k in range(2, 6)] + [
        (1, 10**k, "none") for k in range(2, 7)
    ]
    for t, n, effects in cases:
        few = {"repeats": 5 if n <= 10_000 else 1, "warm": n <= 10_000}
        a = measure(f"{here}:ours", "contiguity", n, t, {"effects": effects}, **few)
        line = {"T": t, "n": n, "seconds": round(a.seconds, 4), "added MiB": round(a.added_mib)}
        found.append({**line, "peak MiB": round(a.peak_mib)})
    table = pd.DataFrame(found)
    for t, part in table[table["n"] >= 1000].groupby("T"):
        slope = np.polyfit(np.log(part["n"]), np.log(part["seconds"]), 1)[0]
        table.loc[table["T"] == t, "slope of log seconds from n = 1000"] = round(slope, 2)
    return table
