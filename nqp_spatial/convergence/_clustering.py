"""Phillips and Sul's clustering and the merging of clubs: pure functions on arrays.

Units are rows in the order of the last period, the highest first. Every step that the literature
describes as one regression a unit is one regression of all units here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from nqp_spatial.convergence._log_t_regression import (
    LogTRule,
    dispersion,
    growing,
    neighbouring,
    with_each,
)

__all__ = ["THRESHOLD", "Club", "Merging", "absorb", "cluster", "merge_next", "merge_pairs"]

#: One-sided 5 % of the normal distribution, as Phillips and Sul round it.
THRESHOLD = -1.65
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
        The critical value of the sieve; missing for a group that was tested whole.
    at_cap : bool
        Whether no critical value served, so that the club is its core.
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


@dataclass
class Merging:
    """What was tried when clubs were merged.

    Attributes
    ----------
    steps : list of tuple
        What was tested (in words), its t statistic, and whether it was done.
    """

    steps: list[tuple[str, float, bool]] = field(default_factory=list)


def _tested(x: np.ndarray, members: np.ndarray, rule: LogTRule, **known: object) -> Club:
    b, error = rule.statistics(dispersion(x[members]))
    return Club(members, float(b[0]), float(error[0]), **known)  # type: ignore[arg-type]


def _t(h: np.ndarray, rule: LogTRule) -> np.ndarray:
    """Return t statistics; those without a regression can never pass."""
    b, error = rule.statistics(h)
    return np.asarray(np.nan_to_num(b / error, nan=-np.inf))


def cluster(
    x: np.ndarray, rule: LogTRule, *, increasing: bool, progress: Callable[[int], object]
) -> tuple[list[Club], np.ndarray]:
    """Return the clubs, the highest first, and the rows that are in none.

    Parameters
    ----------
    x : ndarray
        Positive, shape (units, periods), rows in the order of the last period, highest first.
    rule : LogTRule
    increasing : bool
        Whether the sieve's critical value rises from 0 until the club passes.
    progress : callable
        Told how many units have found their place.

    Returns
    -------
    clubs : list of Club
    divergent : ndarray of int
    """
    left = np.arange(len(x))
    clubs: list[Club] = []
    while len(left) > 1:
        whole = _tested(x, left, rule)
        if whole.statistic > THRESHOLD:
            clubs.append(whole)
            progress(len(left))
            return clubs, left[:0]
        core = _core(x[left], rule)
        if core is None:
            break
        club = _sieved(x, left, core, rule, increasing)
        clubs.append(club)
        progress(len(club.members))
        left = np.setdiff1d(left, club.members)
    progress(len(left))
    return clubs, left


def _core(x: np.ndarray, rule: LogTRule) -> slice | None:
    """Return the rows of the core: from the first pair that converges on, the largest t."""
    pairs = np.flatnonzero(_t(neighbouring(x), rule) > THRESHOLD)
    if not len(pairs):
        return None
    first = int(pairs[0])
    t = _t(growing(x[first:]), rule)
    t[0] = max(t[0], np.nextafter(THRESHOLD, 0))  # the pair passed, to the last digit
    failed = np.flatnonzero(t <= THRESHOLD)
    run = t[: failed[0]] if len(failed) else t
    return slice(first, first + 2 + int(np.argmax(run)))


def _sieved(x: np.ndarray, left: np.ndarray, core: slice, rule: LogTRule, increasing: bool) -> Club:
    inside = left[core]
    others = np.delete(left, np.r_[core])
    if not len(others):
        return _tested(x, inside, rule, c_star=0.0)
    t = _t(with_each(x[inside], x[others]), rule)
    club, before = None, -1
    for c_star in np.arange(0, _CAP + _STEP / 2, _STEP) if increasing else (0.0,):
        passed = others[t > c_star]
        if club is None or len(passed) != before:
            members = np.sort(np.concatenate([inside, passed]))
            club, before = _tested(x, members, rule, c_star=float(c_star)), len(passed)
        if not increasing or club.statistic > THRESHOLD:
            return club
    # No critical value up to the cap serves: the club is its core, estimated as such.
    return _tested(x, inside, rule, c_star=_CAP, at_cap=True)


def _joined(x: np.ndarray, a: Club, b: Club, rule: LogTRule) -> Club:
    members = np.sort(np.concatenate([a.members, b.members]))
    return _tested(x, members, rule, parts=a.parts + b.parts)


def _names(club: Club) -> str:
    return "+".join(str(part) for part in club.parts)


def merge_next(x: np.ndarray, clubs: list[Club], rule: LogTRule, told: Merging) -> list[Club]:
    """Merge as Phillips and Sul (2009) do: each club with the next while they converge together."""
    done = clubs[:1]
    for club in clubs[1:]:
        both = _joined(x, done[-1], club, rule)
        merged = both.statistic > THRESHOLD
        told.steps.append((f"{_names(done[-1])} with {_names(club)}", both.statistic, merged))
        if merged:
            done[-1] = both
        else:
            done.append(club)
    return done


def merge_pairs(x: np.ndarray, clubs: list[Club], rule: LogTRule, told: Merging) -> list[Club]:
    """Merge as von Lyncker and Thoennessen (2017) do.

    Of neighbouring clubs m and m + 1 those merge first that converge, and do so more clearly than
    m + 1 does with m + 2; then all pairs are tested anew.
    """
    done = list(clubs)
    while len(done) > 1:
        both = [_joined(x, a, b, rule) for a, b in pairwise(done)]
        t = np.array([one.statistic for one in both])
        better = np.append(t[:-1] > t[1:], True)
        may = np.flatnonzero((t > THRESHOLD) & better)
        if not len(may):
            for (a, b), one in zip(pairwise(done), both, strict=True):
                told.steps.append((f"{_names(a)} with {_names(b)}", one.statistic, False))
            break
        m = int(may[0])
        named = f"{_names(done[m])} with {_names(done[m + 1])}"
        told.steps.append((named, both[m].statistic, True))
        done[m : m + 2] = [both[m]]
    return done


def absorb(
    x: np.ndarray, clubs: list[Club], divergent: np.ndarray, rule: LogTRule, told: Merging
) -> tuple[list[Club], np.ndarray, list[tuple[int, int]]]:
    """Let clubs take in divergent units, the clearest first (von Lyncker and Thoennessen 2017).

    Returns
    -------
    clubs : list of Club
    divergent : ndarray of int
        Those that are left.
    taken : list of (row, club)
        Clubs from 1.
    """
    done, left, taken = list(clubs), np.array(divergent), []
    while len(left) and done:
        t = np.stack([_t(with_each(x[c.members], x[left]), rule) for c in done], axis=1)
        unit, at = np.unravel_index(int(np.argmax(t)), t.shape)
        if t[unit, at] <= THRESHOLD:
            break
        members = np.sort(np.append(done[at].members, left[unit]))
        done[at] = _tested(x, members, rule, parts=done[at].parts)
        taken.append((int(left[unit]), int(at) + 1))
        told.steps.append((f"divergent unit with club {at + 1}", float(t[unit, at]), True))
        left = np.delete(left, unit)
    return done, left, taken
