"""Functions of rho behind the effects: mean diagonals and mean row sums, without any inverse."""

from __future__ import annotations

import numpy as np

from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.likelihood.factorization import factorize
from nqp_spatial.regression.likelihood.log_determinant import Curve, LogDet, factor_of
from nqp_spatial.regression.likelihood.sizes import CROSS_PROBES, DENSE_CROSS_UP_TO, probe_signs
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["TraceFunctions", "radius_of"]


class TraceFunctions:
    """Functions of x: ``P = (I - x W_y)^-1``; mean diagonals and row sums of P W_y and P W_x.

    Parameters
    ----------
    terms : TermWeights
    logdet : LogDet or None
        Log-determinant of W_y.
    """

    def __init__(self, terms: TermWeights, logdet: LogDet | None) -> None:
        self.terms = terms
        self.logdet = logdet
        self.same = (
            terms.weights_x is None or terms.weights_y is None or terms.weights_x is terms.weights_y
        )

    @property
    def interval(self) -> tuple[float, float]:
        """The admissible interval of x."""
        return (-np.inf, np.inf) if self.logdet is None else self.logdet.interval

    def values(self, points: np.ndarray) -> np.ndarray:
        """Return g, s of P W_y and g, s of P W_x at each point, shape (4, points)."""
        return self._all(points)[0]

    def derivatives(self, x: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the four values at x and their derivatives, each shape (4,)."""
        values, derivatives = self._all(np.array([x]), derivatives=True)
        assert derivatives is not None
        return values[:, 0], derivatives[:, 0]

    def _all(
        self, points: np.ndarray, *, derivatives: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        zero = np.zeros_like(points)
        if self.terms.weights_y is None or self.logdet is None:
            mean = (
                0.0
                if self.terms.weights_x is None
                else self.terms.weights_x.sparse.sum() / self.terms.weights_x.n_units
            )
            values = np.array([zero, zero, zero, mean + zero])
            return values, np.zeros_like(values) if derivatives else None
        w = self.terms.weights_y
        low, high = float(points.min()), float(points.max())
        sums = None if w.rows_add_to_one else self._row_sum_curve(w, w, low, high)
        values = np.array(
            [
                -self.logdet.derivative(points) / w.n_units,
                1 / (1 - points) if sums is None else sums.value(points),
            ]
        )
        slopes = np.zeros_like(values)
        if derivatives:
            slopes = np.array(
                [
                    -self.logdet.second_derivative(points) / w.n_units,
                    1 / (1 - points) ** 2 if sums is None else sums.derivative(points),
                ]
            )
        if self.same:
            return np.vstack([values, values]), np.vstack([slopes, slopes])
        assert self.terms.weights_x is not None
        curves = (
            _cross_curve(w, self.terms.weights_x, low, high),
            self._row_sum_curve(w, self.terms.weights_x, low, high),
        )
        cross = np.array([curve.value(points) for curve in curves])
        cross_slopes = np.array([curve.derivative(points) for curve in curves])
        return np.vstack([values, cross]), np.vstack([slopes, cross_slopes])

    def _row_sum_curve(
        self, w: SpatialWeights, inner: SpatialWeights, low: float, high: float
    ) -> Curve:
        """Return the mean row sum of ``(I - x W)^-1 V`` on a window."""
        start = np.asarray(inner.sparse.sum(axis=1)).ravel()

        def mean_row_sum(points: np.ndarray) -> np.ndarray:
            # 1'(I - x W)^-1 V 1 / n, one factorisation per node
            factors = (factor_of(self.logdet, w.sparse, float(x)) for x in points.ravel())
            return np.array([f.solve(start).mean() for f in factors]).reshape(points.shape)

        return Curve(mean_row_sum, low, high, radius=radius_of(w), strip=np.pi / 4)


def _cross_curve(w: SpatialWeights, inner: SpatialWeights, low: float, high: float) -> Curve:
    """Return the mean diagonal of ``(I - x W)^-1 V``, V another matrix, on a window.

    Exact up to a certain size; beyond it, from random probes that are the same for all x.
    """
    n = w.n_units
    exact = n <= DENSE_CROSS_UP_TO
    probes = np.eye(n)
    if not exact:
        probes = probe_signs(n, CROSS_PROBES)
    images = np.asarray(inner.sparse @ probes, order="F")
    size = n if exact else n * CROSS_PROBES

    def mean_diagonal(points: np.ndarray) -> np.ndarray:
        return np.array(
            [
                float((probes * factorize(w.sparse, float(x)).solve(images)).sum()) / size
                for x in points.ravel()
            ]
        ).reshape(points.shape)

    return Curve(mean_diagonal, low, high, radius=radius_of(w), strip=np.pi / 4)


def radius_of(w: SpatialWeights) -> float:
    """Return the spectral radius of W, or a bound."""
    from nqp_spatial.weights._spectrum import spectral_radius

    if w.rows_add_to_one:
        return 1.0
    radius = spectral_radius(w.sparse)
    return radius if radius else max(float(abs(w.sparse).sum(axis=1).max()), 1e-12)
