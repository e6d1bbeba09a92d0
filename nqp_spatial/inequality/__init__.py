"""Inequality between units and groups of units, by period."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.lazy import load_when_used

if TYPE_CHECKING:
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

load_when_used(
    __name__,
    {
        "dagum": "DagumResult dagum",
        "gaps": "GapsResult gaps intransitive",
        "indices": "esteban_ray indices",
        "spatial_gini": "spatial_gini",
        "theil": "TheilResult theil",
    },
)
