"""Thresholds: nested cases, links that change over time by brute force, recovery, size, errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError, PanelError
from nqp_spatial.regression._term_weights import matrices_by_name
from nqp_spatial.spillovers import partitioned, threshold


def drawn(w, score, on, gamma, periods, seed, rho=(0.1, 0.5), theta=(0.0, 0.5)):
    """A panel in which links above gamma carry more; `score` by unit or by unit and period."""
    rng, n = np.random.default_rng(seed), w.n_units
    dense = w.sparse.toarray()
    values = score if score.ndim == 2 else np.repeat(score[:, None], periods, axis=1)
    mu = rng.normal(size=n)
    x, e = rng.normal(size=(n, periods)) + 0.5 * mu[:, None], rng.normal(size=(n, periods))
    y = np.empty((n, periods))
    for t in range(periods):
        s = values[:, t]
        on_link = {
            "sender": np.broadcast_to(s, (n, n)),
            "receiver": np.broadcast_to(s[:, None], (n, n)),
            "difference": s[None, :] - s[:, None],
        }[on]
        high = on_link > gamma
        system = np.eye(n) - np.where(high, rho[1], rho[0]) * dense
        right = x[:, t] + (np.where(high, theta[1], theta[0]) * dense) @ x[:, t] + mu + e[:, t]
        y[:, t] = np.linalg.solve(system, right)
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), periods),
            "t": np.tile(np.arange(periods), n),
            "y": y.ravel(),
            "x": x.ravel(),
            "score": values.ravel(),
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


@pytest.mark.parametrize("on", ["sender", "receiver"])
def test_a_score_of_two_values_is_a_partition(lattice, on):
    w = lattice(6, 6)
    score = (np.random.default_rng(0).random(36) < 0.5).astype(float)
    panel = drawn(w, score, on, 0.5, 5, seed=1)
    groups = pd.Series(np.where(score > 0.5, "high", "low"), w.units)
    mine = threshold("y ~ x", panel, w, score="score", on=on, gamma=0.5, effects="unit")
    tied = partitioned(
        "y ~ x", panel, w, group=groups, rho=on, theta=on, beta="none", effects="unit"
    )
    label = "all <- {}" if on == "sender" else "{} <- all"
    for part, name in (("below", "low"), ("above", "high")):
        for block, variable in (("spatial", "rho"), ("wx", "x")):
            key = (block, variable, label.format(name))
            assert mine.params[block, variable, part] == pytest.approx(tied.params[key], rel=1e-8)
            assert mine.std_errors[block, variable, part] == pytest.approx(
                tied.std_errors[key], rel=1e-8
            )
    plain = nq.fit("y ~ x", panel, w, effects="unit")
    assert next(iter(mine.tests.values())).statistic == pytest.approx(
        2 * (tied.loglik - plain.loglik), abs=1e-6
    )
    assert next(iter(mine.tests.values())).df == 2


def test_one_block_a_period_is_the_same_where_links_do_not_change(lattice):
    w = lattice(6, 6)
    score = np.random.default_rng(0).random(36)
    panel = drawn(w, score, "sender", 0.5, 4, seed=1)
    wobble = panel.assign(score=lambda d: d["score"] + 1e-9 * np.arange(len(d)) / len(d))
    # Between two scores, so that no wobble takes a link across.
    gamma = float(np.sort(score)[18:20].mean())
    options = {"score": "score", "effects": "unit", "gamma": gamma}
    fixed = threshold("y ~ x", panel, w, **options)
    moving = threshold("y ~ x", wobble, w, **options)
    np.testing.assert_allclose(moving.params, fixed.params, rtol=1e-6)
    np.testing.assert_allclose(moving.std_errors, fixed.std_errors, rtol=1e-5)
    assert moving.model.loglik == pytest.approx(fixed.model.loglik, abs=1e-7)


@pytest.mark.parametrize("on", ["sender", "receiver", "difference"])
def test_links_that_change_by_brute_force(lattice, on):
    """The likelihood with a determinant for each period, and no higher one around the estimate."""
    w = lattice(5, 5)
    score = np.random.default_rng(3).random((25, 4))
    gamma = 0.5 if on != "difference" else 0.0
    panel = drawn(w, score, on, gamma, 4, seed=2)
    res = threshold("y ~ x", panel, w, score="score", on=on, gamma=gamma, effects="unit")
    n, t, dense = 25, 4, w.sparse.toarray()
    y, x = (panel.values(k).reshape(n, t) for k in ("y", "x"))
    low, high = np.zeros((t, n, n)), np.zeros((t, n, n))
    for at in range(t):
        s = score[:, at]
        for i in range(n):
            for j in range(n):
                link = {"sender": s[j], "receiver": s[i], "difference": s[j] - s[i]}[on]
                (high if link > gamma else low)[at, i, j] = dense[i, j]

    def lag(matrices, v):
        return np.stack([matrices[at] @ v[:, at] for at in range(t)], axis=1)

    def centred(v):
        return (v - v.mean(axis=1, keepdims=True)).ravel()

    z = np.stack([centred(x), centred(lag(low, x)), centred(lag(high, x))], axis=1)
    own, first, second = centred(y), centred(lag(low, y)), centred(lag(high, y))

    def loglik(rho):
        e = own - rho[0] * first - rho[1] * second
        e = e - z @ np.linalg.lstsq(z, e, rcond=None)[0]
        log_dets = [
            np.linalg.slogdet(np.eye(n) - rho[0] * low[at] - rho[1] * high[at])[1]
            for at in range(t)
        ]
        count = n * (t - 1)
        return (t - 1) / t * sum(log_dets) - count / 2 * (np.log(2 * np.pi * e @ e / count) + 1)

    rho = res.params["spatial", "rho"].to_numpy()
    assert loglik(rho) == pytest.approx(res.model.loglik, abs=1e-8)
    for step in ([1e-3, 0], [-1e-3, 0], [0, 1e-3], [0, -1e-3], [0.1, -0.1], [-0.2, 0.1]):
        assert loglik(rho + np.array(step)) < res.model.loglik


def test_the_profile_and_its_interval(lattice):
    w = lattice(10, 10)
    score = np.random.default_rng(0).random(100)
    panel = drawn(w, score, "sender", 0.6, 8, seed=4)
    res = threshold(
        "y ~ x", panel, w, score="score", effects="unit", replications=0, grid=30, level=0.9
    )
    at = res.profile["loglik"].idxmax()
    assert at == res.gamma
    assert res.profile.index.is_monotonic_increasing
    assert 30 < len(res.profile) <= 30 + 25
    kept = (res.profile["lr"] <= -2 * np.log(1 - np.sqrt(0.9))).to_numpy()
    inside, gammas = np.flatnonzero(kept), res.profile.index
    # As far as the neighbours that are rejected.
    assert res.conf_low == gammas[inside[0] - 1]
    assert res.conf_high == gammas[inside[-1] + 1]
    for gamma in (*gammas[[2, 15]], res.gamma):
        fixed = threshold("y ~ x", panel, w, score="score", gamma=gamma, effects="unit")
        assert fixed.model.loglik == pytest.approx(res.profile.loc[gamma, "loglik"], abs=1e-6)
    assert "no bootstrap" in repr(res.tests["sup LR"])


def test_workers_do_not_change_the_bootstrap(lattice):
    w = lattice(5, 6)
    panel = drawn(w, np.random.default_rng(0).random(30), "sender", 0.5, 4, seed=1)
    options = {"score": "score", "effects": "unit", "replications": 2, "grid": 4}
    one = threshold("y ~ x", panel, w, **options)
    two = threshold("y ~ x", panel, w, n_jobs=2, **options)
    assert one.tests["sup LR"].p_value == two.tests["sup LR"].p_value
    assert one.tests["sup LR"].rule == "2 samples from the model without a threshold"


def test_errors(lattice):
    w = lattice(5, 6)
    panel = drawn(w, np.random.default_rng(0).random(30), "sender", 0.5, 4, seed=1)
    with pytest.raises(OptionError, match="on must be one of 'sender', 'receiver', 'difference'"):
        threshold("y ~ x", panel, w, score="score", on="pair")
    with pytest.raises(OptionError, match="trim must be a number between"):
        threshold("y ~ x", panel, w, score="score", trim=0.6)
    with pytest.raises(PanelError, match="too few different values"):
        threshold("y ~ x", panel.assign(score=1.0), w, score="score")
    with pytest.raises(PanelError, match="must have a value for every unit"):
        threshold("y ~ x", panel, w, score=pd.Series([1.0], [0], name="s"))


@pytest.mark.slow
def test_a_planted_threshold_is_found_and_covered(lattice):
    w = lattice(15, 15)
    score = np.random.default_rng(0).random(225)
    inside, found = [], []
    for seed in range(30):
        panel = drawn(w, score, "sender", 0.6, 8, seed, rho=(0.1, 0.4), theta=(0.0, 0.25))
        res = threshold("y ~ x", panel, w, score="score", effects="unit", replications=0, grid=40)
        between = score[(score > min(res.gamma, 0.6)) & (score <= max(res.gamma, 0.6))]
        found.append(len(between))
        inside.append(res.conf_low <= 0.6 <= res.conf_high)
    assert np.mean(inside) > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / 30)
    assert np.median(found) <= 6


@pytest.mark.slow
def test_the_bootstrap_keeps_its_size(lattice):
    """Without a threshold: p-values near uniform; rejections at 20 % near 20 %."""
    w = lattice(8, 8)
    score = np.random.default_rng(0).random(64)
    p = []
    for seed in range(40):
        panel = drawn(w, score, "sender", 0.5, 5, seed, rho=(0.3, 0.3), theta=(0.2, 0.2))
        res = threshold(
            "y ~ x", panel, w, score="score", effects="unit", replications=39, grid=10, seed=seed,
            n_jobs=2,
        )  # fmt: skip
        p.append(res.tests["sup LR"].p_value)
    rejected = np.mean(np.array(p) <= 0.2)
    assert abs(rejected - 0.2) < 3.5 * np.sqrt(0.2 * 0.8 / 40)


def two_steps(w, score, seed, periods=8):
    """A panel in which senders' links carry 0, 0.35 and 0.7 as their score passes 0.35 and 0.7."""
    rng, n = np.random.default_rng(seed), w.n_units
    rho = np.select([score <= 0.35, score <= 0.7], [0.0, 0.35], 0.7)
    dense = w.sparse.toarray()
    x, mu = rng.normal(size=(n, periods)), rng.normal(size=(n, 1))
    right = x + 0.5 * (dense * rho) @ x + mu + rng.normal(size=(n, periods))
    y = np.linalg.solve(np.eye(n) - dense * rho, right)
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), periods),
            "t": np.tile(np.arange(periods), n),
            "y": y.ravel(),
            "x": x.ravel(),
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


def test_a_second_threshold(lattice):
    """Found near the planted pair; likelihoods are those of the partition by three groups."""
    w = lattice(14, 14)
    score = np.random.default_rng(0).random(196)
    panel = two_steps(w, score, seed=1)
    named = pd.Series(score, w.units, name="synergy")
    res = threshold(
        "y ~ x", panel, w, score=named, effects="unit", grid=20, replications=0, second=True
    )
    low, high = res.second.gammas
    assert low < high
    assert abs(low - 0.35) < 0.12
    assert abs(high - 0.7) < 0.12
    groups = pd.Series(np.select([score <= low, score <= high], ["a", "b"], "c"), w.units)
    tied = partitioned(
        "y ~ x", panel, w, group=groups, rho="sender", theta="sender", beta="none", effects="unit"
    )
    assert res.second.model.loglik == pytest.approx(tied.loglik, abs=1e-6)
    assert list(matrices_by_name(res.second.model.terms.y)) == ["below", "between", "above"]
    assert "Two thresholds" in repr(res)
    one = threshold("y ~ x", panel, w, score=named, gamma=res.gamma, effects="unit")
    best = res.second.profile["loglik"].max()
    assert best > one.model.loglik


@pytest.mark.slow
def test_a_second_threshold_is_significant(lattice):
    w = lattice(12, 12)
    score = np.random.default_rng(0).random(144)
    panel = two_steps(w, score, seed=1, periods=20)
    named = pd.Series(score, w.units, name="synergy")
    tested = threshold(
        "y ~ x",
        panel,
        w,
        score=named,
        effects="unit",
        grid=12,
        replications=9,
        second=True,
        n_jobs=2,
    )
    assert tested.second.tests["sup LR"].p_value == pytest.approx(
        0.1
    )  # the least that nine samples allow
    assert tested.second.tests["sup LR"].rule == "9 samples from the model with 1 threshold"
