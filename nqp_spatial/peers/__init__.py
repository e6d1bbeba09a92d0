"""A second opinion: the same numbers by other programs."""

from nqp_spatial.peers.crosscheck import CrosscheckResult, crosscheck

__all__ = ["CrosscheckResult", "crosscheck"]


def __dir__() -> list[str]:
    return sorted(__all__)
