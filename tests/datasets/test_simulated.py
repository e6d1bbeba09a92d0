"""Simulated cities: the columns obey the equations that the truth states, and look real."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError


@pytest.fixture(scope="module")
def cities():
    return nq.datasets.simulate_cities(seed=0)


@pytest.fixture(scope="module")
def knn(cities):
    return nq.weights.knn(cities, k=8)


def scaled(frame, weights):
    columns = frame[weights.index]
    share = (columns - columns.min()) / (columns.max() - columns.min())
    down = weights.index[weights["direction"].eq("-")]
    share[down] = 1 - share[down]
    return share


@pytest.mark.parametrize("name", ["index", "relations"])
def test_planted_weights_give_the_index_exactly(cities, name):
    weights = getattr(cities.truth, f"{name}_weights")
    column = "nqp" if name == "index" else "relations"
    assert weights["weight"].sum() == pytest.approx(1, abs=1e-12)
    index = scaled(cities.frame, weights) @ weights["weight"]
    np.testing.assert_allclose(index, cities.frame[column], rtol=0, atol=1e-12)


def errors_of(cities, planted, parts):
    """What is left of the planted equation when effects of cities and years are swept out."""
    n, t = cities.n_units, cities.n_periods
    y = cities.values(planted.outcome).reshape(n, t)
    x = {k: cities.values(k).reshape(n, t) for k in ("relations", "human_capital")}
    p, remaining = planted.params, y.copy()
    for name, matrices in parts.items():
        lag = {
            k: np.column_stack([matrices[position] @ v[:, position] for position in range(t)])
            for k, v in {"y": y, **x}.items()
        }
        remaining -= p["spatial", "rho", name] * lag["y"]
        remaining -= sum(p["wx", k, name] * lag[k] for k in x)
    for block, k, part in p.index:
        if block == "x":
            mine = np.ones(n) if part == "all" else cities.wide_groups == part
            remaining -= p[block, k, part] * mine[:, None] * x[k]
    remaining -= remaining.mean(axis=1, keepdims=True)
    return remaining - remaining.mean(axis=0)


class Grouped:
    """A panel with the group of each unit beside it."""

    def __init__(self, panel):
        self.panel = panel
        self.wide_groups = panel.frame["cluster"].groupby(level=0).first().to_numpy()

    def __getattr__(self, name):
        return getattr(self.panel, name)


def constant(matrices, t=10):
    return {name: [m.toarray()] * t for name, m in matrices.items()}


def parts_of(mechanism, cities, w):
    dense = w.sparse.toarray()
    if mechanism == "blocks":
        blocks = nq.weights.partition(w, cities.frame["cluster"].groupby(level=0).first())
        return constant({f"{a} <- {b}": m.sparse for (a, b), m in blocks.items()})
    if mechanism == "border":
        zone = cities.frame["province"].groupby(level=0).first()
        within, across = nq.weights.within(w, zone), nq.weights.across(w, zone)
        return constant({"within province": within.sparse, "across province": across.sparse})
    if mechanism == "distance":
        more = cities.truth.distance.mechanism
        return constant({"all": nq.weights.inverse_distance(cities, **more).sparse})
    high = cities.wide("synergy").to_numpy() > cities.truth.threshold.mechanism["gamma"]
    return {
        "below": [dense * ~high[:, position] for position in range(10)],
        "above": [dense * high[:, position] for position in range(10)],
    }


@pytest.mark.parametrize("mechanism", ["blocks", "border", "distance", "threshold"])
def test_outcomes_obey_their_equation(cities, knn, mechanism):
    """Taken with the weights that the builder gives, only noise of the planted size is left."""
    planted = getattr(cities.truth, mechanism)
    remaining = errors_of(Grouped(cities), planted, parts_of(mechanism, cities, knn))
    free = (cities.n_units - 1) * (cities.n_periods - 1)
    variance = (remaining**2).sum() / free
    assert variance / planted.sigma2 == pytest.approx(1, abs=4 * np.sqrt(2 / free))
    # Noise has no neighbours: what any coefficient missed would be shared by them.
    near = knn.sparse.toarray() @ remaining
    moran = (remaining * near).sum() / (remaining**2).sum()
    assert abs(moran) < 0.05


def test_the_same_seed_gives_the_same_cities(cities):
    pd.testing.assert_frame_equal(nq.datasets.simulate_cities(seed=0).frame, cities.frame)
    other = nq.datasets.simulate_cities(seed=1)
    assert not np.allclose(other.frame["nqp"], cities.frame["nqp"])
    assert isinstance(other.select(periods=[2012, 2013]), nq.SpatialPanel)


def test_moments_look_like_those_of_cities():
    """Gradient, growth, persistence and likeness of neighbours, over several draws."""
    for seed in range(4):
        cities = nq.datasets.simulate_cities(seed=seed)
        wide = cities.wide("nqp")
        assert wide.to_numpy().min() > 0
        assert wide.to_numpy().max() < 1
        growth = np.diff(np.log(wide.mean()))
        assert 0.02 < growth.mean() < 0.09
        assert 0.9 < np.corrcoef(wide[2012], wide[2021])[0, 1] ** (1 / 9) < 1
        for reading in ("east", "cluster", "core"):
            mean = cities.frame.groupby(reading)["nqp"].mean()
            assert mean["centre"] > mean["periphery"]
        moran = nq.esda.moran(cities.select(periods=[2021]), "nqp", nq.weights.knn(cities, k=8))
        assert 0.2 < moran.frame["moran_i"].iloc[0] < 0.85


def test_clubs_draw_together_and_apart(cities):
    """Inside a club relative incomes draw together; over all cities they do not."""
    income = np.log(cities.wide("gdp_pc"))
    relative = income / income.mean()
    clubs = cities.truth.clubs
    assert set(clubs.unique()) == {1, 2, 3}
    for _, inner in relative.groupby(clubs):
        variation = inner.var()
        assert variation[2021] < 0.05 * variation[2012]
    assert relative.var()[2021] > 0.9 * relative.var()[2012]
    ends = relative[2021].groupby(clubs).mean() / (relative[2021].groupby(clubs).mean()[2])
    np.testing.assert_allclose(ends, cities.truth.club_levels / cities.truth.club_levels[2], 5e-4)


def test_years_can_be_chosen():
    assert nq.datasets.simulate_cities(seed=0, first=2001, last=2020).n_periods == 20
    with pytest.raises(OptionError, match="last must be later than first"):
        nq.datasets.simulate_cities(seed=0, first=2012, last=2012)


def test_estimates_meet_the_truth(cities, knn):
    """All coefficients of two estimators within 3.5 standard errors of what was planted."""
    truth = cities.truth
    blocks = nq.spillovers.partitioned(truth.blocks.formula, cities, knn, group="cluster")
    border = nq.spillovers.barrier(truth.border.formula, cities, knn, group="province")
    for planted, result in ((truth.blocks, blocks), (truth.border, border)):
        assert set(planted.params.index) == set(result.params.index)
        z = (result.params - planted.params) / result.std_errors
        assert z.abs().max() < 3.5
        assert (z**2).mean() < 2.5
    low, high = border.share_interval().loc["across province", ["conf_low", "conf_high"]]
    assert low < truth.border.mechanism["share_lost"] < high


def test_face_of_the_truth():
    truth = nq.datasets.simulate_cities(seed=0).truth
    assert truth.spec.seed == 0
    assert truth.frame.index.names == ["outcome", "block", "variable", "part"]
    assert truth.frame.loc["nqp", "truth"]["spatial", "rho", "periphery <- centre"] == 0.6
    assert truth.notes == truth.border.notes == ()
    assert len(truth.tests) == len(truth.border.tests) == 0
    pd.testing.assert_series_equal(truth.border.frame["truth"], truth.border.params)
    assert truth.border.spec.group == "province"
    assert repr(truth.threshold).startswith("Parameters of nqp_threshold: formula = nqp_threshold")
    assert "seed = 0, first = 2012, last = 2021" in repr(truth)
