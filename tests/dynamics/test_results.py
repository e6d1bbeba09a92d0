"""Tables, tests, options and messages of results about dynamics."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial import dynamics
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.text import Message, translate
from nqp_spatial.errors import OptionError


@pytest.fixture(scope="module")
def incomes():
    panel = nq.datasets.us_income()
    return panel, nq.weights.contiguity(panel)


@pytest.fixture(scope="module")
def side(incomes):
    panel, _ = incomes
    return pd.Series(np.where(np.arange(48) < 20, "a", "b"), panel.units, name="level")


def english_in(text, own_words=()):
    """Words of English that stand in a Chinese text, but for names."""
    names = {"LR", "p", "W", "Silverman", "Moran", *own_words}
    return set(re.findall(r"[A-Za-z]{2,}", text)) - names


# -- tables ---------------------------------------------------------------------------------------


def test_cells_of_a_chain(incomes):
    panel, w = incomes
    chain = dynamics.markov(panel, "relative_income", states=3, replications=20)
    frame = chain.frame
    assert frame.index.names == ["own_state", "next_state"]
    assert list(frame) == ["moves", "probability", "std_error", "conf_low", "conf_high"]
    np.testing.assert_array_equal(frame["moves"], chain.counts.to_numpy().ravel())
    np.testing.assert_array_equal(frame["probability"], chain.probabilities.to_numpy().ravel())
    np.testing.assert_array_equal(frame["conf_low"], chain.intervals["conf_low"])
    spatial = dynamics.spatial_markov(panel, "relative_income", w, states=3, lag_states=2)
    assert spatial.frame.index.names == ["neighbour_state", "own_state", "next_state"]
    np.testing.assert_array_equal(spatial.frame["moves"], spatial.counts.to_numpy().ravel())
    assert list(spatial.frame) == ["moves", "probability", "std_error"]


def test_cells_of_chains_of_groups(incomes, side):
    panel, w = incomes
    result = dynamics.markov_by_group(panel, "relative_income", group=side, states=3)
    assert result.frame.index.names == ["group", "own_state", "next_state"]
    pd.testing.assert_frame_equal(result.frame.loc["a"], result.chains["a"].frame)
    spatial = dynamics.spatial_markov_by_group(panel, "relative_income", w, group=side, states=3)
    pd.testing.assert_frame_equal(spatial.frame.loc["b"], spatial.chains["b"].frame)
    assert spatial.mobility.index.names == ["group", "condition", "measure"]


def test_expected_moves_stand_beside_moves(incomes):
    panel, w = incomes
    result = dynamics.lisa_markov(panel, "income", w)
    np.testing.assert_array_equal(result.frame["expected"], result.expected.to_numpy().ravel())
    np.testing.assert_array_equal(result.frame["moves"], result.chain.counts.to_numpy().ravel())
    assert result.notes == result.chain.notes


def test_kernels_by_grid_point(incomes):
    panel, _ = incomes
    kernel = dynamics.stochastic_kernel(panel, "relative_income", points=30)
    assert kernel.frame.shape == (900, 2)
    x, y = kernel.conditional.index[3], kernel.conditional.columns[5]
    assert kernel.frame.loc[(x, y), "joint"] == kernel.joint.loc[x, y]
    assert kernel.supported.index.equals(kernel.conditional.index)
    assert kernel.bandwidths.index.tolist() == ["x", "y"]


def test_cuts_are_labelled(incomes):
    panel, w = incomes
    pooled = dynamics.markov(panel, "relative_income", states=3)
    assert pooled.cuts.index.tolist() == [1, 2]
    by_period = dynamics.markov(panel, "relative_income", states=3, discretize="period-quantiles")
    assert by_period.cuts.index.equals(panel.periods)
    spatial = dynamics.spatial_markov(panel, "relative_income", w)
    assert spatial.group_cuts.empty
    assert len(spatial.neighbour_cuts) == 3


# -- tests and options ----------------------------------------------------------------------------


def test_modes_are_tested_by_period(incomes):
    panel, _ = incomes
    result = dynamics.modality(panel, "income", periods=[1929, 2009], replications=19, max_modes=2)
    assert list(result.tests) == ["1929: 1", "1929: 2", "2009: 1", "2009: 2"]
    test = result.tests["2009: 2"]
    assert test.p_value == result.frame.loc[(2009, 2), "p_value"]
    assert test.statistic == result.frame.loc[(2009, 2), "critical_bandwidth"]
    assert test.null == "at most 2 modes"


def test_options_are_kept(incomes, side):
    panel, w = incomes
    chain = dynamics.spatial_markov(panel, "relative_income", w, permutations=9)
    assert chain.spec["weights"] == w.spec.words
    assert (chain.spec.permutations, chain.spec.seed, chain.spec.condition) == (9, 0, "neighbours")
    result = dynamics.markov_by_group(panel, "relative_income", group=side)
    assert (result.spec.group, result.grouping) == ("level", "level")
    assert isinstance(result.tests, TestSet)
    assert dynamics.density(panel, "income", relative=True).spec.relative
    assert not dynamics.markov(panel, "relative_income").tests


def test_the_default_seed_is_a_number(incomes, side):
    panel, w = incomes
    for function, options in (
        (dynamics.markov, {"replications": 9}),
        (dynamics.markov_by_group, {"group": side, "replications": 9}),
    ):
        first, second = (function(panel, "relative_income", **options) for _ in range(2))
        pd.testing.assert_frame_equal(first.frame, second.frame)
    ranks = [dynamics.rank_mobility(panel, "income", w, permutations=9).frame for _ in range(2)]
    pd.testing.assert_frame_equal(*ranks)


def test_neighbours_or_a_group_but_no_other_condition(incomes):
    panel, w = incomes
    with pytest.raises(OptionError, match="condition must be"):
        dynamics.spatial_markov(panel, "relative_income", w, condition="all")


def test_public_names_only():
    assert dir(dynamics) == sorted(dynamics.__all__)


# -- messages -------------------------------------------------------------------------------------


def test_notes_and_tests_of_chains_in_chinese(incomes, side):
    panel, w = incomes
    options = {"states": 9, "lag_states": 9, "permutations": 9}
    sparse = dynamics.spatial_markov(panel, "relative_income", w, **options)
    sums = dynamics.spatial_markov(panel, "relative_income", w.standardize("spectral"), **options)
    rich = panel.units.to_series().isin(["NY", "CT", "NJ"])
    conditional = dynamics.spatial_markov(
        panel, "relative_income", w, condition="both", group=rich, states=3, lag_states=3
    )
    results = [
        sparse, sums, conditional,
        dynamics.markov_by_group(panel, "relative_income", group=side, permutations=9),
        dynamics.spatial_markov_by_group(panel, "relative_income", w, group=side),
        dynamics.time_homogeneity(panel, "relative_income"),
        dynamics.first_order(panel, "relative_income", states=5),
        dynamics.lisa_markov(panel, "income", w),
        dynamics.modality(panel, "income", periods=[2009], replications=19),
    ]  # fmt: skip
    assert len(sparse.notes) > 3
    assert any("weighted sum" in note for note in sums.notes)
    for result in results:
        texts = [text for test in result.tests.values() for text in (test.name, test.null)]
        texts += [test.rule for test in result.tests.values()] + list(result.notes)
        for text in texts:
            assert isinstance(text, Message), text
            assert not english_in(translate(text, "zh"), own_words={"level"}), text
    first = results[6]
    assert translate(next(iter(first.chains)), "zh").startswith("前一状态为 1")
    assert translate(first.grouping, "zh") == "前一期状态"
    assert translate(sparse.pooled.rule, "zh") == "各期合并的分位数"


def test_names_of_the_caller_are_not_translated(incomes, side):
    panel, _ = incomes
    result = dynamics.markov_by_group(panel, "relative_income", group=side)
    assert translate(result.tests["lr"].null, "zh") == "按level划分的各组转移概率相同"


def test_reasons_of_missing_distributions():
    values = np.array([[0.0, 0, 1], [0, 1, 2], [0, 0, 0]])
    frame = pd.DataFrame(
        {"id": np.repeat(range(3), 3), "t": np.tile(range(3), 3), "y": values.ravel()}
    )
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    chain = dynamics.markov(panel, "y", states=3, discretize=[0.5, 1.5])
    assert translate(chain.notes[0], "zh") == (
        "不存在稳态分布：样本期内曾进入状态 3，但从未由其转出"
    )
    assert translate(chain.notes[1], "zh") == "没有从状态 3: > 1.5 出发的转移，该行缺失"


@pytest.mark.parametrize("kind", ["chain", "quadrants", "groups", "kernel", "density"])
def test_results_draw_themselves(incomes, side, kind):
    import matplotlib.pyplot as plt

    panel, w = incomes
    results = {
        "chain": lambda: dynamics.markov(panel, "relative_income", states=3),
        "quadrants": lambda: dynamics.lisa_markov(panel, "income", w),
        "groups": lambda: dynamics.markov_by_group(panel, "income", group=side, states=3),
        "kernel": lambda: dynamics.stochastic_kernel(panel, "relative_income", points=30),
        "density": lambda: dynamics.density(panel, "income", periods=[1929, 2009]),
    }
    assert results[kind]().plot() is not None
    plt.close("all")
