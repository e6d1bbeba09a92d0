"""Spatial weights: the type, and one function for each way to make one."""

from nqp_spatial.weights.contiguity import contiguity
from nqp_spatial.weights.distance import inverse_distance, knn
from nqp_spatial.weights.given import from_dense, from_edges, from_pysal
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsSpec

__all__ = [
    "SpatialWeights",
    "WeightsSpec",
    "contiguity",
    "from_dense",
    "from_edges",
    "from_pysal",
    "inverse_distance",
    "knn",
]
