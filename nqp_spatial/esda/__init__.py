"""Exploratory spatial data analysis: global and local association."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.lazy import load_when_used

if TYPE_CHECKING:
    from nqp_spatial.esda.geary import GearyResult, LocalGearyResult, geary, local_geary
    from nqp_spatial.esda.getis import GetisOrdResult, getis_ord
    from nqp_spatial.esda.joins import JoinCountsResult, join_counts
    from nqp_spatial.esda.lisa import LisaResult, bivariate_lisa, differential_lisa, lisa
    from nqp_spatial.esda.moran import MoranResult, bivariate_moran, moran
    from nqp_spatial.esda.paths import LisaPathsResult, lisa_paths

__all__ = [
    "GearyResult",
    "GetisOrdResult",
    "JoinCountsResult",
    "LisaPathsResult",
    "LisaResult",
    "LocalGearyResult",
    "MoranResult",
    "bivariate_lisa",
    "bivariate_moran",
    "differential_lisa",
    "geary",
    "getis_ord",
    "join_counts",
    "lisa",
    "lisa_paths",
    "local_geary",
    "moran",
]

load_when_used(
    __name__,
    {
        "geary": "GearyResult LocalGearyResult geary local_geary",
        "getis": "GetisOrdResult getis_ord",
        "joins": "JoinCountsResult join_counts",
        "lisa": "LisaResult bivariate_lisa differential_lisa lisa",
        "moran": "MoranResult bivariate_moran moran",
        "paths": "LisaPathsResult lisa_paths",
    },
)
