"""The table of a result, as figures read it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from typing import Any

import pandas as pd

from nqp_spatial.core.text import label, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._canvas import capital

__all__ = [
    "entry_words",
    "id_words",
    "level_of",
    "table_of",
    "variable_of",
    "variable_words",
]


def table_of(result: object, columns: Iterable[str], use: str) -> pd.DataFrame:
    """Return the table of a result, its index made columns.

    Parameters
    ----------
    result : object
        With a `frame`, or a DataFrame itself.
    columns : iterable of str
        Names that must be there.
    use : str
        What the figure draws, for the message.

    Raises
    ------
    OptionError
        If there is no table, or it lacks a column.
    """
    frame: Any = result if isinstance(result, pd.DataFrame) else getattr(result, "frame", None)
    if not isinstance(frame, pd.DataFrame):
        raise OptionError(
            f"result must have a table, as results of nqp_spatial have in their frame, to draw "
            f"{use}; got {type(result).__name__}"
        )
    if isinstance(frame.columns, pd.MultiIndex):
        raise OptionError("the table of the result has several levels of columns")
    if not (isinstance(frame.index, pd.RangeIndex) and frame.index.name is None):
        frame = frame.reset_index(names=[name or "name" for name in frame.index.names])
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise OptionError(
            f"to draw {use} the table of the result must have {', '.join(columns)}; it has "
            f"{', '.join(map(str, frame.columns))}"
        )
    return frame


def variable_words(result: object) -> Callable[[Hashable], str]:
    """Return a function that gives the display label of a variable, where the result knows it."""
    for holder in (result, getattr(result, "model", None)):
        labels = getattr(holder, "labels", None)
        if isinstance(labels, Mapping):
            return partial(_look_up, labels)
        by_name = getattr(holder, "label", None)
        if callable(by_name):
            return partial(_call, by_name)
    return str


def _look_up(labels: Mapping[Any, Any], name: Hashable) -> str:
    return str(labels.get(name, name))


def _call(by_name: Callable[[Hashable], object], name: Hashable) -> str:
    return str(by_name(name))


def level_of(result: object) -> float | None:
    """Return the confidence level of a result's intervals, if it says one."""
    for holder in (result, getattr(result, "spec", None)):
        level = getattr(holder, "level", None)
        if isinstance(level, float):
            return level
    return None


def variable_of(result: object) -> str | None:
    """Return the display label of the variable that a result is about, or its name."""
    for name in ("label", "variable"):
        text = getattr(result, name, None)
        if isinstance(text, str) and text:
            return text
    return None


def id_words(column: str, value: Hashable, words_of: Callable[[Hashable], str]) -> str:
    """Return what a value of an identifying column is called.

    Names of variables are the caller's; blocks, effects and horizons have words of their own.
    """
    return words_of(value) if column == "variable" else entry_words(column, value)


def entry_words(domain: str, name: Hashable) -> str:
    """Return a word of the package with a capital letter; any other name as it is."""
    word = label(domain, name)
    return capital(translate(word)) if word.context else str(word)
