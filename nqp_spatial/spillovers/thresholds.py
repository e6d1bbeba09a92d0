"""`threshold`: spillovers that change where a score passes a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import linalg as sla

from nqp_spatial.errors import BoundaryError, CollinearityError, OptionError, PanelError
from nqp_spatial.hypotheses import HypothesisTest, NotApplicable, chi2_test
from nqp_spatial.panel import SpatialPanel
from nqp_spatial.spillovers.blocks import ALL
from nqp_spatial.spillovers.estimation import Prepared, SeveralLags, estimate, prepare
from nqp_spatial.spillovers.partition import FixedEffects
from nqp_spatial.weights.spatial_weights import SpatialWeights, as_weights

if TYPE_CHECKING:
    from libpysal.graph import Graph
    from libpysal.weights import W

__all__ = ["ThresholdResult", "threshold"]

On = Literal["sender", "receiver", "difference"]
BELOW, ABOVE = "below", "above"
_WORDS = {
    "sender": "of the sender",
    "receiver": "of the receiver",
    "difference": "of the sender less that of the receiver",
}


@dataclass(frozen=True, repr=False, eq=False)
class ThresholdResult:
    """A threshold of a score at which spillovers change.

    Attributes
    ----------
    gamma : float
        The threshold: links whose score is at or below it are "below".
    conf_low, conf_high : float
        Values of gamma that a likelihood ratio test does not reject (Hansen 2000).
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

    @property
    def params(self) -> pd.Series:
        """Estimates at gamma, by (block, variable, part)."""
        return self.fit.params

    @property
    def std_errors(self) -> pd.Series:
        """Their standard errors, given gamma."""
        return pd.Series(np.sqrt(np.diag(self.fit.cov)), self.params.index, name="std_error")

    def __repr__(self) -> str:
        table = pd.concat([self.params, self.std_errors], axis=1)
        lines = [
            f"Threshold of {self.score} {_WORDS[self.on]}; {self.formula}",
            f"gamma = {self.gamma:.6g}, {self.level:.0%} interval "
            f"[{self.conf_low:.6g}, {self.conf_high:.6g}]",
            repr(self.test),
            table.to_string(float_format=lambda x: f"{x:.4g}"),
            self.note,
        ]
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class _Links:
    """Links of W with the score of each; one copy a period where scores change over time."""

    rows: np.ndarray
    columns: np.ndarray
    weights: np.ndarray
    scores: np.ndarray
    size: int

    def parts(self, gamma: float) -> dict[str, sparse.csr_array]:
        """Return the links at or below gamma and those above."""
        high = self.scores > gamma
        return {
            name: sparse.csr_array(
                (self.weights[kept], (self.rows[kept], self.columns[kept])),
                shape=(self.size, self.size),
            )
            for name, kept in ((BELOW, ~high), (ABOVE, high))
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


def threshold(
    formula: str,
    panel: SpatialPanel,
    weights: SpatialWeights | Graph | W,
    *,
    score: str | pd.Series,
    on: On = "sender",
    effects: FixedEffects = "two-way",
    gamma: float | None = None,
    durbin: str | Iterable[str] | None = None,
    lag_regressors: bool = True,
    grid: int = 60,
    trim: float = 0.1,
    replications: int = 300,
    level: float = 0.95,
    seed: int | None = 0,
    n_jobs: int = 1,
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
    durbin : str or list of str, optional
        The regressors to lag, if not all.
    lag_regressors : bool
        Whether W X is in the model.
    grid : int
        Candidates, quantiles of the links' scores.
    trim : float
        Least share of the links on each side.
    replications : int
        Bootstrap samples of the test of no threshold; 0 for none. Each costs `grid` fits.
    level : float
        Of the interval of gamma.
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
    if on not in get_args(On):
        raise OptionError(f"on must be one of {', '.join(get_args(On))}; got {on!r}")
    if not 0 < trim < 0.5:
        raise OptionError(f"trim must lie between 0 and 0.5, got {trim!r}")
    if grid < 2 or replications < 0:
        raise OptionError("grid must be at least 2 and replications at least 0")
    panel.require_balanced()
    w = as_weights(weights).reordered(panel.units)
    links, name = _links_of(w, panel, score, on)
    members = {ALL: np.ones(panel.n_units, dtype=bool)}
    prepared = prepare(
        formula, panel, members=members, effects=effects, durbin=durbin if lag_regressors else ()
    )
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
    plain, heights = _heights(prepared, links, candidates, lag_regressors)
    if not np.isfinite(heights).any():
        raise BoundaryError(
            "at no threshold has the likelihood a maximum inside the region where the model is "
            "stable; tie more, or leave W X out"
        )
    top = int(np.argmax(heights))
    chosen, best = float(candidates[top]), float(heights[top])
    profile = pd.DataFrame(
        {
            "loglik": heights,
            "lr": 2 * (best - heights),
            "share_above": [(links.scores > c).mean() for c in candidates],
        },
        index=pd.Index(candidates, name="gamma"),
    )
    inside = candidates[profile["lr"] <= _quantile_of_lr(level)]
    parts = links.parts(chosen)
    fit = estimate(
        formula, panel, parts, parts if lag_regressors else {}, members=members, effects=effects,
        durbin=durbin, correct=True,
    )  # fmt: skip
    statistic = 2 * (best - plain)
    null = f"no threshold of {name} {_WORDS[on]}"
    test: HypothesisTest | NotApplicable
    drawn = np.empty(0)
    if gamma is not None:
        df = 1 + len(fit.lagged)
        test = chi2_test("LR: threshold given", null, statistic, df)
    elif replications == 0:
        test = NotApplicable("sup LR", null, "replications=0: no bootstrap was asked for")
    else:
        drawn = _bootstrap(
            prepared, w, links, candidates, lag_regressors, replications, seed, n_jobs, progress
        )
        p = (1 + float((drawn >= statistic).sum())) / (1 + len(drawn))
        test = HypothesisTest(
            "sup LR", null, statistic, "bootstrap", None, p,
            f"{len(drawn)} samples from the model without a threshold",
        )  # fmt: skip
    return ThresholdResult(
        gamma=chosen,
        conf_low=float(inside.min()),
        conf_high=float(inside.max()),
        test=test,
        profile=profile,
        fit=fit,
        tests=_wald(fit),
        score=name,
        on=on,
        formula=formula,
        level=level,
        replications=len(drawn),
        note="If the score was made from the outcome, these are associations.",
    )


def _heights(
    prepared: Prepared, links: _Links, candidates: np.ndarray, lag_regressors: bool
) -> tuple[float, np.ndarray]:
    """Return the log-likelihood without a threshold and at each candidate."""
    whole = {ALL: sparse.csr_array(sum(links.parts(np.inf).values()))}
    posed = prepared.pose(whole, whole if lag_regressors else {})
    start = posed.likelihood.maximize([np.array([at]) for at in (0.0, 0.5)])
    heights, rho = [], np.repeat(start.rho, 2)
    for gamma in candidates:
        parts = links.parts(gamma)
        try:
            likelihood = prepared.pose(parts, parts if lag_regressors else {}).likelihood
            # From the last candidate's maximum, and from the common rho: hills may change places.
            found = likelihood.maximize([rho, np.repeat(start.rho, 2)])
        except (BoundaryError, CollinearityError):
            heights.append(-np.inf)
            continue
        rho = found.rho
        heights.append(found.loglik)
    return start.loglik, np.array(heights)


def _bootstrap(
    prepared: Prepared,
    w: SpatialWeights,
    links: _Links,
    candidates: np.ndarray,
    lag_regressors: bool,
    replications: int,
    seed: int | None,
    n_jobs: int,
    progress: bool,
) -> np.ndarray:
    """Return sup LR in samples from the model without a threshold."""
    from joblib import Parallel, delayed
    from tqdm import tqdm

    seeds = np.random.SeedSequence(seed).spawn(replications)
    tasks = (
        delayed(_one_sample)(prepared, w, links, candidates, lag_regressors, one) for one in seeds
    )
    results = Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    drawn = np.array(
        list(tqdm(results, total=replications, desc="bootstrap", disable=not progress))
    )
    return np.asarray(drawn[np.isfinite(drawn)])


def _one_sample(
    prepared: Prepared,
    w: SpatialWeights,
    links: _Links,
    candidates: np.ndarray,
    lag_regressors: bool,
    seed: np.random.SeedSequence,
) -> float:
    plain = prepared.plain
    n, t = plain.y.shape
    whole = {ALL: w.sparse}
    posed = prepared.pose(whole, whole if lag_regressors else {})
    found = posed.likelihood.maximize([np.zeros(1), np.full(1, 0.5)])
    p = posed.projection
    coefs = p.coef_y - p.unscale @ posed.along @ found.rho
    fitted = (p.z @ coefs).reshape(n, t)
    e = (p.y - posed.lag_y @ found.rho - p.z @ coefs).reshape(n, t)
    # Swept residuals vary less than errors do; effects themselves drop out when sweeping.
    e = e * np.sqrt(n * t / posed.likelihood.observations)
    drawn = e[np.random.default_rng(seed).integers(0, n, n)]
    system = sparse.csc_matrix(sparse.eye_array(n) - float(found.rho[0]) * w.sparse)
    y = sla.splu(system).solve(np.asarray(fitted + drawn, order="F"))
    again = replace(prepared, plain=replace(plain, y=y))
    try:
        without, heights = _heights(again, links, candidates, lag_regressors)
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
        matrix = np.array(contrasts)
        gap = matrix @ fit.params.to_numpy()
        statistic = float(gap @ np.linalg.solve(matrix @ fit.cov.to_numpy() @ matrix.T, gap))
        title = f"equal below and above: {words}"
        found[title] = chi2_test(title, f"{words} do not change at gamma", statistic, len(gap))
    return found


def _quantile_of_lr(level: float) -> float:
    """Return the critical value of the likelihood ratio of gamma (Hansen 2000)."""
    return float(-2 * np.log(1 - np.sqrt(level)))
