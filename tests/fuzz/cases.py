"""Hostile calls of a target, and what may come of them."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

import nqp_spatial as nq
from nqp_spatial.errors import NqpError
from tests.fuzz.targets import TARGETS, Arguments, Target
from tests.fuzz.world import FRAMES, PANELS, SERIES, WEIGHTS, World

# Values that no option, or not every option, can be; "size" only where a number is taken.
VALUES: dict[str, Callable[[], Any]] = {
    "text": lambda: "abc",
    "empty text": lambda: "",
    "bytes": lambda: b"abc",
    "None": lambda: None,
    "True": lambda: True,
    "zero": lambda: 0,
    "minus one": lambda: -1,
    "a fraction": lambda: 1.5,
    "a percentage": lambda: 95,
    "size": lambda: 10**6,
    "number as text": lambda: "3",
    "NaN": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "complex": lambda: 1j,
    "pd.NA": lambda: pd.NA,
    "NaT": lambda: pd.NaT,
    "date": lambda: pd.Timestamp("2020-01-01"),
    "empty list": lambda: [],
    "list of text": lambda: ["abc"],
    "list of numbers": lambda: [1, 2],
    "list with NaN": lambda: [float("nan")],
    "list with None": lambda: [None],
    "dict": lambda: {"abc": 1},
    "dict of numbers": lambda: {1: 2},
    "set": lambda: {"abc"},
    "tuple": lambda: (3, 1),
    "array": lambda: np.array([1.0, np.nan]),
    "matrix": lambda: np.ones((2, 2)),
    "series": lambda: pd.Series([1.0, np.nan]),
    "frame": lambda: pd.DataFrame({"a": [1.0]}),
    "function": lambda: len,
    "object": lambda: object(),
    "numpy number": lambda: np.float64(0.5),
    "numpy whole number": lambda: np.int64(2),
}

# What must be refused although its type is right, by the name of the parameter.
WRONG = {
    "level": ["zero", "minus one", "a percentage", "True"],
    "alpha": ["minus one", "a percentage"],
    "seed": ["minus one", "a fraction", "text", "True"],
    "n_jobs": ["zero", "a fraction", "text"],
    "permutations": ["minus one", "a fraction", "size"],
    "replications": ["minus one", "a fraction", "size"],
    "width": ["zero", "minus one", "size", "True"],
    "digits": ["minus one", "a fraction", "size"],
    "step": ["minus one", "a fraction", "size"],
    "states": ["zero", "minus one", "size"],
    "lag_states": ["zero", "minus one", "size"],
    "classes": ["zero", "minus one", "size"],
    "levels": ["zero", "minus one", "size"],
    "columns": ["zero", "minus one", "size"],
    "most": ["zero", "minus one", "size"],
    "draws": ["zero", "minus one"],
    "lang": ["text", "empty text"],
    "k": ["zero", "minus one", "size"],
    "cutoff_km": ["zero", "minus one"],
}
# Options that the base call does not come to use.
UNUSED = {("convergence.beta", "step")}
# A million processes, if it were admitted, would take the machine down.
NEVER = {("n_jobs", "size"), ("n_jobs", "a percentage")}


# What a message on data names: the table or map, its columns, its rows.
NAMES = (
    *("panel", "frame", "column", "row", "unit", "period", "city", "year", "group"),
    *("x1", "x2", "region", "province", "core"),
    *("weights", "link", "neighbour", "island", "geometr", "observations"),
    *("the model", "the data", "settings", "encoding"),
)


@dataclass(frozen=True)
class Case:
    """One call: the base call of a target with one argument replaced."""

    target: Target
    parameter: str
    label: str
    expect: str  # "refuse", "same" or "any"
    value: Callable[[World], Any]

    @property
    def order(self) -> str:
        """A number that depends on the case alone, by which the gate's sample is taken."""
        text = f"{self.target.name}|{self.parameter}|{self.label}"
        return hashlib.sha256(text.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.target.name}({self.parameter}: {self.label})"


@dataclass(frozen=True)
class Outcome:
    """What came of a call: one of `KINDS`, and the text of the exception or the place of a NaN."""

    kind: str
    text: str = ""


# Gaps that the documentation states: target, place, and where it is said.
STATED = (
    ("inequality.gaps", r"\.ratio|\.change_percent|\.catch_up", "where levels are not positive"),
    ("inequality.indices", r"wolfson", "where the median is zero"),
    ("structure.border_exposure", r"", "of a unit without links"),
    ("convergence.beta", r"half_life|speed", "where units diverge or overshoot"),
    ("dynamics.stochastic_kernel", r"conditional|ergodic", "of rows where no data are near"),
    ("dynamics.rank_mobility", r"theta|tau_", "where no rank changes or all are neighbours"),
    ("convergence.clubs", r"membership|before", "of a unit in no club"),
    ("esda.lisa", r"lag|local_i|p_value", "of units without neighbours, which a note names"),
    ("spillovers.distance_decay", r"profile", "at powers for which the model has no maximum"),
    ("plots.explore", r"values|view", "of units without data, which are grey and have no point"),
    ("composite.index", r"spec", "of an option that is written down as it was passed"),
    ("datasets.match_provinces", r"adcode", "of names that match no province"),
    ("LogDet", r"", "of a rho that is NaN"),
    ("diagnostics", r"table|exponent", "of tests that do not apply, with the reason"),
    ("weights.compare", r"", "of matrices without links"),
    ("SpatialPanel", r"frame", "that the caller passed"),
    ("structure.network", r"reciprocity|hierarchy|efficiency", "without links that it is about"),
    ("structure.qap", r"p_greater|p_less|null_", "without permutations"),
    ("", r"p_value", "without permutations"),
)

KINDS = ("refused", "right", "unnamed", "foreign", "new NaN", "differs", "accepted", "hang")
FAULTS = KINDS[2:]


def cases(target: Target, world: World) -> Iterator[Case]:
    """Yield every hostile call of a target."""
    args, kwargs = _base(target, world)
    function = target.function(world)
    signature = inspect.signature(function)
    passed = signature.bind(*args, **kwargs).arguments
    has_panel = any(isinstance(value, nq.SpatialPanel) for value in passed.values())
    for name, p in signature.parameters.items():
        if p.kind is p.VAR_KEYWORD:
            if "Unpack" in str(p.annotation):
                for option in _map_options():
                    yield from _options(target, option)
            elif target.name != "SpatialPanel.assign":
                yield Case(target, "no_such_option", "unknown", "refuse", lambda w: 1)
            continue
        yield from _options(target, name)
        value = passed.get(name)
        if isinstance(value, nq.SpatialPanel):
            own = (lambda w: w.club_world) if value is world.club_panel else (lambda w: w)
            for label, (expect, make) in PANELS.items():
                yield Case(target, name, label, expect, lambda w, m=make, o=own: m(o(w)))
        elif isinstance(value, nq.weights.SpatialWeights):
            for label, (expect, make) in WEIGHTS.items():
                # Without a panel, weights are of any units.
                expect = "any" if label.startswith("of ") and not has_panel else expect
                yield Case(target, name, label, expect, make)
        elif isinstance(value, pd.DataFrame):
            for label, change in FRAMES.items():
                yield Case(target, name, label, "any", lambda w, c=change, v=value: c(v))
        elif isinstance(value, pd.Series):
            for label, change in SERIES.items():
                yield Case(target, name, label, "any", lambda w, c=change, v=value: c(v))


def _options(target: Target, name: str) -> Iterator[Case]:
    for label, make in VALUES.items():
        if (name, label) not in NEVER:
            expect = "refuse" if label in WRONG.get(name, ()) else "any"
            if (target.name, name) in UNUSED:
                expect = "any"
            yield Case(target, name, label, expect, lambda w, m=make: m())


def _map_options() -> list[str]:
    from nqp_spatial.plots.maps._basemap import MapOptions

    return list(MapOptions.__annotations__)


@cache
def _base(target: Target, world: World) -> Arguments:
    return target.base(world)


@cache
def right(target: Target, world: World) -> dict[str, np.ndarray]:
    """Return the numbers of the base call."""
    args, kwargs = _base(target, world)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(numbers(target.function(world)(*args, **kwargs)))


def judge(case: Case, world: World) -> Outcome:
    """Make a hostile call and say what came of it."""
    base = right(case.target, world)
    args, kwargs = _base(case.target, world)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = case.value(world)
            args, kwargs = _replaced(case, args, kwargs, value, world)
            result = case.target.function(world)(*args, **kwargs)
            seen = dict(numbers(result))
        except NqpError as error:
            return Outcome("refused" if _is_named(case, str(error)) else "unnamed", str(error))
        except OSError as error:
            is_path = any(
                word in case.parameter
                for word in ("path", "output", "folder", "config", "panel", "geometry")
            )
            return Outcome("refused" if is_path else "foreign", repr(error))
        except TypeError as error:
            by_python = any(t in str(error) for t in ("unexpected keyword", "required positional"))
            return Outcome("refused" if by_python else "foreign", repr(error))
        except Exception as error:
            return Outcome("foreign", f"{type(error).__name__}: {error}")
    if case.expect == "refuse":
        return Outcome("accepted", repr(result)[:100])
    gaps = [path for path, array in seen.items() if _has_new_gap(array, path, base)]
    gaps = [path for path in gaps if not _is_stated(case, path)]
    if gaps and "missing" not in " ".join(notes(result)):
        return Outcome("new NaN", ", ".join(gaps[:4]))
    if case.expect == "same" and (place := _difference(seen, base)):
        return Outcome("differs", place)
    return Outcome("right")


def _replaced(
    case: Case, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any, world: World
) -> Arguments:
    """Return the arguments of the base call with one replaced."""
    signature = inspect.signature(case.target.function(world))
    if isinstance(value, nq.SpatialPanel) and 0 < value.n_units < 25:
        # The weights of these units, for their absence from the weights is another case.
        here = [unit for unit in world.weights.units if unit in value.units]
        swap = {id(world.weights): world.weights.subset(here)} if here else {}
        args = tuple(swap.get(id(argument), argument) for argument in args)
        kwargs = {name: swap.get(id(argument), argument) for name, argument in kwargs.items()}
    for at, name in enumerate(list(signature.parameters)[: len(args)]):
        if name == case.parameter:
            return (*args[:at], value, *args[at + 1 :]), kwargs
    return args, {**kwargs, case.parameter: value}


def _is_named(case: Case, message: str) -> bool:
    """Whether a message names the argument, the value or a column."""
    words = [case.parameter, *NAMES]
    value = VALUES.get(case.label)
    if value is not None:
        words.append(repr(value())[:12])
    return any(word.lower() in message.lower() for word in words)


# -- numbers in a result ---------------------------------------------------------------------------


def numbers(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays of numbers in a result, by their place; figures are laid out."""
    if depth > 5 or value is None or isinstance(value, str | bytes):
        return
    if hasattr(value, "draw_without_rendering"):
        value.draw_without_rendering()
    elif hasattr(value, "get_figure"):
        value.get_figure().draw_without_rendering()
    elif isinstance(value, pd.DataFrame):
        for place, name in enumerate(value.columns):
            yield from numbers(value.iloc[:, place], f"{path}.{name}", depth + 1)
    elif isinstance(value, pd.Series | pd.Index):
        if pd.api.types.is_numeric_dtype(value) and not pd.api.types.is_bool_dtype(value):
            yield path, np.asarray(value.astype(complex if value.dtype.kind == "c" else float))
    elif sparse.issparse(value):
        yield path, np.asarray(value.toarray(), dtype=float)
    elif isinstance(value, np.ndarray):
        if value.dtype.kind in "fiuc":
            yield path, value
    elif isinstance(value, bool | np.bool_):
        return
    elif isinstance(value, int | float | complex | np.number):
        yield path, np.asarray(value)
    elif isinstance(value, nq.SpatialPanel):
        yield from numbers(value.frame, f"{path}.frame", depth + 1)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            if not field.name.startswith("_") and field.name not in ("again", "cache"):
                held = getattr(value, field.name, None)
                yield from numbers(held, f"{path}.{field.name}", depth + 1)
    elif isinstance(value, Mapping):
        for name, held in value.items():
            yield from numbers(held, f"{path}[{name}]", depth + 1)
    elif isinstance(value, list | tuple):
        for at, held in enumerate(value):
            yield from numbers(held, f"{path}[{at}]", depth + 1)


def _gaps(array: np.ndarray) -> int:
    return int((~np.isfinite(array)).sum())


def _has_new_gap(array: np.ndarray, path: str, base: dict[str, np.ndarray]) -> bool:
    if not _gaps(array):
        return False
    return path not in base or not _gaps(base[path])


def _is_stated(case: Case, path: str) -> bool:
    return any(
        case.target.name.startswith(name) and re.search(place, path) for name, place, _ in STATED
    )


def notes(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield what a result says about itself."""
    if depth < 4 and dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            held = getattr(value, field.name, None)
            if field.name in ("notes", "note"):
                yield from [held] if isinstance(held, str) else held or ()
            yield from notes(held, depth + 1)
    elif depth < 4 and isinstance(value, Mapping):
        for held in value.values():
            yield from notes(held, depth + 1)


def _difference(seen: dict[str, np.ndarray], base: dict[str, np.ndarray]) -> str:
    for path, array in base.items():
        if path.endswith("raw"):
            continue  # weights before they were standardised, which other classes do not keep
        other = seen.get(path)
        if other is None or other.shape != array.shape:
            return f"{path} has another shape"
        if not np.allclose(other, array, rtol=1e-8, atol=1e-10, equal_nan=True):
            return path
    return ""


# Hostile data by the word in an annotation, and how many of them a target is given in the sample.
DATA = {
    "SpatialPanel": (PANELS, 2),
    "SpatialWeights": (WEIGHTS, 2),
    "pd.DataFrame": (FRAMES, 3),
    "pd.Series": (SERIES, 4),
}


def sampled(target: Target, world: World) -> list[Case]:
    """Return some cases of a target; over all targets every label comes up."""
    every = list(cases(target, world))
    labels = [list(VALUES)[list(TARGETS).index(target.name) % len(VALUES)]]
    for word, (variants, count) in DATA.items():
        takers = _takers(word)
        if target.name in takers:
            start = count * takers.index(target.name)
            labels += [list(variants)[(start + at) % len(variants)] for at in range(count)]
    every.sort(key=lambda case: case.order)
    chosen = [next((case for case in every if case.label == label), None) for label in labels]
    return [case for case in [*chosen, *every[:1]] if case is not None]


@cache
def _takers(word: str) -> list[str]:
    """Return the functions that take data of a class, by the text of their annotations."""

    def takes(target: Target) -> bool:
        parameters = inspect.signature(target.function(None)).parameters.values()
        return any(word in str(p.annotation) and p.default is p.empty for p in parameters)

    return [name for name, target in TARGETS.items() if target.owner is None and takes(target)]
