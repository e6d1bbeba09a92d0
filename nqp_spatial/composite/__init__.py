"""Composite indices from indicators, and coupling coordination of systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.lazy import load_when_used

if TYPE_CHECKING:
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

load_when_used(
    __name__,
    {
        "coupling": "CouplingResult coupling",
        "index": "CompositeIndex index",
        "robustness": "rank_intervals rank_schemes",
    },
)
