"""Calls without an option are calls with the documented one."""

from __future__ import annotations

import numpy as np
import pandas as pd

import nqp_spatial as nq


def test_defaults():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.random((400, 3)), columns=list("abc")).assign(id=range(400))
    panel = nq.SpatialPanel(frame, unit="id")
    result = nq.composite.index(panel, dict.fromkeys("abc", "+"))
    period = panel.periods[0]
    pd.testing.assert_frame_equal(
        nq.composite.rank_intervals(result, period=period),
        nq.composite.rank_intervals(
            result, period=period, draws=1000, concentration=50.0, level=0.95, seed=0
        ),
    )
    explicit = nq.composite.index(
        panel, dict.fromkeys("abc", "+"), normalisation="min-max", weighting="entropy",
        combine="mean", across="same", aggregation="additive", shift=0.0,
    )  # fmt: skip
    pd.testing.assert_series_equal(result.scores, explicit.scores)
    edge = nq.SpatialPanel(
        pd.DataFrame({"id": [0, 1, 2], "a": [0.9, 0.89, 0.91], "b": [1.0, 1.0, 1.0]}), unit="id"
    )
    kinds = nq.composite.coupling(edge, ["a", "b"]).frame["lagging"].fillna("").tolist()
    assert kinds == ["", "a", ""]  # a tenth of the larger
    cuts = nq.composite.coupling(edge, ["a", "b"], cuts=np.arange(1, 10) / 10).frame["grade"]
    assert cuts.tolist() == nq.composite.coupling(edge, ["a", "b"]).frame["grade"].tolist()
