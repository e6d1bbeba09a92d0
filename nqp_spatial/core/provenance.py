"""Which call made a result, as long as the result is in use."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any

__all__ = ["Call", "call_of", "remember"]


@dataclass(frozen=True, eq=False)
class Call:
    """A public function and what was passed to it.

    Attributes
    ----------
    function : callable
    args : tuple
    kwargs : dict
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def name(self) -> str:
        """Folder and name, as in ``esda.moran`` or ``regression.RegressionResult.effects``."""
        folder = self.function.__module__.split(".")[1]
        return f"{folder}.{self.function.__qualname__}"

    @property
    def arguments(self) -> dict[str, Any]:
        """All arguments by name, with the defaults of those that were not passed."""
        bound = signature(self.function).bind(*self.args, **self.kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)


_CALLS: dict[int, Call] = {}


def remember(result: Any, call: Call) -> None:
    """Note the call of a result; forgotten with the result.

    Parameters
    ----------
    result : object
        What has a specification, ``spec``; other objects are passed over, among them a result that
        was itself passed to the call.
    call : Call
    """
    kind = type(result)
    if "spec" not in getattr(kind, "__dataclass_fields__", ()) and not hasattr(kind, "spec"):
        return
    if any(value is result for value in (*call.args, *call.kwargs.values())):
        return
    if id(result) not in _CALLS:
        weakref.finalize(result, _CALLS.pop, id(result), None)
    _CALLS[id(result)] = call


def call_of(result: Any) -> Call | None:
    """Return the call that made a result; None where it is not known, as after unpickling."""
    return _CALLS.get(id(result))
