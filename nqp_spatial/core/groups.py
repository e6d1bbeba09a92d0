"""Groups of units: one for each unit, from a column that stays or from a Series by unit."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import DuplicateKeysError, OptionError, PanelError, plain, sample

__all__ = ["Groups", "group_labels", "group_name"]


def group_name(value: Hashable) -> str:
    """Return the name of a group: a whole number has no decimals.

    Columns of 0 and 1 become floats where rows are added to a table; their groups are still 0
    and 1.

    Examples
    --------
    >>> group_name(1.0), group_name(2.5), group_name("north"), group_name(np.int64(3))
    ('1', '2.5', 'north', '3')
    """
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return value if isinstance(value, str) else str(value)


@dataclass(frozen=True, eq=False)
class Groups:
    """The group of each unit; the one mechanism for groups of the package.

    Attributes
    ----------
    codes : ndarray of int
        Number of each unit's group, shape (n_units,), in the order of `units`.
    labels : tuple
        The groups as the caller wrote them, sorted.
    units : Index
    name : str
        The column that the groups come from, or the name of the Series; else "group".
    title : str
        The label of that column in the panel, or else its name with blanks for underscores.
    words : mapping
        Labels of single groups, from labels of the panel such as ``{"coast=1": "Coast"}``.
    """

    codes: np.ndarray
    labels: tuple[Hashable, ...]
    units: pd.Index
    name: str = "group"
    title: str = "group"
    words: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def by_unit(
        cls,
        units: SpatialPanel | pd.Index,
        group: str | pd.Series | Mapping[Hashable, Hashable],
        *,
        singletons: Literal["error", "keep"] = "keep",
        at_least: int = 2,
    ) -> Groups:
        """Read groups that are given as a column of a panel, a Series or a mapping by unit.

        Parameters
        ----------
        units : SpatialPanel or Index
            Whose groups they are; a balanced panel where `group` is a column.
        group : str, Series or mapping
            A column that does not change over periods, or groups by unit. A Series by unit and
            period serves where no unit changes its group.
        singletons : {"error", "keep"}
            Whether a group may have one member.
        at_least : int
            How many groups there must be.

        Raises
        ------
        PanelError
            If a unit has no group or changes it, or a group has one member where that is an error.
        DuplicateKeysError
            If a unit has several rows.
        UnmatchedIdsError
            If a Series names other units.
        OptionError
            If there are fewer groups than there must be, or `group` is of another kind.

        Examples
        --------
        >>> frame = pd.DataFrame({"id": [1, 2, 3], "side": ["w", "e", "w"]})
        >>> groups = Groups.by_unit(SpatialPanel(frame, unit="id"), "side")
        >>> groups.codes.tolist(), groups.names, groups.sizes.tolist()
        ([1, 0, 1], ['e', 'w'], [1, 2])
        """
        ids = units if isinstance(units, pd.Index) else units.units
        if isinstance(group, str):
            if isinstance(units, pd.Index):
                raise OptionError(
                    f"group must be a Series by unit, such as panel.at(2020)[{group!r}], got the "
                    f"name {group!r}"
                )
            series = _column_by_unit(units, group)
        else:
            series = _series_by_unit(ids, group, "weights" if units is ids else "panel")
        codes, labels = pd.factorize(series, sort=True)
        name = group if isinstance(group, str) else str(getattr(group, "name", None) or "group")
        title, words = group_labels(units, name)
        groups = cls(codes.astype(np.int64), tuple(labels), ids, name, title, words)
        if len(set(groups.names)) < len(groups.names):
            raise OptionError(
                f"groups of {name!r} must have labels of their own, got {', '.join(groups.names)}"
            )
        if len(labels) < at_least:
            raise OptionError(
                f"groups must be two or more; all units are in {plain(labels[0])!r}"
                if at_least == 2
                else f"groups must be {at_least} or more, got {len(labels)}"
            )
        single = [name for name, size in zip(groups.names, groups.sizes, strict=True) if size == 1]
        if singletons == "error" and single:
            raise PanelError(
                f"groups with one member have no inequality inside: {sample(single)}; join them "
                "to others, or pass singletons='keep' to count it as zero"
            )
        return groups

    @cached_property
    def names(self) -> list[str]:
        """The groups as texts."""
        return [self.words.get(group_name(label), group_name(label)) for label in self.labels]

    def code_of(self, member: Hashable) -> int:
        """Return the number of a group, given as it stands in the data or by its label.

        Raises
        ------
        OptionError
            If there is no such group.
        """
        for names in (self.names, list(map(group_name, self.labels))):
            if group_name(member) in names:
                return names.index(group_name(member))
        raise OptionError(f"no unit has {member!r} in the group; member= is one of {self.names}")

    @cached_property
    def sizes(self) -> np.ndarray:
        """Units in each group."""
        return np.bincount(self.codes, minlength=len(self.labels))

    @property
    def by_name(self) -> pd.Series:
        """The name of each unit's group."""
        return pd.Series(np.array(self.names, dtype=object)[self.codes], self.units, name="group")

    def indicators(self) -> np.ndarray:
        """Return one column of zeros and ones per group, shape (n_units, groups)."""
        return np.asarray(self.codes[:, None] == np.arange(len(self.labels)), dtype=float)

    def __len__(self) -> int:
        return len(self.labels)


def group_labels(units: SpatialPanel | pd.Index, name: str) -> tuple[str, dict[str, str]]:
    """Return the label of a column, and of its groups by their names."""
    if isinstance(units, pd.Index):
        return name, {}
    start = f"{name}="
    words = {
        key.removeprefix(start): label
        for key, label in units.labels.items()
        if key.startswith(start)
    }
    return units.labels.get(name, name.replace("_", " ")), words


def _column_by_unit(panel: SpatialPanel, column: str) -> pd.Series:
    """Return a column that does not change over periods, one value per unit."""
    panel.require_balanced()
    panel.require_complete([column])
    # Balanced and sorted by unit: the rows of a unit stand together.
    codes = pd.factorize(panel.frame[column])[0].reshape(panel.n_units, panel.n_periods)
    changing = (codes != codes[:, :1]).any(axis=1)
    if changing.any():
        raise PanelError(
            f"units change their {column!r} over periods: {sample(panel.units[changing])}; "
            "pass groups by unit"
        )
    values: pd.Series = panel.frame[column].iloc[:: panel.n_periods]
    return values.set_axis(panel.units)


def _series_by_unit(
    units: pd.Index, group: pd.Series | Mapping[Hashable, Hashable], owner: str
) -> pd.Series:
    """Return a Series or mapping in the order of the units, each with one group."""
    if not isinstance(group, pd.Series | Mapping):
        raise OptionError(
            "group must be a column's name or a Series by unit, such as "
            f"panel.at(2020)['province'], got {type(group).__name__}"
        )
    series = pd.Series(group)
    if isinstance(series.index, pd.MultiIndex):
        series = _lasting(series)
    repeated = series.index[series.index.duplicated()].unique()
    if len(repeated):
        raise DuplicateKeysError(
            f"{len(repeated)} units have several rows of groups: {sample(repeated)}; give one "
            "for each unit"
        )
    check_same_ids(
        units, series.index, our_name=owner, their_name="groups",
        advice=f"give one group for each unit of the {owner}",
    )  # fmt: skip
    ordered = series.reindex(units)
    if ordered.isna().any():
        raise PanelError(
            f"units have no group: {sample(ordered.index[ordered.isna()])}; give each one"
        )
    if not ordered.map(lambda label: isinstance(label, Hashable)).all():
        raise PanelError(f"groups must be single values, got {sample(ordered.head(1))}")
    return ordered


def _lasting(series: pd.Series) -> pd.Series:
    """Return the groups of a Series by unit and period, which may not change."""
    wide = series.unstack(1)
    known = wide.bfill(axis=1).iloc[:, 0]
    changing = wide.ne(known, axis=0).mask(wide.isna(), False).any(axis=1)
    if changing.any():
        raise PanelError(
            f"units change their group over periods: {sample(changing.index[changing])}; "
            "pass the groups of one period"
        )
    return known
