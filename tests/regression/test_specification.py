"""Specification tests against independent programs, definitions and simulations."""

from __future__ import annotations

import itertools
import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import nqp_spatial as nq
from nqp_spatial.core.inference import HypothesisTest, NotApplicable
from nqp_spatial.core.text import label, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.regression import posterior_probabilities
from nqp_spatial.regression._demeaning import demean
from nqp_spatial.regression._model_data import build_model_data
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.covariance import information as info
from nqp_spatial.regression.diagnostics import _residual_tests as checks
from nqp_spatial.regression.diagnostics._lm_tests import lm_tests
from nqp_spatial.regression.diagnostics._recommendation import recommend
from nqp_spatial.regression.diagnostics.posterior import log_marginal
from nqp_spatial.regression.likelihood.log_determinant import log_determinant
from nqp_spatial.regression.spec import RegressionSpec
from tests.parity import agree

FORMULA = "lgsp ~ lpcap + lpc + lemp + unemp"
NAMES = {
    "lml": "LM lag",
    "lme": "LM error",
    "rlml": "robust LM lag",
    "rlme": "robust LM error",
}


def linear(panel, formula, effects, correction="none"):
    return build_model_data(
        panel, RegressionSpec(formula, "", (), (), "ols", effects, correction), TermWeights()
    )


@pytest.mark.parity
@pytest.mark.parametrize(
    ("kind", "effects"),
    [("pooling", "none"), ("within_individual", "unit"), ("within_twoways", "two-way")],
)
def test_score_tests_of_produc(nqp_data, kind, effects):
    """Against splm's slmtest.

    With two-way effects splm lags what it has demeaned. That is a test in another model (reference
    README, point 1); on data demeaned beforehand ours gives its numbers.
    """
    folder = nqp_data / "reference" / "produc"
    panel = nq.SpatialPanel(pd.read_csv(folder / "panel.csv"), unit="state", period="year")
    edges = pd.read_csv(folder / "weights.csv")
    w = nq.weights.from_edges(edges, focal="origin", neighbor="dest", weight="weight")
    truth = json.loads((folder / "splm_fixed_effects.json").read_text())["slmtest"][kind]
    if kind == "within_twoways":
        frame = panel.frame[["lgsp", "lpcap", "lpc", "lemp", "unemp"]]
        for level in ("unit", "period"):
            frame = frame - frame.groupby(level=level).transform("mean")
        ours = lm_tests(linear(panel, FORMULA, effects), w.reordered(panel.units))
        assert ours["LM lag"].statistic == pytest.approx(truth["lml"]["stat"], rel=0.01)
        panel = nq.SpatialPanel(frame.reset_index(), unit="unit", period="period")
        problem = linear(panel, FORMULA.replace("~", "~ 0 +"), "none")
    else:
        problem = linear(panel, FORMULA, effects)
    result = lm_tests(problem, w.reordered(panel.units))
    for short, name in NAMES.items():
        other = {
            "program": "splm", "version": "1.5.2", "data": "US public capital (plm)",
            "case": kind,
        }  # fmt: skip
        test, wanted = result[name], truth[short]
        agree(name, test.statistic, wanted["stat"], rtol=1e-6, **other)
        agree(f"{name}: p", test.p_value, wanted["p"], rtol=1e-5, atol=1e-12, **other)


@pytest.mark.parity
def test_columbus(columbus, reference):
    """Against spdep's lm.LMtests and spatialreg's LR tests."""
    panel, w = columbus
    truth = reference("columbus")
    result = nq.diagnostics("CRIME ~ INC + HOVAL", panel, w, effects="none")
    theirs = {
        "LM lag": "LMlag",
        "LM error": "LMerr",
        "robust LM lag": "RLMlag",
        "robust LM error": "RLMerr",
        "LM both": "SARMA",
    }
    meta = truth["meta"]
    for ours, name in theirs.items():
        agree(
            ours, result.tests[ours].statistic, truth["LM_tests"][name]["stat"], rtol=1e-6,
            program="spdep", version=meta["spdep"], data="Columbus",
        )  # fmt: skip
    for ours, name in {"SAR": "sdm_vs_sar", "SLX": "sdm_vs_slx"}.items():
        test = result.tests[f"LR: SDM against {ours}"]
        other = {"program": "spatialreg", "version": meta["spatialreg"], "data": "Columbus"}
        agree(
            f"LR: SDM against {ours}", test.statistic, truth["LR"][name]["stat"], rtol=1e-6, **other
        )
        assert test.df == truth["LR"][name]["df"]
    # The lag model: theta = 0 is not rejected; the robust tests do not decide at 5 %.
    assert result.model == "sdm"
    assert nq.diagnostics("CRIME ~ INC + HOVAL", panel, w, effects="none", level=0.1).model == "sar"


@pytest.mark.parametrize("correction", ["none", "transformation"])
@pytest.mark.parametrize("effects", ["unit", "two-way"])
def test_score_tests_are_quadratic_forms_of_score_and_information(
    neighbours, simulate, effects, correction
):
    """LM = s' I^-1 s with the likelihood's own slope and expected information at zero."""
    w = neighbours(25, 4)
    panel = simulate(w, 6, rho=0.2, theta=(0.0, 0.0), seed=4)
    problem = linear(panel, "y ~ x1 + x2", effects, correction)
    result = lm_tests(problem, w)
    logdet = log_determinant(w, "exact")
    for name, model, which in (("LM lag", "sar", 0), ("LM error", "sem", 1)):
        draft = RegressionSpec("y ~ x1 + x2", "", (), (), model, effects, correction)
        full = build_model_data(
            panel, draft, TermWeights.of(w if which == 0 else None, None, w if which else None)
        )
        p = full.projection
        s2 = float(p.left_y @ p.left_y) / full.counts.observations
        estimate = info.Estimate(p.coef_y, np.zeros(1), 0.0, s2, p, full.counts, (which,))
        structural = full.design.y - p.left_y.reshape(full.design.y.shape)
        logdets = (logdet, None) if which == 0 else (None, logdet)
        matrices = (w.sparse, None) if which == 0 else (None, w.sparse)
        moments = info.trace_moments(estimate, structural, matrices, logdets, full.spec)
        information = info.expected(estimate, moments)
        lagged = p.lag_y[:, 0] if which == 0 else estimate.lagged_disturbances
        # Slope of the log-determinants at zero: -m tr(W), less the share of the periods.
        score = np.zeros(len(information))
        score[-2] = p.left_y @ lagged / s2 + full.counts.n_logdets * full.counts.drops_unit_root
        statistic = score @ np.linalg.solve(information, score)
        if correction == "none" and effects == "two-way":
            # The classical statistic has tr(W) = 0 and the trace of all of W: as printed.
            assert result[name].statistic == pytest.approx(statistic, rel=0.1)
        else:
            assert result[name].statistic == pytest.approx(statistic, rel=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("effects", ["none", "unit", "two-way"])
def test_score_tests_hold_their_size(lattice, effects):
    """Without dependence each test rejects in 5 % of 1 000 panels, to binomial error."""
    w = lattice(8, 8)
    p_values = []
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        x, e = rng.normal(size=(2, 64, 5)), rng.normal(size=(64, 5))
        y = x[0] - 0.5 * x[1] + e
        if effects != "none":
            y = y + rng.normal(size=(64, 1))
        if effects == "two-way":
            y = y + rng.normal(size=(1, 5))
        frame = pd.DataFrame({"y": y.ravel(), "x1": x[0].ravel(), "x2": x[1].ravel()})
        frame["id"], frame["t"] = np.repeat(np.arange(64), 5), np.tile(np.arange(5), 64)
        panel = nq.SpatialPanel(frame, unit="id", period="t")
        correction = "none" if effects == "none" else "transformation"
        tests = lm_tests(linear(panel, "y ~ x1 + x2", effects, correction), w)
        p_values.append([test.p_value for test in tests.values()])
    rates = (np.array(p_values) < 0.05).mean(axis=0)
    assert (np.abs(rates - 0.05) < 3.5 * np.sqrt(0.05 * 0.95 / 1000)).all(), rates


@pytest.mark.parametrize(
    ("recommended", "truth"),
    [
        ("ols", {"rho": 0.0, "theta": (0.0, 0.0)}),
        ("sdm", {"rho": 0.5, "theta": (0.8, -0.5)}),
        ("sar", {"rho": 0.5, "theta": (0.0, 0.0)}),
    ],
)
@pytest.mark.parametrize("panels", [4, pytest.param(10, marks=pytest.mark.slow)])
def test_the_path_finds_what_made_the_data(lattice, simulate, truth, recommended, panels):
    """In most panels: each of several tests at 5 % may go wrong."""
    w = lattice(9, 9)
    models = []
    for seed in range(panels):
        result = nq.diagnostics("y ~ x1 + x2", simulate(w, 6, seed=seed, **truth), w)
        models.append(result.model)
    assert models.count(recommended) >= 0.7 * panels, models
    assert "Rule: Elhorst (2010), tests at 0.05." in result.recommendation
    assert result.posterior["probability"].sum() == pytest.approx(1)
    assert list(dict.fromkeys(result.frame["group"])) == [
        "score",
        "simplification",
        "effects",
        "random-effects",
        "components",
        "residuals",
    ]
    assert len(result.moran) == 6
    assert "<table" in result._repr_html_()
    assert "log-likelihood" in repr(result)


def test_a_common_factor_is_found(lattice):
    from tests.regression.test_family import simulated

    w = lattice(14, 14)
    panel = simulated("sem", w, w, w, 8, seed=3)
    assert nq.diagnostics("y ~ x1 + x2", panel, w).model == "sem"


def test_wald_and_likelihood_ratio_agree_in_large_samples(lattice, simulate):
    w = lattice(20, 20)
    tests = nq.diagnostics("y ~ x1 + x2", simulate(w, 6, theta=(0.1, 0.0)), w).tests
    for name in ("SAR", "SEM"):
        wald, ratio = tests[f"Wald: SDM against {name}"], tests[f"LR: SDM against {name}"]
        assert wald.statistic == pytest.approx(ratio.statistic, rel=0.05)


def test_effects_tests_are_differences_of_dummy_likelihoods(lattice, simulate):
    w = lattice(6, 6)
    panel = simulate(w, 6)
    tests = nq.diagnostics("y ~ x1", panel, w).tests
    two_way = nq.fit("y ~ x1", panel, w, correction="none").loglik
    unit = nq.fit("y ~ x1", panel, w, effects="unit", correction="none").loglik
    assert tests["LR: period effects"].statistic == pytest.approx(2 * (two_way - unit))
    assert (tests["LR: unit effects"].df, tests["LR: period effects"].df) == (35, 5)


# -- residuals -------------------------------------------------------------------------------------


def test_pesaran_cd_by_its_definition():
    e = np.random.default_rng(0).normal(size=(12, 9)) + 0.2
    r = np.corrcoef(e)
    pairs = r[np.triu_indices(12, 1)].sum()
    truth = np.sqrt(2 * 9 / (12 * 11)) * pairs
    assert checks.pesaran_cd(e).statistic == pytest.approx(truth)


def test_pesaran_cd_is_standard_normal_under_independence():
    rng = np.random.default_rng(1)
    result = [checks.pesaran_cd(rng.normal(size=(60, 10))).statistic for _ in range(800)]
    assert stats.kstest(result, "norm").pvalue > 0.001


def test_exponent_by_its_definition_and_at_its_ends():
    rng = np.random.default_rng(2)
    e = rng.normal(size=(40, 60)) + np.outer(rng.random(40), rng.normal(size=60))
    r = np.corrcoef(e)
    bound = stats.norm.ppf(1 - 0.1 / (2 * np.sqrt(40))) / np.sqrt(60)
    strong = np.where(abs(r) > bound, r, 0.0)
    assert checks.cross_section_exponent(e) == pytest.approx(
        np.log(strong.sum()) / (2 * np.log(40))
    )
    assert checks.cross_section_exponent(rng.normal(size=(300, 200))) < 0.7
    assert checks.cross_section_exponent(rng.normal(size=(300, 200)) + rng.normal(size=200)) > 0.9


@pytest.mark.parity
def test_koenker_is_statsmodels():
    from statsmodels.stats.diagnostic import het_breuschpagan

    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 2))
    e = np.exp(0.3 * x[:, 0]) * rng.normal(size=200)
    theirs = het_breuschpagan(e, np.column_stack([np.ones(200), x]), robust=True)
    ours = checks.heteroskedasticity_test(e, x)
    agree(
        "Koenker's test: statistic and p", [ours.statistic, ours.p_value], theirs[:2], rtol=1e-6,
        program="statsmodels", data="200 simulated errors",
    )  # fmt: skip


# -- posterior probabilities -----------------------------------------------------------------------


@pytest.mark.parametrize("model", ["slx", "sdm", "sdem"])
def test_marginal_likelihood_by_quadrature(neighbours, simulate, model):
    """Dense determinants, least squares at each point, adaptive integration."""
    w = neighbours(15, 3)
    panel = simulate(w, 4, seed=1)
    terms = TermWeights.of(w if model == "sdm" else None, w, w if model == "sdem" else None)
    problem = build_model_data(
        panel, RegressionSpec("y ~ x1 + x2", "", (), (), model, "unit", "none"), terms
    )
    y, z = problem.projection.y, problem.projection.z
    dense, n, t = w.sparse.toarray(), 15, 4
    lag_y = demean(dense @ problem.design.y, problem.spec).ravel()
    freedom = (n * t - z.shape[1]) / 2

    def height(x):
        target, design = y, z
        if model == "sdm":
            target = y - x * lag_y
        elif model == "sdem":
            b = np.kron(np.eye(n) - x * dense, np.eye(t))
            target, design = b @ y, b @ z
        e = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
        logdet = 0.0 if model == "slx" else t * np.linalg.slogdet(np.eye(n) - x * dense)[1]
        volume = np.linalg.slogdet(design.T @ design)[1]
        return logdet - volume / 2 - freedom * np.log(e @ e)

    from scipy.special import gammaln

    constant = gammaln(freedom) - freedom * np.log(np.pi)
    if model == "slx":
        truth = constant + height(0.0)
    else:
        top = max(height(x) for x in np.linspace(-0.95, 0.95, 200))
        area = integrate.quad(lambda x: np.exp(height(x) - top), -1, 1, limit=200)[0]
        truth = constant + top + np.log(area / 2)
    assert log_marginal(problem) == pytest.approx(truth, abs=1e-6)


def test_posterior_finds_the_matrix_and_the_model(lattice, neighbours, simulate):
    w, wrong = lattice(9, 9), neighbours(81, 4, seed=7)
    panel = simulate(w, 6, rho=0.5, theta=(0.8, 0.5), seed=2)
    result = posterior_probabilities("y ~ x1 + x2", panel, {"right": w, "wrong": wrong}).frame
    best = result.loc[result["probability"].idxmax()]
    assert (best["weights"], best["model"]) == ("right", "sdm")
    assert best["probability"] > 0.99
    with pytest.raises(OptionError, match="models must be among slx, sdm, sdem"):
        posterior_probabilities("y ~ x1", panel, w, models=["sar"])


def test_options(lattice, simulate):
    w = lattice(5, 5)
    panel = simulate(w, 5)
    with pytest.raises(OptionError, match="tests need likelihoods"):
        nq.diagnostics("y ~ x1", panel, w, correction="bias")
    with pytest.raises(OptionError, match="level must be a number between 0 and 1"):
        nq.diagnostics("y ~ x1", panel, w, level=5)
    raw = w.standardize("spectral")
    result = nq.diagnostics("y ~ x1", panel, raw, correction="transformation")
    assert set(result.models) == {"ols", "slx"}
    assert "needs weights whose rows add to one" in result.notes[0]


@pytest.mark.parametrize("effects", ["unit", "period", "two-way"])
def test_joint_tests_of_effects_by_dummies(lattice, simulate, effects):
    """Twice the gap of two Durbin likelihoods with dummies, each maximised over a dense grid."""
    from scipy import stats
    from scipy.optimize import minimize_scalar

    w = lattice(4, 4)
    panel = simulate(w, 5, beta=(1.0,), theta=(0.5,))
    n, t = panel.n_units, panel.n_periods
    dense, y = np.kron(w.sparse.toarray(), np.eye(t)), panel.values("y").ravel()
    x = panel.values("x1").ravel()

    def loglik(kinds):
        columns = [np.ones(n * t), x, dense @ x]
        if "unit" in kinds:
            columns += [(np.arange(n * t) // t == i).astype(float) for i in range(1, n)]
        if "period" in kinds:
            columns += [(np.arange(n * t) % t == s).astype(float) for s in range(1, t)]
        z = np.column_stack(columns)

        def minus(rho):
            a = np.eye(n * t) - rho * dense
            e = a @ y - z @ np.linalg.lstsq(z, a @ y, rcond=None)[0]
            size = n * t
            return size / 2 * (np.log(2 * np.pi * (e @ e) / size) + 1) - np.linalg.slogdet(a)[1]

        return -minimize_scalar(minus, bounds=(-0.95, 0.95), method="bounded").fun

    result = nq.diagnostics("y ~ x1", panel, w, effects=effects).tests
    held = {"unit": ["unit"], "period": ["period"], "two-way": ["unit", "period"]}[effects]
    for kind in held:
        others = [other for other in held if other != kind]
        statistic = 2 * (loglik(held) - loglik(others))
        df = (n if kind == "unit" else t) - 1
        test = result[f"LR: {kind} effects"]
        assert test.statistic == pytest.approx(statistic, abs=1e-5)
        assert test.df == df
        assert test.p_value == pytest.approx(stats.chi2.sf(statistic, df), rel=1e-4)


# -- words -----------------------------------------------------------------------------------------

KNOWN = {"LM", "LR", "lag", "error", "SDM", "SDEM", "SAR", "SEM", "SLX", "Elhorst", "Wald", "Wy",
         "Wu", "WX", "p", "Hausman", "Mundlak", "Pesaran", "CD", "Jarque", "Bera", "Koenker",
         "Bassett", "Moran", "Wooldridge", "s", "I", "BSK", "BSJK"}  # fmt: skip


def english_in(text):
    return set(re.findall(r"[A-Za-z]+", text)) - KNOWN


def test_every_recommendation_has_its_chinese():
    names = ["LM lag", "LM error", "robust LM lag", "robust LM error", "LR: SDM against SAR",
             "LR: SDM against SEM", "LR: SDM against SLX", "Wald: SDM against SLX"]  # fmt: skip
    models = set()
    for rejected in itertools.product((0.4, 0.00001), repeat=len(names)):
        tests = {
            name: HypothesisTest(name, "", 1.0, "chi2", 1, p_value)
            for name, p_value in zip(names, rejected, strict=True)
        }
        model, words = recommend(tests, 0.05)
        models.add(model)
        chinese = translate(words, "zh")
        assert not english_in(chinese), chinese
        assert re.findall(r"\d+\.\d+", chinese) == re.findall(r"\d+\.\d+", words)
    assert models == {"ols", "slx", "sar", "sem", "sdm"}


def test_models_that_cannot_be_tested_leave_the_durbin_model():
    names = ["LM lag", "LM error", "robust LM lag", "robust LM error"]
    tests = {name: HypothesisTest(name, "", 1.0, "chi2", 1, 0.001) for name in names}
    for name in ("LR: SDM against SAR", "LR: SDM against SEM"):
        tests[name] = NotApplicable(name, "", "SDM could not be fitted")
    model, words = recommend(tests, 0.05)
    assert model == "sdm"
    assert "cannot be tested" in words
    assert not english_in(translate(words, "zh"))


def test_what_the_tests_say_has_its_chinese(lattice, simulate):
    w = lattice(5, 6)
    result = nq.diagnostics("y ~ x1 + x2", simulate(w, 4), w)
    assert result.spec["level"] == 0.05
    assert result.spec["weights"] == w.spec.words
    for key, test in result.tests.items():
        assert test.name == key
        for words in (test.name, test.null, test.rule):
            assert not english_in(translate(words, "zh")), words
    ax = result.plot()
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["SLX", "SDM", "SDEM"]
    # The frame keeps the messages too.
    assert translate(result.frame["name"].iloc[0], "zh") == "LM-lag 检验"
    groups = {translate(label("test group", group), "zh") for group in result.frame["group"]}
    assert len(groups) == 6
    assert not english_in("".join(groups))
