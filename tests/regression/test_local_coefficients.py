"""Geographically weighted regressions: mgwr, GWR4, and weighted least squares by hand."""

from __future__ import annotations

import sys

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy import stats

import nqp_spatial as nq
from nqp_spatial.errors import (
    CollinearityError,
    CrsError,
    MissingDependencyError,
    OptionError,
    PanelError,
)
from nqp_spatial.regression._local_models import condition_numbers
from nqp_spatial.regression._local_tables import require_identified
from tests.parity import agree

gwr_module = pytest.importorskip("mgwr.gwr", reason="the extra gwr is not installed")
selection = pytest.importorskip("mgwr.sel_bw", reason="the extra gwr is not installed")

FORMULA = "PctBach ~ PctRural + PctPov + PctBlack"
NAMES = ["PctRural", "PctPov", "PctBlack"]
TOTAL = ["Intercept", *NAMES]


def example(name):
    import libpysal

    return pd.read_csv(libpysal.examples.get_path(name), skipinitialspace=True)


@pytest.fixture(scope="module")
def georgia():
    """159 counties of Georgia; coordinates in metres of UTM zone 17."""
    table = example("GData_utm.csv")
    points = gpd.points_from_xy(table["X"], table["Y"])
    shapes = gpd.GeoDataFrame(table, geometry=points, crs="EPSG:26917")
    return nq.SpatialPanel(shapes, unit="AreaKey")


@pytest.fixture(scope="module")
def arrays(georgia):
    frame = georgia.frame
    return frame[["PctBach"]].to_numpy(dtype=float), frame[NAMES].to_numpy(dtype=float)


@pytest.fixture(scope="module")
def planar(georgia):
    shapes = georgia.geometry.geometry
    return np.column_stack([shapes.x, shapes.y]) / 1000


@pytest.mark.parity
def test_the_published_georgia_example(georgia):
    """GWR4 (Nakaya et al.), adaptive bisquare with 90 neighbours, installed with libpysal.

    Its standard errors divide by n - 2 tr(S) + tr(S'S), mgwr's by n - tr(S): sigma 3.872954 against
    3.808834.
    """
    result = nq.gwr(FORMULA, georgia, metric="plane", bandwidth=90)
    published = example("georgia_BS_NN_listwise.csv")
    estimates = published[[f"est_{name}" for name in TOTAL]].to_numpy()
    other = {
        "program": "published", "version": "GWR4, output in libpysal", "rtol": 1e-7,
        "data": "Georgia", "reason": "printed to 6 decimals",
    }  # fmt: skip
    units = result.units
    agree("GWR: local coefficients", result.wide()[TOTAL], estimates, atol=2e-6, **other)
    agree("GWR: local R2", units["local_r2"], published["localR2"], atol=1e-6, **other)
    agree("GWR: influence", units["influence"], published["influence"], atol=1e-6, **other)
    agree("GWR: residuals", units["residual"], published["residual"], atol=2e-6, **other)
    ratio = np.sqrt(result.criteria.loc["sigma2", "local"]) / 3.872954
    errors = published[[f"se_{name}" for name in TOTAL]].to_numpy()
    agree(
        "GWR: standard errors", result.wide("std_error")[TOTAL], ratio * errors, atol=2e-6,
        **(other | {"reason": "printed to 6 decimals; GWR4 divides by n - 2 tr(S) + tr(S'S)"}),
    )  # fmt: skip
    expected = {
        "aicc": (896.462831, 908.319245), "aic": (892.668583, 907.927089),
        "bic": (941.541173, 923.271610), "rsquared": (0.592415, 0.485273),
        "effective_parameters": (14.925095, 4.0),
    }  # fmt: skip
    for name, values in expected.items():
        agree(f"GWR: {name}", result.criteria.loc[name], values, **(other | {"rtol": 1e-6}))


@pytest.mark.parity
@pytest.mark.parametrize(("kernel", "fixed"), [("bisquare", False), ("gaussian", True)])
def test_mgwr_called_by_hand(georgia, arrays, planar, kernel, fixed):
    """The bandwidth that is searched, and everything at it."""
    y, x = arrays
    result = nq.gwr(FORMULA, georgia, metric="plane", kernel=kernel, fixed=fixed)
    options = {"kernel": kernel, "fixed": fixed, "n_jobs": 1}
    bandwidth = selection.Sel_BW(planar, y, x, **options).search()
    hand = gwr_module.GWR(planar, y, x, bandwidth, **options).fit()
    assert (result.bandwidths["bandwidth"] == bandwidth).all()
    if (kernel, fixed) == ("bisquare", False):
        assert bandwidth == 93  # of mgwr's own documentation
    other = {"program": "mgwr", "data": "Georgia", "case": kernel, "rtol": 1e-12}
    agree("GWR: bandwidth", result.bandwidths["bandwidth"].iloc[0], bandwidth, **other)
    agree("GWR: local coefficients", result.wide(), hand.params, **other)
    agree("GWR: standard errors", result.wide("std_error"), hand.bse, **other)
    agree("GWR: local R2", result.units["local_r2"], hand.localR2.ravel(), **other)
    agree("GWR: AICc", result.criteria.loc["aicc", "local"], hand.aicc, **other)
    # Corrected: significant at 5 % where mgwr keeps the t value.
    kept = hand.filter_tvals() != 0
    np.testing.assert_array_equal(result.wide("p_corrected") < 0.05, kept)


@pytest.mark.parity
def test_great_circles(georgia, arrays):
    y, x = arrays
    degrees = georgia.geometry.to_crs("EPSG:4269").geometry
    points = np.column_stack([degrees.x, degrees.y])
    result = nq.gwr(FORMULA, georgia, bandwidth=150, fixed=True, kernel="gaussian")
    hand = gwr_module.GWR(
        points, y, x, 150, spherical=True, fixed=True, kernel="gaussian", n_jobs=1
    ).fit()
    agree(
        "GWR: local coefficients", result.wide(), hand.params, rtol=1e-10, program="mgwr",
        data="Georgia", case="great circles",
    )  # fmt: skip
    assert "great circles" in result.spec["distances"]


def test_weighted_least_squares_around_one_unit(georgia, arrays, planar):
    y, x = arrays
    design = np.column_stack([np.ones(len(y)), x])
    result = nq.gwr(FORMULA, georgia, metric="plane", bandwidth=120, fixed=True)
    for place in (0, 77):
        distance = np.sqrt(((planar - planar[place]) ** 2).sum(axis=1))
        kernel = np.where(distance < 120, (1 - (distance / 120) ** 2) ** 2, 0)
        left = design.T * kernel
        coefs = np.linalg.solve(left @ design, left @ y)[:, 0]
        unit = georgia.units[place]
        np.testing.assert_allclose(result.frame.loc[unit, "estimate"], coefs, rtol=1e-9)
        hat = np.linalg.solve(left @ design, left)
        variance = (hat**2).sum(axis=1) * result.criteria.loc["sigma2", "local"]
        np.testing.assert_allclose(result.frame.loc[unit, "std_error"], np.sqrt(variance))
        # The condition number of the weighted columns of length one.
        columns = np.sqrt(kernel)[:, None] * design
        columns /= np.linalg.norm(columns, axis=0)
        assert result.units.loc[unit, "condition_number"] == pytest.approx(np.linalg.cond(columns))
    row = result.frame.iloc[5]
    p = 2 * stats.t.sf(abs(row["estimate"] / row["std_error"]), len(y) - 1)
    assert row["p_value"] == pytest.approx(p)
    effective = result.criteria.loc["effective_parameters", "local"]
    assert row["p_corrected"] == pytest.approx(min(1, p * effective / 4))


@pytest.mark.parity
def test_several_bandwidths(georgia, planar):
    columns = ["PctBach", "PctFB"]
    georgia, planar = georgia.select(units=georgia.units[:80]), planar[:80]
    standard = georgia.frame[columns].apply(lambda c: (c - c.mean()) / c.std(ddof=0))
    panel = georgia.assign(**{name: standard[name].to_numpy() for name in columns})
    result = nq.gwr("PctBach ~ PctFB", panel, metric="plane", multiscale=True)
    y, x = standard[["PctBach"]].to_numpy(), standard[["PctFB"]].to_numpy()
    selector = selection.Sel_BW(planar, y, x, multi=True, n_jobs=1)
    bandwidths = selector.search()
    hand = gwr_module.MGWR(planar, y, x, selector=selector, n_jobs=1).fit()
    other = {"program": "mgwr", "data": "80 counties of Georgia", "rtol": 1e-12}
    table = result.bandwidths
    agree(
        "Multiscale GWR: bandwidths",
        table["bandwidth"],
        bandwidths,
        program="mgwr",
        data="80 counties of Georgia",
    )
    agree("Multiscale GWR: local coefficients", result.wide(), hand.params, **other)
    agree("Multiscale GWR: standard errors", result.wide("std_error"), hand.bse, **other)
    agree(
        "Multiscale GWR: effective parameters", table["effective_parameters"], hand.ENP_j, **other
    )
    kept = hand.filter_tvals() != 0
    np.testing.assert_array_equal(result.wide("p_corrected") < 0.05, kept)
    assert "local_r2" not in result.units
    assert result.spec["multiscale"]


def test_relocations_by_hand(georgia, arrays, planar):
    y, x = arrays
    result = nq.gwr(FORMULA, georgia, metric="plane", bandwidth=90, permutations=9, seed=4)
    rng, counts = np.random.default_rng(4), np.zeros(4)
    for _ in range(9):
        moved = planar[rng.permutation(159)]
        counts += gwr_module.GWR(moved, y, x, 90, n_jobs=1).fit().params.std(axis=0) >= (
            result.wide().std(ddof=0).to_numpy()
        )
    for name, count in zip(TOTAL, counts, strict=True):
        assert result.tests[f"varies: {name}"].p_value == pytest.approx((count + 1) / 10)


def test_planted_surfaces_are_found():
    rng = np.random.default_rng(0)
    side = 20
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(side), np.arange(side)))
    slope = 1 + x / side
    frame = pd.DataFrame({"id": range(side**2), "a": rng.normal(size=side**2)})
    frame["b"] = rng.normal(size=side**2)
    frame["y"] = slope * frame["a"] - frame["b"] + 0.3 * rng.normal(size=side**2)
    points = gpd.points_from_xy(112 + 0.2 * x, 30 + 0.2 * y)
    panel = nq.SpatialPanel(gpd.GeoDataFrame(frame, geometry=points, crs="EPSG:4326"), unit="id")
    result = nq.gwr("y ~ a + b", panel)
    wide = result.wide()
    assert np.corrcoef(wide["a"], slope)[0, 1] > 0.95
    assert np.abs(wide["b"] + 1).max() < 0.25
    # Smoothing flattens the surface at its edges, where neighbours are on one side only.
    error = np.abs(wide["a"] - slope).groupby(x).mean()
    assert error[5:14].max() < 0.06 < error[[0, side - 1]].min()
    assert error.max() < 0.2
    assert result.criteria.loc["aicc", "local"] < result.criteria.loc["aicc", "global"] - 50


def test_notes_of_collinearity_and_of_bandwidths_of_all_units(georgia):
    rng = np.random.default_rng(1)
    near = georgia.frame["PctPov"] * 2 + 0.05 * rng.normal(size=georgia.n_units)
    panel = georgia.assign(near=near.to_numpy())
    result = nq.gwr("PctBach ~ PctPov + near", panel, bandwidth=159)
    assert any("exceeds 30 around 159 of 159 observations" in note for note in result.notes)
    assert any("is all observations" in note for note in result.notes)
    calm = nq.gwr("PctBach ~ PctFB", georgia, bandwidth=90)
    assert calm.notes == ()


def test_condition_numbers_of_several_weights():
    rng = np.random.default_rng(2)
    design, first, second = rng.normal(size=(6, 2)), *rng.uniform(size=(2, 6, 6))
    result = condition_numbers(design, [first, second])
    for place in range(6):
        columns = design * np.sqrt(np.column_stack([first[place], second[place]]))
        columns /= np.linalg.norm(columns, axis=0)
        assert result[place] == pytest.approx(np.linalg.cond(columns))


def test_small_samples_search_from_half_of_the_units():
    """Mgwr itself would search from 40 + 2k neighbours, of 32 units."""
    panel = nq.datasets.mexico_income().select(periods=[1940, 2000])
    growth = np.log(panel.wide("income")[2000] / panel.wide("income")[1940])
    panel = panel.select(periods=[1940]).assign(growth=growth.to_numpy())
    result = nq.gwr("growth ~ lincome", panel)
    assert 16 <= result.bandwidths["bandwidth"].iloc[0] <= 32
    assert result.period is None
    assert repr(result).startswith("Geographically weighted regression of growth\n")


def test_distances_in_space_and_time():
    """GTWR is mgwr with time as one more coordinate; weighted least squares by hand, too."""
    panel = nq.datasets.us_public_capital().select(periods=[1984, 1985, 1986])
    result = nq.gwr("lgsp ~ lpc + unemp", panel, km_per_period=400, bandwidth=60)
    centres = shapely.centroid(panel.geometry.geometry.to_numpy())
    lon, lat = np.radians(shapely.get_x(centres)), np.radians(shapely.get_y(centres))
    ball = 6371.0088 * np.column_stack(
        [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
    )
    units, periods = np.repeat(np.arange(48), 3), np.tile(np.arange(3), 48)
    distance = np.sqrt(
        ((ball[units][:, None] - ball[units]) ** 2).sum(axis=2)
        + (400 * (periods[:, None] - periods)) ** 2
    )
    design = np.column_stack([np.ones(144), panel.frame[["lpc", "unemp"]]])
    y = panel.frame["lgsp"].to_numpy()
    for place in (0, 100):
        reach = np.sort(distance[place])[59] * 1.0000001
        kernel = np.where(distance[place] < reach, (1 - (distance[place] / reach) ** 2) ** 2, 0)
        coefs = np.linalg.solve((design.T * kernel) @ design, (design.T * kernel) @ y)
        row = panel.frame.index[place]
        np.testing.assert_allclose(result.frame.loc[row, "estimate"], coefs, rtol=1e-8)
    assert result.frame.index.names == ["unit", "period", "variable"]
    assert result.wide().index.equals(panel.frame.index)
    assert result.period is None
    assert any("over time as independent" in note for note in result.notes)
    legend = nq.plots.coefficient_map(result, panel, "lpc", period=1985).get_legend()
    assert legend.get_title().get_text() == "Coefficient of Private capital (log), 1985"
    with pytest.raises(OptionError, match="leave out period="):
        nq.gwr("lgsp ~ lpc", panel, period=1985, km_per_period=400)
    with pytest.raises(OptionError, match="needs several periods"):
        nq.gwr("lgsp ~ lpc", panel.select(periods=[1985]), km_per_period=400)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"bandwidth": 3}, OptionError, "between 6, more than the 4 coefficients, and 159"),
        ({"bandwidth": 200}, OptionError, "159, the number of units; got 200"),
        ({"bandwidth": 90, "multiscale": True}, OptionError, "leave out bandwidth="),
        ({"formula": "PctBach ~ 1"}, OptionError, "must name regressors"),
        ({"formula": "PctBach ~ PctPov + I(2 * PctPov)"}, CollinearityError, "dependent"),
        ({"bandwidth": 5, "fixed": True}, CollinearityError, "around some unit"),
    ],
)
def test_what_cannot_be_estimated(georgia, options, error, message):
    call = {"formula": FORMULA, "metric": "plane"}
    with pytest.raises(error, match=message):
        nq.gwr(panel=georgia, **(call | options))


def test_a_singular_regression_that_rounding_solves_is_named():
    units = pd.DataFrame({"condition_number": [3.0, 6e7, 4.0]}, index=["a", "b", "c"])
    frame = pd.DataFrame({"std_error": [1.0, 1.0, 1.0, 1.0, 1.0, np.nan]})
    with pytest.raises(CollinearityError, match="around 'b', 'c' the regressors are linearly"):
        require_identified(frame, units)
    require_identified(frame.fillna(1.0), units.replace(6e7, 6.0))


def test_planes_periods_and_the_extra(monkeypatch):
    panel = nq.datasets.us_public_capital()
    with pytest.raises(CrsError, match="needs projected coordinates"):
        nq.gwr("lgsp ~ lpc", panel, period=1986, metric="plane")
    with pytest.raises(PanelError, match="has 17 periods: name one, as in period=1986"):
        nq.gwr("lgsp ~ lpc", panel)
    monkeypatch.setitem(sys.modules, "mgwr", None)
    with pytest.raises(MissingDependencyError, match=r"mgwr.*nqp-spatial\[gwr\]"):
        nq.gwr("lgsp ~ lpc", panel, period=1986)
