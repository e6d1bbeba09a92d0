"""Cross products of models that differ by a threshold, for many thresholds and outcomes at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.linalg
from scipy import sparse

from nqp_spatial.regression._demeaning import demean
from nqp_spatial.regression._design import INTERCEPT
from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression._term_weights import lag
from nqp_spatial.regression.likelihood.concentrated import CrossProducts
from nqp_spatial.regression.spec import RegressionSpec
from nqp_spatial.spillovers._numba import growing_products

__all__ = ["GivenProducts", "ThresholdProducts"]

_SINGULAR = 1e-12  # smallest eigenvalue of a correlation matrix of regressors


class GivenProducts(CrossProducts):
    """``S(rho) = v'K v`` with K known.

    Parameters
    ----------
    products : ndarray
        K, residual cross products of y and its lags, shape (R + 1, R + 1).
    """

    def __init__(self, products: np.ndarray) -> None:
        self.plain, self.n_rho, self.filtered = products, len(products) - 1, False


class ThresholdProducts:
    """Residual cross products of y and its lags by part, for each candidate of a threshold.

    With the links in the order of their scores the lag of the part below is a growing sum.

    Parameters
    ----------
    data : ModelData
        Of the model without thresholds.
    links : tuple of ndarray
        Receivers, senders and weights, in the order of the scores.
    known : sequence of int
        Numbers of links below the thresholds that are known.
    cuts : ndarray of int
        Numbers of links below each candidate, ascending.
    lag_regressors : bool
    """

    def __init__(
        self,
        data: ModelData,
        links: tuple[np.ndarray, np.ndarray, np.ndarray],
        known: Sequence[int],
        cuts: np.ndarray,
        *,
        lag_regressors: bool,
    ) -> None:
        self.spec, self.shape = data.spec, data.shape
        self.links, self.known, self.cuts = links, tuple(known), cuts
        self.width = data.shape[1] if data.terms.y[0].matrix.shape[0] == data.shape[0] else 1
        size = data.terms.y[0].matrix.shape[0]
        rows, columns, weights = links
        self.matrices = [
            sparse.csr_array((weights[:end], (rows[:end], columns[:end])), shape=(size, size))
            for end in (len(rows), *self.known)
        ]
        plain = data.plain
        own = demean(plain.z, self.spec).reshape(plain.y.size, -1)
        names = list(data.design.lagged) if lag_regressors else []
        lagged = plain.z[:, :, [plain.names.index(name) for name in names if name != INTERCEPT]]
        # Any basis of the regressors gives the same residuals: an orthonormal one loses no digits.
        self._lagged = self._series(_scaled(self._central(lagged), self.spec))
        self._own = scipy.linalg.qr(own / _norms(own), mode="economic")[0]
        self._by_x = self._lags(self._lagged)

    def _central(self, array: np.ndarray) -> np.ndarray:
        """Return a series without unit means, where these stay apart under lags."""
        if self.width > 1 and self.spec.sweeps_units:
            return np.asarray(array - array.mean(axis=1, keepdims=True))
        return array

    def _series(self, array: np.ndarray) -> np.ndarray:
        n, t = self.shape
        return array.reshape(n * t, -1)

    def _lags(self, series: np.ndarray) -> np.ndarray:
        """Return lags of series by all links and by those below known thresholds, demeaned."""
        n, t = self.shape
        array = series.reshape(n, t, -1)
        lags = [demean(lag(matrix, array), self.spec) for matrix in self.matrices]
        return np.concatenate([self._series(x) for x in lags], axis=1)

    def of(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return K without and with each candidate, shapes (R, R) and (cuts, R + 1, R + 1).

        Parameters
        ----------
        y : ndarray
            Outcome, shape (n_units, n_periods). NaN where regressors are linearly dependent.
        """
        outcome = self._series(self._central(y))
        fixed = np.column_stack(
            [self._series(demean(y, self.spec)), self._lags(outcome), self._own, self._by_x]
        )
        sources = np.column_stack([outcome, self._lagged])
        with_fixed, among = growing_products(
            *self.links, self.cuts, np.ascontiguousarray(sources), np.ascontiguousarray(fixed),
            self.width, self.shape[1], self.spec.sweeps_units, self.spec.sweeps_periods,
        )  # fmt: skip
        p, q = fixed.shape[1], sources.shape[1]
        gram = np.empty((len(self.cuts), p + q, p + q))
        gram[:, :p, :p] = fixed.T @ fixed
        gram[:, p:, :p] = with_fixed
        gram[:, :p, p:] = with_fixed.transpose(0, 2, 1)
        gram[:, p:, p:] = among
        count = 2 + len(self.known)  # y, W y, the lags below known thresholds
        outcomes = [*range(count), p]
        regressors = [*range(count, p), *range(p + 1, p + q)]
        larger = _residual(gram, outcomes, regressors)
        smaller = _residual(gram[:1], outcomes[:-1], regressors[: p - count])[0]
        to_parts = np.stack([self._to_parts((*self.known, cut)) for cut in self.cuts])
        plain = self._to_parts(self.known)
        return (
            plain.T @ smaller @ plain,
            np.einsum("cai,cab,cbj->cij", to_parts, larger, to_parts, optimize=True),
        )

    def _to_parts(self, below: Sequence[int]) -> np.ndarray:
        """Return y and the lags by part in terms of y, W y and the lags below the thresholds."""
        count = len(below) + 2
        matrix = np.zeros((count, count))
        matrix[0, 0] = 1.0
        order = [2 + place for place in np.argsort(below, kind="stable")]
        for part, (upper, lower) in enumerate(zip([*order, 1], [None, *order], strict=True)):
            matrix[upper, part + 1] += 1.0
            if lower is not None:
                matrix[lower, part + 1] -= 1.0
        return matrix


def _norms(series: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt((series**2).sum(axis=0)))


def _scaled(array: np.ndarray, spec: RegressionSpec) -> np.ndarray:
    """Return linear combinations of the columns that are orthonormal without their effects."""
    n, t, k = array.shape
    if not k:
        return array
    series = demean(array, spec).reshape(n * t, k)
    norms = _norms(series)
    r = scipy.linalg.qr(series / norms, mode="economic")[1]
    columns = (array.reshape(n * t, k) / norms).T
    return np.asarray(scipy.linalg.solve_triangular(r.T, columns, lower=True).T).reshape(n, t, k)


def _residual(gram: np.ndarray, outcomes: list[int], regressors: list[int]) -> np.ndarray:
    """Return cross products of the outcomes less what the regressors explain of them."""
    yy, yx = gram[:, outcomes][:, :, outcomes], gram[:, outcomes][:, :, regressors]
    if not regressors:
        return np.asarray(yy)
    xx = gram[:, regressors][:, :, regressors]
    sizes = np.sqrt(np.einsum("cii->ci", xx))
    sizes = np.where(sizes > 0, sizes, 1.0)  # a column of zeros has an eigenvalue of zero
    xx = xx / sizes[:, :, None] / sizes[:, None, :]
    yx = yx / sizes[:, None, :]
    singular = np.linalg.eigvalsh(xx)[:, 0] < _SINGULAR
    xx[singular] = np.eye(len(regressors))
    explained = yx @ np.linalg.solve(xx, yx.transpose(0, 2, 1))
    result = yy - (explained + explained.transpose(0, 2, 1)) / 2
    result[singular] = np.nan
    return result
