"""Join counts: whether neighbours have the same category more often than by chance."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement, product
from math import perm, prod
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse, stats

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.options import Permutations, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import (
    DomainError,
    MissingValuesError,
    PanelError,
    WeightsError,
    plain,
    sample,
)
from nqp_spatial.esda.moran import (
    BATCH_CELLS,
    Alternative,
    check_permutations,
    pseudo_p_values,
    z_values,
)
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["JoinCountsResult", "join_counts"]


@dataclass(frozen=True, repr=False, eq=False)
class JoinCountsResult(Displayed):
    """Joins between categories.

    Attributes
    ----------
    frame : DataFrame
        One row for each pair of categories (``first``, ``second``), one for all joins of ``same``
        and one of ``different`` categories: ``joins``, ``expected`` and ``std_dev`` if categories
        were dealt out at random, ``z`` (zero where joins cannot vary), ``p_normal`` (two-sided)
        and ``p_value`` (of the permutations, or ``p_normal`` without them).
    sizes : Series
        Units in each category.
    permutations : int
    seed : int or None
    alternative : str
    weights_spec : str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income().select(periods=[2009])
    >>> panel = panel.assign(rich=lambda d: d["relative_income"] > 1)
    >>> nq.esda.join_counts(panel, "rich", nq.weights.contiguity(panel), seed=0).sizes.to_dict()
    {False: 30, True: 18}
    """

    frame: pd.DataFrame
    sizes: pd.Series
    permutations: int
    seed: int | None
    alternative: str
    weights_spec: str

    def _blocks(self) -> list[Block]:
        test = f"{self.permutations} permutations" if self.permutations else "normal"
        return [f"Join counts, {self.weights_spec}, {test}", self.frame]


@checked
def join_counts(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike,
    *,
    period: Hashable | None = None,
    permutations: Permutations = 999,
    seed: Seed = None,
    alternative: Alternative = "two-sided",
) -> JoinCountsResult:
    """Count the joins within and between categories of a variable.

    ``J_rs = 1/2 sum_ij w_ij 1{(i in r and j in s) or (i in s and j in r)}``, with w_ij 1 where i
    and j are neighbours (1/2 where only one of them has the other), whatever the standardisation.

    Parameters
    ----------
    panel : SpatialPanel
        Complete in the variable; n units.
    variable : str
        A column of categories: text, true and false, or numbers with few values.
    weights : SpatialWeights, Graph or W
        Only which units are neighbours is used.
    period : hashable, optional
        May be left out for a cross-section.
    permutations : int
        Random relocations of units; 0 for none.
    seed : int, optional
    alternative : {"two-sided", "directed", "greater"}
        Of the permutation p-value, as in `moran`.

    Returns
    -------
    JoinCountsResult

    Raises
    ------
    MissingValuesError, DomainError
        If the variable has missing values, one category only, or more than 20.
    UnmatchedIdsError
        If ids of panel and weights differ.
    WeightsError
        If no unit has a neighbour.
    PanelError, OptionError, UnknownColumnError
        If the period is not named, there are fewer than four units, or an option is out of range.

    Notes
    -----
    Moments are those of sampling without replacement ("non-free"). Source: Cliff and Ord (1981),
    Spatial Processes, pp. 11-13 and 19-20.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income().select(periods=[2009])
    >>> panel = panel.assign(rich=lambda d: d["relative_income"] > 1)
    >>> result = nq.esda.join_counts(panel, "rich", nq.weights.contiguity(panel), seed=0)
    >>> result.frame[["joins", "expected", "p_value"]].round(2)
                      joins  expected  p_value
    first     second
    False     False    50.0     41.26     0.06
              True     40.0     51.22     0.05
    True      True     17.0     14.51     0.50
    same               67.0     55.78     0.05
    different          40.0     51.22     0.05
    """
    check_permutations(permutations, alternative)
    codes, names = _categories(panel, variable, period)
    w = as_weights(weights)
    matrix = w.aligned(panel.units)
    if panel.n_units < 4:
        raise PanelError(f"join counts need four units or more, the panel has {panel.n_units}")
    if not matrix.nnz:
        raise WeightsError("no unit has a neighbour; build other weights")
    pattern = sparse.csr_array((np.ones(matrix.nnz), matrix.indices, matrix.indptr), matrix.shape)
    joins = sparse.csr_array((pattern + pattern.T) / 2)
    sizes = np.bincount(codes, minlength=len(names))
    pairs = list(combinations_with_replacement(range(len(names)), 2))
    counted = _counted(joins, codes[:, None], len(names))
    frame = pd.DataFrame(
        {"joins": _with_sums(counted, pairs)[:, 0], **_moments(joins, sizes, pairs)},
        index=_index(names, pairs),
    )
    frame["z"] = z_values(frame["joins"] - frame["expected"], frame["std_dev"])
    frame["p_normal"] = 2 * stats.norm.sf(frame["z"].abs())
    frame["p_value"] = frame["p_normal"]
    if permutations:
        relocated = _relocated(joins, codes, pairs, permutations, seed)
        observed = frame["joins"].to_numpy()[:, None]
        frame["p_value"] = pseudo_p_values(
            (relocated >= observed - 1e-9).sum(axis=1),
            (relocated <= observed + 1e-9).sum(axis=1),
            permutations,
            alternative,
        )
    return JoinCountsResult(
        frame=frame,
        sizes=pd.Series(sizes, index=pd.Index(names, name=variable), name="units"),
        permutations=permutations,
        seed=seed,
        alternative=alternative,
        weights_spec=w.spec.describe(),
    )


def _categories(
    panel: SpatialPanel, variable: str, period: Hashable | None
) -> tuple[np.ndarray, list[Hashable]]:
    panel.require_columns([variable])
    if period is None:
        if panel.n_periods > 1:
            raise PanelError(
                f"the panel has {panel.n_periods} periods: name one, as in "
                f"period={panel.periods.tolist()[-1]!r}"
            )
        period = panel.periods[0]
    period = panel.period(period)
    values = panel.frame[variable].xs(period, level="period").reindex(panel.units)
    if values.isna().any():
        raise MissingValuesError(
            f"{variable!r} has no value in {period!r} for units "
            f"{sample(panel.units[values.isna()])}; drop these units (panel.select) or fill them"
        )
    kinds = {type(plain(value)).__name__ for value in values.unique()}
    if len(kinds) > 1 and not kinds <= {"int", "float", "bool"}:
        raise DomainError(
            f"categories of {variable!r} are of several types ({', '.join(sorted(kinds))}): "
            "convert them to one"
        )
    codes, found = pd.factorize(values, sort=True)
    names = pd.Index(found).tolist()
    if not 2 <= len(names) <= 20:
        raise DomainError(
            f"join counts need 2 to 20 categories, {variable!r} has {len(names)}: "
            f"{sample(pd.Index(names))}; cut numbers into classes first"
        )
    return np.asarray(codes), names


def _relocated(
    joins: sparse.csr_array,
    codes: np.ndarray,
    pairs: list[tuple[int, int]],
    permutations: int,
    seed: int | None,
) -> np.ndarray:
    """Return the counts of relocated categories, shape (rows, permutations)."""
    rng = np.random.default_rng(seed)
    size = max(1, BATCH_CELLS // len(codes))
    batches = []
    for start in range(0, permutations, size):
        count = min(size, permutations - start)
        moved = rng.permuted(np.tile(codes, (count, 1)), axis=1).T
        batches.append(_with_sums(_counted(joins, moved, int(codes.max()) + 1), pairs))
    return np.concatenate(batches, axis=1)


def _index(names: list[Hashable], pairs: list[tuple[int, int]]) -> pd.MultiIndex:
    rows: list[tuple[Hashable, Hashable]] = [(names[r], names[s]) for r, s in pairs]
    return pd.MultiIndex.from_tuples(
        [*rows, ("same", ""), ("different", "")], names=["first", "second"]
    )


def _counted(joins: sparse.csr_array, codes: np.ndarray, count: int) -> np.ndarray:
    """Return J_rs of each column of codes, shape (count, count, draws); J_rs = J_sr."""
    draws = codes.shape[1]
    found = np.empty((count, count, draws))
    for r in range(count):
        received = joins @ (codes == r).astype(float)
        for s in range(r + 1):
            total = (received * (codes == s)).sum(axis=0)
            found[r, s] = found[s, r] = total / 2 if r == s else total
    return found


def _with_sums(counted: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Return the counts of pairs, then of same and of different categories, (rows, draws)."""
    one = np.array([counted[r, s] for r, s in pairs])
    same = np.array([r == s for r, s in pairs])
    return np.vstack([one, one[same].sum(axis=0), one[~same].sum(axis=0)])


def _moments(
    joins: sparse.csr_array, sizes: np.ndarray, pairs: list[tuple[int, int]]
) -> dict[str, np.ndarray]:
    """Return means and standard deviations under sampling without replacement.

    With a symmetric w, two joins have both ends, one end or no end in common; their numbers are
    S1/2, S2 - 2 S1 and S0^2 + S1 - S2. What is left is the chance that two, three or four different
    units have the categories asked for.
    """
    n = int(sizes.sum())
    s0 = joins.sum()
    s1 = 2 * joins.power(2).sum()
    s2 = 4 * (np.asarray(joins.sum(axis=1)) ** 2).sum()
    both, one, none = s1, s2 - 2 * s1, s0**2 + s1 - s2

    @cache
    def chance_of(units: tuple[int, ...]) -> float:
        ways = [perm(int(sizes[r]), units.count(r)) for r in set(units)]
        return prod(ways) / perm(n, len(units))

    def chance(*units: int) -> float:
        """Return the chance that different units have these categories."""
        return chance_of(tuple(sorted(units)))

    def second(a: tuple[int, int], b: tuple[int, int]) -> float:
        """Return E[J_a J_b], from J = 1/2 sum over ordered pairs (i, j) of w_ij g(i, j)."""
        total = 0.0
        for (i, j), (k, m) in product(_orders(a), _orders(b)):
            total += none * chance(i, j, k, m)
            # One end in common, in four ways of equal weight: it must have one category.
            for end, same, left, right in ((i, k, j, m), (i, m, j, k), (j, k, i, m), (j, m, i, k)):
                total += one / 4 * chance(end, left, right) * (end == same)
            # Both ends in common, straight or crossed.
            total += both / 2 * chance(i, j) * (((i, j) == (k, m)) + ((i, j) == (m, k)))
        return total / 4

    every = [[pair] for pair in pairs]
    every += [[p for p in pairs if p[0] == p[1]], [p for p in pairs if p[0] != p[1]]]
    mean = np.array(
        [
            sum(s0 / 2 * sum(chance(*order) for order in _orders(p)) for p in group)
            for group in every
        ]
    )
    square = np.array([sum(second(a, b) for a in group for b in group) for group in every])
    variance = square - mean**2
    # What rounding leaves where joins cannot vary, as with links between all units.
    variance[variance <= 1e-12 * mean**2] = 0.0
    return {"expected": mean, "std_dev": np.sqrt(variance)}


def _orders(pair: tuple[int, int]) -> set[tuple[int, int]]:
    return {pair, pair[::-1]}
