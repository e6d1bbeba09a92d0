"""China's national industry clusters: location, and similarity of provincial plans.

Data of Zhong & Wu (2024): 91 clusters announced in 2022 and the plans of eleven provinces. A
cluster that names several cities counts once in each of them.
"""

from pathlib import Path

import pandas as pd

import nqp_spatial as nq

OUTPUT = Path("output")
SEED = 2024
CHINA = {"basemap": "china", "inset": "south-china-sea"}


def clusters_by_prefecture() -> nq.SpatialPanel:
    """Count the clusters that name each prefecture, for all of China, as a cross-section."""
    units = nq.datasets.china_prefectures()
    pairs = nq.datasets.industry_clusters().explode("adcodes")
    count = pairs.groupby(["adcodes", "list"]).size().unstack(fill_value=0)
    count = count.reindex(units.index, fill_value=0)
    frame = units.drop(columns="geometry").assign(
        advanced=count["advanced-manufacturing"],
        innovative=count["innovative"],
        clusters=count.sum(axis=1),
    )
    frame["any"] = frame["clusters"].gt(0).map({True: "clusters", False: "none"})
    return nq.SpatialPanel(
        frame.reset_index(),
        unit="adcode",
        geometry=units.reset_index()[["adcode", "geometry"]],
        labels={"clusters": "National industry clusters of 2022", "any": "Clusters"},
    )


def where_clusters_are(panel: nq.SpatialPanel) -> None:
    """Map, join counts and local association of the number of clusters."""
    # Taiwan and Sansha have no neighbours: they are linked to the nearest unit (see the spec).
    w = nq.weights.contiguity(panel, islands="nearest")
    print(w.describe().to_string(), end="\n\n")
    drawn = nq.plots.choropleth(panel, "clusters", breaks=[0, 1, 2, 4], **CHINA)
    nq.plots.save(drawn, OUTPUT / "04_clusters")
    nq.plots.save(nq.plots.weights_map(w, panel, **CHINA), OUTPUT / "04_contiguity")
    nq.plots.save(nq.plots.neighbour_histogram(w), OUTPUT / "04_neighbours")

    joins = nq.esda.join_counts(panel, "any", w, permutations=9999, seed=SEED)
    print(joins, end="\n\n")
    lisa = nq.esda.lisa(panel, "clusters", w, permutations=9999, seed=SEED)
    careful = nq.esda.lisa(panel, "clusters", w, permutations=9999, seed=SEED, fdr=True)
    print(lisa, "With the false discovery rate controlled:", careful.counts, sep="\n", end="\n\n")
    nq.plots.save(nq.plots.lisa_map(lisa, panel, **CHINA), OUTPUT / "04_lisa_clusters")

    # One list of 45 clusters, two region schemes, two published tables.
    clusters = nq.datasets.industry_clusters()
    advanced = clusters[clusters["list"] == "advanced-manufacturing"]
    province = advanced["adcodes"].str[0] // 10_000 * 10_000
    schemes = nq.datasets.region_schemes()
    counts = {
        version: province.map(part.set_index("province_adcode")["region"]).value_counts()
        for version, part in schemes[schemes["scheme"] == "region4"].groupby("version")
    }
    print("Advanced manufacturing clusters by region scheme")
    print(pd.DataFrame(counts), end="\n\n")


def what_provinces_plan() -> None:
    """Similarity of the provinces' plans, within and between agglomerations."""
    plans = nq.datasets.industry_plans()
    similarity = nq.weights.similarity(plans.T, measure="jaccard", standardize="none")
    schemes = nq.datasets.region_schemes().set_index("province_en")
    groups = schemes.loc[schemes["scheme"] == "city_cluster", "region"]
    drawn = nq.plots.weights_matrix(
        similarity,
        group=groups,
        width=1.35 * nq.plots.COLUMN,
        label="Jaccard similarity of planned industries",
    )
    nq.plots.save(drawn, OUTPUT / "04_plan_similarity")
    print("Similarity of plans within and between agglomerations")
    print(nq.weights.compare_groups(similarity, groups, seed=SEED).round(4).to_string())

    # As spatial weights: provinces that plan the same industries are neighbours.
    w = similarity.standardize("row")
    named = plans.sum().rename("industries named")
    print(w, pd.DataFrame({"own": named, "of like provinces": w.lag(named).round(2)}), sep="\n")


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    where_clusters_are(clusters_by_prefecture())
    what_provinces_plan()


if __name__ == "__main__":
    main()
