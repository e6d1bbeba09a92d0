"""`threshold`: spillovers that change where a score crosses a threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.display import Block, Spec, notes_of
from nqp_spatial.core.inference import (
    HypothesisTest,
    NotApplicable,
    TestSet,
    chi2_test,
)
from nqp_spatial.core.options import Jobs, Level, Range, Replications, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import (
    BoundaryError,
    CollinearityError,
    PanelError,
    WeightsError,
)
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression._threshold_regions import region_ends
from nqp_spatial.regression.estimators.ml import concentrated_likelihood, log_determinants
from nqp_spatial.regression.fit import fit_parts, parts_data
from nqp_spatial.regression.likelihood.concentrated import ConcentratedLikelihood
from nqp_spatial.regression.likelihood.maximize import maximize_from
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.spillovers._answer import ModelAnswer
from nqp_spatial.spillovers._blocks import ALL
from nqp_spatial.spillovers._threshold_bootstrap import (
    CandidateModels,
    NullModel,
    ratios_of_samples,
)
from nqp_spatial.spillovers._threshold_links import CutLags, OrderedLinks
from nqp_spatial.spillovers.partition import FixedEffects, wald_of
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = ["ThresholdResult", "threshold"]

On = Literal["sender", "receiver", "difference"]
_FEW_ROWS = 40  # of W, up to which every model is estimated by itself, with dense matrices
_CLOSER = 25  # values tried around the best candidate
BELOW, BETWEEN, ABOVE = "below", "between", "above"
_NAMES = {0: (ALL,), 1: (BELOW, ABOVE), 2: (BELOW, BETWEEN, ABOVE)}
_SIDES = {
    "sender": t("of the sender"),
    "receiver": t("of the receiver"),
    "difference": t("of the sender less that of the receiver"),
}
_ASSOCIATIONS = t("if the score was made from the outcome, these are associations")


@dataclass(frozen=True, repr=False, eq=False)
class SecondThreshold(ModelAnswer):
    """A second threshold in addition to the first.

    Attributes
    ----------
    gammas : tuple of float
        Both, ascending; the first re-estimated given the second (Hansen 1999, section 5).
    tests : TestSet
        ``sup LR``, one threshold against two, by bootstrap from the model with one.
    profile : DataFrame
        As for the first threshold, for candidates of the second given the first.
    model : RegressionResult
        The model at both thresholds; parts "below", "between" and "above".
    spec : Spec
        As for the first threshold.
    notes : tuple of str
    """

    gammas: tuple[float, float]
    tests: TestSet
    profile: pd.DataFrame
    model: RegressionResult
    spec: Spec
    notes: tuple[str, ...] = ()

    _figure = "estimates"

    def _blocks(self) -> list[Block]:
        low, high = self.gammas
        title = t("Two thresholds: {low:.6g} and {high:.6g}", low=low, high=high)
        return [title, *(repr(test) for test in self.tests.values()), self.frame]


@dataclass(frozen=True, repr=False, eq=False)
class ThresholdResult(ModelAnswer):
    """A threshold of a score at which spillovers change.

    Attributes
    ----------
    gamma : float
        The threshold: links whose score is at or below it are "below".
    conf_low, conf_high : float
        Interval of the values of gamma that a likelihood ratio test does not reject (Hansen 2000),
        extended to the next values that it rejects: the likelihood is not known between two values
        of the profile. The end of the search range where none is rejected.
    model : RegressionResult
        The model at gamma: parameters by (block, variable, part), parts "below" and "above",
        predictions, criteria, tables.
    tests : TestSet
        First, no threshold against one: ``sup LR``, by bootstrap, or ``LR: threshold given``. Then
        Wald tests that coefficients below and above are equal, given gamma.
    profile : DataFrame
        By gamma: ``loglik``, ``lr`` (twice its distance from the maximum), ``share_above``.
    spec : Spec
        Formula, weights in words, score, options, seed.
    notes : tuple of str
    second : SecondThreshold or None
        If requested.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> level = panel.frame["lpc"].groupby(level="unit").mean()
    >>> res = nq.spillovers.threshold(
    ...     "lgsp ~ lpc", panel, w, score=level, effects="unit", replications=0, grid=8)
    >>> bool(res.profile["lr"].min() == 0)
    True
    """

    gamma: float
    conf_low: float
    conf_high: float
    model: RegressionResult
    tests: TestSet
    profile: pd.DataFrame
    spec: Spec
    notes: tuple[str, ...] = ()
    second: SecondThreshold | None = None

    _figure = "threshold"

    @property
    def level(self) -> float:
        """Confidence level of the interval of gamma."""
        return float(self.spec["level"])

    @property
    def score(self) -> str:
        """Name of the score."""
        return str(self.spec["score"])

    @property
    def on(self) -> str:
        """Whose score: "sender", "receiver" or "difference"."""
        return str(self.spec["on"])

    def _blocks(self) -> list[Block]:
        two = [] if self.second is None else self.second._blocks()[:-1]
        return [
            t(
                "Threshold of {score} {side}; {model}",
                score=self.score, side=_SIDES[self.on], model=self.model.spec.describe(),
            ),
            t("Formula: {formula}", formula=self.model.spec.formula),
            t(
                "gamma = {gamma:.6g}, {level:.0%} interval [{low:.6g}, {high:.6g}]",
                gamma=self.gamma, level=self.level, low=self.conf_low, high=self.conf_high,
            ),
            *(repr(test) for test in self.tests.values()),
            *two,
            self.frame,
            *notes_of(self.notes),
        ]  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Links:
    """Links of W with their scores; one copy per period where scores change over time."""

    rows: np.ndarray
    columns: np.ndarray
    weights: np.ndarray
    scores: np.ndarray
    size: int

    def parts(self, gammas: Sequence[float]) -> dict[str, sparse.csr_array]:
        """Return links by the thresholds that their score exceeds; all if there are none."""
        level = np.searchsorted(np.sort(gammas), self.scores, side="left")
        return {
            name: sparse.csr_array(
                (self.weights[chosen], (self.rows[chosen], self.columns[chosen])),
                shape=(self.size, self.size),
            )
            for position, name in enumerate(_NAMES[len(gammas)])
            for chosen in [level == position]
        }


def _links_of(
    w: SpatialWeights, panel: SpatialPanel, score: str | pd.Series, on: On
) -> tuple[_Links, str]:
    """Return the links with their scores, and the name of the score."""
    n, t = panel.n_units, panel.n_periods
    if isinstance(score, str):
        panel.require_complete([score])
        values, name = panel.values(score).reshape(n, t), score
    else:
        matched = pd.Series(score)
        if isinstance(matched.index, pd.MultiIndex):
            matched = matched.reindex(panel.frame.index)
            values = matched.to_numpy(dtype=float).reshape(n, t)
        else:
            values = matched.reindex(panel.units).to_numpy(dtype=float)[:, None]
        name = str(matched.name) if matched.name is not None else "score"
        if np.isnan(values).any():
            raise PanelError(
                f"the score {name!r} must have a value for every unit"
                f"{' and period' if values.shape[1] > 1 else ''} of the panel"
            )
    links = w.sparse.tocoo()
    if np.ptp(values, axis=1).max() == 0:
        values = values[:, :1]
    sender, receiver = values[links.col], values[links.row]
    scores = {"sender": sender, "receiver": receiver, "difference": sender - receiver}[on]
    if values.shape[1] == 1:
        return _Links(links.row, links.col, links.data, scores[:, 0], n), name
    times = np.arange(t)
    return (
        _Links(
            (links.row[:, None] * t + times).ravel(),
            (links.col[:, None] * t + times).ravel(),
            np.repeat(links.data, t),
            scores.ravel(),
            n * t,
        ),
        name,
    )


@checked
def threshold(
    formula: str,
    panel: SpatialPanel,
    weights: WeightsLike,
    *,
    score: str | pd.Series,
    on: On = "sender",
    effects: FixedEffects = "two-way",
    gamma: float | None = None,
    second: bool = False,
    durbin: str | Iterable[str] | None = None,
    lag_regressors: bool = True,
    grid: Annotated[int, Range(2, 10_000)] = 60,
    trim: Annotated[float, Range(0, 0.5, "ends")] = 0.1,
    replications: Replications = 300,
    level: Level = 0.95,
    functions: Functions | None = None,
    seed: Seed = 0,
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> ThresholdResult:
    """Estimate a threshold of a score at which spillovers change.

    ``y_t = rho_1 W_t(s <= gamma) y_t + rho_2 W_t(s > gamma) y_t + X_t beta + (the same with X) +
    effects + e_t``, s the score of the sender, of the receiver, or the sender's minus the
    receiver's.

    Parameters
    ----------
    formula : str
        As in `fit`.
    panel : SpatialPanel
    weights : SpatialWeights, Graph or W
        The full W; used as it is.
    score : str or Series
        A column of the panel or values by unit. A score that changes over time gives links that
        change over time.
    on : {"sender", "receiver", "difference"}
    effects : {"none", "unit", "period", "two-way"}
    gamma : float, optional
        A known threshold, such as 0 for "difference": spillovers from higher to lower against the
        reverse. Then there is no search, and `tests` test the hypothesis directly.
    second : bool
        Whether to search for a second threshold, given the first, and to test for it.
    durbin : str or list of str, optional
        The regressors to lag, if not all.
    lag_regressors : bool
        Whether W X is in the model.
    grid : int
        Number of candidates, quantiles of the links' scores; then 25 more around the best.
    trim : float
        Minimum share of the links on each side.
    replications : int
        Bootstrap samples of the test of no threshold; 0 for none. Each requires `grid` maxima, for
        which the determinants of each candidate are computed once for all samples.
    level : float
        Confidence level of the interval of gamma.
    functions : mapping, optional
        Functions of your own that the formula may call, as in `fit`.
    seed : int, optional
    n_jobs : int
        Threads of the bootstrap, through joblib; the same results for any number.
    progress : bool
        Whether to show a progress bar of the bootstrap.

    Returns
    -------
    ThresholdResult

    Raises
    ------
    OptionError
        If an option is out of range.
    PanelError
        If the score is missing for a unit or does not vary.
    BoundaryError, UnmatchedIdsError, CollinearityError
        As in `partitioned`.

    Notes
    -----
    Without a threshold gamma is not identified, so that twice the increase in the log-likelihood
    has no chi-square distribution: it is compared with its values in bootstrap samples from the
    model without a threshold, which resample complete residual series of units (Hansen 1999). The
    interval contains the gammas with LR below ``-2 ln(1 - sqrt(level))`` (Hansen 2000); it assumes
    equal variances on both sides. Standard errors treat gamma as known. A score that is computed
    from the outcome is endogenous: the estimates are then associations.

    Sources: Hansen (1999), Journal of Econometrics 93, 345-368; Hansen (2000), Econometrica 68,
    575-603; for weights that change over time, Lee and Yu (2012), Journal of Econometrics 166.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> level = panel.frame["lpc"].groupby(level="unit").mean()
    >>> res = nq.spillovers.threshold("lgsp ~ lpc", panel, w, score=level, on="difference",
    ...                               gamma=0.0, effects="unit")
    >>> list(res.tests)[:2]
    ['LR: threshold given', 'equal below and above: rho']
    """
    panel.require_balanced()
    w = as_weights(weights).reordered(panel.units)
    links, name = _links_of(w, panel, score, on)
    if not len(links.scores):
        raise WeightsError("the weights have no links, so that there are none to split in two")
    words = t("{weights}, by {score} {side}", weights=w.spec.words, score=name, side=_SIDES[on])
    data = parts_data(
        formula, panel, _terms(links, (), lag_regressors, words), effects=effects, durbin=durbin,
        functions=functions,
    )  # fmt: skip
    if gamma is None:
        candidates = np.unique(np.quantile(links.scores, np.linspace(trim, 1 - trim, grid)))
        low, high = np.quantile(links.scores, [trim, 1 - trim], method="nearest")
        candidates = candidates[(candidates >= low) & (candidates < high)]
        if len(candidates) < 2:
            raise PanelError(
                f"the score {name!r} has too few different values for a threshold with {trim:.0%} "
                "of the links on each side"
            )
    else:
        candidates = np.array([float(gamma)])
    search = _Search(data, links, lag_regressors, n_jobs, progress)
    plain, heights = search.heights(candidates, ())
    if not np.isfinite(heights).any():
        raise BoundaryError(
            "at no threshold has the likelihood a maximum inside the region where the model is "
            "stable; tie more, or leave W X out"
        )
    # The bootstrap searches the candidates; gamma and its interval use a finer search.
    best, asked = float(heights.max()), candidates
    if gamma is None:
        closer = _between(links.scores, *_interval(candidates, heights, level))
        _, closer_heights = search.heights(closer, ())
        every = np.append(candidates, closer)
        order = np.argsort(every)
        candidates, heights = every[order], np.append(heights, closer_heights)[order]
    profile = _profile(candidates, heights, links)
    chosen = float(profile["loglik"].idxmax())
    low, high = _interval(candidates, heights, level)

    def fitted(gammas: Sequence[float]) -> RegressionResult:
        return fit_parts(panel, search.data_at(gammas))

    model = fitted([chosen])
    null = t("no threshold of {score} {side}", score=name, side=_SIDES[on])
    if gamma is not None:
        df = 1 + len(model.spec.lagged)
        test = chi2_test(t("LR: threshold given"), null, 2 * (best - plain), df)
    else:
        test = search.test(2 * (best - plain), asked, (), replications, seed, null)
    spec = Spec(
        formula=formula, weights=w.spec.words, score=name, on=on, effects=effects,
        lag_regressors=lag_regressors, grid=grid, trim=trim, replications=replications,
        level=level, seed=seed,
    )  # fmt: skip
    two = None
    if second:
        top = float(heights.max())
        two = _second(search, asked, chosen, top, trim, spec, fitted)
    return ThresholdResult(
        gamma=chosen,
        conf_low=low,
        conf_high=high,
        model=model,
        tests=TestSet([test, *_wald(model)]),
        profile=profile,
        spec=spec,
        notes=(_ASSOCIATIONS, *model.notes, *data.plain.notes_on_terms),
        second=two,
    )


def _terms(links: _Links, gammas: Sequence[float], lag_regressors: bool, words: str) -> TermWeights:
    """Return the terms of a model with these thresholds."""
    parts = links.parts(gammas)
    return TermWeights.in_parts(parts, parts if lag_regressors else {}, words)


def _interval(candidates: np.ndarray, heights: np.ndarray, level: float) -> tuple[float, float]:
    return region_ends(candidates, 2 * (heights.max() - heights), level)


def _between(scores: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return up to `_CLOSER` observed scores inside an interval."""
    observed = np.unique(scores[(scores > low) & (scores < high)])
    if len(observed) <= _CLOSER:
        return observed
    return np.asarray(observed[np.linspace(0, len(observed) - 1, _CLOSER).round().astype(int)])


def _profile(candidates: np.ndarray, heights: np.ndarray, links: _Links) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "loglik": heights,
            "lr": 2 * (heights.max() - heights),
            "share_above": [(links.scores > c).mean() for c in candidates],
        },
        index=pd.Index(candidates, name="gamma"),
    )


def _second(
    search: _Search,
    candidates: np.ndarray,
    first: float,
    best: float,
    trim: float,
    spec: Spec,
    fitted: Callable[[Sequence[float]], RegressionResult],
) -> SecondThreshold:
    """Search for a second threshold given the first, then for the first given the second."""
    scores = search.links.scores

    def apart(threshold: float) -> np.ndarray:
        between = [
            ((scores > min(c, threshold)) & (scores <= max(c, threshold))).mean()
            for c in candidates
        ]
        return candidates[np.array(between) >= trim]

    others = apart(first)
    if len(others) < 1:
        raise PanelError(
            "no candidate for a second threshold leaves enough links between the two; take a "
            "smaller trim="
        )
    _, heights = search.heights(others, (first,))
    if not np.isfinite(heights).any():
        raise BoundaryError("with two thresholds the likelihood has no maximum inside the region")
    other = float(others[int(np.argmax(heights))])
    again = apart(other)
    _, refined = search.heights(again, (other,))
    low, high = sorted((other, float(again[int(np.argmax(refined))])))
    statistic = 2 * (float(heights.max()) - best)
    test = search.test(
        statistic, others, (first,), spec["replications"], spec["seed"],
        t("one threshold, not two"),
    )  # fmt: skip
    return SecondThreshold(
        (low, high), TestSet([test]), _profile(others, heights, search.links),
        fitted([low, high]), spec,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Search:
    """Data and options common to every search over candidates."""

    data: ModelData
    links: _Links
    lag_regressors: bool
    n_jobs: int
    progress: bool

    def data_at(self, gammas: Sequence[float]) -> ModelData:
        """Return the data of the model with these thresholds."""
        terms = _terms(self.links, gammas, self.lag_regressors, self.data.terms.words)
        return self.data.with_terms(terms)

    @cached_property
    def ordered(self) -> OrderedLinks:
        """The links in the order of their scores."""
        links = self.links
        return OrderedLinks.by_score(
            links.rows, links.columns, links.weights, links.scores, links.size
        )

    def models(self, candidates: np.ndarray, known: tuple[float, ...]) -> CandidateModels | None:
        """Return the models of many units at once; none where dense matrices serve better."""
        if self.links.size <= _FEW_ROWS:
            return None
        below = tuple(int(cut) for cut in self.ordered.below(known))
        cuts = self.ordered.below(candidates)
        models = CandidateModels(self.ordered, below, cuts, self.data, self.lag_regressors)
        return models if models.are_apart else None

    def likelihood(self, gammas: Sequence[float]) -> ConcentratedLikelihood:
        """Return the likelihood of the model with these thresholds."""
        data = self.data_at(gammas)
        return concentrated_likelihood(data, log_determinants(data.terms))

    def heights(self, candidates: np.ndarray, known: tuple[float, ...]) -> tuple[float, np.ndarray]:
        """Return the log-likelihood without a further threshold and at each candidate for it."""
        models = self.models(candidates, known)
        if models is not None:
            return models.heights()
        count = len(known) + 1
        start = maximize_from(self.likelihood(known), [np.full(count, rho) for rho in (0.0, 0.5)])
        common = np.full(count + 1, float(start.rho.mean()))
        heights, rho = [], common
        for gamma in candidates:
            try:
                # From the last candidate's maximum, and from the common rho: the ranking of two
                # maxima may change.
                maximum = maximize_from(self.likelihood((*known, gamma)), [rho, common])
            except (BoundaryError, CollinearityError):
                heights.append(-np.inf)
                continue
            rho = maximum.rho
            heights.append(maximum.loglik)
        return start.loglik, np.array(heights)

    def test(
        self,
        statistic: float,
        candidates: np.ndarray,
        known: tuple[float, ...],
        replications: int,
        seed: int | None,
        null: str,
    ) -> HypothesisTest | NotApplicable:
        """Compare sup LR with its values in samples from the model with the known thresholds."""
        from joblib import Parallel, delayed
        from tqdm import tqdm

        if replications == 0:
            reason = t("replications=0: no bootstrap was asked for")
            return NotApplicable(t("sup LR"), null, reason)
        seeds = np.random.SeedSequence(seed).spawn(replications)
        models = self.models(candidates, known)
        if models is not None:
            lags = CutLags.at(self.ordered, models.known, {})
            smaller = NullModel.of(self.data_at(known), lags)
            samples = ratios_of_samples(
                models, smaller, seeds, n_jobs=self.n_jobs, progress=self.progress
            )
        else:
            alone = replace(self, n_jobs=1, progress=False)
            tasks = (delayed(_one_sample)(alone, candidates, known, child) for child in seeds)
            results = Parallel(n_jobs=self.n_jobs, return_as="generator")(tasks)
            bar = tqdm(results, total=replications, desc="bootstrap", disable=not self.progress)
            samples = np.array(list(bar))
        samples = samples[np.isfinite(samples)]
        p = (1 + float((samples >= statistic).sum())) / (1 + len(samples))
        rule = t("{count} samples from the model without a threshold", count=len(samples))
        if known:
            rule = t("{count} samples from the model with 1 threshold", count=len(samples))
        return HypothesisTest(t("sup LR"), null, statistic, "bootstrap", None, p, rule)


def _one_sample(
    search: _Search,
    candidates: np.ndarray,
    known: tuple[float, ...],
    seed: np.random.SeedSequence,
) -> float:
    """Return sup LR in one sample from the model with the known thresholds."""
    y = NullModel.of(search.data_at(known)).outcomes([seed])[0]
    again = replace(search, data=search.data.with_outcome(y))
    try:
        without, heights = again.heights(candidates, known)
    except BoundaryError:
        return float("nan")
    return float(2 * (heights.max() - without))


def _wald(model: RegressionResult) -> list[HypothesisTest | NotApplicable]:
    """Test that coefficients below and above are equal, given gamma."""
    index = model.params.index
    rows: dict[str, list[np.ndarray]] = {"rho": [], "theta": []}
    for block, name in [("spatial", "rho"), *(("wx", name) for name in model.spec.lagged)]:
        row = np.zeros(len(index))
        row[index.get_loc((block, name, ABOVE))] = 1.0
        row[index.get_loc((block, name, BELOW))] = -1.0
        rows["rho" if block == "spatial" else "theta"].append(row)
    rows[t("rho and theta")] = rows["rho"] + rows["theta"]
    return [
        wald_of(
            model,
            t("equal below and above: {terms}", terms=terms),
            t("{terms} do not change at gamma", terms=terms),
            np.array(contrasts),
        )
        for terms, contrasts in rows.items()
        if contrasts
    ]
