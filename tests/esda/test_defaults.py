"""Calls without an option are calls with the documented one."""

from __future__ import annotations

import numpy as np
import pandas as pd

import nqp_spatial as nq


def test_defaults():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": range(30), "x": rng.normal(size=30), "kind": list("abc") * 10})
    panel = nq.SpatialPanel(frame, unit="id")
    ring = np.roll(np.eye(30), 1, axis=1) + np.roll(np.eye(30), 2, axis=1)
    w = nq.weights.from_dense(ring, range(30), standardize="row")
    moran = nq.esda.moran(panel, "x", w)
    spec = {"permutations": 999, "seed": 0, "alternative": "directed"}
    assert dict(moran.spec) == {"variable": "x", "weights": w.spec.words, **spec}
    again = nq.esda.moran(panel, "x", w, seed=0, permutations=999, alternative="directed")
    pd.testing.assert_frame_equal(moran.frame, again.frame)
    lisa = nq.esda.lisa(panel, "x", w)
    assert (lisa.permutations, lisa.alpha, lisa.fdr) == (999, 0.05, False)
    again = nq.esda.lisa(panel, "x", w, seed=0, permutations=999, alpha=0.05)
    pd.testing.assert_frame_equal(lisa.frame, again.frame)
    joins = nq.esda.join_counts(panel, "kind", w)
    assert (joins.spec.permutations, joins.spec.alternative) == (999, "two-sided")
    assert (lisa.spec.seed, joins.spec.seed) == (0, 0)
