"""Moran's I of least-squares residuals, with the moments of residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.inference import HypothesisTest, NotApplicable, two_sided_p
from nqp_spatial.core.text import t
from nqp_spatial.regression._demeaning import demean
from nqp_spatial.regression._model_data import ModelData

__all__ = ["QuadraticForm", "basis_of", "form_of", "moran_by_period", "moran_score", "moran_test"]


@dataclass(frozen=True)
class QuadraticForm:
    """Traces of a symmetric D and of the projection M that makes least-squares residuals, e = M u.

    Attributes
    ----------
    first, second : float
        ``tr(M D)`` and ``tr(M D M D)``.
    freedom : float
        ``tr(M)``, residual degrees of freedom.
    """

    first: float
    second: float
    freedom: float

    @property
    def mean(self) -> float:
        """Return the expectation of ``e'D e / e'e`` for normal u."""
        return self.first / self.freedom

    @property
    def variance(self) -> float:
        """Return its variance: ``2 [p tr(MDMD) - tr(MD)^2] / (p^2 (p + 2))``, p = tr(M)."""
        p = self.freedom
        return 2 * (p * self.second - self.first**2) / (p**2 * (p + 2))

    def score(self, ratio: float) -> float:
        """Return a value of the ratio, standardised; missing if it cannot vary."""
        scale = self.second / max(self.freedom, 1.0)
        if not (self.freedom > 0 and self.variance > 1e-12 * scale):
            return float("nan")
        return float((ratio - self.mean) / np.sqrt(self.variance))


def moran_test(data: ModelData, matrix: sparse.csr_array) -> HypothesisTest | NotApplicable:
    """Test the residuals of a linear model for spatial autocorrelation, all periods together.

    ``I = (N / s0) e'(W x I_T) e / e'e``, e the residuals after effects and regressors are removed,
    N = n T, s0 the sum of all weights in T periods. e = M u, M the projection off the regressors
    and effects, gives the exact mean and variance of I under normality; ``z = (I - E I) / sd I`` is
    compared with the normal distribution, two-sided.

    Parameters
    ----------
    data : ModelData
        A linear model.
    matrix : csr_array
        W.

    Returns
    -------
    HypothesisTest or NotApplicable
        The statistic is z.

    Notes
    -----
    Source: Cliff and Ord (1981), pp. 202-203; for a cross-section this is spdep's ``lm.morantest``.
    """
    name, null = t("Moran's I"), t("no spatial autocorrelation of errors")
    total = float(matrix.sum())
    if total <= 0:
        return NotApplicable(name, null, t("no unit has a neighbour"))
    ratio, form = _ratio_and_form(data, matrix)
    z = form.score(ratio)
    if np.isnan(z):
        return NotApplicable(name, null, t("the data do not determine the statistic"))
    scale = data.shape[0] / total
    rule = t(
        "two-sided; I = {moran:.4f}, expected {expected:.4f}, moments of residuals",
        moran=scale * ratio, expected=scale * form.mean,
    )  # fmt: skip
    return HypothesisTest(name, null, z, "normal", None, float(two_sided_p(z)), rule)


def moran_score(data: ModelData, matrix: sparse.csr_array) -> float:
    """Return only the standardised Moran's I of `moran_test`."""
    ratio, form = _ratio_and_form(data, matrix)
    return form.score(ratio)


def _ratio_and_form(data: ModelData, matrix: sparse.csr_array) -> tuple[float, QuadraticForm]:
    e = data.projection.left_y
    lagged = (matrix @ e.reshape(data.shape)).ravel()
    return float(e @ lagged) / float(e @ e), _pooled_form(data, _symmetric(matrix))


def _symmetric(matrix: sparse.csr_array) -> sparse.csr_array:
    return sparse.csr_array((matrix + matrix.T) / 2)


def _pooled_form(data: ModelData, symmetric: sparse.csr_array) -> QuadraticForm:
    """Return the traces of ``D = A x I_T``, A symmetric, after effects and regressors."""
    n, periods = data.shape
    squares = float(symmetric.power(2).sum())
    first = float(symmetric.diagonal().sum())
    if data.spec.sweeps_periods:
        sums = np.asarray(symmetric.sum(axis=1)).ravel()
        total = float(sums.sum()) / n
        first, squares = first - total, squares - 2 * float(sums @ sums) / n + total**2
    repeats = periods - 1 if data.spec.sweeps_units else periods
    lagged = symmetric @ basis_of(data).reshape(n, -1)
    return form_of(data, lagged, repeats * first, repeats * squares)


def form_of(data: ModelData, images: np.ndarray, first: float, second: float) -> QuadraticForm:
    """Return the traces of a symmetric D after effects and regressors are removed.

    Parameters
    ----------
    data : ModelData
        A linear model.
    images : ndarray
        D times the orthonormal basis of the demeaned regressors, N K values.
    first, second : float
        ``tr(S D)`` and ``tr(S D S D)``, S the projection off the effects.
    """
    n, periods = data.shape
    q, spec = basis_of(data), data.spec
    product = q.T @ images.reshape(q.shape)
    # q is in the space that demeaning leaves, so that q'D S D q needs D q demeaned once.
    swept = demean(images.reshape(n, periods, -1), spec).reshape(q.shape)
    repeats = periods - 1 if spec.sweeps_units else periods
    return QuadraticForm(
        first - float(np.trace(product)),
        second - 2 * float((swept * swept).sum()) + float((product**2).sum()),
        float((n - spec.sweeps_periods) * repeats - q.shape[1]),
    )


def basis_of(data: ModelData) -> np.ndarray:
    """Return an orthonormal basis of the demeaned regressors, shape (N, K)."""
    projection = data.projection
    return np.asarray(projection.z @ projection.unscale)


def moran_by_period(data: ModelData, matrix: sparse.csr_array, periods: pd.Index) -> pd.DataFrame:
    """Compute Moran's I of least-squares residuals in each period.

    Parameters
    ----------
    data : ModelData
        A linear model.
    matrix : csr_array
        W.
    periods : Index

    Returns
    -------
    DataFrame
        By period: ``moran_i``, ``expected``, ``z``, ``p_value`` (two-sided), under normality.

    Notes
    -----
    Residuals of one period, minus their mean, have covariance ``sigma2 S``, S the block of the
    projection M of that period. Moments are those of a ratio of quadratic forms with
    ``p = tr(S)^2 / tr(S^2)`` degrees of freedom. They are exact for one period, where S is a
    projection, and approximate in a panel, where the regressors are removed in all periods
    together; `moran_test` is exact there too. Source: Cliff and Ord (1981), pp. 202-203.
    """
    n, _ = data.shape
    residuals = data.projection.left_y.reshape(data.shape)
    z = residuals - residuals.mean(axis=0)
    total, symmetric = float(matrix.sum()), _symmetric(matrix)
    squares = (z**2).sum(axis=0)
    products = (z * (matrix @ z)).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(squares > 0, products / squares, np.nan)
    forms = _forms_by_period(data, symmetric)
    scores = np.array([form.score(ratio) for form, ratio in zip(forms, ratios, strict=True)])
    scale = n / total if total > 0 else np.nan
    return pd.DataFrame(
        {
            "moran_i": scale * ratios,
            "expected": [scale * form.mean for form in forms],
            "z": scores,
            "p_value": two_sided_p(scores),
        },
        index=periods,
    )


def _forms_by_period(data: ModelData, symmetric: sparse.csr_array) -> list[QuadraticForm]:
    """Return the traces of S_t and A, with ``S_t = a J - R R'``, J removing the mean of units."""
    n, periods = data.shape
    q = basis_of(data).reshape(n, periods, -1)
    q = q - q.mean(axis=0)
    a = 1 - 1 / periods if data.spec.sweeps_units else 1.0
    sums = np.asarray(symmetric.sum(axis=1)).ravel()
    total = float(sums.sum()) / n
    first = float(symmetric.diagonal().sum()) - total
    squares = float(symmetric.power(2).sum()) - 2 * float(sums @ sums) / n + total**2
    forms = []
    for period in range(periods):
        r = q[:, period]
        gram, lagged = r.T @ r, symmetric @ r
        product, swept = r.T @ lagged, lagged - lagged.mean(axis=0)
        trace = a * (n - 1) - float(np.trace(gram))
        square = a**2 * (n - 1) - 2 * a * float(np.trace(gram)) + float((gram**2).sum())
        of_form = a * first - float(np.trace(product))
        of_square = a**2 * squares - 2 * a * float((swept**2).sum()) + float((product**2).sum())
        # Scaled so that S would be a projection with p degrees of freedom.
        p = trace**2 / square if square > 0 else 0.0
        scale = p / trace if trace > 0 else 0.0
        forms.append(QuadraticForm(of_form * scale, of_square * scale**2, p))
    return forms
