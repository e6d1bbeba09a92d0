"""Indices and decompositions beside loops, at the edges of their options as well."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.core.resampling import bootstrap_counts
from nqp_spatial.errors import DomainError, OptionError, PanelError
from tests.structure.panels import panel_of

# -- indices --------------------------------------------------------------------------------------


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


def test_options_of_bootstraps():
    panel = panel_of([1.0, 2, 4, 7], g=list("aabb"))
    calls = [
        lambda **o: nq.inequality.indices(panel, "x", **o),
        lambda **o: nq.inequality.theil(panel, "x", levels="g", **o),
        lambda **o: nq.inequality.dagum(panel, "x", group="g", **o),
    ]
    for call in calls:
        for options in ({"replications": -1}, {"level": 0.0}, {"level": 1.0}):
            with pytest.raises(OptionError):
                call(**options)
        call(replications=1, level=0.5)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_ends_of_intervals_are_quantiles_of_repeated_units(level):
    """More samples than one batch of Dagum's holds."""
    rng = np.random.default_rng(1)
    y, g = rng.lognormal(size=(8, 2)), np.array(list("aabbbccc"))
    panel = panel_of(y, g=g)
    tails = [(1 - level) / 2, (1 + level) / 2]
    counts = bootstrap_counts(np.random.default_rng(4), 8, 60).astype(int)
    assert (counts.sum(axis=1) == 8).all()
    options = {"replications": 60, "seed": 4, "level": level}
    table = nq.inequality.indices(panel, "x", which=["gini"], **options)
    theil = nq.inequality.theil(panel, "x", levels="g", index="L", **options).intervals
    repeated = [panel_of(np.repeat(y, c, axis=0), g=np.repeat(g, c)) for c in counts]
    values = [nq.inequality.indices(p, "x", which=["gini"])["gini"] for p in repeated]
    np.testing.assert_allclose(table["gini"][["low", "high"]].T, np.quantile(values, tails, axis=0))
    logs = np.array([
        [np.log(v.mean()) - np.log(v).mean() for v in np.repeat(y, c, axis=0).T] for c in counts
    ])  # fmt: skip
    np.testing.assert_allclose(theil["theil"].T, np.quantile(logs, tails, axis=0))

    codes = np.array([0, 0, 1, 1, 1, 2, 2, 2])
    counts = bootstrap_counts(np.random.default_rng(4), 8, 60, codes).astype(int)
    for code, size in ((0, 2), (1, 3), (2, 3)):
        assert (counts[:, codes == code].sum(axis=1) == size).all()
    result = nq.inequality.dagum(panel, "x", group="g", **options).intervals
    ginis = np.array([
        [np.abs(np.subtract.outer(v, v)).mean() / (2 * v.mean()) for v in np.repeat(y, c, axis=0).T]
        for c in counts
    ])  # fmt: skip
    np.testing.assert_allclose(result["gini"].T, np.quantile(ginis, tails, axis=0))
    assert (result["within_share", "low"] <= result["within_share", "high"]).all()


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


# -- Theil and Dagum ------------------------------------------------------------------------------


@pytest.mark.parametrize("index", ["T", "L"])
def test_groups_of_theil_by_hand(index):
    """Shares and inequality inside of each group; the parts add up."""
    rng = np.random.default_rng(3)
    y, w = rng.lognormal(size=(10, 2)), rng.uniform(0.5, 2, (10, 2))
    g = np.array(list("aaabbbbccc"))
    result = nq.inequality.theil(
        panel_of(y, g=g, w=w), "x", levels="g", population="w", index=index
    )
    for t in (0, 1):
        p, x = w[:, t] / w[:, t].sum(), y[:, t]
        total = within = between = 0.0
        m = p @ x
        for a in "abc":
            q, z = p[g == a], x[g == a]
            mean = q @ z / q.sum()
            share = (q @ z) / m if index == "T" else q.sum()
            r = z / mean
            group_theil = (q / q.sum() * (r * np.log(r) if index == "T" else -np.log(r))).sum()
            assert result.groups.loc[t, ("share", a)] == pytest.approx(share)
            assert result.groups.loc[t, ("theil", a)] == pytest.approx(group_theil)
            within += share * group_theil
            between += share * np.log(mean / m) if index == "T" else -share * np.log(mean / m)
        total = within + between
        row = result.frame.loc[t]
        assert row["theil"] == pytest.approx(total)
        assert row["between_g"] == pytest.approx(between)
        assert row["within_g"] == pytest.approx(within)
        assert row["between_g_share"] == pytest.approx(between / total)
        assert row["within_g_share"] == pytest.approx(within / total)


def test_levels_of_theil_must_be_nested():
    panel = panel_of([1.0, 2, 3, 4], outer=list("aabb"), inner=[1, 2, 3, 3], odd=[1, 2, 2, 3])
    assert nq.inequality.theil(panel, "x", levels=["outer", "inner"]).levels == ("outer", "inner")
    with pytest.raises(PanelError, match="such as those of 1, 2"):
        nq.inequality.theil(panel, "x", levels=["outer", "odd"])
    with pytest.raises(PanelError):
        nq.inequality.theil(panel, "x", levels=["outer", "inner", "odd"])
    even = nq.inequality.theil(panel_of([2.0, 2, 2, 2], g=list("aabb")), "x", levels="g")
    assert (even.frame.loc[0] == 0).all()


def test_groups_of_one_value_in_dagum():
    """No gap between them and none inside: nothing is divided by zero."""
    result = nq.inequality.dagum(panel_of([2.0, 2, 2, 2], g=list("aabb")), "x", group="g")
    assert (result.frame.loc[0] == 0).all()
    assert result.distances.iloc[0, 0] == 0
    apart = nq.inequality.dagum(panel_of([0.0, 0, 3, 3], g=list("aabb")), "x", group="g")
    assert apart.within.loc[0].tolist() == [0, 0]
    assert apart.between.iloc[0, 0] == 1
    assert apart.distances.iloc[0, 0] == 1
    assert apart.frame.loc[0, "net_between"] == pytest.approx(0.5)


def test_contributions_of_dagum_name_their_groups():
    rng = np.random.default_rng(4)
    y, g = rng.lognormal(size=(14, 2)), np.array(list("aaaabbbbbccccc"))
    result = nq.inequality.dagum(panel_of(y, g=g), "x", group="g")
    n = 14
    for t in (0, 1):
        x = y[:, t]
        m = x.mean()
        table = result.contributions.loc[t].set_index(["part", "group", "other"])["value"]
        assert len(table) == 3 + 3 + 3
        for a in "abc":
            z = x[g == a]
            gaps = np.abs(np.subtract.outer(z, z)).sum() / (2 * n * n * m)
            assert table["within", a, a] == pytest.approx(gaps)
        for a, b in itertools.combinations("abc", 2):
            pairs = np.subtract.outer(x[g == a], x[g == b])
            pair = np.abs(pairs).sum() / (n * n * m)
            net = abs(pairs.sum()) / (n * n * m)
            assert table["net_between", a, b] == pytest.approx(net)
            assert table["transvariation", a, b] == pytest.approx(pair - net)
            assert result.distances.loc[t, (a, b)] == pytest.approx(net / pair)


# -- gaps -----------------------------------------------------------------------------------------


def test_gaps_of_sums_and_weighted_means_by_loops():
    rng = np.random.default_rng(5)
    y, w = rng.normal(2, 2, size=(9, 4)), rng.uniform(0.5, 2, (9, 4))
    g = np.resize(list("abc"), 9)
    panel = panel_of(y, g=g, w=w)
    levels = {
        "sum": {a: y[g == a].sum(axis=0) for a in "abc"},
        "mean": {a: (y * w)[g == a].sum(axis=0) / w[g == a].sum(axis=0) for a in "abc"},
    }
    for how, population in (("sum", None), ("mean", "w")):
        result = nq.inequality.gaps(panel, "x", group="g", how=how, population=population)
        level = levels[how]
        for a in "abc":
            np.testing.assert_allclose(result.levels[a], level[a])
        for a, b in result.frame.index.droplevel(-1).unique():
            assert level[a][0] >= level[b][0]
            frame = result.frame.loc[(a, b)]
            for t in range(4):
                row, d, first = frame.iloc[t], level[a][t] - level[b][t], level[a][0] - level[b][0]
                assert row["difference"] == pytest.approx(d)
                assert row["change"] == pytest.approx(d - first, abs=1e-12)
                assert row["change_percent"] == pytest.approx(100 * (d - first) / first, abs=1e-9)
                assert row["sign_switch"] == (d * first < 0)
                if level[a][t] > 0 and level[b][t] > 0:
                    assert row["ratio"] == pytest.approx(level[a][t] / level[b][t])
                else:
                    assert np.isnan(row["ratio"])
                known = t > 0 and all(level[z][s] > 0 for z in (a, b) for s in (t - 1, t))
                if known:
                    grown = np.log(level[b][t] / level[b][t - 1])
                    grown -= np.log(level[a][t] / level[a][t - 1])
                    assert row["catch_up"] == pytest.approx(grown)
                else:
                    assert np.isnan(row["catch_up"])


def test_zero_is_no_level_for_ratios():
    result = nq.inequality.gaps(panel_of([[2.0, 4], [0, 1]], g=["e", "w"]), "x", group="g").frame
    assert np.isnan(result.loc[("e", "w", 0), "ratio"])
    assert result.loc[("e", "w", 1), "ratio"] == 4
    assert not result.loc[("e", "w", 0), "sign_switch"]
    with pytest.raises(OptionError):
        nq.inequality.gaps(panel_of([1.0, 2], g=["e", "w"]), "x", group="g", how="median")


def test_stated_gaps_are_put_to_the_widest():
    """The widest of three against the sum of the two inside; the tolerance itself passes."""
    pairs = pd.MultiIndex.from_tuples([("a", "b"), ("b", "c"), ("a", "c")])
    result = nq.inequality.intransitive(pd.Series([2.0, 3.0, 4.0], pairs))
    row = result.iloc[0]
    assert row[["a", "b", "c"]].tolist() == ["a", "b", "c"]
    assert row[["stated", "implied", "off"]].tolist() == [4.0, 5.0, -1.0]
    assert nq.inequality.intransitive(pd.Series([2.0, 3.0, 4.0], pairs), tolerance=1.0).empty
    assert len(nq.inequality.intransitive(pd.Series([2.0, 3.0, 4.0], pairs), tolerance=0.99)) == 1
    turned = nq.inequality.intransitive(pd.Series([-2.0, -3.0, -6.0], pairs)).iloc[0]
    assert turned[["a", "b", "c"]].tolist() == ["c", "b", "a"]
    assert turned["off"] == 1.0
    two = pd.Series([2.0, 3.0], pairs[:2])
    assert nq.inequality.intransitive(two).empty
    assert nq.inequality.intransitive(pd.Series([2.0, 3.0, 5.0], pairs)).empty
