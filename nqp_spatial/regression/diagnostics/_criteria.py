"""Information criteria of several models, and which of them compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.text import t
from nqp_spatial.regression.results import RegressionResult

__all__ = ["criteria_of", "notes_on_criteria"]


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


def notes_on_criteria(models: Mapping[str, RegressionResult]) -> tuple[str, ...]:
    """Return the reasons why log-likelihoods, AIC or BIC of these models do not compare.

    Parameters
    ----------
    models : mapping of RegressionResult

    Returns
    -------
    tuple of str
    """
    notes = []
    without = [name for name, model in models.items() if np.isnan(model.loglik)]
    if without and len(without) < len(models):
        notes.append(
            t(
                "no log-likelihood, AIC and BIC, as they are not maximum likelihood: {models}",
                models=", ".join(without),
            )
        )
    likely = [model for name, model in models.items() if name not in without]
    if len({model.nobs for model in likely}) > 1:
        note = t("models have different observations: likelihoods and criteria are not comparable")
        return (note, *notes)
    if len({model.spec.outcome for model in likely}) > 1:
        notes.append(
            t("models have different outcomes: likelihoods and criteria are not comparable")
        )
    transformed = {_transformation(model) for model in likely}
    if len(transformed) > 1:
        notes.append(
            t(
                "models differ in effects or in their correction, so that their likelihoods are of "
                "differently transformed data: criteria are not comparable; with "
                "correction='none' all likelihoods are of the data themselves"
            )
        )
    elif len({model.spec.effects for model in likely}) > 1:
        notes.append(
            t(
                "fixed effects are not counted as parameters: AIC and BIC of models that differ in "
                "effects are not comparable, log-likelihoods are"
            )
        )
    return tuple(notes)


def _transformation(model: RegressionResult) -> tuple[str, str]:
    """Return the correction, and the effects that it transforms away."""
    spec = model.spec
    return spec.correction, "" if spec.correction == "none" else spec.effects
