"""What Moran, LISA and join counts give, beside loops, at the edges of their options as well."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nqp_spatial as nq
from nqp_spatial.errors import DomainError, OptionError, PanelError
from nqp_spatial.esda._numba import conditional_draws, tail_counts

# The package names the function as the module.
moran_module = import_module("nqp_spatial.esda.moran")


def panel_of(values):
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    n, t = values.shape
    frame = pd.DataFrame(
        {"id": np.repeat(np.arange(n), t), "t": np.tile(np.arange(t), n), "x": values.ravel()}
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


def weights_of(matrix, islands="error"):
    matrix = np.asarray(matrix, dtype=float)
    return nq.weights.from_dense(matrix, range(len(matrix)), standardize="none", islands=islands)


def ring(n, reach=1):
    """Each unit receives from the `reach` units after it."""
    return sum(np.roll(np.eye(n), step, axis=1) for step in range(1, reach + 1))


# -- global ---------------------------------------------------------------------------------------


def test_moments_of_moran_written_out():
    """Cliff and Ord's variances, sums over pairs; an asymmetric W of unequal weights."""
    rng = np.random.default_rng(0)
    n = 9
    W = rng.random((n, n)) * (rng.random((n, n)) < 0.5)
    np.fill_diagonal(W, 0)
    W[np.arange(n), (np.arange(n) + 1) % n] += 0.1
    values = rng.gamma(1.0, size=(n, 2))
    result = nq.esda.moran(panel_of(values), "x", weights_of(W), permutations=0).frame
    s0 = W.sum()
    s1 = sum((W[i, j] + W[j, i]) ** 2 for i in range(n) for j in range(n)) / 2
    s2 = sum((W[i].sum() + W[:, i].sum()) ** 2 for i in range(n))
    for t in (0, 1):
        z = values[:, t] - values[:, t].mean()
        i = n / s0 * (z @ W @ z) / (z @ z)
        b2 = (z**4).mean() / (z**2).mean() ** 2
        norm = (n * n * s1 - n * s2 + 3 * s0**2) / ((n * n - 1) * s0**2) - 1 / (n - 1) ** 2
        rand = (
            n * ((n * n - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
            - b2 * ((n * n - n) * s1 - 2 * n * s2 + 6 * s0**2)
        ) / ((n - 1) * (n - 2) * (n - 3) * s0**2) - 1 / (n - 1) ** 2
        row = result.loc[t]
        assert row["moran_i"] == pytest.approx(i)
        assert row["expected"] == pytest.approx(-1 / 8)
        for name, variance in (("norm", norm), ("rand", rand)):
            score = (i + 1 / 8) / np.sqrt(variance)
            assert row[f"variance_{name}"] == pytest.approx(variance)
            assert row[f"z_{name}"] == pytest.approx(score)
            assert row[f"p_{name}"] == pytest.approx(2 * (1 - stats.norm.cdf(abs(score))))


def test_batches_of_relocations_are_all_there(monkeypatch):
    """Many small batches: as many relocations as asked, each a rearrangement of the units."""
    values = np.random.default_rng(1).normal(size=(12, 2))
    w = weights_of(ring(12, 2))
    matrix, z = w.sparse, values - values.mean(axis=0)
    monkeypatch.setattr(moran_module, "BATCH_CELLS", 24 * 7)
    draws = moran_module._relocated(matrix, z, 40, 5, 1, False)
    assert draws.shape == (40, 2)
    seeds = np.random.SeedSequence(5).spawn(6)
    expected = []
    for size, seed in zip([7, 7, 7, 7, 7, 5], seeds, strict=True):
        order = np.random.default_rng(seed).permuted(np.tile(np.arange(12), (size, 1)), axis=1)
        expected += [[z[o, t] @ (matrix @ z[o, t]) for t in (0, 1)] for o in order]
    np.testing.assert_allclose(draws, expected)
    monkeypatch.setattr(moran_module, "BATCH_CELLS", 10)  # less than one relocation
    assert moran_module._relocated(matrix, z, 3, 5, 1, False).shape == (3, 2)
    result = nq.esda.moran(panel_of(values), "x", w, permutations=1, seed=0).frame
    assert set(result["p_value"]) <= {0.5, 1.0}


def test_ties_count_on_both_sides():
    """On a complete graph every arrangement gives the same I, -1 / (n - 1)."""
    values = np.random.default_rng(2).normal(size=8)
    W = np.ones((8, 8)) - np.eye(8)
    for alternative in ("greater", "directed", "two-sided"):
        result = nq.esda.moran(
            panel_of(values), "x", weights_of(W), permutations=19, seed=0, alternative=alternative
        ).frame
        assert result.loc[0, "moran_i"] == pytest.approx(-1 / 7)
        assert result.loc[0, "p_value"] == 1.0


def test_four_units_are_enough():
    result = nq.esda.moran(panel_of([1, 2, 3, 5]), "x", weights_of(ring(4)), permutations=9, seed=0)
    assert np.isfinite(result.frame["p_value"]).all()
    with pytest.raises(PanelError):
        nq.esda.moran(panel_of([1, 2, 3]), "x", weights_of(ring(3)), permutations=9)


def test_constant_up_to_rounding():
    """A constant in one period only is found; small variation on a high level is not refused."""
    values = np.random.default_rng(3).normal(size=(6, 2))
    values[:, 1] = 0.1 * 3
    with pytest.raises(DomainError, match="period 1"):
        nq.esda.moran(panel_of(values), "x", weights_of(ring(6)))
    values[:, 1] = 1e6 + np.arange(6)
    w = weights_of(ring(6))
    high = nq.esda.moran(panel_of(values), "x", w, permutations=0).frame.loc[1, "moran_i"]
    low = nq.esda.moran(panel_of(np.arange(6.0)), "x", w, permutations=0).frame.loc[0, "moran_i"]
    assert high == pytest.approx(low)


# -- local ----------------------------------------------------------------------------------------


def test_lisa_written_out():
    """Unequal weights: local I, lags, standardised values and the global I."""
    rng = np.random.default_rng(4)
    W = ring(15, 3) * rng.uniform(0.5, 2, (15, 15))
    x = rng.normal(size=15)
    result = nq.esda.lisa(panel_of(x), "x", weights_of(W), permutations=49, seed=0)
    z = x - x.mean()
    np.testing.assert_allclose(result.frame["value"], x)
    np.testing.assert_allclose(result.frame["lag"], W @ x)
    s2 = (z**2).sum() / 14
    np.testing.assert_allclose(result.frame["local_i"], z * (W @ z) / s2)
    assert result.moran_i == pytest.approx(15 / W.sum() * (z @ W @ z) / (z @ z))
    sd = np.sqrt((z**2).mean())
    np.testing.assert_allclose(result.standardized["z"], z / sd)
    np.testing.assert_allclose(result.standardized["lag_z"], W @ z / sd)
    names = {(True, True): "High-High", (False, False): "Low-Low", (True, False): "High-Low",
             (False, True): "Low-High"}  # fmt: skip
    expected = [names[a > 0, b > 0] for a, b in zip(z, W @ z, strict=True)]
    assert result.frame["quadrant"].tolist() == expected


def test_a_cluster_is_below_alpha_not_at_it():
    rng = np.random.default_rng(5)
    panel, w = panel_of(rng.normal(size=20)), weights_of(ring(20, 2))
    result = nq.esda.lisa(panel, "x", w, permutations=19, seed=1, alpha=0.5)
    p = result.frame["p_value"].to_numpy()
    for alpha in np.unique(p)[np.unique(p) < 1]:
        clusters = nq.esda.lisa(panel, "x", w, permutations=19, seed=1, alpha=float(alpha))
        assert ((clusters.frame["cluster"] != "Not significant") == (p < alpha)).all()
        assert clusters.counts.sum() == 20


def test_p_values_of_tails_by_loops():
    """Draws of the compiled loop, by alternatives; more units than one piece of work holds."""
    rng = np.random.default_rng(6)
    n, permutations = 1203, 9
    x = rng.normal(size=n)
    W = ring(n, 2)
    W[0] = 0
    w = weights_of(W, islands="keep")
    z = x - x.mean()
    draws = conditional_draws(2, n, permutations, 3)
    assert draws.min() >= 0
    assert draws.max() <= n - 2
    assert (draws[:, 0] != draws[:, 1]).all()
    above, below = np.zeros(n), np.zeros(n)
    for i in range(n):
        others = np.delete(z, i)
        size = int((W[i] > 0).sum())
        product = z[i] * others[draws[:, :size]].sum(axis=1)
        observed = z[i] * (W[i] @ z)
        above[i] = (product >= observed - 1e-12).sum()
        below[i] = (product <= observed + 1e-12).sum()
    counts = tail_counts(w.sparse.indptr, w.sparse.data, z, w.sparse @ z, draws, 0, n)
    np.testing.assert_array_equal(counts, np.column_stack([above, below]))
    expected = {
        "greater": (1 + above) / 10,
        "directed": (1 + np.minimum(above, below)) / 10,
        "two-sided": np.minimum(1, 2 * (1 + np.minimum(above, below)) / 10),
    }
    for alternative, p in expected.items():
        result = nq.esda.lisa(
            panel_of(x),
            "x",
            w,
            permutations=permutations,
            seed=3,
            alternative=alternative,
            n_jobs=2,
        )
        np.testing.assert_allclose(result.frame["p_value"][1:], p[1:])
        assert np.isnan(result.frame["p_value"].iloc[0])


def test_draws_of_a_unit_with_all_others_as_neighbours():
    """Each draw is an arrangement of all n - 1 others."""
    draws = conditional_draws(6, 7, 30, 0)
    assert (np.sort(draws, axis=1) == np.arange(6)).all()
    assert len(np.unique(draws, axis=0)) > 25


def test_the_period_that_is_named():
    values = np.random.default_rng(7).normal(size=(20, 3))
    w = weights_of(ring(20, 2))
    for period in range(3):
        many = nq.esda.lisa(panel_of(values), "x", w, period=period, permutations=9, seed=0)
        first = nq.esda.lisa(panel_of(values[:, period]), "x", w, permutations=9, seed=0)
        assert many.period == period
        np.testing.assert_array_equal(many.frame["p_value"], first.frame["p_value"])


def test_without_a_seed_draws_differ():
    x = np.random.default_rng(8).normal(size=60)
    w = weights_of(ring(60, 3))
    p = [
        nq.esda.lisa(panel_of(x), "x", w, permutations=99, seed=None).frame["p_value"]
        for _ in range(2)
    ]
    assert (p[0] != p[1]).any()


def test_false_discovery_rates_by_hand():
    """Benjamini and Hochberg's q: the least of n p_(j) / j over the ranks from its own on."""
    rng = np.random.default_rng(9)
    x = np.linalg.solve(np.eye(30) - 0.4 * ring(30, 2), rng.normal(size=30))
    w = weights_of(ring(30, 2))
    result = nq.esda.lisa(panel_of(x), "x", w, permutations=99, seed=2, fdr=True, alpha=0.3)
    p = result.frame["p_value"].to_numpy()
    order = np.argsort(p)
    ratios = p[order] * 30 / np.arange(1, 31)
    q = np.empty(30)
    q[order] = np.minimum.accumulate(ratios[::-1])[::-1]
    np.testing.assert_allclose(result.frame["q_value"], q)
    assert ((result.frame["cluster"] != "Not significant") == (q < 0.3)).all()


@pytest.mark.parametrize(("permutations", "noted"), [(199, False), (198, True), (19, True)])
def test_permutations_that_a_false_discovery_rate_needs(permutations, noted):
    """A p-value can reach alpha / n from n / alpha - 1 permutations on: 10 / 0.05 = 200."""
    x = np.random.default_rng(10).normal(size=10)
    w = weights_of(ring(10, 2))
    result = nq.esda.lisa(panel_of(x), "x", w, permutations=permutations, seed=0, fdr=True)
    assert bool(result.notes) == noted
    if noted:
        assert "use 200 permutations" in result.notes[0]
        least = int(np.ceil(200 / (permutations + 1)))
        assert f"fewer than {least} clusters" in result.notes[0]
    plain = nq.esda.lisa(panel_of(x), "x", w, permutations=permutations, seed=0)
    assert plain.notes == ()


def test_bounds_of_options():
    panel, w = panel_of(np.arange(6.0)), weights_of(ring(6))
    for alpha in (0, 1):
        with pytest.raises(OptionError, match="alpha"):
            nq.esda.lisa(panel, "x", w, alpha=alpha)
    assert nq.esda.lisa(panel, "x", w, permutations=1, seed=0).permutations == 1


# -- joins ----------------------------------------------------------------------------------------


def test_p_values_of_joins_by_loops():
    rng = np.random.default_rng(11)
    matrix = (rng.random((14, 14)) < 0.3).astype(float)
    np.fill_diagonal(matrix, 0)
    kinds = np.array(list("aaaabbbbbccccc"))
    frame = pd.DataFrame({"id": range(14), "kind": kinds})
    panel = nq.SpatialPanel(frame, unit="id")
    joins = (matrix + matrix.T) / 2
    pairs = [("a", "a"), ("a", "b"), ("a", "c"), ("b", "b"), ("b", "c"), ("c", "c")]

    def counts(of):
        rows = [
            sum(joins[i, j] for i in range(14) for j in range(i) if {of[i], of[j]} == set(pair))
            for pair in pairs
        ]
        same = sum(row for row, (a, b) in zip(rows, pairs, strict=True) if a == b)
        return np.array([*rows, same, sum(rows) - same])

    observed = counts(kinds)
    codes = np.searchsorted(list("abc"), kinds)
    draws = np.random.default_rng(5).permuted(np.tile(codes, (30, 1)), axis=1)
    relocated = np.array([counts(np.array(list("abc"))[row]) for row in draws])
    above = (relocated >= observed - 1e-9).sum(axis=0)
    below = (relocated <= observed + 1e-9).sum(axis=0)
    for alternative, p in (
        ("greater", (1 + above) / 31),
        ("directed", (1 + np.minimum(above, below)) / 31),
        ("two-sided", np.minimum(1, 2 * (1 + np.minimum(above, below)) / 31)),
    ):
        result = nq.esda.join_counts(
            panel, "kind", weights_of(matrix, "keep"), permutations=30, seed=5,
            alternative=alternative,
        )  # fmt: skip
        np.testing.assert_allclose(result.frame["joins"], observed)
        np.testing.assert_allclose(result.frame["p_value"], p)
        score = (result.frame["joins"] - result.frame["expected"]) / result.frame["std_dev"]
        np.testing.assert_allclose(result.frame["z"], score)
        np.testing.assert_allclose(result.frame["p_normal"], 2 * stats.norm.cdf(-score.abs()))
    assert result.sizes.to_dict() == {"a": 4, "b": 5, "c": 5}
    none = nq.esda.join_counts(panel, "kind", weights_of(matrix, "keep"), permutations=0)
    pd.testing.assert_series_equal(none.frame["p_value"], none.frame["p_normal"], check_names=False)


def test_two_to_twenty_categories():
    w = weights_of(ring(42))
    for count in (1, 2, 20, 21):
        frame = pd.DataFrame({"id": range(42), "kind": np.resize(np.arange(count), 42)})
        panel = nq.SpatialPanel(frame, unit="id")
        if count in (2, 20):
            result = nq.esda.join_counts(panel, "kind", w, permutations=0)
            assert len(result.frame) == count * (count + 1) / 2 + 2
        else:
            with pytest.raises(DomainError, match="2 to 20 categories"):
                nq.esda.join_counts(panel, "kind", w, permutations=0)


def test_joins_of_the_period_that_is_named():
    kinds = np.array([["a", "b"], ["b", "b"], ["a", "a"], ["b", "a"]])
    frame = pd.DataFrame(
        {"id": np.repeat(range(4), 2), "t": np.tile([1, 2], 4), "kind": kinds.ravel()}
    )
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    for period, different in ((1, 4), (2, 2)):
        result = nq.esda.join_counts(
            panel, "kind", weights_of(ring(4) + ring(4).T), period=period, permutations=0
        )
        assert result.frame.loc[("different", ""), "joins"] == different


def test_categories_are_of_one_kind():
    from nqp_spatial.errors import NqpError

    w = weights_of(ring(4))
    for kinds, ok in (
        ([1, 2.5, 1, 2.5], True),
        ([True, False, 1, 0], True),
        (["a", 1, 1, "a"], False),
    ):
        frame = pd.DataFrame({"id": range(4), "kind": pd.Series(kinds, dtype=object)})
        panel = nq.SpatialPanel(frame, unit="id")
        if ok:
            nq.esda.join_counts(panel, "kind", w, permutations=0)
        else:
            with pytest.raises(NqpError):
                nq.esda.join_counts(panel, "kind", w, permutations=0)


def test_spread_of_many_joins():
    """Millions of joins: the exact deviation beside that of random labels."""
    from scipy import sparse

    joins_module = import_module("nqp_spatial.esda.joins")
    rng = np.random.default_rng(12)
    n = 3200
    upper = np.triu(rng.random((n, n)) < 0.5, 1)
    joins = sparse.csr_array((upper | upper.T).astype(float))
    sizes = np.array([n // 3, n - n // 3])
    result = joins_module._moments(joins, sizes, [(0, 0), (0, 1), (1, 1)])
    codes = rng.permuted(np.tile(np.repeat([0, 1], sizes), (200, 1)), axis=1).T == 1
    draws = (codes * (joins @ codes.astype(float))).sum(axis=0) / 2
    assert result["expected"][2] == pytest.approx(draws.mean(), rel=1e-3)
    assert result["std_dev"][2] == pytest.approx(draws.std(), rel=0.2)
