"""How numbers are printed: rules that hold for all numbers, and cases that went wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nqp_spatial.core.display import Displayed
from nqp_spatial.core.number_format import (
    column_texts,
    criterion_text,
    fixed,
    frame_texts,
    interval_texts,
    p_text,
    p_words,
    places_for,
    series_texts,
    significant,
    typeset,
)
from nqp_spatial.core.text import translate

SIZES = st.floats(1e-12, 1e12) | st.floats(-1e12, -1e-12)


def read(text):
    """The number that a text prints."""
    return float(text.replace(",", "").replace("−", "-"))


@given(SIZES, st.integers(0, 6))
def test_no_number_is_printed_as_zero(value, places):
    text = fixed(value, places)
    assert read(text) != 0
    assert np.sign(read(text)) == np.sign(value)
    assert abs(read(text) - value) <= max(0.5000001 * 10.0**-places, 0.5 * abs(value))


@given(SIZES, st.integers(2, 6))
def test_significant_digits_are_kept(value, digits):
    assert abs(read(significant(value, digits)) / value - 1) <= 0.50001 * 10.0 ** (1 - digits)


@given(st.lists(st.tuples(SIZES, st.floats(1e-10, 1e6)), min_size=1, max_size=6))
def test_numbers_of_a_row_have_equal_decimals(pairs):
    values, errors = zip(*pairs, strict=True)
    places = places_for(values, errors)
    texts = [fixed(number, places) for number in (*values, *errors)]
    plain = [text for text in texts if "e" not in text]
    ordinary = [
        text for text, number in zip(texts, (*values, *errors), strict=True)
        if "e" not in text and abs(number) >= 10.0 ** -(places or 0)
    ]  # fmt: skip
    assert len({len(text.partition(".")[2]) for text in ordinary}) <= 1
    assert all(read(text) != 0 for text in plain)
    for text, error in zip(texts[len(values) :], errors, strict=True):
        # Two significant digits: 0.00096 may be 0.0010.
        assert abs(read(text) / error - 1) <= 0.0527, (text, error)


def test_cases_that_went_wrong():
    places = places_for([-0.00012], [0.00005])
    assert (fixed(-0.00012, places), fixed(0.00005, places)) == ("-0.000120", "0.000050")
    assert fixed(39205.0, places_for([39205.0, 48725.87])) == "39,205"
    assert fixed(48725.87, places_for([39205.0, 48725.87])) == "48,726"
    assert fixed(-0.0, 3) == "0.000"
    assert fixed(0.00099, places_for([0.0053], [0.00099])) == "0.0010"
    assert [fixed(x, places_for([3e-12, 5e-13])) for x in (3e-12, 5e-13)] == [
        "3.00e-12",
        "5.00e-13",
    ]
    # An estimate that is noise does not stretch the row by digits that say nothing.
    assert places_for([0.0000312], [0.05]) == 5
    assert places_for([0.0312], [0.05]) == 3
    assert places_for([float("nan"), 0.0]) == 3
    assert fixed(float("inf"), 3) == "∞"


def test_p_values_are_never_zero():
    assert [p_text(p) for p in (9.2e-135, 0.0, 0.0009999, 0.001, 0.04999, 1.0)] == [
        "<0.001", "<0.001", "<0.001", "0.001", "0.050", "1.000",
    ]  # fmt: skip
    assert p_text(float("nan")) == ""
    assert (p_words(1e-9), p_words(0.25)) == ("p < 0.001", "p = 0.250")
    assert translate(p_words(1e-9), "zh") == "p < 0.001"


def test_models_can_be_ranked_by_their_criteria():
    """They were printed as -1.104e+04, -1.207e+04 and -1.068e+04."""
    frame = pd.DataFrame({"AIC": [-11035.34, -11035.62, np.nan]}, ["a", "b", "c"])
    assert frame_texts(frame)["AIC"].tolist() == ["-11,035.3", "-11,035.6", ""]
    assert criterion_text(-0.01) == "0.0"


def test_columns_of_printed_tables():
    assert column_texts("n", [1, 2]) == ["1", "2"]
    assert column_texts("x", [2001.0, 3.0]) == ["2,001", "3"]
    assert column_texts("x", ["a", None, 0.5]) == ["a", "", "0.5000"]
    # Numbers of different kinds have no decimals in common.
    assert column_texts("x", [1.5e9, 0.00002]) == ["1,500,000,000", "2.000e-05"]
    both = frame_texts(
        pd.DataFrame({"estimate": [0.5, -0.00021], "std_error": [0.1, 0.0001],
                      "conf_low": [0.3, -0.0004], "p_value": [0.0, 0.04]})
    )  # fmt: skip
    assert both.to_numpy().tolist() == [
        ["0.50000", "0.10000", "0.30000", "<0.001"], ["-0.00021", "0.00010", "-0.00040", "0.040"],
    ]  # fmt: skip
    models = pd.DataFrame({"sar": [0.21, -0.5], "sdm": [0.4124, 0.0061]})
    assert frame_texts(models).to_numpy().tolist() == [["0.2100", "0.4124"], ["-0.5000", "0.0061"]]
    assert series_texts(pd.Series({"aic": -11035.34, "gini": 0.25})).tolist() == [
        "-11,035.3", "0.25",
    ]  # fmt: skip
    assert frame_texts(pd.DataFrame(index=[1])).shape == (1, 0)


def test_intervals_of_sentences():
    assert interval_texts(-0.00012, -0.00031, 0.00007) == ["−0.00012", "−0.00031", "0.00007"]
    assert interval_texts(1.5, -np.inf, np.inf) == ["1.500", "−∞", "∞"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("-0.5***", "−0.5***"), ("(-1.20)", "(−1.20)"), ("2010-2020", "2010-2020"), ("-x", "-x"),
     ("1.2e-08", "1.2×10⁻⁸"), ("3.1e+12", "3.1×10¹²"), ("x-1", "x-1"), ("", "")],
)  # fmt: skip
def test_signs_of_print(text, expected):
    assert typeset(text) == expected


class Wide(Displayed):
    """A result whose table does not fit into a line."""

    def __init__(self, frame):
        self.table = frame

    def _blocks(self):
        return ["Wide", self.table]


def test_parts_of_a_wide_table_repeat_what_names_their_rows():
    """Effects were printed in two pieces, the second without variable and effect."""
    frame = pd.DataFrame(
        {"variable": ["capital", "labour"], "effect": ["direct", "total"]}
        | {f"statistic_{k}": [0.5 + k, 0.25] for k in range(8)}
    )
    parts = repr(Wide(frame)).split("\n\n")
    assert len(parts) > 1
    for part in parts:
        assert "variable" in part and "effect" in part
        assert "capital" in part and "total" in part
    assert max(map(len, repr(Wide(frame)).splitlines())) <= 80
    assert all(repr(Wide(frame)).count(f"statistic_{k}") == 1 for k in range(8))


def test_long_tables_are_shortened_before_they_are_formatted():
    text = repr(Wide(pd.DataFrame({"x": np.arange(500.0)}, pd.Index(range(500), name="unit"))))
    assert len(text.splitlines()) < 70
    assert " 29 " in text.replace("\n", " \n") and "499" in text and "..." in text


def test_ends_of_an_interval_of_any_level_have_the_decimals_of_the_estimates():
    table = pd.DataFrame([[0.412, 0.021, 0.35, 0.00004]])
    names = ["estimate", "std.error"]
    texts = frame_texts(table.set_axis([*names, "conf_low", "conf_high"], axis=1)).to_numpy()
    for ends in (["2.5 %", "97.5 %"], ["0.25 %", "99.75 %"], ["5 %", "95 %"]):
        assert (frame_texts(table.set_axis([*names, *ends], axis=1)).to_numpy() == texts).all()
    other = frame_texts(table.set_axis([*names, "x", "y"], axis=1)).to_numpy()
    assert (other != texts).any()
