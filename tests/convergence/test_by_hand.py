"""Beta, clubs and their logit beside the definitions, number by number."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nqp_spatial as nq
from benchmarks import plain_clubs
from nqp_spatial.convergence import _clustering as clustering
from nqp_spatial.convergence._log_t_regression import LogTRule, dispersion_nested
from nqp_spatial.errors import DomainError, OptionError, PanelError, ShortPanelWarning


def panel_of(values, periods=None, **columns):
    """Columns have a value for each unit, or for each unit and period."""
    values = np.asarray(values, dtype=float)
    n, t = values.shape
    periods = np.arange(2000, 2000 + t) if periods is None else periods
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), t),
            "t": np.tile(periods, n),
            "y": values.ravel(),
            **{name: np.broadcast_to(np.asarray(c).reshape(n, -1), (n, t)).ravel()
               for name, c in columns.items()},
        }
    )  # fmt: skip
    return nq.SpatialPanel(frame, unit="id", period="t")


def paths(n, periods, seed=0, levels=(1.0, 1.4)):
    """Units near one of several levels, each on a path of its own that fades."""
    rng = np.random.default_rng(seed)
    t = np.arange(1, periods + 1)
    start = np.resize(levels, n)[:, None] * (1 + 0.001 * rng.normal(size=(n, 1)))
    return start + 0.1 * rng.normal(size=(n, 1)) / t + 0.001 * rng.normal(size=(n, periods)) / t


# -- beta -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def growing_panel():
    """Logs near ten, of 30 units and 7 periods, that close their gaps."""
    rng = np.random.default_rng(3)
    y = [rng.normal(size=30)]
    for _ in range(6):
        y.append(0.9 * y[-1] + 0.05 * rng.normal(size=30))
    return panel_of(np.exp(10 + np.stack(y, axis=1)), c=rng.normal(size=(30, 7)))


def robust(X, y):
    """Least squares with White's covariance times n / (n - k)."""
    inverse = np.linalg.inv(X.T @ X)
    b = inverse @ X.T @ y
    scores = X * (y - X @ b)[:, None]
    cov = inverse @ scores.T @ scores @ inverse
    return b, cov


def test_speed_follows_from_b_and_its_error(growing_panel):
    for level in (0.95, 0.8):
        result = nq.convergence.beta(growing_panel, "y", level=level)
        row = result.frame.loc[("all", "coefficient")]
        b, error, span = row["estimate"], row["std_error"], 6
        z = stats.norm.ppf(1 - (1 - level) / 2)
        assert row["p_value"] == pytest.approx(2 * (1 - stats.norm.cdf(abs(b) / error)), abs=1e-14)
        h = 1e-7
        speed = [-np.log(1 + span * (b + s)) / span for s in (-h, 0, h)]
        slope = abs(speed[2] - speed[0]) / (2 * h)
        assert row["speed"] == pytest.approx(speed[1])
        assert row["speed_low"] == pytest.approx(speed[1] - z * slope * error, rel=1e-5)
        assert row["speed_high"] == pytest.approx(speed[1] + z * slope * error, rel=1e-5)
        half = [np.log(2) / s for s in speed]
        slope = abs(half[2] - half[0]) / (2 * h)
        assert row["half_life_low"] == pytest.approx(half[1] - z * slope * error, rel=1e-5)
        assert row["half_life_high"] == pytest.approx(half[1] + z * slope * error, rel=1e-5)


@pytest.mark.parametrize("step", [1, 2, 3, 6])
def test_speed_in_a_panel_is_per_period(growing_panel, step):
    result = nq.convergence.beta(growing_panel, "y", kind="panel", step=step, effects="none")
    y = np.log(growing_panel.values("y"))
    ends = np.arange(6, 0, -step)[::-1]
    ends = ends[ends >= step]
    growth, start = y[:, ends] - y[:, ends - step], y[:, ends - step]
    slope, _ = np.polyfit(start.ravel(), growth.ravel(), 1)
    row = result.frame.loc[("all", "coefficient")]
    assert result.span == step
    assert result.spec.kind == "panel"
    assert row["estimate"] == pytest.approx(slope)
    assert row["speed"] == pytest.approx(-np.log(1 + slope) / step)
    assert row["speed_high"] - row["speed"] == pytest.approx(
        stats.norm.ppf(0.975) * row["std_error"] / (1 + slope) / step
    )
    assert row["half_life"] == pytest.approx(np.log(2) / row["speed"])
    np.testing.assert_allclose(result.data["growth"], growth.ravel())
    np.testing.assert_allclose(result.data["start"], start.ravel())
    periods = result.data.index.get_level_values("period")
    assert sorted(set(periods)) == [2000 + end for end in ends]


def test_span_of_a_cross_section():
    """Years say how long the growth took, whatever lies between them."""
    values = np.exp(np.random.default_rng(0).normal(size=(20, 3)))
    growth = np.log(values[:, 2] / values[:, 0])
    for periods, span in (([1990, 1995, 2000], 10), ([1, 2, 3], 2)):
        result = nq.convergence.beta(panel_of(values, periods), "y")
        assert result.span == span
        np.testing.assert_allclose(result.data["growth"], growth / span)
    plain = nq.convergence.beta(panel_of(values), "y", logs=False)
    np.testing.assert_allclose(plain.data["growth"], (values[:, 2] - values[:, 0]) / 2)
    np.testing.assert_allclose(plain.data["start"], values[:, 0])
    two = nq.convergence.beta(panel_of(values[:, :2]), "y")
    assert two.span == 1


def test_controls_stand_at_the_start(growing_panel):
    y, c = np.log(growing_panel.values("y")), growing_panel.values("c")
    result = nq.convergence.beta(growing_panel, "y", controls="c")
    X = np.column_stack([np.ones(30), y[:, 0], c[:, 0]])
    b = np.linalg.lstsq(X, (y[:, -1] - y[:, 0]) / 6, rcond=None)[0]
    assert result.frame.loc[("all", "coefficient"), "estimate"] == pytest.approx(b[1])
    assert result.model.params["x", "c"] == pytest.approx(b[2])


def test_beta_of_groups_has_a_constant_for_each(growing_panel):
    """Least squares by hand, with the Wald test that three slopes are one."""
    y, c = np.log(growing_panel.values("y")), growing_panel.values("c")
    side = np.resize(["a", "b", "c"], 30)
    groups = pd.Series(side, growing_panel.units)
    result = nq.convergence.beta(growing_panel, "y", controls=["c"], group=groups)
    D = (side[:, None] == np.array(["a", "b", "c"])).astype(float)
    X = np.column_stack([D, D * y[:, :1], c[:, 0]])
    b = np.linalg.lstsq(X, (y[:, -1] - y[:, 0]) / 6, rcond=None)[0]
    keys = [(name, "coefficient") for name in "abc"]
    np.testing.assert_allclose(result.frame.loc[keys, "estimate"], b[3:6])
    columns = [("x", f"start_{i}") for i in (1, 2, 3)]
    V = result.model.cov.loc[columns, columns].to_numpy()
    np.testing.assert_allclose(result.frame.loc[keys, "std_error"], np.sqrt(np.diag(V)))
    R = np.array([[1.0, -1, 0], [0, 1, -1]])
    gap = R @ b[3:6]
    wald = gap @ np.linalg.solve(R @ V @ R.T, gap)
    assert result.tests["equal"].statistic == pytest.approx(wald)
    assert result.tests["equal"].p_value == pytest.approx(stats.chi2.sf(wald, 2))
    assert result.data["group"].tolist() == side.tolist()
    np.testing.assert_allclose(result.data["start"], y[:, 0])


@pytest.mark.parametrize("effects", ["none", "period", "unit", "two-way"])
def test_beta_of_groups_in_a_panel(growing_panel, effects):
    """Constants of groups stand beside period effects and are absorbed by unit effects."""
    y = np.log(growing_panel.values("y"))
    side = np.resize(["a", "b"], 30)
    result = nq.convergence.beta(
        growing_panel, "y", kind="panel", effects=effects,
        group=pd.Series(side, growing_panel.units),
    )  # fmt: skip
    n, t = 30, 6
    D = np.repeat(side == "b", t).astype(float)
    start = y[:, :-1].ravel()
    unit, period = np.kron(np.eye(n), np.ones((t, 1))), np.kron(np.ones((n, 1)), np.eye(t))
    dummies = {
        "none": [np.ones((n * t, 1)), D[:, None]],
        "period": [period, D[:, None]],
        "unit": [unit],
        "two-way": [unit, period[:, 1:]],
    }[effects]
    X = np.column_stack([start * (1 - D), start * D, *dummies])
    b = np.linalg.lstsq(X, np.diff(y, axis=1).ravel(), rcond=None)[0]
    np.testing.assert_allclose(result.frame["estimate"], b[:2], rtol=1e-8)
    text = any("Nickell" in note for note in result.notes)
    assert text == (effects in ("unit", "two-way"))


def test_defaults_of_effects_and_covariance(growing_panel):
    """No effects in a cross-section, two-way and clustered in a panel, observed in space."""
    assert nq.convergence.beta(growing_panel, "y").model.spec.effects == "none"
    side_by_side = nq.convergence.beta(growing_panel, "y", kind="panel").model.spec
    assert (side_by_side.effects, side_by_side.covariance) == ("two-way", "cluster")
    w = nq.weights.from_dense(np.roll(np.eye(30), 1, axis=1), growing_panel.units)
    space = nq.convergence.beta(growing_panel, "y", weights=w, model="slx").model.spec
    assert (space.effects, space.covariance) == ("none", "observed")


def test_effects_of_start_in_a_durbin_model():
    panel = nq.datasets.us_income()
    w = nq.weights.contiguity(panel)
    groups = pd.Series(np.resize(["a", "b"], 48), panel.units)
    result = nq.convergence.beta(
        panel, "income", weights=w, model="sdm", group=groups, durbin="start"
    )
    effects = result.model.effects().frame.set_index(["variable", "effect"])
    for i, name in ((1, "a"), (2, "b")):
        for by in ("direct", "total"):
            row = result.frame.loc[(name, by)]
            assert row["estimate"] == effects.loc[(f"start_{i}", by), "estimate"]
            assert row["std_error"] == effects.loc[(f"start_{i}", by), "std_error"]
        row = result.frame.loc[(name, "coefficient")]
        assert row["estimate"] == result.model.params["x", f"start_{i}"]
    assert {name for block, name in result.model.params.index if block == "wx"} == {
        "start_1", "start_2",
    }  # fmt: skip


def test_notes_name_groups_where_there_are_several(growing_panel):
    """One row needs no name."""
    y = np.log(growing_panel.values("y"))
    turned = panel_of(np.exp(10 + 1.5 * (y[:, ::-1] - 10)))  # gaps grow
    alone = nq.convergence.beta(turned, "y")
    assert any(note.startswith("no convergence") for note in alone.notes)
    groups = pd.Series(np.resize(["a", "b"], 30), turned.units)
    several = nq.convergence.beta(turned, "y", group=groups)
    assert any("a (coefficient)" in note and "no convergence" in note for note in several.notes)


def test_notes_say_what_intervals_reach():
    rng = np.random.default_rng(0)
    start = rng.normal(size=40)
    gap = rng.normal(size=40)

    def notes(slope, noise):
        end = (1 + slope) * start + noise * gap
        result = nq.convergence.beta(panel_of(np.exp(np.stack([start, end], axis=1))), "y")
        row = result.frame.iloc[0]
        return row, " ".join(result.notes)

    row, text = notes(-0.5, 0.01)
    assert row["speed_low"] > 0
    assert text == ""
    row, text = notes(-0.1, 1.0)
    assert row["speed"] > 0 > row["speed_low"]
    assert "contains zero" in text
    row, text = notes(0.5, 0.01)
    assert row["speed"] < 0
    assert "contains zero" not in text
    assert np.isnan(row["half_life_high"])


def test_zero_is_not_positive():
    """The boundary itself: the logarithm of zero is never taken."""
    values = 5 + np.random.default_rng(0).random((6, 20))
    values[2, 3] = 0
    with pytest.raises(DomainError, match=r"\(2, 2003\)"):
        nq.convergence.beta(panel_of(values), "y")
    for test in (nq.convergence.log_t, nq.convergence.clubs):
        for logs in (True, False):
            with pytest.raises(DomainError, match=r"\(2, 2003\)"):
                test(panel_of(values), "y", logs=logs)


def test_least_and_largest_step(growing_panel):
    for step in (0, 7, 1.5):
        with pytest.raises(OptionError, match="step must be"):
            nq.convergence.beta(growing_panel, "y", kind="panel", step=step)


# -- sigma ----------------------------------------------------------------------------------------


def test_trend_of_four_periods():
    values = np.exp(np.random.default_rng(1).normal(size=(12, 4)))
    for level in (0.95, 0.7):
        result = nq.convergence.sigma(panel_of(values), "y", which="sd", lags=1, level=level)
        row = result.trends.loc["sd"]
        sd = values.std(axis=0)
        y, X = np.log(sd), np.column_stack([np.ones(4), [0, 1, 2, 3]])
        inverse = np.linalg.inv(X.T @ X)
        b = inverse @ X.T @ y
        scores = X * (y - X @ b)[:, None]
        cross = scores[1:].T @ scores[:-1]
        cov = inverse @ (scores.T @ scores + 0.5 * (cross + cross.T)) @ inverse * 4 / 2
        error = np.sqrt(cov[1, 1])
        t = stats.t.ppf(0.5 + level / 2, 2)
        assert (row["first"], row["last"]) == pytest.approx((sd[0], sd[-1]))
        assert row["trend"] == pytest.approx(b[1])
        assert row["statistic"] == pytest.approx(b[1] / error)
        assert row["conf_low"] == pytest.approx(b[1] - t * error)
        assert row["conf_high"] == pytest.approx(b[1] + t * error)
    with pytest.raises(OptionError, match="lags must be"):
        nq.convergence.sigma(panel_of(values), "y", lags=2)
    with pytest.raises(OptionError, match="lags must be"):
        nq.convergence.sigma(panel_of(values), "y", lags=-1)
    assert nq.convergence.sigma(panel_of(values), "y", lags=0).spec.lags == 0


def test_weighted_dispersion():
    rng = np.random.default_rng(2)
    values, people = np.exp(rng.normal(size=(9, 5))), rng.random((9, 5)) + 0.5
    panel = panel_of(values, people=people)
    result = nq.convergence.sigma(panel, "y", which=["cv", "sd_log"], population="people")
    p = people / people.sum(axis=0)
    mean = (p * values).sum(axis=0)
    np.testing.assert_allclose(
        result.frame["cv"], np.sqrt((p * (values - mean) ** 2).sum(axis=0)) / mean
    )
    logs = np.log(values)
    centre = (p * logs).sum(axis=0)
    np.testing.assert_allclose(
        result.frame["sd_log"], np.sqrt((p * (logs - centre) ** 2).sum(axis=0))
    )


# -- log-t ----------------------------------------------------------------------------------------


def test_first_period_of_the_regression():
    """Least: one period left out, four in the regression."""
    assert LogTRule(0.3, "fixed").first(10) == 4
    assert LogTRule(0.2, "fixed").first(5) == 2
    assert LogTRule(0.5, "fixed").first(8) == 5
    with pytest.raises(PanelError, match="3 observations after discarding 4 of 7"):
        LogTRule(0.5, "fixed").first(7)
    for share in (0.0, 1.0):
        with pytest.raises(OptionError):
            nq.convergence.log_t(panel_of(paths(4, 20)), "y", discard=share)


@pytest.mark.parametrize("hac", ["fixed", "andrews"])
@pytest.mark.parametrize("discard", [0.2, 0.3])
def test_log_t_equals_the_plain_regression(hac, discard):
    """Also with few observations, and with a b above two, between zero and two, and below zero."""
    readings = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        t = np.arange(1, 17)
        fade = t ** -rng.choice([-0.2, 0.0, 0.5, 1.5]) / np.log(t + 1)
        x = 3 + 0.5 * rng.normal(size=(8, 1)) * fade + 0.01 * rng.normal(size=(8, 16)) / t
        result = nq.convergence.log_t(panel_of(x), "y", detrend=None, hac=hac, discard=discard)
        b, error, statistic = plain_clubs.log_t(x, discard, hac)
        if not np.isfinite(statistic):
            assert np.isnan(result.statistic)
            assert result.reading == "no result"
            continue
        assert result.b == pytest.approx(b, rel=1e-9)
        assert result.std_error == pytest.approx(error, rel=1e-8)
        assert result.p_value == pytest.approx(stats.norm.cdf(statistic), abs=1e-12)
        assert result.speed == pytest.approx(b / 2)
        assert result.first_period == 2000 + round(16 * discard)
        np.testing.assert_allclose(result.paths, x / x.mean(axis=0))
        readings.add(result.reading.split(" is ")[0])
        assert ("rejected at 5 %" in result.reading) == (statistic <= -1.65)
        assert ("levels" in result.reading) == (statistic > -1.65 and b >= 2)
        assert ("growth rates" in result.reading) == (statistic > -1.65 and 0 <= b < 2)
    assert len(readings) >= 3


def test_shortness_is_said_below_fifteen_periods():
    values = paths(8, 15)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ShortPanelWarning)
        assert nq.convergence.log_t(panel_of(values), "y").notes == ()
    with pytest.warns(ShortPanelWarning, match="14 periods"):
        nq.convergence.log_t(panel_of(values[:, :14]), "y")


def test_units_may_be_equal_in_periods_that_are_left_out():
    """H of the first period and of those in the regression must be positive, no others."""
    values = paths(6, 18)
    start = round(18 / 3) + 1
    for equal in range(18):
        made = values.copy()
        made[:, equal] = 2.0
        panel = panel_of(made)
        if 1 <= equal < start - 1:
            assert np.isfinite(nq.convergence.log_t(panel, "y", detrend=None).b)
        else:
            with pytest.raises(DomainError, match=f"in {2000 + equal}"):
                nq.convergence.log_t(panel, "y", detrend=None)


def test_smoothing_is_the_weight_of_curvature():
    """Hodrick and Prescott's trend solves (I + s D'D) tau = y, D the second differences."""
    values = 20 + np.cumsum(np.random.default_rng(4).normal(size=(5, 18)), axis=1)
    D = np.diff(np.eye(18), 2, axis=0)
    for smoothing in (400.0, 6.25):
        made = values @ np.linalg.inv(np.eye(18) + smoothing * D.T @ D)
        result = nq.convergence.log_t(panel_of(values), "y", smoothing=smoothing)
        by_hand = nq.convergence.log_t(panel_of(made), "y", detrend=None)
        assert result.statistic == pytest.approx(by_hand.statistic, rel=1e-6)
    four = nq.convergence._transition_paths.trend(values[:, :4], 400.0)
    D = np.diff(np.eye(4), 2, axis=0)
    np.testing.assert_allclose(four, values[:, :4] @ np.linalg.inv(np.eye(4) + 400 * D.T @ D))


# -- clubs ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_clubs():
    x = paths(12, 24, seed=1)
    x[:, -1] += 3e-3 * np.random.default_rng(0).normal(size=12)
    return x, nq.convergence.clubs(panel_of(x), "y", merge=None)


def test_table_of_clubs_by_hand(two_clubs):
    x, result = two_clubs
    assert len(result.frame) == 2
    relative = x / x.mean(axis=0)
    np.testing.assert_allclose(result.paths, relative)
    for number in (1, 2):
        rows = np.flatnonzero(result.membership == number)
        b, error, t = plain_clubs.log_t(x[rows], 1 / 3, "fixed")
        row = result.frame.loc[number]
        assert row["units"] == len(rows)
        assert row["b"] == pytest.approx(b)
        assert row["std_error"] == pytest.approx(error)
        assert row["statistic"] == pytest.approx(t)
        assert row["p_value"] == pytest.approx(stats.norm.cdf(t))
        assert row["speed"] == pytest.approx(b / 2)
        np.testing.assert_allclose(result.club_paths.loc[number], relative[rows].mean(axis=0))
        assert row["level"] == pytest.approx(relative[rows, -1].mean())
        ordered = rows[np.argsort(-x[rows, -1])]  # not in the order of the period before
        assert ordered.tolist() != rows[np.argsort(-x[rows, -2])].tolist()
        assert result.members(number) == ordered.tolist()


def test_growing_starts_with_the_first_pair():
    x = np.array([[4.0, 1.0], [2.0, 3.0], [6.0, 2.0]])
    np.testing.assert_allclose(dispersion_nested(x)[0], [(1 / 3) ** 2, 0.5**2])


def test_equal_units_are_named_only_where_the_regression_meets_them():
    x = paths(6, 21, seed=2)
    x = x[np.argsort(-x[:, -1])]
    start = round(21 / 3) + 1
    for period in (0, start - 2, start - 1, 20):
        made = x.copy()
        made[1, period] = made[0, period]
        result = nq.convergence.clubs(panel_of(made), "y", merge=None)
        apart = len(result.frame) > 1 or len(result.divergent) > 0
        text = any("equal values" in note for note in result.notes)
        assert text == (apart and period != start - 2), period
        if text:
            assert "1 pairs" in " ".join(result.notes)


def club(rows, parts):
    return clustering.Club(np.array(rows), 0.0, 1.0, parts=parts)


def test_divergent_units_are_absorbed_one_by_one():
    """Each time the unit and club with the largest t, while one exceeds the threshold."""
    x = np.vstack([paths(6, 24, seed=5, levels=(1.0, 2.0)), paths(3, 24, seed=6, levels=(1.0,))])
    x = np.vstack([x, 5 * np.exp(0.2 * np.arange(24))])  # goes away from all
    high, low = np.array([1, 3, 5]), np.array([0, 2, 4])
    clubs = [club(high, (1,)), club(low, (2,))]
    steps = []
    rule = LogTRule(1 / 3, "fixed")
    done, out, taken = clustering.absorb(x, clubs, np.arange(6, 10), rule, steps)

    members, remaining, expected = {1: set(high), 2: set(low)}, set(range(6, 10)), []
    while remaining:
        t, unit, number = max(
            (plain_clubs.log_t(x[sorted(members[c] | {u})], 1 / 3, "fixed")[2], u, c)
            for u in remaining
            for c in members
        )
        if t <= -1.65:
            break
        expected.append((unit, number, t))
        members[number].add(unit)
        remaining.remove(unit)
    assert 0 < len(expected) < 4
    assert taken == [(unit, number) for unit, number, _ in expected]
    assert sorted(out) == sorted(remaining)
    for c, made in zip((1, 2), done, strict=True):
        assert set(made.members) == members[c]
        assert made.parts == (c,)
        if len(members[c]) > 3:
            b, error, t = plain_clubs.log_t(x[sorted(members[c])], 1 / 3, "fixed")
            assert (made.b, made.std_error, made.statistic) == pytest.approx((b, error, t))
    wanted = [(f"divergent unit with club {c}", pytest.approx(t), True) for _, c, t in expected]
    assert steps == wanted


def test_the_threshold_itself_does_not_pass(monkeypatch):
    """Convergence needs t above -1.65 in every step of the clustering."""
    rule, x = LogTRule(1 / 3, "fixed"), np.zeros((3, 9))

    def merged(t):
        monkeypatch.setattr(
            clustering, "_tested", lambda _x, members, _rule, **known: clustering.Club(
                members, t, 1.0, **known)
        )  # fmt: skip
        clubs = [club([i], (i + 1,)) for i in range(2)]
        return [
            len(merge(x, clubs, rule, []))
            for merge in (clustering.merge_next, clustering.merge_pairs)
        ]

    assert merged(-1.65) == [2, 2]
    assert merged(np.nextafter(-1.65, 0)) == [1, 1]
    for t, size in ((-1.65, 0), (-1.6, 2)):
        monkeypatch.setattr(clustering, "_t", lambda h, _rule, t=t: np.full(len(h), t))
        core = clustering._core(x + 1, rule)
        assert (0 if core is None else core.stop - core.start) == size
        _, out, taken = clustering.absorb(x + 1, [club([0], (1,))], np.array([1, 2]), rule, [])
        assert len(taken) == size
        assert len(out) == 2 - size


def test_a_core_ends_before_the_first_unit_that_fails(monkeypatch):
    """t of the first two units, three, four, ...: the largest before one at the threshold."""
    rule, x = LogTRule(1 / 3, "fixed"), np.ones((7, 9))
    for t, first, size in (
        ([2.0, 3.0, 1.0, -1.65, 9.0, 9.0], 0, 3),
        ([2.0, 1.0, 5.0, 4.0, 9.0, -3.0], 0, 6),
        ([-2.0, -1.0, -1.2, -5.0, 3.0, 0.0], 1, 2),
        ([-2.0, -2.0, -2.0, -2.0, -2.0, -1.0], 5, 2),
    ):

        def given(h, _rule, t=t):
            # dispersion_nested(x) has one row less for each unit that stands before the core
            return np.array(t[6 - len(h) :])

        monkeypatch.setattr(clustering, "_t", given)
        core = clustering._core(x, rule)
        assert (core.start, core.stop - core.start) == (first, size)


def test_critical_values_of_the_sieve(monkeypatch):
    """0, 0.1, ..., 3: the first with which the club passes; the core where none does."""
    rule, x = LogTRule(1 / 3, "fixed"), np.ones((6, 9))
    core, remaining = slice(0, 2), np.arange(6)
    t = np.array([0.0, 0.35, 2.95, 5.0])  # of units 2 to 5 with the core

    def sieved(passing, increasing):
        monkeypatch.setattr(clustering, "_t", lambda _h, _rule: t)
        monkeypatch.setattr(
            clustering, "_tested", lambda _x, members, _rule, **known: clustering.Club(
                members, 0.0 if tuple(members) in passing else -9.0, 1.0, **known)
        )  # fmt: skip
        made = clustering._sieved(x, remaining, core, rule, increasing)
        return made.members.tolist(), round(made.c_star, 10), made.at_cap

    # t must exceed c*: the unit with t = 0 is never in
    assert sieved([(0, 1, 3, 4, 5)], True) == ([0, 1, 3, 4, 5], 0.0, False)
    assert sieved([(0, 1, 4, 5)], True) == ([0, 1, 4, 5], 0.4, False)
    assert sieved([(0, 1, 5)], True) == ([0, 1, 5], 3.0, False)
    assert sieved([], True) == ([0, 1], 3.0, True)
    assert sieved([], False) == ([0, 1, 3, 4, 5], 0.0, False)
    total = clustering._sieved(x[:2], np.arange(2), core, rule, True)
    assert (total.members.tolist(), total.c_star) == ([0, 1], 0.0)


def test_pairs_merge_where_the_next_does_not_converge_more_clearly(monkeypatch):
    """Of equal t of (1, 2) and (2, 3) the last pair merges first: more clearly, not as clearly."""
    strength = {(1, 2): 1.0, (2, 3): 1.0, (1, 2, 3): -3.0}
    monkeypatch.setattr(
        clustering, "_tested", lambda _x, members, _rule, **known: clustering.Club(
            members, strength[known["parts"]], 1.0, **known)
    )  # fmt: skip
    rule, steps = LogTRule(1 / 3, "fixed"), []
    clubs = [club([i], (i + 1,)) for i in range(3)]
    done = clustering.merge_pairs(np.zeros((3, 9)), clubs, rule, steps)
    assert [made.parts for made in done] == [(1,), (2, 3)]
    assert steps == [("2 with 3", 1.0, True), ("1 with 2+3", -3.0, False)]


# -- logit of clubs -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def logit():
    """Three clubs that one variable goes along with, and weights of a ring."""
    rng = np.random.default_rng(7)
    n = 90
    a, c = rng.normal(size=n), 100 + 10 * rng.normal(size=n)
    index = 1.5 * a - 0.05 * (c - 100) + rng.logistic(size=n)
    code = np.digitize(-index, [-0.7, 0.7]) + 1.0
    code[[0, 40]] = np.nan
    x = paths(n, 16, seed=8)
    panel = panel_of(x, a=a, c=c)
    made = nq.convergence.clubs(panel, "y", merge=None)
    numbers = pd.RangeIndex(1, 4, name="club")
    table = made.frame.reindex(numbers)
    from dataclasses import replace

    clubs = replace(made, membership=pd.Series(code, panel.units).astype("Int64"), frame=table)
    ring = np.roll(np.eye(n), 1, axis=1) + np.roll(np.eye(n), 2, axis=1)
    return panel, clubs, nq.weights.from_dense(ring, panel.units), np.column_stack([a, c]), code


def test_logit_is_the_maximum_of_its_likelihood(logit):
    from scipy import optimize

    panel, clubs, _, x, code = logit
    known = ~np.isnan(code)
    x, code = x[known], code[known].astype(int)
    for level in (0.95, 0.6):
        result = nq.convergence.club_logit(clubs, panel, ["a", "c"], level=level)
        z = (x - x.mean(axis=0)) / x.std(axis=0)

        def minus(parameters, z=z):
            index, cut = z @ parameters[:2], np.r_[-np.inf, parameters[2:], np.inf]
            # code k: index + logistic between the cuts k and k - 1 counted from above
            rank = 3 - code
            p = stats.logistic.cdf(cut[rank + 1] - index) - stats.logistic.cdf(cut[rank] - index)
            return -np.log(p).sum()

        best = optimize.minimize(minus, [0, 0, -1, 1], tol=1e-10)
        b = best.x[:2] / x.std(axis=0)
        cuts = best.x[2:] + x.mean(axis=0) @ b
        np.testing.assert_allclose(result.frame["estimate"], b, rtol=1e-4)
        np.testing.assert_allclose(result.cuts, cuts[::-1], rtol=1e-4)
        assert result.cuts.index.tolist() == ["Club 1 | Club 2", "Club 2 | Club 3"]
        assert result.loglik == pytest.approx(-best.fun)
        shares = np.array([(code == k).mean() for k in (1, 2, 3)])
        null = len(code) * (shares * np.log(shares)).sum()
        assert result.null_loglik == pytest.approx(null)
        assert result.pseudo_r2 == pytest.approx(1 + best.fun / null)
        assert result.tests["lr"].p_value == pytest.approx(
            stats.chi2.sf(2 * (-best.fun - null), 2), rel=1e-4
        )
        assert result.nobs == 88
        width = stats.norm.ppf(1 - (1 - level) / 2)
        for _, row in result.frame.iterrows():
            ratio = row["estimate"] / row["std_error"]
            assert row["statistic"] == pytest.approx(ratio)
            assert row["p_value"] == pytest.approx(2 * (1 - stats.norm.cdf(abs(ratio))), abs=1e-12)
            for end, sign in (("conf_low", -1), ("conf_high", 1)):
                gap = sign * width * row["std_error"]
                assert row[end] == pytest.approx(row["estimate"] + gap)
            assert row["odds_ratio"] == pytest.approx(np.exp(row["estimate"]))


def test_neighbours_in_clubs(logit):
    """The mean rank of neighbours that are in a club; the mean of all where there is none."""
    panel, clubs, w, _, code = logit
    code = code.copy()
    code[[11, 12]] = np.nan  # unit 10 has no other neighbours
    from dataclasses import replace

    clubs = replace(clubs, membership=pd.Series(code, panel.units).astype("Int64"))
    rank = 4 - code
    W = w.sparse.toarray() > 0
    expected = np.array(
        [np.nanmean(rank[row]) if (~np.isnan(rank[row])).any() else np.nanmean(rank) for row in W]
    )
    series = (4 - clubs.membership).reindex(panel.units)
    means, notes = nq.convergence.club_geography._neighbours(series, w)
    np.testing.assert_allclose(means, expected)
    assert notes == ["1 units have no neighbour in a club and get the mean of all"]
    with_lag = nq.convergence.club_logit(clubs, panel, ["a"], weights=w)
    by_hand = nq.convergence.club_logit(clubs, panel.assign(lag=np.repeat(expected, 16)),
                                        ["a", "lag"])  # fmt: skip
    np.testing.assert_allclose(with_lag.frame.to_numpy(), by_hand.frame.to_numpy(), rtol=1e-6)


def test_variables_of_the_period_that_is_asked(logit):
    panel, clubs, _, _, _ = logit
    rng = np.random.default_rng(0)
    moving = panel.assign(m=rng.normal(size=(90 * 16)))
    for period in (None, 2000, 2009):
        result = nq.convergence.club_logit(clubs, moving, ["m"], period=period)
        still = moving.assign(m=np.repeat(moving.wide("m")[period or 2000].to_numpy(), 16))
        by_hand = nq.convergence.club_logit(clubs, still, ["m"])
        assert result.frame.loc["m", "estimate"] == by_hand.frame.loc["m", "estimate"]


def test_joins_of_two_clubs(two_clubs):
    """Two clubs are enough for borders between them."""
    _, result = two_clubs
    ring = np.roll(np.eye(12), 1, axis=1) + np.roll(np.eye(12), -1, axis=1)
    w = nq.weights.from_dense(ring, result.membership.index)
    joins = nq.convergence.club_joins(result, w, permutations=0)
    code = result.membership.to_numpy()
    assert joins.frame.loc[("same", ""), "joins"] == (code == np.roll(code, 1)).sum()


@pytest.mark.parametrize(("low", "text"), [(-1e-9, True), (0.0, True), (1e-9, False)])
def test_a_speed_whose_interval_begins_at_zero_reaches_it(growing_panel, low, text):
    from importlib import import_module

    module = import_module("nqp_spatial.convergence.beta")
    result = nq.convergence.beta(growing_panel, "y")
    table = result.frame.assign(speed=0.1, speed_low=low)
    notes = module._notes(table, result.model, "cross-section")
    assert any("contains zero" in note for note in notes) == text


def test_weights_of_lags_where_memory_is_nearly_full():
    """3 / z^2 (sin z / z - cos z) tends to one as the bandwidth grows: no cancellation there."""
    from nqp_spatial.convergence._log_t_regression import _kernel

    memory = np.array([0.5, 0.99, 0.99995])
    result = _kernel(memory, 20, 6)
    z = 1.2 * np.pi * np.arange(1, 7)
    alpha = 4 * memory**2 / (1 - memory) ** 4
    z = z / (1.3221 * (alpha[:, None] * 20) ** 0.2)
    exact = 3 / z**2 * (np.sin(z) / z - np.cos(z))
    np.testing.assert_allclose(result[:2], exact[:2], rtol=1e-6)
    assert z[2].max() < 1e-2
    np.testing.assert_allclose(result[2], 1 - z[2] ** 2 / 10, rtol=1e-9)
    assert (_kernel(np.array([0.0]), 20, 6) == 0).all()
