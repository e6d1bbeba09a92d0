"""Variances of sums of scores whose errors are independent with unequal variances."""

from __future__ import annotations

import numpy as np

from nqp_spatial.regression.spec import RegressionSpec

__all__ = ["heteroskedastic", "heteroskedastic_factor"]


def heteroskedastic(
    columns: np.ndarray, e: np.ndarray, spec: RegressionSpec, shape: tuple[int, int]
) -> np.ndarray:
    """Return the variance of columns'e where the variance of each error is its own (HC0).

    Where unit effects were removed, a squared demeaned error contains the variances of all periods
    of its unit; those of the others are subtracted (Stock and Watson 2008, Econometrica 76,
    155-174, equation 6). With two periods this is the variance clustered by unit.

    Parameters
    ----------
    columns : ndarray
        Demeaned, shape (N, K).
    e : ndarray
        Demeaned residuals, shape (N,).
    spec : RegressionSpec
    shape : tuple
        (n_units, n_periods).

    Returns
    -------
    ndarray
        Shape (K, K).
    """
    n, t = shape
    score = (columns * e[:, None]).reshape(n, t, -1)
    if spec.sweeps_units and t == 2:
        by_unit = score.sum(axis=1)
        return np.asarray(by_unit.T @ by_unit)
    plain = np.einsum("itk,itl->kl", score, score)
    if not spec.sweeps_units:
        return np.asarray(plain)
    x = columns.reshape(n, t, -1)
    variances = (e.reshape(n, t) ** 2).sum(axis=1) / (t - 1)
    mixed = np.einsum("itk,itl,i->kl", x, x, variances)
    return np.asarray((t * plain - mixed) / (t - 2))


def heteroskedastic_factor(
    spec: RegressionSpec, shape: tuple[int, int], residual_df: float
) -> float:
    """Return the factor of HC1: observations without unit means, over degrees of freedom.

    `heteroskedastic` already accounts for the unit means; without unit effects the factor is
    N / (N - K) (MacKinnon and White 1985), where K counts the coefficients and the period effects.
    """
    n, t = shape
    return n * (t - 1 if spec.sweeps_units else t) / residual_df
