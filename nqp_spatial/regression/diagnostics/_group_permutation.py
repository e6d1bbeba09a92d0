"""Fisher's permutation test of equal slopes: units are assigned to groups at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import HypothesisTest, NotApplicable
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import batches, permutation_p
from nqp_spatial.core.text import t
from nqp_spatial.errors import NqpError
from nqp_spatial.regression.diagnostics._group_slopes import (
    SlopeColumns,
    fit_slopes,
    pairwise,
    wald_tests,
)
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["permuted_tests"]

_BATCH = 20


def permuted_tests(
    pooled: RegressionResult,
    columns: SlopeColumns,
    panel: SpatialPanel,
    weights: SpatialWeights | None,
    groups: Groups,
    options: Mapping[str, Any],
    *,
    permutations: int,
    seed: int | None,
    n_jobs: int,
    progress: bool,
) -> tuple[dict[str, HypothesisTest | NotApplicable], np.ndarray, int]:
    """Return permutation tests, p-values of pairwise differences, and how many draws failed.

    Wald statistics and absolute t ratios of the assignment observed are compared with those of
    random ones; it counts as one of them.
    """
    from joblib import Parallel, delayed
    from tqdm import tqdm

    rng = np.random.default_rng(seed)
    draws = [rng.permutation(groups.codes) for _ in range(permutations)]
    tasks = (
        delayed(_statistics)(draws[part], columns, panel, weights, groups.names, options)
        for part in batches(permutations, _BATCH)
    )
    running = Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    total = -(-permutations // _BATCH)
    done = tqdm(running, total=total, desc="permutations", disable=not progress)
    drawn = np.vstack([row for rows in done for row in rows if row is not None] or [[]])
    observed = _row(pooled, columns, groups.names)
    count = len(drawn) if drawn.size else 0
    # A draw that gives the same partition may differ in the last digits.
    extreme = (drawn >= observed * (1 - 1e-8)).sum(axis=0) if count else np.zeros(len(observed))
    p_values = permutation_p(extreme, count)
    rule = t("{count} random assignments of units to groups, seed {seed}", count=count, seed=seed)
    tests: dict[str, HypothesisTest | NotApplicable] = {}
    for place, (name, test) in enumerate(wald_tests(pooled, columns, groups.names).items()):
        key = name.replace("Wald", "permutation", 1)
        words = t("Permutation of {test}", test=test.name)
        if not count:
            tests[key] = NotApplicable(words, test.null, t("no draw could be estimated"))
            continue
        tests[key] = HypothesisTest(
            words, test.null, float(observed[place]), "permutation", None, float(p_values[place]),
            rule,
        )  # fmt: skip
    return tests, p_values[len(tests) :], permutations - count


def _row(result: RegressionResult, columns: SlopeColumns, names: list[str]) -> np.ndarray:
    """Return the Wald statistics and the absolute t ratios of pairwise differences."""
    tests = wald_tests(result, columns, names)
    _, gaps, errors = pairwise(result, columns, names)
    return np.concatenate([[test.statistic for test in tests.values()], np.abs(gaps / errors)])


def _statistics(
    draws: list[np.ndarray],
    columns: SlopeColumns,
    panel: SpatialPanel,
    weights: SpatialWeights | None,
    names: list[str],
    options: Mapping[str, Any],
) -> list[np.ndarray | None]:
    fresh = None if weights is None else replace(weights, cache={})
    rows: list[np.ndarray | None] = []
    for codes in draws:
        try:
            result = fit_slopes(columns, panel, fresh, codes, names, options)
        except NqpError:
            rows.append(None)
            continue
        row = _row(result, columns, names)
        rows.append(row if np.isfinite(row).all() else None)
    return rows
