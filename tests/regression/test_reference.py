"""Static models against independent programs."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq

EFFECTS = {"individual": "unit", "time": "period", "twoways": "two-way"}
CORRECTION = {"lsdv": "none", "leeyu_transform": "transformation"}
FORMULAS = {
    "munnell": "lgsp ~ lpcap + lpc + lemp + unemp",
    "produc": "lgsp ~ lpcap + lpc + lemp + unemp",
    "cigar": "logc ~ logp + logy",
}
CASES = [
    f"{model}_{effects}_{correction}"
    for model in ("sar", "sdm")
    for effects in EFFECTS
    for correction in CORRECTION
]


def key_of(name: str) -> tuple[str, str]:
    return ("wx", name[2:]) if name.startswith("W*") else ("x", name)


def assert_same(panel, w, formula, case, truth, covariance, rtol):
    model, effects, correction = case.split("_", 2)
    res = nq.fit(
        formula,
        panel,
        w,
        model=model,
        effects=EFFECTS[effects],
        correction=CORRECTION[correction],
        covariance=covariance,
    )
    se = truth[f"se_{covariance}"]
    pairs = [
        (res.params["spatial", "rho"], truth["rho"]),
        (res.sigma2, truth["sigma2"]),
        (res.loglik, truth["loglik"]),
        (res.std_errors["spatial", "rho"], se["rho"]),
        (res.sigma2_std_error, se["sigma2"]),
    ]
    pairs += [(res.params[key_of(name)], value) for name, value in truth["beta"].items()]
    pairs += [(res.std_errors[key_of(name)], value) for name, value in se["beta"].items()]
    effects_table = res.effects(method="delta").wide()
    pairs += [
        (effects_table.loc[name, kind], value)
        for name, impact in truth["point_impacts"].items()
        for kind, value in impact.items()
    ]
    ours, theirs = np.array(pairs).T
    np.testing.assert_allclose(ours, theirs, rtol=rtol)


@pytest.mark.parametrize("covariance", ["observed", "expected"])
@pytest.mark.parametrize("case", CASES)
def test_munnell(states, reference, case, covariance):
    panel, w = states
    truth = reference("munnell")["munnell"][case]
    assert_same(panel, w, FORMULAS["munnell"], case, truth, covariance, rtol=1e-7)


@pytest.mark.parametrize("covariance", ["observed", "expected"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["cigar", "produc"])
def test_cigar_and_produc(nqp_data, name, case, covariance):
    folder = nqp_data / "reference" / name
    panel = nq.SpatialPanel(pd.read_csv(folder / "panel.csv"), unit="state", period="year")
    edges = pd.read_csv(folder / "weights.csv")
    w = nq.weights.from_edges(edges, focal="origin", neighbor="dest", weight="weight")
    truth = json.loads((folder / "independent_ml.json").read_text())["static"][case]
    assert_same(panel, w, FORMULAS[name], case, truth, covariance, rtol=1e-7)


@pytest.mark.parametrize("model", ["sar", "sdm"])
@pytest.mark.parametrize("effects", ["none", "individual", "time", "twoways"])
def test_cigar_observed_hessian(nqp_data, model, effects):
    """A second program's dummy-variable fit, pooled included (its intercept is not listed)."""
    folder = nqp_data / "reference" / "cigar"
    panel = nq.SpatialPanel(pd.read_csv(folder / "panel.csv"), unit="state", period="year")
    edges = pd.read_csv(folder / "weights.csv")
    w = nq.weights.from_edges(edges, focal="origin", neighbor="dest", weight="weight")
    result = json.loads((folder / "observed_hessian_and_splm.json").read_text())
    truth = result["observed_hessian"][f"{model}_{effects}"]
    formula = FORMULAS["cigar"]
    if effects == "none":
        # The reference's "none" model has no intercept: with one, the numbers differ.
        formula = formula.replace("~", "~ 0 +")
    res = nq.fit(
        formula,
        panel,
        w,
        model=model,
        effects=EFFECTS.get(effects, "none"),
        correction="none",
    )
    np.testing.assert_allclose(res.params["spatial", "rho"], truth["rho"], rtol=1e-6)
    np.testing.assert_allclose(res.loglik, truth["loglik"], rtol=1e-8)
    np.testing.assert_allclose(res.std_errors["spatial", "rho"], truth["se_rho"], rtol=1e-5)
    np.testing.assert_allclose(res.std_errors.iloc[:-1], truth["se_beta"], rtol=1e-5)


@pytest.mark.parametrize("model", ["sar", "sdm"])
def test_columbus_spatial(columbus, reference, model):
    panel, w = columbus
    truth = reference("columbus")["models"][model]
    res = nq.fit(
        "CRIME ~ INC + HOVAL", panel, w, model=model, effects="none", covariance="expected"
    )
    names = {
        "(Intercept)": ("x", "Intercept"),
        "INC": ("x", "INC"),
        "HOVAL": ("x", "HOVAL"),
        "lag.INC": ("wx", "INC"),
        "lag.HOVAL": ("wx", "HOVAL"),
    }
    for name, value in truth["std_errors"].items():
        assert res.params[names[name]] == pytest.approx(truth["coefficients"][name], rel=1e-6)
        assert res.std_errors[names[name]] == pytest.approx(value, rel=1e-5)
    assert res.params["spatial", "rho"] == pytest.approx(truth["rho"], rel=1e-6)
    assert res.std_errors["spatial", "rho"] == pytest.approx(truth["rho_se"], rel=1e-5)
    assert res.sigma2 == pytest.approx(truth["sigma2"], rel=1e-6)
    assert res.loglik == pytest.approx(truth["loglik"], rel=1e-9)
    assert res.aic == pytest.approx(truth["aic"], rel=1e-9)
    table = res.effects(method="delta").wide()
    for kind, impact in truth["impacts"]["exact"].items():
        for name, value in impact.items():
            assert table.loc[name, kind] == pytest.approx(value, rel=1e-5)


def test_columbus_simulated_effects_have_the_same_spread(columbus, reference):
    """Standard deviations of 5 000 draws there and of 20 000 here: within their sampling error."""
    panel, w = columbus
    res = nq.fit(
        "CRIME ~ INC + HOVAL", panel, w, model="sar", effects="none", covariance="expected"
    )
    frame = res.effects(draws=20_000, seed=3).frame.set_index(["effect", "variable"])["std_error"]
    truth = reference("columbus")["models"]["sar"]["impacts"]["simulated"]["sd"]
    for kind, impact in truth.items():
        for name, value in impact.items():
            # Indirect effects have heavy tails near rho = 1, so their deviations vary most.
            assert frame[kind, name] == pytest.approx(value, rel=0.05 if kind == "direct" else 0.2)


def test_columbus_linear(columbus, reference):
    panel, w = columbus
    models = reference("columbus")["models"]
    ols = nq.fit("CRIME ~ INC + HOVAL", panel, model="ols", effects="none")
    slx = nq.fit("CRIME ~ INC + HOVAL", panel, w, model="slx", effects="none")
    for res, truth in [(ols, models["ols"]), (slx, models["slx"])]:
        np.testing.assert_allclose(res.params, list(truth["coefficients"].values()), rtol=1e-9)
        np.testing.assert_allclose(res.std_errors, list(truth["std_errors"].values()), rtol=1e-9)
        assert res.sigma2 == pytest.approx(truth["sigma2_ml"], rel=1e-9)
        assert res.loglik == pytest.approx(truth["loglik"], rel=1e-9)
        assert res.aic == pytest.approx(truth["aic"], rel=1e-9)
    effects = slx.effects().frame.set_index(["variable", "effect"])
    rows = models["slx"]["impacts"]
    for name, point, se in zip(["INC", "HOVAL"], rows["estimates"], rows["se"], strict=True):
        for kind in ("direct", "indirect", "total"):
            assert effects.loc[(name, kind), "estimate"] == pytest.approx(point[kind.title()])
            assert effects.loc[(name, kind), "std_error"] == pytest.approx(se[kind.title()])


def test_bias_correction_lands_beside_the_transformation(states):
    """Two ways to the same first-order correction: their gap is of a smaller order."""
    panel, w = states
    rho = {
        correction: nq.fit(FORMULAS["munnell"], panel, w, correction=correction).params[
            "spatial", "rho"
        ]
        for correction in ("none", "bias", "transformation")
    }
    assert abs(rho["bias"] - rho["transformation"]) < 0.05 * (rho["transformation"] - rho["none"])
