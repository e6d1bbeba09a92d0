"""Effects of variables equal finite differences of the reduced form, whatever terms they enter in.

The reduced form is written out here: columns by numpy, (I - rho W)^-1 as a dense inverse, and the
derivative of every outcome with respect to every unit's variable by differences of fourth order.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError, UnknownColumnError
from nqp_spatial.regression import _effect_paths, _effect_values, _mean_responses
from nqp_spatial.regression._effect_parameters import effect_parameters

# Of each formula its columns, as functions of x, z and whether the unit is of group b.
FORMULAS = {
    "y ~ x + I(x ** 2) + z": lambda x, z, b: [x, x**2, z],
    "y ~ x * z": lambda x, z, b: [x, z, x * z],
    "y ~ x:z": lambda x, z, b: [x * z],
    "y ~ log(x) + I(x * z) + z": lambda x, z, b: [np.log(x), x * z, z],
    "y ~ x + I(x ** 2) + x:z + I(x ** 2):z + z": lambda x, z, b: [x, x**2, z, x * z, x**2 * z],
    "y ~ x * C(side) + z": lambda x, z, b: [x, b, z, x * b],
    "y ~ log(x):z + sqrt(x) + maximum(z, 0.1)": lambda x, z, b: [
        np.sqrt(x), np.maximum(z, 0.1), np.log(x) * z,
    ],
    "y ~ poly(x, 2, raw=True) + z": lambda x, z, b: [x, x**2, z],
    "y ~ f(x) + x + z": lambda x, z, b: [np.exp(-x), x, z],
}  # fmt: skip


@pytest.fixture(params=["lattice", "nearest", "spectral"])
def weights(request, lattice, neighbours):
    if request.param == "lattice":
        return lattice(5, 5)
    return neighbours(25, 4, standardize="row" if request.param == "nearest" else "spectral")


@pytest.fixture
def made(simulate):
    def make(w, periods=4, seed=3):
        panel = simulate(w, periods, seed=seed)
        rng = np.random.default_rng(seed)
        x = rng.uniform(0.5, 3, w.n_units * periods)
        sides = rng.choice(["a", "b"], len(x))
        return panel.assign(x=x, z=lambda d: d["x2"], side=sides, h=rng.normal(size=len(x)))

    return make


def cells(panel):
    """x, z and membership of group b, units by periods."""
    shape = (panel.n_units, panel.n_periods)
    frame = panel.frame
    b = (frame["side"] == "b").to_numpy(dtype=float)
    return [part.reshape(shape) for part in (frame["x"].to_numpy(), frame["z"].to_numpy(), b)]


def reduced_form(res, w, columns, horizon="static"):
    """Return the function from (x, z, b), units by periods, to outcomes without effects."""
    n, W = w.n_units, w.sparse.toarray()
    get = lambda block, name: res.params.get((block, name), 0.0)  # noqa: E731
    rho, tau, eta = get("spatial", "rho"), get("dynamic", "tau"), get("dynamic", "eta")
    names = list(res.params["x"].index)
    beta = np.array([get("x", name) for name in names])
    theta = np.array([get("wx", name) for name in names])
    if horizon == "long-run":
        inverse = np.linalg.inv((1 - tau) * np.eye(n) - (rho + eta) * W)
    else:
        inverse = np.linalg.inv(np.eye(n) - rho * W)
        if isinstance(horizon, int):
            step = inverse @ (tau * np.eye(n) + eta * W)
            inverse = np.linalg.matrix_power(step, horizon) @ inverse

    def outcomes(x, z, b):
        values = np.stack([np.broadcast_to(c, x.shape) for c in columns(x, z, b)], axis=2)
        return inverse @ (values @ beta + W @ (values @ theta))

    return outcomes


def derivative(outcomes, arguments, which):
    """Return S[i, j, t] = dy_it / dx_jt by differences of fourth order."""
    n = len(arguments[0])
    matrix, h = [], 1e-3

    def moved(unit, step):
        changed = [argument.copy() for argument in arguments]
        changed[which][unit] += step
        return outcomes(*changed)

    for unit in range(n):
        near = moved(unit, h) - moved(unit, -h)
        far = moved(unit, 2 * h) - moved(unit, -2 * h)
        matrix.append((8 * near - far) / (12 * h))
    return np.stack(matrix, axis=1)


def summary(matrix):
    n = len(matrix)
    direct = np.einsum("iit->", matrix) / n / matrix.shape[2]
    total = matrix.sum() / n / matrix.shape[2]
    return np.array([direct, total - direct, total])


def fitted(formula, panel, w, **options):
    functions = {"f": lambda x: np.exp(-x)} if "f(" in formula else None
    return nq.fit(formula, panel, w, functions=functions, **{"effects": "unit", **options})


@pytest.mark.parametrize("formula", FORMULAS)
def test_effects_equal_differences_of_the_reduced_form(weights, made, formula):
    panel = made(weights)
    res = fitted(formula, panel, weights)
    outcomes = reduced_form(res, weights, FORMULAS[formula])
    table = res.effects(method="delta").wide()
    for which, name in enumerate(("x", "z")):
        if name in table.index:
            truth = summary(derivative(outcomes, cells(panel), which))
            np.testing.assert_allclose(table.loc[name], truth, rtol=1e-8, atol=1e-9)
    assert "x" in table.index


@pytest.mark.parametrize(
    "formula", ["y ~ x * z", "y ~ x + I(x ** 2) + x:z + I(x ** 2):z + z", "y ~ f(x) + x + z"]
)
def test_effects_at_stated_values(weights, made, formula):
    panel = made(weights)
    res = fitted(formula, panel, weights)
    outcomes = reduced_form(res, weights, FORMULAS[formula])
    x, z, b = cells(panel)
    stated = {name: [0.7, 2.0] for name in ("x", "z") if name == "x" or "x *" in formula}
    if formula == "y ~ f(x) + x + z":
        stated = {"x": [0.7, 2.0]}
    effects = res.effects(method="delta", at=stated)
    assert effects.moderators == tuple(stated)
    assert effects.frame.columns[3 : 3 + len(stated)].tolist() == list(stated)
    table = effects.wide()
    for values in effects.frame[list(stated)].drop_duplicates().to_dict("records"):
        arguments = [
            np.full_like(x, values["x"]) if "x" in values else x,
            np.full_like(z, values["z"]) if "z" in values else z, b,
        ]  # fmt: skip
        for which, name in enumerate(("x", "z")):
            truth = summary(derivative(outcomes, arguments, which))
            np.testing.assert_allclose(table.loc[(name, *values.values())], truth, rtol=1e-8)


def test_a_moderator_of_some_and_of_all_lags(weights, made):
    """Only x is lagged, then only the product: theta is zero for the other."""
    panel = made(weights)
    for lagged in (["x"], ["x:z"]):
        res = fitted("y ~ x * z", panel, weights, durbin=lagged)
        truth = summary(
            derivative(reduced_form(res, weights, FORMULAS["y ~ x * z"]), cells(panel), 0)
        )
        effects = res.effects(method="delta")
        np.testing.assert_allclose(effects.wide().loc["x"], truth, rtol=1e-8)
        assert any("sender" in note for note in effects.notes) == (lagged == ["x:z"])


@pytest.mark.parametrize("model", ["ols", "slx", "sar", "sem", "sdem"])
def test_other_models(weights, made, model):
    panel = made(weights)
    res = fitted("y ~ x * z + I(z ** 2)", panel, weights, model=model)
    columns = lambda x, z, b: [x, z, z**2, x * z]  # noqa: E731
    outcomes = reduced_form(res, weights, columns)
    table = res.effects(method="delta").wide()
    for which, name in enumerate(("x", "z")):
        truth = summary(derivative(outcomes, cells(panel), which))
        np.testing.assert_allclose(table.loc[name], truth, rtol=1e-8, atol=1e-11)


def test_matrices_of_their_own(lattice, neighbours, made):
    w, other = lattice(5, 5), neighbours(25, 3, seed=4)
    panel = made(w)
    for first, second in ((w, other), (other, w)):
        res = fitted("y ~ x * z", panel, {"y": first, "x": second})
        inverse = np.linalg.inv(np.eye(25) - res.params["spatial", "rho"] * first.sparse.toarray())
        z = cells(panel)[1].mean(axis=1)
        own = res.params["x", "x"] + res.params["x", "x:z"] * z
        sent = res.params["wx", "x"] + res.params["wx", "x:z"] * z
        s = inverse @ (np.diag(own) + second.sparse.toarray() @ np.diag(sent))
        direct, total = np.trace(s) / 25, s.sum() / 25
        table = res.effects(method="delta").wide()
        np.testing.assert_allclose(table.loc["x"], [direct, total - direct, total], rtol=1e-9)


@pytest.mark.parametrize("kind", ["lattice", "nearest"])
def test_dynamic_effects(lattice, neighbours, made, kind):
    w = lattice(5, 5) if kind == "lattice" else neighbours(25, 4)
    panel = made(w, 9)
    options = {"time_lag": True, "space_time_lag": True, "correction": "none"}
    res = fitted("y ~ x * z", panel, w, **options)
    used = [argument[:, 1:] for argument in cells(panel)]  # the first period is lost
    effects = res.effects(draws=50, horizons=[0, 1, 3])
    for horizon in ("short-run", "long-run", 0, 1, 3):
        outcomes = reduced_form(res, w, FORMULAS["y ~ x * z"], horizon)
        truth = summary(derivative(outcomes, used, 0))
        table = effects.at(horizon).wide()
        np.testing.assert_allclose(table.loc["x"], truth, rtol=1e-8)
    at = res.effects(draws=50, horizons=[2], at={"z": [0.5]}).at(2).wide()
    outcomes = reduced_form(res, w, FORMULAS["y ~ x * z"], 2)
    used[1] = np.full_like(used[1], 0.5)
    np.testing.assert_allclose(
        at.loc[("x", 0.5)], summary(derivative(outcomes, used, 0)), rtol=1e-8
    )


def test_horizons_that_are_too_much_work_are_refused(lattice, made, monkeypatch):
    w = lattice(5, 5)
    res = fitted("y ~ x * z", made(w, 9), w, time_lag=True, correction="none")
    monkeypatch.setattr(_effect_paths, "EXACT_EFFECTS_UP_TO", 20)
    with pytest.raises(OptionError, match="state all values"):
        res.effects(draws=50, horizons=[1])
    monkeypatch.setattr(_effect_paths, "EXACT_EFFECTS_UP_TO", 30)
    monkeypatch.setattr(_mean_responses, "symmetrizer", lambda matrix: None)
    monkeypatch.setattr(_effect_paths, "_MOST_POWERS", 5)
    with pytest.raises(OptionError, match="state all values"):
        res.effects(draws=50, horizons=[1])
    res.effects(draws=50, horizons=[1], at={"x": [1], "z": [0]})


def test_contrasts_of_a_category_that_moderates(weights, made):
    panel = made(weights)
    panel = panel.assign(kind=np.random.default_rng(0).choice(list("pqr"), panel.n_units * 4))
    res = fitted("y ~ x * C(kind)", panel, weights)
    table = res.effects(method="delta").wide()
    assert table.index.tolist() == ["x", "C(kind)[T.q]", "C(kind)[T.r]"]
    inverse = np.linalg.inv(np.eye(25) - res.params["spatial", "rho"] * weights.sparse.toarray())
    x = cells(panel)[0].mean(axis=1)
    own, sent = (
        res.params[block, "C(kind)[T.r]"] + res.params[block, "x:C(kind)[T.r]"] * x
        for block in ("x", "wx")
    )
    s = inverse @ (np.diag(own) + weights.sparse.toarray() @ np.diag(sent))
    direct, total = np.trace(s) / 25, s.sum() / 25
    np.testing.assert_allclose(
        table.loc["C(kind)[T.r]"], [direct, total - direct, total], rtol=1e-9
    )
    at = res.effects(method="delta", at={"kind": ["p", "r"]}).wide()
    # For the base the effect of x is that of the term alone.
    alone = res.effects(method="delta", terms=True).wide().loc["x"]
    np.testing.assert_allclose(at.loc[("x", "p")], alone, rtol=1e-12)


# -- inference ------------------------------------------------------------------------------------


def by_draw(res, w, panel, draws, seed):
    """Effects of x in y ~ x * z for each draw, by dense inverses."""
    names, n = list(res.params.index), w.n_units
    scale = np.sqrt(np.diag(res.cov))
    lower = np.linalg.cholesky(res.cov / np.outer(scale, scale))
    normal = np.random.default_rng(seed).standard_normal((draws, len(names)))
    sample = pd.DataFrame(res.params.to_numpy() + (normal @ lower.T) * scale, columns=names)
    z, W = cells(panel)[1].mean(axis=1), w.sparse.toarray()
    effects = []
    for _, row in sample.iterrows():
        own, sent = (row[block, "x"] + row[block, "x:z"] * z for block in ("x", "wx"))
        s = np.linalg.solve(np.eye(n) - row["spatial", "rho"] * W, np.diag(own) + W @ np.diag(sent))
        effects.append([np.trace(s) / n, (s.sum() - np.trace(s)) / n, s.sum() / n])
    return np.array(effects)


def test_draws_equal_brute_force_draws(weights, made):
    panel = made(weights)
    res = fitted("y ~ x * z", panel, weights)
    effects = res.effects(draws=100, seed=7)
    assert effects.discarded == 0
    rows = effects.frame[effects.frame["variable"] == "x"]
    brute = by_draw(res, weights, panel, 100, 7)
    np.testing.assert_allclose(rows["std_error"], brute.std(axis=0, ddof=1), rtol=1e-8)
    np.testing.assert_allclose(rows["conf_low"], np.quantile(brute, 0.025, axis=0), rtol=1e-7)


def test_delta_gradients_equal_differences(weights, made):
    from nqp_spatial.regression._effect_rows import effect_rows
    from nqp_spatial.regression._effect_values import delta_gradient, effect_values

    res = fitted("y ~ x * z + I(x ** 2)", made(weights), weights, durbin=["x", "x:z"])
    parameters = effect_parameters(res)
    rows = effect_rows(res, parameters.names, {"x": [1.0, 2.0]}, terms=False)
    responses = _mean_responses.MeanResponses(
        rows, _mean_responses.TraceFunctions(res.terms, res.logdet)
    )

    def effects_at(values):
        beta, theta = parameters.coefficients(values)
        x, divisor = parameters.argument(values, "static")
        return effect_values(
            rows, divisor, beta, theta, responses.values(np.atleast_1d(x))[:, :, 0]
        )

    ours = delta_gradient(parameters, "static", responses)
    assert ours.shape == (4, 3, len(parameters.estimates))
    for j in range(len(parameters.estimates)):
        step = np.zeros(len(parameters.estimates))
        step[j] = 1e-5
        up, down = effects_at(parameters.estimates + step), effects_at(parameters.estimates - step)
        np.testing.assert_allclose(ours[:, :, j], (up - down) / 2e-5, rtol=1e-6, atol=1e-8)


def test_delta_and_draws_agree_where_the_sample_is_large(lattice, made):
    w = lattice(15, 15)
    res = fitted("y ~ x * z", made(w, 12), w)
    for at in (None, {"z": [-1, 1]}):
        delta = res.effects(method="delta", at=at).frame
        draws = res.effects(draws=20_000, at=at).frame
        np.testing.assert_allclose(draws["std_error"], delta["std_error"], rtol=0.05)
        np.testing.assert_allclose(draws["estimate"], delta["estimate"], rtol=1e-12)


def test_ways_to_the_diagonals_agree(lattice, made, monkeypatch):
    """Eigenvectors, dense inverses at nodes, and probes with the error that they state."""
    w = lattice(8, 8)
    panel = made(w)
    exact = fitted("y ~ x * z", panel, w).effects(draws=400)
    monkeypatch.setattr(_mean_responses, "symmetrizer", lambda matrix: None)
    nodes = fitted("y ~ x * z", panel, w).effects(draws=400)
    numbers = ["estimate", "std_error", "conf_low", "conf_high"]
    np.testing.assert_allclose(nodes.frame[numbers], exact.frame[numbers], rtol=1e-9)
    monkeypatch.setattr(_mean_responses, "EXACT_EFFECTS_UP_TO", 50)
    monkeypatch.setattr(_mean_responses, "EFFECT_PROBES", 20)
    res = fitted("y ~ x * z", panel, w)
    probes = res.effects(draws=400)
    gap = (probes.frame["estimate"] - exact.frame["estimate"]).abs() / exact.frame["std_error"]
    assert 0 < gap.max() < 0.05
    np.testing.assert_allclose(probes.frame["std_error"], exact.frame["std_error"], rtol=0.02)
    total = exact.frame["effect"] == "total"
    np.testing.assert_allclose(
        probes.frame.loc[total, numbers], exact.frame.loc[total, numbers], rtol=1e-9
    )
    monkeypatch.setattr(_mean_responses, "EFFECT_PROBES", 20_000)
    responses = _mean_responses.MeanResponses(
        probe_rows(res), _mean_responses.TraceFunctions(res.terms, res.logdet)
    )
    assert responses.is_estimated
    values = np.concatenate([responses.probe_values(0.4)[part] for part in (0, 1)])
    error = values.std(axis=1, ddof=1) / np.sqrt(20_000)
    inverse = np.linalg.inv(np.eye(64) - 0.4 * w.sparse.toarray())
    both = inverse.diagonal(), (inverse @ w.sparse.toarray()).diagonal()
    truth = np.concatenate([responses.slopes @ diagonal / 64 for diagonal in both])
    assert (np.abs(values.mean(axis=1) - truth) < 4 * error + 1e-12).all()


def probe_rows(res):
    from nqp_spatial.regression._effect_rows import effect_rows

    return effect_rows(res, effect_parameters(res).names, None, terms=False)


# -- which rows, and what is said -----------------------------------------------------------------


def test_rows_of_variables_and_of_terms(made, lattice):
    w = lattice(5, 5)
    panel = made(w)
    res = fitted("y ~ log(x) + z * h + C(side):h", panel, w)
    effects = res.effects(method="delta")
    assert effects.wide().index.tolist()[0] == "log(x)"
    assert set(effects.frame["variable"]) == {"log(x)", "z", "h", "side[b - a]"}
    assert any("unit change of that term" in note for note in effects.notes)
    terms = res.effects(method="delta", terms=True)
    assert list(terms.wide().index) == list(res.spec.regressors)
    with pytest.raises(OptionError, match="single terms"):
        res.effects(terms=True, at={"z": [1]})


def test_plain_models_have_the_rows_of_their_terms(states):
    panel, w = states
    res = nq.fit("lgsp ~ lpc + lemp", panel, w)
    first, second = res.effects(seed=0), res.effects(seed=0, terms=True)
    pd.testing.assert_frame_equal(first.frame, second.frame)
    assert first.notes == second.notes == ()
    assert first.moderators == ()


def test_a_function_of_the_whole_column_has_effects_of_terms(made, lattice):
    w = lattice(5, 5)
    res = nq.fit(
        "y ~ rank(x) + x + z", made(w), w, effects="unit", functions={"rank": lambda x: x.rank()}
    )
    effects = res.effects(method="delta")
    assert effects.wide().index.tolist() == ["rank(x)", "x", "z"]
    assert any("not of x, which enters in rank(x), x" in note for note in effects.notes)


@pytest.mark.parametrize(
    ("at", "error", "words"),
    [
        ({"w": [1]}, UnknownColumnError, "'w', which is not a variable"),
        ({"h": [1]}, OptionError, "no effect depends on 'h'"),
        ({"z": []}, OptionError, "no value of 'z'"),
        ({"z": ["1"]}, OptionError, "must be numbers"),
        ({"z": [np.nan]}, OptionError, "must be numbers"),
        ({"side": ["c"]}, OptionError, "never is"),
        ({"z": range(200), "x": range(200)}, OptionError, "so many combinations"),
        ({"x": [-1]}, OptionError, "x"),
        ({"z": [10**400]}, OptionError, "must be numbers"),
        ({"z": np.ones((2, 2))}, OptionError, "2 axes"),
    ],
)
def test_values_that_cannot_be(made, lattice, at, error, words):
    w = lattice(5, 5)
    res = fitted("y ~ log(x):z + x * C(side) + h", made(w), w)
    with pytest.raises(error, match=words):
        res.effects(method="delta", at=at)


def test_values_never_observed_are_noted(made, lattice):
    w = lattice(5, 5)
    res = fitted("y ~ x * z", made(w), w)
    assert any("z was never 99" in n for n in res.effects(draws=50, at={"z": [99]}).notes)
    assert not any("never" in n for n in res.effects(draws=50, at={"z": 0}).notes)


@pytest.mark.parametrize("formula", ["y ~ sqrt(x) * z", "y ~ I(x ** 0.5) * z", "y ~ log1p(x) * z"])
def test_a_derivative_that_does_not_exist_is_refused(made, lattice, formula):
    w = lattice(5, 5)
    panel = made(w).assign(x=lambda d: d["x"].where(d["x"] > 1, 0.0))
    res = fitted(formula, panel, w)
    if "log1p" in formula:  # at -1 there is none either, at zero there is one
        assert np.isfinite(res.effects(method="delta").frame["estimate"]).all()
        assert np.isfinite(res.effects(method="delta", at={"x": 0}).frame["estimate"]).all()
        return
    for at in (None, {"x": [0]}):
        with pytest.raises(OptionError, match="derivative of 'x' does not exist"):
            res.effects(method="delta", at=at)
    assert np.isfinite(res.effects(method="delta", at={"x": [1, 2]}).frame["estimate"]).all()


def test_a_variable_in_jumps_has_effects_of_terms(made, lattice):
    w = lattice(5, 5)
    res = fitted("y ~ I(x > 1.5) * I(h // 1) * z", made(w), w)
    effects = res.effects(method="delta")
    assert effects.frame["std_error"].gt(0).all()
    assert effects.wide().index.is_unique
    assert list(effects.wide().index) == [
        "I(x > 1.5)", "I(h // 1)", "z", "I(x > 1.5):I(h // 1)", "I(x > 1.5):z", "I(h // 1):z",
        "I(x > 1.5):I(h // 1):z",
    ]  # fmt: skip
    assert any("not of x, which enters in I(x > 1.5)" in note for note in effects.notes)
    bend = fitted("y ~ x + I((x - 1.5) * (x > 1.5)) + z", made(w), w, model="sem")
    above = (made(w).frame["x"] > 1.5).mean()
    truth = bend.params["x"].iloc[0] + above * bend.params["x"].iloc[1]
    assert bend.effects(method="delta").wide().loc["x", "direct"] == pytest.approx(truth, rel=1e-12)


def test_whole_numbers_and_repeated_values_of_moderators(made, lattice):
    w = lattice(5, 5)
    panel = made(w).assign(high=lambda d: d["z"] > 0)
    res = fitted("y ~ z:I(x ** -1) + x:high", panel, w)
    whole = res.effects(method="delta", at={"x": [1, 2, 2]})
    decimal = res.effects(method="delta", at={"x": np.array([1.0, 2.0])})
    np.testing.assert_array_equal(whole.frame["estimate"], decimal.frame["estimate"])
    assert whole.spec["at"] == {"x": [1, 2]}
    listed = res.effects(method="delta", at={"high": np.array([False, True])})
    assert listed.spec["at"] == {"high": [False, True]}


@pytest.mark.parametrize("block", [500, 10])
def test_unit_effects_of_a_variable(weights, made, monkeypatch, block):
    """Of few units from columns, of many from the diagonal of G."""
    monkeypatch.setattr(_effect_values, "BLOCK", block)
    panel = made(weights)
    res = fitted("y ~ x + I(x ** 2) + x:z + z", panel, weights)
    columns = lambda x, z, b: [x, x**2, z, x * z]  # noqa: E731
    matrix = derivative(reduced_form(res, weights, columns), cells(panel), 0).mean(axis=2)
    by_unit = res.unit_effects("x")
    diagonal = matrix.diagonal()
    np.testing.assert_allclose(by_unit["own"], diagonal, rtol=1e-7)
    np.testing.assert_allclose(by_unit["received"], matrix.sum(axis=1) - diagonal, rtol=1e-7)
    np.testing.assert_allclose(by_unit["sent"], matrix.sum(axis=0) - diagonal, rtol=1e-7)
    assert res.unit_effects("I(x ** 2)").shape == (25, 3)
    with pytest.raises(UnknownColumnError, match="not a regressor"):
        res.unit_effects("h")


def test_the_planted_effect_of_a_square_is_recovered(lattice):
    """y = 2 x - 0.2 x^2: the effect is 2 - 0.4 x, which is zero at x = 5."""
    w = lattice(7, 7)
    rng = np.random.default_rng(3)
    index = pd.MultiIndex.from_product([w.units, range(10)], names=["id", "year"])
    frame = pd.DataFrame({"x": 5 + rng.normal(size=490)}, index=index).reset_index()
    frame["y"] = 2 * frame["x"] - 0.2 * frame["x"] ** 2 + 0.3 * rng.normal(size=490)
    panel = nq.SpatialPanel(frame, unit="id", period="year")
    res = nq.fit("y ~ x + I(x ** 2)", panel, w)
    effects = res.effects(at={"x": [3, 5, 7]}).frame.query("effect == 'direct'")
    np.testing.assert_allclose(effects["estimate"], [0.8, 0.0, -0.8], atol=0.06)
    truth = np.array([0.8, 0.0, -0.8])
    assert ((effects["conf_low"] < truth) & (truth < effects["conf_high"])).all()


def test_names_and_types_of_moderators(made, lattice):
    """Names in backticks, names of other columns of the frame, yes or no, and integers."""
    w = lattice(5, 5)
    panel = made(w)
    rng = np.random.default_rng(5)
    panel = panel.assign(
        **{
            "人均GDP(元)": lambda d: d["x"],
            "estimate": lambda d: d["z"],
            "yes": rng.random(100) > 0.5,
            "count": rng.integers(0, 5, 100),
        }
    )
    plain = fitted("y ~ x * z", panel, w).effects(method="delta", at={"z": [1]})
    odd = fitted("y ~ `人均GDP(元)` * estimate", panel, w)
    effects = odd.effects(method="delta", at={"estimate": [1]})
    assert effects.moderators == ("at estimate",)
    assert set(effects.frame["variable"]) == {"人均GDP(元)", "estimate"}
    numbers = ["estimate", "std_error"]
    np.testing.assert_allclose(effects.frame[numbers], plain.frame[numbers], rtol=1e-9)
    res = fitted("y ~ x * yes + x:count", panel, w)
    at = {"yes": [True, False], "count": [0, 3]}
    table = res.effects(method="delta", at=at).wide().loc["x"]
    terms = res.effects(method="delta", terms=True).wide()
    np.testing.assert_allclose(table.loc[(False, 0)], terms.loc["x"], rtol=1e-9)
    product = next(name for name in terms.index if name.startswith("x:yes"))
    both = terms.loc["x"] + terms.loc[product] + 3 * terms.loc["x:count"]
    np.testing.assert_allclose(table.loc[(True, 3)], both, rtol=1e-9)
