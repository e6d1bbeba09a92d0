"""Period effects where rows of W do not add to one: dense likelihoods with all dummies in them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import nqp_spatial as nq
from nqp_spatial.errors import NqpWarning
from nqp_spatial.regression.diagnostics.posterior import posterior_probabilities

N, T = 14, 5
SPATIAL = {
    "sar": ("rho",),
    "sem": ("lam",),
    "sdm": ("rho",),
    "sdem": ("lam",),
    "sac": ("rho", "lam"),
    "gns": ("rho", "lam"),
}
LAGGED = ("sdm", "sdem", "gns")


def differenced(standardize="spectral", n=N, seed=3):
    """Inverse distances of random points, whose rows have different sums."""
    rng = np.random.default_rng(seed)
    points = rng.random((n, 2))
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    dense = np.where(np.eye(n) > 0, 0.0, 1 / (gaps + np.eye(n)))
    weights = nq.weights.from_dense(dense * rng.uniform(0.5, 1.5, (n, 1)), pd.RangeIndex(n))
    return weights if standardize == "none" else weights.standardize(standardize)


def simulated(w, periods=T, seed=0, rho=0.3, lam=0.4, tau=0.0, theta=0.5):
    rng = np.random.default_rng(seed)
    n = w.n_units
    dense = w.sparse.toarray()
    dense = dense / np.abs(np.linalg.eigvals(dense)).max()
    a, b = np.eye(n) - rho * dense, np.eye(n) - lam * dense
    x = rng.normal(size=(n, periods)) + rng.normal(size=(n, 1))
    structural = x + theta * dense @ x + rng.normal(size=(n, 1)) + rng.normal(size=(1, periods))
    structural = structural + np.linalg.solve(b, rng.normal(size=(n, periods)))
    y = np.zeros((n, periods))
    for t in range(periods):
        y[:, t] = np.linalg.solve(a, structural[:, t] + tau * (y[:, t - 1] if t else 0))
    index = {"u": np.repeat(np.arange(n), periods), "t": np.tile(np.arange(periods), n)}
    frame = pd.DataFrame(index | {"x": x.ravel(), "y": y.ravel()})
    return nq.SpatialPanel(frame, unit="u", period="t")


class Dense:
    """The likelihood with dummies, by dense matrices; unit effects differenced away or dummies."""

    def __init__(self, panel, w, model, effects, *, transformed=False):
        self.w, self.names = w.sparse.toarray(), SPATIAL[model]
        y, x = panel.values("y"), panel.values("x")
        n, t = y.shape
        rotation = np.eye(t)
        if transformed:  # an orthonormal basis of what is orthogonal to ones
            rotation = np.linalg.qr(np.column_stack([np.ones(t), np.eye(t)[:, 1:]]))[0][:, 1:]
        z = [x, self.w @ x] if model in LAGGED else [x]
        columns = [(series @ rotation).ravel() for series in z]
        y = y @ rotation
        self.n, self.t = y.shape
        if effects == "two-way" and not transformed:
            columns += list(np.kron(np.eye(n), np.ones((t, 1))).T)
        dummies = np.kron(np.ones((n, 1)), np.eye(self.t))
        columns += list(dummies.T[int(effects == "two-way" and not transformed) :])
        self.y, self.z, self.k = y, np.column_stack(columns), len(z)

    def filtered(self, array, lam):
        wide = array.reshape(self.n, -1)
        return (wide - lam * self.w @ wide).reshape(array.shape)

    def split(self, at):
        values = dict(zip(self.names, at, strict=True))
        return values.get("rho", 0.0), values.get("lam", 0.0)

    def best(self, at):
        """Coefficients, sigma2 and log-likelihood given (rho, lam)."""
        rho, lam = self.split(at)
        target = self.filtered(self.y - rho * self.w @ self.y, lam).ravel()
        z = self.filtered(self.z.reshape(self.n, self.t, -1), lam).reshape(len(target), -1)
        coefs = np.linalg.lstsq(z, target, rcond=None)[0]
        sigma2 = float(((target - z @ coefs) ** 2).mean())
        return coefs, sigma2, self.value(coefs, at, sigma2)

    def value(self, coefs, at, sigma2):
        rho, lam = self.split(at)
        u = self.y - rho * self.w @ self.y - (self.z @ coefs).reshape(self.y.shape)
        e = self.filtered(u, lam)
        logdets = sum(np.linalg.slogdet(np.eye(self.n) - x * self.w)[1] for x in (rho, lam))
        size = e.size
        return self.t * logdets - size / 2 * np.log(2 * np.pi * sigma2) - (e**2).sum() / 2 / sigma2

    def maximum(self, start):
        found = optimize.minimize(
            lambda at: -self.best(at)[2], start, method="Nelder-Mead",
            options={"xatol": 1e-10, "fatol": 1e-13, "maxiter": 4000},
        )  # fmt: skip
        return found.x

    def covariance(self, at):
        """Of all coefficients, (rho, lam) and sigma2, by differences of the log-likelihood."""
        coefs, sigma2, _ = self.best(at)
        point = np.concatenate([coefs, at, [sigma2]])
        k = len(coefs)
        steps = 1e-4 * np.maximum(1e-1, np.abs(point)) * np.eye(len(point))

        def value(p):
            return self.value(p[:k], p[k:-1], p[-1])

        hessian = np.empty((len(point), len(point)))
        for i, one in enumerate(steps):
            for j, two in enumerate(steps[: i + 1]):
                corners = [value(point + a * one + b * two) for a in (1, -1) for b in (1, -1)]
                change = corners[0] - corners[1] - corners[2] + corners[3]
                hessian[i, j] = hessian[j, i] = change / (4 * one[i] * two[j])
        chosen = [*range(self.k), *range(k, len(point))]
        return np.linalg.inv(-hessian)[np.ix_(chosen, chosen)]


@pytest.mark.parametrize("effects", ["period", "two-way"])
@pytest.mark.parametrize("model", list(SPATIAL))
def test_the_dummy_variable_likelihood(model, effects):
    w = differenced()
    panel = simulated(w)
    res = nq.fit("y ~ x", panel, w, model=model, effects=effects, correction="none")
    dense = Dense(panel, w, model, effects)
    at = dense.maximum(res.params["spatial"].to_numpy())
    coefs, sigma2, loglik = dense.best(at)
    assert res.params["spatial"].to_numpy() == pytest.approx(at, abs=2e-7)
    assert res.params.to_numpy()[: dense.k] == pytest.approx(coefs[: dense.k], abs=2e-7)
    assert res.sigma2 == pytest.approx(sigma2, rel=1e-6)
    assert res.loglik == pytest.approx(loglik, abs=1e-9)
    cov = dense.covariance(res.params["spatial"].to_numpy())
    assert res.cov.to_numpy() == pytest.approx(cov[:-1, :-1], rel=2e-4, abs=1e-6)
    assert res.sigma2_std_error == pytest.approx(np.sqrt(cov[-1, -1]), rel=1e-4)


@pytest.mark.parametrize("standardize", ["minmax", "none"])
def test_any_standardisation(standardize):
    w = differenced(standardize)
    panel = simulated(w)
    res = nq.fit("y ~ x", panel, w, model="sac", effects="period", correction="none")
    dense = Dense(panel, w, "sac", "period")
    at = res.params["spatial"].to_numpy()
    assert at == pytest.approx(dense.maximum(at), abs=2e-7)
    assert res.loglik == pytest.approx(dense.best(at)[2], abs=1e-9)


@pytest.mark.parametrize("effects", ["period", "two-way"])
@pytest.mark.parametrize("model", list(SPATIAL))
def test_the_score_is_corrected_for_the_dummies(model, effects):
    """The score less its mean, by traces of dense matrices, is zero at the estimate."""
    w = differenced()
    panel = simulated(w)
    res = nq.fit("y ~ x", panel, w, model=model, effects=effects)
    assert res.spec.correction == "bias"
    assert "they are dummy variables" in res.notes[0]
    dense = Dense(panel, w, model, effects, transformed=effects == "two-way")
    at = res.params["spatial"].to_numpy()
    top = dense.maximum(at)
    assert res.loglik == pytest.approx(dense.best(top)[2], abs=1e-9)

    def corrected(at):
        return np.concatenate([adjusted_score(dense, at), [0.0]])[: len(at)]

    steps = 1e-5 * np.eye(len(at))
    slopes = np.column_stack([(corrected(at + s) - corrected(at - s)) / 2e-5 for s in steps])
    assert np.linalg.solve(slopes, corrected(at)) == pytest.approx(np.zeros(len(at)), abs=2e-6)
    # Sigma2 by the observations that remain; the profile of rho and lam has the same curvature.
    coefs, sigma2, _ = dense.best(at)
    assert res.params.to_numpy()[: dense.k] == pytest.approx(coefs[: dense.k], abs=1e-6)
    assert res.sigma2 == pytest.approx(sigma2 * N / (N - 1), rel=1e-6)
    spatial = res.cov.loc["spatial", "spatial"].to_numpy()
    assert spatial == pytest.approx(np.linalg.inv(-(slopes + slopes.T) / 2), rel=1e-4)


def adjusted_score(dense, at):
    """The concentrated score of (rho, lam) less its mean, with sigma2 of n - 1 units."""
    rho, lam = dense.split(at)
    n, m = dense.n, dense.t
    a, b = np.eye(n) - rho * dense.w, np.eye(n) - lam * dense.w

    def remaining(x):  # B'J B
        filtered = np.eye(n) - x * dense.w
        p = filtered.sum(axis=1)
        return filtered.T @ (np.eye(n) - np.outer(p, p) / (p @ p)) @ filtered

    inverse_b = np.linalg.inv(b)
    means = {
        "rho": np.trace(inverse_b.T @ remaining(lam) @ dense.w @ np.linalg.inv(a) @ inverse_b),
        "lam": -np.trace(
            inverse_b.T @ (remaining(lam + 1e-5) - remaining(lam - 1e-5)) / 2e-5 @ inverse_b
        ) / 2,
    }  # fmt: skip
    step = 1e-6
    score = []
    for position, name in enumerate(dense.names):
        move = step * np.eye(len(at))[position]
        # d ln S / dx, the mean of S / sigma2 being m (n - 1).
        sizes = [np.log(dense.best(at + sign * move)[1]) for sign in (1, -1)]
        score.append(-m * (n - 1) / 2 * (sizes[0] - sizes[1]) / (2 * step) - m * means[name])
    return np.array(score)


def test_the_specification_path_compares_likelihoods_with_the_same_effects():
    """Likelihood ratios by dense matrices, unit effects transformed away, dummies for periods."""
    w = differenced(n=25)
    panel = simulated(w, 4)
    result = nq.diagnostics("y ~ x", panel, w)
    assert result.spec["correction"] == "bias"
    logliks = {"slx": linear_loglik(panel, w)}
    for model in ("sar", "sem", "sdm", "sdem"):
        dense = Dense(panel, w, model, "two-way", transformed=True)
        logliks[model] = dense.best(dense.maximum(np.array([0.1])))[2]
        assert result.models[model].loglik == pytest.approx(logliks[model], abs=1e-8)
    assert result.models["slx"].loglik == pytest.approx(logliks["slx"], abs=1e-9)
    ratio = result.tests["LR: SDM against SLX"].statistic
    assert ratio == pytest.approx(2 * (logliks["sdm"] - logliks["slx"]), abs=1e-7)
    assert result.posterior["probability"].sum() == pytest.approx(1.0)


def linear_loglik(panel, w):
    dense = Dense(panel, w, "sdm", "two-way", transformed=True)
    return dense.best(np.array([0.0]))[2]


def test_score_tests_where_rows_do_not_add_to_one():
    """Means and variances of the scores by dense traces of what remains after the dummies."""
    w = differenced(n=25)
    panel = simulated(w, 4, rho=0.0, lam=0.0)
    tests = nq.diagnostics("y ~ x", panel, w).tests
    n, m, dense = 25, 3, w.sparse.toarray()

    def demeaned(array):
        wide = array - array.mean(axis=1, keepdims=True)
        return wide - wide.mean(axis=0)

    y, x = demeaned(panel.values("y")), demeaned(panel.values("x"))
    slope = (x * y).sum() / (x**2).sum()
    e = y - slope * x
    s2 = (e**2).sum() / ((n - 1) * m)
    centring = np.eye(n) - 1 / n
    jw = centring @ dense @ centring
    trace = m * (np.trace(jw @ jw) + np.trace(jw @ jw.T) - 2 * np.trace(jw) ** 2 / (n - 1))
    score = (e * (dense @ e)).sum() / s2 - m * np.trace(jw)
    assert tests["LM error"].statistic == pytest.approx(score**2 / trace, rel=1e-10)
    fitted = demeaned(dense @ (panel.values("y") - e))
    left = fitted - x * (x * fitted).sum() / (x**2).sum()
    score = (e * (dense @ panel.values("y"))).sum() / s2 - m * np.trace(jw)
    variance = trace + (left**2).sum() / s2
    assert tests["LM lag"].statistic == pytest.approx(score**2 / variance, rel=1e-10)


@pytest.mark.parametrize("effects", ["period", "two-way"])
def test_posterior_probabilities_with_dummies_integrated_out(effects):
    """Against a grid of dense determinants; the limit of rows that add to one is the old number."""
    w = differenced(n=12)
    panel = simulated(w, 4)
    frame = posterior_probabilities("y ~ x", panel, w, effects=effects).frame
    logs = frame.set_index("model")["log_marginal"]
    from scipy.special import gammaln, logsumexp

    values = {}
    for model in ("slx", "sdm", "sdem"):
        kind = "sdm" if model == "slx" else model
        dense = Dense(panel, w, kind, effects, transformed=effects == "two-way")
        n, m = dense.n, dense.t
        free = (n * m - dense.z.shape[1]) / 2

        def density(x, dense=dense, free=free, kind=kind, n=n, m=m):
            at = np.array([x])
            size = dense.best(at)[1] * n * m
            lam = x if kind == "sdem" else 0.0
            z = dense.filtered(dense.z.reshape(n, m, -1), lam).reshape(n * m, -1)
            value = m * np.linalg.slogdet(np.eye(n) - x * dense.w)[1] - free * np.log(size)
            value -= np.linalg.slogdet(z.T @ z)[1] / 2
            if kind == "sdm":
                value += m * np.log(abs(np.linalg.inv(np.eye(n) - x * dense.w).sum() / n))
            return value

        constant = gammaln(free) - free * np.log(np.pi)
        if model == "slx":
            values[model] = constant + density(0.0)
            continue
        u = np.linspace(-4.5, 4.5, 400)
        grid = [density(x) + np.log(1 - x**2) - np.log(2) for x in np.tanh(u)]
        values[model] = constant + logsumexp(np.array(grid) + np.log(u[1] - u[0]))
    for model in ("sdm", "sdem"):
        assert logs[model] - logs["slx"] == pytest.approx(values[model] - values["slx"], abs=1e-8)


@pytest.mark.parametrize("covariance", ["observed", "expected", "qml", "driscoll-kraay"])
def test_weights_of_almost_equal_rows_give_the_numbers_of_equal_rows(lattice, covariance):
    """The general formulas at the limit that the formulas for rows that add to one cover."""
    w = lattice(4, 4)
    panel = simulated(w, 6)
    rough = w.sparse.toarray()
    rough[0] *= 1 + 1e-4  # beyond the tolerance, so that the general formulas apply
    with pytest.warns(NqpWarning, match="without the methods that need rows"):
        rough = nq.weights.from_dense(rough, w.units)
    assert not rough.rows_add_to_one
    options = {"model": "sac", "effects": "period", "covariance": covariance}
    exact = nq.fit("y ~ x", panel, w, correction="transformation", **options)
    general = nq.fit("y ~ x", panel, rough, correction="bias", **options)
    assert general.params.to_numpy() == pytest.approx(exact.params.to_numpy(), abs=2e-4)
    errors = exact.std_errors.to_numpy()
    assert general.std_errors.to_numpy() == pytest.approx(errors, rel=3e-3)
    assert general.fixed_effects.period.to_numpy() == pytest.approx(
        exact.fixed_effects.period.to_numpy(), abs=5e-4
    )


def test_estimated_effects_leave_the_residuals():
    """y less its parts is the filtered residual: B (A y - z d - effects) = e, of zero score."""
    w = differenced()
    panel = simulated(w)
    res = nq.fit("y ~ x", panel, w, model="sac")
    dense, fixed = w.sparse.toarray(), res.fixed_effects
    rho, lam = res.params["spatial"]
    u = (
        panel.values("y")
        - rho * dense @ panel.values("y")
        - res.params["x", "x"] * panel.values("x")
    )
    u = u - fixed.constant - fixed.unit.to_numpy()[:, None] - fixed.period.to_numpy()
    e = u - lam * dense @ u
    assert res.resid.to_numpy() == pytest.approx(e.ravel(), abs=1e-10)
    assert res.predict(kind="direct").to_numpy() == pytest.approx(res.fitted.to_numpy())
    p = 1 - lam * dense.sum(axis=1)
    assert p @ e == pytest.approx(np.zeros(T), abs=1e-10)


def test_dynamic_models_are_corrected_for_units_and_for_periods():
    """With one component the correction is the sum of that for units and that for dummies."""
    w = differenced(n=30)
    biases = {"none": [], "bias": []}
    for seed in range(12):
        panel = simulated(w, 8, seed=seed, tau=0.5, lam=0.0)
        for correction, values in biases.items():
            res = nq.fit("y ~ x", panel, w, time_lag=True, correction=correction)
            values.append(res.params["dynamic", "tau"] - 0.5)
    assert "they are dummy variables" in " ".join(res.notes)
    assert abs(np.mean(biases["bias"])) < abs(np.mean(biases["none"])) / 3


def test_two_stage_least_squares_projects_on_the_filtered_dummies():
    """The filtered regression by dense matrices, at the estimated lam."""
    w = differenced(n=40)
    panel = simulated(w, 6)
    res = nq.fit("y ~ x", panel, w, model="sac", estimator="gs2sls")
    assert abs(res.params["spatial", "rho"] - 0.3) < 3 * res.std_errors["spatial", "rho"]
    p = 1 - res.params["spatial", "lam"] * w.sparse.toarray().sum(axis=1)
    residuals = res.resid.to_numpy().reshape(40, 6)
    assert p @ residuals == pytest.approx(np.zeros(6), abs=1e-9)


@pytest.mark.parametrize("model", ["sem", "gns"])
def test_expected_information_of_the_corrected_score(model):
    """The variance of the forms e'P e in the scores, each P by dense matrices."""
    w = differenced()
    panel = simulated(w)
    res = nq.fit("y ~ x", panel, w, model=model, covariance="expected")
    dense = Dense(panel, w, model, "two-way", transformed=True)
    at, s2 = res.params["spatial"].to_numpy(), res.sigma2
    rho, lam = dense.split(at)
    n, m = dense.n, dense.t
    inverse_b = np.linalg.inv(np.eye(n) - lam * dense.w)
    g = dense.w @ np.linalg.inv(np.eye(n) - rho * dense.w)

    def centred(x):
        p = 1 - x * dense.w.sum(axis=1)
        return np.eye(n) - np.outer(p, p) / (p @ p)

    def remaining(x):
        filtered = np.eye(n) - x * dense.w
        return filtered.T @ centred(x) @ filtered

    slope = (remaining(lam + 1e-5) - remaining(lam - 1e-5)) / 2e-5
    j, b = centred(lam), np.eye(n) - lam * dense.w
    coefs = dense.best(at)[0]
    eta = (dense.z @ coefs).reshape(n, m)
    forms = {
        "rho": (j @ b @ g @ inverse_b, (j @ b @ g @ eta).ravel()),
        "lam": (-inverse_b.T @ slope @ inverse_b / 2, np.zeros(n * m)),
    }
    forms = [forms[name] for name in dense.names]
    z = dense.filtered(dense.z[:, : dense.k].reshape(n, m, -1), lam)
    z = np.einsum("ij,jtk->itk", j, z).reshape(n * m, -1)
    columns = np.column_stack([z, *(mean for _, mean in forms)])
    k, size = z.shape[1], z.shape[1] + len(forms)
    information = np.zeros((size + 1, size + 1))
    information[:-1, :-1] = columns.T @ columns / s2
    for i, (left, _) in enumerate(forms, start=k):
        for position, (right, _) in enumerate(forms, start=k):
            traces = np.trace(left @ right) + np.trace(left.T @ right)
            information[i, position] += m * traces
        information[i, -1] = information[-1, i] = m * np.trace(left) / s2
    information[-1, -1] = m * (n - 1) / (2 * s2**2)
    assert res.cov.to_numpy() == pytest.approx(
        np.linalg.inv(information)[:-1, :-1], rel=1e-6, abs=1e-9
    )


@pytest.mark.parametrize("model", ["ols", "slx"])
@pytest.mark.parametrize("correction", ["auto", "bias", "transformation", "none"])
def test_lagged_neighbours_alone_need_no_correction_of_periods(model, correction):
    """Without rho and lam the period effects of any W are dummies of least squares."""
    w = differenced(n=30)
    panel = simulated(w, periods=6)
    res = nq.fit(
        "y ~ x", panel, w, model=model, effects="period", space_time_lag=True,
        correction=correction,
    )  # fmt: skip
    dense, y, x = w.sparse.toarray(), panel.values("y"), panel.values("x")
    columns = [x[:, 1:]]
    columns += [dense @ x[:, 1:]] * (model == "slx") + [dense @ y[:, :-1]]
    dummies = np.kron(np.ones((30, 1)), np.eye(5))
    z = np.column_stack([*(c.ravel() for c in columns), dummies])
    expected = np.linalg.lstsq(z, y[:, 1:].ravel(), rcond=None)[0][: len(columns)]
    np.testing.assert_allclose(res.params, expected, rtol=1e-9)


def test_lagged_neighbours_with_unit_effects():
    """The correction of unit effects needs no rho either; it is near the adjusted scores."""
    w = differenced(n=30)
    panel = simulated(w, periods=25, tau=0.3)
    fits = [
        nq.fit(
            "y ~ x", panel, w, model="slx", time_lag=True, space_time_lag=True, estimator=estimator
        )
        for estimator in ("ml", "m")
    ]
    gap = (fits[0].params - fits[1].params) / fits[1].std_errors
    assert (gap.abs() < 0.1).all()


@pytest.mark.parametrize("size", [1e5, 1e-3])
@pytest.mark.parametrize(
    ("model", "options"),
    [
        *((model, {"correction": "bias"}) for model in ("sar", "sem", "sac")),
        ("sdm", {"covariance": "qml"}),
        *((model, {"estimator": "gs2sls", "covariance": "robust"}) for model in ("sem", "sac")),
        ("sdm", {"time_lag": True, "space_time_lag": True, "correction": "bias"}),
        ("sdm", {"time_lag": True, "space_time_lag": True, "effects": "unit"}),
    ],
)
def test_results_do_not_depend_on_the_size_of_the_weights(lattice, simulate, model, options, size):
    """Rho and lam are divided by what W is multiplied by, their standard errors too."""
    w = lattice(5, 5).standardize("spectral")
    panel = simulate(lattice(5, 5), 6)
    large = nq.weights.from_dense(size * w.sparse.toarray(), w.units)
    one, other = (nq.fit("y ~ x1 + x2", panel, v, model=model, **options) for v in (w, large))
    ratios = (one.params / one.std_errors).to_numpy()
    assert (other.params / other.std_errors).to_numpy() == pytest.approx(ratios, rel=1e-5)
