"""What results of inequality are called, how they were made, in Chinese too."""

from __future__ import annotations

import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.core.text import translate


@pytest.fixture(scope="module")
def cities():
    return nq.datasets.simulate_cities(seed=0)


def title(result):
    return translate(result._blocks()[0], "zh")


def test_dagum(cities):
    groups = cities.at(2015)["region4"].rename("region")
    result = nq.inequality.dagum(cities, "nqp", group=groups, population="population")
    assert dict(result.spec) == {
        "variable": "nqp", "group": "region", "population": "population", "singletons": "error",
        "replications": 0, "level": 0.95, "seed": 0,
    }  # fmt: skip
    assert (result.notes, dict(result.tests), result.intervals) == ((), {}, None)
    assert title(result) == "nqp按region的达格姆基尼系数分解"
    named = nq.inequality.dagum(cities, "nqp", group="region4", population="population")
    pd.testing.assert_frame_equal(named.frame, result.frame)


def test_theil(cities):
    result = nq.inequality.theil(
        cities, "nqp", levels=["region4", "province"], index="L", replications=9, level=0.9
    )
    assert result.frame.columns.tolist() == [
        "theil", "between_region4", "between_province", "within_province",
        "between_region4_share", "between_province_share", "within_province_share",
    ]  # fmt: skip
    assert result.intervals.columns.get_level_values(0).unique().equals(result.frame.columns)
    assert (result.spec.levels, result.spec.replications) == (("region4", "province"), 9)
    assert title(result) == "nqp的泰尔指数 L"


def test_gaps(cities):
    panel = cities.assign(labels={"nqp": "New forces"})
    result = nq.inequality.gaps(panel, "nqp", group="region4", population="population")
    assert (result.spec.how, result.spec.population) == ("mean", "population")
    assert result.label == "New forces"
    by_unit = nq.inequality.gaps(panel, "nqp", group=panel.at(2015)["region4"].rename(None))
    assert (by_unit.group, result.group) == ("group", "region4")
    assert title(result) == "nqp在各region4组之间的差距"


@pytest.mark.parametrize("folder", ["esda", "inequality", "structure"])
def test_folders_show_public_names_only(folder):
    module = getattr(nq, folder)
    assert dir(module) == sorted(module.__all__)
