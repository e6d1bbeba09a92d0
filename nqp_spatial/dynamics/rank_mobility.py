"""Rank mobility: how much the order of units changes, among neighbours and inside groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse, stats

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.options import Permutations, Seed, Size, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.dynamics.markov import check_step
from nqp_spatial.errors import DomainError, PanelError, WeightsError, sample
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["RankMobilityResult", "rank_mobility"]


@dataclass(frozen=True, repr=False, eq=False)
class RankMobilityResult(Displayed):
    """Concordance of ranks between periods.

    Attributes
    ----------
    frame : DataFrame
        By the period in which a move starts: ``tau`` (Kendall's tau-b), ``tau_p_value``; with
        weights ``tau_neighbours`` (the same over pairs of neighbours), ``tau_others`` (over the
        other pairs), ``neighbours_p_value``; with
        groups ``theta`` (1 if all changes of rank inside a group go one way, 0 if they cancel),
        ``theta_p_value``. Permutation p-values are two-sided. Missing: theta where no rank changes,
        tau over pairs of which there are none, p-values without permutations.
    variable : str
    step, permutations : int
    seed : int or None

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income().select(periods=[1929, 1969, 2009])
    >>> nq.dynamics.rank_mobility(panel, "income").frame["tau"].round(3).tolist()
    [0.781, 0.567]
    """

    frame: pd.DataFrame
    variable: str
    step: int
    permutations: int
    seed: int | None

    def _blocks(self) -> list[Block]:
        return [f"Rank mobility of {self.variable}, steps of {self.step}", self.frame]


@checked
def rank_mobility(
    panel: SpatialPanel,
    variable: str,
    *,
    w: WeightsLike | None = None,
    group: str | pd.Series | None = None,
    step: Size = 1,
    permutations: Permutations = 999,
    seed: Seed = None,
) -> RankMobilityResult:
    """Measure how far the ranking of units is kept, in all and between neighbours.

    Kendall's tau of the values at t and t + step; the same over pairs of neighbours only; and
    ``theta = sum_g |sum_(i in g) dr_i| / sum_i |dr_i|`` of changes of rank dr.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variable.
    variable : str
        A numeric column.
    w : SpatialWeights, Graph or W, optional
        Who neighbours whom, in either direction; weights do not count.
    group : str or Series, optional
        A column that does not change over periods, or groups by unit.
    step : int
        Periods between start and end.
    permutations : int
        Random relocations of units, or dealings of groups; 0 for none.
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
    Where neighbours exchange ranks more than others do, ``tau_neighbours`` is the lower. Source:
    Rey (2004, 2014), Annals of Regional Science 53, 465-484.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income().select(periods=[1929, 1969, 2009])
    >>> w = nq.weights.contiguity(panel)
    >>> nq.dynamics.rank_mobility(panel, "income", w=w, seed=0).frame.shape
    (2, 5)
    """
    check_step(panel, step)
    values = panel.values(variable)
    if len(values) < 2:
        raise PanelError("ranks are of several units; the panel has one unit")
    flat = np.ptp(values, axis=0) == 0
    if flat.any():
        raise DomainError(
            f"{variable!r} is constant in {sample(panel.periods[flat])}: units have no ranks"
        )
    start, end = values[:, :-step], values[:, step:]
    found = [stats.kendalltau(a, b) for a, b in zip(start.T, end.T, strict=True)]
    columns = {
        "tau": np.array([one.statistic for one in found]),
        "tau_p_value": np.array([one.pvalue for one in found]),
    }
    rng = np.random.default_rng(seed)
    n = len(values)
    if w is not None:
        links = _pairs(as_weights(w).aligned(panel.units))
        near, others = _split(start, end, links)
        columns |= {"tau_neighbours": near, "tau_others": others}

        def relocated(orders: np.ndarray) -> np.ndarray:
            from nqp_spatial.dynamics._numba import relocated_concordance

            # Ranks, for differences of values can underflow to a tie.
            before, after = (stats.rankdata(of, axis=0) for of in (start, end))
            return np.asarray(relocated_concordance(before, after, links, orders))

        places = np.arange(n)
        columns["neighbours_p_value"] = _p_values(near, relocated, places, permutations, rng)
    if group is not None:
        groups = Groups.by_unit(panel, group)
        codes, names = groups.codes, groups.names
        changes = stats.rankdata(end, axis=0) - stats.rankdata(start, axis=0)
        total = np.abs(changes).sum(axis=0)

        def theta(dealt: np.ndarray) -> np.ndarray:
            member = (dealt[:, None, :] == np.arange(len(names))[:, None]).astype(float)
            inside = np.abs(member.reshape(-1, n) @ changes).reshape(len(dealt), len(names), -1)
            none = np.full((len(dealt), len(total)), np.nan)
            return np.asarray(np.divide(inside.sum(axis=1), total, out=none, where=total > 0))

        columns["theta"] = theta(codes[None])[0]
        columns["theta_p_value"] = _p_values(columns["theta"], theta, codes, permutations, rng)
    frame = pd.DataFrame(columns, panel.periods[:-step])
    return RankMobilityResult(frame, variable, step, permutations, seed)


def _pairs(matrix: sparse.csr_array) -> np.ndarray:
    """Return neighbouring pairs, each once, shape (2, pairs)."""
    links = sparse.triu(matrix + matrix.T, k=1).tocoo()
    if not links.nnz:
        raise WeightsError("the weights have no links, so that there are no pairs of neighbours")
    return np.stack([links.row, links.col]).astype(np.int64)


def _tau(above: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return tau-b from concordant less discordant pairs and pairs untied before and after."""
    untied = np.sqrt(before * after)
    none = np.full(len(above), np.nan)
    return np.asarray(np.divide(above, untied, out=none, where=untied > 0))


def _split(start: np.ndarray, end: np.ndarray, links: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return tau-b of neighbours and of the other pairs, which follow from all pairs."""
    i, j = links
    one, then = np.sign(start[i] - start[j]), np.sign(end[i] - end[j])
    near = [(one * then).sum(axis=0), np.abs(one).sum(axis=0), np.abs(then).sum(axis=0)]
    every = np.array([_kendall_counts(a, b) for a, b in zip(start.T, end.T, strict=True)]).T
    return _tau(*near), _tau(*(every - np.array(near)))


def _kendall_counts(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Return concordant less discordant pairs, and pairs untied before and after, from tau-b."""
    n = len(a)
    tied = [np.unique(x, return_counts=True)[1] for x in (a, b)]
    before, after = (n * (n - 1) / 2 - float((c * (c - 1) / 2).sum()) for c in tied)
    if not before * after:
        return 0.0, before, after
    return round(float(stats.kendalltau(a, b).statistic) * np.sqrt(before * after)), before, after


def _p_values(
    observed: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    base: np.ndarray,
    permutations: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return two-sided permutation p-values, twice the smaller tail, ties in both."""
    if not permutations:
        return np.full(len(observed), np.nan)
    below, above = np.ones(len(observed)), np.ones(len(observed))
    batch = max(1, 2_000_000 // len(base))
    for start in range(0, permutations, batch):
        size = min(batch, permutations - start)
        drawn = statistic(rng.permuted(np.tile(base, (size, 1)), axis=1))
        below += (drawn <= observed + 1e-12).sum(axis=0)
        above += (drawn >= observed - 1e-12).sum(axis=0)
    p = np.minimum(1.0, 2 * np.minimum(below, above) / (permutations + 1))
    return np.asarray(np.where(np.isnan(observed), np.nan, p))
