"""The tables of a settings file: models with types, defaults, choices, descriptions."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field

from nqp_spatial.core.shipped_maps import SHIPPED_MAPS
from nqp_spatial.report.study._setting_kinds import (
    Encoding,
    Indicators,
    Labels,
    Names,
    PeriodPair,
    Periods,
    Places,
    Table,
    Text,
    each_once,
)

__all__ = [
    "METHODS",
    "STEPS",
    "Clubs",
    "Data",
    "Dynamics",
    "Groups",
    "Index",
    "Lisa",
    "Maps",
    "Model",
    "Outcome",
    "Page",
    "Study",
    "Table",
    "Weights",
]

StepName = Literal[
    "describe", "index", "gradient", "distribution", "chains", "convergence", "association",
    "diagnostics", "model", "centre", "explore",
]  # fmt: skip
MethodName = Literal[
    "hotspots", "drivers", "network", "forecast", "mediation", "robustness", "heterogeneity",
    "policy",
]  # fmt: skip
#: Steps of every study, and those that the settings ask for by a table of the same name.
STEPS: tuple[str, ...] = get_args(StepName)
METHODS: tuple[str, ...] = get_args(MethodName)


class Study(Table):
    """[study]."""

    title: Text | None = Field(None, description="heading of the page")
    seed: int = Field(2024, ge=0, le=2**32 - 1, description="of all random numbers")
    permutations: int = Field(999, ge=9, le=10**6, description="of the permutation tests")
    replications: int = Field(499, ge=2, le=10**6, description="of the bootstrap intervals")
    lang: Literal["en", "zh"] = Field("en", description="language of the page, figures and tables")
    skip: Annotated[list[StepName | MethodName], AfterValidator(each_once)] = Field(
        [], description=f"steps to leave out, of {', '.join(STEPS)}"
    )


class Data(Table):
    """[data]."""

    panel: Text = Field(description="csv, xlsx, dta or parquet, in long form")
    unit: Text = Field(description="column of unit ids")
    period: Text = Field(description="column of periods")
    geometry: Text | None = Field(
        None,
        description="shp, gpkg, geojson, gdb or zip with the units; or a map of the package, "
        "china-prefectures or china-provinces",
    )
    geometry_unit: Text | None = Field(None, description="its column of ids, if named otherwise")
    geometry_encoding: Encoding | None = Field(
        None, description="of a shapefile without cpg, such as gb18030"
    )
    extra_shapes: Literal["error", "drop"] = Field(
        "error", description="geometries of units that the table lacks"
    )
    sheet_name: Text | None = Field(None, description="sheet of a workbook")
    header_row: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="row of the column names, where a title is above them; 1 is the first"
    )
    footer_rows: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="how many rows of a workbook are below the table, such as a source"
    )
    encoding: Encoding | None = Field(None, description="of a csv, such as gb18030")
    periods: Periods | None = Field(None, description="which periods to use; all if left out")
    balance: Literal["drop-units", "drop-periods", "interpolate"] | None = Field(
        None, description="how gaps are closed; an error if left out"
    )
    logs: Names = Field([], description="columns to add in logs, as log_NAME")
    labels: Labels = Field({}, description="names of columns in figures and tables")
    aliases: Places = Field(
        {}, description='"name in the table" = "name or code on the map"; "" leaves a unit out'
    )

    @property
    def on_shipped_map(self) -> bool:
        """Whether the map is one of the package."""
        return self.geometry in SHIPPED_MAPS


class Weights(Table):
    """[weights]."""

    kind: Literal["queen", "rook", "knn", "distance-band", "inverse-distance", "file"] = Field(
        "queen", description="which units are neighbours"
    )
    k: int = Field(6, ge=1, description='if kind is "knn"')
    cutoff_km: float | None = Field(
        None, gt=0, description='if kind is "distance-band" or "inverse-distance"'
    )
    power: float = Field(1, ge=0, le=100, description='if kind is "inverse-distance"')
    path: Text | None = Field(None, description='if kind is "file": gal, gwt, csv, xlsx or parquet')
    islands: Literal["error", "nearest", "keep"] | None = Field(
        None, description="units without neighbours; nearest for queen and rook, error for bands"
    )


class Index(Table):
    """[index]."""

    name: Text = Field("index", description="column that the index becomes")
    weighting: Literal["entropy", "critic", "cv", "pca", "scatter", "equal"] = Field(
        "entropy", description="how indicators are weighted"
    )
    indicators: Indicators | None = Field(
        None, description='column = "+" or "-", in tables by dimension or not'
    )


class Outcome(Table):
    """[outcome]."""

    variable: Text | None = Field(None, description="the column studied; the index if left out")
    logs: bool = Field(False, description="whether convergence is studied in logs")


class Groups(Table):
    """[groups]."""

    region: Text | None = Field(None, description="column of regions, for gaps and Dagum")
    province: Text | None = Field(
        None, description="column of provinces, nested in regions, for Theil"
    )
    centre: Text | None = Field(None, description="column that tells centre from periphery")


class Dynamics(Table):
    """[dynamics]."""

    states: int = Field(4, ge=2, le=50, description="states of the chains")
    lag_states: int = Field(4, ge=2, le=50, description="neighbour states")
    relative: bool = Field(True, description="whether values are divided by the period's mean")
    step: int = Field(1, ge=1, description="periods between start and end of a move")


class Clubs(Table):
    """[clubs]."""

    detrend: Literal["hp", "none"] = Field("hp", description="how the cycle is removed")
    discard: float = Field(1 / 3, ge=0, lt=1, description="share of periods left out at the start")
    critical: Literal["fixed", "increasing"] = Field(
        "increasing", description="critical value of club membership"
    )
    merge: Literal["phillips-sul", "von-lyncker-thoennessen", "none"] = Field(
        "phillips-sul", description="how clubs are merged"
    )


class Lisa(Table):
    """[lisa]."""

    periods: Periods | None = Field(
        None, description="periods of the maps; first and last if left out"
    )
    alpha: float = Field(0.05, gt=0, lt=1, description="significance of the clusters")
    bivariate: Text | None = Field(
        None, description="a column: clusters of the outcome and the neighbours' values of it"
    )
    change: PeriodPair | None = Field(
        None, description="two periods: clusters of the change between them"
    )
    paths: bool = Field(False, description="whether to follow units and neighbours over time")

    @property
    def named_periods(self) -> dict[str, list[Any]]:
        """Periods, by the key that names them."""
        return {"periods": self.periods or [], "change": self.change or []}


class Maps(Table):
    """[maps]."""

    basemap: Literal["china"] | None = Field(
        None, description="provinces and the sea line behind the map"
    )
    inset: Literal["south-china-sea"] | None = Field(None, description="a small map beside it")


class Page(Table):
    """[page]."""

    explore: bool = Field(True, description="whether to write explore.html, with linked views")


class Model(Table):
    """[model]."""

    formula: Text | None = Field(None, description='such as "y ~ x1 + x2"; no models if left out')
    model: Literal["ols", "slx", "sar", "sem", "sdm", "sdem", "sac", "gns"] = Field(
        "sdm", description="of the main table"
    )
    effects: Literal["none", "unit", "period", "two-way"] = Field(
        "two-way", description="fixed effects"
    )
    estimator: Literal["auto", "ml", "gs2sls", "m"] = Field(
        "auto", description="of the main table; auto is m where covariance is robust"
    )
    covariance: Literal[
        "observed", "expected", "qml", "robust", "cluster", "driscoll-kraay", "conley"
    ] = Field("observed", description="of the main table")
    cluster: Text | None = Field(
        None, description="column of clusters, for covariance = cluster; the units if left out"
    )
    cutoff_km: float | None = Field(
        None, gt=0, description="of conley: distance from which errors are uncorrelated"
    )
    lags: int | None = Field(
        None, ge=0, description="of conley and driscoll-kraay: periods of correlated errors"
    )
    draws: int = Field(1000, ge=2, le=10**6, description="for the inference on effects")

    @property
    def inference(self) -> dict[str, Any]:
        """The options of estimator and covariance that differ from those of `fit`."""
        options = {
            "estimator": None if self.estimator == "auto" else self.estimator,
            "covariance": None if self.covariance == "observed" else self.covariance,
            "cluster": self.cluster or None, "cutoff_km": self.cutoff_km, "lags": self.lags,
        }  # fmt: skip
        return {key: value for key, value in options.items() if value is not None}
