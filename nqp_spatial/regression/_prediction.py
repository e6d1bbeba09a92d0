"""Predictions: from the trend, from the outcomes of neighbours, and best linear unbiased.

With ``A = I - rho W_y``, ``B = I - lam W_u``, ``A y = eta + u``, ``B u = e``, eta the structural
part (regressors, effects, past outcomes):

- trend ``A^-1 eta``: the expected outcome where no outcome of the period is known;
- direct ``y - e = rho W y + eta + lam W u``: from the outcomes of the neighbours;
- blup: the expected outcome given all others of the period. With the precision
  ``Q = A'B'B A / sigma2`` around the trend m, the expectation of the unknown given the known is
  ``m_o - Q_oo^-1 Q_os (y_s - m_s)``, and of a single outcome given all others ``y - (Q (y - m))_i /
  Q_ii``.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import linalg as sla

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import period_like, require_even_steps
from nqp_spatial.errors import DomainError, MissingValuesError, OptionError, PanelError, sample
from nqp_spatial.regression._design import INTERCEPT
from nqp_spatial.regression._estimated import EstimatedModel
from nqp_spatial.regression._evaluation import evaluated_with
from nqp_spatial.regression._model_data import matrix_of
from nqp_spatial.regression._term_weights import (
    TermWeights,
    lag,
    match_term_weights,
    matrices_by_name,
)
from nqp_spatial.regression.likelihood.factorization import factorize_system
from nqp_spatial.regression.likelihood.several_lags import system_of, weighted_sum
from nqp_spatial.weights.spatial_weights import WeightsLike

__all__ = ["Kind", "accumulated_errors", "predict", "solve_system", "systems"]

Kind = Literal["trend", "direct", "blup"]


def predict(
    model: EstimatedModel,
    panel: SpatialPanel | None,
    weights: WeightsLike | Mapping[str, WeightsLike] | None,
    kind: Kind,
    period_effects: Mapping[Hashable, float] | None,
) -> pd.Series:
    """Predict outcomes; see `RegressionResult.predict`.

    Parameters
    ----------
    model : EstimatedModel
    panel, weights, kind, period_effects
        As in `RegressionResult.predict`.

    Returns
    -------
    Series
    """
    if kind not in get_args(Kind):
        raise OptionError(f"kind must be one of {', '.join(get_args(Kind))}, got {kind!r}")
    if panel is None:
        if weights is not None or period_effects is not None:
            raise OptionError("weights and period_effects are for another panel; pass it too")
        values = _in_sample(model, kind)
        return pd.Series(values.ravel(), index=model.resid.index, name="predicted")
    if model.spec.effects == "correlated-random":
        raise OptionError(
            "predictions of another panel are not offered for correlated random effects, whose "
            "unit means are those of the data at hand"
        )
    panel.require_balanced()
    if model.terms.has_parts:
        terms = _terms_in_parts(model, panel, weights)
        return _out_of_sample(model, panel, terms, kind, period_effects)
    matrices = {
        key: w
        for key in ("y", "x", "u")
        if (w := getattr(model.terms, f"weights_{key}")) is not None
    }
    needed = {key: key in matrices for key in ("y", "x", "u")}
    terms = match_term_weights(
        matrices if weights is None else weights, panel, needed, model.spec.model
    )
    return _out_of_sample(model, panel, terms, kind, period_effects)


def _terms_in_parts(model: EstimatedModel, panel: SpatialPanel, weights: Any) -> TermWeights:
    """Return the terms for another panel, which must have the same units."""
    same = panel.units.equals(model.resid.index.levels[0])
    moving = any(part.matrix.shape[0] != model.n_units for part in model.terms.y)
    if weights is not None or not same or moving:
        raise OptionError(
            "a model with several W's in a term predicts its sample, and other periods of the same "
            "units where its links do not change over time"
        )
    return model.terms


def systems(
    model: EstimatedModel, terms: TermWeights, n: int
) -> tuple[sparse.csc_array, sparse.csc_array]:
    """Return A and B for n units; for n T where links change over time."""
    size = terms.y[0].matrix.shape[0] if terms.y else n
    systems = []
    for name, parts in (("rho", terms.y), ("lam", terms.u)):
        coefs = _coefficients(model, name)
        matrices = [part.matrix for part in parts]
        eye = sparse.eye_array(size, format="csc")
        systems.append(system_of(matrices, coefs) if len(coefs) else eye)
    return systems[0], systems[1]


def _coefficients(model: EstimatedModel, name: str) -> np.ndarray:
    """Return the rho's or lam, empty where the model has none."""
    index = model.params.index
    chosen = (index.get_level_values(0) == "spatial") & (index.get_level_values(1) == name)
    return np.asarray(model.params.to_numpy()[chosen])


def solve_system(system: sparse.csc_array, right: np.ndarray) -> np.ndarray:
    """Solve with a system of n or of n T, the right side of units by periods."""
    factor = factorize_system(system)
    if system.shape[0] == len(right):
        return np.asarray(factor.solve(np.asarray(right, order="F")))
    return np.asarray(factor.solve(right.ravel())).reshape(right.shape)


def _in_sample(model: EstimatedModel, kind: Kind) -> np.ndarray:
    """Predict the outcomes that the model was fitted to, shape (n_units, periods)."""
    shape = (model.n_units, model.n_periods)
    e = model.resid.to_numpy().reshape(shape)
    fitted = model.fitted.to_numpy().reshape(shape)
    if kind == "direct":
        return np.asarray(fitted)
    a, b = systems(model, model.terms, model.n_units)
    if kind == "trend":
        return np.asarray(
            fitted + e - solve_system(a, solve_system(b, accumulated_errors(model, e)))
        )
    filters = sparse.csc_array(b @ a)
    precision = np.asarray(filters.power(2).sum(axis=0)).ravel()
    if len(precision) != len(e):
        return np.asarray(fitted + e - ((filters.T @ e.ravel()) / precision).reshape(shape))
    return np.asarray(fitted + e - (filters.T @ e) / precision[:, None])


def accumulated_errors(model: EstimatedModel, innovations: np.ndarray) -> np.ndarray:
    """Return the errors ``e_t = psi e_(t-1) + v_t``."""
    if not model.spec.serial:
        return innovations
    errors, psi = innovations.copy(), float(model.params["random", "psi"])
    for now in range(1, errors.shape[1]):
        errors[:, now] += psi * errors[:, now - 1]
    return errors


def _out_of_sample(
    model: EstimatedModel,
    panel: SpatialPanel,
    terms: TermWeights,
    kind: Kind,
    period_effects: Mapping[Hashable, float] | None,
) -> pd.Series:
    """Predict the outcomes of another panel.

    Parameters
    ----------
    model : EstimatedModel
    panel : SpatialPanel
        Contains the regressors; outcomes may be missing.
    terms : TermWeights
        Weights in the order of its units.
    kind : {"trend", "direct", "blup"}
    period_effects : mapping, optional
        Effects of periods outside the estimation sample.

    Returns
    -------
    Series
        By (unit, period).
    """
    spec, params = model.spec, model.params
    shape = (panel.n_units, panel.n_periods)
    assert model.model_specs is not None
    x = evaluated_with(model.model_specs[1], panel)[list(spec.regressors)]
    values = x.to_numpy(dtype=float).reshape(*shape, len(spec.regressors))
    eta = np.zeros(shape) + _structural(model, terms, values)
    y = _outcomes(model, panel)
    a, b = systems(model, terms, panel.n_units)
    is_spatial = spec.has_phi and spec.has_lam and spec.random_errors == "kkp"
    inner = b if is_spatial else None
    if spec.serial and kind != "trend":
        raise OptionError(
            "with serial=True another panel is predicted by kind='trend' only; within the sample "
            "the other kinds use the errors of the previous period"
        )
    eta += _effects(model, panel, period_effects, inner)
    past_lag = matrix_of(terms.weights_y)
    solve = factorize_system(a).solve
    tau = float(params.get(("dynamic", "tau"), 0.0)) if spec.is_dynamic else 0.0
    space = float(params.get(("dynamic", "eta"), 0.0)) if spec.is_dynamic else 0.0
    predictions = np.full(shape, np.nan)
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
            predictions[:, now] = trend
        elif kind == "direct":
            predictions[:, now] = _from_neighbours(model, terms, y[:, now], level, panel, now)
        else:
            filters = sparse.csc_array(b @ a)
            predictions[:, now] = _conditional(filters, y[:, now], trend, known)
        # Unknown past outcomes are replaced by their predictions.
        past = np.where(known, y[:, now], trend if kind == "direct" else predictions[:, now])
    series = pd.Series(predictions.ravel(), index=panel.frame.index, name="predicted")
    return series.iloc[np.tile(np.arange(shape[1]) >= first, shape[0])]


def _structural(model: EstimatedModel, terms: TermWeights, values: np.ndarray) -> np.ndarray:
    """Return ``X beta + sum_l W_l X theta_l``; regressors are by unit, period and column."""
    names, lagged, params = list(model.spec.regressors), list(model.spec.lagged), model.params
    if not terms.has_parts:
        beta = params["x"].loc[names].to_numpy() if names else np.empty(0)
        total = np.asarray(values @ beta)
        if lagged:
            theta = params["wx"].loc[lagged].to_numpy()
            columns = [names.index(name) for name in lagged]
            total = total + lag(terms.x[0].matrix, values[:, :, columns] @ theta)
        return total
    total = np.zeros(values.shape[:2])
    matrices, everyone = matrices_by_name(terms.x), np.ones(len(values))
    for (block, name, part), coefficient in params.items():
        if block == "spatial":
            continue
        column = coefficient * values[:, :, names.index(name)]
        if block == "wx":
            column = lag(matrices[part], column)
        elif name != INTERCEPT:
            column = column * model.regimes.get(part, everyone)[:, None]
        total += column
    return total


def _conditional(
    filters: sparse.csc_array, y: np.ndarray, trend: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Return the expectation of the unknown outcomes given the known ones, which stay unchanged."""
    if not known.any():
        return trend
    if known.all():
        return y
    rows = filters[:, ~known]
    gap = filters[:, known] @ (y[known] - trend[known])
    prediction = y.copy()
    precision = sparse.csc_array(rows.T @ rows)
    prediction[~known] = trend[~known] - sla.spsolve(precision, np.asarray(rows.T @ gap))
    return prediction


def _from_neighbours(
    model: EstimatedModel,
    terms: TermWeights,
    y: np.ndarray,
    level: np.ndarray,
    panel: SpatialPanel,
    now: int,
) -> np.ndarray:
    """Return ``rho W y + eta + lam W u``."""
    unknown = np.isnan(y)
    prediction = level.copy()
    if model.spec.has_rho:
        lag_matrix = weighted_sum(terms.matrices_y, _coefficients(model, "rho"))
        _require_known(lag_matrix @ unknown.astype(float), panel, now)
        prediction += lag_matrix @ np.nan_to_num(y)
    if terms.matrix_u is not None:
        # u of a neighbour requires its outcome too.
        _require_known(terms.matrix_u @ unknown.astype(float), panel, now)
        u = np.where(unknown, 0.0, y - prediction)
        prediction += float(_coefficients(model, "lam")[0]) * (terms.matrix_u @ u)
    return prediction


def _require_known(links: np.ndarray, panel: SpatialPanel, now: int) -> None:
    if links.any():
        raise MissingValuesError(
            f"in {panel.periods[now]}, neighbours of {int((links != 0).sum())} units have no "
            f"outcome, of {sample(panel.units[links != 0])}; use kind='blup', which does without, "
            "or 'trend'"
        )


def _effects(
    model: EstimatedModel,
    panel: SpatialPanel,
    period_effects: Mapping[Hashable, float] | None,
    inner: sparse.csc_array | None,
) -> np.ndarray:
    """Return constant, unit and period effects, shape (n_units, periods).

    ``inner`` is B where random effects follow the spatial process of the errors.
    """
    effects = model.fixed_effects
    total = np.full((panel.n_units, panel.n_periods), float(effects.constant or 0.0))
    if effects.unit is not None:
        units = effects.unit
        unknown = panel.units.difference(units.index)
        if len(unknown) and not model.spec.has_phi:
            raise PanelError(
                f"the model has unit effects, and none for {sample(unknown)}, which it was not "
                "fitted to; fit it with effects='none' or 'period' to predict new units"
            )
        # The predicted random effect of a unit outside the sample is zero.
        values = units.reindex(panel.units).fillna(0.0).to_numpy()
        total += (values if inner is None else factorize_system(inner).solve(values))[:, None]
    if effects.period is not None:
        more = {
            period_like(key, panel.periods): value for key, value in (period_effects or {}).items()
        }
        periods = pd.concat([effects.period, pd.Series(more, dtype=float)])
        periods = periods[~periods.index.duplicated(keep="last")]
        start = 1 if model.spec.is_dynamic else 0
        unknown = panel.periods[start:].difference(periods.index)
        if len(unknown):
            raise OptionError(
                f"the model has period effects, and none for {sample(unknown)}; give them, as in "
                f"period_effects={{{unknown[0]!r}: 0.0}}, or fit a model without"
            )
        total += np.nan_to_num(periods.reindex(panel.periods).to_numpy())[None, :]
    return total


def _outcomes(model: EstimatedModel, panel: SpatialPanel) -> np.ndarray:
    """Return the outcomes that are known, others missing, shape (n_units, periods)."""
    assert model.model_specs is not None
    outcome = model.model_specs[0]
    shape = (panel.n_units, panel.n_periods)
    names = {*map(str, panel.frame.columns), panel.unit_name, panel.period_name}
    if not set(outcome.needed) <= names:
        return np.full(shape, np.nan)
    values = outcome.columns(panel).iloc[:, 0].to_numpy(dtype=float)
    if np.isinf(values).any():
        raise DomainError(
            f"the outcome of {model.spec.formula!r} is infinite for "
            f"{sample(panel.frame.index[np.isinf(values)])}; logarithms need positive values"
        )
    return np.asarray(values.reshape(shape))
