"""The settings of a study: one schema for reading, checking, defaults and the commented file."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nqp_spatial.errors import OptionError

__all__ = ["SCHEMA", "STEPS", "Setting", "StudyConfig", "read_config"]

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
    """

    kinds: tuple[type, ...]
    default: Any
    said: str
    choices: tuple[str, ...] = ()
    required: bool = False


_TEXT, _LIST, _FLAG, _WHOLE, _NUMBER = (str,), (list,), (bool,), (int,), (int, float)

SCHEMA: dict[str, dict[str, Setting]] = {
    "study": {
        "title": Setting(_TEXT, "A study of regional development", "heading of the page"),
        "seed": Setting(_WHOLE, 2024, "of all random numbers"),
        "permutations": Setting(_WHOLE, 999, "of the permutation tests"),
        "replications": Setting(_WHOLE, 499, "of the bootstrap intervals"),
        "lang": Setting(_TEXT, "en", "language of the page, figures and tables", ("en", "zh")),
        "skip": Setting(_LIST, [], f"steps to leave out, of {', '.join(STEPS)}"),
    },
    "data": {
        "panel": Setting(_TEXT, None, "csv, xlsx, dta or parquet, in long form", required=True),
        "unit": Setting(_TEXT, None, "column of unit ids", required=True),
        "period": Setting(_TEXT, None, "column of periods", required=True),
        "geometry": Setting(_TEXT, None, "shp, gpkg or geojson with the units"),
        "geometry_unit": Setting(_TEXT, None, "its column of ids, if named otherwise"),
        "extra_shapes": Setting(
            _TEXT, "error", "geometries of units that the table lacks", ("error", "drop")
        ),
        "sheet_name": Setting(_TEXT, None, "sheet of a workbook"),
        "encoding": Setting(_TEXT, None, "of a csv, such as gb18030"),
        "periods": Setting(_LIST, None, "which periods to use; all if left out"),
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
        "k": Setting(_WHOLE, 6, "of knn"),
        "cutoff_km": Setting(_NUMBER, None, "of distance-band, and of inverse-distance"),
        "power": Setting(_NUMBER, 1, "of inverse-distance"),
        "path": Setting(_TEXT, None, "of a file: gal, gwt, csv, xlsx or parquet"),
        "islands": Setting(
            _TEXT, "nearest", "units without neighbours", ("error", "nearest", "keep")
        ),
    },
    "index": {
        "name": Setting(_TEXT, "index", "column that the index becomes"),
        "weighting": Setting(_TEXT, "entropy", "entropy, critic, cv, pca, scatter, equal"),
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
        "states": Setting(_WHOLE, 4, "own states of the chains"),
        "lag_states": Setting(_WHOLE, 4, "neighbour states"),
        "relative": Setting(_FLAG, True, "whether values are over the period's mean"),
        "step": Setting(_WHOLE, 1, "periods between start and end of a move"),
    },
    "clubs": {
        "detrend": Setting(_TEXT, "hp", "how the cycle is taken out", ("hp", "none")),
        "discard": Setting(_NUMBER, 1 / 3, "share of periods left out at the start"),
        "critical": Setting(_TEXT, "increasing", "of the sieve", ("fixed", "increasing")),
        "merge": Setting(
            _TEXT, "phillips-sul", "of clubs",
            ("phillips-sul", "von-lyncker-thoennessen", "none"),
        ),
    },
    "lisa": {
        "periods": Setting(_LIST, None, "periods of the maps; first and last if left out"),
        "alpha": Setting(_NUMBER, 0.05, "significance of the clusters"),
    },
    "maps": {
        "basemap": Setting(_TEXT, None, '"china" for provinces and the sea line'),
        "inset": Setting(_TEXT, None, '"south-china-sea"'),
    },
    "model": {
        "formula": Setting(_TEXT, None, "such as \"y ~ x1 + x2\"; no models if left out"),
        "model": Setting(
            _TEXT, "sdm", "of the main table", ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac")
        ),
        "effects": Setting(
            _TEXT, "two-way", "fixed effects", ("none", "unit", "period", "two-way")
        ),
        "draws": Setting(_WHOLE, 1000, "for the inference on effects"),
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
    if isinstance(source, Mapping):
        given, folder = deepcopy(dict(source)), Path()
    else:
        path = Path(source)
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise OptionError(f"{path.name} is not valid TOML: {error}") from None
        folder = path.parent
    faults: list[str] = []
    tables: dict[str, dict[str, Any]] = {}
    for table in given:
        if table not in SCHEMA:
            faults.append(f"unknown table [{table}]{_meant(table, SCHEMA)}")
    for table, settings in SCHEMA.items():
        values = given.get(table, {})
        if not isinstance(values, Mapping):
            faults.append(f"[{table}] must be a table, got {values!r}")
            continue
        faults += [
            f"[{table}] has no key {key!r}{_meant(key, settings)}"
            for key in values
            if key not in settings
        ]
        tables[table] = {}
        for key, setting in settings.items():
            value = values.get(key, deepcopy(setting.default))
            faults += _faults(table, key, value, setting)
            tables[table][key] = value
    if not faults:
        faults += _together(tables)
    if faults:
        listed = "\n".join(f"- {fault}" for fault in faults)
        raise OptionError(f"the settings of the study have {len(faults)} faults:\n{listed}")
    return StudyConfig(tables, folder)


def _meant(word: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"


def _faults(table: str, key: str, value: Any, setting: Setting) -> list[str]:
    if value is None:
        return [f"[{table}] needs {key}: {setting.said}"] if setting.required else []
    right = isinstance(value, setting.kinds) and not (
        isinstance(value, bool) and bool not in setting.kinds
    )
    if not right:
        kinds = " or ".join(kind.__name__ for kind in setting.kinds)
        return [f"[{table}] {key} must be of kind {kinds}, got {value!r}"]
    if setting.choices and value not in setting.choices:
        return [f"[{table}] {key} must be one of {', '.join(setting.choices)}, got {value!r}"]
    return []


def _together(tables: dict[str, dict[str, Any]]) -> list[str]:
    """Return faults of keys that are right alone and wrong together."""
    faults = []
    if tables["outcome"]["variable"] is None and not tables["index"]["indicators"]:
        faults.append("name the column studied, [outcome] variable, or [index.indicators]")
    kind = tables["weights"]["kind"]
    if kind == "file" and not tables["weights"]["path"]:
        faults.append('[weights] kind = "file" needs path')
    if kind == "distance-band" and tables["weights"]["cutoff_km"] is None:
        faults.append('[weights] kind = "distance-band" needs cutoff_km')
    if kind != "file" and not tables["data"]["geometry"]:
        faults.append(f'[weights] kind = "{kind}" needs [data] geometry; or give weights as a file')
    unknown = [step for step in tables["study"]["skip"] if step not in STEPS]
    if unknown:
        faults.append(f"[study] skip has unknown steps {unknown}; known are {', '.join(STEPS)}")
    return faults
