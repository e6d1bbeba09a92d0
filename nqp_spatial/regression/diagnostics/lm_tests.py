"""Lagrange multiplier tests of spatial lags and spatial errors in a model without either."""

from __future__ import annotations

import numpy as np

from nqp_spatial.core.inference import HypothesisTest, NotApplicable, chi2_test
from nqp_spatial.regression._demeaning import demean
from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["score_tests"]


def score_tests(
    problem: ModelData, weights: SpatialWeights
) -> dict[str, HypothesisTest | NotApplicable]:
    """Test a linear model for a spatial lag, a spatial error, each in the presence of the other.

    With e the residuals, ``d_lag = e'Wy / s2 - c``, ``d_err = e'We / s2 - c`` and
    ``t = m [tr(WW) + tr(W'W)]``, m periods,
    ``J = t + (W Z b)'M (W Z b) / s2``:

    - LM lag: ``d_lag^2 / J``; LM error: ``d_err^2 / t``;
    - robust LM lag: ``(d_lag - d_err)^2 / (J - t)``;
    - robust LM error: ``(d_err - t/J d_lag)^2 / (t (1 - t/J))``;
    - LM both: the sum of LM error and robust LM lag.

    Where periods were transformed away, traces are over what is left of the units, c is the mean of
    the score, ``m tr(J W) = -m``, and t is less ``2 m / (n - 1)``, because the scores are then
    correlated with that of sigma2; otherwise c is zero.

    Parameters
    ----------
    problem : ModelData
        A linear model (``ols`` or ``slx``), static or not.
    weights : SpatialWeights
        W, in the order of the panel's units.

    Returns
    -------
    dict of HypothesisTest or NotApplicable
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
    left = lag_fit - q @ (q.T @ lag_fit)
    trace = float(matrix.multiply(matrix.T).sum() + matrix.power(2).sum())
    centre = 0.0
    if counts.drops_unit_root:
        columns = np.asarray(matrix.sum(axis=0)).ravel()
        trace -= 1 + float(columns @ columns) / shape[0]
        # tr(J W) = -1 ties the scores to that of sigma2; what that explains is taken off.
        trace -= 2 / (shape[0] - 1)
        centre = -float(counts.n_logdets)
    t = counts.n_logdets * trace if trace > 0 else np.nan  # of two or three units nothing is left
    j = t + float(left @ left) / s2
    d_lag, d_err = float(e @ lag_y) / s2 - centre, float(e @ lag_e) / s2 - centre
    # Where W y adds nothing to W u beyond the regressors, the robust tests have no variance.
    own = j - t if j - t > 1e-10 * t else np.nan
    robust_lag = (d_lag - d_err) ** 2 / own
    statistics = {
        "LM lag": ("no W y", d_lag**2 / j, 1),
        "LM error": ("no W u", d_err**2 / t, 1),
        "robust LM lag": ("no W y, whether or not there is W u", robust_lag, 1),
        "robust LM error": (
            "no W u, whether or not there is W y",
            (d_err - t / j * d_lag) ** 2 / (t * (1 - t / j) if own == own else np.nan),
            1,
        ),
        "LM both": ("neither W y nor W u", d_err**2 / t + robust_lag, 2),
    }
    return {
        name: chi2_test(name, null, statistic, df)
        for name, (null, statistic, df) in statistics.items()
    }
