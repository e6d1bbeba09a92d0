"""Names that were probably meant."""

from __future__ import annotations

from typing import get_args

import pytest

import nqp_spatial as nq
from nqp_spatial.core.near_names import ARGUMENTS, CHOICES, folded, nearest, same_choice
from nqp_spatial.core.options import rules_of
from nqp_spatial.regression import spec
from tests.test_arguments import CHECKED


@pytest.mark.parametrize(
    ("value", "names", "meant"),
    [
        ("Two_Way", ["unit", "two-way"], ("two-way",)),
        ("twoways", ["unit", "two-way"], ("two-way",)),
        ("FE", ["none", "unit", "two-way"], ("unit", "two-way")),
        ("fe", ["none", "period"], ()),
        ("gmm", ["ml", "gs2sls"], ("gs2sls",)),
        ("zzz", ["ml", "gs2sls"], ()),
        (3, ["ml"], ()),
    ],
)
def test_the_nearest_choice(value, names, meant):
    assert nearest(value, names) == meant


def test_a_choice_that_stands_for_two_is_not_taken():
    assert same_choice("a b", ["a-b", "ab"]) is None
    assert same_choice("+", ["-", "+"]) is None  # signs alone have no letters


def test_the_tables_of_words_lead_to_names_that_exist():
    arguments = {option for function in CHECKED.values() for option in rules_of(function)}
    arguments |= set(rules_of(nq.SpatialPanel.__init__))
    for word, names in ARGUMENTS.items():
        assert word == folded(word)
        assert set(names) & arguments, word
    literals = (spec.Model, spec.Effects, spec.Estimator, spec.Covariance)
    choices = {choice for literal in literals for choice in get_args(literal)}
    choices |= {"row", "haversine", "quantiles", "natural-breaks", "equal-intervals", "en", "zh"}
    for word, names in CHOICES.items():
        assert word == folded(word)
        assert set(names) & choices, word
