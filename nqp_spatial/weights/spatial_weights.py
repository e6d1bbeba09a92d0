"""`SpatialWeights`: which units are neighbours, with what weights; the one way to align ids."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import coo_array, csgraph, csr_array

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import checked
from nqp_spatial.core.text import t
from nqp_spatial.errors import (
    DomainError,
    IslandError,
    MissingValuesError,
    NqpWarning,
    OptionError,
    UnmatchedIdsError,
    WeightsError,
    sample,
)
from nqp_spatial.weights._spec import Islands, Standardization, WeightsSpec
from nqp_spatial.weights._standardize import (
    distance_from_one,
    has_symmetric_links,
    permuted,
    shared_view,
    standardized,
)

if TYPE_CHECKING:
    from libpysal.graph import Graph
    from libpysal.weights import W

__all__ = [
    "Islands",
    "SpatialWeights",
    "Standardization",
    "WeightsLike",
    "WeightsSpec",
    "as_weights",
    "build",
]

# What a function takes as spatial weights; `as_weights` converts it to SpatialWeights.
WeightsLike = Union["SpatialWeights", "Graph", "W"]

# Row sums that files with six digits or single precision leave: they count as one everywhere.
ROW_SUM_TOLERANCE = 5e-6
# Row sums this near to one suggest row-standardised numbers that were rounded in a file.
_ROUNDED_ROW_SUMS = 1e-2

_ROW_SUMS = "row_sum_error"  # a parameter of the specification


@dataclass(frozen=True, eq=False, repr=False)
class SpatialWeights(Displayed):
    """Spatial weights: rows receive, columns send, ``w[i, j]`` is the weight of j for i.

    Make one with the functions of `nqp_spatial.weights`. It keeps the specification and
    the raw weights, so that every standardisation starts from them. The weights cannot be changed:
    the arrays of `sparse` and `raw` are read-only, `graph` and `to_W` make copies.

    Attributes
    ----------
    spec : WeightsSpec
        How they were made.
    units : Index
        Ids in the order of the rows of `sparse`.

    Examples
    --------
    >>> import nqp_spatial as nq, pandas as pd
    >>> edges = pd.DataFrame({"focal": ["a", "b", "b", "c"], "neighbor": ["b", "a", "c", "b"]})
    >>> w = nq.weights.from_edges(edges).standardize("row")
    >>> w
    SpatialWeights: edge list, row-standardised; 3 units, 4 links, 0 islands, 1 component
    >>> w.lag(pd.Series({"a": 1.0, "b": 5.0, "c": 3.0})).tolist()
    [5.0, 2.0, 5.0]
    """

    spec: WeightsSpec
    units: pd.Index
    _sparse: csr_array
    _raw: csr_array
    # Quantities derived from W once and kept with it (log-determinants, traces).
    cache: dict[Hashable, Any] = field(default_factory=dict)

    _figure = "weights_matrix"

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        for matrix in (self._sparse, self._raw):
            for array in (matrix.data, matrix.indices, matrix.indptr):
                array.flags.writeable = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the arrays of a copy read-only too, which pickle does not."""
        self.__dict__.update(state)
        self.__post_init__()

    @property
    def sparse(self) -> csr_array:
        """The standardised matrix, shape (n, n): a csr_array of read-only arrays."""
        return shared_view(self._sparse)

    @property
    def raw(self) -> csr_array:
        """The matrix before standardisation, like `sparse`."""
        return shared_view(self._raw)

    @property
    def graph(self) -> Graph:
        """The standardised weights as a new `libpysal.graph.Graph`."""
        from libpysal.graph import Graph

        return Graph.from_sparse(coo_array(self._sparse.copy()), ids=self.units)

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.units)

    @property
    def n_links(self) -> int:
        """Number of non-zero weights."""
        return int(self._sparse.nnz)

    @cached_property
    def islands(self) -> pd.Index:
        """Units without neighbours: their row of the matrix is empty."""
        return self.units[np.diff(self.sparse.indptr) == 0]

    @cached_property
    def components(self) -> pd.Series:
        """Number of the (weakly) connected component of each unit, counted from zero."""
        _, labels = csgraph.connected_components(self.sparse, directed=True, connection="weak")
        return pd.Series(labels, index=self.units, name="component")

    @cached_property
    def rows_add_to_one(self) -> bool:
        """Whether every row adds to one within 5e-6, islands included (which then do not exist).

        The tolerance is that of numbers from files with six digits or in single precision.
        Estimators are chosen by it; the weights stay unchanged.
        """
        return distance_from_one(self._sparse.sum(axis=1)) <= ROW_SUM_TOLERANCE

    def __sizeof__(self) -> int:
        """Return the bytes of the weights; by this a Dask client knows to send them only once."""
        matrices = (self.sparse, self.raw)
        return int(sum(m.data.nbytes + m.indices.nbytes + m.indptr.nbytes for m in matrices))

    def _blocks(self) -> list[Block]:
        components = int(self.components.max()) + 1
        return [
            f"SpatialWeights: {self.spec.words}; {self.n_units} units, {self.n_links} links, "
            f"{len(self.islands)} island{'s' * (len(self.islands) != 1)}, "
            f"{components} component{'s' * (components != 1)}"
        ]

    @checked
    def standardize(self, how: Standardization) -> SpatialWeights:
        """Return weights standardised another way; this object does not change.

        Parameters
        ----------
        how : {"row", "spectral", "minmax", "none"}
            ``row`` divides each row by its sum (the row of an island stays zero); ``spectral``
            divides by the largest modulus of an eigenvalue; ``minmax`` by the smaller of the
            largest row sum and the largest column sum (Kelejian and Prucha 2010, p. 56); ``none``
            gives the raw weights.

        Returns
        -------
        SpatialWeights

        Raises
        ------
        OptionError
            If `how` is none of these.
        WeightsError
            If a row with links adds to zero, or what to divide by is zero.

        Examples
        --------
        >>> import nqp_spatial as nq, pandas as pd
        >>> w = nq.weights.from_edges(pd.DataFrame({"focal": [1, 2], "neighbor": [2, 1],
        ...                                         "weight": [4.0, 1.0]}), weight="weight")
        >>> w.standardize("spectral").sparse.toarray().round(6).tolist()
        [[0.0, 2.0], [0.5, 0.0]]
        """
        matrix = standardized(self.raw, self.units, how)
        parameters = {k: v for k, v in self.spec.parameters.items() if k != _ROW_SUMS}
        spec = replace(self.spec, parameters=parameters, standardization=how)
        return SpatialWeights(spec, self.units, matrix, self.raw)

    @checked
    def lag(self, values: pd.Series | pd.DataFrame) -> pd.Series | pd.DataFrame:
        """Return the spatial lag ``W x``, labelled.

        Parameters
        ----------
        values : Series or DataFrame
            Indexed by unit, in any order. A Series indexed by (unit, period) is lagged within
            each period.

        Returns
        -------
        Series or DataFrame
            Like `values`, in the order of its own index.

        Raises
        ------
        UnmatchedIdsError
            If the ids of values and weights differ.
        WeightsError
            If values have an id more than once, or are not numbers.
        OptionError
            If values are an array, which carries no ids.
        MissingValuesError, DomainError
            If a value is missing or infinite.
        """
        repeated = values.index.duplicated()
        if repeated.any():
            raise WeightsError(
                f"values have ids more than once: {sample(values.index[repeated].unique())}; "
                "keep one value for each"
            )
        if isinstance(values, pd.Series) and isinstance(values.index, pd.MultiIndex):
            wide = values.unstack(1)
            lagged = self.lag(wide).stack()
            return lagged.reindex(values.index).rename(values.name)
        self._match(values.index, "values")
        ordered = values.reindex(self.units)
        try:
            numbers = ordered.to_numpy(dtype=float, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise WeightsError(f"values must be numbers to be lagged: {error}") from None
        if np.isinf(numbers).any():
            infinite = np.isinf(numbers).reshape(len(self.units), -1).any(axis=1)
            raise DomainError(
                f"values are infinite for units {sample(self.units[infinite])}; correct them first"
            )
        gone = np.isnan(numbers).reshape(len(self.units), -1).any(axis=1)
        if gone.any():
            raise MissingValuesError(
                f"values are missing for units {sample(self.units[gone])}, so the lags "
                "of their neighbours are unknown; fill them, or take a subset of the weights"
            )
        result = self._sparse @ numbers
        if isinstance(values, pd.Series):
            return pd.Series(result, index=self.units, name=values.name).reindex(values.index)
        return pd.DataFrame(result, index=self.units, columns=values.columns).reindex(values.index)

    @checked
    def aligned(self, units: pd.Index, name: str = "panel") -> csr_array:
        """Return the matrix with rows and columns in the order of `units`.

        Parameters
        ----------
        units : Index
            The same ids as `self.units`, in any order.
        name : str
            Name of the other side in an error.

        Returns
        -------
        scipy.sparse.csr_array

        Raises
        ------
        UnmatchedIdsError
            If the ids differ; weights are never cut or padded silently.
        """
        if units.equals(self.units):
            return self.sparse
        return permuted(self.sparse, self._positions(units, name))

    @checked
    def reordered(self, units: pd.Index, name: str = "panel") -> SpatialWeights:
        """Return the same weights with units in another order."""
        if units.equals(self.units):
            return self
        order = self._positions(units, name)
        matrix = permuted(self.sparse, order)
        raw = permuted(self.raw, order)
        return SpatialWeights(self.spec, units, matrix, raw)

    @checked
    def renamed(self, units: pd.Index) -> SpatialWeights:
        """Return the same weights with other ids, in the order of `units`."""
        return SpatialWeights(self.spec, units, self.sparse, self.raw)

    def _positions(self, units: pd.Index, name: str) -> np.ndarray:
        self._match(units, name)
        return np.asarray(self.units.get_indexer(units))

    def _match(self, ids: pd.Index, name: str) -> None:
        check_same_ids(
            ids,
            self.units,
            our_name=name,
            their_name="weights",
            advice="build the weights from the same panel, or cut one side with "
            "panel.select(units=...) or weights.subset(units)",
        )

    @checked
    def subset(self, units: pd.Index | list[Any]) -> SpatialWeights:
        """Return weights among selected units only, standardised again from the raw weights.

        Parameters
        ----------
        units : Index or list
            Ids to keep, in the order wanted.

        Returns
        -------
        SpatialWeights

        Raises
        ------
        UnmatchedIdsError
            If a unit has no row in the weights.
        WeightsError
            If a unit is named more than once, or none is.
        """
        wanted = pd.Index(list(units))
        if not len(wanted) or wanted.has_duplicates:
            repeated = wanted[wanted.duplicated()]
            raise WeightsError(
                f"units= names a unit more than once: {sample(repeated)}"
                if len(repeated)
                else "units= names no unit; name those to keep"
            )
        unknown = wanted.difference(self.units, sort=False)
        if len(unknown):
            raise UnmatchedIdsError(
                f"the weights have no unit {sample(unknown)}; theirs are like {sample(self.units)}"
            )
        raw = permuted(self.raw, self.units.get_indexer(wanted))
        parameters = {**self.spec.parameters, "subset_of": t("{count} units", count=self.n_units)}
        islands = "" if (np.diff(raw.indptr) > 0).all() else t("kept, as the subset left them")
        spec = replace(self.spec, parameters=parameters, islands=islands)
        matrix = standardized(raw, wanted, spec.standardization)
        return SpatialWeights(spec, wanted, matrix, raw)

    def to_W(self) -> W:
        """Return a new `libpysal.weights.W` for packages that want one."""
        return self.graph.to_W()

    @checked
    def write(
        self, path: str | Path, *, layout: Literal["edges", "dense", "matrix"] = "edges"
    ) -> Path:
        """Write the weights to a file that `nqp_spatial.weights.read` and other programs read.

        Parameters
        ----------
        path : path
            Ends in ``gal`` (neighbours only), ``gwt``, ``csv``, ``xlsx`` or ``parquet`` (which also
            keeps the specification and the raw weights). Its folder is made if need be.
        layout : {"edges", "dense", "matrix"}
            Of csv and xlsx: a list of links; a square table with ids; or bare numbers in the order
            of `units`, as Stata reads them.

        Returns
        -------
        Path
            The file written.

        Raises
        ------
        OptionError
            If the ending or the layout is unknown.
        WeightsError
            If ids hold spaces, which gal and gwt cannot.

        Examples
        --------
        >>> import tempfile, nqp_spatial as nq
        >>> w = nq.weights.contiguity(nq.datasets.us_income())
        >>> w.write(tempfile.mkdtemp() + "/states.gwt").name
        'states.gwt'
        """
        # By name: files stand above the type that they hold.
        files = import_module("nqp_spatial.weights.files")
        return Path(files.write(self, path, layout=layout))

    def describe(self) -> pd.Series:
        """Return facts of the matrix: size, links, neighbours per unit, islands, components."""
        neighbors = np.diff(self.sparse.indptr)
        return pd.Series(
            {
                "specification": self.spec.words,
                "units": self.n_units,
                "links": self.n_links,
                "links_percent": 100 * self.n_links / self.n_units**2,
                "min_neighbours": int(neighbors.min()),
                "mean_neighbours": float(neighbors.mean()),
                "max_neighbours": int(neighbors.max()),
                "islands": len(self.islands),
                "components": int(self.components.max()) + 1,
                "symmetric_links": has_symmetric_links(self.sparse),
                "rows_add_to_one": self.rows_add_to_one,
            },
            name="weights",
        )


def build(
    raw: sparse.csr_array,
    units: pd.Index,
    spec: WeightsSpec,
    *,
    standardize: Standardization,
    islands: Islands,
) -> SpatialWeights:
    """Check raw weights and standardise them: the last step of every builder.

    Parameters
    ----------
    raw : csr_array
        Weights, shape (n, n).
    units : Index
        Unique ids in the order of the rows.
    spec : WeightsSpec
        Kind and parameters; standardisation and islands are filled in here.
    standardize : {"row", "spectral", "minmax", "none"}
        As in `SpatialWeights.standardize`.
    islands : {"error", "keep"}
        Whether units without neighbours are an error.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    IslandError
        If there are islands and they are not to be kept.
    WeightsError
        If weights are not finite or ids repeat.
    OptionError
        If an option is unknown.
    """
    if units.has_duplicates:
        raise WeightsError(f"ids occur more than once: {sample(units[units.duplicated()])}")
    matrix = sparse.csr_array(raw, dtype=float, copy=True)
    if matrix.diagonal().any():  # setting it stores it first, at several times the memory
        matrix.setdiag(0.0)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    if not np.isfinite(matrix.data).all():
        rows = np.repeat(np.arange(len(units)), np.diff(matrix.indptr))
        bad = units[np.unique(rows[~np.isfinite(matrix.data)])]
        raise WeightsError(f"weights are missing or infinite in the rows of units {sample(bad)}")
    largest = np.abs(matrix.data).max(initial=0.0)
    if largest > 1e100 or 0 < largest < 1e-100:
        raise WeightsError(
            f"the largest weight is {largest:.3g}: sums and powers of weights beyond 1e-100 and "
            "1e100 cannot be computed with; change their unit"
        )
    alone = units[np.diff(matrix.indptr) == 0]
    if len(alone):
        if islands == "error":
            raise IslandError(
                f"{len(alone)} of {len(units)} units have no neighbours: {sample(alone)}; "
                "attach them (islands='nearest' of contiguity), widen the neighbourhood, or "
                "accept them (islands='keep')"
            )
        spec = replace(spec, islands=t("kept, {count} without neighbours", count=len(alone)))
    scaled = standardized(matrix, units, standardize)
    spec = replace(spec, standardization=standardize)
    if standardize == "none":
        spec = _with_row_sums(spec, matrix)
    return SpatialWeights(spec, units, scaled, matrix)


def as_weights(weights: WeightsLike) -> SpatialWeights:
    """Return what the caller passed as `SpatialWeights`, with the weights unchanged.

    Parameters
    ----------
    weights : SpatialWeights, libpysal.graph.Graph or libpysal.weights.W
        Any of the three; it is not changed.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    OptionError
        If it is none of the three.
    IslandError
        If it is row-standardised and has rows without neighbours.
    """
    if isinstance(weights, SpatialWeights):
        return weights
    if hasattr(weights, "adjacency") and hasattr(weights, "unique_ids"):
        units, matrix = weights.unique_ids, weights.sparse
        kind = t("libpysal Graph")
        transform = str(getattr(weights, "transformation", "O"))
    elif hasattr(weights, "id_order") and hasattr(weights, "neighbors"):
        units, matrix = pd.Index(weights.id_order), weights.sparse
        kind, transform = t("libpysal W"), str(weights.transform)
    else:
        raise OptionError(
            "weights must be SpatialWeights, libpysal.graph.Graph or libpysal.weights.W, "
            f"got {type(weights).__name__}; see nqp_spatial.weights.from_edges and from_dense"
        )
    spec = WeightsSpec(kind, {"transform": transform.upper()})
    values = sparse.csr_array(matrix)
    sums = np.asarray(values.sum(axis=1)).ravel()
    # A zero row among rows that add to one is an island that was standardised over.
    row_standardized = distance_from_one(sums[sums != 0]) <= ROW_SUM_TOLERANCE
    result = build(
        values,
        pd.Index(units),
        spec,
        standardize="none",
        islands="error" if row_standardized else "keep",
    )
    if result.rows_add_to_one:
        # The weights are unchanged; only their description is more precise.
        return replace(result, spec=replace(result.spec, standardization="row"))
    return result


def _with_row_sums(spec: WeightsSpec, matrix: sparse.csr_array) -> WeightsSpec:
    """Record in the specification that rows add to one up to rounding; warn if it is large."""
    sums = np.asarray(matrix.sum(axis=1)).ravel()
    error = distance_from_one(sums[sums != 0])
    if not 1e-12 < error <= _ROUNDED_ROW_SUMS:
        return spec
    if error > ROW_SUM_TOLERANCE:
        warnings.warn(
            t(
                "{kind}: rows add to one within {error:.1g} only, as rounded numbers of a file do. "
                "The weights are used as they are, without the methods that need rows that add to "
                "one; weights.standardize('row') makes the sums exact",
                kind=spec.kind, error=error,
            ),
            NqpWarning,
            stacklevel=4,
        )  # fmt: skip
    return replace(spec, parameters={**spec.parameters, _ROW_SUMS: f"{error:.1g}"})
