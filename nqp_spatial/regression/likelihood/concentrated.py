"""The likelihood of rho, lam and phi, everything else concentrated out.

With ``B = I - lam W_u`` and e0, e1 the residuals of y and W y on the regressors,
``S(rho, lam, phi) = min |Q B (e0 - rho e1 - z d)|^2`` over d, and

    l = m [L_y(rho) + L_u(lam) - k ln(1 - rho) - k ln(1 - lam)] + n ln phi - (N/2) ln S + constant,

N observations, m copies of the log-determinants, k = 1 where periods were transformed away
(`Counts`). Q weights the unit means of a series by phi and is the identity without random effects,
where there is no term in phi. S comes from cross products that are made once: one evaluation costs
one evaluation of each L and a solve of K by K, whatever the size of the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import optimize

from nqp_spatial.errors import BoundaryError, ConvergenceError
from nqp_spatial.regression._demeaning import Counts, Projection, unit_means
from nqp_spatial.regression.likelihood.log_determinant import LogDet

__all__ = ["NAMES", "ConcentratedLikelihood", "Maximum", "Squares", "maximize"]

NAMES = ("rho", "lam", "phi")

_WINDOW = 6.5  # half-width, in standard errors, of the range prepared for draws
_EDGE = 1e-6  # relative closeness to the end of the interval that counts as its edge


class Squares:
    """``S(rho, lam, phi) = v'K(lam, phi) v`` with ``v = (1, -rho)``, and its derivatives.

    K is what regressing the filtered e0 and e1 on the filtered regressors leaves. Regressors are
    orthonormal before they are filtered, so that no digits are lost.

    Parameters
    ----------
    projection : Projection
    random : bool
        Whether unit effects are random, so that there is a phi.
    """

    def __init__(self, projection: Projection, *, random: bool = False) -> None:
        p = projection
        self.plain = np.array(
            [[p.left_y @ p.left_y, p.left_y @ p.left_lag], [0.0, p.left_lag @ p.left_lag]]
        )
        self.plain[1, 0] = self.plain[0, 1]
        self.filtered = p.by_u is not None or random
        if not self.filtered:
            return
        own = np.column_stack([p.left_y, p.left_lag, p.z @ p.unscale])
        lagged = np.zeros_like(own)
        if p.by_u is not None:
            z_u, y_u, lag_y_u = p.by_u
            lagged = np.column_stack(
                [y_u - z_u @ p.coef_y, lag_y_u - z_u @ p.coef_lag, z_u @ p.unscale]
            )
        everything = _grams(own, lagged)
        between = np.zeros_like(everything)
        if random:
            between = _grams(unit_means(own, p.periods), unit_means(lagged, p.periods))
        # Powers of lam, within and between units.
        self._within, self._between = everything - between, between

    def parts(
        self, lam: float, phi: float
    ) -> tuple[np.ndarray, list[np.ndarray], list[list[np.ndarray]], np.ndarray]:
        """Return K (2, 2), its derivatives by (lam, phi), and coefficients of q, (K, 2)."""
        if not self.filtered:
            zero = np.zeros((2, 2))
            return self.plain, [zero, zero], [[zero, zero], [zero, zero]], np.zeros((0, 2))
        orders = [np.array([1, -lam, lam**2]), np.array([0, -1, 2 * lam]), np.array([0, 0, 2.0])]
        within = [np.tensordot(order, self._within, axes=1) for order in orders]
        between = [np.tensordot(order, self._between, axes=1) for order in orders]
        full = within[0] + phi**2 * between[0]
        first = [within[1] + phi**2 * between[1], 2 * phi * between[0]]
        second = [
            [within[2] + phi**2 * between[2], 2 * phi * between[1]],
            [2 * phi * between[1], 2 * between[0]],
        ]
        coefs = np.linalg.solve(full[2:, 2:], full[2:, :2])
        out = np.vstack([np.eye(2), -coefs])  # e less its regression on the filtered q
        turned = [slope @ out for slope in first]
        solved = [np.linalg.solve(full[2:, 2:], part[2:]) for part in turned]
        bends = [
            [
                out.T @ second[i][j] @ out
                - turned[i][2:].T @ solved[j]
                - turned[j][2:].T @ solved[i]
                for j in (0, 1)
            ]
            for i in (0, 1)
        ]
        return out.T @ full @ out, [out.T @ part for part in turned], bends, coefs

    def log_volume(self, lam: float) -> float:
        """Return ``ln|z'B'B z| - ln|z'z|``."""
        order = np.array([1, -lam, lam**2])
        gram = np.tensordot(order, self._within + self._between, axes=1)
        return float(np.linalg.slogdet(gram[2:, 2:])[1])

    def derivatives(self, at: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return S, its gradient (3,) and its Hessian (3, 3) at (rho, lam, phi)."""
        k, first, second, _ = self.parts(float(at[1]), float(at[2]))
        v, dv = np.array([1.0, -at[0]]), np.array([0.0, -1.0])
        gradient = np.array([2 * v @ k @ dv, v @ first[0] @ v, v @ first[1] @ v])
        hessian = np.empty((3, 3))
        hessian[0, 0] = 2 * k[1, 1]
        for i in (0, 1):
            hessian[0, i + 1] = hessian[i + 1, 0] = 2 * dv @ first[i] @ v
            for j in (0, 1):
                hessian[i + 1, j + 1] = v @ second[i][j] @ v
        return float(v @ k @ v), gradient, hessian


def _grams(own: np.ndarray, lagged: np.ndarray) -> np.ndarray:
    """Return the cross products of ``own - lam lagged`` by powers of -lam, (3, K + 2, K + 2)."""
    cross = own.T @ lagged
    return np.stack([own.T @ own, cross + cross.T, lagged.T @ lagged])


@dataclass(frozen=True, eq=False)
class ConcentratedLikelihood:
    """The log-likelihood as a function of rho, lam and phi alone.

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
        """Which of (rho, lam, phi) the model has."""
        spatial = [at for at, logdet in enumerate(self.logdets) if logdet is not None]
        return [*spatial, 2] if self.counts.units else spatial

    def value(self, at: np.ndarray) -> float:
        """Return the maximised log-likelihood at (rho, lam, phi)."""
        n, m, k = self.counts.observations, self.counts.copies, self.counts.less_one
        s = self.squares.derivatives(at)[0]
        total = -n / 2 * (np.log(2 * np.pi * s / n) + 1) + self.counts.units * np.log(at[2])
        for x, logdet in zip(at, self.logdets, strict=False):
            share = np.log1p(-x) if k else 0.0
            if logdet is not None and x != 0:
                total += m * (float(logdet.value(float(x))) - share)
        return float(total)

    def derivatives(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and Hessian of `value` in the parameters that the model has."""
        n, m, k = self.counts.observations, self.counts.copies, self.counts.less_one
        s, s1, s2 = self.squares.derivatives(at)
        gradient = -n / 2 * s1 / s
        hessian = -n / 2 * (s2 / s - np.outer(s1, s1) / s**2)
        for which, logdet in enumerate(self.logdets):
            x = float(at[which])
            if logdet is not None:
                gradient[which] += m * (float(logdet.derivative(x)) + k / (1 - x))
                hessian[which, which] += m * (float(logdet.second_derivative(x)) + k / (1 - x) ** 2)
        gradient[2] += self.counts.units / at[2]
        hessian[2, 2] -= self.counts.units / at[2] ** 2
        keep = self.active
        return gradient[keep], hessian[np.ix_(keep, keep)]


class Chart:
    """Coordinates in which the search runs: artanh(r x) for rho and lam, the logarithm for phi.

    Edges are infinitely far away in them.
    """

    def __init__(self, likelihood: ConcentratedLikelihood) -> None:
        self.active = likelihood.active
        self.radii = np.array(
            [1 / logdet.interval[1] for logdet in likelihood.logdets if logdet is not None]
        )
        self.spatial = len(self.radii)

    def point(self, u: np.ndarray) -> np.ndarray:
        """Return (rho, lam, phi)."""
        at = np.array([0.0, 0.0, 1.0])
        at[self.active] = np.concatenate(
            [np.tanh(u[: self.spatial]) / self.radii, np.exp(u[self.spatial :])]
        )
        return at

    def place(self, at: np.ndarray) -> np.ndarray:
        """Return the coordinates of a point."""
        x = at[self.active]
        return np.concatenate(
            [np.arctanh(self.radii * x[: self.spatial]), np.log(x[self.spatial :])]
        )

    def slopes(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return dx/du and d2x/du2 of each parameter."""
        x = at[self.active]
        scaled = self.radii * x[: self.spatial]
        first = (1 - scaled**2) / self.radii
        phi = x[self.spatial :]
        return np.concatenate([first, phi]), np.concatenate([-2 * scaled * first, phi])


@dataclass(frozen=True, eq=False)
class Maximum:
    """Where the likelihood is largest.

    Attributes
    ----------
    at : ndarray
        (rho, lam, phi); 0, 0 and 1 for what the model does not have.
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
    """Find rho, lam and phi: a search for the neighbourhood, then Newton steps to rounding.

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
        return Maximum(np.array([0.0, 0.0, 1.0]), np.empty(0), 0, 0.0)
    cheap = [a if a is not None else b for a, b in zip(rough, likelihood.logdets, strict=True)]
    first = ConcentratedLikelihood(likelihood.counts, likelihood.squares, (cheap[0], cheap[1]))
    chart = Chart(likelihood)
    best: Maximum | None = None
    failed: ConvergenceError | None = None
    top = -np.inf
    starts = _search(first, chart)
    for start in starts:
        try:
            found = _climb(likelihood, first, start, chart)
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
    chart: Chart,
) -> Maximum:
    """Prepare the log-determinants around a start and go up from it."""
    active = likelihood.active
    for _ in range(3):
        # The search's own curvature gives the window.
        width = _widths(first.derivatives(at)[1])[: chart.spatial]
        width = np.where(np.isfinite(width), width, 0.1 / chart.radii)
        for which, reach in zip(active, width, strict=False):
            logdet = likelihood.logdets[which]
            assert logdet is not None
            logdet.focus(float(at[which]), _WINDOW * float(reach))
        at, steps = _newton(likelihood, at, chart)
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


def _search(likelihood: ConcentratedLikelihood, chart: Chart) -> list[np.ndarray]:
    """Return points near maxima."""
    limit = float(np.arctanh(1 - _EDGE))

    def height(u: np.ndarray) -> float:
        return likelihood.value(chart.point(u))

    if len(chart.active) == 1 and chart.spatial == 1:
        found = optimize.minimize_scalar(
            lambda u: -height(np.array([u])),
            bounds=(-limit, limit),
            method="bounded",
            options={"xatol": 0.01},
        )
        _refuse_edges(np.array([found.x]), limit, chart)
        return [chart.point(np.array([found.x]))]
    # Parameters that can stand in for each other: more than one hill, so a grid finds them.
    axes = [np.linspace(-1.6, 1.6, 9)] * chart.spatial
    if chart.active[-1] == 2:
        axes.append(np.linspace(-3.5, 0.0, 5))
    sizes = [range(len(axis)) for axis in axes]
    heights = {
        place: height(np.array([axis[i] for axis, i in zip(axes, place, strict=True)]))
        for place in product(*sizes)
    }
    around = list(product((-1, 0, 1), repeat=len(axes)))
    peaks = [
        place
        for place, value in heights.items()
        if all(
            heights.get(tuple(i + step for i, step in zip(place, steps, strict=True)), -np.inf)
            <= value
            for steps in around
        )
    ]
    starts = []
    for place in sorted(peaks, key=lambda place: -heights[place])[:3]:
        climbed = optimize.minimize(
            lambda u: -height(u),
            np.array([axis[i] for axis, i in zip(axes, place, strict=True)]),
            method="Nelder-Mead",
            options={"xatol": 0.02, "fatol": 0.05},
        )
        if np.abs(climbed.x[: chart.spatial]).max(initial=0.0) < limit - 0.02:
            starts.append(chart.point(climbed.x))
    if not starts:
        _refuse_edges(np.full(chart.spatial, limit), limit, chart)
    return starts


def _refuse_edges(u: np.ndarray, limit: float, chart: Chart) -> None:
    for which, value, radius in zip(chart.active, u, chart.radii, strict=False):
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
    likelihood: ConcentratedLikelihood, start: np.ndarray, chart: Chart
) -> tuple[np.ndarray, int]:
    """Newton's method in the chart's coordinates, with bounded steps."""
    u, at = chart.place(start), start
    for step in range(1, 51):
        at = chart.point(u)
        first, second = chart.slopes(at)
        gradient, hessian = likelihood.derivatives(at)
        bend = hessian * np.outer(first, first) + np.diag(gradient * second)
        values, vectors = np.linalg.eigh(bend)
        if values.max() >= 0:
            if len(u) == 1:
                return at, step
            values = -np.abs(values)  # away from a saddle, uphill
        move = -vectors @ ((vectors.T @ (gradient * first)) / values)
        move *= min(1.0, 0.5 / float(np.abs(move).max())) if move.any() else 1.0
        u = u + move
        size = float(np.abs(move).max())
        if size < 1e-13 * max(1.0, float(np.abs(u).max())):
            return chart.point(u), step
    if size < 1e-8:  # rounding keeps the last digits moving
        return chart.point(u), step
    words = ", ".join(f"{NAMES[which]} = {at[which]:.6g}" for which in chart.active)
    raise ConvergenceError(f"Newton steps did not settle near {words}")
