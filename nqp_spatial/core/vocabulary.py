"""The reader's words for machine names, by domain: a column, an effect, a state of a figure.

The same name may mean two things in two domains. Chinese words stand in the catalogue, with the
domain as their context.
"""

from __future__ import annotations

__all__ = ["VOCABULARY"]

#: Machine name to English, by domain.
VOCABULARY: dict[str, dict[str, str]] = {
    "column": {
        "b": "b",
        "c_star": "critical value c*",
        "condition": "condition",
        "conditional": "conditional density",
        "conf_high": "upper bound",
        "conf_low": "lower bound",
        "converges": "converges",
        "critical_bandwidth": "critical bandwidth",
        "cut": "cut",
        "df": "df",
        "estimate": "estimate",
        "expected": "expected value",
        "first": "first period",
        "group": "group",
        "group_state": "group's state",
        "half_life": "half-life",
        "half_life_high": "half-life, upper bound",
        "half_life_low": "half-life, lower bound",
        "joint": "joint density",
        "last": "last period",
        "level": "relative level",
        "measure": "measure",
        "merged": "merged",
        "merged_from": "merged from",
        "modes": "modes",
        "moves": "moves",
        "neighbour_state": "neighbours' state",
        "neighbours": "neighbours",
        "neighbours_p_value": "p-value of neighbours' tau",
        "next_state": "next state",
        "odds_ratio": "odds ratio",
        "own_state": "current state",
        "p_value": "p-value",
        "period": "period",
        "probability": "transition probability",
        "reading": "conclusion",
        "speed": "speed of convergence",
        "speed_high": "speed, upper bound",
        "speed_low": "speed, lower bound",
        "statistic": "statistic",
        "std_error": "std. error",
        "tau": "Kendall's tau",
        "tau_neighbours": "tau of neighbours",
        "tau_others": "tau of other pairs",
        "tau_p_value": "p-value of tau",
        "tested": "tested",
        "theta": "theta",
        "theta_p_value": "p-value of theta",
        "trend": "trend",
        "units": "units",
    },
    "discretization": {
        "cuts": "given cuts",
        "period-quantiles": "period quantiles",
        "pooled-quantiles": "pooled quantiles",
        "quadrants": "quadrants of the Moran scatter plot",
    },
    "effect": {
        "coefficient": "coefficient",
    },
    "group": {
        "all": "all units",
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
    "move": {
        "cross": "unit and neighbours move to opposite sides",
        "neighbours": "neighbours move",
        "own": "unit moves",
        "stay": "no move",
        "together": "unit and neighbours move to the same side",
    },
}
