"""Forecasts of chains: powers of P, joint states of neighbours enumerated, scores by hand."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

import nqp_spatial as nq
from benchmarks import forecast_calibration as planted
from benchmarks.dynamics_calibration import frame_of
from nqp_spatial.core.text import Message, translate
from nqp_spatial.dynamics import _forecast_scores as scoring
from nqp_spatial.dynamics import _simulated_paths as paths
from nqp_spatial.dynamics._forecast_model import chain_data, model_until
from nqp_spatial.errors import MissingValuesError, OptionError, PanelError

forecast = nq.dynamics.forecast


@pytest.fixture(scope="module")
def incomes():
    panel = nq.datasets.us_income()
    return panel, nq.weights.contiguity(panel)


@pytest.fixture(scope="module")
def chain(incomes):
    return nq.dynamics.markov(incomes[0], "relative_income", states=4)


@pytest.fixture(scope="module")
def result(incomes, chain):
    return forecast(chain, incomes[0], incomes[1], horizon=6, replications=299)


def states_of(result):
    return result.units[list(result.states)].to_numpy()


# -- without neighbours ----------------------------------------------------------------------------


def test_units_move_by_powers_of_p(incomes, chain, result):
    panel, _ = incomes
    codes = np.searchsorted(chain.cuts, panel.wide("relative_income").iloc[:, -1], side="left")
    table = result.units.set_index(["unit", "period"])[list(result.states)]
    for ahead in (1, 3, 6):
        power = chain.ahead(ahead).to_numpy()
        now = table.xs(2009 + ahead, level="period")
        assert now.index.equals(panel.units)
        np.testing.assert_allclose(now, power[codes], atol=1e-14)
        shares = result.frame.set_index("period").loc[2009 + ahead, "share"]
        np.testing.assert_allclose(shares, power[codes].mean(axis=0), atol=1e-14)


def test_giddy_has_the_same_powers(incomes, result):
    giddy = pytest.importorskip("giddy.markov")
    panel, _ = incomes
    values = panel.wide("relative_income").to_numpy()
    codes = np.searchsorted(np.quantile(values, [0.25, 0.5, 0.75]), values, side="left")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        p = giddy.Markov(codes, summary=False).p
    expected = np.linalg.matrix_power(p, 6)[codes[:, -1]]
    np.testing.assert_allclose(states_of(result)[5::6], expected, atol=1e-14)


def test_what_the_table_of_units_says(result):
    table = result.units
    order = {state: code for code, state in enumerate(result.states)}
    p, current = states_of(result), table["current_state"].map(order).to_numpy()
    np.testing.assert_allclose(p.sum(axis=1), 1)
    for row in (0, 40, 200):
        assert table["up"].iloc[row] == pytest.approx(p[row, current[row] + 1 :].sum())
        assert table["down"].iloc[row] == pytest.approx(p[row, : current[row]].sum())
        assert order[table["most_likely_state"].iloc[row]] == p[row].argmax()


def test_numbers_of_units_have_their_exact_distribution(incomes, chain):
    """Three units at most, by convolution of their Bernoulli variables."""
    panel = incomes[0]
    model = model_until(chain_data(chain, panel, None, None), panel.n_periods)
    p = np.broadcast_to(model.probabilities, (20_000, *model.shape))
    counts = paths.future_counts(model, None, p, 3, np.random.default_rng(0))
    assert counts.shape == (20_000, 3, 1, 4)
    assert (counts.sum(axis=-1) == 48).all()
    power = np.linalg.matrix_power(model.probabilities[0, 0], 3)
    distribution = np.ones(1)
    for state in model.start:
        distribution = np.convolve(distribution, [1 - power[state, 0], power[state, 0]])
    shares = np.bincount(counts[:, 2, 0, 0], minlength=49) / 20_000
    assert np.abs(shares - distribution).max() < 0.012


def test_steps_of_several_periods(incomes):
    panel, _ = incomes
    by_two = nq.dynamics.markov(panel, "relative_income", states=3, step=2)
    result = forecast(by_two, panel, horizon=3, replications=19, holdout=2)
    assert result.frame["period"].unique().tolist() == [2011, 2013, 2015]
    assert result.held_out["period"].unique().tolist() == [2007, 2009]
    codes = np.searchsorted(by_two.cuts, panel.wide("relative_income").iloc[:, -1], side="left")
    np.testing.assert_allclose(states_of(result)[2::3], by_two.ahead(3).to_numpy()[codes])


def test_intervals_know_that_probabilities_are_estimated():
    """Quantiles of futures by hand: samples of units one by one, moves of units one by one."""
    cell = planted.Cell("plain", 300)
    values = planted.planted(cell, cell.rng(5))[:, :3]  # few periods: P is not known well
    panel = frame_of(values)
    chain = nq.dynamics.markov(panel, "y", states=3, discretize=planted.CUTS)
    codes = np.searchsorted(planted.CUTS, values, side="left")
    rng, ends = np.random.default_rng(1), []
    for _ in range(1500):
        sample = codes[rng.integers(0, 300, 300)]
        moves = np.zeros((3, 3))
        np.add.at(moves, (sample[:, :-1].ravel(), sample[:, 1:].ravel()), 1)
        edges = np.cumsum(moves / moves.sum(axis=1, keepdims=True), axis=1)
        state = codes[:, -1]
        for _ in range(8):
            state = (rng.random(300)[:, None] > edges[state][:, :2]).sum(axis=1)
        ends.append(np.bincount(state, minlength=3) / 300)
    low, high = np.quantile(ends, [0.1, 0.9], axis=0)
    result = forecast(chain, panel, horizon=8, replications=2000, holdout=0, level=0.8)
    last = result.frame[result.frame["period"] == 10]
    np.testing.assert_allclose(last["low"], low, atol=0.011)
    np.testing.assert_allclose(last["high"], high, atol=0.011)
    # Chance alone would be too narrow.
    p = chain.ahead(8).to_numpy()[codes[:, -1]]
    chance = 2 * stats.norm.ppf(0.9) * np.sqrt((p * (1 - p)).sum(axis=0)) / 300
    assert (last["high"] - last["low"] > 1.25 * chance).all()


def test_limits_are_exact_for_one_more_draw():
    """Of 39 draws and one more, the last is the smallest or largest in one of twenty cases."""
    draws = np.random.default_rng(0).permutation(np.arange(1.0, 40))[:, None]
    assert paths._limits(draws, [0.025, 0.975]).ravel().tolist() == [1, 39]
    rng = np.random.default_rng(1)
    low, high = paths._limits(rng.normal(size=(39, 20_000)), [0.025, 0.975])
    later = rng.normal(size=20_000)
    assert abs(((low <= later) & (later <= high)).mean() - 0.95) < 0.006


# -- with neighbours -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ring():
    """Four units in a ring whose values are their states, 0 and 1, so that nothing is between."""
    rng = np.random.default_rng(3)
    values = (rng.random((4, 60)) < 0.5).astype(float)
    for now in range(1, 60):
        near = (np.roll(values[:, now - 1], 1) + np.roll(values[:, now - 1], -1)) / 2
        up = 0.15 + 0.3 * near + 0.4 * values[:, now - 1]
        values[:, now] = rng.random(4) < up
    values[:, -1] = [1, 0, 0, 0]
    panel = frame_of(values)
    links = np.roll(np.eye(4), 1, axis=1) + np.roll(np.eye(4), -1, axis=1)
    w = nq.weights.from_dense(links, list(panel.units), standardize="row")
    chain = nq.dynamics.spatial_markov(
        panel, "y", w, states=2, lag_states=3, discretize=[0.5], lag_discretize=[0.25, 0.75]
    )
    return panel, chain


def enumerated(chain, start, horizon):
    """Return the distribution over the sixteen joint states after each step."""
    p = chain.probabilities.to_numpy().reshape(3, 2, 2)
    joint = list(itertools.product((0, 1), repeat=4))
    matrix = np.ones((16, 16))
    for a, now in enumerate(joint):
        for b, later in enumerate(joint):
            for i in range(4):
                near = now[i - 1] + now[(i + 1) % 4]  # 0, 1 or 2 of two neighbours
                matrix[a, b] *= p[near, now[i], later[i]]
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    distribution = np.eye(16)[joint.index(tuple(start))]
    path = []
    for _ in range(horizon):
        distribution = distribution @ matrix
        path.append(distribution)
    return np.array(joint), np.array(path)


def test_neighbours_move_along(ring):
    panel, chain = ring
    joint, path = enumerated(chain, [1, 0, 0, 0], 5)
    result = forecast(chain, panel, horizon=5, replications=20_000, holdout=0)
    p = states_of(result)[:, 1].reshape(4, 5)
    expected = (path @ joint).T
    np.testing.assert_allclose(p[:, 0], expected[:, 0], atol=1e-13)  # exact one step ahead
    np.testing.assert_allclose(p, expected, atol=0.008)
    upper = result.frame[result.frame["state"] == result.states[1]]
    np.testing.assert_allclose(upper["share"], expected.mean(axis=0), atol=0.005)
    # A chain that ignores the neighbours is far away.
    alone = forecast(chain.pooled, panel, horizon=5, replications=19, holdout=0)
    assert np.abs(states_of(alone)[:, 1].reshape(4, 5) - expected).max() > 0.05


def test_numbers_of_neighbours_have_their_exact_distribution(ring):
    panel, chain = ring
    joint, path = enumerated(chain, [1, 0, 0, 0], 4)
    model = model_until(chain_data(chain, panel, None, None), panel.n_periods)
    p = np.broadcast_to(model.probabilities, (20_000, *model.shape))
    donors = paths.donors_of(model)
    counts = paths.future_counts(model, donors, p, 4, np.random.default_rng(0))
    for ahead in range(4):
        expected = np.bincount(joint.sum(axis=1), weights=path[ahead], minlength=5)
        shares = np.bincount(counts[:, ahead, 0, 1], minlength=5) / 20_000
        np.testing.assert_allclose(shares, expected, atol=0.013)


def test_donors_made_the_same_move_from_nearby():
    rng = np.random.default_rng(0)
    panel = frame_of(rng.normal(size=(30, 12)).cumsum(axis=1))
    chain = nq.dynamics.markov(panel, "y", states=3)
    model = model_until(chain_data(chain, panel, None, None), 12)
    donors = paths.donors_of(model)
    values, codes = model.data.values, model.codes
    moves = [(u, t) for u in range(30) for t in range(11)]
    for place in (5, 100, 359):
        unit, period = divmod(place, 12)
        for j in range(3):
            first, width = donors.first[place, j], donors.width[place, j]
            chosen = np.sort(donors.values[donors.ends[first : first + width]])
            same = [
                (values[u, t], values[u, t + 1])
                for u, t in moves
                if codes[u, t] == codes[unit, period] and codes[u, t + 1] == j
            ]
            if not same:
                assert (codes.ravel()[donors.ends[first : first + width]] == j).all()
                continue
            assert width == int(np.ceil(np.sqrt(len(same))))
            assert set(chosen) <= {end for _, end in same}
            # By rank: no move further away than all on the other side of the window.
            starts = np.sort([start for start, _ in same])
            rank = np.searchsorted(starts, values[unit, period])
            ends = dict(same)
            ranks = [np.searchsorted(starts, s) for s in starts if ends[s] in set(chosen)]
            assert max(ranks) - min(ranks) == width - 1
            middle = (max(ranks) + min(ranks) + 1) / 2
            inside = min(ranks) > 0 and max(ranks) < len(same) - 1
            assert not inside or abs(middle - rank) <= 1


def test_ties_are_all_donors():
    first, width = paths._windows(np.array([1.0, 1, 1, 1, 2, 3, 3, 3, 3]), np.array([1.0, 2, 3, 9]))
    assert width.tolist() == [4, 3, 4, 3]
    assert first.tolist() == [0, 3, 5, 6]


def test_any_number_of_workers_gives_the_same(incomes):
    panel, w = incomes
    chain = nq.dynamics.spatial_markov(panel, "relative_income", w, states=3, lag_states=3)
    options = {"horizon": 3, "replications": 300, "holdout": 2}
    one, two = (forecast(chain, panel, n_jobs=jobs, **options) for jobs in (1, 2))
    pd.testing.assert_frame_equal(one.frame, two.frame)
    pd.testing.assert_frame_equal(one.units, two.units)
    pd.testing.assert_frame_equal(one.held_out, two.held_out)
    other = forecast(chain, panel, seed=1, **options)
    assert not other.units.equals(one.units)


# -- coverage --------------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", ["plain", "spatial"])
def test_planted_futures_are_inside_their_intervals(chain):
    """The study has 500 panels of each cell: benchmarks/calibration_forecast.csv."""
    cell = planted.Cell(chain, 100, "lasting")
    size = 60 if chain == "plain" else 40
    inside = []
    for replication in range(size):
        values = planted.planted(cell, cell.rng(replication))
        frame = planted.forecast_of(cell, values, replication, replications=199).frame
        states = (values[:, planted.PAST :, None] > np.array(planted.CUTS)).sum(axis=2)
        actual = np.stack([(states == j).mean(axis=0) for j in range(3)], axis=1).ravel()
        inside.append(((frame["low"] <= actual) & (actual <= frame["high"])).mean())
    # Shares of one panel are correlated: the standard error is that of the means by panel.
    error = np.std(inside) / np.sqrt(size)
    assert abs(np.mean(inside) - 0.95) < 3 * error + 0.01


@pytest.mark.slow
def test_what_came_was_inside(incomes):
    """Ten years of US states from eleven origins, as the guide says: the intervals were right."""
    panel, w = incomes
    inside = {"plain": [], "spatial": []}
    options = {"states": 4}
    for last in range(1959, 2010, 5):
        past = panel.select(periods=list(range(1929, last + 1)))
        chains = {
            "plain": nq.dynamics.markov(past, "relative_income", **options),
            "spatial": nq.dynamics.spatial_markov(
                past, "relative_income", w, lag_states=3, **options
            ),
        }
        for name, chain in chains.items():
            table = forecast(chain, past, horizon=1, holdout=10, replications=499).held_out
            actual = table["actual"]
            inside[name].append(((table["low"] <= actual) & (actual <= table["high"])).mean())
    assert round(np.mean(inside["plain"]), 2) == 0.94
    assert round(np.mean(inside["spatial"]), 2) == 0.96


# -- groups ----------------------------------------------------------------------------------------


def test_groups_move_by_their_own_probabilities(incomes):
    panel, _ = incomes
    side = pd.Series(np.where(np.arange(48) < 20, "a", "b"), panel.units, name="side")
    chains = nq.dynamics.markov_by_group(panel, "relative_income", group=side, states=3)
    result = forecast(chains, panel, group=side, horizon=4, replications=99, holdout=1)
    start = np.searchsorted(
        chains.pooled.cuts, panel.wide("relative_income").iloc[:, -1], side="left"
    )
    p = states_of(result)[3::4]
    for group, members in side.groupby(side):
        rows = panel.units.isin(members.index)
        expected = chains.chains[group].ahead(4).to_numpy()[start[rows]]
        np.testing.assert_allclose(p[rows], expected, atol=1e-14)
        table = result.by_group[
            (result.by_group["group"] == group) & (result.by_group["period"] == 2013)
        ]
        np.testing.assert_allclose(table["share"], expected.mean(axis=0), atol=1e-14)
        assert (table["low"] <= table["high"]).all()
    last = result.frame[result.frame["period"] == 2013]
    np.testing.assert_allclose(last["share"], p.mean(axis=0), atol=1e-14)
    with pytest.raises(OptionError, match="not a column of the panel: pass the groups"):
        forecast(chains, panel)
    with pytest.raises(OptionError, match="has the groups"):
        forecast(chains, panel, group=side.replace("a", "c"))
    with pytest.raises(PanelError, match="are other moves"):
        forecast(chains, panel, group=pd.Series(side.to_numpy()[::-1], panel.units))


def test_spatial_chains_of_groups():
    cities = nq.datasets.simulate_cities(seed=0)
    w = nq.weights.knn(cities, k=6)
    chains = nq.dynamics.spatial_markov_by_group(
        cities, "nqp", w, group="cluster", states=3, lag_states=2
    )
    result = forecast(chains, cities, horizon=1, replications=19)
    chain = chains.chains["periphery"]
    group = cities.at(cities.periods[-1])["cluster"]
    lag = w.lag(cities.at(cities.periods[-1])["nqp"])
    near = np.searchsorted(chain.neighbour_cuts, lag, side="left")
    own = np.searchsorted(chain.own_cuts, cities.at(cities.periods[-1])["nqp"], side="left")
    p = chain.probabilities.to_numpy().reshape(2, 3, 3)
    pooled = chain.pooled.probabilities.to_numpy()
    rows = np.where(np.isnan(p), pooled, p)[near, own]
    members = (group == "periphery").to_numpy()
    known = members & ~np.isnan(rows).any(axis=1)
    np.testing.assert_allclose(states_of(result)[known], rows[known], atol=1e-13)


# -- held-out periods ------------------------------------------------------------------------------


def test_scores_by_hand():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), size=(2, 5))
    actual = rng.integers(0, 4, (2, 5))
    losses = scoring.scores(p, actual)
    for h, i in itertools.product(range(2), range(5)):
        outcome = [float(j == actual[h, i]) for j in range(4)]
        assert losses["log_score"][h, i] == pytest.approx(-np.log(p[h, i, actual[h, i]]))
        brier = sum((p[h, i, j] - outcome[j]) ** 2 for j in range(4))
        assert losses["brier"][h, i] == pytest.approx(brier)
        ranked = sum((sum(p[h, i, : j + 1]) - sum(outcome[: j + 1])) ** 2 for j in range(3)) / 3
        assert losses["rps"][h, i] == pytest.approx(ranked)


def test_held_out_periods_by_hand(incomes, result):
    """Chain, cuts and rivals from the periods before, with the moves added that the text names."""
    panel, _ = incomes
    values = panel.wide("relative_income").to_numpy()
    past = values[:, :-3]
    codes = np.searchsorted(np.quantile(past, [0.25, 0.5, 0.75]), values, side="left")
    moves = np.zeros((4, 4))
    np.add.at(moves, (codes[:, :-4].ravel(), codes[:, 1:-3].ravel()), 1)
    pooled = (moves + 0.25) / (moves.sum(axis=1, keepdims=True) + 1)
    p = (moves + pooled) / (moves.sum(axis=1, keepdims=True) + 1)
    start, counts = codes[:, -4], np.bincount(codes[:, :-3].ravel())
    climatology = (counts + 0.5) / (counts.sum() + 2)
    expected = []
    for ahead in (1, 2, 3):
        actual = codes[:, -4 + ahead]
        power = np.linalg.matrix_power(p, ahead)[start, actual]
        stayed = (codes[:, :-3][:, ahead:] == codes[:, :-3][:, :-ahead]).ravel()
        stay = (stayed.sum() + 0.5) / (len(stayed) + 1)
        persistence = np.where(actual == start, stay, (1 - stay) / 3)
        expected.append([power, persistence, climatology[actual]])
        shares = result.held_out[result.held_out["period"] == 2006 + ahead]
        np.testing.assert_allclose(shares["actual"], np.bincount(actual, minlength=4) / 48)
        mean = np.linalg.matrix_power(p, ahead)[start].mean(axis=0)
        np.testing.assert_allclose(shares["share"], mean, atol=1e-14)
    losses = -np.log(np.array(expected))  # horizon, forecast, unit
    table = result.scores.pivot(index="period", columns="forecast", values="log_score")
    np.testing.assert_allclose(
        table[["chain", "persistence", "climatology"]], losses.mean(axis=2), rtol=1e-12
    )
    gap = (losses[:, 1] - losses[:, 0]).mean(axis=0)
    alone = forecast(
        nq.dynamics.markov(panel, "relative_income", states=4), panel, horizon=1, replications=9
    )
    test = alone.tests["log_score_persistence"]
    reference = stats.ttest_1samp(gap, 0)
    assert test.statistic == pytest.approx(reference.statistic, rel=1e-10)
    assert test.p_value == pytest.approx(reference.pvalue, rel=1e-10)
    assert result.tests["log_score_persistence"].df == 8


def test_the_future_is_not_known_beforehand(incomes):
    """What happened in held-out periods changes neither cuts nor probabilities."""
    panel, w = incomes
    values = panel.values("relative_income").copy()
    values[:, -2:] = 0.8 * values[::-1, -2:]
    other = panel.assign(relative_income=values.ravel())
    tables = []
    for each in (panel, other):
        chain = nq.dynamics.spatial_markov(each, "relative_income", w, states=3, lag_states=2)
        tables.append(forecast(chain, each, horizon=1, replications=99, holdout=2).held_out)
    columns = ["period", "share", "low", "high"]
    pd.testing.assert_frame_equal(tables[0][columns], tables[1][columns])
    assert not tables[0]["actual"].equals(tables[1]["actual"])


def test_scores_of_the_true_chain_are_better():
    """Planted: the chain beats persistence and past shares where it is true."""
    cell = planted.Cell("plain", 300)
    values = planted.planted(cell, cell.rng(0))
    panel = frame_of(values)
    chain = nq.dynamics.markov(panel, "y", states=3, discretize=planted.CUTS)
    result = forecast(chain, panel, horizon=1, replications=19, holdout=5)
    means = result.scores.groupby("forecast")["log_score"].mean()
    assert means.idxmin() == "chain"
    assert result.tests["log_score_persistence"].statistic > 2
    assert result.tests["log_score_climatology"].statistic > 2


def test_errors_that_know_of_space():
    w = planted.weights_of(100).sparse
    waves = scoring.long_waves(w)
    assert waves.shape == (100, 8)
    np.testing.assert_allclose(waves.T @ waves, np.eye(8), atol=1e-12)
    np.testing.assert_allclose(waves.sum(axis=0), 0, atol=1e-12)
    dense = w.toarray()
    moran = np.diag(waves.T @ dense @ waves)
    centred = np.eye(100) - 1 / 100
    top = np.linalg.eigvalsh(centred @ (dense + dense.T) @ centred / 2)[-8:]
    np.testing.assert_allclose(np.sort(moran), top, atol=1e-12)
    gaps = np.random.default_rng(0).normal(size=100)
    error, df = scoring.standard_error(gaps, waves)
    assert df == 8
    assert error == pytest.approx(np.sqrt(sum((v @ gaps) ** 2 for v in waves.T) / 800))


def test_large_maps_have_the_same_waves(monkeypatch):
    w = nq.weights.knn(nq.datasets.simulate_cities(seed=0), k=6).sparse
    dense = scoring.long_waves(sparse.csr_array(w))
    monkeypatch.setattr(scoring, "_DENSE", 10)
    iterative = scoring.long_waves(sparse.csr_array(w))
    np.testing.assert_allclose(dense @ dense.T, iterative @ iterative.T, atol=1e-8)


def test_equal_scores_are_rarely_rejected():
    """Independent errors reject far too often where scores are autocorrelated."""
    table = planted.rejections(400, 0.6, 1000).set_index("errors")["rejects"]
    assert table["independent"] > 0.3
    assert table["in space"] < 0.085
    assert planted.rejections(400, 0.0, 1000).set_index("errors")["rejects"]["in space"] > 0.03


def test_too_few_periods_for_held_out_ones(incomes, chain):
    panel = incomes[0].select(periods=list(range(2004, 2010)))
    short = nq.dynamics.markov(panel, "relative_income", states=2)
    result = forecast(short, panel, horizon=1, replications=9)
    assert not any(test.applicable for test in result.tests.values())
    reason = result.tests["brier_persistence"].reason
    assert reason == "3 held-out steps need more than 6 periods in the panel"
    assert translate(reason, "zh") == "留出 3 步需要面板多于 6 期"
    none = forecast(short, panel, horizon=1, replications=9, holdout=0)
    assert not len(none.tests) and not len(none.scores) and not len(none.held_out)


def test_units_that_all_differ_by_the_same_amount():
    panel = frame_of(np.tile([[1.0, 2.0] * 6, [2.0, 1.0] * 6], (4, 1)))
    chain = nq.dynamics.markov(panel, "y", states=2, discretize=[1.5])
    result = forecast(chain, panel, horizon=2, replications=9)
    assert "same amount" in result.tests["log_score_persistence"].reason
    np.testing.assert_allclose(result.frame["share"], 0.5)


# -- what is refused or noted ----------------------------------------------------------------------


def test_cuts_by_period_fix_the_shares(incomes):
    panel, w = incomes
    by_period = {"states": 4, "discretize": "period-quantiles"}
    chain = nq.dynamics.markov(panel, "income", **by_period)
    result = forecast(chain, panel, horizon=2, replications=99)
    np.testing.assert_allclose(result.frame[["share", "low", "high"]], 0.25)
    assert "shares of states are fixed" in result.notes[0]
    assert isinstance(result.notes[0], Message)
    codes = np.searchsorted(chain.cuts.loc[2009], panel.wide("income")[2009], side="left")
    np.testing.assert_allclose(states_of(result)[1::2], chain.ahead(2).to_numpy()[codes])
    spatial = nq.dynamics.spatial_markov(panel, "income", w, **by_period)
    with pytest.raises(OptionError, match="cuts of future periods are unknown"):
        forecast(spatial, panel)


def test_chains_without_a_forecast(incomes):
    panel, w = incomes
    lisa = nq.dynamics.lisa_markov(panel, "income", w)
    with pytest.raises(OptionError, match="quadrants"):
        forecast(lisa.chain, panel)
    with pytest.raises(OptionError, match="chain must be"):
        forecast(lisa, panel)
    spans = nq.dynamics.time_homogeneity(panel, "relative_income", states=3)
    with pytest.raises(OptionError, match="chains by span of time or previous state"):
        forecast(spans, panel)
    side = pd.Series(np.arange(48) < 10, panel.units, name="side")
    group = nq.dynamics.spatial_markov(panel, "income", w, condition="group", group=side)
    with pytest.raises(OptionError, match="condition='group'"):
        forecast(group, panel)


def test_panels_and_options_that_do_not_fit(incomes, chain):
    panel, _ = incomes
    with pytest.raises(PanelError, match="are other moves"):
        forecast(chain, panel.select(periods=list(range(1930, 2010))))
    with pytest.raises(OptionError, match="goes with chains by group"):
        forecast(chain, panel, group="income")
    frame = panel.frame.copy()
    frame.loc[("AL", 2009), "relative_income"] = np.nan
    gap = panel.assign(relative_income=frame["relative_income"])
    with pytest.raises(MissingValuesError, match="AL"):
        forecast(chain, gap)
    with pytest.raises(OptionError, match="horizon must be"):
        forecast(chain, panel, horizon=0)


def test_rows_never_visited_have_those_of_all_neighbours(incomes):
    panel, w = incomes
    chain = nq.dynamics.spatial_markov(panel, "relative_income", w, states=5, lag_states=12)
    missing = int(chain.probabilities.isna().any(axis=1).sum())
    assert missing
    result = forecast(chain, panel, horizon=1, replications=19, holdout=0)
    assert result.notes[0].startswith(f"{missing} rows of transition probabilities")
    model = model_until(chain_data(chain, panel, None, None), panel.n_periods)
    rows = model.counts.sum(axis=-1)[0] == 0
    pooled = np.broadcast_to(chain.pooled.probabilities.to_numpy(), (12, 5, 5))
    np.testing.assert_allclose(model.probabilities[0][rows], pooled[rows])


def test_a_state_that_is_never_left_stays():
    values = np.array([[1.0, 1, 1, 1, 2], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [1, 0, 0, 1, 1]])
    panel = frame_of(values)
    chain = nq.dynamics.markov(panel, "y", states=3, discretize=[0.5, 1.5])
    result = forecast(chain, panel, horizon=3, replications=50, holdout=0)
    np.testing.assert_allclose(states_of(result)[:3], [[0, 0, 1]] * 3)
    assert "never visited" in result.notes[0]


@pytest.mark.parametrize(
    ("periods", "ahead"),
    [
        (pd.period_range("2019Q1", periods=8, freq="Q"), ["2021Q1", "2021Q2"]),
        (pd.date_range("2020-01-01", periods=8, freq="7D"), ["2020-02-26", "2020-03-04"]),
        (np.arange(2000, 2040, 5), ["2040", "2045"]),
        (pd.Categorical(list("abcdefgh"), ordered=True), ["+1", "+2"]),
    ],
)
def test_names_of_future_periods(periods, ahead):
    values = np.random.default_rng(0).normal(size=(20, 8))
    frame = pd.DataFrame(
        {"id": np.repeat(np.arange(20), 8), "t": list(periods) * 20, "y": values.ravel()}
    )
    if isinstance(periods, pd.Categorical):
        frame["t"] = pd.Categorical(frame["t"], categories=list("abcdefgh"), ordered=True)
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    result = forecast(
        nq.dynamics.markov(panel, "y", states=2), panel, horizon=2, replications=9, holdout=1
    )
    names = [str(period) for period in result.frame["period"].unique()]
    assert [name[: len(wanted)] for name, wanted in zip(names, ahead, strict=True)] == ahead
    assert result.units["period"].tolist()[:2] == result.frame["period"].unique().tolist()


def test_the_result_says_its_notes_in_chinese(result):
    for text in (*result.notes, *(test.rule for test in result.tests.values())):
        assert translate(text, "zh") != text
    assert "48" not in repr(result.spec.get("horizon"))
    assert result.spec.horizon == 6
