"""Variances of ``e'F e`` and ``e'H e``, the quadratic parts of the scores of rho and lam.

A quadratic form is a sum over unordered pairs, ``sum_i F_ii e_i^2 + sum_(i<j) (F_ij + F_ji) e_i
e_j``. Where errors of different clusters are independent, the sums over pairs of clusters are
uncorrelated with each other, with the sums within clusters and with everything linear, whatever the
distribution. Hence, with ``S = F + F'`` and ``a_gh = sum_(i in g, j in h) e_i S_ij e_j``, the
variance is that of the sums within clusters plus ``sum_(g<h) a_gh^2``, which does not depend on the
order of units.

Where the correlation falls with distance by a kernel K, ``sum_ij K_ij e_i e_j`` stands for the
covariances: with ``C_ij = e_i S_ij e_j`` the variance of the sum over pairs is ``tr(C K C K) / 2``,
as for normal errors, of which the terms of squares are replaced by those of the squares' own
deviations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np
from scipy import sparse

from nqp_spatial.regression._error_dependence import Clusters, Nearness
from nqp_spatial.regression.covariance.information import FilterPair
from nqp_spatial.regression.covariance.unit_pairs import (
    linked_pair_variance,
    sampled_pair_variance,
)
from nqp_spatial.regression.likelihood.sizes import (
    BLOCK,
    DENSE_CROSS_UP_TO,
    PAIR_PROBES,
    PROBES,
    probe_signs,
)

__all__ = ["QuadraticForms", "SparseForms"]

# Sums of e S e between the clusters of one period: their codes, and one matrix for each form.
_PairSums = tuple[np.ndarray, list[np.ndarray]]


class SparseForms:
    """Sparse matrices in the place of F and H, as in moment conditions."""

    def __init__(self, matrices: Sequence[sparse.csr_array]) -> None:
        self.matrices = matrices

    #: W of which all of them are functions.
    common = None

    def diagonals(self, active: Sequence[int]) -> np.ndarray:
        """Return the diagonals, shape (n, forms)."""
        return np.column_stack([self.matrices[which].diagonal() for which in active])

    def times(self, which: int, x: np.ndarray, *, transposed: bool = False) -> np.ndarray:
        """Return A x, or A'x."""
        matrix = self.matrices[which]
        return np.asarray((matrix.T if transposed else matrix) @ x)


class QuadraticForms:
    """The quadratic forms of the active spatial parameters at one estimate.

    Up to `DENSE_CROSS_UP_TO` units, F and H are dense and everything is exact. Beyond, diagonals
    are exact if F and H are functions of one sparse W, and traces are means over random probes,
    each a solve with the sparse factors; so many units make their relative error small, and
    `error` states it.

    Parameters
    ----------
    pair : FilterPair or SparseForms
        Products with F_k and H.
    active : sequence of int
        Which of them the model has; the last of the R + 1 is H.
    e : ndarray
        Residuals, shape (units, periods), in the order of the rows of F.
    seed : int, optional
        Of the probes.
    """

    def __init__(
        self,
        pair: FilterPair | SparseForms,
        active: Sequence[int],
        e: np.ndarray,
        seed: int | None = 0,
    ) -> None:
        self.pair, self.active, self.e, self.seed = pair, list(active), e, seed
        self.is_exact = len(e) <= DENSE_CROSS_UP_TO
        #: Relative standard error of the traces that probes estimated.
        self.error = 0.0
        #: Number of those probes.
        self.probes = PAIR_PROBES

    @cached_property
    def dense(self) -> list[np.ndarray]:
        """Return ``F + F'`` of each form, for few units."""
        images = [self.pair.times(which, np.eye(len(self.e))) for which in self.active]
        return [image + image.T for image in images]

    def doubled(self, which: int, x: np.ndarray) -> np.ndarray:
        """Return ``(F + F') x``."""
        return np.asarray(self.pair.times(which, x) + self.pair.times(which, x, transposed=True))

    @cached_property
    def diagonal(self) -> np.ndarray:
        """Return F_ii of each form, shape (units, forms); by probes if they need n solves."""
        if self.is_exact:
            return np.column_stack([np.diag(matrix) / 2 for matrix in self.dense])
        known = self.pair.diagonals(self.active)
        if known is not None:
            return known
        sums = np.zeros((len(self.e), len(self.active)))
        probes = probe_signs(len(self.e), PROBES, self.seed)
        for start in range(0, PROBES, 50):
            v = probes[:, start : start + 50]
            for column, which in enumerate(self.active):
                sums[:, column] += (v * self.pair.times(which, v)).sum(axis=1)
        return sums / PROBES

    # -- clusters ----------------------------------------------------------------------------------

    def by_clusters(self, clusters: Clusters) -> tuple[np.ndarray, np.ndarray]:
        """Return the forms within each cluster, and the variance of what lies between clusters.

        Parameters
        ----------
        clusters : Clusters
            With codes in the shape of e.

        Returns
        -------
        tuple of ndarray
            Shapes (clusters, forms) and (forms, forms).
        """
        codes = clusters.codes
        sizes = [len(np.unique(column)) for column in codes.T]
        if self.is_exact:
            blocks = self._dense_blocks(clusters)
        elif sum(sizes) <= DENSE_CROSS_UP_TO:
            blocks = self._solved_blocks(codes)
        else:
            return self._probed(clusters)
        return _summed(list(blocks), clusters.count, len(self.active))

    def _dense_blocks(self, clusters: Clusters) -> Iterator[_PairSums]:
        codes, e = clusters.codes, self.e
        products = [(codes[:, 0], e @ e.T)] if clusters.contain_units else None
        pairs = products or ((codes[:, t], np.outer(e[:, t], e[:, t])) for t in range(e.shape[1]))
        for column, weights in pairs:
            labels, members = _members(column)
            yield (
                labels,
                [
                    np.asarray(members @ np.asarray(members @ (matrix * weights)).T)
                    for matrix in self.dense
                ],
            )

    def _solved_blocks(self, codes: np.ndarray) -> Iterator[_PairSums]:
        """Yield the sums by one solve for each cluster and period."""
        for t in range(codes.shape[1]):
            labels, members = _members(codes[:, t])
            columns = members.toarray().T * self.e[:, [t]]
            halves = [columns.T @ self.pair.times(which, columns) for which in self.active]
            yield labels, [half + half.T for half in halves]

    def _probed(self, clusters: Clusters) -> tuple[np.ndarray, np.ndarray]:
        """Estimate the same sums by random signs: for many units in many clusters."""
        size, count = self.e.size, clusters.count
        codes = clusters.codes.ravel()
        members = sparse.csr_array((np.ones(size), (codes, np.arange(size))), shape=(count, size))

        def within(v: np.ndarray) -> np.ndarray:
            flat = v.reshape(size, -1)
            return np.asarray(members.T @ (members @ flat)).reshape(v.shape)

        own = np.zeros((count, len(self.active)))
        if clusters.contain_units and count == len(self.e):
            own[clusters.codes[:, 0]] = self.diagonal * (self.e**2).sum(axis=1, keepdims=True)
            return own, self._between_units()
        for signs in self._chunks(count, PROBES):
            x = self.e[:, :, None] * signs[clusters.codes]
            for column, image in enumerate(self._images(x)):
                own[:, column] += (members @ (x * image).reshape(size, -1)).sum(axis=1) / 2
        own /= PROBES
        return own, self._trace(within) / 2 - 2 * own.T @ own

    def _between_units(self) -> np.ndarray:
        """Return the variance of the sums over pairs of units."""
        if isinstance(self.pair, SparseForms):
            return linked_pair_variance([self.pair.matrices[k] for k in self.active], self.e)
        between, error, self.probes = sampled_pair_variance(
            self.pair, self.active, self.diagonal, self.e, seed=self.seed
        )
        self.error = max(self.error, error)
        return between

    # -- distance ----------------------------------------------------------------------------------

    def by_nearness(self, nearness: Nearness) -> np.ndarray:
        """Return the variance of the sums over pairs, without the squares, shape (forms, forms).

        Parameters
        ----------
        nearness : Nearness
            With a row for each unit of e.
        """
        squares = 2 * self.diagonal[:, None, :] * (self.e**2)[:, :, None]
        weights = Nearness(sparse.csr_array(nearness.space.power(2)), nearness.time**2)
        doubled = np.einsum("itk,itl->kl", squares, weights.lagged(squares))
        total = self._exact_trace(nearness) if self.is_exact else self._trace(nearness.lagged)
        return np.asarray(total - doubled) / 2

    def _exact_trace(self, nearness: Nearness) -> np.ndarray:
        forms, periods = len(self.active), self.e.shape[1]
        total = np.zeros((forms, forms))
        for e in self.e.T:
            images = [nearness.space @ (e[:, None] * matrix * e) for matrix in self.dense]
            total += [[(one * other.T).sum() for other in images] for one in images]
        for gap in range(1, min(len(nearness.time), periods)):
            mixed = self.e[:, gap:] * self.e[:, :-gap]
            weights = 2 * nearness.time[gap] ** 2 * (mixed @ mixed.T)
            total += [[(weights * one * other).sum() for other in self.dense] for one in self.dense]
        return total

    # -- probes ------------------------------------------------------------------------------------

    def _trace(self, kernel: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return tr(C_k K C_l K) by probes; C = e S e has a block for each period."""
        values = []
        for signs in self._chunks(self.e.size, PAIR_PROBES):
            v = signs.reshape(*self.e.shape, -1)
            e = self.e[:, :, None]
            left = [e * image for image in self._images(e * v)]
            right = [kernel(e * image) for image in self._images(e * kernel(v))]
            values.append([[(a * b).sum(axis=(0, 1)) for b in right] for a in left])
        by_probe = np.concatenate(values, axis=2)
        mean = by_probe.mean(axis=2)
        errors = by_probe.std(axis=2, ddof=1) / np.sqrt(by_probe.shape[2])
        self.error = max(self.error, float((np.diag(errors) / np.abs(np.diag(mean))).max()))
        return np.asarray(mean + mean.T) / 2

    def _images(self, x: np.ndarray) -> list[np.ndarray]:
        """Return ``(F + F') x`` of each form, shape (units, periods, probes)."""
        flat = x.reshape(len(x), -1)
        return [self.doubled(which, flat).reshape(x.shape) for which in self.active]

    def _chunks(self, size: int, count: int) -> Iterator[np.ndarray]:
        """Yield random signs, shape (size, a few), so that memory stays linear in n."""
        step = max(BLOCK // 10 // self.e.shape[1], 1)
        for start in range(0, count, step):
            seed = None if self.seed is None else self.seed + start
            yield probe_signs(size, min(step, count - start), seed)


def _members(codes: np.ndarray) -> tuple[np.ndarray, sparse.csr_array]:
    """Return the different codes, and a matrix that adds up units by code."""
    labels, rows = np.unique(codes, return_inverse=True)
    ones = np.ones(len(codes))
    shape = (len(labels), len(codes))
    return labels, sparse.csr_array((ones, (rows, np.arange(len(codes)))), shape=shape)


def _summed(blocks: list[_PairSums], count: int, forms: int) -> tuple[np.ndarray, np.ndarray]:
    """Return sums within clusters, and between them; a cluster may have several periods."""
    labels = np.concatenate([block for block, _ in blocks])
    if len(np.unique(labels)) < len(labels):
        blocks = [(np.arange(count), _added_up(blocks, count, forms))]
    own, between = np.zeros((count, forms)), np.zeros((forms, forms))
    for block, matrices in blocks:
        diagonals = np.column_stack([matrix.diagonal() for matrix in matrices])
        own[block] += diagonals / 2
        between += [[(one * other).sum() / 2 for other in matrices] for one in matrices]
        between -= diagonals.T @ diagonals / 2
    return own, between


def _added_up(blocks: list[_PairSums], count: int, forms: int) -> list[np.ndarray]:
    rows = np.concatenate([np.repeat(block, len(block)) for block, _ in blocks])
    columns = np.concatenate([np.tile(block, len(block)) for block, _ in blocks])
    totals = []
    for form in range(forms):
        values = np.concatenate([matrices[form].ravel() for _, matrices in blocks])
        # Entries of the same pair of clusters in different periods are added.
        totals.append(sparse.csr_array((values, (rows, columns)), shape=(count, count)))
    return totals
