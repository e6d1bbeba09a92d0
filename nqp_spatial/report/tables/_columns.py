"""Columns of results side by side: estimates and facts by panel and row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import pandas as pd

from nqp_spatial.report.tables._cells import Estimate, estimate_texts
from nqp_spatial.report.tables._selection import Selection

__all__ = ["Columns", "RowKey"]

_LAST = (99, 0)  # rows that are not of a variable
RowKey: TypeAlias = tuple[str, str]  # panel and label


@dataclass
class Columns:
    """Cells by column heading and row.

    Attributes
    ----------
    headings : sequence
        Text, or a pair of group and heading.
    digits : int
    statistic : {"se", "t"}
    levels : sequence of float
        Levels of the stars.
    selection : Selection
    """

    headings: Sequence[str] | Sequence[tuple[str, str]]
    digits: int = 3
    statistic: str = "se"
    levels: Sequence[float] = ()
    selection: Selection = field(default_factory=Selection)
    _cells: dict[RowKey, dict[object, Estimate | str]] = field(default_factory=dict)
    _places: dict[RowKey, tuple[int, int]] = field(default_factory=dict)

    def put(
        self, heading: object, key: RowKey, cell: Estimate | str, name: str = "", *,
        rank: int = 0,
        optional: bool = True,
    ) -> None:  # fmt: skip
        """Fill a cell of a variable's row, or of a fact's, which has no name.

        Parameters
        ----------
        heading : object
        key : RowKey
        cell : Estimate or str
        name : str
            Name of the variable, for the selection.
        rank : int
            Rows of a panel are sorted by rank, then by the caller's order.
        optional : bool
            As in `Selection.takes`.
        """
        if name:
            if not self.selection.takes(name, optional=optional):
                return
            self._places.setdefault(key, (rank, self.selection.place(name)))
        self._cells.setdefault(key, {})[heading] = cell

    def frame(self) -> pd.DataFrame:
        """Return the table as text: panels in order of appearance, rows as the caller ordered them.

        Estimates of one row have equal decimals.
        """
        panels = list(dict.fromkeys(panel for panel, _ in self._cells))
        keys = sorted(
            self._cells, key=lambda key: (panels.index(key[0]), self._places.get(key, _LAST))
        )
        rows = [self._texts(self._cells[key]) for key in keys]
        columns = (
            pd.MultiIndex.from_tuples(list(self.headings))
            if self.headings and isinstance(self.headings[0], tuple)
            else pd.Index(list(self.headings), dtype=object)
        )
        return pd.DataFrame(rows, pd.MultiIndex.from_tuples(keys), columns, dtype=object)

    def _texts(self, cells: dict[object, Estimate | str]) -> list[str]:
        listed = [cells.get(heading) for heading in self.headings]
        estimates = [cell if isinstance(cell, Estimate) else None for cell in listed]
        texts = estimate_texts(estimates, self.digits, statistic=self.statistic, levels=self.levels)
        return [
            cell if isinstance(cell, str) else text
            for cell, text in zip(listed, texts, strict=True)
        ]
