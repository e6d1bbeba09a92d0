"""Dynamics of distributions: Markov chains, with and without neighbours."""

from nqp_spatial.dynamics.markov import MarkovResult, markov
from nqp_spatial.dynamics.spatial_markov import SpatialMarkovResult, spatial_markov

__all__ = ["MarkovResult", "SpatialMarkovResult", "markov", "spatial_markov"]
