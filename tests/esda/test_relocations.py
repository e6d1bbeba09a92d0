"""Relocated units in compiled code: all orders equally likely, statistics by brute force."""

from __future__ import annotations

from itertools import permutations as arrangements

import esda
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

import nqp_spatial as nq
from nqp_spatial.esda import _global
from nqp_spatial.esda._global import Form, Pairs, Relocated, random_key
from nqp_spatial.esda._numba import relocated_forms, relocated_joins
from tests.esda.panels import cross_section, orders_of, panel_of, ring, weights_of


def links_between(n, share, seed=0):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(n, n)) * (rng.random((n, n)) < share)
    np.fill_diagonal(W, 0)
    return W


def test_all_orders_are_equally_likely():
    """Each of the 120 orders of five units, and each pair of successive orders' first units."""
    draws = 48_000
    orders = orders_of(5, draws, 7)
    codes = orders @ [625, 125, 25, 5, 1]
    _, counts = np.unique(codes, return_counts=True)
    assert len(counts) == 120
    assert stats.chisquare(counts).pvalue > 0.001
    pairs = np.bincount(orders[:-1, 0] * 5 + orders[1:, 0], minlength=25)
    assert stats.chisquare(pairs).pvalue > 0.001


def test_places_of_many_units_are_uniform_and_independent():
    """A unit comes to any place: the numbers drawn are not biased, even ones or odd ones."""
    n, draws = 1000, 4000
    products = np.column_stack([np.arange(n), np.arange(n)]).astype(float)
    z = np.eye(n)[:, [0, 1]]
    places = Relocated(draws, 3, "greater").draws(Form(np.ones(2), products=products), z)
    for series in places.T:
        counts = np.bincount(series.astype(int) * 40 // n, minlength=40)
        assert stats.chisquare(counts).pvalue > 0.001
    assert (places[:, 0] != places[:, 1]).all()
    assert abs(np.corrcoef(places.T)[0, 1]) < 4 / np.sqrt(draws)
    assert abs(np.corrcoef(places[:-1, 0], places[1:, 0])[0, 1]) < 4 / np.sqrt(draws)


@pytest.mark.parametrize("periods", [1, 3])
def test_forms_by_dense_matrices(periods):
    """Squares, products and links of relocated series, each series in the same order."""
    rng = np.random.default_rng(1)
    n, draws = 9, 21
    W = links_between(n, 0.5)
    squares, products = rng.normal(size=n), rng.normal(size=(n, periods))
    z, scale = rng.normal(size=(n, periods)), rng.normal(size=periods)
    form = Form(scale, sparse.csr_array(W), squares, products)
    result = Relocated(draws, 5, "greater").draws(form, z)
    for draw, order in enumerate(orders_of(n, draws, 5)):
        m = z[order]
        expected = scale * (squares @ m**2 + (products * m).sum(axis=0) + (m * (W @ m)).sum(axis=0))
        np.testing.assert_allclose(result[draw], expected, rtol=1e-10, atol=1e-12)


def test_a_relocation_depends_on_its_number_only():
    """Not on where a batch begins, nor on how many are computed side by side."""
    z = np.random.default_rng(0).normal(size=(2, 30))
    links = (np.zeros(31, dtype=np.int64), np.zeros(0, dtype=np.int32), np.zeros(0))
    arguments = (*links, np.zeros(30), z + 1, z, random_key(4))
    every = relocated_forms(*arguments, 0, 50)
    for start, stop in ((0, 3), (3, 20), (20, 50), (49, 50)):
        np.testing.assert_array_equal(relocated_forms(*arguments, start, stop), every[start:stop])
    assert len(np.unique(every[:, 0])) == 50
    other = relocated_forms(*arguments[:-1], random_key(5), 0, 50)
    assert not np.isin(other[:, 0], every[:, 0]).any()
    assert random_key(None) != random_key(None)


def test_joins_by_loops():
    rng = np.random.default_rng(2)
    n, categories, draws = 12, 3, 19
    upper = np.triu(links_between(n, 0.6), 1)
    codes = rng.integers(0, categories, n).astype(np.int32)
    links = Pairs.of(sparse.csr_array(upper)).links
    joins = relocated_joins(*links, codes, categories, random_key(6), 0, draws)
    joins = joins.reshape(draws, categories, categories)
    for draw, order in enumerate(orders_of(n, draws, 6)):
        expected = np.zeros((categories, categories))
        for i, j in zip(*np.nonzero(upper), strict=True):
            expected[codes[order[i]], codes[order[j]]] += upper[i, j]
        np.testing.assert_allclose(joins[draw], expected)


def test_units_in_another_order_have_the_same_pairs(monkeypatch):
    W, x = links_between(40, 0.1), np.random.default_rng(3).normal(size=40)
    for limit in (100, 10):
        monkeypatch.setattr(_global, "_CACHED", limit)
        pairs = Pairs.of(sparse.csr_array(W))
        order, matrix = pairs.order, pairs.matrix
        assert sorted(order) == list(range(40))
        assert (limit == 100) == (order == np.arange(40)).all()
        assert x[order] @ (matrix @ x[order]) == pytest.approx(x @ W @ x)
        assert (matrix.toarray() == np.triu(matrix.toarray(), 1)).all()


@pytest.mark.parametrize("ordered", [False, True])
def test_p_values_are_those_of_all_relocations(ordered, monkeypatch):
    """All 5 040 orders of seven units; W is unequal and asymmetric."""
    monkeypatch.setattr(_global, "_CACHED", 0 if ordered else 100)
    W = np.abs(links_between(7, 0.5, 4)) + 0.1 * ring(7)
    x = np.array([1.0, 2.0, 4.0, 3.0, 9.0, 2.5, 2.0])
    other = np.arange(7.0) ** 2
    z, first = x - x.mean(), other - other.mean()
    every = z[list(arrangements(range(7)))]
    panel, w, draws = cross_section(x, other=other), weights_of(W), 9999
    options = {"permutations": draws, "seed": 2, "alternative": "greater"}
    gaps = (every[:, :, None] - every[:, None]) ** 2
    for result, statistics in (
        (nq.esda.moran(panel, "x", w, **options), ((every @ W) * every).sum(axis=1)),
        (nq.esda.geary(panel, "x", w, **options), -(W * gaps).sum(axis=(1, 2))),
        (nq.esda.bivariate_moran(panel, "other", "x", w, **options), every @ (W.T @ first)),
    ):
        exact = (statistics >= statistics[0] - 1e-12).mean()
        error = np.sqrt(exact * (1 - exact) / draws)
        assert 0.01 < exact < 0.99
        assert result.frame["p_value"].iloc[0] == pytest.approx(exact, abs=4 * error + 1e-4)


def test_moments_of_relocated_statistics(lattice):
    """Mean and variance of 20 000 relocations beside those of Cliff and Ord."""
    w, draws = lattice(12, 10), 20_000
    values = np.random.default_rng(5).gamma(1.0, size=(120, 3))
    z = values - values.mean(axis=0)
    frame = pd.DataFrame(values).melt(ignore_index=False, value_name="x").reset_index()
    panel = nq.SpatialPanel(frame, unit="index", period="variable")
    truth = nq.esda.moran(panel, "x", w, permutations=0).frame
    relocated = Relocated(draws, 11, "greater")
    for columns in ([0], [0, 1, 2]):
        scale = 120 / w.sparse.sum() / (z[:, columns] ** 2).sum(axis=0)
        sample = relocated.draws(Form(scale, matrix=w.sparse), z[:, columns])
        variance = truth["variance_rand"].to_numpy()[columns]
        error = np.sqrt(variance / draws)
        assert (np.abs(sample.mean(axis=0) + 1 / 119) < 4 * error).all()
        assert (np.abs(sample.var(axis=0) / variance - 1) < 4 * np.sqrt(2 / draws) * 1.2).all()


def test_p_values_agree_with_esdas(lattice):
    """Within Monte Carlo error, of fields with moderate association; both have 4 999 draws."""
    w, rng, draws = lattice(7, 6), np.random.default_rng(12), 4999
    graph = w.standardize("none").to_W()
    for strength in (0.3, 0.6):
        x = rng.normal(size=42)
        x = x + strength * (w.sparse @ x)
        panel = cross_section(x, kind=(x > np.median(x)).astype(int))
        np.random.seed(1)  # noqa: NPY002 (esda draws from the global state)
        theirs = {
            "moran": esda.Moran(x, graph, transformation="r", permutations=draws).p_sim,
            "geary": esda.Geary(x, graph, transformation="r", permutations=draws).p_sim,
        }
        ours = {
            "moran": nq.esda.moran(panel, "x", w, permutations=draws).frame["p_value"].iloc[0],
            "geary": nq.esda.geary(panel, "x", w, permutations=draws).frame["p_value"].iloc[0],
        }
        for name, p in theirs.items():
            error = np.sqrt(2 * p * (1 - p) / draws)
            assert ours[name] == pytest.approx(p, abs=4 * error + 1e-3), name


def test_results_do_not_depend_on_workers():
    values = np.random.default_rng(7).normal(size=(60, 2))
    w = weights_of(ring(60, 2))
    for function in (nq.esda.moran, nq.esda.geary):
        first = function(panel_of(values), "x", w, seed=1)
        for workers in (2, 3):
            again = function(panel_of(values), "x", w, seed=1, n_jobs=workers)
            pd.testing.assert_frame_equal(again.frame, first.frame, check_exact=True)
