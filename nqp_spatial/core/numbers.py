"""Columns that should contain numbers: what they contain instead, cell by cell."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import numpy as np
import pandas as pd

from nqp_spatial.errors import plain, sample

__all__ = ["is_number_column", "numbers_as_text", "text_of_numbers", "why_not_numeric"]

# Placeholders for missing numbers in tables; they are neither numbers nor categories.
_PLACEHOLDERS = frozenset(
    [
        "/", "?", "na", "n/a", "nan", "null", "none", "missing", "#n/a", "#div/0!", "#value!",
        "#ref!", "无", "缺失", "缺", "空", "暂无",
    ]
)  # fmt: skip
_NUMBER = re.compile(
    r"""[(]?[+-]?[¥$€£]?[+-]?
    (\d{1,3}([, '_]\d{3})+ | \d+ | (?=\.\d))   # whole part, perhaps with thousands separators
    ([.,]\d*)?(e[+-]?\d+)?
    [%‰万亿]?[)]?""",
    re.VERBOSE,
)
_DASHES = str.maketrans("−–—―‒‐‑﹣～~", "-" * 10)


def is_number_column(column: pd.Series) -> bool:
    """Whether a column is of real numbers or bools.

    Examples
    --------
    >>> [is_number_column(pd.Series(x)) for x in ([1, 2], [True], [1j], ["1"])]
    [True, True, False, False]
    """
    kind = column.dtype
    return bool(
        pd.api.types.is_bool_dtype(kind)
        if isinstance(kind, pd.CategoricalDtype)
        else pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind)
    )


def text_of_numbers(column: pd.Series) -> pd.Series:
    """Return, for each cell of a column, "plain", "number", "placeholder" or "word".

    ``plain`` is what Python reads as a number; ``number`` is one to a reader only: with thousands
    separators, full-width digits, a percent sign. Missing cells are left out.

    Examples
    --------
    >>> text_of_numbers(pd.Series(["1.5", "1,234", "—", "east"])).tolist()
    ['plain', 'number', 'placeholder', 'word']
    """
    return column.dropna().astype(object).map(_form)


def _form(cell: object) -> str:
    if isinstance(cell, str):
        return _form_of_text(cell)
    is_number = isinstance(cell, int | float | np.number) and not isinstance(cell, bool)
    return "plain" if is_number and not isinstance(cell, np.complexfloating) else "word"


@lru_cache(maxsize=10_000)
def _form_of_text(text: str) -> str:
    if re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", text, re.ASCII):
        return "plain"
    bare = unicodedata.normalize("NFKC", text).translate(_DASHES).strip().lower()
    if bare in _PLACEHOLDERS or set(bare) <= set("-.·*"):
        return "placeholder"
    return "number" if _NUMBER.fullmatch(bare) else "word"


def numbers_as_text(column: pd.Series) -> bool:
    """Whether a column is text in which nearly all cells are numbers.

    Placeholders such as a dash do not count; of the other cells more than half must be numbers, so
    that a few words among numbers do not hide them.

    Examples
    --------
    >>> numbers_as_text(pd.Series(["1", "2,000", "—"])), numbers_as_text(pd.Series(["w", "e"]))
    (True, False)
    """
    if is_number_column(column) or not _is_text(column):
        return False
    forms = text_of_numbers(column)
    numbers = int(forms.isin(["plain", "number"]).sum())
    return 2 * numbers > int((forms != "placeholder").sum())


def _is_text(column: pd.Series) -> bool:
    values = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column
    return bool(
        pd.api.types.is_object_dtype(values.dtype) or pd.api.types.is_string_dtype(values.dtype)
    )


def why_not_numeric(column: pd.Series) -> str:
    """Return why a column cannot be worked with as numbers, and what to do; "" if it can.

    Parameters
    ----------
    column : Series
        Indexed by (unit, period).

    Examples
    --------
    >>> cells = pd.MultiIndex.from_tuples([("a", 2010), ("b", 2010)])
    >>> why_not_numeric(pd.Series(["1.5", "—"], cells, name="k"))  # doctest: +ELLIPSIS
    "column 'k' is text: numbers but for '—' at ('b', 2010); correct these cells..."
    """
    if is_number_column(column):
        return ""
    name = f"column {column.name!r}"
    kind = column.dtype
    if pd.api.types.is_complex_dtype(kind):
        return (
            f"{name} must be numeric, it holds complex numbers; use the real part "
            "(numpy.real) or the modulus (numpy.abs)"
        )
    if pd.api.types.is_timedelta64_dtype(kind):
        return (
            f"{name} must be numeric, it holds durations ({kind}); divide it by a unit of time, "
            "such as column / pandas.Timedelta('1D')"
        )
    if pd.api.types.is_datetime64_any_dtype(kind) or isinstance(kind, pd.PeriodDtype):
        return (
            f"{name} must be numeric, it holds dates ({kind}); take a number from it, such as "
            "column.dt.year"
        )
    if not numbers_as_text(column):
        return (
            f"{name} must be numeric, it is of type {kind} with values such as "
            f"{sample(column.dropna().head(3))}; convert it with panel.assign or in the data"
        )
    return f"{name} {_odd_cells(column)}"


def _odd_cells(column: pd.Series) -> str:
    """Name the cells of a text column that Python cannot read as numbers."""
    forms = text_of_numbers(column)
    odd = column.dropna()[(forms != "plain").to_numpy()]
    if not len(odd):
        return (
            "is text although its cells are numbers; convert it to numbers in the data "
            "(column.astype(float)), or, where it names categories, write C(...) in a formula"
        )
    cells = ", ".join(f"{text!r} at {plain(key)!r}" for key, text in odd.head(5).items())
    more = f" and {len(odd) - 5} more" if len(odd) > 5 else ""
    return (
        f"is text: numbers but for {cells}{more}; correct these cells and convert the column to "
        "numbers (thousands separators: read the file with thousands=','; signs for missing "
        "values: na_values=[...])"
    )
