"""Sums of squares of threshold models at every candidate, without a regression at any of them.

With the unit effects and the regressors of the model without thresholds projected out, a threshold
g adds the columns ``D(g) = x I(q <= g)``. Their cross products with each other and with any outcome
are cumulative sums in the order of q. Everything else is algebra of small matrices, done for all
candidates and all bootstrap samples at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

__all__ = ["Moments", "Stage", "ThresholdSearch", "stages", "threshold_search"]

# Relative to the variance of a regressor, what another threshold must leave of it.
_NOTHING = 1e-9
# Rounds of estimating each threshold anew; relative differences of sums of squares without meaning.
_ROUNDS, _TIE = 10, 1e-12
# Numbers in one array.
_CHUNK = 8_000_000


@dataclass(frozen=True, eq=False)
class Moments:
    """What the search needs of B outcomes.

    Attributes
    ----------
    cross : ndarray
        ``D(g)'M y``, shape (B, G, k).
    squares : ndarray
        ``y'M y``, shape (B,): the sum of squares without a threshold.
    """

    cross: np.ndarray
    squares: np.ndarray


@dataclass(frozen=True, eq=False)
class ThresholdSearch:
    """Cross products of the threshold regressors.

    Attributes
    ----------
    candidates : ndarray
        Thresholds to be tried, ascending, shape (G,).
    counts : ndarray
        Observations at or below each.
    gram : ndarray
        ``D(g)'M D(h)``, shape (G, k, G, k).
    bins : csr_array
        Sums of x y between candidates, shape (G k, n T).
    onto : ndarray
        ``D(g)'q``, shape (G k, p), with orthonormal q.
    basis : ndarray
        q: the regressors without a threshold, demeaned, shape (n T, p).
    least : int
        Least number of observations in a regime.
    scale : ndarray
        Of the k regressors, by which x is divided.
    """

    candidates: np.ndarray
    counts: np.ndarray
    gram: np.ndarray
    bins: sparse.csr_array
    onto: np.ndarray
    basis: np.ndarray
    least: int
    scale: np.ndarray

    def moments(self, outcomes: np.ndarray) -> Moments:
        """Return the moments of outcomes that are demeaned by unit, shape (n T, B)."""
        size, k = len(self.candidates), len(self.scale)
        sums = np.asarray(self.bins @ outcomes).reshape(size, k, -1).cumsum(axis=0)
        along = self.basis.T @ outcomes
        cross = sums - (self.onto @ along).reshape(size, k, -1)
        squares = (outcomes**2).sum(axis=0) - (along**2).sum(axis=0)
        return Moments(np.moveaxis(cross, 2, 0), squares)

    def sums_of_squares(self, moments: Moments, known: np.ndarray) -> np.ndarray:
        """Return the sum of squares with the known thresholds and each candidate.

        Parameters
        ----------
        moments : Moments
        known : ndarray of int
            Positions of thresholds in each sample, shape (B, m).

        Returns
        -------
        ndarray
            Shape (B, G); infinite at candidates that leave a regime with too few observations, or
            without variation of a regressor.
        """
        size, k = len(self.candidates), len(self.scale)
        draws, m = known.shape
        blocks = self.gram[np.arange(size), :, np.arange(size), :]
        total = np.einsum("gii->gi", blocks)
        cross, variance = moments.cross, blocks[None]
        base = moments.squares
        if m:
            by_known, own = self._by_known(known)
            together = by_known.reshape(draws, size * k, m * k).swapaxes(1, 2)
            given = np.take_along_axis(moments.cross, known[:, :, None], axis=1).reshape(draws, -1)
            right = np.concatenate([together, given[:, :, None]], axis=2)
            solved = np.linalg.solve(own, right)
            weights, coefs = solved[:, :, :-1], solved[:, :, -1]
            base = base - np.einsum("bm,bm->b", given, coefs)
            cross = cross - np.einsum("bms,bm->bs", together, coefs).reshape(draws, size, k)
            shape = (draws, m * k, size, k)
            explained = np.einsum(
                "bmgi,bmgj->bgij", together.reshape(shape), weights.reshape(shape)
            )
            variance = blocks[None] - explained
        gain, identified = _explained(variance, cross, total)
        allowed = identified & self._apart(known)
        return np.where(allowed, base[:, None] - gain, np.inf)

    def under_null(self, errors: Moments, moments: Moments, known: np.ndarray) -> Moments:
        """Return the moments of outcomes made of errors and an estimated model with thresholds.

        Parameters
        ----------
        errors : Moments
            Of B samples of errors.
        moments : Moments
            Of the data.
        known : ndarray of int
            Positions of the thresholds of the model, shape (m,).
        """
        if not len(known):
            return errors
        k = len(self.scale)
        own = self.gram[known][:, :, known].reshape(len(known) * k, -1)
        coefs = np.linalg.solve(own, moments.cross[0, known].ravel())
        part = np.einsum("gimj,mj->gi", self.gram[:, :, known], coefs.reshape(-1, k))
        along = errors.cross[:, known].reshape(len(errors.squares), -1) @ coefs
        squares = errors.squares + 2 * along + coefs @ own @ coefs
        return Moments(errors.cross + part, squares)

    def _by_known(self, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return D(g)'M D(known), shape (B, G, k, m, k), and D(known)'M D(known), (B, mk, mk)."""
        draws, m = known.shape
        k = len(self.scale)
        by_known = np.moveaxis(self.gram[:, :, known], 2, 0)
        own = np.take_along_axis(by_known, known[:, :, None, None, None], axis=1)
        return by_known, own.reshape(draws, m * k, m * k)

    def _apart(self, known: np.ndarray) -> np.ndarray:
        """Return whether a candidate leaves enough observations next to each known threshold."""
        gaps = np.abs(self.counts - self.counts[known][:, :, None])
        return np.asarray((gaps >= self.least).all(axis=1))


def threshold_search(
    x: np.ndarray,
    others: np.ndarray,
    q: np.ndarray,
    candidates: np.ndarray,
    least: int,
    *,
    periods: bool,
) -> ThresholdSearch:
    """Return the cross products of a search.

    Parameters
    ----------
    x : ndarray
        Regressors whose coefficients change, shape (n, T, k).
    others : ndarray
        Regressors whose coefficients do not, shape (n, T, p).
    q : ndarray
        Threshold variable, shape (n, T).
    candidates : ndarray
        Ascending.
    least : int
        Least number of observations in a regime.
    periods : bool
        Whether period effects are removed.
    """
    n, t, k = x.shape
    scale = np.sqrt(((x - x.mean(axis=1, keepdims=True)) ** 2).mean(axis=(0, 1)))
    x = x / scale
    columns = [others, x]
    if periods:
        columns.append(np.broadcast_to(np.eye(t)[None], (n, t, t)))
    basis = _basis(np.concatenate(columns, axis=2))
    place = np.searchsorted(candidates, q.ravel(), side="left")
    size = len(candidates)
    inside = np.flatnonzero(place < size)
    rows = place[inside, None] * k + np.arange(k)
    bins = sparse.csr_array(
        (x.reshape(n * t, k)[inside].ravel(), (rows.ravel(), np.repeat(inside, k))),
        shape=(size * k, n * t),
    )
    onto = np.asarray(bins @ basis).reshape(size, k, -1).cumsum(axis=0).reshape(size * k, -1)
    gram = _cumulative_squares(x.reshape(n * t, k), place, size)
    gram -= _unit_means(x, place.reshape(n, t), size) / t + onto @ onto.T
    counts = np.bincount(place, minlength=size + 1)[:size].cumsum()
    return ThresholdSearch(
        candidates, counts, gram.reshape(size, k, size, k), bins, onto, basis, least, scale
    )


def _basis(columns: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of columns that are demeaned by unit."""
    demeaned = (columns - columns.mean(axis=1, keepdims=True)).reshape(-1, columns.shape[2])
    norms = np.sqrt((demeaned**2).sum(axis=0))
    demeaned = demeaned[:, norms > 0] / norms[norms > 0]
    left, values, _ = np.linalg.svd(demeaned, full_matrices=False)
    return np.asarray(left[:, values > 1e-10 * values.max(initial=0)])


def _cumulative_squares(x: np.ndarray, place: np.ndarray, size: int) -> np.ndarray:
    """Return the sums of x x' up to the lower one of two candidates, shape (G k, G k)."""
    k = x.shape[1]
    products = (x[:, :, None] * x[:, None, :]).reshape(len(x), k * k)
    sums = _binned(products, place, size + 1)[:size].cumsum(axis=0).reshape(size, k, k)
    lower = np.minimum.outer(np.arange(size), np.arange(size))
    return sums[lower].transpose(0, 2, 1, 3).reshape(size * k, size * k)


def _unit_means(x: np.ndarray, place: np.ndarray, size: int) -> np.ndarray:
    """Return ``sum_i s_i(g) s_i(h)'``, s the sum of x over a unit's periods, shape (G k, G k)."""
    n, _, k = x.shape
    total = np.zeros((size * k, size * k))
    step = max(1, _CHUNK // ((size + 1) * k))
    for start in range(0, n, step):
        units = slice(start, min(start + step, n))
        count = units.stop - start
        bins = (np.arange(count)[:, None] * (size + 1) + place[units]).ravel()
        sums = _binned(x[units].reshape(-1, k), bins, count * (size + 1))
        along = sums.reshape(count, size + 1, k)[:, :size].cumsum(axis=1).reshape(count, -1)
        total += along.T @ along
    return total


def _binned(values: np.ndarray, bins: np.ndarray, count: int) -> np.ndarray:
    """Return the sums of each column of values by bin, shape (count, columns)."""
    columns = [np.bincount(bins, weights=column, minlength=count) for column in values.T]
    return np.column_stack(columns)


def _explained(
    variance: np.ndarray, cross: np.ndarray, total: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``cross' variance^-1 cross`` and whether the inverse exists.

    Parameters
    ----------
    variance : ndarray
        Shape (B or 1, G, k, k).
    cross : ndarray
        Shape (B, G, k).
    total : ndarray
        Diagonal of the variance before thresholds are projected out, shape (G, k), for scale.
    """
    scale = np.sqrt(np.where(total > 0, total, 1.0))
    scaled = cross / scale
    if cross.shape[2] == 1:
        value = variance[..., 0, 0] / scale[:, 0] ** 2
        identified = value > _NOTHING
        return scaled[..., 0] ** 2 / np.where(identified, value, 1.0), identified
    values, vectors = np.linalg.eigh(variance / (scale[:, :, None] * scale[:, None, :]))
    identified = values[..., 0] > _NOTHING
    along = np.einsum("bgij,bgi->bgj", np.broadcast_to(vectors, (*scaled.shape, scaled.shape[2])),
                      scaled)  # fmt: skip
    values = np.where(identified[..., None], values, 1.0)
    return np.asarray((along**2 / values).sum(axis=2)), identified


@dataclass(frozen=True, eq=False)
class Stage:
    """Thresholds of B samples after one more was added.

    Attributes
    ----------
    known : ndarray of int
        Positions among the candidates, shape (B, m), in the order in which they were added.
    squares : ndarray
        Sum of squares with all of them, shape (B,).
    statistic : ndarray
        F of the last one, given the others, shape (B,).
    """

    known: np.ndarray
    squares: np.ndarray
    statistic: np.ndarray


def stages(search: ThresholdSearch, moments: Moments, count: int, freedom: int) -> list[Stage]:
    """Add thresholds one by one; after each, estimate every one anew given the others.

    Parameters
    ----------
    search : ThresholdSearch
    moments : Moments
    count : int
        Number of thresholds.
    freedom : int
        Divisor of the sum of squares in F.

    Returns
    -------
    list of Stage
        Shorter where no candidate leaves enough observations for another threshold.
    """
    known = np.zeros((len(moments.squares), 0), dtype=int)
    before = moments.squares
    steps = []
    for _ in range(count):
        profile = search.sums_of_squares(moments, known)
        best, after = profile.argmin(axis=1), profile.min(axis=1)
        if not np.isfinite(after).any():
            break
        statistic = (before - after) / (after / freedom)
        known, before = _refined(search, moments, np.column_stack([known, best]), after)
        steps.append(Stage(known, before, statistic))
    return steps


def _refined(
    search: ThresholdSearch, moments: Moments, known: np.ndarray, squares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return thresholds none of which is better elsewhere, given the others."""
    count = known.shape[1]
    for _ in range(_ROUNDS if count > 1 else 0):
        earlier = known
        for position in range(count):
            others = np.delete(known, position, axis=1)
            profile = search.sums_of_squares(moments, others)
            best, least = profile.argmin(axis=1), profile.min(axis=1)
            # Rounding must not move a threshold between candidates that are equally good.
            is_better = least < squares * (1 - _TIE)
            known = known.copy()
            known[:, position] = np.where(is_better, best, known[:, position])
            squares = np.where(is_better, least, squares)
        if (known == earlier).all():
            break
    return known, squares
