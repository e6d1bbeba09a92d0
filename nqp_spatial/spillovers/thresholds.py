"""`threshold`: spillovers that change where a score passes a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import linalg as sla

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, chi2_test
from nqp_spatial.core.options import Jobs, Level, Range, Replications, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import (
    BoundaryError,
    CollinearityError,
    PanelError,
    WeightsError,
)
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression.likelihood.several_lags import LagLikelihood
from nqp_spatial.spillovers._blocks import ALL
from nqp_spatial.spillovers._estimation import Prepared, SeveralLags, estimate, prepare
from nqp_spatial.spillovers.partition import FixedEffects
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["ThresholdResult", "threshold"]

On = Literal["sender", "receiver", "difference"]
_CLOSER = 25  # values looked at around the best candidate
BELOW, BETWEEN, ABOVE = "below", "between", "above"
_NAMES = {0: (ALL,), 1: (BELOW, ABOVE), 2: (BELOW, BETWEEN, ABOVE)}
_WORDS = {
    "sender": "of the sender",
    "receiver": "of the receiver",
    "difference": "of the sender less that of the receiver",
}


@dataclass(frozen=True, repr=False, eq=False)
class SecondThreshold(Displayed):
    """A second threshold beside the first.

    Attributes
    ----------
    gammas : tuple of float
        Both, ascending; the first found again given the second (Hansen 1999, section 5).
    test : HypothesisTest or NotApplicable
        One threshold against two, by bootstrap from the model with one.
    profile : DataFrame
        As that of the first, of the candidates for the second given the first.
    fit : SeveralLags
        The model at both; parts "below", "between" and "above".
    """

    gammas: tuple[float, float]
    test: HypothesisTest | NotApplicable
    profile: pd.DataFrame
    fit: SeveralLags

    def _blocks(self) -> list[Block]:
        low, high = self.gammas
        return [f"Two thresholds: {low:.6g} and {high:.6g}", repr(self.test)]


@dataclass(frozen=True, repr=False, eq=False)
class ThresholdResult(Displayed):
    """A threshold of a score at which spillovers change.

    Attributes
    ----------
    gamma : float
        The threshold: links whose score is at or below it are "below".
    conf_low, conf_high : float
        Interval of the values of gamma that a likelihood ratio test does not reject (Hansen 2000),
        as far as the next values that it does: between two values of the profile nothing is known.
        Where none is rejected, the end of the search.
    test : HypothesisTest or NotApplicable
        No threshold against one, by bootstrap.
    profile : DataFrame
        By gamma: ``loglik``, ``lr`` (twice its distance from the maximum), ``share_above``.
    fit : SeveralLags
        The model at gamma; parts "below" and "above".
    tests : dict
        Wald tests that coefficients below and above are equal, given gamma.
    score, on, formula : str
    level : float
    replications : int
        Bootstrap samples that gave a statistic.
    note : str
    second : SecondThreshold or None
        If it was asked for.

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
    test: HypothesisTest | NotApplicable
    profile: pd.DataFrame
    fit: SeveralLags
    tests: dict[str, HypothesisTest | NotApplicable]
    score: str
    on: str
    formula: str
    level: float
    replications: int
    note: str
    second: SecondThreshold | None = None

    @property
    def params(self) -> pd.Series:
        """Estimates at gamma, by (block, variable, part)."""
        return self.fit.params

    @property
    def std_errors(self) -> pd.Series:
        """Their standard errors, given gamma."""
        return pd.Series(np.sqrt(np.diag(self.fit.cov)), self.params.index, name="std_error")

    def _blocks(self) -> list[Block]:
        two = []
        if self.second is not None:
            low, high = self.second.gammas
            two = [f"Two thresholds: {low:.6g} and {high:.6g}; {self.second.test!r}"]
        return [
            f"Threshold of {self.score} {_WORDS[self.on]}; {self.formula}",
            f"gamma = {self.gamma:.6g}, {self.level:.0%} interval "
            f"[{self.conf_low:.6g}, {self.conf_high:.6g}]",
            repr(self.test),
            *two,
            pd.concat([self.params, self.std_errors], axis=1),
            self.note,
        ]


@dataclass(frozen=True, eq=False)
class _Links:
    """Links of W with the score of each; one copy a period where scores change over time."""

    rows: np.ndarray
    columns: np.ndarray
    weights: np.ndarray
    scores: np.ndarray
    size: int

    def parts(self, gammas: Sequence[float]) -> dict[str, sparse.csr_array]:
        """Return the links by the thresholds that their score passes; all of them if none."""
        level = np.searchsorted(np.sort(gammas), self.scores, side="left")
        return {
            name: sparse.csr_array(
                (self.weights[kept], (self.rows[kept], self.columns[kept])),
                shape=(self.size, self.size),
            )
            for at, name in enumerate(_NAMES[len(gammas)])
            for kept in [level == at]
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
    effects + e_t``, s the score of the sender, of the receiver, or the sender's less the
    receiver's.

    Parameters
    ----------
    formula : str
        As in `fit`.
    panel : SpatialPanel
    weights : SpatialWeights, Graph or W
        The whole; used as it is.
    score : str or Series
        A column of the panel or values by unit. One that changes over time gives links that change
        over time.
    on : {"sender", "receiver", "difference"}
    effects : {"none", "unit", "period", "two-way"}
    gamma : float, optional
        A known threshold, such as 0 for "difference": spillovers from higher to lower against the
        reverse. Then nothing is searched, and `tests` are the tests of the hypothesis.
    second : bool
        Whether to look for a second threshold, given the first, and to test for it.
    durbin : str or list of str, optional
        The regressors to lag, if not all.
    lag_regressors : bool
        Whether W X is in the model.
    grid : int
        Candidates, quantiles of the links' scores; then 25 more around the best.
    trim : float
        Least share of the links on each side.
    replications : int
        Bootstrap samples of the test of no threshold; 0 for none. Each costs `grid` fits.
    level : float
        Of the interval of gamma.
    functions : mapping, optional
        Functions of your own that the formula may call, as in `fit`.
    seed : int, optional
    n_jobs : int
        Parallel workers for the bootstrap, through joblib; the same results for any number.
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
    Under no threshold gamma is not identified, so that twice the rise of the log-likelihood has no
    chi-square distribution: it is compared with its values in samples drawn from the model without
    a threshold, with whole series of residuals of units, drawn anew (Hansen 1999). The interval
    holds the gammas with LR below ``-2 ln(1 - sqrt(level))`` (Hansen 2000); it takes equal
    variances on both sides. Standard errors take gamma as known. A score that is made from the
    outcome is endogenous: what is found then are associations.

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
    >>> sorted(res.tests)
    ['equal below and above: rho', 'equal below and above: rho and theta', ...]
    """
    panel.require_balanced()
    w = as_weights(weights).reordered(panel.units)
    links, name = _links_of(w, panel, score, on)
    if not len(links.scores):
        raise WeightsError("the weights have no links, so that there are none to split in two")
    members = {ALL: np.ones(panel.n_units, dtype=bool)}
    prepared = prepare(
        formula, panel, members=members, effects=effects, durbin=durbin if lag_regressors else (),
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
    search = _Search(prepared, links, lag_regressors, n_jobs, progress)
    plain, heights = search.heights(candidates, ())
    if not np.isfinite(heights).any():
        raise BoundaryError(
            "at no threshold has the likelihood a maximum inside the region where the model is "
            "stable; tie more, or leave W X out"
        )
    # The bootstrap searches the candidates; gamma and its interval are looked for more closely.
    best, asked = float(heights.max()), candidates
    if gamma is None:
        closer = _between(links.scores, *_interval(candidates, heights, level))
        _, found = search.heights(closer, ())
        every = np.append(candidates, closer)
        order = np.argsort(every)
        candidates, heights = every[order], np.append(heights, found)[order]
    profile = _profile(candidates, heights, links)
    chosen = float(profile["loglik"].idxmax())
    low, high = _interval(candidates, heights, level)

    def fitted(gammas: Sequence[float]) -> SeveralLags:
        parts = links.parts(gammas)
        return estimate(
            formula, panel, parts, parts if lag_regressors else {}, members=members,
            effects=effects, durbin=durbin, functions=functions, correct=True,
        )  # fmt: skip

    fit = fitted([chosen])
    null = f"no threshold of {name} {_WORDS[on]}"
    if gamma is not None:
        test = chi2_test("LR: threshold given", null, 2 * (best - plain), 1 + len(fit.lagged))
    else:
        test = search.test(2 * (best - plain), asked, (), replications, seed, null)
    two = None
    if second:
        top = float(heights.max())
        two = _second(search, asked, chosen, top, trim, replications, seed, fitted)
    rule = test.rule if isinstance(test, HypothesisTest) else ""
    return ThresholdResult(
        gamma=chosen,
        conf_low=low,
        conf_high=high,
        test=test,
        profile=profile,
        fit=fit,
        tests=_wald(fit),
        score=name,
        on=on,
        formula=formula,
        level=level,
        replications=int(rule.split()[0]) if rule[:1].isdigit() else 0,
        note=" ".join(
            ["If the score was made from the outcome, these are associations.", *fit.notes]
        ),
        second=two,
    )


def _interval(candidates: np.ndarray, heights: np.ndarray, level: float) -> tuple[float, float]:
    """Return the rejected candidates next to those that are not, or the ends of the search."""
    kept = np.flatnonzero(2 * (heights.max() - heights) <= _quantile_of_lr(level))
    low, high = max(kept[0] - 1, 0), min(kept[-1] + 1, len(candidates) - 1)
    return float(candidates[low]), float(candidates[high])


def _between(scores: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return up to `_CLOSER` observed scores inside an interval."""
    inside = np.unique(scores[(scores > low) & (scores < high)])
    if len(inside) <= _CLOSER:
        return inside
    return np.asarray(inside[np.linspace(0, len(inside) - 1, _CLOSER).round().astype(int)])


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
    replications: int,
    seed: int | None,
    fitted: Callable[[Sequence[float]], SeveralLags],
) -> SecondThreshold:
    """Look for a second threshold given the first, and for the first given the second."""
    scores = search.links.scores

    def apart(given: float) -> np.ndarray:
        between = [
            ((scores > min(c, given)) & (scores <= max(c, given))).mean() for c in candidates
        ]
        return candidates[np.array(between) >= trim]

    left = apart(first)
    if len(left) < 1:
        raise PanelError(
            "no candidate for a second threshold leaves enough links between the two; take a "
            "smaller trim="
        )
    _, heights = search.heights(left, (first,))
    if not np.isfinite(heights).any():
        raise BoundaryError("with two thresholds the likelihood has no maximum inside the region")
    other = float(left[int(np.argmax(heights))])
    again = apart(other)
    _, refined = search.heights(again, (other,))
    low, high = sorted((other, float(again[int(np.argmax(refined))])))
    statistic = 2 * (float(heights.max()) - best)
    test = search.test(statistic, left, (first,), replications, seed, "one threshold, not two")
    return SecondThreshold(
        (low, high), test, _profile(left, heights, search.links), fitted([low, high])
    )


@dataclass(frozen=True, eq=False)
class _Search:
    """What every search over candidates shares."""

    prepared: Prepared
    links: _Links
    lag_regressors: bool
    n_jobs: int
    progress: bool

    def likelihood(self, gammas: Sequence[float]) -> LagLikelihood:
        """Return the likelihood of the model with these thresholds."""
        parts = self.links.parts(gammas)
        return self.prepared.pose(parts, parts if self.lag_regressors else {}).likelihood

    def heights(self, candidates: np.ndarray, given: tuple[float, ...]) -> tuple[float, np.ndarray]:
        """Return the log-likelihood without a further threshold and at each candidate for it."""
        count = len(given) + 1
        start = self.likelihood(given).maximize([np.full(count, at) for at in (0.0, 0.5)])
        common = np.full(count + 1, float(start.rho.mean()))
        heights, rho = [], common
        for gamma in candidates:
            try:
                # From the last candidate's maximum, and from the common rho: hills may change
                # places.
                found = self.likelihood((*given, gamma)).maximize([rho, common])
            except (BoundaryError, CollinearityError):
                heights.append(-np.inf)
                continue
            rho = found.rho
            heights.append(found.loglik)
        return start.loglik, np.array(heights)

    def test(
        self,
        statistic: float,
        candidates: np.ndarray,
        given: tuple[float, ...],
        replications: int,
        seed: int | None,
        null: str,
    ) -> HypothesisTest | NotApplicable:
        """Compare sup LR with its values in samples from the model with the thresholds given."""
        from joblib import Parallel, delayed
        from tqdm import tqdm

        if replications == 0:
            return NotApplicable("sup LR", null, "replications=0: no bootstrap was asked for")
        seeds = np.random.SeedSequence(seed).spawn(replications)
        alone = replace(self, n_jobs=1, progress=False)
        tasks = (delayed(_one_sample)(alone, candidates, given, one) for one in seeds)
        results = Parallel(n_jobs=self.n_jobs, return_as="generator")(tasks)
        bar = tqdm(results, total=replications, desc="bootstrap", disable=not self.progress)
        drawn = np.array(list(bar))
        drawn = drawn[np.isfinite(drawn)]
        p = (1 + float((drawn >= statistic).sum())) / (1 + len(drawn))
        words = f"{len(given)} threshold{'s' * (len(given) != 1)}" if given else "a threshold"
        kind = "with" if given else "without"
        return HypothesisTest(
            "sup LR", null, statistic, "bootstrap", None, p,
            f"{len(drawn)} samples from the model {kind} {words}",
        )  # fmt: skip


def _one_sample(
    search: _Search,
    candidates: np.ndarray,
    given: tuple[float, ...],
    seed: np.random.SeedSequence,
) -> float:
    """Return sup LR in one sample from the model with the thresholds given."""
    prepared, plain = search.prepared, search.prepared.plain
    n, t = plain.y.shape
    parts = search.links.parts(given)
    posed = prepared.pose(parts, parts if search.lag_regressors else {})
    found = posed.likelihood.maximize([np.full(len(parts), at) for at in (0.0, 0.5)])
    p = posed.projection
    coefs = p.coef_y - p.unscale @ posed.along @ found.rho
    fitted = (p.z @ coefs).reshape(n, t)
    e = (p.y - posed.lag_y @ found.rho - p.z @ coefs).reshape(n, t)
    # Swept residuals vary less than errors do; effects themselves drop out when sweeping.
    e = e * np.sqrt(n * t / posed.likelihood.observations)
    drawn = e[np.random.default_rng(seed).integers(0, n, n)]
    total = sum(at * matrix for at, matrix in zip(found.rho, parts.values(), strict=True))
    system = sparse.csc_matrix(sparse.eye_array(search.links.size) - total)
    right = fitted + drawn if search.links.size == n else (fitted + drawn).ravel()
    y = sla.splu(system).solve(np.asarray(right, order="F")).reshape(n, t)
    again = replace(search, prepared=replace(prepared, plain=replace(plain, y=y)))
    try:
        without, heights = again.heights(candidates, given)
    except BoundaryError:
        return float("nan")
    return float(2 * (heights.max() - without))


def _wald(fit: SeveralLags) -> dict[str, HypothesisTest | NotApplicable]:
    """Test that coefficients below and above are equal, given gamma."""
    index = fit.params.index
    rows: dict[str, list[np.ndarray]] = {"rho": [], "theta": []}
    for block, name in [("spatial", "rho"), *(("wx", name) for name in fit.lagged)]:
        row = np.zeros(len(index))
        row[index.get_loc((block, name, ABOVE))] = 1.0
        row[index.get_loc((block, name, BELOW))] = -1.0
        rows["rho" if block == "spatial" else "theta"].append(row)
    rows["rho and theta"] = rows["rho"] + rows["theta"]
    found: dict[str, HypothesisTest | NotApplicable] = {}
    for words, contrasts in rows.items():
        if not contrasts:
            continue
        title = f"equal below and above: {words}"
        found[title] = fit.wald(title, f"{words} do not change at gamma", np.array(contrasts))
    return found


def _quantile_of_lr(level: float) -> float:
    """Return the critical value of the likelihood ratio of gamma (Hansen 2000)."""
    return float(-2 * np.log(1 - np.sqrt(level)))
