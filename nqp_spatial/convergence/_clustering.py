"""Phillips and Sul's clustering and the merging of clubs: pure functions on arrays.

Units are rows sorted by the last period, the highest first. Every step that the literature
describes as one regression per unit is one regression of all units here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from nqp_spatial.convergence._log_t_regression import (
    LogTRule,
    dispersion,
    dispersion_adjacent,
    dispersion_nested,
    dispersion_with_each,
)
from nqp_spatial.core.text import Message, t

__all__ = ["T_CRITICAL", "Club", "MergeStep", "absorb", "cluster", "merge_next", "merge_pairs"]

#: One-sided 5 % of the normal distribution, as Phillips and Sul round it.
T_CRITICAL = -1.65
_STEP, _CAP = 0.1, 3.0


@dataclass(frozen=True)
class Club:
    """A group of units and its regression.

    Attributes
    ----------
    members : ndarray of int
        Row numbers.
    b, std_error : float
    c_star : float
        The critical value of the sieve; missing for a group that was tested as a whole.
    at_cap : bool
        Whether no critical value made the club converge, so that it consists of its core only.
    parts : tuple of int
        Numbers, from 1, of the clubs that were merged into this one.
    """

    members: np.ndarray
    b: float
    std_error: float
    c_star: float = np.nan
    at_cap: bool = False
    parts: tuple[int, ...] = ()

    @property
    def statistic(self) -> float:
        """The t statistic of b."""
        return self.b / self.std_error


class MergeStep(NamedTuple):
    """One test during merging: the clubs tested, the t statistic, and whether they were merged."""

    tested: Message
    statistic: float
    merged: bool


def _tested(x: np.ndarray, members: np.ndarray, rule: LogTRule, **facts: Any) -> Club:
    b, error = rule.statistics(dispersion(x[members]))
    return Club(members, float(b[0]), float(error[0]), **facts)


def _t(h: np.ndarray, rule: LogTRule) -> np.ndarray:
    """Return t statistics; groups without a regression never pass."""
    b, error = rule.statistics(h)
    return np.asarray(np.nan_to_num(b / error, nan=-np.inf))


def cluster(
    x: np.ndarray, rule: LogTRule, *, increasing: bool, progress: Callable[[int], object]
) -> tuple[list[Club], np.ndarray]:
    """Return the clubs, the highest first, and the rows that belong to none.

    Parameters
    ----------
    x : ndarray
        Positive, shape (units, periods), rows sorted by the last period, highest first.
    rule : LogTRule
    increasing : bool
        Whether the sieve's critical value rises from 0 until the club passes.
    progress : callable
        Called with the number of units that were classified.

    Returns
    -------
    clubs : list of Club
    divergent : ndarray of int
    """
    remaining = np.arange(len(x))
    clubs: list[Club] = []
    while len(remaining) > 1:
        together = _tested(x, remaining, rule)
        if together.statistic > T_CRITICAL:
            clubs.append(together)
            progress(len(remaining))
            return clubs, remaining[:0]
        core = _core(x[remaining], rule)
        if core is None:
            break
        club = _sieved(x, remaining, core, rule, increasing)
        clubs.append(club)
        progress(len(club.members))
        remaining = np.setdiff1d(remaining, club.members, assume_unique=True)
    progress(len(remaining))
    return clubs, remaining


def _core(x: np.ndarray, rule: LogTRule) -> slice | None:
    """Return the rows of the core: starting from the first pair that converges, the largest t."""
    pairs = np.flatnonzero(_t(dispersion_adjacent(x), rule) > T_CRITICAL)
    if not len(pairs):
        return None
    first = int(pairs[0])
    statistics = _t(dispersion_nested(x[first:]), rule)
    statistics[0] = max(
        statistics[0], np.nextafter(T_CRITICAL, 0)
    )  # the pair passed, up to rounding
    failed = np.flatnonzero(statistics <= T_CRITICAL)
    run = statistics[: failed[0]] if len(failed) else statistics
    return slice(first, first + 2 + int(np.argmax(run)))


def _sieved(
    x: np.ndarray, remaining: np.ndarray, core: slice, rule: LogTRule, increasing: bool
) -> Club:
    core_members, others = remaining[core], np.delete(remaining, np.r_[core])
    if not len(others):
        return _tested(x, core_members, rule, c_star=0.0)
    statistics = _t(dispersion_with_each(x[core_members], x[others]), rule)
    club, size = None, -1
    for c_star in np.arange(0, _CAP + _STEP / 2, _STEP) if increasing else (0.0,):
        passed = others[statistics > c_star]
        if club is None or len(passed) != size:
            members = np.sort(np.concatenate([core_members, passed]))
            club, size = _tested(x, members, rule, c_star=float(c_star)), len(passed)
        if not increasing or club.statistic > T_CRITICAL:
            return club
    # No critical value up to the cap works: the club is its core, estimated as such.
    return _tested(x, core_members, rule, c_star=_CAP, at_cap=True)


def _joined(x: np.ndarray, a: Club, b: Club, rule: LogTRule) -> Club:
    members = np.sort(np.concatenate([a.members, b.members]))
    return _tested(x, members, rule, parts=a.parts + b.parts)


def _pair(first: Club, second: Club) -> Message:
    """Name two clubs by the numbers of the clubs that were merged into them."""
    return t("{first} with {second}", first=_numbers(first), second=_numbers(second))


def _numbers(club: Club) -> str:
    return "+".join(map(str, club.parts))


def merge_next(
    x: np.ndarray, clubs: list[Club], rule: LogTRule, steps: list[MergeStep]
) -> list[Club]:
    """Merge as Phillips and Sul (2009) do: each club with the next if both converge together."""
    merged = clubs[:1]
    for club in clubs[1:]:
        joint = _joined(x, merged[-1], club, rule)
        converges = joint.statistic > T_CRITICAL
        steps.append(MergeStep(_pair(merged[-1], club), joint.statistic, converges))
        if converges:
            merged[-1] = joint
        else:
            merged.append(club)
    return merged


def merge_pairs(
    x: np.ndarray, clubs: list[Club], rule: LogTRule, steps: list[MergeStep]
) -> list[Club]:
    """Merge as von Lyncker and Thoennessen (2017) do.

    Adjacent clubs m and m + 1 merge first if they converge, with a larger t statistic than m + 1
    and m + 2; then all pairs are tested again.
    """
    merged = list(clubs)
    while len(merged) > 1:
        joint = [_joined(x, first, second, rule) for first, second in pairwise(merged)]
        statistics = np.array([club.statistic for club in joint])
        better = np.append(statistics[:-1] > statistics[1:], True)
        candidates = np.flatnonzero((statistics > T_CRITICAL) & better)
        if not len(candidates):
            steps += [
                MergeStep(_pair(first, second), club.statistic, False)
                for (first, second), club in zip(pairwise(merged), joint, strict=True)
            ]
            break
        m = int(candidates[0])
        steps.append(MergeStep(_pair(merged[m], merged[m + 1]), joint[m].statistic, True))
        merged[m : m + 2] = [joint[m]]
    return merged


def absorb(
    x: np.ndarray,
    clubs: list[Club],
    divergent: np.ndarray,
    rule: LogTRule,
    steps: list[MergeStep],
) -> tuple[list[Club], np.ndarray, list[tuple[int, int]]]:
    """Let divergent units join clubs, the largest t first (von Lyncker and Thoennessen 2017).

    Returns
    -------
    clubs : list of Club
    divergent : ndarray of int
        The remaining divergent units.
    joined : list of (row, club)
        Clubs from 1.
    """
    enlarged, remaining, joined = list(clubs), np.array(divergent), []
    while len(remaining) and enlarged:
        statistics = np.stack(
            [_t(dispersion_with_each(x[club.members], x[remaining]), rule) for club in enlarged],
            axis=1,
        )
        unit, number = np.unravel_index(int(np.argmax(statistics)), statistics.shape)
        if statistics[unit, number] <= T_CRITICAL:
            break
        club = enlarged[number]
        members = np.sort(np.append(club.members, remaining[unit]))
        enlarged[number] = _tested(x, members, rule, parts=club.parts)
        joined.append((int(remaining[unit]), int(number) + 1))
        pair = t("divergent unit with club {club}", club=int(number) + 1)
        steps.append(MergeStep(pair, float(statistics[unit, number]), True))
        remaining = np.delete(remaining, unit)
    return enlarged, remaining, joined
