"""Static models with period dummies and any W: the score is corrected, not the estimate.

With dummies the mean of the score of (rho, lam) is ``-b``, ``b = m (p'B G_k 1, p'W_u 1) / p'p``,
``p = (I - lam W_u) 1`` (`score_bias_of_periods`), exactly for every n. The estimate is the root of
the score plus b, with sigma2 divided by m (n - 1). With lam alone it maximises the likelihood less
``(m / 2) ln p'p``; where rows of W add to one it is that of the transformed data (Lee and Yu 2010).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.covariance import information as info
from nqp_spatial.regression.likelihood.concentrated import ConcentratedLikelihood
from nqp_spatial.regression.likelihood.several_lags import LagMatrices

__all__ = ["adjusted_estimate"]

_STEP = 1e-5
_ROUNDS = 60


def adjusted_estimate(
    estimate: info.Estimate, terms: TermWeights, likelihood: ConcentratedLikelihood
) -> tuple[info.Estimate, np.ndarray] | None:
    """Return the root of the adjusted score, and the derivative of its adjustment.

    Parameters
    ----------
    estimate : Estimate
        Where the likelihood is maximal.
    terms : TermWeights
        One W in each term.
    likelihood : ConcentratedLikelihood

    Returns
    -------
    tuple of Estimate and ndarray, or None
        The derivative of b by the active parameters, shape (active, active). None if Newton steps
        reach no root inside the admissible intervals.
    """
    counts = likelihood.counts
    size = int(counts.observations - counts.n_logdets)
    counts = replace(counts, observations=size, corrects_score=True)
    adjusted = replace(likelihood, counts=counts)
    active = likelihood.active
    outcome = terms.matrices_y if active[0] == 0 else ()
    k = len(estimate.coefs)

    def bias(x: np.ndarray) -> np.ndarray:
        at = _point(x, active)
        moved = replace(estimate, rho=at[:1], lam=float(at[1]))
        score = info.score_bias_of_periods(moved, outcome, terms.matrix_u)
        return np.asarray(score[k : k + 2][active])

    # In shares of the intervals, so that nothing depends on the size of the weights.
    scale = _interval_ends(likelihood, active)

    def bias_slopes(x: np.ndarray) -> np.ndarray:
        steps = _STEP * np.diag(scale)
        slopes = [(bias(x + s) - bias(x - s)) / (2 * s.max()) for s in steps]
        return np.column_stack(slopes)

    x = np.array([*estimate.rho, estimate.lam])[active]
    score = adjusted.derivatives(_point(x, active))[0] + bias(x)
    for _ in range(_ROUNDS):
        hessian = adjusted.derivatives(_point(x, active))[1] + bias_slopes(x)
        hessian, slope = hessian * np.outer(scale, scale), score * scale
        values, axes = np.linalg.eigh((hessian + hessian.T) / 2)
        if values.max() >= 0:  # uphill along the axes, scaled by the sizes of the curvatures
            move = scale * (axes @ (axes.T @ slope / np.abs(values)))
        else:
            move = -scale * np.linalg.solve(hessian, slope)
        share = _admissible(x, move, likelihood, active)
        x = x + share * move
        score = adjusted.derivatives(_point(x, active))[0] + bias(x)
        if share == 1.0 and np.abs(move / scale).max() < 1e-11:
            break
    else:
        if not np.abs(move / scale).max() < 1e-7:
            return None
    slopes = bias_slopes(x)
    hessian = adjusted.derivatives(_point(x, active))[1] + slopes
    if np.linalg.eigvalsh((hessian + hessian.T) / 2).max() >= 0:
        return None
    root = info.estimate_at(_point(x, active), estimate.projection, adjusted)
    return root, (slopes + slopes.T) / 2


def _point(x: np.ndarray, active: list[int]) -> np.ndarray:
    point = np.array([0.0, 0.0, 1.0])
    point[active] = x
    return point


def _interval_ends(likelihood: ConcentratedLikelihood, active: list[int]) -> np.ndarray:
    """Return the upper ends of the intervals of the active parameters."""
    ends = []
    for which in active:
        logdet = likelihood.logdets[which]
        assert logdet is not None and not isinstance(logdet, LagMatrices)
        ends.append(logdet.interval[1])
    return np.array(ends)


def _admissible(
    x: np.ndarray, move: np.ndarray, likelihood: ConcentratedLikelihood, active: list[int]
) -> float:
    """Return the share of a step, at most half of the way to the end of an interval."""
    share = 1.0
    for value, step, which in zip(x, move, active, strict=True):
        logdet = likelihood.logdets[which]
        assert logdet is not None and not isinstance(logdet, LagMatrices)
        room = (logdet.interval[1] - value) if step > 0 else (value - logdet.interval[0])
        if abs(step) > 0.5 * room:
            share = min(share, 0.5 * room / abs(step))
    return share
