"""The reader's words for machine names, by domain: a column, an effect, a state of a figure.

The same name may mean two things in two domains. Chinese words stand in the catalogue, with the
domain as their context.
"""

from __future__ import annotations

__all__ = ["VOCABULARY"]

#: Machine name to English, by domain.
VOCABULARY: dict[str, dict[str, str]] = {
    "block": {
        "dynamic": "time lags",
        "mean": "unit means",
        "random": "random effects",
        "spatial": "spatial parameters",
        "wmean": "unit means of spatial lags",
        "wx": "spatial lags",
        "x": "regressors",
    },
    "column": {
        "AIC": "AIC",
        "BIC": "BIC",
        "block": "block",
        "conf_high": "upper bound",
        "conf_low": "lower bound",
        "df": "df",
        "distribution": "distribution",
        "effect": "effect",
        "estimate": "estimate",
        "group": "group",
        "horizon": "horizon",
        "log-likelihood": "log-likelihood",
        "log_marginal": "log marginal likelihood",
        "model": "model",
        "name": "name",
        "null": "null hypothesis",
        "observations": "observations",
        "own": "own effect",
        "p_value": "p-value",
        "parameters": "parameters",
        "probability": "posterior probability",
        "received": "received",
        "rule": "rule",
        "sent": "sent",
        "statistic": "statistic",
        "std_error": "std. error",
        "variable": "variable",
        "weights": "weights",
    },
    "correction": {
        "bias": "bias correction",
        "none": "none",
        "transformation": "orthonormal transformation",
    },
    "covariance": {
        "cluster": "clustered by unit",
        "driscoll-kraay": "Driscoll and Kraay",
        "expected": "expected information",
        "observed": "observed information",
        "robust": "robust",
    },
    "dynamic model": {
        "ols": "Dynamic linear model",
        "sac": "Dynamic spatial autoregressive model with spatial errors (SAC)",
        "sar": "Dynamic spatial autoregressive model (SAR)",
        "sdem": "Dynamic spatial Durbin error model (SDEM)",
        "sdm": "Dynamic spatial Durbin model (SDM)",
        "sem": "Dynamic spatial error model (SEM)",
        "slx": "Dynamic spatially lagged X model (SLX)",
    },
    "effect": {
        "direct": "direct effect",
        "indirect": "indirect effect",
        "total": "total effect",
    },
    "effects": {
        "correlated-random": "correlated random unit effects",
        "none": "no fixed effects",
        "period": "period fixed effects",
        "random": "random unit effects",
        "two-way": "unit and period fixed effects",
        "unit": "unit fixed effects",
    },
    "estimator": {
        "gs2sls": "generalised spatial two-stage least squares",
        "ml": "maximum likelihood",
    },
    "horizon": {
        "long-run": "long run",
        "short-run": "short run",
        "static": "static",
    },
    "method": {
        "delta": "delta method",
        "draws": "draws from the asymptotic distribution",
    },
    "model": {
        "ols": "Linear model",
        "sac": "Spatial autoregressive model with spatial errors (SAC)",
        "sar": "Spatial autoregressive model (SAR)",
        "sdem": "Spatial Durbin error model (SDEM)",
        "sdm": "Spatial Durbin model (SDM)",
        "sem": "Spatial error model (SEM)",
        "slx": "Spatially lagged X model (SLX)",
    },
    "test group": {
        "effects": "Fixed effects (SDM, dummy variables)",
        "random-effects": "Random or fixed unit effects (SDM)",
        "residuals": "Residuals of the linear model",
        "score": "LM tests of the linear model",
        "simplification": "Simplifications of the Durbin model",
    },
}
