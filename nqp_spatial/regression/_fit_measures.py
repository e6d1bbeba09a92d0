"""Measures of fit beside the log-likelihood: R2 with effects, and the squared correlation."""

from __future__ import annotations

import numpy as np

from nqp_spatial.regression._demeaning import demean
from nqp_spatial.regression._estimated import EstimatedModel
from nqp_spatial.regression._prediction import accumulated_errors, solve_system, systems

__all__ = ["full_rsquared", "squared_correlation_of"]


def full_rsquared(model: EstimatedModel) -> float:
    """Return ``1 - e'e / sum (y - mean y)^2``; see `RegressionResult.rsquared`."""
    e = model.resid.to_numpy()
    y = model.fitted.to_numpy() + e
    return 1 - float(e @ e) / float(((y - y.mean()) ** 2).sum())


def squared_correlation_of(model: EstimatedModel) -> float:
    """Return the squared correlation of y and its expectation, without fixed effects."""
    spec, shape = model.spec, (model.n_units, model.n_periods)
    e = model.resid.to_numpy().reshape(shape)
    y = model.fitted.to_numpy().reshape(shape) + e
    a, b = systems(model, model.terms, model.n_units)
    errors, effects = accumulated_errors(model, e), model.fixed_effects
    total = np.full(shape, float(effects.constant or 0.0))
    unit = np.zeros(shape[0]) if effects.unit is None else effects.unit.to_numpy()
    if spec.has_phi and spec.random_errors == "kkp":
        errors = errors + unit[:, None]
    else:
        total += unit[:, None]
    if effects.period is not None:
        total += effects.period.to_numpy()
    # A y = z d + effects + B^-1 errors.
    expected = y - solve_system(a, total + solve_system(b, errors))
    left, right = demean(y, spec), demean(expected, spec)
    left, right = left - left.mean(), right - right.mean()
    if np.linalg.norm(right) <= 1e-10 * np.linalg.norm(y):
        return float("nan")
    return float((left * right).sum() ** 2 / ((left**2).sum() * (right**2).sum()))
