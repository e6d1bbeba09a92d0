"""Spatial regressions: one specification, one likelihood."""

from nqp_spatial.regression.comparison import Comparison, compare, robustness
from nqp_spatial.regression.effects import EffectsResult
from nqp_spatial.regression.estimation import fit
from nqp_spatial.regression.logdet import LogDet, log_determinant
from nqp_spatial.regression.posterior import posterior_probabilities
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import RegressionSpec
from nqp_spatial.regression.specification import DiagnosticsResult, diagnostics

__all__ = [
    "Comparison",
    "DiagnosticsResult",
    "EffectsResult",
    "LogDet",
    "RegressionResult",
    "RegressionSpec",
    "compare",
    "diagnostics",
    "fit",
    "log_determinant",
    "posterior_probabilities",
    "robustness",
]
