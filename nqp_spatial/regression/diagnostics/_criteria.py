"""Information criteria of several models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nqp_spatial.regression.results import RegressionResult

__all__ = ["criteria_of"]


def criteria_of(models: Mapping[Any, RegressionResult]) -> pd.DataFrame:
    """Return log-likelihood, number of parameters, AIC and BIC, one row per model."""
    return pd.DataFrame(
        {
            "log-likelihood": {name: model.loglik for name, model in models.items()},
            "parameters": {name: model.n_params for name, model in models.items()},
            "AIC": {name: model.aic for name, model in models.items()},
            "BIC": {name: model.bic for name, model in models.items()},
        }
    )
