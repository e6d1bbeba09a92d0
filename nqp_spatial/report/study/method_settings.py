"""The tables of methods that run only if the settings file has them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from nqp_spatial.report.study._setting_kinds import Columns, Names, Periods, Table, Text

__all__ = ["Drivers", "Hotspots", "Mediation", "Method"]


class Method(Table):
    """A table that asks for a method; without it, the method is not part of the study."""

    @property
    def named_columns(self) -> dict[str, list[str]]:
        """Columns of the data, by the key that names them."""
        return {}

    @property
    def formulas(self) -> dict[str, str]:
        """Formulas, by key."""
        return {}

    @property
    def named_periods(self) -> dict[str, list[Any]]:
        """Periods, by the key that names them."""
        return {}


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


class Mediation(Method):
    """[mediation]."""

    mediator: Text = Field(description='formula of the mediator, such as "m ~ x1 + x2"')
    outcome: Text | None = Field(
        None,
        description='with the mediator, such as "y ~ m + x1 + x2"; that of [model] if left out',
    )
    variables: Names = Field([], description="whose paths are wanted; all of the mediator if empty")
    method: Literal["draws", "bootstrap", "delta"] = Field("draws", description="of the intervals")
    draws: int = Field(1999, ge=2, le=10**6, description="draws or bootstrap samples")

    @property
    def formulas(self) -> dict[str, str]:
        """Formulas, by key."""
        written = {"mediator": self.mediator, "outcome": self.outcome}
        return {key: formula for key, formula in written.items() if formula}
