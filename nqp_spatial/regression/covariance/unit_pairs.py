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

from nqp_spatial.regression.covariance.information import FilterPair
from nqp_spatial.regression.likelihood.sizes import PAIR_PROBES, probe_signs

__all__ = ["error_variances", "pair_variance", "sampled_pair_variance"]


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


def sampled_pair_variance(
    pair: FilterPair,
    diagonals: np.ndarray,
    residuals: np.ndarray,
    variances: np.ndarray | None = None,
    seed: int | None = 0,
) -> np.ndarray:
    """Return the covariance of the forms of F and H minus their diagonals, from random probes.

    With random signs z, ``x_it = [(K + K')(z * e_t)]_i - 2 K_ii z_i e_it`` has
    ``E x_it^2 = sum_(j != i) (K_ij + K_ji)^2 e_jt^2``, and ``sum_t e_it x_it`` the square
    ``sum_(j != i) (K_ij + K_ji)^2 (sum_t e_it e_jt)^2``.

    Parameters
    ----------
    pair : FilterPair
        Products with F and H.
    diagonals : ndarray
        Of F and H, shape (n, 2).
    residuals, variances
        As in `pair_variance`.
    seed : int, optional

    Returns
    -------
    ndarray
        Shape (2, 2).
    """
    n, t = residuals.shape
    signs = probe_signs(n, PAIR_PROBES, seed)
    total = np.zeros((2, 2))
    for z in np.array_split(signs, min(t, PAIR_PROBES), axis=1):
        columns = z[:, :, None] * residuals[:, None, :]
        flat = columns.reshape(n, -1)
        images = []
        for which in (0, 1):
            image = pair.times(which, flat) + pair.times(which, flat, transposed=True)
            image = image.reshape(columns.shape) - 2 * diagonals[:, which, None, None] * columns
            images.append(image)
        if variances is None:
            images = [np.einsum("ipt,it->ip", image, residuals) for image in images]
            weighted = images
        else:
            weighted = [image * variances[:, None, :] for image in images]
        total += [[float((a * b).sum()) / 2 for b in images] for a in weighted]
    return total / PAIR_PROBES
