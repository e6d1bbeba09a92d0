"""Moran's I by brute force, by spdep, by all relocations; moments and p-values."""

from __future__ import annotations

import esda
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nqp_spatial as nq
from nqp_spatial.errors import DomainError, PanelError
from nqp_spatial.esda import _global
from nqp_spatial.esda._global import Form, Relocated
from tests.esda.panels import cross_section, orders_of, panel_of, ring, weights_of
from tests.parity import agree


@pytest.mark.parity
def test_moran_equals_spdep(columbus, reference):
    panel, w = columbus
    truth = reference("columbus")["moran_CRIME"]
    ours = nq.esda.moran(panel, "CRIME", w, permutations=0).frame.iloc[0]
    other = {"program": "spdep", "version": reference("columbus")["meta"]["spdep"]}
    for name, key in [
        ("moran_i", "I"), ("expected", "E"), ("variance_norm", "var_norm"),
        ("variance_rand", "var_rand"),
    ]:  # fmt: skip
        agree(f"Moran's I: {name}", ours[name], truth[key], rtol=1e-12, data="Columbus", **other)
    assert ours["p_value"] == ours["p_rand"]


@pytest.mark.parity
def test_moran_of_chinese_cities(lights):
    panel, w, facts = lights
    ours = nq.esda.moran(panel, "light", w, seed=0).frame
    for year in (2001, 2012, 2013, 2020):
        truth, row = facts[f"moran_log_meanlight_{year}"], ours.loc[year]
        other = {"program": "esda", "data": "Chinese night light", "case": str(year)}
        other["version"] = facts["_meta"]["esda"]
        agree("Moran's I: moran_i", row["moran_i"], truth["I"], rtol=1e-10, **other)
        agree("Moran's I: expected", row["expected"], truth["EI"], rtol=1e-10, **other)
        for kind in ("norm", "rand"):
            for name, key, rtol in (("variance", "VI", 1e-9), ("z", "z", 1e-9), ("p", "p", 1e-6)):
                name, value = f"{name}_{kind}", truth[f"{key}_{kind}"]
                agree(f"Moran's I: {name}", row[name], value, rtol=rtol, **other)
        assert row["p_value"] == truth["p_sim_999_seed12345"] == 0.001


@pytest.mark.parity
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
        agree(
            "Moran's I: variance_rand", ours.frame.loc[period, "variance_rand"], theirs.VI_rand,
            rtol=1e-6, program="esda", data="30 points, asymmetric W",
            case=str(period),
        )  # fmt: skip


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


def test_moments_of_moran_written_out():
    """Cliff and Ord's variances, sums over pairs; an asymmetric W of unequal weights."""
    rng = np.random.default_rng(0)
    n = 9
    W = rng.random((n, n)) * (rng.random((n, n)) < 0.5)
    np.fill_diagonal(W, 0)
    W[np.arange(n), (np.arange(n) + 1) % n] += 0.1
    values = rng.gamma(1.0, size=(n, 2))
    result = nq.esda.moran(panel_of(values), "x", weights_of(W), permutations=0).frame
    s0 = W.sum()
    s1 = sum((W[i, j] + W[j, i]) ** 2 for i in range(n) for j in range(n)) / 2
    s2 = sum((W[i].sum() + W[:, i].sum()) ** 2 for i in range(n))
    for t in (0, 1):
        z = values[:, t] - values[:, t].mean()
        i = n / s0 * (z @ W @ z) / (z @ z)
        b2 = (z**4).mean() / (z**2).mean() ** 2
        norm = (n * n * s1 - n * s2 + 3 * s0**2) / ((n * n - 1) * s0**2) - 1 / (n - 1) ** 2
        rand = (
            n * ((n * n - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
            - b2 * ((n * n - n) * s1 - 2 * n * s2 + 6 * s0**2)
        ) / ((n - 1) * (n - 2) * (n - 3) * s0**2) - 1 / (n - 1) ** 2
        row = result.loc[t]
        assert row["moran_i"] == pytest.approx(i)
        assert row["expected"] == pytest.approx(-1 / 8)
        for name, variance in (("norm", norm), ("rand", rand)):
            score = (i + 1 / 8) / np.sqrt(variance)
            assert row[f"variance_{name}"] == pytest.approx(variance)
            assert row[f"z_{name}"] == pytest.approx(score)
            assert row[f"p_{name}"] == pytest.approx(2 * (1 - stats.norm.cdf(abs(score))))


def test_batches_of_relocations_are_all_there(monkeypatch):
    """Many small batches: as many relocations as asked, each a rearrangement of the units."""
    values = np.random.default_rng(1).normal(size=(12, 2))
    w = weights_of(ring(12, 2))
    matrix, z = w.sparse, values - values.mean(axis=0)

    def draws_of(permutations):
        return Relocated(permutations, 5, "greater").draws(Form(np.ones(2), matrix=matrix), z)

    monkeypatch.setattr(_global, "BATCH_CELLS", 24 * 8)
    draws = draws_of(43)
    orders = orders_of(12, 43, 5)
    assert (np.sort(orders, axis=1) == np.arange(12)).all()
    assert len(np.unique(orders, axis=0)) == 43
    expected = [[z[o, t] @ (matrix @ z[o, t]) for t in (0, 1)] for o in orders]
    np.testing.assert_allclose(draws, expected)
    monkeypatch.setattr(_global, "BATCH_CELLS", 10)  # less than one relocation
    assert draws_of(3).shape == (3, 2)
    np.testing.assert_array_equal(draws_of(3), draws[:3])
    result = nq.esda.moran(panel_of(values), "x", w, permutations=1, seed=0).frame
    assert set(result["p_value"]) <= {0.5, 1.0}


def test_ties_count_on_both_sides():
    """On a complete graph every arrangement gives the same I, -1 / (n - 1)."""
    values = np.random.default_rng(2).normal(size=8)
    W = np.ones((8, 8)) - np.eye(8)
    for alternative in ("greater", "directed", "two-sided"):
        result = nq.esda.moran(
            panel_of(values), "x", weights_of(W), permutations=19, seed=0, alternative=alternative
        ).frame
        assert result.loc[0, "moran_i"] == pytest.approx(-1 / 7)
        assert result.loc[0, "p_value"] == 1.0


def test_four_units_are_enough():
    result = nq.esda.moran(panel_of([1, 2, 3, 5]), "x", weights_of(ring(4)), permutations=9, seed=0)
    assert np.isfinite(result.frame["p_value"]).all()
    with pytest.raises(PanelError):
        nq.esda.moran(panel_of([1, 2, 3]), "x", weights_of(ring(3)), permutations=9)


def test_constant_up_to_rounding():
    """A constant in one period only is found; small variation on a high level is not refused."""
    values = np.random.default_rng(3).normal(size=(6, 2))
    values[:, 1] = 0.1 * 3
    with pytest.raises(DomainError, match="period 1"):
        nq.esda.moran(panel_of(values), "x", weights_of(ring(6)))
    values[:, 1] = 1e6 + np.arange(6)
    w = weights_of(ring(6))
    high = nq.esda.moran(panel_of(values), "x", w, permutations=0).frame.loc[1, "moran_i"]
    low = nq.esda.moran(panel_of(np.arange(6.0)), "x", w, permutations=0).frame.loc[0, "moran_i"]
    assert high == pytest.approx(low)
