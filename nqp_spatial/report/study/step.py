"""What a step of a study is, and the code that it runs.

A step's code is text that calls the public API, and the study runs that very text, so that what the
page shows and what made it cannot differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from nqp_spatial.core.text import translate
from nqp_spatial.errors import OptionError
from nqp_spatial.regression._formulas import columns_of
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.page import Table, table_of
from nqp_spatial.report.study.words import say

__all__ = [
    "NO_FORMULA",
    "Found",
    "Names",
    "Step",
    "call",
    "columns_used",
    "drawn",
    "indicators_of",
    "literal",
    "made",
    "setup_code",
    "some",
    "tabled",
    "unfit_step",
]

Names = dict[str, Any]
NO_FORMULA = "no [model] formula is given"
_MAPS = ("choropleth_periods", "club_map", "lisa_maps")


@dataclass
class Found:
    """What a step found, in words and tables.

    Attributes
    ----------
    words : list of str
        Paragraphs.
    tables : list of Table
    """

    words: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    def say(self, *words: str) -> None:
        """Add paragraphs, empty ones left out; those of results in the page's language."""
        self.words += [translate(one) for one in words if one]

    def note(self, notes: Iterable[str]) -> None:
        """Add what a result says of itself."""
        self.words += [say("Note: {words}", words=translate(one).rstrip(".。")) for one in notes]

    def show(self, caption: str, table: pd.DataFrame, given: Iterable[object] = ()) -> None:
        """Add a table; the caller's own names are `given`, for they must not be translated."""
        self.tables.append(table_of(caption, table, set(given)))


@dataclass(frozen=True)
class Step:
    """One step of a study.

    Attributes
    ----------
    name, title : str
    code : str
        Python that calls the API; `panel`, `w`, `nq` and `out` are there.
    read : callable
        From the names that the code made to what was found.
    figures : tuple of (name, caption)
        Files that the code writes to out / "figures".
    unfit : str
        Why the step does not apply, or "".
    needed : str
        The part of the code that later steps build on: it runs even where the rest is taken over
        from an earlier run.
    periods : int
        How many the step needs at least.
    """

    name: str
    title: str
    code: str
    read: Callable[[Names], Found]
    figures: tuple[tuple[str, str], ...] = ()
    unfit: str = ""
    needed: str = ""
    periods: int = 1


def literal(value: object) -> str:
    """Return a plain value as Python text that is that value and nothing else.

    Parameters
    ----------
    value : object
        None, true or false, a finite number, text, or a list or mapping of these.

    Raises
    ------
    OptionError
        If the value is anything else: it could run as code.

    Examples
    --------
    >>> print(literal({"a": ["it's", 1, 0.5, None]}))
    {'a': ["it's", 1, 0.5, None]}
    """
    if value is None or isinstance(value, bool):
        return str(value)
    # The writers of the built-in types, whatever a subclass would say of itself.
    if isinstance(value, str):
        return str.__repr__(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float) and math.isfinite(value):
        return float.__repr__(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, Mapping):
        pairs = (f"{literal(key)}: {literal(part)}" for key, part in value.items())
        return f"{{{', '.join(pairs)}}}"
    raise OptionError(
        f"settings hold finite numbers, text, true or false, and lists or tables of these, got "
        f"{type(value).__name__}"
    )


def call(function: str, *arguments: str, **options: Any) -> str:
    """Return the text of a call; arguments are code, options are values.

    Examples
    --------
    >>> call("nq.esda.moran", "panel", "'y'", "w", seed=0)
    "nq.esda.moran(panel, 'y', w, seed=0)"
    """
    given = [*arguments, *(f"{key}={literal(value)}" for key, value in options.items())]
    line = f"{function}({', '.join(given)})"
    if len(line) <= 96:
        return line
    return f"{function}(\n    " + ",\n    ".join(given) + ",\n)"


def made(name: str, function: str, *arguments: str, **options: Any) -> str:
    """Return code that gives the result of a call a name."""
    return f"{name} = {call(function, *arguments, **options)}"


def some(**options: Any) -> Names:
    """Return the options that are given."""
    return {key: value for key, value in options.items() if value is not None}


def drawn(config: StudyConfig, function: str, what: str, name: str) -> str:
    """Return code that draws a figure and saves it; `name` is the text of a string."""
    options: Names = {}
    if function in _MAPS:
        options |= some(basemap=config["maps"]["basemap"], inset=config["maps"]["inset"])
    if config["study"]["lang"] != "en":
        options["lang"] = config["study"]["lang"]
    return (
        f"drawn = {call(f'nq.plots.{function}', what, **options)}\n"
        f'nq.plots.save(drawn, out / "figures" / {name}, close=True)'
    )


def tabled(function: str, what: str, name: str, **options: Any) -> str:
    """Return code that writes a table to Word and LaTeX."""
    lines = [
        call(f"nq.report.{function}", what, f'out / "tables" / "{name}.{ending}"', **options)
        for ending in ("docx", "tex")
    ]
    return "\n".join(lines)


def unfit_step(step: Step, why: str) -> Step:
    """Return the step without its code, with the reason why it is left out."""
    return Step(step.name, step.title, "", step.read, (), why)


def setup_code(config: StudyConfig) -> str:
    """Return the code that reads the data and makes the weights."""
    data, weights = config["data"], config["weights"]
    reading: Names = {"unit": data["unit"], "period": data["period"]}
    files = [f"data / {literal(data['panel'])}"]
    if data["geometry"]:
        files.append(f"geometry=data / {literal(data['geometry'])}")
    reading |= some(
        geometry_unit=data["geometry_unit"], geometry_encoding=data["geometry_encoding"],
        sheet_name=data["sheet_name"],
        encoding=data["encoding"], labels=data["labels"] or None,
    )  # fmt: skip
    if data["extra_shapes"] != "error":
        reading["extra_shapes"] = data["extra_shapes"]
    if data["balance"]:
        reading["balanced"] = False
    lines = [f"panel = {call('nq.read_panel', *files, **reading)}"]
    if data["periods"] is not None:
        lines.append(f"panel = panel.select(periods={literal(data['periods'])})")
    if data["balance"]:
        used = columns_used(config)
        lines.append(f"panel = {call('panel.balance', how=data['balance'], columns=used)}")
    for name in data["logs"]:
        label = say("Log of {name}", name=data["labels"].get(name, name))
        made = f"log_{name}"
        lines.append(  # a mapping: names of columns need not be Python's
            f"panel = panel.assign(labels={{{literal(made)}: {literal(label)}}}, "
            f"**{{{literal(made)}: lambda d: np.log(d[{literal(name)}])}})"
        )
    lines.append(f"w = {_weights_code(config)}")
    if weights["kind"] == "file":
        lines.append('w = w if w.rows_add_to_one else w.standardize("row")')
    return "\n".join(lines)


def columns_used(config: StudyConfig) -> list[str]:
    """Return the columns of the file that the study needs complete."""
    found = list(config["data"]["logs"])
    found += indicators_of(config)
    if config["outcome"]["variable"]:
        found.append(config["outcome"]["variable"])
    found += [name for name in config["groups"].values() if name]
    formula = config["model"]["formula"]
    if formula:
        found += columns_of(formula)
    made = {f"log_{name}" for name in config["data"]["logs"]} | (
        {config["index"]["name"]} if config["index"]["indicators"] else set()
    )
    return [name for name in dict.fromkeys(found) if name not in made]


def indicators_of(config: StudyConfig) -> list[str]:
    """Return the columns of the index, whatever its levels."""
    found: list[str] = []
    for name, value in (config["index"]["indicators"] or {}).items():
        found += value if isinstance(value, dict) else [name]
    return found


def _weights_code(config: StudyConfig) -> str:
    weights = config["weights"]
    kind, islands = weights["kind"], weights["islands"]
    if kind in ("queen", "rook"):
        return call("nq.weights.contiguity", "panel", kind=kind, islands=islands)
    if kind == "knn":
        return call("nq.weights.knn", "panel", k=weights["k"])
    if kind == "distance-band":
        return call(
            "nq.weights.distance_band", "panel", cutoff_km=weights["cutoff_km"], islands=islands
        )
    if kind == "inverse-distance":
        options = some(power=weights["power"], cutoff_km=weights["cutoff_km"])
        return call("nq.weights.inverse_distance", "panel", **options)
    return f"nq.weights.read(data / {literal(weights['path'])}, units=panel.units)"
