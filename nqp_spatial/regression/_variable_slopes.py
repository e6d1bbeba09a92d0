"""How the columns of a formula change with its variables: derivatives, and contrasts of levels.

Derivatives are exact for sums, products, powers and the numeric functions: a variable gets an
imaginary part h so small that its square vanishes, and the imaginary part of a column is h times
its derivative (Squire and Trapp 1998, SIAM Review 40, 110-112). Polynomials, splines and the
caller's own functions, which take real numbers, are differentiated by five-point differences
inside the range of the data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.numbers import is_number_column
from nqp_spatial.errors import NqpError
from nqp_spatial.regression._evaluation import FormulaSide, model_matrix

__all__ = [
    "NotPointwiseError",
    "Variable",
    "contrasts",
    "derivatives",
    "enters_in_steps",
    "variables_of",
]

_REAL_ONLY = {"poly", "bs", "cs", "cc", "cr"}
_STEP, _STEEP = 1e-30, 1e6


class NotPointwiseError(NqpError):
    """A function's value for one observation depends on other observations."""


@dataclass(frozen=True, eq=False)
class Variable:
    """A variable of the right side of a formula, with the terms that it enters.

    Attributes
    ----------
    name : str
    kind : {"number", "category", "term"}
        ``term`` is a variable without a derivative: used both as number and as category, or in
        steps (``//``, ``%``, ``I(x > 0)``).
    terms : tuple of formulaic.Term
    columns : tuple of int
        Positions of the columns of these terms in the design.
    moderators : frozenset of str
        Variables on whose values its derivative depends; the variable itself if it is transformed.
    levels : tuple
        Of a category, the first of them the base.
    """

    name: str
    kind: Literal["number", "category", "term"]
    terms: tuple[Any, ...]
    columns: tuple[int, ...]
    moderators: frozenset[str]
    levels: tuple[Any, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether it enters in one term of its own with one column, or as a category of its own."""
        alone = len(self.terms) == 1 and len(self.terms[0].factors) == 1
        only = self.moderators <= {self.name}
        return alone and only and (self.kind == "category" or len(self.columns) == 1)

    @property
    def is_transformed(self) -> bool:
        """Whether its only term is a function of it."""
        return self.kind != "category" and self.name in self.moderators


def variables_of(side: FormulaSide) -> dict[str, Variable]:
    """Return the variables of a side of a formula, in the order of its terms."""
    uses: dict[str, list[tuple[Any, Any]]] = {}
    for term in side.spec.terms:
        for factor in term.factors:
            for name in sorted(side.read.columns_in(factor), key=side.read.columns.index):
                uses.setdefault(name, []).append((term, factor))
    variables = {}
    for name, pairs in uses.items():
        terms = tuple(dict.fromkeys(term for term, _ in pairs))
        others = {
            other
            for term in terms
            for factor in term.factors
            for other in side.read.columns_in(factor)
        } - {name}
        kind, levels = _kind_of(side, name, [factor for _, factor in pairs])
        transformed = kind != "category" and any(
            factor.eval_method.value != "lookup" for _, factor in pairs
        )
        columns = tuple(position for term in terms for position in side.spec.term_indices[term])
        moderators = frozenset(others | ({name} if transformed else set()))
        variables[name] = Variable(name, kind, terms, columns, moderators, levels)
    return variables


def _kind_of(
    side: FormulaSide, name: str, factors: list[Any]
) -> tuple[Literal["number", "category", "term"], tuple[Any, ...]]:
    """Return how a variable is used, and its levels if it is a category."""
    states = [side.spec.encoder_state.get(str(factor.expr)) for factor in factors]
    as_category = [state is not None and state[0].value == "categorical" for state in states]
    if all(as_category):
        return _category(name, factors, states)
    steps = any("//" in _code(factor) or "%" in _code(factor) for factor in factors)
    if any(as_category) or steps or not is_number_column(side.data[name]):
        return "term", ()
    return "number", ()


def _category(
    name: str, factors: list[Any], states: list[Any]
) -> tuple[Literal["category", "term"], tuple[Any, ...]]:
    call = re.compile(rf"C\(\s*`?{re.escape(name)}`?\s*[,)]")
    of_column = all(
        factor.eval_method.value == "lookup" or call.match(str(factor.expr)) for factor in factors
    )
    levels = states[0][1].get("categories")
    if not of_column or levels is None or len(levels) < 2:
        return "term", ()
    base = getattr(getattr(states[0][1].get("contrasts"), "contrasts", None), "base", None)
    first = base if any(base is level or base == level for level in levels) else levels[0]
    return "category", (first, *(level for level in levels if level != first))


def _code(factor: Any) -> str:
    """Return the text of a factor without quoted names."""
    if factor.eval_method.value == "lookup":
        return ""
    return re.sub(r"`[^`]*`", "", str(factor.expr))


def derivatives(side: FormulaSide, variable: Variable, data: pd.DataFrame) -> np.ndarray:
    """Return derivatives of the columns of a variable's terms, shape (rows, columns).

    Parameters
    ----------
    side : FormulaSide
    variable : Variable
        A number.
    data : DataFrame
        Values of all variables, one row per observation.

    Raises
    ------
    NotPointwiseError
        If a function of the caller's uses more than the observation itself.
    """
    slopes = np.zeros((len(data), len(variable.columns)))
    position = {column: place for place, column in enumerate(variable.columns)}
    for real_only in (False, True):
        terms = [term for term in variable.terms if _takes_real(side, term) == real_only]
        if not terms:
            continue
        method = _by_differences if real_only else _by_imaginary_part
        places = [position[column] for term in terms for column in side.spec.term_indices[term]]
        slopes[:, places] = method(side, terms, variable.name, data)
    return slopes


def enters_in_steps(side: FormulaSide, variable: Variable) -> bool:
    """Whether a variable has terms that change in jumps only, such as ``I(x > 0)``."""
    code = " ".join(_code(factor) for term in variable.terms for factor in term.factors)
    if not re.search(r"[<>]|[=!]=|\bsign\(", code):
        return False
    slopes = derivatives(side, variable, side.data)
    position = {column: place for place, column in enumerate(variable.columns)}
    return any(
        not slopes[:, [position[column] for column in side.spec.term_indices[term]]].any()
        for term in variable.terms
    )


def contrasts(side: FormulaSide, variable: Variable, level: Any, data: pd.DataFrame) -> np.ndarray:
    """Return the columns of a category's terms at a level minus those at its base."""
    values = [
        _columns(side, list(variable.terms), _with(data, variable.name, value))
        for value in (level, variable.levels[0])
    ]
    return np.asarray(values[0] - values[1])


def _with(data: pd.DataFrame, name: str, value: Any) -> pd.DataFrame:
    """Return the data with one value of a variable in all rows."""
    changed = data.copy()
    changed[name] = pd.Series([value] * len(data), index=data.index, dtype=data[name].dtype)
    return changed


def _takes_real(side: FormulaSide, term: Any) -> bool:
    """Whether a term has functions that do not take complex numbers, or are not ours."""
    called = {
        name for factor in term.factors for name in re.findall(r"([^\W\d]\w*)\s*\(", _code(factor))
    }
    return bool(called & (_REAL_ONLY | set(side.read.functions)))


def _columns(
    side: FormulaSide,
    terms: list[Any],
    data: pd.DataFrame,
    context: Mapping[str, Any] | None = None,
) -> np.ndarray:
    """Return the columns of some terms, shape (rows, columns)."""
    part = side.spec.subset(terms, ordering="none")
    return np.asarray(pd.DataFrame(model_matrix(part, data, side.read, context)).to_numpy())


def _by_imaginary_part(
    side: FormulaSide, terms: list[Any], name: str, data: pd.DataFrame
) -> np.ndarray:
    values = data[name].to_numpy(dtype=float)
    size = np.sqrt(np.mean(values**2)) or 1.0
    slopes, columns = _imaginary_part(side, terms, name, data, _STEP * size)
    # Where there is no derivative, as of a root at zero or a logarithm below it, the ratio to the
    # step depends on the step, and is far larger than the columns.
    if not (np.abs(slopes) * size > _STEEP * np.abs(columns).max(axis=0)).any():
        return slopes
    again, _ = _imaginary_part(side, terms, name, data, 1e-4 * _STEP * size)
    return np.where(np.abs(again - slopes) > 1e-3 * np.abs(again), np.inf, slopes)


def _imaginary_part(
    side: FormulaSide, terms: list[Any], name: str, data: pd.DataFrame, step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives and the values of columns by an imaginary part of a given size."""
    changed = data.copy()
    changed[name] = data[name].to_numpy(dtype=float) + 1j * step
    numeric = _COMPLEX
    context = {**side.read.context, **numeric}
    context["np"] = SimpleNamespace(**{**vars(side.read.context["np"]), **numeric})
    columns = _columns(side, terms, changed, context)
    return np.imag(columns).astype(float) / step, np.real(columns).astype(float)


def _by_differences(
    side: FormulaSide, terms: list[Any], name: str, data: pd.DataFrame
) -> np.ndarray:
    """Return derivatives by five points, which stay inside the range of the variable."""
    x = data[name].to_numpy(dtype=float)
    sample = side.data[name].to_numpy(dtype=float)
    low, high = min(sample.min(), x.min()), max(sample.max(), x.max())
    width = (high - low) or abs(high) or 1.0
    # Small near zero, where functions such as logarithms bend most.
    step = np.clip(1e-2 * np.abs(x), 1e-6 * width, 1e-4 * width)
    start = np.clip(np.ceil((low - x) / step), -2, 0)
    start = np.where(x + (start + 4) * step > high, np.floor((high - x) / step) - 4, start)
    start = np.clip(start, -4, 0).astype(int)
    total: Any = 0.0
    for point in range(5):
        moved = data.copy()
        # Rounding must not carry a point over the end of a spline.
        moved[name] = np.clip(x + (start + point) * step, low, high)
        weight = _STENCILS[-start, point] / step
        total = total + weight[:, None] * _columns(side, terms, moved)
    _require_pointwise(side, terms, name, data, step)
    return np.asarray(total, dtype=float)


def _require_pointwise(
    side: FormulaSide, terms: list[Any], name: str, data: pd.DataFrame, step: np.ndarray
) -> None:
    """Raise where the columns of one half of the rows change with the other half."""
    own = set(side.read.functions)
    if not own or len(data) < 2:
        return
    moved = data.copy()
    half = np.arange(len(data)) % 2 == 0
    x = data[name].to_numpy(dtype=float)
    moved[name] = np.where(half, side.data[name].max(), x)
    before, after = _columns(side, terms, data), _columns(side, terms, moved)
    size = np.abs(before).max(axis=0)
    if (np.abs(after - before)[~half] > 1e-12 * size).any():
        raise NotPointwiseError(f"a function of {name} uses more than one observation")


def _stencils() -> np.ndarray:
    """Return weights of the first derivative at points -s, ..., 4 - s, for s = 0, ..., 4."""
    weights = []
    for start in range(5):
        points = np.arange(5.0) - start
        powers = np.vander(points, increasing=True).T
        weights.append(np.linalg.solve(powers, np.eye(5)[1]))
    return np.array(weights)


_STENCILS = _stencils()


# Functions that compare their arguments, for numbers with an imaginary part: the real part decides.


def _absolute(x: Any) -> Any:
    return x * np.sign(np.real(x))


def _sign(x: Any) -> Any:
    return np.sign(np.real(x))


def _minimum(a: Any, b: Any) -> Any:
    return a + (b - a) * (np.real(b) < np.real(a))


def _maximum(a: Any, b: Any) -> Any:
    return a + (b - a) * (np.real(b) > np.real(a))


def _clip(x: Any, low: Any, high: Any = None) -> Any:
    bounded = x if low is None else _maximum(x, low)
    return bounded if high is None else _minimum(bounded, high)


_COMPLEX: dict[str, Callable[..., Any]] = {
    "abs": _absolute, "sign": _sign, "minimum": _minimum, "maximum": _maximum, "clip": _clip,
}  # fmt: skip
