"""Maximisation of the concentrated likelihood: one Newton method in two kinds of coordinates.

One rho, lam and phi lie in intervals: a search finds the neighbourhood, and Newton steps use
coordinates in which the ends are infinitely far away. Several rho lie in a region that has no such
coordinates, where the spectral radius of ``sum_k rho_k W_k`` is below one: steps start at given
points, stay inside the region and increase the likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Protocol, cast

import numpy as np
from scipy import optimize

from nqp_spatial.errors import BoundaryError, ConvergenceError
from nqp_spatial.regression.likelihood.concentrated import ConcentratedLikelihood
from nqp_spatial.regression.likelihood.log_determinant import LogDet
from nqp_spatial.regression.likelihood.several_lags import LagMatrices

__all__ = ["NAMES", "Maximum", "maximize", "maximize_from"]

NAMES = ("rho", "lam", "phi")

_WINDOW = 6.5  # half-width, in standard errors, of the range prepared for draws
_EDGE = 1e-6  # relative distance from the end of the interval that counts as the boundary
_FARTHEST = 15.0  # coordinate from which rounding would put rho or lam on the boundary
_SAME_MAXIMUM = 0.02  # two ascents this close converge to the same maximum


@dataclass(frozen=True, eq=False)
class Maximum:
    """The maximum of the likelihood.

    Attributes
    ----------
    parameters : ndarray
        (rho, lam, phi); 0, 0 and 1 for parameters that the model does not have.
    standard_errors : ndarray
        From the curvature of the concentrated likelihood, one for each parameter that it has.
    loglik : float
    iterations : int
        Newton steps of the ascent that reached the highest maximum.
    slope : float
        Largest derivative at the solution, times the standard error.
    n_maxima : int
        Number of different maxima reached from the starting values.
    """

    parameters: np.ndarray
    standard_errors: np.ndarray
    loglik: float
    iterations: int
    slope: float
    n_maxima: int = 1

    @property
    def rho(self) -> np.ndarray:
        """Return rho, one or several."""
        return self.parameters[:-2]


# -- coordinates -----------------------------------------------------------------------------------


class Coordinates(Protocol):
    """Coordinates in which an ascent takes its steps."""

    #: Smallest size of a curvature, as a share of the largest.
    floor: float
    #: Size of a step at which an ascent has converged; of the slope, in standard errors.
    arrived: float
    flat: float

    def point(self, u: np.ndarray) -> np.ndarray:
        """Return (rho, lam, phi)."""
        ...

    def place(self, at: np.ndarray) -> np.ndarray:
        """Return the coordinates of a point."""
        ...

    def slopes(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return dx/du and d2x/du2 of each parameter."""
        ...

    def step(self, u: np.ndarray, move: np.ndarray, rise: float) -> np.ndarray | None:
        """Return the next coordinates along a Newton step; None if there is no admissible step."""
        ...


class BoundedCoordinates:
    """artanh(r x) for rho and lam, the logarithm for phi: boundaries are infinitely far away."""

    floor, arrived, flat = 0.0, 1e-13, 0.0

    def __init__(self, likelihood: ConcentratedLikelihood) -> None:
        self.active = likelihood.active
        self.radii = np.array(
            [1 / logdet.interval[1] for logdet in map(_of_one, likelihood.logdets) if logdet]
        )
        self.spatial = len(self.radii)

    def point(self, u: np.ndarray) -> np.ndarray:
        """Return (rho, lam, phi)."""
        point = np.array([0.0, 0.0, 1.0])
        point[self.active] = np.concatenate(
            [np.tanh(u[: self.spatial]) / self.radii, np.exp(u[self.spatial :])]
        )
        return point

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

    def step(self, u: np.ndarray, move: np.ndarray, rise: float) -> np.ndarray | None:
        """Return the step, bounded to one half, or None if it reaches a boundary in rounding."""
        largest = float(np.abs(move).max(initial=0.0))
        following = u + move * min(1.0, 0.5 / largest) if largest else u
        reached = np.abs(following[: self.spatial]).max(initial=0.0) > _FARTHEST
        return None if reached else following


class OpenRegion:
    """Several rho, untransformed: steps keep the model stable and increase the likelihood."""

    floor, arrived = 1e-8, 0.0

    def __init__(self, likelihood: ConcentratedLikelihood, lags: LagMatrices, flat: float) -> None:
        self.flat = flat
        self.likelihood = likelihood
        self.lags = lags
        self.height = -np.inf

    def point(self, u: np.ndarray) -> np.ndarray:
        """Return (rho, lam, phi)."""
        return np.concatenate([u, [0.0, 1.0]])

    def place(self, at: np.ndarray) -> np.ndarray:
        """Return the coordinates of a point, and store its log-likelihood for the steps from it."""
        self.height = self.likelihood.value(at)
        return at[:-2]

    def slopes(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ones and zeros."""
        return np.ones(len(at) - 2), np.zeros(len(at) - 2)

    def step(self, u: np.ndarray, move: np.ndarray, rise: float) -> np.ndarray | None:
        """Return the first of successively shorter steps that stays in the region and goes up."""
        share, height = 1.0, self.height
        for _ in range(40):
            trial = u + share * move
            if self.lags.radius(trial) < 1 - 1e-6:
                value = self.likelihood.value(self.point(trial))
                if value >= height + 1e-4 * share * rise - 1e-10 * abs(height):
                    self.height = max(value, height) if share < 1e-6 else value
                    return trial
            share /= 2
        return None


def _of_one(logdet: LogDet | LagMatrices | None) -> LogDet | None:
    """Return the log-determinant of one W; None for several."""
    return None if isinstance(logdet, LagMatrices) else logdet


# -- one ascent ------------------------------------------------------------------------------------


def _climb(
    likelihood: ConcentratedLikelihood,
    start: np.ndarray,
    coordinates: Coordinates,
    known: Sequence[Maximum] = (),
) -> tuple[np.ndarray, int, bool, float] | Maximum:
    """Return the end of Newton steps, their number, whether they converged, and the slope there.

    Or a known maximum, if the steps lead to it.

    Where the surface is not concave yet, steps follow the eigenvectors of the Hessian, scaled by
    the absolute curvatures.
    """
    u, point = coordinates.place(start), start
    size = slope = np.inf
    for iteration in range(60):
        point = coordinates.point(u)
        for maximum in known:
            if np.abs(point - maximum.parameters).max() < _SAME_MAXIMUM:
                return maximum  # this maximum is already known
        first, second = coordinates.slopes(point)
        gradient, hessian = likelihood.derivatives(point)
        gradient, curvature = (
            gradient * first,
            hessian * np.outer(first, first) + np.diag(gradient * second),
        )
        values, axes = np.linalg.eigh(curvature)
        sizes = np.maximum(np.abs(values), coordinates.floor * np.abs(values).max())
        concave = values.max() < 0
        slope = _slope(gradient, axes, sizes)
        if slope < coordinates.flat and concave:
            return point, iteration, True, slope
        if coordinates.arrived and not concave and len(u) == 1:
            return point, iteration + 1, True, slope
        move = axes @ ((axes.T @ gradient) / sizes)
        following = coordinates.step(u, move, float(gradient @ move))
        if following is None:
            return point, iteration, bool(concave and slope < 1e-4), slope
        size = float(np.abs(following - u).max())
        u = following
        if size < coordinates.arrived * max(1.0, float(np.abs(u).max())):
            return coordinates.point(u), iteration + 1, True, slope
    # The last digits vary because of rounding.
    return coordinates.point(u), 60, bool(coordinates.arrived and size < 1e-8), slope


def _slope(gradient: np.ndarray, axes: np.ndarray, sizes: np.ndarray) -> float:
    """Return the largest derivative, in standard errors."""
    widths = np.sqrt(np.abs((axes**2 / sizes).sum(axis=1)))
    return float(np.abs(gradient * widths).max())


def standard_errors_from(hessian: np.ndarray) -> np.ndarray:
    """Return standard errors from a Hessian; infinite where it is not negative definite."""
    if np.linalg.eigvalsh(hessian).max() >= 0:
        return np.full(len(hessian), np.inf)
    return np.asarray(np.sqrt(np.diag(np.linalg.inv(-hessian))))


# -- several rho -----------------------------------------------------------------------------------


def maximize_from(
    likelihood: ConcentratedLikelihood, starts: Sequence[np.ndarray], *, flat: float = 1e-9
) -> Maximum:
    """Find several rho: ascents from every starting value that stay where the model is stable.

    Parameters
    ----------
    likelihood : ConcentratedLikelihood
        With several W_k, without lam and phi.
    starts : sequence of ndarray
        Rho, each shape (R,).
    flat : float
        Slope at a maximum, in standard errors; the height is then known to half its square.

    Returns
    -------
    Maximum

    Raises
    ------
    BoundaryError
        If the likelihood rises up to the boundary of the region from every starting value.
    """
    lags = likelihood.logdets[0]
    assert isinstance(lags, LagMatrices)
    lags = lags.for_ascents()
    region = OpenRegion(replace(likelihood, logdets=(lags, None)), lags, flat)
    ends: list[Maximum] = []
    failed: Exception | None = None
    for start in starts:
        try:
            ends.append(_maximum_in(region, region.point(np.array(start, dtype=float)), ends))
        except (BoundaryError, ConvergenceError) as error:
            failed = error
    if not ends:
        assert failed is not None
        raise failed
    best = max(ends, key=lambda maximum: maximum.loglik)
    return replace(best, n_maxima=_different([end.rho for end in ends]))


def _maximum_in(region: OpenRegion, start: np.ndarray, known: Sequence[Maximum]) -> Maximum:
    end = _climb(region.likelihood, start, region, known)
    if isinstance(end, Maximum):
        return end
    point, iterations, arrived, slope = end
    if not arrived:
        raise BoundaryError(
            f"the likelihood rises up to the edge of what rho may be, near "
            f"{np.array2string(point[:-2], precision=3)} (spectral radius "
            f"{region.lags.radius(point[:-2]):.4f}): tie coefficients, or look "
            "for blocks with few links"
        )
    return Maximum(point, np.empty(0), region.height, iterations, slope)


# -- one rho, lam and phi --------------------------------------------------------------------------


def maximize(
    likelihood: ConcentratedLikelihood, rough: tuple[LogDet | None, LogDet | None] = (None, None)
) -> Maximum:
    """Find rho, lam and phi: a search for the neighbourhood, then Newton steps to rounding.

    Parameters
    ----------
    likelihood : ConcentratedLikelihood
        What to maximise.
    rough : tuple of LogDet or None
        Cheaper log-determinants, accurate enough for the search.

    Returns
    -------
    Maximum

    Raises
    ------
    BoundaryError
        If the likelihood rises up to the boundary of the admissible interval.
    ConvergenceError
        If Newton steps do not converge.
    """
    active = likelihood.active
    if not active:
        return Maximum(np.array([0.0, 0.0, 1.0]), np.empty(0), np.nan, 0, 0.0)
    cheap = (rough[0] or likelihood.logdets[0], rough[1] or likelihood.logdets[1])
    first = replace(likelihood, logdets=cheap)
    coordinates = BoundedCoordinates(likelihood)
    ends: list[Maximum] = []
    failed: BoundaryError | ConvergenceError | None = None
    starts = _search(first, coordinates)
    for start in starts:
        try:
            end = _focused_climb(likelihood, first, start, coordinates)
        except (BoundaryError, ConvergenceError) as error:
            failed = error
            continue
        height = likelihood.value(end.parameters) if len(starts) > 1 else end.loglik
        ends.append(replace(end, loglik=height))
    if not ends:
        assert failed is not None
        raise failed
    # Before any comparison: the first of equal maxima.
    best = ends[0]
    for end in ends[1:]:
        best = end if end.loglik > best.loglik else best
    return replace(best, n_maxima=_different([end.parameters for end in ends]))


def _different(points: Sequence[np.ndarray]) -> int:
    """Return how many points differ."""
    different: list[np.ndarray] = []
    for point in points:
        if all(np.abs(point - other).max() > 1e-4 for other in different):
            different.append(point)
    return len(different)


def _focused_climb(
    likelihood: ConcentratedLikelihood,
    first: ConcentratedLikelihood,
    point: np.ndarray,
    coordinates: BoundedCoordinates,
) -> Maximum:
    """Prepare the log-determinants around a starting value and maximise from it."""
    active = likelihood.active
    for _ in range(3):
        # The curvature found in the search determines the window.
        width = standard_errors_from(first.derivatives(point)[1])[: coordinates.spatial]
        width = np.where(np.isfinite(width), width, 0.1 / coordinates.radii)
        for which, reach in zip(active, width, strict=False):
            logdet = likelihood.logdets[which]
            assert logdet is not None and not isinstance(logdet, LagMatrices)
            logdet.focus(float(point[which]), _WINDOW * float(reach))
        end = _climb(likelihood, point, coordinates)
        assert not isinstance(end, Maximum)
        point, steps, arrived, _ = end
        if not arrived:
            _refuse_edges(coordinates.place(point), _limit(), coordinates)
            words = _words(active, point)
            raise ConvergenceError(f"Newton steps did not settle near {words}")
        gradient, hessian = likelihood.derivatives(point)
        errors = standard_errors_from(hessian)
        if np.isfinite(errors).all():
            slope = float(np.abs(gradient * errors).max())
            return Maximum(point, errors, np.nan, steps, slope)
    raise ConvergenceError(
        f"the likelihood is not concave at {_words(active, point)}; the model may be unidentified: "
        "look for regressors that nearly repeat the outcome's spatial lag"
    )


def _words(active: Sequence[int], at: np.ndarray) -> str:
    return ", ".join(f"{NAMES[which]} = {at[which]:.6g}" for which in active)


def _search(
    likelihood: ConcentratedLikelihood, coordinates: BoundedCoordinates
) -> list[np.ndarray]:
    """Return points near maxima."""
    limit = _limit()
    outcome, errors = map(_remembered, likelihood.logdets)
    likelihood = replace(likelihood, logdets=(outcome, errors))

    def height(u: np.ndarray) -> float:
        if np.abs(u[: coordinates.spatial]).max(initial=0.0) > _FARTHEST:
            return -np.inf
        return likelihood.value(coordinates.point(u))

    if len(coordinates.active) == 1 and coordinates.spatial == 1:
        search = optimize.minimize_scalar(
            lambda u: -height(np.array([u])),
            bounds=(-limit, limit),
            method="bounded",
            options={"xatol": 0.01},
        )
        _refuse_edges(np.array([search.x]), limit, coordinates)
        return [coordinates.point(np.array([search.x]))]
    # Parameters that can substitute for each other give several local maxima, so a grid is
    # searched.
    axes = [np.linspace(-1.6, 1.6, 9)] * coordinates.spatial
    if coordinates.active[-1] == 2:
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
        simplex = optimize.minimize(
            lambda u: -height(u),
            np.array([axis[i] for axis, i in zip(axes, place, strict=True)]),
            method="Nelder-Mead",
            options={"xatol": 0.02, "fatol": 0.05},
        )
        if np.abs(simplex.x[: coordinates.spatial]).max(initial=0.0) < limit - 0.02:
            starts.append(coordinates.point(simplex.x))
    if not starts:
        _refuse_edges(np.full(coordinates.spatial, limit), limit, coordinates)
    return starts


class _Remembered:
    """The values of a log-determinant, which are kept: a grid repeats those of rho for each lam."""

    def __init__(self, logdet: LogDet) -> None:
        self.value = cache(logdet.value)


def _remembered(logdet: LogDet | LagMatrices | None) -> LogDet | None:
    return None if logdet is None else cast("LogDet", _Remembered(cast("LogDet", logdet)))


def _limit() -> float:
    """Return the coordinate of the edges of the intervals of rho and lam."""
    return float(np.arctanh(1 - _EDGE))


def _refuse_edges(u: np.ndarray, limit: float, coordinates: BoundedCoordinates) -> None:
    for which, value, radius in zip(coordinates.active, u, coordinates.radii, strict=False):
        if abs(value) > limit - 0.02:
            side = "upper" if value > 0 else "lower"
            raise BoundaryError(
                f"the likelihood of {NAMES[which]} rises up to the {side} edge of its interval "
                f"({-1 / radius:.4g}, {1 / radius:.4g}): spatial dependence of this form explains "
                "the data without limit, or hardly anything is left to tell it by. Check for units "
                "that repeat each other, a common trend if there are no period effects, and "
                "weights so dense that period effects take nearly all of Wy"
            )
