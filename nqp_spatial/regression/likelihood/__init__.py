"""The likelihood: log-determinants, factorisations, maximisation; one W or several."""

from nqp_spatial.regression.likelihood.concentrated import ConcentratedLikelihood
from nqp_spatial.regression.likelihood.factorization import factorize, factorize_system
from nqp_spatial.regression.likelihood.log_determinant import LogDet, log_determinant
from nqp_spatial.regression.likelihood.maximize import Maximum, maximize
from nqp_spatial.regression.likelihood.quadrature import ProbeQuadrature, probe_quadrature
from nqp_spatial.regression.likelihood.several_lags import LagMatrices, lag_matrices
from nqp_spatial.regression.likelihood.sizes import DENSE_UP_TO, PROBES, probe_signs

__all__ = [
    "DENSE_UP_TO",
    "PROBES",
    "ConcentratedLikelihood",
    "LagMatrices",
    "LogDet",
    "Maximum",
    "ProbeQuadrature",
    "factorize",
    "factorize_system",
    "lag_matrices",
    "log_determinant",
    "maximize",
    "probe_quadrature",
    "probe_signs",
]
