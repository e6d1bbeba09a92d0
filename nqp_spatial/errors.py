"""Exceptions and warnings of the package.

Every message says three things: what was wanted, what came (with ids), what to do about it.

All exceptions derive from `NqpError`; those about a value that the caller passed also derive from
`ValueError`, so that ``except ValueError`` works as in the rest of the scientific Python world.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "AbsorbedRegressorError",
    "BoundaryError",
    "CollinearityError",
    "ConvergenceError",
    "CrsError",
    "DomainError",
    "DuplicateKeysError",
    "FontWarning",
    "GeometryError",
    "IslandError",
    "MissingDependencyError",
    "MissingValuesError",
    "NqpError",
    "NqpWarning",
    "OptionError",
    "PanelError",
    "ShortPanelWarning",
    "StabilityWarning",
    "UnbalancedPanelError",
    "UnknownArgumentError",
    "UnknownColumnError",
    "UnmatchedIdsError",
    "WeightsError",
    "plain",
    "sample",
]


class NqpError(Exception):
    """Base class of every exception that this package raises on purpose."""


class OptionError(NqpError, ValueError):
    """An option has a value that the function does not know, or options exclude each other."""


class UnknownArgumentError(OptionError, TypeError):
    """A function has no argument of this name, or takes it by name only."""


class MissingDependencyError(NqpError, ImportError):
    """An optional dependency is needed and is not installed."""


class PanelError(NqpError, ValueError):
    """The data cannot be read as a panel of units and periods."""


class DuplicateKeysError(PanelError):
    """A (unit, period) pair occurs more than once."""


class UnbalancedPanelError(PanelError):
    """Some (unit, period) pairs are absent."""


class MissingValuesError(PanelError):
    """A column that is used has missing cells."""


class UnknownColumnError(PanelError, KeyError):
    """A column is named that the panel does not have."""

    # KeyError prints the repr of its argument; a sentence reads better as it is.
    __str__ = Exception.__str__


class DomainError(PanelError):
    """A transformation is undefined for some cells, such as the logarithm of zero."""


class UnmatchedIdsError(NqpError, ValueError):
    """Ids of two objects that must describe the same units differ."""


class GeometryError(NqpError, ValueError):
    """Geometries are absent, empty, invalid or coincident where that cannot be worked with."""


class CrsError(GeometryError):
    """The coordinate reference system is unknown or cannot give distances."""


class WeightsError(NqpError, ValueError):
    """A spatial weights matrix has a property that the task does not allow."""


class IslandError(WeightsError):
    """Units without neighbours, where every unit needs one."""


class CollinearityError(NqpError, ValueError):
    """Regressors are linearly dependent."""


class AbsorbedRegressorError(CollinearityError):
    """A regressor does not vary once the fixed effects are taken out."""


class BoundaryError(NqpError, ArithmeticError):
    """The estimate of a spatial parameter lies at the edge of its admissible interval."""


class ConvergenceError(NqpError, ArithmeticError):
    """An iteration ended without a solution."""


class NqpWarning(UserWarning):
    """Base class of the package's warnings."""


class StabilityWarning(NqpWarning):
    """Draws or estimates leave the region in which the model is stable."""


class ShortPanelWarning(NqpWarning):
    """A panel has fewer periods than a method should have."""


class FontWarning(NqpWarning):
    """Text contains characters that no installed font can draw."""


def sample(values: Iterable[object], size: int = 5) -> str:
    """Return the first few values as text, with a count of the rest.

    Parameters
    ----------
    values : iterable
        What to show, in the order given.
    size : int
        How many to show.

    Returns
    -------
    str

    Examples
    --------
    >>> sample(range(8), 3)
    '0, 1, 2 and 5 more'
    >>> sample(["a"])
    "'a'"
    """
    items = list(values)
    shown = ", ".join(repr(_in_words(item)) for item in items[:size])
    remaining = len(items) - size
    return f"{shown} and {remaining} more" if remaining > 0 else shown


def _in_words(value: object) -> object:
    """Return quarters, months and dates as text, each one in a tuple too; the rest as `plain`."""
    if isinstance(value, tuple):
        return tuple(_in_words(part) for part in value)
    if type(value).__name__ in ("Period", "Timestamp"):  # of pandas, which is not loaded here
        return str(value).removesuffix(" 00:00:00")
    return plain(value)


def plain(value: object) -> object:
    """Return a numpy scalar, or each one in a tuple, as the Python value that it prints like."""
    if isinstance(value, tuple):
        return tuple(plain(part) for part in value)
    return value.item() if hasattr(value, "item") else value
