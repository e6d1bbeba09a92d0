"""The settings of a study: reading them, reporting all errors at once, checking combinations."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, PrivateAttr, ValidationError, model_validator

from nqp_spatial.errors import OptionError
from nqp_spatial.regression._formulas import columns_of, terms_of
from nqp_spatial.report.study._combinations import faults_of_combinations
from nqp_spatial.report.study._faults import SettingError, fault_sentences
from nqp_spatial.report.study._setting_kinds import Method
from nqp_spatial.report.study.design_settings import Heterogeneity, Mediation, Policy, Robustness
from nqp_spatial.report.study.pattern_settings import Drivers, Forecast, Hotspots, Network
from nqp_spatial.report.study.settings import (
    METHODS,
    STEPS,
    Clubs,
    Data,
    Dynamics,
    Groups,
    Index,
    Lisa,
    Maps,
    Model,
    Outcome,
    Page,
    Study,
    Table,
    Weights,
)

__all__ = ["METHODS", "STEPS", "TABLES", "StudyConfig", "config_and_faults", "read_config"]


class StudyConfig(Table):
    """Settings with defaults filled in; paths of data are relative to `folder`."""

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
    page: Page
    hotspots: Hotspots | None = None
    drivers: Drivers | None = None
    network: Network | None = None
    forecast: Forecast | None = None
    mediation: Mediation | None = None
    robustness: Robustness | None = None
    heterogeneity: Heterogeneity | None = None
    policy: Policy | None = None
    _folder: Path = PrivateAttr(Path())

    @property
    def folder(self) -> Path:
        """The folder to which paths of data are relative."""
        return self._folder

    @property
    def outcome_name(self) -> str:
        """The outcome column."""
        return self.outcome.variable or self.index.name

    def file(self, name: str) -> Path:
        """Return a data file's path."""
        return self.folder / name

    @property
    def indicators(self) -> list[str]:
        """The columns of the index, at all levels."""
        columns: list[str] = []
        for name, value in (self.index.indicators or {}).items():
            columns += value if isinstance(value, dict) else [name]
        return columns

    @property
    def groupings(self) -> dict[str, str]:
        """The group columns that are set, by key."""
        keys = dict(self.groups)
        return {key: column for key, column in keys.items() if column}

    @property
    def clusters(self) -> list[str]:
        """The column of clusters, if it is neither the units nor the periods."""
        name, keys = self.model.cluster, ("unit", "period", self.data.unit, self.data.period)
        return [name] if name and name not in keys else []

    @property
    def methods(self) -> dict[str, Method]:
        """The tables of methods that the settings ask for, by name."""
        tables = {name: getattr(self, name) for name in METHODS}
        return {name: table for name, table in tables.items() if table is not None}

    @property
    def formulas(self) -> dict[tuple[str, str], str]:
        """All formulas, by table and key."""
        formulas = {("model", "formula"): self.model.formula} if self.model.formula else {}
        return formulas | {
            (name, key): formula
            for name, table in self.methods.items()
            for key, formula in table.formulas.items()
        }

    @property
    def method_columns(self) -> dict[tuple[str, str], list[str]]:
        """Columns that methods name outside formulas, by table and key."""
        columns = {("lisa", "bivariate"): [self.lisa.bivariate]} if self.lisa.bivariate else {}
        return columns | {
            (name, key): names
            for name, table in self.methods.items()
            for key, names in table.named_columns.items()
        }

    @property
    def columns(self) -> list[str]:
        """The columns of the file that must be complete."""
        columns = [*self.data.logs, *self.indicators]
        columns += [self.outcome.variable] if self.outcome.variable else []
        columns += self.groupings.values()
        for formula in self.formulas.values():
            columns += columns_of(formula)
        columns += self.clusters
        for names in self.method_columns.values():
            columns += names
        derived = {f"log_{name}" for name in self.data.logs}
        derived |= {self.index.name} if self.index.indicators else set()
        return [name for name in dict.fromkeys(columns) if name not in derived]

    @property
    def has_effects(self) -> bool:
        """Whether the model has effects of regressors that differ from its coefficients."""
        formula = self.model.formula
        return self.model.model != "ols" and bool(formula) and bool(terms_of(str(formula)))

    @model_validator(mode="after")
    def _agree(self) -> StudyConfig:
        """Refuse keys that are valid alone but not in combination."""
        faults = faults_of_combinations(self)
        if faults:
            raise SettingError("sentences", *faults)
        return self


#: The tables of the file, with the models of their keys.
TABLES: dict[str, type[BaseModel]] = {
    name: part
    for name, field in StudyConfig.model_fields.items()
    for part in get_args(field.annotation) or [field.annotation]
    if isinstance(part, type) and issubclass(part, BaseModel)
}


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
        If keys are invalid; it names every key that is unknown, missing, or has a value of the
        wrong kind.
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


def config_and_faults(
    source: object, *, lenient: bool = False
) -> tuple[StudyConfig | None, list[str]]:
    """Return the settings, or None and all errors.

    Parameters
    ----------
    source : path or mapping
    lenient : bool
        Return settings without the faulty keys beside the errors, so that data can be checked
        too; None if a required key is missing.

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
    tables: dict[Any, Any] = {table: {} for table in TABLES if table not in METHODS} | {
        table: _written(content) if isinstance(content, Mapping) else content
        for table, content in values.items()
    }
    try:
        config = StudyConfig.model_validate(tables)
    except ValidationError as error:
        faults = [fault for details in error.errors() for fault in fault_sentences(details, TABLES)]
        partial = _without_faults(tables) if lenient else None
        if partial is not None:
            partial._folder = folder
        return partial, list(dict.fromkeys(faults))
    config._folder = folder
    return config, []


def _without_faults(tables: dict[Any, Any]) -> StudyConfig | None:
    """Return the settings without keys that are refused; combinations are not checked."""
    valid: dict[str, BaseModel] = {}
    for table, model in TABLES.items():
        if table in METHODS and table not in tables:
            continue
        content = tables.get(table)
        content = dict(content) if isinstance(content, Mapping) else {}
        try:
            valid[table] = model.model_validate(content)
        except ValidationError as error:
            refused = {details["loc"][0] for details in error.errors() if details["loc"]}
            rest = {key: value for key, value in content.items() if key not in refused}
            try:
                valid[table] = model.model_validate(rest)
            except ValidationError:
                if table in METHODS:
                    continue  # the study is checked without it
                return None
    return StudyConfig.model_construct(None, **valid)


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
    except (RecursionError, ValueError) as error:  # for example, a number with a million digits
        raise OptionError(f"{path.name} is not valid TOML: {error}") from None


def _line_of(error: tomllib.TOMLDecodeError, text: str) -> str:
    """Return the line that cannot be read, and a common cause."""
    place = re.search(r"at line (\d+)", str(error))
    if place is None:
        return ""
    line = text.replace("\r\n", "\n").split("\n")[int(place[1]) - 1].strip()
    bare = re.match(r"[^\s\"'=\[#]*[^\x00-\x7f][^\"'=]*=", line)
    if bare:
        return f": {line[:80]!r}; keys with letters other than a-z are written in quotes"
    hint = (
        "; in double quotes \\ begins an escape: write paths and formulas in single quotes"
        if "\\" in line
        else ""
    )
    return f": {line[:80]!r}{hint}" if line else ""


def _written(content: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the keys that have a value; an empty text counts as no value."""
    return {
        key: _plain(value)
        for key, value in content.items()
        if value is not None and not (isinstance(value, str) and not value.strip())
    }


def _plain(value: Any, depth: int = 0) -> Any:
    """Return a copy of plain Python values; types that TOML does not have are refused later."""
    if isinstance(value, Mapping) and depth < 4:
        return {key: _plain(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list | tuple) and depth < 4:
        return [_plain(part, depth + 1) for part in value]
    return value
