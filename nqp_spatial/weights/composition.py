"""Weights made of weights: nested, and split by groups."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Literal, TypeAlias

import pandas as pd
from scipy import sparse

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.options import Share, checked
from nqp_spatial.core.text import t
from nqp_spatial.weights.distance import links_of, part_of
from nqp_spatial.weights.spatial_weights import (
    SpatialWeights,
    Standardization,
    WeightsLike,
    WeightsSpec,
    as_weights,
    build,
)

__all__ = ["across", "nested", "partition", "within"]

GroupByUnit: TypeAlias = pd.Series | Mapping[Any, Hashable]


@checked
def nested(
    a: WeightsLike,
    b: WeightsLike,
    *,
    share: Share = 0.5,
    how: Literal["sum", "product"] = "sum",
    standardize: Standardization = "row",
) -> SpatialWeights:
    """Weights of two kinds at once: ``phi A + (1 - phi) B``, or ``A * B`` cell by cell.

    Parameters
    ----------
    a, b : SpatialWeights, Graph or W
        Of the same units, in any order; their standardisation is kept; raw weights are
        row-standardised.
    share : float
        phi, the share of the first in the sum.
    how : {"sum", "product"}
        The product keeps the links that both have.
    standardize : {"row", "spectral", "minmax", "none"}
        Of the result.

    Returns
    -------
    SpatialWeights
        In the order of `a`; units without neighbours in a product are kept.

    Raises
    ------
    UnmatchedIdsError
        If the units differ.
    OptionError
        If the share is not between 0 and 1, or `how` is unknown.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> near, rich = nq.weights.contiguity(panel), nq.weights.economic(panel, "income")
    >>> nq.weights.nested(near, rich, share=0.7).rows_add_to_one
    True
    """
    first = _scaled_by_rows(as_weights(a))
    second = _scaled_by_rows(as_weights(b)).reordered(first.units, "the first weights")
    names = {"first": first.spec.words, "second": second.spec.words}
    if how == "sum":
        matrix = sparse.csr_array(share * first.sparse + (1 - share) * second.sparse)
        spec = WeightsSpec(t("weighted sum of [{first}] and [{second}]", **names), {"share": share})
    else:
        matrix = sparse.csr_array(first.sparse.multiply(second.sparse))
        spec = WeightsSpec(t("product of [{first}] and [{second}]", **names))
    return build(matrix, first.units, spec, standardize=standardize, islands="keep")


@checked
def within(
    weights: WeightsLike,
    group: GroupByUnit,
    *,
    standardize: Standardization = "none",
) -> SpatialWeights:
    """Weights of links within groups: ``w_ij`` if i and j are in the same group.

    Parameters
    ----------
    weights : SpatialWeights, Graph or W
        The weights to split.
    group : Series or mapping
        Group of each unit, by unit; or a column of a panel, if it does not change over periods.
    standardize : {"none", "row", "spectral", "minmax"}
        By default weights stay unchanged, so that `within` and `across` add up to the original
        matrix exactly. Anything else scales this part separately.

    Returns
    -------
    SpatialWeights
        Units without such links are kept.

    Raises
    ------
    UnmatchedIdsError, PanelError
        If groups are missing for units, or change over periods.

    Examples
    --------
    >>> import nqp_spatial as nq, pandas as pd
    >>> w = nq.weights.contiguity(nq.datasets.us_income())
    >>> west = pd.Series(w.units.isin(["CA", "OR", "WA", "NV"]), w.units, name="west")
    >>> within, across = nq.weights.within(w, west), nq.weights.across(w, west)
    >>> (within.sparse + across.sparse != w.sparse).nnz
    0
    """
    return _by_group(weights, group, same=True, standardize=standardize)


@checked
def across(
    weights: WeightsLike,
    group: GroupByUnit,
    *,
    standardize: Standardization = "none",
) -> SpatialWeights:
    """Weights of links between groups: ``w_ij`` if i and j are in different groups.

    Parameters
    ----------
    weights, group, standardize
        As in `within`.

    Returns
    -------
    SpatialWeights
        Units without such links are kept.

    Raises
    ------
    UnmatchedIdsError, PanelError
        As in `within`.

    Examples
    --------
    >>> import nqp_spatial as nq, pandas as pd
    >>> w = nq.weights.contiguity(nq.datasets.us_income())
    >>> west = pd.Series(w.units.isin(["CA", "OR", "WA", "NV"]), w.units, name="west")
    >>> nq.weights.across(w, west).n_links
    12
    """
    return _by_group(weights, group, same=False, standardize=standardize)


@checked
def partition(
    weights: WeightsLike,
    group: GroupByUnit,
    *,
    standardize: Standardization = "none",
) -> dict[tuple[Hashable, Hashable], SpatialWeights]:
    """Split weights by the groups of receiver and sender.

    Parameters
    ----------
    weights : SpatialWeights, Graph or W
        The weights to split.
    group : Series or mapping
        Group of each unit, as in `within`.
    standardize : {"none", "row", "spectral", "minmax"}
        By default weights stay unchanged, so that the parts add up to the original matrix exactly.

    Returns
    -------
    dict
        ``(receiver_group, sender_group)`` to SpatialWeights, every pair of groups.

    Raises
    ------
    UnmatchedIdsError, PanelError
        As in `within`.

    Examples
    --------
    >>> import nqp_spatial as nq, pandas as pd
    >>> w = nq.weights.contiguity(nq.datasets.us_income())
    >>> core = pd.Series(w.units.isin(["NY", "CA", "IL"]), w.units)
    >>> sorted(nq.weights.partition(w, core))
    [(False, False), (False, True), (True, False), (True, True)]
    """
    original = as_weights(weights)
    groups = Groups.by_unit(original.units, group, at_least=1)
    rows, columns = links_of(original.sparse)
    parts: dict[tuple[Hashable, Hashable], SpatialWeights] = {}
    for i, receiver in enumerate(groups.labels):
        for j, sender in enumerate(groups.labels):
            mask = (groups.codes[rows] == i) & (groups.codes[columns] == j)
            kind = t(
                "links from {sender} to {receiver} of {weights}",
                sender=groups.names[j], receiver=groups.names[i], weights=original.spec.words,
            )  # fmt: skip
            parts[receiver, sender] = _scaled(part_of(original, mask, kind), standardize)
    return parts


def _by_group(
    weights: WeightsLike, group: GroupByUnit, *, same: bool, standardize: Standardization
) -> SpatialWeights:
    original = as_weights(weights)
    codes = Groups.by_unit(original.units, group, at_least=1).codes
    rows, columns = links_of(original.sparse)
    name, words = getattr(group, "name", None), original.spec.words
    if name is None:
        kind = (
            t("links within groups of {weights}", weights=words)
            if same
            else t("links between groups of {weights}", weights=words)
        )
    else:
        kind = (
            t("links within the same {group} of {weights}", group=str(name), weights=words)
            if same
            else t("links between different {group} of {weights}", group=str(name), weights=words)
        )
    mask = (codes[rows] == codes[columns]) == same
    return _scaled(part_of(original, mask, kind), standardize)


def _scaled(part: SpatialWeights, standardize: Standardization) -> SpatialWeights:
    return part if standardize == "none" else part.standardize(standardize)


def _scaled_by_rows(weights: SpatialWeights) -> SpatialWeights:
    return weights.standardize("row") if weights.spec.standardization == "none" else weights
