"""Covariances, dynamic models and the specification path, beside the static model.

``ln|I - rho W|`` is known in both where a case is called "again": the warm-up call computes it.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import lru_cache
from importlib import import_module
from typing import Any
from unittest.mock import patch

import nqp_spatial as nq
from benchmarks import inference
from benchmarks.cases import lattice
from benchmarks.measure import measure, row

BIG = (250, 400)  # rows and columns of the lattice of 100 000 units
PERIODS = 10
LAGS = {"time_lag": True, "space_time_lag": True}
STATIC = "static model with effects"
DIAGNOSTICS = "nqp_spatial.regression.diagnostics"
ESTIMATING = ("_fitted_models", "_model_tests", "_random_effects_tests")
OPTIONS: dict[str, dict[str, Any]] = {
    STATIC: {},
    "cluster": {"covariance": "cluster"},
    "robust": {"covariance": "robust"},
    "driscoll-kraay": {"covariance": "driscoll-kraay"},
    "expected information": {"covariance": "expected"},
    "two-stage least squares": {"estimator": "gs2sls"},
    "adjusted scores, cluster": {"estimator": "m", "covariance": "cluster"},
    "random effects": {"effects": "random"},
    "dynamic, bias-corrected likelihood": LAGS | {"estimator": "ml"},
    "dynamic, adjusted scores": LAGS | {"estimator": "m"},
    "dynamic, adjusted scores, robust": LAGS | {"estimator": "m", "covariance": "robust"},
}
SMALL = tuple(name for name in OPTIONS if name != STATIC)
LARGE = tuple(name for name in SMALL if name.startswith("dynamic") and "robust" not in name)


@lru_cache
def sample(n: int) -> tuple[nq.SpatialPanel, nq.weights.SpatialWeights]:
    """Return a dynamic panel and its weights, queen contiguity on a lattice."""
    if n not in inference.SIDES:
        inference.SIDES[n] = BIG
    return inference.panel_of(n, PERIODS + 1), lattice(*inference.SIDES[n])


def fitted(n: int, name: str):
    """Fit a spatial Durbin model and compute its effects."""
    panel, w = sample(n)

    def call() -> dict:
        result = nq.fit("y ~ x", panel, w, model="sdm", **OPTIONS[name])
        return {"rows": len(result.effects().frame)}

    return call


def path(n: int):
    """Run the specification path: its models, their tests, posterior probabilities."""
    panel, w = sample(n)

    def call() -> dict:
        return {"tests": len(nq.diagnostics("y ~ x", panel, w).tests)}

    return call


def models(n: int):
    """Estimate the models of the specification path again, each by a call of its own."""
    panel, w = sample(n)
    calls = []

    def recorded(function):
        def call(*arguments, **options):
            calls.append((arguments, options))
            return function(*arguments, **options)

        return call

    modules = [import_module(f"{DIAGNOSTICS}.{name}") for name in ESTIMATING]
    with ExitStack() as patches:
        for module in modules:
            patches.enter_context(patch.object(module, "fit", recorded(module.fit)))
        nq.diagnostics("y ~ x", panel, w)

    def call() -> dict:
        for arguments, options in calls:
            nq.fit(*arguments, **options)
        return {"models": len(calls)}

    return call


def rows() -> list[dict]:
    """Run the cases; the peer of each is the static model of the same panel, processor time."""
    table = []
    for n, names in ((3_000, SMALL), (100_000, LARGE)):
        once = {"repeats": 3 if n > 10_000 else 5}
        static = measure("benchmarks.dynamic_models:fitted", n, STATIC, **once)
        for name in names:
            ours = measure("benchmarks.dynamic_models:fitted", n, name, **once)
            table.append(row(f"{name}, n = {n}, T = {PERIODS}, again", ours, STATIC, static))
        if n == 3_000:
            ours = measure("benchmarks.dynamic_models:path", n, **once)
            name = f"diagnostics, n = {n}, T = {PERIODS}, again"
            table.append(row(name, ours, STATIC, static))
            floor = measure("benchmarks.dynamic_models:models", n, **once)
            table.append(row(name, ours, f"its {floor.facts['models']} models, one by one", floor))
    return table
