"""The likelihood of rho and lam, everything else concentrated out.

With ``B = I - lam W_u`` and e0, e1 the residuals of y and W y on the regressors,
``S(rho, lam) = min |B (e0 - rho e1 - z d)|^2`` over d, and

    l = m [L_y(rho) + L_u(lam) - k ln(1 - rho) - k ln(1 - lam)] - (N/2) ln S + constant,

N observations, m copies of the log-determinants, k = 1 where periods were transformed away
(`Counts`). S comes from cross products that are made once: one evaluation costs one evaluation of
each L and a solve of K by K, whatever the size of the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import optimize

from nqp_spatial.errors import BoundaryError, ConvergenceError
from nqp_spatial.regression.logdet import LogDet
from nqp_spatial.regression.transform import Counts, Projection

__all__ = ["NAMES", "ConcentratedLikelihood", "Maximum", "Squares", "maximize"]

NAMES = ("rho", "lam")

_WINDOW = 6.5  # half-width, in standard errors, of the range prepared for draws
_EDGE = 1e-6  # relative closeness to the end of the interval that counts as its edge


class Squares:
    """``S(rho, lam) = v'K(lam) v`` with ``v = (1, -rho)``, and its derivatives.

    K is what regressing the filtered e0 and e1 on the filtered regressors leaves. Regressors are
    orthonormal before they are filtered, so that no digits are lost.

    Parameters
    ----------
    projection : Projection
    """

    def __init__(self, projection: Projection) -> None:
        p = projection
        self.plain = np.array(
            [[p.left_y @ p.left_y, p.left_y @ p.left_lag], [0.0, p.left_lag @ p.left_lag]]
        )
        self.plain[1, 0] = self.plain[0, 1]
        self.filtered = p.by_u is not None
        if p.by_u is None:
            return
        z_u, y_u, lag_y_u = p.by_u
        own = np.column_stack([p.left_y, p.left_lag, p.z @ p.unscale])
        lagged = np.column_stack(
            [y_u - z_u @ p.coef_y, lag_y_u - z_u @ p.coef_lag, z_u @ p.unscale]
        )
        cross = own.T @ lagged
        self._gram = (own.T @ own, cross + cross.T, lagged.T @ lagged)

    def parts(self, lam: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return K, K', K'', each (2, 2), and coefficients of q for e0 and e1, (K, 2)."""
        if not self.filtered:
            zero = np.zeros((2, 2))
            return self.plain, zero, zero, np.zeros((0, 2))
        a0, a1, a2 = self._gram
        full, slope = a0 - lam * a1 + lam**2 * a2, -a1 + 2 * lam * a2
        coefs = np.linalg.solve(full[2:, 2:], full[2:, :2])
        out = np.vstack([np.eye(2), -coefs])  # e less its regression on the filtered q
        turned = slope @ out
        moved = turned[2:]
        return (
            out.T @ full @ out,
            out.T @ turned,
            2 * out.T @ a2 @ out - 2 * moved.T @ np.linalg.solve(full[2:, 2:], moved),
            coefs,
        )

    def log_volume(self, lam: float) -> float:
        """Return ``ln|z'B'B z| - ln|z'z|``."""
        a0, a1, a2 = (part[2:, 2:] for part in self._gram)
        return float(np.linalg.slogdet(a0 - lam * a1 + lam**2 * a2)[1])

    def derivatives(self, at: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return S, its gradient (2,) and its Hessian (2, 2) at (rho, lam)."""
        k, k1, k2, _ = self.parts(float(at[1]))
        v, dv = np.array([1.0, -at[0]]), np.array([0.0, -1.0])
        gradient = np.array([2 * v @ k @ dv, v @ k1 @ v])
        mixed = 2 * dv @ k1 @ v
        return float(v @ k @ v), gradient, np.array([[2 * k[1, 1], mixed], [mixed, v @ k2 @ v]])


@dataclass(frozen=True, eq=False)
class ConcentratedLikelihood:
    """The log-likelihood as a function of rho and lam alone.

    Attributes
    ----------
    counts : Counts
    squares : Squares
    logdets : tuple
        Of W_y and of W_u; None for a parameter that the model does not have.
    """

    counts: Counts
    squares: Squares
    logdets: tuple[LogDet | None, LogDet | None]

    @property
    def active(self) -> list[int]:
        """Which of (rho, lam) the model has."""
        return [at for at, logdet in enumerate(self.logdets) if logdet is not None]

    def value(self, at: np.ndarray) -> float:
        """Return the maximised log-likelihood at (rho, lam)."""
        n, m, k = self.counts.observations, self.counts.copies, self.counts.less_one
        s = self.squares.derivatives(at)[0]
        total = -n / 2 * (np.log(2 * np.pi * s / n) + 1)
        for which in self.active:
            x, logdet = float(at[which]), self.logdets[which]
            share = np.log1p(-x) if k else 0.0
            if logdet is not None and x != 0:
                total += m * (float(logdet.value(x)) - share)
        return float(total)

    def derivatives(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and Hessian of `value` in the parameters that the model has."""
        n, m, k = self.counts.observations, self.counts.copies, self.counts.less_one
        s, s1, s2 = self.squares.derivatives(at)
        gradient = -n / 2 * s1 / s
        hessian = -n / 2 * (s2 / s - np.outer(s1, s1) / s**2)
        for which in self.active:
            x, logdet = float(at[which]), self.logdets[which]
            assert logdet is not None
            gradient[which] += m * (float(logdet.derivative(x)) + k / (1 - x))
            hessian[which, which] += m * (float(logdet.second_derivative(x)) + k / (1 - x) ** 2)
        keep = self.active
        return gradient[keep], hessian[np.ix_(keep, keep)]


@dataclass(frozen=True, eq=False)
class Maximum:
    """Where the likelihood is largest.

    Attributes
    ----------
    at : ndarray
        (rho, lam), zero for what the model does not have.
    std_errors : ndarray
        From the curvature of the concentrated likelihood, one for each parameter that it has.
    iterations : int
        Newton steps after the search.
    slope : float
        Largest derivative left at the solution, times the standard error.
    """

    at: np.ndarray
    std_errors: np.ndarray
    iterations: int
    slope: float


def maximize(
    likelihood: ConcentratedLikelihood, rough: tuple[LogDet | None, LogDet | None] = (None, None)
) -> Maximum:
    """Find rho and lam: a search for the neighbourhood, then Newton steps to rounding.

    Parameters
    ----------
    likelihood : ConcentratedLikelihood
        What to maximise.
    rough : tuple of LogDet or None
        Cheaper log-determinants, good enough for the search.

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
    active = likelihood.active
    if not active:
        return Maximum(np.zeros(2), np.empty(0), 0, 0.0)
    radii = np.array([1 / fine.interval[1] for fine in likelihood.logdets if fine is not None])
    cheap = [a if a is not None else b for a, b in zip(rough, likelihood.logdets, strict=True)]
    first = ConcentratedLikelihood(likelihood.counts, likelihood.squares, (cheap[0], cheap[1]))
    best: Maximum | None = None
    failed: ConvergenceError | None = None
    top = -np.inf
    starts = _search(first, radii)
    for start in starts:
        try:
            found = _climb(likelihood, first, start, radii)
        except ConvergenceError as error:
            failed = error
            continue
        height = likelihood.value(found.at) if len(starts) > 1 else 0.0
        if height > top:
            best, top = found, height
    if best is None:
        assert failed is not None
        raise failed
    return best


def _climb(
    likelihood: ConcentratedLikelihood,
    first: ConcentratedLikelihood,
    at: np.ndarray,
    radii: np.ndarray,
) -> Maximum:
    """Prepare the log-determinants around a start and go up from it."""
    active = likelihood.active
    for _ in range(3):
        # The search's own curvature gives the window.
        width = _widths(first.derivatives(at)[1])
        width = np.where(np.isfinite(width), width, 0.1 / radii)
        for which, reach in zip(active, width, strict=True):
            logdet = likelihood.logdets[which]
            assert logdet is not None
            logdet.focus(float(at[which]), _WINDOW * float(reach))
        at, steps = _newton(likelihood, at, radii)
        gradient, hessian = likelihood.derivatives(at)
        errors = _widths(hessian)
        if np.isfinite(errors).all():
            return Maximum(at, errors, steps, float(np.abs(gradient * errors).max()))
    words = ", ".join(f"{NAMES[which]} = {at[which]:.6g}" for which in active)
    raise ConvergenceError(
        f"the likelihood is not concave at {words}; the model may be unidentified: "
        "look for regressors that nearly repeat the outcome's spatial lag"
    )


def _widths(hessian: np.ndarray) -> np.ndarray:
    """Return standard errors from a Hessian; infinite where it is not that of a maximum."""
    if np.linalg.eigvalsh(hessian).max() >= 0:
        return np.full(len(hessian), np.inf)
    return np.asarray(np.sqrt(np.diag(np.linalg.inv(-hessian))))


def _search(likelihood: ConcentratedLikelihood, radii: np.ndarray) -> list[np.ndarray]:
    """Return points near maxima, searching in u = artanh(r x), where edges are far away."""
    limit = float(np.arctanh(1 - _EDGE))
    active = likelihood.active

    def point(u: np.ndarray) -> np.ndarray:
        at = np.zeros(2)
        at[active] = np.tanh(u) / radii
        return at

    if len(active) == 1:
        found = optimize.minimize_scalar(
            lambda u: -likelihood.value(point(np.array([u]))),
            bounds=(-limit, limit),
            method="bounded",
            options={"xatol": 0.01},
        )
        _refuse_edges(np.array([found.x]), limit, active, radii)
        return [point(np.array([found.x]))]
    # Two parameters that can stand in for each other: more than one hill, so a grid finds them.
    ticks = np.linspace(-1.6, 1.6, 9)
    heights = {
        pair: likelihood.value(point(np.array([ticks[pair[0]], ticks[pair[1]]])))
        for pair in product(range(9), repeat=2)
    }
    peaks = [
        pair
        for pair, height in heights.items()
        if all(
            heights.get((pair[0] + i, pair[1] + j), -np.inf) <= height
            for i, j in product((-1, 0, 1), repeat=2)
        )
    ]
    peaks = sorted(peaks, key=lambda pair: -heights[pair])[:3]
    starts = []
    for pair in peaks:
        climbed = optimize.minimize(
            lambda u: -likelihood.value(point(u)),
            np.array([ticks[pair[0]], ticks[pair[1]]]),
            method="Nelder-Mead",
            options={"xatol": 0.02, "fatol": 0.05},
        )
        if np.abs(climbed.x).max() < limit - 0.02:
            starts.append(point(climbed.x))
    if not starts:
        _refuse_edges(np.array([limit, limit]), limit, active, radii)
    return starts


def _refuse_edges(u: np.ndarray, limit: float, active: list[int], radii: np.ndarray) -> None:
    for which, value, radius in zip(active, u, radii, strict=True):
        if abs(value) > limit - 0.02:
            side = "upper" if value > 0 else "lower"
            raise BoundaryError(
                f"the likelihood of {NAMES[which]} rises up to the {side} edge of its interval "
                f"({-1 / radius:.4g}, {1 / radius:.4g}): spatial dependence of this form explains "
                "the data without limit, or hardly anything is left to tell it by. Check for units "
                "that repeat each other, a common trend that effects='two-way' would take out, and "
                "weights so dense that period effects take nearly all of Wy"
            )


def _newton(
    likelihood: ConcentratedLikelihood, start: np.ndarray, radii: np.ndarray
) -> tuple[np.ndarray, int]:
    """Newton's method in u, with bounded steps."""
    active = likelihood.active
    u = np.arctanh(radii * start[active])
    at = start.copy()
    for step in range(1, 51):
        x = np.tanh(u)
        at[active] = x / radii
        per_u = (1 - x**2) / radii  # d rho / d u
        gradient, hessian = likelihood.derivatives(at)
        bend = hessian * np.outer(per_u, per_u) - np.diag(2 * gradient * x * per_u)
        values, vectors = np.linalg.eigh(bend)
        if values.max() >= 0:
            if len(active) == 1:
                return at, step
            values = -np.abs(values)  # away from a saddle, uphill
        move = -vectors @ ((vectors.T @ (gradient * per_u)) / values)
        move *= min(1.0, 0.5 / float(np.abs(move).max())) if move.any() else 1.0
        u = u + move
        size = float(np.abs(move).max())
        if size < 1e-13 * max(1.0, float(np.abs(u).max())):
            at[active] = np.tanh(u) / radii
            return at, step
    if size < 1e-8:  # rounding keeps the last digits moving
        at[active] = np.tanh(u) / radii
        return at, step
    raise ConvergenceError(f"Newton steps for rho and lam did not settle near {at[active]}")
