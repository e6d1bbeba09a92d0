"""Weights made of weights: nested, and split by zones or groups."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import checked
from nqp_spatial.errors import OptionError, PanelError, sample
from nqp_spatial.weights.distance import links_of, part_of
from nqp_spatial.weights.spatial_weights import (
    SpatialWeights,
    Standardization,
    WeightsSpec,
    as_weights,
    finish,
)

if TYPE_CHECKING:
    from libpysal.graph import Graph
    from libpysal.weights import W

__all__ = ["across", "group_codes", "nested", "partition", "within"]


@checked
def nested(
    a: SpatialWeights | Graph | W,
    b: SpatialWeights | Graph | W,
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
    weights: SpatialWeights | Graph | W,
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
    weights: SpatialWeights | Graph | W,
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
    weights: SpatialWeights | Graph | W,
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
    codes, names = group_codes(whole, groups)
    rows, columns = links_of(whole.sparse)
    found: dict[tuple[Hashable, Hashable], SpatialWeights] = {}
    for a, receiver in enumerate(names):
        for b, sender in enumerate(names):
            kept = (codes[rows] == a) & (codes[columns] == b)
            kind = f"links from {sender} to {receiver} of {whole.spec.describe()}"
            found[receiver, sender] = _scaled(part_of(whole, kept, kind), standardize)
    return found


def _by_zone(
    weights: SpatialWeights | Graph | W,
    zone: pd.Series | Mapping[Any, Hashable],
    *,
    same: bool,
    standardize: Standardization,
) -> SpatialWeights:
    whole = as_weights(weights)
    codes, _ = group_codes(whole, zone)
    rows, columns = links_of(whole.sparse)
    label = getattr(zone, "name", None)
    name = f" of {label}" if label is not None else ""
    kind = f"links {'within' if same else 'across'} zones{name} of {whole.spec.describe()}"
    return _scaled(part_of(whole, (codes[rows] == codes[columns]) == same, kind), standardize)


def _scaled(part: SpatialWeights, standardize: Standardization) -> SpatialWeights:
    return part if standardize == "none" else part.standardize(standardize)


def _standardized(weights: SpatialWeights) -> SpatialWeights:
    return weights.standardize("row") if weights.spec.standardization == "none" else weights


def group_codes(
    weights: SpatialWeights, groups: pd.Series | Mapping[Any, Hashable]
) -> tuple[np.ndarray, list[Hashable]]:
    """Return the number of each unit's group, in the order of the weights, and the groups."""
    if not isinstance(groups, pd.Series | Mapping):
        raise OptionError(
            f"groups must be a Series by unit, such as panel.at(2020)['province'], "
            f"got {type(groups).__name__}"
        )
    series = pd.Series(groups)
    if isinstance(series.index, pd.MultiIndex):
        wide = series.unstack(1)
        first = wide.iloc[:, 0]
        several = (
            wide.ne(wide.bfill(axis=1).iloc[:, 0], axis=0).mask(wide.isna(), False).any(axis=1)
        )
        if several.any():
            raise PanelError(
                f"units change their group over periods: {sample(several.index[several])}; "
                "pass the groups of one period"
            )
        series = first
    if series.index.has_duplicates:
        raise PanelError(
            f"units have more than one group: "
            f"{sample(series.index[series.index.duplicated()].unique())}; pass one for each"
        )
    check_same_ids(
        series.index, weights.units, our_name="groups", their_name="weights",
        advice="give every unit of the weights a group",
    )  # fmt: skip
    ordered = series.reindex(weights.units)
    if ordered.isna().any():
        raise PanelError(
            f"units have no group: {sample(ordered.index[ordered.isna()])}; give each one"
        )
    if not ordered.map(lambda group: isinstance(group, Hashable)).all():
        raise PanelError(f"groups must be single values, got {sample(ordered.head(1))}")
    codes, names = pd.factorize(ordered, sort=True)
    return codes, list(names)
