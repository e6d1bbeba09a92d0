"""What measures of inequality ask of a panel: values, weights, groups; samples of units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.errors import DomainError, OptionError, PanelError, sample
from nqp_spatial.keys import check_same_ids
from nqp_spatial.panel import SpatialPanel

__all__ = ["Measured", "bootstrapped", "groups_by_unit", "measured", "resampled"]

Sign = Literal["positive", "non-negative"]


@dataclass(frozen=True, eq=False)
class Measured:
    """Values and weights of a variable.

    Attributes
    ----------
    values, weights : ndarray
        Shape (periods, units); weights of a period add up to one.
    periods, units : Index
    """

    values: np.ndarray
    weights: np.ndarray
    periods: pd.Index
    units: pd.Index


def measured(
    panel: SpatialPanel, variable: str, weights: str | None, sign: Sign, needs: str
) -> Measured:
    """Return a variable and the units' weights, checked.

    Raises
    ------
    DomainError
        If values are negative, or zero where logarithms are taken, or all zero; or weights are not
        positive.
    UnknownColumnError, MissingValuesError, UnbalancedPanelError
        As `SpatialPanel.values`.
    """
    x = np.ascontiguousarray(panel.values(variable).T)
    bad = x < 0 if sign == "non-negative" else x <= 0
    if bad.any():
        t, i = np.nonzero(bad)
        cells = [(panel.units[b], panel.periods[a]) for a, b in zip(t, i, strict=True)]
        raise DomainError(
            f"{needs} needs {sign} values; {variable!r} is "
            f"{'negative' if sign == 'non-negative' else 'zero or negative'} for {sample(cells)}"
        )
    if (zero := x.sum(axis=1) == 0).any():
        raise DomainError(f"{variable!r} is zero everywhere in {sample(panel.periods[zero])}")
    w = np.ones_like(x) if weights is None else np.ascontiguousarray(panel.values(weights).T)
    if (w <= 0).any():
        t, i = np.nonzero(w <= 0)
        cells = [(panel.units[b], panel.periods[a]) for a, b in zip(t, i, strict=True)]
        raise DomainError(f"weights must be positive; {weights!r} is not for {sample(cells)}")
    return Measured(x, w / w.sum(axis=1, keepdims=True), panel.periods, panel.units)


def groups_by_unit(
    panel: SpatialPanel, group: str | pd.Series, *, single: Literal["error", "keep"] = "keep"
) -> tuple[np.ndarray, list[str]]:
    """Return the number of each unit's group and the groups' names.

    Raises
    ------
    PanelError
        If a unit has no group or changes it, or a group has one member where that is an error.
    OptionError
        If there is one group.
    """
    if isinstance(group, str):
        panel.require_balanced()
        panel.require_complete([group])
        # Balanced and sorted by unit: one row of the table a unit.
        codes = pd.factorize(panel.frame[group])[0].reshape(panel.n_units, panel.n_periods)
        changing = (codes != codes[:, :1]).any(axis=1)
        if changing.any():
            raise PanelError(
                f"units change their {group!r} over periods: {sample(panel.units[changing])}; "
                "pass groups by unit"
            )
        series = panel.frame[group].iloc[:: panel.n_periods]
    else:
        check_same_ids(
            panel.units, group.index, our_name="panel", their_name="groups",
            advice="give one group for each unit of the panel",
        )  # fmt: skip
        series = group.reindex(panel.units)
        if series.isna().any():
            raise PanelError(f"units have no group: {sample(series.index[series.isna()])}")
    codes, names = pd.factorize(series, sort=True)
    if len(names) < 2:
        raise OptionError(f"groups must be two or more; all units are in {names[0]!r}")
    alone = np.flatnonzero(np.bincount(codes) == 1)
    if single == "error" and len(alone):
        raise PanelError(
            f"groups with one member have no inequality inside: {sample(names[alone])}; join them "
            "to others, or pass single='keep' to count it as zero"
        )
    return codes.astype(np.int64), [str(name) for name in names]


def resampled(
    n: int, replications: int, seed: int | None, codes: np.ndarray | None = None
) -> np.ndarray:
    """Return how often each unit is in each bootstrap sample, shape (replications, n).

    Units are drawn with all their periods; with groups, inside each group.
    """
    rng = np.random.default_rng(seed)
    counts = np.zeros((replications, n))
    members = (
        [np.arange(n)]
        if codes is None
        else [np.flatnonzero(codes == g) for g in range(codes.max() + 1)]
    )
    for inside in members:
        even = np.full(len(inside), 1 / len(inside))
        counts[:, inside] = rng.multinomial(len(inside), even, size=replications)
    return counts


def bootstrapped(
    data: Measured,
    measure: Callable[[np.ndarray, np.ndarray], np.ndarray],
    replications: int,
    seed: int | None,
) -> np.ndarray:
    """Return a measure of bootstrap samples of units, shape (replications, measures, periods).

    `measure` takes values and weights of shape (rows, units) and returns (measures, rows); samples
    and periods are its rows, as many at once as a few million weights hold.
    """
    periods, n = data.values.shape
    counts = resampled(n, replications, seed)
    found = []
    for some in np.array_split(counts, -(-counts.size * periods // 4_000_000)):
        weights = (some[:, None, :] * data.weights).reshape(-1, n)
        measured_ = measure(np.tile(data.values, (len(some), 1)), weights)
        found.append(measured_.reshape(-1, len(some), periods).swapaxes(0, 1))
    return np.concatenate(found)
