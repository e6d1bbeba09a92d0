"""Weights in files: what GeoDa, Stata, R and spreadsheets read and write."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.errors import OptionError, UnmatchedIdsError, WeightsError, sample
from nqp_spatial.weights.distance import links_of
from nqp_spatial.weights.given import from_dense, from_edges
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsSpec

__all__ = ["read", "write"]

Layout = Literal["edges", "dense", "matrix"]

_TABLES = (".csv", ".xlsx")
_ENDINGS = (".gal", ".gwt", *_TABLES, ".parquet")
_EDGES = ["focal", "neighbor", "weight"]
_SPEC = b"nqp_spatial.weights"


def write(weights: SpatialWeights, path: str | Path, *, layout: Layout = "edges") -> Path:
    """Write weights to a file; see `SpatialWeights.write`."""
    target = _known(path)
    if layout not in ("edges", "dense", "matrix"):
        raise OptionError(f"layout must be 'edges', 'dense' or 'matrix', got {layout!r}")
    target.parent.mkdir(parents=True, exist_ok=True)
    ending = target.suffix.lower()
    if ending in (".gal", ".gwt"):
        spaced = [unit for unit in weights.units if any(c.isspace() for c in str(unit))]
        if spaced:
            raise WeightsError(
                f"{ending} files part ids by spaces, but ids have some: {sample(spaced)}; "
                "write csv or parquet, or use other ids"
            )
        _write_lines(weights, target, with_weights=ending == ".gwt")
    elif ending == ".parquet":
        _write_parquet(weights, target)
    elif layout == "edges":
        _save(_edges(weights), target, index=False)
    else:
        table = pd.DataFrame(weights.sparse.toarray(), weights.units, weights.units)
        table.index.name = "unit"
        named = layout == "dense"
        _save(table, target, index=named, header=named)
    return target


def read(
    path: str | Path,
    *,
    units: Iterable[Hashable] | None = None,
    layout: Layout | None = None,
) -> SpatialWeights:
    """Read weights from a gal, gwt, csv, xlsx or parquet file, as they are.

    Parameters
    ----------
    path : path
        ``gal`` (neighbours only, weights of one) and ``gwt`` as GeoDa writes them; ``csv`` and
        ``xlsx`` with a list of links (columns focal, neighbor, weight), a square table with ids in
        its first row and column, or a square of bare numbers as Stata users have; ``parquet`` as
        `SpatialWeights.write` makes it, with the specification and the raw weights.
    units : iterable, optional
        Ids, needed for bare numbers (in the order of rows). Otherwise ids in the file are matched
        with them by their text, so that ``"110000"`` in a file becomes the panel's ``110000``.
    layout : {"edges", "dense", "matrix"}, optional
        Of a table, if it is not to be told from its first row.

    Returns
    -------
    SpatialWeights
        Units without neighbours are kept; `SpatialWeights.islands` names them.

    Raises
    ------
    OptionError
        If the ending is unknown.
    WeightsError
        If the file does not hold what its ending or layout says.
    UnmatchedIdsError
        If a matrix has no ids and none are given, or they do not match.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> path = nq.weights.contiguity(panel).write(tempfile.mkdtemp() + "/states.gal")
    >>> nq.weights.read(path, units=panel.units).n_links
    214
    """
    source = _known(path)
    if not source.exists():
        raise FileNotFoundError(f"there is no file {str(source)!r}")
    wanted = None if units is None else pd.Index(list(units))
    ending = source.suffix.lower()
    if ending == ".parquet":
        found = _read_parquet(source)
    elif ending in (".gal", ".gwt"):
        edges, ids = _read_lines(source, with_weights=ending == ".gwt")
        found = from_edges(edges, weight="weight", units=ids, islands="keep")
    else:
        found = _read_table(source, layout, wanted)
    found = replace(found, spec=replace(found.spec, kind=_kind(found, source)), cache={})
    return found if wanted is None else _with_ids(found, wanted)


def _kind(found: SpatialWeights, source: Path) -> str:
    return found.spec.kind if source.suffix == ".parquet" else f"read from {source.name}"


def _known(path: str | Path) -> Path:
    target = Path(path)
    if target.suffix.lower() not in _ENDINGS:
        raise OptionError(
            f"weights are kept in files ending in {', '.join(_ENDINGS)}; got {target.name!r}"
        )
    return target


def _edges(weights: SpatialWeights) -> pd.DataFrame:
    """Return one row a link, and for a unit without links one of weight zero with itself."""
    rows, columns = links_of(weights.sparse)
    ids = weights.units
    alone = ids.get_indexer(weights.islands)
    return pd.DataFrame(
        {
            "focal": ids[np.concatenate([rows, alone])],
            "neighbor": ids[np.concatenate([columns, alone])],
            "weight": np.concatenate([weights.sparse.data, np.zeros(len(alone))]),
        }
    )


def _save(table: pd.DataFrame, target: Path, **options: bool) -> None:
    if target.suffix.lower() == ".csv":
        table.to_csv(target, **options)
    else:
        table.to_excel(target, **options)


def _write_lines(weights: SpatialWeights, target: Path, *, with_weights: bool) -> None:
    """Write gal or gwt; the head names the number of units, and islands stand without lines."""
    matrix, ids = weights.sparse, [str(unit) for unit in weights.units]
    lines = [f"0 {len(ids)} unknown unit" if with_weights else str(len(ids))]
    for i, unit in enumerate(ids):
        where = slice(matrix.indptr[i], matrix.indptr[i + 1])
        others = [ids[j] for j in matrix.indices[where]]
        if with_weights:
            pairs = zip(others, matrix.data[where], strict=True)
            lines += [f"{unit} {other} {float(value)!r}" for other, value in pairs]
            if not others:
                lines.append(f"{unit} {unit} 0.0")
        else:
            lines += [f"{unit} {len(others)}", " ".join(others)]
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read_lines(source: Path, *, with_weights: bool) -> tuple[pd.DataFrame, list[str]]:
    lines = source.read_text(encoding="utf-8-sig").split("\n")
    body = [line.split() for line in lines[1:]]
    edges: list[tuple[str, str, float]] = []
    ids: list[str] = []
    try:
        if with_weights:
            for focal, other, weight in (words for words in body if words):
                edges.append((focal, other, float(weight)))
            ids = list(dict.fromkeys([name for edge in edges for name in edge[:2]]))
        else:
            place = 0
            while place < len(body):
                if not body[place]:
                    place += 1
                    continue
                focal, count = body[place][0], int(body[place][1])
                others = body[place + 1] if count else []
                if len(others) != count:
                    raise WeightsError(
                        f"{source.name}: unit {focal} should have {count} neighbours, "
                        f"{len(others)} are listed"
                    )
                ids.append(focal)
                edges += [(focal, other, 1.0) for other in others]
                place += 2 if count or (place + 1 < len(body) and not body[place + 1]) else 1
    except (ValueError, IndexError) as error:
        raise WeightsError(f"{source.name} is no {source.suffix} file ({error})") from error
    return pd.DataFrame(edges, columns=_EDGES), ids


def _write_parquet(weights: SpatialWeights, target: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = _edges(weights)
    raw = weights.raw.tocsr()
    same = np.array_equal(raw.indptr, weights.sparse.indptr) and np.array_equal(
        raw.indices, weights.sparse.indices
    )
    spec = asdict(weights.spec)
    if same:
        alone = np.zeros(len(weights.islands))
        table["raw"] = np.concatenate([raw.data, alone])
    else:
        spec["standardization"] = "none"
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    order = pd.Series(range(weights.n_units), index=weights.units)
    arrow = arrow.append_column("order", pa.array(order.loc[table["focal"]].to_numpy()))
    about = {**(arrow.schema.metadata or {}), _SPEC: json.dumps(spec, default=str).encode()}
    parquet.write_table(arrow.replace_schema_metadata(about), target)


def _read_parquet(source: Path) -> SpatialWeights:
    from pyarrow import parquet

    table = parquet.read_table(source)
    frame = table.to_pandas()
    about = (table.schema.metadata or {}).get(_SPEC)
    if about is None:
        return from_edges(frame, weight="weight", islands="keep")
    units = frame.drop_duplicates("order").sort_values("order")["focal"].to_list()
    column = "raw" if "raw" in frame else "weight"
    found = from_edges(frame, weight=column, units=units, islands="keep")
    spec = WeightsSpec(**json.loads(about))
    done = found.standardize(spec.standardization)
    return replace(done, spec=spec, cache={})


def _read_table(source: Path, layout: str | None, units: pd.Index | None) -> SpatialWeights:
    reader = pd.read_csv if source.suffix.lower() == ".csv" else pd.read_excel
    bare = reader(source, header=None)
    rows, columns = bare.shape
    if layout is None:
        named = {"focal", "neighbor"} <= set(bare.iloc[0].astype(str))
        layout = "edges" if named else "matrix" if _is_bare(bare) else "dense"
    if layout == "edges":
        frame = reader(source)
        weight = "weight" if "weight" in frame else None
        ids = list(dict.fromkeys([*frame["focal"], *frame["neighbor"]]))
        return from_edges(frame, weight=weight, units=ids, islands="keep")
    if rows != columns:
        raise WeightsError(
            f"{source.name} has {rows} rows and {columns} columns: no square matrix, and no list "
            f"of links with columns {', '.join(_EDGES)}"
        )
    if layout == "matrix":
        if units is None:
            raise UnmatchedIdsError(
                f"{source.name} holds numbers without ids, which cannot be matched with data: "
                "pass units= in the order of its rows"
            )
        return from_dense(bare.to_numpy(dtype=float), units, islands="keep")
    table = reader(source, index_col=0)
    if [str(name) for name in table.columns] != [str(name) for name in table.index]:
        raise UnmatchedIdsError(
            f"first row and first column of {source.name} name different units: "
            f"{sample(table.columns)} against {sample(table.index)}"
        )
    return from_dense(table.to_numpy(dtype=float), table.index, islands="keep")


def _is_bare(table: pd.DataFrame) -> bool:
    """Whether a square table is numbers throughout with a diagonal of zeros, and so has no ids."""
    numbers = table.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    square = numbers.shape[0] == numbers.shape[1]
    return bool(square and np.isfinite(numbers).all() and not np.diag(numbers).any())


def _with_ids(found: SpatialWeights, units: pd.Index) -> SpatialWeights:
    """Return the weights with the caller's ids, in the caller's order."""
    if set(found.units) == set(units):
        return found.reordered(units, "units=")
    texts = pd.Index([str(unit) for unit in units])
    theirs = pd.Index([str(unit) for unit in found.units])
    only_file, only_units = theirs.difference(texts), texts.difference(theirs)
    if len(only_file) or len(only_units):
        raise UnmatchedIdsError(
            f"ids of the file and units= differ: {len(only_file)} only in the file "
            f"({sample(only_file)}), {len(only_units)} only in units= ({sample(only_units)})"
        )
    return found.renamed(units[texts.get_indexer(theirs)]).reordered(units, "units=")
