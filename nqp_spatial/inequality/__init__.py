"""Inequality between units and groups of units, by period."""

from nqp_spatial.inequality.dagum import DagumResult, dagum
from nqp_spatial.inequality.gaps import GapsResult, gaps, intransitive
from nqp_spatial.inequality.indices import esteban_ray, indices
from nqp_spatial.inequality.spatial_gini import spatial_gini
from nqp_spatial.inequality.theil import TheilResult, theil

__all__ = [
    "DagumResult",
    "GapsResult",
    "TheilResult",
    "dagum",
    "esteban_ray",
    "gaps",
    "indices",
    "intransitive",
    "spatial_gini",
    "theil",
]


def __dir__() -> list[str]:
    return sorted(__all__)
