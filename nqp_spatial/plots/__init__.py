"""Figures at journal size, from the package's results."""

from nqp_spatial.plots._theme import COLUMN, PAGE, save
from nqp_spatial.plots.charts.clubs import club_map, transition_paths
from nqp_spatial.plots.charts.composite import index_weights, rank_intervals
from nqp_spatial.plots.charts.convergence import beta_scatter, sigma_lines
from nqp_spatial.plots.charts.density import density_ridges, density_waterfall
from nqp_spatial.plots.charts.effects import effects
from nqp_spatial.plots.charts.effects_matrix import effects_matrix
from nqp_spatial.plots.charts.inequality import dagum, theil
from nqp_spatial.plots.charts.moran_scatter import moran_scatter
from nqp_spatial.plots.charts.spillovers import border_loss, reach, threshold
from nqp_spatial.plots.charts.steady_states import steady_states
from nqp_spatial.plots.charts.stochastic_kernel import kernel_contour, kernel_surface
from nqp_spatial.plots.charts.transitions import transitions
from nqp_spatial.plots.charts.weights_matrix import weights_matrix
from nqp_spatial.plots.maps.centre_path import centre_path
from nqp_spatial.plots.maps.choropleth import choropleth
from nqp_spatial.plots.maps.choropleth_periods import choropleth_periods
from nqp_spatial.plots.maps.effects_arrows import effects_arrows
from nqp_spatial.plots.maps.lisa_maps import lisa_map, lisa_maps, significance_map
from nqp_spatial.plots.maps.model_maps import residual_map, unit_effects_map
from nqp_spatial.plots.maps.weights_map import neighbour_histogram, weights_map

__all__ = [
    "COLUMN",
    "PAGE",
    "beta_scatter",
    "border_loss",
    "centre_path",
    "choropleth",
    "choropleth_periods",
    "club_map",
    "dagum",
    "density_ridges",
    "density_waterfall",
    "effects",
    "effects_arrows",
    "effects_matrix",
    "index_weights",
    "kernel_contour",
    "kernel_surface",
    "lisa_map",
    "lisa_maps",
    "moran_scatter",
    "neighbour_histogram",
    "rank_intervals",
    "reach",
    "residual_map",
    "save",
    "sigma_lines",
    "significance_map",
    "steady_states",
    "theil",
    "threshold",
    "transition_paths",
    "transitions",
    "unit_effects_map",
    "weights_map",
    "weights_matrix",
]
