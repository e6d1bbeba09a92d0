"""Global and local Moran against spdep, esda, published facts and brute force."""

from __future__ import annotations

import json
import warnings

import esda
import numpy as np
import pandas as pd
import pytest
from esda.crand import vec_permutations
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

import nqp_spatial as nq
from nqp_spatial.errors import (
    DomainError,
    MissingValuesError,
    OptionError,
    PanelError,
    UnmatchedIdsError,
    WeightsError,
)


def theirs_local(values, graph, **options) -> esda.Moran_Local:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return esda.Moran_Local(values, graph, transformation="o", **options)


def cross_section(values, **columns) -> nq.SpatialPanel:
    frame = pd.DataFrame({"unit": np.arange(len(values)), "x": np.asarray(values, dtype=float)})
    return nq.SpatialPanel(frame.assign(**columns), unit="unit")


@pytest.fixture
def field(lattice):
    """A smooth field on a 9 x 8 lattice."""
    w = lattice(9, 8)
    noise = np.random.default_rng(2).normal(size=72)
    return cross_section(np.linalg.solve(np.eye(72) - 0.9 * w.sparse.toarray(), noise)), w


@pytest.fixture(scope="module")
def lights(nqp_data):
    """Log of mean night light of 332 Chinese cities in the years that the facts give."""
    folder = nqp_data / "data" / "china_cities"
    frame = pd.read_csv(folder / "panel.csv", usecols=["city_id", "year", "total_meanlight"])
    frame = frame[frame["year"].isin([2001, 2012, 2013, 2020])]
    panel = nq.SpatialPanel(frame, unit="city_id", period="year")
    panel = panel.assign(light=lambda d: np.log(d["total_meanlight"]))
    w = nq.weights.from_edges(pd.read_csv(folder / "queen_edges.csv"), standardize="row")
    return panel, w, json.loads((folder / "facts.json").read_text())


# -- global ----------------------------------------------------------------------------------------


def test_moran_equals_spdep(columbus, reference):
    panel, w = columbus
    truth = reference("columbus")["moran_CRIME"]
    ours = nq.esda.moran(panel, "CRIME", w, permutations=0).frame.iloc[0]
    assert ours["moran_i"] == pytest.approx(truth["I"], rel=1e-12)
    assert ours["expected"] == pytest.approx(truth["E"], rel=1e-12)
    assert ours["variance_norm"] == pytest.approx(truth["var_norm"], rel=1e-12)
    assert ours["variance_rand"] == pytest.approx(truth["var_rand"], rel=1e-12)
    assert ours["p_value"] == ours["p_rand"]


def test_moran_of_chinese_cities(lights):
    panel, w, facts = lights
    ours = nq.esda.moran(panel, "light", w, seed=0).frame
    for year in (2001, 2012, 2013, 2020):
        truth, row = facts[f"moran_log_meanlight_{year}"], ours.loc[year]
        assert row["moran_i"] == pytest.approx(truth["I"], rel=1e-10)
        assert row["expected"] == pytest.approx(truth["EI"], rel=1e-10)
        for kind in ("norm", "rand"):
            variance, z = truth[f"VI_{kind}"], truth[f"z_{kind}"]
            assert row[f"variance_{kind}"] == pytest.approx(variance, rel=1e-9)
            assert row[f"z_{kind}"] == pytest.approx(z, rel=1e-9)
            assert row[f"p_{kind}"] == pytest.approx(truth[f"p_{kind}"], rel=1e-6)
        assert row["p_value"] == truth["p_sim_999_seed12345"] == 0.001


def test_moran_by_brute_force_on_asymmetric_unstandardised_weights(neighbours):
    w = neighbours(30, 4, seed=3, standardize="none")
    values = np.random.default_rng(0).gamma(2.0, size=(30, 3))
    frame = pd.DataFrame(values, columns=[1, 2, 3]).melt(ignore_index=False, value_name="x")
    panel = nq.SpatialPanel(frame.reset_index(), unit="index", period="variable")
    ours = nq.esda.moran(panel, "x", w, permutations=0)
    dense = w.sparse.toarray()
    for t, period in enumerate(panel.periods):
        z = values[:, t] - values[:, t].mean()
        top = sum(dense[i, j] * z[i] * z[j] for i in range(30) for j in range(30))
        assert ours.frame.loc[period, "moran_i"] == pytest.approx(30 / dense.sum() * top / (z @ z))
        np.testing.assert_allclose(ours.lag[period], dense @ values[:, t])
        theirs = esda.Moran(values[:, t], w.graph, transformation="o", permutations=0)
        assert ours.frame.loc[period, "variance_rand"] == pytest.approx(theirs.VI_rand)


def test_moments_and_p_values_are_those_of_all_relocations(lattice):
    """All 720 places of six units: mean, variance under randomisation, exact tail."""
    from itertools import permutations as arrangements

    w = lattice(2, 3)
    values = np.array([1.0, 2.0, 4.0, 3.0, 9.0, 2.5])
    z = values - values.mean()
    every = np.array(
        [
            6 / w.sparse.sum() * (m @ (w.sparse @ m)) / (m @ m)
            for m in (z[list(order)] for order in arrangements(range(6)))
        ]
    )
    ours = nq.esda.moran(
        cross_section(values), "x", w, permutations=9999, seed=4, alternative="greater"
    ).frame.iloc[0]
    assert ours["expected"] == pytest.approx(every.mean())
    assert ours["variance_rand"] == pytest.approx(every.var())
    exact = (every >= ours["moran_i"] - 1e-12).mean()
    assert ours["p_value"] == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999))


def test_moran_permutation_moments_equal_the_closed_form(field):
    """The scale of the permuted statistics is that of the observed one."""
    panel, w = field
    ours = nq.esda.moran(panel, "x", w, permutations=0).frame.iloc[0]
    greater, directed, two_sided = (
        nq.esda.moran(panel, "x", w, permutations=1999, seed=1, alternative=a).frame["p_value"][0]
        for a in ("greater", "directed", "two-sided")
    )
    assert greater == directed == two_sided / 2
    assert greater == pytest.approx(stats.norm.sf(ours["z_rand"]), abs=0.01)


def test_why_esdas_moran_is_replaced(field):
    """It re-standardises the caller's W, and its permutations cannot be seeded but globally."""
    panel, w = field
    given_w = w.standardize("none").to_W()
    assert given_w.transform == "O"
    esda.Moran(panel.values("x")[:, 0], given_w, permutations=0)
    assert given_w.transform == "R"
    np.random.seed(1)  # noqa: NPY002 (the global state is the point)
    esda.Moran(panel.values("x")[:, 0], w.graph, permutations=9)
    state = np.random.rand()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert state != np.random.rand()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    ours = w.standardize("none").to_W()
    nq.esda.moran(panel, "x", ours, permutations=9, seed=0)
    nq.esda.lisa(panel, "x", ours, permutations=9, seed=0)
    assert ours.transform == "O"
    assert state != np.random.rand()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    first = np.random.rand()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    nq.esda.lisa(panel, "x", w, permutations=9)
    assert np.random.rand() == first  # noqa: NPY002


# -- local -----------------------------------------------------------------------------------------


def test_lisa_equals_esda_to_the_draw(field, neighbours):
    panel, w = field
    for weights in (w, w.standardize("none"), neighbours(72, 5)):
        ours = nq.esda.lisa(panel, "x", weights, permutations=199, seed=7).frame
        theirs = theirs_local(
            panel.values("x")[:, 0], weights.graph, permutations=199, seed=7
        )  # fmt: skip
        np.testing.assert_allclose(ours["local_i"], theirs.Is, rtol=1e-10)
        np.testing.assert_allclose(ours["p_value"], theirs.p_sim, rtol=1e-12)
        names = {1: "High-High", 2: "Low-High", 3: "Low-Low", 4: "High-Low"}
        assert ours["quadrant"].tolist() == [names[q] for q in theirs.q]


def test_lisa_of_chinese_cities(lights):
    panel, w, facts = lights
    for year in (2012, 2020):
        truth = facts[f"lisa_log_meanlight_{year}"]
        ours = nq.esda.lisa(panel, "light", w, period=year, seed=12345)
        assert ours.counts["High-High"] == truth["count_HH"]
        assert ours.counts["Low-Low"] == truth["count_LL"]
        assert ours.counts["High-Low"] == truth["count_HL"]
        assert ours.counts["Low-High"] == truth["count_LH"]
        quadrants = ours.frame["quadrant"].value_counts()
        for short, name in [("HH", "High-High"), ("LL", "Low-Low"), ("HL", "High-Low")]:
            assert quadrants[name] == truth["quadrant_counts_all"][short]
        mean = ours.frame["local_i"].sum() / (332 - 1)
        assert mean == pytest.approx(truth["sum_Is_over_n_minus_1"], rel=1e-10)
        assert ours.moran_i == pytest.approx(mean, rel=1e-12)


def test_lisa_p_values_by_brute_force(field):
    panel, w = field
    ours = nq.esda.lisa(panel, "x", w, permutations=99, seed=5).frame
    draws = vec_permutations(int(np.diff(w.sparse.indptr).max()), 72, 99, 5)
    z = panel.values("x")[:, 0] - panel.values("x").mean()
    for i, unit in enumerate(panel.units):
        others, row = np.delete(z, i), w.sparse[[i]].toarray().ravel()
        weights = row[row > 0]
        lags = np.array([weights @ others[places[: len(weights)]] for places in draws])
        above = (z[i] * lags >= z[i] * (row @ z)).sum()
        below = (z[i] * lags <= z[i] * (row @ z)).sum()
        assert ours.loc[unit, "p_value"] == pytest.approx((1 + min(above, below)) / 100)


def test_ties_are_not_significance(lattice):
    """Three events on 400 cells: a cell with quiet neighbours is as ordinary as can be.

    esda counts ties on one side only and calls most cells significant.
    """
    w = lattice(20, 20)
    values = np.zeros(400)
    values[[45, 210, 333]] = 1.0
    panel = cross_section(values)
    ours = nq.esda.lisa(panel, "x", w, permutations=999, seed=3)
    theirs = theirs_local(values, w.graph, permutations=999, seed=3)
    assert (theirs.p_sim <= 0.05).sum() > 100
    quiet = (values == 0) & (w.sparse @ values == 0)
    assert (ours.frame["p_value"][quiet] > 0.9).all()
    assert ours.counts["Not significant"] > 350


def test_false_discovery_rate(field):
    panel, w = field
    plain = nq.esda.lisa(panel, "x", w, permutations=1999, seed=1)
    fdr = nq.esda.lisa(panel, "x", w, permutations=1999, seed=1, fdr=True)
    p = plain.frame["p_value"].to_numpy()
    # By definition: the largest k with p_(k) <= k alpha / n, and all up to it.
    ranked = np.sort(p)
    passed = np.flatnonzero(ranked < np.arange(1, 73) * 0.05 / 72)
    cut = ranked[passed[-1]] if len(passed) else 0
    result = fdr.frame["cluster"] != "Not significant"
    assert result.tolist() == (p <= cut).tolist()
    assert 0 < result.sum() < (plain.frame["cluster"] != "Not significant").sum()
    assert "false discovery rate" in fdr.criterion()
    few = nq.esda.lisa(panel, "x", w, permutations=99, seed=1, fdr=True)
    assert "use 1440 permutations" in few.notes[0]


def test_islands_are_named_and_in_no_cluster():
    edges = pd.DataFrame({"focal": [0, 1, 1, 2, 2, 3], "neighbor": [1, 0, 2, 1, 3, 2]})
    w = nq.weights.from_edges(edges, units=range(5), islands="keep", standardize="row")
    ours = nq.esda.lisa(cross_section([1, 2, 3, 4, 9]), "x", w, permutations=99, seed=0, fdr=True)
    last = ours.frame.loc[4]
    assert last["cluster"] == "No neighbours"
    assert last[["lag", "local_i", "p_value", "quadrant", "q_value"]].isna().all()
    assert "1 units have no neighbours: 4" in ours.notes[0]
    assert ours.counts.sum() == 5
    assert "4" in nq.esda.moran(cross_section([1, 2, 3, 4, 9]), "x", w, permutations=9).notes[0]


@pytest.mark.parametrize("alternative", ["directed", "two-sided", "greater"])
def test_level_without_association(lattice, alternative):
    """Over 200 fields of noise, p-values at or below 0.05 come as often as they should."""
    w = lattice(8, 8)
    rng = np.random.default_rng(9)
    values = rng.normal(size=(64, 200))
    frame = pd.DataFrame(values).melt(ignore_index=False, value_name="x").reset_index()
    panel = nq.SpatialPanel(frame, unit="index", period="variable")
    p = nq.esda.moran(panel, "x", w, permutations=199, seed=0, alternative=alternative).frame
    rate = (p["p_value"] <= 0.05).mean()
    awaited = 0.1 if alternative == "directed" else 0.05
    assert abs(rate - awaited) < 3 * np.sqrt(awaited * (1 - awaited) / 200)


# -- properties ------------------------------------------------------------------------------------


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 1000))
def test_order_of_rows_does_not_matter_and_nothing_is_changed(lattice, seed):
    w = lattice(5, 5)
    rng = np.random.default_rng(seed)
    panel = cross_section(rng.normal(size=25))
    before, links = panel.frame.copy(deep=True), w.sparse.copy()
    ours = nq.esda.lisa(panel, "x", w, permutations=49, seed=seed)
    shuffled = nq.SpatialPanel(
        panel.frame.sample(frac=1, random_state=seed).reset_index(), unit="unit", period="period"
    )
    mixed = w.reordered(w.units[rng.permutation(25)])
    again = nq.esda.lisa(shuffled, "x", mixed, permutations=49, seed=seed, n_jobs=2)
    pd.testing.assert_frame_equal(ours.frame, again.frame)
    first = nq.esda.moran(panel, "x", w, permutations=49, seed=seed).frame
    two = nq.esda.moran(shuffled, "x", mixed, permutations=49, seed=seed, n_jobs=2).frame
    pd.testing.assert_frame_equal(first, two)
    pd.testing.assert_frame_equal(panel.frame, before)
    assert (w.sparse != links).nnz == 0


def test_libpysal_weights_serve_as_well(field):
    panel, w = field
    for other in (w.graph, w.to_W()):
        ours = nq.esda.lisa(panel, "x", other, permutations=19, seed=0).frame
        expected = nq.esda.lisa(panel, "x", w, permutations=19, seed=0).frame
        pd.testing.assert_frame_equal(ours, expected)


def test_representations(field):
    panel, w = field
    ours = nq.esda.lisa(panel, "x", w, permutations=19, seed=0)
    assert "p < 0.05, 19 permutations, seed 0" in repr(ours)
    assert "<table" in ours._repr_html_()
    result = nq.esda.moran(panel, "x", w, permutations=19, seed=0)
    assert "19 permutations, seed 0, directed (smaller tail)" in repr(result)
    assert "<table" in result._repr_html_()


# -- errors ----------------------------------------------------------------------------------------


def test_errors(field, lattice):
    panel, w = field
    for function in (nq.esda.moran, nq.esda.lisa):
        with pytest.raises(OptionError, match="permutations must be a whole number"):
            function(panel, "x", w, permutations=-1)
        with pytest.raises(OptionError, match="alternative must be"):
            function(panel, "x", w, alternative="less")
        with pytest.raises(DomainError, match="'x' is constant in period 0"):
            function(cross_section(np.full(72, 0.1)), "x", w)
        with pytest.raises(MissingValuesError, match="unit 3, period 0"):
            function(panel.assign(x=lambda d: d["x"].where(np.arange(72) != 3)), "x", w)
        with pytest.raises(UnmatchedIdsError, match="ids of panel and weights differ"):
            function(panel, "x", lattice(9, 9))
        with pytest.raises(PanelError, match="four units or more"):
            function(cross_section([1, 2, 3]), "x", lattice(1, 3))
    with pytest.raises(OptionError, match="ask for 99 or more"):
        nq.esda.lisa(panel, "x", w, permutations=0)
    with pytest.raises(OptionError, match="alpha must be a number between 0 and 1"):
        nq.esda.lisa(panel, "x", w, alpha=5)
    with pytest.raises(PanelError, match="the panel has no period 2020"):
        nq.esda.lisa(panel, "x", w, period=2020)
    many = nq.datasets.us_income()
    with pytest.raises(PanelError, match="81 periods: name one, as in period=2009"):
        nq.esda.lisa(many, "income", nq.weights.contiguity(many))
    none = nq.weights.from_edges(
        pd.DataFrame({"focal": [], "neighbor": []}), units=range(72), islands="keep"
    )
    with pytest.raises(WeightsError, match="no unit has a neighbour"):
        nq.esda.lisa(panel, "x", none)
