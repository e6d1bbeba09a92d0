"""How numbers are printed: in tables of papers, in printed results and in sentences.

Numbers that are read together have equal decimals. These are chosen from the numbers: small ones
keep significant digits, large ones have no decimals that say nothing, and a number that is not zero
is never printed as zero.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.text import Message, t

__all__ = [
    "MINUS",
    "column_texts",
    "criterion_text",
    "fixed",
    "frame_texts",
    "interval_texts",
    "p_text",
    "p_words",
    "places_for",
    "series_texts",
    "significant",
    "typeset",
]

MINUS = "−"
_MOST = 7  # decimals; smaller numbers are powers of ten
_SIGNED = re.compile(r"(?<![\w.)\]])-(?=[\d.∞])")
_POWER = re.compile(r"(?<=\d)e([+-])0*(\d+)")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_P_NAMES = frozenset(["p", "p_value", "p-value", "p_adjusted", "pseudo_p"])
_ESTIMATES = ("estimate", "std_error", "std.error")
_END = re.compile(r"conf_(low|high)|\d+(\.\d+)? %")  # of an interval
_CRITERIA = frozenset(["aic", "bic", "loglik", "log_likelihood", "log-likelihood", "deviance"])


def fixed(value: float, places: int | None) -> str:
    """Return a number with so many decimals and thousands separators.

    A number that these decimals would print as zero has more of them, or is a power of ten, as are
    all if `places` is None.

    Examples
    --------
    >>> fixed(-39205.4, 0), fixed(0.5, 3), fixed(-0.00012, 3), fixed(0.0, 3), fixed(-2e-12, 3)
    ('-39,205', '0.500', '-0.0001', '0.000', '-2.0e-12')
    """
    if not math.isfinite(value):
        return "" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    if places is None or abs(value) >= 1e15:
        return f"{value:.2e}" if value else "0"
    text = f"{value:,.{places}f}"
    if value == 0:
        return text.removeprefix("-")
    if text.strip("-0.,"):
        return text
    return significant(value, 1 if _places_of(value, 2) <= _MOST else 2)


def significant(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, none of them lost to the left of the point.

    Examples
    --------
    >>> significant(0.0012345), significant(39205.4), significant(2.0), significant(1.5e-12)
    ('0.00123', '39,205', '2.00', '1.50e-12')
    """
    if not math.isfinite(value) or value == 0:
        return fixed(value, digits - 1)
    places = _places_of(value, digits)
    if places > max(_MOST, digits) or abs(value) >= 1e15:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(places, 0)}f}"


def _places_of(value: float, digits: int) -> int:
    """Return the decimals with which a number has so many significant digits; negative for tens."""
    exponent = int(f"{abs(value):.{digits - 1}e}".partition("e")[2])
    return digits - 1 - exponent


def _places_kept(value: float, digits: int) -> int:
    """Return the decimals at which a number shows so many digits: 0.00099 shows two as 0.0010."""
    places = _places_of(value, digits)
    fewer = max(places - 1, 0)
    shown = int(f"{abs(value):.{fewer}f}".replace(".", ""))
    return fewer if shown >= 10 ** (digits - 1) else places


def places_for(
    values: Iterable[float], errors: Iterable[float] = (), *, digits: int = 3, least: int = 2
) -> int | None:
    """Return the decimals of numbers that are read together, such as a row of a table.

    Parameters
    ----------
    values : iterable of float
    errors : iterable of float
        Their standard errors, which are printed with the same decimals.
    digits : int
        Decimals of numbers of ordinary size.
    least : int
        Significant digits that the smallest number keeps. A number far below its standard errors
        keeps one: further digits of it are noise.

    Returns
    -------
    int or None
        None if all are so small that they are powers of ten. Large numbers have ``digits + 2``
        significant digits at most, so that 39205.381 has no decimals, unless smaller ones beside
        them need decimals.

    Examples
    --------
    >>> places_for([0.512, 1.3], [0.1, 0.2]), places_for([0.00012], [0.00004])
    (3, 6)
    >>> places_for([39205.4, 12000.9]), places_for([39205.4], [0.25])
    (0, 2)
    """
    sizes = [abs(float(v)) for v in values if pd.notna(v) and np.isfinite(v) and v != 0]
    spreads = [abs(float(v)) for v in errors if pd.notna(v) and np.isfinite(v) and v != 0]
    every = sizes + spreads
    if not every:
        return digits
    keep = max(1, min(least, digits))
    wanted = digits
    largest = max(every)
    if largest >= 1:
        wanted = min(digits, max(_places_of(largest, digits + 2), 0))
    # A value that is noise needs one digit only, however small it is.
    noise = 0.05 * min(spreads, default=0.0)
    for size in sizes:
        wanted = max(wanted, _places_kept(size, keep if size >= noise else 1))
    for spread in spreads:
        wanted = max(wanted, _places_kept(spread, keep))
    limit = max(_MOST, digits)
    if wanted > limit and largest < 10.0 ** (keep - limit):
        return None
    if wanted > limit:  # the smallest are printed as powers of ten, the others as they would be
        others = [v for v in every if _places_of(v, keep) <= limit]
        wanted = max([digits, *(_places_of(v, keep) for v in others)])
    return wanted


def p_text(value: float, places: int = 3) -> str:
    """Return a p-value, never zero; empty if it is missing.

    Examples
    --------
    >>> p_text(0.0312), p_text(9e-135), p_text(1.0)
    ('0.031', '<0.001', '1.000')
    """
    if pd.isna(value):
        return ""
    smallest = 10.0**-places
    return f"<{smallest:.{places}f}" if value < smallest else f"{value:.{places}f}"


def p_words(value: float, places: int = 3) -> Message:
    """Return a p-value with its sign of relation, for a sentence.

    Examples
    --------
    >>> p_words(0.0312), p_words(9e-135)
    ('p = 0.031', 'p < 0.001')
    """
    text = p_text(value, places)
    if text.startswith("<"):
        return t("p < {smallest}", smallest=text[1:])
    return t("p = {value}", value=text or "–")


def criterion_text(value: float) -> str:
    """Return a log-likelihood or an information criterion, so that models can be ranked by it.

    Examples
    --------
    >>> criterion_text(-11035.347), criterion_text(float("nan"))
    ('-11,035.3', '')
    """
    text = "" if pd.isna(value) else f"{float(value):,.1f}"
    return "0.0" if text == "-0.0" else text


def interval_texts(*values: float, digits: int = 3) -> list[str]:
    """Return an estimate and the ends of its interval for a sentence, with equal decimals.

    Examples
    --------
    >>> interval_texts(-0.00012, -0.00031, 0.00007), interval_texts(0.51, 0.4, 0.62)
    (['−0.00012', '−0.00031', '0.00007'], ['0.510', '0.400', '0.620'])
    """
    numbers = [float(value) for value in values]
    finite = [v for v in numbers if math.isfinite(v)]
    spread = max(finite, default=0.0) - min(finite, default=0.0)
    # The width of the interval says which decimals matter.
    places = places_for([max(map(abs, finite), default=0.0), spread], digits=digits)
    return [typeset(fixed(value, places)) for value in numbers]


def typeset(text: str) -> str:
    """Return a number's text with a true minus sign and powers of ten; other text as it is.

    Examples
    --------
    >>> typeset("-0.5**"), typeset("[-1.2e-08, 3]"), typeset("2010-2020"), typeset("-x")
    ('−0.5**', '[−1.2×10⁻⁸, 3]', '2010-2020', '-x')
    """
    signed = _SIGNED.sub(MINUS, text)
    return _POWER.sub(
        lambda match: "×10" + (match[1].strip("+") + match[2]).translate(_RAISED), signed
    )


# -- columns of printed results --------------------------------------------------------------------


def column_texts(
    name: object, values: Sequence[Any], *, digits: int = 4, beside: Iterable[float] = ()
) -> list[str]:
    """Return a column of a printed table as texts; floats have equal decimals.

    Parameters
    ----------
    name : object
        Of the column: p-values and criteria are printed in their own way.
    values : sequence
        Missing ones become empty.
    digits : int
        Significant digits of the largest number; the smallest keeps two. If this would take too
        many decimals, each number is printed by itself.
    beside : iterable of float
        Numbers of other columns from which the decimals are chosen instead.

    Examples
    --------
    >>> column_texts("estimate", [0.51234, -0.00041, float("nan")])
    ['0.51234', '-0.00041', '']
    >>> column_texts("p_value", [0.5, 9e-135]), column_texts("aic", [-11035.34, -120.0])
    (['0.500', '<0.001'], ['-11,035.3', '-120.0'])
    """
    special = _special(name)
    if special is not None:
        return [special(value) if _is_float(value) else _plain_text(value) for value in values]
    places = _places_of_column(_sizes(beside) or _sizes(values), digits)
    return [
        (significant(float(v), digits) if places is None else fixed(float(v), places))
        if _is_float(v)
        else _plain_text(v)
        for v in values
    ]


def _sizes(values: Iterable[Any]) -> list[float]:
    """Return the absolute values of floats, without zeros and missing ones."""
    return [abs(float(v)) for v in values if _is_float(v) and math.isfinite(v) and v != 0]


def _special(name: object) -> Any:
    last = name[-1] if isinstance(name, tuple) and name else name
    word = str(last).lower()
    if word == "df":
        return _df_text
    if word in _P_NAMES or word.endswith("_p_value"):
        return p_text
    return criterion_text if word in _CRITERIA else None


def _df_text(value: float) -> str:
    """Return degrees of freedom, which are whole except where they are estimated."""
    return (
        "" if math.isnan(value) else f"{value:,.10g}" if value == round(value) else f"{value:.2f}"
    )


def _places_of_column(sizes: list[float], digits: int) -> int | None:
    """Return decimals for all, or None if each needs its own."""
    if not sizes:
        return digits - 1
    if all(size.is_integer() for size in sizes) and max(sizes) < 1e15:
        return 0
    places = max(_places_of(max(sizes), digits), min(_places_of(min(sizes), 2), 6), 0)
    needed = max(places, _places_of(min(sizes), 1))
    # The range of a column of one kind of numbers; a mixture of kinds has none in common.
    return needed if needed <= 6 and max(sizes) / min(sizes) < 1e6 else None


def _is_float(value: object) -> bool:
    return isinstance(value, float | np.floating)


def _plain_text(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    return str(value)


def frame_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its columns as texts.

    Estimates, their standard errors and the ends of their intervals have equal decimals, as have
    columns of similar size, such as those of several models.

    Examples
    --------
    >>> frame_texts(pd.DataFrame({"n": [1, 2], "gini": [0.25, 0.5]}))["gini"].tolist()
    ['0.2500', '0.5000']
    """
    columns = [list(frame.iloc[:, k]) for k in range(frame.shape[1])]
    names = list(frame.columns)
    beside = _numbers_beside(names, columns)
    texts = [
        pd.Series(column_texts(name, values, beside=near), frame.index, dtype=object)
        for name, values, near in zip(names, columns, beside, strict=True)
    ]
    return pd.concat(texts, axis=1).set_axis(frame.columns, axis=1) if texts else frame


def _numbers_beside(names: list[Any], columns: list[list[Any]]) -> list[list[Any]]:
    """Return, for each column, the numbers that decide on its decimals; none for its own."""
    beside: list[list[Any]] = [[] for _ in names]
    last = [name[-1] if isinstance(name, tuple) and name else name for name in names]
    table = [k for k, name in enumerate(last) if name in _ESTIMATES or _END.fullmatch(str(name))]
    if any(last[k] in _ESTIMATES for k in table):
        # An end of an interval that is near zero has no digits to keep.
        deciding = [v for k in table if last[k] in _ESTIMATES for v in columns[k]]
        for k in table:
            beside[k] = deciding
    largest = {
        k: max(_sizes(columns[k]), default=0.0)
        for k in range(len(names))
        if k not in table and _special(names[k]) is None
    }
    similar = [k for k, size in largest.items() if size > 0]
    sizes = [largest[k] for k in similar]
    if len(similar) > 1 and max(sizes) <= 30 * min(sizes):
        for k in similar:
            beside[k] = [v for j in similar for v in columns[j]]
    return beside


def series_texts(series: pd.Series) -> pd.Series:
    """Return a series as texts; criteria and p-values among its rows are printed in their own way.

    Examples
    --------
    >>> series_texts(pd.Series({"a": 0.5, "b": 0.25})).tolist()
    ['0.5000', '0.2500']
    """
    texts = column_texts(series.name, list(series))
    for place, name in enumerate(series.index):
        special = _special(name)
        if special is not None and _is_float(series.iloc[place]):
            texts[place] = special(series.iloc[place])
    return pd.Series(texts, series.index, dtype=object, name=series.name)
