"""The attributes of an estimated model that effects, predictions and tables use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nqp_spatial.core.inference import CoefficientTable, TestSet
from nqp_spatial.core.options import checked
from nqp_spatial.regression._evaluation import FormulaSide
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.likelihood.log_determinant import LogDet
from nqp_spatial.regression.spec import RegressionSpec

__all__ = ["Convergence", "EstimatedModel", "FixedEffects"]


@dataclass(frozen=True)
class Convergence:
    """How the maximum was found.

    Attributes
    ----------
    iterations : int
        Newton steps.
    slope : float
        Derivative of the log-likelihood at the solution, in units of one standard error.
    logdet : str
        Method of the log-determinant.
    logdet_error : float
        Monte Carlo error that the log-determinant causes in rho, in standard errors of rho; 0 if
        exact.
    interval : tuple of float
        Admissible interval of rho.
    n_maxima : int
        Number of different maxima reached from the starting values, where there are several
        parameters rho, lam and phi.
    """

    iterations: int
    slope: float
    logdet: str
    logdet_error: float
    interval: tuple[float, float]
    n_maxima: int = 1


@dataclass(frozen=True, eq=False)
class FixedEffects:
    """The fixed or random effects of a model, where it has them.

    Attributes
    ----------
    constant : float or None
        The constant, where fixed effects, which add to zero, replace the intercept.
    unit, period : Series or None
        Effects by unit and by period; for random unit effects, their predictions.
    variance : float or None
        Variance of random unit effects.
    """

    constant: float | None = None
    unit: pd.Series | None = None
    period: pd.Series | None = None
    variance: float | None = None


class EstimatedModel(CoefficientTable):
    """The attributes of a fitted model that effects, predictions and tables read.

    They are described in `RegressionResult`.
    """

    spec: RegressionSpec
    tests: TestSet
    df_resid: float
    sigma2: float
    loglik: float
    nobs: int
    n_units: int
    n_periods: int
    resid: pd.Series
    fitted: pd.Series
    fixed_effects: FixedEffects
    rsquared_within: float
    notes: tuple[str, ...]
    labels: Mapping[str, str]
    terms: TermWeights
    logdet: LogDet | None
    model_specs: tuple[FormulaSide, FormulaSide] | None
    regimes: Mapping[str, np.ndarray]

    @property
    def n_params(self) -> int:
        """Number of parameters, including sigma2 but not fixed effects."""
        return len(self.params) + 1

    @property
    def aic(self) -> float:
        """Akaike's criterion, ``2 n_params - 2 loglik``; fixed effects are not counted."""
        return 2 * self.n_params - 2 * self.loglik

    @property
    def bic(self) -> float:
        """Schwarz's criterion, ``ln(nobs) n_params - 2 loglik``; fixed effects not counted."""
        return float(np.log(self.nobs)) * self.n_params - 2 * self.loglik

    @checked
    def label(self, name: str) -> str:
        """Return the display label of a variable, or its name."""
        return self.labels.get(name, name)
