"""The columns of a formula, evaluated on a panel and checked for the types that it needs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.numbers import is_number_column, numbers_as_text, why_not_numeric
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import DomainError, OptionError, PanelError, UnknownColumnError, sample
from nqp_spatial.regression._formula_names import advice, uncoloured
from nqp_spatial.regression._formulas import Functions, ReadFormula, read_formula

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
    read = read_formula(formula, functions, known=panel.frame.columns)
    data = _data(panel, read, read.columns, complete=True)
    matrices = model_matrix(read.parsed, data, read)
    y, x = pd.DataFrame(matrices.lhs), pd.DataFrame(matrices.rhs)
    for side in (y, x):
        _require_finite(side, panel, formula)
    if y.shape[1] != 1:
        raise OptionError(
            f"the left side of {formula!r} must be one numeric column, it gives {sample(y.columns)}"
        )
    return (
        y,
        x,
        (
            FormulaSide(matrices.lhs.model_spec, read, data),
            FormulaSide(matrices.rhs.model_spec, read, data),
        ),
    )


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
    keys = {panel.unit_name: "unit", panel.period_name: "period"}
    names = {str(column): column for column in panel.frame.columns}
    of_index = [name for name in needed if name not in names and name in keys]
    unknown = [name for name in needed if name not in names and name not in keys]
    if unknown:
        raise UnknownColumnError(
            f"the panel has no column {sample(unknown)}; its columns are {sample(names, 20)}"
            f"{advice(read.text, names)}"
        )
    panel.require_balanced()
    if complete:
        panel.require_complete([names[name] for name in needed if name in names])
    data = panel.frame[[names[name] for name in needed if name in names]].copy()
    data.columns = pd.Index([name for name in needed if name in names], dtype=object)
    for name in of_index:
        data[name] = panel.frame.index.get_level_values(keys[name])
    for name in data.columns:
        why = ""
        if name in read.numeric or (name in read.bare and not _is_categories(data[name])):
            why = why_not_numeric(data[name])
        if why:
            raise DomainError(f"in the formula {read.text!r}, {why}")
        is_integer = is_number_column(data[name]) and not pd.api.types.is_float_dtype(data[name])
        if name in read.numeric and name not in read.exact and is_integer:
            data[name] = data[name].to_numpy(dtype=float, na_value=np.nan)
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
