"""``ln|I - sum_k rho_k W_k|`` of one threshold as a polynomial, for many bootstrap samples.

The determinant does not depend on the outcome. Around the model without the threshold, from which
samples are drawn, a polynomial in ``u_k = artanh(b rho_k)``, b the largest row sum of W, is fitted
to values and gradients; singularities lie at a distance of pi / 4 or more in u. At points without
the threshold one factorisation gives the gradients of all thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

__all__ = ["Surface", "Window", "highest_points", "spread_points"]

_STEPS = 25
_CLOSE = 1e-10  # size of a step, as a share of the window, at which an ascent has arrived


@dataclass(frozen=True, eq=False)
class Window:
    """A box in which rho is expected.

    Attributes
    ----------
    centre, half : ndarray
        Of u, shape (R,).
    bound : float
        b.
    """

    centre: np.ndarray
    half: np.ndarray
    bound: float

    def rho(self, places: np.ndarray) -> np.ndarray:
        """Return rho at places in [-1, 1]^R, shape (points, R)."""
        return np.asarray(np.tanh(self.centre + self.half * places) / self.bound)

    def places(self, rho: np.ndarray) -> np.ndarray:
        """Return the places of rho, shape (points, R)."""
        return np.asarray((np.arctanh(self.bound * rho) - self.centre) / self.half)

    def slopes(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the first and second derivatives of rho by the place."""
        x = self.bound * rho
        first = (1 - x**2) / self.bound * self.half
        return first, -2 * x * first * self.half


@dataclass(frozen=True, eq=False)
class Surface:
    """A polynomial of total degree d on a window.

    Attributes
    ----------
    window : Window
    powers : ndarray of int
        Shape (terms, R).
    coefs : ndarray
        Shape (terms,).
    misfit : float
        Largest difference from the values to which it was fitted.
    """

    window: Window
    powers: np.ndarray
    coefs: np.ndarray
    misfit: float

    @classmethod
    def fitted(
        cls, window: Window, degree: int, rho: np.ndarray, values: np.ndarray, slopes: np.ndarray
    ) -> Surface:
        """Fit to values and gradients by rho, shapes (points,) and (points, R)."""
        count = rho.shape[1]
        powers = np.array([p for p in product(range(degree + 1), repeat=count) if sum(p) <= degree])
        places = window.places(rho)
        tables = [_terms(powers, places, ())]
        rights = [values]
        for k in range(count):
            tables.append(_terms(powers, places, (k,)))
            rights.append(slopes[:, k] * window.slopes(rho)[0][:, k])
        coefs = np.linalg.lstsq(np.vstack(tables), np.concatenate(rights), rcond=1e-14)[0]
        misfit = float(np.abs(tables[0] @ coefs - values).max())
        return cls(window, powers, coefs, misfit)

    def derivatives(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return values, gradients and Hessians by the place, shapes (m,), (m, R), (m, R, R)."""
        count = places.shape[1]
        value = _terms(self.powers, places, ()) @ self.coefs
        gradient, hessian = np.empty((len(places), count)), np.empty((len(places), count, count))
        for k in range(count):
            gradient[:, k] = _terms(self.powers, places, (k,)) @ self.coefs
            for other in range(k + 1):
                bend = _terms(self.powers, places, (k, other)) @ self.coefs
                hessian[:, k, other] = hessian[:, other, k] = bend
        return value, gradient, hessian


def _terms(powers: np.ndarray, places: np.ndarray, by: Sequence[int]) -> np.ndarray:
    """Return the derivatives of all terms by the variables `by`, shape (points, terms)."""
    table = np.ones((len(places), len(powers)))
    for k in range(powers.shape[1]):
        power = powers[:, k].astype(float)
        for _ in range(list(by).count(k)):
            table *= power
            power = power - 1
        table *= places[:, [k]] ** np.maximum(power, 0)
    return table


def spread_points(count: int, dimensions: int) -> np.ndarray:
    """Return places in [-1, 1]^R that fill the box and its edges evenly, shape (count, R)."""
    bases = (2, 3, 5, 7, 11)[:dimensions]
    points = np.empty((count, dimensions))
    for k, base in enumerate(bases):
        index, share, total = np.arange(1, count + 1), 1.0, np.zeros(count)
        while index.any():
            share /= base
            total += share * (index % base)
            index //= base
        points[:, k] = -np.cos(np.pi * total)
    return points


def highest_points(
    products: np.ndarray, surface: Surface, observations: float, n_logdets: float
) -> np.ndarray:
    """Return the maximised log-likelihood of each sample; NaN where it is not inside the window.

    Parameters
    ----------
    products : ndarray
        K of each sample, shape (samples, R + 1, R + 1).
    surface : Surface
    observations, n_logdets : float
        As in `LikelihoodCounts`.
    """
    samples, count = len(products), products.shape[1] - 1
    places, size = np.zeros((samples, count)), np.full(samples, np.inf)
    half = observations / 2
    height = np.full(samples, np.nan)
    concave = np.zeros(samples, dtype=bool)
    for _ in range(_STEPS):
        rho = surface.window.rho(places)
        first, second = surface.window.slopes(rho)
        v = np.concatenate([np.ones((samples, 1)), -rho], axis=1)
        along = np.einsum("sij,sj->si", products, v)
        square = np.einsum("si,si->s", v, along)
        log_slope = -2 * along[:, 1:] / square[:, None]
        value, gradient, hessian = surface.derivatives(places)
        height = n_logdets * value - half * (np.log(2 * np.pi * square / observations) + 1)
        bend = 2 * products[:, 1:, 1:] / square[:, None, None]
        bend = bend - log_slope[:, :, None] * log_slope[:, None, :]
        slope = n_logdets * gradient - half * log_slope * first
        curvature = n_logdets * hessian - half * bend * first[:, :, None] * first[:, None, :]
        curvature[:, range(count), range(count)] -= half * log_slope * second
        lowest, axes = np.linalg.eigh(curvature)
        concave = lowest[:, -1] < 0
        sizes = np.maximum(np.abs(lowest), 1e-8 * np.abs(lowest).max(axis=1, keepdims=True))
        turned = np.einsum("sij,si->sj", axes, slope) / sizes
        move = np.einsum("sij,sj->si", axes, turned)
        size = np.abs(move).max(axis=1)
        if (size < _CLOSE).all():
            break
        places = np.clip(places + move / np.maximum(1.0, size / 0.5)[:, None], -1.5, 1.5)
    inside = concave & (size < 1e-7) & (np.abs(places).max(axis=1) <= 1)
    return np.where(inside, height, np.nan)
