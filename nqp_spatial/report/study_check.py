"""What would fail in a study, found before it is run; and a first file of settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from nqp_spatial.errors import NqpError, OptionError, sample
from nqp_spatial.printed import Printed
from nqp_spatial.report.study import run_setup
from nqp_spatial.report.study_code import columns_used, setup_code
from nqp_spatial.report.study_config import SCHEMA, Setting, StudyConfig, read_config
from nqp_spatial.report.study_steps import every_step

__all__ = ["Finding", "check", "starter"]

_PERIODS = ("year", "period", "time", "date", "年份", "年", "时间")
_READERS = {".csv": pd.read_csv, ".xlsx": pd.read_excel, ".xls": pd.read_excel,
            ".dta": pd.read_stata, ".parquet": pd.read_parquet}  # fmt: skip


@dataclass(frozen=True, repr=False)
class Finding(Printed):
    """One thing that was checked.

    Attributes
    ----------
    level : {"ok", "warning", "fails"}
    where : str
        Which part of the study.
    words : str
    """

    level: Literal["ok", "warning", "fails"]
    where: str
    words: str

    def _parts(self) -> list[str]:
        return [str(self)]

    def __str__(self) -> str:
        marks = {"ok": "ok     ", "warning": "WARNING", "fails": "FAILS  "}
        return f"{marks[self.level]}  {self.where}: {self.words}"


def check(config: str | Path | Mapping[str, Any]) -> list[Finding]:
    """Check settings, data, weights and models, and say what would fail.

    Parameters
    ----------
    config : path or mapping
        As in `nqp_spatial.report.study`.

    Returns
    -------
    list of Finding

    Examples
    --------
    >>> check({"data": {"panel": "none.csv"}})[0].level
    'fails'
    """
    try:
        settings = read_config(config)
    except (OptionError, OSError) as error:
        return [Finding("fails", "settings", str(error))]
    try:
        names = run_setup(settings, setup_code(settings), Path())
    except (NqpError, OSError, KeyError, ValueError) as error:
        return [Finding("fails", "data and weights", f"{type(error).__name__}: {error}")]
    panel, w = names["panel"], names["w"]
    found = [Finding("ok", "data", repr(panel)), Finding("ok", "weights", repr(w))]
    found += [Finding("warning", "data", note) for note in panel.notes if "balanc" in note]
    absent = [name for name in columns_used(settings) if name not in panel.frame]
    if absent:
        near = f"the columns are {', '.join(map(str, panel.frame.columns[:30]))}"
        return [*found, Finding("fails", "columns", f"not there: {', '.join(absent)}; {near}")]
    found += _gaps(settings, panel)
    found += _sizes(settings, panel, w)
    if not any(one.level == "fails" for one in found):
        found += _models(settings, panel, w)
    return found


def _gaps(settings: StudyConfig, panel: Any) -> list[Finding]:
    found = []
    for name in columns_used(settings):
        missing = panel.frame[name].isna()
        if missing.any():
            cells = list(missing[missing].index)
            units = len({unit for unit, _ in cells})
            found.append(Finding(
                "fails", "columns",
                f"{name} is missing in {len(cells)} cells of {units} units, such as "
                f'{sample(cells, 3)}; set [data] balance = "drop-units" (leaves '
                f'{panel.n_units - units} units), "drop-periods" or "interpolate"',
            ))  # fmt: skip
    logged = list(settings["data"]["logs"])
    outcome = settings["outcome"]["variable"]
    if settings["outcome"]["logs"] and outcome:
        logged.append(outcome)
    for name in logged:
        values = pd.to_numeric(panel.frame[name], errors="coerce")
        if (values <= 0).any():
            cells = list(values[values <= 0].index)
            found.append(Finding(
                "fails", "columns", f"{name} is not positive in {sample(cells, 3)}: no logarithm"
            ))  # fmt: skip
    return found or [Finding("ok", "columns", "complete")]


def _sizes(settings: StudyConfig, panel: Any, w: Any) -> list[Finding]:
    found = []
    short = [step for step in every_step(settings) if panel.n_periods < step.periods]
    found += [
        Finding("warning", step.name, f"left out: needs at least {step.periods} periods")
        for step in short
    ]
    if 4 <= panel.n_periods < 15:
        found.append(Finding(
            "warning", "convergence", f"{panel.n_periods} periods are few for clubs (15 or more)"
        ))  # fmt: skip
    states = settings["dynamics"]["states"]
    moves = panel.n_units * max(panel.n_periods - settings["dynamics"]["step"], 0)
    if 0 < moves < 10 * states**2:
        found.append(Finding(
            "warning", "chains", f"{moves} moves for {states**2} probabilities are few; ask for "
            "fewer states",
        ))  # fmt: skip
    if len(w.islands):
        found.append(Finding("warning", "weights", f"no neighbours: {sample(w.islands)}"))
    for key in ("region", "province", "centre"):
        name = settings["groups"][key]
        if not name:
            continue
        of_unit = panel.frame[name].groupby("unit").nunique()
        if (of_unit > 1).any():
            units = of_unit.index[of_unit > 1]
            found.append(Finding(
                "fails", "groups", f"{name} changes over periods for {sample(units)}"
            ))  # fmt: skip
            continue
        sizes = panel.frame[name].groupby("unit").first().value_counts()
        said = ", ".join(f"{group} {size}" for group, size in sizes.head(8).items())
        level: Literal["ok", "fails"] = "fails" if len(sizes) < 2 else "ok"
        found.append(Finding(level, "groups", f"{name}: {said}"))
    return found


def _models(settings: StudyConfig, panel: Any, w: Any) -> list[Finding]:
    from nqp_spatial.composite import index
    from nqp_spatial.regression import fit

    of = settings["model"]
    try:
        if settings["index"]["indicators"]:
            made = index(
                panel, settings["index"]["indicators"], weighting=settings["index"]["weighting"]
            )
            panel = panel.assign(**{settings["index"]["name"]: made.scores})
        if not of["formula"]:
            return [Finding("ok", "model", "no formula: no model")]
        result = fit(of["formula"], panel, w, model=of["model"], effects=of["effects"])
    except NqpError as error:
        return [Finding("fails", "index or model", f"{type(error).__name__}: {error}")]
    return [Finding("ok", "model", f"{of['formula']}, {result.nobs:,} observations")]


# -- a first file ----------------------------------------------------------------------------------


def starter(panel: str | Path, geometry: str | Path | None = None, *, folder: Path) -> str:
    """Return a commented file of settings for a table and a map, from the columns they have.

    Parameters
    ----------
    panel : path
        csv, xlsx, dta or parquet.
    geometry : path, optional
    folder : Path
        Where the file will be: paths are written relative to it.

    Returns
    -------
    str
        TOML. What was guessed is marked; what can be left out stands behind ``#``.

    Raises
    ------
    OptionError
        If the table cannot be read, or no unit or period can be made out.

    Examples
    --------
    >>> import tempfile
    >>> home = Path(tempfile.mkdtemp())
    >>> rows = ["city,year,gdp", "a,2019,1", "a,2020,2", "b,2019,3", "b,2020,5"]
    >>> _ = (home / "p.csv").write_text(chr(10).join(rows))
    >>> text = starter(home / "p.csv", folder=home)
    >>> 'unit = "city"' in text, 'period = "year"' in text
    (True, True)
    """
    path = Path(panel)
    if path.suffix.lower() not in _READERS:
        raise OptionError(f"cannot read {path.name!r}; endings known are {', '.join(_READERS)}")
    frame, encoding = _read_any(path)
    period = _guess_period(frame)
    unit = _guess_unit(frame, period, geometry)
    by_unit = frame.groupby(unit)
    rest = [name for name in frame.columns if name not in (unit, period)]
    numeric = [n for n in rest if pd.api.types.is_numeric_dtype(frame[n])]
    counts = frame[rest].nunique()
    fixed = [n for n in rest if by_unit[n].nunique(dropna=False).max() == 1 and counts[n] > 1]
    groups = [n for n in fixed if 2 <= frame[n].nunique() <= 40]
    moving = [n for n in numeric if n not in fixed]
    complete = [n for n in moving if frame[n].notna().all()]
    given: dict[tuple[str, str], Any] = {
        ("data", "panel"): os.path.relpath(path.resolve(), folder.resolve()),
        ("data", "unit"): unit,
        ("data", "period"): period,
        ("outcome", "variable"): (complete or moving or ["NAME_A_COLUMN"])[0],
    }
    if encoding:
        given["data", "encoding"] = encoding
    if geometry:
        given["data", "geometry"] = os.path.relpath(Path(geometry).resolve(), folder.resolve())
        column, more = _map_column(Path(geometry), unit, frame[unit])
        if column and column != unit:
            given["data", "geometry_unit"] = column
        if column and more:
            given["data", "extra_shapes"] = "drop"
    else:
        given["weights", "kind"] = "file"
        given["weights", "path"] = "weights.csv"
    few = sorted(groups, key=lambda n: frame[n].nunique())
    centre = [n for n in few if frame[n].nunique() == 2]
    region = [n for n in few if 3 <= frame[n].nunique() <= 10] or centre
    if region:
        given["groups", "region"] = region[0]
    if centre:
        given["groups", "centre"] = centre[0]
    others = [n for n in complete if n != given["outcome", "variable"]][:3]
    hints = {
        ("model", "formula"): f"{given['outcome', 'variable']} ~ {' + '.join(others) or 'x'}",
    }
    gaps = frame[moving].isna().sum()
    notes = [
        f"# {frame[unit].nunique()} units, {frame[period].nunique()} periods, {len(frame)} rows.",
        f"# Numeric columns: {', '.join(moving) or 'none'}",
        f"# Constant by unit: {', '.join(fixed) or 'none'}",
        f"# With gaps: {', '.join(f'{n} ({k})' for n, k in gaps[gaps > 0].items()) or 'none'}",
    ]
    return _toml(given, hints, notes)


def _read_any(path: Path) -> tuple[pd.DataFrame, str | None]:
    """Return a table and its encoding, if that is not the usual one."""
    reader = _READERS[path.suffix.lower()]
    try:
        return reader(path), None
    except UnicodeDecodeError:
        pass
    try:
        return pd.read_csv(path, encoding="gb18030"), "gb18030"
    except UnicodeDecodeError:
        raise OptionError(
            f"{path.name!r} is neither in UTF-8 nor in GB 18030: save it in one of them"
        ) from None


def _guess_period(frame: pd.DataFrame) -> str:
    named = [n for n in frame.columns if str(n).strip().lower() in _PERIODS]
    if named:
        return str(named[0])
    for name in frame.columns:
        values = frame[name].dropna()
        whole = pd.api.types.is_integer_dtype(values) and len(values) > 0
        if whole and values.nunique() < len(values) and values.between(1800, 2200).all():
            return str(name)
    raise OptionError(
        "no column of periods can be made out; name it year, or write the file of settings by hand"
    )


def _guess_unit(frame: pd.DataFrame, period: str, geometry: str | Path | None) -> str:
    rows, periods = len(frame), frame[period].nunique()
    shared: list[str] = []
    if geometry:
        import pyogrio

        shared = [str(name) for name in pyogrio.read_info(geometry)["fields"]]
    whole = [
        n
        for n in frame.columns
        if n != period
        and not pd.api.types.is_float_dtype(frame[n])
        and not frame.duplicated([n, period]).any()
        and frame[n].nunique() * periods >= rows
        and frame[n].nunique() < max(rows, 2)
    ]
    best = sorted(whole, key=lambda n: (n not in shared, "name" in str(n).lower()))
    if not best:
        raise OptionError(
            f"no column of unit ids can be made out: none has each value once a {period}; check "
            "for rows that occur twice"
        )
    return str(best[0])


def _map_column(geometry: Path, unit: str, ids: pd.Series) -> tuple[str, int]:
    """Return the map's column that has the units' ids, or "", and how many others it has."""
    import geopandas as gpd

    shapes = gpd.read_file(geometry)
    wanted = set(ids.astype(str))
    for name in [unit, *shapes.columns]:
        if name not in shapes or name == shapes.geometry.name:
            continue
        found = set(shapes[name].astype(str))
        if wanted <= found:
            return str(name), len(found - wanted)
    return "", 0


def _toml(
    given: dict[tuple[str, str], Any], hints: dict[tuple[str, str], str], notes: list[str]
) -> str:
    lines = [
        "# Settings of a study. Check them with `nqp-spatial check`, run them with",
        "# `nqp-spatial study`. Lines behind # are defaults or hints: take the # away to change.",
        *notes,
        "",
    ]
    for table, settings in SCHEMA.items():
        lines.append(f"[{table}]")
        for key, setting in settings.items():
            if (table, key) in given:
                lines.append(f"{key} = {_literal(given[table, key])}  # guessed: {setting.said}")
            elif (table, key) == ("index", "indicators"):
                lines.append('# indicators = { column = "+", other = "-" }')
            else:
                value = hints.get((table, key), setting.default)
                lines.append(f"# {key} = {_literal(value)}  # {_said(setting)}")
        lines.append("")
    return "\n".join(lines)


def _said(setting: Setting) -> str:
    return setting.said + (f" ({', '.join(setting.choices)})" if setting.choices else "")


def _literal(value: Any) -> str:
    if value is None:
        return '""'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int | np.integer):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(_literal(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{}"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
