"""The result of every estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from nqp_spatial.core.inference import HypothesisTest, NotApplicable
from nqp_spatial.regression._estimated import Convergence
from nqp_spatial.regression.covariance.information import Estimate

__all__ = ["Estimated"]


@dataclass(frozen=True, eq=False)
class Estimated:
    """An estimate with its covariance.

    Attributes
    ----------
    estimate : Estimate
    cov : ndarray
        Covariance of (coefs, rho, lam, phi, sigma2) where the model has them.
    loglik : float
        Missing where there is no likelihood.
    convergence : Convergence or None
    notes : tuple of str
    tests : mapping
    """

    estimate: Estimate
    cov: np.ndarray
    loglik: float = np.nan
    convergence: Convergence | None = None
    notes: tuple[str, ...] = ()
    tests: Mapping[str, HypothesisTest | NotApplicable] = field(default_factory=dict)
