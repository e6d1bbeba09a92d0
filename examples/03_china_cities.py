"""332 Chinese cities: clusters of night light, moves between classes, and spillovers.

Needs data that may not be passed on: set NQP_DATA to the folder that holds data/china_cities. The
light of 2013-2020 is used, because the sensor changed before 2013. Cities are drawn as points: the
polygons that come with the data are cells around them, not boundaries, and no map of China.
"""

import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

import nqp_spatial as nq

OUTPUT = Path("output")
SEED = 2024
LABELS = {
    "light": "Log mean night light",
    "built": "Built-up share, %",
    "urban": "Share living on built-up land, %",
    "income": "Real GDP per head (log)",
    "total_meanlight": "Mean night light",
}


def read(folder: Path) -> tuple[nq.SpatialPanel, nq.weights.SpatialWeights]:
    """Panel of 2013-2020 with the cities' points, and queen contiguity of their cells."""
    cities = pd.read_csv(folder / "cities.csv")
    points = gpd.GeoDataFrame(
        cities[["city_id"]],
        geometry=gpd.points_from_xy(cities["lon"], cities["lat"]),
        crs="EPSG:4326",
    )
    frame = pd.read_csv(folder / "panel.csv")
    panel = nq.SpatialPanel(
        frame[frame["year"] >= 2013],
        unit="city_id",
        period="year",
        geometry=points,
        labels=LABELS,
    ).assign(
        light=lambda d: np.log(d["total_meanlight"]),
        built=lambda d: d["built_up_share_pct"],
        urban=lambda d: d["urban_pop_share_pct"],
    )
    edges = pd.read_csv(folder / "queen_edges.csv")
    return panel, nq.weights.from_edges(edges, standardize="row")


def main() -> None:
    folder = Path(os.environ.get("NQP_DATA", "../shared")) / "data" / "china_cities"
    if not folder.is_dir():
        print(f"03: skipped, no data at {folder}; set NQP_DATA to the folder that holds them")
        return
    OUTPUT.mkdir(exist_ok=True)
    panel, w = read(folder)
    print(panel, w, sep="\n")

    lisa = nq.esda.lisa(panel, "light", w, period=2020, permutations=9999, seed=SEED)
    nq.plots.save(nq.plots.lisa_map(lisa, panel), OUTPUT / "03_lisa_light_2020")
    nq.plots.save(nq.plots.moran_scatter(lisa), OUTPUT / "03_moran_scatter_2020")
    nq.plots.save(nq.plots.choropleth(panel, "light", period=2020), OUTPUT / "03_light_2020")
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
