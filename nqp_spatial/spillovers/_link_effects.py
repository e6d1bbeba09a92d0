"""Effects through several spatial lags, summed over links, with derivatives; docs/spillovers.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse import linalg as sla

from nqp_spatial.core.groups import Groups
from nqp_spatial.regression._term_weights import matrices_by_name
from nqp_spatial.regression.likelihood.factorization import factorize_system
from nqp_spatial.regression.likelihood.link_systems import LinkSums
from nqp_spatial.regression.likelihood.several_lags import system_of, weighted_sum
from nqp_spatial.regression.likelihood.sizes import (
    DENSE_LOGDET_UP_TO,
    DENSE_UP_TO,
    SUM_PROBES,
    probe_signs,
)
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.weights._spectrum import is_dense

__all__ = ["GroupEffects", "LinkEffects"]

_STEP = 2e-5  # of central differences of traces that are exact to rounding


@dataclass(frozen=True, eq=False)
class GroupEffects:
    """Effects of one regressor and their derivatives with respect to the parameters.

    Attributes
    ----------
    total : ndarray
        By receiver and sender, shape (G, G).
    direct : ndarray
        Shape (G,).
    total_slopes, direct_slopes : ndarray
        Shapes (P, G, G) and (P, G).
    noise : float
        Largest standard error of the direct effects from random probes; 0 if they are exact.
    """

    total: np.ndarray
    direct: np.ndarray
    total_slopes: np.ndarray
    direct_slopes: np.ndarray
    noise: float


@dataclass(frozen=True, eq=False)
class LinkEffects:
    """``S^-1 M`` of one regressor: ``S = I - sum_k rho_k W_k``, ``M = sum_p b_p M_p``.

    M_p is the diagonal of a group for a beta and W_l for a theta, so that dM/db_p is M_p and the
    derivative of ``S^-1 M`` with respect to rho_k is ``S^-1 W_k S^-1 M``.

    Attributes
    ----------
    model : RegressionResult
        A model with parts.
    variable : str
        A regressor.
    """

    model: RegressionResult
    variable: str

    @cached_property
    def factor(self) -> sla.SuperLU:
        """Factors of S."""
        return factorize_system(system_of(self.model.terms.matrices_y, self.rho))

    @cached_property
    def rho(self) -> np.ndarray:
        """Estimates of rho, the last of the parameters."""
        return np.asarray(self.model.params.to_numpy()[self.first_rho :])

    @property
    def first_rho(self) -> int:
        """Position of the first rho among the parameters."""
        return len(self.model.params) - len(self.model.terms.y)

    @cached_property
    def pieces(self) -> dict[int, sparse.csr_array]:
        """M_p by position of the parameter."""
        matrices = matrices_by_name(self.model.terms.x)
        pieces = {}
        for position, (block, name, part) in enumerate(self.model.params.index):
            if name == self.variable and block == "x":
                member = self.model.regimes[part].astype(float)
                pieces[position] = sparse.csr_array(sparse.diags_array(member))
            if name == self.variable and block == "wx":
                pieces[position] = matrices[part]
        return pieces

    @cached_property
    def m(self) -> sparse.csr_array:
        """M."""
        coefs = self.model.params.to_numpy()[list(self.pieces)]
        return weighted_sum(list(self.pieces.values()), coefs)

    def lags(self) -> list[tuple[int, sparse.csr_array]]:
        """Return the position and the W_k of each rho."""
        return list(enumerate(self.model.terms.matrices_y, start=self.first_rho))

    # -- between groups ----------------------------------------------------------------------------

    def by_groups(self, groups: Groups) -> GroupEffects:
        """Return effects of a unit increase in x in all units of a group on the mean of a group."""
        ones, count = groups.indicators(), len(self.model.params)
        averages = self.factor.solve(ones, trans="T") / groups.sizes  # columns S'^-1 1_a / n_a
        reached = self.factor.solve(np.asarray(self.m @ ones))  # columns S^-1 M 1_b
        total = averages.T @ (self.m @ ones)
        slopes = np.zeros((count, *total.shape))
        for position, piece in self.pieces.items():
            slopes[position] = averages.T @ (piece @ ones)
        for position, matrix in self.lags():
            slopes[position] = averages.T @ (matrix @ reached)
        direct, direct_slopes, noise = self._direct_sums(ones)
        sizes = groups.sizes
        return GroupEffects(total, direct / sizes, slopes, direct_slopes / sizes, noise)

    def _direct_sums(self, ones: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Return sums over each group of diag(S^-1 M), of its derivatives, and their error."""
        n = self.model.n_units
        if n > DENSE_LOGDET_UP_TO and not is_dense(self.m):
            by_links = self._direct_by_links(ones)
            if by_links is not None:
                return by_links
        return self._direct(ones) if n <= DENSE_UP_TO else self._direct_by_probes(ones)

    def _direct_by_links(self, ones: np.ndarray) -> tuple[np.ndarray, np.ndarray, float] | None:
        """Return the sums from the cells of S^-1 at links only, or none if pivots are too small.

        With E the units of a group, ``tr E S^-1 W_k S^-1 M`` is the derivative of ``tr W_k (S - e M
        E)^-1`` by e at zero, for all k at once.
        """
        lags, pieces = self.model.terms.matrices_y, list(self.pieces.values())
        sums = LinkSums([*lags, *pieces])
        coefs = self.model.params.to_numpy()[list(self.pieces)]
        system = sums.weights(np.concatenate([self.rho, np.zeros(len(pieces))]))
        factor = sums.system.factor(system)
        if not np.isfinite(factor.logdet):
            return None
        inverse = factor.inverse_at_links()
        slopes = np.zeros((len(self.model.params), ones.shape[1]))
        direct = np.zeros(ones.shape[1])
        for k, (position, coefficient) in enumerate(zip(self.pieces, coefs, strict=True)):
            slopes[position] = sums.diagonal(inverse, len(lags) + k) @ ones
            direct += coefficient * slopes[position]
        effect = np.concatenate([np.zeros(len(lags)), coefs])
        step = _STEP / max(sums.largest_row_sum(effect), np.finfo(float).tiny)
        for group, members in enumerate(ones.T):
            move = step * sums.of_senders(sums.weights(effect), members)
            ahead, behind = (
                sums.traces(sums.system.factor(system + sign * move).inverse_at_links())
                for sign in (1, -1)
            )
            slopes[self.first_rho :, group] = (ahead - behind)[: len(lags)] / (2 * step)
        return direct, slopes, 0.0

    def _direct(self, ones: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Return sums over each group of diag(S^-1 M) and of its derivatives, from S^-1."""
        n = self.model.n_units
        inverse = self.factor.solve(np.eye(n))

        def diagonal(piece: sparse.csr_array) -> np.ndarray:
            # diag(S^-1 Q): only the cells of Q contribute.
            links = piece.tocoo()
            cells = inverse[links.col, links.row] * links.data
            return np.bincount(links.col, cells, minlength=n)

        slopes = np.zeros((len(self.model.params), ones.shape[1]))
        for position, piece in self.pieces.items():
            slopes[position] = diagonal(piece) @ ones
        reached = inverse @ self.m  # S^-1 M
        for position, matrix in self.lags():
            slopes[position] = np.einsum("ij,ji->i", inverse, matrix @ reached) @ ones
        return diagonal(self.m) @ ones, slopes, 0.0

    def _direct_by_probes(self, ones: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the same from random probes: ``E z o S^-1 Q z = diag(S^-1 Q)``."""
        z = probe_signs(self.model.n_units, SUM_PROBES)

        def diagonals(right: np.ndarray) -> np.ndarray:
            return np.asarray(ones.T @ (z * self.factor.solve(right)))

        slopes = np.zeros((len(self.model.params), ones.shape[1]))
        for position, piece in self.pieces.items():
            slopes[position] = diagonals(np.asarray(piece @ z)).mean(axis=1)
        reached = self.factor.solve(np.asarray(self.m @ z))
        each = ones.T @ (z * reached)
        for position, matrix in self.lags():
            slopes[position] = diagonals(np.asarray(matrix @ reached)).mean(axis=1)
        noise = each.std(axis=1, ddof=1) / np.sqrt(SUM_PROBES) / ones.sum(axis=0)
        return each.mean(axis=1), slopes, float(noise.max())

    # -- by band of distance -----------------------------------------------------------------------

    def by_bands(self, masks: Sequence[sparse.csr_array]) -> tuple[np.ndarray, np.ndarray]:
        """Return mean effects of the units in each band and beyond, (B,), and slopes (P, B).

        Parameters
        ----------
        masks : sequence of csr_array
            Ones where the distance between two units lies in the band.
        """
        exact = self.model.n_units <= DENSE_UP_TO
        sums = _ExactSums(self, masks) if exact else _ProbedSums(self, masks)
        values = sums.of(self.m)
        slopes = np.zeros((len(self.model.params), len(values)))
        for position, piece in self.pieces.items():
            slopes[position] = sums.of(piece)
        for position, matrix in self.lags():
            slopes[position] = sums.after(matrix)
        return values, slopes


class _ExactSums:
    """Sums of ``S^-1 Q`` over the cells of bands, from the inverse."""

    def __init__(self, effects: LinkEffects, masks: Sequence[sparse.csr_array]) -> None:
        self.n = effects.model.n_units
        self.inverse = effects.factor.solve(np.eye(self.n))
        self.reached = self.inverse @ effects.m
        self.cells = [sparse.coo_array(mask) for mask in masks]

    def _sums(self, array: np.ndarray) -> np.ndarray:
        bands = [float(cell.data @ array[cell.row, cell.col]) for cell in self.cells]
        beyond = float(array.sum() - np.trace(array)) - sum(bands)
        return np.array([*bands, beyond]) / self.n

    def of(self, matrix: sparse.csr_array) -> np.ndarray:
        """Return the sums of ``S^-1 Q``."""
        return self._sums(np.asarray(self.inverse @ matrix))

    def after(self, matrix: sparse.csr_array) -> np.ndarray:
        """Return the sums of ``S^-1 W S^-1 M``."""
        return self._sums(self.inverse @ (matrix @ self.reached))


class _ProbedSums:
    """The same from random signs: E z'C'A z is the sum of C o A; beyond is the rest of each row."""

    def __init__(self, effects: LinkEffects, masks: Sequence[sparse.csr_array]) -> None:
        self.n, self.factor = effects.model.n_units, effects.factor
        self.z = probe_signs(self.n, SUM_PROBES)
        self.marked = [mask @ self.z for mask in masks]
        self.ones = np.ones(self.n)
        self.reached = [self.factor.solve(effects.m @ v) for v in (self.z, self.ones)]

    def _sums(self, of_signs: np.ndarray, of_ones: np.ndarray) -> np.ndarray:
        image = self.factor.solve(np.asarray(of_signs))
        bands = [float((mark * image).sum()) / SUM_PROBES / self.n for mark in self.marked]
        diagonal_part = float((self.z * image).sum()) / SUM_PROBES / self.n
        total = float(self.factor.solve(np.asarray(of_ones)).mean())
        return np.array([*bands, total - diagonal_part - sum(bands)])

    def of(self, matrix: sparse.csr_array) -> np.ndarray:
        """Return the sums of ``S^-1 Q``."""
        return self._sums(matrix @ self.z, matrix @ self.ones)

    def after(self, matrix: sparse.csr_array) -> np.ndarray:
        """Return the sums of ``S^-1 W S^-1 M``."""
        return self._sums(*(matrix @ part for part in self.reached))
