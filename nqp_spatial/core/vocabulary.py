"""The reader's words for machine names, by domain: a column, an effect, a state of a figure.

The same name may mean two things in two domains. Chinese words stand in the catalogue, with the
domain as their context.
"""

from __future__ import annotations

__all__ = ["VOCABULARY"]

#: Machine name to English, by domain.
VOCABULARY: dict[str, dict[str, str]] = {
    "column": {
        "estimate": "estimate",
        "std_error": "std. error",
        "statistic": "statistic",
        "df": "df",
        "p_value": "p-value",
        "conf_low": "lower bound",
        "conf_high": "upper bound",
    },
    "contiguity": {
        "queen": "queen",
        "rook": "rook",
    },
    # What periods are read as.
    "period": {
        "beginning": "the years in which they begin",
        "dates": "dates",
        "half-years": "half-years",
        "months": "months",
        "numbered": "the numbers in them",
        "numbers": "numbers",
        "quarters": "quarters",
        "years": "years",
    },
    "standardization": {
        "minmax": "divided by the smaller of the largest row and column sums",
        "none": "not standardised",
        "row": "row-standardised",
        "spectral": "divided by the spectral radius",
    },
    # Parameters of spatial weights, and their values that are words.
    "weights": {
        "borders_closed": "borders closed",
        "both": "both",
        "cutoff_km": "cutoff_km",
        "destination": "to",
        "distances": "distances",
        "edges_km": "edges_km",
        "either": "either",
        "features": "features",
        "floor": "floor",
        "flow": "flow",
        "geodesic": "geodesic",
        "k": "k",
        "least": "least",
        "mask": "mask",
        "mean": "mean",
        "metric": "metric",
        "order": "order",
        "origin": "from",
        "periods": "periods",
        "polygons_repaired": "invalid polygons repaired",
        "power": "power",
        "receiver": "receiver",
        "relative_to": "relative to",
        "row_sum_error": "rows add to one within",
        "scale_km": "scale_km",
        "share": "share",
        "subset_of": "subset of",
        "symmetrize": "linked if",
        "tolerance_m": "tolerance_m",
        "transform": "transform",
        "unused_columns": "columns not used",
        "variable": "variable",
        "weight_column": "weight column",
    },
}
