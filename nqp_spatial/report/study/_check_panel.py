"""Check of the rows and values of a study's table: keys, gaps, numbers, groups, periods."""

from __future__ import annotations

import pandas as pd

from nqp_spatial.core.aliases import IdLookup, is_absent
from nqp_spatial.core.ids import folded
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import NqpError, sample
from nqp_spatial.report.study._findings import Finding, Level, in_settings
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.steps import every_step

__all__ = ["check_groups", "check_periods", "check_sizes", "check_values", "draft_panel"]


def draft_panel(
    settings: StudyConfig, frame: pd.DataFrame
) -> tuple[SpatialPanel | None, list[Finding]]:
    """Return the panel without a map, balanced as the settings have it, and findings.

    If gaps are not closed by [data] balance, the panel has them, so that the values can be checked
    in the same run.
    """
    data = settings.data
    if data.unit not in frame or data.period not in frame or frame.empty:
        return None, []
    if twice := _repeated(settings, frame):
        return None, twice
    try:
        panel = SpatialPanel(
            _under_one_name(settings, frame), unit=data.unit, period=data.period, balanced=False
        )
    except NqpError as error:
        return None, [Finding("fails", "data", in_settings(error))]
    try:
        if data.periods:
            panel = panel.select(periods=data.periods)
    except NqpError as error:
        return None, [Finding("fails", "data", f"[data] periods: {in_settings(error)}")]
    used = [name for name in settings.columns if name in panel.frame]
    return _closed(settings, panel, used)


def _repeated(settings: StudyConfig, frame: pd.DataFrame) -> list[Finding]:
    unit, period = settings.data.unit, settings.data.period
    keys = frame[[unit, period]]
    twice = keys[keys.duplicated()].drop_duplicates()
    if not len(twice):
        return []
    pairs = list(twice.itertuples(index=False, name=None))
    return [Finding(
        "fails", "data",
        f"({unit}, {period}) must be unique, {len(pairs)} occur more than once: "
        f"{sample(pairs)}; remove them, or name another column in [data] unit",
    )]  # fmt: skip


def _under_one_name(settings: StudyConfig, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table without units that aliases leave out, and with those that they join."""
    unit, lookup = (
        settings.data.unit,
        IdLookup(pd.Index(frame[settings.data.unit].dropna().unique())),
    )
    absent, names = [], {}
    for key, place in settings.data.aliases.items():
        id_, other = lookup.like(key), lookup.like(place)
        if is_absent(place):
            absent.append(id_)
        elif id_ is not None and other is not None and other != id_:
            names[id_] = other
    rest = frame[~frame[unit].isin([id_ for id_ in absent if id_ is not None])]
    return rest.assign(**{unit: rest[unit].replace(names)}) if names and len(rest) else rest


def _closed(
    settings: StudyConfig, panel: SpatialPanel, used: list[str]
) -> tuple[SpatialPanel | None, list[Finding]]:
    """Return the panel without gaps in the columns used, and what closes them."""
    how = settings.data.balance
    frame = panel.frame
    grid = pd.MultiIndex.from_product([panel.units, panel.periods], names=["unit", "period"])
    gaps = frame.reindex(grid)[used].isna().any(axis=1) | ~grid.isin(frame.index)
    if not gaps.any():
        return panel, [Finding("ok", "columns", "complete")]
    if how is not None:
        try:
            balanced = panel.balance(how=how, columns=used)
        except NqpError as error:
            return None, [
                Finding("fails", "data", f'[data] balance = "{how}": {in_settings(error)}')
            ]
        left_over = (
            f"{balanced.n_units} of {panel.n_units} units and {balanced.n_periods} of "
            f"{panel.n_periods} periods are left"
        )
        words = f'[data] balance = "{how}": {balanced.notes[-1]}; {left_over}'
        return balanced, [Finding("warning", "data", words)]
    return panel, [Finding("fails", "data", _gaps_words(settings, panel, used, gaps))]


def _gaps_words(
    settings: StudyConfig, panel: SpatialPanel, used: list[str], gaps: pd.Series
) -> str:
    """Return the gaps in words, with one count of units over absent rows and the columns used."""
    unit, period = settings.data.unit, settings.data.period
    absent = gaps.index[~gaps.index.isin(panel.frame.index)]
    parts = []
    if len(absent):
        parts.append(
            f"{len(absent)} of {len(gaps)} ({unit}, {period}) are absent: {sample(absent, 3)}"
        )
    for name in used:
        cells = panel.frame.index[panel.frame[name].isna()]
        if len(cells):
            units = cells.get_level_values("unit").nunique()
            parts.append(
                f"{name} is missing in {len(cells)} cells of {units} units, such as "
                f"{sample(cells, 3)}"
            )
    units = gaps.index[gaps].get_level_values("unit").unique()
    periods = gaps.index[gaps].get_level_values("period").unique()
    try:
        panel.balance(how="interpolate", columns=used)
        fills = "fills them all from the periods around them"
    except NqpError:
        fills = "cannot fill those at the ends of a series"
    parts += [f"are some one unit written in two ways? {twins}"] if (twins := _twins(panel)) else []
    return (
        f"{'; '.join(parts)}; in all {len(units)} of {panel.n_units} units have gaps in the "
        f'columns used: {sample(units, 8)}; set [data] balance = "drop-units" (leaves '
        f"{panel.n_units - len(units)} of {panel.n_units} units), "
        f'balance = "drop-periods" (leaves {panel.n_periods - len(periods)} of {panel.n_periods} '
        f'periods) or balance = "interpolate" ({fills})'
    )


def _twins(panel: SpatialPanel) -> str:
    """Return ids that differ only by blanks, full-width signs or capitals."""
    forms = pd.Series([folded(unit) for unit in panel.units], index=panel.units)
    twins = forms.index[forms.duplicated(keep=False).to_numpy()]
    return sample(twins, 6) if len(twins) else ""


def check_values(settings: StudyConfig, panel: SpatialPanel) -> list[Finding]:
    """Return columns that are not numeric, and values that a step cannot use."""
    outcome, logs = settings.outcome.variable, settings.data.logs
    numeric = dict.fromkeys([*logs, *settings.indicators, *([outcome] if outcome else [])])
    findings = []
    for name in numeric:
        if name not in panel.frame:
            continue
        try:
            values = _numbers(panel, name)
        except NqpError as error:
            findings.append(Finding("fails", "columns", in_settings(error)))
            continue
        logged = name in logs or (name == outcome and settings.outcome.logs)
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
        if outcome in (name, f"log_{name}") and values.nunique() < 2:
            findings.append(Finding("fails", "columns", f"{name} has the same value everywhere"))
    return findings + _texts(panel, [name for name in settings.columns if name not in numeric])


def _numbers(panel: SpatialPanel, name: str) -> pd.Series:
    """Return the numbers of a column that are there; raise `DomainError` where they are none."""
    panel.require_numeric([name])
    cells = panel.frame[name]
    if panel.is_balanced and not cells.isna().any():
        return pd.Series(panel.values(name).ravel(), cells.index)
    return cells.dropna().astype(float)


def _texts(panel: SpatialPanel, names: list[str]) -> list[Finding]:
    """Return columns of numbers written as text, which would be categories in a formula."""
    findings = []
    for name in names:
        if name not in panel.frame or not panel.numbers_as_text(name):
            continue
        try:
            panel.require_numeric([name])
        except NqpError as error:
            findings.append(Finding("fails", "columns", in_settings(error)))
    return findings


def check_groups(settings: StudyConfig, panel: SpatialPanel) -> list[Finding]:
    """Return the groups with their sizes, and those that change over time."""
    findings = []
    for key in ("region", "province", "centre"):
        name = settings.groupings.get(key)
        if not name or name not in panel.frame:
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
        level: Level = "fails" if len(sizes) < 2 else "ok"
        findings.append(Finding(level, "groups", f"{name}: {text}"))
    return findings


def check_periods(settings: StudyConfig, panel: SpatialPanel) -> list[Finding]:
    """Return periods, named by a table, that the panel does not have."""
    named = {("lisa", key): names for key, names in settings.lisa.named_periods.items()} | {
        (table, key): names
        for table, method in settings.methods.items()
        for key, names in method.named_periods.items()
    }
    findings = []
    for (table, key), names in named.items():
        absent = [name for name in names if name not in panel.periods]
        if absent:
            findings.append(Finding(
                "fails", "association" if table == "lisa" else table,
                f"[{table}] {key}: {sample(absent)} are not in the panel, which has "
                f"{sample(panel.periods, 40)}",
            ))  # fmt: skip
    return findings


def check_sizes(settings: StudyConfig, panel: SpatialPanel) -> list[Finding]:
    """Return steps for which there are too few periods or moves."""
    short = [step for step in every_step(settings) if panel.n_periods < step.periods]
    findings = [
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
    return findings
