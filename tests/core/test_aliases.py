"""Other names of units: which id is meant, and which is nearest."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import box

import nqp_spatial as nq
from nqp_spatial.core.aliases import IdLookup, nearest_ids, targets_of, with_one_name
from nqp_spatial.errors import OptionError, PanelError, UnbalancedPanelError, UnmatchedIdsError


def test_an_id_is_meant_if_it_is_the_only_one_written_alike():
    lookup = IdLookup(pd.Index(["a ", "A", "b", "007"]))
    assert lookup.like("A") == "A"
    assert lookup.like("a") is None  # two
    assert lookup.like("B") == "b"
    assert lookup.like(7) == "007"
    numbers = IdLookup(pd.Index([110000.0, 120000.0]))
    assert numbers.like("110000") == 110000
    assert numbers.like("110000.0") == 110000
    assert numbers.like(True) is None


def test_the_nearest_begins_alike():
    assert nearest_ids("ab", pd.Index(["xb", "ac", "zz"])) == ["ac", "xb"]
    assert nearest_ids("宁播市", pd.Index(["济宁市", "宁波市", "杭州市"]))[0] == "宁波市"
    assert nearest_ids(371201, pd.Index([371200, 650000]))[0] == 371200
    assert nearest_ids("", pd.Index(["a"])) == []


def test_the_caller_keeps_its_aliases():
    aliases = {"b": "B", "c": None}
    index = pd.MultiIndex.from_product([["a", "b", "c"], [0]], names=["unit", "period"])
    data = pd.DataFrame({"x": [1, 2, 3]}, index)
    rest, places, notes = with_one_name(data, aliases)
    assert rest.index.levels[0].tolist() == ["a", "b"]
    assert places == {"b": "B"}
    assert notes[0] == "left out 1 units that aliases declare not to be on the map: c"
    assert aliases == {"b": "B", "c": None}
    assert len(data) == 3
    assert targets_of(pd.Index(["a", "b"]), {"a": 1}).to_dict() == {"a": 1, "b": "b"}
    with pytest.raises(OptionError, match="by text or number"):
        targets_of(pd.Index(["a"]), {"a": ["x"]})


def test_a_geodataframe_where_a_panel_is_wanted():
    shapes = [box(0, 0, 1, 1), box(1, 0, 2, 1)] * 2
    gdf = gpd.GeoDataFrame({"id": ["a", "b"] * 2, "t": [1, 1, 2, 2]}, geometry=shapes, crs=32650)
    with pytest.raises(PanelError, match=r"SpatialPanel\(gdf, .*which takes its geometry"):
        nq.weights.contiguity(gdf)
    panel = nq.SpatialPanel(gdf, unit="id", period="t")
    assert nq.weights.contiguity(panel).n_links == 2


def test_an_alias_that_is_a_unit_joins_a_unit_that_was_renamed():
    frame = pd.DataFrame(
        {"city": ["襄樊市", "襄樊市", "襄阳市", "杭州", "杭州", "杭州"],
         "year": [2009, 2010, 2011, 2009, 2010, 2011], "x": range(6)}
    )  # fmt: skip
    options = {"unit": "city", "period": "year", "geometry": "china-prefectures"}
    with pytest.raises(UnbalancedPanelError):
        nq.SpatialPanel(frame, **options)
    with pytest.raises(UnmatchedIdsError, match=r"is joined by aliases=\{'襄樊市': '襄阳市'\}"):
        nq.SpatialPanel(frame, balanced=False, **options)
    panel = nq.SpatialPanel(frame, aliases={"襄樊市": "襄阳市"}, **options)
    assert panel.wide("x").loc["襄阳市"].tolist() == [0, 1, 2]
    assert panel.units.tolist() == ["杭州", "襄阳市"]
    assert panel.notes[0] == "units under one name by aliases: 襄樊市 = 襄阳市"
    both = pd.concat([frame, frame.iloc[[1]].assign(city="襄阳市")])
    with pytest.raises(UnmatchedIdsError, match=r"same periods: \('襄阳市', 2010\)"):
        nq.SpatialPanel(both, aliases={"襄樊市": "襄阳市"}, **options)
