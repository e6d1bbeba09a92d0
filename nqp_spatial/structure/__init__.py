"""What describes a space: centre, borders, density, market potential, strata, networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.lazy import load_when_used

if TYPE_CHECKING:
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

load_when_used(
    __name__,
    {
        "areal_density": "areal_density",
        "border_exposure": "border_exposure",
        "centre_path": "CentrePath centre_path",
        "differences": "difference_matrices",
        "diversity": "diversity",
        "geodetector": "GeodetectorResult geodetector",
        "market_potential": "market_potential",
        "misallocation": "MisallocationResult misallocation",
        "network": "NetworkResult network",
        "qap": "MrqapResult QapCorrelationResult QapResult mrqap qap qap_correlation",
        "segmentation": "segmentation",
    },
)
