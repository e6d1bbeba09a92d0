"""What must hold for any data: order of units, arguments untouched, effects that add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy import sparse

import nqp_spatial as nq
from nqp_spatial.errors import BoundaryError
from nqp_spatial.weights.spatial_weights import WeightsSpec, build


def fit(*arguments, **options):
    """Fit, where the data let: a dense W beside period effects can leave rho at the edge."""
    try:
        return nq.fit(*arguments, **options)
    except BoundaryError:
        assume(False)


SLOW = settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def random_weights(rng, n, standardize):
    matrix = rng.random((n, n)) * (rng.random((n, n)) < 0.3)
    matrix += np.roll(np.eye(n), 1, axis=1)  # nobody is an island
    np.fill_diagonal(matrix, 0)
    units = pd.Index([f"u{i:02d}" for i in range(n)])
    return build(
        sparse.csr_array(matrix), units, WeightsSpec("random"), standardize=standardize,
        islands="error",
    )  # fmt: skip


def random_panel(rng, w, periods):
    n = w.n_units
    x = rng.normal(size=(n, periods, 2))
    system = np.eye(n) - 0.3 * w.sparse.toarray()
    y = np.linalg.solve(system, x @ [1.0, 0.5] + rng.normal(size=(n, periods)))
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.asarray(w.units), periods),
            "t": np.tile(np.arange(periods), n),
            "y": y.ravel(),
            "x1": x[:, :, 0].ravel(),
            "x2": x[:, :, 1].ravel(),
        }
    )
    return frame


@SLOW
@given(
    seed=st.integers(0, 10_000),
    effects=st.sampled_from(["none", "unit", "period", "two-way"]),
    model=st.sampled_from(["slx", "sar", "sdm"]),
    standardize=st.sampled_from(["row", "spectral"]),
)
def test_order_of_rows_and_units_changes_nothing(seed, effects, model, standardize):
    rng = np.random.default_rng(seed)
    w = random_weights(rng, 15, standardize)
    frame = random_panel(rng, w, 4)
    before = frame.copy(deep=True)
    shuffled = frame.sample(frac=1, random_state=seed)
    order = w.units[rng.permutation(15)]
    matrix_before = w.sparse.toarray()
    first = fit(
        "y ~ x1 + x2", nq.SpatialPanel(frame, unit="id", period="t"), w,
        model=model, effects=effects,
    )  # fmt: skip
    two = fit(
        "y ~ x1 + x2", nq.SpatialPanel(shuffled, unit="id", period="t"), w.reordered(order),
        model=model, effects=effects,
    )  # fmt: skip
    np.testing.assert_allclose(two.params, first.params, rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(two.std_errors, first.std_errors, rtol=1e-8)
    pd.testing.assert_series_equal(two.resid, first.resid, rtol=1e-7, atol=1e-9)
    pd.testing.assert_frame_equal(frame, before)
    np.testing.assert_array_equal(w.sparse.toarray(), matrix_before)


@SLOW
@given(
    seed=st.integers(0, 10_000), standardize=st.sampled_from(["row", "spectral", "minmax", "none"])
)
def test_effects_add_up_and_equal_the_matrix(seed, standardize):
    rng = np.random.default_rng(seed)
    w = random_weights(rng, 15, standardize)
    panel = nq.SpatialPanel(random_panel(rng, w, 5), unit="id", period="t")
    res = fit("y ~ x1 + x2", panel, w, effects="unit")
    table = res.effects(method="delta").wide()
    np.testing.assert_allclose(table["direct"] + table["indirect"], table["total"], rtol=1e-12)
    rho = res.params["spatial", "rho"]
    inverse = np.linalg.inv(np.eye(15) - rho * w.sparse.toarray())
    for name in ("x1", "x2"):
        beta, theta = res.params["x", name], res.params["wx", name]
        matrix = inverse @ (beta * np.eye(15) + theta * w.sparse.toarray())
        assert table.loc[name, "direct"] == pytest.approx(np.trace(matrix) / 15, rel=1e-8)
        assert table.loc[name, "total"] == pytest.approx(matrix.sum() / 15, rel=1e-8)
        if standardize == "row":
            assert table.loc[name, "total"] == pytest.approx((beta + theta) / (1 - rho), rel=1e-10)
    once = res.effects(method="delta").frame
    again = res.effects(method="delta").frame
    pd.testing.assert_frame_equal(once, again)


@SLOW
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-4, 1e4), shift=st.floats(-100, 100))
def test_units_of_measurement_do_not_matter(seed, scale, shift):
    rng = np.random.default_rng(seed)
    w = random_weights(rng, 15, "row")
    frame = random_panel(rng, w, 5)
    rescaled = frame.assign(x1=frame["x1"] * scale + shift)
    first, two = (
        fit("y ~ x1 + x2", nq.SpatialPanel(f, unit="id", period="t"), w) for f in (frame, rescaled)
    )
    assert two.params["spatial", "rho"] == pytest.approx(first.params["spatial", "rho"], abs=1e-7)
    assert two.params["x", "x1"] * scale == pytest.approx(first.params["x", "x1"], rel=1e-5)
    assert two.loglik == pytest.approx(first.loglik, rel=1e-8)
    ours, theirs = (r.effects(method="delta").frame for r in (first, two))
    np.testing.assert_allclose(
        theirs["std_error"].iloc[:3] * scale, ours["std_error"].iloc[:3], rtol=1e-5
    )
