"""A second opinion: the same numbers by other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.lazy import load_when_used

if TYPE_CHECKING:
    from nqp_spatial.peers.crosscheck import CrosscheckResult, crosscheck

__all__ = ["CrosscheckResult", "crosscheck"]

load_when_used(
    __name__,
    {
        "crosscheck": "CrosscheckResult crosscheck",
    },
)
