"""Convergence clubs: their members by geometrics, their log t regressions by statsmodels."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import spherical_jn

from nqp_spatial.core.provenance import Call
from nqp_spatial.core.text import t
from nqp_spatial.peers._quantities import NoPeerError, Quantity, quantity

__all__ = ["clubs"]


def clubs(call: Call, result: Any) -> list[Quantity]:
    """Compare members of clubs, and slope, standard error and t of each club, given its members."""
    members = _members(call, result)
    if result.frame.empty:
        if not members:
            raise NoPeerError(t("there are no clubs, so that there is no regression to repeat"))
        return members
    discard, hac = call.arguments["discard"], call.arguments["hac"]
    membership = result.membership
    numbers = [
        _log_t(result.paths.loc[membership.index[membership == club]].to_numpy(), discard, hac)
        for club in result.frame.index
    ]
    slopes, errors = np.array(numbers, dtype=float).reshape(-1, 2).T
    frame = result.frame
    return [
        *members,
        quantity("b", frame["b"], slopes, "statsmodels"),
        quantity("std_error", frame["std_error"], errors, "statsmodels"),
        quantity("statistic", frame["statistic"], slopes / errors, "statsmodels"),
    ]


def _members(call: Call, result: Any) -> list[Quantity]:
    """Compare the club of each unit, zero if it diverges, where geometrics has the same rules."""
    arguments = call.arguments
    merging = {None: "none", "phillips-sul": "ps"}.get(arguments["merge"], "")
    shared = arguments["hac"] == "fixed" and arguments["critical"] == "increasing"
    if not merging or not shared or arguments["merge_divergent"]:
        return []
    from geometrics.clubs import analyze_convergence_clubs

    paths = result.paths
    count, periods = paths.shape
    numbers = np.repeat(np.arange(count), periods)
    data = {
        "unit": numbers,
        "period": np.tile(np.arange(periods), count),
        "y": paths.to_numpy().ravel(),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that all units converge, which the numbers say as well
        theirs = analyze_convergence_clubs(
            pd.DataFrame(data), "y", entity="unit", time="period", hp_filter=False,
            trim=arguments["discard"], increment=0.1, merge=merging,
        )  # fmt: skip
    club_of = theirs.membership.set_index("entity")["club"]
    club_of.index = club_of.index.astype(int)
    ours = result.membership.reindex(paths.index).astype(float).fillna(0.0)
    return [quantity("club", ours, club_of[np.arange(count)], "geometrics")]


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
