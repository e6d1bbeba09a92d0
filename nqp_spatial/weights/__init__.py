"""Spatial weights: the type, and one function for each way to make one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.lazy import load_when_used

if TYPE_CHECKING:
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

load_when_used(
    __name__,
    {
        "compare": "compare compare_groups",
        "composition": "across nested partition within",
        "contiguity": "contiguity",
        "distance": "bands distance_band exponential inverse_distance knn",
        "economic": "directed_economic economic gravity",
        "files": "read",
        "from_data": "from_dense from_edges from_pysal",
        "similarity": "flows similarity",
        "spatial_weights": "SpatialWeights WeightsSpec",
        "triangulation": "triangulation",
    },
)
