"""Groups of chains, mobility, passage times, bootstrap, LISA Markov and ranks."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nqp_spatial as nq
from nqp_spatial.dynamics import _long_run as long_run
from nqp_spatial.dynamics import _transitions as chains
from nqp_spatial.dynamics._homogeneity import homogeneity_statistics, stratified_tests
from nqp_spatial.errors import (
    DomainError,
    IslandError,
    OptionError,
    PanelError,
    UnmatchedIdsError,
    WeightsError,
)
from tests.parity import agree, differ

P = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.02, 0.18, 0.8]])
CUTS = [0.5, 1.5]


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


def walk(n, periods, p, rng, start=None):
    """States 0, 1, ... of independent chains."""
    state = rng.integers(0, len(p), n) if start is None else start
    result = [state]
    edges = np.cumsum(p, axis=1)
    for _ in range(periods - 1):
        state = (rng.random(n)[:, None] > edges[state]).sum(axis=1)
        result.append(state)
    return np.stack(result, axis=1)


@pytest.fixture(scope="module")
def incomes():
    panel = nq.datasets.us_income()
    return panel, nq.weights.contiguity(panel)


# -- long run -------------------------------------------------------------------------------------


@pytest.mark.parity
def test_mobility_and_passage_times_equal_giddy(incomes):
    from giddy import ergodic, mobility

    panel, _ = incomes
    chain = nq.dynamics.markov(panel, "relative_income", states=5)
    p, pi = chain.probabilities.to_numpy(), chain.ergodic.to_numpy()
    theirs = [
        mobility.markov_mobility(p, measure=which, ini=pi) for which in ("P", "D", "L2", "B1", "B2")
    ]
    other = {"program": "giddy", "data": "US state incomes"}
    agree(
        "Markov: five indices of mobility", chain.mobility["estimate"], theirs, rtol=1e-10, **other
    )
    agree("Markov: first passage times", chain.first_passage, ergodic.mfpt(p), rtol=1e-8, **other)
    np.testing.assert_allclose(np.diag(chain.first_passage), 1 / pi, rtol=1e-8)


@pytest.mark.parity
def test_mobility_as_the_peer_documents_it():
    """The five indices of giddy's documentation, whose initial distribution is given."""
    p = np.array(
        [
            [0.91011236, 0.0886392, 0.00124844, 0.0, 0.0],
            [0.09972299, 0.78531856, 0.11080332, 0.00415512, 0.0],
            [0.0, 0.10125, 0.78875, 0.1075, 0.0025],
            [0.0, 0.00417827, 0.11977716, 0.79805014, 0.07799443],
            [0.0, 0.0, 0.00125156, 0.07133917, 0.92740926],
        ]
    )
    pi = np.array([0.1, 0.2, 0.2, 0.4, 0.1])
    result = long_run.mobility(p, np.full(5, 100.0), pi)
    agree(
        "Markov: five indices of mobility",
        [round(result[name][0], 5) for name in long_run.MOBILITY],
        [0.19759, 0.60685, 0.03978, 0.22777, 0.04637],
        program="published", version="documentation of giddy: mobility",
        data="a chain of five states", reason="rounded to the printed 5 decimals",
    )  # fmt: skip


def test_errors_of_mobility_by_finite_differences():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4) * 2, 4)
    visits = np.array([50.0, 80, 120, 60])

    def indices(q):
        pi = long_run.ergodic_batch(q[None])[0]
        return np.array([of[0] for of in long_run.mobility(q, visits, pi).values()])

    errors = [of[1] for of in long_run.mobility(p, visits, chains.ergodic(p)[0]).values()]
    slopes = np.zeros((5, 4, 4))
    for i, j in itertools.product(range(4), range(4)):
        # One column gives what another gains, so that rows still add to one.
        step = np.zeros((4, 4))
        step[i, j], step[i, (j + 1) % 4] = 1e-6, -1e-6
        slopes[:, i, j] = (indices(p + step) - indices(p - step)) / 2e-6
    for index in range(5):
        # Differences between columns, summed up, give g but for a constant of each row.
        g = np.zeros((4, 4))
        for j in range(3):
            g[:, j + 1] = g[:, j] - slopes[index, :, j]
        mean = (p * g).sum(axis=1, keepdims=True)
        by_hand = np.sqrt(((p * (g - mean) ** 2).sum(axis=1) / visits).sum())
        assert errors[index] == pytest.approx(by_hand, rel=1e-4)


@pytest.mark.slow
def test_intervals_of_mobility_and_probabilities_cover():
    rng = np.random.default_rng(1)
    truth = long_run.mobility(P, np.ones(3), chains.ergodic(P)[0])
    truths = np.array([of[0] for of in truth.values()])
    members, cells, resampled, long = [], [], [], []
    pi = chains.ergodic(P)[0]
    for _ in range(400):
        values = walk(150, 12, P, rng)
        result = nq.dynamics.markov(
            panel_of(values), "y", states=3, discretize=CUTS, replications=300, seed=0
        )
        table = result.mobility
        members.append(np.abs(table["estimate"] - truths) < 1.96 * table["std_error"])
        cells.append(np.abs(result.probabilities - P).to_numpy() < 1.96 * result.std_errors)
        of = result.intervals
        resampled.append((of["conf_low"] <= P.ravel()) & (P.ravel() <= of["conf_high"]))
        of = result.ergodic_intervals
        long.append((of["conf_low"] <= pi) & (pi <= of["conf_high"]))
    for covered in (members, cells, resampled, long):
        share = np.mean(covered, axis=0)
        assert ((share > 0.91) & (share < 0.985)).all(), share


def test_passage_times_by_simulation():
    times = long_run.first_passage(P)
    rng = np.random.default_rng(0)
    walks = walk(20_000, 200, P, rng, start=np.zeros(20_000, dtype=int))
    for target in (1, 2):
        first = (walks == target).argmax(axis=1)
        assert first.mean() == pytest.approx(times[0, target], rel=0.03)
    back = (walks[:, 1:] == 0).argmax(axis=1) + 1
    assert back.mean() == pytest.approx(times[0, 0], rel=0.05)


def test_passage_times_of_odd_chains():
    absorbing = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]])
    times = long_run.first_passage(absorbing)
    assert times[0, 1] == 2
    assert times[1, 1] == 1
    assert np.isinf(times[0, 0])  # once left, never back
    assert np.isinf(times[1, 0])
    assert np.isinf(times[2, 0])  # it may end in the second state without passing the first
    assert times[2, 1] == pytest.approx(3)
    assert np.isnan(long_run.first_passage(np.array([[np.nan] * 2, [0.5, 0.5]]))).all()
    assert np.isinf(long_run.half_life(np.eye(3)))
    assert long_run.half_life(np.full((3, 3), 1 / 3)) < 0.05
    assert np.isnan(long_run.half_life(np.full((2, 2), np.nan)))


def test_steps_ahead(incomes):
    panel, _ = incomes
    chain = nq.dynamics.markov(panel, "relative_income", states=5, step=5)
    p = chain.probabilities.to_numpy()
    np.testing.assert_allclose(chain.ahead(3), p @ p @ p)
    # Passage times and half-lives count periods, not steps.
    np.testing.assert_allclose(chain.first_passage, 5 * long_run.first_passage(p))
    assert chain.half_life == 5 * long_run.half_life(p)
    with pytest.raises(OptionError, match="whole number from 1"):
        chain.ahead(0)


def test_a_state_that_is_never_left():
    values = np.array([[0, 0, 1, 1], [0, 1, 2, 2], [0, 0, 0, 2]])
    result = nq.dynamics.markov(panel_of(values[:, :3]), "y", states=3, discretize=CUTS)
    assert result.probabilities.iloc[2].isna().all()
    assert "entered but never left" in " ".join(result.notes)
    assert result.mobility["estimate"].isna().all()
    assert np.isnan(result.half_life)
    stuck = nq.dynamics.markov(panel_of(values), "y", states=3, discretize=CUTS)
    assert stuck.probabilities.iloc[2, 2] == 1
    assert stuck.ergodic.iloc[2] == 1
    assert stuck.first_passage.iloc[2, 2] == 1
    assert np.isinf(stuck.first_passage.iloc[2, 0])


def test_ergodic_batch():
    rng = np.random.default_rng(0)
    many = rng.dirichlet(np.ones(4), (20, 4))
    many[3, 1] = np.nan
    many[4] = np.eye(4)
    result = long_run.ergodic_batch(many)
    assert np.isnan(result[[3, 4]]).all()
    for p, pi in zip(many, result, strict=True):
        if not np.isnan(pi).any():
            np.testing.assert_allclose(pi, chains.ergodic(p)[0], atol=1e-12)


# -- bootstrap ------------------------------------------------------------------------------------


def test_bootstrap_equals_counting_resampled_units(incomes):
    panel, w = incomes
    codes = np.asarray(pd.qcut(panel.values("relative_income").ravel(), 4, labels=False))
    states_of_units = codes.reshape(48, 81)
    by_unit = chains.counts_by_unit(states_of_units, 4, 1)
    np.testing.assert_array_equal(
        by_unit.sum(axis=0).reshape(4, 4), chains.count_transitions(states_of_units, 4, 1)[0]
    )
    result = nq.dynamics.markov(panel, "relative_income", replications=200, seed=4)
    often = np.random.default_rng(4).multinomial(48, np.full(48, 1 / 48), size=200)
    draws = np.stack(
        [
            chains.probabilities(
                chains.count_transitions(np.repeat(states_of_units, k, axis=0), 4, 1)[0]
            )
            for k in often
        ]
    )
    low, high = np.quantile(draws.reshape(200, -1), [0.025, 0.975], axis=0)
    np.testing.assert_allclose(result.intervals["conf_low"], low, atol=1e-12)
    np.testing.assert_allclose(result.intervals["conf_high"], high, atol=1e-12)
    np.testing.assert_allclose(
        result.intervals["std_error"], draws.reshape(200, -1).std(axis=0, ddof=1)
    )
    assert result.ergodic_intervals["conf_low"].between(0, 1).all()
    spatial = nq.dynamics.spatial_markov(
        panel, "relative_income", w, states=3, lag_states=2, replications=100, seed=1
    )
    assert spatial.intervals.shape == (18, 4)
    assert spatial.intervals.index.names == ["neighbour_state", "own_state", "next_state"]
    known = spatial.intervals.dropna()
    assert (known["conf_low"] <= known["estimate"] + 0.05).all()
    np.testing.assert_allclose(
        spatial.intervals["estimate"], spatial.probabilities.to_numpy().ravel()
    )
    with pytest.raises(OptionError, match="replications"):
        nq.dynamics.markov(panel, "relative_income", replications=-1)


def test_bootstrap_inside_groups(incomes):
    panel, w = incomes
    side = pd.Series(np.where(np.arange(48) < 20, "a", "b"), panel.units)
    options = {"states": 3, "replications": 60, "seed": 2}
    result = nq.dynamics.markov_by_group(panel, "relative_income", group=side, **options)
    cuts = result.pooled.cuts
    for name in ("a", "b"):
        alone = nq.dynamics.markov(
            panel.select(units=side.index[side == name]), "relative_income", discretize=cuts,
            **options,
        )  # fmt: skip
        np.testing.assert_allclose(result.chains[name].intervals, alone.intervals)
    near = nq.dynamics.spatial_markov_by_group(
        panel, "relative_income", w, group=side, lag_states=2, **options
    )
    of = near.chains["a"].intervals
    assert of.shape == (18, 4)
    assert (of["conf_low"].dropna() <= of["conf_high"].dropna()).all()


# -- groups and spans -----------------------------------------------------------------------------


def test_chains_of_groups_by_hand():
    rng = np.random.default_rng(3)
    values = walk(40, 8, P, rng)
    side = np.where(np.arange(40) < 15, "west", "east")
    panel = panel_of(values, side=side)
    result = nq.dynamics.markov_by_group(
        panel, "y", group="side", states=3, discretize=CUTS, permutations=199, seed=2
    )
    assert list(result.chains) == ["east", "west"]
    for name in result.chains:
        alone = nq.dynamics.markov(panel_of(values[side == name]), "y", states=3, discretize=CUTS)
        np.testing.assert_array_equal(result.chains[name].counts, alone.counts)
    counts = np.stack([result.chains[name].counts.to_numpy() for name in ("east", "west")])
    lr, chi2 = homogeneity_statistics(counts)
    assert result.tests["lr"].statistic == pytest.approx(float(lr))
    assert result.tests["chi2"].statistic == pytest.approx(float(chi2))
    np.testing.assert_array_equal(result.pooled.counts, counts.sum(axis=0))
    # The permutation test, one reassignment of groups to units at a time.
    order = np.random.default_rng(2).permuted(
        np.tile((side == "west").astype(int), (199, 1)), axis=1
    )
    codes = values
    draws = [
        float(
            homogeneity_statistics(
                np.stack([chains.count_transitions(codes[k == g], 3, 1)[0] for g in (0, 1)])
            )[0]
        )
        for k in order
    ]
    reached = 1 + sum(d >= float(lr) * (1 - 1e-12) for d in draws)
    assert result.tests["lr_permutation"].p_value == pytest.approx(reached / 200)
    by_unit = pd.Series(side, panel.units, name="region")
    again = nq.dynamics.markov_by_group(panel, "y", group=by_unit, states=3, discretize=CUTS)
    assert again.grouping == "region"
    assert again.tests["lr"].statistic == result.tests["lr"].statistic
    assert result.ergodic.shape == (2, 3)
    assert result.mobility.loc["east"].shape == (5, 2)


def test_spans_of_time():
    rng = np.random.default_rng(0)
    values = walk(60, 9, P, rng)
    panel = panel_of(values)
    result = nq.dynamics.time_homogeneity(panel, "y", spans=[2003], states=3, discretize=CUTS)
    assert list(result.chains) == ["2000-2002", "2003-2007"]
    first = chains.count_transitions(values[:, :4], 3, 1)[0]
    np.testing.assert_array_equal(result.chains["2000-2002"].counts, first)
    others = chains.count_transitions(values[:, 3:], 3, 1)[0]
    np.testing.assert_array_equal(result.chains["2003-2007"].counts, others)
    equal = nq.dynamics.time_homogeneity(panel, "y", spans=4, states=3, discretize=CUTS)
    assert [int(c.counts.to_numpy().sum()) // 60 for c in equal.chains.values()] == [2, 2, 2, 2]
    with pytest.raises(OptionError, match="spans must be from 2 to 8"):
        nq.dynamics.time_homogeneity(panel, "y", spans=9)
    with pytest.raises(OptionError, match="after the first"):
        nq.dynamics.time_homogeneity(panel, "y", spans=[2008])
    with pytest.raises(PanelError, match="1990"):
        nq.dynamics.time_homogeneity(panel, "y", spans=[1990])


def test_first_order_by_hand():
    values = np.array([[0, 0, 1, 1, 0], [1, 0, 0, 1, 1]])
    result = nq.dynamics.first_order(panel_of(values), "y", states=2, discretize=[0.5])
    before = {(0, 0): np.zeros(2), (0, 1): np.zeros(2), (1, 0): np.zeros(2), (1, 1): np.zeros(2)}
    for row in values:
        for a, b, c in zip(row, row[1:], row[2:], strict=False):
            before[a, b][c] += 1
    for g, chain in enumerate(result.chains.values()):
        for i in range(2):
            np.testing.assert_array_equal(chain.counts.iloc[i], before[g, i])
    with pytest.raises(PanelError, match="in a row need 5 periods"):
        nq.dynamics.first_order(panel_of(values[:, :4]), "y", step=2)


def test_a_chain_with_memory_is_told_from_one_without():
    rng = np.random.default_rng(0)
    plain = walk(400, 12, P, rng)
    result = nq.dynamics.first_order(panel_of(plain), "y", states=3, discretize=CUTS)
    assert result.tests["lr"].p_value > 0.01
    # A unit that just moved moves again.
    restless = plain.copy()
    for t in range(2, 12):
        moved = restless[:, t - 1] != restless[:, t - 2]
        restless[moved, t] = (restless[moved, t - 1] + 1) % 3
    result = nq.dynamics.first_order(panel_of(restless), "y", states=3, discretize=CUTS)
    assert result.tests["lr"].p_value < 1e-6


@pytest.mark.slow
def test_size_of_homogeneity_tests():
    """Between 4 and 6 % at 5 %, in 2 000 panels (whose own error is 0.5 points)."""
    from benchmarks.dynamics_calibration import homogeneity_p_values

    p = pd.DataFrame([homogeneity_p_values(seed) for seed in range(2000)])
    size = (p < 0.05).mean()
    assert size.between(0.035, 0.065).all(), size


# -- spatial chains with groups -------------------------------------------------------------------


def test_given_a_group_by_loops(lattice):
    w = lattice(5, 6)
    rng = np.random.default_rng(0)
    values = np.exp(rng.normal(size=(30, 7)).cumsum(axis=1) * 0.3)
    core = np.isin(np.arange(30), [7, 10, 19, 22])
    panel = panel_of(values, core=core)
    result = nq.dynamics.spatial_markov(
        panel, "y", w, states=3, lag_states=2, condition="group", group="core"
    )
    around = np.array(
        [[values[core & (np.arange(30) != i), t].mean() for t in range(7)] for i in range(30)]
    )
    codes = np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values)
    centre = (around > np.quantile(around, 0.5)).astype(int)
    counts = np.zeros((2, 3, 3))
    for i, t in itertools.product(range(30), range(6)):
        counts[centre[i, t], codes[i, t], codes[i, t + 1]] += 1
    np.testing.assert_array_equal(result.counts.to_numpy().reshape(2, 3, 3), counts)
    assert result.spec.condition == "group"
    assert result.counts.index.names == ["group_state", "own_state"]
    assert "group's state" in result.tests["lr"].null

    joint = nq.dynamics.spatial_markov(
        panel, "y", w, states=3, lag_states=2, condition="both", group="core", group_states=2
    )
    lag = w.sparse @ values
    near = (lag > np.quantile(lag, 0.5)).astype(int)
    counts = np.zeros((2, 2, 3, 3))
    for i, t in itertools.product(range(30), range(6)):
        counts[near[i, t], centre[i, t], codes[i, t], codes[i, t + 1]] += 1
    np.testing.assert_array_equal(joint.counts.to_numpy().reshape(2, 2, 3, 3), counts)
    assert joint.counts.index.names == ["neighbour_state", "group_state", "own_state"]
    # Neighbours beyond the group: homogeneity over neighbours inside each state of the group.
    by_hand = [homogeneity_statistics(counts[:, g])[0] for g in range(2)]
    assert joint.tests["lr_neighbours"].statistic == pytest.approx(sum(by_hand))
    by_hand = [homogeneity_statistics(counts[g])[0] for g in range(2)]
    assert joint.tests["lr_group"].statistic == pytest.approx(sum(by_hand))
    assert joint.mobility.index.nlevels == 2
    assert joint.ergodic.shape == (4, 3)


def test_the_group_near_a_unit(lattice):
    w = lattice(6, 5)
    values = np.exp(np.random.default_rng(0).normal(size=(30, 7)))
    core = pd.Series(np.where(np.arange(30) % 2 == 1, "centre", "periphery"), w.units)
    options = {
        "states": 2,
        "lag_states": 2,
        "condition": "group",
        "group": core,
        "member": "centre",
    }
    result = nq.dynamics.spatial_markov(panel_of(values), "y", w, group_weights=w, **options)
    members = (core == "centre").to_numpy()
    dense = w.sparse.toarray() * members
    around = dense @ values / dense.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(result.group_cuts, [np.quantile(around, 0.5)])
    few = pd.Series(np.where(np.arange(30) < 2, "centre", "periphery"), w.units)
    with pytest.raises(IslandError, match="no link to a member"):
        nq.dynamics.spatial_markov(
            panel_of(values), "y", w, group_weights=w, **(options | {"group": few})
        )
    with pytest.raises(OptionError, match="no unit has 'core'"):
        nq.dynamics.spatial_markov(panel_of(values), "y", w, **(options | {"member": "core"}))
    row = pd.Series(np.where(np.arange(30) < 1, "centre", "periphery"), w.units)
    with pytest.raises(OptionError, match="it needs two"):
        nq.dynamics.spatial_markov(panel_of(values), "y", w, **(options | {"group": row}))
    with pytest.raises(OptionError, match="goes without group="):
        nq.dynamics.spatial_markov(panel_of(values), "y", w, group=core)
    with pytest.raises(OptionError, match="goes with group="):
        nq.dynamics.spatial_markov(panel_of(values), "y", w, condition="both")
    with pytest.raises(OptionError, match="condition must be"):
        nq.dynamics.spatial_markov(panel_of(values), "y", w, condition="all")
    with pytest.raises(OptionError, match="tests neighbours only"):
        nq.dynamics.spatial_markov(panel_of(values), "y", w, permutations=9, **options)


def test_spatial_chains_of_groups(incomes):
    panel, w = incomes
    side = pd.Series(np.where(np.arange(48) % 2, "a", "b"), panel.units, name="side")
    result = nq.dynamics.spatial_markov_by_group(
        panel, "relative_income", w, group=side, states=3, lag_states=3, permutations=99, seed=0
    )
    entire = nq.dynamics.spatial_markov(panel, "relative_income", w, states=3, lag_states=3)
    total = sum(chain.counts for chain in result.chains.values())
    pd.testing.assert_frame_equal(total, entire.counts)
    counts = np.stack(
        [c.counts.to_numpy().reshape(3, 3, 3) for c in result.chains.values()], axis=1
    )
    by_hand = sum(homogeneity_statistics(row)[0] for row in counts)
    assert result.tests["lr"].statistic == pytest.approx(by_hand)
    assert result.tests["lr"].df == stratified_tests(counts, "")["lr"].df
    assert 0 < result.tests["lr_permutation"].p_value <= 1
    assert set(result.chains["a"].tests) == {"lr", "chi2", "lr_all_cells", "chi2_all_cells"}


# -- quadrants and ranks --------------------------------------------------------------------------


@pytest.mark.parity
def test_lisa_markov_and_the_fault_of_the_peer(incomes):
    """Counts equal giddy's. Its test of independence does not use the classes of the quadrants.

    Quadrants compare a state with the mean of all states in a year; giddy's expected moves compare
    it with its own mean over the years (`y.mean(axis=0)` after `y.transpose()`), so that its
    chi-square, 1229, is of other classes. Moves counted by the quadrants' own sides are as below.
    """
    from giddy.markov import LISA_Markov

    panel, w = incomes
    y = panel.values("income")
    old = w.to_W()
    old.transform = "r"
    theirs = LISA_Markov(y, old)
    ours = nq.dynamics.lisa_markov(panel, "income", w)
    other = {"program": "giddy", "data": "US state incomes"}
    chain = ours.chain
    agree("LISA Markov: counts", chain.counts, theirs.transitions, **other)
    agree(
        "LISA Markov: ergodic distribution", chain.ergodic, theirs.steady_state, rtol=1e-8, **other
    )
    codes = {"HH": 1, "LH": 2, "LL": 3, "HL": 4}
    quadrants = ours.quadrants.replace(codes).to_numpy(dtype=int)
    agree("LISA Markov: quadrants", quadrants, theirs.q, **other)
    # Expected moves by loops over the quadrants.
    high, near = y > y.mean(axis=0), (w.sparse @ (y - y.mean(axis=0))) > 0

    def stays(of):
        moves = {
            (a, b): ((of[:, :-1] == a) & (of[:, 1:] == b)).sum() for a in (0, 1) for b in (0, 1)
        }
        return {key: value / (moves[key[0], 0] + moves[key[0], 1]) for key, value in moves.items()}

    states_of_units, lag = stays(high), stays(near)
    sides = {"HH": (1, 1), "LH": (0, 1), "LL": (0, 0), "HL": (1, 0)}
    for a, b in itertools.product(sides, sides):
        share = states_of_units[sides[a][0], sides[b][0]] * lag[sides[a][1], sides[b][1]]
        expected = ours.chain.counts.loc[a].sum() * share
        assert ours.expected.loc[a, b] == pytest.approx(expected)
    assert ours.tests["independence"].df == 8
    assert theirs.chi_2[0] > 20 * ours.tests["independence"].statistic
    differ(
        "LISA Markov: chi-square of independence", ours.tests["independence"].statistic,
        theirs.chi_2[0], **other, reason="giddy's expected moves are of other classes than its "
        "quadrants: above the own mean over the years",
    )  # fmt: skip
    own_mean = y > y.mean(axis=1, keepdims=True)
    assert stays(own_mean)[1, 1] != pytest.approx(states_of_units[1, 1], rel=0.01)
    assert ours.kinds.sum(axis=1).to_numpy() == pytest.approx(1)


@pytest.mark.slow
def test_size_of_the_independence_test():
    """Two unconnected chains: 8 degrees of freedom hold the level, the peer's 9 do not."""
    from nqp_spatial.dynamics.lisa_markov import _independence

    rng = np.random.default_rng(0)
    p = np.array([[0.8, 0.2], [0.3, 0.7]])
    statistics = []
    for _ in range(1500):
        high = walk(200, 10, p, rng).astype(bool)
        near = walk(200, 10, p, rng).astype(bool)
        codes = np.select([high & near, ~high & near, ~high & ~near], [0, 1, 2], 3)
        counts = chains.count_transitions(codes, 4, 1)[0]
        statistics.append(_independence(counts, high, near, 1)[1].statistic)
    size = (stats.chi2.sf(statistics, 8) < 0.05).mean()
    assert 0.035 < size < 0.065
    assert (stats.chi2.sf(statistics, 9) < 0.05).mean() < size - 0.01


@pytest.mark.parity
def test_rank_mobility_equals_giddy(incomes):
    import libpysal
    from giddy.rank import SpatialTau, Theta

    panel, w = incomes
    y = panel.values("income")
    rows = w.sparse.tolil().rows
    old = libpysal.weights.W({i: list(map(int, rows[i])) for i in range(48)})
    side = pd.Series(np.where(np.arange(48) < 20, "a", "b"), panel.units)
    ours = nq.dynamics.rank_mobility(
        panel, "income", weights=w, group=side, step=40, permutations=0
    ).frame
    for t in (0, 7, 40):
        theirs = SpatialTau(y[:, t], y[:, t + 40], old)
        other = {
            "program": "giddy", "data": "US state incomes", "case": f"from {1929 + t}",
            "rtol": 1e-6,
        }  # fmt: skip
        row = ours.iloc[t]
        agree("Ranks: tau", row["tau"], theirs.tau, **other)
        agree("Ranks: tau of neighbours", row["tau_neighbours"], theirs.tau_spatial, **other)
        theta = Theta(y[:, [t, t + 40]], side.to_numpy(), permutations=0).theta
        agree("Ranks: theta", row["theta"], float(np.ravel(theta)[0]), **other)
    assert ours["neighbours_p_value"].isna().all()


def test_rank_mobility_by_loops(lattice):
    w = lattice(4, 5)
    rng = np.random.default_rng(2)
    values = rng.integers(0, 9, (20, 3)).astype(float)  # with ties
    ours = nq.dynamics.rank_mobility(
        panel_of(values), "y", weights=w, permutations=99, seed=5
    ).frame
    dense = w.sparse.toarray() > 0
    for t in range(2):
        near, others = [], []
        for i, j in itertools.combinations(range(20), 2):
            pair = [np.sign(values[i, s] - values[j, s]) for s in (t, t + 1)]
            (near if dense[i, j] else others).append(pair)
        for name, pairs in (("tau_neighbours", near), ("tau_others", others)):
            row, then = np.array(pairs).T
            tau = (row * then).sum() / np.sqrt(np.abs(row).sum() * np.abs(then).sum())
            assert ours[name].iloc[t] == pytest.approx(tau)
    # Permutations one at a time.
    rng = np.random.default_rng(5)
    orders = rng.permuted(np.tile(np.arange(20), (99, 1)), axis=1)
    i, j = np.nonzero(np.triu(dense))
    draws = []
    for order in orders:
        v = values[order]
        row, then = np.sign(v[i, 0] - v[j, 0]), np.sign(v[i, 1] - v[j, 1])
        untied = np.sqrt(np.abs(row).sum() * np.abs(then).sum())
        draws.append((row * then).sum() / untied)
    observed = ours["tau_neighbours"].iloc[0]
    below = 1 + (np.array(draws) <= observed + 1e-12).sum()
    above = 1 + (np.array(draws) >= observed - 1e-12).sum()
    p = min(1, 2 * min(below, above) / 100)
    assert ours["neighbours_p_value"].iloc[0] == pytest.approx(p)


# -- cluster --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_permutations(incomes):
    distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")
    from joblib import parallel_config

    panel, w = incomes
    options = {"states": 4, "lag_states": 4, "permutations": 99, "seed": 1}
    alone = nq.dynamics.spatial_markov(panel, "relative_income", w, **options)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster),
        parallel_config(backend="dask"),
    ):
        parallel = nq.dynamics.spatial_markov(panel, "relative_income", w, n_jobs=-1, **options)
    for key in ("lr_permutation", "chi2_permutation"):
        assert parallel.tests[key].p_value == alone.tests[key].p_value


# -- errors ---------------------------------------------------------------------------------------


def test_errors(incomes):
    panel, w = incomes
    side = pd.Series("a", panel.units)
    with pytest.raises(OptionError, match="two or more"):
        nq.dynamics.markov_by_group(panel, "income", group=side)
    with pytest.raises(UnmatchedIdsError):
        nq.dynamics.markov_by_group(panel, "income", group=side.iloc[:40])
    gaps = pd.Series([None, *["a"] * 20, *["b"] * 27], panel.units)
    with pytest.raises(PanelError, match="no group: 'AL'"):
        nq.dynamics.markov_by_group(panel, "income", group=gaps)
    with pytest.raises(PanelError, match="change their 'rich'"):
        changing = panel.assign(rich=lambda d: d["relative_income"] > 1)
        nq.dynamics.markov_by_group(changing, "income", group="rich")
    with pytest.raises(DomainError, match="is constant in 1929"):
        flat = panel.assign(
            y=lambda d: d["income"].where(d.index.get_level_values("period") != 1929, 1.0)
        )
        nq.dynamics.lisa_markov(flat, "y", w)
    with pytest.raises(PanelError, match="at least 2 periods"):
        nq.dynamics.lisa_markov(panel.select(periods=[1929]), "income", w)
    alone = nq.weights.distance_band(panel, cutoff_km=200, islands="keep")
    with pytest.raises(IslandError, match="no quadrant"):
        nq.dynamics.lisa_markov(panel, "income", alone)
    none = nq.weights.distance_band(panel, cutoff_km=1, islands="keep")
    with pytest.raises(WeightsError, match="no links"):
        nq.dynamics.rank_mobility(panel, "income", weights=none)
    with pytest.raises(PanelError, match="cannot be spread over 4 states"):
        nq.dynamics.markov_by_group(
            panel_of(np.arange(9.0).reshape(3, 3), g=["a", "b", "b"]), "y", group="g"
        )
