"""Inequality between units and groups of units, by period; where it lies and what it costs."""

from nqp_spatial.inequality.allocation import MisallocationResult, misallocation, segmentation
from nqp_spatial.inequality.dagum import DagumResult, dagum
from nqp_spatial.inequality.four_d import density, diversity, division, market_potential
from nqp_spatial.inequality.gaps import GapsResult, gaps, intransitive
from nqp_spatial.inequality.gravity import CentrePath, centre_path
from nqp_spatial.inequality.indices import esteban_ray, indices
from nqp_spatial.inequality.spatial_gini import spatial_gini
from nqp_spatial.inequality.theil import TheilResult, theil

__all__ = [
    "CentrePath",
    "DagumResult",
    "GapsResult",
    "MisallocationResult",
    "TheilResult",
    "centre_path",
    "dagum",
    "density",
    "diversity",
    "division",
    "esteban_ray",
    "gaps",
    "indices",
    "intransitive",
    "market_potential",
    "misallocation",
    "segmentation",
    "spatial_gini",
    "theil",
]
