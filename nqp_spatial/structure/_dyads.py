"""Matrices of relations between the same units, and the formula that names them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.panel_columns import is_extreme
from nqp_spatial.errors import DomainError, MissingValuesError, OptionError, sample
from nqp_spatial.structure._network_result import NetworkResult
from nqp_spatial.weights.spatial_weights import as_weights

__all__ = ["Dyads", "Terms", "dyads_of", "terms_of"]

_FEWEST, _LONGEST, _MOST = 4, 5000, 50


@dataclass(frozen=True, eq=False)
class Dyads:
    """Values of pairs of units, by name of the relation.

    Attributes
    ----------
    units : Index
    values : dict of str to ndarray
        Shape (n, n), from row to column, zero on the diagonal.
    is_symmetric : bool
        Whether all are, so that each pair counts once.
    """

    units: pd.Index
    values: dict[str, np.ndarray]
    is_symmetric: bool

    @property
    def count(self) -> int:
        """Number of observations."""
        n = len(self.units)
        return n * (n - 1) // (2 if self.is_symmetric else 1)


@dataclass(frozen=True)
class Terms:
    """What a formula names: the outcome and, by label, the matrices whose product a term is."""

    outcome: str
    regressors: dict[str, tuple[str, ...]]


def dyads_of(matrices: Mapping[str, Any]) -> Dyads:
    """Return matrices with the same units in the same order.

    Raises
    ------
    OptionError
        If a matrix is of no kind that can be read, is not square, or only some have ids.
    UnmatchedIdsError
        If units differ.
    MissingValuesError, DomainError
        If cells off the diagonal are missing or infinite, there are too few units, or a matrix is
        constant.
    """
    tables = {name: _table(name, matrix) for name, matrix in matrices.items()}
    has_ids = [not isinstance(matrix, np.ndarray) for matrix in matrices.values()]
    if any(has_ids) and not all(has_ids):
        names = [name for name, known in zip(tables, has_ids, strict=True) if not known]
        raise OptionError(
            f"matrices {sample(names)} are arrays, which carry no ids, and others have ids: make "
            "them pd.DataFrame(array, index=units, columns=units)"
        )
    first_name, first = next(iter(tables.items()))
    units = first.index
    if len(units) < _FEWEST:
        raise DomainError(f"permutations need {_FEWEST} units or more, got {len(units)}")
    values = {}
    for name, table in tables.items():
        if table.index.equals(units) and table.columns.equals(units):
            values[name] = _cells(name, table)
            continue
        for ids, side in ((table.index, "rows"), (table.columns, "columns")):
            check_same_ids(
                ids, units, our_name=f"the {side} of {name!r}", their_name=f"{first_name!r}",
                advice="all matrices must be of the same units",
            )  # fmt: skip
        values[name] = _cells(name, table.loc[units, units])
    symmetric = all(np.array_equal(array, array.T) for array in values.values())
    return Dyads(units, values, symmetric)


def _table(name: str, matrix: Any) -> pd.DataFrame:
    if not isinstance(name, str):
        raise OptionError(f"matrices are named by text, got {name!r}")
    if isinstance(matrix, NetworkResult):
        return matrix.matrix()
    if isinstance(matrix, pd.DataFrame):
        table = matrix
    elif isinstance(matrix, np.ndarray):
        if matrix.ndim != 2:
            raise OptionError(f"matrix {name!r} must have two dimensions, it has {matrix.ndim}")
        table = pd.DataFrame(matrix)
    else:
        weights = as_weights(matrix)
        # Rows of weights receive, rows of networks send.
        return pd.DataFrame(weights.sparse.T.toarray(), index=weights.units, columns=weights.units)
    if table.shape[0] != table.shape[1]:
        raise OptionError(f"matrix {name!r} must be square, its shape is {table.shape}")
    for ids in (table.index, table.columns):
        if ids.has_duplicates:
            raise OptionError(f"matrix {name!r} has ids twice: {sample(ids[ids.duplicated()])}")
    return table


def _cells(name: str, table: pd.DataFrame) -> np.ndarray:
    try:
        values = np.array(table.to_numpy(dtype=float, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise DomainError(f"matrix {name!r} must hold numbers: {error}") from None
    np.fill_diagonal(values, 0.0)
    if np.isnan(values).any():
        rows, columns = np.nonzero(np.isnan(values))
        pairs = list(zip(table.index[rows[:20]], table.columns[columns[:20]], strict=True))
        raise MissingValuesError(
            f"matrix {name!r} has no value for {sample(pairs)}: complete it, or leave units out"
        )
    if not np.isfinite(values).all() or is_extreme(values).any():
        raise DomainError(
            f"matrix {name!r} has infinite values, or values beyond 1e-40 and 1e40: correct them "
            "or change the unit"
        )
    return values


def terms_of(formula: str, known: list[str]) -> Terms:
    """Return the matrices that a formula names: ``net ~ a + b + a:b``.

    Raises
    ------
    OptionError
        If the formula cannot be read, or names no matrix that there is.
    """
    if len(formula) > _LONGEST or formula.count("~") != 1:
        raise OptionError(f"formula must read 'net ~ a + b', with one '~', got {formula[:60]!r}")
    left, right = (side.strip() for side in formula.split("~"))
    outcome = _names(left, known, formula)
    if len(outcome) != 1:
        raise OptionError(f"the left side of {formula!r} must be one matrix")
    regressors: dict[str, tuple[str, ...]] = {}
    for part in _parts(right, "+"):
        names = _names(part, known, formula)
        regressors[":".join(names)] = names
    if any(outcome[0] in names for names in regressors.values()):
        raise OptionError(f"{outcome[0]!r} cannot explain itself, in {formula!r}")
    if len(regressors) > _MOST:
        raise OptionError(f"formula has {len(regressors)} terms; at most {_MOST} are taken")
    return Terms(outcome[0], regressors)


def _parts(text: str, sign: str) -> list[str]:
    """Return the parts of a text between signs, except in backticks."""
    return [part.strip() for part in re.split(rf"\{sign}(?=(?:[^`]*`[^`]*`)*[^`]*$)", text)]


def _names(text: str, known: list[str], formula: str) -> tuple[str, ...]:
    """Return the matrices of one term."""
    names = tuple(part.strip("`") for part in _parts(text, ":"))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise OptionError(
            f"formula {formula!r} has {sample(unknown)}, which is no matrix; there are "
            f"{sample(known, 20)}. Terms are names, joined by + and : (products), names with "
            "spaces in backticks; transform matrices before"
        )
    return names
