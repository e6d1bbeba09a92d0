"""Spatial regressions: one specification, one likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.lazy import load_when_used

if TYPE_CHECKING:
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
    from nqp_spatial.regression.diagnostics.specification_search import (
        DiagnosticsResult,
        diagnostics,
    )
    from nqp_spatial.regression.diagnostics.weights_averaging import (
        AveragedWeights,
        average_weights,
    )
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

load_when_used(
    __name__,
    {
        "diagnostics.changes": "change_names register_change",
        "diagnostics.comparison": "Comparison ModelGrid compare model_grid",
        "diagnostics.group_comparison": "GroupComparison compare_groups",
        "diagnostics.posterior": "PosteriorResult posterior_probabilities",
        "diagnostics.robustness": "RobustnessResult robustness",
        "diagnostics.specification": "Specification",
        "diagnostics.specification_search": "DiagnosticsResult diagnostics",
        "diagnostics.weights_averaging": "AveragedWeights average_weights",
        "diagnostics.weights_exogeneity": "EndogenousWeights endogenous_weights",
        "diagnostics.wild_bootstrap": "WildBootstrapResult wild_bootstrap",
        "effects": "EffectsResult",
        "fit": "fit",
        "interactive_effects": "InteractiveEffectsResult interactive_effects",
        "likelihood.log_determinant": "LogDet log_determinant",
        "local_coefficients": "GwrResult gwr",
        "panel_thresholds": "PanelThresholdResult panel_threshold",
        "results": "RegressionResult",
        "spec": "RegressionSpec",
    },
)
