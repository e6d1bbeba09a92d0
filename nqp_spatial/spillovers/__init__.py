"""Spillovers by group, direction, border and distance, and through other variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.lazy import load_when_used

if TYPE_CHECKING:
    from nqp_spatial.spillovers.borders import BarrierResult, BorderDecay, barrier
    from nqp_spatial.spillovers.distances import (
        DistanceDecay,
        ReachResult,
        distance_decay,
        reach,
        reach_links_beyond,
        reach_links_within,
    )
    from nqp_spatial.spillovers.mediation import MediationResult, mediation
    from nqp_spatial.spillovers.partition import EffectsMatrix, PartitionedResult, partitioned
    from nqp_spatial.spillovers.policy import policy
    from nqp_spatial.spillovers.policy_results import PolicyResult
    from nqp_spatial.spillovers.thresholds import SecondThreshold, ThresholdResult, threshold

__all__ = [
    "BarrierResult",
    "BorderDecay",
    "DistanceDecay",
    "EffectsMatrix",
    "MediationResult",
    "PartitionedResult",
    "PolicyResult",
    "ReachResult",
    "SecondThreshold",
    "ThresholdResult",
    "barrier",
    "distance_decay",
    "mediation",
    "partitioned",
    "policy",
    "reach",
    "reach_links_beyond",
    "reach_links_within",
    "threshold",
]

load_when_used(
    __name__,
    {
        "borders": "BarrierResult BorderDecay barrier",
        "distances": "DistanceDecay ReachResult "
        "distance_decay reach reach_links_beyond reach_links_within",
        "mediation": "MediationResult mediation",
        "partition": "EffectsMatrix PartitionedResult partitioned",
        "policy": "policy",
        "policy_results": "PolicyResult",
        "thresholds": "SecondThreshold ThresholdResult threshold",
    },
)
