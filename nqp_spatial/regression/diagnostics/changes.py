"""Named changes of a specification for `robustness`, to which users can add their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from nqp_spatial.core.near_names import near
from nqp_spatial.core.options import checked, rules_of
from nqp_spatial.core.text import t
from nqp_spatial.errors import OptionError
from nqp_spatial.regression.diagnostics import _formula_changes, _sample_changes
from nqp_spatial.regression.diagnostics.specification import (
    Specification,
    matched,
    weights_words,
)
from nqp_spatial.regression.fit import fit

__all__ = [
    "Change",
    "RowOfChanges",
    "change_names",
    "combinations",
    "read_changes",
    "register_change",
]

Change: TypeAlias = Callable[[Specification], Specification]
NamedChange: TypeAlias = Callable[[Specification, Any], Specification]


@dataclass(frozen=True)
class _Entry:
    """A named change, and whether it can do without a value."""

    function: NamedChange
    has_default: bool


def _other_weights(specification: Specification, value: Any) -> Specification:
    """Take other weights; where units were left out before, those among the others."""
    weights, units = matched(value), specification.panel.units
    note = t("spatial weights: {weights}", weights=weights_words(weights))
    changed = specification.replaced(note=note, weights=weights)
    matrices = weights.values() if isinstance(weights, Mapping) else [weights]
    larger = [w for w in matrices if w is not None and w.n_units > len(units)]
    if larger and all(units.isin(w.units).all() for w in larger):
        return changed.with_units(units)
    return changed


_REGISTRY: dict[str, _Entry] = {
    "weights": _Entry(_other_weights, has_default=False),
    "formula": _Entry(_formula_changes.other_formula, has_default=False),
    "outcome": _Entry(_formula_changes.other_outcome, has_default=False),
    "added controls": _Entry(_formula_changes.added, has_default=False),
    "dropped controls": _Entry(_formula_changes.dropped, has_default=False),
    "lagged regressors": _Entry(_sample_changes.lagged_regressors, has_default=True),
    "winsorised": _Entry(_sample_changes.winsorised, has_default=True),
    "without": _Entry(_sample_changes.without, has_default=False),
    "only": _Entry(_sample_changes.only, has_default=False),
    "periods": _Entry(_sample_changes.periods, has_default=False),
    "without periods": _Entry(_sample_changes.without_periods, has_default=False),
}
_BUILT_IN = frozenset(_REGISTRY)


def _options() -> list[str]:
    """Return the options of `fit`, each of which is a change of that name."""
    door = rules_of(fit)
    return [name for name in door if name not in ("formula", "panel", "weights", "seed")]


def change_names() -> list[str]:
    """Return the names of the changes that `robustness` knows.

    Examples
    --------
    >>> change_names()[:5]
    ['weights', 'formula', 'outcome', 'added controls', 'dropped controls']
    >>> "model" in change_names()
    True
    """
    return [*_REGISTRY, *_options()]


@checked
def register_change(
    name: str, *, has_default: bool = False, replace: bool = False
) -> Callable[[NamedChange], NamedChange]:
    """Make a function a named change of `robustness`; a decorator.

    Parameters
    ----------
    name : str
        What `robustness` and ``study.toml`` call it.
    has_default : bool
        Whether the function can be called without a value.
    replace : bool
        Whether it may take the place of a change that was registered before. Changes of the package
        keep their names.

    Returns
    -------
    callable
        The decorator. The function takes a `Specification` and the value of the row, and returns a
        new specification.

    Raises
    ------
    OptionError
        If the name is taken.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> @nq.regression.register_change("before", replace=True)
    ... def before(specification, period):
    ...     panel = specification.panel
    ...     early = [each for each in panel.periods if each < period]
    ...     return specification.replaced(panel=panel.select(periods=early))
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> result = nq.robustness("lgsp ~ lpc", panel, w, changes={"before": 1980})
    >>> result.changes["periods"].tolist()
    [17, 10]
    """
    if name in _BUILT_IN or name in _options():
        raise OptionError(f"{name!r} is a change of the package; choose another name")
    if name in _REGISTRY and not replace:
        raise OptionError(
            f"{name!r} is registered already; choose another name, or pass replace=True"
        )
    if not name.strip():
        raise OptionError("name must not be empty")

    def register(function: NamedChange) -> NamedChange:
        if not callable(function):
            raise OptionError("register_change decorates a function of a specification and a value")
        _REGISTRY[name] = _Entry(function, has_default)
        return function

    return register


@dataclass(frozen=True)
class RowOfChanges:
    """One row of `robustness`.

    Attributes
    ----------
    name : str
    kinds : tuple of str
        Names of the changes; two rows with a kind in common are not combined.
    steps : tuple of callable
        Functions of a specification, in order.
    options : frozenset of str
        Options of `fit` that the row sets.
    members : tuple of str
        Names of the changes that it combines; its own, if it is one.
    """

    name: str
    kinds: tuple[str, ...]
    steps: tuple[Change, ...]
    options: frozenset[str] = frozenset()
    members: tuple[str, ...] = ()

    def applied(self, baseline: Specification) -> Specification:
        """Return the specification of this row."""
        specification = baseline
        for step in self.steps:
            changed = step(specification)
            if not isinstance(changed, Specification):
                raise OptionError(
                    f"the change {self.name!r} must return a Specification, got "
                    f"{type(changed).__name__}"
                )
            specification = changed
        return specification


def read_changes(changes: Mapping[str, Any] | list[str]) -> list[RowOfChanges]:
    """Return the rows that `changes` describes.

    Raises
    ------
    OptionError
        If a change is unknown, or its value is none that it can take.
    """
    if not isinstance(changes, Mapping):
        names = list(changes)
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise OptionError(f"changes name {', '.join(map(repr, repeated))} twice")
        changes = dict.fromkeys(names, True)
    if not changes:
        raise OptionError(
            "changes must name at least one change, such as changes={'winsorised': 0.01}"
        )
    rows = [_row(str(name), value) for name, value in changes.items()]
    if any(row.name == "baseline" for row in rows):
        raise OptionError("'baseline' is the row without a change; choose another name")
    return rows


def _row(name: str, value: Any) -> RowOfChanges:
    if callable(value) and not isinstance(value, type):
        return RowOfChanges(name, (name,), (value,), members=(name,))
    if name in change_names():
        steps = {name: value}
    elif isinstance(value, str) and value in change_names():
        steps = {value: True}
    elif isinstance(value, Mapping) and value:
        steps = {str(kind): item for kind, item in value.items()}
    else:
        raise OptionError(
            f"the change {name!r} has no meaning by itself: give it as a mapping from named "
            "changes to their values, such as {'model': 'sar'}, or as a function of a "
            f"specification; {_known(name)}"
        )
    unknown = [kind for kind in steps if kind not in change_names()]
    if unknown:
        raise OptionError(f"{name!r} has an unknown change {unknown[0]!r}; {_known(unknown[0])}")
    taken = tuple(_step(kind, item) for kind, item in steps.items())
    options = frozenset(kind for kind in steps if kind not in _REGISTRY)
    return RowOfChanges(name, tuple(steps), taken, options, (name,))


def _known(name: str) -> str:
    hint = near(name, change_names())
    return f"{hint + ' ' if hint else ''}known are {', '.join(change_names())}"


def _step(kind: str, value: Any) -> Change:
    entry = _REGISTRY.get(kind)
    if entry is None:
        taken = rules_of(fit)[kind].require(kind, value)
        return lambda specification: specification.with_options(**{kind: taken})
    function = entry.function
    if value is True and entry.has_default:
        return lambda specification: function(specification, None)
    if value is True or value is None:
        raise OptionError(f"the change {kind!r} needs a value")
    return lambda specification: function(specification, value)


def combinations(rows: list[RowOfChanges]) -> Iterator[RowOfChanges]:
    """Yield every set of changes of different kinds, in the order in which they are listed.

    Yields
    ------
    RowOfChanges
        First each change alone, then pairs, and so on.
    """
    level: list[tuple[tuple[int, ...], RowOfChanges]] = [((k,), row) for k, row in enumerate(rows)]
    while level:
        for _, row in level:
            yield row
        level = [
            ((*places, k), _joined(row, other))
            for places, row in level
            for k, other in enumerate(rows)
            if k > places[-1] and not set(row.kinds) & set(other.kinds)
        ]


def _joined(first: RowOfChanges, second: RowOfChanges) -> RowOfChanges:
    return RowOfChanges(
        f"{first.name} + {second.name}",
        (*first.kinds, *second.kinds),
        (*first.steps, *second.steps),
        first.options | second.options,
        (*first.members, *second.members),
    )
