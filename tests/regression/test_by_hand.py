"""Covariances, tests and choices of models beside dense matrices, loops and truth tables."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import gammaln, logsumexp

import nqp_spatial as nq
from nqp_spatial.core.inference import NotApplicable
from nqp_spatial.errors import OptionError, StabilityWarning
from nqp_spatial.regression import _effect_values as impacts
from nqp_spatial.regression import model_grid
from nqp_spatial.regression._demeaning import demean
from nqp_spatial.regression._effect_parameters import effect_parameters
from nqp_spatial.regression._effect_rows import rows_of_terms
from nqp_spatial.regression._mean_responses import MeanResponses
from nqp_spatial.regression._model_data import build_model_data
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression._trace_functions import TraceFunctions
from nqp_spatial.regression.covariance import sandwich
from nqp_spatial.regression.diagnostics import _residual_tests as checks
from nqp_spatial.regression.diagnostics._random_effects_tests import random_effects_tests
from nqp_spatial.regression.diagnostics._recommendation import recommend
from nqp_spatial.regression.diagnostics.posterior import log_marginal, posterior_probabilities
from nqp_spatial.regression.spec import RegressionSpec
from tests.parity import agree

# -- covariances ----------------------------------------------------------------------------------


def skewed(rng, shape):
    """Errors of variance one, skewed and with heavy tails."""
    return rng.gamma(2.0, size=shape) / np.sqrt(2) - np.sqrt(2)


def moments_of(residuals, n, t, effects):
    """Third and fourth moments of errors, from those of what sweeping leaves of them.

    A row of the sweeping matrix has one entry 1 - 1/n (or t) and the others -1/n: powers of a row
    add up, and the fourth power also has three pairs of squares.
    """
    q = np.eye(t) - 1 / t if effects in ("unit", "two-way") else np.eye(t)
    p = np.eye(n) - 1 / n if effects == "two-way" else np.eye(n)
    row = np.kron(p[0], q[0])
    second = (residuals**2).mean() / (row**2).sum()
    third = (residuals**3).mean() / (row**3).sum()
    fourth = (residuals**4).mean() - 3 * second**2 * ((row**2).sum() ** 2 - (row**4).sum())
    return third, fourth / (row**4).sum()


@pytest.mark.parametrize("effects", ["none", "unit", "two-way"])
def test_moments_of_errors_from_swept_residuals(effects):
    n, t = 12, 5
    e = skewed(np.random.default_rng(0), (n, t))
    spec = RegressionSpec("y ~ x", "", (), (), "sar", effects, "none")
    residuals = demean(e, spec).ravel()
    result = sandwich._error_moments(residuals, spec, n, t)
    assert result == pytest.approx(moments_of(residuals, n, t, effects))
    # With many draws they are the moments of the errors themselves: 2 / sqrt 2 and 6.
    many = demean(skewed(np.random.default_rng(1), (n, t, 40_000)), spec)
    third, fourth = sandwich._error_moments(many.ravel(), spec, n, t)
    assert third == pytest.approx(2 / np.sqrt(2), rel=0.05)
    assert fourth == pytest.approx(6, rel=0.1)


@pytest.mark.parametrize("effects", ["none", "unit"])
@pytest.mark.parametrize("model", ["sar", "sem", "sac"])
def test_qml_covariance_by_dense_forms(neighbours, simulate, effects, model):
    """Scores are a'e + e'Be: their covariance with third and fourth moments, for any errors."""
    n, t = 18, 5
    w = neighbours(n, 4)
    W = w.sparse.toarray()
    panel = simulate(w, t, theta=(0.0, 0.0), errors=skewed, seed=3)
    options = {"model": model, "effects": effects}
    res = nq.fit("y ~ x1 + x2", panel, w, covariance="qml", **options)
    bread = np.linalg.inv(nq.fit("y ~ x1 + x2", panel, w, covariance="observed", **options).cov)
    rho = res.params.get(("spatial", "rho"), 0.0)
    lam = res.params.get(("spatial", "lam"), 0.0)
    s2 = res.sigma2
    Q = np.kron(np.eye(n), np.eye(t) - 1 / t) if effects == "unit" else np.eye(n * t)

    def big(m):
        return np.kron(m, np.eye(t))

    A, B = np.eye(n) - rho * W, np.eye(n) - lam * W
    names = [name for block, name in res.params.index if block == "x" and name != "Intercept"]
    X = np.column_stack([panel.values(name).ravel() for name in names])
    b = res.params["x"].loc[names].to_numpy()
    if effects == "none":
        X = np.column_stack([np.ones(n * t), X])
        b = np.r_[res.params["x", "Intercept"], b]
        order = ["Intercept", *names]
    else:
        order = names
    y = panel.values("y").ravel()
    e = Q @ big(B) @ (big(A) @ y - X @ b)
    mean = y - big(np.linalg.inv(A)) @ big(np.linalg.inv(B)) @ e  # what is no error of this y
    linear = [Q @ big(B) @ X[:, j] / s2 for j in range(X.shape[1])]
    square = [np.zeros((n * t, n * t)) for _ in linear]
    keys = [("x", name) for name in order]
    if model != "sem":
        F = B @ W @ np.linalg.inv(A) @ np.linalg.inv(B)
        linear.append(Q @ big(B @ W) @ mean / s2)
        square.append(Q @ big(F) @ Q / s2)
        keys.append(("spatial", "rho"))
    if model != "sar":
        linear.append(np.zeros(n * t))
        square.append(Q @ big(W @ np.linalg.inv(B)) @ Q / s2)
        keys.append(("spatial", "lam"))
    linear.append(np.zeros(n * t))
    square.append(Q / (2 * s2**2))
    third, fourth = moments_of(e, n, t, effects)
    k = len(linear)
    V = np.empty((k, k))
    for i, j in itertools.product(range(k), range(k)):
        di, dj = np.diag(square[i]), np.diag(square[j])
        V[i, j] = (
            s2 * linear[i] @ linear[j]
            + third * (linear[i] @ dj + linear[j] @ di)
            + (fourth - 3 * s2**2) * di @ dj
            + s2**2 * np.sum(square[i] * (square[j] + square[j].T))
        )
    # The bread with sigma2: second derivatives of the likelihood, dense.
    count = n * (t - 1) if effects == "unit" else n * t
    copies = t - 1 if effects == "unit" else t

    def loglik(p):
        beta, r, lm, v = p[: X.shape[1]], 0.0, 0.0, p[-1]
        point = X.shape[1]
        if model != "sem":
            r, point = p[point], point + 1
        if model != "sar":
            lm = p[point]
        C, D = np.eye(n) - r * W, np.eye(n) - lm * W
        u = Q @ big(D) @ (big(C) @ y - X @ beta)
        dets = np.linalg.slogdet(C)[1] + np.linalg.slogdet(D)[1]
        return copies * dets - count / 2 * np.log(2 * np.pi * v) - u @ u / (2 * v)

    point = np.r_[b, [rho] if model != "sem" else [], [lam] if model != "sar" else [], s2]
    assert loglik(point) == pytest.approx(res.loglik)
    h = 1e-4
    H = np.empty((k, k))
    for i, j in itertools.product(range(k), range(k)):
        di, dj = h * np.eye(k)[i], h * np.eye(k)[j]
        H[i, j] = (
            loglik(point + di + dj) - loglik(point + di - dj) - loglik(point - di + dj)
            + loglik(point - di - dj)
        ) / (4 * h * h)  # fmt: skip
    inverse = np.linalg.inv(-H)
    np.testing.assert_allclose(
        np.linalg.inv(bread), inverse[:-1, :-1], rtol=1e-3, atol=1e-3 * np.abs(inverse).max()
    )
    cov = (inverse @ V @ inverse)[:-1, :-1]
    result = res.cov.loc[keys, keys].to_numpy()
    scale = np.sqrt(np.outer(np.diag(cov), np.diag(cov)))
    np.testing.assert_allclose(result / scale, cov / scale, atol=3e-3)


@pytest.mark.parametrize("t", [2, 3, 12, 25, 150])
@pytest.mark.parametrize("lags", [None, 0, 1, 2, 40])
def test_sums_of_scores_over_periods_by_loops(t, lags):
    """Bartlett weights 1 - l / (m + 1); m is the whole part of 4 (T / 100)^(2/9) by default."""
    score = np.random.default_rng(4).normal(size=(t, 3))
    m = int(4 * (t / 100) ** (2 / 9)) if lags is None else lags
    total = np.zeros((3, 3))
    for a in range(t):
        for b in range(t):
            if abs(a - b) <= m:
                total += (1 - abs(a - b) / (m + 1)) * np.outer(score[a], score[b])
    np.testing.assert_allclose(sandwich.over_periods(score, lags), total, atol=1e-10)


# -- residuals ------------------------------------------------------------------------------------


@pytest.mark.parity
def test_probabilities_of_residual_tests():
    rng = np.random.default_rng(5)
    e = rng.normal(size=(14, 6)) + 0.5 * rng.normal(size=6)
    cd = checks.pesaran_cd(e)
    assert cd.p_value == pytest.approx(2 * (1 - stats.norm.cdf(abs(cd.statistic))))
    normal = checks.normality_test(e)
    theirs = stats.jarque_bera(e.ravel())
    agree(
        "Jarque-Bera: statistic and p", [normal.statistic, normal.p_value],
        [theirs.statistic, theirs.pvalue], rtol=1e-6, program="scipy",
        data="errors of 14 units, 6 periods",
    )  # fmt: skip
    constant = e.copy()
    constant[3] = 1.0  # a unit without variation correlates with nobody
    r = np.corrcoef(np.delete(constant, 3, axis=0))
    pairs = r[np.triu_indices(13, 1)].sum()
    result = checks.pesaran_cd(constant).statistic
    # n enters as the number of units, and the missing unit's own length as zero
    assert result == pytest.approx(np.sqrt(2 * 6 / (14 * 13)) * (pairs - 0.5))


def test_exponent_of_more_units_than_a_block():
    """Correlations above the bound, from blocks of rows, are those of the whole table."""
    rng = np.random.default_rng(7)
    e = rng.normal(size=(1300, 40)) + rng.random((1300, 1)) * rng.normal(size=40)
    for level in (0.1, 0.01):
        r = np.corrcoef(e)
        bound = stats.norm.ppf(1 - level / (2 * np.sqrt(1300))) / np.sqrt(40)
        total = r[np.abs(r) > bound].sum()
        result = checks.cross_section_exponent(e, level)
        assert result == pytest.approx(np.log(total) / (2 * np.log(1300)))


# -- specification --------------------------------------------------------------------------------


def choose(lag, error, to_lag, to_error, sar, sem, slx, wald):
    """The rule in words: Elhorst (2010)."""
    if not lag and not error:
        if not wald and not sar:
            return "ols"
        return "sdm" if slx else "slx"
    if not sar and to_lag and not to_error:
        return "sar"
    if not sem and to_error and not to_lag:
        return "sem"
    return "sdm"


def test_recommendation_for_every_outcome_of_the_tests():
    names = [
        "LM lag", "LM error", "robust LM lag", "robust LM error", "LR: SDM against SAR",
        "LR: SDM against SEM", "LR: SDM against SLX", "Wald: SDM against SLX",
    ]  # fmt: skip
    for rejected in itertools.product((False, True), repeat=8):
        tests = {
            name: SimpleNamespace(
                p_value=0.049 if yes else 0.05, applicable=True
            )  # 0.05 is not below
            for name, yes in zip(names, rejected, strict=True)
        }
        model, words = recommend(tests, 0.05)
        assert model == choose(*rejected), rejected
        assert words.count("Recommended:") == 1


def test_wald_tests_of_the_durbin_model_by_hand(lattice, simulate):
    w = lattice(6, 7)
    panel = simulate(w, 5, seed=8)
    result = nq.diagnostics("y ~ x1 + x2", panel, w, effects="unit")
    res = result.models["sdm"]
    b, V = res.params.to_numpy(), res.cov.to_numpy()
    position = {key: i for i, key in enumerate(res.params.index)}
    rho = b[position["spatial", "rho"]]
    beta = np.array([b[position["x", name]] for name in ("x1", "x2")])
    theta = np.array([b[position["wx", name]] for name in ("x1", "x2")])
    plain, common, only = np.zeros((2, 5)), np.zeros((2, 5)), np.zeros((1, 5))
    for i, name in enumerate(("x1", "x2")):
        plain[i, position["wx", name]] = common[i, position["wx", name]] = 1
        common[i, position["x", name]], common[i, position["spatial", "rho"]] = rho, beta[i]
    only[0, position["spatial", "rho"]] = 1
    for name, gap, R in (
        ("SAR", theta, plain), ("SEM", theta + rho * beta, common), ("SLX", [rho], only),
    ):  # fmt: skip
        statistic = gap @ np.linalg.solve(R @ V @ R.T, gap)
        test = result.tests[f"Wald: SDM against {name}"]
        assert (test.statistic, test.df) == (pytest.approx(statistic), len(R))
        assert test.p_value == pytest.approx(stats.chi2.sf(statistic, len(R)), abs=1e-14)
    fits = result.models
    for title, large, small, df in (
        ("LR: SDM against SAR", "sdm", "sar", 2), ("LR: SDM against SEM", "sdm", "sem", 2),
        ("LR: SDM against SLX", "sdm", "slx", 1), ("LR: SDEM against SEM", "sdem", "sem", 2),
    ):  # fmt: skip
        statistic = 2 * (fits[large].loglik - fits[small].loglik)
        assert (result.tests[title].statistic, result.tests[title].df) == (
            pytest.approx(statistic), df,
        )  # fmt: skip
    for name, model in fits.items():
        row = result.criteria.loc[name]
        assert row["log-likelihood"] == model.loglik
        assert row["AIC"] == pytest.approx(2 * (len(model.params) + 1) - 2 * model.loglik)
        assert row["BIC"] == pytest.approx(np.log(210) * (len(model.params) + 1) - 2 * model.loglik)
    assert result.tests["LR: unit effects"].df == 41
    assert "LR: period effects" not in result.tests
    loose = fits["ols"].resid.to_numpy().reshape(42, 5)
    assert result.exponent == pytest.approx(checks.cross_section_exponent(loose))
    truth = checks.pesaran_cd(loose).statistic
    assert result.tests["Pesaran CD"].statistic == pytest.approx(truth)


@pytest.mark.parametrize("effects", ["period", "two-way"])
def test_dependence_is_of_residuals_before_period_effects(lattice, simulate, effects):
    w = lattice(5, 6)
    panel = simulate(w, 4, seed=9)
    result = nq.diagnostics("y ~ x1", panel, w, effects=effects)
    without = {"period": "none", "two-way": "unit"}[effects]
    loose = nq.fit("y ~ x1", panel, model="ols", effects=without).resid.to_numpy().reshape(30, 4)
    assert result.exponent == pytest.approx(checks.cross_section_exponent(loose))
    truth = checks.pesaran_cd(loose).statistic
    assert result.tests["Pesaran CD"].statistic == pytest.approx(truth)
    assert result.tests["LR: period effects"].df == 3
    assert ("LR: unit effects" in result.tests) == (effects == "two-way")
    assert ("Hausman: SDM" in result.tests) == (effects == "two-way")


def test_two_periods_have_no_measure_of_dependence():
    rng = np.random.default_rng(0)
    for t in (2, 3):
        e = rng.normal(size=(9, t))
        result = checks.residual_tests(e, e, rng.normal(size=(9 * t, 2)))
        assert isinstance(result["Pesaran CD"], NotApplicable) == (t == 2)


def test_hausman_and_mundlak_by_hand(lattice, simulate):
    w = lattice(6, 6)
    panel = simulate(w, 6, seed=2)
    result = random_effects_tests("y ~ x1 + x2", panel, w, "unit")
    options = {"covariance": "expected"}
    fixed, random, means = (
        nq.fit("y ~ x1 + x2", panel, w, effects=e, **options)
        for e in ("unit", "random", "correlated-random")
    )
    keys = [("x", "x1"), ("x", "x2"), ("wx", "x1"), ("wx", "x2")]
    gap = (fixed.params[keys] - random.params[keys]).to_numpy()
    V = fixed.cov.loc[keys, keys] * random.sigma2 / fixed.sigma2 - random.cov.loc[keys, keys]
    statistic = gap @ np.linalg.solve(V.to_numpy(), gap)
    assert result["Hausman: SDM"].statistic == pytest.approx(statistic)
    assert result["Hausman: SDM"].df == 4
    subset = [key for key in means.params.index if key[0] in ("mean", "wmean")]
    assert len(subset) == 4
    values, V = means.params[subset].to_numpy(), means.cov.loc[subset, subset].to_numpy()
    # beta, theta, their means, and the constant: nine coefficients told by 36 averages
    statistic = values @ np.linalg.solve(V, values) * (1 - 9 / 36)
    assert result["Mundlak: SDM"].statistic == pytest.approx(statistic)
    assert result["Mundlak: SDM"].df == 4


def test_level_of_diagnostics_lies_inside(lattice, simulate):
    w = lattice(4, 4)
    panel = simulate(w, 4)
    for level in (0.0, 1.0):
        with pytest.raises(OptionError):
            nq.diagnostics("y ~ x1", panel, w, level=level)


# -- comparison -----------------------------------------------------------------------------------


def test_criteria_and_names_of_a_grid(lattice, neighbours, simulate):
    w = lattice(5, 5)
    panel = simulate(w, 4)
    first = nq.fit("y ~ x1", panel, w, model="sar", effects="unit")
    two = nq.fit("y ~ x1 + x2", panel, w, effects="unit")
    table = nq.compare({"a": first, "b": two}, draws=50)
    for name, res in (("a", first), ("b", two)):
        assert table.criteria.loc[name].tolist() == pytest.approx(
            [100, res.loglik, len(res.params) + 1, res.aic, res.bic]
        )
    assert table.notes == ()
    loose = nq.fit("y ~ x1", panel, w, model="sar", effects="unit", correction="none")
    assert (
        "differ in effects or in their correction" in nq.compare({"a": first, "b": loose}).notes[0]
    )
    weights = {"q": w, "k": neighbours(25, 4)}
    by_weights = model_grid("y ~ x1", panel, weights, models=("sar",), effects=("unit",)).models
    assert list(by_weights) == ["q", "k"]
    by_both = model_grid("y ~ x1", panel, weights, models=("sar",), effects=("none", "unit")).models
    assert list(by_both) == ["q, none", "q, unit", "k, none", "k, unit"]
    single = model_grid("y ~ x1", panel, {"q": w}, models=("sar",), effects=("unit",)).models
    assert list(single) == ["sar"]
    assert by_both["q, unit"].loglik == pytest.approx(first.loglik)


# -- posterior probabilities ----------------------------------------------------------------------


@pytest.mark.parametrize("model", ["sdm", "sdem"])
def test_marginal_likelihood_of_transformed_data(neighbours, simulate, model):
    """Two-way effects: (n - 1)(T - 1) observations, determinants less that of the constant."""
    w = neighbours(14, 3)
    n, t = 14, 4
    panel = simulate(w, t, seed=3)
    terms = TermWeights.of(w if model == "sdm" else None, w, w if model == "sdem" else None)
    spec = RegressionSpec("y ~ x1", "", (), (), model, "two-way", "transformation")
    problem = build_model_data(panel, spec, terms)
    W = w.sparse.toarray()
    J = np.eye(n) - 1 / n

    def within(v):
        return (J @ (v - v.mean(axis=1, keepdims=True))).ravel()

    y, x = panel.values("y"), panel.values("x1")
    freedom = ((n - 1) * (t - 1) - 2) / 2

    def height(r):
        A = np.eye(n) - r * W
        if model == "sdm":
            target, design = within(A @ y), [within(x), within(W @ x)]
        else:
            target, design = within(A @ y), [within(A @ x), within(A @ W @ x)]
        Z = np.column_stack(design)
        e = target - Z @ np.linalg.lstsq(Z, target, rcond=None)[0]
        det = (t - 1) * (np.linalg.slogdet(A)[1] - np.log(1 - r))
        return det - np.linalg.slogdet(Z.T @ Z)[1] / 2 - freedom * np.log(e @ e)

    low = -1 / np.abs(np.linalg.eigvals(W)).max()
    top = max(height(r) for r in np.linspace(-0.95, 0.95, 100))
    area = integrate.quad(lambda r: np.exp(height(r) - top), low, 1, limit=200)[0]
    truth = gammaln(freedom) - freedom * np.log(np.pi) + top + np.log(area / 2)
    assert log_marginal(problem) == pytest.approx(truth, abs=1e-5)


@pytest.mark.parametrize(
    ("effects", "correction"),
    [("none", "none"), ("unit", "transformation"), ("two-way", "transformation")],
)
def test_probabilities_share_one_transformation(neighbours, simulate, effects, correction):
    first, other = neighbours(16, 3), neighbours(16, 4, seed=5)
    panel = simulate(first, 4, seed=4)
    result = posterior_probabilities(
        "y ~ x1", panel, {"a": first, "b": other}, effects=effects
    ).frame
    logs = []
    for w in (first, other):
        for model in ("slx", "sdm", "sdem"):
            terms = TermWeights.of(w if model == "sdm" else None, w, w if model == "sdem" else None)
            spec = RegressionSpec("y ~ x1", "", (), (), model, effects, correction)
            logs.append(log_marginal(build_model_data(panel, spec, terms)))
    np.testing.assert_allclose(result["log_marginal"], logs)
    np.testing.assert_allclose(result["probability"], np.exp(np.array(logs) - logsumexp(logs)))
    scaled = first.standardize("spectral") if effects != "two-way" else None
    if scaled is not None:
        alone = posterior_probabilities("y ~ x1", panel, scaled, effects=effects).frame
        assert "weights" not in alone.columns
        assert alone["probability"].sum() == pytest.approx(1)


def test_one_matrix_that_does_not_add_to_one_leaves_all_untransformed(
    neighbours, lattice, simulate
):
    first, other = neighbours(16, 3), lattice(4, 4, standardize="spectral")
    panel = simulate(first, 4, seed=4)
    result = posterior_probabilities(
        "y ~ x1", panel, {"a": first, "b": other}, models=["sdm"]
    ).frame
    for position, w in enumerate((first, other)):
        spec = RegressionSpec("y ~ x1", "", (), (), "sdm", "two-way", "bias")
        value = log_marginal(build_model_data(panel, spec, TermWeights.of(w, w, None)))
        assert result["log_marginal"].iloc[position] == pytest.approx(value)


# -- effects --------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.95, 0.6])
def test_table_of_effects_at_a_level(lattice, simulate, level):
    w = lattice(6, 6)
    res = nq.fit("y ~ x1", simulate(w, 5), w, effects="unit")
    delta = res.effects(method="delta", level=level).frame
    z = stats.norm.ppf(1 - (1 - level) / 2)
    np.testing.assert_allclose(delta["conf_low"], delta["estimate"] - z * delta["std_error"])
    np.testing.assert_allclose(delta["conf_high"], delta["estimate"] + z * delta["std_error"])
    ratio = delta["estimate"] / delta["std_error"]
    np.testing.assert_allclose(delta["statistic"], ratio)
    np.testing.assert_allclose(delta["p_value"], 2 * stats.norm.cdf(-ratio.abs()), atol=1e-14)
    draws = res.effects(draws=300, seed=1, level=level)
    parameters = effect_parameters(res)
    responses = MeanResponses(
        rows_of_terms(parameters.names), TraceFunctions(res.terms, res.logdet)
    )
    simulated, sample = impacts.simulate(parameters, ["static"], responses, draws=300, seed=1)
    assert len(sample) == 300 - draws.discarded
    for end, q in (("conf_low", (1 - level) / 2), ("conf_high", (1 + level) / 2)):
        np.testing.assert_allclose(
            draws.frame[end], np.quantile(simulated["static"], q, axis=0).ravel()
        )
    least = res.effects(draws=2, seed=0)
    assert least.spec.draws == 2
    with pytest.raises(OptionError):
        res.effects(draws=1)


def test_unstable_draws_are_said_from_one_percent_on():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error", StabilityWarning)
        impacts.warn_discarded(10, 1000)
    with pytest.warns(StabilityWarning, match="11 of 1000"):
        impacts.warn_discarded(11, 1000)


def test_effects_of_units_in_blocks(neighbours):
    """More units than one block of columns; also without W y and without W X."""
    from scipy import sparse

    w = neighbours(620, 4)
    W = w.sparse.toarray()
    for terms, x, theta in (
        (TermWeights.of(w, w, None), 0.4, 0.5), (TermWeights.of(w, None, None), 0.4, 0.0),
        (TermWeights.of(None, w, None), 0.0, 0.5), (TermWeights(), 0.0, 0.0),
    ):  # fmt: skip
        result = impacts.unit_effects(terms, x, 0.8, 1.5, theta, w.units)
        inner = (1.5 * np.eye(620) + theta * W) / 0.8
        effects = np.linalg.solve(np.eye(620) - x * W, inner)
        diagonal = np.diag(effects)
        np.testing.assert_allclose(result["own"], diagonal)
        np.testing.assert_allclose(result["received"], effects.sum(axis=1) - diagonal, atol=1e-12)
        np.testing.assert_allclose(result["sent"], effects.sum(axis=0) - diagonal, atol=1e-12)
    assert sparse.issparse(w.sparse)


def test_inference_at_small_samples(columbus):
    """t with the degrees of freedom of the residuals; AIC and BIC count sigma2."""
    panel, _ = columbus
    res = nq.fit("CRIME ~ INC + HOVAL", panel, model="ols", effects="none")
    X = np.column_stack([np.ones(49), panel.values("INC"), panel.values("HOVAL")])
    y = panel.values("CRIME")[:, 0]
    b = np.linalg.lstsq(X, y, rcond=None)[0]
    np.testing.assert_allclose(res.params, b)
    ratio = np.abs(res.params / res.std_errors)
    np.testing.assert_allclose(res.pvalues, 2 * stats.t.sf(ratio, res.df_resid))
    for level in (0.95, 0.5):
        reach = stats.t.ppf(0.5 + level / 2, res.df_resid) * res.std_errors
        limits = res.conf_int(level)
        np.testing.assert_allclose(limits["conf_low"], res.params - reach)
        np.testing.assert_allclose(limits["conf_high"], res.params + reach)
    assert res.aic == pytest.approx(2 * 4 - 2 * res.loglik)
    assert res.bic == pytest.approx(np.log(49) * 4 - 2 * res.loglik)
    for level in (0.0, 1.0):
        with pytest.raises(OptionError):
            res.conf_int(level)
