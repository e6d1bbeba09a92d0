"""The data sets are what their sources say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.datasets.china import DATA


def test_us_income():
    panel = nq.datasets.us_income()
    assert (panel.n_units, panel.n_periods) == (48, 81)
    # The first and the last cell of the source.
    assert panel.frame.loc[("AL", 1929), "income"] == 323
    assert panel.frame.loc[("WY", 2009), "income"] == 42504
    np.testing.assert_allclose(panel.values("relative_income").mean(axis=0), 1)
    assert panel.geometry.crs.is_geographic
    assert not panel.frame.isna().to_numpy().any()


def test_names_and_shapes_belong_together():
    """Each state's polygon holds a city of that state."""
    import geopandas as gpd
    from shapely.geometry import Point

    shapes = nq.datasets.us_income().geometry
    cities = gpd.GeoSeries(
        {"TX": Point(-97.7, 30.3), "NY": Point(-73.8, 42.7), "CA": Point(-121.5, 38.6)}
    )
    for state, city in cities.items():
        assert shapes.loc[state].geometry.contains(city)


def test_us_public_capital():
    panel = nq.datasets.us_public_capital()
    assert (panel.n_units, panel.n_periods) == (48, 17)
    assert panel.frame.loc[("AL", 1970), "lgsp"] == pytest.approx(np.log(28418))
    assert panel.frame.loc[("AL", 1970), "unemp"] == pytest.approx(4.7)
    assert set(panel.labels) == set(panel.frame.columns)


def test_the_table_is_that_of_linearmodels():
    """Bit for bit, before and after the logs."""
    munnell = pytest.importorskip(
        "linearmodels.datasets.munnell", reason="linearmodels is not installed"
    )
    source = munnell.load()
    table = pd.read_csv(DATA / "munnell.csv", comment="#")
    pd.testing.assert_frame_equal(table, source[list(table.columns)], check_exact=True)
    frame = nq.datasets.us_public_capital().frame
    source = source.set_index(["ST_ABB", "YR"]).sort_index()
    for column, name in {"lgsp": "GSP", "lpcap": "P_CAP", "lpc": "PC", "lemp": "EMP"}.items():
        assert (frame[column].to_numpy() == np.log(source[name].to_numpy())).all()
    assert (frame["unemp"].to_numpy() == source["UNEMP"].to_numpy()).all()
