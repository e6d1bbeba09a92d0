"""Tables for methods on spatial patterns, which run only if the settings file has them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from nqp_spatial.report.study._setting_kinds import Columns, Method, Names, Period, Periods, Text

__all__ = ["Drivers", "Forecast", "Hotspots", "Network"]


class Hotspots(Method):
    """[hotspots]."""

    statistic: Literal["getis-ord", "local-geary"] = Field(
        "getis-ord", description="concentration of high or low values, or likeness of neighbours"
    )
    star: bool = Field(True, description="whether a unit is part of its neighbourhood: Gi* or Gi")
    periods: Periods | None = Field(
        None, description="periods of the maps; first and last if left out"
    )
    alpha: float = Field(0.05, gt=0, lt=1, description="significance")
    fdr: bool = Field(False, description="whether alpha bounds the false discovery rate")

    @property
    def named_periods(self) -> dict[str, list[Any]]:
        """Periods, by the key that names them."""
        return {"periods": self.periods or []}


class Drivers(Method):
    """[drivers]."""

    factors: Columns = Field(description="columns of the geodetector")
    periods: Periods | None = Field(
        None, description="which periods, each by itself; the last if left out, all if pooled"
    )
    pooled: bool = Field(False, description="whether the periods are one sample")
    cuts: Literal["optimal", "quantiles", "equal-intervals", "natural-breaks", "std-deviations"] = (
        Field("optimal", description="how numbers are cut into strata")
    )
    strata: int | None = Field(
        None, ge=2, le=20, description="strata per factor; 5, or 3 to 8 are tried if left out"
    )

    @property
    def named_columns(self) -> dict[str, list[str]]:
        """Columns of the data, by the key that names them."""
        return {"factors": list(self.factors)}

    @property
    def named_periods(self) -> dict[str, list[Any]]:
        """Periods, by the key that names them."""
        return {"periods": self.periods or []}


class Network(Method):
    """[network]."""

    mass: Columns = Field(description="columns whose geometric mean is the size of a unit")
    period: Period | None = Field(None, description="the last if left out")
    gap: Text | None = Field(
        None, description="a column, such as income per head: distance is divided by its difference"
    )
    share: Text | None = Field(None, description="column of the sender's share; mass if left out")
    power: float = Field(2, gt=0, le=100, description="of the distance")
    threshold: Literal["row-mean", "mean", "none"] = Field(
        "row-mean", description="which strengths are links"
    )
    splits: int = Field(2, ge=0, le=6, description="how often blocks are split: 2 for four blocks")
    differences: Names = Field(
        [], description="columns whose differences may go along with links (QAP)"
    )

    @property
    def named_columns(self) -> dict[str, list[str]]:
        """Columns of the data, by the key that names them."""
        single = {"gap": self.gap, "share": self.share}
        columns = {"mass": list(self.mass), "differences": list(self.differences)}
        return columns | {key: [name] for key, name in single.items() if name}

    @property
    def named_periods(self) -> dict[str, list[Any]]:
        """Periods, by the key that names them."""
        return {"period": [] if self.period is None else [self.period]}


class Forecast(Method):
    """[forecast]."""

    chain: Literal["plain", "spatial"] = Field(
        "spatial", description="whether moves depend on the neighbours' states"
    )
    horizon: int = Field(10, ge=1, le=1000, description="steps ahead")
    holdout: int = Field(3, ge=0, le=1000, description="last steps that test the forecast; 0: none")
