"""Convergence: of dispersion, of growth, and in clubs."""

from nqp_spatial.convergence.beta import BetaResult, beta
from nqp_spatial.convergence.clubs import ClubsResult, clubs
from nqp_spatial.convergence.log_t import LogTResult, log_t
from nqp_spatial.convergence.sigma import SigmaResult, sigma

__all__ = [
    "BetaResult",
    "ClubsResult",
    "LogTResult",
    "SigmaResult",
    "beta",
    "clubs",
    "log_t",
    "sigma",
]
