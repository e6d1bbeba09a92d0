"""What holds for several statistics: islands, order of rows, representations, errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nqp_spatial as nq
from nqp_spatial.errors import (
    DomainError,
    MissingValuesError,
    OptionError,
    PanelError,
    UnmatchedIdsError,
    WeightsError,
)
from tests.esda.panels import cross_section


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


def test_representations(field):
    panel, w = field
    ours = nq.esda.lisa(panel, "x", w, permutations=19, seed=0)
    assert "p < 0.05, 19 permutations, seed 0" in repr(ours)
    assert "<table" in ours._repr_html_()
    result = nq.esda.moran(panel, "x", w, permutations=19, seed=0)
    assert "19 permutations, seed 0, directed (smaller tail)" in repr(result)
    assert "<table" in result._repr_html_()


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
