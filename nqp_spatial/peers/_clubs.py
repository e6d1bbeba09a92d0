"""The log t regressions of convergence clubs, computed again by statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import spherical_jn

from nqp_spatial.core.provenance import Call
from nqp_spatial.peers._quantities import Quantity, quantity

__all__ = ["clubs"]


def clubs(call: Call, result: Any) -> list[Quantity]:
    """Compare slope, standard error and t of each club, given its members."""
    discard, hac = call.arguments["discard"], call.arguments["hac"]
    membership = result.membership
    numbers = [
        _log_t(result.paths.loc[membership.index[membership == club]].to_numpy(), discard, hac)
        for club in result.frame.index
    ]
    slopes, errors = np.array(numbers, dtype=float).reshape(-1, 2).T
    frame = result.frame
    return [
        quantity("b", frame["b"], slopes, "statsmodels"),
        quantity("std_error", frame["std_error"], errors, "statsmodels"),
        quantity("statistic", frame["statistic"], slopes / errors, "statsmodels"),
    ]


def _log_t(paths: np.ndarray, discard: float, hac: str) -> tuple[float, float]:
    """Return b and its standard error, of units whose paths are relative to the same mean."""
    import statsmodels.api as sm
    from statsmodels.stats.sandwich_covariance import S_hac_simple, cov_hac

    dispersion = ((paths / paths.mean(axis=0) - 1) ** 2).mean(axis=0)
    first = round(len(dispersion) * discard)
    time = np.arange(1, len(dispersion) + 1)[first:]
    if not (dispersion[[0, *range(first, len(dispersion))]] > 0).all():
        return np.nan, np.nan
    outcome = np.log(dispersion[0] / dispersion[first:]) - 2 * np.log(np.log(time))
    fit = sm.OLS(outcome, sm.add_constant(np.log(time))).fit()
    u, m = fit.resid, len(time)
    if hac == "andrews":
        scores = u * np.log(time)
        memory = sm.OLS(scores[1:], sm.add_constant(scores[:-1])).fit().params[1]
        cov = cov_hac(fit, nlags=m - 1, weights_func=_weights(memory, m), use_correction=False)
        variance = cov[1, 1] * m / (m - 2)
    else:
        # Phillips and Sul's program leaves the last residual out of the products at lags.
        memory = sm.OLS(u[1:], u[:-1]).fit().params[0]
        sums = S_hac_simple(u[:-1], nlags=m - 2, weights_func=_weights(memory, m))
        variance = (
            (float(np.squeeze(sums)) + u[-1] ** 2) / (m - 1) * fit.normalized_cov_params[1, 1]
        )
    return float(fit.params[1]), float(np.sqrt(variance)) if variance > 0 else np.nan


def _weights(memory: float, size: int) -> Any:
    """Return the quadratic spectral kernel with Andrews's bandwidth, as statsmodels asks for it.

    ``3 j_1(z) / z`` with the spherical Bessel function, z = 6 pi lag / (5 bandwidth).
    """
    alpha = 4 * memory**2 / (1 - memory) ** 4
    bandwidth = 1.3221 * (alpha * size) ** 0.2

    def kernel(lags: int) -> np.ndarray:
        z = 1.2 * np.pi * np.arange(1, lags + 1) / bandwidth
        return np.concatenate([[1.0], 3 * np.asarray(spherical_jn(1, z)) / z])

    return kernel
