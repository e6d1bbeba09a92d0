"""Dagum's decomposition by all pairs, by hand, of the cities; its bootstrap."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.core.resampling import bootstrap_counts
from tests.inequality.panels import panel_of_groups
from tests.structure.panels import panel_of

DATA = Path(os.environ.get("NQP_DATA", "../shared")) / "data" / "china_cities"


SHAPES = np.array(["a", "b", "c"])


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
    result = nq.inequality.dagum(panel_of_groups(y, g, w), "x", group="g", population="w")
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
    result = nq.inequality.dagum(
        panel_of_groups([1, 2, 10, 11], ["p", "p", "r", "r"]), "x", group="g"
    )
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
    result = nq.inequality.dagum(
        panel_of_groups(y, g), "x", group="g", replications=3, seed=5, level=0.5
    )
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
