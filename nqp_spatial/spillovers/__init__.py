"""Spillovers by group, direction, border and distance, and through other variables."""

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


def __dir__() -> list[str]:
    return sorted(__all__)
