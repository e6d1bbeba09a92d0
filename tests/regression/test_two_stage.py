"""Two-stage least squares beside spreg, linearmodels and dummy variables; coverage; errors."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nqp_spatial as nq
from nqp_spatial.errors import OptionError, UnknownColumnError
from nqp_spatial.regression.estimators.gs2sls import first_stage_strength
from tests.parity import agree


@pytest.fixture(scope="module")
def crime():
    """Columbus with distance to the centre, and the arrays that spreg takes."""
    from pathlib import Path

    import geopandas as gpd
    import libpysal

    shapes = gpd.read_file(Path(libpysal.__file__).parent / "examples/columbus/columbus.shp")
    shapes["POLYID"] = shapes["POLYID"].astype(int)
    columns = ["POLYID", "CRIME", "INC", "HOVAL", "DISCBD"]
    panel = nq.SpatialPanel(shapes[columns], unit="POLYID", geometry=shapes[["POLYID", "geometry"]])
    w = nq.weights.contiguity(panel)
    old = w.to_W()
    old.transform = "r"
    return panel, w, old, {name: panel.frame[[name]].to_numpy() for name in columns[1:]}


def spreg_fit(name, *arguments, **options):
    import spreg

    with contextlib.redirect_stdout(io.StringIO()):  # it prints its name
        return getattr(spreg, name)(*arguments, **options)


def same(res, peer, rtol, name, case="", reason=""):
    other = {"program": "spreg", "data": "Columbus", "case": case, "reason": reason, "rtol": rtol}
    agree(f"{name}, two-stage: coefficients", res.params, np.ravel(peer.betas), **other)
    errors = np.sqrt(np.diag(peer.vm))
    agree(f"{name}, two-stage: standard errors", res.std_errors, errors, **other)


OPTIONS = {"effects": "none", "estimator": "gs2sls"}


@pytest.mark.parity
@pytest.mark.parametrize(("covariance", "robust"), [("observed", None), ("robust", "white")])
@pytest.mark.parametrize(("model", "lags"), [("sar", 0), ("sdm", 1)])
def test_lag_models_are_spregs(crime, model, lags, covariance, robust):
    panel, w, old, v = crime
    res = nq.fit("CRIME ~ INC + HOVAL", panel, w, model=model, covariance=covariance, **OPTIONS)
    x = np.hstack([v["INC"], v["HOVAL"]])
    peer = spreg_fit("GM_Lag", v["CRIME"], x, w=old, w_lags=2, slx_lags=lags, robust=robust)
    same(res, peer, 1e-8, model.upper(), covariance)
    assert np.isnan(res.loglik)
    assert "GS2SLS" in repr(res)


@pytest.mark.parity
@pytest.mark.parametrize(("covariance", "robust"), [("observed", None), ("robust", "white")])
def test_endogenous_regressors_are_spregs(crime, covariance, robust):
    panel, w, old, v = crime
    named = {"endogenous": "HOVAL", "instruments": "DISCBD", "covariance": covariance, **OPTIONS}
    res = nq.fit("CRIME ~ INC + HOVAL", panel, w, model="sar", **named)
    y, x, yend, q = v["CRIME"], v["INC"], v["HOVAL"], v["DISCBD"]
    peer = spreg_fit("GM_Lag", y, x, yend, q, w=old, w_lags=2, robust=robust)
    same(res, peer, 1e-8, "SAR, an endogenous regressor", covariance)
    aspatial = nq.fit("CRIME ~ INC + HOVAL", panel, model="ols", **named)
    tsls = spreg_fit("TSLS", y, x, yend, q, robust=robust, sig2n_k=False)
    same(aspatial, tsls, 1e-8, "OLS, an endogenous regressor", covariance)
    assert "first stage of HOVAL" in "".join(res.notes)


@pytest.mark.parity
def test_spatial_errors_are_spregs(crime):
    """Its search for lam stops at some 1e-7; ours solves the cubic."""
    panel, w, old, v = crime
    y, x, yend, q = v["CRIME"], v["INC"], v["HOVAL"], v["DISCBD"]
    res = nq.fit("CRIME ~ INC", panel, w, model="sac", covariance="robust", **OPTIONS)
    stops = "spreg's search for lam stops at some 1e-7; ours solves the cubic"
    peer = spreg_fit("GM_Combo_Het", y, x, w=old, w_lags=2)
    same(res, peer, 1e-5, "SAC", reason=stops)
    named = {"endogenous": "HOVAL", "instruments": "DISCBD", "covariance": "robust", **OPTIONS}
    res = nq.fit("CRIME ~ INC + HOVAL", panel, w, model="sac", **named)
    peer = spreg_fit("GM_Combo_Het", y, x, yend, q, w=old, w_lags=2)
    same(res, peer, 1e-5, "SAC, an endogenous regressor", reason=stops)
    agree(
        "SAC, an endogenous regressor, two-stage: covariance", res.cov, peer.vm, rtol=1e-4,
        atol=1e-6, program="spreg", data="Columbus", reason=stops,
    )  # fmt: skip
    res = nq.fit("CRIME ~ INC", panel, w, model="sem", covariance="robust", **OPTIONS)
    same(res, spreg_fit("GM_Error_Het", y, x, w=old), 1e-4, "SEM", reason=stops)


@pytest.fixture(scope="module")
def moving(lattice):
    """A panel in which x2 is correlated with the errors, z moves it, and variances differ."""
    w = lattice(6, 7)
    return w, drawn(w, 5, seed=1)


def drawn(w, periods, seed, *, rho=0.4, lam=0.0):
    rng, n = np.random.default_rng(seed), w.n_units
    dense = w.sparse.toarray()
    mu, nu = rng.normal(size=(n, 1)), rng.normal(size=(1, periods))
    x1, z = rng.normal(size=(n, periods)) + mu, rng.normal(size=(n, periods))
    e = rng.normal(size=(n, periods)) * np.exp(0.5 * rng.normal(size=(n, 1)))
    e = e * np.sqrt((0.5 + x1**2) / 1.5) if lam == 0 else e
    x2 = z + 0.5 * mu + 0.6 * e + rng.normal(size=(n, periods))
    u = np.linalg.solve(np.eye(n) - lam * dense, e)
    y = np.linalg.solve(np.eye(n) - rho * dense, x1 - 0.5 * x2 + mu + nu + u)
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), periods),
            "t": np.tile(np.arange(periods), n),
            **{k: v.ravel() for k, v in {"y": y, "x1": x1, "x2": x2, "z": z}.items()},
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


NAMED = {"endogenous": "x2", "instruments": "z", "estimator": "gs2sls"}


@pytest.mark.parity
@pytest.mark.parametrize("effects", ["none", "unit", "period", "two-way"])
@pytest.mark.parametrize("covariance", ["observed", "cluster"])
def test_effects_are_dummies_for_linearmodels(moving, effects, covariance):
    """Linearmodels, given the dummies, W y and all instruments as columns of their own."""
    iv = pytest.importorskip("linearmodels.iv", reason="linearmodels is not installed")
    w, panel = moving
    n, t = panel.n_units, panel.n_periods
    res = nq.fit(
        "y ~ x1 + x2", panel, w, model="sar", effects=effects, covariance=covariance, **NAMED
    )
    shape = (n, t)
    table = {k: panel.values(k).reshape(shape) for k in ("y", "x1", "x2", "z")}
    lag = {k: w.sparse @ v for k, v in table.items()}
    twice = {k: w.sparse @ v for k, v in lag.items()}
    dummies = [np.ones((n * t, 1))]
    if effects in ("unit", "two-way"):
        dummies.append(np.kron(np.eye(n), np.ones((t, 1)))[:, 1:])
    if effects in ("period", "two-way"):
        dummies.append(np.kron(np.ones((n, 1)), np.eye(t))[:, 1:])
    exogenous = np.column_stack([table["x1"].ravel(), *dummies])
    excluded = np.column_stack(
        [table["z"].ravel()] + [d[k].ravel() for d in (lag, twice) for k in ("x1", "z")]
    )
    endogenous = np.column_stack([table["x2"].ravel(), lag["y"].ravel()])
    model = iv.IV2SLS(table["y"].ravel(), exogenous, endogenous, excluded)
    if covariance == "cluster":
        peer = model.fit(cov_type="clustered", clusters=np.repeat(np.arange(n), t), debiased=False)
        # Unit effects are nested in the clusters: with the constant they count as one.
        k = 3 + (t if effects in ("period", "two-way") else 1)
        scale = n / (n - 1) * (n * t - 1) / (n * t - k)
    else:
        peer = model.fit(cov_type="unadjusted", debiased=False)
        remaining = (n - 1 if effects in ("period", "two-way") else n) * (
            t - 1 if effects in ("unit", "two-way") else t
        )
        scale = n * t / remaining
    position = [0, peer.params.shape[0] - 2, peer.params.shape[0] - 1]  # x1, x2, W y
    keys = [("x", "x1"), ("x", "x2"), ("spatial", "rho")]
    other = {
        "program": "linearmodels", "data": "simulated panel, 42 units", "rtol": 1e-8,
        "case": f"{effects} effects, {covariance}",
    }  # fmt: skip
    name, theirs = "SAR with effects, two-stage", peer.params.to_numpy()[position]
    errors = np.sqrt(scale) * peer.std_errors.to_numpy()[position]
    agree(f"{name}: coefficients", res.params[keys], theirs, **other)
    agree(f"{name}: standard errors", res.std_errors[keys], errors, **other)
    if covariance == "observed":
        sargan = peer.sargan
        assert res.tests["J"].df == sargan.df
        agree(f"{name}: Sargan's J", res.tests["J"].statistic, sargan.stat / scale, **other)


def test_first_differences_and_two_periods(moving):
    """With T = 2 sweeping is differencing, whose White covariance has no incidental trouble."""
    _, panel = moving
    short = panel.select(periods=panel.periods[:2])
    res = nq.fit("y ~ x1 + x2", short, model="ols", effects="unit", covariance="robust", **NAMED)
    change = {k: np.diff(short.values(k).reshape(-1, 2), axis=1) for k in ("y", "x1", "x2", "z")}
    x = np.hstack([change["x1"], change["x2"]])
    h = np.hstack([change["x1"], change["z"]])
    fitted = h @ np.linalg.lstsq(h, x, rcond=None)[0]
    b = np.linalg.solve(fitted.T @ x, fitted.T @ change["y"])
    score = fitted * (change["y"] - x @ b)
    bread = np.linalg.inv(fitted.T @ fitted)
    n = len(x)
    np.testing.assert_allclose(res.params, b.ravel(), rtol=1e-9)
    np.testing.assert_allclose(res.cov, bread @ (score.T @ score) @ bread * n / (n - 1), rtol=1e-8)


def test_stock_watson_by_its_formula(moving):
    """Equation 6 of Stock and Watson (2008), unit by unit."""
    _, panel = moving
    res = nq.fit("y ~ x1 + x2", panel, model="ols", effects="unit", covariance="robust", **NAMED)
    n, t = panel.n_units, panel.n_periods
    centred = {
        k: (v := panel.values(k).reshape(n, t)) - v.mean(axis=1, keepdims=True)
        for k in ("y", "x1", "x2", "z")
    }
    x = np.stack([centred["x1"], centred["x2"]], axis=2).reshape(n * t, 2)
    h = np.stack([centred["x1"], centred["z"]], axis=2).reshape(n * t, 2)
    fitted = h @ np.linalg.lstsq(h, x, rcond=None)[0]
    e = centred["y"].ravel() - x @ res.params.to_numpy()
    xs = np.zeros((2, 2))
    b = np.zeros((2, 2))
    for i in range(n):
        rows = slice(i * t, (i + 1) * t)
        for row in range(i * t, (i + 1) * t):
            xs += np.outer(fitted[row], fitted[row]) * e[row] ** 2 / (n * (t - 1))
        b += fitted[rows].T @ fitted[rows] / t * (e[rows] @ e[rows]) / (t - 1) / n
    sigma = (t - 1) / (t - 2) * (xs - b / (t - 1))
    q = fitted.T @ fitted / (n * t)
    cov = np.linalg.inv(q) @ sigma @ np.linalg.inv(q) / (n * t)
    np.testing.assert_allclose(res.cov, cov, rtol=1e-9)


def test_effects_and_unit_effects_come_with_it(moving):
    w, panel = moving
    res = nq.fit("y ~ x1 + x2", panel, w, model="sar", covariance="robust", **NAMED)
    frame = res.effects(method="delta").frame.set_index(["variable", "effect"])["estimate"]
    rho = res.params["spatial", "rho"]
    assert frame["x1", "total"] == pytest.approx(res.params["x", "x1"] / (1 - rho))
    assert res.unit_effects("x1")["own"].mean() == pytest.approx(frame["x1", "direct"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"time_lag": True}, "not offered for dynamic models"),
        ({"effects": "random"}, "not offered for effects='random'"),
        ({"correction": "bias"}, "no incidental parameters"),
        ({"model": "slx"}, "has nothing to instrument"),
        ({"model": "sac", "covariance": "driscoll-kraay"}, "not offered for lam"),
        ({"estimator": "gmm"}, "estimator must be one of 'auto', 'ml', 'gs2sls', 'm', got 'gmm'"),
        ({"estimator": "ml", "instruments": "z"}, "are for estimator='gs2sls'"),
    ],
)
def test_refused(moving, options, words):
    w, panel = moving
    with pytest.raises(OptionError, match=words):
        nq.fit("y ~ x1 + x2", panel, w, **{"estimator": "gs2sls", **options})


def test_wrong_names_and_too_few_instruments(moving):
    w, panel = moving
    with pytest.raises(UnknownColumnError, match="endogenous names 'x3', not among the regressors"):
        nq.fit("y ~ x1 + x2", panel, w, estimator="gs2sls", endogenous="x3")
    with pytest.raises(OptionError, match="2 coefficients need as many instruments, there are 1"):
        nq.fit("y ~ x1 + x2", panel, model="ols", estimator="gs2sls", endogenous="x2")
    with pytest.raises(UnknownColumnError, match="'nothing'"):
        nq.fit("y ~ x1 + x2", panel, w, **{**NAMED, "instruments": "nothing"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "lam", "effects"),
    [("sar", 0.0, "unit"), ("sar", 0.0, "two-way"), ("sac", 0.3, "unit"), ("sac", 0.3, "two-way")],
)
def test_intervals_cover_with_unequal_variances(lattice, model, lam, effects):
    """Endogenous x2, variances that depend on x1 and on the unit."""
    w = lattice(16, 16)
    truth = {("x", "x1"): 1.0, ("x", "x2"): -0.5, ("spatial", "rho"): 0.4}
    if model == "sac":
        truth["spatial", "lam"] = lam
    covered, gaps, rejected = [], [], []
    for seed in range(400):
        panel = drawn(w, 5, seed, lam=lam)
        if effects == "unit":
            means = panel.frame.groupby(level="period").transform("mean")
            panel = panel.assign(**{k: panel.frame[k] - means[k] for k in means})
        res = nq.fit(
            "y ~ x1 + x2", panel, w, model=model, effects=effects, covariance="robust", **NAMED
        )
        gap = (res.params[list(truth)] - pd.Series(truth)) / res.std_errors[list(truth)]
        gaps.append(gap)
        covered.append(gap.abs() < 1.96)
        rejected.append(res.tests["J"].p_value < 0.05)
    margin = 3.5 * np.sqrt(0.95 * 0.05 / 400)
    assert (abs(pd.DataFrame(covered).mean() - 0.95) < margin).all(), pd.DataFrame(covered).mean()
    std_dev = pd.DataFrame(gaps).std()
    assert ((std_dev > 0.87) & (std_dev < 1.13)).all(), std_dev
    assert stats.binomtest(int(sum(rejected)), 400, 0.05).pvalue > 0.001


@pytest.mark.parametrize(("strong", "words"), [(3.0, False), (0.02, True)])
def test_the_first_stage_by_nested_regressions(strong, words):
    """F of statsmodels for the instruments beyond the exogenous; words only below 10."""
    import statsmodels.api as sm

    rng = np.random.default_rng(1)
    n = 120
    z1, z2, x = rng.normal(size=(3, n))
    moved = strong * (z1 + z2) + x + rng.normal(size=n)
    frame = pd.DataFrame({"id": range(n), "z1": z1, "z2": z2, "x": x, "m": moved})
    frame["y"] = 1 + frame["m"] + frame["x"] + rng.normal(size=n)
    panel = nq.SpatialPanel(frame, unit="id")
    res = nq.fit(
        "y ~ m + x", panel, model="ols", effects="none", estimator="gs2sls", endogenous="m",
        instruments=["z1", "z2"],
    )  # fmt: skip
    large = sm.OLS(frame["m"], sm.add_constant(frame[["x", "z1", "z2"]])).fit()
    small = sm.OLS(frame["m"], sm.add_constant(frame[["x"]])).fit()
    statistic = large.compare_f_test(small)[0]
    (note,) = (words for words in res.notes if words.startswith("first stage of m"))
    assert note.startswith(f"first stage of m: F = {statistic:.1f} of 2 instruments")
    assert ("they are weak" in note) == words == (statistic < 10)


@pytest.mark.parametrize("f", [9.9, 10.1])
def test_weak_begins_at_ten(f):
    """A column of known parts: explained by the instrument, by the regressor, and by neither."""
    n = 50
    basis_vectors = np.linalg.qr(np.random.default_rng(0).normal(size=(n, 3)))[0]
    exogenous, instrument, noise = basis_vectors.T
    column = 2 * exogenous + np.sqrt(f / (n - 2)) * instrument + noise
    h = np.column_stack([exogenous, instrument])
    words = first_stage_strength(column, "m", h, exogenous[:, None])
    assert words.startswith(f"first stage of m: F = {f:.1f} of 1 instruments")
    assert ("weak" in words) == (f < 10)


@pytest.mark.parametrize("effects", ["unit", "two-way"])
def test_the_first_stage_counts_fixed_effects(effects):
    """F of the regression with dummies of units (and periods) among the regressors."""
    import statsmodels.formula.api as smf

    rng = np.random.default_rng(3)
    n, periods = 25, 2
    index = {"id": np.repeat(np.arange(n), periods), "t": np.tile(np.arange(periods), n)}
    frame = pd.DataFrame(index | {name: rng.normal(size=n * periods) for name in ("z", "x", "e")})
    frame["m"] = frame["z"] + frame["x"] + frame["e"] + 0.1 * frame["id"]
    frame["y"] = frame["m"] + frame["x"] + rng.normal(size=n * periods)
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    res = nq.fit(
        "y ~ m + x", panel, model="ols", effects=effects, estimator="gs2sls", endogenous="m",
        instruments="z",
    )  # fmt: skip
    dummies = "C(id)" if effects == "unit" else "C(id) + C(t)"
    large = smf.ols(f"m ~ x + z + {dummies}", frame).fit()
    statistic = large.compare_f_test(smf.ols(f"m ~ x + {dummies}", frame).fit())[0]
    (note,) = (words for words in res.notes if words.startswith("first stage of m"))
    assert note.startswith(f"first stage of m: F = {statistic:.1f} of 1 instruments")


def test_as_many_instruments_as_observations():
    x, column = np.eye(4), np.arange(4.0)
    words = first_stage_strength(column, "m", x, x[:, :1])
    assert words.startswith("first stage of m: there are as many instruments as observations")


def test_rho_outside_its_interval_is_noted(lattice):
    """Two-stage least squares does not keep rho below one."""
    w = lattice(6, 6)
    rng = np.random.default_rng(0)
    lag = w.sparse.toarray()
    x = rng.normal(size=(36, 4))
    y = sum(np.linalg.matrix_power(1.4 * lag, power) @ x for power in range(9))
    keys = pd.MultiIndex.from_product([w.units, range(4)], names=["unit", "period"])
    columns = {"x": x.ravel(), "y": (y + 0.01 * rng.normal(size=y.shape)).ravel()}
    panel = nq.SpatialPanel(pd.DataFrame(columns, keys).reset_index(), unit="unit", period="period")
    res = nq.fit("y ~ x", panel, w, model="sar", effects="none", estimator="gs2sls")
    rho = res.params["spatial", "rho"]
    assert rho > 1
    assert any(f"spectral radius of sum rho W is {rho:.3f}" in note for note in res.notes)
    with pytest.raises(OptionError, match="outside its admissible interval"):
        res.effects()
