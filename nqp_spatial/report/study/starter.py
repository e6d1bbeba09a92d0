"""An initial settings file, with guesses from the columns of a table and a map."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic.fields import FieldInfo

from nqp_spatial.core.options import checked
from nqp_spatial.core.shipped_maps import SHIPPED_MAPS, require_shipped, shipped_words
from nqp_spatial.errors import NqpError, OptionError, PanelError, plain, sample
from nqp_spatial.io import is_map_name, sheets_of
from nqp_spatial.regression._formulas import quoted
from nqp_spatial.report._texts import visible
from nqp_spatial.report.study._faults import choices_of
from nqp_spatial.report.study._findings import toml_text
from nqp_spatial.report.study._map_guess import (
    alias_proposals,
    are_codes,
    best_match,
    one_name,
    provinces_of,
)
from nqp_spatial.report.study.config import TABLES
from nqp_spatial.report.study.files import ids_of_map, map_of, rows_around, table_of

__all__ = ["starter"]

_PERIODS = ("year", "period", "time", "date", "年份", "年", "时间", "年度")
_YEAR = re.compile(r"(?:1[89]|2[01])\d\d(?:\.0)?年?")
_WEIGHTS = (".gal", ".gwt")
_OUTCOME = re.compile(
    "人均.*(gdp|生产总值|收入)|指数|生产率|per.?capita|per.?head|income|index|productivity"
)
_NO_OUTCOME = re.compile(
    "^(id|fid|no|num|lon|lat)$|_id$|code|longitude|latitude|序号|编号|编码|代码|经度|纬度"
)
_SHARE = re.compile("%|％|占比|比重|比例|share|percent|pct|rate|log|对数|^ln")
_REGRESSORS = 3  # in the proposed formula

Guesses = dict[tuple[str, str], Any]


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
    period = _guess_period(frame)
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
    guessed, hints, words = _guess_columns(frame, unit, period)
    return _toml(guesses | guessed, hints, [*words, *notes], aliases)


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
    columns = _unit_columns(frame, period)
    proposal = best_match(frame, columns, SHIPPED_MAPS if name is None else [name])
    if proposal is None and name is not None:
        raise OptionError(
            f"no column of ids has names or codes of the map {name!r} for most units; columns that "
            f"could be ids: {sample(columns)}; maps of the package are {shipped_words()}"
        )
    if proposal is None:
        return _guess_unit(frame, period, []), _Placed({}, [], {})
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
            _guess_unit(frame, _guess_period(frame), [])
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
    years = [name for name in frame.columns if _YEAR.fullmatch(name.strip())]
    if len(years) > 2:
        raise OptionError(
            f"{path.name!r} is wide, with a column for each period ({sample(years, 3)}): write it "
            "in long form, one row per unit and period, for example by pandas.melt"
        )
    return frame


def _guess_period(frame: pd.DataFrame) -> str:
    named = [name for name in frame.columns if name.strip().lower() in _PERIODS]
    for name in [*named, *frame.columns]:
        values = frame[name].dropna()
        if name in named and values.nunique() > 0 and not _is_fraction(values):
            return str(name)
        if _are_years(values) and values.nunique() < len(values):
            return str(name)
    raise OptionError(
        "no column of periods can be made out; name it year, or write the file of settings by hand"
    )


def _is_fraction(values: pd.Series) -> bool:
    return pd.api.types.is_float_dtype(values) and not values.map(float.is_integer).all()


def _are_years(values: pd.Series) -> bool:
    if values.empty or pd.api.types.is_bool_dtype(values):
        return False
    return all(_YEAR.fullmatch(str(value).strip()) for value in values.unique())


def _unit_columns(frame: pd.DataFrame, period: str) -> list[str]:
    """Return the columns that have each value once a period."""
    rows, periods = len(frame), frame[period].nunique()
    return [
        str(name)
        for name in frame.columns
        if name != period
        and (not pd.api.types.is_float_dtype(frame[name]) or are_codes(frame[name]))
        and not frame.duplicated([name, period]).any()
        and frame[name].nunique() * periods >= rows
        and frame[name].nunique() < max(rows, 2)
    ]


def _guess_unit(frame: pd.DataFrame, period: str, fields: list[str]) -> str:
    complete = _unit_columns(frame, period)
    best = sorted(complete, key=lambda name: (name not in fields, "name" in name.lower()))
    if not best:
        raise OptionError(
            f"no column of unit ids can be made out: none has each value once a {period}; check "
            "for rows that occur twice, and for cells without an id"
        )
    return best[0]


def _unit_on_map(frame: pd.DataFrame, period: str, shapes: Any) -> str:
    """Return the column of ids of which most are on a map."""
    first = _guess_unit(frame, period, [str(name) for name in shapes.columns])
    columns = [first, *(name for name in _unit_columns(frame, period) if name != first)]
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


def _guess_columns(
    frame: pd.DataFrame, unit: str, period: str
) -> tuple[Guesses, dict[tuple[str, str], str], list[str]]:
    """Return an outcome and groups, an initial formula, and descriptions of the columns."""
    by_unit = frame.groupby(unit)
    others = [name for name in frame.columns if name not in (unit, period)]
    numeric = [name for name in others if _is_number(frame[name])]
    counts = frame[others].nunique()
    fixed = [n for n in others if by_unit[n].nunique(dropna=False).max() == 1 and counts[n] > 1]
    few = sorted([n for n in fixed if counts[n] <= 40], key=lambda n: counts[n])
    moving = [name for name in numeric if name not in fixed]
    gaps = frame[moving].isna().sum()
    pairs = frame[[unit, period]].dropna().drop_duplicates()
    complete = int((pairs.groupby(unit).size() == frame[period].nunique()).sum())
    notes = [
        f"{frame[unit].nunique()} units, {frame[period].nunique()} periods, {len(frame)} rows.",
        f"Numeric columns: {', '.join(moving) or 'none'}",
        f"Constant by unit: {', '.join(fixed) or 'none'}",
        f"With gaps: {', '.join(f'{n} ({k})' for n, k in gaps[gaps > 0].items()) or 'none'}",
    ]
    guesses: Guesses = {}
    ranked = sorted(moving, key=_outcome_rank)
    if ranked and _outcome_rank(ranked[0]) > 0:
        ranked = [name for name in moving if _outcome_rank(name) < 2] or moving
    candidates = [name for name in ranked if not gaps[name] and _outcome_rank(name) < 2]
    model = _independent(frame, unit, period, candidates)
    if outcome := (model or ranked)[:1]:
        guesses["outcome", "variable"] = outcome[0]
        # Of levels that grow, differences rise where all grow at one rate.
        guesses |= {("outcome", "logs"): True} if _in_logs(outcome[0], frame[outcome[0]]) else {}
    # Of two columns with two values, zeros and ones tell a centre, names are regions.
    centre = sorted((n for n in few if counts[n] == 2), key=lambda n: not _is_number(frame[n]))
    provinces = provinces_of(frame, unit)
    province = "" if provinces is None else str(provinces.name)
    if provinces is not None and len(provinces) <= 1.5 * counts[province]:
        province = ""  # the units themselves
    named = [name for name in few if 3 <= counts[name] <= 10 and name != province]
    region = (named or centre[::-1])[:1]
    if province and not region and counts[province] <= 10:
        region = [province]
    elif province and region and frame.groupby(province)[region[0]].nunique().max() == 1:
        guesses["groups", "province"] = province
    guesses |= {("groups", "region"): region[0]} if region else {}
    guesses |= {("groups", "centre"): centre[0]} if centre else {}
    if centre and (words := _binary_labels(centre[0], frame[centre[0]])):
        guesses["data", "labels"] = words
    hints = {}
    if complete < frame[unit].nunique():
        notes.append(
            f"Rows are absent: {complete} of {frame[unit].nunique()} units have all periods; see "
            "[data] balance"
        )
        hints["data", "balance"] = "drop-units"
    if len(model) > 1:
        response, *regressors = [_term(name, frame[name]) for name in model]
        hints["model", "formula"] = f"{response} ~ {' + '.join(regressors)}"
    return guesses, hints, notes


def _outcome_rank(name: str) -> int:
    """Return 0 for names of what studies often explain, 2 for codes and coordinates, else 1."""
    text = name.casefold()
    if _NO_OUTCOME.search(text):
        return 2
    return 0 if _OUTCOME.search(text) else 1


def _in_logs(name: str, values: pd.Series) -> bool:
    """Whether a formula has a column in logs: it is positive, large and not a percentage."""
    usual = float(values.median())
    large = usual >= 1000 or float(values.max()) > max(100.0, 10 * usual)
    return bool((values > 0).all()) and large and not _SHARE.search(name.casefold())


def _term(name: str, values: pd.Series) -> str:
    return f"log({quoted(name)})" if _in_logs(name, values) else quoted(name)


def _binary_labels(name: str, values: pd.Series) -> dict[str, str]:
    """Return labels of the groups of a column of zeros and ones, which are no names."""
    if not _is_number(values) or set(values.dropna().unique()) != {0, 1}:
        return {}
    chinese = re.search("[\u4e00-\u9fff]", name)
    bare = re.sub("^是否为?|^是不是", "", name)
    other = f"非{bare}" if chinese else f"not {bare}"
    return {f"{name}=1": bare, f"{name}=0": other}


def _is_number(values: pd.Series) -> bool:
    types = pd.api.types
    return types.is_numeric_dtype(values) and not (
        types.is_bool_dtype(values) or types.is_complex_dtype(values)
    )


def _independent(frame: pd.DataFrame, unit: str, period: str, names: list[str]) -> list[str]:
    """Return the first columns that a formula can contain and that effects do not absorb."""
    chosen: list[str] = []
    columns: list[np.ndarray] = []
    for name in names:
        values = frame[name].astype(float)
        if len(chosen) > _REGRESSORS or not np.isfinite(values).all() or not _writable(name):
            continue
        values = np.log(values) if _in_logs(name, values) else values
        within = values - values.groupby(frame[unit]).transform("mean")
        within -= within.groupby(frame[period]).transform("mean")
        size = float(within.std(ddof=0))
        if not size > 1e-6 * float(values.abs().max()):
            continue
        columns.append(within.to_numpy() / size)
        least = np.linalg.svd(np.stack(columns, axis=1), compute_uv=False)[-1]
        if len(columns) > len(frame) or least < 1e-4 * len(frame) ** 0.5:
            columns.pop()
        else:
            chosen.append(name)
    return chosen


def _writable(name: str) -> bool:
    try:
        quoted(name)
    except OptionError:
        return False
    return True


# -- TOML ------------------------------------------------------------------------------------------


def _toml(
    guesses: Guesses, hints: dict[tuple[str, str], str], notes: list[str], aliases: dict[str, str]
) -> str:
    lines = [
        "# Settings of a study. Check them with `nqp-spatial check`, run them with",
        "# `nqp-spatial study`. Lines behind # are defaults or hints: take the # away to change.",
        *(f"# {visible(' '.join(note.split()))}" for note in notes),
        "",
    ]
    for table, model in TABLES.items():
        lines.append(f"[{table}]")
        for key, field in model.model_fields.items():
            if (table, key) == ("data", "aliases"):
                continue  # a table of its own, below
            if (table, key) in guesses:
                value = _literal(guesses[table, key])
                lines.append(f"{key} = {value}  # guessed: {field.description}")
            elif (table, key) == ("index", "indicators"):
                lines.append('# indicators = { column = "+", other = "-" }')
            else:
                default = None if field.is_required() else field.default
                value = _literal(hints.get((table, key), default))
                lines.append(f"# {key} = {value}  # {_described(field)}")
        lines.append("")
        lines += _alias_table(aliases) if table == "data" else []
    return "\n".join(lines)


def _alias_table(aliases: dict[str, str]) -> list[str]:
    """Return [data.aliases] with a proposal behind # for each unit that is not on the map."""
    lines = ["[data.aliases]", f"# {TABLES['data'].model_fields['aliases'].description}"]
    if aliases:
        lines.append("# Not on the map; the nearest names: take the # away where they are right")
    lines += [f"# {visible(f'{toml_text(u)} = {toml_text(p)}')}" for u, p in aliases.items()]
    return [*lines, ""]


def _described(field: FieldInfo) -> str:
    choices = choices_of(field)
    listed = choices and field.description and choices[0] not in field.description
    return f"{field.description} ({', '.join(choices)})" if listed else str(field.description)


def _literal(value: Any) -> str:
    """Return a value as TOML writes it."""
    if value is None:
        return '""'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(_literal(part) for part in value) + "]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{toml_text(key)} = {toml_text(text)}" for key, text in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return toml_text(value)
