"""Formulas that are evaluated once for several models of the same panel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from nqp_spatial.core.panel import SpatialPanel

__all__ = ["shared", "shared_evaluations"]

Value = TypeVar("Value")
_MEMORY: ContextVar[dict[tuple[int, str], tuple[SpatialPanel, Any]] | None] = ContextVar(
    "evaluations", default=None
)


@contextmanager
def shared_evaluations() -> Iterator[None]:
    """Keep what `shared` computes until the end of the block."""
    if _MEMORY.get() is not None:  # inside another block
        yield
        return
    token = _MEMORY.set({})
    try:
        yield
    finally:
        _MEMORY.reset(token)


def shared(panel: SpatialPanel, name: str, compute: Callable[[], Value]) -> Value:
    """Return what is computed from a panel under a name, at most once in a block.

    Parameters
    ----------
    panel : SpatialPanel
    name : str
        States all that the result depends on besides the panel.
    compute : callable
        Its result must not be changed by those who share it.
    """
    memory = _MEMORY.get()
    if memory is None:
        return compute()
    key = (id(panel), name)  # the panel is in the memory too, so that its id stays its own
    if key not in memory:
        memory[key] = (panel, compute())
    value: Value = memory[key][1]
    return value
