"""Kinds of values of a settings file, and the model of its tables."""

from __future__ import annotations

import codecs
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from nqp_spatial.report.study._faults import SettingError, shown

__all__ = [
    "Columns",
    "Encoding",
    "Indicators",
    "Labels",
    "Method",
    "Names",
    "Period",
    "PeriodPair",
    "Periods",
    "Places",
    "Table",
    "Text",
    "each_once",
]


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


def each_once(values: list[Any]) -> list[Any]:
    repeated = [value for place, value in enumerate(values) if value in values[:place]]
    if repeated:
        raise SettingError("repeated", value=repeated[0])
    return values


def _not_empty(values: list[Any]) -> list[Any]:
    if not values:
        raise SettingError("empty_list")
    return values


def _some_columns(names: list[str]) -> list[str]:
    if not names:
        raise SettingError("no_columns")
    return names


def _two(values: list[Any]) -> list[Any]:
    if len(values) != 2:
        raise SettingError("not_two")
    return values


def _indicators(indicators: Any) -> Any:
    """Check column = "+" or "-", in tables by dimension or not."""
    if not isinstance(indicators, dict):
        return indicators  # refused later because of its type
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


def _aliases(aliases: Any) -> Any:
    if not isinstance(aliases, dict):
        return aliases
    faults = [
        f'aliases must read "name in the table" = "name or code on the map", got {shown(name)} = '
        f"{shown(place)}"
        for name, place in aliases.items()
        if not (isinstance(name, str) and isinstance(place, str | int))
        or isinstance(place, bool)
        or "\0" in f"{name}{place}"
    ]
    if faults:
        raise SettingError("sentences", *faults)
    return aliases


def _encoding(name: str) -> str:
    try:
        codecs.lookup(name)
        "1".encode(name)
    except (LookupError, ValueError):
        raise SettingError("encoding") from None
    return name


_INF = float("inf")
Text = Annotated[str, AfterValidator(_without_null)]
Names = Annotated[list[Annotated[str, AfterValidator(_name)]], AfterValidator(each_once)]
Period = Annotated[Any, BeforeValidator(_period)]
Periods = Annotated[
    list[Period],
    AfterValidator(_not_empty),
    AfterValidator(each_once),
]
PeriodPair = Annotated[Periods, AfterValidator(_two)]
Columns = Annotated[Names, AfterValidator(_some_columns)]
Encoding = Annotated[Text, AfterValidator(_encoding)]
Indicators = Annotated[dict[str, Any], BeforeValidator(_indicators)]
Places = Annotated[dict[str, Any], BeforeValidator(_aliases)]
Labels = Annotated[dict[str, str], BeforeValidator(_labels)]


class Table(BaseModel):
    """A table of the file: unknown keys, wrong types, nan and infinity are refused."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class Method(Table):
    """A table that asks for a method; without it, the method is not part of the study."""

    @property
    def named_columns(self) -> dict[str, list[str]]:
        """Columns of the data, by the key that names them."""
        return {}

    @property
    def formulas(self) -> dict[str, str]:
        """Formulas, by key."""
        return {}

    @property
    def named_periods(self) -> dict[str, list[Any]]:
        """Periods, by the key that names them."""
        return {}
