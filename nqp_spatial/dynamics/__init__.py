"""Dynamics of distributions: Markov chains, with and without neighbours."""

from nqp_spatial.dynamics.groups import (
    ChainsResult,
    first_order,
    markov_by_group,
    time_homogeneity,
)
from nqp_spatial.dynamics.lisa_markov import LisaMarkovResult, lisa_markov
from nqp_spatial.dynamics.markov import MarkovResult, markov
from nqp_spatial.dynamics.ranks import RankMobilityResult, rank_mobility
from nqp_spatial.dynamics.spatial_groups import SpatialChainsResult, spatial_markov_by_group
from nqp_spatial.dynamics.spatial_markov import SpatialMarkovResult, spatial_markov

__all__ = [
    "ChainsResult",
    "LisaMarkovResult",
    "MarkovResult",
    "RankMobilityResult",
    "SpatialChainsResult",
    "SpatialMarkovResult",
    "first_order",
    "lisa_markov",
    "markov",
    "markov_by_group",
    "rank_mobility",
    "spatial_markov",
    "spatial_markov_by_group",
    "time_homogeneity",
]
