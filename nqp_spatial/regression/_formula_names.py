"""Names of columns in formulas: how to write them, and advice where they are miswritten."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

from nqp_spatial.errors import OptionError, sample
from nqp_spatial.regression._formula_functions import function_names

__all__ = ["BACKTICKS", "advice", "argument", "names_in", "quoted", "shortened", "uncoloured"]


def quoted(name: str) -> str:
    """Return a column's name as a formula must write it, in backticks where it needs them.

    Raises
    ------
    OptionError
        If the name cannot be written in a formula.

    Examples
    --------
    >>> quoted("gdp"), quoted("人均GDP(元)")
    ('gdp', '`人均GDP(元)`')
    """
    from formulaic.errors import FormulaicError
    from formulaic.parser.algos.tokenize import tokenize

    text = str(name)
    if text.isidentifier() and not keyword.iskeyword(text) and text not in function_names():
        return text
    try:
        tokens = list(tokenize(f"`{text}`"))
    except FormulaicError:
        tokens = []
    if not text or [token.token for token in tokens] != [text]:
        raise OptionError(
            f"the column {text!r} cannot be written in a formula, even in backticks: rename it"
        )
    return f"`{text}`"


def advice(formula: str, known: Iterable[str]) -> str:
    """Return advice on columns whose names lack their backticks in a formula."""
    unquoted = re.sub(r"`[^`]*`", " ", formula)
    odd = [name for name in known if name in unquoted and not name.isidentifier()]
    if not odd:
        return ""
    longest = max(odd, key=len)
    return (
        f". The column {longest!r} has signs that formulas read as something else: write "
        f"{quoted(longest)}, in backticks"
    )


#: Where a formula cannot be read and no column of the panel explains why.
BACKTICKS = (
    ". Names of columns with blanks, brackets, percent or other signs are written in backticks: "
    "`GDP (yuan)`"
)


def names_in(names: str | Iterable[str], option: str) -> tuple[str, ...]:
    """Return the names of columns that an option lists, unchanged."""
    listed = (names,) if isinstance(names, str) or not isinstance(names, Iterable) else tuple(names)
    wrong = [name for name in listed if not isinstance(name, str)]
    if wrong:
        raise OptionError(
            f"{option} must be the name of a column or a list of names, got {sample(wrong)}"
        )
    return listed


def argument(name: str) -> str:
    """Return an argument's name for a message."""
    return f"the {name}" if name == "formula" else f"{name}="


def uncoloured(error: BaseException) -> str:
    """Return an error message on one line, without terminal colour codes."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).replace("⧛", "[").replace("⧚", "]")
    return " ".join(text.split())


def shortened(text: str, size: int = 160) -> str:
    """Return a text in quotes, truncated if long."""
    return repr(text if len(text) <= size else text[:size] + " ...")
