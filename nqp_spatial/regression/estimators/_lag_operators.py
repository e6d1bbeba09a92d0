"""Responses of y to errors as operators: for two matrices W, and for errors of unequal variance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from nqp_spatial.regression.likelihood.factorization import factorize
from nqp_spatial.regression.likelihood.sizes import probe_signs

__all__ = ["LagOperators"]

_EXACT_UP_TO = 400  # units up to which all columns are solved for
_PROBES = 64
_AT_ONCE = 16  # probes at a time


class LagOperators:
    """The matrices ``F_m = C V A^m B^-1 C^-1`` applied to vectors, ``C = I - lam W_u``.

    V is I or W, the responses of y_(t-1), W y_(t-1) and W y_t by lag as in `LagFunctions`; and
    ``H = W_u C^-1``. Up to four hundred units sums over units are exact; beyond, they are estimated
    from random probes.

    Parameters
    ----------
    matrices : tuple
        W of y and W of the errors, or None.
    point : ndarray
        (tau, eta, rho, lam).
    shape : tuple
        (n_units, T).
    drops_mean : bool
        Whether J takes out means over units.
    seed : int, optional
    """

    def __init__(
        self,
        matrices: tuple[sparse.csr_array | None, sparse.csr_array | None],
        point: np.ndarray,
        shape: tuple[int, int],
        *,
        drops_mean: bool,
        seed: int | None = 0,
    ) -> None:
        n, self.n_periods = shape
        empty = sparse.csr_array((n, n))
        self.w, self.u = (empty if matrix is None else matrix for matrix in matrices)
        self.tau, self.eta, rho, self.lam = point
        self.n, self.drops_mean, self.seed = n, drops_mean, seed or 0
        self._outcome = factorize(self.w, float(rho))
        self._error = factorize(self.u, float(self.lam))
        self._transposes = (sparse.csr_array(self.w.T), sparse.csr_array(self.u.T))

    def _blocks(self) -> Iterator[tuple[np.ndarray, int]]:
        exact = self.n <= _EXACT_UP_TO
        probes = np.eye(self.n) if exact else probe_signs(self.n, _PROBES, self.seed)
        count = 1 if exact else _PROBES
        width = self.n if exact else _AT_ONCE
        for first in range(0, probes.shape[1], width):
            yield np.asfortranarray(probes[:, first : first + width]), count

    def _centred(self, x: np.ndarray) -> np.ndarray:
        return x - x.mean(axis=0) if self.drops_mean else x

    def responses(self, x: np.ndarray) -> np.ndarray:
        """Return ``J F_m x`` by term and lag, shape (3, T, *x.shape)."""
        result = np.zeros((3, self.n_periods, *x.shape))
        state = self._outcome.solve(self._error.solve(x))
        for m in range(self.n_periods):
            lagged = self.w @ state
            result[2, m] = self._filtered(lagged)
            if m + 1 < self.n_periods:
                result[0, m + 1] = self._filtered(state)
                result[1, m + 1] = result[2, m]
                state = self._outcome.solve(self.tau * state + self.eta * lagged)
        return result

    def transposed(self, x: np.ndarray) -> np.ndarray:
        """Return ``F_m' J x`` by term and lag, shape (3, T, *x.shape)."""
        w, u = self._transposes
        x = self._centred(x)
        start = x - self.lam * (u @ x)
        result = np.zeros((3, self.n_periods, *x.shape))
        for term, first, state in ((0, 1, start), (2, 0, w @ start)):
            for m in range(first, self.n_periods):
                solved = self._outcome.solve(np.asfortranarray(state), "T")
                result[term, m] = self._error.solve(np.asfortranarray(solved), "T")
                state = self.tau * solved + self.eta * (w @ solved)
        result[1, 1:] = result[2, :-1]
        return result

    def errors(self, x: np.ndarray) -> np.ndarray:
        """Return ``J H x``."""
        return self._centred(self.u @ self._error.solve(x))

    def errors_transposed(self, x: np.ndarray) -> np.ndarray:
        """Return ``H' J x``."""
        centred = np.asfortranarray(self._transposes[1] @ self._centred(x))
        return np.asarray(self._error.solve(centred, "T"))

    def _filtered(self, x: np.ndarray) -> np.ndarray:
        return self._centred(x - self.lam * (self.u @ x))

    def diagonals(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the diagonals of J F_m and J H, and ``tr J F_m J H``.

        Returns
        -------
        ndarray, ndarray, ndarray
            Shapes (3, T, n), (n,) and (3, T).
        """
        own = np.zeros((3, self.n_periods, self.n))
        own_h, cross = np.zeros(self.n), np.zeros((3, self.n_periods))
        for probes, count in self._blocks():
            own += np.einsum("amij,ij->ami", self.responses(probes), probes) / count
            reached = self.errors(probes)
            own_h += np.einsum("ij,ij->i", reached, probes) / count
            across = self.responses(np.asfortranarray(reached))
            cross += np.einsum("amij,ij->am", across, probes) / count
        return own, own_h, cross

    def weighted_pairs(self, weights: np.ndarray) -> np.ndarray:
        """Return ``sum_{i != j} h_i h_j tr Q_ij Q_ji`` for tau, eta, rho and lam.

        Parameters
        ----------
        weights : ndarray
            h, shape (n,).

        Returns
        -------
        ndarray
            Shape (4, 4).
        """
        t = self.n_periods
        size = 3 * t
        totals, with_h = np.zeros((size, size)), np.zeros((3, t))
        own, own_h, twice_h = np.zeros((3, t, self.n)), np.zeros(self.n), 0.0
        for probes, count in self._blocks():
            right = self.responses(probes)
            own += np.einsum("amij,ij->ami", right, probes) / count
            scaled = np.asfortranarray(weights[:, None] * probes)
            if count == 1:  # all columns are there: the transposes are those of `right`
                left = (np.outer(weights, weights) * right).swapaxes(2, 3)
            else:
                left = self.transposed(scaled) * weights[:, None]
            totals += left.reshape(size, -1) @ right.reshape(size, -1).T / count
            h_right = self.errors(probes)
            own_h += np.einsum("ij,ij->i", h_right, probes) / count
            with_h += np.einsum("amij,ij->am", left, h_right) / count
            h_left = self.errors_transposed(scaled) * weights[:, None]
            twice_h += float((h_left * h_right).sum()) / count
        squares = weights**2
        own_rows = own.reshape(size, -1)
        totals = (totals - (own_rows * squares) @ own_rows.T).reshape(3, t, 3, t)
        with_h = with_h - own @ (squares * own_h)
        left_over = np.arange(t, 0, -1.0)
        chained = np.maximum(left_over[:, None] - np.arange(t), 0)  # T - m - l
        kernel = np.outer(left_over, left_over) / t**2 - 2 / t * chained
        kernel[0, 0] += t
        pairs = np.zeros((4, 4))
        pairs[:3, :3] = np.einsum("ambl,ml->ab", totals, kernel)
        pairs[:3, 3] = pairs[3, :3] = t * with_h[:, 0] - with_h @ left_over / t
        pairs[3, 3] = (t - 1) * (twice_h - float(squares @ own_h**2))
        return pairs
