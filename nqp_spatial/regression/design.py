"""From a formula and a panel to arrays: y, X and their spatial lags, units by periods."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.errors import (
    DomainError,
    OptionError,
    PanelError,
    UnknownColumnError,
    sample,
)
from nqp_spatial.panel import SpatialPanel

__all__ = ["Design", "build_design", "evaluate", "evaluated_with", "lagged_names"]

INTERCEPT = "Intercept"


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
        Shape (n_units, periods); ``lag_y`` is W y, or zeros of no use where there is no rho. A
        dynamic model has one period less than the panel.
    z : ndarray
        ``[X, W X, y_(t-1), W y_(t-1)]``, as far as the model has them, shape (n_units, periods,
        columns).
    columns : tuple of str
        Names of the columns of z, for messages.
    means : tuple of (str, str)
        Block ("mean" or "wmean") and name of the unit means among them.
    recipes : tuple
        formulaic's specifications of both sides, by which other data become columns in the same
        way.
    """

    outcome: str
    names: tuple[str, ...]
    lagged: tuple[str, ...]
    y: np.ndarray
    lag_y: np.ndarray
    z: np.ndarray
    columns: tuple[str, ...]
    means: tuple[tuple[str, str], ...] = ()
    recipes: tuple[Any, Any] = (None, None)


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

    Returns
    -------
    Design

    Raises
    ------
    UnknownColumnError, MissingValuesError, UnbalancedPanelError, DomainError, OptionError
        If the formula cannot be evaluated everywhere.
    """
    y, x, recipes = evaluate(formula, panel)
    if y.shape[1] != 1:
        raise OptionError(
            f"the left side of {formula!r} must be one numeric column, it gives {sample(y.columns)}"
        )
    names = [str(name) for name in x.columns if keep_intercept or name != INTERCEPT]
    shape = (panel.n_units, panel.n_periods)
    outcome = y.iloc[:, 0].to_numpy(dtype=float).reshape(shape)
    values = x[names].to_numpy(dtype=float).reshape(*shape, len(names))
    lagged: list[str] = []
    spread = np.zeros_like(outcome) if lag_y is None else np.asarray(lag_y @ outcome)
    z = values
    if lag_x is not None:
        lagged = lagged_names(durbin, names, panel)
        columns = [names.index(name) for name in lagged]
        wx = lag_x @ values[:, :, columns].reshape(shape[0], -1)
        z = np.concatenate([values, wx.reshape(*shape, len(lagged))], axis=2)
    titles = [*names, *(f"W {name}" for name in lagged)]
    means: list[tuple[str, str]] = []
    if with_means:
        keys = [("mean", name) for name in names] + [("wmean", name) for name in lagged]
        average = z.mean(axis=1, keepdims=True)
        spread_within = np.abs(z - average).max(axis=(0, 1))
        vary = np.flatnonzero(spread_within > 1e-10 * np.abs(z).max(axis=(0, 1)))
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
        spread,
        z,
        tuple(titles),
        tuple(means),
        recipes,
    )


def evaluate(
    formula: str, panel: SpatialPanel
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[Any, Any]]:
    """Return both sides of a formula as columns, and the recipes that other data can follow."""
    import formulaic
    from formulaic.errors import FormulaicError

    if not isinstance(formula, str) or formula.count("~") != 1:
        raise OptionError(f"the formula must read 'y ~ x1 + x2', got {formula!r}")
    try:
        parsed = formulaic.Formula(formula)
        needed = {str(name) for name in parsed.required_variables}
    except (FormulaicError, SyntaxError) as error:
        raise OptionError(f"the formula {formula!r} cannot be read: {error}") from error
    if any("lag(" in str(term) for side in (parsed.lhs, parsed.rhs) for term in side):
        # formulaic's lag() shifts rows, which in a panel would leak one unit into the next.
        raise OptionError(
            "lag() in a formula shifts rows across units; make a lagged column with "
            "panel.assign(x_lag=lambda d: d.groupby('unit')['x'].shift()) instead"
        )
    unknown = sorted(needed - set(map(str, panel.frame.columns)))
    if unknown:
        panel.require_columns(unknown)
    panel.require_complete([name for name in panel.frame.columns if str(name) in needed])
    try:
        with np.errstate(all="ignore"):
            matrices = parsed.get_model_matrix(panel.frame, na_action="ignore")
    except FormulaicError as error:
        raise PanelError(f"the formula {formula!r} cannot be evaluated: {error}") from error
    y, x = pd.DataFrame(matrices.lhs), pd.DataFrame(matrices.rhs)
    for side in (y, x):
        _require_finite(side, panel, formula)
    return y, x, (matrices.lhs.model_spec, matrices.rhs.model_spec)


def evaluated_with(recipe: Any, panel: SpatialPanel, formula: str) -> pd.DataFrame:
    """Return the columns of a recipe for another panel, with the levels and centres of the first.

    Parameters
    ----------
    recipe : formulaic.ModelSpec
    panel : SpatialPanel
    formula : str
        For messages.

    Returns
    -------
    DataFrame

    Raises
    ------
    UnknownColumnError, MissingValuesError, DomainError, PanelError
        If the panel lacks columns or cells, or has levels that the first did not have.
    """
    from formulaic.errors import FormulaicError

    needed = sorted(str(name) for name in recipe.required_variables)
    panel.require_columns(needed)
    panel.require_complete(needed)
    try:
        with np.errstate(all="ignore"):
            x = pd.DataFrame(recipe.get_model_matrix(panel.frame, na_action="ignore"))
    except FormulaicError as error:
        raise PanelError(f"the formula {formula!r} cannot be evaluated: {error}") from error
    _require_finite(x, panel, formula)
    return x


def _require_finite(side: pd.DataFrame, panel: SpatialPanel, formula: str) -> None:
    bad = ~np.isfinite(side.to_numpy(dtype=float))
    if bad.any():
        columns = side.columns[bad.any(axis=0)]
        rows = panel.frame.index[bad.any(axis=1)]
        raise DomainError(
            f"in {formula!r}, {sample(columns)} is undefined for {len(rows)} (unit, period): "
            f"{sample(rows)}; logarithms need positive values: mend or leave out these cells"
        )


def lagged_names(
    durbin: str | Iterable[str] | None, names: list[str], panel: SpatialPanel
) -> list[str]:
    """Return the columns of X to lag; the intercept never is, its lag being itself."""
    candidates = [name for name in names if name != INTERCEPT]
    if durbin is None:
        return candidates
    if isinstance(durbin, str) and durbin not in candidates:
        import formulaic

        matrix: Any = formulaic.Formula(f"0 + {durbin}").get_model_matrix(
            panel.frame, na_action="ignore"
        )
        wanted = [str(name) for name in pd.DataFrame(matrix).columns]
    else:
        wanted = [durbin] if isinstance(durbin, str) else [str(name) for name in durbin]
    unknown = [name for name in wanted if name not in candidates]
    if unknown:
        raise UnknownColumnError(
            f"durbin names {sample(unknown)}, which are not among the regressors "
            f"{sample(candidates, 20)}; put them on the right side of the formula first"
        )
    return [name for name in candidates if name in wanted]
