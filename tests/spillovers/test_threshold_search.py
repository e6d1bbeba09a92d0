"""The search over thresholds with common products and determinants, beside one model at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import nqp_spatial as nq
from nqp_spatial.regression.likelihood.several_lags import DenseLags
from nqp_spatial.spillovers import _threshold_bootstrap as bootstrap
from nqp_spatial.spillovers import thresholds
from nqp_spatial.spillovers._threshold_links import CutLags, OrderedLinks
from nqp_spatial.spillovers._threshold_products import GivenProducts, ThresholdProducts
from nqp_spatial.spillovers._threshold_surfaces import (
    Surface,
    Window,
    highest_points,
    spread_points,
)

CANDIDATES = np.array([0.3, 0.5, 0.7])


def panel_of(w, periods, seed, moving=False):
    """A panel with a spatial lag, two regressors and a score."""
    rng, n = np.random.default_rng(seed), w.n_units
    x = 100 + rng.normal(size=(2, n, periods)) + rng.normal(size=(n, 1))
    right = x[0] - x[1] + 0.4 * (w.sparse @ x[0]) + rng.normal(size=(n, periods))
    y = np.linalg.solve(np.eye(n) - 0.3 * w.sparse.toarray(), right)
    score = rng.random((n, periods if moving else 1)) * np.ones((n, periods))
    columns = {"y": y, "x1": x[0], "x2": x[1], "score": score}
    frame = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
    frame["id"] = np.repeat(np.asarray(w.units), periods)
    frame["t"] = np.tile(np.arange(periods), n)
    return nq.SpatialPanel(frame, unit="id", period="t")


def search_of(w, panel, effects, lagged=True, formula="y ~ x1 + x2"):
    links, _ = thresholds._links_of(w, panel, "score", "sender")
    terms = thresholds._terms(links, (), lagged, "")
    data = thresholds.parts_data(formula, panel, terms, effects=effects)
    return thresholds._Search(data, links, lagged, 1, False)


@pytest.mark.parametrize("effects", ["none", "unit", "period", "two-way"])
@pytest.mark.parametrize(("moving", "lagged"), [(False, True), (True, True), (False, False)])
def test_products_are_those_of_each_model(lattice, effects, moving, lagged):
    """Lags formed, demeaned and regressed for each candidate by itself."""
    w = lattice(5, 6)
    search = search_of(w, panel_of(w, 4, 0, moving), effects, lagged)
    links = (search.ordered.rows, search.ordered.columns, search.ordered.weights)
    for known in ((), (0.4,), (0.9,)):
        products = ThresholdProducts(
            search.data, links, search.ordered.below(known).tolist(),
            search.ordered.below(CANDIDATES), lag_regressors=lagged,
        )  # fmt: skip
        plain, larger = products.of(search.data.plain.y)
        pairs = [((*known,), plain)]
        pairs += [((*known, g), k) for g, k in zip(CANDIDATES, larger, strict=True)]
        for gammas, cross in pairs:
            truth = search.likelihood(gammas).products.plain
            scale = np.sqrt(np.outer(np.diag(truth), np.diag(truth)))
            np.testing.assert_allclose(cross / scale, truth / scale, atol=1e-9)


def test_a_dependent_regressor_is_no_candidate(lattice):
    """A part whose lag of x is that of the other part: no products."""
    gram = np.ones((1, 3, 3)) + np.diag([1.0, 0.0, 0.0])
    from nqp_spatial.spillovers._threshold_products import _residual

    assert np.isnan(_residual(gram, [0], [1, 2])).all()
    assert _residual(gram, [0], [1])[0, 0, 0] == pytest.approx(1.0)
    assert GivenProducts(np.eye(3)).derivatives(np.array([0.5, 0.2, 0, 1]))[0] == 1.29


@pytest.mark.parametrize("cuts", [[], [40], [100, 30]])
def test_determinants_of_ranges_of_links(lattice, cuts):
    w = lattice(5, 6)
    links = w.sparse.tocoo()
    scores = np.random.default_rng(1).random(w.n_links)
    ordered = OrderedLinks.by_score(links.row, links.col, links.data, scores, 30)
    level = np.searchsorted(np.sort(cuts), np.argsort(np.argsort(scores)), side="right")
    parts = [
        sparse.csr_array((links.data * (level == k), (links.row, links.col)), shape=(30, 30))
        for k in range(len(cuts) + 1)
    ]
    rho = np.array([0.5, -0.3, 0.2])[: len(parts)]
    lags, truth = CutLags.at(ordered, cuts, {}), DenseLags(parts)
    assert lags.value(rho) == pytest.approx(truth.value(rho), abs=1e-12)
    np.testing.assert_allclose(lags.gradient(rho), truth.derivatives(rho)[0], atol=1e-12)
    np.testing.assert_allclose(lags.derivatives(rho)[1], truth.derivatives(rho)[1], atol=1e-7)
    assert lags.radius(rho) == pytest.approx(truth.radius(rho))
    assert ordered.largest_row_sum == pytest.approx(1)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_polynomial_of_determinants_and_its_maximum(lattice, size):
    """Values and derivatives between the points; the maximum by many exact evaluations."""
    w, rng = lattice(6, 6), np.random.default_rng(size)
    label = rng.integers(0, size, 36)
    parts = [sparse.csr_array(w.sparse.multiply((label == k)[None, :])) for k in range(size)]
    lags = DenseLags(parts)
    window = Window(np.arctanh(np.full(size, 0.4)), np.full(size, 0.2), 1.0)
    rho = window.rho(spread_points(40, size))
    assert (np.abs(window.places(rho)) <= 1 + 1e-12).all()
    values = np.array([lags.value(x) for x in rho])
    slopes = np.stack([lags.derivatives(x)[0] for x in rho])
    surface = Surface.fitted(window, 7, rho, values, slopes)
    assert surface.misfit < 1e-7
    places = rng.uniform(-0.9, 0.9, (5, size))
    value, gradient, hessian = surface.derivatives(places)
    for k, x in enumerate(window.rho(places)):
        first, second = window.slopes(x[None, :])
        g, h = lags.derivatives(x)
        assert value[k] == pytest.approx(lags.value(x), abs=1e-6)
        np.testing.assert_allclose(gradient[k], g * first[0], atol=1e-5)
        bend = h * np.outer(first[0], first[0]) + np.diag(g * second[0])
        np.testing.assert_allclose(hessian[k], bend, atol=1e-4)
    series = rng.normal(size=(400, size + 1))
    inside = series + 0.1 * rng.normal(size=(400, 1))
    inside[:, 0] += inside[:, 1:] @ np.full(size, 0.42)
    away = inside.copy()
    away[:, 0] -= 2 * inside[:, 1:].sum(axis=1)
    products = np.stack([s.T @ s for s in (inside, away)])
    height, none = highest_points(products, surface, 400.0, 2.0)
    assert np.isnan(none)  # its maximum is outside the window

    def loglik(x):
        v = np.append(1.0, -x)
        s = v @ products[0] @ v
        return 2 * lags.value(x) - 200 * (np.log(2 * np.pi * s / 400) + 1)

    from scipy import optimize

    best = optimize.minimize(lambda x: -loglik(x), np.full(size, 0.4), tol=1e-12)
    assert height == pytest.approx(-best.fun, abs=1e-6)


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("known", [(), (0.4,)])
def test_all_samples_at_once_are_those_one_by_one(lattice, monkeypatch, moving, known):
    """The same seeds give the same ratios, with every model estimated by itself."""
    w = lattice(6, 7)
    search = search_of(w, panel_of(w, 6, 2, moving), "unit", formula="y ~ x1")
    seeds = np.random.SeedSequence(5).spawn(3)
    models = search.models(CANDIDATES, known)
    null = bootstrap.NullModel.of(search.data_at(known))
    fast = [
        bootstrap.ratios_of_samples(models, null, seeds, n_jobs=jobs, progress=False)
        for jobs in (1, 2)
    ]
    np.testing.assert_array_equal(fast[0], fast[1])
    without, heights = search.heights(CANDIDATES, known)
    monkeypatch.setattr(thresholds, "_FEW_ROWS", 10_000)
    assert search.models(CANDIDATES, known) is None
    slow = [thresholds._one_sample(search, CANDIDATES, known, seed) for seed in seeds]
    np.testing.assert_allclose(fast[0], slow, atol=2e-5)
    again, one_by_one = search.heights(CANDIDATES, known)
    assert without == pytest.approx(again, abs=1e-8)
    np.testing.assert_allclose(heights, one_by_one, atol=1e-8)


def test_thresholds_without_links_on_one_side_are_searched_one_by_one(lattice):
    w = lattice(6, 7)
    search = search_of(w, panel_of(w, 3, 3), "unit")
    assert search.models(np.array([0.5]), ()) is not None
    for candidates, known in (([-1.0], ()), ([2.0], ()), ([0.5], (0.5,))):
        assert search.models(np.array(candidates), known) is None


def test_samples_that_no_polynomial_reaches_are_exact(lattice, monkeypatch):
    """Windows of no width: every sample is maximised with exact determinants."""
    w = lattice(6, 7)
    search = search_of(w, panel_of(w, 6, 4), "unit", formula="y ~ x1")
    seeds = np.random.SeedSequence(6).spawn(2)
    models = search.models(CANDIDATES[:2], ())
    null = bootstrap.NullModel.of(search.data_at(()))
    ratios = bootstrap.ratios_of_samples(models, null, seeds, n_jobs=1, progress=False)
    monkeypatch.setattr(bootstrap, "_REACH", 1e-3)
    exact = bootstrap.ratios_of_samples(models, null, seeds, n_jobs=1, progress=False)
    np.testing.assert_allclose(ratios, exact, atol=2e-6)
    monkeypatch.setattr(bootstrap._Surfaces, "windows", None)
    exact = bootstrap.ratios_of_samples(models, null, seeds, n_jobs=1, progress=False)
    np.testing.assert_allclose(ratios, exact, atol=2e-6)
