"""Spatial econometrics of regional development.

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nqp_spatial import (
        composite,
        convergence,
        datasets,
        dynamics,
        errors,
        esda,
        inequality,
        peers,
        plots,
        regression,
        report,
        spillovers,
        structure,
        weights,
    )
    from nqp_spatial.core.panel import SpatialPanel
    from nqp_spatial.io import read_panel
    from nqp_spatial.peers import crosscheck
    from nqp_spatial.regression import (
        average_weights,
        compare,
        compare_groups,
        diagnostics,
        endogenous_weights,
        fit,
        gwr,
        panel_threshold,
        robustness,
    )

__version__ = "0.2.0"

_FOLDERS = (
    "composite",
    "convergence",
    "datasets",
    "dynamics",
    "errors",
    "esda",
    "inequality",
    "peers",
    "plots",
    "regression",
    "report",
    "spillovers",
    "structure",
    "weights",
)
_NAMES = {
    "SpatialPanel": "nqp_spatial.core.panel",
    "average_weights": "nqp_spatial.regression",
    "compare": "nqp_spatial.regression",
    "compare_groups": "nqp_spatial.regression",
    "crosscheck": "nqp_spatial.peers",
    "diagnostics": "nqp_spatial.regression",
    "endogenous_weights": "nqp_spatial.regression",
    "fit": "nqp_spatial.regression",
    "gwr": "nqp_spatial.regression",
    "panel_threshold": "nqp_spatial.regression",
    "read_panel": "nqp_spatial.io",
    "robustness": "nqp_spatial.regression",
}

__all__ = [
    "SpatialPanel",
    "average_weights",
    "compare",
    "compare_groups",
    "composite",
    "convergence",
    "crosscheck",
    "datasets",
    "diagnostics",
    "dynamics",
    "endogenous_weights",
    "errors",
    "esda",
    "fit",
    "gwr",
    "inequality",
    "panel_threshold",
    "peers",
    "plots",
    "read_panel",
    "regression",
    "report",
    "robustness",
    "spillovers",
    "structure",
    "weights",
]


def __getattr__(name: str) -> Any:
    if name in _FOLDERS:
        return import_module(f"nqp_spatial.{name}")
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'nqp_spatial' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
