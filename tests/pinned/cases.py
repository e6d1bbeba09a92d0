"""The table of cases: a name, a function that returns labelled numbers, a tolerance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Numbers = dict[str, float]

CLOSED_FORM = 1e-12
# Numbers below this are compared as if they were of this size: p-values of 1e-20 and coefficients
# that are zero but for rounding have no digits to agree in.
SMALLEST = 1e-3


@dataclass(frozen=True)
class Case:
    """One entry of the table."""

    name: str
    numbers: Callable[[], Numbers]
    tolerance: float
    reason: str


CASES: dict[str, Case] = {}


def case(name: str, tolerance: float = CLOSED_FORM, reason: str = "") -> Callable:
    """Put a function into the table; a tolerance other than that of closed forms has a reason."""
    assert name not in CASES, name
    assert (tolerance == CLOSED_FORM) == (reason == ""), name

    def enter(function: Callable[[], Numbers]) -> Callable[[], Numbers]:
        CASES[name] = Case(name, function, tolerance, reason)
        return function

    return enter
