"""Which rows a table of effects has: variables at stated values, and what each is made of.

The effect of x is that of all terms that contain it: ``S_x = (I - rho W)^-1 (diag(f_x) + W
diag(g_x))``, ``f_x = sum_k beta_k dX_k/dx`` and ``g_x = sum_k theta_k dX_k/dx`` at the values of
each observation. S_x is linear in the coefficients, so a row is a sum of pieces: one for each
column k of the design, with the derivative of that column by unit, averaged over periods. A column
that is the variable itself has the derivative one everywhere.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.errors import NqpError, OptionError, UnknownColumnError, sample
from nqp_spatial.regression._effect_notes import notes_on_rows
from nqp_spatial.regression._estimated import EstimatedModel
from nqp_spatial.regression._evaluation import FormulaSide
from nqp_spatial.regression._variable_slopes import (
    NotPointwiseError,
    Variable,
    contrasts,
    derivatives,
    enters_in_steps,
    variables_of,
)

__all__ = ["EffectRows", "at_columns", "effect_rows", "rows_of_terms"]

_MOST_ROWS = 10_000
_FRAME = {
    "variable", "horizon", "effect", "estimate", "std_error", "statistic", "p_value", "conf_low",
    "conf_high",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class EffectRows:
    """The rows of a table of effects, R of them, made of P pieces.

    Attributes
    ----------
    names : list of str
        Variable of each row, or term.
    at : DataFrame
        Values of moderators in each row; without columns where none were stated.
    row, column : ndarray of int
        Row of each piece, and position of its regressor, shape (P,).
    constant : ndarray
        Derivative of the regressor, shape (P,); missing where it differs between units.
    varying : mapping of ndarray
        Derivatives by unit of the other pieces, shape (n_units,), by position of the piece.
    notes : tuple of str
    """

    names: list[str]
    at: pd.DataFrame
    row: np.ndarray
    column: np.ndarray
    constant: np.ndarray
    varying: Mapping[int, np.ndarray]
    notes: tuple[str, ...] = ()

    def sums(self, pieces: np.ndarray) -> np.ndarray:
        """Add pieces up by row: shape (..., P) becomes (..., R)."""
        if len(self.row) == len(self.names) and (np.diff(self.row) == 1).all():
            return pieces
        total = np.zeros((*pieces.shape[:-1], len(self.names)))
        for piece, row in enumerate(self.row):
            total[..., row] += pieces[..., piece]
        return total

    def slopes(self, row: int, n: int) -> list[tuple[int, np.ndarray]]:
        """Return positions of the regressors of a row with their derivatives by unit."""
        return [
            (int(self.column[piece]), self.varying.get(piece, np.full(n, self.constant[piece])))
            for piece in np.flatnonzero(self.row == row).tolist()
        ]


def rows_of_terms(names: list[str], notes: tuple[str, ...] = ()) -> EffectRows:
    """Return one row for each regressor."""
    positions = np.arange(len(names))
    nothing = pd.DataFrame(index=positions)
    return EffectRows(names, nothing, positions, positions, np.ones(len(names)), {}, notes)


def effect_rows(
    model: EstimatedModel, names: list[str], at: Mapping[str, object] | None, *, terms: bool
) -> EffectRows:
    """Return the rows of a model's effects.

    Parameters
    ----------
    model : EstimatedModel
    names : list of str
        Regressors without the intercept.
    at : mapping, optional
        Values of variables at which effects are wanted; every combination has its rows.
    terms : bool
        Whether rows are those of single terms.

    Returns
    -------
    EffectRows

    Raises
    ------
    OptionError, UnknownColumnError
        If values are wanted of a variable on which no effect depends.
    """
    if terms and at:
        raise OptionError(
            "effects of single terms do not depend on values of variables; leave out at= or "
            "terms=True"
        )
    if model.model_specs is None or terms:
        notes = () if model.model_specs is None else model.model_specs[1].notes_on_terms()
        return rows_of_terms(names, notes)
    return _RowsOfVariables(model, names, dict(at or {})).build()


class _RowsOfVariables:
    """Collects rows, pieces and notes."""

    def __init__(self, model: EstimatedModel, names: list[str], at: dict[str, Any]) -> None:
        assert model.model_specs is not None
        self.side: FormulaSide = model.model_specs[1]
        self.names, self.lagged = names, set(model.spec.lagged)
        self.shape = (model.n_units, len(self.side.data) // model.n_units)
        self.n_periods = model.n_periods  # of a dynamic model without the first
        self.of_column = dict(enumerate(map(str, self.side.spec.column_names)))
        self.variables = self._checked_variables()
        self.at = self._checked_values(at)
        keys = list(self.at)
        self.combinations = [
            dict(zip(keys, values, strict=True)) for values in product(*self.at.values())
        ]
        self.titles: list[tuple[str, int]] = []
        self.pieces: list[tuple[int, int, float | np.ndarray]] = []
        self._cache: dict[tuple[object, ...], np.ndarray] = {}

    # -- what there is -----------------------------------------------------------------------------

    def _checked_variables(self) -> dict[str, Variable]:
        """Return the variables; one whose derivative does not exist has rows of its terms."""
        variables = variables_of(self.side)
        for name, variable in variables.items():
            if variable.kind != "number" or variable.is_plain:
                continue
            try:
                if self.side.read.functions:
                    derivatives(self.side, variable, self.side.data.iloc[:1000])
                exists = not enters_in_steps(self.side, variable)
            except NotPointwiseError:
                exists = False
            if not exists:
                variables[name] = Variable(
                    name, "term", variable.terms, variable.columns, variable.moderators
                )
        return variables

    def _checked_values(self, at: dict[str, Any]) -> dict[str, list[Any]]:
        moderators = set().union(
            *(v.moderators for v in self.variables.values() if v.kind != "term" and not v.is_plain)
        )
        values = {}
        for name, listed in at.items():
            if name not in self.variables:
                raise UnknownColumnError(
                    f"at= names {name!r}, which is not a variable of the right side of the "
                    f"formula; they are {sample(self.variables, 20)}"
                )
            if name not in moderators:
                raise OptionError(
                    f"no effect depends on {name!r}, so that at= has no use for it; effects "
                    f"depend on {sample(sorted(moderators), 20) or 'no variable'}"
                )
            values[name] = self._values_of(name, listed)
        if np.prod([len(listed) for listed in values.values()]) * len(self.names) > _MOST_ROWS:
            raise OptionError(
                f"at= has so many combinations of values that there would be more than "
                f"{_MOST_ROWS:,} rows; state fewer"
            )
        return values

    def _values_of(self, name: str, listed: Any) -> list[Any]:
        single = isinstance(listed, str) or not np.iterable(listed)
        if isinstance(listed, np.ndarray) and listed.ndim > 1:
            raise OptionError(
                f"values of {name!r} in at= must be a list, got an array of {listed.ndim} axes"
            )
        values = [listed] if single else list(listed)
        variable = self.variables[name]
        if not values:
            raise OptionError(f"at= has no value of {name!r}")
        if variable.kind == "category":
            unknown = [value for value in values if value not in variable.levels]
            if unknown:
                raise OptionError(
                    f"at= has {sample(unknown)}, which {name!r} never is; its levels are "
                    f"{sample(variable.levels, 20)}"
                )
            return list(dict.fromkeys(values))
        values = [value.item() if isinstance(value, np.generic) else value for value in values]
        yes_or_no = pd.api.types.is_bool_dtype(self.side.data[name])
        wrong = [
            value
            for value in values
            if (isinstance(value, bool) and not yes_or_no)
            or not isinstance(value, int | float)
            or not abs(value) <= sys.float_info.max
        ]
        if wrong:
            raise OptionError(f"values of {name!r} in at= must be numbers, got {sample(wrong)}")
        return list(dict.fromkeys(values))

    # -- rows --------------------------------------------------------------------------------------

    def build(self) -> EffectRows:
        """Return the rows, in the order of the regressors."""
        of_term = {
            self.of_column[position]: term
            for term, positions in self.side.spec.term_indices.items()
            for position in positions
        }
        listed: set[str] = set()
        for name in self.names:
            variables = [v for v in self.variables.values() if of_term[name] in v.terms]
            if not variables or all(v.kind == "term" or v.is_plain for v in variables):
                self._add_term(name)
                continue
            if any(v.kind == "term" for v in variables):
                self._add_term(name)
            for variable in variables:
                if variable.kind == "term":
                    continue
                if variable.name not in listed:
                    listed.add(variable.name)
                    self._add_variable(variable)
        stated = [self.combinations[place] for _, place in self.titles]
        varying = {i: p[2] for i, p in enumerate(self.pieces) if isinstance(p[2], np.ndarray)}
        return EffectRows(
            [title for title, _ in self.titles],
            pd.DataFrame(stated, index=range(len(stated)), columns=list(self.at), dtype=object),
            np.array([row for row, _, _ in self.pieces], dtype=int),
            np.array([column for _, column, _ in self.pieces], dtype=int),
            np.array([np.nan if i in varying else p[2] for i, p in enumerate(self.pieces)]),
            varying,
            tuple(notes_on_rows(self.side, self.variables, self.lagged, self.at)),
        )

    def _add_term(self, name: str) -> None:
        for place in range(len(self.combinations)):
            self.pieces.append((len(self.titles), self.names.index(name), 1.0))
            self.titles.append((name, place))

    def _add_variable(self, variable: Variable) -> None:
        levels = variable.levels[1:] if variable.kind == "category" else (None,)
        for level in levels:
            title = variable.name if variable.kind == "number" else self._title(variable, level)
            for place, values in enumerate(self.combinations):
                self._add_pieces(variable, self._slopes(variable, level, values))
                self.titles.append((title, place))

    def _add_pieces(self, variable: Variable, slopes: np.ndarray) -> None:
        """Add the pieces of one row; slopes are by unit, or one for all, and by column."""
        sizes = np.abs(slopes).max(axis=0)
        for position, slope, size in zip(variable.columns, slopes.T, sizes, strict=True):
            name = self.of_column[position]
            if name not in self.names or (size == 0 and len(variable.columns) > 1):
                continue
            # Equal up to rounding, as where a variable differs between periods only.
            equal = np.ptp(slope) <= 1e-13 * size
            value = float(slope[0]) if equal else np.asarray(slope)
            self.pieces.append((len(self.titles), self.names.index(name), value))

    def _title(self, variable: Variable, level: object) -> str:
        """Return the name of a contrast: that of its column, where it has one."""
        for term in variable.terms:
            name = f"{term}[T.{level}]"
            if len(term.factors) == 1 and name in self.names:
                return name
        return f"{variable.name}[{level} - {variable.levels[0]}]"

    def _slopes(self, variable: Variable, level: object, values: dict[str, Any]) -> np.ndarray:
        """Return derivatives by unit, averaged over periods; one row where all units are equal."""
        stated = {name: value for name, value in values.items() if name in variable.moderators}
        key = (variable.name, level, *sorted((name, str(value)) for name, value in stated.items()))
        if key in self._cache:
            return self._cache[key]
        data = self.side.data
        if variable.moderators <= set(stated):
            data = data.iloc[:1]
        data = data.copy()
        for name, value in stated.items():
            # Whole numbers as decimal ones, which negative powers need.
            number = self.variables[name].kind == "number"
            kind = float if number and not isinstance(value, bool) else data[name].dtype
            data[name] = pd.Series([value] * len(data), index=data.index, dtype=kind)
        try:
            if variable.kind == "category":
                slopes = contrasts(self.side, variable, level, data)
            else:
                slopes = derivatives(self.side, variable, data)
        except NqpError as error:
            raise OptionError(f"effects cannot be had at {stated}: {error}") from error
        if not np.isfinite(slopes).all():
            where = f"at {stated}" if stated else "for all observations"
            raise OptionError(
                f"the derivative of {variable.name!r} does not exist {where}; state other values "
                "in at=, or pass terms=True for effects of single terms"
            )
        if len(data) > 1:
            slopes = slopes.reshape(*self.shape, -1)[:, -self.n_periods :].mean(axis=1)
        self._cache[key] = slopes
        return slopes


def at_columns(at: pd.DataFrame) -> pd.DataFrame:
    """Return the values of moderators as columns beside those of the frame."""
    if not len(at.columns):
        return at
    names = {name: f"at {name}" for name in at.columns if name in _FRAME}
    return at.rename(columns=names).infer_objects()
