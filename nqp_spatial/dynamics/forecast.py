"""`forecast`: states of units and their distribution in future periods, from an estimated chain."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, TestSet
from nqp_spatial.core.options import Count, Jobs, Level, Range, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import places_in_time
from nqp_spatial.core.text import Message, t
from nqp_spatial.dynamics._forecast_model import (
    AnyChain,
    ChainData,
    ChainModel,
    chain_data,
    model_until,
)
from nqp_spatial.dynamics._forecast_scores import (
    RIVALS,
    SCORES,
    rival_forecasts,
    score_tests,
    scores,
    scores_frame,
    words_of_test,
)
from nqp_spatial.dynamics._simulated_paths import Futures, futures
from nqp_spatial.dynamics._states import States, matrix_without_islands
from nqp_spatial.dynamics.markov import MarkovResult
from nqp_spatial.dynamics.markov_by_group import ChainsResult, SpatialChainsResult
from nqp_spatial.dynamics.spatial_markov import SpatialMarkovResult
from nqp_spatial.errors import PanelError
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["ForecastResult", "forecast"]

Horizon = Annotated[int, Range(1, 1000)]
Simulations = Annotated[int, Range(1, 99_999)]


@dataclass(frozen=True, repr=False, eq=False)
class ForecastResult(Displayed):
    """Future shares of states and future states of units.

    Attributes
    ----------
    frame : DataFrame
        One row per period and state: ``period, state, share, low, high``. `share` is the expected
        share of units; from `low` to `high` the future share lies with probability `level`.
    units : DataFrame
        One row per unit and period: ``unit, period, current_state, most_likely_state``; ``up``
        and ``down``, the probabilities of a higher and a lower state than the current one; and the
        probability of each state, in a column with its name.
    by_group : DataFrame
        The shares within each group, with ``group`` before the columns of `frame`; empty without
        groups.
    history : DataFrame
        Observed shares, periods by states.
    held_out : DataFrame
        The forecast of the last `holdout` steps from the periods before, as in `frame`, with the
        ``actual`` shares.
    scores : DataFrame
        Mean losses of the held-out steps by ``forecast`` (chain, persistence, climatology) and
        ``period``: ``log_score, brier, rps``; smaller is better.
    tests : TestSet
        That the chain and each of the two other forecasts are equally good, by score, such as
        ``tests["log_score_persistence"]``; positive if the chain is better.
    variable, label : str
    states : tuple of str
        Names of the states, from low to high.
    level : float
    spec : Spec
        ``variable, horizon, replications, holdout, level, seed, step, weights``.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> chain = nq.dynamics.markov(panel, "relative_income", states=4)
    >>> result = nq.dynamics.forecast(chain, panel, horizon=2, replications=99)
    >>> list(result.frame)
    ['period', 'state', 'share', 'low', 'high']
    """

    _figure: ClassVar[str] = "forecast"

    frame: pd.DataFrame
    units: pd.DataFrame
    by_group: pd.DataFrame
    history: pd.DataFrame
    held_out: pd.DataFrame
    scores: pd.DataFrame
    tests: TestSet
    variable: str
    label: str
    states: tuple[str, ...]
    level: float
    spec: Spec
    notes: tuple[str, ...] = field(default_factory=tuple)

    def _blocks(self) -> list[Block]:
        last = self.frame["period"].iloc[-1]
        table = self.frame[self.frame["period"] == last].set_index("state")
        blocks: list[Block] = [
            t("Forecast of {variable}: shares of states", variable=self.variable),
            t("{period}, with {level:.0%} intervals", period=str(last), level=self.level),
            table[["share", "low", "high"]].round(3),
        ]
        if len(self.scores):
            means = self.scores.groupby("forecast", sort=False)[list(SCORES)].mean()
            blocks += [t("Scores of the held-out periods (smaller is better)"), means.round(4)]
        return [*blocks, *map(repr, self.tests.values()), *notes_of(self.notes)]


@checked
def forecast(
    chain: MarkovResult | SpatialMarkovResult | ChainsResult | SpatialChainsResult,
    panel: SpatialPanel,
    weights: WeightsLike | None = None,
    *,
    horizon: Horizon = 10,
    replications: Simulations = 999,
    holdout: Count = 3,
    group: str | pd.Series | None = None,
    level: Level = 0.95,
    seed: Seed = 0,
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> ForecastResult:
    """Forecast the states of units and the shares of states, from the last period of the panel.

    ``P(s_i,T+h = j) = [P^h]_(s_iT, j)``. In a spatial chain P depends on the neighbours' state,
    which moves along: ``P(s_i,t+1 = j | s_it, l_it) = p_(s_it, j | l_it)``, and all units are
    simulated together. The forecast assumes that transition probabilities stay as they were.

    Parameters
    ----------
    chain : MarkovResult, SpatialMarkovResult, ChainsResult or SpatialChainsResult
        From `markov`, `spatial_markov`, `markov_by_group` or `spatial_markov_by_group`.
    panel : SpatialPanel
        From which the chain was estimated.
    weights : SpatialWeights, Graph or W, optional
        Of a spatial chain those with which it was estimated, which it knows. Of other chains, for
        the tests only: scores of units are then correlated in space.
    horizon : int
        Number of steps ahead, each of ``chain.spec.step`` periods.
    replications : int
        Simulated futures, each with probabilities of its own bootstrap sample of units.
    holdout : int
        Steps at the end of the panel that are forecast from the periods before and compared with
        what came; 0 for no such tests.
    group : str or Series, optional
        The groups of units, for chains by group whose groups are not a column of the panel.
    level : float
        Probability of the intervals.
    seed : int, optional
        The same result for any `n_jobs`.
    n_jobs : int
        Parallel workers, through joblib.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    ForecastResult

    Raises
    ------
    PanelError
        If the panel is not that of the chain.
    OptionError
        If the chain has no forecast: states by LISA quadrants; chains by span of time or previous
        state; conditions on a group; neighbours' states with cuts by period. Or if weights or
        groups that are needed are missing.
    IslandError, UnmatchedIdsError
        If units have no neighbours, or ids of panel and weights differ.

    Notes
    -----
    Intervals contain two kinds of uncertainty: each simulated future has probabilities estimated
    from a bootstrap sample of units (with their histories), and moves of units are random. They
    cover a future in which units move independently, given their own and their neighbours' states,
    with the probabilities of the sample. Shocks common to all units widen the true distribution.

    Chains of the neighbours need their values, as the neighbours' state is cut from ``W y``. A unit
    that moves from i to j takes the value of a donor: an observed move from i to j whose value
    before the move is among the sqrt(m) closest of m (local bootstrap). Shares are means over
    simulated futures of the exact probabilities one step ahead.

    With cuts by period shares of states are fixed: only `units` is a forecast, and intervals have
    no width. Rows of P never visited have the probabilities of all neighbours' states; the notes
    count them.

    The tests compare mean losses of units over the held-out steps, ``t = mean(d) / se(d)`` (Diebold
    and Mariano 1995). With weights, se comes from the products of d with the eight eigenvectors of
    W that vary most slowly over the map, and t has 8 degrees of freedom: where scores of neighbours
    are correlated, errors of independent units would reject far too often. Chain and cuts are
    estimated from the periods before; one move, divided as in the pooled chain, is added to each
    row, so that no probability is zero. Persistence: units stay with the share of past moves over h
    steps that ended where they began, other states are equally likely. Climatology: shares of
    states in all past observations. All units live through the same few periods, so the tests hold
    for these periods and not for others.

    Sources: Quah (1993) for P^h; Mueller and Watson (2022), Econometrica 90(6), for errors from
    slow eigenvectors; Paparoditis and Politis (2002), Journal of Time Series Analysis
    23(5), for the local bootstrap; Gneiting and Raftery (2007), Journal of the American Statistical
    Association 102(477), for scores; Diebold and Mariano (1995), Journal of Business and Economic
    Statistics 13(3).

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> chain = nq.dynamics.spatial_markov(panel, "relative_income", w, states=4, lag_states=3)
    >>> result = nq.dynamics.forecast(chain, panel, horizon=5, replications=99)
    >>> result.frame["period"].unique().tolist()
    [2010, 2011, 2012, 2013, 2014]
    """
    data = chain_data(chain, panel, weights, group)
    matrix = data.matrix
    if matrix is None and weights is not None:
        matrix = matrix_without_islands(as_weights(weights), panel.units)
    now = model_until(data, panel.n_periods)
    names = tuple(States(now.codes, now.cuts, data.states, "cuts").names)
    periods = _future_periods(panel.periods, data.step, horizon)
    options: dict[str, Any] = {"level": level, "n_jobs": n_jobs, "progress": progress}
    ahead = futures(now, now.probabilities, horizon, replications, seed, **options)
    result = ForecastResult(
        frame=_shares(ahead, periods, names),
        units=_units(ahead.probabilities, now.start, panel.units, periods, names),
        by_group=_by_group(ahead, periods, names, data),
        history=_history(now, panel.periods, names),
        held_out=pd.DataFrame(columns=[*_COLUMNS, "actual"]),
        scores=pd.DataFrame(columns=["forecast", "period", *SCORES]),
        tests=TestSet(),
        variable=data.variable,
        label=data.label,
        states=names,
        level=level,
        spec=Spec(
            variable=data.variable, horizon=horizon, replications=replications, holdout=holdout,
            level=level, seed=seed, step=data.step,
            weights=_weights_words(chain, weights),
        ),
        notes=tuple(_notes(now)),
    )  # fmt: skip
    if not holdout:
        return result
    until = panel.n_periods - holdout * data.step
    past = _past(data, until, holdout)
    if isinstance(past, str):
        return replace(result, tests=_no_tests(past))
    before = futures(past, past.smoothed, holdout, replications, seed, **options)
    return _with_held_out(result, past, before, panel.periods, matrix)


_COLUMNS = ["period", "state", "share", "low", "high"]


def _weights_words(chain: AnyChain, weights: WeightsLike | None) -> object:
    if weights is not None:
        return as_weights(weights)
    return chain.spec.get("weights")


# -- held-out periods ------------------------------------------------------------------------------


def _past(data: ChainData, until: int, holdout: int) -> ChainModel | Message:
    """Return the chain of the periods before, or why there is none."""
    if until <= holdout * data.step:
        return t(
            "{count} held-out steps need more than {needed} periods in the panel",
            count=holdout, needed=2 * holdout * data.step,
        )  # fmt: skip
    try:
        return model_until(data, until)
    except PanelError:
        return t("the values before the held-out periods cannot be cut into states")


def _no_tests(reason: Message) -> TestSet:
    tests: dict[str, HypothesisTest | NotApplicable] = {
        f"{score}_{rival}": NotApplicable(*words_of_test(score, rival), reason)
        for score in SCORES
        for rival in RIVALS
    }
    return TestSet(tests)


def _with_held_out(
    result: ForecastResult,
    past: ChainModel,
    before: Futures,
    periods: pd.Index,
    matrix: sparse.csr_array | None,
) -> ForecastResult:
    """Return the result with forecasts of the last periods beside what came."""
    holdout, n, k = before.probabilities.shape
    places = past.until - 1 + past.data.step * np.arange(1, holdout + 1)
    actual = past.codes[:, places].T
    forecasts = {"chain": before.probabilities, **rival_forecasts(past, holdout)}
    losses = {name: scores(values, actual) for name, values in forecasts.items()}
    table = _shares(before, periods[places], result.states)
    table["actual"] = (np.eye(k)[actual].sum(axis=1) / n).ravel()
    outside = int(((table["actual"] < table["low"]) | (table["actual"] > table["high"])).sum())
    note = t(
        "{count} of {total} shares of the held-out periods are outside their intervals",
        count=outside, total=len(table),
    )  # fmt: skip
    return replace(
        result,
        held_out=table,
        scores=scores_frame(losses, periods[places]),
        tests=TestSet(score_tests(losses, matrix)),
        notes=(*result.notes, *([] if past.data.fixed_shares else [note])),
    )


# -- tables ----------------------------------------------------------------------------------------


def _shares(ahead: Futures, periods: pd.Index, names: tuple[str, ...]) -> pd.DataFrame:
    return _table(ahead.shares, ahead.low, ahead.high, periods, names)


def _table(
    share: np.ndarray, low: np.ndarray, high: np.ndarray, periods: pd.Index, names: tuple[str, ...]
) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([periods, list(names)], names=["period", "state"])
    columns = {"share": share.ravel(), "low": low.ravel(), "high": high.ravel()}
    return pd.DataFrame(columns, index).reset_index()


def _by_group(
    ahead: Futures, periods: pd.Index, names: tuple[str, ...], data: ChainData
) -> pd.DataFrame:
    if not data.group_names:
        return pd.DataFrame(columns=["group", *_COLUMNS])
    parts = {
        group: _table(
            ahead.group_shares[:, g], ahead.group_low[:, g], ahead.group_high[:, g], periods, names
        )
        for g, group in enumerate(data.group_names)
    }
    return pd.concat(parts, names=["group"]).reset_index(level=0).reset_index(drop=True)


def _units(
    p: np.ndarray, start: np.ndarray, units: pd.Index, periods: pd.Index, names: tuple[str, ...]
) -> pd.DataFrame:
    """Return the table of units, with the periods of a unit one below the other."""
    horizon, n, k = p.shape
    by_unit = np.swapaxes(p, 0, 1).reshape(n * horizon, k)
    states = np.asarray(names, dtype=object)
    current = np.repeat(start, horizon)
    higher = np.arange(k) > current[:, None]
    lower = np.arange(k) < current[:, None]
    columns = {
        "unit": units.repeat(horizon),
        "period": np.tile(np.asarray(periods, dtype=object), n),
        "current_state": states[current],
        "most_likely_state": states[by_unit.argmax(axis=1)],
        "up": np.where(higher, by_unit, 0.0).sum(axis=1),
        "down": np.where(lower, by_unit, 0.0).sum(axis=1),
    }
    table = pd.DataFrame(columns).assign(**dict(zip(names, by_unit.T, strict=True)))
    return table.astype({"period": periods.dtype})


def _history(model: ChainModel, periods: pd.Index, names: tuple[str, ...]) -> pd.DataFrame:
    shares = np.stack([(model.codes == j).mean(axis=0) for j in range(len(names))], axis=1)
    return pd.DataFrame(shares, periods, pd.Index(names, name="state"))


def _future_periods(periods: pd.Index, step: int, horizon: int) -> pd.Index:
    """Return the periods after the last; +1, +2, ... where periods are no numbers or dates."""
    ahead = step * np.arange(1, horizon + 1)
    places = places_in_time(periods)
    if places is None or isinstance(periods, pd.CategoricalIndex):
        return pd.Index([f"+{number}" for number in ahead], name=periods.name)
    gap = periods[-1] - periods[-2]
    return pd.Index([periods[-1] + number * gap for number in ahead.tolist()], name=periods.name)


def _notes(model: ChainModel) -> list[Message]:
    notes = []
    if model.data.fixed_shares:
        notes.append(
            t("each period has cuts of its own, so that shares of states are fixed: see units")
        )
    if model.unvisited:
        notes.append(
            t(
                "{count} rows of transition probabilities were never visited: those of all "
                "neighbours' states or groups are used, and a state never left stays",
                count=model.unvisited,
            )
        )
    return notes
