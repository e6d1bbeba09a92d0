"""The result of every estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from nqp_spatial.core.inference import HypothesisTest, NotApplicable
from nqp_spatial.regression._estimated import Convergence
from nqp_spatial.regression.covariance.information import Estimate

__all__ = ["Estimated", "UnitEffects"]


@dataclass(frozen=True, eq=False)
class UnitEffects:
    """Predictions of random unit effects, shape (n,), and their variance."""

    values: np.ndarray
    variance: float


@dataclass(frozen=True, eq=False)
class Estimated:
    """An estimate with its covariance.

    Attributes
    ----------
    estimate : Estimate
    cov : ndarray
        Covariance of (coefs, rho, lam, phi, psi, sigma2) where the model has them.
    loglik : float
        Missing where there is no likelihood.
    convergence : Convergence or None
    notes : tuple of str
    tests : mapping
    residuals : ndarray or None
        Innovations, shape (N,), where they are not those of the estimate.
    unit_effects : UnitEffects or None
        Likewise.
    """

    estimate: Estimate
    cov: np.ndarray
    loglik: float = np.nan
    convergence: Convergence | None = None
    notes: tuple[str, ...] = ()
    tests: Mapping[str, HypothesisTest | NotApplicable] = field(default_factory=dict)
    residuals: np.ndarray | None = None
    unit_effects: UnitEffects | None = None
