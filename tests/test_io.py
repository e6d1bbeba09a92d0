"""Reading tables and maps: every format gives the panel that was written."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point

import nqp_spatial as nq
from nqp_spatial.errors import OptionError, UnknownColumnError


@pytest.fixture
def frame():
    return pd.DataFrame(
        {"city_id": [2, 1] * 2, "year": [2019, 2019, 2020, 2020], "x": [0.5, 1.5, 2.5, 3.5]}
    )


@pytest.fixture
def shapes():
    return gpd.GeoDataFrame(
        {"city_id": [1, 2], "名称": ["北京", "天津"]},
        geometry=[Point(116, 40), Point(117, 39)],
        crs="EPSG:4326",
    )


WRITERS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "xlsx": lambda frame, path: frame.to_excel(path, index=False),
    "dta": lambda frame, path: frame.to_stata(
        path, write_index=False, variable_labels={"x": "Income per head"}
    ),
    "parquet": lambda frame, path: frame.to_parquet(path),
}


@pytest.mark.parametrize("ending", WRITERS)
def test_tables(frame, tmp_path, ending):
    path = tmp_path / f"panel.{ending}"
    WRITERS[ending](frame, path)
    panel = nq.read_panel(path, unit="city_id", period="year")
    expected = nq.SpatialPanel(frame, unit="city_id", period="year")
    pd.testing.assert_frame_equal(
        panel.frame, expected.frame, check_index_type=False, check_dtype=False
    )
    assert panel.label("x") == ("Income per head" if ending == "dta" else "x")
    mine = nq.read_panel(path, unit="city_id", period="year", labels={"x": "Mine"})
    assert mine.label("x") == "Mine"


@pytest.mark.parametrize("ending", ["shp", "gpkg", "geojson"])
def test_maps(frame, shapes, tmp_path, ending):
    frame.to_csv(tmp_path / "panel.csv", index=False)
    shapes.to_file(tmp_path / f"cities.{ending}", encoding="utf-8")
    panel = nq.read_panel(
        str(tmp_path / "panel.csv"),
        unit="city_id",
        period="year",
        geometry=str(tmp_path / f"cities.{ending}"),
    )
    assert panel.geometry.geometry.x.tolist() == [116, 117]
    assert panel.geometry.crs.is_geographic
    assert panel.geometry["名称"].tolist() == ["北京", "天津"]


def test_ids_of_the_map_in_another_column(frame, shapes, tmp_path):
    frame.to_csv(tmp_path / "panel.csv", index=False)
    shapes.rename(columns={"city_id": "CODE"}).to_file(tmp_path / "cities.shp")
    options = {"unit": "city_id", "period": "year", "geometry": tmp_path / "cities.shp"}
    with pytest.raises(UnknownColumnError, match=r"no column 'city_id' to match .* geometry_unit="):
        nq.read_panel(tmp_path / "panel.csv", **options)
    panel = nq.read_panel(tmp_path / "panel.csv", geometry_unit="CODE", **options)
    assert panel.geometry.geometry.y.tolist() == [40, 39]


def test_options_reach_pandas(frame, tmp_path):
    with pd.ExcelWriter(tmp_path / "book.xlsx") as book:
        pd.DataFrame({"a": [1]}).to_excel(book, sheet_name="notes")
        frame.to_excel(book, sheet_name="data", index=False)
    panel = nq.read_panel(
        tmp_path / "book.xlsx", unit="city_id", period="year", sheet_name="data"
    )  # fmt: skip
    assert panel.n_units == 2


def test_gaps_may_be_let_in_to_be_closed(frame, tmp_path):
    frame.iloc[:3].to_csv(tmp_path / "panel.csv", index=False)
    panel = nq.read_panel(tmp_path / "panel.csv", unit="city_id", period="year", balanced=False)
    assert panel.balance(how="drop-units").units.tolist() == [2]


def test_errors(frame, tmp_path):
    with pytest.raises(OptionError, match=r"cannot read a table from 'panel.txt'; endings known"):
        nq.read_panel(tmp_path / "panel.txt", unit="city_id")
    with pytest.raises(FileNotFoundError):
        nq.read_panel(tmp_path / "none.csv", unit="city_id")
    frame.to_csv(tmp_path / "panel.csv", index=False)
    with pytest.raises(OptionError, match=r"cannot read a map from 'map.kml'"):
        nq.read_panel(
            tmp_path / "panel.csv", unit="city_id", period="year", geometry=tmp_path / "map.kml"
        )
    with pytest.raises(FileNotFoundError, match="there is no file"):
        nq.read_panel(
            tmp_path / "panel.csv", unit="city_id", period="year", geometry=tmp_path / "no.shp"
        )
