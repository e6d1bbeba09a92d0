"""What describes a space: centre, borders, density, market potential, use of resources."""

from nqp_spatial.structure.allocation import MisallocationResult, misallocation, segmentation
from nqp_spatial.structure.centre_path import CentrePath, centre_path
from nqp_spatial.structure.four_d import density, diversity, division, market_potential

__all__ = [
    "CentrePath",
    "MisallocationResult",
    "centre_path",
    "density",
    "diversity",
    "division",
    "market_potential",
    "misallocation",
    "segmentation",
]
