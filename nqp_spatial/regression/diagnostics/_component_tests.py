"""LM tests of random unit effects, spatial errors and serial correlation in the pooled model.

``u_it = mu_i + v_it``, ``v_t = lam W v_t + e_t``, ``e_it = r e_i,t-1 + innovation``; var(mu) = sm2,
var(e) = s2. An LM statistic is the score of the parameter under test at the estimates under the
null, less its regression on the other scores, divided by its standard deviation from the expected
information, ``tr(V^-1 V_a V^-1 V_b) / 2`` with V_a the derivatives of the covariance V.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from scipy import sparse, special

from nqp_spatial.core.inference import (
    HypothesisTest,
    NotApplicable,
    TestSet,
    chi2_test,
    two_sided_p,
)
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.core.text import t
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression._model_data import ModelData, build_model_data
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.covariance.information import trace_moments
from nqp_spatial.regression.diagnostics._fitted_models import attempted, with_period_dummies
from nqp_spatial.regression.diagnostics._moran_tests import basis_of, form_of, moran_score
from nqp_spatial.regression.estimators.ml import LogDeterminants, fit_ml, log_determinants
from nqp_spatial.regression.spec import Effects, Model, RegressionSpec
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["component_tests"]

#: A test, from its name and null hypothesis.
_Test = Callable[[str, str], HypothesisTest | NotApplicable]


def component_tests(
    formula: str,
    panel: SpatialPanel,
    w: SpatialWeights,
    effects: str,
    functions: Functions | None = None,
) -> TestSet:
    """Test the pooled linear model for random unit effects, spatial errors and serial correlation.

    Period effects, if `effects` has them, are dummy variables in all models.

    - BSK LM1, LM2: random effects without spatial errors, spatial errors without random effects;
      the statistics of Honda (1985) and Moran, standardised with the exact moments of residuals.
    - BSK joint: ``max(LM1, 0)^2 + LM2^2``, as variances are not negative; its distribution is half
      chi-square(1), half chi-square(2).
    - BSK LM-mu: random effects, given spatial errors; one-sided.
    - BSK LM-lambda: spatial errors, given random effects.
    - BSJK joint: neither random effects nor spatial errors nor serial correlation, chi-square(3).
    - BSJK serial: first-order serial correlation, given random effects, without spatial errors.

    Parameters
    ----------
    formula : str
    panel : SpatialPanel
    w : SpatialWeights
    effects : str
    functions : mapping, optional
        The caller's own functions that the formula may call.

    Returns
    -------
    TestSet
        Empty for a cross-section.

    Notes
    -----
    Sources: Baltagi, Song and Koh (2003), Journal of Econometrics 117, 123-150 (LM1, LM2, their
    conditional statistics; their joint test is one-sided in lam too); Baltagi, Song, Jung and Koh
    (2007), Journal of Econometrics 140, 5-51; Baltagi and Li (1995) for serial correlation given
    random effects. splm has them as ``bsktest`` and ``bsjktest``. Random effects are not spatially
    correlated here, as in `fit` with ``random_errors="bsk"``.
    """
    if panel.n_periods < 2:
        return TestSet()
    if effects in ("period", "two-way"):
        formula, panel = with_period_dummies(formula, panel)
    pooled = cache(partial(_data, formula, panel, functions, "ols", "none"))
    random = cache(partial(_random_effects, formula, panel, functions))
    matrix = w.sparse
    no_random, no_spatial = t("no random unit effects"), t("no spatial errors")
    no_serial = t("no serial correlation of errors")
    neither = t("neither random unit effects nor spatial errors")
    nothing = t("neither random unit effects nor spatial errors nor serial correlation")
    cases: tuple[tuple[str, str, _Test], ...] = (
        (t("BSK joint"), neither, lambda name, null: _joint(name, null, pooled(), matrix)),
        (t("BSK LM1"), no_random, lambda name, null: _honda(name, null, pooled())),
        (t("BSK LM2"), no_spatial, lambda name, null: _moran(name, null, pooled(), matrix)),
        (t("BSK LM-mu"), no_random, partial(_given_spatial, formula, panel, functions, w)),
        (
            t("BSK LM-lambda"),
            no_spatial,
            lambda name, null: _spatial(name, null, *random(), matrix),
        ),
        (
            t("BSJK joint"),
            nothing,
            lambda name, null: _with_serial(name, null, panel, pooled(), matrix),
        ),
        (t("BSJK serial"), no_serial, lambda name, null: _serial(name, null, panel, *random())),
    )
    return TestSet([attempted(name, null, partial(test, name, null)) for name, null, test in cases])


def _data(
    formula: str,
    panel: SpatialPanel,
    functions: Functions | None,
    model: Model,
    effects: Effects,
    w: SpatialWeights | None = None,
) -> ModelData:
    draft = RegressionSpec(formula, "", (), (), model, effects, "none")
    return build_model_data(panel, draft, TermWeights.of(None, None, w), functions=functions)


# -- without other components ----------------------------------------------------------------------


def _honda(name: str, null: str, data: ModelData) -> HypothesisTest | NotApplicable:
    return _one_sided(name, null, _honda_score(data))


def _honda_score(data: ModelData) -> float:
    """Return ``e'(I_n x 1 1') e / e'e``, standardised with the moments of residuals."""
    n, periods = data.shape
    e = data.projection.left_y.reshape(n, periods)
    q = basis_of(data).reshape(n, periods, -1)
    images = np.broadcast_to(q.sum(axis=1, keepdims=True), q.shape)
    form = form_of(data, np.ascontiguousarray(images), float(n * periods), float(n * periods**2))
    return form.score(float((e.sum(axis=1) ** 2).sum() / (e**2).sum()))


def _moran(
    name: str, null: str, data: ModelData, matrix: sparse.csr_array
) -> HypothesisTest | NotApplicable:
    return _two_sided(name, null, moran_score(data, matrix))


def _joint(
    name: str, null: str, data: ModelData, matrix: sparse.csr_array
) -> HypothesisTest | NotApplicable:
    statistic = max(_honda_score(data), 0.0) ** 2 + moran_score(data, matrix) ** 2
    if np.isnan(statistic):
        return NotApplicable(name, null, t("the data do not determine the statistic"))
    p_value = float(special.chdtrc(1, statistic) + special.chdtrc(2, statistic)) / 2
    rule = t("one-sided in the variance: half chi-square(1), half chi-square(2)")
    return HypothesisTest(name, null, statistic, "chi2", 2, p_value, rule)


def _with_serial(
    name: str, null: str, panel: SpatialPanel, data: ModelData, matrix: sparse.csr_array
) -> HypothesisTest | NotApplicable:
    """Score of (sm2, r, lam) at zero, with s2; lam is uncorrelated with the others."""
    require_even_steps(panel.periods, "a test of serial correlation")
    n, periods = data.shape
    if periods < 3:
        return NotApplicable(name, null, _three_periods(periods))
    e = data.projection.left_y.reshape(n, periods)
    s2 = float((e**2).mean())
    scores, information = _time_scores(e, 0.0, s2)
    over_time = scores @ np.linalg.solve(information, scores)
    total = periods * float(matrix.multiply(matrix.T).sum() + matrix.power(2).sum())
    across = float((e * (matrix @ e)).sum()) / s2
    return chi2_test(name, null, float(over_time) + across**2 / total, 3)


# -- given random effects --------------------------------------------------------------------------


def _random_effects(
    formula: str, panel: SpatialPanel, functions: Functions | None
) -> tuple[np.ndarray, float, float]:
    """Return residuals (with their unit effects), s2 and ``s2 + T sm2`` of random effects by ML."""
    data = _data(formula, panel, functions, "ols", "random")
    estimate = fit_ml(data, LogDeterminants(None)).estimate
    u = estimate.innovations.reshape(data.shape)
    return u, estimate.sigma2, estimate.sigma2 / estimate.phi**2


def _spatial(
    name: str, null: str, u: np.ndarray, s2: float, between: float, matrix: sparse.csr_array
) -> HypothesisTest | NotApplicable:
    means = np.broadcast_to(u.mean(axis=1, keepdims=True), u.shape)
    weighted = (u - means) / s2 + means * (s2 / between) / between
    # u'V^-1 V_lam V^-1 u / 2 with V_lam = s2 (W + W'); parts within and between units do not mix.
    score = float((u * (matrix @ weighted)).sum())
    total = float(matrix.multiply(matrix.T).sum() + matrix.power(2).sum())
    variance = total * (u.shape[1] - 1 + (s2 / between) ** 2)
    z = score / np.sqrt(variance) if variance > 0 else np.nan
    return _two_sided(name, null, float(z))


def _serial(
    name: str, null: str, panel: SpatialPanel, u: np.ndarray, s2: float, between: float
) -> HypothesisTest | NotApplicable:
    require_even_steps(panel.periods, "a test of serial correlation")
    if panel.n_periods < 3:
        return NotApplicable(name, null, _three_periods(panel.n_periods))
    variance = (between - s2) / u.shape[1]
    scores, information = _time_scores(u, variance, s2)
    if variance <= 0:  # at its bound the variance of the unit effects is not estimated
        scores, information = scores[1:], information[1:, 1:]
    # The scores of sm2 and s2 are zero at the estimates.
    inverse = np.linalg.inv(information)
    return _two_sided(name, null, float(scores[-2] * np.sqrt(inverse[-2, -2])))


def _time_scores(u: np.ndarray, variance: float, s2: float) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and expected information of (sm2, r, s2) at r = 0, shape (3,) and (3, 3).

    Parameters
    ----------
    u : ndarray
        Shape (n, T); units are independent.
    variance, s2 : float
        sm2 and s2.
    """
    n, periods = u.shape
    ones = np.ones((periods, periods))
    inverse = (np.eye(periods) - variance / (s2 + periods * variance) * ones) / s2
    beside = np.eye(periods, k=1) + np.eye(periods, k=-1)
    slopes = [inverse @ part for part in (ones, s2 * beside, np.eye(periods))]
    moments = inverse @ (u.T @ u)
    scores = [float(np.trace(a @ moments) - n * np.trace(a)) / 2 for a in slopes]
    information = [[n / 2 * float((a * b.T).sum()) for b in slopes] for a in slopes]
    return np.array(scores), np.array(information)


# -- given spatial errors --------------------------------------------------------------------------


def _given_spatial(
    formula: str,
    panel: SpatialPanel,
    functions: Functions | None,
    w: SpatialWeights,
    name: str,
    null: str,
) -> HypothesisTest | NotApplicable:
    """Score of sm2 at zero in the model with spatial errors, given lam and s2."""
    data = _data(formula, panel, functions, "sem", "none", w)
    determinants = log_determinants(data.terms)
    estimate = fit_ml(data, determinants).estimate
    n, periods = data.shape
    s2, lam, matrix = estimate.sigma2, estimate.lam, w.sparse
    structural = data.design.y - estimate.disturbances.reshape(data.shape)
    moments = trace_moments(
        estimate, structural, (data.terms.matrices_y, matrix), determinants.active(data), data.spec
    )
    b = sparse.csr_array(sparse.eye_array(n) - lam * matrix)
    gram = sparse.csr_array(b.T @ b)
    first, second = float(gram.diagonal().sum()), float(gram.power(2).sum())
    filtered = b.T @ estimate.innovations.reshape(data.shape).sum(axis=1)
    score = float(filtered @ filtered) / (2 * s2**2) - periods * first / (2 * s2)
    # tr(B'B G) with G = W B^-1 is tr(W'B).
    crossed = float(matrix.diagonal().sum()) - lam * float(matrix.power(2).sum())
    across = np.array([periods * crossed / s2, periods * first / (2 * s2**2)])
    h, hh = float(moments.traces[-1]), float(moments.products[-1, -1])
    others = periods * np.array([[hh, h / s2], [h / s2, n / (2 * s2**2)]])
    variance = periods**2 * second / (2 * s2**2) - across @ np.linalg.solve(others, across)
    return _one_sided(name, null, float(score / np.sqrt(variance)) if variance > 0 else np.nan)


# -- distributions ---------------------------------------------------------------------------------


def _three_periods(periods: int) -> str:
    return t("needs three periods, this panel has {periods}", periods=periods)


def _one_sided(name: str, null: str, z: float) -> HypothesisTest | NotApplicable:
    if np.isnan(z):
        return NotApplicable(name, null, t("the data do not determine the statistic"))
    rule = t("one-sided, large values against the null")
    return HypothesisTest(name, null, z, "normal", None, float(special.ndtr(-z)), rule)


def _two_sided(name: str, null: str, z: float) -> HypothesisTest | NotApplicable:
    if np.isnan(z):
        return NotApplicable(name, null, t("the data do not determine the statistic"))
    return HypothesisTest(name, null, z, "normal", None, float(two_sided_p(z)), t("two-sided"))
