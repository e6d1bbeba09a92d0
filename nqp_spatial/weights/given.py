"""Weights that the caller already has: edge lists, dense tables, libpysal objects."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.errors import UnknownColumnError, UnmatchedIdsError, WeightsError, sample
from nqp_spatial.weights.spatial_weights import (
    Islands,
    SpatialWeights,
    Standardization,
    WeightsSpec,
    as_weights,
    finish,
)

if TYPE_CHECKING:
    from libpysal.graph import Graph
    from libpysal.weights import W

__all__ = ["from_dense", "from_edges", "from_pysal"]


def from_edges(
    frame: pd.DataFrame,
    *,
    focal: str = "focal",
    neighbor: str = "neighbor",
    weight: str | None = None,
    units: Iterable[Hashable] | None = None,
    islands: Islands = "error",
    standardize: Standardization = "none",
) -> SpatialWeights:
    """Weights from a list of links, as they are.

    Parameters
    ----------
    frame : DataFrame
        One row a link; `focal` receives, `neighbor` sends.
    focal, neighbor : str
        Columns of ids.
    weight : str, optional
        Column of weights; one for every link if not given.
    units : iterable, optional
        All ids, where some have no link at all; otherwise the ids that occur, sorted.
    islands : {"error", "keep"}
        Units without neighbours.
    standardize : {"row", "spectral", "minmax", "none"}
        The weights are kept as they come unless told otherwise.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    UnknownColumnError
        If a column is not there.
    WeightsError
        If a link occurs twice, an id is missing, a weight is missing or negative, or a unit is
        linked with itself.
    UnmatchedIdsError
        If a link names a unit that `units` does not.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"to": [1, 2], "from": [2, 1], "flow": [3.0, 1.0]})
    >>> from_edges(frame, focal="to", neighbor="from", weight="flow").sparse.toarray().tolist()
    [[0.0, 3.0], [1.0, 0.0]]
    """
    columns = [focal, neighbor] + ([weight] if weight is not None else [])
    unknown = [name for name in columns if name not in frame.columns]
    if unknown:
        raise UnknownColumnError(
            f"the edge list has no column {sample(unknown)}; it has {sample(frame.columns, 20)}"
        )
    gone = frame[columns].isna().any(axis=1)
    if gone.any():
        raise WeightsError(f"edges have missing cells at row labels {sample(frame.index[gone])}")
    pairs = pd.MultiIndex.from_frame(frame[[focal, neighbor]])
    if pairs.has_duplicates:
        raise WeightsError(
            f"links occur more than once: {sample(pairs[pairs.duplicated()])}; add them up first"
        )
    values = np.ones(len(frame)) if weight is None else frame[weight].to_numpy(dtype=float)
    _check_values(values, pairs)
    ids = _ids(frame, focal, neighbor, units)
    rows, columns_ = ids.get_indexer(frame[focal]), ids.get_indexer(frame[neighbor])
    matrix = sparse.csr_array((values, (rows, columns_)), shape=(len(ids), len(ids)))
    return finish(matrix, ids, WeightsSpec("edge list"), standardize=standardize, islands=islands)


def from_dense(
    matrix: np.ndarray | pd.DataFrame,
    units: Iterable[Hashable] | None = None,
    *,
    islands: Islands = "error",
    standardize: Standardization = "none",
) -> SpatialWeights:
    """Weights from a square table.

    Parameters
    ----------
    matrix : ndarray or DataFrame
        Shape (n, n), rows receive and columns send. A DataFrame whose index and columns hold the
        same ids carries its own; its columns may be in another order than its rows.
    units : iterable, optional
        Ids in the order of rows and columns; needed for an array.
    islands : {"error", "keep"}
        Units without neighbours.
    standardize : {"row", "spectral", "minmax", "none"}
        The weights are kept as they come unless told otherwise.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    WeightsError
        If the table is not square, has missing or negative cells, or a diagonal.
    UnmatchedIdsError
        If there are no ids, their number is wrong, or rows and columns name different units.

    Examples
    --------
    >>> import numpy as np
    >>> from_dense(np.array([[0, 2], [1, 0]]), ["a", "b"]).units.tolist()
    ['a', 'b']
    """
    if isinstance(matrix, pd.DataFrame) and units is None:
        if set(matrix.index) != set(matrix.columns):
            raise UnmatchedIdsError(
                f"rows and columns of the table name different units: {sample(matrix.index)} "
                f"against {sample(matrix.columns)}; name them alike or pass units="
            )
        ids = matrix.index
        values = matrix.loc[:, ids].to_numpy(dtype=float)
    elif units is None:
        raise UnmatchedIdsError(
            "a matrix without ids cannot be matched with data: pass units= in the order of its rows"
        )
    else:
        ids = pd.Index(list(units))
        values = np.asarray(matrix, dtype=float)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise WeightsError(f"the matrix must be square, its shape is {values.shape}")
    if len(ids) != len(values):
        raise UnmatchedIdsError(
            f"the matrix has {len(values)} rows but {len(ids)} ids were given ({sample(ids)})"
        )
    if ids.has_duplicates:
        raise WeightsError(f"ids occur more than once: {sample(ids[ids.duplicated()])}")
    rows, columns = np.nonzero(values)
    pairs = pd.MultiIndex.from_arrays([ids[rows], ids[columns]])
    _check_values(values[rows, columns], pairs)
    spec = WeightsSpec("given matrix")
    raw = sparse.csr_array(values)
    return finish(raw, ids, spec, standardize=standardize, islands=islands)


def from_pysal(
    graph_or_w: Graph | W, *, standardize: Standardization | None = None
) -> SpatialWeights:
    """Weights from a `libpysal.graph.Graph` or `libpysal.weights.W`, which is not changed.

    Parameters
    ----------
    graph_or_w : Graph or W
        The weights, with the transformation that they have now.
    standardize : {"row", "spectral", "minmax", "none"}, optional
        The weights are kept as they come unless told otherwise.

    Returns
    -------
    SpatialWeights
        Islands are kept; `SpatialWeights.islands` names them.

    Raises
    ------
    OptionError
        If the object is neither.

    Examples
    --------
    >>> from libpysal.graph import Graph
    >>> graph = Graph.from_dicts({"a": {"b": 1}, "b": {"a": 1}})
    >>> from_pysal(graph).n_links
    2
    """
    weights = as_weights(graph_or_w)
    return weights if standardize is None else weights.standardize(standardize)


def _ids(
    frame: pd.DataFrame, focal: str, neighbor: str, units: Iterable[Hashable] | None
) -> pd.Index:
    found = pd.Index(pd.unique(pd.concat([frame[focal], frame[neighbor]], ignore_index=True)))
    if units is None:
        return found.sort_values()
    ids: pd.Index[Any] = pd.Index(list(units))
    unknown = found.difference(ids, sort=False)
    if len(unknown):
        raise UnmatchedIdsError(
            f"the edge list names {len(unknown)} units that units= does not: {sample(unknown)}; "
            f"units= has ids like {sample(ids)}"
        )
    return ids


def _check_values(values: np.ndarray, pairs: pd.MultiIndex) -> None:
    for wrong, words in [
        (~np.isfinite(values), "missing or infinite"),
        (values < 0, "negative"),
    ]:
        if wrong.any():
            raise WeightsError(f"weights are {words} for (receiver, sender) {sample(pairs[wrong])}")
    own = pairs.get_level_values(0) == pairs.get_level_values(1)
    if (own & (values != 0)).any():
        raise WeightsError(
            f"units are linked with themselves: {sample(pairs[own].get_level_values(0))}; "
            "the diagonal of a weights matrix is zero, remove these links"
        )
