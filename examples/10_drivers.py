"""Hot spots of a variable, and the factors whose maps resemble its own.

Unemployment in the 48 contiguous United States, 1970 and 1986 (Munnell's data): hot and cold spots,
clusters of its change, and the geodetector with capital, employment and region as factors. Figures
and tables are written to output/.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import nqp_spatial as nq

OUTPUT = Path("output")
SEED = 2024
PERIODS = (1970, 1986)
REGIONS = {
    "Northeast": "CT MA ME NH NJ NY PA RI VT",
    "Midwest": "IA IL IN KS MI MN MO ND NE OH SD WI",
    "South": "AL AR DE FL GA KY LA MD MS NC OK SC TN TX VA WV",
    "West": "AZ CA CO ID MT NM NV OR UT WA WY",
}
FACTORS = ["region", "private", "public", "employment"]


def states() -> nq.SpatialPanel:
    """Return unemployment with capital per worker, employment and census region."""
    panel = nq.datasets.us_public_capital()
    region = {unit: name for name, units in REGIONS.items() for unit in units.split()}
    return panel.assign(
        labels={
            "unemp": "Unemployment, %",
            "region": "Census region",
            "private": "Private capital per worker",
            "public": "Public capital per worker",
            "employment": "Employment",
        },
        region=lambda d: d.index.get_level_values("unit").map(region),
        private=lambda d: np.exp(d["lpc"] - d["lemp"]),
        public=lambda d: np.exp(d["lpcap"] - d["lemp"]),
        employment=lambda d: np.exp(d["lemp"]),
    )


def save(figure: object, name: str) -> None:
    nq.plots.save(figure, OUTPUT / f"10_{name}", close=True)


def hot_spots(panel: nq.SpatialPanel, w: nq.weights.SpatialWeights) -> None:
    """Map hot and cold spots of both years, and clusters of the change between them."""
    hot = {
        period: nq.esda.getis_ord(panel, "unemp", w, period=period, seed=SEED) for period in PERIODS
    }
    for period, result in hot.items():
        print(result)
        strict = nq.esda.getis_ord(panel, "unemp", w, period=period, fdr=True, seed=SEED)
        print(f"With a false discovery rate of 5 %: {strict.counts.to_dict()}")
    save(nq.plots.lisa_maps(hot, panel, significance=True), "hot_spots")
    members = pd.DataFrame({period: result.frame["cluster"] for period, result in hot.items()})
    members.to_csv(OUTPUT / "10_hot_spots.csv")
    change = nq.esda.differential_lisa(panel, "unemp", w, periods=PERIODS, seed=SEED)
    save(nq.plots.lisa_map(change, panel, title="Change of unemployment, 1970 to 1986"), "change")


def drivers(panel: nq.SpatialPanel, w: nq.weights.SpatialWeights) -> None:
    """Compare the factors in both years, alone and in pairs; 48 states allow few strata."""
    result = nq.structure.geodetector(
        panel.select(periods=list(PERIODS)), "unemp", FACTORS, number=(3, 4, 5), weights=w,
        seed=SEED,
    )  # fmt: skip
    print(result)
    result.frame.to_csv(OUTPUT / "10_factors.csv")
    result.interactions.to_csv(OUTPUT / "10_interactions.csv")
    for period in PERIODS:
        title = f"Unemployment, {period}"
        save(nq.plots.geodetector(result, period=period, title=title), f"factors_{period}")
    title = "Factors and their pairs, 1986"
    save(nq.plots.interactions(result, title=title), "interactions")
    title = "Unemployment by region, 1986"
    save(nq.plots.strata_means(result, "region", title=title), "regions")


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    panel = states()
    w = nq.weights.contiguity(panel)
    hot_spots(panel, w)
    drivers(panel, w)


if __name__ == "__main__":
    main()
