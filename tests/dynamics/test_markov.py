"""Markov and spatial Markov chains against giddy, published numbers, and hand counts."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

import nqp_spatial as nq
from nqp_spatial.core.inference import NotApplicable
from nqp_spatial.dynamics import _transitions as chains
from nqp_spatial.dynamics._homogeneity import homogeneity_statistics, homogeneity_tests
from nqp_spatial.errors import (
    DomainError,
    IslandError,
    MissingValuesError,
    OptionError,
    PanelError,
    UnmatchedIdsError,
)
from tests.parity import agree, differ


@pytest.fixture(scope="module")
def incomes():
    panel = nq.datasets.us_income()
    return panel, nq.weights.contiguity(panel)


@pytest.fixture
def walks(lattice):
    """A panel of persistent random walks on a 6 x 7 lattice."""
    w = lattice(6, 7)
    rng = np.random.default_rng(5)
    values = np.exp(np.cumsum(0.2 * rng.normal(size=(42, 9)), axis=1) + rng.normal(size=(42, 1)))
    return panel_of(values), w, values


def panel_of(values):
    values = np.asarray(values, dtype=float)
    n, t = values.shape
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), t),
            "t": np.tile(np.arange(t), n),
            "y": values.ravel(),
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


# -- against giddy, where it is right --------------------------------------------------------------


@pytest.mark.parity
def test_markov_equals_giddy(incomes):
    import giddy
    import mapclassify

    panel, _ = incomes
    values = panel.values("relative_income")
    codes = mapclassify.Quantiles(values.ravel(), k=5).yb.reshape(values.shape)
    theirs = giddy.markov.Markov(codes, summary=False)
    ours = nq.dynamics.markov(panel, "relative_income", states=5)
    other = {"program": "giddy", "data": "US state incomes"}
    cuts = mapclassify.Quantiles(values.ravel(), k=5).bins[:-1]
    agree(
        "Markov: cuts",
        np.ravel(ours.cuts),
        cuts,
        rtol=1e-12,
        **(other | {"program": "mapclassify"}),
    )
    agree("Markov: counts", ours.counts, theirs.transitions, **other)
    agree("Markov: probabilities", ours.probabilities, theirs.p, rtol=1e-12, **other)
    agree("Markov: ergodic distribution", ours.ergodic, theirs.steady_state, rtol=1e-9, **other)
    assert ours.closed_classes == 1


@pytest.mark.parity
def test_spatial_markov_equals_giddy(incomes):
    from giddy.markov import Spatial_Markov

    panel, w = incomes
    theirs = Spatial_Markov(
        panel.values("relative_income"), w.to_W(), fixed=True, k=5, m=5, variable_name="income"
    )
    ours = nq.dynamics.spatial_markov(panel, "relative_income", w, states=5, lag_states=5)
    other = {"program": "giddy", "data": "US state incomes"}
    tests = ours.tests
    tail = {"rtol": 1e-8, "atol": 1e-12, "reason": "giddy's p is one minus a distribution function"}
    agree("Spatial Markov: counts", ours.counts.to_numpy().reshape(5, 5, 5), theirs.T, **other)
    agree("Spatial Markov: cuts", ours.own_cuts, theirs.cutoffs, rtol=1e-12, **other)
    agree(
        "Spatial Markov: neighbours' cuts",
        ours.neighbour_cuts,
        theirs.lag_cutoffs,
        rtol=1e-12,
        **other,
    )
    agree("Spatial Markov: LR", tests["lr"].statistic, theirs.LR, rtol=1e-10, **other)
    agree("Spatial Markov: degrees of freedom", tests["lr"].df, theirs.dof_hom, **other)
    agree("Spatial Markov: p of LR", tests["lr"].p_value, theirs.LR_p_value, **tail, **other)
    agree("Spatial Markov: chi-square", tests["chi2"].statistic, theirs.Q, rtol=1e-10, **other)
    agree(
        "Spatial Markov: p of chi-square", tests["chi2"].p_value, theirs.Q_p_value, **tail, **other
    )
    # The other count of degrees of freedom is the one behind giddy's x2_pvalue.
    all_cells = tests["chi2_all_cells"]
    agree("Spatial Markov: degrees of freedom, all cells", all_cells.df, theirs.x2_dof, **other)
    agree("Spatial Markov: p, all cells", all_cells.p_value, theirs.x2_pvalue, **tail, **other)


@pytest.mark.parity
def test_published_transitions_of_state_incomes(incomes):
    """Pooled quintiles of relative state incomes, as giddy's documentation prints them."""
    published = [
        [0.91461837, 0.07503234, 0.00905563, 0.00129366, 0.0],
        [0.06570302, 0.82654402, 0.10512484, 0.00131406, 0.00131406],
        [0.00520833, 0.10286458, 0.79427083, 0.09505208, 0.00260417],
        [0.0, 0.00913838, 0.09399478, 0.84856397, 0.04830287],
        [0.0, 0.0, 0.0, 0.06217617, 0.93782383],
    ]
    panel, _ = incomes
    ours = nq.dynamics.markov(panel, "relative_income", states=5)
    agree(
        "Markov: probabilities", ours.probabilities, published, rtol=1e-7, atol=5e-9,
        program="published", version="documentation of giddy: Markov",
        data="US state incomes", reason="printed to 8 decimals",
    )  # fmt: skip


@pytest.mark.parity
@pytest.mark.parametrize(("states", "lag_states", "stated"), [(5, 3, 80), (3, 5, 12)])
def test_giddy_swaps_own_and_neighbour_states(incomes, states, lag_states, stated):
    """Counting all cells there are k (k - 1) (m - 1) degrees of freedom.

    With k own and m neighbour states giddy's `x2_dof` takes one for the other; its counts of
    moves, its Q and LR and their degrees of freedom are right, and equal ours.
    """
    from giddy.markov import Spatial_Markov

    panel, w = incomes
    theirs = Spatial_Markov(
        panel.values("relative_income"), w.to_W(), fixed=True, k=states, m=lag_states,
        variable_name="income",
    )  # fmt: skip
    ours = nq.dynamics.spatial_markov(
        panel, "relative_income", w, states=states, lag_states=lag_states
    )
    shape = (lag_states, states, states)
    other = {
        "program": "giddy", "data": "US state incomes",
        "case": f"{states} own and {lag_states} neighbour states",
    }  # fmt: skip
    agree("Spatial Markov: counts", ours.counts.to_numpy().reshape(shape), theirs.T, **other)
    agree("Spatial Markov: chi-square", ours.tests["chi2"].statistic, theirs.Q, rtol=1e-10, **other)
    agree("Spatial Markov: degrees of freedom", ours.tests["lr"].df, theirs.dof_hom, **other)
    right = states * (states - 1) * (lag_states - 1)
    assert ours.tests["chi2_all_cells"].df == right
    assert theirs.x2_dof == stated
    differ(
        "Spatial Markov: degrees of freedom, all cells", right, theirs.x2_dof,
        reason="giddy takes the number of own states for that of neighbour states", **other,
    )  # fmt: skip
    assert stated != right


@pytest.mark.parity
def test_chinese_cities(nqp_data):
    facts = json.loads((nqp_data / "data" / "china_cities" / "facts.json").read_text())
    truth = facts["markov_rel_meanlight_2013_2020"]
    folder = nqp_data / "data" / "china_cities"
    frame = pd.read_csv(folder / "panel.csv", usecols=["city_id", "year", "total_meanlight"])
    panel = nq.SpatialPanel(frame[frame["year"] >= 2013], unit="city_id", period="year")
    w = nq.weights.from_edges(pd.read_csv(folder / "queen_edges.csv"), standardize="row")
    ours = nq.dynamics.spatial_markov(panel, "total_meanlight", w, relative=True)
    other = {
        "program": "giddy", "data": "Chinese night light",
        "version": facts["_meta"]["giddy"],
    }  # fmt: skip
    spatial, tests = ours.counts.to_numpy().reshape(4, 4, 4), ours.tests
    for name, values, key, rtol in [
        ("Markov: cuts", ours.own_cuts, "pooled_quartile_cuts", 1e-12),
        ("Spatial Markov: neighbours' cuts", ours.neighbour_cuts, "giddy_sm_lag_cuts", 1e-10),
        ("Markov: counts", ours.pooled.counts, "transitions", 0),
        ("Markov: ergodic distribution", ours.pooled.ergodic, "steady_state", 1e-8),
        ("Spatial Markov: counts", spatial, "spatial_transitions_by_lag_class", 0),
        ("Spatial Markov: LR", tests["lr"].statistic, "LR", 1e-9),
        ("Spatial Markov: p of LR", tests["lr"].p_value, "LR_p", 1e-7),
        ("Spatial Markov: p of chi-square", tests["chi2"].p_value, "Q_p", 1e-7),
    ]:
        agree(name, values, truth[key], rtol=rtol, **other)


# -- by hand ---------------------------------------------------------------------------------------


def test_statistics_and_both_rules_by_hand():
    """Two groups; row 2 is visited by one group only; column 3 is never reached."""
    counts = np.array(
        [
            [[8, 2, 0], [0, 0, 0], [0, 0, 0]],
            [[4, 6, 0], [3, 7, 0], [0, 0, 0]],
        ]
    )
    lr, chi2 = homogeneity_statistics(counts)
    # Row 1 pooled: 12 and 8 of 20, so 6 and 4 awaited in each group.
    assert chi2 == pytest.approx(2 * 4 / 6 + 2 * 4 / 4)
    hand = 2 * (8 * np.log(8 / 6) + 2 * np.log(2 / 4) + 4 * np.log(4 / 6) + 6 * np.log(6 / 4))
    assert lr == pytest.approx(hand)
    tests = homogeneity_tests(counts, "same")
    assert tests["chi2"].df == 1  # row 1: (2 - 1)(2 - 1); rows 2 and 3 tell nothing
    assert tests["chi2_all_cells"].df == 3 * 2 * 1
    assert tests["lr"].p_value == pytest.approx(stats.chi2.sf(hand, 1))
    assert "cells that occur" in tests["lr"].rule
    assert "all cells" in tests["lr_all_cells"].rule
    nothing = homogeneity_tests(counts[1:], "same")
    assert isinstance(nothing["lr"], NotApplicable)
    assert "degrees of freedom" in nothing["lr"].reason


def test_spatial_counts_equal_a_triple_loop(walks):
    panel, w, values = walks
    ours = nq.dynamics.spatial_markov(panel, "y", w, states=4, lag_states=3, step=2)
    lags = w.sparse.toarray() @ values
    own_cuts = np.percentile(values, [25, 50, 75])
    lag_cuts = np.percentile(lags, [100 / 3, 200 / 3])
    counts = np.zeros((3, 4, 4))
    for i in range(42):
        for t in range(7):
            near = sum(lags[i, t] > cut for cut in lag_cuts)
            start = sum(values[i, t] > cut for cut in own_cuts)
            end = sum(values[i, t + 2] > cut for cut in own_cuts)
            counts[near, start, end] += 1
    np.testing.assert_array_equal(ours.counts.to_numpy().reshape(3, 4, 4), counts)
    visits = counts.sum(axis=2, keepdims=True)
    p = counts / np.where(visits > 0, visits, np.nan)
    np.testing.assert_allclose(ours.probabilities.to_numpy().reshape(3, 4, 4), p)
    np.testing.assert_allclose(
        ours.std_errors.to_numpy().reshape(3, 4, 4), np.sqrt(p * (1 - p) / visits)
    )


def test_a_value_on_a_cut_is_in_the_lower_state():
    panel = panel_of([[1, 2], [2, 3]])
    chain = nq.dynamics.markov(panel, "y", states=2, discretize=[2.0])
    assert chain.counts.to_numpy().tolist() == [[1, 1], [0, 0]]
    assert chain.probabilities.iloc[1].isna().all()
    assert "row is missing" in " ".join(chain.notes)


def test_relative_values_and_period_quantiles(walks):
    panel, w, values = walks
    relative = nq.dynamics.markov(panel, "y", relative=True)
    np.testing.assert_allclose(
        relative.cuts, np.quantile(values / values.mean(axis=0), [0.25, 0.5, 0.75])
    )
    each = nq.dynamics.markov(panel, "y", states=3, discretize="period-quantiles")
    assert each.cuts.shape == (9, 2)
    assert each.counts.sum(axis=1).tolist() == [14 * 8] * 3
    joint = nq.dynamics.spatial_markov(
        panel, "y", w, states=3, lag_states=2, lag_discretize="period-quantiles",
        discretize="period-quantiles",
    )  # fmt: skip
    assert joint.counts.shape == (6, 3)


# -- long run --------------------------------------------------------------------------------------


def test_ergodic_distributions():
    p = np.array([[0.5, 0.5, 0.0], [0.2, 0.8, 0.0], [0.1, 0.1, 0.8]])
    pi, closed, note = chains.ergodic(p)  # the third state is left for good
    np.testing.assert_allclose(pi, [2 / 7, 5 / 7, 0])
    assert (closed, note) == (1, None)
    np.testing.assert_allclose(np.linalg.matrix_power(p, 500)[2], pi, atol=1e-10)
    pi, closed, note = chains.ergodic(np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert np.isnan(pi).all()
    assert closed == 2
    assert "depends on where it starts" in note
    pi, _, note = chains.ergodic(np.array([[0.5, 0.5], [np.nan, np.nan]]))
    assert np.isnan(pi).all()
    assert "entered but never left" in note
    pi, _, _ = chains.ergodic(np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [np.nan] * 3]))
    np.testing.assert_allclose(pi, [0.5, 0.5, np.nan])


# -- permutations ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["pooled-quantiles", "period-quantiles", [0.7, 1.5]])
def test_permutations_equal_refitting_on_relocated_data(walks, rule):
    """Each relocation's statistic is that of the same analysis on a relocated panel."""
    panel, w, values = walks
    options = {"states": 3, "lag_states": 3, "lag_discretize": rule}
    ours = nq.dynamics.spatial_markov(panel, "y", w, permutations=40, seed=11, **options)
    rng = np.random.default_rng(11)
    orders = [rng.permuted(np.broadcast_to(np.arange(42), (size, 42)), axis=1) for size in (25, 15)]
    reached = {"lr": 1, "chi2": 1}
    for order in np.concatenate(orders):
        moved = nq.dynamics.spatial_markov(panel_of(values[order]), "y", w, **options)
        for key in reached:
            reached[key] += moved.tests[key].statistic >= ours.tests[key].statistic * (1 - 1e-12)
    for key, count in reached.items():
        assert ours.tests[f"{key}_permutation"].p_value == pytest.approx(count / 41)


def test_same_seed_same_result_for_any_number_of_jobs(walks):
    panel, w, _ = walks
    p_values = {
        nq.dynamics.spatial_markov(panel, "y", w, permutations=80, seed=3, n_jobs=jobs)
        .tests["chi2_permutation"]
        .p_value
        for jobs in (1, 2)
    }
    assert len(p_values) == 1


@pytest.mark.slow
def test_size_of_the_tests_when_places_do_not_matter(lattice):
    """Persistent units placed at random: the permutation test holds its level.

    The asymptotic tests take moves for independent and reject far too often here, which is why
    the permutation test is offered.
    """
    w = lattice(10, 10)
    rng = np.random.default_rng(0)
    p_values = []
    for seed in range(400):
        values = np.cumsum(0.3 * rng.normal(size=(100, 10)), axis=1) + rng.normal(size=(100, 1))
        result = nq.dynamics.spatial_markov(
            panel_of(values), "y", w, states=3, lag_states=3, permutations=99, seed=seed
        )
        p_values.append([result.tests[key].p_value for key in ("lr_permutation", "lr")])
    permutation, asymptotic = (np.array(p_values) <= 0.05).mean(axis=0)
    assert 0.025 <= permutation <= 0.08  # 0.05 +- 2.3 standard errors of 400 replications
    assert asymptotic > 0.08


# -- properties ------------------------------------------------------------------------------------


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, 10_000),
    states=st.integers(2, 5),
    lag_states=st.integers(2, 4),
    step=st.integers(1, 3),
)
def test_rows_add_to_one_and_order_does_not_matter(lattice, seed, states, lag_states, step):
    w = lattice(4, 5)
    rng = np.random.default_rng(seed)
    panel = panel_of(rng.normal(size=(20, 6)))
    before = panel.frame.copy(deep=True)
    ours = nq.dynamics.spatial_markov(
        panel, "y", w, states=states, lag_states=lag_states, step=step
    )
    rows = ours.probabilities.sum(axis=1, skipna=False)
    assert (np.isclose(rows, 1) | rows.isna()).all()
    visited = ours.counts.sum(axis=1) > 0
    assert (rows.notna() == visited).all()
    assert int(ours.counts.to_numpy().sum()) == 20 * (6 - step)
    shuffled = nq.SpatialPanel(
        panel.frame.sample(frac=1, random_state=seed).reset_index(), unit="unit", period="period"
    )
    again = nq.dynamics.spatial_markov(
        shuffled, "y", w.reordered(w.units[rng.permutation(20)]),
        states=states, lag_states=lag_states, step=step,
    )  # fmt: skip
    pd.testing.assert_frame_equal(ours.counts, again.counts)
    pd.testing.assert_frame_equal(panel.frame, before)


# -- errors ----------------------------------------------------------------------------------------


def test_errors(walks, lattice):
    panel, w, values = walks
    with pytest.raises(PanelError, match="needs at least 2 periods, the panel has 1"):
        nq.dynamics.markov(panel.select(periods=[0]), "y")
    with pytest.raises(PanelError, match="needs at least 10 periods"):
        nq.dynamics.markov(panel, "y", step=9)
    with pytest.raises(OptionError, match="step must be"):
        nq.dynamics.markov(panel, "y", step=0)
    with pytest.raises(PanelError, match=r"is constant \(1\)"):
        nq.dynamics.markov(panel_of(np.ones((9, 3))), "y")
    with pytest.raises(PanelError, match="ties in y"):
        nq.dynamics.markov(panel_of(np.arange(12).reshape(6, 2) // 10), "y", states=3)
    with pytest.raises(PanelError, match="3 units cannot be spread over 4 states"):
        nq.dynamics.markov(panel_of(values[:3]), "y")
    with pytest.raises(OptionError, match="states must be a whole number from 2"):
        nq.dynamics.markov(panel, "y", states=1)
    with pytest.raises(OptionError, match="2 cuts make 3 states"):
        nq.dynamics.markov(panel, "y", states=4, discretize=[1.0, 2.0])
    with pytest.raises(OptionError, match="ascending"):
        nq.dynamics.markov(panel, "y", states=3, discretize=[2.0, 1.0])
    with pytest.raises(OptionError, match="discretize must be"):
        nq.dynamics.markov(panel, "y", discretize="jenks")
    with pytest.raises(DomainError, match="not positive in periods"):
        nq.dynamics.markov(panel_of(-values), "y", relative=True)
    with pytest.raises(UnmatchedIdsError, match="only in weights"):
        nq.dynamics.spatial_markov(panel, "y", lattice(7, 7))
    with pytest.raises(OptionError, match="permutations must be"):
        nq.dynamics.spatial_markov(panel, "y", w, permutations=-1)
    gone = panel.assign(y=lambda d: d["y"].where(d.index != (3, 2)))
    with pytest.raises(MissingValuesError, match="unit 3, period 2"):
        nq.dynamics.spatial_markov(gone, "y", w)
    dense = w.raw.toarray()
    dense[5] = 0
    island = nq.weights.from_dense(dense, range(42), islands="keep")
    with pytest.raises(
        IslandError, match="1 units have no neighbours and so no neighbour state: 5"
    ):
        nq.dynamics.spatial_markov(panel, "y", island)


def test_words(walks):
    panel, w, _ = walks
    chain = nq.dynamics.spatial_markov(panel, "y", w, permutations=9, seed=0)
    text = repr(chain)
    assert "row-standardised" in text
    assert "cells that occur" in text
    assert "random relocations" in text
    assert list(chain.tests.frame["name"]) == ["LR", "chi-square"] * 3
    assert chain.counts.index.names == ["neighbour_state", "own_state"]
    assert "<table" in chain._repr_html_()
    assert "<table" in chain.pooled._repr_html_()
    spectral = nq.dynamics.spatial_markov(panel, "y", w.standardize("spectral"))
    assert "weighted sum, not a mean" in " ".join(spectral.notes)
