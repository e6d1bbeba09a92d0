"""Spatial weights: the type, and one function for each way to make one."""

from nqp_spatial.weights.compare import compare, compare_groups
from nqp_spatial.weights.composition import across, nested, partition, within
from nqp_spatial.weights.contiguity import contiguity
from nqp_spatial.weights.distance import (
    bands,
    distance_band,
    exponential,
    inverse_distance,
    knn,
)
from nqp_spatial.weights.economic import directed_economic, economic, gravity
from nqp_spatial.weights.files import read
from nqp_spatial.weights.from_data import from_dense, from_edges, from_pysal
from nqp_spatial.weights.similarity import flows, similarity
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsSpec
from nqp_spatial.weights.triangulation import triangulation

__all__ = [
    "SpatialWeights",
    "WeightsSpec",
    "across",
    "bands",
    "compare",
    "compare_groups",
    "contiguity",
    "directed_economic",
    "distance_band",
    "economic",
    "exponential",
    "flows",
    "from_dense",
    "from_edges",
    "from_pysal",
    "gravity",
    "inverse_distance",
    "knn",
    "nested",
    "partition",
    "read",
    "similarity",
    "triangulation",
    "within",
]


def __dir__() -> list[str]:
    return sorted(__all__)
