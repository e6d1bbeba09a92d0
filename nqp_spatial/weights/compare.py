"""What two weights matrices have in common, and what groups of units have."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.options import Range, Seed, checked
from nqp_spatial.core.resampling import batches, permutation_p
from nqp_spatial.errors import OptionError
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

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
    weights_a = as_weights(a)
    weights_b = as_weights(b).reordered(weights_a.units, "the first weights")
    first, second = weights_a.sparse, weights_b.sparse
    shared = (first != 0).multiply(second != 0).nnz
    union = first.nnz + second.nnz - shared
    facts: dict[str, float] = {
        "links_a": first.nnz,
        "links_b": second.nnz,
        "shared": shared,
        "only_a": first.nnz - shared,
        "only_b": second.nnz - shared,
        "jaccard": shared / union if union else np.nan,
    }
    # Moments over the union of links: a cell that only one matrix has is zero in the other.
    sums = np.array([first.sum(), second.sum()])
    cross = float(first.multiply(second).sum())
    squares = np.array([float((m.data**2).sum()) for m in (first, second)])
    variation = squares - sums**2 / max(union, 1)
    covariance = cross - sums[0] * sums[1] / max(union, 1)
    varied = (variation > 1e-12 * squares).all()
    facts["weight_correlation"] = covariance / np.sqrt(variation.prod()) if varied else np.nan
    facts["lag_similarity"] = cross / np.sqrt(squares.prod()) if squares.all() else np.nan
    if values is not None:
        lags = [np.asarray(w.lag(values), dtype=float).ravel() for w in (weights_a, weights_b)]
        facts["lag_correlation"] = float(np.corrcoef(lags[0], lags[1])[0, 1])
    return pd.Series(facts, name="comparison", dtype=float)


@checked
def compare_groups(
    weights: WeightsLike,
    group: pd.Series | Mapping[Any, Hashable],
    *,
    permutations: Annotated[int, Range(1, 999_999)] = 9999,
    seed: Seed = 0,
) -> pd.Series:
    """Compare the weights of pairs within groups with those of pairs between groups.

    The difference of the two means over all pairs i, j (i not j; a pair without a link weighs
    zero) is tested by random reassignment of groups to units.

    Parameters
    ----------
    weights : SpatialWeights, Graph or W
        Such as similarities; n units. Usually not row-standardised.
    group : Series or mapping
        Group of each unit, by unit.
    permutations : int
        Random reassignments.
    seed : int, optional

    Returns
    -------
    Series
        ``pairs_within``, ``pairs_between`` (ordered pairs), ``mean_within``, ``mean_between``,
        ``difference``, ``p_greater`` (of a difference at least as large) and ``p_two_sided``.

    Raises
    ------
    UnmatchedIdsError, PanelError, DuplicateKeysError
        If a unit has no group or several, or a group is given for an unknown unit.
    OptionError
        If there is one group only, or no pair within groups.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> plans = nq.datasets.industry_plans()
    >>> schemes = nq.datasets.region_schemes().set_index("province_en")
    >>> clusters = schemes.loc[schemes["scheme"] == "city_cluster", "region"]
    >>> w = nq.weights.similarity(plans.T, measure="jaccard", standardize="none")
    >>> comparison = nq.weights.compare_groups(w, clusters)
    >>> comparison[["mean_within", "mean_between"]].round(3).tolist()
    [0.389, 0.366]
    """
    from nqp_spatial.weights._numba import sums_within

    weights = as_weights(weights)
    groups = Groups.by_unit(weights.units, group)
    codes, sizes = groups.codes, groups.sizes
    n = len(codes)
    within = int((sizes * (sizes - 1)).sum())
    between = n * (n - 1) - within
    if not within or not between:
        raise OptionError(
            f"wanted pairs within and between groups, got {len(groups)} groups of sizes "
            f"{sorted(sizes.tolist(), reverse=True)[:5]}"
        )
    links = weights.sparse.tocoo()
    total = links.data.sum()

    def means(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        total_within = sums_within(labels, links.row, links.col, links.data)
        return total_within / within, (total - total_within) / between

    mean_within, mean_between = (float(mean[0]) for mean in means(codes[None, :]))
    observed = mean_within - mean_between
    rng = np.random.default_rng(seed)
    tie = 1e-12 * max(abs(observed), abs(total) / (n * n))
    greater = extreme = 0
    # A batch of reassignments at a time, so that memory grows with the links alone.
    for batch in batches(permutations, max(1, 5_000_000 // max(links.nnz, n))):
        copies = np.tile(codes, (batch.stop - batch.start, 1))
        simulated = np.subtract(*means(rng.permuted(copies, axis=1)))
        greater += int((simulated >= observed - tie).sum())
        extreme += int((np.abs(simulated) >= abs(observed) - tie).sum())
    return pd.Series(
        {
            "pairs_within": within,
            "pairs_between": between,
            "mean_within": mean_within,
            "mean_between": mean_between,
            "difference": observed,
            "p_greater": permutation_p(greater, permutations),
            "p_two_sided": permutation_p(extreme, permutations),
        },
        name="groups",
        dtype=float,
    )
