"""Strengths of the modified gravity model, and which of them are links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import DomainError, MissingValuesError, OptionError, sample
from nqp_spatial.weights._coordinates import coordinates_of
from nqp_spatial.weights.distance import require_apart

__all__ = ["Threshold", "distances", "mass_of", "positive", "retained", "strengths"]

Threshold = Literal["row-mean", "mean", "none"]


def positive(panel: SpatialPanel, column: str) -> np.ndarray:
    """Return a column, units by periods, or raise `DomainError` that names what is not positive."""
    values = panel.values(column)
    low = values <= 0
    if low.any():
        places = list(zip(*np.nonzero(low), strict=True))
        cells = [(panel.units[i], panel.periods[k]) for i, k in places]
        raise DomainError(
            f"column {column!r} must be positive; it is not for (unit, period) {sample(cells)}: "
            "correct these cells, or take another mass"
        )
    return values


def mass_of(panel: SpatialPanel, names: Sequence[str]) -> np.ndarray:
    """Return the geometric mean of columns, units by periods."""
    logs = [np.log(positive(panel, name)) for name in names]
    return np.asarray(np.exp(np.mean(logs, axis=0)))


def distances(panel: SpatialPanel, table: pd.DataFrame | None) -> np.ndarray:
    """Return distances between units, shape (n, n), the diagonal infinite.

    Raises
    ------
    GeometryError, CrsError
        If kilometres are wanted and the panel has no coordinates.
    UnmatchedIdsError, MissingValuesError, DomainError
        If a table has other units, or distances that are missing or not positive.
    """
    n = panel.n_units
    square = np.full((n, n), np.inf)
    if table is None:
        pairs, km = coordinates_of(panel).pairs(None)
        require_apart(panel.units, pairs, km)
        square[pairs[:, 0], pairs[:, 1]] = square[pairs[:, 1], pairs[:, 0]] = km
        return square
    values = _ordered(table, panel.units)
    is_pair = ~np.eye(n, dtype=bool)
    missing = np.isnan(values) & is_pair
    if missing.any():
        raise MissingValuesError(
            f"distance= has no value for {sample(_pairs(missing, panel.units))}: complete it"
        )
    wrong = (values <= 0) & is_pair
    if wrong.any():
        raise DomainError(
            f"distance= must be positive between units; it is not for "
            f"{sample(_pairs(wrong, panel.units))}"
        )
    return np.where(is_pair, values, np.inf)


def _ordered(table: pd.DataFrame, units: pd.Index) -> np.ndarray:
    """Return the cells of a square table in the order of the units."""
    for ids, side in ((table.index, "rows"), (table.columns, "columns")):
        if ids.has_duplicates:
            raise OptionError(f"distance= has {side} twice: {sample(ids[ids.duplicated()])}")
        check_same_ids(
            ids, units, our_name=f"the {side} of distance=", their_name="panel",
            advice="name both sides by the ids of the panel's units",
        )  # fmt: skip
    ordered = table.loc[units, units]
    try:
        return np.asarray(ordered.to_numpy(dtype=float, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise DomainError(f"distance= must hold numbers: {error}") from None


def _pairs(mask: np.ndarray, units: pd.Index) -> list[tuple[object, object]]:
    rows, columns = np.nonzero(mask)
    return [(units[i], units[j]) for i, j in zip(rows[:20], columns[:20], strict=True)]


def strengths(
    mass: np.ndarray,
    share: np.ndarray,
    distance: np.ndarray,
    gap: np.ndarray | None,
    power: float,
) -> np.ndarray:
    """Return the strength from each unit (row) to each other (column) in one period.

    Parameters
    ----------
    mass, share : ndarray
        M and the variable of the origin's share, shape (n,), positive.
    distance : ndarray
        Shape (n, n), the diagonal infinite.
    gap : ndarray or None
        The variable whose difference divides the distance, shape (n,).
    power : float

    Returns
    -------
    ndarray
        Shape (n, n), zero on the diagonal.
    """
    force = np.outer(mass, mass) / distance**power
    force *= share[:, None] / (share[:, None] + share[None, :])
    if gap is not None:
        force *= np.abs(gap[:, None] - gap[None, :]) ** power
    return np.asarray(force)


def retained(force: np.ndarray, threshold: Threshold | float) -> sparse.csr_array:
    """Return the strengths above the threshold; means are over the n - 1 others of each unit."""
    n = len(force)
    if threshold == "row-mean":
        bound = force.sum(axis=1, keepdims=True) / (n - 1)
    elif threshold == "mean":
        bound = np.full((1, 1), force.sum() / (n * (n - 1)))
    else:
        bound = np.full((1, 1), 0.0 if isinstance(threshold, str) else float(threshold))
    # Equal strengths are not above their mean because of rounding.
    links = sparse.csr_array(np.where(force > bound * (1 + 1e-12), force, 0.0))
    links.sort_indices()
    return links
