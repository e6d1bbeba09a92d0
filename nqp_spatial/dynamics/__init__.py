"""Distribution dynamics: densities over time, Markov chains with and without neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.lazy import load_when_used

if TYPE_CHECKING:
    from nqp_spatial.dynamics.density import DensityResult, ModalityResult, density, modality
    from nqp_spatial.dynamics.forecast import ForecastResult, forecast
    from nqp_spatial.dynamics.lisa_markov import LisaMarkovResult, lisa_markov
    from nqp_spatial.dynamics.markov import MarkovResult, markov
    from nqp_spatial.dynamics.markov_by_group import (
        ChainsResult,
        SpatialChainsResult,
        markov_by_group,
        spatial_markov_by_group,
    )
    from nqp_spatial.dynamics.markov_properties import first_order, time_homogeneity
    from nqp_spatial.dynamics.rank_mobility import RankMobilityResult, rank_mobility
    from nqp_spatial.dynamics.spatial_markov import SpatialMarkovResult, spatial_markov
    from nqp_spatial.dynamics.stochastic_kernel import KernelResult, stochastic_kernel

__all__ = [
    "ChainsResult",
    "DensityResult",
    "ForecastResult",
    "KernelResult",
    "LisaMarkovResult",
    "MarkovResult",
    "ModalityResult",
    "RankMobilityResult",
    "SpatialChainsResult",
    "SpatialMarkovResult",
    "density",
    "first_order",
    "forecast",
    "lisa_markov",
    "markov",
    "markov_by_group",
    "modality",
    "rank_mobility",
    "spatial_markov",
    "spatial_markov_by_group",
    "stochastic_kernel",
    "time_homogeneity",
]

load_when_used(
    __name__,
    {
        "density": "DensityResult ModalityResult density modality",
        "forecast": "ForecastResult forecast",
        "lisa_markov": "LisaMarkovResult lisa_markov",
        "markov": "MarkovResult markov",
        "markov_by_group": "ChainsResult SpatialChainsResult "
        "markov_by_group spatial_markov_by_group",
        "markov_properties": "first_order time_homogeneity",
        "rank_mobility": "RankMobilityResult rank_mobility",
        "spatial_markov": "SpatialMarkovResult spatial_markov",
        "stochastic_kernel": "KernelResult stochastic_kernel",
    },
)
