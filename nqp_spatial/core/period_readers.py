"""What columns of periods are read as: years, quarters, months or numbers.

=====================================  =================================================
column                                 read as
=====================================  =================================================
2010, 2010.0, "2010", "2010年", "FY2010"  the whole number 2010
dates, one per year                    the whole number of the year
"2010Q1", "2010年1季度", "Q1 2010"      `pandas.Period` of a quarter
"2010-03", "2010年3月", "2010m3"         `pandas.Period` of a month
dates, one per quarter or per month    `pandas.Period` of a quarter or a month
"2010H2", "2010下半年"                  the number 2010.5; the first half is 2010.0
"wave 1", "第1期", "t1"                  the number in it, where the words are the same
an ordered Categorical                 unchanged: its order is known, its steps count as equal
other text                             unchanged: its order in time is not known
=====================================  =================================================
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nqp_spatial.core.text import label, t
from nqp_spatial.errors import PanelError, plain, sample

__all__ = ["are_months", "read_periods"]

_YEAR = r"(?P<year>[12]\d{3})"
_BEFORE_YEAR = r"(?:fy|cy|ay|y|yr|year|公元|财年|年份)?[\s_\-.:']*"
_AFTER_YEAR = r"[\s_\-.]*(?:年|年度|年末|年底|年份|财年|fy|cy|ad|a|e)?"
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905
_MONTH_NAME = rf"(?P<name>{'|'.join(_MONTHS)})[a-z]*\.?"
_QUARTERS = (
    rf"{_YEAR}[\s_\-./年]*第?\s*(?:q|季度?)?\s*(?P<part>[1-4一二三四])\s*(?:季度?|q)",
    rf"{_YEAR}[\s_\-./年]*第?\s*(?:q|季度?)\s*(?P<part>[1-4一二三四])",
    rf"(?:q\s*(?P<part>[1-4])|(?P<part2>[1-4])\s*q)[\s_\-./,]*{_YEAR}",
)
_HALVES = (
    rf"{_YEAR}[\s_\-./年]*(?:h|s)\s*(?P<part>[12])",
    rf"{_YEAR}\s*年?\s*(?P<part>[上下])半年",
    rf"h\s*(?P<part>[12])[\s_\-./,]*{_YEAR}",
)
_MONTH_FORMS = (
    rf"{_YEAR}\s*[-/年m]\s*(?P<part>0?[1-9]|1[0-2])\s*月?份?",
    rf"{_YEAR}(?P<part>0[1-9]|1[0-2])",
    rf"{_MONTH_NAME}[\s\-/,']*{_YEAR}",
    rf"{_YEAR}[\s\-/,]*{_MONTH_NAME}",
)
_DOTTED_MONTH = rf"{_YEAR}\.(?P<part>0?[1-9]|1[0-2])"
_DATE_FORMS = (
    rf"{_YEAR}\s*[-/.年]\s*(?P<month>\d{{1,2}})\s*[-/.月]\s*(?P<day>\d{{1,2}})\s*日?"
    r"(?:[t ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?",
    rf"{_YEAR}(?P<month>0[1-9]|1[0-2])(?P<day>[0-3]\d)",
)
_SPLIT_YEAR = rf"(?:fy\s*)?{_YEAR}\s*[-/]\s*(?P<next>\d{{2}}|\d{{4}})\s*(?:年|年度|学年)?"
_NUMERALS = {"一": 1, "二": 2, "三": 3, "四": 4, "上": 1, "下": 2}
_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")
_HALF_A_YEAR = pd.Timedelta(days=180)


def read_periods(column: pd.Series) -> tuple[pd.Series, str]:
    """Return a column of periods as years, quarters, months or numbers, and what was done.

    Parameters
    ----------
    column : Series
        Without missing cells.

    Returns
    -------
    periods : Series
        Same index. The column itself, where nothing in it can be read.
    note : str
        A message that says what was read as what; "" where nothing was.

    Raises
    ------
    PanelError
        If periods are infinite, complex or durations, or pandas Periods of several frequencies.

    Examples
    --------
    >>> read_periods(pd.Series(["2010年", "2011年"]))[0].tolist()
    [2010, 2011]
    >>> read_periods(pd.Series(["2010年", "2011年"]))[1]
    "read periods as years: '2010年' as 2010"
    """
    values = column
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = pd.Series(column.cat.categories)
        as_read = read_periods(categories)[0]
        if as_read is categories and column.cat.ordered:
            return column, ""
        values = pd.Series(column.astype(categories.dtype), index=column.index)
    kind = values.dtype
    if pd.api.types.is_timedelta64_dtype(kind) or pd.api.types.is_complex_dtype(kind):
        raise PanelError(
            f"periods must be years, dates, numbers or text, {column.name!r} is of type {kind}"
        )
    if pd.api.types.is_bool_dtype(kind):
        return values, ""
    if pd.api.types.is_numeric_dtype(kind):
        return _whole_numbers(values), ""
    distinct = values.drop_duplicates()
    as_read, kind_name = _read_distinct(distinct)
    if as_read is None:
        return values, ""
    table = dict(zip(distinct, as_read, strict=True))
    periods = pd.Series(
        pd.Index([table[value] for value in values]), index=values.index, name=values.name
    )
    if not kind_name:
        return periods, ""
    first = distinct.iloc[0]
    return periods, t(
        "read periods as {kind}: {text!r} as {period}",
        kind=label("period", kind_name), text=_written(first), period=str(plain(table[first])),
    )  # fmt: skip


def _written(value: object) -> str:
    if isinstance(value, datetime.datetime | np.datetime64):
        return str(pd.Timestamp(value).date())
    return str(value)


def _whole_numbers(values: pd.Series) -> pd.Series:
    """Return numbers as int64 where all are whole, so that 2010.0 is the year 2010."""
    if pd.api.types.is_integer_dtype(values.dtype):
        largest = values.max()
        return values.astype(np.int64) if largest <= np.iinfo(np.int64).max else values
    numbers = values.to_numpy(dtype=float)
    infinite = ~np.isfinite(numbers)
    if infinite.any():
        raise PanelError(
            f"{int(infinite.sum())} rows have an infinite {values.name}, at row labels "
            f"{sample(values.index[infinite])}; every row needs a period"
        )
    are_whole = (numbers == np.round(numbers)).all() and (np.abs(numbers) < 2**53).all()
    return pd.Series(
        numbers.astype(np.int64) if are_whole else numbers, values.index, name=values.name
    )


def _read_distinct(values: pd.Series) -> tuple[pd.Index | None, str]:
    """Return what distinct periods are read as, and the name of the kind."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return _of_dates(pd.DatetimeIndex(values))
    cells = list(values)
    if all(isinstance(cell, pd.Period) for cell in cells):
        if len({cell.freqstr for cell in cells}) > 1:
            raise PanelError(
                f"periods must be of one frequency, these are of "
                f"{sorted({cell.freqstr for cell in cells})}; convert them with .asfreq"
            )
        return _of_spans(pd.PeriodIndex(cells))
    if all(isinstance(cell, datetime.date | np.datetime64) for cell in cells):
        return _of_dates(pd.DatetimeIndex(pd.to_datetime(cells)))
    numbers = (int, float, np.integer, np.floating)
    if all(isinstance(cell, numbers) and not isinstance(cell, bool) for cell in cells):
        return pd.Index(_whole_numbers(pd.Series(cells, dtype=float))), ""
    if not all(isinstance(cell, (str, *numbers)) and not isinstance(cell, bool) for cell in cells):
        return None, ""
    texts = [_plain_text(cell) for cell in cells]
    for reader in _READERS:
        as_read = reader.read(texts)
        if as_read is not None:
            if isinstance(as_read, pd.DatetimeIndex):
                return _of_dates(as_read)
            return as_read, reader.kind
    return None, ""


def _plain_text(cell: object) -> str:
    """Return text in half-width small letters and Arabic numerals, a whole number without .0."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = unicodedata.normalize("NFKC", str(plain(cell))).strip().lower()
    text = re.sub("[‐‑‒–—―−]", "-", text)
    text = re.sub("[〇零一二三四五六七八九]{4}", lambda m: m[0].translate(_DIGITS), text)
    return re.sub("(?<=第)[一二三四五六七八九十]{1,3}", lambda m: str(_counted(m[0])), text)


def _counted(numeral: str) -> int:
    """Return a Chinese numeral up to 99 as a number."""
    tens, ten, ones = numeral.rpartition("十")
    if not ten:
        return int(numeral.translate(_DIGITS))
    return 10 * int((tens or "一").translate(_DIGITS)) + int((ones or "〇").translate(_DIGITS))


def _of_dates(dates: pd.DatetimeIndex) -> tuple[pd.Index, str]:
    """Return years where there is one date per year, else regular quarters or months."""
    dates = dates.tz_localize(None)
    order = dates.sort_values()
    yearly = len(order) < 2 or bool((order[1:] - order[:-1] > _HALF_A_YEAR).all())
    if dates.year.is_unique and yearly:
        return pd.Index(dates.year.to_numpy(dtype=np.int64)), "years"
    months = dates.to_period("M")
    if months.is_unique:
        if len(set(dates.month % 3)) == 1:
            return dates.to_period("Q"), "quarters"
        return months, "months"
    return dates, ""


def _of_spans(spans: pd.PeriodIndex) -> tuple[pd.Index, str]:
    if spans.freqstr.split("-")[0].lstrip("0123456789") in ("Y", "YE", "A"):
        return pd.Index(spans.year.to_numpy(dtype=np.int64)), "years"
    return spans, ""


# -- text ------------------------------------------------------------------------------------------

_Match = dict[str, str]


@dataclass(frozen=True)
class _Reader:
    """How texts of one kind are recognised and what they become.

    Attributes
    ----------
    kind : str
        Machine name of what they are read as.
    forms : tuple of str
        Regular expressions, one of which each text must have.
    build : callable
        Makes an index of what the forms matched; None if that is not consistent.
    """

    kind: str
    forms: tuple[str, ...]
    build: Callable[[list[_Match]], pd.Index | None]

    def read(self, texts: list[str]) -> pd.Index | None:
        """Return what the texts are read as, None if one has another form."""
        matches = []
        for text in texts:
            match = next((m for form in self.forms if (m := re.fullmatch(form, text))), None)
            if match is None:
                return None
            matches.append({key: value for key, value in match.groupdict().items() if value})
        return self.build(matches)


def _years(matches: list[_Match]) -> pd.Index:
    return pd.Index([int(match["year"]) for match in matches])


def _quarters(matches: list[_Match]) -> pd.Index:
    parts = [_number(match.get("part") or match["part2"]) for match in matches]
    pairs = zip(matches, parts, strict=True)
    return pd.PeriodIndex([f"{match['year']}Q{part}" for match, part in pairs], freq="Q")


def _halves(matches: list[_Match]) -> pd.Index:
    halves = [int(match["year"]) + 0.5 * (_number(match["part"]) - 1) for match in matches]
    return pd.Index(halves, dtype=float)


def _split_years(matches: list[_Match]) -> pd.Index | None:
    """Read "2010/11" and "2010-2011" as 2010; one alone could be a month."""
    if not all(str(int(match["year"]) + 1).endswith(match["next"]) for match in matches):
        return None
    if len(matches) == 1 and len(matches[0]["next"]) == 2:
        return None
    return _years(matches)


def _months(matches: list[_Match]) -> pd.Index:
    stamps = [
        f"{match['year']}-{_MONTHS.index(match['name']) + 1 if 'name' in match else match['part']}"
        for match in matches
    ]
    return pd.PeriodIndex(stamps, freq="M")


def _dotted_months(matches: list[_Match]) -> pd.Index | None:
    """Read "2010.05" and "2010.12" as months; "2010.5" alone could be a decimal."""
    return None if all(len(match["part"]) == 1 for match in matches) else _months(matches)


def _dates(matches: list[_Match]) -> pd.Index | None:
    try:
        days = [
            datetime.datetime(int(match["year"]), int(match["month"]), int(match["day"]))
            for match in matches
        ]
    except ValueError:
        return None
    return pd.DatetimeIndex(days)


def _numbers(matches: list[_Match]) -> pd.Index:
    return pd.Index(_whole_numbers(pd.Series([float(match["number"]) for match in matches])))


def _numbered(matches: list[_Match]) -> pd.Index | None:
    """Read "wave 1", "wave 2" as 1, 2: one whole number among words that are all the same."""
    if len({(match.get("before"), match.get("after")) for match in matches}) > 1:
        return None
    return pd.Index([int(match["number"]) for match in matches])


def _number(part: str) -> int:
    return _NUMERALS[part] if part in _NUMERALS else int(part)


# Read in this order: the narrower form comes first.
_READERS = (
    _Reader("years", (rf"{_BEFORE_YEAR}{_YEAR}(?:\.0+)?{_AFTER_YEAR}",), _years),
    _Reader("quarters", _QUARTERS, _quarters),
    _Reader("half-years", _HALVES, _halves),
    _Reader("beginning", (_SPLIT_YEAR,), _split_years),
    _Reader("months", _MONTH_FORMS, _months),
    _Reader("months", (_DOTTED_MONTH,), _dotted_months),
    _Reader("dates", _DATE_FORMS, _dates),
    _Reader("numbers", (r"(?P<number>[+-]?\d{1,15}(\.\d+)?)",), _numbers),
    _Reader("numbered", (r"(?P<before>\D*)(?P<number>\d{1,15})(?P<after>\D*)",), _numbered),
)


def are_months(texts: list[str]) -> bool:
    """Whether texts would be read as months.

    Examples
    --------
    >>> are_months(["201003", "201004"])
    True
    """
    readers = [reader for reader in _READERS if reader.kind == "months"]
    return any(reader.read(texts) is not None for reader in readers)
