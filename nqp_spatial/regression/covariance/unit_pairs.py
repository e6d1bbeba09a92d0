"""The variance of quadratic forms of errors that are independent between units.

Where K has a zero diagonal, ``sum_t e_t'K e_t = sum_(i<j) (K_ij + K_ji) sum_t e_it e_jt``. Terms of
different unordered pairs are uncorrelated, whatever the variances and whatever the correlation over
time within a unit, and uncorrelated with sums that are linear in the errors. The variance is

``sum_(i<j) (K_ij + K_ji)^2 E (sum_t e_it e_jt)^2``,

which does not depend on the order of the units. Where errors are also independent over time, the
last factor is ``sum_t s_it s_jt`` with variances s; after demeaning over time by Q it is
``sum_ts Q_ts^2 s_it s_js``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from nqp_spatial.regression.covariance.information import FilterPair
from nqp_spatial.regression.covariance.square_traces import regressed_mean
from nqp_spatial.regression.likelihood.cholesky import has_cheap_square
from nqp_spatial.regression.likelihood.sizes import (
    PAIR_PROBES,
    REGRESSED_PROBES,
    probe_signs,
)
from nqp_spatial.weights._spectrum import is_dense

__all__ = ["error_variances", "linked_pair_variance", "pair_variance", "sampled_pair_variance"]

_AT_ONCE, _LINKS_AT_ONCE = 5, 500_000


def error_variances(residuals: np.ndarray, *, demeaned: bool) -> np.ndarray:
    """Return unbiased estimates of the variance of each error.

    Squares of residuals r that are demeaned over T periods have the mean ``(Q * Q) s`` in each
    unit, the product being by element, which is inverted; with two periods only the mean of the
    two variances is identified.

    Parameters
    ----------
    residuals : ndarray
        Shape (n_units, n_periods).
    demeaned : bool
        Whether they are demeaned over time.

    Returns
    -------
    ndarray
        Shape (n_units, n_periods).
    """
    squares = residuals**2
    if not demeaned:
        return squares
    t = squares.shape[1]
    mean = squares.mean(axis=1, keepdims=True)
    level = np.broadcast_to(mean / (1 - 1 / t), squares.shape)
    return level + (squares - mean) / (1 - 2 / t) if t > 2 else level


def pair_variance(
    matrices: Sequence[np.ndarray], residuals: np.ndarray, variances: np.ndarray | None = None
) -> np.ndarray:
    """Return the covariance of the quadratic forms of several matrices K.

    Parameters
    ----------
    matrices : sequence of ndarray
        The K, each shape (n, n); their diagonals do not count.
    residuals : ndarray
        Estimates of e, shape (n_units, n_periods).
    variances : ndarray, optional
        From `error_variances`, where errors are independent over time; if not given, they may be
        correlated within a unit.

    Returns
    -------
    ndarray
        Shape (len(matrices), len(matrices)).
    """
    weights = (residuals @ residuals.T) ** 2 if variances is None else variances @ residuals.T**2
    np.fill_diagonal(weights, 0.0)
    sums = [matrix + matrix.T for matrix in matrices]
    return np.array([[float((a * b * weights).sum()) / 2 for b in sums] for a in sums])


def linked_pair_variance(matrices: Sequence[sparse.csr_array], residuals: np.ndarray) -> np.ndarray:
    """Return `pair_variance` of sparse matrices, over the pairs that are linked.

    Parameters
    ----------
    matrices, residuals
        As there; errors may be correlated within a unit.
    """
    sums = [_doubled(matrix) for matrix in matrices]
    return np.array([[_exact_sum(a, b, residuals, None) / 2 for b in sums] for a in sums])


def sampled_pair_variance(
    pair: FilterPair,
    active: Sequence[int],
    diagonals: np.ndarray,
    residuals: np.ndarray,
    variances: np.ndarray | None = None,
    seed: int | None = 0,
) -> tuple[np.ndarray, float, int]:
    """Return the covariance of the forms of F and H minus their diagonals, from random probes.

    With random signs z, ``x_it = [(K + K')(z * e_t)]_i - 2 K_ii z_i e_it`` has
    ``E x_it^2 = sum_(j != i) (K_ij + K_ji)^2 e_jt^2``, and ``sum_t e_it x_it`` the square
    ``sum_(j != i) (K_ij + K_ji)^2 (sum_t e_it e_jt)^2``. Of one form, a function of one W, the
    same sums of W and W^2 in the place of K are known exactly and explain most of the deviations:
    with them 10 probes are more exact than 50 without.

    Parameters
    ----------
    pair : FilterPair
        Products with F and H.
    active : sequence of int
        Which of the forms; the last of the R + 1 is H.
    diagonals : ndarray
        Theirs, shape (n, forms).
    residuals, variances
        As in `pair_variance`.
    seed : int, optional

    Returns
    -------
    ndarray
        Shape (forms, forms).
    float
        Largest relative standard error of a variance.
    int
        Number of probes.
    """
    bases = _symmetric_powers(pair.common if len(active) == 1 else None)
    probes = REGRESSED_PROBES if bases else PAIR_PROBES
    signs = probe_signs(len(residuals), probes, seed)
    forms = len(active)
    products = []
    for z in np.array_split(signs, -(-probes // _AT_ONCE), axis=1):
        columns = z[:, :, None] * residuals[:, None, :]
        flat = columns.reshape(len(z), -1)
        images = []
        for which, diagonal in zip(active, diagonals.T, strict=True):
            image = pair.times(which, flat) + pair.times(which, flat, transposed=True)
            images.append(image.reshape(columns.shape) - 2 * diagonal[:, None, None] * columns)
        images += [(base @ flat).reshape(columns.shape) for base in bases]
        products.append(_sums_of_products(images, residuals, variances))
    sums = np.concatenate(products, axis=2)
    gaps = [
        sums[forms + a, forms + b] - _exact_sum(bases[a], bases[b], residuals, variances)
        for a in range(len(bases))
        for b in range(a, len(bases))
    ]
    total, errors = np.zeros((forms, forms)), np.zeros(forms)
    for a in range(forms):
        for b in range(forms):
            total[a, b], error = regressed_mean(sums[a, b], gaps)
            if a == b and total[a, a]:
                errors[a] = error / abs(total[a, a])
    return (total + total.T) / 4, float(errors.max()), probes


def _symmetric_powers(matrix: sparse.csr_array | None) -> list[sparse.csr_array]:
    """Return ``W + W'`` and ``W^2 + (W^2)'`` without their diagonals, if they have few links."""
    if matrix is None or is_dense(matrix):
        return []
    powers = [matrix]
    if has_cheap_square(matrix):
        powers.append(sparse.csr_array(matrix @ matrix))
    return [_doubled(power) for power in powers]


def _doubled(matrix: sparse.csr_array) -> sparse.csr_array:
    """Return ``K + K'`` without its diagonal."""
    total = sparse.csr_array(matrix + matrix.T)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(total.indptr))
    total.data[total.indices == rows] = 0.0
    return total


def _sums_of_products(
    images: Sequence[np.ndarray], residuals: np.ndarray, variances: np.ndarray | None
) -> np.ndarray:
    """Return the sums over units of products of images, shape (images, images, probes)."""
    if variances is None:
        sums = [np.einsum("ipt,it->ip", image, residuals) for image in images]
        return np.array([[np.einsum("ip,ip->p", a, b) for b in sums] for a in sums])
    count = len(images)
    products = np.empty((count, count, images[0].shape[1]))
    for a, image in enumerate(images):
        weighted = image * variances[:, None, :]
        for b in range(a, count):
            products[a, b] = products[b, a] = np.einsum("ipt,ipt->p", weighted, images[b])
    return products


def _exact_sum(
    one: sparse.csr_array,
    other: sparse.csr_array,
    residuals: np.ndarray,
    variances: np.ndarray | None,
) -> float:
    """Return the mean of such a sum: over pairs that are linked."""
    both = sparse.csr_array(one.multiply(other))
    if variances is not None:
        return float((variances * (both @ residuals**2)).sum())
    links, total = sparse.coo_array(both), 0.0
    for first in range(0, links.nnz, _LINKS_AT_ONCE):
        part = slice(first, first + _LINKS_AT_ONCE)
        i, j, weight = links.row[part], links.col[part], links.data[part]
        total += float(weight @ np.einsum("lt,lt->l", residuals[i], residuals[j]) ** 2)
    return total
