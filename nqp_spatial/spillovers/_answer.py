"""The base of all results on spillovers: the model from which they are derived."""

from __future__ import annotations

import pandas as pd

from nqp_spatial.core.display import Displayed
from nqp_spatial.core.inference import CoefficientTable
from nqp_spatial.regression import RegressionResult

__all__ = ["ModelAnswer"]


class ModelAnswer(CoefficientTable, Displayed):
    """A result that contains its model; its coefficients are those of the model."""

    model: RegressionResult

    @property
    def params(self) -> pd.Series:
        """Estimates, by (block, variable, part)."""
        return self.model.params

    @property
    def cov(self) -> pd.DataFrame:
        """Covariance of the estimates, given what is treated as known, such as a threshold."""
        return self.model.cov
