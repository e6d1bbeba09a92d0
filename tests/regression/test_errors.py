"""Bad input is refused in words that say what came and what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import (
    AbsorbedRegressorError,
    BoundaryError,
    CollinearityError,
    DomainError,
    IslandError,
    MissingValuesError,
    OptionError,
    PanelError,
    UnbalancedPanelError,
    UnknownColumnError,
    UnmatchedIdsError,
)


@pytest.fixture
def small(lattice, simulate):
    w = lattice(4, 4)
    return simulate(w, 4), w


def test_missing_values_are_named(small):
    panel, w = small
    broken = panel.assign(x1=lambda d: d["x1"].where(d.index != (3, 2)))
    with pytest.raises(MissingValuesError, match=r"'x1' for unit 3, period 2.*panel\.balance"):
        nq.fit("y ~ x1 + x2", broken, w)
    assert nq.fit("y ~ x2", broken, w).nobs == 64  # a column that is not used does no harm


def test_unbalanced_panels_are_refused(small):
    panel, w = small
    frame = panel.frame.drop(index=(5, 1)).reset_index()
    open_panel = nq.SpatialPanel(frame, unit="unit", period="period", balanced=False)
    with pytest.raises(UnbalancedPanelError, match=r"1 of 64.*\(5, 1\)"):
        nq.fit("y ~ x1", open_panel, w)


def test_ids_of_weights_and_panel_must_match(small, lattice):
    panel, _ = small
    with pytest.raises(UnmatchedIdsError, match=r"only in weights \(16, 17.*panel\.select"):
        nq.fit("y ~ x1", panel, lattice(5, 4))
    frame = panel.frame.reset_index()
    text = nq.SpatialPanel(
        frame.assign(unit=frame["unit"].astype(str)), unit="unit", period="period"
    )
    with pytest.raises(UnmatchedIdsError, match="str on one side and int on the other"):
        nq.fit("y ~ x1", text, lattice(4, 4))


def test_an_island_in_standardised_weights_is_refused(small):
    from libpysal.graph import Graph

    panel, w = small
    dense = w.raw.toarray()
    dense[7] = 0
    frame = pd.DataFrame(dense, index=panel.units, columns=panel.units)
    with pytest.raises(IslandError, match=r"1 of 16 units have no neighbours: 7"):
        nq.weights.from_dense(frame)
    # A Graph or W may carry one unnoticed; a standardised one must not.
    rows = dense.sum(axis=1, keepdims=True)
    scaled = np.divide(dense, rows, out=np.zeros_like(dense), where=rows > 0)
    from scipy import sparse

    graph = Graph.from_sparse(sparse.coo_array(scaled), ids=panel.units)
    with pytest.raises(IslandError, match="have no neighbours: 7"):
        nq.fit("y ~ x1", panel, graph)
    weights = nq.weights.from_dense(frame, islands="keep", standardize="row")
    res = nq.fit("y ~ x1", panel, weights, effects="unit")
    assert "1 units have no neighbours" in " ".join(res.notes)


def test_collinear_regressors_are_named(small):
    panel, w = small
    more = panel.assign(x3=lambda d: d["x1"] - 2 * d["x2"])
    with pytest.raises(CollinearityError, match="'x3' is a linear combination of 'x1', 'x2'"):
        nq.fit("y ~ x1 + x2 + x3", more, w)


def test_absorbed_regressors_are_named(small):
    panel, w = small
    more = panel.assign(
        area=lambda d: d.index.get_level_values("unit").astype(float) ** 2,
        oil=lambda d: d.index.get_level_values("period").astype(float),
    )
    with pytest.raises(AbsorbedRegressorError, match="'area', 'W area' do not vary once unit"):
        nq.fit("y ~ x1 + area", more, w, effects="unit")
    with pytest.raises(AbsorbedRegressorError, match="'oil'"):
        nq.fit("y ~ x1 + oil", more, w, effects="two-way")
    assert nq.fit("y ~ x1 + area", more, w, effects="period").nobs == 64


def test_rho_at_the_edge(lattice):
    """Every unit has its neighbours' value: rho has no interior maximum."""
    w = lattice(4, 4)
    rng = np.random.default_rng(0)
    smooth = np.repeat(rng.normal(size=(1, 6)), 16, axis=0) + 1e-9 * rng.normal(size=(16, 6))
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(16), 6),
            "t": np.tile(np.arange(6), 16),
            "y": smooth.ravel(),
            "x": rng.normal(size=96),
        }
    )
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    with pytest.raises(BoundaryError, match="upper edge of its interval"):
        nq.fit("y ~ x", panel, w, model="sar", effects="unit")


def test_logarithms_of_what_is_not_positive(small):
    panel, w = small
    with pytest.raises(DomainError, match=r"np\.log\(x1\).*logarithms need positive values"):
        nq.fit("y ~ np.log(x1)", panel, w)


def test_formulas(small):
    panel, w = small
    with pytest.raises(UnknownColumnError, match=r"no column 'x9'; its columns are 'y', 'x1'"):
        nq.fit("y ~ x9", panel, w)
    with pytest.raises(OptionError, match="must read"):
        nq.fit("x1 + x2", panel, w)
    with pytest.raises(OptionError, match="shifts rows across units"):
        nq.fit("y ~ lag(x1)", panel, w)
    with pytest.raises(UnknownColumnError, match="durbin names 'x2'"):
        nq.fit("y ~ x1", panel, w, durbin="x2")
    with pytest.raises(OptionError, match="cannot be read"):
        nq.fit("y ~ x1 +", panel, w)


def test_durbin_subsets(small):
    panel, w = small
    for durbin in ("x1", ["x1"]):
        res = nq.fit("y ~ x1 + x2", panel, w, durbin=durbin)
        assert [name for block, name in res.params.index if block == "wx"] == ["x1"]
    joint = nq.fit("y ~ x1 + x2", panel, w, durbin="x2 + x1")
    assert [name for block, name in joint.params.index if block == "wx"] == ["x1", "x2"]


def test_options(small):
    panel, w = small
    with pytest.raises(OptionError, match="model must be one of 'ols', 'slx', 'sar', 'sem', 'sdm'"):
        nq.fit("y ~ x1", panel, w, model="durbin")
    with pytest.raises(OptionError, match="effects must be one of"):
        nq.fit("y ~ x1", panel, w, effects="twoways")
    with pytest.raises(OptionError, match="needs weights"):
        nq.fit("y ~ x1", panel)
    with pytest.raises(OptionError, match="weights must be SpatialWeights"):
        nq.fit("y ~ x1", panel, np.eye(16))
    with pytest.raises(PanelError, match="must be a SpatialPanel, got DataFrame"):
        nq.fit("y ~ x1", panel.frame, w)
    with pytest.raises(OptionError, match="needs more than one period"):
        nq.fit("y ~ x1", panel.select(periods=[0]), w)


def test_the_transformation_needs_rows_that_add_to_one(small):
    panel, w = small
    spectral = w.standardize("spectral")
    with pytest.raises(OptionError, match=r"standardize\('row'\)"):
        nq.fit("y ~ x1", panel, spectral, correction="transformation")
    res = nq.fit("y ~ x1", panel, spectral)
    assert res.spec.correction == "bias"
    assert "do not add to one" in res.notes[0]


def test_no_degrees_of_freedom(lattice, simulate):
    panel = simulate(lattice(2, 2), 2)
    with pytest.raises((PanelError, CollinearityError)):
        nq.fit("y ~ x1 + x2", panel, lattice(2, 2), model="slx")


def test_gaps_are_named_with_what_each_way_out_leaves(states):
    """The message of a panel with gaps, and the panel that each of its choices makes."""
    panel, w = states
    gone = np.arange(len(panel.frame)) % 100 == 0
    holes = panel.assign(lpc=panel.frame["lpc"].where(~gone))
    with pytest.raises(MissingValuesError) as caught:
        nq.fit("lgsp ~ lpc", holes, w)
    words = str(caught.value)
    assert "9 cells, (unit, period) ('AL', 1970), ('CT', 1985)" in words
    units = holes.balance(how="drop-units", columns=["lpc"])
    periods = holes.balance(how="drop-periods", columns=["lpc"])
    assert f"leaves {units.n_units} of 48 units" in words
    assert f"leaves {periods.n_periods} of 17 periods" in words
    assert "by dropping 9 of 48 units" in units.notes[-1]
    res = nq.fit("lgsp ~ lpc", units, w.subset(units.units).standardize("row"))
    assert res.nobs == 39 * 17
    frame = panel.frame.reset_index().iloc[5:]
    with pytest.raises(nq.errors.UnbalancedPanelError, match=r"leaves 47 of 48 units; .* 12 of 17"):
        nq.SpatialPanel(frame, unit="unit", period="period")
