"""332 Chinese cities: clusters of night-time light, Markov chains, and spillover effects.

Requires data that cannot be redistributed: set NQP_DATA to the folder that contains
data/china_cities.
"""

from pathlib import Path

import numpy as np
from _china_cities import data_folder, read_cities

import nqp_spatial as nq

OUTPUT = Path("output")
SEED = 2024
CHINA = {"basemap": "china", "inset": "south-china-sea"}


def main() -> None:
    folder = data_folder()
    if folder is None:
        print("03: skipped, no data; set NQP_DATA to the folder that holds data/china_cities")
        return
    OUTPUT.mkdir(exist_ok=True)
    panel, w = read_cities(folder)
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
    print(chain.tests)

    # GDP has gaps: the third model uses the cities with complete data, and new weights for them.
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
