"""Tests of random against fixed unit effects: Hausman and Mundlak."""

from __future__ import annotations

from typing import Any

import numpy as np

from nqp_spatial.core.inference import HypothesisTest, NotApplicable, TestSet, chi2_test
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import NqpError
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import Effects
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["random_effects_tests"]


def random_effects_tests(
    formula: str,
    panel: SpatialPanel,
    w: SpatialWeights,
    effects: str,
    functions: Functions | None = None,
) -> TestSet:
    """Return two tests of whether random unit effects are uncorrelated with the regressors."""
    if effects not in ("unit", "two-way"):
        return TestSet()
    null = t("unit effects are uncorrelated with the regressors")
    options: dict[str, Any] = {"covariance": "expected", "functions": functions}

    def fitted(kind: Effects) -> RegressionResult:
        return fit(formula, panel, w, effects=kind, **options)

    hausman: HypothesisTest | NotApplicable
    mundlak: HypothesisTest | NotApplicable
    try:
        hausman = _hausman(fitted("unit"), fitted("random"), null)
    except NqpError as error:
        hausman = NotApplicable(t("Hausman"), null, str(error))
    try:
        mundlak = _mundlak(fitted("correlated-random"), null)
    except NqpError as error:
        mundlak = NotApplicable(t("Mundlak"), null, str(error))
    return TestSet([hausman, mundlak])


def _hausman(
    fixed: RegressionResult, random: RegressionResult, null: str
) -> HypothesisTest | NotApplicable:
    """Compare slopes only: rho uses within and between variation and is similar in both models."""
    name = t("Hausman")
    shared = [key for key in fixed.params.index if key[0] in ("x", "wx")]
    if not shared:
        return NotApplicable(name, null, t("the model has no regressors"))
    gap = (fixed.params.loc[shared] - random.params.loc[shared]).to_numpy()
    # Both use the error variance of the random model, otherwise the difference may not be positive
    # definite; under the null the two variances agree.
    difference = fixed.cov.loc[shared, shared] * (random.sigma2 / fixed.sigma2)
    difference = (difference - random.cov.loc[shared, shared]).to_numpy()
    scale = 1 / np.sqrt(np.abs(np.diag(difference)))
    if not np.linalg.eigvalsh(difference * np.outer(scale, scale)).min() > 1e-8:
        return NotApplicable(
            name,
            null,
            t("the difference of the covariances is not positive definite; see Mundlak's test"),
        )
    statistic = float(gap @ np.linalg.solve(difference, gap))
    return chi2_test(name, null, statistic, len(gap), t("unit against random effects"))


def _mundlak(means: RegressionResult, null: str) -> HypothesisTest | NotApplicable:
    """Test that unit means of the regressors have no coefficients."""
    name = t("Mundlak")
    blocks = means.params.index.get_level_values(0)
    keys = [key for key in means.params.index if key[0] in ("mean", "wmean")]
    if not keys:
        reason = t("the unit means of the regressors do not differ between units")
        return NotApplicable(name, null, reason)
    # The coefficients of the means are estimated from n averages, whose variance the likelihood
    # divides by n, not by n minus the number of coefficients.
    share = 1 - int((~blocks.isin(["spatial", "random"])).sum()) / means.n_units
    if share <= 0:
        return NotApplicable(name, null, t("there are as many coefficients as units"))
    values = means.params.loc[keys].to_numpy()
    cov = means.cov.loc[keys, keys].to_numpy()
    statistic = float(values @ np.linalg.solve(cov, values)) * share
    return chi2_test(name, null, statistic, len(values), t("unit means of regressors"))
