"""Figures at journal size, from the package's results."""

from nqp_spatial.plots.centres import centre_path
from nqp_spatial.plots.clubs import club_map, transition_paths
from nqp_spatial.plots.coefficients import effects
from nqp_spatial.plots.connections import neighbour_histogram, weights_map
from nqp_spatial.plots.distributions import density_ridges, density_waterfall
from nqp_spatial.plots.group_arrows import effects_arrows
from nqp_spatial.plots.group_matrix import effects_matrix
from nqp_spatial.plots.growth import beta_scatter, sigma_lines
from nqp_spatial.plots.indicators import index_weights, rank_intervals
from nqp_spatial.plots.inequality import dagum, theil
from nqp_spatial.plots.kernels import kernel_contour, kernel_surface
from nqp_spatial.plots.lisa_maps import lisa_map, lisa_maps, significance_map
from nqp_spatial.plots.maps import choropleth
from nqp_spatial.plots.matrix import weights_matrix
from nqp_spatial.plots.model_maps import residual_map, unit_effects_map
from nqp_spatial.plots.periods import choropleth_periods
from nqp_spatial.plots.scatter import moran_scatter
from nqp_spatial.plots.spillover_curves import border_loss, reach, threshold
from nqp_spatial.plots.steady import steady_states
from nqp_spatial.plots.theme import COLUMN, PAGE, save
from nqp_spatial.plots.transition_matrix import transitions

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
