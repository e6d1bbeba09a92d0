"""Guesses of what the columns of a table are: periods, ids, an outcome, groups, a formula."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.errors import OptionError
from nqp_spatial.regression._formulas import quoted
from nqp_spatial.report.study._map_guess import are_codes, provinces_of

__all__ = ["YEAR", "Guesses", "guess_columns", "guess_period", "guess_unit", "unit_columns"]

_PERIODS = ("year", "period", "time", "date", "年份", "年", "时间", "年度")
YEAR = re.compile(r"(?:1[89]|2[01])\d\d(?:\.0)?年?")
_OUTCOME = re.compile(
    "人均.*(gdp|生产总值|收入)|指数|生产率|per.?capita|per.?head|income|index|productivity"
)
_NO_OUTCOME = re.compile(
    "^(id|fid|no|num|lon|lat)$|_id$|code|longitude|latitude|序号|编号|编码|代码|经度|纬度"
)
_SHARE = re.compile("%|％|占比|比重|比例|share|percent|pct|rate|log|对数|^ln")
_REGRESSORS = 3  # in the proposed formula

Guesses = dict[tuple[str, str], Any]


def guess_period(frame: pd.DataFrame) -> str:
    """Return the column of periods; raise `OptionError` if none can be made out."""
    named = [name for name in frame.columns if name.strip().lower() in _PERIODS]
    for name in [*named, *frame.columns]:
        values = frame[name].dropna()
        if name in named and values.nunique() > 0 and not _is_fraction(values):
            return str(name)
        if _are_years(values) and values.nunique() < len(values):
            return str(name)
    raise OptionError(
        "no column of periods can be made out; name it year, or write the file of settings by hand"
    )


def _is_fraction(values: pd.Series) -> bool:
    return pd.api.types.is_float_dtype(values) and not values.map(float.is_integer).all()


def _are_years(values: pd.Series) -> bool:
    if values.empty or pd.api.types.is_bool_dtype(values):
        return False
    return all(YEAR.fullmatch(str(value).strip()) for value in values.unique())


def unit_columns(frame: pd.DataFrame, period: str) -> list[str]:
    """Return the columns that have each value once a period."""
    rows, periods = len(frame), frame[period].nunique()
    return [
        str(name)
        for name in frame.columns
        if name != period
        and (not pd.api.types.is_float_dtype(frame[name]) or are_codes(frame[name]))
        and not frame.duplicated([name, period]).any()
        and frame[name].nunique() * periods >= rows
        and frame[name].nunique() < max(rows, 2)
    ]


def guess_unit(frame: pd.DataFrame, period: str, fields: list[str]) -> str:
    """Return the column of ids, one of `fields` if possible; `OptionError` if there is none."""
    complete = unit_columns(frame, period)
    best = sorted(complete, key=lambda name: (name not in fields, "name" in name.lower()))
    if not best:
        raise OptionError(
            f"no column of unit ids can be made out: none has each value once a {period}; check "
            "for rows that occur twice, and for cells without an id"
        )
    return best[0]


def guess_columns(
    frame: pd.DataFrame, unit: str, period: str
) -> tuple[Guesses, dict[tuple[str, str], Any], list[str]]:
    """Return an outcome and groups, an initial formula, and descriptions of the columns."""
    by_unit = frame.groupby(unit)
    others = [name for name in frame.columns if name not in (unit, period)]
    numeric = [name for name in others if _is_number(frame[name])]
    counts = frame[others].nunique()
    fixed = [n for n in others if by_unit[n].nunique(dropna=False).max() == 1 and counts[n] > 1]
    few = sorted([n for n in fixed if counts[n] <= 40], key=lambda n: counts[n])
    moving = [name for name in numeric if name not in fixed]
    gaps = frame[moving].isna().sum()
    pairs = frame[[unit, period]].dropna().drop_duplicates()
    complete = int((pairs.groupby(unit).size() == frame[period].nunique()).sum())
    notes = [
        f"{frame[unit].nunique()} units, {frame[period].nunique()} periods, {len(frame)} rows.",
        f"Numeric columns: {', '.join(moving) or 'none'}",
        f"Constant by unit: {', '.join(fixed) or 'none'}",
        f"With gaps: {', '.join(f'{n} ({k})' for n, k in gaps[gaps > 0].items()) or 'none'}",
    ]
    guesses: Guesses = {}
    ranked = sorted(moving, key=_outcome_rank)
    if ranked and _outcome_rank(ranked[0]) > 0:
        ranked = [name for name in moving if _outcome_rank(name) < 2] or moving
    candidates = [name for name in ranked if not gaps[name] and _outcome_rank(name) < 2]
    model = _independent(frame, unit, period, candidates)
    if outcome := (model or ranked)[:1]:
        guesses["outcome", "variable"] = outcome[0]
        # Of levels that grow, differences rise where all grow at one rate.
        guesses |= {("outcome", "logs"): True} if _in_logs(outcome[0], frame[outcome[0]]) else {}
    # Of two columns with two values, zeros and ones tell a centre, names are regions.
    centre = sorted((n for n in few if counts[n] == 2), key=lambda n: not _is_number(frame[n]))
    provinces = provinces_of(frame, unit)
    province = "" if provinces is None else str(provinces.name)
    if provinces is not None and len(provinces) <= 1.5 * counts[province]:
        province = ""  # the units themselves
    named = [name for name in few if 3 <= counts[name] <= 10 and name != province]
    region = (named or centre[::-1])[:1]
    if province and not region and counts[province] <= 10:
        region = [province]
    elif province and region and frame.groupby(province)[region[0]].nunique().max() == 1:
        guesses["groups", "province"] = province
    guesses |= {("groups", "region"): region[0]} if region else {}
    guesses |= {("groups", "centre"): centre[0]} if centre else {}
    if centre and (words := _binary_labels(centre[0], frame[centre[0]])):
        guesses["data", "labels"] = words
    hints: dict[tuple[str, str], Any] = {}
    if complete < frame[unit].nunique():
        notes.append(
            f"Rows are absent: {complete} of {frame[unit].nunique()} units have all periods; see "
            "[data] balance"
        )
        hints["data", "balance"] = "drop-units"
    hints |= {("heterogeneity", "by"): (centre or region)[0]} if centre or region else {}
    if adopted := [name for name in moving if _is_adoption(frame, unit, period, name)]:
        hints["policy", "treatment"] = adopted[0]
    large = [name for name in moving if not gaps[name] and _in_logs(name, frame[name])]
    hints |= {("network", "mass"): large[:1]} if large else {}
    if len(model) > 1:
        response, *regressors = [_term(name, frame[name]) for name in model]
        hints["model", "formula"] = f"{response} ~ {' + '.join(regressors)}"
        hints["drivers", "factors"] = [*model[1:], *region]
        hints["lisa", "bivariate"] = model[1]
    if len(model) > 2:
        hints["mediation", "mediator"] = f"{regressors[0]} ~ {' + '.join(regressors[1:])}"
    return guesses, hints, notes


def _is_adoption(frame: pd.DataFrame, unit: str, period: str, name: str) -> bool:
    """Whether a column is zero and becomes one for some units, which then keep it."""
    values = frame[name]
    if set(values.dropna().unique()) != {0, 1}:
        return False
    moves = frame.sort_values(period).groupby(unit)[name].diff()
    return bool(values.notna().all() and (moves.dropna() >= 0).all())


def _outcome_rank(name: str) -> int:
    """Return 0 for names of what studies often explain, 2 for codes and coordinates, else 1."""
    text = name.casefold()
    if _NO_OUTCOME.search(text):
        return 2
    return 0 if _OUTCOME.search(text) else 1


def _in_logs(name: str, values: pd.Series) -> bool:
    """Whether a formula has a column in logs: it is positive, large and not a percentage."""
    usual = float(values.median())
    large = usual >= 1000 or float(values.max()) > max(100.0, 10 * usual)
    return bool((values > 0).all()) and large and not _SHARE.search(name.casefold())


def _term(name: str, values: pd.Series) -> str:
    return f"log({quoted(name)})" if _in_logs(name, values) else quoted(name)


def _binary_labels(name: str, values: pd.Series) -> dict[str, str]:
    """Return labels of the groups of a column of zeros and ones, which are no names."""
    if not _is_number(values) or set(values.dropna().unique()) != {0, 1}:
        return {}
    chinese = re.search("[\u4e00-\u9fff]", name)
    bare = re.sub("^是否为?|^是不是", "", name)
    other = f"非{bare}" if chinese else f"not {bare}"
    return {f"{name}=1": bare, f"{name}=0": other}


def _is_number(values: pd.Series) -> bool:
    types = pd.api.types
    return types.is_numeric_dtype(values) and not (
        types.is_bool_dtype(values) or types.is_complex_dtype(values)
    )


def _independent(frame: pd.DataFrame, unit: str, period: str, names: list[str]) -> list[str]:
    """Return the first columns that a formula can contain and that effects do not absorb."""
    chosen: list[str] = []
    columns: list[np.ndarray] = []
    for name in names:
        values = frame[name].astype(float)
        if len(chosen) > _REGRESSORS or not np.isfinite(values).all() or not _writable(name):
            continue
        values = np.log(values) if _in_logs(name, values) else values
        within = values - values.groupby(frame[unit]).transform("mean")
        within -= within.groupby(frame[period]).transform("mean")
        size = float(within.std(ddof=0))
        if not size > 1e-6 * float(values.abs().max()):
            continue
        columns.append(within.to_numpy() / size)
        least = np.linalg.svd(np.stack(columns, axis=1), compute_uv=False)[-1]
        if len(columns) > len(frame) or least < 1e-4 * len(frame) ** 0.5:
            columns.pop()
        else:
            chosen.append(name)
    return chosen


def _writable(name: str) -> bool:
    try:
        quoted(name)
    except OptionError:
        return False
    return True
