"""Dynamics of distributions: Markov chains, with and without neighbours."""

from nqp_spatial.dynamics.groups import (
    ChainsResult,
    first_order,
    markov_by_group,
    time_homogeneity,
)
from nqp_spatial.dynamics.markov import MarkovResult, markov
from nqp_spatial.dynamics.spatial_markov import SpatialMarkovResult, spatial_markov

__all__ = [
    "ChainsResult",
    "MarkovResult",
    "SpatialMarkovResult",
    "first_order",
    "markov",
    "markov_by_group",
    "spatial_markov",
    "time_homogeneity",
]
