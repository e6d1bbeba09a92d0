"""How much two weights matrices have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.weights.spatial_weights import SpatialWeights, as_weights

if TYPE_CHECKING:
    from libpysal.graph import Graph
    from libpysal.weights import W

__all__ = ["compare"]


def compare(
    a: SpatialWeights | Graph | W,
    b: SpatialWeights | Graph | W,
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
        ``lag_correlation``.

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
