"""The likelihood of rho, everything else concentrated out.

With e0 and e1 the residuals of y and W y on the regressors, ``S(rho) = |e0 - rho e1|^2`` and

    l(rho) = m [L(rho) - k ln(1 - rho)] - (N/2) ln S(rho) + constant,

N observations, m copies of the log-determinant, k = 1 where periods were transformed away
(`Counts`). One evaluation costs one evaluation of L, whatever the size of the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from nqp_spatial.errors import BoundaryError, ConvergenceError
from nqp_spatial.regression.logdet import LogDet
from nqp_spatial.regression.transform import Counts, Projection

__all__ = ["ConcentratedLikelihood", "Maximum", "maximize"]

_WINDOW = 6.5  # half-width, in standard errors, of the range prepared for draws
_EDGE = 1e-6  # relative closeness to the end of the interval that counts as its edge


@dataclass(frozen=True)
class ConcentratedLikelihood:
    """The log-likelihood as a function of rho alone.

    Attributes
    ----------
    counts : Counts
    logdet : LogDet
    a, b, c : float
        ``S(rho) = a - 2 b rho + c rho^2``.
    """

    counts: Counts
    logdet: LogDet
    a: float
    b: float
    c: float

    @classmethod
    def of(cls, projection: Projection, counts: Counts, logdet: LogDet) -> ConcentratedLikelihood:
        """Build it from the projected data."""
        e0, e1 = projection.left_y, projection.left_lag
        return cls(counts, logdet, float(e0 @ e0), float(e0 @ e1), float(e1 @ e1))

    def sum_of_squares(self, rho: float) -> float:
        """Return S(rho)."""
        return self.a - 2 * self.b * rho + self.c * rho**2

    def value(self, rho: float) -> float:
        """Return the maximised log-likelihood at rho."""
        n, m, k = self.counts.observations, self.counts.copies, self.counts.less_one
        s = self.sum_of_squares(rho)
        share = k * np.log1p(-rho) if k else 0.0
        logdet = float(self.logdet.value(rho)) if m and rho != 0 else 0.0
        return float(m * (logdet - share) - n / 2 * (np.log(2 * np.pi * s / n) + 1))

    def slope(self, rho: float) -> float:
        """Return the derivative of `value`."""
        n, m, k = self.counts.observations, self.counts.copies, self.counts.less_one
        s, s1 = self.sum_of_squares(rho), 2 * (self.c * rho - self.b)
        share = k / (1 - rho) if k else 0.0
        return float(m * (self.logdet.derivative(rho) + share) - n / 2 * s1 / s)

    def bend(self, rho: float) -> float:
        """Return the second derivative of `value`."""
        n, m, k = self.counts.observations, self.counts.copies, self.counts.less_one
        s, s1 = self.sum_of_squares(rho), 2 * (self.c * rho - self.b)
        share = k / (1 - rho) ** 2 if k else 0.0
        curved = 2 * self.c / s - (s1 / s) ** 2
        return float(m * (self.logdet.second_derivative(rho) + share) - n / 2 * curved)


@dataclass(frozen=True)
class Maximum:
    """Where the likelihood is largest.

    Attributes
    ----------
    rho : float
    std_error : float
        From the curvature of the concentrated likelihood.
    iterations : int
        Newton steps after the search.
    slope : float
        Derivative left at the solution, times the standard error.
    """

    rho: float
    std_error: float
    iterations: int
    slope: float


def maximize(likelihood: ConcentratedLikelihood, rough: LogDet | None = None) -> Maximum:
    """Find rho: a bounded search for the neighbourhood, then Newton steps to rounding.

    Parameters
    ----------
    likelihood : ConcentratedLikelihood
        What to maximise.
    rough : LogDet, optional
        A cheaper log-determinant, good enough for the search.

    Returns
    -------
    Maximum

    Raises
    ------
    BoundaryError
        If the likelihood rises up to the edge of the admissible interval.
    ConvergenceError
        If Newton steps do not settle.
    """
    radius = likelihood.logdet.interval[1] ** -1
    first = likelihood if rough is None else _with(likelihood, rough)
    rho, width = _search(first, radius), np.inf
    for _ in range(3):
        # The search's own curvature gives the window; without it, that of the residuals alone,
        # which is the smaller part and so errs on the wide side.
        bend = first.bend(rho) if rough is not None else _bend_of_squares(likelihood, rho)
        guess = 1 / np.sqrt(max(-bend, 1e-300))
        likelihood.logdet.focus(rho, _WINDOW * guess)
        rho, steps = _newton(likelihood, rho, radius)
        width = 1 / np.sqrt(-likelihood.bend(rho)) if likelihood.bend(rho) < 0 else np.inf
        if np.isfinite(width):
            break
    if not np.isfinite(width):
        raise ConvergenceError(
            f"the likelihood is not concave at rho = {rho:.6g}; the model may be unidentified: "
            "look for regressors that nearly repeat the outcome's spatial lag"
        )
    return Maximum(rho, width, steps, likelihood.slope(rho) * width)


def _with(likelihood: ConcentratedLikelihood, logdet: LogDet) -> ConcentratedLikelihood:
    return ConcentratedLikelihood(
        likelihood.counts, logdet, likelihood.a, likelihood.b, likelihood.c
    )


def _bend_of_squares(likelihood: ConcentratedLikelihood, rho: float) -> float:
    s, s1 = likelihood.sum_of_squares(rho), 2 * (likelihood.c * rho - likelihood.b)
    return float(-likelihood.counts.observations / 2 * (2 * likelihood.c / s - (s1 / s) ** 2))


def _search(likelihood: ConcentratedLikelihood, radius: float) -> float:
    """Return a rho near the maximum, searching in u = artanh(r rho), where edges are far away."""
    limit = np.arctanh(1 - _EDGE)
    found = optimize.minimize_scalar(
        lambda u: -likelihood.value(float(np.tanh(u)) / radius),
        bounds=(-limit, limit),
        method="bounded",
        options={"xatol": 0.01},
    )
    if abs(found.x) > limit - 0.02:
        side = "upper" if found.x > 0 else "lower"
        raise BoundaryError(
            f"the likelihood of rho rises up to the {side} edge of its interval "
            f"({-1 / radius:.4g}, {1 / radius:.4g}): spatial dependence of this form explains "
            "the data without limit, or hardly anything is left to tell it by. Check for units "
            "that repeat each other, a common trend that effects='two-way' would take out, and "
            "weights so dense that period effects take nearly all of Wy"
        )
    return float(np.tanh(found.x)) / radius


def _newton(likelihood: ConcentratedLikelihood, rho: float, radius: float) -> tuple[float, int]:
    """Newton's method in u, with bounded steps."""
    u = float(np.arctanh(radius * rho))
    for step in range(1, 51):
        x = np.tanh(u)
        rho = float(x) / radius
        per_u = (1 - x**2) / radius  # d rho / d u
        slope = likelihood.slope(rho)
        bend = likelihood.bend(rho) * per_u**2 - 2 * slope * x * per_u
        if bend >= 0:
            return rho, step
        move = -slope * per_u / bend
        move = float(np.clip(move, -0.5, 0.5))
        u += move
        if abs(move) < 1e-13 * max(1.0, abs(u)):
            return float(np.tanh(u)) / radius, step
    if abs(move) < 1e-8:  # rounding keeps the last digits moving
        return float(np.tanh(u)) / radius, step
    raise ConvergenceError(f"Newton steps for rho did not settle near {rho:.6g}")
