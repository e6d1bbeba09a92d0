"""`join_counts`: whether neighbours share a category more often than expected by chance."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement, product
from math import perm, prod

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.groups import group_labels, group_name
from nqp_spatial.core.inference import HypothesisTest, TestSet, two_sided_p
from nqp_spatial.core.options import Permutations, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import permutation_p
from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import (
    DomainError,
    MissingValuesError,
    PanelError,
    WeightsError,
    plain,
    sample,
)
from nqp_spatial.esda._association import (
    Alternative,
    chosen_period,
    island_notes,
    permutations_rule,
    z_values,
)
from nqp_spatial.esda._global import Pairs, Relocated
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["JoinCountsResult", "join_counts"]


@dataclass(frozen=True, repr=False, eq=False)
class JoinCountsResult(Displayed):
    """Joins between categories.

    Attributes
    ----------
    frame : DataFrame
        One row per pair of categories (``first``, ``second``), one for all joins of the ``same``
        and one of ``different`` categories: ``joins``, ``expected`` and ``std_dev`` under random
        assignment of categories, ``z`` (zero where joins cannot vary), ``p_normal`` (two-sided)
        and ``p_value`` (of the permutations, or ``p_normal`` without them).
    sizes : Series
        Units in each category.
    variable : str
    period : hashable
    spec : Spec
        ``variable, weights, period, permutations, seed, alternative``.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income().select(periods=[2009])
    >>> panel = panel.assign(rich=lambda d: d["relative_income"] > 1)
    >>> nq.esda.join_counts(panel, "rich", nq.weights.contiguity(panel), seed=0).sizes.to_dict()
    {False: 30, True: 18}
    """

    _figure = "join_counts"

    frame: pd.DataFrame
    sizes: pd.Series
    variable: str
    period: Hashable
    spec: Spec
    notes: tuple[str, ...] = ()

    @property
    def tests(self) -> TestSet:
        """``same``: whether neighbours share a category more or less often than by chance."""
        row = self.frame.loc[("same", "")]
        permuted = bool(self.spec.permutations)
        test = HypothesisTest(
            t("joins of the same category"),
            t("categories are assigned to units at random"),
            float(row["joins"] if permuted else row["z"]),
            "permutation" if permuted else "normal",
            None,
            float(row["p_value"]),
            self._rule(),
        )
        return TestSet({"same": test})

    def _rule(self) -> Message:
        if self.spec.permutations:
            return permutations_rule(self.spec)
        return t("normal approximation, two-sided")

    def _blocks(self) -> list[Block]:
        title = t(
            "Join counts of {variable}, period {period}; {weights}",
            variable=self.variable, period=str(self.period), weights=self.spec.weights,
        )  # fmt: skip
        return [title, self.frame, t("p_value: {rule}", rule=self._rule()), *notes_of(self.notes)]


@checked
def join_counts(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike,
    *,
    period: Hashable | None = None,
    permutations: Permutations = 999,
    seed: Seed = 0,
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
        Whether units are neighbours counts, not the size of their weight.
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
              True     40.0     51.22     0.04
    True      True     17.0     14.51     0.49
    same               67.0     55.78     0.04
    different          40.0     51.22     0.04
    """
    period = chosen_period(panel, period)
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
    frame["p_normal"] = two_sided_p(frame["z"])
    frame["p_value"] = frame["p_normal"]
    if permutations:
        relocated = _relocated(joins, codes, pairs, Relocated(permutations, seed, alternative))
        observed = frame["joins"].to_numpy()[:, None]
        above = (relocated >= observed - 1e-9).sum(axis=1)
        below = (relocated <= observed + 1e-9).sum(axis=1)
        frame["p_value"] = permutation_p(above, permutations, alternative, below)
    return JoinCountsResult(
        frame=frame,
        sizes=pd.Series(sizes, index=pd.Index(names, name=variable), name="units"),
        variable=variable,
        period=period,
        spec=Spec(
            variable=variable, weights=w, period=period, permutations=permutations, seed=seed,
            alternative=alternative,
        ),
        notes=island_notes(w),
    )  # fmt: skip


def _categories(
    panel: SpatialPanel, variable: str, period: Hashable
) -> tuple[np.ndarray, list[Hashable]]:
    """Return the number of each unit's category, and the categories."""
    panel.require_columns([variable])
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
    codes, categories = pd.factorize(values, sort=True)
    names: list[Hashable] = pd.Index(categories).tolist()
    if not 2 <= len(names) <= 20:
        raise DomainError(
            f"join counts need 2 to 20 categories, {variable!r} has {len(names)}: "
            f"{sample(pd.Index(names))}; cut numbers into classes first"
        )
    if all(isinstance(name, float) and name.is_integer() for name in names):
        names = [int(name) for name in names if isinstance(name, float)]  # 0 and 1, not 0.0 and 1.0
    _, words = group_labels(panel, variable)
    return np.asarray(codes), [words.get(group_name(name), name) for name in names]


def _relocated(
    joins: sparse.csr_array,
    codes: np.ndarray,
    pairs: list[tuple[int, int]],
    relocated: Relocated,
) -> np.ndarray:
    """Return the counts of relocated categories, shape (rows, permutations)."""
    from nqp_spatial.esda._numba import relocated_joins

    (rows, columns, weights), categories = Pairs.of(joins).links, int(codes.max()) + 1
    counted = relocated.in_batches(
        lambda *part: relocated_joins(
            rows, columns, weights / 2, codes.astype(np.int32), categories, *part
        ),
        len(codes),
    ).reshape(-1, categories, categories)
    # A pair of different categories counts in both orders.
    joined = counted + counted.transpose(0, 2, 1) * ~np.eye(categories, dtype=bool)
    return _with_sums(joined.transpose(1, 2, 0), pairs)


def _index(names: list[Hashable], pairs: list[tuple[int, int]]) -> pd.MultiIndex:
    rows: list[tuple[Hashable, Hashable]] = [(names[r], names[s]) for r, s in pairs]
    return pd.MultiIndex.from_tuples(
        [*rows, ("same", ""), ("different", "")], names=["first", "second"]
    )


def _counted(joins: sparse.csr_array, codes: np.ndarray, count: int) -> np.ndarray:
    """Return J_rs of each column of codes, shape (count, count, draws); J_rs = J_sr."""
    counts = np.empty((count, count, codes.shape[1]))
    for r in range(count):
        received = joins @ (codes == r).astype(float)
        for s in range(r + 1):
            total = (received * (codes == s)).sum(axis=0)
            counts[r, s] = counts[s, r] = total / 2 if r == s else total
    return counts


def _with_sums(counted: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Return the counts of pairs, then of same and of different categories, (rows, draws)."""
    counts = np.array([counted[r, s] for r, s in pairs])
    same = np.array([r == s for r, s in pairs])
    return np.vstack([counts, counts[same].sum(axis=0), counts[~same].sum(axis=0)])


def _moments(
    joins: sparse.csr_array, sizes: np.ndarray, pairs: list[tuple[int, int]]
) -> dict[str, np.ndarray]:
    """Return means and standard deviations under sampling without replacement.

    With a symmetric w, two joins have both ends, one end or no end in common; their numbers are
    S1/2, S2 - 2 S1 and S0^2 + S1 - S2. The other factor is the probability that two, three or four
    different units have the given categories.
    """
    n = int(sizes.sum())
    s0 = joins.sum()
    s1 = 2 * joins.power(2).sum()
    s2 = 4 * (np.asarray(joins.sum(axis=1)) ** 2).sum()
    two_ends, one_end, no_end = s1, s2 - 2 * s1, s0**2 + s1 - s2

    @cache
    def chance_of(units: tuple[int, ...]) -> float:
        ways = [perm(int(sizes[r]), units.count(r)) for r in set(units)]
        return prod(ways) / perm(n, len(units))

    def chance(*units: int) -> float:
        """Return the probability that different units have these categories."""
        return chance_of(tuple(sorted(units)))

    def second_moment(a: tuple[int, int], b: tuple[int, int]) -> float:
        """Return E[J_a J_b], from J = 1/2 sum over ordered pairs (i, j) of w_ij g(i, j)."""
        total = 0.0
        for (i, j), (k, m) in product(_orders(a), _orders(b)):
            total += no_end * chance(i, j, k, m)
            # One end in common, in four ways of equal weight: it must have one category.
            for end, other, first, second in (
                (i, k, j, m), (i, m, j, k), (j, k, i, m), (j, m, i, k)
            ):  # fmt: skip
                total += one_end / 4 * chance(end, first, second) * (end == other)
            # Both ends in common, straight or crossed.
            total += two_ends / 2 * chance(i, j) * (((i, j) == (k, m)) + ((i, j) == (m, k)))
        return total / 4

    rows = [[pair] for pair in pairs]
    rows += [[p for p in pairs if p[0] == p[1]], [p for p in pairs if p[0] != p[1]]]
    mean = np.array(
        [sum(s0 / 2 * sum(chance(*order) for order in _orders(p)) for p in row) for row in rows]
    )
    square = np.array([sum(second_moment(a, b) for a in row for b in row) for row in rows])
    variance = square - mean**2
    # Rounding errors where joins cannot vary, as with links between all units.
    variance[variance <= 1e-12 * mean**2] = 0.0
    return {"expected": mean, "std_dev": np.sqrt(variance)}


def _orders(pair: tuple[int, int]) -> set[tuple[int, int]]:
    return {pair, pair[::-1]}
