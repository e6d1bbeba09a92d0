"""Exploratory spatial data analysis: global and local association."""

from nqp_spatial.esda.lisa import LisaResult, lisa
from nqp_spatial.esda.moran import MoranResult, moran

__all__ = ["LisaResult", "MoranResult", "lisa", "moran"]
