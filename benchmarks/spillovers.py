"""Partitioned model and threshold bootstrap beside the plain Durbin model and a floor of products.

The floor of the partitioned model is sixty sparse factorisations; that of the bootstrap is the
number of its fits times one fit.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import linalg as sla

import nqp_spatial as nq
from benchmarks.cases import weights
from benchmarks.measure import measure, row
from benchmarks.panel_models import simulated
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.estimators.ml import concentrated_likelihood, log_determinants
from nqp_spatial.regression.fit import parts_data
from nqp_spatial.regression.likelihood.maximize import maximize_from

PERIODS = 9


def _case(n: int) -> tuple[nq.weights.SpatialWeights, nq.SpatialPanel, pd.Series]:
    w = weights("contiguity", n)
    core = np.random.default_rng(2).random(w.n_units) < 0.4
    return w, simulated(w, PERIODS), pd.Series(np.where(core, "core", "rest"), w.units)


def two_groups(n: int):
    """Partitioned model and one effects matrix."""
    w, panel, core = _case(n)

    def call() -> dict:
        res = nq.spillovers.partitioned("y ~ x1 + x2", panel, w, group=core, effects="unit")
        res.effects_matrix("x1")
        return {"evaluations": res.model.convergence.iterations}

    return call


def plain(n: int):
    """Fit the plain Durbin model with its effects."""
    w, panel, _ = _case(n)

    def call() -> dict:
        w.cache.clear()
        nq.fit("y ~ x1 + x2", panel, w, effects="unit").effects(draws=1000)
        return {}

    return call


def factorisations(n: int):
    """Sixty sparse factorisations of I - rho W."""
    w, _, _ = _case(n)
    system = sparse.csc_matrix(sparse.eye_array(w.n_units) - 0.4 * w.sparse)

    def call() -> dict:
        for _ in range(60):
            sla.splu(
                system,
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True},
            )
        return {}

    return call


def bootstrap(n: int):
    """Threshold with ten bootstrap samples on two cores; and the time of one of its fits."""
    w, panel, _ = _case(n)
    score = pd.Series(np.random.default_rng(3).random(w.n_units), w.units, name="score")
    options = {"score": score, "effects": "unit", "grid": 30}
    low = score.to_numpy() <= 0.5
    parts = {
        "below": sparse.csr_array(w.sparse.multiply(low[None, :])),
        "above": sparse.csr_array(w.sparse.multiply(~low[None, :])),
    }
    terms = TermWeights.in_parts(parts, parts)
    data = parts_data("y ~ x1 + x2", panel, terms, effects="unit")

    def call() -> dict:
        start = time.perf_counter()
        for _ in range(10):
            posed = data.with_terms(terms)
            likelihood = concentrated_likelihood(posed, log_determinants(terms))
            maximize_from(likelihood, [np.full(2, 0.4)])
        one = (time.perf_counter() - start) / 10
        nq.spillovers.threshold("y ~ x1 + x2", panel, w, replications=2, n_jobs=2, **options)
        start = time.perf_counter()
        nq.spillovers.threshold("y ~ x1 + x2", panel, w, replications=0, **options)
        without = time.perf_counter() - start
        start = time.perf_counter()
        nq.spillovers.threshold("y ~ x1 + x2", panel, w, replications=20, n_jobs=2, **options)
        whole = time.perf_counter() - start - without
        return {"ratio": whole / (20 * 31 * one / 2), "one": one}

    return call


def rows() -> list[dict]:
    """Run all comparisons."""
    here, table = "benchmarks.spillovers", []
    a, b = measure(f"{here}:two_groups", 332), measure(f"{here}:plain", 332)
    table.append(row("two groups, 4 rho, effects matrix, n = 332, T = 9", a, "plain SDM", b))
    a, b = measure(f"{here}:two_groups", 3000, repeats=3), measure(f"{here}:factorisations", 3000)
    table.append(row("two groups, 4 rho, effects matrix, n = 3000, T = 9", a, "60 factors", b))
    c = measure(f"{here}:bootstrap", 332, repeats=1, warm=False)
    words = f"threshold bootstrap, n = 332: {c.facts['ratio']:.2f} x fits x one fit / cores"
    table.append({"case": words, "ours, s": round(c.seconds, 2)})
    return table
