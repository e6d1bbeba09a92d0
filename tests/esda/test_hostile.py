"""Association of tiny, huge, constant and few values: exact, or refused by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import (
    DomainError,
    MissingValuesError,
    OptionError,
    PanelError,
    WeightsError,
)


@pytest.fixture(scope="module")
def panel():
    return nq.datasets.us_income().select(periods=[1929, 2009])


@pytest.fixture(scope="module")
def w(panel):
    return nq.weights.contiguity(panel)


def full(n, units):
    return nq.weights.from_dense(1 - np.eye(n), units, standardize="row")


@pytest.mark.parametrize("power", [-100, -40, 40, 100])
def test_scale_changes_no_digit(panel, w, power):
    """By powers of two, which are exact."""
    scaled = panel.assign(y=lambda d: np.ldexp(d["income"].astype(float), power))
    for permutations in (0, 19):
        first = nq.esda.moran(panel, "income", w, permutations=permutations, seed=0).frame
        other = nq.esda.moran(scaled, "y", w, permutations=permutations, seed=0).frame
        pd.testing.assert_frame_equal(first, other, check_exact=True)
    first = nq.esda.lisa(panel, "income", w, period=2009, permutations=19, seed=0)
    other = nq.esda.lisa(scaled, "y", w, period=2009, permutations=19, seed=0)
    columns = ["local_i", "p_value", "cluster"]
    pd.testing.assert_frame_equal(first.frame[columns], other.frame[columns], check_exact=True)
    pd.testing.assert_frame_equal(first.standardized, other.standardized, check_exact=True)
    assert first.moran_i == other.moran_i


@pytest.mark.parametrize("factor", [1e-160, 1e-300, 1e100, 1e300])
def test_values_whose_squares_have_no_numbers_are_refused(panel, w, factor):
    scaled = panel.assign(y=lambda d: d["income"] * factor)
    for run in (nq.esda.moran, nq.esda.lisa):
        options = {} if run is nq.esda.moran else {"period": 2009}
        with pytest.raises(DomainError, match="cannot be computed with"):
            run(scaled, "y", w, **options)


def test_constants_and_missing_values_are_refused(panel, w):
    for make in (lambda d: 1.0, lambda d: 1e-30, lambda d: 1 + 1e-15 * (np.arange(len(d)) % 2)):
        flat = panel.assign(y=make)
        with pytest.raises(DomainError, match="'y' is constant"):
            nq.esda.moran(flat, "y", w)
        with pytest.raises(DomainError, match="'y' is constant"):
            nq.esda.lisa(flat, "y", w, period=2009)
    gap = panel.assign(y=lambda d: d["income"].where(np.arange(len(d)) != 3))
    for run in (nq.esda.moran, nq.esda.lisa, nq.esda.join_counts):
        options = {} if run is nq.esda.moran else {"period": 2009}
        with pytest.raises(MissingValuesError):
            run(gap, "y", w, **options)
    mixed = panel.assign(
        y=lambda d: pd.Series([1, 1, "a", "a"] * (len(d) // 4), d.index, dtype=object)
    )
    with pytest.raises(DomainError, match="several types"):
        nq.esda.join_counts(mixed, "y", w, period=2009)


def test_few_units_and_no_links_are_refused(panel, w):
    panel = panel.select(periods=[2009]).assign(rich=lambda d: d["relative_income"] > 1)
    for count in (1, 3):
        few = panel.select(units=list(panel.units[:count]))
        links = nq.weights.from_dense(1 - np.eye(count), few.units, islands="keep")
        for run, column in (
            (nq.esda.moran, "income"), (nq.esda.lisa, "income"), (nq.esda.join_counts, "rich"),
        ):  # fmt: skip
            with pytest.raises((PanelError, WeightsError)):
                run(few, column, links)
    n = panel.n_units
    nobody = nq.weights.from_dense(np.zeros((n, n)), panel.units, islands="keep")
    for run, column in (
        (nq.esda.moran, "income"), (nq.esda.lisa, "income"), (nq.esda.join_counts, "rich"),
    ):  # fmt: skip
        with pytest.raises(WeightsError, match="no unit has a neighbour"):
            run(panel, column, nobody)


def test_where_everybody_is_a_neighbour_nothing_can_vary(panel):
    panel = panel.select(periods=[2009]).assign(rich=lambda d: d["relative_income"] > 1)
    n = panel.n_units
    w = full(n, panel.units)
    row = nq.esda.moran(panel, "income", w, permutations=0).frame.iloc[0]
    assert row["moran_i"] == pytest.approx(-1 / (n - 1))
    assert (row["z_rand"], row["p_rand"], row["z_norm"], row["p_value"]) == (0, 1, 0, 1)
    joins = nq.esda.join_counts(panel, "rich", w, permutations=0).frame
    assert (joins["std_dev"] == 0).all()
    assert (joins["z"] == 0).all()
    assert (joins["p_value"] == 1).all()


def test_without_permutations_p_values_are_normal(panel, w):
    panel = panel.select(periods=[2009]).assign(rich=lambda d: d["relative_income"] > 1)
    joins = nq.esda.join_counts(panel, "rich", w, permutations=0).frame
    np.testing.assert_array_equal(joins["p_value"], joins["p_normal"])
    assert joins["p_value"].between(0, 1).all()
    with pytest.raises(OptionError, match="ask for 99 or more"):
        nq.esda.lisa(panel, "income", w, permutations=0)
    for wrong in (-1, 2.5, 10**9):
        for run, column in (
            (nq.esda.moran, "income"), (nq.esda.lisa, "income"), (nq.esda.join_counts, "rich"),
        ):  # fmt: skip
            with pytest.raises(OptionError, match="permutations must be a whole number from 0 to"):
                run(panel, column, w, permutations=wrong)


def test_batches_of_permutations_are_one_stream(panel, w, monkeypatch):
    from nqp_spatial.esda import _global

    panel = panel.select(periods=[2009]).assign(rich=lambda d: d["relative_income"] > 1)
    together = nq.esda.join_counts(panel, "rich", w, permutations=50, seed=3).frame
    monkeypatch.setattr(_global, "BATCH_CELLS", 8 * panel.n_units)
    parts = nq.esda.join_counts(panel, "rich", w, permutations=50, seed=3).frame
    pd.testing.assert_frame_equal(together, parts, check_exact=True)
