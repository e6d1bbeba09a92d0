"""What a result shows: labels, summary, tables for other programs, provenance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nqp_spatial as nq
from nqp_spatial.core.text import translate

FORMULA = "lgsp ~ lpcap + lpc + lemp + unemp"


@pytest.fixture(scope="module")
def result(states):
    panel, w = states
    return nq.fit(FORMULA, panel, w)


def test_vectors_are_labelled(result, states):
    panel, _ = states
    assert result.params.index.names == ["block", "variable"]
    assert result.params.index[-1] == ("spatial", "rho")
    assert ("wx", "lemp") in result.params.index
    assert result.cov.index.equals(result.params.index)
    assert result.resid.index.equals(panel.frame.index)
    assert result.nobs == 816


def test_inference_is_consistent(result):
    z = result.params / result.std_errors
    np.testing.assert_allclose(result.pvalues, 2 * stats.norm.sf(np.abs(z)))
    interval = result.conf_int(0.9)
    np.testing.assert_allclose(
        interval["conf_high"] - result.params, 1.6448536269514722 * result.std_errors
    )


def test_aic_and_bic(result):
    assert result.aic == pytest.approx(20 - 2 * result.loglik)
    assert result.bic == pytest.approx(10 * np.log(816) - 2 * result.loglik)


def test_summary_fits_a_terminal_and_says_what_was_done(result):
    text = str(result.summary)
    assert max(map(len, text.splitlines())) <= 80
    for words in ("SDM", "queen contiguity", "Lee-Yu transformation", "rho", "not effects"):
        assert words in text
    assert repr(result.summary) == text


def test_html(result):
    html = result._repr_html_()
    assert "<table" in html
    assert "Spatial Durbin" in html
    assert "<table" in result.effects(method="delta")._repr_html_()


def test_html_of_a_comparison_in_a_formula_is_escaped(states):
    panel, w = states
    res = nq.fit("lgsp ~ I(lpc<10) + lemp", panel, w, effects="none")
    html = res._repr_html_()
    assert "I(lpc&lt;10)" in html
    assert "lpc<10" not in html


def test_the_frame_holds_the_coefficients(result):
    frame = result.frame
    assert frame.columns.tolist() == [
        "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high",
    ]  # fmt: skip
    assert frame.index.equals(result.params.index)
    np.testing.assert_array_equal(frame["statistic"], result.statistics)
    assert len(result.tests) == 0


def test_what_a_result_says_of_itself_is_read_in_chinese(result):
    assert translate(result.spec.describe(), "zh") == "空间杜宾模型（SDM），个体与时间双固定效应"
    effects = result.effects(method="delta")
    assert translate(effects.title, "zh").startswith("空间杜宾模型（SDM），个体与时间双固定效应；")
    assert effects.spec["weights"] == result.spec.weights


def test_maketables_reads_the_result(result):
    import maketables

    table = maketables.ETable([result])
    html = table.make(type="gt").as_raw_html()
    assert "W &times; Public capital (log)" in html
    assert "0.412" in html
    assert result.__maketables_stat__("N") == 816
    assert result.__maketables_fixef_string__ == "unit+period"


def test_qml_covariance_under_normal_errors_is_the_usual_one(lattice, simulate):
    w = lattice(20, 20)
    panel = simulate(w, 10)
    usual = nq.fit("y ~ x1 + x2", panel, w).std_errors
    qml = nq.fit("y ~ x1 + x2", panel, w, covariance="qml").std_errors
    np.testing.assert_allclose(qml, usual, rtol=0.05)


@pytest.mark.parametrize("effects", [pytest.param("none", marks=pytest.mark.slow), "two-way"])
def test_qml_covariance_knows_the_spread_of_sigma2_under_heavy_tails(lattice, simulate, effects):
    """With exponential errors sigma2 varies twice as much as under normality; rho hardly."""
    w = lattice(10, 10)

    def errors(rng, shape):
        return rng.exponential(size=shape) - 1  # skewness 2, kurtosis 9

    outcome, usual, qml = [], [], []
    for seed in range(150):
        panel = simulate(w, 6, seed=seed, errors=errors, beta=(1.0,), theta=(0.5,))
        formula = "y ~ x1"
        if effects == "none":  # no effects in the data either
            panel = panel.assign(x1=lambda d, s=seed: np.random.default_rng(s).normal(size=len(d)))
            rng = np.random.default_rng(1000 + seed)
            x = panel.values("x1")
            right = x + 0.5 * (w.sparse @ x) + errors(rng, x.shape)
            y = np.linalg.solve(np.eye(100) - 0.4 * w.sparse.toarray(), right)
            panel = panel.assign(y=y.ravel())
        plain = nq.fit(formula, panel, w, effects=effects)
        two = nq.fit(formula, panel, w, effects=effects, covariance="qml")
        outcome.append(plain.sigma2)
        usual.append(plain.sigma2_std_error)
        qml.append(two.sigma2_std_error)
    std_dev = np.std(outcome, ddof=1)
    assert np.mean(usual) < 0.65 * std_dev
    assert np.mean(qml) == pytest.approx(std_dev, rel=0.15)


def test_cross_section_without_periods(columbus):
    panel, w = columbus
    res = nq.fit("CRIME ~ INC", panel, w, effects="none")
    assert res.n_periods == 1
    assert res.spec.correction == "none"
    assert isinstance(res.resid, pd.Series)


def test_libpysal_weights_serve_as_they_are(columbus):
    panel, w = columbus
    from_graph = nq.fit("CRIME ~ INC", panel, w.graph, effects="none")
    old = w.to_W()
    from_w = nq.fit("CRIME ~ INC", panel, old, effects="none")
    ours = nq.fit("CRIME ~ INC", panel, w, effects="none")
    np.testing.assert_allclose(from_graph.params, ours.params, rtol=1e-9)
    np.testing.assert_allclose(from_w.params, ours.params, rtol=1e-9)
    assert old.transform == w.to_W().transform


def test_dynamic_effects_print_in_one_table_of_80_columns(states):
    panel, w = states
    fit = nq.fit("unemp ~ lpc + lemp", panel, w, effects="unit", time_lag=True)
    lines = repr(fit.effects(method="delta", level=0.9)).splitlines()
    assert max(map(len, lines)) <= 80
    (head,) = [line for line in lines if line.startswith("variable")]
    assert head.split()[3:] == ["estimate", "std.error", "stat", "p", "5", "%", "95", "%"]


def test_the_least_p_value_of_draws_is_stated(states):
    panel, w = states
    fit = nq.fit("lgsp ~ lpc + lemp", panel, w)
    assert "200 draws, seed 0, p at least 0.01;" in repr(fit.effects(draws=200, seed=0))
    assert "p at least" not in repr(fit.effects(method="delta"))


def test_a_summary_may_be_called(states):
    panel, w = states
    fit = nq.fit("lgsp ~ lpc + lemp", panel, w)
    assert fit.summary() == fit.summary
