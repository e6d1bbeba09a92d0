"""How the package is kept, in one small table: ``python -m benchmarks.house [folder]``.

Lines, repeated code, vague names, modules that nobody needs to see, places that factorise, sizes of
functions. Only the text of the modules is read; nothing is imported. Run it before and after a
change of structure.
"""

from __future__ import annotations

import ast
import io
import keyword
import re
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent / "nqp_spatial"
VAGUE = {
    *("found", "one", "some", "left", "at", "look", "given", "inside", "own", "drawn", "kept"),
    *("whole", "spread", "said", "rest", "both", "such"),
}
RUN = 6  # lines; shorter ones are equal by chance
COMMON = 8  # a window in more places than this is a habit of writing, counted by itself

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, eq=False)
class Module:
    """One file: its path from the folder, lines and syntax tree."""

    path: Path
    lines: list[str]
    tree: ast.Module

    @property
    def name(self) -> str:
        """Path as it is written in Python, without the package."""
        return ".".join(self.path.with_suffix("").parts)

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        """Yield the nodes of these kinds."""
        return (node for node in self._nodes if isinstance(node, kinds))

    @cached_property
    def _nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))


def modules(root: Path = ROOT) -> list[Module]:
    """Read all modules of a folder."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.py"))}
    return [
        Module(path.relative_to(root), text.splitlines(), ast.parse(text))
        for path, text in texts.items()
    ]


# -- Lines -----------------------------------------------------------------------------------------


def docstring_lines(module: Module) -> set[int]:
    """Return the numbers of the lines of docstrings."""
    numbers: set[int] = set()
    for node in [module.tree, *module.nodes(ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)]:
        first = node.body[0] if node.body else None
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            numbers |= set(range(first.lineno, first.end_lineno + 1))
    return numbers


def comment_lines(module: Module) -> set[int]:
    """Return the numbers of the lines that hold a comment and nothing else."""
    tokens = tokenize.generate_tokens(io.StringIO("\n".join(module.lines) + "\n").readline)
    return {
        token.start[0]
        for token in tokens
        if token.type == tokenize.COMMENT and module.lines[token.start[0] - 1].lstrip()[0] == "#"
    }


@cache
def line_kinds(module: Module) -> dict[int, str]:
    """Return the kind of each line: code, docstring, comment or blank."""
    docstrings, comments = docstring_lines(module), comment_lines(module)
    kinds = {}
    for number, line in enumerate(module.lines, start=1):
        if number in docstrings:
            kinds[number] = "docstring"
        elif not line.strip():
            kinds[number] = "blank"
        else:
            kinds[number] = "comment" if number in comments else "code"
    return kinds


# -- Repeated code ---------------------------------------------------------------------------------


def compared_lines(module: Module, names: bool) -> list[tuple[int, str]]:
    """Return number and text of the lines that are compared.

    Code of functions and classes (tables of words and numbers at the level of a module are no
    code), without lines of brackets alone. Spaces at both ends, comments behind code and commas at
    the end are taken off; without `names` every name is ``n``, every number 0 and every text S, so
    that a copy with other names is seen too.
    """
    numbers = {
        number
        for node in module.nodes(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        for number in range(node.lineno, node.end_lineno + 1)
    }
    kinds = line_kinds(module)
    compared = []
    for number in sorted(numbers):
        text = module.lines[number - 1].split("  #")[0].strip().rstrip(",")
        if kinds[number] == "code" and any(map(str.isalnum, text)):
            compared.append((number, text if names else form(text)))
    return compared


def form(text: str) -> str:
    """Return a line with names, numbers and texts made equal; keywords stay."""
    text = re.sub(r"\b\d[\w.]*", "0", re.sub(r'f?"[^"]*"', "S", text))
    return re.sub(r"[A-Za-z_]\w*", lambda m: m[0] if keyword.iskeyword(m[0]) else "n", text)


Place = tuple[int, int]  # module, line among those compared


def repeated_runs(
    package: list[Module], names: bool = True
) -> tuple[list[tuple[str, str, int]], int]:
    """Return pairs of places with equal lines, and how many windows are habits.

    A pair is two places from which at least `RUN` compared lines are equal, taken as long as they
    are: ``(place, place, lines)``. Windows of `RUN` lines in more than `COMMON` places would make
    pairs of everything with everything; they are counted once each, runs being one.
    """
    texts = [compared_lines(module, names) for module in package]
    places: defaultdict[tuple[str, ...], list[Place]] = defaultdict(list)
    for file, lines in enumerate(texts):
        for start in range(len(lines) - RUN + 1):
            places[tuple(text for _, text in lines[start : start + RUN])].append((file, start))
    equal: set[tuple[Place, Place]] = set()
    common: set[Place] = set()
    for same in places.values():
        if len(same) > COMMON:
            common.add(same[0])
        else:
            equal |= {
                (a, b) for a, b in combinations(same, 2) if a[0] != b[0] or b[1] - a[1] >= RUN
            }

    def later(place: Place, lines: int) -> Place:
        return place[0], place[1] + lines

    pairs = []
    for a, b in sorted(equal):
        if (later(a, -1), later(b, -1)) in equal:
            continue
        length = RUN
        while (later(a, length - RUN + 1), later(b, length - RUN + 1)) in equal:
            length += 1
        ends = [f"{package[file].path}:{texts[file][start][0]}" for file, start in (a, b)]
        pairs.append((*ends, length))
    habits = sum((file, start - 1) not in common for file, start in common)
    return pairs, habits


# -- Names, modules, factorisations, functions -----------------------------------------------------


def local_names(module: Module) -> list[str]:
    """Return every name that a function assigns: by ``=``, for, with, ``:=``, comprehensions."""
    stores = {
        (node.lineno, node.col_offset): node.id
        for function in module.nodes(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return list(stores.values())


def exported_modules(package: list[Module]) -> set[str]:
    """Return the modules of which the ``__init__`` of a folder offers something."""
    offered = set()
    for module in package:
        if module.path.name != "__init__.py":
            continue
        for node in module.nodes(ast.ImportFrom):
            offered.add((node.module or "").partition(".")[2])
        if module.path.parent == Path():  # names that load when they are first used
            strings = {node.value for node in module.nodes(ast.Constant) if node.value != ""}
            offered |= {str(value).partition(".")[2] or str(value) for value in strings}
    return offered


def hidden_modules(package: list[Module]) -> list[str]:
    """Return the modules that export nothing public, whatever their names."""
    offered = exported_modules(package) | {"cli"}  # the command is in pyproject.toml
    return [
        module.name
        for module in package
        if module.path.name != "__init__.py" and module.name not in offered
    ]


def is_private(name: str) -> bool:
    """Tell whether a module or a folder it lies in begins with an underscore."""
    return any(part.startswith("_") for part in name.split("."))


def factorisations(module: Module) -> list[int]:
    """Return the lines that call ``splu``."""
    return sorted(
        {
            node.lineno
            for node in module.nodes(ast.Call)
            if "splu" in (getattr(node.func, "attr", ""), getattr(node.func, "id", ""))
        }
    )


def function_sizes(module: Module) -> dict[str, int]:
    """Return the lines of each function, without its docstring and blank lines."""
    kinds = line_kinds(module)
    return {
        f"{module.path}:{node.name}": sum(
            kinds[number] in ("code", "comment")
            for number in range(node.lineno, node.end_lineno + 1)
        )
        for node in module.nodes(ast.FunctionDef, ast.AsyncFunctionDef)
    }


def rows(root: Path = ROOT) -> list[tuple[str, str]]:
    """Return the table: what is measured, and its value."""
    package = modules(root)
    kinds = Counter(kind for module in package for kind in line_kinds(module).values())
    pairs, habits = repeated_runs(package)
    alike, like_habits = repeated_runs(package, names=False)
    files = Counter(tuple(place.split(":")[0] for place in pair[:2]) for pair in alike)
    names = [name for module in package for name in local_names(module)]
    vague = Counter(name for name in names if name in VAGUE)
    hidden = hidden_modules(package)
    open_ones = [name for name in hidden if not is_private(name)]
    splu = {module.name: factorisations(module) for module in package if factorisations(module)}
    sizes = {name: size for module in package for name, size in function_sizes(module).items()}
    longest = max(sizes, key=lambda name: sizes[name])
    worst = ", ".join(f"{' ~ '.join(sorted(set(both)))} {n}" for both, n in files.most_common(3))
    return [
        ("modules", f"{len(package)}"),
        ("lines", f"{kinds.total()}"),
        (
            "code / docstring / comment / blank",
            " / ".join(str(kinds[kind]) for kind in ("code", "docstring", "comment", "blank")),
        ),
        (f"pairs of places with {RUN}+ equal lines", f"{len(pairs)}"),
        ("with lines that are equal but for names", f"{len(alike)}"),
        (f"such runs in more than {COMMON} places", f"{habits} / {like_habits}"),
        ("most pairs", worst or "none"),
        ("names that functions assign", f"{len(names)}"),
        ("vague names", f"{vague.total()}, {100 * vague.total() / len(names):.1f} %"),
        ("most frequent", ", ".join(f"{name} {n}" for name, n in vague.most_common(5)) or "none"),
        ("modules that export nothing public", f"{len(hidden)}"),
        (
            "of these without _ / in folders",
            f"{len(open_ones)} / {sum('.' in n for n in open_ones)}",
        ),
        ("lines that call splu", f"{sum(map(len, splu.values()))} in {len(splu)} modules"),
        ("functions", f"{len(sizes)}"),
        ("median lines of a function", f"{median(sizes.values()):g}"),
        (
            "over 40 / 80 lines",
            " / ".join(str(sum(s > n for s in sizes.values())) for n in (40, 80)),
        ),
        ("longest", f"{longest} {sizes[longest]}"),
    ]


if __name__ == "__main__":
    table = rows(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
    width = max(len(label) for label, _ in table)
    for label, value in table:
        print(f"{label:{width}}  {value}")
