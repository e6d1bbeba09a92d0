"""Determinants and inverses at links, beside dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from nqp_spatial.regression.likelihood import several_lags
from nqp_spatial.regression.likelihood.lag_solver import LagSolver
from nqp_spatial.regression.likelihood.link_systems import (
    LinkSums,
    LinkSystem,
    analysed,
    is_analysed,
    one_lag,
)
from nqp_spatial.regression.likelihood.several_lags import AscentLags, DenseLags, SparseLags


def grid(a: int, b: int) -> np.ndarray:
    """Queen contiguity of a lattice."""
    at = np.array([(i, j) for i in range(a) for j in range(b)])
    apart = np.abs(at[:, None] - at).max(axis=2)
    return (apart == 1).astype(float)


def directed(n: int, seed: int) -> np.ndarray:
    """Each unit receives from four others; few links are in both directions."""
    rng = np.random.default_rng(seed)
    links = np.zeros((n, n))
    for i in range(n):
        links[i, rng.choice(np.delete(np.arange(n), i), 4, replace=False)] = rng.random(4)
    return links


def separate() -> np.ndarray:
    """Two components, a unit without links, and one with a link to itself."""
    links = np.zeros((30, 30))
    links[:12, :12], links[12:28, 12:28] = grid(3, 4), grid(4, 4)
    links[29, 29] = 1.0
    return links


PATTERNS = {
    "lattice": lambda: grid(9, 11),
    "line": lambda: grid(1, 40),
    "directed": lambda: directed(60, 1),
    "separate": separate,
    "star": lambda: np.pad(np.ones((1, 29)), ((0, 29), (1, 0))),
    "complete": lambda: 1 - np.eye(25),
    "none": lambda: np.zeros((4, 4)),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_determinant_and_inverse_of_a_pattern(name):
    pattern = PATTERNS[name]()
    n, rng = len(pattern), np.random.default_rng(2)
    rows, columns = np.nonzero(pattern)
    system = LinkSystem(rows, columns, n)
    for sign in (1, -1):
        dense = pattern * rng.uniform(0.2, 1, pattern.shape)
        dense *= sign * 0.9 / max(dense.sum(axis=1).max(), 1e-9)
        factor = system.factor(dense[rows, columns])
        full = np.eye(n) - dense
        assert factor.logdet == pytest.approx(np.linalg.slogdet(full)[1], abs=1e-12)
        inverse = np.linalg.inv(full)
        x = rng.normal(size=(n, 3))
        np.testing.assert_allclose(factor.solve(x), inverse @ x, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(factor.solve(x[:, 0], "T"), inverse.T @ x[:, 0], atol=1e-12)
        for _ in range(2):  # the second call returns what the first has computed
            np.testing.assert_allclose(
                factor.inverse_at_links(), inverse[columns, rows], rtol=1e-11, atol=1e-13
            )


def test_products_of_large_fronts_by_blas(monkeypatch):
    """A front of three hundred rows, whose products are matrix products."""
    n = 300
    rng = np.random.default_rng(3)
    dense = rng.random((n, n)) / n * 0.8
    np.fill_diagonal(dense, 0)
    dense[:40, 150:] = dense[150:, :40] = 0  # several supernodes
    rows, columns = np.nonzero(dense)
    factor = LinkSystem(rows, columns, n).factor(dense[rows, columns])
    full = np.eye(n) - dense
    assert factor.logdet == pytest.approx(np.linalg.slogdet(full)[1], abs=1e-11)
    inverse = np.linalg.inv(full)
    np.testing.assert_allclose(factor.inverse_at_links(), inverse[columns, rows], atol=1e-13)
    # In complex numbers the inverse moves along the weights: by S^-1 A S^-1.
    turned = LinkSystem(rows, columns, n).factor((1 + 1e-15j) * dense[rows, columns])
    assert turned.logdet == pytest.approx(factor.logdet, abs=1e-13)
    change = (inverse @ dense @ inverse)[columns, rows]
    np.testing.assert_allclose(turned.inverse_at_links().imag / 1e-15, change, atol=1e-13)


def test_a_pattern_is_analysed_once_for_all_views_of_a_w(lattice):
    w = lattice(3, 4)
    first = analysed(w.sparse, one_lag)
    assert analysed(w.sparse, one_lag) is first
    assert is_analysed(w.sparse, one_lag)
    changeable = w.sparse.copy()
    assert analysed(changeable, one_lag) is not first
    assert not is_analysed(changeable, one_lag)


@pytest.mark.parametrize("columns", [1, 50])
def test_solves_for_few_and_many_columns(columns):
    """Also where a pivot without exchanges of rows is zero."""
    rng = np.random.default_rng(5)
    swap = np.kron(np.eye(8), np.array([[2.0, 2.0], [2.0, 2.0]]))
    for dense, rho in ((grid(4, 4) / 10, 0.7), (directed(16, 2) / 4, 0.5), (swap, 0.5)):
        x = rng.normal(size=(16, columns))
        solver = LagSolver(sparse.csr_array(dense), rho)
        system = np.eye(16) - rho * dense
        np.testing.assert_allclose(system @ solver.solve(x), x, atol=1e-12)
        np.testing.assert_allclose(system.T @ solver.solve(x, "T"), x, atol=1e-12)


def test_a_pivot_that_is_not_positive():
    """Pivots without exchanges of rows: NaN, and the careful form that exchanges them."""
    swap = sparse.csr_array(np.array([[0.0, 2.0], [2.0, 0.0]]))
    factor = LinkSystem(np.array([0, 1]), np.array([1, 0]), 2).factor(np.array([2.0, 2.0]))
    assert np.isnan(factor.logdet)
    assert SparseLags([swap]).value(np.ones(1)) == pytest.approx(np.log(3))
    # ln(4 rho^2 - 1) has the slope 8 rho / (4 rho^2 - 1).
    assert SparseLags([swap]).gradient(np.ones(1)) == pytest.approx([8 / 3])


def test_sums_of_matrices_that_share_links():
    first, second = grid(3, 5) * 0.3, np.triu(grid(3, 5)) * 0.7
    second[0, 14] = 0.4  # a link that the first does not have
    sums = LinkSums([sparse.csr_array(first), sparse.csr_array(second)])
    total = 0.5 * first - 0.3 * second
    coefs = np.array([0.5, -0.3])
    inverse = np.linalg.inv(np.eye(15) - total)
    at_links = sums.system.factor(sums.weights(coefs)).inverse_at_links()
    traces = [np.trace(first @ inverse), np.trace(second @ inverse)]
    np.testing.assert_allclose(sums.traces(at_links), traces, rtol=1e-12)
    for k, matrix in enumerate((first, second)):
        np.testing.assert_allclose(
            sums.diagonal(at_links, k), np.diag(inverse @ matrix), atol=1e-14
        )
    assert sums.largest_row_sum(coefs) == pytest.approx(np.abs(total).sum(axis=1).max())
    members = (np.arange(15) < 6).astype(float)
    moved = sums.of_senders(sums.weights(coefs), members)
    determinant = np.linalg.slogdet(np.eye(15) - total * members)[1]
    assert sums.system.factor(moved).logdet == pytest.approx(determinant, abs=1e-13)


def test_derivatives_of_several_lags_and_the_hessian_of_ascents():
    w = grid(8, 9) / grid(8, 9).sum(axis=1, keepdims=True)
    core = np.random.default_rng(4).random(72) < 0.4
    parts = [sparse.csr_array(w * np.outer(a, b)) for a in (core, ~core) for b in (core, ~core)]
    rho = np.array([0.5, -0.2, 0.3, 0.6])
    truth, lags = DenseLags(parts).derivatives(rho), SparseLags(parts)
    np.testing.assert_allclose(lags.derivatives(rho)[0], truth[0], rtol=1e-12)
    np.testing.assert_allclose(lags.derivatives(rho)[1], truth[1], rtol=1e-8, atol=1e-8)
    ascent = lags.for_ascents()
    assert isinstance(ascent, AscentLags)
    np.testing.assert_allclose(ascent.derivatives(rho)[1], truth[1], rtol=1e-3, atol=1e-3)
    # After a step the Hessian explains the change of the gradient exactly.
    before = ascent.derivatives(rho)[0]
    step = np.array([0.05, 0.02, -0.04, 0.03])
    gradient, hessian = ascent.derivatives(rho + step)
    np.testing.assert_allclose(gradient, DenseLags(parts).derivatives(rho + step)[0], rtol=1e-12)
    np.testing.assert_allclose(hessian @ step, gradient - before, rtol=1e-9)
    far = rho - np.array([1.1, 0.0, 0.0, 0.0])
    truth = DenseLags(parts).derivatives(far)
    np.testing.assert_allclose(ascent.derivatives(far)[1], truth[1], rtol=1e-3, atol=1e-3)
    assert lags.radius(rho) == several_lags.spectral_radius_of(parts, rho)
    wide = 3 * rho
    assert lags.radius(wide) == pytest.approx(several_lags.spectral_radius_of(parts, wide))


def test_links_in_memory_of_bytes_are_analysed_too():
    """As of arrays that were read from a file or another process."""
    path = sparse.csr_array(np.array([[0.0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]]))
    read = sparse.csr_array(path)
    read.data = np.frombuffer(path.data.tobytes())
    assert analysed(read, one_lag).n_links == path.nnz
    assert is_analysed(read, one_lag)
