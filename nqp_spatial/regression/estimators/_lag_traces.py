"""Traces of functions of W that the lags of a dynamic panel bring into its score.

With ``B = I - rho W`` and ``A = B^-1 (tau I + eta W)`` every matrix behind the score is a rational
function of one W, so that its trace is a sum over points of the spectrum of W: over all
eigenvalues for up to a thousand units, over the nodes of random probes beyond.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from nqp_spatial.regression.likelihood.log_determinant import (
    LogDet,
    NodeLogDet,
    log_determinant,
)
from nqp_spatial.regression.likelihood.quadrature import vector_quadrature
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = [
    "EXACT_SPECTRUM_UP_TO",
    "POWERS",
    "LagFunctions",
    "Spectrum",
    "circle_rule",
    "own_weights",
    "spectrum_of",
]

#: Units up to which all eigenvalues are computed.
EXACT_SPECTRUM_UP_TO = 1000
#: Powers of W by which functions of W are summed where eigenvectors are not accurate.
POWERS = 160
_CIRCLE = 512  # points on a circle that turn values of a function into its coefficients
_STEPS_OF_CONSTANT = 40  # Krylov steps for 1'f(W)1, where period effects are dummies


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Points w_j and weights c_j with ``tr f(W) = sum_j c_j f(w_j)`` on the space that is left.

    Attributes
    ----------
    points : ndarray
        Real or complex, shape (points,).
    shares : ndarray
        Their weights.
    n_roots : int
        How many of the first points are (estimates of) eigenvalues.
    size : int
        Dimension of the space: n, or n - 1 without period means.
    probes : NodeLogDet or None
        The random probes behind the points, where traces are not exact.
    """

    points: np.ndarray
    shares: np.ndarray
    n_roots: int
    size: int
    probes: NodeLogDet | None = None

    @property
    def roots(self) -> np.ndarray:
        """The points that are eigenvalues."""
        return self.points[: self.n_roots]

    def trace(self, values: np.ndarray) -> np.ndarray:
        """Return the traces of functions given by their values at the points, shape (..., points).

        Parameters
        ----------
        values : ndarray
        """
        return np.asarray((values @ self.shares).real)

    def error(self, values: np.ndarray) -> np.ndarray:
        """Return the standard errors of traces that random probes cause; zero if exact.

        Parameters
        ----------
        values : ndarray
            Shape (functions, points).
        """
        if self.probes is None or self.probes.residual_maker is None:
            return np.zeros(len(values))
        weights, maker = self.probes.node_weights, self.probes.residual_maker
        at_nodes = values[:, : weights.size].reshape(len(values), *weights.shape)
        residuals = (at_nodes * weights).sum(axis=2).real @ maker
        squares = (residuals**2).sum(axis=1)
        return np.asarray(np.sqrt(squares / np.trace(maker) / len(weights)))


def spectrum_of(
    weights: SpatialWeights | None,
    n_units: int,
    *,
    drops_mean: bool,
    logdet: LogDet | None = None,
    seed: int | None = 0,
) -> Spectrum:
    """Return the points of the spectrum of W, computed once for each W.

    Parameters
    ----------
    weights : SpatialWeights or None
        None where neither outcomes nor their lags are spatially lagged.
    n_units : int
    drops_mean : bool
        Whether period means are taken out: ``tr J f(W)`` with ``J = I - 11'/n``. Where rows add to
        one that is the trace without the eigenvalue one; otherwise ``1'f(W)1 / n`` is subtracted.
    logdet : LogDet, optional
        A log-determinant whose nodes are used, if it has any.
    seed : int, optional
        Seed of the probes.
    """
    if weights is None:
        size = n_units - drops_mean
        return Spectrum(np.zeros(1), np.array([float(size)]), 1, size)
    if not isinstance(logdet, NodeLogDet):
        exact = n_units <= EXACT_SPECTRUM_UP_TO
        logdet = log_determinant(weights, "exact" if exact else "lanczos", seed=seed)
    key = ("spectrum", logdet.method, drops_mean, seed)
    if key not in weights.cache:
        assert isinstance(logdet, NodeLogDet)
        weights.cache[key] = _spectrum(weights, logdet, drops_mean)
    spectrum: Spectrum = weights.cache[key]
    return spectrum


def _spectrum(weights: SpatialWeights, logdet: NodeLogDet, drops_mean: bool) -> Spectrum:
    points = logdet.nodes.ravel()
    shares = (logdet.node_weights * logdet.probe_weights[:, None]).ravel()
    size = weights.n_units - drops_mean
    probes = logdet if logdet.residual_maker is not None else None
    if drops_mean and weights.rows_add_to_one:
        if not logdet.known_ones:
            others = np.delete(np.arange(len(points)), np.argmin(np.abs(points - logdet.radius)))
            points, shares = points[others], shares[others]
        return Spectrum(points, shares, len(points), size, probes)
    if logdet.known_ones:
        points = np.append(points, logdet.radius)
        shares = np.append(shares, float(logdet.known_ones))
    n_roots = len(points)
    if drops_mean:
        nodes, node_weights = _constant_rule(weights.sparse, logdet.radius)
        points = np.concatenate([points, nodes])
        shares = np.concatenate([shares, -node_weights])
    return Spectrum(points, shares, n_roots, size, probes)


def _constant_rule(matrix: sparse.csr_array, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return points and weights with ``1'f(W)1 / n = sum_j c_j f(w_j)``."""
    n = matrix.shape[0]
    nodes, node_weights = vector_quadrature(matrix, np.ones(n), _STEPS_OF_CONSTANT)
    moments, reached = np.empty(POWERS), np.ones(n)
    for power in range(POWERS):
        moments[power] = reached.mean()
        reached = (matrix @ reached) / radius
    node_weights = node_weights / n
    few = np.arange(min(_STEPS_OF_CONSTANT, n))
    checked = ((nodes / radius) ** few[:, None] @ node_weights).real
    if np.abs(checked - moments[few]).max() < 1e-13:
        return nodes, node_weights
    # The eigenvectors behind the nodes are nearly dependent.
    points, rule = circle_rule(radius)
    return points, moments @ rule


def circle_rule(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return points on a circle and the matrix that turns moments into shares of the points.

    ``f(W) = sum_m f_m W^m`` with ``f_m`` the Fourier coefficients of f on the circle: where
    ``m_k`` is a moment of ``(W / radius)^k``, the same moment of f(W) is the real part of
    ``(m rule) f(points)``.

    Parameters
    ----------
    radius : float
        Spectral radius of W.

    Returns
    -------
    points, rule : ndarray
        Shapes (points,) and (POWERS, points).
    """
    half = np.arange(_CIRCLE // 2 + 1)
    roots = np.exp(2j * np.pi * np.arange(_CIRCLE) / _CIRCLE)
    # Real functions have conjugate values at conjugate points: half of the circle is enough.
    turns = np.where(np.isin(half, [0, _CIRCLE // 2]), 1.0, 2.0)
    rule = roots[-np.outer(np.arange(POWERS), half) % _CIRCLE] * turns / _CIRCLE
    return roots[half] * radius, rule


class LagFunctions:
    """Functions of w behind the scores of tau, eta and rho, at points of the spectrum.

    With ``b = 1 / (1 - rho w)`` and ``a = (tau + eta w) b`` an error moves the outcome m periods
    later by ``a^m b``. In T equations demeaned over time the score of tau has the mean ``-tr f``
    with ``f = b s(a) / T``, ``s(a) = sum_{j=0}^{T-2} (T-1-j) a^j``; that of eta ``-tr W f``; that
    of rho ``tr W b ((T-1) - a s(a) / T)``.

    Parameters
    ----------
    points : ndarray
    n_periods : int
        T.
    tau, eta, rho : float
    """

    def __init__(
        self, points: np.ndarray, n_periods: int, tau: float, eta: float, rho: float
    ) -> None:
        self.points, self.n_periods = points, n_periods
        self.inverse = 1 / (1 - rho * points)
        self.decay = (tau + eta * points) * self.inverse

    def means(self) -> np.ndarray:
        """Return minus the means of the scores times sigma2, for tau, eta, rho: (3, points)."""
        w, b, a, t = self.points, self.inverse, self.decay, self.n_periods
        total = _horner(np.arange(1.0, t), a)
        past = b * total / t
        return np.stack([past, w * past, -w * b * ((t - 1) - a * total / t)])

    def slopes(self) -> np.ndarray:
        """Return the derivatives of `means` by tau, eta and rho, shape (3, 3, points)."""
        w, b, a, t = self.points, self.inverse, self.decay, self.n_periods
        total = _horner(np.arange(1.0, t), a)
        slope = _horner(np.arange(1.0, t - 1) * np.arange(t - 2, 0, -1), a)
        by = np.stack([b, w * b, w * a * b])  # da
        zero = np.zeros_like(b)
        inverse_by = np.stack([zero, zero, w * b**2])  # db
        past = (inverse_by * total + b * slope * by) / t
        current = inverse_by * a * total + b * (total + a * slope) * by
        return np.stack([past, w * past, -w * ((t - 1) * inverse_by - current / t)])

    def responses(self) -> np.ndarray:
        """Return the weights of errors by lag 0 to T - 1 in y_(t-1), W y_(t-1), W y_t.

        Returns
        -------
        ndarray
            Shape (3, T, points).
        """
        w, b, a, t = self.points, self.inverse, self.decay, self.n_periods
        powers = b * a ** np.arange(t)[:, None]
        past = np.concatenate([np.zeros_like(powers[:1]), powers[:-1]])
        return np.stack([past, w * past, w * powers])

    def response_slopes(self) -> np.ndarray:
        """Return the derivatives of `responses` by tau, eta and rho, shape (3, 3, T, points)."""
        w, b, a, t = self.points, self.inverse, self.decay, self.n_periods
        lags = np.arange(t)[:, None]
        powers = a**lags
        before = np.concatenate([np.zeros_like(powers[:1]), lags[1:] * powers[:-1]])
        zero = np.zeros_like(b)
        by = np.stack([b, w * b, w * a * b])[:, None]
        inverse_by = np.stack([zero, zero, w * b**2])[:, None]
        slopes = inverse_by * powers + b * before * by
        past = np.concatenate([np.zeros_like(slopes[:, :1]), slopes[:, :-1]], axis=1)
        return np.stack([past, w * past, w * slopes])


def own_weights(responses: np.ndarray) -> np.ndarray:
    """Return by period k the coefficient of v_k^2 in ``sum_t v~_t y_t`` of a unit.

    ``(J L)_kk = F_0 - (1/T) sum_{m=0}^{T-1-k} F_m`` for Toeplitz L with responses F by lag.

    Parameters
    ----------
    responses : ndarray
        Shape (..., T, points or units).
    """
    sums = np.cumsum(responses, axis=-2)[..., ::-1, :]
    return np.asarray(responses[..., :1, :] - sums / responses.shape[-2])


def _horner(coefficients: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Return the polynomial with the given coefficients, that of the highest power first."""
    value = np.zeros_like(a)
    for coefficient in coefficients:
        value = value * a + coefficient
    return value
