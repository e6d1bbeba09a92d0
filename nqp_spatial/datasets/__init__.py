"""Data sets that are installed with the package, with a dependency or with an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.lazy import load_when_used

if TYPE_CHECKING:
    from nqp_spatial.datasets.china import (
        china_prefectures,
        china_provinces,
        china_sea_line,
        city_schemes,
        hu_side,
        region_schemes,
    )
    from nqp_spatial.datasets.matching import match_prefectures, match_provinces
    from nqp_spatial.datasets.papers import (
        base_stations_5g,
        gdp_gaps,
        hu_line_shares,
        industry_clusters,
        industry_plans,
    )
    from nqp_spatial.datasets.regional_panels import castle, mexico_income, nc_crime
    from nqp_spatial.datasets.simulated import (
        CityTruth,
        Planted,
        SimulatedCities,
        simulate_cities,
    )
    from nqp_spatial.datasets.us_states import us_income, us_public_capital

__all__ = [
    "CityTruth",
    "Planted",
    "SimulatedCities",
    "base_stations_5g",
    "castle",
    "china_prefectures",
    "china_provinces",
    "china_sea_line",
    "city_schemes",
    "gdp_gaps",
    "hu_line_shares",
    "hu_side",
    "industry_clusters",
    "industry_plans",
    "match_prefectures",
    "match_provinces",
    "mexico_income",
    "nc_crime",
    "region_schemes",
    "simulate_cities",
    "us_income",
    "us_public_capital",
]

load_when_used(
    __name__,
    {
        "china": "china_prefectures china_provinces china_sea_line "
        "city_schemes hu_side region_schemes",
        "matching": "match_prefectures match_provinces",
        "papers": "base_stations_5g gdp_gaps hu_line_shares industry_clusters industry_plans",
        "regional_panels": "castle mexico_income nc_crime",
        "simulated": "CityTruth Planted SimulatedCities simulate_cities",
        "us_states": "us_income us_public_capital",
    },
)
