"""Effects computed from parameters: values, derivatives, draws, effects by unit."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.errors import OptionError, StabilityWarning
from nqp_spatial.regression._effect_inference import Inference
from nqp_spatial.regression._effect_parameters import EffectParameters, draw_parameters
from nqp_spatial.regression._effect_rows import EffectRows, at_columns
from nqp_spatial.regression._mean_responses import MeanResponses
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.likelihood.factorization import Factor, factorize
from nqp_spatial.regression.likelihood.selected_inverse import spill_diagonals
from nqp_spatial.regression.likelihood.sizes import BLOCK

__all__ = ["KINDS", "effect_values"]

KINDS = ("direct", "indirect", "total")


def effect_values(
    rows: EffectRows,
    divisor: np.ndarray,
    beta: np.ndarray,
    theta: np.ndarray,
    responses: np.ndarray,
) -> np.ndarray:
    """Return direct, indirect and total effects.

    Parameters
    ----------
    rows : EffectRows
        R rows of P pieces.
    divisor : ndarray
        From `EffectParameters.argument`, shape () or (draws,).
    beta, theta : ndarray
        Shape (K,) or (draws, K).
    responses : ndarray
        From `MeanResponses.values`, shape (4, P) or (4, P, draws).

    Returns
    -------
    ndarray
        Shape (..., R, 3).
    """
    divisor = np.asarray(divisor)[..., None]
    betas, thetas = beta[..., rows.column], theta[..., rows.column]
    a, b, c, d = (np.moveaxis(part, 0, -1) for part in responses)
    direct = rows.sums(betas * a + thetas * b) / divisor
    total = rows.sums(betas * c + thetas * d) / divisor
    return np.stack([direct, total - direct, total], axis=-1)


def delta_gradient(
    parameters: EffectParameters, horizon: str, responses: MeanResponses
) -> np.ndarray:
    """Return derivatives of effects with respect to parameters, shape (R, 3, parameters)."""
    beta, theta = parameters.coefficients(parameters.estimates)
    x, divisor = (float(part) for part in parameters.argument(parameters.estimates, horizon))
    values, slopes = responses.derivatives(x)
    rows, k = responses.rows, len(parameters.names)
    of_theta = np.full(k, -1)
    of_theta[parameters.lagged] = k + np.arange(len(parameters.lagged))
    betas, thetas = beta[rows.column], theta[rows.column]
    gradient = np.zeros((len(rows.names), 3, len(parameters.estimates)))
    for kind, (first, second) in {0: (0, 1), 2: (2, 3)}.items():
        place = gradient[:, kind]
        np.add.at(place, (rows.row, rows.column), values[first] / divisor)
        has_theta = of_theta[rows.column] >= 0
        np.add.at(
            place,
            (rows.row[has_theta], of_theta[rows.column][has_theta]),
            values[second][has_theta] / divisor,
        )
        effect = rows.sums(betas * values[first] + thetas * values[second]) / divisor
        by_x = rows.sums(betas * slopes[first] + thetas * slopes[second]) / divisor
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
    responses: MeanResponses,
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
    responses : MeanResponses
    draws, seed
        Number of draws and their seed.

    Returns
    -------
    dict of ndarray
        For each horizon, shape (stable draws, R, 3).
    ndarray
        The stable draws: those whose arguments lie in the admissible interval at every horizon.
    """
    sample = draw_parameters(parameters, draws, seed)
    low, high = responses.traces.interval
    stable = np.ones(draws, dtype=bool)
    for horizon in horizons:
        x, divisor = parameters.argument(sample, horizon)
        stable &= (x > low) & (x < high) & (divisor > 0)
    sample = sample[stable]
    if not len(sample):
        raise OptionError(
            "no draw of the parameters lies in the stable region: the model is at the edge of "
            "stability and its effects have no distribution; see method='fieller'"
        )
    beta, theta = parameters.coefficients(sample)
    effects = {}
    for horizon in horizons:
        x, divisor = parameters.argument(sample, horizon)
        effects[horizon] = effect_values(responses.rows, divisor, beta, theta, responses.values(x))
    return effects, sample


def effects_frame(
    rows: EffectRows, horizon: str | int, point: np.ndarray, inference: Inference
) -> pd.DataFrame:
    """Return the tidy frame of effects at a horizon; the point of shape (R, 3)."""
    errors = inference.std_errors
    statistic = np.divide(point, errors, out=np.full_like(point, np.nan), where=errors > 0)
    count = len(rows.names)
    words = {
        "variable": np.repeat(np.array(rows.names, dtype=object), 3),
        "horizon": np.repeat(np.array([horizon], dtype=object), 3 * count),
        "effect": list(KINDS) * count,
    }
    stated = at_columns(rows.at)
    moderators = {name: stated[name].repeat(3).to_numpy() for name in stated.columns}
    numbers = {
        "estimate": point, "std_error": errors, "statistic": statistic,
        "p_value": inference.p_values, "conf_low": inference.low, "conf_high": inference.high,
    }  # fmt: skip
    values = {name: values.ravel() for name, values in numbers.items()}
    return pd.DataFrame({**words, **moderators, **values})


def warn_discarded(discarded: int, draws: int) -> None:
    """Warn where many draws were unstable: the intervals then describe a truncated distribution."""
    if discarded > 0.01 * draws:
        warnings.warn(
            f"{discarded} of {draws} draws lie outside the stable region and were discarded; "
            "intervals describe the others. The estimate is close to the edge: see "
            "method='fieller'",
            StabilityWarning,
            stacklevel=3,
        )


def unit_effects(
    terms: TermWeights,
    x: float,
    divisor: float,
    own: np.ndarray | float,
    lagged: np.ndarray | float,
    units: pd.Index,
) -> pd.DataFrame:
    """Return the effects of a change of x for each unit: own, received, sent.

    Parameters
    ----------
    terms : TermWeights
    x, divisor : float
        From `EffectParameters.argument`.
    own, lagged : ndarray or float
        f and g, derivatives of ``X beta`` and of ``X theta`` of each unit, shape (n,) or one for
        all.
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
    f, g = (np.broadcast_to(np.asarray(part, dtype=float) / divisor, n) for part in (own, lagged))
    impulse = sparse.csr_array(sparse.diags_array(f))
    if terms.weights_x is not None:
        impulse = sparse.csr_array(impulse + terms.weights_x.sparse @ sparse.diags_array(g))
    if terms.weights_y is None or x == 0:
        rows = np.asarray(impulse.sum(axis=1)).ravel()
        columns = np.asarray(impulse.sum(axis=0)).ravel()
        diagonal = impulse.diagonal()
    else:
        factor = factorize(terms.weights_y.sparse, x)
        rows = factor.solve(np.asarray(impulse @ np.ones(n)))
        columns = impulse.T @ factor.solve(np.ones(n), trans="T")
        diagonal = _own_effects(terms, x, f, g, impulse, factor)
    columns_of_frame = {"own": diagonal, "received": rows - diagonal, "sent": columns - diagonal}
    return pd.DataFrame(columns_of_frame, index=units)


def _own_effects(
    terms: TermWeights,
    x: float,
    f: np.ndarray,
    g: np.ndarray,
    impulse: sparse.csr_array,
    factor: Factor,
) -> np.ndarray:
    """Return the diagonal of ``(I - x W)^-1 (D_f + V D_g)``.

    With V = W it is ``f + (x f + g) diag(G)``, and G needs no n solves.
    """
    assert terms.weights_y is not None
    matrix, n = terms.weights_y.sparse, len(f)
    if n > BLOCK and (terms.weights_x is terms.weights_y or not g.any()):
        spill = spill_diagonals(matrix, x)
        if spill is not None:
            return np.asarray(f + (x * f + g) * spill)
    diagonal = np.empty(n)
    for start in range(0, n, BLOCK):  # blocks of columns, so that memory stays linear in n
        stop = min(start + BLOCK, n)
        block = factor.solve(impulse[:, start:stop].toarray())
        diagonal[start:stop] = block[np.arange(start, stop), np.arange(stop - start)]
    return diagonal
