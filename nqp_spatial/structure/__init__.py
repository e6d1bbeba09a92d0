"""What describes a space: centre, borders, density, market potential, strata, networks."""

from nqp_spatial.structure.areal_density import areal_density
from nqp_spatial.structure.border_exposure import border_exposure
from nqp_spatial.structure.centre_path import CentrePath, centre_path
from nqp_spatial.structure.differences import difference_matrices
from nqp_spatial.structure.diversity import diversity
from nqp_spatial.structure.geodetector import GeodetectorResult, geodetector
from nqp_spatial.structure.market_potential import market_potential
from nqp_spatial.structure.misallocation import MisallocationResult, misallocation
from nqp_spatial.structure.network import NetworkResult, network
from nqp_spatial.structure.qap import (
    MrqapResult,
    QapCorrelationResult,
    QapResult,
    mrqap,
    qap,
    qap_correlation,
)
from nqp_spatial.structure.segmentation import segmentation

__all__ = [
    "CentrePath",
    "GeodetectorResult",
    "MisallocationResult",
    "MrqapResult",
    "NetworkResult",
    "QapCorrelationResult",
    "QapResult",
    "areal_density",
    "border_exposure",
    "centre_path",
    "difference_matrices",
    "diversity",
    "geodetector",
    "market_potential",
    "misallocation",
    "mrqap",
    "network",
    "qap",
    "qap_correlation",
    "segmentation",
]


def __dir__() -> list[str]:
    return sorted(__all__)
