"""Adjusted scores by brute force, at known limits, beside spreg, and under planted variances."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.covariance import unit_pairs
from nqp_spatial.regression.covariance.unit_pairs import error_variances, pair_variance
from nqp_spatial.regression.estimators import filter_diagonals
from nqp_spatial.regression.spec import RegressionSpec
from tests.parity import agree

MODELS = {"sar": "y", "sem": "u", "sdm": "yx", "sdem": "xu", "sac": "yu", "gns": "yxu"}


def links(n, seed, *, most=4):
    """A W of rows that add to one, with one to `most` neighbours a unit."""
    rng = np.random.default_rng(seed)
    w = np.zeros((n, n))
    for i in range(n):
        others = np.delete(np.arange(n), i)
        w[i, rng.choice(others, rng.integers(1, most + 1), replace=False)] = 1
    w += np.roll(np.eye(n), 1, axis=1)
    return w / w.sum(axis=1, keepdims=True)


def names_of(n):
    return [f"u{i:04d}" for i in range(n)]


def panel_of(y, x):
    n, t = y.shape
    frame = pd.DataFrame(
        {"id": np.repeat(names_of(n), t), "t": np.tile(np.arange(t), n), "y": y.ravel()}
    )
    for j in range(x.shape[2]):
        frame[f"x{j + 1}"] = x[:, :, j].ravel()
    return nq.SpatialPanel(frame, unit="id", period="t")


def unequal(n, t, seed, *, rho=0.3, lam=0.25, same=False):
    """A panel whose variances differ by unit and period, W_y and W_u, both dense."""
    rng = np.random.default_rng(seed)
    w_y = links(n, seed)
    w_u = w_y if same else links(n, seed + 1)
    x = rng.normal(size=(n, t, 2))
    e = rng.normal(size=(n, t)) * rng.uniform(0.3, 2.0, size=(n, 1)) * (1 + np.abs(x[:, :, 0]))
    u = np.linalg.solve(np.eye(n) - lam * w_u, e)
    y = np.linalg.solve(np.eye(n) - rho * w_y, x @ [1.0, -0.5] + rng.normal(size=(n, 1)) + u)
    return panel_of(y, x), w_y, w_u


def weights_for(model, w_y, w_u):
    ids, terms = names_of(len(w_y)), MODELS[model]
    known = {
        "y": nq.weights.from_dense(w_y, ids),
        "x": nq.weights.from_dense(w_y, ids),
        "u": nq.weights.from_dense(w_u, ids),
    }
    return {key: known[key] for key in terms}


class Dense:
    """The model with every matrix N x N, written from the definitions."""

    def __init__(self, panel, model, effects, w_y, w_u):
        y = panel.values("y")
        self.n, self.t = n, t = y.shape
        self.q = np.eye(t) - (effects in ("unit", "two-way")) / t
        self.j = np.eye(n) - (effects in ("period", "two-way")) / n
        self.m = np.kron(self.j, self.q)
        self.has = MODELS[model]
        self.w_y, self.w_u = w_y, w_u
        columns = [] if effects != "none" else [np.ones(n * t)]
        columns += [panel.values(name).ravel() for name in ("x1", "x2")]
        if "x" in self.has:
            columns += [self.big(w_y) @ column for column in columns[-2:]]
        self.z, self.y = np.column_stack(columns), y.ravel()

    def big(self, matrix):
        return np.kron(matrix, np.eye(self.t))

    def filters(self, rho, lam):
        a, b = np.eye(self.n) - rho * self.w_y, np.eye(self.n) - lam * self.w_u
        f = b @ self.w_y @ np.linalg.inv(a) @ np.linalg.inv(b)
        h = self.w_u @ np.linalg.inv(b)
        return a, b, f * ("y" in self.has), h * ("u" in self.has)

    def split(self, theta):
        k = self.z.shape[1]
        others = list(theta[k:])
        rho = others.pop(0) if "y" in self.has else 0.0
        lam = others.pop(0) if "u" in self.has else 0.0
        return theta[:k], rho, lam

    def by_unit(self, diagonal):
        return diagonal.reshape(self.n, self.t).sum(axis=1)

    def parts(self, theta):
        """Residuals, filtered regressors, W y and W u, and the weights of squares by unit."""
        b, rho, lam = self.split(theta)
        a, by, f, h = self.filters(rho, lam)
        u = self.big(a) @ self.y - self.z @ b
        r = self.m @ self.big(by) @ u
        z = self.m @ self.big(by) @ self.z
        lag = self.m @ self.big(by @ self.w_y) @ self.y
        lag_u = self.m @ self.big(self.w_u) @ u
        p = self.m - z @ np.linalg.solve(z.T @ z, z.T)
        room = self.by_unit(np.diag(p))
        weights = []
        for matrix in (f, h):
            mean = self.by_unit(np.diag(p @ self.big(matrix)))
            # (J * J) x = mean solves the mixing by J; the other factor is the leverage.
            x = np.linalg.solve(self.j**2, mean) / np.trace(self.q)
            weights.append(x * self.j[0, 0] * np.trace(self.q) / room)
        return r, z, lag, lag_u, weights, room

    def scores(self, theta):
        r, z, lag, lag_u, weights, _ = self.parts(theta)
        squares = self.by_unit(r**2)
        rows = [*(z.T @ r)]
        if "y" in self.has:
            rows.append(r @ lag - weights[0] @ squares)
        if "u" in self.has:
            rows.append(r @ lag_u - weights[1] @ squares)
        return np.array(rows)

    def derivative(self, theta, step=1e-5):
        columns = []
        for i in range(len(theta)):
            move = np.zeros(len(theta))
            move[i] = step
            far = self.scores(theta + 2 * move) - self.scores(theta - 2 * move)
            near = self.scores(theta + move) - self.scores(theta - move)
            columns.append((8 * near - far) / (12 * step))
        return np.column_stack(columns)

    def omega(self, theta, kind):
        """Sums over single observations, and over pairs of units in an explicit loop."""
        n, t = self.n, self.t
        _, rho, lam = self.split(theta)
        a, by, f, h = self.filters(rho, lam)
        r, z, _, _, _, room = self.parts(theta)
        r = r * np.repeat(np.sqrt(np.trace(self.q) / room), t)
        mean = self.y - self.big(np.linalg.inv(a) @ np.linalg.inv(by)) @ self.parts(theta)[0]
        linear = [*z.T]
        forms = [np.zeros((n, n)) for _ in linear]
        if "y" in self.has:
            linear.append(self.m @ self.big(by @ self.w_y) @ mean)
            forms.append(f)
        if "u" in self.has:
            linear.append(np.zeros(n * t))
            forms.append(h)
        linear = np.array(linear)
        demeaned = self.q[0, 0] < 1
        e = r.reshape(n, t)
        if kind == "cluster" or (demeaned and t == 2):
            by_unit = (linear * r).reshape(-1, n, t).sum(axis=2)
            meat = by_unit @ by_unit.T * n / (n - 1)
        else:
            meat = (linear * r**2) @ linear.T
            if demeaned:  # Stock and Watson (2008)
                own = np.repeat((e**2).sum(axis=1) / (t - 1), t)
                meat = (t * meat - (linear * own) @ linear.T) / (t - 2)
        kernels = []
        for form in forms:
            half = self.j @ form
            inside = np.linalg.solve(self.j**2, np.diag(half))
            kernel = half - self.j @ np.diag(inside) @ self.j
            assert np.abs(np.diag(kernel)).max() < 1e-12  # mean zero for any variances
            kernels.append(kernel + kernel.T)
        single = np.linalg.solve(self.q**2, (e**2).T).T if not demeaned or t > 2 else None
        for i in range(n):
            for j in range(i):
                if kind == "cluster" or single is None:
                    size = (e[i] @ e[j]) ** 2 if kind == "cluster" else e[i] @ e[i] * (e[j] @ e[j])
                else:
                    size = single[i] @ self.q**2 @ single[j]
                at = np.array([kernel[i, j] for kernel in kernels])
                meat += np.outer(at, at) * size
        return meat


def parameters(res):
    """In the order of the brute force: intercept, X, W X, rho, lam."""
    return res.params.to_numpy()


CASES = [
    ("sar", "none", 1), ("sem", "none", 1), ("sac", "none", 1), ("sdm", "none", 1),
    ("sar", "unit", 4), ("sem", "unit", 2), ("sac", "unit", 4), ("sdem", "period", 3),
    ("sar", "period", 3), ("sac", "two-way", 4), ("sar", "two-way", 2), ("gns", "two-way", 5),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["robust", "cluster"])
@pytest.mark.parametrize(("model", "effects", "t"), CASES)
def test_scores_and_covariance_by_brute_force(model, effects, t, kind):
    n = 25 if t == 1 else 12
    panel, w_y, w_u = unequal(n, t, seed=t + len(model))
    res = nq.fit(
        "y ~ x1 + x2", panel, weights_for(model, w_y, w_u), model=model, effects=effects,
        estimator="m", covariance=kind,
    )  # fmt: skip
    dense, theta = Dense(panel, model, effects, w_y, w_u), parameters(res)
    derivative, omega = dense.derivative(theta), dense.omega(theta, kind)
    assert (np.abs(dense.scores(theta)) < 1e-7 * np.sqrt(np.diag(omega))).all()
    inverse = np.linalg.inv(derivative)
    awaited = inverse @ omega @ inverse.T
    sizes = np.sqrt(np.diag(awaited))
    np.testing.assert_allclose(res.std_errors, sizes, rtol=1e-6)
    np.testing.assert_allclose(
        res.cov / np.outer(sizes, sizes), awaited / np.outer(sizes, sizes), atol=1e-6
    )


@pytest.mark.parametrize("effects", ["period", "two-way"])
def test_rows_that_do_not_add_to_one_under_period_effects(effects):
    """Then J F is not J F J; the weights use the diagonal of J F."""
    panel, w_y, _ = unequal(12, 4, seed=8)
    w_y = w_y * np.linspace(0.4, 1.0, 12)[:, None]
    w = nq.weights.from_dense(w_y, names_of(12))
    res = nq.fit("y ~ x1 + x2", panel, w, model="sar", effects=effects, covariance="robust")
    dense, theta = Dense(panel, "sar", effects, w_y, w_y), parameters(res)
    omega = dense.omega(theta, "robust")
    assert (np.abs(dense.scores(theta)) < 1e-7 * np.sqrt(np.diag(omega))).all()


@pytest.mark.parametrize(("effects", "t"), [("none", 1), ("unit", 3), ("two-way", 3)])
def test_scores_have_mean_zero(effects, t):
    """Their means at the truth, computed from matrices: linear in the variances."""
    n = 60 if t == 1 else 30
    panel, w_y, w_u = unequal(n, t, seed=5)
    dense = Dense(panel, "sac", effects, w_y, w_u)
    theta = np.r_[np.zeros(dense.z.shape[1]), 0.3, 0.25]
    _, z, _, _, weights, _ = dense.parts(theta)
    _, _, f, h = dense.filters(0.3, 0.25)
    p = dense.m - z @ np.linalg.solve(z.T @ z, z.T)

    def means(variances):
        squares = dense.by_unit(p**2 @ variances)
        adjusted, likelihood = [], []
        for matrix, weight in zip((f, h), weights, strict=True):
            form = np.diag(p @ dense.big(matrix))
            adjusted.append(form @ variances - weight @ squares)
            likelihood.append(form @ variances - form.sum() / np.trace(p) * squares.sum())
        return np.array(adjusted), np.array(likelihood)

    adjusted, _ = means(np.ones(n * t))
    np.testing.assert_allclose(adjusted, 0, atol=1e-12)
    # Variances related to the diagonals, and changing over time.
    by_unit = 1 + 40 * np.clip(np.diag(f) - np.diag(f).mean(), -0.02, None)
    variances = (by_unit[:, None] * np.linspace(0.5, 1.5, t)).ravel()
    adjusted, likelihood = means(variances)
    # What leverage leaves is of the order K / n.
    assert np.abs(adjusted[0]) < 0.1 * np.abs(likelihood[0])


def test_without_unequal_diagonals_it_is_maximum_likelihood():
    """On a ring all diagonals of F and J F are equal: the scores are those of the likelihood.

    Leverages differ by unit, of the order K / N: with many periods they do not matter.
    """
    n = 20
    ring = (np.roll(np.eye(n), 1, axis=1) + np.roll(np.eye(n), -1, axis=1)) / 2
    rng = np.random.default_rng(0)
    w = nq.weights.from_dense(ring, names_of(n))
    gaps = []
    for t in (5, 500):
        x = rng.normal(size=(n, t, 2))
        y = np.linalg.solve(np.eye(n) - 0.4 * ring, x @ [1.0, -0.5] + rng.normal(size=(n, t)))
        panel = panel_of(y, x)
        options = {"model": "sar", "effects": "two-way"}
        m = nq.fit("y ~ x1 + x2", panel, w, estimator="m", covariance="robust", **options)
        ml = nq.fit("y ~ x1 + x2", panel, w, **options)
        gaps.append(np.abs(m.params - ml.params).max() / ml.std_errors["spatial", "rho"])
        assert m.sigma2 == pytest.approx(ml.sigma2, rel=1e-2)
    assert gaps[0] < 0.2
    assert gaps[1] < 2e-3
    np.testing.assert_allclose(m.std_errors, ml.std_errors, rtol=0.05)


@pytest.mark.parametrize("t", [2, 4])
def test_variances_of_demeaned_errors_are_unbiased(t):
    s = np.array([0.5, 4.0, 1.0, 2.0])[:t]
    q = np.eye(t) - 1 / t
    mean = np.sqrt(q**2 @ s)[None, :]  # residuals whose squares are at their means
    awaited = s if t > 2 else np.full(2, s.mean())
    np.testing.assert_allclose(error_variances(mean, demeaned=True)[0], awaited, rtol=1e-12)
    np.testing.assert_allclose(error_variances(mean, demeaned=False), mean**2)


def test_variance_of_pairs_is_that_of_the_form():
    """Against the variance over many draws of errors that are correlated over time."""
    rng = np.random.default_rng(2)
    n, t = 30, 3
    kernels = [rng.normal(size=(n, n)) * (1 - np.eye(n)) for _ in range(2)]
    root = rng.normal(size=(t, t))
    draws = rng.exponential(size=(4000, n, t)) - 1
    draws = (draws @ root) * np.linspace(0.5, 2, n)[:, None]
    values = np.array([np.einsum("rit,ij,rjt->r", draws, kernel, draws) for kernel in kernels])
    means = np.mean([pair_variance(kernels, e) for e in draws[:1000]], axis=0)
    np.testing.assert_allclose(means, np.cov(values), rtol=0.12, atol=0.05 * means[0, 0])


# -- another program ------------------------------------------------------------------------------


@pytest.mark.parity
def test_spreg_agrees_within_a_fraction_of_a_standard_error(planted):
    """GM_Error_Het and GM_Combo_Het have other moments of the same parameters."""
    import spreg

    w, draw = planted
    old = w.to_W()
    old.transform = "r"
    for model, peer, rho in (("sem", "GM_Error_Het", 0.0), ("sac", "GM_Combo_Het", 0.4)):
        panel = draw(1, 1, rho=rho, lam=0.3)
        y = panel.frame[["y"]].to_numpy()
        x = panel.frame[["x1"]].to_numpy()
        res = nq.fit("y ~ x1", panel, w, model=model, effects="none", covariance="robust")
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its name
            theirs = getattr(spreg, peer)(y, x, w=old)
        errors = np.sqrt(np.diag(theirs.vm))
        assert (np.abs(res.params.to_numpy() - np.ravel(theirs.betas)) < 0.7 * errors).all()
        agree(
            f"{model.upper()}, M estimator: standard errors of beta", res.std_errors["x"],
            errors[:2], rtol=0.25, program="spreg", data="simulated cross-section",
            reason="other moments of the same parameters",
        )  # fmt: skip
        # W X explains little of W y here, so that instruments are less precise about rho.
        assert (res.std_errors["spatial"] < 1.2 * errors[2:]).all()


# -- planted variances ----------------------------------------------------------------------------


def clusters(n):
    """Cliques of 4, 4, 13, 5 and 21 units, joined in a ring: unequal numbers of neighbours."""
    w, start, which = np.zeros((n, n)), 0, 0
    while start < n:
        stop = min(n, start + (4, 4, 13, 5, 21)[which % 5])
        w[start:stop, start:stop] = 1
        start, which = stop, which + 1
    w += np.roll(np.eye(n), 1, axis=1) + np.roll(np.eye(n), -1, axis=1)
    w[w > 0] = 1
    np.fill_diagonal(w, 0)
    return w


def planted_of(n):
    """Weights, and draws whose variances fall with the number of neighbours, and move in time."""
    neighbours = clusters(n)
    degree = neighbours.sum(axis=1)
    dense = neighbours / degree[:, None]
    w = nq.weights.from_dense(dense, names_of(n))
    x = np.random.default_rng(5).normal(size=(n, 6))

    def draw(seed, t, *, rho=0.4, lam=0.0, serial=0.0, size=1.0):
        rng = np.random.default_rng([seed, t])
        e = rng.normal(size=(n, t))
        for period in range(1, t):
            e[:, period] = serial * e[:, period - 1] + np.sqrt(1 - serial**2) * e[:, period]
        trend = np.where(degree[:, None] > 8, np.linspace(0.5, 1.5, t), np.linspace(1.5, 0.5, t))
        e *= 1.5 * size * degree.mean() / degree[:, None] * (trend if t > 1 else 1.0)
        u = np.linalg.solve(np.eye(n) - lam * dense, e)
        y = np.linalg.solve(np.eye(n) - rho * dense, 3 * x[:, :t] + np.arange(t) + u)
        return panel_of(y, x[:, :t, None])

    return w, draw


@pytest.fixture(scope="module")
def planted():
    return planted_of(100)


def replicated(planted, count, t, truth, fits, **options):
    """Errors over standard errors of each fit, as arrays of (error, standard error)."""
    w, draw = planted
    results = {name: [] for name in fits}
    for seed in range(count):
        panel = draw(seed, t, **options)
        for name, how in fits.items():
            res = nq.fit("y ~ x1", panel, w, **how)
            results[name].append(
                [(res.params[key] - truth[key], res.std_errors[key]) for key in truth]
            )
    return {name: np.array(rows) for name, rows in results.items()}


def test_unequal_variances_bias_likelihood_and_not_adjusted_scores(planted):
    how = {"model": "sar", "effects": "two-way"}
    rows = replicated(
        planted, 60, 4, {("spatial", "rho"): 0.4},
        {"qml": {"covariance": "qml", **how}, "m": {"covariance": "robust", **how}},
    )  # fmt: skip
    estimates = {name: errors[:, 0, 0] for name, errors in rows.items()}

    def shift(errors):
        return errors.mean() / errors.std() * np.sqrt(len(errors))

    assert shift(estimates["qml"]) > 2.5
    assert shift(estimates["qml"] - estimates["m"]) > 6
    assert abs(shift(estimates["m"])) < 2.5
    assert np.median(rows["m"][:, 0, 1]) == pytest.approx(rows["m"][:, 0, 0].std(), rel=0.25)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "effects", "t", "options"),
    [
        ("sar", "none", 1, {}),
        ("sem", "none", 1, {"rho": 0.0, "lam": 0.4}),
        ("sac", "two-way", 4, {"lam": 0.3, "size": 0.5}),
        ("sar", "two-way", 4, {}),
        ("sar", "two-way", 4, {"serial": 0.7}),
    ],
)
def test_intervals_cover_under_unequal_variances(model, effects, t, options):
    count = 400
    truth = {("x", "x1"): 3.0}
    if model != "sem":
        truth["spatial", "rho"] = 0.4
    if model != "sar":
        truth["spatial", "lam"] = options["lam"]
    kind = "cluster" if "serial" in options else "robust"
    how = {"model": model, "effects": effects, "estimator": "m", "covariance": kind}
    rows = replicated(planted_of(300), count, t, truth, {"m": how}, **options)["m"]
    covered = (np.abs(rows[:, :, 0]) < 1.96 * rows[:, :, 1]).mean(axis=0)
    # 0.95 less one point for what is of the order 1 / n, and 3 binomial standard errors.
    assert (covered > 0.94 - 3 * np.sqrt(0.05 * 0.95 / count)).all(), covered
    assert (covered < 0.95 + 3 * np.sqrt(0.05 * 0.95 / count)).all(), covered
    assert (np.abs(rows[:, :, 0].mean(axis=0)) < 0.2 * rows[:, :, 0].std(axis=0)).all()


# -- many units -----------------------------------------------------------------------------------


@pytest.mark.parametrize("effects", ["none", "two-way"])
@pytest.mark.parametrize(
    ("model", "same", "near"), [("sar", True, 0.05), ("sac", True, 0.05), ("sac", False, 0.4)]
)
def test_probes_are_near_the_dense_matrices(monkeypatch, model, same, near, effects):
    t = 1 if effects == "none" else 3
    panel, w_y, w_u = unequal(400, t, seed=3, same=same)
    w = weights_for(model, w_y, w_u)
    if same:
        w = w["y"]
    options = {"model": model, "effects": effects, "covariance": "robust"}
    exact = nq.fit("y ~ x1 + x2", panel, w, **options)
    monkeypatch.setattr(filter_diagonals, "DENSE_DIAGONALS_UP_TO", 100)
    if same:  # F and H are functions of one W: sums of entries of its inverse are exact too
        sparse = nq.fit("y ~ x1 + x2", panel, w, **options)
        np.testing.assert_allclose(sparse.params, exact.params, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(sparse.std_errors, exact.std_errors, rtol=0.06)
        assert not any("probes" in note for note in sparse.notes)
        monkeypatch.setattr(filter_diagonals, "spill_diagonals_and_slopes", lambda *_: None)
    rough = nq.fit("y ~ x1 + x2", panel, w, **options)
    assert not any("probes" in note for note in exact.notes)
    assert any("200 probes" in note for note in rough.notes)
    noise = rough.convergence.logdet_error
    assert 0 < noise < near
    gap = np.abs(rough.params - exact.params) / exact.std_errors
    assert gap["spatial"].max() < 4 * noise
    np.testing.assert_allclose(rough.std_errors, exact.std_errors, rtol=0.06)


def term_weights(w_y, w_u):
    n = len(w_y)
    y = nq.weights.from_dense(w_y, names_of(n))
    return TermWeights.of(y=y, u=y if w_u is w_y else nq.weights.from_dense(w_u, names_of(n)))


@pytest.mark.parametrize("effects", ["unit", "two-way"])
@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("dense_up_to", [100, 10])
def test_diagonals_and_their_derivatives(monkeypatch, dense_up_to, same, effects):
    """Those of probes are the derivatives of what the probes estimate, to rounding."""
    monkeypatch.setattr(filter_diagonals, "DENSE_DIAGONALS_UP_TO", dense_up_to)
    n, at, step = 40, np.array([0.35, -0.3]), 1e-5
    w_y = links(n, 1)
    w_u = w_y if same else links(n, 2)
    spec = RegressionSpec("y ~ x", "y", ("x",), (), "sac", effects)
    terms = term_weights(w_y, w_u)
    source = filter_diagonals.DiagonalSource(terms, spec, n, seed=0)

    def values(point):
        pair = filter_diagonals.filter_pair(terms, point, spec)
        return source.at(pair, point)

    result = values(at)
    for which, derivative in enumerate((result.by_rho, result.by_lam)):
        move = np.eye(2)[which] * step
        change = (values(at + move).values - values(at - move).values) / (2 * step)
        np.testing.assert_allclose(derivative, change, atol=1e-8)
    a, b = np.eye(n) - at[0] * w_y, np.eye(n) - at[1] * w_u
    f = b @ w_y @ np.linalg.inv(a) @ np.linalg.inv(b)
    h = w_u @ np.linalg.inv(b)
    j = np.eye(n) - (effects == "two-way") / n
    exact = np.column_stack([np.diag(j @ f), np.diag(j @ h)])
    if dense_up_to > n:
        np.testing.assert_allclose(result.values, exact, atol=1e-12)
    else:
        size = np.array([np.linalg.norm(f), np.linalg.norm(h)]) / np.sqrt(200 * n)
        errors = np.sqrt(((result.values - exact) ** 2).mean(axis=0))
        assert (errors < size * (0.2 if same else 1.5)).all()


def test_diagonals_next_to_a_point_before(monkeypatch, lattice):
    """A third point within 1e-8 of the second takes a series there, without a factor."""
    monkeypatch.setattr(filter_diagonals, "DENSE_DIAGONALS_UP_TO", 10)
    w = lattice(5, 6)
    terms = TermWeights.of(y=w, u=w)
    spec = RegressionSpec("y ~ x", "y", ("x",), (), "sac", "unit")
    points = np.array([[0.5, -0.2], [0.51, -0.21], [0.51 + 8e-9, -0.21 - 5e-9]])
    source, calls = filter_diagonals.DiagonalSource(terms, spec, 30, seed=0), []
    entries = filter_diagonals.spill_diagonals_and_slopes

    def counted(*arguments):
        calls.append(arguments)
        return entries(*arguments)

    monkeypatch.setattr(filter_diagonals, "spill_diagonals_and_slopes", counted)
    for point in points:
        near = source.at(filter_diagonals.filter_pair(terms, point, spec), point)
    assert len(calls) == 4
    for which, slopes in enumerate((near.by_rho, near.by_lam)):
        g = w.sparse.toarray() @ np.linalg.inv(np.eye(30) - points[2, which] * w.sparse.toarray())
        np.testing.assert_allclose(near.values[:, which], np.diag(g), atol=1e-14)
        np.testing.assert_allclose(slopes[:, which], np.diag(g @ g), rtol=1e-9)


@pytest.mark.parametrize("kind", ["robust", "cluster"])
def test_pairs_by_probes_are_those_of_dense_matrices(monkeypatch, kind):
    monkeypatch.setattr(unit_pairs, "PAIR_PROBES", 6000)
    n, t = 40, 3
    rng = np.random.default_rng(0)
    matrices = [links(n, seed) + np.diag(rng.uniform(1, 2, size=n)) for seed in (1, 2)]

    class Pair:
        common = None

        def times(self, which, x, *, transposed=False):
            return (matrices[which].T if transposed else matrices[which]) @ x

    e = rng.normal(size=(n, t)) * np.linspace(0.5, 2, n)[:, None]
    e -= e.mean(axis=1, keepdims=True)
    variances = error_variances(e, demeaned=True) if kind == "robust" else None
    diagonals = np.column_stack([np.diag(matrix) for matrix in matrices])
    exact = pair_variance(matrices, e, variances)
    sampled, error, probes = unit_pairs.sampled_pair_variance(
        Pair(), (0, 1), diagonals, e, variances
    )
    np.testing.assert_allclose(sampled, exact, rtol=0.04)
    assert error < 0.04
    assert probes == 6000


# -- how it is asked for --------------------------------------------------------------------------


def test_robust_takes_adjusted_scores_for_rho_and_lam(states, tmp_path):
    panel, w = states
    formula = "lgsp ~ lpc + lemp"
    auto = nq.fit(formula, panel, w, covariance="robust")
    named = nq.fit(formula, panel, w, estimator="m", covariance="robust")
    pd.testing.assert_series_equal(auto.params, named.params)
    assert auto.spec.estimator == "m"
    assert auto.spec.describe().endswith("by adjusted scores")
    assert np.isnan(auto.loglik)
    assert "Log-likelihood" not in repr(auto)
    assert auto.convergence.slope < 1e-8
    effects = auto.effects(method="delta")
    assert np.isfinite(effects.frame["std_error"]).all()
    assert np.isfinite(auto.predict()).all()
    nq.report.regression_table([auto], tmp_path / "table.tex")
    assert "Estimated by adjusted scores." in (tmp_path / "table.tex").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"covariance": "observed"}, r"covariance='robust' or 'cluster'.*estimator='ml'"),
        ({"model": "slx"}, "has no rho or lam"),
        ({"effects": "random"}, "not offered for effects='random'"),
        ({"correction": "bias"}, "need no correction"),
        ({"endogenous": "lemp"}, "for estimator='gs2sls'"),
        ({"cluster": "region", "covariance": "cluster"}, "independent between units"),
    ],
)
def test_what_adjusted_scores_refuse(states, options, words):
    panel, w = states
    with pytest.raises(OptionError, match=words):
        nq.fit(
            "lgsp ~ lpc + lemp", panel, w, **{"estimator": "m", "covariance": "robust", **options}
        )


def test_filtered_period_effects_that_demeaning_leaves_are_refused():
    panel, w_y, _ = unequal(12, 4, seed=8)
    w = nq.weights.from_dense(w_y * np.linspace(0.4, 1.0, 12)[:, None], names_of(12))
    for model in ("sem", "sac"):
        with pytest.raises(OptionError, match=r"rows add to one.*effects='unit'"):
            nq.fit("y ~ x1", panel, w, model=model, effects="period", covariance="robust")
        nq.fit("y ~ x1", panel, w, model=model, effects="unit", covariance="robust")


def test_two_units_under_period_effects_are_refused():
    rng = np.random.default_rng(0)
    panel = panel_of(rng.normal(size=(2, 30)), rng.normal(size=(2, 30, 1)))
    w = nq.weights.from_dense(np.array([[0.0, 1], [1, 0]]), names_of(2))
    with pytest.raises(OptionError, match="three units or more"):
        nq.fit("y ~ x1", panel, w, model="sem", effects="period", covariance="robust")
