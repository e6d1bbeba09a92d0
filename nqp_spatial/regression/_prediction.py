"""Predictions: the trend, what neighbours' outcomes add to it, and the best linear unbiased one.

With ``A = I - rho W_y``, ``B = I - lam W_u``, ``A y = eta + u``, ``B u = e``, eta the structural
part (regressors, effects, the past):

- trend ``A^-1 eta``: the outcome expected where no outcome of the period is known;
- direct ``y - e = rho W y + eta + lam W u``: from the outcomes that neighbours have;
- blup: the outcome expected given all others of the period. They have precision
  ``Q = A'B'B A / sigma2`` around the trend m, so that unknown given known are
  ``m_o - Q_oo^-1 Q_os (y_s - m_s)``, and one given the rest is ``y - (Q (y - m))_i / Q_ii``.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import linalg as sla

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import period_like, require_even_steps
from nqp_spatial.errors import DomainError, MissingValuesError, OptionError, PanelError, sample
from nqp_spatial.regression._design import INTERCEPT, Recipe, evaluated_with
from nqp_spatial.regression._model_data import matrix_of
from nqp_spatial.regression._term_weights import TermWeights, lag, matrices_by_name
from nqp_spatial.regression.likelihood.factorization import factorize_system
from nqp_spatial.regression.likelihood.several_lags import system_of, weighted_sum

if TYPE_CHECKING:
    from nqp_spatial.regression.results import RegressionResult

__all__ = ["Kind", "predict_new", "predict_own"]

Kind = Literal["trend", "direct", "blup"]


def _systems(
    result: RegressionResult, terms: TermWeights, n: int
) -> tuple[sparse.csc_array, sparse.csc_array]:
    """Return A and B for n units; for n T where links change over time."""
    size = terms.y[0].matrix.shape[0] if terms.y else n
    rho = _coefficients(result, "rho")
    a = sparse.eye_array(size, format="csc") if not len(rho) else system_of(terms.matrices_y, rho)
    lam = _coefficients(result, "lam")
    b = sparse.eye_array(size, format="csc") if not len(lam) else system_of([terms.matrix_u], lam)
    return a, b


def _coefficients(result: RegressionResult, name: str) -> np.ndarray:
    """Return the rho's or lam, empty where the model has none."""
    index = result.params.index
    mask = (index.get_level_values(0) == "spatial") & (index.get_level_values(1) == name)
    return result.params.to_numpy()[mask]


def _solve(system: sparse.csc_array, right: np.ndarray) -> np.ndarray:
    """Solve with a system of n or of n T, the right side of units by periods."""
    factor = factorize_system(system)
    if system.shape[0] == len(right):
        return np.asarray(factor.solve(np.asarray(right, order="F")))
    return np.asarray(factor.solve(right.ravel())).reshape(right.shape)


def predict_own(result: RegressionResult, kind: Kind) -> np.ndarray:
    """Predict the outcomes that the model was fitted to, shape (n_units, periods).

    Parameters
    ----------
    result : RegressionResult
    kind : {"trend", "direct", "blup"}

    Returns
    -------
    ndarray
    """
    shape = (result.n_units, result.n_periods)
    e = result.resid.to_numpy().reshape(shape)
    fitted = result.fitted.to_numpy().reshape(shape)
    if kind == "direct":
        return np.asarray(fitted)
    a, b = _systems(result, result.terms, result.n_units)
    if kind == "trend":
        return np.asarray(fitted + e - _solve(a, _solve(b, e)))
    both = sparse.csc_array(b @ a)
    precision = np.asarray(both.power(2).sum(axis=0)).ravel()
    if both.shape[0] != len(e):
        return np.asarray(fitted + e - ((both.T @ e.ravel()) / precision).reshape(e.shape))
    return np.asarray(fitted + e - (both.T @ e) / precision[:, None])


def predict_new(
    result: RegressionResult,
    panel: SpatialPanel,
    terms: TermWeights,
    kind: Kind,
    period_effects: Mapping[Hashable, float] | None,
) -> pd.Series:
    """Predict the outcomes of another panel.

    Parameters
    ----------
    result : RegressionResult
    panel : SpatialPanel
        With the regressors; outcomes may be missing.
    terms : TermWeights
        Weights in the order of its units.
    kind : {"trend", "direct", "blup"}
    period_effects : mapping, optional
        Of periods that the model was not fitted to.

    Returns
    -------
    Series
        By (unit, period).
    """
    spec, params = result.spec, result.params
    shape = (panel.n_units, panel.n_periods)
    x = evaluated_with(result.recipes[1], panel)[list(spec.regressors)]
    values = x.to_numpy(dtype=float).reshape(*shape, len(spec.regressors))
    eta = np.zeros(shape) + _structural(result, terms, values)
    y = _outcomes(result, panel)
    a, b = _systems(result, terms, panel.n_units)
    inner = b if spec.has_phi and spec.has_lam else None
    eta += _effects(result, panel, period_effects, inner)
    past_lag = matrix_of(terms.weights_y)
    solve = factorize_system(a).solve
    tau = float(params.get(("dynamic", "tau"), 0.0)) if spec.is_dynamic else 0.0
    space = float(params.get(("dynamic", "eta"), 0.0)) if spec.is_dynamic else 0.0
    found = np.full(shape, np.nan)
    first = 1 if spec.is_dynamic else 0
    if first:
        require_even_steps(panel.periods, "a dynamic model")
    past = y[:, 0]
    if first and np.isnan(past).any():
        raise MissingValuesError(
            f"a dynamic model starts from the outcomes of the first period of the panel, "
            f"{panel.periods[0]}; they are missing for {sample(panel.units[np.isnan(past)])}"
        )
    for now in range(first, shape[1]):
        level = eta[:, now]
        if first:
            level = level + tau * past + (0.0 if past_lag is None else space * (past_lag @ past))
        trend = solve(level)
        known = ~np.isnan(y[:, now])
        if kind == "trend":
            found[:, now] = trend
        elif kind == "direct":
            found[:, now] = _from_neighbours(result, terms, y[:, now], level, panel, now)
        else:
            both = sparse.csc_array(b @ a)
            found[:, now] = _conditional(both, y[:, now], trend, known)
        # What is not known of the past is what was predicted of it.
        past = np.where(known, y[:, now], trend if kind == "direct" else found[:, now])
    series = pd.Series(found.ravel(), index=panel.frame.index, name="predicted")
    return series.iloc[np.tile(np.arange(shape[1]) >= first, shape[0])]


def _structural(result: RegressionResult, terms: TermWeights, values: np.ndarray) -> np.ndarray:
    """Return ``X beta + sum_l W_l X theta_l`` of regressors by unit, period and column."""
    names, params = list(result.spec.regressors), result.params
    if not terms.has_parts:
        beta = params["x"].loc[names].to_numpy() if names else np.empty(0)
        total = np.asarray(values @ beta)
        at = [names.index(name) for name in result.spec.lagged]
        if at:
            theta = params["wx"].loc[list(result.spec.lagged)].to_numpy()
            total = total + lag(terms.x[0].matrix, values[:, :, at] @ theta)
        return total
    total = np.zeros(values.shape[:2])
    matrices = matrices_by_name(terms.x)
    everyone = np.ones(len(values))
    for (block, name, part), coefficient in params.items():
        if block == "spatial":
            continue
        column = coefficient * values[:, :, names.index(name)]
        if block == "wx":
            column = lag(matrices[part], column)
        elif name != INTERCEPT:
            column = column * result.regimes.get(part, everyone)[:, None]
        total += column
    return total


def _conditional(
    both: sparse.csc_array, y: np.ndarray, trend: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Return the expectation of what is unknown given what is known, which stays as it is."""
    if not known.any():
        return trend
    if known.all():
        return y
    rows = both[:, ~known]
    gap = both[:, known] @ (y[known] - trend[known])
    found = y.copy()
    precision = sparse.csc_array(rows.T @ rows)
    found[~known] = trend[~known] - sla.spsolve(precision, np.asarray(rows.T @ gap))
    return found


def _from_neighbours(
    result: RegressionResult,
    terms: TermWeights,
    y: np.ndarray,
    level: np.ndarray,
    panel: SpatialPanel,
    now: int,
) -> np.ndarray:
    """Return ``rho W y + eta + lam W u``."""
    unknown = np.isnan(y)
    total = level.copy()
    if result.spec.has_rho:
        whole = weighted_sum(terms.matrices_y, _coefficients(result, "rho"))
        _require_known(whole @ unknown.astype(float), panel, now)
        total += whole @ np.nan_to_num(y)
    if terms.matrix_u is not None:
        # u of a neighbour needs its outcome too.
        _require_known(terms.matrix_u @ unknown.astype(float), panel, now)
        u = np.where(unknown, 0.0, y - total)
        total += float(_coefficients(result, "lam")[0]) * (terms.matrix_u @ u)
    return total


def _require_known(links: np.ndarray, panel: SpatialPanel, now: int) -> None:
    if links.any():
        raise MissingValuesError(
            f"in {panel.periods[now]}, neighbours of {int((links != 0).sum())} units have no "
            f"outcome, of {sample(panel.units[links != 0])}; use kind='blup', which does without, "
            "or 'trend'"
        )


def _effects(
    result: RegressionResult,
    panel: SpatialPanel,
    given: Mapping[Hashable, float] | None,
    inner: sparse.csc_array | None,
) -> np.ndarray:
    """Return constant, unit and period effects, shape (n_units, periods).

    ``inner`` is B where random effects are lagged as the errors are.
    """
    effects = result.fixed_effects
    total = np.full((panel.n_units, panel.n_periods), float(effects.get("constant", 0.0)))
    if "unit" in effects:
        units = effects["unit"]
        unknown = panel.units.difference(units.index)
        if len(unknown) and not result.spec.has_phi:
            raise PanelError(
                f"the model has unit effects, and none for {sample(unknown)}, which it was not "
                "fitted to; fit it with effects='none' or 'period' to predict new units"
            )
        # The prediction of a random effect of a unit never seen is zero.
        own = units.reindex(panel.units).fillna(0.0).to_numpy()
        total += (own if inner is None else factorize_system(inner).solve(own))[:, None]
    if "period" in effects:
        more = {period_like(key, panel.periods): value for key, value in (given or {}).items()}
        periods = pd.concat([effects["period"], pd.Series(more, dtype=float)])
        periods = periods[~periods.index.duplicated(keep="last")]
        start = 1 if result.spec.is_dynamic else 0
        unknown = panel.periods[start:].difference(periods.index)
        if len(unknown):
            raise OptionError(
                f"the model has period effects, and none for {sample(unknown)}; give them, as in "
                f"period_effects={{{unknown[0]!r}: 0.0}}, or fit a model without"
            )
        total += np.nan_to_num(periods.reindex(panel.periods).to_numpy())[None, :]
    return total


def _outcomes(result: RegressionResult, panel: SpatialPanel) -> np.ndarray:
    """Return outcomes as far as they are known, shape (n_units, periods)."""
    recipe: Recipe = result.recipes[0]
    shape = (panel.n_units, panel.n_periods)
    names = {*map(str, panel.frame.columns), panel.unit_name, panel.period_name}
    if not set(recipe.needed) <= names:
        return np.full(shape, np.nan)
    values = recipe.columns(panel).iloc[:, 0].to_numpy(dtype=float)
    if np.isinf(values).any():
        raise DomainError(
            f"the outcome of {result.spec.formula!r} is infinite for "
            f"{sample(panel.frame.index[np.isinf(values)])}; logarithms need positive values"
        )
    return np.asarray(values.reshape(shape))
