"""Errors in settings, in words: what was expected, what was found, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import date, time
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

__all__ = ["SettingError", "choices_of", "fault_sentences", "shown"]


class SettingError(ValueError):
    """An error of a validator, given by its kind or by its own sentences."""

    def __init__(self, kind: str, *sentences: str, value: object = None) -> None:
        super().__init__(kind)
        self.kind, self.sentences, self.value = kind, sentences, value


def fault_sentences(details: Mapping[str, Any], tables: Mapping[str, type[BaseModel]]) -> list[str]:
    """Return one validation error as sentences.

    Parameters
    ----------
    details : mapping
        One of the errors of a ValidationError: ``type, loc, input, ctx``.
    tables : mapping
        Models of the tables in the file.
    """
    kind, place = details["type"], details["loc"]
    fault = details.get("ctx", {}).get("error")
    if isinstance(fault, SettingError):
        kind = fault.kind
        if fault.sentences:
            return [f"[{place[0]}] {words}" if place else words for words in fault.sentences]
    if len(place) == 1:
        if kind in ("extra_forbidden", "invalid_key"):
            return [f"unknown table [{place[0]}]{_meant(place[0], tables)}"]
        return [f"[{place[0]}] must be a table, got {shown(details['input'])}"]
    table, key, *position = place
    fields = tables[str(table)].model_fields
    if kind in ("extra_forbidden", "invalid_key") and not position:
        return [f"[{table}] has no key {str(key)!r}{_meant(key, fields)}"]
    field = fields[str(key)]
    if kind == "missing":
        return [f"[{table}] needs {key}: {field.description}"]
    if isinstance(fault, SettingError) and kind == "repeated":
        return [f"[{table}] {key} names {shown(fault.value)} twice"]
    return [f"[{table}] {key} {_wrong(kind, details['input'], field, in_list=bool(position))}"]


_WRONG = {
    "empty_list": "is empty: name some, or leave it out",
    "no_columns": "is empty: name columns",
    "not_two": "must name two periods, the first and the last, got {value}",
    "empty_name": "holds an empty name: {value}",
    "null_character": "holds a character that no name has, got {value}",
    "encoding": "is unknown, {value}; such are utf-8, gb18030, utf-16",
    "finite_number": "must be a finite number, got {value}",
}


def _wrong(kind: str, value: object, field: FieldInfo, *, in_list: bool) -> str:
    """Return the problem with the value of a key, to follow its name."""
    quotes = "; write it in quotes" if isinstance(value, date | time) else ""
    choices, bounds = choices_of(field), _bounds(field)
    if kind in _WRONG:
        return _WRONG[kind].format(value=shown(value))
    if in_list and choices and isinstance(value, str):
        return f"has the unknown value {value!r}{_meant(value, choices)}"
    if in_list:
        kinds = "str or int or float" if kind == "period" else "str"
        return f"must be a list of {kinds}, it holds {shown(value)}{quotes}"
    if choices and isinstance(value, str):
        near = difflib.get_close_matches(value.casefold(), choices, n=1)
        suggestion = f"; did you mean {near[0]!r}?" if near else ""
        return f"must be one of {', '.join(choices)}, got {shown(value)}{suggestion}"
    if bounds and not kind.endswith("_type"):
        return f"must be {bounds}, got {shown(value)}"
    return f"must be of kind {_kind(field)}, got {shown(value)}{quotes}"


def choices_of(field: FieldInfo) -> tuple[str, ...]:
    """Return the values that a key may have, if they are restricted.

    Examples
    --------
    >>> choices_of(FieldInfo(annotation=Literal["en", "zh"]))
    ('en', 'zh')
    """
    return tuple(
        str(choice)
        for part in _parts(field.annotation)
        if get_origin(part) is Literal
        for choice in get_args(part)
    )


def _parts(annotation: Any) -> list[Any]:
    """Return the types in an annotation, including those of list members."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _parts(get_args(annotation)[0])
    if origin in (Union, UnionType, list):
        members = [part for member in get_args(annotation) for part in _parts(member)]
        return [list, *members] if origin is list else members
    return [annotation]


def _kind(field: FieldInfo) -> str:
    first = _parts(field.annotation)[0]
    if get_origin(first) is Literal:
        return "str"
    kind = get_origin(first) or first
    return "int or float" if kind is float else str(kind.__name__)


def _bounds(field: FieldInfo) -> str:
    words = {"ge": "at least", "le": "at most", "gt": "above", "lt": "below"}
    return " and ".join(
        f"{phrase} {getattr(bound, name):g}"
        for bound in field.metadata
        for name, phrase in words.items()
        if hasattr(bound, name)
    )


def _meant(word: object, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    near = difflib.get_close_matches(str(word).casefold(), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"


def shown(value: object) -> str:
    """Return a value for a message, shortened if long."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
