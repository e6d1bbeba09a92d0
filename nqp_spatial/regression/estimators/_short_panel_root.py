"""The root of the adjusted scores at which they fall, nearest to the bias-corrected estimate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from scipy import optimize

from nqp_spatial.regression.estimators._short_panel_score import AdjustedScore

__all__ = ["Root", "find_root"]

_STEPS, _HALVINGS = 60, 8
_SMALL = 1e-10  # of the last step, in standard errors
_MISS = 2.0  # standard deviations that the scores may miss zero by
_GRID = (0.0, 0.2, 0.4, 0.6, 0.75, 0.85, 0.95)  # values of the persistent parameter


@dataclass(frozen=True, eq=False)
class Root:
    """A root of the scores.

    Attributes
    ----------
    point : ndarray
        The parameters among (tau, eta, rho, lam) that the model has.
    iterations : int
        Newton steps from the start that led to it.
    slope : float
        Length of the last Newton step, in standard errors; of the scores, where they have no root.
    starts : int
        Number of starting points that were tried.
    lift : ndarray or None
        Where the scores have no root: what is added to their derivatives, see `_nearest_point`.
    """

    point: np.ndarray
    iterations: int
    slope: float
    starts: int = 1
    lift: np.ndarray | None = None


def find_root(score: AdjustedScore, start: np.ndarray) -> Root | None:
    """Return the root that identifies the parameters, nearest to the start.

    The scores have more than one root: beyond the one sought is another (at tau above one, where T
    is small) at which they rise in the direction of persistence. At the root sought their
    derivatives are negative definite in the sense that all eigenvalues have negative real parts, as
    those of a log-likelihood at its maximum. That, and not stability, tells the roots apart: where
    the outcome is persistent, the estimate of a stable process may be unstable. Newton's method
    from the start finds the root in nearly all samples; otherwise the search begins anew from a
    grid of values of the persistent parameter.

    Parameters
    ----------
    score : AdjustedScore
    start : ndarray

    Returns
    -------
    Root or None
        Where no start leads to such a root, the point nearest to one; None if that is not near.
    """
    scale = _standard_errors(score, start)
    roots: list[Root] = []
    for count, point in enumerate(_starts(score, start), start=1):
        root = _newton(score, point, scale)
        if root is not None and _falls(score, root.point):
            roots.append(replace(root, starts=count))
            if count == 1:
                break
    if not roots:
        return _nearest_point(score, start)
    distances = [float(np.linalg.norm((root.point - start) / scale)) for root in roots]
    return roots[int(np.argmin(distances))]


def _nearest_point(score: AdjustedScore, start: np.ndarray) -> Root | None:
    """Return the point where the scores are nearest to zero, if they miss it by chance only.

    In a few samples of few periods the two roots have merged and gone: along the direction of
    persistence the score has a minimum just above zero. That minimum is the estimate (Dhaene and
    Jochmans 2016). The derivative of the score vanishes there; with curvature k and the score's
    standard deviation s the score leaves zero by s at a distance of ``(2 s / k)^(1/2)``, so that
    its slope over that distance, ``(s k / 2)^(1/2)``, replaces the derivative. In units of rough
    standard errors s is one.
    """
    root = np.linalg.cholesky(score.information(start))  # of the information: L L'
    unit = score.unit(start)
    bounds = 0.98 * np.minimum(_bounds(score), 2.0 * _ends(score)[score.positions])

    def scaled(x: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.linalg.solve_triangular(root, score.at(x)[0], lower=True)) / unit

    def slopes(x: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.linalg.solve_triangular(root, score.at(x)[1], lower=True)) / unit

    search = optimize.least_squares(
        scaled, np.clip(start, -0.9 * bounds, 0.9 * bounds), slopes, (-bounds, bounds)
    )
    point, miss = search.x, float(np.sqrt(2 * search.cost))
    if not miss < _MISS or (np.abs(point) > 0.99 * bounds).any():
        return None
    back = np.linalg.inv(root).T  # from standard errors to parameters
    left, sizes, right = np.linalg.svd(slopes(point) @ back)
    step = 0.05 * back @ right[-1]
    curvature = left[:, -1] @ (slopes(point + step) - slopes(point - step)) @ back @ right[-1] / 0.1
    slope = max(float(np.sqrt(abs(curvature) / 2)) - sizes[-1], 0.0)
    lift = slope * np.outer(root @ left[:, -1], root @ right[-1])
    return Root(point, int(search.nfev), miss, len(_GRID), lift)


def _starts(score: AdjustedScore, start: np.ndarray) -> Iterator[np.ndarray]:
    yield start
    for value in _GRID:
        point = start.copy()
        point[0] = value
        yield point
        if len(point) > 1:
            point = np.zeros_like(start)
            point[0] = value
            yield point


def _standard_errors(score: AdjustedScore, start: np.ndarray) -> np.ndarray:
    """Return rough standard errors: those of independent least squares."""
    r = score.products.at(score.full(start)[3])[0]
    sizes = np.sqrt(r[0, 0] / score.observations / np.diag(r)[1:])
    errors = _ends(score)[score.positions] / np.sqrt(score.observations)
    errors[: len(sizes)] = sizes
    return errors


def _bounds(score: AdjustedScore) -> np.ndarray:
    """Return the largest moduli of (tau, eta, rho, lam) that a search may reach."""
    return (_ends(score) * np.array([3.0, 3.0, 1.0, 1.0]))[score.positions]


def _ends(score: AdjustedScore) -> np.ndarray:
    """Return one for tau, and the ends of the intervals of (rho, rho, lam) for (eta, rho, lam)."""
    ends = np.ones(4)
    for positions, spectrum in ((slice(1, 3), score.spectrum), (3, score.errors)):
        if spectrum is not None:
            largest = float(np.abs(spectrum.points).max())
            ends[positions] = 1 / largest if largest > 0 else np.inf
    return ends


def _inside(score: AdjustedScore, point: np.ndarray, bounds: np.ndarray) -> bool:
    return bool((np.abs(point) < 0.9999 * bounds).all() and _radius(score, point) < 2)


def _newton(score: AdjustedScore, start: np.ndarray, scale: np.ndarray) -> Root | None:
    """Newton's method, with steps that shorten the next simplified step."""
    bounds = _bounds(score)
    point = np.clip(start, -0.95 * bounds, 0.95 * bounds)
    value, slope = score.at(point)
    for iteration in range(1, _STEPS + 1):
        try:
            step = -np.linalg.solve(slope, value)
        except np.linalg.LinAlgError:
            return None
        length = float(np.linalg.norm(step / scale))
        if not np.isfinite(length):
            return None
        share = min(1.0, 20 / length) if length else 1.0
        for _ in range(_HALVINGS):
            trial = point + share * step
            if _inside(score, trial, bounds):
                trial_value, trial_slope = score.at(trial)
                remaining = float(np.linalg.norm(np.linalg.solve(slope, trial_value) / scale))
                if remaining <= max((1 - share / 4) * length, _SMALL):
                    break
            share /= 2
        else:
            return None
        point, value, slope = trial, trial_value, trial_slope
        if (share == 1.0 and length < 1e-5) or remaining < _SMALL:
            return Root(point, iteration, remaining)
    return None


def _radius(score: AdjustedScore, point: np.ndarray) -> float:
    """Return the largest modulus of an eigenvalue of A."""
    tau, eta, rho, _ = score.full(point)
    w = score.spectrum.roots
    return float(np.abs((tau + eta * w) / (1 - rho * w)).max())


def _falls(score: AdjustedScore, point: np.ndarray) -> bool:
    """Whether the derivatives of the scores have eigenvalues with negative real parts only."""
    return bool((np.linalg.eigvals(score.at(point)[1]).real < 0).all())
