"""p-values and intervals of effects come from one test; Fieller's intervals by brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from nqp_spatial.regression._effect_inference import by_draws, by_fieller
from nqp_spatial.regression._effect_parameters import _square_root, effect_parameters

LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)


def agree(frame, level):
    """Whether p < alpha exactly where the interval excludes zero."""
    excludes = (frame["conf_low"] > 0) | (frame["conf_high"] < 0)
    return ((frame["p_value"] < 1 - level) == excludes).all()


@pytest.fixture(scope="module")
def models(lattice, simulate):
    """Models with effects of every size: significant, not, and near the critical values."""
    w = lattice(5, 5)
    panel = simulate(w, 6, beta=(0.35, -0.1, 0.05), theta=(0.2, 0.1, 0.0), seed=4)
    fitted = {
        model: nq.fit("y ~ x1 + x2 + x3 + I(x3 ** 2)", panel, w, model=model, effects="unit")
        for model in ("ols", "slx", "sar", "sem", "sdm", "sdem")
    }
    fitted["dynamic"] = nq.fit(
        "y ~ x1 + x2 * x3", panel, w, effects="unit", time_lag=True, correction="none"
    )
    strong = simulate(w, 6, beta=(1.0, -0.1), theta=(0.0, 0.0), seed=4)
    fitted["gs2sls"] = nq.fit(
        "y ~ x1 + x2", strong, w, model="sar", effects="unit", estimator="gs2sls"
    )
    return fitted


@pytest.mark.parametrize("method", ["draws", "delta", "fieller"])
def test_p_values_agree_with_intervals(models, method):
    for name, res in models.items():
        horizons = [0, 2] if name == "dynamic" else []
        both = set()
        for level in LEVELS:
            frame = res.effects(149, method=method, level=level, horizons=horizons).frame
            assert agree(frame, level), (name, level)
            both |= set(frame["p_value"] < 1 - level)
        assert both == {True, False}


@pytest.mark.parametrize("draws", [2, 19, 39, 40, 199])
def test_few_draws_determine_no_interval_of_a_high_level(draws):
    sample = 5 + np.random.default_rng(0).normal(size=(draws, 1, 1))
    for level in (0.05, 0.5, 0.9, 0.95, 0.99, 0.999):
        result = by_draws(sample, level)
        assert result.p_values == pytest.approx(2 / (draws + 1))
        excludes = result.low > 0
        assert excludes == (result.p_values < 1 - level)
        assert excludes == (2 / (draws + 1) < 1 - level)


def test_the_p_value_is_the_level_at_which_the_interval_touches_zero():
    rng = np.random.default_rng(1)
    sample = rng.normal(rng.uniform(-2, 2, size=30), size=(57, 30))[:, :, None]
    p_values = by_draws(sample, 0.9).p_values.ravel()
    for column, p in zip(sample[:, :, 0].T, p_values, strict=True):
        touch = [
            optimize.brentq(lambda q, column=column: np.quantile(column, q), 0, 1)
            if column.min() < 0 < column.max()
            else 0.0
        ]
        truth = 2 * min(touch[0], 1 - touch[0])
        assert p == pytest.approx(max(truth, 2 / 58), abs=1e-9)


def test_ties_at_zero_count_for_both_sides():
    sample = np.concatenate([np.zeros(50), np.ones(50)])[:, None, None]
    for sign in (1, -1):
        p_value = by_draws(sign * sample, 0.9).p_values
        assert p_value == pytest.approx(2 * 49 / 99)
        assert np.quantile(sign * sample, 49 / 99 if sign > 0 else 50 / 99) == 0
    few = np.concatenate([np.zeros(5), np.ones(95)])[:, None, None]
    for sign in (1, -1):
        assert by_draws(sign * few, 0.9).p_values == pytest.approx(2 * 4 / 99)
    assert by_draws(np.zeros((50, 1, 1)), 0.9).p_values == 1.0


def test_linear_models_have_t_in_both(columbus):
    panel, _ = columbus
    res = nq.fit("CRIME ~ INC + HOVAL", panel, model="ols", effects="none")
    frame = res.effects().frame
    direct = frame[frame["effect"] == "direct"].set_index("variable")
    for name in ("INC", "HOVAL"):
        assert direct.loc[name, "p_value"] == pytest.approx(res.pvalues["x", name], rel=1e-10)
        low, high = res.conf_int().loc[("x", name)]
        assert direct.loc[name, "conf_low"] == pytest.approx(low)
        assert direct.loc[name, "conf_high"] == pytest.approx(high)


# -- Fieller --------------------------------------------------------------------------------------


def test_fieller_of_a_ratio_is_the_set_that_is_not_rejected(models):
    """Total effects (beta + theta) / (1 - tau - rho), by a search over c."""
    res = models["dynamic"]
    level = 0.8
    frame = res.effects(method="fieller", level=level).frame
    row = frame[(frame["variable"] == "x1") & (frame["effect"] == "total")]
    row = row.set_index("horizon")
    keys, z = list(res.params.index), stats.norm.ppf(0.9)
    top = np.array([key in (("x", "x1"), ("wx", "x1")) for key in keys], dtype=float)
    for horizon, names in (("short-run", ["rho"]), ("long-run", ["rho", "tau"])):
        bottom = -np.array([key[1] in names for key in keys], dtype=float)
        params, cov = res.params.to_numpy(), res.cov.to_numpy()

        def gap(c, bottom=bottom, params=params, cov=cov):
            direction = top - c * bottom
            value = direction @ params - c
            return value**2 / (direction @ cov @ direction) - z**2

        estimate = row.loc[horizon, "estimate"]
        assert estimate == pytest.approx(top @ params / (1 + bottom @ params))
        reach = 30 * row.loc[horizon, "std_error"]
        low = optimize.brentq(gap, estimate - reach, estimate)
        high = optimize.brentq(gap, estimate, estimate + reach)
        assert row.loc[horizon, "conf_low"] == pytest.approx(low, rel=1e-8)
        assert row.loc[horizon, "conf_high"] == pytest.approx(high, rel=1e-8)
        p = 2 * stats.norm.sf(abs(top @ params) / np.sqrt(top @ cov @ top))
        assert row.loc[horizon, "p_value"] == pytest.approx(p)


@pytest.mark.parametrize("standardize", ["row", "spectral", "none"])
def test_the_denominator_is_zero_where_effects_grow_without_end(lattice, simulate, standardize):
    w = lattice(4, 4, standardize=standardize)
    res = nq.fit("y ~ x1", simulate(lattice(4, 4), 6), w, effects="unit")
    parameters = effect_parameters(res)
    high = res.logdet.interval[1]
    value, slopes = parameters.denominator("static", high)
    assert value == pytest.approx(1 - res.params["spatial", "rho"] / high)
    assert slopes.tolist() == [0, 0, pytest.approx(-1 / high)]
    assert high == pytest.approx(1 / np.linalg.eigvals(w.sparse.toarray()).real.max())


def test_fieller_is_the_delta_method_where_the_denominator_is_certain(lattice, simulate):
    w = lattice(15, 15)
    res = nq.fit("y ~ x1", simulate(w, 20, sigma=0.2), w)
    fieller, delta = (res.effects(method=m).frame for m in ("fieller", "delta"))
    columns = ["conf_low", "conf_high"]
    np.testing.assert_allclose(fieller[columns], delta[columns], rtol=3e-3)
    assert (fieller["std_error"] == delta["std_error"]).all()
    slx = nq.fit("y ~ x1", simulate(w, 5), w, model="slx")
    assert slx.effects(method="fieller").spec.method == "delta"


def test_an_unbounded_interval_is_said_to_be_that(models):
    """A denominator of 0.05 with the standard error 0.1."""
    point = np.array([[1.0, 2.0, 3.0]])
    gradient = np.zeros((1, 3, 2))
    gradient[..., 0] = 1.0
    cov = np.diag([1e-4, 0.01])
    result = by_fieller(point, gradient, 0.05, np.array([0.0, 1.0]), cov, 0.95)
    assert np.isinf([result.low, result.high]).all()
    assert (result.p_values >= 2 * stats.norm.sf(0.5)).all()
    narrow = by_fieller(point, gradient, 0.05, np.array([0.0, 1.0]), cov, 0.3)
    assert np.isfinite([narrow.low, narrow.high]).all()
    res = models["dynamic"]
    level = 1 - 1e-13
    effects = res.effects(method="fieller", level=level)
    assert np.isinf(effects.frame["conf_low"]).any()
    assert any("unbounded" in note for note in effects.notes)
    assert "inverted test (Fieller)" in repr(effects)
    assert any("few draws" in note for note in res.effects(20, level=0.99).notes)


def test_methods_agree_where_the_sample_is_large(lattice, simulate):
    w = lattice(15, 15)
    res = nq.fit("y ~ x1", simulate(w, 12), w, time_lag=True)
    frames = {m: res.effects(20_000, method=m).frame for m in ("draws", "delta", "fieller")}
    width = {m: (f["conf_high"] - f["conf_low"]).to_numpy() for m, f in frames.items()}
    np.testing.assert_allclose(width["draws"], width["delta"], rtol=0.08)
    np.testing.assert_allclose(width["fieller"], width["delta"], rtol=0.08)
    pd.testing.assert_series_equal(frames["draws"]["estimate"], frames["fieller"]["estimate"])


def test_effects_with_fewer_clusters_than_coefficients(states):
    """The covariance is singular, its draws lie in a subspace; a note leads to t intervals."""
    panel, w = states
    panel = panel.assign(third=lambda d: d.index.get_level_values(0).str[0].map(ord) // 5)
    res = nq.fit(
        "lgsp ~ lpcap + lpc + lemp + unemp", panel, w, covariance="cluster", cluster="third"
    )
    count = panel.frame["third"].nunique()
    assert np.linalg.matrix_rank(res.cov / np.outer(res.std_errors, res.std_errors)) < len(res.cov)
    drawn, linear = res.effects(draws=4000), res.effects(method="delta")
    ratio = drawn.frame["std_error"] / linear.frame["std_error"]
    assert ((ratio > 0.9) & (ratio < 1.2)).all()
    assert any(f"too short with {count} clusters" in note for note in drawn.notes)
    assert not any("clusters" in note for note in linear.notes)


def test_roots_of_singular_and_of_indefinite_matrices():
    ones = np.ones((3, 3))
    np.testing.assert_allclose(_square_root(ones) @ _square_root(ones).T, ones, atol=1e-12)
    with pytest.raises(OptionError, match="not positive semi-definite"):
        _square_root(np.array([[1.0, 2.0], [2.0, 1.0]]))
