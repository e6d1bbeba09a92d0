"""Check of the map of a study: its file or name, its column of ids, ids that differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from nqp_spatial.core.aliases import IdLookup, is_absent, unknown_aliases
from nqp_spatial.datasets.shipped import MapMatch, match_units
from nqp_spatial.errors import NqpError, plain, sample
from nqp_spatial.report.study._findings import Finding, alias_lines, in_settings
from nqp_spatial.report.study._map_guess import alias_proposals, best_match, one_name, provinces_of
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.files import ids_of_map, map_of

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["check_map"]


def check_map(settings: StudyConfig, frame: pd.DataFrame | None) -> list[Finding]:
    """Return all findings on the map of a study.

    Parameters
    ----------
    settings : StudyConfig
    frame : DataFrame or None
        The table as it was read, if it could be.
    """
    data = settings.data
    if not data.geometry:
        return []
    ids = None if frame is None or data.unit not in frame else _ids(frame[data.unit])
    if data.on_shipped_map:
        return [] if ids is None else _shipped(settings, ids, frame)
    path = settings.file(data.geometry)
    try:
        shapes = map_of(path, data.geometry_encoding)
    except (NqpError, OSError) as error:
        return [Finding("fails", "map", in_settings(error))]
    if ids is None:
        return []
    return [*_aliases(data.aliases, ids), *_own(settings, shapes, path.name, ids)]


def _ids(column: pd.Series) -> pd.Index:
    texts = column.dropna()
    texts = texts[texts.map(lambda cell: not (isinstance(cell, str) and not cell.strip()))]
    return pd.Index(texts.drop_duplicates())


def _aliases(aliases: Mapping[str, Any], units: pd.Index) -> list[Finding]:
    """Return the aliases of no unit of the table."""
    unknown = unknown_aliases(units, aliases)
    if not unknown:
        return []
    parts = [f"{key!r}" + (f" (nearest: {sample(near)})" if near else "")
             for key, near in unknown.items()]  # fmt: skip
    return [Finding(
        "fails", "aliases",
        f"[data.aliases] names what is no unit of the table: {', '.join(parts)}; write "
        '"name in the table" = "name on the map"',
    )]  # fmt: skip


# -- maps of the package ---------------------------------------------------------------------------


def _shipped(settings: StudyConfig, units: pd.Index, frame: pd.DataFrame | None) -> list[Finding]:
    data, name = settings.data, str(settings.data.geometry)
    findings = _aliases(data.aliases, units)
    unknown = unknown_aliases(units, data.aliases)
    aliases = {key: place for key, place in data.aliases.items() if key not in unknown}
    try:
        provinces = None if frame is None else provinces_of(frame, data.unit)
        match = match_units(name, units, aliases, provinces=provinces)
    except NqpError as error:
        return [*findings, Finding("fails", "aliases", in_settings(error))]
    lookup = IdLookup(units)
    absent = [
        lookup.like(key)
        for key, place in aliases.items()
        if is_absent(place) or lookup.like(place) not in (None, lookup.like(key))
    ]
    match = MapMatch(name, match.frame.drop(index=absent))
    unmatched = match.unmatched
    if len(unmatched) and 2 * len(unmatched) > len(match.frame):
        return [*findings, _wrong_column(settings, match, frame)]
    if len(unmatched):
        findings.append(_not_on_map(match, data.unit))
    if len(match.repeated) and frame is not None:
        findings.append(_repeated(settings, match, frame))
    fine = not any(finding.level == "fails" for finding in findings)
    words = "; ".join(str(note) for note in match.notes())
    return [*findings, Finding("ok", "map", words)] if fine else findings


def _repeated(settings: StudyConfig, match: MapMatch, frame: pd.DataFrame) -> Finding:
    """Return the finding on units that are one region: one that was renamed, or a mistake."""
    unit, period = settings.data.unit, settings.data.period
    rows = frame[frame[unit].isin(match.repeated.index)]
    words = ", ".join(match.repeated_words()[:8])
    codes = rows[unit].map(match.frame["code"])
    if period in rows and not pd.DataFrame({"c": codes, "p": rows[period]}).duplicated().any():
        lines = one_name(match, rows.groupby(unit)[period].max())
        return Finding(
            "fails", "map", f"{words}, in different periods: if it is one unit that was renamed, "
            f"join them under [data.aliases]: {alias_lines(lines)}",
        )  # fmt: skip
    keys = [str(plain(unit)) for unit in match.repeated.index[1:2]]
    return Finding(
        "fails", "map",
        f"{words}: a region has one row per {period}; correct the table, or leave one of them out "
        f"under [data.aliases]: {alias_lines(dict.fromkeys(keys, ''))}",
    )  # fmt: skip


def _not_on_map(match: MapMatch, unit: str) -> Finding:
    unmatched = match.unmatched
    words = match.unmatched_words()
    more = f" and {len(words) - 20} more" if len(words) > 20 else ""
    lines = {str(plain(unit)): row["first"] for unit, row in unmatched.iterrows()}
    guessed = any(lines.values())
    return Finding(
        "fails", "map",
        f"{len(words)} of {len(match.frame)} units ({unit}) are not on the map {match.name}: "
        f"{', '.join(words[:20])}{more}; write under [data.aliases]: {alias_lines(lines)}"
        + (" (the nearest names: see whether they are right;" if guessed else " (")
        + ' "" leaves a unit out)',
    )  # fmt: skip


def _wrong_column(settings: StudyConfig, match: MapMatch, frame: pd.DataFrame | None) -> Finding:
    """Return the finding where most units are not on the map, with the column that fits."""
    better = None if frame is None else best_match(frame, list(frame.columns))
    advice = "name the column of names or six-digit codes in [data] unit"
    if better is not None:
        column, name = better.column, better.match.name
        advice = " and ".join(
            f'{key} = "{value}"'
            for key, value, now in (
                ("unit", column, settings.data.unit), ("geometry", name, match.name),
            )
            if value != now
        )  # fmt: skip
        advice = f"set [data] {advice} ({better.match.n_matched} of {len(better.match.frame)} fit)"
    return Finding(
        "fails", "map",
        f"{match.n_matched} of {len(match.frame)} units are on the map {match.name}; the ids in "
        f"{settings.data.unit} are like {sample(match.unmatched.index, 3)}; {advice}",
    )  # fmt: skip


# -- maps of files ---------------------------------------------------------------------------------


def _own(
    settings: StudyConfig, shapes: gpd.GeoDataFrame, file: str, units: pd.Index
) -> list[Finding]:
    """Return problems with the id column of a map, and with ids that differ."""
    data, column = settings.data, settings.data.geometry_unit or settings.data.unit
    places = _places(units, data.aliases)
    best, _ = ids_of_map(shapes, data.unit, pd.Series(list(places.values()), dtype=object))
    findings = []
    if column not in shapes:
        names = ", ".join(str(name) for name in shapes.columns)
        advice = f'set [data] geometry_unit = "{best}"' if best else "name it in geometry_unit"
        findings.append(Finding(
            "fails", "map", f"{file} has no column {column!r}; its columns are {names}; {advice}"
        ))  # fmt: skip
        if not best:
            return findings
        column = best
    theirs = pd.Index(shapes[column].dropna().drop_duplicates())
    texts, lookup = set(theirs.map(str)), IdLookup(theirs)
    for unit, place in places.items():
        if place != unit and lookup.like(place) is not None:
            places[unit] = lookup.like(place)
    absent = {unit: place for unit, place in places.items() if str(place) not in texts}
    findings += _absent(absent, len(units), theirs, file, column, data.aliases, best)
    ours = {str(place) for place in places.values()}
    extra = sorted(texts - ours)
    if extra and data.extra_shapes == "error" and 2 * len(absent) <= len(units):
        findings.append(Finding(
            "fails", "map",
            f"{file} has {len(extra)} shapes of units that the table lacks: {sample(extra)}; "
            'set [data] extra_shapes = "drop"',
        ))  # fmt: skip
    return findings


def _places(units: pd.Index, aliases: Mapping[str, Any]) -> dict[Any, Any]:
    """Return the id on the map by unit, without units that are not on it."""
    lookup, places = IdLookup(units), {plain(unit): plain(unit) for unit in units}
    for key, place in aliases.items():
        unit = lookup.like(key)
        if unit is not None:
            places[unit] = place
    return {unit: place for unit, place in places.items() if not is_absent(place)}


def _absent(
    absent: Mapping[Any, Any],
    count: int,
    theirs: pd.Index,
    file: str,
    column: str,
    aliases: Mapping[str, Any],
    best: str,
) -> list[Finding]:
    """Return the finding on units without a shape, with the lines to write."""
    if not absent:
        return []
    head = f"{len(absent)} of {count} units are not in {column!r} of {file}: {sample(absent, 20)}"
    if 2 * len(absent) > count:
        known = f"it has {sample(theirs)}"
        advice = f'; set [data] geometry_unit = "{best}"' if best and best != column else ""
        return [Finding(
            "fails", "map", f"{head}; {known}; write the ids of table and map alike{advice}"
        )]  # fmt: skip
    near = alias_proposals(list(absent.values())[:12], theirs)
    lines = {str(unit): near[str(place)] for unit, place in list(absent.items())[:12]}
    return [Finding(
        "fails", "map",
        f"{head}; write under [data.aliases]: {alias_lines(lines)}"
        ' (the nearest ids: see whether they are right; "" leaves a unit out)',
    )]  # fmt: skip
