"""Bands of distance: brute force, simultaneous intervals, re-estimations, the exponent of decay."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nqp_spatial as nq
from nqp_spatial.errors import ConvergenceError, OptionError
from nqp_spatial.regression._term_weights import matrices_by_name
from nqp_spatial.spillovers import _link_effects as link_effects
from nqp_spatial.spillovers import (
    distance_decay,
    reach,
    reach_links_beyond,
    reach_links_within,
)

EDGES = [0, 500, 900, 1500]


def dense(res, variable, params, edges, km):
    """Indirect effects by band and beyond, from dense matrices."""
    terms, n = res.model.terms, res.model.n_units
    system, m = np.eye(n), np.zeros((n, n))
    for (block, name, part), value in params.items():
        if block == "spatial":
            system -= value * matrices_by_name(terms.y)[part].toarray()
        elif block == "x" and name == variable:
            m += value * np.eye(n)
        elif block == "wx" and name == variable:
            m += value * matrices_by_name(terms.x)[part].toarray()
    e = np.linalg.solve(system, m)
    bounds = [*itertools.pairwise(edges), (edges[-1], np.inf)]
    return np.array([e[(km > low) & (km <= high)].sum() / n for low, high in bounds])


@pytest.fixture(scope="module")
def km(states):
    """Distances of the states' representative points, from a table of all pairs."""
    panel, _ = states
    w = nq.weights.inverse_distance(panel, power=1, standardize="none")
    inverse = w.reordered(panel.units).sparse.toarray()
    with np.errstate(divide="ignore"):
        return np.where(inverse > 0, 1 / inverse, 0.0)


@pytest.mark.parametrize("lags", ["one", "bands"])
def test_effects_by_band_are_derivatives(states, km, lags):
    panel, _ = states
    res = reach("lgsp ~ lpc + lemp", panel, edges_km=EDGES, effects="unit", outcome_lags=lags)
    frame = res.frame[res.frame["variable"] == "lpc"]
    np.testing.assert_allclose(
        frame["estimate"], dense(res, "lpc", res.model.params, EDGES, km), rtol=1e-9
    )
    gradient = []
    for key in res.model.params.index:
        ends = []
        for sign in (1, -1):
            moved = res.model.params.copy()
            moved[key] += sign * 1e-6
            ends.append(dense(res, "lpc", moved, EDGES, km))
        gradient.append((ends[0] - ends[1]) / 2e-6)
    spread = np.array(gradient).T @ res.model.cov.to_numpy() @ np.array(gradient)
    np.testing.assert_allclose(frame["std_error"], np.sqrt(np.diag(spread)), rtol=1e-5)
    # The bands and what is beyond are the whole indirect effect.
    whole = sum(matrices_by_name(res.model.terms.x).values())
    assert np.allclose(whole.sum(axis=1), 1)


def test_probes_find_the_same(states, monkeypatch):
    panel, _ = states
    exact = reach("lgsp ~ lpc", panel, edges_km=EDGES, effects="unit").frame
    monkeypatch.setattr(link_effects, "DENSE_UP_TO", 10)
    monkeypatch.setattr(link_effects, "SUM_PROBES", 100_000)
    rough = reach("lgsp ~ lpc", panel, edges_km=EDGES, effects="unit").frame
    np.testing.assert_allclose(
        rough["estimate"], exact["estimate"], atol=0.3 * exact["std_error"].min()
    )
    np.testing.assert_allclose(rough["std_error"], exact["std_error"], rtol=0.2)


def test_simultaneous_intervals_are_wider_and_hold_together(states):
    """Their factor is the quantile of the largest of correlated t statistics."""
    panel, _ = states
    res = reach("lgsp ~ lpc", panel, edges_km=EDGES, effects="unit", seed=1)
    frame = res.frame
    factor = (frame["simultaneous_high"] - frame["estimate"]) / frame["std_error"]
    assert np.ptp(factor) < 1e-12
    one, bonferroni = stats.norm.ppf(0.975), stats.norm.ppf(1 - 0.025 / 4)
    assert one < factor.iloc[0] <= bonferroni + 0.02
    ends = frame[(frame["simultaneous_low"] > 0) | (frame["simultaneous_high"] < 0)]
    first = frame.index.difference(ends.index)
    assert res.reach_km["lpc"] == (frame.loc[first[0], "low_km"] if len(first) else EDGES[-1])


def test_the_two_reestimations_are_what_their_names_say(states, km):
    panel, _ = states
    options = {"effects": "unit", "model": "sdm"}
    within = reach_links_within("lgsp ~ lpc", panel, cutoffs_km=[700, 1100], **options)
    beyond = reach_links_beyond(
        "lgsp ~ lpc", panel, cutoffs_km=[400, 800], outer_km=2500, **options
    )
    for found, rows in (
        (within, [(0, 700), (0, 1100)]),
        (beyond, [(400, 2500), (800, 2500)]),
    ):
        for (low, high), row in zip(rows, found.frame.itertuples(), strict=True):
            links = ((km > low) & (km <= high)).astype(float)
            w = nq.weights.from_dense(links, panel.units).standardize("row")
            effects = nq.fit("lgsp ~ lpc", panel, w, **options).effects(method="delta").frame
            awaited = effects.set_index("effect").loc["indirect"]
            assert (row.low_km, row.high_km) == (low, high)
            assert row.estimate == pytest.approx(awaited["estimate"], rel=1e-8)
            assert row.std_error == pytest.approx(awaited["std_error"], rel=1e-8)
    assert within.reach_km.isna().all()
    with pytest.raises(OptionError, match="cutoffs must lie between 0 and outer_km = 500"):
        reach_links_beyond("lgsp ~ lpc", panel, cutoffs_km=[600], outer_km=500)


def test_the_exponent_is_a_profile(states):
    panel, _ = states
    found = distance_decay("lgsp ~ lpc", panel, cutoff_km=1500, effects="unit")

    def loglik(power):
        w = nq.weights.inverse_distance(panel, power=power, cutoff_km=1500)
        return nq.fit("lgsp ~ lpc", panel, w, effects="unit").loglik

    assert found.loglik == pytest.approx(loglik(found.power), abs=1e-6)
    assert found.loglik >= max(loglik(power) for power in (0.5, 1.0, 2.0, 3.0, 4.0)) - 1e-9
    cut = found.loglik - stats.chi2.ppf(0.95, 1) / 2
    for edge in (found.conf_low, found.conf_high):
        if 0 < edge < np.inf:
            assert loglik(edge) == pytest.approx(cut, abs=0.02)
    with pytest.raises(ConvergenceError, match="no maximum at any power"):
        distance_decay("lgsp ~ lpc", panel, cutoff_km=6000, largest=0.2, effects="two-way")


def test_errors(states):
    panel, _ = states
    with pytest.raises(OptionError, match="outcome_lags must be one of 'one', 'bands'"):
        reach("lgsp ~ lpc", panel, edges_km=EDGES, outcome_lags="two")


@pytest.mark.slow
def test_a_planted_reach_is_found():
    """Spillovers of x up to 200 km and none beyond: bands hold the truth, and the end is found."""
    import geopandas as gpd
    from shapely.geometry import Point

    rng = np.random.default_rng(0)
    n, t = 200, 6
    places = rng.uniform(0, 1000, size=(n, 2)) * 1000
    shapes = gpd.GeoDataFrame(
        {"id": np.arange(n)}, geometry=[Point(*xy) for xy in places], crs="EPSG:32650"
    )
    gaps = np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=2)) / 1000
    disc = (gaps > 0) & (gaps <= 400)
    weights = disc / disc.sum(axis=1, keepdims=True)
    near = weights * (gaps <= 200)
    m = np.eye(n) + 3 * near
    truth = [
        (m * ((gaps > low) & (gaps <= high))).sum() / n
        for low, high in ((0, 100), (100, 200), (200, 300), (300, 400))
    ]
    together, ends = [], []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        x, mu = rng.normal(size=(n, t)), rng.normal(size=(n, 1))
        y = m @ x + mu + rng.normal(size=(n, t))
        frame = pd.DataFrame(
            {
                "id": np.repeat(np.arange(n), t),
                "t": np.tile(np.arange(t), n),
                "y": y.ravel(),
                "x": x.ravel(),
            }
        )
        panel = nq.SpatialPanel(frame, unit="id", period="t", geometry=shapes)
        res = reach("y ~ x", panel, edges_km=[0, 100, 200, 300, 400], effects="unit")
        low = res.frame["simultaneous_low"].to_numpy()[:4]
        high = res.frame["simultaneous_high"].to_numpy()[:4]
        together.append(bool(((low < truth) & (truth < high)).all()))
        ends.append(res.reach_km["x"])
    assert np.mean(together) > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / 100)
    assert np.mean(np.array(ends) == 200) > 0.85


def test_bands_that_hold_all_pairs_have_nothing_beyond(states):
    panel, _ = states
    options = {"effects": "unit"}
    whole = reach("lgsp ~ lpc", panel, edges_km=[0, 600, 10_000], **options)
    assert whole.frame["high_km"].tolist() == [600, 10_000]
    assert np.isfinite(whole.frame.select_dtypes(float)).all().all()
    # The same links, the same rows: the upper edge of the last band does not matter.
    other = reach("lgsp ~ lpc", panel, edges_km=[0, 600, 20_000], **options)
    np.testing.assert_allclose(whole.frame["estimate"], other.frame["estimate"], rtol=1e-9)
    part = reach("lgsp ~ lpc", panel, edges_km=[0, 600, 1200], **options)
    assert part.frame["high_km"].tolist() == [600, 1200, np.inf]


def test_a_largest_power_that_is_none(states):
    panel, _ = states
    for largest in (0, -1.0, np.nan, np.inf):
        with pytest.raises(OptionError, match="largest must"):
            distance_decay("lgsp ~ lpc", panel, cutoff_km=1500, largest=largest, effects="unit")


def test_parameters_are_those_of_the_model_of_the_bands(states):
    panel, _ = states
    res = reach("lgsp ~ lpc", panel, edges_km=EDGES, effects="unit")
    pd.testing.assert_frame_equal(res.conf_int(0.9), res.model.conf_int(0.9))
    pd.testing.assert_series_equal(res.params, res.model.params)
    again = reach_links_within("lgsp ~ lpc", panel, cutoffs_km=[800], effects="unit")
    with pytest.raises(OptionError, match="a model for each cutoff"):
        _ = again.params


def test_the_intercept_has_no_reach(states):
    panel, _ = states
    result = nq.spillovers.reach("lgsp ~ lpc + unemp", panel, edges_km=[0, 1500], effects="none")
    assert set(result.frame["variable"]) == {"lpc", "unemp"} == set(result.reach_km.index)
