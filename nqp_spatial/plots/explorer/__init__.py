"""Pages with linked views: a map, a scatter and lines over time that mark the same units."""

from nqp_spatial.plots.explorer.explore import explore

__all__ = ["explore"]


def __dir__() -> list[str]:
    return sorted(__all__)
