"""log-t and clubs against R's ConvergenceClubs, plain loops, and planted clubs."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nqp_spatial as nq
from benchmarks import plain_clubs
from nqp_spatial.convergence import _clustering as clustering
from nqp_spatial.convergence._log_t_regression import (
    LogTRule,
    dispersion,
    dispersion_adjacent,
    dispersion_nested,
    dispersion_with_each,
)
from nqp_spatial.convergence._transition_paths import trend
from nqp_spatial.errors import DomainError, OptionError, PanelError, ShortPanelWarning
from tests.parity import agree
from tests.reference.make_geometrics import panel_of as wandering_panel
from tests.reference.make_geometrics import wandering

HAC = {"FQSB": "fixed", "AQSB": "andrews"}


def panel_of(values, ids=None, periods=None):
    values = np.asarray(values, dtype=float)
    n, t = values.shape
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n) if ids is None else ids, t),
            "t": np.tile(np.arange(t) if periods is None else periods, n),
            "y": values.ravel(),
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


@pytest.fixture(scope="module")
def countries(nqp_data):
    """152 countries, 1970-2003, and what R found in them."""
    folder = nqp_data / "reference" / "clubs"
    table = pd.read_csv(folder / "gdp.csv", index_col=0)
    record = json.loads((folder / "convergence_clubs.json").read_text())
    result = record["logGDP"] | {"meta": record["meta"]}
    names = [name.replace(" ", ".") for name in table.index]
    return panel_of(table.to_numpy(), names, range(1970, 2004)), result, names


# -- against R ------------------------------------------------------------------------------------


def same_log_t(ours, truth, case, data):
    """Compare the dispersion of transition paths, and the log t regression."""
    row = truth["logt"][case]
    version = truth["meta"]["ConvergenceClubs"]
    other = {"program": "ConvergenceClubs", "version": version, "data": data, "case": case}
    agree("Log t: dispersion of paths", ours.dispersion, truth["H"], rtol=1e-11, **other)
    for name, value, key in [
        ("b", ours.b, "beta"), ("std_error", ours.std_error, "std.err"),
        ("t", ours.statistic, "tvalue"),
    ]:  # fmt: skip
        agree(f"Log t: {name}", value, row[key], rtol=1e-10, **other)


@pytest.mark.parity
@pytest.mark.parametrize("hac", HAC)
@pytest.mark.parametrize("trim", [1 / 3, 0.2])
def test_log_t_of_state_incomes_equals_r(reference, hac, trim):
    truth = reference("us_income_clubs")
    ours = nq.convergence.log_t(
        nq.datasets.us_income(), "income", logs=True, detrend=None, discard=trim, hac=HAC[hac]
    )
    same_log_t(ours, truth, f"{hac}_trim{trim:.4f}", "US state incomes")
    row = truth["logt"][f"{hac}_trim{trim:.4f}"]
    assert ours.p_value == pytest.approx(row["pvalue"], abs=1e-12)
    assert ours.speed == ours.b / 2
    assert ours.reading == "convergence of growth rates is not rejected (b between 0 and 2)"


@pytest.mark.parity
@pytest.mark.parametrize("hac", HAC)
@pytest.mark.parametrize("merge", ["phillips-sul", "von-lyncker-thoennessen", None])
def test_state_incomes_are_one_club(reference, hac, merge):
    meta, truth = (
        reference("us_income_clubs")["meta"],
        reference("us_income_clubs")["findClubs"][hac],
    )
    ours = nq.convergence.clubs(
        nq.datasets.us_income(), "income", logs=True, hac=HAC[hac], merge=merge
    )
    assert len(ours.frame) == len([key for key in truth if key.startswith("club")])
    agree(
        "Clubs: t of the club", ours.frame.loc[1, "statistic"], truth["club1"]["model"]["tvalue"],
        rtol=1e-6, program="ConvergenceClubs", version=meta["ConvergenceClubs"],
        data="US state incomes", case=f"{hac}, {merge}",
    )  # fmt: skip
    assert (ours.membership == 1).all()
    assert ours.divergent.empty


@pytest.mark.parity
@pytest.mark.parametrize("hac", HAC)
@pytest.mark.parametrize("trim", [1 / 3, 0.3, 0.2])
def test_log_t_of_countries_equals_r(countries, hac, trim):
    panel, truth, _ = countries
    ours = nq.convergence.log_t(panel, "y", logs=True, detrend=None, discard=trim, hac=HAC[hac])
    same_log_t(ours, truth, f"{hac}_trim{trim:.4f}", "GDP of 152 countries")


def same_clubs(table, membership, theirs, names, version, case):
    """Compare members and regressions of clubs; `theirs` may lack the regression."""
    clubs = [theirs[key] for key in sorted(theirs) if key.startswith("club")]
    assert len(table) == len(clubs)
    for number, club in enumerate(clubs, start=1):
        members = set(membership.index[membership == number])
        assert members == {names[i - 1] for i in np.atleast_1d(club["ids"])}
        row, model = table.loc[number], club["model"]
        for name, key in (("b", "beta"), ("std_error", "std.err"), ("statistic", "tvalue")):
            agree(
                f"Clubs: {name} of each club", row[name], model[key], rtol=1e-8,
                program="ConvergenceClubs", version=version, case=f"{case}, club {number}",
                data="GDP of 152 countries",
            )  # fmt: skip
        assert row["p_value"] == pytest.approx(model["pvalue"], rel=1e-6, abs=1e-15)
    divergent = theirs.get("divergent", {"ids": []})["ids"]
    out = set(membership.index[membership.isna()])
    assert out == {names[i - 1] for i in np.atleast_1d(divergent).astype(int)}


@pytest.mark.parity
@pytest.mark.parametrize("hac", HAC)
def test_clubs_of_countries_equal_r(countries, hac):
    panel, truth, names = countries
    options = {"logs": True, "hac": HAC[hac]}
    raw = nq.convergence.clubs(panel, "y", merge=None, **options)
    version = truth["meta"]["ConvergenceClubs"]
    raw_clubs = truth["findClubs"][f"{hac}_fixed"]["clubs"]
    same_clubs(raw.frame, raw.membership, raw_clubs, names, version, hac)
    merged = nq.convergence.clubs(panel, "y", merge="phillips-sul", **options)
    theirs = truth["mergeClubs"][f"{hac}_fixed_PS_noDiv"]
    same_clubs(merged.frame, merged.membership, theirs, names, version, f"{hac}, merged")
    text = ["+".join(np.atleast_1d(theirs[k]["merged_from"])) for k in sorted(theirs)
            if k.startswith("club")]  # fmt: skip
    assert merged.frame["merged_from"].tolist() == [row.replace("club", "") for row in text]
    pd.testing.assert_series_equal(merged.before, raw.membership)


def test_a_club_that_does_not_converge_is_said_to(countries):
    """With c* fixed at 0, R hands out a club with t = -16.8 in silence (reference README, 7)."""
    panel, _, _ = countries
    fixed = nq.convergence.clubs(panel, "y", logs=True, merge=None)
    assert fixed.frame.loc[1, "statistic"] < -16
    assert fixed.frame["converges"].tolist() == [False, True, True]
    assert "not together" in " ".join(fixed.notes)
    rising = nq.convergence.clubs(panel, "y", logs=True, merge=None, critical="increasing")
    assert rising.frame["converges"].all()
    assert (rising.frame["c_star"].dropna() >= 0).all()
    assert rising.frame["c_star"].max() > 0


# -- against plain loops --------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(3, 24),
    periods=st.integers(10, 40),
    hac=st.sampled_from(["fixed", "andrews"]),
    increasing=st.booleans(),
)
def test_clubs_equal_one_regression_at_a_time(seed, n, periods, hac, increasing):
    rng = np.random.default_rng(seed)
    levels = rng.choice([1.0, 1.3, 1.7], n)[:, None]
    t = np.arange(1, periods + 1)
    away = rng.normal(size=(n, 1)) * 0.1 / np.sqrt(t) + 0.01 * rng.normal(size=(n, periods)) / t
    values = np.exp(0.02 * t) * (levels + away)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ShortPanelWarning)
        ours = nq.convergence.clubs(
            panel_of(values), "y", hac=hac, merge=None,
            critical="increasing" if increasing else "fixed",
        )  # fmt: skip
    theirs, divergent = plain_clubs.clubs(values, 1 / 3, hac, increasing)
    assert [set(ours.members(number)) for number in ours.frame.index] == theirs
    assert set(ours.divergent) == divergent
    for number, rows in enumerate(theirs, start=1):
        b, error, _ = plain_clubs.log_t(values[sorted(rows)], 1 / 3, hac)
        assert ours.frame.loc[number, "b"] == pytest.approx(b, rel=1e-7, abs=1e-9)
        if np.isfinite(error):
            assert ours.frame.loc[number, "std_error"] == pytest.approx(error, rel=1e-6)


def test_dispersions_of_many_groups():
    rng = np.random.default_rng(0)
    # Far from zero and close together: differences of squares would lose ten digits.
    x = 1e5 + np.cumsum(rng.normal(size=(12, 7)), axis=1)
    np.testing.assert_allclose(
        dispersion_nested(x), [dispersion(x[: k + 2]) for k in range(11)], rtol=1e-9
    )
    np.testing.assert_allclose(
        dispersion_adjacent(x), [dispersion(x[k : k + 2]) for k in range(11)], rtol=1e-9
    )
    np.testing.assert_allclose(
        dispersion_with_each(x[:5], x[5:]),
        [dispersion(np.vstack([x[:5], row])) for row in x[5:]], rtol=1e-9,
    )  # fmt: skip


def test_a_core_when_no_critical_value_serves():
    """At the cap the club is its core with its own regression, not that of the last try."""
    # Each of 300 units drifts away so little that it still passes with a core of five; together
    # they do not.
    rng = np.random.default_rng(0)
    t = np.arange(1, 41)
    core = 1 + 0.2 * np.array([1, 0.6, 0.2, -0.3, -0.7])[:, None] / t
    others = 0.99 - 0.01 * rng.uniform(0.1, 1.5, (300, 1)) * t / 40
    x = np.vstack([core, others])
    x = x[np.argsort(-x[:, -1])]
    rule = LogTRule(1 / 3, "fixed")
    result, _ = clustering.cluster(x, rule, increasing=True, progress=lambda _: None)
    assert result[0].at_cap
    assert len(result[0].members) == 5
    for club in result:
        b, error, statistic = plain_clubs.log_t(x[club.members], 1 / 3, "fixed")
        assert (club.b, club.std_error) == pytest.approx((b, error), rel=1e-8)
        assert statistic > -1.65


def test_merging_by_hand(monkeypatch):
    """Three clubs: the second goes with the third more clearly than the first with the second."""
    strength = {(1, 2): 0.5, (2, 3): 2.0, (1, 2, 3): -3.0}

    def tested(_x, members, _rule, **known):
        return clustering.Club(members, strength[known["parts"]], 1.0, **known)

    monkeypatch.setattr(clustering, "_tested", tested)
    clubs = [clustering.Club(np.array([i]), 0.0, 1.0, parts=(i,)) for i in (1, 2, 3)]
    rule, x = LogTRule(1 / 3, "fixed"), np.zeros((3, 9))
    steps = []
    by_sul = clustering.merge_next(x, clubs, rule, steps)
    assert [club.parts for club in by_sul] == [(1, 2), (3,)]
    assert [(what, done) for what, _, done in steps] == [
        ("1 with 2", True), ("1+2 with 3", False),
    ]  # fmt: skip
    by_lyncker = clustering.merge_pairs(x, clubs, rule, [])
    assert [club.parts for club in by_lyncker] == [(1,), (2, 3)]


def test_divergent_units_join_the_clearest_club(countries):
    panel, _, _ = countries
    options = {"logs": True, "hac": "andrews", "merge": "von-lyncker-thoennessen"}
    remaining = nq.convergence.clubs(panel, "y", **options)
    assert remaining.divergent.tolist() == ["Liberia"]
    taken = nq.convergence.clubs(panel, "y", merge_divergent=True, **options)
    x = np.log(panel.wide("y"))
    t = [
        plain_clubs.log_t(
            x.loc[[*remaining.members(number), "Liberia"]].to_numpy(), 1 / 3, "andrews"
        )[2]
        for number in remaining.frame.index
    ]
    assert max(t) > -1.65
    assert taken.membership["Liberia"] == int(np.argmax(t)) + 1
    assert "Liberia" in " ".join(taken.notes)


@pytest.mark.parity
@pytest.mark.parametrize("name", ["50", "150", "us_income"])
def test_clubs_equal_geometrics(reference, name):
    """Members of every club, and the log t regression of all units."""
    record = reference("geometrics")
    truth = record[name]
    panel = nq.datasets.us_income().assign(y=lambda d: np.log(d["income"]))
    panel = panel if name == "us_income" else wandering_panel(wandering(int(name)))
    other = {
        "program": "geometrics", "version": record["version"],
        "data": "US state incomes" if name == "us_income" else "wandering incomes",
        "case": name,
    }  # fmt: skip
    whole = nq.convergence.log_t(panel, "y", detrend=None)
    agree("Log t: b", whole.b, truth["b"], rtol=1e-10, **other)
    agree("Log t: t", whole.statistic, truth["t"], rtol=1e-10, **other)
    ours = nq.convergence.clubs(panel, "y", critical="increasing", merge=None)
    membership = ours.membership.reindex(panel.units).fillna(0)
    agree("Clubs: club of each unit", membership, truth["clubs"], **other)
    # With c* kept at zero, a club that does not converge is said to be one.
    assert (
        name != "150" or not nq.convergence.clubs(panel, "y", merge=None).frame["converges"].all()
    )


@pytest.mark.parity
def test_the_trend_equals_the_filter_series_by_series():
    from statsmodels.tsa.filters.hp_filter import hpfilter

    values = np.cumsum(np.random.default_rng(1).normal(size=(5, 30)), axis=1)
    single = [hpfilter(row, 400)[1] for row in values]
    agree(
        "Trend of Hodrick and Prescott", trend(values, 400), single, rtol=1e-9, atol=1e-10,
        program="statsmodels", data="five random walks",
    )  # fmt: skip
    detrended = nq.convergence.log_t(panel_of(values + 50), "y", detrend="hp")
    by_hand = nq.convergence.log_t(panel_of(trend(values + 50, 400)), "y", detrend=None)
    assert detrended.statistic == pytest.approx(by_hand.statistic, rel=1e-9)


# -- planted clubs --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_clubs_of_simulated_cities_are_found(seed):
    cities = nq.datasets.simulate_cities(seed=seed, first=1992, last=2021)
    ours = nq.convergence.clubs(cities, "gdp_pc", logs=True)
    pd.testing.assert_series_equal(
        ours.membership.astype(int), cities.truth.clubs, check_names=False
    )
    means = ours.club_paths.iloc[:, -1]
    assert means.is_monotonic_decreasing
    np.testing.assert_allclose(means.to_numpy(), ours.frame["level"])


@pytest.mark.slow
def test_recovery_and_size():
    """Noisy clubs are found but for few units; the rates are in benchmarks/README.md."""
    from benchmarks.dynamics_calibration import club_recovery

    result = pd.DataFrame(
        [club_recovery(n=100, periods=30, noise=0.005, seed=s) for s in range(100)]
    )
    assert result["pairs_right"].mean() > 0.95
    assert result["clubs"].between(3, 4).mean() > 0.9
    # Alpha is positive, so that one club is rejected more rarely than 5 %.
    assert result["one_club_rejected"].mean() < 0.08


# -- errors ---------------------------------------------------------------------------------------


def test_errors():
    rng = np.random.default_rng(0)
    good = 5 + rng.random((6, 20))
    panel = panel_of(good)
    negative = good.copy()
    negative[2, 3] = -1
    with pytest.raises(DomainError, match=r"must be positive and is not for \(2, 3\)"):
        nq.convergence.clubs(panel_of(negative), "y")
    with pytest.raises(DomainError, match="logs=False"):
        nq.convergence.log_t(panel_of(negative), "y", logs=True)
    with pytest.raises(DomainError, match="levels exceed one"):
        nq.convergence.log_t(panel_of(good / 10), "y", logs=True)
    with pytest.raises(DomainError, match="same for all units"):
        nq.convergence.log_t(panel_of(np.ones((4, 20))), "y", detrend=None)
    with pytest.raises(DomainError, match="same for all units in 19"):
        same_at_last = good.copy()
        same_at_last[:, 19] = 5
        nq.convergence.clubs(panel_of(same_at_last), "y")
    with pytest.raises(PanelError, match="panel has one"):
        nq.convergence.clubs(panel_of(good[:1]), "y")
    with pytest.raises(PanelError, match="at least 4"):
        nq.convergence.clubs(panel_of(good[:, :3]), "y")
    with pytest.raises(PanelError, match="evenly spaced; after 3"):
        nq.convergence.log_t(panel_of(good[:, :6], periods=[0, 1, 2, 3, 5, 6]), "y")
    with pytest.raises(PanelError, match=r"undefined at t = 1"):
        nq.convergence.log_t(panel, "y", discard=0.01)
    for options, message in [
        ({"discard": 1.5}, "a number between 0 and 1"),
        ({"hac": "white"}, "one of 'fixed', 'andrews'"),
        ({"detrend": "bk"}, "'hp' or None"),
        ({"smoothing": 0}, "a number above 0"),
        ({"merge": "all"}, "merge must be one of"),
        ({"critical": "none"}, "one of 'fixed', 'increasing'"),
    ]:
        with pytest.raises(OptionError, match=message):
            nq.convergence.clubs(panel, "y", **options)
    with pytest.raises(OptionError, match="no club 9"):
        nq.convergence.clubs(panel, "y").members(9)


def test_short_panels_warn():
    values = 5 + np.random.default_rng(0).random((6, 10))
    with pytest.warns(ShortPanelWarning, match="10 periods are few"):
        result = nq.convergence.clubs(panel_of(values), "y")
    assert "few for the log-t test" in result.notes[0]


def test_equal_pairs_are_named_and_no_harm():
    rng = np.random.default_rng(3)
    t = np.arange(1, 21)
    x = np.array([1, 1, 1, 2, 2, 2.0])[:, None] + 0.1 * rng.normal(size=(6, 1)) / t
    x[1] = x[0]
    result = nq.convergence.clubs(panel_of(x), "y")
    assert "0 and 1" in " ".join(result.notes)
    assert result.membership[0] == result.membership[1]


def test_units_may_come_in_any_order():
    rng = np.random.default_rng(5)
    t = np.arange(1, 26)
    x = rng.choice([1.0, 1.4], 15)[:, None] + 0.1 * rng.normal(size=(15, 1)) / t
    names = np.array([f"u{i:02d}" for i in range(15)])
    row = nq.convergence.clubs(panel_of(x, names), "y")
    order = rng.permutation(15)
    renamed = nq.convergence.clubs(panel_of(x[order], names), "y")
    same = pd.Series(renamed.membership.to_numpy(), names[order]).reindex(names)
    assert row.membership.astype(int).tolist() == same.astype(int).tolist()


def test_statistics_of_clubs_are_those_of_log_t_without_trend():
    rng = np.random.default_rng(33)
    t = np.arange(1, 21)
    x = rng.choice([1.0, 1.4], 12)[:, None] + 0.15 * rng.normal(size=(12, 1)) / np.sqrt(t)
    panel = panel_of(x + 0.02 * rng.normal(size=(12, 20)))
    result = nq.convergence.clubs(panel, "y")
    members = panel.select(units=result.members(1))
    plain = nq.convergence.log_t(members, "y", detrend=None)
    assert result.frame.loc[1, "statistic"] == pytest.approx(plain.statistic)
    # Of trends of all units, the same members converge.
    trends = panel.assign(y=lambda d: trend(panel.values("y"), 400.0).ravel())
    other = nq.convergence.log_t(trends.select(units=result.members(1)), "y", detrend=None)
    assert plain.statistic < -1.65 < other.statistic
    note = result.notes[-1]
    assert "Hodrick-Prescott trends" in note
    assert f"club 1: t = {other.statistic:.2f}" in note
    detrended = nq.convergence.clubs(panel, "y", detrend="hp")
    assert not any("Hodrick-Prescott" in note for note in detrended.notes)
