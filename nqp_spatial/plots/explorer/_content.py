"""What a page of linked views shows: variables by unit and period, and what is drawn of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.text import t, translate
from nqp_spatial.plots._theme import LIGHT
from nqp_spatial.plots.maps._classes import (
    category_groups,
    class_groups,
    inner_bounds,
    is_text,
)
from nqp_spatial.plots.maps._map import MapGroup

__all__ = ["Cells", "Content", "Points", "Variable", "classified", "coded", "hex_colour", "ranked"]


@dataclass(frozen=True, eq=False)
class Points:
    """A scatter with one point per unit, which moves with the period.

    Attributes
    ----------
    kind : {"moran", "rank", "change"}
    heading, x_title, y_title : str
    x, y : ndarray
        Shape (units, periods) or, if constant, (units, 1); missing where there is no point.
    slopes : ndarray or None
        Of the line through the origin, by period.
    notes : list of str
        A remark for each period.
    """

    kind: str
    heading: str
    x_title: str
    y_title: str
    x: np.ndarray
    y: np.ndarray
    slopes: np.ndarray | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Cells:
    """A matrix of transition probabilities, whose cells mark the units that made the transition.

    Attributes
    ----------
    heading, row_title, column_title : str
    rows, columns : list of str
        Names of the states.
    probabilities : ndarray
        Shape (rows, columns), missing where no transition starts.
    counts : ndarray of int
        Observed transitions, the same shape.
    codes : ndarray of int
        Row of each unit in each period, shape (units, periods), -1 where there is none; the column
        of a unit's next state is its class `step` periods later.
    step : int
    """

    heading: str
    row_title: str
    column_title: str
    rows: Sequence[str]
    columns: Sequence[str]
    probabilities: np.ndarray
    counts: np.ndarray
    codes: np.ndarray
    step: int


@dataclass(frozen=True, eq=False)
class Variable:
    """A variable of the page, in classes.

    Attributes
    ----------
    label : str
    codes : ndarray of int
        Class of each unit, -1 where it is missing; shape (units, periods), or (units, 1).
    classes : list of (name, colour)
    values : ndarray or None
        Numbers of the same shape; None for categories.
    view : Points, Cells or None
        What stands beside the map; None draws the number of units in each class.
    series : str or None
        Name of the variable whose lines are drawn; its own if None.
    cuts : list of float
        Horizontal lines in the view of lines.
    each : list of Variable
        The same values in classes of their own in each period; empty where these are the same.
    """

    label: str
    codes: np.ndarray
    classes: Sequence[tuple[str, str]]
    values: np.ndarray | None = None
    view: Points | Cells | None = None
    series: str | None = None
    cuts: Sequence[float] = ()
    each: Sequence[Variable] = ()


@dataclass(frozen=True, eq=False)
class Content:
    """Everything that a page shows.

    Attributes
    ----------
    units : list of str
        Display names.
    periods : Index
    variables : dict of Variable
        By name, the first of which is shown first.
    title : str
    notes : list of str
    start : int
        Place of the period that is shown first; -1 is the last.
    """

    units: Sequence[str]
    periods: pd.Index
    variables: Mapping[str, Variable]
    title: str
    notes: Sequence[str] = field(default_factory=list)
    start: int = -1


def hex_colour(colour: Any) -> str:
    """Return a colour of matplotlib as a web colour.

    Examples
    --------
    >>> hex_colour((1.0, 0.0, 0.0, 1.0))
    '#ff0000'
    """
    from matplotlib.colors import to_hex

    return str(to_hex(colour))


def classified(
    table: pd.DataFrame,
    label: str,
    *,
    scheme: str = "quantiles",
    classes: int = 5,
    breaks: Sequence[float] | None = None,
    cmap: str | None = None,
    digits: int | None = None,
) -> Variable:
    """Return a variable in the classes of a static map, the same in all periods.

    Parameters
    ----------
    table : DataFrame
        Units by periods.
    label : str
    scheme, classes, breaks, cmap, digits
        As in `nqp_spatial.plots.choropleth`.

    Raises
    ------
    PanelError, OptionError
        If there is no finite value, or there are too many categories.
    """
    pooled = table.stack(future_stack=True)
    pooled.name = label
    if is_text(pooled):
        return coded(category_groups(pooled), table.shape, label)
    cuts = inner_bounds(pooled, scheme, classes, breaks, None)
    groups = class_groups(pooled, cuts, None, cmap, digits)
    numbers = pooled.to_numpy(dtype=float, na_value=np.nan).reshape(table.shape)
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    each: list[Variable] = []
    if breaks is None and table.shape[1] > 1:
        for place in range(table.shape[1]):
            section = pd.Series(numbers[:, place], name=label)
            if section.isna().all():
                each.append(Variable(label, np.full((len(section), 1), -1), []))
                continue
            bounds = inner_bounds(section, scheme, classes, None, None)
            parts = class_groups(section, bounds, None, cmap, digits)
            each.append(coded(parts, (len(section), 1), label))
    return replace(coded(groups, table.shape, label), values=numbers, each=each)


def coded(groups: Sequence[MapGroup], shape: tuple[int, int], label: str) -> Variable:
    """Return a variable from the groups of a static map; the group without data has no code."""
    codes = np.full(shape, -1)
    classes: list[tuple[str, str]] = []
    for group in groups:
        if group.hatch and hex_colour(group.colour) == hex_colour(LIGHT):
            continue
        codes[np.asarray(group.members).reshape(shape)] = len(classes)
        classes.append((group.name, hex_colour(group.colour)))
    return Variable(label, codes, classes)


def ranked(variable: Variable, periods: pd.Index) -> Points:
    """Return a scatter of ranks, 1 for the highest value of the period, and values."""
    assert variable.values is not None
    ranks = pd.DataFrame(variable.values).rank(ascending=False, method="min").to_numpy()
    known = np.isfinite(variable.values).sum(axis=0)
    notes = [translate(t("{count} regions with data", count=int(count))) for count in known]
    return Points(
        "rank", translate(t("Ranking")), variable.label, translate(t("Rank")),
        variable.values, ranks, notes=notes,
    )  # fmt: skip
