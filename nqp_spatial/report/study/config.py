"""The settings of a study: one schema for reading, checking, defaults and the commented file."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any

from nqp_spatial.errors import OptionError

__all__ = ["SCHEMA", "STEPS", "Setting", "StudyConfig", "config_and_faults", "read_config"]

STEPS = (
    "describe",
    "index",
    "gradient",
    "distribution",
    "chains",
    "convergence",
    "association",
    "diagnostics",
    "model",
    "centre",
)


@dataclass(frozen=True)
class Setting:
    """One key of the file.

    Attributes
    ----------
    kinds : tuple of type
        What the value may be.
    default : object
        None where the key may be left out.
    said : str
        What it is, for the commented file.
    choices : tuple of str
        The values that are known, if not all are.
    required : bool
    of : tuple of type
        What a list holds.
    least, most, above, below : float, optional
        Range of a number; the last two are not in it.
    """

    kinds: tuple[type, ...]
    default: Any
    said: str
    choices: tuple[str, ...] = ()
    required: bool = False
    of: tuple[type, ...] = (str,)
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None


_TEXT, _LIST, _FLAG, _WHOLE, _NUMBER = (str,), (list,), (bool,), (int,), (int, float)
_PERIODS = (str, int, float)

SCHEMA: dict[str, dict[str, Setting]] = {
    "study": {
        "title": Setting(_TEXT, "A study of regional development", "heading of the page"),
        "seed": Setting(_WHOLE, 2024, "of all random numbers", least=0, most=2**32 - 1),
        "permutations": Setting(_WHOLE, 999, "of the permutation tests", least=9, most=10**6),
        "replications": Setting(
            _WHOLE, 499, "of the bootstrap intervals", least=2, most=10**6
        ),
        "lang": Setting(_TEXT, "en", "language of the page, figures and tables", ("en", "zh")),
        "skip": Setting(_LIST, [], f"steps to leave out, of {', '.join(STEPS)}"),
    },
    "data": {
        "panel": Setting(_TEXT, None, "csv, xlsx, dta or parquet, in long form", required=True),
        "unit": Setting(_TEXT, None, "column of unit ids", required=True),
        "period": Setting(_TEXT, None, "column of periods", required=True),
        "geometry": Setting(_TEXT, None, "shp, gpkg, geojson, gdb or zip with the units"),
        "geometry_unit": Setting(_TEXT, None, "its column of ids, if named otherwise"),
        "geometry_encoding": Setting(_TEXT, None, "of a shapefile without cpg, such as gb18030"),
        "extra_shapes": Setting(
            _TEXT, "error", "geometries of units that the table lacks", ("error", "drop")
        ),
        "sheet_name": Setting(_TEXT, None, "sheet of a workbook"),
        "encoding": Setting(_TEXT, None, "of a csv, such as gb18030"),
        "periods": Setting(_LIST, None, "which periods to use; all if left out", of=_PERIODS),
        "balance": Setting(
            _TEXT, None, "how gaps are closed; an error if left out",
            ("drop-units", "drop-periods", "interpolate"),
        ),
        "logs": Setting(_LIST, [], "columns to add in logs, as log_NAME"),
        "labels": Setting((dict,), {}, "names of columns in figures and tables"),
    },
    "weights": {
        "kind": Setting(
            _TEXT, "queen", "who neighbours whom",
            ("queen", "rook", "knn", "distance-band", "inverse-distance", "file"),
        ),
        "k": Setting(_WHOLE, 6, "of knn", least=1),
        "cutoff_km": Setting(
            _NUMBER, None, "of distance-band, and of inverse-distance", above=0
        ),
        "power": Setting(_NUMBER, 1, "of inverse-distance", least=0, most=100),
        "path": Setting(_TEXT, None, "of a file: gal, gwt, csv, xlsx or parquet"),
        "islands": Setting(
            _TEXT, "nearest", "units without neighbours", ("error", "nearest", "keep")
        ),
    },
    "index": {
        "name": Setting(_TEXT, "index", "column that the index becomes"),
        "weighting": Setting(
            _TEXT, "entropy", "of the indicators",
            ("entropy", "critic", "cv", "pca", "scatter", "equal"),
        ),
        "indicators": Setting((dict,), None, 'column = "+" or "-", in tables by dimension or not'),
    },
    "outcome": {
        "variable": Setting(_TEXT, None, "the column studied; the index if left out"),
        "logs": Setting(_FLAG, False, "whether convergence is studied in logs"),
    },
    "groups": {
        "region": Setting(_TEXT, None, "column of regions, for gaps and Dagum"),
        "province": Setting(_TEXT, None, "column of provinces, nested in regions, for Theil"),
        "centre": Setting(_TEXT, None, "column that tells centre from periphery"),
    },
    "dynamics": {
        "states": Setting(_WHOLE, 4, "own states of the chains", least=2, most=50),
        "lag_states": Setting(_WHOLE, 4, "neighbour states", least=2, most=50),
        "relative": Setting(_FLAG, True, "whether values are over the period's mean"),
        "step": Setting(_WHOLE, 1, "periods between start and end of a move", least=1),
    },
    "clubs": {
        "detrend": Setting(_TEXT, "hp", "how the cycle is taken out", ("hp", "none")),
        "discard": Setting(
            _NUMBER, 1 / 3, "share of periods left out at the start", least=0, below=1
        ),
        "critical": Setting(_TEXT, "increasing", "of the sieve", ("fixed", "increasing")),
        "merge": Setting(
            _TEXT, "phillips-sul", "of clubs",
            ("phillips-sul", "von-lyncker-thoennessen", "none"),
        ),
    },
    "lisa": {
        "periods": Setting(
            _LIST, None, "periods of the maps; first and last if left out", of=_PERIODS
        ),
        "alpha": Setting(_NUMBER, 0.05, "significance of the clusters", above=0, below=1),
    },
    "maps": {
        "basemap": Setting(_TEXT, None, "provinces and the sea line behind the map", ("china",)),
        "inset": Setting(_TEXT, None, "a small map beside it", ("south-china-sea",)),
    },
    "model": {
        "formula": Setting(_TEXT, None, "such as \"y ~ x1 + x2\"; no models if left out"),
        "model": Setting(
            _TEXT, "sdm", "of the main table", ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac")
        ),
        "effects": Setting(
            _TEXT, "two-way", "fixed effects", ("none", "unit", "period", "two-way")
        ),
        "draws": Setting(_WHOLE, 1000, "for the inference on effects", least=2, most=10**6),
    },
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class StudyConfig:
    """Settings with defaults filled in.

    Attributes
    ----------
    tables : dict
        Table to key to value.
    folder : Path
        What paths of data are relative to.
    """

    tables: dict[str, dict[str, Any]]
    folder: Path

    def __getitem__(self, table: str) -> dict[str, Any]:
        return self.tables[table]

    @property
    def outcome(self) -> str:
        """The column studied."""
        named = self["outcome"]["variable"]
        return str(named if named is not None else self["index"]["name"])

    def file(self, name: str) -> Path:
        """Return a data file's path."""
        return self.folder / name


def read_config(source: str | Path | Mapping[str, Any]) -> StudyConfig:
    """Read settings from a TOML file or a mapping, and check them all at once.

    Parameters
    ----------
    source : path or mapping

    Returns
    -------
    StudyConfig

    Raises
    ------
    OptionError
        Naming every key that is unknown, missing, or has a value of the wrong kind.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> data = {"panel": "p.csv", "unit": "id", "period": "t", "geometry": "map.shp"}
    >>> config = read_config({"data": data, "outcome": {"variable": "y"}})
    >>> config["weights"]["kind"], config.outcome
    ('queen', 'y')
    """
    config, faults = config_and_faults(source)
    if config is None:
        listed = "\n".join(f"- {fault}" for fault in faults)
        raise OptionError(f"the settings of the study have {len(faults)} faults:\n{listed}")
    return config


def config_and_faults(
    source: object,
) -> tuple[StudyConfig | None, list[str]]:
    """Return the settings, or none and all their faults.

    Parameters
    ----------
    source : path or mapping

    Raises
    ------
    OptionError
        If a file is not TOML.
    FileNotFoundError
        If there is no such file.
    """
    if isinstance(source, Mapping):
        given, folder = dict(source), Path()
    elif isinstance(source, str | Path):
        path = Path(source)
        given, folder = _parsed(path), path.parent
    else:
        raise OptionError(
            f"settings are the path of a TOML file or a mapping, got {type(source).__name__}"
        )
    faults = [
        f"unknown table [{table}]{_meant(table, SCHEMA)}" for table in given if table not in SCHEMA
    ]
    tables: dict[str, dict[str, Any]] = {}
    for table, settings in SCHEMA.items():
        values = given.get(table, {})
        if not isinstance(values, Mapping):
            faults.append(f"[{table}] must be a table, got {_shown(values)}")
            continue
        faults += [
            f"[{table}] has no key {str(key)!r}{_meant(key, settings)}"
            for key in values
            if key not in settings
        ]
        tables[table] = {}
        for key, setting in settings.items():
            value = _plain(values.get(key))
            faults += [f"[{table}] {fault}" for fault in _faults(key, value, setting)]
            tables[table][key] = deepcopy(setting.default) if value is None else value
    if not faults:
        faults = _together(tables)
    return (None, faults) if faults else (StudyConfig(tables, folder), [])


def _parsed(path: Path) -> dict[str, Any]:
    if "\0" in str(path) or path.is_dir():
        raise OptionError(f"{str(path)!r} is no file of settings")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise OptionError(
            f"{path.name} is not in UTF-8, the encoding of TOML: save it as UTF-8 (a file from a "
            "Chinese editor is often in GB 18030)"
        ) from None
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(f"there is no file {str(path)!r}") from None
        raise OptionError(f"cannot read {path.name}: {error.strerror}") from None
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise OptionError(
            f"{path.name} is not valid TOML: {error}{_line_of(error, text)}"
        ) from None
    except (RecursionError, ValueError) as error:  # a number of a million digits, say
        raise OptionError(f"{path.name} is not valid TOML: {error}") from None


def _line_of(error: tomllib.TOMLDecodeError, text: str) -> str:
    """Return the line that cannot be read, and what is often wrong with it."""
    place = re.search(r"at line (\d+)", str(error))
    if place is None:
        return ""
    line = text.replace("\r\n", "\n").split("\n")[int(place[1]) - 1].strip()
    hint = (
        "; in double quotes \\ begins an escape: write paths and formulas in single quotes"
        if "\\" in line
        else ""
    )
    return f": {line[:80]!r}{hint}" if line else ""


def _meant(word: object, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(str(word).casefold(), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"


def _shown(value: object) -> str:
    """Return a value for a message, not too long."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _plain(value: Any, depth: int = 0) -> Any:
    """Return a copy of plain Python values; an empty text is none, as nothing is written in it.

    What TOML does not have comes back as it is, for the check of kinds to refuse it.
    """
    if depth == 0 and isinstance(value, str) and not value.strip():
        return None
    if isinstance(value, Mapping) and depth < 4:
        return {key: _plain(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list | tuple) and depth < 4:
        return [_plain(part, depth + 1) for part in value]
    return value


def _faults(key: str, value: Any, setting: Setting) -> list[str]:
    """Return what is wrong with one value."""
    if value is None:
        return [f"needs {key}: {setting.said}"] if setting.required else []
    if not _of_kind(value, setting.kinds):
        kinds = " or ".join(kind.__name__ for kind in setting.kinds)
        quotes = "; write it in quotes" if str in setting.kinds and _is_time(value) else ""
        return [f"{key} must be of kind {kinds}, got {_shown(value)}{quotes}"]
    if isinstance(value, str):
        if "\0" in value:
            return [f"{key} holds a character that no name has, got {_shown(value)}"]
        if setting.choices and value not in setting.choices:
            near = difflib.get_close_matches(value.casefold(), setting.choices, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            known = ", ".join(setting.choices)
            return [f"{key} must be one of {known}, got {_shown(value)}{meant}"]
    if isinstance(value, list):
        return _faults_of_list(key, value, setting)
    if isinstance(value, dict):
        return _faults_of_labels(value) if key == "labels" else _faults_of_indicators(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _faults_of_number(key, value, setting)
    return []


def _of_kind(value: object, kinds: tuple[type, ...]) -> bool:
    """Whether a value is of one of the kinds; true and false are no numbers."""
    return isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds)


def _is_time(value: object) -> bool:
    return isinstance(value, date | time)


def _faults_of_number(key: str, value: float, setting: Setting) -> list[str]:
    if not math.isfinite(value):
        return [f"{key} must be a finite number, got {value!r}"]
    bounds = (
        (setting.least, value >= (setting.least or 0), "at least"),
        (setting.most, value <= (setting.most or 0), "at most"),
        (setting.above, value > (setting.above or 0), "above"),
        (setting.below, value < (setting.below or 0), "below"),
    )
    words = " and ".join(f"{word} {bound:g}" for bound, _, word in bounds if bound is not None)
    right = all(holds for bound, holds, _ in bounds if bound is not None)
    return [] if right else [f"{key} must be {words}, got {_shown(value)}"]


def _faults_of_list(key: str, values: list[Any], setting: Setting) -> list[str]:
    kinds = " or ".join(kind.__name__ for kind in setting.of)
    faults = []
    for value in values:
        finite = not isinstance(value, float) or math.isfinite(value)
        if not (_of_kind(value, setting.of) and finite):
            quotes = "; write it in quotes" if _is_time(value) else ""
            faults.append(f"{key} must be a list of {kinds}, it holds {_shown(value)}{quotes}")
        elif isinstance(value, str) and (not value.strip() or "\0" in value):
            faults.append(f"{key} holds an empty name: {_shown(value)}")
    if faults:
        return faults
    if not values and setting.default is None:
        return [f"{key} is empty: name some, or leave it out"]
    twice = [value for at, value in enumerate(values) if value in values[:at]]
    return [f"{key} names {_shown(twice[0])} twice"] if twice else []


def _faults_of_labels(labels: dict[Any, Any]) -> list[str]:
    return [
        f"labels must be texts by column, {_shown(name)} is labelled {_shown(label)}"
        for name, label in labels.items()
        if not (isinstance(name, str) and isinstance(label, str)) or "\0" in name + label
    ]


def _faults_of_indicators(indicators: dict[Any, Any]) -> list[str]:
    """Return what is wrong with column = "+" or "-", in tables by dimension or not."""
    if not indicators:
        return ['indicators is empty: name columns, column = "+" or "-", or leave it out']
    nested = [isinstance(value, dict) for value in indicators.values()]
    if any(nested) and not all(nested):
        return ["indicators must all be in tables by dimension, or none of them"]
    flat = [
        pair
        for name, value in indicators.items()
        for pair in (value.items() if isinstance(value, dict) else [(name, value)])
    ]
    faults = [
        f'indicators must read column = "+" or "-", got {name} = {_shown(sign)}'
        for name, sign in flat
        if not (isinstance(name, str) and isinstance(sign, str) and sign in ("+", "-"))
    ]
    names = [name for name, _ in flat]
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    faults += [f"indicators names {name!r} twice" for name in twice]
    return faults + [
        f"indicators has a dimension without columns: {name}"
        for name, value in indicators.items()
        if isinstance(value, dict) and not value
    ]


def _together(tables: dict[str, dict[str, Any]]) -> list[str]:
    """Return faults of keys that are right alone and wrong together."""
    faults = []
    data, weights, groups = tables["data"], tables["weights"], tables["groups"]
    if tables["outcome"]["variable"] is None and not tables["index"]["indicators"]:
        faults.append("name the column studied, [outcome] variable, or [index.indicators]")
    kind = weights["kind"]
    if kind == "file" and not weights["path"]:
        faults.append('[weights] kind = "file" needs path')
    if kind == "distance-band" and weights["cutoff_km"] is None:
        faults.append('[weights] kind = "distance-band" needs cutoff_km')
    if kind != "file" and not data["geometry"]:
        faults.append(f'[weights] kind = "{kind}" needs [data] geometry; or give weights as a file')
    unknown = [step for step in tables["study"]["skip"] if step not in STEPS]
    if unknown:
        faults.append(f"[study] skip has unknown steps {unknown}; known are {', '.join(STEPS)}")
    if data["unit"] == data["period"]:
        faults.append(f"[data] unit and period are the same column, {data['unit']!r}")
    panel, index = data["panel"], tables["index"]
    if data["sheet_name"] is not None and Path(panel).suffix.lower() not in (".xlsx", ".xls"):
        faults.append(f"[data] sheet_name is for workbooks, {panel!r} is none: leave it out")
    if data["encoding"] is not None:
        if Path(panel).suffix.lower() == ".csv":
            faults += _faults_of_encoding("encoding", data["encoding"])
        else:
            faults.append(f"[data] encoding is for a csv, {panel!r} is none: leave it out")
    if data["geometry_encoding"] is not None:
        faults += _faults_of_encoding("geometry_encoding", data["geometry_encoding"])
    if groups["province"] and not groups["region"]:
        faults.append("[groups] province needs region, in which provinces are nested")
    if groups["province"] and groups["province"] == groups["region"]:
        faults.append(f"[groups] province and region are the same column, {groups['region']!r}")
    if index["name"] in ("self", "labels", data["unit"], data["period"]):
        faults.append(f"[index] name cannot be {index['name']!r}: choose another")
    made = {f"log_{name}" for name in data["logs"]}
    if index["indicators"] and index["name"] in made:
        faults.append(f"[index] name is that of a column of [data] logs, {index['name']!r}")
    return faults


def _faults_of_encoding(key: str, encoding: str) -> list[str]:
    try:
        "1".encode(encoding)
    except (LookupError, ValueError):
        return [f"[data] {key} is unknown, {_shown(encoding)}; such are utf-8, gb18030, utf-16"]
    return []
