"""Reading panels from the files that researchers have: sheets, Stata files, shapefiles.

Files are local and are read by the program for their ending, whatever their content claims;
errors of these programs are raised as errors of this package.
"""

from __future__ import annotations

import re
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from nqp_spatial.core.ids import reread
from nqp_spatial.core.near_names import ARGUMENTS, near
from nqp_spatial.core.options import Geometry, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.shipped_maps import SHIPPED_MAPS, require_shipped
from nqp_spatial.errors import (
    GeometryError,
    MissingDependencyError,
    NqpError,
    OptionError,
    PanelError,
    UnknownColumnError,
    sample,
)

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["is_map_name", "map_file", "read_panel", "reading", "sheets_of", "table_file"]

_MAPS = (".shp", ".gpkg", ".geojson", ".json", ".gdb", ".zip")
# What the files of an ending begin with.
_BEGINNINGS = {".shp": b"\x00\x00\x27\x0a", ".gpkg": b"SQLite format 3\x00", ".zip": b"PK"}
_ENCODINGS = (
    "tables from Chinese Excel are often in encoding='gb18030', those saved as Unicode text in "
    "encoding='utf-16'"
)


@checked
def read_panel(
    path: str | Path,
    *,
    unit: str,
    period: str | None = None,
    geometry: str | Path | Geometry | None = None,
    labels: Mapping[str, str] | None = None,
    balanced: bool = True,
    extra_shapes: Literal["error", "drop"] = "error",
    geometry_unit: str | None = None,
    geometry_encoding: str | None = None,
    aliases: Mapping[Any, Hashable] | None = None,
    **options: Any,
) -> SpatialPanel:
    r"""Read a panel from a table and, optionally, a map.

    Parameters
    ----------
    path : path
        Local table as csv, xlsx, xls, dta or parquet, in long form. Variable labels of a Stata file
        become the panel's labels.
    unit, period : str
        Columns of ids and periods. Ids in text cells of Excel stay text ("01001" keeps its zero),
        unless the map has the same ids as numbers; numbers match text of a map's file that is
        exactly such a number. A csv does not distinguish text from
        numbers: pass ``dtype={unit: str}`` for ids that begin with zeros.
    geometry : path, GeoDataFrame or {"china-prefectures", "china-provinces"}, optional
        Local map as shp, gpkg, geojson (also named json), gdb, or a zip that holds one of these; or
        the name of a map of the package, on which units are found by names or codes.
    labels, balanced, extra_shapes, aliases
        As in `SpatialPanel`.
    geometry_unit : str, optional
        Column of the map with the ids, if it is not named `unit` (shapefiles cut names to ten
        characters).
    geometry_encoding : str, optional
        Encoding of a shapefile's table where no .cpg file names it, such as ``"gb18030"``.
    **options
        Passed to the pandas reader, such as ``sheet_name=``, ``encoding=``, ``na_values=`` or
        ``thousands=``.

    Returns
    -------
    SpatialPanel

    Raises
    ------
    OptionError
        If the file's ending is not one of those above, a path is a web address, an option is not
        one of the reader's, the text is in another encoding, or there is no map of this name.
    FileNotFoundError
        If there is no such file.
    PanelError
        If the table cannot be read: it is empty or damaged, or rows have more cells than the header
        has names. Else as in `SpatialPanel`.
    GeometryError
        If the map cannot be read, or its content does not agree with its ending.
    MissingDependencyError
        If the reader of this kind of file is not installed.
    UnknownColumnError
        If the map has no column of ids.
    UnmatchedIdsError
        As in `SpatialPanel`.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "p.csv").write_text("city,year,x\na,2019,1\na,2020,2\n")
    >>> read_panel(folder / "p.csv", unit="city", period="year")
    SpatialPanel: 1 units x 2 periods (2019 to 2020), 1 column, no geometry
    """
    frame, variable_labels = table_file(path, unit, options)
    shapes: Any = geometry
    if isinstance(geometry, str | Path) and is_map_name(geometry):
        shapes = str(geometry)
        require_shipped(shapes)
        if geometry_unit is not None or geometry_encoding is not None:
            raise OptionError(
                "geometry_unit= and geometry_encoding= are for a map that is read from a file; "
                f"units are found on {shapes!r} by names or codes: leave them out"
            )
    elif isinstance(geometry, str | Path):
        shapes = _read_map(geometry, geometry_unit or unit, geometry_encoding)
        shapes = _like_the_table(shapes, geometry_unit or unit, frame, unit)
    elif geometry_encoding is not None:
        raise OptionError("geometry_encoding= is for a map that is read from a file")
    if geometry_unit is not None and shapes is not None:
        shapes = _renamed(shapes, geometry_unit, unit)
    if Path(path).suffix.lower() in _EXCEL and _with_kept_text(unit, options) != options:
        frame = _like_the_map(frame, unit, shapes)
    return SpatialPanel(
        frame,
        unit=unit,
        period=period,
        geometry=shapes,
        labels={**variable_labels, **(labels or {})},
        balanced=balanced,
        extra_shapes=extra_shapes,
        aliases=aliases,
    )


def is_map_name(geometry: str | Path) -> bool:
    """Whether a text names a map of the package, rightly or wrongly, and not a file.

    Examples
    --------
    >>> is_map_name("china-prefectures"), is_map_name("中国"), is_map_name("china.shp")
    (True, True, False)
    """
    text = str(geometry)
    return text in SHIPPED_MAPS or not re.search(r"[./\\]", text)


# -- what all files share --------------------------------------------------------------------------


def _local(path: str | Path, what: str, endings: Mapping[str, object] | tuple[str, ...]) -> Path:
    """Return the path of a file that is here and has a known ending."""
    if not isinstance(path, str | Path):
        raise OptionError(f"the path of {what} must be text or a Path, got {path!r}")
    text = str(path)
    # A Path makes one slash of two; a drive of Windows has one letter.
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:[/\\]|/vsi", text.replace("\\", "/")):
        raise OptionError(
            f"{what} is read from a local file, and {text!r} is an address; download it first"
        )
    path = Path(path)
    if path.suffix.lower() not in endings:
        raise OptionError(
            f"cannot read {what} from {path.name!r}; endings known are {', '.join(endings)}"
        )
    if not path.exists():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    if path.is_dir() != (path.suffix.lower() == ".gdb"):
        kind = "a folder" if path.is_dir() else "a file"
        raise OptionError(f"cannot read {what} from {path.name!r}, which is {kind}")
    return path


@contextmanager
def reading(path: Path, error: type[NqpError], what: str) -> Iterator[None]:
    """Raise errors of readers of files as errors of this package.

    Parameters
    ----------
    path : Path
    error : type
        Raised where the content cannot be read.
    what : str
        The object of the sentence: "a table".

    Examples
    --------
    >>> with reading(Path("x.csv"), PanelError, "a table"):
    ...     raise ValueError("No columns to parse")
    Traceback (most recent call last):
    ...
    nqp_spatial.errors.PanelError: cannot read a table from 'x.csv': No columns to parse; ...
    """
    try:
        yield
    except (NqpError, MemoryError):
        raise
    except UnicodeError as raised:
        encoding = getattr(raised, "encoding", "the encoding that was named")
        raise OptionError(
            f"{path.name!r} is not in {encoding}: name its encoding; {_ENCODINGS}"
        ) from None
    except ImportError as raised:
        raise MissingDependencyError(
            f"cannot read {what} from {path.name!r}: {_sentence(raised)}; install the package that "
            "is missing, or save the file as csv or xlsx"
        ) from raised
    except OSError:
        raise  # names the file and what the system says of it
    except Exception as raised:
        text = _sentence(raised)
        if isinstance(raised, LookupError) and "encoding" in text:
            raise OptionError(f"cannot read {path.name!r}: {text}; {_ENCODINGS}") from raised
        if isinstance(raised, TypeError) or "Worksheet" in text or "Usecols" in text:
            raise OptionError(
                f"cannot read {path.name!r} with these options: {text}; {_meant(text)}options are "
                f"those of the pandas reader of {path.suffix} files"
            ) from raised
        raise error(
            f"cannot read {what} from {path.name!r}: {text}; see whether the file opens in the "
            "program that wrote it, and is of the kind that its ending says"
        ) from raised


def _meant(text: str) -> str:
    """Return a question for the option of `read_panel` that was passed on under another name."""
    name = re.search(r"unexpected keyword argument '(\w+)'", text)
    known = ("unit", "period", "geometry", "labels", "balanced", "aliases")
    question = near(name[1], known, ARGUMENTS) if name else ""
    return f"{question} Other " if question else ""


def _sentence(raised: Exception) -> str:
    return " ".join(str(raised).split()).rstrip(".") or type(raised).__name__


# -- tables ----------------------------------------------------------------------------------------


def table_file(
    path: str | Path, unit: str, options: Mapping[str, Any]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return a table of a file unchanged, and the labels of its variables.

    Parameters
    ----------
    path : path
    unit : str
        Column of ids.
    options : mapping
        Of the pandas reader.

    Raises
    ------
    OptionError, FileNotFoundError, PanelError, MissingDependencyError
        As in `read_panel`.
    """
    table = _local(path, "a table", _READERS)
    with reading(table, PanelError, "a table"):
        frame, words = _READERS[table.suffix.lower()](table, unit, dict(options))
    if not isinstance(frame, pd.DataFrame):
        raise OptionError(f"a panel is read as a whole, these options give {type(frame).__name__}")
    return frame, words


def sheets_of(path: Path) -> list[str]:
    """Return the names of a workbook's sheets; none if it is not a workbook or cannot be read."""
    engine = _EXCEL.get(path.suffix.lower())
    if engine is None:
        return []
    try:
        with pd.ExcelFile(path, engine=engine) as book:
            return [str(name) for name in book.sheet_names]
    except Exception:  # the error is raised where it is read
        return []


_EXCEL = {".xlsx": "openpyxl", ".xls": "calamine"}
_Table = tuple[pd.DataFrame, dict[str, str]]


def _read_csv(path: Path, unit: str, options: dict[str, Any]) -> _Table:
    del unit
    if {"index_col", "names", "header"} & set(options):
        return pd.read_csv(path, **options), {}
    frame = _csv_or_none(path, options)
    if frame is not None:
        return frame, {}
    # Commas at the ends of rows are cells without a name: harmless where they are empty.
    names = list(pd.read_csv(path, index_col=False, **{**options, "nrows": 0}).columns)
    for count in range(1, 100):
        spare = [f"\0{k}" for k in range(count)]
        frame = _csv_or_none(path, {**options, "header": 0, "names": [*names, *spare]})
        if frame is not None and frame[spare].isna().all(axis=None):
            return frame.drop(columns=spare), {}
        if frame is not None:
            break
    raise PanelError(
        f"rows of {path.name!r} have more cells than its header has names ({len(names)}: "
        f"{sample(names, 20)}); name all columns, or remove the cells at the ends of rows"
    )


def _csv_or_none(path: Path, options: dict[str, Any]) -> Any:
    """Read a csv, or return None if rows have more cells than there are names."""
    with warnings.catch_warnings():
        # pandas would leave out the last cells, or take the first column for an index.
        warnings.filterwarnings("error", "Length of header", pd.errors.ParserWarning)
        try:
            return pd.read_csv(path, index_col=False, **options)
        except pd.errors.ParserWarning:
            return None


def _read_excel(path: Path, unit: str, options: dict[str, Any]) -> _Table:
    options = {"engine": _EXCEL[path.suffix.lower()], **options}
    frame = pd.read_excel(path, **_with_kept_text(unit, options))
    if isinstance(frame, dict):
        raise OptionError(
            f"a panel is read from one sheet of {path.name!r}; name one of {sample(frame, 10)} in "
            "sheet_name="
        )
    if unit in frame.columns and frame[unit].dtype == object:
        ids = frame[unit]
        texts = ids[ids.map(lambda cell: isinstance(cell, str))]
        # Where some cells are numbers and some text of numbers, all are numbers.
        if 0 < len(texts) < len(ids.dropna()) and texts.str.fullmatch("[1-9][0-9]*").all():
            ids = ids.where(~ids.index.isin(texts.index), texts.astype("int64"))
        frame[unit] = ids.infer_objects()
    return frame, {}


def _with_kept_text(unit: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return options that keep text cells of ids as text, unless the caller sets their type."""
    dtype = options.get("dtype") or {}
    if not isinstance(dtype, Mapping) or unit in dtype or unit in (options.get("converters") or {}):
        return options
    return {**options, "dtype": {**dtype, unit: object}}


def _read_stata(path: Path, unit: str, options: dict[str, Any]) -> _Table:
    del unit
    with pd.read_stata(path, iterator=True) as reader:
        words = {name: label for name, label in reader.variable_labels().items() if label}
    return pd.read_stata(path, **options), words


def _read_parquet(path: Path, unit: str, options: dict[str, Any]) -> _Table:
    del unit
    return pd.read_parquet(path, **options), {}


_READERS: dict[str, Callable[[Path, str, dict[str, Any]], _Table]] = {
    ".csv": _read_csv,
    ".xlsx": _read_excel,
    ".xls": _read_excel,
    ".dta": _read_stata,
    ".parquet": _read_parquet,
}


def _like_the_map(frame: pd.DataFrame, unit: str, shapes: Any) -> pd.DataFrame:
    """Return the frame with ids as numbers, where they are text and the map has them as numbers."""
    if unit not in frame.columns or not isinstance(shapes, pd.DataFrame | pd.Series):
        return frame
    in_column = isinstance(shapes, pd.DataFrame) and unit in shapes.columns
    ids, theirs = frame[unit], shapes[unit] if in_column else shapes.index
    if not pd.api.types.is_integer_dtype(theirs) or not pd.api.types.is_string_dtype(ids):
        return frame
    numbers = pd.to_numeric(ids, errors="coerce")
    same = numbers.notna().all() and (numbers.astype("Int64").astype(str) == ids).all()
    return frame.assign(**{unit: numbers.astype("int64")}) if same else frame


def _like_the_table(
    shapes: gpd.GeoDataFrame, column: str, frame: pd.DataFrame, unit: str
) -> gpd.GeoDataFrame:
    """Return the map with ids as numbers, where they are text and the table has them as numbers.

    The tables of shapefiles often have codes as text. Only text that is exactly a whole number is
    converted, so that no zero in front is lost.
    """
    if unit not in frame.columns or not pd.api.types.is_numeric_dtype(frame[unit]):
        return shapes
    ids = shapes[column]
    if not pd.api.types.is_string_dtype(ids) or not ids.map(_is_whole_number).all():
        return shapes
    return shapes.assign(**{column: ids.astype("int64")})


def _is_whole_number(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch("0|[1-9][0-9]{0,17}", text) is not None


# -- maps ------------------------------------------------------------------------------------------


def map_file(path: str | Path, encoding: str | None = None) -> gpd.GeoDataFrame:
    """Return the map of a file unchanged.

    Parameters
    ----------
    path : path
    encoding : str, optional
        Of a shapefile's table where no .cpg file names it.

    Raises
    ------
    OptionError, FileNotFoundError, GeometryError
        As in `read_panel`.
    """
    path = _local(path, "a map", _MAPS)
    with reading(path, GeometryError, "a map"):
        return _of_known_kind(path, encoding)


def _read_map(path: str | Path, unit: str, encoding: str | None) -> gpd.GeoDataFrame:
    shapes, path = map_file(path, encoding), Path(path)
    if unit not in shapes.columns:
        hint = ""
        if unit in [reread(name) for name in shapes.columns]:
            hint = "; its letters are of another encoding, often geometry_encoding='gb18030'"
        raise UnknownColumnError(
            f"the map {path.name!r} has no column {unit!r} to match units by; its columns are "
            f"{sample(shapes.columns, 20)}{hint}; name the right one in geometry_unit="
        )
    return shapes


def _of_known_kind(path: Path, encoding: str | None) -> gpd.GeoDataFrame:
    """Read a map by the driver of its ending, and no other.

    GDAL looks at the content: a file called .geojson may be a list of other sources, on the web
    too. So the content must agree with the ending.
    """
    import geopandas as gpd

    kind = path.suffix.lower()
    if kind == ".zip":
        return _unzipped(path, encoding)
    source = str(path.resolve())
    if kind == ".gdb":
        if not any(path.glob("*.gdbtable")):
            raise GeometryError(
                f"{path.name!r} is not a file geodatabase: it has no .gdbtable files"
            )
    elif kind in (".geojson", ".json"):
        source = f"GeoJSON:{source}"  # this prefix names the driver
        if path.read_bytes()[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
            raise GeometryError(f"{path.name!r} is not GeoJSON, which begins with '{{'")
    else:
        with path.open("rb") as file:
            if not file.read(16).startswith(_BEGINNINGS[kind]):
                raise GeometryError(f"the content of {path.name!r} is not that of a {kind} file")
    extra = {} if encoding is None else {"encoding": encoding}
    shapes = gpd.read_file(source, engine="pyogrio", **extra)
    if not isinstance(shapes, gpd.GeoDataFrame):
        raise GeometryError(f"{path.name!r} has no geometries")
    return shapes


def _unzipped(path: Path, encoding: str | None) -> gpd.GeoDataFrame:
    """Read the one map that a zip holds."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
        endings = set(_MAPS) - {".zip"}
        files = [file for file in sorted(Path(folder).rglob("*")) if file.suffix.lower() in endings]
        # Files that macOS adds to an archive are not maps.
        members = [file for file in files if not file.name.startswith(".")]
        if len(members) != 1:
            raise GeometryError(
                f"{path.name!r} must hold one map, it holds {len(members)}: "
                f"{sample([file.name for file in members])}; unpack it, and name the map"
            )
        return _of_known_kind(members[0], encoding)


def _renamed(shapes: gpd.GeoDataFrame, column: str, unit: str) -> gpd.GeoDataFrame:
    """Return the map with its column of ids named as in the table."""
    if column == unit:
        return shapes
    if column not in shapes.columns:
        raise UnknownColumnError(
            f"the map has no column {column!r}; its columns are {sample(shapes.columns, 20)}"
        )
    return shapes.drop(columns=unit, errors="ignore").rename(columns={column: unit})
