"""Conversion of the numbers of results to the text cells of a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import pandas as pd

from nqp_spatial.core.number_format import fixed, p_text, places_for
from nqp_spatial.core.text import Message, current_language, join, t
from nqp_spatial.errors import OptionError

__all__ = [
    "STARS",
    "Estimate",
    "Stars",
    "estimate_texts",
    "even_texts",
    "number",
    "numbers",
    "p_value",
    "star_levels",
    "stars_for",
    "stars_note",
    "with_error",
]

STARS = (0.1, 0.05, 0.01)
Stars: TypeAlias = Sequence[float] | bool


@dataclass(frozen=True)
class Estimate:
    """An estimate with its standard error and p-value; missing values are NaN."""

    value: float
    error: float
    p_value: float

    @property
    def ratio(self) -> float:
        """The estimate divided by its standard error."""
        return self.value / self.error if self.error > 0 else float("nan")


def star_levels(stars: Stars) -> tuple[float, ...]:
    """Return the levels of one star, two stars and so on, the largest first.

    Raises
    ------
    OptionError
        If they are no levels of significance.

    Examples
    --------
    >>> star_levels(True), star_levels(False), star_levels([0.001, 0.05])
    ((0.1, 0.05, 0.01), (), (0.05, 0.001))
    """
    if isinstance(stars, bool):
        return STARS if stars else ()
    levels = tuple(sorted({float(level) for level in stars}, reverse=True))
    if len(levels) != len(stars) or len(levels) > 4 or not all(0 < x < 1 for x in levels):
        raise OptionError(
            "stars must be up to four different levels of significance between 0 and 1, such as "
            f"(0.1, 0.05, 0.01), or False; got {tuple(stars)!r}"
        )
    return levels


def stars_for(p_value: float, levels: Sequence[float]) -> str:
    """Return one star for each level that a p-value is below.

    Examples
    --------
    >>> stars_for(0.03, STARS), stars_for(0.5, STARS), stars_for(0.03, ())
    ('**', '', '')
    """
    return "*" * sum(p_value < level for level in levels)


def stars_note(levels: Sequence[float]) -> Message | str:
    """Return what the stars mean, or nothing if there are none.

    Examples
    --------
    >>> stars_note(STARS)
    '* p < 0.1, ** p < 0.05, *** p < 0.01.'
    """
    if not levels:
        return ""
    signs = ["*" * count for count in range(1, len(levels) + 1)]
    if current_language() == "zh":  # as journals in Chinese have it, the strictest level first
        percents = [f"{100 * level:g}%" for level in levels]
        return t(
            "{signs} significant at {levels}.",
            signs="、".join(reversed(signs)), levels="、".join(reversed(percents)),
        )  # fmt: skip
    parts = [f"{sign} p < {level:g}" for sign, level in zip(signs, levels, strict=True)]
    return t("{sentence}.", sentence=join(", ", parts))


def number(value: float, digits: int) -> str:
    """Return a number for a cell; missing ones are a dash.

    Examples
    --------
    >>> number(1234.5678, 2), number(float("nan"), 2), number(7, 3)
    ('1,234.57', '–', '7')
    """
    if pd.isna(value):
        return "–"
    if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 1):
        return f"{value:,.0f}"
    return fixed(float(value), digits)


def p_value(value: float, digits: int = 3) -> str:
    """Return a p-value for a cell: never zero.

    Examples
    --------
    >>> p_value(0.0312), p_value(1e-9)
    ('0.031', '<0.001')
    """
    return p_text(value, digits)


def numbers(frame: pd.DataFrame | pd.Series, digits: int) -> pd.DataFrame:
    """Return the numbers of a frame, or of one row, as cells.

    Examples
    --------
    >>> numbers(pd.DataFrame({"a": [0.5, float("nan")]}), 2)["a"].tolist()
    ['0.50', '–']
    """
    table = frame.to_frame().T if isinstance(frame, pd.Series) else frame
    return table.map(lambda value: number(value, digits)).astype(object)


def even_texts(values: Iterable[float], digits: int) -> list[str]:
    """Return numbers of one kind with equal decimals, chosen from them.

    Examples
    --------
    >>> even_texts([39205.4, 12000.9, float("nan")], 3), even_texts([0.00012, 0.5], 3)
    (['39,205', '12,001', '–'], ['0.00012', '0.50000'])
    """
    listed = [float(value) for value in values]
    places = places_for(listed, digits=digits)
    return ["–" if pd.isna(value) else fixed(value, places) for value in listed]


def with_error(value: float, error: float, digits: int) -> str:
    r"""Return a number with its standard error below it, both with these decimals.

    Examples
    --------
    >>> with_error(0.51234, 0.1, 3), with_error(float("nan"), 0.1, 3)
    ('0.512\n(0.100)', '–')
    """
    if pd.isna(value):
        return "–"
    return f"{fixed(value, digits)}\n({'–' if pd.isna(error) else fixed(error, digits)})"


def estimate_texts(
    estimates: Sequence[Estimate | None],
    digits: int,
    *,
    statistic: str = "se",
    levels: Sequence[float] = (),
) -> list[str]:
    r"""Return the estimates of one row, each with its standard error or t statistic below it.

    Parameters
    ----------
    estimates : sequence
        None for a column without this row, whose cell stays empty.
    digits : int
        Decimals, more for small numbers and fewer for large ones: equal in the row.
    statistic : {"se", "t"}
    levels : sequence of float
        Levels of the stars.

    Examples
    --------
    >>> estimate_texts([Estimate(0.51234, 0.1, 0.001), None], 3, levels=STARS)
    ['0.512***\n(0.100)', '']
    >>> estimate_texts([Estimate(-0.00012, 0.00005, 0.02)], 3)
    ['-0.000120\n(0.000050)']
    """
    present = [item for item in estimates if item is not None]
    errors = [item.error for item in present]
    places = places_for([item.value for item in present], errors, digits=digits)

    def text(item: Estimate | None) -> str:
        if item is None:
            return ""
        if pd.isna(item.value):
            return "–"
        mark = stars_for(item.p_value, levels)
        below, decimals = (item.error, places) if statistic == "se" else (item.ratio, 2)
        shown = "–" if pd.isna(below) else fixed(below, decimals)
        return f"{fixed(item.value, places)}{mark}\n({shown})"

    return [text(item) for item in estimates]
