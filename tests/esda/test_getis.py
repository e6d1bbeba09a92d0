"""Gi and Gi* by esda, by brute force and by hand."""

from __future__ import annotations

import esda
import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from tests.esda.panels import cross_section, panel_of, ring, weights_of
from tests.parity import agree, differ


@pytest.mark.parity
@pytest.mark.parametrize("star", [False, True])
def test_equals_esda_to_the_draw(field, star):
    panel, w = field
    ours = nq.esda.getis_ord(panel, "x", w, star=star, permutations=199, seed=7).frame
    theirs = esda.G_Local(
        panel.values("x")[:, 0], w.standardize("none").graph, transform="B", star=star,
        permutations=199, seed=7, n_jobs=1,
    )  # fmt: skip
    name = "Gi*" if star else "Gi"
    other = {"program": "esda", "data": "field, 9 x 8 lattice"}
    single = "esda's p-values have single precision"
    agree(f"{name}: z", ours["z"], theirs.Zs, rtol=1e-10, **other)
    agree(f"{name}: p_value", ours["p_value"], theirs.p_sim, rtol=1e-6, reason=single, **other)
    agree(f"{name}: p_normal", ours["p_normal"], 2 * theirs.p_norm, rtol=1e-10, **other)


@pytest.mark.parity
def test_why_esdas_scores_are_replaced(field):
    """A row times a constant is the same neighbourhood; esda's variance is that of binary weights.

    Its z of row-standardised weights are about a fifth of a standard deviation too small.
    """
    panel, w = field
    values = panel.values("x")[:, 0]
    binary = nq.esda.getis_ord(panel, "x", w.standardize("none"), star=False).frame["z"]
    rows = nq.esda.getis_ord(panel, "x", w, star=False).frame["z"]
    np.testing.assert_allclose(rows, binary, rtol=1e-10)
    theirs = esda.G_Local(values, w.graph, transform="R", star=False, permutations=0)
    assert np.abs(theirs.Zs - binary).max() > 0.1
    differ(
        "Gi: z, row-standardised W", rows, theirs.Zs, program="esda",
        data="field, 9 x 8 lattice",
        reason="esda takes the variance of binary weights for any weights",
    )  # fmt: skip


@pytest.mark.parametrize("star", [False, True])
def test_scores_written_out(star):
    """Unequal weights, by the equations of Ord and Getis (1995), unit by unit."""
    rng = np.random.default_rng(4)
    W = ring(15, 3) * rng.uniform(0.5, 2, (15, 15))
    x = rng.normal(10, 2, size=15)
    frame = nq.esda.getis_ord(panel_of(x), "x", weights_of(W), star=star, permutations=0).frame
    for i in range(15):
        row = W[i].copy()
        members = np.arange(15)
        if star:
            row[i] = W[i].max()
        else:
            members = np.delete(members, i)
        values, weights, size = x[members], row[members], len(members)
        mean, s = values.mean(), values.std()
        scale = (size * (weights**2).sum() - weights.sum() ** 2) / (size - 1)
        z = (weights @ values - weights.sum() * mean) / (s * np.sqrt(scale))
        assert frame["z"].iloc[i] == pytest.approx(z, rel=1e-10)
        assert frame["lag"].iloc[i] == pytest.approx(row @ x, rel=1e-12)


def test_scores_are_those_of_random_neighbours():
    """Mean zero and variance one over all choices of neighbours, here over many."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=40)
    scores = []
    for _ in range(400):
        W = np.zeros((40, 40))
        for i in range(40):
            W[i, rng.choice(np.delete(np.arange(40), i), 4, replace=False)] = 1
        w = weights_of(W)
        scores.append(nq.esda.getis_ord(panel_of(x), "x", w, star=False, permutations=0).frame["z"])
    scores = np.array(scores)
    assert np.abs(scores.mean(axis=0)).max() < 0.2
    np.testing.assert_allclose(scores.var(axis=0), 1, atol=0.3)
    assert scores.var() == pytest.approx(1, abs=0.02)


def test_a_planted_hot_spot(lattice):
    w = lattice(12, 12)
    row, column = np.divmod(np.arange(144), 12)
    values = np.random.default_rng(0).normal(size=144)
    hot = (row < 3) & (column < 3)
    cold = (row > 8) & (column > 8)
    panel = cross_section(values + 4.0 * hot - 4.0 * cold)
    result = nq.esda.getis_ord(panel, "x", w, seed=0, fdr=True)
    assert (result.frame["cluster"][hot] == "Hot spot").sum() >= 7
    assert (result.frame["cluster"][cold] == "Cold spot").sum() >= 7
    far = (row + column > 7) & (row + column < 15)
    assert (result.frame["cluster"][far] == "Not significant").all()
    assert result.name == "Getis-Ord Gi*"
    assert result.counts.index.tolist() == ["Hot spot", "Cold spot", "Not significant"]


def test_where_the_sum_cannot_vary():
    """All units are neighbours of each other: Gi* is the same for all."""
    x = np.random.default_rng(3).normal(size=8)
    w = weights_of(np.ones((8, 8)) - np.eye(8))
    frame = nq.esda.getis_ord(panel_of(x), "x", w, permutations=99).frame
    np.testing.assert_array_equal(frame["z"], 0.0)
    assert (frame["cluster"] == "Not significant").all()


def test_islands_and_permutations():
    W = ring(20, 2)
    W[3] = 0
    x = np.random.default_rng(8).normal(size=20)
    w = weights_of(W, islands="keep")
    for permutations in (0, 99):
        result = nq.esda.getis_ord(panel_of(x), "x", w, permutations=permutations, fdr=True)
        assert result.frame.loc[3, "cluster"] == "No neighbours"
        assert result.frame.loc[3, ["lag", "z", "p_value", "p_normal", "q_value"]].isna().all()
        assert result.frame.drop(index=3).notna().all(axis=None)
        assert "1 units have no neighbours: 3" in result.notes[0]
    plain = nq.esda.getis_ord(panel_of(x), "x", w, permutations=0)
    assert plain.criterion() == "p < 0.05, normal approximation"
    pd.testing.assert_series_equal(
        plain.frame["p_value"], plain.frame["p_normal"], check_names=False
    )
