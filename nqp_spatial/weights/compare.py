"""What two weights matrices have in common, and what groups of units have."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import Permutations, Seed, checked
from nqp_spatial.errors import OptionError, UnmatchedIdsError, sample
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["compare", "compare_groups"]


@checked
def compare(
    a: WeightsLike,
    b: WeightsLike,
    values: pd.Series | pd.DataFrame | None = None,
) -> pd.Series:
    """Compare two weights matrices: the links they share, and how alike their lags are.

    Parameters
    ----------
    a, b : SpatialWeights, Graph or W
        Of the same units, in any order.
    values : Series or DataFrame, optional
        By unit (and columns of periods): correlation of its lags under the one and the other,
        over all cells.

    Returns
    -------
    Series
        ``links_a, links_b, shared, only_a, only_b``; ``jaccard``, the share of all links that both
        have; ``weight_correlation`` over the links that either has; ``lag_similarity``,
        ``tr(A'B) / sqrt(tr(A'A) tr(B'B))``, the cosine of Ax and Bx for white noise x; with values,
        ``lag_correlation``. What has no scale is missing: correlations of weights or lags that do
        not vary, shares of matrices without links.

    Raises
    ------
    UnmatchedIdsError
        If the units differ.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> queen, rook = nq.weights.contiguity(panel), nq.weights.contiguity(panel, kind="rook")
    >>> nq.weights.compare(queen, rook)[["links_a", "links_b", "shared"]].tolist()
    [214.0, 210.0, 210.0]
    """
    one = as_weights(a)
    other = as_weights(b).reordered(one.units, "the first weights")
    first, second = one.sparse, other.sparse
    shared = (first != 0).multiply(second != 0).nnz
    union = first.nnz + second.nnz - shared
    found: dict[str, float] = {
        "links_a": first.nnz,
        "links_b": second.nnz,
        "shared": shared,
        "only_a": first.nnz - shared,
        "only_b": second.nnz - shared,
        "jaccard": shared / union if union else np.nan,
    }
    # Moments over the union: cells that neither has are not counted, the rest of them are zero.
    sums = np.array([first.sum(), second.sum()])
    cross = float(first.multiply(second).sum())
    squares = np.array([float((m.data**2).sum()) for m in (first, second)])
    spread = squares - sums**2 / max(union, 1)
    covariance = cross - sums[0] * sums[1] / max(union, 1)
    varied = (spread > 1e-12 * squares).all()
    found["weight_correlation"] = covariance / np.sqrt(spread.prod()) if varied else np.nan
    found["lag_similarity"] = cross / np.sqrt(squares.prod()) if squares.all() else np.nan
    if values is not None:
        lags = [np.asarray(w.lag(values), dtype=float).ravel() for w in (one, other)]
        found["lag_correlation"] = float(np.corrcoef(lags[0], lags[1])[0, 1])
    return pd.Series(found, name="comparison", dtype=float)


@checked
def compare_groups(
    weights: WeightsLike,
    groups: pd.Series,
    *,
    permutations: Permutations = 9999,
    seed: Seed = None,
) -> pd.Series:
    """Compare the weights of pairs within groups with those of pairs between groups.

    The difference of the two means over all pairs i, j (i not j; a pair without a link weighs
    zero) is tested by dealing the groups out anew among the units.

    Parameters
    ----------
    weights : SpatialWeights, Graph or W
        Such as similarities; n units. Usually not row-standardised.
    groups : Series
        Group of each unit, indexed by unit.
    permutations : int
        Random relabellings.
    seed : int, optional

    Returns
    -------
    Series
        ``pairs_within``, ``pairs_between`` (ordered pairs), ``mean_within``, ``mean_between``,
        ``difference``, ``p_greater`` (of a difference at least as large) and ``p_two_sided``.

    Raises
    ------
    UnmatchedIdsError
        If a unit has no group, or a group is given for an unknown unit.
    OptionError
        If there is one group only, or no pair within groups.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> plans = nq.datasets.industry_plans()
    >>> schemes = nq.datasets.region_schemes().set_index("province_en")
    >>> clusters = schemes.loc[schemes["scheme"] == "city_cluster", "region"]
    >>> w = nq.weights.similarity(plans.T, measure="jaccard", standardize="none")
    >>> found = nq.weights.compare_groups(w, clusters, seed=0)
    >>> found[["mean_within", "mean_between"]].round(3).tolist()
    [0.389, 0.366]
    """
    given = as_weights(weights)
    if permutations < 1:
        raise OptionError(
            f"permutations must be a whole number from 1, got {permutations!r}; the test is by "
            "permutations"
        )
    if not isinstance(groups, pd.Series):
        raise OptionError(
            f"groups must be a Series by unit, got {type(groups).__name__}, which has no ids"
        )
    if groups.index.has_duplicates:
        raise OptionError(
            f"units have more than one group: "
            f"{sample(groups.index[groups.index.duplicated()].unique())}; pass the groups of one "
            "period"
        )
    check_same_ids(
        groups.index,
        given.units,
        our_name="groups",
        their_name="weights",
        advice="give one group for each unit of the weights",
    )
    if groups.isna().any():
        raise UnmatchedIdsError(
            f"units without a group: {sample(groups.index[groups.isna()])}; name one for each, or "
            "take a subset of the weights"
        )
    if not groups.map(lambda group: isinstance(group, Hashable)).all():
        raise OptionError(f"groups must be single values, got {sample(groups.head(1))}")
    codes, names = pd.factorize(groups.reindex(given.units))
    n = len(codes)
    sizes = np.bincount(codes)
    within = int((sizes * (sizes - 1)).sum())
    between = n * (n - 1) - within
    if not within or not between:
        raise OptionError(
            f"wanted pairs within and between groups, got {len(names)} groups of sizes "
            f"{sorted(sizes.tolist(), reverse=True)[:5]}"
        )
    links = given.sparse.tocoo()
    total = links.data.sum()

    def difference(labels: np.ndarray) -> np.ndarray:
        same = labels[..., links.row] == labels[..., links.col]
        inside = (same * links.data).sum(axis=-1)
        return np.asarray(inside / within - (total - inside) / between)

    observed = float(difference(codes))
    rng = np.random.default_rng(seed)
    # A batch of relabellings at a time, so that memory grows with the links alone.
    batch = max(1, 5_000_000 // max(links.nnz, n))
    drawn = np.concatenate(
        [
            difference(rng.permuted(np.tile(codes, (min(batch, permutations - start), 1)), axis=1))
            for start in range(0, permutations, batch)
        ]
    )
    tie = 1e-12 * max(abs(observed), abs(total) / (n * n))
    greater = (drawn >= observed - tie).sum()
    extreme = (np.abs(drawn) >= abs(observed) - tie).sum()
    inside = (codes[links.row] == codes[links.col]) @ links.data
    return pd.Series(
        {
            "pairs_within": within,
            "pairs_between": between,
            "mean_within": inside / within,
            "mean_between": (total - inside) / between,
            "difference": observed,
            "p_greater": (1 + greater) / (1 + permutations),
            "p_two_sided": (1 + extreme) / (1 + permutations),
        },
        name="groups",
        dtype=float,
    )
