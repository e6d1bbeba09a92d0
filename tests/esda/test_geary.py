"""Geary's c, global and local, by esda and by brute force."""

from __future__ import annotations

import warnings
from itertools import permutations as orders

import esda
import numpy as np
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from tests.esda.panels import cross_section, panel_of, ring, weights_of
from tests.parity import agree


def geary_by_loops(x, W):
    n = len(x)
    squares = sum(W[i, j] * (x[i] - x[j]) ** 2 for i in range(n) for j in range(n))
    return (n - 1) / (2 * W.sum()) * squares / ((x - x.mean()) ** 2).sum()


@pytest.mark.parity
def test_equals_esda(field):
    panel, w = field
    for weights, transformation in ((w, "r"), (w.standardize("none"), "b")):
        ours = nq.esda.geary(panel, "x", weights, permutations=0).frame.iloc[0]
        theirs = esda.Geary(
            panel.values("x")[:, 0], w.standardize("none").to_W(),
            transformation=transformation, permutations=0,
        )  # fmt: skip
        other = {
            "program": "esda", "data": "field, 9 x 8 lattice", "case": transformation,
            "rtol": 1e-12,
        }  # fmt: skip
        agree("Geary's c: geary_c", ours["geary_c"], theirs.C, **other)
        agree("Geary's c: variance_norm", ours["variance_norm"], theirs.VC_norm, **other)
        agree("Geary's c: variance_rand", ours["variance_rand"], theirs.VC_rand, **other)
        agree("Geary's c: z_rand", ours["z_rand"], -theirs.z_rand, **other)


def test_moments_over_all_arrangements():
    """Mean and variance under randomisation, of all 720 arrangements of six values."""
    rng = np.random.default_rng(0)
    W = rng.uniform(size=(6, 6)) * (rng.uniform(size=(6, 6)) < 0.6)
    np.fill_diagonal(W, 0)
    W[0, 1] = 0.7
    x = rng.exponential(size=6)
    values = [geary_by_loops(np.array(order), W) for order in orders(x)]
    frame = nq.esda.geary(
        panel_of(x), "x", weights_of(W, islands="keep"), permutations=999, seed=0
    ).frame  # fmt: skip
    assert np.mean(values) == pytest.approx(1)
    assert frame["geary_c"].iloc[0] == pytest.approx(geary_by_loops(x, W))
    assert frame["variance_rand"].iloc[0] == pytest.approx(np.var(values))
    below = np.mean(np.array(values) <= values[0] + 1e-12)
    expected = min(below, np.mean(np.array(values) >= values[0] - 1e-12))
    assert frame["p_value"].iloc[0] == pytest.approx(expected, abs=0.05)


def test_greater_is_the_tail_of_clustering(field):
    panel, w = field
    result = nq.esda.geary(panel, "x", w, alternative="greater", seed=0)
    assert result.frame["geary_c"].iloc[0] < 1
    assert result.frame["p_value"].iloc[0] == 0.001
    assert (
        nq.esda.moran(panel, "x", w, alternative="greater", seed=0).frame["p_value"].iloc[0]
        == 0.001
    )
    test = next(iter(result.tests.values()))
    assert test.statistic == result.frame["geary_c"].iloc[0]


def test_permutations_are_the_same_for_any_number_of_workers():
    values = np.random.default_rng(7).normal(size=(30, 3))
    w = weights_of(ring(30, 2))
    first = nq.esda.geary(panel_of(values), "x", w, seed=1)
    second = nq.esda.geary(panel_of(values), "x", w, seed=1, n_jobs=2)
    np.testing.assert_array_equal(first.frame, second.frame)
    alone = nq.esda.geary(panel_of(values[:, 1]), "x", w, permutations=0).frame
    np.testing.assert_allclose(first.frame["geary_c"].iloc[1], alone["geary_c"].iloc[0])


@pytest.mark.parity
def test_local_equals_esda_to_the_draw(field):
    """esda has no seed here, but draws one from the global state."""
    panel, w = field
    np.random.seed(3)  # noqa: NPY002
    seed = np.random.randint(12345, 12345000)  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = esda.Geary_Local(
            connectivity=w.standardize("none").to_W(), permutations=199, n_jobs=1
        ).fit(panel.values("x")[:, 0])
    ours = nq.esda.local_geary(panel, "x", w, permutations=199, seed=int(seed)).frame
    other = {"program": "esda", "data": "field, 9 x 8 lattice"}
    agree("Local Geary's c", ours["local_c"], theirs.localG, rtol=1e-9, **other)
    single = "esda's p-values have single precision"
    agree(
        "Local Geary's c: p_value", ours["p_value"], theirs.p_sim, rtol=1e-6, reason=single, **other
    )


def test_local_written_out():
    """Statistic, expectation over all choices of neighbours, and classes, unit by unit."""
    rng = np.random.default_rng(4)
    W = ring(15, 3) * rng.uniform(0.5, 2, (15, 15))
    x = rng.normal(size=15)
    result = nq.esda.local_geary(panel_of(x), "x", weights_of(W), permutations=19, alpha=0.99)
    z = (x - x.mean()) / x.std()
    for i, row in result.frame.iterrows():
        c = sum(W[i, j] * (z[i] - z[j]) ** 2 for j in range(15))
        expected = W[i].sum() * np.mean([(z[i] - z[j]) ** 2 for j in range(15) if j != i])
        assert row["local_c"] == pytest.approx(c)
        assert row["expected"] == pytest.approx(expected)
        if row["cluster"] == "Not significant":
            continue
        lag = W[i] @ z
        if c > expected:
            kind = "Dissimilar"
        elif z[i] > 0 and lag > 0:
            kind = "High-High"
        else:
            kind = "Low-Low" if z[i] <= 0 and lag <= 0 else "Other similar"
        assert row["cluster"] == kind
    assert set(result.frame["cluster"]) >= {"Dissimilar", "High-High", "Low-Low"}


def test_ties_are_not_significance(lattice):
    w = lattice(20, 20)
    values = np.zeros(400)
    values[[45, 210, 333]] = 1.0
    ours = nq.esda.local_geary(cross_section(values), "x", w, seed=3)
    quiet = (values == 0) & (w.sparse @ values == 0)
    assert (ours.frame["p_value"][quiet] > 0.9).all()


def test_islands_and_options():
    W = ring(20, 2)
    W[3] = 0
    panel = panel_of(np.random.default_rng(8).normal(size=20))
    w = weights_of(W, islands="keep")
    result = nq.esda.local_geary(panel, "x", w, permutations=99, fdr=True)
    assert result.frame.loc[3, "cluster"] == "No neighbours"
    assert result.frame.loc[3, ["lag", "local_c", "expected", "p_value", "q_value"]].isna().all()
    assert len(result.notes) == 2
    with pytest.raises(OptionError, match="ask for 99 or more"):
        nq.esda.local_geary(panel, "x", w, permutations=0)
