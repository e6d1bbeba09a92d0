"""Mean diagonals and mean row sums of P D and P W_x D, for slopes D that differ between units.

With ``P = (I - x W_y)^-1`` and the diagonal matrix D of a derivative by unit, the direct and the
total effect of ``beta D + theta W_x D`` are

    direct = beta tr(P D) / n + theta tr(P W_x D) / n
    total  = beta 1'P D 1 / n + theta 1'P W_x D 1 / n.

Where D is the same for all units these are the functions g and s of `TraceFunctions`. Otherwise the
diagonals of P are needed: from eigenvectors where W is similar to a symmetric matrix, from dense
inverses at Chebyshev nodes where it is not, both up to a certain size, and beyond it from random
probes, with the exact first two powers of W. Nodes and probes serve the part of D that differs from
its mean, which is a small part of an effect. Row sums take one transposed solve per node.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.linalg
from numpy.polynomial import chebyshev
from scipy import sparse
from scipy.sparse.linalg import SuperLU

from nqp_spatial.regression._effect_rows import EffectRows
from nqp_spatial.regression._trace_functions import TraceFunctions, radius_of
from nqp_spatial.regression.likelihood.factorization import DenseFactor, factorize
from nqp_spatial.regression.likelihood.sizes import (
    EFFECT_PROBES,
    EXACT_EFFECTS_UP_TO,
    probe_signs,
)
from nqp_spatial.weights._spectrum import symmetrizer

__all__ = ["MeanResponses", "Spectrum", "spectrum_of"]

# Degree of the interpolants, and its growth with the width of the window: relative errors of 1e-8
# in a part of the effect that is itself small (Bernstein's bound with singularities pi/4 away).
_DEGREE, _PER_WIDTH, _LEAST_HALF_WIDTH = 5, 10, 0.05


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
        if self._w_y is None or self._n > EXACT_EFFECTS_UP_TO:
            return None
        return spectrum_of(self._w_y, self._w_x, self.slopes)

    def _by_nodes(
        self, points: np.ndarray, *, derivatives: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return means times g and s, and the rest, interpolated between Chebyshev nodes."""
        means = self.slopes.mean(axis=1)[:, None]
        g, s, g_x, s_x = self.traces.values(points)
        smooth = np.stack(
            [means * (1 + points * g), means * g_x, means * (1 + points * s), means * s_x]
        )
        if len(points) == 1 and not derivatives:
            return smooth + self._rest_at(float(points[0]))[:, :, None], None
        window = self._window(float(points.min()), float(points.max()))
        scale = 2 / (window[1] - window[0])
        degree = _DEGREE + int(np.ceil(_PER_WIDTH * (window[1] - window[0])))
        at_nodes = chebyshev.chebpts1(degree + 1)
        radius = self._radius
        nodes = np.tanh((at_nodes + 1) / scale + window[0]) / radius
        values = np.stack([self._rest_at(float(x)) for x in nodes]).reshape(degree + 1, -1)
        series = np.linalg.solve(chebyshev.chebvander(at_nodes, degree), values)
        place = (np.arctanh(radius * points) - window[0]) * scale - 1
        shape = (*smooth.shape[:2], len(points))
        deviations = chebyshev.chebval(place, series).reshape(shape)
        if not derivatives:
            return smooth + deviations, None
        _, (dg, ds, dg_x, ds_x) = self.traces.derivatives(float(points[0]))
        slope = scale * radius / (1 - (radius * points) ** 2)
        bends = chebyshev.chebval(place, chebyshev.chebder(series)).reshape(shape) * slope
        steep = [g + points * dg, dg_x + 0 * points, s + points * ds, ds_x + 0 * points]
        return smooth + deviations, bends + np.stack([means * part for part in steep])

    @cached_property
    def _radius(self) -> float:
        w = self.traces.terms.weights_y
        assert w is not None
        return radius_of(w)

    def _window(self, low: float, high: float) -> tuple[float, float]:
        """Return the ends of a window of artanh(r x), where singularities are pi/4 away."""
        ends = np.arctanh(self._radius * np.array([low, high]))
        middle, half = ends.mean(), max((ends[1] - ends[0]) / 2, _LEAST_HALF_WIDTH)
        return float(middle - half), float(middle + half)

    def _rest_at(self, x: float) -> np.ndarray:
        """Return the four functions of what differs from the mean of D, shape (4, pieces)."""
        w_y, w_x, n = self._w_y, self._w_x, self._n
        assert w_y is not None
        deviations = self.slopes - self.slopes.mean(axis=1, keepdims=True)
        dense = n <= EXACT_EFFECTS_UP_TO
        factor = DenseFactor(w_y, x) if dense else factorize(w_y, x)
        sums = factor.solve(np.ones(n), trans="T")
        totals = [deviations @ sums / n, deviations @ (w_x.T @ sums) / n]
        if not dense:
            unlagged, lagged = (part.mean(axis=-1) for part in self._probed_rest(x, factor))
            return np.array([unlagged, lagged, *totals])
        inverse = factor.solve(np.eye(n))
        links = w_x.tocoo()
        receivers, senders = links.coords
        lags = np.bincount(senders, links.data * inverse[senders, receivers], minlength=n)
        return np.array([deviations @ inverse.diagonal() / n, deviations @ lags / n, *totals])

    # -- random probes -----------------------------------------------------------------------------

    @cached_property
    def _probes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Probes z, W_y^2 z, W_x z, and the diagonals of W_y and W_y^2."""
        w_y = self._w_y
        assert w_y is not None
        z = probe_signs(self._n, EFFECT_PROBES)
        diagonals = np.array([w_y.diagonal(), np.asarray(w_y.multiply(w_y.T).sum(axis=1)).ravel()])
        return z, w_y @ (w_y @ z), self._w_x @ z, diagonals

    def probe_values(self, x: float) -> tuple[np.ndarray, np.ndarray]:
        """Return estimates of tr(P D)/n and tr(P W_x D)/n by probe, shape (pieces, probes)."""
        assert self._w_y is not None
        g, _, g_x, _ = self.traces.values(np.array([x]))[:, 0]
        means = self.slopes.mean(axis=1, keepdims=True)
        unlagged, lagged = self._probed_rest(x, factorize(self._w_y, x))
        return unlagged + means * (1 + x * g), lagged + means * g_x

    def _probed_rest(self, x: float, factor: SuperLU) -> tuple[np.ndarray, np.ndarray]:
        """Return the part of `probe_values` that differs from the mean of D.

        ``P = I + x P W`` and ``P W = W + x W^2 + x^2 W^3 P``: the first powers are exact.
        """
        z, twice, lagged, diagonals = self._probes
        n, deviations = self._n, self.slopes - self.slopes.mean(axis=1, keepdims=True)
        first, second = (deviations @ diagonal / n for diagonal in diagonals)
        tail = deviations @ (z * (self._w_y @ factor.solve(np.asarray(twice, order="F")))) / n
        part = first[:, None] + x * second[:, None] + x**2 * tail
        if self.traces.terms.weights_x is None:
            return x * part, np.zeros_like(part)
        if self.traces.same:
            return x * part, part
        return x * part, deviations @ (z * factor.solve(np.asarray(lagged, order="F"))) / n

    @property
    def is_estimated(self) -> bool:
        """Whether the diagonals come from random probes."""
        return bool(len(self.pieces)) and self._w_y is not None and self._n > EXACT_EFFECTS_UP_TO


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
    right, inverse = vectors / scale[:, None], vectors.T * scale
    n = len(dense)
    inverse_x = (w_x.T @ inverse.T).T
    sums = right.sum(axis=0)
    weights = np.stack(
        [
            slopes @ (right * inverse.T), slopes @ (right * inverse_x.T),
            (slopes @ inverse.T) * sums, (slopes @ inverse_x.T) * sums,
        ]
    )  # fmt: skip
    return Spectrum(nodes, weights / n)
