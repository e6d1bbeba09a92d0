"""Association of two variables, and of changes, by esda and by brute force."""

from __future__ import annotations

from itertools import permutations

import esda
import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import DomainError, OptionError
from tests.esda.panels import cross_section, ring, weights_of
from tests.parity import agree


@pytest.fixture
def pair(field):
    panel, w = field
    noise = np.random.default_rng(5).normal(size=72)
    return cross_section(panel.values("x")[:, 0], z=noise + 0.5 * panel.values("x")[:, 0]), w


@pytest.mark.parity
def test_global_equals_esda(pair):
    panel, w = pair
    frame = nq.esda.bivariate_moran(panel, "x", "z", w, permutations=999, seed=0).frame
    x, z = (panel.values(name)[:, 0] for name in "xz")
    np.random.seed(4)  # noqa: NPY002 (esda draws from the global state)
    theirs = esda.Moran_BV(x, z, w.standardize("none").to_W(), permutations=4999)
    row = frame.iloc[0]
    other = {"program": "esda", "data": "field, 9 x 8 lattice"}
    agree("Bivariate Moran's I", row["moran_i"], theirs.I, rtol=1e-12, **other)
    agree(
        "Bivariate Moran's I: standard deviation", np.sqrt(row["variance_rand"]), theirs.seI_sim,
        rtol=0.05, reason="ours is exact over all relocations, esda's that of 4999 draws", **other,
    )  # fmt: skip
    assert row["expected"] == 0
    assert theirs.EI_sim == pytest.approx(0, abs=4 * theirs.seI_sim / np.sqrt(4999))
    assert row["p_value"] <= 0.01
    one = nq.esda.bivariate_moran(panel, "x", "z", w, permutations=0).frame.iloc[0]
    assert one["p_value"] == one["p_rand"]


def test_variance_over_all_arrangements():
    rng = np.random.default_rng(0)
    W = rng.uniform(size=(6, 6)) * (1 - np.eye(6))
    x, z = rng.normal(size=6), rng.exponential(size=6)
    panel = cross_section(x, z=z)
    x, values = x - x.mean(), []
    for order in permutations(z - z.mean()):
        values.append(6 / W.sum() * (x @ W @ order) / np.sqrt((x @ x) * (np.array(order) @ order)))
    row = nq.esda.bivariate_moran(panel, "x", "z", weights_of(W), permutations=0).frame.iloc[0]
    assert row["moran_i"] == pytest.approx(values[0])
    assert row["variance_rand"] == pytest.approx(np.var(values))
    assert np.mean(values) == pytest.approx(0, abs=1e-12)


def test_directions_differ():
    """I of x and neighbours' z is not I of z and neighbours' x where W is not symmetric."""
    rng = np.random.default_rng(2)
    x, z = rng.normal(size=(2, 20))
    panel, w = cross_section(x, z=z), weights_of(ring(20, 1))
    first = nq.esda.bivariate_moran(panel, "x", "z", w).frame["moran_i"].iloc[0]
    second = nq.esda.bivariate_moran(panel, "z", "x", w).frame["moran_i"].iloc[0]
    sd = x.std() * z.std() * 20
    assert first == pytest.approx((x - x.mean()) @ np.roll(z - z.mean(), -1) / sd)
    assert second == pytest.approx((z - z.mean()) @ np.roll(x - x.mean(), -1) / sd)


@pytest.mark.parity
def test_local_equals_esda_to_the_draw(pair):
    panel, w = pair
    x, z = (panel.values(name)[:, 0] for name in "xz")
    ours = nq.esda.bivariate_lisa(panel, "x", "z", w, permutations=199, seed=7)
    theirs = esda.Moran_Local_BV(
        x, z, w.standardize("none").to_W(), permutations=199, seed=7, n_jobs=1
    )
    other = {"program": "esda", "data": "field, 9 x 8 lattice"}
    agree("Bivariate local Moran", ours.frame["local_i"], theirs.Is, rtol=1e-10, **other)
    agree(
        "Bivariate local Moran: p_value", ours.frame["p_value"], theirs.p_sim, rtol=1e-6,
        reason="esda's p-values have single precision", **other,
    )  # fmt: skip
    names = {1: "High-High", 2: "Low-High", 3: "Low-Low", 4: "High-Low"}
    assert ours.frame["quadrant"].tolist() == [names[q] for q in theirs.q]
    np.testing.assert_array_equal(ours.frame["other_value"], z)
    np.testing.assert_allclose(ours.frame["lag"], w.sparse @ z)
    whole = nq.esda.bivariate_moran(panel, "x", "z", w).frame["moran_i"].iloc[0]
    assert ours.moran_i == pytest.approx(whole)
    assert (ours.name, ours.lag_label) == ("Bivariate local Moran", "z")


def test_a_variable_with_itself_is_refused(pair):
    panel, w = pair
    for function in (nq.esda.bivariate_lisa, nq.esda.bivariate_moran):
        with pytest.raises(OptionError, match="must differ"):
            function(panel, "x", "x", w)


def test_differential_is_lisa_of_the_change():
    panel = nq.datasets.us_income()
    w = nq.weights.contiguity(panel)
    result = nq.esda.differential_lisa(panel, "income", w, periods=(1929, 2009), seed=4)
    wide = panel.wide("income")
    change = panel.select(periods=[1929]).assign(
        change=lambda d: (wide[2009] - wide[1929]).reindex(d.index.get_level_values(0)).to_numpy()
    )
    expected = nq.esda.lisa(change, "change", w, seed=4)
    pd.testing.assert_frame_equal(result.frame, expected.frame)
    assert result.moran_i == expected.moran_i
    assert result.period == "1929 to 2009"
    backwards = nq.esda.differential_lisa(panel, "income", w, periods=(2009, 1929), seed=4)
    np.testing.assert_allclose(backwards.frame["value"], -result.frame["value"])
    np.testing.assert_allclose(backwards.frame["local_i"], result.frame["local_i"])


def test_changes_that_are_constant_or_none():
    panel = nq.datasets.us_income().assign(trend=lambda d: d.index.get_level_values(1) * 1.0)
    w = nq.weights.contiguity(panel)
    with pytest.raises(DomainError, match="the change of 'trend' is constant"):
        nq.esda.differential_lisa(panel, "trend", w, periods=(1929, 2009))
    with pytest.raises(OptionError, match="two different periods, both are 1929"):
        nq.esda.differential_lisa(panel, "income", w, periods=(1929, 1929))
