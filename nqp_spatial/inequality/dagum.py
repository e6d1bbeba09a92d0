"""`dagum`: the Gini coefficient inside groups, between them, and where they overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.options import Level, Replications, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import bootstrap_counts
from nqp_spatial.core.weighted_sample import measured
from nqp_spatial.inequality._numba import group_gaps

__all__ = ["DagumResult", "dagum"]

PARTS = ("within", "net_between", "transvariation")


@dataclass(frozen=True, repr=False, eq=False)
class DagumResult(Displayed):
    """Dagum's decomposition of the Gini coefficient, by period.

    Attributes
    ----------
    summary : DataFrame
        One row a period: ``gini``, ``within``, ``net_between``, ``transvariation`` (which add up to
        it) and ``within_share``, ``net_between_share``, ``transvariation_share``.
    within : DataFrame
        Gini coefficient inside each group, periods by groups.
    between : DataFrame
        Gini coefficient between each pair of groups, periods by (group, group).
    distances : DataFrame
        Relative economic affluence D of each pair: 0 where the groups overlap fully, 1 where all
        of one are richer.
    contributions : DataFrame
        By period: ``part, group, other, value``; adds up to the coefficient.
    intervals : DataFrame or None
        By period: low and high of the coefficient, its parts and their shares, columns (name,
        "low" | "high").
    variable, group : str
    level : float
    replications : int
    label : str
        What figures call the variable.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> found = nq.inequality.dagum(cities, "nqp", group="region4")
    >>> parts = found.summary[["within", "net_between", "transvariation"]].sum(axis=1)
    >>> bool(abs(parts - found.summary["gini"]).max() < 1e-12)
    True
    """

    summary: pd.DataFrame
    within: pd.DataFrame
    between: pd.DataFrame
    distances: pd.DataFrame
    contributions: pd.DataFrame
    intervals: pd.DataFrame | None
    variable: str
    group: str
    level: float
    replications: int
    label: str

    def _blocks(self) -> list[Block]:
        return [f"Dagum's decomposition of {self.variable} by {self.group}", self.summary]


@checked
def dagum(
    panel: SpatialPanel,
    variable: str,
    *,
    group: str | pd.Series,
    weights: str | None = None,
    single: Literal["error", "keep"] = "error",
    replications: Replications = 0,
    level: Level = 0.95,
    seed: Seed = 0,
) -> DagumResult:
    """Decompose the Gini coefficient of each period by groups of units.

    ``G = sum_jh p_j p_h E|y_j - y_h| / (2 m)``. With p the shares of groups in the population, s in
    the total, G_jj and G_jh the coefficients inside and between groups, ``D_jh = |m_j - m_h| /
    E|y_j - y_h|``::

        within         = sum_j G_jj p_j s_j
        net between    = sum_{j<h} G_jh D_jh (p_j s_h + p_h s_j)
        transvariation = sum_{j<h} G_jh (1 - D_jh) (p_j s_h + p_h s_j)

    Parameters
    ----------
    panel : SpatialPanel
        Balanced, complete in the variable.
    variable : str
        Non-negative.
    group : str or Series
        A column that does not change over periods, or groups by unit.
    weights : str, optional
        Column of the units' population; each unit counts the same without it.
    single : {"error", "keep"}
        What to do with groups of one unit: inside them the coefficient is zero.
    replications : int
        Bootstrap samples for intervals; units are drawn with all their periods, inside groups.
    level : float
        Of the percentile intervals.
    seed : int, optional

    Returns
    -------
    DagumResult

    Raises
    ------
    DomainError
        If values are negative, or weights not positive.
    PanelError
        If a unit has no group or a group has one unit.
    OptionError
        If there is one group, or an option is out of range.
    UnknownColumnError, MissingValuesError, UnbalancedPanelError
        As `SpatialPanel.values`.

    Notes
    -----
    Source: Dagum, C. (1997), A new approach to the decomposition of the Gini income inequality
    ratio, Empirical Economics 22, 515-531. One pass over sorted values: O(n log n) time and linear
    memory, instead of all pairs.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> found = nq.inequality.dagum(cities, "nqp", group="region4", weights="population")
    >>> found.within.columns.tolist()
    ['Central', 'East', 'Northeast', 'West']
    """
    data = measured(panel, variable, weights, "non-negative", "the Gini coefficient")
    groups = Groups.by_unit(panel, group, singletons=single)
    codes, names = groups.codes, groups.names
    order = np.argsort(data.values, axis=1, kind="stable")
    n, k = len(codes), len(names)

    def parts(counts: np.ndarray) -> _Parts:
        return _blocks(*group_gaps(data.values, order, codes, data.weights, counts, k))

    whole = parts(np.ones((1, n)))
    periods, pairs = data.periods, [(j, h) for j in range(k) for h in range(j)]
    named = [(names[h], names[j]) for j, h in pairs]
    rows, columns = np.array(pairs).T
    kinds = {
        "within": whole.within[0][:, np.arange(k), np.arange(k)],
        "net_between": whole.net[0][:, rows, columns],
        "transvariation": whole.overlap[0][:, rows, columns],
    }
    summary = _summary(whole)[0]
    labels = [
        (part, *label)
        for part in PARTS
        for label in ([(g, g) for g in names] if part == "within" else named)
    ]
    values = np.concatenate([kinds[part] for part in PARTS], axis=1)
    every = pd.DataFrame(
        labels * len(periods),
        index=pd.Index(periods.repeat(len(labels)), name="period"),
        columns=["part", "group", "other"],
    )
    contributions = every.assign(value=values.ravel())
    intervals = None
    if replications:
        drawn = np.concatenate(
            [
                _summary(parts(some))
                for some in np.array_split(
                    bootstrap_counts(np.random.default_rng(seed), n, replications, codes),
                    -(-replications // 50),
                )
            ]
        )
        ends = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
        intervals = pd.concat(
            {
                column: pd.DataFrame(ends[:, :, at].T, periods, ["low", "high"])
                for at, column in enumerate(_COLUMNS)
            },
            axis=1,
        )
    two = pd.MultiIndex.from_tuples(named, names=["group", "other"])
    return DagumResult(
        summary=pd.DataFrame(summary, periods, list(_COLUMNS)),
        within=pd.DataFrame(whole.gini[0][:, np.arange(k), np.arange(k)], periods, names),
        between=pd.DataFrame(whole.gini[0][:, rows, columns], periods, two),
        distances=pd.DataFrame(whole.distance[0][:, rows, columns], periods, two),
        contributions=contributions,
        intervals=intervals,
        variable=variable,
        group=group if isinstance(group, str) else str(group.name or "group"),
        level=level,
        replications=replications,
        label=panel.label(variable),
    )


_COLUMNS = ("gini", *PARTS, *(f"{part}_share" for part in PARTS))


@dataclass(frozen=True, eq=False)
class _Parts:
    """Arrays of shape (samples, periods, groups, groups); net and overlap once for each pair."""

    gini: np.ndarray
    distance: np.ndarray
    within: np.ndarray
    net: np.ndarray
    overlap: np.ndarray


def _blocks(gaps: np.ndarray, means: np.ndarray, totals: np.ndarray) -> _Parts:
    p = totals / totals.sum(axis=-1, keepdims=True)
    s = p * means / (p * means).sum(axis=-1, keepdims=True)
    added = means[..., :, None] + means[..., None, :]
    gini = np.divide(gaps, added, out=np.zeros_like(gaps), where=added > 0)
    apart = np.abs(means[..., :, None] - means[..., None, :])
    # Two groups of one and the same value: no difference, so nothing that one is ahead of.
    distance = np.divide(apart, gaps, out=np.zeros_like(gaps), where=gaps > 0)
    cross = p[..., :, None] * s[..., None, :]
    weight = cross + np.swapaxes(cross, -1, -2)
    inside = gini * cross * np.eye(p.shape[-1])
    net = np.divide(apart, added, out=np.zeros_like(gaps), where=added > 0) * weight
    return _Parts(gini, np.minimum(distance, 1.0), inside, net, gini * weight - net)


def _summary(parts: _Parts) -> np.ndarray:
    """Return `_COLUMNS`, shape (samples, periods, columns)."""
    lower = np.tril(np.ones(parts.gini.shape[-2:]), -1)
    three = np.stack(
        [
            parts.within.sum(axis=(-1, -2)),
            (parts.net * lower).sum(axis=(-1, -2)),
            (parts.overlap * lower).sum(axis=(-1, -2)),
        ],
        axis=-1,
    )
    gini = three.sum(axis=-1, keepdims=True)
    share = np.divide(three, gini, out=np.zeros_like(three), where=gini > 0)
    return np.concatenate([gini, three, share], axis=-1)
