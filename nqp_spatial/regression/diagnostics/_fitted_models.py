"""The models that the specification path compares, and what cannot be computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from nqp_spatial.core.inference import HypothesisTest, NotApplicable
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import NqpError
from nqp_spatial.regression._design import INTERCEPT
from nqp_spatial.regression._evaluation import evaluate
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression._shared_evaluations import shared
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import Correction, Effects, Model
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["attempted", "fit_models", "with_period_dummies"]

_SWEPT = ("unit", "period", "two-way")
_FITTED: tuple[Model, ...] = ("ols", "slx", "sar", "sem", "sdm", "sdem")


def attempted(
    name: str, null: str, test: Callable[[], HypothesisTest | NotApplicable]
) -> HypothesisTest | NotApplicable:
    """Return a test, or the reason why it cannot be computed.

    Parameters
    ----------
    name, null : str
        Of the test.
    test : callable
        Computes it.

    Returns
    -------
    HypothesisTest or NotApplicable
    """
    try:
        return test()
    except NqpError as error:
        return NotApplicable(name, null, str(error))
    except np.linalg.LinAlgError:
        return NotApplicable(name, null, t("the covariance of the estimates is singular"))


def with_period_dummies(formula: str, panel: SpatialPanel) -> tuple[str, SpatialPanel]:
    """Return a formula with a dummy variable of each period, and a panel with the column it needs.

    Parameters
    ----------
    formula : str
    panel : SpatialPanel

    Returns
    -------
    str
    SpatialPanel
    """
    name, wider = shared(panel, "period codes", lambda: _with_period_codes(panel))
    return f"{formula} + C({name})", wider


def _with_period_codes(panel: SpatialPanel) -> tuple[str, SpatialPanel]:
    """Return the name of a column of numbers of the periods, and the panel that has it."""
    name, names = "period_", {str(column) for column in panel.frame.columns}
    while name in names:
        name += "_"
    columns: dict[str, Any] = {name: np.tile(np.arange(panel.n_periods), panel.n_units)}
    return name, panel.assign(**columns)


def fit_models(
    formula: str,
    panel: SpatialPanel,
    w: SpatialWeights,
    effects: Effects,
    correction: Correction,
    functions: Functions | None,
) -> tuple[dict[Model, RegressionResult], tuple[str, ...]]:
    """Fit the models, and note those that these data do not allow.

    Parameters
    ----------
    formula, panel, effects, correction, functions
        As in `fit`.
    w : SpatialWeights

    Returns
    -------
    dict of RegressionResult
    tuple of str

    Raises
    ------
    NqpError
        If the linear model has coefficients and cannot be fitted.
    """
    regressors = [str(name) for name in evaluate(formula, panel, functions)[1].columns]
    models: dict[Model, RegressionResult] = {}
    notes = []
    # Where rows do not add to one, periods stay dummies while unit effects are transformed away.
    dummies = effects in ("period", "two-way") and correction == "auto" and not w.rows_add_to_one
    for name in _FITTED:
        linear = dummies and name in ("ols", "slx")
        try:
            models[name] = fit(
                formula, panel, w, model=name, effects=effects,
                correction="none" if linear else correction, estimator="ml", functions=functions,
            )  # fmt: skip
            if linear:
                models[name] = _without_unit_effects(models[name])
        except (NqpError, np.linalg.LinAlgError) as error:
            # Without regressors there is no linear model with fixed effects, but a spatial one.
            if name == "ols" and (effects not in _SWEPT or set(regressors) != {INTERCEPT}):
                raise
            notes.append(
                t("{model} could not be fitted: {reason}", model=name.upper(), reason=str(error))
            )
    return models, tuple(notes)


def _without_unit_effects(model: RegressionResult) -> RegressionResult:
    """Return a linear model, fitted with dummies, with its unit effects transformed away.

    Its log-likelihood then compares with those of the spatial models.
    """
    if model.spec.effects != "two-way":
        return model
    share = (model.n_periods - 1) / model.n_periods
    sigma2 = model.sigma2 / share
    loglik = -model.nobs * share / 2 * (np.log(2 * np.pi * sigma2) + 1)
    return replace(model, sigma2=sigma2, loglik=float(loglik))
