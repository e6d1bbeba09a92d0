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
}
