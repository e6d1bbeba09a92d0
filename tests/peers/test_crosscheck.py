"""Second opinions agree on what is right, and see a fault that is planted in our code."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.linalg

import nqp_spatial as nq
from nqp_spatial.errors import MissingDependencyError, OptionError
from nqp_spatial.peers._quantities import digits_agreed, quantity
from tests.parity import agree_with_peers
from tests.reference.make_geometrics import panel_of, wandering
from tests.spillovers.policy_panels import planted_panel

FORMULA = "lgsp ~ lpc + lemp + unemp"
CAPITAL = "US public capital"


@pytest.fixture(scope="module")
def incomes():
    panel = nq.datasets.us_income()
    groups = pd.Series(["a", "b", "c"] * 16, index=panel.units)
    panel = panel.assign(side=panel.frame.index.get_level_values(0).map(groups))
    return panel, nq.weights.contiguity(panel)


@pytest.fixture(scope="module")
def capital():
    panel = nq.datasets.us_public_capital()
    panel = panel.select(periods=[1980, 1981, 1982, 1983, 1984, 1985, 1986])
    return panel, nq.weights.contiguity(panel)


@pytest.fixture(scope="module")
def wandering_incomes():
    return panel_of(wandering(50))


@pytest.fixture(scope="module")
def pilot():
    return planted_panel()


DESCRIPTIONS = {
    "moran": lambda p, w: nq.esda.moran(p, "income", w, permutations=0),
    "geary": lambda p, w: nq.esda.geary(p, "income", w, permutations=0),
    "lisa": lambda p, w: nq.esda.lisa(p, "income", w, period=2009, permutations=9),
    "gi": lambda p, w: nq.esda.getis_ord(p, "income", w, period=2009, permutations=9, star=False),
    "gi star": lambda p, w: nq.esda.getis_ord(p, "income", w, period=2009, permutations=9),
    "local geary": lambda p, w: nq.esda.local_geary(
        p, "income", w.standardize("none"), period=2009, permutations=9
    ),
    "bivariate": lambda p, w: nq.esda.bivariate_moran(
        p, "income", "relative_income", w, permutations=9
    ),
    "theil": lambda p, w: nq.inequality.theil(p, "income", levels="side"),
    "dagum": lambda p, w: nq.inequality.dagum(p, "income", group="side"),
    "sigma": lambda p, w: nq.convergence.sigma(p, "income"),
    "beta": lambda p, w: nq.convergence.beta(p, "income"),
    "log t": lambda p, w: nq.convergence.log_t(p, "income"),
    "density": lambda p, w: nq.dynamics.density(p, "relative_income"),
    "network": lambda p, w: nq.structure.network(p.select(periods=[1999, 2009]), "income"),
    "contiguity": lambda p, w: nq.weights.contiguity(p, kind="rook"),
}


@pytest.mark.parity
@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_descriptions_agree(incomes, name):
    check = nq.crosscheck(DESCRIPTIONS[name](*incomes))
    agree_with_peers(check, data="US state incomes", case=name)
    assert (check.frame["program"].str.split().str.len() == 2).all()


CHAINS = {
    "markov": lambda p, w: nq.dynamics.markov(p, "income", relative=True),
    "spatial": lambda p, w: nq.dynamics.spatial_markov(
        p, "relative_income", w, states=4, lag_states=3
    ),
    "lisa markov": lambda p, w: nq.dynamics.lisa_markov(p, "income", w),
    "ranks": lambda p, w: nq.dynamics.rank_mobility(p, "income", w, permutations=9),
}


@pytest.mark.parity
@pytest.mark.parametrize("name", CHAINS)
def test_chains_agree(incomes, name):
    check = nq.crosscheck(CHAINS[name](*incomes))
    agree_with_peers(check, data="US state incomes", case=name)


@pytest.mark.parity
@pytest.mark.parametrize("effects", ["unit", "two-way"])
@pytest.mark.parametrize("model", ["ols", "slx", "sar", "sem", "sdm", "sdem"])
def test_panels_agree(capital, model, effects):
    """Parameters and likelihood; of standard errors those of the same information."""
    panel, w = capital
    covariance = "observed" if model in ("ols", "slx") else "expected"
    res = nq.fit(FORMULA, panel, w, model=model, effects=effects, covariance=covariance)
    check = nq.crosscheck(res)
    agree_with_peers(check, data=CAPITAL, case=f"{model.upper()}, {effects} effects")
    assert check.frame.drop(index="std_errors")["digits"].min() >= 4
    if effects == "unit":
        assert check.frame.loc["std_errors", "digits"] >= 4


@pytest.mark.parity
def test_dummies_and_cross_sections_agree(capital):
    panel, w = capital
    dummies = nq.fit(FORMULA, panel, w, model="sdm", effects="two-way", correction="none")
    agree_with_peers(nq.crosscheck(dummies), data=CAPITAL, case="SDM, dummy variables")
    one = nq.fit(FORMULA, panel.select(periods=[1986]), w, model="sdm", effects="none")
    agree_with_peers(nq.crosscheck(one), data=CAPITAL, case="SDM, cross-section of 1986")


@pytest.mark.parity
@pytest.mark.parametrize("model", ["sar", "sdm"])
def test_moments_and_effects_agree(capital, model):
    panel, w = capital
    res = nq.fit(FORMULA, panel, w, model=model, effects="unit", estimator="gs2sls")
    agree_with_peers(nq.crosscheck(res), data=CAPITAL, case=f"{model.upper()}, two-stage")
    effects = nq.crosscheck(nq.fit(FORMULA, panel, w, model=model).effects(method="delta"))
    agree_with_peers(effects, data=CAPITAL, case=model.upper())
    assert len(effects.frame) == 9


@pytest.mark.parity
@pytest.mark.parametrize("merge", [None, "phillips-sul"])
@pytest.mark.parametrize("hac", ["fixed", "andrews"])
def test_clubs_agree(wandering_incomes, hac, merge):
    """Slope, standard error and t of five to eight clubs, by regressions of statsmodels."""
    clubs = nq.convergence.clubs(wandering_incomes, "y", hac=hac, merge=merge)
    assert len(clubs.frame) >= 5
    check = nq.crosscheck(clubs)
    assert check.frame["digits"].min() > 11
    agree_with_peers(check, data="wandering incomes", case=f"{hac}, {merge}")


@pytest.mark.parity
def test_members_of_clubs_agree(wandering_incomes):
    """Each unit, by geometrics; one that is moved to another club is seen."""
    pytest.importorskip("geometrics", reason="needs geometrics (peers extra)")
    panel = wandering_incomes.select(units=range(20))
    clubs = nq.convergence.clubs(panel, "y", critical="increasing")
    assert len(clubs.frame) == 2
    check = nq.crosscheck(clubs)
    assert check.frame.loc["club", "entries"] == 20
    agree_with_peers(check, data="wandering incomes", case="members, c* increasing")
    clubs.membership.iloc[0] = clubs.membership.iloc[0] % len(clubs.frame) + 1
    assert not nq.crosscheck(clubs).frame.loc["club", "agrees"]


def test_no_clubs_are_no_reason_to_fail():
    """Nine units that diverge for ever."""
    apart = panel_of(9 + np.outer(np.linspace(-0.1, 0.1, 9), np.arange(1, 26)))
    clubs = nq.convergence.clubs(apart, "y")
    assert clubs.frame.empty
    check = nq.crosscheck(clubs)
    assert not check.agrees
    assert "there are no clubs" in check.notes[0]


POLICIES = {
    "effects by event time": {"leave_out": False},
    "with a control": {"leave_out": False, "controls": "x"},
    "one effect": {"leave_out": False, "horizon": 0},
    "each unit left out": {"horizon": 0},
    "rings": {"rings_km": [0, 80, 160]},
    "rings, exposure included": {
        "rings_km": [0, 80, 160], "on_treated": "included", "horizon": 0, "leave_out": False,
    },
}  # fmt: skip


@pytest.mark.parity
@pytest.mark.parametrize("case", POLICIES)
def test_policies_agree(pilot, case):
    pytest.importorskip("diff_diff", reason="needs diff-diff (peers extra)")
    result = nq.spillovers.policy(pilot, "y", treatment="d", placebo=0, **POLICIES[case])
    check = nq.crosscheck(result)
    agree_with_peers(check, data="simulated policy", case=case)
    effects = check.frame.drop(index="std_errors", errors="ignore")
    assert effects["digits"].min() > 8
    assert ("std_errors" in check.frame.index) == (case != "rings")
    if case in ("effects by event time", "with a control", "one effect"):
        assert check.frame.loc["std_errors", "digits"] > 11


def test_policies_that_diff_diff_does_not_have(pilot):
    pytest.importorskip("diff_diff", reason="needs diff-diff (peers extra)")
    for options, words in (
        ({"exposure": nq.weights.knn(pilot, k=4)}, "not by weights"),
        ({"horizon": 2}, "late event times"),
        ({"rings_km": [0, 80], "controls": "x"}, "without controls"),
        ({"rings_km": [0, 80], "on_treated": "pooled"}, "contain exposure"),
    ):
        result = nq.spillovers.policy(pilot, "y", treatment="d", placebo=0, leads=0, **options)
        check = nq.crosscheck(result)
        assert check.frame.empty and words in check.notes[0]
    clustered = nq.spillovers.policy(pilot, "y", treatment="d", placebo=0, cluster="province")
    assert nq.crosscheck(clustered).frame.index.tolist() == ["effects"]


def test_where_spregs_standard_errors_fall_short(capital):
    """Without period effects W has a diagonal, which spreg sets to zero in the information.

    Ours are those of the information written out with dense matrices.
    """
    panel, w = capital
    res = nq.fit(FORMULA, panel, w, model="sem", effects="period", covariance="expected")
    check = nq.crosscheck(res).frame.loc["std_errors"]
    assert check["digits"] < 3
    assert "diagonal" in check["reason"]
    basis = scipy.linalg.helmert(panel.n_units)
    moved = basis @ w.sparse.toarray() @ basis.T
    h = moved @ np.linalg.inv(np.eye(len(moved)) - res.params["spatial", "lam"] * moved)
    t = panel.n_periods
    information = np.array(
        [
            [t * np.trace(h @ h + h.T @ h), t * np.trace(h) / res.sigma2],
            [t * np.trace(h) / res.sigma2, t * len(moved) / (2 * res.sigma2**2)],
        ]
    )
    expected = np.sqrt(np.linalg.inv(information)[0, 0])
    assert res.std_errors["spatial", "lam"] == pytest.approx(expected, rel=1e-8)


# -- planted faults --------------------------------------------------------------------------------


def test_a_fault_in_moran_is_seen(incomes, monkeypatch):
    panel, w = incomes
    moran = sys.modules["nqp_spatial.esda.moran"]
    s0, s1, s2 = moran.link_sums(w.sparse)
    monkeypatch.setattr(moran, "link_sums", lambda matrix: (s0, 1.001 * s1, s2))
    check = nq.crosscheck(nq.esda.moran(panel, "income", w, permutations=0))
    assert not check.agrees
    assert not check.frame.loc["variance_norm", "agrees"]
    assert check.frame.loc["expected", "agrees"]


def test_a_fault_in_the_log_determinant_is_seen(capital, monkeypatch):
    from nqp_spatial.regression.likelihood.log_determinant import NodeLogDet

    true = NodeLogDet._summed
    monkeypatch.setattr(NodeLogDet, "_summed", lambda self, *a, **k: 0.98 * true(self, *a, **k))
    panel, _ = capital
    w = nq.weights.contiguity(panel)
    res = nq.fit(FORMULA, panel, w, model="sar", effects="unit")
    check = nq.crosscheck(res)
    assert not check.agrees
    assert not check.frame.loc["spatial rho", "agrees"]


def test_a_fault_in_counts_is_seen(incomes):
    chain = nq.dynamics.markov(incomes[0], "income")
    chain.counts.iloc[0, 1] += 1
    assert not nq.crosscheck(chain).frame.loc["counts", "agrees"]


def test_a_fault_in_the_long_run_variance_of_clubs_is_seen(wandering_incomes, monkeypatch):
    from nqp_spatial.convergence import _log_t_regression as regression

    true = regression._kernel
    monkeypatch.setattr(regression, "_kernel", lambda *a: 1.01 * true(*a))
    check = nq.crosscheck(nq.convergence.clubs(wandering_incomes, "y"))
    assert not check.frame.loc["std_error", "agrees"]
    assert check.frame.loc["b", "agrees"]


def test_a_fault_in_the_dates_of_a_policy_is_seen(pilot, monkeypatch):
    """One unit's adoption is a period early."""
    pytest.importorskip("diff_diff", reason="needs diff-diff (peers extra)")
    module = sys.modules["nqp_spatial.spillovers.policy"]
    dates = module.adoption_of(pilot, "d")
    place = int(np.argmin(dates))
    dates[place] -= 1
    monkeypatch.setattr(module, "adoption_of", lambda panel, treatment: dates)
    check = nq.crosscheck(nq.spillovers.policy(pilot, "y", treatment="d", placebo=0, horizon=0))
    assert not check.agrees
    assert not check.frame.loc["effects", "agrees"]


def test_times_that_are_infinite_are_not_compared():
    """The value only rises, so that lower states are never reached again."""
    steps = np.random.default_rng(0).uniform(0, 0.3, size=(40, 12))
    values = np.random.default_rng(1).uniform(size=(40, 1)) + np.cumsum(steps, axis=1)
    frame = pd.DataFrame(np.minimum(values, 2.0)).melt(ignore_index=False).reset_index()
    panel = nq.SpatialPanel(frame, unit="index", period="variable")
    chain = nq.dynamics.markov(panel, "value", states=3)
    assert np.isinf(chain.first_passage.to_numpy()).any()
    check = nq.crosscheck(chain)
    assert check.agrees
    assert "first_passage" not in check.frame.index


# -- what cannot be compared -----------------------------------------------------------------------


def test_where_there_is_no_other_program(incomes, capital):
    one = incomes[0].select(periods=[2009])
    joins = nq.crosscheck(nq.esda.join_counts(one, "side", incomes[1], permutations=0))
    assert not joins.agrees
    assert joins.frame.empty
    assert "esda.join_counts" in joins.notes[0]
    panel, w = capital
    dynamic = nq.crosscheck(nq.fit(FORMULA, panel, w, time_lag=True))
    assert dynamic.frame.empty
    assert "not compared" in dynamic.notes[0]


def test_a_stored_result_does_not_know_its_data(incomes):
    panel, w = incomes
    moran = nq.esda.moran(panel, "income", w, permutations=0)
    again = pickle.loads(pickle.dumps(moran))
    with pytest.raises(OptionError, match="in this session"):
        nq.crosscheck(again)
    with pytest.raises(OptionError, match="returned in this session, got"):
        nq.crosscheck(moran.frame)


def test_a_missing_program_names_the_extra(incomes, monkeypatch):
    result = nq.inequality.dagum(incomes[0], "income", group="side")
    monkeypatch.setitem(sys.modules, "inequality.gini", None)
    with pytest.raises(MissingDependencyError, match=r"nqp-spatial\[peers\]"):
        nq.crosscheck(result)


def test_digits():
    assert digits_agreed(np.array([1.001]), np.array([1.0]))[0] == pytest.approx(3)
    assert digits_agreed(np.array([np.nan]), np.array([np.nan]))[0] > 15
    assert digits_agreed(np.array([np.nan]), np.array([1.0]))[0] == 0
    # Rounding of a zero is judged beside its sisters.
    assert digits_agreed(np.array([1e-17, 1.0]), np.array([0.0, 1.0])).min() > 10
    row = quantity("x", [1.0, 2.0], [1.0, 2.1], "numpy")
    assert (row.ours, row.theirs, row.entries, row.agrees) == (2.0, 2.1, 2, False)
