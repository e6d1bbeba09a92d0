"""What options may be, checked once at the door of every public function.

The annotations of a function say what it takes; `checked` reads them, so that a signature is the
only place where an option is described. A range stands in the annotation, as in
``level: Level`` or ``Annotated[int, Range(2, 50)]``.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import math
import numbers
import os
import reprlib
import sys
import types
import typing
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union

import numpy as np
import pandas as pd

from nqp_spatial.core.near_names import ARGUMENTS, near, same_choice
from nqp_spatial.core.provenance import Call, remember
from nqp_spatial.errors import (
    CrsError,
    GeometryError,
    NqpError,
    OptionError,
    PanelError,
    UnknownArgumentError,
    plain,
)

__all__ = [
    "Count",
    "Crs",
    "Digits",
    "Draws",
    "Edge",
    "Geometry",
    "Jobs",
    "Level",
    "MapName",
    "Nonnegative",
    "OpenShare",
    "PassedTo",
    "Permutations",
    "Positive",
    "Range",
    "Replications",
    "Rule",
    "Seed",
    "Share",
    "Size",
    "StateCount",
    "Table",
    "Width",
    "checked",
    "rules_of",
]

P = ParamSpec("P")
R = TypeVar("R")


# -- ranges of numbers -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Range:
    """The numbers that an option may be, in an annotation: ``Annotated[int, Range(2, 50)]``.

    Parameters
    ----------
    low, high : float
        Ends of the range; they belong to it unless `without` names them.
    without : {"", "low", "high", "ends"}
        Ends that do not belong to the range.
    infinite : bool
        Whether infinity may be passed.
    advice : str
        What to do about a number outside, for the message.

    Examples
    --------
    >>> Range(2, 50).words("a whole number")
    'a whole number from 2 to 50'
    >>> 1.0 in Range(0, 1, without="ends")
    False
    """

    low: float = -math.inf
    high: float = math.inf
    without: Literal["", "low", "high", "ends"] = ""
    infinite: bool = False
    advice: str = ""

    def __contains__(self, value: Any) -> bool:
        if not (self.infinite or math.isfinite(value)):
            return False
        above = value > self.low if self.without in ("low", "ends") else value >= self.low
        below = value < self.high if self.without in ("high", "ends") else value <= self.high
        return bool(above and below)

    def words(self, noun: str) -> str:
        """Return the range as words."""
        bounded = math.isfinite(self.low), math.isfinite(self.high)
        low = f"above {self.low:g}" if self.without in ("low", "ends") else f"from {self.low:g}"
        high = f"below {self.high:.10g}" if self.without in ("high", "ends") else ""
        if bounded == (True, True):
            if self.without == "ends":
                return f"{noun} between {self.low:g} and {self.high:.10g}"
            return f"{noun} {low} {high or f'to {self.high:.10g}'}"
        if bounded == (True, False):
            return f"{noun} {low}"
        if bounded == (False, True):
            return f"{noun} {high or f'up to {self.high:.10g}'}"
        return noun


@dataclass(frozen=True)
class PassedTo:
    """In the annotation of ``**options``: the checked function that they are passed to.

    Parameters
    ----------
    function : str
        Its name in the module of the annotation.
    without : tuple of str
        Its keywords that the caller sets itself.
    """

    function: str
    without: tuple[str, ...] = ()


Level = Annotated[float, Range(0, 1, "ends", advice="95 % is written 0.95")]
"""Confidence level, or level of significance."""
Share = Annotated[float, Range(0, 1)]
OpenShare = Annotated[float, Range(0, 1, "ends")]
Positive = Annotated[float, Range(0, without="low")]
Edge = Annotated[float, Range(0, infinite=True)]
"""Edge of a band of distances; the last may be infinite."""
Nonnegative = Annotated[float, Range(0)]
StateCount = Annotated[int, Range(2, 100)]
"""Number of states of a chain."""
Count = Annotated[int, Range(0)]
Size = Annotated[int, Range(1)]
Seed = Annotated[int, Range(0)] | None
"""Seed of `numpy.random.default_rng`; None takes another one each time."""
Permutations = Annotated[int, Range(0, 999_999)]
"""A million random permutations give p-values to six digits; more would only take long."""
Replications = Annotated[int, Range(0, 99_999)]
"""Replications of a bootstrap or of a test by simulation."""
Draws = Annotated[int, Range(1, 1_000_000)]
Digits = Annotated[int, Range(0, 15)]
"""Digits after the decimal point; a float has some 15."""
Width = Annotated[float, Range(0, 50, "low", advice="widths of figures are in inches")]


# -- what a parameter takes ------------------------------------------------------------------------


def _nothing(value: object) -> str:
    return ""


def _itself(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Rule:
    """What one parameter takes: words for the message, a test, and advice.

    `spelled` returns a value in the spelling of the annotation: choices are taken in any case.
    """

    wanted: str
    fits: Callable[[Any], bool]
    advice: Callable[[Any], str] = _nothing
    error: type[NqpError] = OptionError
    spelled: Callable[[Any], Any] = _itself

    def require(self, name: str, value: Any) -> Any:
        """Return the value, in the spelling of the annotation; raise unless it fits."""
        if self.fits(value):
            return value
        spelled = self.spelled(value)
        if spelled is not value and self.fits(spelled):
            return spelled
        advice = self.advice(value)
        raise self.error(
            f"{name} must be {self.wanted}, got {shown(value)}{'; ' if advice else ''}{advice}"
        )


def shown(value: object) -> str:
    """Return a value and its type, shortened, for a message.

    Examples
    --------
    >>> shown([1, "a"]), shown(None)
    ("[1, 'a'] (list)", 'None')
    """
    kind = type(value).__name__
    if value is None:
        return "None"
    if isinstance(value, str | bool | numbers.Number | np.generic):
        text = repr(plain(value))
        return f"{text if len(text) <= 80 else text[:77] + '...'} ({kind})"
    if isinstance(value, list | tuple | dict | set):
        return f"{reprlib.repr(value)} ({kind})"
    return kind


def _is_whole(value: Any) -> bool:
    return type(value) is not bool and isinstance(value, numbers.Integral)


def _is_number(value: Any) -> bool:
    return type(value) is not bool and isinstance(value, numbers.Real) and not math.isnan(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


_SIMPLE: dict[Any, Rule] = {
    str: Rule("a string", _is_text),
    bool: Rule("True or False", lambda value: isinstance(value, bool | np.bool_)),
    int: Rule("a whole number", _is_whole),
    float: Rule("a finite number", lambda value: _is_number(value) and math.isfinite(value)),
    Path: Rule("a path", lambda value: isinstance(value, os.PathLike)),
    None: Rule("None", lambda value: value is None),
    type(None): Rule("None", lambda value: value is None),
    Hashable: Rule("a single value", _is_hashable),
    object: Rule("anything", lambda value: True),
    Any: Rule("anything", lambda value: True),
    pd.Series: Rule("a pandas Series", lambda value: isinstance(value, pd.Series)),
    pd.DataFrame: Rule("a pandas DataFrame", lambda value: isinstance(value, pd.DataFrame)),
    pd.Index: Rule("a pandas Index", lambda value: isinstance(value, pd.Index)),
    np.ndarray: Rule("a numpy array", lambda value: isinstance(value, np.ndarray)),
}

Jobs = Annotated[
    int,
    Rule(
        "a whole number, 1 or more, or -1 for all cores",
        lambda value: _is_whole(value) and value != 0 and abs(value) <= 1024,
    ),
]
"""Number of processes, as joblib counts them: -2 leaves one core."""


def _is_crs(value: object) -> bool:
    """Whether it is "auto", None, or what pyproj reads as a coordinate reference system."""
    import pyproj

    if value is None or (isinstance(value, str) and value == "auto"):
        return True
    try:
        pyproj.CRS.from_user_input(value)
    except Exception:  # of any class, by what the value is
        return False
    return True


Crs = Annotated[
    Any,
    Rule(
        "'auto', None or a coordinate reference system",
        _is_crs,
        lambda value: 'such as "EPSG:4490", or anything that pyproj.CRS takes',
        CrsError,
    ),
]
"""Coordinate reference system of a map."""

Table = Annotated[
    pd.DataFrame,
    Rule(
        "a pandas DataFrame",
        lambda value: isinstance(value, pd.DataFrame),
        lambda value: "read files with nqp_spatial.read_panel",
        PanelError,
    ),
]
"""Long data of a panel."""
Geometry = Annotated[
    Any,
    Rule(
        "a GeoDataFrame or GeoSeries",
        lambda value: (
            _is_named(value, "GeoDataFrame", "geopandas")
            or _is_named(value, "GeoSeries", "geopandas")
        ),
        lambda value: "read it with geopandas.read_file, or pass the path to read_panel",
        GeometryError,
    ),
]
"""Units' geometries, of a class that is imported for annotations only."""
MapName = Annotated[
    Any,
    Rule("the name of a map of the package", lambda value: isinstance(value, str)),
]
"""A map of `nqp_spatial.core.shipped_maps`; the function names the maps for unknown ones."""


# Classes of others that are imported for annotations only, and what holds them.
_OUTSIDE = {
    "Axes": "matplotlib",
    "Figure": "matplotlib",
    "SubFigure": "matplotlib",
    "GeoDataFrame": "geopandas",
    "Graph": "libpysal",
    "W": "libpysal",
}
_MODULES = {"gpd": "geopandas"}

# What makes an object of each class; a class is found by its name, so that nothing is imported.
_MADE_BY = {
    "BarrierResult": "spillovers.barrier",
    "BetaResult": "convergence.beta",
    "CentrePath": "structure.centre_path",
    "ChainsResult": "dynamics.markov_by_group",
    "ClubsResult": "convergence.clubs",
    "CompositeIndex": "composite.index",
    "DagumResult": "inequality.dagum",
    "DensityResult": "dynamics.density",
    "DiagnosticsResult": "diagnostics",
    "DistanceDecay": "spillovers.distance_decay",
    "EffectsMatrix": "PartitionedResult.effects_matrix",
    "EffectsResult": "RegressionResult.effects",
    "ForecastResult": "dynamics.forecast",
    "GeodetectorResult": "structure.geodetector",
    "GroupComparison": "compare_groups",
    "GetisOrdResult": "esda.getis_ord",
    "GwrResult": "gwr",
    "HypothesisTest": "",
    "KernelResult": "dynamics.stochastic_kernel",
    "JoinCountsResult": "esda.join_counts",
    "LisaPathsResult": "esda.lisa_paths",
    "LisaResult": "esda.lisa",
    "LocalGearyResult": "esda.local_geary",
    "LogTResult": "convergence.log_t",
    "MarkovResult": "dynamics.markov",
    "ModalityResult": "dynamics.modality",
    "MrqapResult": "structure.mrqap",
    "NetworkResult": "structure.network",
    "NotApplicable": "",
    "PanelThresholdResult": "panel_threshold",
    "QapCorrelationResult": "structure.qap_correlation",
    "QapResult": "structure.qap",
    "PolicyResult": "spillovers.policy",
    "ReachResult": "spillovers.reach",
    "RegressionResult": "fit",
    "ModelGrid": "regression.model_grid",
    "RobustnessResult": "robustness",
    "SigmaResult": "convergence.sigma",
    "SpatialChainsResult": "dynamics.spatial_markov_by_group",
    "SpatialMarkovResult": "dynamics.spatial_markov",
    "SpatialPanel": "",
    "SpatialWeights": "",
    "TheilResult": "inequality.theil",
    "ThresholdResult": "spillovers.threshold",
}


class _Absent:
    """Stands in for a class that is imported for annotations only; recognised by its name."""


class _Names(dict[str, Any]):
    """Names of a module; those that it imports for annotations only get a stand-in."""

    def __missing__(self, name: str) -> Any:
        if name in _MODULES:
            return _Module()
        if name in _OUTSIDE or name in _MADE_BY:
            return type(name, (_Absent,), {})
        raise KeyError(name)


class _Module:
    def __getattr__(self, name: str) -> type:
        return type(name, (_Absent,), {})


def _resolved(annotation: Any, module: str) -> Any:
    """Return an annotation that is text as the object it names in a module."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if not isinstance(annotation, str):
        return annotation
    names = _Names({**vars(builtins), **vars(sys.modules[module])})
    # The text is an annotation in this package's own source, never a caller's.
    return eval(annotation, {}, names)


def _stand_in(annotation: Any) -> Any:
    """Return what stands in for a class that an alias names as text, as in `WeightsLike`."""
    if isinstance(annotation, typing.ForwardRef):
        return _Names()[annotation.__forward_arg__]
    return annotation


def rule_of(annotation: Any) -> Rule:
    """Return the rule that an annotation states.

    Raises
    ------
    NotImplementedError
        If there is no rule for it: one has to be written here.

    Examples
    --------
    >>> rule_of(Literal["row", "none"] | None).wanted
    "one of 'row', 'none', or None"
    >>> rule_of(Level).wanted
    'a number between 0 and 1'
    """
    if isinstance(annotation, Hashable) and annotation in _SIMPLE:
        return _SIMPLE[annotation]
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _annotated(args[0], args[1:])
    if origin in (Union, types.UnionType):
        args = tuple(_stand_in(arg) for arg in args)
        return _union([rule_of(arg) for arg in args], args)
    if origin is Literal:
        return _choice(args)
    if origin is tuple and Ellipsis not in args:
        return _tuple([rule_of(arg) for arg in args])
    if origin in (Sequence, list, tuple, Iterable, Collection):
        return _sequence(rule_of(args[0]), ordered=origin in (Sequence, list, tuple))
    if origin in (Mapping, dict):
        return _mapping(rule_of(args[0]), rule_of(args[1]))
    if origin is Callable or annotation is Callable:
        return Rule("a function", callable)
    if origin is np.ndarray:
        return _SIMPLE[np.ndarray]
    if isinstance(annotation, type):
        return _instance(annotation)
    raise NotImplementedError(f"no rule for the annotation {annotation!r}")


def _annotated(inner: Any, marks: tuple[Any, ...]) -> Rule:
    rule = rule_of(inner)
    for mark in marks:
        if isinstance(mark, Range):
            rule = _ranged(mark, is_whole=inner is int)
        elif isinstance(mark, Rule):
            rule = mark
    return rule


def _ranged(domain: Range, *, is_whole: bool) -> Rule:
    is_kind = _is_whole if is_whole else _is_number

    def advice(value: object) -> str:
        return domain.advice if _is_number(value) and not is_kind_and_inside(value) else ""

    def is_kind_and_inside(value: Any) -> bool:
        return is_kind(value) and value in domain

    return Rule(
        domain.words("a whole number" if is_whole else "a number"), is_kind_and_inside, advice
    )


def _choice(choices: tuple[Any, ...]) -> Rule:
    known = [choice for choice in choices if choice is not None]
    names = [str(choice) for choice in known]

    def fits(value: object) -> bool:
        return (value is None and None in choices) or any(
            isinstance(value, type(choice)) and bool(value == choice) for choice in known
        )

    def advice(value: object) -> str:
        return near(value, names)

    def spelled(value: object) -> object:
        same = same_choice(value, names) if isinstance(value, str) else None
        return value if same is None else known[names.index(same)]

    wanted = ", ".join(map(repr, known))
    wanted = f"one of {wanted}" if len(known) > 1 else wanted
    wanted = f"{wanted}, or None" if None in choices else wanted
    return Rule(wanted, fits, advice, spelled=spelled)


def _union(rules: list[Rule], args: tuple[Any, ...]) -> Rule:
    names = [getattr(arg, "__name__", "") for arg in args]
    if {"SpatialWeights", "Graph", "W"} <= set(names):
        rules = [
            rule for rule, name in zip(rules, names, strict=True) if name not in ("Graph", "W")
        ]
    wanted = [rule.wanted for rule in rules]
    ending = " or " if len(wanted) == 2 and "," not in "".join(wanted) else ", or "
    words = ", ".join(wanted[:-1]) + ending + wanted[-1] if len(wanted) > 1 else wanted[0]

    def fits(value: object) -> bool:
        return any(rule.fits(value) for rule in rules)

    def advice(value: object) -> str:
        return next((text for rule in rules if (text := rule.advice(value))), "")

    def spelled(value: Any) -> Any:
        for rule in rules:
            other = rule.spelled(value)
            if other is not value and rule.fits(other):
                return other
        return value

    special = [rule.error for rule in rules if rule.error is not OptionError]
    return Rule(words, fits, advice, special[0] if special else OptionError, spelled)


def _is_list(value: object, *, ordered: bool) -> bool:
    if isinstance(value, str | bytes | pd.DataFrame):
        return False
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    if not ordered:
        return isinstance(value, Iterable)
    if isinstance(value, Mapping):
        return False
    # A set has no order, and a generator can be read only once.
    return (isinstance(value, Collection) and not isinstance(value, Set)) or isinstance(
        value, type({}.keys())
    )


def _sequence(inner: Rule, *, ordered: bool) -> Rule:
    def elements(value: Any) -> Iterable[Any]:
        return value if isinstance(value, Collection) else ()

    def fits(value: object) -> bool:
        return _is_list(value, ordered=ordered) and all(map(inner.fits, elements(value)))

    def advice(value: object) -> str:
        if not _is_list(value, ordered=ordered):
            alone = inner.fits(value) and isinstance(value, str | numbers.Number)
            return f"a list of one is written [{value!r}]" if alone else ""
        places = enumerate(elements(value))
        wrong = next(
            ((at, item) for at, item in places if not inner.fits(inner.spelled(item))), None
        )
        if wrong is None:
            return ""
        hint = inner.advice(wrong[1])
        return f"element {wrong[0]} is {shown(wrong[1])}{': ' if hint else ''}{hint}"

    def spelled(value: Any) -> Any:
        if not _is_list(value, ordered=ordered) or not isinstance(value, Collection):
            return value
        return [item if inner.fits(item) else inner.spelled(item) for item in value]

    each = "" if inner.wanted == "anything" else f" (each element {inner.wanted})"
    return Rule(f"a list{each}", fits, advice, spelled=spelled)


def _tuple(inner: list[Rule]) -> Rule:
    def fits(value: Any) -> bool:
        return (
            _is_list(value, ordered=True)
            and len(value) == len(inner)
            and all(rule.fits(item) for rule, item in zip(inner, value, strict=True))
        )

    def spelled(value: Any) -> Any:
        if not _is_list(value, ordered=True) or len(value) != len(inner):
            return value
        return tuple(
            item if rule.fits(item) else rule.spelled(item)
            for rule, item in zip(inner, value, strict=True)
        )

    kinds = list(dict.fromkeys(rule.wanted for rule in inner))
    each = f"each {kinds[0]}" if len(kinds) == 1 else "; ".join(rule.wanted for rule in inner)
    wanted = f"{len(inner)} values ({each})"
    return Rule(wanted, fits, spelled=spelled)


def _mapping(key: Rule, item: Rule) -> Rule:
    def wrong(value: Mapping[Any, Any]) -> Iterable[str]:
        for name, held in value.items():
            if not key.fits(name):
                yield f"the key {shown(name)} is not {key.wanted}"
            elif not item.fits(held):
                yield f"{plain(name)!r} has {shown(held)}: {item.advice(held) or item.wanted}"

    def fits(value: Any) -> bool:
        return isinstance(value, Mapping) and next(iter(wrong(value)), None) is None

    def advice(value: Any) -> str:
        if isinstance(value, pd.Series):
            return "pass series.to_dict()"
        return next(iter(wrong(value)), "") if isinstance(value, Mapping) else ""

    def spelled(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {
            name: held if item.fits(held) else item.spelled(held) for name, held in value.items()
        }

    held = "" if item.wanted == "anything" else f" (each value {item.wanted})"
    return Rule(f"a mapping such as a dict{held}", fits, advice, spelled=spelled)


def _instance(kind: type) -> Rule:
    name = kind.__name__
    if not issubclass(kind, _Absent):

        def fits(value: object) -> bool:
            return isinstance(value, kind)
    else:
        home = _OUTSIDE.get(name, "nqp_spatial")

        def fits(value: object) -> bool:
            return _is_named(value, name, home)

    if name == "SpatialPanel":
        return Rule("a SpatialPanel", fits, _panel_advice, PanelError)
    if name == "SpatialWeights":
        return _weights_rule(fits)
    if name in _OUTSIDE:
        article = "matplotlib Axes" if name == "Axes" else f"a {_OUTSIDE[name]} {name}"
        return Rule(article, fits)
    maker = _MADE_BY.get(name, "")
    wanted = f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
    if not maker:
        return Rule(wanted, fits)
    maker = maker if maker[0].isupper() else f"nqp_spatial.{maker}"
    return Rule(f"{wanted}, as {maker} returns", fits)


def _is_named(value: object, name: str, home: str) -> bool:
    """Whether a value is of a class of that name in a package, or of a class derived from it."""
    return any(
        c.__name__ == name and c.__module__.partition(".")[0] == home for c in type(value).__mro__
    )


def _weights_rule(is_own: Callable[[Any], bool]) -> Rule:
    others = [_instance(type(name, (_Absent,), {})).fits for name in ("Graph", "W")]
    return Rule(
        "SpatialWeights, libpysal.graph.Graph or libpysal.weights.W",
        lambda value: is_own(value) or any(fits(value) for fits in others),
        lambda value: "see nqp_spatial.weights.from_edges and from_dense",
    )


def _panel_advice(value: object) -> str:
    if _is_named(value, "GeoDataFrame", "geopandas"):
        return "make one with SpatialPanel(gdf, unit=..., period=...), which takes its geometry"
    if isinstance(value, pd.DataFrame):
        return "make one with SpatialPanel(frame, unit=..., period=...)"
    return "was it meant for another argument?"


# -- the door --------------------------------------------------------------------------------------


class _Door:
    """The rules of a function's parameters, each made when it is first needed."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.module = function.__module__
        parameters = inspect.signature(function).parameters.values()
        self.annotations = {p.name: p.annotation for p in parameters}
        self.positional = [
            p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        self.more = next((p.name for p in parameters if p.kind is p.VAR_KEYWORD), None)
        self.takes_any_count = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.title = function.__qualname__.removesuffix(".__init__")
        self.rules: dict[str, Rule] = {}
        self.known: dict[str, Rule] | None = None

    def rule(self, name: str) -> Rule | None:
        """Return the rule of a parameter; None for `self`, which has no annotation."""
        if name not in self.rules:
            annotation = self.annotations[name]
            if annotation is inspect.Parameter.empty:
                return None
            self.rules[name] = rule_of(_resolved(annotation, self.module))
        return self.rules[name]

    def check(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments as the function takes them, or raise what is wrong with one."""
        if len(args) > len(self.positional) and not self.takes_any_count:
            raise self.too_many(len(args))
        names = [*self.positional, *[""] * len(args)]
        checked_args = tuple(map(self.required, names, args))
        return checked_args, {name: self.required(name, held) for name, held in kwargs.items()}

    def required(self, name: str, value: Any) -> Any:
        """Return one argument in the spelling of its annotation, or raise its error."""
        if name == "":
            return value
        if name in self.annotations and name != self.more:
            rule = self.rule(name)
            return value if rule is None else rule.require(name, value)
        known = self.keywords() if self.more is not None else {}
        if known is None:
            return value
        if name not in known:
            raise self.unknown(name)
        return known[name].require(name, value)

    def unknown(self, name: str) -> UnknownArgumentError:
        """Return the error about an argument that the function does not have."""
        known = [*self.named(), *(self.keywords() or {})]
        hint = near(name, known, ARGUMENTS)
        return UnknownArgumentError(
            f"{self.title} has no option {name!r}; {hint + ' ' if hint else ''}"
            f"known are {', '.join(known)}"
            if known
            else f"{self.title} has no options, got {name!r}"
        )

    def too_many(self, count: int) -> UnknownArgumentError:
        """Return the error about arguments passed by place that have to be named."""
        named = [name for name in self.positional if name != "self"]
        options = [name for name in self.named() if name not in self.positional]
        by_name = f"; pass the others by name, as in {options[0]}=" if options else ""
        return UnknownArgumentError(
            f"{self.title} takes {', '.join(named) or 'nothing'} by position, got "
            f"{count - len(self.positional)} more{by_name}"
        )

    def named(self) -> list[str]:
        return [name for name in self.annotations if name not in ("self", self.more)]

    def keywords(self) -> dict[str, Rule] | None:
        """Return the rules of keywords taken by ``**``, None where any name is taken."""
        if self.known is None and self.more is not None:
            annotation = _resolved(self.annotations[self.more], self.module)
            if typing.get_origin(annotation) is typing.Unpack:
                options = typing.get_args(annotation)[0]
                self.known = {
                    name: rule_of(_resolved(held, options.__module__))
                    for name, held in options.__annotations__.items()
                }
            elif typing.get_origin(annotation) is Annotated:
                self.known = self.passed_on(typing.get_args(annotation)[1])
        return self.known

    def passed_on(self, to: PassedTo) -> dict[str, Rule]:
        """Return the rules of what another function takes by keyword only."""
        other: _Door = getattr(sys.modules[self.module], to.function).__door__
        named = [name for name in other.named() if name not in other.positional]
        rules = {name: rule for name in named if (rule := other.rule(name))}
        rules |= other.keywords() or {}
        return {name: rule for name, rule in rules.items() if name not in to.without}


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check what is passed to a public function against its annotations, before it runs.

    Choices of a Literal are taken in any case, with or without their hyphens. An argument that
    the function does not have is refused with the one that was probably meant.

    Parameters
    ----------
    function : callable
        With a full signature; defaults are not checked.

    Returns
    -------
    callable
        The same function; its signature and docstring are unchanged.

    Raises
    ------
    OptionError, PanelError
        When called with a value that an annotation does not admit.
    UnknownArgumentError
        When called with an argument that the function does not have.

    Examples
    --------
    >>> @checked
    ... def double(x: float, *, level: Level = 0.95) -> float:
    ...     return 2 * x
    >>> double(3)
    6
    >>> double(3, level=95)
    Traceback (most recent call last):
    ...
    nqp_spatial.errors.OptionError: level must be a number between 0 and 1, got 95 (int); ...
    """
    door = _Door(function)

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        by_place, by_name = door.check(args, kwargs)
        result = function(*by_place, **by_name)
        remember(result, Call(function, by_place, by_name))
        return result

    guarded.__door__ = door  # type: ignore[attr-defined]
    return guarded


def rules_of(function: Callable[..., Any]) -> dict[str, Rule]:
    """Return the rule of every parameter of a checked function.

    Examples
    --------
    >>> from nqp_spatial.dynamics import markov
    >>> rules_of(markov)["relative"].wanted
    'True or False'
    """
    door: _Door = function.__door__  # type: ignore[attr-defined]
    rules = {name: rule for name in door.named() if (rule := door.rule(name))}
    return rules | (door.keywords() or {})
