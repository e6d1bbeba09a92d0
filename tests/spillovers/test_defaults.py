"""Calls without an option are calls with the documented one."""

from __future__ import annotations

import numpy as np
import pandas as pd

import nqp_spatial as nq
from nqp_spatial.spillovers import thresholds


def test_intervals_of_ninety_five_percent(states):
    panel, w = states
    south = pd.Series(np.where(panel.units < "MO", "a", "b"), panel.units, name="half")
    s = nq.spillovers
    parts = s.partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit")
    pd.testing.assert_frame_equal(parts.conf_int(), parts.conf_int(0.95))
    pd.testing.assert_frame_equal(
        parts.effects_matrix("lpc").frame, parts.effects_matrix("lpc", level=0.95).frame
    )
    walls = s.barrier("lgsp ~ lpc", panel, w, group=south, effects="unit")
    pd.testing.assert_frame_equal(walls.share_interval(), walls.share_interval(0.95))
    pd.testing.assert_frame_equal(
        walls.effects_by_border("lpc"), walls.effects_by_border("lpc", level=0.95)
    )
    assert walls.decay().conf_low == walls.decay(0.95).conf_low
    edges = [0, 500, 1000]
    short = s.reach("lgsp ~ lpc", panel, edges_km=edges, effects="unit")
    full = s.reach(
        "lgsp ~ lpc", panel, edges_km=edges, effects="unit", power=0.0, level=0.95, seed=0,
        outcome_lags="one",
    )  # fmt: skip
    pd.testing.assert_frame_equal(short.frame, full.frame)


def test_defaults_of_the_exponent(states):
    panel, _ = states
    options = {"cutoff_km": 1000, "effects": "unit"}
    found = nq.spillovers.distance_decay("lgsp ~ lpc", panel, **options)
    full = nq.spillovers.distance_decay("lgsp ~ lpc", panel, largest=6.0, level=0.95, **options)
    assert found.profile.index[-1] == 6.0
    assert (found.conf_low, found.conf_high) == (full.conf_low, full.conf_high)


def test_defaults_of_a_threshold(lattice, simulate, monkeypatch):
    w = lattice(5, 6)
    score = np.repeat(np.random.default_rng(0).random(30), 5)
    panel = simulate(w, 5, seed=1).assign(score=score)
    seeds = []
    monkeypatch.setattr(thresholds, "_one_sample", lambda *a: seeds.append(a[-1]) or 0.0)
    options = {"score": "score", "effects": "unit"}
    short = nq.spillovers.threshold("y ~ x1", panel, w, **options)
    assert (short.spec["replications"], short.level) == (300, 0.95)
    assert seeds[0].entropy == 0
    full = nq.spillovers.threshold(
        "y ~ x1", panel, w, grid=60, trim=0.1, level=0.95, replications=1, seed=0, **options
    )
    pd.testing.assert_frame_equal(short.profile, full.profile)
    assert (short.conf_low, short.conf_high) == (full.conf_low, full.conf_high)
