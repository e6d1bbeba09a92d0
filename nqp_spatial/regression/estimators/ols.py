"""Least squares of models without rho and lam."""

from __future__ import annotations

import numpy as np

from nqp_spatial.errors import OptionError
from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression.covariance import sandwich
from nqp_spatial.regression.covariance.heteroskedastic import (
    heteroskedastic,
    heteroskedastic_factor,
)
from nqp_spatial.regression.covariance.information import Estimate, observed
from nqp_spatial.regression.estimators.estimated import Estimated

__all__ = ["fit_ols", "heteroskedastic_covariance", "residual_df"]


def fit_ols(data: ModelData) -> Estimated:
    """Estimate by least squares: sigma2 of the likelihood, covariance with degrees of freedom.

    Parameters
    ----------
    data : ModelData
        Data of a linear model.

    Raises
    ------
    OptionError
        If the model has no coefficients.
    """
    spec, projection, counts = data.spec, data.projection, data.counts
    squares = float(projection.left_y @ projection.left_y)
    sigma2 = squares / counts.observations
    estimate = Estimate(projection.coef_y, np.zeros(1), 0.0, sigma2, projection, counts)
    k = len(estimate.coefs)
    if not k:
        raise OptionError(
            f"the model {spec.formula!r} with effects={spec.effects!r} has no coefficients to "
            "estimate; name regressors, or take a spatial model"
        )
    cov = np.zeros((k + 1, k + 1))
    cov[:k, :k] = squares / residual_df(data, k) * projection.gram_inverse
    cov[k, k] = 2 * sigma2**2 / counts.observations
    if spec.covariance in ("cluster", "driscoll-kraay"):
        bread = observed(estimate, (None, None))
        if spec.covariance == "cluster":
            cov = sandwich.clustered(bread, estimate, data.shape)
        else:
            cov = sandwich.driscoll_kraay(bread, estimate, data.shape)
    if spec.covariance == "robust":
        cov = heteroskedastic_covariance(estimate, data)
    loglik = -counts.observations / 2 * (np.log(2 * np.pi * sigma2) + 1)
    return Estimated(estimate, cov, float(loglik))


def heteroskedastic_covariance(estimate: Estimate, data: ModelData) -> np.ndarray:
    """Return HC1 of the coefficients, with the variance of the mean of squares for sigma2."""
    k, projection = len(estimate.coefs), data.projection
    e = estimate.residuals
    meat = heteroskedastic(projection.z, e, data.spec, data.shape)
    meat *= heteroskedastic_factor(data.spec, data.shape, residual_df(data, k))
    cov = np.zeros((k + 1, k + 1))
    cov[:k, :k] = projection.gram_inverse @ meat @ projection.gram_inverse
    squares = e**2 - (e**2).mean()
    cov[k, k] = float(squares @ squares) / estimate.counts.observations**2
    return cov


def residual_df(data: ModelData, k: int) -> int:
    """Return the residual degrees of freedom after effects and k coefficients."""
    n, t = data.shape
    spec = data.spec
    free = (n - 1 if spec.sweeps_periods else n) * (t - 1 if spec.sweeps_units else t)
    return free - k
