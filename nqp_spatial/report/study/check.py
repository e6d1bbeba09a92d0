"""Check of a study for errors before it is run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from nqp_spatial.core.display import Displayed
from nqp_spatial.core.options import checked
from nqp_spatial.errors import NqpError, OptionError, sample
from nqp_spatial.regression._formulas import columns_of
from nqp_spatial.report._texts import visible
from nqp_spatial.report.study.config import StudyConfig, config_and_faults
from nqp_spatial.report.study.files import ids_of_map, map_of, table_of
from nqp_spatial.report.study.runner import run_setup
from nqp_spatial.report.study.starter import starter
from nqp_spatial.report.study.step import setup_code
from nqp_spatial.report.study.steps import every_step

__all__ = ["Finding", "Findings", "check", "starter"]

_DATA = "encoding|sheet_name|extra_shapes|geometry_unit|geometry_encoding|labels"
# Terms that differ between Python and a settings file.
_IN_SETTINGS = (
    ("pass balanced=False and then choose panel", "set panel"),
    (r"panel\.balance\(how='([^']*)'\)", r'[data] balance = "\1"'),
    (r"panel\.balance\([^)]*\)", "[data] balance"),
    (r"\bunits= ", "the units of the table "),
    (
        r"\b(encoding|sheet_name|extra_shapes|geometry_unit|geometry_encoding|labels)='([^']*)'",
        r'[data] \1 = "\2"',
    ),
    (r"\b(encoding|sheet_name|extra_shapes|geometry_unit|geometry_encoding|labels)=", r"[data] \1"),
    (r"\bislands='([^']*)'", r'[weights] islands = "\1"'),
    (r"\b(islands|cutoff_km|power|k)=", r"[weights] \1 = "),
)
_OF_MODEL = r"\b(model|effects|estimator|covariance|cluster|cutoff_km|lags)=\s*"


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

    level: Literal["ok", "warning", "fails"]
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


@checked
def check(config: object) -> Findings:
    """Check settings, data, weights and models, and report what would fail.

    No text of the settings is executed: formulas are parsed, and refused if they contain anything
    except columns, operators and known functions.

    Parameters
    ----------
    config : path or mapping
        As in `nqp_spatial.report.study`.

    Returns
    -------
    Findings
        A tuple of `Finding`, with ``.frame`` and ``.failures``.

    Examples
    --------
    >>> check({"data": {"panel": "none.csv"}})[0].level
    'fails'
    """
    try:
        settings, faults = config_and_faults(config)
    except (OptionError, OSError) as error:
        return Findings([Finding("fails", "settings", str(error))])
    if settings is None:
        return Findings(Finding("fails", "settings", fault) for fault in faults)
    return Findings(_findings(settings))


def _findings(settings: StudyConfig) -> list[Finding]:
    """Return problems with the files; if there are none, with the data and the models."""
    findings = [*_formula(settings), *_files(settings)]
    if not findings:
        findings = [*_table(settings), *_weights_file(settings)]
    if findings:
        return findings
    try:
        names = run_setup(settings, setup_code(settings), Path())
    except Exception as error:  # any problem with the files is reported, not raised
        return [Finding("fails", "data and weights", _in_settings(error))]
    panel, w = names["panel"], names["w"]
    findings = [Finding("ok", "data", repr(panel)), Finding("ok", "weights", repr(w))]
    findings += [Finding("warning", "data", note) for note in panel.notes if "balanc" in note]
    for part in (_gaps, _values, _groups, _periods, _sizes):
        try:
            findings += part(settings, panel, w)
        except Exception as error:
            findings.append(Finding("fails", "data", _in_settings(error)))
    if not any(finding.level == "fails" for finding in findings):
        findings += _models(settings, panel, w)
    return findings


def _in_settings(error: BaseException, words: str | None = None) -> str:
    """Return an error message in the terms of a settings file."""
    words = str(error) if words is None else words
    for python, settings in _IN_SETTINGS:
        words = re.sub(python, settings, words)
    return words if isinstance(error, NqpError | OSError) else f"{type(error).__name__}: {words}"


# -- before anything is computed -------------------------------------------------------------------


def _formula(settings: StudyConfig) -> list[Finding]:
    formula = settings.model.formula
    if not formula:
        return []
    try:
        columns_of(formula)
    except OptionError as error:
        return [Finding("fails", "model", f"[model] formula: {error}")]
    return []


def _files(settings: StudyConfig) -> list[Finding]:
    """Return the files that do not exist or are empty."""
    named = [
        ("[data] panel", settings.data.panel),
        ("[data] geometry", settings.data.geometry),
        ("[weights] path", settings.weights.path),
    ]
    if settings.weights.kind != "file":
        named.pop()
    findings = []
    for where, name in named:
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
        findings.append(Finding("fails", "files", f"{where}: {words}"))
    return findings


def _near_file(path: Path) -> str:
    try:
        names = [file.name for file in path.parent.iterdir()]
    except OSError:
        return f"; nor a folder {str(path.parent)!r}"
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


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
    formula = settings.model.formula
    yield "[model] formula", [n for n in columns_of(formula) if n not in derived] if formula else []


def _table(settings: StudyConfig) -> list[Finding]:
    """Return all problems with the table and the map as they were read."""
    data = settings.data
    path = settings.file(data.panel)
    try:
        frame = table_of(path, unit=data.unit, sheet_name=data.sheet_name, encoding=data.encoding)
    except (NqpError, OSError) as error:
        return [Finding("fails", "data", _in_settings(error)), *_map(settings, None)]
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
                f"{where} names what is no column of {path.name}: {', '.join(absent)}; the columns "
                f"are {', '.join(columns[:30])}" + (f"; did you mean {meant}?" if meant else ""),
            ))  # fmt: skip
    unit, period = data.unit, data.period
    if frame.empty:
        findings.append(Finding("fails", "data", f"{path.name} has columns and no rows"))
    elif unit in frame and period in frame:
        findings += _grid(settings, frame, [n for n in settings.columns if n in frame])
    return findings + _map(settings, frame.get(unit))


def _grid(settings: StudyConfig, frame: pd.DataFrame, used: list[str]) -> list[Finding]:
    """Return problems with the rows: pairs that occur twice or not at all."""
    unit, period = settings.data.unit, settings.data.period
    keys = frame[[unit, period]]
    twice = keys[keys.duplicated()].drop_duplicates()
    if len(twice):
        pairs = list(twice.itertuples(index=False, name=None))
        return [Finding(
            "fails", "data",
            f"({unit}, {period}) must be unique, {len(pairs)} occur more than once: "
            f"{sample(pairs)}; remove them, or name another column in [data] unit",
        )]  # fmt: skip
    units, periods = frame[unit].dropna().unique(), frame[period].dropna().unique()
    absent = len(units) * len(periods) - len(keys.dropna())
    if not absent or settings.data.balance:
        return []
    complete = frame.dropna(subset=[unit, period, *used]).groupby(unit).size()
    n_complete = int((complete == len(periods)).sum())
    pairs = pd.MultiIndex.from_product([units, periods]).difference(pd.MultiIndex.from_frame(keys))
    return [Finding(
        "fails", "data",
        f"{absent} of {len(units) * len(periods)} ({unit}, {period}) are absent: "
        f'{sample(pairs, 3)}; add them, or set [data] balance = "drop-units" (leaves '
        f"{n_complete} of {len(units)} units that are complete in the columns used), "
        '"drop-periods" or "interpolate"',
    )]  # fmt: skip


def _map(settings: StudyConfig, ids: pd.Series | None) -> list[Finding]:
    """Return problems with the map: its file, its id column, ids that differ."""
    data = settings.data
    if not data.geometry:
        return []
    path = settings.file(data.geometry)
    try:
        shapes = map_of(path, data.geometry_encoding)
    except (NqpError, OSError) as error:
        return [Finding("fails", "map", _in_settings(error))]
    column = data.geometry_unit or data.unit
    best, absent = ("", []) if ids is None else ids_of_map(shapes, data.unit, ids)
    if column not in shapes:
        names = ", ".join(str(name) for name in shapes.columns)
        advice = f'; set [data] geometry_unit = "{best}"' if best else "; name it in geometry_unit"
        return [Finding(
            "fails", "map", f"{path.name} has no column {column!r}; its columns are {names}{advice}"
        )]  # fmt: skip
    if ids is None:
        return []
    theirs = set(shapes[column].map(str))
    wanted = dict.fromkeys(ids.dropna().map(str))
    absent, more = [name for name in wanted if name not in theirs], len(theirs - set(wanted))
    findings = []
    if absent:
        advice = ""
        if best and best != column and len(absent) == len(wanted):
            advice = f'; or set [data] geometry_unit = "{best}"'
        findings.append(Finding(
            "fails", "map",
            f"{len(absent)} of {len(wanted)} units are not in {column!r} of {path.name}: "
            f"{sample(absent)}; it has {sample(sorted(theirs - set(wanted)))}; write the ids of "
            f"table and map alike{advice}",
        ))  # fmt: skip
    if more and data.extra_shapes == "error" and len(absent) < len(wanted):
        findings.append(Finding(
            "fails", "map",
            f"{path.name} has {more} shapes of units that the table lacks: "
            f'{sample(sorted(theirs - set(wanted)))}; set [data] extra_shapes = "drop"',
        ))  # fmt: skip
    return findings


def _weights_file(settings: StudyConfig) -> list[Finding]:
    from nqp_spatial.weights import read

    if settings.weights.kind != "file":
        return []
    path = settings.file(str(settings.weights.path))
    try:
        read(path)
    except NqpError as error:
        # Numbers alone have no ids: they are matched with the panel later, by row order.
        if "without ids" in str(error) or "names" in str(error):
            return []
        return [Finding("fails", "weights", f"[weights] path: {_in_settings(error)}")]
    except Exception as error:
        return [Finding(
            "fails", "weights", f"[weights] path: {path.name} cannot be read as weights "
            f"({type(error).__name__}: {error})",
        )]  # fmt: skip
    return []


# -- on the panel ----------------------------------------------------------------------------------


def _gaps(settings: StudyConfig, panel: Any, w: Any) -> list[Finding]:
    used = [name for name in settings.columns if name in panel.frame]
    missing = panel.frame[used].isna()
    gaps = {name: cells for name, cells in missing.items() if cells.any()}
    if not gaps:
        return [Finding("ok", "columns", "complete")]
    units = missing.index[missing.any(axis=1)].get_level_values("unit").nunique()
    parts = [
        f"{name} is missing in {cells.sum()} cells of "
        f"{cells[cells].index.get_level_values('unit').nunique()} units, such as "
        f"{sample(cells[cells].index, 3)}"
        for name, cells in gaps.items()
    ]
    return [Finding(
        "fails", "columns",
        f'{"; ".join(parts)}; set [data] balance = "drop-units" (leaves {panel.n_units - units} '
        'units), "drop-periods" or "interpolate"',
    )]  # fmt: skip


def _values(settings: StudyConfig, panel: Any, w: Any) -> list[Finding]:
    """Return columns that are not numeric, and values that a step cannot use."""
    outcome, indicators = settings.outcome.variable, settings.indicators
    numeric = dict.fromkeys([*settings.data.logs, *indicators, *([outcome] if outcome else [])])
    findings = []
    for name in numeric:
        cells = panel.frame[name]
        if cells.isna().any():
            continue
        try:
            values = pd.Series(panel.values(name).ravel(), cells.index)
        except NqpError as error:
            findings.append(Finding("fails", "columns", _in_settings(error)))
            continue
        logged = name in settings.data.logs or (name == outcome and settings.outcome.logs)
        if logged and (values <= 0).any():
            findings.append(Finding(
                "fails", "columns",
                f"{name} is not positive in {sample(values.index[values <= 0], 3)}: no logarithm",
            ))  # fmt: skip
        elif name == outcome and settings.groups.region and (values < 0).any():
            findings.append(Finding(
                "warning", "gradient",
                f"{name} is negative in {sample(values.index[values < 0], 3)}: the Gini "
                'coefficient needs values from zero; or set [study] skip = ["gradient"]',
            ))  # fmt: skip
        if name == outcome and values.nunique() < 2:
            findings.append(Finding("fails", "columns", f"{name} has the same value everywhere"))
    return findings


def _groups(settings: StudyConfig, panel: Any, w: Any) -> list[Finding]:
    findings = []
    for key in ("region", "province", "centre"):
        name = settings.groupings.get(key)
        if not name or panel.frame[name].isna().any():
            continue
        of_unit = panel.frame[name].groupby("unit").nunique()
        if (of_unit > 1).any():
            units = of_unit.index[of_unit > 1]
            findings.append(Finding(
                "fails", "groups", f"{name} changes over periods for {sample(units)}"
            ))  # fmt: skip
            continue
        sizes = panel.frame[name].groupby("unit").first().value_counts()
        text = ", ".join(f"{group} {size}" for group, size in sizes.head(8).items())
        if len(sizes) < 2:
            text += f": [groups] {key} needs two groups or more"
        level: Literal["ok", "fails"] = "fails" if len(sizes) < 2 else "ok"
        findings.append(Finding(level, "groups", f"{name}: {text}"))
    return findings


def _periods(settings: StudyConfig, panel: Any, w: Any) -> list[Finding]:
    absent = [name for name in settings.lisa.periods or [] if name not in panel.periods]
    if not absent:
        return []
    return [Finding(
        "fails", "association",
        f"[lisa] periods: {sample(absent)} are not in the panel, which has "
        f"{sample(panel.periods, 40)}",
    )]  # fmt: skip


def _sizes(settings: StudyConfig, panel: Any, w: Any) -> list[Finding]:
    findings = []
    short = [step for step in every_step(settings) if panel.n_periods < step.periods]
    findings += [
        Finding("warning", step.name, f"left out: needs at least {step.periods} periods")
        for step in short
    ]
    if 4 <= panel.n_periods < 15:
        findings.append(Finding(
            "warning", "convergence", f"{panel.n_periods} periods are few for clubs (15 or more)"
        ))  # fmt: skip
    states = settings.dynamics.states
    moves = panel.n_units * max(panel.n_periods - settings.dynamics.step, 0)
    if 0 < moves < 10 * states**2:
        findings.append(Finding(
            "warning", "chains", f"{moves} moves for {states**2} probabilities are few; ask for "
            "fewer states",
        ))  # fmt: skip
    if len(w.islands):
        findings.append(Finding("warning", "weights", f"no neighbours: {sample(w.islands)}"))
    return findings


def _models(settings: StudyConfig, panel: Any, w: Any) -> list[Finding]:
    from nqp_spatial.composite import index
    from nqp_spatial.regression import fit

    model = settings.model
    try:
        if settings.index.indicators:
            composite = index(panel, settings.index.indicators, weighting=settings.index.weighting)
            panel = panel.assign(**{settings.index.name: composite.scores})
        if not model.formula:
            return [Finding("ok", "model", "no formula: no model")]
        result = fit(
            model.formula, panel, w, model=model.model, effects=model.effects, **model.inference
        )
    except Exception as error:
        words = re.sub(_OF_MODEL, r"[model] \1 = ", str(error))
        return [Finding("fails", "index or model", _in_settings(error, words))]
    return [Finding("ok", "model", f"{model.formula}, {result.nobs:,} observations")]
