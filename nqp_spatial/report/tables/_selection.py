"""Which rows of a table are printed, in which order and under which names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nqp_spatial.errors import OptionError, sample

__all__ = ["Selection", "row_values"]

Names = str | Sequence[str]


@dataclass(frozen=True)
class Selection:
    """The caller's choice of rows.

    Attributes
    ----------
    keep, drop : tuple of str
        Names or labels of variables; ``*`` stands for any letters.
    rename : mapping
        Labels by name.
    order : tuple of str
        Variables that come first.
    """

    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, keep: Names | None, drop: Names | None, rename: Mapping[str, str] | None, order: Names
    ) -> Selection:
        """Return a selection from the options of a table."""
        return cls(_listed(keep), _listed(drop), dict(rename or {}), _listed(order))

    def among(self, labels: Mapping[str, str]) -> Selection:
        """Return the selection with the names that its patterns and labels stand for.

        Parameters
        ----------
        labels : mapping
            Label by name, of all rows that can be chosen.

        Raises
        ------
        OptionError
            If an option names no row.
        """
        names = {
            option: {pattern: _matching(pattern, labels) for pattern in getattr(self, option)}
            for option in ("keep", "drop", "order", "rename")
        }
        for option, matches in names.items():
            for pattern, listed in matches.items():
                if not listed:
                    raise OptionError(
                        f"{option} names {pattern!r}, which no row has; there are "
                        f"{sample(list(labels), 30)}"
                    )
        flat = {
            option: tuple(name for listed in matches.values() for name in listed)
            for option, matches in names.items()
        }
        labels_of = {n: self.rename[old] for old, listed in names["rename"].items() for n in listed}
        return Selection(flat["keep"], flat["drop"], labels_of, flat["order"])

    def takes(self, name: str, *, optional: bool = True) -> bool:
        """Return whether the rows of a variable are printed.

        Parameters
        ----------
        name : str
        optional : bool
            Whether `keep` chooses among rows of this kind; otherwise only `drop` leaves it out.
        """
        return name not in self.drop and (name in self.keep or not (self.keep and optional))

    def place(self, name: str) -> int:
        """Return the place of a variable in `order`, or the last."""
        return self.order.index(name) if name in self.order else len(self.order)


def _listed(names: Names | None) -> tuple[str, ...]:
    return () if names is None else (names,) if isinstance(names, str) else tuple(names)


def _matching(pattern: str, labels: Mapping[str, str]) -> list[str]:
    """Return the names that a name, a label or a pattern with stars stands for."""
    # Brackets and dots of formulas are no patterns; only the star is.
    words = re.compile(re.escape(pattern).replace(r"\*", ".*"), re.DOTALL)
    return [
        name for name, label in labels.items() if words.fullmatch(name) or words.fullmatch(label)
    ]


def row_values(
    rows: Mapping[str, object] | None, headings: Sequence[str]
) -> dict[str, dict[str, object]]:
    """Return the caller's rows: values by heading, by label of the row.

    Parameters
    ----------
    rows : mapping or None
        For each label one value for all columns, a list with one value per column, or a mapping
        from headings.
    headings : sequence of str

    Raises
    ------
    OptionError
        If a list has another length or a mapping another heading.

    Examples
    --------
    >>> row_values({"Sample": "all", "Region": ["east", "west"]}, ["a", "b"])["Region"]
    {'a': 'east', 'b': 'west'}
    """
    return {str(name): _by_heading(str(name), value, headings) for name, value in _items(rows)}


def _items(rows: Mapping[str, object] | None) -> Iterable[tuple[str, object]]:
    return rows.items() if rows else ()


def _by_heading(name: str, value: object, headings: Sequence[str]) -> dict[str, object]:
    if isinstance(value, Mapping):
        unknown = [str(key) for key in value if str(key) not in headings]
        if unknown:
            raise OptionError(
                f"rows[{name!r}] has values for {', '.join(unknown)}; the columns are "
                f"{', '.join(headings)}"
            )
        return {str(key): item for key, item in value.items()}
    if isinstance(value, list | tuple):
        if len(value) != len(headings):
            raise OptionError(
                f"rows[{name!r}] must have one value for each of the {len(headings)} columns, got "
                f"{len(value)}"
            )
        return dict(zip(headings, value, strict=True))
    return dict.fromkeys(headings, value)
