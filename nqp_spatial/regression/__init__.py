"""Spatial regressions: one specification, one likelihood."""

from nqp_spatial.regression.effects import EffectsResult
from nqp_spatial.regression.estimation import fit
from nqp_spatial.regression.logdet import LogDet, log_determinant
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import RegressionSpec

__all__ = [
    "EffectsResult",
    "LogDet",
    "RegressionResult",
    "RegressionSpec",
    "fit",
    "log_determinant",
]
