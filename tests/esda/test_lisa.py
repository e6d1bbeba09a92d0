"""Local Moran statistics by esda, by brute force and by hand; clusters and q-values."""

from __future__ import annotations

import warnings
from itertools import permutations as arrangements

import esda
import numpy as np
import pandas as pd
import pytest
from esda.crand import vec_permutations
from scipy import sparse, stats

import nqp_spatial as nq
from nqp_spatial.core.resampling import batches
from nqp_spatial.errors import OptionError
from nqp_spatial.esda import _local
from nqp_spatial.esda._numba import conditional_draws, sorted_draws, tail_counts
from tests.esda.panels import cross_section, panel_of, ring, weights_of
from tests.parity import agree, differ


def theirs_local(values, graph, **options) -> esda.Moran_Local:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return esda.Moran_Local(values, graph, transformation="o", **options)


def test_why_esdas_moran_is_replaced(field):
    """It re-standardises the caller's W, and its permutations cannot be seeded but globally."""
    panel, w = field
    given_w = w.standardize("none").to_W()
    assert given_w.transform == "O"
    esda.Moran(panel.values("x")[:, 0], given_w, permutations=0)
    assert given_w.transform == "R"
    np.random.seed(1)  # noqa: NPY002 (the global state is the point)
    esda.Moran(panel.values("x")[:, 0], w.graph, permutations=9)
    state = np.random.rand()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert state != np.random.rand()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    ours = w.standardize("none").to_W()
    nq.esda.moran(panel, "x", ours, permutations=9, seed=0)
    nq.esda.lisa(panel, "x", ours, permutations=9, seed=0)
    assert ours.transform == "O"
    assert state != np.random.rand()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    first = np.random.rand()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    nq.esda.lisa(panel, "x", w, permutations=9)
    assert np.random.rand() == first  # noqa: NPY002


@pytest.mark.parity
def test_lisa_equals_esda_to_the_draw(field, neighbours):
    panel, w = field
    for weights in (w, w.standardize("none"), neighbours(72, 5)):
        ours = nq.esda.lisa(panel, "x", weights, permutations=199, seed=7).frame
        theirs = theirs_local(
            panel.values("x")[:, 0], weights.graph, permutations=199, seed=7
        )  # fmt: skip
        other = {"program": "esda", "data": "field, 9 x 8 lattice", "case": str(weights.spec)}
        agree("Local Moran", ours["local_i"], theirs.Is, rtol=1e-10, **other)
        agree("Local Moran: p_value", ours["p_value"], theirs.p_sim, rtol=1e-12, **other)
        names = {1: "High-High", 2: "Low-High", 3: "Low-Low", 4: "High-Low"}
        assert ours["quadrant"].tolist() == [names[q] for q in theirs.q]


@pytest.mark.parity
def test_lisa_of_chinese_cities(lights):
    panel, w, facts = lights
    for year in (2012, 2020):
        truth = facts[f"lisa_log_meanlight_{year}"]
        ours = nq.esda.lisa(panel, "light", w, period=year, seed=12345)
        other = {"program": "esda", "data": "Chinese night light", "case": str(year)}
        other["version"] = facts["_meta"]["esda"]
        names = {"High-High": "HH", "Low-Low": "LL", "High-Low": "HL", "Low-High": "LH"}
        agree(
            "Local Moran: units of each cluster", [ours.counts[name] for name in names],
            [truth[f"count_{short}"] for short in names.values()], **other,
        )  # fmt: skip
        quadrants = ours.frame["quadrant"].value_counts()
        for short, name in [("HH", "High-High"), ("LL", "Low-Low"), ("HL", "High-Low")]:
            assert quadrants[name] == truth["quadrant_counts_all"][short]
        mean = ours.frame["local_i"].sum() / (332 - 1)
        agree(
            "Local Moran: sum over n - 1", mean, truth["sum_Is_over_n_minus_1"], rtol=1e-10, **other
        )
        assert ours.moran_i == pytest.approx(mean, rel=1e-12)


def test_lisa_p_values_by_brute_force(field):
    panel, w = field
    ours = nq.esda.lisa(panel, "x", w, permutations=99, seed=5).frame
    draws = vec_permutations(int(np.diff(w.sparse.indptr).max()), 72, 99, 5)
    z = panel.values("x")[:, 0] - panel.values("x").mean()
    for i, unit in enumerate(panel.units):
        others, row = np.delete(z, i), w.sparse[[i]].toarray().ravel()
        weights = row[row > 0]
        lags = np.array([weights @ others[places[: len(weights)]] for places in draws])
        above = (z[i] * lags >= z[i] * (row @ z)).sum()
        below = (z[i] * lags <= z[i] * (row @ z)).sum()
        assert ours.loc[unit, "p_value"] == pytest.approx((1 + min(above, below)) / 100)


@pytest.mark.parity
def test_ties_are_not_significance(lattice):
    """Three events on 400 cells: a cell with quiet neighbours is as ordinary as can be.

    esda counts ties on one side only and calls most cells significant.
    """
    w = lattice(20, 20)
    values = np.zeros(400)
    values[[45, 210, 333]] = 1.0
    panel = cross_section(values)
    ours = nq.esda.lisa(panel, "x", w, permutations=999, seed=3)
    theirs = theirs_local(values, w.graph, permutations=999, seed=3)
    assert (theirs.p_sim <= 0.05).sum() > 100
    differ(
        "Local Moran: p_value with ties", ours.frame["p_value"], theirs.p_sim, program="esda",
        data="three events on 400 cells", reason="esda counts ties on one side only",
    )  # fmt: skip
    quiet = (values == 0) & (w.sparse @ values == 0)
    assert (ours.frame["p_value"][quiet] > 0.9).all()
    assert ours.counts["Not significant"] > 350


def test_false_discovery_rate(field):
    panel, w = field
    plain = nq.esda.lisa(panel, "x", w, permutations=1999, seed=1)
    fdr = nq.esda.lisa(panel, "x", w, permutations=1999, seed=1, fdr=True)
    p = plain.frame["p_value"].to_numpy()
    # By definition: the largest k with p_(k) <= k alpha / n, and all up to it.
    ranked = np.sort(p)
    passed = np.flatnonzero(ranked < np.arange(1, 73) * 0.05 / 72)
    cut = ranked[passed[-1]] if len(passed) else 0
    result = fdr.frame["cluster"] != "Not significant"
    assert result.tolist() == (p <= cut).tolist()
    assert 0 < result.sum() < (plain.frame["cluster"] != "Not significant").sum()
    assert "false discovery rate" in fdr.criterion()
    few = nq.esda.lisa(panel, "x", w, permutations=99, seed=1, fdr=True)
    assert "use 1440 permutations" in few.notes[0]


def test_libpysal_weights_serve_as_well(field):
    panel, w = field
    for other in (w.graph, w.to_W()):
        ours = nq.esda.lisa(panel, "x", other, permutations=19, seed=0).frame
        expected = nq.esda.lisa(panel, "x", w, permutations=19, seed=0).frame
        pd.testing.assert_frame_equal(ours, expected)


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
    assert (draws[0] != draws[1]).all()
    above, below = np.zeros(n), np.zeros(n)
    for i in range(n):
        others = np.delete(z, i)
        size = int((W[i] > 0).sum())
        product = z[i] * others[draws[:size]].sum(axis=0)
        observed = z[i] * (W[i] @ z)
        above[i] = (product >= observed - 1e-12).sum()
        below[i] = (product <= observed + 1e-12).sum()
    links, sides = (
        (w.sparse.indptr.astype(np.int64), w.sparse.data),
        (draws, *sorted_draws(draws, n)),
    )
    counts = tail_counts(*links, z, z, z * (w.sparse @ z), False, *sides, 0, n)
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


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("kind", ["equal", "unequal", "both", "many"])
def test_tails_of_units_by_loops(kind, squared):
    """Rows of equal weights and of unequal ones, from any first unit on, beside plain sums."""
    rng = np.random.default_rng(8)
    n, permutations, degree = 150, 25, 60 if kind == "many" else 3
    W = np.zeros((n, n))
    for i in range(n):
        senders = np.delete(np.arange(n), i)
        W[i, rng.choice(senders, rng.integers(0, degree + 1), replace=False)] = 0.7 + i
    if kind != "equal":
        rows = slice(None) if kind == "unequal" else slice(0, n, 2)
        W[rows] *= rng.normal(size=W[rows].shape)  # negative weights too
    matrix = sparse.csr_array(W)
    slope, values, observed = rng.normal(size=(3, n)) * [[1], [1], [n]]
    values[::7] = values[0]  # ties
    draws = conditional_draws(int(np.diff(matrix.indptr).max()), n, permutations, 1)
    expected = np.zeros((n, 2), dtype=int)
    for i in range(n):
        row, others = W[i][W[i] != 0], np.delete(values, i)
        drawn = others[draws[: len(row)]].T  # permutations by neighbours
        statistics = (slope[i] * drawn + squared * drawn**2) @ row
        observed[i] = statistics[i % permutations]  # a tie at least
        tie = 1e-10 * n
        expected[i] = (
            (statistics >= observed[i] - tie).sum(),
            (statistics <= observed[i] + tie).sum(),
        )
    matrix.data.flags.writeable = False  # as those of SpatialWeights, or it is compiled again
    links = matrix.indptr.astype(np.int64), matrix.data
    others = draws, *sorted_draws(draws, n)
    for start, stop in ((0, n), (1, 90), (90, n), (n - 1, n)):
        counts = tail_counts(*links, slope, values, observed, squared, *others, start, stop)
        np.testing.assert_array_equal(counts, expected[start:stop])


def test_p_values_are_those_of_all_choices_of_neighbours(lattice):
    """Each unit keeps its value and its neighbours have all arrangements of the six others."""
    w = lattice(1, 7)
    W, values = w.sparse.toarray(), np.array([3.0, 2.0, 0.5, 1.0, 4.0, 9.0, 6.5])
    z = values - values.mean()
    options = {"permutations": 9999, "seed": 1, "alternative": "greater"}
    local_i = nq.esda.lisa(cross_section(values), "x", w, **options).frame["p_value"]
    local_c = nq.esda.local_geary(cross_section(values), "x", w, **options).frame["p_value"]
    for i in range(7):
        row, others = np.delete(W[i], i), np.delete(z, i)
        every = np.array([others[list(order)] for order in arrangements(range(6))])
        products, distances = z[i] * every @ row, (z[i] - every) ** 2 @ row
        for p, exact in (
            (local_i[i], (products >= products[0] - 1e-12).mean()),
            (local_c[i], (distances <= distances[0] + 1e-12).mean()),
        ):
            assert p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999) + 1e-4)


def test_results_do_not_depend_on_workers_and_parts(lattice, monkeypatch):
    w = lattice(40, 30)
    panel = cross_section(np.random.default_rng(3).poisson(1.0, 1200))
    for function in (nq.esda.lisa, nq.esda.local_geary, nq.esda.getis_ord):
        first = function(panel, "x", w, permutations=99)
        for workers in (2, 3):
            again = function(panel, "x", w, permutations=99, n_jobs=workers)
            pd.testing.assert_frame_equal(again.frame, first.frame, check_exact=True)
        monkeypatch.setattr(_local, "batches", lambda total, size: batches(total, 77))
        again = function(panel, "x", w, permutations=99)
        pd.testing.assert_frame_equal(again.frame, first.frame, check_exact=True)
        monkeypatch.undo()


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


def test_draws_of_a_unit_with_all_others_as_neighbours():
    """Each draw is an arrangement of all n - 1 others."""
    draws = conditional_draws(6, 7, 30, 0)
    assert (np.arange(6) == np.sort(draws, axis=0).T).all()
    assert len(np.unique(draws, axis=1).T) > 25


def test_draws_of_many_units_are_distinct_and_uniform():
    """Beyond 10 000 units positions are drawn until they differ; all are equally likely."""
    n, size, permutations = 10_001, 6, 20_000
    draws = conditional_draws(size, n, permutations, 2)
    assert draws.shape == (size, permutations)
    assert (np.diff(np.sort(draws, axis=0), axis=0) > 0).all()
    assert (draws.min(), draws.max()) == (0, n - 2)
    counts = np.bincount(draws.ravel() * 20 // (n - 1), minlength=20)
    expected = size * permutations / 20
    assert ((counts - expected) ** 2 / expected).sum() < stats.chi2.ppf(0.999, 19)
    assert abs(np.corrcoef(draws[0], draws[1])[0, 1]) < 0.03
    np.testing.assert_array_equal(draws, conditional_draws(size, n, permutations, 2))
    assert (draws != conditional_draws(size, n, permutations, 3)).any()
