"""Weights in files: what GeoDa, Stata, R and spreadsheets read and write."""

from __future__ import annotations

import csv
import io
import json
import struct
import zipfile
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from nqp_spatial.core.options import checked
from nqp_spatial.core.sizes import require_memory
from nqp_spatial.core.text import t
from nqp_spatial.errors import NqpError, OptionError, UnmatchedIdsError, WeightsError, sample
from nqp_spatial.weights._spec import spec_from_data, spec_to_data
from nqp_spatial.weights._tables import EDGES, Cells, Layout, table_weights
from nqp_spatial.weights.distance import links_of
from nqp_spatial.weights.from_data import from_edges, matched_ids, unique_ids
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["read", "write"]

_WRITTEN = (".gal", ".gwt", ".csv", ".xlsx", ".parquet")
_TEXTS = (".gal", ".gwt", ".csv", ".txt")
_READ = (*_WRITTEN, ".txt", ".dta")
_SPEC = b"nqp_spatial.weights"
_SHEET = (1_048_576, 16_384)  # rows and columns that a workbook holds


def write(weights: SpatialWeights, path: str | Path, *, layout: Layout = "edges") -> Path:
    """Write weights to a file; see `SpatialWeights.write`."""
    target = _known(path, _WRITTEN)
    target.parent.mkdir(parents=True, exist_ok=True)
    ending = target.suffix.lower()
    if ending in (".gal", ".gwt"):
        spaced = [unit for unit in weights.units if str(unit).split() != [str(unit)]]
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
        n = weights.n_units
        require_memory(
            24.0 * n * n, f"a table of {n} x {n} weights", "write layout='edges' or parquet"
        )
        table = pd.DataFrame(weights.sparse.toarray(), weights.units, weights.units)
        table.index.name = "unit"
        named = layout == "dense"
        _save(table, target, index=named, header=named)
    return target


@checked
def read(
    path: str | Path,
    *,
    units: Iterable[Hashable] | None = None,
    layout: Layout | None = None,
    encoding: str | None = None,
) -> SpatialWeights:
    """Read weights from a gal, gwt, csv, txt, xlsx, dta or parquet file, as they are.

    Parameters
    ----------
    path : path
        ``gal`` (neighbours only, weights of one) and ``gwt`` as GeoDa writes them; ``csv``, ``txt``
        (cells parted by spaces, tabs, commas or semicolons), ``xlsx`` and Stata's ``dta`` with a
        list of links (columns focal, neighbor and weight; without the last one other column of
        numbers is taken, and named in the specification), a square table with ids in its first row
        and column or in one of them, or a square of bare numbers, also under a header v1, v2, ...;
        ``txt`` of Stata's ``spmat export`` and ``spmatrix export``; ``parquet`` as
        `SpatialWeights.write` makes it, with the specification and the raw weights.
    units : iterable, optional
        Ids, needed for bare numbers (in the order of rows). Otherwise ids in the file are matched
        with them by their text, so that ``"110000"`` in a file becomes the panel's ``110000``.
        Needed too for a gal or gwt file that counts more units than it names.
    layout : {"edges", "dense", "matrix"}, optional
        Of a table, if it cannot be determined from its first row.
    encoding : str, optional
        Of a text file, UTF-8 by default; Chinese files are often in ``"gb18030"``.

    Returns
    -------
    SpatialWeights
        Units without neighbours are kept; `SpatialWeights.islands` names them.

    Raises
    ------
    OptionError
        If the ending is unknown, or the text is in another encoding.
    WeightsError
        If the content does not agree with the ending or layout, cannot be read, or has
        numbers on the diagonal.
    UnmatchedIdsError
        If a matrix has no ids and `units` is not passed, or they do not match.
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
    source = _known(path, _READ)
    if not source.exists():
        raise FileNotFoundError(f"there is no file {str(source)!r}")
    wanted = None if units is None else unique_ids(units, "units=")
    ending = source.suffix.lower()
    if encoding is not None and ending not in _TEXTS:
        raise OptionError(f"encoding is of text files ({', '.join(_TEXTS)}), not of {ending}")
    with _translated(source):
        if ending == ".parquet":
            weights = _read_parquet(source, layout, wanted)
        elif ending in (".gal", ".gwt"):
            weights = _from_file(_read_lines(_text_of(source, encoding), source, wanted), source)
        else:
            cells = _cells_of(source, encoding)
            weights = _from_file(table_weights(cells, source.name, layout, wanted), source)
        return weights if wanted is None else _with_ids(weights, wanted)


@contextmanager
def _translated(source: Path) -> Iterator[None]:
    """Turn what readers of files raise into errors that name the file."""
    try:
        yield
    except NqpError:
        raise
    except UnicodeDecodeError as error:
        raise OptionError(
            f"{source.name!r} is not in {error.encoding}: name its encoding=; tables from Chinese "
            "Excel are often in encoding='gb18030'"
        ) from None
    except LookupError as error:
        if "encoding" not in str(error):
            raise WeightsError(f"cannot read {source.name!r}: {error!r}") from error
        raise OptionError(f"{error}; name one that Python knows, such as 'gb18030'") from None
    except (
        ValueError, TypeError, OSError, EOFError, SyntaxError, ArithmeticError, csv.Error,
        struct.error, zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise WeightsError(
            f"{source.name!r} cannot be read as a {source.suffix} file: {error or type(error)}"
        ) from error


def _text_of(source: Path, encoding: str | None) -> str:
    raw = source.read_bytes()
    if encoding is None:
        encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = raw.decode(encoding)
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _cells_of(source: Path, encoding: str | None) -> Cells:
    """Return the cells of a table, its header first; text unchanged, empty cells as ''."""
    ending = source.suffix.lower()
    if ending == ".xlsx":
        table = pd.read_excel(source, header=None, dtype=object, keep_default_na=False)
        return [list(row) for row in table.itertuples(index=False)]
    if ending == ".dta":
        return _with_header(pd.read_stata(source, convert_categoricals=False))
    text = _text_of(source, encoding)
    first = text.lstrip("\n").split("\n", 1)[0]
    delimiter = next((mark for mark in ("\t", ",", ";") if mark in first), None)
    if ending == ".csv" and "," in first:
        delimiter = ","
    if delimiter is None:  # any number of spaces
        lines = (" ".join(line.split()) for line in text.split("\n"))
        return list(csv.reader(lines, delimiter=" "))
    return list(csv.reader(io.StringIO(text), delimiter=delimiter))


def _with_header(frame: pd.DataFrame) -> Cells:
    return [list(frame.columns), *frame.astype(object).to_numpy().tolist()]


def _from_file(weights: SpatialWeights, source: Path) -> SpatialWeights:
    """Return weights whose specification names the file."""
    kind = t("read from {file}", file=source.name)
    return replace(weights, spec=replace(weights.spec, kind=kind), cache={})


def _known(path: str | Path, endings: tuple[str, ...]) -> Path:
    target = Path(path)
    if target.suffix.lower() not in endings:
        hint = ""
        if target.suffix.lower() == ".spmat":
            hint = "; export it in Stata: spmat export NAME using w.txt"
        raise OptionError(
            f"weights are kept in files ending in {', '.join(endings)}; got {target.name!r}{hint}"
        )
    return target


def _edges(weights: SpatialWeights) -> pd.DataFrame:
    """Return one row per link, and for a unit without links one of weight zero with itself."""
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


def _save(table: pd.DataFrame, target: Path, *, index: bool, header: bool = True) -> None:
    if target.suffix.lower() == ".csv":
        table.to_csv(target, index=index, header=header)
        return
    shape = (table.shape[0] + header, table.shape[1] + index)
    if shape[0] > _SHEET[0] or shape[1] > _SHEET[1]:
        raise OptionError(
            f"a workbook holds {_SHEET[0]} rows and {_SHEET[1]} columns, the weights need "
            f"{shape[0]} and {shape[1]}; write csv or parquet"
        )
    from openpyxl.utils.exceptions import IllegalCharacterError

    try:
        with pd.ExcelWriter(target, engine="openpyxl") as writer:
            table.to_excel(writer, index=index, header=header)
            for row in next(iter(writer.sheets.values())).iter_rows():
                for cell in row:
                    if cell.data_type in "fe":  # text that looks like a formula or an error
                        cell.data_type = "s"
    except IllegalCharacterError as error:
        raise WeightsError(f"ids hold characters that a workbook cannot: {error}") from None


def _write_lines(weights: SpatialWeights, target: Path, *, with_weights: bool) -> None:
    """Write gal or gwt; the head names the number of units, and islands have no lines."""
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


def _read_lines(text: str, source: Path, units: pd.Index | None) -> SpatialWeights:
    """Return the weights of a gal or gwt file; what it counts but does not name is an island."""
    head, *lines = text.split("\n")
    body = [line.split() for line in lines]
    try:
        edges, ids = _gwt(body) if source.suffix.lower() == ".gwt" else _gal(body, source.name)
    except (ValueError, IndexError) as error:
        raise WeightsError(f"{source.name} is no {source.suffix} file ({error})") from error
    ids += _unnamed_units(head, ids, units, source.name)
    frame = pd.DataFrame(edges, columns=EDGES)
    return from_edges(frame, weight="weight", units=ids, islands="keep")


def _gwt(body: list[list[str]]) -> tuple[list[tuple[str, str, float]], list[str]]:
    edges = [(focal, other, float(weight)) for focal, other, weight in filter(None, body)]
    return edges, list(dict.fromkeys([name for edge in edges for name in edge[:2]]))


def _gal(body: list[list[str]], name: str) -> tuple[list[tuple[str, str, float]], list[str]]:
    edges: list[tuple[str, str, float]] = []
    ids: list[str] = []
    place = 0
    while place < len(body):
        if not body[place]:
            place += 1
            continue
        focal, count = body[place][0], int(body[place][1])
        others = body[place + 1] if count else []
        if len(others) != count:
            raise WeightsError(
                f"{name}: unit {focal} should have {count} neighbours, {len(others)} are listed"
            )
        ids.append(focal)
        edges += [(focal, other, 1.0) for other in others]
        place += 2 if count or (place + 1 < len(body) and not body[place + 1]) else 1
    return edges, ids


def _unnamed_units(head: str, ids: list[str], units: pd.Index | None, name: str) -> list[str]:
    """Return units that the head counts and no line names: the others of `units`."""
    words = head.split()
    # The number alone, or "0 number map key" as GeoDa writes.
    place = 0 if len(words) == 1 else 1
    if len(words) in (0, 2, 3) or not words[place].isdigit() or (place and words[0] != "0"):
        raise WeightsError(
            f"{name}: the first line must hold the number of units, alone or as in "
            f"'0 49 map id'; it is {head[:60]!r}"
        )
    count = int(words[place])
    if count == len(ids):
        return []
    known = set(ids)
    absent = [] if units is None else [str(unit) for unit in units if str(unit) not in known]
    if count < len(ids) or len(absent) != count - len(ids):
        raise WeightsError(
            f"{name}: its first line counts {count} units, but {len(ids)} occur in the lines "
            f"({sample(ids)})"
            + ("; pass units= to name those without neighbours" if units is None else
               f", and units= has {len(absent)} others ({sample(absent)})")
        )  # fmt: skip
    return absent


def _write_parquet(weights: SpatialWeights, target: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = _edges(weights)
    raw = weights.raw.tocsr()
    same = np.array_equal(raw.indptr, weights.sparse.indptr) and np.array_equal(
        raw.indices, weights.sparse.indices
    )
    spec = spec_to_data(weights.spec)
    if same:
        alone = np.zeros(len(weights.islands))
        table["raw"] = np.concatenate([raw.data, alone])
    else:
        spec["standardization"] = "none"
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    order = pd.Series(range(weights.n_units), index=weights.units)
    arrow = arrow.append_column("order", pa.array(order.loc[table["focal"]].to_numpy()))
    about = {**(arrow.schema.metadata or {}), _SPEC: json.dumps(spec).encode()}
    parquet.write_table(arrow.replace_schema_metadata(about), target)


def _read_parquet(source: Path, layout: Layout | None, units: pd.Index | None) -> SpatialWeights:
    from pyarrow import parquet

    table = parquet.read_table(source)
    frame = table.to_pandas()
    about = (table.schema.metadata or {}).get(_SPEC)
    if about is None:
        return _from_file(table_weights(_with_header(frame), source.name, layout, units), source)
    try:
        spec = spec_from_data(json.loads(about))
        order = frame.drop_duplicates("order").sort_values("order")["focal"].to_list()
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise WeightsError(f"{source.name} is damaged: {error}; write it anew") from None
    column = "raw" if "raw" in frame else "weight"
    weights = from_edges(frame, weight=column, units=order, islands="keep")
    return replace(weights.standardize(spec.standardization), spec=spec, cache={})


def _with_ids(weights: SpatialWeights, units: pd.Index) -> SpatialWeights:
    """Return the weights with the caller's ids, in the caller's order."""
    try:
        ids = matched_ids(weights.units, units, "file")
    except UnmatchedIdsError as error:
        theirs, ours = (pd.Index([str(unit) for unit in ids]) for ids in (weights.units, units))
        only_file, only_units = theirs.difference(ours), ours.difference(theirs)
        raise UnmatchedIdsError(
            f"ids of the file and units= differ: {len(only_file)} only in the file "
            f"({sample(only_file)}), {len(only_units)} only in units= ({sample(only_units)})"
        ) from error
    return weights.renamed(ids).reordered(units, "units=")
