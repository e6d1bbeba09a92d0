"""The concentrated likelihood against brute force: dummies, explicit transforms, derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg, optimize

import nqp_spatial as nq
from nqp_spatial.regression._model_data import build_model_data
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.likelihood.concentrated import CrossProducts
from nqp_spatial.regression.spec import RegressionSpec


def arrays(panel, w, names):
    y = panel.values("y")
    x = np.stack([panel.values(name) for name in names], axis=-1)
    wx = np.stack([w.sparse @ x[:, :, j] for j in range(len(names))], axis=-1)
    return y, np.concatenate([x, wx], axis=2)


def dummy_columns(n, t, effects):
    unit, period = np.kron(np.eye(n), np.ones((t, 1))), np.kron(np.ones((n, 1)), np.eye(t))
    return {"none": np.ones((n * t, 1)), "unit": unit, "period": period}.get(
        effects, np.column_stack([unit, period[:, 1:]])
    )


def full_loglik(params, y, z, dense):
    """Log-likelihood of all parameters, dummies included, with a dense determinant."""
    *coefs, rho, sigma2 = params
    n, t = y.shape
    e = (y - rho * dense @ y).ravel() - z @ np.array(coefs)
    logdet = np.linalg.slogdet(np.eye(n) - rho * dense)[1]
    return t * logdet - n * t / 2 * np.log(2 * np.pi * sigma2) - e @ e / (2 * sigma2)


@pytest.fixture(params=["none", "unit", "period", "two-way"])
def case(request, neighbours, simulate):
    effects = request.param
    w = neighbours(12, 3, seed=1)
    return effects, simulate(w, 5, seed=3), w


def test_dummy_variables_by_brute_force(case):
    effects, panel, w = case
    res = nq.fit("y ~ x1 + x2", panel, w, effects=effects, correction="none")
    y, z = arrays(panel, w, ["x1", "x2"])
    dummies = dummy_columns(*y.shape, effects)
    design = np.column_stack([z.reshape(-1, 4), dummies])
    dense = w.sparse.toarray()

    def concentrated(rho):
        target = (y - rho * dense @ y).ravel()
        coefs = linalg.lstsq(design, target)[0]
        e = target - design @ coefs
        params = [*coefs, rho, e @ e / y.size]
        return full_loglik(params, y, design, dense), params

    best = optimize.minimize_scalar(
        lambda rho: -concentrated(rho)[0], bounds=(-0.99, 0.99), method="bounded",
        options={"xatol": 1e-12},
    )  # fmt: skip
    loglik, params = concentrated(best.x)
    assert res.loglik == pytest.approx(loglik, rel=1e-10)
    assert res.params["spatial", "rho"] == pytest.approx(best.x, abs=1e-7)
    first = 1 if effects == "none" else 0
    np.testing.assert_allclose(res.params.iloc[first : first + 4], params[:4], rtol=1e-5)
    # The observed information of the slopes is the inverse's block of the whole Hessian.
    estimates = np.array([*concentrated(res.params["spatial", "rho"])[1]])
    hessian = numerical_hessian(lambda p: full_loglik(p, y, design, dense), estimates)
    cov = np.linalg.inv(-hessian)
    keep = [0, 1, 2, 3, len(estimates) - 2]
    ours = np.sqrt(np.diag(res.cov))[first:]
    np.testing.assert_allclose(ours, np.sqrt(np.diag(cov))[keep], rtol=2e-4)


def numerical_hessian(function, at):
    steps = 1e-4 * np.maximum(np.abs(at), 0.1)
    size = len(at)
    result = np.empty((size, size))
    for i in range(size):
        for j in range(i, size):
            a, b = np.zeros(size), np.zeros(size)
            a[i], b[j] = steps[i], steps[j]
            value = (
                function(at + a + b) - function(at + a - b) - function(at - a + b)
                + function(at - a - b)
            ) / (4 * steps[i] * steps[j])  # fmt: skip
            result[i, j] = result[j, i] = value
    return result


def centring_basis(size):
    """Orthonormal basis of what is left when a mean is taken out, shape (size, size - 1)."""
    return linalg.null_space(np.ones((1, size)))


@pytest.mark.parametrize("effects", ["unit", "period", "two-way"])
def test_transformation_equals_explicit_orthonormal_matrices(neighbours, simulate, effects):
    """Lee and Yu's transformed model, built with its matrices, has the same likelihood."""
    w = neighbours(14, 3, seed=2)
    panel = simulate(w, 6, seed=8)
    res = nq.fit("y ~ x1 + x2", panel, w, effects=effects, correction="transformation")
    y, z = arrays(panel, w, ["x1", "x2"])
    dense = w.sparse.toarray()
    over_time = centring_basis(6) if effects != "period" else np.eye(6)
    over_units = centring_basis(14) if effects != "unit" else np.eye(14)
    small_w = over_units.T @ dense @ over_units
    y = over_units.T @ y @ over_time
    z = np.einsum("ua,utk,tb->abk", over_units, z, over_time)
    design = z.reshape(-1, 4)

    def concentrated(rho):
        target = (y - rho * small_w @ y).ravel()
        e = target - design @ linalg.lstsq(design, target)[0]
        params = [*linalg.lstsq(design, target)[0], rho, e @ e / y.size]
        return full_loglik(params, y, design, small_w)

    rho = res.params["spatial", "rho"]
    assert res.loglik == pytest.approx(concentrated(rho), rel=1e-10)
    assert concentrated(rho) >= max(concentrated(rho - 1e-4), concentrated(rho + 1e-4))


def test_no_spatial_dependence_reproduces_within_least_squares(lattice, simulate):
    """At rho = 0 the coefficients are those of the within regression of y on [X, WX]."""
    w = lattice(9, 9)
    panel = simulate(w, 6, rho=0.0, seed=4)
    slx = nq.fit("y ~ x1 + x2", panel, w, model="slx")
    y, z = arrays(panel, w, ["x1", "x2"])
    design = np.column_stack([z.reshape(-1, 4), dummy_columns(*y.shape, "two-way")])
    truth = linalg.lstsq(design, y.ravel())[0][:4]
    np.testing.assert_allclose(slx.params, truth, rtol=1e-9)
    sdm = nq.fit("y ~ x1 + x2", panel, w)
    gap = sdm.params.iloc[:4] - truth
    moved = linalg.lstsq(design, (w.sparse @ y).ravel())[0][:4] * sdm.params["spatial", "rho"]
    np.testing.assert_allclose(gap, -moved, rtol=1e-7, atol=1e-10)


def test_fixed_effects_rebuild_the_data(states):
    panel, w = states
    res = nq.fit("lgsp ~ lpc + lemp", panel, w)
    unit, period = res.fixed_effects.unit, res.fixed_effects.period
    assert unit.sum() == pytest.approx(0, abs=1e-8)
    assert period.sum() == pytest.approx(0, abs=1e-8)
    y, lag = panel.wide("lgsp"), w.lag(panel.wide("lgsp"))
    built = res.fixed_effects.constant + res.params["spatial", "rho"] * lag
    built = built.add(unit, axis=0).add(period, axis=1)
    for name in ("lpc", "lemp"):
        wide = panel.wide(name)
        built = built + res.params["x", name] * wide + res.params["wx", name] * w.lag(wide)
    np.testing.assert_allclose(y - built, res.resid.unstack(), atol=1e-9)
    np.testing.assert_allclose(res.fitted + res.resid, panel.frame["lgsp"], rtol=1e-12)


def test_logdet_methods_give_the_same_fit(lattice, simulate):
    w = lattice(18, 18)
    panel = simulate(w, 6, seed=9)
    exact = nq.fit("y ~ x1 + x2", panel, w, logdet="exact")
    factor = nq.fit("y ~ x1 + x2", panel, w, logdet="factor")
    np.testing.assert_allclose(factor.params, exact.params, rtol=1e-9)
    np.testing.assert_allclose(factor.std_errors, exact.std_errors, rtol=1e-7)
    np.testing.assert_allclose(
        factor.effects().frame["std_error"], exact.effects().frame["std_error"], rtol=1e-7
    )
    lanczos = nq.fit("y ~ x1 + x2", panel, w, logdet="lanczos")
    miss = (lanczos.params - exact.params)["spatial", "rho"] / exact.std_errors["spatial", "rho"]
    assert abs(miss) < 4 * lanczos.convergence.logdet_error
    assert lanczos.convergence.logdet_error < 0.1


def test_expected_information_is_the_mean_of_the_observed(neighbours, simulate):
    """Averaged over simulated panels at the truth, the two informations agree."""
    w = neighbours(40, 4)
    ratios = []
    for seed in range(60):
        panel = simulate(w, 6, seed=seed)
        pair = [
            nq.fit("y ~ x1 + x2", panel, w, covariance=kind).std_errors["spatial", "rho"]
            for kind in ("observed", "expected")
        ]
        ratios.append(pair[0] / pair[1])
    assert np.mean(ratios) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("model", "effects"), [("sem", "random"), ("sdm", "random"), ("sem", "none")]
)
def test_sums_of_squares_with_and_without_derivatives(neighbours, simulate, model, effects):
    w = neighbours(12, 3, seed=1)
    draft = RegressionSpec("y ~ x1 + x2", "", (), (), model, effects, "none")
    terms = TermWeights.of(w if model == "sdm" else None, w if model == "sdm" else None, w)
    data = build_model_data(simulate(w, 5, seed=3), draft, terms)
    products = CrossProducts(data.projection, random=effects == "random")
    for at in np.array([[0.3, 0.2, 0.7], [0.0, -0.5, 1.0]]):
        assert products.value(at) == pytest.approx(products.derivatives(at)[0], rel=1e-14)


def test_sums_of_squares_and_volumes_at_many_lam(neighbours, simulate):
    w = neighbours(12, 3, seed=1)
    draft = RegressionSpec("y ~ x1 + x2", "", (), (), "sdem", "none", "none")
    data = build_model_data(simulate(w, 5, seed=3), draft, TermWeights.of(None, w, w))
    z, y = (part.reshape(12, 5, -1) for part in (data.design.z, data.design.y))
    points = np.array([-0.6, 0.0, 0.4])
    squares, volumes = CrossProducts(data.projection).by_lam(points)
    for lam, square, volume in zip(points, squares, volumes, strict=True):
        b = np.eye(12) - lam * w.sparse.toarray()
        filtered, target = (
            np.einsum("ij,jtk->itk", b, part).reshape(60, -1) for part in (z, y)
        )  # fmt: skip
        assert square == pytest.approx(linalg.lstsq(filtered, target)[1].item(), rel=1e-12)
        plain = z.reshape(60, -1)
        change = np.linalg.slogdet(filtered.T @ filtered)[1] - np.linalg.slogdet(plain.T @ plain)[1]
        assert volume == pytest.approx(change, abs=1e-12)
