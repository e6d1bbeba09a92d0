"""Distribution dynamics, spatial Markov chains, and convergence clubs.

Incomes of the 48 contiguous United States, 1929-2009; and night-time light of 332 Chinese cities,
2001-2020, if the environment variable NQP_DATA names the folder with their data. Otherwise GDP of
simulated cities with known clubs is used. Figures and tables are written to output/.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from _china_cities import data_folder, read_cities

import nqp_spatial as nq

OUTPUT = Path("output")
SEED = 2024
SPEED = ["estimate", "std_error", "speed", "half_life"]
SOUTH = "AL AR DE FL GA KY LA MD MS NC OK SC TN TX VA WV"


@dataclass
class Study:
    """A panel with its weights, groups, labels and options of figures."""

    name: str
    title: str
    label: str
    panel: nq.SpatialPanel
    w: nq.weights.SpatialWeights
    level: str
    group: pd.Series
    spans: list[int]
    step: int
    initial: list[str]
    look: dict[str, str] = field(default_factory=dict)


def states() -> Study:
    """Income per head of states; groups: South and other states."""
    panel = nq.datasets.us_income()
    south = np.where(panel.units.isin(SOUTH.split()), "South", "Rest")
    return Study(
        "us", "US states", "income", panel, nq.weights.contiguity(panel), "income",
        pd.Series(south, panel.units, name="region"), [1950, 1980], 5, ["income"],
    )  # fmt: skip


def cities(folder: Path | None) -> Study:
    """GDP per head of cities, real or simulated; groups: East and other regions."""
    china = {"basemap": "china", "inset": "south-china-sea"}
    if folder is None:
        panel = nq.datasets.simulate_cities(seed=SEED, first=1992, last=2021)
        east = panel.frame["east"].xs(panel.periods[0], level="period")
        return Study(
            "cities", "Simulated cities", "GDP per head", panel, nq.weights.knn(panel, k=6),
            "gdp_pc", east, [2002, 2012], 3, ["human_capital"], china,
        )  # fmt: skip
    panel, _ = read_cities(folder, first=2001)
    # Only cities without gaps over twenty years are used; population is estimated from satellites.
    panel = panel.balance(how="drop-units", columns=["gdp_real2010_100m_cny"])
    print(panel.notes[-1])
    panel = panel.assign(
        labels={"gdp_head": "Real GDP per head, yuan of 2010"},
        gdp_head=lambda d: 1e8 * d["gdp_real2010_100m_cny"] / d["total_population"],
        log_density=lambda d: np.log(d["pop_density_per_km2"]),
    )
    east = panel.frame["region4"].xs(panel.periods[0], level="period").eq("East")
    group = east.map({True: "East", False: "Rest"}).rename("region")
    return Study(
        "cities", "Chinese cities", "GDP per head", panel, nq.weights.knn(panel, k=6), "gdp_head",
        group, [2008, 2014], 3, ["log_density", "built_up_share_pct"], china,
    )  # fmt: skip


def save(figure: object, name: str) -> None:
    nq.plots.save(figure, OUTPUT / f"07_{name}", close=True)


def short(tests: pd.DataFrame) -> str:
    """Return tests without their hypotheses and rules, which are in the csv files."""
    return tests.drop(columns=["null", "rule"]).round(4).to_string()


def distributions(study: Study) -> None:
    """Distribution of relative levels over time, and its number of modes."""
    words = {"label": f"Log of {study.label} over the mean", "title": study.title}
    # Logs, because levels have a long tail: a few units would determine the scale of the figures.
    panel = study.panel.assign(
        shape=lambda d: np.log(d[study.level] / d[study.level].groupby("period").transform("mean"))
    )
    found = nq.dynamics.density(panel, "shape", bandwidth="sheather-jones")
    save(nq.plots.density_waterfall(found, **words), f"{study.name}_waterfall")
    save(nq.plots.density_ridges(found, **words), f"{study.name}_ridges")
    ends = [panel.periods[0], panel.periods[-1]]
    print(nq.dynamics.modality(panel, "shape", periods=ends, seed=SEED))
    own = nq.dynamics.stochastic_kernel(panel, "shape", step=study.step)
    around = nq.dynamics.stochastic_kernel(panel, "shape", step=study.step, weights=study.w)
    print(own, around, sep="\n")
    words["label"] = f"log {study.label}"
    for name, kernel in (("own", own), ("neighbours", around)):
        save(nq.plots.kernel_surface(kernel, **words), f"{study.name}_kernel_{name}")
        save(nq.plots.kernel_contour(kernel, **words), f"{study.name}_contour_{name}")


def chains(study: Study) -> None:
    """Transitions between states, and their dependence on neighbours, groups and periods."""
    panel, w, name = study.panel, study.w, study.name
    options = {"states": 4, "relative": True}
    chain = nq.dynamics.markov(panel, study.level, replications=999, seed=SEED, **options)
    print(chain, chain.mobility.round(4).to_string(), sep="\n")
    print(f"Half-life {chain.half_life:.1f} periods; mean first passage, periods")
    print(chain.first_passage.round(1).to_string())
    chain.intervals.to_csv(OUTPUT / f"07_{name}_markov_intervals.csv", float_format="%.6g")
    save(nq.plots.steady_states(chain, title=study.title), f"{name}_steady_state")

    spatial = nq.dynamics.spatial_markov(
        panel, study.level, w, lag_states=4, permutations=999, seed=SEED, **options
    )
    print(short(spatial.tests.frame))
    save(nq.plots.transitions(spatial, title=study.title), f"{name}_spatial_markov")
    save(nq.plots.steady_states(spatial, width=nq.plots.PAGE), f"{name}_spatial_steady_states")

    future = nq.dynamics.forecast(spatial, panel, horizon=10, replications=499, seed=SEED)
    print(future)
    save(nq.plots.forecast(future, title=study.title), f"{name}_forecast")
    save(nq.plots.forecast_map(future, panel, **study.look), f"{name}_forecast_states")
    save(nq.plots.forecast_map(future, panel, "up", **study.look), f"{name}_forecast_up")

    spans = nq.dynamics.time_homogeneity(panel, study.level, spans=study.spans, **options)
    groups = nq.dynamics.markov_by_group(
        panel, study.level, group=study.group, permutations=999, seed=SEED, **options
    )
    near = nq.dynamics.spatial_markov_by_group(
        panel, study.level, w, group=study.group, lag_states=2, permutations=999, seed=SEED,
        **options,
    )  # fmt: skip
    order = nq.dynamics.first_order(panel, study.level, **options)
    tests = {
        "spans": spans.tests.frame,
        "groups": groups.tests.frame,
        "groups, given neighbours": near.tests.frame,
        "memory": order.tests.frame,
    }
    table = pd.concat(tests, names=["question"])
    print(short(table))
    table.to_csv(OUTPUT / f"07_{name}_homogeneity.csv", float_format="%.6g")
    save(nq.plots.transitions(groups, title=study.title), f"{name}_markov_by_group")
    save(nq.plots.steady_states(spans, title=study.title), f"{name}_steady_states_by_span")
    print(nq.dynamics.lisa_markov(panel, study.level, w))
    decades = panel.select(periods=panel.periods[:: max(panel.n_periods // 4, 1)])
    print(nq.dynamics.rank_mobility(decades, study.level, w, group=study.group, seed=SEED))


def convergence(study: Study) -> None:
    """Sigma convergence, beta convergence and convergence clubs."""
    panel, w, name = study.panel, study.w, study.name
    sigma = nq.convergence.sigma(panel, study.level)
    print(sigma)
    save(nq.plots.sigma_lines(sigma, title=study.title), f"{name}_sigma")
    models = {
        "ols": nq.convergence.beta(panel, study.level),
        **{m: nq.convergence.beta(panel, study.level, w, model=m) for m in ("sem", "sdm")},
    }
    by_group = nq.convergence.beta(panel, study.level, group=study.group)
    print("Beta convergence", pd.concat({m: b.frame[SPEED] for m, b in models.items()}), sep="\n")
    print("by group", by_group.frame[SPEED], sep="\n")
    drawn = nq.plots.beta_scatter(by_group, label=study.label, title=study.title)
    save(drawn, f"{name}_beta")

    print(nq.convergence.log_t(panel, study.level, logs=True))
    clubs = nq.convergence.clubs(panel, study.level, logs=True, detrend="hp", critical="increasing")
    print(clubs)
    if len(clubs.history):
        print(clubs.history.to_string())
    clubs.membership.to_csv(OUTPUT / f"07_{name}_clubs.csv")
    clubs.frame.to_csv(OUTPUT / f"07_{name}_club_table.csv", float_format="%.6g")
    drawn = nq.plots.club_map(clubs, panel, title=study.title, **study.look)
    save(drawn, f"{name}_club_map")
    save(nq.plots.transition_paths(clubs, title=study.title), f"{name}_paths")
    if clubs.groups().nunique() < 2:
        print("One club: there are no borders of clubs to look at.")
        return
    print(nq.convergence.club_joins(clubs, w, seed=SEED))
    if len(clubs.frame) > 1:
        print(nq.convergence.club_logit(clubs, panel, study.initial, w))
    by_club = nq.dynamics.spatial_markov_by_group(
        panel, study.level, w, group=clubs.groups(), states=3, lag_states=2, relative=True
    )
    print(short(by_club.tests.frame))


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    for study in (states(), cities(data_folder())):
        print(f"\n== {study.title} ==\n{study.panel}\n{study.w}")
        distributions(study)
        chains(study)
        convergence(study)


if __name__ == "__main__":
    main()
