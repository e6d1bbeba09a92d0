"""Inference: tests as objects, sets of tests, tables of coefficients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.number_format import p_words, significant
from nqp_spatial.core.options import Level, checked
from nqp_spatial.core.text import t

__all__ = [
    "CoefficientTable",
    "HypothesisTest",
    "NotApplicable",
    "TestSet",
    "chi2_test",
    "critical_value",
    "interval_columns",
    "tests_frame",
    "two_sided_p",
    "wald_test",
    "with_intervals",
]


@dataclass(frozen=True, repr=False)
class HypothesisTest(Displayed):
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
    Wald: chi2(1) = 5.200, p = 0.023; H0: theta = 0
    """

    name: str
    null: str
    statistic: float
    distribution: str
    df: float | None
    p_value: float
    rule: str = ""

    applicable = True

    def _blocks(self) -> list[Block]:
        df = "" if self.df is None else f"({self.df:g})"
        rule = f" [{self.rule}]" if self.rule else ""
        return [
            f"{self.name}: {self.distribution}{df} = {significant(self.statistic, 4)}, "
            f"{p_words(self.p_value)}; H0: {self.null}{rule}"
        ]


@dataclass(frozen=True, repr=False)
class NotApplicable(Displayed):
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
        return t("not applicable: {reason}", reason=self.reason)

    def _blocks(self) -> list[Block]:
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
        return NotApplicable(name, null, t("no degrees of freedom remain"))
    if np.isnan(statistic):
        return NotApplicable(name, null, t("the data do not determine the statistic"))
    p_value = float(special.chdtrc(df, max(statistic, 0.0)))
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
        return NotApplicable(name, null, t("the model has no such coefficients"))
    try:
        statistic = float(gap @ np.linalg.solve(slopes @ cov @ slopes.T, gap))
    except np.linalg.LinAlgError:
        return NotApplicable(name, null, t("the covariance of the estimates is singular"))
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
        Columns ``name, null, statistic, distribution, df, p_value, rule``; words are messages.

    Examples
    --------
    >>> tests_frame([chi2_test("LR", "rows equal", 3.84, 1)])["df"].tolist()
    [1]
    """
    rows = list(tests)
    columns = {
        name: [getattr(test, name) for test in rows]
        for name in ("name", "null", "statistic", "distribution", "df", "p_value", "rule")
    }
    # Columns of str would strip the messages of their templates.
    messages: dict[str, Any] = dict.fromkeys(("name", "null", "rule"), object)
    return pd.DataFrame(
        {name: pd.Series(values, dtype=messages.get(name)) for name, values in columns.items()}
    )


# -- normal and t inference ------------------------------------------------------------------------


def critical_value(level: float, df: float = np.inf) -> float:
    """Return the two-sided critical value of a t distribution; normal without degrees of freedom.

    Parameters
    ----------
    level : float
        Confidence level, between 0 and 1.
    df : float
        Degrees of freedom.

    Examples
    --------
    >>> round(critical_value(0.95), 2), round(critical_value(0.95, 4), 2)
    (1.96, 2.78)
    """
    return float(special.stdtrit(df, 0.5 + level / 2))


def two_sided_p(statistic: Any, df: float = np.inf) -> Any:
    """Return two-sided p-values of t statistics, in the shape in which they come.

    Examples
    --------
    >>> round(float(two_sided_p(1.959964)), 3)
    0.05
    """
    return 2 * special.stdtr(df, -np.abs(np.asarray(statistic, dtype=float)))


def with_intervals(estimates: pd.DataFrame, level: float, df: float = np.inf) -> pd.DataFrame:
    """Add statistic, p-value and interval to a frame with estimates and standard errors.

    Parameters
    ----------
    estimates : DataFrame
        With columns ``estimate, std_error``.
    level : float
    df : float

    Returns
    -------
    DataFrame
        With ``statistic, p_value, conf_low, conf_high`` beside them.
    """
    columns = interval_columns(
        estimates["estimate"].to_numpy(), estimates["std_error"].to_numpy(), level, df
    )
    return estimates.assign(**columns)


def interval_columns(
    estimates: np.ndarray, std_errors: np.ndarray, level: float, df: float = np.inf
) -> dict[str, np.ndarray]:
    """Return the columns that `with_intervals` adds.

    Examples
    --------
    >>> interval_columns(np.array([1.0]), np.array([0.5]), 0.95)["conf_low"].round(2).tolist()
    [0.02]
    """
    reach = critical_value(level, df) * std_errors
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimates / std_errors
    return {
        "statistic": statistic,
        "p_value": two_sided_p(statistic, df),
        "conf_low": estimates - reach,
        "conf_high": estimates + reach,
    }


class CoefficientTable:
    """What every estimator offers of its coefficients, from estimates and their covariance.

    A result that inherits has ``params`` (Series) and ``cov`` (DataFrame with the same index), and
    ``df_resid`` where its t tests have degrees of freedom.
    """

    params: pd.Series
    cov: pd.DataFrame

    @property
    def _df(self) -> float:
        return float(getattr(self, "df_resid", np.inf))

    @cached_property
    def std_errors(self) -> pd.Series:
        """Standard errors of the coefficients."""
        return pd.Series(np.sqrt(np.diag(self.cov)), index=self.params.index, name="std_error")

    @property
    def statistics(self) -> pd.Series:
        """Estimates over standard errors."""
        return (self.params / self.std_errors).rename("statistic")

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values."""
        return pd.Series(two_sided_p(self.statistics, self._df), self.params.index, name="p_value")

    @checked
    def conf_int(self, level: Level = 0.95) -> pd.DataFrame:
        """Return confidence intervals of the coefficients.

        Parameters
        ----------
        level : float
            Between 0 and 1.

        Returns
        -------
        DataFrame
            Columns ``conf_low, conf_high``.
        """
        reach = critical_value(level, self._df) * self.std_errors
        return pd.DataFrame({"conf_low": self.params - reach, "conf_high": self.params + reach})

    @property
    def frame(self) -> pd.DataFrame:
        """Estimates, standard errors, statistics, p-values and 95 % intervals."""
        columns = [self.params.rename("estimate"), self.std_errors, self.statistics, self.pvalues]
        return pd.concat([*columns, self.conf_int()], axis=1)


class TestSet(Mapping[str, "HypothesisTest | NotApplicable"], Displayed):
    """Tests by name; `frame` has one row per test.

    Parameters
    ----------
    tests : mapping or iterable of tests
        A test's own name is its key unless a mapping names it otherwise.

    Examples
    --------
    >>> tests = TestSet([chi2_test("LR", "rows equal", 3.84, 1)])
    >>> tests["LR"].df, tests.frame["p_value"].round(2).tolist()
    (1, [0.05])
    """

    __test__ = False  # pytest takes classes named Test... for tests

    def __init__(
        self,
        tests: Mapping[str, HypothesisTest | NotApplicable]
        | Iterable[HypothesisTest | NotApplicable] = (),
    ) -> None:
        items = (
            tests.items() if isinstance(tests, Mapping) else ((test.name, test) for test in tests)
        )
        self._tests: dict[str, HypothesisTest | NotApplicable] = dict(items)

    def __getitem__(self, name: str) -> HypothesisTest | NotApplicable:
        return self._tests[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tests)

    def __len__(self) -> int:
        return len(self._tests)

    @property
    def frame(self) -> pd.DataFrame:
        """One row per test: ``name, null, statistic, distribution, df, p_value, rule``."""
        return tests_frame(self._tests.values())

    def _blocks(self) -> list[Block]:
        return [repr(test) for test in self._tests.values()] or ["No tests"]

    def _html_blocks(self) -> list[Block]:
        return ["Tests", self.frame] if self else ["No tests"]

    def _ipython_key_completions_(self) -> list[str]:
        return [str(name) for name in self]
