"""Covariances of estimates: information, sandwiches, bias of short dynamic panels."""

from nqp_spatial.regression.covariance.dynamic_bias import lag_parameters, long_run
from nqp_spatial.regression.covariance.information import Estimate, expected, observed
from nqp_spatial.regression.covariance.sandwich import clustered, driscoll_kraay, quasi_likelihood

__all__ = [
    "Estimate",
    "clustered",
    "driscoll_kraay",
    "expected",
    "lag_parameters",
    "long_run",
    "observed",
    "quasi_likelihood",
]
