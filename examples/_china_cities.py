"""The panel of 332 Chinese cities in the folder `NQP_DATA`, with the boundaries of the package.

The data cannot be redistributed. Light of 2013-2020 is used, because the sensor changed before
2013; other columns are available from 2001 on. Cities are matched with the boundaries by code. The
polygons in the data are cells around points, not boundaries.
"""

import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

import nqp_spatial as nq

LABELS = {
    "light": "Log mean night light",
    "built": "Built-up share, %",
    "urban": "Share living on built-up land, %",
    "income": "Real GDP per head (log)",
    "total_meanlight": "Mean night light",
    "light_per_head": "Log night light per 1 000 people",
}

COLUMNS = ["city_id", "name_en", "province_zh", "region4", "is_core"]


def data_folder() -> Path | None:
    """Return the folder of the data, or None."""
    folder = Path(os.environ.get("NQP_DATA", "../shared")) / "data" / "china_cities"
    return folder if folder.is_dir() else None


def boundaries(cities: pd.DataFrame) -> gpd.GeoDataFrame:
    """Match the cities with boundaries by code, otherwise by name, and report unmatched cities."""
    found = nq.datasets.match_prefectures(cities["city_id"])
    missed = found["adcode"].isna().to_numpy()
    if missed.any():
        by_name = nq.datasets.match_prefectures(cities.loc[missed, "name_zh"])
        found.loc[missed, ["adcode", "how"]] = by_name[["adcode", "how"]].to_numpy()
    print("Cities matched with boundaries by", found["how"].value_counts().to_dict())
    lost = found["adcode"].isna().to_numpy()
    if lost.any():
        raise SystemExit(f"no boundaries for {cities.loc[lost, 'name_zh'].tolist()}")
    shapes = nq.datasets.china_prefectures().geometry.loc[found["adcode"].astype(int)]
    return gpd.GeoDataFrame(
        {"city_id": cities["city_id"].to_numpy()}, geometry=shapes.to_numpy(), crs=shapes.crs
    )


def read_cities(
    folder: Path, first: int = 2013
) -> tuple[nq.SpatialPanel, nq.weights.SpatialWeights]:
    """Return the panel from a year to 2020 with boundaries, and contiguity weights."""
    cities = pd.read_csv(folder / "cities.csv")
    frame = pd.read_csv(folder / "panel.csv")
    panel = nq.SpatialPanel(
        frame[frame["year"] >= first].merge(cities[COLUMNS], on="city_id"),
        unit="city_id",
        period="year",
        geometry=boundaries(cities),
        labels=LABELS,
    ).assign(
        light=lambda d: np.log(d["total_meanlight"]),
        built=lambda d: d["built_up_share_pct"],
        urban=lambda d: d["urban_pop_share_pct"],
        light_per_head=lambda d: np.log(d["light_per_1000_persons"]),
    )
    # Not all units of China are in the data: a city without neighbours in the data is linked to
    # the nearest one.
    w = nq.weights.contiguity(panel, islands="nearest")
    cells = nq.weights.from_edges(pd.read_csv(folder / "queen_edges.csv"))
    shared = nq.weights.compare(w, cells)["jaccard"]
    print(f"Links of the boundaries shared with those of the data's cells: {shared:.0%}")
    return panel, w
