"""The reader's words for machine names, by domain: a column, an effect, a state of a figure.

The same name may mean two things in two domains. Chinese words stand in the catalogue, with the
domain as their context.
"""

from __future__ import annotations

__all__ = ["VOCABULARY"]

#: Machine name to English, by domain.
VOCABULARY: dict[str, dict[str, str]] = {
    "alternative": {
        "directed": "directed (smaller tail)",
        "greater": "greater",
        "two-sided": "two-sided",
    },
    "cluster": {
        "High-High": "High-High",
        "High-Low": "High-Low",
        "Low-High": "Low-High",
        "Low-Low": "Low-Low",
        "No neighbours": "No neighbours",
        "Not significant": "Not significant",
    },
    "cluster code": {
        "High-High": "HH",
        "High-Low": "HL",
        "Low-High": "LH",
        "Low-Low": "LL",
    },
    "column": {
        "conf_high": "upper bound",
        "conf_low": "lower bound",
        "cv": "coefficient of variation",
        "df": "df",
        "estimate": "estimate",
        "expected": "expected value",
        "gini": "Gini coefficient",
        "moran_i": "Moran's I",
        "net_between": "net between groups",
        "p_value": "p-value",
        "sd": "standard deviation",
        "sd_log": "standard deviation of logs",
        "statistic": "statistic",
        "std_error": "std. error",
        "theil_l": "Theil index L",
        "theil_t": "Theil index T",
        "transvariation": "transvariation",
        "within": "within groups",
    },
    "effect": {
        "direct": "direct effect",
        "indirect": "indirect effect",
        "total": "total effect",
    },
    "horizon": {
        "long-run": "long run",
        "short-run": "short run",
    },
    "weighting": {
        "critic": "CRITIC",
        "cv": "coefficient of variation",
        "entropy": "entropy method",
        "equal": "equal weights",
        "given": "given weights",
        "pca": "principal components",
        "scatter": "scatter degree",
    },
}
