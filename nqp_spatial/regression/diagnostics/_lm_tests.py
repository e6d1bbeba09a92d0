"""Lagrange multiplier tests for spatial lags and spatial errors in a model without either."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from nqp_spatial.core.inference import TestSet, chi2_test
from nqp_spatial.core.text import t
from nqp_spatial.regression._demeaning import demean
from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["lm_tests"]


def lm_tests(problem: ModelData, weights: SpatialWeights) -> TestSet:
    """Test a linear model for a spatial lag and a spatial error, also each robust to the other.

    With e the residuals, ``d_lag = e'Wy / s2 - c``, ``d_err = e'We / s2 - c`` and
    ``t = m [tr(WW) + tr(W'W)]``, m periods,
    ``J = t + (W Z b)'M (W Z b) / s2``:

    - LM lag: ``d_lag^2 / J``; LM error: ``d_err^2 / t``;
    - robust LM lag: ``(d_lag - d_err)^2 / (J - t)``;
    - robust LM error: ``(d_err - t/J d_lag)^2 / (t (1 - t/J))``;
    - LM both: the sum of LM error and robust LM lag.

    Where periods were transformed away, or are dummies whose bias is corrected, traces are of ``K =
    J W J``, J removing the mean of units, c is the mean of the score, ``m tr(K)`` (-m where rows of
    W add to one), and ``2 m tr(K)^2`` divided by n - 1 is subtracted from t, because the scores are
    then correlated with that of sigma2; otherwise c is zero.

    Parameters
    ----------
    problem : ModelData
        A linear model (``ols`` or ``slx``), static or not.
    weights : SpatialWeights
        W, in the order of the panel's units.

    Returns
    -------
    TestSet
        "LM lag", "LM error", "robust LM lag", "robust LM error", "LM both".

    Notes
    -----
    Sources: Anselin, Bera, Florax and Yoon (1996); Debarsy and Ertur (2010) for panels; Elhorst
    (2014), section 3.4.
    """
    design, projection, counts = problem.design, problem.projection, problem.counts
    matrix = weights.sparse
    shape = design.y.shape
    e = projection.left_y
    s2 = float(e @ e) / counts.observations
    lag_y = demean(matrix @ design.y, problem.spec).ravel()
    lag_e = demean(matrix @ e.reshape(shape), problem.spec).ravel()
    fitted = design.y - e.reshape(shape)  # regressors and effects
    lag_fit = demean(matrix @ fitted, problem.spec).ravel()
    q = projection.z @ projection.unscale
    unexplained = lag_fit - q @ (q.T @ lag_fit)
    trace = float(matrix.multiply(matrix.T).sum() + matrix.power(2).sum())
    centre = 0.0
    dummies = problem.spec.correction == "bias" and not counts.drops_unit_root
    if counts.drops_unit_root or dummies:
        s2 *= shape[0] / (shape[0] - 1) if dummies else 1.0
        trace, mean = _without_periods(matrix, trace)
        # Scores with a mean are correlated with that of sigma2, which is subtracted.
        trace -= 2 * mean**2 / (shape[0] - 1)
        centre = mean * float(counts.n_logdets)
    # With two or three units no dimension remains.
    trace = counts.n_logdets * trace if trace > 0 else np.nan
    j = trace + float(unexplained @ unexplained) / s2
    if not j > 0:
        j = np.nan
    d_lag, d_err = float(e @ lag_y) / s2 - centre, float(e @ lag_e) / s2 - centre
    # Where W y adds nothing to W u beyond the regressors, the robust tests are undefined.
    variance = j - trace if j - trace > 1e-10 * trace else np.nan
    robust_lag = (d_lag - d_err) ** 2 / variance
    error_variance = trace * (1 - trace / j) if variance == variance else np.nan
    robust_error = (d_err - trace / j * d_lag) ** 2 / error_variance
    lag, error = t("no spatial lag W y"), t("no spatial error W u")
    robust_to_error = t("no spatial lag W y, whether or not there is a spatial error")
    robust_to_lag = t("no spatial error W u, whether or not there is a spatial lag")
    neither = t("neither a spatial lag W y nor a spatial error W u")
    return TestSet(
        [
            chi2_test(t("LM lag"), lag, d_lag**2 / j, 1),
            chi2_test(t("LM error"), error, d_err**2 / trace, 1),
            chi2_test(t("robust LM lag"), robust_to_error, robust_lag, 1),
            chi2_test(t("robust LM error"), robust_to_lag, robust_error, 1),
            chi2_test(t("LM both"), neither, d_err**2 / trace + robust_lag, 2),
        ]
    )


def _without_periods(matrix: sparse.csr_array, trace: float) -> tuple[float, float]:
    """Return ``tr(KK) + tr(K'K)`` and ``tr(K)`` of ``K = J W J``; `trace` is the sum for W."""
    n = matrix.shape[0]
    rows, columns = (np.asarray(matrix.sum(axis=axis)).ravel() for axis in (1, 0))
    total = float(rows.sum()) / n
    crossed = 2 * float(columns @ rows) + float(rows @ rows) + float(columns @ columns)
    return trace - crossed / n + 2 * total**2, float(matrix.diagonal().sum()) - total
