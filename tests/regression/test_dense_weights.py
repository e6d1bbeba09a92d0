"""Weights that link most pairs of units: dense algebra behind the same results."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import nqp_spatial as nq
from nqp_spatial.core import sizes
from nqp_spatial.errors import OptionError
from nqp_spatial.regression import log_determinant
from nqp_spatial.regression.likelihood import factorization
from nqp_spatial.regression.likelihood.quadrature import exact_moments
from nqp_spatial.weights._spectrum import is_dense

N = 450
# The folder has a function of this name.
room = import_module("nqp_spatial.regression.likelihood.log_determinant")


def dense_weights(kind):
    rng = np.random.default_rng(5)
    xy = rng.random((N, 2))
    apart = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    np.fill_diagonal(apart, 1.0)
    links = apart**-2.0
    if kind == "asymmetric":
        links = links * rng.uniform(0.5, 2.0, (N, N))
    np.fill_diagonal(links, 0.0)
    return nq.weights.from_dense(links, range(N), standardize="row")


@pytest.fixture(scope="module", params=["symmetric", "asymmetric"])
def w(request):
    return dense_weights(request.param)


def test_the_method_follows_the_symmetry():
    assert log_determinant(dense_weights("symmetric")).method == "exact"
    assert log_determinant(dense_weights("asymmetric")).method == "factor"
    assert room._dense_method(room.DENSE_UP_TO + 1, None) == "lanczos"


def test_it_equals_dense_algebra(w):
    logdet = log_determinant(w)
    dense = w.sparse.toarray()
    for rho in (-0.7, 0.0, 0.3, 0.6, 0.9):
        system = np.eye(N) - rho * dense
        g = dense @ np.linalg.inv(system)
        assert logdet.value(rho) == pytest.approx(
            np.linalg.slogdet(system)[1], rel=1e-11, abs=1e-11
        )
        assert logdet.derivative(rho) == pytest.approx(-np.trace(g), rel=1e-9, abs=1e-9)
        assert logdet.second_derivative(rho) == pytest.approx(-np.trace(g @ g), rel=1e-7)


def test_factors_are_dense(w):
    system = factorization.ordered_system(w.sparse, None)
    assert isinstance(system, factorization.DenseSystem)
    factor = factorization.factorize(w.sparse, 0.5)
    assert isinstance(factor, factorization.DenseFactor)
    x = np.random.default_rng(0).normal(size=(N, 3))
    matrix = np.eye(N) - 0.5 * w.sparse.toarray()
    np.testing.assert_allclose(factor.solve(x), np.linalg.solve(matrix, x), rtol=1e-10)
    np.testing.assert_allclose(factor.solve(x, trans="T"), np.linalg.solve(matrix.T, x), rtol=1e-10)
    assert system.logdet(0.5) == pytest.approx(np.linalg.slogdet(matrix)[1], rel=1e-12)


def test_moments_equal_those_of_sparse_products(w):
    matrix = sparse.csr_array(w.sparse[:150][:, :150])
    power, traces = sparse.eye_array(150, format="csr"), []
    for _ in range(4):
        power = power @ matrix
        traces.append(power.trace())
    assert is_dense(matrix)
    np.testing.assert_allclose(exact_moments(matrix), traces, rtol=1e-10, atol=1e-12)


def test_probes_stay_within_their_error(w):
    exact, probes = log_determinant(w), log_determinant(w, "lanczos")
    for rho in (-0.5, 0.4, 0.8):
        assert abs(probes.value(rho) - exact.value(rho)) < 4 * probes.error(rho)[0]


def test_estimates_equal_those_of_sparse_algebra(w, monkeypatch):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(N, 5))
    right = x - 0.4 * (w.sparse @ x) + rng.normal(size=(N, 5))
    y = np.linalg.solve(np.eye(N) - 0.5 * w.sparse.toarray(), right)
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(N), 5),
            "year": np.tile(np.arange(5), N),
            "y": y.ravel(),
            "x": x.ravel(),
        }
    )
    panel = nq.SpatialPanel(frame, unit="unit", period="year")

    def numbers():
        w.cache.clear()
        res = nq.fit("y ~ x", panel, w, effects="twoway", covariance="robust")
        frame = res.effects(draws=100, seed=0).frame.select_dtypes("number")
        return np.concatenate([res.params, res.std_errors, frame.to_numpy().ravel()])

    dense = numbers()
    for module in (room, factorization):
        monkeypatch.setattr(module, "is_dense", lambda matrix: False)
    np.testing.assert_allclose(dense, numbers(), rtol=1e-8, atol=1e-10)


def test_eigenvalues_that_do_not_fit_are_refused(monkeypatch):
    w = dense_weights("symmetric")
    monkeypatch.setattr(sizes, "memory_budget", lambda: 1000.0)
    with pytest.raises(OptionError, match=r"all eigenvalues of 450 units needs about .*GiB"):
        log_determinant(w, "exact")


def test_nothing_of_the_weights_changes(w):
    before = w.sparse.copy()
    w.cache.clear()
    log_determinant(w).value(0.4)
    log_determinant(w, "factor").focus(0.4, 0.05)
    assert (abs(before - w.sparse)).nnz == 0
    assert isinstance(w.sparse, sparse.csr_array)
