"""Figures at journal size, from the package's results."""

from nqp_spatial.plots.centres import centre_path
from nqp_spatial.plots.coefficients import effects
from nqp_spatial.plots.connections import neighbour_histogram, weights_map
from nqp_spatial.plots.group_arrows import effects_arrows
from nqp_spatial.plots.group_matrix import effects_matrix
from nqp_spatial.plots.indicators import index_weights, rank_intervals
from nqp_spatial.plots.inequality import dagum, theil
from nqp_spatial.plots.maps import choropleth, lisa_map
from nqp_spatial.plots.matrix import weights_matrix
from nqp_spatial.plots.model_maps import residual_map, unit_effects_map
from nqp_spatial.plots.periods import choropleth_periods
from nqp_spatial.plots.scatter import moran_scatter
from nqp_spatial.plots.spillover_curves import border_loss, reach, threshold
from nqp_spatial.plots.theme import COLUMN, PAGE, save
from nqp_spatial.plots.transition_matrix import transitions

__all__ = [
    "COLUMN",
    "PAGE",
    "border_loss",
    "centre_path",
    "choropleth",
    "choropleth_periods",
    "dagum",
    "effects",
    "effects_arrows",
    "effects_matrix",
    "index_weights",
    "lisa_map",
    "moran_scatter",
    "neighbour_histogram",
    "rank_intervals",
    "reach",
    "residual_map",
    "save",
    "theil",
    "threshold",
    "transitions",
    "unit_effects_map",
    "weights_map",
    "weights_matrix",
]
