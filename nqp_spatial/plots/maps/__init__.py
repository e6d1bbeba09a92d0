"""Maps of variables and results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.lazy import load_when_used

if TYPE_CHECKING:
    from nqp_spatial.plots.maps.centre_path import centre_path
    from nqp_spatial.plots.maps.choropleth import choropleth
    from nqp_spatial.plots.maps.choropleth_periods import choropleth_periods
    from nqp_spatial.plots.maps.club_map import club_map
    from nqp_spatial.plots.maps.coefficient_map import coefficient_map
    from nqp_spatial.plots.maps.effects_arrows import effects_arrows
    from nqp_spatial.plots.maps.forecast_map import forecast_map
    from nqp_spatial.plots.maps.lisa_maps import lisa_map, lisa_maps, significance_map
    from nqp_spatial.plots.maps.model_maps import residual_map, unit_effects_map
    from nqp_spatial.plots.maps.network_map import network_map
    from nqp_spatial.plots.maps.policy_maps import exposure_map, policy_effects_map
    from nqp_spatial.plots.maps.weights_map import weights_map

__all__ = [
    "centre_path",
    "choropleth",
    "choropleth_periods",
    "club_map",
    "coefficient_map",
    "effects_arrows",
    "exposure_map",
    "forecast_map",
    "lisa_map",
    "lisa_maps",
    "network_map",
    "policy_effects_map",
    "residual_map",
    "significance_map",
    "unit_effects_map",
    "weights_map",
]

load_when_used(
    __name__,
    {
        "centre_path": "centre_path",
        "choropleth": "choropleth",
        "choropleth_periods": "choropleth_periods",
        "club_map": "club_map",
        "coefficient_map": "coefficient_map",
        "effects_arrows": "effects_arrows",
        "forecast_map": "forecast_map",
        "lisa_maps": "lisa_map lisa_maps significance_map",
        "model_maps": "residual_map unit_effects_map",
        "network_map": "network_map",
        "policy_maps": "exposure_map policy_effects_map",
        "weights_map": "weights_map",
    },
)
