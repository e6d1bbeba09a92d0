"""Other names of units: what an id of a table is called on a map."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import pandas as pd

from nqp_spatial.core.ids import folded
from nqp_spatial.core.text import Message, listed, t
from nqp_spatial.errors import OptionError, UnmatchedIdsError, plain, sample

__all__ = [
    "Aliases",
    "IdLookup",
    "alike",
    "is_absent",
    "nearest_ids",
    "targets_of",
    "unknown_aliases",
    "with_one_name",
]

Aliases = Mapping[Any, Hashable]


def targets_of(units: pd.Index, aliases: Aliases) -> pd.Series:
    """Return for each unit the id under which it is looked up on the map.

    Parameters
    ----------
    units : Index
        Ids of the table.
    aliases : mapping
        Id on the map by id of the table; text matches an id that is a number. None or "" are of
        units that are not on the map.

    Returns
    -------
    Series
        Ids on the map, indexed by unit, dtype object; "" where a unit is not on the map.

    Raises
    ------
    UnmatchedIdsError
        If an alias is of no unit, or two are of one unit.

    Examples
    --------
    >>> targets_of(pd.Index(["a", "b"]), {"b": "B"}).to_dict()
    {'a': 'a', 'b': 'B'}
    """
    odd = [value for value in aliases.values() if not isinstance(value, Hashable)]
    if odd:
        raise OptionError(f"aliases name units of the map by text or number, got {sample(odd)}")
    if unknown := unknown_aliases(units, aliases):
        parts = [
            repr(plain(key)) + (f" (nearest: {sample(near)})" if near else "")
            for key, near in unknown.items()
        ]
        raise UnmatchedIdsError(
            f"aliases= names what is no unit of the table: {', '.join(parts)}; write name in the "
            f"table: name on the map; units of the table are like {sample(units)}"
        )
    targets = pd.Series(list(units), index=units, dtype=object)
    seen: dict[object, Hashable] = {}
    lookup = IdLookup(units)
    for key, value in aliases.items():
        unit = lookup.like(key)
        if unit in seen:
            raise UnmatchedIdsError(
                f"aliases= has unit {plain(unit)!r} twice, as {seen[unit]!r} and {plain(key)!r}; "
                "keep one"
            )
        seen[unit] = key
        targets.loc[unit] = "" if value is None else value
    return targets


def with_one_name(
    data: pd.DataFrame, aliases: Aliases
) -> tuple[pd.DataFrame, Aliases, list[Message]]:
    """Return the data of units on the map under one name each, the other aliases, and notes.

    A unit whose alias is None or "" is left out. An alias that is another unit of the table
    declares that the two are one unit that changed its name: their rows are joined under it.

    Parameters
    ----------
    data : DataFrame
        Indexed by (unit, period), sorted.
    aliases : mapping
        As in `targets_of`.

    Raises
    ------
    UnmatchedIdsError
        As in `targets_of`; if no unit is left; or if two units that should be one have the same
        period.
    """
    if not aliases:
        return data, aliases, []
    units = data.index.levels[0]
    lookup, targets = IdLookup(units), targets_of(units, aliases)
    absent = targets.index[[is_absent(place) for place in targets]]
    names = {plain(u): lookup.like(place) for u, place in targets.items() if not is_absent(place)}
    joined = {unit: name for unit, name in names.items() if name is not None and name != unit}
    if not len(absent) and not joined:
        return data, aliases, []
    rest = data[~data.index.isin(absent, level="unit")]
    if rest.empty:
        raise UnmatchedIdsError("aliases= leave out every unit of the table; keep some")
    notes = []
    if len(absent):
        notes.append(
            t("left out {count} units that aliases declare not to be on the map: {ids}",
              count=len(absent), ids=listed(absent, 10))
        )  # fmt: skip
    if joined:
        rest = _joined(rest, joined)
        pairs = [f"{unit} = {name}" for unit, name in joined.items()]
        notes.append(t("units under one name by aliases: {pairs}", pairs=listed(pairs, 12)))
    rest.index = rest.index.remove_unused_levels()
    done = {*map(plain, absent), *joined}
    return rest, {k: v for k, v in aliases.items() if lookup.like(k) not in done}, notes


def _joined(data: pd.DataFrame, names: Mapping[Any, Any]) -> pd.DataFrame:
    """Return the data with the rows of some units under the name of another."""
    ids = data.index.get_level_values("unit")
    renamed = ids.to_series().map(plain).replace(dict(names)).to_numpy()
    periods = data.index.get_level_values("period")
    index = pd.MultiIndex.from_arrays([pd.Index(renamed, dtype=ids.dtype), periods],
                                      names=["unit", "period"])  # fmt: skip
    if index.has_duplicates:
        twice = index[index.duplicated()]
        raise UnmatchedIdsError(
            f"aliases= make one unit of several that have the same periods: {sample(twice, 4)}; a "
            "unit that changed its name has one row per period"
        )
    return data.set_axis(index, axis=0).sort_index()


def is_absent(place: object) -> bool:
    """Whether an alias says that a unit is not on the map: None, or an empty text."""
    return place is None or (isinstance(place, str) and not place.strip())


def unknown_aliases(units: pd.Index, aliases: Aliases) -> dict[Hashable, list[object]]:
    """Return the aliases of no unit, each with the nearest ids of the table."""
    lookup = IdLookup(units)
    return {key: nearest_ids(key, units) for key in aliases if lookup.like(key) is None}


class IdLookup:
    """Ids by how they are written.

    Examples
    --------
    >>> lookup = IdLookup(pd.Index([110000, 120000]))
    >>> lookup.like("110000"), lookup.like("x")
    (110000, None)
    """

    def __init__(self, ids: pd.Index) -> None:
        self.ids = [plain(id_) for id_ in ids]
        self._exact = {(type(id_), id_) for id_ in self.ids}
        self._alike: dict[str, list[object]] = {}
        for id_ in self.ids:
            self._alike.setdefault(folded(id_), []).append(id_)

    def like(self, name: Hashable) -> Hashable | None:
        """Return the id that is equal to a name, or the only one that is written like it."""
        value = plain(name)
        if (type(value), value) in self._exact:
            return value
        ids = self._alike.get(folded(value), [])
        return ids[0] if len(ids) == 1 else None


def nearest_ids(name: Hashable, ids: pd.Index, count: int = 3) -> list[object]:
    """Return up to three ids that are written nearly like a name, the nearest first.

    Examples
    --------
    >>> nearest_ids("Berlim", pd.Index(["Berlin", "Bern", "Paris"]))
    ['Berlin', 'Bern']
    """
    texts = {str(plain(id_)): plain(id_) for id_ in ids}
    likeness = alike(str(plain(name)), texts)
    return [texts[text] for text in sorted(likeness, key=lambda text: -likeness[text])[:count]]


def alike(word: str, names: Iterable[str]) -> dict[str, float]:
    """Return names that are written nearly like a word, with a measure of likeness.

    The ratio of `difflib`, at least 0.5, plus the share of letters at the same place and a third
    for the same beginning: names of two or three Chinese characters differ in one.
    """
    likeness: dict[str, float] = {}
    matcher = difflib.SequenceMatcher(b=word)
    for name in names:
        matcher.set_seq1(name)
        if not word or matcher.real_quick_ratio() < 0.5 or matcher.quick_ratio() < 0.5:
            continue
        if (ratio := matcher.ratio()) >= 0.5:
            same = sum(a == b for a, b in zip(name, word, strict=False))
            begins = name[0] == word[0]
            likeness[name] = ratio + same / max(len(name), len(word)) + begins / 3
    return likeness
