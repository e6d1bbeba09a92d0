"""Partitioned models: nested cases, brute force, derivatives of effects, recovery, errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import nqp_spatial as nq
from nqp_spatial.errors import OptionError, UnknownColumnError, WeightsError
from nqp_spatial.regression._term_weights import matrices_by_name
from nqp_spatial.regression.likelihood.several_lags import DenseLags, SparseLags
from nqp_spatial.spillovers import partitioned
from tests.parity import agree

FORMULA = "lgsp ~ lpcap + lpc + lemp + unemp"
SOUTH = ["TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"]
ONE = {"rho": "none", "theta": "none", "beta": "none", "correction": "none"}


@pytest.fixture(scope="module")
def south(states):
    panel, _ = states
    return pd.Series(np.where(panel.units.isin(SOUTH), "south", "rest"), panel.units)


@pytest.mark.parametrize("effects", ["none", "unit", "period"])
def test_all_blocks_tied_is_the_plain_durbin_model(states, south, effects):
    panel, w = states
    mine = partitioned(FORMULA, panel, w, group=south, effects=effects, **ONE)
    correction = "transformation" if effects == "unit" else "none"
    plain = nq.fit(FORMULA, panel, w, effects=effects, correction=correction)
    np.testing.assert_allclose(mine.params, plain.params, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(mine.std_errors, plain.std_errors, rtol=1e-8)
    assert mine.loglik == pytest.approx(plain.loglik, abs=1e-8)
    frame = plain.effects(method="delta").frame.set_index(["variable", "effect"])
    for variable in ("lpc", "unemp"):
        own = mine.effects_matrix(variable).frame
        whole = own[(own["receiver"] == "all") & (own["sender"] == "all")].set_index("effect")
        for column in ("estimate", "std_error", "conf_low"):
            np.testing.assert_allclose(
                whole[column], frame.loc[variable][column].loc[whole.index], rtol=1e-8
            )


@pytest.mark.parametrize("covariance", ["observed", "expected", "qml", "driscoll-kraay"])
def test_all_blocks_tied_has_the_covariances_of_the_plain_model(states, south, covariance):
    panel, w = states
    options = {"effects": "unit", "covariance": covariance}
    mine = partitioned(FORMULA, panel, w, group=south, **options, **ONE)
    plain = nq.fit(FORMULA, panel, w, correction="transformation", **options)
    np.testing.assert_allclose(mine.std_errors, plain.std_errors, rtol=1e-7)


def test_the_qml_covariance_does_not_depend_on_how_links_are_named(states, south):
    """Two named halves of W with coefficients of their own: F_k, H and diagonals of each."""
    panel, w = states
    options = {"effects": "unit", "beta": "none", "covariance": "qml"}
    ties = {"rho": "within-across", "theta": "within-across"}
    other = {(a, b): "q" if a == b else "p" for a in ("rest", "south") for b in ("rest", "south")}
    one = partitioned("lgsp ~ lpc", panel, w, group=south, **options, **ties)
    two = partitioned("lgsp ~ lpc", panel, w, group=south, rho=other, theta=other, **options)
    np.testing.assert_allclose(sorted(one.std_errors), sorted(two.std_errors), rtol=1e-7)
    classical = partitioned(
        "lgsp ~ lpc", panel, w, group=south, effects="unit", beta="none", **ties
    )
    assert (np.abs(one.std_errors / classical.std_errors - 1) < 1).all()
    assert not np.allclose(one.std_errors, classical.std_errors, rtol=1e-3)


def test_the_expected_information_is_the_mean_of_the_observed(lattice):
    """At the truth, over many samples: parts of W, traces of products between them."""
    w = lattice(6, 6)
    group = pd.Series(np.resize(["a", "b", "b"], 36), w.units)
    dense, core = w.sparse.toarray(), (group == "a").to_numpy()
    rho = np.where(core[None, :], 0.5, 0.2)
    gaps = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(36, 60))
        y = np.linalg.solve(np.eye(36) - rho * dense, x + rng.normal(size=x.shape))
        keys = {"id": np.repeat(w.units, 60), "t": np.tile(range(60), 36)}
        panel = nq.SpatialPanel(
            pd.DataFrame({**keys, "y": y.ravel(), "x": x.ravel()}), unit="id", period="t"
        )
        options = {"group": group, "rho": "sender", "theta": None, "beta": "none"}
        errors = [
            partitioned("y ~ x", panel, w, effects="none", covariance=kind, **options).std_errors
            for kind in ("observed", "expected")
        ]
        gaps.append(np.log(errors[0] / errors[1]))
    mean, noise = np.mean(gaps, axis=0), np.std(gaps, axis=0) / np.sqrt(40)
    assert (np.abs(mean) < 4 * noise + 1e-3).all(), (mean, noise)
    assert np.abs(mean).max() < 0.01


def test_the_model_is_an_estimated_model(states, south):
    """Predictions, criteria and tables of a model with several W's in a term."""
    panel, w = states
    res = partitioned("lgsp ~ lpc + lemp", panel, w, group=south, effects="unit")
    model, y = res.model, panel.frame["lgsp"]
    terms = model.terms
    dense = {part.name: part.matrix.toarray() for part in terms.y}
    system = np.eye(48) - sum(model.params["spatial", "rho", k] * m for k, m in dense.items())
    np.testing.assert_allclose(model.fitted + model.resid, y, rtol=1e-12)
    e, wide = model.resid.to_numpy().reshape(48, -1), panel.values("lgsp")
    trend = wide - np.linalg.solve(system, e)
    np.testing.assert_allclose(model.predict(kind="trend"), trend.ravel(), rtol=1e-10)
    np.testing.assert_allclose(model.predict(kind="direct"), model.fitted, rtol=1e-12)
    precision = system.T @ system
    blup = wide - (precision @ (wide - trend)) / np.diag(precision)[:, None]
    np.testing.assert_allclose(model.predict(kind="blup"), blup.ravel(), rtol=1e-10)
    # The same panel as if it were another one.
    again = model.predict(panel, kind="trend")
    np.testing.assert_allclose(again, model.predict(kind="trend"), rtol=1e-9)
    np.testing.assert_allclose(model.predict(panel, kind="direct"), model.fitted, rtol=1e-9)
    count = len(model.params) + 1
    assert model.aic == pytest.approx(2 * count - 2 * res.loglik)
    table = model.__maketables_coef_table__
    assert table.index.is_unique
    assert "rho, south <- rest" in table.index
    with pytest.raises(OptionError, match="effects_matrix"):
        model.effects()
    with pytest.raises(OptionError, match="of the same units"):
        model.predict(panel.select(units=panel.units[:40]))


def test_the_correction_is_that_of_the_plain_model(states, south):
    """Lee and Yu's by the expected information, this by the observed: within a tenth of an s.e."""
    panel, w = states
    mine = partitioned(FORMULA, panel, w, group=south, rho="none", theta="none", beta="none")
    plain = nq.fit(FORMULA, panel, w, correction="bias")
    raw = partitioned(FORMULA, panel, w, group=south, **ONE)
    at = plain.params.index.get_loc(("spatial", "rho"))
    taken = mine.params.iloc[at] - raw.params.iloc[at]
    awaited = plain.params.iloc[at] - raw.params.iloc[at]
    assert taken == pytest.approx(awaited, rel=0.25)
    assert (abs(mine.params.to_numpy() - plain.params) < 0.1 * plain.std_errors).all()


@pytest.mark.parametrize("split", ["both", "receiver", "sender", "within-across"])
def test_brute_force_likelihood(states, south, split):
    """Dummies, dense determinants and a general optimiser, in all parameters at once."""
    panel, w = states
    panel = panel.select(periods=panel.periods[:5])
    res = partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit", rho=split, theta=split)
    n, t = panel.n_units, panel.n_periods
    y, x = (panel.values(k).reshape(n, t) for k in ("lgsp", "lpc"))
    y, x = (v - v.mean(axis=1, keepdims=True) for v in (y, x))
    dense, inside = w.sparse.toarray(), (south == "south").to_numpy()
    label = {
        "both": lambda a, b: (a, b),
        "receiver": lambda a, b: a,
        "sender": lambda a, b: b,
        "within-across": lambda a, b: a == b,
    }[split]
    cells = [(False, False), (False, True), (True, False), (True, True)]
    kinds = list(dict.fromkeys(label(a, b) for a, b in cells))
    parts = []
    for kind in kinds:
        keep = np.array([[label(a, b) == kind for b in inside] for a in inside])
        parts.append(dense * keep)
    columns = [x * ~inside[:, None], x * inside[:, None], *(part @ x for part in parts)]
    z = np.stack([column.ravel() for column in columns], axis=1)
    lags = [(part @ y).ravel() for part in parts]

    def minus(theta):
        rho, b, log_s2 = theta[: len(parts)], theta[len(parts) : -1], theta[-1]
        system = np.eye(n) - sum(r * part for r, part in zip(rho, parts, strict=True))
        e = y.ravel() - sum(r * lag for r, lag in zip(rho, lags, strict=True)) - z @ b
        sign, logdet = np.linalg.slogdet(system)
        if sign <= 0:
            return 1e10
        s2 = np.exp(log_s2)
        return n * (t - 1) / 2 * np.log(2 * np.pi * s2) - (t - 1) * logdet + e @ e / (2 * s2)

    rho = res.params["spatial", "rho"].to_numpy()
    found = np.concatenate([rho, res.params[: z.shape[1]], [np.log(res.model.sigma2)]])
    assert -minus(found) == pytest.approx(res.loglik, rel=1e-10)
    slope = optimize.approx_fprime(found, minus, 1e-7)
    assert (
        np.abs(
            slope[:-1]
            * res.std_errors.to_numpy()[[*range(z.shape[1], len(res.params)), *range(z.shape[1])]]
        ).max()
        < 1e-2
    )
    start = found + 0.02 * np.random.default_rng(0).normal(size=len(found))
    other = optimize.minimize(minus, start, method="BFGS")
    assert -other.fun <= res.loglik + 1e-6
    # The covariance from second differences of the same function.
    h = 1e-4 * np.maximum(np.abs(found), 0.1)
    hessian = np.empty((len(found), len(found)))
    for i in range(len(found)):
        for j in range(len(found)):
            di, dj = np.eye(len(found))[i] * h[i], np.eye(len(found))[j] * h[j]
            hessian[i, j] = (
                minus(found + di + dj)
                - minus(found + di - dj)
                - minus(found - di + dj)
                + minus(found - di - dj)
            ) / (4 * h[i] * h[j])
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))[:-1]
    order = [*range(z.shape[1], len(res.params)), *range(z.shape[1])]
    np.testing.assert_allclose(res.std_errors.to_numpy()[order], errors, rtol=5e-3)


def dense_effects(res, variable, params):
    """S^-1 M from the parameters, by dense matrices."""
    terms, n = res.model.terms, res.model.n_units
    system, m = np.eye(n), np.zeros((n, n))
    for (block, name, part), value in params.items():
        if block == "spatial":
            system -= value * matrices_by_name(terms.y)[part].toarray()
        elif block == "x" and name == variable:
            m += value * np.diag(res.model.regimes[part].astype(float))
        elif block == "wx" and name == variable:
            m += value * matrices_by_name(terms.x)[part].toarray()
    return np.linalg.solve(system, m)


@pytest.mark.parametrize("effects", ["unit", "two-way"])
def test_effects_are_derivatives(states, south, effects):
    panel, w = states
    res = partitioned(FORMULA, panel, w, group=south, effects=effects)
    found = res.effects_matrix("lpc")
    e = dense_effects(res, "lpc", res.params)
    inside = {name: (south == name).to_numpy() for name in ("rest", "south")}

    def of(e, a, b):
        return e[np.ix_(inside[a], inside[b])].sum() / inside[a].sum()

    for a in inside:
        for b in inside:
            direct = np.diag(e)[inside[a]].mean() if a == b else 0.0
            assert found.matrix().loc[a, b] == pytest.approx(of(e, a, b), rel=1e-9)
            assert found.matrix("indirect").loc[a, b] == pytest.approx(
                of(e, a, b) - direct, rel=1e-9, abs=1e-12
            )
    # What adds up, adds up.
    table, sizes = found.matrix(), np.array([inside[a].sum() for a in ("rest", "south")])
    assert table.loc["all", "all"] == pytest.approx(e.sum() / len(e), rel=1e-10)
    np.testing.assert_allclose(table["all"], table[["rest", "south"]].sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(
        table.loc["all"], sizes @ table.loc[["rest", "south"]] / sizes.sum(), rtol=1e-12
    )
    both = found.matrix("direct").fillna(0.0) + found.matrix("indirect")
    np.testing.assert_allclose(both, table, rtol=1e-12)
    # Standard errors by numerical derivatives in every parameter.
    params, step = res.params, 1e-6
    for effect, a, b in (("total", "south", "rest"), ("direct", "south", "south")):
        gradient = []
        for key in params.index:
            values = []
            for sign in (1, -1):
                moved = params.copy()
                moved[key] += sign * step
                e = dense_effects(res, "lpc", moved)
                values.append(of(e, a, b) if effect == "total" else np.diag(e)[inside[a]].mean())
            gradient.append((values[0] - values[1]) / (2 * step))
        error = np.sqrt(np.array(gradient) @ res.cov.to_numpy() @ np.array(gradient))
        assert found.matrix(effect, "std_error").loc[a, b] == pytest.approx(error, rel=1e-5)


def test_two_forms_of_the_log_determinant(lattice):
    w = lattice(9, 9).sparse
    halves = np.arange(81) < 40
    parts = [w * np.outer(a, b) for a in (halves, ~halves) for b in (halves, ~halves)]
    parts = [type(w)(part) for part in parts]
    rho = np.array([0.3, -0.1, 0.4, 0.6])
    dense, sparse = DenseLags(parts), SparseLags(parts)
    assert sparse.value(rho) == pytest.approx(dense.value(rho), abs=1e-11)
    for a, b, tolerance in zip(
        dense.derivatives(rho), sparse.derivatives(rho), (1e-10, 1e-5), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=tolerance * np.abs(a).max())


def test_tests_by_hand_and_by_refitting(states, south):
    panel, w = states
    res = partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit")
    keys = [key for key in res.params.index if key[0] == "spatial"]
    rho = res.params[keys].droplevel([0, 1])
    cov = res.cov.loc[keys, keys].to_numpy()
    gap = rho["rest <- south"] - rho["south <- rest"]
    variance = cov[1, 1] + cov[2, 2] - 2 * cov[1, 2]
    test = res.tests["cross blocks equal: rho"]
    assert test.statistic == pytest.approx(gap**2 / variance)
    assert test.df == 1
    lr = res.lr_tests()
    receiver = partitioned(
        "lgsp ~ lpc", panel, w, group=south, effects="unit", rho="receiver", theta="receiver"
    )
    assert lr["equal by sender"].statistic == pytest.approx(2 * (res.loglik - receiver.loglik))
    assert lr["equal by sender"].df == 4
    plain = partitioned(
        "lgsp ~ lpc", panel, w, group=south, effects="unit", rho="none", theta="none"
    )
    assert lr["all blocks equal"].statistic == pytest.approx(2 * (res.loglik - plain.loglik))
    tied = partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit", rho="none")
    assert "tied in the model" in repr(tied.tests["equal by receiver: rho"])
    with pytest.raises(OptionError, match="compare with rho='both'"):
        tied.lr_tests()


def test_errors_say_what_to_do(states, south):
    panel, w = states
    with pytest.raises(OptionError, match="two or more; all units are in 'all of them'"):
        partitioned("lgsp ~ lpc", panel, w, group=pd.Series("all of them", panel.units))
    with pytest.raises(OptionError, match="rho must be one of 'both', 'receiver', 'sender'"):
        partitioned("lgsp ~ lpc", panel, w, group=south, rho="columns")
    with pytest.raises(OptionError, match="theta must name the coefficient of every"):
        partitioned("lgsp ~ lpc", panel, w, group=south, theta={("rest", "rest"): "a"})
    lonely = pd.Series(np.where(panel.units == "ME", "far", "rest"), panel.units)
    with pytest.raises(WeightsError, match="no links far <- far"):
        partitioned("lgsp ~ lpc", panel, w, group=lonely)
    res = partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit")
    with pytest.raises(UnknownColumnError, match="'lemp' is not a regressor"):
        res.effects_matrix("lemp")
    with pytest.raises(
        OptionError, match="effects must be one of 'none', 'unit', 'period', 'two-way'"
    ):
        partitioned("lgsp ~ lpc", panel, w, group=south, effects="random")


@pytest.mark.slow
@pytest.mark.parametrize("effects", ["unit", "two-way"])
def test_planted_coefficients_are_covered(lattice, effects):
    w = lattice(15, 20)
    n, t = 300, 6
    core = np.add.outer(np.arange(15) // 5, np.arange(20) // 5).ravel() % 2 == 0
    dense = w.sparse.toarray()
    parts = {
        (a, b): dense * np.outer(core == a, core == b) for a in (False, True) for b in (False, True)
    }
    rho = {(False, False): 0.2, (False, True): 0.5, (True, False): 0.05, (True, True): 0.4}
    theta = {(False, False): 0.1, (False, True): 0.4, (True, False): -0.1, (True, True): 0.2}
    inverse = np.linalg.inv(np.eye(n) - sum(rho[k] * parts[k] for k in parts))
    beta = np.where(core, 1.0, 0.6)
    groups = pd.Series(np.where(core, "core", "rest"), w.units)
    name = {False: "rest", True: "core"}
    m = np.diag(beta) + sum(theta[k] * parts[k] for k in parts)
    e = inverse @ m
    true = {
        (name[a], name[b]): e[np.ix_(core == a, core == b)].sum() / (core == a).sum()
        for a, b in parts
    }
    inside, effects_inside, rejected = [], [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        mu, nu = rng.normal(size=(n, 1)), rng.normal(size=(1, t))
        x = rng.normal(size=(n, t)) + 0.5 * mu
        right = m @ x + mu + rng.normal(size=(n, t)) + (nu if effects == "two-way" else 0)
        y = inverse @ right
        panel = nq.SpatialPanel(
            pd.DataFrame(
                {
                    "id": np.repeat(np.arange(n), t),
                    "t": np.tile(np.arange(t), n),
                    "y": y.ravel(),
                    "x": x.ravel(),
                }
            ),
            unit="id",
            period="t",
        )
        res = partitioned("y ~ x", panel, w, group=groups, effects=effects)
        limits = res.conf_int()
        keys = [("spatial", "rho", f"{name[a]} <- {name[b]}") for a, b in parts]
        keys += [("wx", "x", f"{name[a]} <- {name[b]}") for a, b in parts]
        aims = np.array([*rho.values(), *theta.values()])
        inside.append(
            (limits.loc[keys, "conf_low"].to_numpy() < aims)
            & (aims < limits.loc[keys, "conf_high"].to_numpy())
        )
        found = res.effects_matrix("x")
        low, high = found.matrix("total", "conf_low"), found.matrix("total", "conf_high")
        effects_inside.append([low.loc[k] < v < high.loc[k] for k, v in true.items()])
        rejected.append(res.tests["cross blocks equal: rho and theta"].p_value < 0.05)
    margin = 3.5 * np.sqrt(0.95 * 0.05 / 150)
    assert (abs(np.mean(inside, axis=0) - 0.95) < margin).all(), np.mean(inside, axis=0)
    assert (abs(np.mean(effects_inside, axis=0) - 0.95) < margin).all()
    assert np.mean(rejected) > 0.5  # the planted directions differ


def unequal(w, periods, seed, rho):
    """A panel of two groups with variances that depend on x."""
    rng, n = np.random.default_rng(seed), w.n_units
    core = np.arange(n) % 3 == 0
    dense = w.sparse.toarray()
    system = np.eye(n)
    for a in (False, True):
        for b in (False, True):
            system = system - rho[a, b] * dense * np.outer(core == a, core == b)
    x = rng.normal(size=(2, n, periods))
    e = rng.normal(size=(n, periods)) * np.sqrt(0.3 + x[0] ** 2)
    y = np.linalg.solve(system, 2 * x[0] - x[1] + rng.normal(size=(n, 1)) + e)
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), periods),
            "t": np.tile(np.arange(periods), n),
            "y": y.ravel(),
            "x1": x[0].ravel(),
            "x2": x[1].ravel(),
        }
    )
    groups = pd.Series(np.where(core, "core", "rest"), w.units)
    return nq.SpatialPanel(frame, unit="id", period="t"), groups


RHO = {(False, False): 0.3, (False, True): 0.1, (True, False): 0.2, (True, True): 0.4}


@pytest.mark.parity
@pytest.mark.parametrize("covariance", ["observed", "cluster"])
def test_two_stages_are_dummies_for_linearmodels(lattice, covariance):
    iv = pytest.importorskip("linearmodels.iv", reason="linearmodels is not installed")
    w = lattice(6, 7)
    panel, groups = unequal(w, 5, 1, RHO)
    n, t = 42, 5
    res = partitioned(
        "y ~ x1 + x2", panel, w, group=groups, theta=None, beta="none", effects="unit",
        estimator="gs2sls", covariance=covariance,
    )  # fmt: skip
    v = {k: panel.values(k).reshape(n, t) for k in ("y", "x1", "x2")}
    core = (groups == "core").to_numpy()
    dense = w.sparse.toarray()
    parts = [dense * np.outer(core == a, core == b) for a in (True, False) for b in (True, False)]
    dummies = np.kron(np.eye(n), np.ones((t, 1)))
    exogenous = np.column_stack([v["x1"].ravel(), v["x2"].ravel(), dummies])
    lags = np.column_stack([(part @ v["y"]).ravel() for part in parts])
    powers = [np.eye(n), dense, dense @ dense]
    excluded = np.column_stack(
        [(p @ (m @ v[k])).ravel() for m in powers for p in parts for k in ("x1", "x2")]
    )
    model = iv.IV2SLS(v["y"].ravel(), exogenous, lags, excluded)
    kind = {"cov_type": "unadjusted", "debiased": False}
    scale = t / (t - 1)
    if covariance == "cluster":
        kind = {"cov_type": "clustered", "clusters": np.repeat(np.arange(n), t), "debiased": False}
        scale = n / (n - 1) * (n * t - 1) / (n * t - 6 - 1)
    peer = model.fit(**kind)
    own = [*range(2), *range(len(peer.params) - 4, len(peer.params))]
    other = {
        "program": "linearmodels", "data": "simulated panel, 42 units", "case": covariance,
        "rtol": 1e-7,
    }  # fmt: skip
    name, errors = "Blocks of W, two-stage", np.sqrt(scale) * peer.std_errors.to_numpy()[own]
    agree(f"{name}: coefficients", res.params, peer.params.to_numpy()[own], **other)
    agree(f"{name}: standard errors", res.std_errors, errors, **other)
    assert sum("first stage of W y" in note for note in res.notes) == 4
    assert np.isfinite(res.effects_matrix("x1").frame["std_error"]).all()
    with pytest.raises(OptionError, match="has no likelihood"):
        res.lr_tests()


@pytest.mark.slow
def test_two_stages_cover_with_unequal_variances(lattice):
    w = lattice(15, 15)
    inside = []
    names = {False: "rest", True: "core"}
    keys = [("spatial", "rho", f"{names[a]} <- {names[b]}") for a, b in RHO]
    for seed in range(200):
        panel, groups = unequal(w, 5, seed, RHO)
        res = partitioned(
            "y ~ x1 + x2", panel, w, group=groups, theta=None, effects="unit",
            estimator="gs2sls", covariance="robust",
        )  # fmt: skip
        limits = res.conf_int().loc[keys]
        aims = np.array(list(RHO.values()))
        inside.append((limits["conf_low"] < aims) & (aims < limits["conf_high"]))
    margin = 3.5 * np.sqrt(0.95 * 0.05 / 200)
    assert (abs(np.mean(inside, axis=0) - 0.95) < margin).all(), np.mean(inside, axis=0)


def test_intervals_and_p_values_by_the_normal_distribution(states, south):
    """Quantiles and tails from the error function, not from the library that the result uses."""
    from math import erfc, sqrt

    panel, w = states
    res = partitioned(FORMULA, panel, w, group=south, effects="unit")
    table, errors = res.frame, np.sqrt(np.diag(res.cov))
    np.testing.assert_allclose(res.std_errors, errors, rtol=1e-12)
    np.testing.assert_allclose(table["statistic"], res.params / errors, rtol=1e-12)
    awaited = [erfc(abs(t) / sqrt(2)) for t in res.params / errors]
    np.testing.assert_allclose(table["p_value"], awaited, rtol=1e-8, atol=1e-300)
    for level, quantile in ((0.95, 1.959963984540054), (0.90, 1.6448536269514722)):
        limits = res.conf_int(level)
        np.testing.assert_allclose(limits["conf_high"], res.params + quantile * errors, rtol=1e-9)
        np.testing.assert_allclose(limits["conf_low"], res.params - quantile * errors, rtol=1e-9)
    np.testing.assert_allclose(table[["conf_low", "conf_high"]], res.conf_int(0.95), rtol=1e-12)
    matrix = res.effects_matrix("lpc", level=0.90).frame
    gap = matrix["conf_high"] - matrix["estimate"]
    np.testing.assert_allclose(gap, 1.6448536269514722 * matrix["std_error"], rtol=1e-9)


def test_regression_tables_have_a_row_for_each_part(states, south, tmp_path):
    panel, w = states
    res = partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit")
    text = nq.report.regression_table(res.model, tmp_path / "table.html").read_text(
        encoding="utf-8"
    )
    for part in ("rest &lt;- south", "south &lt;- rest"):
        assert f"ρ (Wy), {part}" in text
        assert text.count(f", {part}") == 2  # of rho, and of W x


def test_what_is_advised_instead_of_robust_exists(states):
    panel, w = states
    group = pd.Series(np.where(panel.units < "M", "a", "b"), panel.units)
    calls = {
        "partitioned": lambda: partitioned(
            "lgsp ~ lpc", panel, w, group=group, covariance="robust"
        ),
        "barrier": lambda: nq.spillovers.barrier(
            "lgsp ~ lpc", panel, w, group=group, covariance="robust"
        ),
        "reach": lambda: nq.spillovers.reach(
            "lgsp ~ lpc", panel, edges_km=[0, 1500], covariance="robust"
        ),
    }
    for name, call in calls.items():
        with pytest.raises(OptionError, match="covariance='qml'") as caught:
            call()
        assert ("gs2sls" in str(caught.value)) == (name == "partitioned")


def test_two_stages_print_no_likelihood(states, south):
    panel, w = states
    options = {"group": south, "theta": None, "effects": "unit"}
    likely = partitioned("lgsp ~ lpc + unemp", panel, w, **options)
    stages = partitioned("lgsp ~ lpc + unemp", panel, w, estimator="gs2sls", **options)
    assert f"Log-likelihood: {likely.loglik:.4f}" in str(likely)
    assert "Log-likelihood" not in str(stages)
