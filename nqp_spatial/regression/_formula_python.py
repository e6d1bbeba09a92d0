"""The parts of a formula that are Python: read by Python's own parser, never evaluated."""

from __future__ import annotations

import ast
import math
import unicodedata
from typing import Any

from nqp_spatial.errors import OptionError
from nqp_spatial.regression._formula_functions import (
    COMPARED,
    CONTRAST_KEYWORDS,
    CONTRASTS,
    HIGHEST,
    LARGEST,
    LOGICAL,
    MOST_COLUMNS,
    MOST_TERMS,
    NUMERIC,
    OFFERED,
    OPERATORS,
    OWN_FUNCTION,
    PATSY_CONTRASTS,
    TRANSFORMS,
    UNSAFE,
    Functions,
)
from nqp_spatial.regression._formula_names import BACKTICKS, advice, argument, shortened, uncoloured

__all__ = ["PythonReader", "columns_in"]


class PythonReader:
    """Reads the parts of a formula that are Python, and refuses what is not supported.

    Parameters
    ----------
    formula : str
    name : str
        What the text is, for messages.
    functions : mapping
        The caller's own functions.
    known : list of str
        Columns of the data, for advice in messages.
    """

    def __init__(self, formula: str, name: str, functions: Functions, known: list[str]) -> None:
        self.formula, self.name, self.known = formula, name, known
        self.functions = functions
        self.columns: dict[str, None] = {}
        self.bare: set[str] = set()
        self.numeric: set[str] = set()
        self.exact: set[str] = set()
        self.term = ""
        self._aliases: dict[str, str] = {}

    def refused(self, words: str) -> OptionError:
        """Return the error, with advice on columns whose names need backticks."""
        text = f"{argument(self.name)} {shortened(self.formula)} {words}"
        return OptionError(text + advice(self.formula, self.known))

    def unreadable(self, error: BaseException) -> OptionError:
        """Return the error for text that is no formula, often because of a column's odd name."""
        named = advice(self.formula, self.known)
        return self.refused(f"cannot be read: {uncoloured(error)}{'' if named else BACKTICKS}")

    def outside(self, what: str) -> OptionError:
        """Return the error for a part that is not supported."""
        words = f"contains {shortened(self.term)}: {what}"
        if not advice(self.formula, self.known):
            words += f". A formula may have {OFFERED}; {OWN_FUNCTION}"
        return self.refused(words)

    # -- parts that are Python ---------------------------------------------------------------------

    def read_python(self) -> None:
        """Check the current term, a piece of Python."""
        from formulaic.utils.code import sanitize_variable_names

        self._aliases = {}
        text = sanitize_variable_names(self.term, {}, self._aliases)
        for column in self._aliases.values():
            if UNSAFE & set(column):
                raise self.refused(
                    f"has the column {column!r} inside a function: quotes, braces and the like in "
                    "a name do not work there; rename it"
                )
        tree = ast.parse(text, mode="eval")
        if len(list(ast.walk(tree))) > MOST_TERMS:
            raise self.refused(f"contains {shortened(self.term)}, which is too long")
        self._value(tree.body)

    def _value(self, node: ast.expr, *, exact: bool = False) -> None:
        """Check an expression of columns and numbers."""
        number = self._number(node)
        if number is not None:
            return
        if isinstance(node, ast.Name):
            column = self._column(node.id)
            self.columns[column] = None
            (self.exact if exact else self.numeric).add(column)
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.UnaryOp) and type(node.op) in (ast.USub, ast.UAdd, ast.Invert):
            self._value(node.operand, exact=exact or isinstance(node.op, ast.Invert))
        elif isinstance(node, ast.BinOp) and (
            type(node.op) in OPERATORS or isinstance(node.op, LOGICAL)
        ):
            self._binary(node, exact)
        elif isinstance(node, ast.Compare) and all(isinstance(o, COMPARED) for o in node.ops):
            self._comparison(node)
        else:
            raise self.outside(_words_of(node))

    def _binary(self, node: ast.BinOp, exact: bool) -> None:
        if isinstance(node.op, ast.Pow):
            power = self._number(node.right)
            if power is not None and abs(power) > HIGHEST:
                raise self.refused(
                    f"contains {shortened(self.term)}: powers go up to {HIGHEST}, not {power:g}"
                )
        exact = exact or isinstance(node.op, LOGICAL)
        self._value(node.left, exact=exact)
        self._value(node.right, exact=exact)

    def _comparison(self, node: ast.Compare) -> None:
        if len(node.ops) != 1:
            raise self.outside("two comparisons in one; write (0 < x) & (x < 1)")
        sides = (node.left, node.comparators[0])
        texts = [side for side in sides if _is_text(side)]
        for side in sides:
            if side in texts:
                self._constant(side)
            else:
                self._value(side, exact=bool(texts))

    def _column(self, identifier: str) -> str:
        """Return the column of an identifier; Python reads full-width letters as narrow ones."""
        if identifier in self._aliases:
            return self._aliases[identifier]
        wide = [
            name for name in self.known
            if name != identifier and unicodedata.normalize("NFKC", name) == identifier
        ]  # fmt: skip
        if wide and identifier not in self.known:
            raise self.refused(
                f"has the column {wide[0]!r} inside a function, where its wide letters are read as "
                f"{identifier!r}: rename the column"
            )
        return identifier

    def _number(self, node: ast.expr) -> float | None:
        """Return the value of an expression of numbers alone, which must stay small; else None."""
        value: float
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bool) or not isinstance(node.value, int | float):
                return None
            value = node.value
            if isinstance(value, float) and abs(value) < math.inf:
                return value
        elif isinstance(node, ast.UnaryOp) and type(node.op) in (ast.USub, ast.UAdd):
            inner = self._number(node.operand)
            if inner is None:
                return None
            value = OPERATORS[type(node.op)](inner)
        elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            first, second = self._number(node.left), self._number(node.right)
            if first is None or second is None:
                return None
            value = self._computed(node.op, first, second)
        else:
            return None
        if abs(value) <= LARGEST:  # a very long int is compared, never converted
            return float(value)
        raise self.refused(f"contains {shortened(self.term)}: a number in it is too large")

    def _computed(self, sign: ast.operator, first: float, second: float) -> float:
        try:
            value = OPERATORS[type(sign)](first, second)
        except (OverflowError, ZeroDivisionError):
            value = math.inf
        return math.inf if isinstance(value, complex) or math.isnan(value) else float(value)

    def _call(self, node: ast.Call) -> None:
        name = self._called(node.func)
        if name == "lag":
            # formulaic's lag() shifts rows, which in a panel would leak one unit into the next.
            raise OptionError(
                "lag() in a formula shifts rows across units; make a lagged column with "
                "panel.assign(x_lag=lambda d: d.groupby('unit')['x'].shift()) instead"
            )
        if any(isinstance(part, ast.Starred) for part in node.args):
            raise self.outside("a starred argument")
        names = [word.arg for word in node.keywords]
        if None in names or any(str(word).startswith("_") for word in names):
            raise self.outside("an argument that is not offered")
        if name in self.functions:
            self._own_call(node)
        elif name in NUMERIC:
            low, high = NUMERIC[name]
            if names or not low <= len(node.args) <= high:
                words = f"{low}" if low == high else f"{low} to {high}"
                raise self.outside(f"{name}() takes {words} argument(s) and no keywords")
            for part in node.args:
                self._value(part)
        else:
            self._transform(name, node, [str(word) for word in names])

    def _called(self, function: ast.expr) -> str:
        """Return the name of a supported function."""
        if isinstance(function, ast.Name):
            name = function.id
            if name in NUMERIC or name in TRANSFORMS or name in self.functions or name == "lag":
                return name
            raise self.outside(f"{name!r} is no function of formulas")
        if (
            isinstance(function, ast.Attribute)
            and isinstance(function.value, ast.Name)
            and function.value.id == "np"
        ):
            if function.attr in NUMERIC:
                return function.attr
            raise self.outside(f"'np.{function.attr}' is no function of formulas")
        raise self.outside(_words_of(function))

    def _own_call(self, node: ast.Call) -> None:
        for part in [*node.args, *(word.value for word in node.keywords)]:
            if _is_literal(part):
                self._constant(part)
            else:
                self._value(part, exact=True)

    def _transform(self, name: str, node: ast.Call, names: list[str]) -> None:
        """Check a call of formulaic's functions: one expression, then constants."""
        unknown = [word for word in names if word not in TRANSFORMS[name]]
        if unknown or not node.args:
            offered = ", ".join(TRANSFORMS[name]) or "none"
            raise self.outside(
                f"{name}() takes a column or an expression first; its keywords are {offered}"
            )
        if name == "I" and len(node.args) > 1:
            raise self.outside("I() takes one expression")
        self._value(node.args[0], exact=name == "C")
        sizes = ("df", "degree", "knots") if name not in ("C", "scale", "standardize") else ()
        options = [*((part, True) for part in node.args[1:])]
        options += [(word.value, word.arg in sizes) for word in node.keywords]
        for part, counts in options:
            if name == "C" and not _is_literal(part):
                self._contrast(part)
            else:
                self._constant(part)
                if counts and sizes:
                    self._require_few_columns(part)

    def _contrast(self, node: ast.expr) -> None:
        """Check ``contr.sum``, ``contr.treatment("a")`` or ``Treatment("a")``."""
        function = node.func if isinstance(node, ast.Call) else node
        by_name = (
            isinstance(function, ast.Attribute)
            and isinstance(function.value, ast.Name)
            and function.value.id == "contr"
            and function.attr in CONTRASTS
        )
        if not (by_name or (isinstance(function, ast.Name) and function.id in PATSY_CONTRASTS)):
            raise self.outside(
                "the contrasts of C() are " + ", ".join(f"contr.{name}" for name in CONTRASTS)
            )
        if isinstance(node, ast.Call):
            if any(word.arg not in CONTRAST_KEYWORDS for word in node.keywords):
                raise self.outside("an argument that contrasts do not have")
            for part in [*node.args, *(word.value for word in node.keywords)]:
                self._constant(part)

    def _constant(self, node: ast.expr) -> None:
        """Check a number, a text, True, False, None, or a list of these."""
        if isinstance(node, ast.List | ast.Tuple):
            for part in node.elts:
                self._constant(part)
            return
        if isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool)):
            return
        if _is_text(node):
            if UNSAFE & set(node.value):  # type: ignore[attr-defined]
                raise self.outside("a text with quotes, braces or the like in it")
            return
        if self._number(node) is None:
            raise self.outside("an option of a function must be a number, a text or a list of them")

    def _require_few_columns(self, node: ast.expr) -> None:
        """Refuse an option that would create a great many columns."""
        size = len(node.elts) if isinstance(node, ast.List | ast.Tuple) else self._number(node)
        if size is not None and abs(size) > MOST_COLUMNS:
            raise self.refused(
                f"contains {shortened(self.term)}: one function makes {MOST_COLUMNS} columns at "
                "most"
            )


def columns_in(factor: Any, functions: Functions) -> set[str]:
    """Return the columns of one factor of a formula that was checked."""
    if factor.eval_method.value != "python":
        return {str(factor.expr)} if factor.eval_method.value == "lookup" else set()
    part = PythonReader("", "formula", functions, [])
    part.term = str(factor.expr)
    part.read_python()
    return set(part.columns)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant | ast.List | ast.Tuple)


def _words_of(node: ast.AST) -> str:
    """Describe a piece of Python in words."""
    words = {
        ast.Attribute: "an attribute (a dot)", ast.Subscript: "square brackets",
        ast.Lambda: "a function made inside it", ast.JoinedStr: "a text",
        ast.Constant: "a constant",
        ast.NamedExpr: "an assignment", ast.IfExp: "a condition",
        ast.BoolOp: "and/or: write & and |",
        ast.Dict: "a mapping", ast.List: "a list", ast.Tuple: "several values", ast.Set: "a set",
        ast.Call: "a call of a call",
    }  # fmt: skip
    return words.get(type(node), f"Python code ({type(node).__name__})")
