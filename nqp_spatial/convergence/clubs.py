"""`clubs`: groups of units that converge to separate paths."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import special

from nqp_spatial.convergence._clustering import (
    T_CRITICAL,
    Club,
    MergeStep,
    absorb,
    cluster,
    merge_next,
    merge_pairs,
)
from nqp_spatial.convergence._log_t_regression import Hac, LogTRule, dispersion
from nqp_spatial.convergence._transition_paths import (
    Detrend,
    PathData,
    detrended,
    path_data,
    warn_if_short,
)
from nqp_spatial.convergence.log_t import require_dispersion
from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import OpenShare, Positive, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, join, t
from nqp_spatial.errors import NqpError, OptionError, plain

__all__ = ["ClubsResult", "club_name", "clubs"]

Merge = Literal["phillips-sul", "von-lyncker-thoennessen"] | None
_MERGERS = {"phillips-sul": merge_next, "von-lyncker-thoennessen": merge_pairs}


@dataclass(frozen=True, repr=False, eq=False)
class ClubsResult(Displayed):
    """Convergence clubs.

    Attributes
    ----------
    membership : Series
        Club of each unit, from 1, the club with the highest paths; missing for divergent units.
    frame : DataFrame
        By club: ``units``, ``b``, ``std_error``, ``statistic``, ``p_value`` (one-sided, of
        convergence), ``speed`` (b / 2), ``level`` (mean relative path in the last period),
        ``c_star`` (critical value of the sieve; missing where the group passed as a whole or was
        merged), ``converges`` (whether t exceeds -1.65), ``merged_from`` (numbers of the clubs
        before merging).
    before : Series
        Membership before merging.
    history : DataFrame
        Tests during merging: ``tested, statistic, merged``.
    paths : DataFrame
        Relative transition paths of units, units by periods.
    club_paths : DataFrame
        Their means by club, clubs by periods.
    variable, description : str
        The column, and its transformation, in words.
    spec : Spec
        Options: ``discard, hac, detrend, smoothing, logs, critical, merge, merge_divergent``.
    notes : tuple of str
    tests : TestSet
        Empty: the clubs result from many tests, whose statistics are in the frame.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    >>> clubs = nq.convergence.clubs(cities, "gdp_pc", logs=True)
    >>> clubs.frame["units"].tolist()
    [92, 130, 114]
    """

    membership: pd.Series
    frame: pd.DataFrame
    before: pd.Series
    history: pd.DataFrame
    paths: pd.DataFrame
    club_paths: pd.DataFrame
    variable: str
    description: str
    spec: Spec
    notes: tuple[str, ...]
    tests: TestSet = field(default_factory=TestSet)

    _figure = "transition_paths"

    @property
    def divergent(self) -> pd.Index:
        """Units in no club."""
        return self.membership.index[self.membership.isna()]

    def groups(self) -> pd.Series:
        """Return names of groups by unit, ``"Club 1"``, ..., ``"Divergent"``, none missing.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_income()
        >>> nq.convergence.clubs(panel, "income", logs=True).groups().unique().tolist()
        ['Club 1']
        """
        names = {number: club_name(number) for number in self.frame.index}
        divergent = t("Divergent")
        groups = [names.get(number, divergent) for number in self.membership]
        return pd.Series(groups, self.membership.index, dtype=object, name="club")

    @checked
    def members(self, club: int) -> list[object]:
        """Return the units of a club, the highest in the last period first."""
        if club not in self.frame.index:
            raise OptionError(f"there is no club {club!r}; clubs are 1 to {len(self.frame)}")
        units = self.membership.index[self.membership == club]
        return list(self.paths.loc[units].iloc[:, -1].sort_values(ascending=False).index)

    def _blocks(self) -> list[Block]:
        columns = ["units", "b", "std_error", "statistic", "speed", "level", "merged_from"]
        return [
            f"Convergence clubs of {self.description}: {len(self.frame)} clubs, "
            f"{len(self.divergent)} divergent units",
            self.frame[columns],
            *notes_of(self.notes),
        ]


def club_name(number: int) -> Message:
    """Return the name of a club."""
    return t("Club {number}", number=number)


@checked
def clubs(
    panel: SpatialPanel,
    variable: str,
    *,
    discard: OpenShare = 1 / 3,
    hac: Hac = "fixed",
    detrend: Detrend = None,
    critical: Literal["fixed", "increasing"] = "fixed",
    merge: Merge = "phillips-sul",
    merge_divergent: bool = False,
    smoothing: Positive = 400.0,
    logs: bool = False,
    progress: bool = False,
) -> ClubsResult:
    """Classify units into convergence clubs, by Phillips and Sul's clustering algorithm.

    Units are sorted by the last period. A core group is formed from the first adjacent pair that
    passes the log-t test, up to the size with the largest t; each other unit joins if its t with
    the core exceeds c*. The remaining units are tested together and then treated in the same way.
    Adjacent clubs that converge together are merged.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced; evenly spaced periods, preferably 15 or more.
    variable : str
        A positive column.
    discard, hac, detrend, smoothing, logs
        As in `log_t`, except that the default does not detrend: pass ``"hp"`` for series with a
        business cycle. t of a club is then that of ``log_t(..., detrend=None)`` for its members. A
        note names clubs about which `log_t` with its default trend concludes otherwise.
    critical : {"fixed", "increasing"}
        c* = 0; or raised from 0 in steps of 0.1 until the club passes. If no value up to 3
        suffices, the club is its core.
    merge : {"phillips-sul", "von-lyncker-thoennessen", None}
        How clubs are merged; None for no merging.
    merge_divergent : bool
        Whether divergent units may then join the club with the largest t statistic.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    ClubsResult

    Raises
    ------
    DomainError, PanelError, OptionError
        As in `log_t`.

    Warns
    -----
    ShortPanelWarning
        Below 15 periods.

    Notes
    -----
    With ``critical="fixed"`` a club can have t below -1.65, because its members were only tested
    one by one: the frame (``converges``) and a note report this.

    Clubs result from many consecutive tests; the p-values in the frame do not account for this.

    Source: Phillips and Sul (2007), section 4; Phillips and Sul (2009), Journal of Applied
    Econometrics 24(7), 1153-1185, for merging; von Lyncker and Thoennessen (2017), Empirical
    Economics 52(2), 525-553.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> nq.convergence.clubs(nq.datasets.us_income(), "income", logs=True)
    Convergence clubs of log of 'income': 1 clubs, 0 divergent units
         units      b std_error statistic  speed  level merged_from
    club
    1       48  0.912    0.1197     7.624  0.456  1.000           1
    """
    from tqdm import tqdm

    rule = LogTRule(discard, hac)
    start = rule.first(panel.n_periods)
    data = path_data(panel, variable, detrend=detrend, smoothing=smoothing, logs=logs)
    notes = [*warn_if_short(panel.n_periods)]
    require_dispersion(dispersion(data.values), data.periods, start, data.description)

    # Ties in the last period keep the order of ids.
    order = np.argsort(-data.values[:, -1], kind="stable")
    x = np.ascontiguousarray(data.values[order])
    with tqdm(total=len(x), desc="clubs", disable=not progress) as bar:
        increasing = critical == "increasing"
        first_clubs, divergent = cluster(x, rule, increasing=increasing, progress=bar.update)
    if len(first_clubs) > 1 or len(divergent):
        notes += _note_of_ties(x, data.units[order], start)
    if any(club.at_cap for club in first_clubs):
        notes.append(
            t("no critical value up to 3 makes some clubs converge: they consist of their core")
        )
    numbered = [replace(club, parts=(number,)) for number, club in enumerate(first_clubs, start=1)]
    before = _membership(numbered, order, data.units)
    steps: list[MergeStep] = []
    merged = numbered
    if merge is not None and len(numbered) > 1:
        merged = _MERGERS[merge](x, numbered, rule, steps)
    if merge_divergent:
        merged, divergent, joined = absorb(x, merged, divergent, rule, steps)
        notes += _note_of_joined(joined, data.units[order])
    frame, club_paths = _frame(x, merged, data.periods)
    spec = Spec(
        discard=discard, hac=hac, detrend=detrend, smoothing=smoothing, logs=logs,
        critical=critical, merge=merge, merge_divergent=merge_divergent,
    )  # fmt: skip
    return ClubsResult(
        membership=_membership(merged, order, data.units),
        frame=frame,
        before=before,
        history=_history(steps),
        paths=data.paths,
        club_paths=club_paths,
        variable=variable,
        description=data.description,
        spec=spec,
        notes=(
            *notes,
            *_notes_of_clubs(frame),
            *_note_of_trend(panel, data, merged, order, rule, spec),
        ),
    )


def _note_of_ties(x: np.ndarray, units: pd.Index, start: int) -> list[Message]:
    """Note adjacent units of the last period that are equal in some period: no test of the pair."""
    used = np.r_[0, np.arange(start - 1, x.shape[1])]
    rows = np.flatnonzero((x[1:, used] == x[:-1, used]).any(axis=1))
    if not len(rows):
        return []
    pairs = [
        t("{first} and {second}", first=repr(plain(units[r])), second=repr(plain(units[r + 1])))
        for r in rows[:3]
    ]
    return [
        t(
            "{count} pairs of units have equal values in some period, where the logarithm of their "
            "dispersion is undefined, so that no core starts from them: {pairs}",
            count=len(rows), pairs=join("; ", pairs),
        )
    ]  # fmt: skip


def _note_of_joined(joined: list[tuple[int, int]], units: pd.Index) -> list[Message]:
    """Note the divergent units that joined clubs."""
    if not joined:
        return []
    named = [
        t("{unit} in club {club}", unit=repr(plain(units[row])), club=club)
        for row, club in joined[:5]
    ]
    return [
        t(
            "{count} divergent units joined clubs: {units}",
            count=len(joined), units=join(", ", named),
        )
    ]  # fmt: skip


def _notes_of_clubs(frame: pd.DataFrame) -> list[Message]:
    """Note the clubs that do not converge as a whole, and whether there are any clubs."""
    if frame.empty:
        return [t("no two units converge: all are divergent")]
    failing = ", ".join(map(str, frame.index[~frame["converges"]]))
    if not failing:
        return []
    return [
        t(
            "clubs {clubs} have t below -1.65: their units converge with the core one by one, but "
            "not together; critical='increasing' requires that",
            clubs=failing,
        )
    ]


def _note_of_trend(
    panel: SpatialPanel,
    data: PathData,
    clubs: list[Club],
    order: np.ndarray,
    rule: LogTRule,
    spec: Spec,
) -> list[Message]:
    """Note clubs about which the test of trends, the default of `log_t`, concludes otherwise."""
    if spec["detrend"] is not None:
        return []
    try:
        trends = detrended(panel, data, spec["smoothing"]).values
    except NqpError:  # no trend of these data
        return []
    if not clubs:
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        h = np.stack([dispersion(trends[order[club.members]]) for club in clubs])
        b, errors = rule.statistics(h)
        statistics = b / errors
    changed = [
        t("club {number}: t = {statistic:.2f}", number=number, statistic=float(statistic))
        for number, (club, statistic) in enumerate(zip(clubs, statistics, strict=True), start=1)
        # Missing where there is no regression.
        if not np.isnan(statistic) and (statistic > T_CRITICAL) != (club.statistic > T_CRITICAL)
    ]
    if not changed:
        return []
    return [
        t(
            "not detrended; of Hodrick-Prescott trends, the default of log_t, the test concludes "
            "otherwise: {clubs}",
            clubs=join("; ", changed),
        )
    ]


def _membership(clubs: list[Club], order: np.ndarray, units: pd.Index) -> pd.Series:
    numbers = np.zeros(len(units), dtype=np.int64)
    for number, club in enumerate(clubs, start=1):
        numbers[order[club.members]] = number
    return pd.Series(pd.arrays.IntegerArray(numbers, numbers == 0), units, name="club")


def _history(steps: list[MergeStep]) -> pd.DataFrame:
    """Return the tests during merging; messages stay in a column of objects."""
    return pd.DataFrame(
        {
            "tested": pd.Series([step.tested for step in steps], dtype=object),
            "statistic": [step.statistic for step in steps],
            "merged": [step.merged for step in steps],
        }
    )


def _frame(
    x: np.ndarray, clubs: list[Club], periods: pd.Index
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of clubs and their mean relative paths."""
    relative = x / x.mean(axis=0)
    numbers = pd.RangeIndex(1, len(clubs) + 1, name="club")
    means = [relative[club.members].mean(axis=0) for club in clubs]
    paths = pd.DataFrame(np.reshape(means, (len(clubs), x.shape[1])), numbers, periods)
    statistics = np.array([club.statistic for club in clubs])
    frame = pd.DataFrame(
        {
            "units": [len(club.members) for club in clubs],
            "b": [club.b for club in clubs],
            "std_error": [club.std_error for club in clubs],
            "statistic": statistics,
            "p_value": special.ndtr(statistics),
            "speed": [club.b / 2 for club in clubs],
            "level": paths.iloc[:, -1].to_numpy() if clubs else [],
            "c_star": [club.c_star for club in clubs],
            "converges": statistics > T_CRITICAL,
            "merged_from": ["+".join(map(str, club.parts)) for club in clubs],
        },
        index=numbers,
    )
    return frame, paths
