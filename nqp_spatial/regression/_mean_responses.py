"""Mean diagonals and mean row sums of P D and P W_x D, for slopes D that differ between units.

With ``P = (I - x W_y)^-1`` and the diagonal matrix D of a derivative by unit, the direct and the
total effect of ``beta D + theta W_x D`` are

    direct = beta tr(P D) / n + theta tr(P W_x D) / n
    total  = beta 1'P D 1 / n + theta 1'P W_x D 1 / n.

Where D is the same for all units these are the functions g and s of `TraceFunctions`. Otherwise the
diagonals of P are needed: from eigenvectors where W is similar to a symmetric matrix, from dense
inverses at Chebyshev nodes where it is not, both up to a certain size, and beyond it from random
probes of the part of D that differs from its mean, with the exact first two powers of W. Row sums
take one transposed solve per node, for any n.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache

import numpy as np
import scipy.linalg
from scipy import sparse

from nqp_spatial.regression._effect_rows import EffectRows
from nqp_spatial.regression._trace_functions import TraceFunctions, radius_of
from nqp_spatial.regression.likelihood.factorization import DenseFactor, factorize
from nqp_spatial.regression.likelihood.log_determinant import Curve
from nqp_spatial.regression.likelihood.sizes import CROSS_PROBES, DENSE_CROSS_UP_TO, probe_signs
from nqp_spatial.weights._spectrum import symmetrizer

__all__ = ["MeanResponses", "Spectrum", "spectrum_of"]


class MeanResponses:
    """The four functions of x for each piece of the rows of effects.

    They are ``tr(P D)/n, tr(P W_x D)/n, 1'P D 1/n, 1'P W_x D 1/n``.

    Parameters
    ----------
    rows : EffectRows
    traces : TraceFunctions
    """

    def __init__(self, rows: EffectRows, traces: TraceFunctions) -> None:
        self.rows, self.traces = rows, traces
        self.pieces = np.array(list(rows.varying), dtype=int)
        self.slopes = np.array([rows.varying[piece] for piece in self.pieces])

    def values(self, points: np.ndarray) -> np.ndarray:
        """Return the four functions at each point, shape (4, P, points)."""
        g, s, g_x, s_x = self.traces.values(points)
        constant = self.rows.constant[:, None]
        values = np.stack(
            [
                constant * (1 + points * g),
                constant * g_x,
                constant * (1 + points * s),
                constant * s_x,
            ]
        )
        if len(self.pieces):
            values[:, self.pieces] = self._varying(points)[0]
        return values

    def derivatives(self, x: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the four functions at x and their derivatives, each shape (4, P)."""
        (g, s, g_x, s_x), (dg, ds, dg_x, ds_x) = self.traces.derivatives(x)
        constant = self.rows.constant
        values = np.stack(
            [constant * (1 + x * g), constant * g_x, constant * (1 + x * s), constant * s_x]
        )
        slopes = np.stack(
            [constant * (g + x * dg), constant * dg_x, constant * (s + x * ds), constant * ds_x]
        )
        if len(self.pieces):
            varying, bends = self._varying(np.array([x]), derivatives=True)
            assert bends is not None
            values[:, self.pieces], slopes[:, self.pieces] = varying[:, :, 0], bends[:, :, 0]
        return values, slopes

    # -- pieces that differ between units ----------------------------------------------------------

    def _varying(
        self, points: np.ndarray, *, derivatives: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        w_x = self._w_x
        if self._w_y is None:
            means = self.slopes.mean(axis=1)
            values = np.stack(
                [means, self.slopes @ w_x.diagonal() / self._n, means, self._column_means(w_x)]
            )
            repeated = np.repeat(values[:, :, None], len(points), axis=2)
            return repeated, np.zeros_like(repeated) if derivatives else None
        if self.spectrum is not None:
            return self.spectrum.values(points), (
                self.spectrum.derivatives(points) if derivatives else None
            )
        return self._by_nodes(points, derivatives=derivatives)

    @property
    def _n(self) -> int:
        return int(self.slopes.shape[1])

    @property
    def _w_y(self) -> sparse.csr_array | None:
        terms = self.traces.terms
        if terms.weights_y is None or self.traces.logdet is None:
            return None
        return terms.weights_y.sparse

    @property
    def _w_x(self) -> sparse.csr_array:
        """W of the regressors; zero where they are not lagged."""
        weights = self.traces.terms.weights_x
        return sparse.csr_array((self._n, self._n)) if weights is None else weights.sparse

    def _column_means(self, matrix: sparse.csr_array) -> np.ndarray:
        """Return 1'M D 1 / n."""
        return np.asarray(self.slopes @ np.asarray(matrix.sum(axis=0)).ravel() / self._n)

    @cached_property
    def spectrum(self) -> Spectrum | None:
        """Eigenvalues with the weights of the pieces, where W is similar to a symmetric matrix."""
        if self._w_y is None or self._n > DENSE_CROSS_UP_TO:
            return None
        return spectrum_of(self._w_y, self._w_x, self.slopes)

    def _by_nodes(
        self, points: np.ndarray, *, derivatives: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Interpolate between Chebyshev nodes of a window that covers the points."""
        w = self.traces.terms.weights_y
        assert w is not None
        at_node = lru_cache(maxsize=None)(self._at_node)
        values = np.empty((4, len(self.slopes), len(points)))
        slopes = np.empty_like(values)
        for place in np.ndindex(values.shape[:2]):
            curve = Curve(
                _component(at_node, place), float(points.min()), float(points.max()),
                radius=radius_of(w), strip=np.pi / 4,
            )  # fmt: skip
            values[place] = curve.value(points)
            if derivatives:
                slopes[place] = curve.derivative(points)
        return values, slopes if derivatives else None

    def _at_node(self, x: float) -> np.ndarray:
        """Return the four functions of the pieces at one x, shape (4, pieces)."""
        w_y, w_x, n = self._w_y, self._w_x, self._n
        assert w_y is not None
        dense = n <= DENSE_CROSS_UP_TO
        factor = DenseFactor(w_y, x) if dense else factorize(w_y, x)
        sums = factor.solve(np.ones(n), trans="T")
        totals = [self.slopes @ sums / n, self.slopes @ (w_x.T @ sums) / n]
        if dense:
            inverse = factor.solve(np.eye(n))
            diagonal = inverse.diagonal(), np.asarray((inverse @ w_x).diagonal())
            return np.array([self.slopes @ diagonal[0] / n, self.slopes @ diagonal[1] / n, *totals])
        own, lagged = (part.mean(axis=-1) for part in self.probe_values(x))
        return np.array([own, lagged, *totals])

    # -- random probes -----------------------------------------------------------------------------

    @cached_property
    def _probes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Probes z, W_y^2 z, W_x z, and the diagonals of W_y and W_y^2."""
        w_y = self._w_y
        assert w_y is not None
        z = probe_signs(self._n, CROSS_PROBES)
        diagonals = np.array([w_y.diagonal(), np.asarray(w_y.multiply(w_y.T).sum(axis=1)).ravel()])
        return z, w_y @ (w_y @ z), self._w_x @ z, diagonals

    def probe_values(self, x: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the estimates of tr(P D)/n and tr(P W_x D)/n by probe, shape (pieces, probes).

        ``P = I + x W + x^2 W^2 + x^3 W^3 P``: the first powers are exact. Where both W are the
        same, ``P W = W + x W^2 + x^2 W^3 P``.
        """
        assert self._w_y is not None
        z, twice, lagged, diagonals = self._probes
        factor = factorize(self._w_y, x)
        n, mean = self._n, self.slopes.mean(axis=1, keepdims=True)
        rest = self.slopes - mean
        g, _, g_x, _ = self.traces.values(np.array([x]))[:, 0]
        first, second = (rest @ diagonal / n for diagonal in diagonals)
        tail = rest @ (z * (self._w_y @ factor.solve(np.asarray(twice, order="F")))) / n
        own_part = first[:, None] + x * second[:, None] + x**2 * tail
        own = mean * (1 + x * g) + x * own_part
        if self.traces.terms.weights_x is None:
            return own, np.zeros_like(own)
        if self.traces.same:
            return own, mean * g + own_part
        part = rest @ (z * factor.solve(np.asarray(lagged, order="F"))) / n
        return own, mean * g_x + part

    @property
    def is_estimated(self) -> bool:
        """Whether the diagonals come from random probes."""
        return bool(len(self.pieces)) and self._w_y is not None and self._n > DENSE_CROSS_UP_TO


def _component(
    at_node: Callable[[float], np.ndarray], place: tuple[int, ...]
) -> Callable[[np.ndarray], np.ndarray]:
    def function(points: np.ndarray) -> np.ndarray:
        return np.array([at_node(float(x))[place] for x in points.ravel()]).reshape(points.shape)

    return function


class Spectrum:
    """Eigenvalues w of W and weights of pieces: ``tr(phi(W) D)/n = sum_j a_j phi(w_j)`` and so on.

    Parameters
    ----------
    nodes : ndarray
        Eigenvalues, shape (n,).
    weights : ndarray
        Of ``tr(phi D), tr(phi W_x D), 1'phi D 1, 1'phi W_x D 1``, all divided by n, shape
        (4, pieces, n).
    """

    def __init__(self, nodes: np.ndarray, weights: np.ndarray) -> None:
        self.nodes, self.weights = nodes, weights

    def values(self, points: np.ndarray) -> np.ndarray:
        """Return the four sums of ``1 / (1 - x w)``, shape (4, pieces, points)."""
        return np.asarray(self.weights @ (1 / (1 - np.outer(self.nodes, points))))

    def derivatives(self, points: np.ndarray) -> np.ndarray:
        """Return their derivatives with respect to x."""
        steps = self.nodes[:, None] / (1 - np.outer(self.nodes, points)) ** 2
        return np.asarray(self.weights @ steps)

    def sums(self, factors: np.ndarray) -> np.ndarray:
        """Return the four sums of functions of shape (..., n): shape (4, ..., pieces)."""
        return np.stack([factors @ part.T for part in self.weights])


def spectrum_of(
    w_y: sparse.csr_array, w_x: sparse.csr_array, slopes: np.ndarray
) -> Spectrum | None:
    """Return the spectrum of W_y with the weights of pieces.

    Parameters
    ----------
    w_y, w_x : csr_array
        Shape (n, n).
    slopes : ndarray
        Diagonals D, shape (pieces, n).

    Returns
    -------
    Spectrum or None
        None where W is not similar to a symmetric matrix: eigenvectors may then not exist.
    """
    scale = symmetrizer(w_y)
    if scale is None:
        return None
    dense = w_y.toarray()
    nodes, vectors = scipy.linalg.eigh(scale[:, None] * dense / scale)
    right, left = vectors / scale[:, None], vectors.T * scale
    n = len(dense)
    left_x = (w_x.T @ left.T).T
    sums = right.sum(axis=0)
    weights = np.stack(
        [
            slopes @ (right * left.T), slopes @ (right * left_x.T),
            (slopes @ left.T) * sums, (slopes @ left_x.T) * sums,
        ]
    )  # fmt: skip
    return Spectrum(nodes, weights / n)
