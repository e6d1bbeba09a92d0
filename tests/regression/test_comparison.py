"""Models side by side, and the same grid in one process, in several, and on a Dask cluster."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from nqp_spatial.regression import model_grid
from tests.parity import agree

FORMULA = "lgsp ~ lpc + lemp"


@pytest.fixture(scope="module")
def candidates(states):
    panel, queen = states
    return {"queen": queen, "six nearest": nq.weights.knn(panel, k=6)}


def test_columns_are_the_models(states, candidates):
    panel, _ = states
    models = {
        "sar": nq.fit(FORMULA, panel, candidates["queen"], model="sar"),
        "sdm": nq.fit(FORMULA, panel, candidates["six nearest"]),
    }
    result = nq.compare(models, seed=3)
    for name, res in models.items():
        estimates = result.params[name].dropna()
        assert estimates.to_dict() == res.params.to_dict()
        assert result.std_errors[name].dropna().to_dict() == res.std_errors.to_dict()
        assert result.criteria.loc[name, "AIC"] == res.aic
        frame = res.effects(1000, seed=3).frame.set_index(["variable", "horizon", "effect"])
        pd.testing.assert_series_equal(
            result.effect_estimates[name].dropna(), frame["estimate"], check_names=False
        )
    assert np.isnan(result.params.loc[("wx", "lpc"), "sar"])
    assert result.notes == ()
    coefficients = result.frame.set_index(["model", "block", "variable"])
    for name, res in models.items():
        pd.testing.assert_frame_equal(coefficients.loc[name], res.frame, check_names=False)
    assert (result.spec.draws, result.spec.seed) == (1000, 3)
    assert "lpc" in repr(result)
    assert "<table" in result._repr_html_()


def test_what_does_not_compare_is_said(states):
    panel, w = states
    short = panel.select(periods=panel.periods[:10])
    different = nq.compare({"all": nq.fit(FORMULA, panel, w), "short": nq.fit(FORMULA, short, w)})
    assert "different observations" in different.notes[0]
    loose = nq.compare({e: nq.fit(FORMULA, panel, w, effects=e) for e in ("unit", "two-way")})
    assert "criteria are not comparable" in loose.notes[0]
    with pytest.raises(OptionError, match="got nothing"):
        nq.compare({})
    with pytest.raises(OptionError, match=r"'wrong' has 1\.0"):
        nq.compare({"wrong": 1.0})


def test_what_likelihoods_compare_is_said(states):
    panel, w = states
    options = {"model": "sar", "effects": "unit"}
    ml = nq.fit(FORMULA, panel, w, **options)
    none = {
        kind: nq.fit(FORMULA, panel, w, model="sar", effects=kind, correction="none")
        for kind in ("none", "unit", "two-way")
    }
    assert nq.compare(none, draws=20).notes == (
        "fixed effects are not counted as parameters: AIC and BIC of models that differ in effects "
        "are not comparable, log-likelihoods are",
    )
    mixed = nq.compare({"transformed": ml, "dummies": none["unit"]}, draws=20)
    assert len(mixed.notes) == 1
    assert "differently transformed data" in mixed.notes[0]
    two_stage = nq.fit(FORMULA, panel, w, estimator="gs2sls", **options)
    both = nq.compare({"ml": ml, "two stages": two_stage}, draws=20)
    assert both.notes == (
        "no log-likelihood, AIC and BIC, as they are not maximum likelihood: two stages",
    )
    logs = nq.fit("lpcap ~ lpc + lemp", panel, w, **options)
    assert "different outcomes" in nq.compare({"a": ml, "b": logs}, draws=20).notes[0]
    assert nq.compare({"a": two_stage, "b": two_stage}, draws=20).notes == ()


@pytest.mark.parity
def test_conversion_of_criteria_into_those_with_dummies(states):
    """AIC and BIC of least squares with factors, by statsmodels, plus sigma2."""
    import statsmodels.formula.api as smf

    panel, _ = states
    frame = panel.frame.reset_index()
    n, periods = panel.n_units, panel.n_periods
    cases = {
        "unit": ("C(unit)", n), "period": ("C(period)", periods),
        "two-way": ("C(unit) + C(period)", n + periods - 1),
    }  # fmt: skip
    for effects, (factors, count) in cases.items():
        ours = nq.fit(FORMULA, panel, model="ols", effects=effects, correction="none")
        theirs = smf.ols(f"{FORMULA} + {factors}", frame).fit()
        other = {
            "program": "statsmodels", "data": "US public capital", "rtol": 1e-6,
            "case": effects,
        }  # fmt: skip
        agree("OLS with dummies: log-likelihood", ours.loglik, theirs.llf, **other)
        # statsmodels does not count sigma2, R does
        agree("OLS with dummies: AIC", ours.aic + 2 * count, theirs.aic + 2, **other)
        nobs = np.log(ours.nobs)
        agree("OLS with dummies: BIC", ours.bic + nobs * count, theirs.bic + nobs, **other)


def test_the_grid_is_every_combination(states, candidates):
    panel, _ = states
    result = model_grid(
        [FORMULA, "lgsp ~ lpc"], panel, candidates, models=("sar", "sdm"), effects=("unit",)
    )
    assert len(result.models) == 8
    assert result.frame["model"].nunique() == 8
    assert result.spec["weights"].startswith("queen: queen contiguity")
    assert nq.compare(result, draws=20).criteria.shape == (8, 5)
    fitted = result.models["lgsp ~ lpc, six nearest, sar"]
    assert fitted.spec.model == "sar"
    alone = nq.fit("lgsp ~ lpc", panel, candidates["six nearest"], model="sar", effects="unit")
    np.testing.assert_allclose(fitted.params, alone.params, rtol=1e-12)
    with pytest.raises(OptionError, match="models must not be empty"):
        model_grid(FORMULA, panel, candidates, models=())


def same_bits(one, other):
    assert list(one.models) == list(other.models)
    for name, res in one.models.items():
        for field in ("params", "cov", "resid", "fitted"):
            assert getattr(res, field).equals(getattr(other.models[name], field)), (name, field)
        assert res.loglik == other.models[name].loglik


def test_several_processes_give_the_same_bits(states, candidates):
    panel, _ = states
    options = {"models": ("sar", "sdm"), "logdet": "factor"}
    alone = model_grid(FORMULA, panel, candidates, **options)
    same_bits(alone, model_grid(FORMULA, panel, candidates, n_jobs=2, **options))
    # Nor does it matter what was fitted with the weights before.
    same_bits(alone, model_grid(FORMULA, panel, candidates, **options))


def test_a_dask_cluster_gives_the_same_bits(states, candidates, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")
    panel, _ = states
    formulas = [FORMULA, "lgsp ~ lpc", "lgsp ~ lemp", "lgsp ~ unemp"]
    alone = model_grid(formulas, panel, candidates, models=("sar", "sem"))
    moran = nq.esda.moran(panel, "lgsp", candidates["queen"], permutations=199, seed=1)
    sent = []

    def counted(weights):
        sent.append(weights.spec.kind)
        return dict(weights.__dict__)

    monkeypatch.setattr(nq.weights.SpatialWeights, "__getstate__", counted, raising=False)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster),
        parallel_config(backend="dask"),
    ):
        on_cluster = model_grid(formulas, panel, candidates, models=("sar", "sem"), n_jobs=-1)
        assert len(sent) == 2, "four formulas use each matrix, and it is sent once"
        permuted = nq.esda.moran(
            panel, "lgsp", candidates["queen"], permutations=199, seed=1, n_jobs=-1
        )
    same_bits(alone, on_cluster)
    pd.testing.assert_frame_equal(moran.frame, permuted.frame, check_exact=True)


def test_a_model_without_effects_leaves_those_of_the_others(states):
    """Two-stage least squares does not keep rho in its interval."""
    panel, w = states
    fitted = nq.fit(FORMULA, panel, w, model="sar", effects="unit")
    moved = fitted.params.copy()
    moved["spatial", "rho"] = 1.05
    outside = replace(fitted, params=moved)
    with pytest.raises(OptionError, match=r"rho = 1\.05 lies outside its admissible interval"):
        outside.effects(method="delta")
    result = nq.compare({"inside": fitted, "outside": outside}, draws=20)
    assert list(result.effects) == list(result.effect_estimates.columns) == ["inside"]
    assert result.notes[-1].startswith(
        "outside has no effects: the estimate is not stable: rho = 1.05"
    )
    alone = nq.compare({"outside": outside}, draws=20)
    assert alone.effect_estimates.empty and "Empty" not in repr(alone)


def test_a_model_without_regressors_has_no_effects_and_says_so(states, tmp_path):
    panel, w = states
    res = nq.fit("lgsp ~ 1", panel, w, model="sar")
    effects = res.effects(draws=20)
    assert effects.frame.empty
    assert effects.notes == ("the model has no regressors, and therefore no effects",)
    assert "Empty" not in repr(effects) and "Empty" not in repr(nq.compare({"a": res}, draws=20))
    with pytest.raises(OptionError, match="no effects to draw"):
        effects.plot()
    with pytest.raises(OptionError, match="no effects to write"):
        nq.report.effects_table(effects, tmp_path / "a.html")
    table = nq.report.regression_table({"a": res}, tmp_path / "a.tex", effects={"a": effects})
    assert table.exists()
