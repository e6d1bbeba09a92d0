"""What a formula may contain: columns, operators and a list of functions; never other code.

formulaic evaluates parts of a formula as Python, some of them already while it parses. Here a
formula is cut by formulaic's tokenizer, which evaluates nothing, and each part is read by Python's
own parser; only a formula that holds nothing else goes on.
"""

from __future__ import annotations

import ast
import keyword
import math
import operator
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from nqp_spatial.errors import OptionError, sample

__all__ = [
    "Functions",
    "ReadFormula",
    "advice",
    "columns_of",
    "names_in",
    "quoted",
    "read_formula",
    "terms_of",
    "uncoloured",
]

Functions = Mapping[str, Callable[..., Any]]

# Functions of numbers, with how many arguments they take: a further one of numpy is where to write.
_NUMERIC = {
    "log": (1, 1), "log1p": (1, 1), "log2": (1, 1), "log10": (1, 1), "exp": (1, 1),
    "expm1": (1, 1), "sqrt": (1, 1), "abs": (1, 1), "sign": (1, 1), "arcsinh": (1, 1),
    "minimum": (2, 2), "maximum": (2, 2), "clip": (2, 3),
}  # fmt: skip
_SPLINE = ("df", "knots", "lower_bound", "upper_bound", "constraints", "extrapolation")
# Functions of formulaic, with the keywords that they take.
_TRANSFORMS: dict[str, tuple[str, ...]] = {
    "I": (),
    "C": ("contrasts", "levels", "spans_intercept"),
    "center": (),
    "scale": ("center", "scale", "ddof"),
    "standardize": ("center", "rescale", "ddof"),
    "poly": ("degree", "raw"),
    "bs": (
        "df", "knots", "degree", "include_intercept", "lower_bound", "upper_bound", "extrapolation",
    ),
    "cs": _SPLINE,
    "cc": _SPLINE,
    "cr": _SPLINE,
}  # fmt: skip
_CONTRASTS = ("treatment", "SAS", "sum", "helmert", "diff", "poly")
_PATSY_CONTRASTS = ("Treatment", "Sum", "Helmert", "Diff", "Poly")
_CONTRAST_KEYWORDS = ("base", "reference", "reverse", "scale", "backward", "scores")
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.Pow: operator.pow, ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip
_LOGICAL = (ast.BitAnd, ast.BitOr, ast.Invert)
_COMPARED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_SIGNS = set("+-*/:^~")
# formulaic pastes the text of a call into code of its own: no sign in it may end a string there.
_UNSAFE = set("\"'`\\{}#\n\r")
_LARGEST, _HIGHEST, _LONGEST = 1e15, 100, 20_000
_MOST_TERMS, _DEEPEST, _MOST_COLUMNS = 2000, 50, 50
_OFFERED = (
    "columns, operators and the functions "
    f"{', '.join([*_NUMERIC, *(name for name in _TRANSFORMS if name != 'standardize')])}, the "
    "numeric ones also as np.log and so on"
)
_OWN = "a function of your own can be passed from Python, as in functions={'f': f}"


@dataclass(frozen=True, eq=False)
class ReadFormula:
    """A formula that contains nothing but columns, operators and known functions.

    Attributes
    ----------
    text : str
    parsed : formulaic.Formula
    columns : tuple of str
        Columns that it uses, in the order in which they come.
    bare : frozenset of str
        Those that stand outside functions, where text means categories.
    numeric : frozenset of str
        Those that functions and operators take as numbers.
    exact : frozenset of str
        Those that must keep their type: inside ``C()`` and under logical operators.
    functions : dict
        Functions of the caller.
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
        """Names that the evaluation may use beside columns; ``np`` is cut down."""
        numeric = {name: getattr(np, name) for name in _NUMERIC}
        return {**numeric, "np": SimpleNamespace(**numeric), **self.functions}

    def columns_in(self, factor: Any) -> set[str]:
        """Return the columns that one factor of the formula uses."""
        return _columns_in(factor, self.functions)


def quoted(name: str) -> str:
    """Return a column's name as a formula must write it, in backticks where it needs them.

    Raises
    ------
    OptionError
        If no way of writing it is read as this name.

    Examples
    --------
    >>> quoted("gdp"), quoted("人均GDP(元)")
    ('gdp', '`人均GDP(元)`')
    """
    from formulaic.errors import FormulaicError
    from formulaic.parser.algos.tokenize import tokenize

    text = str(name)
    if text.isidentifier() and not keyword.iskeyword(text) and text not in _names_of_functions():
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
    """Return what to do about columns whose names stand in a formula without their backticks."""
    unquoted = re.sub(r"`[^`]*`", " ", formula)
    odd = [name for name in known if name in unquoted and not name.isidentifier()]
    if not odd:
        return ""
    longest = max(odd, key=len)
    return (
        f". The column {longest!r} has signs that formulas read as something else: write "
        f"{quoted(longest)}, in backticks"
    )


def names_in(names: str | Iterable[str], option: str) -> tuple[str, ...]:
    """Return the names of columns that an option lists, taken as they are."""
    listed = (names,) if isinstance(names, str) or not isinstance(names, Iterable) else tuple(names)
    wrong = [name for name in listed if not isinstance(name, str)]
    if wrong:
        raise OptionError(
            f"{option} must be the name of a column or a list of names, got {sample(wrong)}"
        )
    return listed


def columns_of(formula: str, functions: Functions | None = None) -> tuple[str, ...]:
    """Return the columns that a formula uses, in the order in which they come.

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
        With an outcome, ``"y ~ x1 + x2"``; a right side alone where `name` is another.
    functions : mapping, optional
        Functions of the caller, by the names that the formula calls them.
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
        If it is no formula, contains what is not offered, or multiplies out without bound.
    """
    import formulaic
    from formulaic.errors import FormulaicError

    if not isinstance(formula, str):
        raise OptionError(f"{_the(name)} must be text such as 'y ~ x1 + x2', got {formula!r}")
    own = _checked_functions(functions)
    reader = _Reader(formula, name, own, [str(column) for column in known])
    reader.read()
    right_side = formula if name == "formula" else f"0 + {formula}"
    try:
        reader.require_few_terms()
        parsed = formulaic.Formula(right_side)
    except OptionError:
        raise
    except (FormulaicError, SyntaxError, ValueError, RecursionError, TypeError) as error:
        raise reader.refused(f"cannot be read: {uncoloured(error)}") from error
    if name == "formula":
        reader.require_sides(parsed)
    return ReadFormula(
        formula, parsed, tuple(reader.columns), frozenset(reader.bare), frozenset(reader.numeric),
        frozenset(reader.exact),
        dict(own),
    )  # fmt: skip


def _the(name: str) -> str:
    return f"the {name}" if name == "formula" else f"{name}="


def _names_of_functions() -> set[str]:
    return {*_NUMERIC, *_TRANSFORMS, *_PATSY_CONTRASTS, "np", "contr", "lag"}


def _checked_functions(functions: Functions | None) -> dict[str, Callable[..., Any]]:
    if functions is None:
        return {}
    if not isinstance(functions, Mapping):
        raise OptionError(f"functions must be a mapping from names to functions, got {functions!r}")
    for name, function in functions.items():
        if not (isinstance(name, str) and name.isidentifier()) or not callable(function):
            raise OptionError(
                f"functions must map names such as 'f' to functions, got {name!r}: {function!r}"
            )
        if name in _names_of_functions():
            raise OptionError(f"formulas have a function {name!r} already; choose another name")
    return dict(functions)


def uncoloured(error: BaseException) -> str:
    """Return an error's words on one line, without the colours of a terminal."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).replace("⧛", "[").replace("⧚", "]")
    return " ".join(text.split())


class _Reader:
    """Walks over the parts of one formula, notes its columns, and refuses what is not offered."""

    def __init__(self, formula: str, name: str, functions: Functions, known: list[str]) -> None:
        self.formula, self.name, self.known = formula, name, known
        self.functions = functions
        self.columns: dict[str, None] = {}
        self.bare: set[str] = set()
        self.numeric: set[str] = set()
        self.exact: set[str] = set()
        self.term, self.tildes = "", 0
        self._aliases: dict[str, str] = {}

    def refused(self, words: str) -> OptionError:
        """Return the error, with advice on columns whose names need backticks."""
        text = f"{_the(self.name)} {_short(self.formula)} {words}"
        return OptionError(text + advice(self.formula, self.known))

    def outside(self, what: str) -> OptionError:
        """Return the error for a part that is not offered."""
        words = f"contains {_short(self.term)}: {what}"
        if not advice(self.formula, self.known):
            words += f". A formula may have {_OFFERED}; {_OWN}"
        return self.refused(words)

    # -- the formula -------------------------------------------------------------------------------

    def read(self) -> None:
        """Check every token."""
        from formulaic.errors import FormulaicError
        from formulaic.parser.algos.sanitize_tokens import sanitize_tokens
        from formulaic.parser.algos.tokenize import tokenize

        self._require_bounded()
        try:
            for token in sanitize_tokens(tokenize(self.formula)):
                self._token(token)
        except OptionError:
            raise
        except (RecursionError, MemoryError) as error:
            raise self.refused("cannot be read: it is nested too deeply") from error
        except (FormulaicError, SyntaxError, ValueError) as error:
            raise self.refused(f"cannot be read: {uncoloured(error)}") from error
        wanted = 1 if self.name == "formula" else 0
        if self.tildes != wanted:
            raise self.refused(
                f"must read 'y ~ x1 + x2', with one '~'; it has {self.tildes}"
                if wanted
                else "is the right side of a formula alone, without '~'"
            )

    def _require_bounded(self) -> None:
        depth = deepest = 0
        for sign in self.formula:
            depth += (sign in "([{") - (sign in ")]}")
            deepest = max(deepest, depth)
        if len(self.formula) > _LONGEST or deepest > _DEEPEST:
            raise self.refused(
                f"is longer than {_LONGEST:,} signs or deeper than {_DEEPEST} brackets; make "
                "columns with panel.assign instead"
            )
        if not self.formula.strip() or self.formula.rstrip().endswith("~"):
            raise self.refused("has nothing on its right side; write 'y ~ 1' for a constant alone")
        if "``" in self.formula:
            raise self.refused("has backticks with no name between them")

    def _token(self, token: Any) -> None:
        kind, self.term = token.kind.value, str(token.token)
        if kind == "operator":
            self.tildes += self.term.count("~")
            self._operator()
        elif kind == "value":
            try:
                number = float(self.term)
            except ValueError:
                raise self.refused(
                    f"contains the text {self.term}: write columns without quotes, or in backticks"
                ) from None
            if not abs(number) <= _LARGEST:
                raise self.refused(f"contains the number {self.term}, which is too large")
        elif kind == "name":
            self.columns[self.term] = None
            self.bare.add(self.term)
        elif kind == "python":
            self.read_python()
        elif self.term not in ("(", ")"):
            raise self.refused(f"contains {self.term!r}: group terms with round brackets")

    def _operator(self) -> None:
        if self.term == ".":
            raise self.refused("contains '.': name the columns that it should stand for")
        if "|" in self.term:
            raise self.refused(
                "contains '|': instruments are not a part of the formula; give endogenous= and "
                "instruments= with estimator='gs2sls'"
            )
        if not set(self.term) <= _SIGNS:
            raise self.refused(f"contains {self.term!r}, which is no operator of formulas")

    def require_few_terms(self) -> None:
        """Refuse products and powers that multiply out into too many terms."""
        from formulaic.parser import DefaultFormulaParser

        tree = DefaultFormulaParser().parse(self.formula, target="ast")
        sizes: dict[int, float] = {}
        waiting = [(tree, False)]
        while waiting:
            node, ready = waiting.pop()
            parts = getattr(node, "args", ())
            if not ready and parts:
                waiting += [(node, True), *((part, False) for part in parts)]
                continue
            size = self._size(node, [sizes[id(part)] for part in parts]) if parts else 1.0
            if size > _MOST_TERMS:
                raise self.refused(
                    f"multiplies out into {size:,.0f} terms or more, the most are {_MOST_TERMS:,}: "
                    "write the terms that are wanted"
                )
            sizes[id(node)] = size

    def _size(self, node: Any, sizes: list[float]) -> float:
        symbol = node.operator.symbol
        if symbol in ("**", "^"):
            power = str(getattr(node.args[1], "token", ""))
            if not (power.isdigit() and 1 <= int(power[:4]) <= 10):
                raise self.refused(
                    f"contains a power of terms, {symbol} {power or '...'}: it must be a whole "
                    "number from 1 to 10 (a power of a column is written I(x ** 2))"
                )
            return float(sizes[0] ** int(power))
        if symbol == ":":
            return math.prod(sizes)
        if symbol in ("*", "/"):
            return sum(sizes) + math.prod(sizes)
        return sum(sizes)

    # -- parts that are Python ---------------------------------------------------------------------

    def read_python(self) -> None:
        """Check the term at hand, a piece of Python."""
        from formulaic.utils.code import sanitize_variable_names

        self._aliases = {}
        text = sanitize_variable_names(self.term, {}, self._aliases)
        for column in self._aliases.values():
            if _UNSAFE & set(column):
                raise self.refused(
                    f"has the column {column!r} inside a function: quotes, braces and the like in "
                    "a name do not work there; rename it"
                )
        tree = ast.parse(text, mode="eval")
        if len(list(ast.walk(tree))) > _MOST_TERMS:
            raise self.refused(f"contains {_short(self.term)}, which is too long")
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
            type(node.op) in _OPERATORS or isinstance(node.op, _LOGICAL)
        ):
            self._binary(node, exact)
        elif isinstance(node, ast.Compare) and all(isinstance(o, _COMPARED) for o in node.ops):
            self._comparison(node)
        else:
            raise self.outside(_words_of(node))

    def _binary(self, node: ast.BinOp, exact: bool) -> None:
        if isinstance(node.op, ast.Pow):
            power = self._number(node.right)
            if power is not None and abs(power) > _HIGHEST:
                raise self.refused(
                    f"contains {_short(self.term)}: powers go up to {_HIGHEST}, not {power:g}"
                )
        exact = exact or isinstance(node.op, _LOGICAL)
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
        """Return the column that an identifier stands for; Python reads wide letters as narrow."""
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
            value = _OPERATORS[type(node.op)](inner)
        elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            left, right = self._number(node.left), self._number(node.right)
            if left is None or right is None:
                return None
            value = self._computed(node.op, left, right)
        else:
            return None
        if abs(value) <= _LARGEST:  # an int of a million digits is compared, never converted
            return float(value)
        raise self.refused(f"contains {_short(self.term)}: a number in it is too large")

    def _computed(self, sign: ast.operator, left: float, right: float) -> float:
        try:
            value = _OPERATORS[type(sign)](left, right)
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
        elif name in _NUMERIC:
            low, high = _NUMERIC[name]
            if names or not low <= len(node.args) <= high:
                words = f"{low}" if low == high else f"{low} to {high}"
                raise self.outside(f"{name}() takes {words} argument(s) and no keywords")
            for part in node.args:
                self._value(part)
        else:
            self._transform(name, node, [str(word) for word in names])

    def _called(self, function: ast.expr) -> str:
        """Return the name of a function that is offered."""
        if isinstance(function, ast.Name):
            name = function.id
            if name in _NUMERIC or name in _TRANSFORMS or name in self.functions or name == "lag":
                return name
            raise self.outside(f"{name!r} is no function of formulas")
        if (
            isinstance(function, ast.Attribute)
            and isinstance(function.value, ast.Name)
            and function.value.id == "np"
        ):
            if function.attr in _NUMERIC:
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
        unknown = [word for word in names if word not in _TRANSFORMS[name]]
        if unknown or not node.args:
            offered = ", ".join(_TRANSFORMS[name]) or "none"
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
            and function.attr in _CONTRASTS
        )
        if not (by_name or (isinstance(function, ast.Name) and function.id in _PATSY_CONTRASTS)):
            raise self.outside(
                "the contrasts of C() are " + ", ".join(f"contr.{name}" for name in _CONTRASTS)
            )
        if isinstance(node, ast.Call):
            if any(word.arg not in _CONTRAST_KEYWORDS for word in node.keywords):
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
            if _UNSAFE & set(node.value):  # type: ignore[attr-defined]
                raise self.outside("a text with quotes, braces or the like in it")
            return
        if self._number(node) is None:
            raise self.outside("an option of a function must be a number, a text or a list of them")

    def _require_few_columns(self, node: ast.expr) -> None:
        """Refuse an option that asks for a great many columns."""
        size = len(node.elts) if isinstance(node, ast.List | ast.Tuple) else self._number(node)
        if size is not None and abs(size) > _MOST_COLUMNS:
            raise self.refused(
                f"contains {_short(self.term)}: one function makes {_MOST_COLUMNS} columns at most"
            )

    # -- both sides --------------------------------------------------------------------------------

    def require_sides(self, parsed: Any) -> None:
        """Refuse formulas without one outcome, and outcomes that explain themselves."""
        if not (hasattr(parsed, "lhs") and hasattr(parsed, "rhs")):
            raise self.refused("must have an outcome on its left: 'y ~ x1 + x2'")
        left = list(parsed.lhs)
        if len(left) != 1 or str(left[0]) == "1":
            raise self.refused(
                "must have one numeric column on its left side, it has "
                f"{sample(map(str, left)) or 'none'}"
            )
        outcome = {
            name for factor in left[0].factors for name in _columns_in(factor, self.functions)
        }
        for factor in (factor for term in parsed.rhs for factor in term.factors):
            same = len(outcome) == 1 and _columns_in(factor, self.functions) == outcome
            if same or factor in left[0].factors:
                raise self.refused(
                    f"has {str(left[0])!r} on its left and {str(factor)!r} on its right side: an "
                    "outcome cannot explain itself; leave it out, or use its past (time_lag=True)"
                )


def _columns_in(factor: Any, functions: Functions) -> set[str]:
    """Return the columns of one factor of a formula that was checked."""
    if factor.eval_method.value != "python":
        return {str(factor.expr)} if factor.eval_method.value == "lookup" else set()
    part = _Reader("", "formula", functions, [])
    part.term = str(factor.expr)
    part.read_python()
    return set(part.columns)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant | ast.List | ast.Tuple)


def _words_of(node: ast.AST) -> str:
    """Return what a piece of Python is, in words."""
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


def _short(text: str, size: int = 160) -> str:
    return repr(text if len(text) <= size else text[:size] + " ...")
