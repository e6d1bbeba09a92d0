"""What results of association say: their tests, specifications and notes, in Chinese too."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.core.text import label, translate
from nqp_spatial.esda.lisa import CLUSTERS


@pytest.fixture(scope="module")
def data():
    """Twelve units on a ring, the first without neighbours; their column is called p."""
    x = np.random.default_rng(0).normal(size=12)
    frame = pd.DataFrame({"id": range(12), "p": x, "kind": np.where(x > 0, "up", "down")})
    ring = np.roll(np.eye(12), 1, axis=1)
    ring[0] = 0
    w = nq.weights.from_dense(ring, range(12), standardize="none", islands="keep")
    return nq.SpatialPanel(frame, unit="id"), w


def test_tests_of_moran_by_period():
    panel = nq.datasets.us_income().select(periods=[1929, 2009])
    w = nq.weights.contiguity(panel)
    permuted = nq.esda.moran(panel, "income", w, permutations=99)
    test = permuted.tests["2009"]
    row = permuted.frame.loc[2009]
    assert (test.statistic, test.p_value) == (row["moran_i"], row["p_value"])
    assert test.distribution == "permutation"
    assert translate(test.null, "zh") == "不存在空间自相关"
    assert translate(test.rule, "zh") == "空间置换 99 次，随机种子 0，取较小一侧"
    normal = nq.esda.moran(panel, "income", w, permutations=0).tests["1929"]
    assert normal.distribution == "normal"
    assert translate(normal.rule, "zh") == "随机化假设下的正态近似，双侧"
    assert list(permuted.tests) == ["1929", "2009"]


def test_the_test_of_joins(data):
    panel, w = data
    result = nq.esda.join_counts(panel, "kind", w, permutations=99)
    row = result.frame.loc[("same", "")]
    test = result.tests["same"]
    assert (test.statistic, test.p_value) == (row["joins"], row["p_value"])
    normal = nq.esda.join_counts(panel, "kind", w, permutations=0).tests["same"]
    assert normal.statistic == pytest.approx(float(row["z"]))
    assert normal.distribution == "normal"
    assert translate(test.name, "zh") == "同类连接数检验"


def test_notes_name_units_without_neighbours(data):
    panel, w = data
    for result in (
        nq.esda.moran(panel, "p", w, permutations=9),
        nq.esda.lisa(panel, "p", w, permutations=9),
        nq.esda.join_counts(panel, "kind", w, permutations=9),
    ):
        assert result.notes == ("1 units have no neighbours: 0",)
        assert translate(result.notes[0], "zh") == "1 个地区没有相邻地区：0"
        assert "Note: 1 units" in repr(result)
    pair = np.zeros((12, 12))
    pair[0, 1] = pair[1, 0] = 1
    few = nq.weights.from_dense(pair, range(12), standardize="none", islands="keep")
    note = nq.esda.moran(panel, "p", few, permutations=9).notes[0]
    assert note == "10 units have no neighbours: 2, 3, 4, 5, 6 and 5 more"
    assert translate(note, "zh") == "10 个地区没有相邻地区：2, 3, 4, 5, 6 等另外 5 个"


def test_the_criterion_of_lisa(data):
    panel, w = data
    result = nq.esda.lisa(panel, "p", w, permutations=99, alternative="two-sided", fdr=True)
    assert result.criterion() == "false discovery rate < 0.05 (two-sided), 99 permutations"
    assert translate(result.criterion(), "zh") == "错误发现率 < 0.05（双侧），空间置换 99 次"
    assert "至少置换 240 次" in translate(result.notes[-1], "zh")
    title, line, *_ = (translate(block, "zh") for block in result._blocks()[:2])
    assert title.startswith("p的局部莫兰指数，0 期；")
    assert "随机种子 0" in line


def test_clusters_have_words():
    words = [translate(label("cluster", name), "zh") for name in CLUSTERS]
    assert words == ["高-高", "低-低", "高-低", "低-高", "不显著", "无相邻地区"]
