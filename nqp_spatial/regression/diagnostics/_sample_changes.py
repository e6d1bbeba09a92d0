"""Changes of the sample: winsorised values, fewer units or periods, lagged regressors."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.groups import Groups, group_name
from nqp_spatial.core.numbers import is_number_column
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.core.text import Message, join, listed, t
from nqp_spatial.errors import OptionError, UnknownColumnError, sample
from nqp_spatial.regression._formulas import ReadFormula, read_formula
from nqp_spatial.regression.diagnostics.specification import Specification

__all__ = [
    "lagged_regressors", "only", "periods", "read", "winsorised", "without", "without_periods",
]  # fmt: skip

_SHARE = 0.01
_FEW = 5  # ids that a note names


def read(specification: Specification) -> ReadFormula:
    """Return the formula of a specification, without evaluating it."""
    return read_formula(
        specification.formula,
        specification.options.get("functions"),
        known=specification.panel.frame.columns,
    )


# -- winsorised ------------------------------------------------------------------------------------


def winsorised(specification: Specification, value: Any) -> Specification:
    """Set values beyond two quantiles to these quantiles, over all units and periods.

    Parameters
    ----------
    specification : Specification
    value : float, pair of float, mapping or None
        A share for each end (0.01 by default), the two quantiles, or ``{"share": 0.01, "columns":
        [...]}``. By default all numbers of the formula with more than two values; quantiles are
        interpolated linearly.

    Returns
    -------
    Specification
        Its note counts the values that were set, by variable.
    """
    panel = specification.panel
    columns, (low, high) = _winsorised_columns(specification, value)
    clipped, parts = {}, []
    for name in columns:
        numbers = panel.values(name).ravel()
        ends = np.quantile(numbers, [low, high])
        clipped[name] = np.clip(numbers, *ends)
        beyond = np.flatnonzero(clipped[name] != numbers)
        if len(beyond):
            parts.append(_count_words(panel, name, beyond))
    note = t(
        "values beyond the quantiles {low:g} and {high:g} are set to these: {columns}",
        low=low, high=high, columns=join("; ", parts or [t("none")]),
    )  # fmt: skip
    return specification.replaced(note=note, panel=panel.assign(**clipped))


def _count_words(panel: SpatialPanel, name: str, beyond: np.ndarray) -> Message:
    """Return how many values of a variable were set, with their ids where they are few."""
    total = len(panel.frame)
    if len(beyond) > _FEW:
        return t("{name} {count} of {total}", name=name, count=len(beyond), total=total)
    pairs = [panel.frame.index[place] for place in beyond]
    if panel.n_periods == 1:
        pairs = [unit for unit, _ in pairs]
    return t(
        "{name} {count} of {total} ({ids})",
        name=name, count=len(beyond), total=total, ids=listed(pairs, _FEW),
    )  # fmt: skip


def _winsorised_columns(
    specification: Specification, value: Any
) -> tuple[list[str], tuple[float, float]]:
    """Return the variables to be winsorised and the two quantiles."""
    columns: list[str] | None = None
    if isinstance(value, Mapping):
        unknown = sorted(set(map(str, value)) - {"share", "columns"})
        if unknown:
            raise OptionError(f"winsorised takes 'share' and 'columns', got {unknown[0]!r}")
        listed_columns = value.get("columns")
        if listed_columns is not None:
            columns = [listed_columns] if isinstance(listed_columns, str) else list(listed_columns)
            specification.panel.require_numeric(columns)
        value = value.get("share")
    ends = _SHARE if value is None else value
    pair: Sequence[Any] = ends if isinstance(ends, list | tuple) and len(ends) == 2 else (ends,)
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in pair):
        raise OptionError(f"winsorised must be a share or two quantiles, got {ends!r}")
    quantiles = (float(pair[0]), float(pair[1]) if len(pair) == 2 else 1 - float(pair[0]))
    if not 0 <= quantiles[0] < quantiles[1] <= 1 or quantiles == (0.0, 1.0):
        raise OptionError(
            "winsorised must be a share below 0.5, or two quantiles between 0 and 1 such as "
            f"(0.01, 0.99), got {ends!r}"
        )
    return columns or _continuous(specification), quantiles


def _continuous(specification: Specification) -> list[str]:
    """Return the numbers of the formula that have more than two values."""
    frame, formula = specification.panel.frame, read(specification)
    return [
        name
        for name in formula.columns
        if name in frame.columns and name not in formula.exact
        and is_number_column(frame[name]) and frame[name].nunique() > 2
    ]  # fmt: skip


# -- units and periods -----------------------------------------------------------------------------


def without(specification: Specification, value: Any) -> Specification:
    """Leave out units: a list of ids, a column of truth values, or ``{column: groups}``."""
    panel = specification.panel
    omitted = named_units(panel, value, "without")
    others = panel.units.difference(omitted, sort=False)
    if len(others) < 2:
        raise OptionError(f"without leaves {len(others)} units; a model needs two or more")
    note = t("units left out ({count}): {units}", count=len(omitted), units=listed(omitted, _FEW))
    return specification.with_units(others, note=note)


def only(specification: Specification, value: Any) -> Specification:
    """Keep some units only; the value is like that of `without`."""
    panel = specification.panel
    members = named_units(panel, value, "only")
    note = t(
        "units kept ({count} of {total}): {units}",
        count=len(members), total=panel.n_units, units=listed(members, _FEW),
    )  # fmt: skip
    return specification.with_units(members, note=note)


def named_units(panel: SpatialPanel, value: Any, change: str) -> pd.Index:
    """Return the units that a value names, in the order of the panel."""
    if isinstance(value, str):
        value = {value: True}
    if isinstance(value, Mapping):
        mask = np.zeros(panel.n_units, dtype=bool)
        for column, wanted in value.items():
            mask |= _members(panel, str(column), wanted, change)
        return panel.units[mask]
    if not isinstance(value, Iterable):
        value = [value]
    ids = list(value)
    # The panel's own message about units that it does not have.
    return panel.select(units=ids).units if ids else _no_units(change)


def _no_units(change: str) -> pd.Index:
    raise OptionError(f"{change} must name at least one unit")


def _members(panel: SpatialPanel, column: str, wanted: Any, change: str) -> np.ndarray:
    """Return which units are in some groups of a column."""
    groups = Groups.by_unit(panel, column, at_least=1)
    names = [*map(group_name, groups.labels)]
    values = [wanted] if isinstance(wanted, str) or not isinstance(wanted, Iterable) else wanted
    mask = np.zeros(panel.n_units, dtype=bool)
    for each in values:
        name = group_name(each)
        if each is True and name not in names:
            name = "1"
        if name in groups.names and name not in names:
            name = names[groups.names.index(name)]
        if name not in names:
            raise OptionError(
                f"{change}: no unit has {each!r} in {column!r}, whose values are {sample(names)}"
            )
        mask |= groups.codes == names.index(name)
    return mask


def periods(specification: Specification, value: Any) -> Specification:
    """Keep some periods: a list, or ``{"from": first, "to": last}``."""
    panel = specification.panel
    return _with_periods(specification, _named_periods(panel, value, "periods"))


def without_periods(specification: Specification, value: Any) -> Specification:
    """Leave out some periods; the value is like that of `periods`."""
    panel = specification.panel
    omitted = set(_named_periods(panel, value, "without periods"))
    return _with_periods(specification, [each for each in panel.periods if each not in omitted])


def _with_periods(specification: Specification, chosen: list[Hashable]) -> Specification:
    panel = specification.panel.select(periods=chosen)
    note = t(
        "periods kept ({count} of {total}): {first} to {last}",
        count=panel.n_periods, total=specification.panel.n_periods,
        first=str(panel.periods[0]), last=str(panel.periods[-1]),
    )  # fmt: skip
    return specification.replaced(note=note, panel=panel)


def _named_periods(panel: SpatialPanel, value: Any, change: str) -> list[Hashable]:
    if isinstance(value, Mapping):
        unknown = sorted(set(map(str, value)) - {"from", "to"})
        if unknown:
            raise OptionError(f"{change} takes 'from' and 'to', got {unknown[0]!r}")
        ends = [panel.period(value[end]) if end in value else None for end in ("from", "to")]
        places = [None if end is None else panel.periods.get_loc(end) for end in ends]
        last = None if places[1] is None else places[1] + 1
        chosen = list(panel.periods[places[0] : last])
    else:
        values = [value] if isinstance(value, str) or not isinstance(value, Iterable) else value
        chosen = [panel.period(each) for each in values]
    if not chosen:
        raise OptionError(f"{change} must name at least one period")
    return chosen


# -- lagged regressors -----------------------------------------------------------------------------


def lagged_regressors(specification: Specification, value: Any) -> Specification:
    """Take regressors of an earlier period: ``x_(t-h)`` for ``x_t``, under the same names.

    Parameters
    ----------
    specification : Specification
    value : int, mapping or None
        h, by default 1, or ``{"periods": h, "columns": [...]}``. By default all columns of the
        right side; excluded instruments are not lagged.

    Returns
    -------
    Specification
        Without the first h periods.
    """
    panel, formula = specification.panel, read(specification)
    columns = sorted(
        {
            name
            for term in formula.parsed.rhs
            for factor in term.factors
            for name in formula.columns_in(factor)
        }
        & set(map(str, panel.frame.columns)),
        key=formula.columns.index,
    )
    if isinstance(value, Mapping):
        unknown = sorted(set(map(str, value)) - {"periods", "columns"})
        if unknown:
            raise OptionError(
                f"lagged regressors takes 'periods' and 'columns', got {unknown[0]!r}"
            )
        chosen = value.get("columns", columns)
        chosen = [chosen] if isinstance(chosen, str) else list(chosen)
        if absent := [name for name in chosen if name not in columns]:
            raise UnknownColumnError(
                f"lagged regressors names {sample(absent)}, which are not on the right side of the "
                f"formula; its columns are {sample(columns, 20)}"
            )
        columns, value = chosen, value.get("periods")
    steps = 1 if value is None else value
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise OptionError(f"lagged regressors must be a whole number of periods, got {steps!r}")
    outcome = {name for f in formula.parsed.lhs[0].factors for name in formula.columns_in(f)}
    if shared := sorted(outcome & set(columns)):
        raise OptionError(
            f"{sample(shared)} is on both sides of the formula and cannot be lagged on one"
        )
    return _shifted(specification, columns, steps)


def _shifted(specification: Specification, columns: list[str], steps: int) -> Specification:
    panel = specification.panel
    panel.require_balanced()
    if steps >= panel.n_periods:
        raise OptionError(
            f"regressors of {steps} periods before need more than {steps} periods, the panel has "
            f"{panel.n_periods}"
        )
    require_even_steps(panel.periods, "lagged regressors")
    before = panel.frame.groupby(level="unit", sort=False)[columns].shift(steps)
    later = panel.select(periods=panel.periods[steps:])
    rows = before.loc[later.frame.index]
    lagged = {name: rows[name].astype(panel.frame[name].dtype) for name in columns}
    note = t(
        "regressors are lagged (periods: {count}), so that the first {count} of {total} periods "
        "are not in the sample",
        count=steps, total=panel.n_periods,
    )  # fmt: skip
    return specification.replaced(note=note, panel=later.assign(**lagged))
