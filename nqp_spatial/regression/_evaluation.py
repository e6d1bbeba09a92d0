"""The columns of a formula, evaluated on a panel and checked for the types that it needs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.numbers import is_number_column, numbers_as_text, why_not_numeric
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import DomainError, OptionError, PanelError, UnknownColumnError, sample
from nqp_spatial.regression._formula_names import advice, uncoloured
from nqp_spatial.regression._formulas import Functions, ReadFormula, read_formula
from nqp_spatial.regression._shared_evaluations import shared

__all__ = ["FormulaSide", "evaluate", "evaluate_side", "evaluated_with", "model_matrix"]

_LARGEST = 1e100


@dataclass(frozen=True, eq=False)
class FormulaSide:
    """One side of a formula: how columns of a model are computed from columns of a panel.

    Attributes
    ----------
    spec : formulaic.ModelSpec
        With the levels, centres and knots of the estimation sample.
    read : ReadFormula
    data : DataFrame
        The columns of the estimation sample that the formula uses, one row per unit and period.
    """

    spec: Any
    read: ReadFormula
    data: pd.DataFrame

    @property
    def needed(self) -> tuple[str, ...]:
        """Return the columns of a panel that this side of the formula uses."""
        used = {
            name
            for term in self.spec.terms
            for factor in term.factors
            for name in self.read.columns_in(factor)
        }
        return tuple(name for name in self.read.columns if name in used)

    def notes_on_terms(self) -> tuple[str, ...]:
        """Note columns that enter in several terms; effects are then of each term separately."""
        terms: dict[str, list[str]] = {}
        several = set()
        for term in self.spec.terms:
            columns = {name for factor in term.factors for name in self.read.columns_in(factor)}
            for name in columns - self.read.exact:
                terms.setdefault(name, []).append(str(term))
            joint = len(term.factors) > 1 or len(self.spec.term_indices[term]) > 1
            if joint:
                several |= columns - self.read.exact
        return tuple(
            t(
                "effects are those of terms, not of {name}, which enters in {terms}: terms of one "
                "variable move together",
                name=name,
                terms=", ".join(names),
            )
            for name, names in terms.items()
            if len(names) > 1 or name in several
        )

    def columns(self, panel: SpatialPanel) -> pd.DataFrame:
        """Return the columns for a panel, with NaN where cells are missing."""
        return pd.DataFrame(_materialized(self.spec, panel, self.read, self.needed, complete=False))


def evaluate(
    formula: str, panel: SpatialPanel, functions: Functions | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[FormulaSide, FormulaSide]]:
    """Return both sides of a formula as columns, and how to build them from other data."""
    if functions:
        return _evaluate(formula, panel, functions)
    return shared(panel, f"formula {formula}", lambda: _evaluate(formula, panel, None))


def _evaluate(
    formula: str, panel: SpatialPanel, functions: Functions | None
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[FormulaSide, FormulaSide]]:
    read = read_formula(formula, functions, known=panel.frame.columns)
    data = _data(panel, read, read.columns, complete=True)
    specs = None if read.functions else _specs_of_numbers(read)
    if specs is not None and all(_is_plain(kind) for kind in data.dtypes):
        y, x = (_columns_of_numbers(spec, data) for spec in specs)
    else:
        matrices = model_matrix(read.parsed, data, read)
        specs = (matrices.lhs.model_spec, matrices.rhs.model_spec)
        y, x = pd.DataFrame(matrices.lhs), pd.DataFrame(matrices.rhs)
    for side in (y, x):
        _require_finite(side, panel, formula)
    if y.shape[1] != 1:
        raise OptionError(
            f"the left side of {formula!r} must be one numeric column, it gives {sample(y.columns)}"
        )
    left, right = specs
    return y, x, (FormulaSide(left, read, data), FormulaSide(right, read, data))


@lru_cache(maxsize=256)
def _specs_of_numbers(read: ReadFormula) -> tuple[Any, Any] | None:
    """Return how both sides are computed, if every term is the intercept or a column.

    For columns of numbers this does not depend on their values, and is evaluated once.
    """
    for term in (*read.parsed.lhs, *read.parsed.rhs):
        factors = list(term.factors)
        if len(factors) != 1 or factors[0].eval_method.value == "python":
            return None
    matrices = model_matrix(read.parsed, pd.DataFrame(1.0, [0], list(read.columns)), read)
    left, right = matrices.lhs.model_spec, matrices.rhs.model_spec
    # A column of the panel may have the name of the intercept.
    return (left, right) if len(set(right.column_names)) == len(list(right.terms)) else None


def _is_plain(kind: Any) -> bool:
    """Whether a column has numbers of numpy, which stay what they are in a formula."""
    return isinstance(kind, np.dtype) and kind.kind in "fiu"


def _columns_of_numbers(spec: Any, data: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of a side whose terms are columns of numbers."""
    factors = [term.factors[0] for term in spec.terms]
    columns = [
        data[factor.expr].to_numpy(dtype=float)
        if factor.eval_method.value == "lookup"
        else np.ones(len(data))
        for factor in factors
    ]
    values = np.reshape(columns, (len(columns), len(data))).T
    return pd.DataFrame(values, columns=pd.Index(spec.column_names, dtype=object), copy=False)


def evaluate_side(
    text: str, panel: SpatialPanel, name: str, functions: Functions | None = None
) -> pd.DataFrame:
    """Return the columns of the right side of a formula alone, without an intercept."""
    read = read_formula(text, functions, known=panel.frame.columns, name=name)
    side = pd.DataFrame(_materialized(read.parsed, panel, read, read.columns))
    _require_finite(side, panel, text)
    return side


def evaluated_with(side: FormulaSide, panel: SpatialPanel) -> pd.DataFrame:
    """Return the columns for another panel, with the levels and centres of the first.

    Parameters
    ----------
    side : FormulaSide
    panel : SpatialPanel

    Returns
    -------
    DataFrame

    Raises
    ------
    UnknownColumnError, MissingValuesError, DomainError, PanelError
        If the panel lacks columns or cells, or has levels that the first panel did not have.
    """
    read, needed = side.read, side.needed
    x = pd.DataFrame(_materialized(side.spec, panel, read, needed))
    _require_finite(x, panel, read.text)
    return x


def _materialized(
    spec: Any,
    panel: SpatialPanel,
    read: ReadFormula,
    needed: tuple[str, ...],
    *,
    complete: bool = True,
) -> Any:
    return model_matrix(spec, _data(panel, read, needed, complete=complete), read)


def model_matrix(
    spec: Any, data: pd.DataFrame, read: ReadFormula, context: Mapping[str, Any] | None = None
) -> Any:
    """Return the columns of a formula from its variables.

    Parameters
    ----------
    spec : formulaic.Formula or ModelSpec
    data : DataFrame
        The variables, by name.
    read : ReadFormula
    context : mapping, optional
        Functions by name, if not those of the formula.

    Raises
    ------
    PanelError
        If the formula cannot be evaluated, or meets categories that are not known.
    """
    from formulaic.errors import DataMismatchWarning, FormulaicError

    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            warnings.simplefilter("error", DataMismatchWarning)  # categories that became missing
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            names = read.context if context is None else dict(context)
            return spec.get_model_matrix(data, context=names, na_action="ignore")
    except DataMismatchWarning as error:
        unknown = uncoloured(error).split(":")[-1].split(". They")[0].strip(" {}")
        raise PanelError(
            f"in the formula {read.text!r}, there are categories that the model does not know: "
            f"{unknown}"
        ) from error
    except (FormulaicError, ValueError, TypeError, KeyError) as error:
        words = uncoloured(error)
        raise PanelError(f"the formula {read.text!r} cannot be evaluated: {words}") from error


def _data(
    panel: SpatialPanel, read: ReadFormula, needed: tuple[str, ...], *, complete: bool
) -> pd.DataFrame:
    """Return the columns that a formula needs, by name, checked for the types that it requires.

    Units and periods keep the names of their original columns. Integers used in arithmetic become
    floats, which do not overflow.
    """
    frame = panel.frame
    keys = {panel.unit_name: "unit", panel.period_name: "period"}
    names = {str(column): column for column in frame.columns}
    of_index = [name for name in needed if name not in names and name in keys]
    unknown = [name for name in needed if name not in names and name not in keys]
    if unknown:
        raise UnknownColumnError(
            f"the panel has no column {sample(unknown)}; its columns are {sample(names, 20)}"
            f"{advice(read.text, names)}"
        )
    panel.require_balanced()
    of_panel = [name for name in needed if name in names]
    if complete:
        panel.require_complete([names[name] for name in of_panel])
    # By position: a list of names is looked up in an index of text, which takes longer.
    data = frame.iloc[:, [frame.columns.get_loc(names[name]) for name in of_panel]]
    data.columns = pd.Index(of_panel, dtype=object)
    for name in of_index:
        data[name] = frame.index.get_level_values(keys[name])
    for name, kind in zip(list(data.columns), list(data.dtypes), strict=True):
        if isinstance(kind, np.dtype) and kind.kind == "f":
            continue
        column, why = data[name], ""
        if name in read.numeric or (name in read.bare and not _is_categories(column)):
            why = why_not_numeric(column)
        if why:
            raise DomainError(f"in the formula {read.text!r}, {why}")
        is_integer = is_number_column(column) and not pd.api.types.is_float_dtype(column)
        if name in read.numeric and name not in read.exact and is_integer:
            data[name] = column.to_numpy(dtype=float, na_value=np.nan)
    return data


def _is_categories(column: pd.Series) -> bool:
    """Whether a column outside functions becomes dummy variables: text that is not numeric."""
    kind = column.dtype
    text = isinstance(kind, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column)
    return text and not numbers_as_text(column)


def _require_finite(side: pd.DataFrame, panel: SpatialPanel, formula: str) -> None:
    try:
        if any(kind.kind == "c" for kind in side.dtypes):
            raise TypeError("complex numbers")
        values = side.to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise DomainError(f"in {formula!r}, {sample(side.columns)} do not give numbers") from error
    sizes = np.abs(values).max(axis=0, initial=0.0)
    if not np.isfinite(sizes).all():
        bad = ~np.isfinite(values)
        columns = side.columns[bad.any(axis=0)]
        rows = panel.frame.index[bad.any(axis=1)]
        raise DomainError(
            f"in {formula!r}, {sample(columns)} is undefined for {len(rows)} (unit, period): "
            f"{sample(rows)}; logarithms need positive values: correct or leave out these cells"
        )
    extreme = (sizes > _LARGEST) | ((sizes > 0) & (sizes < 1 / _LARGEST))
    if extreme.any():
        raise DomainError(
            f"in {formula!r}, {sample(side.columns[extreme])} has values of size "
            f"{sizes[extreme][0]:.0e}, whose squares cannot be held: rescale it"
        )
