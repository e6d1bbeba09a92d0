"""Check of the files of a study and of the columns that its settings name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from nqp_spatial.errors import NqpError, OptionError
from nqp_spatial.regression._formulas import columns_of
from nqp_spatial.report.study._findings import Finding, in_settings
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.files import table_of

__all__ = ["check_columns", "check_formulas", "check_paths", "check_weights_file", "read_table"]


def check_formulas(settings: StudyConfig) -> dict[str, Finding]:
    """Return what is wrong with the formulas, whatever the data, by their table."""
    findings = {}
    for (table, key), formula in settings.formulas.items():
        try:
            columns_of(formula)
        except OptionError as error:
            findings[table] = Finding("fails", table, f"[{table}] {key}: {error}")
    return findings


def check_paths(settings: StudyConfig) -> dict[str, Finding]:
    """Return the files that do not exist or are empty, by the key that names them."""
    data, weights = settings.data, settings.weights
    named = {
        "[data] panel": data.panel,
        "[data] geometry": None if data.on_shipped_map else data.geometry,
        "[weights] path": weights.path if weights.kind == "file" else None,
    }
    findings = {}
    for where, name in named.items():
        if not name:
            continue
        path = settings.file(name)
        try:
            if not path.exists():
                words = f"there is no file {str(path)!r}{_near_file(path)}"
            elif path.is_file() and path.stat().st_size == 0:
                words = f"the file {str(path)!r} is empty"
            else:
                continue
        except OSError as error:
            words = f"cannot read {str(path)!r}: {error.strerror}"
        findings[where] = Finding("fails", "files", f"{where}: {words}")
    return findings


def _near_file(path: Path) -> str:
    try:
        names = [file.name for file in path.parent.iterdir()]
    except OSError:
        return f"; nor a folder {str(path.parent)!r}"
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def read_table(settings: StudyConfig) -> tuple[pd.DataFrame | None, list[Finding]]:
    """Return the table of a study, or None and why it cannot be read."""
    data = settings.data
    path = settings.file(data.panel)
    try:
        frame = table_of(
            path, unit=data.unit, sheet_name=data.sheet_name, encoding=data.encoding,
            header_row=data.header_row, footer_rows=data.footer_rows,
        )  # fmt: skip
    except (NqpError, OSError) as error:
        return None, [Finding("fails", "data", in_settings(error))]
    if frame.empty:
        return frame, [Finding("fails", "data", f"{path.name} has columns and no rows")]
    return frame, []


def check_columns(settings: StudyConfig, frame: pd.DataFrame) -> list[Finding]:
    """Return the keys that name columns which the table does not have."""
    name_of_table = settings.file(settings.data.panel).name
    columns = list(frame.columns)
    folded = {name.casefold(): name for name in columns}

    def near(name: str) -> str:
        match = difflib.get_close_matches(name.casefold(), folded, n=1)
        return folded[match[0]] if match else ""

    findings = []
    for where, names in _columns_by_setting(settings):
        absent = [name for name in names if name not in columns]
        if absent:
            meant = ", ".join(repr(name) for name in map(near, absent) if name)
            findings.append(Finding(
                "fails", "columns",
                f"{where} names what is no column of {name_of_table}: {', '.join(absent)}; the "
                f"columns are {', '.join(columns[:30])}"
                + (f"; did you mean {meant}?" if meant else ""),
            ))  # fmt: skip
    return findings


def _columns_by_setting(settings: StudyConfig) -> Iterator[tuple[str, list[str]]]:
    """Yield the keys that name columns, with these columns."""
    data = settings.data
    derived = {f"log_{name}" for name in data.logs}
    indicators = settings.indicators
    derived |= {settings.index.name} if indicators else set()
    yield "[data] unit", [data.unit]
    yield "[data] period", [data.period]
    yield "[data] logs", list(data.logs)
    yield "[index.indicators]", [name for name in indicators if name not in derived]
    yield "[outcome] variable", [name for name in [settings.outcome.variable]
                                 if name and name not in derived]  # fmt: skip
    for key, name in settings.groupings.items():
        yield f"[groups] {key}", [name]
    yield "[model] cluster", [name for name in settings.clusters if name not in derived]
    for (table, key), formula in settings.formulas.items():
        yield f"[{table}] {key}", [name for name in columns_of(formula) if name not in derived]
    for (table, key), names in settings.method_columns.items():
        yield f"[{table}] {key}", [name for name in names if name not in derived]


def check_weights_file(settings: StudyConfig) -> list[Finding]:
    """Return what is wrong with a file of weights, before it is matched with the panel."""
    from nqp_spatial.weights import read

    if settings.weights.kind != "file" or not settings.weights.path:
        return []
    path = settings.file(settings.weights.path)
    try:
        read(path)
    except NqpError as error:
        # Numbers alone have no ids: they are matched with the panel later, by row order.
        if "without ids" in str(error) or "names" in str(error):
            return []
        return [Finding("fails", "weights", f"[weights] path: {in_settings(error)}")]
    except Exception as error:
        return [Finding(
            "fails", "weights", f"[weights] path: {path.name} cannot be read as weights "
            f"({type(error).__name__}: {error})",
        )]  # fmt: skip
    return []
