"""Centre and periphery: direction, borders, reach and thresholds of spillovers.

The questions that Gai, Yan and Liu (2025, Modern Economic Science 47(2)) study for Chinese cities,
2012-2021, are answered one by one for simulated cities whose true parameters are known. Their
results are not reproduced. The same estimators are then applied to 332 real cities if the
environment variable NQP_DATA names the folder with their data.
"""

from pathlib import Path

import pandas as pd
from _china_cities import data_folder, read_cities

import nqp_spatial as nq

OUTPUT = Path("output")
CHINA = {"basemap": "china", "inset": "south-china-sea"}


def beside(planted: nq.datasets.Planted, params: pd.Series, errors: pd.Series) -> pd.DataFrame:
    """Estimates and true values."""
    table = pd.concat([planted.params, params.rename("estimate"), errors], axis=1)
    table["off, s.e."] = (table["estimate"] - table["truth"]) / table["std_error"]
    return table


def gradient(cities: nq.SpatialPanel) -> None:
    """Gap of the index between centre and periphery, for each definition of the centre."""
    rows = {}
    for reading in ("east", "cluster", "core"):
        mean = cities.frame.groupby([reading, "period"])["nqp"].mean().unstack()
        ratio = mean.loc["centre"] / mean.loc["periphery"]
        rows[cities.labels[reading]] = {
            "centre": mean.loc["centre"].mean(),
            "periphery": mean.loc["periphery"].mean(),
            "ratio, first year": ratio.iloc[0],
            "ratio, last year": ratio.iloc[-1],
        }
    print("1. The gradient", pd.DataFrame(rows).T.round(3).to_string(), sep="\n")
    drawn = nq.plots.choropleth(cities, "nqp", period=2021, **CHINA)
    nq.plots.save(drawn, OUTPUT / "05_index_2021")


def simulated() -> None:
    """Compare estimates with the true values."""
    cities = nq.datasets.simulate_cities(seed=0)
    truth = cities.truth
    w = nq.weights.knn(cities, k=8)
    print(cities, w, sep="\n")
    gradient(cities)
    tables = {}

    print("\n2. Whom does a spillover reach, and in which direction?")
    model = nq.spillovers.partitioned(truth.blocks.formula, cities, w, group="cluster")
    tables["blocks"] = beside(truth.blocks, model.params, model.std_errors)
    print(tables["blocks"].round(4).to_string())
    for name in ("equal coefficients: beta", "cross blocks equal: rho and theta"):
        print(model.tests[name])
    matrix = model.effects_matrix("relations")
    words = {"label": "production relations"}
    nq.plots.save(nq.plots.effects_matrix(matrix, **words), OUTPUT / "05_effects_matrix")
    drawn = nq.plots.effects_arrows(matrix, cities, "cluster", **words, **CHINA)
    nq.plots.save(drawn, OUTPUT / "05_effects_arrows")

    print("\n3. Above which synergy of the sender? (replications=300 tests it, in minutes)")
    # Synergy varies over time, and so do the links: each candidate has one matrix per year.
    found = nq.spillovers.threshold(
        truth.threshold.formula, cities, w, score="synergy", grid=24, replications=0
    )
    tables["threshold"] = beside(truth.threshold, found.params, found.std_errors)
    print(
        f"gamma = {found.gamma:.4f} [{found.conf_low:.4f}, {found.conf_high:.4f}], "
        f"planted {truth.threshold.mechanism['gamma']}"
    )
    print(tables["threshold"].round(4).to_string())
    nq.plots.save(nq.plots.threshold(found), OUTPUT / "05_threshold")

    print("\n4. What is lost at the borders of provinces?")
    zones = nq.spillovers.barrier(truth.border.formula, cities, w, group="province")
    tables["border"] = beside(truth.border, zones.params, zones.std_errors)
    print(tables["border"].round(4).to_string())
    low, high, _ = zones.share_interval().iloc[0]
    decay = zones.decay()
    mechanism = truth.border.mechanism
    print(
        f"share lost {zones.share.iloc[0]:.3f} [{low:.3f}, {high:.3f}], "
        f"planted {mechanism['share_lost']:.3f}\n"
        f"kappa {decay.kappa:.3f} [{decay.conf_low:.3f}, {decay.conf_high:.3f}], "
        f"planted {mechanism['kappa']}"
    )
    nq.plots.save(nq.plots.border_loss(zones), OUTPUT / "05_border_loss")

    print("\n5. How far does it reach?")
    formula, cutoff = truth.distance.formula, truth.distance.mechanism["cutoff_km"]
    power = nq.spillovers.distance_decay(formula, cities, cutoff_km=cutoff)
    print(
        f"power of distance {power.power:.2f} [{power.conf_low:.2f}, {power.conf_high:.2f}], "
        f"planted {truth.distance.mechanism['power']}"
    )
    edges = [0, 100, 200, 300, 450, 600, 900]
    reach = nq.spillovers.reach(formula, cities, edges_km=edges)
    print(reach)
    drawn = nq.plots.reach(reach, "relations", label="production relations")
    nq.plots.save(drawn, OUTPUT / "05_reach")
    every = pd.concat(tables, names=["model"])
    every.to_csv(OUTPUT / "05_recovery.csv")
    inside = every["off, s.e."].abs() < 1.96
    print(
        f"\n{inside.sum()} of {len(inside)} coefficients within 1.96 standard errors of the truth"
    )


def real(folder: Path) -> None:
    """Regress light per head on its determinants, by core and other cities, and by province."""
    cities, w = read_cities(folder)
    cities = cities.assign(core=lambda d: d["is_core"].map({1: "core", 0: "rest"}))
    w = nq.weights.knn(cities, k=8)  # contiguity leaves too few links between core cities
    formula = "light_per_head ~ built + urban"
    model = nq.spillovers.partitioned(
        formula, cities, w, group="core", rho="sender", theta="sender"
    )
    print("\n332 cities, 2013-2020", model, sep="\n")
    drawn = nq.plots.effects_arrows(
        model.effects_matrix("built"), cities, "core", label="built-up share", **CHINA
    )
    nq.plots.save(drawn, OUTPUT / "05_real_arrows")
    zones = nq.spillovers.barrier(formula, cities, w, group="province_zh")
    print(zones)
    nq.plots.save(nq.plots.border_loss(zones), OUTPUT / "05_real_border_loss")
    reach = nq.spillovers.reach(formula, cities, edges_km=[0, 150, 300, 500, 800])
    print(reach)
    nq.plots.save(nq.plots.reach(reach, "built"), OUTPUT / "05_real_reach")


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    simulated()
    folder = data_folder()
    if folder is None:
        print("05: the real cities were left out; set NQP_DATA to the folder with their data")
    else:
        real(folder)


if __name__ == "__main__":
    main()
