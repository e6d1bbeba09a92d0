"""Spatial regressions: one specification, one likelihood."""

from nqp_spatial.regression.effects import EffectsResult
from nqp_spatial.regression.logdet import LogDet, log_determinant
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import RegressionSpec
from nqp_spatial.regression.static import fit

__all__ = [
    "EffectsResult",
    "LogDet",
    "RegressionResult",
    "RegressionSpec",
    "fit",
    "log_determinant",
]
