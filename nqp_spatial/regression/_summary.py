"""How a fitted model is displayed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, notes_of
from nqp_spatial.core.number_format import criterion_text, significant
from nqp_spatial.regression._estimated import EstimatedModel
from nqp_spatial.regression._fit_measures import full_rsquared, squared_correlation_of

__all__ = ["Summary", "summary_blocks"]


class Summary(str):
    """Text that is displayed with its line breaks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def __call__(self) -> Summary:
        """Return the same text, for users of packages in which the summary is a method."""
        return self


def summary_blocks(model: EstimatedModel) -> list[Block]:
    """Return a fitted model as paragraphs and tables."""
    spec = model.spec
    table = model.frame.reset_index()
    part = ["part"] if model.terms.has_parts else []
    headings = ["", "variable", *part, "estimate", "std.error", "stat", "p", "2.5 %", "97.5 %"]
    table.columns = pd.Index(headings)
    fit = f"sigma2: {significant(model.sigma2, 4)}   R2: {full_rsquared(model):.4f}   R2 within: "
    fit += f"{model.rsquared_within:.4f}"
    if np.isfinite(correlation := squared_correlation_of(model)):
        fit += f"   corr2: {correlation:.4f}"
    if np.isfinite(model.loglik):
        criteria = f"AIC: {criterion_text(model.aic)}   BIC: {criterion_text(model.bic)}"
        fit = f"{fit}\nLog-likelihood: {criterion_text(model.loglik)}   {criteria}"
    blocks: list[Block] = [
        spec.describe(),
        f"Formula: {spec.formula}",
        f"Weights: {spec.weights or 'none'}",
        f"Units: {model.n_units}   Periods: {model.n_periods}   Observations: {model.nobs}",
        f"Correction: {spec.correction_in_words}   Covariance: {spec.covariance_name}",
        table,
        fit,
        *map(repr, model.tests.values()),
    ]
    if not model.terms.has_parts and (spec.has_rho or spec.has_lags or spec.is_dynamic):
        blocks.append("Coefficients of a model with spatial lags are not effects: see .effects()")
    return [*blocks, *notes_of(model.notes)]
