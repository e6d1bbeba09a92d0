"""Indices of values and options that do not fit: exact, or refused by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import DomainError, OptionError

SIGNS = {"a": "+", "b": "-"}


def panel_of(**columns):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "id": np.repeat(range(6), 2), "t": np.tile([1, 2], 6),
            "a": rng.lognormal(size=12), "b": rng.lognormal(size=12),
            "u": rng.random(12), "v": rng.random(12),
        }
    )  # fmt: skip
    return nq.SpatialPanel(frame.assign(**columns), unit="id", period="t")


@pytest.fixture(scope="module")
def panel():
    return panel_of()


@pytest.mark.parametrize("how", ["min-max", "min-max-by-period", "z-score", "base-year"])
@pytest.mark.parametrize("power", [-100, -40, 40, 100])
def test_scale_changes_no_digit(panel, how, power):
    scaled = panel.assign(a=lambda d: np.ldexp(d["a"], power))
    options = {"normalisation": how, "weighting": "equal"}
    if how == "base-year":
        options["base_period"] = 1
    first = nq.composite.index(panel, SIGNS, **options)
    other = nq.composite.index(scaled, SIGNS, **options)
    pd.testing.assert_series_equal(first.scores, other.scores, check_exact=True)
    steps = [c for c in first.indicators if c in ("min", "max", "mean", "std", "base")]
    np.testing.assert_array_equal(
        np.ldexp(first.indicators.loc["a", steps].astype(float), power),
        other.indicators.loc["a", steps].astype(float),
    )


def test_constants_but_for_rounding_are_refused():
    for a in (1.0, 1 + 1e-15 * (np.arange(12) % 2), 0.0):
        with pytest.raises(DomainError, match="constant and carry no information: 'a'"):
            nq.composite.index(panel_of(a=a), SIGNS)
    by_period = np.where(np.arange(12) % 2, 1 + 1e-15 * np.arange(12), np.arange(12.0))
    with pytest.raises(DomainError, match=r"constant in a period: \('a', 2\)"):
        nq.composite.index(panel_of(a=by_period), SIGNS, normalisation="min-max-by-period")


def test_critic_of_z_scores_has_both_standard_deviations(panel):
    table = nq.composite.index(panel, SIGNS, normalisation="z-score", weighting="critic").indicators
    assert {"std", "critic_std"} <= set(table.columns)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shift": np.nan}, "shift must be"),
        ({"shift": np.inf}, "shift must be"),
        ({"shift": -1}, "shift must be"),
        (
            {"weighting": "given", "indicator_weights": {"a": 1, "b": np.nan}},
            "indicator_weights must be",
        ),
        (
            {"weighting": "given", "indicator_weights": {"a": 1, "b": np.inf}},
            "indicator_weights must be",
        ),
        (
            {"weighting": "given", "indicator_weights": {"a": "x", "b": 1}},
            "indicator_weights must be",
        ),
        (
            {"normalisation": "target", "targets": {"a": (0, np.nan), "b": (1, 0)}},
            "targets must be",
        ),
        (
            {"normalisation": "target", "targets": {"a": (0, np.inf), "b": (1, 0)}},
            "targets must be",
        ),
        ({"normalisation": "target", "targets": {"a": 1, "b": 2}}, "targets must be"),
        ({"normalisation": "target", "targets": {"a": (1, 1), "b": (1, 0)}}, "beyond the worst"),
    ],
)
def test_options_of_an_index(panel, options, words):
    with pytest.raises(OptionError, match=words):
        nq.composite.index(panel, SIGNS, **options)


def test_a_dimension_without_weight_is_named(panel):
    nested = {"first": {"a": "+"}, "second": {"b": "-"}}
    with pytest.raises(OptionError, match="without any weight: 'first'"):
        nq.composite.index(panel, nested, weighting="given", indicator_weights={"a": 0, "b": 1})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"system_weights": [1, np.nan]}, "system_weights must be a list"),
        ({"system_weights": [1, np.inf]}, "system_weights must be a list"),
        ({"system_weights": "ab"}, "system_weights must be a list"),
        ({"system_weights": [0, 0]}, "nor all zero"),
        ({"cuts": [0.1, np.nan], "grades": list("abc")}, "cuts must be a list"),
        ({"cuts": [0.5], "grades": ["x", "x"]}, "grades must be different"),
        ({"tolerance": np.nan}, "tolerance must be a number from 0 to 1"),
        ({"tolerance": -1}, "tolerance must be a number from 0 to 1"),
    ],
)
def test_options_of_coupling(panel, options, words):
    with pytest.raises(OptionError, match=words):
        nq.composite.coupling(panel, ["u", "v"], **options)


def test_rounding_beyond_one_is_one():
    u = np.full(12, 1 + 2e-16)
    frame = nq.composite.coupling(panel_of(u=u), ["u", "v"]).frame
    exact = nq.composite.coupling(panel_of(u=1.0), ["u", "v"]).frame
    pd.testing.assert_frame_equal(frame, exact)
    with pytest.raises(DomainError, match="must lie in"):
        nq.composite.coupling(panel_of(u=1 + 1e-9), ["u", "v"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"draws": 0}, "draws must be a whole number from 1"),
        ({"draws": 10**11}, "draws must be a whole number from 1"),
        ({"concentration": np.nan}, "concentration must be"),
        ({"concentration": np.inf}, "concentration must be"),
        ({"level": 95}, "level must be"),
    ],
)
def test_options_of_rank_intervals(panel, options, words):
    result = nq.composite.index(panel, SIGNS)
    with pytest.raises(OptionError, match=words):
        nq.composite.rank_intervals(result, period=2, **options)


def test_draws_that_do_not_fit_into_memory_are_refused(panel, monkeypatch):
    result = nq.composite.index(panel, SIGNS)
    monkeypatch.setattr("nqp_spatial.core.sizes.memory_budget", lambda: 1000.0)
    with pytest.raises(OptionError, match="ranks of 6 units in 100 draws needs"):
        nq.composite.rank_intervals(result, period=2, draws=100)
    with pytest.raises(OptionError, match="schemes must name"):
        nq.composite.rank_schemes(panel, SIGNS, period=2, schemes=[])
