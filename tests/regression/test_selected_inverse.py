"""Entries of sparse inverses, and sums of them or by few probes, beside dense matrices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import nqp_spatial as nq
from nqp_spatial.regression.covariance import square_traces, unit_pairs
from nqp_spatial.regression.covariance.information import FilterPair
from nqp_spatial.regression.covariance.square_traces import Spill, regressed_mean, squares_of_one
from nqp_spatial.regression.estimators import _unit_traces
from nqp_spatial.regression.estimators._lag_traces import circle_rule
from nqp_spatial.regression.likelihood import selected_inverse
from nqp_spatial.regression.likelihood.cholesky import has_cheap_square
from nqp_spatial.regression.spec import RegressionSpec


@pytest.fixture(params=["contiguity", "nearest"])
def matrix(request, lattice, neighbours):
    return (lattice(20, 26) if request.param == "contiguity" else neighbours(520)).sparse


def spill(matrix, rho):
    dense = matrix.toarray()
    return dense @ np.linalg.inv(np.eye(len(dense)) - rho * dense)


@pytest.mark.parametrize("rho", [-0.7, 0.0, 0.25, 0.9])
def test_traces_and_diagonals_are_those_of_dense_inverses(matrix, rho):
    """At zero the factors have cancelled entries only, which L does not store."""
    g = spill(matrix, rho)
    assert selected_inverse.square_trace(matrix, rho) == pytest.approx((g**2).sum(), rel=1e-12)
    mixed = (g * spill(matrix, 0.6)).sum()
    assert selected_inverse.square_trace(matrix, rho, 0.6) == pytest.approx(mixed, rel=1e-12)
    own, slopes = selected_inverse.spill_diagonals_and_slopes(matrix, rho)
    np.testing.assert_allclose(own, np.diag(g), rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(slopes, np.diag(g @ g), rtol=1e-10, atol=1e-13)


def test_entries_of_the_product_that_cancel_keep_their_place():
    """At rho = 1/2 columns 0 and 1 of A are orthogonal, while those of W are not."""
    dense = np.zeros((6, 6))
    dense[[0, 1], [1, 0]] = 1 / 32
    dense[2:4, :2] = 1 / 4
    dense[[0, 1, 4, 5], [4, 5, 2, 3]] = [0.5, 0.25, 0.5, 0.5]
    a = np.eye(6) - dense / 2
    assert (a.T @ a)[0, 1] == 0
    matrix = sparse.csr_array(dense)
    g = spill(matrix, 0.5)
    assert selected_inverse.square_trace(matrix, 0.5) == pytest.approx((g**2).sum(), rel=1e-13)
    own = selected_inverse.spill_diagonals(matrix, 0.5)
    np.testing.assert_allclose(own, np.diag(g), atol=1e-15)


def test_too_much_work_is_left_to_others(matrix, monkeypatch):
    monkeypatch.setattr(selected_inverse, "_MOST_WORK", 10.0)
    assert selected_inverse.square_trace(matrix, 0.4) is None
    assert selected_inverse.spill_diagonals(matrix, 0.4) is None
    centre = sparse.lil_array((520, 520))
    centre[0, 1:] = 1 / 519
    centre[1:, 0] = 1.0
    centre[1, 2] = 0.1
    assert selected_inverse.square_trace(sparse.csr_array(centre), 0.4) is None


def test_diagonals_of_a_w_with_a_hub(lattice):
    """One unit that names all others: W'W is dense, the inverse at the links is not."""
    w = sparse.lil_array(lattice(20, 26).sparse)
    w[0, 1:] = 1 / 519
    hub = sparse.csr_array(w)
    assert not has_cheap_square(hub)
    own = selected_inverse.spill_diagonals(hub, 0.4)
    np.testing.assert_allclose(own, np.diag(spill(hub, 0.4)), rtol=1e-11)


def test_forms_of_rho_and_lam_with_one_w_have_exact_diagonals(matrix):
    """F = B G B^-1 is G, since functions of one W commute, and H = W B^-1."""
    spec = RegressionSpec("y ~ x", "", (), (), "sac", "none")
    pair = FilterPair(([matrix], matrix), (np.array([0.4]), 0.3), spec)
    assert pair.common is not None
    dense = np.column_stack([np.diag(spill(matrix, 0.4)), np.diag(spill(matrix, 0.3))])
    np.testing.assert_allclose(pair.diagonals((0, 1)), dense, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("rho", [0.4, 0.8])
def test_few_regressed_probes_are_near_the_trace(matrix, rho, monkeypatch):
    """They vary as much as they state, which is less than 200 plain probes do."""
    monkeypatch.setattr(square_traces, "DENSE_UP_TO", 500)
    g = spill(matrix, rho)

    def times(x, *, transposed=False):
        return (g.T if transposed else g) @ x

    known = float((g * g.T).sum())
    gaps, errors = [], []
    for seed in range(40):
        square = squares_of_one(Spill(matrix, rho, times, known), seed, diagonal=True)
        gaps.append(square.value / (g**2).sum() - 1)
        errors.append(square.error)
        np.testing.assert_allclose(square.diagonal, np.diag(g), rtol=1e-11, atol=1e-14)
    assert np.std(gaps) == pytest.approx(np.mean(errors), rel=0.4)
    assert abs(np.mean(gaps)) < 3 * np.std(gaps) / np.sqrt(40)
    form = g.T @ g
    plain = np.sqrt(2 * ((form**2).sum() - (np.diag(form) ** 2).sum()) / 200) / np.trace(form)
    assert np.mean(errors) < 0.7 * plain


@pytest.mark.parametrize(("rho", "solved"), [(0.05, False), (0.8, True)])
def test_more_solves_only_where_probes_are_not_exact_enough(matrix, rho, solved, monkeypatch):
    monkeypatch.setattr(square_traces, "DENSE_UP_TO", 500)
    g, asked = spill(matrix, rho), []

    def times(x, *, transposed=False):
        asked.append(transposed)
        return (g.T if transposed else g) @ x

    square = squares_of_one(Spill(matrix, rho, times, float((g * g.T).sum())), 0, diagonal=False)
    assert asked == [False, True] if solved else asked == [False]
    assert square.value == pytest.approx((g**2).sum(), abs=5 * square.error * square.value)
    assert solved or square.error < square_traces._PRECISE


@pytest.mark.parametrize("unequal", [True, False])
def test_few_regressed_probes_are_near_the_sums_over_pairs(matrix, unequal):
    rng = np.random.default_rng(1)
    e = rng.normal(size=(520, 3))
    g = spill(matrix, 0.4)
    spec = RegressionSpec("y ~ x", "", (), (), "sar", "none")
    pair = FilterPair(([matrix], None), (np.array([0.4]), 0.0), spec)
    variances = rng.uniform(0.5, 2, size=e.shape) if unequal else None
    truth = unit_pairs.pair_variance([g], e, variances)[0, 0]
    results = [
        unit_pairs.sampled_pair_variance(pair, [0], np.diag(g)[:, None], e, variances, seed)
        for seed in range(25)
    ]
    gaps = np.array([total[0, 0] / truth - 1 for total, _, _ in results])
    errors = np.array([error for _, error, _ in results])
    assert np.std(gaps) == pytest.approx(np.mean(errors), rel=0.5)
    assert abs(gaps.mean()) < 3 * np.std(gaps) / 5
    assert errors.mean() < 0.02
    by_links = unit_pairs.linked_pair_variance([matrix], e)[0, 0]
    dense = unit_pairs.pair_variance([matrix.toarray()], e)[0, 0]
    assert by_links == pytest.approx(dense, rel=1e-12)


def test_a_mean_is_regressed_on_known_deviations():
    rng = np.random.default_rng(0)
    gap = rng.normal(size=50)
    mean, error = regressed_mean(7 + 3 * gap, [gap])
    assert mean == pytest.approx(7, rel=1e-12)
    assert error < 1e-12
    noisy = 7 + rng.normal(size=50)
    assert regressed_mean(noisy, [])[1] == pytest.approx(noisy.std(ddof=1) / np.sqrt(50))


def panel_on(w, rng):
    n, periods = w.n_units, 3
    x, e = rng.normal(size=(2, n, periods))
    y = np.linalg.solve(np.eye(n) - 0.4 * w.sparse.toarray(), x + e)
    index = [(unit, period) for unit in w.units for period in range(periods)]
    frame = pd.DataFrame(index, columns=["id", "t"]).assign(y=y.ravel(), x=x.ravel())
    return nq.SpatialPanel(frame, unit="id", period="t")


def test_standard_errors_by_entries_are_those_by_columns(lattice, monkeypatch):
    """The same model with and without selected entries, beyond the size of dense blocks."""
    w = lattice(23, 24)
    rng = np.random.default_rng(0)
    panel = panel_on(w, rng)
    for options in (
        {"model": "sdm", "covariance": "expected"},
        {"model": "sdm", "covariance": "qml"},
        {"model": "sdm", "effects": "random"},
        {"model": "sac", "covariance": "expected"},
        {"model": "sac", "covariance": "qml", "effects": "unit"},
    ):
        entries = nq.fit("y ~ x", panel, w, **options)
        with monkeypatch.context() as patch:
            patch.setattr(square_traces, "BLOCK", 10_000)
            columns = nq.fit("y ~ x", panel, w, **options)
        np.testing.assert_allclose(entries.std_errors, columns.std_errors, rtol=1e-10)


def test_only_the_powers_that_count_are_computed(matrix):
    shares = _unit_traces.PowerShares(matrix, False, None)
    points, _ = circle_rule(1.0)
    diagonal = shares.diagonal(1 / (1 - 0.2 * points))
    truth = np.diag(np.linalg.inv(np.eye(520) - 0.2 * matrix.toarray()))
    np.testing.assert_allclose(diagonal, truth, rtol=1e-13)
    assert shares._moments.shape[1] == 40
    again = shares.diagonal(np.stack([1 / (1 - 0.2 * points), 1 / (1 - 0.5 * points)]))
    np.testing.assert_allclose(again[0], truth, rtol=1e-13)
    truth = np.diag(np.linalg.inv(np.eye(520) - 0.5 * matrix.toarray()))
    np.testing.assert_allclose(again[1], truth, rtol=1e-13)
