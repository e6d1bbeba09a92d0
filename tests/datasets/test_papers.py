"""The facts of Zhong & Wu (2024) are whole, agree with their own sums, and with Pan An (2024)."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.datasets.china import DATA
from nqp_spatial.errors import OptionError


def counts_by_region(version):
    """Number of advanced manufacturing clusters by region, a cluster counted once."""
    clusters = nq.datasets.industry_clusters()
    advanced = clusters[clusters["list"] == "advanced-manufacturing"]
    schemes = nq.datasets.region_schemes()
    chosen = schemes[(schemes["scheme"] == "region4") & (schemes["version"] == version)]
    region = chosen.set_index("province_adcode")["region"]
    first = advanced["adcodes"].str[0] // 10_000 * 10_000
    return first.map(region).value_counts().to_dict()


def test_clusters_are_counted_as_printed():
    clusters = nq.datasets.industry_clusters()
    sizes = clusters.groupby(["list", "region_printed"]).size()
    advanced = {"Central": 7, "East": 31, "Northeast": 2, "West": 5}
    assert sizes["advanced-manufacturing"].to_dict() == advanced
    assert sizes["innovative"].to_dict() == {"Central": 14, "East": 17, "Northeast": 4, "West": 11}


def test_two_schemes_reconcile_two_papers():
    """31/7/5/2 of Zhong & Wu and 30/13/2 of Pan An are one list under two schemes."""
    theirs = counts_by_region("zhong-wu-2024")
    assert theirs == {"East": 31, "Central": 7, "West": 5, "Northeast": 2}
    bureau = counts_by_region("2011")
    assert bureau == {"East": 30, "Central": 8, "West": 5, "Northeast": 2}
    # Pan An counts Central and West together.
    assert (bureau["East"], bureau["Central"] + bureau["West"], bureau["Northeast"]) == (30, 13, 2)
    # The difference is Anhui, whose one cluster is Hefei's.
    clusters = nq.datasets.industry_clusters().explode("adcodes")
    anhui = clusters[clusters["adcodes"].between(340000, 349999)]
    assert (anhui["list"] == "advanced-manufacturing").sum() == 1
    assert set(anhui["region_printed"]) == {"East"}


def test_printed_regions_are_those_of_the_scheme():
    """All cities of a cluster are in the region under which the table has it."""
    clusters = nq.datasets.industry_clusters().explode("adcodes")
    schemes = nq.datasets.region_schemes()
    chosen = schemes[schemes["version"].eq("zhong-wu-2024") & schemes["scheme"].eq("region4")]
    region = chosen.set_index("province_adcode")["region"]
    ours = (clusters["adcodes"] // 10_000 * 10_000).astype(int).map(region)
    assert (ours == clusters["region_printed"]).all()


def test_clusters_are_matched_to_prefectures():
    clusters = nq.datasets.industry_clusters()
    assert len(clusters) == 91
    assert (clusters["cities_zh"].map(len) == clusters["adcodes"].map(len)).all()
    prefectures = nq.datasets.china_prefectures()
    pairs = clusters.explode(["cities_zh", "adcodes"])
    names = prefectures.loc[pairs["adcodes"], "name_zh"].to_numpy()
    for short, full in zip(pairs["cities_zh"], names, strict=True):
        assert full.startswith(short)
    noted = clusters[clusters["note"] != ""]
    assert len(noted) == 7


def test_large_agglomerations_have_27_not_26():
    """The prose has 26 of the 45 in three agglomerations; the table 27 with Anhui's, 26 without."""
    clusters = nq.datasets.industry_clusters()
    advanced = clusters[clusters["list"] == "advanced-manufacturing"]
    province = advanced["adcodes"].str[0] // 10_000
    inner = province.isin([11, 12, 13, 31, 32, 33, 44])
    assert inner.sum() == 26
    assert (inner | (province == 34)).sum() == 27


def test_plans_have_the_printed_frequencies():
    printed = pd.read_csv(DATA / "industry_plans.csv", comment="#")["printed_frequency"]
    plans = nq.datasets.industry_plans()
    assert plans.shape == (37, 11)
    np.testing.assert_array_equal(plans.sum(axis=1), printed)
    assert plans.to_numpy().sum() == 171
    assert plans.loc["New materials"].all()
    assert plans.columns[plans.loc["Gene technology"]].tolist() == ["Shanghai", "Jiangsu"]


def test_similarity_of_plans():
    """Mean Jaccard 0.370; 0.389 within agglomerations, 0.366 between; closest pair 0.600."""
    plans = nq.datasets.industry_plans()
    w = nq.weights.similarity(plans.T, measure="jaccard", standardize="none")
    schemes = nq.datasets.region_schemes()
    clusters = schemes[schemes["scheme"] == "city_cluster"].set_index("province_en")["region"]
    values = w.sparse.toarray()
    pairs = list(combinations(range(11), 2))
    names = w.units
    similarity = np.array([values[a, b] for a, b in pairs])
    # By the definition, for one pair and for all.
    by_hand = [
        (plans[names[a]] & plans[names[b]]).sum() / (plans[names[a]] | plans[names[b]]).sum()
        for a, b in pairs
    ]
    np.testing.assert_allclose(similarity, by_hand)
    same = np.array([clusters[names[a]] == clusters[names[b]] for a, b in pairs])
    assert same.sum() == 10
    assert similarity.mean() == pytest.approx(0.370, abs=5e-4)
    assert similarity[same].mean() == pytest.approx(0.389, abs=5e-4)
    assert similarity[~same].mean() == pytest.approx(0.366, abs=5e-4)
    a, b = pairs[int(similarity.argmax())]
    assert {names[a], names[b]} == {"Zhejiang", "Chongqing"}
    assert similarity.max() == pytest.approx(0.600, abs=5e-4)


def test_names_of_plans():
    chinese = nq.datasets.industry_plans("zh")
    assert chinese.columns[0] == "北京市"
    assert chinese.loc["新材料"].all()
    codes = nq.datasets.industry_plans("adcode")
    assert codes.columns.tolist()[:3] == [110000, 120000, 130000]
    np.testing.assert_array_equal(codes.to_numpy(), chinese.to_numpy())
    with pytest.raises(OptionError, match="names must be"):
        nq.datasets.industry_plans("fr")


def test_gaps_add_up():
    """A to C is A to B and B to C, to the rounding of the table; so 25 103, not 25 003."""
    gaps = nq.datasets.gdp_gaps().set_index(["variable", "first", "second"])
    for variable in ("gdp", "gdp_per_head"):
        for year in ("gap_2000", "gap_2022"):
            first = gaps.loc[variable][year]
            for a, b, c in combinations(["East", "Central", "West", "Northeast"], 3):
                assert first[a, c] == pytest.approx(first[a, b] + first[b, c], abs=1)
    assert gaps.loc[("gdp", "Central", "Northeast"), "gap_2022"] == 25103


def test_gaps_have_the_printed_changes():
    """Changes are of unrounded gaps: they agree within what rounding of either gap can do."""
    gaps = nq.datasets.gdp_gaps()
    change = 100 * (gaps["gap_2022"] - gaps["gap_2000"]) / gaps["gap_2000"].abs()
    change = change.where(gaps["gap_2000"] > 0, -change)
    slack = 100 * (0.5 + 0.5 * (gaps["gap_2022"] / gaps["gap_2000"]).abs()) / gaps["gap_2000"].abs()
    assert ((change - gaps["change_pct"]).abs() < slack + 0.05).all()


def test_hu_line():
    shares = nq.datasets.hu_line_shares()
    np.testing.assert_allclose(shares.sum(axis=1), 100)
    density = shares.loc["population"] / shares.loc["area"]
    assert density["southeast"] / density["northwest"] == pytest.approx(20.4, abs=0.05)


def test_base_stations():
    stations = nq.datasets.base_stations_5g()
    assert stations["stations_10k"].sum() == pytest.approx(351)
    share = 100 * stations["stations_10k"] / 351
    np.testing.assert_allclose(share, stations["share_pct"], atol=0.05)
    assert stations["trial_cities"].sum() == 18
