"""Averaging over weights against enumeration with dense determinants, and planted weights."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import gammaln, logsumexp

import nqp_spatial as nq
from nqp_spatial.errors import CollinearityError, OptionError, UnmatchedIdsError
from nqp_spatial.regression.likelihood import mixed_determinants
from nqp_spatial.regression.likelihood.mixed_determinants import (
    EigenDeterminants,
    MixedDeterminants,
    moment_tables,
)

NAMES = "abcd"


def dense_weights(n, seed, share, *, row=True):
    rng = np.random.default_rng(seed)
    w = (rng.random((n, n)) < share) * rng.random((n, n))
    w[np.arange(n), (np.arange(n) + 1) % n] += 0.2
    np.fill_diagonal(w, 0)
    return w / w.sum(axis=1, keepdims=True) if row else w / w.sum(axis=1).max()


def made(n, t, *, row=True, rho=0.5, theta=0.5, seed=0, which=("a", "c"), noise=0.7, count=4):
    rng = np.random.default_rng(seed)
    names = "abcdefghijkl"[:count]
    shares = np.linspace(0.06, 0.3, count)
    w = {
        k: dense_weights(n, place, share, row=row)
        for place, (k, share) in enumerate(zip(names, shares, strict=True))
    }
    mean = sum(w[k] for k in which) / len(which)
    x = rng.normal(size=(2, n, t))
    unit = rng.normal(size=(n, 1))
    right = x[0] - 0.5 * x[1] + theta * mean @ x[0] + unit + noise * rng.normal(size=(n, t))
    y = np.linalg.solve(np.eye(n) - rho * mean, right)
    ids = [f"u{place:03d}" for place in range(n)]
    frame = pd.DataFrame(
        {
            "id": np.repeat(ids, t),
            "t": np.tile(np.arange(t), n),
            "y": y.ravel(),
            "x1": x[0].ravel(),
            "x2": x[1].ravel(),
        }
    )
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    return panel, {k: nq.weights.from_dense(v, ids) for k, v in w.items()}, w, (y, x)


def orthonormal(size):
    """Return F, size by size - 1, with F'1 = 0 and F'F = I."""
    return np.linalg.svd(np.eye(size) - 1 / size)[0][:, :-1]


def by_hand(y, x, w, model, effects, prior):
    """Return the log marginal likelihood: explicit transformations, dense determinants, Gauss."""
    n, t = y.shape
    f_n, f_t = np.eye(n), np.eye(t)
    if effects in ("unit", "two-way"):
        f_t = orthonormal(t)
    if effects == "two-way":
        f_n = orthonormal(n)
    spatial = f_n.T @ w @ f_n  # F'W = F'W F F' where rows of W add to one

    def flat(a):
        return (f_n.T @ a @ f_t).ravel()

    columns = [x[0], x[1]]
    if model in ("sdm", "sdem", "slx"):
        columns += [w @ x[0], w @ x[1]]
    z = np.column_stack([flat(a) for a in columns])
    one = np.ones((len(z), 1)) if effects == "none" else np.empty((len(z), 0))
    g = max(len(z), z.shape[1] ** 2) if not one.size else max(len(z), (z.shape[1] + 1) ** 2)
    big = np.kron(spatial, np.eye(f_t.shape[1]))
    target = flat(y)

    def density(rho):
        by_lag = np.eye(len(z)) - rho * big
        series = target if model == "slx" else by_lag @ target
        filtered, ones = (by_lag @ z, by_lag @ one) if model in ("sem", "sdem") else (z, one)
        free = np.hstack([ones, filtered]) if prior == "diffuse" else ones
        logs = 0.0
        left, rest = series, filtered
        if free.shape[1]:
            basis = np.linalg.qr(free)[0]
            left = series - basis @ (basis.T @ series)
            rest = filtered - basis @ (basis.T @ filtered)
            logs -= np.linalg.slogdet(free.T @ free)[1] / 2
        squares = left @ left
        if prior == "g":
            inner = np.linalg.qr(rest)[0].T @ left
            squares -= g / (1 + g) * inner @ inner
            logs -= z.shape[1] / 2 * np.log(1 + g)
        freedom = (len(z) - free.shape[1]) / 2
        logs += gammaln(freedom) - freedom * np.log(np.pi) - freedom * np.log(squares)
        if model != "slx":
            logs += f_t.shape[1] * np.linalg.slogdet(np.eye(len(spatial)) - rho * spatial)[1]
        return logs

    if model == "slx":
        return density(0.0)
    radius = np.abs(np.linalg.eigvals(w)).max()
    points, heights = np.polynomial.legendre.leggauss(200)
    return logsumexp([density(x / radius) for x in points], b=heights) - np.log(2)


def enumerated(y, x, w, model, effects, prior):
    sets = [c for size in range(1, len(w) + 1) for c in combinations(w, size)]
    return pd.Series(
        {
            " + ".join(s): by_hand(y, x, sum(w[k] for k in s) / len(s), model, effects, prior)
            for s in sets
        }
    )


def require_equal(result, logs, tolerance=1e-8):
    table = result.models.set_index("weights")
    probability = np.exp(logs - logsumexp(logs))
    np.testing.assert_allclose(table["probability"][logs.index], probability, atol=tolerance)
    np.testing.assert_allclose(table["log_marginal"][logs.index], logs, atol=1e-7)
    single = logs[: len(result.frame)]
    np.testing.assert_allclose(
        result.frame["alone"], np.exp(single - logsumexp(single)), atol=tolerance
    )
    for row in result.frame.itertuples():
        members = [row.weights in name.split(" + ") for name in logs.index]
        assert row.inclusion == pytest.approx(probability[members].sum(), abs=tolerance)
        sizes = np.array([name.count("+") + 1 for name in logs.index])
        share = (probability * members / sizes).sum()
        assert row.share == pytest.approx(share, abs=tolerance)


CASES = [
    ("sar", "none", "g"),
    ("sar", "two-way", "diffuse"),
    ("sdm", "unit", "diffuse"),
    ("sdm", "two-way", "g"),
    ("sem", "none", "g"),
    ("sem", "two-way", "diffuse"),
    ("sdem", "unit", "g"),
    ("sdem", "none", "diffuse"),
    ("slx", "unit", "g"),
    ("slx", "none", "diffuse"),
]


@pytest.mark.parametrize(("model", "effects", "prior"), CASES)
def test_posterior_is_that_of_enumeration(model, effects, prior):
    panel, candidates, w, (y, x) = made(14, 4, noise=1.5)
    result = nq.average_weights(
        "y ~ x1 + x2", panel, candidates, model=model, effects=effects, prior=prior, draws=10
    )
    require_equal(result, enumerated(y, x, w, model, effects, prior))


@pytest.mark.parametrize(("model", "prior"), [("sdm", "g"), ("sem", "diffuse")])
def test_posterior_where_rows_do_not_add_to_one(model, prior):
    panel, candidates, w, (y, x) = made(14, 4, noise=1.5, row=False)
    result = nq.average_weights(
        "y ~ x1 + x2", panel, candidates, model=model, effects="unit", prior=prior, draws=10
    )
    require_equal(result, enumerated(y, x, w, model, "unit", prior))
    assert "do not add to one" in result.notes[0]


@pytest.mark.parametrize(
    ("model", "effects"), [("sar", "two-way"), ("sdm", "unit"), ("sem", "none")]
)
def test_interpolated_determinants_give_the_same_posterior(model, effects, monkeypatch):
    panel, candidates, w, (y, x) = made(25, 3, noise=1.5)
    monkeypatch.setattr(mixed_determinants, "_EIGENVALUES", 0)
    result = nq.average_weights(
        "y ~ x1 + x2", panel, candidates, model=model, effects=effects, draws=10
    )
    require_equal(result, enumerated(y, x, w, model, effects, "g"))


def test_single_candidates_agree_with_posterior_probabilities():
    panel, candidates, *_ = made(20, 5)
    options = {"effects": "unit"}
    ours = nq.average_weights(
        "y ~ x1 + x2", panel, candidates, model="sdm", prior="diffuse", draws=10, **options
    )
    other = nq.regression.posterior_probabilities(
        "y ~ x1 + x2", panel, candidates, models=["sdm"], **options
    )
    np.testing.assert_allclose(ours.frame["alone"], other.frame["probability"], atol=1e-9)


def shares_of(count):
    members = (np.arange(1, 2**count)[:, None] >> np.arange(count)) & 1
    return members / members.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("row", [True, False])
@pytest.mark.parametrize("share", [0.05, 0.6])
def test_moments_are_traces_of_powers(row, share):
    w = [dense_weights(30, seed, share, row=row) for seed in range(3)]
    shares = np.vstack([shares_of(3), [0.2, 0.3, 0.5]])
    moments = moment_tables([sparse.csr_array(a) for a in w]).moments(shares)
    for line, g in zip(moments, shares, strict=True):
        mixed = sum(k * a for k, a in zip(g, w, strict=True))
        powers = [np.trace(np.linalg.matrix_power(mixed, p)) for p in range(1, 5)]
        np.testing.assert_allclose(line, powers, atol=1e-12)


def test_moments_in_blocks_of_rows(monkeypatch):
    w = [sparse.csr_array(dense_weights(30, seed, 0.2)) for seed in range(3)]
    all_at_once = moment_tables(w).moments(shares_of(3))
    monkeypatch.setattr(mixed_determinants, "_AT_ONCE", 30 * 6 * 7)  # seven rows
    np.testing.assert_allclose(moment_tables(w).moments(shares_of(3)), all_at_once, atol=1e-12)


@pytest.mark.parametrize("dense_up_to", [1000, 0])
def test_interpolated_log_determinants(dense_up_to, monkeypatch):
    monkeypatch.setattr(mixed_determinants, "_DENSE_UP_TO", dense_up_to)
    w = [sparse.csr_array(dense_weights(60, seed, 0.02)) for seed in range(3)]
    shares = shares_of(3)
    mixed = MixedDeterminants(w, shares, np.ones(len(shares)), nonnegative=True)
    exact = EigenDeterminants(w, shares, np.ones(len(shares)))
    sums = np.array([0, 3, 6])
    for u in (0.9, 0.3, 0.6, 0.45, 0.75, 0.35, 0.85):
        mixed.add_nodes(sums, np.full(3, u))
    u = np.tile(np.linspace(0.32, 0.88, 9), (3, 1))
    np.testing.assert_allclose(mixed.value(sums, u), exact.value(sums, u), atol=1e-7)
    np.testing.assert_allclose(mixed.derivative(sums, u), exact.derivative(sums, u), atol=1e-5)
    rho = np.tanh(u[1, 4])
    inner = mixed.mixed(shares[3]).toarray()
    system = np.eye(60) - rho * inner
    assert exact.value(sums, u)[1, 4] == pytest.approx(np.linalg.slogdet(system)[1], abs=1e-10)
    slope = -np.trace(np.linalg.solve(system, inner))
    assert exact.derivative(sums, u)[1, 4] == pytest.approx(slope, abs=1e-10)
    # Beyond the nodes the rest is constant, not a polynomial.
    far = mixed.value(sums, np.full((3, 1), 3.0)) - exact.value(sums, np.full((3, 1), 3.0))
    assert np.abs(far).max() < 1


@pytest.mark.parametrize("model", ["sar", "sdm"])
def test_a_planted_matrix_is_found(model):
    panel, candidates, *_ = made(80, 5, which=("b",), count=5, seed=4)
    result = nq.average_weights("y ~ x1 + x2", panel, candidates, model=model, draws=500)
    table = result.frame.set_index("weights")
    assert table.loc["b", "alone"] > 0.999
    if model == "sdm":  # the model that was planted
        assert result.models.loc[0, "weights"] == "b"
        assert table.loc["b", "inclusion"] > 0.999
        assert table["inclusion"].drop("b").max() < 0.2


def test_a_planted_mixture_is_found_and_effects_are_its_own():
    panel, candidates, w, _ = made(80, 6, which=("a", "b"), count=5, seed=2)
    result = nq.average_weights("y ~ x1 + x2", panel, candidates, draws=1000)
    assert result.models.loc[0, "weights"] == "a + b"
    assert (result.frame.set_index("weights").loc[["a", "b"], "inclusion"] > 0.99).all()
    mean = (w["a"] + w["b"]) / 2
    s = np.linalg.inv(np.eye(80) - 0.5 * mean) @ (np.eye(80) + 0.5 * mean)
    truth = [np.trace(s) / 80, (s.sum() - np.trace(s)) / 80, s.sum() / 80]
    rows = result.effects.query("variable == 'x1'")
    assert (rows["conf_low"] < truth).all()
    assert (rows["conf_high"] > truth).all()
    assert (rows["p_value"] < 0.01).all()


@pytest.mark.parametrize(
    ("model", "row"),
    [("sar", True), ("sdm", True), ("sdm", False), ("sdem", True), ("slx", True), ("sem", True)],
)
def test_effects_of_one_clear_matrix_are_those_of_its_model(model, row):
    """The posterior of a large sample is the asymptotic distribution of the estimates."""
    panel, candidates, *_ = made(70, 12, which=("a",), row=row, count=3)
    fitted = nq.fit("y ~ x1 + x2", panel, candidates["a"], model=model, effects="unit")
    theirs = fitted.effects(draws=4000, seed=1).frame
    ours = nq.average_weights(
        "y ~ x1 + x2", panel, {"a": candidates["a"], "b": candidates["a"]}, model=model,
        effects="unit", draws=4000,
    )  # fmt: skip
    scale = theirs["std_error"].where(theirs["std_error"] > 0, 1).to_numpy()
    for column in ("estimate", "conf_low", "conf_high"):
        gap = (ours.effects[column] - theirs[column]).to_numpy() / scale
        assert np.abs(gap).max() < 0.2, column
    assert ours.effects["variable"].tolist() == theirs["variable"].tolist()
    assert "a and b are the same matrix" in " ".join(ours.notes)
    np.testing.assert_allclose(ours.frame["inclusion"], 2 / 3)


def test_effects_are_of_variables_not_of_terms():
    panel, candidates, *_ = made(70, 12, which=("a",), count=3)
    formula = "y ~ x1 + x1:x2 + x2"
    result = nq.average_weights(formula, panel, candidates, effects="unit", draws=4000)
    theirs = result.model.effects(draws=4000, seed=1).frame
    assert result.effects["variable"].tolist() == theirs["variable"].tolist()
    gap = (result.effects["estimate"] - theirs["estimate"]) / theirs["std_error"]
    assert gap.abs().max() < 0.3


def test_the_spatial_coefficient_is_the_posterior_mean():
    panel, candidates, *_ = made(70, 12, which=("a",), count=3)
    result = nq.average_weights("y ~ x1 + x2", panel, candidates, effects="unit", draws=10)
    assert result.models.loc[0, "weights"] == "a"
    rho, error = result.models.loc[0, ["estimate", "std_dev"]]
    assert rho == pytest.approx(result.model.params["spatial", "rho"], abs=0.1 * error)
    assert error == pytest.approx(result.model.std_errors["spatial", "rho"], rel=0.05)


def test_order_of_candidates_units_and_threads_do_not_matter():
    panel, candidates, *_ = made(20, 4)
    first = nq.average_weights("y ~ x1", panel, candidates, draws=20)
    turned = {
        name: nq.weights.from_dense(w.sparse.toarray()[::-1, ::-1], w.units[::-1])
        for name, w in reversed(candidates.items())
    }
    second = nq.average_weights("y ~ x1", panel, turned, draws=20, n_jobs=2, progress=True)
    a, b = (r.frame.set_index("weights") for r in (first, second))
    pd.testing.assert_frame_equal(a, b.loc[a.index], rtol=1e-9)


def test_standardize_by_rows():
    panel, candidates, *_ = made(20, 4, row=False)
    rows = {name: w.standardize("row") for name, w in candidates.items()}
    ours = nq.average_weights("y ~ x1", panel, candidates, standardize="row", draws=20)
    theirs = nq.average_weights("y ~ x1", panel, rows, draws=20)
    pd.testing.assert_frame_equal(ours.frame, theirs.frame)
    assert not ours.notes
    assert ours.model.weights.rows_add_to_one


def test_what_is_refused():
    panel, candidates, *_ = made(20, 4)
    one = candidates["a"]
    with pytest.raises(OptionError, match=r"2 to 14 candidates.*got 1$"):
        nq.average_weights("y ~ x1", panel, {"a": one})
    with pytest.raises(OptionError, match="got 15; compare single candidates"):
        nq.average_weights("y ~ x1", panel, {str(k): one for k in range(15)})
    section = panel.select(periods=[0])
    with pytest.raises(OptionError, match="more than one period"):
        nq.average_weights("y ~ x1", section, candidates)
    other = nq.weights.from_dense(one.sparse.toarray(), [f"v{k}" for k in range(20)])
    with pytest.raises(UnmatchedIdsError):
        nq.average_weights("y ~ x1", panel, {"a": one, "b": other})
    # Two halves of equal links to all units: each is fine, their mean is not.
    half = np.zeros((20, 20))
    half[:, ::2] = 1.0
    links = [half, 1 - half]
    for part in links:
        np.fill_diagonal(part, 0)
    both = {str(k): nq.weights.from_dense(part, one.units) for k, part in enumerate(links)}
    with pytest.raises(CollinearityError, match="mean of candidate weights"):
        nq.average_weights("y ~ x1", panel, both, model="slx")


@pytest.mark.slow
def test_all_subsets_of_twelve_candidates_of_three_hundred_units():
    panel, candidates, *_ = made(300, 4, count=12, which=("a", "c", "f"), seed=1, noise=0.5)
    result = nq.average_weights("y ~ x1 + x2", panel, candidates, draws=200)
    assert len(result.models) == 4095
    assert result.models.loc[0, "weights"] == "a + c + f"
    assert not result.notes
