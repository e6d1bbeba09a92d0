"""Periods: read as years, quarters or months, with a known place in time.

Periods are read once, when a panel is made, so that "2010", "2010年", a date in 2010 and a pandas
`Period` of 2010 all are the year 2010. What needs neighbours in time asks `require_even_steps`.

=====================================  =================================================
given                                  read as
=====================================  =================================================
2010, 2010.0, "2010", "2010年", "FY2010"  the whole number 2010
dates, one a year                      the whole number of the year
"2010Q1", "2010年1季度", "Q1 2010"      `pandas.Period` of a quarter
"2010-03", "2010年3月", "2010m3"         `pandas.Period` of a month
dates, one a quarter or a month        `pandas.Period` of a quarter or a month
"2010H2", "2010下半年"                  the number 2010.5; the first half is 2010.0
"wave 1", "第1期", "t1"                  the number in it, where the words are the same
an ordered Categorical                 as it is: its order is known, its steps count as equal
other text                             as it is: its order in time is not known
=====================================  =================================================
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.errors import PanelError, plain, sample

__all__ = [
    "period_like",
    "places_in_time",
    "places_on_axis",
    "read_periods",
    "require_even_steps",
    "require_places_in_time",
]

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
_AS_YEARS, _AS_QUARTERS = "read periods as years", "read periods as quarters"
_AS_MONTHS = "read periods as months"
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
        What was read as what; "" where nothing was.

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
    as_read, how = _read_distinct(distinct)
    if as_read is None:
        return values, ""
    table = dict(zip(distinct, as_read, strict=True))
    done = pd.Series(
        pd.Index([table[value] for value in values]), index=values.index, name=values.name
    )
    first = distinct.iloc[0]
    if not how:
        return done, ""
    return done, f"{how}: {_written(first)!r} as {plain(table[first])}"


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
    whole = (numbers == np.round(numbers)).all() and (np.abs(numbers) < 2**53).all()
    return pd.Series(numbers.astype(np.int64) if whole else numbers, values.index, name=values.name)


def _read_distinct(values: pd.Series) -> tuple[pd.Index | None, str]:
    """Return what distinct periods are read as, and how in words."""
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
    for name, read in _READERS.items():
        as_read = read(texts)
        if as_read is not None:
            if isinstance(as_read, pd.DatetimeIndex):
                return _of_dates(as_read)
            return as_read, name
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
    """Return years where there is one date a year, else quarters or months if these are regular."""
    dates = dates.tz_localize(None)
    order = dates.sort_values()
    apart = len(order) < 2 or bool((order[1:] - order[:-1] > _HALF_A_YEAR).all())
    if dates.year.is_unique and apart:
        return pd.Index(dates.year.to_numpy(dtype=np.int64)), _AS_YEARS
    months = dates.to_period("M")
    if months.is_unique:
        if len(set(dates.month % 3)) == 1:
            return dates.to_period("Q"), _AS_QUARTERS
        return months, _AS_MONTHS
    return dates, ""


def _of_spans(spans: pd.PeriodIndex) -> tuple[pd.Index, str]:
    if spans.freqstr.split("-")[0].lstrip("0123456789") in ("Y", "YE", "A"):
        return pd.Index(spans.year.to_numpy(dtype=np.int64)), _AS_YEARS
    return spans, ""


# -- text ------------------------------------------------------------------------------------------


def _matched(texts: list[str], *forms: str) -> list[dict[str, str]] | None:
    """Return what each text says by the first form that it has; None unless all have one."""
    matches = []
    for text in texts:
        match = next((m for form in forms if (m := re.fullmatch(form, text))), None)
        if match is None:
            return None
        matches.append({key: value for key, value in match.groupdict().items() if value})
    return matches


def _years(texts: list[str]) -> pd.Index | None:
    matches = _matched(texts, rf"{_BEFORE_YEAR}{_YEAR}(?:\.0+)?{_AFTER_YEAR}")
    return None if matches is None else pd.Index([int(match["year"]) for match in matches])


def _quarters(texts: list[str]) -> pd.Index | None:
    matches = _matched(texts, *_QUARTERS)
    if matches is None:
        return None
    parts = [_number(match.get("part") or match["part2"]) for match in matches]
    pairs = zip(matches, parts, strict=True)
    return pd.PeriodIndex([f"{match['year']}Q{part}" for match, part in pairs], freq="Q")


def _halves(texts: list[str]) -> pd.Index | None:
    matches = _matched(texts, *_HALVES)
    if matches is None:
        return None
    halves = [int(match["year"]) + 0.5 * (_number(match["part"]) - 1) for match in matches]
    return pd.Index(halves, dtype=float)


def _split_years(texts: list[str]) -> pd.Index | None:
    """Read "2010/11" and "2010-2011" as 2010; one alone could be a month."""
    matches = _matched(texts, _SPLIT_YEAR)
    if matches is None:
        return None
    following = [str(int(match["year"]) + 1) for match in matches]
    pairs = zip(matches, following, strict=True)
    if not all(year.endswith(match["next"]) for match, year in pairs):
        return None
    if len(texts) == 1 and len(matches[0]["next"]) == 2:
        return None
    return pd.Index([int(match["year"]) for match in matches])


def _months(texts: list[str]) -> pd.Index | None:
    matches = _matched(texts, *_MONTH_FORMS)
    if matches is None:
        matches = _matched(texts, _DOTTED_MONTH)
        # "2010.5" alone could be a decimal; "2010.05" and "2010.12" are months.
        if matches is None or all(len(match["part"]) == 1 for match in matches):
            return None
    stamps = [
        f"{match['year']}-{_MONTHS.index(match['name']) + 1 if 'name' in match else match['part']}"
        for match in matches
    ]
    return pd.PeriodIndex(stamps, freq="M")


def _dates(texts: list[str]) -> pd.Index | None:
    matches = _matched(texts, *_DATE_FORMS)
    if matches is None:
        return None
    try:
        days = [
            datetime.datetime(int(match["year"]), int(match["month"]), int(match["day"]))
            for match in matches
        ]
    except ValueError:
        return None
    return pd.DatetimeIndex(days)


def _numbers(texts: list[str]) -> pd.Index | None:
    if not all(re.fullmatch(r"[+-]?\d{1,15}(\.\d+)?", text) for text in texts):
        return None
    return pd.Index(_whole_numbers(pd.Series([float(text) for text in texts])))


def _numbered(texts: list[str]) -> pd.Index | None:
    """Read "wave 1", "wave 2" as 1, 2: one whole number among words that are all the same."""
    matches = _matched(texts, r"(?P<before>\D*)(?P<number>\d{1,15})(?P<after>\D*)")
    if matches is None or len({(m.get("before"), m.get("after")) for m in matches}) > 1:
        return None
    return pd.Index([int(match["number"]) for match in matches])


def _number(part: str) -> int:
    return _NUMERALS[part] if part in _NUMERALS else int(part)


# Read in this order: what stands first is the narrower form.
_READERS: dict[str, Callable[[list[str]], pd.Index | None]] = {
    _AS_YEARS: _years,
    _AS_QUARTERS: _quarters,
    "read periods as half-years": _halves,
    "read periods as the years in which they begin": _split_years,
    _AS_MONTHS: _months,
    "read periods as dates": _dates,
    "read periods as numbers": _numbers,
    "read periods as the numbers in them": _numbered,
}


# -- places in time --------------------------------------------------------------------------------


def places_in_time(periods: pd.Index) -> np.ndarray | None:
    """Return the place of each period in time, in the unit of the periods; None if not known.

    Numbers are their own place (years in years), quarters, months and other pandas Periods count
    in themselves, dates in days; those of an ordered Categorical are 0, 1, 2, ...

    Examples
    --------
    >>> places_in_time(pd.PeriodIndex(["2010Q4", "2011Q1"], freq="Q")).tolist()
    [163.0, 164.0]
    >>> places_in_time(pd.Index(["before", "later"])) is None
    True
    """
    if isinstance(periods, pd.PeriodIndex):
        return np.asarray(periods.asi8, dtype=float)
    if isinstance(periods, pd.DatetimeIndex):
        return np.asarray((periods - pd.Timestamp(0)) / pd.Timedelta(days=1), dtype=float)
    if isinstance(periods, pd.CategoricalIndex) and periods.ordered:
        return np.arange(len(periods), dtype=float)
    if pd.api.types.is_numeric_dtype(periods):
        return np.asarray(periods, dtype=float)
    return None


def places_on_axis(periods: pd.Index) -> np.ndarray:
    """Return where periods stand on an axis of time: their places, or 0, 1, 2, ... if not known.

    Examples
    --------
    >>> places_on_axis(pd.Index(["before", "later"])).tolist()
    [0.0, 1.0]
    """
    places = places_in_time(periods)
    return np.arange(len(periods), dtype=float) if places is None else places


def require_places_in_time(periods: pd.Index, what: str) -> np.ndarray:
    """Return the places of periods in time, or raise `PanelError` if they are not known.

    Parameters
    ----------
    periods : Index
        In the order of the panel.
    what : str
        Who asks, as the subject of a sentence: "a dynamic model".

    Examples
    --------
    >>> require_places_in_time(pd.Index([2010, 2012]), "a trend").tolist()
    [2010.0, 2012.0]
    """
    places = places_in_time(periods)
    if places is not None:
        return places
    if len(periods) < 2:
        return np.zeros(len(periods))
    raise PanelError(
        f"{what} needs the order of periods in time, and the order of {sample(periods)} is not "
        "known; number the periods 1, 2, ... in their order, or make their column an ordered "
        "pandas.Categorical, whose steps count as equal"
    )


def require_even_steps(periods: pd.Index, what: str) -> float:
    """Return the step between periods, or raise `PanelError` unless all steps are equal.

    What looks at the period before would otherwise look over a missing period as if nothing were
    between.

    Parameters
    ----------
    periods : Index
        In the order of the panel.
    what : str
        Who asks, as the subject of a sentence: "a dynamic model".

    Returns
    -------
    float
        In the unit of `places_in_time`; 1 where there is one period.

    Raises
    ------
    PanelError
        If steps differ (the periods after which they do are named), or the order is not known.

    Examples
    --------
    >>> require_even_steps(pd.Index([2010, 2012, 2014]), "a trend")
    2.0
    >>> require_even_steps(pd.Index([2010, 2011, 2013]), "a trend")
    Traceback (most recent call last):
    ...
    nqp_spatial.errors.PanelError: a trend needs periods at equal steps, ...
    """
    places = require_places_in_time(periods, what)
    if len(places) < 2:
        return 1.0
    steps = np.diff(places)
    usual = float(np.median(steps))
    odd = np.flatnonzero(~np.isclose(steps, usual))
    if not len(odd):
        return usual
    advice = ""
    whole = pd.api.types.is_integer_dtype(periods)
    if whole and _months([str(period) for period in periods]) is not None:
        advice = '; numbers such as 201003 are not read as months, text such as "2010-03" is'
    elif isinstance(periods, pd.DatetimeIndex):
        advice = "; steps of these dates are counted in days"
    raise PanelError(
        f"{what} needs periods at equal steps, that is, evenly spaced; after "
        f"{sample(periods[odd])} the step is not {usual:g}: select periods that follow each other "
        f"(panel.select), or add those that are missing{advice}"
    )


def period_like(value: Hashable, periods: pd.Index) -> Hashable:
    """Return a period as the panel has it: "2010年" is 2010 where periods are years.

    Parameters
    ----------
    value : hashable
        What a caller named; returned as it is if it cannot be read.
    periods : Index
        Of the panel.

    Examples
    --------
    >>> period_like("2010年", pd.Index([2010, 2011]))
    2010
    >>> period_like("2010年1季度", pd.PeriodIndex(["2010Q1"], freq="Q"))
    Period('2010Q1', 'Q-DEC')
    """
    in_time = isinstance(periods, pd.PeriodIndex | pd.DatetimeIndex)
    if value is None or (not in_time and value in periods):
        return value
    try:
        as_read: Any = read_periods(pd.Series([value]))[0].iloc[0]
    except PanelError:
        return value
    if in_time:
        # One date alone is read as its year, and here is the day, month or quarter that has it.
        as_read = _moment(value if isinstance(as_read, int | np.integer) else as_read, periods)
        # pandas finds text and dates in such an index by rules of its own.
        kind = pd.Period if isinstance(periods, pd.PeriodIndex) else pd.Timestamp
        return as_read if isinstance(as_read, kind) and as_read in periods else value
    if as_read not in periods:
        return value
    known: Hashable = as_read.item() if isinstance(as_read, np.generic) else as_read
    return known


def _moment(value: Any, periods: pd.Index) -> Any:
    """Return the period or the date of something that means a time; itself if it means none."""
    if isinstance(value, int | float | np.number):
        return value
    try:
        if isinstance(periods, pd.PeriodIndex):
            if isinstance(value, pd.Period):
                return value if value.freq == periods.freq else None
            return pd.Timestamp(value).to_period(periods.freq)
        return pd.Timestamp(value)
    except (TypeError, ValueError):
        return value
