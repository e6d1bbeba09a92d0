"""Calls without an option are calls with the documented one."""

from __future__ import annotations

import pandas as pd

import nqp_spatial as nq


def test_defaults(lattice, simulate):
    w = lattice(6, 6)
    panel = simulate(w, 4, seed=1)
    res = nq.fit("y ~ x1", panel, w)
    full = nq.fit("y ~ x1", panel, w, model="sdm", effects="two-way", correction="auto", seed=0)
    pd.testing.assert_series_equal(res.params, full.params)
    pd.testing.assert_frame_equal(res.conf_int(), res.conf_int(0.95))
    short = res.effects()
    explicit = res.effects(1000, seed=0, method="draws", level=0.95)
    assert (short.spec.draws, short.spec.seed, short.level) == (1000, 0, 0.95)
    pd.testing.assert_frame_equal(short.frame, explicit.frame)
    table = nq.compare({"a": res, "b": nq.fit("y ~ x1", panel, w, model="sar")})
    assert table.effects["a"].spec.draws == 1000
    assert table.effects["a"].spec.seed == 0
    tests = nq.diagnostics("y ~ x1", panel, w)
    assert tests.spec.level == 0.05
    assert "tests at 0.05" in tests.recommendation
