"""How results show themselves: text of at most 80 columns, HTML in a notebook, one figure.

A result says once what there is to see, as paragraphs and tables; both forms are drawn from that.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import import_module
from typing import Any, ClassVar, TypeAlias

import pandas as pd

__all__ = ["Block", "Displayed", "Spec", "notes_of", "wrapped_text"]

WIDTH = 80
_ROWS = 60  # of a table that is shown in full

Block: TypeAlias = str | pd.DataFrame | pd.Series


class Displayed:
    """A result that prints in 80 columns, shows as HTML in a notebook and draws its figure."""

    #: Name in `nqp_spatial.plots` of the figure that shows the result by itself.
    _figure: ClassVar[str] = ""

    def _blocks(self) -> Sequence[Block]:
        """Return paragraphs and tables, the first the title."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return "\n".join(_text(block) for block in self._blocks())

    def _repr_html_(self) -> str:
        first, *further = self._blocks()
        title = f"<p><b>{escape(first)}</b></p>" if isinstance(first, str) else _html(first)
        return "".join([title, *(_html(block) for block in further)])

    def plot(self, **options: Any) -> Any:
        """Draw the figure of this result; options are those of the function in `plots`.

        Returns
        -------
        Axes or Figure
            A Figure where there are several panels.
        """
        # Loaded by name when it is called: results stand below the figures and do not know them.
        return getattr(import_module("nqp_spatial.plots"), self._figure)(self, **options)


class Spec(Mapping[str, Any], Displayed):
    """How a result was made: options by name, weights in words, seed, permutations.

    Parameters
    ----------
    **options
        Values as they were passed. Of spatial weights their description is kept.

    Examples
    --------
    >>> spec = Spec(permutations=999, seed=0)
    >>> spec["seed"], spec.permutations
    (0, 999)
    >>> spec
    permutations = 999, seed = 0
    """

    def __init__(self, **options: Any) -> None:
        described = {name: _described(value) for name, value in options.items()}
        object.__setattr__(self, "_options", described)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("how a result was made cannot be changed")

    def __getitem__(self, name: str) -> Any:
        options: dict[str, Any] = self.__dict__["_options"]
        return options[name]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_options"][name]
        except KeyError:
            raise AttributeError(f"there is no option {name!r}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__["_options"])

    def __len__(self) -> int:
        return len(self.__dict__["_options"])

    def _blocks(self) -> list[Block]:
        return [", ".join(f"{name} = {value}" for name, value in self.items())]


def _described(value: Any) -> Any:
    """Return spatial weights as the words that describe them, other values as they are."""
    return getattr(getattr(value, "spec", None), "words", value)


def wrapped_text(text: str) -> str:
    """Return text broken into lines of at most 80 columns; its own line breaks stay.

    Examples
    --------
    >>> max(len(line) for line in wrapped_text("spillover " * 30).splitlines()) <= 80
    True
    """
    return "\n".join(
        textwrap.fill(
            line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
        for line in text.splitlines()
    )


def notes_of(notes: Sequence[str]) -> list[str]:
    """Return notes as paragraphs."""
    return [f"Note: {note}" for note in notes]


def _number(value: float) -> str:
    return f"{value:.4g}"


def _text(block: Block) -> str:
    if isinstance(block, str):
        return wrapped_text(block)
    if isinstance(block, pd.Series):
        return str(block.to_string(float_format=_number, max_rows=_ROWS))
    table = block.to_string(
        float_format=_number, na_rep="", line_width=WIDTH, max_rows=_ROWS,
        index=not _has_row_numbers(block),
    )  # fmt: skip
    return "\n".join(line.rstrip() for line in str(table).splitlines())


def _html(block: Block) -> str:
    if isinstance(block, str):
        return f"<p>{escape(block)}</p>"
    table = block.to_frame() if isinstance(block, pd.Series) else block
    return str(
        table.to_html(
            float_format=_number, na_rep="", max_rows=_ROWS, border=0,
            index=not _has_row_numbers(table),
        )
    )  # fmt: skip


def _has_row_numbers(table: pd.DataFrame) -> bool:
    """Whether the index is row numbers, which say nothing."""
    return isinstance(table.index, pd.RangeIndex) and table.index.name is None
