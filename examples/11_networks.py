"""Association networks of US states, 1970-1986: gravity links, blocks, and QAP.

Links are those of a modified gravity model of gross state product and employment: who is central,
which states form a block and which role it has, what explains the links (QAP correlation and MRQAP
with double semi-partialling), and spillovers over the network as a weights matrix. The same network
is then drawn for 332 Chinese cities if the environment variable NQP_DATA names the folder with
their data.
"""

from pathlib import Path

import numpy as np
from _china_cities import data_folder, read_cities

import nqp_spatial as nq

OUTPUT = Path("output")
CHINA = {"basemap": "china", "inset": "south-china-sea"}


def states() -> None:
    """Links, blocks and QAP of 48 states, and a model over the network of the first year."""
    panel = nq.datasets.us_public_capital()
    panel = panel.assign(
        gsp=lambda d: np.exp(d["lgsp"]), jobs=lambda d: np.exp(d["lemp"]),
        labels={"gsp": "gross state product", "jobs": "employment"},
    )  # fmt: skip
    every = nq.structure.network(panel, ["gsp", "jobs"], share="gsp")
    print(every.frame.round(3).to_string())
    every.frame.to_csv(OUTPUT / "11_network_by_year.csv", float_format="%.4f")

    net = nq.structure.network(panel, ["gsp", "jobs"], share="gsp", period=1986)
    print(net)
    net.nodes.droplevel("period").to_csv(OUTPUT / "11_states.csv", float_format="%.4f")
    nq.plots.save(nq.plots.network_map(net, panel), OUTPUT / "11_map_links")
    nq.plots.save(nq.plots.network_degrees(net), OUTPUT / "11_degrees")
    nq.plots.save(nq.plots.block_densities(net), OUTPUT / "11_blocks")

    matrices = {
        "net": net,
        "border": nq.weights.contiguity(panel).standardize("none"),
        **nq.structure.difference_matrices(panel, ["lpc", "lpcap", "unemp"], period=1986),
    }
    result = nq.structure.qap("net ~ border + lpc + lpcap + unemp", matrices, permutations=4999)
    print(result, result.correlations, sep="\n")
    result.frame.to_csv(OUTPUT / "11_qap.csv", float_format="%.5f")
    nq.plots.save(nq.plots.qap(result), OUTPUT / "11_qap")

    # The network of the first year is a weights matrix that later years did not make.
    w = every.as_weights(period=1970)
    later = panel.select(periods=range(1971, 1987))
    model = nq.fit("lgsp ~ lpc + unemp", later, w, model="sdm", effects="two-way")
    print(w, model.effects(draws=500, seed=0), sep="\n")


def cities(folder: Path) -> None:
    """Links and blocks of 332 cities by population and night light."""
    panel, _ = read_cities(folder)
    masses = ["total_population", "total_meanlight"]
    net = nq.structure.network(panel, masses, share="total_meanlight", period=2020)
    print(net)
    drawn = nq.plots.network_map(net, panel, width=nq.plots.PAGE, lang="zh", **CHINA)
    nq.plots.save(drawn, OUTPUT / "11_map_cities")


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    states()
    folder = data_folder()
    if folder is None:
        print("The map of cities is skipped: set NQP_DATA to the folder with data/china_cities")
        return
    cities(folder)


if __name__ == "__main__":
    main()
