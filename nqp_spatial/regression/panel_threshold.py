"""`panel_threshold`: coefficients that change where a variable crosses thresholds (Hansen 1999)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import (
    CoefficientTable,
    HypothesisTest,
    NotApplicable,
    TestSet,
    wald_test,
)
from nqp_spatial.core.options import Jobs, Level, Range, Replications, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import OptionError, PanelError, sample
from nqp_spatial.regression._evaluation import evaluate, evaluate_side
from nqp_spatial.regression._formulas import Functions, quoted, terms_of
from nqp_spatial.regression._model_data import ALL
from nqp_spatial.regression._threshold_bootstrap import bootstrap_statistics
from nqp_spatial.regression._threshold_regions import region_ends
from nqp_spatial.regression._threshold_search import (
    Moments,
    Stage,
    ThresholdSearch,
    stages,
    threshold_search,
)
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.results import RegressionResult

__all__ = ["PanelThresholdResult", "panel_threshold"]

_Grid = Annotated[int, Range(2, 2_000)] | Sequence[float]
_CRITICAL = (0.10, 0.05, 0.01)


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
    grid: _Grid = 400,
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
    data = _arrays(formula, panel, threshold, regime, functions, linear)
    least = int(np.ceil(trim * data.q.size))
    candidates = _candidates(data.q, threshold, grid, least)
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
        test = _test(float(step.statistic[0]), samples, threshold, number)
        frames.append(_row(step, test, samples))
        tests.append(test)
    model = models[-1]
    gammas = candidates[np.sort(steps[-1].known[0])]
    params, cov = _by_regime(model, data.terms, thresholds + 1)
    profile = _profile(search, moments, steps[-1], freedom)
    return PanelThresholdResult(
        thresholds=_thresholds(profile, gammas, data.q, level),
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
        tests=TestSet([*tests, *_equality(params, cov, data.terms)]),
        notes=(*_notes(data, candidates, tests, threshold), *model.notes),
        params=params,
        cov=cov,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Arrays:
    """Outcome, regressors of both kinds and the threshold variable, units by periods."""

    y: np.ndarray
    x: np.ndarray
    others: np.ndarray
    q: np.ndarray
    outcome: str
    threshold: str
    terms: tuple[str, ...]
    other_terms: tuple[str, ...]


def _arrays(
    formula: str,
    panel: SpatialPanel,
    threshold: str,
    regime: str | Iterable[str],
    functions: Functions | None,
    linear: RegressionResult,
) -> _Arrays:
    shape = (panel.n_units, panel.n_periods)
    every = terms_of(formula, functions)
    terms = _regime_terms(formula, regime, every, functions)
    panel.require_complete([threshold])
    if threshold == linear.spec.outcome:
        raise OptionError(
            f"threshold={threshold!r} is the outcome, whose errors would choose the regime; take a "
            "variable that is exogenous, such as a value before the sample"
        )
    q = np.asarray(panel.values(threshold), dtype=float).reshape(shape)
    y, _, _ = evaluate(formula, panel, functions)
    x = np.column_stack([_column(term, panel, functions) for term in terms])
    other_terms = tuple(term for term in every if term not in terms)
    others = np.zeros((len(x), 0))
    if other_terms:
        others = evaluate_side(" + ".join(other_terms), panel, "regime", functions).drop(
            columns="Intercept", errors="ignore"
        ).to_numpy(dtype=float)  # fmt: skip
    outcome = formula.partition("~")[0].strip()
    return _Arrays(
        y.iloc[:, 0].to_numpy(dtype=float).reshape(shape), x.reshape(*shape, -1),
        others.reshape(*shape, -1), q, outcome, threshold, terms, other_terms,
    )  # fmt: skip


def _regime_terms(
    formula: str,
    regime: str | Iterable[str],
    every: tuple[str, ...],
    functions: Functions | None,
) -> tuple[str, ...]:
    names = [regime] if isinstance(regime, str) else list(regime)
    if not names:
        raise OptionError("regime= must name at least one term of the formula, it is empty")
    terms: list[str] = []
    for name in names:
        read = terms_of(f"y ~ {name}", functions) if "~" not in name else ()
        absent = [term for term in read if term not in every]
        if absent or not read:
            raise OptionError(
                f"regime={name!r} must be among the terms of the formula {formula!r}: "
                f"{sample(every)}"
            )
        terms += [term for term in read if term not in terms]
    return tuple(terms)


def _column(term: str, panel: SpatialPanel, functions: Functions | None) -> np.ndarray:
    columns = evaluate_side(term, panel, "regime", functions)
    columns = columns.drop(columns="Intercept", errors="ignore")
    if columns.shape[1] != 1:
        raise OptionError(
            f"regime={term!r} must be one numeric column, it gives {sample(columns.columns)}; name "
            "a numeric term"
        )
    return columns.iloc[:, 0].to_numpy(dtype=float)


def _candidates(q: np.ndarray, name: str, grid: _Grid, least: int) -> np.ndarray:
    """Return the values of the threshold variable to be tried, ascending."""
    values, counts = np.unique(q, return_counts=True)
    below = counts.cumsum()
    inside = values[(below >= least) & (q.size - below >= least)]
    if isinstance(grid, int | np.integer):
        if len(inside) < 1:
            raise PanelError(
                f"{name!r} has no value that leaves {least} observations on each side (trim=), "
                f"among {len(values)} different ones"
            )
        if len(inside) <= grid:
            return inside
        return np.asarray(inside[np.linspace(0, len(inside) - 1, int(grid)).round().astype(int)])
    tried = np.unique(np.asarray(list(grid), dtype=float))
    shares = np.searchsorted(np.sort(q.ravel()), tried, side="right")
    outside = tried[(shares < least) | (q.size - shares < least)]
    if len(outside) or not len(tried):
        raise PanelError(
            f"grid= must hold values of {name!r} that leave {least} observations on each side "
            f"(trim=); outside are {sample(outside)}"
        )
    return tried


def _regime_condition(q: str, gammas: Sequence[float], number: int) -> list[str]:
    """Return the comparisons that hold in a regime, from 1."""
    conditions = []
    if number > 1:
        conditions.append(f"({q} > {float(gammas[number - 2])!r})")
    if number <= len(gammas):
        conditions.append(f"({q} <= {float(gammas[number - 1])!r})")
    return conditions


def _fitted(
    data: _Arrays,
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


def _by_regime(
    model: RegressionResult, terms: tuple[str, ...], count: int
) -> tuple[pd.Series, pd.DataFrame]:
    """Return estimates and covariance by (block, variable, part)."""
    regimes = [("x", term, f"regime {number}") for term in terms for number in range(1, count + 1)]
    names = model.params.index.get_level_values("variable")
    others = [("x", str(name), ALL) for name in names[: len(names) - len(regimes)]]
    index = pd.MultiIndex.from_tuples([*others, *regimes], names=["block", "variable", "part"])
    params = pd.Series(model.params.to_numpy(), index=index, name="estimate")
    return params, pd.DataFrame(model.cov.to_numpy(), index=index, columns=index)


def _profile(search: ThresholdSearch, moments: Moments, stage: Stage, freedom: int) -> pd.DataFrame:
    """Return sums of squares and likelihood ratios by threshold and candidate."""
    known = np.sort(stage.known, axis=1)
    final = float(stage.squares[0])
    frames = {}
    for position in range(known.shape[1]):
        squares = search.sums_of_squares(moments, np.delete(known, position, axis=1))[0]
        lr = np.maximum(squares - final, 0.0) / (final / freedom)
        lr[known[0, position]] = 0.0
        frames[position + 1] = pd.DataFrame(
            {"squares": squares, "lr": lr}, index=pd.Index(search.candidates, name="gamma")
        )
    profile = pd.concat(frames, names=["threshold"])
    return profile[np.isfinite(profile["squares"])]


def _thresholds(
    profile: pd.DataFrame, gammas: np.ndarray, q: np.ndarray, level: float
) -> pd.DataFrame:
    rows = []
    for number, gamma in enumerate(gammas, start=1):
        lr = profile.loc[number, "lr"]
        low, high = region_ends(lr.index.to_numpy(), lr.to_numpy(), level)
        share = float((q <= gamma).mean())
        rows.append({"gamma": float(gamma), "conf_low": low, "conf_high": high,
                     "share_below": share})  # fmt: skip
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="threshold"))


def _test(
    statistic: float, samples: np.ndarray, name: str, number: int
) -> HypothesisTest | NotApplicable:
    title = t("threshold {number}", number=number)
    null = t("no threshold of {name}", name=name)
    if number == 2:
        null = t("one threshold of {name}, not two", name=name)
    if number == 3:
        null = t("two thresholds of {name}, not three", name=name)
    if not len(samples):
        return NotApplicable(title, null, t("replications=0: no bootstrap was asked for"))
    p = (1 + float((samples >= statistic).sum())) / (1 + len(samples))
    rule = t("{count} samples of units from the model of the hypothesis", count=len(samples))
    return HypothesisTest(title, null, statistic, "bootstrap", None, p, rule)


def _row(
    step: Stage, test: HypothesisTest | NotApplicable, samples: np.ndarray
) -> dict[str, float]:
    row = {"squares": float(step.squares[0]), "statistic": float(step.statistic[0]),
           "p_value": test.p_value}  # fmt: skip
    for alpha in _CRITICAL:
        value = float(np.quantile(samples, 1 - alpha)) if len(samples) else np.nan
        row[f"critical_{100 * alpha:.0f}"] = value
    return row


def _equality(
    params: pd.Series, cov: pd.DataFrame, terms: tuple[str, ...]
) -> list[HypothesisTest | NotApplicable]:
    """Test that coefficients are equal in all regimes, given the thresholds."""
    tests = []
    for term in terms:
        places = np.flatnonzero(
            (params.index.get_level_values("variable") == term)
            & (params.index.get_level_values("part") != ALL)
        )
        slopes = np.zeros((len(places) - 1, len(params)))
        slopes[:, places[0]] = -1.0
        slopes[np.arange(len(places) - 1), places[1:]] = 1.0
        tests.append(
            wald_test(
                t("equal in all regimes: {term}", term=term),
                t("the coefficient of {term} does not change at the thresholds", term=term),
                slopes @ params.to_numpy(), slopes, cov.to_numpy(),
            )
        )  # fmt: skip
    return tests


def _notes(
    data: _Arrays,
    candidates: np.ndarray,
    tests: Sequence[HypothesisTest | NotApplicable],
    name: str,
) -> tuple[str, ...]:
    notes: list[str] = [t("standard errors treat the thresholds as known")]
    different = np.unique(data.q)
    count = int(((different >= candidates[0]) & (different <= candidates[-1])).sum())
    if len(candidates) < count:
        notes.append(
            t("{tried} of {count} different values of {name} between {low:.4g} and {high:.4g} were "
              "tried",
              tried=len(candidates), count=count, name=name, low=float(candidates[0]),
              high=float(candidates[-1]))
        )  # fmt: skip
    if np.ptp(data.q, axis=1).max() == 0:
        notes.append(
            t("{name} does not change over time: each unit stays in its regime", name=name)
        )
    supported = 0
    for test in tests:
        if not test.p_value < 0.05:
            break
        supported += 1
    if supported < len(tests) and not np.isnan(tests[0].p_value):
        notes.append(
            t("at 5 % the tests support {supported} of the {count} thresholds",
              supported=supported, count=len(tests))
        )  # fmt: skip
    return tuple(notes)
