"""The variance of quadratic forms of errors that are independent between units.

Where K has a zero diagonal, ``sum_t e_t'K e_t = sum_(i<j) (K_ij + K_ji) sum_t e_it e_jt``. Terms of
different unordered pairs are uncorrelated, whatever the variances and whatever the correlation over
time within a unit, so that the variance of the form is

``sum_(i<j) (K_ij + K_ji)^2 E (sum_t e_it e_jt)^2``.

It does not depend on the order of the units. The form is uncorrelated with sums that are linear in
the errors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nqp_spatial.regression.covariance.information import FilterPair
from nqp_spatial.regression.likelihood.sizes import PAIR_PROBES, probe_signs

__all__ = ["pair_variance", "sampled_pair_variance"]


def pair_variance(matrices: Sequence[np.ndarray], residuals: np.ndarray) -> np.ndarray:
    """Return the covariance of the quadratic forms of several matrices K.

    Parameters
    ----------
    matrices : sequence of ndarray
        The K, each shape (n, n); their diagonals do not count.
    residuals : ndarray
        Estimates of e, shape (n_units, n_periods).

    Returns
    -------
    ndarray
        Shape (len(matrices), len(matrices)).
    """
    products = residuals @ residuals.T
    np.fill_diagonal(products, 0.0)
    sums = [((matrix + matrix.T) * products).ravel() for matrix in matrices]
    return np.array([[one @ other / 2 for other in sums] for one in sums])


def sampled_pair_variance(
    pair: FilterPair, diagonals: np.ndarray, residuals: np.ndarray, seed: int | None = 0
) -> np.ndarray:
    """Return the covariance of the forms of F and H minus their diagonals, from random probes.

    With signs z, ``x_i = sum_t e_it [(K + K')(z * e_t)]_i - 2 K_ii z_i sum_t e_it^2`` has
    ``E x_i^2 = sum_(j != i) (K_ij + K_ji)^2 (sum_t e_it e_jt)^2``.

    Parameters
    ----------
    pair : FilterPair
        Products with F and H.
    diagonals : ndarray
        Of F and H, shape (n, 2).
    residuals : ndarray
        Shape (n_units, n_periods).
    seed : int, optional

    Returns
    -------
    ndarray
        Shape (2, 2).
    """
    n, t = residuals.shape
    squares = (residuals**2).sum(axis=1)[:, None]
    signs = probe_signs(n, PAIR_PROBES, seed)
    total = np.zeros((2, 2))
    for z in np.array_split(signs, min(t, PAIR_PROBES), axis=1):
        columns = (z[:, :, None] * residuals[:, None, :]).reshape(n, -1)
        images = []
        for which in (0, 1):
            image = pair.times(which, columns) + pair.times(which, columns, transposed=True)
            sums = np.einsum("ipt,it->ip", image.reshape(*z.shape, t), residuals)
            images.append((sums - 2 * diagonals[:, which, None] * z * squares).ravel())
        total += np.array([[one @ other / 2 for other in images] for one in images])
    return total / PAIR_PROBES
