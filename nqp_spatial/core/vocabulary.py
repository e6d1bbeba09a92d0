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
    "discretization": {
        "cuts": "given cuts",
        "period-quantiles": "period quantiles",
        "pooled-quantiles": "pooled quantiles",
        "quadrants": "quadrants of the Moran scatter plot",
    },
    "measure": {
        "bartholomew": "Bartholomew index",
        "cv": "coefficient of variation",
        "determinant": "determinant index",
        "eigenvalue": "eigenvalue index",
        "gini": "Gini coefficient",
        "leaving": "probability of leaving the state",
        "prais": "Prais index",
        "sd": "standard deviation",
        "sd_log": "standard deviation of logs",
        "theil_l": "Theil index L",
        "theil_t": "Theil index T",
    },
}
