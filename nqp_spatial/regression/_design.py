"""From a formula and a panel to arrays: y, X and their spatial lags, units by periods."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.numbers import is_number_column, numbers_as_text, why_not_numeric
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import (
    CollinearityError,
    DomainError,
    OptionError,
    PanelError,
    UnknownColumnError,
    sample,
)
from nqp_spatial.regression._formulas import (
    Functions,
    ReadFormula,
    advice,
    names_in,
    read_formula,
    uncoloured,
)

__all__ = [
    "Design",
    "Recipe",
    "build_design",
    "evaluate",
    "evaluate_side",
    "evaluated_with",
    "lagged_names",
]

INTERCEPT = "Intercept"
_LARGEST = 1e100


@dataclass(frozen=True, eq=False)
class Recipe:
    """How columns of a model are made from columns of a panel.

    Attributes
    ----------
    spec : formulaic.ModelSpec
        With levels, centres and knots of the data that the model was fitted to.
    read : ReadFormula
    """

    spec: Any
    read: ReadFormula

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
        """Say which columns enter in several terms, whose effects are then of the terms alone."""
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
            f"effects are those of terms, not of {name}, which enters in {', '.join(found)}: "
            "terms of one variable move together"
            for name, found in terms.items()
            if len(found) > 1 or name in several
        )

    def columns(self, panel: SpatialPanel) -> pd.DataFrame:
        """Return the columns for a panel, with NaN where cells are missing."""
        return pd.DataFrame(_materialized(self.spec, panel, self.read, self.needed, complete=False))


@dataclass(frozen=True)
class Design:
    """Arrays of a model, before effects are swept out.

    Attributes
    ----------
    outcome : str
        Name of y.
    names, lagged : tuple of str
        Columns of X; those of which W X enters.
    y, lag_y : ndarray
        Shapes (n_units, periods) and (n_units, periods, R); ``lag_y`` has the R spatial lags W_k y,
        or one of zeros of no use where there is no rho. A dynamic model has one period less than
        the panel.
    z : ndarray
        ``[X, W X, y_(t-1), W y_(t-1)]``, as far as the model has them, shape (n_units, periods,
        columns).
    columns : tuple of str
        Names of the columns of z, for messages.
    means : tuple of (str, str)
        Block ("mean" or "wmean") and name of the unit means among them.
    recipes : tuple of Recipe
        Of both sides, by which other data become columns in the same way.
    notes : tuple of str
        What was left out and why.
    """

    outcome: str
    names: tuple[str, ...]
    lagged: tuple[str, ...]
    y: np.ndarray
    lag_y: np.ndarray
    z: np.ndarray
    columns: tuple[str, ...]
    means: tuple[tuple[str, str], ...] = ()
    recipes: tuple[Recipe | None, Recipe | None] = (None, None)
    notes: tuple[str, ...] = ()

    @property
    def notes_on_terms(self) -> tuple[str, ...]:
        """Return which variables enter in several terms."""
        return () if self.recipes[1] is None else self.recipes[1].notes_on_terms()


def build_design(
    formula: str,
    panel: SpatialPanel,
    lag_y: sparse.csr_array | None,
    lag_x: sparse.csr_array | None,
    *,
    keep_intercept: bool,
    durbin: str | Iterable[str] | None,
    dynamics: tuple[str, ...] = (),
    with_means: bool = False,
    functions: Functions | None = None,
) -> Design:
    """Evaluate the formula on the panel and lag what the model lags.

    Parameters
    ----------
    formula : str
        In the syntax of formulaic, ``"y ~ x1 + np.log(x2) + C(group)"``.
    panel : SpatialPanel
        Balanced and complete in the columns that the formula uses.
    lag_y, lag_x : csr_array or None
        W of the outcome and W of the regressors, in the order of the panel's units, where the
        model has them.
    keep_intercept : bool
        False where fixed effects take its place.
    durbin : str or iterable of str, optional
        The part of X to lag, as the right side of a formula or as column names; all if not given.
    dynamics : tuple of str
        "tau" for y_(t-1), "eta" for W y_(t-1).
    with_means : bool
        Whether unit means of the regressors that vary over time enter too.
    functions : mapping, optional
        Functions of the caller that the formula may call, by name.

    Returns
    -------
    Design

    Raises
    ------
    UnknownColumnError, MissingValuesError, UnbalancedPanelError, DomainError, OptionError
        If the formula cannot be evaluated everywhere.
    """
    y, x, recipes = evaluate(formula, panel, functions)
    names = [str(name) for name in x.columns if keep_intercept or name != INTERCEPT]
    shape = (panel.n_units, panel.n_periods)
    outcome = y.iloc[:, 0].to_numpy(dtype=float).reshape(shape)
    values = x[names].to_numpy(dtype=float).reshape(*shape, len(names))
    lagged: list[str] = []
    notes: tuple[str, ...] = ()
    # W of a column equal across units is the column itself where rows add to one.
    own_lag = lag_x is not None and bool(np.ptp(np.asarray(lag_x.sum(axis=1))) <= 1e-6)
    spread = np.zeros_like(outcome) if lag_y is None else np.asarray(lag_y @ outcome)
    z = values
    if lag_x is not None:
        lagged = lagged_names(durbin, names, panel, functions)
        common = [name for name in lagged if own_lag and is_common(values[:, :, names.index(name)])]
        if common and durbin is not None:
            raise CollinearityError(
                f"{sample(common)} are equal across units, so that W leaves them as they are: "
                "leave them out of durbin="
            )
        if common:
            lagged = [name for name in lagged if name not in common]
            notes = (f"equal across units, so not lagged: {', '.join(common)}",)
        columns = [names.index(name) for name in lagged]
        wx = lag_x @ values[:, :, columns].reshape(shape[0], -1)
        z = np.concatenate([values, wx.reshape(*shape, len(lagged))], axis=2)
    titles = [*names, *(f"W {name}" for name in lagged)]
    means: list[tuple[str, str]] = []
    if with_means:
        keys = [("mean", name) for name in names] + [("wmean", name) for name in lagged]
        average = z.mean(axis=1, keepdims=True)
        size = 1e-10 * np.abs(z).max(axis=(0, 1))
        vary = np.flatnonzero(
            # Means that are those of all units, as of period dummies, are an intercept again.
            (np.abs(z - average).max(axis=(0, 1)) > size)
            & (np.ptp(average, axis=0).max(axis=0) > size)
        )
        means = [keys[at] for at in vary]
        titles += [f"unit mean of {titles[at]}" for at in vary]
        z = np.concatenate([z, np.repeat(average[:, :, vary], z.shape[1], axis=1)], axis=2)
    if dynamics:
        past = {"tau": outcome[:, :-1, None], "eta": spread[:, :-1, None]}
        z = np.concatenate([z[:, 1:], *(past[name] for name in dynamics)], axis=2)
        outcome, spread = outcome[:, 1:], spread[:, 1:]
        words = {"tau": "last period's outcome", "eta": "last period's W outcome"}
        titles += [words[name] for name in dynamics]
    return Design(
        str(y.columns[0]),
        tuple(names),
        tuple(lagged),
        outcome,
        spread[:, :, None],
        z,
        tuple(titles),
        tuple(means),
        recipes,
        notes,
    )


def is_common(values: np.ndarray) -> bool:
    """Whether a variable, units by periods, has one value for all units in every period."""
    return bool(np.ptp(values, axis=0).max() <= 1e-10 * np.abs(values).max())


def evaluate(
    formula: str, panel: SpatialPanel, functions: Functions | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[Recipe, Recipe]]:
    """Return both sides of a formula as columns, and the recipes that other data can follow."""
    read = read_formula(formula, functions, known=panel.frame.columns)
    matrices = _materialized(read.parsed, panel, read, read.columns)
    y, x = pd.DataFrame(matrices.lhs), pd.DataFrame(matrices.rhs)
    for side in (y, x):
        _require_finite(side, panel, formula)
    if y.shape[1] != 1:
        raise OptionError(
            f"the left side of {formula!r} must be one numeric column, it gives {sample(y.columns)}"
        )
    return y, x, (Recipe(matrices.lhs.model_spec, read), Recipe(matrices.rhs.model_spec, read))


def evaluate_side(
    text: str, panel: SpatialPanel, name: str, functions: Functions | None = None
) -> pd.DataFrame:
    """Return the columns of the right side of a formula alone, without an intercept."""
    read = read_formula(text, functions, known=panel.frame.columns, name=name)
    side = pd.DataFrame(_materialized(read.parsed, panel, read, read.columns))
    _require_finite(side, panel, text)
    return side


def evaluated_with(recipe: Recipe, panel: SpatialPanel) -> pd.DataFrame:
    """Return the columns of a recipe for another panel, with the levels and centres of the first.

    Parameters
    ----------
    recipe : Recipe
    panel : SpatialPanel

    Returns
    -------
    DataFrame

    Raises
    ------
    UnknownColumnError, MissingValuesError, DomainError, PanelError
        If the panel lacks columns or cells, or has levels that the first did not have.
    """
    read, needed = recipe.read, recipe.needed
    x = pd.DataFrame(_materialized(recipe.spec, panel, read, needed))
    _require_finite(x, panel, recipe.read.text)
    return x


def _materialized(
    spec: Any,
    panel: SpatialPanel,
    read: ReadFormula,
    needed: tuple[str, ...],
    *,
    complete: bool = True,
) -> Any:
    from formulaic.errors import DataMismatchWarning, FormulaicError

    data = _data(panel, read, needed, complete=complete)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            warnings.simplefilter("error", DataMismatchWarning)  # categories that became missing
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return spec.get_model_matrix(data, context=read.context, na_action="ignore")
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
    """Return the columns that a formula needs, by name; checked to be what it takes them for.

    Units and periods are known by the names that they had. Whole numbers that are computed with
    become floats, which do not wrap around.
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
        whole = is_number_column(data[name]) and not pd.api.types.is_float_dtype(data[name])
        if name in read.numeric and name not in read.exact and whole:
            data[name] = data[name].to_numpy(dtype=float, na_value=np.nan)
    return data


def _is_categories(column: pd.Series) -> bool:
    """Whether a column that stands alone in a formula becomes dummies: real text, no numbers."""
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
    bad = ~np.isfinite(values)
    if bad.any():
        columns = side.columns[bad.any(axis=0)]
        rows = panel.frame.index[bad.any(axis=1)]
        raise DomainError(
            f"in {formula!r}, {sample(columns)} is undefined for {len(rows)} (unit, period): "
            f"{sample(rows)}; logarithms need positive values: correct or leave out these cells"
        )
    sizes = np.abs(values).max(axis=0, initial=0.0)
    extreme = (sizes > _LARGEST) | ((sizes > 0) & (sizes < 1 / _LARGEST))
    if extreme.any():
        raise DomainError(
            f"in {formula!r}, {sample(side.columns[extreme])} has values of size "
            f"{sizes[extreme][0]:.0e}, whose squares cannot be held: rescale it"
        )


def lagged_names(
    durbin: str | Iterable[str] | None,
    names: list[str],
    panel: SpatialPanel,
    functions: Functions | None = None,
) -> list[str]:
    """Return the columns of X to lag; the intercept never is, its lag being itself."""
    candidates = [name for name in names if name != INTERCEPT]
    if durbin is None:
        return candidates
    if isinstance(durbin, str) and durbin not in candidates:
        wanted = [str(name) for name in evaluate_side(durbin, panel, "durbin", functions).columns]
    elif isinstance(durbin, str):
        wanted = [durbin]
    else:
        wanted = list(names_in(durbin, "durbin"))
    unknown = [name for name in wanted if name not in candidates]
    if unknown:
        raise UnknownColumnError(
            f"durbin names {sample(unknown)}, which are not among the regressors "
            f"{sample(candidates, 20)}; put them on the right side of the formula first"
        )
    return [name for name in candidates if name in wanted]
