"""Spatial clusters of state income, and income transitions conditional on the neighbours.

Income per head of the 48 contiguous United States, 1929-2009, relative to the mean of all states.
Writes figures and tables to output/.
"""

from pathlib import Path

import numpy as np
import pandas as pd

import nqp_spatial as nq

OUTPUT = Path("output")
YEARS = (1929, 1969, 2009)
SEED = 2024


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    panel = nq.datasets.us_income()
    w = nq.weights.contiguity(panel)
    print(panel, w, sep="\n")

    # Moran's I in all years.
    moran = nq.esda.moran(panel, "relative_income", w, permutations=999, seed=SEED)
    moran.frame.to_csv(OUTPUT / "01_moran_by_year.csv", float_format="%.6g")
    print(moran.frame.loc[list(YEARS), ["moran_i", "expected", "p_value"]].round(4).to_string())

    # Location of the clusters; the three maps of income use the same classes.
    breaks = np.quantile(panel.values("relative_income"), [0.2, 0.4, 0.6, 0.8])
    for year in YEARS:
        lisa = nq.esda.lisa(panel, "relative_income", w, period=year, permutations=9999, seed=SEED)
        lisa.frame.to_csv(OUTPUT / f"01_lisa_{year}.csv", float_format="%.6g")
        title = f"Relative income, {year}"
        drawn = nq.plots.lisa_map(lisa, panel, title=title)
        nq.plots.save(drawn, OUTPUT / f"01_lisa_{year}")
        drawn = nq.plots.moran_scatter(lisa, annotate=5, title=title)
        nq.plots.save(drawn, OUTPUT / f"01_moran_scatter_{year}")
        drawn = nq.plots.choropleth(
            panel, "relative_income", period=year, breaks=breaks, centre=1.0
        )
        nq.plots.save(drawn, OUTPUT / f"01_income_{year}")
        strict = nq.esda.lisa(
            panel, "relative_income", w, period=year, permutations=9999, seed=SEED, fdr=True
        )
        counts = pd.DataFrame({"p < 0.05": lisa.counts, "false discovery rate held": strict.counts})
        print(f"\nLISA, {year}: units by cluster", counts.to_string(), sep="\n")

    # Transitions between income classes: unconditional, and conditional on the neighbours.
    chain = nq.dynamics.markov(panel, "relative_income", states=5)
    nq.plots.save(nq.plots.transitions(chain), OUTPUT / "01_markov")
    spatial = nq.dynamics.spatial_markov(
        panel, "relative_income", w, states=5, lag_states=5, permutations=999, seed=SEED
    )
    nq.plots.save(nq.plots.transitions(spatial), OUTPUT / "01_spatial_markov")
    spatial.probabilities.to_csv(OUTPUT / "01_spatial_markov.csv", float_format="%.6g")
    spatial.tests.frame.to_csv(OUTPUT / "01_spatial_markov_tests.csv", float_format="%.6g")
    print(chain, spatial.tests, sep="\n\n")


if __name__ == "__main__":
    main()
