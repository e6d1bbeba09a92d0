"""``nqp-spatial explore``: a page from a table as it comes."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import nqp_spatial as nq
from nqp_spatial.cli import main


@pytest.fixture(scope="module")
def cities(tmp_path_factory):
    """A table of 60 cities by short names: one is on no map, one row and one cell are missing."""
    shapes = nq.datasets.china_prefectures().iloc[100:160]
    names = shapes["name_zh"].str.removesuffix("市").tolist()
    names[5] = "无此城"
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"城市": np.repeat(names, 3), "年份": np.tile([2018, 2019, 2020], 60)})
    frame["GDP（亿元）"] = rng.lognormal(size=len(frame))
    frame["城镇化率[%]"] = rng.uniform(30, 90, len(frame))
    frame.loc[4, "城镇化率[%]"] = np.nan
    path = tmp_path_factory.mktemp("cities") / "城市.xlsx"
    frame.drop(index=10).to_excel(path, index=False)
    return path


def run(*arguments):
    return CliRunner().invoke(main, ["explore", *map(str, arguments)])


def data_of(path):
    text = path.read_text("utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])


def test_columns_map_and_language_are_identified(cities, tmp_path):
    page = tmp_path / "page.html"
    done = run(cities, "--output", page)
    assert done.exit_code == 0, done.output
    assert "regions: 城市; periods: 年份; map: china-prefectures" in done.output
    assert "left out, not on the map: '无此城'" in done.output
    data = data_of(page)
    assert len(data["units"]) == len(data["shapes"]) == 59
    assert data["lang"] == "zh"
    assert [variable["label"] for variable in data["variables"]] == ["GDP（亿元）", "城镇化率[%]"]
    assert data["variables"][0]["kind"] == "points"
    assert data["title"] == "城市"


def test_columns_may_be_named(cities, tmp_path):
    page = tmp_path / "page.html"
    done = run(
        cities, "-m", "china-prefectures", "--unit", "城市", "--period", "年份",
        "-c", "城镇化率[%]", "-l", "en", "-o", page,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    data = data_of(page)
    assert [variable["label"] for variable in data["variables"]] == ["城镇化率[%]"]
    assert data["lang"] == "en"
    assert run(cities, "-c", "none", "-o", page).exit_code == 1
    assert "nowhere.gpkg" in run(cities, "-m", "nowhere.gpkg", "-o", page).output


def test_a_map_of_ones_own_and_a_table_without_map(tmp_path):
    panel = nq.datasets.us_income().select(periods=[2000, 2009])
    table, shapes = tmp_path / "states.csv", tmp_path / "states.gpkg"
    panel.frame[["income"]].reset_index().to_csv(table, index=False)
    panel.geometry.reset_index()[["unit", "geometry"]].to_file(shapes)
    for options, has_map in (("--map", shapes), True), ((), False):
        done = run(table, *options, "-o", tmp_path / "page.html")
        assert done.exit_code == 0, done.output
        assert (data_of(tmp_path / "page.html")["map"] is not None) == has_map


def test_it_says_what_it_cannot_read(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    done = run(tmp_path / "t.csv")
    assert done.exit_code == 1
    assert "no column of periods" in done.output
    assert "Traceback" not in done.output
