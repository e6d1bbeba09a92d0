"""Indices by their definitions, and the principles that they obey."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nqp_spatial as nq
from nqp_spatial.errors import DomainError, OptionError
from tests.inequality.panels import panel_of_groups
from tests.structure.panels import panel_of


def table(y, w=None):
    panel = panel_of_groups(y, weights=w)
    return nq.inequality.indices(panel, "x", population=None if w is None else "w").loc[0]


incomes = st.lists(st.integers(1, 200), min_size=5, max_size=25).filter(lambda y: max(y) > min(y))


def test_indices_by_hand():
    """Two units, 1 and 3: m = 2."""
    result = table([1.0, 3.0])
    assert result["gini"] == pytest.approx(0.25)
    assert result["theil_t"] == pytest.approx(0.25 * np.log(0.5) + 0.75 * np.log(1.5))
    assert result["theil_l"] == pytest.approx(-0.5 * np.log(0.75))
    assert result["ge2"] == pytest.approx(0.125)
    assert result["cv"] == pytest.approx(0.5)
    assert result["atkinson_1"] == pytest.approx(1 - np.sqrt(3) / 2)
    assert result["atkinson_2"] == pytest.approx(1 - 1 / (2 / 3) / 2)
    assert result["log_variance"] == pytest.approx((np.log(3) / 2) ** 2)
    # L(1/2) = 1/4: 4 (1/2 - 1/4 - 1/8).
    assert result["wolfson"] == pytest.approx(0.5)
    # Of the uniform distribution: L(1/2) = 1/4, gini = 1/3.
    assert table(np.arange(1, 40_000) - 0.5)["wolfson"] == pytest.approx(1 / 3, abs=1e-4)


@settings(max_examples=40)
@given(incomes)
def test_scale_and_copies_change_nothing(y):
    """Scale invariance and the population principle, of every index."""
    y = np.array(y, dtype=float)
    mine = table(y)
    pd.testing.assert_series_equal(table(7.3 * y), mine, rtol=1e-9, atol=1e-12)
    pd.testing.assert_series_equal(table(np.repeat(y, 3)), mine, rtol=1e-9, atol=1e-12)
    # A weight is a number of copies.
    counts = 1 + np.arange(len(y)) % 3
    pd.testing.assert_series_equal(
        table(y, counts), table(np.repeat(y, counts)), rtol=1e-9, atol=1e-12
    )


@settings(max_examples=40)
@given(incomes, st.data())
def test_a_transfer_to_the_poorer_lowers_inequality(y, data):
    """The principle of transfers: for all but the variance of logs and polarisation."""
    y = np.sort(np.array(y, dtype=float))
    poor, rich = data.draw(
        st.tuples(st.integers(0, len(y) - 1), st.integers(0, len(y) - 1)).filter(
            lambda pair: y[pair[0]] < y[pair[1]]
        )
    )
    moved = y.copy()
    share = 0.4 * (y[rich] - y[poor])
    moved[poor], moved[rich] = y[poor] + share, y[rich] - share
    before, after = table(y), table(moved)
    for name in set(before.index) - {"log_variance", "wolfson"}:
        assert after[name] < before[name], name


def test_intervals_hold_the_estimate():
    rng = np.random.default_rng(3)
    panel = panel_of_groups(rng.lognormal(size=(50, 2)))
    result = nq.inequality.indices(panel, "x", which=["gini", "cv"], replications=200)
    for name in ("gini", "cv"):
        assert (result[name, "low"] < result[name, "estimate"]).all()
        assert (result[name, "estimate"] < result[name, "high"]).all()


@pytest.mark.slow
def test_intervals_of_the_gini_cover():
    """Of log-normal units: G = 2 Phi(s / sqrt 2) - 1."""
    from scipy import stats

    truth = 2 * stats.norm.cdf(0.5 / np.sqrt(2)) - 1
    covered = []
    for seed in range(300):
        y = np.exp(0.5 * np.random.default_rng(seed).normal(size=300))
        result = nq.inequality.indices(
            panel_of_groups(y), "x", which=["gini"], replications=300, seed=seed
        )
        covered.append(result["gini", "low"][0] <= truth <= result["gini", "high"][0])
    assert np.mean(covered) > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / 300)


def test_indices_by_their_definitions():
    """Two periods, weights that change over time."""
    rng = np.random.default_rng(0)
    y, w = rng.lognormal(size=(15, 2)), rng.uniform(0.3, 3, (15, 2))
    result = nq.inequality.indices(panel_of(y, w=w), "x", population="w")
    for t in (0, 1):
        p, x = w[:, t] / w[:, t].sum(), y[:, t]
        m = p @ x
        gini = sum(p[i] * p[j] * abs(x[i] - x[j]) for i in range(15) for j in range(15)) / (2 * m)
        logs = np.log(x)
        order = np.argsort(x)
        q, s = np.cumsum(p[order]), np.cumsum(p[order] * x[order]) / m
        lorenz = np.interp(0.5, np.r_[0, q], np.r_[0, s])
        median = x[order][np.searchsorted(q, 0.5)]
        expected = {
            "gini": gini,
            "theil_t": (p * x / m * np.log(x / m)).sum(),
            "theil_l": (p * np.log(m / x)).sum(),
            "ge2": (p * (x / m) ** 2).sum() / 2 - 0.5,
            "atkinson_0.5": 1 - (p @ np.sqrt(x)) ** 2 / m,
            "atkinson_1": 1 - np.exp(p @ logs) / m,
            "atkinson_2": 1 - 1 / (p @ (1 / x)) / m,
            "cv": np.sqrt(p @ (x - m) ** 2) / m,
            "log_variance": p @ (logs - p @ logs) ** 2,
            "wolfson": 4 * m / median * (0.5 - lorenz - gini / 2),
        }
        assert result.loc[t].to_dict() == pytest.approx(expected)


def test_median_of_wolfson_between_two_units():
    """Half of the units below 2.5: the Lorenz curve at one half, and 2.5 as the median."""
    result = nq.inequality.indices(panel_of([1.0, 2, 3, 6]), "x", which=["wolfson", "gini"])
    gini = result.loc[0, "gini"]
    assert result.loc[0, "wolfson"] == pytest.approx(4 * 3 / 2.5 * (0.5 - 3 / 12 - gini / 2))
    zero = nq.inequality.indices(panel_of([0.0, 0, 0, 5]), "x", which=["wolfson"])
    assert np.isnan(zero.loc[0, "wolfson"])


def test_measures_that_take_zeros():
    zeros = nq.inequality.indices(panel_of([[0.0, 1], [2, 3], [4, 5]]), "x")
    assert zeros.columns.tolist() == ["gini", "theil_t", "ge2", "cv", "wolfson"]
    p, m = 1 / 3, 2.0
    assert zeros.loc[0, "theil_t"] == pytest.approx(p * 4 / m * np.log(4 / m))
    positive = nq.inequality.indices(panel_of([[1.0], [2], [4]]), "x")
    assert len(positive.columns) == 10
    for name in ("theil_l", "atkinson_0.5", "log_variance"):
        with pytest.raises(DomainError):
            nq.inequality.indices(panel_of([[0.0], [2], [4]]), "x", which=[name])


def test_esteban_ray_by_hand_and_at_its_ends():
    panel = panel_of_groups([1.0, 1, 3, 3, 3, 3], ["a", "a", "b", "b", "b", "b"])
    mean, p = 7 / 3, np.array([1 / 3, 2 / 3])
    expected = (p[0] ** 2.3 * p[1] + p[1] ** 2.3 * p[0]) * 2 / mean
    assert nq.inequality.esteban_ray(panel, "x", group="g")[0] == pytest.approx(expected)
    gini = nq.inequality.dagum(panel, "x", group="g").frame.loc[0, "gini"]
    at_zero = nq.inequality.esteban_ray(panel, "x", group="g", alpha=0)
    assert at_zero[0] == pytest.approx(2 * gini)
    with pytest.raises(OptionError, match=r"alpha must be a number from 0 to 1.6"):
        nq.inequality.esteban_ray(panel, "x", group="g", alpha=2)


@pytest.mark.parametrize("alpha", [0.0, 1.0, 1.6])
def test_polarisation_by_loops(alpha):
    """Esteban and Ray: sum over pairs of groups of p_j^(1 + alpha) p_h |m_j - m_h|, over m."""
    rng = np.random.default_rng(2)
    y, w = rng.lognormal(size=(12, 2)), rng.uniform(0.5, 2, 12)
    g = np.resize(list("abc"), 12)
    result = nq.inequality.esteban_ray(
        panel_of(y, g=g, w=w), "x", group="g", alpha=alpha, population="w"
    )
    p = {a: w[g == a].sum() / w.sum() for a in "abc"}
    for t in (0, 1):
        m = {a: np.average(y[g == a, t], weights=w[g == a]) for a in "abc"}
        total = sum(p[a] ** (1 + alpha) * p[b] * abs(m[a] - m[b]) for a in "abc" for b in "abc")
        assert result.loc[t] == pytest.approx(total / np.average(y[:, t], weights=w))
    for bad in (-0.01, 1.61):
        with pytest.raises(OptionError):
            nq.inequality.esteban_ray(panel_of(y, g=g), "x", group="g", alpha=bad)
