"""Sigma and beta convergence, and clubs in space."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import nqp_spatial as nq
from nqp_spatial.core.inference import NotApplicable
from nqp_spatial.errors import (
    CollinearityError,
    ConvergenceError,
    DomainError,
    OptionError,
    PanelError,
    UnmatchedIdsError,
)


def panel_of(values, **columns):
    values = np.asarray(values, dtype=float)
    n, t = values.shape
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), t),
            "t": np.tile(np.arange(2000, 2000 + t), n),
            "y": values.ravel(),
            **{name: np.repeat(of, t) for name, of in columns.items()},
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


@pytest.fixture(scope="module")
def incomes():
    panel = nq.datasets.us_income()
    return panel, nq.weights.contiguity(panel)


def converging(n, periods, speed, rng, noise=0.01, parallel=0.5):
    """Logs that close their gap at a speed."""
    y = [parallel * rng.normal(size=n)]
    for _ in range(periods - 1):
        y.append(np.exp(-speed) * y[-1] + noise * rng.normal(size=n))
    return np.exp(9 + 0.02 * np.arange(periods) + np.stack(y, axis=1))


# -- sigma ----------------------------------------------------------------------------------------


def test_sigma_by_hand(incomes):
    panel, _ = incomes
    result = nq.convergence.sigma(panel, "income", which=["sd_log", "sd", "cv", "gini"], lags=3)
    x = panel.values("income")
    np.testing.assert_allclose(result.frame["sd_log"], np.log(x).std(axis=0))
    np.testing.assert_allclose(result.frame["sd"], x.std(axis=0))
    np.testing.assert_allclose(result.frame["cv"], x.std(axis=0) / x.mean(axis=0))
    # Least squares and Newey and West's covariance, written out.
    y, t = np.log(result.frame["sd_log"].to_numpy()), np.arange(81.0)
    X = np.column_stack([np.ones(81), t])
    inverse = np.linalg.inv(X.T @ X)
    b = inverse @ X.T @ y
    scores = X * (y - X @ b)[:, None]
    meat = scores.T @ scores
    for lag in range(1, 4):
        g = scores[lag:].T @ scores[:-lag]
        meat += (1 - lag / 4) * (g + g.T)
    cov = inverse @ meat @ inverse * 81 / 79
    row = result.trends.loc["sd_log"]
    assert row["trend"] == pytest.approx(b[1])
    assert row["std_error"] == pytest.approx(np.sqrt(cov[1, 1]))
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(b[1] / row["std_error"]), 79))
    assert row["reading"] == "falls: sigma convergence"
    assert result.trends.loc["sd", "reading"] == "rises: sigma divergence"


def test_sigma_without_trend():
    rng = np.random.default_rng(0)
    result = nq.convergence.sigma(panel_of(np.exp(rng.normal(size=(60, 12)))), "y", which="sd_log")
    assert result.trends.loc["sd_log", "reading"] == "no clear trend"
    assert result.spec.lags == int(4 * (12 / 100) ** (2 / 9))


def test_sigma_errors(incomes):
    panel, _ = incomes
    with pytest.raises(OptionError, match=r"unknown measures \['range'\]"):
        nq.convergence.sigma(panel, "income", which=["range"])
    with pytest.raises(PanelError, match="at least 4 periods"):
        nq.convergence.sigma(panel.select(periods=[1929, 1930]), "income")
    with pytest.raises(PanelError, match="evenly spaced"):
        nq.convergence.sigma(panel.select(periods=[1929, 1930, 1931, 1933, 1934]), "income")
    with pytest.raises(DomainError, match="zero or negative for"):
        nq.convergence.sigma(panel.assign(y=lambda d: d["income"] - 500), "y")
    with pytest.raises(DomainError, match="no dispersion"):
        nq.convergence.sigma(panel.assign(y=1.0), "y", which=["sd"])
    with pytest.raises(OptionError, match="lags must be"):
        nq.convergence.sigma(panel, "income", lags=90)
    with pytest.raises(OptionError, match="no population"):
        nq.convergence.sigma(panel, "income", which=["sd"], population="income")


# -- beta -----------------------------------------------------------------------------------------


def test_beta_of_a_cross_section_by_least_squares(incomes):
    panel, _ = incomes
    result = nq.convergence.beta(panel, "income")
    x = np.log(panel.values("income"))
    growth = (x[:, -1] - x[:, 0]) / 80
    slope, _ = np.polyfit(x[:, 0], growth, 1)
    row = result.frame.loc[("all", "coefficient")]
    assert row["estimate"] == pytest.approx(slope)
    speed = -np.log(1 + 80 * slope) / 80
    assert row["speed"] == pytest.approx(speed)
    assert row["half_life"] == pytest.approx(np.log(2) / speed)
    # Delta method by differences.
    h = 1e-6
    gone = (-np.log(1 + 80 * (slope + h)) + np.log(1 + 80 * (slope - h))) / 160 / h
    width = 1.959964 * abs(gone) * row["std_error"]
    assert row["speed_high"] - row["speed"] == pytest.approx(width, rel=1e-5)
    by_half = [np.log(2) / (-np.log(1 + 80 * (slope + s)) / 80) for s in (h, -h)]
    width = 1.959964 * abs(by_half[0] - by_half[1]) / (2 * h) * row["std_error"]
    assert row["half_life_high"] - row["half_life"] == pytest.approx(width, rel=1e-5)
    assert isinstance(result.tests["equal"], NotApplicable)
    np.testing.assert_allclose(result.data["growth"], growth)


@pytest.mark.parametrize("model", ["sar", "sem", "sdm", "slx"])
def test_beta_with_neighbours_is_the_fit_of_the_same_regression(incomes, model):
    panel, w = incomes
    result = nq.convergence.beta(panel, "income", weights=w, model=model)
    x = np.log(panel.values("income"))
    frame = pd.DataFrame({"unit": panel.units, "g": (x[:, -1] - x[:, 0]) / 80, "s": x[:, 0]})
    by_hand = nq.fit("g ~ s", nq.SpatialPanel(frame, unit="unit"), w, model=model, effects="none")
    row = result.frame.loc[("all", "coefficient")]
    assert row["estimate"] == pytest.approx(by_hand.params["x", "s"])
    if model == "sem":
        assert result.frame.index.tolist() == [("all", "coefficient")]
        return
    effects = by_hand.effects().frame.set_index("effect")
    total = result.frame.loc[("all", "total")]
    assert total["estimate"] == pytest.approx(effects.loc["total", "estimate"])
    assert total["std_error"] == pytest.approx(effects.loc["total", "std_error"])
    assert result.frame.index.tolist() == [("all", by) for by in ("coefficient", "direct", "total")]


def test_beta_of_a_panel_by_dummies():
    rng = np.random.default_rng(0)
    values = converging(40, 9, 0.1, rng)
    share = rng.normal(size=40)
    panel = panel_of(values).assign(c=np.repeat(share, 9) + rng.normal(size=360))
    result = nq.convergence.beta(panel, "y", controls=["c"], kind="panel", step=2)
    x, c = np.log(values)[:, ::2], panel.values("c")[:, ::2]
    growth, start, control = np.diff(x, axis=1), x[:, :-1], c[:, :-1]

    def within(z):
        return (z - z.mean(axis=0) - z.mean(axis=1, keepdims=True) + z.mean()).ravel()

    X = np.column_stack([within(start), within(control)])
    b = np.linalg.lstsq(X, within(growth), rcond=None)[0]
    row = result.frame.loc[("all", "coefficient")]
    assert row["estimate"] == pytest.approx(b[0])
    assert row["speed"] == pytest.approx(-np.log(1 + b[0]) / 2)
    assert result.model.params["x", "c"] == pytest.approx(b[1])
    assert "Nickell" in " ".join(result.notes)
    # The newest period is an end of growth where the span does not divide evenly.
    three = nq.convergence.beta(panel, "y", kind="panel", step=3, effects="none")
    assert three.data.index.get_level_values("period").unique().tolist() == [2005, 2008]


def test_beta_by_group():
    rng = np.random.default_rng(0)
    slow, fast = converging(80, 21, 0.01, rng), converging(70, 21, 0.05, rng)
    side = np.repeat(["slow", "fast"], [80, 70])
    panel = panel_of(np.vstack([slow, fast]), side=side)
    result = nq.convergence.beta(panel, "y", group="side")
    for name, values in (("slow", slow), ("fast", fast)):
        alone = nq.convergence.beta(panel_of(values), "y")
        joint = result.frame.loc[(name, "coefficient")]
        assert joint["estimate"] == pytest.approx(
            alone.frame.loc[("all", "coefficient"), "estimate"]
        )
    assert result.tests["equal"].p_value < 1e-6
    assert set(result.data["group"]) == {"slow", "fast"}
    same = nq.convergence.beta(panel, "y", group=pd.Series(np.resize(["a", "b"], 150), panel.units))
    assert same.tests["equal"].p_value > 0.01


def test_half_life_is_missing_without_convergence():
    rng = np.random.default_rng(0)
    apart = nq.convergence.beta(panel_of(converging(60, 11, -0.05, rng)), "y")
    row = apart.frame.loc[("all", "coefficient")]
    assert row["speed"] < 0
    assert np.isnan(row["half_life"])
    assert "no half-life" in " ".join(apart.notes)
    values = np.exp(np.stack([rng.normal(size=60), np.zeros(60)], axis=1) * [1, 1])
    values[:, 1] = values[:, 0] ** -0.5 * np.exp(0.01 * rng.normal(size=60))
    beyond = nq.convergence.beta(panel_of(values), "y")
    assert np.isnan(beyond.frame.loc[("all", "coefficient"), "speed"])
    assert "no speed" in " ".join(beyond.notes)


@pytest.mark.slow
def test_intervals_of_the_speed_cover():
    rng = np.random.default_rng(0)
    members = {"cross-section": [], "panel": []}
    for _ in range(500):
        panel = panel_of(converging(100, 11, 0.03, rng, noise=0.03))
        for kind, result in members.items():
            options = {"effects": "period"} if kind == "panel" else {}
            row = nq.convergence.beta(panel, "y", kind=kind, **options).frame.iloc[0]
            result.append(row["speed_low"] <= 0.03 <= row["speed_high"])
    for kind, result in members.items():
        assert 0.92 <= np.mean(result) <= 0.975, (kind, np.mean(result))


def test_beta_errors(incomes):
    panel, _ = incomes
    with pytest.raises(DomainError, match="must be positive for logarithms"):
        nq.convergence.beta(panel.assign(y=lambda d: d["income"] - 500), "y")
    with pytest.raises(OptionError, match="pass weights="):
        nq.convergence.beta(panel, "income", model="sar")
    with pytest.raises(OptionError, match="kind must be"):
        nq.convergence.beta(panel, "income", kind="time series")
    with pytest.raises(PanelError, match="the panel has one"):
        nq.convergence.beta(panel.select(periods=[1929]), "income")
    with pytest.raises(OptionError, match="step must be"):
        nq.convergence.beta(panel, "income", kind="panel", step=99)
    with pytest.raises(DomainError, match="start from the same"):
        flat = panel.assign(
            y=lambda d: d["income"].where(d.index.get_level_values("period") != 1929, 5.0)
        )
        nq.convergence.beta(flat, "y")
    with pytest.raises(OptionError, match="names are taken"):
        nq.convergence.beta(panel.assign(start=1.0), "income", controls=["start"])


# -- clubs in space -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cities():
    panel = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    return panel, nq.weights.knn(panel, k=6), nq.convergence.clubs(panel, "gdp_pc", logs=True)


def test_joins_of_clubs(cities):
    _, w, clubs = cities
    result = nq.convergence.club_joins(clubs, w, permutations=99, seed=0)
    code = clubs.membership.to_numpy()
    dense = w.sparse.toarray() > 0
    joint = (dense + dense.T * 1.0) / 2
    same = (joint * (code[:, None] == code)).sum() / 2
    assert result.frame.loc[("same", ""), "joins"] == pytest.approx(float(same))
    assert result.sizes.to_dict() == {
        f"Club {i}": n for i, n in enumerate(clubs.frame["units"], start=1)
    }
    row = nq.convergence.clubs(nq.datasets.us_income(), "income", logs=True)
    with pytest.raises(DomainError, match="all units are in 'Club 1'"):
        nq.convergence.club_joins(row, nq.weights.contiguity(nq.datasets.us_income()))


def test_logit_of_clubs_by_its_likelihood(cities):
    panel, w, clubs = cities
    result = nq.convergence.club_logit(clubs, panel, ["human_capital", "synergy"], weights=w)
    x = panel.at(1992)[["human_capital", "synergy"]].to_numpy(dtype=float)
    rank = 4 - clubs.membership.to_numpy(dtype=float)
    x = np.column_stack([x, w.sparse @ rank])
    cut = result.cuts.to_numpy()
    b = result.frame["estimate"].to_numpy()

    def loglik(parameters):
        index, cuts = x @ parameters[:3], parameters[3:]
        at_least = [np.ones(len(x)), *(stats.logistic.cdf(index - c) for c in cuts[::-1]),
                    np.zeros(len(x))]  # fmt: skip
        p = np.array([at_least[r - 1] - at_least[r] for r in (1, 2, 3)])
        return np.log(p[rank.astype(int) - 1, np.arange(len(x))]).sum()

    best = np.concatenate([b, cut])
    assert loglik(best) == pytest.approx(result.loglik, abs=1e-6)
    slopes = optimize.approx_fprime(best, loglik, 1e-6)
    scale = np.append(x.std(axis=0), [1, 1])
    assert np.abs(slopes / scale).max() < 0.05
    # The covariance is the inverse of the curvature.
    size, h = 5, 1e-3 / np.append(x.std(axis=0), [1, 1])
    curvature = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            e, f = np.eye(size)[i] * h[i], np.eye(size)[j] * h[j]
            curvature[i, j] = (
                loglik(best + e + f) - loglik(best + e - f) - loglik(best - e + f)
                + loglik(best - e - f)
            ) / (4 * h[i] * h[j])  # fmt: skip
    errors = np.sqrt(np.diag(np.linalg.inv(-curvature)))[:3]
    np.testing.assert_allclose(result.frame["std_error"], errors, rtol=0.01)

    # Marginal effects by differences.
    def shares(x):
        index = x @ b
        at_least = [np.ones(len(x)), *(stats.logistic.cdf(index - c) for c in cut[::-1]),
                    np.zeros(len(x))]  # fmt: skip
        return np.array([(at_least[r - 1] - at_least[r]).mean() for r in (3, 2, 1)])

    up, down = x.copy(), x.copy()
    up[:, 0] += 1e-5
    down[:, 0] -= 1e-5
    np.testing.assert_allclose(
        result.marginal.loc["human_capital"], (shares(up) - shares(down)) / 2e-5, rtol=1e-5
    )
    assert result.marginal.sum(axis=1).abs().max() < 1e-12
    assert 0 < result.pseudo_r2 < 1
    assert 0 <= result.tests["lr"].p_value <= 1


def test_logit_of_clubs_recovers_planted_coefficients(cities):
    panel, _, clubs = cities
    rng = np.random.default_rng(0)
    z = rng.normal(size=(336, 2)) * [1, 10]
    index = z @ [1.2, -0.05] + rng.logistic(size=336)
    planted = pd.Series(np.digitize(-index, np.quantile(-index, [0.3, 0.7])) + 1, panel.units)
    from dataclasses import replace

    made = replace(clubs, membership=planted.astype("Int64"))
    made = replace(made, membership=made.membership.where(rng.random(336) > 0.05))
    with_columns = panel.assign(a=np.repeat(z[:, 0], 30), b=np.repeat(z[:, 1], 30))
    result = nq.convergence.club_logit(made, with_columns, ["a", "b"])
    for name, truth in (("a", 1.2), ("b", -0.05)):
        row = result.frame.loc[name]
        assert abs(row["estimate"] - truth) < 3 * row["std_error"]
    assert result.nobs == int(made.membership.notna().sum()) < 336
    assert "divergent units are left out" in " ".join(result.notes)


def test_logit_errors(cities):
    panel, w, clubs = cities
    with pytest.raises(OptionError, match="at least one variable"):
        nq.convergence.club_logit(clubs, panel, [])
    with pytest.raises(CollinearityError, match="collinear"):
        twice = panel.assign(again=lambda d: 2 * d["human_capital"])
        nq.convergence.club_logit(clubs, twice, ["human_capital", "again"])
    with pytest.raises(CollinearityError, match="same for all units"):
        nq.convergence.club_logit(clubs, panel.assign(one=1.0), ["one"])
    with pytest.raises(ConvergenceError, match="separates the clubs"):
        perfect = panel.assign(club=np.repeat(clubs.membership.to_numpy(dtype=float), 30))
        nq.convergence.club_logit(clubs, perfect, ["club"])
    with pytest.raises(UnmatchedIdsError):
        nq.convergence.club_logit(clubs, panel.select(units=panel.units[:50]), ["human_capital"])
    single = nq.convergence.clubs(nq.datasets.us_income(), "income", logs=True)
    with pytest.raises(PanelError, match="two clubs or more"):
        nq.convergence.club_logit(single, nq.datasets.us_income(), ["income"])
    assert w.n_units == 336


def test_chains_of_clubs(cities):
    panel, w, clubs = cities
    result = nq.dynamics.spatial_markov_by_group(
        panel, "gdp_pc", w, group=clubs.groups(), states=3, lag_states=2, relative=True
    )
    assert list(result.chains) == ["Club 1", "Club 2", "Club 3"]
    assert result.grouping == "club"
