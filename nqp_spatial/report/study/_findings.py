"""Findings of a check, and messages of the package in the terms of a settings file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from nqp_spatial.core.display import Displayed
from nqp_spatial.errors import NqpError
from nqp_spatial.report._texts import visible

__all__ = ["Finding", "Findings", "alias_lines", "in_settings", "toml_text"]

# Terms that differ between Python and a settings file.
_IN_SETTINGS = (
    ("pass balanced=False and then choose panel", "set panel"),
    (r"use panel\.select\(\.\.\.\), or, with columns=\[\.\.\.\], panel", "set panel"),
    (r"panel\.balance\(how='([^']*)'\)", r'[data] balance = "\1"'),
    (r"panel\.balance\([^)]*\)", "[data] balance"),
    (r"; pass columns=\[\.\.\.\] to count those of some columns only", ""),
    (r"\bunits= ", "the units of the table "),
    (r"pass geometry= to SpatialPanel or read_panel", "name a map in [data] geometry"),
    (
        r"\bor name them in aliases=(?!\{)",
        'or write under [data.aliases]: "name" = "id on the map"',
    ),
    (r"\bname the numeric columns in columns=", "choose another [data] balance"),
    (r"\bunit= must be", "[data] unit must name"),
    (r"aliases=\{unit: None\}", '[data.aliases] "unit" = ""'),
    (r"\baliases= ?", "[data.aliases] "),
    (
        r"\b(encoding|sheet_name|extra_shapes|geometry_unit|geometry_encoding|labels)='([^']*)'",
        r'[data] \1 = "\2"',
    ),
    (
        r"\b(encoding|sheet_name|extra_shapes|geometry_unit|geometry_encoding|labels|geometry)=",
        r"[data] \1",
    ),
    (r"pass detrend=None, or a larger smoothing", 'set [clubs] detrend = "none"'),
    (r"\bislands='([^']*)'", r'[weights] islands = "\1"'),
    (r"\b(islands|cutoff_km|power|k)=", r"[weights] \1 = "),
)

Level = Literal["ok", "warning", "fails"]


@dataclass(frozen=True, repr=False)
class Finding(Displayed):
    """The result of one check.

    Attributes
    ----------
    level : {"ok", "warning", "fails"}
    where : str
        The part of the study.
    words : str
    """

    level: Level
    where: str
    words: str

    def _blocks(self) -> list[str]:
        return [str(self)]

    def __str__(self) -> str:
        marks = {"ok": "ok     ", "warning": "WARNING", "fails": "FAILS  "}
        return visible(f"{marks[self.level]}  {self.where}: {self.words}")


class Findings(Displayed, tuple[Finding, ...]):
    """The findings of a check, in order.

    Examples
    --------
    >>> findings = Findings([Finding("ok", "data", "complete"), Finding("fails", "map", "none")])
    >>> findings
    ok       data: complete
    FAILS    map: none
    >>> findings.failures.frame["where"].tolist()
    ['map']
    """

    __slots__ = ()

    @property
    def frame(self) -> pd.DataFrame:
        """One row per finding: ``level, where, words``."""
        columns = ["level", "where", "words"]
        rows = [[finding.level, finding.where, finding.words] for finding in self]
        return pd.DataFrame(rows, columns=columns)

    @property
    def failures(self) -> Findings:
        """The findings that would make the study fail."""
        return Findings(finding for finding in self if finding.level == "fails")

    def _blocks(self) -> list[str]:
        return [str(finding) for finding in self] or ["No findings"]

    __repr__ = Displayed.__repr__
    __str__ = Displayed.__repr__


def in_settings(error: BaseException, words: str | None = None) -> str:
    """Return an error message in the terms of a settings file.

    Examples
    --------
    >>> in_settings(NqpError("pass extra_shapes='drop' for geometries without data"))
    'pass [data] extra_shapes = "drop" for geometries without data'
    """
    words = str(error) if words is None else words
    for python, settings in _IN_SETTINGS:
        words = re.sub(python, settings, words)
    return words if isinstance(error, NqpError | OSError) else f"{type(error).__name__}: {words}"


def toml_text(value: object) -> str:
    r"""Return a text as TOML writes it, in double quotes.

    Examples
    --------
    >>> print(toml_text('襄樊"市'))
    "襄樊\"市"
    """
    # The escapes of JSON are among those of TOML, which has no unescaped DEL.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def alias_lines(aliases: Mapping[str, object]) -> str:
    """Return the lines of [data.aliases] in one: ``"a" = "b", "c" = "d"``."""
    lines = [f"{toml_text(unit)} = {toml_text(place)}" for unit, place in aliases.items()]
    more = f" and {len(lines) - 12} more" if len(lines) > 12 else ""
    return ", ".join(lines[:12]) + more
