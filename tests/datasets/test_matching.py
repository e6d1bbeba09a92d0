"""Places of a table find their unit, or are reported."""

from __future__ import annotations

import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError, UnmatchedIdsError


@pytest.mark.parametrize(
    ("place", "adcode", "how"),
    [
        (330100, 330100, "code"),
        ("330100", 330100, "code"),
        (330100.0, 330100, "code"),
        (542400, 540600, "former code"),
        (110100, 110000, "former code"),
        ("杭州市", 330100, "name"),
        ("杭州", 330100, "short name"),
        ("毕节地区", 520500, "short name"),
        ("延边", 222400, "short name"),
        ("大兴安岭", 232700, "short name"),
        ("襄樊市", 420600, "former name"),
        ("Hangzhou", 330100, "English name"),
        ("suzhou (jiangsu)", 320500, "English name"),
        ("Suzhou", None, "ambiguous"),
        ("巢湖市", None, "none"),
        (371200, None, "none"),
        ("", None, "none"),
        ("吉林市", 220200, "name"),
        ("吉林", None, "ambiguous"),
        ("海南", None, "ambiguous"),
        ("海南藏族自治州", 632500, "name"),
        ("北京", 110000, "short name"),
        ("香港特别行政区", 810000, "name"),
    ],
)
def test_matches(place, adcode, how):
    result = nq.datasets.match_prefectures([place]).iloc[0]
    assert result["how"] == how
    assert (result["adcode"] == adcode) if adcode else result["adcode"] is pd.NA


def test_provinces_tell_homonyms_apart():
    result = nq.datasets.match_prefectures(["Suzhou", "Suzhou"], ["Anhui", "江苏省"])
    assert result["adcode"].tolist() == [341300, 320500]
    wrong = nq.datasets.match_prefectures(["杭州"], ["江苏"])
    assert wrong["how"].tolist() == ["none"]


UNITS_TOO = ["北京市", "天津市", "上海市", "重庆市", "台湾省", "香港特别行政区", "澳门特别行政区"]


def test_provinces_are_no_prefectures():
    """All 34 by their full names, bare names, English names and codes."""
    units = nq.datasets.china_prefectures()
    provinces = units[["province_zh", "province_en"]].drop_duplicates()
    assert len(provinces) == 34
    ours = provinces["province_zh"].isin(UNITS_TOO)
    full = nq.datasets.match_prefectures(provinces["province_zh"])
    assert (full["how"] == "name").tolist() == ours.tolist()
    assert (full["how"] == "none").tolist() == (~ours).tolist()
    bare = provinces["province_zh"].str.replace("省|(壮族|回族|维吾尔)?自治区", "", regex=True)
    result = nq.datasets.match_prefectures(bare)
    assert result["adcode"].notna().tolist() == ours.tolist()
    english = nq.datasets.match_prefectures(provinces["province_en"])
    assert english["adcode"].notna().tolist() == ours.tolist()
    ambiguous = english.loc[english["how"] == "ambiguous", "place"].tolist()
    assert ambiguous == ["Jilin", "Hainan"]
    codes = sorted({code // 10000 * 10000 for code in units.index})
    by_code = nq.datasets.match_prefectures(codes)
    assert by_code["adcode"].notna().sum() == len(UNITS_TOO)


def test_a_province_beside_a_homonym_decides():
    result = nq.datasets.match_prefectures(["吉林", "海南", "海南"], ["吉林省", "青海", "海南省"])
    assert result["how"].tolist() == ["short name", "short name", "none"]
    assert result["adcode"].tolist()[:2] == [220200, 632500]
    letter = nq.datasets.match_prefectures(["杭州"], ["浙"])
    assert letter["how"].tolist() == ["none"]
    with pytest.raises(OptionError, match="places must be a list"):
        nq.datasets.match_prefectures("杭州")


def test_every_unit_finds_itself():
    units = nq.datasets.china_prefectures()
    for names in (units.index, units["name_zh"], units["name_en"]):
        result = nq.datasets.match_prefectures(names)
        assert result["adcode"].tolist() == units.index.tolist()


def test_order_is_kept_and_repeats_are_an_error():
    result = nq.datasets.match_prefectures(["杭州", "不知道", "宁波"])
    assert result["place"].tolist() == ["杭州", "不知道", "宁波"]
    assert result["adcode"].isna().tolist() == [False, True, False]
    with pytest.raises(UnmatchedIdsError, match=r"several places mean one unit: .*杭州"):
        nq.datasets.match_prefectures(["杭州", "杭州市"])
    with pytest.raises(UnmatchedIdsError, match="2 places but 1 provinces"):
        nq.datasets.match_prefectures(["杭州", "宁波"], ["浙江"])


def test_332_cities_by_code_and_by_name(nqp_data):
    cities = pd.read_csv(nqp_data / "data" / "china_cities" / "cities.csv")
    for column in ("city_id", "name_zh"):
        result = nq.datasets.match_prefectures(cities[column])
        assert result["adcode"].tolist() == cities["city_id"].tolist()
