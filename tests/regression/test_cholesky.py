"""CHOLMOD gives what LU factors and dense algebra give; without it SuperLU does the same work."""

from __future__ import annotations

import copy
import pickle
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import nqp_spatial as nq
from nqp_spatial.regression import log_determinant
from nqp_spatial.regression.likelihood import cholesky, factorization
from nqp_spatial.regression.likelihood.factorization import (
    OrderedSystem,
    PositiveSystem,
    ordered_system,
)
from nqp_spatial.weights._spectrum import symmetrizer

INSTALLED = pytest.importorskip("cvxopt", reason="the extra cholmod is not installed")
POINTS = (-0.95, -0.3, 0.0, 0.4, 0.8, 0.99)


@pytest.fixture(params=["contiguity", "spectral", "nearest", "asymmetric spectral"])
def w(request, lattice, neighbours):
    if request.param == "contiguity":
        return lattice(20, 23)
    if request.param == "spectral":
        return lattice(20, 23, standardize="spectral")
    standardize = "row" if request.param == "nearest" else "spectral"
    return neighbours(450, standardize=standardize)


def without(monkeypatch):
    """As if the extra were not installed."""
    monkeypatch.setitem(sys.modules, "cvxopt", None)
    monkeypatch.setitem(sys.modules, "cvxopt.cholmod", None)


def test_it_equals_dense_algebra_and_lu(w):
    chosen = ordered_system(w.sparse, symmetrizer(w.sparse))
    assert isinstance(chosen, PositiveSystem)
    dense = w.sparse.toarray()
    for rho in POINTS:
        truth = np.linalg.slogdet(np.eye(w.n_units) - rho * dense)[1]
        assert chosen.positive.logdet(rho) == pytest.approx(truth, rel=1e-12, abs=1e-11)
        assert OrderedSystem(w.sparse).logdet(rho) == pytest.approx(truth, rel=1e-12, abs=1e-11)


def test_the_kind_follows_the_symmetry(lattice, neighbours):
    kinds = [
        type(ordered_system(w.sparse, symmetrizer(w.sparse)).positive)
        for w in (lattice(5, 5), neighbours(100))
    ]
    assert kinds == [cholesky.CholeskySystem, cholesky.NormalSystem]


def test_a_centre_with_many_links_is_left_to_lu():
    """Each row of k links would make a clique of k units."""
    n = 400
    links = sparse.lil_array((n, n))
    links[0, 1:300] = 1 / 299
    links[np.arange(1, n), np.arange(1, n) - 1] = 1.0
    matrix = sparse.csr_array(links)
    assert not cholesky.has_cheap_square(matrix)
    assert not cholesky.has_cheap_square(sparse.csr_array((3, 3)))
    system = ordered_system(matrix, symmetrizer(matrix))
    assert isinstance(system, OrderedSystem)
    truth = np.linalg.slogdet(np.eye(n) - 0.5 * matrix.toarray())[1]
    assert system.logdet(0.5) == pytest.approx(truth, rel=1e-12)


def test_near_the_bound_lu_takes_over(neighbours):
    """The product of the matrix with itself squares its condition."""
    w = neighbours(450)
    system = ordered_system(w.sparse, None)
    for rho in (1 - 1e-4, 1 - 1e-6):
        with pytest.raises(cholesky.NotPositiveDefiniteError):
            system.positive.logdet(rho)
        truth = np.linalg.slogdet(np.eye(450) - rho * w.sparse.toarray())[1]
        assert system.logdet(rho) == pytest.approx(truth, rel=1e-10)


def test_outside_the_interval_it_is_refused(lattice):
    system = ordered_system(lattice(6, 6).sparse, symmetrizer(lattice(6, 6).sparse))
    with pytest.raises(cholesky.NotPositiveDefiniteError):
        system.positive.logdet(1.2)
    dense = np.eye(36) - 1.2 * lattice(6, 6).sparse.toarray()
    assert system.logdet(1.2) == pytest.approx(np.linalg.slogdet(dense)[1])
    # The refusal leaves nothing behind.
    inside = np.linalg.slogdet(np.eye(36) - 0.5 * lattice(6, 6).sparse.toarray())[1]
    assert system.positive.logdet(0.5) == pytest.approx(inside)


@pytest.mark.parametrize("trans", ["N", "T"])
def test_solves(lattice, trans):
    w = lattice(7, 9)
    positive = ordered_system(w.sparse, symmetrizer(w.sparse)).positive
    system = np.eye(63) - 0.6 * w.sparse.toarray()
    system = system if trans == "N" else system.T
    for x in (np.arange(63.0), np.random.default_rng(0).normal(size=(63, 4))):
        kept = x.copy()
        np.testing.assert_allclose(positive.solve(0.6, x, trans), np.linalg.solve(system, x))
        np.testing.assert_array_equal(x, kept)


def test_one_analysis_serves_all_rho(lattice, monkeypatch):
    from cvxopt import cholmod

    calls = {"symbolic": 0, "numeric": 0}

    def counted(name):
        work = getattr(cholmod, name)

        def call(*arguments):
            calls[name] += 1
            return work(*arguments)

        return call

    for name in calls:
        monkeypatch.setattr(cholmod, name, counted(name))
    w = lattice(25, 25)
    logdet = log_determinant(w, "factor")
    logdet.focus(0.4, 0.1)
    assert calls == {"symbolic": 1, "numeric": logdet.factorizations}
    log_determinant(w, "factor").value(0.7)
    assert calls == {"symbolic": 1, "numeric": logdet.factorizations}


def test_weights_with_a_factor_can_be_sent_and_copied(lattice):
    w = lattice(8, 8)
    expected = log_determinant(w, "factor").value(0.3)
    for other in (pickle.loads(pickle.dumps(w)), copy.deepcopy(w)):
        logdet = log_determinant(other, "factor")
        logdet._known.clear()
        assert logdet.value(0.3) == expected
        assert logdet.value(0.5) == log_determinant(w, "factor").value(0.5)


def test_threads_do_not_disturb_each_other(lattice):
    w = lattice(30, 30)
    system = ordered_system(w.sparse, symmetrizer(w.sparse))
    points = np.linspace(-0.9, 0.9, 40)
    expected = [system.logdet(rho) for rho in points]
    values = {}

    def work(first):
        for i in range(first, 40, 4):
            values[i] = system.logdet(points[i])

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [values[i] for i in range(40)] == expected


def test_options_of_the_user_neither_matter_nor_change(lattice):
    from cvxopt import cholmod

    w = lattice(6, 6)
    expected = ordered_system(w.sparse, symmetrizer(w.sparse)).logdet(0.4)
    before = dict(cholmod.options)
    cholmod.options.update(supernodal=0, postorder=False)
    try:
        system = ordered_system(w.sparse, symmetrizer(w.sparse))
        assert system.logdet(0.4) == pytest.approx(expected, rel=1e-13)
        assert cholmod.options == {**before, "supernodal": 0, "postorder": False}
    finally:
        cholmod.options.clear()
        cholmod.options.update(before)


def test_without_the_extra_superlu_serves(w, monkeypatch):
    without(monkeypatch)
    assert isinstance(ordered_system(w.sparse, symmetrizer(w.sparse)), OrderedSystem)


def test_estimates_do_not_depend_on_the_extra(w, monkeypatch):
    rng = np.random.default_rng(3)
    n, periods = w.n_units, 4
    x = rng.normal(size=(n, periods))
    right = x + 0.3 * (w.sparse @ x) + rng.normal(size=(n, periods))
    y = np.linalg.solve(np.eye(n) - 0.4 * w.sparse.toarray(), right)
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.asarray(w.units), periods),
            "year": np.tile(np.arange(periods), n),
            "y": y.ravel(),
            "x": x.ravel(),
        }
    )
    panel = nq.SpatialPanel(frame, unit="unit", period="year")

    def numbers():
        w.cache.clear()
        res = nq.fit("y ~ x", panel, w, effects="unit", logdet="factor")
        effects = res.effects(draws=200, seed=0).frame
        return (
            np.concatenate([res.params, res.std_errors, [res.loglik]]),
            effects.select_dtypes("number").to_numpy(),
        )

    with_extra = numbers()
    assert isinstance(log_determinant(w, "factor")._system, factorization.PositiveSystem)
    without(monkeypatch)
    for first, second in zip(with_extra, numbers(), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-9, atol=1e-12)
    assert isinstance(log_determinant(w, "factor")._system, OrderedSystem)
