"""Charts of results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.lazy import load_when_used

if TYPE_CHECKING:
    from nqp_spatial.plots.charts.composite import index_weights, rank_intervals
    from nqp_spatial.plots.charts.convergence import beta_scatter, sigma_lines
    from nqp_spatial.plots.charts.density import density_ridges, density_waterfall
    from nqp_spatial.plots.charts.digits import digits
    from nqp_spatial.plots.charts.effects import effects
    from nqp_spatial.plots.charts.effects_at import effects_at
    from nqp_spatial.plots.charts.effects_matrix import effects_matrix
    from nqp_spatial.plots.charts.estimates import estimates
    from nqp_spatial.plots.charts.event_study import event_study
    from nqp_spatial.plots.charts.forecast import forecast
    from nqp_spatial.plots.charts.geodetector import geodetector, interactions, strata_means
    from nqp_spatial.plots.charts.group_estimates import group_estimates
    from nqp_spatial.plots.charts.inclusion import inclusion
    from nqp_spatial.plots.charts.inequality import dagum, theil
    from nqp_spatial.plots.charts.join_counts import join_counts
    from nqp_spatial.plots.charts.lisa_paths import lisa_paths
    from nqp_spatial.plots.charts.log_t import log_t
    from nqp_spatial.plots.charts.modality import modality
    from nqp_spatial.plots.charts.moran_scatter import moran_scatter
    from nqp_spatial.plots.charts.neighbour_histogram import neighbour_histogram
    from nqp_spatial.plots.charts.networks import block_densities, network_degrees, qap
    from nqp_spatial.plots.charts.over_periods import over_periods
    from nqp_spatial.plots.charts.panel_thresholds import panel_threshold
    from nqp_spatial.plots.charts.probabilities import probabilities
    from nqp_spatial.plots.charts.specification_curve import specification_curve
    from nqp_spatial.plots.charts.spillovers import border_loss, reach, threshold
    from nqp_spatial.plots.charts.steady_states import steady_states
    from nqp_spatial.plots.charts.stochastic_kernel import kernel_contour, kernel_surface
    from nqp_spatial.plots.charts.transition_paths import transition_paths
    from nqp_spatial.plots.charts.transitions import transitions
    from nqp_spatial.plots.charts.weights_matrix import weights_matrix

__all__ = [
    "beta_scatter",
    "block_densities",
    "border_loss",
    "dagum",
    "density_ridges",
    "density_waterfall",
    "digits",
    "effects",
    "effects_at",
    "effects_matrix",
    "estimates",
    "event_study",
    "forecast",
    "geodetector",
    "group_estimates",
    "inclusion",
    "index_weights",
    "interactions",
    "join_counts",
    "kernel_contour",
    "kernel_surface",
    "lisa_paths",
    "log_t",
    "modality",
    "moran_scatter",
    "neighbour_histogram",
    "network_degrees",
    "over_periods",
    "panel_threshold",
    "probabilities",
    "qap",
    "rank_intervals",
    "reach",
    "sigma_lines",
    "specification_curve",
    "steady_states",
    "strata_means",
    "theil",
    "threshold",
    "transition_paths",
    "transitions",
    "weights_matrix",
]

load_when_used(
    __name__,
    {
        "composite": "index_weights rank_intervals",
        "convergence": "beta_scatter sigma_lines",
        "density": "density_ridges density_waterfall",
        "digits": "digits",
        "effects": "effects",
        "effects_at": "effects_at",
        "effects_matrix": "effects_matrix",
        "estimates": "estimates",
        "event_study": "event_study",
        "forecast": "forecast",
        "geodetector": "geodetector interactions strata_means",
        "group_estimates": "group_estimates",
        "inclusion": "inclusion",
        "inequality": "dagum theil",
        "join_counts": "join_counts",
        "lisa_paths": "lisa_paths",
        "log_t": "log_t",
        "modality": "modality",
        "moran_scatter": "moran_scatter",
        "neighbour_histogram": "neighbour_histogram",
        "networks": "block_densities network_degrees qap",
        "over_periods": "over_periods",
        "panel_thresholds": "panel_threshold",
        "probabilities": "probabilities",
        "specification_curve": "specification_curve",
        "spillovers": "border_loss reach threshold",
        "steady_states": "steady_states",
        "stochastic_kernel": "kernel_contour kernel_surface",
        "transition_paths": "transition_paths",
        "transitions": "transitions",
        "weights_matrix": "weights_matrix",
    },
)
