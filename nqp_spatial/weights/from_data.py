"""Weights from data: edge lists, dense tables, libpysal objects."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import checked
from nqp_spatial.core.text import t
from nqp_spatial.errors import (
    UnknownColumnError,
    UnmatchedIdsError,
    WeightsError,
    plain,
    sample,
)
from nqp_spatial.weights.spatial_weights import (
    Islands,
    SpatialWeights,
    Standardization,
    WeightsSpec,
    as_weights,
    build,
)

if TYPE_CHECKING:
    from libpysal.graph import Graph
    from libpysal.weights import W

__all__ = ["from_dense", "from_edges", "from_pysal", "id_text", "matched_ids", "unique_ids"]


@checked
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
    """Weights from a list of links, unchanged.

    Parameters
    ----------
    frame : DataFrame
        One row per link; `focal` receives, `neighbor` sends.
    focal, neighbor : str
        Columns of ids.
    weight : str, optional
        Column of weights; one for every link if not given.
    units : iterable, optional
        All ids, where some have no link at all; otherwise the ids that occur, sorted.
    islands : {"error", "keep"}
        Units without neighbours.
    standardize : {"row", "spectral", "minmax", "none"}
        By default the weights are kept unchanged.

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
    _check_columns(frame, columns)
    gone = frame[columns].isna().any(axis=1)
    if gone.any():
        raise WeightsError(f"edges have missing cells at row labels {sample(frame.index[gone])}")
    values = np.ones(len(frame)) if weight is None else _numbers(frame[weight], weight)
    ids = _ids(frame, focal, neighbor, units)
    rows, columns_ = (
        ids.get_indexer(matched_ids(frame[name], ids, "edge list", every=False))
        for name in (focal, neighbor)
    )
    pairs = pd.MultiIndex.from_arrays([ids[rows], ids[columns_]])
    if pairs.has_duplicates:
        raise WeightsError(
            f"links occur more than once: {sample(pairs[pairs.duplicated()])}; add them up first"
        )
    _check_values(values, pairs)
    matrix = sparse.csr_array((values, (rows, columns_)), shape=(len(ids), len(ids)))
    return build(matrix, ids, WeightsSpec(t("edge list")), standardize=standardize, islands=islands)


@checked
def from_dense(
    matrix: np.ndarray | sparse.sparray | pd.DataFrame,
    units: Iterable[Hashable] | None = None,
    *,
    islands: Islands = "error",
    standardize: Standardization = "none",
) -> SpatialWeights:
    """Weights from a square table.

    Parameters
    ----------
    matrix : ndarray, sparse array or DataFrame
        Shape (n, n), rows receive and columns send. The index and the columns of a DataFrame hold
        the same ids, in any order.
    units : iterable, optional
        All ids, in the order wanted. The labels of a DataFrame are matched with them, also where
        one side has numbers as text; an array has no labels, so that for it `units` are the ids of
        its rows and columns, and needed.
    islands : {"error", "keep"}
        Units without neighbours.
    standardize : {"row", "spectral", "minmax", "none"}
        By default the weights are kept unchanged.

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
    wanted = None if units is None else unique_ids(units, "units=")
    labelled = isinstance(matrix, pd.DataFrame)
    if isinstance(matrix, pd.DataFrame):
        values, ids = _labelled(matrix, wanted)
    elif wanted is None:
        raise UnmatchedIdsError(
            "a matrix without ids cannot be matched with data: pass units= in the order of its rows"
        )
    else:
        values, ids = matrix, wanted
    raw = _square(values)
    if len(ids) != raw.shape[0]:
        raise UnmatchedIdsError(
            f"the matrix has {raw.shape[0]} rows but {len(ids)} ids were given ({sample(ids)})"
        )
    links = raw.tocoo()
    rows, columns = links.coords
    _check_values(links.data, pd.MultiIndex.from_arrays([ids[rows], ids[columns]]))
    spec = WeightsSpec(t("user-supplied matrix"))
    weights = build(raw, ids, spec, standardize=standardize, islands=islands)
    return weights.reordered(wanted) if labelled and wanted is not None else weights


@checked
def from_pysal(
    graph_or_w: Graph | W, *, standardize: Standardization | None = None
) -> SpatialWeights:
    """Weights from a `libpysal.graph.Graph` or `libpysal.weights.W`, which is not changed.

    Parameters
    ----------
    graph_or_w : Graph or W
        The weights, with the transformation that they have now.
    standardize : {"row", "spectral", "minmax", "none"}, optional
        By default the weights are kept unchanged.

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


def unique_ids(units: Iterable[Hashable], name: str) -> pd.Index[Any]:
    """Return ids as an index: of one type, none missing, none twice; or raise `WeightsError`."""
    if isinstance(units, str) or not isinstance(units, Iterable):
        raise WeightsError(f"{name} must be a list of ids, got {units!r}")
    ids: pd.Index[Any] = units if isinstance(units, pd.Index) else pd.Index(list(units))
    if isinstance(ids, pd.MultiIndex):
        raise WeightsError(
            f"{name} must be ids of units, got pairs such as {sample(ids, 2)}; pass panel.units"
        )
    if ids.hasnans:
        raise WeightsError(
            f"{name} has missing ids at positions {sample(np.flatnonzero(ids.isna()))}"
        )
    if ids.has_duplicates:
        raise WeightsError(
            f"ids occur more than once: {sample(ids[ids.duplicated()].unique())}, in {name}"
        )
    kinds = {type(plain(unit)).__name__ for unit in ids}
    if len(kinds) > 1 and kinds != {"int", "float"}:
        raise WeightsError(
            f"ids of {name} are of several types ({', '.join(sorted(kinds))}): convert them to one"
        )
    return ids


def matched_ids(
    labels: Iterable[Hashable],
    units: pd.Index,
    name: str,
    *,
    every: bool = True,
    their_name: str = "units=",
) -> pd.Index:
    """Return the ids of `units` that the caller's labels refer to, in the order of the labels.

    Labels match as they are, or by their text where that is the same: ``"110000"`` in a file is
    the panel's ``110000``.

    Parameters
    ----------
    labels : iterable
        Ids of what the caller has.
    units : Index
        Unique ids.
    name, their_name : str
        What has the labels and what the ids, for the message.
    every : bool
        Whether each of `units` must be among the labels.

    Raises
    ------
    UnmatchedIdsError
        If labels mean no unit, or units have no label.

    Examples
    --------
    >>> import pandas as pd
    >>> matched_ids(["2", "1"], pd.Index([1, 2]), "table").tolist()
    [2, 1]
    """
    theirs = texts = pd.Index(labels)
    ours: pd.Index = units
    positions = units.get_indexer(theirs)
    if (positions < 0).any() and (by_text := _texts(units)).is_unique:
        texts, ours = _texts(theirs), by_text
        positions = ours.get_indexer(texts)
    unknown = theirs[positions < 0].unique()
    if len(unknown) and not every:
        raise UnmatchedIdsError(
            f"the {name} names {len(unknown)} units that {their_name} does not: {sample(unknown)}; "
            f"{their_name} has ids like {sample(units)}; correct the ids of one side"
        )
    if every and (len(unknown) or len(set(positions)) < len(units)):
        check_same_ids(
            texts.unique(), ours, our_name=f"the {name}", their_name=their_name,
            advice="correct the ids; a table that is in the order of units= but is not named so is "
            "an array: pass its to_numpy() with units=",
        )  # fmt: skip
    return units[positions]


def id_text(unit: object) -> str:
    """Return an id as text; a whole number that became a float is written without decimals.

    Examples
    --------
    >>> id_text(110000.0), id_text("01")
    ('110000', '01')
    """
    value = plain(unit)
    is_whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if is_whole else str(value)  # type: ignore[call-overload]


def _texts(ids: pd.Index) -> pd.Index:
    return pd.Index([id_text(unit) for unit in ids], dtype=object)


def _check_columns(frame: pd.DataFrame, columns: list[str]) -> None:
    unknown = [name for name in columns if name not in frame.columns]
    if unknown:
        raise UnknownColumnError(
            f"the edge list has no column {sample(unknown)}; it has {sample(frame.columns, 20)}"
        )
    twice = [
        name for name in columns if (frame.columns == name).sum() > 1 or columns.count(name) > 1
    ]
    if twice:
        raise WeightsError(
            f"the column {sample(dict.fromkeys(twice))} occurs or is named more than once: each of "
            f"{', '.join(map(repr, columns))} must be one column of its own"
        )


def _numbers(column: pd.Series, name: str) -> np.ndarray:
    """Return a column of weights as floats, or raise `WeightsError` that names the cells."""
    if pd.api.types.is_complex_dtype(column) or column.dtype.kind in "mM":
        raise WeightsError(f"weights in {name!r} must be real numbers, got {column.dtype}")
    if pd.api.types.is_numeric_dtype(column):
        return np.asarray(column.to_numpy(dtype=float))
    try:
        return np.array([float(cell) for cell in column])
    except (TypeError, ValueError):
        cells = list(zip(column.index, column, strict=True))
        wrong = [pair for pair in cells if not _is_number(pair[1])]
        raise WeightsError(
            f"weights in {name!r} are no numbers at (row, cell) {sample(wrong)}"
        ) from None


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def _labelled(table: pd.DataFrame, units: pd.Index | None) -> tuple[np.ndarray, pd.Index]:
    """Return the cells of a table, columns in the order of its rows, and the ids of both."""
    rows = unique_ids(table.index, "the table's rows")
    columns = unique_ids(table.columns, "the table's columns")
    try:
        columns = matched_ids(columns, rows, "columns", their_name="rows")
    except UnmatchedIdsError as error:
        raise UnmatchedIdsError(
            f"rows and columns of the table ({len(rows)} x {len(columns)}) name different units: "
            f"{error}"
        ) from None
    ids = rows if units is None else matched_ids(rows, units, "table's rows")
    wrong = [name for name in table.columns if table[name].dtype.kind in "cmM"]
    if wrong:
        raise WeightsError(f"the table must hold real numbers, columns {sample(wrong)} do not")
    try:
        cells = table.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"the table has cells that are no numbers: {error}") from None
    return np.asarray(cells[:, columns.get_indexer(rows)]), ids


def _square(values: Any) -> sparse.csr_array:
    """Return numbers of a square array as a sparse one, or raise `WeightsError`."""
    if not sparse.issparse(values):
        try:
            values = np.asarray(values)
            if np.iscomplexobj(values):
                raise TypeError("complex numbers")
            values = values.astype(float)
        except (TypeError, ValueError) as error:
            raise WeightsError(f"the matrix must hold real numbers: {error}") from None
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise WeightsError(f"the matrix must be square, its shape is {values.shape}")
    square = sparse.csr_array(values, dtype=float, copy=True)
    square.sum_duplicates()
    square.eliminate_zeros()
    return square


def _ids(
    frame: pd.DataFrame, focal: str, neighbor: str, units: Iterable[Hashable] | None
) -> pd.Index:
    if units is not None:
        return unique_ids(units, "units=")
    named = pd.unique(pd.concat([frame[focal], frame[neighbor]], ignore_index=True))
    if not len(named):
        raise WeightsError("the edge list has no rows, so it names no unit; pass units=")
    return unique_ids(pd.Index(named), "the edge list").sort_values()


def _check_values(values: np.ndarray, pairs: pd.MultiIndex) -> None:
    for wrong, words in [
        (~np.isfinite(values), "missing or infinite"),
        (values < 0, "negative"),
    ]:
        if wrong.any():
            raise WeightsError(f"weights are {words} for (receiver, sender) {sample(pairs[wrong])}")
    diagonal = pairs.get_level_values(0) == pairs.get_level_values(1)
    if (diagonal & (values != 0)).any():
        raise WeightsError(
            f"units are linked with themselves: {sample(pairs[diagonal].get_level_values(0))}; "
            "the diagonal of a weights matrix is zero, remove these links"
        )
