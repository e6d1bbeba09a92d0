"""Panels with gaps: what is absent, and ways to balance them."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from nqp_spatial.core.ids import folded
from nqp_spatial.core.periods import require_places_in_time
from nqp_spatial.core.text import Message, listed, t
from nqp_spatial.errors import UnbalancedPanelError, sample

__all__ = ["BalanceMethod", "balancing_choices", "require_balanced", "without_gaps"]

BalanceMethod = Literal["drop-units", "drop-periods", "interpolate"]


def require_balanced(data: pd.DataFrame) -> None:
    """Raise `UnbalancedPanelError`, naming absent pairs, unless every unit is in every period."""
    units, periods = data.index.levels
    absent_count = len(units) * len(periods) - len(data)
    if absent_count:
        grid = pd.MultiIndex.from_product([units, periods])
        absent = grid.difference(data.index, sort=False)
        # `balance` counts missing cells of all columns too, unless some are named.
        missing = data.index[data.isna().any(axis=1)]
        gaps, counted = absent.append(missing), ""
        if len(missing):
            counted = (
                f" ({len(missing)} rows with missing cells counted; pass columns=[...] to count "
                "those of some columns only)"
            )
        raise UnbalancedPanelError(
            f"the panel is unbalanced: {absent_count} of {len(grid)} (unit, period) pairs are "
            f"absent: {sample(absent)}; add them, or pass balanced=False and then choose "
            f"{balancing_choices(units, periods, gaps)}{counted}{_twins(units)}"
        )


def _twins(units: pd.Index) -> str:
    """Name ids that differ only by blanks, full-width signs or capitals."""
    forms = pd.Series([folded(id_) for id_ in units], index=units)
    twins = forms.index[forms.duplicated(keep=False).to_numpy()]
    if not len(twins):
        return ""
    return f" (are some ids one unit written in two ways? {sample(twins, 6)})"


def balancing_choices(units: pd.Index, periods: pd.Index, gaps: pd.MultiIndex) -> str:
    """Return the ways to balance a panel with gaps, and what each would leave."""
    remaining_units = len(units) - gaps.get_level_values(0).nunique()
    remaining_periods = len(periods) - gaps.get_level_values(1).nunique()
    return (
        f"panel.balance(how='drop-units'), which leaves {remaining_units} of {len(units)} units; "
        f"'drop-periods', which leaves {remaining_periods} of {len(periods)} periods; or "
        "'interpolate', which fills gaps inside a unit's series from its neighbours in time"
    )


def without_gaps(
    data: pd.DataFrame, names: list[str], how: BalanceMethod, period_name: str
) -> tuple[pd.DataFrame, Message | None]:
    """Return data without gaps in the columns named, and what was done; None if nothing was.

    Parameters
    ----------
    data : DataFrame
        Indexed by (unit, period).
    names : list of str
        Columns that must be complete.
    how, period_name
        As in `SpatialPanel.balance`.

    Raises
    ------
    UnbalancedPanelError
        If nothing would remain, or gaps cannot be interpolated.
    """
    units, periods = data.index.levels
    grid = pd.MultiIndex.from_product([units, periods], names=["unit", "period"])
    full = data.reindex(grid)
    gaps = full[names].isna().any(axis=1) | ~grid.isin(data.index)
    if not gaps.any():
        return data, None
    if how == "interpolate":
        return _interpolated(full, names, gaps, period_name)
    level = "unit" if how == "drop-units" else "period"
    ids = units if level == "unit" else periods
    dropped = gaps[gaps].index.get_level_values(level).unique()
    if len(dropped) == len(ids):
        raise UnbalancedPanelError(
            f"every {level} has a gap in {sample(names)}: dropping {level}s leaves nothing; "
            "name fewer columns, or balance the other way"
        )
    counts = {"count": len(dropped), "total": len(ids), "ids": listed(dropped, 10)}
    note = (
        t("balanced by dropping {count} of {total} units: {ids}", **counts)
        if level == "unit"
        else t("balanced by dropping {count} of {total} periods: {ids}", **counts)
    )
    # What is left has all its rows in the data, so that whole numbers stay whole.
    return data[~data.index.isin(dropped, level=level)].copy(), note


def _interpolated(
    full: pd.DataFrame, names: list[str], gaps: pd.Series, period_name: str
) -> tuple[pd.DataFrame, Message]:
    text = [name for name in names if not pd.api.types.is_numeric_dtype(full[name])]
    if full[text].isna().to_numpy().any():
        raise UnbalancedPanelError(
            f"columns {sample(text)} are not numeric and cannot be interpolated; "
            "name the numeric columns in columns="
        )
    filled = full.copy()
    periods = full.index.levels[1]
    steps = require_places_in_time(periods, "interpolation")
    for name in names:
        if name in text:
            continue  # complete, as was seen above
        wide = full[name].unstack("period")
        wide.columns = pd.Index(steps)
        done = wide.astype(float).interpolate(method="index", axis=1, limit_area="inside")
        filled[name] = done.to_numpy().ravel()
    remaining = filled[names].isna().any(axis=1)
    if remaining.any():
        cells = list(remaining[remaining].index)
        raise UnbalancedPanelError(
            f"gaps at the ends of a series cannot be interpolated: (unit, period) "
            f"{sample(cells)}; drop these units or periods first"
        )
    return filled, t(
        "interpolated {count} cells of {columns} linearly over {period}: {cells}",
        count=int(gaps.sum()), columns=listed(names), period=period_name,
        cells=listed(gaps[gaps].index, 10),
    )  # fmt: skip
