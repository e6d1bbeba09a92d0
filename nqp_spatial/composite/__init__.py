"""Composite indices from indicators, and coupling coordination of systems."""

from nqp_spatial.composite.coupling import CouplingResult, coupling
from nqp_spatial.composite.index import CompositeIndex, index
from nqp_spatial.composite.robustness import rank_intervals, rank_schemes

__all__ = [
    "CompositeIndex",
    "CouplingResult",
    "coupling",
    "index",
    "rank_intervals",
    "rank_schemes",
]


def __dir__() -> list[str]:
    return sorted(__all__)
