"""Tests on residuals: spatial and cross-sectional dependence, normality, heteroskedasticity."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from nqp_spatial.core.inference import (
    HypothesisTest,
    NotApplicable,
    TestSet,
    chi2_test,
    two_sided_p,
)
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.core.text import t
from nqp_spatial.errors import NqpError

__all__ = [
    "cross_section_exponent",
    "heteroskedasticity_test",
    "normality_test",
    "pesaran_cd",
    "residual_tests",
    "serial_correlation_test",
]


def pesaran_cd(residuals: np.ndarray) -> HypothesisTest | NotApplicable:
    """Test residuals for weak cross-sectional dependence.

    ``CD = sqrt(2 T / (n (n - 1))) sum_(i<j) r_ij``, r_ij the correlation over time, is standard
    normal under weak dependence. The sum over pairs is ``(|sum_i z_i|^2 - n) / 2`` with z_i the
    series of unit i scaled to length one, so that no correlation matrix is formed.

    Parameters
    ----------
    residuals : ndarray
        Shape (n, T), T at least 3.

    Returns
    -------
    HypothesisTest or NotApplicable

    Notes
    -----
    Sources: Pesaran (2004; 2015, Econometric Reviews 34). Not for residuals of a model with period
    effects: they add to zero in every period, so that the statistic is about -sqrt(T / 2)
    whatever the dependence (Juodis and Reese 2022).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> pesaran_cd(rng.normal(size=(40, 10)) + rng.normal(size=10)).p_value < 1e-6
    True
    """
    n, n_periods = residuals.shape
    name, null = t("Pesaran CD"), t("weak cross-sectional dependence")
    if n < 2 or n_periods < 3:
        return NotApplicable(
            name,
            null,
            t(
                "needs 2 units and 3 periods, has {units} and {periods}",
                units=n,
                periods=n_periods,
            ),
        )
    z = _unit_length(residuals)
    pairs = (float((z.sum(axis=0) ** 2).sum()) - n) / 2
    statistic = np.sqrt(2 * n_periods / (n * (n - 1))) * pairs
    return HypothesisTest(
        name,
        null,
        float(statistic),
        "normal",
        None,
        float(two_sided_p(statistic)),
        t("two-sided; of residuals before period effects are taken out"),
    )


def cross_section_exponent(residuals: np.ndarray, level: float = 0.1) -> float:
    """Estimate the exponent of cross-sectional dependence of residuals.

    ``alpha = ln(1'R 1) / (2 ln n)`` with R the correlations that differ from zero in a test of all
    pairs together, the others set to zero: 1/2 where the strongest dependence is weak (spatial), 1
    where a common factor affects every unit.

    Parameters
    ----------
    residuals : ndarray
        Shape (n, T).
    level : float
        Level of the multiple test.

    Returns
    -------
    float

    Notes
    -----
    Source: Bailey, Kapetanios and Pesaran (2019), Sankhya B 81, equations 9-11, with delta = 1/2.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> round(cross_section_exponent(rng.normal(size=(50, 100)) + 3 * rng.normal(size=100)), 2)
    0.99
    """
    n, n_periods = residuals.shape
    z = _unit_length(residuals)
    bound = special.ndtri(1 - level / (2 * n**0.5)) / np.sqrt(n_periods)
    total = 0.0
    for start in range(0, n, 1000):  # a block of rows at a time: never n x n
        block = z[start : start + 1000] @ z.T
        total += float(block[np.abs(block) > bound].sum())
    return float(np.log(max(total, 1.0)) / (2 * np.log(n)))


def _unit_length(residuals: np.ndarray) -> np.ndarray:
    z = residuals - residuals.mean(axis=1, keepdims=True)
    lengths = np.sqrt((z**2).sum(axis=1, keepdims=True))
    return np.asarray(np.divide(z, lengths, out=np.zeros_like(z), where=lengths > 0))


def normality_test(residuals: np.ndarray) -> HypothesisTest | NotApplicable:
    """Test residuals for skewness and excess kurtosis (Jarque and Bera 1987).

    Parameters
    ----------
    residuals : ndarray
        Any shape.

    Returns
    -------
    HypothesisTest or NotApplicable

    Examples
    --------
    >>> normality_test(np.random.default_rng(0).exponential(size=500)).p_value < 1e-6
    True
    """
    from scipy import stats  # loads slowly, and serves this test only

    statistic = float(stats.jarque_bera(residuals.ravel()).statistic)
    return chi2_test(t("Jarque-Bera"), t("errors are normally distributed"), statistic, 2)


def heteroskedasticity_test(
    residuals: np.ndarray, regressors: np.ndarray
) -> HypothesisTest | NotApplicable:
    """Test whether squared residuals vary with the regressors (Koenker 1981).

    ``N R^2`` of squared residuals on the regressors and a constant.

    Parameters
    ----------
    residuals : ndarray
        Shape (N,).
    regressors : ndarray
        Shape (N, K), effects removed.

    Returns
    -------
    HypothesisTest or NotApplicable

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(400, 1))
    >>> heteroskedasticity_test(np.exp(x[:, 0]) * rng.normal(size=400), x).p_value < 1e-3
    True
    """
    squares = residuals**2 - (residuals**2).mean()
    x = regressors - regressors.mean(axis=0)
    fitted = x @ np.linalg.lstsq(x, squares, rcond=None)[0]
    rank = int(np.linalg.matrix_rank(x))
    total = float(squares @ squares)
    statistic = len(squares) * float(fitted @ fitted) / total if total > 0 else np.nan
    return chi2_test(t("Koenker-Bassett"), t("errors have equal variances"), statistic, rank)


def serial_correlation_test(
    residuals: np.ndarray, periods: pd.Index
) -> HypothesisTest | NotApplicable:
    """Test residuals after unit effects for first-order serial correlation.

    Slope of e_t on e_(t-1), minus ``-1 / (T - 1)``, which is its value if errors are not correlated
    over time and unit means were removed, divided by the standard error clustered by unit.

    Parameters
    ----------
    residuals : ndarray
        Unit effects removed, shape (n, T).
    periods : Index

    Returns
    -------
    HypothesisTest or NotApplicable

    Notes
    -----
    Valid for few periods and many units that are independent of each other; under strong spatial
    correlation of the errors it rejects too often. Source: Wooldridge (2010), section 10.5.4; plm
    has it as ``pwartest``.

    Examples
    --------
    >>> e = np.random.default_rng(0).normal(size=(200, 6)).cumsum(axis=1)
    >>> within = e - e.mean(axis=1, keepdims=True)
    >>> serial_correlation_test(within, pd.RangeIndex(6)).p_value < 1e-6
    True
    """
    name, null = t("Wooldridge"), t("no serial correlation of errors")
    n, n_periods = residuals.shape
    try:
        require_even_steps(periods, "a test of serial correlation")
    except NqpError as error:
        return NotApplicable(name, null, str(error))
    if n < 2 or n_periods < 3:
        reason = t("needs 2 units and 3 periods, has {units} and {periods}",
                   units=n, periods=n_periods)  # fmt: skip
        return NotApplicable(name, null, reason)
    past, present = residuals[:, :-1], residuals[:, 1:]
    total = float((past**2).sum())
    slope = float((past * present).sum()) / total
    by_unit = ((present - slope * past) * past).sum(axis=1)
    std_error = np.sqrt(n / (n - 1) * float(by_unit @ by_unit)) / total
    statistic = (slope + 1 / (n_periods - 1)) / std_error
    rule = t("two-sided, clustered by unit")
    p_value = float(two_sided_p(statistic))
    return HypothesisTest(name, null, float(statistic), "normal", None, p_value, rule)


def residual_tests(
    residuals: np.ndarray, with_period_effects: np.ndarray, regressors: np.ndarray
) -> TestSet:
    """Test residuals for dependence between units, normality and equal variances.

    Parameters
    ----------
    residuals, with_period_effects : ndarray
        After and before removal of period effects, shape (n, T).
    regressors : ndarray
        Effects removed, shape (n T, K).

    Returns
    -------
    TestSet
    """
    return TestSet(
        [
            pesaran_cd(with_period_effects),
            normality_test(residuals),
            heteroskedasticity_test(residuals.ravel(), regressors),
        ]
    )
