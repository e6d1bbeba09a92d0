"""What results of structure are called, how they were made, in Chinese too."""

from __future__ import annotations

import pytest

import nqp_spatial as nq
from nqp_spatial.core.text import translate


@pytest.fixture(scope="module")
def cities():
    return nq.datasets.simulate_cities(seed=0)


def title(result):
    return translate(result._blocks()[0], "zh")


def test_misallocation(cities):
    result = nq.structure.misallocation(
        cities, output="gdp_pc", capital="research", labour="population", sigma=4
    )
    assert result.frame.columns.tolist() == ["gain_percent", "sd_log_tfpr"]
    assert result.frame.index.equals(cities.periods)
    assert result.distortions.index.equals(cities.frame.index)
    assert (result.spec.capital, result.spec.sigma) == ("research", 4)
    assert title(result) == "research与population的资源错配"


def test_centre_path(cities):
    result = nq.structure.centre_path(cities, "nqp")
    assert result.spec.variable == "nqp"
    assert "+proj=aea" in result.spec.crs
    assert title(result) == "nqp的重心与标准差椭圆"
