"""Convergence: of dispersion, of growth, and in clubs."""

from nqp_spatial.convergence.beta import BetaResult, beta
from nqp_spatial.convergence.club_geography import ClubLogitResult, club_joins, club_logit
from nqp_spatial.convergence.clubs import ClubsResult, clubs
from nqp_spatial.convergence.log_t import LogTResult, log_t
from nqp_spatial.convergence.sigma import SigmaResult, sigma

__all__ = [
    "BetaResult",
    "ClubLogitResult",
    "ClubsResult",
    "LogTResult",
    "SigmaResult",
    "beta",
    "club_joins",
    "club_logit",
    "clubs",
    "log_t",
    "sigma",
]


def __dir__() -> list[str]:
    return sorted(__all__)
