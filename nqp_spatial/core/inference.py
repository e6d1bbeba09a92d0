"""Hypothesis tests as objects: name, null, statistic, distribution, degrees of freedom, p-value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from nqp_spatial.core.display import Part, Printed

__all__ = ["HypothesisTest", "NotApplicable", "chi2_test", "tests_frame", "wald_test"]


@dataclass(frozen=True, repr=False)
class HypothesisTest(Printed):
    """The result of one test.

    Attributes
    ----------
    name : str
        Name of the test.
    null : str
        The hypothesis under test, in words.
    statistic : float
        Value of the statistic.
    distribution : str
        Distribution under the null, such as ``"chi2"``, ``"normal"`` or ``"permutation"``.
    df : float or None
        Degrees of freedom, where the distribution has them.
    p_value : float
        Probability of a statistic at least this extreme under the null.
    rule : str
        How the degrees of freedom (or the permutations) were counted, in words.

    Examples
    --------
    >>> HypothesisTest("Wald", "theta = 0", 5.2, "chi2", 1, 0.0226)
    Wald: chi2(1) = 5.2, p = 0.0226; H0: theta = 0
    """

    name: str
    null: str
    statistic: float
    distribution: str
    df: float | None
    p_value: float
    rule: str = ""

    applicable = True

    def _parts(self) -> list[Part]:
        df = "" if self.df is None else f"({self.df:g})"
        rule = f" [{self.rule}]" if self.rule else ""
        return [
            f"{self.name}: {self.distribution}{df} = {self.statistic:.4g}, "
            f"p = {self.p_value:.4g}; H0: {self.null}{rule}"
        ]


@dataclass(frozen=True, repr=False)
class NotApplicable(Printed):
    """A test that does not apply, and why.

    Attributes
    ----------
    name, null : str
        As in `HypothesisTest`.
    reason : str
        Why the test has no result.

    Examples
    --------
    >>> NotApplicable("LR", "rows equal", "only one row was visited")
    LR: not applicable, only one row was visited
    """

    name: str
    null: str
    reason: str

    applicable = False
    statistic = np.nan
    p_value = np.nan
    distribution = ""
    df = None

    @property
    def rule(self) -> str:
        """The reason, where an applicable test has its counting rule."""
        return f"not applicable: {self.reason}"

    def _parts(self) -> list[Part]:
        return [f"{self.name}: not applicable, {self.reason}"]


def chi2_test(
    name: str, null: str, statistic: float, df: float, rule: str = ""
) -> HypothesisTest | NotApplicable:
    """Build a chi-square test; without degrees of freedom it does not apply.

    Parameters
    ----------
    name, null, rule : str
        As in `HypothesisTest`.
    statistic : float
        Value of the statistic.
    df : float
        Degrees of freedom.

    Returns
    -------
    HypothesisTest or NotApplicable

    Examples
    --------
    >>> round(chi2_test("LR", "all rows equal", 3.84, 1).p_value, 3)
    0.05
    """
    if df <= 0:
        return NotApplicable(name, null, "no degrees of freedom are left")
    if np.isnan(statistic):
        return NotApplicable(name, null, "the data do not determine the statistic")
    p_value = float(stats.chi2.sf(statistic, df))
    return HypothesisTest(name, null, float(statistic), "chi2", df, p_value, rule)


def wald_test(
    name: str, null: str, gap: np.ndarray, slopes: np.ndarray, cov: np.ndarray, rule: str = ""
) -> HypothesisTest | NotApplicable:
    """Test that functions of the estimates are zero: ``g' (J V J')^-1 g``.

    Parameters
    ----------
    name, null, rule : str
        As in `HypothesisTest`.
    gap : ndarray
        g, the functions at the estimates, shape (q,).
    slopes : ndarray
        J, their derivatives, shape (q, p).
    cov : ndarray
        V, covariance of the estimates, shape (p, p).

    Returns
    -------
    HypothesisTest or NotApplicable

    Examples
    --------
    >>> import numpy as np
    >>> wald_test("Wald", "x = 0", np.array([2.0]), np.eye(1), np.eye(1)).statistic
    4.0
    """
    if not len(gap):
        return NotApplicable(name, null, "the model has no such coefficients")
    try:
        statistic = float(gap @ np.linalg.solve(slopes @ cov @ slopes.T, gap))
    except np.linalg.LinAlgError:
        return NotApplicable(name, null, "the covariance of the estimates is singular")
    return chi2_test(name, null, statistic, len(gap), rule)


def tests_frame(tests: Iterable[HypothesisTest | NotApplicable]) -> pd.DataFrame:
    """Collect tests in a frame, one row each.

    Parameters
    ----------
    tests : iterable of HypothesisTest or NotApplicable
        The tests.

    Returns
    -------
    DataFrame
        Columns ``name, null, statistic, distribution, df, p_value, rule``.

    Examples
    --------
    >>> tests_frame([chi2_test("LR", "rows equal", 3.84, 1)])["df"].tolist()
    [1]
    """
    columns = ["name", "null", "statistic", "distribution", "df", "p_value", "rule"]
    return pd.DataFrame([[getattr(t, c) for c in columns] for t in tests], columns=columns)
