"""Exploratory spatial data analysis: global and local association."""

from nqp_spatial.esda.joins import JoinCountsResult, join_counts
from nqp_spatial.esda.lisa import LisaResult, lisa
from nqp_spatial.esda.moran import MoranResult, moran

__all__ = ["JoinCountsResult", "LisaResult", "MoranResult", "join_counts", "lisa", "moran"]


def __dir__() -> list[str]:
    return sorted(__all__)
