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
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import linalg as sla

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import period_like, require_even_steps
from nqp_spatial.errors import DomainError, MissingValuesError, OptionError, PanelError, sample
from nqp_spatial.regression._design import evaluated_with
from nqp_spatial.regression._estimated import EstimatedModel
from nqp_spatial.regression._model_data import matrix_of
from nqp_spatial.regression._term_weights import Terms, terms_of
from nqp_spatial.weights.spatial_weights import WeightsLike

__all__ = ["Kind", "predict"]

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
    matrices = {key: w for key in ("y", "x", "u") if (w := getattr(model.terms, key)) is not None}
    needed = {key: key in matrices for key in ("y", "x", "u")}
    terms = terms_of(matrices if weights is None else weights, panel, needed, model.spec.model)
    return _out_of_sample(model, panel, terms, kind, period_effects)


def _systems(
    model: EstimatedModel, terms: Terms, n: int
) -> tuple[sparse.csc_array, sparse.csc_array]:
    """Return A and B for n units."""
    systems = []
    for name, weights in (("rho", terms.y), ("lam", terms.u)):
        value = float(model.params.get(("spatial", name), 0.0))
        eye = sparse.eye_array(n, format="csc")
        matrix = matrix_of(weights)
        systems.append(eye if matrix is None else sparse.csc_array(eye - value * matrix))
    return systems[0], systems[1]


def _in_sample(model: EstimatedModel, kind: Kind) -> np.ndarray:
    """Predict the outcomes that the model was fitted to, shape (n_units, periods)."""
    shape = (model.n_units, model.n_periods)
    e = model.resid.to_numpy().reshape(shape)
    fitted = model.fitted.to_numpy().reshape(shape)
    if kind == "direct":
        return np.asarray(fitted)
    a, b = _systems(model, model.terms, model.n_units)
    if kind == "trend":
        return np.asarray(fitted + e - sla.splu(a).solve(sla.splu(b).solve(e)))
    filters = sparse.csc_array(b @ a)
    precision = np.asarray(filters.power(2).sum(axis=0)).ravel()
    return np.asarray(fitted + e - (filters.T @ e) / precision[:, None])


def _out_of_sample(
    model: EstimatedModel,
    panel: SpatialPanel,
    terms: Terms,
    kind: Kind,
    period_effects: Mapping[Hashable, float] | None,
) -> pd.Series:
    """Predict the outcomes of another panel.

    Parameters
    ----------
    model : EstimatedModel
    panel : SpatialPanel
        With the regressors; outcomes may be missing.
    terms : Terms
        Weights in the order of its units.
    kind : {"trend", "direct", "blup"}
    period_effects : mapping, optional
        Of periods that the model was not fitted to.

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
    eta = values @ params["x"].loc[list(spec.regressors)].to_numpy() if len(x.columns) else 0.0
    eta = np.zeros(shape) + eta
    lagged = [spec.regressors.index(name) for name in spec.lagged]
    if lagged:
        theta = params["wx"].loc[list(spec.lagged)].to_numpy()
        assert terms.x is not None
        eta += terms.x.sparse @ (values[:, :, lagged] @ theta)
    y = _outcomes(model, panel)
    a, b = _systems(model, terms, panel.n_units)
    inner = b if spec.has_phi and spec.has_lam else None
    eta += _effects(model, panel, period_effects, inner)
    lag = matrix_of(terms.y)
    solve = sla.splu(a).solve
    tau = float(params.get(("dynamic", "tau"), 0.0))
    space = float(params.get(("dynamic", "eta"), 0.0))
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
            level = level + tau * past + (0.0 if lag is None else space * (lag @ past))
        trend = solve(level)
        known = ~np.isnan(y[:, now])
        if kind == "trend":
            predictions[:, now] = trend
        elif kind == "direct":
            predictions[:, now] = _from_neighbours(model, terms, y[:, now], level, panel, now)
        else:
            filters = sparse.csc_array(b @ a)
            predictions[:, now] = _conditional(filters, y[:, now], trend, known)
        # What is not known of the past is what was predicted of it.
        past = np.where(known, y[:, now], trend if kind == "direct" else predictions[:, now])
    series = pd.Series(predictions.ravel(), index=panel.frame.index, name="predicted")
    return series.iloc[np.tile(np.arange(shape[1]) >= first, shape[0])]


def _conditional(
    filters: sparse.csc_array, y: np.ndarray, trend: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Return the expectation of what is unknown given what is known, which stays as it is."""
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
    terms: Terms,
    y: np.ndarray,
    level: np.ndarray,
    panel: SpatialPanel,
    now: int,
) -> np.ndarray:
    """Return ``rho W y + eta + lam W u``."""
    unknown = np.isnan(y)
    prediction = level.copy()
    if terms.y is not None and model.spec.has_rho:
        _require_known(terms.y.sparse @ unknown.astype(float), panel, now)
        prediction += float(model.params["spatial", "rho"]) * (terms.y.sparse @ np.nan_to_num(y))
    if terms.u is not None:
        # u of a neighbour needs its outcome too.
        _require_known(terms.u.sparse @ unknown.astype(float), panel, now)
        u = np.where(unknown, 0.0, y - prediction)
        prediction += float(model.params["spatial", "lam"]) * (terms.u.sparse @ u)
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

    ``inner`` is B where random effects are lagged as the errors are.
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
        # The prediction of a random effect of a unit never seen is zero.
        values = units.reindex(panel.units).fillna(0.0).to_numpy()
        total += (values if inner is None else sla.splu(inner).solve(values))[:, None]
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
    """Return outcomes as far as they are known, shape (n_units, periods)."""
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
