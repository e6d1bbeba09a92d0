"""Tables, tests, options and messages of results about convergence."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nqp_spatial as nq
from nqp_spatial import convergence
from nqp_spatial.core.inference import NotApplicable
from nqp_spatial.core.text import Message, translate
from nqp_spatial.errors import ShortPanelWarning


@pytest.fixture(scope="module")
def incomes():
    return nq.datasets.us_income()


@pytest.fixture(scope="module")
def cities():
    panel = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    return panel, nq.weights.knn(panel, k=6), convergence.clubs(panel, "gdp_pc", logs=True)


def panel_of(values):
    n, periods = values.shape
    frame = pd.DataFrame(
        {
            "id": np.repeat(range(n), periods),
            "t": np.tile(range(2000, 2000 + periods), n),
            "y": values.ravel(),
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


def in_chinese(text, own_words=()):
    """Assert that a message has no English but names in Chinese."""
    assert isinstance(text, Message), text
    names = {"LR", "log", "HP", "Newey", "West", "Wald", "bT", "Nickell", "income", "gdp_pc"}
    names |= {"critical", "increasing", "fit", "nqp_spatial", "time_lag", "log_t", "True"}
    names |= set(own_words)
    words = set(re.findall(r"[A-Za-z_]{2,}", translate(text, "zh")))
    assert not words - names, (text, words - names)


# -- estimators -----------------------------------------------------------------------------------


def test_beta_offers_what_estimators_do(incomes):
    side = pd.Series(np.where(np.arange(48) < 20, "a", "b"), incomes.units, name="side")
    result = convergence.beta(incomes, "income", group=side, level=0.9)
    rows = result.frame.xs("coefficient", level="effect")
    pd.testing.assert_series_equal(result.params, rows["estimate"])
    np.testing.assert_allclose(result.std_errors, rows["std_error"])
    np.testing.assert_allclose(result.pvalues, rows["p_value"])
    np.testing.assert_allclose(result.conf_int(0.9), rows[["conf_low", "conf_high"]])
    keys = [("x", "start_1"), ("x", "start_2")]
    np.testing.assert_array_equal(result.cov, result.model.cov.loc[keys, keys])
    assert (result.spec.group, result.spec.kind, result.spec.logs) == (
        "side", "cross-section", True,
    )  # fmt: skip
    alone = convergence.beta(incomes, "income")
    assert isinstance(alone.tests["equal"], NotApplicable)


def test_weights_stand_after_the_variable(incomes):
    w = nq.weights.contiguity(incomes)
    result = convergence.beta(incomes, "income", w, model="sem")
    assert result.spec.weights == w.spec.words
    assert result.model.spec.model == "sem"


def test_logit_offers_what_estimators_do(cities):
    panel, w, clubs = cities
    result = convergence.club_logit(clubs, panel, ["human_capital"], w, level=0.9)
    assert list(result.frame) == [
        "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high", "odds_ratio",
    ]  # fmt: skip
    np.testing.assert_allclose(result.conf_int(0.9), result.frame[["conf_low", "conf_high"]])
    np.testing.assert_allclose(result.frame["odds_ratio"], np.exp(result.params))
    np.testing.assert_allclose(result.std_errors**2, np.diag(result.cov))
    assert result.cov.index.tolist() == ["human_capital", "neighbours"]
    assert result.aic == pytest.approx(2 * 4 - 2 * result.loglik)  # two slopes, two cuts
    assert result.bic == pytest.approx(4 * np.log(336) - 2 * result.loglik)
    test = result.tests["lr"]
    assert test.df == 2
    assert test.statistic == pytest.approx(2 * (result.loglik - result.null_loglik))


def test_covariance_of_the_logit_where_variables_are_scaled(cities):
    """In other units of measurement the covariance is that of the rescaled coefficients."""
    panel, _, clubs = cities
    names = ["human_capital", "synergy"]
    result = convergence.club_logit(clubs, panel, names)
    larger = panel.assign(human_capital=lambda d: 10 * d["human_capital"])
    scaled = convergence.club_logit(clubs, larger, names)
    factor = np.array([10.0, 1.0])
    # The Hessian is obtained by numerical differences.
    np.testing.assert_allclose(scaled.cov * np.outer(factor, factor), result.cov, rtol=1e-4)


# -- tests ----------------------------------------------------------------------------------------


def test_trends_are_tests(incomes):
    result = convergence.sigma(incomes, "income")
    assert list(result.tests) == list(result.trends.index)
    test, row = result.tests["cv"], result.trends.loc["cv"]
    assert (test.statistic, test.p_value, test.df) == (row["statistic"], row["p_value"], 79)
    assert test.p_value == pytest.approx(2 * stats.t.sf(abs(test.statistic), 79))
    assert result.spec.lags == 3


def test_the_log_t_test_is_a_test(incomes):
    result = convergence.log_t(incomes, "income", logs=True)
    test = result.tests["log_t"]
    assert (test.statistic, test.p_value) == (result.statistic, result.p_value)
    row = result.frame.loc["log_t"]
    assert row.tolist() == [
        result.b, result.std_error, result.statistic, result.p_value, result.b / 2,
    ]  # fmt: skip
    assert (result.variable, result.first_period) == ("income", 1956)


def test_clubs_keep_their_options(cities):
    _, _, clubs = cities
    assert clubs.spec["merge"] == "phillips-sul"
    assert (clubs.variable, clubs.description) == ("gdp_pc", "log of 'gdp_pc'")
    assert not clubs.tests
    joins = [convergence.club_joins(clubs, cities[1], permutations=19).frame for _ in range(2)]
    pd.testing.assert_frame_equal(*joins)


def test_public_names_only():
    assert dir(convergence) == sorted(convergence.__all__)


# -- messages -------------------------------------------------------------------------------------


def test_messages_of_convergence_in_chinese(incomes, cities):
    panel, w, clubs = cities
    for result in (convergence.log_t(incomes, "income", logs=True), clubs):
        in_chinese(result.description)
    log_t = convergence.log_t(incomes, "income", logs=True)
    in_chinese(log_t.reading)
    sigma = convergence.sigma(incomes, "income")
    for reading in sigma.trends["reading"]:
        in_chinese(reading)
    spatial = convergence.beta(
        incomes, "income", nq.weights.contiguity(incomes), model="sar", kind="panel", step=10
    )
    logit = convergence.club_logit(clubs, panel, ["human_capital"], w)
    for result in (log_t, sigma, spatial, logit):
        for test in result.tests.values():
            in_chinese(test.name)
            in_chinese(test.null)
        for note in result.notes:
            in_chinese(note, own_words={"all", "coefficient", "direct", "total"})
    assert spatial.notes
    for tested in clubs.history["tested"]:
        in_chinese(tested)


def test_clubs_are_named_in_the_language_of_the_reader(cities):
    panel, _, clubs = cities
    groups = clubs.groups()
    assert set(map(translate, groups, ["zh"] * len(groups))) == {"俱乐部 1", "俱乐部 2", "俱乐部 3"}
    logit = convergence.club_logit(clubs, panel, ["human_capital"])
    assert [translate(name, "zh") for name in logit.cuts.index] == [
        "俱乐部 1 | 俱乐部 2", "俱乐部 2 | 俱乐部 3",
    ]  # fmt: skip
    assert [translate(name, "zh") for name in logit.marginal] == [
        "俱乐部 1",
        "俱乐部 2",
        "俱乐部 3",
    ]
    # Groups that are read from a Series keep their messages.
    chains = nq.dynamics.markov_by_group(panel, "gdp_pc", group=groups, states=3, relative=True)
    assert [translate(name, "zh") for name in chains.chains] == ["俱乐部 1", "俱乐部 2", "俱乐部 3"]


def test_notes_of_clubs_in_chinese():
    rng = np.random.default_rng(3)
    values = np.exp(np.cumsum(0.05 * rng.normal(size=(14, 12)), axis=1)) + 1
    values[1] = values[0]
    with pytest.warns(ShortPanelWarning, match="12 periods are few"):
        clubs = convergence.clubs(
            panel_of(values), "y", merge_divergent=True, critical="increasing"
        )
    assert any("12 periods are few" in note for note in clubs.notes)
    for note in clubs.notes:
        in_chinese(note)


def test_readings_by_b_and_t():
    from dataclasses import replace

    result = convergence.log_t(nq.datasets.us_income(), "income", logs=True)
    cases = {
        (0.5, np.nan): "no result",
        (-1.0, 0.1): "rejected at 5 %",
        (2.1, 0.1): "levels",
        (0.5, 0.1): "growth rates",
        (-0.1, 0.1): "weak evidence",
    }
    for (b, error), words in cases.items():
        case = replace(result, b=b, std_error=error)
        assert words in case.reading
        in_chinese(case.reading)
    missing = replace(result, std_error=np.nan).tests["log_t"]
    assert isinstance(missing, NotApplicable)
    in_chinese(missing.reason)


def test_results_draw_themselves(incomes, cities):
    import matplotlib.pyplot as plt

    _, _, clubs = cities
    for result in (
        convergence.sigma(incomes, "income"),
        convergence.beta(incomes, "income"),
        clubs,
    ):
        assert result.plot() is not None
    plt.close("all")
