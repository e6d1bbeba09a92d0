"""Convergence: of dispersion, of growth, and in clubs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.lazy import load_when_used

if TYPE_CHECKING:
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

load_when_used(
    __name__,
    {
        "beta": "BetaResult beta",
        "club_geography": "ClubLogitResult club_joins club_logit",
        "clubs": "ClubsResult clubs",
        "log_t": "LogTResult log_t",
        "sigma": "SigmaResult sigma",
    },
)
