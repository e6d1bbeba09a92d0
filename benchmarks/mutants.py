"""Single changes of the code that computes numbers: what may be changed, and how.

A mutant is one change in the text of one file: an operator, the boundary of a comparison, a
constant, a sign, ``and`` or ``or``, a minimum or a sum, an axis, an ``abs``. Left alone is what
is no number: docstrings and other text, what is raised or warned, annotations, decorators, what a
result prints (``_blocks``, ``__repr__``), and constants below 1e-5 or above 1e5, which are
tolerances and bounds.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OPERATORS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "//"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.And: ("and", "or"),
    ast.Or: ("or", "and"),
}
_PAIRS = [
    ("min", "max"),
    ("minimum", "maximum"),
    ("nanmin", "nanmax"),
    ("argmin", "argmax"),
    ("sum", "mean"),
    ("any", "all"),
    ("floor", "ceil"),
]
NAMES = dict(_PAIRS) | {second: first for first, second in _PAIRS}
ABSOLUTE = {"abs", "absolute", "fabs"}
SHOWN = {"_blocks", "__repr__", "__str__", "_repr_html_"}


@dataclass(frozen=True)
class Mutant:
    """One change: the lines of the file that it touches, as they are and as they become."""

    file: str  # path in the project
    function: str  # qualified name of what it stands in, "" for the module
    lines: tuple[int, int]  # first and last line of the change
    reach: tuple[int, int]  # lines whose tests may notice: the statement, or where it is used
    start: int  # characters of the file that are replaced
    stop: int
    text: str  # what replaces them
    original: str  # the changed lines, spaces stripped
    mutated: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What a mutant is known by; line numbers are no part of it."""
        return self.file, self.function, self.original, self.mutated

    def order(self, seed: int) -> str:
        """Place of the mutant in a random order that no other change of the code upsets."""
        words = "\0".join((str(seed), *self.key))
        return hashlib.sha256(words.encode()).hexdigest()

    def applied(self, source: str) -> str:
        """Return the text of the file with the change."""
        return source[: self.start] + self.text + source[self.stop :]


class _Finder(ast.NodeVisitor):
    """Collects each possible change: start, stop, text, function, lines that it reaches."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.names: list[str] = []
        self.depth = 0
        self.statement: ast.stmt | None = None
        self.changes: list[tuple[int, int, str, str, tuple[int, int]]] = []
        # ast counts bytes of UTF-8 from the start of a line; characters are wanted
        self.rows = source.splitlines(keepends=True)
        self.starts = [0]
        for row in self.rows:
            self.starts.append(self.starts[-1] + len(row))

    def place(self, line: int, column: int) -> int:
        before = self.rows[line - 1].encode()[:column].decode()
        return self.starts[line - 1] + len(before)

    def span(self, node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return (
            self.place(node.lineno, node.col_offset),
            self.place(node.end_lineno, node.end_col_offset),
        )

    def add(self, start: int, stop: int, text: str) -> None:
        if self.statement is not None:
            self.changes.append((start, stop, text, ".".join(self.names), self.reach()))

    def reach(self) -> tuple[int, int]:
        """Lines whose tests may notice: a default's function, a module's constant anywhere."""
        statement = self.statement
        if isinstance(statement, ast.FunctionDef):
            return statement.lineno, statement.end_lineno or statement.lineno
        if not self.depth or statement is None:
            return 1, len(self.rows)
        body = getattr(statement, "body", None)  # of a block, the head
        end = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
        return statement.lineno, max(end, statement.lineno)

    def between(self, left: ast.expr, right: ast.expr, operator: ast.AST) -> None:
        """Swap the operator that stands between two expressions."""
        if type(operator) not in OPERATORS:
            return
        old, new = OPERATORS[type(operator)]
        start, stop = self.span(left)[1], self.span(right)[0]
        gap = re.sub(r"#[^\n]*", lambda m: " " * len(m.group()), self.source[start:stop])
        at = gap.find(old)
        self.add(start + at, start + at + len(old), new)

    # What is left alone

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.stmt):
            outer, self.statement = self.statement, node
            super().visit(node)
            self.statement = outer
        else:
            super().visit(node)

    def visit_Raise(self, node: ast.Raise) -> None: ...

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None: ...

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        if not (isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__"):
            self.generic_visit(node)

    def visit_arguments(self, node: ast.arguments) -> None:
        for default in [*node.defaults, *(d for d in node.kw_defaults if d is not None)]:
            self.visit(default)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        arguments = node.args.posonlyargs + node.args.args
        if node.name in SHOWN and arguments and arguments[0].arg == "self":
            return
        self.names.append(node.name)
        self.visit(node.args)
        self.depth += 1
        for part in node.body:
            self.visit(part)
        self.depth -= 1
        self.names.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.names.append(node.name)
        for part in node.body:
            self.visit(part)
        self.names.pop()

    # What is changed

    def visit_BinOp(self, node: ast.BinOp) -> None:
        texts = (ast.JoinedStr, ast.List, ast.Tuple)
        plain = all(
            not isinstance(side, texts)
            and not (isinstance(side, ast.Constant) and not isinstance(side.value, int | float))
            for side in (node.left, node.right)
        )
        if plain:
            self.between(node.left, node.right, node.op)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if not isinstance(node.value, ast.JoinedStr | ast.List | ast.Tuple):
            self.between(node.target, node.value, node.op)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        for left, right, operator in zip(sides, sides[1:], node.ops, strict=False):
            self.between(left, right, operator)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for left, right in zip(node.values, node.values[1:], strict=False):
            self.between(left, right, node.op)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        start = self.span(node)[0]
        if isinstance(node.op, ast.USub):
            self.add(start, start + 1, "")
        elif isinstance(node.op, ast.Not):
            self.add(start, start + 4, "")
        elif isinstance(node.op, ast.Invert):
            self.add(start, start + 1, "")
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        value = node.value
        if node.arg == "axis" and isinstance(value, ast.Constant) and value.value in (0, 1):
            self.add(*self.span(value), str(1 - value.value))
        else:
            self.visit(value)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name.endswith(("Error", "Warning")) or name == "warn":
            return
        stop = self.span(node.func)[1]
        if name in NAMES:
            self.add(stop - len(name), stop, NAMES[name])
        if name in ABSOLUTE and len(node.args) == 1 and not node.keywords:
            self.add(self.span(node.func)[0], stop, "")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            return
        if value != 0 and not 1e-5 <= abs(value) <= 1e5:
            return
        if isinstance(value, int):
            self.add(*self.span(node), str(value + 1))
        else:
            self.add(*self.span(node), repr(value / 2 if value else 1.0))


def mutants(file: Path, root: Path) -> Iterator[Mutant]:
    """Yield every change of one file that still parses."""
    source = file.read_text(encoding="utf-8")
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    for start, stop, text, function, reach in finder.changes:
        first = source.count("\n", 0, start) + 1
        last = source.count("\n", 0, stop) + 1
        lead, tail = finder.starts[first - 1], finder.starts[last]
        original = source[lead:tail]
        mutated = source[lead:start] + text + source[stop:tail]
        yield Mutant(
            file=file.relative_to(root).as_posix(),
            function=function,
            lines=(first, last),
            reach=reach,
            start=start,
            stop=stop,
            text=text,
            original=" ".join(original.split()),
            mutated=" ".join(mutated.split()),
        )
