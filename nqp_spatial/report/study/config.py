"""The settings of a study: models that hold types, defaults, choices and descriptions."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from nqp_spatial.errors import OptionError
from nqp_spatial.regression._formulas import columns_of
from nqp_spatial.report.study._faults import SettingError, fault_sentences, shown

__all__ = ["STEPS", "TABLES", "StudyConfig", "config_and_faults", "read_config"]

StepName = Literal[
    "describe", "index", "gradient", "distribution", "chains", "convergence", "association",
    "diagnostics", "model", "centre",
]  # fmt: skip
STEPS: tuple[str, ...] = get_args(StepName)


# -- kinds of values -------------------------------------------------------------------------------


def _without_null(text: str) -> str:
    if "\0" in text:
        raise SettingError("null_character")
    return text


def _name(value: Any) -> Any:
    if isinstance(value, str) and (not value.strip() or "\0" in value):
        raise SettingError("empty_name")
    return value


def _period(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (isinstance(value, str) or number) or value != value or value in (_INF, -_INF):
        raise SettingError("period")
    return _name(value)


def _each_once(values: list[Any]) -> list[Any]:
    repeated = [value for place, value in enumerate(values) if value in values[:place]]
    if repeated:
        raise SettingError("repeated", value=repeated[0])
    return values


def _not_empty(values: list[Any]) -> list[Any]:
    if not values:
        raise SettingError("empty_list")
    return values


def _indicators(indicators: Any) -> Any:
    """Check column = "+" or "-", in tables by dimension or not."""
    if not isinstance(indicators, dict):
        return indicators  # refused by its type
    faults = _faults_of_indicators(indicators)
    if faults:
        raise SettingError("sentences", *faults)
    return indicators


def _faults_of_indicators(indicators: dict[Any, Any]) -> list[str]:
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
        f'indicators must read column = "+" or "-", got {name} = {shown(sign)}'
        for name, sign in flat
        if not (isinstance(name, str) and isinstance(sign, str) and sign in ("+", "-"))
    ]
    names = [name for name, _ in flat]
    repeated = sorted({str(name) for name in names if names.count(name) > 1})
    faults += [f"indicators names {name!r} twice" for name in repeated]
    return faults + [
        f"indicators has a dimension without columns: {name}"
        for name, value in indicators.items()
        if isinstance(value, dict) and not value
    ]


def _labels(labels: Any) -> Any:
    if not isinstance(labels, dict):
        return labels
    faults = [
        f"labels must be texts by column, {shown(name)} is labelled {shown(label)}"
        for name, label in labels.items()
        if not (isinstance(name, str) and isinstance(label, str)) or "\0" in name + label
    ]
    if faults:
        raise SettingError("sentences", *faults)
    return labels


def _encoding(name: str) -> str:
    try:
        codecs.lookup(name)
        "1".encode(name)
    except (LookupError, ValueError):
        raise SettingError("encoding") from None
    return name


_INF = float("inf")
Text = Annotated[str, AfterValidator(_without_null)]
Names = Annotated[list[Annotated[str, AfterValidator(_name)]], AfterValidator(_each_once)]
Periods = Annotated[
    list[Annotated[Any, BeforeValidator(_period)]],
    AfterValidator(_not_empty),
    AfterValidator(_each_once),
]
Encoding = Annotated[Text, AfterValidator(_encoding)]
Indicators = Annotated[dict[str, Any], BeforeValidator(_indicators)]
Labels = Annotated[dict[str, str], BeforeValidator(_labels)]


# -- tables of the file ----------------------------------------------------------------------------


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class Study(_Table):
    """[study]."""

    title: Text = Field("A study of regional development", description="heading of the page")
    seed: int = Field(2024, ge=0, le=2**32 - 1, description="of all random numbers")
    permutations: int = Field(999, ge=9, le=10**6, description="of the permutation tests")
    replications: int = Field(499, ge=2, le=10**6, description="of the bootstrap intervals")
    lang: Literal["en", "zh"] = Field("en", description="language of the page, figures and tables")
    skip: Annotated[list[StepName], AfterValidator(_each_once)] = Field(
        [], description=f"steps to leave out, of {', '.join(STEPS)}"
    )


class Data(_Table):
    """[data]."""

    panel: Text = Field(description="csv, xlsx, dta or parquet, in long form")
    unit: Text = Field(description="column of unit ids")
    period: Text = Field(description="column of periods")
    geometry: Text | None = Field(None, description="shp, gpkg, geojson, gdb or zip with the units")
    geometry_unit: Text | None = Field(None, description="its column of ids, if named otherwise")
    geometry_encoding: Encoding | None = Field(
        None, description="of a shapefile without cpg, such as gb18030"
    )
    extra_shapes: Literal["error", "drop"] = Field(
        "error", description="geometries of units that the table lacks"
    )
    sheet_name: Text | None = Field(None, description="sheet of a workbook")
    encoding: Encoding | None = Field(None, description="of a csv, such as gb18030")
    periods: Periods | None = Field(None, description="which periods to use; all if left out")
    balance: Literal["drop-units", "drop-periods", "interpolate"] | None = Field(
        None, description="how gaps are closed; an error if left out"
    )
    logs: Names = Field([], description="columns to add in logs, as log_NAME")
    labels: Labels = Field({}, description="names of columns in figures and tables")


class Weights(_Table):
    """[weights]."""

    kind: Literal["queen", "rook", "knn", "distance-band", "inverse-distance", "file"] = Field(
        "queen", description="which units are neighbours"
    )
    k: int = Field(6, ge=1, description="of knn")
    cutoff_km: float | None = Field(
        None, gt=0, description="of distance-band, and of inverse-distance"
    )
    power: float = Field(1, ge=0, le=100, description="of inverse-distance")
    path: Text | None = Field(None, description="of a file: gal, gwt, csv, xlsx or parquet")
    islands: Literal["error", "nearest", "keep"] = Field(
        "nearest", description="units without neighbours"
    )


class Index(_Table):
    """[index]."""

    name: Text = Field("index", description="column that the index becomes")
    weighting: Literal["entropy", "critic", "cv", "pca", "scatter", "equal"] = Field(
        "entropy", description="of the indicators"
    )
    indicators: Indicators | None = Field(
        None, description='column = "+" or "-", in tables by dimension or not'
    )


class Outcome(_Table):
    """[outcome]."""

    variable: Text | None = Field(None, description="the column studied; the index if left out")
    logs: bool = Field(False, description="whether convergence is studied in logs")


class Groups(_Table):
    """[groups]."""

    region: Text | None = Field(None, description="column of regions, for gaps and Dagum")
    province: Text | None = Field(
        None, description="column of provinces, nested in regions, for Theil"
    )
    centre: Text | None = Field(None, description="column that tells centre from periphery")


class Dynamics(_Table):
    """[dynamics]."""

    states: int = Field(4, ge=2, le=50, description="states of the chains")
    lag_states: int = Field(4, ge=2, le=50, description="neighbour states")
    relative: bool = Field(True, description="whether values are divided by the period's mean")
    step: int = Field(1, ge=1, description="periods between start and end of a move")


class Clubs(_Table):
    """[clubs]."""

    detrend: Literal["hp", "none"] = Field("hp", description="how the cycle is removed")
    discard: float = Field(1 / 3, ge=0, lt=1, description="share of periods left out at the start")
    critical: Literal["fixed", "increasing"] = Field("increasing", description="of the sieve")
    merge: Literal["phillips-sul", "von-lyncker-thoennessen", "none"] = Field(
        "phillips-sul", description="of clubs"
    )


class Lisa(_Table):
    """[lisa]."""

    periods: Periods | None = Field(
        None, description="periods of the maps; first and last if left out"
    )
    alpha: float = Field(0.05, gt=0, lt=1, description="significance of the clusters")


class Maps(_Table):
    """[maps]."""

    basemap: Literal["china"] | None = Field(
        None, description="provinces and the sea line behind the map"
    )
    inset: Literal["south-china-sea"] | None = Field(None, description="a small map beside it")


class Model(_Table):
    """[model]."""

    formula: Text | None = Field(None, description='such as "y ~ x1 + x2"; no models if left out')
    model: Literal["ols", "slx", "sar", "sem", "sdm", "sdem", "sac"] = Field(
        "sdm", description="of the main table"
    )
    effects: Literal["none", "unit", "period", "two-way"] = Field(
        "two-way", description="fixed effects"
    )
    draws: int = Field(1000, ge=2, le=10**6, description="for the inference on effects")


class StudyConfig(_Table):
    """Settings with defaults filled in; `folder` is what paths of data are relative to."""

    study: Study
    data: Data
    weights: Weights
    index: Index
    outcome: Outcome
    groups: Groups
    dynamics: Dynamics
    clubs: Clubs
    lisa: Lisa
    maps: Maps
    model: Model
    _folder: Path = PrivateAttr(Path())

    @property
    def folder(self) -> Path:
        """What paths of data are relative to."""
        return self._folder

    @property
    def outcome_name(self) -> str:
        """The column studied."""
        return self.outcome.variable or self.index.name

    def file(self, name: str) -> Path:
        """Return a data file's path."""
        return self.folder / name

    @property
    def indicators(self) -> list[str]:
        """The columns of the index, whatever its levels."""
        columns: list[str] = []
        for name, value in (self.index.indicators or {}).items():
            columns += value if isinstance(value, dict) else [name]
        return columns

    @property
    def groupings(self) -> dict[str, str]:
        """The columns of groups that are named, by key."""
        keys = dict(self.groups)
        return {key: column for key, column in keys.items() if column}

    @property
    def columns(self) -> list[str]:
        """The columns of the file that the study needs complete."""
        columns = [*self.data.logs, *self.indicators]
        columns += [self.outcome.variable] if self.outcome.variable else []
        columns += self.groupings.values()
        columns += columns_of(self.model.formula) if self.model.formula else []
        derived = {f"log_{name}" for name in self.data.logs}
        derived |= {self.index.name} if self.index.indicators else set()
        return [name for name in dict.fromkeys(columns) if name not in derived]

    @model_validator(mode="after")
    def _agree(self) -> StudyConfig:
        """Refuse keys that are right alone and wrong together."""
        faults = [*_faults_of_weights(self), *_faults_of_files(self), *_faults_of_names(self)]
        if faults:
            raise SettingError("sentences", *faults)
        return self


#: The tables of the file, with the models of their keys.
TABLES: dict[str, type[BaseModel]] = {
    name: field.annotation
    for name, field in StudyConfig.model_fields.items()
    if isinstance(field.annotation, type)
}


def _faults_of_weights(config: StudyConfig) -> list[str]:
    weights, faults = config.weights, []
    if weights.kind == "file" and not weights.path:
        faults.append('[weights] kind = "file" needs path')
    if weights.kind == "distance-band" and weights.cutoff_km is None:
        faults.append('[weights] kind = "distance-band" needs cutoff_km')
    if weights.kind != "file" and not config.data.geometry:
        faults.append(
            f'[weights] kind = "{weights.kind}" needs [data] geometry; or give weights as a file'
        )
    return faults


def _faults_of_files(config: StudyConfig) -> list[str]:
    data, faults = config.data, []
    ending = Path(data.panel).suffix.lower()
    if data.sheet_name is not None and ending not in (".xlsx", ".xls"):
        faults.append(f"[data] sheet_name is for workbooks, {data.panel!r} is none: leave it out")
    if data.encoding is not None and ending != ".csv":
        faults.append(f"[data] encoding is for a csv, {data.panel!r} is none: leave it out")
    return faults


def _faults_of_names(config: StudyConfig) -> list[str]:
    data, groups, index, faults = config.data, config.groups, config.index, []
    if config.outcome.variable is None and not index.indicators:
        faults.append("name the column studied, [outcome] variable, or [index.indicators]")
    if data.unit == data.period:
        faults.append(f"[data] unit and period are the same column, {data.unit!r}")
    if groups.province and not groups.region:
        faults.append("[groups] province needs region, in which provinces are nested")
    if groups.province and groups.province == groups.region:
        faults.append(f"[groups] province and region are the same column, {groups.region!r}")
    if index.name in ("self", "labels", data.unit, data.period):
        faults.append(f"[index] name cannot be {index.name!r}: choose another")
    if index.indicators and index.name in {f"log_{name}" for name in data.logs}:
        faults.append(f"[index] name is that of a column of [data] logs, {index.name!r}")
    return faults


# -- reading ---------------------------------------------------------------------------------------


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
    >>> config.weights.kind, config.outcome_name
    ('queen', 'y')
    """
    config, faults = config_and_faults(source)
    if config is None:
        listed = "\n".join(f"- {fault}" for fault in faults)
        raise OptionError(f"the settings of the study have {len(faults)} faults:\n{listed}")
    return config


def config_and_faults(source: object) -> tuple[StudyConfig | None, list[str]]:
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
        values, folder = dict(source), Path()
    elif isinstance(source, str | Path):
        path = Path(source)
        values, folder = _parsed(path), path.parent
    else:
        raise OptionError(
            f"settings are the path of a TOML file or a mapping, got {type(source).__name__}"
        )
    tables = {table: {} for table in TABLES} | {
        table: _written(content) if isinstance(content, Mapping) else content
        for table, content in values.items()
    }
    try:
        config = StudyConfig.model_validate(tables)
    except ValidationError as error:
        faults = [fault for details in error.errors() for fault in fault_sentences(details, TABLES)]
        return None, list(dict.fromkeys(faults))
    config._folder = folder
    return config, []


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


def _written(content: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the keys that have a value; an empty text is none, as nothing is written in it."""
    return {
        key: _plain(value)
        for key, value in content.items()
        if value is not None and not (isinstance(value, str) and not value.strip())
    }


def _plain(value: Any, depth: int = 0) -> Any:
    """Return a copy of plain Python values; what TOML does not have is refused by its type."""
    if isinstance(value, Mapping) and depth < 4:
        return {key: _plain(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list | tuple) and depth < 4:
        return [_plain(part, depth + 1) for part in value]
    return value
