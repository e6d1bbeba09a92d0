"""`panel_threshold`: coefficients that change where a variable crosses thresholds (Hansen 1999)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import CoefficientTable, TestSet
from nqp_spatial.core.options import Jobs, Level, Range, Replications, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import PanelError
from nqp_spatial.regression._formulas import Functions, quoted
from nqp_spatial.regression._threshold_bootstrap import bootstrap_statistics
from nqp_spatial.regression._threshold_data import (
    Grid,
    ThresholdArrays,
    candidate_values,
    threshold_arrays,
)
from nqp_spatial.regression._threshold_search import stages, threshold_search
from nqp_spatial.regression._threshold_tables import (
    by_regime,
    equality_tests,
    profile_frame,
    search_row,
    threshold_frame,
    threshold_notes,
    threshold_test,
)
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.results import RegressionResult

__all__ = ["PanelThresholdResult", "panel_threshold"]


@dataclass(frozen=True, repr=False, eq=False)
class PanelThresholdResult(CoefficientTable, Displayed):
    """A panel model whose coefficients change where a variable crosses thresholds.

    Attributes
    ----------
    thresholds : DataFrame
        By number, ascending: ``gamma``, ``conf_low``, ``conf_high`` (the values that a likelihood
        ratio test does not reject, extended to the next values tried), ``share_below``.
    search : DataFrame
        By number of thresholds: ``squares`` (sum of squared residuals), ``statistic`` (F against
        one fewer), ``p_value``, ``critical_10``, ``critical_5``, ``critical_1`` (bootstrap).
    profile : DataFrame
        By threshold and value tried: ``squares`` with the other thresholds as estimated, ``lr``.
    model : RegressionResult
        At the thresholds; the same as `fit` of its formula.
    regimes : Series of int
        By unit and period: 1 up to the first threshold, and so on.
    tests : TestSet
        ``threshold 1``: none against one, by bootstrap; ``threshold 2``: one against two; and so
        on. Then Wald tests that a coefficient is equal in all regimes, given the thresholds.
    spec : Spec
        Formula, threshold variable, options, seed.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.panel_threshold("lgsp ~ lpcap + lpc + lemp", panel, threshold="unemp",
    ...                          regime="lpcap", replications=19)
    >>> list(res.params.index.get_level_values("part"))
    ['all', 'all', 'regime 1', 'regime 2']
    """

    thresholds: pd.DataFrame
    search: pd.DataFrame
    profile: pd.DataFrame
    model: RegressionResult
    regimes: pd.Series
    spec: Spec
    tests: TestSet = field(default_factory=TestSet)
    notes: tuple[str, ...] = ()
    params: pd.Series = field(default_factory=pd.Series)
    cov: pd.DataFrame = field(default_factory=pd.DataFrame)

    _figure = "panel_threshold"

    @property
    def df_resid(self) -> float:
        """Degrees of freedom of t tests."""
        return self.model.df_resid

    @property
    def level(self) -> float:
        """Confidence level of the intervals of the thresholds."""
        return float(self.spec["level"])

    def _blocks(self) -> list[Block]:
        rows = [
            t(
                "gamma {number} = {gamma:.6g}, {level:.0%} interval [{low:.6g}, {high:.6g}]",
                number=number, gamma=row["gamma"], level=self.level, low=row["conf_low"],
                high=row["conf_high"],
            )
            for number, row in self.thresholds.iterrows()
        ]  # fmt: skip
        return [
            t("Thresholds of {name}; {model}", name=self.spec["threshold"],
              model=self.model.spec.describe()),
            t("Formula: {formula}", formula=self.spec["formula"]),
            *rows,
            *(repr(test) for test in self.tests.values()),
            self.frame,
            *notes_of(self.notes),
        ]  # fmt: skip


@checked
def panel_threshold(
    formula: str,
    panel: SpatialPanel,
    *,
    threshold: str,
    regime: str | Iterable[str],
    thresholds: Annotated[int, Range(1, 3)] = 1,
    effects: Literal["unit", "two-way"] = "unit",
    grid: Grid = 400,
    trim: Annotated[float, Range(0, 0.5, "ends")] = 0.05,
    replications: Replications = 300,
    level: Level = 0.95,
    covariance: Literal["observed", "robust", "cluster"] = "cluster",
    cluster: str | Iterable[str] | None = None,
    functions: Functions | None = None,
    seed: Seed = 0,
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> PanelThresholdResult:
    """Estimate a panel model with fixed effects whose coefficients change at thresholds.

    ``y_it = mu_i + x_it b_1 I(q_it <= g_1) + x_it b_2 I(g_1 < q_it <= g_2) + ... + z_it c + e_it``

    Parameters
    ----------
    formula : str
        As in `fit`, with the regressors of both kinds, ``"y ~ x + z"``.
    panel : SpatialPanel
        Balanced.
    threshold : str
        The column q.
    regime : str or list of str
        The terms x of the formula whose coefficients change.
    thresholds : int
        One, two or three.
    effects : {"unit", "two-way"}
        Two-way effects add period dummies.
    grid : int or list of float
        How many values of q to try, at equal steps among its different values; all of them if
        there are fewer. Or the values themselves.
    trim : float
        Minimum share of the observations in each regime.
    replications : int
        Bootstrap samples for each test of a further threshold; 0 for none.
    level : float
        Confidence level of the intervals of the thresholds.
    covariance : {"observed", "robust", "cluster"}
        Of the coefficients, as in `fit`; "cluster" is by unit unless `cluster` names columns.
    cluster : str or list of str, optional
    functions : mapping, optional
        Functions of your own that the formula may call, as in `fit`.
    seed : int, optional
    n_jobs : int
        Parallel workers for the bootstrap, through joblib; the same results for any number.
    progress : bool
        Whether to show a progress bar of the bootstrap.

    Returns
    -------
    PanelThresholdResult

    Raises
    ------
    OptionError
        If `regime` names no term of the formula, or a term with several columns; if `threshold`
        is the outcome.
    PanelError
        If the threshold variable has too few different values for so many thresholds.
    UnbalancedPanelError, MissingValuesError, CollinearityError, AbsorbedRegressorError
        As in `fit`.

    Notes
    -----
    Unit effects are removed by demeaning. The first threshold minimises the sum of squared
    residuals; the next ones are added with the earlier ones as estimated, and after each all are
    estimated anew given the others until none moves (Bai 1997; Hansen 1999, section 5). The test
    of one more threshold compares ``F = (S_m-1 - S_m) / (S_m / n(T-1))`` with its values in
    bootstrap samples that resample complete residual series of units, because a threshold is not
    identified under the null. The interval of a threshold contains the values with ``LR = (S(g) -
    S) / s2`` up to ``-2 ln(1 - sqrt(level))``, 7.35 at 95 %; it assumes equal variances. Standard
    errors treat the thresholds as known, to which they converge faster than coefficients do.

    Regressors and q are strictly exogenous: no lagged outcome, and q is not made of y.

    Source: Hansen (1999), Journal of Econometrics 93, 345-368.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.panel_threshold("lgsp ~ lpcap + lpc + lemp", panel, threshold="unemp",
    ...                          regime="lpcap", thresholds=2, replications=19)
    >>> res.thresholds["gamma"].is_monotonic_increasing
    True
    """
    linear = fit(
        formula, panel, model="ols", effects=effects, covariance=covariance, cluster=cluster,
        functions=functions,
    )  # fmt: skip
    data = threshold_arrays(formula, panel, threshold, regime, functions, linear)
    least = int(np.ceil(trim * data.q.size))
    candidates = candidate_values(data.q, threshold, grid, least)
    search = threshold_search(
        data.x, data.others, data.q, candidates, least, periods=effects == "two-way"
    )
    y = (data.y - data.y.mean(axis=1, keepdims=True)).reshape(-1, 1)
    moments = search.moments(y)
    n, periods = data.y.shape
    freedom = (n - 1 if effects == "two-way" else n) * (periods - 1)
    steps = stages(search, moments, thresholds, freedom)
    if len(steps) < thresholds:
        raise PanelError(
            f"{threshold!r} has no value for threshold {len(steps) + 1} that leaves {trim:.0%} of "
            "the observations, and variation of the regressors, in each regime; take fewer "
            "thresholds= or a smaller trim="
        )
    models = [
        _fitted(data, candidates[np.sort(step.known[0])], panel, linear, functions)
        for step in steps
    ]
    frames, tests = [], []
    for number, (step, model) in enumerate(zip(steps, models, strict=True), start=1):
        samples = np.zeros(0)
        if replications:
            samples = bootstrap_statistics(
                search, moments, model.resid.to_numpy().reshape(n, periods),
                steps[number - 2].known[0] if number > 1 else np.zeros(0, dtype=int),
                freedom, replications, seed, n_jobs, progress,
            )  # fmt: skip
        test = threshold_test(float(step.statistic[0]), samples, threshold, number)
        frames.append(search_row(step, test, samples))
        tests.append(test)
    model = models[-1]
    gammas = candidates[np.sort(steps[-1].known[0])]
    params, cov = by_regime(model, data.terms, thresholds + 1)
    profile = profile_frame(search, moments, steps[-1], freedom)
    return PanelThresholdResult(
        thresholds=threshold_frame(profile, gammas, data.q, level),
        search=pd.DataFrame(frames, index=pd.RangeIndex(1, thresholds + 1, name="thresholds")),
        profile=profile,
        model=model,
        regimes=pd.Series(
            np.searchsorted(gammas, data.q.ravel(), side="left") + 1, panel.frame.index,
            name="regime",
        ),
        spec=Spec(
            formula=formula, threshold=threshold, regime=list(data.terms), thresholds=thresholds,
            effects=effects, grid=len(candidates), trim=trim, replications=replications,
            level=level, covariance=covariance, seed=seed,
        ),
        tests=TestSet([*tests, *equality_tests(params, cov, data.terms)]),
        notes=(*threshold_notes(data, candidates, tests, threshold), *model.notes),
        params=params,
        cov=cov,
    )  # fmt: skip


def _regime_condition(q: str, gammas: Sequence[float], number: int) -> list[str]:
    """Return the comparisons that hold in a regime, from 1."""
    conditions = []
    if number > 1:
        conditions.append(f"({q} > {float(gammas[number - 2])!r})")
    if number <= len(gammas):
        conditions.append(f"({q} <= {float(gammas[number - 1])!r})")
    return conditions


def _fitted(
    data: ThresholdArrays,
    gammas: np.ndarray,
    panel: SpatialPanel,
    linear: RegressionResult,
    functions: Functions | None,
) -> RegressionResult:
    """Fit the model at given thresholds; its formula names the regimes."""
    q = quoted(data.threshold)
    labels, columns = dict(linear.labels), []
    for term in data.terms:
        for number in range(1, len(gammas) + 2):
            conditions = _regime_condition(q, list(gammas), number)
            columns.append(f"I({term} * {' * '.join(conditions)})")
            edges = [""] * 2
            if number > 1:
                edges[0] = f"{gammas[number - 2]:.4g} < "
            if number <= len(gammas):
                edges[1] = f" ≤ {gammas[number - 1]:.4g}"
            name = linear.labels.get(term, term)
            words = linear.labels.get(data.threshold, data.threshold)
            labels[columns[-1]] = f"{name} ({edges[0]}{words}{edges[1]})"
    formula = f"{data.outcome} ~ {' + '.join([*data.other_terms, *columns])}"
    spec = linear.spec
    model = fit(
        formula, panel, model="ols", effects=spec.effects, covariance=spec.covariance,
        cluster=spec.cluster or None, functions=functions,
    )  # fmt: skip
    return replace(model, labels=labels)
