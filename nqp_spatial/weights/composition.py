"""Weights made of weights: nested, and split by zones or groups."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from scipy import sparse

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.options import checked
from nqp_spatial.errors import OptionError
from nqp_spatial.weights.distance import links_of, part_of
from nqp_spatial.weights.spatial_weights import (
    SpatialWeights,
    Standardization,
    WeightsLike,
    WeightsSpec,
    as_weights,
    finish,
)

if TYPE_CHECKING:
    pass

__all__ = ["across", "nested", "partition", "within"]


@checked
def nested(
    a: WeightsLike,
    b: WeightsLike,
    *,
    share: float = 0.5,
    how: Literal["sum", "product"] = "sum",
    standardize: Standardization = "row",
) -> SpatialWeights:
    """Weights of two kinds at once: ``phi A + (1 - phi) B``, or ``A * B`` cell by cell.

    Parameters
    ----------
    a, b : SpatialWeights, Graph or W
        Of the same units, in any order; each is standardised the way it comes, and by rows where
        it comes raw.
    share : float
        phi, the share of the first in the sum.
    how : {"sum", "product"}
        The product keeps the links that both have.
    standardize : {"row", "spectral", "minmax", "none"}
        Of the result.

    Returns
    -------
    SpatialWeights
        In the order of `a`; units that a product leaves without neighbours are kept.

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
    if how not in ("sum", "product"):
        raise OptionError(f"how must be 'sum' or 'product', got {how!r}")
    if not 0 <= share <= 1:
        raise OptionError(f"share must lie between 0 and 1, got {share!r}")
    one = _standardized(as_weights(a))
    other = _standardized(as_weights(b)).reordered(one.units, "the first weights")
    if how == "sum":
        matrix = sparse.csr_array(share * one.sparse + (1 - share) * other.sparse)
        kind, parameters = "nested", {"share": share}
    else:
        matrix = sparse.csr_array(one.sparse.multiply(other.sparse))
        kind, parameters = "product", {}
    words = f"{kind} of [{one.spec.describe()}] and [{other.spec.describe()}]"
    spec = WeightsSpec(words, parameters)
    return finish(matrix, one.units, spec, standardize=standardize, islands="keep")


@checked
def within(
    weights: WeightsLike,
    zone: pd.Series | Mapping[Any, Hashable],
    *,
    standardize: Standardization = "none",
) -> SpatialWeights:
    """Weights of links that stay in a zone: ``w_ij`` if i and j are in the same zone.

    Parameters
    ----------
    weights : SpatialWeights, Graph or W
        The whole.
    zone : Series
        Zone of each unit, by unit; or a column of a panel, if it does not change over periods.
    standardize : {"none", "row", "spectral", "minmax"}
        By default weights stay as they are in the whole, so that `within` and `across` add up to
        it exactly. Anything else scales this part on its own.

    Returns
    -------
    SpatialWeights
        Units without such links are kept.

    Raises
    ------
    UnmatchedIdsError, PanelError
        If zones are missing for units, or change over periods.

    Examples
    --------
    >>> import nqp_spatial as nq, pandas as pd
    >>> w = nq.weights.contiguity(nq.datasets.us_income())
    >>> west = pd.Series(w.units.isin(["CA", "OR", "WA", "NV"]), w.units, name="west")
    >>> inside, outside = nq.weights.within(w, west), nq.weights.across(w, west)
    >>> (inside.sparse + outside.sparse != w.sparse).nnz
    0
    """
    return _by_zone(weights, zone, same=True, standardize=standardize)


@checked
def across(
    weights: WeightsLike,
    zone: pd.Series | Mapping[Any, Hashable],
    *,
    standardize: Standardization = "none",
) -> SpatialWeights:
    """Weights of links that cross a border: ``w_ij`` if i and j are in different zones.

    Parameters
    ----------
    weights, zone, standardize
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
    return _by_zone(weights, zone, same=False, standardize=standardize)


@checked
def partition(
    weights: WeightsLike,
    groups: pd.Series | Mapping[Any, Hashable],
    *,
    standardize: Standardization = "none",
) -> dict[tuple[Hashable, Hashable], SpatialWeights]:
    """Split weights by the groups of receiver and sender.

    Parameters
    ----------
    weights : SpatialWeights, Graph or W
        The whole.
    groups : Series
        Group of each unit, as `zone` in `within`.
    standardize : {"none", "row", "spectral", "minmax"}
        By default all parts keep the weights of the whole, and add up to it exactly.

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
    whole = as_weights(weights)
    parts = Groups.by_unit(whole.units, groups, at_least=1)
    codes, names = parts.codes, parts.labels
    rows, columns = links_of(whole.sparse)
    found: dict[tuple[Hashable, Hashable], SpatialWeights] = {}
    for a, receiver in enumerate(names):
        for b, sender in enumerate(names):
            kept = (codes[rows] == a) & (codes[columns] == b)
            kind = f"links from {sender} to {receiver} of {whole.spec.describe()}"
            found[receiver, sender] = _scaled(part_of(whole, kept, kind), standardize)
    return found


def _by_zone(
    weights: WeightsLike,
    zone: pd.Series | Mapping[Any, Hashable],
    *,
    same: bool,
    standardize: Standardization,
) -> SpatialWeights:
    whole = as_weights(weights)
    codes = Groups.by_unit(whole.units, zone, at_least=1).codes
    rows, columns = links_of(whole.sparse)
    label = getattr(zone, "name", None)
    name = f" of {label}" if label is not None else ""
    kind = f"links {'within' if same else 'across'} zones{name} of {whole.spec.describe()}"
    return _scaled(part_of(whole, (codes[rows] == codes[columns]) == same, kind), standardize)


def _scaled(part: SpatialWeights, standardize: Standardization) -> SpatialWeights:
    return part if standardize == "none" else part.standardize(standardize)


def _standardized(weights: SpatialWeights) -> SpatialWeights:
    return weights.standardize("row") if weights.spec.standardization == "none" else weights
