"""The functions that a formula may call, and the limits on its contents."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from nqp_spatial.errors import OptionError

__all__ = ["Functions", "checked_functions", "function_names"]

Functions = Mapping[str, Callable[..., Any]]

# Numeric functions and their numbers of arguments: a further argument in numpy is the output array.
NUMERIC = {
    "log": (1, 1), "log1p": (1, 1), "log2": (1, 1), "log10": (1, 1), "exp": (1, 1),
    "expm1": (1, 1), "sqrt": (1, 1), "abs": (1, 1), "sign": (1, 1), "arcsinh": (1, 1),
    "minimum": (2, 2), "maximum": (2, 2), "clip": (2, 3),
}  # fmt: skip
SPLINE = ("df", "knots", "lower_bound", "upper_bound", "constraints", "extrapolation")
# Functions of formulaic, with the keyword arguments that they take.
TRANSFORMS: dict[str, tuple[str, ...]] = {
    "I": (),
    "C": ("contrasts", "levels", "spans_intercept"),
    "center": (),
    "scale": ("center", "scale", "ddof"),
    "standardize": ("center", "rescale", "ddof"),
    "poly": ("degree", "raw"),
    "bs": (
        "df", "knots", "degree", "include_intercept", "lower_bound", "upper_bound", "extrapolation",
    ),
    "cs": SPLINE,
    "cc": SPLINE,
    "cr": SPLINE,
}  # fmt: skip
CONTRASTS = ("treatment", "SAS", "sum", "helmert", "diff", "poly")
PATSY_CONTRASTS = ("Treatment", "Sum", "Helmert", "Diff", "Poly")
CONTRAST_KEYWORDS = ("base", "reference", "reverse", "scale", "backward", "scores")
OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.Pow: operator.pow, ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip
LOGICAL = (ast.BitAnd, ast.BitOr, ast.Invert)
COMPARED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
SIGNS = set("+-*/:^~")
# formulaic inserts the text of a call into its own code: no character in it may end a string there.
UNSAFE = set("\"'`\\{}#\n\r")
LARGEST, HIGHEST, LONGEST = 1e15, 100, 20_000
MOST_TERMS, DEEPEST, MOST_COLUMNS = 2000, 50, 50
OFFERED = (
    "columns, operators and the functions "
    f"{', '.join([*NUMERIC, *(name for name in TRANSFORMS if name != 'standardize')])}, the "
    "numeric ones also as np.log and so on"
)
OWN_FUNCTION = "a function of your own can be passed from Python, as in functions={'f': f}"


def function_names() -> set[str]:
    """Return the names that a formula reads as functions; columns so named need backticks."""
    return {*NUMERIC, *TRANSFORMS, *PATSY_CONTRASTS, "np", "contr", "lag"}


def checked_functions(functions: Functions | None) -> dict[str, Callable[..., Any]]:
    """Return the caller's functions by name, or raise `OptionError`."""
    if functions is None:
        return {}
    if not isinstance(functions, Mapping):
        raise OptionError(f"functions must be a mapping from names to functions, got {functions!r}")
    for name, function in functions.items():
        if not (isinstance(name, str) and name.isidentifier()) or not callable(function):
            raise OptionError(
                f"functions must map names such as 'f' to functions, got {name!r}: {function!r}"
            )
        if name in function_names():
            raise OptionError(f"formulas have a function {name!r} already; choose another name")
    return dict(functions)
