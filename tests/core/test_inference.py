"""Tables of coefficients and sets of tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nqp_spatial.core.display import Spec
from nqp_spatial.core.inference import (
    CoefficientTable,
    NotApplicable,
    TestSet,
    chi2_test,
    critical_value,
    two_sided_p,
    with_intervals,
)


@dataclass(frozen=True)
class Estimate(CoefficientTable):
    params: pd.Series
    cov: pd.DataFrame
    df_resid: float = np.inf


@pytest.fixture
def estimate():
    params = pd.Series({"x": 2.0, "z": -0.5})
    cov = pd.DataFrame([[1.0, 0.2], [0.2, 0.25]], params.index, params.index)
    return Estimate(params, cov)


def test_table_of_an_estimate(estimate):
    frame = estimate.frame
    assert list(frame) == [
        "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"
    ]  # fmt: skip
    assert frame["std_error"].tolist() == [1.0, 0.5]
    assert frame["statistic"].tolist() == [2.0, -1.0]
    np.testing.assert_allclose(frame["p_value"], [0.04550026, 0.31731051], rtol=1e-6)
    np.testing.assert_allclose(
        frame.loc["x", ["conf_low", "conf_high"]], [0.040036, 3.959964], atol=1e-6
    )
    np.testing.assert_allclose(estimate.conf_int(0.5).loc["z"], [-0.837245, -0.162755], atol=1e-6)


def test_degrees_of_freedom_widen_the_intervals(estimate):
    few = Estimate(estimate.params, estimate.cov, df_resid=4)
    assert few.conf_int().loc["x", "conf_high"] == pytest.approx(2 + 2.776445, abs=1e-6)
    assert few.pvalues["x"] == pytest.approx(0.116117, abs=1e-6)


def test_critical_values_are_those_of_tables():
    assert critical_value(0.9) == pytest.approx(1.644854, abs=1e-6)
    assert critical_value(0.99, 10) == pytest.approx(3.169273, abs=1e-6)
    np.testing.assert_allclose(two_sided_p([0.0, 1.644854, -1.644854]), [1, 0.1, 0.1], atol=1e-6)


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(7)
    draws = pd.DataFrame({"estimate": rng.normal(3, 2, 40_000), "std_error": 2.0})
    bounds = with_intervals(draws, 0.8)
    assert bounds["conf_low"].le(3).mul(bounds["conf_high"].ge(3)).mean() == pytest.approx(
        0.8, abs=0.01
    )
    normal = 2 * stats.norm.sf(draws["estimate"].abs() / 2)
    np.testing.assert_allclose(bounds["p_value"], normal, rtol=1e-12)


def test_sets_of_tests():
    tests = TestSet([chi2_test("LR", "equal", 3.84, 1), NotApplicable("Wald", "equal", "singular")])
    assert list(tests) == ["LR", "Wald"]
    assert len(tests) == 2
    assert tests.frame["name"].tolist() == ["LR", "Wald"]
    assert "not applicable, singular" in repr(tests)
    assert list(TestSet({"mine": tests["LR"]})) == ["mine"]
    assert TestSet().frame.empty
    with pytest.raises(KeyError):
        tests["else"]


def test_a_specification_cannot_be_changed():
    spec = Spec(seed=0, permutations=99)
    assert dict(spec) == {"seed": 0, "permutations": 99}
    assert spec.permutations == 99
    with pytest.raises(AttributeError, match="cannot be changed"):
        spec.seed = 1
    with pytest.raises(AttributeError, match="no option 'draws'"):
        _ = spec.draws
