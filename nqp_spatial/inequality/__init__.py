"""Inequality between units and groups of units, by period."""

from nqp_spatial.inequality.dagum import DagumResult, dagum
from nqp_spatial.inequality.gaps import GapsResult, gaps, intransitive
from nqp_spatial.inequality.gravity import CentrePath, centre_path
from nqp_spatial.inequality.indices import esteban_ray, indices
from nqp_spatial.inequality.theil import TheilResult, theil

__all__ = [
    "CentrePath",
    "DagumResult",
    "GapsResult",
    "TheilResult",
    "centre_path",
    "dagum",
    "esteban_ray",
    "gaps",
    "indices",
    "intransitive",
    "theil",
]
