"""A composite index from indicators, and regional disparities of the index.

An index of development of 332 Chinese cities from satellite indicators, 2013-2020, if the
environment variable NQP_DATA names the folder with their data; otherwise of the 48 contiguous
United States, 1970-1986, from Munnell's data on capital and output. Coupling of two systems, the
Gini coefficient by four regions, the Theil index by region and province (census division), gaps,
ranks, maps.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from _china_cities import data_folder, read_cities

import nqp_spatial as nq

OUTPUT = Path("output")

DIVISIONS = {
    "New England": ("Northeast", "CT ME MA NH RI VT"),
    "Middle Atlantic": ("Northeast", "NJ NY PA"),
    "East North Central": ("Midwest", "IL IN MI OH WI"),
    "West North Central": ("Midwest", "IA KS MN MO NE ND SD"),
    "South Atlantic": ("South", "DE FL GA MD NC SC VA WV DC"),
    "East South Central": ("South", "AL KY MS TN"),
    "West South Central": ("South", "AR LA OK TX"),
    "Mountain": ("West", "AZ CO ID MT NV NM UT WY"),
    "Pacific": ("West", "CA OR WA"),
}


@dataclass
class Study:
    """A panel, its indicators by dimension, and its regions."""

    panel: nq.SpatialPanel
    indicators: dict[str, dict[str, str]]
    region: str
    inside: str
    title: str
    names: pd.Series
    size: str
    parts: list[str]
    look: dict[str, str] = field(default_factory=dict)


def cities(folder: Path) -> Study:
    """Satellite indicators, which have no gaps."""
    panel, _ = read_cities(folder)
    panel = panel.assign(
        labels={
            "total_meanlight": "Mean night light",
            "light_per_1000_persons": "Light per 1 000 people",
            "pop_density_per_km2": "People per km²",
            "built_up_share_pct": "Built-up land, %",
            "urban_pop_share_pct": "People on built-up land, %",
            "blue_green_share_pct": "Forest, grass and water, %",
            "overall_anpp": "Net primary production",
        }
    )
    indicators = {
        "activity": {"total_meanlight": "+", "light_per_1000_persons": "+"},
        "settlement": {
            "pop_density_per_km2": "+",
            "built_up_share_pct": "+",
            "urban_pop_share_pct": "+",
        },
        "nature": {"blue_green_share_pct": "+", "overall_anpp": "+"},
    }
    names = panel.frame["name_en"].groupby(level=0).first()
    china = {"basemap": "china", "inset": "south-china-sea"}
    land = ["built_up_km2", "cropland_km2", "forest_km2", "shrub_savanna_km2", "grassland_km2"]
    return Study(
        panel, indicators, "region4", "province_zh", "Chinese cities", names,
        "total_population", land, china,
    )  # fmt: skip


def states() -> Study:
    """Output and capital per worker."""
    of = {state: (d, region) for d, (region, some) in DIVISIONS.items() for state in some.split()}
    panel = nq.datasets.us_public_capital().assign(
        labels={
            "output": "Output per worker",
            "private": "Private capital per worker",
            "public": "Public capital per worker",
            "unemp": "Unemployment, %",
        },
        output=lambda d: np.exp(d["lgsp"] - d["lemp"]),
        private=lambda d: np.exp(d["lpc"] - d["lemp"]),
        public=lambda d: np.exp(d["lpcap"] - d["lemp"]),
        employment=lambda d: np.exp(d["lemp"]),
        capital=lambda d: np.exp(d["lpc"]),
        public_capital=lambda d: np.exp(d["lpcap"]),
        region=lambda d: [of[state][1] for state in d.index.get_level_values("unit")],
        census_division=lambda d: [of[state][0] for state in d.index.get_level_values("unit")],
    )
    indicators = {
        "economy": {"output": "+", "unemp": "-"},
        "capital": {"private": "+", "public": "+"},
    }
    names = panel.units.to_series()
    return Study(
        panel, indicators, "region", "census_division", "US states", names,
        "employment", ["capital", "public_capital"],
    )  # fmt: skip


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    folder = data_folder()
    study = states() if folder is None else cities(folder)
    panel = study.panel
    index = nq.composite.index(panel, study.indicators, weighting="entropy")
    print(index)
    index.indicators.to_csv(OUTPUT / "06_weights.csv")
    figure = nq.plots.index_weights(index, labels=panel.labels)
    nq.plots.save(figure, OUTPUT / "06_weights")

    schemes = ("entropy", "critic", "cv", "pca", "scatter", "equal")
    several = {s: nq.composite.index(panel, study.indicators, weighting=s).scores for s in schemes}
    print("Rank correlation of the index under other weightings")
    print(pd.DataFrame(several).corr("spearman").round(3).to_string())
    last = panel.periods[-1]
    ranks = nq.composite.rank_intervals(index, period=last)
    figure = nq.plots.rank_intervals(ranks, labels=study.names, title=f"{study.title}, {last}")
    nq.plots.save(figure, OUTPUT / "06_ranks")

    panel = panel.assign(
        labels={"index": "Index of development", "coordination": "Coupling coordination"},
        index=index.scores,
        **{f"dim_{name}": index.dimensions[name] for name in index.dimensions},
    )
    one, other, *_ = (f"dim_{name}" for name in index.dimensions)
    together = nq.composite.coupling(panel, [one, other])
    print(together, together.frame["lagging"].value_counts(dropna=False).to_string(), sep="\n")
    panel = panel.assign(coordination=together.frame["coordination"])
    for name in ("index", "coordination"):
        figure = nq.plots.choropleth(panel, name, period=last, **study.look)
        nq.plots.save(figure, OUTPUT / f"06_{name}_{last}")

    figure = nq.plots.choropleth_periods(panel, "index", title=study.title, **study.look)
    nq.plots.save(figure, OUTPUT / "06_index_by_year")

    # Four regional variables: border exposure, distance, density, diversity.
    w = nq.weights.knn(panel, k=6)
    panel = panel.assign(
        labels={"exposure": "Links across borders, share", "potential": "Market potential"},
        exposure=nq.structure.border_exposure(panel, w, group=study.inside),
        potential=nq.structure.market_potential(panel, study.size, cutoff_km=1000),
        density=nq.structure.areal_density(panel, study.size),
        diversity=nq.structure.diversity(panel, study.parts)["shannon"],
    )
    four = ["exposure", "potential", "density", "diversity"]
    print(panel.at(last)[four].describe().round(3).to_string())
    for name in ("exposure", "potential"):
        # Shares computed from a few links take only a few values.
        figure = nq.plots.choropleth(panel, name, period=last, classes=3, **study.look)
        nq.plots.save(figure, OUTPUT / f"06_{name}")

    path = nq.structure.centre_path(panel, "index")
    print(path)
    nq.plots.save(nq.plots.centre_path(path, panel, **study.look), OUTPUT / "06_centre_path")

    gini = nq.inequality.dagum(panel, "index", group=study.region, replications=500)
    print(gini)
    words = {"label": "the index", "title": study.title}
    nq.plots.save(nq.plots.dagum(gini, **words), OUTPUT / "06_dagum")
    theil = nq.inequality.theil(panel, "index", levels=[study.region, study.inside])
    print(theil)
    nq.plots.save(nq.plots.theil(theil, **words), OUTPUT / "06_theil")
    print(nq.inequality.indices(panel, "index").iloc[[0, -1]].T.round(4).to_string())
    gaps = nq.inequality.gaps(panel, "index", group=study.region)
    print(f"Gaps between regions, {last}", gaps.frame.xs(last, level="period").round(3), sep="\n")


if __name__ == "__main__":
    main()
