"""Results of quadratic assignment: correlations, a regression, and both together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, TestSet
from nqp_spatial.core.options import checked
from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import OptionError

__all__ = ["MrqapResult", "QapCorrelationResult", "QapResult"]


class _Permutation:
    """What the results say of their permutations."""

    spec: Spec

    def _rule(self) -> Message:
        return t(
            "{permutations} permutations of units, seed {seed}",
            permutations=self.spec.permutations, seed=self.spec.seed,
        )  # fmt: skip


@dataclass(frozen=True, repr=False, eq=False)
class QapCorrelationResult(_Permutation, Displayed):
    """Correlations of networks.

    Attributes
    ----------
    frame : DataFrame
        By (first, second): ``correlation``; ``p_value``, two-sided, of its absolute value;
        ``p_greater`` and ``p_less``; ``null_low, null_high``, between which 95 % of the permuted
        correlations lie. The last five are missing without permutations.
    n_pairs : int
        Pairs of units that are correlated.
    spec : Spec
        ``matrices, permutations, seed``.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> states = nq.datasets.us_income()
    >>> queen = nq.weights.contiguity(states).standardize("none")
    >>> gaps = nq.structure.difference_matrices(states, ["income"], period=2009)
    >>> result = nq.structure.qap_correlation(queen, gaps["income"], permutations=99)
    >>> result.frame.index.tolist()
    [('first', 'second')]
    """

    _figure: ClassVar[str] = "qap"

    frame: pd.DataFrame
    n_pairs: int
    spec: Spec
    notes: tuple[str, ...] = ()

    @property
    def tests(self) -> TestSet:
        """The test of each correlation."""
        tests: dict[str, HypothesisTest | NotApplicable] = {}
        for (first, second), row in self.frame.iterrows():
            name = t("QAP correlation: {first}, {second}", first=first, second=second)
            tests[f"{first}, {second}"] = _test(
                name, t("the networks are not correlated"), row["correlation"], row["p_value"],
                self._rule(),
            )  # fmt: skip
        return TestSet(tests)

    @checked
    def wide(self, column: str = "correlation") -> pd.DataFrame:
        """Return one column as a symmetric table of all networks.

        Parameters
        ----------
        column : str
            Of `frame`.

        Returns
        -------
        DataFrame
            Missing on the diagonal.

        Raises
        ------
        OptionError
            If the frame has no such column.
        """
        if column not in self.frame.columns:
            raise OptionError(
                f"column must be one of {', '.join(map(str, self.frame.columns))}, got {column!r}"
            )
        names = list(dict.fromkeys(self.frame.index.to_frame().to_numpy().T.ravel()))
        upper = self.frame[column].unstack("second").reindex(index=names, columns=names)
        return upper.combine_first(upper.T).loc[names, names]

    def _blocks(self) -> list[Block]:
        return [
            t("QAP correlation; {count} pairs of units", count=self.n_pairs),
            self.frame[["correlation", "p_value", "p_greater", "p_less"]],
            t("p_value: {rule}", rule=self._rule()),
            *notes_of(self.notes),
        ]


@dataclass(frozen=True, repr=False, eq=False)
class MrqapResult(_Permutation, Displayed):
    """A regression of a network on networks.

    Attributes
    ----------
    frame : DataFrame
        By variable: ``estimate``; ``standardized``, in standard deviations; ``statistic``, t;
        ``p_value``, two-sided, of its absolute value; ``p_greater`` and ``p_less``; ``null_low,
        null_high``, between which 95 % of the permuted statistics lie. The last five are missing
        of the intercept, which has no test, and without permutations.
    outcome : str
    r2, r2_adjusted : float
    n_pairs : int
        Pairs of units, the observations.
    r2_p_value : float
        Of R2 when the outcome is permuted.
    spec : Spec
        ``formula, method, permutations, seed``.
    notes : tuple of str

    Examples
    --------
    >>> import numpy as np
    >>> import nqp_spatial as nq
    >>> rng = np.random.default_rng(0)
    >>> a, noise = rng.normal(size=(2, 20, 20))
    >>> result = nq.structure.mrqap("net ~ a", {"net": a + noise, "a": a}, permutations=99)
    >>> float(result.pvalues["a"])
    0.01
    """

    _figure: ClassVar[str] = "qap"

    frame: pd.DataFrame
    outcome: str
    r2: float
    r2_adjusted: float
    n_pairs: int
    r2_p_value: float
    spec: Spec
    notes: tuple[str, ...] = ()

    @property
    def params(self) -> pd.Series:
        """Coefficients by variable."""
        return self.frame["estimate"]

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values by variable."""
        return self.frame["p_value"]

    @property
    def tests(self) -> TestSet:
        """The test of each coefficient, and of all of them (R2)."""
        tests = {
            "R2": _test(
                t("R2"), t("no network explains the outcome"), self.r2, self.r2_p_value,
                self._rule(),
            )
        }  # fmt: skip
        for name, row in self.frame.drop(index="Intercept").iterrows():
            tests[str(name)] = _test(
                t("MRQAP: {name}", name=name), t("the coefficient is zero"), row["statistic"],
                row["p_value"], self._rule(),
            )  # fmt: skip
        return TestSet(tests)

    def _blocks(self) -> list[Block]:
        return [
            t("MRQAP of {outcome}; {count} pairs of units", outcome=self.outcome,
              count=self.n_pairs),
            self.frame[["estimate", "standardized", "statistic", "p_value", "p_greater", "p_less"]],
            t("R2 = {r2:.3f}, adjusted {adjusted:.3f}", r2=self.r2, adjusted=self.r2_adjusted),
            t("p_value: {rule}", rule=self._rule()),
            *notes_of(self.notes),
        ]  # fmt: skip


@dataclass(frozen=True, repr=False, eq=False)
class QapResult(_Permutation, Displayed):
    """QAP analysis of a network: its correlation with each other network, and the regression.

    Attributes
    ----------
    frame : DataFrame
        By variable: ``correlation`` with the outcome and its two-sided ``correlation_p_value``;
        ``estimate, standardized, statistic, p_value`` of the regression.
    correlations : QapCorrelationResult
        Of all pairs of the networks in the formula.
    regression : MrqapResult
    spec : Spec
        ``formula, method, permutations, seed``.
    notes : tuple of str

    Examples
    --------
    >>> import numpy as np
    >>> import nqp_spatial as nq
    >>> rng = np.random.default_rng(0)
    >>> a, b, noise = rng.normal(size=(3, 20, 20))
    >>> matrices = {"net": a + noise, "a": a, "b": b}
    >>> result = nq.structure.qap("net ~ a + b", matrices, permutations=99)
    >>> result.frame.index.tolist()
    ['a', 'b']
    """

    _figure: ClassVar[str] = "qap"

    frame: pd.DataFrame
    correlations: QapCorrelationResult
    regression: MrqapResult
    spec: Spec
    notes: tuple[str, ...] = ()

    @property
    def params(self) -> pd.Series:
        """Coefficients of the regression by variable."""
        return self.regression.params

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values of the regression by variable."""
        return self.regression.pvalues

    @property
    def tests(self) -> TestSet:
        """The tests of the correlations with the outcome and of the regression."""
        return TestSet({**self.correlations.tests, **self.regression.tests})

    def _blocks(self) -> list[Block]:
        model = self.regression
        return [
            t("QAP analysis of {outcome}; {count} pairs of units", outcome=model.outcome,
              count=model.n_pairs),
            self.frame[["correlation", "correlation_p_value", "estimate", "standardized",
                        "p_value"]],
            t("R2 = {r2:.3f}, adjusted {adjusted:.3f}", r2=model.r2, adjusted=model.r2_adjusted),
            t("p_value: {rule}", rule=self._rule()),
            *notes_of(self.notes),
        ]  # fmt: skip


def _test(
    name: Message, null: Message, statistic: float, p_value: float, rule: Message
) -> HypothesisTest | NotApplicable:
    if not np.isfinite(p_value):
        return NotApplicable(name, null, t("no permutations were asked for"))
    return HypothesisTest(name, null, float(statistic), "permutation", None, float(p_value), rule)
