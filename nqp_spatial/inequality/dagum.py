"""`dagum`: the Gini coefficient within groups, between them, and of their overlap."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Level, Replications, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import batches, bootstrap_counts
from nqp_spatial.core.text import t
from nqp_spatial.core.weighted_sample import (
    WeightedSample,
    percentile_intervals,
    weighted_sample,
)
from nqp_spatial.inequality._numba import group_gaps

__all__ = ["DagumResult", "dagum"]

PARTS = ("within", "net_between", "transvariation")
COLUMNS = ("gini", *PARTS, *(f"{part}_share" for part in PARTS))
BATCH = 50  # bootstrap samples at once


@dataclass(frozen=True, repr=False, eq=False)
class DagumResult(Displayed):
    """Dagum's decomposition of the Gini coefficient, by period.

    Attributes
    ----------
    frame : DataFrame
        One row per period: ``gini``, ``within``, ``net_between``, ``transvariation`` (which add up
        to it) and ``within_share``, ``net_between_share``, ``transvariation_share``.
    within : DataFrame
        Gini coefficient within each group, periods by groups.
    between : DataFrame
        Gini coefficient between each pair of groups, periods by (group, other).
    distances : DataFrame
        Relative economic affluence D of each pair: 0 where the groups overlap fully, 1 where all
        units of one group are richer.
    contributions : DataFrame
        By period: ``part, group, other, value``; adds up to the coefficient.
    intervals : DataFrame or None
        By period: bounds of the coefficient, its parts and their shares, columns (name, "low" |
        "high").
    variable, group : str
    label : str
        Display label of the variable.
    level : float
        Of the intervals.
    spec : Spec
        ``variable, group, population, singletons, replications, level, seed``.
    notes : tuple of str
    tests : TestSet
        Empty.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> result = nq.inequality.dagum(cities, "nqp", group="region4")
    >>> parts = result.frame[["within", "net_between", "transvariation"]].sum(axis=1)
    >>> bool(abs(parts - result.frame["gini"]).max() < 1e-12)
    True
    """

    _figure: ClassVar[str] = "dagum"

    frame: pd.DataFrame
    within: pd.DataFrame
    between: pd.DataFrame
    distances: pd.DataFrame
    contributions: pd.DataFrame
    intervals: pd.DataFrame | None
    variable: str
    group: str
    label: str
    level: float
    spec: Spec
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)

    def _blocks(self) -> list[Block]:
        title = t(
            "Dagum's decomposition of {variable} by {group}",
            variable=self.variable, group=self.group,
        )  # fmt: skip
        return [title, self.frame]


@checked
def dagum(
    panel: SpatialPanel,
    variable: str,
    *,
    group: str | pd.Series,
    population: str | None = None,
    singletons: Literal["error", "keep"] = "error",
    replications: Replications = 0,
    level: Level = 0.95,
    seed: Seed = 0,
) -> DagumResult:
    """Decompose the Gini coefficient of each period by groups of units.

    ``G = sum_jh p_j p_h E|y_j - y_h| / (2 m)``. With p the shares of groups in the population, s in
    the total, G_jj and G_jh the coefficients within and between groups, ``D_jh = |m_j - m_h| /
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
    population : str, optional
        Column of the units' population; each unit has the same weight without it.
    singletons : {"error", "keep"}
        What to do with groups of one unit, within which the coefficient is zero.
    replications : int
        Bootstrap samples for intervals; units are drawn with all their periods, within groups.
    level : float
        Of the percentile intervals.
    seed : int, optional

    Returns
    -------
    DagumResult

    Raises
    ------
    DomainError
        If values are negative, or the population is not positive.
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
    >>> result = nq.inequality.dagum(cities, "nqp", group="region4", population="population")
    >>> result.within.columns.tolist()
    ['Central', 'East', 'Northeast', 'West']
    """
    data = weighted_sample(panel, variable, population, "non-negative", "the Gini coefficient")
    groups = Groups.by_unit(panel, group, singletons=singletons)
    order = np.argsort(data.values, axis=1, kind="stable")

    def decomposed(counts: np.ndarray) -> _Parts:
        gaps = group_gaps(data.values, order, groups.codes, data.weights, counts, len(groups))
        return _decomposed(*gaps)

    parts = decomposed(np.ones((1, panel.n_units)))
    intervals = None
    if replications:
        rng = np.random.default_rng(seed)
        counts = bootstrap_counts(rng, panel.n_units, replications, groups.codes)
        draws = [_totals(decomposed(counts[batch])) for batch in batches(replications, BATCH)]
        intervals = percentile_intervals(
            np.concatenate(draws).swapaxes(1, 2), level, data.periods, COLUMNS
        )
    return DagumResult(
        frame=pd.DataFrame(_totals(parts)[0], data.periods, list(COLUMNS)),
        **_tables(parts, data, groups.names),
        intervals=intervals,
        variable=variable,
        group=groups.name,
        label=panel.label(variable),
        level=level,
        spec=Spec(
            variable=variable, group=groups.name, population=population, singletons=singletons,
            replications=replications, level=level, seed=seed,
        ),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Parts:
    """Arrays of shape (samples, periods, groups, groups); net and overlap symmetric in the pair."""

    gini: np.ndarray
    distance: np.ndarray
    within: np.ndarray
    net: np.ndarray
    overlap: np.ndarray


def _decomposed(gaps: np.ndarray, means: np.ndarray, totals: np.ndarray) -> _Parts:
    """Return the parts from mean differences, means and weights of groups."""
    p = totals / totals.sum(axis=-1, keepdims=True)
    s = p * means / (p * means).sum(axis=-1, keepdims=True)
    sums = means[..., :, None] + means[..., None, :]
    gini = np.divide(gaps, sums, out=np.zeros_like(gaps), where=sums > 0)
    differences = np.abs(means[..., :, None] - means[..., None, :])
    # Two groups in which all values are equal: no differences, so none is richer.
    distance = np.divide(differences, gaps, out=np.zeros_like(gaps), where=gaps > 0)
    cross = p[..., :, None] * s[..., None, :]
    weight = cross + np.swapaxes(cross, -1, -2)
    within = gini * cross * np.eye(p.shape[-1])
    net = np.divide(differences, sums, out=np.zeros_like(gaps), where=sums > 0) * weight
    return _Parts(gini, np.minimum(distance, 1.0), within, net, gini * weight - net)


def _tables(parts: _Parts, data: WeightedSample, names: list[str]) -> dict[str, pd.DataFrame]:
    """Return the tables of groups and pairs, and what each contributes."""
    k, periods = len(names), data.periods
    diagonal = np.arange(k), np.arange(k)
    pairs = np.tril_indices(k, -1)
    pair_names = [(names[h], names[j]) for j, h in zip(*pairs, strict=True)]
    columns = pd.MultiIndex.from_tuples(pair_names, names=["group", "other"])
    rows = [("within", name, name) for name in names]
    rows += [(part, *pair) for part in PARTS[1:] for pair in pair_names]
    values = [parts.within[0][:, *diagonal], parts.net[0][:, *pairs], parts.overlap[0][:, *pairs]]
    contributions = pd.DataFrame(
        rows * len(periods),
        index=pd.Index(periods.repeat(len(rows)), name="period"),
        columns=["part", "group", "other"],
    ).assign(value=np.concatenate(values, axis=1).ravel())
    return {
        "within": pd.DataFrame(parts.gini[0][:, *diagonal], periods, names),
        "between": pd.DataFrame(parts.gini[0][:, *pairs], periods, columns),
        "distances": pd.DataFrame(parts.distance[0][:, *pairs], periods, columns),
        "contributions": contributions,
    }


def _totals(parts: _Parts) -> np.ndarray:
    """Return `COLUMNS`, shape (samples, periods, columns)."""
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
