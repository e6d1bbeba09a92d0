"""The maps of the package, joined to the units of a table."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from nqp_spatial.core.aliases import Aliases, targets_of
from nqp_spatial.core.text import Message, join, label, listed, t
from nqp_spatial.datasets._gazetteer import Gazetteer, PlaceMatch, gazetteer
from nqp_spatial.datasets.china import china_prefectures, china_provinces
from nqp_spatial.datasets.matching import nearest_units
from nqp_spatial.errors import UnmatchedIdsError, plain, sample

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["MapMatch", "match_units", "shapes_of_units"]

_LEVELS = {"china-prefectures": "prefectures", "china-provinces": "provinces"}


@dataclass(frozen=True)
class MapMatch:
    """How the units of a table were found on a map of the package.

    Attributes
    ----------
    name : str
        Of the map.
    frame : DataFrame
        Indexed by unit: ``place`` (the name looked up: the unit or its alias), ``code`` (Int64),
        ``name_zh``, ``how`` (as in `match_prefectures`), ``alias`` (bool), ``nearest`` (names of
        similar regions, or what became of a unit), ``first`` (the most similar, or "").
    """

    name: str
    frame: pd.DataFrame

    @property
    def unmatched(self) -> pd.DataFrame:
        """The rows of units without a region."""
        return self.frame[self.frame["code"].isna()]

    @property
    def repeated(self) -> pd.DataFrame:
        """The rows of units that are one region, sorted by it."""
        codes = self.frame["code"]
        rows = self.frame[codes.notna() & codes.duplicated(keep=False)]
        return rows.sort_values("code", kind="stable")

    @property
    def n_matched(self) -> int:
        """Number of units with a region."""
        return int(self.frame["code"].notna().sum())

    def unmatched_words(self) -> list[str]:
        """Return each unit without a region in words, with the nearest names."""
        return [_unmatched(unit, row) for unit, row in self.unmatched.iterrows()]

    def repeated_words(self) -> list[str]:
        """Return each region that several units are, in words."""
        return [
            f"{' and '.join(repr(plain(unit)) for unit in rows.index)} are both "
            f"{rows['name_zh'].iloc[0]} ({code})"
            for code, rows in self.repeated.groupby("code")
        ]

    def summary(self) -> Message:
        """Return how many units were matched by what."""
        kinds = self.frame["how"].where(~self.frame["alias"], "alias")
        counts = kinds[self.frame["code"].notna()].value_counts()
        parts = [
            t("{count} by {how}", count=int(count), how=label("match", str(how)))
            for how, count in counts.items()
        ]
        return t(
            "{count} of {total} units are on the map {map}: {parts}",
            count=self.n_matched, total=len(self.frame), map=self.name, parts=join(", ", parts),
        )  # fmt: skip

    def notes(self) -> list[Message]:
        """Return the summary, the names that changed, aliases, and how much of the map is empty."""
        notes = [self.summary()]
        former = self.frame[self.frame["how"].isin(["former name", "former code"])]
        former = former[~former["alias"]]
        if len(former):
            notes.append(t("former names and codes: {pairs}", pairs=_pairs(former)))
        if self.frame["alias"].any():
            notes.append(t("aliases: {pairs}", pairs=_pairs(self.frame[self.frame["alias"]])))
        total = len(_names(self.name).units)
        surplus = total - self.n_matched
        if surplus:
            notes.append(
                t("{count} of {total} regions of the map are not in the table and have no data",
                  count=surplus, total=total)
            )  # fmt: skip
        return notes


def match_units(
    name: str,
    units: pd.Index,
    aliases: Aliases,
    *,
    similar: int = 50,
    provinces: pd.Series | None = None,
) -> MapMatch:
    """Return how units are found on a map of the package.

    Parameters
    ----------
    name : str
        One of `nqp_spatial.core.shipped_maps.SHIPPED_MAPS`.
    units : Index
        Ids of the table: names or codes.
    aliases : mapping
        Name or code on the map by id of the table.
    similar : int
        For how many units without a region similar ones are sought.
    provinces : Series, optional
        Province by unit, in which similar regions come first.

    Raises
    ------
    UnmatchedIdsError
        If an alias is of no unit.
    """
    names, targets = _names(name), targets_of(units, aliases)
    probable = None if provinces is None else provinces.reindex(targets.index)
    matches = names.match(targets, [None] * len(targets), similar=similar, probable=probable)
    frame = pd.DataFrame(
        {
            "place": targets,
            "code": pd.array([match.code for match in matches], dtype="Int64"),
            "how": [match.how for match in matches],
            "alias": [bool(place != unit) for unit, place in targets.items()],
            "nearest": [nearest_units(match, names) for match in matches],
            "first": [_first(match, names) for match in matches],
        },
        index=targets.index,
    )
    frame.insert(2, "name_zh", frame["code"].map(names.units["name_zh"]).fillna("").astype(object))
    return MapMatch(name, frame)


def shapes_of_units(
    name: str, units: pd.Index, aliases: Aliases
) -> tuple[gpd.GeoDataFrame, list[Message]]:
    """Return the shapes of units, indexed by unit, and notes.

    Raises
    ------
    UnmatchedIdsError
        If units are not on the map, or several units are one region of it; all are named.
    """
    match = match_units(name, units, aliases)
    faults = []
    if absent := match.unmatched_words():
        hints = {
            plain(unit): row["first"] for unit, row in match.unmatched.iterrows() if row["first"]
        }
        advice = f"name them in aliases={hints}, or" if hints else "correct these ids, or"
        faults.append(
            f"{len(absent)} of {len(units)} units are not on the map {name!r}: "
            f"{_shortened(absent)}; {advice} leave units out with aliases={{unit: None}}"
        )
        if 2 * len(absent) > len(units):
            faults.append(
                "unit= must be a column of names or six-digit codes of these regions; "
                f"it is like {sample(units, 3)}"
            )
    if repeated := match.repeated_words():
        other, second = (plain(unit) for unit in match.repeated.index[:2])
        faults.append(
            f"{_shortened(repeated)}; keep one row per period for each region. A unit that changed "
            f"its name within the sample is joined by aliases={{{other!r}: {second!r}}}"
        )
    if faults:
        raise UnmatchedIdsError("; ".join(faults))
    shapes = _shapes(name).loc[match.frame["code"].astype("int64")].reset_index()
    return shapes.set_index(pd.Index(units, name="unit")), match.notes()


@cache
def _shapes(name: str) -> gpd.GeoDataFrame:
    return china_provinces() if name == "china-provinces" else china_prefectures()


def _names(name: str) -> Gazetteer:
    return gazetteer("provinces" if _LEVELS[name] == "provinces" else "prefectures")


def _first(match: PlaceMatch, names: Gazetteer) -> str:
    # Of a unit that was divided or merged, no part has the same territory.
    if not match.near or match.remark:
        return ""
    return str(names.units.loc[match.near[0], "name_zh"])


def _unmatched(unit: Hashable, row: pd.Series) -> str:
    place = f" as {row['place']!r}" if row["alias"] else ""
    near = row["nearest"]
    kind = "ambiguous: " if row["how"] == "ambiguous" else "nearest: " if row["first"] else ""
    return f"{plain(unit)!r}{place}" + (f" ({kind}{near})" if near else "")


def _shortened(words: list[str], count: int = 12) -> str:
    more = f" and {len(words) - count} more" if len(words) > count else ""
    return ", ".join(words[:count]) + more


def _pairs(rows: pd.DataFrame) -> str:
    return listed([f"{plain(unit)} = {name}" for unit, name in rows["name_zh"].items()], 12)
