"""Maps of the package, joined to tables by names, codes and aliases; ids stay as they are."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point

import nqp_spatial as nq
from nqp_spatial.core.text import language, translate
from nqp_spatial.errors import GeometryError, OptionError, UnmatchedIdsError

CITIES = ["杭州", "襄樊市", "延边州", "呼和浩特市", "Xi'an", 330200]


def panel_of(places, map_name="china-prefectures", **options):
    frame = pd.DataFrame({"place": places, "x": range(len(places))})
    return nq.SpatialPanel(frame, unit="place", geometry=map_name, **options)


def test_ids_stay_and_shapes_are_those_of_the_units():
    places = [str(place) for place in CITIES]
    panel = panel_of(places)
    assert panel.units.tolist() == sorted(places)
    prefectures = nq.datasets.china_prefectures()
    expected = {"杭州": 330100, "襄樊市": 420600, "延边州": 222400, "呼和浩特市": 150100,
                "Xi'an": 610100, "330200": 330200}  # fmt: skip
    for place, code in expected.items():
        assert panel.geometry.loc[place, "adcode"] == code
        assert panel.geometry.geometry[place].equals(prefectures.geometry[code])
    assert panel.geometry.crs == prefectures.crs
    assert panel.notes[0].startswith("6 of 6 units are on the map china-prefectures: 2 by short")
    assert panel.notes[1:] == (
        "former names and codes: 襄樊市 = 襄阳市",
        "364 of 370 regions of the map are not in the table and have no data",
    )
    with language("zh"):
        assert translate(panel.notes[0]).startswith("6 个地区中有 6 个已与地图 china-prefectures")
        assert "按旧名 1 个" in translate(panel.notes[0])
        assert translate(panel.notes[1]) == "旧名与旧代码：襄樊市 = 襄阳市"


@pytest.mark.parametrize(
    "codes",
    [[330100.0, 330200.0], [330100, 330200], ["330100", " 330200"], ["３３０１００", "330200.0"]],
)
def test_codes_of_any_type(codes):
    panel = panel_of(codes)
    assert panel.geometry["adcode"].loc[codes].tolist() == [330100, 330200]
    assert set(panel.units) == set(codes)


def test_provinces_by_every_kind_of_name():
    provinces = nq.datasets.china_provinces()
    for names in (provinces["name_zh"], provinces["name_en"], provinces.index,
                  provinces.index // 10_000):  # fmt: skip
        panel = panel_of(list(names), "china-provinces")
        found = panel.geometry.loc[list(names), "adcode"].tolist()
        assert found == provinces.index.tolist()
        assert len(panel.notes) == 1
    short = ["内蒙古", "新疆", "广东省", "香港", "西藏", "宁夏自治区", "Xizang", "Macao"]
    result = nq.datasets.match_provinces([*short[:6], short[7]])
    assert result["adcode"].tolist() == [150000, 650000, 440000, 810000, 540000, 640000, 820000]
    assert nq.datasets.match_provinces(short[6:7])["adcode"].tolist() == [540000]
    for no_province in ("吉林市", "海南藏族自治州", "杭州", "330100"):
        assert nq.datasets.match_provinces([no_province])["how"].tolist() == ["none"]


@pytest.mark.parametrize("name", ["china", "中国", "China-Prefectures", "prefectures", "world"])
def test_a_wrong_map_names_the_right_ones(name, tmp_path):
    pd.DataFrame({"place": ["杭州"], "x": [1]}).to_csv(tmp_path / "p.csv", index=False)
    for call in (
        lambda: panel_of(["杭州"], name),
        lambda: nq.read_panel(tmp_path / "p.csv", unit="place", geometry=name),
    ):
        with pytest.raises(OptionError) as caught:
            call()
        assert "'china-prefectures' (370" in str(caught.value)
        assert "'china-provinces' (34" in str(caught.value)
    with pytest.raises(GeometryError, match="pass the path to read_panel"):
        panel_of(["杭州"], "my/map.shp")


def test_all_that_does_not_match_is_named_with_the_nearest():
    places = ["杭州", "宁播", "吉林", "巢湖市", "莱芜", "朝阳", "Suzhou", "广东省"]
    with pytest.raises(UnmatchedIdsError) as caught:
        panel_of(places)
    message = str(caught.value)
    for words in (
        "6 of 8 units are not on the map",
        "'广东省' (a province)",
        "'宁播' (nearest: 宁波市",
        "'吉林' (ambiguous: 吉林市)",
        "'Suzhou' (ambiguous: 苏州市, 宿州市)",
        "'巢湖市' (divided among 合肥市, 芜湖市 and 马鞍山市 in 2011)",
        "'莱芜' (part of 济南市 since 2019)",
    ):
        assert words in message
    assert "'宁播': '宁波市'" in message  # as an alias to write
    assert "'莱芜': " not in message
    assert "朝阳" not in message


def test_two_units_of_one_region_are_named():
    with pytest.raises(UnmatchedIdsError, match=r"'杭州' and '杭州市\\u3000' are both 杭州市"):
        panel_of(["杭州", "杭州市\u3000", "宁波"])
    with pytest.raises(UnmatchedIdsError, match="are both 济南市"):
        panel_of(["济南", "莱芜"], aliases={"莱芜": "济南市"})
    with pytest.raises(UnmatchedIdsError, match="must be a column of names or six-digit codes"):
        panel_of([1, 2, 3])


def test_aliases_by_name_and_code():
    panel = panel_of(["宁播", "吉林"], aliases={"宁播": "宁波", "吉林": 220200})
    assert panel.geometry.loc[["宁播", "吉林"], "adcode"].tolist() == [330200, 220200]
    assert "aliases: 吉林 = 吉林市, 宁播 = 宁波市" in panel.notes
    numbered = panel_of([7, 330100], aliases={"7": "650100"})
    assert numbered.geometry.loc[7, "adcode"] == 650100
    with pytest.raises(UnmatchedIdsError, match=r"no unit of the table: '宁坡' \(nearest: '宁播'"):
        panel_of(["宁播"], aliases={"宁坡": "宁波"})
    with pytest.raises(UnmatchedIdsError, match=r"'宁播' as '宁坡' \(nearest: 宁波市"):
        panel_of(["宁播"], aliases={"宁播": "宁坡"})
    with pytest.raises(UnmatchedIdsError, match="has unit 7 twice"):
        panel_of([7, 330100], aliases={"7": "650100", 7: "650200"})


def test_aliases_of_a_map_of_ones_own():
    frame = pd.DataFrame({"id": ["a", "b", "x"], "y": [1.0, 2.0, 3.0]})
    points = [Point(0, 0), Point(1, 1), Point(2, 2), Point(3, 3)]
    shapes = gpd.GeoDataFrame({"id": ["a", "b", "c", "x"]}, geometry=points, crs=4326)
    panel = nq.SpatialPanel(
        frame, unit="id", geometry=shapes, aliases={"x": "c"}, extra_shapes="drop"
    )
    assert panel.geometry.geometry["x"].equals(points[2])
    assert panel.units.tolist() == ["a", "b", "x"]
    assert panel.notes == ("aliases: x = c", "left out 1 geometries without data: x")
    for aliases, words in (
        ({"z": "c"}, "no unit of the table: 'z'"),
        ({"x": "q"}, "'x' is 'q' on the map, which has no such id"),
        ({"x": "a"}, "make one unit of several that have the same periods"),
        ({"x": "c", "b": "c"}, "several units are one shape of the map: 'b' = 'c', 'x' = 'c'"),
    ):
        with pytest.raises(UnmatchedIdsError, match=words):
            nq.SpatialPanel(frame, unit="id", geometry=shapes, aliases=aliases)
    numbers = shapes.assign(id=[1, 2, 3, 4])
    coded = nq.SpatialPanel(
        frame, unit="id", geometry=numbers, aliases={"a": "1", "b": 2, "x": "3.0"},
        extra_shapes="drop",
    )  # fmt: skip
    assert coded.geometry.geometry["x"].equals(points[2])
    with pytest.raises(OptionError, match="pass geometry= too"):
        nq.SpatialPanel(frame, unit="id", aliases={"x": "c"})


def test_an_empty_alias_leaves_a_unit_out_with_a_note():
    frame = pd.DataFrame({"place": ["杭州", "巢湖市", "杭州", "宁波", "宁波"],
                          "year": [1, 1, 2, 1, 2], "x": range(5)})  # fmt: skip
    options = {"unit": "place", "period": "year", "geometry": "china-prefectures"}
    for nowhere in (None, "", " "):
        panel = nq.SpatialPanel(frame, aliases={"巢湖市": nowhere}, **options)
        assert panel.units.tolist() == ["宁波", "杭州"]
        assert panel.notes[0] == (
            "left out 1 units that aliases declare not to be on the map: 巢湖市"
        )
    with pytest.raises(UnmatchedIdsError, match="leave out every unit"):
        nq.SpatialPanel(frame, aliases=dict.fromkeys(["杭州", "巢湖市", "宁波"]), **options)
    with pytest.raises(UnmatchedIdsError, match="no unit of the table: '巢湖'"):
        nq.SpatialPanel(frame, aliases={"巢湖": None}, **options)


def test_an_option_that_is_set_is_not_advised():
    frame = pd.DataFrame({"id": ["a", "q"], "y": [1.0, 2.0]})
    shapes = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=[Point(0, 0), Point(1, 1)])
    with pytest.raises(UnmatchedIdsError) as caught:
        nq.SpatialPanel(frame, unit="id", geometry=shapes, extra_shapes="drop")
    assert "extra_shapes" not in str(caught.value)
    assert "aliases=" in str(caught.value)


def test_read_panel_from_excel(tmp_path):
    frame = pd.DataFrame({"市": ["杭州 ", "襄樊", "宁波市"] * 2, "年份": [2020] * 3 + [2021] * 3,
                          "y": range(6)})  # fmt: skip
    frame.to_excel(tmp_path / "p.xlsx", index=False)
    panel = nq.read_panel(
        tmp_path / "p.xlsx", unit="市", period="年份", geometry="china-prefectures"
    )
    assert panel.geometry["name_zh"].to_dict() == {
        "宁波市": "宁波市", "杭州 ": "杭州市", "襄樊": "襄阳市"
    }  # fmt: skip
    with pytest.raises(OptionError, match="are for a map that is read from a file"):
        nq.read_panel(
            tmp_path / "p.xlsx", unit="市", geometry="china-prefectures", geometry_unit="name_zh"
        )
    w = nq.weights.contiguity(panel, islands="nearest")
    assert w.units.equals(panel.units)


def test_names_that_begin_with_their_province_and_other_spellings():
    places = [
        "江苏省苏州市",
        "安徽宿州",
        "黔东南州",
        "Lvliang",
        "Xian",
        "Hangzhou City",
        "杭\u3000州",
    ]
    result = nq.datasets.match_prefectures([*places[:5], places[6]])
    assert result["adcode"].tolist() == [320500, 341300, 522600, 141100, 610100, 330100]
    assert result["how"].tolist()[:2] == ["name with province"] * 2
    assert nq.datasets.match_prefectures(places[5:6])["adcode"].tolist() == [330100]
    assert nq.datasets.match_prefectures(["江苏省宿州市"])["how"].tolist() == ["none"]


def test_332_cities_on_the_map(nqp_data):
    folder = nqp_data / "data" / "china_cities"
    cities = pd.read_csv(folder / "cities.csv")[["city_id", "name_zh"]]
    table = pd.read_csv(folder / "panel.csv", usecols=["city_id", "year", "total_sol"])
    table = table.merge(cities).drop(columns="city_id")
    panel = nq.SpatialPanel(table, unit="name_zh", period="year", geometry="china-prefectures")
    assert panel.geometry["adcode"].sort_values().tolist() == sorted(cities["city_id"])
    assert panel.notes[-1].startswith("38 of 370 regions")
