"""Whom a spillover reaches, in which direction, across which border."""

from nqp_spatial.spillovers.barrier import BarrierResult, BorderDecay, barrier
from nqp_spatial.spillovers.partitioned import EffectsMatrix, PartitionedResult, partitioned

__all__ = [
    "BarrierResult",
    "BorderDecay",
    "EffectsMatrix",
    "PartitionedResult",
    "barrier",
    "partitioned",
]
