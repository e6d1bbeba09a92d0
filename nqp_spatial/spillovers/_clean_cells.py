"""Unit and period effects estimated from some cells of a panel, and what is left in all cells.

The first step of imputation estimators: ``y_it = mu_i + lam_t + x_it'b + e_it`` on clean cells,
which may be few and irregular. Units are eliminated, so that a system of T - 1 periods remains.
Many sets of clean cells are solved together, one for each leading index.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["CleanCells", "FirstStep"]


@dataclass(frozen=True, eq=False)
class CleanCells:
    """Sets of clean cells.

    Attributes
    ----------
    mask : ndarray
        Ones in clean cells, else zeros, shape (sets, n_units, n_periods). Each unit and each period
        has a clean cell, and all are linked by them.
    """

    mask: np.ndarray

    @cached_property
    def by_unit(self) -> np.ndarray:
        """Clean cells of each unit, shape (sets, n_units)."""
        return np.asarray(self.mask.sum(axis=2))

    @cached_property
    def _periods_inverse(self) -> np.ndarray:
        """Inverse of what remains of the normal equations without units and the first period."""
        shares = self.mask / self.by_unit[:, :, None]
        linked = np.matmul(self.mask.transpose(0, 2, 1), shares)
        counts = self.mask.sum(axis=1)
        matrix = np.einsum("st,tu->stu", counts, np.eye(counts.shape[1])) - linked
        return np.asarray(np.linalg.inv(matrix[:, 1:, 1:]))

    def solve(self, of_units: np.ndarray, of_periods: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Solve the normal equations of unit and period dummies; the first period is zero.

        Parameters
        ----------
        of_units, of_periods : ndarray
            Right-hand sides, shapes (sets, n_units, K) and (sets, n_periods, K).

        Returns
        -------
        tuple of ndarray
            mu and lam, of the same shapes.
        """
        from_units = np.matmul(self.mask.transpose(0, 2, 1), of_units / self.by_unit[:, :, None])
        lam = np.zeros_like(of_periods)
        lam[:, 1:] = np.matmul(self._periods_inverse, (of_periods - from_units)[:, 1:])
        mu = (of_units - np.matmul(self.mask, lam)) / self.by_unit[:, :, None]
        return mu, lam

    def net(self, series: np.ndarray) -> np.ndarray:
        """Return series less the effects estimated from clean cells, in all cells.

        Parameters
        ----------
        series : ndarray
            Shape (n_units, n_periods, K).

        Returns
        -------
        ndarray
            Shape (sets, n_units, n_periods, K).
        """
        of_units = np.einsum("snt,ntk->snk", self.mask, series)
        of_periods = np.einsum("snt,ntk->stk", self.mask, series)
        mu, lam = self.solve(of_units, of_periods)
        return np.asarray(series - mu[:, :, None] - lam[:, None])


@dataclass(frozen=True, eq=False)
class FirstStep:
    """Effects and coefficients of controls from one set of clean cells.

    Attributes
    ----------
    mask : ndarray of bool
        Clean cells, shape (n_units, n_periods).
    y : ndarray
        Shape (n_units, n_periods).
    x : ndarray
        Controls, shape (n_units, n_periods, K).
    """

    mask: np.ndarray
    y: np.ndarray
    x: np.ndarray

    @cached_property
    def cells(self) -> CleanCells:
        """The cells, as a single set."""
        return CleanCells(self.mask[None].astype(float))

    @cached_property
    def controls(self) -> np.ndarray:
        """Controls less their effects, in all cells, shape (n_units, n_periods, K)."""
        controls: np.ndarray = self.cells.net(self.x)[0]
        return controls

    @cached_property
    def _gram_inverse(self) -> np.ndarray:
        clean = self.controls[self.mask]
        return np.asarray(np.linalg.inv(clean.T @ clean))

    @cached_property
    def coefficients(self) -> np.ndarray:
        """Coefficients of the controls, shape (K,)."""
        return np.asarray(self._slopes(self.cells.net(self.y[:, :, None])[0])[:, 0])

    def _slopes(self, net: np.ndarray) -> np.ndarray:
        slopes: np.ndarray = self._gram_inverse @ (self.controls[self.mask].T @ net[self.mask])
        return slopes

    def net(self, series: np.ndarray) -> np.ndarray:
        """Return series less all that the first step explains of them, in all cells."""
        net = self.cells.net(series)[0]
        return np.asarray(net - self.controls @ self._slopes(net))

    @cached_property
    def residuals(self) -> np.ndarray:
        """Y less effects and controls in all cells: residuals in clean cells, effects in others."""
        return np.asarray(self.net(self.y[:, :, None])[:, :, 0])

    def carried(self, weights: np.ndarray) -> np.ndarray:
        """Return the weights of clean cells in the effects that are taken out of other cells.

        With ``sum_it h_it (y_it - mu_i - lam_t - x_it'b) = sum h y - sum g y``, the g of weights h.

        Parameters
        ----------
        weights : ndarray
            h, zero in clean cells, shape (n_units, n_periods, P).

        Returns
        -------
        ndarray
            g, zero outside clean cells, of the same shape.
        """
        mu, lam = self.cells.solve(weights.sum(axis=1)[None], weights.sum(axis=0)[None])
        on_controls = np.einsum("ntk,ntp->kp", self.controls, weights)
        of_controls = self.controls @ (self._gram_inverse @ on_controls)
        return np.asarray((mu[0][:, None] + lam[0][None] + of_controls) * self.mask[:, :, None])
