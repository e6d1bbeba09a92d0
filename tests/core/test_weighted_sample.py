"""Values and shares of the population; bootstrap of periods and samples at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.core import weighted_sample as module
from nqp_spatial.core.resampling import bootstrap_counts
from nqp_spatial.core.weighted_sample import bootstrapped, percentile_intervals, weighted_sample
from nqp_spatial.errors import DomainError


def panel_of(x, people):
    x, people = np.asarray(x, dtype=float), np.asarray(people, dtype=float)
    n, periods = x.shape
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), periods),
            "t": np.tile(np.arange(periods), n),
            "x": x.ravel(),
            "people": people.ravel(),
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


def test_shares_of_a_period_sum_to_one():
    panel = panel_of([[1, 2], [3, 4], [5, 6]], [[1, 1], [1, 2], [2, 1]])
    data = weighted_sample(panel, "x", "people", "positive", "a mean")
    np.testing.assert_allclose(data.values, [[1, 3, 5], [2, 4, 6]])
    np.testing.assert_allclose(data.weights, [[0.25, 0.25, 0.5], [0.25, 0.5, 0.25]])
    equal = weighted_sample(panel, "x", None, "positive", "a mean")
    np.testing.assert_allclose(equal.weights, 1 / 3)


def test_cells_outside_the_domain_are_named():
    panel = panel_of([[1, 0], [3, 4]], [[1, 1], [0, 2]])
    with pytest.raises(DomainError, match=r"a mean needs positive values; 'x' .* for \(0, 1\)"):
        weighted_sample(panel, "x", None, "positive", "a mean")
    weighted_sample(panel, "x", None, "non-negative", "a mean")
    with pytest.raises(DomainError, match=r"population must be positive; 'people' .* \(1, 0\)"):
        weighted_sample(panel, "x", "people", "non-negative", "a mean")
    with pytest.raises(DomainError, match="'x' is zero everywhere in 1"):
        weighted_sample(panel_of([[1, 0], [3, 0]], [[1, 1], [1, 2]]), "x", None, "non-negative", "")


def test_bootstrap_by_loops():
    """Sums and means of each sample, by period; percentiles of them."""
    rng = np.random.default_rng(0)
    panel = panel_of(rng.random((7, 3)), rng.random((7, 3)) + 0.5)
    data = weighted_sample(panel, "x", "people", "positive", "a mean")

    def measure(y, w):
        return np.array([w.sum(axis=1), (w * y).sum(axis=1)])

    draws = bootstrapped(data, measure, 11, 4)
    counts = bootstrap_counts(np.random.default_rng(4), 7, 11)
    assert draws.shape == (11, 2, 3)
    for r in range(11):
        weights = counts[r] * data.weights
        np.testing.assert_allclose(draws[r, 0], weights.sum(axis=1))
        np.testing.assert_allclose(draws[r, 1], (weights * data.values).sum(axis=1))
    table = percentile_intervals(draws, 0.5, data.periods, ["total", "sum"])
    low, high = np.quantile(draws[:, 1], [0.25, 0.75], axis=0)
    np.testing.assert_allclose(table["sum"], np.column_stack([low, high]))
    assert table.columns.tolist()[:2] == [("total", "low"), ("total", "high")]


def test_batches_do_not_matter(monkeypatch):
    rng = np.random.default_rng(1)
    data = weighted_sample(panel_of(rng.random((5, 2)), np.ones((5, 2))), "x", None, "positive", "")

    def measure(y, w):
        return (w * y).sum(axis=1)[None]

    together = bootstrapped(data, measure, 9, 0)
    monkeypatch.setattr(module, "BATCH_CELLS", 25)
    np.testing.assert_array_equal(bootstrapped(data, measure, 9, 0), together)
