"""Calls without an option are calls with the documented one."""

from __future__ import annotations

import numpy as np
import pandas as pd

import nqp_spatial as nq


def test_defaults():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(24, 6)).cumsum(axis=1)
    frame = pd.DataFrame(
        {
            "id": np.repeat(range(24), 6),
            "t": np.tile(range(6), 24),
            "y": values.ravel(),
            "g": np.repeat(list("ab") * 12, 6),
        }
    )
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    ring = np.roll(np.eye(24), 1, axis=1) + np.roll(np.eye(24), 2, axis=1)
    w = nq.weights.from_dense(ring, range(24), standardize="row")
    d = nq.dynamics
    chain = {"states": 4, "step": 1, "discretize": "pooled-quantiles", "relative": False}
    boot = {"replications": 20, "seed": 3}
    for short, full in (
        (d.markov(panel, "y", **boot), d.markov(panel, "y", level=0.95, **chain, **boot)),
        (
            d.spatial_markov(panel, "y", w, **boot),
            d.spatial_markov(panel, "y", w, lag_states=4, level=0.95, **chain, **boot),
        ),
    ):
        pd.testing.assert_frame_equal(short.counts, full.counts)
        pd.testing.assert_frame_equal(short.intervals, full.intervals)
    for short, full in (
        (
            d.markov_by_group(panel, "y", group="g", **boot),
            d.markov_by_group(panel, "y", group="g", level=0.95, **chain, **boot),
        ),
        (
            d.spatial_markov_by_group(panel, "y", w, group="g", **boot),
            d.spatial_markov_by_group(
                panel, "y", w, group="g", lag_states=4, level=0.95, **chain, **boot
            ),
        ),
        (
            d.time_homogeneity(panel, "y"),
            d.time_homogeneity(panel, "y", spans=2, **chain),
        ),
        (d.first_order(panel, "y"), d.first_order(panel, "y", **chain)),
    ):
        assert list(short.chains) == list(full.chains)
        for name in short.chains:
            pd.testing.assert_frame_equal(short.chains[name].counts, full.chains[name].counts)
            if short.chains[name].intervals is not None:
                pd.testing.assert_frame_equal(
                    short.chains[name].intervals, full.chains[name].intervals
                )
        assert set(short.tests) == set(full.tests)
        assert not any("permutation" in name for name in short.tests)
    assert d.markov(panel, "y").intervals is None
    assert d.spatial_markov(panel, "y", w).intervals is None
    assert d.spatial_markov(panel, "y", w).spec.permutations == 0
    assert d.lisa_markov(panel, "y", w).chain.spec.step == 1
    ranks = d.rank_mobility(panel, "y", weights=w)
    assert (ranks.spec.permutations, ranks.spec.step) == (999, 1)
    assert d.stochastic_kernel(panel, "y").joint.shape == (101, 101)
    assert d.stochastic_kernel(panel, "y").spec.step == 1
    assert d.density(panel, "y").frame.shape == (512, 6)
    modes = d.modality(panel, "y", periods=[5], seed=0)
    assert len(modes.frame) == 3
    assert modes.spec.replications == 999
