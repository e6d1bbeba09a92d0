"""An initial settings file, with guesses from the columns of a table and a map."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.options import checked
from nqp_spatial.core.shipped_maps import SHIPPED_MAPS, require_shipped, shipped_words
from nqp_spatial.errors import NqpError, OptionError, PanelError, plain, sample
from nqp_spatial.io import is_map_name, sheets_of
from nqp_spatial.report.study._guess_columns import (
    YEAR,
    Guesses,
    guess_columns,
    guess_period,
    guess_unit,
    unit_columns,
)
from nqp_spatial.report.study._map_guess import (
    alias_proposals,
    best_match,
    one_name,
)
from nqp_spatial.report.study._settings_text import settings_text
from nqp_spatial.report.study.files import ids_of_map, map_of, rows_around, table_of

__all__ = ["starter"]

_WEIGHTS = (".gal", ".gwt")


@checked
def starter(panel: str | Path, geometry: str | Path | None = None, *, folder: Path) -> str:
    """Return a commented settings file for a table and a map, based on their columns.

    Parameters
    ----------
    panel : path
        csv, xlsx, dta or parquet.
    geometry : path or {"china-prefectures", "china-provinces"}, optional
        If left out, a map of the package is proposed if most units are on it.
    folder : Path
        Folder of the file: paths are written relative to it.

    Returns
    -------
    str
        TOML. Guesses are marked; optional keys are commented out with ``#``.

    Raises
    ------
    NqpError, OSError
        If the table or the map cannot be read, or no unit or period can be identified.

    Examples
    --------
    >>> import tempfile
    >>> home = Path(tempfile.mkdtemp())
    >>> rows = ["city,year,gdp", "a,2019,1", "a,2020,2", "b,2019,3", "b,2020,5"]
    >>> _ = (home / "p.csv").write_text(chr(10).join(rows))
    >>> text = starter(home / "p.csv", folder=home)
    >>> 'unit = "city"' in text, 'period = "year"' in text
    (True, True)
    """
    path = Path(panel)
    frame, reading, notes = _read(path)
    period = guess_period(frame)
    guesses: Guesses = {
        ("data", "panel"): _relative(path, folder), ("data", "period"): period,
        **{("data", key): value for key, value in reading.items()},
    }  # fmt: skip
    aliases: dict[str, str] = {}
    if geometry is None or is_map_name(geometry):
        unit, place = _shipped(frame, period, None if geometry is None else str(geometry))
        notes += place.notes
        guesses |= place.guesses or _weights_beside(path, folder)
        aliases = place.aliases
        if not any(key[0] == "weights" for key in guesses):
            notes.append(
                "No map: name one in [data] geometry (shp, gpkg, geojson, gdb, zip, or "
                f"{' or '.join(SHIPPED_MAPS)}), or a file of weights in [weights] path"
            )
    else:
        shapes, encoding = _map(Path(geometry), frame)
        unit = _unit_on_map(frame, period, shapes)
        guesses["data", "geometry"] = _relative(Path(geometry), folder)
        guesses |= {("data", "geometry_encoding"): encoding} if encoding else {}
        place = _columns_of_map(shapes, unit, frame[unit], Path(geometry).name)
        guesses |= place.guesses
        notes += place.notes
        aliases = place.aliases
    guesses["data", "unit"] = unit
    if _is_chinese(frame, unit):
        guesses["study", "lang"] = "zh"
    guessed, hints, words = guess_columns(frame, unit, period)
    return settings_text(guesses | guessed, hints, [*words, *notes], aliases)


@dataclass(frozen=True)
class _Placed:
    """How the units of a table are found on a map: settings, notes, proposed aliases."""

    guesses: Guesses
    notes: list[str]
    aliases: dict[str, str]


def _shipped(frame: pd.DataFrame, period: str, name: str | None) -> tuple[str, _Placed]:
    """Return the column of ids and how its units are found on a map of the package, if they are.

    Raises
    ------
    OptionError
        If there is no map of this name, or no column has the names or codes of its regions.
    """
    if name is not None:
        require_shipped(name)
    columns = unit_columns(frame, period)
    proposal = best_match(frame, columns, SHIPPED_MAPS if name is None else [name])
    if proposal is None and name is not None:
        raise OptionError(
            f"no column of ids has names or codes of the map {name!r} for most units; columns that "
            f"could be ids: {sample(columns)}; maps of the package are {shipped_words()}"
        )
    if proposal is None:
        return guess_unit(frame, period, []), _Placed({}, [], {})
    match = proposal.match
    guesses: Guesses = {
        ("data", "geometry"): match.name, ("weights", "kind"): "queen",
        ("weights", "islands"): "nearest", ("maps", "basemap"): "china",
        ("maps", "inset"): "south-china-sea",
    }  # fmt: skip
    notes = [str(note) for note in match.notes()]
    if absent := match.unmatched_words():
        notes.append(f"Not on the map, see [data.aliases]: {', '.join(absent)}")
    lines = {str(plain(unit)): str(row["first"]) for unit, row in match.unmatched.iterrows()}
    if len(match.repeated):
        notes.append(f"One region under several names: {', '.join(match.repeated_words()[:12])}")
        lines |= one_name(match, frame.groupby(proposal.column)[period].max())
    return proposal.column, _Placed(guesses, notes, lines)


def _is_chinese(frame: pd.DataFrame, unit: str) -> bool:
    """Whether most names of columns, or of units, are Chinese."""
    for names in (frame.columns, frame[unit].drop_duplicates()):
        texts = [str(name) for name in names]
        chinese = [text for text in texts if re.search("[\u4e00-\u9fff]", text)]
        if 2 * len(chinese) > len(texts):
            return True
    return False


def _relative(path: Path, folder: Path) -> str:
    try:
        name = os.path.relpath(path.resolve(), folder.resolve())
    except ValueError:  # on another drive
        name = str(path.resolve())
    try:
        name.encode()
    except UnicodeEncodeError:
        raise OptionError(f"the name {name!r} cannot be written in a file: rename it") from None
    return Path(name).as_posix()


def _read(path: Path) -> tuple[pd.DataFrame, dict[str, Any], list[str]]:
    """Return a table from which a panel can be built, the options to read it, and notes."""
    readings: list[dict[str, Any]] = [{"sheet_name": name} for name in sheets_of(path)] or [
        {"encoding": name} for name in (None, "gb18030", "utf-16") if path.suffix.lower() == ".csv"
    ]
    notes = []
    if len(readings) > 1 and "sheet_name" in readings[0]:
        names = ", ".join(str(reading["sheet_name"]) for reading in readings)
        notes.append(f"Sheets of the workbook: {names}")
    faults: list[NqpError] = []
    for place, reading in enumerate(readings or [{}]):
        rows: dict[str, Any] = {}
        try:
            rows = rows_around(path, reading["sheet_name"]) if "sheet_name" in reading else {}
            frame = _usable(table_of(path, **reading, **rows), path)
            guess_unit(frame, guess_period(frame), [])
        except (OptionError, PanelError) as error:
            faults.append(error)
            continue
        if rows:
            notes.append(_around(rows))
        return frame, {k: v for k, v in reading.items() if v is not None and place} | rows, notes
    if readable := [fault for fault in faults if "name its encoding" not in str(fault)]:
        raise readable[0]
    raise OptionError(f"{path.name!r} is neither in UTF-8 nor in GB 18030: save it in UTF-8")


def _around(rows: dict[str, int]) -> str:
    header, below = rows.get("header_row"), rows.get("footer_rows")
    parts = [f"the column names are in row {header}"] if header else []
    parts += [f"{below} row{'s' * (below > 1)} below the table left out"] if below else []
    return f"Of the sheet, {', '.join(parts)}"


def _map(path: Path, frame: pd.DataFrame) -> tuple[Any, str | None]:
    """Return a map, and, if it declares none, the encoding under which it has the table's ids."""

    def lacking(shapes: Any) -> int:
        texts = frame.select_dtypes(exclude="number")
        return min((len(ids_of_map(shapes, name, texts[name])[1]) for name in texts), default=0)

    shapes = map_of(path)
    if path.suffix.lower() in (".shp", ".zip") and lacking(shapes):
        try:
            other = map_of(path, "gb18030")
        except (NqpError, OSError):
            return shapes, None
        if lacking(other) < lacking(shapes):
            return other, "gb18030"
    return shapes, None


def _usable(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the columns that can be compared, with names as text."""
    if frame.empty:
        raise OptionError(f"{path.name!r} has no rows: a panel has one row per unit and period")
    nested = [
        name
        for name in frame.columns
        if frame[name].map(lambda cell: isinstance(cell, list | dict | set | np.ndarray)).any()
    ]
    frame = frame.drop(columns=nested).dropna(axis=1, how="all")
    if frame.shape[1] < 2:
        raise OptionError(
            f"{path.name!r} has one column, {sample(frame.columns)}: a panel needs a column of "
            "units and one of periods; is another separator than the comma used?"
        )
    years = [name for name in frame.columns if YEAR.fullmatch(name.strip())]
    if len(years) > 2:
        raise OptionError(
            f"{path.name!r} is wide, with a column for each period ({sample(years, 3)}): write it "
            "in long form, one row per unit and period, for example by pandas.melt"
        )
    return frame


def _unit_on_map(frame: pd.DataFrame, period: str, shapes: Any) -> str:
    """Return the column of ids of which most are on a map."""
    first = guess_unit(frame, period, [str(name) for name in shapes.columns])
    columns = [first, *(name for name in unit_columns(frame, period) if name != first)]
    lacking = {}
    for name in columns:
        column, absent = ids_of_map(shapes, name, frame[name])
        lacking[name] = len(absent) / frame[name].nunique() if column else 1.0
    return min(columns, key=lambda name: lacking[name])  # the first of equals


def _columns_of_map(shapes: Any, unit: str, ids: pd.Series, name: str) -> _Placed:
    """Return the id column of a map, how to treat additional shapes, and the missing ids."""
    column, absent = ids_of_map(shapes, unit, ids)
    if not column:
        words = f"No column of {name} has the ids in {unit}: {sample(ids.unique())}"
        return _Placed({}, [words], {})
    guesses: Guesses = {("weights", "kind"): "queen", ("weights", "islands"): "nearest"}
    guesses |= {("data", "geometry_unit"): column} if column != unit else {}
    notes, aliases = [], {}
    if absent:
        notes.append(
            f"{len(absent)} of {ids.nunique()} units are not in {column} of {name}: "
            f"{sample(absent, 20)}"
        )
        theirs = pd.Index(shapes[column].dropna().drop_duplicates())
        aliases = alias_proposals(absent[:50], theirs)
    if set(shapes[column].map(str)) - set(ids.map(str)):
        guesses["data", "extra_shapes"] = "drop"
    return _Placed(guesses, notes, aliases)


def _weights_beside(path: Path, folder: Path) -> Guesses:
    """Return the settings of a file of weights beside the table, if there is one."""
    files = sorted(
        file for file in path.resolve().parent.iterdir() if file.suffix.lower() in _WEIGHTS
    )
    if not files:
        return {}
    return {("weights", "kind"): "file", ("weights", "path"): _relative(files[0], folder)}
