"""Calls without an option are calls with the documented one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": range(12), "x": rng.lognormal(size=12), "g": list("abc") * 4})
    return nq.SpatialPanel(frame, unit="id")


def test_intervals_of_ninety_five_percent_from_seed_zero(panel):
    explicit = {"replications": 30, "level": 0.95, "seed": 0}
    pd.testing.assert_frame_equal(
        nq.inequality.indices(panel, "x", replications=30),
        nq.inequality.indices(panel, "x", **explicit),
    )
    for first, other in (
        (
            nq.inequality.theil(panel, "x", levels="g", replications=30),
            nq.inequality.theil(panel, "x", levels="g", **explicit),
        ),
        (
            nq.inequality.dagum(panel, "x", group="g", replications=30),
            nq.inequality.dagum(panel, "x", group="g", **explicit),
        ),
    ):
        pd.testing.assert_frame_equal(first.intervals, other.intervals)
        assert first.level == 0.95
    for call in (
        lambda: nq.inequality.theil(panel, "x", levels="g"),
        lambda: nq.inequality.dagum(panel, "x", group="g"),
    ):
        assert call().intervals is None


def test_other_defaults(panel):
    pd.testing.assert_series_equal(
        nq.inequality.esteban_ray(panel, "x", group="g"),
        nq.inequality.esteban_ray(panel, "x", group="g", alpha=1.3),
    )
    ring = np.roll(np.eye(12), 1, axis=1) + np.roll(np.eye(12), 2, axis=1)
    w = nq.weights.from_dense(ring, range(12), standardize="row")
    pd.testing.assert_frame_equal(
        nq.inequality.spatial_gini(panel, "x", w),
        nq.inequality.spatial_gini(panel, "x", w, permutations=999, seed=0),
    )
