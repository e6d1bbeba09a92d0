"""What an index and a coupling show of themselves, in both languages."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.composite._weighting import SCHEMES
from nqp_spatial.composite.coupling import GRADES
from nqp_spatial.core.text import label, translate
from nqp_spatial.errors import OptionError

SIGNS = {"level": "+", "units": "+", "x": "-"}


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(3)
    base = rng.random(40)
    frame = pd.DataFrame(
        {
            "id": range(40),
            "level": base + 0.1 * rng.random(40),
            "units": base + 0.1 * rng.random(40),
            "x": base + 0.1 * rng.random(40),
        }
    )
    return nq.SpatialPanel(frame, unit="id")


def test_notes_are_chinese_but_for_columns(panel):
    result = nq.composite.index(panel, SIGNS, weighting=list(SCHEMES), combine="game")
    negative, combined = (translate(note, "zh") for note in result.notes)
    assert negative == ("主成分分析：x 在第一主成分上的载荷为负，与其他指标方向相反")
    assert combined.startswith("多种赋权方法按博弈论组合赋权合成：熵值法 0.")
    assert set(re.findall("[A-Za-z]+", combined)) == {"CRITIC"}
    assert "Note: weightings combined by game theory: entropy method 0." in repr(result)


def test_columns_are_machine_names_with_words(panel):
    nested = {"level": {"level": "+"}, "other": {"units": "+", "x": "-"}}
    for weighting in [*SCHEMES, list(SCHEMES)]:
        for indicators in (SIGNS, nested):
            columns = nq.composite.index(panel, indicators, weighting=weighting).indicators.columns
            for name in columns:
                assert re.fullmatch("[a-z_]+", name), name
                assert re.search("[一-鿿]", translate(label("column", name), "zh")), name


def test_face_of_an_index(panel):
    result = nq.composite.index(panel, SIGNS, shift=0.5)
    pd.testing.assert_frame_equal(result.frame, result.scores.to_frame())
    assert result.frame.columns.tolist() == ["index"]
    assert len(result.tests) == 0
    assert result.notes == ()
    assert dict(result.spec) == {
        "normalisation": "min-max", "weighting": "entropy", "combine": None, "across": None,
        "aggregation": "additive", "indicator_weights": None, "targets": None, "base_period": None,
        "shift": 0.5,
    }  # fmt: skip
    assert repr(result).splitlines()[0].startswith("Composite index: normalisation = min-max, ")
    assert "None" not in repr(result).splitlines()[0]


def test_face_of_a_coupling(panel):
    scores = panel.assign(a=lambda d: d["level"] / 2, b=lambda d: d["units"] / 2)
    result = nq.composite.coupling(scores, ["a", "b"], system_weights=[2, 1], tolerance=0)
    assert result.spec.systems == ("a", "b")
    assert result.spec.corrected is True
    assert result.spec.system_weights == [2, 1]
    assert result.spec.grades == GRADES
    assert len(result.tests) == 0
    assert result.notes == ()
    assert set(result.frame["lagging"]) == {"a", "b"}
    chinese = [translate(label("grade", grade), "zh") for grade in GRADES]
    assert chinese[0] == "极度失调"
    assert chinese[-1] == "优质协调"
    assert all(re.fullmatch("[一-鿿]{4}", grade) for grade in chinese)
    with pytest.raises(OptionError, match="system_weights must be 2 numbers"):
        nq.composite.coupling(scores, ["a", "b"], system_weights=[1])


def test_public_names_only():
    for room in (nq.composite, nq.weights, nq.datasets):
        assert dir(room) == sorted(room.__all__)
