"""Static models against independent programs."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from tests.parity import agree

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


#: Not a package: dummy-variable and Lee-Yu likelihoods, written out in R.
WRITTEN_OUT = "4.2.2, likelihoods written out"
DATA = {
    "munnell": "US public capital",
    "produc": "US public capital (plm)",
    "cigar": "cigarettes (Cigar)",
}


def assert_same(panel, w, data, case, truth, covariance, rtol):
    model, effects, correction = case.split("_", 2)
    formula, data = FORMULAS[data], DATA[data]
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
    effects_table = res.effects(method="delta").wide()
    pairs = {
        "rho": [(res.params["spatial", "rho"], truth["rho"])],
        "sigma2": [(res.sigma2, truth["sigma2"])],
        "log-likelihood": [(res.loglik, truth["loglik"])],
        "coefficients": [(res.params[key_of(name)], b) for name, b in truth["beta"].items()],
        f"standard errors, {covariance} information": [
            (res.std_errors["spatial", "rho"], se["rho"]), (res.sigma2_std_error, se["sigma2"]),
            *((res.std_errors[key_of(name)], value) for name, value in se["beta"].items()),
        ],
        "effects": [
            (effects_table.loc[name, kind], value)
            for name, impact in truth["point_impacts"].items()
            for kind, value in impact.items()
        ],
    }  # fmt: skip
    name = f"{model.upper()}, {res.spec.effects} effects, {CORRECTION[correction]}"
    for quantity, values in pairs.items():
        ours, theirs = np.array(values).T
        agree(
            f"{model.upper()}: {quantity}", ours, theirs, rtol=rtol, program="R",
            version=WRITTEN_OUT, data=data, case=name,
        )  # fmt: skip


@pytest.mark.parity
@pytest.mark.parametrize("covariance", ["observed", "expected"])
@pytest.mark.parametrize("case", CASES)
def test_munnell(states, reference, case, covariance):
    panel, w = states
    truth = reference("munnell")["munnell"][case]
    assert_same(panel, w, "munnell", case, truth, covariance, rtol=1e-7)


@pytest.mark.parity
@pytest.mark.parametrize("covariance", ["observed", "expected"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["cigar", "produc"])
def test_cigar_and_produc(nqp_data, name, case, covariance):
    folder = nqp_data / "reference" / name
    panel = nq.SpatialPanel(pd.read_csv(folder / "panel.csv"), unit="state", period="year")
    edges = pd.read_csv(folder / "weights.csv")
    w = nq.weights.from_edges(edges, focal="origin", neighbor="dest", weight="weight")
    truth = json.loads((folder / "independent_ml.json").read_text())["static"][case]
    assert_same(panel, w, name, case, truth, covariance, rtol=1e-7)


@pytest.mark.parity
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
    other = {
        "program": "R", "version": WRITTEN_OUT, "data": DATA["cigar"],
        "case": f"{model}, {effects}; a second program",
    }  # fmt: skip
    name = model.upper()
    agree(f"{name}: rho", res.params["spatial", "rho"], truth["rho"], rtol=1e-6, **other)
    agree(f"{name}: log-likelihood", res.loglik, truth["loglik"], rtol=1e-8, **other)
    se = [res.std_errors["spatial", "rho"], *res.std_errors.iloc[:-1]]
    theirs = [truth["se_rho"], *np.ravel(truth["se_beta"])]
    agree(f"{name}: standard errors, observed information", se, theirs, rtol=1e-5, **other)


def version_of(reference):
    return reference("columbus")["meta"]["spatialreg"]


@pytest.mark.parity
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
    other = {"program": "spatialreg", "version": version_of(reference), "data": "Columbus"}
    other["reason"] = "spatialreg's optimiser stops at about 1e-7; log-likelihoods agree"
    keys = [names[name] for name in truth["std_errors"]]
    coefs = [truth["coefficients"][name] for name in truth["std_errors"]]
    errors = list(truth["std_errors"].values())
    name = model.upper()
    agree(f"{name}: coefficients", res.params[keys], coefs, rtol=1e-6, **other)
    agree(f"{name}: standard errors", res.std_errors[keys], errors, rtol=1e-5, **other)
    rho = ("spatial", "rho")
    agree(f"{name}: rho", res.params[rho], truth["rho"], rtol=1e-6, **other)
    agree(
        f"{name}: standard error of rho", res.std_errors[rho], truth["rho_se"], rtol=1e-5, **other
    )
    agree(f"{name}: sigma2", res.sigma2, truth["sigma2"], rtol=1e-6, **other)
    agree(f"{name}: log-likelihood", res.loglik, truth["loglik"], rtol=1e-9, **other)
    agree(f"{name}: AIC", res.aic, truth["aic"], rtol=1e-9, **other)
    table = res.effects(method="delta").wide()
    for kind, impact in truth["impacts"]["exact"].items():
        ours, theirs = table.loc[list(impact), kind], list(impact.values())
        agree(f"{name}: {kind} effects", ours, theirs, rtol=1e-5, **other)


@pytest.mark.parity
def test_columbus_simulated_effects_have_the_same_spread(columbus, reference):
    """Standard deviations of 5 000 draws there and of 20 000 here: within their sampling error."""
    panel, w = columbus
    res = nq.fit(
        "CRIME ~ INC + HOVAL", panel, w, model="sar", effects="none", covariance="expected"
    )
    frame = res.effects(draws=20_000, seed=3).frame.set_index(["effect", "variable"])["std_error"]
    truth = reference("columbus")["models"]["sar"]["impacts"]["simulated"]["sd"]
    for kind, impact in truth.items():
        # Indirect effects have heavy tails near rho = 1, so their deviations vary most.
        agree(
            f"SAR: standard errors of {kind} effects", [frame[kind, name] for name in impact],
            list(impact.values()), rtol=0.05 if kind == "direct" else 0.2,
            program="spatialreg", version=version_of(reference), data="Columbus",
            reason="standard deviations of 5 000 draws there, of 20 000 here",
        )  # fmt: skip


@pytest.mark.parity
def test_columbus_linear(columbus, reference):
    panel, w = columbus
    models = reference("columbus")["models"]
    ols = nq.fit("CRIME ~ INC + HOVAL", panel, model="ols", effects="none")
    slx = nq.fit("CRIME ~ INC + HOVAL", panel, w, model="slx", effects="none")
    other = {"program": "spatialreg", "version": version_of(reference), "data": "Columbus"}
    for name, res, truth in [("OLS", ols, models["ols"]), ("SLX", slx, models["slx"])]:
        coefs, errors = (list(truth[key].values()) for key in ("coefficients", "std_errors"))
        agree(f"{name}: coefficients", res.params, coefs, rtol=1e-9, **other)
        agree(f"{name}: standard errors", res.std_errors, errors, rtol=1e-9, **other)
        agree(f"{name}: sigma2", res.sigma2, truth["sigma2_ml"], rtol=1e-9, **other)
        agree(f"{name}: log-likelihood", res.loglik, truth["loglik"], rtol=1e-9, **other)
        agree(f"{name}: AIC", res.aic, truth["aic"], rtol=1e-9, **other)
    effects = slx.effects().frame.set_index(["variable", "effect"])
    rows = models["slx"]["impacts"]
    for name, point, se in zip(["INC", "HOVAL"], rows["estimates"], rows["se"], strict=True):
        for kind in ("direct", "indirect", "total"):
            row, label = effects.loc[(name, kind)], f"SLX: {kind} effects"
            agree(label, row["estimate"], point[kind.title()], rtol=1e-6, case=name, **other)
            label, value = f"{label}, standard errors", se[kind.title()]
            agree(label, row["std_error"], value, rtol=1e-6, case=name, **other)


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
