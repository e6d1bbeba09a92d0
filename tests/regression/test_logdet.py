"""The three forms of ln|I - rho W| agree, with each other and with dense algebra."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from nqp_spatial.regression import log_determinant
from nqp_spatial.regression.likelihood.log_determinant import Curve, FactorLogDet
from nqp_spatial.regression.likelihood.quadrature import exact_moments
from nqp_spatial.weights._spectrum import symmetrizer

GRID = np.array([-0.9, -0.7, -0.3, -0.05, 0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99])


@pytest.fixture(params=["contiguity", "nearest", "asymmetric spectral"])
def w(request, lattice, neighbours):
    if request.param == "contiguity":
        return lattice(20, 23)
    if request.param == "nearest":
        return neighbours(450)
    return neighbours(300, standardize="spectral")


def test_exact_equals_dense_algebra(w):
    exact = log_determinant(w, "exact")
    dense = w.sparse.toarray()
    for rho in GRID:
        system = np.eye(w.n_units) - rho * dense
        g = dense @ np.linalg.inv(system)
        assert exact.value(rho) == pytest.approx(np.linalg.slogdet(system)[1], rel=1e-10)
        assert exact.derivative(rho) == pytest.approx(-np.trace(g), rel=1e-9)
        assert exact.second_derivative(rho) == pytest.approx(-np.trace(g @ g), rel=1e-8)


def test_factor_equals_exact(w):
    exact, factor = log_determinant(w, "exact"), log_determinant(w, "factor")
    for rho in GRID:
        np.testing.assert_allclose(factor.value(rho), exact.value(rho), rtol=1e-10)
        np.testing.assert_allclose(factor.derivative(rho), exact.derivative(rho), rtol=1e-10)
        np.testing.assert_allclose(
            factor.second_derivative(rho), exact.second_derivative(rho), rtol=1e-7
        )


def test_factor_interpolates_draws_to_rounding(w):
    exact, factor = log_determinant(w, "exact"), log_determinant(w, "factor")
    factor.focus(0.5, 0.2)
    before = factor.factorizations
    draws = np.random.default_rng(0).uniform(0.31, 0.69, 1000)
    np.testing.assert_allclose(factor.derivative(draws), exact.derivative(draws), rtol=1e-10)
    assert factor.factorizations == before  # a thousand draws, no further factorisation


def test_factorisations_correct_an_estimate(w):
    """Fewer are needed than of the function itself, for the same digits; or as many, if unfit."""
    exact, points = log_determinant(w, "exact"), np.linspace(0.36, 0.64, 9)
    count = {}
    for fit in (True, False):
        factor = FactorLogDet(w.sparse, radius=1.0, scale=symmetrizer(w.sparse), deflate=True)
        if not fit:  # a point of the estimate outside the disk of the eigenvalues
            factor.rough.nodes[0, 0] = 1.0 + 1e-3
        factor.focus(0.5, 0.15)
        count[fit] = factor.factorizations
        np.testing.assert_allclose(factor.value(points), exact.value(points), rtol=1e-12)
        np.testing.assert_allclose(factor.derivative(points), exact.derivative(points), rtol=1e-10)
        bend = exact.second_derivative(points)
        np.testing.assert_allclose(factor.second_derivative(points), bend, rtol=1e-8)
    assert count[True] < count[False]


def test_lanczos_stays_within_its_stated_error(w):
    """At every rho, over 20 seeds, the miss is a fair draw from the stated error."""
    exact = log_determinant(w, "exact")
    misses = []
    for seed in range(20):
        stochastic = log_determinant(w, "lanczos", seed=seed)
        for rho in GRID:
            errors = stochastic.error(rho)
            gaps = [
                stochastic.value(rho) - exact.value(rho),
                stochastic.derivative(rho) - exact.derivative(rho),
                stochastic.second_derivative(rho) - exact.second_derivative(rho),
            ]
            misses.append([gap / error for gap, error in zip(gaps, errors, strict=True)])
    scaled = np.array(misses).reshape(20, len(GRID), 3)
    assert np.abs(scaled).max() < 5
    rms = np.sqrt((scaled**2).mean(axis=0))
    assert (rms > 0.4).all()  # the error is not overstated either
    assert (rms < 1.8).all()


def test_low_moments_are_exact(w):
    dense = w.sparse.toarray()
    power, traces = np.eye(w.n_units), []
    for _ in range(4):
        power = power @ dense
        traces.append(np.trace(power))
    np.testing.assert_allclose(exact_moments(w.sparse), traces, atol=1e-9)
    # Near zero L(rho) = -sum rho^k tr W^k / k, and four moments are all that counts.
    stochastic, exact = log_determinant(w, "lanczos"), log_determinant(w, "exact")
    assert stochastic.value(0.02) == pytest.approx(exact.value(0.02), rel=1e-6)


@pytest.mark.parametrize("method", ["exact", "factor", "lanczos"])
def test_two_components(method):
    """A map of two separate parts has the eigenvalue one twice; nothing breaks."""
    ring = sparse.csr_array(np.roll(np.eye(30), 1, axis=0) + np.roll(np.eye(30), -1, axis=0))
    blocks = sparse.block_diag([ring, ring], format="csr")
    w = nq.weights.from_dense(blocks.toarray(), range(60), standardize="row")
    result = log_determinant(w, method)
    truth = np.linalg.slogdet(np.eye(60) - 0.7 * w.sparse.toarray())[1]
    assert abs(result.value(0.7) - truth) < max(4 * result.error(0.7)[0], 1e-9)


def test_it_is_built_once(lattice):
    w = lattice(10, 10)
    assert log_determinant(w, "factor") is log_determinant(w, "factor")


def test_same_seed_same_probes(lattice):
    first, two = (log_determinant(lattice(15, 15), "lanczos", seed=4) for _ in range(2))
    assert first.value(0.6) == two.value(0.6)


def test_curve_near_the_edge_needs_no_more_nodes():
    """In artanh(rho), a window at 0.99 is as easy as one at 0."""
    spectrum = np.cos(np.linspace(0, np.pi, 400))
    function = lambda rho: np.log1p(-np.multiply.outer(rho, spectrum)).sum(axis=-1)  # noqa: E731
    middle = Curve(function, -0.3, 0.3, radius=1.0, strip=np.pi / 2)
    edge = Curve(function, 0.98, 0.9933, radius=1.0, strip=np.pi / 2)
    assert edge.series.degree() <= middle.series.degree() + 2
    points = np.linspace(0.98, 0.9933, 7)
    truth = -(spectrum / (1 - np.multiply.outer(points, spectrum))).sum(axis=-1)
    np.testing.assert_allclose(edge.derivative(points), truth, rtol=1e-9)


def test_unknown_method(lattice):
    with pytest.raises(OptionError, match="method must be one of"):
        log_determinant(lattice(3, 3), "cholesky")


def test_weights_of_libpysal_serve_too(lattice):
    w = lattice(5, 5)
    assert log_determinant(w.graph, "exact").value(0.4) == log_determinant(w, "exact").value(0.4)
