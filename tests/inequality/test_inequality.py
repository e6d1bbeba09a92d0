"""Inequality: definitions by all pairs, principles that indices obey, published numbers, errors."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nqp_spatial as nq
from nqp_spatial.core.resampling import bootstrap_counts
from nqp_spatial.errors import DomainError, MissingValuesError, OptionError, PanelError

DATA = Path(os.environ.get("NQP_DATA", "../shared")) / "data" / "china_cities"
SHAPES = np.array(["a", "b", "c"])


def panel_of(values, groups=None, weights=None):
    values = np.atleast_2d(np.asarray(values, dtype=float).T).T
    n, t = values.shape
    frame = pd.DataFrame(
        {"id": np.repeat(np.arange(n), t), "t": np.tile(np.arange(t), n), "x": values.ravel()}
    )
    if groups is not None:
        frame["g"] = np.repeat(np.asarray(groups), t)
    if weights is not None:
        frame["w"] = np.repeat(np.asarray(weights, dtype=float), t)
    return nq.SpatialPanel(frame, unit="id", period="t")


def by_all_pairs(y, g, w):
    """Dagum's parts by their definition: every pair of units, gross affluence and all."""
    w = w / w.sum()
    mean = w @ y
    names = sorted(set(g))
    p = {a: w[g == a].sum() for a in names}
    m = {a: (w[g == a] @ y[g == a]) / p[a] for a in names}
    s = {a: p[a] * m[a] / mean for a in names}

    def expected(a, b, f):
        pairs = f(y[g == a][:, None], y[g == b][None, :])
        return (w[g == a] / p[a]) @ pairs @ (w[g == b] / p[b])

    gini = {
        (a, b): expected(a, b, lambda u, v: abs(u - v)) / (m[a] + m[b])
        for a in names
        for b in names
    }
    within = sum(gini[a, a] * p[a] * s[a] for a in names)
    net = overlap = 0.0
    for a, b in itertools.combinations(names, 2):
        hi, lo = (a, b) if m[a] >= m[b] else (b, a)
        d = expected(hi, lo, lambda u, v: np.maximum(u - v, 0))
        first_order = expected(hi, lo, lambda u, v: np.maximum(v - u, 0))
        share = (d - first_order) / (d + first_order) if d + first_order else 0.0
        pair = gini[a, b] * (p[a] * s[b] + p[b] * s[a])
        net, overlap = net + share * pair, overlap + (1 - share) * pair
    total = (w[:, None] * w * abs(y[:, None] - y)).sum() / (2 * mean)
    return total, within, net, overlap, gini


@pytest.mark.parametrize("seed", range(5))
def test_dagum_is_its_definition_by_all_pairs(seed):
    """With ties, zeros and unequal weights."""
    rng = np.random.default_rng(seed)
    y = np.round(rng.lognormal(size=(60, 3)), 1) * (rng.random((60, 3)) > 0.1)
    g, w = SHAPES[rng.integers(0, 3, 60)], rng.uniform(0.2, 5, 60)
    result = nq.inequality.dagum(panel_of(y, g, w), "x", group="g", population="w")
    for t in range(3):
        total, within, net, overlap, gini = by_all_pairs(y[:, t], g, w)
        row = result.frame.loc[t]
        assert row["gini"] == pytest.approx(total, abs=1e-12)
        assert row["within"] == pytest.approx(within, abs=1e-12)
        assert row["net_between"] == pytest.approx(net, abs=1e-12)
        assert row["transvariation"] == pytest.approx(overlap, abs=1e-12)
        for a in SHAPES:
            assert result.within.loc[t, a] == pytest.approx(gini[a, a], abs=1e-12)
        for a, b in result.between.columns:
            assert result.between.loc[t, (a, b)] == pytest.approx(gini[a, b], abs=1e-12)
        assert result.contributions.loc[t, "value"].sum() == pytest.approx(total, abs=1e-13)
        shares = row[["within_share", "net_between_share", "transvariation_share"]]
        assert shares.sum() == pytest.approx(1, abs=1e-12)


def test_groups_apart_do_not_overlap():
    result = nq.inequality.dagum(panel_of([1, 2, 10, 11], ["p", "p", "r", "r"]), "x", group="g")
    assert result.frame.loc[0, "transvariation"] == pytest.approx(0, abs=1e-15)
    assert result.distances.iloc[0, 0] == 1
    # By hand: half the sum over all 16 ordered pairs of |difference| / (n^2 m), m = 6.
    assert result.frame.loc[0, "gini"] == pytest.approx(2 * (1 + 1 + 9 + 10 + 8 + 9) / (2 * 16 * 6))


def test_the_cities_of_china():
    if not DATA.is_dir():
        pytest.skip("needs data/china_cities under NQP_DATA")
    facts = json.loads((DATA / "facts.json").read_text())["dagum_region4_total_meanlight"]
    frame = pd.read_csv(DATA / "panel.csv").merge(
        pd.read_csv(DATA / "cities.csv")[["city_id", "region4"]], on="city_id"
    )
    panel = nq.SpatialPanel(frame, unit="city_id", period="year")
    result = nq.inequality.dagum(panel, "total_meanlight", group="region4")
    for year in (2001, 2020):
        fact = facts[str(year)]
        row = result.frame.loc[year]
        assert row["gini"] == pytest.approx(fact["G"], abs=1e-12)
        for part, name in (("within", "w"), ("net_between", "nb"), ("transvariation", "t")):
            assert row[part] == pytest.approx(fact[f"G{name}"], abs=1e-12)
            assert 100 * row[f"{part}_share"] == pytest.approx(fact[f"share_{name}_pct"], abs=1e-9)
        for region, value in fact["within"].items():
            assert result.within.loc[year, region] == pytest.approx(value, abs=1e-12)
        for pair, value in fact["D"].items():
            a, b = sorted(pair.split("|"))
            assert result.distances.loc[year, (a, b)] == pytest.approx(value, abs=1e-12)


def test_bootstrap_is_the_decomposition_of_repeated_units():
    rng = np.random.default_rng(0)
    y, g = rng.lognormal(size=12), np.repeat(["a", "b", "c"], 4)
    result = nq.inequality.dagum(panel_of(y, g), "x", group="g", replications=3, seed=5, level=0.5)
    codes = np.repeat([0, 1, 2], 4)
    counts = bootstrap_counts(np.random.default_rng(5), 12, 3, codes).astype(int)
    assert (counts.reshape(3, 3, 4).sum(axis=2) == 4).all()
    values = [
        by_all_pairs(np.repeat(y, sampled), np.repeat(g, sampled), np.ones(12))[0]
        for sampled in counts
    ]
    low, high = np.quantile(values, [0.25, 0.75])
    assert result.intervals.loc[0, ("gini", "low")] == pytest.approx(low, abs=1e-12)
    assert result.intervals.loc[0, ("gini", "high")] == pytest.approx(high, abs=1e-12)


# -- Theil and the table of indices ----------------------------------------------------------------


@pytest.mark.parametrize("index", ["T", "L"])
def test_theil_adds_up_over_nested_levels(index):
    rng = np.random.default_rng(1)
    y, w = rng.lognormal(size=(40, 2)), rng.uniform(0.5, 2, 40)
    inner = rng.integers(0, 8, 40)
    outer = inner // 3
    panel = panel_of(y, inner, w).assign(h=lambda d: np.repeat(outer, 2))
    result = nq.inequality.theil(panel, "x", levels=["h", "g"], population="w", index=index).frame

    def theil(y, w):
        m = w @ y / w.sum()
        r, w = y / m, w / w.sum()
        return (w * r * np.log(r)).sum() if index == "T" else -(w * np.log(r)).sum()

    def means(code, t):
        return np.array([w[code == c] @ y[code == c, t] / w[code == c].sum() for c in code])

    for t in range(2):
        row = result.loc[t]
        assert row["theil"] == pytest.approx(theil(y[:, t], w), abs=1e-12)
        assert row["between_h"] == pytest.approx(theil(means(outer, t), w), abs=1e-12)
        between = row["between_h"] + row["between_g"]
        assert between == pytest.approx(theil(means(inner, t), w), abs=1e-12)
        assert row["within_g"] == pytest.approx(theil(y[:, t], w) - between, abs=1e-12)
        parts = [name for name in row.index if name.endswith("share")]
        assert row[parts].sum() == pytest.approx(1, abs=1e-12)


def test_a_group_of_one_and_a_zero_in_theil():
    panel = panel_of([0.0, 1, 2, 5], ["a", "a", "b", "c"])
    assert nq.inequality.theil(panel, "x", levels="g").frame.loc[0, "theil"] > 0
    with pytest.raises(DomainError, match=r"Theil L needs positive values.*\(0, 0\)"):
        nq.inequality.theil(panel, "x", levels="g", index="L")
    with pytest.raises(PanelError, match="levels must be nested: groups of 'h' lie in several"):
        nq.inequality.theil(panel.assign(h=["u", "v", "u", "v"]), "x", levels=["g", "h"])


def table(y, w=None):
    panel = panel_of(y, weights=w)
    return nq.inequality.indices(panel, "x", population=None if w is None else "w").loc[0]


incomes = st.lists(st.integers(1, 200), min_size=5, max_size=25).filter(lambda y: max(y) > min(y))


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


def test_esteban_ray_by_hand_and_at_its_ends():
    panel = panel_of([1.0, 1, 3, 3, 3, 3], ["a", "a", "b", "b", "b", "b"])
    mean, p = 7 / 3, np.array([1 / 3, 2 / 3])
    expected = (p[0] ** 2.3 * p[1] + p[1] ** 2.3 * p[0]) * 2 / mean
    assert nq.inequality.esteban_ray(panel, "x", group="g")[0] == pytest.approx(expected)
    gini = nq.inequality.dagum(panel, "x", group="g").frame.loc[0, "gini"]
    at_zero = nq.inequality.esteban_ray(panel, "x", group="g", alpha=0)
    assert at_zero[0] == pytest.approx(2 * gini)
    with pytest.raises(OptionError, match=r"alpha must be a number from 0 to 1.6"):
        nq.inequality.esteban_ray(panel, "x", group="g", alpha=2)


@settings(max_examples=25)
@given(incomes)
def test_scale_and_copies_change_no_part_of_a_decomposition(y):
    """Dagum's parts, both of Theil's, and polarisation of groups."""
    y = np.array(y, dtype=float)
    g = np.where(np.arange(len(y)) % 2, "odd", "even")

    def parts(y, g):
        panel = panel_of(y, g)
        return np.concatenate(
            [
                nq.inequality.dagum(panel, "x", group="g").frame.loc[0],
                nq.inequality.theil(panel, "x", levels="g").frame.loc[0],
                nq.inequality.theil(panel, "x", levels="g", index="L").frame.loc[0],
                nq.inequality.esteban_ray(panel, "x", group="g"),
            ]
        )

    np.testing.assert_allclose(parts(5.1 * y, g), parts(y, g), rtol=1e-8, atol=1e-12)
    copies = parts(np.repeat(y, 2), np.repeat(g, 2))
    np.testing.assert_allclose(copies, parts(y, g), rtol=1e-8, atol=1e-12)


def test_intervals_hold_the_estimate():
    rng = np.random.default_rng(3)
    panel = panel_of(rng.lognormal(size=(50, 2)))
    result = nq.inequality.indices(panel, "x", which=["gini", "cv"], replications=200)
    for name in ("gini", "cv"):
        assert (result[name, "low"] < result[name, "estimate"]).all()
        assert (result[name, "estimate"] < result[name, "high"]).all()


def test_a_bootstrap_sample_is_a_panel_of_repeated_units():
    """Of the table of indices and of Theil's parts, two periods at once."""
    rng = np.random.default_rng(3)
    y, g = rng.lognormal(size=(12, 2)), np.repeat(["a", "b", "c"], 4)
    counts = bootstrap_counts(np.random.default_rng(7), 12, 4).astype(int)
    panel = panel_of(y, g)
    which = ["gini", "cv", "wolfson"]
    options = {"replications": 4, "seed": 7, "level": 0.5}
    table = nq.inequality.indices(panel, "x", which=which, **options)
    theil = nq.inequality.theil(panel, "x", levels="g", **options).intervals
    repeated = [
        panel_of(np.repeat(y, sampled, axis=0), np.repeat(g, sampled)) for sampled in counts
    ]
    for name in which:
        values = [nq.inequality.indices(p, "x", which=[name])[name] for p in repeated]
        expected = np.quantile(values, [0.25, 0.75], axis=0)
        np.testing.assert_allclose(table[name][["low", "high"]].T, expected)
    for name in ("theil", "between_g"):
        values = [nq.inequality.theil(p, "x", levels="g").frame[name] for p in repeated]
        np.testing.assert_allclose(theil[name].T, np.quantile(values, [0.25, 0.75], axis=0))


@pytest.mark.slow
def test_intervals_of_the_gini_cover():
    """Of log-normal units: G = 2 Phi(s / sqrt 2) - 1."""
    from scipy import stats

    truth = 2 * stats.norm.cdf(0.5 / np.sqrt(2)) - 1
    covered = []
    for seed in range(300):
        y = np.exp(0.5 * np.random.default_rng(seed).normal(size=300))
        result = nq.inequality.indices(
            panel_of(y), "x", which=["gini"], replications=300, seed=seed
        )
        covered.append(result["gini", "low"][0] <= truth <= result["gini", "high"][0])
    assert np.mean(covered) > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / 300)


# -- gaps ------------------------------------------------------------------------------------------


def test_gaps_by_hand():
    values = [[10.0, 20], [20, 40], [5, 12]]
    result = nq.inequality.gaps(panel_of(values, ["e", "e", "w"]), "x", group="g")
    last = result.frame.loc["e", "w"].loc[1]
    assert result.levels.loc[1].tolist() == [30.0, 12.0]
    assert last["difference"] == 18
    assert last["ratio"] == pytest.approx(2.5)
    assert last["change"] == 8
    assert last["change_percent"] == pytest.approx(80)
    assert last["catch_up"] == pytest.approx(np.log(12 / 5) - np.log(2))
    assert not last["sign_switch"]
    weighted = panel_of(values, ["e", "e", "w"], [3, 1, 1])
    levels = nq.inequality.gaps(weighted, "x", group="g", population="w").levels
    assert levels.loc[0, "e"] == pytest.approx(12.5)


def test_a_switch_of_sign_has_no_percentage():
    """A gap that was zero or negative has no percent change; a level below zero no ratio."""
    result = nq.inequality.gaps(panel_of([[4.0, 2], [3, 5]], ["e", "w"]), "x", group="g")
    assert result.frame.loc["e", "w"].loc[1, "sign_switch"]
    even = nq.inequality.gaps(panel_of([[4.0, 6], [4, 5]], ["e", "w"]), "x", group="g")
    assert np.isnan(even.frame.loc["e", "w"].loc[1, "change_percent"])
    negative = nq.inequality.gaps(panel_of([[-4.0, 6], [-5, 5]], ["e", "w"]), "x", group="g")
    assert np.isnan(negative.frame.loc["e", "w"].loc[0, "ratio"])


def test_published_gaps_that_do_not_add_up():
    pairs = pd.MultiIndex.from_tuples([("E", "C"), ("W", "E"), ("C", "W")])
    right = pd.Series([3.0, -5, 2], pairs)
    assert nq.inequality.intransitive(right).empty
    wrong = nq.inequality.intransitive(pd.Series([3.0, -5.5, 2], pairs))
    assert wrong[["a", "b", "c"]].iloc[0].tolist() == ["E", "C", "W"]
    assert wrong["off"].tolist() == [0.5]
    assert nq.inequality.intransitive(pd.Series([3.0, -5.5, 2], pairs), tolerance=0.6).empty


# -- errors ----------------------------------------------------------------------------------------


def test_errors():
    panel = panel_of([1.0, 2, 3], ["a", "a", "b"])
    with pytest.raises(PanelError, match=r"groups with one member .*: 'b'"):
        nq.inequality.dagum(panel, "x", group="g")
    single = nq.inequality.dagum(panel, "x", group="g", singletons="keep")
    assert single.within.loc[0, "b"] == 0
    with pytest.raises(OptionError, match="groups must be two or more"):
        nq.inequality.dagum(panel.assign(g="a"), "x", group="g")
    with pytest.raises(DomainError, match="the Gini coefficient needs non-negative values"):
        nq.inequality.dagum(panel_of([-1.0, 2, 3], ["a", "a", "b"]), "x", group="g")
    with pytest.raises(DomainError, match="'x' is zero everywhere"):
        nq.inequality.indices(panel_of([0.0, 0, 0]), "x")
    with pytest.raises(DomainError, match="theil_l needs positive values"):
        nq.inequality.indices(panel_of([0.0, 1, 2]), "x", which=["theil_l"])
    assert "theil_l" not in nq.inequality.indices(panel_of([0.0, 1, 2]), "x")
    with pytest.raises(OptionError, match="which must name measures of gini"):
        nq.inequality.indices(panel, "x", which=["giny"])
    with pytest.raises(DomainError, match="the population must be positive"):
        weighted = panel_of([1.0, 2, 3], ["a", "a", "b"], [1, 0, 1])
        nq.inequality.indices(weighted, "x", population="w")
    moving = panel_of([[1.0, 2], [3, 4]], ["a", "b"]).assign(g=["a", "b", "b", "b"])
    with pytest.raises(PanelError, match="units change their 'g' over periods"):
        nq.inequality.theil(moving, "x", levels="g")
    with pytest.raises(MissingValuesError):
        nq.inequality.indices(panel_of([1.0, np.nan, 2]), "x")
