"""Spatial regressions: one specification, one likelihood."""

from nqp_spatial.regression.diagnostics.changes import change_names, register_change
from nqp_spatial.regression.diagnostics.comparison import (
    Comparison,
    ModelGrid,
    compare,
    model_grid,
)
from nqp_spatial.regression.diagnostics.group_comparison import GroupComparison, compare_groups
from nqp_spatial.regression.diagnostics.posterior import (
    PosteriorResult,
    posterior_probabilities,
)
from nqp_spatial.regression.diagnostics.robustness import RobustnessResult, robustness
from nqp_spatial.regression.diagnostics.specification import Specification
from nqp_spatial.regression.diagnostics.specification_search import DiagnosticsResult, diagnostics
from nqp_spatial.regression.diagnostics.weights_averaging import AveragedWeights, average_weights
from nqp_spatial.regression.diagnostics.weights_exogeneity import (
    EndogenousWeights,
    endogenous_weights,
)
from nqp_spatial.regression.diagnostics.wild_bootstrap import (
    WildBootstrapResult,
    wild_bootstrap,
)
from nqp_spatial.regression.effects import EffectsResult
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.interactive_effects import (
    InteractiveEffectsResult,
    interactive_effects,
)
from nqp_spatial.regression.likelihood.log_determinant import LogDet, log_determinant
from nqp_spatial.regression.local_coefficients import GwrResult, gwr
from nqp_spatial.regression.panel_thresholds import PanelThresholdResult, panel_threshold
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import RegressionSpec

__all__ = [
    "AveragedWeights",
    "Comparison",
    "DiagnosticsResult",
    "EffectsResult",
    "EndogenousWeights",
    "GroupComparison",
    "GwrResult",
    "InteractiveEffectsResult",
    "LogDet",
    "ModelGrid",
    "PanelThresholdResult",
    "PosteriorResult",
    "RegressionResult",
    "RegressionSpec",
    "RobustnessResult",
    "Specification",
    "WildBootstrapResult",
    "average_weights",
    "change_names",
    "compare",
    "compare_groups",
    "diagnostics",
    "endogenous_weights",
    "fit",
    "gwr",
    "interactive_effects",
    "log_determinant",
    "model_grid",
    "panel_threshold",
    "posterior_probabilities",
    "register_change",
    "robustness",
    "wild_bootstrap",
]


def __dir__() -> list[str]:
    return sorted(__all__)
