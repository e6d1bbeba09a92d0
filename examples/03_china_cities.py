"""332 Chinese cities: clusters of night light, moves between classes, and spillovers.

Needs data that may not be passed on: set NQP_DATA to the folder that holds data/china_cities. The
light of 2013-2020 is used, because the sensor changed before 2013. Cities are matched by code with
the boundaries of the package; the polygons of the data are cells around points, no boundaries.
"""

import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

import nqp_spatial as nq

OUTPUT = Path("output")
SEED = 2024
CHINA = {"basemap": "china", "inset": "south-china-sea"}
LABELS = {
    "light": "Log mean night light",
    "built": "Built-up share, %",
    "urban": "Share living on built-up land, %",
    "income": "Real GDP per head (log)",
    "total_meanlight": "Mean night light",
}


def boundaries(cities: pd.DataFrame) -> gpd.GeoDataFrame:
    """Match the cities with boundaries by code, or else by name, and report what has none."""
    found = nq.datasets.match_prefectures(cities["city_id"])
    missed = found["adcode"].isna().to_numpy()
    if missed.any():
        by_name = nq.datasets.match_prefectures(cities.loc[missed, "name_zh"])
        found.loc[missed, ["adcode", "how"]] = by_name[["adcode", "how"]].to_numpy()
    print("Cities matched with boundaries by", found["how"].value_counts().to_dict())
    lost = found["adcode"].isna().to_numpy()
    if lost.any():
        raise SystemExit(f"no boundaries for {cities.loc[lost, 'name_zh'].tolist()}")
    shapes = nq.datasets.china_prefectures().geometry.loc[found["adcode"].astype(int)]
    return gpd.GeoDataFrame(
        {"city_id": cities["city_id"].to_numpy()}, geometry=shapes.to_numpy(), crs=shapes.crs
    )


def read(folder: Path) -> tuple[nq.SpatialPanel, nq.weights.SpatialWeights]:
    """Panel of 2013-2020 with boundaries, and their contiguity."""
    cities = pd.read_csv(folder / "cities.csv")
    frame = pd.read_csv(folder / "panel.csv")
    panel = nq.SpatialPanel(
        frame[frame["year"] >= 2013],
        unit="city_id",
        period="year",
        geometry=boundaries(cities),
        labels=LABELS,
    ).assign(
        light=lambda d: np.log(d["total_meanlight"]),
        built=lambda d: d["built_up_share_pct"],
        urban=lambda d: d["urban_pop_share_pct"],
    )
    # Not all units of China are in the data: a city whose neighbours are not is joined to the
    # nearest one.
    w = nq.weights.contiguity(panel, islands="nearest")
    cells = nq.weights.from_edges(pd.read_csv(folder / "queen_edges.csv"))
    print("Contiguity of boundaries against that of the data's cells")
    print(nq.weights.compare(w, cells, panel.wide("light")).round(3).to_string())
    return panel, w


def main() -> None:
    folder = Path(os.environ.get("NQP_DATA", "../shared")) / "data" / "china_cities"
    if not folder.is_dir():
        print(f"03: skipped, no data at {folder}; set NQP_DATA to the folder that holds them")
        return
    OUTPUT.mkdir(exist_ok=True)
    panel, w = read(folder)
    print(panel, w, sep="\n")

    lisa = nq.esda.lisa(panel, "light", w, period=2020, permutations=9999, seed=SEED)
    nq.plots.save(nq.plots.lisa_map(lisa, panel, **CHINA), OUTPUT / "03_lisa_light_2020")
    nq.plots.save(nq.plots.moran_scatter(lisa), OUTPUT / "03_moran_scatter_2020")
    drawn = nq.plots.choropleth(panel, "light", period=2020, **CHINA)
    nq.plots.save(drawn, OUTPUT / "03_light_2020")
    print(lisa)

    chain = nq.dynamics.spatial_markov(
        panel, "total_meanlight", w, relative=True, permutations=999, seed=SEED
    )
    nq.plots.save(nq.plots.transitions(chain), OUTPUT / "03_spatial_markov")
    print(chain.tests_table.to_string())

    # GDP has gaps: the third model keeps the cities that are complete, and makes weights anew.
    complete = panel.balance(how="drop-units", columns=["gdp_per_capita_real2010_cny"])
    complete = complete.assign(income=lambda d: np.log(d["gdp_per_capita_real2010_cny"]))
    print(*complete.notes, sep="\n")
    formula = "light ~ built + urban"
    models = {
        "Contiguity": nq.fit(formula, panel, w, effects="two-way"),
        "Six nearest": nq.fit(formula, panel, nq.weights.knn(panel, k=6), effects="two-way"),
        "With GDP": nq.fit(
            f"{formula} + income", complete, nq.weights.knn(complete, k=6), effects="two-way"
        ),
    }
    effects = {name: res.effects(draws=2000, seed=SEED) for name, res in models.items()}
    title = "Night light of Chinese cities, 2013–2020"
    for ending in ("docx", "tex", "html"):
        nq.report.regression_table(models, OUTPUT / f"03_models.{ending}", caption=title)
        nq.report.effects_table(effects, OUTPUT / f"03_effects.{ending}", caption=title)
    nq.plots.save(nq.plots.effects(effects["Contiguity"]), OUTPUT / "03_effects")
    print(models["Contiguity"].summary, effects["Contiguity"], sep="\n")


if __name__ == "__main__":
    main()
