"""How results show themselves: text of at most 80 columns, HTML in a notebook, one figure.

A result says once what there is to see, as paragraphs and tables; both forms are drawn from that.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import import_module
from typing import Any, ClassVar, TypeAlias, TypeVar
from unicodedata import east_asian_width

import pandas as pd

from nqp_spatial.core.number_format import frame_texts, series_texts, typeset
from nqp_spatial.errors import OptionError

__all__ = ["Block", "Displayed", "Spec", "notes_of", "wrapped_text"]

WIDTH = 80
_ROWS = 60  # of a table that is shown in full

Block: TypeAlias = str | pd.DataFrame | pd.Series
_Table = TypeVar("_Table", pd.DataFrame, pd.Series)


class Displayed:
    """A result that prints in 80 columns, shows as HTML in a notebook and draws its figure."""

    #: Name in `nqp_spatial.plots` of the figure that shows the result by itself.
    _figure: ClassVar[str] = ""

    def _blocks(self) -> Sequence[Block]:
        """Return paragraphs and tables, the first the title."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return "\n".join(_text(block) for block in self._blocks())

    def _html_blocks(self) -> Sequence[Block]:
        """Return what a notebook shows, where that is not what a terminal prints."""
        return self._blocks()

    def __dir__(self) -> list[str]:
        names = [name for name in object.__dir__(self) if not name.startswith("_")]
        has_figure = bool(self._figure) or type(self).plot is not Displayed.plot
        return sorted(name for name in names if name != "plot" or has_figure)

    def _repr_html_(self) -> str:
        first, *further = self._html_blocks()
        title = f"<p><b>{escape(first)}</b></p>" if isinstance(first, str) else _html(first)
        return "".join([title, *(_html(block) for block in further)])

    def plot(self, **options: Any) -> Any:
        """Draw the figure of this result; options are those of the function in `plots`.

        Returns
        -------
        Axes or Figure
            A Figure where there are several panels.

        Raises
        ------
        OptionError
            If there is no such figure, or an option is not one of its.
        """
        if not self._figure:
            raise OptionError(
                f"{type(self).__name__} has no figure of its own; see nqp_spatial.plots"
            )
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

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self})

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

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


def _text(block: Block) -> str:
    if isinstance(block, str):
        return wrapped_text(block)
    # Chinese characters take two columns.
    with pd.option_context("display.unicode.east_asian_width", True):
        return _table_text(block)


def _table_text(block: pd.DataFrame | pd.Series) -> str:
    if isinstance(block, pd.Series):
        return str(series_texts(_shortened(block)).to_string(max_rows=_ROWS))
    texts = frame_texts(_shortened(block))
    if not _has_row_numbers(block):
        # Each part repeats the index; a backslash after the heading marks all but the last.
        text = texts.to_string(na_rep="", line_width=WIDTH, max_rows=_ROWS)
        return _lines(re.sub(r" +\\$", "", text, flags=re.MULTILINE))
    parts = _parts(texts, _label_columns(block))
    return "\n\n".join(
        _lines(part.to_string(na_rep="", max_rows=_ROWS, index=False)) for part in parts
    )


def _lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())


def _shortened(table: _Table) -> _Table:
    """Return the rows of a long table from which pandas shows the first and the last."""
    half = _ROWS // 2 + 1
    return table if len(table) <= _ROWS else pd.concat([table.iloc[:half], table.iloc[-half:]])


def _label_columns(table: pd.DataFrame) -> int:
    """Return how many leading columns name the rows rather than hold numbers."""
    numeric = [pd.api.types.is_float_dtype(dtype) for dtype in table.dtypes]
    return numeric.index(True) if True in numeric else 1


def _parts(texts: pd.DataFrame, labels: int) -> list[pd.DataFrame]:
    """Return the table in parts of at most 80 columns, each with the columns that name its rows."""
    widths = [
        1 + max([_width(str(name)), *(_width(text) for text in texts.iloc[:, k])])
        for k, name in enumerate(texts.columns)
    ]
    if sum(widths) <= WIDTH + 1:
        return [texts]
    room = WIDTH + 1 - sum(widths[:labels])
    groups: list[list[int]] = [[]]
    for k in range(labels, len(widths)):
        if groups[-1] and sum(widths[j] for j in groups[-1]) + widths[k] > room:
            groups.append([])
        groups[-1].append(k)
    return [texts.iloc[:, [*range(labels), *group]] for group in groups]


def _width(text: str) -> int:
    """Return the columns that a text takes in a terminal; Chinese characters take two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _html(block: Block) -> str:
    if isinstance(block, str):
        return f"<p>{escape(block)}</p>".replace("\n", "<br>")
    short = _shortened(block)
    texts = series_texts(short).to_frame() if isinstance(short, pd.Series) else frame_texts(short)
    has_names = isinstance(block, pd.Series) or not _has_row_numbers(block)
    return str(texts.map(typeset).to_html(na_rep="", max_rows=_ROWS, border=0, index=has_names))


def _has_row_numbers(table: pd.DataFrame) -> bool:
    """Whether the index is row numbers, which say nothing."""
    return isinstance(table.index, pd.RangeIndex) and table.index.name is None
