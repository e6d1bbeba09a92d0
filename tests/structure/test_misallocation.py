"""Misallocation against an optimiser and by the formulas of Hsieh and Klenow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

import nqp_spatial as nq
from nqp_spatial.errors import DomainError, OptionError
from tests.structure.panels import panel_of, panel_of_columns


def test_misallocation_is_what_a_planner_would_gain():
    """Against the best allocation, found by an optimiser that knows no formula."""
    rng = np.random.default_rng(0)
    n, alpha, sigma = 4, 0.4, 3.0
    k, labour, a = (rng.uniform(0.5, 2, n) for _ in range(3))

    def output(k, labour):
        made = a * k**alpha * labour ** (1 - alpha)
        return (made ** ((sigma - 1) / sigma)).sum() ** (sigma / (sigma - 1))

    def loss(shares):
        to_k, to_l = np.exp(shares[:n]), np.exp(shares[n:])
        return -np.log(output(k.sum() * to_k / to_k.sum(), labour.sum() * to_l / to_l.sum()))

    best = optimize.minimize(loss, np.zeros(2 * n), tol=1e-12)
    gain = 100 * (np.exp(-best.fun) / output(k, labour) - 1)
    revenue = (a * k**alpha * labour ** (1 - alpha)) ** ((sigma - 1) / sigma)
    panel = panel_of_columns(y=revenue[:, None], k=k[:, None], l=labour[:, None])
    options = {"output": "y", "capital": "k", "labour": "l", "alpha": alpha, "sigma": sigma}
    result = nq.structure.misallocation(panel, **options)
    assert gain > 1
    assert result.frame.loc[0, "gain_percent"] == pytest.approx(gain, rel=1e-6)
    tau = revenue / revenue.sum() / (k / k.sum()) - 1
    np.testing.assert_allclose(result.distortions["tau_capital"], tau)
    # Factors in proportion to revenue: nothing to gain, no distortion.
    even = panel_of_columns(y=revenue[:, None], k=2 * revenue[:, None], l=3 * revenue[:, None])
    none = nq.structure.misallocation(even, **options)
    assert none.frame.loc[0].abs().max() < 1e-10
    assert none.distortions[["tau_capital", "tau_labour"]].abs().to_numpy().max() < 1e-12
    with pytest.raises(OptionError, match="sigma must be a number above 1"):
        nq.structure.misallocation(panel, **(options | {"sigma": 1}))
    with pytest.raises(DomainError, match="capital must be positive; 'k' is not for 0"):
        nq.structure.misallocation(panel.assign(k=lambda d: d["k"] - d["k"].iloc[0]), **options)


@pytest.mark.parametrize("options", [{}, {"alpha": 0.6, "sigma": 5.0}])
def test_wedges_by_their_formulas(options):
    """Hsieh and Klenow's gain with revenue products, written as shares; two periods."""
    rng = np.random.default_rng(7)
    y, k, labour = (rng.lognormal(size=(6, 2)) for _ in range(3))
    panel = panel_of(y, k=k, l=labour)
    result = nq.structure.misallocation(panel, output="x", capital="k", labour="l", **options)
    alpha, sigma = options.get("alpha", 1 / 3), options.get("sigma", 3.0)
    for t in (0, 1):
        v, a, b = y[:, t], k[:, t], labour[:, t]
        tfpr = v / (a**alpha * b ** (1 - alpha))
        frame = result.distortions.xs(t, level=1)
        np.testing.assert_allclose(frame["tfpr"], tfpr / tfpr.mean())
        np.testing.assert_allclose(frame["tau_capital"], v / v.sum() * a.sum() / a - 1)
        np.testing.assert_allclose(frame["tau_labour"], v / v.sum() * b.sum() / b - 1)
        # Physical productivity A = (P Y)^(s / (s - 1)) / (K^a L^(1 - a)); efficient output, with
        # factors in proportion to A^(s - 1), over actual output, sum of A^... of given factors.
        A = v ** (sigma / (sigma - 1)) / (a**alpha * b ** (1 - alpha))
        actual = (v**1).sum() ** (sigma / (sigma - 1))
        q = A ** (sigma - 1) / (A ** (sigma - 1)).sum()
        made = A * (q * a.sum()) ** alpha * (q * b.sum()) ** (1 - alpha)
        best = (made ** ((sigma - 1) / sigma)).sum() ** (sigma / (sigma - 1))
        row = result.frame.loc[t]
        assert row["gain_percent"] == pytest.approx(100 * (best / actual - 1))
        assert row["sd_log_tfpr"] == pytest.approx(np.log(tfpr).std())


def test_bounds_of_misallocation():
    panel = panel_of([1.0, 2, 3], k=[1.0, 2, 2], l=[1.0, 1, 2], zero=[0.0, 1, 2])
    columns = {"output": "x", "capital": "k", "labour": "l"}
    for bad in ({"alpha": 0.0}, {"alpha": 1.0}, {"sigma": 1.0}):
        with pytest.raises(OptionError):
            nq.structure.misallocation(panel, **columns, **bad)
    for name in columns:
        with pytest.raises(DomainError):
            nq.structure.misallocation(panel, **(columns | {name: "zero"}))
