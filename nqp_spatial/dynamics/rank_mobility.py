"""Rank mobility: how much the ranking of units changes, among neighbours and within groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import sparse, stats

from nqp_spatial.core.display import Block, Displayed, Spec
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Permutations, Seed, Size, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import batches, permutation_p
from nqp_spatial.dynamics._states import check_step
from nqp_spatial.errors import DomainError, PanelError, WeightsError, sample
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["RankMobilityResult", "rank_mobility"]


@dataclass(frozen=True, repr=False, eq=False)
class RankMobilityResult(Displayed):
    """Concordance of ranks between periods.

    Attributes
    ----------
    frame : DataFrame
        By the period in which a move starts: ``tau`` (Kendall's tau-b), ``tau_p_value``; with
        weights ``tau_neighbours`` (the same over pairs of neighbours), ``tau_others`` (over the
        other pairs), ``neighbours_p_value``; with groups ``theta`` (1 if all rank changes within a
        group have the same sign, 0 if they cancel out), ``theta_p_value``. Permutation p-values are
        two-sided. Missing: theta where no rank changes, tau where there are no pairs, p-values
        without permutations.
    variable : str
    spec : Spec
    tests : TestSet
        Empty: p-values are in the frame, by period.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income().select(periods=[1929, 1969, 2009])
    >>> nq.dynamics.rank_mobility(panel, "income").frame["tau"].round(3).tolist()
    [0.781, 0.567]
    """

    frame: pd.DataFrame
    variable: str
    spec: Spec
    tests: TestSet = field(default_factory=TestSet)
    notes: tuple[str, ...] = ()

    _figure = "over_periods"

    def _blocks(self) -> list[Block]:
        return [f"Rank mobility of {self.variable}, steps of {self.spec.step}", self.frame]


@checked
def rank_mobility(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike | None = None,
    *,
    group: str | pd.Series | None = None,
    step: Size = 1,
    permutations: Permutations = 999,
    seed: Seed = 0,
) -> RankMobilityResult:
    """Measure how stable the ranking of units is, among all units and between neighbours.

    Kendall's tau of the values at t and t + step; the same over pairs of neighbours only; and
    ``theta = sum_g |sum_(i in g) dr_i| / sum_i |dr_i|`` of rank changes dr.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variable.
    variable : str
        A numeric column.
    weights : SpatialWeights, Graph or W, optional
        Defines which units are neighbours, in either direction; the values of the weights are not
        used.
    group : str or Series, optional
        A column that does not change over periods, or groups by unit.
    step : int
        Periods between start and end.
    permutations : int
        Random relocations of units, and reassignments of groups to units; 0 for none.
    seed : int, optional

    Returns
    -------
    RankMobilityResult

    Raises
    ------
    WeightsError
        If there are no links.
    PanelError, OptionError, UnmatchedIdsError
        As in `markov` and `markov_by_group`.

    Notes
    -----
    Where neighbours exchange ranks more often than other pairs, ``tau_neighbours`` is lower.
    Source: Rey (2004, 2014), Annals of Regional Science 53, 465-484.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income().select(periods=[1929, 1969, 2009])
    >>> w = nq.weights.contiguity(panel)
    >>> nq.dynamics.rank_mobility(panel, "income", w, seed=0).frame.shape
    (2, 5)
    """
    check_step(panel, step)
    values = panel.values(variable)
    if len(values) < 2:
        raise PanelError("ranks are of several units; the panel has one unit")
    constant = np.ptp(values, axis=0) == 0
    if constant.any():
        raise DomainError(
            f"{variable!r} is constant in {sample(panel.periods[constant])}: units have no ranks"
        )
    start, end = values[:, :-step], values[:, step:]
    taus = [stats.kendalltau(a, b) for a, b in zip(start.T, end.T, strict=True)]
    columns = {
        "tau": np.array([tau.statistic for tau in taus]),
        "tau_p_value": np.array([tau.pvalue for tau in taus]),
    }
    rng = np.random.default_rng(seed)
    w = None if weights is None else as_weights(weights)
    if w is not None:
        links = _pairs(w.aligned(panel.units))
        columns |= _among_neighbours(start, end, links, permutations, rng)
    if group is not None:
        columns |= _within_groups(start, end, Groups.by_unit(panel, group), permutations, rng)
    group_name = group if group is None or isinstance(group, str) else group.name
    spec = Spec(weights=w, group=group_name, step=step, permutations=permutations, seed=seed)
    return RankMobilityResult(pd.DataFrame(columns, panel.periods[:-step]), variable, spec)


def _among_neighbours(
    start: np.ndarray,
    end: np.ndarray,
    links: np.ndarray,
    permutations: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return tau over pairs of neighbours and over other pairs, with relocated units."""
    tau, others = _split(start, end, links)

    def relocated(orders: np.ndarray) -> np.ndarray:
        from nqp_spatial.dynamics._numba import relocated_concordance

        # Ranks, because differences of values can underflow to a tie.
        before, after = (stats.rankdata(side, axis=0) for side in (start, end))
        return np.asarray(relocated_concordance(before, after, links, orders))

    p_values = _p_values(tau, relocated, np.arange(len(start)), permutations, rng)
    return {"tau_neighbours": tau, "tau_others": others, "neighbours_p_value": p_values}


def _within_groups(
    start: np.ndarray,
    end: np.ndarray,
    groups: Groups,
    permutations: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return theta of changes of rank within groups, with reassigned groups."""
    changes = stats.rankdata(end, axis=0) - stats.rankdata(start, axis=0)
    total = np.abs(changes).sum(axis=0)
    size = len(groups)

    def theta(codes: np.ndarray) -> np.ndarray:
        members = (codes[:, None, :] == np.arange(size)[:, None]).astype(float)
        sums = members.reshape(-1, len(changes)) @ changes
        net = np.abs(sums).reshape(len(codes), size, -1)
        none = np.full((len(codes), len(total)), np.nan)
        return np.asarray(np.divide(net.sum(axis=1), total, out=none, where=total > 0))

    observed = theta(groups.codes[None])[0]
    p_values = _p_values(observed, theta, groups.codes, permutations, rng)
    return {"theta": observed, "theta_p_value": p_values}


def _pairs(matrix: sparse.csr_array) -> np.ndarray:
    """Return neighbouring pairs, each once, shape (2, pairs)."""
    links = sparse.triu(matrix + matrix.T, k=1).tocoo()
    if not links.nnz:
        raise WeightsError("the weights have no links, so that there are no pairs of neighbours")
    return np.stack([links.row, links.col]).astype(np.int64)


def _tau(above: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return tau-b from concordant minus discordant pairs and pairs untied before and after."""
    untied = np.sqrt(before * after)
    none = np.full(len(above), np.nan)
    return np.asarray(np.divide(above, untied, out=none, where=untied > 0))


def _split(start: np.ndarray, end: np.ndarray, links: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return tau-b of neighbours and of the other pairs, which follow from all pairs."""
    i, j = links
    before, after = np.sign(start[i] - start[j]), np.sign(end[i] - end[j])
    linked = np.array(
        [(before * after).sum(axis=0), np.abs(before).sum(axis=0), np.abs(after).sum(axis=0)]
    )
    total = np.array([_kendall_counts(a, b) for a, b in zip(start.T, end.T, strict=True)]).T
    return _tau(*linked), _tau(*(total - linked))


def _kendall_counts(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Return concordant minus discordant pairs, and pairs untied before and after, from tau-b."""
    n = len(a)
    tied = [np.unique(x, return_counts=True)[1] for x in (a, b)]
    before, after = (n * (n - 1) / 2 - float((c * (c - 1) / 2).sum()) for c in tied)
    if not before * after:
        return 0.0, before, after
    return round(float(stats.kendalltau(a, b).statistic) * np.sqrt(before * after)), before, after


def _p_values(
    observed: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    arrangement: np.ndarray,
    permutations: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return two-sided permutation p-values, twice the smaller tail, ties in both."""
    if not permutations:
        return np.full(len(observed), np.nan)
    below, above = np.zeros(len(observed)), np.zeros(len(observed))
    for batch in batches(permutations, max(1, 2_000_000 // len(arrangement))):
        copies = np.tile(arrangement, (batch.stop - batch.start, 1))
        draws = statistic(rng.permuted(copies, axis=1))
        below += (draws <= observed + 1e-12).sum(axis=0)
        above += (draws >= observed - 1e-12).sum(axis=0)
    p = permutation_p(above, permutations, "two-sided", below)
    return np.asarray(np.where(np.isnan(observed), np.nan, p))
