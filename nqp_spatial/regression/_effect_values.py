"""Effects computed from parameters: values, derivatives, draws, effects by unit."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.inference import two_sided_p
from nqp_spatial.errors import OptionError, StabilityWarning
from nqp_spatial.regression._effect_parameters import EffectParameters, draw_parameters
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression._trace_functions import TraceFunctions
from nqp_spatial.regression.likelihood.factorization import factorize

__all__ = ["KINDS", "effect_values"]

KINDS = ("direct", "indirect", "total")


def effect_values(
    x: np.ndarray, divisor: np.ndarray, beta: np.ndarray, theta: np.ndarray, traces: np.ndarray
) -> np.ndarray:
    """Return direct, indirect and total effects.

    Parameters
    ----------
    x, divisor : ndarray
        From `EffectParameters.argument`, shape () or (draws,).
    beta, theta : ndarray
        Shape (K,) or (draws, K).
    traces : ndarray
        From `TraceFunctions.values` at x, shape (4,) or (4, draws).

    Returns
    -------
    ndarray
        Shape (..., K, 3).
    """
    x, divisor = np.asarray(x)[..., None], np.asarray(divisor)[..., None]
    g, s, g_x, s_x = (np.asarray(part)[..., None] for part in traces)
    direct = (beta * (1 + x * g) + theta * g_x) / divisor
    total = (beta * (1 + x * s) + theta * s_x) / divisor
    return np.stack([direct, total - direct, total], axis=-1)


def delta_gradient(
    parameters: EffectParameters, horizon: str, traces: TraceFunctions
) -> np.ndarray:
    """Return derivatives of effects with respect to parameters, shape (K, 3, parameters)."""
    beta, theta = parameters.coefficients(parameters.estimates)
    x, divisor = (float(part) for part in parameters.argument(parameters.estimates, horizon))
    values, slopes = traces.derivatives(x)
    k, lags = len(parameters.names), len(parameters.lagged)
    gradient = np.zeros((k, 3, len(parameters.estimates)))
    for kind, (of_y, of_x) in {0: (0, 2), 2: (1, 3)}.items():
        variables = np.arange(k)
        gradient[variables, kind, variables] = (1 + x * values[of_y]) / divisor
        gradient[parameters.lagged, kind, k + np.arange(lags)] = values[of_x] / divisor
        effect = (beta * (1 + x * values[of_y]) + theta * values[of_x]) / divisor
        by_x = (beta * (values[of_y] + x * slopes[of_y]) + theta * slopes[of_x]) / divisor
        if (rho := parameters.position("rho")) is not None:
            gradient[:, kind, rho] = by_x / divisor
        if horizon == "long-run":
            if (eta := parameters.position("eta")) is not None:
                gradient[:, kind, eta] = by_x / divisor
            if (tau := parameters.position("tau")) is not None:
                gradient[:, kind, tau] = (effect + by_x * x) / divisor
    gradient[:, 1] = gradient[:, 2] - gradient[:, 0]
    return gradient


def simulate(
    parameters: EffectParameters,
    horizons: list[str],
    traces: TraceFunctions,
    *,
    draws: int,
    seed: int | None,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Draw parameters from their asymptotic distribution and return the effects of each draw.

    Parameters
    ----------
    parameters : EffectParameters
    horizons : list of str
        "static", "short-run", "long-run".
    traces : TraceFunctions
    draws, seed
        Number of draws and their seed.

    Returns
    -------
    dict of ndarray
        For each horizon, shape (stable draws, K, 3).
    ndarray
        The stable draws: those whose arguments lie in the admissible interval at every horizon.
    """
    sample = draw_parameters(parameters, draws, seed)
    low, high = traces.interval
    stable = np.ones(draws, dtype=bool)
    for horizon in horizons:
        x, divisor = parameters.argument(sample, horizon)
        stable &= (x > low) & (x < high) & (divisor > 0)
    sample = sample[stable]
    if not len(sample):
        raise OptionError(
            "no draw of the parameters lies in the stable region: the model is at the edge of "
            "stability and its effects have no distribution; see method='delta'"
        )
    beta, theta = parameters.coefficients(sample)
    effects = {}
    for horizon in horizons:
        x, divisor = parameters.argument(sample, horizon)
        effects[horizon] = effect_values(x, divisor, beta, theta, traces.values(x))
    return effects, sample


def effects_frame(
    names: list[str],
    horizon: str | int,
    point: np.ndarray,
    std_errors: np.ndarray,
    intervals: tuple[np.ndarray, np.ndarray],
) -> pd.DataFrame:
    """Return the tidy frame of effects at a horizon; all arrays of shape (K, 3)."""
    statistic = np.divide(point, std_errors, out=np.full_like(point, np.nan), where=std_errors > 0)
    count = len(names)
    return pd.DataFrame(
        {
            "variable": np.repeat(np.array(names, dtype=object), 3),
            "horizon": np.repeat(np.array([horizon], dtype=object), 3 * count),
            "effect": list(KINDS) * count,
            "estimate": point.ravel(),
            "std_error": std_errors.ravel(),
            "statistic": statistic.ravel(),
            "p_value": two_sided_p(statistic).ravel(),
            "conf_low": intervals[0].ravel(),
            "conf_high": intervals[1].ravel(),
        }
    )


def warn_discarded(discarded: int, draws: int) -> None:
    """Warn where many draws were unstable: the intervals then describe a truncated distribution."""
    if discarded > 0.01 * draws:
        warnings.warn(
            f"{discarded} of {draws} draws lie outside the stable region and were discarded; "
            "intervals describe the others. The estimate is close to the edge: see method='delta'",
            StabilityWarning,
            stacklevel=3,
        )


def unit_effects(
    terms: TermWeights, x: float, divisor: float, beta: float, theta: float, units: pd.Index
) -> pd.DataFrame:
    """Return the effects of a change of x for each unit: own, received, sent.

    Parameters
    ----------
    terms : TermWeights
    x, divisor : float
        From `EffectParameters.argument`.
    beta, theta : float
        Parameters of one regressor.
    units : Index
        Ids.

    Returns
    -------
    DataFrame
        ``own``: effect of the unit's x on its own y, ``S_ii``; ``received``: effect on its y of a
        unit increase in x in every other unit, ``sum_j S_ij``; ``sent``: summed effect on the y of
        all others of a unit increase in its own x, ``sum_j S_ji``. The means of ``own`` and of
        ``received`` (or ``sent``) are the direct and the indirect effect.
    """
    n = len(units)
    impulse = sparse.csr_array(beta / divisor * sparse.eye_array(n))
    if terms.weights_x is not None:
        impulse = sparse.csr_array(impulse + theta / divisor * terms.weights_x.sparse)
    if terms.weights_y is None or x == 0:
        rows = np.asarray(impulse.sum(axis=1)).ravel()
        columns = np.asarray(impulse.sum(axis=0)).ravel()
        diagonal = impulse.diagonal()
    else:
        factor = factorize(terms.weights_y.sparse, x)
        rows = factor.solve(np.asarray(impulse @ np.ones(n)))
        columns = impulse.T @ factor.solve(np.ones(n), trans="T")
        diagonal = np.empty(n)
        for start in range(0, n, 500):  # blocks of columns, so that memory stays linear in n
            stop = min(start + 500, n)
            block = factor.solve(impulse[:, start:stop].toarray())
            diagonal[start:stop] = block[np.arange(start, stop), np.arange(stop - start)]
    columns_of_frame = {"own": diagonal, "received": rows - diagonal, "sent": columns - diagonal}
    return pd.DataFrame(columns_of_frame, index=units)
