"""`clubs`: groups of units that converge to paths of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from nqp_spatial.convergence._clustering import (
    THRESHOLD,
    Club,
    Merging,
    absorb,
    cluster,
    merge_next,
    merge_pairs,
)
from nqp_spatial.convergence._log_t_regression import Hac, LogTRule, dispersion
from nqp_spatial.convergence._transition_paths import Detrend, Series, series_of, warn_if_short
from nqp_spatial.convergence.log_t import require_spread
from nqp_spatial.core.display import Block, Displayed, notes_of
from nqp_spatial.core.options import OpenShare, Positive, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import OptionError, plain

__all__ = ["ClubsResult", "clubs"]

Merge = Literal["phillips-sul", "von-lyncker-thoennessen"] | None
_MERGERS = {"phillips-sul": merge_next, "von-lyncker-thoennessen": merge_pairs}


@dataclass(frozen=True, repr=False, eq=False)
class ClubsResult(Displayed):
    """Convergence clubs.

    Attributes
    ----------
    membership : Series
        Club of each unit, from 1, the club with the highest paths; missing for divergent units.
    table : DataFrame
        By club: ``units``, ``b``, ``std_error``, ``statistic``, ``p_value`` (one-sided, of
        convergence), ``speed`` (b / 2), ``level`` (mean relative path in the last period),
        ``c_star`` (critical value of the sieve; missing where the group passed whole or was
        merged), ``converges`` (whether t exceeds -1.65), ``merged_from`` (numbers of the clubs
        before merging).
    before : Series
        Membership before merging.
    history : DataFrame
        What was tested on the way of merging: ``tested, statistic, merged``.
    paths : DataFrame
        Relative transition paths of units, units by periods.
    club_paths : DataFrame
        Their means by club, clubs by periods.
    variable : str
    options : dict
        Discarded share, hac, critical, merge.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    >>> found = nq.convergence.clubs(cities, "gdp_pc", logs=True)
    >>> found.table["units"].tolist()
    [92, 130, 114]
    """

    membership: pd.Series
    table: pd.DataFrame
    before: pd.Series
    history: pd.DataFrame
    paths: pd.DataFrame
    club_paths: pd.DataFrame
    variable: str
    options: dict[str, object]
    notes: tuple[str, ...]

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
        names = "Club " + self.membership.astype("string")
        return names.fillna("Divergent").astype(object).rename("club")

    @checked
    def members(self, club: int) -> list[object]:
        """Return the units of a club, the highest in the last period first."""
        if club not in self.table.index:
            raise OptionError(f"there is no club {club!r}; clubs are 1 to {len(self.table)}")
        inside = self.membership.index[self.membership == club]
        return list(self.paths.loc[inside].iloc[:, -1].sort_values(ascending=False).index)

    def _blocks(self) -> list[Block]:
        columns = ["units", "b", "std_error", "statistic", "speed", "level", "merged_from"]
        return [
            f"Convergence clubs of {self.variable}: {len(self.table)} clubs, "
            f"{len(self.divergent)} divergent units",
            self.table[columns],
            *notes_of(self.notes),
        ]


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
    """Sort units into clubs that converge, by Phillips and Sul's clustering.

    Units are ordered by the last period. A core grows from the first neighbouring pair that passes
    the log-t test, to the size with the largest t; each other unit joins if its t with the core
    exceeds c*. What is left is tested whole and then treated alike. Neighbouring clubs that
    converge together are merged.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced; periods evenly spaced, better 15 or more.
    variable : str
        A positive column.
    discard, hac, detrend, smoothing, logs
        As in `log_t`. The default does not detrend: pass ``"hp"`` for series with a cycle.
    critical : {"fixed", "increasing"}
        c* = 0; or raised from 0 by 0.1 until the club passes. Where none up to 3 serves, the club
        is its core.
    merge : {"phillips-sul", "von-lyncker-thoennessen", None}
        How clubs are merged; None leaves them.
    merge_divergent : bool
        Whether divergent units may then join the club with which they converge most clearly.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    ClubsResult

    Raises
    ------
    DomainError, PanelError, OptionError
        As `log_t`.

    Warns
    -----
    ShortPanelWarning
        Below 15 periods.

    Notes
    -----
    With ``critical="fixed"`` a club can come out with t below -1.65, for its members were only
    tested one by one: the table says so (``converges``) and a note.

    Clubs are found by many tests in a row; the p-values in the table know nothing of that.

    Source: Phillips and Sul (2007), section 4; Phillips and Sul (2009), Journal of Applied
    Econometrics 24(7), 1153-1185, for merging; von Lyncker and Thoennessen (2017), Empirical
    Economics 52(2), 525-553.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> nq.convergence.clubs(nq.datasets.us_income(), "income", logs=True)
    Convergence clubs of log of 'income': 1 clubs, 0 divergent units
          units      b  std_error  statistic  speed  level merged_from
    club
    1        48 0.9123     0.1197      7.624 0.4562      1           1
    """
    from tqdm import tqdm

    rule = LogTRule(discard, hac)
    start = rule.first(panel.n_periods)
    data = series_of(panel, variable, detrend=detrend, smoothing=smoothing, logs=logs)
    notes = [note] if (note := warn_if_short(panel.n_periods)) else []
    require_spread(dispersion(data.values), data.periods, start, data.said)

    # Ties in the last period stay in the order of ids.
    order = np.argsort(-data.values[:, -1], kind="stable")
    x = np.ascontiguousarray(data.values[order])
    with tqdm(total=len(x), desc="clubs", disable=not progress) as bar:
        rising = critical == "increasing"
        found, divergent = cluster(x, rule, increasing=rising, progress=bar.update)
    if (len(found) > 1 or len(divergent)) and (twins := _twins(x, data.units[order], start)):
        notes.append(twins)
    if any(club.at_cap for club in found):
        notes.append("no critical value up to 3 served for some clubs: they are their core alone")
    numbered = [replace(club, parts=(number,)) for number, club in enumerate(found, start=1)]
    before = _membership(numbered, order, data.units)
    told = Merging()
    done = numbered
    if merge is not None and len(numbered) > 1:
        done = _MERGERS[merge](x, numbered, rule, told)
    if merge_divergent:
        done, divergent, taken = absorb(x, done, divergent, rule, told)
        if taken:
            some = ", ".join(
                f"{plain(data.units[order[row]])!r} by {club}" for row, club in taken[:5]
            )
            notes.append(f"{len(taken)} divergent units were taken in by clubs: {some}")
    return _result(data, x, order, done, before, told, notes, {
        "discard": discard, "hac": hac, "critical": critical, "merge": merge,
        "merge_divergent": merge_divergent,
    })  # fmt: skip


def _twins(x: np.ndarray, units: pd.Index, start: int) -> str:
    """Say which neighbours in the last period are equal in some period: their pair has no test."""
    used = np.r_[0, np.arange(start - 1, x.shape[1])]
    rows = np.flatnonzero((x[1:, used] == x[:-1, used]).any(axis=1))
    if not len(rows):
        return ""
    pairs = [f"{plain(units[r])!r} and {plain(units[r + 1])!r}" for r in rows[:3]]
    return (
        f"{len(rows)} pairs of units have equal values in some period, where the logarithm of "
        f"their dispersion is undefined, so that no core starts from them: {'; '.join(pairs)}"
    )


def _membership(found: list[Club], order: np.ndarray, units: pd.Index) -> pd.Series:
    result = pd.Series(pd.NA, units, dtype="Int64", name="club")
    for number, club in enumerate(found, start=1):
        result.iloc[order[club.members]] = number
    return result


def _result(
    data: Series,
    x: np.ndarray,
    order: np.ndarray,
    done: list[Club],
    before: pd.Series,
    told: Merging,
    notes: list[str],
    options: dict[str, object],
) -> ClubsResult:
    membership = _membership(done, order, data.units)
    relative = x / x.mean(axis=0)
    numbers = pd.RangeIndex(1, len(done) + 1, name="club")
    means = [relative[club.members].mean(axis=0) for club in done]
    club_paths = pd.DataFrame(np.reshape(means, (len(done), x.shape[1])), numbers, data.periods)
    t = np.array([club.statistic for club in done])
    table = pd.DataFrame(
        {
            "units": [len(club.members) for club in done],
            "b": [club.b for club in done],
            "std_error": [club.std_error for club in done],
            "statistic": t,
            "p_value": stats.norm.cdf(t),
            "speed": [club.b / 2 for club in done],
            "level": club_paths.iloc[:, -1].to_numpy() if done else [],
            "c_star": [club.c_star for club in done],
            "converges": t > THRESHOLD,
            "merged_from": ["+".join(map(str, club.parts)) for club in done],
        },
        index=numbers,
    )
    failing = table.index[~table["converges"]].tolist()
    if failing:
        notes.append(
            f"clubs {failing} have t below -1.65: their units converge with the core one by one, "
            "but not together; critical='increasing' asks for that"
        )
    if not done:
        notes.append("no two units converge: all are divergent")
    history = pd.DataFrame(told.steps, columns=["tested", "statistic", "merged"])
    return ClubsResult(
        membership, table, before, history, data.paths, club_paths, data.said, options,
        tuple(notes),
    )  # fmt: skip
