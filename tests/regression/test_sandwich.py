"""Clustered and Driscoll-Kraay covariances: other programs, definitions, and simulated truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from tests.parity import agree


@pytest.mark.parity
@pytest.mark.parametrize("effects", ["unit", "two-way"])
@pytest.mark.parametrize("kind", ["cluster", "driscoll-kraay"])
def test_least_squares_is_linearmodels(states, effects, kind):
    """Up to their factor for the effects taken out, and our n / (n - 1)."""
    from linearmodels.panel import PanelOLS

    panel, _ = states
    frame = panel.frame[["lgsp", "lpc", "lemp"]]
    model = PanelOLS(
        frame["lgsp"],
        frame[["lpc", "lemp"]],
        entity_effects=True,
        time_effects=effects == "two-way",
    )
    if kind == "cluster":
        theirs = model.fit(cov_type="clustered", cluster_entity=True, debiased=False)
    else:
        theirs = model.fit(cov_type="kernel", kernel="bartlett", bandwidth=2, debiased=False)
    ours = nq.fit("lgsp ~ lpc + lemp", panel, model="ols", effects=effects, covariance=kind)
    # They count unit effects unless they are the only ones and nested in the clusters.
    taken = 0 if (kind, effects) == ("cluster", "unit") else 48 + 16 * (effects == "two-way")
    factor = 816 / (816 - taken)
    if kind == "cluster":
        k = 2 + 1 + 16 * (effects == "two-way")  # as Stata and fixest: nested effects are one
        factor /= 48 / 47 * 815 / (816 - k)
    agree(
        f"OLS, effects: variances, {kind}", ours.std_errors**2 * factor,
        theirs.std_errors.to_numpy() ** 2, rtol=1e-6, program="linearmodels",
        data="US public capital", case=effects,
    )  # fmt: skip


def serially_dependent(w, n_periods, rho, seed, common=0.0):
    """A lag model whose errors, and whose regressor, follow AR(1) in each unit."""
    rng = np.random.default_rng(seed)
    n = w.n_units

    def series():
        result = rng.normal(size=(n, n_periods + 20)) + common * rng.normal(size=n_periods + 20)
        for t in range(1, n_periods + 20):
            result[:, t] += 0.7 * result[:, t - 1]
        return result[:, 20:]

    x, e = series(), series()
    y = np.linalg.solve(np.eye(n) - rho * w.sparse.toarray(), x + e)
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()})
    frame["id"], frame["t"] = np.repeat(np.arange(n), n_periods), np.tile(range(n_periods), n)
    return nq.SpatialPanel(frame, unit="id", period="t")


@pytest.mark.slow
def test_clusters_cover_where_errors_are_serially_dependent(lattice):
    """Standard errors against the spread of 400 estimates; the usual ones are far too small."""
    w = lattice(12, 12)
    estimates, clustered, usual = [], [], []
    for seed in range(400):
        panel = serially_dependent(w, 6, 0.0, seed)
        res = nq.fit("y ~ x", panel, w, model="slx", effects="none", covariance="cluster")
        estimates.append(res.params)
        clustered.append(res.std_errors)
        usual.append(nq.fit("y ~ x", panel, w, model="slx", effects="none").std_errors)
    std_dev = pd.DataFrame(estimates).std()
    ratio = pd.DataFrame(clustered).mean() / std_dev
    assert ((ratio > 0.88) & (ratio < 1.12)).all(), ratio
    assert (pd.DataFrame(usual).mean() / std_dev)["x", "x"] < 0.75


@pytest.mark.slow
def test_driscoll_kraay_covers_where_errors_share_shocks(lattice):
    """Common shocks in x and e: the usual standard errors are too small by far."""
    w = lattice(6, 6)
    estimates, kraay, usual = [], [], []
    for seed in range(300):
        panel = serially_dependent(w, 120, 0.0, seed, common=1.0)
        res = nq.fit("y ~ x", panel, model="ols", effects="none", covariance="driscoll-kraay")
        estimates.append(res.params["x", "x"])
        kraay.append(res.std_errors["x", "x"])
        fit = nq.fit("y ~ x", panel, model="ols", effects="none")
        usual.append(fit.std_errors["x", "x"])
    assert 0.7 < np.mean(kraay) / np.std(estimates) < 1.1
    assert np.mean(usual) / np.std(estimates) < 0.4


@pytest.mark.parametrize("model", ["sdm", "sem", "sac"])
def test_without_dependence_all_covariances_agree(lattice, simulate, model):
    w = lattice(18, 18)
    panel = simulate(w, 12, theta=(0.0, 0.0))
    fits = {
        kind: nq.fit("y ~ x1 + x2", panel, w, model=model, covariance=kind).std_errors
        for kind in ("observed", "qml")
    }
    np.testing.assert_allclose(fits["qml"], fits["observed"], rtol=0.1)


INFORMATION = ({"covariance": "observed"}, {"covariance": "expected"})
DEPENDENCE = (
    {"covariance": "cluster"},
    {"covariance": "cluster", "cluster": "region"},
    {"covariance": "cluster", "cluster": ["region", "period"]},
    {"covariance": "cluster", "cluster": ["unit", "period"]},
    {"covariance": "driscoll-kraay", "lags": 2},
    {"covariance": "conley", "cutoff_km": 700.0},
    {"covariance": "conley", "cutoff_km": 500.0, "kernel": "uniform", "lags": 2},
)
ROBUST = ({"covariance": "robust"},)
QUASI = ({"covariance": "qml"},)
OFFERED = [
    *(("ols", "ml", kind) for kind in (*INFORMATION, *ROBUST, *DEPENDENCE)),
    *(("slx", "ml", kind) for kind in (*ROBUST, *DEPENDENCE)),
    *(("sdm", "ml", kind) for kind in (*INFORMATION, *QUASI, *DEPENDENCE)),
    *(("sac", "ml", kind) for kind in (*INFORMATION, *QUASI, *DEPENDENCE)),
    *(("sar", "gs2sls", kind) for kind in (*INFORMATION[:1], *ROBUST, *DEPENDENCE)),
    *(("sem", "gs2sls", kind) for kind in (*INFORMATION[:1], *ROBUST)),
    *(("sdm", "m", kind) for kind in (*ROBUST, *DEPENDENCE[:1])),
    *(("sac", "m", kind) for kind in (*ROBUST, *DEPENDENCE[:1])),
]


@pytest.mark.parametrize("effects", ["none", "two-way"])
@pytest.mark.parametrize(("model", "estimator", "kind"), OFFERED)
def test_names_and_order_of_units_change_nothing(states, model, estimator, kind, effects):
    """The same data with units renamed at random, which puts them into another order."""
    panel, w = states
    options = {"model": model, "estimator": estimator, "effects": effects, **kind}
    panel = panel.assign(region=lambda d: d.index.get_level_values(0).str[0])
    usual = nq.fit("lgsp ~ lpc + lemp", panel, w, **options)
    rng = np.random.default_rng(3)
    names = {
        old: f"u{rank:02d}" for old, rank in zip(panel.units, rng.permutation(48), strict=True)
    }
    frame = panel.frame.reset_index().sample(frac=1, random_state=1)
    shapes = panel.geometry.rename(index=names).rename_axis("unit").reset_index()
    renamed = nq.SpatialPanel(
        frame.assign(unit=frame["unit"].map(names)), unit="unit", period="period", geometry=shapes
    )
    moved = nq.weights.from_dense(w.sparse.toarray(), [names[unit] for unit in panel.units])
    other = nq.fit("lgsp ~ lpc + lemp", renamed, moved, **options)
    np.testing.assert_allclose(other.params, usual.params, rtol=1e-7)
    np.testing.assert_allclose(other.std_errors, usual.std_errors, rtol=1e-6)


@pytest.mark.parity
def test_a_cross_section_has_the_matrix_of_white_by_clusters(lattice):
    """HC0 of statsmodels, times n / (n - 1) and (n - 1) / (n - 2), which is HC1."""
    import statsmodels.api as sm

    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    frame = pd.DataFrame({"id": range(60), "x": x, "y": 1 + x + 1.5 * abs(x) * rng.normal(size=60)})
    panel = nq.SpatialPanel(frame, unit="id")
    ours = nq.fit("y ~ x", panel, model="ols", effects="none", covariance="cluster")
    theirs = sm.OLS(frame["y"], sm.add_constant(frame["x"])).fit(cov_type="HC1")
    agree(
        "OLS: clusters of one observation", ours.std_errors, theirs.bse, rtol=1e-10,
        program="statsmodels", data="60 simulated units",
    )  # fmt: skip


def test_names_of_covariances_that_are_not_the_likelihoods(states):
    panel, w = states
    for model in ("sar", "sem"):
        with pytest.raises(OptionError, match=r"estimator='m'.*'gs2sls'.*covariance='qml'"):
            nq.fit("lgsp ~ lpc", panel, w, model=model, covariance="robust", estimator="ml")
    with pytest.raises(OptionError, match=r"'qml' is for estimator='ml'.*covariance='robust'"):
        nq.fit("lgsp ~ lpc", panel, w, model="sar", covariance="qml", estimator="gs2sls")
    with pytest.raises(OptionError, match=r"not normal, which here gives the classical matrix"):
        nq.fit("lgsp ~ lpc", panel, w, model="slx", covariance="qml")


def test_covariances_that_need_more_units_or_periods(states):
    panel, _ = states
    two = panel.select(periods=[1970, 1971])
    with pytest.raises(OptionError, match="needs many of them, some thirty; this panel has 2"):
        nq.fit("lgsp ~ lpc", two, model="ols", covariance="driscoll-kraay")
    state = panel.select(units=["AL"])
    with pytest.raises(OptionError, match="needs two units or more"):
        nq.fit("lgsp ~ lpc", state, model="ols", effects="none", covariance="cluster")


# -- by brute force --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(lattice, simulate):
    """A Durbin panel of 16 units and 8 periods with skewed errors, and dense matrices."""
    w = lattice(4, 4)

    def errors(rng, shape):
        return rng.exponential(size=shape) - 1

    return simulate(w, 8, seed=5, errors=errors, beta=(1.0,), theta=(0.5,)), w


def hessian(f, at, steps):
    """Second derivatives by central differences."""
    size = len(at)
    result = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            a, b = np.zeros(size), np.zeros(size)
            a[i], b[j] = steps[i], steps[j]
            result[i, j] = (f(at + a + b) - f(at + a - b) - f(at - a + b) + f(at - a - b)) / (
                4 * steps[i] * steps[j]
            )
    return result


def test_driscoll_kraay_with_rho_by_brute_force(tiny):
    """Scores of each period from differences of its log-likelihood; bread from its Hessian."""
    panel, w = tiny
    res = nq.fit("y ~ x1", panel, w, effects="none", covariance="driscoll-kraay")
    y, x, dense = panel.values("y"), panel.values("x1"), w.sparse.toarray()
    n, t = y.shape

    def by_period(p):
        constant, beta, theta, rho, s2 = p
        e = y - rho * dense @ y - constant - beta * x - theta * dense @ x
        log_det = np.linalg.slogdet(np.eye(n) - rho * dense)[1]
        return log_det - n / 2 * np.log(2 * np.pi * s2) - (e**2).sum(axis=0) / (2 * s2)

    estimates = np.append(res.params.to_numpy(), res.sigma2)
    assert by_period(estimates).sum() == pytest.approx(res.loglik, abs=1e-8)
    steps = np.full(5, 1e-4)
    scores = np.empty((t, 5))
    for i in range(5):
        move = np.zeros(5)
        move[i] = steps[i]
        scores[:, i] = (by_period(estimates + move) - by_period(estimates - move)) / (2 * steps[i])
    width = int(4 * (t / 100) ** (2 / 9))
    meat = np.zeros((5, 5))
    for s in range(t):
        for r in range(t):
            if abs(s - r) <= width:
                meat += (1 - abs(s - r) / (width + 1)) * np.outer(scores[s], scores[r])
    bread = np.linalg.inv(-hessian(lambda p: by_period(p).sum(), estimates, steps))
    awaited = np.sqrt(np.diag(bread @ meat @ bread))
    assert width >= 1
    np.testing.assert_allclose(res.std_errors, awaited[:-1], rtol=1e-4)
    assert res.sigma2_std_error == pytest.approx(awaited[-1], rel=1e-4)


@pytest.mark.parametrize("effects", ["none", "unit", "period", "two-way"])
def test_the_qml_sandwich_by_brute_force(tiny, effects):
    """Variances of linear and quadratic forms of the errors, every matrix dense."""
    panel, w = tiny
    res = nq.fit("y ~ x1", panel, w, effects=effects, covariance="qml")
    y, x, dense = panel.values("y"), panel.values("x1"), w.sparse.toarray()
    n, t = y.shape
    units, periods = effects in ("unit", "two-way"), effects in ("period", "two-way")
    over_units = np.eye(n) - periods / n
    over_periods = np.eye(t) - units / t
    m = np.kron(over_units, over_periods)
    kronecker = np.kron(dense, np.eye(t))
    ones = [] if units or periods else [np.ones(n * t)]
    z = np.column_stack([*ones, x.ravel(), (dense @ x).ravel()])
    n_logdets, size = t - units, (n - periods) * (t - units)

    def loglik(p):
        *b, rho, s2 = p
        e = m @ (y.ravel() - rho * kronecker @ y.ravel() - z @ np.array(b))
        log_det = np.linalg.slogdet(np.eye(n) - rho * dense)[1] - periods * np.log(1 - rho)
        return n_logdets * log_det - size / 2 * np.log(2 * np.pi * s2) - e @ e / (2 * s2)

    estimates = np.append(res.params.to_numpy(), res.sigma2)
    assert loglik(estimates) == pytest.approx(res.loglik, abs=1e-7)
    bread = np.linalg.inv(-hessian(loglik, estimates, np.full(len(estimates), 1e-4)))
    b, rho, s2 = estimates[:-2], estimates[-2], estimates[-1]
    e = m @ (y.ravel() - rho * kronecker @ y.ravel() - z @ b)
    # Moments of the errors from those of m times the errors, weights of m taken one by one.
    second = (e**2).mean() / (m**2).sum(axis=1).mean()
    third = (
        (e**3).mean() / (m**3).sum(axis=1).mean() if abs((m**3).sum(axis=1).mean()) > 1e-8 else 0
    )
    squares, fourths = (m**2).sum(axis=1).mean(), (m**4).sum(axis=1).mean()
    fourth = ((e**4).mean() - 3 * second**2 * (squares**2 - fourths)) / fourths
    # Scores are linear + quadratic in the errors: l'u + u'Q u.
    g = kronecker @ np.linalg.inv(np.eye(n * t) - rho * kronecker)
    eta = y.ravel() - rho * kronecker @ y.ravel() - e  # regressors and effects
    linear = np.zeros((n * t, len(estimates)))
    linear[:, : len(b)] = m @ z / s2
    linear[:, len(b)] = m @ g @ eta / s2
    quadratic = [np.zeros((n * t, n * t)) for _ in estimates]
    quadratic[-2], quadratic[-1] = m @ g / s2, m / (2 * s2**2)
    meat = np.empty((len(estimates), len(estimates)))
    for i in range(len(estimates)):
        for j in range(len(estimates)):
            q, r = quadratic[i], quadratic[j]
            meat[i, j] = (
                s2 * linear[:, i] @ linear[:, j]
                + s2**2 * (q * (r + r.T)).sum()
                + third * (linear[:, i] @ np.diag(r) + linear[:, j] @ np.diag(q))
                + (fourth - 3 * s2**2) * np.diag(q) @ np.diag(r)
            )
    awaited = np.sqrt(np.diag(bread @ meat @ bread))
    np.testing.assert_allclose(res.std_errors, awaited[:-1], rtol=1e-4)
    assert res.sigma2_std_error == pytest.approx(awaited[-1], rel=1e-4)
