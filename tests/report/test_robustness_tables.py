"""Tables of robustness and of groups: numbers of the results, in four formats and two languages."""

from __future__ import annotations

import warnings

import pytest

import nqp_spatial as nq
from nqp_spatial.errors import NqpWarning, OptionError
from tests.report.test_result_tables import ENDINGS, text_of


@pytest.fixture(scope="module")
def robust(states):
    panel, w = states
    changes = {
        "winsorised": 0.01, "no Texas": {"without": ["TX"]}, "my SAR": {"model": "sar"},
        "broken": {"added controls": "nope"},
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NqpWarning)
        return nq.robustness("lgsp ~ lpc + unemp", panel, w, changes=changes, draws=50)


@pytest.fixture(scope="module")
def groups(states):
    panel, w = states
    south = panel.units.to_series().isin(["TX", "OK", "LA", "AR", "MS", "AL", "GA", "FL"])
    names = south.map({True: "南方", False: "其他"})
    return nq.compare_groups("lgsp ~ lpc", panel, w, group=names, permutations=9, draws=20)


@pytest.mark.parametrize("ending", ENDINGS)
def test_robustness_in_four_formats(robust, tmp_path, ending):
    text = text_of(nq.report.robustness_table(robust, tmp_path / f"r.{ending}"))
    rows = robust.quantity("lpc", "direct").set_index("change")
    assert f"{rows.loc['winsorised', 'estimate']:.3f}" in text.replace("−", "-")
    for words in ("Baseline", "Winsorised", "no Texas", "my SAR", "Direct", "Observations"):
        assert words in text
    assert "units left out (1): TX" in text
    assert "could not be fitted: the panel has no column" in text


def test_cells_of_robustness(robust):
    table = nq.report.robustness_table(robust, keep="lpc", terms=["wx", "total"], statistic="t")
    names = [name for _, name in table.frame.index]
    assert names == ["Baseline", "Winsorised", "no Texas", "my SAR", "broken"]
    assert [name for _, name in table.frame.columns] == ["W x", "Total", "Observations"]
    assert table.frame.iloc[3, 0] == ""  # SAR has no W x
    assert table.frame.iloc[4].tolist() == ["–", "–", "–"]
    assert table.frame.iloc[2, 2] == "799"
    row = robust.quantity("lpc", "total").set_index("change").loc["my SAR"]
    assert f"({row['estimate'] / row['std_error']:.2f})" in table.frame.iloc[3, 1]
    with pytest.raises(OptionError, match="terms must be among"):
        nq.report.robustness_table(robust, terms="spatial")
    with pytest.raises(OptionError, match="statistic must be"):
        nq.report.robustness_table(robust, statistic="p")


def test_robustness_in_chinese(robust):
    table = nq.report.robustness_table(robust, lang="zh")
    assert ("Unemployment rate, %", "缩尾处理") in table.frame.index
    assert "剔除 1 个地区：TX；空间权重矩阵限于其余地区并重新标准化。" in table.notes
    assert "基准模型：空间杜宾模型" in table.notes


@pytest.mark.parametrize("ending", ENDINGS)
def test_groups_in_four_formats(groups, tmp_path, ending):
    text = text_of(nq.report.group_table(groups, tmp_path / f"g.{ending}"))
    for words in ("Each group on its own", "Slopes by group in one model", "南方", "其他"):
        assert words in text
    assert "Permutation of Wald: all slopes" in text


def test_cells_of_groups(groups):
    frame = nq.report.group_table(groups, stars=False).frame
    panels = list(dict.fromkeys(frame.index.get_level_values(0)))
    assert panels == ["Each group on its own", "Slopes by group in one model"]
    label = next(name for _, name in frame.index)
    slope = groups.models["南方"].params["x", "lpc"]
    assert frame.loc[(panels[0], label), "南方"].startswith(f"{slope:.3f}")
    cell = frame.loc[(panels[1], label)]
    assert cell["p, Wald"] == nq.report.tests_table(
        {"a": groups.tests["Wald, lpc"]}
    ).frame["p"].iloc[0]  # fmt: skip
    assert float(cell["p, permutation"]) == groups.tests["permutation, lpc"].p_value
    rho = groups.pooled.params["spatial", "rho"]
    assert frame.loc[(panels[1], "ρ (Wy)"), "其他"].startswith(f"{rho:.3f}")
    assert "p 值（组合检验）" in nq.report.group_table(groups, lang="zh").frame.columns
