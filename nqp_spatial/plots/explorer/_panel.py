"""Variables of a panel on a page of linked views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, t, translate
from nqp_spatial.errors import MissingValuesError, OptionError, PanelError, sample
from nqp_spatial.plots._theme import PALETTE
from nqp_spatial.plots.explorer._content import Content, Variable, classified, ranked
from nqp_spatial.plots.explorer._moran import moran_points
from nqp_spatial.plots.maps._classes import is_text

__all__ = ["panel_content", "panel_variable", "unit_names"]


def panel_content(
    panel: SpatialPanel,
    matrix: sparse.csr_array | None,
    variables: Sequence[str] | None,
    names: str | None,
    *,
    scheme: str,
    classes: int,
    title: str | None,
) -> Content:
    """Return columns of a panel: classes on the map, Moran's scatter or ranks, and lines.

    Raises
    ------
    PanelError, UnknownColumnError, OptionError
        If there is no column that can be drawn, or one that was asked for cannot.
    """
    chosen, notes = _columns(panel, variables, names)
    made = {
        column: panel_variable(panel, column, matrix, scheme=scheme, classes=classes)
        for column in chosen
    }
    if not title:
        labels = [variable.label for variable in made.values()]
        title = labels[0] if len(labels) == 1 else translate(t("Data explorer"))
    return Content(unit_names(panel, names), panel.periods, made, title, notes)


def panel_variable(
    panel: SpatialPanel,
    column: str,
    matrix: sparse.csr_array | None,
    *,
    scheme: str = "quantiles",
    classes: int = 5,
) -> Variable:
    """Return a column in classes; what does not change over time has one column of codes."""
    table = panel.wide(column).reindex(index=panel.units, columns=panel.periods)
    label = panel.label(column)
    if is_text(table.stack(future_stack=True)):
        kinds = classified(table, label)
        first = kinds.codes[:, :1]
        return replace(kinds, codes=first) if (kinds.codes == first).all() else kinds
    variable = classified(table, label, scheme=scheme, classes=classes)
    assert variable.values is not None
    if matrix is None:
        return replace(variable, view=ranked(variable, panel.periods))
    return replace(variable, view=moran_points(variable.values, matrix, label))


def unit_names(panel: SpatialPanel, column: str | None) -> list[str]:
    """Return display names of units: those of a column that is constant by unit, or the ids.

    Raises
    ------
    OptionError, MissingValuesError
        If a unit has several names, or none.
    """
    if column is None:
        return [str(unit) for unit in panel.units]
    panel.require_columns([column])
    table = panel.wide(column).reindex(panel.units)
    counts = table.nunique(axis=1)
    if (counts > 1).any():
        raise OptionError(
            f"names={column!r} must be constant by unit; it changes for "
            f"{sample(table.index[counts > 1])}"
        )
    if (counts == 0).any():
        raise MissingValuesError(
            f"names={column!r} is missing for {sample(table.index[counts == 0])}"
        )
    first = table.bfill(axis=1).iloc[:, 0]
    return [str(name) for name in first]


def _columns(
    panel: SpatialPanel, variables: Sequence[str] | None, names: str | None
) -> tuple[list[str], list[str]]:
    """Return the columns to draw, and a note that names those that are left out."""
    frame = panel.frame
    if variables is not None:
        chosen = list(dict.fromkeys(variables))
        if not chosen:
            raise OptionError("variables must name at least one column, got an empty list")
        panel.require_columns(chosen)
        return chosen, []
    reasons: dict[str, Message] = {}
    for column in frame.columns:
        if column != names and (reason := _unfit(frame[column])):
            reasons[column] = reason
    chosen = [column for column in frame.columns if column not in reasons and column != names]
    if not chosen:
        raise PanelError(
            "the panel has no column that can be drawn: numbers, or at most "
            f"{len(PALETTE)} categories"
        )
    # What is to be looked at first is a number that changes.
    numeric = [column for column in chosen if not is_text(frame[column])]
    chosen = [*numeric, *(column for column in chosen if column not in numeric)]
    notes = [
        translate(t("{column} is not shown: {reason}", column=panel.label(column), reason=reason))
        for column, reason in reasons.items()
    ]
    return chosen, notes


def _unfit(values: pd.Series) -> Message | None:
    """Return why a column cannot be drawn, if so."""
    if is_text(values):
        known = values.dropna()
        try:
            count = known.nunique()
        except TypeError:
            return t("it contains neither numbers nor categories")
        if count == 0:
            return t("all values are missing")
        if count > len(PALETTE):
            return t("it has {count} categories", count=count)
        return None
    if pd.api.types.is_complex_dtype(values):
        return t("it contains neither numbers nor categories")
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    return None if np.isfinite(numbers).any() else t("all values are missing")
