"""Columns that should hold numbers: text, dates and durations are refused, with the cells."""

import numpy as np
import pandas as pd
import pytest

from nqp_spatial import SpatialPanel
from nqp_spatial.core.numbers import is_number_column, numbers_as_text, text_of_numbers
from nqp_spatial.errors import DomainError, PanelError


def panel_of(cells):
    frame = pd.DataFrame({"id": [1, 2, 1, 2], "year": [2010, 2010, 2011, 2011], "k": cells})
    return SpatialPanel(frame, unit="id", period="year")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("1.5", "plain"),
        (" 12 ", "plain"),
        ("-1e5", "plain"),
        ("1,234", "number"),
        ("1 234 567", "number"),
        ("１２３", "number"),
        ("12.5%", "number"),
        ("￥5", "number"),
        ("(3)", "number"),
        ("−3", "number"),
        ("—", "placeholder"),
        ("－", "placeholder"),
        ("", "placeholder"),
        ("N/A", "placeholder"),
        ("缺失", "placeholder"),
        ("east", "word"),
        ("2010-03", "word"),
        ("1,2,3", "word"),
        ("3a", "word"),
    ],
)
def test_forms_of_text(text, form):
    assert text_of_numbers(pd.Series([text])).tolist() == [form]


def test_a_dash_or_a_thousands_comma_is_named_with_its_cell():
    panel = panel_of(["1", "—", "3", "1,234"])
    assert panel.numbers_as_text("k")
    with pytest.raises(DomainError, match=r"'—' at \(2, 2010\), '1,234' at \(2, 2011\)"):
        panel.require_numeric(["k"])
    with pytest.raises(DomainError, match="numbers except '—'"):
        panel.values("k")


def test_a_missing_cell_does_not_hide_that_the_column_is_text():
    with pytest.raises(DomainError, match=r"numbers except 'x' at \(2, 2011\)"):
        panel_of(["1", None, "3", "x"]).values("k")


def test_text_of_plain_numbers_is_no_category():
    panel = panel_of(["1", "2", "3", "4"])
    assert panel.numbers_as_text("k")
    with pytest.raises(DomainError, match="text although its cells are numbers"):
        panel.values("k")


def test_words_are_categories_and_no_numbers():
    panel = panel_of(["west", "east", "12 months", "west"])
    assert not panel.numbers_as_text("k")
    with pytest.raises(DomainError, match="must be numeric"):
        panel.require_numeric(["k"])


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        ([1j, 2.0, 3.0, 4.0], "complex"),
        (pd.to_timedelta([1, 2, 3, 4], unit="D"), "durations"),
        (pd.to_datetime(["2010-01-01"] * 4), "dates"),
        (pd.PeriodIndex(["2010"] * 4, freq="Y"), "dates"),
        ([b"1", b"2", b"3", b"4"], "must be numeric"),
        ([[1], [2], [3], [4]], "must be numeric"),
    ],
)
def test_what_is_no_number_is_refused_when_used(cells, word):
    panel = panel_of(cells)
    assert not panel.numbers_as_text("k")
    with pytest.raises(PanelError, match=word):
        panel.values("k")


@pytest.mark.parametrize("dtype", ["float32", "Int64", "bool", "boolean", "int64[pyarrow]"])
def test_numbers_of_any_storage_are_numbers(dtype):
    assert is_number_column(pd.Series([0, 1], dtype=dtype))
    assert not numbers_as_text(pd.Series([0, 1], dtype=dtype))
    panel = panel_of(pd.array([0, 1, 1, 0], dtype=dtype))
    assert np.array_equal(panel.values("k"), [[0, 1], [1, 0]])


def test_categories_of_text_are_judged_by_their_text():
    assert numbers_as_text(pd.Series(["1", "2,000"], dtype="category"))
    assert not numbers_as_text(pd.Series(["w", "e"], dtype="category"))
