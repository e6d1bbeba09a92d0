"""What a formula may contain: columns, operators and a list of functions; never other code.

formulaic evaluates parts of a formula as Python, some of them already while it parses. Here a
formula is split by formulaic's tokenizer, which evaluates nothing, and each part is read by
Python's own parser; a formula that contains anything else is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from nqp_spatial.errors import OptionError
from nqp_spatial.regression._formula_functions import NUMERIC, Functions, checked_functions
from nqp_spatial.regression._formula_names import argument, names_in, quoted
from nqp_spatial.regression._formula_python import columns_in
from nqp_spatial.regression._formula_reader import FormulaReader

__all__ = [
    "Functions",
    "ReadFormula",
    "columns_of",
    "names_in",
    "quoted",
    "read_formula",
    "term_labels",
    "terms_of",
]


@dataclass(frozen=True, eq=False)
class ReadFormula:
    """A formula that contains nothing but columns, operators and known functions.

    Attributes
    ----------
    text : str
    parsed : formulaic.Formula
    columns : tuple of str
        Columns that it uses, in order of appearance.
    bare : frozenset of str
        Those outside functions, where text means categories.
    numeric : frozenset of str
        Those that functions and operators treat as numbers.
    exact : frozenset of str
        Those that must keep their type: inside ``C()`` and under logical operators.
    functions : dict
        The caller's own functions.
    """

    text: str
    parsed: Any
    columns: tuple[str, ...]
    bare: frozenset[str]
    numeric: frozenset[str]
    exact: frozenset[str]
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)

    @property
    def context(self) -> dict[str, Any]:
        """Names that the evaluation may use besides columns; ``np`` is restricted."""
        numeric = {name: getattr(np, name) for name in NUMERIC}
        return {**numeric, "np": SimpleNamespace(**numeric), **self.functions}

    def columns_in(self, factor: Any) -> set[str]:
        """Return the columns that one factor of the formula uses."""
        return columns_in(factor, self.functions)


def columns_of(formula: str, functions: Functions | None = None) -> tuple[str, ...]:
    """Return the columns that a formula uses, in order of appearance.

    Examples
    --------
    >>> columns_of("log(y) ~ x1 * C(region)")
    ('y', 'x1', 'region')
    """
    return read_formula(formula, functions).columns


def terms_of(formula: str, functions: Functions | None = None) -> tuple[str, ...]:
    """Return the terms of the right side of a formula, without the intercept.

    Examples
    --------
    >>> terms_of("y ~ x1 + log(x2)")
    ('x1', 'log(x2)')
    """
    terms = read_formula(formula, functions).parsed.rhs
    return tuple(str(term) for term in terms if str(term) != "1")


def read_formula(
    formula: str,
    functions: Functions | None = None,
    *,
    known: Iterable[object] = (),
    name: str = "formula",
) -> ReadFormula:
    """Read a formula without evaluating any of it.

    Parameters
    ----------
    formula : str
        With an outcome, ``"y ~ x1 + x2"``; only a right side where `name` is not "formula".
    functions : mapping, optional
        The caller's own functions, by the names used in the formula.
    known : iterable
        Columns of the data, for advice in messages.
    name : str
        What the text is, for messages.

    Returns
    -------
    ReadFormula

    Raises
    ------
    OptionError
        If it is not a formula, contains unsupported parts, or expands into too many terms.
    """
    if not isinstance(formula, str):
        raise OptionError(f"{argument(name)} must be text such as 'y ~ x1 + x2', got {formula!r}")
    columns = tuple(map(str, known))
    if not functions:
        checked_functions(functions)
        return _read_without_functions(formula, columns, name)
    return _read(formula, checked_functions(functions), columns, name)


@lru_cache(maxsize=256)
def _read_without_functions(formula: str, known: tuple[str, ...], name: str) -> ReadFormula:
    """Read a formula once: a study estimates many models of one formula."""
    return _read(formula, {}, known, name)


def _read(
    formula: str, functions: dict[str, Callable[..., Any]], known: tuple[str, ...], name: str
) -> ReadFormula:
    import formulaic
    from formulaic.errors import FormulaicError

    reader = FormulaReader(formula, name, functions, list(known))
    reader.read()
    right_side = formula if name == "formula" else f"0 + {formula}"
    try:
        reader.require_few_terms()
        parsed = formulaic.Formula(right_side)
    except OptionError:
        raise
    except (FormulaicError, SyntaxError, ValueError, RecursionError, TypeError) as error:
        raise reader.unreadable(error) from error
    if name == "formula":
        reader.require_sides(parsed)
    return ReadFormula(
        formula, parsed, tuple(reader.columns), frozenset(reader.bare), frozenset(reader.numeric),
        frozenset(reader.exact),
        functions,
    )  # fmt: skip


def term_labels(labels: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return labels of columns, and those of terms that quote a column in backticks.

    Examples
    --------
    >>> term_labels({"x": "X"}, ["log(`GDP (yuan)`)", "x"])
    {'log(`GDP (yuan)`)': 'log(GDP (yuan))', 'x': 'X'}
    """
    return {**{name: name.replace("`", "") for name in names if "`" in name}, **labels}
