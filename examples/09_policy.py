"""Whom a policy helps, at home and next door: a planted policy, and castle doctrine laws.

A policy with known effects is planted on the 48 contiguous United States, which shows what a
regression that ignores spillovers finds instead. Then the laws of 2005 to 2009 that extended the
castle doctrine, and homicides (the extra `datasets` is needed for these).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import nqp_spatial as nq

OUTPUT = Path("output")
SEED = 2024
OWN, SPILLED = 1.0, 2.0
DATES = {"WA": 1975, "ME": 1975, "FL": 1978, "NM": 1978, "MI": 1980, "VA": 1980, "LA": 1980}


def planted() -> nq.SpatialPanel:
    """Plant a policy that adds 1 at home and 2 times the share of treated neighbours elsewhere."""
    panel = nq.datasets.us_public_capital()
    start = panel.frame.index.get_level_values("unit").map(DATES).to_numpy(dtype=float)
    year = panel.frame.index.get_level_values("period").to_numpy(dtype=float)
    panel = panel.assign(labels={"pilot": "Planted policy"}, pilot=(year >= start).astype(int))
    d = panel.values("pilot")
    share = nq.weights.contiguity(panel).sparse @ d
    rng = np.random.default_rng(SEED)
    noise = 0.4 * rng.normal(size=d.shape) + rng.normal(size=(len(d), 1))
    effect = OWN * d + SPILLED * share * (1 - d)
    return panel.assign(labels={"y": "Outcome"}, y=(effect + noise).ravel())


def compare_with_the_truth(panel: nq.SpatialPanel) -> None:
    """Estimate the planted effects, with and without spillovers."""
    w = nq.weights.contiguity(panel)
    result = nq.spillovers.policy(
        panel, "y", treatment="pilot", exposure=w, on_treated="pooled", seed=SEED
    )
    print(result.overall.round(3).to_string(index=False))
    ignoring = nq.fit("y ~ pilot", panel, model="ols", effects="two-way")
    print(
        f"\nPlanted: own {OWN}, spilled {SPILLED} per share of neighbours. A two-way regression "
        f"without spillovers finds {ignoring.params['x', 'pilot']:.2f}.\n"
    )
    print(result.clean.iloc[[0, 6, 11, -1]], end="\n\n")
    nq.plots.save(nq.plots.event_study(result), OUTPUT / "09_planted")
    nq.plots.save(nq.plots.exposure_map(result, panel), OUTPUT / "09_planted_exposure")


def castle_doctrine() -> None:
    """Homicides where castle doctrine was extended, and in states next to these."""
    panel = nq.datasets.castle()
    options = {
        "treatment": "adopted", "controls": ["unemployrt", "l_police"], "horizon": 3,
        "on_treated": "included", "seed": SEED,
    }  # fmt: skip
    result = nq.spillovers.policy(
        panel, "l_homicide", exposure=nq.weights.contiguity(panel), **options
    )
    print(result, end="\n\n")
    nq.plots.save(nq.plots.event_study(result), OUTPUT / "09_castle")
    nq.plots.save(nq.plots.exposure_map(result, panel), OUTPUT / "09_castle_exposure")
    drawn = nq.plots.policy_effects_map(result, panel, "spilled")
    nq.plots.save(drawn, OUTPUT / "09_castle_spilled")
    rings = nq.spillovers.policy(
        panel, "l_homicide", rings_km=[0, 400, 600], **(options | {"placebo": 0})
    )
    print("By distance to the nearest state with the law")
    print(rings.overall.round(3).to_string(index=False), end="\n\n")
    effects = result.model.effects(draws=500, seed=SEED)
    print("The other reading, a spatial Durbin model")
    print(effects.frame[effects.frame["variable"] == "adopted"].round(3).to_string(index=False))


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    compare_with_the_truth(planted())
    try:
        castle_doctrine()
    except nq.errors.MissingDependencyError as error:
        print(f"castle doctrine: skipped, {error}")


if __name__ == "__main__":
    main()
